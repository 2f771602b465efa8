# tests/bench: measurements beside other programs; run by hand, see
# docs/performance.md.
EXTRA_PROGRAMS += tests/bench/bench-session
tests_bench_bench_session_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/bench
tests_bench_bench_session_SOURCES = \
	tests/bench/bench-session.c \
	tests/bench/bench.h \
	tests/bench/meter.c \
	tests/bench/peer.c
tests_bench_bench_session_LDADD = libdiscsi-internal.la -lpthread
