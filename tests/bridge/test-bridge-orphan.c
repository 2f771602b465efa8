/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-orphan.c: a worker of discsi-nbd whose supervisor has been killed
 * is alone from then on, and the registry names it: nobody takes its device
 * away, or its place, but from itself. Test's thread.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"

#define ID BRIDGE_ID("1")
#define PYTHON "/usr/bin/python3"
#define WAIT_MS 20000

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

/* ------------------------------------------------------------------ helpers */

static bool is_another(void *arg)
{
	const pid_t *before = arg;
	pid_t now = bridge_pid(ID);

	return now > 1 && now != *before;
}

/* Kills the supervisor. Returns the worker, which names itself. */
static pid_t orphan(void)
{
	pid_t supervisor = bridge_pid(ID);

	CU_ASSERT_FATAL(supervisor > 1);
	kill(supervisor, SIGKILL);
	CU_ASSERT_FATAL(dsc_wait_for(is_another, &supervisor, WAIT_MS));
	return bridge_pid(ID);
}

/* Whoever wants the LUN or the device is told who has it. */
static void expect_respected(pid_t worker)
{
	char words[64];

	snprintf(words, sizeof(words), "process %d", (int)worker);
	rig_fails_args("EBUSY", words, (const char *const[]){
		"./discsi-nbd", "--abandon", ID, "--json", NULL });
	bridge_fails("EEXIST", words, url);
	CU_ASSERT_EQUAL(bridge_pid(ID), worker);
}

/* A target that takes connections, and says nothing. */
static int silent_target(unsigned *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address,
				   sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 8), 0);
	CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&address, &length),
			0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* -------------------------------------------------------------------- tests */

static void test_serving(void)
{
	struct json_object *state;
	char *path = bridge_file(ID, ".json");
	pid_t worker;

	json_object_put(bridge_start("--supervise", url));
	state = json_object_from_file(path);
	worker = orphan();
	CU_ASSERT_EQUAL(worker, (pid_t)rig_number(state, "worker"));
	expect_respected(worker);
	bridge_stop(ID);
	json_object_put(state);
	free(path);
}

/* A worker that logs in still; it has nothing to leave to anybody, either. */
static void test_not_serving_yet(void)
{
	struct dsc_process *process;
	struct pollfd pollfd = { .events = POLLIN };
	char silent[128];
	unsigned port;
	pid_t worker;

	pollfd.fd = silent_target(&port);
	snprintf(silent, sizeof(silent), "iscsi://127.0.0.1:%u/" TARGET_OPEN
		 "/1", port);
	process = dsc_process_start((const char *const[]){
		"./discsi-nbd", "--supervise", silent, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	CU_ASSERT_EQUAL(poll(&pollfd, 1, WAIT_MS), 1);
	worker = orphan();
	expect_respected(worker);
	kill(worker, SIGTERM);
	CU_ASSERT(bridge_wait_gone(ID, WAIT_MS));
	CU_ASSERT(bridge_is_nothing_left());
	dsc_process_kill(process);
	close(pollfd.fd);
}

/* A situation of takeover.py, under a bridge with a supervisor. */
static void run_script(const char *way)
{
	char *script = bridge_script("takeover.py");

	json_object_put(bridge_start("--supervise", url));
	bridge_client(PYTHON, script, way, ID, getenv("DISCSI_RUN_DIR"));
	free(script);
}

static bool needs_python(void)
{
	if (access(PYTHON, X_OK) == 0)
		return true;
	dsc_test_skip("python3 is not installed");
	return false;
}

/* A successor that may have named itself already has not: it gives up. */
static void test_not_taken(void)
{
	if (!needs_python())
		return;
	run_script("orphaned");
	bridge_stop(ID);
}

/* It has, just when the supervisor was killed: the entry is the successor's. */
static void test_taken(void)
{
	if (!needs_python())
		return;
	run_script("orphaned_early");
	CU_ASSERT(bridge_forget_owed(ID));
	CU_ASSERT(bridge_is_nothing_left());
	run_script("orphaned_late");
	CU_ASSERT(bridge_forget_owed(ID));
	CU_ASSERT(bridge_is_nothing_left());
}

static const struct dsc_test tests[] = {
	{ "serving", test_serving },
	{ "not-serving-yet", test_not_serving_yet },
	{ "not-taken", test_not_taken },
	{ "taken", test_taken },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-orphan", tests, setup, teardown,
				     argc, argv);
}
