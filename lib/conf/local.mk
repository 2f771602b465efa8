# lib/conf: configuration from URL, JSON and single members

libdiscsi_internal_la_SOURCES += \
	lib/conf/conf.c \
	lib/conf/conf.h \
	lib/conf/dump.c \
	lib/conf/file.c \
	lib/conf/file.h \
	lib/conf/initiator.c \
	lib/conf/initiator.h \
	lib/conf/json.c \
	lib/conf/json.h \
	lib/conf/members.c \
	lib/conf/members.h \
	lib/conf/portal.c \
	lib/conf/secrets.c \
	lib/conf/url.c \
	lib/conf/values.c
