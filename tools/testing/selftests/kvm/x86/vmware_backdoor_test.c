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

struct insn {
	u8 code[4];
	u8 len;
	u8 size;	/* Of the KVM_EXIT_IO. */
	bool is_out;
};

#define INSN(...)	.code = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ })

static const struct insn io_insns[] = {
	{ INSN(0xec), 1, false },		/* in, out */
	{ INSN(0xed), 4, false },
	{ INSN(0xee), 1, true },
	{ INSN(0xef), 4, true },
	{ INSN(0x6c), 1, false },		/* ins, outs */
	{ INSN(0x6d), 4, false },
	{ INSN(0x6e), 1, true },
	{ INSN(0x6f), 4, true },
	{ INSN(0xe4, 0x58), 1, false },		/* in, out with an imm8 port */
	{ INSN(0xe5, 0x59), 4, false },
	{ INSN(0xe6, 0x58), 1, true },
	{ INSN(0xe7, 0x59), 4, true },
};

static const struct insn in = { INSN(0xed), 4 };
static const struct insn rep_ins = { INSN(0xf3, 0x6c), 1 };
static const struct insn rep_outs = { INSN(0xf3, 0x6e), 1, .is_out = true };
static const struct insn nop_in = { INSN(0x90, 0xed) };
static const struct insn rdpmc = { INSN(0x0f, 0x33) };
static const struct insn mov_ds = { INSN(0x8e, 0xd8) };
static const struct insn hlt = { INSN(0xf4) };
static const struct insn vmload = { INSN(0x0f, 0x01, 0xda) };

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

FIXTURE_VARIANT_ADD(vmware_backdoor, default) {
	.cap = false,
};

FIXTURE_VARIANT_ADD(vmware_backdoor, off) {
	.cap = true,
};

FIXTURE_VARIANT_ADD(vmware_backdoor, ports) {
	.cap = true,
	.flags = KVM_X86_VMWARE_BACKDOOR,
};

FIXTURE_VARIANT_ADD(vmware_backdoor, pseudo_pmcs) {
	.cap = true,
	.flags = KVM_X86_VMWARE_PSEUDO_PMCS,
};

FIXTURE_VARIANT_ADD(vmware_backdoor, both) {
	.cap = true,
	.flags = KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_PSEUDO_PMCS,
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

static void load(struct kvm_vcpu *vcpu, enum bare_mode mode, const struct insn *insn,
		 struct kvm_regs regs)
{
	bare_vcpu_load(vcpu, mode, insn->code, insn->len, &regs);
}

#define load(vcpu, mode, insn, ...)						\
	load(vcpu, mode, insn, (struct kvm_regs) { __VA_ARGS__ })

static void assert_gp(struct kvm_vcpu *vcpu, u32 error_code)
{
	struct bare_exception e;

	bare_vcpu_assert_exception(vcpu, GP_VECTOR, &e);
	TEST_ASSERT_EQ(e.error_code, error_code);
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
}

static void assert_io(struct kvm_vcpu *vcpu, const struct insn *insn, u16 port)
{
	struct kvm_run *run = vcpu->run;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	TEST_ASSERT_EQ(run->io.port, port);
	TEST_ASSERT_EQ(run->io.direction, insn->is_out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN);
	TEST_ASSERT_EQ(run->io.size, insn->size);
	TEST_ASSERT(!(run->flags & KVM_RUN_X86_GUEST_MODE), "Guest mode without nesting");
}

static u8 *io_data(struct kvm_vcpu *vcpu)
{
	return (void *)vcpu->run + vcpu->run->io.data_offset;
}

/* At CPL0, I/O is always allowed.  At CPL > 0, only the backdoor allows it. */
static bool is_port_denied(enum bare_mode mode, bool enabled)
{
	return bare_mode_cpl(mode) && !enabled;
}

static void test_io_insn(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled,
			 const struct insn *insn, u16 dx, u32 eax)
{
	bool is_imm8 = (insn->code[0] & 0xfc) == 0xe4;
	bool is_string = (insn->code[0] & 0xfc) == 0x6c;
	u8 *buffer = addr_gpa2hva(vcpu->vm, BARE_DATA);
	struct kvm_regs regs;

	*buffer = 0x51;
	load(vcpu, mode, insn, .rax = eax, .rcx = VMWARE_CMD_GETVERSION, .rdx = dx,
	     .rsi = BARE_DATA, .rdi = BARE_DATA);
	vcpu_run(vcpu);
	if (is_port_denied(mode, enabled && !is_imm8)) {
		assert_gp(vcpu, 0);
		return;
	}

	/* Registers are inputs and outputs, RAX comes from the data of the exit. */
	assert_io(vcpu, insn, is_imm8 ? insn->code[1] : dx);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rax, eax);
	TEST_ASSERT_EQ(regs.rcx, VMWARE_CMD_GETVERSION);
	regs.rcx = ~VMWARE_CMD_GETVERSION;
	vcpu_regs_set(vcpu, &regs);
	if (insn->is_out)
		TEST_ASSERT_EQ(*io_data(vcpu), is_string ? 0x51 : (u8)eax);
	else
		*io_data(vcpu) = 0x5a;

	vcpu_run(vcpu);
	bare_vcpu_assert_done(vcpu, insn->len);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rcx, ~VMWARE_CMD_GETVERSION);
	if (!insn->is_out)
		TEST_ASSERT_EQ(is_string ? *buffer : (u8)regs.rax, 0x5a);
}

