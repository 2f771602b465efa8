# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 60-storage.sh: a storage of the library on /dev/nbdN: mounted by one process,
# adopted by the next, unmounted by the last.

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

# conf MEMBERS: the JSON of a storage, with more members.
conf()
{
	echo "{\"portal\": \"$portal\", \"iqn\": \"$target\", \"lun_id\": 1," \
		"\"username\": \"vmuser\", \"password_file\":" \
		"\"$secret_file\"${1-}}"
}

test_a_storage_is_a_kernel_device_until_it_is_unmounted()
{
	device=$(storage-do "$(conf)" mount path)
	[ -b "$device" ]
	[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
	mkfs.ext4 -q -b 4096 "$device"
	storage-do "$(conf)" mount read format capacity info | tee /run/told
	grep -qx ext4 /run/told
	grep -qx $((lun_bytes / 1048576)) /run/told
	grep -q "\"device\":\"$device\"" /run/told
	grep -q '"status":"online"' /run/told
	grep -q "\"link\":\"$link\"" /run/told
	[ "$(storage-do "$(conf)" mount path)" = "$device" ]
	storage-do "$(conf)" mount unmount
	nothing_is_left
}

test_a_storage_has_the_connections_that_are_configured()
{
	device=$(storage-do "$(conf ', "connections": 4')" mount path)
	[ "$(cat /run/discsi/*.json | json_member connections)" -eq 4 ]
	[ "$(storage-do "$(conf)" mount path)" = "$device" ]
	storage-do "$(conf ', "connections": 4')" mount read unmount
	nothing_is_left
}

test_a_storage_in_use_stays_mounted()
{
	device=$(storage-do "$(conf ', "device": "nbd"')" mount path)
	mkfs.ext4 -q -b 4096 "$device"
	mount -t ext4 "$device" /mnt
	refused EBUSY storage-do "$(conf)" mount unmount
	[ "$(storage-do "$(conf)" mount path)" = "$device" ]
	umount /mnt
	storage-do "$(conf)" mount unmount
	nothing_is_left
}

test_a_storage_takes_the_device_that_is_named()
{
	[ "$(storage-do "$(conf ', "device": "/dev/nbd5"')" mount path)" = \
		/dev/nbd5 ]
	refused EBUSY storage-do "$(conf ', "device": "/dev/nbd6"')" mount
	refused EBUSY storage-do "$(conf ', "device": "socket"')" mount
	storage-do "$(conf ', "device": "/dev/nbd5"')" mount unmount
	nothing_is_left
}

test_the_last_of_two_agents_ends_the_device()
{
	mkfifo /run/hold
	storage-do "$(conf)" mount path wait unmount </run/hold >/run/path &
	agent=$!
	exec 9>/run/hold
	wait_for 30 grep -q /dev/nbd /run/path
	device=$(cat /run/path)
	[ "$(storage-do "$(conf)" mount read path unmount)" = "$device" ]
	[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
	refused EBUSY discsi detach --json "$device"
	grep -q "process $agent (storage-do)" /run/stderr
	exec 9>&-
	wait "$agent"
	nothing_is_left
}

test_a_storage_whose_agent_is_killed_is_ended_by_the_next_one()
{
	rm -f /run/hold
	mkfifo /run/hold
	storage-do "$(conf)" mount path wait </run/hold >/run/path &
	agent=$!
	exec 9>/run/hold
	wait_for 30 grep -q /dev/nbd /run/path
	kill -9 "$agent"
	wait "$agent" || :
	exec 9>&-
	storage-do "$(conf)" mount unmount
	nothing_is_left
}

has_failed()
{
	grep -q '"state": *"failed"' /run/discsi/*.json
}

# give_up COMMAND...: an agent that has mounted the storage, with a file system
# on it, and does so when its target was away for too long and is back. It is
# $agent; what it prints is in /run/told.
give_up()
{
	rm -f /run/hold /run/told
	mkfifo /run/hold
	storage-do "$(conf ', "replacement_timeout": 1000')" mount path wait \
		"$@" </run/hold >/run/told 2>/run/stderr &
	agent=$!
	exec 9>/run/hold
	wait_for 30 grep -q /dev/nbd /run/told
	device=$(head -n 1 /run/told)
	mkfs.ext4 -q -b 4096 "$device"
	[ -z "${in_use-}" ] || mount -t ext4 "$device" /mnt
	sync
	kill -9 "$(cat /run/tgtd.pid)"
	wait_for 20 has_failed
	target_start 9>&-
	exec 9>&-
}

test_a_storage_that_has_given_up_is_mounted_anew()
{
	give_up mount path read format unmount
	wait "$agent" || fail "$(cat /run/stderr)"
	[ "$(tail -n 1 /run/told)" = ext4 ]
	nothing_is_left
}

test_a_storage_that_has_given_up_in_use_is_left_alone()
{
	in_use=1
	give_up mount
	if wait "$agent"; then
		fail "what is in use was taken away"
	fi
	[ "$(json_member errno </run/stderr)" = EBUSY ]
	grep -q "mounted on /mnt" /run/stderr
	has_failed
	[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
	umount /mnt
	storage-do "$(conf)" mount read unmount
	nothing_is_left
}
