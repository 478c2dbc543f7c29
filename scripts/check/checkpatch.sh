#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317
# Check that checkpatch.pl --strict has nothing to say about any patch, but for what
# check/checkpatch-allowed lists; report entries of the list that match nothing.
#
# Usage: checkpatch.sh
#
# No patch has a Signed-off-by: that is for the person who posts it (make mbox).
# It checks the spelling of the patches' texts as well, with codespell's dictionary.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"
. "$SCRIPTS/check/lib.sh"

allowed=$SCRIPTS/check/checkpatch-allowed
dir=$CHECKED/checkpatch
dictionary=/usr/lib/python3/dist-packages/codespell_lib/data/dictionary.txt
mkdir -p "$dir"

# It fails when it has something to say. It prints a total then, else it broke down.
# Debian's python has the modules that its helpers import.
run_checkpatch()
{
	cd "$SRC" || return
	if ! PATH=/usr/bin:$PATH perl scripts/checkpatch.pl --strict --no-signoff --terse --show-types --codespell \
		--codespellfile="$dictionary" "$1" >"$2" 2>"$2.err"; then
		grep -q '^total: ' "$2" || echo "no total" >>"$2.err"
	fi
	[ ! -s "$2.err" ] || die "checkpatch.pl broke down at $(short "$1"):" "$(cat "$2.err")"
}

mapfile -t patches < <(series)

# output PATCH: the file with what checkpatch.pl said of it.
output() { local name=${1#"$PATCHES/"}; echo "$dir/${name%.patch}"; }

# check_from N: every JOBS-th patch, beginning at N.
check_from()
{
	local n patch out rc=0
	for ((n = $1; n < ${#patches[@]}; n += JOBS)); do
		patch=${patches[n]} out=$(output "${patches[n]}")
		mkdir -p "$(dirname "$out")"
		{ cat "$0" "$SRC/scripts/checkpatch.pl" "$patch"; dpkg-query -W codespell; } |
			once "checkpatch/${out#"$dir/"}" run_checkpatch "$patch" "$out" || rc=1
	done
	return $rc
}

rc=0 pids=()
for ((job = 0; job < JOBS; job++)); do check_from $job & pids+=($!); done
for pid in "${pids[@]}"; do wait "$pid" || rc=1; done
: >"$dir/used"
for patch in "${patches[@]}"; do
	out=$(output "$patch") name=${out#"$dir/"}
	while read -r line; do
		type=$(sed -E 's/.*(ERROR|WARNING|CHECK):([A-Z_]+): .*/\2/' <<<"$line")
		entry=$(grep -v '^#' "$allowed" | while read -r glob allowed_type _; do
			# shellcheck disable=SC2053
			if [[ $name == $glob && $type = "$allowed_type" ]]; then echo "$glob $allowed_type"; fi
		done)
		if [ -n "$entry" ]; then echo "$entry" >>"$dir/used"; else say "${line#"$TOP"/}"; rc=1; fi
	done < <(grep -E '(ERROR|WARNING|CHECK):' "$out")
done

while read -r glob type _; do
	grep -qxF "$glob $type" "$dir/used" || { say "$(short "$allowed"): matches nothing: $glob $type"; rc=1; }
done < <(grep -v '^#' "$allowed")
exit $rc
