# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/vm: real /dev/nbdN devices, in a guest under qemu.
if NBD_BRIDGE
TESTS += \
	tests/vm/run-restarts \
	tests/vm/run-outages \
	tests/vm/run-devices \
	tests/vm/run-systemd
endif
EXTRA_DIST += \
	tests/vm/run \
	tests/vm/run-devices \
	tests/vm/run-outages \
	tests/vm/run-restarts \
	tests/vm/run-systemd \
	tests/vm/systemd/boot.sh \
	tests/vm/systemd/network.sh \
	tests/vm/systemd/shutdown.sh \
	tests/vm/systemd/start.sh \
	tests/vm/mkinitramfs \
	tests/vm/guest/init \
	tests/vm/guest/programs \
	tests/vm/guest/modules \
	tests/vm/guest/libraries \
	tests/vm/guest/file.sh \
	tests/vm/guest/lib.sh \
	tests/vm/guest/00-guest.sh \
	tests/vm/guest/10-no-module.sh \
	tests/vm/guest/20-device.sh \
	tests/vm/guest/25-disks.sh \
	tests/vm/guest/25-udev.sh \
	tests/vm/guest/30-detach.sh \
	tests/vm/guest/35-stolen.sh \
	tests/vm/guest/40-restart.sh \
	tests/vm/guest/45-connections.sh \
	tests/vm/guest/45-takeover.sh \
	tests/vm/guest/50-target.sh \
	tests/vm/guest/55-grow.sh \
	tests/vm/guest/60-storage.sh \
	tests/vm/guest/65-memory.sh
