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
#include <sys/types.h>

#include <discsi/bridge.h>
#include "base/registry.h"

/* A state file larger than this is not one. */
#define DSC_REGISTRY_FILE_MAX 65536

/*
 * Reads <id>.json and asks the lock whether its process is alive.
 *
 * bridge: receives what discsi_bridge_free() frees.
 * Errors: ENOENT, EPROTO (not a state file; the sentence says why), ENOMEM.
 */
int dsc_registry_load(const struct dsc_registry *registry, const char *id,
		      struct discsi_bridge **bridge);

/*
 * All entries, by id. A file that is not a state file is left out, unless a
 * process has its lock: that is listed, with what dsc_registry_unknown() makes of
 * it. Errors: those of opening and reading, but for ENOENT and EPERM; ENOMEM.
 */
int dsc_registry_load_all(const struct dsc_registry *registry,
			  struct discsi_bridge **bridges[], size_t *count);

/* True while a process holds the lock of this entry, and where there is no
 * descriptor to ask with. */
bool dsc_registry_is_alive(const struct dsc_registry *registry, const char *id);

/* The process that has the lock, as its file says; 0 when it does not. */
int64_t dsc_registry_owner(const struct dsc_registry *registry, const char *id);

/*
 * The lock file of an entry, to tell its processes from those of the next one:
 * who takes a bridge over gets the file with its lock, who attaches the LUN
 * after the end of that makes another one. Returns a descriptor, or -1 when
 * there is none.
 */
int dsc_registry_open_lock(const struct dsc_registry *registry, const char *id);

/* True while a process holds the lock of this file, which is the entry's. */
bool dsc_registry_is_held(const struct dsc_registry *registry, const char *id,
			  int fd);

/* Reads a file from where it is: how long it is, at most room, or an errno. */
ssize_t dsc_registry_read(int fd, char *text, size_t room);

/*
 * Takes the lock of one of an entry's files, which is made if it is not there. A
 * descriptor, -EBUSY (somebody has it), -EAGAIN (it was another file's just now),
 * or another errno; without a last error.
 */
int dsc_registry_try_hold(const struct dsc_registry *registry, const char *id,
			  const char *suffix);

/*
 * Takes the lock of an entry as a process does that is to serve it, which waits
 * for the end of that. The same errors, but for -EAGAIN.
 */
int dsc_registry_hold(const struct dsc_registry *registry, const char *id);
void dsc_registry_let_go(const struct dsc_registry *registry, const char *id,
			 int fd);

/*
 * Removes what a dead process has left: state file (kept by another name, see
 * DSC_REGISTRY_OWED), lock, control socket, and the NBD socket if socket is the
 * path of one ("" is none). The lock is held meanwhile: who wants to serve the LUN
 * waits for the end of it. Does nothing, and returns -EBUSY, or why there is no
 * lock to be had, without a last error, when a process holds the lock.
 */
int dsc_registry_clean(const struct dsc_registry *registry, const char *id,
		       const char *socket);

/*
 * Pure: reads the text of a state file. bridge: as above, alive is false.
 * Errors: EPROTO, ENOMEM.
 */
int dsc_registry_parse(const char *text, size_t length,
		       struct discsi_bridge **bridge);

/*
 * Pure: a bridge that lives, of which no more is known than this. why: becomes
 * its last error. Errors: ENOMEM.
 */
#define DSC_REGISTRY_UNKNOWN "unknown"
int dsc_registry_unknown(const char *id, int64_t pid, const char *why,
			 struct discsi_bridge **bridge);

#endif /* DSC_BRIDGE_REGISTRY_H */
