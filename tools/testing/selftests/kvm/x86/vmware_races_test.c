// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for races of VMware emulation with another thread: with userspace that changes
 * the exit while KVM completes it, with code of L2 that changes while it's emulated, and
 * with other vCPUs, also of a VM that has none of it.
 */
#include <pthread.h>

#include "vmware_hypercall.h"
#include "l2_guest.h"

#define NR_SCRIBBLED	10000

static bool stop;

/* Change one field at a time, with all others being valid. */
static void *scribble(void *arg)
{
	static const u32 vectors[] = {
		GP_VECTOR, DB_VECTOR, PF_VECTOR, MC_VECTOR, UD_VECTOR, 0x10d,
	};
	struct kvm_vmware_exit *exit = arg;
	typeof(exit->u.hcall.exception) *e = &exit->u.hcall.exception;
	u32 i;

	for (i = 0; !READ_ONCE(stop); i++) {
		u32 field = i >> 12 & 7;

		if (!field)
			memset(exit, i, (void *)e - (void *)exit);
		WRITE_ONCE(e->flags, field == 1 ? i : KVM_VMWARE_EXCEPTION_VALID);
		WRITE_ONCE(e->pad, field == 2 ? i & 1 : 0);
		WRITE_ONCE(e->address, field == 3 ? i & 1 : 0);
		WRITE_ONCE(e->error_code, field == 4 ? i << 15 : 0);
		WRITE_ONCE(e->vector, field > 4 ? vectors[i % ARRAY_SIZE(vectors)] : GP_VECTOR);
	}
	return NULL;
}

/* Userspace can change the exit at any time, i.e. after KVM has checked a field. */
TEST(scribbled_exit)
{
	static const u32 nr_error_codes[] = {
		[UD_VECTOR] = 1, [GP_VECTOR] = 0x10000, [PF_VECTOR] = 0x10000,
	};
	struct kvm_vcpu *vcpu = create_vcpu();
	int i, r, nr_exceptions = 0, nr_failed = 0;
	struct kvm_vcpu_events events;
	struct kvm_regs regs;
	pthread_t thread;

	load_hcall(vcpu, BARE_MODE_64_CPL3, VMWARE_MAGIC);
	vcpu_regs_get(vcpu, &regs);
	pthread_create(&thread, NULL, scribble, &vcpu->run->vmware);

	for (i = 0; i < NR_SCRIBBLED; i++) {
		vcpu_regs_set(vcpu, &regs);
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);

		*request(vcpu) = FAULT(GP_VECTOR, 0x1234, 0);
		vcpu->run->immediate_exit = 1;
		do {
			r = __vcpu_run(vcpu);
			nr_failed += r == -1 && errno == EINVAL;
		} while (r == -1 && errno == EINVAL);
		vcpu->run->immediate_exit = 0;
		TEST_ASSERT(r == -1 && errno == EINTR, "Wanted EINTR, got r = %d, errno = %d",
			    r, errno);

		vcpu_events_get(vcpu, &events);
		if (!events.exception.injected) {
			assert_rip(vcpu, BARE_CODE + HCALL_SIZE);
			continue;
		}
		nr_exceptions++;
		TEST_ASSERT(events.exception.nr < ARRAY_SIZE(nr_error_codes) &&
			    events.exception.error_code < nr_error_codes[events.exception.nr],
			    "Got exception %u with error code 0x%x",
			    events.exception.nr, events.exception.error_code);
	}

	WRITE_ONCE(stop, true);
	pthread_join(thread, NULL);
	pr_info("%d hypercalls, %d exceptions, %d times EINVAL\n", i, nr_exceptions, nr_failed);

	run_hcall(vcpu, BARE_MODE_64_CPL3);
	kvm_vm_free(vcpu->vm);
}

static void *change_code(void *code)
{
	/* in eax, dx; in eax, imm8; out imm8, eax; hlt; always followed by a nop */
	static const u8 opcodes[] = { 0xed, 0xe5, 0xe7, 0xf4 };
	unsigned int i;

	for (i = 0; !READ_ONCE(stop); i++) {
		WRITE_ONCE(*(u8 *)code, opcodes[i % ARRAY_SIZE(opcodes)]);
		usleep(100);
	}
	return NULL;
}

/* A hypercall, then IN, at CPL3, with values that no other vCPU has. */
#define NR_STEPS	3

struct neighbour {
	struct kvm_vcpu *vcpu;
	u64 id;
	bool has_vmware;
};

static void do_step(struct neighbour *n, int step)
{
	static const struct vmware_insn in = { "in", .size = 4 };
	struct kvm_vcpu *vcpu = n->vcpu;
	struct kvm_regs regs = {
		.rax = VMWARE_MAGIC,
		.rbx = n->id,
		.rdx = VMWARE_PORT,
		.rbp = ~n->id,
	};
	u8 code[HCALL_SIZE + 1];

	switch (step) {
	case 0:
		memcpy(code, vmware_hcall(host_cpu_is_intel), HCALL_SIZE);
		code[HCALL_SIZE] = 0xed;
		bare_vcpu_load(vcpu, BARE_MODE_64_CPL3, code, sizeof(code), &regs);
		vcpu_run(vcpu);
		break;
	case 1:
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
		TEST_ASSERT_EQ(vcpu->run->vmware.u.hcall.rbx, n->id);
		TEST_ASSERT_EQ(vcpu->run->vmware.u.hcall.rbp, ~n->id);
		vcpu->run->vmware.u.hcall.rbx = n->id + 1;
		vcpu_run(vcpu);
		break;
	case 2:
		vmware_assert_io(vcpu, &in, VMWARE_PORT, false);
		*(u32 *)vmware_io_data(vcpu) = n->id;
		vcpu_run(vcpu);
		bare_vcpu_assert_done(vcpu, sizeof(code));
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rax, (u32)n->id);
		TEST_ASSERT_EQ(regs.rbx, n->id + 1);
		TEST_ASSERT_EQ(regs.rbp, ~n->id);
		n->id += 0x10000;
		break;
	}
}

