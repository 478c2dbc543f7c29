#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the initramfs of each kernel with the tests that run on it.
#
# Usage: pack-tests.sh RESULTS
#
# Upstream tests (scripts/tests) come from each kernel's own tree; the series' own
# from the patched tree, also for the unpatched kernel, where they must skip.
# Leaves in RESULTS: new, the names of the series' own tests, and tests, of all.

. "$(dirname "$0")/lib.sh"

results=$1
mkdir -p "$results"

# binary KERNEL TEST: where the build left it; fails if the tree has no such test.
binary()
{
	local file
	for file in "$OUT/$1/kselftest/x86/$2" "$OUT/$1/kselftest/$2"; do
		[ ! -x "$file" ] || { echo "$file"; return 0; }
	done
	return 1
}

# Without a patched kernel there are no new tests, so "patched" is never asked for.
"$SCRIPTS/new-tests.sh" >"$results/new"
sed 's/#.*//' "$SCRIPTS/tests" | xargs -n1 >"$results/tests"
for kernel in $(kernels); do
	while read -r test; do
		binary "$kernel" "$test" >/dev/null || { say "The $kernel tree has no $test: left out"; echo "$test"; }
	done <"$results/tests"
done >"$results/missing"
sort -u "$results/missing" | { grep -vxFf - "$results/tests" || :; } | cat - "$results/new" >"$results/tests.tmp"
mv "$results/tests.tmp" "$results/tests"

for kernel in $(kernels); do
	programs=()
	while read -r test; do
		from=$kernel
		! grep -qxF "$test" "$results/new" || from=patched
		programs+=("$(binary "$from" "$test")")
	done <"$results/tests"
	"$SCRIPTS/make-initramfs.sh" "$OUT/$kernel/initramfs" "$OUT/$kernel" job-test "$OUT/$kernel/stage" "${programs[@]}"
done
