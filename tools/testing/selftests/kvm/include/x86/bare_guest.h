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

/* The CPL is in bits 1:0, i.e. there are modes for CPL1 and CPL2, too. */
enum bare_mode {
	BARE_MODE_64_CPL0,
	BARE_MODE_64_CPL3 = BARE_MODE_64_CPL0 + 3,
	BARE_MODE_COMPAT_CPL0,
	BARE_MODE_COMPAT_CPL3 = BARE_MODE_COMPAT_CPL0 + 3,
	BARE_MODE_32_CPL0,
	BARE_MODE_32_CPL3 = BARE_MODE_32_CPL0 + 3,
	NR_BARE_MODES,
};

static inline bool bare_mode_is_64bit(enum bare_mode mode)
{
	return mode <= BARE_MODE_64_CPL3;
}

static inline bool bare_mode_has_paging(enum bare_mode mode)
{
	return mode <= BARE_MODE_COMPAT_CPL3;
}

static inline int bare_mode_cpl(enum bare_mode mode)
{
	return mode & 3;
}

/* Addresses of code, data, and the page table that maps both, identical for GVA and GPA. */
#define BARE_CODE	0x10000ul
#define BARE_DATA	0x12000ul
#define BARE_PT		0x4000ul

/* An exception as reported by the CPU, i.e. the frame on the guest's stack. */
struct bare_exception {
	u32 error_code;
	u64 rip;
	u64 cs;
	u64 rflags;
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

/* Assert that the guest exited at @offset into the code, or due to an exception. */
void bare_vcpu_assert_done(struct kvm_vcpu *vcpu, size_t offset);
struct bare_exception bare_vcpu_assert_exception(struct kvm_vcpu *vcpu, u8 vector);

#endif /* SELFTEST_KVM_BARE_GUEST_H */
