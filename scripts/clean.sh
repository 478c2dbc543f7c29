#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make clean: remove what was built. The trees stay, they may have commits of yours;
# so do the downloads in the cache.
#
# Usage: clean.sh

. "$(dirname "$0")/lib.sh"

for tree in "$BUILD"/linux-7.3 "$BUILD"/linux-7.3-base "$BUILD"/user/*/linux "$BUILD"/user/*/linux-base; do
	rm -rf "$tree/.out"
done
rm -rf "$BUILD"/{out,qemu,qemu-out,results,run,guest,log,check,mutants,headers} "$BUILD"/user/*/{out,results,run,check,mutants,headers}
