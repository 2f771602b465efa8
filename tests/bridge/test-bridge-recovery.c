/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-recovery.c: what discsi-nbd and discsi tell of a session that is
 * lost, recovered, or given up. The target is the simulated one, in this
 * process, which can be killed and comes back on the same port. Test's thread.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"
#include "simtarget/simtarget.h"

#define ID SIM_IQN "-lun-0"
#define BLOCKS 65536u
#define WAIT_MS 30000u

static struct sim *sim;
static char *url;

static int setup(void)
{
	const struct sim_config config = { .blocks = BLOCKS };

	if (!dsc_has_program("./discsi-nbd")) {
		dsc_test_skip("discsi-nbd is not built");
		return 0;
	}
	rig_environment();
	sim = sim_start(&config);
	if (sim == NULL || asprintf(&url, "iscsi://%s/" SIM_IQN "/0",
				    sim_portal(sim, 0)) < 0)
		return -1;
	return 0;
}

static void teardown(void)
{
	rig_teardown();
	if (sim != NULL)
		sim_stop(sim);
	free(url);
}

/* ----------------------------------------------------------------- looking */

/* What status tells of the one bridge there is; to be put. */
static struct json_object *status(void)
{
	struct json_object *array = rig_json("status");
	struct json_object *entry;

	CU_ASSERT_EQUAL_FATAL(json_object_array_length(array), 1);
	entry = json_object_get(json_object_array_get_idx(array, 0));
	json_object_put(array);
	return entry;
}

static bool is_state(void *arg)
{
	struct json_object *entry = status();
	bool is = strcmp(rig_text(entry, "state"), arg) == 0;

	json_object_put(entry);
	return is;
}

static bool wait_state(const char *state)
{
	return dsc_wait_for(is_state, (void *)state, WAIT_MS);
}

static void expect_table(const char *words)
{
	struct dsc_run_result result;

	rig_run(&result, 0, "status");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, words));
	if (strstr(result.out, words) == NULL)
		dsc_test_note("%s", result.out);
	dsc_run_free(&result);
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	CU_ASSERT(json_object_object_get_ex(object, name, &value));
	return value;
}

static bool has_qemu_io(void)
{
	if (dsc_has_program("qemu-io"))
		return true;
	dsc_test_skip("qemu-io is not installed");
	return false;
}

static void read_some(struct json_object *ready)
{
	char *uri = bridge_qemu_uri(rig_text(ready, "socket"));

	bridge_client("qemu-io", "-f", "raw", "-c", "read 0 64k", uri);
	free(uri);
}

/* ------------------------------------------------------------------- tests */

static void test_lost_and_recovered(void)
{
	struct json_object *ready = bridge_start(url);
	struct json_object *entry = status();
	struct json_object *stats;

	CU_ASSERT_STRING_EQUAL(rig_text(entry, "state"), "ready");
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "last_event"), "connected");
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "last_error"), "");
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "portal"), sim_portal(sim, 0));
	CU_ASSERT_EQUAL(rig_number(entry, "sessions"), 1);
	CU_ASSERT_EQUAL(rig_number(entry, "sessions_ready"), 1);
	CU_ASSERT(rig_number(entry, "started") > 1500000000);
	json_object_put(entry);
	expect_table("ready");

	sim_kill(sim);
	CU_ASSERT(wait_state("recovering"));
	expect_table("recovering (since ");
	entry = status();
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "last_event"), "lost");
	CU_ASSERT_STRING_NOT_EQUAL(rig_text(entry, "last_error"), "");
	CU_ASSERT(rig_number(entry, "last_error_time") >=
		  rig_number(entry, "started"));
	CU_ASSERT_EQUAL(rig_number(entry, "sessions_ready"), 0);
	json_object_put(entry);

	sim_restart(sim);
	CU_ASSERT(wait_state("ready"));
	expect_table("ready");
	entry = status();
	stats = member(entry, "stats");
	CU_ASSERT_EQUAL(rig_number(stats, "losses"), 1);
	CU_ASSERT_EQUAL(rig_number(stats, "recoveries"), 1);
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "last_event"), "recovered");
	CU_ASSERT_STRING_NOT_EQUAL(rig_text(entry, "last_error"), "");
	json_object_put(entry);
	json_object_put(ready);
	bridge_stop(ID);
}

