# lib/iscsi: one connection: PDUs, digests, login, full feature phase

libdiscsi_internal_la_SOURCES += \
	lib/iscsi/conn-answer.c \
	lib/iscsi/conn-build.c \
	lib/iscsi/conn-control.c \
	lib/iscsi/conn-data.c \
	lib/iscsi/conn-internal.h \
	lib/iscsi/conn-receive.c \
	lib/iscsi/conn-send.c \
	lib/iscsi/conn-slots.c \
	lib/iscsi/conn.c \
	lib/iscsi/conn.h \
	lib/iscsi/crc32c.c \
	lib/iscsi/crc32c.h \
	lib/iscsi/params.h \
	lib/iscsi/pdu.c \
	lib/iscsi/pdu.h \
	lib/iscsi/sendtargets.c \
	lib/iscsi/sendtargets.h
