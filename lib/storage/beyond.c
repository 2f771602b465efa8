/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * beyond.c: what a storage can do, told beforehand, and the operations that
 * block storage has not: each is a function of the type, or EOPNOTSUPP with a
 * sentence that says why. One table serves both. Any thread.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "storage/storage.h"

struct operation {
	uint64_t bit;
	size_t offset;         /* of the function in struct discsi_storage_type */
	const char *name;
	const char *why_not;   /* after "iSCSI storage is a block device; " */
};

enum which {
	CREATE_SNAPSHOT, DELETE_SNAPSHOT, LIST_SNAPSHOTS, SNAPSHOT_EXISTS,
	BACKUP, RECOVER, FROM_SNAPSHOT, FROM_BACKUP, FROM_PATH, CLONE,
	MIGRATE_SOURCE, MIGRATE_DESTINATION, SAVE_TO_IMAGE, RECYCLE,
	MOUNT, MEASURE, RESIZE
};

#define OP(bit, function, name, why_not) { \
	DISCSI_STORAGE_CAN_##bit, \
	offsetof(struct discsi_storage_type, function), name, why_not }

static const struct operation operations[] = {
	[CREATE_SNAPSHOT] = OP(CREATE_SNAPSHOT, create_snapshot,
		"create a snapshot", "it has no snapshots"),
	[DELETE_SNAPSHOT] = OP(DELETE_SNAPSHOT, delete_snapshot,
		"delete a snapshot", "it has no snapshots"),
	[LIST_SNAPSHOTS] = OP(LIST_SNAPSHOTS, list_snapshots,
		"list snapshots", "it has no snapshots"),
	[SNAPSHOT_EXISTS] = OP(FIND_SNAPSHOT, snapshot_exists,
		"find a snapshot", "it has no snapshots"),
	[BACKUP] = OP(BACKUP, backup, "back up a disk",
		"it has no place for a backup: back up what is on the device"),
	[RECOVER] = OP(RECOVER, recover, "recover a disk from a backup",
		"it has no backups to recover from"),
	[FROM_SNAPSHOT] = OP(DISK_FROM_SNAPSHOT, create_disk_from_snapshot,
		"make a disk from a snapshot",
		"its one disk is the LUN, and there are no snapshots"),
	[FROM_BACKUP] = OP(DISK_FROM_BACKUP, create_disk_from_backup,
		"make a disk from a backup",
		"its one disk is the LUN, and there are no backups"),
	[FROM_PATH] = OP(DISK_FROM_PATH, create_disk_from_path,
		"make a disk from an existing path",
		"its one disk is the LUN: write to the device instead"),
	[CLONE] = OP(CLONE, clone_disk, "clone a disk",
		"there is no room for a second disk beside the LUN"),
	[MIGRATE_SOURCE] = OP(MIGRATE_SOURCE, migrate_source,
		"migrate a disk to another host",
		"nothing has to be copied: mount it on the other host"),
	[MIGRATE_DESTINATION] = OP(MIGRATE_DESTINATION, migrate_destination,
		"receive a disk from another host",
		"nothing has to be copied: mount it on this host"),
	[SAVE_TO_IMAGE] = OP(SAVE_TO_IMAGE, save_to_image,
		"save a disk to the image service",
		"it knows of no image service: read the device instead"),
	[RECYCLE] = OP(RECYCLE, recycle_disk, "recycle a disk",
		"it has no recycle bin: the LUN is kept by its target"),
	[MOUNT] = OP(MOUNT, mount, "mount", ""),
	[MEASURE] = OP(MEASURE, measure, "measure", ""),
	[RESIZE] = OP(RESIZE_DISK, resize_disk, "resize a disk", ""),
};

#define COUNT (sizeof(operations) / sizeof(operations[0]))

/* All are pointers to functions, which have one representation. */
static discsi_storage_named_fn function_of(const struct discsi_storage_type *ops,
					   const struct operation *operation)
{
	discsi_storage_named_fn fn;

	memcpy(&fn, (const char *)ops + operation->offset, sizeof(fn));
	return fn;
}

uint64_t discsi_storage_capabilities(struct discsi_storage *storage)
{
	const struct discsi_storage_type *ops;
	uint64_t bits = DISCSI_STORAGE_CAN_CREATE_DISK;
	size_t i;

	if (storage == NULL || dsc_manager_is_forked(storage->manager))
		return 0;
	ops = &storage->type->ops;
	for (i = 0; i < COUNT; i++)
		bits |= function_of(ops, &operations[i]) != NULL ?
			operations[i].bit : 0;
	if (ops->read != NULL &&
	    (ops->can_io == NULL || ops->can_io(storage->self)))
		bits |= DISCSI_STORAGE_CAN_IO;
	return bits;
}

