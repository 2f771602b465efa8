/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-left.c: a bridge on a socket goes on for one that died: with the
 * same disk or none, and after what that one had under way is over. The target
 * is the simulated one, which holds writes. Test's thread.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"
#include "simtarget/simtarget.h"

#define ID SIM_IQN "-lun-0"
#define BLOCKS 65536u
#define WAIT_MS 30000u

static struct sim *sim;
static char *url;

/* As careless as tgt: a session is reinstated before its writes are over. */
static int setup(void)
{
	const struct sim_config config = { .blocks = BLOCKS, .vendor = "IET" };

	if (!dsc_has_program("./discsi-nbd") || !dsc_has_program("qemu-io")) {
		dsc_test_skip("discsi-nbd is not built, or there is no qemu-io");
		return 0;
	}
	rig_environment();
	sim = sim_start(&config);
	if (sim == NULL || asprintf(&url, "iscsi://%s/" SIM_IQN "/0",
				    sim_portal(sim, 0)) < 0)
		return -1;
	sim_set_reinstatement(sim, false);
	return 0;
}

static void teardown(void)
{
	rig_teardown();
	if (sim != NULL)
		sim_stop(sim);
	free(url);
}

/* ------------------------------------------------------------------ helpers */

static bool is_dead(void *arg)
{
	const pid_t *pid = arg;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", (int)*pid);
	return access(path, F_OK) < 0;
}

static void kill_pid(pid_t pid)
{
	CU_ASSERT_FATAL(pid > 1);
	kill(pid, SIGKILL);
	CU_ASSERT(dsc_wait_for(is_dead, &pid, WAIT_MS));
}

static bool is_next_worker(void *arg)
{
	const pid_t *before = arg;
	pid_t now = bridge_worker(ID);

	return now > 1 && now != *before;
}

static void next_worker(void)
{
	pid_t pid = bridge_worker(ID);

	kill_pid(pid);
	CU_ASSERT(dsc_wait_for(is_next_worker, &pid, WAIT_MS));
}

static void write_disk(const char *socket, const char *write)
{
	char *uri = bridge_qemu_uri(socket);

	bridge_client("qemu-io", "-f", "raw", "-c", write, "-c", "flush", uri);
	free(uri);
}

static bool has_held(void *arg)
{
	return sim_held(sim) >= *(unsigned *)arg;
}

