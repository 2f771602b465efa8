/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * disk.c: the disks of a storage. A storage has a list of entries; what the
 * caller holds is a handle, which names an entry by its id and serial number,
 * so that a disk that was removed, or removed and made again, is not mistaken
 * for another one. What a disk is, the type says. Any thread.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "storage/json.h"
#include "storage/storage.h"

#define MIB_SHIFT 20

struct dsc_disk_entry {
	struct dsc_list link;      /* in storage->disks */
	uint64_t serial;
	char *id;
};

struct discsi_disk {
	atomic_uint refs;
	struct discsi_storage *storage;
	uint64_t serial;
	char *id;
};

static struct dsc_disk_entry *entry_at(struct dsc_list *link)
{
	return dsc_container_of(link, struct dsc_disk_entry, link);
}

static void free_entry(struct dsc_disk_entry *entry)
{
	if (entry == NULL)
		return;
	free(entry->id);
	free(entry);
}

/* With the storage's lock. */
static struct dsc_disk_entry *find_entry(struct discsi_storage *storage,
					 const char *id)
{
	struct dsc_list *link;

	for (link = storage->disks.next; link != &storage->disks;
	     link = link->next) {
		if (strcmp(entry_at(link)->id, id) == 0)
			return entry_at(link);
	}
	return NULL;
}

void dsc_disks_forget(struct discsi_storage *storage)
{
	struct dsc_list gone;
	struct dsc_list *link;

	dsc_list_init(&gone);
	pthread_mutex_lock(&storage->lock);
	dsc_list_splice(&gone, &storage->disks);
	pthread_mutex_unlock(&storage->lock);
	while ((link = dsc_list_pop(&gone)) != NULL)
		free_entry(entry_at(link));
}

/* ---------------------------------------------------------------- handles */

static int make_handle(struct discsi_storage *storage, const char *id,
		       uint64_t serial, struct discsi_disk **disk)
{
	struct discsi_disk *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return dsc_fail_memory();
	made->id = strdup(id);
	if (made->id == NULL) {
		free(made);
		return dsc_fail_memory();
	}
	atomic_init(&made->refs, 1);
	made->serial = serial;
	made->storage = discsi_storage_ref(storage);
	*disk = made;
	return 0;
}

struct discsi_disk *discsi_disk_ref(struct discsi_disk *disk)
{
	if (disk != NULL)
		atomic_fetch_add(&disk->refs, 1);
	return disk;
}

void discsi_disk_put(struct discsi_disk *disk)
{
	if (disk == NULL || atomic_fetch_sub(&disk->refs, 1) != 1)
		return;
	discsi_storage_put(disk->storage);
	free(disk->id);
	free(disk);
}

const char *discsi_disk_id(const struct discsi_disk *disk)
{
	return disk != NULL ? disk->id : "";
}

/* ----------------------------------------------------------- create, find */

static int check_id(const char *id)
{
	if (id != NULL && dsc_storage_is_name(id) && strchr(id, '/') == NULL)
		return 0;
	return dsc_fail(EINVAL, "the id of a disk must be 1 to %d bytes of "
			"UTF-8 without control characters and '/'",
			DSC_STORAGE_NAME_MAX);
}

/*
 * Adds an entry, of which it takes the id, unless there is one. Returns its
 * serial number; 0 when there is no room for another disk.
 */
static uint64_t add_entry(struct discsi_storage *storage,
			  struct dsc_disk_entry **made, char *other)
{
	size_t max = storage->type->ops.max_disks;
	struct dsc_disk_entry *entry;
	struct dsc_list *link;
	uint64_t serial = 0;
	size_t count = 0;

	pthread_mutex_lock(&storage->lock);
	entry = find_entry(storage, (*made)->id);
	for (link = storage->disks.next; link != &storage->disks;
	     link = link->next)
		count++;
	if (entry == NULL && (max == 0 || count < max)) {
		entry = *made;
		*made = NULL;
		entry->serial = ++storage->disk_serial;
		dsc_list_append(&storage->disks, &entry->link);
	}
	if (entry != NULL)
		serial = entry->serial;
	else
		snprintf(other, DSC_STORAGE_NAME_MAX + 1, "%s",
			 entry_at(dsc_list_first(&storage->disks))->id);
	pthread_mutex_unlock(&storage->lock);
	return serial;
}

