/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-conf.c: types, properties and configuration of storages, without
 * any target: every member, every wrong value, ids that are taken, and what
 * block storage does not do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "storage/storage-rig.h"

#define WHOLE "\"portal\": \"127.0.0.1:1\", \"iqn\": " \
	"\"iqn.2026-11.test.x:y\", \"lun_id\": 1"

/* -------------------------------------------------------------- factories */

static int refuse_mount(void *self)
{
	(void)self;
	return -ENOSYS;
}

static int count_clone(void *self, const char *disk_id, const char *name)
{
	(void)self;
	return strcmp(disk_id, "d") == 0 && strcmp(name, "e") == 0 ? 0 : -EIO;
}

static const struct discsi_storage_type own = {
	.size = sizeof(own),
	.name = "own",
	.mount_prefix = "own:",
	.mount = refuse_mount,
	.clone_disk = count_clone,
	.is_local = true,
};

static void test_factory(void)
{
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *storage = NULL;
	struct discsi_storage *found;
	const char **names;
	size_t count;

	st_fails(discsi_storage_new(manager, "/x", "nfs", &storage), EOPNOTSUPP,
		 "the types are iscsi");
	CU_ASSERT_PTR_NULL(storage);
	st_fails(discsi_storage_new(manager, "/mnt", NULL, &storage),
		 EOPNOTSUPP, "the types are iscsi");
	st_works(discsi_storage_register(manager, &own, NULL));
	st_fails(discsi_storage_register(manager, &own, NULL), EEXIST, "own");
	st_fails(discsi_storage_new(manager, "/x", "nfs", &storage), EOPNOTSUPP,
		 "iscsi, own");
	st_works(discsi_storage_types(manager, &names, &count));
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT_STRING_EQUAL(names[0], "iscsi");
	CU_ASSERT_STRING_EQUAL(names[1], "own");
	free(names);

	st_works(discsi_storage_new(manager, "own:/a", NULL, &storage));
	CU_ASSERT_STRING_EQUAL(discsi_storage_type_name(storage), "own");
	CU_ASSERT(discsi_storage_is_local(storage));
	st_works(st_configure(storage, "o", "{ \"anything\": {} }"));
	st_works(discsi_storage_clone_disk(storage, "d", "e"));
	st_fails(discsi_storage_backup(storage, "d", "e"), EOPNOTSUPP,
		 "storage o cannot back up a disk");
	st_fails(discsi_storage_find(manager, "none", &found), ENOENT, "none");
	st_fails(discsi_storage_mount(storage, NULL), ENOSYS, "it failed");
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, ENOSYS);
	CU_ASSERT_EQUAL(discsi_storage_capabilities(storage),
			DISCSI_STORAGE_CAN_MOUNT |
			DISCSI_STORAGE_CAN_CREATE_DISK |
			DISCSI_STORAGE_CAN_CLONE);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
}

/* What fails without a word. */

static int make_nothing(void *arg, struct discsi_storage *storage, void **self)
{
	(void)arg;
	(void)storage;
	(void)self;
	return -ENODEV;
}

static int take_empty(void *self, const char *json, bool is_mounted)
{
	(void)self;
	(void)is_mounted;
	return strcmp(json, "{}") == 0 ? 0 : -EROFS;
}

static int mount_well(void *self)
{
	(void)self;
	return 0;
}

static int look_in_vain(void *self)
{
	(void)self;
	return -EIO;
}

static int read_in_vain(void *self, void *buf, size_t length, uint64_t offset,
			unsigned flags)
{
	(void)self;
	(void)buf;
	(void)length;
	(void)offset;
	(void)flags;
	return -EIO;
}

static const struct discsi_storage_type unmade = {
	.size = sizeof(unmade), .name = "unmade", .make = make_nothing,
};

static const struct discsi_storage_type silent = {
	.size = sizeof(silent), .name = "silent", .set_conf = take_empty,
	.mount = mount_well, .look = look_in_vain, .read = read_in_vain,
};

