#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make check: run every scripts/check-*.sh; each says what it found.
#
# Usage: check.sh

. "$(dirname "$0")/lib.sh"

"$SCRIPTS/install-packages.sh"
failed=0
for check in "$SCRIPTS"/check-*.sh; do
	name=$(basename "$check" .sh)
	if "$check"; then say "$name: passed"; else say "$name: FAILED"; failed=$((failed + 1)); fi
done
[ $failed -eq 0 ] || die "$failed checks failed"
