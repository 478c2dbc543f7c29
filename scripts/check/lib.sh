# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the checks share. Source it after lib.sh and source/tree.sh.

# TIP is the last commit of the series that they look at, CHECKED where they leave what they
# found: cmd/defects has them look at a series with a defect. EVERY=1 is make check's.
TIP=${LAB_TIP:-main} CHECKED=${LAB_CHECKED:-$WORK/checked} EVERY=${LAB_EVERY:-}

# run_checks FILE: run those named on standard input; FILE gets "NAME pass|fail DETAIL" for
# each, separated by tabs, and build/log/check-NAME.log what it said.
run_checks()
{
	local name start log
	check_alone
	mkdir -p "$CHECKED"
	: >"$1"
	while read -r name; do
		start=$SECONDS log=$LOGS/check-$name.log
		[ ! -t 2 ] || printf 'Check %s ... (log: %s)\r' "$name" "$(short "$log")" >&2
		if "$SCRIPTS/check/$name.sh" >"$log" 2>&1 </dev/null; then
			printf '%s\tpass\t-\n' "$name" >>"$1"
			say "Check $name: passed, $((SECONDS - start)) s"
		else
			printf '%s\tfail\tsee %s\n' "$name" "$(short "$log")" >>"$1"
			say "Check $name: FAILED, $((SECONDS - start)) s"
		fi
	done
}

# check_out COMMIT: have build/check, a worktree beside the trees that are built, at
# that commit; the working trees of the developer stay as they are.
check_out()
{
	worktree "$WORK/check"
	git -C "$WORK/check" checkout -q -f --detach "$1"
}

# check_alone: fail if another make check or make defects is at work: they share build/check.
check_alone()
{
	mkdir -p "$WORK"
	exec 9>>"$WORK/check.lock"
	flock -n 9 || die "another make check or make defects is at work" "Wait for it to end."
}

# commits_to_check: of those that touch the kernel the last, with EVERY=1 all.
commits_to_check()
{
	tree_git log --reverse --format=%h "base..$TIP" -- arch include virt |
		if [ -n "$EVERY" ]; then cat; else tail -n 1; fi
}

# once NAME COMMAND...: run COMMAND unless it succeeded before on the same input;
# standard input is what it depends on. No "||" after COMMAND, nor after once with a step: it
# takes "set -e" from all that they call, and a failed build would count as done.
once()
{
	local stamp=$CHECKED/$1.done key
	key=$(sha256sum)
	shift
	[ "$key" != "$(cat "$stamp" 2>/dev/null)" ] || return 0
	mkdir -p "$(dirname "$stamp")"
	rm -f "$stamp"
	"$@"
	# shellcheck disable=SC2181
	[ $? -eq 0 ] || return 1
	echo "$key" >"$stamp"
}

# reports FILE...: a tool's reports, fit to compare: where they are moves from
# patch to patch.
reports()	{ sed -E 's/:[0-9]+(:[0-9]+(-[0-9]+)?)?([: ])/\3/; s/on line [0-9]+/on line N/g' "$@" | LC_ALL=C sort; }

# new_reports BASE NOW WHAT: fail if there is a report that the base has not.
new_reports()
{
	local new
	new=$(LC_ALL=C comm -13 <(reports "$1") <(reports "$2"))
	[ -z "$new" ] || { say "$3: not so in the base:" "$new" "The whole of it, with line numbers: $(short "$2")"; return 1; }
}
