# SPDX-License-Identifier: GPL-2.0
# Of judge.sh, which see: join results to the plan. Input: the plan, then the results,
# "VENDOR KERNEL SET CELL TEST RESULT DETAIL", both separated by tabs.
# Writes FAILURES, a line for each test that failed, and TOTAL.

# A test counts once, whatever the number of kernels that it ran on: as failed if it failed
# on one of them, else as what it did on the last.
function fail(case_, key, why)
{
	worst[case_] = "FAIL"
	if (!(why in where)) unexpected[++nunexpected] = why
	where[why] = where[why] " " field[4]
	print field[1], field[2], field[3], field[4], field[5] >FAILURES
}

function shown(key) { return result[key] (detail[key] != "" && detail[key] != "-" ? " (" detail[key] ")" : "") }

function note(text) { if (!noted[text]++) notes[++nnotes] = text }

# The line of the plan that lists the skip of a part of a test, or 0.
function listing(key, i,   j)
{
	for (j = 1; j <= nlisted[key]; j++)
		if (part_name[key, i] ~ listed[key, j] && part_detail[key, i] ~ listed_says[key, j])
			return j
	return 0
}

function unlisted_skip(key,   i)
{
	for (i = 1; i <= nparts[key]; i++)
		if (part_result[key, i] == "skip" && !listing(key, i))
			return part_name[key, i] ": " part_detail[key, i]
	return ""
}

# How many parts of a test line number j of those that list some takes care of.
function parts(key, j, case_, name,   i, found, skipped)
{
	if (result[key] != "pass") return 0
	for (i = 1; i <= nparts[key]; i++) {
		if (part_name[key, i] ~ listed[key, j]) found++
		if (part_result[key, i] == "skip" && listing(key, i) == j) skipped++
	}
	if (!found) fail(case_, key, name ": is listed in plan/skips, but there is no such part")
	else if (!skipped) note(name " passes, but is listed in plan/skips: " says)
	return skipped + 0
}

# The same for parts that fail without a fix, or may.
function fixed_parts(key, j, case_, name,   i, found)
{
	if (result[key] != "fail") return
	for (i = 1; i <= nparts[key]; i++) {
		if (part_name[key, i] !~ listed[key, j]) continue
		found++
		if (part_result[key, i] != "fail" && expected == "fail")
			fail(case_, key, name ": must fail on the unpatched kernel, but it is " part_result[key, i] ": " part_name[key, i])
		else if (part_result[key, i] == "fail" && part_detail[key, i] !~ says)
			fail(case_, key, name ": fails for another reason than: " says ": " part_detail[key, i])
	}
	if (!found && expected == "fail") fail(case_, key, name ": is listed in plan/fixes, but there is no such part")
}

# A part that fails, of a test of which some parts must, is one of those.
function unlisted_failure(key,   i, j, found)
{
	for (i = 1; nlisted[key] && i <= nparts[key]; i++) {
		if (part_result[key, i] != "fail") continue
		found = 0
		for (j = 1; j <= nlisted[key]; j++)
			if (part_name[key, i] ~ listed[key, j] && listed_fails[key, j]) found = 1
		if (!found) return part_name[key, i]
	}
	return ""
}

# What got worse from the base: of the test itself, or a part of it of which more fail, or
# fewer pass. One that was stopped got to no certain place.
function worse(base, key,   i, count, name, stopped)
{
	if (!(base in result)) return "no result on the unpatched kernel"
	if (result[base] == "pass" && result[key] != "pass") return "unpatched pass, patched " shown(key)
	if (result[base] == "skip" && result[key] == "fail") return "unpatched " shown(base) ", patched " shown(key)
	stopped = detail[base] ~ /timeout/ || detail[key] ~ /timeout/
	for (i = 1; i <= nparts[base]; i++) count[part_name[base, i], part_result[base, i]]--
	for (i = 1; i <= nparts[key]; i++) count[part_name[key, i], part_result[key, i]]++
	for (i = 1; i <= nparts[key]; i++)
		if (count[part_name[key, i], "fail"] > 0) return "a part fails on the patched kernel: " part_name[key, i]
	for (i = 1; i <= nparts[base] && !stopped; i++)
		if (count[part_name[base, i], "pass"] < 0) return "a part passes on the unpatched kernel only: " part_name[base, i]
	return ""
}

# Is it otherwise on the unpatched kernel, where it need not skip?
function differs(base, key) { return base in result && planned[base] != "skip" && result[base] != result[key] }

