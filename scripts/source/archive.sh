# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Read other suites of Debian than the machine's own, from the mirror that it uses
# already, by a sources file of the lab's own: its apt configuration stays as it is.
# Source it after lib.sh.

# archive COMMAND...: an apt command that sees those suites, and nothing else. A mirror may lag: sid's
# lists are valid for a week only. Their signature is checked all the same.
archive()
{
	"$@" -o Dir::Etc::sourcelist="$BUILD/apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::Lists="$BUILD/apt/lists" -o Dir::Cache::pkgcache= \
		-o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
		-o Acquire::Check-Valid-Until=false -o Debug::NoLocking=1
}

# Of this machine. os-release itself would set VERSION, too.
codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# mirror RELEASE: where this machine's apt has that release from.
mirror()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' |
		awk -v r="$1" '$1 == "Packages" && $2 == r && $3 == "main" { print $4; exit }'
}

# archive_suites TYPE SUITE...: TYPE is deb or deb-src.
archive_suites()
{
	local mirror security suite uri type=$1
	shift
	mkdir -p "$BUILD/apt/lists/partial"
	mirror=$(mirror "$(codename)")
	[ -n "$mirror" ] ||
		die "apt knows no mirror of Debian $(codename) main" \
		    "Configure one in /etc/apt/sources.list; a kernel can be given as KERNEL=/path/to/linux."
	security=$(mirror "$(codename)-security")
	for suite; do
		case $suite in
		*-security)	[ -n "$security" ] || continue; uri=$security ;;
		*)		uri=$mirror ;;
		esac
		echo "$type [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"
	done | sort -u >"$BUILD/apt/sources.list"
	step "Read package lists" apt-lists archive_update
}

# A suite may be gone from the mirror: go on with the others.
archive_update()
{
	archive apt-get update || say "apt-get update: not every suite could be read"
}

# archive_version PACKAGE LINE SUITE: the newest version of that line, a regular expression, of
# which the suite has the source.
archive_version()
{
	archive_suites deb-src "$3"
	archive apt-cache madison "$1" | awk '$NF == "Sources" { print $3 }' |
		sed -En "/^([0-9]+:)?$2[^0-9]/p" | sort -V | tail -1 | grep . ||
		die "the archive has no such source of $1 (any more)" \
		    "With a network problem, see build/log/apt-lists.log and try again."
}

# archive_tarball PACKAGE LINE SUITE: print the path of upstream's tarball of the newest version
# of that line, a regular expression, without what Debian adds to build its packages. A
# download is kept in the cache and taken from there the next time, without a network.
archive_tarball()
{
	local dir=$BUILD/apt/$1 tarball version
	cached_tarball() { find "$DOWNLOADS" -name "$1_*.orig.tar.xz" | sed -En "\,/$1_$2[^0-9],p" | sort -V | tail -1; }
	tarball=$(cached_tarball "$@")
	if [ -z "$tarball" ]; then
		version=$(archive_version "$@")
		mkdir -p "$DOWNLOADS"
		need_space "$DOWNLOADS" 1
		rm -rf "$dir"
		mkdir -p "$dir"
		(cd "$dir" && step "Download the source of $1 $version" "download-$1" \
			archive apt-get source --download-only --tar-only "$1=$version")
		mv "$dir"/*.orig.tar.xz "$DOWNLOADS/"
		tarball=$(cached_tarball "$@")
	fi
	say "$1: $(basename "$tarball") (in $(dirname "$tarball"); remove it there to look for a newer one)"
	echo "$tarball"
}
