#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build the emulators of the machines of these vendors, as far as it is not done already.
#
# Usage: emulators.sh VENDOR...
#
# On hardware QEMU is what boots them.

. "$(dirname "$0")/../lib.sh"

for vendor; do
	# The checks of a plan, "-", boot nothing.
	if [ "$vendor" = - ]; then continue; fi
	if [ "$vendor" = amd ] || on_hardware "$vendor"; then "$SCRIPTS/build/qemu.sh"; else "$SCRIPTS/build/bochs.sh"; fi
done
