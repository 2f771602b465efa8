/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-growth.c: the size of a LUN behind a bridge: one that grows, with
 * and without a word from its target, and who asks for it while the manager
 * ends. On a target of this process, with a socket. Test's thread.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bridge/bridge-rig.h"
#include "simtarget/simtarget.h"
#include "storage/storage-rig.h"

#define BLOCKS 65536      /* of 512 bytes: 32 MiB */
#define ID SIM_IQN "-lun-0"

static struct discsi_storage_manager *manager;

static int setup(void)
{
	if (!dsc_has_program("./discsi-nbd"))
		dsc_test_skip("discsi-nbd is not built");
	else
		rig_environment();
	return 0;
}

static struct discsi_storage *mount_with(struct sim *sim, const char *more)
{
	struct discsi_storage *storage;

	storage = st_storage(manager, "s", "{\"portal\": \"%s\", \"iqn\":"
			     "\"" SIM_IQN "\", \"lun_id\": 0,"
			     "\"device\": \"socket\"%s}",
			     sim_portal(sim, 0), more);
	st_works(discsi_storage_mount(storage, NULL));
	return storage;
}

static struct discsi_storage *mount_on(struct sim *sim)
{
	return mount_with(sim, "");
}

static void end(struct sim *sim, struct discsi_storage *storage)
{
	bool was_dead = bridge_is_dead(ID);

	st_works(discsi_storage_unmount(storage, 0));
	bridge_expect_nothing(ID, was_dead);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
	sim_stop(sim);
}

static void grow(void (*resize)(struct sim *sim, unsigned lun, uint64_t blocks))
{
	const struct sim_config config = { .blocks = BLOCKS };
	struct discsi_storage_stat stat = { .size = sizeof(stat) };
	struct sim *sim = sim_start(&config);
	struct discsi_storage *storage;
	struct discsi_disk *disk = NULL;
	uint64_t bytes = 0;

	manager = st_manager();
	storage = mount_on(sim);
	st_works(discsi_storage_create_disk(storage, "d", &disk));
	st_fails(discsi_disk_resize(disk, 4096, NULL), EOPNOTSUPP, "smaller");
	st_fails(discsi_disk_resize(disk, 33 * MIB, &bytes), ENOSPC,
		 "at its target first");
	CU_ASSERT_EQUAL(bytes, 32 * MIB);
	resize(sim, 0, 2 * BLOCKS);
	st_works(discsi_disk_resize(disk, 33 * MIB, &bytes));
	CU_ASSERT_EQUAL(bytes, 64 * MIB);
	resize(sim, 0, 3 * BLOCKS);
	st_works(discsi_disk_resize(disk, 0, &bytes));
	CU_ASSERT_EQUAL(bytes, 96 * MIB);
	resize(sim, 0, 4 * BLOCKS);
	st_works(discsi_storage_sync_size(storage, &stat));
	CU_ASSERT_EQUAL(stat.capacity_mb, 128);
	discsi_disk_put(disk);
	end(sim, storage);
}

static void test_grows(void)
{
	grow(sim_resize);
}

/* A target that raises no unit attention is asked. */
static void test_grows_silently(void)
{
	grow(sim_resize_silently);
}

/* A bridge that does not answer is not waited for long, and loses nothing. */
static void test_bridge_hangs(void)
{
	const struct sim_config config = { .blocks = BLOCKS };
	struct discsi_storage_stat stat = { .size = sizeof(stat) };
	struct sim *sim = sim_start(&config);
	struct discsi_storage *storage;
	uint64_t begun;
	pid_t pid;

	manager = st_manager();
	storage = mount_on(sim);
	pid = bridge_pid(ID);
	CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
	begun = dsc_clock_now_ns();
	st_works(discsi_storage_sync_size(storage, &stat));
	CU_ASSERT(dsc_clock_now_ns() - begun < 5000 * DSC_NS_PER_MS);
	CU_ASSERT_EQUAL(stat.capacity_mb, 32);
	CU_ASSERT_EQUAL(kill(pid, SIGCONT), 0);
	st_works(discsi_storage_sync_size(storage, &stat));
	CU_ASSERT_EQUAL(bridge_pid(ID), pid);
	end(sim, storage);
}

/* A signal that a stopped process has not been given yet. */
static bool is_told_to_look(void *arg)
{
	const pid_t *pid = arg;
	unsigned long long pending = 0;
	char path[64];
	char line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)*pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "ShdPnd:", 7) == 0)
			pending = strtoull(line + 7, NULL, 16);
	fclose(file);
	return (pending >> (SIGUSR1 - 1) & 1) != 0;
}

struct resizing {
	struct discsi_disk *disk;
	int rc;
};

