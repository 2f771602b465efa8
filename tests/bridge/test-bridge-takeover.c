/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-takeover.c: discsi-nbd --takeover with clients at work on a Unix
 * socket. What the kernel's device sees of it is tested in tests/vm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"

#define ID BRIDGE_ID("1")
#define PYTHON "/usr/bin/python3"

static char *url;

static int setup(void)
{
	int status = bridge_setup();

	if (status < 0 || rig_tgtd() == NULL)
		return status;
	url = rig_setup_url(TARGET_OPEN, 1);
	return url == NULL ? -1 : 0;
}

static void teardown(void)
{
	free(url);
	rig_teardown();
}

static bool needs_python(void)
{
	if (access(PYTHON, X_OK) == 0)
		return true;
	dsc_test_skip("python3 is not installed");
	return false;
}

static void run_script(const char *way)
{
	char *script = bridge_script("takeover.py");

	bridge_client(PYTHON, script, way, ID, getenv("DISCSI_RUN_DIR"));
	free(script);
}

/* One situation of takeover.py, with a bridge that it may replace. */
static void take_over(const char *way)
{
	if (!needs_python())
		return;
	json_object_put(bridge_start(url));
	run_script(way);
	bridge_stop(ID);
}

static void test_busy(void)
{
	take_over("busy");
}

static void test_pieces(void)
{
	take_over("pieces");
}

static void test_unfinished(void)
{
	take_over("unfinished");
}

static void test_bad(void)
{
	take_over("bad");
}

static void test_hesitant(void)
{
	take_over("hesitant");
}

static void test_one_at_a_time(void)
{
	take_over("one_at_a_time");
}

/* Nothing of ours runs afterwards: what it has left does not matter. */
static void test_taken(void)
{
	struct json_object *left;
	char *path;

	if (!needs_python())
		return;
	json_object_put(bridge_start(url));
	run_script("taken");
	left = bridge_start(url);
	CU_ASSERT_STRING_EQUAL(rig_text(left, "id"), ID);
	json_object_put(left);
	path = bridge_file(ID, ".ctl");
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	free(path);
	bridge_stop(ID);
}

/* Situations in which the bridge ends, and whoever took it over, too. */
static void end_over(const char *way, bool is_owing)
{
	if (!needs_python())
		return;
	json_object_put(bridge_start(url));
	run_script(way);
	bridge_expect_nothing(ID, is_owing);
}

/* What the script has taken over it does not end in good order. */
static void test_detached(void)
{
	end_over("detached", true);
}

static void test_detached_late(void)
{
	end_over("detached_late", true);
}

static void test_ending(void)
{
	end_over("ending", false);
}

/* The successor of a supervised process is supervised. */
static void test_supervised(void)
{
	struct json_object *state;
	char *path;

	if (!needs_python())
		return;
	json_object_put(bridge_start("--supervise", url));
	run_script("pieces");
	path = bridge_file(ID, ".json");
	state = json_object_from_file(path);
	CU_ASSERT_EQUAL((pid_t)rig_number(state, "pid"), bridge_pid(ID));
	CU_ASSERT_NOT_EQUAL(rig_number(state, "pid"),
			    rig_number(state, "worker"));
	json_object_put(state);
	free(path);
	bridge_stop(ID);
}

static void expect_alone(const char *argument, const char *value)
{
	struct dsc_run_result result;

	rig_run_args(&result, 2, (const char *const[]){
		"./discsi-nbd", "--takeover", ID, argument, value, NULL });
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "--takeover has all"));
	dsc_run_free(&result);
}

/* Nothing that would be ignored is accepted. */
static void test_usage(void)
{
	expect_alone(url, NULL);
	expect_alone("--connections", "1");
	expect_alone("--max-clients", "64");
	expect_alone("--restart-timeout", "120");
	expect_alone("--tls-verify-peer", NULL);
	expect_alone("--insecure-loopback", NULL);
	expect_alone("--option", "sessions=2");
}

static void test_refused(void)
{
	if (!needs_python())
		return;
	json_object_put(bridge_start("--listen", "localhost:0",
				     "--insecure-loopback", url));
	run_script("refused");
	bridge_stop(ID);
	bridge_fails("ENOENT", "no running bridge", "--takeover", ID);
	bridge_fails("ENOENT", "no bridge", "--takeover", "../" ID);
	CU_ASSERT(bridge_is_nothing_left());
}

static const struct dsc_test tests[] = {
	{ "busy", test_busy },
	{ "pieces", test_pieces },
	{ "unfinished", test_unfinished },
	{ "bad", test_bad },
	{ "hesitant", test_hesitant },
	{ "one-at-a-time", test_one_at_a_time },
	{ "taken", test_taken },
	{ "detached", test_detached },
	{ "detached-late", test_detached_late },
	{ "ending", test_ending },
	{ "supervised", test_supervised },
	{ "refused", test_refused },
	{ "usage", test_usage },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-takeover", tests, setup, teardown,
				     argc, argv);
}
