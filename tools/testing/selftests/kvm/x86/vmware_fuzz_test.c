// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz test for VMware emulation.
 *
 * Run random instructions, i.e. hypercalls, port I/O, RDPMC, and a few that have
 * nothing to do with VMware, with random registers, in random modes, and in VMs
 * with random features.  Reply to exits with random registers and requests, put
 * garbage into everything that userspace is allowed to write, change vCPU state
 * behind KVM's back, and pester KVM from other threads.
 *
 * Predict where each instruction goes, what's in the exit, and what the guest
 * gets, solely based on KVM's documentation (and the architecture), see "goal".
 *
 * Everything but the timing of the other threads is a function of the seed.  Each
 * pair of VMs has a seed of its own, the next pair's seed is the successor, i.e.
 * replaying a failure takes at most ITERATIONS_PER_SEED iterations.
 */
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "test_util.h"
#include "kvm_util.h"
#include "kselftest.h"
#include "processor.h"
#include "bare_guest.h"
#include "hyperv.h"
#include "vmware.h"

#define DEFAULT_NR_EXITS	50000
#define ITERATIONS_PER_SEED	512
#define NR_VMS			2
#define NR_THREADS		2

/* Everything must have happened at least once by then. */
#define MIN_EXITS_FOR_COVERAGE	10000

/* Where the guest ends up if userspace moves RIP, beyond all instructions. */
#define MOVED_OFFSET		64

/* All registers but RSP and RIP, those that are part of a hypercall come first. */
#define NR_HCALL_REGS		7

#define REG(r)		{ #r, offsetof(struct kvm_regs, r) }
#define HCALL_REG(r)	{ #r, offsetof(struct kvm_regs, r), \
			      offsetof(struct kvm_vmware_exit, u.hcall.r) }

static const struct {
	const char *name;
	size_t regs_offset;
	size_t exit_offset;
} gprs[] = {
	HCALL_REG(rax), HCALL_REG(rbx), HCALL_REG(rcx), HCALL_REG(rdx),
	HCALL_REG(rsi), HCALL_REG(rdi), HCALL_REG(rbp),
	REG(r8), REG(r9), REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15),
};

static __u64 *gpr(struct kvm_regs *regs, int i)
{
	return (void *)regs + gprs[i].regs_offset;
}

static __u64 hcall_reg(struct kvm_vmware_exit *exit, int i)
{
	return *(__u64 *)((void *)exit + gprs[i].exit_offset);
}

enum insn_type { INSN_HCALL, INSN_IO, INSN_RDPMC, INSN_UD2, INSN_HLT, INSN_CLI, INSN_MOV_DS };

enum { IO_IN = BIT(0), IO_STRING = BIT(1), IO_IMM = BIT(2) };

struct insn {
	enum insn_type type;
	const char *name;
	u8 len;
	u8 opcode[3];
	u8 size;
	u8 flags;
};

static const struct insn hcalls[] = {
	{ INSN_HCALL, "vmcall",		3, { 0x0f, 0x01, 0xc1 } },
	{ INSN_HCALL, "vmmcall",	3, { 0x0f, 0x01, 0xd9 } },
};

static const struct insn ios[] = {
	{ INSN_IO, "in al, dx",		1, { 0xec }, 1, IO_IN },
	{ INSN_IO, "in ax, dx",		2, { 0x66, 0xed }, 2, IO_IN },
	{ INSN_IO, "in eax, dx",	1, { 0xed }, 4, IO_IN },
	{ INSN_IO, "in eax, dx",	1, { 0xed }, 4, IO_IN },
	{ INSN_IO, "in eax, imm8",	2, { 0xe5 }, 4, IO_IN | IO_IMM },
	{ INSN_IO, "out dx, al",	1, { 0xee }, 1, 0 },
	{ INSN_IO, "out dx, ax",	2, { 0x66, 0xef }, 2, 0 },
	{ INSN_IO, "out dx, eax",	1, { 0xef }, 4, 0 },
	{ INSN_IO, "out dx, eax",	1, { 0xef }, 4, 0 },
	{ INSN_IO, "out imm8, al",	2, { 0xe6 }, 1, IO_IMM },
	{ INSN_IO, "insb",		1, { 0x6c }, 1, IO_IN | IO_STRING },
	{ INSN_IO, "insw",		2, { 0x66, 0x6d }, 2, IO_IN | IO_STRING },
	{ INSN_IO, "insd",		1, { 0x6d }, 4, IO_IN | IO_STRING },
	{ INSN_IO, "outsb",		1, { 0x6e }, 1, IO_STRING },
	{ INSN_IO, "outsw",		2, { 0x66, 0x6f }, 2, IO_STRING },
	{ INSN_IO, "outsd",		1, { 0x6f }, 4, IO_STRING },
};

static const struct insn others[] = {
	{ INSN_RDPMC, "rdpmc",		2, { 0x0f, 0x33 } },
	{ INSN_RDPMC, "rdpmc",		2, { 0x0f, 0x33 } },
	{ INSN_RDPMC, "rdpmc",		2, { 0x0f, 0x33 } },
	{ INSN_UD2, "ud2",		2, { 0x0f, 0x0b } },
	{ INSN_HLT, "hlt",		1, { 0xf4 } },
	{ INSN_CLI, "cli",		1, { 0xfa } },
	{ INSN_MOV_DS, "mov ds, eax",	2, { 0x8e, 0xd8 } },
};

struct fuzz_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u64 flags;		/* KVM_X86_VMWARE_xxx */
	bool is_configured;	/* not just the default */
	bool has_xen;
	bool has_hyperv;
	bool fixes_hcalls;
};

/* What the guest will do if left alone, and the registers that it'll have. */
enum goal_type {
	GOAL_VMWARE,		/* KVM_EXIT_VMWARE */
	GOAL_XEN,		/* KVM_EXIT_XEN */
	GOAL_IO,		/* KVM_EXIT_IO, as described by the instruction */
	GOAL_DONE,		/* get to @offset, with or without help from KVM */
	GOAL_EXCEPTION,		/* take an exception at @rip */
};

static const char * const goal_names[] = {
	"KVM_EXIT_VMWARE", "KVM_EXIT_XEN", "KVM_EXIT_IO", "completion", "exception",
};

struct goal {
	enum goal_type type;
	u64 rip;
	size_t offset;
	u8 vector;
	u16 error_code;
	bool has_cr2;
	u64 cr2;
	struct kvm_regs regs;
	/* Bits of @regs that are defined. */
	u64 mask;
};

/* All state of an iteration, static so that it can be printed on failure. */
static struct {
	bool is_active;
	u32 seed;
	u32 iteration;
	struct fuzz_vm *vm;
	enum bare_mode mode;
	const struct insn *insn;
	u8 code[16];
	size_t prefix_len;	/* of the forced emulation prefix */
	size_t len;
	bool is_rep;
	u16 port;
	struct kvm_regs regs;
	struct goal goal;
	const char *change;
} cur;

