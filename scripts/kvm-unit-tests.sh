#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make kvm-unit-tests: run those of kvm-unit-tests that touch what the series does, on the
# unpatched and the patched kernel, and print what differs.
#
# Usage: KUT_DIR=/path/to/kvm-unit-tests [KUT_TESTS="NAME..."] [KUT_ACCEL=kvm,vmware=on]
#	[KUT_SLOWDOWN=number] [VENDOR=amd|intel] [KERNEL=/path/to/linux] kvm-unit-tests.sh
#
# KUT_DIR is a checkout. It is only read: a copy is built in build/kvm-unit-tests/tree.
# NAME is that of a section of x86/unittests.cfg, or a glob, or NAME:ARG,... to run
# it with other arguments, as in "vmx:vmx_exception_test".
#
# A QEMU as shipped cannot enable KVM_CAP_X86_VMWARE, and the suite does not ask for it: the
# module parameter does, in the cell backdoor=Y. KUT_ACCEL=kvm,vmware=on replaces "-accel kvm"
# on the patched kernel, so that the lab's QEMU enables the capability there, in both cells.
#
# Exit code 0 if nothing that passes on the unpatched kernel fails on the patched one: see
# kvm-unit-tests-diff.sh.

. "$(dirname "$0")/lib.sh"

# What uses the backdoor, hypercalls, or RDPMC; what measures exits; the nested tests that
# take a #GP: all of SVM's, and VMX's large section and those for exceptions.
names=${KUT_TESTS:-vmware_backdoors hypercall* pmu* vmexit* svm* vmx vmx_*exception*}
tree=$BUILD/kvm-unit-tests/tree
results=$WORK/kvm-unit-tests
vendors=$(vendors)

[ -n "${KUT_DIR:-}" ] || die "KUT_DIR is not set" "Use: make kvm-unit-tests KUT_DIR=/path/to/kvm-unit-tests"
[ -d "$KUT_DIR" ] || die "there is no directory $KUT_DIR (KUT_DIR)"
for file in configure Makefile x86/unittests.cfg; do
	[ -e "$KUT_DIR/$file" ] || die "$KUT_DIR is no checkout of kvm-unit-tests: it has no $file"
done

# What was built in the checkout may be for another machine, or with other options.
build_suite()
{
	rm -rf "$tree"
	mkdir -p "$tree"
	rsync -a --exclude=/.git "$KUT_DIR/" "$tree"
	cd "$tree"
	make distclean || :
	./configure
	make -j"$JOBS"
}

key=$(cd "$KUT_DIR" && find . -path ./.git -prune -o ! -type d -printf '%p %s %T@\n' | LC_ALL=C sort | sha256sum)
if [ "$key" != "$(cat "$tree.key" 2>/dev/null)" ]; then
	"$SCRIPTS/install-packages.sh"
	rm -f "$tree.key"
	step "Build kvm-unit-tests" kvm-unit-tests build_suite
	echo "$key" >"$tree.key"
fi
"$SCRIPTS/build.sh" kernel
[ "$(kernels | xargs)" = "base patched" ] ||
	die "there are no unpatched and patched kernel to compare" "Use the tree that make tree makes."
"$SCRIPTS/build-qemu.sh"

# pack VENDOR: the tests and QEMU, as the initramfs of the vendor's machine.
pack()
{
	local pack=$results/$1.tree cell kernel
	rm -rf "$pack"
	mkdir -p "$pack/kut"
	awk -v vendor="$1" -v names="$names" -f "$SCRIPTS/kvm-unit-tests.awk" "$tree/x86/unittests.cfg" >"$pack/kut/tests"
	[ -s "$pack/kut/tests" ] || die "no section of x86/unittests.cfg is to run on $1: $names"
	for cell in N Y; do
		awk -v cell="$1/backdoor=$cell/" '{ print cell $1 }' "$pack/kut/tests"
	done >"$results/$1.plan"
	cut -f2 "$pack/kut/tests" | sort -u | while read -r file; do
		cp "$tree/x86/$file" "$pack/kut" || say "The suite's make built no x86/$file (log: $(short "$LOGS")/kvm-unit-tests.log)"
	done
	"$SCRIPTS/pack-qemu.sh" "$pack" "$QEMU/qemu-system-x86_64" "$QEMU"
	for kernel in base patched; do
		"$SCRIPTS/make-initramfs.sh" "$results/$1-$kernel.initramfs" "$OUT/$kernel" job-kut "$OUT/$kernel/stage" "$pack"
	done
}

# boot VENDOR KERNEL: a test may stop the machine, its kernel or its emulator: that is its
# result, and the machine boots again for the next. The nested tests need an emulator
# whose SVM forgets events that were delivered; the suite's times are those of hardware.
boot()
{
	local dir=$results/$1-$2 accel=kvm first=1 number test why
	[ "$2" = base ] || accel=${KUT_ACCEL:-kvm}
	export EMULATOR="$QEMU/qemu-system-x86_64 -L $QEMU" LIMIT=${LIMIT:-28800}
	: >"$dir.report"
	: >"$dir.console"
	while :; do
		"$SCRIPTS/boot.sh" "$1" "$OUT/$2/arch/x86/boot/bzImage" "$dir.initramfs" "$dir" \
			lab.first=$first lab.accel="$accel" lab.slowdown="${KUT_SLOWDOWN:-5}"
		tr -d '\r' <"$dir/report" >>"$dir.report"
		cat "$dir/console" >>"$dir.console"
		! grep -qx '# end' "$dir.report" || break
		read -r number test < <(sed -n 's/^# test //p' "$dir.report" | tail -n 1) || break
		[ "$number" -ge $first ] || break
		why=$({ sed '/^off$/d' "$dir/ended"; grep -m 1 -iE 'fatal|assert' "$dir/emulator.log" || :; } | paste -sd ' ')
		printf '\nnot ok %s\n' "$number - $test # the machine ended${why:+: $why}" >>"$dir.report"
		first=$((number + 1))
	done
	mv "$dir.report" "$dir/report"
	mv "$dir.console" "$dir/console"
}

mkdir -p "$results"
for vendor in $vendors; do pack "$vendor"; done
for vendor in $vendors; do
	for kernel in base patched; do machine boot "$vendor" "$kernel"; done
done
wait

failed=0
for vendor in $vendors; do
	"$SCRIPTS/kvm-unit-tests-diff.sh" "$results" "$vendor" || failed=1
done
[ $failed = 0 ] || die "the series makes tests fail, or the comparison has gaps"
