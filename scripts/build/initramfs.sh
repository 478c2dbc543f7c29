#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the initramfs of a test machine, or of a guest in it: busybox, a job that
# init runs, the programs that the job runs, and whole trees of files.
#
# Usage: initramfs.sh FILE KERNEL-OUT JOB PROGRAM|TREE...
#
# KERNEL-OUT is a build directory, for the kernel's gen_init_cpio; JOB is a file of
# scripts/. A TREE is a directory, whose files come to the same places below the root (such
# as KERNEL-OUT/stage, with a kernel's modules). The job finds the programs in
# /programs. Not compressed: to unpack takes the emulators longer than to read.

. "$(dirname "$0")/../lib.sh"

file=$1 out=$2 job=$3
shift 3

stage=$file.d
rm -rf "$stage"
mkdir -p "$stage/programs"
trees=("$stage")
for item; do
	if [ -d "$item" ]; then trees+=("$item"); else strip -o "$stage/programs/$(basename "$item")" "$item"; fi
done

{
	echo "dir /bin 0755 0 0"
	echo "file /init $SCRIPTS/machine/init 0755 0 0"
	echo "file /job $SCRIPTS/$job 0755 0 0"
	echo "file /bin/busybox $(command -v busybox) 0755 0 0"
	for tree in "${trees[@]}"; do
		tree=$(realpath "$tree")
		find "$tree" -mindepth 1 -type d -printf 'dir /%P 0755 0 0\n' -o \
			-type l -printf 'slink /%P %l 0777 0 0\n' -o \
			-type f -printf "file /%P %p 0%m 0 0\n" | LC_ALL=C sort
	done
} >"$file.list"
"$out/usr/gen_init_cpio" -t 0 "$file.list" >"$file.tmp"
mv "$file.tmp" "$file"
rm -rf "$stage" "$file.list"
