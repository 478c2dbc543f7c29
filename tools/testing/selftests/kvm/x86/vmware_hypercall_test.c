// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_X86_VMWARE_HYPERCALL, i.e. for forwarding VMware hypercalls to
 * userspace with KVM_EXIT_VMWARE, in all modes and at all CPLs that matter.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include <asm/kvm_para.h>
#include <linux/kvm_para.h>

#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"
#include "hyperv.h"
#include "vmware.h"

/* VMCALL and VMMCALL are both 3-byte opcodes. */
#define HCALL_INSN_SIZE	3

#define NR_SCRIBBLED	10000

static const u8 vmcall[HCALL_INSN_SIZE]  = { 0x0f, 0x01, 0xc1 };
static const u8 vmmcall[HCALL_INSN_SIZE] = { 0x0f, 0x01, 0xd9 };

/* The registers that are part of the exit. */
#define HCALL_REG(r)	{ #r, offsetof(struct kvm_regs, r),		\
			  offsetof(struct kvm_vmware_exit, u.hcall.r) }
static const struct {
	const char *name;
	size_t regs;
	size_t exit;
} hcall_regs[] = {
	HCALL_REG(rax), HCALL_REG(rbx), HCALL_REG(rcx), HCALL_REG(rdx),
	HCALL_REG(rsi), HCALL_REG(rdi), HCALL_REG(rbp),
};

static u64 *reg_of(struct kvm_regs *regs, int i)
{
	return (void *)regs + hcall_regs[i].regs;
}

static u64 *exit_reg_of(struct kvm_vcpu *vcpu, int i)
{
	return (void *)&vcpu->run->vmware + hcall_regs[i].exit;
}

/*
 * What the guest has, what userspace returns, and what userspace shoves in via
 * KVM_SET_REGS, which must have no effect on the registers that are part of the exit.
 * Distinct in each half of each register.
 */
enum values { INPUT, RESULT, BOGUS };

static u64 value(enum values values, int i)
{
	u64 n = values << 8 | i;

	if (values == INPUT && !i)
		return 0xf0000000ull << 32 | VMWARE_MAGIC;

	return (0xf0000000 | n) << 32 | 0xe0000000 | n;
}

static void set_values(struct kvm_regs *regs, enum values values)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(hcall_regs); i++)
		*reg_of(regs, i) = value(values, i);
}

static struct kvm_regs input_regs(void)
{
	struct kvm_regs regs = {
		.r8  = 0x0808080800000008, .r9  = 0x0909090900000009,
		.r10 = 0x1010101000000010, .r11 = 0x1111111100000011,
		.r12 = 0x1212121200000012, .r13 = 0x1313131300000013,
		.r14 = 0x1414141400000014, .r15 = 0x1515151500000015,
	};

	set_values(&regs, INPUT);
	return regs;
}

/* Registers outside of 64-bit mode are 32 bits wide, i.e. zero extended. */
static u64 mode_mask(enum bare_mode mode)
{
	return bare_mode_is_64bit(mode) ? ~0ull : 0xffffffffull;
}

static const u8 *native_hcall(void)
{
	return host_cpu_is_intel ? vmcall : vmmcall;
}

static const u8 *other_hcall(void)
{
	return host_cpu_is_intel ? vmmcall : vmcall;
}

static void load_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax)
{
	struct kvm_regs regs = input_regs();

	regs.rax = rax;
	bare_vcpu_load(vcpu, mode, native_hcall(), HCALL_INSN_SIZE, &regs);
}

/* Dirty the exit to prove that KVM writes all of it. */
static void run_dirty(struct kvm_vcpu *vcpu)
{
	memset(vcpu->run->padding, 0xff, sizeof(vcpu->run->padding));
	vcpu_run(vcpu);
}

static void assert_exit(struct kvm_vcpu *vcpu, enum values values, u64 mask,
			bool longmode, int cpl)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	typeof(exit->u.hcall.exception) none = {};
	int i;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
	TEST_ASSERT_EQ(exit->type, KVM_EXIT_VMWARE_HCALL);
	TEST_ASSERT_EQ(exit->pad, 0);
	TEST_ASSERT_EQ(exit->u.hcall.longmode, longmode);
	TEST_ASSERT_EQ(exit->u.hcall.cpl, cpl);
	TEST_ASSERT(!memcmp(&exit->u.hcall.exception, &none, sizeof(none)),
		    "The exit's exception isn't zeroed");

	for (i = 0; i < ARRAY_SIZE(hcall_regs); i++)
		TEST_ASSERT(*exit_reg_of(vcpu, i) == (value(values, i) & mask),
			    "Wanted %s = 0x%lx in the exit, got 0x%lx", hcall_regs[i].name,
			    value(values, i) & mask, *exit_reg_of(vcpu, i));
}

static void assert_hcall_exit(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	assert_exit(vcpu, INPUT, mode_mask(mode), bare_mode_is_64bit(mode), bare_mode_cpl(mode));
}

/* Execute a hypercall up to and including the exit to userspace. */
static void run_to_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	load_hcall(vcpu, mode, value(INPUT, 0));
	run_dirty(vcpu);
	assert_hcall_exit(vcpu, mode);
}

/* KVM must not trust, or even look at, what isn't an input. */
static void set_results(struct kvm_vcpu *vcpu)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	int i;

	for (i = 0; i < ARRAY_SIZE(hcall_regs); i++)
		*exit_reg_of(vcpu, i) = value(RESULT, i);

	exit->type = ~0;
	exit->pad = ~0;
	exit->u.hcall.longmode = !exit->u.hcall.longmode;
	exit->u.hcall.cpl = ~0;
}

static void run_to_results(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	run_to_hcall(vcpu, mode);
	set_results(vcpu);
}

static void assert_regs(struct kvm_vcpu *vcpu, enum values values, u64 mask)
{
	struct kvm_regs regs;
	int i;

	vcpu_regs_get(vcpu, &regs);
	for (i = 0; i < ARRAY_SIZE(hcall_regs); i++)
		TEST_ASSERT(*reg_of(&regs, i) == (value(values, i) & mask),
			    "Wanted %s = 0x%lx, got 0x%lx", hcall_regs[i].name,
			    value(values, i) & mask, *reg_of(&regs, i));
}

