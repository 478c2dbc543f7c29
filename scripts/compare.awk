# SPDX-License-Identifier: GPL-2.0
# The rules of compare.sh, which see. Input: files, each with kind=... before it.
# Writes the tables, and to FAILURES a line for each failed test: NAME KERNEL.

function listed(kind, name,   i, part)
{
	split(name, part, "/")
	for (i = 1; i <= entries[kind]; i++)
		if (part[1] ~ vendors[kind, i] && part[2] ~ cells[kind, i] && part[3] ~ tests[kind, i]) {
			used[kind, i]++
			return i
		}
	return 0
}

function glob(text)
{
	gsub(/[.+^$(){}|]/, "[&]", text)
	gsub(/\*/, ".*", text)
	gsub(/\?/, ".", text)
	return "^" text "$"
}

# One line for all cells in which a test fails alike.
function fail(name, kernel, why,   part)
{
	nfailed++
	split(name, part, "/")
	why = part[1] " " part[3] ": " why
	if (!(why in where)) {
		unexpected[++nunexpected] = why
		if (result[kernel, name] != "skip") print name, kernel >FAILURES
	}
	where[why] = where[why] " " part[2]
	return "FAIL"
}

function show(kernel, name)
{
	return result[kernel, name] (detail[kernel, name] != "" ? " (" detail[kernel, name] ")" : "")
}

function verdict(name,   part, kernel, entry)
{
	split(name, part, "/")
	kernel = booted["patched"] ? "patched" : "base"
	if (booted["patched"] && booted["base"]) {
		if (part[3] in isnew) {
			if (result["base", name] != "skip")
				return fail(name, "base", "new test, on the unpatched kernel " show("base", name) ", must skip")
		} else if (show("base", name) != show("patched", name))
			return fail(name, "patched", "unpatched " show("base", name) ", patched " show("patched", name))
	}
	if (result[kernel, name] == "pass") {
		npassed++
		return "pass"
	}
	if (result[kernel, name] == "skip" && (entry = listed("skips", name))) {
		nskipped++
		return "skip"
	}
	if (result[kernel, name] == "fail" && (entry = listed("known", name))) {
		nskipped++
		return "known"
	}
	return fail(name, kernel, result[kernel, name] == "skip" ? "skip not in expected-skips: " detail[kernel, name] : show(kernel, name))
}

/^#/ && kind != "base" && kind != "patched" { next }
/^$/ { next }

kind == "new" { isnew[$1] = 1; next }

kind == "skips" || kind == "known" {
	i = ++entries[kind]
	split($0, field, /[ \t]+/)
	vendors[kind, i] = glob(field[1])
	cells[kind, i] = glob(field[2])
	tests[kind, i] = glob(field[3])
	entry[kind, i] = field[1] " " field[2] " " field[3]
	reason[kind, i] = $0
	sub(/^[^ \t]+[ \t]+[^ \t]+[ \t]+[^ \t]+[ \t]*/, "", reason[kind, i])
	next
}

{ booted[kind] = 1 }

$1 == "problem" {
	boot = FILENAME
	sub(/\/verdict$/, "", boot)
	sub(/.*\//, "", boot)
	if (!problems[boot]++) nfailed++
	unexpected[++nunexpected] = boot ": " $2
	next
}

{
	result[kind, $2] = $1
	detail[kind, $2] = $3
	if (!known[$2]++) order[++count] = $2
}

END {
	for (i = 1; i <= count; i++) {
		split(order[i], part, "/")
		if (!vendor[part[1]]++) vendor_order[++nvendors] = part[1]
		if (!row[part[1], part[3]]++) row_order[part[1], ++nrows[part[1]]] = part[3]
		if (!column[part[1], part[2]]++) column_order[part[1], ++ncolumns[part[1]]] = part[2]
		mark[order[i]] = verdict(order[i])
	}
	for (v = 1; v <= nvendors; v++) {
		name = vendor_order[v]
		printf "%-42s", name
		for (c = 1; c <= ncolumns[name]; c++) printf " %-16s", column_order[name, c]
		print ""
		for (r = 1; r <= nrows[name]; r++) {
			printf "  %-40s", row_order[name, r] (row_order[name, r] in isnew ? " (new)" : "")
			for (c = 1; c <= ncolumns[name]; c++)
				printf " %-16s", mark[name "/" column_order[name, c] "/" row_order[name, r]]
			print ""
		}
		print ""
	}
	for (i = 1; i <= entries["skips"]; i++)
		if (used["skips", i]) print "skip: " entry["skips", i] " (" used["skips", i] "): " reason["skips", i]
		else if (complete) print "note: expected-skips has " entry["skips", i] ", which did not occur"
	for (i = 1; i <= entries["known"]; i++)
		if (used["known", i]) print "known: " entry["known", i] " (" used["known", i] "): " reason["known", i]
		else if (complete) print "note: known-failures has " entry["known", i] ", which did not occur"
	if (!booted["patched"]) print "note: only the unpatched kernel was tested"
	if (!booted["base"]) print "note: there was no unpatched kernel to compare with"
	for (i = 1; i <= nunexpected; i++) print "UNEXPECTED: " unexpected[i] (unexpected[i] in where ? " [" substr(where[unexpected[i]], 2) "]" : "")
	if (count == 0) nfailed++
	printf "%d passed, %d failed, %d skipped\n", npassed, nfailed, nskipped >TOTAL
	exit nfailed != 0
}
