/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * size.c: how large a storage is, and all that is known of it as JSON. Any
 * thread; the numbers are the type's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "storage/json.h"
#include "storage/storage.h"

#define MIB_SHIFT 20

/* All but what the disks use. */
static int measure(struct discsi_storage *storage, const char *what,
		   struct discsi_storage_stat *stat)
{
	int rc = dsc_storage_need_mount(storage, what);

	memset(stat, 0, sizeof(*stat));
	stat->size = sizeof(*stat);
	if (rc < 0)
		return rc;
	if (storage->type->ops.measure == NULL)
		rc = dsc_storage_cannot(storage, "it has no size");
	else
		DSC_TYPE_CALL(rc, storage->type->ops.measure(storage->self,
							     stat));
	return dsc_storage_blame(storage, rc);
}

static int add_used(struct discsi_storage *storage,
		    struct discsi_storage_stat *stat)
{
	uint64_t bytes;
	int rc = dsc_disks_used(storage, &bytes);

	stat->actual_capacity_used_mb = bytes >> MIB_SHIFT;
	return dsc_storage_blame(storage, rc);
}

int discsi_storage_sync_size(struct discsi_storage *storage,
			     struct discsi_storage_stat *stat)
{
	struct discsi_storage_stat now;
	size_t size;
	int rc;

	if (stat == NULL || stat->size < sizeof(stat->size))
		return dsc_fail(EINVAL, "size of a storage: size is not set to "
				"the size of the struct");
	rc = measure(storage, "size of a storage", &now);
	if (rc == 0)
		rc = add_used(storage, &now);
	if (rc < 0)
		return rc;
	size = dsc_min_size(stat->size, sizeof(now));
	memcpy((char *)stat + sizeof(size), (char *)&now + sizeof(size),
	       size - sizeof(size));
	return 0;
}

/* Without asking the target anything: what it said last. */
static int known(struct discsi_storage *storage, const char *what,
		 uint64_t *capacity_mb)
{
	uint64_t bytes = 0;
	struct discsi_storage_stat stat;
	int rc = dsc_storage_need_mount(storage, what);

	if (rc < 0)
		return rc;
	if (storage->type->ops.known_bytes == NULL) {
		rc = measure(storage, what, &stat);
		*capacity_mb = stat.capacity_mb;
		return rc;
	}
	DSC_TYPE_CALL(rc, storage->type->ops.known_bytes(storage->self,
							 &bytes));
	*capacity_mb = bytes >> MIB_SHIFT;
	return dsc_storage_blame(storage, rc);
}

int discsi_storage_capacity_mb(struct discsi_storage *storage, uint64_t *mb)
{
	if (mb == NULL)
		return dsc_fail(EINVAL, "capacity: an argument is NULL");
	return known(storage, "capacity", mb);
}

int discsi_storage_free_mb(struct discsi_storage *storage, uint64_t *mb)
{
	uint64_t capacity_mb = 0;
	uint64_t used = 0;
	int rc;

	if (mb == NULL)
		return dsc_fail(EINVAL, "free space: an argument is NULL");
	rc = known(storage, "free space", &capacity_mb);
	if (rc == 0)
		rc = dsc_storage_blame(storage, dsc_disks_used(storage, &used));
	if (rc < 0)
		return rc;
	used >>= MIB_SHIFT;
	*mb = capacity_mb > used ? capacity_mb - used : 0;
	return 0;
}

/* ------------------------------------------------------------------- info */

static int add_texts(struct discsi_storage *storage, struct json_object *object)
{
	static const struct {
		const char *name;
		int (*get)(struct discsi_storage *storage, char **text);
	} texts[] = {
		{ "id", discsi_storage_id },
		{ "name", discsi_storage_name },
		{ "zone", discsi_storage_zone_id },
		{ "storagecache_id", discsi_storage_cache_id },
		{ "path", discsi_storage_path },
	};
	int rc = 0;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]) && rc == 0; i++) {
		char *text = NULL;

		rc = texts[i].get(storage, &text);
		if (rc == 0)
			rc = dsc_json_add_text(object, texts[i].name, text);
		free(text);
	}
	return rc;
}

/* What cannot be told is left out. */
static int add_mounted(struct discsi_storage *storage,
		       struct json_object *object)
{
	uint64_t capacity_mb = 0;
	uint64_t used = 0;
	char *device = NULL;
	int rc = 0;

	if (known(storage, "info", &capacity_mb) == 0)
		rc = dsc_json_add_number(object, "capacity", capacity_mb);
	if (rc == 0 && dsc_disks_used(storage, &used) == 0)
		rc = dsc_json_add_number(object, "used", used >> MIB_SHIFT);
	if (rc == 0 && discsi_storage_device_path(storage, &device) == 0)
		rc = dsc_json_add_text(object, "device", device);
	free(device);
	return rc;
}

static int add_type_members(struct discsi_storage *storage,
			    struct json_object *object)
{
	char *json = NULL;
	int rc = 0;

	if (storage->type->ops.describe == NULL)
		return 0;
	DSC_TYPE_CALL(rc, storage->type->ops.describe(storage->self, &json));
	if (rc == 0)
		rc = dsc_json_merge(object, json);
	free(json);
	return dsc_storage_blame(storage, rc);
}

static int fill_info(struct discsi_storage *storage, struct json_object *object)
{
	bool is_mounted = discsi_storage_is_mounted(storage);
	bool is_online = discsi_storage_is_connected(storage);
	int rc = add_texts(storage, object);

	if (rc == 0)
		rc = dsc_json_add_text(object, "storage_type",
				       storage->type->ops.name);
	if (rc == 0)
		rc = dsc_json_add_text(object, "status", is_online ? "online" :
				       "offline");
	if (rc == 0)
		rc = dsc_json_add_bool(object, "mounted", is_mounted);
	if (rc == 0 && is_mounted)
		rc = add_mounted(storage, object);
	if (rc == 0)
		rc = add_type_members(storage, object);
	return rc;
}

int discsi_storage_sync_info(struct discsi_storage *storage, char **json)
{
	struct json_object *object;
	int rc = dsc_storage_check(storage, "info");

	if (rc < 0)
		return rc;
	if (json == NULL)
		return dsc_fail(EINVAL, "info: an argument is NULL");
	*json = NULL;
	object = dsc_json_new();
	if (object == NULL)
		return dsc_fail_memory();
	return dsc_json_finish(object, fill_info(storage, object), json);
}
