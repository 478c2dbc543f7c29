#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the initramfs of each machine in which the Debian guest runs: our QEMU, the guest,
# the cells in which it runs, and what its commands have to print.
#
# Usage: machine.sh RESULTS
#
# RESULTS/plan is as plan/plan.sh prints it. Leaves RESULTS/debian/VENDOR-KERNEL.cpio.

. "$(dirname "$0")/../lib.sh"

results=$1
guest=$BUILD/guest

mapfile -t machines < <(awk -F '\t' '$3 == "debian" { print $1, $2 }' "$results/plan" | sort -u)
"$SCRIPTS/debian/guest.sh" "$guest" "$OUT/${machines[0]#* }"
for machine in "${machines[@]}"; do
	vendor=${machine% *} kernel=${machine#* }
	machine=$results/debian/$vendor-$kernel
	rm -rf "$machine.tree"
	mkdir -p "$machine.tree/guest"
	awk -F '\t' -v machine="$vendor $kernel" '$3 == "debian" && $1 " " $2 == machine && $4 != "-" && !seen[$4]++ { print $4 }' \
		"$results/plan" >"$machine.tree/plan"
	cp "$SCRIPTS"/debian/{commands,expected-*,*.awk,tools.sh} "$machine.tree/guest"
	cp "$SCRIPTS/machine/qmp.sh" "$machine.tree"
	qemu-img create -q -f qcow2 "$machine.tree/guest/snapshots.qcow2" 1M
	cp -l "$guest"/{vmlinuz,initramfs,disk.vmdk} "$machine.tree/guest"
	! grep -q hypervisor "$machine.tree/plan" || cp -l "$guest/hypervisor" "$machine.tree/guest"
	"$SCRIPTS/build/qemu-files.sh" "$machine.tree" "$QEMU/qemu-system-x86_64" "$QEMU"
	"$SCRIPTS/build/initramfs.sh" "$machine.cpio" "$OUT/$kernel" debian/job-debian "$OUT/$kernel/stage" "$machine.tree"
	rm -rf "$machine.tree"
done
