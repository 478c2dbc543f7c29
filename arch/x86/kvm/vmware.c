// SPDX-License-Identifier: GPL-2.0
/*
 * KVM VMware emulation
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
 * Deprecated in favor of KVM_CAP_X86_VMWARE, and therefore limited to being the
 * per-VM default of KVM_X86_VMWARE_BACKDOOR.
 */
static bool __read_mostly enable_vmware_backdoor;
module_param(enable_vmware_backdoor, bool, 0444);

void kvm_vmware_init_vm(struct kvm *kvm)
{
	if (enable_vmware_backdoor)
		kvm->arch.vmware_flags = kvm_vmware_supported_flags(kvm) &
					 KVM_X86_VMWARE_BACKDOOR;
}

int kvm_vmware_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	u64 flags = cap->args[0];

	if (flags & ~kvm_vmware_supported_flags(kvm))
		return -EINVAL;

	if (cap->args[1] || cap->args[2] || cap->args[3])
		return -EINVAL;

	guard(mutex)(&kvm->lock);

	/*
	 * vCPUs configure their intercepts during creation and expect the set
	 * of features to be constant from there on out.
	 */
	if (kvm->created_vcpus)
		return -EINVAL;

	if ((flags & KVM_X86_VMWARE_NESTED_BACKDOOR) &&
	    !((flags | kvm->arch.vmware_flags) & KVM_X86_VMWARE_BACKDOOR))
		return -EINVAL;

	kvm->arch.vmware_flags |= flags;
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
 * The nested backdoor bypasses L1, and is therefore limited to L2 code that can't
 * do without, and that blatantly accesses the backdoor.
 */
static bool kvm_is_vmware_nested_backdoor(struct kvm_vcpu *vcpu)
{
	u16 port;

	if (!(vcpu->kvm->arch.vmware_flags & KVM_X86_VMWARE_NESTED_BACKDOOR))
		return false;

	if (kvm_eax_read(vcpu) != VMWARE_HYPERVISOR_MAGIC)
		return false;

	port = kvm_edx_read(vcpu);
	if (port != VMWARE_PORT_VMPORT && port != VMWARE_PORT_VMRPC)
		return false;

	return kvm_x86_call(get_cpl)(vcpu) == 3;
}

/*
 * Return true if a #GP, without an error code, may be due to an access to the
 * VMware backdoor, i.e. if KVM should emulate the faulting instruction if said
 * instruction is IN{S}, OUT{S}, or RDPMC.  Note, IN and OUT with an imm8 port
 * can't target the backdoor.
 */
bool kvm_is_vmware_backdoor_gp(struct kvm_vcpu *vcpu)
{
	if (is_guest_mode(vcpu))
		return kvm_is_vmware_nested_backdoor(vcpu);

	return kvm_is_vmware_io_port(vcpu, kvm_edx_read(vcpu)) ||
	       kvm_is_vmware_backdoor_pmc(vcpu, kvm_ecx_read(vcpu));
}
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_is_vmware_backdoor_gp);

bool kvm_is_vmware_backdoor_opcode(struct x86_emulate_ctxt *ctxt)
{
	/*
	 * For L2, both L1's I/O intercepts and the emulator's permission checks
	 * are skipped, and so the port must be the one in DX that was vetted by
	 * kvm_is_vmware_backdoor_gp(), i.e. never allow the imm8 variants.
	 */
	bool is_l2 = is_guest_mode(ctxt->vcpu);

	switch (ctxt->opcode_len) {
	case 1:
		switch (ctxt->b) {
		case 0xe4:	/* IN imm8 */
		case 0xe5:
		case 0xe6:	/* OUT imm8 */
		case 0xe7:
			return !is_l2;
		case 0xec:	/* IN DX */
		case 0xed:
		case 0xee:	/* OUT DX */
		case 0xef:
		case 0x6c:	/* INS */
		case 0x6d:
		case 0x6e:	/* OUTS */
		case 0x6f:
			return true;
		}
		break;
	case 2:
		switch (ctxt->b) {
		case 0x33:	/* RDPMC */
			return !is_l2;
		}
		break;
	}

	return false;
}

/*
 * Exceptions that can be requested by userspace, i.e. that can be injected on all
 * CPUs, as is and into any guest.  #BP and #OF are raised only by dedicated
 * instructions, and injecting them requires the length of said instruction.  #VE,
 * #CP, #HV, #VC, and #SX are vendor specific and/or require the CPU (and guest)
 * to support the associated feature.
 */
