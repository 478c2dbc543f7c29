// SPDX-License-Identifier: GPL-2.0-only
/*
 * A minimal VMM with VMware hypercalls and the VMware backdoor, as an example for
 * authors of VMMs, see Documentation/virt/kvm/x86/vmware.rst.  Deliberately uses
 * nothing but KVM's uAPI.
 *
 * The guest is a program at CPL3, in 64-bit mode.  It gets the hypercall to use
 * from CPUID, as Linux does, and asks for VMware's version twice: by hypercall, and
 * by reading the backdoor's I/O port, which is denied by the TSS I/O bitmap.
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

/* Beyond guest memory, but mapped, a write tells the VMM that the guest is done. */
#define DONE			0x200000

#define STR_(x)	#x
#define STR(x)	STR_(x)

asm(".pushsection .rodata\n"
	".macro get_version insn\n"
	"	mov $" STR(VMWARE_MAGIC) ", %eax\n"
	"	xor %ebx, %ebx\n"
	"	mov $" STR(VMWARE_CMD_GETVERSION) ", %ecx\n"
	"	mov $" STR(VMWARE_PORT) ", %edx\n"
	"	\\insn\n"
	".endm\n"
	"guest:\n"
	"	mov $" STR(VMWARE_CPUID_FEATURES) ", %eax\n"
	"	cpuid\n"
	"	test $" STR(VMWARE_CPUID_VMCALL) ", %ecx\n"
	"	jz 1f\n"
	"	get_version vmcall\n"
	"	jmp 2f\n"
	"1:	get_version vmmcall\n"
	"2:	mov %rax, %r8\n"
	"	mov %rbx, %r9\n"
	"	get_version \"in %dx, %eax\"\n"
	"	mov %al, " STR(DONE) "\n"
	"guest_end:\n"
	".popsection\n");
extern const char guest[], guest_end[];

static struct kvm_run *run;
static char mem[MEM_SIZE] __attribute__((aligned(0x1000)));

static int do_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	if (ret < 0)
		err(1, "ioctl 0x%lx", cmd);
	return ret;
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

	supported = do_ioctl(vm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_X86_VMWARE);
	if ((supported & flags) != flags) {
		printf("1..0 # SKIP KVM_CAP_X86_VMWARE: want 0x%llx, KVM has 0x%llx\n",
		       flags, supported);
		exit(KSFT_SKIP);
	}
	do_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

/* What KVM supports, but for its own leaves, plus those that tell the guest about VMware. */
static void set_cpuid(int kvm, int vcpu)
{
	static char buffer[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
	struct kvm_cpuid2 *cpuid = (void *)buffer;
	struct kvm_cpuid_entry2 *entry;
	int i, nent = 0, is_amd = 0;

	cpuid->nent = 254;
	do_ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);

	for (i = 0; i < cpuid->nent; i++) {
		entry = &cpuid->entries[i];
		/* The vendor is that of the host, "AuthenticAMD" or "HygonGenuine". */
		if (entry->function == 0)
			is_amd = entry->ebx == 0x68747541 || entry->ebx == 0x6f677948;
		if (entry->function >> 8 != VMWARE_CPUID_SIGNATURE >> 8)
			cpuid->entries[nent++] = *entry;
	}

	cpuid->entries[nent++] = (struct kvm_cpuid_entry2) {
		.function = VMWARE_CPUID_SIGNATURE,
		.eax = VMWARE_CPUID_FEATURES,
		/* "VMwareVMware" */
		.ebx = 0x61774d56, .ecx = 0x4d566572, .edx = 0x65726177,
	};
	cpuid->entries[nent++] = (struct kvm_cpuid_entry2) {
		.function = VMWARE_CPUID_FEATURES,
		.ecx = is_amd ? VMWARE_CPUID_VMMCALL : VMWARE_CPUID_VMCALL,
	};
	cpuid->nent = nent;
	do_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
}