/* A client whose write the target holds. */
static struct dsc_process *write_held(const char *socket, const char *write)
{
	const struct sim_rule hold = {
		.opcode = 0x2a, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	unsigned held = sim_held(sim) + 1;
	char *uri = bridge_qemu_uri(socket);
	struct dsc_process *process;

	sim_rule(sim, &hold);
	process = dsc_process_start((const char *const[]){
		"qemu-io", "-f", "raw", "-c", write, uri, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	CU_ASSERT(dsc_wait_for(has_held, &held, WAIT_MS));
	sim_clear_rules(sim);
	free(uri);
	return process;
}

static void expect_byte(uint64_t offset, unsigned char byte)
{
	unsigned char seen;

	sim_peek(sim, 0, offset, &seen, 1);
	CU_ASSERT_EQUAL(seen, byte);
}

/* Nothing that is older than what has been written since is under way. */
static void expect_written(const char *socket)
{
	write_disk(socket, "write -P 0x42 0 4k");
	CU_ASSERT_EQUAL(sim_held(sim), 0);
	sim_release(sim);
	expect_byte(0, 0x42);
}

/* -------------------------------------------------------------------- tests */

static void test_other_disk(void)
{
	struct json_object *ready = bridge_start(url);
	char *path = bridge_file(ID, ".json");

	write_disk(rig_text(ready, "socket"), "write -P 0x41 0 4k");
	json_object_put(ready);
	kill_pid(bridge_pid(ID));
	sim_swap_identity(sim, 0, "ANOTHER", false);
	bridge_fails("ESTALE", "discsi detach " ID, url);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	bridge_fails("ESTALE", "another disk", url);
	/* Who names the disk means it. */
	json_object_put(bridge_start("--option", "expected_id=ANOTHER", url));
	kill_pid(bridge_pid(ID));
	sim_swap_identity(sim, 0, "THIRD", false);
	bridge_fails("ESTALE", "discsi detach " ID, url);
	json_object_put(rig_json("detach", ID));
	CU_ASSERT(bridge_forget_owed(ID));
	CU_ASSERT(bridge_is_nothing_left());
	json_object_put(bridge_start(url));
	bridge_stop(ID);
	/* One that has ended in good order knows nothing any more. */
	sim_swap_identity(sim, 0, "FOURTH", false);
	json_object_put(bridge_start(url));
	bridge_stop(ID);
	free(path);
}

static bool has_logged_in(void *arg)
{
	return sim_logins(sim) > *(unsigned *)arg;
}

/* Its next worker logs in, and finds what it must not serve. */
static void test_other_disk_supervised(void)
{
	struct json_object *ready = bridge_start("--supervise", url);
	unsigned logins;
	pid_t pid = bridge_worker(ID);
	char *uri = bridge_qemu_uri(rig_text(ready, "socket"));
	const unsigned char before = 0x44;
	struct dsc_run_result result;

	sim_poke(sim, 0, 0, &before, 1);
	sim_swap_identity(sim, 0, "ANOTHER", false);
	logins = sim_logins(sim) + 1;
	kill_pid(pid);
	CU_ASSERT(dsc_wait_for(has_logged_in, &logins, WAIT_MS));
	CU_ASSERT_EQUAL(bridge_worker(ID), pid);
	CU_ASSERT_NOT_EQUAL(dsc_run(&result, (const char *const[]){
		"qemu-io", "-f", "raw", "-c", "write -P 0x43 0 4k", uri,
		NULL }), 0);
	dsc_run_free(&result);
	expect_byte(0, before);
	json_object_put(rig_json("detach", ID));
	CU_ASSERT(bridge_forget_owed(ID));
	CU_ASSERT(bridge_is_nothing_left());
	json_object_put(ready);
	free(uri);
}

static void test_late_write(void)
{
	struct json_object *ready = bridge_start(url);
	struct dsc_process *client;

	client = write_held(rig_text(ready, "socket"), "write -P 0x41 0 4k");
	kill_pid(bridge_pid(ID));
	dsc_process_kill(client);
	json_object_put(ready);
	ready = bridge_start(url);
	expect_written(rig_text(ready, "socket"));
	json_object_put(ready);
	bridge_stop(ID);
}

static void test_late_write_supervised(void)
{
	struct json_object *ready = bridge_start("--supervise", url);
	struct dsc_process *client;

	client = write_held(rig_text(ready, "socket"), "write -P 0x41 0 4k");
	next_worker();
	dsc_process_kill(client);
	expect_written(rig_text(ready, "socket"));
	json_object_put(ready);
	bridge_stop(ID);
}

static bool is_there(void *arg)
{
	return access(arg, F_OK) == 0;
}

/* What the next worker goes on from has another directory than it was in. */
static void test_directory_removed(void)
{
	struct json_object *ready = bridge_start("--supervise", url);
	char *state = bridge_file(ID, ".json");
	struct dsc_process *client;
	struct dsc_run_result result;
	const char *socket = rig_text(ready, "socket");

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"rm", "-r", getenv("DISCSI_RUN_DIR"), NULL }), 0);
	dsc_run_free(&result);
	CU_ASSERT(dsc_wait_for(is_there, state, WAIT_MS));
	CU_ASSERT(dsc_wait_for(is_there, (void *)socket, WAIT_MS));
	client = write_held(socket, "write -P 0x41 0 4k");
	next_worker();
	dsc_process_kill(client);
	expect_written(socket);
	json_object_put(ready);
	bridge_stop(ID);
	free(state);
}

