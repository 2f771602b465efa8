/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/harness.h: runs an array of test functions with CUnit and prints
 * the outcome as TAP, one line per test, so that automake's driver counts
 * each of them. A program may be given names of tests to run only those;
 * --list prints the names. Inside a test the CU_ASSERT_* macros apply.
 * One thread: assertions and skips belong on the thread that runs the test.
 */
#ifndef DSC_HARNESS_HARNESS_H
#define DSC_HARNESS_HARNESS_H

#include <CUnit/CUnit.h>

/* An array of these ends with { NULL, NULL }. */
/* Whether a sanitizer is compiled in, which makes things slow and large, and a
 * library that no plain program can load. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define DSC_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define DSC_HAS_SANITIZER 1
#endif
#endif
#ifndef DSC_HAS_SANITIZER
#define DSC_HAS_SANITIZER 0
#endif

struct dsc_test {
	const char *name;
	void (*fn)(void);
};

/*
 * The body of main(): runs the tests and returns the exit status, 0 when
 * none failed. A test that takes longer than DSC_TEST_TIMEOUT seconds (from
 * the environment; 120 unless told) ends the program with "Bail out!".
 */
int dsc_test_main(const char *suite, const struct dsc_test *tests, int argc,
		  char **argv);

/*
 * The same with something that all tests share: setup() runs before the
 * first one and returns 0, or -1 after it has said what is wrong on stderr;
 * it may call dsc_test_skip(), which skips the whole program. teardown()
 * runs after the last test, also when setup() failed half-way. Either may be
 * NULL.
 */
int dsc_test_main_fixture(const char *suite, const struct dsc_test *tests,
			  int (*setup)(void), void (*teardown)(void), int argc,
			  char **argv);

/*
 * Marks the running test as skipped; the caller returns from the test. The
 * reason is copied. A test that also fails an assertion still counts as
 * failed.
 */
void dsc_test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Prints a diagnostic line ("# …") about the running test. */
void dsc_test_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* DSC_HARNESS_HARNESS_H */
