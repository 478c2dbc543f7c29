// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_X86_VMWARE_BACKDOOR and KVM_X86_VMWARE_PSEUDO_PMCS, i.e. for what
 * either of them grants to a guest, and doesn't grant to a guest without.  Two VMs
 * coexist at all times, only the first may have flags of userspace's choosing.
 *
 * All TSS I/O permission bitmaps deny all ports, and CR4.PCE is clear unless stated
 * otherwise.
 */
#include <time.h>

#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"
#include "vmware.h"

#define INSN(name, size, is_out, ...)	{ name, VMWARE_INSN(__VA_ARGS__), size, is_out }

static const struct vmware_insn io_insns[] = {
	INSN("inb", 1, false, 0xec),
	INSN("inl", 4, false, 0xed),
	INSN("outb", 1, true, 0xee),
	INSN("outl", 4, true, 0xef),
	INSN("insb", 1, false, 0x6c),
	INSN("insd", 4, false, 0x6d),
	INSN("outsb", 1, true, 0x6e),
	INSN("outsd", 4, true, 0x6f),
	INSN("rep insb", 1, false, 0xf3, 0x6c),
	INSN("rep outsb", 1, true, 0xf3, 0x6e),
	INSN("inb imm8", 1, false, 0xe4, 0x58),
	INSN("inl imm8", 4, false, 0xe5, 0x59),
	INSN("outb imm8", 1, true, 0xe6, 0x58),
	INSN("outl imm8", 4, true, 0xe7, 0x59),
};

static const struct vmware_insn nop_in = INSN("nop; inl", 4, false, 0x90, 0xed);
static const struct vmware_insn rdpmc = INSN("rdpmc", 0, false, 0x0f, 0x33);
static const struct vmware_insn mov_ds = INSN("mov ds", 0, false, 0x8e, 0xd8);
static const struct vmware_insn hlt = INSN("hlt", 0, false, 0xf4);

FIXTURE(vmware_backdoor)
{
	struct {
		struct kvm_vcpu *vcpu;
		u64 flags;
	} vms[2];
};

FIXTURE_VARIANT(vmware_backdoor)
{
	bool cap;
	u64 flags;
};

FIXTURE_VARIANT_ADD(vmware_backdoor, default) {};
FIXTURE_VARIANT_ADD(vmware_backdoor, off) { true, 0 };
FIXTURE_VARIANT_ADD(vmware_backdoor, ports) { true, KVM_X86_VMWARE_BACKDOOR };
FIXTURE_VARIANT_ADD(vmware_backdoor, pseudo_pmcs) { true, KVM_X86_VMWARE_PSEUDO_PMCS };
FIXTURE_VARIANT_ADD(vmware_backdoor, hypercall) { true, KVM_X86_VMWARE_HYPERCALL };
FIXTURE_VARIANT_ADD(vmware_backdoor, both) {
	true, KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_PSEUDO_PMCS,
};

FIXTURE_SETUP(vmware_backdoor)
{
	struct kvm_vm *vm;
	int i;

	for (i = 0; i < ARRAY_SIZE(self->vms); i++) {
		vm = bare_vm_create();
		self->vms[i].flags = vmware_default_flags();
		if (!i && variant->cap) {
			vm_enable_cap(vm, KVM_CAP_X86_VMWARE, variant->flags);
			self->vms[i].flags = variant->flags;
		}
		self->vms[i].vcpu = bare_vcpu_add(vm, 0);
	}
}

FIXTURE_TEARDOWN(vmware_backdoor)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(self->vms); i++)
		kvm_vm_free(self->vms[i].vcpu->vm);
}

/*
 * Have a test for both VMs, in all modes, alternating between the VMs so that leaking
 * state of one VM into the other doesn't go unnoticed.  Tell it whether or not @flag
 * is enabled.
 */
#define TEST_VMS_AND_MODES(fn, flag)						\
TEST_F(vmware_backdoor, fn)							\
{										\
	int i;									\
										\
	for (i = 0; i < NR_BARE_MODES * 2; i++)					\
		test_##fn(self->vms[i & 1].vcpu, i / 2,				\
			  self->vms[i & 1].flags & (flag));			\
}

static void load_insn(struct kvm_vcpu *vcpu, enum bare_mode mode,
		      const struct vmware_insn *insn, struct kvm_regs regs)
{
	bare_vcpu_load(vcpu, mode, insn->code, insn->len, &regs);
}

