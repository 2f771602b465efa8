/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * object.c: the life of a storage, and who it is. Any thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "storage/storage.h"

/* ------------------------------------------------------------------- life */

static void free_storage(struct discsi_storage *storage)
{
	if (storage->self != NULL && storage->type->ops.free != NULL)
		storage->type->ops.free(storage->self);
	dsc_disks_forget(storage);
	pthread_cond_destroy(&storage->changed);
	pthread_mutex_destroy(&storage->lock);
	free(storage->cache_id);
	free(storage->zone_id);
	free(storage->name);
	free(storage->id);
	free(storage->path);
	free(storage);
}

static void init_locks(struct discsi_storage *storage)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&storage->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&storage->changed, &attr);
	pthread_condattr_destroy(&attr);
}

static int make_storage(struct discsi_storage_manager *manager,
			const char *mount_point, const struct dsc_type *type,
			struct discsi_storage **out)
{
	struct discsi_storage *made = calloc(1, sizeof(*made));
	int rc = 0;

	if (made == NULL)
		return dsc_fail_memory();
	init_locks(made);
	dsc_list_init(&made->link);
	dsc_list_init(&made->disks);
	made->manager = manager;
	made->type = type;
	made->refs = 1;
	made->mount_timeout_ms = DSC_MOUNT_TIMEOUT_MS;
	made->path = strdup(mount_point);
	if (made->path == NULL)
		rc = dsc_fail_memory();
	else if (type->ops.make != NULL)
		DSC_TYPE_CALL(rc, type->ops.make(type->arg, made,
						 &made->self));
	if (rc < 0) {
		made->self = NULL;
		free_storage(made);
		return rc;
	}
	*out = made;
	return 0;
}

int discsi_storage_new(struct discsi_storage_manager *manager,
		       const char *mount_point, const char *type,
		       struct discsi_storage **storage)
{
	const char *path = mount_point != NULL ? mount_point : "";
	const struct dsc_type *found;
	int rc;

	if (manager == NULL || storage == NULL)
		return dsc_fail(EINVAL, "storage: an argument is NULL");
	*storage = NULL;
	rc = dsc_manager_check(manager);
	if (rc == 0)
		rc = dsc_type_find(manager, type, path, &found);
	if (rc == 0)
		rc = make_storage(manager, path, found, storage);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&manager->lock);
	manager->refs++;
	dsc_list_append(&manager->storages, &(*storage)->link);
	pthread_mutex_unlock(&manager->lock);
	return 0;
}

struct discsi_storage *discsi_storage_ref(struct discsi_storage *storage)
{
	if (storage == NULL || dsc_manager_is_forked(storage->manager))
		return storage;
	pthread_mutex_lock(&storage->manager->lock);
	storage->refs++;
	pthread_mutex_unlock(&storage->manager->lock);
	return storage;
}

void discsi_storage_put(struct discsi_storage *storage)
{
	struct discsi_storage_manager *manager;
	bool is_last;

	if (storage == NULL || dsc_manager_is_forked(storage->manager))
		return;
	manager = storage->manager;
	pthread_mutex_lock(&manager->lock);
	is_last = --storage->refs == 0;
	if (is_last)
		dsc_list_remove(&storage->link);
	pthread_mutex_unlock(&manager->lock);
	if (!is_last)
		return;
	dsc_storage_leave(storage);
	free_storage(storage);
	dsc_manager_unref(manager);
}

void dsc_storage_leave(struct discsi_storage *storage)
{
	const struct discsi_storage_type *ops = &storage->type->ops;
	bool was_mounted;

	pthread_mutex_lock(&storage->lock);
	was_mounted = storage->is_mounted;
	storage->is_mounted = false;
	pthread_mutex_unlock(&storage->lock);
	if (!was_mounted)
		return;
	if (ops->leave != NULL)
		ops->leave(storage->self);
	else if (ops->unmount != NULL)
		(void)ops->unmount(storage->self, 0);
}

/* -------------------------------------------------------------- sentences */

void dsc_storage_describe(struct discsi_storage *storage, char *text,
			  size_t room)
{
	pthread_mutex_lock(&storage->lock);
	snprintf(text, room, "storage %s", storage->id != NULL ? storage->id :
		 "without id");
	pthread_mutex_unlock(&storage->lock);
}

int dsc_type_begin(void)
{
	int before = dsc_error_last()->errnum;

	dsc_error_last()->errnum = 0;
	return before;
}

