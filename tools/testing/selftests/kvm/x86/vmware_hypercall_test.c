// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for KVM_X86_VMWARE_HYPERCALL, i.e. for forwarding VMware hypercalls to
 * userspace with KVM_EXIT_VMWARE, in all modes and at all CPLs that matter.
 */
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>

#include "vmware_hypercall.h"
#include "hyperv.h"

/* All seven registers go out and come back, no other register is touched. */
TEST_F(vmware_hypercall, registers)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	struct kvm_regs before, after;
	enum bare_mode mode;
	u64 nr_hypercalls;

	/* At all CPLs. */
	for (mode = variant->mode & ~3; mode <= (variant->mode | 3); mode++) {
		nr_hypercalls = vcpu_get_stat(vcpu, hypercalls);
		run_to_hcall(vcpu, mode);
		assert_pending(vcpu);
		vcpu_regs_get(vcpu, &before);

		set_results(vcpu);
		vcpu_run(vcpu);
		assert_completed(vcpu, mode);
		vcpu_regs_get(vcpu, &after);
		TEST_ASSERT_EQ(after.rsp, before.rsp);
		TEST_ASSERT_EQ(after.rflags, before.rflags);
		TEST_ASSERT_EQ(vcpu_get_stat(vcpu, hypercalls), nr_hypercalls + 1);

		/* If userspace does nothing, the registers don't change. */
		run_to_hcall(vcpu, mode);
		vcpu_run(vcpu);
		bare_vcpu_assert_done(vcpu, HCALL_SIZE);
		assert_regs(vcpu, INPUT, mode_mask(mode));
	}
}

static void assert_no_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax)
{
	struct kvm_regs regs;

	load_hcall(vcpu, mode, rax);
	vcpu_run(vcpu);
	bare_vcpu_assert_done(vcpu, HCALL_SIZE);

	/* It's a KVM hypercall, albeit a nonexistent one. */
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ((int)regs.rax, bare_mode_cpl(mode) ? -KVM_EPERM : -KVM_ENOSYS);
	TEST_ASSERT_EQ(regs.rbx, value(INPUT, 1));
}

/* Bits 63:32 of RAX aren't part of the magic, bits 31:0 are, all of them. */
TEST_F(vmware_hypercall, magic)
{
	struct kvm_vm *vm = bare_vm_create();
	int i;

	load_hcall(self->vcpu, variant->mode, VMWARE_MAGIC);
	vcpu_run(self->vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_VMWARE);
	TEST_ASSERT_EQ(self->vcpu->run->vmware.u.hcall.rax, VMWARE_MAGIC);
	vcpu_run(self->vcpu);
	bare_vcpu_assert_done(self->vcpu, HCALL_SIZE);

	for (i = 0; i < 32; i++)
		assert_no_hcall(self->vcpu, variant->mode, VMWARE_MAGIC ^ BIT(i));

	/* With the feature off, the magic has no meaning, even if all others are on. */
	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, kvm_check_cap(KVM_CAP_X86_VMWARE) &
					      ~KVM_X86_VMWARE_HYPERCALL);
	assert_no_hcall(bare_vcpu_add(vm, 0), variant->mode, VMWARE_MAGIC);
	kvm_vm_free(vm);
}

/* If RIP changes, KVM must not touch the guest, not even for an exception. */
TEST_F(vmware_hypercall, rip_changed)
{
	const struct request requests[] = {
		{}, FAULT(GP_VECTOR, 0, 0), FAULT(NMI_VECTOR, 0, 0),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		run_to_results(self->vcpu, variant->mode);
		*request(self->vcpu) = requests[i];

		bare_vm_write_end(self->vm, 16);
		set_regs(self->vcpu, BOGUS, BARE_CODE + 16, 0);
		vcpu_run(self->vcpu);
		bare_vcpu_assert_done(self->vcpu, 16);
		assert_regs(self->vcpu, BOGUS, ~0ull);
	}

	/* All that counts is RIP when the hypercall is completed. */
	run_to_results(self->vcpu, variant->mode);
	set_regs(self->vcpu, BOGUS, BARE_CODE + 16, 0);
	set_regs(self->vcpu, BOGUS, BARE_CODE, 0);
	assert_regs(self->vcpu, BOGUS, ~0ull);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* KVM_RUN completes the hypercall even if it doesn't enter the guest. */
TEST_F(vmware_hypercall, immediate_exit)
{
	run_to_results(self->vcpu, variant->mode);
	vcpu_run_complete_io(self->vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_VMWARE);
	assert_only_completed(self->vcpu, variant->mode);

	/* The reply has been consumed, further changes must be ignored. */
	run_dirty(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* KVM's hypercall page for Hyper-V makes sure that EAX isn't the magic. */
TEST_F(vmware_hypercall, hyperv_page)
{
	/* or $0x80000000, %eax; vmcall or vmmcall; ret */
	u8 page[9] = { 0x0d, 0x00, 0x00, 0x00, 0x80, [8] = 0xc3 };

	if (!kvm_has_cap(KVM_CAP_HYPERV_CPUID))
		SKIP(return, "No support for Hyper-V");

	memcpy(page + 5, vmware_hcall(host_cpu_is_intel), HCALL_SIZE);
	vcpu_set_hv_cpuid(self->vcpu);
	vcpu_set_msr(self->vcpu, HV_X64_MSR_GUEST_OS_ID, 0x5a);
	vcpu_set_msr(self->vcpu, HV_X64_MSR_HYPERCALL, BARE_DATA | BIT(0) /* enable */);
	TEST_ASSERT(!memcmp(addr_gpa2hva(self->vm, BARE_DATA), page, sizeof(page)),
		    "The hypercall page doesn't set bit 31 of EAX");
	run_hcall(self->vcpu, variant->mode);
}

/* Exceptions are delivered at the hypercall, which isn't skipped. */
TEST_F(vmware_hypercall, exceptions)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(valid_requests); i++) {
		run_to_results(self->vcpu, variant->mode);
		*request(self->vcpu) = valid_requests[i];
		vcpu_run(self->vcpu);
		assert_excepted(self->vcpu, variant->mode, valid_requests[i]);
	}
}

/* Malformed requests are rejected, and can be corrected. */
TEST_F(vmware_hypercall, bad_exceptions)
{
	const struct request requests[] = {
		/* Error codes are 16 bits, and not all exceptions have one. */
		FAULT(GP_VECTOR, 0x10000, 0),
		FAULT(PF_VECTOR, 0x80000000, 0),
		FAULT(UD_VECTOR, 1, 0),
		/* Only #PF has an address. */
		FAULT(GP_VECTOR, 0, 1),
		FAULT(UD_VECTOR, 0, 0x1000),
		/* Other vectors, flags, and padding. */
		FAULT(DB_VECTOR, 0, 0),
		FAULT(DF_VECTOR, 0, 0),
		FAULT(BIT(8) | GP_VECTOR, 0, 0),
		{ BIT(1) | KVM_VMWARE_EXCEPTION_VALID, GP_VECTOR },
		{ BIT(31), GP_VECTOR },
		{ KVM_VMWARE_EXCEPTION_VALID, GP_VECTOR, 0, .pad = 1 },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(requests) * 2; i++)
		test_bad_exception(self->vcpu, variant->mode, requests[i / 2], i & 1);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_HYPERCALL);

	return test_harness_run(argc, argv);
}
