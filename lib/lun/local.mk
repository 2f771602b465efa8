# lib/lun: a logical unit and block I/O to it.
libdiscsi_internal_la_SOURCES += \
	lib/lun/api.c \
	lib/lun/command.c \
	lib/lun/identify.c \
	lib/lun/io.c \
	lib/lun/lun.h \
	lib/lun/open.c \
	lib/lun/ops.c \
	lib/lun/probe.c \
	lib/lun/probe.h \
	lib/lun/probe-steps.c \
	lib/lun/refresh.c \
	lib/lun/reserve.c \
	lib/lun/status.c \
	lib/lun/verify.c
