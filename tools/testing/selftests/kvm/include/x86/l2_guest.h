/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An L2, on VMX or SVM, that consists of a single instruction, executed at a CPL and
 * with registers of the host's choosing, and then exits to L1.
 */
#ifndef SELFTEST_KVM_L2_GUEST_H
#define SELFTEST_KVM_L2_GUEST_H

#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "vmware.h"
#include "vmx.h"

/* Pages of L2, accessible by CPL3, as is what maps them.  Tests can restrict the others. */
enum l2_page {
	L2_CODE,
	L2_BUFFER,
	L2_OTHER,
	NR_L2_PAGES = L2_OTHER + 3,
};

#define l2_gva(page)	(BIT_ULL(46) + (page) * PAGE_SIZE)

enum l2_exit {
	L2_DONE,	/* The instruction completed, possibly after an exit to L0's userspace. */
	L2_EXCEPTION,	/* L2 took an exception. */
	L1_EXCEPTION,	/* L1 got a VM-Exit for an exception, */
	L1_IO,		/* I/O, */
	L1_TDP,		/* an EPT Violation or #NPF, */
	L1_OTHER,	/* or something else. */
};

#define L2_FEP		0x0f, 0x0b, 'k', 'v', 'm' /* KVM_FEP */

static inline bool l2_is_fep(const struct vmware_insn *insn)
{
	return insn->code[0] == 0x0f && insn->code[1] == 0x0b;
}

struct l2_run {
	/* What L1 is to intercept, the event to inject, and L2's CPL. */
	u32 exceptions;
	bool io;
	u32 event;
	int cpl;
	/* Called by L1 before it runs L2, may be NULL. */
	void (*l1_hook)(void *nested);

	/* Input and output.  If L2 takes an exception, then RCX, RSI and RDI are as of that. */
	struct guest_regs regs;

	/* What L2 did, the fields of the architectures that matter are identical. */
	enum l2_exit exit;
	u64 vector;
	u64 error_code;
	u64 rip;
	u64 addr;
};

/* The host's pointer to L1's, and the instruction that was loaded last. */
extern struct l2_run *l2;
extern const struct vmware_insn *l2_cur;

/* Add a vCPU whose L1 does nothing but run L2. */
struct kvm_vcpu *l2_vcpu_add(struct kvm_vm *vm, bool tdp);

/* Load L2, the next vcpu_run() makes L1 run it.  @addr is for RSI and RDI. */
void l2_load(struct kvm_vm *vm, const struct vmware_insn *insn, int cpl, u64 rcx, u64 addr,
	     u64 rflags);

/* What L2 is, and what L1 intercepts, for messages. */
const char *l2_name(void);

/* Run L2 (from KVM_EXIT_IO on, if it had one), and assert how it ends. */
void l2_run_to(struct kvm_vcpu *vcpu, enum l2_exit exit);

/* Ditto, an exception goes to L1 if L1 wants it, and to L2 otherwise. */
void l2_run_to_exception(struct kvm_vcpu *vcpu, u8 vector, u64 rip);
void l2_run_to_gp(struct kvm_vcpu *vcpu);

#endif /* SELFTEST_KVM_L2_GUEST_H */
