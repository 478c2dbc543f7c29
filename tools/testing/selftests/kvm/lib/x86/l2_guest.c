// SPDX-License-Identifier: GPL-2.0-only
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "l2_guest.h"

/* The TSS has no I/O permission bitmap, i.e. denies all ports. */
#define TSS_RSP0	4
#define TSS_IO_MAP_BASE	102

static const char * const l2_exits[] = {
	"L2 done", "exception in L2", "exception in L1", "I/O in L1",
	"EPT Violation or #NPF in L1", "other exit to L1",
};

/* L1's, and the host's pointer to it. */
static struct l2_run l2_run __aligned(PAGE_SIZE);
struct l2_run *l2;
const struct vmware_insn *l2_cur;

/* Intercepts all ports. */
static u64 io_bitmap;

static void l2_exception_handler(struct ex_regs *regs)
{
	l2_run.exit = L2_EXCEPTION;
	l2_run.vector = regs->vector;
	l2_run.error_code = regs->error_code;
	l2_run.rip = regs->rip;
	asm volatile("mov %%cr2, %0" : "=r"(l2_run.addr));
	l2_run.regs.rcx = regs->rcx;
	l2_run.regs.rsi = regs->rsi;
	l2_run.regs.rdi = regs->rdi;

	/* Exit to L1, L2 is not coming back. */
	if (host_cpu_is_intel)
		asm volatile("vmcall" : : "a"(0), "c"(0) : "memory");
	else
		asm volatile("vmmcall" : : "a"(0), "c"(0) : "memory");
	GUEST_FAIL("L2 was resumed after an exception");
}

static enum l2_exit l1_run_l2_vmx(struct vmx_pages *vmx)
{
	u32 controls;

	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, (void *)l2_gva(L2_CODE));

	vmwrite(GUEST_RFLAGS, l2_run.regs.rflags);
	vmwrite(GUEST_CS_SELECTOR, get_cs() | l2_run.cpl);
	vmwrite(GUEST_CS_AR_BYTES, 0xa09b | l2_run.cpl << 5);
	vmwrite(GUEST_SS_SELECTOR, get_ds() | l2_run.cpl);
	vmwrite(GUEST_SS_AR_BYTES, 0xc093 | l2_run.cpl << 5);
	vmwrite(GUEST_DS_AR_BYTES, 0xc0f3);
	vmwrite(GUEST_ES_AR_BYTES, 0xc0f3);
	vmwrite(GUEST_GDTR_LIMIT, get_gdt().size);

	vmwrite(EXCEPTION_BITMAP, l2_run.exceptions);
	vmwrite(VM_ENTRY_INTR_INFO_FIELD, l2_run.event);
	vmwrite(VM_ENTRY_INSTRUCTION_LEN, 2);

	controls = vmreadz(CPU_BASED_VM_EXEC_CONTROL) &
		   ~(CPU_BASED_UNCOND_IO_EXITING | CPU_BASED_USE_IO_BITMAPS);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL, controls | (l2_run.io ? CPU_BASED_USE_IO_BITMAPS : 0));
	vmwrite(IO_BITMAP_A, io_bitmap);
	vmwrite(IO_BITMAP_B, io_bitmap);

	guest_regs = l2_run.regs;
	GUEST_ASSERT(!vmlaunch());

	if (l2_run.exit == L2_EXCEPTION)
		return vmreadz(VM_EXIT_REASON) == EXIT_REASON_VMCALL ? L2_EXCEPTION : L1_OTHER;

	l2_run.regs = guest_regs;
	l2_run.rip = vmreadz(GUEST_RIP);

	switch (vmreadz(VM_EXIT_REASON)) {
	case EXIT_REASON_VMCALL:
		return L2_DONE;
	case EXIT_REASON_EXCEPTION_NMI:
		l2_run.vector = vmreadz(VM_EXIT_INTR_INFO) & 0xff;
		l2_run.error_code = vmreadz(VM_EXIT_INTR_ERROR_CODE);
		l2_run.addr = vmreadz(EXIT_QUALIFICATION);
		return L1_EXCEPTION;
	case EXIT_REASON_IO_INSTRUCTION:
		return L1_IO;
	case EXIT_REASON_EPT_VIOLATION:
		l2_run.error_code = vmreadz(EXIT_QUALIFICATION);
		l2_run.addr = vmreadz(GUEST_PHYSICAL_ADDRESS);
		return L1_TDP;
	default:
		return L1_OTHER;
	}
}

