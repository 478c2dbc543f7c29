// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_X86_VMWARE_HYPERCALL, i.e. for forwarding VMware hypercalls to
 * userspace with KVM_EXIT_VMWARE, in all modes and at all CPLs that matter.
 */
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

static const u8 vmcall[HCALL_INSN_SIZE]  = { 0x0f, 0x01, 0xc1 };
static const u8 vmmcall[HCALL_INSN_SIZE] = { 0x0f, 0x01, 0xd9 };

/*
 * What the guest has, what userspace returns, and what userspace shoves in via
 * KVM_SET_REGS, which must have no effect on the seven registers that are part
 * of the exit.  Distinct in each half of each register.
 */
static const struct kvm_regs input_regs = {
	.rax = 0xa1a1a1a100000000 | VMWARE_MAGIC,
	.rbx = 0xb1b1b1b1b2b2b2b2, .rcx = 0xc1c1c1c1c2c2c2c2,
	.rdx = 0xd1d1d1d1d2d2d2d2, .rsi = 0xe1e1e1e1e2e2e2e2,
	.rdi = 0xf1f1f1f1f2f2f2f2, .rbp = 0x9191919192929292,
	.r8  = 0x0808080800000008, .r9  = 0x0909090900000009,
	.r10 = 0x1010101000000010, .r11 = 0x1111111100000011,
	.r12 = 0x1212121200000012, .r13 = 0x1313131300000013,
	.r14 = 0x1414141400000014, .r15 = 0x1515151500000015,
};

static const struct kvm_regs result_regs = {
	.rax = 0x2aaaaaaa3aaaaaaa, .rbx = 0x2bbbbbbb3bbbbbbb,
	.rcx = 0x2ccccccc3ccccccc, .rdx = 0x2ddddddd3ddddddd,
	.rsi = 0x2eeeeeee3eeeeeee, .rdi = 0x2fffffff3fffffff,
	.rbp = 0x2999999939999999,
};

static const struct kvm_regs bogus_regs = {
	.rax = 0x4a4a4a4a5a5a5a5a, .rbx = 0x4b4b4b4b5b5b5b5b,
	.rcx = 0x4c4c4c4c5c5c5c5c, .rdx = 0x4d4d4d4d5d5d5d5d,
	.rsi = 0x4e4e4e4e5e5e5e5e, .rdi = 0x4f4f4f4f5f5f5f5f,
	.rbp = 0x4949494959595959,
};

#define for_each_hcall_reg(m) \
	m(rax) m(rbx) m(rcx) m(rdx) m(rsi) m(rdi) m(rbp)

#define for_each_other_reg(m) \
	m(r8) m(r9) m(r10) m(r11) m(r12) m(r13) m(r14) m(r15) m(rflags) m(rsp)

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

static void copy_hcall_regs(struct kvm_regs *dst, const struct kvm_regs *src)
{
#define copy_reg(r) dst->r = src->r;
	for_each_hcall_reg(copy_reg)
#undef copy_reg
}

static void load_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax)
{
	struct kvm_regs regs = input_regs;

	regs.rax = rax;
	bare_vcpu_load(vcpu, mode, native_hcall(), HCALL_INSN_SIZE, &regs);
}

static void assert_hcall_exit(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
	TEST_ASSERT_EQ(exit->type, KVM_EXIT_VMWARE_HCALL);
	TEST_ASSERT_EQ(exit->pad, 0);
	TEST_ASSERT_EQ(exit->u.hcall.longmode, bare_mode_is_64bit(mode));
	TEST_ASSERT_EQ(exit->u.hcall.cpl, bare_mode_cpl(mode));

#define assert_reg(r) TEST_ASSERT_EQ(exit->u.hcall.r, input_regs.r & mode_mask(mode));
	for_each_hcall_reg(assert_reg)
#undef assert_reg

	TEST_ASSERT_EQ(exit->u.hcall.exception.flags, 0);
	TEST_ASSERT_EQ(exit->u.hcall.exception.vector, 0);
	TEST_ASSERT_EQ(exit->u.hcall.exception.error_code, 0);
	TEST_ASSERT_EQ(exit->u.hcall.exception.pad, 0);
	TEST_ASSERT_EQ(exit->u.hcall.exception.address, 0);
}

