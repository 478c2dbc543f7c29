#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the initramfs of the machine in which the Debian guest runs: our QEMU, the guest,
# the cells in which it runs, and what its commands have to print.
#
# Usage: pack-guest.sh RESULTS KERNEL...
#
# Leaves initramfs-guest-VENDOR in each kernel's build directory, and in RESULTS:
# guest-plan, of all tests VENDOR-guest/CELL/TEST.

. "$(dirname "$0")/lib.sh"

results=$1
shift
guest=$BUILD/guest

"$SCRIPTS/make-guest.sh" "$guest" "$OUT/$1"
mkdir -p "$results"
: >"$results/guest-plan"
for vendor in amd intel; do
	tree=$guest/machine-$vendor
	rm -rf "$tree"
	mkdir -p "$tree/guest"
	sed -n "s/^\(\*\|$vendor\) *//p" "$SCRIPTS/guest/cells" >"$tree/guest/cells"
	cp "$SCRIPTS"/guest/{expected-*,*.awk} "$tree/guest"
	cp -l "$guest"/{vmlinuz,initramfs,disk.vmdk} "$tree/guest"
	! grep -q hypervisor "$tree/guest/cells" || cp -l "$guest/hypervisor" "$tree/guest"
	"$SCRIPTS/pack-qemu.sh" "$tree" "$QEMU/qemu-system-x86_64" "$QEMU"
	for kernel; do
		"$SCRIPTS/make-initramfs.sh" "$OUT/$kernel/initramfs-guest-$vendor" "$OUT/$kernel" \
			job-guest "$OUT/$kernel/stage" "$tree"
	done

	# The names come from the judge, as if all had to skip.
	while read -r cell; do
		awk -f "$SCRIPTS/guest/judge.awk" -v prefix="$vendor-guest/$cell" -v skip=- \
			"$SCRIPTS/guest/expected-on" /dev/null
	done <"$tree/guest/cells" | sed 's/^ok [0-9]* - \([^ ]*\) .*/\1/' >>"$results/guest-plan"
	rm -rf "$tree"
done
