/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-mount.c: mounting with device "none" on a target in this
 * process that fails at each step in turn: what was done is undone, within the
 * deadline, and on a cancel at every stage. Then what a mounted one tells.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/process.h"
#include "harness/temp.h"
#include "simtarget/simtarget.h"
#include "storage/storage-rig.h"

#define BLOCKS 65536u                 /* 32 MiB */
#define CONF "\"portal\": \"%s\", \"iqn\": \"" SIM_IQN "\", " \
	"\"device\": \"none\""
#define PATIENCE_MS 5000u             /* well below any deadline of a session */

struct scene {
	struct sim *sim;
	struct discsi_storage_manager *manager;
	struct discsi_storage *storage;
	size_t fds;
	char stages[80];
};

static void begin(struct scene *scene, const struct sim_config *config,
		  const char *members)
{
	memset(scene, 0, sizeof(*scene));
	scene->sim = sim_start(config);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->sim);
	scene->manager = st_manager();
	scene->fds = st_count_fds();
	scene->storage = st_storage(scene->manager, "s", "{" CONF ", %s}",
				    sim_portal(scene->sim, 0), members);
}

static void end(struct scene *scene)
{
	discsi_storage_put(scene->storage);
	discsi_storage_manager_free(scene->manager);
	sim_stop(scene->sim);
}

static const struct sim_config plain = { .blocks = BLOCKS };

static void on_stage(void *arg, struct discsi_storage *storage,
		     enum discsi_mount_stage stage)
{
	struct scene *scene = arg;

	(void)storage;
	strcat(strcat(scene->stages, discsi_mount_stage_name(stage)), ";");
}

/* Nothing may be left of a mount that failed. */
static void expect_nothing(struct scene *scene)
{
	CU_ASSERT(!discsi_storage_is_mounted(scene->storage));
	CU_ASSERT(!discsi_storage_is_connected(scene->storage));
	sim_drop_all(scene->sim);  /* its own end of a muted connection */
	CU_ASSERT(st_wait_fds(scene->fds, PATIENCE_MS));
}

/* ------------------------------------------------------------------ steps */

static void test_mount(void)
{
	struct scene scene;
	struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_stage, .arg = &scene,
	};
	char *path = NULL;

	begin(&scene, &plain, "\"lun_id\": 0");
	st_works(discsi_storage_mount(scene.storage, &options));
	CU_ASSERT_STRING_EQUAL(scene.stages, "discovering;logging in;ready;");
	CU_ASSERT(discsi_storage_is_connected(scene.storage));
	st_works(discsi_storage_mount(scene.storage, &options));
	CU_ASSERT_STRING_EQUAL(scene.stages, "discovering;logging in;ready;");
	CU_ASSERT_EQUAL(sim_connections(scene.sim), 2);
	st_fails(discsi_storage_device_path(scene.storage, &path), EOPNOTSUPP,
		 "none");
	st_works(discsi_storage_accessible(scene.storage, NULL));
	st_works(discsi_storage_unmount(scene.storage, 0));
	expect_nothing(&scene);
	st_works(discsi_storage_unmount(scene.storage, 0));
	st_works(discsi_storage_accessible(scene.storage, NULL));
	CU_ASSERT(discsi_storage_is_connected(scene.storage));
	end(&scene);
}

static void test_fails_at_discovery(void)
{
	struct scene scene;

	begin(&scene, &plain, "\"lun_id\": 0");
	sim_refuse(scene.sim, 0, true);
	st_fails(discsi_storage_mount(scene.storage, NULL), ECONNREFUSED,
		 "storage s");
	expect_nothing(&scene);
	sim_refuse(scene.sim, 0, false);
	st_works(st_configure(scene.storage, "s", "{\"portal\": \"%s\","
			      "\"iqn\": \"iqn.2026-11.test.x:other\","
			      "\"lun_id\": 0, \"device\": \"none\"}",
			      sim_portal(scene.sim, 0)));
	st_fails(discsi_storage_mount(scene.storage, NULL), ENOENT,
		 "it offers " SIM_IQN);
	expect_nothing(&scene);
	end(&scene);
}

