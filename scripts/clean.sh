#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make clean: remove what was built. The trees stay, they may have commits of yours;
# so do the downloads in the cache.
#
# Usage: clean.sh

. "$(dirname "$0")/lib.sh"

for work in "$BUILD" "$BUILD"/user/*; do
	[ -d "$work" ] || continue
	for tree in "$work"/linux*; do rm -rf "$tree"/.out*; done
	find "$work" -mindepth 1 -maxdepth 1 ! -name 'linux*' ! -name 'qemu-*' ! -name user -exec rm -rf {} +
done
