// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for faults of, and around, accesses to the VMware backdoor: of the buffers of
 * INS and OUTS, single-step traps, #GPs while an event is delivered, and #GPs that KVM
 * intercepts for other reasons, by L1 and by L2.
 */
#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"
#include "l2_guest.h"
#include "vmware.h"

/* An address that's not mapped, i.e. a #PF if paging is enabled. */
#define BARE_UNMAPPED	0x400000ul
/* A buffer that 16-bit addresses reach. */
#define BARE_LOW	0xc000ul

#define X86_FEATURE_SVME_ADDR_CHK	KVM_X86_CPU_FEATURE(0x8000000a, 0, EDX, 28)

#define ACCESS(_name, _dx, _size, _is_out, ...)					\
	{ _name, VMWARE_INSN(__VA_ARGS__), _size, _is_out, VMWARE_MAGIC, _dx }

static const struct vmware_insn in = ACCESS("in", VMWARE_PORT, 4, false, 0xed);
static const struct vmware_insn out = ACCESS("out", VMWARE_PORT, 4, true, 0xef);
static const struct vmware_insn rep_ins = ACCESS("rep insb", VMWARE_PORT_HB, 1, false, 0xf3, 0x6c);
static const struct vmware_insn rep_outs = ACCESS("rep outsb", VMWARE_PORT_HB, 1, true, 0xf3, 0x6e);
static const struct vmware_insn divide = ACCESS("div", VMWARE_PORT, 0, false, 0xf7, 0xf1);
static const struct vmware_insn vmload = ACCESS("vmload", VMWARE_PORT, 0, false, 0x0f, 0x01, 0xda);

static const struct vmware_insn hlt = ACCESS("hlt", 0x80, 0, false, 0xf4);
static const struct vmware_insn fep_rdpmc = ACCESS("fep rdpmc", 0, 0, false, L2_FEP, 0x0f, 0x33);

static void load(struct kvm_vcpu *vcpu, enum bare_mode mode, const struct vmware_insn *insn,
		 u64 rcx, u64 buffer)
{
	struct kvm_regs regs = { .rcx = rcx, .rdx = insn->dx, .rsi = buffer, .rdi = buffer };

	bare_vcpu_load(vcpu, mode, insn->code, insn->len, &regs);
}

static void run_to_l1_io(struct kvm_vcpu *vcpu, const struct vmware_insn *insn)
{
	vcpu_run(vcpu);
	vmware_assert_io(vcpu, insn, insn->dx, false);
}

/* At CPL0, I/O is always allowed.  At CPL > 0, only the backdoor allows it. */
static bool is_port_denied(enum bare_mode mode, u64 flags)
{
	return bare_mode_cpl(mode) && !(flags & KVM_X86_VMWARE_BACKDOOR);
}

/*
 * Run a test in all modes of VMs with and without the backdoor, of one VM after the
 * other, and of a VM whose userspace doesn't use the capability.
 */
static void for_all_flags_and_modes(void (*test)(struct kvm_vcpu *, enum bare_mode, u64))
{
	const u64 mask = KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_PSEUDO_PMCS;
	struct {
		struct kvm_vcpu *vcpu;
		u64 flags;
	} vms[5];
	enum bare_mode mode;
	struct kvm_vm *vm;
	int i;

	for (i = 0; i < ARRAY_SIZE(vms); i++) {
		vm = bare_vm_create();
		vms[i].flags = i <= mask ? i : vmware_default_flags();
		if (i <= mask)
			vm_enable_cap(vm, KVM_CAP_X86_VMWARE, vms[i].flags);
		vms[i].vcpu = bare_vcpu_add(vm, 0);
	}

	for (mode = 0; mode < NR_BARE_MODES; mode++) {
		for (i = 0; i < ARRAY_SIZE(vms); i++)
			test(vms[i].vcpu, mode, vms[i].flags);
	}

	for (i = 0; i < ARRAY_SIZE(vms); i++)
		kvm_vm_free(vms[i].vcpu->vm);
}

/*
 * If the destination of INS isn't accessible, the guest gets a #PF after the exit,
 * and can restart the INS, i.e. userspace gets to see the same exit again.
 */
