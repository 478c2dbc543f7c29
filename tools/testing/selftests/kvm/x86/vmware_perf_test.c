// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure what it costs a guest to get to userspace and back by way of VMware's
 * interfaces, compared to other exits, and what VMware emulation costs everyone
 * else.  Each test is a guest that does the same thing over and over again, with
 * exactly one exit to userspace per iteration.
 *
 * The unit is TSC cycles and nanoseconds on hardware.  An emulator that advances
 * time with each instruction (QEMU's -icount shift=0, Bochs) counts instructions.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <asm/kvm_para.h>
#include <linux/kvm_para.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "bare_guest.h"
#include "hyperv.h"
#include "vmware.h"

#define PORT		0x80
#define MSR_NONEXISTENT	0x40000500

static int nr_exits = 20;
static int nr_rounds = 10;
static int nr_warmup = 20;
static bool machine_readable;

/* The module param is the default of VMs whose userspace doesn't ask for anything. */
static const struct {
	const char *name;
	u64 flags;
} vms[] = {
	{ "default", 0 },
	{ "vmware", KVM_X86_VMWARE_BACKDOOR | KVM_X86_VMWARE_PSEUDO_PMCS |
		    KVM_X86_VMWARE_HYPERCALL },
};

struct perf_test {
	const char *id;
	const char *name;
	enum bare_mode mode;

	/* KVM_X86_VMWARE_xxx, and any other capability, that is required. */
	u64 flags;
	int cap;
	u64 cap_mask;

	/* The instruction, the VMCALL or VMMCALL of the CPU if there is none. */
	u8 insn[8];
	u8 len;
	u32 eax, ecx, edx;

	/*
	 * KVM handles the instruction and the guest goes on to exit with OUT, whose
	 * cost is subtracted, after the instruction or from the exception handler.
	 */
	bool in_kernel;
	u8 exception;

	u32 exit_reason;
	void (*prepare)(struct kvm_vcpu *vcpu);
	void (*respond)(struct kvm_vcpu *vcpu);
	/* RAX, RBX, RCX, RDX, RSI, and RDI, and not only RAX, are returned. */
	bool six_results;
};

static const struct kvm_regs results = {
	.rax = 0x1a1a1a1a, .rbx = 0x1b1b1b1b, .rcx = 0x1c1c1c1c,
	.rdx = 0x1d1d1d1d, .rsi = 0x1e1e1e1e, .rdi = 0x1f1f1f1f,
};

static void set_results(struct kvm_regs *regs)
{
	regs->rax = results.rax;
	regs->rbx = results.rbx;
	regs->rcx = results.rcx;
	regs->rdx = results.rdx;
	regs->rsi = results.rsi;
	regs->rdi = results.rdi;
}

/*
 * Don't use the library's assertions in code that is being measured, they format
 * the message unconditionally, i.e. would cost more than a round trip.
 */
static void respond_with_regs(struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	if (__vcpu_ioctl(vcpu, KVM_GET_REGS, &regs))
		TEST_FAIL("KVM_GET_REGS failed, errno = %d", errno);

	set_results(&regs);

	if (__vcpu_ioctl(vcpu, KVM_SET_REGS, &regs))
		TEST_FAIL("KVM_SET_REGS failed, errno = %d", errno);
}

static void prepare_sync_regs(struct kvm_vcpu *vcpu)
{
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
}

static void respond_with_sync_regs(struct kvm_vcpu *vcpu)
{
	set_results(&vcpu->run->s.regs.regs);
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

static void respond_io(struct kvm_vcpu *vcpu)
{
	*(u32 *)((void *)vcpu->run + vcpu->run->io.data_offset) = results.rax;
}

static void respond_io_with_regs(struct kvm_vcpu *vcpu)
{
	respond_io(vcpu);
	respond_with_regs(vcpu);
}

static void respond_io_with_sync_regs(struct kvm_vcpu *vcpu)
{
	respond_io(vcpu);
	respond_with_sync_regs(vcpu);
}

static void prepare_xen(struct kvm_vcpu *vcpu)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
		.msr = 0x40000200,
	};

	vm_ioctl(vcpu->vm, KVM_XEN_HVM_CONFIG, &config);
}

