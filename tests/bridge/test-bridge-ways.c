/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-ways.c: the ways into discsi-nbd that are handed to it by whoever
 * starts it, a listening socket or standard input and output, with programs of
 * other projects that do so; and how many clients come in at once.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"

#define ID BRIDGE_ID("1")
#define PYTHON "/usr/bin/python3"
#define GONE_MS 20000
#define READY_MS 20000

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

/* Skips the test unless a program is there. */
static bool needs(const char *program)
{
	if (dsc_has_program(program))
		return true;
	dsc_test_skip("%s is not installed", program);
	return false;
}

static bool needs_libnbd(void)
{
	struct dsc_run_result result;
	int status = dsc_run(&result, (const char *const[]){
		PYTHON, "-c", "import nbd", NULL });

	dsc_run_free(&result);
	if (status != 0)
		dsc_test_skip("python3-libnbd is not installed");
	return status == 0;
}

/* It has ended by itself, or its starter has seen to that. */
static void expect_ended(void)
{
	CU_ASSERT(bridge_wait_gone(ID, GONE_MS));
	CU_ASSERT(bridge_is_nothing_left());
}

/* Runs handed.py: a way in, and an option of discsi-nbd or NULL. */
static void hand_over(const char *way, const char *option)
{
	char *script = bridge_script("handed.py");

	bridge_client(PYTHON, script, way, "./discsi-nbd", url, option);
	free(script);
	expect_ended();
}

/* ---------------------------------------------------------- standard streams */

static void test_stdio_libnbd(void)
{
	if (needs_libnbd())
		hand_over("command", "--stdio");
}

static void test_stdio_detached(void)
{
	if (needs_libnbd())
		hand_over("detached", "--stdio");
}

static void test_stdio_pipes(void)
{
	if (needs(PYTHON)) {
		hand_over("pipes", "--stdio");
		hand_over("pipe-ends", "--stdio");
	}
}

static void test_stdio_nobody(void)
{
	if (needs(PYTHON))
		hand_over("nobody", "--stdio");
}

/* What is said never meets the protocol: neither the report nor the log. */
static void test_stdio_verbose(void)
{
	char *script = bridge_script("handed.py");

	if (needs(PYTHON)) {
		bridge_client(PYTHON, script, "pipes", "./discsi-nbd", url,
			      "--stdio", "--json", "--verbose");
		expect_ended();
	}
	free(script);
}

static bool exists(void *path)
{
	return access(path, F_OK) == 0;
}

struct fuse {
	struct dsc_process *process;
	char *dir;
	char *disk;
};

static bool is_mounted_or_over(void *arg)
{
	const struct fuse *fuse = arg;

	return exists(fuse->disk) || !dsc_process_is_alive(fuse->process);
}

/* What a file system in user space reads and writes. */
static void use_fuse(const struct fuse *fuse)
{
	char *backing = dsc_tgtd_lun_path(rig_tgtd(), 1, 1);
	char *into;

	rig_expect_same(fuse->disk, backing, BRIDGE_BYTES);
	CU_ASSERT_FATAL(asprintf(&into, "of=%s", fuse->disk) > 0);
	bridge_client("dd", "if=/dev/urandom", into, "bs=1M", "count=4",
		      "seek=20", "conv=notrunc,fsync", "status=none");
	rig_expect_same(fuse->disk, backing, BRIDGE_BYTES);
	free(into);
	free(backing);
}

