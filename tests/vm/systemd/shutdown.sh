# SPDX-License-Identifier: LGPL-2.1-or-later
#
# shutdown.sh: the same host on its way down, when systemd would stop the
# network.

test_the_file_systems_are_unmounted_before_the_network_goes()
{
	! grep '^/dev/nbd' /proc/mounts
	e2fsck -f -n $lun_file
}

test_the_disk_is_detached_before_the_network_goes()
{
	! pidof discsi-nbd
	[ -z "$(target_sessions)" ]
	rm -rf /dev/disk/by-diskseq  # udev's, of a device that is detached, too
	nothing_is_left
}
