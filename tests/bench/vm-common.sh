# SPDX-License-Identifier: LGPL-2.1-or-later
#
# vm-common.sh: what bench-vm puts before its tests of the guest: tgtd with a LUN
# on tmpfs, and iscsid. Numbers go out as comments.

lun_bytes=$((256 * 1024 * 1024))

say()
{
	echo "# $*" >/dev/ttyS1
}

bench_setup()
{
	ldconfig
	modprobe nbd
	modprobe iscsi_tcp
	modprobe sd_mod
	dd if=/dev/urandom of=$lun_file bs=1M count=256
	setsid tgtd -f --iscsi portal=$portal </dev/null >/run/tgtd.log 2>&1 &
	wait_for 10 target_answers
	tgt --op new --mode target --tid 1 -T $target
	tgt --op new --mode logicalunit --tid 1 --lun 1 -b $lun_file
	tgt --op bind --mode target --tid 1 -I ALL
	mkdir -p /etc/iscsi /var/lib/iscsi /var/lock /run/lock/iscsi
	echo "InitiatorName=iqn.2026-11.io.discsi:bench" \
		>/etc/iscsi/initiatorname.iscsi
	cat >/etc/iscsi/iscsid.conf <<-END
		iscsid.startup = /bin/true
		node.startup = manual
		node.session.timeo.replacement_timeout = 120
		node.session.cmds_max = 128
		node.session.queue_depth = 32
	END
	setsid iscsid -f </dev/null >/run/iscsid.log 2>&1 &
}