static int make_entry(const char *id, struct dsc_disk_entry **entry)
{
	struct dsc_disk_entry *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return dsc_fail_memory();
	dsc_list_init(&made->link);
	made->id = strdup(id);
	if (made->id == NULL) {
		free(made);
		return dsc_fail_memory();
	}
	*entry = made;
	return 0;
}

static int create(struct discsi_storage *storage, const char *id,
		  struct discsi_disk **disk)
{
	char other[DSC_STORAGE_NAME_MAX + 1];
	struct dsc_disk_entry *entry = NULL;
	uint64_t serial;
	int rc = make_entry(id, &entry);

	if (rc < 0)
		return rc;
	serial = add_entry(storage, &entry, other);
	free_entry(entry);
	if (serial == 0)
		return dsc_fail(ENOSPC, "no room for disk %s: it is disk %s "
				"already", id, other);
	return make_handle(storage, id, serial, disk);
}

int discsi_storage_create_disk(struct discsi_storage *storage, const char *id,
			       struct discsi_disk **disk)
{
	int rc = dsc_storage_need_mount(storage, "disk");

	if (rc < 0)
		return rc;
	if (disk == NULL)
		return dsc_fail(EINVAL, "disk: an argument is NULL");
	*disk = NULL;
	rc = check_id(id);
	if (rc == 0)
		rc = create(storage, id, disk);
	return dsc_storage_blame(storage, rc);
}

static int fail_unknown(const char *id)
{
	return dsc_fail(ENOENT, "there is no disk %.255s", id);
}

int discsi_storage_get_disk_by_id(struct discsi_storage *storage,
				  const char *id, struct discsi_disk **disk)
{
	struct dsc_disk_entry *entry;
	uint64_t serial = 0;
	int rc = dsc_storage_need_mount(storage, "disk");

	if (rc < 0)
		return rc;
	if (id == NULL || disk == NULL)
		return dsc_fail(EINVAL, "disk: an argument is NULL");
	*disk = NULL;
	pthread_mutex_lock(&storage->lock);
	entry = find_entry(storage, id);
	if (entry != NULL)
		serial = entry->serial;
	pthread_mutex_unlock(&storage->lock);
	if (serial == 0)
		return dsc_storage_blame(storage, fail_unknown(id));
	rc = make_handle(storage, id, serial, disk);
	if (rc < 0)
		return rc;
	rc = discsi_disk_probe(*disk);
	if (rc < 0) {
		discsi_disk_put(*disk);
		*disk = NULL;
	}
	return rc;
}

int discsi_storage_remove_disk(struct discsi_storage *storage, const char *id)
{
	struct dsc_disk_entry *entry;
	int rc = dsc_storage_check(storage, "disk");

	if (rc < 0)
		return rc;
	if (id == NULL)
		return dsc_fail(EINVAL, "disk: an argument is NULL");
	pthread_mutex_lock(&storage->lock);
	entry = find_entry(storage, id);
	if (entry != NULL)
		dsc_list_remove(&entry->link);
	pthread_mutex_unlock(&storage->lock);
	if (entry == NULL)
		return dsc_storage_blame(storage, fail_unknown(id));
	free_entry(entry);
	return 0;
}

int discsi_storage_disks_path(struct discsi_storage *storage, char **path)
{
	return discsi_storage_device_path(storage, path);
}

/* ------------------------------------------------------------------- list */

static void free_ids(char **ids, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(ids[i]);
	free(ids);
}

/* With the storage's lock. False without memory. */
static bool copy_ids(struct discsi_storage *storage, char ***ids,
		     size_t *count)
{
	struct dsc_list *link;
	size_t room = 1;

	for (link = storage->disks.next; link != &storage->disks;
	     link = link->next)
		room++;
	*ids = calloc(room, sizeof(**ids));
	for (link = storage->disks.next;
	     *ids != NULL && link != &storage->disks; link = link->next) {
		(*ids)[*count] = strdup(entry_at(link)->id);
		if ((*ids)[*count] == NULL)
			return false;
		(*count)++;
	}
	return *ids != NULL;
}