/* What happened, all of this must happen sooner or later. */
enum count {
	COUNT_VMWARE,
	COUNT_XEN,
	COUNT_IO,
	COUNT_STRING_IO,
	COUNT_DONE,
	COUNT_EXCEPTION,
	NR_EXIT_COUNTS,

	COUNT_RESULT = NR_EXIT_COUNTS,
	COUNT_REQUEST,
	COUNT_BAD_REQUEST,
	COUNT_MOVED,
	COUNT_EVENT,
	COUNT_SINGLE_STEP,
	COUNT_PMC,
	COUNT_EINVAL,
	COUNT_EINTR,
	COUNT_IOCTL,
	NR_COUNTS,
};

static const char * const count_names[] = {
	[COUNT_VMWARE]		= "KVM_EXIT_VMWARE",
	[COUNT_XEN]		= "KVM_EXIT_XEN",
	[COUNT_IO]		= "KVM_EXIT_IO",
	[COUNT_STRING_IO]	= "KVM_EXIT_IO for INS and OUTS",
	[COUNT_DONE]		= "exits after an instruction",
	[COUNT_EXCEPTION]	= "exits after an exception",
	[COUNT_RESULT]		= "VMware hypercalls completed",
	[COUNT_REQUEST]		= "exceptions requested",
	[COUNT_BAD_REQUEST]	= "malformed requests",
	[COUNT_MOVED]		= "hypercalls abandoned",
	[COUNT_EVENT]		= "exceptions from KVM_SET_VCPU_EVENTS",
	[COUNT_SINGLE_STEP]	= "hypercalls single-stepped",
	[COUNT_PMC]		= "pseudo-PMCs read",
	[COUNT_EINVAL]		= "KVM_RUN refused",
	[COUNT_EINTR]		= "KVM_RUN interrupted",
	[COUNT_IOCTL]		= "calls from other threads",
};

static u64 counts[NR_COUNTS];

static bool has_xen_cap, has_hyperv_cap, has_fep, skip_drops_events;

/*
 * SplitMix64.  The library's generator has only 31 bits of state (and output),
 * and consecutive seeds result in sequences that are all but identical.
 */
static __thread u64 rng;

static u64 rnd(void)
{
	u64 z = (rng += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static u32 below(u32 n)
{
	return rnd() % n;
}

static bool one_in(u32 n)
{
	return !below(n);
}

static void rnd_bytes(void *buf, size_t len)
{
	u8 *p = buf;
	u64 val;

	for (; len >= sizeof(val); len -= sizeof(val), p += sizeof(val)) {
		val = rnd();
		memcpy(p, &val, sizeof(val));
	}
	val = rnd();
	memcpy(p, &val, len);
}

static u64 rnd_reg(void)
{
	static const u64 vals[] = {
		0, 1, 10, 0x7fffffff, 0x80000000, 0xffffffff, BIT_ULL(32),
		BIT_ULL(63), ~0ull, VMWARE_MAGIC, VMWARE_PORT, VMWARE_PORT_HB,
		VMWARE_PMC_HOST_TSC, BARE_CODE, BARE_DATA,
	};
	u64 upper = one_in(2) ? rnd() << 32 : 0;

	return one_in(2) ? (u32)rnd() | upper : vals[below(ARRAY_SIZE(vals))] | upper;
}

static void rnd_gprs(struct kvm_regs *regs)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(gprs); i++)
		*gpr(regs, i) = rnd_reg();
}

/* Best effort, must not fail. */
static void report_state(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_events events;
	struct kvm_run *run = vcpu->run;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	fprintf(stderr, "  got: exit %u (%s)", run->exit_reason, exit_reason_str(run->exit_reason));
	if (run->exit_reason == KVM_EXIT_IO)
		fprintf(stderr, ", port 0x%x", run->io.port);

	if (__vcpu_ioctl(vcpu, KVM_GET_REGS, &regs) ||
	    __vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs) ||
	    __vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events)) {
		fprintf(stderr, "\n");
		return;
	}

	fprintf(stderr, ", rip 0x%llx rsp 0x%llx rflags 0x%llx rax 0x%llx cs 0x%x ss 0x%x\n",
		regs.rip, regs.rsp, regs.rflags, regs.rax, sregs.cs.selector, sregs.ss.selector);
	fprintf(stderr, "  cr0 0x%llx cr2 0x%llx, exception %u (pending %u, injected %u)\n",
		sregs.cr0, sregs.cr2, events.exception.nr, events.exception.pending,
		events.exception.injected);
	fprintf(stderr, "  interrupt %u (injected %u, shadow %u), NMI injected %u\n",
		events.interrupt.nr, events.interrupt.injected, events.interrupt.shadow,
		events.nmi.injected);
}

static void report_failure(void)
{
	int i;

	if (!cur.is_active)
		return;

	cur.is_active = false;
	fprintf(stderr, "Failed at iteration %u of seed 0x%x (use '-s 0x%x' to replay)\n",
		cur.iteration, cur.seed, cur.seed);
	if (!cur.insn)
		return;

	fprintf(stderr, "  VM: flags 0x%lx%s%s%s\n", cur.vm->flags,
		cur.vm->has_xen ? ", Xen" : "", cur.vm->has_hyperv ? ", Hyper-V" : "",
		cur.vm->fixes_hcalls ? "" : ", no KVM_X86_QUIRK_FIX_HYPERCALL_INSN");
	fprintf(stderr, "  guest: mode %d (%s, CPL %d), %s%s%s:", cur.mode,
		bare_mode_is_64bit(cur.mode) ? "64-bit" : "not 64-bit",
		bare_mode_cpl(cur.mode), cur.prefix_len ? "forced emulation of " : "",
		cur.is_rep ? "rep " : "", cur.insn->name);
	for (i = 0; i < cur.len; i++)
		fprintf(stderr, " %02x", cur.code[i]);
	fprintf(stderr, "\n  registers: rflags 0x%llx", cur.regs.rflags);
	for (i = 0; i < ARRAY_SIZE(gprs); i++)
		fprintf(stderr, " %s 0x%llx", gprs[i].name, *gpr(&cur.regs, i));
	fprintf(stderr, "\n  wanted: %s, offset %lu, vector %u, error code 0x%x, rip 0x%lx\n",
		goal_names[cur.goal.type], cur.goal.offset, cur.goal.vector,
		cur.goal.error_code, cur.goal.rip);
	fprintf(stderr, "  changed by userspace: %s\n", cur.change);
	report_state(cur.vm->vcpu);
}

/*
 * All of the below is output only, or has no meaning for a VM with an in-kernel
 * local APIC and no exit that's pending.
 */
