/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage/storage.h: managers, types and storages inside: what every storage
 * has, whatever its type. The built-in type is in storage/iscsi.h, and knows
 * of this no more than a registered one.
 *
 * Any thread. Locks, in the order in which they may be taken:
 *   manager->lock   the lists of types and storages, all reference counts
 *   storage->lock   the members of a storage below it
 * Neither is held while a function of a type, a callback or anything that waits
 * is called.
 */
#ifndef DSC_STORAGE_STORAGE_H
#define DSC_STORAGE_STORAGE_H

#include <pthread.h>
#include <sys/types.h>

#include <discsi/storage.h>
#include "base/list.h"

#define DSC_STORAGE_NAME_MAX 255
#define DSC_MOUNT_TIMEOUT_MS 30000

/* A registered type. */
struct dsc_type {
	struct dsc_list link;
	struct discsi_storage_type ops;   /* complete: what was short is NULL */
	void *arg;
};

struct discsi_storage_manager {
	pid_t pid;                        /* of the process that made it */
	struct discsi_context *ctx;       /* NULL once it has ended */
	char *zone_id;                    /* or NULL */
	pthread_mutex_t lock;
	unsigned refs;                    /* the owner's, and one per storage */
	bool is_ended;
	bool is_closed;                   /* the context is about to go */
	unsigned users;                   /* who use it outside of a turn */
	int end_fd;                       /* readable once it has ended */
	pthread_cond_t unused;            /* users is 0 */
	struct dsc_list types;
	struct dsc_list storages;         /* all that live */
};

/* One operation on a storage that changes it, see turn.c. */
struct dsc_turn {
	pthread_t owner;
	uint64_t deadline_ns;             /* 0: none */
	uint64_t cancels;                 /* of the storage when it began */
	bool can_cancel;
	int cancel_fd;                    /* -1: cannot be cancelled */
	enum discsi_mount_stage stage;
	bool has_stage;                   /* one was told */
	discsi_mount_progress_cb progress;
	void *arg;
};

struct discsi_storage {
	struct discsi_storage_manager *manager;
	const struct dsc_type *type;
	void *self;                       /* the type's */
	char *path;
	struct dsc_list link;             /* in manager->storages */
	unsigned refs;
	bool is_held;                     /* the manager has one of refs */
	char *claimed_id;                 /* in a set_info; manager->lock */

	pthread_mutex_t lock;
	pthread_cond_t changed;           /* a turn has ended, or a cancel */
	char *id;                         /* NULL: no set_info yet */
	char *name;
	char *zone_id;                    /* of the configuration, or NULL */
	char *cache_id;                   /* or NULL */
	uint32_t mount_timeout_ms;
	bool is_mounted;
	bool is_closed;                   /* the manager ends: no more turns */
	uint64_t cancels;                 /* how often it was cancelled */
	struct dsc_turn *turn;            /* under way */
	uint64_t turns;                   /* its number: how many have begun */
	struct dsc_list disks;            /* struct dsc_disk_entry */
	uint64_t disk_serial;             /* of the last one made */
};

/* -------------------------------------------------------------- manager.c */

/* 0, or -ECHILD after fork(), -ECANCELED when it has ended. */
int dsc_manager_check(struct discsi_storage_manager *manager);

/* The same for a storage, and -EINVAL for NULL; what: for the sentence. */
int dsc_storage_check(struct discsi_storage *storage, const char *what);

/* True in a child of the process that made it, where nothing is touched. */
bool dsc_manager_is_forked(const struct discsi_storage_manager *manager);

/*
 * Keeps the manager's context until dsc_manager_leave(), for who uses it outside
 * of a turn. -ECANCELED when it is about to go.
 */
int dsc_manager_enter(struct discsi_storage_manager *manager);
void dsc_manager_leave(struct discsi_storage_manager *manager);

void dsc_manager_unref(struct discsi_storage_manager *manager);