#define load(vcpu, mode, insn, ...)						\
	load_insn(vcpu, mode, insn, (struct kvm_regs) { __VA_ARGS__ })

static void assert_gp(struct kvm_vcpu *vcpu, u32 error_code)
{
	struct bare_exception e = bare_vcpu_assert_exception(vcpu, GP_VECTOR);

	TEST_ASSERT_EQ(e.error_code, error_code);
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
}

/* At CPL0, I/O is always allowed.  At CPL > 0, only the backdoor allows it. */
static bool is_port_denied(enum bare_mode mode, bool enabled)
{
	return bare_mode_cpl(mode) && !enabled;
}

static const char hb_data[] = "The quick brown fox";

/*
 * String instructions transfer hb_data, all others what's in EAX, or what ends up there.
 * REP takes as many exits as KVM needs.
 */
static void test_io_insn(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled,
			 const struct vmware_insn *insn, u16 dx, u32 eax)
{
	bool is_rep = insn->code[0] == 0xf3, is_imm8 = (insn->code[0] & 0xfc) == 0xe4;
	bool is_string = (insn->code[is_rep] & 0xfc) == 0x6c;
	const void *data = is_string || !insn->is_out ? hb_data : (void *)&eax;
	size_t len = is_rep ? sizeof(hb_data) : insn->size, done = 0, size;
	char *buffer = addr_gpa2hva(vcpu->vm, BARE_DATA);
	u64 rax = bare_mode_is_64bit(mode) ? 0x1000100010001 : 0x10001;
	struct kvm_regs regs;

	memset(buffer, 0, sizeof(hb_data) + 1);
	if (insn->is_out)
		memcpy(buffer, hb_data, len);
	load(vcpu, mode, insn, .rax = eax, .rcx = len, .rdx = dx | 0xdeadbeefdead0000,
	     .rsi = BARE_DATA, .rdi = BARE_DATA);
	vcpu_run(vcpu);
	if (is_port_denied(mode, enabled && !is_imm8)) {
		assert_gp(vcpu, 0);
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rcx, len);
		return;
	}

	do {
		vmware_assert_io(vcpu, insn, is_imm8 ? insn->code[1] : dx, false);
		size = vcpu->run->io.count * insn->size;
		TEST_ASSERT(size && size <= (insn->is_out ? insn->size : len - done),
			    "Bad size %lu after %lu of %lu bytes", size, done, len);

		/* RCX excludes the elements of this exit only for OUTS. */
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rax, eax);
		TEST_ASSERT_EQ(regs.rcx, len - done - (is_rep && insn->is_out ? size : 0));

		if (!insn->is_out)
			memcpy(vmware_io_data(vcpu), data + done, size);
		else
			TEST_ASSERT(!memcmp(vmware_io_data(vcpu), data + done, size),
				    "%s: bad data after %lu bytes", insn->name, done);

		/* Results in registers, RAX, and RCX of REP, only when no longer needed. */
		done += size;
		regs.rbx = 0x564d5868;
		if (done == len)
			regs.rax = rax;
		if (!is_rep)
			regs.rcx = 0;
		vcpu_regs_set(vcpu, &regs);
		vcpu_run(vcpu);
	} while (done < len);

	/* RAX comes from the data of the exit if it's the destination. */
	bare_vcpu_assert_done(vcpu, insn->len);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rbx, 0x564d5868);
	TEST_ASSERT_EQ(regs.rcx, 0);
	if (!insn->is_out && !is_string) {
		rax = len == 4 ? 0 : rax;
		memcpy(&rax, data, len);
	}
	TEST_ASSERT_EQ(regs.rax, rax);
	if (is_string) {
		TEST_ASSERT_EQ(insn->is_out ? regs.rsi : regs.rdi, BARE_DATA + len);
		TEST_ASSERT(!memcmp(buffer, data, len) && !buffer[len], "Bad data in memory");
	}
}

/*
 * KVM looks at the port, and at nothing but the port.  The rest is up to the VMM,
 * i.e. the magic doesn't matter.  Other ports aren't part of the backdoor, and that's
 * true for all imm8 ports.
 */
