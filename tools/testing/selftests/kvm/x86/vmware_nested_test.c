// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_X86_VMWARE_NESTED_BACKDOOR, i.e. for who gets to see accesses of
 * L2 to the VMware backdoor (and things that look similar): L0's userspace, L1,
 * or L2 itself.  L2 executes one instruction and then exits to L1.
 */
#include <pthread.h>

#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "hyperv.h"
#include "processor.h"
#include "svm_util.h"
#include "vmware.h"
#include "vmx.h"

/* The TSS has no I/O permission bitmap, i.e. denies all ports. */
#define TSS_RSP0	4
#define TSS_IO_MAP_BASE	102

/* Pages of L2, all but L2_KERNEL are accessible by CPL3, as is what maps them. */
enum l2_page {
	L2_CODE,
	L2_BUFFER,
	L2_KERNEL,
	L2_TDP_READONLY,	/* Not writable, and ... */
	L2_TDP_ABSENT,		/* ... not present in L1's TDP. */
	NR_L2_PAGES,
};

#define l2_gva(page)	(BIT_ULL(46) + (page) * PAGE_SIZE)

enum l2_exit {
	L2_DONE,	/* The instruction completed, possibly after an exit to L0's userspace. */
	L2_EXCEPTION,	/* L2 took an exception. */
	L1_EXCEPTION,	/* L1 got a VM-Exit for an exception, */
	L1_IO,		/* I/O, */
	L1_TDP,		/* an EPT Violation or #NPF, */
	L1_OTHER,	/* or something else. */
};

static const char * const l2_exits[] = {
	"L2 done", "exception in L2", "exception in L1", "I/O in L1",
	"EPT Violation or #NPF in L1", "other exit to L1",
};

struct l2_run {
	/* What L1 is to intercept, the event to inject, and L2's CPL. */
	u32 exceptions;
	bool io;
	u32 event;
	int cpl;

	/* Input and output.  If L2 takes an exception, then as of the exception. */
	struct guest_regs regs;

	/* What L2 did, the fields of the architectures that matter are identical. */
	enum l2_exit exit;
	u64 vector;
	u64 error_code;
	u64 rip;
	u64 addr;
};

/* L1's, and the host's pointer to it. */
static struct l2_run l2_run __aligned(PAGE_SIZE);
static struct l2_run *l2;

/* Intercepts all ports. */
static u64 io_bitmap;

/* Non-NULL if L1 uses Hyper-V's enlightenments. */
static struct hyperv_test_pages *hv_pages;
static u64 hv_hcall_page;

static void l2_exception_handler(struct ex_regs *regs)
{
	l2_run.exit = L2_EXCEPTION;
	l2_run.vector = regs->vector;
	l2_run.error_code = regs->error_code;
	l2_run.rip = regs->rip;
	asm volatile("mov %%cr2, %0" : "=r"(l2_run.addr));
	l2_run.regs.rcx = regs->rcx;
	l2_run.regs.rdi = regs->rdi;

	/* Exit to L1, L2 is not coming back. */
	if (host_cpu_is_intel)
		asm volatile("vmcall" : : "a"(0), "c"(0));
	else
		asm volatile("vmmcall" : : "a"(0), "c"(0));
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

	vmwrite(EXCEPTION_BITMAP, l2_run.exceptions);
	vmwrite(VM_ENTRY_INTR_INFO_FIELD, l2_run.event);
	vmwrite(VM_ENTRY_INSTRUCTION_LEN, 2);

	controls = vmreadz(CPU_BASED_VM_EXEC_CONTROL);
	controls &= ~(CPU_BASED_UNCOND_IO_EXITING | CPU_BASED_USE_IO_BITMAPS);
	if (l2_run.io)
		controls |= CPU_BASED_USE_IO_BITMAPS;
	vmwrite(CPU_BASED_VM_EXEC_CONTROL, controls);
	vmwrite(IO_BITMAP_A, io_bitmap);
	vmwrite(IO_BITMAP_B, io_bitmap);

	guest_regs = l2_run.regs;
	GUEST_ASSERT(!vmlaunch());

	if (l2_run.exit == L2_EXCEPTION)
		return L2_EXCEPTION;

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

	if (hv_pages) {
		struct hv_vmcb_enlightenments *hv = &ctrl->hv_enlightenments;

		hv->partition_assist_page = hv_pages->partition_assist_gpa;
		hv->hv_enlightenments_control.nested_flush_hypercall = 1;
		hv->hv_vm_id = 1;
		hv->hv_vp_id = 1;
	}

	if (l2_run.io)
		ctrl->intercept |= BIT_ULL(INTERCEPT_IOIO_PROT);
	ctrl->iopm_base_pa = io_bitmap;

	guest_regs = l2_run.regs;
	run_guest(svm->vmcb, svm->vmcb_gpa);

	if (l2_run.exit == L2_EXCEPTION)
		return L2_EXCEPTION;

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

	if (hv_pages) {
		wrmsr(HV_X64_MSR_GUEST_OS_ID, HYPERV_LINUX_OS_ID);
		wrmsr(HV_X64_MSR_HYPERCALL, hv_hcall_page);
		enable_vp_assist(hv_pages->vp_assist_gpa, hv_pages->vp_assist);
		current_vp_assist->nested_control.features.directhypercall = 1;
	}

	for (;;) {
		l2_run.exit = L2_DONE;
		l2_run.exit = host_cpu_is_intel ? l1_run_l2_vmx(nested) :
						  l1_run_l2_svm(nested);
		GUEST_SYNC(0);
	}
}

