#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run QEMU's bare guest vmport without KVM: through the ports, on QEMU's own emulation.
#
# Usage: emulated.sh results=DIR count=NUMBER seed=NUMBER
#	emulated.sh tests=1
#
# count sequences of the fuzzer in valgrind, but no more than 3000, twenty times that without. Leaves in DIR: emulated, a
# line for each test, "NAME pass|fail DETAIL", and emulated-NAME.log. tests= prints their names.

. "$(dirname "$0")/../lib.sh"
. "$SCRIPTS/machine/qmp.sh"

take "" "results count seed tests" "$@"

# qemu SECONDS ARGS...: in what $wrapper says
wrapper=()
qemu()
{
	timeout -s KILL "$1" "${wrapper[@]}" "$QEMU/qemu-system-x86_64" -L "$QEMU" -nodefaults -display none -accel tcg "${@:2}"
}

# guest DEVICE ARGS...: with the bare guest, and these properties of vmrpc. All output goes to $log. What
# is new of vmport is off unless it is asked for.
new=(-global vmport.x-cmds-v3=on -global vmmouse.x-restrict=on)
guest()
{
	qemu $((2400 + count)) -cpu max -m 64 -no-reboot -rtc base=2031-01-02T03:04:05 "${new[@]}" \
		-chardev "file,id=output,path=$log,append=on" -device isa-debugcon,chardev=output \
		-device "{\"driver\":\"vmrpc\",\"id\":\"vmrpc\",$1}" \
		-device isa-debug-exit,iobase=0xf4 -kernel "$QEMU/vmport" "${@:2}" >>"$log" 2>&1 </dev/null
}

# judge CODE REGEX: $rc has to be this exit code, and a line of $log to match.
judge()
{
	if [ "$rc" -eq "$1" ] && grep -q -e "$2" "$log"; then result=pass; fi
}

# passes DEVICE ARGS...: the guest has to find all well, and to come to its end.
finished='^1\.\.'
passes()
{
	guest "$@" || rc=$?
	judge 0 "$finished"
}

given='"x":"hello","empty":""'

test_monitor()
{
	# No CPU is behind what the monitor reads and writes.
	printf '%s\n' "i 0x5658" "i 0x5659" "o 0x5658 1" "o 0x5659 1" quit |
		qemu 60 -S -device vmrpc -monitor stdio >"$log" 2>&1 || rc=$?
	judge 0 'o 0x5659 1'
}

test_without_kvm()
{
	qemu 60 -S -machine vmware=on >"$log" 2>&1 </dev/null || rc=$?
	judge 1 "vmware=on needs KVM"
}

# What libvirt makes of the domain beside the patches, but for KVM. QEMU gets as far as it does without.
test_libvirt()
{
	local argv dir domain=$TOP/patches/qemu-10.0/domain.xml embed as=()
	dir=$(mktemp -d)
	embed=$dir/lib/qemu/domain--1-moved
	cp "$QEMU/qemu-system-x86_64" "$dir"
	truncate -s 1M "$dir/disk"
	sed "s,type='kvm',type='qemu',; s,host-passthrough,maximum,; s,/usr/local/bin/,$dir/,
		s,/var/.*\.vmdk,$dir/disk,; s,type='vmdk',type='raw'," "$domain" >"$dir/domain.xml"
	mkdir -p "$embed"
	head -c 32 /dev/zero >"$embed/master-key.aes"
	# Root's libvirt wants an account that the package of its service makes.
	if [ "$(id -u)" = 0 ]; then
		chown -R 65534 "$dir"
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	fi
	virt-xml-validate "$domain" domain >"$log" 2>&1 || return
	argv=$(HOME=$dir timeout -s KILL 120 "${as[@]}" virsh -q -c "qemu:///embed?root=$dir" \
		domxml-to-native qemu-argv "$dir/domain.xml" 2>>"$log")
	printf '%s\n' "$argv" >>"$log"
	timeout -s KILL 60 bash -c "$argv -L '$QEMU'" >>"$log" 2>&1 </dev/null || rc=$?
	judge 1 "vmware=on needs KVM"
	in_order "$log" 'vmport=on.* -cpu max,kvm=off .* -machine vmware=on -device .*"driver":"vmrpc"'
	rm -rf "$dir"
}

test_commands()
{
	local large
	large=$(head -c 100000 /dev/zero | tr '\0' v)
	passes "\"channel-timeout\":5,\"guestinfo\":{$given,\"large\":\"$large\"}"
}

