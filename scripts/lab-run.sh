#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make run: boot the patched kernel for each vendor and show one VMware hypercall
# and one backdoor access of a guest, as the guest and its VMM see them; then a
# Debian guest with open-vm-tools in QEMU, and what its commands ask QEMU for.
#
# Usage: [VENDOR=amd|intel] [KERNEL=/path/to/linux] lab-run.sh

. "$(dirname "$0")/lib.sh"

results=$WORK/run
vendors=$(vendors)

"$SCRIPTS/build.sh" tree
kernel=$(kernels | tail -1)
[ -e "$SRC/tools/testing/selftests/kvm/x86/vmware_example.c" ] ||
	die "the tree $(short "$SRC") is without the series: there is nothing to show"
"$SCRIPTS/build-kernel.sh" "$SRC" "$OUT/$kernel"
"$SCRIPTS/build-qemu.sh"
mkdir -p "$results"
"$SCRIPTS/build-selftests.sh" "$SRC" "$OUT/$kernel"
"$SCRIPTS/make-initramfs.sh" "$OUT/$kernel/initramfs-demo" "$OUT/$kernel" job-demo \
	"$OUT/$kernel/stage" "$OUT/$kernel/kselftest/x86/vmware_example"
"$SCRIPTS/pack-guest.sh" "$results" "$kernel"

# boot VENDOR INITRAMFS NAME
boot()
{
	machine "$SCRIPTS/boot.sh" "$1" "$OUT/$kernel/arch/x86/boot/bzImage" "$OUT/$kernel/$2" "$results/$1-$3"
}
for vendor in $vendors; do boot "$vendor" initramfs-demo demo; done
export EMULATOR="$QEMU/qemu-system-x86_64 -L $QEMU"
for vendor in $vendors; do boot "$vendor" "initramfs-guest-$vendor" guest; done
wait

# good DIR PLAN: the logs show what they have to; else show their end.
good()
{
	"$SCRIPTS/judge.sh" "$1" "$2" >"$1/verdict"
	if grep -q "^problem\|^fail" "$1/verdict"; then
		printf '\n%s FAILED; end of the console (%s/console):\n' "$(basename "$1")" "$(short "$1")"
		grep '^problem\|^fail' "$1/verdict" | cut -f2-
		tail -n 30 "$1/console"
		return 1
	fi
}

rc=0
version=$(make -s -C "$SRC" kernelversion)
for vendor in $vendors; do
	dir=$results/$vendor-demo
	printf '\n===== %s: guest and VMM on KVM, Linux %s =====\n' "$(cat "$dir/machine")" "$version"
	grep -v '^#' "$dir/report" || :
	good "$dir" /dev/null || rc=1
done
for vendor in $vendors; do
	dir=$results/$vendor-guest
	printf '\n===== %s: Debian and its open-vm-tools in QEMU on KVM, Linux %s =====\n' "$(cat "$dir/machine")" "$version"
	sed -n '/^# # /d; s/^# cell \(.*\), ended.*/\n--- \1/p; t; s/^# //p' "$dir/report"
	grep "^$vendor-guest/" "$results/guest-plan" >"$dir/plan"
	good "$dir" "$dir/plan" || rc=1
	printf '\n%s of %s commands printed what they have to.\n' "$(grep -c '^pass' "$dir/verdict")" "$(wc -l <"$dir/plan")"
done
exit $rc
