# SPDX-License-Identifier: GPL-2.0
# VMware hypercalls and backdoor per VM for KVM: see README.md, or "make help".
# Each target is a file of scripts/cmd/; it takes the variables of make's command line.

.PHONY: help run test test-debug fuzz bench kvm-unit-tests tree selftests qemu test-qemu export export-qemu bochs export-bochs \
	modules test-modules mbox check defects bisect-check mutants release-report clean

help run test test-debug fuzz bench kvm-unit-tests tree selftests qemu test-qemu export export-qemu bochs export-bochs \
modules test-modules mbox check defects bisect-check mutants release-report clean:
	@scripts/cmd/$@ $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(call quote,$(name)=$($(name)))))

quote = '$(subst ','\'',$(1))'
