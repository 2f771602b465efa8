/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/harness.c: the CUnit runner behind every test program. CUnit runs
 * the functions and collects failed assertions; its hooks print TAP. An alarm
 * ends a test that hangs, so that a run always comes to an end and names the
 * test that did not. State is static: a program runs one suite, on one thread.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>

#include "harness/harness.h"

#define DSC_TEST_TIMEOUT_S 120u

static struct {
	unsigned number;        /* of the test that runs, from 1 */
	unsigned failed;
	unsigned timeout_s;
	bool is_skipped;
	char reason[256];
	char bail_out[256];     /* made before, printed by the alarm's handler */
	size_t bail_out_length;
} run;

void dsc_test_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(run.reason, sizeof(run.reason), fmt, args);
	va_end(args);
	run.is_skipped = true;
}

void dsc_test_note(const char *fmt, ...)
{
	va_list args;

	fputs("# ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static void on_alarm(int signum)
{
	ssize_t written;

	(void)signum;
	written = write(STDOUT_FILENO, run.bail_out, run.bail_out_length);
	(void)written;
	_exit(1);
}

static void arm_alarm(const char *name)
{
	int n = snprintf(run.bail_out, sizeof(run.bail_out),
			 "Bail out! %.150s is not done after %u s\n", name,
			 run.timeout_s);

	run.bail_out_length = n > 0 ? (size_t)n : 0;
	alarm(run.timeout_s);
}

static unsigned timeout_from_environment(void)
{
	const char *text = getenv("DSC_TEST_TIMEOUT");
	unsigned long seconds = text ? strtoul(text, NULL, 10) : 0;

	if (seconds == 0 || seconds > 86400)
		return DSC_TEST_TIMEOUT_S;
	return (unsigned)seconds;
}

static void on_test_start(const CU_pTest test, const CU_pSuite suite)
{
	(void)suite;
	run.number++;
	run.is_skipped = false;
	arm_alarm(test->pName);
}

static void print_failures(CU_pFailureRecord failure)
{
	for (; failure; failure = failure->pNext)
		dsc_test_note("%s:%u: %s",
			      failure->strFileName ? failure->strFileName : "?",
			      failure->uiLineNumber,
			      failure->strCondition ? failure->strCondition
						    : "?");
}

static void on_test_complete(const CU_pTest test, const CU_pSuite suite,
			     const CU_pFailureRecord failure)
{
	(void)suite;
	alarm(0);
	if (failure) {
		run.failed++;
		print_failures(failure);
		printf("not ok %u - %s\n", run.number, test->pName);
	} else if (run.is_skipped) {
		printf("ok %u - %s # SKIP %s\n", run.number, test->pName,
		       run.reason);
	} else {
		printf("ok %u - %s\n", run.number, test->pName);
	}
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

static int check_names(const char *suite, const struct dsc_test *tests,
		       int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		const struct dsc_test *t = tests;

		while (t->name && strcmp(t->name, argv[i]) != 0)
			t++;
		if (!t->name) {
			fprintf(stderr, "%s: no test is called '%s' "
				"(--list prints them)\n", suite, argv[i]);
			return -1;
		}
	}
	return 0;
}

/* Puts the wanted tests into CUnit's registry; returns how many, or -1. */
static int add_tests(const char *suite, const struct dsc_test *tests,
		     int argc, char **argv)
{
	CU_pSuite s;
	int count = 0;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return -1;
	s = CU_add_suite(suite, NULL, NULL);
	if (!s)
		return -1;
	for (; tests->name; tests++) {
		if (!is_wanted(tests->name, argc, argv))
			continue;
		if (!CU_add_test(s, tests->name, tests->fn))
			return -1;
		count++;
	}
	return count;
}

/* The shared part's outcome: 0 to go on, 1 when all is skipped, -1. */
static int run_setup(int (*setup)(void))
{
	int rc;

	if (!setup)
		return 0;
	arm_alarm("the setup of all tests");
	rc = setup();
	alarm(0);
	if (rc != 0) {
		printf("Bail out! the setup of all tests failed\n");
		return -1;
	}
	if (!run.is_skipped)
		return 0;
	printf("1..0 # SKIP %s\n", run.reason);
	return 1;
}

static int run_tests(const char *suite, int count)
{
	printf("# %s\n1..%d\n", suite, count);
	CU_set_test_start_handler(on_test_start);
	CU_set_test_complete_handler(on_test_complete);
	CU_set_error_action(CUEA_IGNORE);
	if (CU_run_all_tests() != CUE_SUCCESS) {
		printf("Bail out! CUnit: %s\n", CU_get_error_msg());
		return -1;
	}
	return 0;
}

static void print_names(const struct dsc_test *tests)
{
	for (; tests->name; tests++)
		printf("%s\n", tests->name);
}

int dsc_test_main_fixture(const char *suite, const struct dsc_test *tests,
			  int (*setup)(void), void (*teardown)(void), int argc,
			  char **argv)
{
	int count;
	int rc;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		print_names(tests);
		return 0;
	}
	if (check_names(suite, tests, argc, argv) < 0)
		return 2;
	count = add_tests(suite, tests, argc, argv);
	if (count < 0) {
		printf("Bail out! CUnit: %s\n", CU_get_error_msg());
		return 1;
	}
	run.timeout_s = timeout_from_environment();
	signal(SIGALRM, on_alarm);
	rc = run_setup(setup);
	if (rc == 0)
		rc = run_tests(suite, count);
	if (teardown) {
		arm_alarm("the teardown of all tests");
		teardown();
		alarm(0);
	}
	CU_cleanup_registry();
	return rc < 0 || run.failed > 0 ? 1 : 0;
}

int dsc_test_main(const char *suite, const struct dsc_test *tests, int argc,
		  char **argv)
{
	return dsc_test_main_fixture(suite, tests, NULL, NULL, argc, argv);
}
