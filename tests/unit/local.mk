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
