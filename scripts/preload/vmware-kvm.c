// SPDX-License-Identifier: GPL-2.0
/*
 * A library to preload: enables what VMWARE_KVM names, of KVM_CAP_X86_VMWARE, in each VM
 * that a program creates, whose author knows nothing of it.
 *
 *   gcc -shared -fPIC -O2 -Wall -o vmware-kvm.so vmware-kvm.c
 *   VMWARE_KVM=backdoor LD_PRELOAD=/path/to/vmware-kvm.so qemu-system-x86_64 -accel kvm ...
 *
 * VMWARE_KVM is one or more of these names, with commas between: backdoor, pseudo-pmcs,
 * nested-backdoor; and hypercall, for a program that knows KVM_EXIT_VMWARE. If the kernel
 * lacks one of them the program ends with exit code 1, and says why. It has to call libc's
 * ioctl(), which one that is linked statically does not do by this library.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef KVM_CAP_X86_VMWARE
#define KVM_CAP_X86_VMWARE	252	/* provisional, until upstream assigns one */
#endif

/* The bits of its flags, from bit 0 on */
static const char *const names[] = { "backdoor", "pseudo-pmcs", "hypercall", "nested-backdoor" };

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "vmware-kvm: VMWARE_KVM=%s: %s\n", what ? what : "", why);
	_exit(1);
}

static void enable(int vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_VMWARE };
	const char *wanted = getenv("VMWARE_KVM"), *name = wanted;
	size_t i, len;
	int supported;

	for (; name && *name; name += len + (name[len] == ',')) {
		len = strcspn(name, ",");
		for (i = 0; i < 4 && (strlen(names[i]) != len || strncmp(name, names[i], len)); i++)
			;
		cap.args[0] |= 1u << i;
	}
	if (!cap.args[0] || cap.args[0] >> 4)
		fail(wanted, "want some of backdoor,pseudo-pmcs,hypercall,nested-backdoor");

	supported = syscall(SYS_ioctl, vm, KVM_CHECK_EXTENSION, KVM_CAP_X86_VMWARE);
	if (supported < 0 || cap.args[0] & ~(__u64)supported)
		fail(wanted, "this kernel, or this type of VM, has no such KVM_CAP_X86_VMWARE");
	if (syscall(SYS_ioctl, vm, KVM_ENABLE_CAP, &cap))
		fail(wanted, strerror(errno));
	fprintf(stderr, "vmware-kvm: enabled for this VM: %s\n", wanted);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	ret = syscall(SYS_ioctl, fd, request, arg);
	/* Other devices may have requests of the same number. */
	if (ret >= 0 && request == KVM_CREATE_VM && syscall(SYS_ioctl, fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION)
		enable(ret);
	return ret;
}
