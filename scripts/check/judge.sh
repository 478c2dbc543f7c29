#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check the judge: change one thing at a time in the logs of good boots, and see the
# verdict fail for that very reason.
#
# Usage: judge.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

results=$CHECKED/judge
cell=backdoor=N,npt=1
rc=0

plan() { printf '%s\t%s\tselftests\t%s\t%s\t%s\t%s\t%s\n' "$@"; }

# Boots in which all went well: of one test a part skips, one skips, one fails as known, a new
# one passes on the patched kernel and skips on the other, and of the tests of two fixes one
# fails there, and of the other a part.
plant_good()
{
	local kernel dir
	rm -rf "$results"
	mkdir -p "$results"
	for kernel in base patched; do
		plan amd $kernel - boot pass - -
		plan amd $kernel $cell passing_test pass - -
		plan amd $kernel $cell "passing_test:f.*" 'skip?' 'no NRIPS' "why"
		plan amd $kernel $cell skipping_test 'skip?' 'no feature' "why"
		plan amd $kernel $cell failing_test 'fail?' 'failing_test.c: a == b; 3 != 4' "why"
		if [ $kernel = base ]; then
			plan amd $kernel $cell new_test skip 'no capability' "why"
			plan amd $kernel $cell fix_test fail 'fix_test.c: lost == 0' "why"
			plan amd $kernel $cell parts_test fail . "why"
			plan amd $kernel $cell "parts_test:f.*" fail 'parts_test.c: e == f' "why"
		else
			for new in new_test fix_test parts_test; do plan amd $kernel $cell $new pass - -; done
		fi
		dir=$results/selftests/amd-$kernel
		mkdir -p "$dir"
		cat >"$dir/report" <<-EOF2
			KTAP version 1
			1..6
			  ok 1 f.first # SKIP has no NRIPS
			  ok 2 g.second
			ok 1 - $cell/passing_test
			ok 2 - $cell/skipping_test # SKIP no feature
			# ==== Test Assertion Failure ====
			#   x86/failing_test.c:12: a == b
			#   pid=1 tid=1 errno=0 - Success
			#   3 != 4 (a != b)
			# a test may print WARNING: and BUG: and Oops: of its own
			not ok 3 - $cell/failing_test # exit code 254
			ok 4 - $cell/new_test
			  ok 1 g.passes
			  ok 2 f.fixed
			ok 5 - $cell/parts_test
			ok 6 - $cell/fix_test
			# end
		EOF2
		[ $kernel = patched ] || sed -i "$dir/report" -e 's/^ok 4 .*/& # SKIP no capability/' \
			-e 's/^  ok 2 f.fixed/#   x86\/parts_test.c:1: e == f\n  not ok 2 f.fixed/; s/^ok 5/not ok 5/' \
			-e 's/^ok 6/#   x86\/fix_test.c:1: lost == 0\nnot ok 6/'
		cat >"$dir/console" <<-EOF2
			[    0.000000] Linux version
			[    2.000000] lab: $cell/passing_test
			[    2.500000] kvm: a message with WARNING: in it is none of the kernel's
			[    9.000000] lab: end
		EOF2
		echo off >"$dir/ended"
	done >>"$results/plan"
}

# expect RESULT PATTERN WHAT: the outcome of the judge, and what it must say.
expect()
{
	local out got=pass
	out=$("$SCRIPTS/report/judge.sh" "$results" 2>&1) || got=fail
	if [ $got = "$1" ] && grep -q -- "$2" <<<"$out"; then return; fi
	say "judge: $3: verdict is $got, or does not say \"$2\":" "$out"
	rc=1
}

