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
  make tree       only make build/linux-7.3, a git tree with the series applied
  make kernel     and build the kernels
  make selftests  and their selftests
  make qemu       build QEMU with the series for it, in build/qemu
  make test-qemu  test and fuzz what QEMU answers, with a bare guest (COUNT=2000
                  sequences of the fuzzer, SEED=1)
  make export-qemu  write the commits of build/qemu-7.2 to patches/qemu-7.2
  make export     write the commits of build/linux-7.3 to patches/ and the copies
  make check      check the scripts, the log judge, the patches and the copies, the
                  headers of all architectures, and that every patch builds
  make mutants    put deliberate bugs into KVM, one at a time, and see the tests catch
                  them (VENDOR=amd by default; minutes for each)
  make clean      remove what was built; keep the trees with their commits, and downloads
  make help       this text

Variables (make test VENDOR=amd)
  VENDOR=amd|intel  that vendor only                      default: both
  TEST=name         make test: that selftest only, or the guest  default: all
  KERNEL=path       a kernel tree of your own, clean, patched or with the series in
                    it; it is only read, a copy is built  default: build/linux-7.3
  JOBS=number       parallel compile jobs and machines    default: CPUs, here $(nproc)
  V=1               show the output of each step          default: in build/log/ only

Variables of the environment
  XDG_CACHE_HOME    downloads and compiled objects        default: ~/.cache
                    are kept there, in vmware-kvm/
  STALL=seconds     a machine hangs that says nothing     default: 300
                    for so long
  LIMIT=seconds     a machine hangs that runs longer      default: 3600
EOF
