#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the Debian guest that runs nested in the lab, from unmodified packages.
#
# Usage: guest.sh DIR KERNEL-OUT
#
# KERNEL-OUT is a build directory, for the kernel's gen_init_cpio. Leaves in DIR:
#   vmlinuz     Debian's cloud kernel
#   initramfs   open-vm-tools with its libraries, busybox, and debian/job-tools
#   disk.vmdk   both on a disk in VMware's format, with GRUB, as it comes from VMware
#   hypervisor  an initramfs with Debian's QEMU, which runs vmlinuz and initramfs in turn

. "$(dirname "$0")/../lib.sh"

dir=$1 out=$(realpath "$2")
disk_mib=80

unpack()	{ dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$dir/packages" "${@:2}"; }

# Newer kernels have their modules compressed.
take_kernel()
{
	unpack "$debs"/linux-image-[0-9]*.deb --wildcards \
		 './boot/vmlinuz-*' '*/irqbypass.ko*' '*/kvm.ko*' '*/kvm-amd.ko*'
	mv "$dir"/packages/boot/vmlinuz-* "$dir/vmlinuz"
	find "$dir/packages" -name '*.ko.xz' -exec xz -d {} +
}

# Only what the job runs, and the libraries that ld.so names for it: the most of what
# open-vm-tools depends on serves a login service that does not run here.
make_root()
{
	local root=$dir/root lib=lib/x86_64-linux-gnu
	mkdir -p "$root/etc"
	for deb in "$debs"/*.deb; do
		case $deb in */linux-image-*|*/perl*|*/libperl*|*/libicu*) continue ;; esac
		unpack "$deb"
	done
	cd "$dir/packages"
	for file in usr/bin/vmtoolsd usr/bin/vmware-{checkvm,rpctool,toolbox-cmd} \
		    "usr/$lib"/open-vm-tools/plugins/{common,vmsvc}/*.so; do
		echo "$file"
		LD_LIBRARY_PATH=$lib:usr/$lib /lib64/ld-linux-x86-64.so.2 --list "$file" |
			sed -n 's/.* => \([^/ ][^ ]*\) .*/\1/p'
	done | sort -u | xargs cp --parents -L -t "$root" lib64/ld-linux-x86-64.so.2
	cp -r --parents -t "$root" etc/vmware-tools usr/share/open-vm-tools
	printf '%s\n' root:x:0:0::/tmp:/bin/sh nobody:x:65534:65534::/tmp:/bin/sh >"$root/etc/passwd"
	echo nobody:x:65534: >"$root/etc/group"
}

# GRUB as its installer would put it: boot.img in the first sector, core.img after it.
make_disk()
{
	local tree=$dir/disk raw=$dir/disk.raw grub=/usr/lib/grub/i386-pc
	mkdir -p "$tree/boot/grub"
	(cd "$tree" && busybox cpio -id <"$dir/initramfs")
	cp "$dir/vmlinuz" "$tree/boot/vmlinuz"
	cat >"$tree/boot/grub/grub.cfg" <<-EOT
		linux /boot/vmlinuz root=/dev/nvme0n1p1 rw init=/init quiet console=ttyS0 panic=-1
		boot
	EOT
	grub-mkimage -O i386-pc -d $grub -p '(hd0,msdos1)/boot/grub' -o "$dir/core.img" \
		biosdisk part_msdos ext2 normal linux
	truncate -s ${disk_mib}M "$raw"
	echo "2048,,L,*" | sfdisk -q "$raw"
	dd if=$grub/boot.img of="$raw" bs=440 count=1 conv=notrunc
	dd if="$dir/core.img" of="$raw" bs=512 seek=1 conv=notrunc
	mke2fs -q -t ext4 -O ^has_journal -d "$tree" -E offset=1048576 "$raw" $((disk_mib - 1))M
	qemu-img convert -f raw -O vmdk "$raw" "$dir/disk.vmdk"
}

make_hypervisor()
{
	local tree=$dir/hypervisor.tree
	mkdir -p "$tree"/{guest,modules}
	find "$dir/packages" -name '*.ko' -exec cp -t "$tree/modules" {} +
	cp -l "$dir"/{vmlinuz,initramfs} "$tree/guest"
	"$SCRIPTS/build/qemu-files.sh" "$tree" /usr/bin/qemu-system-x86_64 /usr/share/seabios /usr/share/qemu
	"$SCRIPTS/build/initramfs.sh" "$dir/hypervisor" "$out" debian/job-hypervisor "$tree"
}

make_guest()
{
	# Packages before Debian 13 have files in /lib.
	mkdir -p "$dir"/packages/usr/lib{,64}
	ln -s usr/lib usr/lib64 "$dir/packages"
	take_kernel
	(make_root)
	cp "$SCRIPTS/debian/commands" "$dir/root"
	"$SCRIPTS/build/initramfs.sh" "$dir/initramfs" "$out" debian/job-tools "$dir/root"
	make_disk
	make_hypervisor
	rm -rf "$dir"/{packages,disk,disk.raw,core.img,hypervisor.tree}
}

debs=$("$SCRIPTS/source/fetch-debian.sh")
mkdir -p "$dir"
dir=$(realpath "$dir")
key=$(cd "$SCRIPTS" && { dpkg-query -W qemu-system-x86; ls "$debs"; cat debian/{guest.sh,commands,job-tools,job-hypervisor} \
	build/{initramfs,qemu-files}.sh machine/init; } | sha256sum)
if [ "$key" != "$(cat "$dir/key" 2>/dev/null)" ]; then
	rm -rf "${dir:?}"/*
	step "Make the Debian guest" guest make_guest
	echo "$key" >"$dir/key"
fi
