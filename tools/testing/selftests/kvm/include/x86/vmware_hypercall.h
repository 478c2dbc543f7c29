/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of VMware hypercalls have in common: a guest that consists of one, in all
 * modes, and helpers to verify the exit, its completion, and what the guest gets.
 */
#ifndef SELFTEST_KVM_VMWARE_HYPERCALL_H
#define SELFTEST_KVM_VMWARE_HYPERCALL_H

#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"
#include "vmware.h"

/* VMCALL and VMMCALL are both 3-byte opcodes. */
#define HCALL_SIZE	3

/* The registers of the exit, in the order of the exit, and of struct kvm_regs. */
static const char * const reg_names[] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp" };

#define NR_EXIT_REGS	ARRAY_SIZE(reg_names)
#define NR_REGS		(NR_EXIT_REGS + 8 /* r8..r15 */)

static inline u64 *exit_reg(struct kvm_vcpu *vcpu, int i)
{
	return (u64 *)&vcpu->run->vmware.u.hcall.rax + i;
}

static inline u64 *reg(struct kvm_regs *regs, int i)
{
	/* RSP isn't part of the exit. */
	return (u64 *)&regs->rax + i + (i > 5);
}

/*
 * What the guest has, what userspace returns, and what userspace shoves in via
 * KVM_SET_REGS, which must have no effect on the registers that are part of the exit.
 * Distinct in each half of each register.
 */
enum values { INPUT, RESULT, BOGUS };

static inline u64 value(enum values values, int i)
{
	u64 n = values << 8 | i;

	if (values == INPUT && !i)
		return 0xf0000000ull << 32 | VMWARE_MAGIC;

	return (0xf0000000 | n) << 32 | 0xe0000000 | n;
}

/* Registers outside of 64-bit mode are 32 bits wide, i.e. zero extended. */
static inline u64 mode_mask(enum bare_mode mode)
{
	return bare_mode_is_64bit(mode) ? ~0ull : 0xffffffffull;
}

static inline void load_insn(struct kvm_vcpu *vcpu, enum bare_mode mode, const u8 *hcall, u64 rax)
{
	struct kvm_regs regs = {};
	int i;

	for (i = 0; i < NR_REGS; i++)
		*reg(&regs, i) = value(INPUT, i);
	regs.rax = rax;
	bare_vcpu_load(vcpu, mode, hcall, HCALL_SIZE, &regs);
}

static inline void load_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax)
{
	load_insn(vcpu, mode, vmware_hcall(host_cpu_is_intel), rax);
}

/* Prove that KVM writes all of the exit, and doesn't read any of it a second time. */
static inline void run_dirty(struct kvm_vcpu *vcpu)
{
	memset(vcpu->run->padding, 0xff, sizeof(vcpu->run->padding));
	vcpu_run(vcpu);
}

static inline void assert_exit(struct kvm_vcpu *vcpu, enum bare_mode mode, enum values values)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	typeof(exit->u.hcall.exception) none = {};
	int i;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
	TEST_ASSERT_EQ(exit->type, KVM_EXIT_VMWARE_HCALL);
	TEST_ASSERT_EQ(exit->pad, 0);
	TEST_ASSERT_EQ(exit->u.hcall.longmode, bare_mode_is_64bit(mode));
	TEST_ASSERT_EQ(exit->u.hcall.cpl, bare_mode_cpl(mode));
	TEST_ASSERT(!memcmp(&exit->u.hcall.exception, &none, sizeof(none)),
		    "The exit's exception isn't zeroed");

	for (i = 0; i < NR_EXIT_REGS; i++)
		TEST_ASSERT(*exit_reg(vcpu, i) == (value(values, i) & mode_mask(mode)),
			    "Wanted %s = 0x%lx in the exit, got 0x%lx", reg_names[i],
			    value(values, i) & mode_mask(mode), *exit_reg(vcpu, i));
}

/* r8..r15 never change. */
static inline void assert_regs(struct kvm_vcpu *vcpu, enum values values, u64 mask)
{
	struct kvm_regs regs;
	u64 wanted;
	int i;

	vcpu_regs_get(vcpu, &regs);
	for (i = 0; i < NR_REGS; i++) {
		wanted = i < NR_EXIT_REGS ? value(values, i) & mask : value(INPUT, i);
		TEST_ASSERT(*reg(&regs, i) == wanted, "Wanted %s = 0x%lx, got 0x%lx",
			    i < NR_EXIT_REGS ? reg_names[i] : "r8..r15", wanted, *reg(&regs, i));
	}
}

static inline void assert_rip(struct kvm_vcpu *vcpu, u64 rip)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rip, rip);
}

