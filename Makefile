# SPDX-License-Identifier: GPL-2.0
# VMware hypercalls and backdoor per VM for KVM: see README.md, or "make help".

export KERNEL VENDOR TEST DEBUG PATCH CHECK JOBS V EVERY SEED SECONDS_PER_CELL N COUNT \
	KUT_DIR KUT_TESTS KUT_ACCEL KUT_SLOWDOWN

.PHONY: help run test test-debug fuzz bench kvm-unit-tests tree kernel selftests qemu test-qemu export export-qemu \
	check defects bisect-check mutants clean

help:
	@scripts/help.sh

run:
	@scripts/lab-run.sh

test:
	@scripts/lab-test.sh

test-debug:
	@scripts/lab-debug.sh

fuzz:
	@scripts/lab-fuzz.sh

bench:
	@scripts/bench.sh

kvm-unit-tests:
	@scripts/kvm-unit-tests.sh

tree kernel selftests:
	@scripts/build.sh $@

qemu:
	@scripts/build-qemu.sh

test-qemu:
	@scripts/test-qemu.sh

export-qemu:
	@SERIES=qemu scripts/export.sh

export:
	@scripts/export.sh

check:
	@scripts/check.sh $(CHECK)

defects:
	@scripts/defects.sh

bisect-check:
	@scripts/bisect-check.sh

mutants:
	@scripts/mutants.sh

clean:
	@scripts/clean.sh
