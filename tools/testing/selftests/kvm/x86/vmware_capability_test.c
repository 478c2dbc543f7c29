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

/* Flags that are known to this test, KVM may support more. */
#define VALID_MASK	(KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_PSEUDO_PMCS | \
			 KVM_X86_VMWARE_HYPERCALL | KVM_X86_VMWARE_NESTED_BACKDOOR)

static const u8 in_eax_dx[] = { 0xed };
static const u8 rdpmc[] = { 0x0f, 0x33 };

static int enable_cap(int fd, u64 flags, u64 arg0, u64 arg1, u64 arg2, u64 arg3)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_VMWARE,
		.flags = flags,
		.args = { arg0, arg1, arg2, arg3 },
	};

	return ioctl(fd, KVM_ENABLE_CAP, &cap);
}

static int enable(struct kvm_vm *vm, u64 arg0)
{
	return enable_cap(vm->fd, 0, arg0, 0, 0, 0);
}

#define ASSERT_ENABLED(r)						\
	TEST_ASSERT(!(r), "Failed to enable, errno = %d (%s)", errno, strerror(errno))

#define ASSERT_EINVAL(r)						\
	TEST_ASSERT((r) == -1 && errno == EINVAL, "Wanted EINVAL, got success or errno = %d", errno)

/*
 * Verify that @flags, and no others, are enabled, based on what the guest gets, but for
 * KVM_X86_VMWARE_NESTED_BACKDOOR, see vmware_nested_test.
 */
static void assert_flags(struct kvm_vcpu *vcpu, u64 flags)
{
	const u8 *hcall = (const u8 *)(host_cpu_is_intel ? "\x0f\x01\xc1" : "\x0f\x01\xd9");
	struct kvm_regs regs = { .rax = VMWARE_MAGIC };

	bare_vcpu_load(vcpu, BARE_MODE_64_CPL3, hcall, 3, &regs);
	vcpu_run(vcpu);
	if (flags & KVM_X86_VMWARE_HYPERCALL) {
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
		vcpu_run(vcpu);
	}
	bare_vcpu_assert_done(vcpu, 3);

	regs = (struct kvm_regs) { .rax = VMWARE_MAGIC, .rdx = VMWARE_PORT };
	bare_vcpu_load(vcpu, BARE_MODE_64_CPL3, in_eax_dx, sizeof(in_eax_dx), &regs);
	vcpu_run(vcpu);
	if (flags & KVM_X86_VMWARE_BACKDOOR) {
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		TEST_ASSERT_EQ(vcpu->run->io.port, VMWARE_PORT);
		vcpu_run(vcpu);
		bare_vcpu_assert_done(vcpu, sizeof(in_eax_dx));
	} else {
		bare_vcpu_assert_exception(vcpu, GP_VECTOR, NULL);
	}

	regs = (struct kvm_regs) { .rcx = VMWARE_PMC_HOST_TSC };
	bare_vcpu_load(vcpu, BARE_MODE_64_CPL3, rdpmc, sizeof(rdpmc), &regs);
	vcpu_run(vcpu);
	if (flags & KVM_X86_VMWARE_PSEUDO_PMCS)
		bare_vcpu_assert_done(vcpu, sizeof(rdpmc));
	else
		bare_vcpu_assert_exception(vcpu, GP_VECTOR, NULL);
}

static void assert_vm_flags(struct kvm_vm *vm, u64 flags)
{
	assert_flags(bare_vcpu_add(vm, 0), flags);
}

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
	const struct kvm_cpuid2 *cpuid = kvm_get_supported_cpuid();
	int i;

	/* VMware's leaves are up to userspace. */
	for (i = 0; i < cpuid->nent; i++)
		TEST_ASSERT(cpuid->entries[i].function != 0x40000010, "KVM has VMware's CPUID");

	TEST_ASSERT_EQ(kvm_check_cap(KVM_CAP_X86_VMWARE) & VALID_MASK, VALID_MASK);
	TEST_ASSERT_EQ(vm_check_cap(self->vm, KVM_CAP_X86_VMWARE),
		       kvm_check_cap(KVM_CAP_X86_VMWARE));
	assert_vm_flags(self->vm, vmware_default_flags());
}

/* The VM gets what userspace asks for, no more, no matter the module param. */
TEST_F(vmware_capability, all_combinations)
{
	struct kvm_vm *vm;
	u64 flags;

	for (flags = 0; flags <= VALID_MASK; flags++) {
		vm = bare_vm_create();
		if ((flags & KVM_X86_VMWARE_NESTED_BACKDOOR) &&
		    !(flags & KVM_X86_VMWARE_BACKDOOR)) {
			ASSERT_EINVAL(enable(vm, flags));
			assert_vm_flags(vm, vmware_default_flags());
		} else {
			ASSERT_ENABLED(enable(vm, flags));
			assert_vm_flags(vm, flags);
		}
		kvm_vm_free(vm);
	}
}

