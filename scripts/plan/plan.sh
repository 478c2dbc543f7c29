#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the plan of a run: a line for each test on each kernel, made before anything is
# built. What is built, packed and booted comes from it, and report/judge.sh joins
# what came out to it: a line without a result fails.
#
# Usage: plan.sh kernels="NAME..." sets="SET..." [vendors="amd intel"] [test="NAME..."]
#	[source=DIR]
#
# Separated by tabs: vendor kernel set cell test expectation says reason, where
#   kernel       base, patched, or the name of another build directory in build/out
#   set          tests that run in one boot of a machine: selftests, or of these upstream's or
#                the series' own (upstream, series); debian; demo; or checks, which need none
#   cell         the setting in which a test runs, of those in plan/cells
#   test         its name; NAME:PART, a glob, are parts of it that are listed, as they skip, or
#                fail without a fix; "boot" is the machine, which must end by itself and complain of nothing
#   expectation  pass; skip, or fail, for that which "says" matches; with a "?" behind it,
#                where the machine may have what an emulator lacks, so that it may pass
#   says         an extended regular expression for the reason or the assertion
#   reason       why it is no pass, from plan/skips, plan/known-failures and plan/fixes
#
# test= leaves all other tests out, or, for the name of a set, all other sets. source= is the
# tree of every kernel but base, if it is not the one with the whole series. The tests of another
# version than the main one are the main version's.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/plan/lib.sh"

take "kernels sets" "vendors test source" "$@"
vendors=${vendors:-intel amd} source=${source:-$TEST_SRC}

has_test() { [ -n "$(find "$1/tools/testing/selftests/kvm" -maxdepth 2 -path "*/$2.c" -print -quit)" ]; }

# Upstream's of plan/tests, and those that plan/cells has for some cells alone.
listed_tests() { sed 's/#.*//' "$SCRIPTS/plan/tests" | xargs -n1; }
extra_tests()
{
	rows cells | awk '$1 == "selftests" && $4 { gsub(",", "\n", $4); print $4 }' | sort -u |
		{ grep -vxF "$(listed_tests; echo "$new")" || :; } | in_kernels
}

# Of those on standard input the ones that every kernel has.
in_kernels()
{
	local kernel name
	while read -r name; do
		for kernel in $kernels; do
			has_test "$([ "$kernel" = base ] && echo "$TEST_BASE" || echo "$source")" "$name" ||
				{ say "The $kernel tree has no $name: left out"; continue 2; }
		done
		echo "$name"
	done
}

# Those that the series adds. Without a base to compare with they are known by their name.
series_tests()
{
	local file name
	for file in "$source"/tools/testing/selftests/kvm/x86/*.c; do
		name=$(basename "$file" .c)
		if [ -e "$TEST_BASE/.git" ]; then has_test "$TEST_BASE" "$name" || echo "$name"
		elif [[ $name = vmware_* ]]; then echo "$name"
		fi
	done
}

# Those of the Debian guest that plan/cells has for some cells alone
tools_tests() { awk '$1 == "debian" && $4 { gsub(",", "\n", $4); print $4 }' "$SCRIPTS/plan/cells" | sort -u; }
commands() { sed -n 's/^\([a-z][^ ]*\) .*/\1/p' "$SCRIPTS/debian/commands"; }
checks() { (cd "$SCRIPTS/check" && for file in *.sh; do [ "$file" = lib.sh ] || echo "${file%.sh}"; done); }

# expect: the expectation of each "vendor kernel set cell test" on standard input.
expect()
{
	awk -v OFS='\t' -v new=" ${new//$'\n'/ } " \
		-f "$SCRIPTS/plan/glob.awk" -f "$SCRIPTS/plan/expect.awk" \
		<(rows skips) <(rows known-failures) <(rows fixes) -
}

# Of those on standard input the ones that run in the cell SET VENDOR CELL.
in_cell()
{
	local only
	only=$(rows cells | awk -v set="$1" -v vendor="$2" -v cell="$3" \
		'$1 == set && ($2 == vendor || $2 == "*") && $3 == cell && $4 { gsub(",", "\n", $4); print $4 }')
	if [ -n "$only" ]; then grep -xF "$only"; else grep -vxF "$extra"$'\n'"$(tools_tests)" | grep .; fi || :
}

new=$(series_tests)
extra=$(extra_tests)
wanted=${test// /$'\n'}
if [ -n "$test" ]; then
	known=$( (printf '%s\n' checks selftests debian; listed_tests | in_kernels; echo "$extra"; echo "$new"; commands; tools_tests; checks) 2>/dev/null)
	for name in $test; do
		grep -qxF -- "$name" <<<"$known" || die "no test is called $name" "There are: $(xargs <<<"$known")"
	done
fi
for set in $sets; do
	case $set in
	checks)		names=$(checks) who=- ;;
	selftests)	names=$(listed_tests | in_kernels; echo "$new"; echo "$extra") who=$vendors ;;
	upstream)	names=$(listed_tests | in_kernels; echo "$extra") who=$vendors ;;
	demo)		names=vmware_example who=$vendors ;;
	series)		names=$new who=$vendors ;;
	debian)		names=$(commands; tools_tests) who=$vendors ;;
	*)		die "there is no set of tests $set" ;;
	esac
	if [ -n "$test" ] && ! grep -qxF -- "$set" <<<"$wanted"; then names=$(grep -xF -- "$wanted" <<<"$names") || continue; fi
	for vendor in $who; do
		if [ "$set" = checks ]; then
			printf '%s\n' "$names" | sed 's/^/- - checks - /'
			continue
		fi
		like=selftests
		[ "$set" != debian ] || like=debian
		for kernel in $kernels; do
			echo "$vendor $kernel $set - boot"
			for cell in $(cells "$set" "$vendor"); do
				printf '%s\n' "$names" | in_cell "$like" "$vendor" "$cell" | sed "s/^/$vendor $kernel $set $cell /"
			done
		done
	done
done | expect | grep . || die "there is nothing to run${test:+: $test}"
