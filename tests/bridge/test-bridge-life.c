/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-life.c: discsi-nbd as a process: how it starts, what it says and
 * leaves, what it refuses, and how it ends on signals, with clients at work or
 * a target that does not answer.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"

#define ID BRIDGE_ID("1")

static char *url;

static int setup(void)
{
	int status = bridge_setup();

	if (status < 0 || rig_tgtd() == NULL)
		return status;
	url = rig_setup_url(TARGET_OPEN, 1);
	if (url == NULL)
		return -1;
	return dsc_tgtd_add_lun(rig_tgtd(), 2, 1, 8 * MIB, 512, 0);
}

static void teardown(void)
{
	free(url);
	rig_teardown();
}

static bool has_mode(const char *path, mode_t mode)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & 07777) == mode;
}

static char *read_text(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(path, "re");

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	if (file != NULL) {
		if (fread(text, 1, 65535, file) == 0)
			text[0] = '\0';
		fclose(file);
	}
	return text;
}

/* One command of qemu-io's on the export: 0 when it did what it should. */
static int qemu_read(const char *socket, const char *command)
{
	char *qemu_uri = bridge_qemu_uri(socket);
	struct dsc_run_result result;
	int status;

	status = dsc_run(&result, (const char *const[]){
		"qemu-io", "-f", "raw", "-c", command, qemu_uri, NULL });
	if (strstr(result.out, "failed") != NULL)
		status = 1;
	dsc_run_free(&result);
	free(qemu_uri);
	return status;
}

static bool has_qemu_io(void)
{
	if (dsc_has_program("qemu-io"))
		return true;
	dsc_test_skip("qemu-io is not installed");
	return false;
}

/* ------------------------------------------------------------------- start */

static void test_fork(void)
{
	struct json_object *ready = bridge_start(url);
	char *state = bridge_file(ID, ".json");
	char *path = bridge_file(ID, ".sock");
	struct json_object *object;
	char *text;

	CU_ASSERT_STRING_EQUAL(rig_text(ready, "id"), ID);
	CU_ASSERT_STRING_EQUAL(rig_text(ready, "device"), "");
	CU_ASSERT_STRING_EQUAL(rig_text(ready, "socket"), path);
	CU_ASSERT_EQUAL(rig_number(ready, "bytes"), BRIDGE_BYTES);
	CU_ASSERT_STRING_EQUAL(rig_text(ready, "link"), "");
	CU_ASSERT_EQUAL(json_object_object_length(ready), 5);
	json_object_put(ready);
	CU_ASSERT(has_mode(path, 0600));

	text = read_text(state);
	object = json_tokener_parse(text);
	CU_ASSERT_EQUAL(rig_number(object, "version"), 1);
	CU_ASSERT_STRING_EQUAL(rig_text(object, "id"), ID);
	CU_ASSERT_EQUAL((pid_t)rig_number(object, "pid"), bridge_pid(ID));
	CU_ASSERT_STRING_EQUAL(rig_text(object, "socket"), path);
	CU_ASSERT_STRING_EQUAL(rig_text(object, "target"), TARGET_OPEN);
	CU_ASSERT_STRING_EQUAL(rig_text(object, "portal"),
			       dsc_tgtd_portal(rig_tgtd()));
	CU_ASSERT_EQUAL(rig_number(object, "lun"), 1);
	CU_ASSERT_EQUAL(rig_number(object, "bytes"), BRIDGE_BYTES);
	CU_ASSERT(rig_number(object, "started") > 1500000000);
	json_object_put(object);
	free(text);
	bridge_stop(ID);
	free(state);
	free(path);
}

/* What is detached must not hold what its parent had open. */
static void test_detached(void)
{
	char link[64], target[256];
	ssize_t length;
	pid_t pid;
	int fd;

	json_object_put(bridge_start(url));
	pid = bridge_pid(ID);
	CU_ASSERT_EQUAL(getsid(pid), pid);
	for (fd = 0; fd <= 2; fd++) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
		length = readlink(link, target, sizeof(target) - 1);
		CU_ASSERT_FATAL(length > 0);
		target[length] = '\0';
		CU_ASSERT_STRING_EQUAL(target, "/dev/null");
	}
	snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	length = readlink(link, target, sizeof(target) - 1);
	CU_ASSERT(length == 1 && target[0] == '/');
	bridge_stop(ID);
}

