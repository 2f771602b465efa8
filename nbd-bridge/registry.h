/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/registry.h: this process's entry in the state registry: the lock
 * that says it lives, the file that says what it serves. lib/bridge reads them.
 * Main thread.
 */
#ifndef NBD_REGISTRY_H
#define NBD_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/registry.h"

#include "state.h"

struct nbd_registry {
	struct dsc_registry dir;  /* fd -1: not open */
	char *id;
	int lock_fd;
	int left_fd;     /* what an agent has left, locked; or -1 */
	bool is_published;
	bool is_owing;   /* the target may still carry out what was written */
	bool is_lent;    /* another process's until nbd_registry_own() */
	bool is_named;   /* udev finds a name for the device */
};

/* An entry that holds nothing. */
#define NBD_REGISTRY_INIT { .dir = { .fd = -1 }, .lock_fd = -1, .left_fd = -1 }

/*
 * Makes sure that no process serves what an id names, as far as the registry
 * knows. One that has been killed, and hangs before it is gone, serves nothing.
 *
 * Errors: EBUSY (one does; the message names it).
 */
int nbd_registry_check_left(const char *id);

/*
 * Takes the lock of a LUN's entry.
 *
 * Errors: EEXIST (a living process has it; the message names it), those of
 * dsc_registry_open() and of making a file.
 */
int nbd_registry_claim(struct nbd_registry *registry, const char *target,
		       uint64_t lun);

/*
 * Shares the entry of a living process, which has handed over its lock.
 *
 * registry: with its directory open. lock_fd: taken. Errors: ENOMEM, ESTALE
 * (not the lock of this entry).
 */
int nbd_registry_share(struct nbd_registry *registry, const char *id,
		       int lock_fd);

/* False when another process has made the entry its own. */
bool nbd_registry_is_ours(const struct nbd_registry *registry);

/* That process has let go: the entry is pid's, who removes it at the end. */
void nbd_registry_own(struct nbd_registry *registry, long pid);

/* Who looked after this process is gone: the lock names this one from now on. */
void nbd_registry_inherit(struct nbd_registry *registry);

/*
 * True when the lock file is not ours any more: somebody has removed it, and
 * perhaps another process has made one. Then no other file of the entry is ours.
 */
bool nbd_registry_is_lost(const struct nbd_registry *registry);

/*
 * Takes the lock of a new file if ours was removed, or the directory, in the name
 * of who had the old one. False when the entry is lost.
 */
bool nbd_registry_restore(struct nbd_registry *registry);

/* The last error of an entry that is lost: -ESTALE. */
int nbd_registry_fail_lost(const struct nbd_registry *registry);

/*
 * Writes the state file, as a whole or not at all, after nbd_registry_restore().
 *
 * Errors: ESTALE (the entry is lost), those of making a file.
 */
int nbd_registry_publish(struct nbd_registry *registry,
			 const struct nbd_state *state);

/* False when somebody has removed the state file. */
bool nbd_registry_has_state(const struct nbd_registry *registry);

/*
 * Tells udev's rule what the device is called in /dev/disk/by-path; NULL: it is
 * not called anything any more.
 */
int nbd_registry_name(struct nbd_registry *registry, const char *name);

/* Lets go of an entry that is another process's now: nothing is removed. */
void nbd_registry_leave(struct nbd_registry *registry);

/*
 * What the state file, left by a process before this one, says of the session
 * and the disk: allocated, or NULL.
 */
char *nbd_registry_recall(const struct nbd_registry *registry,
			  const char *member);

/*
 * Takes what an agent that had the LUN without a bridge, and has died, has left
 * there (DSC_REGISTRY_NONE). It is removed when this process serves.
 */
void nbd_registry_take_left(struct nbd_registry *registry);

/* True when more than one has left something: no login is all of theirs. */
bool nbd_registry_is_left_by_two(const struct nbd_registry *registry);

/*
 * The same where there is no such file, of one that has ended and was owing, or of
 * an agent.
 */
char *nbd_registry_recall_owed(const struct nbd_registry *registry,
			       const char *member);

/*
 * Removes what was made and lets the lock go; the state file of an entry that is
 * owing is kept (dsc_registry_owe()). Fine on an entry half made, and on one that
 * another process has now.
 */
void nbd_registry_release(struct nbd_registry *registry);

#endif /* NBD_REGISTRY_H */
