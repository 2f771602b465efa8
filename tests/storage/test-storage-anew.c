/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-anew.c: storages with device "none" whose session has given up,
 * or whose LUN has become another disk: the next mount makes them anew, of the
 * same disk and of no other one. On a target in this process. Test's thread, but
 * those of test_asked_meanwhile().
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/process.h"
#include "simtarget/simtarget.h"
#include "storage/storage-rig.h"
#include "storage/who.h"

#define BLOCKS 65536u     /* of 512 bytes: 32 MiB */
#define SERIAL "SIM00000" /* of LUN 0 as the target makes it */
#define CONF "\"portal\": \"%s\", \"iqn\": \"" SIM_IQN "\", " \
	"\"device\": \"none\", \"lun_id\": 0, \"replacement_timeout\": 300"
#define PATIENCE_MS 20000u
#define ASKERS 3

struct scene {
	struct sim *sim;
	struct discsi_storage_manager *manager;
	struct discsi_storage *storage;
	size_t fds;
	atomic_bool is_over;
};

static void begin(struct scene *scene, const char *members)
{
	const struct sim_config plain = { .blocks = BLOCKS, .luns = 2 };

	memset(scene, 0, sizeof(*scene));
	scene->sim = sim_start(&plain);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->sim);
	scene->manager = st_manager();
	scene->fds = st_count_fds();
	scene->storage = st_storage(scene->manager, "s", "{" CONF "%s}",
				    sim_portal(scene->sim, 0), members);
	st_works(discsi_storage_mount(scene->storage, NULL));
}

static void end(struct scene *scene)
{
	st_works(discsi_storage_unmount(scene->storage, 0));
	sim_drop_all(scene->sim);
	CU_ASSERT(st_wait_fds(scene->fds, PATIENCE_MS));
	discsi_storage_put(scene->storage);
	discsi_storage_manager_free(scene->manager);
	sim_stop(scene->sim);
}

static int read_block(struct discsi_storage *storage)
{
	unsigned char block[512];

	return discsi_storage_read(storage, block, sizeof(block), 0, 0);
}

/* A session that has given up fails I/O, which waited for it before. */
static void give_up(struct scene *scene)
{
	sim_kill(scene->sim);
	CU_ASSERT(read_block(scene->storage) < 0);
	CU_ASSERT(!discsi_storage_is_connected(scene->storage));
}

static bool is_another_disk(void *storage)
{
	return read_block(storage) == -ESTALE;
}

static void swap(struct scene *scene, const char *serial)
{
	sim_swap_identity(scene->sim, 0, serial, true);
	CU_ASSERT(dsc_wait_for(is_another_disk, scene->storage, PATIENCE_MS));
	CU_ASSERT(!discsi_storage_is_connected(scene->storage));
}

/* --------------------------------------------------------------- given up */

static void expect_lost(struct scene *scene)
{
	char *path = NULL;

	CU_ASSERT(discsi_storage_is_mounted(scene->storage));
	CU_ASSERT(!discsi_storage_is_connected(scene->storage));
	st_fails(read_block(scene->storage), ENOTCONN, "mount it again");
	st_fails(discsi_storage_flush(scene->storage), ENOTCONN,
		 "mount it again");
	st_fails(discsi_storage_device_path(scene->storage, &path), EOPNOTSUPP,
		 "none");
	CU_ASSERT_PTR_NOT_NULL(strstr(st_text(scene->storage,
		discsi_storage_sync_info), "\"status\":\"offline\""));
}

static void test_given_up(void)
{
	struct scene scene;
	struct discsi_disk *disk = NULL;
	unsigned char data[4096];
	unsigned char seen[4096];
	int round;

	begin(&scene, "");
	st_works(discsi_storage_create_disk(scene.storage, "d", &disk));
	for (round = 1; round <= 3; round++) {
		memset(data, round, sizeof(data));
		st_works(discsi_storage_write(scene.storage, data,
					      sizeof(data), 8192, 0));
		give_up(&scene);
		st_fails(discsi_storage_mount(scene.storage, NULL),
			 ECONNREFUSED, "storage s");
		expect_lost(&scene);
		st_fails(discsi_disk_probe(disk), ENOTCONN, "mount it again");
		st_fails(discsi_storage_accessible(scene.storage, NULL),
			 ECONNREFUSED, "storage s");
		expect_lost(&scene);
		sim_restart(scene.sim);
		st_works(discsi_storage_mount(scene.storage, NULL));
		CU_ASSERT(discsi_storage_is_connected(scene.storage));
		st_works(discsi_storage_read(scene.storage, seen, sizeof(seen),
					     8192, 0));
		CU_ASSERT_EQUAL(memcmp(data, seen, sizeof(data)), 0);
		st_works(discsi_disk_probe(disk));
	}
	discsi_disk_put(disk);
	end(&scene);
}

