/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM VMware emulation
 *
 * Copyright 2010, 2015 Red Hat, Inc. and/or its affiliates.
 */
#ifndef __ARCH_X86_KVM_VMWARE_H__
#define __ARCH_X86_KVM_VMWARE_H__

#include <linux/kvm_host.h>

#include <asm/vmware.h>

#include "kvm_emulate.h"
#include "regs.h"

#define VMWARE_BACKDOOR_PMC_HOST_TSC		0x10000
#define VMWARE_BACKDOOR_PMC_REAL_TIME		0x10001
#define VMWARE_BACKDOOR_PMC_APPARENT_TIME	0x10002

/* What's supported for SEV VMs, i.e. doesn't require decoding guest code. */
#define KVM_VMWARE_SEV_FLAGS	KVM_X86_VMWARE_HYPERCALL

#ifdef CONFIG_KVM_VMWARE
void kvm_vmware_init_vm(struct kvm *kvm);
int kvm_vmware_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap);

/* @kvm is NULL if userspace queries what KVM supports in general. */
static inline u64 kvm_vmware_supported_flags(struct kvm *kvm)
{
	return kvm ? kvm->arch.vmware.supported_flags :
		     KVM_X86_VMWARE_VALID_MASK;
}

/* For VMs that turn into VMs for which KVM can't support everything. */
static inline void kvm_vmware_restrict_flags(struct kvm *kvm, u64 flags)
{
	lockdep_assert_held(&kvm->lock);

	kvm->arch.vmware.supported_flags &= flags;
	kvm->arch.vmware.flags &= flags;
}

/* Are the flags userspace's choice, i.e. not the default? */
static inline bool kvm_vmware_is_configured(struct kvm *kvm)
{
	return kvm->arch.vmware.configured;
}

static inline bool kvm_vmware_backdoor_enabled(struct kvm *kvm)
{
	return kvm->arch.vmware.flags & KVM_X86_VMWARE_BACKDOOR;
}

static inline bool kvm_vmware_pseudo_pmcs_enabled(struct kvm *kvm)
{
	return kvm->arch.vmware.flags & KVM_X86_VMWARE_PSEUDO_PMCS;
}

static inline bool kvm_vmware_hypercall_enabled(struct kvm *kvm)
{
	return kvm->arch.vmware.flags & KVM_X86_VMWARE_HYPERCALL;
}

bool kvm_is_vmware_backdoor_gp(struct kvm_vcpu *vcpu);
bool kvm_is_vmware_backdoor_opcode(struct x86_emulate_ctxt *ctxt);
#else
static inline void kvm_vmware_init_vm(struct kvm *kvm)
{
}

static inline int kvm_vmware_enable_cap(struct kvm *kvm,
					struct kvm_enable_cap *cap)
{
	return -EINVAL;
}

static inline u64 kvm_vmware_supported_flags(struct kvm *kvm)
{
	return 0;
}

static inline void kvm_vmware_restrict_flags(struct kvm *kvm, u64 flags)
{
}

static __always_inline bool kvm_vmware_is_configured(struct kvm *kvm)
{
	return false;
}

static __always_inline bool kvm_vmware_backdoor_enabled(struct kvm *kvm)
{
	return false;
}

static __always_inline bool kvm_vmware_pseudo_pmcs_enabled(struct kvm *kvm)
{
	return false;
}

static __always_inline bool kvm_vmware_hypercall_enabled(struct kvm *kvm)
{
	return false;
}

static __always_inline bool kvm_is_vmware_backdoor_gp(struct kvm_vcpu *vcpu)
{
	return false;
}

static __always_inline bool
kvm_is_vmware_backdoor_opcode(struct x86_emulate_ctxt *ctxt)
{
	return false;
}
#endif

/* Unprivileged code has access to both, whereas the CPU says #GP. */
static __always_inline bool kvm_vmware_needs_gp_intercept(struct kvm *kvm)
{
	return kvm_vmware_backdoor_enabled(kvm) ||
	       kvm_vmware_pseudo_pmcs_enabled(kvm);
}

static __always_inline bool is_vmware_io_port(u16 port)
{
	return port == VMWARE_HYPERVISOR_PORT ||
	       port == VMWARE_HYPERVISOR_PORT_HB;
}

/*
 * The backdoor is a contract between the VM's userspace and L1.  L2 is subject
 * to whatever rules L1 sets, never grant L2 access on L1's behalf.  The nested
 * backdoor is the exception to the rule, see kvm_is_vmware_backdoor_gp().
 */
static __always_inline bool kvm_is_vmware_io_port(struct kvm_vcpu *vcpu,
						  u16 port)
{
	return kvm_vmware_backdoor_enabled(vcpu->kvm) && !is_guest_mode(vcpu) &&
	       is_vmware_io_port(port);
}

static __always_inline bool kvm_is_vmware_backdoor_pmc(struct kvm_vcpu *vcpu,
						       u32 idx)
{
	if (!kvm_vmware_pseudo_pmcs_enabled(vcpu->kvm) || is_guest_mode(vcpu))
		return false;

	/*
	 * By default, i.e. if userspace didn't ask for the pseudo-PMCs, all of
	 * RDPMC is subject to the vCPU having a PMU.
	 */
	if (!vcpu->arch.pmu.version && !kvm_vmware_is_configured(vcpu->kvm))
		return false;

	switch (idx) {
	case VMWARE_BACKDOOR_PMC_HOST_TSC:
	case VMWARE_BACKDOOR_PMC_REAL_TIME:
	case VMWARE_BACKDOOR_PMC_APPARENT_TIME:
		return true;
	default:
		return false;
	}
}

/*
 * VMware's hypercalls share VMCALL and VMMCALL with KVM's, Hyper-V's, and Xen's
 * hypercalls, and are identified by a magic value in EAX.  Exclude L2, whose
 * hypercalls belong to L1.  The only hypercalls of L2 that get here are Hyper-V
 * TLB flushes that L0 handles on behalf of L1, for which RAX is not an input.
 */
static __always_inline bool kvm_is_vmware_hypercall(struct kvm_vcpu *vcpu)
{
	return kvm_vmware_hypercall_enabled(vcpu->kvm) &&
	       kvm_eax_read(vcpu) == VMWARE_HYPERVISOR_MAGIC &&
	       !is_guest_mode(vcpu);
}

/*
 * Deliberately without stubs for CONFIG_KVM_VMWARE=n.  The predicates are false
 * at compile time, and so an unguarded call fails to link.
 */
int kvm_vmware_hypercall(struct kvm_vcpu *vcpu);
int kvm_vmware_rdpmc(struct kvm_vcpu *vcpu, u32 idx, u64 *data);

#endif /* __ARCH_X86_KVM_VMWARE_H__ */