/* Execute a hypercall up to and including the exit to userspace. */
static void run_to_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	load_hcall(vcpu, mode, input_regs.rax);

	/* Dirty the exit to prove that KVM writes all of it. */
	memset(vcpu->run->padding, 0xff, sizeof(vcpu->run->padding));
	vcpu_run(vcpu);
	assert_hcall_exit(vcpu, mode);
}

static void set_results(struct kvm_vcpu *vcpu)
{
#define set_result(r) vcpu->run->vmware.u.hcall.r = result_regs.r;
	for_each_hcall_reg(set_result)
#undef set_result
}

static void assert_hcall_regs(struct kvm_vcpu *vcpu, const struct kvm_regs *wanted,
			      u64 mask)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
#define assert_reg(r) TEST_ASSERT_EQ(regs.r, wanted->r & mask);
	for_each_hcall_reg(assert_reg)
#undef assert_reg
}

static void assert_completed(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	bare_vcpu_assert_done(vcpu, HCALL_INSN_SIZE);
	assert_hcall_regs(vcpu, &result_regs, mode_mask(mode));
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

#define VMWARE_HYPERCALL_VARIANT(name, _mode)				\
	FIXTURE_VARIANT_ADD(vmware_hypercall, name) { .mode = _mode }

VMWARE_HYPERCALL_VARIANT(64bit_cpl0, BARE_MODE_64_CPL0);
VMWARE_HYPERCALL_VARIANT(64bit_cpl3, BARE_MODE_64_CPL3);
VMWARE_HYPERCALL_VARIANT(compat_cpl0, BARE_MODE_COMPAT_CPL0);
VMWARE_HYPERCALL_VARIANT(compat_cpl3, BARE_MODE_COMPAT_CPL3);
VMWARE_HYPERCALL_VARIANT(32bit_cpl0, BARE_MODE_32_CPL0);
VMWARE_HYPERCALL_VARIANT(32bit_cpl3, BARE_MODE_32_CPL3);

FIXTURE_SETUP(vmware_hypercall)
{
	self->vm = bare_vm_create();
	vm_enable_cap(self->vm, KVM_CAP_X86_VMWARE, KVM_X86_VMWARE_HYPERCALL);
	self->vcpu = bare_vcpu_add(self->vm, 0);
}

FIXTURE_TEARDOWN(vmware_hypercall)
{
	kvm_vm_free(self->vm);
}

/* All seven registers go out and come back, no other register is touched. */
TEST_F(vmware_hypercall, registers)
{
	struct kvm_regs before, after;

	run_to_hcall(self->vcpu, variant->mode);
	vcpu_regs_get(self->vcpu, &before);

	/* Nothing changes until the hypercall is completed. */
	TEST_ASSERT_EQ(before.rip, BARE_CODE);
	assert_hcall_regs(self->vcpu, &input_regs, ~0ull);

	set_results(self->vcpu);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);

	vcpu_regs_get(self->vcpu, &after);
#define assert_reg(r) TEST_ASSERT_EQ(after.r, before.r);
	for_each_other_reg(assert_reg)
#undef assert_reg
}

/* By default, i.e. if userspace does nothing, the registers don't change. */
TEST_F(vmware_hypercall, unmodified)
{
	run_to_hcall(self->vcpu, variant->mode);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_done(self->vcpu, HCALL_INSN_SIZE);
	assert_hcall_regs(self->vcpu, &input_regs, mode_mask(variant->mode));
}

/* Bits 63:32 of RAX aren't part of the magic, bits 31:0 are, all of them. */
TEST_F(vmware_hypercall, magic)
{
	struct kvm_regs regs;
	int i;

	load_hcall(self->vcpu, variant->mode, VMWARE_MAGIC);
	vcpu_run(self->vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_VMWARE);
	TEST_ASSERT_EQ(self->vcpu->run->vmware.u.hcall.rax, VMWARE_MAGIC);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_done(self->vcpu, HCALL_INSN_SIZE);

	/* Without the magic, it's a KVM hypercall, albeit a nonexistent one. */
	for (i = 0; i < 32; i++) {
		load_hcall(self->vcpu, variant->mode, VMWARE_MAGIC ^ BIT(i));
		vcpu_run(self->vcpu);
		bare_vcpu_assert_done(self->vcpu, HCALL_INSN_SIZE);

		vcpu_regs_get(self->vcpu, &regs);
		TEST_ASSERT_EQ((int)regs.rax, bare_mode_cpl(variant->mode) ? -KVM_EPERM :
									     -KVM_ENOSYS);
		TEST_ASSERT_EQ(regs.rbx, input_regs.rbx);
	}
}