static void assert_rip(struct kvm_vcpu *vcpu, u64 rip)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rip, rip);
}

static void assert_completed(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	bare_vcpu_assert_done(vcpu, HCALL_INSN_SIZE);
	assert_regs(vcpu, RESULT, mode_mask(mode));
}

/* The hypercall is complete, but no other instruction was executed. */
static void assert_only_completed(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	assert_rip(vcpu, BARE_CODE + HCALL_INSN_SIZE);
	assert_regs(vcpu, RESULT, mode_mask(mode));
}

static void assert_pending(struct kvm_vcpu *vcpu)
{
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
	assert_rip(vcpu, BARE_CODE);
	assert_regs(vcpu, INPUT, ~0ull);
}

static void assert_run_fails(struct kvm_vcpu *vcpu, int err)
{
	int r = __vcpu_run(vcpu);

	TEST_ASSERT(r == -1 && errno == err, "Wanted errno %d, got r = %d, errno = %d",
		    err, r, errno);
}

static void set_rip(struct kvm_vcpu *vcpu, u64 rip)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	set_values(&regs, BOGUS);
	regs.rip = rip;
	vcpu_regs_set(vcpu, &regs);
}

struct exception_request {
	u32 flags;
	u32 vector;
	u32 error_code;
	u32 pad;
	u64 address;
};

#define FAULT(_vector, _error_code, _address)				\
	{ KVM_VMWARE_EXCEPTION_VALID, _vector, _error_code, 0, _address }

static const struct exception_request gp = FAULT(GP_VECTOR, 0x1234, 0);
static const struct exception_request no_exception;

static void set_exception(struct kvm_vcpu *vcpu, const struct exception_request *req)
{
	static_assert(sizeof(*req) == sizeof(vcpu->run->vmware.u.hcall.exception));
	memcpy(&vcpu->run->vmware.u.hcall.exception, req, sizeof(*req));
}

/* The guest's stack frame is that of an exception that the CPU generates. */
static void assert_excepted(struct kvm_vcpu *vcpu, enum bare_mode mode,
			    const struct exception_request *req)
{
	/* RFLAGS follow the error code, if any, RIP, and CS. */
	int rflags = req->vector == UD_VECTOR ? 2 : 3;
	struct bare_exception e;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	void *frame;

	bare_vcpu_assert_exception(vcpu, req->vector, &e);
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
	TEST_ASSERT_EQ(e.cs & 3, bare_mode_cpl(mode));
	TEST_ASSERT_EQ(e.error_code, req->error_code);

	vcpu_sregs_get(vcpu, &sregs);
	TEST_ASSERT_EQ(sregs.cr2, req->address & mode_mask(mode));

	vcpu_regs_get(vcpu, &regs);
	frame = addr_gpa2hva(vcpu->vm, regs.rsp);
	TEST_ASSERT_EQ(sregs.cs.l ? ((u64 *)frame)[rflags] : ((u32 *)frame)[rflags],
		       X86_EFLAGS_FIXED | X86_EFLAGS_RF);

	assert_regs(vcpu, INPUT, ~0ull);
}

FIXTURE(vmware_hypercall)
{
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(vmware_hypercall)
{
	enum bare_mode mode;
};

FIXTURE_VARIANT_ADD(vmware_hypercall, 64bit_cpl0) { .mode = BARE_MODE_64_CPL0 };
FIXTURE_VARIANT_ADD(vmware_hypercall, 64bit_cpl3) { .mode = BARE_MODE_64_CPL3 };
FIXTURE_VARIANT_ADD(vmware_hypercall, compat_cpl0) { .mode = BARE_MODE_COMPAT_CPL0 };
FIXTURE_VARIANT_ADD(vmware_hypercall, compat_cpl3) { .mode = BARE_MODE_COMPAT_CPL3 };
FIXTURE_VARIANT_ADD(vmware_hypercall, 32bit_cpl0) { .mode = BARE_MODE_32_CPL0 };
FIXTURE_VARIANT_ADD(vmware_hypercall, 32bit_cpl3) { .mode = BARE_MODE_32_CPL3 };

static struct kvm_vcpu *create_vcpu(void)
{
	struct kvm_vm *vm = bare_vm_create();

	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, KVM_X86_VMWARE_HYPERCALL);
	return bare_vcpu_add(vm, 0);
}

FIXTURE_SETUP(vmware_hypercall)
{
	self->vcpu = create_vcpu();
	self->vm = self->vcpu->vm;
}

FIXTURE_TEARDOWN(vmware_hypercall)
{
	kvm_vm_free(self->vm);
}

/* All seven registers go out and come back, no other register is touched. */
TEST_F(vmware_hypercall, registers)
{
	u64 nr_hypercalls = vcpu_get_stat(self->vcpu, hypercalls);
	struct kvm_regs before, after;

	run_to_hcall(self->vcpu, variant->mode);
	assert_pending(self->vcpu);
	vcpu_regs_get(self->vcpu, &before);

	set_results(self->vcpu);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);

	vcpu_regs_get(self->vcpu, &after);
	set_values(&before, RESULT);
	set_values(&after, RESULT);
	before.rip = after.rip;
	TEST_ASSERT(!memcmp(&before, &after, sizeof(before)),
		    "KVM touched registers that aren't part of the exit");
	TEST_ASSERT_EQ(vcpu_get_stat(self->vcpu, hypercalls), nr_hypercalls + 1);

	/* If userspace does nothing, the registers don't change. */
	run_to_hcall(self->vcpu, variant->mode);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_done(self->vcpu, HCALL_INSN_SIZE);
	assert_regs(self->vcpu, INPUT, mode_mask(variant->mode));
}

