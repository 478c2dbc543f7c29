#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the tests on one machine and judge its logs.
#
# Usage: [TEST=name] boot-tests.sh RESULTS VENDOR KERNEL
#
# KERNEL is base or patched. The unpatched kernel runs again only when something
# changed that its results depend on; the patched kernel always runs.

. "$(dirname "$0")/lib.sh"

results=$1 vendor=$2 kernel=$3
dir=$results/$vendor-$kernel
bzimage=$OUT/$kernel/arch/x86/boot/bzImage
initramfs=$OUT/$kernel/initramfs

# What the results of a boot with this kernel parameter depend on.
key()
{
	cat "$bzimage" "$initramfs" "$SCRIPTS/boot.sh" "$SCRIPTS/bochsrc" - <<<"$1" | sha256sum
}
param=${TEST:+lab.test=$TEST}

if [ "$kernel" = base ] && grep -qxF -e "$(key "")" -e "$(key "$param")" "$dir/key" 2>/dev/null; then
	say "Boot $vendor-base: nothing changed since it ran, its results stand"
else
	"$SCRIPTS/boot.sh" "$vendor" "$bzimage" "$initramfs" "$dir" ${param:+"$param"}
	key "$param" >"$dir/key"
fi

plan "$vendor" "$results/tests" | grep "/${TEST:-[^/]*}\$" >"$dir/plan"
"$SCRIPTS/judge.sh" "$dir" "$dir/plan" >"$dir/verdict"
! grep -q '^problem' "$dir/verdict" || rm "$dir/key"
