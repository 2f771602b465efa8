# SPDX-License-Identifier: LGPL-2.1-or-later
# nbd-bridge: discsi-nbd, which serves a LUN as an NBD export and as /dev/nbdN.

# All of it but main(), for the program and its tests.
noinst_LTLIBRARIES += nbd-bridge/libnbd-bridge.la
nbd_bridge_libnbd_bridge_la_CFLAGS = \
	$(AM_CFLAGS) $(LIBNL_CFLAGS) $(GNUTLS_CFLAGS)
nbd_bridge_libnbd_bridge_la_LIBADD = $(LIBNL_LIBS)
nbd_bridge_libnbd_bridge_la_SOURCES = \
	nbd-bridge/app.c \
	nbd-bridge/app.h \
	nbd-bridge/buffers.c \
	nbd-bridge/buffers.h \
	nbd-bridge/cli.c \
	nbd-bridge/cli.h \
	nbd-bridge/client.c \
	nbd-bridge/client.h \
	nbd-bridge/daemon.c \
	nbd-bridge/daemon.h \
	nbd-bridge/device.c \
	nbd-bridge/disk.c \
	nbd-bridge/disk.h \
	nbd-bridge/frontend.c \
	nbd-bridge/frontend.h \
	nbd-bridge/gate.c \
	nbd-bridge/handover.c \
	nbd-bridge/handover.h \
	nbd-bridge/handshake.c \
	nbd-bridge/handshake.h \
	nbd-bridge/harden.c \
	nbd-bridge/harden.h \
	nbd-bridge/health.c \
	nbd-bridge/health.h \
	nbd-bridge/kernel.c \
	nbd-bridge/kernel.h \
	nbd-bridge/listener.c \
	nbd-bridge/listener.h \
	nbd-bridge/log.c \
	nbd-bridge/log.h \
	nbd-bridge/naming.c \
	nbd-bridge/naming.h \
	nbd-bridge/nbdlink.c \
	nbd-bridge/nbdlink.h \
	nbd-bridge/netlink.c \
	nbd-bridge/netlink.h \
	nbd-bridge/notify.c \
	nbd-bridge/notify.h \
	nbd-bridge/options.c \
	nbd-bridge/parcel.c \
	nbd-bridge/parcel.h \
	nbd-bridge/pass.c \
	nbd-bridge/pipes.c \
	nbd-bridge/pipes.h \
	nbd-bridge/recall.c \
	nbd-bridge/receive.c \
	nbd-bridge/registry.c \
	nbd-bridge/registry.h \
	nbd-bridge/relay.c \
	nbd-bridge/relay.h \
	nbd-bridge/reply.c \
	nbd-bridge/report.c \
	nbd-bridge/report.h \
	nbd-bridge/request.c \
	nbd-bridge/reserve.c \
	nbd-bridge/serve.c \
	nbd-bridge/server.c \
	nbd-bridge/server.h \
	nbd-bridge/sockets.h \
	nbd-bridge/state.c \
	nbd-bridge/state.h \
	nbd-bridge/takeover.c \
	nbd-bridge/takeover.h \
	nbd-bridge/tcp.c \
	nbd-bridge/tcp.h \
	nbd-bridge/tell.c \
	nbd-bridge/tls.h \
	nbd-bridge/supervise.c \
	nbd-bridge/supervise.h \
	nbd-bridge/wire.c \
	nbd-bridge/wire.h \
	nbd-bridge/worker.c \
	nbd-bridge/worker.h
if GNUTLS
nbd_bridge_libnbd_bridge_la_SOURCES += \
	nbd-bridge/tls-internal.h \
	nbd-bridge/tls.c \
	nbd-bridge/tlscreds.c \
	nbd-bridge/tlslib.c \
	nbd-bridge/tlslib.h
else
nbd_bridge_libnbd_bridge_la_SOURCES += nbd-bridge/tlsnone.c
endif

# Where udev looks for rules, below the prefix like everything else.
if UDEV_RULE
udevrules_DATA = nbd-bridge/60-discsi.rules
endif
EXTRA_DIST += nbd-bridge/60-discsi.rules

# The same for systemd. The name of the program's directory is known to make.
UNIT = nbd-bridge/discsi-nbd@.service
if SYSTEMD_UNIT
nodist_systemdsystemunit_DATA = $(UNIT)
endif
EXTRA_DIST += $(UNIT).in
CLEANFILES += $(UNIT)
$(UNIT): $(srcdir)/$(UNIT).in Makefile
	$(AM_V_GEN)$(MKDIR_P) nbd-bridge && \
	sed -e 's|[@]bindir[@]|$(bindir)|' $(srcdir)/$(UNIT).in >$@

# Linked to the library's code itself: what the process needs must not go away
# under it when libdiscsi is upgraded.
bin_PROGRAMS += discsi-nbd
discsi_nbd_SOURCES = nbd-bridge/main.c
discsi_nbd_CFLAGS = $(AM_CFLAGS) $(LIBNL_CFLAGS)
discsi_nbd_LDADD = nbd-bridge/libnbd-bridge.la libdiscsi-internal.la