/* Its failures are not told in the words of what failed before. */
static void test_silent_type(void)
{
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *storage = NULL;
	struct discsi_storage *found;
	char block[512];
	int i;

	st_works(discsi_storage_register(manager, &unmade, NULL));
	st_works(discsi_storage_register(manager, &silent, NULL));
	st_fails(discsi_storage_find(manager, "none", &found), ENOENT, "none");
	st_fails(discsi_storage_new(manager, "", "unmade", &storage), ENODEV,
		 "it failed (ENODEV)");
	st_works(discsi_storage_new(manager, "", "silent", &storage));
	st_fails(discsi_storage_find(manager, "none", &found), ENOENT, "none");
	st_fails(st_configure(storage, "q", "{ }"), EROFS,
		 "storage q: it failed (EROFS)");
	st_works(st_configure(storage, "q", "{}"));
	st_fails(discsi_storage_find(manager, "none", &found), ENOENT, "none");
	st_fails(discsi_storage_accessible(storage, NULL), EIO,
		 "storage q: it failed (EIO)");
	CU_ASSERT(!discsi_storage_is_mounted(storage));
	st_works(discsi_storage_mount(storage, NULL));
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, EIO);
	for (i = 0; i < 2; i++) {
		st_fails(discsi_storage_read(storage, block, sizeof(block), 0,
					     0), EIO, "");
		CU_ASSERT_STRING_EQUAL(discsi_last_error()->message,
				       "storage q: it failed (EIO)");
	}
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
}

/* -------------------------------------------------------------- properties */

static void test_properties(void)
{
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *storage = NULL;
	struct discsi_storage *found = NULL;

	st_works(discsi_storage_new(manager, "/mnt/a", "iscsi", &storage));
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_id), "");
	st_fails(discsi_storage_mount(storage, NULL), EINVAL, "configuration");
	st_works(st_configure(storage, "s1", "{" WHOLE "}"));
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_id), "s1");
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_name),
			       "a name");
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_path),
			       "/mnt/a");
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_zone_id),
			       "zone-of-host");
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_cache_id), "");
	st_works(discsi_storage_set_cache_id(storage, "c1"));
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_cache_id),
			       "c1");
	CU_ASSERT_STRING_EQUAL(discsi_storage_type_name(storage), "iscsi");
	CU_ASSERT(!discsi_storage_is_local(storage));
	CU_ASSERT(!discsi_storage_is_mounted(storage));
	CU_ASSERT(!discsi_storage_is_connected(storage));
	CU_ASSERT_STRING_EQUAL(discsi_storage_snapshot_dir(storage), "");
	CU_ASSERT_STRING_EQUAL(discsi_storage_backup_dir(storage), "");
	st_works(st_configure(storage, "s1", "{" WHOLE ", \"zone_id\": \"z\","
			      "\"storagecache_id\": \"c2\"}"));
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_zone_id), "z");
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_cache_id),
			       "c2");

	st_works(discsi_storage_find(manager, "s1", &found));
	CU_ASSERT_PTR_EQUAL(found, storage);
	discsi_storage_put(found);
	st_fails(discsi_storage_find(manager, "s2", &found), ENOENT, "s2");
	st_works(discsi_storage_unmount(storage, 0));
	st_works(discsi_storage_detach(storage, 0));
	st_fails(discsi_storage_find(manager, "s1", &found), ENOENT, "s1");
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
}

static void test_ids(void)
{
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *a = st_storage(manager, "a", "{" WHOLE "}");
	struct discsi_storage *b = st_storage(manager, "b", "{" WHOLE "}");
	struct discsi_storage **list;
	char longer[300];
	size_t count;

	st_fails(st_configure(b, "a", "{" WHOLE "}"), EEXIST, "\"a\"");
	CU_ASSERT_STRING_EQUAL(st_text(b, discsi_storage_id), "b");
	st_fails(st_configure(b, "", "{" WHOLE "}"), EINVAL, "id");
	memset(longer, 'x', sizeof(longer));
	longer[256] = '\0';
	st_fails(st_configure(b, longer, "{" WHOLE "}"), EINVAL, "id");
	st_works(discsi_storage_list(manager, &list, &count));
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT_PTR_EQUAL(list[0], a);
	CU_ASSERT_PTR_EQUAL(list[1], b);
	discsi_storage_list_free(list, count);
	st_works(discsi_storage_detach(a, 0));
	st_works(st_configure(b, "a", "{" WHOLE "}"));
	discsi_storage_put(a);
	discsi_storage_put(b);
	discsi_storage_manager_free(manager);
}

