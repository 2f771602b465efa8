# lib/session: nexuses, their requests and recovery; discovery.
libdiscsi_internal_la_SOURCES += \
	lib/session/attempt.c \
	lib/session/barrier.c \
	lib/session/close.c \
	lib/session/connect-internal.h \
	lib/session/connect.c \
	lib/session/connect.h \
	lib/session/deadline.c \
	lib/session/debt.c \
	lib/session/discovery.c \
	lib/session/event.c \
	lib/session/keepalive.c \
	lib/session/nexus.c \
	lib/session/nexus.h \
	lib/session/recover.c \
	lib/session/refuse.c \
	lib/session/report-luns.c \
	lib/session/request.c \
	lib/session/resolver.c \
	lib/session/resolver.h \
	lib/session/route.c \
	lib/session/session.c \
	lib/session/session.h \
	lib/session/state.c \
	lib/session/state.h \
	lib/session/stats.c \
	lib/session/stats.h \
	lib/session/verify.c
