#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the tests on one machine and judge its logs.
#
# Usage: [TEST=name [PARAMS="kernel parameters"]] boot-tests.sh RESULTS VENDOR KERNEL [BUILD]
#
# KERNEL is base or patched, BUILD its build directory under $OUT if that has another
# name (debug, kcsan). RESULTS has the names of the tests (pack-tests.sh). The unpatched
# kernel runs again only when something changed that its results depend on; the
# patched kernel always runs.

. "$(dirname "$0")/lib.sh"

results=$1 vendor=$2 kernel=$3 build=$OUT/${4:-$3}
dir=$results/$vendor-$kernel
bzimage=$build/arch/x86/boot/bzImage
initramfs=$build/initramfs

# What the results of a boot with this kernel parameter depend on.
key()
{
	cat "$bzimage" "$initramfs" "$SCRIPTS/boot.sh" "$SCRIPTS/bochsrc" - <<<"$1" | sha256sum
}
param=${TEST:+lab.test=$TEST}${PARAMS:+ $PARAMS}

if [ "$kernel" = base ] && grep -qxF -e "$(key "")" -e "$(key "$param")" "$dir/key" 2>/dev/null; then
	say "Boot $vendor-base: nothing changed since it ran, its results stand"
else
	"$SCRIPTS/boot.sh" "$vendor" "$bzimage" "$initramfs" "$dir" ${param:+"$param"}
	key "$param" >"$dir/key"
fi

plan "$vendor" "$results/tests" | grep "/${TEST:-[^/]*}\$" >"$dir/plan"
"$SCRIPTS/judge.sh" "$dir" "$dir/plan" >"$dir/verdict"
! grep -q '^problem' "$dir/verdict" || rm "$dir/key"
