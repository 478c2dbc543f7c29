// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_X86_VMWARE_NESTED_BACKDOOR, i.e. for who gets to see accesses of
 * L2 to the VMware backdoor (and things that look similar): L0's userspace, L1,
 * or L2 itself.  L2 executes one instruction and then exits to L1.
 */
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

enum outcome {
	L2_DONE,	/* The instruction completed, possibly after an exit to L0's userspace. */
	L2_GP,		/* L2 took a #GP. */
	L1_GP,		/* L1 got a #GP VM-Exit. */
	L1_IO,		/* L1 got an I/O VM-Exit. */
	L1_TDP,		/* L1 got an EPT Violation or #NPF. */
	L1_OTHER,
};

enum l1_io {
	L1_IO_NONE,
	L1_IO_ALL,
	L1_IO_BITMAP,	/* Only the ports of the backdoor. */
	NR_L1_IO,
};

struct l1_config {
	bool intercept_gp;
	enum l1_io io;
	u8 inject_vector;	/* Deliver a software interrupt before running L2. */
};

/* Written by the host for each run of L2, read by L1. */
static struct l1_config l1_config;
static bool l2_is_cpl3;
static u8 l2_code[16];
static struct guest_regs l2_regs;
static u64 l2_stack;
static u64 io_bitmap_all;
static u64 io_bitmap_vmware;

/* Non-NULL if L1 uses Hyper-V's enlightenments. */
static struct hyperv_test_pages *hv_pages;
static u64 hv_hcall_page;

static bool l2_took_gp;
static char l2_buffer[64];

static void l2_gp_handler(struct ex_regs *regs)
{
	l2_took_gp = true;

	/* Exit to L1, this vCPU is not coming back. */
	if (host_cpu_is_intel)
		asm volatile("vmcall" : : "a"(0), "c"(0));
	else
		asm volatile("vmmcall" : : "a"(0), "c"(0));
	GUEST_FAIL("L2 was resumed after a #GP");
}

static enum outcome l1_run_l2_vmx(struct vmx_pages *vmx)
{
	u32 controls;

	GUEST_ASSERT(load_vmcs(vmx));
	prepare_vmcs(vmx, NULL);

	vmwrite(GUEST_RIP, (u64)l2_code);
	vmwrite(GUEST_RSP, l2_stack);
	vmwrite(GUEST_RFLAGS, l2_regs.rflags);
	if (l2_is_cpl3) {
		vmwrite(GUEST_CS_SELECTOR, get_cs() | 3);
		vmwrite(GUEST_CS_AR_BYTES, 0xa0fb);
		vmwrite(GUEST_SS_SELECTOR, get_ds() | 3);
		vmwrite(GUEST_SS_AR_BYTES, 0xc0f3);
		vmwrite(GUEST_DS_SELECTOR, get_ds() | 3);
		vmwrite(GUEST_DS_AR_BYTES, 0xc0f3);
		vmwrite(GUEST_ES_SELECTOR, get_ds() | 3);
		vmwrite(GUEST_ES_AR_BYTES, 0xc0f3);
	}

	if (l1_config.intercept_gp)
		vmwrite(EXCEPTION_BITMAP, BIT(GP_VECTOR));

	if (l1_config.inject_vector) {
		vmwrite(VM_ENTRY_INTR_INFO_FIELD, BIT(31) /* valid */ |
			4u << 8 /* software interrupt */ | l1_config.inject_vector);
		vmwrite(VM_ENTRY_INSTRUCTION_LEN, 2);
	}

	controls = vmreadz(CPU_BASED_VM_EXEC_CONTROL);
	controls &= ~(CPU_BASED_UNCOND_IO_EXITING | CPU_BASED_USE_IO_BITMAPS);
	if (l1_config.io == L1_IO_ALL) {
		controls |= CPU_BASED_UNCOND_IO_EXITING;
	} else if (l1_config.io == L1_IO_BITMAP) {
		controls |= CPU_BASED_USE_IO_BITMAPS;
		vmwrite(IO_BITMAP_A, io_bitmap_vmware);
		vmwrite(IO_BITMAP_B, io_bitmap_vmware + PAGE_SIZE);
	}
	vmwrite(CPU_BASED_VM_EXEC_CONTROL, controls);

