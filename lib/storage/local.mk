# SPDX-License-Identifier: LGPL-2.1-or-later
# lib/storage: what a host agent embeds: managers, storages, disks.

libdiscsi_internal_la_SOURCES += \
	lib/storage/beyond.c \
	lib/storage/claim.c \
	lib/storage/claim.h \
	lib/storage/content.c \
	lib/storage/content.h \
	lib/storage/device.c \
	lib/storage/device.h \
	lib/storage/disk.c \
	lib/storage/info.c \
	lib/storage/io.c \
	lib/storage/iscsi-bridge.c \
	lib/storage/iscsi-call.c \
	lib/storage/iscsi-mount.c \
	lib/storage/iscsi-use.c \
	lib/storage/iscsi.c \
	lib/storage/iscsi.h \
	lib/storage/json.c \
	lib/storage/json.h \
	lib/storage/manager.c \
	lib/storage/mount.c \
	lib/storage/nbd-read.c \
	lib/storage/object.c \
	lib/storage/settings.c \
	lib/storage/settings.h \
	lib/storage/size.c \
	lib/storage/storage.h \
	lib/storage/turn.c \
	lib/storage/type.c \
	lib/storage/who.c \
	lib/storage/who.h