static bool is_served(void *arg)
{
	return access(arg, F_OK) == 0;
}

static void run_foreground(int signum)
{
	char *path = dsc_temp_path("fg.sock");
	char *state = bridge_file(ID, ".json");
	struct dsc_process *process;
	char *output;

	process = dsc_process_start((const char *const[]){
		"./discsi-nbd", "--socket", path, url, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	CU_ASSERT(dsc_wait_for(is_served, state, 20000));
	dsc_process_signal(process, signum);
	CU_ASSERT_EQUAL(dsc_process_wait(process, 20000), 0);
	output = dsc_process_output(process);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, ID " is ready on "));
	free(output);
	dsc_process_stop(process);
	CU_ASSERT(access(path, F_OK) < 0);
	CU_ASSERT(bridge_is_nothing_left());
	free(path);
	free(state);
}

static void test_foreground(void)
{
	run_foreground(SIGTERM);
	run_foreground(SIGINT);
	run_foreground(SIGHUP);
}

/* A closed terminal is no reason for a daemon to end. */
static void test_hangup(void)
{
	struct json_object *ready = bridge_start(url);

	if (has_qemu_io()) {
		kill(bridge_pid(ID), SIGHUP);
		CU_ASSERT_EQUAL(qemu_read(rig_text(ready, "socket"),
					  "read -P 0x5a 0 4k"), 0);
	}
	json_object_put(ready);
	bridge_stop(ID);
}

/* Only what a dead process has left is abandoned. */
static void test_abandon(void)
{
	struct json_object *ready = bridge_start(url);
	struct dsc_run_result result;

	rig_fails_args("EBUSY", "is served by process", (const char *const[]){
		"./discsi-nbd", "--json", "--abandon", ID, NULL });
	CU_ASSERT(bridge_pid(ID) > 0);
	bridge_stop(ID);
	rig_run_args(&result, 0, (const char *const[]){
		"./discsi-nbd", "--abandon", ID, NULL });
	dsc_run_free(&result);
	CU_ASSERT(bridge_is_nothing_left());
	json_object_put(ready);
}

static void test_read_only(void)
{
	struct json_object *ready = bridge_start("--read-only", url);
	const char *path = rig_text(ready, "socket");

	if (has_qemu_io()) {
		CU_ASSERT_NOT_EQUAL(qemu_read(path, "write -P 1 0 4k"), 0);
		CU_ASSERT_EQUAL(qemu_read(path, "read -r -P 0x5a 0 4k"), 1);
	}
	json_object_put(ready);
	bridge_stop(ID);
}

/* A relative path is one of the directory it was started in. */
static void test_relative_socket(void)
{
	char *directory = getcwd(NULL, 0);
	struct json_object *ready;
	char *path = dsc_temp_path("rel.sock");
	char *program = dsc_find_program("./discsi-nbd");
	struct dsc_run_result result;

	CU_ASSERT_EQUAL_FATAL(chdir(dsc_temp_dir()), 0);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		program, "--fork", "--json", "--socket", "rel.sock", url,
		NULL }), 0);
	ready = json_tokener_parse(result.out);
	CU_ASSERT_STRING_EQUAL(rig_text(ready, "socket"), path);
	json_object_put(ready);
	dsc_run_free(&result);
	CU_ASSERT_EQUAL(chdir(directory), 0);
	CU_ASSERT(has_mode(path, 0600));
	bridge_stop(ID);
	CU_ASSERT(access(path, F_OK) < 0);
	free(program);
	free(path);
	free(directory);
}

/* ---------------------------------------------------------------- refusals */

static void test_twice(void)
{
	char process[64];

	json_object_put(bridge_start(url));
	snprintf(process, sizeof(process), "by process %d",
		 (int)bridge_pid(ID));
	bridge_fails("EEXIST", process, url);
	bridge_stop(ID);
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address,
				   sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 4), 0);
	return fd;
}

