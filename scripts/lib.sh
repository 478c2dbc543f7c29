# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# What every script of the lab shares: where things are, how to say what goes
# on, and how to run a long step. Source it: . "$(dirname "$0")/lib.sh"
#
# Variables of the user: KERNEL, VENDOR, TEST, JOBS, V (see "make help").

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SCRIPTS=$TOP/scripts
BUILD=${BUILD:-$TOP/build}
LOGS=$BUILD/log
PATCHES=$TOP/patches/linux-7.3
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vmware-kvm
DOWNLOADS=$CACHE/downloads
JOBS=${JOBS:-$(nproc)}
KERNEL=${KERNEL:-}

# The trees: the patched one, and beside it a worktree of its tag "base".
# Build directories are named under $OUT; $OUT/base and $OUT/patched.
if [ -n "$KERNEL" ]; then
	KERNEL=$(realpath -m -- "$KERNEL")
	WORK=$BUILD/user/$(basename "$KERNEL")-$(printf %s "$KERNEL" | sha256sum | cut -c1-8)
	SRC=$WORK/linux
else
	WORK=$BUILD
	SRC=$BUILD/linux-7.3
fi
BASE=$SRC-base
OUT=$WORK/out

# The VMM, built from Debian's source with the series for it, and its firmware. With
# SERIES=qemu, what works on the kernel's series works on this one.
QEMU=$BUILD/qemu
if [ "${SERIES:-}" = qemu ]; then
	PATCHES=$TOP/patches/qemu-7.2 SRC=$BUILD/qemu-7.2
fi

# A "make" that called this must not reach into the ones called from here.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES

mkdir -p "$LOGS"

say()	{ printf '%s\n' "$*" >&2; }
die()	{ printf 'error: %s\n' "$1" >&2; shift; [ $# -eq 0 ] || printf '       %s\n' "$@" >&2; exit 1; }
short()	{ printf %s "${1#"$TOP"/}"; }

# The patches of the series, in order, without the cover letter.
series()
{
	[ ! -d "$PATCHES" ] ||
		find "$PATCHES" -name '[0-9]*.patch' ! -name '0000-*' | sort
}

# tree_git ARGS...: git in the tree, independent of the user's configuration.
tree_git()
{
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -C "$SRC" \
		-c user.name=lab -c user.email=lab@localhost \
		-c core.hooksPath=/dev/null -c gc.auto=0 -c advice.detachedHead=false "$@"
}

# commit_tree MESSAGE: everything in $SRC, whatever its .gitignore hides. The same
# source makes the same commit, on whatever machine: patches name it as their base.
commit_tree()
{
	tree_git add -f -A
	GIT_AUTHOR_DATE="@0 +0000" GIT_COMMITTER_DATE="@0 +0000" tree_git commit -q --no-verify -m "$1"
}

# has_series: the tree differs from its base, by commits or by edits.
has_series()
{
	! tree_git diff --quiet base --
}

# need_space DIR GIB: stop unless DIR's file system has so much room.
need_space()
{
	local have
	have=$(($(df --output=avail -k "$1" | tail -1) / 1048576))
	[ "$have" -ge "$2" ] ||
		die "$1 has $have GiB of free space, $2 GiB are needed" \
		    "Make room, or clone to a larger file system."
}

# step LABEL LOG COMMAND...: run a long step with its output in build/log/LOG.log,
# show that it moves on, and show the end of the log when it fails.
step()
{
	local label=$1 log=$LOGS/$2.log start=$SECONDS before watch rc
	shift 2
	before=$( (wc -l <"$log") 2>/dev/null || echo 0)
	say "$label ... (log: $(short "$log"))"
	: >"$log"
	watch_step "$log" "$before" "$label" & watch=$!
	# A subshell of its own keeps "set -e" at work within COMMAND.
	set +e
	if [ -n "${V:-}" ]; then
		(set -e; "$@") 2>&1 | tee "$log" >&2
	else
		(set -e; "$@") >"$log" 2>&1
	fi
	rc=$?
	set -e
	kill "$watch" 2>/dev/null || :
	wait "$watch" 2>/dev/null || :
	if [ $rc -ne 0 ]; then
		tail -n 25 "$log" >&2
		die "$label failed; the whole log is $(short "$log")"
	fi
	[ ! -t 2 ] || printf '\r' >&2
	say "$label: done, $((SECONDS - start)) s"
}

# How far a step is: lines logged, of those that the run before logged.
# On a terminal one line that is written over, else a line now and then.
watch_step()
{
	local every=30 form='    %s\n' of=
	[ ! -t 2 ] || { every=2 form='\r    %s '; }
	[ "$2" -lt 100 ] || of=", $2 the last time"
	SECONDS=0
	while sleep $every >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
		# shellcheck disable=SC2059
		printf "$form" "$3: $SECONDS s, $(wc -l <"$1") lines of log$of" >&2
	done
}

# configured CONFIG FRAGMENT...: stop unless CONFIG has what the fragments ask for,
# where a later one overrides an earlier one.
configured()
{
	local config=$1 line
	shift
	cat "$@" | sed -n 's/^CONFIG_//p' | awk -F= '{ value[$1] = $2 } END { for (s in value) print s "=" value[s] }' |
		while read -r line; do
			case $line in
			*=n)	! grep -q "^CONFIG_${line%n}" "$config" ;;
			*)	grep -qxF "CONFIG_$line" "$config" ;;
			esac || die "$(short "$config") does not come out with CONFIG_$line" "Asked for by: $*"
		done
}