/* With the feature off, the magic has no meaning, even if the backdoor is on. */
TEST_F(vmware_hypercall, disabled)
{
	struct kvm_vm *vm = bare_vm_create();
	struct kvm_vcpu *vcpu;
	struct kvm_regs regs;

	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, kvm_check_cap(KVM_CAP_X86_VMWARE) &
					      ~KVM_X86_VMWARE_HYPERCALL);
	vcpu = bare_vcpu_add(vm, 0);

	load_hcall(vcpu, variant->mode, VMWARE_MAGIC);
	vcpu_run(vcpu);
	bare_vcpu_assert_done(vcpu, HCALL_INSN_SIZE);

	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ((int)regs.rax, bare_mode_cpl(variant->mode) ? -KVM_EPERM :
								     -KVM_ENOSYS);
	kvm_vm_free(vm);
}

/* If RIP changes, KVM must not touch the guest, not even for an exception. */
TEST_F(vmware_hypercall, rip_changed)
{
	struct kvm_vmware_exit *exit = &self->vcpu->run->vmware;
	struct kvm_regs regs;
	int i;

	/* Both a valid and an invalid exception are part of the reply. */
	for (i = 0; i < 3; i++) {
		run_to_hcall(self->vcpu, variant->mode);
		set_results(self->vcpu);
		if (i) {
			exit->u.hcall.exception.flags = KVM_VMWARE_EXCEPTION_VALID;
			exit->u.hcall.exception.vector = i == 1 ? GP_VECTOR : NMI_VECTOR;
		}

		bare_vm_write_end(self->vm, 16);
		vcpu_regs_get(self->vcpu, &regs);
		copy_hcall_regs(&regs, &bogus_regs);
		regs.rip = BARE_CODE + 16;
		vcpu_regs_set(self->vcpu, &regs);

		vcpu_run(self->vcpu);
		bare_vcpu_assert_done(self->vcpu, 16);
		assert_hcall_regs(self->vcpu, &bogus_regs, ~0ull);
	}
}

/* With RIP unchanged, the exit's registers win over KVM_SET_REGS. */
TEST_F(vmware_hypercall, set_regs)
{
	struct kvm_regs regs;

	run_to_hcall(self->vcpu, variant->mode);
	set_results(self->vcpu);

	vcpu_regs_get(self->vcpu, &regs);
	copy_hcall_regs(&regs, &bogus_regs);
	regs.r15 = ~regs.r15;
	vcpu_regs_set(self->vcpu, &regs);
	assert_hcall_regs(self->vcpu, &bogus_regs, ~0ull);

	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);

	vcpu_regs_get(self->vcpu, &regs);
	TEST_ASSERT_EQ(regs.r15, ~input_regs.r15);
}

/* Ditto for registers that are synchronized by KVM_RUN itself. */
TEST_F(vmware_hypercall, sync_regs)
{
	struct kvm_run *run = self->vcpu->run;

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	run_to_hcall(self->vcpu, variant->mode);

	TEST_ASSERT_EQ(run->s.regs.regs.rip, BARE_CODE);
#define assert_reg(r) TEST_ASSERT_EQ(run->s.regs.regs.r, input_regs.r);
	for_each_hcall_reg(assert_reg)
#undef assert_reg

	set_results(self->vcpu);
	copy_hcall_regs(&run->s.regs.regs, &bogus_regs);
	run->s.regs.regs.r15 = ~input_regs.r15;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
	TEST_ASSERT_EQ(run->s.regs.regs.r15, ~input_regs.r15);
	TEST_ASSERT_EQ(run->s.regs.regs.rax, result_regs.rax & mode_mask(variant->mode));

	run_to_hcall(self->vcpu, variant->mode);
	set_results(self->vcpu);
	bare_vm_write_end(self->vm, 16);
	copy_hcall_regs(&run->s.regs.regs, &bogus_regs);
	run->s.regs.regs.rip = BARE_CODE + 16;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	vcpu_run(self->vcpu);
	bare_vcpu_assert_done(self->vcpu, 16);
	assert_hcall_regs(self->vcpu, &bogus_regs, ~0ull);
	run->kvm_valid_regs = 0;
}

