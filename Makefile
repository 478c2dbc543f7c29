# SPDX-License-Identifier: GPL-2.0
# VMware hypercalls and backdoor per VM for KVM: see README.md, or "make help".

export KERNEL VENDOR TEST JOBS V COUNT SEED

.PHONY: help run test tree kernel selftests qemu test-qemu export export-qemu check mutants clean

help:
	@scripts/help.sh

run:
	@scripts/lab-run.sh

test:
	@scripts/lab-test.sh

tree kernel selftests:
	@scripts/build.sh $@

qemu:
	@scripts/build-qemu.sh

test-qemu export-qemu:
	@scripts/$@.sh

export:
	@scripts/export.sh

check:
	@scripts/check.sh

mutants:
	@scripts/mutants.sh

clean:
	@scripts/clean.sh