/* Without VMware's hypercalls it's one of KVM's, which isn't for CPL3. */
static void do_next(struct neighbour *n, int step)
{
	struct kvm_regs regs;

	if (n->has_vmware) {
		do_step(n, step);
	} else if (!step) {
		do_step(n, 0);
		bare_vcpu_assert_exception(n->vcpu, GP_VECTOR);
		vcpu_regs_get(n->vcpu, &regs);
		TEST_ASSERT_EQ(regs.rax, -KVM_EPERM);
		TEST_ASSERT_EQ(regs.rbx, n->id);
	}
}

static void *do_all(void *arg)
{
	int i;

	for (i = 0; i < 200 * NR_STEPS; i++)
		do_next(arg, i % NR_STEPS);
	return NULL;
}

/* Two VMs, each with two vCPUs: in turn, in between each other's exits, then at once. */
TEST(neighbours)
{
	const u64 flags = KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_HYPERCALL;
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct neighbour neighbours[4] = {};
	struct kvm_vm *vm = NULL;
	pthread_t threads[4];
	int i;

	for (i = 0; i < ARRAY_SIZE(neighbours); i++) {
		if (!(i & 1)) {
			vm = bare_vm_create();
			vm_enable_cap(vm, KVM_CAP_X86_VMWARE, i ? 0 : flags);
		}
		neighbours[i].vcpu = bare_vcpu_add(vm, i & 1);
		vcpu_mp_state_set(neighbours[i].vcpu, &runnable);
		neighbours[i].has_vmware = i < 2;
		neighbours[i].id = 0xf0e0d0c0b0a00000 + i * 2;
	}

	for (i = 0; i < ARRAY_SIZE(neighbours) * NR_STEPS; i++)
		do_next(&neighbours[i % ARRAY_SIZE(neighbours)], i / ARRAY_SIZE(neighbours));

	for (i = 0; i < ARRAY_SIZE(neighbours); i++)
		pthread_create(&threads[i], NULL, do_all, &neighbours[i]);
	for (i = 0; i < ARRAY_SIZE(neighbours); i++)
		pthread_join(threads[i], NULL);

	kvm_vm_free(neighbours[0].vcpu->vm);
	kvm_vm_free(neighbours[2].vcpu->vm);
}

FIXTURE(vmware_races)
{
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(vmware_races)
{
	struct kvm_vm *vm;

	if (!kvm_cpu_has(X86_FEATURE_VMX) && !kvm_cpu_has(X86_FEATURE_SVM))
		SKIP(return, "KVM doesn't support nested virtualization");

	vm = vm_create(1);
	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, KVM_X86_VMWARE_VALID_MASK);
	self->vcpu = l2_vcpu_add(vm, false);
}

FIXTURE_TEARDOWN(vmware_races)
{
	kvm_vm_free(self->vcpu->vm);
}

/* The instruction that's emulated is the one that was found to be an access. */
TEST_F_TIMEOUT(vmware_races, changing_code, 120)
{
	static const struct vmware_insn in_nop = {
		"in; nop", VMWARE_INSN(0xed, 0x90), 4, false, VMWARE_MAGIC, VMWARE_PORT,
	};
	struct kvm_vcpu *vcpu = self->vcpu;
	int i, nr_io = 0, nr_gps = 0;
	pthread_t thread;

	l2_load(vcpu->vm, &in_nop, 3, 0, 0, 0);
	pthread_create(&thread, NULL, change_code, addr_gva2hva(vcpu->vm, l2_gva(L2_CODE)));

	for (i = 0; i < 1000; i++) {
		l2->regs = (struct guest_regs) {
			.rax = VMWARE_MAGIC,
			.rdx = VMWARE_PORT,
			.rflags = X86_EFLAGS_FIXED,
		};
		l2->vector = 0;
		vcpu_run(vcpu);
		if (get_ucall(vcpu, NULL) == UCALL_NONE) {
			vmware_assert_io(vcpu, &in_nop, VMWARE_PORT, true);
			l2_run_to(vcpu, L2_DONE);
			nr_io++;
		} else {
			TEST_ASSERT_EQ(get_ucall(vcpu, NULL), UCALL_SYNC);
			TEST_ASSERT(l2->exit == L2_EXCEPTION && l2->vector == GP_VECTOR,
				    "Wanted #GP, got exit %d to L1", l2->exit);
			nr_gps++;
		}
	}

	WRITE_ONCE(stop, true);
	pthread_join(thread, NULL);
	TEST_ASSERT(nr_io && nr_gps, "%d exits, %d #GPs, i.e. there was no race", nr_io, nr_gps);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_NESTED_BACKDOOR);

	return test_harness_run(argc, argv);
}
