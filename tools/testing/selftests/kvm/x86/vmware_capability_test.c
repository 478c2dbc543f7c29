// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_CAP_X86_VMWARE, i.e. for querying and enabling VMware features.
 */
#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"
#include "sev.h"
#include "vmware.h"

static int enable_cap(int fd, u64 flags, u64 arg0, u64 arg1, u64 arg2, u64 arg3)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_VMWARE,
		.flags = flags,
		.args = { arg0, arg1, arg2, arg3 },
	};
	int r = ioctl(fd, KVM_ENABLE_CAP, &cap);

	return r < 0 ? errno : -r;
}

static int enable(struct kvm_vm *vm, u64 arg0)
{
	return enable_cap(vm->fd, 0, arg0, 0, 0, 0);
}

/* Without its flag an instruction #GPs, but for hypercalls, which are KVM's then. */
static void assert_flag(struct kvm_vcpu *vcpu, bool enabled, const void *insn, u32 exit_reason)
{
	struct kvm_regs regs = {
		.rax = VMWARE_MAGIC, .rcx = VMWARE_PMC_HOST_TSC, .rdx = VMWARE_PORT,
	};

	bare_vcpu_load(vcpu, BARE_MODE_64_CPL3, insn, strlen(insn), &regs);
	vcpu_run(vcpu);
	if (enabled && exit_reason) {
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, exit_reason);
		vcpu_run(vcpu);
	}
	if (enabled || exit_reason == KVM_EXIT_VMWARE)
		bare_vcpu_assert_done(vcpu, strlen(insn));
	else
		bare_vcpu_assert_exception(vcpu, GP_VECTOR);
}

/*
 * Verify that @flags, and no others, are enabled, based on what the guest gets, but for
 * KVM_X86_VMWARE_NESTED_BACKDOOR, see vmware_nested_test.
 */
static void assert_flags(struct kvm_vcpu *vcpu, u64 flags)
{
	assert_flag(vcpu, flags & KVM_X86_VMWARE_BACKDOOR, "\xed", KVM_EXIT_IO);
	assert_flag(vcpu, flags & KVM_X86_VMWARE_PSEUDO_PMCS, "\x0f\x33", 0);
	assert_flag(vcpu, flags & KVM_X86_VMWARE_HYPERCALL, vmware_hcall(host_cpu_is_intel),
		    KVM_EXIT_VMWARE);
}

#define all_flags()	((u64)kvm_check_cap(KVM_CAP_X86_VMWARE))
#define known_flags()	(all_flags() & KVM_X86_VMWARE_VALID_MASK)

FIXTURE(vmware_capability)
{
	struct kvm_vm *vm;
};

FIXTURE_SETUP(vmware_capability)
{
	self->vm = bare_vm_create();
}

FIXTURE_TEARDOWN(vmware_capability)
{
	kvm_vm_free(self->vm);
}

TEST_F(vmware_capability, check)
{
	TEST_ASSERT(known_flags() & KVM_X86_VMWARE_BACKDOOR, "No support for the backdoor");
	TEST_ASSERT_EQ(vm_check_cap(self->vm, KVM_CAP_X86_VMWARE), all_flags());
	assert_flags(bare_vcpu_add(self->vm, 0), vmware_default_flags());
}

/* The VM gets what userspace asks for, no more, no matter the module param. */
TEST_F(vmware_capability, all_combinations)
{
	struct kvm_vm *vm;
	u64 flags;
	int err;

	for (flags = 0; flags <= known_flags(); flags++) {
		err = !(flags & KVM_X86_VMWARE_BACKDOOR) &&
		      (flags & KVM_X86_VMWARE_NESTED_BACKDOOR) ? EINVAL : 0;
		vm = bare_vm_create();
		TEST_ASSERT_EQ(enable(vm, flags), err);
		assert_flags(bare_vcpu_add(vm, 0), err ? vmware_default_flags() : flags);
		kvm_vm_free(vm);
	}
}

/* Flags of successive calls add up, and can't be disabled. */
TEST_F(vmware_capability, accumulates)
{
	TEST_ASSERT_EQ(enable(self->vm, KVM_X86_VMWARE_PSEUDO_PMCS), 0);
	TEST_ASSERT_EQ(enable(self->vm, KVM_X86_VMWARE_PSEUDO_PMCS), 0);
	TEST_ASSERT_EQ(enable(self->vm, KVM_X86_VMWARE_NESTED_BACKDOOR), EINVAL);
	TEST_ASSERT_EQ(enable(self->vm, KVM_X86_VMWARE_BACKDOOR), 0);
	TEST_ASSERT_EQ(enable(self->vm, KVM_X86_VMWARE_NESTED_BACKDOOR), 0);
	TEST_ASSERT_EQ(enable(self->vm, 0), 0);

	assert_flags(bare_vcpu_add(self->vm, 0),
		     KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_PSEUDO_PMCS);
}

