#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make fuzz: run the fuzz test alone on the patched kernel, for as long as asked.
#
# Usage: [VENDOR=amd|intel] [SEED=number] [SECONDS_PER_CELL=60 | N=exits]
#        [KERNEL=/path/to/linux] lab-fuzz.sh
#
# The seed is a fresh one if not given. Seconds are the guest's (Bochs' second takes
# several of ours). N is a number of exits to userspace, in each of the four cells.

. "$(dirname "$0")/lib.sh"

test=vmware_fuzz_test
results=$WORK/fuzz
vendors=$(vendors)
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
if [ -n "${N:-}" ]; then
	args=-n,$N,-t,0 limit=$((180 + N / 50))
else
	args=-n,0,-t,${SECONDS_PER_CELL:=60} limit=$((180 + SECONDS_PER_CELL))
fi

"$SCRIPTS/build.sh" tree
kernel=$(kernels | tail -1)
"$SCRIPTS/new-tests.sh" | grep -qx $test || die "the tree $(short "$SRC") has no $test: there is nothing to run"
"$SCRIPTS/build-kernel.sh" "$SRC" "$OUT/$kernel"
"$SCRIPTS/build-selftests.sh" "$SRC" "$OUT/$kernel"
"$SCRIPTS/make-initramfs.sh" "$OUT/$kernel/initramfs" "$OUT/$kernel" job-test "$OUT/$kernel/stage" "$OUT/$kernel/kselftest/x86/$test"
mkdir -p "$results"
echo $test >"$results/tests"

# A cell reports at its end: only then does a machine show that it moves.
say "Fuzz with SEED=$seed"
export TEST=$test PARAMS="lab.args=-s,$seed,$args lab.timeout=$limit"
export STALL=${STALL:-$((limit * 20))} LIMIT=${LIMIT:-$((limit * 80))}
for vendor in $vendors; do
	machine "$SCRIPTS/boot-tests.sh" "$results" "$vendor" "$kernel"
done
wait

rc=0
for vendor in $vendors; do
	dir=$results/$vendor-$kernel
	printf '\n%s (%s/report):\n' "$(cat "$dir/machine")" "$(short "$dir")"
	sed -n 's/^# # \(Seed:\|[0-9]* exits in\)/  \1/p; s/^\(not \)\?ok /&/p' "$dir/report"
	! grep -qv '^pass' "$dir/verdict" || { rc=1; grep -v '^pass' "$dir/verdict"; grep '^# ' "$dir/report" | grep -v '^# # ' | tail -n 40; }
done
exit $rc
