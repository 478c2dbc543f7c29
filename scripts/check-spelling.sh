#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check the spelling of everything in this repository, the patches included.
#
# Usage: check-spelling.sh

. "$(dirname "$0")/lib.sh"

# A "\t" before a word is no letter of it, nor is "Nd", an operand of asm(), a word.
cd "$TOP"
git ls-files -z -- ':!scripts/defects' | xargs -0 codespell --ignore-regex '\\[nt]|"Nd"'
