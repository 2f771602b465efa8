/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * manager.c: the list of storages, and the one context that all sessions of a
 * manager belong to. Any thread.
 *
 * A manager lives until its owner has freed it and every storage is gone; its
 * context only until the former. A child of fork() has neither the context's
 * thread nor a right to its descriptors, which it shares with the parent: there
 * nothing is touched at all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"
#include "storage/storage.h"

static struct discsi_storage *storage_at(struct dsc_list *link)
{
	return dsc_container_of(link, struct discsi_storage, link);
}

bool dsc_manager_is_forked(const struct discsi_storage_manager *manager)
{
	return manager->pid != getpid();
}

int dsc_manager_check(struct discsi_storage_manager *manager)
{
	bool is_ended;

	if (dsc_manager_is_forked(manager))
		return dsc_fail(ECHILD, "this storage manager belongs to "
				"process %ld, of which this is a fork",
				(long)manager->pid);
	pthread_mutex_lock(&manager->lock);
	is_ended = manager->is_ended;
	pthread_mutex_unlock(&manager->lock);
	return is_ended ? dsc_fail(ECANCELED, "the storage manager has ended") :
	       0;
}

int dsc_storage_check(struct discsi_storage *storage, const char *what)
{
	if (storage == NULL)
		return dsc_fail(EINVAL, "%s: the storage is NULL", what);
	return dsc_manager_check(storage->manager);
}

/* ------------------------------------------------------------------- life */

static int make_context(const struct discsi_storage_manager_options *options,
			struct discsi_context **ctx)
{
	int rc = discsi_context_new(ctx);

	if (rc < 0)
		return rc;
	if (options->log != NULL)
		discsi_context_set_log(*ctx, options->log, options->log_arg,
				       options->log_level);
	rc = discsi_context_start(*ctx);
	if (rc < 0) {
		discsi_context_destroy(*ctx);
		*ctx = NULL;
	}
	return rc;
}

static void free_manager(struct discsi_storage_manager *manager)
{
	discsi_context_destroy(manager->ctx);
	dsc_types_free(manager);
	if (manager->end_fd >= 0)
		close(manager->end_fd);
	pthread_cond_destroy(&manager->unused);
	pthread_mutex_destroy(&manager->lock);
	free(manager->zone_id);
	free(manager);
}

/* As much of the caller's options as both sides know of. */
static int read_options(const struct discsi_storage_manager_options *given,
			struct discsi_storage_manager_options *options)
{
	memset(options, 0, sizeof(*options));
	if (given == NULL)
		return 0;
	if (given->size < sizeof(given->size))
		return dsc_fail(EINVAL, "storage manager: size is not set to "
				"the size of the options");
	memcpy(options, given, given->size < sizeof(*options) ? given->size :
	       sizeof(*options));
	return 0;
}

static int make_parts(struct discsi_storage_manager *manager,
		      const struct discsi_storage_manager_options *options)
{
	if (options->zone_id != NULL) {
		manager->zone_id = strdup(options->zone_id);
		if (manager->zone_id == NULL)
			return dsc_fail_memory();
	}
	manager->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (manager->end_fd < 0)
		return dsc_fail(errno, "no eventfd can be made (%s)",
				discsi_errno_name(errno));
	return make_context(options, &manager->ctx);
}

int discsi_storage_manager_new(
	const struct discsi_storage_manager_options *options,
	struct discsi_storage_manager **manager)
{
	struct discsi_storage_manager_options known;
	struct discsi_storage_manager *made;
	int rc;

	if (manager == NULL)
		return dsc_fail(EINVAL, "storage manager: an argument is NULL");
	*manager = NULL;
	rc = read_options(options, &known);
	if (rc < 0)
		return rc;
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return dsc_fail_memory();
	made->pid = getpid();
	made->end_fd = -1;
	made->refs = 1;
	pthread_mutex_init(&made->lock, NULL);
	pthread_cond_init(&made->unused, NULL);
	dsc_list_init(&made->types);
	dsc_list_init(&made->storages);
	rc = make_parts(made, &known);
	if (rc == 0)
		rc = discsi_storage_register(made, &dsc_iscsi_type, NULL);
	if (rc < 0) {
		free_manager(made);
		return rc;
	}
	*manager = made;
	return 0;
}

int dsc_manager_enter(struct discsi_storage_manager *manager)
{
	bool is_closed;

	pthread_mutex_lock(&manager->lock);
	is_closed = manager->is_closed;
	if (!is_closed)
		manager->users++;
	pthread_mutex_unlock(&manager->lock);
	return is_closed ? dsc_fail(ECANCELED, "the storage manager has ended") :
	       0;
}

void dsc_manager_leave(struct discsi_storage_manager *manager)
{
	pthread_mutex_lock(&manager->lock);
	if (--manager->users == 0)
		pthread_cond_broadcast(&manager->unused);
	pthread_mutex_unlock(&manager->lock);
}

/* Waits for those who have entered; nobody enters any more. */
static void close_manager(struct discsi_storage_manager *manager)
{
	pthread_mutex_lock(&manager->lock);
	manager->is_closed = true;
	while (manager->users > 0)
		pthread_cond_wait(&manager->unused, &manager->lock);
	pthread_mutex_unlock(&manager->lock);
}

