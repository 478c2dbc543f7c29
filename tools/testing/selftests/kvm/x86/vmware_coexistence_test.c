// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests for what VMware hypercalls share a VM with: KVM's CPUID, the hypercalls of KVM,
 * Xen and Hyper-V, those of the other vendor's CPUs, and KVM's tracepoints.
 */
#include <sys/stat.h>

#include <asm/kvm_para.h>
#include <linux/kvm_para.h>

#include "vmware_hypercall.h"
#include "hyperv.h"
#include "l2_guest.h"

/* VMware's CPUID leaves are up to userspace. */
TEST(no_vmware_cpuid)
{
	const struct kvm_cpuid2 *cpuid = kvm_get_supported_cpuid();
	int i;

	for (i = 0; i < cpuid->nent; i++)
		TEST_ASSERT(cpuid->entries[i].function != 0x40000010, "KVM has VMware's CPUID");
}

/* The module parameter holds for every VM from its creation on, nobody may change it. */
TEST(read_only_param)
{
	TEST_ASSERT_EQ(open("/sys/module/kvm/parameters/enable_vmware_backdoor", O_WRONLY), -1);
	TEST_ASSERT_EQ(errno, EACCES);
}

static const u8 rdpmc[] = { 0x0f, 0x33 };

/* By default, only vCPUs with a PMU have VMware's pseudo-PMCs. */
TEST(pseudo_pmcs_without_vpmu)
{
	struct kvm_regs regs = { .rcx = VMWARE_PMC_HOST_TSC };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	if (!(vmware_default_flags() & KVM_X86_VMWARE_PSEUDO_PMCS) || !host_cpu_is_intel)
		SKIP(return, "No pseudo-PMCs by default, or a PMU that isn't CPUID's");

	vm = bare_vm_create();
	vcpu = bare_vcpu_add(vm, 0);
	vcpu_clear_cpuid_entry(vcpu, 0xa);
	bare_vcpu_load(vcpu, BARE_MODE_64_CPL3, rdpmc, sizeof(rdpmc), &regs);
	vcpu_run(vcpu);
	bare_vcpu_assert_exception(vcpu, GP_VECTOR);
	kvm_vm_free(vm);
}

/* The host's PMCs aren't the guest's, also if there are no pseudo-PMCs to intercept RDPMC for. */
TEST(pmcs_without_vpmu)
{
	struct kvm_vm *vm = bare_vm_create();
	struct kvm_regs regs = {};
	struct kvm_vcpu *vcpu;

	if (kvm_has_cap(KVM_CAP_PMU_CAPABILITY))
		vm_enable_cap(vm, KVM_CAP_PMU_CAPABILITY, KVM_PMU_CAP_DISABLE);
	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, 0);
	vcpu = bare_vcpu_add(vm, 0);
	bare_vcpu_load(vcpu, BARE_MODE_64_CPL0, rdpmc, sizeof(rdpmc), &regs);
	vcpu_run(vcpu);
	bare_vcpu_assert_exception(vcpu, GP_VECTOR);
	kvm_vm_free(vm);
}

