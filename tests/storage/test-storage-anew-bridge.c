/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-anew-bridge.c: storages on a socket whose bridge has given up, was
 * killed, or serves another disk: the next mount makes it anew, of the same disk
 * and of no other one. On a target of this process. Test's thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"
#include "simtarget/simtarget.h"
#include "storage/device.h"
#include "storage/storage-rig.h"

#define BLOCKS 65536u     /* of 512 bytes: 32 MiB */
#define SERIAL "SIM00000" /* of LUN 0 as the target makes it */
#define ID SIM_IQN "-lun-0"
#define PATIENCE_MS 20000u

static struct discsi_storage_manager *manager;
static struct sim *sim;

static int setup(void)
{
	if (!dsc_has_program("./discsi-nbd"))
		dsc_test_skip("discsi-nbd is not built");
	else
		rig_environment();
	return 0;
}

static struct discsi_storage *make(const char *id)
{
	return st_storage(manager, id, "{\"portal\": \"%s\", \"iqn\":"
			  "\"" SIM_IQN "\", \"lun_id\": 0,"
			  "\"device\": \"socket\","
			  "\"replacement_timeout\": 300}", sim_portal(sim, 0));
}

static struct discsi_storage *begin(void)
{
	const struct sim_config config = { .blocks = BLOCKS };
	struct discsi_storage *storage;

	sim = sim_start(&config);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sim);
	manager = st_manager();
	storage = make("s");
	st_works(discsi_storage_mount(storage, NULL));
	return storage;
}

static void end(struct discsi_storage *storage)
{
	bool was_dead = bridge_is_dead(ID);

	st_works(discsi_storage_unmount(storage, 0));
	bridge_expect_nothing(ID, was_dead);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
	sim_stop(sim);
}

static bool has_failed(void *arg)
{
	struct discsi_bridge **bridges = NULL;
	size_t count = 0;
	bool is;

	(void)arg;
	st_works(discsi_bridge_list(&bridges, &count));
	is = count == 1 && strcmp(bridges[0]->state, "failed") == 0;
	discsi_bridge_list_free(bridges, count);
	return is;
}

static void give_up(void)
{
	sim_kill(sim);
	CU_ASSERT(dsc_wait_for(has_failed, NULL, PATIENCE_MS));
}

static bool is_down(void *storage)
{
	return !discsi_storage_is_connected(storage);
}

static void kill_bridge(struct discsi_storage *storage)
{
	CU_ASSERT_EQUAL(kill(bridge_pid(ID), SIGKILL), 0);
	CU_ASSERT(dsc_wait_for(is_down, storage, PATIENCE_MS));
}

/* What stands in the LUN is read through the storage's socket. */
static void expect_readable(struct discsi_storage *storage)
{
	const struct dsc_limits limits = { .cancel_fd = -1 };
	static unsigned char number;
	unsigned char data[4096];
	unsigned char seen[4096];
	const char *path;

	memset(data, ++number, sizeof(data));
	sim_poke(sim, 0, 8192, data, sizeof(data));
	path = strchr(st_text(storage, discsi_storage_device_path), '=');
	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	st_works(dsc_nbd_read(path + 1, seen, sizeof(seen), 8192, &limits));
	CU_ASSERT_EQUAL(memcmp(data, seen, sizeof(data)), 0);
	CU_ASSERT(discsi_storage_is_connected(storage));
	/* The bridge has told it: it is the only one that has logged in. */
	CU_ASSERT_PTR_NOT_NULL(strstr(st_text(storage,
		discsi_storage_sync_info), "\"vendor\":\"DISCSI\""));
}

/* Whose device it was may be another one by now. */
static void expect_no_device(struct discsi_storage *storage)
{
	char *path = NULL;

	st_fails(discsi_storage_device_path(storage, &path), ENOTCONN,
		 "made anew");
	CU_ASSERT_PTR_NULL(path);
	CU_ASSERT(discsi_storage_is_mounted(storage));
	CU_ASSERT(!discsi_storage_is_connected(storage));
}

/* --------------------------------------------------------------- given up */

static void test_given_up(void)
{
	struct discsi_storage *storage = begin();
	struct discsi_disk *disk = NULL;
	pid_t pid;
	int round;

	st_works(discsi_storage_create_disk(storage, "d", &disk));
	for (round = 0; round < 3; round++) {
		pid = bridge_pid(ID);
		give_up();
		CU_ASSERT(!discsi_storage_is_connected(storage));
		CU_ASSERT(discsi_disk_probe(disk) < 0);
		st_fails(discsi_storage_mount(storage, NULL), ECONNREFUSED,
			 "storage s");
		expect_no_device(storage);
		st_fails(discsi_disk_probe(disk), ENOTCONN, "made anew");
		sim_restart(sim);
		st_works(discsi_storage_mount(storage, NULL));
		CU_ASSERT_NOT_EQUAL(bridge_pid(ID), pid);
		expect_readable(storage);
		st_works(discsi_disk_probe(disk));
	}
	give_up();
	sim_restart(sim);
	st_works(discsi_storage_accessible(storage, NULL));
	expect_readable(storage);
	discsi_disk_put(disk);
	end(storage);
}