static void test_sockets_in_the_way(void)
{
	char *path = dsc_temp_path("way.sock");
	char *file = dsc_temp_write("way.txt", "precious");
	char *text;
	int fd = listen_on(path);

	bridge_fails("EADDRINUSE", path, "--socket", path, url);
	CU_ASSERT(bridge_is_nothing_left());
	CU_ASSERT(access(path, F_OK) == 0);
	close(fd);
	json_object_put(bridge_start("--socket", path, url));
	bridge_stop(ID);

	bridge_fails("EEXIST", file, "--socket", file, url);
	text = read_text(file);
	CU_ASSERT_STRING_EQUAL(text, "precious");
	free(text);
	unlink(file);
	CU_ASSERT(bridge_is_nothing_left());
	free(path);
	free(file);
}

static void test_targets_that_refuse(void)
{
	char *wrong = rig_url_chap(CHAP_USER, "canary-wrong-one", 1);
	char *no_lun = rig_url(TARGET_OPEN, 77);
	char *no_target = rig_url("iqn.2026-11.test.tool:none", 1);
	char dead_url[128];
	int fd;
	uint16_t port = dsc_dead_port(&fd);

	snprintf(dead_url, sizeof(dead_url), "iscsi://127.0.0.1:%u/%s/1",
		 port, TARGET_OPEN);
	bridge_fails("EACCES", TARGET_CHAP, wrong);
	bridge_fails("ENXIO", "LUN 77", no_lun);
	bridge_fails("ENOENT", "iqn.2026-11.test.tool:none", no_target);
	bridge_fails("ECONNREFUSED", "127.0.0.1", dead_url);
	close(fd);
	CU_ASSERT(bridge_is_nothing_left());
	free(wrong);
	free(no_lun);
	free(no_target);
}

static void test_no_kernel_device(void)
{
	if (access("/sys/module/nbd", F_OK) == 0) {
		dsc_test_skip("this kernel has nbd");
		return;
	}
	bridge_fails("EOPNOTSUPP", "modprobe nbd", "--device", "auto", url);
	bridge_fails("EOPNOTSUPP", "modprobe nbd", "--device", "/dev/nbd0",
		     url);
	CU_ASSERT(bridge_is_nothing_left());
}

/* What is wrong is told without a word that may be a secret. */
static void test_usage(void)
{
	static const struct {
		const char *words;
		const char *argv[5];
	} cases[] = {
		{ "which LUN", { "./discsi-nbd" } },
		{ "--bogus is unknown", { "./discsi-nbd", "--bogus" } },
		{ "--bogus is unknown", { "./discsi-nbd", "--bogus=canary" } },
		{ "-x is unknown", { "./discsi-nbd", "-xy", "iscsi://h/t/1" } },
		{ "--socket lacks", { "./discsi-nbd", "--socket" } },
		{ "--fork takes no", { "./discsi-nbd", "--fork=canary" } },
		{ "--password-file", { "./discsi-nbd", "--password=canary" } },
		{ "--password-file", { "./discsi-nbd", "--target-password",
				       "canary", "iscsi://h/t/1" } },
		{ "not an iscsi:// URL", { "./discsi-nbd",
					   "iscsi:/u%canary@host/t/1" } },
		{ "one URL", { "./discsi-nbd", "iscsi://h/t/1",
			       "iscsi://h/t/1" } },
		{ "exclude", { "./discsi-nbd", "--device=auto", "--socket=x",
			       "iscsi://h/t/1" } },
		{ "/dev/nbdN", { "./discsi-nbd", "--device=/dev/sda",
				 "iscsi://127.0.0.1:1/iqn.2026-11.x:y/1" } },
		{ "--socket takes", { "./discsi-nbd", "--socket=",
				      "iscsi://h/t/1" } },
		{ "id of a bridge", { "./discsi-nbd", "--abandon=a/b" } },
		{ "--abandon", { "./discsi-nbd", "--abandon=x", "--takeover",
				 "y" } },
		{ "--abandon", { "./discsi-nbd", "--abandon=x",
				 "iscsi://h/t/1" } },
		{ "{\"error\"", { "./discsi-nbd", "--bogus", "--json" } },
	};
	struct dsc_run_result result;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(dsc_run(&result, cases[i].argv), 2);
		if (strstr(result.err, cases[i].words) == NULL)
			CU_FAIL(cases[i].words);
		CU_ASSERT_PTR_NULL(strstr(result.err, "canary"));
		CU_ASSERT_STRING_EQUAL(result.out, "");
		dsc_run_free(&result);
	}
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--help", NULL }), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "--header-digest WHEN"));
	dsc_run_free(&result);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--version", NULL }), 0);
	CU_ASSERT_EQUAL(strncmp(result.out, "discsi-nbd ", 11), 0);
	dsc_run_free(&result);
}

