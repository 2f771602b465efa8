# SPDX-License-Identifier: LGPL-2.1-or-later
#
# start.sh: the guest becomes a host that systemd runs: a unit is its network,
# with the target behind it, and a file system of the target's LUN stands in
# /etc/fstab. Run by init, as whose process systemd goes on.
. /vm/lib.sh

units=/etc/systemd/system
at=/mnt/store

# wanted TARGET UNIT...: what "systemctl enable" does.
wanted()
{
	mkdir -p "$units/$1.wants"
	by=$1
	shift
	for unit; do
		ln -sf "/lib/systemd/system/$unit" "$units/$by.wants/$unit"
	done
}

# own UNIT: a unit of ours, from stdin.
own()
{
	cat >"/lib/systemd/system/$1"
}

mkdir -p $units /etc/udev/rules.d /etc/discsi $at /mnt/hand
cp /vm/60-discsi.rules /etc/udev/rules.d
ln -sf /usr/bin/udevadm /lib/systemd/systemd-udevd
ln -sf /lib/systemd/system/multi-user.target $units/default.target

# The unit as it is installed, but for where this guest has the programs.
sed -e 's|=\(@\{0,1\}\)/[^ ]*/bin/discsi|=\1/usr/bin/discsi|' \
	/vm/discsi-nbd@.service | own discsi-nbd@.service
mkdir -p $units/discsi-nbd@.service.d
cat >$units/discsi-nbd@.service.d/soon.conf <<'EOF'
[Service]
WatchdogSec=4s
EOF
cat >/etc/discsi/store.json <<EOF
{ "portal": "$portal", "iqn": "$target", "lun_id": 1,
  "username": "vmuser", "password_file": "$secret_file" }
EOF
echo "$link $at ext4 _netdev,nofail 0 0" >/etc/fstab

own guest-network.service <<'EOF'
[Unit]
Before=network.target network-online.target
Wants=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=none
ExecStart=/bin/sh /vm/network.sh up
ExecStop=/bin/sh /vm/network.sh down
EOF
own guest-tests.service <<'EOF'
[Unit]
After=remote-fs.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh /vm/network.sh test
EOF

wanted sysinit.target systemd-udevd.service systemd-udev-trigger.service
wanted sockets.target systemd-udevd-control.socket systemd-udevd-kernel.socket
wanted network-online.target guest-network.service
wanted remote-fs.target discsi-nbd@.service
mv $units/remote-fs.target.wants/discsi-nbd@.service \
	$units/remote-fs.target.wants/discsi-nbd@store.service
wanted multi-user.target remote-fs.target guest-tests.service

exec /lib/systemd/systemd
