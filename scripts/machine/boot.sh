#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a kernel on a machine of a vendor, until it powers off.
#
# Usage: boot.sh vendor=amd|intel kernel=DIR initramfs=FILE dir=DIR [OPTION=VALUE...]
#
# amd is QEMU's emulation of SVM, intel Bochs' of VMX; where this machine's CPU has the
# vendor's flag and /dev/kvm can be used, either is the real thing. build/emulators.sh
# built what boots them. kernel= is a build
# directory. Leaves in dir=: console (the kernel's), report (what the job prints),
# machine, emulator.log, and ended: "off", or why the machine was stopped.
#
#   params="..."    kernel parameters
#   threads=multi   amd: a thread for each CPU, not one for both. About once in a million
#                   exits the SVM of QEMU 7.2 saved the host's registers as the guest's, or ran
#                   an instruction that was no more; but a guest's firmware, which waits for
#                   QEMU by polling, needs them.
#   cpus=2          two CPUs where Bochs emulates them, too: it takes twice as long
#   clock=count     one CPU, and a clock that counts instructions: QEMU advances it by 1 ns
#                   with each, and Bochs does so in any case
#   stall=SECONDS   a machine counts as hung that says nothing new for so long   (300)
#   limit=SECONDS   or that runs for longer                                      (3600)
#   show=1          print the emulator's command, and do nothing

. "$(dirname "$0")/../lib.sh"

take "vendor kernel initramfs dir" "params threads cpus clock stall limit show" "$@"
bzimage=$(realpath "$kernel/arch/x86/boot/bzImage") initramfs=$(realpath "$initramfs")
cmdline="console=ttyS0,115200 panic=0 no_timer_check $params"

if on_hardware "$vendor"; then
	machine="$vendor hardware" cpu="-accel kvm -cpu host -smp 2"
elif [ "$vendor" = amd ]; then
	# Like AMD's before Zen 3, on which KVM has to look at #GPs for guests with EFER.SVME, too.
	model=max,svme-addr-chk=off
	machine="amd, emulated by QEMU" cpu="-accel tcg,thread=${threads:-single} -cpu $model -smp 2"
	[ "$clock" != count ] || cpu="-accel tcg,thread=single -icount shift=0 -cpu $model -smp 1"
else
	machine="intel, emulated by Bochs" cpu=
	[ "$clock" != count ] || cpus=1
	# Its CPUID tells of threads even if there is but one: the kernel would warn.
	[ "${cpus:-1}" != 1 ] || cmdline+=" clearcpuid=ht"
fi
if [ -n "$cpu" ]; then
	# shellcheck disable=SC2206 # words
	command=($QEMU_COMMAND $cpu -m 2048 -nodefaults -display none -no-reboot
		-serial "file:console" -serial "file:report"
		-kernel "$bzimage" -initrd "$initramfs" -append "$cmdline")
else
	command=("$BOCHS/bochs" -q -f "$SCRIPTS/machine/bochsrc" "cpu: count=1:${cpus:-1}:1")
fi
if [ -n "$show" ]; then
	printf '%s\n' "${command[*]}" "$cmdline" "stall ${stall:-300} limit ${limit:-3600}"
	exit
fi

name=$(short "$(realpath -m "$dir")")
rm -rf "$dir"
mkdir -p "$dir"
cd "$dir"
: >console
: >report
echo "$machine" >machine

# Bochs boots from a CD.
bochs()
{
	mkdir -p iso/boot/grub
	cp "$bzimage" iso/boot/bzImage
	cp "$initramfs" iso/boot/initramfs
	cat >iso/boot/grub/grub.cfg <<-END
		set timeout=0
		linux /boot/bzImage $cmdline
		initrd /boot/initramfs
		boot
	END
	grub-mkrescue -d /usr/lib/grub/i386-pc -o boot.iso iso
	exec "${command[@]}"
}

if [ -n "$cpu" ]; then
	"${command[@]}" >emulator.log 2>&1 &
else
	bochs >emulator.log 2>&1 &
fi
pid=$!
trap 'kill $pid 2>/dev/null || :' EXIT
trap 'exit 1' INT TERM
say "Boot $name ($machine)"

SECONDS=0 moved=0 size=0 ended=off
while kill -0 $pid 2>/dev/null; do
	sleep 1
	new=$(cat console report | wc -c)
	[ "$new" = "$size" ] || { size=$new moved=$SECONDS; }
	if grep -q 'Kernel panic - not syncing' console; then
		sleep 2
		ended="stopped after a panic"
	elif [ $((SECONDS - moved)) -gt "${stall:-300}" ]; then
		ended="stopped: nothing new for $((SECONDS - moved)) s"
	elif ! kill -0 $PPID 2>/dev/null; then
		ended="stopped: its caller ended"
	elif [ $SECONDS -gt "${limit:-3600}" ]; then
		ended="stopped after $SECONDS s"
	elif [ -t 2 ] && [ $((SECONDS % 30)) -eq 0 ]; then
		of=$(sed -n "s/^1\.\.//p" report)
		say "    $name: $SECONDS s${of:+, $(grep -cE "^(not )?ok " report || :) of $of tests}"
	fi
	[ "$ended" = off ] || kill $pid 2>/dev/null || :
done
wait $pid || :
echo "$ended" >ended
rm -rf iso boot.iso
say "Boot $name: $ended, $SECONDS s, $(grep -cE "^(not )?ok " report || :) tests"