static void test_fails_at_login(void)
{
	struct scene scene;
	struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_stage, .arg = &scene,
	};

	begin(&scene, &plain, "\"lun_id\": 0");
	sim_login_status(scene.sim, 2, 1, 0);
	st_fails(discsi_storage_mount(scene.storage, &options), EACCES,
		 "authentication");
	expect_nothing(&scene);
	end(&scene);
}

static void test_fails_at_lun(void)
{
	struct scene scene;

	begin(&scene, &plain, "\"lun_id\": 7");
	st_fails(discsi_storage_mount(scene.storage, NULL), ENXIO, "LUN 7");
	expect_nothing(&scene);
	st_works(st_configure(scene.storage, "s", "{" CONF ", \"lun_id\": 0,"
			      "\"expected_id\": \"naa.5\"}",
			      sim_portal(scene.sim, 0)));
	st_fails(discsi_storage_mount(scene.storage, NULL), ESTALE,
		 "another disk");
	expect_nothing(&scene);
	end(&scene);
}

/* What was mounted only to be read is unmounted when it cannot be read. */
static void test_fails_at_read(void)
{
	const struct sim_rule rule = {
		.opcode = SIM_ANY, .lun = 0, .action = SIM_STATUS,
		.status = 2, .key = 3, .asc = 0x11, .ascq = 0, .skip = 0,
	};
	struct sim_rule read = rule;
	struct scene scene;

	begin(&scene, &plain, "\"lun_id\": 0");
	read.opcode = 0x28;
	sim_rule(scene.sim, &read);
	read.opcode = 0x88;
	sim_rule(scene.sim, &read);
	st_fails(discsi_storage_accessible(scene.storage, NULL), ENODATA,
		 "storage s");
	CU_ASSERT(sim_rules_applied(scene.sim) > 0);
	expect_nothing(&scene);
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_fails(discsi_storage_accessible(scene.storage, NULL), ENODATA,
		 "storage s");
	CU_ASSERT(discsi_storage_is_mounted(scene.storage));
	end(&scene);
}

/* --------------------------------------------------------------- deadline */

static void test_deadline(void)
{
	struct scene scene;
	struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 300,
	};
	unsigned long long before;

	begin(&scene, &plain, "\"lun_id\": 0");
	sim_mute(scene.sim, 0, true);
	before = dsc_now_ms();
	st_fails(discsi_storage_mount(scene.storage, &options), ETIMEDOUT,
		 "while discovering");
	CU_ASSERT(dsc_now_ms() - before < PATIENCE_MS);
	expect_nothing(&scene);
	sim_mute(scene.sim, 0, false);

	sim_rule(scene.sim, &(const struct sim_rule){
		.opcode = SIM_ANY, .lun = SIM_ANY, .action = SIM_SILENT });
	st_fails(discsi_storage_mount(scene.storage, &options), ETIMEDOUT,
		 "while logging in");
	CU_ASSERT(dsc_now_ms() - before < PATIENCE_MS);
	CU_ASSERT(sim_rules_applied(scene.sim) > 0);
	expect_nothing(&scene);
	sim_clear_rules(scene.sim);
	st_works(discsi_storage_mount(scene.storage, NULL));
	end(&scene);
}

#define LOGOUT_MS 5000u               /* what a session waits for one */

static void on_stage_keep(void *arg, struct discsi_storage *storage,
			  enum discsi_mount_stage stage)
{
	(void)storage;
	if (stage == DISCSI_MOUNT_LOGGING_IN)
		sim_ignore_logout(arg, 0, true);
}

/* The deadline is for undoing a mount, too. */
static void test_deadline_of_logout(void)
{
	struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 500,
		.progress = on_stage_keep,
	};
	unsigned long long before;
	struct scene scene;

	begin(&scene, &plain, "\"lun_id\": 7");
	options.arg = scene.sim;
	before = dsc_now_ms();
	st_fails(discsi_storage_mount(scene.storage, &options), ENXIO, "");
	CU_ASSERT(dsc_now_ms() - before < LOGOUT_MS / 2);
	expect_nothing(&scene);
	end(&scene);
}

/* ----------------------------------------------------------------- cancel */

static void on_stage_cancel(void *arg, struct discsi_storage *storage,
			    enum discsi_mount_stage stage)
{
	if (stage == *(enum discsi_mount_stage *)arg)
		discsi_storage_cancel(storage);
}

