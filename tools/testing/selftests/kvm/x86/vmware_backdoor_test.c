// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_X86_VMWARE_BACKDOOR and KVM_X86_VMWARE_PSEUDO_PMCS, i.e. for what
 * either of them grants to a guest, and doesn't grant to a guest without.  Two VMs
 * coexist at all times, only the first may have flags of userspace's choosing.
 *
 * All TSS I/O permission bitmaps deny all ports, and CR4.PCE is clear.
 */
#include <time.h>

#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"
#include "vmware.h"

#define VMWARE_CMD_UNKNOWN	0x7f

#define INSN(name, ...) static const u8 insn_##name[] = { __VA_ARGS__ }
INSN(in, 0xed);				/* in    eax, dx */
INSN(out, 0xef);			/* out   dx, eax */
INSN(in_imm, 0xe5, 0x58);		/* in    eax, 0x58 */
INSN(rep_ins, 0xf3, 0x6c);		/* rep insb */
INSN(rep_outs, 0xf3, 0x6e);		/* rep outsb */
INSN(rdpmc, 0x0f, 0x33);
INSN(mov_ds, 0x8e, 0xd8);		/* mov   ds, eax */
INSN(hlt, 0xf4);

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
 * Invoke @fn for both VMs, in all modes, twice and alternating between the VMs,
 * so that leaking state of one VM into the other doesn't go unnoticed.  Tell it
 * whether or not @flag is enabled.
 */
#define for_each_vm_and_mode(fn, flag)					\
do {									\
	int __i, __mode;						\
									\
	for (__mode = 0; __mode < NR_BARE_MODES; __mode++) {		\
		for (__i = 0; __i < 4; __i++)				\
			fn(self->vms[__i & 1].vcpu, __mode,		\
			   self->vms[__i & 1].flags & (flag));		\
	}								\
} while (0)

static void run_insn(struct kvm_vcpu *vcpu, enum bare_mode mode,
		     const u8 *insn, size_t len, struct kvm_regs regs)
{
	bare_vcpu_load(vcpu, mode, insn, len, &regs);
	vcpu_run(vcpu);
}

#define run_insn(vcpu, mode, insn, ...)					\
	run_insn(vcpu, mode, insn, sizeof(insn), (struct kvm_regs) { __VA_ARGS__ })

static void assert_gp(struct kvm_vcpu *vcpu, u32 error_code)
{
	struct bare_exception e;

	bare_vcpu_assert_exception(vcpu, GP_VECTOR, &e);
	TEST_ASSERT_EQ(e.error_code, error_code);
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
}

static void assert_io(struct kvm_vcpu *vcpu, int direction, u16 port, int size)
{
	struct kvm_run *run = vcpu->run;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	TEST_ASSERT_EQ(run->io.direction, direction);
	TEST_ASSERT_EQ(run->io.port, port);
	TEST_ASSERT_EQ(run->io.size, size);
	TEST_ASSERT(!(run->flags & KVM_RUN_X86_GUEST_MODE), "Guest mode without nesting");
}

static void *io_data(struct kvm_vcpu *vcpu)
{
	return (void *)vcpu->run + vcpu->run->io.data_offset;
}

/* At CPL0, I/O is always allowed.  At CPL3, only the backdoor allows it. */
static bool is_port_denied(enum bare_mode mode, bool enabled)
{
	return bare_mode_cpl(mode) && !enabled;
}

static void test_in(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	static const u32 commands[] = { VMWARE_CMD_GETVERSION, VMWARE_CMD_UNKNOWN };
	struct kvm_regs regs;
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		run_insn(vcpu, mode, insn_in, .rax = VMWARE_MAGIC,
			 .rcx = commands[i], .rdx = VMWARE_PORT, .rsi = 0x51);
		if (is_port_denied(mode, enabled)) {
			assert_gp(vcpu, 0);
			continue;
		}

		/* Play VMM, which doesn't know any command but GETVERSION. */
		assert_io(vcpu, KVM_EXIT_IO_IN, VMWARE_PORT, 4);
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rax, VMWARE_MAGIC);
		TEST_ASSERT_EQ(regs.rcx, commands[i]);
		if (regs.rcx == VMWARE_CMD_GETVERSION) {
			*(u32 *)io_data(vcpu) = 6;
			regs.rax = 6;
			regs.rbx = VMWARE_MAGIC;
			regs.rcx = 2;
			vcpu_regs_set(vcpu, &regs);
		} else {
			*(u32 *)io_data(vcpu) = ~0u;
		}

		vcpu_run(vcpu);
		bare_vcpu_assert_done(vcpu, sizeof(insn_in));
		vcpu_regs_get(vcpu, &regs);
		if (commands[i] == VMWARE_CMD_GETVERSION) {
			TEST_ASSERT_EQ(regs.rax, 6);
			TEST_ASSERT_EQ(regs.rbx, VMWARE_MAGIC);
			TEST_ASSERT_EQ(regs.rcx, 2);
		} else {
			TEST_ASSERT_EQ(regs.rax, 0xffffffff);
			TEST_ASSERT_EQ(regs.rbx, 0);
			TEST_ASSERT_EQ(regs.rcx, commands[i]);
		}
		TEST_ASSERT_EQ(regs.rsi, 0x51);
	}
}

