#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that each sentence of the series' documents has a row in plan/statements, with a test
# that there is, and a deliberate bug that this test catches.
#
# Usage: statements.sh [list]
#
# With "list" it prints the sentences that have no row, as rows to fill in. Sentences are
# those of statements.awk.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

table=$SCRIPTS/plan/statements
docs=Documentation/virt/kvm tests=tools/testing/selftests/kvm/x86
dir=$CHECKED/statements
rm -rf "$dir"
mkdir -p "$dir"
tree_git archive "$TIP" "$docs/api.rst" "$docs/x86/vmware.rst" "$tests" | tar -x -C "$dir"

for file in "$docs/api.rst" "$docs/x86/vmware.rst"; do
	awk -f "$SCRIPTS/check/statements.awk" "$dir/$file" | sed "s,^,$(basename "$file")\t,"
done >"$dir/sentences"

# Of the rows and sentences those that have no counterpart: "row" or "sentence", FILE, TEXT.
unmatched()
{
	awk -F '\t' -v OFS='\t' '
		FNR == NR && !/^(#|$)/ { n++; file[n] = $1; start[n] = $2; next }
		FNR == NR { next }
		{
			found = 0
			for (i = 1; i <= n; i++)
				if (file[i] == $1 && index($2, start[i]) == 1)
					found = used[i] = 1
			if (!found)
				print "sentence", $1, $2
		}
		END { for (i = 1; i <= n; i++) if (!used[i]) print "row", file[i], start[i] }' "$table" "$dir/sentences"
}

if [ "${1:-}" = list ]; then
	unmatched | awk -F '\t' -v OFS='\t' '$1 == "sentence" { print $2, $3, "-", "?" }'
	exit
fi

# has_test TEST[:CASE]: is there such a test, or check, and has it such a case?
has_test()
{
	local test=${1%%:*} case=${1#*:}
	[ "$test" != check ] || { [ -e "$SCRIPTS/check/$case.sh" ]; return; }
	[ "$test" != "$case" ] || case=main
	grep -qE "(TEST[A-Z_]*\((\w+, )?|int )$case\b" "$dir/$tests/$test.c" 2>/dev/null
}

# has_bug BUG TEST...: is there such a deliberate bug, or defect, and has one of the tests to catch it?
has_bug()
{
	local patch=$SCRIPTS/mutants/$1.patch test by
	[ -e "$patch" ] || patch=$SCRIPTS/check/$1.patch
	by=$(sed -n 's/^Caught-by: //p; s/^Check: /check:/p' "$patch" 2>/dev/null)
	for test in "${@:2}"; do
		case $test in "$by"|"$by":*) return ;; esac
	done
	return 1
}

{
	unmatched | awk -F '\t' '{ print ($1 == "row" ? "a row without a sentence: " : "a sentence without a row: ") $2 ": " $3 }'
	grep -vE '^(#|$)' "$table" | while IFS=$'\t' read -r file start names bug; do
		[ -n "$bug" ] || { echo "a row without a bug, or a reason: $file: $start"; continue; }
		[ "$names" != - ] || continue
		for name in $names; do
			has_test "$name" || echo "a row with a test that there is not: $name: $file: $start"
		done
		# shellcheck disable=SC2086 # words
		[[ $bug == *" "* ]] || has_bug "$bug" $names ||
			echo "a row with a bug that its tests do not have to catch: $bug: $file: $start"
	done
} >"$dir/found"
cat "$dir/found"
awk -F '\t' '!/^(#|$)/ { n++; planted += $4 !~ / / || $4 ~ /^by hand: /; none += $3 == "-"; todo += $3 != "-" && $4 ~ /^not / }
	END { print n " statements: " planted " with a bug that was seen to fail, " todo " with a test only, " none " without a test" }' "$table"
[ ! -s "$dir/found" ]
