/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-heirs.c: an agent with device "none" dies with a write under way,
 * which the target holds. Whoever has the LUN next, another agent or a bridge,
 * writes after that is over; so does an agent after a bridge. The target leaves the
 * commands of a session alone whose place another one takes. Test's thread.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"
#include "simtarget/simtarget.h"
#include "storage/storage-rig.h"

#define ID SIM_IQN "-lun-0"
#define BLOCKS 65536u
#define WAIT_MS 30000u
#define SIZE 4096u
#define LUN_RESET 5u
#define CONF "{\"portal\": \"%s\", \"iqn\": \"" SIM_IQN "\", \"lun_id\": 0, " \
	"\"device\": \"none\"%s}"

static struct sim *sim;
static struct discsi_storage_manager *manager;
static char *url;

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
	discsi_storage_manager_free(manager);
	rig_teardown();
	if (sim != NULL)
		sim_stop(sim);
	free(url);
}

/* ------------------------------------------------------------------ helpers */

static bool has(const char *suffix)
{
	char *path = bridge_file(ID, suffix);
	bool is_there = access(path, F_OK) == 0;

	free(path);
	return is_there;
}

static bool has_held(void *arg)
{
	return sim_held(sim) >= *(unsigned *)arg;
}

static void hold_one(void)
{
	const struct sim_rule hold = {
		.opcode = SIM_ANY, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct sim_rule ten = hold, sixteen = hold;

	ten.opcode = 0x2a;
	sixteen.opcode = 0x8a;
	sim_rule(sim, &ten);
	sim_rule(sim, &sixteen);
}

/* An agent whose write the target holds. */
static struct dsc_process *write_held_as(const char *members)
{
	unsigned held = sim_held(sim) + 1;
	struct dsc_process *agent;
	char json[512];

	hold_one();
	snprintf(json, sizeof(json), CONF, sim_portal(sim, 0), members);
	agent = dsc_process_start((const char *const[]){
		"./storage-do", json, "mount", "write", NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(agent);
	CU_ASSERT(dsc_wait_for(has_held, &held, WAIT_MS));
	sim_clear_rules(sim);
	CU_ASSERT(has(".none"));
	return agent;
}

/* The same, and its ISID. */
static struct dsc_process *write_held(uint8_t isid[6])
{
	struct dsc_process *agent = write_held_as("");

	sim_isid(sim, isid);
	return agent;
}

static void die(void)
{
	uint8_t isid[6];

	dsc_process_kill(write_held(isid));
}

static struct discsi_storage *mount_agent(const char *members)
{
	static unsigned number;
	struct discsi_storage *storage;
	char id[16];

	if (manager == NULL)
		manager = st_manager();
	snprintf(id, sizeof(id), "s%u", ++number);
	storage = st_storage(manager, id, CONF, sim_portal(sim, 0), members);
	st_works(discsi_storage_mount(storage, NULL));
	return storage;
}

/* What is written now stays. */
static void expect_written(void)
{
	char seen;

	CU_ASSERT_EQUAL(sim_held(sim), 0);
	sim_release(sim);
	sim_peek(sim, 0, 0, &seen, 1);
	CU_ASSERT_EQUAL(seen, 'B');
}

static void write_new(struct discsi_storage *storage)
{
	char block[SIZE];

	memset(block, 'B', sizeof(block));
	st_works(discsi_storage_write(storage, block, sizeof(block), 0, 0));
	expect_written();
}

static void end(struct discsi_storage *storage)
{
	st_works(discsi_storage_unmount(storage, 0));
	CU_ASSERT(bridge_is_nothing_left());
	discsi_storage_put(storage);
}

static void end_bridge(struct json_object *ready)
{
	char *uri = bridge_qemu_uri(rig_text(ready, "socket"));

	bridge_client("qemu-io", "-f", "raw", "-c", "write -P 0x42 0 4k",
		      "-c", "flush", uri);
	expect_written();
	CU_ASSERT(!has(".none"));
	json_object_put(ready);
	free(uri);
	bridge_stop(ID);
	CU_ASSERT(bridge_is_nothing_left());
}

/* -------------------------------------------------------------------- tests */

static void test_agent(void)
{
	struct discsi_storage *storage;
	uint8_t before[6], after[6];

	dsc_process_kill(write_held(before));
	storage = mount_agent("");
	sim_isid(sim, after);
	CU_ASSERT_EQUAL(memcmp(before, after, sizeof(after)), 0);
	write_new(storage);
	end(storage);
	/* Nothing is owed any more. */
	storage = mount_agent("");
	sim_isid(sim, after);
	CU_ASSERT_NOT_EQUAL(memcmp(before, after, sizeof(after)), 0);
	end(storage);
}

static bool has_reset(void *arg)
{
	return sim_managements(sim, LUN_RESET) > *(unsigned *)arg;
}

/* The next one dies, too, before it may read or write anything. */
static void test_twice(void)
{
	struct dsc_process *agent;
	struct discsi_storage *storage;
	unsigned resets;
	char json[512];

	die();
	resets = sim_managements(sim, LUN_RESET);
	snprintf(json, sizeof(json), CONF, sim_portal(sim, 0), "");
	sim_set_management(sim, LUN_RESET, 0xff);
	agent = dsc_process_start((const char *const[]){
		"./storage-do", json, "mount", "read", NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(agent);
	CU_ASSERT(dsc_wait_for(has_reset, &resets, WAIT_MS));
	dsc_process_kill(agent);
	CU_ASSERT_EQUAL(sim_held(sim), 1);
	sim_set_management(sim, LUN_RESET, 0);
	storage = mount_agent("");
	write_new(storage);
	end(storage);
}

/* Its ISID, and what it has under way, are left alone. */
static void test_living(void)
{
	struct discsi_storage *storage;
	struct dsc_process *agent;
	uint8_t before[6], after[6];
	unsigned resets = sim_managements(sim, LUN_RESET);

	agent = write_held(before);
	storage = mount_agent("");
	sim_isid(sim, after);
	CU_ASSERT_NOT_EQUAL(memcmp(before, after, sizeof(after)), 0);
	st_works(discsi_storage_accessible(storage, NULL));
	CU_ASSERT_EQUAL(sim_held(sim), 1);
	sim_release(sim);
	CU_ASSERT_EQUAL(dsc_process_wait(agent, WAIT_MS), 0);
	dsc_process_stop(agent);
	CU_ASSERT_EQUAL(sim_managements(sim, LUN_RESET), resets);
	end(storage);
}

static void test_read_only(void)
{
	struct discsi_storage *storage;

	die();
	storage = mount_agent(", \"read_only\": true");
	st_works(discsi_storage_accessible(storage, NULL));
	CU_ASSERT_EQUAL(sim_held(sim), 1);
	st_works(discsi_storage_unmount(storage, 0));
	discsi_storage_put(storage);
	CU_ASSERT(has(".none"));
	storage = mount_agent("");
	write_new(storage);
	end(storage);
}

static void test_bridge_after_agent(void)
{
	uint8_t before[6], after[6];
	struct json_object *ready;

	dsc_process_kill(write_held(before));
	ready = bridge_start(url);
	sim_isid(sim, after);
	CU_ASSERT_EQUAL(memcmp(before, after, sizeof(after)), 0);
	end_bridge(ready);
}

static bool is_dead(void *arg)
{
	(void)arg;
	return bridge_is_dead(ID);
}

static void die_bridge(void)
{
	unsigned held = sim_held(sim) + 1;
	struct json_object *ready = bridge_start(url);
	char *uri = bridge_qemu_uri(rig_text(ready, "socket"));
	struct dsc_process *client;

	hold_one();
	client = dsc_process_start((const char *const[]){
		"qemu-io", "-f", "raw", "-c", "write -P 0x41 0 4k", uri, NULL },
		NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	CU_ASSERT(dsc_wait_for(has_held, &held, WAIT_MS));
	sim_clear_rules(sim);
	kill(bridge_pid(ID), SIGKILL);
	CU_ASSERT(dsc_wait_for(is_dead, NULL, WAIT_MS));
	dsc_process_kill(client);
	json_object_put(ready);
	free(uri);
}

static void detach_bridge(void)
{
	json_object_put(rig_json("detach", ID));
	CU_ASSERT(has(".owed"));
}

static void kill_bridge(void)
{
	die_bridge();
	detach_bridge();
}

/* It has not been detached: the next bridge goes on with it all the same. */
static void test_agent_after_dead_bridge(void)
{
	struct discsi_storage *storage;

	die_bridge();
	storage = mount_agent("");
	write_new(storage);
	CU_ASSERT(has(".json"));
	st_works(discsi_storage_unmount(storage, 0));
	discsi_storage_put(storage);
	detach_bridge();
	bridge_expect_nothing(ID, true);
}

/* Somebody else has the LUN, too, and the claim. */
static void test_beside(void)
{
	struct discsi_storage *one = mount_agent("");
	struct discsi_storage *two;

	kill_bridge();
	two = mount_agent("");
	write_new(two);
	st_works(discsi_storage_unmount(two, 0));
	discsi_storage_put(two);
	CU_ASSERT(bridge_forget_owed(ID));
	end(one);
}

static void test_agent_after_bridge(void)
{
	struct discsi_storage *storage;

	kill_bridge();
	storage = mount_agent("");
	CU_ASSERT(!has(".owed"));
	write_new(storage);
	end(storage);
}

/* A login would take the place of one of them. */
static void test_after_both(void)
{
	struct discsi_storage *storage;
	struct dsc_process *agent;
	uint8_t isid[6];

	agent = write_held(isid);
	kill_bridge();
	dsc_process_kill(agent);
	CU_ASSERT(has(".none"));
	sim_set_reinstatement(sim, true);
	storage = mount_agent(", \"replay_barrier\": \"reinstate\"");
	write_new(storage);
	end(storage);
	sim_set_reinstatement(sim, false);
}

static void on_write(void *arg, int result, const struct discsi_error *error)
{
	(void)error;
	*(int *)arg = result;
}

/* The target holds it. */
static void begin_write(struct discsi_storage *storage, int *result)
{
	static char block[SIZE];
	unsigned held = sim_held(sim) + 1;
	struct discsi_lun *lun = NULL;

	memset(block, 'A', sizeof(block));
	st_works(discsi_storage_lun(storage, &lun));
	hold_one();
	st_works(discsi_lun_write_async(lun, block, sizeof(block), 0, 0,
					on_write, result));
	CU_ASSERT(dsc_wait_for(has_held, &held, WAIT_MS));
	sim_clear_rules(sim);
}

/* A bridge has taken over what this agent has left: that goes on undisturbed. */
static void test_agent_is_back(void)
{
	struct discsi_storage *storage = mount_agent("");
	struct json_object *ready;
	unsigned logins;
	int result = 1;

	begin_write(storage, &result);
	(void)discsi_storage_unmount(storage, DISCSI_UNMOUNT_FORCE);
	CU_ASSERT(has(".none"));
	ready = bridge_start(url);
	logins = sim_logins(sim);
	st_works(discsi_storage_accessible(storage, NULL));
	write_new(storage);
	st_works(discsi_storage_unmount(storage, 0));
	discsi_storage_put(storage);
	end_bridge(ready);
	/* The agent's; none of them has ended the other one's session. */
	CU_ASSERT_EQUAL(sim_logins(sim), logins + 1);
}

/* So has another agent; and then there is no registry for this one to look at. */
static void test_told(void)
{
	const char *registry = getenv("DISCSI_RUN_DIR");
	struct discsi_storage *storage = mount_agent("");
	unsigned resets = sim_managements(sim, LUN_RESET);
	struct dsc_process *agent;
	uint8_t before[6], after[6];
	char json[512];
	int result = 1;

	begin_write(storage, &result);
	(void)discsi_storage_unmount(storage, DISCSI_UNMOUNT_FORCE);
	snprintf(json, sizeof(json), CONF, sim_portal(sim, 0), "");
	agent = dsc_process_start((const char *const[]){
		"./storage-do", json, "mount", "wait", NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(agent);
	CU_ASSERT(dsc_wait_for(has_reset, &resets, WAIT_MS));
	sim_isid(sim, before);
	CU_ASSERT_EQUAL(chmod(registry, 0770), 0);
	st_works(discsi_storage_mount(storage, NULL));
	CU_ASSERT_EQUAL(chmod(registry, 0700), 0);
	sim_isid(sim, after);
	CU_ASSERT_NOT_EQUAL(memcmp(before, after, sizeof(after)), 0);
	dsc_process_kill(agent);
	st_works(discsi_storage_unmount(storage, 0));
	discsi_storage_put(storage);
	end(mount_agent(""));
}

static bool is_claim_gone(void *arg)
{
	(void)arg;
	return !has(".none") || bridge_is_unlocked(ID, ".none");
}

static void *unmount(void *arg)
{
	st_works(discsi_storage_unmount(arg, 0));
	return NULL;
}

/* The session waits for the write, which is none of the next one's then. */
static void test_drained(void)
{
	struct discsi_storage *storage = mount_agent("");
	pthread_t thread;
	int result = 1;

	begin_write(storage, &result);
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, unmount, storage) == 0);
	CU_ASSERT(!dsc_wait_for(is_claim_gone, NULL, 500));
	sim_release(sim);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(result, 0);
	CU_ASSERT(bridge_is_nothing_left());
	discsi_storage_put(storage);
}

static void *write_old(void *arg)
{
	char block[SIZE];

	memset(block, 'A', sizeof(block));
	CU_ASSERT(discsi_storage_write(arg, block, sizeof(block), 0, 0) < 0);
	return NULL;
}

/* It has given up, and a bridge has come and gone. */
static void test_bridge_meanwhile(void)
{
	struct discsi_storage *storage = mount_agent(
		", \"replacement_timeout\": 500, "
		"\"replay_barrier\": \"reinstate\"");
	unsigned held = sim_held(sim) + 1;
	pthread_t thread;

	hold_one();
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, write_old, storage) == 0);
	CU_ASSERT(dsc_wait_for(has_held, &held, WAIT_MS));
	sim_clear_rules(sim);
	sim_kill(sim);
	pthread_join(thread, NULL);
	sim_restart(sim);
	kill_bridge();
	sim_set_reinstatement(sim, true);
	st_works(discsi_storage_mount(storage, NULL));
	write_new(storage);
	sim_set_reinstatement(sim, false);
	end(storage);
}

#define OTHER_ISID "8000deadbeef"

/* Who has given an ISID logs in in nobody's place. */
static void test_isid(void)
{
	struct discsi_storage *storage;

	die();
	sim_set_reinstatement(sim, true);
	storage = mount_agent(", \"replay_barrier\": \"reinstate\", "
			      "\"isid\": \"" OTHER_ISID "\"");
	write_new(storage);
	end(storage);
	die();
	end_bridge(bridge_start("--option", "replay_barrier=reinstate",
				"--option", "isid=" OTHER_ISID, url));
	sim_set_reinstatement(sim, false);
}

static void test_sessions(void)
{
	struct discsi_storage *storage;
	unsigned logins;

	dsc_process_kill(write_held_as(", \"sessions\": 3"));
	logins = sim_logins(sim);
	storage = mount_agent("");
	CU_ASSERT_EQUAL(sim_logins(sim), logins + 3);
	write_new(storage);
	end(storage);
	dsc_process_kill(write_held_as(", \"sessions\": 3"));
	storage = mount_agent(", \"replay_barrier\": \"lun_reset\"");
	write_new(storage);
	end(storage);
	dsc_process_kill(write_held_as(", \"sessions\": 3"));
	end_bridge(bridge_start("--option", "replay_barrier=lun_reset", url));
}

static void put_file(const char *suffix, const char *text)
{
	char *path = bridge_file(ID, suffix);
	FILE *file;

	(void)mkdir(getenv("DISCSI_RUN_DIR"), 0700);
	file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
	free(path);
}

static void test_garbage(void)
{
	put_file(".none", "{\"isid\": \"123\", \"sessions\": \"2x\"}");
	end_bridge(bridge_start(url));
	put_file(".none", "{\"isid\": \"123\", \"sessions\": \"2x\"}");
	end(mount_agent(""));
}

/* What it cannot take over the next bridge does, beside it. */
static void test_full(void)
{
	struct rlimit room, none;
	struct discsi_storage *storage;
	struct json_object *ready;
	unsigned logins;

	put_file(".owed", "{\"isid\": \"" OTHER_ISID "\"}");
	signal(SIGXFSZ, SIG_IGN);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &room), 0);
	none = room;
	none.rlim_cur = 0;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &none), 0);
	storage = mount_agent("");
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &room), 0);
	logins = sim_logins(sim);
	ready = bridge_start(url);
	st_works(discsi_storage_accessible(storage, NULL));
	CU_ASSERT_EQUAL(sim_logins(sim), logins + 1);
	json_object_put(ready);
	kill(bridge_pid(ID), SIGTERM);
	CU_ASSERT(bridge_wait_gone(ID, WAIT_MS));
	end(storage);
}

