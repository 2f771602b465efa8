# lib/iscsi: one connection: PDUs, digests, login, full feature phase

libdiscsi_internal_la_SOURCES += \
	lib/iscsi/conn-answer.c \
	lib/iscsi/conn-build.c \
	lib/iscsi/conn-control.c \
	lib/iscsi/conn-data.c \
	lib/iscsi/conn-internal.h \
	lib/iscsi/conn-manage.c \
	lib/iscsi/conn-pipe.c \
	lib/iscsi/conn-receive.c \
	lib/iscsi/conn-send.c \
	lib/iscsi/conn-shared.c \
	lib/iscsi/conn-slots.c \
	lib/iscsi/conn.c \
	lib/iscsi/conn.h \
	lib/iscsi/crc32c.c \
	lib/iscsi/crc32c.h \
	lib/iscsi/login-chap.c \
	lib/iscsi/login-check.c \
	lib/iscsi/login-check.h \
	lib/iscsi/login-client.c \
	lib/iscsi/login-client.h \
	lib/iscsi/login-keys.c \
	lib/iscsi/login-keys.h \
	lib/iscsi/login-status.c \
	lib/iscsi/login.c \
	lib/iscsi/login.h \
	lib/iscsi/md5.c \
	lib/iscsi/md5.h \
	lib/iscsi/params.h \
	lib/iscsi/pdu.c \
	lib/iscsi/pdu.h \
	lib/iscsi/sendtargets.c \
	lib/iscsi/sendtargets.h