both() { printf '%s\n' "$results"/selftests/amd-{base,patched}/"$1"; }
# change FILE SED: of the good boots; FILE is below selftests/, or of both kernels.
change()
{
	plant_good
	case $1 in
	*/*)	sed -i "$2" "$results/selftests/$1" ;;
	plan)	sed -i "$2" "$results/plan" ;;
	*)	both "$1" | xargs sed -i "$2" ;;
	esac
}

plant_good
expect pass '^5 passed, 0 failed, 3 skipped$' "good boots"

while IFS='|' read -r text; do
	change amd-base/console "\$i\\[    3.000000] $text"
	expect fail "^UNEXPECTED: amd boot: on the base kernel fail (${text:0:8}" "$text"
	change amd-patched/console "\$i\\[    3.000000] $text"
	expect fail "^UNEXPECTED: amd boot: on the patched kernel fail (${text:0:8}" "$text"
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
Call Trace:
EOF

change amd-patched/ended 's/.*/stopped: nothing new for 300 s/'
expect fail '^UNEXPECTED: amd boot: .*stopped: nothing new' "a hang"
change amd-patched/report '/^# end/d'
expect fail 'did not come to its end' "a job that ends early"
change amd-patched/report '/passing_test/d'
expect fail 'passing_test: no result on the patched' "a missing result"
change amd-patched/report 's/^ok 1 .*/&\n&/'
expect fail 'passing_test: .*more than one result' "a result twice"
change amd-patched/report 's/^ok 1 -/not ok 1 -/'
expect fail 'passing_test: on the patched kernel fail' "a test that fails"
change amd-patched/report 's/^ok 4/not ok 4/'
expect fail 'new_test: on the patched kernel fail' "a new test that fails"
change amd-base/report 's/^\(ok 4.*\) # SKIP.*/\1/'
expect fail 'new_test: passes on the base kernel, must skip' "a new test that passes on the unpatched kernel"
change amd-base/report 's/no capability/no \/dev\/kvm/'
expect fail 'new_test: .*for another reason' "a new test that skips as KVM is not loaded"

# Tests of fixes, which fail without them.
change amd-base/report 's/^not ok 6/ok 6/'
expect fail 'fix_test: passes on the base kernel, must fail' "a fix that changes nothing"
change amd-base/report 's/lost == 0/other == 0/'
expect fail 'fix_test: on the base kernel .*for another reason' "a fix's test that fails by another assertion"
change amd-base/report 's/^not \(ok 6.*\)/\1 # SKIP no capability/'
expect fail 'fix_test: on the base kernel skip' "a fix's test that skips on the unpatched kernel"
change amd-patched/report 's/^ok 6/not ok 6/'
expect fail 'fix_test: on the patched kernel fail' "a fix's test that fails on the patched kernel"
change amd-base/report 's/^  not ok 2 f/  ok 2 f/'
expect fail 'parts_test:f.*: must fail on the unpatched kernel' "a part that a fix does not change"
change amd-base/report 's/e == f/x == y/'
expect fail 'parts_test:f.*: fails for another reason' "a fix's part that fails by another assertion"
change amd-base/report 's/^  ok 1 g.passes/  not ok 1 g.passes/'
expect fail 'parts_test: a part fails that is not listed.*g.passes' "a part that fails without being listed"
change amd-base/report 's/f\.fixed/h.fixed/'
expect fail 'is listed in plan/fixes, but there is no such part' "a fix's part that is gone"

listed_warning()
{
	change plan "/base.*\tboot\t/s/pass\t-/fail?\t./"
	plan amd base - "boot:WARNING: *kvm*" 'fail?' - "why" >>"$results/plan"
	sed -i "\$i\\[    3.000000] WARNING: $2" "$results/selftests/amd-$1/console"
}
listed_warning base 'CPU: 0 PID: 1 at arch/x86/kvm/x86.c:1 f+0x1/0x2'
expect pass '^5 passed, 0 failed, 3 skipped$' "a warning that a fix removes"
listed_warning patched 'CPU: 0 PID: 1 at arch/x86/kvm/x86.c:1 f+0x1/0x2'
expect fail 'boot: on the patched kernel fail' "a warning that a fix does not remove"
listed_warning base 'CPU: 0 PID: 1 at mm/slub.c:1 f+0x1/0x2'
expect fail 'boot: a part fails that is not listed' "another warning than that of the fix"

# Results that are lost, on one kernel or on both.
plant_good; rm -r "$results/selftests/amd-patched"
expect fail 'boot: .*the machine did not start' "a boot that is lost"
plant_good; rm -r "$results/selftests"
expect fail '^0 passed, 7 failed' "boots that are lost on both kernels alike"
plant_good; both report | xargs truncate -s 0
expect fail '^0 passed, 7 failed' "no report at all"
plant_good; both report | xargs sed -i '/_test/d'
expect fail 'new_test: no result' "tests that are lost on both kernels alike"
plant_good; : >"$results/plan"
expect fail '^0 passed, 1 failed' "an empty plan"

# Skips, of tests and of parts of tests.
change report 's/no feature/no \/dev\/kvm/'
expect fail 'skipping_test: .*for another reason' "an expected skip, for another reason"
change plan '/skipping_test/s/skip?\t[^\t]*/pass\t-/'
expect fail 'skipping_test: .*not listed in plan/skips' "an unexpected skip"
change plan '/passing_test:/d'
expect fail 'passing_test: a part skips that is not listed.*f.first: has no NRIPS' "a part that skips, and is not listed"
change report 's/has no NRIPS/KVM is not there/'
expect fail 'passing_test: a part skips that is not listed' "a part that skips for another reason"
change report 's/^  ok 2 g.second/& # SKIP has no NRIPS/'
expect fail 'passing_test: a part skips that is not listed.*g.second' "another part that skips"
change report 's/f\.first.*/h.first/'
expect fail 'there is no such part' "a part that is gone"
change report 's/ # SKIP has no NRIPS//'
expect pass '^note: .*f.* passes, but is listed' "a part that passes"

# Known failures.
change report 's/x86.failing_test.c:12: a == b/x86\/failing_test.c:99: other == thing/'
expect fail 'failing_test: .*for another reason' "a known failure with another assertion, on both kernels alike"
change report 's/exit code 254/timeout/; /Assertion/,/3 != 4/d'
expect fail 'failing_test: .*for another reason' "a known failure that is a timeout"
change amd-patched/report 's/^not ok 3/ok 3/'
expect fail 'failing_test: unpatched fail' "a known failure on one kernel only"
change plan '/failing_test/s/fail?\t[^\t]*/pass\t-/'
expect fail 'failing_test: on the base kernel fail' "a failure that is not known"
change plan '/patched.*new_test/s/pass\t-/fail?\tnew_test.c: g == h/'
sed -i 's/^ok 4 - \(.*\)/# ==== Test Assertion Failure ====\n#   x86\/new_test.c:7: g == h\nnot ok 4 - \1 # exit code 254/' "$results/selftests/amd-patched/report"
expect pass '^4 passed, 0 failed, 4 skipped$' "a known failure of a test that skips on the unpatched kernel"
change report "s|^not ok 3.*|ok 3 - $cell/failing_test|"
expect pass '^note: amd failing_test: passes, fail? is listed' "a known failure that passes"

# kvm-unit-tests: nothing may be worse than on the base.
suite()
{
	local kernel
	plant_good
	for kernel in base patched; do
		plan amd $kernel - boot as-base - -
		plan amd $kernel $cell passing_test as-base - -
	done >"$results/plan"
	both report | xargs sed -i 's/^  ok 1 .*/# PASS: a 12/; s/^  ok 2 .*/# PASS: b 7/'
	sed -i "$2" "$results/selftests/amd-$1"
}
suite base/report ''
expect pass '^2 passed, 0 failed' "the same on both kernels"
suite patched/report 's/^# PASS: a 12/# PASS: a 34/'
expect pass '^2 passed, 0 failed' "another number of cycles"
suite patched/report 's/^# PASS: a/# FAIL: a/'
expect fail 'worse: a part fails' "a part that fails on the patched kernel"
suite patched/report '/^# PASS: b/d'
expect fail 'worse: a part passes on the unpatched kernel only' "a part that is gone"
suite patched/report 's/^ok 1 -/not ok 1 -/'
expect fail 'worse: unpatched pass' "a test that fails on the patched kernel"
suite base/report 's/^ok 1 -/not ok 1 -/'
expect pass 'note: .*unpatched fail' "a test that got better"
suite patched/console '2i\[    3.000000] WARNING: CPU: 0 PID: 1 at f'
expect fail 'boot: worse' "a warning of the patched kernel"

# Mutants: one that a test catches, and one that none does.
made=$CHECKED/made
made()
{
	rm -rf "$made"
	mkdir -p "$made"
	printf '%s\n' 'a.c-1-drop	K1	-	a.c: {f() => }	f()' 'a.c-2-true	K2	-	a.c: {g => true}	f()' 'a.c-3-zero	K3	does not compile	a.c: 0	f()' >"$made/list"
	printf 'amd\t%s\n' 'control	C' 'a.c-1-drop	M1' 'a.c-2-true	M2' 'a.c-3-zero	-' >"$made/keys.amd"
	sed "s,^amd,intel,; s,[MC][0-9]*\$,-," "$made/keys.amd" >"$made/keys.intel"
	printf 'amd\tcell\t%s\n' 'x_test	P1' 'y_test	P2' >"$made/tests.amd"
	printf 'amd\t%s\n' 'C	cell	x_test	P1	pass	-' 'C	cell	y_test	P2	pass	-' 'M1	cell	x_test	P1	fail	exit code 254; x_test.c: a == b' \
		'M2	cell	x_test	P1	pass	-' 'M2	cell	y_test	P2	pass	-' >"$made/results"
	printf '%s\n' "$1: why" '	a.c: {g => true}' >"$made/survivors"
	sed -i "$2" "$made/results"
}
# expect_made TOTAL WHAT
expect_made()
{
	"$SCRIPTS/report/mutants.sh" "$made" "$made/survivors" >/dev/null || :
	grep -q "^$1" "$made/total" || { say "judge: $2: $(cat "$made/total")"; rc=1; }
}
made equivalent ''
expect_made '1 passed, 0 failed, 1 skipped (100.0%' "a mutant that nobody can see"
made unreachable ''
expect_made '1 passed, 0 failed, 1 skipped (50.0%' "a mutant that is out of reach"
made equivalent /M1/s/254.*/254/
expect_made '0 passed, 1 failed' "a mutant with a test that fails without an assertion"
made equivalent '/M1/s/exit.*/timeout, the machine ended: stopped: nothing new for 300 s/'
expect_made '0 passed, 1 failed' "a mutant that hangs its machine"
made equivalent '/M2.*y/d'
expect_made '1 passed, 1 failed' "a mutant that did not see all tests"
made equivalent '/^amd\tC.*y/s/pass/fail/'
expect_made '1 passed, 1 failed' "a test that fails without a mutant"
made equivalent /P2/s//P0/
expect_made '1 passed, 1 failed' "a test that is another by now"
made '' ''
expect_made '1 passed, 1 failed' "a mutant that nobody caught"

# One that is written has to be caught by its test, and on each vendor that it has.
written()
{
	made '' "$2"
	sed -i "s/\$/\t$1/" "$made/list"
}
written 'x_test	' ''
expect_made '1 passed, 1 failed' "a mutant that its test catches, and one that it does not"
written 'y_test	' '/y_test/s/M2/M1/'
expect_made '0 passed, 2 failed' "a mutant that another test catches"
written 'x_test	intel' ''
expect_made '0 passed, 2 failed' "a mutant that is caught on the wrong vendor"
written 'x_test	' ''
sed -i 's/M1/-/; s/^intel\t\(.*-drop\t\)-/intel\t\1M3/' "$made/keys.intel"
printf 'intel\tcell\tx_test\tP1\n' >"$made/tests.intel"
echo 'intel	M3	cell	x_test	P1	pass	-' >>"$made/results"
expect_made '0 passed, 2 failed' "a mutant that one vendor of two catches"
exit $rc