# kernels: which are built and compared. Without local changes there is only the
# base; a user's tree with a series of its own has no base.
kernels()
{
	[ ! -e "$BASE/.git" ] || echo base
	if [ ! -e "$BASE/.git" ] || has_series; then echo patched; fi
}

# source_of KERNEL: the tree that it is built from.
source_of()
{
	case $1 in base) echo "$BASE" ;; patched) echo "$SRC" ;; esac
}

# vendors: those that VENDOR asks for, the slow one first.
vendors()
{
	case ${VENDOR:-} in
	'')		echo intel amd ;;
	amd|intel)	echo "$VENDOR" ;;
	*)		die "VENDOR=$VENDOR is neither amd nor intel" ;;
	esac
}

# machine COMMAND...: run it in the background, as many at a time as there are jobs; the
# caller waits for the last ones. They end with the script.
machine()
{
	trap 'kill $(jobs -p) 2>/dev/null || :' EXIT
	trap 'exit 1' INT TERM
	while [ "$(jobs -pr | wc -l)" -ge "$JOBS" ]; do wait -n; done
	"$@" &
}

# The last commit of the series that make check looks at: the branch that is built.
# defects.sh has it look at a series with a defect.
TIP=${TIP:-main}
CHECKED=${CHECKED:-$WORK/checked}

# check_out COMMIT: have build/check, a worktree beside the trees that are built, at
# that commit; the working trees of the developer stay as they are.
check_out()
{
	[ -e "$WORK/check/.git" ] || { rm -rf "$WORK/check"; tree_git worktree prune; }
	[ -e "$WORK/check/.git" ] ||
		step "Make a worktree for the checks" worktree-check tree_git worktree add -f --detach "$WORK/check" base
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
		if [ -n "${EVERY:-}" ]; then cat; else tail -n 1; fi
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

# plan VENDOR TESTS: the names of the tests in every cell of the matrix; TESTS is a file.
plan()
{
	local paging backdoor on
	case $1 in amd) paging=npt ;; intel) paging=ept ;; esac
	for backdoor in N Y; do
		for on in 1 0; do
			sed "s,^,$1/backdoor=$backdoor\,$paging=$on/," "$2"
		done
	done
}
