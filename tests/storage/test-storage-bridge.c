/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-bridge.c: storages of tgtd that are served by a bridge on a
 * socket: mounted, adopted after a restart, found by several agents at once,
 * undone when a step fails or is cancelled; disks that others have written to.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"
#include "storage/storage-rig.h"
#include "tgt/place.h"

#define ID1 BRIDGE_ID("1")
#define LUNS 6            /* 1: as the rig fills it; 2 to 6: empty */
#define XFS_BYTES (320 * MIB)  /* it takes nothing smaller */
#define CONF "\"portal\": \"%s\", \"iqn\": \"" TARGET_OPEN "\""
#define SOCKET CONF ", \"device\": \"socket\""

static struct discsi_storage_manager *manager;

static int setup(void)
{
	int status = bridge_setup();
	int lun;

	if (status < 0 || rig_tgtd() == NULL)
		return status;
	for (lun = 2; lun <= LUNS && status == 0; lun++)
		status = dsc_tgtd_add_lun(rig_tgtd(), 1, lun, lun < 5 ?
					  BRIDGE_BYTES : XFS_BYTES, 512, 0);
	return status;
}

static const char *portal(void)
{
	return dsc_tgtd_portal(rig_tgtd());
}

static struct discsi_storage *socket_storage(const char *id, int lun)
{
	return st_storage(manager, id, "{" SOCKET ", \"lun_id\": %d}",
			  portal(), lun);
}

static void begin(void)
{
	manager = st_manager();
}

static void end(struct discsi_storage *storage)
{
	bool was_dead = bridge_is_dead(ID1);

	st_works(discsi_storage_unmount(storage, DISCSI_UNMOUNT_FORCE));
	bridge_expect_nothing(ID1, was_dead);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
}

static void expect_readable(struct discsi_storage *storage)
{
	const char *uri = st_text(storage, discsi_storage_device_path);

	CU_ASSERT_PTR_EQUAL(strstr(uri, "nbd+unix:///?socket=/"), uri);
	if (dsc_has_program("nbdinfo"))
		bridge_client("nbdinfo", "--size", uri);
}

/* ------------------------------------------------------------------- life */

static void on_stage(void *arg, struct discsi_storage *storage,
		     enum discsi_mount_stage stage)
{
	(void)storage;
	strcat(strcat(arg, discsi_mount_stage_name(stage)), ";");
}

static void test_mount(void)
{
	char stages[120] = "";
	const struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_stage, .arg = stages,
	};
	struct discsi_storage *storage;
	struct discsi_lun *lun;
	uint64_t mb = 0;

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, &options));
	CU_ASSERT_STRING_EQUAL(stages,
			       "discovering;logging in;attaching;ready;");
	CU_ASSERT(bridge_pid(ID1) > 1);
	CU_ASSERT(discsi_storage_is_connected(storage));
	expect_readable(storage);
	st_works(discsi_storage_accessible(storage, NULL));
	st_works(discsi_storage_capacity_mb(storage, &mb));
	CU_ASSERT_EQUAL(mb, BRIDGE_BYTES / MIB);
	st_fails(discsi_storage_lun(storage, &lun), EOPNOTSUPP, "bridge");
	st_works(discsi_storage_mount(storage, NULL));
	st_works(discsi_storage_unmount(storage, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), 0);
	CU_ASSERT(!discsi_storage_is_connected(storage));
	end(storage);
}

/* An agent that comes back finds its disks as it left them. */
static void test_adoption(void)
{
	char stages[120] = "";
	const struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_stage, .arg = stages,
	};
	struct discsi_storage *storage;
	pid_t pid;

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	pid = bridge_pid(ID1);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);

	begin();
	storage = socket_storage("s", 1);
	CU_ASSERT(!discsi_storage_is_mounted(storage));
	st_works(discsi_storage_mount(storage, &options));
	CU_ASSERT_STRING_EQUAL(stages, "attaching;ready;");
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	expect_readable(storage);
	end(storage);
}

