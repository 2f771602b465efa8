/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mount.c: mount, unmount, accessible, detach: taking a turn, asking the type,
 * and keeping what came of it. How a LUN is mounted is the type's business
 * (iscsi-mount.c). Any thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "storage/storage.h"

static void set_mounted(struct discsi_storage *storage, bool is_mounted)
{
	pthread_mutex_lock(&storage->lock);
	storage->is_mounted = is_mounted;
	pthread_mutex_unlock(&storage->lock);
}

static bool is_mounted(struct discsi_storage *storage)
{
	bool is;

	pthread_mutex_lock(&storage->lock);
	is = storage->is_mounted;
	pthread_mutex_unlock(&storage->lock);
	return is;
}

/* ------------------------------------------------------------------ mount */

static int check_configured(struct discsi_storage *storage)
{
	bool is_configured;

	pthread_mutex_lock(&storage->lock);
	is_configured = storage->id != NULL;
	pthread_mutex_unlock(&storage->lock);
	if (!is_configured)
		return dsc_fail(EINVAL, "it has no configuration");
	return dsc_manager_holds(storage) ? 0 : dsc_fail(ENOENT, "it was "
							 "detached");
}

/* Mounted, and what was mounted is there still, or will come back by itself? */
static bool is_there(struct discsi_storage *storage)
{
	const struct discsi_storage_type *ops = &storage->type->ops;

	return is_mounted(storage) &&
	       (ops->is_gone == NULL || !ops->is_gone(storage->self));
}

/* Within a turn. */
static int mount(struct discsi_storage *storage)
{
	const struct discsi_storage_type *ops = &storage->type->ops;
	int rc;

	/* If it cannot be made anew, it stays mounted, and to be unmounted. */
	if (is_there(storage))
		return 0;
	rc = check_configured(storage);
	if (rc == 0 && ops->mount == NULL)
		rc = dsc_storage_cannot(storage, "it is not mounted");
	if (rc == 0)
		DSC_TYPE_CALL(rc, ops->mount(storage->self));
	if (rc < 0)
		return rc;
	set_mounted(storage, true);
	discsi_storage_tell_stage(storage, DISCSI_MOUNT_READY);
	return 0;
}

int discsi_storage_mount(struct discsi_storage *storage,
			 const struct discsi_mount_options *options)
{
	struct dsc_turn turn;
	int rc = dsc_storage_check(storage, "mount");

	if (rc < 0)
		return rc;
	rc = dsc_turn_begin(storage, &turn, options, true);
	if (rc == 0) {
		rc = mount(storage);
		dsc_turn_end(storage);
	}
	return dsc_storage_blame(storage, rc);
}

/* ---------------------------------------------------------------- unmount */

/* Within a turn. */
static int unmount(struct discsi_storage *storage, unsigned flags)
{
	const struct discsi_storage_type *ops = &storage->type->ops;
	int rc = 0;

	if (!is_mounted(storage))
		return 0;
	if (ops->unmount != NULL)
		DSC_TYPE_CALL(rc, ops->unmount(storage->self, flags));
	if (rc != -EBUSY)
		set_mounted(storage, false);
	return rc;
}

static int begin_unmount(struct discsi_storage *storage, unsigned flags,
			 struct dsc_turn *turn)
{
	int rc = dsc_storage_check(storage, "unmount");

	if (rc < 0)
		return rc;
	if ((flags & ~DISCSI_UNMOUNT_FORCE) != 0)
		return dsc_fail(EINVAL, "unmount: unknown flags 0x%x", flags);
	return dsc_storage_blame(storage, dsc_turn_begin(storage, turn, NULL,
							 false));
}

int discsi_storage_unmount(struct discsi_storage *storage, unsigned flags)
{
	struct dsc_turn turn;
	int rc = begin_unmount(storage, flags, &turn);

	if (rc < 0)
		return rc;
	rc = unmount(storage, flags);
	dsc_turn_end(storage);
	return dsc_storage_blame(storage, rc);
}

int discsi_storage_detach(struct discsi_storage *storage, unsigned flags)
{
	struct dsc_turn turn;
	int rc = begin_unmount(storage, flags, &turn);

	if (rc < 0)
		return rc;
	rc = unmount(storage, flags);
	rc = dsc_storage_blame(storage, rc);
	if (rc != -EBUSY) {
		dsc_disks_forget(storage);
		dsc_manager_forget(storage);
	}
	dsc_turn_end(storage);
	return rc;
}

/* ------------------------------------------------------------- accessible */

/* Within a turn. What this has mounted is undone if it cannot be read. */
static int look(struct discsi_storage *storage)
{
	const struct discsi_storage_type *ops = &storage->type->ops;
	bool was_mounted = is_mounted(storage);
	struct discsi_error error;
	int rc = mount(storage);

	if (rc < 0 || ops->look == NULL)
		return rc;
	DSC_TYPE_CALL(rc, ops->look(storage->self));
	if (rc < 0 && !was_mounted) {
		error = *discsi_last_error();
		(void)unmount(storage, 0);
		rc = dsc_fail_with(&error);
	}
	return rc;
}

int discsi_storage_accessible(struct discsi_storage *storage,
			      const struct discsi_mount_options *options)
{
	struct dsc_turn turn;
	int rc = dsc_storage_check(storage, "accessible");

	if (rc < 0)
		return rc;
	rc = dsc_turn_begin(storage, &turn, options, true);
	if (rc == 0) {
		rc = look(storage);
		dsc_turn_end(storage);
	}
	return dsc_storage_blame(storage, rc);
}

/* ------------------------------------------------------------------ facts */

bool discsi_storage_is_mounted(struct discsi_storage *storage)
{
	return storage != NULL && !dsc_manager_is_forked(storage->manager) &&
	       is_mounted(storage);
}

bool discsi_storage_is_connected(struct discsi_storage *storage)
{
	const struct discsi_storage_type *ops;

	if (!discsi_storage_is_mounted(storage))
		return false;
	ops = &storage->type->ops;
	return ops->is_connected == NULL || ops->is_connected(storage->self);
}

int dsc_storage_need_mount(struct discsi_storage *storage, const char *what)
{
	int rc = dsc_storage_check(storage, what);

	if (rc == 0 && !is_mounted(storage)) {
		rc = dsc_fail(ENOTCONN, "it is not mounted");
		return dsc_storage_blame(storage, rc);
	}
	return rc;
}

int discsi_storage_device_path(struct discsi_storage *storage, char **path)
{
	int rc = dsc_storage_need_mount(storage, "device path");

	if (rc < 0)
		return rc;
	if (path == NULL)
		return dsc_fail(EINVAL, "device path: an argument is NULL");
	*path = NULL;
	if (storage->type->ops.device_path == NULL)
		rc = dsc_storage_cannot(storage, "it has no device");
	else
		DSC_TYPE_CALL(rc, storage->type->ops.device_path(
			storage->self, path));
	return dsc_storage_blame(storage, rc);
}
