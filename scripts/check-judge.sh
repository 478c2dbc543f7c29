#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check the log judge: plant one fault at a time in the logs of good boots, and see
# the verdict fail for that very reason.
#
# Usage: check-judge.sh

. "$(dirname "$0")/lib.sh"

results=$CHECKED/judge
cell=amd/backdoor=N,npt=1
rc=0

# Boots in which all went well: one test passes, one skips, one fails as known,
# and a new one passes on the patched kernel and skips on the other.
plant_good()
{
	local kernel dir
	rm -rf "$results"
	mkdir -p "$results"
	echo new_test >"$results/new"
	echo "amd * skipping_test no such CPU" >"$results/skips"
	echo "amd * failing_test the emulator's" >"$results/known"
	for kernel in base patched; do
		dir=$results/amd-$kernel
		mkdir -p "$dir"
		printf "$cell/%s\n" passing_test skipping_test failing_test new_test >"$dir/plan"
		cat >"$dir/report" <<-EOF
			KTAP version 1
			1..4
			ok 1 - $cell/passing_test
			ok 2 - $cell/skipping_test # SKIP no feature
			# a test may print WARNING: and BUG: and Oops: of its own
			not ok 3 - $cell/failing_test # exit code 254
			ok 4 - $cell/new_test$([ $kernel = patched ] || echo ' # SKIP no capability')
			# end
		EOF
		cat >"$dir/console" <<-EOF
			[    0.000000] Linux version
			[    2.000000] lab: $cell/passing_test
			[    2.500000] kvm: a message with WARNING: in it is none of the kernel's
			[    9.000000] lab: end
		EOF
		echo off >"$dir/ended"
	done
}

# expect RESULT PATTERN WHAT: the outcome of the judge, and what it must say.
expect()
{
	local kernel dir out got=pass
	for kernel in base patched; do
		dir=$results/amd-$kernel
		"$SCRIPTS/judge.sh" "$dir" "$dir/plan" >"$dir/verdict"
	done
	out=$(COMPLETE=1 EXPECTED_SKIPS=$results/skips KNOWN_FAILURES=$results/known \
		"$SCRIPTS/compare.sh" "$results" "$results/new" 2>&1) || got=fail
	if [ $got = "$1" ] && grep -q -- "$2" <<<"$out"; then return; fi
	say "judge: $3: verdict is $got, or does not say \"$2\":" "$out"
	rc=1
}

# plant FILE TEXT: put TEXT before the last line of a log.
plant() { plant_good; sed -i "\$i\\$2" "$results/$1"; }
change() { plant_good; sed -i "$2" "$results/$1"; }

plant_good
expect pass '^2 passed, 0 failed, 2 skipped$' "good boots"

while IFS='|' read -r text; do
	for kernel in base patched; do
		plant amd-$kernel/console "[    3.000000] $text"
		expect fail "^UNEXPECTED: amd-$kernel: .*$text" "$text"
	done
done <<'EOF'
WARNING: CPU: 0 PID: 1 at arch/x86/kvm/x86.c:1 f+0x1/0x2
BUG: unable to handle page fault for address: 0000000000000008
Oops: general protection fault, probably for non-canonical address
Kernel panic - not syncing: Fatal exception
WARNING: possible circular locking dependency detected
INFO: possible recursive locking detected
WARNING: suspicious RCU usage
WARNING: inconsistent lock state
rcu: INFO: rcu_sched self-detected stall on CPU
INFO: task kworker/0:1:9 blocked for more than 120 seconds.
watchdog: BUG: soft lockup - CPU#0 stuck for 22s!
BUG: KASAN: use-after-free in f+0x1/0x2
UBSAN: array-index-out-of-bounds in arch/x86/kvm/x86.c:1:1
EOF

change amd-patched/ended 's/.*/stopped: nothing new for 300 s/'
expect fail '^UNEXPECTED: amd-patched: stopped' "a hang"
change amd-patched/report '/^# end/d'
expect fail 'did not come to its end' "a job that ends early"
change amd-patched/report '/passing_test/d'
expect fail 'passing_test: .*no result' "a missing result"
change amd-patched/report 's/^ok 1 .*/&\n&/'
expect fail 'passing_test: .*more than one result' "a result twice"
change amd-patched/report 's/^ok 1/not ok 1/'
expect fail 'passing_test: unpatched pass, patched fail' "a test that fails"
change amd-patched/report 's/^ok 4/not ok 4/'
expect fail 'new_test: fail' "a new test that fails"
change amd-base/report 's/^\(ok 4.*\) # SKIP.*/\1/'
expect fail 'new_test: .*must skip' "a new test that passes on the unpatched kernel"
change amd-patched/report 's/^not ok 3/ok 3/'
expect fail 'failing_test: unpatched fail' "a known failure on one kernel only"
change amd-patched/report 's/exit code 254/exit code 139/'
expect fail 'failing_test: unpatched fail' "a known failure that fails otherwise"
plant_good; : >"$results/skips"
expect fail 'skipping_test: skip not in expected-skips' "an unexpected skip"
plant_good; : >"$results/known"
expect fail 'failing_test: fail' "a failure that is not known"
plant_good; echo "amd * passing_test why" >>"$results/skips"
expect pass '^note: expected-skips has amd \* passing_test' "a stale entry"
plant_good; rm "$results"/amd-*/report; : >"$results/amd-base/report"; : >"$results/amd-patched/report"
expect fail '0 passed' "no report at all"

exit $rc