#define KVM_VMWARE_INJECTABLE_EXCEPTIONS				\
	(BIT(DE_VECTOR) | BIT(DB_VECTOR) | BIT(BR_VECTOR) |		\
	 BIT(UD_VECTOR) | BIT(NM_VECTOR) | BIT(DF_VECTOR) |		\
	 BIT(TS_VECTOR) | BIT(NP_VECTOR) | BIT(SS_VECTOR) |		\
	 BIT(GP_VECTOR) | BIT(PF_VECTOR) | BIT(MF_VECTOR) |		\
	 BIT(AC_VECTOR) | BIT(MC_VECTOR) | BIT(XM_VECTOR))

static int kvm_vmware_inject_exception(struct kvm_vcpu *vcpu)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	u32 vector, error_code;
	u64 address;

	/* Userspace can modify vcpu->run at any time, read fields only once. */
	vector = READ_ONCE(exit->u.hcall.exception.vector);
	error_code = READ_ONCE(exit->u.hcall.exception.error_code);
	address = READ_ONCE(exit->u.hcall.exception.address);

	if (vector >= BITS_PER_TYPE(vector) ||
	    !(BIT(vector) & KVM_VMWARE_INJECTABLE_EXCEPTIONS))
		return -EINVAL;

	/* Intel CPUs support only 16-bit error codes. */
	if (error_code > (x86_exception_has_error_code(vector) ? U16_MAX : 0))
		return -EINVAL;

	if (address && vector != PF_VECTOR)
		return -EINVAL;

	if (READ_ONCE(exit->u.hcall.exception.pad))
		return -EINVAL;

	if (vector == PF_VECTOR) {
		struct x86_exception fault = {
			.vector = PF_VECTOR,
			.error_code_valid = true,
			.error_code = error_code,
			.address = is_64_bit_hypercall(vcpu) ? address : (u32)address,
		};

		kvm_inject_emulated_page_fault(vcpu, &fault);
	} else if (x86_exception_has_error_code(vector)) {
		kvm_queue_exception_e(vcpu, vector, error_code);
	} else {
		kvm_queue_exception(vcpu, vector);
	}
	return 1;
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

	/* Userspace can modify vcpu->run at any time, read fields only once. */
	flags = READ_ONCE(exit->u.hcall.exception.flags);
	if (unlikely(flags)) {
		r = -EINVAL;
		if (!(flags & ~KVM_VMWARE_EXCEPTION_VALID))
			r = kvm_vmware_inject_exception(vcpu);

		/* Keep the hypercall pending so that userspace can try again. */
		if (r < 0)
			vcpu->arch.complete_userspace_io = kvm_vmware_complete_hypercall;
		return r;
	}

	mask = is_64_bit_hypercall(vcpu) ? U64_MAX : U32_MAX;
	kvm_rax_write_raw(vcpu, READ_ONCE(exit->u.hcall.rax) & mask);
	kvm_rbx_write_raw(vcpu, READ_ONCE(exit->u.hcall.rbx) & mask);
	kvm_rcx_write_raw(vcpu, READ_ONCE(exit->u.hcall.rcx) & mask);
	kvm_rdx_write_raw(vcpu, READ_ONCE(exit->u.hcall.rdx) & mask);
	kvm_rsi_write_raw(vcpu, READ_ONCE(exit->u.hcall.rsi) & mask);
	kvm_rdi_write_raw(vcpu, READ_ONCE(exit->u.hcall.rdi) & mask);
	kvm_rbp_write_raw(vcpu, READ_ONCE(exit->u.hcall.rbp) & mask);

	trace_kvm_vmware_hypercall_done(vcpu);

	return kvm_skip_emulated_instruction(vcpu);
}

int kvm_vmware_hypercall(struct kvm_vcpu *vcpu)
{
	bool longmode = is_64_bit_hypercall(vcpu);
	u64 mask = longmode ? U64_MAX : U32_MAX;

	BUILD_BUG_ON(sizeof(vcpu->run->vmware) > sizeof(vcpu->run->padding));

	++vcpu->stat.hypercalls;

	trace_kvm_vmware_hypercall(vcpu);

	vcpu->run->exit_reason = KVM_EXIT_VMWARE;
	vcpu->run->vmware = (struct kvm_vmware_exit) {
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

	vcpu->arch.cui_linear_rip = kvm_get_linear_rip(vcpu);
	vcpu->arch.complete_userspace_io = kvm_vmware_complete_hypercall;
	return 0;
}
