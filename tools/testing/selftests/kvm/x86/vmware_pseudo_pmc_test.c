// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that VMware's pseudo-PMCs, which expose the host's TSC and uptime, are
 * readable with the VMware backdoor, and only with it.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "vmware.h"

/* The backdoor is disabled if KVM doesn't have the param. */
#define BACKDOOR_PARAM	"/sys/module/kvm/parameters/enable_vmware_backdoor"

static void guest_rdpmc(bool enabled, u8 (*rdpmc)(u32 idx, u64 *val))
{
	u8 vector;
	u64 val;
	u32 idx;

	for (idx = VMWARE_PMC_HOST_TSC - 1;
	     idx <= VMWARE_PMC_APPARENT_TIME + 1; idx++) {
		bool valid = enabled && idx >= VMWARE_PMC_HOST_TSC &&
			     idx <= VMWARE_PMC_APPARENT_TIME;

		vector = rdpmc(idx, &val);
		__GUEST_ASSERT(vector == (valid ? 0 : GP_VECTOR),
			       "Wanted %s for RDPMC 0x%x, got vector %u, value 0x%lx",
			       valid ? "success" : "#GP", idx, vector, val);
	}
}

static void guest_code(bool enabled)
{
	guest_rdpmc(enabled, rdpmc_safe);
	if (is_forced_emulation_enabled)
		guest_rdpmc(enabled, rdpmc_safe_fep);

	GUEST_DONE();
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	bool enabled;

	TEST_REQUIRE(kvm_is_pmu_enabled());

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	enabled = !access(BACKDOOR_PARAM, F_OK) &&
		  get_kvm_param_bool("enable_vmware_backdoor");
	vcpu_args_set(vcpu, 1, enabled);

	vcpu_run_to_done(vcpu, NULL);

	kvm_vm_free(vm);
	return 0;
}
