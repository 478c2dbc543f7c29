#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build kernels and their selftests, as far as it is not done already.
#
# Usage: all.sh [KERNEL...]
#
# KERNEL is base or patched; all that there are by default.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

# shellcheck disable=SC2046 # words
[ $# -gt 0 ] || set -- $(kernels)
for kernel; do
	"$SCRIPTS/build/kernel.sh" "$(source_of "$kernel")" "$OUT/$kernel"
	"$SCRIPTS/build/selftests.sh" "$(source_of "$kernel")" "$OUT/$kernel"
done
