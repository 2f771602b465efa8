/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * type.c: the types of storage that a manager knows. They stay until it is
 * freed, so that a pointer to one needs no lock. Any thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "storage/storage.h"

#define LIST_MAX 300  /* of the sentence that lists the types */

static const char *prefix_of(const struct dsc_type *type)
{
	return type->ops.mount_prefix != NULL ? type->ops.mount_prefix :
	       type->ops.name;
}

static struct dsc_type *type_at(struct dsc_list *link)
{
	return dsc_container_of(link, struct dsc_type, link);
}

/* ------------------------------------------------------------------- find */

static const struct dsc_type *
find_by_name(struct discsi_storage_manager *manager, const char *name)
{
	struct dsc_list *link;

	for (link = manager->types.next; link != &manager->types;
	     link = link->next) {
		if (strcmp(type_at(link)->ops.name, name) == 0)
			return type_at(link);
	}
	return NULL;
}

/* The longest prefix wins: "nfs" and "nfs4" may both be there. */
static const struct dsc_type *
find_by_mount_point(struct discsi_storage_manager *manager, const char *path)
{
	const struct dsc_type *best = NULL;
	struct dsc_list *link;

	for (link = manager->types.next; link != &manager->types;
	     link = link->next) {
		const struct dsc_type *type = type_at(link);
		size_t length = strlen(prefix_of(type));

		if (length > 0 && strncmp(path, prefix_of(type), length) == 0 &&
		    (best == NULL || length > strlen(prefix_of(best))))
			best = type;
	}
	return best;
}

static void list_types(struct discsi_storage_manager *manager, char *text,
		       size_t room)
{
	struct dsc_list *link;
	size_t used = 0;

	text[0] = '\0';
	for (link = manager->types.next; link != &manager->types;
	     link = link->next) {
		int n = snprintf(text + used, room - used, "%s%s",
				 used > 0 ? ", " : "", type_at(link)->ops.name);

		if (n < 0 || (size_t)n >= room - used)
			return;
		used += (size_t)n;
	}
}

int dsc_type_find(struct discsi_storage_manager *manager, const char *name,
		  const char *mount_point, const struct dsc_type **type)
{
	bool by_name = name != NULL && name[0] != '\0';
	char list[LIST_MAX];

	pthread_mutex_lock(&manager->lock);
	*type = by_name ? find_by_name(manager, name) :
		find_by_mount_point(manager, mount_point);
	list_types(manager, list, sizeof(list));
	pthread_mutex_unlock(&manager->lock);
	if (*type != NULL)
		return 0;
	if (by_name)
		return dsc_fail(EOPNOTSUPP, "there is no storage type "
				"\"%.64s\": the types are %s", name, list);
	return dsc_fail(EOPNOTSUPP, "the mount point \"%.128s\" is of no "
			"storage type: the types are %s", mount_point, list);
}

/* --------------------------------------------------------------- register */

static bool is_taken(struct discsi_storage_manager *manager,
		     const struct dsc_type *type)
{
	struct dsc_list *link;

	for (link = manager->types.next; link != &manager->types;
	     link = link->next) {
		if (strcmp(type_at(link)->ops.name, type->ops.name) == 0 ||
		    strcmp(prefix_of(type_at(link)), prefix_of(type)) == 0)
			return true;
	}
	return false;
}

int discsi_storage_register(struct discsi_storage_manager *manager,
			    const struct discsi_storage_type *type, void *arg)
{
	struct dsc_type *made;
	bool is_refused;
	int rc;

	if (manager == NULL || type == NULL)
		return dsc_fail(EINVAL, "storage type: an argument is NULL");
	rc = dsc_manager_check(manager);
	if (rc < 0)
		return rc;
	if (type->size < offsetof(struct discsi_storage_type, make))
		return dsc_fail(EINVAL, "storage type: size is not set to the "
				"size of the struct");
	if (type->name == NULL || type->name[0] == '\0')
		return dsc_fail(EINVAL, "storage type: it has no name");
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return dsc_fail_memory();
	memcpy(&made->ops, type, dsc_min_size(type->size, sizeof(made->ops)));
	made->arg = arg;
	pthread_mutex_lock(&manager->lock);
	is_refused = is_taken(manager, made);
	if (!is_refused)
		dsc_list_append(&manager->types, &made->link);
	pthread_mutex_unlock(&manager->lock);
	if (is_refused) {
		free(made);
		return dsc_fail(EEXIST, "storage type \"%.64s\": there is one "
				"of this name or mount-point prefix already",
				type->name);
	}
	return 0;
}

int discsi_storage_types(struct discsi_storage_manager *manager,
			 const char ***names, size_t *count)
{
	struct dsc_list *link;
	size_t room = 0;
	int rc;

	if (manager == NULL || names == NULL || count == NULL)
		return dsc_fail(EINVAL, "storage types: an argument is NULL");
	rc = dsc_manager_check(manager);
	if (rc < 0)
		return rc;
	*count = 0;
	pthread_mutex_lock(&manager->lock);
	for (link = manager->types.next; link != &manager->types;
	     link = link->next)
		room++;
	*names = calloc(room, sizeof(**names));
	for (link = manager->types.next;
	     *names != NULL && link != &manager->types; link = link->next)
		(*names)[(*count)++] = type_at(link)->ops.name;
	pthread_mutex_unlock(&manager->lock);
	return *names != NULL ? 0 : dsc_fail_memory();
}

void dsc_types_free(struct discsi_storage_manager *manager)
{
	struct dsc_list *link;

	while ((link = dsc_list_pop(&manager->types)) != NULL)
		free(type_at(link));
}
