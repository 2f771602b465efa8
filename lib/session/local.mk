# lib/session: one nexus, its requests, and discovery.
libdiscsi_internal_la_SOURCES += \
	lib/session/close.c \
	lib/session/connect.c \
	lib/session/connect.h \
	lib/session/discovery.c \
	lib/session/report-luns.c \
	lib/session/request.c \
	lib/session/resolver.c \
	lib/session/resolver.h \
	lib/session/session-internal.h \
	lib/session/session.c \
	lib/session/session.h \
	lib/session/state.c \
	lib/session/state.h