TEST_F(vmware_hypercall, all_cpls)
{
	struct kvm_sregs sregs;
	int cpl;

	for (cpl = 0; cpl <= 3; cpl++) {
		load_hcall(self->vcpu, variant->mode, value(INPUT, 0));
		vcpu_sregs_get(self->vcpu, &sregs);
		sregs.cs.dpl = cpl;
		sregs.ss.dpl = cpl;
		sregs.cs.selector = (sregs.cs.selector & ~3) | cpl;
		sregs.ss.selector = (sregs.ss.selector & ~3) | cpl;
		vcpu_sregs_set(self->vcpu, &sregs);

		run_dirty(self->vcpu);
		assert_exit(self->vcpu, INPUT, mode_mask(variant->mode),
			    bare_mode_is_64bit(variant->mode), cpl);
		set_results(self->vcpu);
		vcpu_run(self->vcpu);
		assert_completed(self->vcpu, variant->mode);
	}
}

static void assert_no_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax)
{
	struct kvm_regs regs;

	load_hcall(vcpu, mode, rax);
	vcpu_run(vcpu);
	bare_vcpu_assert_done(vcpu, HCALL_INSN_SIZE);

	/* It's a KVM hypercall, albeit a nonexistent one. */
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ((int)regs.rax, bare_mode_cpl(mode) ? -KVM_EPERM : -KVM_ENOSYS);
	TEST_ASSERT_EQ(regs.rbx, value(INPUT, 1));
}

/* Bits 63:32 of RAX aren't part of the magic, bits 31:0 are, all of them. */
TEST_F(vmware_hypercall, magic)
{
	struct kvm_vm *vm = bare_vm_create();
	int i;

	load_hcall(self->vcpu, variant->mode, VMWARE_MAGIC);
	vcpu_run(self->vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_VMWARE);
	TEST_ASSERT_EQ(self->vcpu->run->vmware.u.hcall.rax, VMWARE_MAGIC);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_done(self->vcpu, HCALL_INSN_SIZE);

	for (i = 0; i < 32; i++)
		assert_no_hcall(self->vcpu, variant->mode, VMWARE_MAGIC ^ BIT(i));

	/* With the feature off, the magic has no meaning, even if all others are on. */
	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, kvm_check_cap(KVM_CAP_X86_VMWARE) &
					      ~KVM_X86_VMWARE_HYPERCALL);
	assert_no_hcall(bare_vcpu_add(vm, 0), variant->mode, VMWARE_MAGIC);
	kvm_vm_free(vm);
}

/* If RIP changes, KVM must not touch the guest, not even for an exception. */
TEST_F(vmware_hypercall, rip_changed)
{
	static const struct exception_request requests[] = {
		{}, FAULT(GP_VECTOR, 0, 0), FAULT(NMI_VECTOR, 0, 0),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		run_to_results(self->vcpu, variant->mode);
		set_exception(self->vcpu, &requests[i]);

		bare_vm_write_end(self->vm, 16);
		set_rip(self->vcpu, BARE_CODE + 16);
		vcpu_run(self->vcpu);
		bare_vcpu_assert_done(self->vcpu, 16);
		assert_regs(self->vcpu, BOGUS, ~0ull);
	}

	/* All that counts is RIP when the hypercall is completed. */
	run_to_results(self->vcpu, variant->mode);
	set_rip(self->vcpu, BARE_CODE + 16);
	set_rip(self->vcpu, BARE_CODE);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* With RIP unchanged, the exit's registers win, all others are userspace's. */
TEST_F(vmware_hypercall, userspace_regs)
{
	struct kvm_run *run = self->vcpu->run;
	struct kvm_regs *regs = &run->s.regs.regs;

	run_to_results(self->vcpu, variant->mode);
	set_rip(self->vcpu, BARE_CODE);
	assert_regs(self->vcpu, BOGUS, ~0ull);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);

	/* Ditto for registers that are synchronized by KVM_RUN itself. */
	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	run_to_hcall(self->vcpu, variant->mode);
	TEST_ASSERT_EQ(regs->rip, BARE_CODE);
	TEST_ASSERT_EQ(regs->rbp, value(INPUT, 6));

	/* Invalid bits are rejected before anything is consumed. */
	set_results(self->vcpu);
	set_values(regs, BOGUS);
	regs->r15 = ~regs->r15;
	run->kvm_valid_regs = 0;
	run->kvm_dirty_regs = BIT_ULL(31) | KVM_SYNC_X86_REGS;
	assert_run_fails(self->vcpu, EINVAL);
	assert_pending(self->vcpu);

	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	run->kvm_valid_regs = BIT_ULL(31);
	assert_run_fails(self->vcpu, EINVAL);
	assert_pending(self->vcpu);

	/* Malformed exceptions are not. */
	run->kvm_valid_regs = 0;
	set_exception(self->vcpu, &(struct exception_request)FAULT(NMI_VECTOR, 0, 0));
	assert_run_fails(self->vcpu, EINVAL);
	TEST_ASSERT_EQ(run->kvm_dirty_regs, 0);
	assert_regs(self->vcpu, BOGUS, ~0ull);

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	set_exception(self->vcpu, &no_exception);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
	TEST_ASSERT_EQ(regs->r15, ~0x1515151500000015ull);
	TEST_ASSERT_EQ(regs->rbp, value(RESULT, 6) & mode_mask(variant->mode));
}

/* What counts is the vCPU's mode when the hypercall is completed. */
TEST_F(vmware_hypercall, mode_changed)
{
	struct kvm_sregs sregs;

	if (!bare_mode_is_64bit(variant->mode))
		return;

	run_to_results(self->vcpu, variant->mode);
	vcpu_sregs_get(self->vcpu, &sregs);
	sregs.cs.l = 0;
	sregs.cs.db = 1;
	vcpu_sregs_set(self->vcpu, &sregs);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, BARE_MODE_COMPAT_CPL0);
}

static void ignore_signal(int sig)
{
}