test_writable()
{
	passes "\"channel-timeout\":5,\"guestinfo-writable\":true,\"guestinfo\":{$given,\"writable\":\"1\"}"
}

test_old_machine()
{
	new=()
	passes "\"channel-timeout\":5,\"guestinfo\":{$given,\"old\":\"1\"}"
}

test_time_sync()
{
	passes "\"channel-timeout\":5,\"time-sync\":true,\"guestinfo\":{$given,\"sync\":\"1\"}"
}

test_files()
{
	echo '<Environment/>' >"$results/ovf-env.xml"
	printf 'a\0b' >"$results/zero"
	local files="\"guestinfo-files\":{\"ovfEnv\":\"$results/ovf-env.xml\"}"
	passes "\"channel-timeout\":5,$files,\"guestinfo\":{$given,\"files\":\"1\"}"
	refuse "is in 'guestinfo' and in 'guestinfo-files'" "$files,\"guestinfo\":{\"ovfEnv\":\"\"}"
	refuse "none.*No such file" "\"guestinfo-files\":{\"x\":\"$results/none\"}"
	refuse "is not text in UTF-8" "\"guestinfo-files\":{\"x\":\"$results/zero\"}"
	rm -f "$results/ovf-env.xml" "$results/zero"
}

# refuse REGEX DEVICE: QEMU must not start, else the test fails.
refuse()
{
	local code=0 output
	output=$(qemu 60 -S -device "{\"driver\":\"vmrpc\",$2}" 2>&1 </dev/null) || code=$?
	printf '%s\n' "$output" >>"$log"
	if [ $code -ne 1 ] || ! grep -q -e "$1" <<<"$output"; then result=fail rc=$code; fi
}

test_crash()
{
	guest '"guestinfo":{"crash":"1"}' -action panic=exit-failure || rc=$?
	judge 1 '^# crash'
	if grep -q '^not ok' "$log"; then result=fail; fi
}

