// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that single-stepping an instruction that KVM emulates, and that exits
 * to userspace to write to an I/O port or MMIO, traps right behind it.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#define TEST_PORT	0x80
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

	GUEST_DONE();
}

/* Write registers on each exit, which must not affect the #DB. */
static void handle_exit(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs;

	TEST_ASSERT((run->exit_reason == KVM_EXIT_IO && run->io.port == TEST_PORT) ||
		    (run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == TEST_MMIO),
		    "Unexpected exit: %s", exit_reason_str(run->exit_reason));
	vcpu_regs_get(vcpu, &regs);
	vcpu_regs_set(vcpu, &regs);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	vm_install_exception_handler(vm, DB_VECTOR, guest_db_handler);
	virt_map(vm, TEST_MMIO, TEST_MMIO, 1);

	vcpu_run_to_done(vcpu, handle_exit);

	kvm_vm_free(vm);
	return 0;
}