static void scribble_run(struct kvm_run *run)
{
	run->request_interrupt_window = rnd();
	rnd_bytes(run->padding1, sizeof(run->padding1));
	run->exit_reason = rnd();
	run->ready_for_interrupt_injection = rnd();
	run->if_flag = rnd();
	run->flags = rnd();
	run->cr8 = rnd();
	run->apic_base = rnd();
	rnd_bytes(run->padding, sizeof(run->padding));
	rnd_bytes(&run->s, one_in(16) ? sizeof(run->s) : sizeof(run->s.regs.regs));
}

static void assert_run_einval(enum count count)
{
	int r = __vcpu_run(cur.vm->vcpu);

	TEST_ASSERT(r == -1 && errno == EINVAL,
		    "Wanted EINVAL from KVM_RUN, got r = %d, errno = %d", r, errno);
	counts[count]++;
}

/* Enter the guest, preceded by attempts to do so that don't get there. */
static void run_guest(void)
{
	struct kvm_vcpu *vcpu = cur.vm->vcpu;
	struct kvm_run *run = vcpu->run;
	u64 dirty = run->kvm_dirty_regs;
	struct kvm_regs regs;
	int r;

	/* Unknown bits are refused, nothing is lost. */
	if (one_in(16)) {
		u64 bad = rnd() << 3 | BIT_ULL(3 + below(61));

		if (dirty || one_in(2))
			run->kvm_dirty_regs |= bad;
		else
			run->kvm_valid_regs = bad;
		assert_run_einval(COUNT_EINVAL);
		run->kvm_dirty_regs = dirty;
		run->kvm_valid_regs = 0;
	}

	/* What's pending is completed, i.e. the reply is no longer needed. */
	if (one_in(16)) {
		run->immediate_exit = rnd() | 1;
		r = __vcpu_run(vcpu);
		run->immediate_exit = 0;
		run->kvm_dirty_regs = 0;

		/* Completing string I/O may require another exit. */
		if (!r && cur.goal.type == GOAL_IO && (cur.insn->flags & IO_STRING))
			goto exited;

		TEST_ASSERT(r == -1 && errno == EINTR,
			    "Wanted EINTR from KVM_RUN, got r = %d, errno = %d", r, errno);
		counts[COUNT_EINTR]++;
		scribble_run(run);
	}

	run->kvm_valid_regs = one_in(4) ? rnd() & KVM_SYNC_X86_VALID_FIELDS : 0;
	r = __vcpu_run(vcpu);
	TEST_ASSERT(!r, "KVM_RUN failed, errno = %d (%s)", errno, strerror(errno));

	if (run->kvm_valid_regs & KVM_SYNC_X86_REGS) {
		vcpu_regs_get(vcpu, &regs);
		TEST_ASSERT(!memcmp(&regs, &run->s.regs.regs, sizeof(regs)),
			    "KVM_GET_REGS and synchronized registers differ");
	}

exited:
	TEST_ASSERT_EQ(run->flags, 0);
	run->kvm_valid_regs = 0;
	run->kvm_dirty_regs = 0;
}

/* Set the guest's registers to cur.goal.regs, at @rip. */
static void set_regs(u64 rip)
{
	struct kvm_vcpu *vcpu = cur.vm->vcpu;
	struct kvm_regs regs = cur.goal.regs;

	regs.rip = rip;
	if (one_in(2)) {
		vcpu_regs_set(vcpu, &regs);
	} else {
		vcpu->run->s.regs.regs = regs;
		vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	}
}

static void set_exception_goal(u8 vector, u16 error_code, u64 rip)
{
	cur.goal.type = GOAL_EXCEPTION;
	cur.goal.vector = vector;
	cur.goal.error_code = error_code;
	cur.goal.rip = rip;
}

static void set_done_goal(size_t offset)
{
	cur.goal.type = GOAL_DONE;
	cur.goal.offset = offset;
}

static void assert_regs(struct kvm_regs *regs)
{
	u64 wanted, got;
	int i;

	for (i = 0; i < ARRAY_SIZE(gprs); i++) {
		wanted = *gpr(&cur.goal.regs, i) & cur.goal.mask;
		got = *gpr(regs, i) & cur.goal.mask;
		TEST_ASSERT(wanted == got, "Wanted %s = 0x%lx, got 0x%lx",
			    gprs[i].name, wanted, got);
	}
}

/* Check that the guest, left alone, reached its final goal. */
static void assert_goal(void)
{
	struct kvm_vcpu *vcpu = cur.vm->vcpu;
	struct goal *goal = &cur.goal;
	struct bare_exception e;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (goal->type == GOAL_DONE) {
		bare_vcpu_assert_done(vcpu, goal->offset);
		counts[COUNT_DONE]++;
	} else {
		e = bare_vcpu_assert_exception(vcpu, goal->vector);
		TEST_ASSERT_EQ(e.rip, goal->rip);
		TEST_ASSERT_EQ(e.error_code, goal->error_code);
		TEST_ASSERT_EQ(e.cs & 3, bare_mode_cpl(cur.mode));
		if (goal->has_cr2) {
			vcpu_sregs_get(vcpu, &sregs);
			TEST_ASSERT_EQ(sregs.cr2, goal->cr2);
		}
		counts[COUNT_EXCEPTION]++;
	}

	vcpu_regs_get(vcpu, &regs);
	if (goal->type == GOAL_DONE) {
		if (cur.insn->type == INSN_RDPMC) {
			TEST_ASSERT(!(regs.rax >> 32) && !(regs.rdx >> 32),
				    "Bad result of RDPMC, rax = 0x%llx, rdx = 0x%llx",
				    regs.rax, regs.rdx);
			goal->regs.rax = regs.rax;
			goal->regs.rdx = regs.rdx;
			counts[COUNT_PMC]++;
		}
		TEST_ASSERT_EQ(regs.rflags & ~X86_EFLAGS_RF, goal->regs.rflags);
	}
	assert_regs(&regs);
}

static bool is_contributory(u8 vector)
{
	return vector == DE_VECTOR || (vector >= TS_VECTOR && vector <= GP_VECTOR);
}

static bool has_error_code(u8 vector)
{
	return vector == DF_VECTOR || (vector >= TS_VECTOR && vector <= PF_VECTOR) ||
	       vector == AC_VECTOR;
}

static bool is_double_fault(u8 first, u8 second)
{
	return (is_contributory(first) && is_contributory(second)) ||
	       (first == PF_VECTOR && (is_contributory(second) || second == PF_VECTOR));
}