# The mark of a row in the tables; field is the row.
function verdict(key, case_,   base, name, why, parent)
{
	expected = field[6]; says = field[7]
	base = field[1] SUBSEP "base" SUBSEP field[3] SUBSEP field[4] SUBSEP field[5]
	name = field[1] " " field[5]
	if (field[5] ~ /:/) {
		parent = key
		sub(/:.*/, "", parent)
		if (expected ~ /^fail/) {
			fixed_parts(parent, ++line_of[parent], case_, field[1] " " field[5])
			return "-"
		}
		times[case_] = parts(parent, ++line_of[parent], case_, field[1] " " field[5])
		return times[case_] ? "skip" : "-"
	} else if (!(key in result)) {
		fail(case_, key, name ": no result on the " field[2] " kernel")
	} else if (expected == "as-base") {
		if (field[2] == "base") return result[key]
		if ((why = worse(base, key)) != "") fail(case_, key, name ": worse: " why)
		else if (result[base] != result[key]) note(field[4] " " name ": unpatched " shown(base) ", patched " shown(key))
		return result[key]
	} else if (result[key] == "pass") {
		if (expected == "skip" || expected == "fail")
			fail(case_, key, name ": passes on the " field[2] " kernel, must " expected ": " field[8])
		else if ((why = unlisted_skip(key)) != "")
			fail(case_, key, name ": a part skips that is not listed in plan/skips: " why)
		else {
			if (expected != "pass") note(name ": passes, " expected " is listed: " field[8])
			if (expected != "pass" && differs(base, key))
				fail(case_, key, name ": unpatched " shown(base) ", patched " shown(key))
			return "pass"
		}
	} else if (expected !~ "^" result[key]) {
		fail(case_, key, name ": on the " field[2] " kernel " shown(key) (result[key] == "skip" ? ", not listed in plan/skips" : ""))
	} else if (detail[key] !~ says) {
		fail(case_, key, name ": on the " field[2] " kernel " shown(key) ", but for another reason than: " says)
	} else if (expected ~ /^fail/ && (why = unlisted_failure(key)) != "") {
		fail(case_, key, name ": a part fails that is not listed in plan/fixes: " why)
	} else {
		if (differs(base, key) && expected ~ /\?/)
			fail(case_, key, name ": unpatched " shown(base) ", patched " shown(key))
		return result[key] == "fail" ? "known" : "skip"
	}
	return "FAIL"
}

BEGIN { FS = OFS = "\t" }

FNR == NR {
	plan[++nplan] = $0
	planned[$1 SUBSEP $2 SUBSEP $3 SUBSEP $4 SUBSEP $5] = $6
	if (i = index($5, ":")) {
		key = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4 SUBSEP substr($5, 1, i - 1)
		listed[key, ++nlisted[key]] = glob(substr($5, i + 1))
		listed_says[key, nlisted[key]] = $7
		listed_fails[key, nlisted[key]] = $6 ~ /^fail/
	}
	next
}

# A part belongs to the test before the colon.
{
	key = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4 SUBSEP $5
	i = index($5, ":")
	if (i) {
		parent = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4 SUBSEP substr($5, 1, i - 1)
		part_name[parent, ++nparts[parent]] = substr($5, i + 1)
		part_result[parent, nparts[parent]] = $6
		part_detail[parent, nparts[parent]] = $7
	} else if (key in result) twice[key]
	result[key] = $6
	detail[key] = $7
}

END {
	printf "" >FAILURES
	for (key in twice) { result[key] = "fail"; detail[key] = "more than one result" }
	for (r = 1; r <= nplan; r++) {
		split(plan[r], field, "\t")
		key = field[1] SUBSEP field[2] SUBSEP field[3] SUBSEP field[4] SUBSEP field[5]
		case_ = field[1] SUBSEP field[3] SUBSEP field[4] SUBSEP field[5]
		if (!(case_ in mark)) cases[++ncases] = case_
		mark[case_] = verdict(key, case_)
		why_listed[case_] = field[8]
		kernels[field[2]]
	}
	for (i = 1; i <= ncases; i++) {
		case_ = cases[i]
		if (case_ in worst) mark[case_] = worst[case_]
		split(case_, field, SUBSEP)
		if (mark[case_] == "pass") npassed++
		else if (mark[case_] == "FAIL") nfailed++
		else if (mark[case_] == "fail") ncompared++
		else if (mark[case_] != "-") nskipped += (n = case_ in times ? times[case_] : 1)
		if (mark[case_] ~ /skip|known/) {
			line = mark[case_] ": " field[1] " " field[4] ": " why_listed[case_]
			if (!(line in count)) lists[++nlists] = line
			count[line] += n
		}
		if (field[4] ~ /:/) continue
		group = field[1] " " field[2]
		if (!seen_group[group]++) groups[++ngroups] = group
		if (!seen_row[group, field[4]]++) row[group, ++nrows[group]] = field[4]
		if (!seen_column[group, field[3]]++) column[group, ++ncolumns[group]] = field[3]
		cell_mark[group, field[4], field[3]] = mark[case_]
	}
	for (g = 1; g <= ngroups; g++) {
		group = groups[g]
		printf "%-40s", group
		for (c = 1; c <= ncolumns[group]; c++) printf " %-20s", column[group, c]
		print ""
		for (r = 1; r <= nrows[group]; r++) {
			line = sprintf("  %-38s", row[group, r])
			for (c = 1; c <= ncolumns[group]; c++)
				line = line sprintf(" %-20s", cell_mark[group, row[group, r], column[group, c]])
			sub(/ +$/, "", line)
			print line
		}
		print ""
	}
	for (i = 1; i <= nlists; i++) print lists[i] " (" count[lists[i]] ")"
	for (i = 1; i <= nnotes; i++) print "note: " notes[i]
	if (!("base" in kernels) && "patched" in kernels) print "note: there was no unpatched kernel to compare with"
	if ("base" in kernels && !("patched" in kernels)) print "note: only the unpatched kernel was tested"
	for (i = 1; i <= nunexpected; i++) print "UNEXPECTED: " unexpected[i] " [" substr(where[unexpected[i]], 2) "]"
	if (!ncases) nfailed++
	if (ncompared) print "note: " ncompared " fail on both kernels alike, and are no bug of the series: they count as skipped"
	printf "%d passed, %d failed, %d skipped\n", npassed, nfailed, nskipped + ncompared >TOTAL
	exit nfailed != 0
}