static void test_cancel_at_stage(void)
{
	enum discsi_mount_stage stage;
	struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_stage_cancel,
		.arg = &stage,
	};
	struct scene scene;

	begin(&scene, &plain, "\"lun_id\": 0");
	stage = DISCSI_MOUNT_DISCOVERING;
	st_fails(discsi_storage_mount(scene.storage, &options), ECANCELED,
		 "while discovering");
	expect_nothing(&scene);
	stage = DISCSI_MOUNT_LOGGING_IN;
	st_fails(discsi_storage_mount(scene.storage, &options), ECANCELED,
		 "while logging in");
	expect_nothing(&scene);
	end(&scene);
}

struct canceller {
	struct scene *scene;
	bool (*is_time)(struct scene *scene);
};

static bool is_in_login(struct scene *scene)
{
	return sim_connections(scene->sim) > 0;
}

static bool is_in_probe(struct scene *scene)
{
	return sim_rules_applied(scene->sim) > 0;
}

static bool is_time(void *arg)
{
	struct canceller *canceller = arg;

	return canceller->is_time(canceller->scene);
}

static void *cancel_in_time(void *arg)
{
	struct canceller *canceller = arg;

	dsc_wait_for(is_time, canceller, 20000);
	discsi_storage_cancel(canceller->scene->storage);
	return NULL;
}

static void cancel_when(struct scene *scene, bool (*when)(struct scene *),
			const char *words)
{
	struct canceller canceller = { scene, when };
	unsigned long long before = dsc_now_ms();
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, cancel_in_time,
					     &canceller), 0);
	st_fails(discsi_storage_mount(scene->storage, NULL), ECANCELED, words);
	CU_ASSERT(dsc_now_ms() - before < PATIENCE_MS);
	pthread_join(thread, NULL);
	expect_nothing(scene);
}

static void test_cancel_while_waiting(void)
{
	struct scene scene;

	begin(&scene, &plain, "\"lun_id\": 0");
	sim_mute(scene.sim, 0, true);
	cancel_when(&scene, is_in_login, "while discovering");
	sim_mute(scene.sim, 0, false);
	sim_rule(scene.sim, &(const struct sim_rule){
		.opcode = SIM_ANY, .lun = SIM_ANY, .action = SIM_SILENT });
	cancel_when(&scene, is_in_probe, "while logging in");
	sim_clear_rules(scene.sim);
	st_works(discsi_storage_mount(scene.storage, NULL));
	end(&scene);
}

/* ------------------------------------------------------------------ in use */

static void test_io(void)
{
	struct scene scene;
	struct discsi_lun *lun = NULL;
	unsigned char data[4096];
	unsigned char seen[4096];

	begin(&scene, &plain, "\"lun_id\": 0");
	st_fails(discsi_storage_read(scene.storage, seen, 512, 0, 0), ENOTCONN,
		 "not mounted");
	st_works(discsi_storage_mount(scene.storage, NULL));
	memset(data, 0xa5, sizeof(data));
	st_works(discsi_storage_write(scene.storage, data, sizeof(data), 8192,
				      DISCSI_IO_FUA));
	st_works(discsi_storage_flush(scene.storage));
	sim_peek(scene.sim, 0, 8192, seen, sizeof(seen));
	CU_ASSERT_EQUAL(memcmp(data, seen, sizeof(data)), 0);
	memset(seen, 0, sizeof(seen));
	st_works(discsi_storage_read(scene.storage, seen, sizeof(seen), 8192,
				     0));
	CU_ASSERT_EQUAL(memcmp(data, seen, sizeof(data)), 0);
	st_fails(discsi_storage_read(scene.storage, seen, 512, 1, 0), EINVAL,
		 "");
	st_works(discsi_storage_lun(scene.storage, &lun));
	st_works(discsi_lun_read(lun, seen, 512, 0, 0));
	st_works(discsi_storage_unmount(scene.storage, 0));
	st_fails(discsi_storage_lun(scene.storage, &lun), ENOTCONN, "");
	end(&scene);
}

static void *read_for_ever(void *arg)
{
	unsigned char block[512];

	return (void *)(intptr_t)discsi_storage_read(arg, block, sizeof(block),
						     0, 0);
}

