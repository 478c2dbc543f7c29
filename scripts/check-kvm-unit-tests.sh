#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check how make kvm-unit-tests reads the suite's list, and what it calls worse, without
# the suite.
#
# Usage: check-kvm-unit-tests.sh

. "$(dirname "$0")/lib.sh"

results=$CHECKED/kvm-unit-tests
rm -rf "$results"
mkdir -p "$results"/amd-{base,patched}

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
	-f "$SCRIPTS/kvm-unit-tests.awk" "$results/cfg" >"$results/got"
printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' >"$results/want" \
	vmware_backdoors vmware_backdoors.flat 1 90 "/a=Y /b=0" '-machine vmport=on -append "a b"' - \
	vmexit_ipi vmexit.flat 2 20 - '-cpu max -m 4g' '"ipi"' \
	exact x.flat 1 90 - '-cpu max' - \
	pmu pmu.flat 1 120 - - 'a b'
diff -u "$results/want" "$results/got" >&2

# expect RESULT TEXT: what the comparison says of report 1 on the unpatched, and report 2
# on the patched kernel.
expect()
{
	local out got=pass
	printf '%s\n' amd/backdoor=N/{t,u} >"$results/amd.plan"
	for kernel in base:"$3" patched:"$4"; do
		printf '# test 1 amd/backdoor=N/t\n%b\nok 2 - amd/backdoor=N/u\n# end\n' "${kernel#*:}" >"$results/amd-${kernel%%:*}/report"
		echo off | tee "$results/amd-${kernel%%:*}"/{ended,machine} >"$results/amd-${kernel%%:*}/console"
	done
	out=$("$SCRIPTS/kvm-unit-tests-diff.sh" "$results" amd) || got=fail
	if [ $got != "$1" ] || ! grep -q -- "$2" <<<"$out"; then say "not $1, or without \"$2\":" "$out"; return 1; fi
}
ok='ok 1 - amd/backdoor=N/t'
expect pass '2 pass.* 0 differ' "# PASS: 12 cycles\n$ok" "# PASS: 34 cycles\n$ok"
expect fail '<- worse (unpatched: -, patched: exit code 3)' "$ok" "not $ok # exit code 3"
expect fail '^+FAIL: a' "# PASS: a\nnot $ok # exit code 3" "# FAIL: a\nnot $ok # exit code 3"
expect fail '^-PASS: b' "# PASS: a\n# PASS: b\nnot $ok # exit code 3" "# PASS: a\nnot $ok # exit code 3"
expect fail '<- worse' "$ok # SKIP no" "not $ok # exit code 3"
expect pass '<- better' "not $ok # exit code 3" "$ok"
expect pass '1 pass.* 0 differ' "# PASS: a\nnot $ok # timeout" "# PASS: a\n# PASS: b\nnot $ok # timeout"
expect fail 'no result' "$ok" ""