/* A session that is only lost is left to itself. */
static void test_recovering(void)
{
	struct scene scene;
	unsigned logins;

	begin(&scene, ", \"replacement_timeout\": 30000");
	logins = sim_logins(scene.sim);
	sim_mute(scene.sim, 0, true);
	sim_drop_all(scene.sim);
	st_works(discsi_storage_mount(scene.storage, NULL));
	sim_mute(scene.sim, 0, false);
	sim_drop_all(scene.sim);
	st_works(read_block(scene.storage));
	CU_ASSERT_EQUAL(sim_logins(scene.sim), logins + 1);
	end(&scene);
}

/* What could not be made anew is to be unmounted, and leaves nothing. */
static void test_unmounted(void)
{
	struct scene scene;

	begin(&scene, "");
	give_up(&scene);
	st_fails(discsi_storage_mount(scene.storage, NULL), ECONNREFUSED, "");
	st_works(discsi_storage_unmount(scene.storage, 0));
	CU_ASSERT(!discsi_storage_is_mounted(scene.storage));
	st_fails(read_block(scene.storage), ENOTCONN, "not mounted");
	sim_restart(scene.sim);
	st_works(discsi_storage_mount(scene.storage, NULL));
	give_up(&scene);
	st_fails(discsi_storage_mount(scene.storage, NULL), ECONNREFUSED, "");
	discsi_storage_put(scene.storage);
	discsi_storage_manager_free(scene.manager);
	sim_stop(scene.sim);
}

static void test_accessible(void)
{
	const struct sim_rule unreadable = {
		.opcode = SIM_ANY, .lun = 0, .action = SIM_STATUS,
		.status = 2, .key = 3, .asc = 0x11,
	};
	struct sim_rule rule = unreadable;
	struct scene scene;

	begin(&scene, "");
	give_up(&scene);
	sim_restart(scene.sim);
	st_works(discsi_storage_accessible(scene.storage, NULL));
	give_up(&scene);
	sim_restart(scene.sim);
	rule.opcode = 0x28;
	sim_rule(scene.sim, &rule);
	rule.opcode = 0x88;
	sim_rule(scene.sim, &rule);
	st_fails(discsi_storage_accessible(scene.storage, NULL), ENODATA, "");
	CU_ASSERT(sim_rules_applied(scene.sim) > 0);
	CU_ASSERT(discsi_storage_is_mounted(scene.storage));
	CU_ASSERT(discsi_storage_is_connected(scene.storage));
	sim_clear_rules(scene.sim);
	end(&scene);
}

static void on_stage_cancel(void *arg, struct discsi_storage *storage,
			    enum discsi_mount_stage stage)
{
	if (stage == *(enum discsi_mount_stage *)arg)
		discsi_storage_cancel(storage);
}

/* Whatever stops it, it can be tried again. */
static void test_deadline_and_cancel(void)
{
	enum discsi_mount_stage stage = DISCSI_MOUNT_LOGGING_IN;
	struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 300,
	};
	struct scene scene;

	begin(&scene, "");
	give_up(&scene);
	sim_restart(scene.sim);
	sim_mute(scene.sim, 0, true);
	st_fails(discsi_storage_mount(scene.storage, &options), ETIMEDOUT,
		 "while discovering");
	expect_lost(&scene);
	sim_mute(scene.sim, 0, false);
	options.timeout_ms = 0;
	options.progress = on_stage_cancel;
	options.arg = &stage;
	st_fails(discsi_storage_mount(scene.storage, &options), ECANCELED,
		 "while logging in");
	expect_lost(&scene);
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_works(read_block(scene.storage));
	end(&scene);
}

/* Who asks and reads meanwhile comes to no harm. */
static void *ask(void *arg)
{
	struct scene *scene = arg;
	struct discsi_storage_stat stat = { .size = sizeof(stat) };
	uint64_t bytes;
	char *text;

	while (!scene->is_over) {
		(void)read_block(scene->storage);
		(void)discsi_storage_is_connected(scene->storage);
		(void)discsi_storage_sync_size(scene->storage, &stat);
		(void)discsi_storage_capacity_mb(scene->storage, &bytes);
		if (discsi_storage_sync_info(scene->storage, &text) == 0)
			free(text);
	}
	return NULL;
}

