#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Everything up to a stage, as far as it is not done already.
#
# Usage: build.sh tree|kernel|selftests
#
#   tree       install packages, make the trees with the series applied
#   kernel     and build the kernels, unpatched and patched
#   selftests  and build their selftests

. "$(dirname "$0")/lib.sh"

stage=$1

"$SCRIPTS/install-packages.sh"
"$SCRIPTS/prepare-tree.sh"
[ "$stage" != tree ] || exit 0
for kernel in $(kernels); do
	"$SCRIPTS/build-kernel.sh" "$(source_of "$kernel")" "$OUT/$kernel"
	[ "$stage" = kernel ] ||
		"$SCRIPTS/build-selftests.sh" "$(source_of "$kernel")" "$OUT/$kernel"
done
