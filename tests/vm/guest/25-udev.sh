# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 25-udev.sh: the name of a device where udev runs, with our rule and the usual
# one for disks. Every test begins and ends with nothing attached.

setup()
{
	modprobe nbd
	target_start
	mkdir -p /etc/udev/rules.d
	cp /vm/60-discsi.rules /etc/udev/rules.d
	ln -sf udevadm /usr/bin/systemd-udevd
}

teardown()
{
	target_stop
	rmmod nbd
	rm -rf /etc/udev
}

udev_start()
{
	[ -x /usr/bin/udevadm ] || skip "udev is not installed"
	setsid systemd-udevd </dev/null >/run/udevd.log 2>&1 &
	wait_for 20 udevadm control --ping
	udevadm settle
}

udev_stop()
{
	udevadm control --exit
	wait_for 20 sh -c '! pidof systemd-udevd'
	rm -rf /run/udev
}

test_udev_knows_the_name_when_the_device_is_ready()
{
	udev_start
	[ "$(attach | json_member link)" = "$link" ]
	udevadm info --query=symlink /dev/nbd0 >/run/links
	grep -q "disk/by-path/ip-$portal-iscsi-$target-lun-1" /run/links
	[ "$(readlink -f "$link")" = /dev/nbd0 ]
	discsi detach "$link"
	udevadm settle
	[ ! -L "$link" ]
	if udevadm info --query=symlink /dev/nbd0 | grep -q by-path; then
		fail "udev goes on knowing the name"
	fi
	rm -rf /dev/disk/by-diskseq
	udev_stop
	nothing_is_left
}

test_partitions_have_names()
{
	udev_start
	device=$(attach | json_member device)
	printf 'o\nn\np\n1\n\n\nw\n' | fdisk "$device"
	wait_for 20 test -L "$link-part1"
	[ "$(readlink -f "$link-part1")" = "${device}p1" ]
	udevadm settle
	discsi detach "$device"
	udevadm settle
	rm -rf /dev/disk/by-diskseq
	udev_stop
	nothing_is_left
}