int discsi_storage_list_disks(struct discsi_storage *storage, char ***ids,
			      size_t *count)
{
	bool is_whole;
	int rc = dsc_storage_check(storage, "disks");

	if (rc < 0)
		return rc;
	if (ids == NULL || count == NULL)
		return dsc_fail(EINVAL, "disks: an argument is NULL");
	*count = 0;
	pthread_mutex_lock(&storage->lock);
	is_whole = copy_ids(storage, ids, count);
	pthread_mutex_unlock(&storage->lock);
	if (is_whole)
		return 0;
	free_ids(*ids, *count);
	*ids = NULL;
	*count = 0;
	return dsc_fail_memory();
}

/* ------------------------------------------------------------------ facts */

/* Is the disk still the storage's, and that mounted? */
static int check_disk(struct discsi_disk *disk, const char *what)
{
	struct dsc_disk_entry *entry;
	bool is_there;
	int rc;

	if (disk == NULL)
		return dsc_fail(EINVAL, "%s: the disk is NULL", what);
	rc = dsc_storage_check(disk->storage, what);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&disk->storage->lock);
	entry = find_entry(disk->storage, disk->id);
	is_there = entry != NULL && entry->serial == disk->serial;
	pthread_mutex_unlock(&disk->storage->lock);
	if (!is_there)
		return dsc_storage_blame(disk->storage, dsc_fail(
			ENOENT, "disk %s was removed", disk->id));
	return dsc_storage_need_mount(disk->storage, what);
}

/* Puts storage and disk before the sentence. */
static int blame(struct discsi_disk *disk, int rc)
{
	if (rc < 0)
		dsc_error_prefix(dsc_error_last(), "disk %s", disk->id);
	return dsc_storage_blame(disk->storage, rc);
}

int discsi_disk_path(struct discsi_disk *disk, char **path)
{
	const struct discsi_storage_type *ops;
	int rc = check_disk(disk, "path of a disk");

	if (rc < 0)
		return rc;
	ops = &disk->storage->type->ops;
	if (ops->disk_path == NULL)
		return discsi_storage_device_path(disk->storage, path);
	if (path == NULL)
		return dsc_fail(EINVAL, "path of a disk: an argument is NULL");
	DSC_TYPE_CALL(rc, ops->disk_path(disk->storage->self, disk->id, path));
	return blame(disk, rc);
}

int discsi_disk_probe(struct discsi_disk *disk)
{
	const struct discsi_storage_type *ops;
	int rc = check_disk(disk, "probe of a disk");

	if (rc < 0)
		return rc;
	ops = &disk->storage->type->ops;
	if (ops->probe_disk == NULL)
		return 0;
	DSC_TYPE_CALL(rc, ops->probe_disk(disk->storage->self, disk->id));
	return blame(disk, rc);
}

static int ask_size(struct discsi_storage *storage, const char *id,
		    uint64_t *bytes)
{
	const struct discsi_storage_type *ops = &storage->type->ops;
	int rc;

	*bytes = 0;
	if (ops->disk_size == NULL)
		return dsc_storage_cannot(storage, "its disks have no size");
	DSC_TYPE_CALL(rc, ops->disk_size(storage->self, id, bytes));
	return rc;
}

int discsi_disk_size(struct discsi_disk *disk, uint64_t *bytes)
{
	int rc = check_disk(disk, "size of a disk");

	if (rc < 0)
		return rc;
	if (bytes == NULL)
		return dsc_fail(EINVAL, "size of a disk: an argument is NULL");
	return blame(disk, ask_size(disk->storage, disk->id, bytes));
}

