/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-turns.c: operations on one storage take turns: who waits for its
 * own has a deadline and can be cancelled, and an operation cannot be begun from
 * inside another one. And what is refused before anything begins. On a target of
 * this process, device "none". Test's thread, but for the mounts that wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/process.h"
#include "simtarget/simtarget.h"
#include "storage/storage-rig.h"

static struct sim *sim;
static struct discsi_storage_manager *manager;
static struct discsi_storage *storage;

static void begin(void)
{
	const struct sim_config config = { .blocks = 65536 };

	sim = sim_start(&config);
	manager = st_manager();
	storage = st_storage(manager, "s", "{\"portal\": \"%s\", \"iqn\": \""
			     SIM_IQN "\", \"lun_id\": 0, \"device\": \"none\"}",
			     sim_portal(sim, 0));
}

static void end(void)
{
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
	sim_stop(sim);
}

/* ---------------------------------------------------------------- waiting */

struct waiter {
	pthread_t thread;
	int rc;
	char words[300];
};

static void *mount(void *arg)
{
	struct waiter *waiter = arg;

	waiter->rc = discsi_storage_mount(storage, NULL);
	snprintf(waiter->words, sizeof(waiter->words), "%.299s",
		 discsi_last_error()->message);
	return NULL;
}

static void start(struct waiter *waiter)
{
	CU_ASSERT_EQUAL_FATAL(pthread_create(&waiter->thread, NULL, mount,
					     waiter), 0);
}

static bool is_asked(void *arg)
{
	(void)arg;
	return sim_connections(sim) > 0;
}

/* One is under way, the others wait: all end with a cancel. */
static void test_waiting(void)
{
	const struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 100,
	};
	struct waiter waiters[3];
	size_t waiting = 0;
	size_t i;

	begin();
	sim_mute(sim, 0, true);
	start(&waiters[0]);
	CU_ASSERT(dsc_wait_for(is_asked, NULL, 10000));
	st_fails(discsi_storage_mount(storage, &options), ETIMEDOUT,
		 "another operation was under way");
	start(&waiters[1]);
	start(&waiters[2]);
	st_fails(discsi_storage_mount(storage, &options), ETIMEDOUT,
		 "another operation was under way");
	discsi_storage_cancel(storage);
	/* One that had not asked yet is not meant by it. */
	sim_mute(sim, 0, false);
	for (i = 0; i < 3; i++) {
		pthread_join(waiters[i].thread, NULL);
		CU_ASSERT(waiters[i].rc == -ECANCELED ||
			  (i > 0 && waiters[i].rc == 0));
		waiting += strstr(waiters[i].words, "cancelled while another "
				  "operation") != NULL;
	}
	CU_ASSERT(waiting > 0);
	end();
}

/* ----------------------------------------------------------------- inside */

static void on_stage(void *arg, struct discsi_storage *own,
		     enum discsi_mount_stage stage)
{
	size_t *calls = arg;

	(void)stage;
	CU_ASSERT_PTR_EQUAL(own, storage);
	st_fails(discsi_storage_mount(own, NULL), EDEADLK, "from inside");
	st_fails(discsi_storage_unmount(own, 0), EDEADLK, "from inside");
	st_fails(discsi_storage_set_info(own, "s", "", "{}", 2), EDEADLK,
		 "from inside");
	CU_ASSERT(discsi_storage_time_left_ms(own) > 0);
	CU_ASSERT(discsi_storage_time_left_ms(own) <= 20000);
	CU_ASSERT(discsi_storage_cancel_fd(own) >= 0);
	(*calls)++;
}

static void test_inside(void)
{
	size_t calls = 0;
	const struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 20000,
		.progress = on_stage, .arg = &calls,
	};

	begin();
	st_works(discsi_storage_mount(storage, &options));
	CU_ASSERT_EQUAL(calls, 3);
	CU_ASSERT_EQUAL(discsi_storage_time_left_ms(storage), 0);
	CU_ASSERT_EQUAL(discsi_storage_cancel_fd(storage), -1);
	end();
}

/* ---------------------------------------------------------------- refused */

static void test_arguments(void)
{
	const struct discsi_mount_options short_options = { .size = 1 };
	struct discsi_storage_stat stat = { .size = 0 };
	struct discsi_storage_manager_options bad = { .size = 1 };
	struct discsi_storage_manager *none = NULL;

	begin();
	st_fails(discsi_storage_mount(storage, &short_options), EINVAL,
		 "size is not set");
	st_fails(discsi_storage_unmount(storage, 0x80), EINVAL, "flags");
	st_fails(discsi_storage_sync_size(storage, &stat), EINVAL,
		 "size is not set");
	st_fails(discsi_storage_mount(NULL, NULL), EINVAL, "NULL");
	st_fails(discsi_storage_find(manager, NULL, &storage), EINVAL, "NULL");
	st_fails(discsi_storage_manager_new(&bad, &none), EINVAL,
		 "size is not set");
	st_fails(discsi_storage_manager_new(NULL, NULL), EINVAL, "NULL");
	CU_ASSERT_PTR_NULL(none);
	end();
}