/* Whoever still has one that was detached is not in the way of the next one. */
static void test_detached(void)
{
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *old = st_storage(manager, "a", "{" WHOLE "}");
	struct discsi_storage *found = NULL;
	struct discsi_storage *next;

	st_works(discsi_storage_detach(old, 0));
	st_works(discsi_storage_detach(old, 0));
	CU_ASSERT_STRING_EQUAL(st_text(old, discsi_storage_id), "a");
	st_fails(discsi_storage_mount(old, NULL), ENOENT, "detached");
	st_fails(discsi_storage_accessible(old, NULL), ENOENT, "detached");
	next = st_storage(manager, "a", "{" WHOLE "}");
	st_works(discsi_storage_find(manager, "a", &found));
	CU_ASSERT_PTR_EQUAL(found, next);
	discsi_storage_put(found);
	st_fails(st_configure(old, "a", "{" WHOLE "}"), EEXIST, "\"a\"");
	st_works(st_configure(old, "b", "{" WHOLE "}"));
	st_works(discsi_storage_find(manager, "b", &found));
	CU_ASSERT_PTR_EQUAL(found, old);
	discsi_storage_put(found);
	discsi_storage_put(old);
	discsi_storage_put(next);
	discsi_storage_manager_free(manager);
}

/* Refuses what it is configured with, and takes the other's id meanwhile. */
struct thief {
	struct discsi_storage_manager *manager;
	struct discsi_storage *other;
	bool is_stealing;
	bool is_found;
};

static int make_thief(void *arg, struct discsi_storage *storage, void **self)
{
	(void)storage;
	*self = arg;
	return 0;
}

static int steal(void *self, const char *json, bool is_mounted)
{
	struct thief *thief = self;
	struct discsi_storage *found = NULL;

	(void)json;
	(void)is_mounted;
	if (!thief->is_stealing)
		return 0;
	st_fails(st_configure(thief->other, "a", "{" WHOLE "}"), EEXIST,
		 "\"a\"");
	st_fails(st_configure(thief->other, "b", "{" WHOLE "}"), EEXIST,
		 "\"b\"");
	thief->is_found = discsi_storage_find(thief->manager, "a",
					      &found) == 0;
	discsi_storage_put(found);
	return discsi_storage_fail(thief->other, EINVAL, "refused");
}

/* An id is kept until the storage has the next one, in every moment. */
static void test_id_is_kept(void)
{
	static const struct discsi_storage_type type = {
		.size = sizeof(type), .name = "thief", .make = make_thief,
		.set_conf = steal,
	};
	struct thief thief = { .manager = st_manager() };
	struct discsi_storage *storage = NULL;

	st_works(discsi_storage_register(thief.manager, &type, &thief));
	CU_ASSERT_EQUAL_FATAL(discsi_storage_new(thief.manager, "", "thief",
						 &storage), 0);
	CU_ASSERT_EQUAL_FATAL(discsi_storage_new(thief.manager, "", "iscsi",
						 &thief.other), 0);
	st_works(st_configure(storage, "a", "{}"));
	thief.is_stealing = true;
	st_fails(st_configure(storage, "b", "{}"), EINVAL, "refused");
	CU_ASSERT(thief.is_found);
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_id), "a");
	st_works(st_configure(thief.other, "b", "{" WHOLE "}"));
	discsi_storage_put(thief.other);
	discsi_storage_put(storage);
	discsi_storage_manager_free(thief.manager);
}

/* ----------------------------------------------------------- configuration */

static void test_members(void)
{
	static const char conf[] =
		"{\"target\": \"127.0.0.1\", \"iqn\": \"iqn.2026-11.test.x:y\","
		"\"portals\": [\"127.0.0.1:1\", \"[::1]:2\"], \"lun_id\": 3,"
		"\"username\": \"u\", \"password\": \"canary-12345\","
		"\"target_username\": \"t\","
		"\"target_password\": \"canary-54321\","
		"\"initiator_name\": \"iqn.2026-11.test.x:me\","
		"\"expected_id\": \"naa.6\", \"header_digest\": \"require\","
		"\"data_digest\": \"none\", \"read_only\": true,"
		"\"login_timeout\": 1, \"command_timeout\": 2,"
		"\"noop_interval\": 3, \"noop_timeout\": 4,"
		"\"replacement_timeout\": -1, \"replay_barrier\": \"fail\","
		"\"sessions\": 2, \"poll_us\": 6,"
		"\"device\": \"/dev/nbd5\","
		"\"connections\": 4, \"mount_timeout\": 5, \"zone_id\": \"z\","
		"\"storagecache_id\": \"c\", \"wrong\": 1}";
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *storage = st_storage(manager, "s", "%s", conf);
	struct json_object *given = json_tokener_parse(conf);
	struct json_object *told;
	struct json_object *other;

	CU_ASSERT_STRING_EQUAL(st_warning, "storage s: configuration: unknown "
			       "member \"wrong\" is ignored");
	told = json_tokener_parse(st_text(storage, discsi_storage_get_conf));
	CU_ASSERT_PTR_NOT_NULL_FATAL(told);
	json_object_object_del(given, "wrong");
	json_object_object_add(given, "password",
			       json_object_new_string("***"));
	json_object_object_add(given, "target_password",
			       json_object_new_string("***"));
	CU_ASSERT_EQUAL(json_object_object_length(given),
			json_object_object_length(told));
	json_object_object_foreach(given, name, value) {
		CU_ASSERT(json_object_object_get_ex(told, name, &other));
		CU_ASSERT(json_object_equal(value, other));
	}
	json_object_put(given);
	json_object_put(told);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
}

