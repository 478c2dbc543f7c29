# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2154
# The cells "tools" of job-debian, which sources it: a Debian guest whose vmtoolsd runs as a
# service, and what the host does with such a guest. The guest (job-tools) says "guest: N clock YEAR"
# each second, and does what the host says by guestinfo.todo.
#
# Its clock is in 2000 when it starts, and the host's in 2031.

host_clock=2031-01-02T03:04:05

# tools_qemu NAME ACCEL ARGS...: in the background, with a monitor. The guest's words are in /tmp/NAME.guest,
# QEMU's and its trace in /tmp/NAME.qemu.
tools_qemu()
{
	local name=$1 accel=$2
	shift 2
	monitor "/tmp/$name"
	: >"/tmp/$name.guest"
	: >"/tmp/$name.qemu"
	echo "vmm\$ qemu-system-x86_64 -accel $accel $*"
	{ timeout -s KILL 1500 /qemu/qemu-system-x86_64 -L /qemu -nodefaults -no-reboot -display none \
		-accel "$accel" -cpu host,kvm=off -m 256 -rtc base=$host_clock \
		-kernel /guest/vmlinuz -initrd "/guest/$medium" \
		-append "quiet console=ttyS0 panic=-1 no_timer_check lab.tools" \
		-serial file:/tmp/console -chardev "file,id=report,path=/tmp/$name.guest,append=on" -serial chardev:report \
		-chardev "pipe,id=qmp,path=/tmp/$name" -mon chardev=qmp,mode=control \
		-device "{\"driver\":\"vmrpc\",\"id\":\"vmrpc\",\"time-sync\":true,\"guestinfo\":{}}" \
		-trace 'vmrpc_*' "$@"; echo "exit code $?"; } >>"/tmp/$name.qemu" 2>&1 </dev/null &
}

# says NAME OF REGEX: a QEMU that has ended, as without the capability, says no more.
says() { wait_for 300 "/tmp/$1.$2" "$3" "/tmp/$1.qemu"; }

# Each of these says what it waited for if it did not come.
guest_says() { says "$1" guest "$2" || { why="the guest does not say: $2"; false; }; }
qemu_says() { says "$1" qemu "$2" || { why="QEMU does not say: $2"; false; }; }
qmp_says() { says "$1" log "$2" || { why="QMP does not say: $2"; false; }; }

# What came so far is not what is waited for.
forget()
{
	cat "/tmp/$1.guest" >>/tmp/report
	cat "/tmp/$1.qemu" >>/tmp/report
	: >"/tmp/$1.guest"
	: >"/tmp/$1.qemu"
}

# tools_target NAME ACCEL: a QEMU that waits for the guest; it has to listen before it is sent one.
tools_target()
{
	local left=60
	rm -f /tmp/socket
	tools_qemu "$1" "$2" -incoming unix:/tmp/socket
	until [ -S /tmp/socket ]; do
		left=$((left - 1))
		[ $left -gt 0 ] || { why="QEMU does not wait for a guest"; return 1; }
		sleep 1
	done
}

# Let the guest do something: guest_do NAME WHAT
guest_do()
{
	qmp "/tmp/$1" qom-set "\"path\":\"/machine/peripheral/vmrpc\",\"property\":\"guestinfo\",\"value\":{\"todo\":\"$2\"}" >/dev/null
}

hmp() { qmp "/tmp/$1" human-monitor-command "\"command-line\":\"$2\""; }

# The tools are reset, say what they can, and set the clock.
tools_come()
{
	qemu_says "$1" 'OK ATR toolbox' && qemu_says "$1" 'tools.capability.statechange' && guest_says "$1" 'clock 2031'
}

tools_time_sync()
{
	tools_qemu a kvm,vmware=on -drive if=none,format=qcow2,file=/guest/snapshots.qcow2
	guest_says a 'clock 2000' && tools_come a
}

# In the snapshot the guest's clock is wrong. Its channels are closed on load.
tools_loadvm()
{
	forget a
	guest_do a clock
	guest_says a 'clock 2001' || return
	forget a
	hmp a "savevm snapshot" >>/tmp/report
	guest_says a 'clock 2031' || return
	forget a
	hmp a "loadvm snapshot" >>/tmp/report
	guest_says a 'clock 2001' && tools_come a
}

# The guest goes on where it is: by the return path the source learns that it did not arrive.
tools_migration_refused()
{
	qmp /tmp/a migrate-set-capabilities '"capabilities":[{"capability":"return-path","state":true}]' >/dev/null
	tools_target c kvm || return
	how=$(migrate /tmp/a unix:/tmp/socket)
	[ "$how" = failed ] || { why="the migration to it: $how"; return 1; }
	qemu_says c "started with vmware=on .* this QEMU with vmware=off" || return
	forget a
	guest_says a 'clock 2031'
}

# What the guest has set goes along.
tools_migration()
{
	guest_do a set
	guest_says a 'is set' || return
	tools_target b kvm,vmware=on || return
	how=$(migrate /tmp/a unix:/tmp/socket)
	[ "$how" = completed ] || { why="the migration: $how"; return 1; }
	qmp /tmp/a quit >/dev/null
	forget a
	tools_come b && guest_says b 'moved: yes' || return
	qmp /tmp/b qom-get '"path":"/machine/peripheral/vmrpc","property":"tools-running"' |
		grep '"return": true' >/dev/null || { why="QEMU does not see the tools"; false; }
}

tools_shutdown()
{
	qmp /tmp/b vmware-tools-request '"request":"halt"' >/dev/null
	qmp_says b '"success": true, "request": "halt"' && guest_says b 'shutdown -h now' &&
		qmp_says b '"event": "SHUTDOWN".*guest-shutdown'
}

tools_tests="time-sync loadvm migration-refused migration shutdown"

# What each thread of a QEMU is at in the kernel: one that hangs says no more.
threads()
{
	grep -ls qemu-system /proc/[0-9]*/comm | while read -r comm; do
		for task in "${comm%comm}"task/*; do
			echo "$task: $(cat "$task/comm")"
			cat "$task/stack"
		done
	done 2>/dev/null
}

# boot_tools: print a result for each, from number $n on
boot_tools()
{
	local test number=$n lost=
	for test in $tools_tests; do
		why=$lost
		if [ -z "$skip$lost" ]; then
			"tools_$(echo "$test" | tr - _)" >>/tmp/report || why=${why:-failed}
			skip=$(grep -hso 'this kernel .* has no KVM_CAP_X86_VMWARE' /tmp/a.qemu)
			# What comes after needs the guest that was lost.
			[ -z "$why" ] || { lost="after a test that failed"; threads >>/tmp/report; }
		fi
		case $skip/$why in
		/)	echo "ok $number - $cell/tools-$test" ;;
		/*)	echo "not ok $number - $cell/tools-$test # $why" ;;
		*)	echo "ok $number - $cell/tools-$test # SKIP $skip" ;;
		esac
		number=$((number + 1))
	done >/tmp/verdicts
	for name in a b c; do
		cat "/tmp/$name.qemu" "/tmp/$name.guest" "/tmp/$name.log" 2>/dev/null
	done >>/tmp/report
	# Those that a test that failed has left.
	killall -q qemu-system-x86_64
}
