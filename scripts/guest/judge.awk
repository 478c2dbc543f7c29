# SPDX-License-Identifier: GPL-2.0
# Compare the transcript of the guest's commands with the expected one, for job-guest.
#
# First file: expected, each command's output as extended regular expressions, one a
# line; second file: what came, with QEMU's trace in it. Variables: way (hypercall,
# port or off), prefix of the tests' names, first number, skip (a reason).
#
# A test passes if its command printed what is expected, and reached QEMU by that way only.

function name(prompt,   word)
{
	split(prompt, word, " ")
	gsub(/[^a-z-]/, "", word[1])
	gsub(/[^a-z-]/, "", word[3])
	sub(/^-*/, "", word[3])
	return word[1] "-" word[2] (word[2] ~ /^vmware-checkvm|^dmesg/ ? "" : "-" word[3])
}

function report(i,   why, j, line, end)
{
	if (skip != "")
		return printf("ok %d - %s/%s # SKIP %s\n", first++, prefix, name(prompt[i]), skip)
	for (j = 1; j <= lines[i] || j <= got[i]; j++) {
		line = text[i, j]
		if (j > lines[i] || j > got[i] || line !~ "^" pattern[i, j] "$") {
			why = j > got[i] ? "expected: " pattern[i, j] : "unexpected: " line
			break
		}
	}
	if (!seen[i]) why = "the command did not run"
	else if (why == "" && way == "hypercall" && port[i]) why = port[i] " accesses to the port"
	else if (why == "" && way != "hypercall" && hypercall[i]) why = hypercall[i] " hypercalls"
	printf "%sok %d - %s/%s%s\n", (why == "" ? "" : "not "), first++, prefix, name(prompt[i]), (why == "" ? "" : " # " why)
}

{ sub(/\r$/, "") }

FNR == NR && /^#/ || /^$/ { next }
FNR == NR && /^[a-z]+\$ / { prompt[++n] = $0; next }
FNR == NR { pattern[n, ++lines[n]] = $0; next }

/^[a-z]+\$ / { i = 0; for (k = 1; k <= n; k++) if (prompt[k] == $0) { i = k; seen[i]++ }; next }
/^# end$/ { i = 0 }
/^kvm_x86_vmware_hypercall / { hypercall[i]++; next }
/^vmport_ioport/ { port[i]++; next }
/^(vmport|vmrpc|kvm_x86_vmware)_/ { next }
i { text[i, ++got[i]] = $0 }

END { for (i = 1; i <= n; i++) report(i) }