/* A read that is never answered does not outlive the mount. */
static void test_unmount_ends_io(void)
{
	struct scene scene;
	struct canceller waiter = { &scene, is_in_probe };
	pthread_t thread;
	void *result;

	begin(&scene, &plain, "\"lun_id\": 0, \"command_timeout\": 4000");
	st_works(discsi_storage_mount(scene.storage, NULL));
	sim_rule(scene.sim, &(const struct sim_rule){
		.opcode = 0x28, .lun = SIM_ANY, .action = SIM_SILENT });
	sim_rule(scene.sim, &(const struct sim_rule){
		.opcode = 0x88, .lun = SIM_ANY, .action = SIM_SILENT });
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_for_ever,
					     scene.storage), 0);
	CU_ASSERT(dsc_wait_for(is_time, &waiter, 20000));
	st_works(discsi_storage_unmount(scene.storage, 0));
	pthread_join(thread, &result);
	CU_ASSERT((intptr_t)result == -ECANCELED ||
		  (intptr_t)result == -ETIMEDOUT);
	expect_nothing(&scene);
	end(&scene);
}

/* ----------------------------------------------------- a manager that ends */

#define USERS 8

/* Does everything there is until it is told that there is no manager. */
static void *use_until_end(void *arg)
{
	struct scene *scene = arg;
	struct discsi_storage *storage = scene->storage;
	struct discsi_storage_stat stat = { .size = sizeof(stat) };
	char conf[300];
	char block[512];
	char *text;
	int rc = 0;

	snprintf(conf, sizeof(conf), "{" CONF ", \"lun_id\": 0}",
		 sim_portal(scene->sim, 0));
	while (rc != -ECANCELED || strstr(discsi_last_error()->message,
					  "manager has ended") == NULL) {
		(void)discsi_storage_mount(storage, NULL);
		(void)discsi_storage_read(storage, block, sizeof(block), 0, 0);
		(void)discsi_storage_sync_size(storage, &stat);
		if (discsi_storage_sync_info(storage, &text) == 0)
			free(text);
		(void)discsi_storage_unmount(storage, 0);
		rc = discsi_storage_set_info(storage, "s", NULL, conf,
					     strlen(conf));
	}
	return NULL;
}

static bool is_asked(void *arg)
{
	return sim_connections(arg) >= USERS;
}