/* Fill in the request for an exception, and return true if it's valid (or none). */
static bool rnd_request(struct kvm_vmware_exit *exit)
{
	static const u8 vectors[] = { UD_VECTOR, GP_VECTOR, PF_VECTOR };
	u32 vector = vectors[below(ARRAY_SIZE(vectors))];

	/* Without flags, the rest is ignored. */
	if (one_in(2)) {
		exit->u.hcall.exception.flags = 0;
		return true;
	}

	exit->u.hcall.exception.flags = KVM_VMWARE_EXCEPTION_VALID;
	exit->u.hcall.exception.vector = vector;
	exit->u.hcall.exception.error_code = has_error_code(vector) ? (u16)rnd() : 0;
	exit->u.hcall.exception.pad = 0;
	exit->u.hcall.exception.address = vector == PF_VECTOR ? rnd_reg() : 0;
	if (!one_in(3))
		return true;

	/* Violate (at least) one of the rules. */
	switch (below(5)) {
	case 0:
		exit->u.hcall.exception.flags = rnd() | BIT(1 + below(31));
		break;
	case 1:
		do {
			vector = one_in(2) ? below(64) : rnd();
		} while (memchr(vectors, vector, sizeof(vectors)) && vector < 32);
		exit->u.hcall.exception.vector = vector;
		break;
	case 2:
		exit->u.hcall.exception.error_code |= BIT(16 + below(16));
		break;
	case 3:
		exit->u.hcall.exception.pad = rnd() | BIT(below(32));
		break;
	case 4:
		if (vector == PF_VECTOR)
			exit->u.hcall.exception.vector = GP_VECTOR;
		exit->u.hcall.exception.address = rnd() | BIT_ULL(below(64));
		break;
	}
	return false;
}

/* What userspace changes while a hypercall is pending, in addition to its reply. */
enum change_type {
	CHANGE_NOTHING,
	CHANGE_REGS,
	CHANGE_RIP,
	CHANGE_RIP_AND_BACK,
	CHANGE_CS_BASE,
	CHANGE_TF,
	CHANGE_EVENTS,
	NR_CHANGES,
};

static const char * const change_names[] = {
	"nothing", "registers", "RIP", "RIP, and moved it back", "CS.base",
	"RFLAGS.TF", "a pending exception",
};

static enum change_type change_state(struct kvm_vcpu_events *events)
{
	static const u8 vectors[] = { DE_VECTOR, UD_VECTOR, NM_VECTOR, SS_VECTOR,
				      GP_VECTOR, PF_VECTOR };
	enum change_type change = one_in(2) ? CHANGE_NOTHING : below(NR_CHANGES);
	struct kvm_vcpu *vcpu = cur.vm->vcpu;
	u64 rip = BARE_CODE + cur.prefix_len;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	/* CS.base has no meaning in 64-bit mode. */
	if (change == CHANGE_CS_BASE && bare_mode_is_64bit(cur.mode))
		change = CHANGE_RIP;

	cur.change = change_names[change];
	bare_vm_write_end(vcpu->vm, cur.len + MOVED_OFFSET);

	switch (change) {
	case CHANGE_NOTHING:
		return change;
	case CHANGE_EVENTS:
		vcpu_events_get(vcpu, events);
		events->exception.injected = 1;
		events->exception.nr = vectors[below(ARRAY_SIZE(vectors))];
		events->exception.has_error_code = has_error_code(events->exception.nr);
		events->exception.error_code = events->exception.has_error_code ? (u16)rnd() : 0;
		vcpu_events_set(vcpu, events);
		return change;
	case CHANGE_RIP:
		rip = BARE_CODE + cur.len + MOVED_OFFSET;
		break;
	case CHANGE_RIP_AND_BACK:
		regs = cur.goal.regs;
		regs.rip = BARE_CODE + cur.len + MOVED_OFFSET;
		vcpu_regs_set(vcpu, &regs);
		break;
	case CHANGE_CS_BASE:
		vcpu_sregs_get(vcpu, &sregs);
		sregs.cs.base = cur.len + MOVED_OFFSET - cur.prefix_len;
		/* QEMU's SVM doesn't like a busy 32-bit TSS, see bare_vcpu_load(). */
		if (!host_cpu_is_intel)
			sregs.tr.type = 0x9;
		vcpu_sregs_set(vcpu, &sregs);
		break;
	case CHANGE_TF:
		cur.goal.regs.rflags |= X86_EFLAGS_TF;
		break;
	default:
		break;
	}

	rnd_gprs(&cur.goal.regs);
	set_regs(rip);
	return change;
}

/* Request an exception, or not.  Malformed requests must fail and change nothing. */
static void rnd_requests(struct kvm_vmware_exit *exit)
{
	struct kvm_run *run = cur.vm->vcpu->run;
	u8 before[sizeof(run->padding)];
	struct kvm_regs regs;
	u32 exit_reason;

	while (!rnd_request(exit)) {
		memcpy(before, run->padding, sizeof(before));
		exit_reason = run->exit_reason;
		assert_run_einval(COUNT_BAD_REQUEST);
		TEST_ASSERT(!memcmp(before, run->padding, sizeof(before)) &&
			    run->exit_reason == exit_reason,
			    "KVM modified an exit whose request is malformed");

		/* Synchronizing registers comes first, and does happen. */
		run->kvm_dirty_regs = 0;
		vcpu_regs_get(cur.vm->vcpu, &regs);
		TEST_ASSERT_EQ(regs.rip, BARE_CODE + cur.prefix_len);
		assert_regs(&regs);
	}
}

/* Change state, and reply to a hypercall (VMware's or Xen's). */
static void reply_to_hcall(void)
{
	u64 mask = bare_mode_is_64bit(cur.mode) ? ~0ull : 0xffffffff;
	struct kvm_run *run = cur.vm->vcpu->run;
	struct kvm_vmware_exit *exit = &run->vmware;
	bool is_vmware = cur.goal.type == GOAL_VMWARE;
	struct kvm_vcpu_events events;
	enum change_type change;
	u64 rip;
	u8 vector;
	int i;

	scribble_run(run);
	change = change_state(&events);

	/* If RIP was moved, the reply, no matter how malformed, is irrelevant. */
	if (change == CHANGE_RIP || change == CHANGE_CS_BASE) {
		if (is_vmware && one_in(2))
			exit->u.hcall.exception.flags = 0;
		counts[COUNT_MOVED]++;
		set_done_goal(cur.len + MOVED_OFFSET);
		return;
	}

	if (!is_vmware) {
		/* Outside of 64-bit mode, bits 63:32 of Xen's result are undefined. */
		run->xen.u.hcall.result = rnd_reg() & mask;
		cur.goal.regs.rax = run->xen.u.hcall.result;
	} else {
		rnd_requests(exit);
		if (exit->u.hcall.exception.flags) {
			rip = BARE_CODE + cur.prefix_len;
			vector = exit->u.hcall.exception.vector;
			counts[COUNT_REQUEST]++;
			if (change == CHANGE_EVENTS &&
			    is_double_fault(events.exception.nr, vector)) {
				set_exception_goal(DF_VECTOR, 0, rip);
				return;
			}

			set_exception_goal(vector, exit->u.hcall.exception.error_code, rip);
			cur.goal.has_cr2 = vector == PF_VECTOR;
			cur.goal.cr2 = exit->u.hcall.exception.address & mask;
			return;
		}

		for (i = 0; i < NR_HCALL_REGS; i++)
			*gpr(&cur.goal.regs, i) = hcall_reg(exit, i) & mask;
		counts[COUNT_RESULT]++;
	}

	rip = BARE_CODE + cur.len;
	if (change == CHANGE_TF) {
		counts[COUNT_SINGLE_STEP]++;
		set_exception_goal(DB_VECTOR, 0, rip);
	} else if (change == CHANGE_EVENTS && !skip_drops_events) {
		counts[COUNT_EVENT]++;
		set_exception_goal(events.exception.nr, events.exception.error_code, rip);
	} else {
		set_done_goal(cur.len);
	}
}

