# SPDX-License-Identifier: GPL-2.0
# What is known of mutants. Input, separated by tabs, each with its FILE=NAME before it:
#   list       NAME KEY why text function test vendor, as build/mutants.sh leaves it
#   keys       VENDOR NAME MODULES: what they are with it on that vendor; "-" is as without
#   tests      VENDOR CELL TEST PROGRAM, in the order in which they are to run
#   results    VENDOR MODULES CELL TEST PROGRAM RESULT DETAIL, of the tests as they are now and others
#   survivors  scripts/mutants/survivors
#   caught     scripts/mutants/caught
# vendor=NAME count=N: print what is to run next on that vendor: "MUTANT CELL TEST" for N mutants that nobody has
# caught yet, and that have tests left. Of one that is written that is its test, on each vendor that it has. Of one
# that is made it is all, on one vendor after the other, until one is caught; first the test that caught
# it the last time, then those of what the mutant is about: that caught others of its function, and whose
# names have words of its text. Else: the report, and the total to TOTAL.

# Caught is a failed assertion, a complaint of the kernel, or a machine that is no more; not a test, or a
# machine, that comes to no end. A test that misses the capability, and does not without the bug, has noticed, too: make
# test has no such skip in its list, so it fails.
function catches(result, detail, without)
{
	if (result == "skip" && without == "pass") return detail ~ /KVM_CAP_X86_VMWARE/
	if (result != "fail" || detail ~ /nothing new for|stopped after [0-9]+ s/) return 0
	return detail ~ /\.[ch]: |; (WARNING|BUG|Oops|general protection)|the machine ended/
}

# The first test that catches it, or "".
function caught(v, name,   i, id, without)
{
	for (i = 1; i <= ntests; i++) {
		id = modules[v, name] SUBSEP test[i]
		without = modules[v, control] SUBSEP test[i]
		without = without in result ? result[without] : ""
		if (test_vendor[i] == v && takes(name, i) && (id in result) && catches(result[id], detail[id], without)) return id
	}
	return ""
}

function caught_elsewhere(vendor, name,   v)
{
	for (v in vendors) if (v != vendor && (v, name) in modules && modules[v, name] != "-" && caught(v, name) != "") return 1
	return 0
}

# The tests that it has not seen. With one that took its machine it is over.
function left(v, name,   i, n)
{
	if (modules[v, name] in lost) return 0
	for (i = 1; i <= ntests; i++)
		if (test_vendor[i] == v && takes(name, i) && !((modules[v, name] SUBSEP test[i]) in result)) n++
	return n + 0
}

# Does the mutant run this test?
function takes(name, i,   part)
{
	split(test[i], part, SUBSEP)
	return !(name in only_test) || only_test[name] == part[2]
}

# How many of the words of a test's name the mutant's text has; before that comes what caught others of the function.
function relevance(v, name, test,   n, i, words, r)
{
	if ((v, test, text[name]) in last_time) return 9
	if ((in_function[name], test) in hits) r = 4
	n = split(test, words, "_")
	for (i = 1; i <= n; i++)
		if (words[i] !~ /^(vmware|test|emulated|userspace)$/ && index(tolower(context[name]), substr(words[i], 1, 4))) r++
	return r > 8 ? 8 : r + 0
}

function next_for(v, name,   r, i, part)
{
	for (r = 9; r >= 0; r--)
		for (i = 1; i <= ntests; i++) {
			split(test[i], part, SUBSEP)
			if (test_vendor[i] == v && takes(name, i) && relevance(v, name, part[2]) == r && !((modules[v, name] SUBSEP test[i]) in result))
				print name, part[1], part[2]
		}
}

BEGIN { FS = OFS = "\t"; control = "control"; vendors["amd"]; vendors["intel"] }

