# SPDX-License-Identifier: GPL-2.0
# Of judge.sh, which see: read what a machine reported, KTAP, and print
# "CELL TEST RESULT DETAIL", separated by tabs, for each test and each part of one.
#
# A part is TEST:PART, of a nested line "  ok N - PART". The detail is why a test or part skipped
# or failed; of a failure also the first assertion of the kernel's selftests, which ends
# a program or part: file and expression, without the line number, and what the test said of it.
#
# Parts of kvm-unit-tests' tests are lines "PASS: text", where numbers are cycles, counts
# and addresses: no two runs agree on them.

function emit(name, result, detail,   cell)
{
	cell = name
	sub(/\/[^\/]*$/, "", cell)
	sub(/.*\//, "", name)
	print cell, name, result, detail == "" ? "-" : detail
}

# The assertion since the last part; that of the test is the first of all.
function end_part()
{
	if (assertion == "") assertion = since
	since = ""
}

function end_test(   i)
{
	for (i = 1; i <= nparts; i++)
		emit(name ":" part[i], part_result[i], part_detail[i])
	nparts = 0
	assertion = ""
}

# Sets name, result and detail from a line that begins with ok or not ok.
function parse(line)
{
	result = line ~ /^not / ? "fail" : "pass"
	sub(/^(not )?ok [0-9]+ (- )?/, "", line)
	detail = line ~ /(^| )# / ? substr(line, index(line, "# ") + 2) : ""
	sub(/ ?# .*/, "", line)
	if (sub(/^SKIP[ -]*/, "", detail)) result = "skip"
	name = line
}

BEGIN { OFS = "\t" }
{ sub(/\r$/, ""); gsub(/\t/, " ") }

/^  (not )?ok [0-9]+ / {
	sub(/^ +/, "")
	parse($0)
	gsub(/[ \/]/, "_", name)
	part[++nparts] = name == "" ? "skip" : name
	part_result[nparts] = result
	part_detail[nparts] = result == "fail" && since != "" ? detail "; " since : detail
	said = 0
	end_part()
	next
}

/^# +(PASS|FAIL|SKIP|XPASS|XFAIL): / {
	sub(/^# +/, "")
	result = $1
	sub(/^[A-Z]+: /, "")
	$0 = " " $0 " "
	while (match($0, /[^0-9A-Za-z_][0-9]+[^0-9A-Za-z_]/))
		$0 = substr($0, 1, RSTART) "N" substr($0, RSTART + RLENGTH - 1)
	gsub(/[ \/:]+/, "_")
	part[++nparts] = $0
	part_result[nparts] = result == "PASS:" || result == "XFAIL:" ? "pass" : result == "SKIP:" ? "skip" : "fail"
	part_detail[nparts] = ""
	next
}

since == "" && /^#[# ]*[^ :]+\.[ch]:[0-9]+:/ {
	since = $0
	sub(/^[# ]*/, "", since)
	sub(/:[0-9]+:/, ": ", since)
	sub(/:  */, ": ", since)
	sub(/^[^ ]*\//, "", since)
	said = 1
	next
}
said && /^#   (pid=| +[0-9]|\(stack)/ || /^# sh: / { next }
said && /^#   / { since = since "; " substr($0, 5); said = 0; next }

/^(not )?ok [0-9]+ - / {
	said = 0
	parse($0)
	end_part()
	if (result == "fail" && assertion != "") detail = detail "; " assertion
	emit(name, result, detail)
	end_test()
}