/*
 * Of several that are mounted on it, in whichever process, the last one that asks
 * makes it anew, and the others adopt that. Those that have not done so yet are
 * not connected.
 */
static void test_several(void)
{
	struct discsi_storage_manager *own;
	struct discsi_storage *a = begin();
	struct discsi_storage *b;
	pid_t pid = bridge_pid(ID);

	own = manager;
	manager = st_manager();
	b = make("b");
	st_works(discsi_storage_mount(b, NULL));
	CU_ASSERT_EQUAL(bridge_pid(ID), pid);
	give_up();
	sim_restart(sim);
	st_fails(discsi_storage_mount(a, NULL), EBUSY, "given up");
	CU_ASSERT_EQUAL(bridge_pid(ID), pid);
	CU_ASSERT(discsi_storage_is_mounted(a));
	st_works(discsi_storage_mount(b, NULL));
	CU_ASSERT_NOT_EQUAL(bridge_pid(ID), pid);
	pid = bridge_pid(ID);
	expect_readable(b);
	CU_ASSERT(!discsi_storage_is_connected(a));
	st_works(discsi_storage_mount(a, NULL));
	CU_ASSERT_EQUAL(bridge_pid(ID), pid);
	expect_readable(a);
	st_works(discsi_storage_unmount(b, 0));
	expect_readable(a);

	/* One that lets go is in nobody's way either. */
	st_works(discsi_storage_mount(b, NULL));
	give_up();
	sim_restart(sim);
	st_fails(discsi_storage_accessible(a, NULL), EBUSY, "given up");
	st_works(discsi_storage_unmount(b, 0));
	st_works(discsi_storage_accessible(a, NULL));
	expect_readable(a);
	discsi_storage_put(b);
	discsi_storage_manager_free(manager);
	manager = own;
	end(a);
}

/* One that has not asked yet, and is unmounted, takes no other's device away. */
static void test_left_behind(void)
{
	struct discsi_storage *a = begin();
	struct discsi_storage *b = make("b");

	st_works(discsi_storage_mount(b, NULL));
	give_up();
	sim_restart(sim);
	st_fails(discsi_storage_mount(a, NULL), EBUSY, "given up");
	st_works(discsi_storage_mount(b, NULL));
	st_works(discsi_storage_unmount(a, 0));
	expect_readable(b);
	discsi_storage_put(a);
	end(b);
}

/* Who cannot become a user of it again for want of a descriptor tries again. */
static void test_no_descriptor(void)
{
	struct discsi_storage_manager *own;
	struct discsi_storage *a = begin();
	struct discsi_storage *b;
	struct rlimit limit, few;

	own = manager;
	manager = st_manager();
	b = make("b");
	st_works(discsi_storage_mount(b, NULL));
	give_up();
	sim_restart(sim);
	st_fails(discsi_storage_mount(a, NULL), EBUSY, "given up");
	discsi_storage_put(b);
	discsi_storage_manager_free(manager);
	manager = own;
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = STDERR_FILENO + 1;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	st_fails(discsi_storage_unmount(a, 0), EBUSY, "no descriptor");
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CU_ASSERT(discsi_storage_is_mounted(a));
	end(a);
}

static bool is_dead(void *arg)
{
	const pid_t *pid = arg;

	return kill(*pid, 0) < 0;
}

/* With the registry the bridge is not forgotten: it makes it again. */
static void test_no_registry(void)
{
	struct discsi_storage *storage = begin();
	pid_t pid = bridge_pid(ID);
	struct dsc_run_result result;

	CU_ASSERT_FATAL(pid > 1);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"rm", "-r", getenv("DISCSI_RUN_DIR"), NULL }), 0);
	dsc_run_free(&result);
	st_works(discsi_storage_unmount(storage, 0));
	CU_ASSERT(dsc_wait_for(is_dead, &pid, PATIENCE_MS));
	end(storage);
}

/* ------------------------------------------------------------ another disk */

static void expect_refused(struct discsi_storage *storage)
{
	st_fails(discsi_storage_mount(storage, NULL), ESTALE,
		 "after an unmount");
	expect_no_device(storage);
	st_fails(discsi_storage_accessible(storage, NULL), ESTALE,
		 "after an unmount");
	CU_ASSERT(discsi_storage_is_mounted(storage));
}