static void *resize_disk(void *arg)
{
	struct resizing *resizing = arg;

	resizing->rc = discsi_disk_resize(resizing->disk, 0, NULL);
	return NULL;
}

static void test_bridge_dies(void)
{
	const struct sim_config config = { .blocks = BLOCKS };
	struct sim *sim = sim_start(&config);
	struct discsi_storage *storage;
	struct resizing resizing = { .rc = 0 };
	pthread_t thread;
	pid_t pid;

	manager = st_manager();
	storage = mount_on(sim);
	st_works(discsi_storage_create_disk(storage, "d", &resizing.disk));
	pid = bridge_pid(ID);
	CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, resize_disk,
					     &resizing), 0);
	CU_ASSERT(dsc_wait_for(is_told_to_look, &pid, 20000));
	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(resizing.rc, -ENOTCONN);
	discsi_disk_put(resizing.disk);
	end(sim, storage);
}

/* A bridge that was started only to read a block does not outlast the limits. */
static void test_look_in_vain(void)
{
	const struct sim_config config = { .blocks = BLOCKS };
	const struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 4000,
	};
	struct sim_rule rule = {
		.opcode = 0x28, .lun = SIM_ANY, .action = SIM_SILENT,
	};
	struct sim *sim = sim_start(&config);
	struct discsi_storage *storage;
	uint64_t begun;

	manager = st_manager();
	storage = mount_on(sim);
	st_works(discsi_storage_unmount(storage, 0));
	sim_rule(sim, &rule);
	rule.opcode = 0x88;
	sim_rule(sim, &rule);
	begun = dsc_clock_now_ns();
	st_fails(discsi_storage_accessible(storage, &options), ETIMEDOUT, "");
	CU_ASSERT(dsc_clock_now_ns() - begun < 9000 * DSC_NS_PER_MS);
	CU_ASSERT(sim_rules_applied(sim) > 0);
	CU_ASSERT(bridge_is_nothing_left());
	sim_clear_rules(sim);
	st_works(discsi_storage_mount(storage, NULL));
	end(sim, storage);
}

static void *ask_size(void *storage)
{
	struct discsi_storage_stat stat = { .size = sizeof(stat) };

	(void)discsi_storage_sync_size(storage, &stat);
	return NULL;
}

static bool is_asked(void *sim)
{
	return sim_connections(sim) > 2;  /* discovery, bridge */
}

/* Who counts beside the bridge must not be taken for it. */
static void test_counts_beside(void)
{
	static const uint8_t isid[6] = { 0x80, 0, 0, 0, 0, 1 };
	const struct sim_config config = { .blocks = BLOCKS, .thin = true };
	struct discsi_storage_stat stat = { .size = sizeof(stat) };
	struct sim *sim = sim_start(&config);
	struct discsi_storage *storage;
	uint8_t last[6];
	unsigned logins;

	manager = st_manager();
	storage = mount_with(sim, ", \"isid\": \"800000000001\"");
	sim_isid(sim, last);
	CU_ASSERT_EQUAL(memcmp(last, isid, sizeof(isid)), 0);
	logins = sim_logins(sim);
	st_works(discsi_storage_sync_size(storage, &stat));
	CU_ASSERT(stat.thin && stat.has_mapped);
	sim_isid(sim, last);
	CU_ASSERT_NOT_EQUAL(memcmp(last, isid, sizeof(isid)), 0);
	CU_ASSERT_EQUAL(sim_logins(sim), logins + 1);
	end(sim, storage);
}

/* Who counts what a thin LUN has, with a login of its own, is not waited for. */
static void test_manager_ends(void)
{
	const struct sim_config config = { .blocks = 65536, .thin = true };
	struct sim *sim = sim_start(&config);
	struct discsi_storage *storage;
	pthread_t thread;
	uint64_t begun;

	manager = st_manager();
	storage = mount_on(sim);
	sim_mute(sim, 0, true);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, ask_size,
					     storage), 0);
	CU_ASSERT(dsc_wait_for(is_asked, sim, 20000));
	begun = dsc_clock_now_ns();
	discsi_storage_manager_free(manager);
	CU_ASSERT(dsc_clock_now_ns() - begun < 3000 * DSC_NS_PER_MS);
	pthread_join(thread, NULL);
	discsi_storage_put(storage);
	sim_mute(sim, 0, false);
	bridge_stop(ID);
	sim_stop(sim);
}

static const struct dsc_test tests[] = {
	{ "grows", test_grows },
	{ "grows_silently", test_grows_silently },
	{ "bridge_hangs", test_bridge_hangs },
	{ "bridge_dies", test_bridge_dies },
	{ "look_in_vain", test_look_in_vain },
	{ "counts_beside", test_counts_beside },
	{ "manager_ends", test_manager_ends },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("storage-growth", tests, setup,
				     rig_teardown, argc, argv);
}