/* nbdfuse starts its server on standard input and output. */
static void test_stdio_nbdfuse(void)
{
	struct fuse fuse;

	if (!needs("nbdfuse"))
		return;
	if (access("/dev/fuse", R_OK | W_OK) < 0) {
		dsc_test_skip("there is no /dev/fuse for us");
		return;
	}
	fuse.dir = dsc_temp_subdir("fuse");
	CU_ASSERT_FATAL(asprintf(&fuse.disk, "%s/disk", fuse.dir) > 0);
	fuse.process = dsc_process_start((const char *const[]){
		"nbdfuse", fuse.disk, "--command", "./discsi-nbd", "--stdio",
		url, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fuse.process);
	CU_ASSERT(dsc_wait_for(is_mounted_or_over, &fuse, READY_MS));
	if (exists(fuse.disk)) {
		use_fuse(&fuse);
		dsc_process_signal(fuse.process, SIGTERM);
		dsc_process_wait(fuse.process, GONE_MS);
	} else {
		dsc_process_note_output(fuse.process);
		dsc_test_skip("nbdfuse cannot mount here");
	}
	dsc_process_stop(fuse.process);
	free(fuse.disk);
	free(fuse.dir);
	expect_ended();
}

/* --------------------------------------------------------- socket activation */

static void test_activation_libnbd(void)
{
	if (needs_libnbd())
		hand_over("activation", NULL);
}

/* libnbd's programs hand over a socket, whatever the command is told. */
static void test_activation_nbdinfo(void)
{
	if (!needs("nbdinfo"))
		return;
	bridge_client("nbdinfo", "--size", "--", "[", "./discsi-nbd", url,
		      "]");
	expect_ended();
	bridge_client("nbdinfo", "--size", "--", "[", "./discsi-nbd",
		      "--stdio", url, "]");
	expect_ended();
}

static void test_activation_nbdcopy(void)
{
	char *copy = dsc_temp_path("copy");
	char *backing = dsc_tgtd_lun_path(rig_tgtd(), 1, 1);

	if (needs("nbdcopy")) {
		bridge_client("nbdcopy", "--", "[", "./discsi-nbd", url, "]",
			      copy);
		expect_ended();
		rig_expect_same(copy, backing, BRIDGE_BYTES);
	}
	free(copy);
	free(backing);
}

/* What goes through standard output is the disk, and nothing of ours. */
static void test_activation_output(void)
{
	char *copy = dsc_temp_path("output");
	char *backing = dsc_tgtd_lun_path(rig_tgtd(), 1, 1);

	if (needs("nbdcopy")) {
		bridge_client("sh", "-c", "nbdcopy -- [ \"$0\" \"$1\" ] - | "
			      "cat >\"$2\"", "./discsi-nbd", url, copy);
		expect_ended();
		rig_expect_same(copy, backing, BRIDGE_BYTES);
	}
	free(copy);
	free(backing);
}

/* A client that is killed does not end the server, which ends by itself. */
static void test_activation_client_killed(void)
{
	static const char script[] =
		"import nbd, os, signal, sys\n"
		"h = nbd.NBD()\n"
		"h.connect_systemd_socket_activation(\n"
		"    [sys.argv[1], '--stdio', sys.argv[2]])\n"
		"os.kill(os.getpid(), signal.SIGKILL)\n";
	char *program = dsc_find_program("./discsi-nbd");
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		PYTHON, "-c", script, program, url, NULL }), 128 + SIGKILL);
	dsc_run_free(&result);
	CU_ASSERT(bridge_wait_gone(ID, GONE_MS));
	free(program);
}

/* systemd's own: the process begins with the first client. */
static void test_activation_systemd(void)
{
	char *path = dsc_temp_path("activated.sock");
	char *uri = bridge_uri(path);
	struct dsc_process *process;

	if (needs("systemd-socket-activate") && needs("nbdinfo")) {
		process = dsc_process_start((const char *const[]){
			"systemd-socket-activate", "-l", path, "--setenv",
			"DISCSI_RUN_DIR", "./discsi-nbd", url, NULL }, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(process);
		CU_ASSERT(dsc_wait_for(exists, path, READY_MS));
		bridge_client("nbdinfo", "--size", uri);
		bridge_client("nbdinfo", "--map", uri);
		CU_ASSERT_EQUAL(bridge_pid(ID), dsc_process_pid(process));
		bridge_stop(ID);
		CU_ASSERT_EQUAL(dsc_process_wait(process, GONE_MS), 0);
		dsc_process_stop(process);
		unlink(path);
	}
	free(path);
	free(uri);
}

/* A variable that is meant for another process is not ours. */
static void test_activation_foreign(void)
{
	const struct dsc_run_options options = {
		.env = (const char *const[]){ "LISTEN_PID=1", "LISTEN_FDS=1",
					      NULL },
	};
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run_with(&result, &options, (const char *const[]){
		"./discsi-nbd", "--fork", url, NULL }), 0);
	dsc_run_free(&result);
	bridge_stop(ID);
}

