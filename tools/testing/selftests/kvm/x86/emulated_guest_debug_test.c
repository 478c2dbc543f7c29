// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that userspace that single-steps the guest gets a KVM_EXIT_DEBUG right behind
 * an emulated write to an I/O port, if and only if it does so when the write begins and
 * when it's completed, and that there's no #DB if userspace moves RIP.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#define TEST_PORT	0x80
#define TEST_PORT_JMP	0x81	/* Userspace clears TF, and jumps to RBX. */

static u64 db_rip;

static void guest_db_handler(struct ex_regs *regs)
{
	WRITE_ONCE(db_rip, regs->rip);
	regs->rflags &= ~X86_EFLAGS_TF;
}

static void guest_code(void)
{
	asm volatile("lea 1f(%%rip), %%rbx\n\t"
		     "pushf\n\t"
		     "orq %[tf], (%%rsp)\n\t"
		     "popf\n\t"
		     "outsb\n\t"
		     "ud2\n\t"
		     "1:\n\t"
		     :: [tf]"i"(X86_EFLAGS_TF), "d"(TEST_PORT_JMP),
		     "S"(guest_db_handler)
		     : "rbx", "memory", "cc");
	GUEST_ASSERT_EQ(READ_ONCE(db_rip), 0);

	GUEST_DONE();
}

static u8 debug_guest_code[] = { 0x6e /* outsb */, 0x90 /* nop */,
				  0x6e /* outsb */, 0x6e /* outsb */ };

/* Write registers on each exit, which must not affect the #DB. */
static void handle_exit(struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	TEST_ASSERT_EQ(vcpu->run->io.port, TEST_PORT);
	vcpu_regs_get(vcpu, &regs);
	vcpu_regs_set(vcpu, &regs);
}

static void handle_jmp(struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	TEST_ASSERT_EQ(vcpu->run->io.port, TEST_PORT_JMP);
	vcpu_regs_get(vcpu, &regs);
	regs.rip = regs.rbx;
	regs.rflags &= ~X86_EFLAGS_TF;
	vcpu_regs_set(vcpu, &regs);
}

int main(int argc, char *argv[])
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	}, off = {};
	struct kvm_vcpu *vcpu;
	struct kvm_regs regs;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, debug_guest_code);
	vm_install_exception_handler(vm, DB_VECTOR, guest_db_handler);
	vcpu_args_set(vcpu, 3, 0, debug_guest_code, TEST_PORT);
	vcpu_guest_debug_set(vcpu, &debug);

	vcpu_run(vcpu);
	handle_exit(vcpu);

	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
	TEST_ASSERT_EQ(vcpu->run->debug.arch.exception, DB_VECTOR);
	TEST_ASSERT_EQ(vcpu->run->debug.arch.pc, (u64)&debug_guest_code[1]);

	/* What completed before single-stepping began doesn't trap. */
	vcpu_regs_get(vcpu, &regs);
	regs.rip = (u64)debug_guest_code;
	vcpu_regs_set(vcpu, &regs);
	vcpu_guest_debug_set(vcpu, &off);

	vcpu_run(vcpu);
	handle_exit(vcpu);
	vcpu_guest_debug_set(vcpu, &debug);

	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
	TEST_ASSERT_EQ(vcpu->run->debug.arch.pc, (u64)&debug_guest_code[2]);

	/* Ditto for what completes after single-stepping ended. */
	vcpu_run(vcpu);
	handle_exit(vcpu);
	vcpu_guest_debug_set(vcpu, &off);

	vcpu_run(vcpu);
	handle_exit(vcpu);
	sync_global_from_guest(vcpu->vm, db_rip);
	TEST_ASSERT_EQ(db_rip, 0);

	vcpu_run_to_done(vm_vcpu_add(vm, 1, guest_code), handle_jmp);

	kvm_vm_free(vm);
	return 0;
}
