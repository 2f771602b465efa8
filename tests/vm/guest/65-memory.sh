# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 65-memory.sh: dirty pages that have to be written out through the bridge to
# get memory, in a memory cgroup at its limit: with the writer alone in it, and
# with the bridge, too.
limit=120
group=/sys/fs/cgroup/small

setup()
{
	modprobe nbd
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	target_start
}

teardown()
{
	target_stop
	umount /sys/fs/cgroup
	rmmod nbd
}

# in_group COMMAND...
in_group()
{
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' $group "$@"
}

event()
{
	sed -n -e "s/^$1 //p" $group/memory.events
}

# fill DEVICE: 64 MiB onto a file system, by a process in the group.
fill()
{
	mkfs.ext4 -q -b 4096 "$1"
	mount -t ext4 "$1" /mnt
	for part in 1 2; do
		in_group timeout 60 sh -c 'yes "part $1" | head -c 33554432 \
			>/mnt/data$1' sh $part
	done
	timeout 60 sync
	[ "$(event max)" -gt 0 ] || fail "the group was never at its limit"
	[ "$(event oom_kill)" -eq 0 ] || fail "somebody was killed"
	echo 3 >/proc/sys/vm/drop_caches
	for part in 1 2; do
		yes "part $part" | head -c 33554432 | cmp - /mnt/data$part
	done
	umount /mnt
}

test_a_writer_at_its_limit_gets_done()
{
	mkdir $group
	echo 12M >$group/memory.max
	device=$(attach | json_member device)
	fill "$device"
	discsi detach "$device"
	nothing_is_left
	rmdir $group
}

test_a_bridge_at_the_limit_gets_done()
{
	mkdir $group
	device=$(in_group timeout 30 discsi attach --json --password-file \
		$secret_file $url | json_member device)
	grep -q "^$(worker)$" $group/cgroup.procs
	used=$(cat $group/memory.current)
	echo $((used + 6 * 1048576)) >$group/memory.max
	fill "$device"
	cat $group/memory.events $group/memory.current $group/memory.max
	discsi detach "$device"
	nothing_is_left
	rmdir $group
}
