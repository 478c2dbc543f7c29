// SPDX-License-Identifier: GPL-2.0-only
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
#define BARE_GDT		0x4000
#define BARE_IDT64		0x5000
#define BARE_IDT32		0x6000
#define BARE_TSS64		0x7000
#define BARE_TSS32		0xa000
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

/*
 * Exception handlers run at CPL0 and so can do better: "out %al, PORT", with one
 * port for each vector, which KVM doesn't need to emulate.
 */
#define BARE_PORT		0xe0

enum {
	SEL_CODE64	= 1 << 3,
	SEL_CODE32	= 2 << 3,
	SEL_DATA	= 3 << 3,
	/* The above for CPL0, there are three more sets for CPL1 to CPL3. */
	SEL_TSS		= 13 << 3,
};

static u16 bare_selector(u16 selector, int cpl)
{
	return selector + (cpl * 3 << 3) + cpl;
}

static struct kvm_segment bare_segment(u16 selector)
{
	bool is_data = (selector >> 3) % 3 == 0;
	bool is_64bit = (selector >> 3) % 3 == 1;

	return (struct kvm_segment) {
		.selector = selector,
		.limit = 0xffffffff,
		/* Accessed, writable data, or accessed, readable code. */
		.type = is_data ? 0x3 : 0xb,
		.s = 1,
		.dpl = selector & 3,
		.present = 1,
		.l = is_64bit,
		.db = !is_64bit,
		.g = 1,
	};
}

