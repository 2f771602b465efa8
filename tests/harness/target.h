/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/target.h: real iSCSI targets for tests: tgtd and istgt, each as an
 * instance of its own on free loopback ports, with its own control socket,
 * configuration and backing files below the program's temporary directory.
 * They die with the test program. Functions that return int return 0, or -1
 * after they have printed what went wrong as diagnostic lines. Test's
 * thread.
 */
#ifndef DSC_HARNESS_TARGET_H
#define DSC_HARNESS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- tgtd ---- */

struct dsc_tgtd;

enum {
	DSC_LUN_READ_ONLY = 1 << 0,
	DSC_LUN_THIN = 1 << 1,      /* UNMAP punches holes in the file */
};

/* Are the programs there? A suite that needs them skips when not. */
bool dsc_tgtd_is_installed(void);

/* Starts tgtd on 127.0.0.1 and, where there is IPv6, on [::1]. */
int dsc_tgtd_start(struct dsc_tgtd **tgtd);

/* kill -9. What it served stays in the backing files. */
void dsc_tgtd_kill(struct dsc_tgtd *tgtd);

/* Starts one that was killed again on the same port; it has no targets yet. */
int dsc_tgtd_restart(struct dsc_tgtd *tgtd);

/* Ends it; NULL is fine. Backing files go with the program's directory. */
void dsc_tgtd_stop(struct dsc_tgtd *tgtd);

/* "127.0.0.1:PORT" and "[::1]:PORT"; the latter is NULL without IPv6. */
const char *dsc_tgtd_portal(const struct dsc_tgtd *tgtd);
const char *dsc_tgtd_portal6(const struct dsc_tgtd *tgtd);
uint16_t dsc_tgtd_port(const struct dsc_tgtd *tgtd);

/* For SIGSTOP and SIGCONT. */
pid_t dsc_tgtd_pid(const struct dsc_tgtd *tgtd);

/* What tgtd has printed, to be freed. */
char *dsc_tgtd_log(const struct dsc_tgtd *tgtd);

/* One more portal, on a free port of the address ("127.0.0.1", "[::1]"). */
int dsc_tgtd_add_portal(struct dsc_tgtd *tgtd, const char *address,
			char *portal, size_t size);

/* A target, open to all initiators. tid counts from 1. */
int dsc_tgtd_add_target(struct dsc_tgtd *tgtd, int tid, const char *iqn);
int dsc_tgtd_remove_target(struct dsc_tgtd *tgtd, int tid);

/*
 * A logical unit over a sparse file. lun counts from 1 (0 is tgtd's
 * controller). flags: DSC_LUN_*. An existing file of the right size is used as
 * it is: so a LUN can be filled before it is added, at dsc_tgtd_lun_path().
 */
int dsc_tgtd_add_lun(struct dsc_tgtd *tgtd, int tid, int lun, uint64_t bytes,
		     unsigned block_size, unsigned flags);
int dsc_tgtd_remove_lun(struct dsc_tgtd *tgtd, int tid, int lun);

/* The backing file; to be freed. */
char *dsc_tgtd_lun_path(const struct dsc_tgtd *tgtd, int tid, int lun);

/* tgtadm's --params of a logical unit: "scsi_sn=abc,vendor_id=ACME". */
int dsc_tgtd_set_lun_params(struct dsc_tgtd *tgtd, int tid, int lun,
			    const char *params);

/* A parameter of the target: "HeaderDigest" "CRC32C", "nop_interval" "1". */
int dsc_tgtd_set_param(struct dsc_tgtd *tgtd, int tid, const char *name,
		       const char *value);

/*
 * CHAP: user and secret are the initiator's, mutual_user and mutual_secret the
 * target's own (NULL: one way). A user has one secret per tgtd. tid 0 is
 * discovery.
 */
int dsc_tgtd_set_chap(struct dsc_tgtd *tgtd, int tid, const char *user,
		      const char *secret, const char *mutual_user,
		      const char *mutual_secret);

/* tgtadm with these arguments (ended by NULL) after "-C N --lld iscsi". */
int dsc_tgtd_admin(struct dsc_tgtd *tgtd, const char *const args[]);

/* What "tgtadm --op show" prints of a target, to be freed; NULL on failure. */
char *dsc_tgtd_show(struct dsc_tgtd *tgtd);

/* ---- istgt ---- */

struct dsc_istgt;

struct dsc_istgt_options {
	const char *iqn;
	uint64_t lun_bytes[8];      /* LUN 0, 1, … until a 0; multiples of 1 MiB */
	unsigned block_size;        /* 0: 512 */
	const char *user;           /* NULL: no CHAP */
	const char *secret;
	const char *mutual_user;    /* NULL: one way */
	const char *mutual_secret;
	const char *digest;         /* "Auto" (NULL), "None", "Header", "Data" … */
	bool has_discovery_chap;    /* discovery wants the same CHAP */
	const char *global;         /* more lines for [Global], may be NULL */
	const char *more_addresses[4]; /* more portals, each on a free port */
	const char *more_iqns[4];   /* more targets, with one LUN of 1 MiB each */
};

bool dsc_istgt_is_installed(void);
int dsc_istgt_start(const struct dsc_istgt_options *options,
		    struct dsc_istgt **istgt);
/* kill -9, and a new one with the same configuration and files. */
void dsc_istgt_kill(struct dsc_istgt *istgt);
int dsc_istgt_restart(struct dsc_istgt *istgt);
void dsc_istgt_stop(struct dsc_istgt *istgt);
const char *dsc_istgt_portal(const struct dsc_istgt *istgt);

/* The portal of more_addresses[n]; NULL if there is none. */
const char *dsc_istgt_more_portal(const struct dsc_istgt *istgt, unsigned n);

pid_t dsc_istgt_pid(const struct dsc_istgt *istgt);
char *dsc_istgt_log(const struct dsc_istgt *istgt);

/* The backing file; to be freed. */
char *dsc_istgt_lun_path(const struct dsc_istgt *istgt, int lun);

#endif /* DSC_HARNESS_TARGET_H */
