/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry.h: where the discsi-nbd processes leave word of themselves, and how
 * it is named. What a process writes there (discsi-nbd) and what others read
 * (lib/bridge) meet here and nowhere else:
 *
 *   <id>.lock  flock(LOCK_EX) is held on it as long as the process lives
 *   <id>.json  what it serves, from when it is ready until it ends
 *   <id>.owed  the same of one that has ended and left writes without an answer,
 *              until the next one has that session's ISID (barrier.c)
 *   <id>.none  the session of an agent that has the LUN without a bridge: flock()
 *              is held on it as long as that lives (lib/storage/claim.h)
 *   <id>.sock  its NBD socket, when nobody has asked for another place
 *   <id>.users flock(LOCK_SH) is held on it by each storage that uses it, which
 *              discsi-nbd knows nothing of (lib/bridge/users.h)
 *   <id>.ctl   where the process that is to replace it asks for that
 *   <id>.udev  the name of its kernel device, for udev's rule
 *
 * Any thread, one per struct.
 */
#ifndef DSC_BASE_REGISTRY_H
#define DSC_BASE_REGISTRY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define DSC_REGISTRY_LOCK ".lock"
#define DSC_REGISTRY_STATE ".json"
#define DSC_REGISTRY_OWED ".owed"
#define DSC_REGISTRY_NONE ".none"
#define DSC_REGISTRY_SOCKET ".sock"
#define DSC_REGISTRY_USERS ".users"
#define DSC_REGISTRY_CONTROL ".ctl"
#define DSC_REGISTRY_UDEV ".udev"

/* What discsi-nbd --json --progress prints once the target has let it in. */
#define DSC_REGISTRY_LOGGED_IN "{\"event\": \"logged in\"}\n"

/* The version of the state file's form. */
#define DSC_REGISTRY_VERSION 1

struct dsc_registry {
	int fd;      /* of the directory */
	char *path;
};

/*
 * The name of the directory: DISCSI_RUN_DIR, else /run/discsi for root, else
 * $XDG_RUNTIME_DIR/discsi, else /tmp/discsi-<uid>. Allocated; NULL without
 * memory.
 */
char *dsc_registry_path(void);

/*
 * Opens the directory. One that another user owns, or that others can write
 * to, is refused with EPERM: a signal is sent on what its files say.
 *
 * is_made: true makes a directory (0700) that is not there. Otherwise that is
 * -ENOENT, which is no failure of its own: the last error is not set.
 */
int dsc_registry_open(struct dsc_registry *registry, bool is_made);
void dsc_registry_close(struct dsc_registry *registry);

/*
 * The name of a bridge: the iSCSI name, characters outside [A-Za-z0-9.:_-]
 * replaced by '_', and "-lun-N". Allocated; NULL without memory.
 */
char *dsc_registry_id(const char *target, uint64_t lun);

/* True for a name that dsc_registry_id() could have made. */
bool dsc_registry_is_id(const char *id);

/*
 * The name of an entry's file. Not allocated: whether a process lives is told,
 * and what it leaves is removed, without memory, too. "", which no file has, when
 * it would be too long.
 */
struct dsc_registry_name {
	char text[NAME_MAX + 1];
};

struct dsc_registry_name dsc_registry_name(const char *id, const char *suffix);

/* True when an entry has this file. */
bool dsc_registry_has(const struct dsc_registry *registry, const char *id,
		      const char *suffix);

/* Removes one of an entry's files, if it is there. */
void dsc_registry_remove(const struct dsc_registry *registry, const char *id,
			 const char *suffix);

/*
 * What it served is kept, as <id>.owed: who has ended may have left writes to the
 * target. Who serves the disk next sees to them.
 */
void dsc_registry_owe(const struct dsc_registry *registry, const char *id);

/*
 * True when a name in the directory dir_fd is that of the open file fd: who has
 * locked a file may have locked one that was removed, or replaced, meanwhile.
 */
bool dsc_registry_leads_to(int dir_fd, const char *name, int fd);

/*
 * Where the NBD socket of a bridge is put when nobody says: <id>.sock in the
 * directory, or, if a socket's address has no room for that, a short name made
 * from the id. path: receives an allocated string. Errors: ENAMETOOLONG,
 * ENOMEM.
 */
int dsc_registry_socket_path(const struct dsc_registry *registry,
			     const char *id, char **path);

/* The same for its control socket. */
int dsc_registry_control_path(const struct dsc_registry *registry,
			      const char *id, char **path);

#endif /* DSC_BASE_REGISTRY_H */