void bare_vm_write_end(struct kvm_vm *vm, size_t offset)
{
	const u32 addr = BARE_MMIO + offset;
	/*
	 * The exit is followed by UD2, so that the guest doesn't get far if it's
	 * resumed by mistake, and so that QEMU doesn't translate what's left of
	 * the page, which costs more than everything else that the guest does.
	 */
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

static void write_gdt_entry(u64 *gdt, u16 selector)
{
	struct kvm_segment seg = bare_segment(selector);

	gdt[selector >> 3] = (seg.limit & 0xffff) |
			     (u64)(seg.type | seg.s << 4 | seg.dpl << 5 | seg.present << 7) << 40 |
			     (u64)0xf << 48 |
			     (u64)(seg.l << 1 | seg.db << 2 | seg.g << 3) << 52;
}

static void write_idt_entry(u64 *entry, u64 handler, u16 cs)
{
	/* An interrupt gate, i.e. type 0xe, with DPL 0. */
	*entry = (handler & 0xffff) | (u64)cs << 16 | (u64)0x8e << 40 |
		 (handler & 0xffff0000) << 32;
}

struct kvm_vm *bare_vm_create(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	u8 *mem;
	int i;

	vm_create_irqchip(vm);

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, 0, 0,
				    BARE_MEM_SIZE / getpagesize(), 0);
	mem = addr_gpa2hva(vm, 0);

	/* Present, writable, user; the last level maps memory and MMIO, 2MiB each. */
	*(u64 *)(mem + BARE_PML4) = BARE_PDPT | 0x7;
	*(u64 *)(mem + BARE_PDPT) = BARE_PD | 0x7;
	*(u64 *)(mem + BARE_PD) = 0x87;
	*(u64 *)(mem + BARE_PD + 8) = BARE_MMIO | 0x87;

	for (i = 0; i < 4; i++) {
		write_gdt_entry((u64 *)(mem + BARE_GDT), bare_selector(SEL_CODE64, i));
		write_gdt_entry((u64 *)(mem + BARE_GDT), bare_selector(SEL_CODE32, i));
		write_gdt_entry((u64 *)(mem + BARE_GDT), bare_selector(SEL_DATA, i));
	}

	for (i = 0; i < BARE_NR_VECTORS; i++) {
		u64 handler = BARE_HANDLERS + i * BARE_HANDLER_SIZE;

		mem[handler] = 0xe6;
		mem[handler + 1] = BARE_PORT + i;
		write_idt_entry((u64 *)(mem + BARE_IDT64) + i * 2, handler, SEL_CODE64);
		write_idt_entry((u64 *)(mem + BARE_IDT32) + i, handler, SEL_CODE32);
	}

	/* RSP0, or ESP0 and SS0. */
	*(u64 *)(mem + BARE_TSS64 + 4) = BARE_STACK0;
	*(u32 *)(mem + BARE_TSS32 + 4) = BARE_STACK0;
	*(u32 *)(mem + BARE_TSS32 + 8) = SEL_DATA;

	*(u16 *)(mem + BARE_TSS64 + 102) = BARE_TSS_IO_BITMAP;
	*(u16 *)(mem + BARE_TSS32 + 102) = BARE_TSS_IO_BITMAP;
	memset(mem + BARE_TSS64 + BARE_TSS_IO_BITMAP, 0xff, BARE_TSS_SIZE - BARE_TSS_IO_BITMAP);
	memset(mem + BARE_TSS32 + BARE_TSS_IO_BITMAP, 0xff, BARE_TSS_SIZE - BARE_TSS_IO_BITMAP);

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
	bool is_long_mode = mode != BARE_MODE_32_CPL0 && mode != BARE_MODE_32_CPL3;
	int cpl = bare_mode_cpl(mode);
	struct kvm_sregs sregs;

	vcpu_sregs_get(vcpu, &sregs);

	sregs.cs = bare_segment(bare_selector(bare_mode_is_64bit(mode) ? SEL_CODE64 :
									 SEL_CODE32, cpl));
	sregs.ss = bare_segment(bare_selector(SEL_DATA, cpl));
	sregs.ds = sregs.ss;
	sregs.es = sregs.ss;
	sregs.fs = sregs.ss;
	sregs.gs = sregs.ss;
	sregs.ldt = (struct kvm_segment) { .unusable = 1 };
	sregs.tr = (struct kvm_segment) {
		.base = is_long_mode ? BARE_TSS64 : BARE_TSS32,
		.limit = BARE_TSS_SIZE - 1,
		.selector = SEL_TSS,
		.type = 0xb,	/* Busy */
		.present = 1,
	};

	sregs.gdt.base = BARE_GDT;
	sregs.gdt.limit = 0x7f;
	sregs.idt.base = is_long_mode ? BARE_IDT64 : BARE_IDT32;
	sregs.idt.limit = BARE_NR_VECTORS * (is_long_mode ? 16 : 8) - 1;

	sregs.cr0 = X86_CR0_PE | X86_CR0_NE | X86_CR0_ET;
	sregs.cr2 = 0;
	sregs.cr3 = BARE_PML4;
	sregs.cr4 = X86_CR4_OSFXSR;
	sregs.efer = 0;
	if (is_long_mode) {
		sregs.cr0 |= X86_CR0_PG;
		sregs.cr4 |= X86_CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
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

/* Describe where the guest is, buf must have space for 64 characters. */
static const char *bare_location(struct kvm_vcpu *vcpu, char *buf)
{
	struct kvm_run *run = vcpu->run;

	if (run->exit_reason == KVM_EXIT_MMIO)
		sprintf(buf, "code offset %lld", run->mmio.phys_addr - BARE_MMIO);
	else if (run->exit_reason == KVM_EXIT_IO && run->io.port >= BARE_PORT &&
		 run->io.port < BARE_PORT + BARE_NR_VECTORS)
		sprintf(buf, "exception %u", run->io.port - BARE_PORT);
	else
		sprintf(buf, "exit %u (%s)", run->exit_reason, exit_reason_str(run->exit_reason));
	return buf;
}

void bare_vcpu_assert_done(struct kvm_vcpu *vcpu, size_t offset)
{
	struct kvm_run *run = vcpu->run;
	char buf[64];

	TEST_ASSERT(run->exit_reason == KVM_EXIT_MMIO &&
		    run->mmio.phys_addr == BARE_MMIO + offset,
		    "Wanted code offset %lu, got %s", offset, bare_location(vcpu, buf));
}

void bare_vcpu_assert_exception(struct kvm_vcpu *vcpu, u8 vector,
				struct bare_exception *e)
{
	const u32 has_error_code = BIT(DF_VECTOR) | BIT(TS_VECTOR) |
				   BIT(NP_VECTOR) | BIT(SS_VECTOR) |
				   BIT(GP_VECTOR) | BIT(PF_VECTOR) |
				   BIT(AC_VECTOR);
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	u64 frame[3];
	char buf[64];
	void *stack;
	int i;

	TEST_ASSERT(vcpu->run->exit_reason == KVM_EXIT_IO &&
		    vcpu->run->io.port == BARE_PORT + vector,
		    "Wanted exception %u, got %s", vector, bare_location(vcpu, buf));
	if (!e)
		return;

	vcpu_regs_get(vcpu, &regs);
	vcpu_sregs_get(vcpu, &sregs);
	stack = addr_gpa2hva(vcpu->vm, regs.rsp);

	for (i = 0; i < ARRAY_SIZE(frame); i++)
		frame[i] = sregs.cs.l ? ((u64 *)stack)[i] : ((u32 *)stack)[i];

	i = 0;
	e->error_code = has_error_code & BIT(vector) ? frame[i++] : 0;
	e->rip = frame[i++];
	e->cs = frame[i] & 0xffff;
}
