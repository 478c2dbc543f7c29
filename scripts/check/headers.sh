#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that <linux/kvm.h> compiles with the headers of every architecture that has
# KVM, and that the new exit fits: the size of struct kvm_run's union is fixed.
#
# Usage: headers.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

[ -e "$SRC/Makefile" ] || die "there is no $(short "$SRC")" "Run: make tree"
check_out "$TIP"
dir=$WORK/headers
mkdir -p "$dir"
cat >"$dir/test.c" <<-'END'
	#include <linux/kvm.h>
	#include <stddef.h>

	_Static_assert(offsetof(struct kvm_run, kvm_valid_regs) - offsetof(struct kvm_run, padding) == 256,
		       "the union of struct kvm_run has grown");
	_Static_assert(KVM_CAP_X86_VMWARE == 252 && KVM_EXIT_VMWARE == 44, "numbers are ABI");
	#ifdef __KVM_HAVE_VMWARE
	_Static_assert(KVM_X86_VMWARE_BACKDOOR == 1 && KVM_X86_VMWARE_PSEUDO_PMCS == 2 &&
		       KVM_X86_VMWARE_HYPERCALL == 4 && KVM_X86_VMWARE_NESTED_BACKDOOR == 8 &&
		       KVM_EXIT_VMWARE_HCALL == 1 && KVM_VMWARE_EXCEPTION_VALID == 1, "flags are ABI");
	#define AT(field, offset) _Static_assert(offsetof(struct kvm_vmware_exit, field) == offset, "the layout is ABI")
	_Static_assert(sizeof(struct kvm_vmware_exit) == 96, "the layout is ABI");
	AT(type, 0); AT(pad, 4); AT(u.hcall.longmode, 8); AT(u.hcall.cpl, 12);
	AT(u.hcall.rax, 16); AT(u.hcall.rbx, 24); AT(u.hcall.rcx, 32); AT(u.hcall.rdx, 40);
	AT(u.hcall.rsi, 48); AT(u.hcall.rdi, 56); AT(u.hcall.rbp, 64);
	AT(u.hcall.exception.flags, 72); AT(u.hcall.exception.vector, 76);
	AT(u.hcall.exception.error_code, 80); AT(u.hcall.exception.pad, 84); AT(u.hcall.exception.address, 88);
	#endif
END

rc=0
for arch in arm64 loongarch mips powerpc riscv s390 x86; do
	step "Headers of $arch" "headers-$arch" make -s -j"$JOBS" -C "$WORK/check" \
		ARCH=$arch O="$dir/$arch" headers
	for cc in "gcc -m64" "gcc -m32"; do
		[ "$cc" = "gcc -m64" ] || [ $arch = x86 ] || continue
		$cc -nostdinc -isystem "$($cc -print-file-name=include)" -isystem "$dir/$arch/usr/include" \
			-Wall -Wextra -Werror -fsyntax-only "$dir/test.c" || { say "$arch ($cc): <linux/kvm.h> does not compile"; rc=1; }
	done
done
exit $rc
