/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge/users.h: who uses a bridge. Each storage that is mounted on one holds
 * flock(LOCK_SH) on <id>.users in the registry, by a descriptor of its own, so
 * that an agent that dies is no user any more. Whoever can have the lock alone
 * is the last one, and may end the bridge while that lasts.
 *
 * The file has a mark, which says that somebody who has left wanted the bridge
 * to end: then the last one ends it, whatever it came for. The file is removed
 * only by who has the lock alone. Any thread, one per struct.
 */
#ifndef DSC_BRIDGE_USERS_H
#define DSC_BRIDGE_USERS_H

#include <stdbool.h>

#include "base/registry.h"

struct dsc_users {
	int fd;      /* of the file, -1: we are no user */
	int dir_fd;  /* of the registry */
	char *id;    /* of the bridge */
};

#define DSC_USERS_INIT { .fd = -1, .dir_fd = -1 }

/*
 * Becomes a user, also of a bridge that does not run yet; 0 for one who is, and
 * anew for one whose file was removed: who comes after that has another one.
 * -EAGAIN without a last error: somebody has it alone at the moment.
 */
int dsc_users_join(struct dsc_users *users, const char *id);

/* A user, by the file that has the name now? */
bool dsc_users_is_current(const struct dsc_users *users);

/*
 * Has it alone: 0, or -EBUSY without a last error when there are others;
 * then we are no user any more, and what to do with the bridge is theirs.
 */
int dsc_users_claim(struct dsc_users *users);

/* After that: others may use it again, and we do. Waits for who came between. */
void dsc_users_share(struct dsc_users *users);

/* Sets the mark, takes it back, and asks for it. */
void dsc_users_mark(const struct dsc_users *users, bool is_set);
bool dsc_users_is_marked(const struct dsc_users *users);

/* Is no user any more. Removes the file if there is none. */
void dsc_users_leave(struct dsc_users *users);

/*
 * For who is no user: has it alone, until dsc_users_leave(). -EBUSY with a
 * sentence that names the users.
 */
int dsc_users_exclude(struct dsc_users *users, const char *id);

/* The same sentence: bridge id is used by whom. Returns -EBUSY. */
int dsc_users_fail(const char *id);

#endif /* DSC_BRIDGE_USERS_H */