/* A bridge that is not what is configured is neither adopted nor ended. */
static void test_no_match(void)
{
	struct discsi_storage *storage;
	struct discsi_storage *other;
	pid_t pid;

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	pid = bridge_pid(ID1);
	other = st_storage(manager, "t", "{" CONF ", \"lun_id\": 1,"
			   "\"device\": \"/dev/nbd0\"}", portal());
	st_fails(discsi_storage_mount(other, NULL), EBUSY, "attached already");
	st_works(st_configure(other, "t", "{" SOCKET ", \"lun_id\": 1,"
			      "\"read_only\": true}", portal()));
	st_fails(discsi_storage_mount(other, NULL), EBUSY, "read_only");
	st_works(st_configure(other, "t", "{" SOCKET ", \"lun_id\": 1,"
			      "\"expected_id\": \"naa.1\"}", portal()));
	st_fails(discsi_storage_mount(other, NULL), ESTALE, "another disk");
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	discsi_storage_put(other);
	end(storage);
}

static bool is_up(void *storage)
{
	return discsi_storage_is_connected(storage);
}

static bool is_down(void *storage)
{
	return !discsi_storage_is_connected(storage);
}

/* A bridge that was killed leaves files, which are in nobody's way. */
static void test_killed(void)
{
	struct discsi_storage *storage;
	struct discsi_disk *disk = NULL;

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	st_works(discsi_storage_create_disk(storage, "d", &disk));
	CU_ASSERT_EQUAL(kill(bridge_pid(ID1), SIGKILL), 0);
	CU_ASSERT(dsc_wait_for(is_down, storage, 20000));
	st_fails(discsi_disk_probe(disk), ENOENT, "gone");
	discsi_disk_put(disk);
	st_works(discsi_storage_unmount(storage, 0));
	CU_ASSERT(bridge_forget_owed(ID1) && bridge_is_nothing_left());
	st_works(discsi_storage_mount(storage, NULL));
	end(storage);
}

/* What has no device any more is not taken for mounted. */
static void test_killed_and_mounted_again(void)
{
	struct discsi_storage *storages[2];
	pid_t pid;
	int i;

	begin();
	storages[0] = socket_storage("s", 1);
	storages[1] = socket_storage("t", 1);
	for (i = 0; i < 2; i++)
		st_works(discsi_storage_mount(storages[i], NULL));
	pid = bridge_pid(ID1);
	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	CU_ASSERT(dsc_wait_for(is_down, storages[0], 20000));
	st_works(discsi_storage_mount(storages[0], NULL));
	CU_ASSERT_NOT_EQUAL(bridge_pid(ID1), pid);
	expect_readable(storages[0]);
	pid = bridge_pid(ID1);
	st_works(discsi_storage_mount(storages[1], NULL));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);

	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	CU_ASSERT(dsc_wait_for(is_down, storages[0], 20000));
	st_works(discsi_storage_accessible(storages[1], NULL));
	st_works(discsi_storage_accessible(storages[0], NULL));
	st_works(discsi_storage_unmount(storages[1], 0));
	expect_readable(storages[0]);
	discsi_storage_put(storages[1]);
	end(storages[0]);
}

/* What cannot be made anew is still to be unmounted, and leaves nothing. */
static void test_killed_for_good(void)
{
	struct discsi_storage *storage;

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	CU_ASSERT_EQUAL(kill(bridge_pid(ID1), SIGKILL), 0);
	CU_ASSERT(dsc_wait_for(is_down, storage, 20000));
	setenv("DISCSI_NBD", "/nowhere/discsi-nbd", 1);
	st_fails(discsi_storage_mount(storage, NULL), ENOENT, "DISCSI_NBD");
	CU_ASSERT(bridge_is_dead(ID1));
	rig_environment();
	end(storage);
}