FIXTURE(vmware_nested)
{
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(vmware_nested)
{
	u64 flags;
	bool tdp;	/* Does L1 use EPT/NPT? */
};

FIXTURE_VARIANT_ADD(vmware_nested, off) {
	.flags = 0,
};

FIXTURE_VARIANT_ADD(vmware_nested, not_nested) {
	.flags = KVM_X86_VMWARE_VALID_MASK & ~KVM_X86_VMWARE_NESTED_BACKDOOR,
};

FIXTURE_VARIANT_ADD(vmware_nested, all) {
	.flags = KVM_X86_VMWARE_VALID_MASK,
};

FIXTURE_VARIANT_ADD(vmware_nested, tdp) {
	.flags = KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_NESTED_BACKDOOR,
	.tdp = true,
};

static gpa_t l2_gpa(struct kvm_vm *vm, enum l2_page page)
{
	return addr_gva2gpa(vm, l2_gva(page));
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
	*vm_get_pte(vm, l2_gva(L2_KERNEL)) &= ~PTE_USER_MASK(&vm->mmu);
}

FIXTURE_SETUP(vmware_nested)
{
	const u8 vectors[] = { DB_VECTOR, GP_VECTOR, PF_VECTOR };
	struct kvm_vm *vm;
	gva_t gva, nested_gva;
	u8 *tss;
	int i;

	if (variant->tdp && !kvm_cpu_has_tdp())
		SKIP(return, "KVM doesn't support nested TDP");

	vm = vm_create(1);
	self->vm = vm;
	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, variant->flags);
	if (variant->tdp)
		vm_enable_tdp(vm);
	self->vcpu = vm_vcpu_add(vm, 0, l1_guest_code);

	if (host_cpu_is_intel)
		vcpu_alloc_vmx(vm, &nested_gva);
	else
		vcpu_alloc_svm(vm, &nested_gva);
	vcpu_args_set(self->vcpu, 1, nested_gva);

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
	if (variant->tdp) {
		tdp_identity_map_default_memslots(vm);
		*tdp_get_pte(vm, l2_gpa(vm, L2_TDP_READONLY)) &=
			~PTE_WRITABLE_MASK(&vm->stage2_mmu);
		*tdp_get_pte(vm, l2_gpa(vm, L2_TDP_ABSENT)) = 0;
	}

	l2 = addr_gva2hva(vm, (gva_t)&l2_run);
	hv_pages = NULL;
}

FIXTURE_TEARDOWN(vmware_nested)
{
	if (self->vm)
		kvm_vm_free(self->vm);
}

struct l2_insn {
	const char *name;
	u8 code[8];
	u8 len;
	u8 size;	/* Of the KVM_EXIT_IO, 0 if L2 must not have access. */
	bool is_out;
	u32 rax;
	u16 rdx;
	u16 error_code;
};

