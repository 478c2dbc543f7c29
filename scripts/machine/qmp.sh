# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Talk to a QEMU by QMP, from bash or busybox: source it.
#
# A monitor is a path, and QEMU is told so by
#	-chardev pipe,id=qmp,path=PATH -mon chardev=qmp,mode=control
# after "monitor PATH". What it says, events too, is in PATH.log.

monitor()
{
	rm -f "$1".*
	mkfifo "$1.in" "$1.out"
	: >"$1.sent"
	timeout -s KILL 1500 cat "$1.out" >"$1.log" 2>/dev/null &
}

# wait_for SECONDS FILE REGEX [OUTPUT]: until a line of it matches, but not for longer, nor once a line "exit code N"
# in OUTPUT says that the QEMU which would write it has ended.
wait_for()
{
	left=$1
	until grep -qs -e "$3" "$2"; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		# What it wrote last is looked at once more.
		if grep -qs '^exit code ' "${4:-}"; then left=1; else sleep 1; fi
	done
}

# qmp PATH COMMAND [ARGUMENTS]: print what QEMU answers, a line of JSON. The first command makes it ready.
qmp()
{
	[ -s "$1.sent" ] || qmp_send "$1" qmp_capabilities "" >/dev/null
	qmp_send "$1" "$2" "${3:-}"
}

qmp_send()
{
	id=$(($(wc -l <"$1.sent") + 1))
	echo "$2 $3" >>"$1.sent"
	# shellcheck disable=SC2016 # of that shell
	timeout 60 sh -c 'echo "$1" >"$2"' - "{\"execute\":\"$2\",\"arguments\":{$3},\"id\":$id}" "$1.in" &&
		wait_for 120 "$1.log" "\"id\": ${id}[,}]" && grep -e "\"id\": ${id}[,}]" "$1.log"
}

# migrate PATH URI: print how it ended: completed, failed, or, of a QEMU that does not answer, lost.
migrate()
{
	qmp "$1" migrate "\"uri\":\"$2\"" >/dev/null &&
		while sleep 1 && status=$(qmp "$1" query-migrate); do
			case $status in
			*'"status": "completed"'*)	echo completed; return ;;
			*'"status": "failed"'*)		echo failed; return ;;
			esac
		done
	echo lost
	return 1
}
