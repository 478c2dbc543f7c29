// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for what userspace may do to a vCPU with a pending VMware hypercall, beyond
 * what vmware_hypercall_test has, and what becomes of the hypercall.
 */
#include <pthread.h>
#include <signal.h>

#include "vmware_hypercall.h"

/* Registers that KVM_RUN synchronizes: the exit's win, all others are userspace's. */
TEST_F(vmware_hypercall, sync_regs)
{
	struct kvm_run *run = self->vcpu->run;
	struct kvm_regs *regs = &run->s.regs.regs;
	u64 rsp;
	int i;

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	run_to_hcall(self->vcpu, variant->mode);
	TEST_ASSERT_EQ(regs->rip, BARE_CODE);
	TEST_ASSERT_EQ(regs->rbp, value(INPUT, 6));

	/* Invalid bits are rejected before anything is consumed. */
	set_results(self->vcpu);
	for (i = 0; i < NR_EXIT_REGS; i++)
		*reg(regs, i) = value(BOGUS, i);
	rsp = regs->rsp ^= 8;
	for (i = 0; i < 2; i++) {
		run->kvm_valid_regs = i ? BIT(31) : 0;
		run->kvm_dirty_regs = (i ? 0 : BIT(31)) | KVM_SYNC_X86_REGS;
		assert_run_fails(self->vcpu, EINVAL);
		assert_pending(self->vcpu);
	}

	/* Malformed exceptions are not. */
	run->kvm_valid_regs = 0;
	*request(self->vcpu) = FAULT(NMI_VECTOR, 0, 0);
	assert_run_fails(self->vcpu, EINVAL);
	TEST_ASSERT_EQ(run->kvm_dirty_regs, 0);
	assert_regs(self->vcpu, BOGUS, ~0ull);

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	request(self->vcpu)->flags = 0;
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
	TEST_ASSERT_EQ(regs->rsp, rsp);
	TEST_ASSERT_EQ(regs->rbp, value(RESULT, 6) & mode_mask(variant->mode));
}

static void ignore_signal(int sig)
{
}

