// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that L2 has no access to the VMware backdoor, i.e. that I/O and RDPMC
 * #GP as if there were none, if L1 intercepts neither them nor #GP.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "vmx.h"

#define VMWARE_PORT	0x5658
#define VMWARE_PMC	0x10000

/* A page for CPL3, the page tables of which have the User bit set, too. */
#define L2_PAGE		BIT_ULL(46)
#define L2_DATA		(L2_PAGE + PAGE_SIZE / 2)

static const u8 fep[] = { 0x0f, 0x0b, 'k', 'v', 'm' };
static const u8 hypercall[][3] = { { 0x0f, 0x01, 0xd9 }, { 0x0f, 0x01, 0xc1 } };

static const struct {
	const char *name;
	u8 opcode[2];
	u8 size;
	u8 cpl;
	bool gp;
} insns[] = {
	{ "nop",	{ 0x90 },	1, 3, false },
	{ "in",		{ 0xed },	1, 3, true },
	{ "out",	{ 0xef },	1, 3, true },
	{ "insb",	{ 0x6c },	1, 3, true },
	{ "outsb",	{ 0x6e },	1, 3, true },
	{ "rdpmc",	{ 0x0f, 0x33 },	2, 3, true },
	{ "rdpmc",	{ 0x0f, 0x33 },	2, 0, true },
};

/*
 * An empty IDT makes a triple fault of L2's #GP.  L1 intercepts all exceptions
 * that aren't part of it, but for #UD, which KVM_FEP is made of.
 */
#define L1_EXCEPTIONS	(~(u32)(BIT(UD_VECTOR) | BIT(DF_VECTOR) | BIT(GP_VECTOR)))

static bool l1_run_l2_vmx(struct vmx_pages *vmx, u8 cpl)
{
	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, (void *)L2_PAGE);

	vmwrite(GUEST_CS_SELECTOR, get_cs() | cpl);
	vmwrite(GUEST_CS_AR_BYTES, 0xa09b | cpl << 5);
	vmwrite(GUEST_SS_SELECTOR, get_ds() | cpl);
	vmwrite(GUEST_SS_AR_BYTES, 0xc093 | cpl << 5);
	vmwrite(GUEST_DS_AR_BYTES, 0xc0f3);
	vmwrite(GUEST_ES_AR_BYTES, 0xc0f3);
	vmwrite(GUEST_IDTR_LIMIT, 0);
	vmwrite(EXCEPTION_BITMAP, L1_EXCEPTIONS);

	GUEST_ASSERT(!vmlaunch());
	return vmreadz(VM_EXIT_REASON) == EXIT_REASON_TRIPLE_FAULT;
}

static bool l1_run_l2_svm(struct svm_test_data *svm, u8 cpl)
{
	struct vmcb_save_area *save = &svm->vmcb->save;

	generic_svm_setup(svm, (void *)L2_PAGE);

	save->cpl = cpl;
	save->cs.attrib |= cpl << SVM_SELECTOR_DPL_SHIFT;
	save->ss.attrib |= cpl << SVM_SELECTOR_DPL_SHIFT;
	save->ds.attrib |= SVM_SELECTOR_DPL_MASK;
	save->es.attrib |= SVM_SELECTOR_DPL_MASK;
	save->idtr.limit = 0;
	svm->vmcb->control.intercept_exceptions = L1_EXCEPTIONS;
	svm->vmcb->control.intercept |= BIT_ULL(INTERCEPT_SHUTDOWN);

	run_guest(svm->vmcb, svm->vmcb_gpa);
	return svm->vmcb->control.exit_code == SVM_EXIT_SHUTDOWN;
}

static void l1_test(void *nested, int i, bool use_fep)
{
	u8 *code = (u8 *)L2_PAGE;
	u8 cpl = insns[i].cpl;
	bool faulted;

	if (use_fep) {
		memcpy(code, fep, sizeof(fep));
		code += sizeof(fep);
	}
	memcpy(code, insns[i].opcode, insns[i].size);
	memcpy(code + insns[i].size, hypercall[!host_cpu_is_amd_compatible],
	       sizeof(hypercall[0]));

	guest_regs = (struct guest_regs) {
		.rcx = VMWARE_PMC,
		.rdx = VMWARE_PORT,
		.rsi = L2_DATA,
		.rdi = L2_DATA,
		.rflags = X86_EFLAGS_FIXED,
	};

	faulted = this_cpu_has(X86_FEATURE_VMX) ?
		  l1_run_l2_vmx(nested, cpl) :
		  l1_run_l2_svm(nested, cpl);
	__GUEST_ASSERT(faulted == insns[i].gp,
		       "L2's '%s%s' at CPL%u %s", use_fep ? "fep " : "",
		       insns[i].name, cpl, faulted ? "faulted" : "didn't #GP");
}

static void l1_guest_code(void *nested)
{
	int i;

	if (this_cpu_has(X86_FEATURE_VMX))
		GUEST_ASSERT(prepare_for_vmx_operation(nested));

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		l1_test(nested, i, false);
		if (is_forced_emulation_enabled)
			l1_test(nested, i, true);
	}

	GUEST_DONE();
}

static void map_l2_page(struct kvm_vm *vm)
{
	u64 *pgd = addr_gpa2hva(vm, vm->mmu.pgd);
	int i = (L2_PAGE >> PG_LEVEL_SHIFT(vm->mmu.pgtable_levels)) & 511;
	gpa_t gpa = addr_gva2gpa(vm, vm_alloc_page(vm));

	PTE_ALWAYS_SET_MASK(&vm->mmu) |= PTE_USER_MASK(&vm->mmu);
	virt_map(vm, L2_PAGE, gpa, 1);
	PTE_ALWAYS_SET_MASK(&vm->mmu) &= ~PTE_USER_MASK(&vm->mmu);

	/* With 5-level paging this is one that existed. */
	pgd[i] |= PTE_USER_MASK(&vm->mmu);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	struct ucall uc;
	gva_t nested;

	TEST_REQUIRE(get_kvm_param_bool("enable_vmware_backdoor"));
	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_SVM) || kvm_cpu_has(X86_FEATURE_VMX));

	vm = vm_create_with_one_vcpu(&vcpu, l1_guest_code);
	map_l2_page(vm);

	if (kvm_cpu_has(X86_FEATURE_SVM))
		vcpu_alloc_svm(vm, &nested);
	else
		vcpu_alloc_vmx(vm, &nested);
	vcpu_args_set(vcpu, 1, nested);

	for (;;) {
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);

		switch (get_ucall(vcpu, &uc)) {
		case UCALL_NONE:
			/* L2's, let it continue so that L1 can complain. */
			break;
		case UCALL_DONE:
			kvm_vm_free(vm);
			return 0;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
		default:
			TEST_FAIL("Unknown ucall %lu", uc.cmd);
		}
	}
}