/* KVM patches the other vendor's instruction, and lets the guest try again. */
TEST_F(vmware_hypercall, other_insn)
{
	const u8 *hcall = vmware_hcall(!host_cpu_is_intel);
	/* KVM's emulator treats VMCALL as a privileged instruction, VMMCALL it does not. */
	bool is_gp = !host_cpu_is_intel && bare_mode_cpl(variant->mode);
	u64 *pt = addr_gpa2hva(self->vm, BARE_PT);
	struct bare_exception e;
	struct kvm_sregs sregs;

	load_insn(self->vcpu, variant->mode, hcall, value(INPUT, 0));
	vcpu_run(self->vcpu);
	if (is_gp) {
		bare_vcpu_assert_exception(self->vcpu, GP_VECTOR);
	} else {
		assert_exit(self->vcpu, variant->mode, INPUT);
		set_results(self->vcpu);
		vcpu_run(self->vcpu);
		assert_completed(self->vcpu, variant->mode);
	}

	/* Unless the guest can't write to its code. */
	if (bare_mode_has_paging(variant->mode) && !is_gp) {
		load_insn(self->vcpu, variant->mode, hcall, value(INPUT, 0));
		pt[BARE_CODE >> PAGE_SHIFT] &= ~BIT_ULL(1);
		vcpu_sregs_get(self->vcpu, &sregs);
		sregs.cr0 |= X86_CR0_WP;
		vcpu_sregs_set(self->vcpu, &sregs);
		vcpu_run(self->vcpu);
		e = bare_vcpu_assert_exception(self->vcpu, PF_VECTOR);
		TEST_ASSERT_EQ(e.rip, BARE_CODE);
		TEST_ASSERT_EQ(e.error_code, bare_mode_cpl(variant->mode) ? 0x7 : 0x3);
		vcpu_sregs_get(self->vcpu, &sregs);
		TEST_ASSERT_EQ(sregs.cr2, BARE_CODE);
		assert_regs(self->vcpu, INPUT, ~0ull);
	}

	/* Or unless userspace disables the quirk. */
	vm_enable_cap(self->vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	load_insn(self->vcpu, variant->mode, hcall, value(INPUT, 0));
	vcpu_run(self->vcpu);
	e = bare_vcpu_assert_exception(self->vcpu, is_gp ? GP_VECTOR : UD_VECTOR);
	TEST_ASSERT_EQ(e.rip, BARE_CODE);
	assert_regs(self->vcpu, INPUT, ~0ull);
}

/*
 * A hypercall that isn't VMware's.  Hyper-V's are identified by RCX, or by EDX:EAX
 * outside of 64-bit mode.  The parameter, RDX or EBX:ECX, is not aligned.
 */
static void run_code(struct kvm_vcpu *vcpu, enum bare_mode mode, const u8 *code,
		     size_t size, u64 rax)
{
	struct kvm_regs regs = {
		.rax = rax,
		.rcx = HVCALL_SIGNAL_EVENT,
		.rdx = bare_mode_is_64bit(mode) ? 0x5a5a5a5a : 0,
	};

	bare_vcpu_load(vcpu, mode, code, size, &regs);
	vcpu_run(vcpu);
}

static void run_other(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax)
{
	run_code(vcpu, mode, vmware_hcall(host_cpu_is_intel), HCALL_SIZE, rax);
}

static void assert_rax(struct kvm_vcpu *vcpu, size_t size, u64 wanted)
{
	struct kvm_regs regs;

	bare_vcpu_assert_done(vcpu, size);
	vcpu_regs_get(vcpu, &regs);
	TEST_ASSERT_EQ(regs.rax, wanted);
}

static void run_kvm_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	run_other(vcpu, mode, KVM_HC_VAPIC_POLL_IRQ);
	assert_rax(vcpu, HCALL_SIZE, bare_mode_cpl(mode) ? -KVM_EPERM & mode_mask(mode) : 0);
}

static void assert_hyperv(struct kvm_vcpu *vcpu, enum bare_mode mode, size_t size, u64 wanted)
{
	if (bare_mode_cpl(mode))
		bare_vcpu_assert_exception(vcpu, UD_VECTOR);
	else
		assert_rax(vcpu, size, wanted);
}

static void run_hyperv_hcall(struct kvm_vcpu *vcpu, enum bare_mode mode, u64 rax, u64 wanted)
{
	run_other(vcpu, mode, rax);
	assert_hyperv(vcpu, mode, HCALL_SIZE, wanted);
}

static struct kvm_xen_hvm_config xen_hypercalls = {
	.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
	.msr = 0x40000200,
};

static bool has_xen_hypercalls(void)
{
	return kvm_check_cap(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL;
}

static void enable_hyperv_page(struct kvm_vcpu *vcpu, bool sets_bit_31)
{
	/* or $0x80000000, %eax; vmcall or vmmcall; ret */
	u8 page[9] = { 0x0d, 0x00, 0x00, 0x00, 0x80, [8] = 0xc3 };
	size_t skip = sets_bit_31 ? 0 : 5;
	void *hva = addr_gpa2hva(vcpu->vm, BARE_DATA);

	memcpy(page + 5, vmware_hcall(host_cpu_is_intel), HCALL_SIZE);
	memset(hva, 0, sizeof(page));
	vcpu_set_msr(vcpu, HV_X64_MSR_HYPERCALL, BARE_DATA | BIT(0) /* enable */);
	TEST_ASSERT(!memcmp(hva, page + skip, sizeof(page) - skip),
		    "The hypercall page does%s set bit 31 of EAX", sets_bit_31 ? "n't" : "");
}

/* Execute the page up to its RET, with the magic in EAX if it isn't an input. */
static void run_hyperv_page(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	u8 page[5 + HCALL_SIZE];

	memcpy(page, addr_gpa2hva(vcpu->vm, BARE_DATA), sizeof(page));
	run_code(vcpu, mode, page, sizeof(page),
		 bare_mode_is_64bit(mode) ? VMWARE_MAGIC : HVCALL_SIGNAL_EVENT);
	assert_hyperv(vcpu, mode, sizeof(page), HV_STATUS_INVALID_ALIGNMENT);
}

/* Hyper-V's hypercall page sets bit 31 of EAX for others' sake only. */
TEST(hyperv_page)
{
	const u64 no_hcalls = KVM_X86_VMWARE_VALID_MASK & ~KVM_X86_VMWARE_HYPERCALL;
	const struct {
		u64 flags;
		bool xen;
	} tests[] = {
		{ 0, false }, { no_hcalls, false }, { KVM_X86_VMWARE_HYPERCALL, false },
		{ 0, true }, { KVM_X86_VMWARE_HYPERCALL, true },
	};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	bool others;
	int i;

	if (!kvm_has_cap(KVM_CAP_HYPERV_CPUID))
		SKIP(return, "No support for Hyper-V");

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		others = tests[i].xen || (tests[i].flags & KVM_X86_VMWARE_HYPERCALL);
		if (tests[i].xen && !has_xen_hypercalls())
			continue;

		vm = bare_vm_create();
		vm_enable_cap(vm, KVM_CAP_X86_VMWARE, tests[i].flags);
		vcpu = bare_vcpu_add(vm, 0);
		if (tests[i].xen)
			vm_ioctl(vm, KVM_XEN_HVM_CONFIG, &xen_hypercalls);
		vcpu_set_hv_cpuid(vcpu);
		vcpu_set_msr(vcpu, HV_X64_MSR_GUEST_OS_ID, 0x5a);
		enable_hyperv_page(vcpu, others);
		/* It's reserved otherwise. */
		run_hyperv_hcall(vcpu, BARE_MODE_32_CPL0, BIT(31) | HVCALL_SIGNAL_EVENT,
				 others ? HV_STATUS_INVALID_ALIGNMENT :
					  HV_STATUS_INVALID_HYPERCALL_INPUT);
		kvm_vm_free(vm);
	}
}

