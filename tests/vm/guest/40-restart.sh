# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 40-restart.sh: a device outlives the process that serves it. Every test begins
# and ends with nothing attached.
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

test_a_killed_worker_is_back_and_the_device_goes_on()
{
	device=$(attach | json_member device)
	dd if=/dev/urandom of=/run/pattern bs=64k count=16
	dd if=/run/pattern of="$device" bs=64k oflag=direct
	kill_worker
	dd if="$link" bs=64k count=16 iflag=direct | cmp - /run/pattern
	[ "$(target_sessions | wc -l)" -eq 1 ]
	discsi detach "$device"
	nothing_is_left
}

test_twenty_kills_are_no_error_for_fio()
{
	device=$(attach | json_member device)
	fio_start "$device"
	for i in $(seq 20); do
		kill_worker
		usleep 300000
	done
	fio_end
	discsi detach "$device"
	nothing_is_left
}

# The supervisor holds the lock meanwhile: nobody else attaches the LUN.
test_a_dead_supervisor_leaves_a_worker_that_goes_on()
{
	attach >/run/attach
	device=$(json_member device </run/attach)
	supervisor=$(cat /run/discsi/*.json | json_member pid)
	[ "$supervisor" != "$(worker)" ]
	refused EEXIST attach
	kill -9 "$supervisor"
	wait_for 10 is_its_own_master
	dd if="$device" of=/dev/null bs=64k count=16 iflag=direct
	discsi detach "$device"
	nothing_is_left
}

is_its_own_master()
{
	[ "$(cat /run/discsi/*.json | json_member pid)" = "$(worker)" ]
}

# What systemd does with Restart=: the same command line again.
test_the_same_command_again_goes_on_with_the_device()
{
	discsi-nbd --fork --password-file $secret_file --device auto $url
	[ -b /dev/nbd0 ]
	dd if=/dev/urandom of=/run/pattern bs=64k count=16
	dd if=/run/pattern of=/dev/nbd0 bs=64k oflag=direct
	kill -9 "$(worker)"
	dd if=/dev/nbd0 of=/run/back bs=64k count=16 iflag=direct &
	discsi-nbd --fork --password-file $secret_file --device auto $url
	wait
	cmp /run/back /run/pattern
	[ "$(cat /run/discsi/*.json | json_member device)" = /dev/nbd0 ]
	[ "$(cat /run/discsi/*.json | json_member link)" = "$link" ]
	[ "$(readlink -f "$link")" = /dev/nbd0 ]
	discsi detach /dev/nbd0
	nothing_is_left
}

test_another_disk_is_not_put_in_its_place()
{
	discsi-nbd --fork --password-file $secret_file --device auto $url
	kill -9 "$(worker)"
	tgt --op delete --mode logicalunit --tid 1 --lun 1
	tgt --op new --mode logicalunit --tid 1 --lun 1 -b $lun_file
	tgt --op update --mode logicalunit --tid 1 --lun 1 \
		--params scsi_id=other,scsi_sn=other
	refused ESTALE discsi-nbd --json --password-file $secret_file \
		--device auto $url
	timeout 20 discsi detach /dev/nbd0
	wait_for 10 no_session
	tgt --op delete --mode logicalunit --tid 1 --lun 1
	tgt --op new --mode logicalunit --tid 1 --lun 1 -b $lun_file
	forget_owed
	nothing_is_left
}