static void end_manager(void)
{
	pthread_t threads[USERS];
	struct scene scene;
	int i;

	begin(&scene, &plain, "\"lun_id\": 0");
	for (i = 0; i < USERS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(
			&threads[i], NULL, use_until_end, &scene), 0);
	CU_ASSERT(dsc_wait_for(is_asked, scene.sim, 20000));
	discsi_storage_manager_free(scene.manager);
	for (i = 0; i < USERS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT(!discsi_storage_is_mounted(scene.storage));
	discsi_storage_put(scene.storage);
	sim_stop(scene.sim);
}

/* Whoever uses a storage meanwhile finds no manager, and leaves nothing. */
static void test_manager_ends(void)
{
	size_t fds = st_count_fds();
	int round;

	for (round = 0; round < 10; round++)
		end_manager();
	CU_ASSERT(st_wait_fds(fds, PATIENCE_MS));
}

static void test_busy(void)
{
	struct scene scene;
	const char *portal;

	begin(&scene, &plain, "\"lun_id\": 0");
	portal = sim_portal(scene.sim, 0);
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_works(st_configure(scene.storage, "s", "{" CONF ", \"lun_id\": 0,"
			      "\"command_timeout\": 999, \"noop_interval\": 7,"
			      "\"mount_timeout\": 999}", portal));
	st_fails(st_configure(scene.storage, "s", "{" CONF ", \"lun_id\": 1}",
			      portal), EBUSY, "lun_id");
	st_fails(st_configure(scene.storage, "s", "{" CONF ", \"lun_id\": 0,"
			      "\"read_only\": true}", portal), EBUSY,
		 "read_only");
	st_fails(st_configure(scene.storage, "s", "{" CONF ", \"lun_id\": 0,"
			      "\"device\": \"auto\"}", portal), EBUSY,
		 "device");
	st_fails(st_configure(scene.storage, "t", "{" CONF ", \"lun_id\": 0}",
			      portal), EBUSY, "id");
	CU_ASSERT_PTR_NOT_NULL(strstr(st_text(scene.storage,
		discsi_storage_get_conf), "\"command_timeout\":999"));
	st_works(discsi_storage_unmount(scene.storage, 0));
	st_works(st_configure(scene.storage, "t", "{" CONF ", \"lun_id\": 1}",
			      portal));
	end(&scene);
}

static void test_sizes(void)
{
	const struct sim_config thin = { .blocks = BLOCKS, .thin = true };
	struct discsi_storage_stat stat = { .size = sizeof(stat) };
	struct discsi_disk *disk = NULL;
	struct discsi_disk *other = NULL;
	struct scene scene;
	uint64_t mb = 0;
	uint64_t bytes = 0;

	begin(&scene, &thin, "\"lun_id\": 0");
	st_fails(discsi_storage_capacity_mb(scene.storage, &mb), ENOTCONN, "");
	st_works(discsi_storage_mount(scene.storage, NULL));
	st_works(discsi_storage_sync_size(scene.storage, &stat));
	CU_ASSERT_EQUAL(stat.capacity_mb, 32);
	CU_ASSERT_EQUAL(stat.actual_capacity_used_mb, 0);
	CU_ASSERT(stat.thin);
	st_works(discsi_storage_free_mb(scene.storage, &mb));
	CU_ASSERT_EQUAL(mb, 32);
	st_works(discsi_storage_create_disk(scene.storage, "d", &disk));
	st_fails(discsi_storage_create_disk(scene.storage, "e", &other), ENOSPC,
		 "it is disk d already");
	st_works(discsi_storage_create_disk(scene.storage, "d", &other));
	discsi_disk_put(other);
	st_works(discsi_storage_sync_size(scene.storage, &stat));
	CU_ASSERT_EQUAL(stat.actual_capacity_used_mb, 32);
	st_works(discsi_storage_free_mb(scene.storage, &mb));
	CU_ASSERT_EQUAL(mb, 0);

	st_fails(discsi_disk_resize(disk, 512, &bytes), EOPNOTSUPP, "smaller");
	sim_resize(scene.sim, 0, 2 * BLOCKS);
	st_fails(discsi_disk_resize(disk, UINT64_C(1) << 40, &bytes), ENOSPC,
		 "at its target first");
	CU_ASSERT_EQUAL(bytes, UINT64_C(64) << 20);
	st_works(discsi_disk_resize(disk, 0, &bytes));
	st_works(discsi_disk_size(disk, &bytes));
	CU_ASSERT_EQUAL(bytes, UINT64_C(64) << 20);
	st_works(discsi_storage_capacity_mb(scene.storage, &mb));
	CU_ASSERT_EQUAL(mb, 64);
	st_works(discsi_storage_remove_disk(scene.storage, "d"));
	st_fails(discsi_storage_remove_disk(scene.storage, "d"), ENOENT, "d");
	st_fails(discsi_disk_probe(disk), ENOENT, "removed");
	st_fails(discsi_storage_get_disk_by_id(scene.storage, "d", &other),
		 ENOENT, "d");
	discsi_disk_put(disk);
	end(&scene);
}

static bool is_disconnected(void *storage)
{
	return !discsi_storage_is_connected(storage);
}

static bool is_connected(void *storage)
{
	return discsi_storage_is_connected(storage);
}

/* The whole life of a storage whose target goes away and comes back. */
static void test_life(void)
{
	unsigned char data[512];
	struct scene scene;
	uint64_t mb = 0;

	begin(&scene, &plain, "\"lun_id\": 0");
	st_works(discsi_storage_mount(scene.storage, NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(st_text(scene.storage,
		discsi_storage_sync_info), "\"status\":\"online\""));
	sim_kill(scene.sim);
	CU_ASSERT(dsc_wait_for(is_disconnected, scene.storage, 20000));
	CU_ASSERT(discsi_storage_is_mounted(scene.storage));
	CU_ASSERT_PTR_NOT_NULL(strstr(st_text(scene.storage,
		discsi_storage_sync_info), "\"status\":\"offline\""));
	st_works(discsi_storage_capacity_mb(scene.storage, &mb));
	CU_ASSERT_EQUAL(mb, 32);
	sim_restart(scene.sim);
	st_works(discsi_storage_read(scene.storage, data, sizeof(data), 0, 0));
	CU_ASSERT(dsc_wait_for(is_connected, scene.storage, 20000));
	st_works(discsi_storage_unmount(scene.storage, 0));
	expect_nothing(&scene);
	end(&scene);
}

/* An agent that ends does not wait for targets that are gone. */
static void test_end_without_target(void)
{
	struct scene scene;
	unsigned long long before;

	begin(&scene, &plain, "\"lun_id\": 0");
	st_works(discsi_storage_mount(scene.storage, NULL));
	sim_kill(scene.sim);
	CU_ASSERT(dsc_wait_for(is_disconnected, scene.storage, 20000));
	before = dsc_now_ms();
	discsi_storage_put(scene.storage);
	discsi_storage_manager_free(scene.manager);
	CU_ASSERT(dsc_now_ms() - before < PATIENCE_MS);
	sim_stop(scene.sim);
}

/* A child that was forked has no part in the parent's connection. */
static void test_fork(void)
{
	struct scene scene;
	unsigned char data[512];
	int status = -1;
	int ends[2];
	pid_t child;

	begin(&scene, &plain, "\"lun_id\": 0");
	st_works(discsi_storage_mount(scene.storage, NULL));
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		status = discsi_storage_read(scene.storage, data, 512, 0, 0);
		_exit(status == -ECHILD && read(ends[0], data, 1) == 0 ? 0 : 1);
	}
	close(ends[0]);
	st_works(discsi_storage_read(scene.storage, data, 512, 0, 0));
	sim_drop_all(scene.sim);
	st_works(discsi_storage_read(scene.storage, data, 512, 0, 0));
	st_works(discsi_storage_unmount(scene.storage, 0));
	close(ends[1]);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
	end(&scene);
}

#define MANY 1000u
#define LUNS 50u

/* One thread, and nothing left afterwards. */
static void test_thousand(void)
{
	const struct sim_config config = {
		.blocks = 64, .luns = LUNS, .no_journal = true,
	};
	struct rlimit limit;
	struct discsi_storage **storages = calloc(MANY, sizeof(*storages));
	struct scene scene;
	size_t threads;
	char id[16];
	unsigned i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(storages);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 2 * MANY + 100) {
		dsc_test_skip("no more than %lu descriptors are allowed",
			      (unsigned long)limit.rlim_max);
		free(storages);
		return;
	}
	limit.rlim_cur = limit.rlim_max;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	begin(&scene, &config, "\"lun_id\": 0");
	threads = st_count_threads();
	for (i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "s%u", i + 1);
		storages[i] = st_storage(scene.manager, id, "{" CONF
					 ", \"lun_id\": %u}",
					 sim_portal(scene.sim, 0), i % LUNS);
		if (!st_works(discsi_storage_mount(storages[i], NULL)))
			break;
	}
	CU_ASSERT_EQUAL(i, MANY);
	CU_ASSERT_EQUAL(st_count_threads(), threads);
	/* Ours, the target's end of it, and of each LUN one claim. */
	CU_ASSERT(st_wait_fds(scene.fds + 2 * MANY + LUNS, PATIENCE_MS));
	for (i = 0; i < MANY && storages[i] != NULL; i++) {
		CU_ASSERT(discsi_storage_is_connected(storages[i]));
		st_works(discsi_storage_detach(storages[i], 0));
		discsi_storage_put(storages[i]);
	}
	expect_nothing(&scene);
	free(storages);
	end(&scene);
}

static const struct dsc_test tests[] = {
	{ "mount", test_mount },
	{ "fails_at_discovery", test_fails_at_discovery },
	{ "fails_at_login", test_fails_at_login },
	{ "fails_at_lun", test_fails_at_lun },
	{ "fails_at_read", test_fails_at_read },
	{ "deadline", test_deadline },
	{ "deadline_of_logout", test_deadline_of_logout },
	{ "cancel_at_stage", test_cancel_at_stage },
	{ "cancel_while_waiting", test_cancel_while_waiting },
	{ "io", test_io },
	{ "unmount_ends_io", test_unmount_ends_io },
	{ "manager_ends", test_manager_ends },
	{ "busy", test_busy },
	{ "sizes", test_sizes },
	{ "life", test_life },
	{ "end_without_target", test_end_without_target },
	{ "fork", test_fork },
	{ "thousand", test_thousand },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("storage-mount", tests, argc, argv);
}
