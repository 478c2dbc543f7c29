#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check how make kvm-unit-tests reads the suite's list, without the suite. What counts as
# worse is for the check of the judge.
#
# Usage: kvm-unit-tests.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

results=$CHECKED/kvm-unit-tests
rm -rf "$results"
mkdir -p "$results"

# All of the syntax, old and new, with ";" for the ends of lines: what amd gets by these
# names, one of them with arguments.
tr ';' '\n' >"$results/cfg" <<'EOT'
# file = comment;;[unwanted];file = x.flat
[vmware_backdoors];file = vmware_backdoors.flat;extra_params = -machine vmport=on -append "a b";check = /a=Y /b=0
[vmexit_ipi];file=vmexit.flat;smp = $(($MAX_SMP));smp = 2;arch = x86_64
qemu_params = '''-cpu max \;	-m 4g''';test_args = "ipi";timeout = 20s;groups = vmexit
[vmexit_32];file = vmexit.flat;arch = i386
[vmexit_off];file = vmexit.flat;groups = vmexit nodefault
[exact];file = x.flat;groups = nodefault;extra_params = """-cpu max"""
[pmu];file = pmu.flat;test_args = c;timeout = 2m
[vmx];file = vmx.flat
EOT
awk -v vendor=amd -v names='vmware* vmexit* svm* vmx:no exact pmu:a,b' \
	-f "$SCRIPTS/plan/kvm-unit-tests.awk" "$results/cfg" >"$results/got"
printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' >"$results/want" \
	vmware_backdoors vmware_backdoors.flat 1 90 "/a=Y /b=0" '-machine vmport=on -append "a b"' - \
	vmexit_ipi vmexit.flat 2 20 - '-cpu max -m 4g' '"ipi"' \
	exact x.flat 1 90 - '-cpu max' - \
	pmu pmu.flat 1 120 - - 'a b'
diff -u "$results/want" "$results/got" >&2