static void test_ins_fault(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 flags)
{
	/* add rsp, 8; iretq */
	static const u8 iret[] = { 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf };
	struct bare_exception e;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (!bare_mode_has_paging(mode) || is_port_denied(mode, flags))
		return;

	load(vcpu, mode, &rep_ins, 4, BARE_UNMAPPED);
	run_to_l1_io(vcpu, &rep_ins);
	vcpu_run(vcpu);
	e = bare_vcpu_assert_exception(vcpu, PF_VECTOR);
	TEST_ASSERT_EQ(e.error_code, PFERR_WRITE_MASK |
				     (bare_mode_cpl(mode) == 3 ? PFERR_USER_MASK : 0));
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
	vcpu_sregs_get(vcpu, &sregs);
	TEST_ASSERT_EQ(sregs.cr2, BARE_UNMAPPED);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rcx, 4);
	TEST_ASSERT_EQ(regs.rdi, BARE_UNMAPPED);

	/* The handler is at an "out %al, PORT", or behind it, which takes two bytes. */
	memcpy(addr_gpa2hva(vcpu->vm, (regs.rip & ~0xfull) + 2), iret, sizeof(iret));
	regs.rdi = BARE_DATA;
	vcpu_regs_set(vcpu, &regs);
	run_to_l1_io(vcpu, &rep_ins);
	TEST_ASSERT_EQ(vcpu->run->io.count, 4);
	vcpu_run(vcpu);
	bare_vcpu_assert_done(vcpu, rep_ins.len);
}

TEST(ins_fault)
{
	for_all_flags_and_modes(test_ins_fault);
}

/* With an address-size prefix, only the lower half of RCX, RSI and RDI counts. */
static void test_address_size(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 flags)
{
	static const struct vmware_insn insns[] = {
		ACCESS("addr rep insb", VMWARE_PORT_HB, 1, false, 0x67, 0xf3, 0x6c),
		ACCESS("addr rep outsb", VMWARE_PORT_HB, 1, true, 0x67, 0xf3, 0x6e),
	};
	static const char data[] = "0123";
	const u64 mask = bare_mode_is_64bit(mode) ? GENMASK_ULL(31, 0) : GENMASK_ULL(15, 0);
	const u64 upper = 0x5a5a5a5a5a5a5a5a & ~mask;
	char *buffer = addr_gpa2hva(vcpu->vm, BARE_LOW);
	u32 done, count, len = sizeof(data);
	const struct vmware_insn *insn;
	struct kvm_regs regs;
	void *io;

	if (is_port_denied(mode, flags))
		return;

	for (insn = insns; insn < insns + ARRAY_SIZE(insns); insn++) {
		memset(buffer, 0xff, len + 1);
		if (insn->is_out)
			memcpy(buffer, data, len);
		load(vcpu, mode, insn, upper | len, upper | BARE_LOW);
		for (done = 0; done < len; done += count) {
			run_to_l1_io(vcpu, insn);
			count = vcpu->run->io.count;
			TEST_ASSERT(count && count <= len - done,
				    "%s: bad count %u after %u", insn->name, count, done);
			io = vmware_io_data(vcpu);
			if (!insn->is_out)
				memcpy(io, data + done, count);
			else
				TEST_ASSERT(!memcmp(io, data + done, count),
					    "%s: bad data after %u bytes", insn->name, done);
		}
		vcpu_run(vcpu);
		bare_vcpu_assert_done(vcpu, insn->len);
		TEST_ASSERT(!memcmp(buffer, data, len) && buffer[len] == (char)0xff,
			    "%s: bad data in memory", insn->name);
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rcx & mask, 0);
		TEST_ASSERT_EQ((insn->is_out ? regs.rsi : regs.rdi) & mask, BARE_LOW + len);
	}
}

TEST(address_size)
{
	for_all_flags_and_modes(test_address_size);
}

