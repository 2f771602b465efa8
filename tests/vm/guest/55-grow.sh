# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 55-grow.sh: a LUN that gets another size under an attached device. The target
# is one that says so (a unit attention), which tgtd does not.

sim_iqn=iqn.2026-11.io.discsi:sim
mib=1048576

setup()
{
	modprobe nbd
	rm -f /run/sim.in
	mkfifo /run/sim.in
	setsid simtarget --size 32 --no-journal </run/sim.in >/run/sim.out \
		2>/run/sim.err &
	# It runs as long as somebody can write to it.
	setsid sleep 1000 >/run/sim.in 2>/dev/null </dev/null &
	echo $! >/run/sim.holder
	wait_for 10 test -s /run/sim.out
}

teardown()
{
	kill "$(cat /run/sim.holder)"
	wait_for 10 no_target
	rmmod nbd
}

no_target()
{
	! pidof simtarget
}

has_size()
{
	[ "$(blockdev --getsize64 "$device")" -eq $(($1 * mib)) ]
}

test_a_device_grows_while_it_is_used()
{
	device=$(timeout 30 discsi attach --json \
		"iscsi://$(cat /run/sim.out)/$sim_iqn/0" | json_member device)
	has_size 32
	fio_start "$device"
	echo "resize 0 48" >/run/sim.in
	wait_for 20 has_size 48
	dd if=/dev/urandom of=/run/pattern bs=64k count=16
	dd if=/run/pattern of="$device" bs=64k seek=700 oflag=direct
	dd if="$device" bs=64k skip=700 count=16 iflag=direct |
		cmp - /run/pattern
	echo "resize 0 64" >/run/sim.in
	wait_for 20 has_size 64
	fio_end
	wait_for 10 state_has_size 64
	discsi detach "$device"
	no_bridge_runs
}

state_has_size()
{
	[ "$(cat /run/discsi/*.json | json_member bytes | head -n 1)" -eq \
		$(($1 * mib)) ]
}

# A file system would be destroyed: the device keeps its size.
test_a_device_does_not_shrink()
{
	device=$(timeout 30 discsi attach --json \
		"iscsi://$(cat /run/sim.out)/$sim_iqn/0" | json_member device)
	has_size 64
	echo "resize 0 40" >/run/sim.in
	dd if="$device" of=/dev/null bs=64k count=4 iflag=direct
	wait_for 10 state_has_size 40
	has_size 64
	dd if="$device" of=/dev/null bs=64k count=4 iflag=direct
	if dd if="$device" of=/dev/null bs=64k skip=800 count=1 iflag=direct
	then
		fail "what is not there any more can be read"
	fi
	discsi detach "$device"
	no_bridge_runs
}
