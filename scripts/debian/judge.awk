# SPDX-License-Identifier: GPL-2.0
# Compare the transcript of the guest's commands with the expected one: KTAP, a test
# for each command.
#
# First file: the commands. Second: what is expected, in a section [NAME] for each the output as
# extended regular expressions, one a line. Third: what came, with QEMU's trace in it. Empty
# lines do not count. Variables: way (of job-debian), cell,
# first (number of the first test), skip (a reason to skip them all).
#
# A command passes if it printed what is expected and reached QEMU that way only: each hypercall
# is traced before its command, an access to the port is only traced as a command. The one
# that only reads what the kernel found at boot makes no access.

# Why a command fails, or nothing.
function why(i,   j, w)
{
	if (!seen[i])
		return "the command did not run"
	for (j = 1; j <= lines[i] || j <= got[i]; j++) {
		if (j > got[i])
			return "missing: " pattern[i, j]
		if (j > lines[i] || text[i, j] !~ "^" pattern[i, j] "$")
			return "unexpected: " text[i, j]
	}
	for (w in ways) {
		if (w == expected && !count[i, w] && name[i] !~ /dmesg/)
			return "no access by " w
		if (w != expected && count[i, w])
			return count[i, w] " accesses by " w
	}
	return ""
}

BEGIN { ways["hypercall"]; ways["port"]; expected = way == "nested" ? "port" : way }
{ sub(/\r$/, "") }
FNR == 1 { file++; i = 0 }
/^$/ || /^# / && file < 3 { next }
file == 1 {
	name[++n] = $1
	number[$1] = n
	prompt = $2
	sub(/^[^ ]+ +[^ ]+ +/, "")
	number[prompt "$ " $0] = n
	next
}
file == 2 && /^\[.*\]$/ { i = number[substr($0, 2, length($0) - 2)]; next }
file == 2 { pattern[i, ++lines[i]] = $0; next }
/^[a-z]+\$ / { i = number[$0]; seen[i]++; next }
/^# end$/ { i = 0 }
/^kvm_x86_vmware_hypercall / { count[i, "hypercall"]++; traced = 1; next }
/^vmport_/ { if (!traced) count[i, "port"]++; traced = 0; next }
/^vmrpc_/ { next }
i { text[i, ++got[i]] = $0 }

END {
	for (i = 1; i <= n; i++) {
		reason = why(i)
		result = "ok"
		if (skip != "")
			reason = "SKIP " skip
		else if (reason != "")
			result = "not ok"
		print result " " first++ " - " cell "/" name[i] (reason != "" ? " # " reason : "")
	}
}
