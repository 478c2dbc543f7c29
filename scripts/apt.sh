# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Read other suites than the machine's own, and sources, from the mirror that the
# machine uses already, through a sources file of the lab's own: the machine's
# apt configuration stays as it is.
#
# Usage: . "$SCRIPTS/apt.sh", after lib.sh

mkdir -p "$DOWNLOADS" "$BUILD/apt/lists/partial"

# lab_apt COMMAND...: apt-get or apt-cache with the lab's sources.
lab_apt()
{
	"$@" -o Dir::Etc::sourcelist="$BUILD/apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::Lists="$BUILD/apt/lists" -o Dir::Cache::pkgcache= \
		-o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
		-o Debug::NoLocking=1
}

write_sources()
{
	local codename mirror suite
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' |
		awk -v r="$codename" '$1 == "Packages" && $2 == r && $3 == "main" { print $4; exit }')
	[ -n "$mirror" ] ||
		die "apt knows no mirror of Debian $codename main" \
		    "Configure one in /etc/apt/sources.list, or pass KERNEL=/path/to/linux."
	for suite in "$codename" trixie trixie-backports sid; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
	done | sort -u >"$BUILD/apt/sources.list"
	echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" \
		>>"$BUILD/apt/sources.list"
}

# A suite may be gone from the mirror: go on with the others.
update_lists()
{
	lab_apt apt-get update || say "apt-get update: not every suite could be read"
}
