#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make test: build the unpatched and the patched kernel, run the selftests on both,
# for each vendor, in every cell of the matrix, and the Debian guest; compare.
#
# Usage: [VENDOR=amd|intel] [TEST=name|guest] [KERNEL=/path/to/linux] lab-test.sh

. "$(dirname "$0")/lib.sh"

results=$WORK/results
vendors=$(vendors)

"$SCRIPTS/build.sh" selftests
"$SCRIPTS/pack-tests.sh" "$results"
[ -z "${TEST:-}" ] || grep -qxF "$TEST" "$results/tests" || [ "$TEST" = guest ] ||
	die "TEST=$TEST: no such test; there are:" "guest $(xargs <"$results/tests")"

# One test, or a tree of the user: the checks are of the whole, and of patches/.
rc=0 checks=/dev/null
if [ -z "${TEST:-}$KERNEL" ]; then
	checks=$CHECKED/total
	rm -f "$checks"
	"$SCRIPTS/check.sh" || rc=1
	[ -e "$checks" ] || echo "0 passed, 1 failed, 0 skipped" >"$checks"
fi

# Results of an earlier run with other vendors or kernels are not this run's.
kernels=$(kernels | xargs)
find "$results" -name verdict -delete

# The guest is for the series, and like a new test must skip without it.
sets=
[ "${TEST:-}" = guest ] || sets="tests"
if [[ $kernels = *patched* && ${TEST:-guest} = guest ]]; then
	sets+=" guest"
	"$SCRIPTS/build-qemu.sh"
	# shellcheck disable=SC2086
	"$SCRIPTS/pack-guest.sh" "$results" $kernels
	sed 's,.*/,,' "$results/guest-plan" | sort -u >>"$results/new"
fi

for set in $sets; do
	for vendor in $vendors; do
		for kernel in $kernels; do
			machine "$SCRIPTS/boot-tests.sh" "$results" "$vendor" "$kernel" "$set"
		done
	done
done
wait

COMPLETE=$([ -n "${TEST:-}" ] || echo 1) "$SCRIPTS/compare.sh" "$results" "$results/new" || rc=1

# The total of the tests and the checks, each of which counts as one. That of all tests,
# if they passed, is for the cover letter: see export.sh.
mv "$results/total" "$results/total-tests"
[ -n "${TEST:-}${VENDOR:-}$KERNEL" ] || ! grep -q " 0 failed" "$results/total-tests" ||
	cp "$results/total-tests" "$results/total-whole"
awk '{ p += $1; f += $3; s += $5 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' \
	"$checks" "$results/total-tests" >"$results/total"
[ "$checks" = /dev/null ] || say "Checks: $(cat "$checks"). With them:"
cat "$results/total"
exit $rc