/* Holds the session up between giving up and telling why. */
static void log_slowly(void *arg, enum discsi_log_level level,
		       const char *component, const char *message)
{
	(void)arg;
	(void)level;
	(void)component;
	if (strstr(message, "given up") != NULL)
		usleep(100000);
}

/* What is owed cannot be paid: that is no mount. */
static void test_given_up(void)
{
	const struct discsi_storage_manager_options options = {
		.size = sizeof(options),
		.log = log_slowly,
		.log_level = DISCSI_LOG_ERROR,
	};
	struct discsi_storage_manager *slow = NULL;
	struct discsi_storage *storage;

	die();
	sim_set_management(sim, LUN_RESET, 0xff);
	CU_ASSERT_EQUAL_FATAL(discsi_storage_manager_new(&options, &slow), 0);
	storage = st_storage(slow, "slow", CONF, sim_portal(sim, 0),
			     ", \"replacement_timeout\": 500");
	CU_ASSERT(discsi_storage_mount(storage, NULL) < 0);
	CU_ASSERT(has(".none"));
	sim_set_management(sim, LUN_RESET, 0);
	st_works(discsi_storage_mount(storage, NULL));
	write_new(storage);
	end(storage);
	discsi_storage_manager_free(slow);
}

static const struct dsc_test tests[] = {
	{ "agent", test_agent },
	{ "twice", test_twice },
	{ "living", test_living },
	{ "read-only", test_read_only },
	{ "bridge-after-agent", test_bridge_after_agent },
	{ "agent-after-bridge", test_agent_after_bridge },
	{ "after-both", test_after_both },
	{ "agent-is-back", test_agent_is_back },
	{ "agent-after-dead-bridge", test_agent_after_dead_bridge },
	{ "beside", test_beside },
	{ "told", test_told },
	{ "drained", test_drained },
	{ "bridge-meanwhile", test_bridge_meanwhile },
	{ "isid", test_isid },
	{ "sessions", test_sessions },
	{ "garbage", test_garbage },
	{ "full", test_full },
	{ "given-up", test_given_up },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("storage-heirs", tests, setup, teardown,
				     argc, argv);
}
