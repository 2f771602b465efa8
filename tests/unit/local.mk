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

# lib/iscsi: the connection
CONN_TESTS = \
	tests/unit/test-conn-control \
	tests/unit/test-conn-faults \
	tests/unit/test-conn-life \
	tests/unit/test-conn-pipe \
	tests/unit/test-conn-random \
	tests/unit/test-conn-read \
	tests/unit/test-conn-write \
	tests/unit/test-crc32c \
	tests/unit/test-iscsi-nomem \
	tests/unit/test-pdu \
	tests/unit/test-sendtargets
CONN_PEER = tests/unit/conn-peer.c tests/unit/conn-peer.h
check_PROGRAMS += $(CONN_TESTS)
TESTS += $(CONN_TESTS)
tests_unit_test_conn_control_SOURCES = tests/unit/test-conn-control.c $(CONN_PEER)
tests_unit_test_conn_control_LDADD = $(UNIT_LIBS)
tests_unit_test_conn_faults_SOURCES = tests/unit/test-conn-faults.c $(CONN_PEER)
tests_unit_test_conn_faults_LDADD = $(UNIT_LIBS)
tests_unit_test_conn_life_SOURCES = tests/unit/test-conn-life.c $(CONN_PEER)
tests_unit_test_conn_life_LDADD = $(UNIT_LIBS)
tests_unit_test_conn_pipe_SOURCES = tests/unit/test-conn-pipe.c $(CONN_PEER)
tests_unit_test_conn_pipe_LDADD = $(UNIT_LIBS)

tests_unit_test_conn_random_SOURCES = tests/unit/test-conn-random.c $(CONN_PEER)
tests_unit_test_conn_random_LDADD = $(UNIT_LIBS)
tests_unit_test_conn_read_SOURCES = tests/unit/test-conn-read.c $(CONN_PEER)
tests_unit_test_conn_read_LDADD = $(UNIT_LIBS)
tests_unit_test_conn_write_SOURCES = tests/unit/test-conn-write.c $(CONN_PEER)
tests_unit_test_conn_write_LDADD = $(UNIT_LIBS)
tests_unit_test_crc32c_SOURCES = tests/unit/test-crc32c.c
tests_unit_test_crc32c_LDADD = $(UNIT_LIBS)
tests_unit_test_iscsi_nomem_SOURCES = tests/unit/test-iscsi-nomem.c
tests_unit_test_iscsi_nomem_LDADD = $(UNIT_LIBS)
tests_unit_test_iscsi_nomem_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=reallocarray \
	-Wl,--wrap=strdup,--wrap=strndup
tests_unit_test_pdu_SOURCES = tests/unit/test-pdu.c
tests_unit_test_pdu_LDADD = $(UNIT_LIBS)
tests_unit_test_sendtargets_SOURCES = tests/unit/test-sendtargets.c
tests_unit_test_sendtargets_LDADD = $(UNIT_LIBS)

# login, names
LOGIN_TESTS = \
	tests/unit/test-login \
	tests/unit/test-login-chap \
	tests/unit/test-login-check \
	tests/unit/test-login-nomem \
	tests/unit/test-login-request \
	tests/unit/test-resolver
LOGIN_DIALOGUE = \
	tests/unit/login-dialogue.c tests/unit/login-dialogue.h \
	tests/unit/login-pdu.h
LOGIN_ATTEMPT = \
	tests/unit/login-attempt.c tests/unit/login-attempt.h \
	tests/unit/login-dialogue.h tests/unit/login-pdu.h \
	tests/unit/login-target.c tests/unit/login-target.h
check_PROGRAMS += $(LOGIN_TESTS)
TESTS += $(LOGIN_TESTS)
tests_unit_test_login_SOURCES = tests/unit/test-login.c $(LOGIN_ATTEMPT)
tests_unit_test_login_LDADD = $(UNIT_LIBS)
tests_unit_test_login_chap_SOURCES = \
	tests/unit/test-login-chap.c $(LOGIN_DIALOGUE)
tests_unit_test_login_chap_LDADD = $(UNIT_LIBS)
tests_unit_test_login_check_SOURCES = \
	tests/unit/test-login-check.c $(LOGIN_DIALOGUE)
tests_unit_test_login_check_LDADD = $(UNIT_LIBS)
tests_unit_test_login_nomem_SOURCES = \
	tests/unit/test-login-nomem.c $(LOGIN_ATTEMPT)
tests_unit_test_login_nomem_LDADD = $(UNIT_LIBS)
tests_unit_test_login_nomem_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_unit_test_login_request_SOURCES = \
	tests/unit/test-login-request.c $(LOGIN_ATTEMPT)
tests_unit_test_login_request_LDADD = $(UNIT_LIBS)
tests_unit_test_resolver_SOURCES = tests/unit/test-resolver.c
tests_unit_test_resolver_LDADD = $(UNIT_LIBS)