/* The options are how an operator says that nothing is to wait so long. */
static void test_failed(void)
{
	struct json_object *ready = bridge_start(
		"--option", "replacement_timeout=300", "--option",
		"noop_interval=0", url);
	struct dsc_run_result result;
	struct json_object *entry;

	sim_kill(sim);
	CU_ASSERT(wait_state("failed"));
	expect_table("failed: ");
	entry = status();
	CU_ASSERT_PTR_NOT_NULL(strstr(rig_text(entry, "last_error"),
				      "300 ms"));
	CU_ASSERT_EQUAL(rig_number(entry, "sessions_ready"), 0);
	json_object_put(entry);
	rig_run(&result, 0, "status", ID);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "300 ms"));
	dsc_run_free(&result);
	sim_restart(sim);
	json_object_put(ready);
	bridge_stop(ID);
}

static bool has_read(void *arg)
{
	struct json_object *entry = status();
	struct json_object *read = member(member(entry, "stats"), "read");
	bool has = rig_number(read, "bytes") >= 65536;

	(void)arg;
	json_object_put(entry);
	return has;
}

static void test_statistics(void)
{
	struct json_object *ready = bridge_start(url);
	struct dsc_run_result result;
	struct json_object *entry, *read;

	if (has_qemu_io()) {
		read_some(ready);
		CU_ASSERT(dsc_wait_for(has_read, NULL, WAIT_MS));
		entry = rig_json("status", ID);
		read = member(member(entry, "stats"), "read");
		CU_ASSERT(rig_number(read, "commands") > 0);
		CU_ASSERT_EQUAL(rig_number(read, "errors"), 0);
		CU_ASSERT(rig_number(read, "p50_us") > 0);
		CU_ASSERT(rig_number(read, "p50_us") <=
			  rig_number(read, "p99_us"));
		CU_ASSERT(rig_number(read, "p99_us") <=
			  rig_number(read, "max_us"));
		CU_ASSERT_EQUAL(json_object_array_length(
			member(read, "latency")), 32);
		json_object_put(entry);
		rig_run(&result, 0, "status", rig_text(ready, "socket"));
		CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "p99 < "));
		dsc_run_free(&result);
	}
	rig_fails("ENOENT", "discsi status", "status", "nothing");
	json_object_put(ready);
	bridge_stop(ID);
}

static bool has_grown(void *arg)
{
	struct json_object *entry = status();
	bool has = rig_number(entry, "bytes") == 2 * BLOCKS * 512 &&
		   strcmp(rig_text(entry, "last_event"),
			  "capacity changed") == 0;

	read_some(arg);
	json_object_put(entry);
	return has;
}

/* Seen with the next command; who connects then gets the new size. */
static void test_capacity(void)
{
	struct json_object *ready = bridge_start(url);
	char *uri = bridge_qemu_uri(rig_text(ready, "socket"));

	if (has_qemu_io()) {
		sim_resize(sim, 0, 2 * BLOCKS);
		CU_ASSERT(dsc_wait_for(has_grown, ready, WAIT_MS));
		bridge_client("qemu-io", "-f", "raw", "-c", "read 40M 64k",
			      uri);
		sim_resize(sim, 0, BLOCKS);
	}
	free(uri);
	json_object_put(ready);
	bridge_stop(ID);
}

static bool has_other_luns(void *arg)
{
	struct json_object *entry = status();
	bool has = strcmp(rig_text(entry, "last_event"), "LUNs changed") == 0;

	read_some(arg);
	json_object_put(entry);
	return has;
}

static void test_luns_changed(void)
{
	struct json_object *ready = bridge_start(url);

	if (has_qemu_io()) {
		sim_unit_attention(sim, 0, 0x3f, 0x0e);
		CU_ASSERT(dsc_wait_for(has_other_luns, ready, WAIT_MS));
	}
	json_object_put(ready);
	bridge_stop(ID);
}