/* Another bridge of the same LUN is not the one that was mounted. */
static void test_moved(void)
{
	struct discsi_bridge *bridge;
	struct discsi_storage *storage;
	struct discsi_conf *conf;
	char json[512], path[256];

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	st_works(discsi_bridge_detach(ID1, DISCSI_DETACH_FORCE));
	snprintf(path, sizeof(path), "%s/moved.sock", getenv("DISCSI_RUN_DIR"));
	snprintf(json, sizeof(json), "{" SOCKET ", \"lun_id\": 1}", portal());
	st_works(discsi_conf_new(&conf));
	st_works(discsi_conf_set_json(conf, json, strlen(json), NULL, NULL));
	st_works(discsi_bridge_attach(conf, path, &bridge));
	st_works(discsi_storage_mount(storage, NULL));
	CU_ASSERT(strstr(st_text(storage, discsi_storage_device_path),
			 "moved.sock") != NULL);
	expect_readable(storage);
	discsi_bridge_free(bridge);
	discsi_conf_free(conf);
	end(storage);
}

static void restart_target(void)
{
	int lun;

	CU_ASSERT_EQUAL(dsc_tgtd_restart(rig_tgtd()), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(rig_tgtd(), 1, TARGET_OPEN), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(rig_tgtd(), 1, 1, BRIDGE_BYTES, 512,
					 DSC_LUN_THIN), 0);
	for (lun = 2; lun <= LUNS; lun++)
		CU_ASSERT_EQUAL(dsc_tgtd_add_lun(
			rig_tgtd(), 1, lun, lun < 5 ? BRIDGE_BYTES : XFS_BYTES,
			512, 0), 0);
}

/* The target is killed under a mounted storage, and comes back. */
static void test_target_restarts(void)
{
	struct discsi_storage *storage;
	struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 500,
	};
	uint64_t mb = 0;

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	dsc_tgtd_kill(rig_tgtd());
	CU_ASSERT(dsc_wait_for(is_down, storage, 20000));
	CU_ASSERT(discsi_storage_is_mounted(storage));
	CU_ASSERT_PTR_NOT_NULL(strstr(st_text(storage,
		discsi_storage_sync_info), "\"status\":\"offline\""));
	st_works(discsi_storage_capacity_mb(storage, &mb));
	CU_ASSERT_EQUAL(mb, BRIDGE_BYTES / MIB);
	st_fails(discsi_storage_accessible(storage, &options), ETIMEDOUT, "");
	CU_ASSERT(discsi_storage_is_mounted(storage));
	restart_target();
	st_works(discsi_storage_accessible(storage, NULL));
	CU_ASSERT(dsc_wait_for(is_up, storage, 20000));
	st_works(discsi_storage_unmount(storage, 0));
	st_works(discsi_storage_accessible(storage, NULL));
	end(storage);
}

#define AGENTS 4

/* One of several processes that mount the same LUN at the same moment. */
static int mount_as_agent(int go)
{
	struct discsi_storage_manager *own;
	struct discsi_storage *storage;
	char json[512];
	char byte;
	int rc;

	snprintf(json, sizeof(json), "{" SOCKET ", \"lun_id\": 2}", portal());
	if (discsi_storage_manager_new(NULL, &own) < 0 ||
	    discsi_storage_new(own, NULL, "iscsi", &storage) < 0 ||
	    discsi_storage_set_info(storage, "s", "", json, strlen(json)) < 0 ||
	    read(go, &byte, 1) != 0)
		return 1;
	rc = discsi_storage_mount(storage, NULL);
	discsi_storage_put(storage);
	discsi_storage_manager_free(own);
	return rc == 0 ? 0 : 2;
}