/* KVM_RUN completes the hypercall even if it doesn't enter the guest. */
TEST_F(vmware_hypercall, immediate_exit)
{
	struct kvm_regs regs;
	int r;

	run_to_hcall(self->vcpu, variant->mode);
	set_results(self->vcpu);

	self->vcpu->run->immediate_exit = 1;
	r = __vcpu_run(self->vcpu);
	self->vcpu->run->immediate_exit = 0;
	TEST_ASSERT(r == -1 && errno == EINTR, "Wanted EINTR, got r = %d, errno = %d", r, errno);

	vcpu_regs_get(self->vcpu, &regs);
	TEST_ASSERT_EQ(regs.rip, BARE_CODE + HCALL_INSN_SIZE);
	assert_hcall_regs(self->vcpu, &result_regs, mode_mask(variant->mode));

	/* The reply has been consumed, further changes must be ignored. */
	memset(self->vcpu->run->padding, 0xff, sizeof(self->vcpu->run->padding));
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* A completed hypercall survives migration, to a VM without the feature at that. */
TEST_F(vmware_hypercall, save_restore)
{
	struct kvm_vm *vm = bare_vm_create();
	struct kvm_vcpu *vcpu = bare_vcpu_add(vm, 0);
	struct kvm_x86_state *state;

	run_to_hcall(self->vcpu, variant->mode);
	set_results(self->vcpu);

	/* Note, this completes the hypercall, by way of immediate_exit. */
	state = vcpu_save_state(self->vcpu);
	memcpy(addr_gpa2hva(vm, BARE_CODE), addr_gpa2hva(self->vm, BARE_CODE), getpagesize());
	vcpu_load_state(vcpu, state);
	kvm_x86_state_cleanup(state);

	vcpu_run(vcpu);
	assert_completed(vcpu, variant->mode);
	kvm_vm_free(vm);
}

/*
 * A hypercall traps after it's complete if the guest is single-stepping itself.  Set
 * RFLAGS.TF while the hypercall is pending, Bochs' emulation of VMX traps before the
 * first instruction after VM-Enter, i.e. before the hypercall.
 */
TEST_F(vmware_hypercall, trap_flag)
{
	struct bare_exception e;
	struct kvm_regs regs;

	run_to_hcall(self->vcpu, variant->mode);
	set_results(self->vcpu);

	vcpu_regs_get(self->vcpu, &regs);
	regs.rflags |= X86_EFLAGS_TF;
	vcpu_regs_set(self->vcpu, &regs);

	vcpu_run(self->vcpu);
	bare_vcpu_assert_exception(self->vcpu, DB_VECTOR, &e);
	TEST_ASSERT_EQ(e.rip, BARE_CODE + HCALL_INSN_SIZE);
	assert_hcall_regs(self->vcpu, &result_regs, mode_mask(variant->mode));
}

struct exception_request {
	u32 flags;
	u32 vector;
	u32 error_code;
	u32 pad;
	u64 address;
};

static void set_exception(struct kvm_vcpu *vcpu, const struct exception_request *req)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;

	exit->u.hcall.exception.flags = req->flags;
	exit->u.hcall.exception.vector = req->vector;
	exit->u.hcall.exception.error_code = req->error_code;
	exit->u.hcall.exception.pad = req->pad;
	exit->u.hcall.exception.address = req->address;
}

static void assert_excepted(struct kvm_vcpu *vcpu, enum bare_mode mode,
			    const struct exception_request *req)
{
	struct bare_exception e;
	struct kvm_sregs sregs;

	bare_vcpu_assert_exception(vcpu, req->vector, &e);
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
	TEST_ASSERT_EQ(e.cs & 3, bare_mode_cpl(mode));
	TEST_ASSERT_EQ(e.error_code, req->error_code);

	vcpu_sregs_get(vcpu, &sregs);
	TEST_ASSERT_EQ(sregs.cr2, req->address);

	assert_hcall_regs(vcpu, &input_regs, ~0ull);
}

#define FAULT(_vector, _error_code, _address)				\
	{ KVM_VMWARE_EXCEPTION_VALID, _vector, _error_code, 0, _address }

static const struct exception_request good_exceptions[] = {
	FAULT(UD_VECTOR, 0, 0),
	FAULT(GP_VECTOR, 0, 0),
	FAULT(GP_VECTOR, 0xffff, 0),
	FAULT(PF_VECTOR, 0, 0),
	FAULT(PF_VECTOR, 0x7, 0x12345000),
	FAULT(PF_VECTOR, 0xffff, 0x12345000),
};

