#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Compare what the boots gave; print the tables, the unexpected, the total.
#
# Usage: compare.sh RESULTS NEW
#
# RESULTS holds VENDOR-base and VENDOR-patched (either may be missing), each with
# the verdict of judge.sh; NEW is a file of the names of the series' own tests. A
# test counts once for each vendor and cell:
#   pass   it passed, and did the same on the unpatched kernel, or skipped there if new
#   skip   it skipped on both alike, and is in expected-skips
#   known  it failed on both alike, and is in known-failures; counts as skipped
#   FAIL   anything else; a boot with a problem is one failure more
# Exit code 0 if nothing failed. COMPLETE=1 says that every test ran: only then is an
# entry of the lists that did not occur worth a note.

. "$(dirname "$0")/lib.sh"

results=$1 new=$2

: >"$results/failures"
args=(kind=skips "${EXPECTED_SKIPS:-$SCRIPTS/expected-skips}"
      kind=known "${KNOWN_FAILURES:-$SCRIPTS/known-failures}" kind=new "$new")
for kernel in base patched; do
	for verdict in "$results"/*-"$kernel"/verdict; do
		[ ! -e "$verdict" ] || args+=("kind=$kernel" "$verdict")
	done
done
rc=0
awk -F '\t' -v FAILURES="$results/failures" -v TOTAL="$results/total" -v complete="${COMPLETE:-}" \
	-f "$SCRIPTS/compare.awk" "${args[@]}" || rc=1

# What the logs say about each test that failed, and about each boot with a problem.
while read -r name kernel; do
	dir=$results/${name%%/*}-$kernel
	echo
	echo "$name on the $kernel kernel ($(short "$dir")/report):"
	awk -v name=" - $name" '
		/^# / { lines[++n] = $0; next }
		/^(not )?ok / { if (index($0 " ", name " ")) { for (i = n > 20 ? n - 19 : 1; i <= n; i++) print "  " lines[i]; print "  " $0 } n = 0 }
		END { if (n) exit }' "$dir/report"
done < <(head -n 20 "$results/failures")
for verdict in "$results"/*/verdict; do
	grep -q '^problem' "$verdict" || continue
	dir=$(dirname "$verdict")
	echo
	echo "$(basename "$dir"): end of the console ($(short "$dir")/console):"
	tail -n 30 "$dir/console" | sed 's/^/  /'
done
echo
cat "$results/total"
exit $rc
