#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the initramfs of a test machine: busybox, the kernel's modules, a job
# that init runs, and the programs that the job runs.
#
# Usage: make-initramfs.sh FILE KERNEL-OUT JOB PROGRAM...
#
# KERNEL-OUT is a build directory, JOB one of scripts/guest/. The job finds the
# programs in /programs and their names, in the order given, in
# /programs/order. Not compressed: to unpack takes the emulators longer than to read.

. "$(dirname "$0")/lib.sh"

file=$1 out=$2 job=$3
shift 3

stage=$file.d
rm -rf "$stage"
mkdir -p "$stage"
for program; do
	strip -o "$stage/$(basename "$program")" "$program"
	basename "$program"
done >"$stage/order"

{
	echo "dir /bin 0755 0 0"
	echo "dir /programs 0755 0 0"
	echo "file /init $SCRIPTS/guest/init 0755 0 0"
	echo "file /job $SCRIPTS/guest/$job 0755 0 0"
	echo "file /bin/busybox $(command -v busybox) 0755 0 0"
	echo "dir /dev 0755 0 0"
	echo "nod /dev/console 0600 0 0 c 5 1"
	(cd "$stage" && find . -type f -printf '%P\n' | LC_ALL=C sort) |
		while read -r name; do echo "file /programs/$name $stage/$name 0755 0 0"; done
	(cd "$out/stage" && find lib -type d -printf 'dir /%p 0755 0 0\n' -o \
		-type f -printf "file /%p $out/stage/%p 0644 0 0\n" | LC_ALL=C sort)
} >"$file.list"
"$out/usr/gen_init_cpio" -t 0 "$file.list" >"$file.tmp"
mv "$file.tmp" "$file"
