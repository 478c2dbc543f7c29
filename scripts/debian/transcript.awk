# SPDX-License-Identifier: GPL-2.0
# Print what the guest reported for reading, for job-guest: each command, and between it
# and its output how QEMU was asked for it, from QEMU's trace.

function flush(   c, list)
{
	for (c = 1; c <= ncommands; c++)
		list = list (c > 1 ? ", " : "") commands[c] (times[commands[c]] > 1 ? " (" times[commands[c]] " times)" : "")
	if (hypercalls)
		print "    | QEMU: " hypercalls " hypercalls, CPL" cpls
	if (ports)
		print "    | QEMU: " ports " accesses to the port"
	if (ncommands)
		print "    | QEMU: commands " list
	for (c = 1; c <= nrpc; c++)
		print "    | QEMU: " rpc[c]
	split("", times)
	split("", cpl)
	hypercalls = ports = ncommands = nrpc = 0
	cpls = ""
}

{ sub(/\r$/, "") }
/^kvm_x86_vmware_hypercall / {
	hypercalls++
	traced = 1
	sub(/.* cpl /, "")
	if (!cpl[$1]++)
		cpls = cpls " " $1
	next
}
/^vmport_/ {
	if (!traced)
		ports++
	traced = 0
	name = /_hb / ? "high bandwidth" : $3
	if (!times[name]++)
		commands[++ncommands] = name
	next
}
/^vmrpc_/ {
	rpc[++nrpc] = $0
	next
}
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