/* KVM_RUN completes the hypercall even if it doesn't enter the guest. */
TEST_F(vmware_hypercall, immediate_exit)
{
	struct {
		struct kvm_signal_mask mask;
		u8 sigset[8];
	} unblock = { .mask.len = sizeof(unblock.sigset) };
	sigset_t usr1;

	run_to_results(self->vcpu, variant->mode);
	vcpu_run_complete_io(self->vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_VMWARE);
	assert_only_completed(self->vcpu, variant->mode);

	/* The reply has been consumed, further changes must be ignored. */
	run_dirty(self->vcpu);
	assert_completed(self->vcpu, variant->mode);

	/* Ditto for a signal that's pending, i.e. that KVM_RUN unblocks. */
	run_to_results(self->vcpu, variant->mode);

	signal(SIGUSR1, ignore_signal);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	vcpu_ioctl(self->vcpu, KVM_SET_SIGNAL_MASK, &unblock.mask);
	raise(SIGUSR1);
	assert_run_fails(self->vcpu, EINTR);
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_INTR);
	assert_only_completed(self->vcpu, variant->mode);

	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	run_dirty(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* Only a vCPU that waits for INIT doesn't get around to completing the hypercall. */
TEST_F(vmware_hypercall, mp_state)
{
	struct kvm_mp_state state = { KVM_MP_STATE_UNINITIALIZED };

	run_to_results(self->vcpu, variant->mode);
	vcpu_mp_state_set(self->vcpu, &state);
	vcpu_run_complete_io(self->vcpu);
	assert_pending(self->vcpu);

	state.mp_state = KVM_MP_STATE_HALTED;
	vcpu_mp_state_set(self->vcpu, &state);
	vcpu_run_complete_io(self->vcpu);
	assert_only_completed(self->vcpu, variant->mode);
}

static void copy_vcpu(struct kvm_vcpu *dst, struct kvm_vcpu *src, bool complete)
{
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (complete)
		vcpu_run_complete_io(src);
	vcpu_regs_get(src, &regs);
	vcpu_sregs_get(src, &sregs);
	vcpu_events_get(src, &events);

	memcpy(addr_gpa2hva(dst->vm, BARE_CODE), addr_gpa2hva(src->vm, BARE_CODE), getpagesize());
	vcpu_sregs_set(dst, &sregs);
	vcpu_events_set(dst, &events);
	vcpu_regs_set(dst, &regs);
}

/* Neither a hypercall nor its results are lost if the vCPU is migrated. */
TEST_F(vmware_hypercall, migration)
{
	struct kvm_vcpu *vcpu = create_vcpu();

	run_to_results(self->vcpu, variant->mode);
	copy_vcpu(vcpu, self->vcpu, true);
	run_dirty(vcpu);
	assert_completed(vcpu, variant->mode);

	/* The guest redoes the hypercall if it was pending. */
	run_to_results(self->vcpu, variant->mode);
	copy_vcpu(vcpu, self->vcpu, false);
	run_dirty(vcpu);
	assert_hcall_exit(vcpu, variant->mode);
	set_results(vcpu);

	/* KVM can't tell this from the hypercall that's pending, and completes it. */
	copy_vcpu(vcpu, self->vcpu, false);
	vcpu_run(vcpu);
	assert_completed(vcpu, variant->mode);
	kvm_vm_free(vcpu->vm);
}

/*
 * A hypercall traps after it's complete, to the guest or to userspace, depending on
 * who is single-stepping.  Set RFLAGS.TF while the hypercall is pending, Bochs'
 * emulation of VMX traps before the first instruction after VM-Enter.
 */
TEST_F(vmware_hypercall, single_step)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};
	struct bare_exception e;
	struct kvm_regs regs;

	run_to_results(self->vcpu, variant->mode);
	vcpu_regs_get(self->vcpu, &regs);
	regs.rflags |= X86_EFLAGS_TF;
	vcpu_regs_set(self->vcpu, &regs);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_exception(self->vcpu, DB_VECTOR, &e);
	TEST_ASSERT_EQ(e.rip, BARE_CODE + HCALL_INSN_SIZE);
	assert_regs(self->vcpu, RESULT, mode_mask(variant->mode));

	/* The exit is KVM_RUN's, i.e. isn't subject to immediate_exit. */
	run_to_results(self->vcpu, variant->mode);
	vcpu_guest_debug_set(self->vcpu, &debug);
	self->vcpu->run->immediate_exit = 1;
	vcpu_run(self->vcpu);
	self->vcpu->run->immediate_exit = 0;
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_DEBUG);
	TEST_ASSERT_EQ(self->vcpu->run->debug.arch.pc, BARE_CODE + HCALL_INSN_SIZE);
	assert_only_completed(self->vcpu, variant->mode);
}

/*
 * Nothing but RIP ties a hypercall to the guest's code.  Without an instruction length
 * from the CPU, KVM skips what's there by then, i.e. a single-byte HLT.
 */
TEST_F(vmware_hypercall, code_replaced)
{
	bool has_len = host_cpu_is_intel || get_kvm_amd_param_integer("nrips");

	run_to_results(self->vcpu, variant->mode);
	memset(addr_gpa2hva(self->vm, BARE_CODE), 0xf4, HCALL_INSN_SIZE);
	vcpu_run_complete_io(self->vcpu);
	assert_rip(self->vcpu, BARE_CODE + (has_len ? HCALL_INSN_SIZE : 1));
	assert_regs(self->vcpu, RESULT, mode_mask(variant->mode));
}

static const struct exception_request good_exceptions[] = {
	FAULT(UD_VECTOR, 0, 0),
	FAULT(GP_VECTOR, 0, 0),
	FAULT(GP_VECTOR, 0xffff, 0),
	FAULT(PF_VECTOR, 0, 0),
	FAULT(PF_VECTOR, 0x7, 0x12345000),
	FAULT(PF_VECTOR, 0xffff, 0x12345000),
	/* Bits 63:32 of CR2 are valid in 64-bit mode only, need not be canonical. */
	FAULT(PF_VECTOR, 0x5, 0xffff8123456789ab),
	FAULT(PF_VECTOR, 0x5, 0x0fff8123456789ab),
};