/* Exceptions are delivered at the hypercall, which isn't skipped. */
TEST_F(vmware_hypercall, exceptions)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(good_exceptions); i++) {
		run_to_hcall(self->vcpu, variant->mode);
		set_results(self->vcpu);
		set_exception(self->vcpu, &good_exceptions[i]);
		vcpu_run(self->vcpu);
		assert_excepted(self->vcpu, variant->mode, &good_exceptions[i]);
	}
}

/* Linear addresses, i.e. CR2, have 64 bits in 64-bit mode, and 32 bits otherwise. */
TEST_F(vmware_hypercall, fault_address)
{
	struct exception_request pf = FAULT(PF_VECTOR, 0x5, 0xffff8123456789ab);

	run_to_hcall(self->vcpu, variant->mode);
	set_exception(self->vcpu, &pf);
	vcpu_run(self->vcpu);
	pf.address &= mode_mask(variant->mode);
	assert_excepted(self->vcpu, variant->mode, &pf);
}

/* The exception is queued even if KVM_RUN doesn't enter the guest. */
TEST_F(vmware_hypercall, exception_immediate_exit)
{
	const struct exception_request gp = FAULT(GP_VECTOR, 0x42, 0);
	int r;

	run_to_hcall(self->vcpu, variant->mode);
	set_exception(self->vcpu, &gp);

	self->vcpu->run->immediate_exit = 1;
	r = __vcpu_run(self->vcpu);
	self->vcpu->run->immediate_exit = 0;
	TEST_ASSERT(r == -1 && errno == EINTR, "Wanted EINTR, got r = %d, errno = %d", r, errno);

	memset(self->vcpu->run->padding, 0xff, sizeof(self->vcpu->run->padding));
	vcpu_run(self->vcpu);
	assert_excepted(self->vcpu, variant->mode, &gp);
}

static void test_bad_exception(struct kvm_vcpu *vcpu, enum bare_mode mode,
			       const struct exception_request *bad)
{
	const struct exception_request gp = FAULT(GP_VECTOR, 0x1234, 0);
	const struct exception_request none = {};
	int i, r;

	/* Correct the request by fixing, and by dropping, the exception. */
	for (i = 0; i < 2; i++) {
		run_to_hcall(vcpu, mode);
		set_results(vcpu);
		set_exception(vcpu, bad);

		r = __vcpu_run(vcpu);
		TEST_ASSERT(r == -1 && errno == EINVAL,
			    "Wanted EINVAL for flags 0x%x, vector %u, error_code 0x%x, pad 0x%x, address 0x%lx, got r = %d, errno = %d",
			    bad->flags, bad->vector, bad->error_code, bad->pad,
			    (unsigned long)bad->address, r, errno);

		/* Nothing is lost, and nothing has changed. */
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
		assert_hcall_regs(vcpu, &input_regs, ~0ull);

		/* Failure is repeatable. */
		r = __vcpu_run(vcpu);
		TEST_ASSERT(r == -1 && errno == EINVAL,
			    "Wanted EINVAL again, got r = %d, errno = %d", r, errno);

		if (i) {
			set_exception(vcpu, &none);
			vcpu_run(vcpu);
			assert_completed(vcpu, mode);
		} else {
			set_exception(vcpu, &gp);
			vcpu_run(vcpu);
			assert_excepted(vcpu, mode, &gp);
		}
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
	struct exception_request req = {};
	u32 good_vectors = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad_requests); i++)
		test_bad_exception(self->vcpu, variant->mode, &bad_requests[i]);

	for (i = 0; i < ARRAY_SIZE(good_exceptions); i++)
		good_vectors |= BIT(good_exceptions[i].vector);

	req.flags = KVM_VMWARE_EXCEPTION_VALID;
	for (i = 0; i < 32; i++) {
		req.vector = i;
		if (!(good_vectors & BIT(i)))
			test_bad_exception(self->vcpu, variant->mode, &req);
	}

	/* Use a vector that's valid if truncated to five, eight, or 16 bits. */
	for (i = 5; i < 32; i++) {
		req.vector = BIT(i) | GP_VECTOR;
		test_bad_exception(self->vcpu, variant->mode, &req);
	}

	req.vector = GP_VECTOR;
	for (i = 0; i < 32; i++) {
		req.flags = BIT(i);
		if (req.flags == KVM_VMWARE_EXCEPTION_VALID)
			continue;

		test_bad_exception(self->vcpu, variant->mode, &req);
		req.flags |= KVM_VMWARE_EXCEPTION_VALID;
		test_bad_exception(self->vcpu, variant->mode, &req);
	}
}

