/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own-factory.c: a type of storage that is not discsi's. "directory" is a
 * folder of this host; the agent keeps it in the same list as its iSCSI disks
 * and calls the same functions for both. It teaches the table of functions
 * that a type is: what is not in it is refused with EOPNOTSUPP by itself.
 *
 * usage: own-factory MOUNT-POINT CONF
 *   own-factory directory-1 '{"folder": "/var/tmp"}'
 *   own-factory iscsi-1 '{"portal": …, "device": "none"}'
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <discsi/discsi.h>
#include <json-c/json.h>

#define MIB (UINT64_C(1) << 20)

/* What discsi calls self: one storage of this type. */
struct directory {
	struct discsi_storage *storage;  /* for sentences */
	char *folder;                    /* NULL before it is configured */
	bool is_mounted;
};

static int directory_make(void *arg, struct discsi_storage *storage,
			  void **self)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	(void)arg;
	if (directory == NULL)
		return -ENOMEM;
	directory->storage = storage;
	*self = directory;
	return 0;
}

static void directory_free(void *self)
{
	struct directory *directory = self;

	free(directory->folder);
	free(directory);
}

static int directory_set_conf(void *self, const char *json, bool is_mounted)
{
	struct directory *directory = self;
	struct json_object *conf = json_tokener_parse(json);
	struct json_object *folder = json_object_object_get(conf, "folder");
	char *copy;

	if (!json_object_is_type(folder, json_type_string)) {
		json_object_put(conf);
		return discsi_storage_fail(directory->storage, EINVAL,
					   "folder must be a path");
	}
	copy = strdup(json_object_get_string(folder));
	json_object_put(conf);
	if (copy == NULL)
		return -ENOMEM;
	if (is_mounted && strcmp(copy, directory->folder) != 0) {
		free(copy);
		return discsi_storage_fail(directory->storage, EBUSY,
					   "folder cannot change while it is "
					   "mounted");
	}
	free(directory->folder);
	directory->folder = copy;
	return 0;
}

static int directory_mount(void *self)
{
	struct directory *directory = self;
	struct stat st;

	if (directory->folder == NULL)
		return discsi_storage_fail(directory->storage, EINVAL,
					   "it is not configured");
	if (stat(directory->folder, &st) != 0 || !S_ISDIR(st.st_mode))
		return discsi_storage_fail(directory->storage, ENOENT,
					   "the folder is not there");
	directory->is_mounted = true;
	return 0;
}

static int directory_unmount(void *self, unsigned flags)
{
	struct directory *directory = self;

	(void)flags;
	directory->is_mounted = false;
	return 0;
}

static bool directory_is_connected(void *self)
{
	const struct directory *directory = self;

	return directory->is_mounted;
}

static int directory_device_path(void *self, char **path)
{
	const struct directory *directory = self;

	*path = strdup(directory->folder);
	return *path != NULL ? 0 : -ENOMEM;
}

static int directory_measure(void *self, struct discsi_storage_stat *stat)
{
	const struct directory *directory = self;
	struct statvfs vfs;

	if (statvfs(directory->folder, &vfs) != 0)
		return discsi_storage_fail(directory->storage, errno,
					   "the folder cannot be measured");
	stat->capacity_mb = vfs.f_blocks * vfs.f_frsize / MIB;
	stat->mapped_mb = (vfs.f_blocks - vfs.f_bfree) * vfs.f_frsize / MIB;
	stat->has_mapped = true;
	return 0;
}

static const struct discsi_storage_type directory_type = {
	.size = sizeof(directory_type),
	.name = "directory",
	.nature = "directory storage is a folder",
	.make = directory_make,
	.free = directory_free,
	.set_conf = directory_set_conf,
	.mount = directory_mount,
	.unmount = directory_unmount,
	.is_connected = directory_is_connected,
	.device_path = directory_device_path,
	.measure = directory_measure,
	.is_local = true,
};

/* From here on nothing knows what type it is. */
static int use(struct discsi_storage *storage, const char *conf)
{
	char *info = NULL;
	int status;

	status = discsi_storage_set_info(storage, "one", "first", conf,
					 strlen(conf));
	if (status == 0)
		status = discsi_storage_mount(storage, NULL);
	if (status == 0)
		status = discsi_storage_sync_info(storage, &info);
	if (status == 0)
		printf("%s\n%s, %s\n", info, discsi_storage_type_name(storage),
		       discsi_storage_is_local(storage) ? "of this host" :
							  "remote");
	free(info);
	if (status == 0 &&
	    discsi_storage_create_snapshot(storage, "disk", "today") < 0)
		printf("no snapshot: %s\n", discsi_last_error()->message);
	if (status == 0)
		status = discsi_storage_unmount(storage, 0);
	return status;
}

int main(int argc, char **argv)
{
	struct discsi_storage_manager *manager = NULL;
	struct discsi_storage *storage = NULL;
	int status = -EINVAL;

	if (argc != 3) {
		fputs("usage: own-factory MOUNT-POINT CONF\n", stderr);
		return 2;
	}
	if (discsi_storage_manager_new(NULL, &manager) == 0 &&
	    discsi_storage_register(manager, &directory_type, NULL) == 0 &&
	    discsi_storage_new(manager, argv[1], NULL, &storage) == 0)
		status = use(storage, argv[2]);
	if (status < 0)
		fprintf(stderr, "own-factory: %s\n",
			discsi_last_error()->message);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
	return status < 0 ? 1 : 0;
}
