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
#define TEST_PORT_PIC	0x21	/* KVM's own, no exit to userspace. */
#define TEST_PORT_JMP	0x81	/* Userspace clears TF, and jumps to RBX. */
#define TEST_MMIO	0xc0000000ull

static u64 db_rip;

static void guest_db_handler(struct ex_regs *regs)
{
	WRITE_ONCE(db_rip, regs->rip);
	regs->rflags &= ~X86_EFLAGS_TF;
}

static void guest_code(void)
{
	u64 rsi = (u64)guest_db_handler;

	asm volatile("lea 1f(%%rip), %%rbx\n\t"
		     "pushf\n\t"
		     "orq %[tf], (%%rsp)\n\t"
		     "popf\n\t"
		     "outsb\n\t"
		     "ud2\n\t"
		     "1:\n\t"
		     : "+S"(rsi)
		     : [tf]"i"(X86_EFLAGS_TF), "d"(TEST_PORT_JMP)
		     : "rbx", "memory", "cc");
	GUEST_ASSERT_EQ(READ_ONCE(db_rip), 0);

	GUEST_DONE();
}

static u8 debug_guest_code[] = { 0x6e /* outsb */, 0x90 /* nop */,
				  0x6e /* outsb */, 0x6e /* outsb */,
				  0x88, 0x07 /* mov %al, (%rdi) */ };

/*
 * Write registers on each exit, which must not affect the #DB.  There must be a new exit
 * behind it, KVM leaves the reason as it is if it returns to userspace without one.
 */
static void handle_exit(struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	if (vcpu->run->exit_reason == KVM_EXIT_MMIO) {
		TEST_ASSERT_EQ(vcpu->run->mmio.phys_addr, TEST_MMIO);
	} else {
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		TEST_ASSERT_EQ(vcpu->run->io.port, TEST_PORT);
	}
	vcpu_regs_get(vcpu, &regs);
	vcpu_regs_set(vcpu, &regs);
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
}

/* Go on at @rip, with @port in DX. */
static void jump_to(struct kvm_vcpu *vcpu, void *rip, u16 port)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	regs.rip = (u64)rip;
	regs.rdx = port;
	vcpu_regs_set(vcpu, &regs);
}

static void assert_debug(struct kvm_vcpu *vcpu, void *pc)
{
	struct kvm_debug_exit_arch *arch = &vcpu->run->debug.arch;

	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
	TEST_ASSERT_EQ(arch->exception, DB_VECTOR);
	TEST_ASSERT_EQ(arch->pc, (u64)pc);
	TEST_ASSERT_EQ(arch->dr6, 0xffff4ff0ull /* BS */);
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
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
}

int main(int argc, char *argv[])
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	}, no_step = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP,
	};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, debug_guest_code);
	virt_map(vm, TEST_MMIO, TEST_MMIO, 1);
	vm_install_exception_handler(vm, DB_VECTOR, guest_db_handler);
	vcpu_args_set(vcpu, 3, TEST_MMIO, debug_guest_code, TEST_PORT);
	vcpu_guest_debug_set(vcpu, &debug);

	vcpu_run(vcpu);
	handle_exit(vcpu);
	assert_debug(vcpu, &debug_guest_code[1]);

	/* The #DB is the same if there's nothing for userspace to do. */
	jump_to(vcpu, &debug_guest_code[0], TEST_PORT_PIC);
	assert_debug(vcpu, &debug_guest_code[1]);

	/* Writes to MMIO are like those to ports. */
	jump_to(vcpu, &debug_guest_code[4], TEST_PORT);
	vcpu_run(vcpu);
	handle_exit(vcpu);
	assert_debug(vcpu, &debug_guest_code[6]);

	/* What completed before single-stepping began doesn't trap. */
	jump_to(vcpu, &debug_guest_code[0], TEST_PORT);
	vcpu_guest_debug_set(vcpu, &no_step);

	vcpu_run(vcpu);
	handle_exit(vcpu);
	vcpu_guest_debug_set(vcpu, &debug);
	assert_debug(vcpu, &debug_guest_code[2]);

	/* Ditto for what completes after single-stepping ended. */
	vcpu_run(vcpu);
	handle_exit(vcpu);
	vcpu_guest_debug_set(vcpu, &no_step);

	vcpu_run(vcpu);
	handle_exit(vcpu);
	sync_global_from_guest(vcpu->vm, db_rip);
	TEST_ASSERT_EQ(db_rip, 0);

	/* And it isn't left to another write, not even to one of the same instruction. */
	jump_to(vcpu, &debug_guest_code[2], TEST_PORT);
	vcpu_guest_debug_set(vcpu, &no_step);
	vcpu_run(vcpu);
	handle_exit(vcpu);
	vcpu_guest_debug_set(vcpu, &debug);
	vcpu_run(vcpu);
	handle_exit(vcpu);

	vcpu_run_to_done(vm_vcpu_add(vm, 1, guest_code), handle_jmp);

	kvm_vm_free(vm);
	return 0;
}