/* KVM's emulator treats VMCALL as a privileged instruction, VMMCALL it does not. */
static bool emulator_gps(const u8 *insn, enum bare_mode mode)
{
	return insn == vmcall && bare_mode_cpl(mode);
}

/* KVM patches the other vendor's instruction, and lets the guest try again. */
TEST_F(vmware_hypercall, other_insn)
{
	struct kvm_regs regs = input_regs;

	bare_vcpu_load(self->vcpu, variant->mode, other_hcall(), HCALL_INSN_SIZE, &regs);
	vcpu_run(self->vcpu);
	if (emulator_gps(other_hcall(), variant->mode)) {
		bare_vcpu_assert_exception(self->vcpu, GP_VECTOR, NULL);
		return;
	}

	assert_hcall_exit(self->vcpu, variant->mode);
	TEST_ASSERT(!memcmp(addr_gpa2hva(self->vm, BARE_CODE), native_hcall(), HCALL_INSN_SIZE),
		    "KVM didn't patch the hypercall");

	set_results(self->vcpu);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* Unless userspace disables the quirk. */
TEST_F(vmware_hypercall, other_insn_no_quirk)
{
	struct kvm_regs regs = input_regs;
	struct bare_exception e;

	vm_enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);

	bare_vcpu_load(self->vcpu, variant->mode, other_hcall(), HCALL_INSN_SIZE, &regs);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_exception(self->vcpu, emulator_gps(other_hcall(), variant->mode) ?
					       GP_VECTOR : UD_VECTOR, &e);
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
	assert_hcall_regs(self->vcpu, &input_regs, ~0ull);
}

/* KVM's emulator doesn't do hypercalls, it patches them, even if forced to emulate. */
TEST_F(vmware_hypercall, forced_emulation)
{
	u8 insn[5 + HCALL_INSN_SIZE] = { 0x0f, 0x0b, 'k', 'v', 'm' };
	struct kvm_regs regs = input_regs;

	if (!is_forced_emulation_enabled)
		SKIP(return, "force_emulation_prefix is off");

	memcpy(insn + 5, native_hcall(), HCALL_INSN_SIZE);
	bare_vcpu_load(self->vcpu, variant->mode, insn, sizeof(insn), &regs);
	vcpu_run(self->vcpu);
	if (emulator_gps(native_hcall(), variant->mode)) {
		bare_vcpu_assert_exception(self->vcpu, GP_VECTOR, NULL);
		return;
	}

	assert_hcall_exit(self->vcpu, variant->mode);
	vcpu_regs_get(self->vcpu, &regs);
	TEST_ASSERT_EQ(regs.rip, BARE_CODE + 5);

	set_results(self->vcpu);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_done(self->vcpu, sizeof(insn));
	assert_hcall_regs(self->vcpu, &result_regs, mode_mask(variant->mode));
}

static void assert_hcall_result(struct kvm_vcpu *vcpu, u64 wanted)
{
	struct kvm_regs regs;

	bare_vcpu_assert_done(vcpu, HCALL_INSN_SIZE);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rax, wanted);
}

/* KVM's own hypercalls keep working, at CPL0. */
TEST_F(vmware_hypercall, kvm_hypercall)
{
	u64 wanted = bare_mode_cpl(variant->mode) ? -KVM_EPERM : 0;

	load_hcall(self->vcpu, variant->mode, KVM_HC_VAPIC_POLL_IRQ);
	vcpu_run(self->vcpu);
	assert_hcall_result(self->vcpu, wanted & mode_mask(variant->mode));

	run_to_hcall(self->vcpu, variant->mode);
}

/* Hyper-V's hypercalls are identified by RCX (or EDX:EAX), and #UD at CPL3. */
static void run_hyperv_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax)
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
	else if (bare_mode_is_64bit(mode))
		assert_hcall_result(vcpu, HV_STATUS_INVALID_ALIGNMENT);
	else
		bare_vcpu_assert_done(vcpu, HCALL_INSN_SIZE);
}

TEST_F(vmware_hypercall, hyperv_hypercall)
{
	if (!kvm_has_cap(KVM_CAP_HYPERV_CPUID))
		SKIP(return, "No support for Hyper-V");

	vcpu_set_hv_cpuid(self->vcpu);
	vcpu_set_msr(self->vcpu, HV_X64_MSR_GUEST_OS_ID, 0x5a);

	run_hyperv_hcall(self->vcpu, variant->mode, 0);
	run_to_hcall(self->vcpu, variant->mode);
}

