#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make help: the targets and the variables, with units and defaults.
#
# Usage: help.sh

. "$(dirname "$0")/lib.sh"

cat <<EOF
Targets
  make run        boot both vendors and show one VMware hypercall and one backdoor
                  access of a guest: what goes in, the exit, what the guest gets back;
                  then a Debian guest with open-vm-tools, and what it asks QEMU for
  make test       run the selftests on both vendors, on the unpatched and the patched
                  kernel, in every cell of the matrix, and the Debian guest
  make test-debug run the series' own tests on kernels that look for bugs at run time
                  (KASAN, UBSAN, lockdep; KCSAN): builds two more kernels
  make fuzz       run the fuzz test alone on the patched kernel, for as long as asked,
                  with a fresh seed that is printed
  make bench      count what exits to userspace cost, on both vendors and kernels: tables,
                  a chart, and bounds met or not, in build/bench
  make kvm-unit-tests KUT_DIR=path
                  run kvm-unit-tests' vmware_backdoors, hypercall, pmu, vmexit*, svm and vmx
                  on both kernels and print what differs; the checkout is only read
  make tree       only make build/linux-7.3, a git tree with the series applied
  make kernel     and build the kernels
  make selftests  and their selftests
  make qemu       build QEMU with the series for it, in build/qemu
  make test-qemu  test and fuzz what QEMU answers, with a bare guest (COUNT=2000
                  sequences of the fuzzer, SEED=1)
  make export-qemu  write the commits of build/qemu-7.2 to patches/qemu-7.2
  make export     write the commits of build/linux-7.3 to patches/ and the copies
  make check      run every scripts/check-*.sh: checkpatch.pl, sparse, coccinelle, the
                  documents, spelling, headers of all architectures, KVM built in
                  many configurations, that make export changes nothing, ...; part of
                  make test
  make defects    plant a defect for each check, one at a time, and see it fail
  make bisect-check  at every patch, run the selftests that exist at that point on
                  both vendors; an hour or more, can be stopped and started again
  make mutants    put deliberate bugs into KVM, one at a time, and see the tests catch
                  them (VENDOR=amd by default; minutes for each)
  make clean      remove what was built; keep the trees with their commits, and downloads
  make help       this text

Variables (make test VENDOR=amd)
  VENDOR=amd|intel  that vendor only                      default: both
  TEST=name         make test: that selftest only, or     default: all
                    guest, the Debian guest
  DEBUG=debug|kcsan make test-debug: that kernel only     default: both
  CHECK=names       make check: those checks only         default: all
  PATCH=numbers     make bisect-check: those patches only default: all
  KERNEL=path       a kernel tree of your own, clean, patched or with the series in
                    it; it is only read, a copy is built  default: build/linux-7.3
  EVERY=1           make check: build, and run sparse,    default: the last patch
                    at every patch
  JOBS=number       parallel compile jobs and machines    default: CPUs, here $(nproc)
  SECONDS_PER_CELL=number
                    make fuzz: time for each of the 4 cells default: 60 s (guest time)
  N=number          make fuzz: exits for each cell instead  default: none
  SEED=number       make fuzz: replay, or continue          default: a fresh one
  KUT_TESTS=names   make kvm-unit-tests: those sections of  default: what the series touches
                    x86/unittests.cfg (globs; NAME:ARG,... for other arguments)
  KUT_ACCEL=kvm,vmware=on
                    make kvm-unit-tests: enable the         default: kvm, and the backdoor by
                    capability on the patched kernel        the module parameter only
  KUT_SLOWDOWN=number
                    make kvm-unit-tests: times the          default: 5
                    timeouts of the suite
  V=1               show the output of each step          default: in build/log/ only

Variables of the environment
  XDG_CACHE_HOME    downloads and compiled objects        default: ~/.cache
                    are kept there, in vmware-kvm/
  STALL=seconds     a machine hangs that says nothing     default: 300
                    for so long
  LIMIT=seconds     a machine hangs that runs longer      default: 3600 (make kvm-unit-tests: 28800)
EOF