/*
 * KVM looks at the port, and at nothing but the port.  The rest is up to the VMM,
 * i.e. the magic doesn't matter.  Other ports aren't part of the backdoor, and that's
 * true for all imm8 ports.
 */
static void test_io(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	const struct insn *insn;

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

static const char hb_data[] = "The quick brown fox";

/* Move all of hb_data via string I/O, in whatever number of exits KVM needs. */
static void test_string_io(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled,
			   const struct insn *insn)
{
	char *buffer = addr_gpa2hva(vcpu->vm, BARE_DATA);
	size_t len = sizeof(hb_data), done = 0;
	struct kvm_regs regs;

	memset(buffer, 0, len + 1);
	if (insn->is_out)
		memcpy(buffer, hb_data, len);
	load(vcpu, mode, insn, .rax = VMWARE_MAGIC, .rcx = len, .rdx = VMWARE_PORT_HB,
	     .rsi = BARE_DATA, .rdi = BARE_DATA);
	vcpu_run(vcpu);
	if (is_port_denied(mode, enabled)) {
		assert_gp(vcpu, 0);
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rcx, len);
		return;
	}

	while (vcpu->run->exit_reason == KVM_EXIT_IO) {
		u32 count = vcpu->run->io.count;

		assert_io(vcpu, insn, VMWARE_PORT_HB);
		TEST_ASSERT(count && count <= len - done,
			    "Bad count %u after %lu of %lu bytes", count, done, len);

		/* RCX excludes the elements of this exit only for OUTS. */
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rcx, len - done - (insn->is_out ? count : 0));

		/* Results in registers, RAX only when it's no longer needed. */
		if (len - done == count)
			regs.rax = 0x10001;
		vcpu_regs_set(vcpu, &regs);

		if (!insn->is_out)
			memcpy(io_data(vcpu), hb_data + done, count);
		else
			TEST_ASSERT(!memcmp(io_data(vcpu), hb_data + done, count),
				    "Bad data after %lu bytes", done);
		done += count;
		vcpu_run(vcpu);
	}

	bare_vcpu_assert_done(vcpu, insn->len);
	TEST_ASSERT_EQ(done, len);
	TEST_ASSERT(!memcmp(buffer, hb_data, len) && !buffer[len], "Bad data in guest memory");

	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rax, 0x10001);
	TEST_ASSERT_EQ(regs.rcx, 0);
	TEST_ASSERT_EQ(insn->is_out ? regs.rsi : regs.rdi, BARE_DATA + len);
}

static void test_string(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	test_string_io(vcpu, mode, enabled, &rep_ins);
	test_string_io(vcpu, mode, enabled, &rep_outs);
}

TEST_VMS_AND_MODES(string, KVM_X86_VMWARE_BACKDOOR)

/*
 * If the destination of INS isn't accessible, the guest gets a #PF after the exit,
 * and can restart the INS, i.e. userspace gets to see the same exit again.
 */
static void test_ins_fault(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	/* add rsp, 8; iretq */
	static const u8 iret[] = { 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf };
	struct bare_exception e;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	/* There's no paging outside of long mode. */
	if (mode == BARE_MODE_32_CPL0 || mode == BARE_MODE_32_CPL3 ||
	    is_port_denied(mode, enabled))
		return;

	load(vcpu, mode, &rep_ins, .rcx = 4, .rdx = VMWARE_PORT_HB, .rdi = BARE_UNMAPPED);
	vcpu_run(vcpu);
	assert_io(vcpu, &rep_ins, VMWARE_PORT_HB);
	vcpu_run(vcpu);
	bare_vcpu_assert_exception(vcpu, PF_VECTOR, &e);
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
	vcpu_run(vcpu);
	assert_io(vcpu, &rep_ins, VMWARE_PORT_HB);
	TEST_ASSERT_EQ(vcpu->run->io.count, 4);
	vcpu_run(vcpu);
	bare_vcpu_assert_done(vcpu, rep_ins.len);
}

