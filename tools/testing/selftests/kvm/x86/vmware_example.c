// SPDX-License-Identifier: GPL-2.0-only
/*
 * A minimal VMM with VMware hypercalls and the VMware backdoor, as an example for
 * authors of VMMs, see Documentation/virt/kvm/x86/vmware.rst.  Deliberately uses
 * nothing but KVM's uAPI.
 *
 * The guest is a program at CPL3, in 64-bit mode.  It gets the hypercall to use
 * from CPUID, as Linux does, and asks for VMware's version twice: by hypercall, and
 * by reading the backdoor's I/O port, which is denied by the TSS I/O bitmap.  The
 * guest saves its registers to memory before and after each attempt.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#define VMWARE_MAGIC		0x564d5868	/* "VMXh" */
#define VMWARE_PORT		0x5658
#define VMWARE_CMD_GETVERSION	10

#define VMWARE_CPUID_SIGNATURE	0x40000000
#define VMWARE_CPUID_FEATURES	0x40000010
#define VMWARE_CPUID_VMMCALL	0x1		/* in ECX */
#define VMWARE_CPUID_VMCALL	0x2

#define KSFT_SKIP		4

/* Guest memory, 2MiB that start at, and are mapped to, address 0. */
#define MEM_SIZE		0x200000
#define PML4			0x1000
#define PDPT			0x2000
#define PD			0x3000
#define TSS			0x4000
#define CODE			0x5000
#define SAVED			0x6000		/* struct vmware_regs [4] */

/* Beyond guest memory, but mapped, a write tells the VMM that the guest is done. */
#define DONE			0x200000

struct vmware_regs {
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
	".macro get_version\n"
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
	"	get_version\n"
	"	save 0\n"
	"	vmcall\n"
	"	jmp 2f\n"
	"1:	get_version\n"
	"	save 0\n"
	"	vmmcall\n"
	"2:	save 1\n"
	"	get_version\n"
	"	save 2\n"
	"	in %dx, %eax\n"
	"	save 3\n"
	"	mov %al, " STR(DONE) "\n"
	"guest_end:\n"
	".popsection\n");
extern const char guest[], guest_end[];

static struct kvm_run *run;
static char *mem;

static int __ioctl(int fd, unsigned long cmd, unsigned long arg, const char *name)
{
	int ret = ioctl(fd, cmd, arg);

	if (ret < 0)
		err(1, "%s", name);
	return ret;
}

#define IOCTL(fd, cmd, arg) __ioctl(fd, cmd, (unsigned long)(arg), #cmd)

static void print_regs(const char *who, const struct vmware_regs *regs)
{
	printf("  %s\n"
	       "    rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n"
	       "    rsi %016lx  rdi %016lx  rbp %016lx\n",
	       who, regs->rax, regs->rbx, regs->rcx, regs->rdx,
	       regs->rsi, regs->rdi, regs->rbp);
}

static void print_saved_regs(const char *who, int i)
{
	print_regs(who, (struct vmware_regs *)(mem + SAVED) + i);
}

/* Enable the features before creating vCPUs.  Ask the VM, not /dev/kvm. */
static void enable_vmware(int vm)
{
	const __u64 flags = KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_HYPERCALL;
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_VMWARE,
		.args[0] = flags,
	};
	__u64 supported;

	supported = IOCTL(vm, KVM_CHECK_EXTENSION, KVM_CAP_X86_VMWARE);
	if ((supported & flags) != flags) {
		printf("1..0 # SKIP KVM_CAP_X86_VMWARE: want 0x%llx, KVM has 0x%llx\n",
		       flags, supported);
		exit(KSFT_SKIP);
	}

	IOCTL(vm, KVM_ENABLE_CAP, &cap);
	printf("KVM_CAP_X86_VMWARE: KVM has 0x%llx, enabled 0x%llx\n", supported, flags);
}