static void test_asked_meanwhile(void)
{
	pthread_t threads[ASKERS];
	struct scene scene;
	int i;

	begin(&scene, "");
	for (i = 0; i < ASKERS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask,
						     &scene), 0);
	for (i = 0; i < 3; i++) {
		give_up(&scene);
		st_fails(discsi_storage_mount(scene.storage, NULL),
			 ECONNREFUSED, "");
		sim_restart(scene.sim);
		st_works(discsi_storage_mount(scene.storage, NULL));
		st_works(read_block(scene.storage));
		swap(&scene, "OTHER");
		sim_swap_identity(scene.sim, 0, SERIAL, true);
		st_works(discsi_storage_mount(scene.storage, NULL));
		st_works(read_block(scene.storage));
	}
	scene.is_over = true;
	for (i = 0; i < ASKERS; i++)
		pthread_join(threads[i], NULL);
	end(&scene);
}

/* A LUN that somebody has borrowed is his until the unmount. */
static void test_lent(void)
{
	struct discsi_lun *lun = NULL;
	unsigned char block[512];
	struct scene scene;

	begin(&scene, "");
	st_works(discsi_storage_lun(scene.storage, &lun));
	give_up(&scene);
	sim_restart(scene.sim);
	st_fails(discsi_storage_mount(scene.storage, NULL), EBUSY,
		 "discsi_storage_lun");
	CU_ASSERT(discsi_storage_is_mounted(scene.storage));
	CU_ASSERT(!discsi_storage_is_connected(scene.storage));
	CU_ASSERT(discsi_lun_read(lun, block, sizeof(block), 0, 0) < 0);
	(void)discsi_storage_unmount(scene.storage, 0);
	CU_ASSERT(!discsi_storage_is_mounted(scene.storage));
	st_works(discsi_storage_mount(scene.storage, NULL));
	give_up(&scene);
	sim_restart(scene.sim);
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_works(discsi_storage_lun(scene.storage, &lun));
	st_works(discsi_lun_read(lun, block, sizeof(block), 0, 0));
	end(&scene);
}

/* ------------------------------------------------------------ another disk */

static void expect_refused(struct scene *scene, const char *words)
{
	st_fails(discsi_storage_mount(scene->storage, NULL), ESTALE, words);
	CU_ASSERT(discsi_storage_is_mounted(scene->storage));
	CU_ASSERT(!discsi_storage_is_connected(scene->storage));
	st_fails(discsi_storage_accessible(scene->storage, NULL), ESTALE,
		 words);
	CU_ASSERT(discsi_storage_is_mounted(scene->storage));
	st_fails(read_block(scene->storage), ENOTCONN, "mount it again");
}

/* No mount takes another disk, however often it is tried; an unmount does. */
static void test_swapped(void)
{
	struct scene scene;

	begin(&scene, "");
	swap(&scene, "OTHER");
	expect_refused(&scene, "after an unmount");
	sim_swap_identity(scene.sim, 0, SERIAL, true);
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_works(read_block(scene.storage));
	swap(&scene, "OTHER");
	expect_refused(&scene, "after an unmount");
	st_works(discsi_storage_unmount(scene.storage, 0));
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_works(read_block(scene.storage));
	/* That is the one now. */
	swap(&scene, SERIAL);
	expect_refused(&scene, "after an unmount");
	end(&scene);
}

static void test_swapped_while_gone(void)
{
	struct scene scene;

	begin(&scene, "");
	give_up(&scene);
	sim_swap_identity(scene.sim, 0, "OTHER", false);
	st_fails(discsi_storage_mount(scene.storage, NULL), ECONNREFUSED, "");
	sim_restart(scene.sim);
	expect_refused(&scene, "after an unmount");
	sim_swap_identity(scene.sim, 0, SERIAL, false);
	st_works(discsi_storage_mount(scene.storage, NULL));
	end(&scene);
}

/* An unmount forgets what was mounted, but not what is configured. */
static void test_expected(void)
{
	struct scene scene;

	begin(&scene, ", \"expected_id\": \"" SERIAL "\"");
	swap(&scene, "OTHER");
	expect_refused(&scene, "expected_id");
	st_works(discsi_storage_unmount(scene.storage, 0));
	st_fails(discsi_storage_mount(scene.storage, NULL), ESTALE,
		 "expected_id");
	CU_ASSERT(!discsi_storage_is_mounted(scene.storage));
	sim_swap_identity(scene.sim, 0, SERIAL, true);
	st_works(discsi_storage_mount(scene.storage, NULL));
	end(&scene);
}