	guest_regs = l2_regs;
	GUEST_ASSERT(!vmlaunch());

	switch (vmreadz(VM_EXIT_REASON)) {
	case EXIT_REASON_VMCALL:
		return l2_took_gp ? L2_GP : L2_DONE;
	case EXIT_REASON_EXCEPTION_NMI:
		return (vmreadz(VM_EXIT_INTR_INFO) & 0xff) == GP_VECTOR ? L1_GP : L1_OTHER;
	case EXIT_REASON_IO_INSTRUCTION:
		return L1_IO;
	case EXIT_REASON_EPT_VIOLATION:
		return L1_TDP;
	default:
		return L1_OTHER;
	}
}

static enum outcome l1_run_l2_svm(struct svm_test_data *svm)
{
	struct vmcb_control_area *ctrl = &svm->vmcb->control;
	struct vmcb_save_area *save = &svm->vmcb->save;

	generic_svm_setup(svm, l2_code);

	save->rsp = l2_stack;
	if (l2_is_cpl3) {
		save->cpl = 3;
		save->cs.selector |= 3;
		save->cs.attrib |= SVM_SELECTOR_DPL_MASK;
		save->ss.selector |= 3;
		save->ss.attrib |= SVM_SELECTOR_DPL_MASK;
		save->ds.attrib |= SVM_SELECTOR_DPL_MASK;
		save->es.attrib |= SVM_SELECTOR_DPL_MASK;
	}

	if (l1_config.intercept_gp)
		ctrl->intercept_exceptions |= BIT(GP_VECTOR);

	if (l1_config.inject_vector) {
		ctrl->event_inj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_SOFT |
				  l1_config.inject_vector;
		ctrl->next_rip = save->rip;
	}

	if (hv_pages) {
		struct hv_vmcb_enlightenments *hv = &ctrl->hv_enlightenments;

		hv->partition_assist_page = hv_pages->partition_assist_gpa;
		hv->hv_enlightenments_control.nested_flush_hypercall = 1;
		hv->hv_vm_id = 1;
		hv->hv_vp_id = 1;
	}

	if (l1_config.io != L1_IO_NONE) {
		ctrl->intercept |= BIT_ULL(INTERCEPT_IOIO_PROT);
		ctrl->iopm_base_pa = l1_config.io == L1_IO_ALL ? io_bitmap_all :
								 io_bitmap_vmware;
	}

	guest_regs = l2_regs;
	run_guest(svm->vmcb, svm->vmcb_gpa);

	switch (ctrl->exit_code) {
	case SVM_EXIT_VMMCALL:
		return l2_took_gp ? L2_GP : L2_DONE;
	case SVM_EXIT_EXCP_BASE + GP_VECTOR:
		return L1_GP;
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
		l2_took_gp = false;
		GUEST_SYNC(host_cpu_is_intel ? l1_run_l2_vmx(nested) :
					       l1_run_l2_svm(nested));
	}
}

