# SPDX-License-Identifier: LGPL-2.1-or-later
#
# boot.sh: a host with a file system on a LUN, once systemd has booted it.

service=discsi-nbd@store.service
at=/mnt/store

is_mounted()
{
	grep -q "^/dev/nbd0 $at ext4 " /proc/mounts
}

property()
{
	systemctl show --property "$1" --value "${2:-$service}"
}

has_restarted()
{
	[ "$(property NRestarts)" -gt "$1" ] &&
		[ "$(property ActiveState)" = active ]
}

# What is read comes from the disk.
read_back()
{
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(sha256sum <$at/data)" = "$(cat /run/sum)" ]
}

test_the_file_system_is_mounted_at_boot()
{
	wait_for 60 is_mounted
	[ "$(readlink -f "$link")" = /dev/nbd0 ]
	[ "$(property ActiveState)" = active ]
	[ "$(property Result)" = success ]
	dd if=/dev/urandom of=$at/data bs=1M count=8
	sync
	sha256sum <$at/data >/run/sum
}

test_a_service_that_is_killed_is_restarted_below_the_file_system()
{
	restarts=$(property NRestarts)
	main=$(property MainPID)
	kill -9 "$main"
	read_back
	wait_for 30 has_restarted "$restarts"
	[ "$(property MainPID)" != "$main" ]
	is_mounted
	echo more >$at/more
	sync
}

test_a_service_that_hangs_is_restarted_by_the_watchdog()
{
	restarts=$(property NRestarts)
	kill -STOP "$(property MainPID)"
	read_back
	wait_for 30 has_restarted "$restarts"
	is_mounted
}

test_one_that_is_well_is_let_be()
{
	main=$(property MainPID)
	sleep 9
	[ "$(property MainPID)" = "$main" ]
}

is()
{
	[ "$(property ActiveState)" = "$1" ]
}

# A mount of which systemd does not know that it needs the service.
test_a_stop_waits_for_those_who_use_the_disk()
{
	systemctl stop mnt-store.mount
	mount "$link" /mnt/hand
	systemctl --no-block stop $service
	wait_for 20 is deactivating
	wait_for 20 pidof discsi
	echo still >/mnt/hand/still
	sync
	umount /mnt/hand
	wait_for 20 is inactive
	[ "$(property Result)" = success ]
	rm -rf /dev/disk/by-diskseq
	nothing_is_left
}

test_what_was_stopped_is_started()
{
	systemctl start $service mnt-store.mount
	is_mounted
	read_back
	[ "$(cat $at/more $at/still)" = "more
still" ]
}

# For the shutdown. Without _netdev, which busybox does not keep, it would be
# unmounted after the network.
test_a_mount_by_hand_is_there_in_the_end()
{
	/usr/bin/mount -o _netdev "$link" /mnt/hand
	echo last >/mnt/hand/last
}
