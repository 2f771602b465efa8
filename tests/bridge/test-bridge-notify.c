/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-notify.c: what discsi-nbd tells a service manager, which here is
 * a socket of the test's: when it is ready, how it is, that its loop turns, that
 * it ends. And the unit for systemd, as far as systemd can check it.
 */
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"

#define ID BRIDGE_ID("1")
#define WATCHDOG_USEC "200000"
#define SILENCE_MS 500     /* several times the watchdog's half */

static char *url;
static char *program;

/* The manager's socket, and the last message that has come. */
static int manager = -1;
static char message[1024];

static int setup(void)
{
	int status = bridge_setup();

	if (status < 0 || rig_tgtd() == NULL)
		return status;
	program = dsc_find_program("./discsi-nbd");
	url = rig_setup_url(TARGET_OPEN, 1);
	return url == NULL ? -1 : 0;
}

static void teardown(void)
{
	free(program);
	free(url);
	rig_teardown();
}

/* --------------------------------------------------------------- the manager */

/* name: a path, or "@name". */
static void manager_open(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				       strlen(name) + (name[0] != '@'));

	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(strlen(name) < sizeof(address.sun_path));
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	CU_ASSERT_EQUAL_FATAL(bind(manager, (struct sockaddr *)&address,
				   length), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void manager_close(void)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	close(manager);
	manager = -1;
}

/* Takes one message, or says that none came in time. */
static bool manager_read(int timeout_ms)
{
	struct pollfd pollfd = { .fd = manager, .events = POLLIN };
	ssize_t length;

	if (poll(&pollfd, 1, timeout_ms) <= 0)
		return false;
	length = recv(manager, message, sizeof(message) - 1, 0);
	CU_ASSERT_FATAL(length > 0);
	message[length] = '\0';
	return true;
}

/* Waits for a message with these words in it. */
static bool manager_hears(const char *words)
{
	while (manager_read(20000)) {
		if (strstr(message, words) != NULL)
			return true;
	}
	return false;
}

/* Everything that has been sent until now is forgotten. */
static void manager_forget(void)
{
	while (manager_read(0))
		;
}

/* ------------------------------------------------------------------- process */

/*
 * In a shell, which becomes it: only so its number can be in its environment.
 * options: more of them, not quoted.
 */
static struct dsc_process *start(const char *watchdog_pid, const char *options)
{
	char script[512];
	struct dsc_process *process;

