#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build the emulators of the machines of these vendors, as far as it is not done already.
#
# Usage: emulators.sh VENDOR...

. "$(dirname "$0")/../lib.sh"

for vendor; do
	case $vendor in
	intel)	"$SCRIPTS/build/bochs.sh" ;;
	esac
done