static const struct {
	const char *members;
	const char *words;
} wrong[] = {
	{ "\"device\": \"floppy\"", "device: must be" },
	{ "\"device\": \"/dev/nbd\"", "device: must be" },
	{ "\"device\": \"/dev/nbdx\"", "device: must be" },
	{ "\"device\": \"/dev/sda\"", "device: must be" },
	{ "\"device\": 1", "device: must be" },
	{ "\"connections\": 0", "connections: must be" },
	{ "\"connections\": 17", "connections: must be" },
	{ "\"connections\": \"2\"", "connections: must be" },
	{ "\"connections\": 2, \"device\": \"socket\"",
	  "connections: must be 1 with device \"socket\"" },
	{ "\"device\": \"none\", \"connections\": 16",
	  "connections: must be 1 with device \"none\"" },
	{ "\"mount_timeout\": 0", "mount_timeout: must be" },
	{ "\"mount_timeout\": 1.5", "mount_timeout: must be" },
	{ "\"zone_id\": 7", "zone_id: must be" },
	{ "\"zone_id\": \"a\\u0001\"", "zone_id: must be" },
	{ "\"storagecache_id\": {}", "storagecache_id: must be" },
	{ "\"portal\": \"a:b:c:0\"", "portal" },
	{ "\"portals\": [\"x\", 3]", "portals[1]" },
	{ "\"iqn\": \"nothing\"", "iqn: must be" },
	{ "\"lun_id\": \"1\"", "lun_id: must be" },
	{ "\"lun_id\": 16384", "lun_id: must be" },
	{ "\"username\": 5", "username: must be" },
	{ "\"username\": \"u\"", "CHAP needs both" },
	{ "\"password\": true", "password: must be" },
	{ "\"password_file\": \"/nowhere/secret\"", "password_file" },
	{ "\"header_digest\": \"maybe\"", "header_digest: must be" },
	{ "\"data_digest\": 1", "data_digest: must be" },
	{ "\"read_only\": \"yes\"", "read_only: must be" },
	{ "\"login_timeout\": -1", "login_timeout: must be" },
	{ "\"command_timeout\": \"x\"", "command_timeout: must be" },
	{ "\"noop_interval\": -1", "noop_interval: must be" },
	{ "\"noop_timeout\": 0", "noop_timeout: must be" },
	{ "\"replacement_timeout\": -2", "replacement_timeout: must be" },
	{ "\"replay_barrier\": \"none\"", "replay_barrier: must be" },
	{ "\"sessions\": 0", "sessions: must be" },
	{ "\"poll_us\": 10001", "poll_us: must be" },
	{ "\"username\": null, \"zone_id\": \"\", \"x\": 0", "" },
};