static void respond_xen(struct kvm_vcpu *vcpu)
{
	vcpu->run->xen.u.hcall.result = results.rax;
}

static void respond_xen_with_regs(struct kvm_vcpu *vcpu)
{
	respond_xen(vcpu);
	respond_with_regs(vcpu);
}

static void prepare_xen_with_sync_regs(struct kvm_vcpu *vcpu)
{
	prepare_xen(vcpu);
	prepare_sync_regs(vcpu);
}

static void respond_xen_with_sync_regs(struct kvm_vcpu *vcpu)
{
	respond_xen(vcpu);
	respond_with_sync_regs(vcpu);
}

static void prepare_map_gpa_range(struct kvm_vcpu *vcpu)
{
	vm_enable_cap(vcpu->vm, KVM_CAP_EXIT_HYPERCALL, BIT(KVM_HC_MAP_GPA_RANGE));
}

static void respond_map_gpa_range(struct kvm_vcpu *vcpu)
{
	vcpu->run->hypercall.ret = 0;
}

static void prepare_hyperv(struct kvm_vcpu *vcpu)
{
	vcpu_set_hv_cpuid(vcpu);
	vcpu_set_msr(vcpu, HV_X64_MSR_GUEST_OS_ID, HYPERV_LINUX_OS_ID);
}

static void respond_vmware(struct kvm_vcpu *vcpu)
{
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;

	exit->u.hcall.rax = results.rax;
	exit->u.hcall.rbx = results.rbx;
	exit->u.hcall.rcx = results.rcx;
	exit->u.hcall.rdx = results.rdx;
	exit->u.hcall.rsi = results.rsi;
	exit->u.hcall.rdi = results.rdi;
}

#define INSN(...)							\
	.insn = { __VA_ARGS__ },					\
	.len = sizeof((u8[]){ __VA_ARGS__ })

#define IN	INSN(0xed)
#define OUT	INSN(0xee)

#define BACKDOOR							\
	IN, .eax = VMWARE_MAGIC, .ecx = 10, .edx = VMWARE_PORT,		\
	.exit_reason = KVM_EXIT_IO

#define BACKDOOR_CPL3							\
	BACKDOOR, .mode = BARE_MODE_64_CPL3, .flags = KVM_X86_VMWARE_BACKDOOR

#define XEN								\
	.eax = 17, .exit_reason = KVM_EXIT_XEN,				\
	.cap = KVM_CAP_XEN_HVM, .cap_mask = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL

#define VMWARE								\
	.eax = VMWARE_MAGIC, .ecx = 10,	.exit_reason = KVM_EXIT_VMWARE,	\
	.flags = KVM_X86_VMWARE_HYPERCALL, .respond = respond_vmware,	\
	.six_results = true

#define EXCEPTION_CPL3(vector)						\
	.in_kernel = true, .exception = vector, .mode = BARE_MODE_64_CPL3

