# tests/tgt: the library against real targets.
TGT_CLIENT = \
	tests/tgt/client.c \
	tests/tgt/client.h

check_PROGRAMS += tests/tgt/test-discovery
TESTS += tests/tgt/test-discovery
tests_tgt_test_discovery_SOURCES = $(TGT_CLIENT) tests/tgt/test-discovery.c
tests_tgt_test_discovery_LDADD = $(API_LIBS)
