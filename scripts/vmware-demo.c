// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest VMM that offers VMware's hypercalls and backdoor to its guest:
 * a model for VMM authors, and what "make run" shows.
 *
 * The guest is a program at CPL 3 in 64-bit mode. It finds out from CPUID which
 * hypercall instruction to use, as Linux does, and asks for VMware's version
 * twice: by hypercall, then by an IN from the backdoor port, which its I/O
 * permission bitmap denies. Before and after each it stores its registers to
 * memory; everything printed was read from there or from struct kvm_run.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <err.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/kvm.h>

#define VMWARE_MAGIC		0x564d5868	/* "VMXh" */
#define VMWARE_PORT		0x5658		/* "VX" */
#define VMWARE_CMD_GETVERSION	10
#define VMWARE_CPUID_SIGNATURE	0x40000000
#define VMWARE_CPUID_FEATURES	0x40000010
#define VMWARE_CPUID_VMMCALL	1		/* ECX of VMWARE_CPUID_FEATURES */
#define VMWARE_CPUID_VMCALL	2

#define DONE_PORT		0x80

/* Guest memory, mapped one to one: 2 MiB from address 0. */
#define MEM_SIZE		0x200000
#define PML4			0x1000
#define PDPT			0x2000
#define PD			0x3000
#define TSS			0x4000
#define CODE			0x5000
#define SAVED			0x6000	/* struct regs [4]: before and after, twice */

#define PTE_PRESENT		0x1
#define PTE_WRITABLE		0x2
#define PTE_USER		0x4
#define PTE_LARGE		0x80

struct regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
};

#define STR_(x)	#x
#define STR(x)	STR_(x)

asm(".pushsection .rodata\n"
    ".macro save n\n"
    "	i = " STR(SAVED) " + \\n * 56\n"
    "	.irp r, rax, rbx, rcx, rdx, rsi, rdi, rbp\n"
    "	mov %\\r, i\n"
    "	i = i + 8\n"
    "	.endr\n"
    ".endm\n"
    ".macro ask\n"
    "	mov $" STR(VMWARE_MAGIC) ", %eax\n"
    "	xor %ebx, %ebx\n"
    "	mov $" STR(VMWARE_CMD_GETVERSION) ", %ecx\n"
    "	mov $" STR(VMWARE_PORT) ", %edx\n"
    "	mov $0x1111111122222222, %rsi\n"
    "	mov $0x3333333344444444, %rdi\n"
    "	mov $0x5555555566666666, %rbp\n"
    ".endm\n"
    "guest:\n"
    "	mov $" STR(VMWARE_CPUID_FEATURES) ", %eax\n"
    "	cpuid\n"
    "	test $" STR(VMWARE_CPUID_VMCALL) ", %ecx\n"
    "	jz 1f\n"
    "	ask\n"
    "	save 0\n"
    "	vmcall\n"
    "	jmp 2f\n"
    "1:	ask\n"
    "	save 0\n"
    "	vmmcall\n"
    "2:	save 1\n"
    "	ask\n"
    "	save 2\n"
    "	in %dx, %eax\n"
    "	save 3\n"
    "	out %al, $" STR(DONE_PORT) "\n"
    "guest_end:\n"
    ".popsection\n");
extern const char guest[], guest_end[];

static struct kvm_run *run;
static char *mem;

static int xioctl(int fd, unsigned long request, unsigned long arg, const char *name)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		err(1, "%s", name);
	return ret;
}
#define IOCTL(fd, request, arg)	xioctl(fd, request, (unsigned long)(arg), #request)