static const struct perf_test tests[] = {
	/* Must be first, it's what is subtracted from the in_kernel tests. */
	{ "out", "OUT", OUT, .edx = PORT, .exit_reason = KVM_EXIT_IO },
	{ "in", "IN", IN, .edx = PORT, .exit_reason = KVM_EXIT_IO,
	  .respond = respond_io },
	/* The instruction is overwritten by bare_vm_write_end(). */
	{ "mmio", "MMIO write", INSN(0, 0, 0, 0, 0, 0, 0),
	  .exit_reason = KVM_EXIT_MMIO },

	{ "port", "backdoor port, KVM_{GET,SET}_REGS", BACKDOOR,
	  .respond = respond_io_with_regs, .six_results = true },
	{ "port_sync", "backdoor port, KVM_SYNC_X86_REGS", BACKDOOR,
	  .prepare = prepare_sync_regs,
	  .respond = respond_io_with_sync_regs, .six_results = true },
	{ "port3_in", "backdoor port from CPL3, RAX only", BACKDOOR_CPL3,
	  .respond = respond_io },
	{ "port3", "backdoor port from CPL3, KVM_{GET,SET}_REGS", BACKDOOR_CPL3,
	  .respond = respond_io_with_regs, .six_results = true },
	{ "port3_sync", "backdoor port from CPL3, KVM_SYNC_X86_REGS", BACKDOOR_CPL3,
	  .prepare = prepare_sync_regs,
	  .respond = respond_io_with_sync_regs, .six_results = true },

	{ "hypercall", "KVM_EXIT_HYPERCALL", .eax = KVM_HC_MAP_GPA_RANGE, .ecx = 1,
	  .cap = KVM_CAP_EXIT_HYPERCALL, .cap_mask = BIT(KVM_HC_MAP_GPA_RANGE),
	  .exit_reason = KVM_EXIT_HYPERCALL,
	  .prepare = prepare_map_gpa_range, .respond = respond_map_gpa_range },
	{ "xen", "KVM_EXIT_XEN", XEN,
	  .prepare = prepare_xen, .respond = respond_xen },
	{ "xen_regs", "KVM_EXIT_XEN, KVM_{GET,SET}_REGS", XEN,
	  .prepare = prepare_xen,
	  .respond = respond_xen_with_regs, .six_results = true },
	{ "xen_sync", "KVM_EXIT_XEN, KVM_SYNC_X86_REGS", XEN,
	  .prepare = prepare_xen_with_sync_regs,
	  .respond = respond_xen_with_sync_regs, .six_results = true },
	{ "vmware", "KVM_EXIT_VMWARE", VMWARE },
	{ "vmware3", "KVM_EXIT_VMWARE from CPL3", VMWARE,
	  .mode = BARE_MODE_64_CPL3 },

	{ "kvm_hcall", "KVM hypercall", .eax = KVM_HC_VAPIC_POLL_IRQ,
	  .in_kernel = true },
	{ "hv_hcall", "Hyper-V hypercall", .ecx = 0xffff, .in_kernel = true,
	  .cap = KVM_CAP_HYPERV, .cap_mask = ~0ull, .prepare = prepare_hyperv },
	{ "cpuid", "CPUID", INSN(0x0f, 0xa2), .in_kernel = true },
	{ "rdmsr_gp", "RDMSR, #GP", INSN(0x0f, 0x32), .ecx = MSR_NONEXISTENT,
	  .in_kernel = true, .exception = GP_VECTOR },
	{ "rdpmc_gp", "RDPMC, #GP", INSN(0x0f, 0x33), .ecx = 0x12345,
	  .in_kernel = true, .exception = GP_VECTOR },
	{ "gp_in", "#GP by IN from CPL3, not the backdoor's port", IN, .edx = PORT,
	  EXCEPTION_CPL3(GP_VECTOR) },
	{ "gp_hlt", "#GP by HLT from CPL3", INSN(0xf4),
	  EXCEPTION_CPL3(GP_VECTOR) },
	{ "gp_seg", "#GP with an error code, from CPL3", INSN(0x8e, 0xd8), .eax = 0x18,
	  EXCEPTION_CPL3(GP_VECTOR) },
};

