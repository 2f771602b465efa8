/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage/claim.h: word of the session that a storage with device "none" has, for
 * whoever opens the LUN when this process has died: the target may still have
 * writes of that session to carry out. It is <id>.none of the registry, locked
 * while the storage is mounted, and removed when nothing is owed. Without a
 * registry, or where another storage has the LUN, there is no claim; nothing
 * fails for that.
 *
 * Any thread, one per struct. A fork has the lock, too, until it ends.
 */
#ifndef DSC_STORAGE_CLAIM_H
#define DSC_STORAGE_CLAIM_H

#include <stdbool.h>

#include <discsi/session.h>
#include "conf/conf.h"

struct dsc_claim {
	int fd;            /* -1: none */
	char *path;        /* of the file */
	char *isid;        /* of the one before, or NULL: nothing is owed */
	char *initiator;   /* its name, or NULL */
	unsigned sessions; /* 0: no login in its place ends what it has left */
	bool is_isid_ours; /* that of a debt: the claim was had since then, or
			    * there is no registry that tells others of it */
	bool is_told;      /* a claim that was owing was dropped: others may have
			    * that ISID */
};

#define DSC_CLAIM_INIT { .fd = -1 }

/*
 * Takes the claim of a LUN, if it can be had, and what another process has left:
 * one with a claim, or a bridge (<id>.owed; or <id>.json, which stays, of one that
 * was killed). Fine on a claim that is had.
 */
void dsc_claim_take(struct dsc_claim *claim, const struct discsi_conf *conf);

/*
 * The configuration of a session that goes on where the one before has left off:
 * with its ISID, and the barrier before the first I/O. copy: to be freed.
 * Errors: ENOMEM.
 */
int dsc_claim_conf(const struct dsc_claim *claim,
		   const struct discsi_conf *conf, struct discsi_conf **copy);

/* From now on it is this session that counts. */
void dsc_claim_write(struct dsc_claim *claim,
		     const struct discsi_session_info *info);

/* Lets go of it. is_owing: it stays for the next one. */
void dsc_claim_drop(struct dsc_claim *claim, bool is_owing);

#endif /* DSC_STORAGE_CLAIM_H */
