# tests/tgt: the library against real targets.
TGT_CLIENT = \
	tests/tgt/client.c \
	tests/tgt/client.h

TGT_PLACE = \
	tests/tgt/place.c \
	tests/tgt/place.h

TGT_TESTS = \
	tests/tgt/test-discovery \
	tests/tgt/test-io-tgt \
	tests/tgt/test-login \
	tests/tgt/test-lun-tgt
check_PROGRAMS += $(TGT_TESTS)
TESTS += $(TGT_TESTS)

tests_tgt_test_discovery_SOURCES = $(TGT_CLIENT) tests/tgt/test-discovery.c
tests_tgt_test_discovery_LDADD = $(API_LIBS)
tests_tgt_test_io_tgt_SOURCES = \
	$(TGT_CLIENT) $(TGT_PLACE) \
	tests/tgt/stress.c \
	tests/tgt/stress.h \
	tests/tgt/test-io-tgt.c
tests_tgt_test_io_tgt_LDADD = $(API_LIBS)
tests_tgt_test_login_SOURCES = $(TGT_CLIENT) tests/tgt/test-login.c
tests_tgt_test_login_LDADD = $(API_LIBS)
tests_tgt_test_lun_tgt_SOURCES = \
	$(TGT_CLIENT) $(TGT_PLACE) tests/tgt/test-lun-tgt.c
tests_tgt_test_lun_tgt_LDADD = $(API_LIBS)
