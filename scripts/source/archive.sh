# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Read other suites of Debian than the machine's own, from the mirror that it uses
# already, by a sources file of the lab's own: its apt configuration stays as it is.
# Source it after lib.sh.

# archive COMMAND...: an apt command that sees those suites, and nothing else.
archive()
{
	"$@" -o Dir::Etc::sourcelist="$BUILD/apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::Lists="$BUILD/apt/lists" -o Dir::Cache::pkgcache= \
		-o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
		-o Debug::NoLocking=1
}

# archive_suites TYPE SUITE...: TYPE is deb or deb-src.
archive_suites()
{
	local codename mirror suite type=$1
	shift
	mkdir -p "$BUILD/apt/lists/partial"
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' |
		awk -v r="$codename" '$1 == "Packages" && $2 == r && $3 == "main" { print $4; exit }')
	[ -n "$mirror" ] ||
		die "apt knows no mirror of Debian $codename main" \
		    "Configure one in /etc/apt/sources.list; a kernel can be given as KERNEL=/path/to/linux."
	for suite; do
		echo "$type [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
	done | sort -u >"$BUILD/apt/sources.list"
	step "Read package lists" apt-lists archive_update
}

# A suite may be gone from the mirror: go on with the others.
archive_update()
{
	archive apt-get update || say "apt-get update: not every suite could be read"
}
