# SPDX-License-Identifier: GPL-2.0
# Print the wanted sections of kvm-unit-tests' x86/unittests.cfg, one a line, separated
# by tabs, "-" for what a section does not say:
#   NAME FILE SMP SECONDS CHECK PARAMS ARGS
# PARAMS are QEMU's (extra_params, now qemu_params), ARGS the test's (test_args); both
# as they are in the file, with the quotes that a shell is to take away.
#
# Variables: vendor, amd or intel: the other's tests (svm*.flat, vmx*.flat) are left out;
# names, the globs to choose by: a section that is in the suite's group "nodefault" takes
# its very name. NAME:ARGS replaces a test's arguments.

function trim(s)
{
	gsub(/[ \t\r]+/, " ", s)
	gsub(/^ | $/, "", s)
	return s
}

function glob(s)
{
	gsub(/\*/, ".*", s)
	gsub(/\?/, ".", s)
	return "^(" s ")$"
}

function or_dash(s) { return s == "" ? "-" : s }

function print_section(    i, n, want, seconds, args)
{
	if (name == "" || value["file"] == "" || value["arch"] == "i386" || value["accel"] == "tcg") return
	if (value["file"] ~ (vendor == "amd" ? "^vmx" : "^svm")) return
	n = split(names, want, " ")
	for (i = 1; i <= n; i++) {
		args = want[i]
		if (sub(/^[^:]*:/, "", args)) gsub(/,/, " ", args)
		else args = value["args"]
		sub(/:.*/, "", want[i])
		if (name == want[i] || (name ~ glob(want[i]) && (" " value["groups"] " ") !~ / nodefault /)) break
	}
	if (i > n) return
	# The suite's default is 90 s; its times are timeout(1)'s.
	seconds = (value["timeout"] == "" ? 90 : value["timeout"] + 0) * (value["timeout"] ~ /m$/ ? 60 : 1)
	print name, value["file"], value["smp"] == "" ? 1 : value["smp"], seconds, or_dash(value["check"]),
		or_dash(value["params"]), or_dash(args)
}

BEGIN { OFS = "\t" }

# A value that begins with three quotes goes on, over lines, until three more at the
# end of one.
function add(text,    last)
{
	last = sub(long "[ \t\r]*$", "", text)
	sub(/\\$/, "", text)
	value[key] = trim(value[key] " " text)
	if (last) long = ""
}

long != "" { add($0); next }

/^[ \t]*(#|$)/ { next }

/^\[.*\]/ {
	print_section()
	for (i in value) delete value[i]
	name = substr($0, 2, index($0, "]") - 2)
	next
}

# As in the suite the last of two lines with one key holds.
/=/ {
	i = index($0, "=")
	key = trim(substr($0, 1, i - 1))
	text = trim(substr($0, i + 1))
	if (key == "extra_params" || key == "qemu_params") key = "params"
	if (key == "test_args") key = "args"
	long = text ~ /^("""|''')/ ? substr(text, 1, 3) : ""
	value[key] = long ? "" : text
	if (long) add(substr(text, 4))
}

END { print_section() }
