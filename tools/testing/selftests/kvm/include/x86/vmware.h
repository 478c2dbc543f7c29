/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guests of VMware's hypervisors know, see asm/vmware.h in the kernel.
 */
#ifndef SELFTEST_KVM_VMWARE_H
#define SELFTEST_KVM_VMWARE_H

#include "kvm_util.h"
#include "processor.h"

#define VMWARE_MAGIC		0x564d5868u

#define VMWARE_PORT		0x5658
#define VMWARE_PORT_HB		0x5659

#define VMWARE_PMC_HOST_TSC		0x10000
#define VMWARE_PMC_REAL_TIME		0x10001
#define VMWARE_PMC_APPARENT_TIME	0x10002

/* An instruction, its inputs, and the KVM_EXIT_IO that it's to cause, if any. */
struct vmware_insn {
	const char *name;
	u8 code[8];
	u8 len;
	u8 size;
	bool is_out;
	u32 eax;
	u16 dx;
};

#define VMWARE_INSN(...)	.code = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ })

/* VMCALL or VMMCALL */
static inline const u8 *vmware_hcall(bool is_intel)
{
	return (const u8 *)(is_intel ? "\x0f\x01\xc1" : "\x0f\x01\xd9");
}

static inline void vmware_assert_io(struct kvm_vcpu *vcpu, const struct vmware_insn *insn,
				    u16 port, bool guest_mode)
{
	struct kvm_run *run = vcpu->run;

	TEST_ASSERT(run->exit_reason == KVM_EXIT_IO && run->io.port == port,
		    "%s: wanted an exit for port 0x%x, got exit %u (%s), port 0x%x", insn->name,
		    port, run->exit_reason, exit_reason_str(run->exit_reason), run->io.port);
	TEST_ASSERT_EQ(run->io.direction, insn->is_out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN);
	TEST_ASSERT_EQ(run->io.size, insn->size);
	TEST_ASSERT_EQ(!!(run->flags & KVM_RUN_X86_GUEST_MODE), guest_mode);
}

static inline u8 *vmware_io_data(struct kvm_vcpu *vcpu)
{
	return (u8 *)vcpu->run + vcpu->run->io.data_offset;
}

/*
 * The module param is the default of VMs whose userspace doesn't use the capability.
 * The pseudo-PMCs are accessible by default only if the vCPU has a PMU.
 */
static inline u64 vmware_default_flags(void)
{
	if (!get_kvm_param_bool("enable_vmware_backdoor"))
		return 0;

	return KVM_X86_VMWARE_BACKDOOR |
	       (kvm_is_pmu_enabled() ? KVM_X86_VMWARE_PSEUDO_PMCS : 0);
}

#endif /* SELFTEST_KVM_VMWARE_H */
