# tests/bench: measurements beside other programs; run by hand, see
# docs/performance.md.
BENCH_COMMON = \
	tests/bench/bench.h \
	tests/bench/meter.c \
	tests/bench/peer.c
BENCH_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/bench
EXTRA_PROGRAMS += \
	tests/bench/bench-mount \
	tests/bench/bench-recovery \
	tests/bench/bench-session
tests_bench_bench_mount_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_mount_SOURCES = \
	tests/bench/bench-mount.c \
	tests/bench/programs.c \
	tests/bench/programs.h
tests_bench_bench_mount_LDADD = libdiscsi.la
tests_bench_bench_recovery_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_recovery_SOURCES = \
	$(BENCH_COMMON) tests/bench/bench-recovery.c
tests_bench_bench_recovery_LDADD = libdiscsi-internal.la -lpthread
tests_bench_bench_session_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_session_SOURCES = \
	$(BENCH_COMMON) tests/bench/bench-session.c
tests_bench_bench_session_LDADD = libdiscsi-internal.la -lpthread
EXTRA_DIST += \
	tests/bench/90-bench.sh \
	tests/bench/91-mount.sh \
	tests/bench/bench-bridge.py \
	tests/bench/bench-vm \
	tests/bench/vm-common.sh