static enum l2_exit l1_run_l2_svm(struct svm_test_data *svm)
{
	struct vmcb_control_area *ctrl = &svm->vmcb->control;
	struct vmcb_save_area *save = &svm->vmcb->save;

	generic_svm_setup(svm, (void *)l2_gva(L2_CODE));

	save->cpl = l2_run.cpl;
	save->cs.attrib |= l2_run.cpl << SVM_SELECTOR_DPL_SHIFT;
	save->ss.attrib |= l2_run.cpl << SVM_SELECTOR_DPL_SHIFT;
	save->ds.attrib |= SVM_SELECTOR_DPL_MASK;
	save->es.attrib |= SVM_SELECTOR_DPL_MASK;

	ctrl->intercept_exceptions = l2_run.exceptions;
	ctrl->event_inj = l2_run.event;
	ctrl->next_rip = save->rip;
	if (l2_run.exceptions & BIT(UD_VECTOR))
		ctrl->intercept &= ~BIT_ULL(INTERCEPT_VMMCALL);
	if (l2_run.io)
		ctrl->intercept |= BIT_ULL(INTERCEPT_IOIO_PROT);
	ctrl->iopm_base_pa = io_bitmap;
	if (l2_run.l1_hook)
		l2_run.l1_hook(svm);

	guest_regs = l2_run.regs;
	run_guest(svm->vmcb, svm->vmcb_gpa);

	if (l2_run.exit == L2_EXCEPTION)
		return ctrl->exit_code == SVM_EXIT_VMMCALL ? L2_EXCEPTION : L1_OTHER;

	l2_run.regs = guest_regs;
	l2_run.rip = save->rip;
	l2_run.vector = ctrl->exit_code - SVM_EXIT_EXCP_BASE;
	l2_run.error_code = ctrl->exit_info_1;
	l2_run.addr = ctrl->exit_info_2;

	switch (ctrl->exit_code) {
	case SVM_EXIT_VMMCALL:
		return L2_DONE;
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31:
		return L1_EXCEPTION;
	case SVM_EXIT_IOIO:
		return L1_IO;
	case SVM_EXIT_NPF:
		return L1_TDP;
	default:
		return L1_OTHER;
	}
}

static void l1_guest_code(void *nested)
{
	if (host_cpu_is_intel)
		GUEST_ASSERT(prepare_for_vmx_operation(nested));

	for (;;) {
		l2_run.exit = L2_DONE;
		l2_run.exit = host_cpu_is_intel ? l1_run_l2_vmx(nested) : l1_run_l2_svm(nested);
		GUEST_SYNC(0);
	}
}

static void map_l2_pages(struct kvm_vm *vm)
{
	u64 *pgd = addr_gpa2hva(vm, vm->mmu.pgd);
	enum l2_page page;

	PTE_ALWAYS_SET_MASK(&vm->mmu) |= PTE_USER_MASK(&vm->mmu);
	for (page = 0; page < NR_L2_PAGES; page++)
		virt_map(vm, l2_gva(page), addr_gva2gpa(vm, vm_alloc_page(vm)), 1);
	PTE_ALWAYS_SET_MASK(&vm->mmu) &= ~PTE_USER_MASK(&vm->mmu);

	/* With 5-level paging this is one that existed. */
	pgd[l2_gva(0) >> PG_LEVEL_SHIFT(vm->mmu.pgtable_levels) & 511] |= PTE_USER_MASK(&vm->mmu);
}

struct kvm_vcpu *l2_vcpu_add(struct kvm_vm *vm, bool tdp)
{
	const u8 vectors[] = { DB_VECTOR, UD_VECTOR, GP_VECTOR, PF_VECTOR };
	struct kvm_vcpu *vcpu;
	gva_t gva, nested_gva;
	u8 *tss;
	int i;

