// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_X86_VMWARE_NESTED_BACKDOOR, i.e. for who gets to see accesses of
 * L2 to the VMware backdoor (and things that look similar): L0's userspace, L1,
 * or L2 itself.  L2 executes one instruction and then exits to L1.
 */
#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "l2_guest.h"
#include "vmware.h"

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

FIXTURE_VARIANT_ADD(vmware_nested, off) {};
FIXTURE_VARIANT_ADD(vmware_nested, not_nested) {
	KVM_X86_VMWARE_VALID_MASK & ~KVM_X86_VMWARE_NESTED_BACKDOOR,
};

FIXTURE_VARIANT_ADD(vmware_nested, all) { KVM_X86_VMWARE_VALID_MASK };
FIXTURE_VARIANT_ADD(vmware_nested, tdp) {
	KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_NESTED_BACKDOOR, .tdp = true,
};

FIXTURE_SETUP(vmware_nested)
{
	if (variant->tdp && !kvm_cpu_has_tdp())
		SKIP(return, "KVM doesn't support nested TDP");

	self->vm = vm_create(1);
	vm_enable_cap(self->vm, KVM_CAP_X86_VMWARE, variant->flags);
	self->vcpu = l2_vcpu_add(self->vm, variant->tdp);
}

FIXTURE_TEARDOWN(vmware_nested)
{
	kvm_vm_free(self->vm);
}

/* What's an access to the backdoor ... */
#define YES(_name, _dx, _size, _is_out, ...)					\
	{ _name, VMWARE_INSN(__VA_ARGS__), _size, _is_out, VMWARE_MAGIC, _dx }

/* ... and what isn't. */
#define NO(_name, _eax, _dx, ...)						\
	{ _name, VMWARE_INSN(__VA_ARGS__), .eax = _eax, .dx = _dx }

static const struct vmware_insn in = YES("in", VMWARE_PORT, 4, false, 0xed);
static const struct vmware_insn fep_in = YES("fep in", VMWARE_PORT, 4, false, L2_FEP, 0xed);
static const struct vmware_insn rdpmc = NO("rdpmc", 0, 0, 0x0f, 0x33);

static const struct vmware_insn insns[] = {
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
	NO("mov ds", VMWARE_MAGIC, VMWARE_PORT, 0x8e, 0xd8),

	/* KVM's emulator can have other reasons to emulate L2's instruction. */
	NO("fep in", VMWARE_MAGIC, VMWARE_PORT, L2_FEP, 0xed),
	NO("fep out", VMWARE_MAGIC, VMWARE_PORT, L2_FEP, 0xef),
	NO("fep rdpmc", 0, 0, L2_FEP, 0x0f, 0x33),
};

static void run_to_io(struct kvm_vcpu *vcpu)
{
	vcpu_run(vcpu);
	vmware_assert_io(vcpu, l2_cur, l2_cur->dx, true);
}

/* L1 intercepts #GP, I/O, none, or both. */
#define NR_L1_CONFIGS	4

static void set_l1_config(int i)
{
	l2->exceptions = i & 1 ? BIT(GP_VECTOR) : 0;
	l2->io = i & 2;
}

static void test_insn(struct kvm_vm *vm, struct kvm_vcpu *vcpu, const struct vmware_insn *insn,
		      int cpl, bool granted)
{
	u8 *buffer = addr_gva2hva(vm, l2_gva(L2_BUFFER));
	bool is_string = (insn->code[0] & 0xfc) == 0x6c;

	buffer[0] = (u8)VMWARE_MAGIC;
	l2_load(vm, insn, cpl, VMWARE_PMC_HOST_TSC, l2_gva(L2_BUFFER), 0);
	if (!granted) {
		l2_run_to_gp(vcpu);
		return;
	}

	run_to_io(vcpu);
	if (insn->is_out)
		TEST_ASSERT_EQ(*vmware_io_data(vcpu), (u8)VMWARE_MAGIC);
	else
		*vmware_io_data(vcpu) = 0x5a;
	l2_run_to(vcpu, L2_DONE);
	if (!insn->is_out)
		TEST_ASSERT_EQ(is_string ? buffer[0] : (u8)l2->regs.rax, 0x5a);
}

/*
 * Nothing but a full-blown backdoor access at CPL3 bypasses L1.  Note, when L2 is
 * done, it exits with the magic in EAX: its hypercalls are L1's regardless.
 */
TEST_F(vmware_nested, insns)
{
	const struct vmware_insn *insn;
	int i, cpl;

	for (i = 0; i < NR_L1_CONFIGS; i++) {
		set_l1_config(i);
		for (insn = insns; insn < insns + ARRAY_SIZE(insns); insn++) {
			/*
			 * On VMX, KVM's emulator checks I/O intercepts first, and
			 * refuses to emulate RDPMC for L2.
			 */
			if (l2_is_fep(insn) && (!is_forced_emulation_enabled ||
						(host_cpu_is_intel && (l2->io || !insn->dx))))
				continue;

			/* Save time, I/O intercepts come after CPL and bitmap. */
			for (cpl = l2->io ? 3 : 1; cpl <= 3; cpl++)
				test_insn(self->vm, self->vcpu, insn, cpl, insn->size && cpl == 3 &&
					  (variant->flags & KVM_X86_VMWARE_NESTED_BACKDOOR));
		}
	}
}

/* If L2 is allowed to access the port, then there's no #GP and L1 is in charge. */
TEST_F(vmware_nested, allowed)
{
	int i, cpl;

	for (i = 0; i < NR_L1_CONFIGS; i++) {
		set_l1_config(i);
		for (cpl = 0; cpl <= 3; cpl++) {
			l2_load(self->vm, &in, cpl, 0, 0, cpl << 12 /* IOPL */);
			if (!l2->io)
				run_to_io(self->vcpu);
			l2_run_to(self->vcpu, l2->io ? L1_IO : L2_DONE);
		}

		l2_load(self->vm, &rdpmc, 0, VMWARE_PMC_HOST_TSC, 0, 0);
		l2_run_to_gp(self->vcpu);

		/* Ditto if KVM emulates the access. */
		if (is_forced_emulation_enabled && l2->io) {
			l2_load(self->vm, &fep_in, 0, 0, 0, 0);
			l2_run_to(self->vcpu, L1_IO);
		}
	}
}

/* Hypercalls that L1 doesn't intercept are #UD, if there is such an intercept. */
TEST_F(vmware_nested, hypercall)
{
	static const struct vmware_insn nop = NO("nop", VMWARE_MAGIC, VMWARE_PORT, 0x90);

	l2_load(self->vm, &nop, 3, 0, 0, 0);
	l2->exceptions = BIT(UD_VECTOR);
	if (host_cpu_is_intel)
		l2_run_to(self->vcpu, L2_DONE);
	else
		l2_run_to_exception(self->vcpu, UD_VECTOR, l2_gva(L2_CODE) + 1);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_NESTED_BACKDOOR);
	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_VMX) || kvm_cpu_has(X86_FEATURE_SVM));

	return test_harness_run(argc, argv);
}