static void swap(const char *serial)
{
	sim_swap_identity(sim, 0, serial, true);
	sim_drop_all(sim);
	CU_ASSERT(dsc_wait_for(has_failed, NULL, PATIENCE_MS));
}

static void test_swapped(void)
{
	struct discsi_storage *storage = begin();

	swap("OTHER");
	expect_refused(storage);
	sim_swap_identity(sim, 0, SERIAL, true);
	st_works(discsi_storage_mount(storage, NULL));
	expect_readable(storage);
	swap("OTHER");
	expect_refused(storage);
	st_works(discsi_storage_unmount(storage, 0));
	CU_ASSERT(bridge_is_nothing_left());
	st_works(discsi_storage_mount(storage, NULL));
	expect_readable(storage);
	swap(SERIAL);
	expect_refused(storage);
	end(storage);
}

/* Nor when its bridge was killed; one that was adopted has told who it is. */
static void test_killed(void)
{
	struct discsi_storage *storage = begin();

	kill_bridge(storage);
	sim_swap_identity(sim, 0, "OTHER", true);
	expect_refused(storage);
	sim_swap_identity(sim, 0, SERIAL, true);
	st_works(discsi_storage_mount(storage, NULL));
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);

	manager = st_manager();
	storage = make("s");
	st_works(discsi_storage_mount(storage, NULL));
	kill_bridge(storage);
	sim_resize_silently(sim, 0, 2 * BLOCKS);
	st_works(discsi_storage_mount(storage, NULL));
	kill_bridge(storage);
	sim_resize_silently(sim, 0, BLOCKS);
	expect_refused(storage);
	sim_resize_silently(sim, 0, 2 * BLOCKS);
	st_works(discsi_storage_mount(storage, NULL));
	kill_bridge(storage);
	sim_swap_identity(sim, 0, "OTHER", true);
	expect_refused(storage);
	end(storage);
}

static void resize_to(struct discsi_storage *storage, unsigned mib)
{
	struct discsi_storage_stat stat = { .size = sizeof(stat) };

	sim_resize(sim, 0, mib * (uint64_t)MIB / 512);
	st_works(discsi_storage_sync_size(storage, &stat));
	CU_ASSERT_EQUAL(stat.capacity_mb, mib);
}

/* Its size is what was told last, by a bridge that was asked for or has gone. */
static void test_resized(void)
{
	struct discsi_storage *storage = begin();

	resize_to(storage, 16);
	kill_bridge(storage);
	st_works(discsi_storage_mount(storage, NULL));
	expect_readable(storage);
	resize_to(storage, 64);
	st_works(discsi_storage_mount(storage, NULL));
	st_works(discsi_bridge_detach(ID, DISCSI_DETACH_FORCE));
	sim_resize_silently(sim, 0, BLOCKS);
	expect_refused(storage);
	sim_resize_silently(sim, 0, 2 * BLOCKS);
	st_works(discsi_storage_mount(storage, NULL));
	expect_readable(storage);
	end(storage);
}

/* A bridge of another disk in the same place is neither adopted nor ended. */
static void test_replaced(void)
{
	struct discsi_storage *storage = begin();
	struct discsi_bridge *bridge = NULL;
	struct discsi_conf *conf = NULL;
	char json[256];
	pid_t pid;

	st_works(discsi_bridge_detach(ID, DISCSI_DETACH_FORCE));
	sim_swap_identity(sim, 0, "OTHER", true);
	snprintf(json, sizeof(json), "{\"portal\": \"%s\", \"iqn\": \"" SIM_IQN
		 "\", \"lun_id\": 0}", sim_portal(sim, 0));
	st_works(discsi_conf_new(&conf));
	st_works(discsi_conf_set_json(conf, json, strlen(json), NULL, NULL));
	st_works(discsi_bridge_attach(conf, "socket", &bridge));
	pid = bridge_pid(ID);
	expect_refused(storage);
	st_works(discsi_storage_unmount(storage, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID), pid);
	st_works(discsi_storage_mount(storage, NULL));
	CU_ASSERT_EQUAL(bridge_pid(ID), pid);
	expect_readable(storage);
	discsi_bridge_free(bridge);
	discsi_conf_free(conf);
	end(storage);
}

static const struct dsc_test tests[] = {
	{ "given_up", test_given_up },
	{ "several", test_several },
	{ "left_behind", test_left_behind },
	{ "no-descriptor", test_no_descriptor },
	{ "no-registry", test_no_registry },
	{ "swapped", test_swapped },
	{ "killed", test_killed },
	{ "resized", test_resized },
	{ "replaced", test_replaced },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("storage-anew-bridge", tests, setup,
				     rig_teardown, argc, argv);
}
