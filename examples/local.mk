# examples: short programs that teach one thing each. They see what an agent
# sees: the public headers and the shared library.
EXTRA_DIST += \
	examples/go/go.mod \
	examples/go/discsi/discsi_test.go \
	examples/go/discsi/disk.go \
	examples/go/discsi/error.go \
	examples/go/discsi/manager.go \
	examples/go/discsi/storage.go \
	examples/go/discsi/unsupported.go \
	examples/go/storage-status/main.go \
	examples/python/discsi.py \
	examples/python/scan.py

EXAMPLE_FLAGS = -I$(top_srcdir)/include

noinst_PROGRAMS += \
	examples/agent \
	examples/async-scan \
	examples/capacity \
	examples/own-factory \
	examples/own-loop \
	examples/snapshot-free-copy \
	examples/watch-session

examples_agent_SOURCES = examples/agent.c
examples_agent_CPPFLAGS = $(EXAMPLE_FLAGS)
examples_agent_LDADD = libdiscsi.la

examples_async_scan_SOURCES = examples/async-scan.c
examples_async_scan_CPPFLAGS = $(EXAMPLE_FLAGS)
examples_async_scan_LDADD = libdiscsi.la

examples_capacity_SOURCES = examples/capacity.c
examples_capacity_CPPFLAGS = $(EXAMPLE_FLAGS)
examples_capacity_LDADD = libdiscsi.la

examples_own_factory_SOURCES = examples/own-factory.c
examples_own_factory_CPPFLAGS = $(EXAMPLE_FLAGS)
examples_own_factory_LDADD = libdiscsi.la $(JSON_C_LIBS)

examples_own_loop_SOURCES = examples/own-loop.c
examples_own_loop_CPPFLAGS = $(EXAMPLE_FLAGS)
examples_own_loop_LDADD = libdiscsi.la

examples_snapshot_free_copy_SOURCES = examples/snapshot-free-copy.c
examples_snapshot_free_copy_CPPFLAGS = $(EXAMPLE_FLAGS)
examples_snapshot_free_copy_LDADD = libdiscsi.la

examples_watch_session_SOURCES = examples/watch-session.c
examples_watch_session_CPPFLAGS = $(EXAMPLE_FLAGS)
examples_watch_session_LDADD = libdiscsi.la

check_PROGRAMS += tests/tgt/test-examples
TESTS += tests/tgt/test-examples
tests_tgt_test_examples_SOURCES = tests/tgt/test-examples.c
tests_tgt_test_examples_LDADD = tests/harness/libharness.la $(CUNIT_LIBS)