/* KVM's emulator checks the privileges of RDPMC, unless it's for a pseudo-PMC. */
static void test_emulated_rdpmc(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 flags)
{
	static const u32 pmcs[] = { 0, VMWARE_PMC_HOST_TSC, 0x10003 };
	int i;

	if (!bare_mode_cpl(mode))
		return;

	for (i = 0; i < ARRAY_SIZE(pmcs); i++) {
		load(vcpu, mode, &fep_rdpmc, pmcs[i], 0);
		vcpu_run(vcpu);
		if (pmcs[i] == VMWARE_PMC_HOST_TSC && (flags & KVM_X86_VMWARE_PSEUDO_PMCS))
			bare_vcpu_assert_done(vcpu, fep_rdpmc.len);
		else
			bare_vcpu_assert_exception(vcpu, GP_VECTOR);
	}
}

TEST(emulated_rdpmc)
{
	if (!is_forced_emulation_enabled)
		SKIP(return, "KVM doesn't force emulation");

	for_all_flags_and_modes(test_emulated_rdpmc);
}

/*
 * On SVM, KVM intercepts #GP for guests with EFER.SVME set, too, unless the CPU does
 * without.  Unprivileged VMLOAD isn't emulated, and the backdoor works, also once
 * EFER.SVME is clear again, which is what loading the vCPU does.
 */
static void test_svme(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 flags)
{
	const struct vmware_insn *insns[] = { &vmload, &in, &in };
	struct bare_exception e;
	struct kvm_sregs sregs;
	u64 emulated, before, exits;
	int i;

	/* CPUs that look at addresses first need KVM to have a look at all #GPs. */
	if (bare_mode_cpl(mode)) {
		load(vcpu, mode, &hlt, 0, 0);
		vcpu_sregs_get(vcpu, &sregs);
		sregs.efer |= EFER_SVME;
		vcpu_sregs_set(vcpu, &sregs);
		emulated = vcpu_get_stat(vcpu, insn_emulation);
		vcpu_run(vcpu);
		bare_vcpu_assert_exception(vcpu, GP_VECTOR);
		TEST_ASSERT_EQ(vcpu_get_stat(vcpu, insn_emulation) - emulated,
			       this_cpu_has(X86_FEATURE_SVME_ADDR_CHK) ? 0 : 1);
	}

	/* At CPL0, VMLOAD works.  Without paging, it's a #UD. */
	for (i = mode == BARE_MODE_64_CPL3 ? 0 : 1; i < 3; i++) {
		load(vcpu, mode, insns[i], 0, 0);
		vcpu_sregs_get(vcpu, &sregs);
		sregs.efer |= i < 2 ? EFER_SVME : 0;
		vcpu_sregs_set(vcpu, &sregs);
		vcpu_run(vcpu);
		if (insns[i] == &vmload || is_port_denied(mode, flags)) {
			e = bare_vcpu_assert_exception(vcpu, GP_VECTOR);
			TEST_ASSERT_EQ(e.error_code, 0);
			TEST_ASSERT_EQ(e.rip, BARE_CODE);
		} else {
			vmware_assert_io(vcpu, &in, VMWARE_PORT, false);
			vcpu_run(vcpu);
			bare_vcpu_assert_done(vcpu, in.len);
		}
	}

	/* What's intercepted is what was before.  The second exit is the handler's. */
	for (i = 0, exits = ~0ull; i < 20 && bare_mode_cpl(mode); i++) {
		load(vcpu, mode, &hlt, 0, 0);
		before = vcpu_get_stat(vcpu, exits);
		vcpu_run(vcpu);
		exits = min(exits, vcpu_get_stat(vcpu, exits) - before);
	}
	if (bare_mode_cpl(mode))
		TEST_ASSERT_EQ(exits, flags ? 2 : 1);
}

TEST(svme)
{
	if (!kvm_cpu_has(X86_FEATURE_SVM))
		SKIP(return, "There is no EFER.SVME");

	for_all_flags_and_modes(test_svme);
}

FIXTURE(vmware_nested_faults)
{
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	bool granted;	/* Does L2 have the backdoor? */
};

FIXTURE_VARIANT(vmware_nested_faults)
{
	u64 flags;
	bool tdp;	/* Does L1 use EPT/NPT? */
};

FIXTURE_VARIANT_ADD(vmware_nested_faults, off) {};
FIXTURE_VARIANT_ADD(vmware_nested_faults, not_nested) {
	KVM_X86_VMWARE_VALID_MASK & ~KVM_X86_VMWARE_NESTED_BACKDOOR,
};