/* Let unprivileged code in L2, which shares its page tables with L1, access all. */
static void set_user_bits(struct kvm_vm *vm, gpa_t table, int level)
{
	u64 *pte = addr_gpa2hva(vm, table);
	int i;

	for (i = 0; i < 512; i++) {
		if (!(pte[i] & PTE_PRESENT_MASK(&vm->mmu)))
			continue;

		pte[i] |= PTE_USER_MASK(&vm->mmu);
		if (level > 1)
			set_user_bits(vm, PTE_GET_PA(pte[i]), level - 1);
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

FIXTURE_VARIANT_ADD(vmware_nested, backdoor) {
	.flags = KVM_X86_VMWARE_BACKDOOR,
};

FIXTURE_VARIANT_ADD(vmware_nested, nested_backdoor) {
	.flags = KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_NESTED_BACKDOOR,
};

FIXTURE_VARIANT_ADD(vmware_nested, all) {
	.flags = KVM_X86_VMWARE_VALID_MASK,
};

FIXTURE_VARIANT_ADD(vmware_nested, all_tdp) {
	.flags = KVM_X86_VMWARE_VALID_MASK,
	.tdp = true,
};

static gpa_t alloc_io_bitmap(struct kvm_vm *vm, bool all)
{
	/* SVM's bitmap spans three pages, the last page is all but unused. */
	gva_t gva = vm_alloc_pages(vm, 3);
	u8 *bitmap = addr_gva2hva(vm, gva);

	memset(bitmap, all ? 0xff : 0, 3 * PAGE_SIZE);
	if (!all)
		bitmap[VMWARE_PORT / 8] |= BIT(VMWARE_PORT % 8) | BIT(VMWARE_PORT_HB % 8);

	return addr_gva2gpa(vm, gva);
}

FIXTURE_SETUP(vmware_nested)
{
	gva_t nested_gva;
	u8 *tss;

	if (variant->tdp && !kvm_cpu_has_tdp())
		SKIP(return, "KVM doesn't support nested TDP");

	self->vm = vm_create(1);
	vm_enable_cap(self->vm, KVM_CAP_X86_VMWARE, variant->flags);
	if (variant->tdp)
		vm_enable_tdp(self->vm);
	self->vcpu = vm_vcpu_add(self->vm, 0, l1_guest_code);

	if (host_cpu_is_intel)
		vcpu_alloc_vmx(self->vm, &nested_gva);
	else
		vcpu_alloc_svm(self->vm, &nested_gva);
	vcpu_args_set(self->vcpu, 1, nested_gva);

	vm_install_exception_handler(self->vm, GP_VECTOR, l2_gp_handler);
	tss = addr_gva2hva(self->vm, self->vm->arch.tss);
	*(u64 *)(tss + TSS_RSP0) = vm_alloc_stack(self->vm, 4) & ~0xfull;
	*(u16 *)(tss + TSS_IO_MAP_BASE) = 0xffff;

	l2_stack = vm_alloc_stack(self->vm, 1);
	io_bitmap_all = alloc_io_bitmap(self->vm, true);
	io_bitmap_vmware = alloc_io_bitmap(self->vm, false);
	sync_global_to_guest(self->vm, l2_stack);
	sync_global_to_guest(self->vm, io_bitmap_all);
	sync_global_to_guest(self->vm, io_bitmap_vmware);

	set_user_bits(self->vm, self->vm->mmu.pgd, self->vm->mmu.pgtable_levels);

	if (variant->tdp)
		tdp_identity_map_default_memslots(self->vm);

	l1_config = (struct l1_config) {};
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
};

#define L2_INSN(_name, ...)						\
	{ .name = #_name, .code = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ }) }

static const struct l2_insn in = L2_INSN(in, 0xed);
static const struct l2_insn out = L2_INSN(out, 0xef);
static const struct l2_insn in_imm = L2_INSN(in_imm, 0xe5, 0x58);
static const struct l2_insn rep_ins = L2_INSN(rep_ins, 0xf3, 0x6c);
static const struct l2_insn rep_outs = L2_INSN(rep_outs, 0xf3, 0x6e);
static const struct l2_insn rdpmc = L2_INSN(rdpmc, 0x0f, 0x33);
static const struct l2_insn hlt = L2_INSN(hlt, 0xf4);
static const struct l2_insn mov_ds = L2_INSN(mov_ds, 0x8e, 0xd8);
static const struct l2_insn nop = L2_INSN(nop, 0x90);
/* Clear ECX, the hypercall that exits to L1 mustn't be a TLB flush, too. */
static const struct l2_insn tlb_flush = L2_INSN(tlb_flush, 0x0f, 0x01, 0xd9, 0x31, 0xc9);
static const struct l2_insn fep_in = L2_INSN(fep_in, 0x0f, 0x0b, 'k', 'v', 'm', 0xed);
static const struct l2_insn fep_rdpmc = L2_INSN(fep_rdpmc, 0x0f, 0x0b, 'k', 'v', 'm', 0x0f, 0x33);

/*
 * Load L2, the next vcpu_run() makes L1 run it.  RIP is that of GUEST_SYNC() if
 * this isn't the first run of L2.
 */
static void load_l2(struct kvm_vcpu *vcpu, const struct l2_insn *insn, bool is_cpl3,
		    struct guest_regs regs)
{
	const u8 *hcall = (const u8 *)(host_cpu_is_intel ? "\x0f\x01\xc1" : "\x0f\x01\xd9");

	memcpy(l2_code, insn->code, insn->len);
	memcpy(l2_code + insn->len, hcall, 3);
	l2_is_cpl3 = is_cpl3;
	l2_regs = regs;
	l2_regs.rflags |= X86_EFLAGS_FIXED;

	sync_global_to_guest(vcpu->vm, l2_code);
	sync_global_to_guest(vcpu->vm, l2_is_cpl3);
	sync_global_to_guest(vcpu->vm, l2_regs);
	sync_global_to_guest(vcpu->vm, l1_config);
}

#define load_l2(vcpu, insn, is_cpl3, ...)				\
	load_l2(vcpu, insn, is_cpl3, (struct guest_regs) { __VA_ARGS__ })

static const char * const outcomes[] = {
	[L2_DONE] = "L2 done", [L2_GP] = "#GP in L2", [L1_GP] = "#GP in L1",
	[L1_IO] = "I/O in L1", [L1_TDP] = "EPT Violation or #NPF in L1",
	[L1_OTHER] = "other exit to L1",
};

static void assert_outcome(struct kvm_vcpu *vcpu, const struct l2_insn *insn,
			   enum outcome wanted)
{
	struct ucall uc;

	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
	default:
		TEST_FAIL("%s: wanted '%s', got exit %u (%s), port 0x%x", insn->name,
			  outcomes[wanted], vcpu->run->exit_reason,
			  exit_reason_str(vcpu->run->exit_reason), vcpu->run->io.port);
	}

	TEST_ASSERT(uc.args[1] == wanted,
		    "%s (L1 intercepts #GP: %d, I/O: %d): wanted '%s', got '%s'",
		    insn->name, l1_config.intercept_gp, l1_config.io,
		    outcomes[wanted], uc.args[1] <= L1_OTHER ? outcomes[uc.args[1]] : "?");
}

static void run_l2(struct kvm_vcpu *vcpu, const struct l2_insn *insn, enum outcome wanted)
{
	vcpu_run(vcpu);
	assert_outcome(vcpu, insn, wanted);
}

/* Run L2 up to and including the exit to L0's userspace. */
static void run_l2_to_io(struct kvm_vcpu *vcpu, const struct l2_insn *insn,
			 int direction, u16 port, int size)
{
	struct kvm_run *run = vcpu->run;

	vcpu_run(vcpu);
	TEST_ASSERT(run->exit_reason == KVM_EXIT_IO && run->io.port == port,
		    "%s (L1 intercepts #GP: %d, I/O: %d): wanted an exit for port 0x%x, got exit %u (%s), port 0x%x",
		    insn->name, l1_config.intercept_gp, l1_config.io, port,
		    run->exit_reason, exit_reason_str(run->exit_reason), run->io.port);
	TEST_ASSERT_EQ(run->io.direction, direction);
	TEST_ASSERT_EQ(run->io.size, size);
	TEST_ASSERT(run->flags & KVM_RUN_X86_GUEST_MODE, "L2 isn't active");
}

static void *io_data(struct kvm_vcpu *vcpu)
{
	return (void *)vcpu->run + vcpu->run->io.data_offset;
}

/* A #GP goes to L1 if L1 wants it, and to L2 otherwise. */
static enum outcome gp_outcome(void)
{
	return l1_config.intercept_gp ? L1_GP : L2_GP;
}

#define for_each_l1_config()							\
	for (int __i = 0; __i < 2 * NR_L1_IO &&					\
			  (l1_config.intercept_gp = __i & 1, l1_config.io = __i >> 1, true); \
	     __i++)

static bool is_nested_enabled(u64 flags)
{
	return flags & KVM_X86_VMWARE_NESTED_BACKDOOR;
}

TEST_F(vmware_nested, cpl3_in)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	struct kvm_regs regs;

	for_each_l1_config() {
		load_l2(vcpu, &in, true, .rax = VMWARE_MAGIC, .rcx = 10, .rdx = VMWARE_PORT,
			.rsi = 0x51);
		if (!is_nested_enabled(variant->flags)) {
			run_l2(vcpu, &in, gp_outcome());
			continue;
		}

		run_l2_to_io(vcpu, &in, KVM_EXIT_IO_IN, VMWARE_PORT, 4);
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rax, VMWARE_MAGIC);
		TEST_ASSERT_EQ(regs.rcx, 10);
		regs.rax = 6;
		regs.rbx = VMWARE_MAGIC;
		regs.rcx = 2;
		vcpu_regs_set(vcpu, &regs);
		*(u32 *)io_data(vcpu) = 6;
		run_l2(vcpu, &in, L2_DONE);

		sync_global_from_guest(self->vm, guest_regs);
		TEST_ASSERT_EQ(guest_regs.rax, 6);
		TEST_ASSERT_EQ(guest_regs.rbx, VMWARE_MAGIC);
		TEST_ASSERT_EQ(guest_regs.rcx, 2);
		TEST_ASSERT_EQ(guest_regs.rsi, 0x51);
	}
}

