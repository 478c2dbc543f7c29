#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Get the source of Bochs 3.0 as Debian 13 has it from upstream; print the tarball's path.
#
# Usage: fetch-bochs.sh

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/source/archive.sh"

archive_tarball bochs '3\.0' trixie
