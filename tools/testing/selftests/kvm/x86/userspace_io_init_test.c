// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that INIT takes effect after a pending exit to userspace, not before
 * it, regardless of when userspace queries the vCPU's MP state.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#define TEST_MMIO	0xc0000000ull
#define RESET_RIP	0xfff0

static void guest_code(void)
{
	READ_ONCE(*(u64 *)TEST_MMIO);
	GUEST_FAIL("The guest survived INIT");
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct kvm_vcpu *vcpu;
	struct kvm_regs regs;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	virt_map(vm, TEST_MMIO, TEST_MMIO, 1);

	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_MMIO);
	TEST_ASSERT_EQ(vcpu->run->mmio.phys_addr, TEST_MMIO);

	vcpu_events_get(vcpu, &events);
	events.smi.latched_init = 1;
	vcpu_events_set(vcpu, &events);

	vcpu_mp_state_get(vcpu, &mp_state);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT(regs.rip != RESET_RIP, "INIT was accepted during the exit");

	vcpu_run_complete_io(vcpu);
	vcpu_mp_state_get(vcpu, &mp_state);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rip, RESET_RIP);
	TEST_ASSERT_EQ(mp_state.mp_state, KVM_MP_STATE_RUNNABLE);
	/* An application processor has to wait for SIPI. */
	vcpu_mp_state_get(__vm_vcpu_add(vm, 1), &mp_state);
	TEST_ASSERT_EQ(mp_state.mp_state, KVM_MP_STATE_UNINITIALIZED);

	kvm_vm_free(vm);
	return 0;
}
