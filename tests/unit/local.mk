# tests/unit: tests of the pure parts.

# lib/base
BASE_TESTS = \
	tests/unit/test-context \
	tests/unit/test-error \
	tests/unit/test-handles \
	tests/unit/test-log \
	tests/unit/test-loop \
	tests/unit/test-secret \
	tests/unit/test-timer
check_PROGRAMS += $(BASE_TESTS)
TESTS += $(BASE_TESTS)
tests_unit_test_context_SOURCES = tests/unit/test-context.c
tests_unit_test_context_LDADD = $(UNIT_LIBS)
tests_unit_test_error_SOURCES = tests/unit/test-error.c
tests_unit_test_error_LDADD = $(UNIT_LIBS)
tests_unit_test_handles_SOURCES = tests/unit/test-handles.c
tests_unit_test_handles_LDADD = $(UNIT_LIBS)
tests_unit_test_log_SOURCES = tests/unit/test-log.c
tests_unit_test_log_LDADD = $(UNIT_LIBS)
tests_unit_test_loop_SOURCES = tests/unit/test-loop.c
tests_unit_test_loop_LDADD = $(UNIT_LIBS)
tests_unit_test_secret_SOURCES = tests/unit/test-secret.c
tests_unit_test_secret_LDADD = $(UNIT_LIBS)
tests_unit_test_timer_SOURCES = tests/unit/test-timer.c
tests_unit_test_timer_LDADD = $(UNIT_LIBS)

# lib/scsi
SCSI_TESTS = \
	tests/unit/test-capacity \
	tests/unit/test-cdb \
	tests/unit/test-inquiry \
	tests/unit/test-luns \
	tests/unit/test-mode \
	tests/unit/test-sense \
	tests/unit/test-split \
	tests/unit/test-vpd
check_PROGRAMS += $(SCSI_TESTS)
TESTS += $(SCSI_TESTS)
tests_unit_test_capacity_SOURCES = tests/unit/test-capacity.c tests/unit/hex.h
tests_unit_test_capacity_LDADD = $(UNIT_LIBS)
tests_unit_test_cdb_SOURCES = tests/unit/test-cdb.c tests/unit/hex.h
tests_unit_test_cdb_LDADD = $(UNIT_LIBS)
tests_unit_test_inquiry_SOURCES = tests/unit/test-inquiry.c tests/unit/hex.h
tests_unit_test_inquiry_LDADD = $(UNIT_LIBS)
tests_unit_test_luns_SOURCES = tests/unit/test-luns.c tests/unit/hex.h
tests_unit_test_luns_LDADD = $(UNIT_LIBS)
tests_unit_test_mode_SOURCES = tests/unit/test-mode.c tests/unit/hex.h
tests_unit_test_mode_LDADD = $(UNIT_LIBS)
tests_unit_test_sense_SOURCES = tests/unit/test-sense.c tests/unit/hex.h
tests_unit_test_sense_LDADD = $(UNIT_LIBS)
tests_unit_test_split_SOURCES = tests/unit/test-split.c
tests_unit_test_split_LDADD = $(UNIT_LIBS)
tests_unit_test_vpd_SOURCES = tests/unit/test-vpd.c tests/unit/hex.h
tests_unit_test_vpd_LDADD = $(UNIT_LIBS)

# lib/conf
CONF_TESTS = \
	tests/unit/test-conf \
	tests/unit/test-conf-json \
	tests/unit/test-conf-nomem \
	tests/unit/test-initiator \
	tests/unit/test-url
check_PROGRAMS += $(CONF_TESTS)
TESTS += $(CONF_TESTS)
tests_unit_test_conf_SOURCES = tests/unit/test-conf.c
tests_unit_test_conf_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_json_SOURCES = tests/unit/test-conf-json.c
tests_unit_test_conf_json_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_nomem_SOURCES = tests/unit/test-conf-nomem.c
tests_unit_test_conf_nomem_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_nomem_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=strdup,--wrap=strndup \
	-Wl,--wrap=asprintf,--wrap=mmap
tests_unit_test_initiator_SOURCES = tests/unit/test-initiator.c
tests_unit_test_initiator_LDADD = $(UNIT_LIBS)
tests_unit_test_url_SOURCES = tests/unit/test-url.c
tests_unit_test_url_LDADD = $(UNIT_LIBS)
