#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make check: run every scripts/check-*.sh, or those named; each says what it found.
#
# Usage: check.sh [NAME...]
#
# NAME is that of a script without check- and .sh. Leaves in build/checked/total how many passed.

. "$(dirname "$0")/lib.sh"

check_alone

"$SCRIPTS/build.sh" kernel
[ $# -gt 0 ] || mapfile -t names < <(cd "$SCRIPTS" && printf '%s\n' check-*.sh | sed 's/^check-//; s/\.sh$//')
[ $# -eq 0 ] || names=("$@")

mkdir -p "$CHECKED"
passed=0 failed=()
for name in "${names[@]}"; do
	[ -x "$SCRIPTS/check-$name.sh" ] || die "there is no check $name" "There are: $(cd "$SCRIPTS" && echo check-*.sh)"
	start=$SECONDS
	if "$SCRIPTS/check-$name.sh"; then
		passed=$((passed + 1))
		say "check-$name: passed, $((SECONDS - start)) s"
	else
		failed+=("$name")
		say "check-$name: FAILED"
	fi
done
echo "$passed passed, ${#failed[@]} failed, 0 skipped" >"$CHECKED/total"
[ ${#failed[@]} -eq 0 ] || die "checks failed: ${failed[*]}"