static void test_wrong_values(void)
{
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *storage = st_storage(manager, "s",
						    "{" WHOLE "}");
	char *before = strdup(st_text(storage, discsi_storage_get_conf));
	size_t i;
	int rc;

	for (i = 0; i + 1 < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rc = st_configure(storage, "s", "{" WHOLE ", %s}",
				  wrong[i].members);
		CU_ASSERT(rc < 0);
		st_fails(rc, rc == -ENOENT ? ENOENT : EINVAL,
			 rc == -ENOENT ? "password_file" : wrong[i].words);
	}
	st_works(st_configure(storage, "s", "{" WHOLE ", %s}",
			      wrong[i].members));
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_get_conf),
			       before);
	st_fails(st_configure(storage, "s", "{\"lun_id\": 1}"), EINVAL, "iqn");
	st_fails(st_configure(storage, "s", "{\"iqn\": \"iqn.2026-11.t.x:y\","
			      "\"portal\": \"h\"}"), EINVAL, "lun_id");
	st_fails(st_configure(storage, "s", "{\"iqn\": \"iqn.2026-11.t.x:y\","
			      "\"lun_id\": 1}"), EINVAL, "portal");
	st_fails(st_configure(storage, "s", "[]"), EINVAL, "object");
	st_fails(st_configure(storage, "s", "{} x"), EINVAL, "JSON");
	free(before);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
}

/* ------------------------------------------------------------- unsupported */

static void test_unsupported(void)
{
	static int (*const calls[])(struct discsi_storage *storage,
				    const char *a, const char *b) = {
		discsi_storage_create_snapshot, discsi_storage_delete_snapshot,
		discsi_storage_snapshot_exists, discsi_storage_backup,
		discsi_storage_recover,
		discsi_storage_create_disk_from_snapshot,
		discsi_storage_create_disk_from_backup,
		discsi_storage_create_disk_from_path,
		discsi_storage_clone_disk, discsi_storage_migrate_source,
		discsi_storage_migrate_destination,
		discsi_storage_save_to_image, discsi_storage_recycle_disk,
	};
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *storage = st_storage(manager, "s",
						    "{" WHOLE "}");
	char **ids;
	size_t count;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		st_fails(calls[i](storage, "d", "x"), EOPNOTSUPP,
			 "iSCSI storage is a block device; ");
	st_fails(discsi_storage_list_snapshots(storage, "d", &ids, &count),
		 EOPNOTSUPP, "it has no snapshots");
	CU_ASSERT_EQUAL(discsi_storage_capabilities(storage),
			DISCSI_STORAGE_CAN_MOUNT |
			DISCSI_STORAGE_CAN_MEASURE |
			DISCSI_STORAGE_CAN_CREATE_DISK |
			DISCSI_STORAGE_CAN_RESIZE_DISK);
	st_works(st_configure(storage, "s", "{" WHOLE
			      ", \"device\": \"none\"}"));
	CU_ASSERT(discsi_storage_capabilities(storage) &
		  DISCSI_STORAGE_CAN_IO);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
}

/* ------------------------------------------------------------------- fork */

/* What a child does to its copy must be an error, and reach nobody. */
static int use_in_child(struct discsi_storage_manager *manager,
			struct discsi_storage *storage)
{
	struct discsi_storage *other = NULL;
	char *text = NULL;
	bool is_fine = discsi_storage_mount(storage, NULL) == -ECHILD &&
		       discsi_storage_unmount(storage, 0) == -ECHILD &&
		       discsi_storage_id(storage, &text) == -ECHILD &&
		       discsi_storage_find(manager, "s", &other) == -ECHILD &&
		       discsi_storage_capabilities(storage) == 0 &&
		       !discsi_storage_is_mounted(storage);

	discsi_storage_cancel(storage);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
	return is_fine ? 0 : 1;
}

static void test_fork(void)
{
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *storage = st_storage(manager, "s",
						    "{" WHOLE "}");
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(use_in_child(manager, storage));
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_STRING_EQUAL(st_text(storage, discsi_storage_id), "s");
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
}

/* A manager that ends leaves storages that say so. */
static void test_end(void)
{
	struct discsi_storage_manager *manager = st_manager();
	struct discsi_storage *storage = st_storage(manager, "s",
						    "{" WHOLE "}");

	discsi_storage_manager_free(manager);
	st_fails(discsi_storage_mount(storage, NULL), ECANCELED, "ended");
	CU_ASSERT(!discsi_storage_is_connected(storage));
	discsi_storage_put(storage);
}

static const struct dsc_test tests[] = {
	{ "factory", test_factory },
	{ "silent_type", test_silent_type },
	{ "properties", test_properties },
	{ "ids", test_ids },
	{ "detached", test_detached },
	{ "id_is_kept", test_id_is_kept },
	{ "members", test_members },
	{ "wrong_values", test_wrong_values },
	{ "unsupported", test_unsupported },
	{ "fork", test_fork },
	{ "end", test_end },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("storage-conf", tests, argc, argv);
}
