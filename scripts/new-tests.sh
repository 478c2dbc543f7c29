#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the names of the selftests that the series adds, one a line.
#
# Usage: [KERNEL=/path/to/linux] new-tests.sh

. "$(dirname "$0")/lib.sh"

tests_of()
{
	find "$1/tools/testing/selftests/kvm/x86" -name "*.c" -printf '%f\n' | sed 's/\.c$//' | sort
}

if [ -e "$BASE/.git" ]; then
	comm -13 <(tests_of "$BASE") <(tests_of "$SRC")
else
	tests_of "$SRC" | grep '^vmware_' || :
fi
