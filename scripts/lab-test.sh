#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make test: build the unpatched and the patched kernel, run the selftests on both,
# for each vendor, in every cell of the matrix, and compare.
#
# Usage: [VENDOR=amd|intel] [TEST=name] [KERNEL=/path/to/linux] lab-test.sh

. "$(dirname "$0")/lib.sh"

results=$WORK/results
vendors=$(vendors)

"$SCRIPTS/build.sh" selftests
"$SCRIPTS/pack-tests.sh" "$results"
[ -z "${TEST:-}" ] || grep -qxF "$TEST" "$results/tests" ||
	die "TEST=$TEST: no such test; there are:" "$(xargs <"$results/tests")"

# Results of an earlier run with other vendors or kernels are not this run's.
kernels=$(kernels | xargs)
find "$results" -name verdict -delete

# As many machines at a time as there are jobs.
trap 'kill $(jobs -p) 2>/dev/null || :' EXIT
trap 'exit 1' INT TERM
for vendor in $vendors; do
	for kernel in $kernels; do
		while [ "$(jobs -pr | wc -l)" -ge "$JOBS" ]; do wait -n; done
		"$SCRIPTS/boot-tests.sh" "$results" "$vendor" "$kernel" &
	done
done
wait

COMPLETE=$([ -n "${TEST:-}" ] || echo 1) "$SCRIPTS/compare.sh" "$results" "$results/new"