/* ------------------------------------------------------------------ secrets */

static void expect_no_secret(pid_t pid)
{
	char *state = bridge_file(TARGET_CHAP "-lun-1", ".json");
	char path[64];
	char *text;

	text = read_text(state);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, TARGET_CHAP));
	CU_ASSERT_PTR_NULL(strstr(text, "canary"));
	free(text);
	free(state);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	text = read_text(path);
	for (char *c = text; c < text + 4096; c++) {
		if (*c == '\0')
			*c = ' ';
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "discsi-nbd"));
	CU_ASSERT_PTR_NULL(strstr(text, "canary"));
	free(text);
}

/* A file that only this process has open is read, and not kept open. */
static void expect_inherited_file(const char *secret, const char *chap_url)
{
	const char *id = TARGET_CHAP "-lun-1";
	char link[64], target[256] = "";
	char *program = dsc_find_program("./discsi-nbd");
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"sh", "-c", "exec 9<\"$1\"; exec \"$2\" --fork "
		"--password-file /dev/fd/9 \"$3\"", "sh", secret, program,
		chap_url, NULL }), 0);
	dsc_run_free(&result);
	snprintf(link, sizeof(link), "/proc/%d/fd/9", (int)bridge_pid(id));
	if (readlink(link, target, sizeof(target) - 1) < 0)
		target[0] = '\0';
	CU_ASSERT_STRING_NOT_EQUAL(target, secret);
	bridge_stop(id);
	free(program);
}

/* By URL, by files, and as JSON on standard input. */
static void test_secrets(void)
{
	const char *id = TARGET_CHAP "-lun-1";
	char *chap = rig_url_chap(CHAP_USER, CHAP_SECRET, 1);
	char *secret = dsc_temp_write("secret", CHAP_SECRET "\n");
	struct dsc_run_options options = { 0 };
	struct dsc_run_result result;
	char url_user[256], json[512];

	json_object_put(bridge_start(chap));
	expect_no_secret(bridge_pid(id));
	bridge_stop(id);

	snprintf(url_user, sizeof(url_user), "iscsi://%s@%s/%s/1", CHAP_USER,
		 dsc_tgtd_portal(rig_tgtd()), TARGET_CHAP);
	json_object_put(bridge_start("--password-file", secret, url_user));
	expect_no_secret(bridge_pid(id));
	bridge_stop(id);
	expect_inherited_file(secret, url_user);

	snprintf(json, sizeof(json), "{\"portal\": \"%s\", \"iqn\": \"%s\", "
		 "\"lun_id\": 1, \"username\": \"%s\", \"password\": \"%s\", "
		 "\"target_username\": \"%s\", \"target_password\": \"%s\"}",
		 dsc_tgtd_portal(rig_tgtd()), TARGET_CHAP, CHAP_USER,
		 CHAP_SECRET, MUTUAL_USER, MUTUAL_SECRET);
	options.input = json;
	options.input_length = strlen(json);
	CU_ASSERT_EQUAL(dsc_run_with(&result, &options, (const char *const[]){
		"./discsi-nbd", "--fork", "--json", "--config", "-", NULL }),
		0);
	CU_ASSERT_PTR_NULL(strstr(result.out, "canary"));
	CU_ASSERT_PTR_NULL(strstr(result.err, "canary"));
	dsc_run_free(&result);
	expect_no_secret(bridge_pid(id));
	bridge_stop(id);
	free(secret);
	free(chap);
}

