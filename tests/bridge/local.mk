# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/bridge: discsi-nbd with NBD clients of other projects.

EXTRA_DIST += \
	tests/bridge/corners.py \
	tests/bridge/extended.py \
	tests/bridge/handed.py \
	tests/bridge/make-certs \
	tests/bridge/takeover.py \
	tests/bridge/tls-handed.py \
	tests/bridge/tls.py

if NBD_BRIDGE
BRIDGE_TESTS = \
	tests/bridge/test-bridge-clients \
	tests/bridge/test-bridge-left \
	tests/bridge/test-bridge-life \
	tests/bridge/test-bridge-notify \
	tests/bridge/test-bridge-orphan \
	tests/bridge/test-bridge-recovery \
	tests/bridge/test-bridge-takeover \
	tests/bridge/test-bridge-tls \
	tests/bridge/test-bridge-ways
check_PROGRAMS += $(BRIDGE_TESTS)
TESTS += $(BRIDGE_TESTS)

BRIDGE_RIG = \
	tests/bridge/bridge-rig.c \
	tests/bridge/bridge-rig.h \
	$(TOOL_RIG)
tests_bridge_test_bridge_clients_SOURCES = \
	tests/bridge/test-bridge-clients.c $(BRIDGE_RIG)
tests_bridge_test_bridge_clients_LDADD = $(UNIT_LIBS)
tests_bridge_test_bridge_left_SOURCES = \
	tests/bridge/test-bridge-left.c $(BRIDGE_RIG)
tests_bridge_test_bridge_left_LDADD = $(SIM_LIBS) $(UNIT_LIBS)
tests_bridge_test_bridge_life_SOURCES = \
	tests/bridge/test-bridge-life.c $(BRIDGE_RIG)
tests_bridge_test_bridge_life_LDADD = $(UNIT_LIBS)
tests_bridge_test_bridge_notify_SOURCES = \
	tests/bridge/test-bridge-notify.c $(BRIDGE_RIG)
tests_bridge_test_bridge_notify_LDADD = $(UNIT_LIBS)
tests_bridge_test_bridge_orphan_SOURCES = \
	tests/bridge/test-bridge-orphan.c $(BRIDGE_RIG)
tests_bridge_test_bridge_orphan_LDADD = $(UNIT_LIBS)
tests_bridge_test_bridge_recovery_SOURCES = \
	tests/bridge/test-bridge-recovery.c $(BRIDGE_RIG)
tests_bridge_test_bridge_recovery_LDADD = $(SIM_LIBS) $(UNIT_LIBS)
tests_bridge_test_bridge_takeover_SOURCES = \
	tests/bridge/test-bridge-takeover.c $(BRIDGE_RIG)
tests_bridge_test_bridge_takeover_LDADD = $(UNIT_LIBS)
tests_bridge_test_bridge_tls_SOURCES = \
	tests/bridge/test-bridge-tls.c $(BRIDGE_RIG)
tests_bridge_test_bridge_tls_LDADD = $(UNIT_LIBS)
tests_bridge_test_bridge_ways_SOURCES = \
	tests/bridge/test-bridge-ways.c $(BRIDGE_RIG)
tests_bridge_test_bridge_ways_LDADD = $(UNIT_LIBS)
endif