/* Flags of successive calls add up, and can't be disabled. */
TEST_F(vmware_capability, accumulates)
{
	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_PSEUDO_PMCS));
	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_PSEUDO_PMCS));
	ASSERT_EINVAL(enable(self->vm, KVM_X86_VMWARE_NESTED_BACKDOOR));
	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_BACKDOOR));
	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_NESTED_BACKDOOR));
	ASSERT_ENABLED(enable(self->vm, 0));

	assert_vm_flags(self->vm, KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_PSEUDO_PMCS);
}

/* The first call that succeeds replaces the default, also if others follow. */
TEST_F(vmware_capability, first_call)
{
	ASSERT_EINVAL(enable_cap(self->vm->fd, 0, KVM_X86_VMWARE_BACKDOOR, 1, 0, 0));
	ASSERT_EINVAL(enable(self->vm, BIT_ULL(63) | KVM_X86_VMWARE_BACKDOOR));
	ASSERT_ENABLED(enable(self->vm, 0));
	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_PSEUDO_PMCS));

	assert_vm_flags(self->vm, KVM_X86_VMWARE_PSEUDO_PMCS);
}

/* A rejected call must not have any effect, not even for its valid parts. */
TEST_F(vmware_capability, bad_arguments)
{
	u64 flags = vm_check_cap(self->vm, KVM_CAP_X86_VMWARE);
	int fd = self->vm->fd;
	int i;

	for (i = 0; i < 64; i++) {
		if (!(flags & BIT_ULL(i))) {
			ASSERT_EINVAL(enable(self->vm, BIT_ULL(i)));
			ASSERT_EINVAL(enable(self->vm, BIT_ULL(i) | flags));
		}
		ASSERT_EINVAL(enable_cap(fd, 0, flags, BIT_ULL(i), 0, 0));
		ASSERT_EINVAL(enable_cap(fd, 0, flags, 0, BIT_ULL(i), 0));
		ASSERT_EINVAL(enable_cap(fd, 0, flags, 0, 0, BIT_ULL(i)));
		if (i < 32)
			ASSERT_EINVAL(enable_cap(fd, BIT(i), flags, 0, 0, 0));
	}

	assert_vm_flags(self->vm, vmware_default_flags());
}

/* It's a capability of the VM, not of a vCPU, and there's none to begin with. */
TEST_F(vmware_capability, after_vcpu)
{
	struct kvm_vcpu *vcpu = bare_vcpu_add(self->vm, 0);
	u64 flags;

	for (flags = 0; flags <= VALID_MASK; flags++) {
		ASSERT_EINVAL(enable(self->vm, flags));
		ASSERT_EINVAL(enable_cap(vcpu->fd, 0, flags, 0, 0, 0));
	}

	/* The supported flags aren't affected by what's currently possible. */
	TEST_ASSERT_EQ(vm_check_cap(self->vm, KVM_CAP_X86_VMWARE),
		       kvm_check_cap(KVM_CAP_X86_VMWARE));
	assert_flags(vcpu, vmware_default_flags());
}

/* Flags that are supported for a type of VM, or for what a VM was turned into. */
static void assert_supported(struct kvm_vm *vm, u64 flags)
{
	TEST_ASSERT_EQ(vm_check_cap(vm, KVM_CAP_X86_VMWARE) & VALID_MASK, flags);
	if (flags != VALID_MASK)
		ASSERT_EINVAL(enable(vm, VALID_MASK));
	ASSERT_ENABLED(enable(vm, flags));
}

static u64 type_flags(int type)
{
	switch (type) {
	case KVM_X86_SEV_VM:
		return KVM_X86_VMWARE_HYPERCALL;
	case KVM_X86_SEV_ES_VM:
	case KVM_X86_SNP_VM:
	case KVM_X86_TDX_VM:
		return 0;
	default:
		return VALID_MASK;
	}
}

TEST_F(vmware_capability, vm_types)
{
	unsigned int types = kvm_check_cap(KVM_CAP_VM_TYPES);
	struct kvm_vm *vm;
	int type;

	for (type = 0; type < 32; type++) {
		if (!(types & BIT(type)))
			continue;

		pr_info("VM type %d: 0x%lx\n", type, type_flags(type));
		vm = vm_create_barebones_type(type);
		assert_supported(vm, type_flags(type));
		kvm_vm_free(vm);
	}
}

/* VMs of the default type can become SEV or SEV-ES VMs after the fact. */
TEST_F(vmware_capability, legacy_sev)
{
	struct kvm_vm *vm = bare_vm_create();

	if (!kvm_cpu_has(X86_FEATURE_SEV))
		SKIP(return, "KVM doesn't support SEV");

	ASSERT_ENABLED(enable(self->vm, VALID_MASK));
	vm_sev_ioctl(self->vm, KVM_SEV_INIT, NULL);
	assert_supported(self->vm, type_flags(KVM_X86_SEV_VM));

	if (kvm_cpu_has(X86_FEATURE_SEV_ES)) {
		ASSERT_ENABLED(enable(vm, VALID_MASK));
		vm_sev_ioctl(vm, KVM_SEV_ES_INIT, NULL);
		assert_supported(vm, type_flags(KVM_X86_SEV_ES_VM));
	}
	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_VMWARE));

	return test_harness_run(argc, argv);
}
