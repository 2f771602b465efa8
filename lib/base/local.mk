# lib/base: error, log, event loop, secrets, contexts

libdiscsi_internal_la_SOURCES += \
	lib/base/aside.c \
	lib/base/aside.h \
	lib/base/bypath.c \
	lib/base/bypath.h \
	lib/base/bytes.h \
	lib/base/checked.h \
	lib/base/clock.h \
	lib/base/context.c \
	lib/base/context.h \
	lib/base/dynlib.c \
	lib/base/dynlib.h \
	lib/base/error.c \
	lib/base/error.h \
	lib/base/handles.c \
	lib/base/list.h \
	lib/base/log.c \
	lib/base/log.h \
	lib/base/loop.c \
	lib/base/loop.h \
	lib/base/loop-internal.h \
	lib/base/registry.c \
	lib/base/registry.h \
	lib/base/secret.c \
	lib/base/secret.h \
	lib/base/text.c \
	lib/base/text.h \
	lib/base/timer.c \
	lib/base/version.c \
	lib/base/wait.c \
	lib/base/watch.c \
	lib/base/which.c \
	lib/base/which.h
