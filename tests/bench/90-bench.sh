# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 90-bench.sh: what bench-vm runs in the guest. Each row is a test, so that it
# has a deadline of its own.

rounds=5
seconds=3
poll_us=0
plain_url=iscsi://$portal/$target/1

setup()
{
	bench_setup
	say "workload: discsi, open-iscsi, qemu-nbd (I/O per s);" \
		"discsi / open-iscsi, discsi / qemu-nbd"
}

# ------------------------------------------------------ the three devices

discsi_attach()
{
	timeout 60 discsi attach --json --device nbd -o poll_us=$poll_us \
		$plain_url |
		json_member device >/run/device.discsi
}

discsi_detach()
{
	discsi detach "$(cat /run/device.discsi)"
}

find_sd()
{
	for disk in /sys/block/sd*; do
		[ ! -e "$disk/device" ] || echo "/dev/${disk##*/}"
	done | tail -n 1 >/run/device.open_iscsi
	[ -b "$(cat /run/device.open_iscsi)" ]
}

open_iscsi_attach()
{
	iscsiadm -m discovery -t sendtargets -p $portal
	iscsiadm -m node -T $target -p $portal --login
	until find_sd; do usleep 1000; done
}

open_iscsi_detach()
{
	iscsiadm -m node -T $target -p $portal --logout
	iscsiadm -m node -T $target -p $portal -o delete
}

qemu_is_there()
{
	[ "$(cat /sys/block/nbd7/size)" -gt 0 ]
}

qemu_attach()
{
	setsid env MALLOC_MMAP_THRESHOLD_=33554432 \
		MALLOC_TRIM_THRESHOLD_=536870912 \
		qemu-nbd -c /dev/nbd7 -f raw --cache=none -e 16 $plain_url \
		</dev/null >/run/qemu.log 2>&1 &
	until qemu_is_there; do
		pidof qemu-nbd >/dev/null || fail "$(cat /run/qemu.log)"
		usleep 1000
	done
	echo /dev/nbd7 >/run/device.qemu
}

qemu_detach()
{
	qemu-nbd -d /dev/nbd7
	wait_for 10 sh -c '! pidof qemu-nbd'
}

# ------------------------------------------------------------ measuring

median()
{
	sort -n | sed -n -e "$(((rounds + 1) / 2))p"
}

ratio()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

# fio's terse line: I/O per second is field 8 of reads, 49 of writes.
one_run()
{
	fio --name=row --filename="$1" --rw="$2" --bs="$3" --iodepth="$4" \
		--ioengine=libaio --direct=1 --time_based \
		--runtime=$seconds --minimal |
		awk -F ';' '{ print int($8 + $49) }'
}

# row NAME RW BLOCK-SIZE DEPTH
row()
{
	rm -f /run/row.*
	for round in $(seq $rounds); do
		for who in discsi open_iscsi qemu; do
			one_run "$(cat /run/device.$who)" "$2" "$3" "$4" \
				>>/run/row.$who
		done
	done
	d=$(median </run/row.discsi)
	o=$(median </run/row.open_iscsi)
	q=$(median </run/row.qemu)
	say "$1: $d $o $q; $(ratio "$d" "$o") $(ratio "$d" "$q")"
}

test_attach_all()
{
	discsi_attach
	open_iscsi_attach
	qemu_attach
	for who in discsi open_iscsi qemu; do
		device=$(cat /run/device.$who)
		[ "$(blockdev --getsize64 "$device")" -eq $lun_bytes ]
		cmp -n 4194304 "$device" $lun_file
	done
}

test_4k_read_1()
{
	row "4 KiB random read, depth 1" randread 4k 1
}

# The same with a bridge that waits awake.
test_4k_read_1_polling()
{
	poll_us=5000
	discsi_detach
	discsi_attach
	row "4 KiB random read, depth 1, poll_us 5000" randread 4k 1
	poll_us=0
	discsi_detach
	discsi_attach
}

test_4k_read_32()
{
	row "4 KiB random read, depth 32" randread 4k 32
}

test_4k_write_32()
{
	row "4 KiB random write, depth 32" randwrite 4k 32
}

test_256k_read_16()
{
	row "256 KiB sequential read, depth 16" read 256k 16
}

test_256k_write_16()
{
	row "256 KiB sequential write, depth 16" write 256k 16
}

test_1m_read_8()
{
	row "1 MiB sequential read, depth 8" read 1m 8
}
