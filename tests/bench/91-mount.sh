# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 91-mount.sh: what "bench-vm BUILD mount" runs in the guest: the time from mount
# to a block that has been read, by every device, beside iscsiadm's.

setup()
{
	bench_setup
}

test_the_time_from_mount_to_a_read()
{
	bench-mount table $portal $target 1 "${rounds:-11}" >/run/table
	while read -r line; do
		say "$line"
	done </run/table
}