/* ------------------------------------------------------------------ endings */

/* Clients at work get their replies, and what they wrote is there. */
static void test_end_under_load(void)
{
	struct json_object *ready = bridge_start(url);
	char *backing = dsc_tgtd_lun_path(rig_tgtd(), 1, 1);
	char *qemu_uri = bridge_qemu_uri(rig_text(ready, "socket"));
	struct dsc_process *process;

	if (has_qemu_io()) {
		process = dsc_process_start((const char *const[]){
			"qemu-io", "-f", "raw", "-c", "write -P 0x21 0 16M",
			"-c", "write -P 0x22 0 16M", "-c",
			"write -P 0x23 0 16M", qemu_uri, NULL }, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(process);
		bridge_stop(ID);
		dsc_process_wait(process, 30000);
		dsc_process_stop(process);
	}
	json_object_put(ready);
	free(backing);
	free(qemu_uri);
}

static bool is_gone(void *arg)
{
	return access(arg, F_OK) < 0;
}

/* The target does not answer any more: a second signal does not wait. */
static void test_hurry(void)
{
	struct json_object *ready = bridge_start(url);
	char *qemu_uri = bridge_qemu_uri(rig_text(ready, "socket"));
	char *path = bridge_file(ID, ".sock");
	struct dsc_process *process;
	pid_t pid = bridge_pid(ID);

	if (has_qemu_io()) {
		kill(dsc_tgtd_pid(rig_tgtd()), SIGSTOP);
		process = dsc_process_start((const char *const[]){
			"qemu-io", "-f", "raw", "-c", "read 0 1M", qemu_uri,
			NULL }, NULL);
		CU_ASSERT_PTR_NOT_NULL(process);
		kill(pid, SIGTERM);
		CU_ASSERT(dsc_wait_for(is_gone, path, 10000));
		kill(pid, SIGTERM);
		CU_ASSERT(bridge_wait_gone(ID, 10000));
		kill(dsc_tgtd_pid(rig_tgtd()), SIGCONT);
		CU_ASSERT(bridge_is_nothing_left());
		dsc_process_wait(process, 30000);
		dsc_process_stop(process);
	}
	json_object_put(ready);
	free(qemu_uri);
	free(path);
	if (bridge_pid(ID) > 1)
		bridge_stop(ID);
}

static bool is_locked(void *arg)
{
	(void)arg;
	return bridge_pid(ID) > 1;
}

/* Told to end, or left alone, while the login is still under way. */
static void test_end_before_ready(void)
{
	char silent_url[128];
	struct dsc_process *process;
	int fd, i;
	uint16_t port = dsc_silent_port(&fd);

	snprintf(silent_url, sizeof(silent_url), "iscsi://127.0.0.1:%u/%s/1",
		 port, TARGET_OPEN);
	for (i = 0; i < 2; i++) {
		process = dsc_process_start((const char *const[]){
			"./discsi-nbd", "--fork", "--socket", "x.sock",
			silent_url, NULL }, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(process);
		CU_ASSERT(dsc_wait_for(is_locked, NULL, 10000));
		if (i == 0)
			kill(bridge_pid(ID), SIGTERM);
		else
			dsc_process_signal(process, SIGKILL);
		CU_ASSERT(bridge_wait_gone(ID, 5000));
		CU_ASSERT_NOT_EQUAL(dsc_process_wait(process, 5000), 0);
		dsc_process_stop(process);
		CU_ASSERT(bridge_is_nothing_left());
	}
	close(fd);
}

static bool is_not_alive(void *arg)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/0", *(int *)arg);
	return stat(path, &st) < 0;
}

/* After kill -9 the next one finds a stale lock, state and socket. */
static void test_killed(void)
{
	struct json_object *ready = bridge_start(url);
	int pid = bridge_pid(ID);

	json_object_put(ready);
	kill(pid, SIGKILL);
	CU_ASSERT(dsc_wait_for(is_not_alive, &pid, 10000));
	ready = bridge_start(url);
	CU_ASSERT_NOT_EQUAL(bridge_pid(ID), pid);
	if (has_qemu_io())
		CU_ASSERT_EQUAL(qemu_read(rig_text(ready, "socket"),
					  "read 0 1M"), 0);
	json_object_put(ready);
	bridge_stop(ID);
}

/* What it has left elsewhere goes when the next one is up. */
static void test_killed_elsewhere(void)
{
	char *one = dsc_temp_path("one.sock");
	char *other = dsc_temp_path("other.sock");
	int pid;

	json_object_put(bridge_start("--socket", one, url));
	pid = bridge_pid(ID);
	kill(pid, SIGKILL);
	CU_ASSERT(dsc_wait_for(is_not_alive, &pid, 10000));
	CU_ASSERT_EQUAL(access(one, F_OK), 0);
	json_object_put(bridge_start("--socket", other, url));
	CU_ASSERT(access(one, F_OK) < 0);
	CU_ASSERT_EQUAL(access(other, F_OK), 0);
	bridge_stop(ID);
	CU_ASSERT(access(other, F_OK) < 0);
	free(one);
	free(other);
}

/* Told to end when its worker is dead, a supervisor clears up after that. */
static void test_killed_and_ended(void)
{
	char *path = dsc_temp_path("ended.sock");
	char *file = bridge_file(ID, ".json");
	struct json_object *state;
	pid_t supervisor, worker;

	json_object_put(bridge_start("--supervise", "--socket", path, url));
	state = json_object_from_file(file);
	supervisor = (pid_t)rig_number(state, "pid");
	worker = (pid_t)rig_number(state, "worker");
	CU_ASSERT_FATAL(supervisor > 1 && worker > 1 && supervisor != worker);
	kill(supervisor, SIGSTOP);
	kill(worker, SIGKILL);
	kill(supervisor, SIGTERM);
	kill(supervisor, SIGCONT);
	CU_ASSERT(bridge_wait_gone(ID, 20000));
	CU_ASSERT(access(path, F_OK) < 0);
	CU_ASSERT(bridge_forget_owed(ID));
	CU_ASSERT(bridge_is_nothing_left());
	json_object_put(state);
	free(path);
	free(file);
}

/* Whoever looks finds it again, can connect, and can end it. */
static void remove_files(struct json_object *ready)
{
	static const char *const suffixes[] = { ".lock", ".json", ".sock" };
	char *path[3];
	size_t i;

	for (i = 0; i < 3; i++) {
		path[i] = bridge_file(ID, suffixes[i]);
		CU_ASSERT_EQUAL(unlink(path[i]), 0);
	}
	for (i = 0; i < 3; i++)
		CU_ASSERT(dsc_wait_for(is_served, path[i], 20000));
	if (has_qemu_io())
		CU_ASSERT_EQUAL(qemu_read(path[2], "read -P 0x5a 0 4k"), 0);
	json_object_put(ready);
	bridge_stop(ID);
	for (i = 0; i < 3; i++)
		free(path[i]);
}

static void test_files_removed(void)
{
	remove_files(bridge_start(url));
	remove_files(bridge_start("--supervise", url));
}

static const struct dsc_test tests[] = {
	{ "fork", test_fork },
	{ "detached", test_detached },
	{ "foreground", test_foreground },
	{ "hangup", test_hangup },
	{ "abandon", test_abandon },
	{ "read-only", test_read_only },
	{ "relative-socket", test_relative_socket },
	{ "twice", test_twice },
	{ "sockets-in-the-way", test_sockets_in_the_way },
	{ "targets-that-refuse", test_targets_that_refuse },
	{ "no-kernel-device", test_no_kernel_device },
	{ "usage", test_usage },
	{ "secrets", test_secrets },
	{ "end-under-load", test_end_under_load },
	{ "hurry", test_hurry },
	{ "end-before-ready", test_end_before_ready },
	{ "killed", test_killed },
	{ "killed-elsewhere", test_killed_elsewhere },
	{ "killed-and-ended", test_killed_and_ended },
	{ "files-removed", test_files_removed },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-life", tests, setup, teardown,
				     argc, argv);
}
