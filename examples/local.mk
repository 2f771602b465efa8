# examples: short programs that teach one thing each. They see what an agent
# sees: the public headers and the shared library.
noinst_PROGRAMS += \
	examples/capacity \
	examples/read-blocks \
	examples/watch-session

examples_capacity_SOURCES = examples/capacity.c
examples_capacity_CPPFLAGS = -I$(top_srcdir)/include
examples_capacity_LDADD = libdiscsi.la

examples_read_blocks_SOURCES = examples/read-blocks.c
examples_read_blocks_CPPFLAGS = -I$(top_srcdir)/include
examples_read_blocks_LDADD = libdiscsi.la

examples_watch_session_SOURCES = examples/watch-session.c
examples_watch_session_CPPFLAGS = -I$(top_srcdir)/include
examples_watch_session_LDADD = libdiscsi.la

check_PROGRAMS += tests/tgt/test-examples
TESTS += tests/tgt/test-examples
tests_tgt_test_examples_SOURCES = tests/tgt/test-examples.c
tests_tgt_test_examples_LDADD = tests/harness/libharness.la $(CUNIT_LIBS)