/* Runs a command as the process that LISTEN_PID means. */
static void expect_mistake(const char *words, const char *fds,
			   const char *command)
{
	struct dsc_run_result result;
	char *script;

	CU_ASSERT_FATAL(asprintf(&script, "%s LISTEN_PID=$$ LISTEN_FDS=%s "
				 "exec ./discsi-nbd %s %s",
				 strcmp(fds, "0") == 0 ? "" : "exec 3<.;", fds,
				 command, url) > 0);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"/bin/sh", "-c", script, NULL }), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, words));
	dsc_run_free(&result);
	free(script);
	CU_ASSERT(bridge_is_nothing_left());
}

static void test_activation_mistakes(void)
{
	expect_mistake("2 sockets", "2", "");
	expect_mistake("not a stream socket", "1", "");
	expect_mistake("not a stream socket", "1", "--stdio");
}

/* -------------------------------------------------------------- many clients */

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(fd >= 0 && strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address,
				      sizeof(address)), 0);
	return fd;
}

/* Through the handshake, by its old option. */
static void come_in(int fd)
{
	static const char wish[] = "\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0";
	char answer[10];

	CU_ASSERT_EQUAL(send(fd, wish, sizeof(wish), MSG_NOSIGNAL),
			sizeof(wish));
	CU_ASSERT_EQUAL(recv(fd, answer, sizeof(answer), MSG_WAITALL),
			sizeof(answer));
}

/* Who is one too many waits until there is room. */
static void test_max_clients(void)
{
	char *path = dsc_temp_path("two.sock");
	const struct timeval limit = { .tv_sec = 20 };
	const struct timeval at_once = { .tv_usec = 200000 };
	char greeting[18];
	int fds[3], i;

	json_object_put(bridge_start("--max-clients", "2", "--socket", path,
				     url));
	for (i = 0; i < 3; i++) {
		fds[i] = connect_to(path);
		CU_ASSERT_EQUAL(setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO,
					   i < 2 ? &limit : &at_once,
					   sizeof(limit)), 0);
		CU_ASSERT_EQUAL(recv(fds[i], greeting, sizeof(greeting),
				     MSG_WAITALL), i < 2 ? 18 : -1);
		if (i < 2)
			come_in(fds[i]);
	}
	CU_ASSERT_EQUAL(setsockopt(fds[2], SOL_SOCKET, SO_RCVTIMEO, &limit,
				   sizeof(limit)), 0);
	close(fds[0]);
	CU_ASSERT_EQUAL(recv(fds[2], greeting, sizeof(greeting), MSG_WAITALL),
			18);
	close(fds[1]);
	close(fds[2]);
	bridge_stop(ID);
	free(path);
}

static void expect_usage(const char *words, const char *const argv[])
{
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run(&result, argv), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, words));
	dsc_run_free(&result);
}

static void test_usage(void)
{
	static const char *const numbers[] = { "0", "-1", "501", "x", "", "1x" };
	static const char *const others[][2] = {
		{ "--socket", "/nowhere" }, { "--device", "auto" },
		{ "--config", "-" }, { "--fork", "--verbose" },
	};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		expect_usage("--max-clients takes", (const char *const[]){
			"./discsi-nbd", "--max-clients", numbers[i], url,
			NULL });
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		expect_usage("--stdio", (const char *const[]){
			"./discsi-nbd", "--stdio", others[i][0], others[i][1],
			url, NULL });
}

