/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-unmount.c: storages with device "none" are unmounted where that is
 * not easy. On a target in this process. Test's thread.
 */
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "simtarget/simtarget.h"
#include "storage/storage-rig.h"

#define BLOCKS 65536u
#define CONF "\"portal\": \"%s\", \"iqn\": \"" SIM_IQN "\", " \
	"\"device\": \"none\", \"lun_id\": 0"
#define SYNC_CACHE 0x35

struct scene {
	struct sim *sim;
	struct discsi_storage_manager *manager;
	struct discsi_storage *storage;
};

static void begin(struct scene *scene, const char *members)
{
	const struct sim_config config = {
		.blocks = BLOCKS, .write_cache = true,
	};

	scene->sim = sim_start(&config);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->sim);
	scene->manager = st_manager();
	scene->storage = st_storage(scene->manager, "s", "{" CONF "%s}",
				    sim_portal(scene->sim, 0), members);
	st_works(discsi_storage_mount(scene->storage, NULL));
}

static void end(struct scene *scene)
{
	CU_ASSERT(!discsi_storage_is_mounted(scene->storage));
	discsi_storage_put(scene->storage);
	discsi_storage_manager_free(scene->manager);
	sim_stop(scene->sim);
}

/* As long as the flush and the logout may take, whatever a command may. */
static void test_silent_target(void)
{
	struct scene scene;
	uint64_t begun;

	begin(&scene, ", \"noop_interval\": 0, \"command_timeout\": 600000");
	sim_freeze(scene.sim, 600000);
	begun = dsc_clock_now_ns();
	st_fails(discsi_storage_unmount(scene.storage, 0), ETIMEDOUT,
		 "not flushed");
	CU_ASSERT(dsc_clock_now_ns() - begun < 60 * DSC_NS_PER_S);
	sim_freeze(scene.sim, 0);
	end(&scene);
}

static int unmount_with_few(struct scene *scene, unsigned flags)
{
	struct rlimit limit, few;
	int rc;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = STDERR_FILENO + 1;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	rc = discsi_storage_unmount(scene->storage, flags);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return rc;
}

/* Without a descriptor nothing is flushed: then it stays mounted. */
static void test_no_descriptor(void)
{
	struct scene scene;
	size_t flushes;

	begin(&scene, "");
	flushes = sim_count(scene.sim, SYNC_CACHE);
	st_fails(unmount_with_few(&scene, 0), EBUSY, "no descriptor");
	CU_ASSERT(discsi_storage_is_mounted(scene.storage));
	CU_ASSERT(discsi_storage_is_connected(scene.storage));
	st_works(discsi_storage_unmount(scene.storage, 0));
	CU_ASSERT_EQUAL(sim_count(scene.sim, SYNC_CACHE), flushes + 1);
	end(&scene);
}

static void test_no_descriptor_by_force(void)
{
	struct scene scene;

	begin(&scene, "");
	st_fails(unmount_with_few(&scene, DISCSI_UNMOUNT_FORCE), EMFILE,
		 "not flushed");
	end(&scene);
}

static const struct dsc_test tests[] = {
	{ "silent-target", test_silent_target },
	{ "no-descriptor", test_no_descriptor },
	{ "no-descriptor-by-force", test_no_descriptor_by_force },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("storage-unmount", tests, argc, argv);
}