/* The first call that succeeds replaces the default, also if others follow. */
TEST_F(vmware_capability, first_call)
{
	TEST_ASSERT_EQ(enable_cap(self->vm->fd, 0, KVM_X86_VMWARE_BACKDOOR, 1, 0, 0), EINVAL);
	TEST_ASSERT_EQ(enable(self->vm, BIT_ULL(63) | KVM_X86_VMWARE_BACKDOOR), EINVAL);
	TEST_ASSERT_EQ(enable(self->vm, 0), 0);
	TEST_ASSERT_EQ(enable(self->vm, KVM_X86_VMWARE_PSEUDO_PMCS), 0);

	assert_flags(bare_vcpu_add(self->vm, 0), KVM_X86_VMWARE_PSEUDO_PMCS);
}

/* A rejected call must not have any effect, not even for its valid parts. */
TEST_F(vmware_capability, bad_arguments)
{
	u64 flags = vm_check_cap(self->vm, KVM_CAP_X86_VMWARE);
	int fd = self->vm->fd;
	int i;

	for (i = 0; i < 64; i++) {
		if (!(flags & BIT_ULL(i))) {
			TEST_ASSERT_EQ(enable(self->vm, BIT_ULL(i)), EINVAL);
			TEST_ASSERT_EQ(enable(self->vm, BIT_ULL(i) | flags), EINVAL);
		}
		TEST_ASSERT_EQ(enable_cap(fd, 0, flags, BIT_ULL(i), 0, 0), EINVAL);
		TEST_ASSERT_EQ(enable_cap(fd, 0, flags, 0, BIT_ULL(i), 0), EINVAL);
		TEST_ASSERT_EQ(enable_cap(fd, 0, flags, 0, 0, BIT_ULL(i)), EINVAL);
		if (i < 32)
			TEST_ASSERT_EQ(enable_cap(fd, BIT(i), flags, 0, 0, 0), EINVAL);
	}

	assert_flags(bare_vcpu_add(self->vm, 0), vmware_default_flags());
}

/* It's a capability of the VM, not of a vCPU, and there's none to begin with. */
TEST_F(vmware_capability, after_vcpu)
{
	struct kvm_vcpu *vcpu = bare_vcpu_add(self->vm, 0);
	u64 flags;

	for (flags = 0; flags <= known_flags(); flags++) {
		TEST_ASSERT_EQ(enable(self->vm, flags), EINVAL);
		TEST_ASSERT_EQ(enable_cap(vcpu->fd, 0, flags, 0, 0, 0), EINVAL);
	}

	/* The supported flags aren't affected by what's currently possible. */
	TEST_ASSERT_EQ(vm_check_cap(self->vm, KVM_CAP_X86_VMWARE), all_flags());
	assert_flags(vcpu, vmware_default_flags());
}

/* Flags that are supported for a type of VM, or for what a VM was turned into. */
static void assert_supported(struct kvm_vm *vm, int type)
{
	u64 flags = type == KVM_X86_DEFAULT_VM || type == KVM_X86_SW_PROTECTED_VM ?
		    all_flags() : type == KVM_X86_SEV_VM ? KVM_X86_VMWARE_HYPERCALL : 0;

	pr_info("VM type %d: 0x%lx\n", type, flags);
	TEST_ASSERT_EQ(vm_check_cap(vm, KVM_CAP_X86_VMWARE), flags);
	TEST_ASSERT_EQ(enable(vm, all_flags()), flags == all_flags() ? 0 : EINVAL);
	TEST_ASSERT_EQ(enable(vm, flags), 0);
}

TEST_F(vmware_capability, vm_types)
{
	unsigned int types = kvm_check_cap(KVM_CAP_VM_TYPES);
	struct kvm_vm *vm;
	int type;

	for (type = 0; type < 32; type++) {
		if (!(types & BIT(type)))
			continue;

		vm = vm_create_barebones_type(type);
		assert_supported(vm, type);
		kvm_vm_free(vm);
	}
}

/* VMs of the default type can become SEV or SEV-ES VMs after the fact. */
TEST_F(vmware_capability, legacy_sev)
{
	unsigned int types = kvm_check_cap(KVM_CAP_VM_TYPES);
	struct kvm_vm *vm;

	if (!(types & BIT(KVM_X86_SEV_VM)))
		SKIP(return, "KVM doesn't support SEV");

	TEST_ASSERT_EQ(enable(self->vm, all_flags()), 0);
	vm_sev_ioctl(self->vm, KVM_SEV_INIT, NULL);
	assert_supported(self->vm, KVM_X86_SEV_VM);

	if (types & BIT(KVM_X86_SEV_ES_VM)) {
		vm = bare_vm_create();
		TEST_ASSERT_EQ(enable(vm, all_flags()), 0);
		vm_sev_ioctl(vm, KVM_SEV_ES_INIT, NULL);
		assert_supported(vm, KVM_X86_SEV_ES_VM);
		kvm_vm_free(vm);
	}
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_VMWARE));

	return test_harness_run(argc, argv);
}