	snprintf(script, sizeof(script), "export WATCHDOG_PID=%s; exec \"$1\" "
		 "%s \"$2\"", watchdog_pid, options);
	process = dsc_process_start((const char *const[]){
		"sh", "-c", script, "sh", program, url, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	return process;
}

static void stop(struct dsc_process *process)
{
	dsc_process_signal(process, SIGTERM);
	CU_ASSERT_EQUAL(dsc_process_wait(process, 20000), 0);
	dsc_process_stop(process);
	CU_ASSERT(bridge_is_nothing_left());
}

/* ---------------------------------------------------------------- the tests */

static bool can_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_ok;

	memcpy(address.sun_path, path, strlen(path) + 1);
	is_ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return is_ok;
}

static void run_ready(const char *name)
{
	char *path = bridge_file(ID, ".sock");
	char *state = bridge_file(ID, ".json");
	struct dsc_process *process;

	manager_open(name);
	process = start("1", "");
	CU_ASSERT(manager_hears("STATUS=logging in to " TARGET_OPEN));
	CU_ASSERT(manager_hears("STATUS=LUN 1 of " TARGET_OPEN " is "));
	CU_ASSERT_PTR_NOT_NULL(strstr(message, path));
	CU_ASSERT(manager_hears("READY=1"));
	CU_ASSERT_STRING_EQUAL(message, "READY=1");
	CU_ASSERT(can_connect(path));
	CU_ASSERT_EQUAL(access(state, F_OK), 0);
	dsc_process_signal(process, SIGTERM);
	CU_ASSERT(manager_hears("STOPPING=1"));
	stop(process);
	CU_ASSERT(!manager_read(0));
	manager_close();
	free(path);
	free(state);
}

static void test_ready(void)
{
	char *path = dsc_temp_path("notify.sock");
	char abstract[64];

	run_ready(path);
	snprintf(abstract, sizeof(abstract), "@discsi-test-%ld",
		 (long)getpid());
	run_ready(abstract);
	unlink(path);
	free(path);
}

static void test_failure(void)
{
	char *path = dsc_temp_path("notify.sock");
	struct dsc_process *process;

	manager_open(path);
	process = start("1", "--option lun_id=77");
	CU_ASSERT_EQUAL(dsc_process_wait(process, 20000), 1);
	while (manager_read(0))
		CU_ASSERT_PTR_NULL(strstr(message, "READY=1"));
	dsc_process_stop(process);
	manager_close();
	unlink(path);
	free(path);
}

/* A name that is none, or nobody's, is no reason to fail. */
static void test_nobody(void)
{
	static const char *const names[] = {
		"", "@", "relative", "/nowhere/at/all", "@discsi-test-nobody",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		json_object_put(bridge_start(url));
		bridge_stop(ID);
	}
	unsetenv("NOTIFY_SOCKET");
}

/* They come while the loop turns, and not while it does not. */
static void test_watchdog(void)
{
	char *path = dsc_temp_path("notify.sock");
	struct dsc_process *process;
	int i;

	manager_open(path);
	setenv("WATCHDOG_USEC", WATCHDOG_USEC, 1);
	process = start("$$", "");
	CU_ASSERT(manager_hears("READY=1"));
	for (i = 0; i < 4; i++)
		CU_ASSERT(manager_hears("WATCHDOG=1"));
	dsc_process_signal(process, SIGSTOP);
	manager_read(SILENCE_MS);
	manager_forget();
	CU_ASSERT(!manager_read(SILENCE_MS));
	dsc_process_signal(process, SIGCONT);
	CU_ASSERT(manager_hears("WATCHDOG=1"));
	stop(process);
	manager_close();
	unlink(path);
	free(path);
}

/* It is another process that the manager watches. */
static void test_watchdog_of_another(void)
{
	char *path = dsc_temp_path("notify.sock");
	struct dsc_process *process;

	manager_open(path);
	setenv("WATCHDOG_USEC", WATCHDOG_USEC, 1);
	process = start("1", "");
	CU_ASSERT(manager_hears("READY=1"));
	CU_ASSERT(!manager_read(SILENCE_MS));
	stop(process);
	manager_close();
	unlink(path);
	free(path);
}

/* The first worker is ready; the next one goes on with the watchdog. */
static void test_supervised(void)
{
	char *path = dsc_temp_path("notify.sock");
	struct dsc_process *process;

	manager_open(path);
	setenv("WATCHDOG_USEC", WATCHDOG_USEC, 1);
	process = start("$$", "--supervise");
	CU_ASSERT(manager_hears("READY=1"));
	CU_ASSERT_STRING_EQUAL(message, "READY=1");
	kill(bridge_worker(ID), SIGKILL);
	CU_ASSERT(manager_hears("STATUS=logging in"));
	CU_ASSERT(manager_hears("STATUS=LUN 1"));
	CU_ASSERT(manager_hears("WATCHDOG=1"));
	stop(process);
	manager_close();
	unlink(path);
	free(path);
}

/* With --fork it is not the process that was started. */
static void test_main_pid(void)
{
	char *path = dsc_temp_path("notify.sock");
	char expected[64];

	manager_open(path);
	json_object_put(bridge_start(url));
	CU_ASSERT(manager_hears("READY=1"));
	snprintf(expected, sizeof(expected), "READY=1\nMAINPID=%d",
		 (int)bridge_pid(ID));
	CU_ASSERT_STRING_EQUAL(message, expected);
	bridge_stop(ID);
	manager_close();
	unlink(path);
	free(path);
}

/* What ExecStop= of the unit does. */
static void test_detach_by_process(void)
{
	struct dsc_process *process;
	char *path = dsc_temp_path("notify.sock");
	char number[32];

	manager_open(path);
	process = start("1", "");
	CU_ASSERT(manager_hears("READY=1"));
	snprintf(number, sizeof(number), "%d", (int)dsc_process_pid(process));
	json_object_put(rig_json("detach", number));
	CU_ASSERT_EQUAL(dsc_process_wait(process, 20000), 0);
	dsc_process_stop(process);
	CU_ASSERT(bridge_is_nothing_left());
	rig_fails("ENOENT", number, "detach", number);
	manager_close();
	unlink(path);
	free(path);
}

static void test_unit(void)
{
	static const char unit[] = "./nbd-bridge/discsi-nbd@.service";
	struct dsc_run_result result;
	char *copy = dsc_temp_path("discsi-nbd@test.service");
	int status;

	if (!dsc_has_program("systemd-analyze") || access(unit, R_OK) < 0) {
		dsc_test_skip("there is no systemd-analyze, or no unit");
		free(copy);
		return;
	}
	/* The programs are where they will be, not where they are. */
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"sh", "-c", "sed -e 's,=@[^ ]*/discsi-nbd,=@/bin/true,' "
		"-e 's,=[^ ]*/discsi ,=/bin/true ,' \"$1\" >\"$2\"", "sh", unit,
		copy, NULL }), 0);
	dsc_run_free(&result);
	status = dsc_run(&result, (const char *const[]){
		"systemd-analyze", "verify", "--man=no",
		"--recursive-errors=no", copy, NULL });
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_PTR_NULL(strstr(result.err, "discsi-nbd@"));
	dsc_run_free(&result);
	unlink(copy);
	free(copy);
}

static const struct dsc_test tests[] = {
	{ "ready", test_ready },
	{ "failure", test_failure },
	{ "nobody", test_nobody },
	{ "watchdog", test_watchdog },
	{ "watchdog-of-another", test_watchdog_of_another },
	{ "supervised", test_supervised },
	{ "main-pid", test_main_pid },
	{ "detach-by-process", test_detach_by_process },
	{ "unit", test_unit },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-notify", tests, setup, teardown,
				     argc, argv);
}
