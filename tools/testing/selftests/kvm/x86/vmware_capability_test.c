// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_CAP_X86_VMWARE, i.e. for querying and enabling VMware features.
 */
#include <pthread.h>

#include "kvm_test_harness.h"
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"

#define VMWARE_MAGIC	0x564d5868u
#define VMWARE_PORT	0x5658

#define NR_RACES	200

/* In seconds.  The default of the harness is too short for an emulated CPU and KASAN. */
#define RACE_TIMEOUT	300

static const u8 in_eax_dx[] = { 0xed };

/* The module param is the default of KVM_X86_VMWARE_BACKDOOR, and of only that. */
static u64 default_flags(void)
{
	return get_kvm_param_bool("enable_vmware_backdoor") ? KVM_X86_VMWARE_BACKDOOR : 0;
}

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
do {									\
	int __r = (r);							\
									\
	TEST_ASSERT(__r == -1 && errno == EINVAL,			\
		    "Wanted EINVAL, got r = %d, errno = %d", __r, errno); \
} while (0)

/* Verify that exactly @flags are enabled, based on what the guest gets. */
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
	TEST_ASSERT_EQ(kvm_check_cap(KVM_CAP_X86_VMWARE), KVM_X86_VMWARE_VALID_MASK);
	TEST_ASSERT_EQ(vm_check_cap(self->vm, KVM_CAP_X86_VMWARE), KVM_X86_VMWARE_VALID_MASK);
}

TEST_F(vmware_capability, defaults)
{
	assert_vm_flags(self->vm, default_flags());
}

TEST_F(vmware_capability, all_combinations)
{
	u64 flags, enabled;
	struct kvm_vm *vm;
	int r;

	for (flags = 0; flags <= KVM_X86_VMWARE_VALID_MASK; flags++) {
		vm = bare_vm_create();
		enabled = flags | default_flags();

		r = enable(vm, flags);
		if ((flags & KVM_X86_VMWARE_NESTED_BACKDOOR) &&
		    !(enabled & KVM_X86_VMWARE_BACKDOOR)) {
			ASSERT_EINVAL(r);
			enabled = default_flags();
		} else {
			ASSERT_ENABLED(r);
		}

		assert_vm_flags(vm, enabled);
		kvm_vm_free(vm);
	}
}

TEST_F(vmware_capability, accumulates)
{
	u64 flags = KVM_X86_VMWARE_HYPERCALL | KVM_X86_VMWARE_BACKDOOR;

	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_HYPERCALL));
	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_HYPERCALL));
	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_BACKDOOR));
	ASSERT_ENABLED(enable(self->vm, KVM_X86_VMWARE_NESTED_BACKDOOR));

	/* Flags can't be disabled, by design. */
	ASSERT_ENABLED(enable(self->vm, 0));

	assert_vm_flags(self->vm, flags);
}

/* A rejected call must not have any effect, not even for its valid parts. */
TEST_F(vmware_capability, unknown_flags)
{
	int i;

	for (i = 0; i < 64; i++) {
		if (KVM_X86_VMWARE_VALID_MASK & BIT_ULL(i))
			continue;

		ASSERT_EINVAL(enable(self->vm, BIT_ULL(i)));
		ASSERT_EINVAL(enable(self->vm, BIT_ULL(i) | KVM_X86_VMWARE_VALID_MASK));
	}

	assert_vm_flags(self->vm, default_flags());
}

TEST_F(vmware_capability, bad_arguments)
{
	u64 flags = KVM_X86_VMWARE_VALID_MASK;
	int fd = self->vm->fd;
	int i;

	for (i = 0; i < 64; i++) {
		ASSERT_EINVAL(enable_cap(fd, 0, flags, BIT_ULL(i), 0, 0));
		ASSERT_EINVAL(enable_cap(fd, 0, flags, 0, BIT_ULL(i), 0));
		ASSERT_EINVAL(enable_cap(fd, 0, flags, 0, 0, BIT_ULL(i)));
		if (i < 32)
			ASSERT_EINVAL(enable_cap(fd, BIT(i), flags, 0, 0, 0));
	}

	assert_vm_flags(self->vm, default_flags());
}