/* Does it hold the storage by its id? */
bool dsc_manager_holds(struct discsi_storage *storage);

/* Puts the manager's own reference to a storage, if it has one. */
void dsc_manager_forget(struct discsi_storage *storage);

/* ----------------------------------------------------------------- type.c */

/*
 * The type of that name; if name is NULL or "", the one whose prefix
 * mount_point begins with. -EOPNOTSUPP with a sentence that lists them.
 */
int dsc_type_find(struct discsi_storage_manager *manager, const char *name,
		  const char *mount_point, const struct dsc_type **type);

void dsc_types_free(struct discsi_storage_manager *manager);

/* --------------------------------------------------------------- object.c */

/* The storage's name for a sentence: 'storage ID', cut to room. */
#define DSC_STORAGE_TEXT_MAX 300
void dsc_storage_describe(struct discsi_storage *storage, char *text,
			  size_t room);

/* Ends what the type has in this process; no turn is under way. */
void dsc_storage_leave(struct discsi_storage *storage);

/*
 * rc = call, of a function of a type, which may fail without a sentence: the last
 * error would be of before then, and is made one of this failure.
 */
#define DSC_TYPE_CALL(rc, call) do { \
	int dsc_before = dsc_type_begin(); \
	(rc) = dsc_type_end(dsc_before, call); \
} while (0)

/* Forgets the last error's errno, and returns it. */
int dsc_type_begin(void);

/* After that: success leaves the last error as it was. Returns rc. */
int dsc_type_end(int before, int rc);

/* Puts the storage's name before the last error's sentence; returns rc. */
int dsc_storage_blame(struct discsi_storage *storage, int rc);

/*
 * Copies a text that another thread may replace. *at is read under the lock;
 * NULL is "".
 */
int dsc_storage_copy_text(struct discsi_storage *storage, char *const *at,
			  char **text);

/* -EOPNOTSUPP: the type has no such function. */
int dsc_storage_cannot(struct discsi_storage *storage, const char *why);

/* True for 1 to 255 bytes of clean text. */
bool dsc_storage_is_name(const char *text);

/* ----------------------------------------------------------------- turn.c */

/*
 * Waits for its turn and begins it. options: the caller's, or NULL; with
 * can_cancel the turn has a deadline and can be cancelled.
 * Errors: EDEADLK (inside a callback), ETIMEDOUT, ECANCELED, ECHILD, EMFILE.
 */
int dsc_turn_begin(struct discsi_storage *storage, struct dsc_turn *turn,
		   const struct discsi_mount_options *options, bool can_cancel);
void dsc_turn_end(struct discsi_storage *storage);

/*
 * For a manager that ends: cancels what is under way and waits for its end.
 * Whoever waits for a turn, or asks for one later, gets ECANCELED.
 */
void dsc_turn_close(struct discsi_storage *storage);

/* 0, or -ECANCELED or -ETIMEDOUT with a sentence that names the stage. */
int dsc_turn_check(struct discsi_storage *storage);

/* The number of the turn under way; no two have the same, none has 0. */
uint64_t dsc_turn_number(struct discsi_storage *storage);

/* When the turn under way has to be over, 0: whenever. */
uint64_t dsc_turn_deadline_ns(struct discsi_storage *storage);

/* ---------------------------------------------------------------- mount.c */

/* 0, -ENOTCONN when it is not mounted, or as dsc_storage_check(). */
int dsc_storage_need_mount(struct discsi_storage *storage, const char *what);

/* ----------------------------------------------------------------- disk.c */

/* The sum of the sizes of all disks. */
int dsc_disks_used(struct discsi_storage *storage, uint64_t *bytes);

/* Forgets them all. */
void dsc_disks_forget(struct discsi_storage *storage);

/* -------------------------------------------------------------- the types */

extern const struct discsi_storage_type dsc_iscsi_type;

#endif /* DSC_STORAGE_STORAGE_H */