/* With Xen and Hyper-V in the same VM, bit 31 of EAX tells them apart. */
TEST_F(vmware_hypercall, other_hypercalls)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	struct kvm_run *run = vcpu->run;

	if (!has_xen_hypercalls() || !kvm_has_cap(KVM_CAP_HYPERV_CPUID))
		SKIP(return, "No support for Xen hypercalls or Hyper-V");

	vcpu_set_hv_cpuid(vcpu);
	run_kvm_hcall(vcpu, variant->mode);
	run_hcall(vcpu, variant->mode);

	vcpu_set_msr(vcpu, HV_X64_MSR_GUEST_OS_ID, 0x5a);
	run_hyperv_hcall(vcpu, variant->mode, HVCALL_SIGNAL_EVENT, HV_STATUS_INVALID_ALIGNMENT);
	run_hcall(vcpu, variant->mode);

	/* RAX isn't an input in 64-bit mode, but is never the magic in KVM's page. */
	enable_hyperv_page(vcpu, true);
	run_hyperv_page(vcpu, variant->mode);

	/* The magic has reserved bits outside of 64-bit mode, where EAX is an input. */
	vm_ioctl(self->vm, KVM_XEN_HVM_CONFIG, &xen_hypercalls);
	run_hyperv_page(vcpu, variant->mode);
	run_hyperv_hcall(vcpu, variant->mode, BIT(31) | VMWARE_MAGIC,
			 bare_mode_is_64bit(variant->mode) ? HV_STATUS_INVALID_ALIGNMENT :
							     HV_STATUS_INVALID_HYPERCALL_INPUT);
	run_other(vcpu, variant->mode, 17);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_XEN);
	TEST_ASSERT_EQ(run->xen.u.hcall.input, 17);
	TEST_ASSERT_EQ(run->xen.u.hcall.longmode, bare_mode_is_64bit(variant->mode));
	run->xen.u.hcall.result = 0x12345678;
	vcpu_run(vcpu);
	assert_rax(vcpu, HCALL_SIZE, 0x12345678);
	run_hcall(vcpu, variant->mode);

	vcpu_set_msr(vcpu, HV_X64_MSR_GUEST_OS_ID, 0);
	vm_ioctl(self->vm, KVM_XEN_HVM_CONFIG, &(struct kvm_xen_hvm_config) {});
	run_kvm_hcall(vcpu, variant->mode);
}

/* L1 uses Hyper-V's enlightenments. */
static struct hyperv_test_pages *hv_pages;
static u64 hv_hcall_page;

static void l1_use_hyperv(void *nested)
{
	struct svm_test_data *svm = nested;
	struct hv_vmcb_enlightenments *hv = &svm->vmcb->control.hv_enlightenments;

	wrmsr(HV_X64_MSR_GUEST_OS_ID, HYPERV_LINUX_OS_ID);
	wrmsr(HV_X64_MSR_HYPERCALL, hv_hcall_page);
	enable_vp_assist(hv_pages->vp_assist_gpa, hv_pages->vp_assist);
	current_vp_assist->nested_control.features.directhypercall = 1;

	hv->partition_assist_page = hv_pages->partition_assist_gpa;
	hv->hv_enlightenments_control.nested_flush_hypercall = 1;
	hv->hv_vm_id = 1;
	hv->hv_vp_id = 1;
}

