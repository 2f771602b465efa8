# lib/scsi: the pure SCSI parts
libdiscsi_internal_la_SOURCES += \
	lib/scsi/capacity.c \
	lib/scsi/cdb.c \
	lib/scsi/cdb.h \
	lib/scsi/identity.c \
	lib/scsi/inquiry.c \
	lib/scsi/inquiry.h \
	lib/scsi/luns.c \
	lib/scsi/mode.c \
	lib/scsi/opcodes.c \
	lib/scsi/sense-table.c \
	lib/scsi/sense-table.h \
	lib/scsi/sense.c \
	lib/scsi/sense.h \
	lib/scsi/split.c \
	lib/scsi/split.h \
	lib/scsi/text.c \
	lib/scsi/text.h \
	lib/scsi/vpd.c \
	lib/scsi/vpd.h
