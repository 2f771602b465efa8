# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 35-stolen.sh: somebody else detaches the device, at a moment when its process
# is not told. Every test begins and ends with nothing attached.
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

# As anybody may who is root: with a registry in which the bridge is not known.
steal()
{
	DISCSI_RUN_DIR=/run/nobody discsi-nbd --abandon "$(bridge_id)"
	[ ! -e /sys/block/nbd0/pid ]
}

bridge_id()
{
	basename /run/discsi/*.json .json
}

# The kernel gives up on both sockets, since the target does not answer, and the
# process cannot make others, since it may not open anything.
lose_sockets()
{
	attach --connections 2 --device /dev/nbd0 --option command_timeout=10000
	[ -L "$link" ]
	dmesg -c >/dev/null
	echo 1000 >/sys/block/nbd0/queue/io_timeout
	short=$(worker)
	descriptors=$(prlimit --pid "$short" --nofile --noheadings \
		--output SOFT)
	prlimit --pid "$short" --nofile=1:
	kill -STOP "$(cat /run/tgtd.pid)"
	dd if=/dev/nbd0 of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null &
	reader=$!
	wait_for 60 has_no_socket
}

has_no_socket()
{
	[ "$(dmesg | grep -c 'nbd0: .*onnection timed out')" -ge 2 ]
}

# It looks for its device again after the pause that follows.
give_back()
{
	prlimit --pid "$short" --nofile="$descriptors":
}

# Until then it has the device still: what was under way is done.
test_a_process_that_cannot_look_does_not_give_the_device_up()
{
	lose_sockets
	give_back
	kill -CONT "$(cat /run/tgtd.pid)"
	wait "$reader"
	dd if=/dev/nbd0 of=/dev/null bs=64k count=16 iflag=direct
	discsi detach /dev/nbd0
	nothing_is_left
}

test_between_two_tries_to_replace_a_socket()
{
	lose_sockets
	steal
	give_back
	kill -CONT "$(cat /run/tgtd.pid)"
	wait_for 60 no_bridge_runs
	nothing_is_left
}

# The number is another disk's by then, which must not lose it.
test_and_then_the_bridge_is_told_to_end()
{
	lose_sockets
	supervisor=$(cat /run/discsi/*.json | json_member pid)
	steal
	kill -CONT "$(cat /run/tgtd.pid)"
	tgt --op new --mode logicalunit --tid 1 --lun 2 -b $lun_file
	attach_lun 2 --device /dev/nbd0
	kill -0 "$short"
	give_back
	kill -TERM "$supervisor"
	wait_for 60 no_process "$supervisor"
	[ ! -L "$link" ]
	[ -e /sys/block/nbd0/pid ]
	dd if=/dev/nbd0 of=/dev/null bs=64k count=16 iflag=direct
	discsi detach /dev/nbd0
	tgt --op delete --mode logicalunit --tid 1 --lun 2
	nothing_is_left
}

no_process()
{
	! kill -0 "$1" 2>/dev/null
}

# Nobody comes back for it, and the supervisor is told so until it believes it.
test_while_no_worker_can_log_in()
{
	attach --device /dev/nbd0
	supervisor=$(cat /run/discsi/*.json | json_member pid)
	dead=$(worker)
	kill -STOP "$(cat /run/tgtd.pid)"
	kill -9 "$dead"
	wait_for 20 no_process "$dead"
	steal
	kill -TERM "$supervisor"
	kill -TERM "$supervisor"
	kill -TERM "$supervisor"
	wait_for 60 no_bridge_runs
	kill -CONT "$(cat /run/tgtd.pid)"
	wait_for 30 no_session
	forget_owed
	nothing_is_left
}

# The number is another disk's when the next process comes.
test_after_the_process_was_killed()
{
	tgt --op new --mode logicalunit --tid 1 --lun 2 -b $lun_file
	discsi-nbd --fork --password-file $secret_file --device /dev/nbd0 $url
	kill -9 "$(worker)"
	wait_for 20 no_bridge_runs
	steal
	attach_lun 2 --device /dev/nbd0
	[ "$(attach --device /dev/nbd1 | json_member link)" = "$link" ]
	[ "$(readlink -f "$link")" = /dev/nbd1 ]
	discsi detach /dev/nbd1
	[ ! -L "$link" ]
	discsi detach /dev/nbd0
	tgt --op delete --mode logicalunit --tid 1 --lun 2
	nothing_is_left
}
