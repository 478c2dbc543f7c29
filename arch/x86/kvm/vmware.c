// SPDX-License-Identifier: GPL-2.0
/*
 * KVM VMware emulation
 *
 * Copyright (C) 2006 Qumranet, Inc.
 * Copyright (C) 2008 Qumranet, Inc.
 * Copyright IBM Corporation, 2008
 * Copyright 2010, 2015 Red Hat, Inc. and/or its affiliates.
 */
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/timekeeping.h>

#include <asm/tsc.h>

#include "trace.h"
#include "vmware.h"
#include "x86.h"

/*
 * Deprecated in favor of KVM_CAP_X86_VMWARE, i.e. merely the default for VMs
 * whose userspace doesn't use the capability.
 */
static bool __read_mostly enable_vmware_backdoor;
module_param(enable_vmware_backdoor, bool, 0444);

void kvm_vmware_init_vm(struct kvm *kvm)
{
	struct kvm_vmware *vmware = &kvm->arch.vmware;

	/*
	 * VMware's interfaces are register based, i.e. can't be emulated for
	 * VMs with protected state.  For SEV, KVM can't decode the instruction
	 * that caused a #GP.  Note, VMs of the default type can become SEV VMs,
	 * see kvm_vmware_restrict_flags().
	 */
	if (kvm->arch.has_protected_state)
		return;

	vmware->supported_flags = KVM_X86_VMWARE_VALID_MASK;
	if (kvm->arch.vm_type == KVM_X86_SEV_VM)
		vmware->supported_flags &= KVM_VMWARE_SEV_FLAGS;

	if (enable_vmware_backdoor)
		vmware->flags = vmware->supported_flags &
				(KVM_X86_VMWARE_BACKDOOR |
				 KVM_X86_VMWARE_PSEUDO_PMCS);
}

int kvm_vmware_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	struct kvm_vmware *vmware = &kvm->arch.vmware;
	u64 flags = cap->args[0];

	if (cap->args[1] || cap->args[2] || cap->args[3])
		return -EINVAL;

	guard(mutex)(&kvm->lock);

	if (flags & ~vmware->supported_flags)
		return -EINVAL;

	/*
	 * vCPUs configure their intercepts during creation and expect the set
	 * of features to be constant from there on out.
	 */
	if (kvm->created_vcpus)
		return -EINVAL;

	/* Replace the default, but don't disable what userspace asked for. */
	if (vmware->configured)
		flags |= vmware->flags;

	if ((flags & KVM_X86_VMWARE_NESTED_BACKDOOR) &&
	    !(flags & KVM_X86_VMWARE_BACKDOOR))
		return -EINVAL;

	vmware->flags = flags;
	vmware->configured = true;
	return 0;
}

int kvm_vmware_rdpmc(struct kvm_vcpu *vcpu, u32 idx, u64 *data)
{
	u64 ctr_val;

	switch (idx) {
	case VMWARE_BACKDOOR_PMC_HOST_TSC:
		ctr_val = rdtsc();
		break;
	case VMWARE_BACKDOOR_PMC_REAL_TIME:
		ctr_val = ktime_get_boottime_ns();
		break;
	case VMWARE_BACKDOOR_PMC_APPARENT_TIME:
		ctr_val = get_kvmclock_ns(vcpu->kvm);
		break;
	default:
		return 1;
	}

	*data = ctr_val;
	return 0;
}

/*
 * The nested backdoor bypasses L1, and is therefore limited to code in L2 that
 * can't do without, and that blatantly accesses the backdoor.
 */
static bool kvm_is_vmware_nested_backdoor(struct kvm_vcpu *vcpu)
{
	u64 flags = vcpu->kvm->arch.vmware.flags;

	return (flags & KVM_X86_VMWARE_NESTED_BACKDOOR) &&
	       kvm_eax_read(vcpu) == VMWARE_HYPERVISOR_MAGIC &&
	       is_vmware_io_port(kvm_edx_read(vcpu)) &&
	       kvm_x86_call(get_cpl)(vcpu) == 3;
}

/* Return true if the vCPU may access the port in DX in spite of a #GP. */
static bool kvm_is_vmware_gp_port_allowed(struct kvm_vcpu *vcpu)
{
	if (is_guest_mode(vcpu))
		return kvm_is_vmware_nested_backdoor(vcpu);

	return kvm_is_vmware_io_port(vcpu, kvm_edx_read(vcpu));
}

/*
 * Return true if a #GP without an error code may be due to an access to the
 * VMware backdoor, i.e. if the faulting instruction is worth decoding.
 */
bool kvm_is_vmware_backdoor_gp(struct kvm_vcpu *vcpu)
{
	return kvm_is_vmware_gp_port_allowed(vcpu) ||
	       kvm_is_vmware_backdoor_pmc(vcpu, kvm_ecx_read(vcpu));
}
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_is_vmware_backdoor_gp);

/*
 * VMware backdoor emulation on #GP interception only handles IN{S}, OUT{S}, and
 * RDPMC, and only the backdoor's ports and pseudo-PMCs.  Note, IN and OUT with
 * an imm8 port can't target the backdoor.
 */