#define CODE(...)	.code = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ })

/* What's an access to the backdoor ... */
#define YES(_name, _rdx, _size, _is_out, ...)					\
	{ _name, CODE(__VA_ARGS__), .size = _size, .is_out = _is_out,		\
	  .rax = VMWARE_MAGIC, .rdx = _rdx }

/* ... and what isn't. */
#define NO(_name, _rax, _rdx, ...)						\
	{ _name, CODE(__VA_ARGS__), .rax = _rax, .rdx = _rdx }

static const struct l2_insn in = YES("in", VMWARE_PORT, 4, false, 0xed);
static const struct l2_insn out = YES("out", VMWARE_PORT, 4, true, 0xef);
static const struct l2_insn rep_ins = YES("rep insb", VMWARE_PORT_HB, 1, false, 0xf3, 0x6c);
static const struct l2_insn rep_outs = YES("rep outsb", VMWARE_PORT_HB, 1, true, 0xf3, 0x6e);

static const struct l2_insn insns[] = {
	YES("inb", VMWARE_PORT, 1, false, 0xec),
	YES("inw", VMWARE_PORT_HB, 2, false, 0x66, 0xed),
	YES("inl", VMWARE_PORT, 4, false, 0xed),
	YES("outb", VMWARE_PORT, 1, true, 0xee),
	YES("outw", VMWARE_PORT, 2, true, 0x66, 0xef),
	YES("outl", VMWARE_PORT_HB, 4, true, 0xef),
	YES("insb", VMWARE_PORT_HB, 1, false, 0x6c),
	YES("insd", VMWARE_PORT, 4, false, 0x6d),
	YES("outsb", VMWARE_PORT_HB, 1, true, 0x6e),
	YES("outsd", VMWARE_PORT, 4, true, 0x6f),

	NO("in, no magic", VMWARE_MAGIC ^ 1, VMWARE_PORT, 0xed),
	NO("out, no magic", 0, VMWARE_PORT, 0xef),
	NO("insb, no magic", 0, VMWARE_PORT_HB, 0x6c),
	NO("outsb, no magic", VMWARE_MAGIC ^ BIT(31), VMWARE_PORT_HB, 0x6e),
	NO("in, port - 1", VMWARE_MAGIC, VMWARE_PORT - 1, 0xed),
	NO("out, port + 2", VMWARE_MAGIC, VMWARE_PORT + 2, 0xef),
	NO("inb imm8", VMWARE_MAGIC, VMWARE_PORT, 0xe4, 0x58),
	NO("inl imm8", VMWARE_MAGIC, VMWARE_PORT, 0xe5, 0x59),
	NO("outb imm8", VMWARE_MAGIC, VMWARE_PORT, 0xe6, 0x58),
	NO("outl imm8", VMWARE_MAGIC, VMWARE_PORT, 0xe7, 0x80),
	NO("hlt", VMWARE_MAGIC, VMWARE_PORT, 0xf4),
	NO("rdpmc", VMWARE_MAGIC, VMWARE_PORT, 0x0f, 0x33),
	/* The GDT has no such entry, the error code is the selector. */
	{ "mov ds", CODE(0x8e, 0xd8), .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT,
	  .error_code = (u16)VMWARE_MAGIC },

	/* KVM's emulator can have other reasons to emulate L2's instruction. */
	NO("fep in", VMWARE_MAGIC, VMWARE_PORT, 0x0f, 0x0b, 'k', 'v', 'm', 0xed),
	NO("fep out", VMWARE_MAGIC, VMWARE_PORT, 0x0f, 0x0b, 'k', 'v', 'm', 0xef),
	NO("fep rdpmc", 0, 0, 0x0f, 0x0b, 'k', 'v', 'm', 0x0f, 0x33),
};

static bool is_fep(const struct l2_insn *insn)
{
	return insn->len > 5;
}

static bool is_string(const struct l2_insn *insn)
{
	return (insn->code[0] & 0xfc) == 0x6c;
}

static const struct l2_insn *cur;