static void test_io(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	const struct vmware_insn *insn;

	for (insn = io_insns; insn < io_insns + ARRAY_SIZE(io_insns); insn++) {
		test_io_insn(vcpu, mode, enabled, insn, VMWARE_PORT, VMWARE_MAGIC);
		test_io_insn(vcpu, mode, enabled, insn, VMWARE_PORT, ~VMWARE_MAGIC);
		test_io_insn(vcpu, mode, enabled, insn, VMWARE_PORT_HB, 0);
		test_io_insn(vcpu, mode, false, insn, VMWARE_PORT - 1, VMWARE_MAGIC);
		test_io_insn(vcpu, mode, false, insn, VMWARE_PORT_HB + 1, VMWARE_MAGIC);
		test_io_insn(vcpu, mode, false, insn, 0x58, VMWARE_MAGIC);
	}
}

TEST_VMS_AND_MODES(io, KVM_X86_VMWARE_BACKDOOR)

/*
 * #GPs that have nothing to do with the backdoor are none of KVM's business, no
 * matter what's in DX, and what instruction RIP points at.
 */
static void test_other_gp(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	struct bare_exception e;
	struct kvm_sregs sregs;
	struct idt_entry *idt;
	u16 selector;

	/* A selector that's beyond the limit of the GDT. */
	load(vcpu, mode, &mov_ds, .rax = 0xff8, .rdx = VMWARE_PORT);
	vcpu_run(vcpu);
	assert_gp(vcpu, 0xff8);

	if (!bare_mode_has_paging(mode))
		return;

	/* A #GP on delivery of the #DB that precedes the IN.  Bit 0 is EXT. */
	load(vcpu, mode, &nop_in, .rdx = VMWARE_PORT, .rflags = X86_EFLAGS_TF);
	vcpu_sregs_get(vcpu, &sregs);
	idt = addr_gpa2hva(vcpu->vm, sregs.idt.base);
	selector = idt[DB_VECTOR].selector;
	idt[DB_VECTOR].selector = 0;
	vcpu_run(vcpu);
	idt[DB_VECTOR].selector = selector;
	e = bare_vcpu_assert_exception(vcpu, GP_VECTOR);
	TEST_ASSERT_EQ(e.error_code & ~1, 0);
	TEST_ASSERT_EQ(e.rip, BARE_CODE + 1);
}

TEST_VMS_AND_MODES(other_gp, KVM_X86_VMWARE_BACKDOOR)

static u64 boottime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Read the pseudo-PMC, and return whether or not it can be read.  CR4.PCE doesn't matter. */
static bool read_pmc(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled,
		     u32 pmc, bool pce, u64 *val)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	load(vcpu, mode, &rdpmc, .rax = 0x1234567800000001, .rcx = pmc | 0xdeadbeef00000000,
	     .rdx = 0x1234567800000002);
	if (pce) {
		vcpu_sregs_get(vcpu, &sregs);
		sregs.cr4 |= X86_CR4_PCE;
		vcpu_sregs_set(vcpu, &sregs);
	}
	vcpu_run(vcpu);
	if (!enabled) {
		assert_gp(vcpu, 0);
		return false;
	}

	bare_vcpu_assert_done(vcpu, rdpmc.len);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rax >> 32, 0);
	TEST_ASSERT_EQ(regs.rdx >> 32, 0);
	*val = regs.rax | regs.rdx << 32;
	return true;
}

static void assert_in_range(u64 before, u64 val, u64 after)
{
	TEST_ASSERT(before <= val && val <= after,
		    "Wanted %lu <= %lu <= %lu", before, val, after);
}

static void test_pmcs(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	/* There are exactly three pseudo-PMCs. */
	static const u32 others[] = { 0xffff, 0x10003, 0x20000, 0x80010000 };
	/* Apparent time is the VM's time, i.e. can be set by userspace. */
	static const u64 clocks[] = { 0, 1000000000ull, 1000000000000000ull };
	struct kvm_clock_data clock;
	u64 before, val;
	int i, pce;

	for (pce = 0; pce < 2; pce++) {
		before = rdtsc();
		if (read_pmc(vcpu, mode, enabled, VMWARE_PMC_HOST_TSC, pce, &val))
			assert_in_range(before, val, rdtsc());

		before = boottime_ns();
		if (read_pmc(vcpu, mode, enabled, VMWARE_PMC_REAL_TIME, pce, &val))
			assert_in_range(before, val, boottime_ns());

		for (i = 0; i < ARRAY_SIZE(clocks); i++) {
			clock = (struct kvm_clock_data) { .clock = clocks[i] };
			vm_ioctl(vcpu->vm, KVM_SET_CLOCK, &clock);
			if (!read_pmc(vcpu, mode, enabled, VMWARE_PMC_APPARENT_TIME, pce, &val))
				break;
			vm_ioctl(vcpu->vm, KVM_GET_CLOCK, &clock);
			assert_in_range(clocks[i], val, clock.clock);
		}

		for (i = 0; i < ARRAY_SIZE(others); i++)
			read_pmc(vcpu, mode, false, others[i], pce, &val);
	}
}