/* A disk may come back larger, and not smaller than it was last. */
static void test_size(void)
{
	struct discsi_storage_stat stat = { .size = sizeof(stat) };
	struct scene scene;
	uint64_t mb = 0;

	begin(&scene, "");
	give_up(&scene);
	sim_resize_silently(scene.sim, 0, 2 * BLOCKS);
	sim_restart(scene.sim);
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_works(discsi_storage_capacity_mb(scene.storage, &mb));
	CU_ASSERT_EQUAL(mb, 64);
	sim_resize(scene.sim, 0, 4 * BLOCKS);
	st_works(discsi_storage_sync_size(scene.storage, &stat));
	CU_ASSERT_EQUAL(stat.capacity_mb, 128);
	give_up(&scene);
	sim_resize_silently(scene.sim, 0, 3 * BLOCKS);
	sim_restart(scene.sim);
	expect_refused(&scene, "size was 134217728 bytes");
	sim_resize_silently(scene.sim, 0, 4 * BLOCKS);
	st_works(discsi_storage_mount(scene.storage, NULL));
	end(&scene);
}

/* A LUN that was taken away, and is mapped again. */
static void test_absent(void)
{
	struct scene scene;

	begin(&scene, "");
	sim_set_present(scene.sim, 0, false);
	sim_drop_all(scene.sim);
	CU_ASSERT(read_block(scene.storage) < 0);
	CU_ASSERT(!discsi_storage_is_connected(scene.storage));
	st_fails(discsi_storage_mount(scene.storage, NULL), ENXIO, "LUN 0");
	expect_lost(&scene);
	sim_set_present(scene.sim, 0, true);
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_works(read_block(scene.storage));
	end(&scene);
}

/* ------------------------------------------------------- what is compared */

static const struct dsc_who named = {
	"naa.1", "S1", "V", "P", "R", 512, 1 << 20,
};
static const struct dsc_who nameless = {
	"", "", "V", "P", "R", 512, 1 << 20,
};

static const struct {
	const struct dsc_who *was;
	struct dsc_who is;
	const char *words;    /* NULL: the same disk */
} cases[] = {
	{ &named, { "naa.1", "S1", "V", "P", "R", 512, 1 << 20 }, NULL },
	{ &named, { "naa.1", "S1", "V", "P", "R2", 512, 1 << 21 }, NULL },
	{ &named, { "naa.1", "S1", "", "", "", 0, 0 }, NULL },
	{ &named, { "naa.2", "S1", "V", "P", "R", 512, 1 << 20 },
	  "designator was \"naa.1\" and is \"naa.2\"" },
	{ &named, { "", "S1", "V", "P", "R", 512, 1 << 20 }, "designator" },
	{ &named, { "naa.1", "S2", "V", "P", "R", 512, 1 << 20 },
	  "serial number was \"S1\" and is \"S2\"" },
	{ &named, { "naa.1", "", "V", "P", "R", 512, 1 << 20 }, "serial" },
	{ &named, { "naa.1", "S1", "W", "P", "R", 512, 1 << 20 }, "vendor" },
	{ &named, { "naa.1", "S1", "V", "Q", "R", 512, 1 << 20 }, "product" },
	{ &named, { "naa.1", "S1", "V", "P", "R", 4096, 1 << 20 }, "blocks" },
	{ &named, { "naa.1", "S1", "V", "P", "R", 512, 1 << 19 }, "size" },
	{ &nameless, { "", "", "V", "P", "R", 512, 1 << 20 }, NULL },
	{ &nameless, { "", "", "", "", "", 512, 1 << 20 }, NULL },
	{ &nameless, { "", "", "W", "P", "R", 512, 1 << 20 }, "vendor" },
	{ &nameless, { "", "", "V", "P", "R2", 512, 1 << 20 }, "revision" },
	{ &nameless, { "", "", "V", "P", "R", 512, 1 << 21 }, "size" },
	{ &nameless, { "", "", "V", "P", "R", 512, 1 << 19 }, "size" },
};

static void test_who(void)
{
	size_t i;
	int rc;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rc = dsc_who_check(cases[i].was, &cases[i].is);
		if (cases[i].words == NULL)
			st_works(rc);
		else
			st_fails(rc, ESTALE, cases[i].words);
	}
}

static const struct dsc_test tests[] = {
	{ "given_up", test_given_up },
	{ "recovering", test_recovering },
	{ "unmounted", test_unmounted },
	{ "accessible", test_accessible },
	{ "deadline_and_cancel", test_deadline_and_cancel },
	{ "asked_meanwhile", test_asked_meanwhile },
	{ "lent", test_lent },
	{ "swapped", test_swapped },
	{ "swapped_while_gone", test_swapped_while_gone },
	{ "expected", test_expected },
	{ "size", test_size },
	{ "absent", test_absent },
	{ "who", test_who },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("storage-anew", tests, argc, argv);
}
