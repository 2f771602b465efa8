# tests/harness: a convenience library that every test program links.
check_LTLIBRARIES += tests/harness/libharness.la
tests_harness_libharness_la_SOURCES = \
	tests/harness/harness.c \
	tests/harness/harness.h \
	tests/harness/istgt.c \
	tests/harness/process.c \
	tests/harness/process.h \
	tests/harness/target-common.c \
	tests/harness/target-common.h \
	tests/harness/target.h \
	tests/harness/temp.c \
	tests/harness/temp.h \
	tests/harness/tgtd.c
tests_harness_libharness_la_LIBADD = $(CUNIT_LIBS)

check_PROGRAMS += tests/harness/test-harness
TESTS += tests/harness/test-harness
tests_harness_test_harness_SOURCES = tests/harness/test-harness.c
tests_harness_test_harness_LDADD = tests/harness/libharness.la $(CUNIT_LIBS)