	if (tdp)
		vm_enable_tdp(vm);
	vcpu = vm_vcpu_add(vm, 0, l1_guest_code);

	if (host_cpu_is_intel)
		vcpu_alloc_vmx(vm, &nested_gva);
	else
		vcpu_alloc_svm(vm, &nested_gva);
	vcpu_args_set(vcpu, 1, nested_gva);

	for (i = 0; i < ARRAY_SIZE(vectors); i++)
		vm_install_exception_handler(vm, vectors[i], l2_exception_handler);
	tss = addr_gva2hva(vm, vm->arch.tss);
	*(u64 *)(tss + TSS_RSP0) = vm_alloc_stack(vm, 4) & ~0xfull;
	*(u16 *)(tss + TSS_IO_MAP_BASE) = 0xffff;

	/* SVM's bitmap spans three pages. */
	gva = vm_alloc_pages(vm, 3);
	memset(addr_gva2hva(vm, gva), 0xff, 3 * PAGE_SIZE);
	io_bitmap = addr_gva2gpa(vm, gva);
	sync_global_to_guest(vm, io_bitmap);

	map_l2_pages(vm);
	if (tdp)
		tdp_identity_map_default_memslots(vm);

	l2 = addr_gva2hva(vm, (gva_t)&l2_run);
	return vcpu;
}

void l2_load(struct kvm_vm *vm, const struct vmware_insn *insn, int cpl, u64 rcx, u64 addr,
	     u64 rflags)
{
	u8 *code = addr_gva2hva(vm, l2_gva(L2_CODE));

	memcpy(code, insn->code, insn->len);
	memcpy(code + insn->len, vmware_hcall(host_cpu_is_intel), 3);

	l2_cur = insn;
	l2->cpl = cpl;
	/* Nothing but EAX and DX matters. */
	l2->regs = (struct guest_regs) {
		.rax = insn->eax | 0xdeadbeef00000000,
		.rdx = insn->dx | 0xdeadbeefdead0000,
		.rcx = rcx,
		.rsi = addr,
		.rdi = addr,
		.rflags = rflags | X86_EFLAGS_FIXED,
	};
}

const char *l2_name(void)
{
	static char name[80];

	snprintf(name, sizeof(name), "%s at CPL%d (L1 intercepts exceptions 0x%x, I/O %d)",
		 l2_cur->name, l2->cpl, l2->exceptions, l2->io);
	return name;
}

void l2_run_to(struct kvm_vcpu *vcpu, enum l2_exit exit)
{
	struct kvm_run *run = vcpu->run;
	struct ucall uc;

	vcpu_run(vcpu);

	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
	default:
		TEST_FAIL("%s: wanted '%s', got exit %u (%s), port 0x%x", l2_name(),
			  l2_exits[exit], run->exit_reason,
			  exit_reason_str(run->exit_reason), run->io.port);
	}

	TEST_ASSERT(l2->exit == exit, "%s: wanted '%s', got '%s'", l2_name(),
		    l2_exits[exit], l2_exits[l2->exit]);
}

void l2_run_to_exception(struct kvm_vcpu *vcpu, u8 vector, u64 rip)
{
	l2_run_to(vcpu, l2->exceptions & BIT(vector) ? L1_EXCEPTION : L2_EXCEPTION);

	TEST_ASSERT(l2->vector == vector && l2->rip == rip,
		    "%s: wanted vector %u at 0x%lx, got %lu at 0x%lx", l2_name(),
		    vector, rip, l2->vector, l2->rip);
}

void l2_run_to_gp(struct kvm_vcpu *vcpu)
{
	/* The GDT has no entry for what's loaded into DS, the error code is the selector. */
	u16 error_code = l2_cur->code[0] == 0x8e ? l2_cur->eax : 0;

	l2_run_to_exception(vcpu, GP_VECTOR, l2_gva(L2_CODE) + (l2_is_fep(l2_cur) ? 5 : 0));
	TEST_ASSERT(l2->error_code == error_code, "%s: got error code 0x%lx", l2_name(),
		    l2->error_code);
}