/* A signal that's pending, i.e. that KVM_RUN unblocks, is like immediate_exit. */
TEST_F(vmware_hypercall, signal)
{
	struct {
		struct kvm_signal_mask mask;
		u8 sigset[8];
	} unblock = { .mask.len = sizeof(unblock.sigset) };
	sigset_t usr1;

	run_to_results(self->vcpu, variant->mode);

	signal(SIGUSR1, ignore_signal);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	vcpu_ioctl(self->vcpu, KVM_SET_SIGNAL_MASK, &unblock.mask);
	raise(SIGUSR1);
	assert_run_fails(self->vcpu, EINTR);
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_INTR);
	assert_only_completed(self->vcpu, variant->mode);

	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	run_dirty(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* Only a vCPU that waits for INIT doesn't get around to completing the hypercall. */
TEST_F(vmware_hypercall, mp_state)
{
	struct kvm_mp_state state = { KVM_MP_STATE_UNINITIALIZED };

	run_to_results(self->vcpu, variant->mode);
	vcpu_mp_state_set(self->vcpu, &state);
	vcpu_run_complete_io(self->vcpu);
	assert_pending(self->vcpu);

	state.mp_state = KVM_MP_STATE_HALTED;
	vcpu_mp_state_set(self->vcpu, &state);
	vcpu_run_complete_io(self->vcpu);
	assert_only_completed(self->vcpu, variant->mode);
}

/* INIT waits for the hypercall to be completed. */
TEST_F(vmware_hypercall, init)
{
	struct kvm_vcpu_events events;
	struct kvm_mp_state state;

	run_to_results(self->vcpu, variant->mode);
	vcpu_events_get(self->vcpu, &events);
	events.smi.latched_init = 1;
	vcpu_events_set(self->vcpu, &events);
	vcpu_mp_state_get(self->vcpu, &state);
	assert_pending(self->vcpu);

	vcpu_run_complete_io(self->vcpu);
	assert_only_completed(self->vcpu, variant->mode);
	vcpu_mp_state_get(self->vcpu, &state);
	assert_rip(self->vcpu, 0xfff0);
}

/* An interrupt that userspace injects during the exit arrives behind the hypercall. */
TEST_F(vmware_hypercall, interrupt)
{
	struct kvm_vcpu_events events;
	struct bare_exception e;
	const u8 vector = 30;

	run_to_results(self->vcpu, variant->mode);
	set_regs(self->vcpu, INPUT, BARE_CODE, X86_EFLAGS_IF);
	vcpu_events_get(self->vcpu, &events);
	events.interrupt.injected = 1;
	events.interrupt.nr = vector;
	vcpu_events_set(self->vcpu, &events);
	vcpu_run(self->vcpu);
	e = bare_vcpu_assert_exception(self->vcpu, vector);
	TEST_ASSERT_EQ(e.rip, BARE_CODE + HCALL_SIZE);
	assert_regs(self->vcpu, RESULT, mode_mask(variant->mode));
}

/* The code of kernels is above 4 GiB. */
TEST_F(vmware_hypercall, high_rip)
{
	struct kvm_sregs sregs;
	u64 *pml4;

	if (!bare_mode_is_64bit(variant->mode))
		SKIP(return, "All addresses are below 4 GiB");

	load_hcall(self->vcpu, variant->mode, value(INPUT, 0));
	/* The second 512 GiB are an alias of the first. */
	vcpu_sregs_get(self->vcpu, &sregs);
	pml4 = addr_gpa2hva(self->vm, sregs.cr3);
	pml4[1] = pml4[0];
	set_regs(self->vcpu, INPUT, BIT(39) | BARE_CODE, 0);
	run_dirty(self->vcpu);
	assert_exit(self->vcpu, variant->mode, INPUT);
	set_results(self->vcpu);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

/* A hypervisor has hypercalls, too. */
TEST_F(vmware_hypercall, svme)
{
	struct kvm_sregs sregs;

	if (!kvm_cpu_has(X86_FEATURE_SVM))
		SKIP(return, "There is no EFER.SVME");

	load_hcall(self->vcpu, variant->mode, value(INPUT, 0));
	vcpu_sregs_get(self->vcpu, &sregs);
	sregs.efer |= EFER_SVME;
	vcpu_sregs_set(self->vcpu, &sregs);
	run_dirty(self->vcpu);
	assert_exit(self->vcpu, variant->mode, INPUT);
	set_results(self->vcpu);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, variant->mode);
}

static void copy_vcpu(struct kvm_vcpu *dst, struct kvm_vcpu *src)
{
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	vcpu_regs_get(src, &regs);
	vcpu_sregs_get(src, &sregs);
	vcpu_events_get(src, &events);

	memcpy(addr_gpa2hva(dst->vm, BARE_CODE), addr_gpa2hva(src->vm, BARE_CODE), getpagesize());
	vcpu_sregs_set(dst, &sregs);
	/* KVM_SET_REGS drops pending exceptions. */
	vcpu_regs_set(dst, &regs);
	vcpu_events_set(dst, &events);
}

/* Neither a hypercall nor its results are lost if the vCPU is migrated. */
TEST_F(vmware_hypercall, migration)
{
	struct kvm_vcpu *vcpu = create_vcpu();

	/* The guest redoes the hypercall if it was pending. */
	run_to_results(self->vcpu, variant->mode);
	copy_vcpu(vcpu, self->vcpu);
	run_dirty(vcpu);
	assert_exit(vcpu, variant->mode, INPUT);
	set_results(vcpu);

	/* KVM can't tell this from the hypercall that's pending, and completes it. */
	copy_vcpu(vcpu, self->vcpu);
	vcpu_run(vcpu);
	assert_completed(vcpu, variant->mode);

	vcpu_run_complete_io(self->vcpu);
	copy_vcpu(vcpu, self->vcpu);
	run_dirty(vcpu);
	assert_completed(vcpu, variant->mode);
	kvm_vm_free(vcpu->vm);
}

/*
 * A hypercall traps after it's complete, to the guest or to userspace, depending on
 * who is single-stepping.  Set RFLAGS.TF while the hypercall is pending, Bochs'
 * emulation of VMX traps before the first instruction after VM-Enter.
 */
TEST_F(vmware_hypercall, single_step)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};
	struct bare_exception e;

	run_to_results(self->vcpu, variant->mode);
	set_regs(self->vcpu, INPUT, BARE_CODE, X86_EFLAGS_TF);
	vcpu_run(self->vcpu);
	e = bare_vcpu_assert_exception(self->vcpu, DB_VECTOR);
	TEST_ASSERT_EQ(e.rip, BARE_CODE + HCALL_SIZE);
	assert_regs(self->vcpu, RESULT, mode_mask(variant->mode));

	/* The exit is KVM_RUN's, i.e. isn't subject to immediate_exit. */
	run_to_results(self->vcpu, variant->mode);
	vcpu_guest_debug_set(self->vcpu, &debug);
	self->vcpu->run->immediate_exit = 1;
	vcpu_run(self->vcpu);
	self->vcpu->run->immediate_exit = 0;
	TEST_ASSERT_KVM_EXIT_REASON(self->vcpu, KVM_EXIT_DEBUG);
	TEST_ASSERT_EQ(self->vcpu->run->debug.arch.pc, BARE_CODE + HCALL_SIZE);
	assert_only_completed(self->vcpu, variant->mode);
}

/*
 * Nothing but RIP ties a hypercall to the guest's code.  Without an instruction length
 * from the CPU, KVM skips what's there by then, i.e. a single-byte HLT.
 */
