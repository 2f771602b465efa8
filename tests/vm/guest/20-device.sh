# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 20-device.sh: a LUN as /dev/nbdN, from attach to detach. Every test begins
# and ends with nothing attached.

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

test_discover_names_the_target()
{
	discsi discover --json $portal | tee /run/discover
	grep -q "\"$target\"" /run/discover
}

test_the_device_has_the_size_of_the_lun()
{
	attach --device auto >/run/attach
	device=$(json_member device </run/attach)
	[ -b "$device" ]
	[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
	[ "$(blockdev --getss "$device")" -eq 512 ]
	[ "$(json_member bytes </run/attach)" -eq $lun_bytes ]
	discsi detach "$device"
	[ "$(blockdev --getsize64 "$device")" -eq 0 ]
	nothing_is_left
}

test_the_device_has_a_name_that_says_where_the_disk_is()
{
	attach >/run/attach
	device=$(json_member device </run/attach)
	[ "$(json_member link </run/attach)" = "$link" ]
	[ "$(readlink -f "$link")" = "$device" ]
	discsi status --json | grep -q "\"link\": *\"$link\""
	discsi detach "$link"
	[ ! -L "$link" ]
	nothing_is_left
}

# A dead name is replaced, one of another device never.
test_a_name_that_is_taken_is_left_alone()
{
	mkdir -p /dev/disk/by-path
	ln -s ../../nbd9 "$link"
	[ "$(attach | json_member link)" = "$link" ]
	[ "$(readlink -f "$link")" = /dev/nbd0 ]
	discsi detach /dev/nbd0
	ln -s ../../ttyS1 "$link"
	[ -z "$(attach | json_member link)" ]
	[ "$(readlink "$link")" = ../../ttyS1 ]
	discsi detach /dev/nbd0
	[ "$(readlink "$link")" = ../../ttyS1 ]
	rm "$link"
	nothing_is_left
}

# Hundredths of a second of the processor that the worker has had.
ticks()
{
	awk '{ print $14 + $15 }' "/proc/$(worker)/stat"
}

test_a_bridge_that_polls_does_not_when_nobody_reads()
{
	device=$(attach -o poll_us=10000 | json_member device)
	dd if=/dev/urandom of=/run/written bs=4096 count=500
	dd if=/run/written of="$device" bs=4096 oflag=direct
	dd if="$device" of=/run/read bs=4096 count=500 iflag=direct
	cmp /run/written /run/read
	before=$(ticks)
	sleep 2
	[ $(($(ticks) - before)) -lt 20 ]
	rm /run/written /run/read
	discsi detach "$device"
	nothing_is_left
}

test_a_file_system_survives_detach_and_attach()
{
	device=$(attach | json_member device)
	mkfs.ext4 -q -b 4096 "$device"
	mount -t ext4 "$device" /mnt
	dd if=/dev/urandom of=/mnt/data bs=1M count=24
	mkdir /mnt/dir
	for i in $(seq 200); do
		echo "file $i" >"/mnt/dir/$i"
	done
	(cd /mnt && find . -type f -exec sha256sum {} +) >/run/sums
	sync
	umount /mnt
	discsi detach "$device"
	nothing_is_left

	device=$(attach | json_member device)
	mount -t ext4 -o ro "$device" /mnt
	[ "$(wc -l </run/sums)" -eq 201 ]
	(cd /mnt && sha256sum -c -s /run/sums)
	umount /mnt
	discsi detach "$device"
	nothing_is_left
}

# Read behind the back of everything that is ours: the target's own file.
test_what_is_written_is_in_the_targets_file()
{
	device=$(attach | json_member device)
	dd if=/dev/urandom of=/run/pattern bs=64k count=16
	dd if=/run/pattern of="$device" bs=64k seek=160 conv=fsync
	discsi detach "$device"
	dd if=$lun_file bs=64k skip=160 count=16 | cmp - /run/pattern
	nothing_is_left
}

test_dirty_pages_reach_the_target_before_detach_is_done()
{
	device=$(attach | json_member device)
	dd if=/dev/urandom of=/run/pattern bs=64k count=64
	dd if=/run/pattern of="$device" bs=64k seek=400
	discsi detach "$device"
	dd if=$lun_file bs=64k skip=400 count=64 | cmp - /run/pattern
	nothing_is_left
}

test_detach_while_mounted_is_EBUSY_and_names_the_mount_point()
{
	device=$(attach | json_member device)
	mkfs.ext4 -q "$device"
	mkdir -p /tmp/in-use
	mount -t ext4 "$device" /tmp/in-use
	refused EBUSY discsi detach --json "$device"
	grep -q /tmp/in-use /run/stderr
	echo still here >/tmp/in-use/file
	sync
	grep -q 'still here' /tmp/in-use/file
	umount /tmp/in-use
	discsi detach "$device"
	nothing_is_left
}

test_a_given_device_is_the_one_that_is_used()
{
	[ "$(attach --device /dev/nbd3 | json_member device)" = /dev/nbd3 ]
	[ "$(blockdev --getsize64 /dev/nbd3)" -eq $lun_bytes ]
	discsi detach /dev/nbd3
	nothing_is_left
}

test_attaching_a_lun_twice_is_EEXIST()
{
	device=$(attach | json_member device)
	refused EEXIST attach
	[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
	discsi detach "$device"
	nothing_is_left
}

test_a_device_in_use_is_EBUSY()
{
	device=$(attach | json_member device)
	tgt --op new --mode logicalunit --tid 1 --lun 2 -b $lun_file
	refused EBUSY timeout 30 discsi attach --json \
		--password-file $secret_file --device "$device" "${url%/1}/2"
	[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
	discsi detach "$device"
	tgt --op delete --mode logicalunit --tid 1 --lun 2
	nothing_is_left
}

test_detach_by_id()
{
	attach >/run/attach
	discsi detach "$(json_member id </run/attach)"
	nothing_is_left
}

test_status_shows_what_is_attached()
{
	device=$(attach | json_member device)
	discsi status | tee /run/status
	grep -q "$device" /run/status
	grep -q $target /run/status
	discsi detach "$device"
	discsi status | tee /run/status
	if grep -q "$device" /run/status; then
		fail "status shows a detached device"
	fi
	nothing_is_left
}

test_detach_of_what_is_not_attached_is_ENOENT()
{
	refused ENOENT discsi detach --json /dev/nbd7
}

test_a_wrong_secret_is_EACCES_and_leaves_nothing()
{
	echo not-the-secret-1 >/run/wrong
	refused EACCES timeout 30 discsi attach --json \
		--password-file /run/wrong $url
	nothing_is_left
}

test_sigterm_ends_a_foreground_bridge_tidily()
{
	timeout 60 discsi-nbd --password-file $secret_file --device /dev/nbd5 \
		$url &
	wait_for 20 test -e /sys/block/nbd5/pid
	dd if=/dev/urandom of=/run/pattern bs=64k count=4
	dd if=/run/pattern of=/dev/nbd5 bs=64k seek=8
	kill -TERM "$(pidof discsi-nbd)"
	wait
	dd if=$lun_file bs=64k skip=8 count=4 | cmp - /run/pattern
	nothing_is_left
}

test_no_secret_in_ps_or_state()
{
	device=$(attach | json_member device)
	ps -o args >/run/ps
	if grep vm-secret /run/ps || grep -r vm-secret /run/discsi; then
		fail "the secret can be read"
	fi
	discsi detach "$device"
	nothing_is_left
}

# field FILE NAME: a number from a file of /proc.
field()
{
	sed -n -e "s/^$2:[[:space:]]*\([0-9]*\).*/\1/p" "$1"
}

test_the_process_does_not_depend_on_its_own_device()
{
	device=$(attach | json_member device)
	for pid in $(pidof discsi-nbd); do
		[ "$(cat "/proc/$pid/oom_score_adj")" -eq -1000 ]
		[ "$(field "/proc/$pid/status" VmLck)" -gt 1000 ]
	done
	# The program, as the supervisor has it, and 13.5 MiB for requests.
	[ "$(field "/proc/$(worker)/status" VmLck)" -gt 17000 ]
	discsi detach "$device"
	nothing_is_left
}

# As in a container whose root may attach devices and nothing else.
test_each_refused_privilege_is_said_once_and_not_fatal()
{
	timeout 60 /usr/bin/setpriv --bounding-set=-sys_resource,-ipc_lock \
		sh -c "ulimit -l 64; exec discsi-nbd \
		--password-file $secret_file --device /dev/nbd5 $url" \
		2>/run/stderr >/run/ready &
	wait_for 20 grep -q ready /run/ready
	dd if=/dev/urandom of=/dev/nbd5 bs=64k count=4 conv=fsync
	kill -TERM "$(pidof discsi-nbd)"
	wait
	cat /run/stderr
	[ "$(grep -c RLIMIT_MEMLOCK /run/stderr)" -eq 1 ]
	[ "$(grep -c PR_SET_IO_FLUSHER /run/stderr)" -eq 1 ]
	[ "$(grep -c oom_score_adj /run/stderr)" -eq 1 ]
	nothing_is_left
}