static u8 *emit(u8 *p, const void *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static u8 *emit_mov(u8 *p, u8 opcode, u32 val)
{
	*p++ = opcode;
	return emit(p, &val, sizeof(val));
}

static void load_guest(const struct perf_test *t, struct kvm_vcpu *vcpu)
{
	const u8 *hcall = host_cpu_is_intel ? (u8[]){ 0x0f, 0x01, 0xc1 } :
					      (u8[]){ 0x0f, 0x01, 0xd9 };
	const u8 out[] = { 0xe6, PORT };
	struct kvm_regs regs = {};
	u8 code[64], *p = code;
	size_t offset;

	p = emit_mov(p, 0xb8, t->eax);
	p = emit_mov(p, 0xb9, t->ecx);
	p = emit_mov(p, 0xba, t->edx);

	offset = p - code;
	if (t->len)
		p = emit(p, t->insn, t->len);
	else
		p = emit(p, hcall, 3);

	if (t->in_kernel && !t->exception)
		p = emit(p, out, sizeof(out));

	/* jmp to the first instruction */
	*p++ = 0xeb;
	*p = code - (p + 1);
	p++;

	bare_vcpu_load(vcpu, t->mode, code, p - code, &regs);

	/* The exit is followed by UD2, restore the code that follows the exit. */
	if (t->exit_reason == KVM_EXIT_MMIO) {
		bare_vm_write_end(vcpu->vm, offset);
		offset += t->len;
		memcpy(addr_gpa2hva(vcpu->vm, BARE_CODE + offset), code + offset,
		       p - code - offset);
	}

	if (t->exception) {
		const u8 handler[] = {
			0xe6, PORT,				/* out PORT, al */
			0x48, 0x83, 0xc4, 0x08,			/* add rsp, 8 */
			0x48, 0x83, 0x04, 0x24, t->len,		/* add [rsp], len */
			0x48, 0xcf,				/* iretq */
		};

		bare_vm_write_handler(vcpu->vm, t->exception, handler, sizeof(handler));
	}
}

static void run_guest(const struct perf_test *t, struct kvm_vcpu *vcpu, int count)
{
	const u32 reason = t->in_kernel ? KVM_EXIT_IO : t->exit_reason;

	while (count--) {
		if (__vcpu_run(vcpu))
			TEST_FAIL("KVM_RUN failed, errno = %d", errno);

		if (vcpu->run->exit_reason != reason)
			TEST_ASSERT_KVM_EXIT_REASON(vcpu, reason);

		if (t->respond)
			t->respond(vcpu);
	}
}

struct sample {
	double cycles;
	double ns;
	double exits;
};

static int compare_samples(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->cycles;
	double y = ((const struct sample *)b)->cycles;

	return (x > y) - (x < y);
}

/* The samples are per iteration, i.e. averages of a round, in ascending order. */
static void measure(const struct perf_test *t, u64 flags, struct sample *samples)
{
	struct timespec start, elapsed;
	struct kvm_vcpu *vcpu;
	struct kvm_regs regs;
	struct kvm_vm *vm;
	u64 cycles, exits;
	int i;

	vm = bare_vm_create();
	if (flags)
		vm_enable_cap(vm, KVM_CAP_X86_VMWARE, flags);
	vcpu = bare_vcpu_add(vm, 0);
	if (t->prepare)
		t->prepare(vcpu);
	load_guest(t, vcpu);

	run_guest(t, vcpu, nr_warmup);

	for (i = 0; i < nr_rounds; i++) {
		exits = vcpu_get_stat(vcpu, exits);
		clock_gettime(CLOCK_MONOTONIC, &start);
		cycles = rdtsc();

		run_guest(t, vcpu, nr_exits);

		cycles = rdtsc() - cycles;
		elapsed = timespec_elapsed(start);
		exits = vcpu_get_stat(vcpu, exits) - exits;

		samples[i].cycles = (double)cycles / nr_exits;
		samples[i].ns = (double)timespec_to_ns(elapsed) / nr_exits;
		samples[i].exits = (double)exits / nr_exits;
	}

	if (t->six_results) {
		/* RAX, RCX, and RDX are overwritten for the next iteration. */
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT_EQ(regs.rbx, results.rbx);
		TEST_ASSERT_EQ(regs.rsi, results.rsi);
		TEST_ASSERT_EQ(regs.rdi, results.rdi);
	}

	kvm_vm_free(vm);
	qsort(samples, nr_rounds, sizeof(*samples), compare_samples);
}

static bool is_backdoor_default(void)
{
	/* The param doesn't exist if KVM is built without CONFIG_KVM_VMWARE. */
	return !access("/sys/module/kvm/parameters/enable_vmware_backdoor", F_OK) &&
	       get_kvm_param_bool("enable_vmware_backdoor");
}

static bool is_supported(const struct perf_test *t, u64 vm_flags)
{
	u64 flags = vm_flags;

	if (vm_flags & ~(u64)kvm_check_cap(KVM_CAP_X86_VMWARE))
		return false;

	if (t->cap && !(kvm_check_cap(t->cap) & t->cap_mask))
		return false;

	if (!flags && is_backdoor_default())
		flags = KVM_X86_VMWARE_BACKDOOR;

	return !(t->flags & ~flags);
}

static void run_test(const struct perf_test *t, int vm, struct sample *samples)
{
	static struct sample out[ARRAY_SIZE(vms)];
	struct sample base = {};

	if (!is_supported(t, vms[vm].flags)) {
		if (!machine_readable)
			pr_info(" %12s %12s", "skip", "skip");
		return;
	}

	measure(t, vms[vm].flags, samples);

	if (t == &tests[0])
		out[vm] = samples[0];
	else if (t->in_kernel)
		base = out[vm];

	if (machine_readable)
		pr_info("%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%s\n", t->id, vms[vm].name,
			samples[0].cycles - base.cycles,
			samples[nr_rounds / 2].cycles - base.cycles,
			samples[nr_rounds - 1].cycles - base.cycles,
			samples[0].ns - base.ns, samples[0].exits - base.exits, t->name);
	else
		pr_info(" %12.1f %12.1f", samples[0].cycles - base.cycles,
			samples[0].ns - base.ns);
}

static void print_header(void)
{
	pr_info("Backdoor enabled by default (enable_vmware_backdoor): %s\n",
		is_backdoor_default() ? "yes" : "no");
	pr_info("Fastest of %d rounds of %d exits to userspace: TSC cycles and ns per round\n",
		nr_rounds, nr_exits);
	pr_info("trip guest - userspace - guest, or, if marked with '*', per instruction that\n");
	pr_info("doesn't involve userspace.\n\n");
	pr_info("%-50s %25s %25s\n", "", "default VM", "KVM_CAP_X86_VMWARE");
	pr_info("%-50s %12s %12s %12s %12s\n", "", "cycles", "ns", "cycles", "ns");
}

static void help(const char *name)
{
	printf("usage: %s [-h] [-n exits] [-r rounds] [-w warmup] [-m]\n", name);
	printf(" -n: exits per round (default: %d)\n", nr_exits);
	printf(" -r: rounds, of which the fastest counts (default: %d)\n", nr_rounds);
	printf(" -w: exits before the first round (default: %d)\n", nr_warmup);
	printf(" -m: machine-readable output, i.e. tab separated values\n");
	exit(0);
}

int main(int argc, char *argv[])
{
	struct sample *samples;
	int opt, i, j;

	while ((opt = getopt(argc, argv, "hn:r:w:m")) != -1) {
		switch (opt) {
		case 'n':
			nr_exits = atoi_positive("Number of exits", optarg);
			break;
		case 'r':
			nr_rounds = atoi_positive("Number of rounds", optarg);
			break;
		case 'w':
			nr_warmup = atoi_positive("Number of warmup exits", optarg);
			break;
		case 'm':
			machine_readable = true;
			break;
		default:
			help(argv[0]);
		}
	}

	pin_self_to_any_cpu();

	samples = calloc(nr_rounds, sizeof(*samples));
	TEST_ASSERT(samples, "Failed to allocate %d samples", nr_rounds);

	if (machine_readable)
		pr_info("test\tvm\tmin_cycles\tmedian_cycles\tmax_cycles\tmin_ns\tvm_exits\tname\n");
	else
		print_header();

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (!machine_readable)
			pr_info("%c %-48s", tests[i].in_kernel ? '*' : ' ', tests[i].name);

		for (j = 0; j < ARRAY_SIZE(vms); j++)
			run_test(&tests[i], j, samples);

		if (!machine_readable)
			pr_info("\n");
	}

	free(samples);

	/*
	 * Everything but what requires the capability is measured regardless, as
	 * a reference, but without the capability this isn't worth a "pass".
	 */
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_HYPERCALL);

	return 0;
}