FIXTURE_VARIANT_ADD(vmware_nested_faults, on) { KVM_X86_VMWARE_VALID_MASK };
FIXTURE_VARIANT_ADD(vmware_nested_faults, tdp) { KVM_X86_VMWARE_VALID_MASK, true };

/* What L2_OTHER and the pages behind it are. */
enum {
	L2_KERNEL = L2_OTHER,
	L2_TDP_READONLY,	/* Not writable, and ... */
	L2_TDP_ABSENT,		/* ... not present in L1's TDP. */
};

static gpa_t l2_gpa(struct kvm_vm *vm, enum l2_page page)
{
	return addr_gva2gpa(vm, l2_gva(page));
}

FIXTURE_SETUP(vmware_nested_faults)
{
	struct kvm_vm *vm;

	if (!kvm_cpu_has(X86_FEATURE_VMX) && !kvm_cpu_has(X86_FEATURE_SVM))
		SKIP(return, "KVM doesn't support nested virtualization");
	if (variant->tdp && !kvm_cpu_has_tdp())
		SKIP(return, "KVM doesn't support nested TDP");

	vm = vm_create(1);
	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, variant->flags);
	self->granted = variant->flags & KVM_X86_VMWARE_NESTED_BACKDOOR;
	self->vm = vm;
	self->vcpu = l2_vcpu_add(vm, variant->tdp);

	*vm_get_pte(vm, l2_gva(L2_KERNEL)) &= ~PTE_USER_MASK(&vm->mmu);
	if (variant->tdp) {
		*tdp_get_pte(vm, l2_gpa(vm, L2_TDP_READONLY)) &=
			~PTE_WRITABLE_MASK(&vm->stage2_mmu);
		*tdp_get_pte(vm, l2_gpa(vm, L2_TDP_ABSENT)) = 0;
	}
}

FIXTURE_TEARDOWN(vmware_nested_faults)
{
	kvm_vm_free(self->vm);
}

static void run_to_io(struct kvm_vcpu *vcpu)
{
	vcpu_run(vcpu);
	vmware_assert_io(vcpu, l2_cur, l2_cur->dx, true);
}

/*
 * Faults of L2's buffer are L2's, or L1's if L1 wants them, or if they are due to L1's
 * TDP.
 */
TEST_F(vmware_nested_faults, buffer)
{
	static const struct {
		const struct vmware_insn *insn;
		enum l2_page page;
		u8 vector;	/* 0 if it's a fault of the TDP */
		u32 error_code;
	} tests[] = {
		{ &rep_ins, L2_KERNEL, PF_VECTOR,
		  PFERR_PRESENT_MASK | PFERR_USER_MASK | PFERR_WRITE_MASK },
		{ &rep_outs, L2_KERNEL, PF_VECTOR, PFERR_PRESENT_MASK | PFERR_USER_MASK },
		{ &rep_ins, L2_TDP_READONLY, 0, PFERR_WRITE_MASK },
		{ &rep_ins, L2_TDP_ABSENT, 0, PFERR_WRITE_MASK },
		{ &rep_outs, L2_TDP_ABSENT },
	};
	u64 gva, addr;
	int i;

	if (!self->granted)
		SKIP(return, "L2 has no backdoor");

	for (i = 0; i < ARRAY_SIZE(tests) * 2; i++) {
		const typeof(*tests) *t = &tests[i / 2];

		if (!t->vector && !variant->tdp)
			continue;

		l2->exceptions = i & 1 && t->vector ? BIT(t->vector) : 0;
		gva = l2_gva(t->page);
		addr = t->vector ? gva : l2_gpa(self->vm, t->page);

		l2_load(self->vm, t->insn, 3, 4, gva, 0);
		if (!t->insn->is_out) {
			run_to_io(self->vcpu);
			*vmware_io_data(self->vcpu) = 0xff;
		}
		if (t->vector) {
			l2_run_to_exception(self->vcpu, t->vector, l2_gva(L2_CODE));
		} else {
			l2_run_to(self->vcpu, L1_TDP);
			l2->error_code &= PFERR_WRITE_MASK;
		}

		TEST_ASSERT(l2->addr == addr && l2->error_code == t->error_code,
			    "%s: wanted error code 0x%x, address 0x%lx, got 0x%lx, 0x%lx",
			    l2_name(), t->error_code, addr, l2->error_code, l2->addr);
		TEST_ASSERT_EQ(l2->regs.rcx, 4);
		TEST_ASSERT_EQ(t->insn->is_out ? l2->regs.rsi : l2->regs.rdi, gva);
		TEST_ASSERT_EQ(*(u8 *)addr_gva2hva(self->vm, gva), 0);
	}
}