TEST_F(vmware_nested, cpl3_out)
{
	for_each_l1_config() {
		load_l2(self->vcpu, &out, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT);
		if (!is_nested_enabled(variant->flags)) {
			run_l2(self->vcpu, &out, gp_outcome());
			continue;
		}

		run_l2_to_io(self->vcpu, &out, KVM_EXIT_IO_OUT, VMWARE_PORT, 4);
		TEST_ASSERT_EQ(*(u32 *)io_data(self->vcpu), VMWARE_MAGIC);
		run_l2(self->vcpu, &out, L2_DONE);
	}
}

/* Only EAX and DX matter, and IN can be used with the high bandwidth port as well. */
TEST_F(vmware_nested, cpl3_in_garbage)
{
	for_each_l1_config() {
		load_l2(self->vcpu, &in, true, .rax = 0xdeadbeef00000000 | VMWARE_MAGIC,
			.rdx = 0xdeadbeefdead0000 | VMWARE_PORT_HB);
		if (!is_nested_enabled(variant->flags)) {
			run_l2(self->vcpu, &in, gp_outcome());
			continue;
		}

		run_l2_to_io(self->vcpu, &in, KVM_EXIT_IO_IN, VMWARE_PORT_HB, 4);
		run_l2(self->vcpu, &in, L2_DONE);
	}
}

