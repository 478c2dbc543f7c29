#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Join what came out of a run to its plan; print tables, what is unexpected, the total.
#
# Usage: judge.sh RESULTS
#
# RESULTS/plan is what plan/plan.sh made, RESULTS/SET/VENDOR-KERNEL what machine/boot.sh left of
# each boot, RESULTS/checks what run_checks of check/lib.sh wrote. A line of the plan has
#   pass    it did as planned: it passed, or skipped or failed as it must on this kernel
#   skip    it skipped, for the reason that plan/skips gives
#   known   it failed, by the assertion that plan/known-failures gives; counts as skipped
#   FAIL    anything else, also if it has no result
# A test counts once for each vendor and cell. Leaves in RESULTS: results, failures, total.
# Exit code 0 if nothing failed.

. "$(dirname "$0")/../lib.sh"

results=$1

boots() { cut -f 1-3 "$results/plan" | sort -u; }

boots | while IFS=$'\t' read -r vendor kernel set; do
	if [ "$vendor" = - ]; then
		sed "s/^/-\t-\t$set\t-\t/" "$results/$set" 2>/dev/null || :
	else
		"$SCRIPTS/report/read.sh" "$results/$set/$vendor-$kernel" |
			awk -v OFS='\t' -v boot="$vendor	$kernel	$set" '{ print boot, $0 }'
	fi
done >"$results/results"

rc=0
awk -v FAILURES="$results/failures" -v TOTAL="$results/total" \
	-f "$SCRIPTS/plan/glob.awk" -f "$SCRIPTS/report/judge.awk" "$results/plan" "$results/results" || rc=1

# What the logs say about each test that failed.
awk -F '\t' '!seen[$1, $2, $3, $5]++ && ++n <= 20' "$results/failures" | while IFS=$'\t' read -r vendor kernel set cell test; do
	dir=$results/$set/$vendor-$kernel
	echo
	case $set/$test in
	checks/*)
		echo "check $test: see $(short "$LOGS/check-$test.log")"
		tail -n 20 "$LOGS/check-$test.log" 2>/dev/null | sed 's/^/  /' || : ;;
	*/boot|*/boot:*)
		echo "$vendor, $kernel kernel: end of the console ($(short "$dir")/console):"
		tail -n 30 "$dir/console" 2>/dev/null | sed 's/^/  /' || : ;;
	*)
		echo "$vendor, $kernel kernel, $cell/$test ($(short "$dir")/report):"
		awk -v name=" - $cell/${test%%:*} " '
			/^(# |  )/ { lines[++n] = $0; next }
			/^(not )?ok / {
				if (index($0 " ", name)) { for (i = n > 20 ? n - 19 : 1; i <= n; i++) print "  " lines[i]; print "  " $0; exit }
				n = 0
			}' "$dir/report" 2>/dev/null || : ;;
	esac
done
echo
cat "$results/total"
exit $rc
