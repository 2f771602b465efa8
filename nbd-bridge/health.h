/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/health.h: how the session of a bridge is, as events tell it, kept
 * in the state file and told in the log. Loop's thread.
 */
#ifndef NBD_HEALTH_H
#define NBD_HEALTH_H

#include <discsi/context.h>
#include <discsi/session.h>

#include "disk.h"
#include "registry.h"

/* As many sessions as a configuration may ask for. */
#define NBD_SESSIONS_MAX 16

enum nbd_nexus { NBD_NEXUS_READY, NBD_NEXUS_LOST, NBD_NEXUS_FAILED };

struct nbd_health {
	struct nbd_registry *registry;
	struct discsi_session *session;   /* NULL: has not begun */
	struct nbd_disk *disk;
	void (*on_bytes)(void *arg, uint64_t bytes);  /* may be set: a new size */
	void (*on_state)(void *arg, const struct nbd_state *state);  /* likewise:
					   * how the session is */
	void (*on_round)(void *arg);      /* likewise: every few seconds */
	void *arg;
	const char *told_state;
	struct nbd_state state;           /* as it is to be in the file */
	enum nbd_nexus nexus[NBD_SESSIONS_MAX];
	bool has_lun_failed;
	bool is_looking;                  /* the LUN is asked for its size */
	bool is_look_wanted;              /* and has to be once more */
	struct discsi_lun *lun;           /* meanwhile */
	char portal[128];
	char isid[13];
	char last_error[DISCSI_ERROR_MESSAGE_MAX];
	struct discsi_session_stats written_stats;
	uint64_t written_ns;
	bool is_paused;                   /* the file is left as it is */
	bool is_dirty;                    /* the file says something else */
	bool cannot_write;                /* that has been logged */
	struct discsi_timer *timer;
};

/*
 * Writes the state file and keeps it up to date from then on; one that somebody
 * has removed is written again.
 *
 * what: of the state, what does not change: device to read_only. Its strings,
 *      and all other arguments, are borrowed until nbd_health_end(). disk: its
 *      size follows the LUN's.
 * Errors: those of nbd_registry_publish(), and ENOMEM.
 */
int nbd_health_begin(struct nbd_health *health, struct discsi_context *ctx,
		     struct discsi_session *session,
		     struct nbd_registry *registry, struct nbd_disk *disk,
		     const struct nbd_state *what);

/*
 * Asks the LUN for its size, which it may have changed without a word, and
 * writes down that it has been asked. Fine on one that has not begun.
 */
void nbd_health_look(struct nbd_health *health, struct discsi_lun *lun);

/* Another process is the one to signal from now on. */
void nbd_health_owned(struct nbd_health *health, int64_t pid);

/*
 * Leaves the file alone, because it may become another process's; and goes on
 * writing it, because it has not.
 */
void nbd_health_pause(struct nbd_health *health);
void nbd_health_resume(struct nbd_health *health);

/* Ends that. Fine on one that has not begun. Not from inside a callback. */
void nbd_health_end(struct nbd_health *health);

#endif /* NBD_HEALTH_H */