/* They are the kernel's. Where one is served its clients make their own. */
static void test_connections(void)
{
	static const char *const numbers[] = { "0", "17", "x" };
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		expect_usage("--connections takes", (const char *const[]){
			"./discsi-nbd", "--device", "auto", "--connections",
			numbers[i], url, NULL });
	expect_usage("goes with --device", (const char *const[]){
		"./discsi-nbd", "--socket", "/nowhere", "--connections", "2",
		url, NULL });
}

static bool is_locked(void *arg)
{
	(void)arg;
	return bridge_pid(ID) > 1;
}

/*
 * It is ready while whoever has started it does not run, and is then told, or
 * not. Returns whether it serves on.
 */
static struct dsc_process *start_unheard(const char *option)
{
	pid_t target = dsc_tgtd_pid(rig_tgtd());
	char *state = bridge_file(ID, ".json");
	struct dsc_process *process;

	kill(target, SIGSTOP);
	process = dsc_process_start((const char *const[]){
		"./discsi-nbd", "--fork", url, option, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	CU_ASSERT(dsc_wait_for(is_locked, NULL, 20000));
	dsc_process_signal(process, SIGSTOP);
	kill(target, SIGCONT);
	CU_ASSERT(dsc_wait_for(exists, state, 20000));
	free(state);
	return process;
}

static bool serves_after(int signal, int expected)
{
	struct dsc_process *process = start_unheard(NULL);

	dsc_process_signal(process, signal);
	CU_ASSERT_EQUAL(dsc_process_wait(process, 20000), expected);
	dsc_process_stop(process);
	return !bridge_wait_gone(ID, signal == SIGKILL ? 20000 : 1000);
}

/* Of an export that nobody was told of, nobody would ever let go. */
static void test_nobody_told(void)
{
	CU_ASSERT(!serves_after(SIGKILL, 128 + SIGKILL));
	CU_ASSERT(bridge_is_nothing_left());
	CU_ASSERT(serves_after(SIGCONT, 0));
	bridge_stop(ID);
}

/* Neither is there another worker for it. */
static void test_nobody_told_supervised(void)
{
	struct dsc_process *process = start_unheard("--supervise");
	pid_t worker = bridge_worker(ID);

	CU_ASSERT_FATAL(worker > 1);
	kill(worker, SIGKILL);
	dsc_process_signal(process, SIGKILL);
	CU_ASSERT_EQUAL(dsc_process_wait(process, 20000), 128 + SIGKILL);
	dsc_process_stop(process);
	CU_ASSERT(bridge_wait_gone(ID, 20000));
}

/* A pipe that takes nothing more: what is in it is not read. */
static void open_full_pipe(int ends[2])
{
	static const char bytes[4096];

	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(ends[1], bytes, sizeof(bytes)) > 0)
		;
	CU_ASSERT_EQUAL(fcntl(ends[1], F_SETFL, 0), 0);
}

static pid_t start_into(int out)
{
	char *program = dsc_find_program("./discsi-nbd");
	pid_t child = fork();

	if (child == 0) {
		dup2(out, STDOUT_FILENO);
		execl(program, program, "--fork", url, NULL);
		_exit(127);
	}
	free(program);
	CU_ASSERT_FATAL(child > 0);
	return child;
}

/* Who prints into a pipe that nobody reads can still be ended. */
static void test_unread_report(void)
{
	char *state = bridge_file(ID, ".json");
	int ends[2];
	int status = 0;
	pid_t child;

	open_full_pipe(ends);
	child = start_into(ends[1]);
	CU_ASSERT(dsc_wait_for(exists, state, READY_MS));
	free(state);
	kill(child, SIGTERM);
	CU_ASSERT(bridge_wait_gone(ID, GONE_MS));
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CU_ASSERT(bridge_is_nothing_left());
	close(ends[0]);
	close(ends[1]);
}

/* Nobody will read it, and the target does not answer: it is over at once. */
static void test_unreadable_report(void)
{
	pid_t target = dsc_tgtd_pid(rig_tgtd());
	int ends[2];
	int status = 0;
	pid_t child;

	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
	kill(target, SIGSTOP);
	child = start_into(ends[1]);
	close(ends[1]);
	CU_ASSERT(dsc_wait_for(is_locked, NULL, READY_MS));
	close(ends[0]);
	CU_ASSERT(bridge_wait_gone(ID, GONE_MS));
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	kill(target, SIGCONT);
}

/* Who has no standard output does not want to be told. */
static void test_closed_streams(void)
{
	char *program = dsc_find_program("./discsi-nbd");
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"sh", "-c", "exec \"$0\" --fork \"$1\" <&- >&- 2>&-", program,
		url, NULL }), 0);
	dsc_run_free(&result);
	CU_ASSERT(bridge_pid(ID) > 1);
	bridge_stop(ID);
	CU_ASSERT(bridge_is_nothing_left());
	free(program);
}

