#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that a machine is what its options say, and that nothing else gets to it: no
# variable of make, of the environment, or of a script that calls another.
#
# Usage: machine.sh

. "$(dirname "$0")/../lib.sh"

shown() { "$SCRIPTS/machine/boot.sh" vendor="$vendor" kernel="$OUT/patched" initramfs=/dev/null dir=/nowhere show=1 "$@"; }

hostile="COUNT=5000 N=1 SEED=1 TEST=x VENDOR=arm DEBUG=x KERNEL=/nowhere JOBS=0 PARAMS=x THREAD=multi EMULATOR=false
	STALL=1 LIMIT=1 VENDOR=x params=x emulator=false threads=multi cpus=2 clock=count stall=1 limit=1 machine=x cpu=x"
rc=0
for vendor in amd intel; do
	# shellcheck disable=SC2086,SC2163 # words
	[ "$(shown)" = "$(export $hostile; shown)" ] ||
		{ say "the $vendor machine is another with other variables in the environment"; rc=1; }
	[[ $(shown params=lab.x=1) = *' lab.x=1'* ]] || { say "params= gets lost"; rc=1; }
done
vendor=amd
grep -qw svm /proc/cpuinfo || [[ $(shown clock=count) = *-icount* ]] || { say "clock=count gets lost"; rc=1; }
if shown count=1 2>/dev/null; then say "an option that there is not is taken"; rc=1; fi
exit $rc