/* 64-bit mode, at CPL3, without access to any I/O port. */
static void set_regs(int vcpu)
{
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

	do_ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs = (struct kvm_segment) {
		.selector = 0x1b, .type = 0xb, .present = 1, .dpl = 3, .s = 1,
		.l = 1, .g = 1, .limit = ~0u,
	};
	sregs.ss = (struct kvm_segment) {
		.selector = 0x23, .type = 0x3, .present = 1, .dpl = 3, .s = 1,
		.db = 1, .g = 1, .limit = ~0u,
	};
	sregs.ds = sregs.ss;
	sregs.tr = (struct kvm_segment) {
		.selector = 0x28, .base = TSS, .limit = 103, .type = 0xb, .present = 1,
	};
	sregs.cr0 = 0x80000031;		/* PG, NE, ET, PE */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;		/* PAE */
	sregs.efer = 0x500;		/* LMA, LME */
	do_ioctl(vcpu, KVM_SET_SREGS, &sregs);
	do_ioctl(vcpu, KVM_SET_REGS, &regs);
}

/* What VMware does: set EAX to -1 for commands that don't exist. */
static void do_command(__u64 *rax, __u64 *rbx, __u64 *rcx)
{
	if ((__u16)*rcx == VMWARE_CMD_GETVERSION) {
		*rax = 6;		/* version of the protocol */
		*rbx = VMWARE_MAGIC;
		*rcx = 4;		/* type of product, Workstation */
	} else {
		*rax = ~0u;
	}
}

/* All registers are in the exit, on the way out and on the way in. */
static void handle_hypercall(void)
{
	typeof(run->vmware.u.hcall) *hcall = &run->vmware.u.hcall;

	printf("KVM_EXIT_VMWARE: type %u, longmode %u, cpl %u\n"
	       "  rax %llx  rbx %llx  rcx %llx  rdx %llx  rsi %llx  rdi %llx  rbp %llx\n",
	       run->vmware.type, hcall->longmode, hcall->cpl, hcall->rax, hcall->rbx,
	       hcall->rcx, hcall->rdx, hcall->rsi, hcall->rdi, hcall->rbp);

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
	struct kvm_regs *regs = &run->s.regs.regs;
	__u32 *data = (void *)run + run->io.data_offset;
	__u64 rax = regs->rax;

	printf("KVM_EXIT_IO: direction %u, size %u, port 0x%x, count %u\n"
	       "  rax %llx  rbx %llx  rcx %llx  rdx %llx\n",
	       run->io.direction, run->io.size, run->io.port, run->io.count,
	       regs->rax, regs->rbx, regs->rcx, regs->rdx);

	/* Unlike for hypercalls, KVM doesn't check the magic value. */
	if (run->io.direction != KVM_EXIT_IO_IN || run->io.size != 4 ||
	    (__u32)regs->rax != VMWARE_MAGIC)
		return;

	do_command(&rax, &regs->rbx, &regs->rcx);
	*data = rax;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

int main(void)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = MEM_SIZE,
		.userspace_addr = (unsigned long)mem,
	};
	struct kvm_regs *regs;
	int kvm, vm, vcpu;

	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(KSFT_SKIP, "/dev/kvm");
	vm = do_ioctl(kvm, KVM_CREATE_VM, NULL);
	enable_vmware(vm);
	do_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);

	vcpu = do_ioctl(vm, KVM_CREATE_VCPU, NULL);
	run = mmap(NULL, do_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL),
		   PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "mmap");
	set_cpuid(kvm, vcpu);
	set_regs(vcpu);

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	for (;;) {
		do_ioctl(vcpu, KVM_RUN, NULL);

		if (run->exit_reason == KVM_EXIT_VMWARE)
			handle_hypercall();
		else if (run->exit_reason == KVM_EXIT_IO && run->io.port == VMWARE_PORT)
			handle_port();
		else
			break;
	}

	regs = &run->s.regs.regs;
	printf("guest: rax %llx  rbx %llx, then rax %llx  rbx %llx\n",
	       regs->r8, regs->r9, regs->rax, regs->rbx);
	if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr != DONE ||
	    regs->r8 != 6 || regs->r9 != VMWARE_MAGIC ||
	    regs->rax != 6 || regs->rbx != VMWARE_MAGIC)
		errx(1, "exit %u at RIP 0x%llx, or wrong results", run->exit_reason, regs->rip);
	return 0;
}