TEST_VMS_AND_MODES(ins_fault, KVM_X86_VMWARE_BACKDOOR)

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

	if (mode == BARE_MODE_32_CPL0 || mode == BARE_MODE_32_CPL3)
		return;

	/* A #GP on delivery of the #DB that precedes the IN.  Bit 0 is EXT. */
	load(vcpu, mode, &nop_in, .rdx = VMWARE_PORT, .rflags = X86_EFLAGS_TF);
	vcpu_sregs_get(vcpu, &sregs);
	idt = addr_gpa2hva(vcpu->vm, sregs.idt.base);
	selector = idt[DB_VECTOR].selector;
	idt[DB_VECTOR].selector = 0;
	vcpu_run(vcpu);
	idt[DB_VECTOR].selector = selector;
	bare_vcpu_assert_exception(vcpu, GP_VECTOR, &e);
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

	load(vcpu, mode, &rdpmc, .rax = 0x1234567800000001, .rcx = pmc,
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
 * On SVM, KVM intercepts #GP for guests with EFER.SVME set, too, unless the CPU does
 * without.  Unprivileged VMLOAD isn't emulated, and the backdoor works, also once
 * EFER.SVME is clear again, which is what loading the vCPU does.
 */
static void test_svme(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	const struct insn *insns[] = { &vmload, &in, &in };
	struct kvm_sregs sregs;
	int i;

	if (!host_cpu_is_amd_compatible || !kvm_cpu_has(X86_FEATURE_SVM))
		return;

	/* At CPL0, VMLOAD works.  Without paging, it's a #UD. */
	for (i = mode == BARE_MODE_64_CPL3 ? 0 : 1; i < 3; i++) {
		load(vcpu, mode, insns[i], .rdx = VMWARE_PORT);
		vcpu_sregs_get(vcpu, &sregs);
		sregs.efer |= i < 2 ? EFER_SVME : 0;
		vcpu_sregs_set(vcpu, &sregs);
		vcpu_run(vcpu);
		if (insns[i] == &vmload || is_port_denied(mode, enabled)) {
			assert_gp(vcpu, 0);
		} else {
			assert_io(vcpu, &in, VMWARE_PORT);
			vcpu_run(vcpu);
			bare_vcpu_assert_done(vcpu, in.len);
		}
	}
}

TEST_VMS_AND_MODES(svme, KVM_X86_VMWARE_BACKDOOR)

/*
 * Count the exits of a guest that takes a #GP at CPL3 and then exits to userspace.
 * Take the best of many attempts to filter out host interrupts and the like.
 */
static u64 count_gp_exits(struct kvm_vcpu *vcpu, u16 port, u32 pmc, u64 *nr_emulated)
{
	u64 exits, emulated, best = ~0ull;
	int i;

	for (i = 0; i < 20; i++) {
		load(vcpu, BARE_MODE_64_CPL3, &hlt, .rdx = port, .rcx = pmc);
		exits = vcpu_get_stat(vcpu, exits);
		emulated = vcpu_get_stat(vcpu, insn_emulation);
		vcpu_run(vcpu);
		assert_gp(vcpu, 0);
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
		exits = count_gp_exits(self->vms[i & 1].vcpu, tests[i / 2].port,
				       tests[i / 2].pmc, &emulated);
		TEST_ASSERT_EQ(exits, flags ? 2 : 1);
		TEST_ASSERT_EQ(emulated, flags & tests[i / 2].flag ? 1 : 0);
	}
}

/*
 * RDPMC of a real PMC exits on behalf of the pseudo-PMCs on Intel only, and never on
 * behalf of the ports, i.e. VMs without pseudo-PMCs keep what a mediated vPMU offers.
 */
TEST_F(vmware_backdoor, rdpmc_exits)
{
	struct kvm_vcpu *vcpu;
	u64 exits, best;
	bool intercepted;
	int i, j;

	if (!kvm_is_pmu_enabled() || !kvm_is_mediated_pmu_enabled())
		return;

	for (i = 0; i < ARRAY_SIZE(self->vms); i++) {
		vcpu = self->vms[i].vcpu;
		for (j = 0, best = ~0ull; j < 20; j++) {
			load(vcpu, BARE_MODE_64_CPL0, &rdpmc, .rcx = 0);
			exits = vcpu_get_stat(vcpu, exits);
			vcpu_run(vcpu);
			bare_vcpu_assert_done(vcpu, rdpmc.len);
			best = min(best, vcpu_get_stat(vcpu, exits) - exits);
		}
		intercepted = !host_cpu_is_amd_compatible &&
			      (self->vms[i].flags & KVM_X86_VMWARE_PSEUDO_PMCS);
		TEST_ASSERT_EQ(best, intercepted ? 2 : 1);
	}
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_VMWARE));

	return test_harness_run(argc, argv);
}
