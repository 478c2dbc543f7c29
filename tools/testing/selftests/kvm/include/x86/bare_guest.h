/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that consists of a single instruction, executed in a mode, at a CPL,
 * and with registers of the host's choosing.  The instruction is followed by an
 * exit to userspace that preserves all registers, and so are all exceptions, i.e.
 * the host gets to see the guest's complete state after the instruction.
 */
#ifndef SELFTEST_KVM_BARE_GUEST_H
#define SELFTEST_KVM_BARE_GUEST_H

#include "kvm_util.h"
#include "processor.h"

enum bare_mode {
	BARE_MODE_64_CPL0,
	BARE_MODE_64_CPL3,
	BARE_MODE_COMPAT_CPL0,
	BARE_MODE_COMPAT_CPL3,
	BARE_MODE_32_CPL0,
	BARE_MODE_32_CPL3,
	BARE_MODE_64_CPL1,
	BARE_MODE_64_CPL2,
	NR_BARE_MODES,
};

static inline bool bare_mode_is_64bit(enum bare_mode mode)
{
	return mode < BARE_MODE_COMPAT_CPL0 || mode > BARE_MODE_32_CPL3;
}

static inline int bare_mode_cpl(enum bare_mode mode)
{
	if (mode > BARE_MODE_32_CPL3)
		return mode - BARE_MODE_32_CPL3;

	return mode & 1 ? 3 : 0;
}

/* Address of the instruction, and of a page of data, identical for GVA and GPA. */
#define BARE_CODE	0x10000ul
#define BARE_DATA	0x12000ul

/* An address that's not mapped, i.e. a #PF if paging is enabled. */
#define BARE_UNMAPPED	0x400000ul

struct bare_exception {
	u32 error_code;
	u64 rip;
	u64 cs;
};

/* The returned VM doesn't have vCPUs, so that the caller can enable features. */
struct kvm_vm *bare_vm_create(void);
struct kvm_vcpu *bare_vcpu_add(struct kvm_vm *vm, u32 id);

/*
 * (Re)load the vCPU with @insn at BARE_CODE.  All segments, control registers,
 * etc. are reset, @regs provides the GPRs and RFLAGS, RIP and RSP are ignored.
 */
void bare_vcpu_load(struct kvm_vcpu *vcpu, enum bare_mode mode,
		    const u8 *insn, size_t len, struct kvm_regs *regs);

/* Replace the handler of an exception, with code that works in the mode in use. */
void bare_vm_write_handler(struct kvm_vm *vm, u8 vector, const u8 *code, size_t len);

/* Add another exit, in addition to the one that follows the instruction. */
void bare_vm_write_end(struct kvm_vm *vm, size_t offset);

/*
 * Assert that the guest exited at @offset into the code, e.g. at the end of the
 * instruction, or due to an exception, in which case @e (may be NULL) describes
 * the exception as reported by the CPU, i.e. the frame on the guest's stack.
 */
void bare_vcpu_assert_done(struct kvm_vcpu *vcpu, size_t offset);
void bare_vcpu_assert_exception(struct kvm_vcpu *vcpu, u8 vector,
				struct bare_exception *e);

#endif /* SELFTEST_KVM_BARE_GUEST_H */
