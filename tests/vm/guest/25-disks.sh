# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 25-disks.sh: several devices at once, and a file system other than ext4.
# Every test begins and ends with nothing attached.
limit=120

setup()
{
	modprobe nbd
	target_start
	for lun in 2 3; do
		truncate -s 32M /tmp/lun$lun
		tgt --op new --mode logicalunit --tid 1 --lun $lun \
			-b /tmp/lun$lun
	done
	# The least that XFS takes; it is empty in memory, too.
	truncate -s 320M /tmp/lun4
	tgt --op new --mode logicalunit --tid 1 --lun 4 -b /tmp/lun4
	tgt --op update --mode logicalunit --tid 1 --lun 4 \
		--params thin_provisioning=1
}

teardown()
{
	target_stop
	rm -f /tmp/lun[234]
	rmmod nbd
}

# device_of LUN: where it is attached.
device_of()
{
	json_member device <"/run/attach.$1"
}

attach_all()
{
	pids=''
	for lun in 1 2 3; do
		attach_lun $lun --device auto >/run/attach.$lun &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid"
	done
}

verify_all()
{
	fio --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite --bs=16k \
		--size=6m --verify=crc32c --verify_fatal=1 \
		--name=a --filename="$(device_of 1)" \
		--name=b --filename="$(device_of 2)" \
		--name=c --filename="$(device_of 3)" >/run/fio.out 2>&1 ||
		fail "fio: $(cat /run/fio.out)"
	[ "$(grep -c 'err= 0' /run/fio.out)" -eq 3 ]
}

# What the device has is what the target's file has, and no other's.
same_as_file()
{
	dd if="$(device_of "$1")" bs=64k count=96 iflag=direct |
		cmp - /run/wanted.$1
}

test_three_devices_at_once_do_not_meet()
{
	attach_all
	[ "$(for lun in 1 2 3; do device_of $lun; done | sort -u | wc -l)" \
		-eq 3 ]
	[ "$(target_sessions | wc -l)" -eq 3 ]
	verify_all
	for lun in 1 2 3; do
		dd if=/tmp/lun$lun of=/run/wanted.$lun bs=64k count=96
		same_as_file $lun
	done
	discsi status | tee /run/status
	[ "$(grep -c ready /run/status)" -eq 3 ]
	discsi detach "$(device_of 2)"
	same_as_file 1
	same_as_file 3
	discsi detach "$(device_of 3)"
	same_as_file 1
	discsi detach "$(device_of 1)"
	rm -f /run/wanted.[123]
	nothing_is_left
}

test_xfs_survives_detach_and_attach()
{
	modprobe xfs
	device=$(attach_lun 4 | json_member device)
	mkfs.xfs -q "$device"
	mount -t xfs "$device" /mnt
	dd if=/dev/urandom of=/mnt/data bs=1M count=24
	mkdir /mnt/dir
	for i in $(seq 200); do
		echo "file $i" >"/mnt/dir/$i"
	done
	(cd /mnt && find . -type f -exec sha256sum {} +) >/run/sums
	umount /mnt
	discsi detach "$device"
	nothing_is_left

	device=$(attach_lun 4 | json_member device)
	mount -t xfs "$device" /mnt
	[ "$(wc -l </run/sums)" -eq 201 ]
	(cd /mnt && sha256sum -c -s /run/sums)
	umount /mnt
	discsi detach "$device"
	nothing_is_left
}