static void silence_reads(void)
{
	struct sim_rule rule = {
		.opcode = 0x28, .lun = SIM_ANY, .action = SIM_SILENT,
	};

	sim_rule(sim, &rule);
	rule.opcode = 0x88;
	sim_rule(sim, &rule);
}

static bool is_reading(void *arg)
{
	(void)arg;
	return sim_rules_applied(sim) > 0;
}

static void *look(void *arg)
{
	int *rc = arg;

	*rc = discsi_storage_accessible(storage, NULL);
	return NULL;
}

/* A block that does not come is not waited for, nor is what undoes the mount. */
static void test_look_in_vain(void)
{
	const struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 500,
	};
	unsigned long long before;
	pthread_t thread;
	int rc = 0;

	begin();
	silence_reads();
	before = dsc_now_ms();
	st_fails(discsi_storage_accessible(storage, &options), ETIMEDOUT, "");
	CU_ASSERT(dsc_now_ms() - before < 5000);
	CU_ASSERT(!discsi_storage_is_mounted(storage));
	sim_clear_rules(sim);
	st_works(discsi_storage_accessible(storage, NULL));
	st_works(discsi_storage_unmount(storage, 0));
	end();

	begin();
	silence_reads();
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, look, &rc), 0);
	CU_ASSERT(dsc_wait_for(is_reading, NULL, 10000));
	before = dsc_now_ms();
	discsi_storage_cancel(storage);
	pthread_join(thread, NULL);
	CU_ASSERT(dsc_now_ms() - before < 5000);
	CU_ASSERT_EQUAL(rc, -ECANCELED);
	CU_ASSERT(!discsi_storage_is_mounted(storage));
	end();
}

static void test_buffers(void)
{
	char block[512];

	begin();
	st_fails(discsi_storage_read(storage, NULL, 512, 0, 0), ENOTCONN,
		 "not mounted");
	st_works(discsi_storage_mount(storage, NULL));
	st_fails(discsi_storage_read(storage, NULL, 512, 0, 0), EINVAL,
		 "read: an argument is NULL");
	st_fails(discsi_storage_write(storage, NULL, 512, 0, 0), EINVAL,
		 "write: an argument is NULL");
	st_works(discsi_storage_read(storage, NULL, 0, 0, 0));
	st_works(discsi_storage_read(storage, block, sizeof(block), 0, 0));
	end();
}

static void test_disks(void)
{
	struct discsi_disk *disk = NULL;
	struct discsi_disk *other = NULL;
	struct discsi_disk *same;
	uint64_t bytes = 0;
	char *path = NULL;

	begin();
	st_fails(discsi_storage_create_disk(storage, "d", &disk), ENOTCONN,
		 "not mounted");
	st_works(discsi_storage_mount(storage, NULL));
	st_fails(discsi_storage_create_disk(storage, "a/b", &disk), EINVAL,
		 "'/'");
	st_fails(discsi_storage_create_disk(storage, "d", NULL), EINVAL,
		 "NULL");
	st_works(discsi_storage_create_disk(storage, "d", &disk));
	CU_ASSERT_STRING_EQUAL(discsi_disk_id(disk), "d");
	st_fails(discsi_storage_create_disk(storage, "e", &other), ENOSPC,
		 "it is disk d");
	st_fails(discsi_storage_disks_path(storage, &path), EOPNOTSUPP,
		 "none");
	same = discsi_disk_ref(disk);
	CU_ASSERT_PTR_EQUAL(same, disk);
	discsi_disk_put(same);
	st_works(discsi_disk_size(disk, &bytes));
	CU_ASSERT_EQUAL(bytes, 65536 * 512);
	st_works(discsi_storage_remove_disk(storage, "d"));
	st_fails(discsi_disk_size(disk, &bytes), ENOENT, "removed");
	discsi_disk_put(disk);
	/* Of the same id, and another one all the same. */
	st_works(discsi_storage_create_disk(storage, "d", &other));
	st_works(discsi_disk_probe(other));
	discsi_disk_put(other);
	end();
}

static const struct dsc_test tests[] = {
	{ "waiting", test_waiting },
	{ "inside", test_inside },
	{ "arguments", test_arguments },
	{ "look_in_vain", test_look_in_vain },
	{ "buffers", test_buffers },
	{ "disks", test_disks },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("storage-turns", tests, argc, argv);
}
