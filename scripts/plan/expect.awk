# SPDX-License-Identifier: GPL-2.0
# Of plan.sh, which see: what is expected of each test. Input: the lists of skips and of
# known failures, then lines of "vendor kernel set cell test". Variable: new, the tests
# that the series adds.

# The first entry of the lists for a test, or, if part is set, the next for a part of it.
function listed(vendor, cell, test, part, i)
{
	for (i++; i <= count; i++)
		if (vendor ~ vendors[i] && cell ~ cells[i] && test ~ tests[i] && (parts[i] != "") == part)
			return i
	return 0
}

function row(vendor, kernel, set, cell, test, expectation, says, reason)
{
	print vendor, kernel, set, cell, test, expectation, says, reason
}

FNR == 1 { file++ }
/^#/ || /^[ \t]*$/ { next }

file < 3 {
	n = split($0, field, /\t+/)
	if (n != 5) {
		print FILENAME ": not five columns, separated by tabs: " $0 >"/dev/stderr"
		exit 1
	}
	kind[++count] = file == 1 ? "skip?" : "fail?"
	vendors[count] = glob(field[1])
	cells[count] = glob(field[2])
	parts[count] = field[3]
	if (!sub(/^[^:]*:/, "", parts[count])) parts[count] = ""
	sub(/:.*/, "", field[3])
	tests[count] = glob(field[3])
	says[count] = field[4]
	reason[count] = field[5]
	next
}

$2 == "base" && ($3 == "debian" || index(new, " " $5 " ")) && $5 != "boot" {
	row($1, $2, $3, $4, $5, "skip", "KVM_CAP_X86_VMWARE", "the unpatched kernel has no such capability")
	next
}

(i = listed($1, $4, $5, 0, 0)) {
	row($1, $2, $3, $4, $5, kind[i], says[i], reason[i])
	next
}

{
	row($1, $2, $3, $4, $5, "pass", "-", "-")
	for (i = listed($1, $4, $5, 1, 0); i; i = listed($1, $4, $5, 1, i))
		row($1, $2, $3, $4, $5 ":" parts[i], kind[i], says[i], reason[i])
}