static void expect_progress(const char *json, const char *line)
{
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--fork", "--progress", url, json, NULL }), 0);
	CU_ASSERT_EQUAL(strncmp(result.out, line, strlen(line)), 0);
	CU_ASSERT(strstr(result.out, ".sock") > result.out + strlen(line));
	dsc_run_free(&result);
	bridge_stop(ID);
}

/* By the sense data an agent tells a LUN that is not there from others. */
static void test_details(void)
{
	const char *number = strrchr(url, '/');
	struct dsc_run_result result;
	char absent[256];

	snprintf(absent, sizeof(absent), "%.*s/99", (int)(number - url), url);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--json", absent, NULL }), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "\"sense_key\":5"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "\"asc\":37"));
	CU_ASSERT_PTR_NULL(strstr(result.err, "login_class"));
	dsc_run_free(&result);
}

/* A line of its own, before the report; and none where we are not let in. */
static void test_progress(void)
{
	struct dsc_run_result result;

	expect_progress("--json", "{\"event\": \"logged in\"}\n{");
	expect_progress(NULL, "logged in\n");
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--progress", "--json", "--option",
		"expected_id=naa.0", url, NULL }), 1);
	CU_ASSERT_STRING_EQUAL(result.out, "");
	dsc_run_free(&result);
	expect_usage("--progress", (const char *const[]){
		"./discsi-nbd", "--stdio", "--progress", url, NULL });
}

static const struct dsc_test tests[] = {
	{ "stdio-libnbd", test_stdio_libnbd },
	{ "stdio-detached", test_stdio_detached },
	{ "stdio-pipes", test_stdio_pipes },
	{ "stdio-nobody", test_stdio_nobody },
	{ "stdio-verbose", test_stdio_verbose },
	{ "stdio-nbdfuse", test_stdio_nbdfuse },
	{ "activation-libnbd", test_activation_libnbd },
	{ "activation-nbdinfo", test_activation_nbdinfo },
	{ "activation-nbdcopy", test_activation_nbdcopy },
	{ "activation-output", test_activation_output },
	{ "activation-client-killed", test_activation_client_killed },
	{ "activation-systemd", test_activation_systemd },
	{ "activation-foreign", test_activation_foreign },
	{ "activation-mistakes", test_activation_mistakes },
	{ "max-clients", test_max_clients },
	{ "connections", test_connections },
	{ "usage", test_usage },
	{ "nobody-told", test_nobody_told },
	{ "nobody-told-supervised", test_nobody_told_supervised },
	{ "unread-report", test_unread_report },
	{ "unreadable-report", test_unreadable_report },
	{ "closed-streams", test_closed_streams },
	{ "details", test_details },
	{ "progress", test_progress },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-ways", tests, setup, teardown,
				     argc, argv);
}
