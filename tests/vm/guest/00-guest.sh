# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 00-guest.sh: the guest itself. When these fail, the others say nothing.

test_loopback_answers()
{
	ping -c 1 -W 5 127.0.0.1
}

test_the_kernel_begins_without_nbd()
{
	[ ! -e /sys/module/nbd ]
	[ ! -e /dev/nbd0 ]
}

test_the_nbd_module_loads_and_unloads()
{
	modprobe nbd
	[ -b /dev/nbd0 ]
	[ "$(blockdev --getsize64 /dev/nbd0)" -eq 0 ]
	rmmod nbd
	[ ! -e /sys/module/nbd ]
}