TEST_F(vmware_backdoor, in)
{
	for_each_vm_and_mode(test_in, KVM_X86_VMWARE_BACKDOOR);
}

/* KVM looks at the port, and at nothing but the port.  The rest is up to the VMM. */
static void test_in_no_magic(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	run_insn(vcpu, mode, insn_in, .rax = ~VMWARE_MAGIC, .rdx = VMWARE_PORT);
	if (is_port_denied(mode, enabled)) {
		assert_gp(vcpu, 0);
		return;
	}

	assert_io(vcpu, KVM_EXIT_IO_IN, VMWARE_PORT, 4);
	vcpu_run(vcpu);
	bare_vcpu_assert_done(vcpu, sizeof(insn_in));
}

TEST_F(vmware_backdoor, in_no_magic)
{
	for_each_vm_and_mode(test_in_no_magic, KVM_X86_VMWARE_BACKDOOR);
}

static void test_out(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	run_insn(vcpu, mode, insn_out, .rax = VMWARE_MAGIC,
		 .rcx = VMWARE_CMD_GETVERSION, .rdx = VMWARE_PORT);
	if (is_port_denied(mode, enabled)) {
		assert_gp(vcpu, 0);
		return;
	}

	assert_io(vcpu, KVM_EXIT_IO_OUT, VMWARE_PORT, 4);
	TEST_ASSERT_EQ(*(u32 *)io_data(vcpu), VMWARE_MAGIC);
	vcpu_run(vcpu);
	bare_vcpu_assert_done(vcpu, sizeof(insn_out));
}

TEST_F(vmware_backdoor, out)
{
	for_each_vm_and_mode(test_out, KVM_X86_VMWARE_BACKDOOR);
}

static const char hb_data[] = "The quick brown fox";

/* Move all of hb_data via string I/O, in whatever number of exits KVM needs. */
static void test_string_io(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled,
			   bool is_in)
{
	char *buffer = addr_gpa2hva(vcpu->vm, BARE_DATA);
	size_t len = sizeof(hb_data), done = 0, last = 0;
	struct kvm_regs regs;

	memset(buffer, 0, len + 1);
	if (is_in) {
		run_insn(vcpu, mode, insn_rep_ins, .rax = VMWARE_MAGIC, .rcx = len,
			 .rdx = VMWARE_PORT_HB, .rdi = BARE_DATA);
	} else {
		memcpy(buffer, hb_data, len);
		run_insn(vcpu, mode, insn_rep_outs, .rax = VMWARE_MAGIC, .rcx = len,
			 .rdx = VMWARE_PORT_HB, .rsi = BARE_DATA);
	}

	if (is_port_denied(mode, enabled)) {
		assert_gp(vcpu, 0);
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rcx, len);
		return;
	}

	while (vcpu->run->exit_reason == KVM_EXIT_IO) {
		u32 count = vcpu->run->io.count;

		assert_io(vcpu, is_in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT, VMWARE_PORT_HB, 1);
		TEST_ASSERT(count && count <= len - done,
			    "Bad count %u after %lu of %lu bytes", count, done, len);

		/* RCX excludes the elements of this exit only for OUTS. */
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rcx, len - done - (is_in ? 0 : count));

		/* Results in registers, with RAX only when it's no longer needed. */
		regs.rbx = ~done;
		if (len - done == count)
			regs.rax = 0x10001;
		vcpu_regs_set(vcpu, &regs);

		if (is_in)
			memcpy(io_data(vcpu), hb_data + done, count);
		else
			TEST_ASSERT(!memcmp(io_data(vcpu), hb_data + done, count),
				    "Bad data after %lu bytes", done);
		last = count;
		done += count;
		vcpu_run(vcpu);
	}

	bare_vcpu_assert_done(vcpu, sizeof(insn_rep_ins));
	TEST_ASSERT_EQ(done, len);
	TEST_ASSERT(!memcmp(buffer, hb_data, len) && !buffer[len], "Bad data in guest memory");

	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rax, 0x10001);
	TEST_ASSERT_EQ(regs.rbx, ~(done - last));
	TEST_ASSERT_EQ(regs.rcx, 0);
	TEST_ASSERT_EQ(is_in ? regs.rdi : regs.rsi, BARE_DATA + len);
}