static void assert_vmware_exit(void)
{
	u64 mask = bare_mode_is_64bit(cur.mode) ? ~0ull : 0xffffffff;
	struct kvm_vcpu *vcpu = cur.vm->vcpu;
	struct kvm_vmware_exit *exit = &vcpu->run->vmware;
	struct kvm_regs regs;
	int i;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_VMWARE);
	TEST_ASSERT_EQ(exit->type, KVM_EXIT_VMWARE_HCALL);
	TEST_ASSERT_EQ(exit->pad, 0);
	TEST_ASSERT_EQ(exit->u.hcall.longmode, bare_mode_is_64bit(cur.mode));
	TEST_ASSERT_EQ(exit->u.hcall.cpl, bare_mode_cpl(cur.mode));
	for (i = 0; i < NR_HCALL_REGS; i++)
		TEST_ASSERT(hcall_reg(exit, i) == (*gpr(&cur.goal.regs, i) & mask),
			    "Wanted %s = 0x%llx in the exit, got 0x%llx", gprs[i].name,
			    *gpr(&cur.goal.regs, i) & mask, hcall_reg(exit, i));
	TEST_ASSERT_EQ(exit->u.hcall.exception.flags, 0);
	TEST_ASSERT_EQ(exit->u.hcall.exception.vector, 0);
	TEST_ASSERT_EQ(exit->u.hcall.exception.error_code, 0);
	TEST_ASSERT_EQ(exit->u.hcall.exception.pad, 0);
	TEST_ASSERT_EQ(exit->u.hcall.exception.address, 0);

	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rip, BARE_CODE + cur.prefix_len);
	assert_regs(&regs);
	counts[COUNT_VMWARE]++;
}

static void assert_xen_exit(void)
{
	struct kvm_vcpu *vcpu = cur.vm->vcpu;
	struct kvm_xen_exit *exit = &vcpu->run->xen;
	struct kvm_regs *regs = &cur.goal.regs;
	bool is_64bit = bare_mode_is_64bit(cur.mode);

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_XEN);
	TEST_ASSERT_EQ(exit->type, KVM_EXIT_XEN_HCALL);
	TEST_ASSERT_EQ(exit->u.hcall.longmode, is_64bit);
	TEST_ASSERT_EQ(exit->u.hcall.cpl, bare_mode_cpl(cur.mode));
	TEST_ASSERT_EQ(exit->u.hcall.input, is_64bit ? regs->rax : (u32)regs->rax);
	TEST_ASSERT_EQ(exit->u.hcall.params[0], is_64bit ? regs->rdi : (u32)regs->rbx);
	counts[COUNT_XEN]++;
}

/* IN merges 8-bit and 16-bit values into RAX, and zero extends 32-bit values. */
static u64 merge_rax(u64 rax, u32 val, u32 size)
{
	u64 mask = size == 4 ? ~0ull : GENMASK_ULL(size * 8 - 1, 0);

	return (rax & ~mask) | (val & mask);
}

/* Play the device, until all of the I/O is done. */
static void do_io(void)
{
	bool is_in = cur.insn->flags & IO_IN, is_string = cur.insn->flags & IO_STRING;
	int step = cur.regs.rflags & X86_EFLAGS_DF ? -cur.insn->size : cur.insn->size;
	u32 size = cur.insn->size, count, done, i, val = 0;
	struct kvm_vcpu *vcpu = cur.vm->vcpu;
	struct kvm_regs *regs = &cur.goal.regs;
	u32 total = cur.is_rep ? regs->rcx : 1;
	struct kvm_run *run = vcpu->run;
	u8 *data, *mem = (void *)&regs->rax;
	u8 wanted[128];
	struct kvm_regs now;

	if (is_string)
		mem = addr_gpa2hva(vcpu->vm, (u32)(is_in ? regs->rdi : regs->rsi));

	for (done = 0; done < total; done += count) {
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		TEST_ASSERT_EQ(run->io.direction, is_in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT);
		TEST_ASSERT_EQ(run->io.port, cur.port);
		TEST_ASSERT_EQ(run->io.size, size);
		count = run->io.count;
		TEST_ASSERT(count && count <= total - done,
			    "Bad count %u, did %u of %u", count, done, total);
		counts[is_string ? COUNT_STRING_IO : COUNT_IO]++;

		data = (void *)run + run->io.data_offset;
		if (is_in) {
			rnd_bytes(data, count * size);
			memcpy(wanted + done * size, data, count * size);
			memcpy(&val, data, size);
		}
		for (i = 0; !is_in && i < count; i++)
			TEST_ASSERT(!memcmp(data + i * size, mem + (int)(done + i) * step, size),
				    "Bad data at %u of %u", done + i, total);
		scribble_run(run);

		if (!is_string && is_in)
			regs->rax = merge_rax(regs->rax, val, size);

		/* To return more than RAX, userspace has to set the others *and* RAX. */
		if (!is_string && one_in(4)) {
			cur.change = change_names[CHANGE_REGS];
			vcpu_regs_get(vcpu, &now);
			rnd_gprs(regs);
			if (is_in)
				regs->rax = merge_rax(regs->rax, val, size);
			set_regs(now.rip);
		}
		run_guest();
	}

	if (cur.is_rep)
		regs->rcx = 0;
	if (is_string && is_in)
		regs->rdi += (int)total * step;
	else if (is_string)
		regs->rsi += (int)total * step;

	for (i = 0; is_string && is_in && i < total; i++)
		TEST_ASSERT(!memcmp(mem + (int)i * step, wanted + i * size, size),
			    "Bad data in guest memory at %u of %u", i, total);

	set_done_goal(cur.len);
}

static bool is_native_hcall(void)
{
	return cur.insn == &hcalls[host_cpu_is_intel ? 0 : 1];
}

