# SPDX-License-Identifier: GPL-2.0
# Print the report of job-guest for reading: the commands in the guest, and between a
# command and its output how QEMU was asked for it, from its trace.

function flush(   c, list)
{
	for (c = 1; c <= ncommands; c++)
		list = list (c > 1 ? ", " : "") commands[c] (times[commands[c]] > 1 ? " (" times[commands[c]] " times)" : "")
	if (hypercalls || ncommands)
		print "    | QEMU: " (hypercalls ? hypercalls " hypercalls, CPL" cpls : total " port accesses") "; commands " list
	for (c = 1; c <= nrpc; c++)
		print "    | QEMU: " rpc[c]
	split("", times)
	split("", cpl)
	hypercalls = ncommands = total = nrpc = 0
	cpls = ""
}

!sub(/^# /, "") || /^# / { next }
/^cell / {
	flush()
	print "\n--- " $0
	next
}
/^kvm_x86_vmware_hypercall / {
	hypercalls++
	sub(/.* cpl /, "")
	if (!cpl[$1]++)
		cpls = cpls " " $1
	next
}
/^vmport_command / {
	total++
	if (!times[$3]++)
		commands[++ncommands] = $3
	next
}
/^vmrpc_/ {
	rpc[++nrpc] = $0
	next
}
/^(vmport|kvm_x86_vmware)_/ { next }
/^[a-z]+\$ / {
	flush()
	print
	next
}
{
	flush()
	print "    " $0
}
END { flush() }
