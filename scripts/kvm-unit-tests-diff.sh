#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Compare what kvm-unit-tests gave on the unpatched and the patched kernel of a vendor.
#
# Usage: kvm-unit-tests-diff.sh RESULTS VENDOR
#
# RESULTS has VENDOR.plan, VENDOR-base and VENDOR-patched, as kvm-unit-tests.sh leaves them.
# A test is "worse" if it passed on the unpatched kernel and does not on the patched one, or
# skipped and now fails, or if a line of it says FAIL there only, or fewer say PASS. Exit
# code 0 if none is, each gave a result, one passed, and the patched kernel complained of
# nothing that the other did not.

. "$(dirname "$0")/lib.sh"

results=$1 vendor=$2
base=$results/$vendor-base patched=$results/$vendor-patched

# split_report DIR: the lines by which a test says how each part of it went, one file per
# test in DIR/parts. Numbers are cycles, counts and addresses: no two runs agree on them.
split_report()
{
	rm -rf "$1/parts"
	mkdir "$1/parts"
	tr -d '\r' <"$1/report" | awk -v dir="$1/parts" '
		/^# test / { if (file) close(file); file = $4; gsub("/", ",", file); file = dir "/" file; next }
		file && /^#[ \t]*(PASS|FAIL|SKIP|XPASS|XFAIL): / {
			sub(/^#[ \t]*/, "")
			$0 = " " $0 " "
			while (match($0, /[^0-9A-Za-z_][0-9]+[^0-9A-Za-z_]/))
				$0 = substr($0, 1, RSTART) "N" substr($0, RSTART + RLENGTH - 1)
			print substr($0, 2, length($0) - 2) >file
		}'
}

# verdicts DIR: name, PASS|FAIL|SKIP|TIMEOUT|NONE, and why, for each planned test.
verdicts()
{
	awk -F '\t' -v OFS='\t' '$1 != "problem" {
		print $2, $1 == "fail" && $3 == "timeout" ? "TIMEOUT" : $3 == "no result" ? "NONE" : toupper($1), $3 == "" ? "-" : $3 }' "$1/verdict"
}

# parts NAME BASE PATCHED: the diff of what the test's parts said, if both ran. One that
# was stopped got to no certain place: only as far as both came.
parts()
{
	local a=$base/parts/${1//\//,} b=$patched/parts/${1//\//,} lines
	[ -e "$a" ] && [ -e "$b" ] || return 0
	lines=$(cat "$a" "$b" | wc -l)
	if [ "$2" = TIMEOUT ] || [ "$3" = TIMEOUT ]; then
		lines=$(wc -l "$a" "$b" | awk 'NR == 1 || $1 < n { n = $1 } END { print n }')
	fi
	diff -u --label unpatched --label patched <(head -n "$lines" "$a") <(head -n "$lines" "$b") || :
}

for dir in "$base" "$patched"; do
	"$SCRIPTS/judge.sh" "$dir" "$results/$vendor.plan" >"$dir/verdict"
	split_report "$dir"
	verdicts "$dir" >"$dir/verdicts"
done

# lines_worse: the diff on standard input has more FAIL or less PASS.
lines_worse()
{
	awk '/^[+](FAIL|XPASS):/ { fail = 1 } /^[+]PASS:/ { pass++ } /^-PASS:/ { pass-- } END { exit !(fail || pass < 0) }'
}

rc=0 tests=0 passed=0 differ=0 worse=0 diffs=
printf '\n===== kvm-unit-tests: %s =====\n' "$(cat "$patched/machine")"
printf '%-20s %-36s %-9s %-9s %s\n' cell test unpatched patched ''
while IFS=$'\t' read -r name a a_why _ b b_why; do
	note=
	diff=$(parts "$name" "$a" "$b")
	if [[ $a = PASS && $b != PASS || $a = SKIP && $b != [PS]* ]] || lines_worse <<<"$diff"; then
		note="<- worse" worse=$((worse + 1)) rc=1
	elif [ "$a" = NONE ] || [ "$b" = NONE ]; then
		note="<- no result" rc=1
	elif [ "$a" != "$b" ] && [ "$b" = PASS ]; then
		note="<- better"
	elif [ "$a $a_why" != "$b $b_why" ] || [ -n "$diff" ]; then
		note="<- differs"
	fi
	[ -z "$note" ] || differ=$((differ + 1))
	[ "$b" != PASS ] || passed=$((passed + 1))
	tests=$((tests + 1))
	why=$b_why
	[ "$a_why" = "$b_why" ] || why="unpatched: $a_why, patched: $b_why"
	case $why in -|timeout|'no result') why= ;; esac
	printf '%-20s %-36s %-9s %-9s %s\n' "${name%/*}" "${name##*/}" "$a" "$b" "$note${why:+ ($why)}"
	[ -z "$diff" ] || diffs+=$'\n'"$name:"$'\n'"$(head -n 40 <<<"$diff")"$'\n'
done < <(paste "$base/verdicts" "$patched/verdicts")
[ -z "$diffs" ] || printf '\n%s\n%s\n' "What differs, numbers apart (at most 40 lines a test; all in $(short "$base") and $(short "$patched"), parts/):" "$diffs"

# What the kernels complained of, where the times and addresses are no difference.
problems()
{
	sed -n 's/^problem\t//p' "$1/verdict" | sed -E 's/^\[ *[0-9.]+\] //; s/\b(CPU|PID): [0-9]+/\1/g; s/0x[0-9a-f]+/0x/g' | sort -u
}
new=$(comm -13 <(problems "$base") <(problems "$patched"))
old=$(problems "$base")
[ -z "$old" ] || printf '\nThe unpatched kernel, or its machine, had trouble:\n%s\n' "$old"
[ -z "$new" ] || { rc=1; printf '\nThe patched kernel, or its machine, had trouble that the other had not:\n%s\n' "$new"; }

[ $passed -gt 0 ] || rc=1
printf '\n%s: %s tests, %s pass on the patched kernel; %s differ, %s are worse there (logs: %s)\n' \
	"$vendor" $tests $passed $differ $worse "$(short "$results")/$vendor-{base,patched}/report"
exit $rc