/* Single-step traps arrive right behind the instruction. */
TEST_F(vmware_nested_faults, single_step)
{
	int i;

	if (!self->granted)
		SKIP(return, "L2 has no backdoor");

	for (i = 0; i < 4; i++) {
		l2->exceptions = i & 1 ? BIT(DB_VECTOR) : 0;
		l2_load(self->vm, i & 2 ? &in : &out, 3, 0, 0, X86_EFLAGS_TF);
		run_to_io(self->vcpu);
		l2_run_to_exception(self->vcpu, DB_VECTOR, l2_gva(L2_CODE) + 1);
	}
}

/*
 * A #GP that occurs while an event is delivered has nothing to do with L2's
 * instruction, which isn't executed.  The handler of the event isn't canonical.  Bit 0
 * of the error code (EXT) depends on the type of the event.
 */
TEST_F(vmware_nested_faults, gp_on_event)
{
	static const u32 types[] = { SVM_EVTINJ_TYPE_INTR, SVM_EVTINJ_TYPE_SOFT };
	struct idt_entry *idt = addr_gva2hva(self->vm, self->vm->arch.idt);
	const u8 vector = 0x80;
	u32 type;
	int i;

	idt[vector].dpl = 3;
	idt[vector].offset2 = 0x12345678;

	for (i = 0; i < 4 * ARRAY_SIZE(types); i++) {
		type = types[i / 4];
		if (type == SVM_EVTINJ_TYPE_SOFT && !host_cpu_is_intel &&
		    !kvm_cpu_has(X86_FEATURE_NRIPS))
			SKIP(return, "KVM can't inject software interrupts without NRIPS");

		/* The encoding is that of VMX, too. */
		l2->exceptions = i & 1 ? BIT(GP_VECTOR) : 0;
		l2->io = i & 2;
		l2->event = SVM_EVTINJ_VALID | type | vector;
		l2_load(self->vm, &in, 3, 0, 0, X86_EFLAGS_IF);
		l2_run_to_exception(self->vcpu, GP_VECTOR, l2_gva(L2_CODE));
		TEST_ASSERT_EQ(l2->error_code & ~1ull, 0);

		/* The next #GP isn't mistaken for one while delivering an event. */
		l2->event = 0;
		l2_load(self->vm, &in, 3, 0, 0, 0);
		if (self->granted) {
			run_to_io(self->vcpu);
			l2_run_to(self->vcpu, L2_DONE);
		} else {
			l2_run_to_gp(self->vcpu);
		}
	}
}

/* Other exceptions are none of L0's business, no matter what's in EAX and DX. */
TEST_F(vmware_nested_faults, other_exception)
{
	l2->exceptions = BIT(DE_VECTOR);
	l2_load(self->vm, &divide, 3, 0, 0, 0);
	l2_run_to_exception(self->vcpu, DE_VECTOR, l2_gva(L2_CODE));
}

/* Each iteration is an access of its own, i.e. userspace can take the magic away. */
TEST_F(vmware_nested_faults, string_without_magic)
{
	struct kvm_regs regs;

	if (!self->granted)
		SKIP(return, "L2 has no backdoor");

	l2->exceptions = BIT(GP_VECTOR);
	l2_load(self->vm, &rep_outs, 3, 3, l2_gva(L2_BUFFER), 0);
	run_to_io(self->vcpu);
	vcpu_regs_get(self->vcpu, &regs);
	regs.rax = 0;
	vcpu_regs_set(self->vcpu, &regs);
	l2_run_to_gp(self->vcpu);
	TEST_ASSERT_EQ(l2->regs.rcx, 2);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_NESTED_BACKDOOR);

	return test_harness_run(argc, argv);
}
