# SPDX-License-Identifier: GPL-2.0
# The tables, bounds and chart of cmd/bench, which see. Input: the rows of results.tsv.

{
	vendor = $1; kernel = $2; param = $3; test = $5; vm = $6
	if (!(vendor in seen_vendor)) { seen_vendor[vendor]; vendors[++nvendors] = vendor }
	if (!(test in names)) { names[test] = $12; tests[++ntests] = test }

	key = vendor SUBSEP kernel SUBSEP param SUBSEP test SUBSEP vm
	if (!(key in min) || $7 < min[key]) min[key] = $7
	if (!(key in max) || $7 > max[key]) max[key] = $7
	exits[key] = $11
	if (min[key] > 100 && max[key] / min[key] > spread) spread = max[key] / min[key]
}

# What a test costs; param N unless the test needs the default backdoor.
function cost(vendor, kernel, test, vm, param,   key)
{
	key = vendor SUBSEP kernel SUBSEP (param ? param : "N") SUBSEP test SUBSEP vm
	return key in min ? min[key] : ""
}

function vendor_name(vendor) { return vendor == "amd" ? "AMD" : "Intel" }
function is_exit(test) { return test !~ /^(gp_|rdmsr_|rdpmc_|cpuid|kvm_hcall|hv_hcall)/ }
function number(value) { return value == "" ? "" : sprintf("%.0f", value) }
function ratio(a, b) { return a == "" || b == "" ? "" : sprintf("%.2f", a / b) }

function table(title, exit_tests,   i, v, line, rule, test)
{
	print "\n## " title "\n"
	line = "| |"; rule = "|---|"
	for (v = 1; v <= nvendors; v++) {
		name = vendor_name(vendors[v])
		line = line " " name ", unpatched | patched | VM that asked |" (exit_tests ? " to OUT |" : "")
		rule = rule "--:|--:|--:|" (exit_tests ? "--:|" : "")
	}
	print line "\n" rule
	for (i = 1; i <= ntests; i++) {
		test = tests[i]
		if (is_exit(test) != exit_tests) continue
		line = "| " names[test] " |"
		for (v = 1; v <= nvendors; v++) {
			base = number(cost(vendors[v], "base", test, "default"))
			if (base == "" && cost(vendors[v], "base", test, "default", "Y") != "")
				base = number(cost(vendors[v], "base", test, "default", "Y")) " (param)"
			asked = cost(vendors[v], "patched", test, "vmware")
			line = line " " base " | " number(cost(vendors[v], "patched", test, "default")) " | " number(asked) " |"
			if (exit_tests) line = line " " ratio(asked, cost(vendors[v], "patched", "out", "vmware")) " |"
		}
		print line
	}
}

# A bound, met or not; the limit is inclusive.
function bound(text, vendor, value, form, limit, note)
{
	printf "| %s | %s | " form " | " form " | %s%s |\n", text, vendor, value, limit,
		value <= limit ? "met" : "**NOT MET**",
		note == "" ? "" : " (" note ")"
}