static void test_agents(void)
{
	struct discsi_storage *storage;
	pid_t agents[AGENTS];
	int status;
	int ends[2];
	int i;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	for (i = 0; i < AGENTS; i++) {
		agents[i] = fork();
		if (agents[i] == 0) {
			close(ends[1]);
			_exit(mount_as_agent(ends[0]));
		}
	}
	close(ends[0]);
	close(ends[1]);
	for (i = 0; i < AGENTS; i++) {
		CU_ASSERT_EQUAL(waitpid(agents[i], &status, 0), agents[i]);
		CU_ASSERT_EQUAL(status, 0);
	}
	begin();
	storage = socket_storage("s", 2);
	st_works(discsi_storage_mount(storage, NULL));
	end(storage);
}

/* --------------------------------------------------------------- failures */

static void on_stage_cancel(void *arg, struct discsi_storage *storage,
			    enum discsi_mount_stage stage)
{
	(void)arg;
	if (stage == DISCSI_MOUNT_ATTACHING)
		discsi_storage_cancel(storage);
}

static void on_ready_cancel(void *arg, struct discsi_storage *storage,
			    enum discsi_mount_stage stage)
{
	(void)arg;
	if (stage == DISCSI_MOUNT_READY)
		discsi_storage_cancel(storage);
}

/* A bridge of another agent is not ended because one could not read. */
static void test_adopted_unreadable(void)
{
	const struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_ready_cancel,
	};
	struct discsi_storage *storage;
	struct discsi_storage *other;
	pid_t pid;

	begin();
	other = socket_storage("t", 1);
	st_fails(discsi_storage_accessible(other, &options), ECANCELED, "");
	CU_ASSERT(bridge_is_nothing_left());
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	pid = bridge_pid(ID1);
	st_fails(discsi_storage_accessible(other, &options), ECANCELED, "");
	CU_ASSERT(!discsi_storage_is_mounted(other));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	expect_readable(storage);
	st_works(discsi_storage_accessible(other, NULL));
	st_works(discsi_storage_unmount(other, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	discsi_storage_put(other);
	end(storage);
}

/* Connects until the queue of clients is full. Returns how many there are. */
static size_t crowd(const char *uri, int *fds, size_t room)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t count = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		 strchr(uri, '=') + 1);
	while (count < room) {
		fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
				    SOCK_CLOEXEC, 0);
		if (connect(fds[count++], (const struct sockaddr *)&address,
			    sizeof(address)) < 0)
			break;
	}
	return count;
}

/* A bridge that hangs is waited for, also where others wait already. */
static void test_crowded(void)
{
	const struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 500,
	};
	struct discsi_storage *storage;
	int fds[200];
	size_t count;
	size_t i;

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	CU_ASSERT_EQUAL(kill(bridge_pid(ID1), SIGSTOP), 0);
	count = crowd(st_text(storage, discsi_storage_device_path), fds, 200);
	CU_ASSERT(count < 200);
	st_fails(discsi_storage_accessible(storage, &options), ETIMEDOUT, "");
	CU_ASSERT_EQUAL(kill(bridge_pid(ID1), SIGCONT), 0);
	for (i = 0; i < count; i++)
		close(fds[i]);
	st_works(discsi_storage_accessible(storage, NULL));
	end(storage);
}

/* A program in place of discsi-nbd: what it does not do in time is undone. */
static void expect_of(const char *script, struct discsi_storage *storage,
		      const struct discsi_mount_options *options, int errnum,
		      const char *words)
{
	char *path = dsc_temp_write("no-nbd", script);

	CU_ASSERT_EQUAL(chmod(path, 0700), 0);
	setenv("DISCSI_NBD", path, 1);
	free(path);
	st_fails(discsi_storage_mount(storage, options), errnum, words);
}