static bool is_io_permitted(void)
{
	int iopl = (cur.regs.rflags & X86_EFLAGS_IOPL) >> 12;

	/* The TSS's I/O permission bitmap denies all ports. */
	return bare_mode_cpl(cur.mode) <= iopl ||
	       ((cur.vm->flags & KVM_X86_VMWARE_BACKDOOR) &&
		(cur.port == VMWARE_PORT || cur.port == VMWARE_PORT_HB));
}

static void set_hyperv_goal(void)
{
	u64 rip = BARE_CODE + cur.prefix_len;
	struct kvm_regs *regs = &cur.goal.regs;

	if (bare_mode_cpl(cur.mode)) {
		set_exception_goal(UD_VECTOR, 0, rip);
		return;
	}

	/*
	 * Hyper-V's hypercalls have side effects.  Use one that can't possibly
	 * succeed as its pointer to the input isn't aligned.
	 */
	if (bare_mode_is_64bit(cur.mode)) {
		cur.regs.rcx = HVCALL_SIGNAL_EVENT;
		cur.regs.rdx |= 1;
		*regs = cur.regs;
		regs->rax = HV_STATUS_INVALID_ALIGNMENT;
	} else {
		/* Bit 31 is reserved, but ignored if KVM's hypercall page sets it. */
		bool page_sets_it = cur.vm->has_xen ||
				    (cur.vm->flags & KVM_X86_VMWARE_HYPERCALL);
		bool bit_31 = cur.vm->has_xen || one_in(2);

		cur.regs.rax = HVCALL_SIGNAL_EVENT | (bit_31 ? BIT(31) : 0);
		cur.regs.rcx |= 1;
		cur.regs.rdx = 0;
		*regs = cur.regs;
		regs->rax = bit_31 && !page_sets_it ? HV_STATUS_INVALID_HYPERCALL_INPUT :
						      HV_STATUS_INVALID_ALIGNMENT;
	}
	set_done_goal(cur.len);
}

static void set_hcall_goal(void)
{
	u64 rip = BARE_CODE + cur.prefix_len;
	u64 rax;

	/* With few exceptions, small numbers are hypercalls with side effects. */
	if (!one_in(4))
		cur.regs.rax = VMWARE_MAGIC | (one_in(2) ? rnd() << 32 : 0);
	else if (one_in(2))
		cur.regs.rax = VMWARE_MAGIC ^ BIT(below(32));
	else if ((u32)cur.regs.rax < 64)
		cur.regs.rax ^= (u32)cur.regs.rax ^ KVM_HC_VAPIC_POLL_IRQ;
	cur.goal.regs = cur.regs;
	rax = bare_mode_is_64bit(cur.mode) ? cur.regs.rax : (u32)cur.regs.rax;

	/*
	 * Emulation is limited to patching in the CPU's own instruction, subject
	 * to a quirk, and KVM's emulator treats VMCALL as a privileged instruction.
	 */
	if (!is_native_hcall() || cur.prefix_len) {
		if (cur.insn == &hcalls[0] && bare_mode_cpl(cur.mode)) {
			set_exception_goal(GP_VECTOR, 0, rip);
			return;
		}
		if (!cur.vm->fixes_hcalls) {
			set_exception_goal(UD_VECTOR, 0, rip);
			return;
		}
	}

	if ((cur.vm->flags & KVM_X86_VMWARE_HYPERCALL) && (u32)rax == VMWARE_MAGIC) {
		cur.goal.type = GOAL_VMWARE;
	} else if (cur.vm->has_xen && !(cur.vm->has_hyperv && (rax & BIT(31)))) {
		cur.goal.type = GOAL_XEN;
	} else if (cur.vm->has_hyperv) {
		set_hyperv_goal();
	} else {
		if (bare_mode_cpl(cur.mode))
			cur.goal.regs.rax = -KVM_EPERM;
		else
			cur.goal.regs.rax = rax == KVM_HC_VAPIC_POLL_IRQ ? 0 : -KVM_ENOSYS;
		if (!bare_mode_is_64bit(cur.mode))
			cur.goal.regs.rax = (u32)cur.goal.regs.rax;
		set_done_goal(cur.len);
	}
}

/* Outside of 64-bit mode, bits 63:32 are ignored as inputs, and undefined after. */
static u64 rnd_upper(u64 val)
{
	return bare_mode_is_64bit(cur.mode) ? (u32)val : (u32)val | rnd() << 32;
}

static void set_io_goal(void)
{
	static const u16 ports[] = {
		VMWARE_PORT - 1, VMWARE_PORT_HB + 1, VMWARE_PORT - 3, 0x80, 0xffff,
		VMWARE_PORT ^ 0x4000, VMWARE_PORT_HB ^ 0x100,
	};
	u64 addr;

	if (cur.insn->flags & IO_IMM) {
		cur.port = one_in(2) ? VMWARE_PORT & 0xff : 0x80;
		cur.code[cur.len++] = cur.port;
		cur.regs.rdx = VMWARE_PORT;
	} else {
		/* Ports below 0x1000 may belong to KVM and to bare_guest. */
		if (one_in(2))
			cur.port = one_in(2) ? VMWARE_PORT : VMWARE_PORT_HB;
		else if (one_in(2))
			cur.port = ports[below(ARRAY_SIZE(ports))];
		else
			cur.port = rnd() | 0x1000;
		cur.regs.rdx = cur.port | (rnd_reg() & ~0xffffull);
	}

	if (one_in(2))
		cur.regs.rax = VMWARE_MAGIC | (one_in(2) ? rnd() << 32 : 0);

	if (cur.insn->flags & IO_STRING) {
		/* Cross a page boundary from time to time, in either direction. */
		addr = BARE_DATA + 0x2000 + below(0x200) - 0x100;
		if (cur.insn->flags & IO_IN)
			cur.regs.rdi = rnd_upper(addr);
		else
			cur.regs.rsi = rnd_upper(addr);
		rnd_bytes(addr_gpa2hva(cur.vm->vm, addr - 128), 256);
	}

	/*
	 * If the count is zero, whether or not the instruction is subject to
	 * permission checks depends on the CPU.
	 */
	if (cur.is_rep)
		cur.regs.rcx = rnd_upper(below(one_in(4) ? 24 : 6) + !is_io_permitted());

	cur.goal.regs = cur.regs;
	if (!bare_mode_is_64bit(cur.mode))
		cur.goal.mask = 0xffffffff;

	if (!is_io_permitted())
		set_exception_goal(GP_VECTOR, 0, BARE_CODE + cur.prefix_len);
	else if (cur.is_rep && !(u32)cur.regs.rcx)
		set_done_goal(cur.len);
	else
		cur.goal.type = GOAL_IO;
}