static const char hb_data[] = "The quick brown fox";

static void test_string_io(struct kvm_vcpu *vcpu, u64 flags, bool is_in)
{
	const struct l2_insn *insn = is_in ? &rep_ins : &rep_outs;
	size_t done = 0;

	memset(l2_buffer, 0, sizeof(l2_buffer));
	if (!is_in)
		memcpy(l2_buffer, hb_data, sizeof(hb_data));
	sync_global_to_guest(vcpu->vm, l2_buffer);

	load_l2(vcpu, insn, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT_HB,
		.rcx = sizeof(hb_data), .rsi = (u64)l2_buffer, .rdi = (u64)l2_buffer);
	if (!is_nested_enabled(flags)) {
		run_l2(vcpu, insn, gp_outcome());
		return;
	}

	while (done < sizeof(hb_data)) {
		u32 count;

		run_l2_to_io(vcpu, insn, is_in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT,
			     VMWARE_PORT_HB, 1);
		count = vcpu->run->io.count;
		TEST_ASSERT(count && count <= sizeof(hb_data) - done,
			    "Bad count %u after %lu bytes", count, done);
		if (is_in)
			memcpy(io_data(vcpu), hb_data + done, count);
		else
			TEST_ASSERT(!memcmp(io_data(vcpu), hb_data + done, count),
				    "Bad data after %lu bytes", done);
		done += count;
	}
	run_l2(vcpu, insn, L2_DONE);

	sync_global_from_guest(vcpu->vm, l2_buffer);
	TEST_ASSERT(!memcmp(l2_buffer, hb_data, sizeof(hb_data)), "Bad data in L2's memory");
}

