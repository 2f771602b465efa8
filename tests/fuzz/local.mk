# tests/fuzz: fuzzers and their corpora. Here each is a test that replays its
# corpus, whole, cut and changed; tests/fuzz/run NAME SECONDS searches with
# libFuzzer.

EXTRA_DIST += tests/fuzz/run tests/fuzz/corpus

# What run has the compiler see.
TESTS += tests/fuzz/compiles.sh
EXTRA_DIST += tests/fuzz/compiles.sh

# lib/scsi, lib/conf
check_PROGRAMS += tests/fuzz/fuzz-conf tests/fuzz/fuzz-scsi
TESTS += tests/fuzz/fuzz-conf tests/fuzz/fuzz-scsi
tests_fuzz_fuzz_conf_SOURCES = \
	tests/fuzz/fuzz-conf.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_conf_LDADD = $(UNIT_LIBS)
tests_fuzz_fuzz_scsi_SOURCES = \
	tests/fuzz/fuzz-scsi.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_scsi_LDADD = $(UNIT_LIBS)

# lib/iscsi
check_PROGRAMS += tests/fuzz/fuzz-conn tests/fuzz/fuzz-sendtargets
TESTS += tests/fuzz/fuzz-conn tests/fuzz/fuzz-sendtargets
tests_fuzz_fuzz_conn_SOURCES = \
	tests/fuzz/fuzz-conn.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_conn_LDADD = $(UNIT_LIBS)
tests_fuzz_fuzz_sendtargets_SOURCES = \
	tests/fuzz/fuzz-sendtargets.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_sendtargets_LDADD = $(UNIT_LIBS)

# login
check_PROGRAMS += tests/fuzz/fuzz-login
TESTS += tests/fuzz/fuzz-login
tests_fuzz_fuzz_login_SOURCES = \
	tests/fuzz/fuzz-login.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_login_LDADD = $(UNIT_LIBS)
