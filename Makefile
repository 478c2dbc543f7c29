# SPDX-License-Identifier: GPL-2.0
# VMware hypercalls and backdoor per VM for KVM: see README.md, or "make help".

export KERNEL VENDOR TEST JOBS V

.PHONY: help run test bench tree kernel selftests export check mutants clean

help:
	@scripts/help.sh

run:
	@scripts/lab-run.sh

test:
	@scripts/lab-test.sh

bench:
	@scripts/bench.sh

tree kernel selftests:
	@scripts/build.sh $@

export:
	@scripts/export.sh

check:
	@scripts/check.sh

mutants:
	@scripts/mutants.sh

clean:
	@scripts/clean.sh
