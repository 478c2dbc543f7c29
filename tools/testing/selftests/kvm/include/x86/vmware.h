/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guests of VMware's hypervisors know, see asm/vmware.h in the kernel.
 */
#ifndef SELFTEST_KVM_VMWARE_H
#define SELFTEST_KVM_VMWARE_H

#define VMWARE_MAGIC		0x564d5868u

#define VMWARE_PORT		0x5658
#define VMWARE_PORT_HB		0x5659

#define VMWARE_CMD_GETVERSION	10

#define VMWARE_PMC_HOST_TSC		0x10000
#define VMWARE_PMC_REAL_TIME		0x10001
#define VMWARE_PMC_APPARENT_TIME	0x10002

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
