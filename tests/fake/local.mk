# tests/fake: a small target in the test's own process, and a fixture on it.
check_LTLIBRARIES += tests/fake/libfake.la
tests_fake_libfake_la_SOURCES = \
	tests/fake/fake-disk.c \
	tests/fake/fake-fate.c \
	tests/fake/fake-internal.h \
	tests/fake/fake-target.c \
	tests/fake/fake-target.h \
	tests/fake/fixture.c \
	tests/fake/fixture.h
tests_fake_libfake_la_LIBADD = $(CUNIT_LIBS)

check_PROGRAMS += \
	tests/unit/test-lun \
	tests/unit/test-lun-faults \
	tests/unit/test-session-life \
	tests/unit/test-session-state
TESTS += \
	tests/unit/test-lun \
	tests/unit/test-lun-faults \
	tests/unit/test-session-life \
	tests/unit/test-session-state
tests_unit_test_lun_SOURCES = tests/unit/test-lun.c
tests_unit_test_lun_LDADD = tests/fake/libfake.la $(UNIT_LIBS)
tests_unit_test_lun_faults_SOURCES = tests/unit/test-lun-faults.c
tests_unit_test_lun_faults_LDADD = tests/fake/libfake.la $(UNIT_LIBS)
tests_unit_test_session_life_SOURCES = tests/unit/test-session-life.c
tests_unit_test_session_life_LDADD = tests/fake/libfake.la $(UNIT_LIBS)
tests_unit_test_session_state_SOURCES = tests/unit/test-session-state.c
tests_unit_test_session_state_LDADD = $(UNIT_LIBS)