/* Load L2, the next vcpu_run() makes L1 run it. */
static void load_l2(struct kvm_vm *vm, const struct l2_insn *insn, int cpl,
		    struct guest_regs regs)
{
	const u8 *hcall = (const u8 *)(host_cpu_is_intel ? "\x0f\x01\xc1" : "\x0f\x01\xd9");
	u8 *code = addr_gva2hva(vm, l2_gva(L2_CODE));

	memcpy(code, insn->code, insn->len);
	memcpy(code + insn->len, hcall, 3);

	cur = insn;
	l2->cpl = cpl;
	l2->regs = regs;
	/* Nothing but EAX and DX matters. */
	l2->regs.rax = insn->rax | 0xdeadbeef00000000;
	l2->regs.rdx = insn->rdx | 0xdeadbeefdead0000;
	l2->regs.rflags |= X86_EFLAGS_FIXED;
}

#define load_l2(vm, insn, cpl, ...)					\
	load_l2(vm, insn, cpl, (struct guest_regs) { __VA_ARGS__ })

static const char *l2_name(void)
{
	static char name[80];

	sprintf(name, "%s at CPL%d (L1 intercepts exceptions 0x%x, I/O %d)",
		cur->name, l2->cpl, l2->exceptions, l2->io);
	return name;
}

static void run_l2(struct kvm_vcpu *vcpu, enum l2_exit exit)
{
	struct ucall uc;

	vcpu_run(vcpu);

	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
	default:
		TEST_FAIL("%s: wanted '%s', got exit %u (%s), port 0x%x", l2_name(),
			  l2_exits[exit], vcpu->run->exit_reason,
			  exit_reason_str(vcpu->run->exit_reason), vcpu->run->io.port);
	}

	TEST_ASSERT(l2->exit == exit, "%s: wanted '%s', got '%s'", l2_name(),
		    l2_exits[exit], l2_exits[l2->exit]);
}

/* An exception goes to L1 if L1 wants it, and to L2 otherwise. */
static void run_l2_to_exception(struct kvm_vcpu *vcpu, u8 vector, u64 rip)
{
	run_l2(vcpu, l2->exceptions & BIT(vector) ? L1_EXCEPTION : L2_EXCEPTION);

	TEST_ASSERT(l2->vector == vector && l2->rip == rip,
		    "%s: wanted vector %u at 0x%lx, got %lu at 0x%lx", l2_name(),
		    vector, rip, l2->vector, l2->rip);
}

static void run_l2_to_gp(struct kvm_vcpu *vcpu)
{
	run_l2_to_exception(vcpu, GP_VECTOR, l2_gva(L2_CODE) + (is_fep(cur) ? 5 : 0));
	TEST_ASSERT(l2->error_code == cur->error_code,
		    "%s: got error code 0x%lx", l2_name(), l2->error_code);
}

/* Run L2 up to and including the exit to L0's userspace. */
static void run_l2_to_io(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	vcpu_run(vcpu);
	TEST_ASSERT(run->exit_reason == KVM_EXIT_IO && run->io.port == cur->rdx,
		    "%s: wanted an exit for port 0x%x, got exit %u (%s), port 0x%x", l2_name(),
		    cur->rdx, run->exit_reason, exit_reason_str(run->exit_reason), run->io.port);
	TEST_ASSERT_EQ(run->io.direction, cur->is_out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN);
	TEST_ASSERT_EQ(run->io.size, cur->size);
	TEST_ASSERT(run->flags & KVM_RUN_X86_GUEST_MODE, "L2 isn't active");
}

static u8 *io_data(struct kvm_vcpu *vcpu)
{
	return (void *)vcpu->run + vcpu->run->io.data_offset;
}

#define for_each_l1_config()							\
	for (int __i = 0; __i < 4 && (l2->exceptions = __i & 1 ? BIT(GP_VECTOR) : 0,	\
				      l2->io = __i & 2, true); __i++)

static bool is_nested_enabled(u64 flags)
{
	return flags & KVM_X86_VMWARE_NESTED_BACKDOOR;
}

/*
 * Nothing but a full-blown backdoor access at CPL3 bypasses L1.  Note, when L2 is
 * done, it exits with the magic in EAX: its hypercalls are L1's regardless.
 */
