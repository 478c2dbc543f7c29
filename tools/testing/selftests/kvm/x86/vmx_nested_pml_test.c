// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that L1 gets a PML Full VM-Exit, and nothing but that, if L0 emulates
 * an instruction of L2 that writes a page whose Dirty bit isn't set in L1's EPT.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "vmx.h"

#define TEST_PORT	0x80
#define TEST_MMIO	0xc0000000ull
#define PML_EMPTY	511
#define PML_FULL	0xffff

static void l2_ins(u8 *page)
{
	asm volatile("insb" : : "D"(page), "d"(TEST_PORT) : "memory");
}

/*
 * KVM emulates SGDT if it has to emulate UMIP, in which case the exit's
 * qualification is the displacement, whose bit 12 must not get to L1.
 */
static void l2_sgdt(u8 *page)
{
	asm volatile("sgdt 0x1000(%0)" : : "r"(page - 0x1000) : "memory");
}

static void l2_lock_add(u8 *page)
{
	asm volatile("lock addb $1, (%0)" : : "r"(page) : "memory");
}

static struct {
	void (*fn)(u8 *page);
	u8 *page;
	gpa_t gpa;
} tests[] = {
	{ l2_ins },
	{ l2_sgdt },
	{ l2_lock_add, (u8 *)TEST_MMIO, TEST_MMIO },
};

static int test;

static void l2_guest_code(void)
{
	/* Set all bits that there are to be set on the way to the page. */
	READ_ONCE(*tests[test].page);
	vmcall();

	tests[test].fn(tests[test].page);
	vmcall();
}

static void l1_resume(u32 pml_index, u32 exit_reason)
{
	vmwrite(GUEST_PML_INDEX, pml_index);
	GUEST_ASSERT(!vmresume());
	GUEST_ASSERT_EQ(vmreadz(VM_EXIT_REASON), exit_reason);
	GUEST_ASSERT_EQ(vmreadz(EXIT_QUALIFICATION), 0);
}

static void l1_test(struct vmx_pages *vmx, u64 *pml, gpa_t pml_gpa)
{
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, l2_guest_code);

	vmwrite(GUEST_CR4, vmreadz(GUEST_CR4) | X86_CR4_UMIP);
	vmwrite(PML_ADDRESS, pml_gpa);
	vmwrite(GUEST_PML_INDEX, PML_EMPTY);
	vmwrite(SECONDARY_VM_EXEC_CONTROL,
		vmreadz(SECONDARY_VM_EXEC_CONTROL) | SECONDARY_EXEC_ENABLE_PML);

	GUEST_ASSERT(!vmlaunch());
	GUEST_ASSERT_EQ(vmreadz(VM_EXIT_REASON), EXIT_REASON_VMCALL);
	vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));

	l1_resume(PML_FULL, EXIT_REASON_PML_FULL);
	l1_resume(PML_EMPTY, EXIT_REASON_VMCALL);

	GUEST_ASSERT_EQ(vmreadz(GUEST_PML_INDEX), PML_EMPTY - 1);
	GUEST_ASSERT_EQ(pml[PML_EMPTY], tests[test].gpa);
}

static void l1_guest_code(struct vmx_pages *vmx, u64 *pml, gpa_t pml_gpa)
{
	GUEST_ASSERT(prepare_for_vmx_operation(vmx));

	for (test = 0; test < ARRAY_SIZE(tests); test++)
		l1_test(vmx, pml, pml_gpa);

	GUEST_DONE();
}

static bool kvm_cpu_has_pml(void)
{
	return kvm_get_feature_msr(MSR_IA32_VMX_PROCBASED_CTLS2) >> 32 &
	       SECONDARY_EXEC_ENABLE_PML;
}

static void handle_exit(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	TEST_ASSERT((run->exit_reason == KVM_EXIT_IO && run->io.port == TEST_PORT) ||
		    (run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == TEST_MMIO),
		    "Unexpected exit: %s", exit_reason_str(run->exit_reason));
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;
	gva_t vmx_gva, pml;
	struct kvm_vm *vm;
	int i;

	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_VMX));
	TEST_REQUIRE(kvm_cpu_has_ept());
	TEST_REQUIRE(kvm_cpu_has_pml());
	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_UMIP));

	vm = vm_create_with_one_vcpu(&vcpu, l1_guest_code);
	vm_enable_tdp(vm);
	vcpu_alloc_vmx(vm, &vmx_gva);
	pml = vm_alloc_page(vm);
	vcpu_args_set(vcpu, 3, vmx_gva, pml, addr_gva2gpa(vm, pml));

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (tests[i].page)
			continue;
		tests[i].page = (void *)vm_alloc_page(vm);
		tests[i].gpa = addr_gva2gpa(vm, (gva_t)tests[i].page);
	}
	sync_global_to_guest(vm, tests);

	virt_map(vm, TEST_MMIO, TEST_MMIO, 1);
	tdp_identity_map_default_memslots(vm);
	tdp_map(vm, TEST_MMIO, TEST_MMIO, PAGE_SIZE);

	vcpu_run_to_done(vcpu, handle_exit);

	kvm_vm_free(vm);
	return 0;
}