TEST_VMS_AND_MODES(pmcs, KVM_X86_VMWARE_PSEUDO_PMCS)

/*
 * Count the exits of an instruction, and of the exit to userspace behind it.  Take the
 * best of many attempts to filter out host interrupts and the like.
 */
static u64 count_exits(struct kvm_vcpu *vcpu, enum bare_mode mode,
		       const struct vmware_insn *insn, u16 port, u32 pmc, u64 *nr_emulated)
{
	u64 exits, emulated, best = ~0ull;
	int i;

	for (i = 0; i < 20; i++) {
		load(vcpu, mode, insn, .rdx = port, .rcx = pmc);
		exits = vcpu_get_stat(vcpu, exits);
		emulated = vcpu_get_stat(vcpu, insn_emulation);
		vcpu_run(vcpu);
		exits = vcpu_get_stat(vcpu, exits) - exits;
		emulated = vcpu_get_stat(vcpu, insn_emulation) - emulated;
		if (exits < best) {
			best = exits;
			*nr_emulated = emulated;
		}
	}
	return best;
}

/*
 * A VM without either feature doesn't pay for it, its #GPs don't exit.  And a VM
 * with a feature doesn't pay for decoding what can't be an access to the feature.
 */
TEST_F(vmware_backdoor, gp_exits)
{
	static const struct {
		u16 port;
		u32 pmc;
		u64 flag;
	} tests[] = {
		{ VMWARE_PORT - 1, 0x12345, 0 },
		{ VMWARE_PORT, 0x12345, KVM_X86_VMWARE_BACKDOOR },
		{ 0x80, VMWARE_PMC_HOST_TSC, KVM_X86_VMWARE_PSEUDO_PMCS },
	};
	u64 flags, exits, emulated = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(tests) * 2; i++) {
		flags = self->vms[i & 1].flags;
		exits = count_exits(self->vms[i & 1].vcpu, BARE_MODE_64_CPL3, &hlt,
				    tests[i / 2].port, tests[i / 2].pmc, &emulated);
		assert_gp(self->vms[i & 1].vcpu, 0);
		TEST_ASSERT_EQ(exits, flags & ~KVM_X86_VMWARE_HYPERCALL ? 2 : 1);
		TEST_ASSERT_EQ(emulated, flags & tests[i / 2].flag ? 1 : 0);
	}
}

/*
 * RDPMC of a real PMC exits on behalf of the pseudo-PMCs on Intel only, and never on
 * behalf of the ports, i.e. VMs without pseudo-PMCs keep what a mediated vPMU offers.
 */
TEST_F(vmware_backdoor, rdpmc_exits)
{
	bool intercepted;
	u64 emulated;
	int i;

	if (!kvm_is_pmu_enabled() || !kvm_is_mediated_pmu_enabled() ||
	    this_cpu_property(X86_PROPERTY_PMU_NR_FIXED_COUNTERS) !=
	    kvm_cpu_property(X86_PROPERTY_PMU_NR_FIXED_COUNTERS))
		SKIP(return, "KVM intercepts RDPMC in any case");

	for (i = 0; i < ARRAY_SIZE(self->vms); i++) {
		intercepted = !host_cpu_is_amd_compatible &&
			      (self->vms[i].flags & KVM_X86_VMWARE_PSEUDO_PMCS);
		TEST_ASSERT_EQ(count_exits(self->vms[i].vcpu, BARE_MODE_64_CPL0, &rdpmc, 0, 0,
					   &emulated), intercepted ? 2 : 1);
		bare_vcpu_assert_done(self->vms[i].vcpu, rdpmc.len);
	}
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_VMWARE));

	return test_harness_run(argc, argv);
}