static void test_hyperv_tlb_flush(u64 flags)
{
	/* Clear ECX, the hypercall that exits to L1 mustn't be a TLB flush, too. */
	static const struct vmware_insn tlb_flush = {
		"TLB flush", VMWARE_INSN(0x0f, 0x01, 0xd9, 0x31, 0xc9), .eax = VMWARE_MAGIC,
	};
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	gva_t hv_pages_gva;

	vm_enable_cap(vm, KVM_CAP_X86_VMWARE, flags);
	vcpu = l2_vcpu_add(vm, false);

	vcpu_set_hv_cpuid(vcpu);
	vcpu_set_msr(vcpu, HV_X64_MSR_VP_INDEX, vcpu->id);
	vcpu_alloc_hyperv_test_pages(vm, &hv_pages_gva);
	hv_pages = (void *)hv_pages_gva;
	hv_hcall_page = addr_gva2gpa(vm, vm_alloc_page(vm));
	sync_global_to_guest(vm, hv_pages);
	sync_global_to_guest(vm, hv_hcall_page);

	l2->l1_hook = l1_use_hyperv;
	l2_load(vm, &tlb_flush, 0,
		HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE | HV_HYPERCALL_FAST_BIT, 0, 0);
	l2->regs.r8 = HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES | HV_FLUSH_ALL_PROCESSORS;
	l2_run_to(vcpu, L2_DONE);
	TEST_ASSERT_EQ(l2->regs.rax, HV_STATUS_SUCCESS);
	kvm_vm_free(vm);
}

/*
 * L0 handles Hyper-V TLB flushes of L2 if L1 wants so.  RAX isn't an input, i.e.
 * can have any value.
 */
TEST(hyperv_tlb_flush)
{
	if (!host_cpu_is_amd || !kvm_cpu_has(X86_FEATURE_SVM) ||
	    !kvm_hv_cpu_has(HV_X64_NESTED_DIRECT_FLUSH))
		SKIP(return, "No Hyper-V TLB flushes of L2, or only with an eVMCS");

	test_hyperv_tlb_flush(0);
	test_hyperv_tlb_flush(KVM_X86_VMWARE_VALID_MASK & ~KVM_X86_VMWARE_NESTED_BACKDOOR);
	test_hyperv_tlb_flush(KVM_X86_VMWARE_VALID_MASK);
}

#define TRACEFS "/sys/kernel/tracing/"
#define TRACE_INSTANCE TRACEFS "instances/vmware_coexistence_test/"

static void write_trace_file(const char *name, const char *val)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), TRACE_INSTANCE "%s", name);
	file = fopen(path, "w");
	TEST_ASSERT(file && fputs(val, file) >= 0 && !fclose(file),
		    "Failed to write '%s' to %s", val, path);
}

/* The trace has exactly one line for each hypercall, with all registers. */
TEST_F(vmware_hypercall, tracepoint)
{
	char line[512], wanted[512];
	int i, len, nr_events = 0;
	FILE *trace;

	if (access(TRACEFS "events/kvm/kvm_vmware_hypercall", F_OK))
		SKIP(return, "No tracefs in " TRACEFS);

	rmdir(TRACE_INSTANCE);
	TEST_ASSERT(!mkdir(TRACE_INSTANCE, 0755), "Failed to create %s", TRACE_INSTANCE);
	/* Only events of this thread, i.e. of this vCPU. */
	snprintf(line, sizeof(line), "%d", gettid());
	write_trace_file("set_event_pid", line);
	write_trace_file("events/kvm/kvm_vmware_hypercall/enable", "1");
	run_hcall(self->vcpu, variant->mode);
	write_trace_file("events/enable", "0");

	len = sprintf(wanted, ": kvm_vmware_hypercall: cpl %d longmode %d",
		      bare_mode_cpl(variant->mode), bare_mode_is_64bit(variant->mode));
	for (i = 0; i < NR_EXIT_REGS; i++)
		len += sprintf(wanted + len, " %s 0x%lx", reg_names[i],
			       value(INPUT, i) & mode_mask(variant->mode));
	strcpy(wanted + len, "\n");

	trace = fopen(TRACE_INSTANCE "trace", "r");
	TEST_ASSERT(trace, "Failed to open the trace");
	while (fgets(line, sizeof(line), trace)) {
		if (line[0] == '#')
			continue;

		TEST_ASSERT(strstr(line, wanted), "Wanted '%s', got '%s'", wanted, line);
		nr_events++;
	}
	TEST_ASSERT_EQ(nr_events, 1);
	fclose(trace);
	TEST_ASSERT(!rmdir(TRACE_INSTANCE), "Failed to remove %s", TRACE_INSTANCE);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMWARE) & KVM_X86_VMWARE_HYPERCALL);

	return test_harness_run(argc, argv);
}
