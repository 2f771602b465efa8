/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io.c: I/O to a storage within the process, handed on to its type. Any
 * thread; an operation that unmounts ends what is under way.
 */
#include <errno.h>

#include "base/error.h"
#include "storage/storage.h"

static int begin(struct discsi_storage *storage, const char *what,
		 bool has_function)
{
	int rc = dsc_storage_need_mount(storage, what);

	if (rc == 0 && !has_function)
		rc = dsc_storage_blame(storage, dsc_storage_cannot(
			storage, "it does no I/O within the process"));
	return rc;
}

static int check_buffer(struct discsi_storage *storage, const char *what,
			const void *buf, size_t length)
{
	if (buf != NULL || length == 0)
		return 0;
	return dsc_storage_blame(storage, dsc_fail(
		EINVAL, "%s: an argument is NULL", what));
}

int discsi_storage_read(struct discsi_storage *storage, void *buf,
			size_t length, uint64_t offset, unsigned flags)
{
	int rc = begin(storage, "read", storage == NULL ||
		       storage->type->ops.read != NULL);

	if (rc == 0)
		rc = check_buffer(storage, "read", buf, length);
	if (rc < 0)
		return rc;
	DSC_TYPE_CALL(rc, storage->type->ops.read(storage->self, buf, length,
						  offset, flags));
	return dsc_storage_blame(storage, rc);
}

int discsi_storage_write(struct discsi_storage *storage, const void *buf,
			 size_t length, uint64_t offset, unsigned flags)
{
	int rc = begin(storage, "write", storage == NULL ||
		       storage->type->ops.write != NULL);

	if (rc == 0)
		rc = check_buffer(storage, "write", buf, length);
	if (rc < 0)
		return rc;
	DSC_TYPE_CALL(rc, storage->type->ops.write(storage->self, buf, length,
						   offset, flags));
	return dsc_storage_blame(storage, rc);
}

int discsi_storage_flush(struct discsi_storage *storage)
{
	int rc = begin(storage, "flush", storage == NULL ||
		       storage->type->ops.flush != NULL);

	if (rc < 0)
		return rc;
	DSC_TYPE_CALL(rc, storage->type->ops.flush(storage->self));
	return dsc_storage_blame(storage, rc);
}

int discsi_storage_lun(struct discsi_storage *storage, struct discsi_lun **lun)
{
	int rc = begin(storage, "LUN", storage == NULL ||
		       storage->type->ops.lun != NULL);

	if (rc < 0)
		return rc;
	if (lun == NULL)
		return dsc_fail(EINVAL, "LUN: an argument is NULL");
	*lun = NULL;
	DSC_TYPE_CALL(rc, storage->type->ops.lun(storage->self, lun));
	return dsc_storage_blame(storage, rc);
}