static void test_several_sessions(void)
{
	struct json_object *ready = bridge_start("--option", "sessions=3",
						 url);
	struct json_object *entry = status();

	CU_ASSERT_EQUAL(rig_number(entry, "sessions"), 3);
	CU_ASSERT_EQUAL(rig_number(entry, "sessions_ready"), 3);
	json_object_put(entry);
	json_object_put(ready);
	bridge_stop(ID);
}

static bool is_whole(void *arg)
{
	struct json_object *entry = status();
	bool is = rig_number(entry, "sessions_ready") == 2;

	(void)arg;
	json_object_put(entry);
	return is;
}

static bool is_broken(void *arg)
{
	return !is_whole(arg);
}

/* A write that fails, and that the target may carry out still. */
static void fail_write(const char *uri)
{
	const struct sim_rule hold = {
		.opcode = 0x2a, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct dsc_run_result result;

	sim_rule(sim, &hold);
	sim_set_management(sim, 1, 255);
	sim_set_management(sim, 5, 255);
	sim_refuse(sim, 0, true);
	CU_ASSERT_NOT_EQUAL(dsc_run(&result, (const char *const[]){
		"qemu-io", "-f", "raw", "-c", "write -P 0x41 0 4k", uri,
		NULL }), 0);
	dsc_run_free(&result);
	CU_ASSERT_EQUAL(sim_held(sim), 1);
	CU_ASSERT(dsc_wait_for(is_broken, NULL, WAIT_MS));
	sim_set_management(sim, 1, 0);
	sim_set_management(sim, 5, 0);
	sim_clear_rules(sim);
	sim_refuse(sim, 0, false);
}

/* It is over before another process serves the disk, which knows nothing. */
static void test_taken_over_when_whole(void)
{
	struct json_object *ready = bridge_start(
		"--option", "sessions=2", "--option", "command_timeout=2000",
		url);
	char *uri = bridge_qemu_uri(rig_text(ready, "socket"));
	struct dsc_run_result result;
	int rc = 1;

	if (has_qemu_io()) {
		fail_write(uri);
		rc = dsc_run(&result, (const char *const[]){
			"./discsi-nbd", "--fork", "--json", "--takeover", ID,
			NULL });
		/* The session may have come back just before. */
		CU_ASSERT(rc == 0 || strstr(result.out, "EBUSY") != NULL ||
			  strstr(result.err, "EBUSY") != NULL);
		dsc_run_free(&result);
		if (rc != 0)
			CU_ASSERT(dsc_wait_for(is_whole, NULL, WAIT_MS));
		bridge_client("qemu-io", "-f", "raw", "-c",
			      "write -P 0x42 0 4k", "-c", "flush", uri);
		CU_ASSERT_EQUAL(sim_held(sim), 0);
		sim_release(sim);
	}
	json_object_put(ready);
	free(uri);
	bridge_stop(ID);
}

static bool has_changed(const char *path, ino_t *last)
{
	struct stat st;
	bool has;

	if (stat(path, &st) < 0)
		return false;
	has = st.st_ino != *last;
	*last = st.st_ino;
	return has;
}

/* A target that comes and goes does not have the file written all the time. */
static void test_flapping(void)
{
	struct json_object *ready = bridge_start(url);
	char *path = bridge_file(ID, ".json");
	unsigned long long begun = dsc_now_ms();
	unsigned logins = sim_logins(sim);
	unsigned changes = 0;
	unsigned long long now;
	ino_t last = 0;

	has_changed(path, &last);
	do {
		sim_drop_all(sim);
		usleep(5000);
		changes += has_changed(path, &last);
		now = dsc_now_ms();
	} while (now - begun < 3000 || (sim_logins(sim) - logins < 3 &&
					now - begun < WAIT_MS));
	CU_ASSERT(sim_logins(sim) - logins >= 3);
	CU_ASSERT(changes >= 1);
	CU_ASSERT(changes <= 2 + 2 * (now - begun) / 1000);
	dsc_test_note("%u logins, %u files in %llu ms",
		      sim_logins(sim) - logins, changes, now - begun);
	CU_ASSERT(wait_state("ready"));
	json_object_put(ready);
	free(path);
	bridge_stop(ID);
}

static bool is_there(void *arg)
{
	return access(arg, F_OK) == 0;
}

/* As by somebody who tidies /run up: the bridge is found again soon. */
static void remove_directory(struct json_object *ready)
{
	char *state = bridge_file(ID, ".json");
	char *control = bridge_file(ID, ".ctl");
	pid_t pid = bridge_pid(ID);
	struct dsc_run_result result;
	char *uri;

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"rm", "-r", getenv("DISCSI_RUN_DIR"), NULL }), 0);
	dsc_run_free(&result);
	CU_ASSERT(dsc_wait_for(is_there, state, WAIT_MS));
	CU_ASSERT_EQUAL(bridge_pid(ID), pid);
	CU_ASSERT(dsc_wait_for(is_there, (void *)rig_text(ready, "socket"),
			       WAIT_MS));
	bridge_fails("EEXIST", "attached already", url);
	uri = bridge_uri(rig_text(ready, "socket"));
	bridge_client("nbdinfo", "--size", uri);
	/* It can be replaced, too. */
	CU_ASSERT(dsc_wait_for(is_there, control, WAIT_MS));
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--fork", "--takeover", ID, NULL }), 0);
	dsc_run_free(&result);
	bridge_client("nbdinfo", "--size", uri);
	free(uri);
	bridge_stop(ID);
	json_object_put(ready);
	free(control);
	free(state);
}