TEST_F(vmware_nested, insns)
{
	u8 *buffer = addr_gva2hva(self->vm, l2_gva(L2_BUFFER));
	struct kvm_vcpu *vcpu = self->vcpu;
	int i, cpl;

	for_each_l1_config() {
		for (i = 0; i < ARRAY_SIZE(insns) * 3; i++) {
			cur = &insns[i / 3];
			cpl = 1 + i % 3;

			/*
			 * On VMX, KVM's emulator checks I/O intercepts first, and
			 * refuses to emulate RDPMC for L2.
			 */
			if (is_fep(cur) && (!is_forced_emulation_enabled ||
					    (host_cpu_is_intel && (l2->io || !cur->rdx))))
				continue;

			/* Save time, I/O intercepts come after CPL and bitmap. */
			if (cpl != 3 && l2->io)
				continue;

			buffer[0] = (u8)VMWARE_MAGIC;
			load_l2(self->vm, cur, cpl, .rcx = VMWARE_PMC_HOST_TSC,
				.rsi = l2_gva(L2_BUFFER), .rdi = l2_gva(L2_BUFFER));
			if (!cur->size || cpl != 3 || !is_nested_enabled(variant->flags)) {
				run_l2_to_gp(vcpu);
				continue;
			}

			run_l2_to_io(vcpu);
			if (cur->is_out)
				TEST_ASSERT_EQ(*io_data(vcpu), (u8)VMWARE_MAGIC);
			else
				*io_data(vcpu) = 0x5a;
			run_l2(vcpu, L2_DONE);
			if (!cur->is_out)
				TEST_ASSERT_EQ(is_string(cur) ? buffer[0] : (u8)l2->regs.rax, 0x5a);
		}
	}
}

/* Each iteration is an access of its own, i.e. userspace can take the magic away. */
TEST_F(vmware_nested, string_without_magic)
{
	struct kvm_regs regs;

	if (!is_nested_enabled(variant->flags))
		return;

	l2->exceptions = BIT(GP_VECTOR);
	load_l2(self->vm, &rep_outs, 3, .rcx = 3, .rsi = l2_gva(L2_BUFFER));
	run_l2_to_io(self->vcpu);
	vcpu_regs_get(self->vcpu, &regs);
	regs.rax = 0;
	vcpu_regs_set(self->vcpu, &regs);
	run_l2_to_gp(self->vcpu);
	TEST_ASSERT_EQ(l2->regs.rcx, 2);
}

/*
 * Faults of L2's buffer are L2's, or L1's if L1 wants them, or if they are due to L1's
 * TDP.  Single-step traps arrive right behind the instruction.
 */
TEST_F(vmware_nested, faults)
{
	static const struct {
		const struct l2_insn *insn;
		enum l2_page page;
		bool no_io;
		u8 vector;	/* 0 if it's a fault of the TDP */
		u32 error_code;
	} tests[] = {
		{ &rep_ins, L2_KERNEL, false, PF_VECTOR,
		  PFERR_PRESENT_MASK | PFERR_USER_MASK | PFERR_WRITE_MASK },
		{ &rep_outs, L2_KERNEL, true, PF_VECTOR, PFERR_PRESENT_MASK | PFERR_USER_MASK },
		{ &rep_ins, L2_TDP_READONLY, .error_code = PFERR_WRITE_MASK },
		{ &rep_ins, L2_TDP_ABSENT, .error_code = PFERR_WRITE_MASK },
		{ &rep_outs, L2_TDP_ABSENT, true },
		{ &in, L2_BUFFER, false, DB_VECTOR },
		{ &out, L2_BUFFER, false, DB_VECTOR },
	};
	u64 gva, addr, rip;
	int i;

	if (!is_nested_enabled(variant->flags))
		return;

	for (i = 0; i < ARRAY_SIZE(tests) * 2; i++) {
		const typeof(*tests) *t = &tests[i / 2];
		bool is_trap = t->vector == DB_VECTOR;

		if (!t->vector && !variant->tdp)
			continue;

		l2->exceptions = i & 1 ? BIT(t->vector) : 0;
		gva = l2_gva(t->page);
		addr = t->vector ? gva : l2_gpa(self->vm, t->page);
		rip = l2_gva(L2_CODE) + (is_trap ? t->insn->len : 0);

		load_l2(self->vm, t->insn, 3, .rcx = is_trap ? 1 : 4, .rsi = gva, .rdi = gva,
			.rflags = is_trap ? X86_EFLAGS_TF : 0);
		if (!t->no_io) {
			run_l2_to_io(self->vcpu);
			*io_data(self->vcpu) = 0xff;
		}
		if (t->vector)
			run_l2_to_exception(self->vcpu, t->vector, rip);
		else
			run_l2(self->vcpu, L1_TDP);
		if (is_trap)
			continue;

		if (!t->vector)
			l2->error_code &= PFERR_WRITE_MASK;
		TEST_ASSERT(l2->addr == addr && l2->error_code == t->error_code,
			    "%s: wanted error code 0x%x, address 0x%lx, got 0x%lx, 0x%lx",
			    l2_name(), t->error_code, addr, l2->error_code, l2->addr);
		TEST_ASSERT_EQ(l2->regs.rcx, 4);
		TEST_ASSERT_EQ(l2->regs.rdi, gva);
		TEST_ASSERT_EQ(*(u8 *)addr_gva2hva(self->vm, gva), 0);
	}
}