static void set_rdpmc_goal(void)
{
	static const u32 pmcs[] = { 0xffff, 0x10003, 0x20000, 0x80010000 };
	u32 pmc;

	/* The guest may have real PMCs, i.e. small indices can't be predicted. */
	if (one_in(2))
		pmc = VMWARE_PMC_HOST_TSC + below(3);
	else
		pmc = one_in(2) ? pmcs[below(ARRAY_SIZE(pmcs))] : (u32)rnd() | BIT(20);
	cur.regs.rcx = pmc | (one_in(2) ? rnd() << 32 : 0);
	cur.goal.regs = cur.regs;

	if ((cur.vm->flags & KVM_X86_VMWARE_PSEUDO_PMCS) &&
	    pmc >= VMWARE_PMC_HOST_TSC && pmc <= VMWARE_PMC_APPARENT_TIME)
		set_done_goal(cur.len);
	else
		set_exception_goal(GP_VECTOR, 0, BARE_CODE + cur.prefix_len);
}

/* Instructions that have nothing to do with VMware, and must not be affected. */
static void set_other_goal(void)
{
	u64 iopl = (cur.regs.rflags & X86_EFLAGS_IOPL) >> 12;

	switch (cur.insn->type) {
	case INSN_UD2:
		set_exception_goal(UD_VECTOR, 0, BARE_CODE);
		break;
	case INSN_HLT:
		/* HLT at CPL0 would hang. */
		if (!bare_mode_cpl(cur.mode)) {
			cur.mode += 3;
			TEST_ASSERT_EQ(bare_mode_cpl(cur.mode), 3);
		}
		set_exception_goal(GP_VECTOR, 0, BARE_CODE);
		break;
	case INSN_CLI:
		if (bare_mode_cpl(cur.mode) <= iopl) {
			cur.goal.regs.rflags &= ~X86_EFLAGS_IF;
			set_done_goal(cur.len);
		} else {
			set_exception_goal(GP_VECTOR, 0, BARE_CODE);
		}
		break;
	case INSN_MOV_DS:
		/* A selector beyond the limit of the GDT. */
		cur.regs.rax = (cur.regs.rax & ~0xffffull) | 0xff8;
		cur.goal.regs = cur.regs;
		set_exception_goal(GP_VECTOR, 0xff8, BARE_CODE);
		break;
	default:
		TEST_FAIL("Bad instruction");
	}
}

static void fuzz_one(struct fuzz_vm *vm)
{
	static const u8 fep[] = { 0x0f, 0x0b, 'k', 'v', 'm' };

	cur.vm = vm;
	cur.mode = below(NR_BARE_MODES);
	cur.change = change_names[CHANGE_NOTHING];
	memset(&cur.goal, 0, sizeof(cur.goal));
	cur.goal.mask = ~0ull;

	switch (below(8)) {
	case 0 ... 3:
		cur.insn = &hcalls[host_cpu_is_intel ? 0 : 1];
		break;
	case 4:
		cur.insn = &hcalls[below(ARRAY_SIZE(hcalls))];
		break;
	case 5 ... 6:
		cur.insn = &ios[below(ARRAY_SIZE(ios))];
		break;
	default:
		cur.insn = &others[below(ARRAY_SIZE(others))];
		break;
	}

	cur.prefix_len = 0;
	if (has_fep && cur.insn->type <= INSN_RDPMC && one_in(8)) {
		memcpy(cur.code, fep, sizeof(fep));
		cur.prefix_len = sizeof(fep);
	}
	cur.len = cur.prefix_len;
	cur.is_rep = (cur.insn->flags & IO_STRING) && !one_in(4);
	if (cur.is_rep)
		cur.code[cur.len++] = 0xf3;
	memcpy(cur.code + cur.len, cur.insn->opcode, cur.insn->len);
	cur.len += cur.insn->len - !!(cur.insn->flags & IO_IMM);

	rnd_gprs(&cur.regs);
	cur.regs.rflags = X86_EFLAGS_FIXED |
			  (rnd() & (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF |
				    X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_IF |
				    X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_IOPL |
				    X86_EFLAGS_AC | X86_EFLAGS_ID));
	cur.goal.regs = cur.regs;

	switch (cur.insn->type) {
	case INSN_HCALL:
		set_hcall_goal();
		break;
	case INSN_IO:
		set_io_goal();
		break;
	case INSN_RDPMC:
		set_rdpmc_goal();
		break;
	default:
		set_other_goal();
		break;
	}

	bare_vcpu_load(vm->vcpu, cur.mode, cur.code, cur.len, &cur.regs);
	cur.goal.regs.rsp = cur.regs.rsp;
	scribble_run(vm->vcpu->run);
	run_guest();

	switch (cur.goal.type) {
	case GOAL_VMWARE:
		assert_vmware_exit();
		reply_to_hcall();
		run_guest();
		break;
	case GOAL_XEN:
		assert_xen_exit();
		reply_to_hcall();
		run_guest();
		break;
	case GOAL_IO:
		do_io();
		break;
	default:
		break;
	}
	assert_goal();
}

static int enable(struct kvm_vm *vm, struct kvm_enable_cap *cap)
{
	cap->cap = KVM_CAP_X86_VMWARE;
	return __vm_ioctl(vm, KVM_ENABLE_CAP, cap);
}

static void rnd_cap(struct kvm_enable_cap *cap)
{
	memset(cap, 0, sizeof(*cap));
	cap->args[0] = rnd() & KVM_X86_VMWARE_VALID_MASK;
	if (!one_in(4))
		return;

	switch (below(3)) {
	case 0:
		cap->args[0] |= BIT_ULL(below(64));
		break;
	case 1:
		cap->args[1 + below(3)] = rnd() | 1;
		break;
	case 2:
		cap->flags = rnd() | 1;
		break;
	}
}

static void create_vm(struct fuzz_vm *f)
{
	struct kvm_xen_hvm_config xen = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
		.msr = 0x40000200,
	};
	struct kvm_enable_cap cap;
	bool is_valid;
	u64 flags;
	int i, r;

	*f = (struct fuzz_vm) {
		.vm = bare_vm_create(),
		.flags = vmware_default_flags(),
		.has_xen = has_xen_cap && one_in(4),
		.has_hyperv = has_hyperv_cap && one_in(4),
		.fixes_hcalls = !one_in(4),
	};

	for (i = below(5); i; i--) {
		rnd_cap(&cap);
		flags = cap.args[0] | (f->is_configured ? f->flags : 0);
		is_valid = !(cap.args[0] & ~KVM_X86_VMWARE_VALID_MASK) &&
			   !cap.flags && !cap.args[1] && !cap.args[2] && !cap.args[3] &&
			   (!(flags & KVM_X86_VMWARE_NESTED_BACKDOOR) ||
			    (flags & KVM_X86_VMWARE_BACKDOOR));
		if (is_valid) {
			f->flags = flags;
			f->is_configured = true;
		}

		r = enable(f->vm, &cap);
		TEST_ASSERT(is_valid ? !r : r == -1 && errno == EINVAL,
			    "Wanted %s for 0x%llx (flags 0x%x, args 0x%llx 0x%llx 0x%llx), got r = %d, errno = %d",
			    is_valid ? "success" : "EINVAL", cap.args[0], cap.flags,
			    cap.args[1], cap.args[2], cap.args[3], r, errno);
	}

	if (!f->fixes_hcalls)
		vm_enable_cap(f->vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	if (f->has_xen)
		vm_ioctl(f->vm, KVM_XEN_HVM_CONFIG, &xen);

	f->vcpu = bare_vcpu_add(f->vm, 0);
	if (f->has_hyperv) {
		vcpu_set_hv_cpuid(f->vcpu);
		vcpu_set_msr(f->vcpu, HV_X64_MSR_GUEST_OS_ID, 0x5a);
	}
}

