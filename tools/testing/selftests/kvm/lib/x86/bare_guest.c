// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bits.h>
#include <linux/sizes.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"

/* Guest memory, identity mapped, everything is accessible by CPL3. */
#define BARE_MEM_SIZE		SZ_2M
#define BARE_PML4		0x1000
#define BARE_PDPT		0x2000
#define BARE_PD			0x3000
#define BARE_GDT		0x5000
#define BARE_IDT64		0x6000
#define BARE_IDT32		0x7000
#define BARE_TSS		0x8000
#define BARE_HANDLERS		0x11000
#define BARE_STACK0		0x1e000
#define BARE_STACK3		0x1f000

/* The TSS ends with an I/O bitmap that denies access to all ports. */
#define BARE_TSS_IO_BITMAP	104
#define BARE_TSS_SIZE		(BARE_TSS_IO_BITMAP + 65536 / 8 + 1)

#define BARE_NR_VECTORS		32
#define BARE_HANDLER_SIZE	16

/*
 * "mov %al, ADDR", with the same encoding and meaning in all modes.  Without a
 * memslot at ADDR, the guest exits to userspace, at any CPL and without a change
 * to any register but RIP.  ADDR tells userspace the offset into the code page.
 */
#define BARE_MMIO		BARE_MEM_SIZE

/* Exception handlers run at CPL0: "out %al, PORT", with one port for each vector. */
#define BARE_PORT		0xe0

/* Descriptors of CPL0, followed by the same for CPL1 to CPL3. */
#define SEL_CODE64		0x8
#define SEL_CODE32		0x10
#define SEL_DATA		0x18
#define SEL_CPL			0x18
#define SEL_TSS			0x68

static const u64 bare_gdt[] = { 0x00af9b000000ffff, 0x00cf9b000000ffff, 0x00cf93000000ffff };

void bare_vm_write_end(struct kvm_vm *vm, size_t offset)
{
	const u32 addr = BARE_MMIO + offset;
	/* The UD2 keeps the guest from getting far if it's resumed by mistake. */
	const u8 end[] = {
		0x88, 0x04, 0x25, addr, addr >> 8, addr >> 16, addr >> 24,
		0x0f, 0x0b,
	};

	memcpy(addr_gpa2hva(vm, BARE_CODE) + offset, end, sizeof(end));
}

void bare_vm_write_handler(struct kvm_vm *vm, u8 vector, const u8 *code, size_t len)
{
	TEST_ASSERT(len <= BARE_HANDLER_SIZE, "A handler has only %u bytes",
		    BARE_HANDLER_SIZE);

	memcpy(addr_gpa2hva(vm, BARE_HANDLERS) + vector * BARE_HANDLER_SIZE, code, len);
}

struct kvm_vm *bare_vm_create(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	u64 handler, gate;
	u8 *mem;
	int i;

	vm_create_irqchip(vm);

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, 0, 0,
				    BARE_MEM_SIZE / getpagesize(), 0);
	mem = addr_gpa2hva(vm, 0);

	/* Present, writable, user; MMIO is mapped by a large page. */
	*(u64 *)(mem + BARE_PML4) = BARE_PDPT | 0x7;
	*(u64 *)(mem + BARE_PDPT) = BARE_PD | 0x7;
	*(u64 *)(mem + BARE_PD) = BARE_PT | 0x7;
	*(u64 *)(mem + BARE_PD + 8) = BARE_MMIO | 0x87;
	for (i = 0; i < 512; i++)
		*((u64 *)(mem + BARE_PT) + i) = i << 12 | 0x7;

	for (i = 0; i < 12; i++)
		*((u64 *)(mem + BARE_GDT) + 1 + i) = bare_gdt[i % 3] | (u64)(i / 3) << 45;

	for (i = 0; i < BARE_NR_VECTORS; i++) {
		handler = BARE_HANDLERS + i * BARE_HANDLER_SIZE;
		mem[handler] = 0xe6;
		mem[handler + 1] = BARE_PORT + i;

		/* A present interrupt gate with DPL 0. */
		gate = (handler >> 16) << 48 | 0x8eull << 40 | (handler & 0xffff);
		*((u64 *)(mem + BARE_IDT64) + i * 2) = gate | SEL_CODE64 << 16;
		*((u64 *)(mem + BARE_IDT32) + i) = gate | SEL_CODE32 << 16;
	}

	*(u16 *)(mem + BARE_TSS + 102) = BARE_TSS_IO_BITMAP;
	memset(mem + BARE_TSS + BARE_TSS_IO_BITMAP, 0xff, BARE_TSS_SIZE - BARE_TSS_IO_BITMAP);
	return vm;
}

struct kvm_vcpu *bare_vcpu_add(struct kvm_vm *vm, u32 id)
{
	struct kvm_vcpu *vcpu = __vm_vcpu_add(vm, id);

	vcpu_init_cpuid(vcpu, kvm_get_supported_cpuid());
	return vcpu;
}