bool kvm_is_vmware_backdoor_opcode(struct x86_emulate_ctxt *ctxt)
{
	struct kvm_vcpu *vcpu = ctxt->vcpu;

	switch (ctxt->opcode_len) {
	case 1:
		switch (ctxt->b) {
		case 0xec:	/* IN */
		case 0xed:
		case 0xee:	/* OUT */
		case 0xef:
		case 0x6c:	/* INS */
		case 0x6d:
		case 0x6e:	/* OUTS */
		case 0x6f:
			return kvm_is_vmware_gp_port_allowed(vcpu);
		}
		break;
	case 2:
		switch (ctxt->b) {
		case 0x33:	/* RDPMC */
			return kvm_is_vmware_backdoor_pmc(vcpu,
							  kvm_ecx_read(vcpu));
		}
		break;
	}

	return false;
}

static int kvm_vmware_inject_exception(struct kvm_vcpu *vcpu, u64 mask)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	struct x86_exception fault = { .vector = PF_VECTOR };
	u32 error_code;
	u64 address;

	/* Userspace can modify vcpu->run at any time, read fields only once. */
	error_code = READ_ONCE(exit->u.hcall.exception.error_code);
	address = READ_ONCE(exit->u.hcall.exception.address);

	/* Intel CPUs support only 16-bit error codes. */
	if (error_code > U16_MAX || READ_ONCE(exit->u.hcall.exception.pad))
		return -EINVAL;

	switch (READ_ONCE(exit->u.hcall.exception.vector)) {
	case UD_VECTOR:
		if (error_code || address)
			return -EINVAL;

		kvm_queue_exception(vcpu, UD_VECTOR);
		return 1;
	case GP_VECTOR:
		if (address)
			return -EINVAL;

		kvm_queue_exception_e(vcpu, GP_VECTOR, error_code);
		return 1;
	case PF_VECTOR:
		fault.error_code_valid = true;
		fault.error_code = error_code;
		fault.address = address & mask;

		kvm_inject_emulated_page_fault(vcpu, &fault);
		return 1;
	default:
		return -EINVAL;
	}
}

static int kvm_vmware_complete_hypercall(struct kvm_vcpu *vcpu)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	u32 flags;
	u64 mask;
	int r;

	/*
	 * If userspace moved RIP, e.g. to reset the vCPU, then the hypercall is
	 * no more, and neither its results nor its exception are of interest.
	 */
	if (unlikely(!kvm_is_linear_rip(vcpu, vcpu->arch.cui_linear_rip)))
		return 1;

	mask = is_64_bit_hypercall(vcpu) ? U64_MAX : U32_MAX;

	flags = READ_ONCE(exit->u.hcall.exception.flags);
	if (unlikely(flags)) {
		r = -EINVAL;
		if (!(flags & ~KVM_VMWARE_EXCEPTION_VALID))
			r = kvm_vmware_inject_exception(vcpu, mask);

		/* Keep the hypercall pending, userspace can try again. */
		if (r < 0)
			vcpu->arch.complete_userspace_io =
				kvm_vmware_complete_hypercall;
		return r;
	}

	kvm_rax_write_raw(vcpu, exit->u.hcall.rax & mask);
	kvm_rbx_write_raw(vcpu, exit->u.hcall.rbx & mask);
	kvm_rcx_write_raw(vcpu, exit->u.hcall.rcx & mask);
	kvm_rdx_write_raw(vcpu, exit->u.hcall.rdx & mask);
	kvm_rsi_write_raw(vcpu, exit->u.hcall.rsi & mask);
	kvm_rdi_write_raw(vcpu, exit->u.hcall.rdi & mask);
	kvm_rbp_write_raw(vcpu, exit->u.hcall.rbp & mask);

	return kvm_skip_emulated_instruction(vcpu);
}

int kvm_vmware_hypercall(struct kvm_vcpu *vcpu)
{
	bool longmode = is_64_bit_hypercall(vcpu);
	u64 mask = longmode ? U64_MAX : U32_MAX;
	struct kvm_vmware_exit exit = {
		.type = KVM_EXIT_VMWARE_HCALL,
		.u.hcall = {
			.longmode = longmode,
			.cpl = kvm_x86_call(get_cpl)(vcpu),
			.rax = kvm_rax_read_raw(vcpu) & mask,
			.rbx = kvm_rbx_read_raw(vcpu) & mask,
			.rcx = kvm_rcx_read_raw(vcpu) & mask,
			.rdx = kvm_rdx_read_raw(vcpu) & mask,
			.rsi = kvm_rsi_read_raw(vcpu) & mask,
			.rdi = kvm_rdi_read_raw(vcpu) & mask,
			.rbp = kvm_rbp_read_raw(vcpu) & mask,
		},
	};

	BUILD_BUG_ON(sizeof(exit) > sizeof(vcpu->run->padding));

	++vcpu->stat.hypercalls;

	vcpu->run->exit_reason = KVM_EXIT_VMWARE;
	vcpu->run->vmware = exit;

	trace_kvm_vmware_hypercall(exit.u.hcall.cpl, longmode,
				   exit.u.hcall.rax, exit.u.hcall.rbx,
				   exit.u.hcall.rcx, exit.u.hcall.rdx,
				   exit.u.hcall.rsi, exit.u.hcall.rdi,
				   exit.u.hcall.rbp);

	vcpu->arch.cui_linear_rip = kvm_get_linear_rip(vcpu);
	vcpu->arch.complete_userspace_io = kvm_vmware_complete_hypercall;
	return 0;
}