TEST_F(vmware_hypercall, code_replaced)
{
	bool has_len = host_cpu_is_intel || get_kvm_amd_param_integer("nrips");

	run_to_results(self->vcpu, variant->mode);
	memset(addr_gpa2hva(self->vm, BARE_CODE), 0xf4, HCALL_SIZE);
	vcpu_run_complete_io(self->vcpu);
	assert_rip(self->vcpu, BARE_CODE + (has_len ? HCALL_SIZE : 1));
	assert_regs(self->vcpu, RESULT, mode_mask(variant->mode));
}

static void assert_events(struct kvm_vcpu *vcpu, const struct request *req, u64 address,
			  bool payload)
{
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;

	vcpu_events_get(vcpu, &events);
	TEST_ASSERT_EQ(events.exception.injected, !payload);
	TEST_ASSERT_EQ(events.exception.pending, 1);
	TEST_ASSERT_EQ(events.exception.nr, req->vector);
	TEST_ASSERT_EQ(events.exception.has_error_code, req->vector != UD_VECTOR);
	TEST_ASSERT_EQ(events.exception.error_code, req->error_code);
	TEST_ASSERT_EQ(events.exception_has_payload, payload && req->vector == PF_VECTOR);
	TEST_ASSERT_EQ(events.exception_payload, payload ? address : 0);

	vcpu_sregs_get(vcpu, &sregs);
	TEST_ASSERT_EQ(sregs.cr2, payload ? 0 : address);
}

/* An exception that isn't delivered yet is visible, and can be dropped. */
TEST_F(vmware_hypercall, exception_events)
{
	enum { DELIVER, COMPLETE_AND_DELIVER, COMPLETE_AND_DROP, NR_WAYS };
	struct kvm_debugregs before, after;
	int i, payload, way;

	vcpu_debugregs_get(self->vcpu, &before);
	for (i = 0; i < ARRAY_SIZE(valid_requests) * NR_WAYS * 2; i++) {
		const struct request *req = &valid_requests[i / NR_WAYS / 2];

		payload = i / NR_WAYS % 2;
		way = i % NR_WAYS;

		vm_enable_cap(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, payload);
		run_to_results(self->vcpu, variant->mode);
		*request(self->vcpu) = *req;

		if (way == DELIVER) {
			vcpu_run(self->vcpu);
			assert_excepted(self->vcpu, variant->mode, *req);
			continue;
		}

		vcpu_run_complete_io(self->vcpu);
		assert_pending(self->vcpu);
		assert_events(self->vcpu, req, req->address & mode_mask(variant->mode), payload);
		if (way == COMPLETE_AND_DROP) {
			set_regs(self->vcpu, INPUT, BARE_CODE, 0);
			run_dirty(self->vcpu);
			assert_exit(self->vcpu, variant->mode, INPUT);
			vcpu_run_complete_io(self->vcpu);
		} else {
			run_dirty(self->vcpu);
			assert_excepted(self->vcpu, variant->mode, *req);
		}
	}
	vcpu_debugregs_get(self->vcpu, &after);
	TEST_ASSERT_EQ(after.dr6, before.dr6);
}

/* #GP upon #GP is a double fault. */
TEST_F(vmware_hypercall, exception_merge)
{
	struct kvm_vcpu_events events;
	struct bare_exception e;

	run_to_hcall(self->vcpu, variant->mode);
	vcpu_events_get(self->vcpu, &events);
	events.exception.injected = 1;
	events.exception.nr = GP_VECTOR;
	events.exception.has_error_code = 1;
	vcpu_events_set(self->vcpu, &events);

	*request(self->vcpu) = FAULT(GP_VECTOR, 0x1234, 0);
	vcpu_run(self->vcpu);
	e = bare_vcpu_assert_exception(self->vcpu, DF_VECTOR);
	TEST_ASSERT_EQ(e.error_code, 0);
}

/* All vectors and flags, without and with the valid one. */
TEST_F(vmware_hypercall, bad_exceptions)
{
	struct request req;
	u32 vector;
	int i;

	/* All other vectors, and such that are valid if truncated to five, eight, or 16 bits. */
	for (i = 0; i < 59; i++) {
		vector = i < 32 ? i : BIT(i - 27) | GP_VECTOR;
		if (vector != UD_VECTOR && vector != GP_VECTOR && vector != PF_VECTOR)
			test_bad_exception(self->vcpu, variant->mode, FAULT(vector, 0, 0), i & 1);
	}

	/* All other flags, without and with the valid one. */
	for (i = 2; i < 64; i++) {
		req = FAULT(GP_VECTOR, 0, 0);
		req.flags = BIT(i / 2) | (i & 1 ? KVM_VMWARE_EXCEPTION_VALID : 0);
		test_bad_exception(self->vcpu, variant->mode, req, i & 1);
	}
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_HYPERCALL);

	return test_harness_run(argc, argv);
}
