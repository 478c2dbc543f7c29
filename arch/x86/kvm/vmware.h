/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __ARCH_X86_KVM_VMWARE_H__
#define __ARCH_X86_KVM_VMWARE_H__

#include <linux/kvm_host.h>

#include <asm/vmware.h>

#include "kvm_emulate.h"
#include "regs.h"

#define VMWARE_PORT_VMPORT	(0x5658)
#define VMWARE_PORT_VMRPC	(0x5659)

#define VMWARE_BACKDOOR_PMC_HOST_TSC		0x10000
#define VMWARE_BACKDOOR_PMC_REAL_TIME		0x10001
#define VMWARE_BACKDOOR_PMC_APPARENT_TIME	0x10002

#ifdef CONFIG_KVM_VMWARE
void kvm_vmware_init_vm(struct kvm *kvm);

/*
 * Emulating any VMware interface requires access to guest register state, i.e.
 * nothing is supported for VMs whose state is protected.  Note, @kvm is NULL if
 * userspace is querying what KVM supports in general.
 */
static inline u64 kvm_vmware_supported_flags(struct kvm *kvm)
{
	return kvm && kvm->arch.has_protected_state ? 0 : KVM_X86_VMWARE_VALID_MASK;
}

static inline bool kvm_vmware_backdoor_enabled(struct kvm *kvm)
{
	return kvm->arch.vmware_flags & KVM_X86_VMWARE_BACKDOOR;
}

/*
 * VMware's hypercalls share VMCALL/VMMCALL with KVM's, Hyper-V's, and Xen's
 * hypercalls, and are identified by a magic value in EAX.  Exclude L2, whose
 * hypercalls belong to L1.  The only hypercalls of L2 that get here are Hyper-V
 * TLB flushes that L0 handles on behalf of L1, for which RAX is not an input.
 */
static inline bool kvm_is_vmware_hypercall(struct kvm_vcpu *vcpu)
{
	return (vcpu->kvm->arch.vmware_flags & KVM_X86_VMWARE_HYPERCALL) &&
	       kvm_eax_read(vcpu) == VMWARE_HYPERVISOR_MAGIC &&
	       !is_guest_mode(vcpu) && !vcpu->arch.guest_state_protected;
}

/*
 * The backdoor is a contract between the VM's userspace and L1.  L2 is subject
 * to whatever rules L1 sets, never grant L2 access on L1's behalf.  The nested
 * backdoor is the exception to the rule, see kvm_is_vmware_backdoor_gp().
 */
static inline bool kvm_is_vmware_io_port(struct kvm_vcpu *vcpu, u16 port)
{
	return kvm_vmware_backdoor_enabled(vcpu->kvm) && !is_guest_mode(vcpu) &&
	       (port == VMWARE_PORT_VMPORT || port == VMWARE_PORT_VMRPC);
}

static inline bool kvm_is_vmware_backdoor_pmc(struct kvm_vcpu *vcpu, u32 idx)
{
	if (!kvm_vmware_backdoor_enabled(vcpu->kvm) || is_guest_mode(vcpu) ||
	    vcpu->arch.guest_state_protected)
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

bool kvm_is_vmware_backdoor_gp(struct kvm_vcpu *vcpu);
bool kvm_is_vmware_backdoor_opcode(struct x86_emulate_ctxt *ctxt);
#else
static inline void kvm_vmware_init_vm(struct kvm *kvm)
{
}

static __always_inline u64 kvm_vmware_supported_flags(struct kvm *kvm)
{
	return 0;
}

static __always_inline bool kvm_vmware_backdoor_enabled(struct kvm *kvm)
{
	return false;
}

static __always_inline bool kvm_is_vmware_hypercall(struct kvm_vcpu *vcpu)
{
	return false;
}

static __always_inline bool kvm_is_vmware_io_port(struct kvm_vcpu *vcpu, u16 port)
{
	return false;
}

static __always_inline bool kvm_is_vmware_backdoor_pmc(struct kvm_vcpu *vcpu, u32 idx)
{
	return false;
}

static __always_inline bool kvm_is_vmware_backdoor_gp(struct kvm_vcpu *vcpu)
{
	return false;
}

static __always_inline bool kvm_is_vmware_backdoor_opcode(struct x86_emulate_ctxt *ctxt)
{
	return false;
}
#endif

/*
 * Deliberately without stubs for CONFIG_KVM_VMWARE=n.  The predicates above
 * are false at compile time, and so an unguarded call fails to link.
 */
int kvm_vmware_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap);
int kvm_vmware_hypercall(struct kvm_vcpu *vcpu);
int kvm_vmware_rdpmc(struct kvm_vcpu *vcpu, u32 idx, u64 *data);

#endif /* __ARCH_X86_KVM_VMWARE_H__ */