static void print_regs(const char *who, const struct regs *r)
{
	printf("  %s\n", who);
	printf("    rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printf("    rsi %016lx  rdi %016lx  rbp %016lx\n", r->rsi, r->rdi, r->rbp);
}

/* The instruction that KVM stopped at: an exit does not skip it yet. */
static void print_insn(int len)
{
	const unsigned char *insn = (unsigned char *)mem + run->s.regs.regs.rip;
	int i;

	printf("    at RIP %#llx:", run->s.regs.regs.rip);
	for (i = 0; i < len; i++)
		printf(" %02x", insn[i]);
	printf("%s\n", memcmp(insn, "\x0f\x01\xc1", 3) == 0 ? " (VMCALL)" :
			memcmp(insn, "\x0f\x01\xd9", 3) == 0 ? " (VMMCALL)" :
			insn[0] == 0xed ? " (IN)" : "");
}

static void print_saved(const char *who, int n)
{
	print_regs(who, (struct regs *)(mem + SAVED) + n);
}

/* CPUID as KVM supports it, with the leaves by which a guest knows VMware. */
static void set_cpuid(int kvm, int vcpu)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));
	unsigned int n = 0, i, amd = 0;

	cpuid->nent = 254;
	IOCTL(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == 0x80000001)
			amd = !!(cpuid->entries[i].ecx & 4);		/* SVM */
		if (cpuid->entries[i].function >> 8 != VMWARE_CPUID_SIGNATURE >> 8)
			cpuid->entries[n++] = cpuid->entries[i];
	}
	cpuid->entries[n++] = (struct kvm_cpuid_entry2) {
		.function = VMWARE_CPUID_SIGNATURE, .eax = VMWARE_CPUID_FEATURES,
		.ebx = 0x61774d56, .ecx = 0x4d566572, .edx = 0x65726177,	/* VMwareVMware */
	};
	cpuid->entries[n++] = (struct kvm_cpuid_entry2) {
		.function = VMWARE_CPUID_FEATURES,
		.ecx = amd ? VMWARE_CPUID_VMMCALL : VMWARE_CPUID_VMCALL,
	};
	cpuid->nent = n;
	IOCTL(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

/* A program at CPL 3 in 64-bit mode, that may use ports 0 to 0xff. */
static void set_registers(int vcpu)
{
	struct kvm_segment code = {
		.selector = 0x1b, .type = 11, .present = 1, .dpl = 3, .s = 1, .l = 1, .g = 1, .limit = ~0u,
	};
	struct kvm_segment data = code;
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs sregs;

	data.selector = 0x23;
	data.type = 3;
	data.l = 0;
	data.db = 1;

	*(uint64_t *)(mem + PML4) = PDPT | PTE_PRESENT | PTE_WRITABLE | PTE_USER;
	*(uint64_t *)(mem + PDPT) = PD | PTE_PRESENT | PTE_WRITABLE | PTE_USER;
	*(uint64_t *)(mem + PD) = PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_LARGE;
	*(uint16_t *)(mem + TSS + 102) = 104;		/* offset of the bitmap */
	memcpy(mem + CODE, guest, guest_end - guest);

	IOCTL(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr = (struct kvm_segment) {
		.selector = 0x28, .base = TSS, .limit = 104 + 0x100 / 8, .type = 11, .present = 1,
	};
	sregs.cr0 = 0x80000031;		/* PG, NE, ET, PE */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;		/* PAE */
	sregs.efer = 0x500;		/* LMA, LME */
	IOCTL(vcpu, KVM_SET_SREGS, &sregs);
	IOCTL(vcpu, KVM_SET_REGS, &regs);
}

/* What VMware's monitor answers; an unknown command leaves the registers alone. */
static void answer(__u64 *rax, __u64 *rbx, __u64 *rcx)
{
	if ((__u32)*rcx != VMWARE_CMD_GETVERSION)
		return;
	*rax = 6;			/* version of the protocol */
	*rbx = VMWARE_MAGIC;
	*rcx = 4;			/* product: Workstation */
}

static void vmware_exit(void)
{
	typeof(run->vmware.u.hcall) *h = &run->vmware.u.hcall;

	printf("\nHypercall\n");
	print_saved("guest, registers going in", 0);
	printf("  userspace, KVM_RUN returned: exit_reason %u (KVM_EXIT_VMWARE)\n", run->exit_reason);
	print_insn(3);
	printf("    type %u  pad %u  longmode %u  cpl %u\n", run->vmware.type, run->vmware.pad, h->longmode, h->cpl);
	printf("    rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx\n", h->rax, h->rbx, h->rcx, h->rdx);
	printf("    rsi %016llx  rdi %016llx  rbp %016llx\n", h->rsi, h->rdi, h->rbp);
	printf("    exception: flags %#x  vector %u  error_code %#x  pad %u  address %#llx\n",
	       h->exception.flags, h->exception.vector, h->exception.error_code,
	       h->exception.pad, h->exception.address);
	if (run->vmware.type != KVM_EXIT_VMWARE_HCALL)
		errx(1, "unknown type of KVM_EXIT_VMWARE");
	answer(&h->rax, &h->rbx, &h->rcx);
}

/*
 * IN returns EAX as data of the exit, the other registers travel beside it. RAX is
 * set there, too: of an emulated IN KVM drops the data if registers are set.
 */
static void backdoor_exit(void)
{
	struct kvm_regs *r = &run->s.regs.regs;
	__u32 *data = (void *)run + run->io.data_offset;

	printf("\nBackdoor\n");
	print_saved("guest, registers going in", 2);
	printf("  userspace, KVM_RUN returned: exit_reason %u (KVM_EXIT_IO)\n", run->exit_reason);
	print_insn(1);
	printf("    direction %u (in)  size %u  port %#x  count %u  data_offset %#llx\n",
	       run->io.direction, run->io.size, run->io.port, run->io.count, run->io.data_offset);
	printf("    rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printf("    rsi %016llx  rdi %016llx  rbp %016llx\n", r->rsi, r->rdi, r->rbp);
	answer(&r->rax, &r->rbx, &r->rcx);
	*data = r->rax;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

int main(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_VMWARE };
	struct kvm_userspace_memory_region region = { .memory_size = MEM_SIZE };
	const __u64 wanted = KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_HYPERCALL;
	int kvm, vm, vcpu, hypercalls = 0, backdoors = 0;

	setbuf(stdout, NULL);
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(1, "/dev/kvm");
	vm = IOCTL(kvm, KVM_CREATE_VM, 0);

	/* Ask the VM what it can have, then turn it on, before there is a vCPU. */
	cap.args[0] = IOCTL(vm, KVM_CHECK_EXTENSION, KVM_CAP_X86_VMWARE);
	if ((cap.args[0] & wanted) != wanted)
		errx(1, "this KVM has no KVM_CAP_X86_VMWARE with backdoor and hypercall (it says %#llx)", cap.args[0]);
	printf("KVM_CAP_X86_VMWARE: KVM has %#llx, enabled %#llx\n", cap.args[0], wanted);
	cap.args[0] = wanted;
	IOCTL(vm, KVM_ENABLE_CAP, &cap);

	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		err(1, "mmap");
	region.userspace_addr = (unsigned long)mem;
	IOCTL(vm, KVM_SET_USER_MEMORY_REGION, &region);

	vcpu = IOCTL(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, IOCTL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "mmap");
	set_cpuid(kvm, vcpu);
	set_registers(vcpu);

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	for (;;) {
		IOCTL(vcpu, KVM_RUN, 0);
		if (run->exit_reason == KVM_EXIT_VMWARE && !hypercalls++) {
			vmware_exit();
		} else if (run->exit_reason == KVM_EXIT_IO && run->io.port == VMWARE_PORT && !backdoors++) {
			print_saved("guest, registers that it got back", 1);
			backdoor_exit();
		} else if (run->exit_reason == KVM_EXIT_IO && run->io.port == DONE_PORT) {
			print_saved("guest, registers that it got back", 3);
			break;
		} else {
			errx(1, "unexpected exit_reason %u at RIP %#llx", run->exit_reason, run->s.regs.regs.rip);
		}
	}
	if (!hypercalls || !backdoors)
		errx(1, "the guest ended after %d hypercalls and %d backdoor accesses", hypercalls, backdoors);
	return 0;
}