static void test_rep_ins(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	test_string_io(vcpu, mode, enabled, true);
}

static void test_rep_outs(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	test_string_io(vcpu, mode, enabled, false);
}

TEST_F(vmware_backdoor, rep_ins)
{
	for_each_vm_and_mode(test_rep_ins, KVM_X86_VMWARE_BACKDOOR);
}

TEST_F(vmware_backdoor, rep_outs)
{
	for_each_vm_and_mode(test_rep_outs, KVM_X86_VMWARE_BACKDOOR);
}

/*
 * If the destination of INS isn't accessible, the guest gets a #PF after the exit,
 * and can restart the INS, i.e. userspace gets to see the same exit again.
 */
static void test_rep_ins_fault(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	struct kvm_regs regs;

	/* There's no paging outside of long mode. */
	if (mode == BARE_MODE_32_CPL0 || mode == BARE_MODE_32_CPL3)
		return;

	run_insn(vcpu, mode, insn_rep_ins, .rax = VMWARE_MAGIC, .rcx = 4,
		 .rdx = VMWARE_PORT_HB, .rdi = BARE_UNMAPPED);
	if (is_port_denied(mode, enabled)) {
		assert_gp(vcpu, 0);
		return;
	}

	assert_io(vcpu, KVM_EXIT_IO_IN, VMWARE_PORT_HB, 1);
	vcpu_run(vcpu);
	bare_vcpu_assert_exception(vcpu, PF_VECTOR, NULL);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rcx, 4);
	TEST_ASSERT_EQ(regs.rdi, BARE_UNMAPPED);
}

TEST_F(vmware_backdoor, rep_ins_fault)
{
	for_each_vm_and_mode(test_rep_ins_fault, KVM_X86_VMWARE_BACKDOOR);
}

/* Other ports aren't part of the backdoor, not even with the magic. */
static void test_other_ports(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	static const u16 ports[] = {
		0, 0x58, 0x80, VMWARE_PORT - 1, VMWARE_PORT_HB + 1, 0x6658, 0xffff,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		run_insn(vcpu, mode, insn_in, .rax = VMWARE_MAGIC,
			 .rcx = VMWARE_CMD_GETVERSION, .rdx = ports[i]);
		if (bare_mode_cpl(mode)) {
			assert_gp(vcpu, 0);
			continue;
		}

		assert_io(vcpu, KVM_EXIT_IO_IN, ports[i], 4);
		vcpu_run(vcpu);
		bare_vcpu_assert_done(vcpu, sizeof(insn_in));
	}

	run_insn(vcpu, mode, insn_in_imm, .rax = VMWARE_MAGIC,
		 .rcx = VMWARE_CMD_GETVERSION, .rdx = VMWARE_PORT);
	if (bare_mode_cpl(mode)) {
		assert_gp(vcpu, 0);
	} else {
		assert_io(vcpu, KVM_EXIT_IO_IN, 0x58, 4);
		vcpu_run(vcpu);
		bare_vcpu_assert_done(vcpu, sizeof(insn_in_imm));
	}
}

TEST_F(vmware_backdoor, other_ports)
{
	for_each_vm_and_mode(test_other_ports, KVM_X86_VMWARE_BACKDOOR);
}

/* #GPs that have nothing to do with the backdoor are none of KVM's business. */
static void test_other_gp(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	/* A selector that's beyond the limit of the GDT. */
	run_insn(vcpu, mode, insn_mov_ds, .rax = 0xff8, .rdx = VMWARE_PORT);
	assert_gp(vcpu, 0xff8);
}

TEST_F(vmware_backdoor, other_gp)
{
	for_each_vm_and_mode(test_other_gp, KVM_X86_VMWARE_BACKDOOR);
}