function bounds(   v, vendor, i, test, diff, worst, which, gp_exits, gp, gp_which)
{
	print "\n## Bounds\n\n| bound | | measured | at most | |\n|---|---|--:|--:|---|"
	for (v = 1; v <= nvendors; v++) {
		vendor = vendors[v]
		vmware = cost(vendor, "patched", "vmware", "vmware")
		bound("`KVM_EXIT_VMWARE`, six results, to `KVM_EXIT_XEN`, one", vendor_name(vendor),
		      vmware / cost(vendor, "patched", "xen", "vmware"), "%.3f", 1.05)
		bound("`KVM_EXIT_VMWARE` to `KVM_EXIT_XEN` + `KVM_{GET,SET}_REGS`, six results each", vendor_name(vendor),
		      vmware / cost(vendor, "patched", "xen_regs", "vmware"), "%.3f", 0.65)
		bound("`KVM_EXIT_VMWARE` to `KVM_EXIT_IO` of OUT, where the CPU gives the next RIP", vendor_name(vendor),
		      vmware / cost(vendor, "patched", "out", "vmware"), "%.3f", 1.10)

		worst = gp = -1e9
		gp_exits = 0
		for (i = 1; i <= ntests; i++) {
			test = tests[i]
			if (cost(vendor, "base", test, "default") != "") {
				diff = cost(vendor, "patched", test, "default") - cost(vendor, "base", test, "default")
				if (diff > worst) { worst = diff; which = names[test] }
			}
			if (test ~ /^gp_/) {
				gp_exits += exits[vendor, "patched", "N", test, "default"]
				diff = cost(vendor, "patched", test, "vmware") - cost(vendor, "base", test, "default", "Y")
				if (diff > gp) { gp = diff; gp_which = names[test] }
			}
		}
		bound("VM that did not ask: " unit " more than unpatched, the worst of all tests", vendor_name(vendor), worst, "%+.0f", 8, which)
		bound("VM that did not ask: exits of #GP", vendor_name(vendor), gp_exits, "%.0f", 0)
		bound("VM that asked: #GP that is no backdoor access, " unit " more than unpatched with the parameter", vendor_name(vendor), gp, "%+.0f", 8, gp_which)
	}
	bound("code of kvm.ko, kvm-amd.ko and kvm-intel.ko, bytes more than unpatched", "", code, "%+d", 2560,
	      tracing " of them are tracepoints")
}

function text(x, y, attributes, string)
{
	printf "<text x=\"%.0f\" y=\"%.0f\" %s>%s</text>\n", x, y, attributes, string >svg
}

# Bars of the ways a guest can call userspace. There is no "&" or "<" in names.
function chart(   v, i, y, list, count, width, results, largest, value, color)
{
	count = split("out port port_sync port3 port3_sync xen xen_regs xen_sync vmware", list, " ")
	for (v = 1; v <= nvendors; v++)
		for (i = 1; i <= count; i++) {
			value = cost(vendors[v], "patched", list[i], "vmware")
			if (value > largest) largest = value
		}
	width = 360
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n", 66 + nvendors * (count * 24 + 46) >svg
	print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>" >svg
	text(16, 26, "font-size=\"16\" font-weight=\"bold\"", "A guest calls userspace: " unit " from guest to userspace and back")
	text(16, 48, "", "<tspan fill=\"#1a6fb5\" font-weight=\"bold\">Blue</tspan>: this series. " \
	     "<tspan fill=\"#c06a10\" font-weight=\"bold\">Orange</tspan>: VMware's port, as VMMs have it today. Grey: for comparison. " \
	     "In brackets: registers returned.")
	y = 58
	for (v = 1; v <= nvendors; v++) {
		text(16, y + 20, "font-size=\"14\" font-weight=\"bold\"", vendor_name(vendors[v]))
		y += 30
		for (i = 1; i <= count; i++) {
			color = list[i] == "vmware" ? "#1a6fb5" : list[i] ~ /^port/ ? "#e08a2c" : "#9aa3ab"
			results = list[i] == "out" ? 0 : list[i] == "xen" ? 1 : 6
			value = cost(vendors[v], "patched", list[i], "vmware")
			text(width - 8, y + 14, "text-anchor=\"end\"" (list[i] == "vmware" ? " font-weight=\"bold\"" : ""), names[list[i]] " (" results ")")
			printf "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"18\" fill=\"%s\"/>\n", width, y, value * 420 / largest, color >svg
			text(width + value * 420 / largest + 6, y + 14, "", number(value))
			y += 24
		}
		y += 16
	}
	print "</svg>" >svg
	close(svg)
}

END {
	hardware = machines ~ /hardware/
	unit = hardware ? "TSC cycles" : "instructions"
	print "# What an exit costs\n"
	print "Written by `make bench`, Linux " linux "; do not edit. Machines: " machines "."
	print "\nUnit: " unit ". Each figure is the fastest of 20 rounds of 10 exits, the least of 3 runs;"
	printf "these 3 differ by at most %.2f%%.\n", (spread - 1) * 100
	chart()
	print "\n![chart](exits.svg)"
	bounds()
	table("From the guest to userspace and back", 1)
	table("Without userspace", 0)
}
