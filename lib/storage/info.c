/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * info.c: naming and configuring a storage. Here are the members that mean the
 * same for every type; the whole text goes to the type, which knows the rest.
 * Any thread; set_info takes a turn.
 *
 * The id is claimed before the type is asked and given back if it refuses, so
 * that of two storages that want one id at the same time one gets it. Ids are
 * written under both locks, and read under either.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/secret.h"
#include "conf/json.h"
#include "storage/settings.h"
#include "storage/storage.h"

static struct discsi_storage *storage_at(struct dsc_list *link)
{
	return dsc_container_of(link, struct discsi_storage, link);
}

/* -------------------------------------------------------------------- ids */

static bool has_id(const struct discsi_storage *storage, const char *id)
{
	return (storage->is_held && strcmp(storage->id, id) == 0) ||
	       (storage->claimed_id != NULL &&
		strcmp(storage->claimed_id, id) == 0);
}

/* With the manager's lock. */
static bool is_taken(struct discsi_storage *storage, const char *id)
{
	struct dsc_list *all = &storage->manager->storages;
	struct dsc_list *link;

	for (link = all->next; link != all; link = link->next) {
		if (storage_at(link) != storage && has_id(storage_at(link), id))
			return true;
	}
	return false;
}

static int claim_id(struct discsi_storage *storage, const char *id)
{
	char *copy = strdup(id);
	bool refused;

	if (copy == NULL)
		return dsc_fail_memory();
	pthread_mutex_lock(&storage->manager->lock);
	refused = is_taken(storage, id);
	if (!refused)
		storage->claimed_id = copy;
	pthread_mutex_unlock(&storage->manager->lock);
	if (!refused)
		return 0;
	free(copy);
	return dsc_fail(EEXIST, "another storage has the id \"%s\"", id);
}

static void give_id_back(struct discsi_storage *storage)
{
	char *claimed;

	pthread_mutex_lock(&storage->manager->lock);
	claimed = storage->claimed_id;
	storage->claimed_id = NULL;
	pthread_mutex_unlock(&storage->manager->lock);
	free(claimed);
}

/* The id is the storage's, which the manager holds from now on. */
static void settle_id(struct discsi_storage *storage)
{
	char *before;

	pthread_mutex_lock(&storage->manager->lock);
	pthread_mutex_lock(&storage->lock);
	before = storage->id;
	storage->id = storage->claimed_id;
	pthread_mutex_unlock(&storage->lock);
	storage->claimed_id = NULL;
	if (!storage->is_held)
		storage->refs++;
	storage->is_held = true;
	pthread_mutex_unlock(&storage->manager->lock);
	free(before);
}

/* --------------------------------------------------------------- set_info */

/* What set_info replaces, apart from what the type has. */
struct changes {
	char *name;
	struct dsc_common common;
};

static void swap_text(char **a, char **b)
{
	char *kept = *a;

	*a = *b;
	*b = kept;
}

/* Afterwards changes holds what was there before. */
static void apply(struct discsi_storage *storage, struct changes *changes)
{
	pthread_mutex_lock(&storage->lock);
	swap_text(&storage->name, &changes->name);
	swap_text(&storage->zone_id, &changes->common.zone_id);
	if (changes->common.cache_id != NULL)
		swap_text(&storage->cache_id, &changes->common.cache_id);
	storage->mount_timeout_ms = changes->common.mount_timeout_ms;
	pthread_mutex_unlock(&storage->lock);
}

static bool is_same(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* Under a mount nothing may change that is not a timeout or the name. */
static int check_mounted(struct discsi_storage *storage, const char *id,
			 const struct dsc_common *common)
{
	const char *what = NULL;

	pthread_mutex_lock(&storage->lock);
	if (storage->is_mounted && !is_same(storage->id, id))
		what = "id";
	else if (storage->is_mounted &&
		 !is_same(storage->zone_id, common->zone_id))
		what = "zone_id";
	else if (storage->is_mounted && common->cache_id != NULL &&
		 !is_same(storage->cache_id, common->cache_id))
		what = "storagecache_id";
	pthread_mutex_unlock(&storage->lock);
	return what == NULL ? 0 : dsc_fail(EBUSY, "%s: cannot be changed while "
					   "it is mounted", what);
}

/* Within a turn. */
static int configure(struct discsi_storage *storage, const char *id,
		     const char *json, struct changes *changes)
{
	const struct discsi_storage_type *ops = &storage->type->ops;
	int rc = check_mounted(storage, id, &changes->common);

	if (rc == 0)
		rc = claim_id(storage, id);
	if (rc < 0)
		return rc;
	if (ops->set_conf != NULL)
		DSC_TYPE_CALL(rc, ops->set_conf(
			storage->self, json,
			discsi_storage_is_mounted(storage)));
	if (rc < 0) {
		give_id_back(storage);
		return rc;
	}
	apply(storage, changes);
	settle_id(storage);
	return 0;
}

static int read_common(const char *json, struct dsc_common *common)
{
	struct json_object *object;
	int rc = dsc_conf_read_json(json, strlen(json), &object);

	if (rc < 0)
		return rc;
	rc = dsc_common_read(object, common);
	dsc_conf_free_json(object);
	return rc;
}

static int set_info(struct discsi_storage *storage, const char *id,
		    const char *name, const char *json)
{
	struct changes changes = { .name = NULL };
	struct dsc_turn turn;
	int rc = read_common(json, &changes.common);

	if (rc == 0) {
		changes.name = strdup(name != NULL ? name : "");
		rc = changes.name == NULL ? dsc_fail_memory() : 0;
	}
	if (rc == 0)
		rc = dsc_turn_begin(storage, &turn, NULL, false);
	if (rc == 0) {
		rc = configure(storage, id, json, &changes);
		dsc_turn_end(storage);
	}
	free(changes.name);
	dsc_common_free(&changes.common);
	return rc;
}

int discsi_storage_set_info(struct discsi_storage *storage, const char *id,
			    const char *name, const char *conf, size_t length)
{
	char *json;
	int rc = dsc_storage_check(storage, "set info");

	if (rc < 0)
		return rc;
	if (id == NULL || conf == NULL)
		return dsc_fail(EINVAL, "set info: an argument is NULL");
	if (!dsc_storage_is_name(id) ||
	    (name != NULL && name[0] != '\0' && !dsc_storage_is_name(name)))
		return dsc_fail(EINVAL, "set info: id and name must be at most "
				"%d bytes of UTF-8 without control characters, "
				"the id not empty", DSC_STORAGE_NAME_MAX);
	if (memchr(conf, '\0', length) != NULL)
		return dsc_fail(EINVAL, "set info: a NUL byte in the JSON");
	json = strndup(conf, length);
	if (json == NULL)
		return dsc_fail_memory();
	rc = set_info(storage, id, name, json);
	if (rc < 0)
		dsc_error_prefix(dsc_error_last(), "storage %s", id);
	dsc_wipe(json, length);
	free(json);
	return rc;
}

/* --------------------------------------------------------------- get_conf */

int discsi_storage_get_conf(struct discsi_storage *storage, char **json)
{
	int rc = dsc_storage_check(storage, "configuration");

	if (rc < 0)
		return rc;
	if (json == NULL)
		return dsc_fail(EINVAL, "configuration: an argument is NULL");
	*json = NULL;
	if (storage->type->ops.get_conf != NULL) {
		DSC_TYPE_CALL(rc, storage->type->ops.get_conf(storage->self,
							      json));
		return dsc_storage_blame(storage, rc);
	}
	*json = strdup("{}");
	return *json != NULL ? 0 : dsc_fail_memory();
}