static void test_attach_fails(void)
{
	struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_stage_cancel,
	};
	struct discsi_storage *storage;

	begin();
	storage = socket_storage("s", 1);
	st_fails(discsi_storage_mount(storage, &options), ECANCELED,
		 "while attaching");
	CU_ASSERT(bridge_is_nothing_left());
	options.progress = NULL;
	options.timeout_ms = 700;
	expect_of("#!/bin/sh\nexec sleep 60\n", storage, &options, ETIMEDOUT,
		  "while logging in");
	expect_of("#!/bin/sh\necho '{\"event\": \"logged in\"}'\nexec sleep 60\n",
		  storage, &options, ETIMEDOUT, "while attaching");
	expect_of("#!/bin/sh\necho it is broken >&2; exit 3\n", storage, NULL,
		  EIO, "it is broken");
	setenv("DISCSI_NBD", "/nowhere/discsi-nbd", 1);
	st_fails(discsi_storage_mount(storage, NULL), ENOENT, "DISCSI_NBD");
	rig_environment();
	CU_ASSERT(bridge_is_nothing_left());
	CU_ASSERT(!discsi_storage_is_mounted(storage));
	st_works(discsi_storage_mount(storage, NULL));
	end(storage);
}

/* ------------------------------------------------------------------ disks */

static void expect_format(struct discsi_storage *storage, const char *format,
			  const char *usage, const char *label)
{
	struct discsi_disk_format told = { .size = sizeof(told) };
	struct discsi_disk *disk = NULL;
	char *json = NULL;

	st_works(discsi_storage_create_disk(storage, "d", &disk));
	st_works(discsi_disk_format(disk, &told));
	CU_ASSERT_STRING_EQUAL(told.format, format);
	CU_ASSERT_STRING_EQUAL(told.usage, usage);
	CU_ASSERT_STRING_EQUAL(told.label, label);
	CU_ASSERT_EQUAL(told.uuid[0] == '\0', strcmp(format, "raw") == 0);
	st_works(discsi_disk_description(disk, &json));
	CU_ASSERT(json != NULL && strstr(json, format) != NULL);
	CU_ASSERT(json != NULL && strstr(json, "\"disk_size\":") != NULL);
	free(json);
	discsi_disk_put(disk);
	disk = NULL;
	st_works(discsi_storage_get_disk_by_id(storage, "d", &disk));
	discsi_disk_put(disk);
}

static const struct {
	const char *format;
	const char *usage;
	const char *label;
	const char *program;
	const char *const args[6];
} contents[] = {
	{ "raw", "raw", "", "true", { NULL } },
	{ "ext4", "filesystem", "four", "mkfs.ext4",
	  { "-q", "-F", "-L", "four", NULL } },
	{ "xfs", "filesystem", "ex", "mkfs.xfs",
	  { "-q", "-f", "-L", "ex", NULL } },
	{ "gpt", "partition table", "", "sfdisk", { "-q", NULL } },
};

/* Writes it into the backing file; false without the program. */
static bool make_content(size_t i, char *path)
{
	const struct dsc_run_options options = {
		.input = "label: gpt\n,\n", .input_length = 13,
	};
	const char *argv[8] = { contents[i].program };
	struct dsc_run_result result;
	size_t n = 1;
	size_t a;
	int status;

	if (!dsc_has_program(contents[i].program)) {
		dsc_test_note("%s is not installed", contents[i].program);
		return false;
	}
	for (a = 0; contents[i].args[a] != NULL; a++)
		argv[n++] = contents[i].args[a];
	argv[n] = path;
	status = dsc_run_with(&result, &options, argv);
	if (status != 0)
		dsc_run_note(&result, argv);
	dsc_run_free(&result);
	CU_ASSERT_EQUAL(status, 0);
	return status == 0;
}

/* Through a bridge, and in this process. */
static void test_content(void)
{
	static const char *const devices[] = { "socket", "none" };
	struct discsi_storage *storage;
	size_t i;
	size_t d;

	begin();
	for (i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		int lun = 3 + (int)i;
		char *path = dsc_tgtd_lun_path(rig_tgtd(), 1, lun);
		bool is_made = make_content(i, path);

		free(path);
		for (d = 0; d < 2 && is_made; d++) {
			storage = st_storage(manager, "s", "{" CONF ","
				"\"device\": \"%s\", \"lun_id\": %d}",
				portal(), devices[d], lun);
			st_works(discsi_storage_mount(storage, NULL));
			expect_format(storage, contents[i].format,
				      contents[i].usage, contents[i].label);
			st_works(discsi_storage_detach(storage, 0));
			discsi_storage_put(storage);
		}
	}
	CU_ASSERT(bridge_is_nothing_left());
	discsi_storage_manager_free(manager);
}