# in_order FILE REGEX...: a line of the file has to match each of them, one after the other, else the test fails.
in_order()
{
	local file=$1 line
	shift
	while read -r line; do
		if [[ $line =~ $1 ]]; then shift; fi
		[ $# -gt 0 ] || return 0
	done <"$file"
	echo "missing in $(short "$file"): $1" >>"$log"
	result=fail
}

# halt MONITOR: by a request, or else, for the test to end, at once
halt()
{
	qmp "$1" vmware-tools-request '"request":"halt"' >/dev/null
	wait_for 60 "$1.log" '"event": "SHUTDOWN"' || qmp "$1" quit >/dev/null
}

# QMP asks the guest, which answers as VMware's tools do.
test_tools()
{
	local m=$results/monitor-tools request
	monitor "$m"
	guest '"guestinfo":{"tools":"1"}' -S -chardev "pipe,id=qmp,path=$m" -mon chardev=qmp,mode=control &
	qmp "$m" vmware-tools-request '"request":"ping"' >/dev/null
	qmp "$m" cont >/dev/null
	wait_for 120 "$log" 'host: Set_Option'
	for request in ping time-sync reboot; do
		qmp "$m" vmware-tools-request "\"request\":\"$request\"" >/dev/null
		wait_for 60 "$m.log" "VMWARE_TOOLS_ANSWER.*\"$request\"" || break
	done
	qmp "$m" qom-get '"path":"/machine/peripheral/vmrpc","property":"tools-running"' >/dev/null
	qmp "$m" qom-set '"path":"/machine/peripheral/vmrpc","property":"time-sync","value":true' >/dev/null
	wait_for 60 "$log" 'host: Set_Option synctime 1'
	for request in stop cont; do qmp "$m" $request >/dev/null; done
	sleep 1
	halt "$m"
	wait $! || rc=$?
	judge 0 "$finished"
	in_order "$log" 'host: reset' 'host: Capabilities_Register' 'host: Set_Option synctime 0' 'host: ping' \
		'host: Time_Synchronize 1' 'host: OS_Reboot' 'host: Set_Option synctime 1' 'host: Time_Synchronize 1' \
		'host: Time_Synchronize 1' 'host: OS_Halt'
	in_order "$m.log" 'GenericError.*the guest does not run' '"success": true.*"ping"' '"success": true.*"time-sync"' \
		'"ERROR not now", "success": false, .*"reboot"' \
		'"return": true' '"success": true.*"halt"'
	# QMP's requests alone are answered to QMP.
	[ "$(grep -c VMWARE_TOOLS_ANSWER "$m.log")" -eq 4 ] || result=fail
	cat "$m.log" >>"$log"
	rm -f "$m".*
}

# They count as no more once they have asked for nothing for 30 seconds.
test_tools_timeout()
{
	local m=$results/monitor-tools-timeout seconds
	monitor "$m"
	guest '"guestinfo":{"tools":"1","silent":"1"}' -chardev "pipe,id=qmp,path=$m" -mon chardev=qmp,mode=control &
	wait_for 120 "$log" 'host: Set_Option'
	qmp "$m" vmware-tools-request '"request":"ping"' >/dev/null
	wait_for 60 "$log" '# silent'
	for seconds in 20 12; do
		sleep $seconds
		qmp "$m" qom-get '"path":"/machine/peripheral/vmrpc","property":"tools-running"' >/dev/null
	done
	qmp "$m" vmware-tools-request '"request":"halt"' >/dev/null
	qmp "$m" quit >/dev/null
	wait $! || rc=$?
	judge 0 '# silent'
	in_order "$m.log" '"return": true' '"return": false' "GenericError.*VMware's tools do not run"
	cat "$m.log" >>"$log"
	rm -f "$m".*
}

# Its channels are closed, and the host's requests begin anew.
test_loadvm()
{
	local m=$results/monitor-loadvm disk=$results/snapshots.qcow2 request
	qemu-img create -q -f qcow2 "$disk" 1M
	monitor "$m"
	guest '"time-sync":true,"guestinfo":{"tools":"1"}' -chardev "pipe,id=qmp,path=$m" -mon chardev=qmp,mode=control \
		-drive "if=none,format=qcow2,file=$disk" &
	wait_for 120 "$log" 'host: Time_Synchronize'
	for request in savevm loadvm; do
		qmp "$m" human-monitor-command "\"command-line\":\"$request snapshot\"" >>"$log"
		sleep 1
	done
	halt "$m"
	wait $! || rc=$?
	judge 0 "$finished"
	in_order "$log" 'host: Time_Synchronize 1' 'host: Time_Synchronize 1' 'host: closed' 'host: reset' \
		'host: Set_Option synctime 1' 'host: Time_Synchronize 1' 'host: OS_Halt'
	rm -f "$disk" "$m".*
}

test_no_device()
{
	printf '{"execute":"%s","arguments":{%s}}\n' qmp_capabilities '' vmware-tools-request '"request":"halt"' quit '' |
		qemu 60 -S -qmp stdio >"$log" 2>&1 || rc=$?
	judge 0 DeviceNotFound
}

test_fuzz()
{
	passes "\"channel-timeout\":0,\"guestinfo\":{$given,\"fuzz\":\"$seed $((count * 20))\"}"
}

test_fuzz_in_valgrind()
{
	wrapper=(valgrind -q --error-exitcode=9)
	passes "\"channel-timeout\":0,\"guestinfo\":{$given,\"fuzz\":\"$seed $((count < 3000 ? count : 3000))\"}"
}

# Moved while it looks, to a QEMU with other values
test_migration()
{
	local m=$results/monitor-migration
	monitor "$m"
	guest '"guestinfo":{"x":"hello","migrate":"1"}' -chardev "pipe,id=qmp,path=$m" -mon chardev=qmp,mode=control &
	wait_for 60 "$log" '# migrate'
	qmp "$m" vmware-tools-request '"request":"halt"' >>"$log"
	migrate "$m" "file:$results/migration" >>"$log"
	qmp "$m" quit >/dev/null
	wait
	passes '"guestinfo":{"x":"other","only-there":"1"}' -incoming "file:$results/migration"
	in_order "$log" "VMware's tools do not run" '^completed'
	rm -f "$results/migration" "$m".*
}

names="monitor without-kvm libvirt commands writable old-machine time-sync files crash no-device tools tools-timeout loadvm migration fuzz fuzz-in-valgrind"
if [ -n "$tests" ]; then
	tr ' ' '\n' <<<"$names"
	exit
fi
for name in $names; do
	log=$results/emulated-$name.log rc=0 result=fail
	say "Run the bare guest without KVM: $name (log: $(short "$log"))"
	: >"$log"
	# In a shell of its own, which nothing but the result leaves.
	(
		set +e
		"test_${name//-/_}"
		printf '%s\t%s\texit code %s, see %s\n' "$name" "$result" "$rc" "$(short "$log")" >>"$results/emulated"
	)
done
