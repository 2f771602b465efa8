# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 45-takeover.sh: one process takes the place of another that serves a device.
# Every test begins and ends with nothing attached.
limit=180

setup()
{
	modprobe nbd
	target_start
}

teardown()
{
	target_stop
	rmmod nbd
}

owner()
{
	cat /run/discsi/*.json | json_member pid
}

# is_gone PID
is_gone()
{
	! kill -0 "$1" 2>/dev/null
}

# take_over ID: and waits until the process before has ended. Its pause, in ms,
# is then the last one in /run/pauses.
take_over()
{
	old=$(worker)
	before=$(owner)
	timeout 60 discsi-nbd --takeover "$1" --fork --json >/run/taken \
		2>/run/stderr
	cat /run/taken /run/stderr
	sed -n -e 's/.*a pause of \([0-9]*\) ms.*/\1/p' /run/stderr \
		>>/run/pauses
	[ "$(worker)" != "$old" ]
	[ "$(owner)" != "$before" ]
	discsi status | tee /run/status
	grep -q "$device .*ready" /run/status
	wait_for 10 is_gone "$old"
	wait_for 10 is_gone "$before"
	[ "$(cat /run/discsi/*.lock)" = "$(owner)" ]
	if ps -o args | grep "[v]m-secret" || grep -r vm-secret /run/discsi; then
		fail "the secret can be read"
	fi
}

# has_gone_on: more has been read and written since reads was set.
has_gone_on()
{
	read -r now _ <"/sys/block/${device#/dev/}/stat"
	[ "$now" -gt $((reads + 50)) ]
}

one_session()
{
	[ "$(target_sessions | wc -l)" -eq 1 ]
}

# The longest pause is printed, and so is the longest time of an I/O of fio's.
test_five_takeovers_are_no_error_for_fio()
{
	: >/run/pauses
	attach >/run/attach
	device=$(json_member device </run/attach)
	id=$(json_member id </run/attach)
	fio_start "$device"
	for i in $(seq 5); do
		take_over "$id"
		read -r reads _ <"/sys/block/${device#/dev/}/stat"
		wait_for 20 has_gone_on
	done
	fio_end
	wait_for 10 one_session
	[ "$(wc -l </run/pauses)" -eq 5 ]
	sed -e 's/$/ ms without a server/' /run/pauses | tee /run/comment
	grep 'clat.*max' /run/fio.out >>/run/comment
	[ "$(sort -n /run/pauses | tail -n 1)" -lt 1000 ]
	discsi detach "$device"
	nothing_is_left
}

# All of its sockets go over, and it can lose one of them afterwards.
test_a_device_with_four_sockets_is_taken_over()
{
	: >/run/pauses
	attach --connections 4 >/run/attach
	device=$(json_member device </run/attach)
	id=$(json_member id </run/attach)
	fio_start "$device"
	for i in 1 2; do
		take_over "$id"
		[ "$(cat /run/discsi/*.json | json_member connections)" -eq 4 ]
		read -r reads _ <"/sys/block/${device#/dev/}/stat"
		wait_for 20 has_gone_on
	done
	fio_end
	discsi detach "$device"
	nothing_is_left
}

# Whoever takes a supervised one's place is supervised, too.
test_a_successor_that_is_killed_is_back()
{
	attach >/run/attach
	device=$(json_member device </run/attach)
	take_over "$(json_member id </run/attach)"
	dd if=/dev/urandom of=/run/pattern bs=64k count=16
	dd if=/run/pattern of="$device" bs=64k oflag=direct
	old=$(worker)
	[ "$old" != "$(owner)" ]
	kill -9 "$old"
	dd if="$device" bs=64k count=16 iflag=direct | cmp - /run/pattern
	[ "$(worker)" != "$old" ]
	discsi detach "$device"
	nothing_is_left
}

# The successor is stopped between its login and the switch, and killed there.
test_a_successor_that_dies_changes_nothing()
{
	discsi-nbd --fork --password-file $secret_file --device auto $url
	device=/dev/nbd0
	id=$(cat /run/discsi/*.json | json_member id)
	old=$(worker)
	dd if=/dev/urandom of=/run/pattern bs=64k count=16
	dd if=/run/pattern of=$device bs=64k oflag=direct
	for i in 1 2 3 4 5 6; do
		discsi-nbd --takeover "$id" >/dev/null 2>&1 &
		usleep $((i * 30000))
		kill -9 $! || :
		wait $! || :
		# Killed after it had said that it serves, it has left a device
		# that nobody serves: then the one before is about to end.
		if ! timeout 20 dd if=$device bs=64k count=16 iflag=direct |
			cmp - /run/pattern
		then
			wait_for 10 is_gone "$old"
			echo "it was too late to kill it"
			break
		fi
		[ "$(worker)" = "$old" ] || break
	done
	timeout 60 discsi detach --force $device || discsi detach --force "$id"
	wait_for 10 no_session
	nothing_is_left
}
