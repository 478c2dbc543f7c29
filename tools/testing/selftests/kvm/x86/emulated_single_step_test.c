// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that single-stepping an instruction that KVM emulates, and that exits
 * to userspace to write to an I/O port or MMIO, traps right behind it.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#define TEST_PORT	0x80
#define TEST_PORT_JMP	0x81	/* Userspace clears TF, and jumps to RBX. */
#define TEST_MMIO	0xc0000000ull

static u64 db_rip;

static void guest_db_handler(struct ex_regs *regs)
{
	WRITE_ONCE(db_rip, regs->rip);
	regs->rflags &= ~X86_EFLAGS_TF;
}

/* The #DB is to arrive at @label, 2 is behind the instruction, 1 in front of it. */
#define test_single_step(insn, label)						\
do {										\
	u64 rcx = 2, rsi = (u64)guest_db_handler, rip;				\
										\
	WRITE_ONCE(db_rip, 0);							\
	asm volatile("lea " label "(%%rip), %[rip]\n\t"				\
		     "pushf\n\t"						\
		     "orq %[tf], (%%rsp)\n\t"					\
		     "popf\n\t"							\
		     "1: " insn "\n\t"						\
		     "2: nop\n\t"						\
		     : [rip]"=&r"(rip), "+c"(rcx), "+S"(rsi)			\
		     : [tf]"i"(X86_EFLAGS_TF), [mmio]"r"(TEST_MMIO),		\
		       "a"(0), "d"(TEST_PORT) : "memory", "cc");		\
	GUEST_ASSERT_EQ(READ_ONCE(db_rip), rip);				\
} while (0)

static void guest_code(void)
{
	test_single_step("mov %%eax, (%[mmio])", "2f");
	test_single_step("add %%eax, (%[mmio])", "2f");
	test_single_step("outsb", "2f");
	/* It traps after each iteration, but the handler stops after the first. */
	test_single_step("rep outsb", "1f");

	if (is_forced_emulation_enabled)
		test_single_step(KVM_FEP "outl %%eax, %%dx", "2f");

	GUEST_SYNC(0);

	WRITE_ONCE(db_rip, 0);
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
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	if (run->exit_reason == KVM_EXIT_MMIO) {
		TEST_ASSERT_EQ(run->mmio.phys_addr, TEST_MMIO);
	} else {
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		if (run->io.port == TEST_PORT_JMP) {
			regs.rip = regs.rbx;
			regs.rflags &= ~X86_EFLAGS_TF;
		} else {
			TEST_ASSERT_EQ(run->io.port, TEST_PORT);
		}
	}
	vcpu_regs_set(vcpu, &regs);
}

static void test_guest_debug(struct kvm_vcpu *vcpu)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	}, off = {};
	struct kvm_regs regs;

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
	db_rip = 0;
	sync_global_to_guest(vcpu->vm, db_rip);

	vcpu_run(vcpu);
	handle_exit(vcpu);
	vcpu_guest_debug_set(vcpu, &off);

	vcpu_run(vcpu);
	handle_exit(vcpu);
	sync_global_from_guest(vcpu->vm, db_rip);
	TEST_ASSERT_EQ(db_rip, 0);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	struct ucall uc;

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	vm_install_exception_handler(vm, DB_VECTOR, guest_db_handler);
	virt_map(vm, TEST_MMIO, TEST_MMIO, 1);

	for (;;) {
		vcpu_run(vcpu);

		switch (get_ucall(vcpu, &uc)) {
		case UCALL_NONE:
			handle_exit(vcpu);
			break;
		case UCALL_SYNC:
			test_guest_debug(vm_vcpu_add(vm, 1, debug_guest_code));
			break;
		case UCALL_DONE:
			kvm_vm_free(vm);
			return 0;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
		default:
			TEST_FAIL("Unknown ucall %lu", uc.cmd);
		}
	}
}
