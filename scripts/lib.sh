# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# What every script of the lab shares: its options, where things are, how to say what
# goes on, and how to run a long step. Source it: . "$(dirname "$0")/../lib.sh"

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SCRIPTS=$TOP/scripts

say()	{ printf '%s\n' "$*" >&2; }
die()	{ printf 'error: %s\n' "$1" >&2; shift; [ $# -eq 0 ] || printf '       %s\n' "$@" >&2; exit 1; }
short()	{ printf %s "${1#"$TOP"/}"; }

# take "REQUIRED..." "OPTIONAL..." NAME=VALUE...: set the variables that a script is told,
# and no others: what the environment has by such a name does not count.
take()
{
	local known=" $1 $2 " name
	for name in $known; do unset "$name"; declare -g "$name="; done
	for name in $1; do
		[[ " ${*:3}" = *" $name="* ]] || die "$(short "$0"): $name= is missing" "It takes:$known"
	done
	for name in "${@:3}"; do
		[[ $name = *=* && $known = *" ${name%%=*} "* ]] ||
			die "$(short "$0"): there is no option ${name%%=*}" "It takes:$known"
		check_value "${name%%=*}" "${name#*=}"
		declare -g "${name%%=*}=${name#*=}"
	done
}

# What the values of those options may be that a user sets: see make help.
check_value()
{
	case $1=$2 in
	*=) ;;
	VENDOR=amd|VENDOR=intel|DEBUG=debug|DEBUG=kcsan) ;;
	VENDOR=*|DEBUG=*) die "$1=$2: there is no such $1" "See: make help" ;;
	JOBS=*[!0-9]*|JOBS=0|N=*[!0-9]*|COUNT=*[!0-9]*|SEED=*[!0-9]*|SECONDS_PER_CELL=*[!0-9]*|KUT_SLOWDOWN=*[!0-9]*)
		die "$1=$2 is no number" ;;
	KERNEL_VERSION=*) [ -d "$TOP/patches/linux-$2" ] || die "$1=$2: there is no patches/linux-$2" ;;
	ABI=*)	[ -d "$TOP/patches/linux-$(line_of "$2")/2-backdoor" ] ||
			die "ABI=$2: there is no whole series for Linux $(line_of "$2")" \
			    "ABI= is what uname -r says; there is one for $(cd "$TOP/patches" && echo linux-*/2-backdoor | sed 's,/2-backdoor,,g')." ;;
	KERNEL=*|KUT_DIR=*) [ -d "$2" ] || die "$1=$2: there is no such directory" ;;
	esac
}

# options "NAME..." NAME=VALUE...: the same for a command of make. Three options are
# every command's, and hold in all scripts that it calls: KERNEL, JOBS and V. So does
# KERNEL_VERSION, of the commands that have it; ABI, of one of Debian's kernels, has it in it.
options()
{
	unset KERNEL_VERSION ABI
	take "" "$1 KERNEL JOBS V" "${@:2}"
	export LAB_KERNEL=${KERNEL:+$(realpath -- "$KERNEL")} LAB_JOBS=$JOBS LAB_V=$V LAB_SERIES=
	export LAB_VERSION=${KERNEL_VERSION:-}
	[ -z "${ABI:-}" ] || LAB_VERSION=$(line_of "$ABI")
	places
}
line_of() { [[ ! $1 =~ ^[0-9]+\.[0-9]+ ]] || echo "${BASH_REMATCH[0]}"; }

# Where things are. WORK is what depends on the tree: the lab's own, or one of the user's, or
# the state of it after a posting (stop_after, in source/tree.sh).
# OUT/KERNEL is the build directory of the kernel of that name, RESULTS what the last
# make test left. LAB_BUILD is for make defects, which looks at this build from a copy.
# VERSION is the line of kernels: MAIN_VERSION, which all but patches/ and the trees is of,
# or one that the series was ported to. The selftests are the former's for all of them:
# TEST_SRC and TEST_BASE are the trees that have them, TEST_OUT is where they were built.
MAIN_VERSION=7.3
places()
{
	BUILD=${LAB_BUILD:-$TOP/build}
	VERSION=${LAB_VERSION:-$MAIN_VERSION}
	WORK=$BUILD SRC=$BUILD/linux-$VERSION PATCHES=$TOP/patches/linux-$VERSION
	is_main || WORK=$BUILD/$VERSION
	KERNEL=${LAB_KERNEL:-} JOBS=${LAB_JOBS:-$(nproc)} V=${LAB_V:-}
	if [ -n "$KERNEL" ]; then
		WORK=$WORK/user/$(basename "$KERNEL")-$(printf %s "$KERNEL" | sha256sum | cut -c1-8)
		SRC=$WORK/linux
	fi
	BASE=$SRC-base
	[ -z "${LAB_SERIES:-}" ] || WORK=$WORK/series SRC=$WORK/linux
	TEST_SRC=$SRC TEST_BASE=$BASE TEST_OUT=$WORK/out
	is_main || TEST_SRC=$BUILD/linux-$MAIN_VERSION TEST_BASE=$BUILD/linux-$MAIN_VERSION-base TEST_OUT=$BUILD/out
	OUT=$WORK/out RESULTS=${LAB_RESULTS:-$WORK/results} LOGS=$BUILD/log
	QEMU=$BUILD/qemu QEMU_COMMAND="$QEMU/qemu-system-x86_64 -L $QEMU" BOCHS=$BUILD/bochs
	CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vmware-kvm DOWNLOADS=$CACHE/downloads
	export CCACHE_DIR=$CACHE/ccache CCACHE_NOHASHDIR=1
	mkdir -p "$LOGS"
}
is_main() { [ "$VERSION" = "$MAIN_VERSION" ]; }
places

# on_hardware VENDOR: is this machine's CPU of that vendor, so that nothing need be emulated?
on_hardware()
{
	local flag=vmx
	[ "$1" != amd ] || flag=svm
	grep -qw $flag /proc/cpuinfo && [ -r /dev/kvm ] && [ -w /dev/kvm ]
}

# A "make" that called this must not reach into the ones called from here.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES

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
	local label=$1 log=$LOGS/$2.log start=$SECONDS before watch='' rc
	shift 2
	before=$( (wc -l <"$log") 2>/dev/null || echo 0)
	say "$label ... (log: $(short "$log"))"
	: >"$log"
	if [ -t 2 ]; then watch_step "$log" "$before" "$label" & watch=$!; fi
	# A subshell of its own keeps "set -e" at work within COMMAND.
	set +e
	if [ -n "$V" ]; then
		(set -e; "$@") 2>&1 | tee "$log" >&2
	else
		(set -e; "$@") >"$log" 2>&1
	fi
	rc=$?
	set -e
	if [ -n "$watch" ]; then
		kill "$watch" 2>/dev/null || :
		wait "$watch" 2>/dev/null || :
		printf '\r' >&2
	fi
	if [ $rc -ne 0 ]; then
		tail -n 25 "$log" >&2
		die "$label failed; the whole log is $(short "$log")"
	fi
	say "$label: done, $((SECONDS - start)) s"
}

# How far a step is, on a terminal: lines logged, of those that the run before logged.
watch_step()
{
	local of=
	[ "$2" -lt 100 ] || of=", $2 the last time"
	SECONDS=0
	while sleep 2 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
		printf '\r    %s ' "$3: $SECONDS s, $(wc -l <"$1") lines of log$of" >&2
	done
}
