#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that make export would change nothing: neither the patches with the cover
# letter, its list of patches and its recipients, nor the copies; whatever was run.
#
# Usage: export.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

out=$CHECKED/export
rm -rf "$out"
mkdir -p "$out"
# Whatever a run left: another total does not make other patches.
mkdir "$out/results"
echo "7 passed, 0 failed, 7 skipped" >"$out/results/total"
LAB_RESULTS=$out/results "$SCRIPTS/source/export.sh" linux "$out"
rc=0
for what in "$(short "$PATCHES")" arch Documentation include tools virt MAINTAINERS-snippet; do
	is_main || [ "$what" = "$(short "$PATCHES")" ] || continue
	[ -e "$out/$what" ] || [ -e "$TOP/$what" ] || continue
	# shellcheck disable=SC2015
	diff -r -u -x README.md "$TOP/$what" "$out/$what" >"$out/diff" && continue || rc=1
	head -n 40 "$out/diff" >&2
done
[ $rc -eq 0 ] || say "Run: make export"
exit $rc
