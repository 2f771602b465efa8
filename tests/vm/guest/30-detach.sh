# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 30-detach.sh: when a device must not be detached, and what is left by a
# process that was killed. Every test begins and ends with nothing attached.

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

# busy WORD: detaching $device is refused, and the message has the word.
busy()
{
	refused EBUSY discsi detach --json "$device"
	grep -q "$1" /run/stderr
	[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
}

test_swap_is_EBUSY()
{
	device=$(attach | json_member device)
	mkswap "$device"
	swapon "$device"
	busy swap
	swapoff "$device"
	discsi detach "$device"
	nothing_is_left
}

test_a_mounted_partition_is_EBUSY()
{
	device=$(attach | json_member device)
	printf 'o\nn\np\n1\n\n\nw\n' | fdisk "$device"
	wait_for 10 test -b "${device}p1"
	mkfs.ext4 -q "${device}p1"
	mkdir -p /tmp/in-use
	mount -t ext4 "${device}p1" /tmp/in-use
	busy "${device}p1.*/tmp/in-use"
	umount /tmp/in-use
	discsi detach "$device"
	nothing_is_left
}

test_detach_waits_for_those_who_use_the_device()
{
	device=$(attach | json_member device)
	mkfs.ext4 -q "$device"
	mount -t ext4 "$device" /mnt
	refused EBUSY discsi detach --json --wait 1 "$device"
	discsi detach --wait 60 "$device" 2>/run/stderr &
	wait_for 10 grep -q 'waiting, 60 s at most: .*/mnt' /run/stderr
	umount /mnt
	wait $!
	nothing_is_left
}

# A container's mounts are not in our table.
test_a_mount_in_another_namespace_is_EBUSY()
{
	device=$(attach | json_member device)
	mkfs.ext4 -q "$device"
	rm -f /run/mounted /run/end
	mkfifo /run/end
	unshare -m sh -c "mount -t ext4 $device /mnt && touch /run/mounted &&
		cat /run/end" >/dev/null &
	wait_for 10 test -e /run/mounted
	if grep -q "$device" /proc/mounts; then
		fail "the mount is in this namespace, too"
	fi
	busy "in use"
	echo >/run/end
	wait
	discsi detach "$device"
	nothing_is_left
}

test_force_detaches_what_is_mounted()
{
	device=$(attach | json_member device)
	mkfs.ext4 -q "$device"
	mount -t ext4 "$device" /mnt
	discsi detach --force "$device"
	umount /mnt
	nothing_is_left
}

test_what_is_served_is_not_abandoned()
{
	attach >/run/attach
	device=$(json_member device </run/attach)
	id=$(json_member id </run/attach)
	refused EBUSY discsi-nbd --json --abandon "$id"
	dd if="$device" of=/dev/null bs=64k count=16 iflag=direct
	# The worker only: whoever starts another one has the lock.
	kill -9 "$(worker)"
	refused EBUSY discsi-nbd --json --abandon "$id"
	dd if="$device" of=/dev/null bs=64k count=16 iflag=direct
	discsi detach "$device"
	nothing_is_left
}

is_dead()
{
	discsi status --json | grep -q '"alive": false'
}

test_detach_clears_what_a_killed_process_has_left()
{
	device=$(attach | json_member device)
	# shellcheck disable=SC2046 # the supervisor and its worker
	kill -9 $(pidof discsi-nbd)
	wait_for 10 is_dead
	[ -e "/sys/block/${device#/dev/}/pid" ]
	[ "$(readlink -f "$link")" = "$device" ]
	timeout 60 discsi detach "$device"
	wait_for 10 no_session
	forget_owed
	nothing_is_left

	[ "$(attach --device "$device" | json_member device)" = "$device" ]
	[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
	discsi detach "$device"
	nothing_is_left
}
