#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make test-debug: run the series' own tests on kernels that look for bugs at run time:
# scripts/debug.config (KASAN, UBSAN, lockdep, ...), and scripts/kcsan.config. A report
# of one of them on the console fails the run.
#
# Usage: [VENDOR=amd|intel] [TEST=name] [DEBUG=debug|kcsan] [KERNEL=/path/to/linux] lab-debug.sh
#
# DEBUG is one of the two kernels; without it both take their turn.
# Each kernel is built in a directory of its own, which takes twice as long as
# the lab's kernel; the tests take several times as long.

. "$(dirname "$0")/lib.sh"

vendors=$(vendors)
case ${DEBUG:-} in
'')	kernels="debug kcsan" ;;
debug|kcsan) kernels=$DEBUG ;;
*)	die "DEBUG=$DEBUG: there is no such kernel" "Use debug or kcsan." ;;
esac
export PARAMS=lab.timeout=3000 STALL=${STALL:-3600} LIMIT=${LIMIT:-14400}

"$SCRIPTS/build.sh" selftests
has_series || die "the tree has no series to test: $(short "$SRC")" "Run: make tree"
"$SCRIPTS/new-tests.sh" >"$WORK/new-tests"
[ -z "${TEST:-}" ] || grep -qxF "$TEST" "$WORK/new-tests" ||
	die "TEST=$TEST: no such test; there are:" "$(xargs <"$WORK/new-tests")"
mapfile -t programs < <(sed "s,^,$OUT/patched/kselftest/x86/," "$WORK/new-tests")

for kernel in $kernels; do
	results=$WORK/results-$kernel
	mkdir -p "$results"
	find "$results" -name verdict -delete
	cp "$WORK/new-tests" "$results/tests"
	"$SCRIPTS/build-kernel.sh" "$SRC" "$OUT/$kernel" "$SCRIPTS/$kernel.config"
	"$SCRIPTS/make-initramfs.sh" "$OUT/$kernel/initramfs" "$OUT/$kernel" job-test "$OUT/$kernel/stage" "${programs[@]}"
	for vendor in $vendors; do
		"$SCRIPTS/boot-tests.sh" "$results" "$vendor" patched tests "$kernel"
	done
done
failed=0
for kernel in $kernels; do
	say "The $kernel kernel ($(short "$SCRIPTS/$kernel.config")):"
	"$SCRIPTS/compare.sh" "$WORK/results-$kernel" "$WORK/new-tests" || failed=1
done
exit $failed