static void assert_events(struct kvm_vcpu *vcpu, const struct exception_request *req,
			  u64 address, bool payload)
{
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;

	vcpu_events_get(vcpu, &events);
	TEST_ASSERT_EQ(events.exception.injected, !payload);
	TEST_ASSERT_EQ(events.exception.pending, 1);
	TEST_ASSERT_EQ(events.exception.nr, req->vector);
	TEST_ASSERT_EQ(events.exception.has_error_code, req->vector != UD_VECTOR);
	TEST_ASSERT_EQ(events.exception.error_code, req->error_code);
	TEST_ASSERT_EQ(events.exception_has_payload, payload && req->vector == PF_VECTOR);
	TEST_ASSERT_EQ(events.exception_payload, payload ? address : 0);

	vcpu_sregs_get(vcpu, &sregs);
	TEST_ASSERT_EQ(sregs.cr2, payload ? 0 : address);
}

/* Exceptions are delivered at the hypercall, which isn't skipped. */
TEST_F(vmware_hypercall, exceptions)
{
	enum { DELIVER, COMPLETE_AND_DELIVER, COMPLETE_AND_DROP, NR_WAYS };
	struct kvm_debugregs before, after;
	struct kvm_regs regs;
	int i;

	vcpu_debugregs_get(self->vcpu, &before);
	for (i = 0; i < ARRAY_SIZE(good_exceptions) * NR_WAYS * 2; i++) {
		const struct exception_request *req = &good_exceptions[i / NR_WAYS / 2];
		u64 address = req->address & mode_mask(variant->mode);
		int payload = i / NR_WAYS % 2, way = i % NR_WAYS;

		vm_enable_cap(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, payload);
		run_to_results(self->vcpu, variant->mode);
		set_exception(self->vcpu, req);

		/* An exception that isn't delivered yet is visible, and can be dropped. */
		if (way != DELIVER) {
			vcpu_run_complete_io(self->vcpu);
			assert_pending(self->vcpu);
			assert_events(self->vcpu, req, address, payload);
			memset(self->vcpu->run->padding, 0xff, sizeof(self->vcpu->run->padding));
		}
		if (way == COMPLETE_AND_DROP) {
			vcpu_regs_get(self->vcpu, &regs);
			vcpu_regs_set(self->vcpu, &regs);
			vcpu_run(self->vcpu);
			assert_hcall_exit(self->vcpu, variant->mode);
			vcpu_run_complete_io(self->vcpu);
		} else {
			vcpu_run(self->vcpu);
			assert_excepted(self->vcpu, variant->mode, req);
		}
	}
	vcpu_debugregs_get(self->vcpu, &after);
	TEST_ASSERT_EQ(after.dr6, before.dr6);
}

/* #GP upon #GP is a double fault. */
TEST_F(vmware_hypercall, exception_merge)
{
	struct kvm_vcpu_events events;
	struct bare_exception e;

	run_to_hcall(self->vcpu, variant->mode);
	vcpu_events_get(self->vcpu, &events);
	events.exception.injected = 1;
	events.exception.nr = GP_VECTOR;
	events.exception.has_error_code = 1;
	vcpu_events_set(self->vcpu, &events);

	set_exception(self->vcpu, &gp);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_exception(self->vcpu, DF_VECTOR, &e);
	TEST_ASSERT_EQ(e.error_code, 0);
}

static void test_bad_exception(struct kvm_vcpu *vcpu, enum bare_mode mode,
			       const struct exception_request *bad, bool is_gp)
{
	struct exception_request *req = (void *)&vcpu->run->vmware.u.hcall.exception;
	int i;

	run_to_results(vcpu, mode);
	set_exception(vcpu, bad);

	/* Nothing is lost, and nothing has changed.  Failure is repeatable. */
	for (i = 0; i < 2; i++) {
		assert_run_fails(vcpu, EINVAL);
		assert_pending(vcpu);
		TEST_ASSERT(!memcmp(req, bad, sizeof(*bad)), "KVM changed the request");
	}

	/* Fix the exception, or drop it, in which case all other fields are ignored. */
	if (is_gp) {
		set_exception(vcpu, &gp);
		vcpu_run(vcpu);
		assert_excepted(vcpu, mode, &gp);
	} else {
		req->flags = 0;
		vcpu_run(vcpu);
		assert_completed(vcpu, mode);
	}
}

/* Malformed requests are rejected, and can be corrected. */
TEST_F(vmware_hypercall, bad_exceptions)
{
	static const struct exception_request bad_requests[] = {
		/* Error codes are 16 bits, and not all exceptions have one. */
		FAULT(GP_VECTOR, 0x10000, 0),
		FAULT(PF_VECTOR, 0x80000000, 0),
		FAULT(UD_VECTOR, 1, 0),
		/* Only #PF has an address. */
		FAULT(GP_VECTOR, 0, 1),
		FAULT(UD_VECTOR, 0, 0x1000),
		{ KVM_VMWARE_EXCEPTION_VALID, GP_VECTOR, 0, .pad = 1 },
	};
	struct exception_request req;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad_requests) * 2; i++)
		test_bad_exception(self->vcpu, variant->mode, &bad_requests[i / 2], i & 1);

	/* All other vectors, and such that are valid if truncated to five, eight, or 16 bits. */
	for (i = 0; i < 59; i++) {
		req = (struct exception_request)FAULT(i < 32 ? i : BIT(i - 27) | GP_VECTOR, 0, 0);
		if (i != UD_VECTOR && i != GP_VECTOR && i != PF_VECTOR)
			test_bad_exception(self->vcpu, variant->mode, &req, i & 1);
	}

	/* All other flags, without and with the valid one. */
	for (i = 2; i < 64; i++) {
		req = gp;
		req.flags = BIT(i / 2) | (i & 1 ? KVM_VMWARE_EXCEPTION_VALID : 0);
		test_bad_exception(self->vcpu, variant->mode, &req, i & 1);
	}
}

struct scribbler {
	struct kvm_run *run;
	bool stop;
};

