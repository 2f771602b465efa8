# SPDX-License-Identifier: LGPL-2.1-or-later
# lib/bridge: starting, finding and ending discsi-nbd processes.

libdiscsi_internal_la_SOURCES += \
	lib/bridge/attach.c \
	lib/bridge/attach.h \
	lib/bridge/await.c \
	lib/bridge/detach.c \
	lib/bridge/inuse.c \
	lib/bridge/inuse.h \
	lib/bridge/look.c \
	lib/bridge/mountlib.c \
	lib/bridge/mountlib.h \
	lib/bridge/pid.c \
	lib/bridge/pid.h \
	lib/bridge/registry.c \
	lib/bridge/registry.h \
	lib/bridge/spawn.c \
	lib/bridge/spawn.h \
	lib/bridge/state.c \
	lib/bridge/users.c \
	lib/bridge/users.h

check_PROGRAMS += \
	tests/unit/test-bridge-attach \
	tests/unit/test-bridge-inuse \
	tests/unit/test-bridge-which \
	tests/unit/test-bridge-registry

TESTS += \
	tests/unit/test-bridge-attach \
	tests/unit/test-bridge-inuse \
	tests/unit/test-bridge-which \
	tests/unit/test-bridge-registry

tests_unit_test_bridge_attach_SOURCES = \
	tests/unit/bridge-scratch.c \
	tests/unit/bridge-scratch.h \
	tests/unit/test-bridge-attach.c
tests_unit_test_bridge_attach_LDADD = $(UNIT_LIBS)
tests_unit_test_bridge_inuse_SOURCES = \
	tests/unit/bridge-scratch.c \
	tests/unit/bridge-scratch.h \
	tests/unit/test-bridge-inuse.c
tests_unit_test_bridge_inuse_LDADD = $(UNIT_LIBS)
tests_unit_test_bridge_which_SOURCES = \
	tests/unit/bridge-scratch.c \
	tests/unit/bridge-scratch.h \
	tests/unit/test-bridge-which.c
tests_unit_test_bridge_which_LDADD = $(UNIT_LIBS)
tests_unit_test_bridge_registry_SOURCES = \
	tests/unit/bridge-scratch.c \
	tests/unit/bridge-scratch.h \
	tests/unit/test-bridge-registry.c
tests_unit_test_bridge_registry_LDADD = $(UNIT_LIBS)
tests_unit_test_bridge_registry_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=flock,--wrap=unlinkat
