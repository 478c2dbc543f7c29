// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for VMware hypercalls of real mode and virtual-8086 mode, and for what happens
 * if userspace changes the mode while one is pending.
 */
#include "vmware_hypercall.h"

#define TEST_PORT	0x80

/* What counts is the vCPU's mode when the hypercall is completed. */
TEST_F(vmware_hypercall, mode_changed)
{
	struct kvm_sregs sregs;

	if (!bare_mode_is_64bit(variant->mode))
		SKIP(return, "The mode to change to is not that of the variant");

	run_to_results(self->vcpu, variant->mode);
	vcpu_sregs_get(self->vcpu, &sregs);
	sregs.cs.l = 0;
	sregs.cs.db = 1;
	vcpu_sregs_set(self->vcpu, &sregs);
	vcpu_run(self->vcpu);
	assert_completed(self->vcpu, BARE_MODE_COMPAT_CPL0);
}

/* Two hypercalls, and a third one 16 bytes behind the second.  CS.base is BARE_CODE. */
static void load_16bit(struct kvm_vcpu *vcpu, bool vm86)
{
	const u8 *hcall = vmware_hcall(host_cpu_is_intel);
	u16 *ivt = addr_gpa2hva(vcpu->vm, GP_VECTOR * 4);
	u8 *code = addr_gpa2hva(vcpu->vm, BARE_CODE);
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	u32 *gate;

	/* Without unrestricted guest, KVM needs a TSS, and not where the IVT is. */
	vm_ioctl(vcpu->vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000ul);

	load_hcall(vcpu, BARE_MODE_32_CPL0, value(INPUT, 0));
	memcpy(code + HCALL_SIZE, hcall, HCALL_SIZE);
	memcpy(code + HCALL_SIZE + 16, hcall, HCALL_SIZE);

	vcpu_sregs_get(vcpu, &sregs);
	sregs.cs = (struct kvm_segment) {
		.limit = 0xffff, .type = 0x3, .s = 1, .present = 1, .dpl = vm86 ? 3 : 0,
	};
	sregs.ds = sregs.cs;
	sregs.es = sregs.cs;
	sregs.fs = sregs.cs;
	sregs.gs = sregs.cs;
	sregs.ss = sregs.cs;
	sregs.cs.base = BARE_CODE;
	sregs.cs.selector = BARE_CODE >> 4;
	if (!vm86) {
		/* Have a #GP in real mode go to bare_guest's handler. */
		gate = addr_gpa2hva(vcpu->vm, sregs.idt.base + GP_VECTOR * 8);
		ivt[0] = gate[0];
		ivt[1] = (gate[1] & 0xffff0000) >> 4;
		sregs.idt = (struct kvm_dtable) { .limit = 0x3ff };
		sregs.cr0 &= ~X86_CR0_PE;
	}
	vcpu_sregs_set(vcpu, &sregs);

	vcpu_regs_get(vcpu, &regs);
	regs.rip = 0;
	regs.rsp = 0x1000;
	regs.rflags |= vm86 ? X86_EFLAGS_VM : 0;
	vcpu_regs_set(vcpu, &regs);
}

/* Each hypercall has the magic, no matter what else. */
static void assert_16bit_exit(struct kvm_vcpu *vcpu, u64 rip, enum values values, bool vm86)
{
	u64 *rax = exit_reg(vcpu, 0);

	TEST_ASSERT_EQ(*rax, VMWARE_MAGIC);
	*rax = (u32)value(values, 0);
	assert_exit(vcpu, vm86 ? BARE_MODE_32_CPL3 : BARE_MODE_32_CPL0, values);
	assert_rip(vcpu, rip);

	set_results(vcpu);
	*rax = ~0xffffffffull | VMWARE_MAGIC;
}

/* 16-bit code has 32-bit registers, and results are inputs of the next hypercall. */
static void test_16bit(bool vm86)
{
	struct kvm_vcpu *vcpu = create_vcpu();
	struct bare_exception e;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	u16 *frame;

	load_16bit(vcpu, vm86);
	run_dirty(vcpu);
	assert_16bit_exit(vcpu, 0, INPUT, vm86);
	vcpu_run(vcpu);
	assert_16bit_exit(vcpu, HCALL_SIZE, RESULT, vm86);

	/* It's the linear RIP that counts, i.e. this abandons the second hypercall. */
	*exit_reg(vcpu, 1) = 0;
	vcpu_sregs_get(vcpu, &sregs);
	sregs.cs.base += 16;
	sregs.cs.selector++;
	vcpu_sregs_set(vcpu, &sregs);
	vcpu_run(vcpu);
	assert_16bit_exit(vcpu, HCALL_SIZE, RESULT, vm86);

	/* Real mode has no error codes, virtual-8086 mode does. */
	*request(vcpu) = FAULT(GP_VECTOR, 0x1234, 0);
	vcpu_run(vcpu);
	e = bare_vcpu_assert_exception(vcpu, GP_VECTOR);
	if (vm86) {
		TEST_ASSERT_EQ(e.error_code, 0x1234);
	} else {
		vcpu_regs_get(vcpu, &regs);
		frame = addr_gpa2hva(vcpu->vm, regs.rsp);
		e = (struct bare_exception) { .rip = frame[0], .cs = frame[1] };
		TEST_ASSERT_EQ(regs.rsp, 0x1000 - 6);
	}
	TEST_ASSERT_EQ(e.rip, HCALL_SIZE);
	TEST_ASSERT_EQ(e.cs, sregs.cs.selector);
	kvm_vm_free(vcpu->vm);
}

TEST(real_mode)
{
	test_16bit(false);
}

TEST(virtual_8086_mode)
{
	test_16bit(true);
}

static void set_16bit_insn(struct kvm_vcpu *vcpu, u8 insn, u16 port)
{
	struct kvm_regs regs;

	*(u8 *)addr_gpa2hva(vcpu->vm, BARE_CODE) = insn;
	vcpu_regs_get(vcpu, &regs);
	regs.rdx = port;
	vcpu_regs_set(vcpu, &regs);
}

/* Virtual-8086 mode is CPL3, i.e. the backdoor is what allows the port. */
TEST(virtual_8086_port)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 flags;

	for (flags = 0; flags <= KVM_X86_VMWARE_BACKDOOR; flags++) {
		vm = bare_vm_create();
		vm_enable_cap(vm, KVM_CAP_X86_VMWARE, flags);
		vcpu = bare_vcpu_add(vm, 0);
		load_16bit(vcpu, true);
		set_16bit_insn(vcpu, 0xec /* in %dx, %al */, VMWARE_PORT);
		vcpu_run(vcpu);
		if (flags) {
			TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
			TEST_ASSERT_EQ(vcpu->run->io.port, VMWARE_PORT);
		} else {
			bare_vcpu_assert_exception(vcpu, GP_VECTOR);
		}
		kvm_vm_free(vm);
	}
}

/* The trap of an emulated write arrives also if the linear RIP isn't RIP. */
TEST(real_mode_single_step)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};
	struct kvm_vcpu *vcpu;

	vcpu = create_vcpu();
	load_16bit(vcpu, false);
	set_16bit_insn(vcpu, 0x6e /* outsb */, TEST_PORT);
	vcpu_guest_debug_set(vcpu, &debug);
	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	TEST_ASSERT_EQ(vcpu->run->io.port, TEST_PORT);
	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
	TEST_ASSERT_EQ(vcpu->run->debug.arch.pc, BARE_CODE + 1);
	kvm_vm_free(vcpu->vm);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_HYPERCALL);

	return test_harness_run(argc, argv);
}
