#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make test-qemu: test and fuzz what QEMU does with VMware's commands and messages, with a
# bare guest on the patched kernel, and, through the ports, on QEMU's own emulation.
#
# Usage: [VENDOR=amd|intel] [COUNT=number] [SEED=number] test-qemu.sh
#
# COUNT sequences of the fuzzer per vendor (2,000), twenty times that without KVM.

. "$(dirname "$0")/lib.sh"

count=${COUNT:-2000} seed=${SEED:-1}
results=$WORK/results/qemu
bare=$results/vmware-bare

build_bare()
{
	gcc -Wall -Werror -O2 -ffreestanding -fno-pie -no-pie -mno-red-zone -mgeneral-regs-only \
		-fno-stack-protector -fcf-protection=none -nostdlib -static -Wl,--build-id=none \
		-Wl,-T,"$SCRIPTS/vmware-bare.lds" -o "$bare.elf" "$SCRIPTS/vmware-bare.c"
	objcopy -O elf32-i386 "$bare.elf" "$bare"
}

# no_kvm COMMAND-LINE [WRAPPER...]: the guest says what it found, and QEMU's exit code is 33
# if all is well.
no_kvm()
{
	local rc=0 cmdline=$1
	shift
	timeout -s KILL 1200 "$@" "$QEMU/qemu-system-x86_64" -L "$QEMU" -nodefaults -display none -accel tcg -m 64 \
		-no-reboot -serial stdio -device '{"driver":"vmrpc","guestinfo":{"x":"hello"}}' \
		-device isa-debug-exit,iobase=0xf4 -kernel "$bare" -append "$cmdline" </dev/null || rc=$?
	[ $rc -eq 33 ]
}

"$SCRIPTS/build-qemu.sh"
"$SCRIPTS/build.sh" kernel
mkdir -p "$results"
step "Build the bare guest" bare build_bare
step "Test without KVM" bare-commands no_kvm test
step "Fuzz without KVM" bare-fuzz no_kvm "fuzz $seed $((count * 20))"
step "Fuzz without KVM, in valgrind" bare-valgrind no_kvm "fuzz $seed $count" valgrind --error-exitcode=9

kernel=$(kernels | tail -1)
tree=$results/tree
rm -rf "$tree"
mkdir -p "$tree"
"$SCRIPTS/pack-qemu.sh" "$tree" "$QEMU/qemu-system-x86_64" "$QEMU"
"$SCRIPTS/make-initramfs.sh" "$results/initramfs" "$OUT/$kernel" job-bare "$OUT/$kernel/stage" "$tree" "$bare"
rm -rf "$tree"
failed=0
for vendor in $(vendors); do
	dir=$results/$vendor
	"$SCRIPTS/boot.sh" "$vendor" "$OUT/$kernel/arch/x86/boot/bzImage" "$results/initramfs" "$dir" \
		lab.fuzz="$count" lab.seed="$seed"
	printf '%s\n' "$vendor-bare/commands" "$vendor-bare/fuzz" >"$dir/plan"
	"$SCRIPTS/judge.sh" "$dir" "$dir/plan" >"$dir/verdict"
	grep '^\(not \)\?ok' "$dir/report" || :
	! grep -v "^pass" "$dir/verdict" || failed=1
done
[ $failed = 0 ] || die "the logs are in $(short "$results")"
