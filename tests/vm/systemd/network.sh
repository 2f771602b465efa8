# SPDX-License-Identifier: LGPL-2.1-or-later
#
# network.sh up|down|test: what the units of the guest do. With the network the
# target goes; by then, what is on it must have gone.
. /vm/lib.sh

case $1 in
up)
	target_start
	mkfs.ext4 -q -F $lun_file
	;;
test)
	/bin/sh /vm/file.sh /vm/boot.sh >/dev/ttyS1
	systemctl --no-block poweroff
	;;
down)
	/bin/sh /vm/file.sh /vm/shutdown.sh >/dev/ttyS1
	echo "1..$(cat /run/count)" >/dev/ttyS1
	target_stop
	;;
esac