/*
 * RAX isn't an input of 64-bit Hyper-V hypercalls, Hyper-V's hypercall page makes
 * sure that it's not VMware's magic: or $0x80000000, %eax; vmcall or vmmcall; ret.
 */
TEST_F(vmware_hypercall, hyperv_hypercall_page)
{
	u8 page[9] = { 0x0d, 0x00, 0x00, 0x00, 0x80, [8] = 0xc3 };

	if (!kvm_has_cap(KVM_CAP_HYPERV_CPUID))
		SKIP(return, "No support for Hyper-V");

	memcpy(page + 5, native_hcall(), HCALL_INSN_SIZE);
	vcpu_set_hv_cpuid(self->vcpu);
	vcpu_set_msr(self->vcpu, HV_X64_MSR_GUEST_OS_ID, 0x5a);
	vcpu_set_msr(self->vcpu, HV_X64_MSR_HYPERCALL,
		     BARE_DATA | BIT(0) /* enable */);
	TEST_ASSERT(!memcmp(addr_gpa2hva(self->vm, BARE_DATA), page, sizeof(page)),
		    "The hypercall page doesn't set bit 31 of EAX");
}

static void enable_xen(struct kvm_vm *vm)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
		.msr = 0x40000200,
	};

	vm_ioctl(vm, KVM_XEN_HVM_CONFIG, &config);
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
	assert_hcall_result(vcpu, 0x12345678);
}

