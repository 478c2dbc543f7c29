# SPDX-License-Identifier: GPL-2.0
# Of build/mutants.sh, which see: a patch for each mutant of a file. Input: the numbers of the lines that the
# series adds; the file; and the places that made.cocci found. Leaves DIR/NAME.patch, and
# prints the names. Coccinelle has no pattern for a label of a switch alone, nor for the initializer
# of a member: those are found here, by line.

# A mutant: what stands from column C of line L to column M of line N becomes TEXT. It
# keeps the number of lines, as WARN_ON() has it in the code.
function mutant(l, c, n, m, rule, text,   i, before, after, name, patch, last)
{
	for (i = l; i <= n && !(i in added); i++) ;
	if (i > n || text == substr(line[l], c + 1, m - c)) return
	before = substr(line[l], 1, c) "{" (l == n ? substr(line[l], c + 1, m - c) : substr(line[l], c + 1) " ... " substr(line[n], 1, m))
	before = before " => " text "}" substr(line[n], m + 1)
	after = substr(line[l], 1, c) text substr(line[n], m + 1)
	gsub(/[ \t]+/, " ", before)
	sub(/^ /, "", before)
	before = base ": " (in_function[l] == "" ? "" : name_of(in_function[l]) "(): ") before
	if (texts[before]++) before = before " #" texts[before]
	i = after
	gsub(/[ \t()]/, "", i)
	if (seen[l, n, i]++) return
	name = base "-" l "-" rule
	if (names[name]++) name = name "." names[name]

	patch = "Bug: " before "\n\n--- a/" file "\n+++ b/" file "\n"
	last = n + 3 < nlines ? n + 3 : nlines
	patch = patch "@@ -" l - 3 "," last - l + 4 " +" l - 3 "," last - l + 4 " @@ " in_function[l] "\n"
	for (i = l - 3; i < l; i++) patch = patch " " line[i] "\n"
	for (i = l; i <= n; i++) patch = patch "-" line[i] "\n"
	patch = patch "+" after "\n"
	for (i = l; i < n; i++) patch = patch "+\n"
	for (i = n + 1; i <= last; i++) patch = patch " " line[i] "\n"
	printf "%s", patch >(dir "/" name ".patch")
	close(dir "/" name ".patch")
	print name
}

function name_of(s) { sub(/\(.*/, "", s); sub(/.*[ *]/, "", s); return s }

BEGIN { FS = "\t"; base = file; sub(/.*\//, "", base) }
FNR == 1 { part++ }
part == 1 { added[$0]; next }
part == 2 {
	line[nlines = FNR] = $0
	in_function[FNR] = function_
	if (/^[a-zA-Z_].*\(/ && !/^[A-Z_]+\(/) function_ = $0
	next
}
FNR == 1 {
	for (l in added) {
		if (match(line[l], /^\t+case [^:]+:/))
			mutant(l, index(line[l], "case") + 4, l, RLENGTH - 1, "drop", substr(line[l], index(line[l], "case") + 5, RLENGTH - index(line[l], "case") - 5) " + 0x1000")
		if (match(line[l], /^\t+\.[a-z_.]+ = .*,$/))
			mutant(l, index(line[l], "= ") + 1, l, RLENGTH - 1, "zero", "0")
	}
}
{ mutant($1, $2, $3, $4, $5, $6) }