TEST_F(vmware_nested, cpl3_rep_ins)
{
	for_each_l1_config()
		test_string_io(self->vcpu, variant->flags, true);
}

TEST_F(vmware_nested, cpl3_rep_outs)
{
	for_each_l1_config()
		test_string_io(self->vcpu, variant->flags, false);
}

/* Nothing but a full-blown backdoor access bypasses L1, regardless of flags. */
TEST_F(vmware_nested, cpl3_other)
{
	struct kvm_vcpu *vcpu = self->vcpu;

	for_each_l1_config() {
		load_l2(vcpu, &in, true, .rax = VMWARE_MAGIC ^ 1, .rdx = VMWARE_PORT);
		run_l2(vcpu, &in, gp_outcome());

		load_l2(vcpu, &rep_ins, true, .rax = 0, .rdx = VMWARE_PORT_HB,
			.rcx = 1, .rdi = (u64)l2_buffer);
		run_l2(vcpu, &rep_ins, gp_outcome());

		load_l2(vcpu, &in, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT - 1);
		run_l2(vcpu, &in, gp_outcome());

		load_l2(vcpu, &out, true, .rax = VMWARE_MAGIC, .rdx = 0x80);
		run_l2(vcpu, &out, gp_outcome());

		load_l2(vcpu, &in_imm, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT);
		run_l2(vcpu, &in_imm, gp_outcome());

		load_l2(vcpu, &hlt, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT);
		run_l2(vcpu, &hlt, gp_outcome());

		load_l2(vcpu, &rdpmc, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT,
			.rcx = 0x10000);
		run_l2(vcpu, &rdpmc, gp_outcome());

		/* Bits 15:0 are the selector, and ultimately the error code. */
		load_l2(vcpu, &mov_ds, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT);
		run_l2(vcpu, &mov_ds, gp_outcome());
	}
}

/* L1's TDP translates L2's buffer, and L1 gets to see if it doesn't. */
TEST_F(vmware_nested, cpl3_rep_ins_unmapped)
{
	gva_t page;

	if (!variant->tdp)
		SKIP(return, "L1 doesn't use TDP");

	/* Not mapped by L1's TDP, which was set up before. */
	page = vm_alloc_page(self->vm);
	set_user_bits(self->vm, self->vm->mmu.pgd, self->vm->mmu.pgtable_levels);

	for_each_l1_config() {
		load_l2(self->vcpu, &rep_ins, true, .rax = VMWARE_MAGIC,
			.rdx = VMWARE_PORT_HB, .rcx = 1, .rdi = page);
		run_l2_to_io(self->vcpu, &rep_ins, KVM_EXIT_IO_IN, VMWARE_PORT_HB, 1);
		run_l2(self->vcpu, &rep_ins, L1_TDP);
	}
}

/*
 * KVM's emulator must not grant L2 anything if it emulates an instruction for
 * reasons other than a #GP.
 */
TEST_F(vmware_nested, cpl3_forced_emulation)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	int i;

	if (!is_forced_emulation_enabled)
		SKIP(return, "KVM's force_emulation_prefix is off");

	for (i = 0; i < 2; i++) {
		l1_config.intercept_gp = i;

		load_l2(vcpu, &fep_in, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT);
		run_l2(vcpu, &fep_in, gp_outcome());

		/* KVM refuses to emulate RDPMC for L2 on VMX. */
		if (host_cpu_is_intel)
			continue;

		load_l2(vcpu, &fep_rdpmc, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT,
			.rcx = 0x10000);
		run_l2(vcpu, &fep_rdpmc, gp_outcome());
	}
}

