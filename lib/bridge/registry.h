/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge/registry.h: the directory in which the discsi-nbd processes leave
 * word of themselves, seen from the reader's side.
 *
 * <id>.lock is a file on which the process holds flock(LOCK_EX) all its life:
 * it is alive exactly as long as nobody else can take the lock. <id>.json says
 * what it serves. discsi-nbd writes both and removes them at its end; what a
 * dead process has left is removed here.
 *
 * No state but the open directory; any thread, one per struct.
 */
#ifndef DSC_BRIDGE_REGISTRY_H
#define DSC_BRIDGE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/bridge.h>

/* A state file larger than this is not one. */
#define DSC_REGISTRY_FILE_MAX 65536

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
 * Where the NBD socket of a bridge is put when nobody says: <id>.sock in the
 * directory, or, if a socket's address has no room for that, a short name made
 * from the id. path: receives an allocated string. Errors: ENAMETOOLONG, ENOMEM.
 */
int dsc_registry_socket_path(const struct dsc_registry *registry,
			     const char *id, char **path);

/*
 * Reads <id>.json and asks the lock whether its process is alive.
 *
 * bridge: receives what discsi_bridge_free() frees.
 * Errors: ENOENT, EPROTO (not a state file; the sentence says why), ENOMEM.
 */
int dsc_registry_load(const struct dsc_registry *registry, const char *id,
		      struct discsi_bridge **bridge);

/*
 * All entries that can be read, by id. A file that is not a state file is left
 * out: a detach by its id says what is wrong with it.
 */
int dsc_registry_load_all(const struct dsc_registry *registry,
			  struct discsi_bridge **bridges[], size_t *count);

/* True while a process holds the lock of this entry. */
bool dsc_registry_is_alive(const struct dsc_registry *registry, const char *id);

/*
 * Removes what a dead process has left: state file, lock, and the socket if
 * socket is the path of one ("" is none). Does nothing, and returns -EBUSY
 * without a last error, when a process holds the lock.
 */
int dsc_registry_clean(const struct dsc_registry *registry, const char *id,
		       const char *socket);

/*
 * Pure: reads the text of a state file. bridge: as above, alive is false.
 * Errors: EPROTO, ENOMEM.
 */
int dsc_registry_parse(const char *text, size_t length,
		       struct discsi_bridge **bridge);

#endif /* DSC_BRIDGE_REGISTRY_H */
