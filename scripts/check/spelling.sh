#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check the spelling of everything in this repository, the patches included.
#
# Usage: spelling.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/tree.sh"

# A "\t" before a word is no letter of it, nor is "Nd", an operand of asm(), a word. "EXEPT" is QEMU's.
cd "$TOP"
git ls-files -z -- ':!scripts/check/*.patch' | xargs -0 codespell --ignore-regex '\\[nt]|"Nd"|"EXEPT"'
