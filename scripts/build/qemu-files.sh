#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Put a QEMU into the tree of an initramfs: the program and what firmware it needs in
# /qemu, its libraries where it looks for them.
#
# Usage: qemu-files.sh TREE QEMU FIRMWARE-DIRECTORY...

. "$(dirname "$0")/../lib.sh"

tree=$1 qemu=$2
shift 2

mkdir -p "$tree/qemu"
strip -o "$tree/qemu/qemu-system-x86_64" "$qemu"
for name in bios-256k.bin linuxboot_dma.bin multiboot_dma.bin pvh.bin kvmvapic.bin; do
	file=$(find -L "$@" -name $name | head -n 1)
	[ -n "$file" ] || die "$qemu: there is no $name in $*"
	cp -L "$file" "$tree/qemu"
done
ldd "$qemu" | sed -n 's/.* => \([^ ]*\) .*/\1/p' |
	xargs cp --parents -L -t "$tree" /lib64/ld-linux-x86-64.so.2
