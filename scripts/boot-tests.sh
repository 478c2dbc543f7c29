#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the selftests, or the Debian guest, on one machine and judge its logs.
#
# Usage: [TEST=name [PARAMS="kernel parameters"]] boot-tests.sh RESULTS VENDOR KERNEL [tests|guest [BUILD]]
#
# KERNEL is base or patched, BUILD its build directory under $OUT if that has another
# name (debug, kcsan). RESULTS has the names of the tests (pack-tests.sh). The unpatched
# kernel runs again only when something changed that its results depend on; the
# patched kernel always runs.

. "$(dirname "$0")/lib.sh"

results=$1 vendor=$2 kernel=$3 what=${4:-tests} build=$OUT/${5:-$3}
bzimage=$build/arch/x86/boot/bzImage
param=
case $what in
tests)
	dir=$results/$vendor-$kernel
	initramfs=$build/initramfs
	param=${TEST:+lab.test=$TEST}${PARAMS:+ $PARAMS}
	# With a thread for each CPU, about once in a million exits QEMU's SVM saves the host's
	# registers as the guest's, or runs an instruction that is no more. A guest's firmware
	# needs them: it waits for QEMU by polling.
	export THREAD=single
	;;
guest)
	dir=$results/$vendor-guest-$kernel
	initramfs=$build/initramfs-guest-$vendor
	# A guest of the guest needs an emulator whose SVM forgets events that were delivered.
	export EMULATOR="$QEMU/qemu-system-x86_64 -L $QEMU"
	;;
esac

# What the results of a boot with this kernel parameter depend on.
key()
{
	cat "$bzimage" "$initramfs" "$SCRIPTS/boot.sh" "$SCRIPTS/bochsrc" - <<<"$1" | sha256sum
}

if [ "$kernel" = base ] && grep -qxF -e "$(key "")" -e "$(key "$param")" "$dir/key" 2>/dev/null; then
	say "Boot $(basename "$dir"): nothing changed since it ran, its results stand"
else
	"$SCRIPTS/boot.sh" "$vendor" "$bzimage" "$initramfs" "$dir" ${param:+"$param"}
	key "$param" >"$dir/key"
fi

case $what in
tests)	plan "$vendor" "$results/tests" | grep "/${TEST:-[^/]*}\$" ;;
guest)	grep "^$vendor-guest/" "$results/guest-plan" ;;
esac >"$dir/plan"
"$SCRIPTS/judge.sh" "$dir" "$dir/plan" >"$dir/verdict"
! grep -q '^problem' "$dir/verdict" || rm "$dir/key"