static inline void assert_pending(struct kvm_vcpu *vcpu)
{
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
	assert_rip(vcpu, BARE_CODE);
	assert_regs(vcpu, INPUT, ~0ull);
}

/* The hypercall is complete, but no other instruction was executed. */
static inline void assert_only_completed(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	assert_rip(vcpu, BARE_CODE + HCALL_SIZE);
	assert_regs(vcpu, RESULT, mode_mask(mode));
}

static inline void assert_completed(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	bare_vcpu_assert_done(vcpu, HCALL_SIZE);
	assert_regs(vcpu, RESULT, mode_mask(mode));
}

/* Execute a hypercall up to and including the exit to userspace. */
static inline void run_to_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	load_hcall(vcpu, mode, value(INPUT, 0));
	run_dirty(vcpu);
	assert_exit(vcpu, mode, INPUT);
}

/* KVM must not trust, or even look at, what isn't an input. */
static inline void set_results(struct kvm_vcpu *vcpu)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	int i;

	for (i = 0; i < NR_EXIT_REGS; i++)
		*exit_reg(vcpu, i) = value(RESULT, i);

	exit->type = ~0;
	exit->pad = ~0;
	exit->u.hcall.longmode = !exit->u.hcall.longmode;
	exit->u.hcall.cpl = ~0;
}

static inline void run_to_results(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	run_to_hcall(vcpu, mode);
	set_results(vcpu);
}

static inline void run_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	run_to_results(vcpu, mode);
	vcpu_run(vcpu);
	assert_completed(vcpu, mode);
}

static inline void assert_run_fails(struct kvm_vcpu *vcpu, int err)
{
	int r = __vcpu_run(vcpu);

	TEST_ASSERT(r == -1 && errno == err, "Wanted errno %d, got r = %d, errno = %d",
		    err, r, errno);
}

static inline void set_regs(struct kvm_vcpu *vcpu, enum values values, u64 rip, u64 rflags)
{
	struct kvm_regs regs;
	int i;

	vcpu_regs_get(vcpu, &regs);
	for (i = 0; i < NR_EXIT_REGS; i++)
		*reg(&regs, i) = value(values, i);
	regs.rip = rip;
	regs.rflags |= rflags;
	vcpu_regs_set(vcpu, &regs);
}

struct request {
	u32 flags;
	u32 vector;
	u32 error_code;
	u32 pad;
	u64 address;
};

#define FAULT(_vector, _error_code, _address)				\
	((struct request) { KVM_VMWARE_EXCEPTION_VALID, _vector, _error_code, 0, _address })

static const struct request valid_requests[] = {
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

#define request(vcpu)	((struct request *)&(vcpu)->run->vmware.u.hcall.exception)

/* The guest's stack frame is that of an exception that the CPU generates. */
static inline void assert_excepted(struct kvm_vcpu *vcpu, enum bare_mode mode, struct request req)
{
	struct bare_exception e = bare_vcpu_assert_exception(vcpu, req.vector);
	struct kvm_sregs sregs;

	TEST_ASSERT_EQ(e.rip, BARE_CODE);
	TEST_ASSERT_EQ(e.cs & 3, bare_mode_cpl(mode));
	TEST_ASSERT_EQ(e.error_code, req.error_code);
	TEST_ASSERT_EQ(e.rflags, X86_EFLAGS_FIXED | X86_EFLAGS_RF);

	vcpu_sregs_get(vcpu, &sregs);
	TEST_ASSERT_EQ(sregs.cr2, req.address & mode_mask(mode));
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

static inline struct kvm_vcpu *create_vcpu(void)
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

static inline void test_bad_exception(struct kvm_vcpu *vcpu, enum bare_mode mode,
				      struct request bad, bool is_gp)
{
	int i;

	run_to_results(vcpu, mode);
	*request(vcpu) = bad;

	/* Nothing is lost, and nothing has changed.  Failure is repeatable. */
	for (i = 0; i < 2; i++) {
		assert_run_fails(vcpu, EINVAL);
		assert_pending(vcpu);
		TEST_ASSERT(!memcmp(request(vcpu), &bad, sizeof(bad)),
			    "KVM changed the request");
	}

	/* Fix the exception, or drop it, in which case all other fields are ignored. */
	if (is_gp) {
		*request(vcpu) = FAULT(GP_VECTOR, 0x1234, 0);
		vcpu_run(vcpu);
		assert_excepted(vcpu, mode, FAULT(GP_VECTOR, 0x1234, 0));
	} else {
		request(vcpu)->flags = 0;
		vcpu_run(vcpu);
		assert_completed(vcpu, mode);
	}
}

#endif /* SELFTEST_KVM_VMWARE_HYPERCALL_H */