/*
 * A #GP that occurs while an event is delivered has nothing to do with L2's
 * instruction, which isn't executed.  The handler of the event isn't canonical.
 * Unlike for interrupts, bit 0 (EXT) of the error code is clear for software interrupts.
 */
TEST_F(vmware_nested, gp_on_event)
{
	static const u32 types[] = { SVM_EVTINJ_TYPE_INTR, SVM_EVTINJ_TYPE_SOFT };
	struct idt_entry *idt = addr_gva2hva(self->vm, self->vm->arch.idt);
	const u8 vector = 0x80;
	int i;

	idt[vector].dpl = 3;
	idt[vector].offset2 = 0x12345678;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i] == SVM_EVTINJ_TYPE_SOFT && !host_cpu_is_intel &&
		    !kvm_cpu_has(X86_FEATURE_NRIPS))
			SKIP(return, "KVM can't inject software interrupts without NRIPS");

		for_each_l1_config() {
			/* The encoding is that of VMX, too. */
			l2->event = SVM_EVTINJ_VALID | types[i] | vector;
			load_l2(self->vm, &in, 3, .rflags = X86_EFLAGS_IF);
			run_l2_to_exception(self->vcpu, GP_VECTOR, l2_gva(L2_CODE));
			TEST_ASSERT_EQ(l2->error_code & ~1ull, 0);

			/* The next #GP isn't mistaken for one while delivering an event. */
			l2->event = 0;
			load_l2(self->vm, &in, 3);
			if (is_nested_enabled(variant->flags)) {
				run_l2_to_io(self->vcpu);
				run_l2(self->vcpu, L2_DONE);
			} else {
				run_l2_to_gp(self->vcpu);
			}
		}
	}
}

/* If L2 is allowed to access the port, then there's no #GP and L1 is in charge. */
TEST_F(vmware_nested, allowed)
{
	static const struct l2_insn rdpmc = NO("rdpmc", 0, 0, 0x0f, 0x33);
	int cpl;

	for_each_l1_config() {
		for (cpl = 0; cpl <= 3; cpl++) {
			load_l2(self->vm, &in, cpl, .rflags = cpl << 12 /* IOPL */);
			if (l2->io) {
				run_l2(self->vcpu, L1_IO);
			} else {
				run_l2_to_io(self->vcpu);
				run_l2(self->vcpu, L2_DONE);
			}
		}

		load_l2(self->vm, &rdpmc, 0, .rcx = VMWARE_PMC_HOST_TSC);
		run_l2_to_gp(self->vcpu);
	}
}