/* Change one field at a time, with all others being valid. */
static void *scribble(void *arg)
{
	static const u32 vectors[] = {
		GP_VECTOR, DB_VECTOR, PF_VECTOR, MC_VECTOR, UD_VECTOR, 0x10d,
	};
	struct scribbler *s = arg;
	struct kvm_vmware_exit *exit = &s->run->vmware;
	typeof(exit->u.hcall.exception) *e = &exit->u.hcall.exception;
	u32 i;

	for (i = 0; !READ_ONCE(s->stop); i++) {
		u32 field = i >> 12 & 7;

		if (!field)
			memset(exit, i, (void *)e - (void *)exit);
		WRITE_ONCE(e->flags, field == 1 ? i : KVM_VMWARE_EXCEPTION_VALID);
		WRITE_ONCE(e->pad, field == 2 ? i & 1 : 0);
		WRITE_ONCE(e->address, field == 3 ? i & 1 : 0);
		WRITE_ONCE(e->error_code, field == 4 ? i << 15 : 0);
		WRITE_ONCE(e->vector, field > 4 ? vectors[i % ARRAY_SIZE(vectors)] : GP_VECTOR);
	}
	return NULL;
}

/* Userspace can change the exit at any time, i.e. after KVM has checked a field. */
TEST(scribbled_exit)
{
	static const u32 nr_error_codes[] = {
		[UD_VECTOR] = 1, [GP_VECTOR] = 0x10000, [PF_VECTOR] = 0x10000,
	};
	struct kvm_vcpu *vcpu = create_vcpu();
	struct scribbler s = { .run = vcpu->run };
	int i, r, nr_exceptions = 0, nr_failed = 0;
	struct kvm_vcpu_events events;
	struct kvm_regs regs;
	pthread_t thread;

	load_hcall(vcpu, BARE_MODE_64_CPL3, VMWARE_MAGIC);
	vcpu_regs_get(vcpu, &regs);
	pthread_create(&thread, NULL, scribble, &s);

	for (i = 0; i < NR_SCRIBBLED; i++) {
		vcpu_regs_set(vcpu, &regs);
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);

		set_exception(vcpu, &gp);
		vcpu->run->immediate_exit = 1;
		do {
			r = __vcpu_run(vcpu);
			nr_failed += errno == EINVAL;
		} while (r == -1 && errno == EINVAL);
		vcpu->run->immediate_exit = 0;
		TEST_ASSERT(r == -1 && errno == EINTR, "Wanted EINTR, got r = %d, errno = %d",
			    r, errno);

		vcpu_events_get(vcpu, &events);
		if (!events.exception.injected) {
			assert_rip(vcpu, BARE_CODE + HCALL_INSN_SIZE);
			continue;
		}
		nr_exceptions++;
		TEST_ASSERT(events.exception.nr < ARRAY_SIZE(nr_error_codes) &&
			    events.exception.error_code < nr_error_codes[events.exception.nr],
			    "Got exception %u with error code 0x%x",
			    events.exception.nr, events.exception.error_code);
	}

	WRITE_ONCE(s.stop, true);
	pthread_join(thread, NULL);
	pr_info("%d hypercalls, %d exceptions, %d times EINVAL\n", i, nr_exceptions, nr_failed);

	run_to_results(vcpu, BARE_MODE_64_CPL3);
	vcpu_run(vcpu);
	assert_completed(vcpu, BARE_MODE_64_CPL3);
	kvm_vm_free(vcpu->vm);
}

/* KVM's emulator treats VMCALL as a privileged instruction, VMMCALL it does not. */
static bool emulator_gps(const u8 *insn, enum bare_mode mode)
{
	return insn == vmcall && bare_mode_cpl(mode);
}

/* Have the guest's code in a page that the guest can't write to, at any CPL. */
static void write_protect_code(struct kvm_vcpu *vcpu)
{
	u64 *pt = addr_gpa2hva(vcpu->vm, BARE_DATA);
	struct kvm_sregs sregs;
	u64 *entry;
	int i;

	vcpu_sregs_get(vcpu, &sregs);
	sregs.cr0 |= X86_CR0_WP;
	vcpu_sregs_set(vcpu, &sregs);

	/* Split the large page that maps all of the memory. */
	entry = addr_gpa2hva(vcpu->vm, sregs.cr3);
	entry = addr_gpa2hva(vcpu->vm, *entry & PAGE_MASK);
	entry = addr_gpa2hva(vcpu->vm, *entry & PAGE_MASK);
	for (i = 0; i < 512; i++)
		pt[i] = i << 12 | (i == BARE_CODE >> 12 ? 0x5 : 0x7);
	*entry = BARE_DATA | 0x7;
}

/* KVM patches the other vendor's instruction, and lets the guest try again. */
TEST_F(vmware_hypercall, other_insn)
{
	bool is_gp = emulator_gps(other_hcall(), variant->mode);
	struct kvm_regs regs = input_regs();
	struct bare_exception e;
	struct kvm_sregs sregs;

	bare_vcpu_load(self->vcpu, variant->mode, other_hcall(), HCALL_INSN_SIZE, &regs);
	vcpu_run(self->vcpu);
	if (is_gp) {
		bare_vcpu_assert_exception(self->vcpu, GP_VECTOR, NULL);
	} else {
		assert_hcall_exit(self->vcpu, variant->mode);
		set_results(self->vcpu);
		vcpu_run(self->vcpu);
		assert_completed(self->vcpu, variant->mode);
	}

	/* Unless the guest can't write to its code. */
	bare_vcpu_load(self->vcpu, variant->mode, other_hcall(), HCALL_INSN_SIZE, &regs);
	vcpu_sregs_get(self->vcpu, &sregs);
	if ((sregs.cr0 & X86_CR0_PG) && !is_gp) {
		write_protect_code(self->vcpu);
		vcpu_run(self->vcpu);
		bare_vcpu_assert_exception(self->vcpu, PF_VECTOR, &e);
		TEST_ASSERT_EQ(e.rip, BARE_CODE);
		TEST_ASSERT_EQ(e.error_code, bare_mode_cpl(variant->mode) ? 0x7 : 0x3);
		vcpu_sregs_get(self->vcpu, &sregs);
		TEST_ASSERT_EQ(sregs.cr2, BARE_CODE);
		assert_regs(self->vcpu, INPUT, ~0ull);
	}

	/* Or unless userspace disables the quirk. */
	vm_enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	bare_vcpu_load(self->vcpu, variant->mode, other_hcall(), HCALL_INSN_SIZE, &regs);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_exception(self->vcpu, is_gp ? GP_VECTOR : UD_VECTOR, &e);
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
	assert_regs(self->vcpu, INPUT, ~0ull);
}