struct fuzz_thread {
	pthread_t thread;
	struct fuzz_vm *vms;
	u64 seed;
	bool stop;
	u64 nr_calls;
};

/*
 * Bother KVM while vCPUs are running.  Nothing of this can succeed, or have any
 * effect, while there's a VM with a vCPU.
 */
static void *bother_kvm(void *arg)
{
	struct fuzz_thread *thread = arg;
	struct kvm_enable_cap cap;
	struct fuzz_vm *f;
	const char *module;
	int r;

	rng = thread->seed;
	while (!READ_ONCE(thread->stop)) {
		f = &thread->vms[below(NR_VMS)];
		switch (below(4)) {
		case 0:
			rnd_cap(&cap);
			r = enable(f->vm, &cap);
			TEST_ASSERT(r == -1 && errno == EINVAL,
				    "Wanted EINVAL with a vCPU, got r = %d, errno = %d", r, errno);
			break;
		case 1:
			rnd_cap(&cap);
			cap.cap = KVM_CAP_X86_VMWARE;
			r = __vcpu_ioctl(f->vcpu, KVM_ENABLE_CAP, &cap);
			TEST_ASSERT(r == -1 && errno == EINVAL,
				    "Wanted EINVAL on a vCPU, got r = %d, errno = %d", r, errno);
			break;
		case 2:
			TEST_ASSERT_EQ(vm_check_cap(f->vm, KVM_CAP_X86_VMWARE),
				       KVM_X86_VMWARE_VALID_MASK);
			break;
		case 3:
			if (geteuid())
				continue;

			module = one_in(2) ? "kvm" : host_cpu_is_intel ? "kvm_intel" : "kvm_amd";
			r = syscall(__NR_delete_module, module, O_NONBLOCK);
			TEST_ASSERT(r == -1, "Module %s was unloaded despite VMs", module);
			break;
		}
		thread->nr_calls++;
		usleep(1000);
	}
	return NULL;
}

static u64 nr_exits(void)
{
	u64 nr = 0;
	int i;

	for (i = 0; i < NR_EXIT_COUNTS; i++)
		nr += counts[i];
	return nr;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Run all iterations of one seed, unless enough is enough, and return if so. */
static bool fuzz(u32 seed, u64 max_exits, time_t end)
{
	struct fuzz_thread threads[NR_THREADS] = {};
	struct fuzz_vm vms[NR_VMS];
	bool is_over = false;
	int i;

	rng = seed;
	cur.is_active = true;
	cur.seed = seed;
	cur.insn = NULL;

	for (i = 0; i < NR_VMS; i++)
		create_vm(&vms[i]);

	for (i = 0; i < NR_THREADS; i++) {
		threads[i].vms = vms;
		threads[i].seed = rnd();
		pthread_create(&threads[i].thread, NULL, bother_kvm, &threads[i]);
	}

	for (cur.iteration = 0; cur.iteration < ITERATIONS_PER_SEED && !is_over; cur.iteration++) {
		fuzz_one(&vms[below(NR_VMS)]);
		is_over = (max_exits && nr_exits() >= max_exits) || (end && now() >= end);
	}

	for (i = 0; i < NR_THREADS; i++) {
		WRITE_ONCE(threads[i].stop, true);
		pthread_join(threads[i].thread, NULL);
		counts[COUNT_IOCTL] += threads[i].nr_calls;
	}

	for (i = 0; i < NR_VMS; i++)
		kvm_vm_free(vms[i].vm);
	cur.is_active = false;
	return is_over;
}

static void help(const char *name)
{
	printf("usage: %s [-h] [-s seed] [-n exits] [-t seconds]\n\n"
	       " -s: seed, default is random\n"
	       " -n: number of exits, 0 means no limit, default is %u\n"
	       " -t: time limit, 0 (the default) means no limit\n",
	       name, DEFAULT_NR_EXITS);
	exit(KSFT_SKIP);
}

int main(int argc, char *argv[])
{
	u32 max_exits = DEFAULT_NR_EXITS, seconds = 0, seed = kvm_random_seed;
	time_t start = now();
	int i, opt;

	while ((opt = getopt(argc, argv, "hs:n:t:")) != -1) {
		switch (opt) {
		case 's':
			seed = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			max_exits = atoi_non_negative("Number of exits", optarg);
			break;
		case 't':
			seconds = atoi_non_negative("Time limit", optarg);
			break;
		default:
			help(argv[0]);
		}
	}

	TEST_REQUIRE(!(~kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_VALID_MASK));

	has_fep = is_forced_emulation_enabled;
	has_hyperv_cap = kvm_has_cap(KVM_CAP_HYPERV_CPUID);
	has_xen_cap = kvm_check_cap(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL;
	/*
	 * Without NRIPS, KVM skips instructions by decoding them, which loses an
	 * exception that was set by KVM_SET_VCPU_EVENTS, for all kinds of exits.
	 */
	skip_drops_events = !host_cpu_is_intel && !get_kvm_amd_param_integer("nrips");

	ksft_print_header();
	ksft_set_plan(1);
	ksft_print_msg("Seed: 0x%x\n", seed);
	atexit(report_failure);

	while (!fuzz(seed++, max_exits, seconds ? start + seconds : 0))
		;

	ksft_print_msg("%lu exits in %lu seconds\n", nr_exits(), now() - start);
	for (i = 0; i < NR_COUNTS; i++) {
		ksft_print_msg("%9lu %s\n", counts[i], count_names[i]);
		if (counts[i] || nr_exits() < MIN_EXITS_FOR_COVERAGE ||
		    (i == COUNT_XEN && !has_xen_cap) ||
		    (i == COUNT_EVENT && skip_drops_events))
			continue;
		TEST_FAIL("Not once in %lu exits: %s", nr_exits(), count_names[i]);
	}

	ksft_test_result_pass("fuzz\n");
	ksft_finished();
}
