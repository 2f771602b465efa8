/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/bridge.h: a LUN as a local disk, served by a discsi-nbd process.
 *
 * Each attached LUN has a process of its own, so that an agent that crashes or
 * is upgraded takes no disk away. The processes are found again through the
 * state registry, one JSON file each in DISCSI_RUN_DIR (the environment
 * variable), else /run/discsi for root, else $XDG_RUNTIME_DIR/discsi, else
 * /tmp/discsi-<uid>. The directory must belong to the user or to root, and
 * nobody else may write to it.
 *
 * Threads: any; these calls wait, they do not need a context. Not from inside
 * a callback of a context whose LUNs matter.
 */
#ifndef DISCSI_BRIDGE_H
#define DISCSI_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/conf.h>
#include <discsi/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One attached LUN. The struct owns what it points to; strings are "" where
 * not applicable. The members behind pid are as the process last wrote them
 * down, which it does when they change, at most twice a second, and every 5 s
 * for statistics; times are seconds since 1970. A process of an older version
 * does not tell them: they are "", 0 and NULL.
 */
struct discsi_bridge {
	size_t size;       /* sizeof(struct discsi_bridge) of the library */
	char *id;          /* name in the registry, made from target and LUN */
	char *device;      /* "/dev/nbd0" or "" */
	char *socket;      /* path of the NBD socket, "address:port" where it
			    * listens over TCP, or "" */
	char *target;      /* iSCSI name */
	char *portal;      /* "address:port" in use */
	uint64_t lun;
	uint64_t bytes;
	bool read_only;
	bool alive;        /* its process runs */
	int64_t pid;
	char *state;       /* "ready": I/O flows, "recovering": I/O waits for the
			    * session to come back, "failed": given up, all I/O
			    * fails until it is detached and attached again,
			    * "unknown": see discsi_bridge_list() */
	int64_t since;     /* when that began */
	int64_t started;   /* when it was attached */
	int64_t updated;   /* when this was written down */
	unsigned sessions;        /* I_T nexuses, and how many of them work */
	unsigned sessions_ready;
	char *last_error;  /* why a session was lost or failed last; "": never */
	int64_t last_error_time;
	struct discsi_session_stats *stats;  /* since it was attached */
	char *designator;  /* who the disk is; see discsi/lun.h */
	char *serial;
	unsigned block_size;
	bool thin;
	int64_t worker;    /* the process that does the I/O; pid or its child */
	uint64_t looks;    /* how often it has asked the LUN for its size; it
			    * does so on SIGUSR1 to worker, unless this is 0 */
	unsigned connections;  /* sockets of the device; 0: there is none */
	char *link;        /* the device in /dev/disk/by-path, which says where
			    * the disk is, or "" */
	char *last_event;  /* what has happened last to its session, as
			    * discsi_event_name() has it */
	int64_t last_event_time;
	char *vendor;      /* what the disk says of itself, or "" */
	char *product;
	char *revision;
};

/*
 * Starts a bridge for the LUN that conf names and waits until it is ready.
 *
 * how: "auto" (the kernel device where the kernel has nbd and lets us have it,
 *      else a socket),
 *      "nbd" (the kernel device, any free one), "/dev/nbdN", "socket" (an NBD
 *      socket in the registry's directory), or "/path" (an NBD socket there,
 *      which is not in /dev, but may be in /dev/shm). NULL is "auto".
 * bridge: receives a description that the caller frees with
 *      discsi_bridge_free().
 * Errors: those of discsi_session_open() and discsi_lun_open(); EEXIST when
 * this LUN is attached already; EOPNOTSUPP for a kernel device on a kernel
 * without nbd; EPERM, EBUSY (the device is taken), ENOENT when the discsi-nbd
 * program is not found (it is looked for in DISCSI_NBD, then where it was
 * installed, then in PATH).
 */
int discsi_bridge_attach(const struct discsi_conf *conf, const char *how,
			 struct discsi_bridge **bridge);

/* What may be asked for besides; all zero but for the size is nothing. */
struct discsi_attach_options {
	size_t size;           /* set by the caller to sizeof(this struct) */
	unsigned connections;  /* sockets of a kernel device, 1 to 16; 0: one.
				* An NBD socket has as many as its clients
				* make: with "socket" or a path more than one
				* is EINVAL, and "auto" may come to that */
};

/*
 * The same with options; NULL is none. Errors besides: EINVAL (options).
 */
int discsi_bridge_attach_with(const struct discsi_conf *conf, const char *how,
			      const struct discsi_attach_options *options,
			      struct discsi_bridge **bridge);

/*
 * Ends a bridge: its process flushes, disconnects, logs out and removes what
 * it made; waits for that, 30 s at most.
 *
 * which: id, the path of its device or socket (also by symbolic links, and from
 *      the current directory if there is a '/'), "address:port", or the number
 *      of its process.
 * flags: 0, or DISCSI_DETACH_FORCE to go on although the device is in use, or a
 *      storage is mounted on it.
 * What a process that is gone has left is cleared in the same way.
 * Errors: ENOENT (no such bridge), EBUSY (mounted, swap or held; the message
 * says where; or an agent has it as a storage (discsi/storage.h); the message
 * names the process), EPERM, ETIMEDOUT, EINVAL, EPROTO (its state file is
 * broken, and its process runs).
 */
#define DISCSI_DETACH_FORCE 0x1u
int discsi_bridge_detach(const char *which, unsigned flags);

/*
 * The bridges of the registry, by id. Entries of processes that are gone are
 * listed with alive == false; a detach clears them. A file that is not a state
 * file is left out, unless a process has its lock: then there is a bridge, of
 * which id, pid (0 where that is not told, either) and alive are known, with
 * state "unknown" and last_error saying why. Errors: EPERM (the directory is not
 * ours), EMFILE, ENFILE and the like (an entry cannot be read), ENOMEM.
 *
 * bridges: receives an array that the caller frees with
 *      discsi_bridge_list_free(). count: its length.
 */
int discsi_bridge_list(struct discsi_bridge **bridges[], size_t *count);

/* bridge: taken, NULL is fine. */
void discsi_bridge_free(struct discsi_bridge *bridge);

/* bridges: taken, NULL is fine. */
void discsi_bridge_list_free(struct discsi_bridge *bridges[], size_t count);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_BRIDGE_H */