TEST_F(vmware_hypercall, xen_hypercall)
{
	if (!(kvm_check_cap(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL))
		SKIP(return, "No support for Xen hypercalls");

	enable_xen(self->vm);

	run_xen_hcall(self->vcpu, variant->mode);
	run_to_hcall(self->vcpu, variant->mode);
	set_results(self->vcpu);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
	run_xen_hcall(self->vcpu, variant->mode);
}

/* With Xen and Hyper-V in the same VM, bit 31 of EAX tells them apart. */
TEST_F(vmware_hypercall, xen_and_hyperv)
{
	if (!(kvm_check_cap(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL) ||
	    !kvm_has_cap(KVM_CAP_HYPERV_CPUID))
		SKIP(return, "No support for Xen hypercalls or Hyper-V");

	enable_xen(self->vm);
	vcpu_set_hv_cpuid(self->vcpu);
	vcpu_set_msr(self->vcpu, HV_X64_MSR_GUEST_OS_ID, 0x5a);

	run_hyperv_hcall(self->vcpu, variant->mode, 0x80000000);
	run_xen_hcall(self->vcpu, variant->mode);
	run_to_hcall(self->vcpu, variant->mode);
	set_results(self->vcpu);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* The hypercalls stat counts VMware's hypercalls like all others. */
TEST_F(vmware_hypercall, stats)
{
	u64 before = vcpu_get_stat(self->vcpu, hypercalls);

	run_to_hcall(self->vcpu, variant->mode);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_done(self->vcpu, HCALL_INSN_SIZE);
	TEST_ASSERT_EQ(vcpu_get_stat(self->vcpu, hypercalls), before + 1);
}

FIXTURE(vmware_hypercall_16bit)
{
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(vmware_hypercall_16bit)
{
	bool vm86;
};

FIXTURE_VARIANT_ADD(vmware_hypercall_16bit, real_mode) { .vm86 = false };
FIXTURE_VARIANT_ADD(vmware_hypercall_16bit, vm86) { .vm86 = true };

FIXTURE_SETUP(vmware_hypercall_16bit)
{
	self->vm = bare_vm_create();
	vm_enable_cap(self->vm, KVM_CAP_X86_VMWARE, KVM_X86_VMWARE_HYPERCALL);
	self->vcpu = bare_vcpu_add(self->vm, 0);
}

FIXTURE_TEARDOWN(vmware_hypercall_16bit)
{
	kvm_vm_free(self->vm);
}

static void assert_16bit_exit(struct kvm_vcpu *vcpu, bool vm86, u64 rip,
			      const struct kvm_regs *wanted)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	struct kvm_regs regs;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
	TEST_ASSERT_EQ(exit->u.hcall.longmode, 0);
	TEST_ASSERT_EQ(exit->u.hcall.cpl, vm86 ? 3 : 0);
#define assert_reg(r) TEST_ASSERT_EQ(exit->u.hcall.r, (u32)wanted->r);
	for_each_hcall_reg(assert_reg)
#undef assert_reg

	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rip, rip);
}

/*
 * 16-bit code has 32-bit registers.  Have the results of the first hypercall be the
 * inputs of the second, bare_guest's code at the end of an instruction isn't 16-bit.
 */
TEST_F(vmware_hypercall_16bit, registers)
{
	struct kvm_regs regs = input_regs, results = result_regs;
	u8 insns[2 * HCALL_INSN_SIZE];
	struct kvm_segment seg = {
		.limit = 0xffff, .type = 0x3, .s = 1, .present = 1,
		.dpl = variant->vm86 ? 3 : 0,
	};
	struct kvm_sregs sregs;

	memcpy(insns, native_hcall(), HCALL_INSN_SIZE);
	memcpy(insns + HCALL_INSN_SIZE, native_hcall(), HCALL_INSN_SIZE);
	bare_vcpu_load(self->vcpu, BARE_MODE_32_CPL0, insns, sizeof(insns), &regs);

	vcpu_sregs_get(self->vcpu, &sregs);
	sregs.ds = seg;
	sregs.es = seg;
	sregs.fs = seg;
	sregs.gs = seg;
	sregs.ss = seg;
	sregs.cs = seg;
	sregs.cs.base = BARE_CODE;
	sregs.cs.selector = BARE_CODE >> 4;
	if (!variant->vm86)
		sregs.cr0 &= ~X86_CR0_PE;
	vcpu_sregs_set(self->vcpu, &sregs);

	regs.rip = 0;
	regs.rsp = 0x1000;
	regs.rflags |= variant->vm86 ? X86_EFLAGS_VM : 0;
	vcpu_regs_set(self->vcpu, &regs);

	vcpu_run(self->vcpu);
	assert_16bit_exit(self->vcpu, variant->vm86, 0, &input_regs);

	set_results(self->vcpu);
	results.rax = ~0xffffffffull | VMWARE_MAGIC;
	self->vcpu->run->vmware.u.hcall.rax = results.rax;
	vcpu_run(self->vcpu);
	assert_16bit_exit(self->vcpu, variant->vm86, HCALL_INSN_SIZE, &results);
	assert_hcall_regs(self->vcpu, &results, mode_mask(BARE_MODE_32_CPL0));
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

#define TRACE_FMT "cpl %d longmode %d rax 0x%llx rbx 0x%llx rcx 0x%llx rdx 0x%llx rsi 0x%llx rdi 0x%llx rbp 0x%llx"
#define TRACE_ARGS(mode, regs, mask)					\
	bare_mode_cpl(mode), bare_mode_is_64bit(mode),			\
	(regs)->rax & (mask), (regs)->rbx & (mask), (regs)->rcx & (mask), \
	(regs)->rdx & (mask), (regs)->rsi & (mask), (regs)->rdi & (mask), \
	(regs)->rbp & (mask)

/* The trace has exactly one line for each hypercall, with all registers. */
TEST_F(vmware_hypercall, tracepoint)
{
	unsigned long long mask = mode_mask(variant->mode);
	char line[512], wanted[512];
	int nr_events = 0;
	FILE *trace;

	if (access(TRACEFS "events/kvm/kvm_vmware_hypercall", F_OK))
		SKIP(return, "No tracefs in " TRACEFS);

	rmdir(TRACE_INSTANCE);
	TEST_ASSERT(!mkdir(TRACE_INSTANCE, 0755), "Failed to create %s", TRACE_INSTANCE);
	/* Only events of this thread, i.e. of this vCPU. */
	snprintf(line, sizeof(line), "%d", gettid());
	write_trace_file("set_event_pid", line);
	write_trace_file("events/kvm/kvm_vmware_hypercall/enable", "1");

	run_to_hcall(self->vcpu, variant->mode);
	set_results(self->vcpu);
	vcpu_run(self->vcpu);

	write_trace_file("events/enable", "0");
	trace = fopen(TRACE_INSTANCE "trace", "r");
	TEST_ASSERT(trace, "Failed to open the trace");

	snprintf(wanted, sizeof(wanted), ": kvm_vmware_hypercall: " TRACE_FMT "\n",
		 TRACE_ARGS(variant->mode, &input_regs, mask));
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
