# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 50-target.sh: what happens to the target, seen from the device. Every test
# begins and ends with nothing attached.
limit=60

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

is_recovering()
{
	grep -q '"state": *"recovering"' /run/discsi/*.json
}

is_ready()
{
	grep -q '"state": *"ready"' /run/discsi/*.json
}

test_a_target_that_restarts_is_waited_for()
{
	device=$(attach | json_member device)
	fio_start "$device"
	kill -9 "$(cat /run/tgtd.pid)"
	wait_for 10 is_recovering
	target_start
	wait_for 60 is_ready
	fio_end
	discsi detach "$device"
	nothing_is_left
}