static void test_directory_removed(void)
{
	remove_directory(bridge_start(url));
	remove_directory(bridge_start("--supervise", url));
}

static bool is_socket(void *arg)
{
	struct stat st;

	return lstat(arg, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* What is in the way of the control socket goes away. */
static void test_control_later(void)
{
	char *control = bridge_file(ID, ".ctl");
	struct dsc_run_result result;
	struct json_object *ready;

	mkdir(getenv("DISCSI_RUN_DIR"), 0700);
	CU_ASSERT_EQUAL(mkdir(control, 0700), 0);
	ready = bridge_start(url);
	CU_ASSERT_EQUAL(rmdir(control), 0);
	CU_ASSERT(dsc_wait_for(is_socket, control, WAIT_MS));
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--fork", "--takeover", ID, NULL }), 0);
	dsc_run_free(&result);
	bridge_stop(ID);
	json_object_put(ready);
	free(control);
}

static bool has_line(void *arg)
{
	const char *const *wanted = arg;
	char *log = dsc_read_file(wanted[0], NULL);
	bool has = log != NULL && strstr(log, wanted[1]) != NULL;

	free(log);
	return has;
}

static void expect_line(const char *log, const char *words)
{
	const char *wanted[] = { log, words };

	CU_ASSERT(dsc_wait_for(has_line, wanted, WAIT_MS));
}

/* In the foreground, where the log is standard error. */
static void test_log(void)
{
	char *log = dsc_temp_path("nbd.log");
	char *program = dsc_find_program("./discsi-nbd");
	char *state = bridge_file(ID, ".json");
	struct dsc_process *process;

	process = dsc_process_start((const char *const[]){
		"sh", "-c", "exec \"$1\" --option "
		"replacement_timeout=2000 \"$2\" 2>\"$3\"", "sh", program,
		url, log, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	CU_ASSERT(dsc_wait_for(is_there, state, WAIT_MS));
	sim_drop_all(sim);
	expect_line(log, "session lost");
	expect_line(log, "I/O waits for the session to come back");
	expect_line(log, "the session is recovered at ");
	sim_kill(sim);
	expect_line(log, "all I/O fails until the disk is detached");
	sim_restart(sim);
	dsc_process_signal(process, SIGTERM);
	CU_ASSERT_EQUAL(dsc_process_wait(process, WAIT_MS), 0);
	dsc_process_stop(process);
	free(log);
	free(program);
	free(state);
}

/* -------------------------------------------------------- the other commands */

static bool has_reads(void *arg)
{
	return sim_held(arg) > 0;
}

/* A copy on a terminal, which script(1) is for it. */
static void test_copy_on_terminal(void)
{
	const struct sim_rule hold = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	char *program = dsc_find_program("./discsi");
	char *copy = dsc_temp_path("terminal.img");
	struct dsc_process *process;
	char *command, *output;

	if (!dsc_has_program("script")) {
		dsc_test_skip("script is not installed");
		free(program);
		free(copy);
		return;
	}
	CU_ASSERT_FATAL(asprintf(&command, "'%s' copy --no-progress '%s' '%s'",
				 program, url, copy) > 0);
	sim_rule(sim, &hold);
	process = dsc_process_start((const char *const[]){
		"script", "-qec", command, "/dev/null", NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	CU_ASSERT(dsc_wait_for(has_reads, sim, WAIT_MS));
	sim_drop_all(sim);
	CU_ASSERT_EQUAL(dsc_process_wait(process, WAIT_MS), 0);
	sim_release(sim);
	sim_clear_rules(sim);
	output = dsc_process_output(process);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "the session to " SIM_IQN
				      " is lost and is being recovered"));
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "is back after "));
	if (strstr(output, "is back after ") == NULL)
		dsc_test_note("%s", output);
	free(output);
	dsc_process_stop(process);
	unlink(copy);
	free(command);
	free(copy);
	free(program);
}

/* Elsewhere only --verbose says it: what reads standard error wants errors. */
static void copy_elsewhere(const char *option, bool tells)
{
	const struct sim_rule drop = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 1,
		.action = SIM_DROP,
	};
	char *copy = dsc_temp_path("copy.img");
	unsigned applied = sim_rules_applied(sim);
	struct dsc_run_result result;

	sim_rule(sim, &drop);
	rig_run(&result, 0, "copy", option, url, copy);
	CU_ASSERT_EQUAL(sim_rules_applied(sim), applied + 1);
	CU_ASSERT_EQUAL(strstr(result.err, "session lost") != NULL, tells);
	CU_ASSERT_EQUAL(strstr(result.err, "session recovered") != NULL,
			tells);
	if (!tells)
		CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
	sim_clear_rules(sim);
	unlink(copy);
	free(copy);
}

static void test_copy_elsewhere(void)
{
	copy_elsewhere("--no-progress", false);
	copy_elsewhere("--verbose", true);
}

/* Others can see arguments; and what is wrong is not repeated. */
static void expect_no_secret_option(const char *option)
{
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--option", option, url, NULL }), 2);
	CU_ASSERT_PTR_NULL(strstr(result.err, "canary"));
	dsc_run_free(&result);
	CU_ASSERT(bridge_is_nothing_left());
}

static void test_options(void)
{
	expect_no_secret_option("password=canary");
	expect_no_secret_option("target_password=canary");
	expect_no_secret_option("canary");
	bridge_fails("EINVAL", "sessions", "--option", "sessions=99", url);
	bridge_fails("EINVAL", "\"nothing\"", "--option", "nothing=1", url);
	rig_fails("EINVAL", "sessions", "info", "-o", "sessions=99", url);
	rig_fails("EINVAL", "\"nothing\"", "info", "--option=nothing=1", url);
	json_object_put(rig_json("info", "-o", "sessions=2", "-o",
				 "replacement_timeout=-1", url));
	json_object_put(rig_json("attach", "--device", "socket", "-o",
				 "sessions=2", url));
	expect_table("ready");
	json_object_put(rig_json("detach", ID));
	CU_ASSERT(bridge_is_nothing_left());
}

static const struct dsc_test tests[] = {
	{ "lost-and-recovered", test_lost_and_recovered },
	{ "failed", test_failed },
	{ "statistics", test_statistics },
	{ "capacity", test_capacity },
	{ "luns-changed", test_luns_changed },
	{ "several-sessions", test_several_sessions },
	{ "taken-over-when-whole", test_taken_over_when_whole },
	{ "flapping", test_flapping },
	{ "directory-removed", test_directory_removed },
	{ "control-later", test_control_later },
	{ "log", test_log },
	{ "copy-on-terminal", test_copy_on_terminal },
	{ "copy-elsewhere", test_copy_elsewhere },
	{ "options", test_options },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-recovery", tests, setup, teardown,
				     argc, argv);
}