/* The number that another initiator reads. */
static void test_capacity(void)
{
	struct place place = place_of_tgtd(rig_tgtd(), 1, TARGET_OPEN, 1);
	struct discsi_storage_stat stat = { .size = sizeof(stat) };
	struct discsi_storage *storage;
	uint64_t bytes = 0;
	char *answer;

	begin();
	storage = socket_storage("s", 1);
	st_works(discsi_storage_mount(storage, NULL));
	st_works(discsi_storage_sync_size(storage, &stat));
	if (dsc_has_program("iscsi-readcapacity16")) {
		answer = place_ask(&place, "iscsi-readcapacity16", -1);
		bytes = (answer_number(answer, "RETURNED LOGICAL BLOCK "
				       "ADDRESS:") + 1) * 512;
		free(answer);
		CU_ASSERT_EQUAL(stat.capacity_mb, bytes / MIB);
	}
	CU_ASSERT(stat.thin);
	CU_ASSERT_EQUAL(stat.actual_capacity_used_mb, 0);
	CU_ASSERT(stat.mapped_mb <= stat.capacity_mb);
	place_free(&place);
	end(storage);
}

/* ---------------------------------------------------------------- threads */

#define THREADS 32

static void *use(void *arg)
{
	struct discsi_storage *storage = arg;
	struct discsi_disk *disk = NULL;
	uint64_t mb;
	char *text;
	int i;

	for (i = 0; i < 5; i++) {
		(void)discsi_storage_mount(storage, NULL);
		if (discsi_storage_create_disk(storage, "d", &disk) == 0) {
			(void)discsi_disk_probe(disk);
			discsi_disk_put(disk);
		}
		if (discsi_storage_sync_info(storage, &text) == 0)
			free(text);
		if (discsi_storage_device_path(storage, &text) == 0)
			free(text);
		(void)discsi_storage_free_mb(storage, &mb);
		(void)discsi_storage_is_connected(storage);
		if (i == 2)
			(void)discsi_storage_unmount(storage, 0);
	}
	return NULL;
}

static void test_threads(void)
{
	struct discsi_storage *storages[3];
	pthread_t threads[THREADS];
	int i;

	begin();
	storages[0] = socket_storage("a", 1);
	storages[1] = socket_storage("b", 2);
	storages[2] = st_storage(manager, "c", "{" CONF ", \"lun_id\": 3,"
				 "\"device\": \"none\"}", portal());
	for (i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, use,
						     storages[i % 3]), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 2; i > 0; i--) {
		st_works(discsi_storage_unmount(storages[i],
						DISCSI_UNMOUNT_FORCE));
		discsi_storage_put(storages[i]);
	}
	end(storages[0]);
}

static const struct dsc_test tests[] = {
	{ "mount", test_mount },
	{ "adoption", test_adoption },
	{ "no_match", test_no_match },
	{ "killed", test_killed },
	{ "killed_and_mounted_again", test_killed_and_mounted_again },
	{ "killed_for_good", test_killed_for_good },
	{ "moved", test_moved },
	{ "target_restarts", test_target_restarts },
	{ "agents", test_agents },
	{ "crowded", test_crowded },
	{ "adopted_unreadable", test_adopted_unreadable },
	{ "attach_fails", test_attach_fails },
	{ "content", test_content },
	{ "capacity", test_capacity },
	{ "threads", test_threads },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("storage-bridge", tests, setup,
				     rig_teardown, argc, argv);
}
