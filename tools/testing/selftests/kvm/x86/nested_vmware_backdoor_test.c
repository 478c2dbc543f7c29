// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that L2 has no access to the VMware backdoor, i.e. that I/O and RDPMC
 * #GP as if there were none, if L1 intercepts neither them nor #GP.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "l2_guest.h"

#define INSN(_name, ...)						\
	{ _name, VMWARE_INSN(__VA_ARGS__), .dx = VMWARE_PORT },		\
	{ "fep " _name, VMWARE_INSN(L2_FEP, __VA_ARGS__), .dx = VMWARE_PORT }

static const struct vmware_insn insns[] = {
	INSN("in", 0xed),
	INSN("out", 0xef),
	INSN("insb", 0x6c),
	INSN("outsb", 0x6e),
	INSN("rdpmc", 0x0f, 0x33),
	INSN("nop", 0x90),
};

int main(int argc, char *argv[])
{
	const struct vmware_insn *insn;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int cpl;

	TEST_REQUIRE(get_kvm_param_bool("enable_vmware_backdoor"));
	TEST_REQUIRE(kvm_cpu_has(X86_FEATURE_SVM) || kvm_cpu_has(X86_FEATURE_VMX));

	vm = vm_create(1);
	vcpu = l2_vcpu_add(vm, false);

	for (insn = insns; insn < insns + ARRAY_SIZE(insns); insn++) {
		if (l2_is_fep(insn) && !is_forced_emulation_enabled)
			continue;

		/* I/O is allowed at CPL0. */
		for (cpl = strstr(insn->name, "rdpmc") ? 0 : 3; cpl <= 3; cpl += 3) {
			l2_load(vm, insn, cpl, VMWARE_PMC_HOST_TSC, l2_gva(L2_BUFFER), 0);
			if (strstr(insn->name, "nop"))
				l2_run_to(vcpu, L2_DONE);
			/* On VMX, KVM's emulator refuses to emulate RDPMC for L2. */
			else if (host_cpu_is_intel && !strcmp(insn->name, "fep rdpmc"))
				l2_run_to_exception(vcpu, UD_VECTOR, l2_gva(L2_CODE) + 5);
			else
				l2_run_to_gp(vcpu);
		}
	}

	kvm_vm_free(vm);
	return 0;
}