TEST_F(vmware_capability, after_vcpu)
{
	struct kvm_vcpu *vcpu = bare_vcpu_add(self->vm, 0);
	u64 flags;

	for (flags = 0; flags <= KVM_X86_VMWARE_VALID_MASK; flags++)
		ASSERT_EINVAL(enable(self->vm, flags));

	/* The supported flags aren't affected by what's currently possible. */
	TEST_ASSERT_EQ(vm_check_cap(self->vm, KVM_CAP_X86_VMWARE), KVM_X86_VMWARE_VALID_MASK);
	assert_flags(vcpu, default_flags());
}

/* It's a capability of the VM, not of a vCPU. */
TEST_F(vmware_capability, vcpu_fd)
{
	struct kvm_vcpu *vcpu = bare_vcpu_add(self->vm, 0);

	ASSERT_EINVAL(enable_cap(vcpu->fd, 0, KVM_X86_VMWARE_HYPERCALL, 0, 0, 0));
	assert_flags(vcpu, default_flags());
}

/* Neither VMs whose registers are protected, nor VMs of unknown type. */
TEST_F(vmware_capability, vm_types)
{
	unsigned int types = kvm_check_cap(KVM_CAP_VM_TYPES);
	struct kvm_vm *vm;
	int type, flags;

	for (type = 0; type < 32; type++) {
		if (!(types & BIT(type)))
			continue;

		flags = KVM_X86_VMWARE_VALID_MASK;
		if (type == KVM_X86_SEV_ES_VM || type == KVM_X86_SNP_VM ||
		    type == KVM_X86_TDX_VM)
			flags = 0;

		pr_info("VM type %d: 0x%x\n", type, flags);
		vm = vm_create_barebones_type(type);
		TEST_ASSERT_EQ(vm_check_cap(vm, KVM_CAP_X86_VMWARE), flags);
		if (flags) {
			ASSERT_ENABLED(enable(vm, flags));
		} else {
			ASSERT_EINVAL(enable(vm, KVM_X86_VMWARE_VALID_MASK));
			ASSERT_EINVAL(enable(vm, 0));
		}
		kvm_vm_free(vm);
	}
}

struct race {
	struct kvm_vm *vm;
	pthread_barrier_t barrier;
	int delay;
	int r;
	int err;
};

static void *enabler(void *arg)
{
	struct race *race = arg;
	int i;

	pthread_barrier_wait(&race->barrier);
	for (i = 0; i < race->delay; i++)
		cpu_relax();

	race->r = enable(race->vm, KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_HYPERCALL);
	race->err = errno;
	return NULL;
}

/*
 * Enable features while a vCPU is being created.  Either can come first, but if
 * enabling the features succeeds then the vCPU must have them.
 */
TEST_F_TIMEOUT(vmware_capability, vcpu_creation_race, RACE_TIMEOUT)
{
	int i, nr_enabled = 0;

	for (i = 0; i < NR_RACES; i++) {
		struct race race = {
			.vm = bare_vm_create(),
			/* Both extremes, plus everything in between. */
			.delay = (i % 20) * (i % 20) * 20,
		};
		struct kvm_vcpu *vcpu;
		pthread_t thread;

		pthread_barrier_init(&race.barrier, NULL, 2);
		pthread_create(&thread, NULL, enabler, &race);
		pthread_barrier_wait(&race.barrier);

		vcpu = bare_vcpu_add(race.vm, 0);
		pthread_join(thread, NULL);
		pthread_barrier_destroy(&race.barrier);

		assert_flags(vcpu, race.r ? default_flags() :
					    KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_HYPERCALL);
		TEST_ASSERT(!race.r || race.err == EINVAL, "Wanted EINVAL, got %d", race.err);
		nr_enabled += !race.r;
		kvm_vm_free(race.vm);
	}

	pr_info("Enabled before vCPU creation: %d of %d\n", nr_enabled, NR_RACES);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_VMWARE));

	return test_harness_run(argc, argv);
}