static void bare_vcpu_set_mode(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	bool is_64bit = bare_mode_is_64bit(mode);
	u32 *tss = addr_gpa2hva(vcpu->vm, BARE_TSS);
	int cpl = bare_mode_cpl(mode);
	u16 rpl = cpl * SEL_CPL + cpl;
	struct kvm_sregs sregs;

	vcpu_sregs_get(vcpu, &sregs);

	sregs.cs = (struct kvm_segment) {
		.selector = (is_64bit ? SEL_CODE64 : SEL_CODE32) + rpl,
		.limit = 0xffffffff, .type = 0xb, .s = 1, .dpl = cpl, .present = 1,
		.l = is_64bit, .db = !is_64bit, .g = 1,
	};
	sregs.ss = (struct kvm_segment) {
		.selector = SEL_DATA + rpl,
		.limit = 0xffffffff, .type = 0x3, .s = 1, .dpl = cpl, .present = 1,
		.db = 1, .g = 1,
	};
	sregs.ds = sregs.ss;
	sregs.es = sregs.ss;
	sregs.fs = sregs.ss;
	sregs.gs = sregs.ss;
	sregs.ldt = (struct kvm_segment) { .unusable = 1 };
	sregs.tr = (struct kvm_segment) {
		.selector = SEL_TSS, .base = BARE_TSS, .limit = BARE_TSS_SIZE - 1,
		.type = 0xb, .present = 1,
	};
	sregs.gdt.base = BARE_GDT;
	sregs.gdt.limit = SEL_TSS - 1;

	sregs.cr0 = X86_CR0_PE | X86_CR0_NE | X86_CR0_ET;
	sregs.cr2 = 0;
	sregs.cr3 = BARE_PML4;
	sregs.cr4 = X86_CR4_OSFXSR;
	sregs.efer = 0;
	sregs.idt = (struct kvm_dtable) { BARE_IDT32, BARE_NR_VECTORS * 8 - 1 };
	/* ESP0 and SS0, or RSP0. */
	tss[1] = BARE_STACK0;
	tss[2] = bare_mode_has_paging(mode) ? 0 : SEL_DATA;
	if (bare_mode_has_paging(mode)) {
		sregs.cr0 |= X86_CR0_PG;
		sregs.cr4 |= X86_CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
		sregs.idt = (struct kvm_dtable) { BARE_IDT64, BARE_NR_VECTORS * 16 - 1 };
	}
	memset(sregs.interrupt_bitmap, 0, sizeof(sregs.interrupt_bitmap));

	vcpu_sregs_set(vcpu, &sregs);
}

void bare_vcpu_load(struct kvm_vcpu *vcpu, enum bare_mode mode,
		    const u8 *insn, size_t len, struct kvm_regs *regs)
{
	memcpy(addr_gpa2hva(vcpu->vm, BARE_CODE), insn, len);
	bare_vm_write_end(vcpu->vm, len);

	bare_vcpu_set_mode(vcpu, mode);

	regs->rip = BARE_CODE;
	regs->rsp = bare_mode_cpl(mode) ? BARE_STACK3 : BARE_STACK0;
	regs->rflags |= X86_EFLAGS_FIXED;
	vcpu_regs_set(vcpu, regs);
}

static void bare_assert_exit(struct kvm_vcpu *vcpu, u32 reason, u64 addr)
{
	struct kvm_run *run = vcpu->run;
	u64 got = run->exit_reason == KVM_EXIT_MMIO ? run->mmio.phys_addr : run->io.port;

	TEST_ASSERT(run->exit_reason == reason && got == addr,
		    "Wanted %s at 0x%lx, got exit %u (%s) at 0x%lx; exceptions start at 0x%x",
		    exit_reason_str(reason), addr, run->exit_reason,
		    exit_reason_str(run->exit_reason), got, BARE_PORT);
}

void bare_vcpu_assert_done(struct kvm_vcpu *vcpu, size_t offset)
{
	bare_assert_exit(vcpu, KVM_EXIT_MMIO, BARE_MMIO + offset);
}

struct bare_exception bare_vcpu_assert_exception(struct kvm_vcpu *vcpu, u8 vector)
{
	const u32 has_error_code = BIT(DF_VECTOR) | GENMASK(PF_VECTOR, TS_VECTOR) |
				   BIT(AC_VECTOR);
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	u64 frame[4];
	void *stack;
	int i;

	bare_assert_exit(vcpu, KVM_EXIT_IO, BARE_PORT + vector);

	vcpu_regs_get(vcpu, &regs);
	vcpu_sregs_get(vcpu, &sregs);
	stack = addr_gpa2hva(vcpu->vm, regs.rsp);

	for (i = 0; i < ARRAY_SIZE(frame); i++)
		frame[i] = sregs.cs.l ? ((u64 *)stack)[i] : ((u32 *)stack)[i];

	i = has_error_code & BIT(vector) ? 1 : 0;
	return (struct bare_exception) {
		.error_code = i ? frame[0] : 0,
		.rip = frame[i],
		.cs = frame[i + 1] & 0xffff,
		.rflags = frame[i + 2],
	};
}