/* Each of its sessions is another one to the target. */
static void test_fewer_sessions(void)
{
	struct json_object *ready = bridge_start("--option", "sessions=2",
						 url);
	struct json_object *entry;
	struct dsc_process *one, *other;

	one = write_held(rig_text(ready, "socket"), "write -P 0x41 0 4k");
	other = write_held(rig_text(ready, "socket"), "write -P 0x41 8k 4k");
	kill_pid(bridge_pid(ID));
	dsc_process_kill(one);
	dsc_process_kill(other);
	json_object_put(ready);
	/* Now a login does it, but of each session for itself. */
	sim_set_reinstatement(sim, true);
	ready = bridge_start("--option", "replay_barrier=reinstate", url);
	entry = rig_json("status", ID);
	CU_ASSERT_EQUAL(rig_number(entry, "sessions"), 2);
	json_object_put(entry);
	write_disk(rig_text(ready, "socket"), "write -P 0x42 8k 4k");
	expect_written(rig_text(ready, "socket"));
	expect_byte(8192, 0x42);
	json_object_put(ready);
	bridge_stop(ID);
	sim_set_reinstatement(sim, false);
}

/* Whose login takes the place of no session, though it is to be the barrier. */
static void test_other_initiator(void)
{
	struct json_object *ready = bridge_start(
		"--option", "replay_barrier=reinstate", url);
	struct dsc_process *client;

	client = write_held(rig_text(ready, "socket"), "write -P 0x41 0 4k");
	kill_pid(bridge_pid(ID));
	dsc_process_kill(client);
	json_object_put(ready);
	sim_set_reinstatement(sim, true);
	ready = bridge_start("--option", "replay_barrier=reinstate",
			     "--initiator", "iqn.2026-11.test:other", url);
	expect_written(rig_text(ready, "socket"));
	json_object_put(ready);
	bridge_stop(ID);
	sim_set_reinstatement(sim, false);
}

/* The user detaches what is left of one that died, and attaches it again. */
static void test_detached(void)
{
	struct json_object *ready = bridge_start(url);
	struct dsc_process *client = write_held(rig_text(ready, "socket"),
						"write -P 0x41 0 4k");
	char *path = bridge_file(ID, ".owed");

	json_object_put(ready);
	kill_pid(bridge_pid(ID));
	dsc_process_stop(client);
	json_object_put(rig_json("detach", ID));
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	ready = bridge_start(url);
	CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
	expect_written(rig_text(ready, "socket"));
	json_object_put(ready);
	bridge_stop(ID);
	free(path);
}

static bool is_failed(void *arg)
{
	char *path = bridge_file(ID, ".json");
	struct json_object *state = json_object_from_file(path);
	bool is = state != NULL &&
		  strcmp(rig_text(state, "state"), "failed") == 0;

	(void)arg;
	json_object_put(state);
	free(path);
	return is;
}

/* The session is given up, and the bridge ends in good order. */
static void test_given_up(void)
{
	struct json_object *ready = bridge_start(
		"--option", "replacement_timeout=300", url);
	struct dsc_process *client = write_held(rig_text(ready, "socket"),
						"write -P 0x41 0 4k");

	json_object_put(ready);
	sim_refuse(sim, 0, true);
	sim_drop_all(sim);
	CU_ASSERT(dsc_wait_for(is_failed, NULL, WAIT_MS));
	CU_ASSERT_EQUAL(dsc_process_wait(client, WAIT_MS), 1);
	dsc_process_stop(client);
	json_object_put(rig_json("detach", ID));
	CU_ASSERT_EQUAL(sim_held(sim), 1);
	sim_refuse(sim, 0, false);
	ready = bridge_start(url);
	expect_written(rig_text(ready, "socket"));
	json_object_put(ready);
	bridge_stop(ID);
}

static const struct dsc_test tests[] = {
	{ "other-disk", test_other_disk },
	{ "other-disk-supervised", test_other_disk_supervised },
	{ "late-write", test_late_write },
	{ "late-write-supervised", test_late_write_supervised },
	{ "directory-removed", test_directory_removed },
	{ "fewer-sessions", test_fewer_sessions },
	{ "other-initiator", test_other_initiator },
	{ "detached", test_detached },
	{ "given-up", test_given_up },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-left", tests, setup, teardown,
				     argc, argv);
}