/* ------------------------------------------------------------------ calls */

static int refuse(struct discsi_storage *storage,
		  const struct operation *operation)
{
	char text[DSC_STORAGE_TEXT_MAX];
	bool is_ours = storage->type->ops.mount == dsc_iscsi_type.mount;
	int rc = dsc_storage_cannot(storage, is_ours ? operation->why_not :
				    "its type has no function for that");

	dsc_storage_describe(storage, text, sizeof(text));
	dsc_error_prefix(dsc_error_last(), "%s cannot %s", text,
			 operation->name);
	return rc;
}

static int call(struct discsi_storage *storage, enum which which,
		const char *disk_id, const char *name)
{
	const struct operation *operation = &operations[which];
	discsi_storage_named_fn fn;
	int rc = dsc_storage_check(storage, operation->name);

	if (rc < 0)
		return rc;
	fn = function_of(&storage->type->ops, operation);
	if (fn == NULL)
		return refuse(storage, operation);
	if (disk_id == NULL || (name == NULL && which != RECYCLE))
		return dsc_fail(EINVAL, "%s: an argument is NULL",
				operation->name);
	DSC_TYPE_CALL(rc, fn(storage->self, disk_id, name));
	return dsc_storage_blame(storage, rc);
}

int discsi_storage_create_snapshot(struct discsi_storage *storage,
				   const char *disk_id, const char *snapshot_id)
{
	return call(storage, CREATE_SNAPSHOT, disk_id, snapshot_id);
}

int discsi_storage_delete_snapshot(struct discsi_storage *storage,
				   const char *disk_id, const char *snapshot_id)
{
	return call(storage, DELETE_SNAPSHOT, disk_id, snapshot_id);
}

int discsi_storage_list_snapshots(struct discsi_storage *storage,
				  const char *disk_id, char ***ids,
				  size_t *count)
{
	const struct operation *operation = &operations[LIST_SNAPSHOTS];
	int rc = dsc_storage_check(storage, operation->name);

	if (rc < 0)
		return rc;
	if (storage->type->ops.list_snapshots == NULL)
		return refuse(storage, operation);
	if (disk_id == NULL || ids == NULL || count == NULL)
		return dsc_fail(EINVAL, "%s: an argument is NULL",
				operation->name);
	DSC_TYPE_CALL(rc, storage->type->ops.list_snapshots(
		storage->self, disk_id, ids, count));
	return dsc_storage_blame(storage, rc);
}

int discsi_storage_snapshot_exists(struct discsi_storage *storage,
				   const char *disk_id, const char *snapshot_id)
{
	return call(storage, SNAPSHOT_EXISTS, disk_id, snapshot_id);
}

int discsi_storage_backup(struct discsi_storage *storage, const char *disk_id,
			  const char *backup_id)
{
	return call(storage, BACKUP, disk_id, backup_id);
}

int discsi_storage_recover(struct discsi_storage *storage, const char *disk_id,
			   const char *backup_id)
{
	return call(storage, RECOVER, disk_id, backup_id);
}

int discsi_storage_create_disk_from_snapshot(struct discsi_storage *storage,
					     const char *disk_id,
					     const char *snapshot_id)
{
	return call(storage, FROM_SNAPSHOT, disk_id, snapshot_id);
}

int discsi_storage_create_disk_from_backup(struct discsi_storage *storage,
					   const char *disk_id,
					   const char *backup_id)
{
	return call(storage, FROM_BACKUP, disk_id, backup_id);
}

int discsi_storage_create_disk_from_path(struct discsi_storage *storage,
					 const char *disk_id, const char *path)
{
	return call(storage, FROM_PATH, disk_id, path);
}

int discsi_storage_clone_disk(struct discsi_storage *storage,
			      const char *disk_id, const char *new_id)
{
	return call(storage, CLONE, disk_id, new_id);
}

int discsi_storage_migrate_source(struct discsi_storage *storage,
				  const char *disk_id, const char *peer)
{
	return call(storage, MIGRATE_SOURCE, disk_id, peer);
}

int discsi_storage_migrate_destination(struct discsi_storage *storage,
				       const char *disk_id, const char *peer)
{
	return call(storage, MIGRATE_DESTINATION, disk_id, peer);
}

int discsi_storage_save_to_image(struct discsi_storage *storage,
				 const char *disk_id, const char *image_id)
{
	return call(storage, SAVE_TO_IMAGE, disk_id, image_id);
}

int discsi_storage_recycle_disk(struct discsi_storage *storage,
				const char *disk_id, const char *how)
{
	return call(storage, RECYCLE, disk_id, how);
}
