#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a kernel on a machine of a vendor, until it powers off.
#
# Usage: boot.sh VENDOR BZIMAGE INITRAMFS DIR [KERNEL-PARAMETER...]
#
# VENDOR amd is QEMU's emulation of SVM, intel Bochs' of VMX; where this
# machine's CPU has the vendor's flag and /dev/kvm can be used, either is the real thing.
# Leaves in DIR: console (the kernel's), report (what the job prints),
# emulator.log, and ended: "off", or why the machine was stopped.
# COUNT=1 makes the clock count instructions, on a machine with one CPU: QEMU then
# advances it by 1 ns with each instruction, and Bochs does so in any case.
# EMULATOR is another QEMU than Debian's, with arguments. THREAD=single gives its CPUs one
# thread in place of one each: see boot-tests.sh.
# STALL (300) and LIMIT (3600) say after how many seconds without a new line, and in
# all, a machine counts as hung.

. "$(dirname "$0")/lib.sh"

vendor=$1 bzimage=$(realpath "$2") initramfs=$(realpath "$3") dir=$4
shift 4
cmdline="console=ttyS0,115200 panic=0 no_timer_check $*"
name=$(basename "$dir")

rm -rf "$dir"
mkdir -p "$dir"
cd "$dir"
: >console
: >report

on_hardware()
{
	case $vendor in amd) flag=svm ;; intel) flag=vmx ;; esac
	grep -qw "$flag" /proc/cpuinfo && [ -r /dev/kvm ] && [ -w /dev/kvm ]
}

qemu()
{
	# shellcheck disable=SC2086
	exec ${EMULATOR:-qemu-system-x86_64} "$@" -m 2048 -nodefaults -display none -no-reboot \
		-serial file:console -serial file:report \
		-kernel "$bzimage" -initrd "$initramfs" -append "$cmdline"
}

# Bochs boots from a CD. Debian's build has a debugger that wants "c" to start.
bochs()
{
	mkdir -p iso/boot/grub
	cp "$bzimage" iso/boot/bzImage
	cp "$initramfs" iso/boot/initramfs
	cat >iso/boot/grub/grub.cfg <<-EOF
		set timeout=0
		linux /boot/bzImage $cmdline
		initrd /boot/initramfs
		boot
	EOF
	grub-mkrescue -d /usr/lib/grub/i386-pc -o boot.iso iso
	mkfifo debugger
	exec 9<>debugger
	echo c >&9
	exec bochs-bin -q -f "$SCRIPTS/bochsrc" <&9
}

if on_hardware; then
	machine="$vendor hardware"
	qemu -accel kvm -cpu host -smp 2 >emulator.log 2>&1 &
elif [ "$vendor" = amd ]; then
	machine="amd, emulated by QEMU"
	if [ -n "${COUNT:-}" ]; then
		qemu -accel tcg,thread=single -icount shift=0 -cpu max -smp 1 >emulator.log 2>&1 &
	else
		qemu -accel "tcg,thread=${THREAD:-multi}" -cpu max -smp 2 >emulator.log 2>&1 &
	fi
else
	machine="intel, emulated by Bochs"
	# Bochs' CPUID tells of threads of which there is but one: the kernel would warn.
	cmdline+=" clearcpuid=ht"
	bochs >emulator.log 2>&1 &
fi
pid=$!
trap 'kill $pid 2>/dev/null || :' EXIT
trap 'exit 1' INT TERM
echo "$machine" >machine
say "Boot $name ($machine; log: $(short "$PWD")/console)"

SECONDS=0 moved=0 size=0 ended=off
while kill -0 $pid 2>/dev/null; do
	sleep 1
	new=$(cat console report | wc -c)
	[ "$new" = "$size" ] || { size=$new moved=$SECONDS; }
	if grep -q 'Kernel panic - not syncing' console; then
		sleep 2
		ended="stopped after a panic"
	elif [ $((SECONDS - moved)) -gt "${STALL:-300}" ]; then
		ended="stopped: nothing new for $((SECONDS - moved)) s"
	elif ! kill -0 $PPID 2>/dev/null; then
		ended="stopped: its caller ended"
	elif [ $SECONDS -gt "${LIMIT:-3600}" ]; then
		ended="stopped after $SECONDS s"
	elif [ $((SECONDS % 30)) -eq 0 ]; then
		plan=$(sed -n "s/^1\.\.//p" report)
		say "    $name: $SECONDS s${plan:+, $(grep -cE "^(not )?ok " report || :) of $plan tests}"
	fi
	[ "$ended" = off ] || kill $pid 2>/dev/null || :
done
wait $pid || :
echo "$ended" >ended
rm -rf iso boot.iso debugger
say "Boot $name: $ended, $SECONDS s"
