# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 45-connections.sh: a device with several sockets. The kernel gives up on one
# that owes it an answer for command_timeout and 2 s, which is short here. Every
# test begins and ends with nothing attached.
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

attach_four()
{
	attach --connections 4 --option command_timeout=10000 "$@"
}

# One for each socket that the kernel has, as long as there are processors.
queues()
{
	set -- "/sys/block/${1#/dev/}/mq/"*
	echo $#
}

test_a_device_has_the_sockets_that_were_asked_for()
{
	device=$(attach_four | json_member device)
	[ "$(cat /run/discsi/*.json | json_member connections)" -eq 4 ]
	processors=$(grep -c ^processor /proc/cpuinfo)
	expected=$((processors < 4 ? processors : 4))
	[ "$(queues "$device")" -eq $expected ]
	[ "$(cat "/sys/block/${device#/dev/}/queue/io_timeout")" -eq 12000 ]
	dd if=/dev/urandom of=/run/pattern bs=64k count=64
	dd if=/run/pattern of="$device" bs=64k oflag=direct
	dd if="$device" bs=64k count=64 iflag=direct | cmp - /run/pattern
	discsi detach "$device"
	dd if=$lun_file bs=64k count=64 | cmp - /run/pattern
	nothing_is_left
}

test_a_number_out_of_range_is_refused()
{
	if attach --connections 17 2>/run/stderr; then
		fail "17 connections were taken"
	fi
	grep -q "1 to 16" /run/stderr
	if discsi-nbd --socket /run/s --connections 2 $url 2>/run/stderr; then
		fail "a socket took --connections"
	fi
	grep -q 'goes with --device' /run/stderr
	nothing_is_left
}

test_a_file_system_by_many_writers()
{
	device=$(attach_four --option sessions=2 | json_member device)
	mkfs.ext4 -q -b 4096 "$device"
	mount -t ext4 "$device" /mnt
	for i in 1 2 3 4; do
		(dd if=/dev/urandom of=/mnt/$i bs=256k count=32 conv=fsync &&
			sha256sum /mnt/$i >/run/sum.$i) &
	done
	wait
	umount /mnt
	discsi detach "$device"
	device=$(attach_four | json_member device)
	mount -t ext4 -o ro "$device" /mnt
	cat /run/sum.[1-4] | sha256sum -c -s
	[ "$(cat /run/sum.[1-4] | wc -l)" -eq 4 ]
	umount /mnt
	discsi detach "$device"
	nothing_is_left
}

test_two_kills_are_no_error_for_fio()
{
	device=$(attach_four | json_member device)
	fio_start "$device"
	for i in 1 2; do
		kill_worker
		wait_for 60 goes_on "$device"
	done
	fio_end
	discsi detach "$device"
	nothing_is_left
}

test_a_kill_with_two_sessions_is_no_error_for_fio()
{
	device=$(attach_four --option sessions=2 | json_member device)
	fio_start "$device"
	kill_worker
	wait_for 60 goes_on "$device"
	fio_end
	discsi detach "$device"
	nothing_is_left
}

# goes_on DEVICE: reads are done, of which there were none before the first call.
goes_on()
{
	read -r before _ <"/sys/block/${1#/dev/}/stat"
	usleep 500000
	read -r after _ <"/sys/block/${1#/dev/}/stat"
	[ "$after" -gt "$before" ]
}

has_lost_sockets()
{
	dmesg | grep -q 'Connection timed out, retrying'
}

# The kernel gives up on every socket, and again on those that it is given.
test_a_target_that_stands_still_for_long_is_no_error()
{
	device=$(attach_four --option noop_interval=2000 \
		--option noop_timeout=3000 | json_member device)
	dmesg -c >/dev/null
	fio_start "$device"
	kill -STOP "$(cat /run/tgtd.pid)"
	wait_for 30 has_lost_sockets
	usleep 15000000
	kill -CONT "$(cat /run/tgtd.pid)"
	wait_for 60 goes_on "$device"
	fio_end
	[ "$(cat /run/discsi/*.json | json_member device)" = "$device" ]
	discsi detach "$device"
	nothing_is_left
}

# More than the sockets hold, so that the kernel itself waits in a send; it must
# not do so in the one that ends the device.
test_a_detach_by_force_does_not_wait_for_the_target()
{
	device=$(attach_four --option noop_interval=2000 \
		--option noop_timeout=3000 | json_member device)
	read -r reads _ _ _ writes _ <"/sys/block/${device#/dev/}/stat"
	ios_before=$((reads + writes))
	for i in 1 2 3 4 5 6 7 8; do
		(while dd if=/dev/zero of="$device" bs=4M count=24 \
			oflag=direct; do :; done) &
	done
	wait_for 60 has_read_or_written "${device#/dev/}"
	kill -STOP "$(cat /run/tgtd.pid)"
	wait_for 30 is_recovering
	usleep 3000000
	discsi detach --force "$device"
	kill -CONT "$(cat /run/tgtd.pid)"
	wait
	wait_for 30 no_session
	forget_owed
	nothing_is_left
}

is_recovering()
{
	grep -q '"state": *"recovering"' /run/discsi/*.json
}

# has_read_or_written NBDN: more than a look for partitions takes.
has_read_or_written()
{
	read -r reads _ _ _ writes _ <"/sys/block/$1/stat"
	[ $((reads + writes)) -gt $((ios_before + 200)) ]
}

test_the_number_stays_until_it_is_detached()
{
	discsi-nbd --fork --password-file $secret_file --device auto \
		--connections 4 --option command_timeout=10000 $url
	kill -9 "$(worker)"
	discsi-nbd --fork --password-file $secret_file --device auto \
		--option command_timeout=10000 $url
	[ "$(cat /run/discsi/*.json | json_member connections)" -eq 4 ]
	dd if=/dev/urandom of=/run/pattern bs=64k count=16
	dd if=/run/pattern of=/dev/nbd0 bs=64k oflag=direct
	dd if=/dev/nbd0 bs=64k count=16 iflag=direct | cmp - /run/pattern
	discsi detach /dev/nbd0
	nothing_is_left
}
