# SPDX-License-Identifier: GPL-2.0
# Of plan.sh, which see: what is expected of each test. Input: the lists of skips, of
# known failures and of fixes, then lines of "vendor kernel set cell test". Variable: new, the
# tests that the series adds.

# The first entry of the lists for a test, or, if part is set, the next for a part of it, of
# one kind if that is set. What fails without a fix does so on the unpatched kernel only.
function listed(kernel, vendor, cell, test, part, i, only)
{
	for (i++; i <= count; i++)
		if (vendor ~ vendors[i] && cell ~ cells[i] && test ~ tests[i] && (parts[i] != "") == part &&
		    (kind[i] != "fail" || kernel == "base") && (only == "" || kind[i] == only))
			return i
	return 0
}

# Is it a test of a fix?
function fixed(test,   i)
{
	for (i = 1; i <= count; i++)
		if (kind[i] == "fail" && test ~ tests[i])
			return 1
	return 0
}

# What the kernel may say on the console depends on which tests run.
function fails(test, kind) { return test == "boot" && kind == "fail" ? "fail?" : kind }

function row(vendor, kernel, set, cell, test, expectation, says, reason)
{
	print vendor, kernel, set, cell, test, expectation, says, reason
}

FNR == 1 { file++ }
/^#/ || /^[ \t]*$/ { next }

file < 4 {
	n = split($0, field, /\t+/)
	if (n != 5) {
		print FILENAME ": not five columns, separated by tabs: " $0 >"/dev/stderr"
		exit 1
	}
	kind[++count] = file == 1 ? "skip?" : file == 2 ? "fail?" : "fail"
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

$2 == "base" && ($3 == "debian" || (index(new, " " $5 " ") && !fixed($5))) && $5 != "boot" {
	row($1, $2, $3, $4, $5, "skip", "KVM_CAP_X86_VMWARE", "the unpatched kernel has no such capability")
	next
}

(i = listed($2, $1, $4, $5, 0, 0)) {
	row($1, $2, $3, $4, $5, kind[i], says[i], reason[i])
	next
}

{
	if ((i = listed($2, $1, $4, $5, 1, 0, "fail")) || (i = listed($2, $1, $4, $5, 1, 0, "fail?")))
		row($1, $2, $3, $4, $5, fails($5, kind[i]), ".", reason[i])
	else
		row($1, $2, $3, $4, $5, "pass", "-", "-")
	for (i = listed($2, $1, $4, $5, 1, 0); i; i = listed($2, $1, $4, $5, 1, i))
		row($1, $2, $3, $4, $5 ":" parts[i], fails($5, kind[i]), says[i], reason[i])
}
