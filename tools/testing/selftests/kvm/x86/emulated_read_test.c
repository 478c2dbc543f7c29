// SPDX-License-Identifier: GPL-2.0
/*
 * Verify that the guest gets the data that userspace read for an instruction
 * that KVM emulates, also if userspace writes registers on the exit.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#define TEST_PORT	0x80
#define TEST_MMIO	0xc0000000ull

#define READ_DATA	0xaaaaaaaaaaaaaaaaull
#define USER_DATA	0x5555555555555555ull
#define USER_R8		0x3333333333333333ull

/*
 * RBX, and bits of RAX that the instruction doesn't write, are what userspace
 * wrote to them.
 */
#define test_read(insn, expected)						\
do {										\
	u64 rax = 0, rbx = 0;							\
										\
	asm volatile(insn : "+a"(rax), "+b"(rbx)				\
			  : "c"(TEST_MMIO), "d"(TEST_PORT) : "r8", "memory");	\
	GUEST_ASSERT_EQ(rax, (u64)(expected));					\
	GUEST_ASSERT_EQ(rbx, USER_DATA);					\
} while (0)

static void guest_code(void)
{
	test_read("mov (%%rcx), %%rax", READ_DATA);
	test_read("mov (%%rcx), %%eax", (u32)READ_DATA);
	test_read("mov (%%rcx), %%ax", (USER_DATA & ~0xffff) | (u16)READ_DATA);
	test_read("movzbl (%%rcx), %%eax", (u8)READ_DATA);
	test_read("xor %%r8d, %%r8d\n\tmov (%%rcx), %%r8w\n\tmov %%r8, %%rax",
		  (USER_R8 & ~0xffff) | (u16)READ_DATA);

	if (is_forced_emulation_enabled) {
		test_read(KVM_FEP "inl %%dx, %%eax", (u32)READ_DATA);
		test_read(KVM_FEP "inb %%dx, %%al",
			  (USER_DATA & ~0xff) | (u8)READ_DATA);
	}

	GUEST_DONE();
}

static void handle_exit(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs;

	if (run->exit_reason == KVM_EXIT_MMIO) {
		TEST_ASSERT_EQ(run->mmio.phys_addr, TEST_MMIO);
		memset(run->mmio.data, (u8)READ_DATA, run->mmio.len);
	} else {
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		TEST_ASSERT_EQ(run->io.port, TEST_PORT);
		memset((void *)run + run->io.data_offset, (u8)READ_DATA,
		       run->io.size);
	}

	vcpu_regs_get(vcpu, &regs);
	regs.rax = USER_DATA;
	regs.rbx = USER_DATA;
	regs.r8 = USER_R8;
	vcpu_regs_set(vcpu, &regs);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	virt_map(vm, TEST_MMIO, TEST_MMIO, 1);

	vcpu_run_to_done(vcpu, handle_exit);

	kvm_vm_free(vm);
	return 0;
}
