#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make run: boot the patched kernel for each vendor and show one VMware hypercall
# and one backdoor access of a guest, as the guest and its VMM see them.
#
# Usage: [VENDOR=amd|intel] [KERNEL=/path/to/linux] lab-run.sh

. "$(dirname "$0")/lib.sh"

results=$WORK/run
vendors=$(vendors)

"$SCRIPTS/build.sh" tree
kernel=$(kernels | tail -1)
grep -q KVM_CAP_X86_VMWARE "$SRC/include/uapi/linux/kvm.h" ||
	die "the tree $(short "$SRC") is without the series: there is nothing to show"
"$SCRIPTS/build-kernel.sh" "$SRC" "$OUT/$kernel"
mkdir -p "$results"
step "Build the demo" demo gcc -Wall -Werror -O2 -static -isystem "$OUT/$kernel/usr/include" \
	-o "$results/vmware-demo" "$SCRIPTS/vmware-demo.c"
"$SCRIPTS/make-initramfs.sh" "$results/initramfs" "$OUT/$kernel" job-demo \
	"$OUT/$kernel/stage" "$results/vmware-demo"

trap 'kill $(jobs -p) 2>/dev/null || :' EXIT
trap 'exit 1' INT TERM
for vendor in $vendors; do
	"$SCRIPTS/boot.sh" "$vendor" "$OUT/$kernel/arch/x86/boot/bzImage" "$results/initramfs" "$results/$vendor" &
done
wait

rc=0
for vendor in $vendors; do
	dir=$results/$vendor
	printf '\n===== %s: guest and VMM on KVM, Linux %s =====\n' "$(cat "$dir/machine")" \
		"$(make -s -C "$SRC" kernelversion)"
	grep -v '^#' "$dir/report" || :
	"$SCRIPTS/judge.sh" "$dir" /dev/null >"$dir/verdict"
	if [ -s "$dir/verdict" ] || ! grep -qx '# exit code 0' "$dir/report"; then
		rc=1
		printf '\n%s FAILED; end of the console (%s/console):\n' "$vendor" "$(short "$dir")"
		cut -f2 "$dir/verdict"
		tail -n 30 "$dir/console"
	fi
done
exit $rc