NBD_UNIT_LIBS = nbd-bridge/libnbd-bridge.la $(UNIT_LIBS)

check_PROGRAMS += \
	tests/unit/test-bypath \
	tests/unit/test-nbd-buffers \
	tests/unit/test-nbd-extended \
	tests/unit/test-nbd-gate \
	tests/unit/test-nbd-handover-nomem \
	tests/unit/test-nbd-handshake \
	tests/unit/test-nbd-kernel \
	tests/unit/test-nbd-listener \
	tests/unit/test-nbd-netlink \
	tests/unit/test-nbd-pass \
	tests/unit/test-nbd-pipes \
	tests/unit/test-nbd-registry \
	tests/unit/test-nbd-relay \
	tests/unit/test-nbd-server \
	tests/unit/test-nbd-server-faults \
	tests/unit/test-nbd-tls \
	tests/unit/test-nbd-wire

TESTS += \
	tests/unit/test-bypath \
	tests/unit/test-nbd-buffers \
	tests/unit/test-nbd-extended \
	tests/unit/test-nbd-gate \
	tests/unit/test-nbd-handover-nomem \
	tests/unit/test-nbd-handshake \
	tests/unit/test-nbd-kernel \
	tests/unit/test-nbd-listener \
	tests/unit/test-nbd-netlink \
	tests/unit/test-nbd-pass \
	tests/unit/test-nbd-registry \
	tests/unit/test-nbd-relay \
	tests/unit/test-nbd-server \
	tests/unit/test-nbd-server-faults \
	tests/unit/test-nbd-tls \
	tests/unit/test-nbd-wire

tests_unit_test_bypath_SOURCES = \
	tests/unit/bridge-scratch.c \
	tests/unit/bridge-scratch.h \
	tests/unit/test-bypath.c
tests_unit_test_bypath_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_buffers_SOURCES = tests/unit/test-nbd-buffers.c
tests_unit_test_nbd_buffers_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_extended_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-extended.c
tests_unit_test_nbd_extended_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_gate_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-gate.c
tests_unit_test_nbd_gate_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_handover_nomem_CFLAGS = $(AM_CFLAGS) $(LIBNL_CFLAGS)
tests_unit_test_nbd_handover_nomem_SOURCES = \
	tests/unit/bridge-scratch.c \
	tests/unit/bridge-scratch.h \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-handover-nomem.c
tests_unit_test_nbd_handover_nomem_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_handover_nomem_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=strdup \
	-Wl,--wrap=json_object_new_object,--wrap=json_object_new_string \
	-Wl,--wrap=json_object_new_int,--wrap=json_object_new_int64 \
	-Wl,--wrap=json_object_new_boolean,--wrap=json_tokener_parse \
	-Wl,--wrap=json_object_to_json_string_ext
tests_unit_test_nbd_handshake_SOURCES = tests/unit/test-nbd-handshake.c
tests_unit_test_nbd_handshake_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_kernel_CFLAGS = $(AM_CFLAGS) $(LIBNL_CFLAGS)
tests_unit_test_nbd_kernel_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-kernel.c
tests_unit_test_nbd_kernel_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_listener_SOURCES = \
	tests/unit/bridge-scratch.c \
	tests/unit/bridge-scratch.h \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-listener.c
tests_unit_test_nbd_listener_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_netlink_CFLAGS = $(AM_CFLAGS) $(LIBNL_CFLAGS)
tests_unit_test_nbd_netlink_SOURCES = tests/unit/test-nbd-netlink.c
tests_unit_test_nbd_netlink_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_registry_SOURCES = \
	tests/unit/bridge-scratch.c \
	tests/unit/bridge-scratch.h \
	tests/unit/test-nbd-registry.c
tests_unit_test_nbd_registry_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_relay_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-relay.c
tests_unit_test_nbd_relay_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_server_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-server.c
tests_unit_test_nbd_server_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_pass_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-pass.c
tests_unit_test_nbd_pass_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_pipes_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-pipes.c
tests_unit_test_nbd_pipes_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_server_faults_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-server-faults.c
tests_unit_test_nbd_server_faults_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_tls_SOURCES = \
	tests/unit/nbd-rig.c \
	tests/unit/nbd-rig.h \
	tests/unit/test-nbd-tls.c
tests_unit_test_nbd_tls_LDADD = $(NBD_UNIT_LIBS)
tests_unit_test_nbd_wire_SOURCES = tests/unit/test-nbd-wire.c
tests_unit_test_nbd_wire_LDADD = $(NBD_UNIT_LIBS)

check_PROGRAMS += tests/fuzz/fuzz-nbd
TESTS += tests/fuzz/fuzz-nbd
tests_fuzz_fuzz_nbd_SOURCES = \
	tests/fuzz/fuzz-nbd.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_nbd_LDADD = $(NBD_UNIT_LIBS)