static u64 boottime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Read the pseudo-PMC, and return whether or not it can be read. */
static bool read_pmc(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled,
		     u32 pmc, u64 *val)
{
	struct kvm_regs regs;

	run_insn(vcpu, mode, insn_rdpmc, .rax = 0x1234567800000001,
		 .rcx = pmc, .rdx = 0x1234567800000002);
	if (!enabled) {
		assert_gp(vcpu, 0);
		return false;
	}

	bare_vcpu_assert_done(vcpu, sizeof(insn_rdpmc));
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

static void test_host_tsc(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	u64 before = rdtsc();
	u64 val;

	if (read_pmc(vcpu, mode, enabled, VMWARE_PMC_HOST_TSC, &val))
		assert_in_range(before, val, rdtsc());
}

TEST_F(vmware_backdoor, rdpmc_host_tsc)
{
	pin_self_to_any_cpu();

	for_each_vm_and_mode(test_host_tsc, KVM_X86_VMWARE_PSEUDO_PMCS);
}

static void test_real_time(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	u64 before = boottime_ns();
	u64 val;

	if (read_pmc(vcpu, mode, enabled, VMWARE_PMC_REAL_TIME, &val))
		assert_in_range(before, val, boottime_ns());
}

TEST_F(vmware_backdoor, rdpmc_real_time)
{
	for_each_vm_and_mode(test_real_time, KVM_X86_VMWARE_PSEUDO_PMCS);
}

/* Apparent time is the VM's time, i.e. can be set by userspace. */
static void test_apparent_time(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	static const u64 clocks[] = { 0, 1000000000ull, 1000000000000000ull };
	struct kvm_clock_data clock;
	u64 val;
	int i;

	for (i = 0; i < ARRAY_SIZE(clocks); i++) {
		clock = (struct kvm_clock_data) { .clock = clocks[i] };
		vm_ioctl(vcpu->vm, KVM_SET_CLOCK, &clock);
		if (!read_pmc(vcpu, mode, enabled, VMWARE_PMC_APPARENT_TIME, &val))
			return;

		vm_ioctl(vcpu->vm, KVM_GET_CLOCK, &clock);
		assert_in_range(clocks[i], val, clock.clock);
	}
}

TEST_F(vmware_backdoor, rdpmc_apparent_time)
{
	for_each_vm_and_mode(test_apparent_time, KVM_X86_VMWARE_PSEUDO_PMCS);
}

/* There are exactly three pseudo-PMCs. */
static void test_other_pmcs(struct kvm_vcpu *vcpu, enum bare_mode mode, bool enabled)
{
	static const u32 pmcs[] = { 0xffff, 0x10003, 0x20000, 0x80010000 };
	u64 ign;
	int i;

	for (i = 0; i < ARRAY_SIZE(pmcs); i++)
		read_pmc(vcpu, mode, false, pmcs[i], &ign);
}

TEST_F(vmware_backdoor, rdpmc_other)
{
	for_each_vm_and_mode(test_other_pmcs, KVM_X86_VMWARE_PSEUDO_PMCS);
}

/*
 * Count the exits of a guest that takes a #GP at CPL3 and then exits to userspace.
 * Take the best of many attempts to filter out host interrupts and the like.
 */
static u64 count_gp_exits(struct kvm_vcpu *vcpu, u16 port, u32 pmc, u64 *nr_emulated)
{
	u64 exits, emulated, best = ~0ull;
	int i;

	for (i = 0; i < 20; i++) {
		struct kvm_regs regs = { .rdx = port, .rcx = pmc };

		bare_vcpu_load(vcpu, BARE_MODE_64_CPL3, insn_hlt, sizeof(insn_hlt), &regs);
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
	u64 flags, exits, emulated = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(self->vms); i++) {
		flags = self->vms[i].flags;

		exits = count_gp_exits(self->vms[i].vcpu, VMWARE_PORT - 1, 0x12345, &emulated);
		TEST_ASSERT_EQ(exits, flags ? 2 : 1);
		TEST_ASSERT_EQ(emulated, 0);

		exits = count_gp_exits(self->vms[i].vcpu, VMWARE_PORT, 0x12345, &emulated);
		TEST_ASSERT_EQ(exits, flags ? 2 : 1);
		TEST_ASSERT_EQ(emulated, flags & KVM_X86_VMWARE_BACKDOOR ? 1 : 0);

		exits = count_gp_exits(self->vms[i].vcpu, 0x80, VMWARE_PMC_HOST_TSC, &emulated);
		TEST_ASSERT_EQ(exits, flags ? 2 : 1);
		TEST_ASSERT_EQ(emulated, flags & KVM_X86_VMWARE_PSEUDO_PMCS ? 1 : 0);
	}
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_VMWARE));

	return test_harness_run(argc, argv);
}
