#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build kernels and their selftests, as far as it is not done already.
#
# Usage: all.sh [KERNEL...]
#
# KERNEL is base or patched; all that there are by default. Those of another version than the main
# one have its selftests, which know the uAPI of both, against its headers.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

# shellcheck disable=SC2046 # words
[ $# -gt 0 ] || set -- $(kernels)
for kernel; do
	"$SCRIPTS/build/kernel.sh" "$(source_of "$kernel")" "$OUT/$kernel"
	! is_main || "$SCRIPTS/build/selftests.sh" "$(source_of "$kernel")" "$OUT/$kernel"
done
is_main || "$SCRIPTS/build/selftests.sh" "$TEST_SRC" "$TEST_OUT/patched" headers