static void assert_rax(struct kvm_vcpu *vcpu, u64 wanted)
{
	struct kvm_regs regs;

	bare_vcpu_assert_done(vcpu, HCALL_INSN_SIZE);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rax, wanted);
}

static void run_kvm_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	u64 wanted = bare_mode_cpl(mode) ? -KVM_EPERM : 0;

	load_hcall(vcpu, mode, KVM_HC_VAPIC_POLL_IRQ);
	vcpu_run(vcpu);
	assert_rax(vcpu, wanted & mode_mask(mode));
}

/*
 * Hyper-V's hypercalls are identified by RCX, or by EDX:EAX outside of 64-bit mode,
 * and are #UD at CPL3.  The parameter, RDX or EBX:ECX, is not aligned.
 */
static void run_hyperv_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax, u64 wanted)
{
	struct kvm_regs regs = {
		.rax = rax,
		.rcx = HVCALL_SIGNAL_EVENT,
		.rdx = bare_mode_is_64bit(mode) ? 0x5a5a5a5a : 0,
	};

	bare_vcpu_load(vcpu, mode, native_hcall(), HCALL_INSN_SIZE, &regs);
	vcpu_run(vcpu);

	if (bare_mode_cpl(mode))
		bare_vcpu_assert_exception(vcpu, UD_VECTOR, NULL);
	else
		assert_rax(vcpu, wanted);
}

static void run_xen_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	struct kvm_run *run = vcpu->run;

	load_hcall(vcpu, mode, 17);
	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_XEN);
	TEST_ASSERT_EQ(run->xen.u.hcall.input, 17);
	TEST_ASSERT_EQ(run->xen.u.hcall.longmode, bare_mode_is_64bit(mode));
	run->xen.u.hcall.result = 0x12345678;
	vcpu_run(vcpu);
	assert_rax(vcpu, 0x12345678);
}

static void run_vmware_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	run_to_results(vcpu, mode);
	vcpu_run(vcpu);
	assert_completed(vcpu, mode);
}

/* With Xen and Hyper-V in the same VM, bit 31 of EAX tells them apart. */
TEST_F(vmware_hypercall, other_hypercalls)
{
	bool is_64bit = bare_mode_is_64bit(variant->mode);
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
		.msr = 0x40000200,
	};
	/* or $0x80000000, %eax; vmcall or vmmcall; ret */
	u8 page[9] = { 0x0d, 0x00, 0x00, 0x00, 0x80, [8] = 0xc3 };

	if (!(kvm_check_cap(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL) ||
	    !kvm_has_cap(KVM_CAP_HYPERV_CPUID))
		SKIP(return, "No support for Xen hypercalls or Hyper-V");

	vcpu_set_hv_cpuid(self->vcpu);
	run_kvm_hcall(self->vcpu, variant->mode);
	run_vmware_hcall(self->vcpu, variant->mode);

	vcpu_set_msr(self->vcpu, HV_X64_MSR_GUEST_OS_ID, 0x5a);
	run_hyperv_hcall(self->vcpu, variant->mode, HVCALL_SIGNAL_EVENT,
			 HV_STATUS_INVALID_ALIGNMENT);
	run_vmware_hcall(self->vcpu, variant->mode);

	/* RAX isn't an input in 64-bit mode, but is never the magic in KVM's page. */
	memcpy(page + 5, native_hcall(), HCALL_INSN_SIZE);
	vcpu_set_msr(self->vcpu, HV_X64_MSR_HYPERCALL, BARE_DATA | BIT(0) /* enable */);
	TEST_ASSERT(!memcmp(addr_gpa2hva(self->vm, BARE_DATA), page, sizeof(page)),
		    "The hypercall page doesn't set bit 31 of EAX");

	/* Bit 31 is reserved outside of 64-bit mode, where EAX is an input. */
	vm_ioctl(self->vm, KVM_XEN_HVM_CONFIG, &config);
	run_hyperv_hcall(self->vcpu, variant->mode, BIT(31) | VMWARE_MAGIC,
			 is_64bit ? HV_STATUS_INVALID_ALIGNMENT :
				    HV_STATUS_INVALID_HYPERCALL_INPUT);
	run_xen_hcall(self->vcpu, variant->mode);
	run_vmware_hcall(self->vcpu, variant->mode);

	vcpu_set_msr(self->vcpu, HV_X64_MSR_GUEST_OS_ID, 0);
	vm_ioctl(self->vm, KVM_XEN_HVM_CONFIG, &(struct kvm_xen_hvm_config) {});
	run_kvm_hcall(self->vcpu, variant->mode);
}