/*
 * A #GP that occurs while an event is delivered has nothing to do with L2's
 * instruction, which isn't executed.  The handler of the event isn't canonical,
 * and the event is a software interrupt, as the error code is zero for those only.
 */
TEST_F(vmware_nested, cpl3_gp_on_event)
{
	const u8 vector = 0x80;
	struct idt_entry *idt = addr_gva2hva(self->vm, self->vm->arch.idt);

	if (!host_cpu_is_intel && !kvm_cpu_has(X86_FEATURE_NRIPS))
		SKIP(return, "KVM can't inject software interrupts without NRIPS");

	idt[vector].dpl = 3;
	idt[vector].offset2 = 0x12345678;
	l1_config.inject_vector = vector;

	for_each_l1_config() {
		load_l2(self->vcpu, &in, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT);
		run_l2(self->vcpu, &in, gp_outcome());
	}
}

/* If L2 is allowed to access the port, then there's no #GP and L1 is in charge. */
TEST_F(vmware_nested, cpl3_allowed)
{
	struct kvm_vcpu *vcpu = self->vcpu;

	for_each_l1_config() {
		load_l2(vcpu, &in, true, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT,
			.rflags = 3ul << 12 /* IOPL */);
		if (l1_config.io != L1_IO_NONE) {
			run_l2(vcpu, &in, L1_IO);
		} else {
			run_l2_to_io(vcpu, &in, KVM_EXIT_IO_IN, VMWARE_PORT, 4);
			run_l2(vcpu, &in, L2_DONE);
		}
	}
}

/* Hypercalls of L2 belong to L1, even if they're VMware hypercalls. */
TEST_F(vmware_nested, hypercall)
{
	int is_cpl3;

	for_each_l1_config() {
		for (is_cpl3 = 0; is_cpl3 < 2; is_cpl3++) {
			load_l2(self->vcpu, &nop, is_cpl3, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT);
			run_l2(self->vcpu, &nop, L2_DONE);
		}
	}
}

/*
 * L0 handles Hyper-V TLB flushes of L2 if L1 wants so.  RAX isn't an input, i.e.
 * can have any value.
 */
TEST_F(vmware_nested, hyperv_tlb_flush)
{
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
	load_l2(self->vcpu, &tlb_flush, false, .rax = VMWARE_MAGIC,
		.rcx = HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE | HV_HYPERCALL_FAST_BIT,
		.r8 = HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES | HV_FLUSH_ALL_PROCESSORS);
	run_l2(self->vcpu, &tlb_flush, L2_DONE);
	sync_global_from_guest(self->vm, guest_regs);
	TEST_ASSERT_EQ(guest_regs.rax, HV_STATUS_SUCCESS);
}

/* CPL0 gets no special treatment, L1's I/O intercepts are honored. */
TEST_F(vmware_nested, cpl0)
{
	struct kvm_vcpu *vcpu = self->vcpu;

	for_each_l1_config() {
		load_l2(vcpu, &in, false, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT);
		if (l1_config.io != L1_IO_NONE) {
			run_l2(vcpu, &in, L1_IO);
		} else {
			run_l2_to_io(vcpu, &in, KVM_EXIT_IO_IN, VMWARE_PORT, 4);
			run_l2(vcpu, &in, L2_DONE);
		}

		load_l2(vcpu, &rdpmc, false, .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT,
			.rcx = 0x10000);
		run_l2(vcpu, &rdpmc, gp_outcome());
	}
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_NESTED_BACKDOOR);
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_GUEST_MODE));
	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_VMX) || kvm_cpu_has(X86_FEATURE_SVM));

	return test_harness_run(argc, argv);
}