void dsc_manager_unref(struct discsi_storage_manager *manager)
{
	bool is_last;

	pthread_mutex_lock(&manager->lock);
	is_last = --manager->refs == 0;
	pthread_mutex_unlock(&manager->lock);
	if (is_last)
		free_manager(manager);
}

/* A reference to a storage that has not been left yet, NULL: none. */
static struct discsi_storage *
take_next(struct discsi_storage_manager *manager)
{
	struct dsc_list *link;

	pthread_mutex_lock(&manager->lock);
	link = dsc_list_pop(&manager->storages);
	if (link != NULL)
		storage_at(link)->refs++;
	pthread_mutex_unlock(&manager->lock);
	return link != NULL ? storage_at(link) : NULL;
}

/* From now on nothing new begins, and who has no turn gives up. */
static void begin_end(struct discsi_storage_manager *manager)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&manager->lock);
	manager->is_ended = true;
	pthread_mutex_unlock(&manager->lock);
	while (write(manager->end_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void discsi_storage_manager_free(struct discsi_storage_manager *manager)
{
	struct discsi_storage *storage;

	if (manager == NULL || dsc_manager_is_forked(manager))
		return;
	if (dsc_loop_is_in_turn(&manager->ctx->loop)) {
		(void)dsc_fail(EDEADLK, "a storage manager cannot be freed "
			       "from inside a callback of it");
		return;
	}
	begin_end(manager);
	while ((storage = take_next(manager)) != NULL) {
		dsc_turn_close(storage);
		dsc_storage_leave(storage);
		dsc_manager_forget(storage);
		discsi_storage_put(storage);
	}
	close_manager(manager);
	discsi_context_destroy(manager->ctx);
	manager->ctx = NULL;
	dsc_manager_unref(manager);
}

bool dsc_manager_holds(struct discsi_storage *storage)
{
	bool is_held;

	pthread_mutex_lock(&storage->manager->lock);
	is_held = storage->is_held;
	pthread_mutex_unlock(&storage->manager->lock);
	return is_held;
}

void dsc_manager_forget(struct discsi_storage *storage)
{
	struct discsi_storage_manager *manager = storage->manager;
	bool was_held;

	pthread_mutex_lock(&manager->lock);
	was_held = storage->is_held;
	storage->is_held = false;
	pthread_mutex_unlock(&manager->lock);
	if (was_held)
		discsi_storage_put(storage);
}

/* ------------------------------------------------------------------- find */

/* The id of a storage that is held does not change but by set_info, which has
 * the manager's lock for it. */
int discsi_storage_find(struct discsi_storage_manager *manager, const char *id,
			struct discsi_storage **storage)
{
	struct dsc_list *link;
	int rc;

	if (manager == NULL || id == NULL || storage == NULL)
		return dsc_fail(EINVAL, "storage: an argument is NULL");
	*storage = NULL;
	rc = dsc_manager_check(manager);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&manager->lock);
	for (link = manager->storages.next;
	     link != &manager->storages && *storage == NULL;
	     link = link->next) {
		struct discsi_storage *s = storage_at(link);

		if (!s->is_held || strcmp(s->id, id) != 0)
			continue;
		s->refs++;
		*storage = s;
	}
	pthread_mutex_unlock(&manager->lock);
	return *storage != NULL ? 0 :
	       dsc_fail(ENOENT, "there is no storage \"%.255s\"", id);
}

static int compare_ids(const void *a, const void *b)
{
	struct discsi_storage *const *left = a;
	struct discsi_storage *const *right = b;

	return strcmp((*left)->id, (*right)->id);
}

/* With the manager's lock: references to all that are held. */
static size_t collect(struct discsi_storage_manager *manager,
		      struct discsi_storage **storages)
{
	struct dsc_list *link;
	size_t count = 0;

	for (link = manager->storages.next; link != &manager->storages;
	     link = link->next) {
		if (!storage_at(link)->is_held)
			continue;
		storage_at(link)->refs++;
		storages[count++] = storage_at(link);
	}
	return count;
}

static size_t count_all(struct discsi_storage_manager *manager)
{
	struct dsc_list *link;
	size_t count = 0;

	for (link = manager->storages.next; link != &manager->storages;
	     link = link->next)
		count++;
	return count;
}

int discsi_storage_list(struct discsi_storage_manager *manager,
			struct discsi_storage ***storages, size_t *count)
{
	int rc;

	if (manager == NULL || storages == NULL || count == NULL)
		return dsc_fail(EINVAL, "list of storages: an argument is "
				"NULL");
	rc = dsc_manager_check(manager);
	if (rc < 0)
		return rc;
	*count = 0;
	pthread_mutex_lock(&manager->lock);
	*storages = calloc(count_all(manager) + 1, sizeof(**storages));
	if (*storages != NULL) {
		*count = collect(manager, *storages);
		qsort(*storages, *count, sizeof(**storages), compare_ids);
	}
	pthread_mutex_unlock(&manager->lock);
	return *storages != NULL ? 0 : dsc_fail_memory();
}

void discsi_storage_list_free(struct discsi_storage **storages, size_t count)
{
	size_t i;

	if (storages == NULL)
		return;
	for (i = 0; i < count; i++)
		discsi_storage_put(storages[i]);
	free(storages);
}