/* Hypercalls only, bare_guest's code at the end of an instruction isn't 16-bit. */
static void load_16bit(struct kvm_vcpu *vcpu, bool vm86)
{
	struct kvm_segment *seg, seg16 = {
		.limit = 0xffff, .type = 0x3, .s = 1, .present = 1, .dpl = vm86 ? 3 : 0,
	};
	u16 *ivt = addr_gpa2hva(vcpu->vm, GP_VECTOR * 4);
	struct kvm_regs regs = input_regs();
	struct kvm_sregs sregs;
	u8 insns[32] = {};
	u32 *gate;

	memcpy(insns, native_hcall(), HCALL_INSN_SIZE);
	memcpy(insns + HCALL_INSN_SIZE, native_hcall(), HCALL_INSN_SIZE);
	memcpy(insns + HCALL_INSN_SIZE + 16, native_hcall(), HCALL_INSN_SIZE);
	bare_vcpu_load(vcpu, BARE_MODE_32_CPL0, insns, sizeof(insns), &regs);

	vcpu_sregs_get(vcpu, &sregs);
	for (seg = &sregs.cs; seg <= &sregs.ss; seg++)
		*seg = seg16;
	sregs.cs.base = BARE_CODE;
	sregs.cs.selector = BARE_CODE >> 4;
	if (!vm86) {
		/* Have a #GP in real mode go to bare_guest's handler. */
		gate = addr_gpa2hva(vcpu->vm, sregs.idt.base + GP_VECTOR * 8);
		ivt[0] = gate[0];
		ivt[1] = (gate[1] & 0xffff0000) >> 4;
		sregs.idt = (struct kvm_dtable) { .limit = 0x3ff };
		sregs.cr0 &= ~X86_CR0_PE;
	}
	vcpu_sregs_set(vcpu, &sregs);

	regs.rip = 0;
	regs.rsp = 0x1000;
	regs.rflags |= vm86 ? X86_EFLAGS_VM : 0;
	vcpu_regs_set(vcpu, &regs);
}

static void assert_16bit_exit(struct kvm_vcpu *vcpu, u64 rip, enum values values, bool vm86)
{
	u64 *rax = exit_reg_of(vcpu, 0);

	/* Each hypercall has the magic, no matter what else. */
	TEST_ASSERT_EQ(*rax, VMWARE_MAGIC);
	*rax = (u32)value(values, 0);
	assert_exit(vcpu, values, 0xffffffff, false, vm86 ? 3 : 0);
	assert_rip(vcpu, rip);

	set_results(vcpu);
	*rax = ~0xffffffffull | VMWARE_MAGIC;
}

/* 16-bit code has 32-bit registers, and results are inputs of the next hypercall. */
static void test_16bit(bool vm86)
{
	struct kvm_vcpu *vcpu = create_vcpu();
	struct bare_exception e;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	u16 *frame;

	load_16bit(vcpu, vm86);
	run_dirty(vcpu);
	assert_16bit_exit(vcpu, 0, INPUT, vm86);
	vcpu_run(vcpu);
	assert_16bit_exit(vcpu, HCALL_INSN_SIZE, RESULT, vm86);

	/* It's the linear RIP that counts, i.e. this abandons the second hypercall. */
	*exit_reg_of(vcpu, 1) = 0;
	vcpu_sregs_get(vcpu, &sregs);
	sregs.cs.base += 16;
	sregs.cs.selector++;
	vcpu_sregs_set(vcpu, &sregs);
	vcpu_run(vcpu);
	assert_16bit_exit(vcpu, HCALL_INSN_SIZE, RESULT, vm86);

	/* Real mode has no error codes, virtual-8086 mode does. */
	set_exception(vcpu, &gp);
	vcpu_run(vcpu);
	bare_vcpu_assert_exception(vcpu, GP_VECTOR, &e);
	vcpu_regs_get(vcpu, &regs);
	frame = addr_gpa2hva(vcpu->vm, regs.rsp);
	TEST_ASSERT_EQ(vm86 ? e.error_code : regs.rsp, vm86 ? gp.error_code : 0x1000 - 6);
	TEST_ASSERT_EQ(vm86 ? e.rip : frame[0], HCALL_INSN_SIZE);
	TEST_ASSERT_EQ(vm86 ? e.cs : frame[1], sregs.cs.selector);
	kvm_vm_free(vcpu->vm);
}

TEST(real_mode)
{
	test_16bit(false);
}

TEST(virtual_8086_mode)
{
	test_16bit(true);
}

#define TRACEFS "/sys/kernel/tracing/"
#define TRACE_INSTANCE TRACEFS "instances/vmware_hypercall_test/"

static void write_trace_file(const char *name, const char *val)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), TRACE_INSTANCE "%s", name);
	file = fopen(path, "w");
	TEST_ASSERT(file && fputs(val, file) >= 0 && !fclose(file),
		    "Failed to write '%s' to %s", val, path);
}

/* The trace has exactly one line for each hypercall, with all registers. */
TEST_F(vmware_hypercall, tracepoint)
{
	char line[512], wanted[512];
	int i, len, nr_events = 0;
	FILE *trace;

	if (access(TRACEFS "events/kvm/kvm_vmware_hypercall", F_OK))
		SKIP(return, "No tracefs in " TRACEFS);

	rmdir(TRACE_INSTANCE);
	TEST_ASSERT(!mkdir(TRACE_INSTANCE, 0755), "Failed to create %s", TRACE_INSTANCE);
	/* Only events of this thread, i.e. of this vCPU. */
	snprintf(line, sizeof(line), "%d", gettid());
	write_trace_file("set_event_pid", line);
	write_trace_file("events/kvm/kvm_vmware_hypercall/enable", "1");

	run_vmware_hcall(self->vcpu, variant->mode);

	write_trace_file("events/enable", "0");
	trace = fopen(TRACE_INSTANCE "trace", "r");
	TEST_ASSERT(trace, "Failed to open the trace");

	len = sprintf(wanted, ": kvm_vmware_hypercall: cpl %d longmode %d",
		      bare_mode_cpl(variant->mode), bare_mode_is_64bit(variant->mode));
	for (i = 0; i < ARRAY_SIZE(hcall_regs); i++)
		len += sprintf(wanted + len, " %s 0x%lx", hcall_regs[i].name,
			       value(INPUT, i) & mode_mask(variant->mode));
	strcpy(wanted + len, "\n");

	while (fgets(line, sizeof(line), trace)) {
		if (line[0] == '#')
			continue;

		TEST_ASSERT(strstr(line, wanted), "Wanted '%s', got '%s'", wanted, line);
		nr_events++;
	}
	TEST_ASSERT_EQ(nr_events, 1);
	fclose(trace);
	TEST_ASSERT(!rmdir(TRACE_INSTANCE), "Failed to remove %s", TRACE_INSTANCE);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_HYPERCALL);

	return test_harness_run(argc, argv);
}