/* Hypercalls that L1 doesn't intercept are #UD, if there is such an intercept. */
TEST_F(vmware_nested, hypercall)
{
	static const struct l2_insn nop = NO("nop", VMWARE_MAGIC, VMWARE_PORT, 0x90);

	load_l2(self->vm, &nop, 3);
	l2->exceptions = BIT(UD_VECTOR);
	if (host_cpu_is_intel)
		run_l2(self->vcpu, L2_DONE);
	else
		run_l2_to_exception(self->vcpu, UD_VECTOR, l2_gva(L2_CODE) + 1);
}

/*
 * L0 handles Hyper-V TLB flushes of L2 if L1 wants so.  RAX isn't an input, i.e.
 * can have any value.
 */
TEST_F(vmware_nested, hyperv_tlb_flush)
{
	/* Clear ECX, the hypercall that exits to L1 mustn't be a TLB flush, too. */
	static const struct l2_insn tlb_flush =
		NO("TLB flush", VMWARE_MAGIC, 0, 0x0f, 0x01, 0xd9, 0x31, 0xc9);
	gva_t hv_pages_gva;

	if (!host_cpu_is_amd || !kvm_hv_cpu_has(HV_X64_NESTED_DIRECT_FLUSH))
		SKIP(return, "No Hyper-V TLB flushes of L2, or only with an eVMCS");

	if (variant->tdp)
		SKIP(return, "L1's TDP doesn't map Hyper-V's pages");

	vcpu_set_hv_cpuid(self->vcpu);
	vcpu_set_msr(self->vcpu, HV_X64_MSR_VP_INDEX, self->vcpu->id);
	vcpu_alloc_hyperv_test_pages(self->vm, &hv_pages_gva);
	hv_pages = (void *)hv_pages_gva;
	hv_hcall_page = addr_gva2gpa(self->vm, vm_alloc_page(self->vm));
	sync_global_to_guest(self->vm, hv_pages);
	sync_global_to_guest(self->vm, hv_hcall_page);
	load_l2(self->vm, &tlb_flush, 0,
		.rcx = HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE | HV_HYPERCALL_FAST_BIT,
		.r8 = HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES | HV_FLUSH_ALL_PROCESSORS);
	run_l2(self->vcpu, L2_DONE);
	TEST_ASSERT_EQ(l2->regs.rax, HV_STATUS_SUCCESS);
}

static void *change_code(void *code)
{
	/* in eax, dx; in eax, imm8; out imm8, eax; hlt; always followed by a nop */
	static const u8 opcodes[] = { 0xed, 0xe5, 0xe7, 0xf4 };
	unsigned int i;

	for (i = 0; READ_ONCE(cur); i++) {
		WRITE_ONCE(*(u8 *)code, opcodes[i % ARRAY_SIZE(opcodes)]);
		usleep(100);
	}
	return NULL;
}

/* The instruction that's emulated is the one that was found to be an access. */
TEST_F_TIMEOUT(vmware_nested, changing_code, 120)
{
	static const struct l2_insn in_nop = YES("in; nop", VMWARE_PORT, 4, false, 0xed, 0x90);
	pthread_t thread;
	int i;

	if (variant->flags != KVM_X86_VMWARE_VALID_MASK)
		return;

	load_l2(self->vm, &in_nop, 3);
	pthread_create(&thread, NULL, change_code, addr_gva2hva(self->vm, l2_gva(L2_CODE)));

	for (i = 0; i < 1000; i++) {
		l2->regs = (struct guest_regs) {
			.rax = VMWARE_MAGIC,
			.rdx = VMWARE_PORT,
			.rflags = X86_EFLAGS_FIXED,
		};
		vcpu_run(self->vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_IO);
		if (get_ucall(self->vcpu, NULL) == UCALL_NONE) {
			TEST_ASSERT_EQ(self->vcpu->run->io.port, VMWARE_PORT);
			run_l2(self->vcpu, L2_DONE);
		} else {
			TEST_ASSERT(l2->exit == L2_EXCEPTION && l2->vector == GP_VECTOR,
				    "Wanted #GP, got '%s'", l2_exits[l2->exit]);
		}
	}

	WRITE_ONCE(cur, NULL);
	pthread_join(thread, NULL);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_NESTED_BACKDOOR);
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_GUEST_MODE));
	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_VMX) || kvm_cpu_has(X86_FEATURE_SVM));

	return test_harness_run(argc, argv);
}
