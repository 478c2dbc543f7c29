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
	_Static_assert(sizeof(struct kvm_vmware_exit) == 96 &&
		       offsetof(struct kvm_vmware_exit, u.hcall.rax) == 16 &&
		       offsetof(struct kvm_vmware_exit, u.hcall.exception) == 72, "the layout is ABI");
	#endif
END

rc=0
for arch in arm64 loongarch mips powerpc riscv s390 x86; do
	step "Headers of $arch" "headers-$arch" make -s -C "$WORK/check" ARCH=$arch O="$dir/$arch" headers
	for cc in "gcc -m64" "gcc -m32"; do
		[ "$cc" = "gcc -m64" ] || [ $arch = x86 ] || continue
		$cc -nostdinc -isystem "$($cc -print-file-name=include)" -isystem "$dir/$arch/usr/include" \
			-Wall -Wextra -Werror -fsyntax-only "$dir/test.c" || { say "$arch ($cc): <linux/kvm.h> does not compile"; rc=1; }
	done
done
exit $rc