FILE == "list" { names[++nnames] = $1; why[$1] = $3; text[$1] = $4; context[$1] = $4 " " $5; in_function[$1] = $5 }
FILE == "list" && $6 { only_test[$1] = $6; only_vendor[$1] = $7 }
FILE == "keys" { modules[$1, $2] = only_vendor[$2] && only_vendor[$2] != $1 ? "-" : $3 }
FILE == "tests" { test_vendor[++ntests] = $1; test[ntests] = $2 SUBSEP $3 SUBSEP $4 }
FILE == "results" { id = $2 SUBSEP $3 SUBSEP $4 SUBSEP $5; if (!(id in result)) { result[id] = $6; detail[id] = $7 } if ($7 ~ /the machine ended/) lost[$2] }
FILE == "survivors" && /^[^#\t]/ { class = /^(equivalent|unreachable): / ? $1 : ""; sub(/:.*/, "", class); reason = $0; next }
FILE == "caught" && !/^#/ { last_time[$1, $2, $3] }
FILE == "survivors" && /^\t/ && class { known[substr($0, 2)] = class; known_why[substr($0, 2)] = reason }

END {
	if (vendor) {
		for (i = 1; i <= nnames; i++)
			if ((id = caught(vendor, names[i])) != "") {
				split(id, part, SUBSEP)
				hits[in_function[names[i]], part[3]]
			}
		if (left(vendor, control)) { next_for(vendor, control); count-- }
		# Last come those that are known to survive.
		for (pass = 0; pass <= 1; pass++)
			for (i = 1; i <= nnames && count > 0; i++) {
				# The vendors run at a time, and meet in the middle.
				name = names[vendor == "intel" ? nnames + 1 - i : i]
				key = modules[vendor, name]
				if (why[name] != "-" || !key || key == "-" || key in chosen || caught(vendor, name) != "" || !left(vendor, name)) continue
				if ((text[name] in known) != pass || (!(name in only_test) && caught_elsewhere(vendor, name))) continue
				chosen[key]
				next_for(vendor, name)
				count--
			}
		exit
	}
	for (i = 1; i <= ntests; i++) {
		id = modules[test_vendor[i], control] SUBSEP test[i]
		split(test[i], part, SUBSEP)
		if (id in result && result[id] == "fail") { print "UNEXPECTED: without a bug " part[2] " fails in " part[1] ": " detail[id]; bad++ }
	}
	for (i = 1; i <= nnames; i++) {
		name = names[i]
		if (why[name] !~ /^(-|not compiled)$/) { dropped[why[name]]++; continue }
		if (only_vendor[name] && !((only_vendor[name], name) in modules)) { dropped["for the other vendor"]++; continue }
		all++
		if (why[name] != "-") { waiting++; continue }
		hit = ""; open = missed = 0
		for (v in vendors) {
			if (!((v, name) in modules) && !(name in only_test)) open = 1
			if (!((v, name) in modules) || modules[v, name] == "-") continue
			ran[v] += !left(v, name) || (id = caught(v, name)) != ""
			if ((id = caught(v, name)) != "") {
				split(id, part, SUBSEP)
				by[v]++; by_test[part[3]]++
				hit = hit v "\t" part[3] "\t" text[name] "\t" detail[id] "\n"
			} else { open += left(v, name) > 0; missed += name in only_test }
		}
		printf "%s", hit >CAUGHT
		if (hit != "" && !missed) ncaught++
		else if (open) waiting++
		else if (text[name] in known) { nlisted[known[text[name]]]++; print "known: " name ": " text[name] " (" known_why[text[name]] ")" }
		else { nsurvived++; print "SURVIVED: " name ": " text[name] }
		if (hit != "" && !missed && text[name] in known && !(text[name] in both)) both[text[name]] = name
	}
	print ""
	for (t in both) print "note: " both[t] " is caught, but a mutant of that text is in survivors: " t
	printf "%d mutants:", nnames
	for (w in dropped) printf " %d %s,", dropped[w], w
	printf " %d to run\n", all
	for (v in vendors) printf "%s: %d run, %d caught\n", v, ran[v], by[v]
	for (t in by_test) printf "  %5d by %s\n", by_test[t], t | "sort -rn"
	close("sort -rn")
	score = all > nlisted["equivalent"] ? 100 * ncaught / (all - nlisted["equivalent"]) : 0
	printf "%d caught, %d survived, %d known to be equivalent, %d out of reach here, %d not run to the end\n", ncaught, nsurvived, nlisted["equivalent"], nlisted["unreachable"], waiting
	printf "%d passed, %d failed, %d skipped (%.1f%% of those that are not equivalent are caught)\n", ncaught, nsurvived + bad + waiting, nlisted["equivalent"] + nlisted["unreachable"], score >TOTAL
	exit nsurvived + bad + waiting != 0
}