int discsi_disk_resize(struct discsi_disk *disk, uint64_t bytes, uint64_t *now)
{
	const struct discsi_storage_type *ops;
	uint64_t unwanted;
	int rc = check_disk(disk, "resize of a disk");

	if (rc < 0)
		return rc;
	ops = &disk->storage->type->ops;
	if (ops->resize_disk == NULL)
		return blame(disk, dsc_storage_cannot(
			disk->storage, "its disks cannot be resized"));
	DSC_TYPE_CALL(rc, ops->resize_disk(disk->storage->self, disk->id,
					   bytes, now != NULL ? now :
					   &unwanted));
	return blame(disk, rc);
}

int dsc_disks_used(struct discsi_storage *storage, uint64_t *bytes)
{
	uint64_t one;
	char **ids;
	size_t count;
	size_t i;
	int rc = discsi_storage_list_disks(storage, &ids, &count);

	*bytes = 0;
	if (rc < 0)
		return rc;
	for (i = 0; i < count && rc == 0; i++) {
		rc = ask_size(storage, ids[i], &one);
		*bytes += one;
	}
	free_ids(ids, count);
	return rc;
}

/* ---------------------------------------------------------------- content */

int discsi_disk_format(struct discsi_disk *disk,
		       struct discsi_disk_format *format)
{
	const struct discsi_storage_type *ops;
	struct discsi_disk_format found = { .size = sizeof(found) };
	size_t size;
	int rc = check_disk(disk, "format of a disk");

	if (rc < 0)
		return rc;
	if (format == NULL || format->size < sizeof(format->size))
		return dsc_fail(EINVAL, "format of a disk: size is not set to "
				"the size of the struct");
	ops = &disk->storage->type->ops;
	if (ops->format_disk == NULL)
		rc = dsc_storage_cannot(disk->storage, "what is on its disks "
					"cannot be told");
	else
		DSC_TYPE_CALL(rc, ops->format_disk(disk->storage->self,
						   disk->id, &found));
	if (rc < 0)
		return blame(disk, rc);
	size = format->size < sizeof(found) ? format->size : sizeof(found);
	memcpy((char *)format + sizeof(size), (char *)&found + sizeof(size),
	       size - sizeof(size));
	return 0;
}

/* A path is left out where there is none. */
static int add_place(struct discsi_disk *disk, struct json_object *object)
{
	char *path = NULL;
	char *id = NULL;
	int rc = discsi_disk_path(disk, &path);

	if (rc == -EOPNOTSUPP)
		rc = 0;
	if (rc == 0)
		rc = discsi_storage_id(disk->storage, &id);
	if (rc == 0)
		rc = dsc_json_add_text(object, "storage_id", id);
	if (rc == 0 && path != NULL)
		rc = dsc_json_add_text(object, "disk_path", path);
	free(path);
	free(id);
	return rc;
}

static int fill_description(struct discsi_disk *disk,
			    struct json_object *object)
{
	struct discsi_disk_format format = { .size = sizeof(format) };
	uint64_t bytes = 0;
	int rc = discsi_disk_format(disk, &format);

	if (rc == 0)
		rc = discsi_disk_size(disk, &bytes);
	if (rc == 0)
		rc = dsc_json_add_text(object, "disk_id", disk->id);
	if (rc == 0)
		rc = add_place(disk, object);
	if (rc < 0)
		return rc;
	const struct dsc_json_member members[] = {
		{ "storage_type", disk->storage->type->ops.name, 0 },
		{ "disk_size", NULL, bytes >> MIB_SHIFT },
		{ "size", NULL, bytes },
		{ "format", format.format, 0 },
		{ "usage", format.usage, 0 },
		{ "uuid", format.uuid, 0 },
		{ "label", format.label, 0 },
	};
	return dsc_json_add_all(object, members,
				sizeof(members) / sizeof(members[0]));
}

int discsi_disk_description(struct discsi_disk *disk, char **json)
{
	struct json_object *object;
	int rc = check_disk(disk, "description of a disk");

	if (rc < 0)
		return rc;
	if (json == NULL)
		return dsc_fail(EINVAL, "description of a disk: an argument is "
				"NULL");
	*json = NULL;
	object = dsc_json_new();
	if (object == NULL)
		return dsc_fail_memory();
	rc = fill_description(disk, object);
	return dsc_json_finish(object, rc, json);
}
