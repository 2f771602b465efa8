# The harness: a convenience library that every test program links.
check_LTLIBRARIES += tests/harness/libharness.la
tests_harness_libharness_la_SOURCES = \
	tests/harness/harness.c \
	tests/harness/harness.h
tests_harness_libharness_la_LIBADD = $(CUNIT_LIBS)