int dsc_type_end(int before, int rc)
{
	struct discsi_error *last = dsc_error_last();

	if (rc < 0 && last->errnum != -rc)
		return dsc_fail(-rc, "it failed (%s)", discsi_errno_name(rc));
	if (last->errnum == 0)
		last->errnum = before;
	return rc;
}

int dsc_storage_blame(struct discsi_storage *storage, int rc)
{
	char text[DSC_STORAGE_TEXT_MAX];

	if (rc < 0) {
		dsc_storage_describe(storage, text, sizeof(text));
		dsc_error_prefix(dsc_error_last(), "%s", text);
	}
	return rc;
}

int discsi_storage_fail(struct discsi_storage *storage, int errnum,
			const char *sentence)
{
	(void)storage;
	return dsc_fail(errnum > 0 ? errnum : EIO, "%s",
			sentence != NULL ? sentence : "it failed");
}

int dsc_storage_cannot(struct discsi_storage *storage, const char *why)
{
	const struct discsi_storage_type *ops = &storage->type->ops;

	if (ops->nature != NULL)
		return dsc_fail(EOPNOTSUPP, "%s; %s", ops->nature, why);
	return dsc_fail(EOPNOTSUPP, "this is storage of type \"%.64s\"; %s",
			ops->name, why);
}

bool dsc_storage_is_name(const char *text)
{
	size_t length = strnlen(text, DSC_STORAGE_NAME_MAX + 1);

	return length > 0 && length <= DSC_STORAGE_NAME_MAX &&
	       dsc_text_is_clean(text);
}

/* --------------------------------------------------------------- identity */

int dsc_storage_copy_text(struct discsi_storage *storage, char *const *at,
			  char **text)
{
	pthread_mutex_lock(&storage->lock);
	*text = strdup(*at != NULL ? *at : "");
	pthread_mutex_unlock(&storage->lock);
	return *text != NULL ? 0 : dsc_fail_memory();
}

static int tell(struct discsi_storage *storage, const char *what,
		char *const *at, char **text)
{
	int rc = dsc_storage_check(storage, what);

	if (rc < 0)
		return rc;
	if (text == NULL)
		return dsc_fail(EINVAL, "%s: an argument is NULL", what);
	return dsc_storage_copy_text(storage, at, text);
}

/* The address of a member of what may be NULL, which tell() refuses. */
#define AT(storage, member) ((storage) != NULL ? &(storage)->member : NULL)

int discsi_storage_id(struct discsi_storage *storage, char **text)
{
	return tell(storage, "id of a storage", AT(storage, id), text);
}

int discsi_storage_name(struct discsi_storage *storage, char **text)
{
	return tell(storage, "name of a storage", AT(storage, name), text);
}

int discsi_storage_path(struct discsi_storage *storage, char **text)
{
	return tell(storage, "path of a storage", AT(storage, path), text);
}

int discsi_storage_cache_id(struct discsi_storage *storage, char **text)
{
	return tell(storage, "cache of a storage", AT(storage, cache_id),
		    text);
}

int discsi_storage_zone_id(struct discsi_storage *storage, char **text)
{
	int rc = tell(storage, "zone of a storage", AT(storage, zone_id),
		      text);

	if (rc < 0 || (*text)[0] != '\0' || storage->manager->zone_id == NULL)
		return rc;
	free(*text);
	*text = strdup(storage->manager->zone_id);
	return *text != NULL ? 0 : dsc_fail_memory();
}

int discsi_storage_set_cache_id(struct discsi_storage *storage, const char *id)
{
	char *copy;
	char *before;
	int rc = dsc_storage_check(storage, "cache of a storage");

	if (rc < 0)
		return rc;
	if (id == NULL || (id[0] != '\0' && !dsc_storage_is_name(id)))
		return dsc_fail(EINVAL, "cache of a storage: its id must be "
				"at most %d bytes of UTF-8 without control "
				"characters", DSC_STORAGE_NAME_MAX);
	copy = strdup(id);
	if (copy == NULL)
		return dsc_fail_memory();
	pthread_mutex_lock(&storage->lock);
	before = storage->cache_id;
	storage->cache_id = copy;
	pthread_mutex_unlock(&storage->lock);
	free(before);
	return 0;
}

const char *discsi_storage_type_name(const struct discsi_storage *storage)
{
	return storage != NULL ? storage->type->ops.name : "";
}

bool discsi_storage_is_local(const struct discsi_storage *storage)
{
	return storage != NULL && storage->type->ops.is_local;
}

const char *discsi_storage_snapshot_dir(const struct discsi_storage *storage)
{
	(void)storage;
	return "";
}

const char *discsi_storage_backup_dir(const struct discsi_storage *storage)
{
	(void)storage;
	return "";
}
