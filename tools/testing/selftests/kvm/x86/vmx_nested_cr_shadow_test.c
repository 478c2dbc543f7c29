// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that L2 sees the bits of CR0 and CR4 that L1 owns as L1's read shadows
 * say, also after L0 or its userspace set CR0 and CR4 while L2 was running.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "vmx.h"

/* L1 hides NE and VMXE, which VMX requires, and shows CD and TSD instead. */
#define L1_CR0		(X86_CR0_NE | X86_CR0_CD)
#define L1_CR4		(X86_CR4_VMXE | X86_CR4_TSD)

static void l2_check_crs(void)
{
	GUEST_ASSERT_EQ(get_cr0() & L1_CR0, X86_CR0_CD);
	GUEST_ASSERT_EQ(get_cr4() & L1_CR4, X86_CR4_TSD);
}

static void l2_guest_code(void)
{
	l2_check_crs();

	/* Userspace writes back CR0 and CR4. */
	GUEST_SYNC(0);
	l2_check_crs();

	/* L0 owns CR0.MP, and so emulates the LMSW. */
	asm volatile("lmsw %w0" : : "r"((get_cr0() & 0xf) ^ X86_CR0_MP));
	l2_check_crs();

	asm volatile("mov %0, %%cr0" : : "r"(get_cr0() ^ X86_CR0_AM));
	asm volatile("mov %0, %%cr4" : : "r"(get_cr4() ^ X86_CR4_PSE));
	l2_check_crs();

	vmcall();
}

static void l1_guest_code(struct vmx_pages *vmx)
{
	u64 cr0, cr4;

	GUEST_ASSERT(prepare_for_vmx_operation(vmx));
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_guest_code);

	cr0 = vmreadz(GUEST_CR0);
	cr4 = vmreadz(GUEST_CR4);
	GUEST_ASSERT_EQ(cr0 & L1_CR0, X86_CR0_NE);
	GUEST_ASSERT_EQ(cr4 & L1_CR4, X86_CR4_VMXE);

	vmwrite(CR0_GUEST_HOST_MASK, L1_CR0);
	vmwrite(CR0_READ_SHADOW, cr0 ^ L1_CR0);
	vmwrite(CR4_GUEST_HOST_MASK, L1_CR4);
	vmwrite(CR4_READ_SHADOW, cr4 ^ L1_CR4);

	GUEST_ASSERT(!vmlaunch());
	GUEST_ASSERT_EQ(vmreadz(VM_EXIT_REASON), EXIT_REASON_VMCALL);

	/* L1's bits must not have changed, L2's must have. */
	GUEST_ASSERT_EQ(vmreadz(GUEST_CR0), (cr0 ^ (X86_CR0_MP | X86_CR0_AM)) | X86_CR0_ET);
	GUEST_ASSERT_EQ(vmreadz(GUEST_CR4), cr4 ^ X86_CR4_PSE);
	GUEST_DONE();
}

static void write_back_sregs(struct kvm_vcpu *vcpu)
{
	struct kvm_sregs sregs;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	vcpu_sregs_get(vcpu, &sregs);
	vcpu_sregs_set(vcpu, &sregs);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	gva_t vmx_gva;

	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_VMX));

	vm = vm_create_with_one_vcpu(&vcpu, l1_guest_code);
	vcpu_alloc_vmx(vm, &vmx_gva);
	vcpu_args_set(vcpu, 1, vmx_gva);

	vcpu_run_to_done(vcpu, write_back_sregs);

	kvm_vm_free(vm);
	return 0;
}