/* What KVM supports, plus the leaves that tell the guest about VMware. */
static void set_cpuid(int kvm, int vcpu)
{
	struct kvm_cpuid_entry2 *entry;
	struct kvm_cpuid2 *cpuid;
	int i, nent = 0, is_amd = 0;

	cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));
	if (!cpuid)
		err(1, "calloc");

	cpuid->nent = 254;
	IOCTL(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);

	for (i = 0; i < cpuid->nent; i++) {
		entry = &cpuid->entries[i];

		/* The vendor is that of the host, "AuthenticAMD" or "HygonGenuine". */
		if (entry->function == 0)
			is_amd = entry->ebx == 0x68747541 || entry->ebx == 0x6f677948;

		/* The leaves of other hypervisors, i.e. of KVM. */
		if (entry->function >> 8 == VMWARE_CPUID_SIGNATURE >> 8)
			continue;

		cpuid->entries[nent++] = *entry;
	}

	/* "VMwareVMware" */
	cpuid->entries[nent++] = (struct kvm_cpuid_entry2) {
		.function = VMWARE_CPUID_SIGNATURE,
		.eax = VMWARE_CPUID_FEATURES,
		.ebx = 0x61774d56,
		.ecx = 0x4d566572,
		.edx = 0x65726177,
	};
	cpuid->entries[nent++] = (struct kvm_cpuid_entry2) {
		.function = VMWARE_CPUID_FEATURES,
		.ecx = is_amd ? VMWARE_CPUID_VMMCALL : VMWARE_CPUID_VMCALL,
	};
	cpuid->nent = nent;

	IOCTL(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

/* 64-bit mode, at CPL3, without access to any I/O port. */
static void set_regs(int vcpu)
{
	struct kvm_segment code = {
		.selector = 0x1b, .type = 0xb, .present = 1, .dpl = 3, .s = 1,
		.l = 1, .g = 1, .limit = ~0u,
	};
	struct kvm_segment data = {
		.selector = 0x23, .type = 0x3, .present = 1, .dpl = 3, .s = 1,
		.db = 1, .g = 1, .limit = ~0u,
	};
	struct kvm_regs regs = { .rip = CODE, .rflags = 0x2 };
	struct kvm_sregs sregs;

	/* Present, writable, user; the last level has large pages. */
	*(uint64_t *)(mem + PML4) = PDPT | 0x7;
	*(uint64_t *)(mem + PDPT) = PD | 0x7;
	*(uint64_t *)(mem + PD) = 0x87;
	*(uint64_t *)(mem + PD + 8) = DONE | 0x87;
	/* The offset of the I/O bitmap is beyond the limit, i.e. there is none. */
	*(uint16_t *)(mem + TSS + 102) = 104;
	memcpy(mem + CODE, guest, guest_end - guest);

	IOCTL(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs = code;
	sregs.ds = data;
	sregs.es = data;
	sregs.fs = data;
	sregs.gs = data;
	sregs.ss = data;
	sregs.tr = (struct kvm_segment) {
		.selector = 0x28, .base = TSS, .limit = 103,
		.type = 0xb, .present = 1,
	};
	sregs.cr0 = 0x80000031;		/* PG, NE, ET, PE */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;		/* PAE */
	sregs.efer = 0x500;		/* LMA, LME */
	IOCTL(vcpu, KVM_SET_SREGS, &sregs);
	IOCTL(vcpu, KVM_SET_REGS, &regs);
}

/* What VMware does: set EAX to -1 for commands that don't exist. */
static void do_command(__u64 *rax, __u64 *rbx, __u64 *rcx)
{
	switch ((__u16)*rcx) {
	case VMWARE_CMD_GETVERSION:
		*rax = 6;		/* version of the protocol */
		*rbx = VMWARE_MAGIC;
		*rcx = 4;		/* type of product, Workstation */
		break;
	default:
		*rax = ~0u;
		break;
	}
}

/* All registers are in the exit, on the way out and on the way in. */
static void handle_hypercall(void)
{
	typeof(run->vmware.u.hcall) *hcall = &run->vmware.u.hcall;
	struct vmware_regs regs = {
		hcall->rax, hcall->rbx, hcall->rcx, hcall->rdx,
		hcall->rsi, hcall->rdi, hcall->rbp,
	};

	printf("  KVM_EXIT_VMWARE (%u), type %u, longmode %u, cpl %u, RIP 0x%llx\n",
	       run->exit_reason, run->vmware.type, hcall->longmode, hcall->cpl,
	       run->s.regs.regs.rip);
	print_regs("registers in the exit", &regs);

	if (run->vmware.type != KVM_EXIT_VMWARE_HCALL)
		errx(1, "unknown type of KVM_EXIT_VMWARE");

	/*
	 * It's up to the VMM what to allow at which CPL.  To refuse a hypercall,
	 * have KVM inject an exception, e.g. a #GP.
	 */
	if (hcall->cpl == 3 && (__u16)hcall->rcx != VMWARE_CMD_GETVERSION) {
		hcall->exception.flags = KVM_VMWARE_EXCEPTION_VALID;
		hcall->exception.vector = 13;
		return;
	}

	do_command(&hcall->rax, &hcall->rbx, &hcall->rcx);
}

/*
 * The data of the exit is what ends up in EAX.  Get and set the other registers by
 * way of KVM_SYNC_X86_REGS.
 */
static void handle_port(void)
{
	struct kvm_regs *r = &run->s.regs.regs;
	struct vmware_regs regs = {
		r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp,
	};
	__u32 *data = (void *)run + run->io.data_offset;
	__u64 rax = r->rax;

	printf("  KVM_EXIT_IO (%u), direction %u, size %u, port 0x%x, count %u, RIP 0x%llx\n",
	       run->exit_reason, run->io.direction, run->io.size, run->io.port,
	       run->io.count, r->rip);
	print_regs("registers, synchronized by KVM_SYNC_X86_REGS", &regs);

	/* Unlike for hypercalls, KVM doesn't check the magic value. */
	if (run->io.direction != KVM_EXIT_IO_IN || run->io.size != 4 ||
	    (__u32)r->rax != VMWARE_MAGIC)
		return;

	do_command(&rax, &r->rbx, &r->rcx);
	*data = rax;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

int main(void)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEM_SIZE };
	int kvm, vm, vcpu, nr_hypercalls = 0, nr_ports = 0;
	const struct vmware_regs *results;

	setbuf(stdout, NULL);
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0) {
		printf("1..0 # SKIP /dev/kvm: %m\n");
		return KSFT_SKIP;
	}
	vm = IOCTL(kvm, KVM_CREATE_VM, 0);

	enable_vmware(vm);

	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		err(1, "mmap");
	region.userspace_addr = (unsigned long)mem;
	IOCTL(vm, KVM_SET_USER_MEMORY_REGION, &region);

	vcpu = IOCTL(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, IOCTL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
		   PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "mmap");
	set_cpuid(kvm, vcpu);
	set_regs(vcpu);

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	for (;;) {
		IOCTL(vcpu, KVM_RUN, 0);

		if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == DONE)
			break;

		if (run->exit_reason == KVM_EXIT_VMWARE) {
			nr_hypercalls++;
			printf("\nHypercall\n");
			print_saved_regs("registers of the guest, before", 0);
			handle_hypercall();
		} else if (run->exit_reason == KVM_EXIT_IO && run->io.port == VMWARE_PORT) {
			nr_ports++;
			print_saved_regs("registers of the guest, after", 1);
			printf("\nI/O port\n");
			print_saved_regs("registers of the guest, before", 2);
			handle_port();
		} else {
			errx(1, "unexpected exit %u at RIP 0x%llx",
			     run->exit_reason, run->s.regs.regs.rip);
		}
	}

	print_saved_regs("registers of the guest, after", 3);

	results = (void *)(mem + SAVED);
	if (nr_hypercalls != 1 || results[1].rax != 6 || results[1].rbx != VMWARE_MAGIC ||
	    nr_ports != 1 || results[3].rax != 6 || results[3].rbx != VMWARE_MAGIC)
		errx(1, "%d hypercalls, %d port accesses, or wrong results",
		     nr_hypercalls, nr_ports);
	return 0;
}
