/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage/iscsi.h: an iSCSI storage inside: its configuration, and when it is
 * mounted either a session and a LUN in this process (device "none") or the id
 * of the bridge that serves it.
 *
 * Any thread. lock guards all members but the first two; it is the last one
 * taken, and nothing that waits is called under it. conf and settings change
 * only within a turn, so that an operation of a turn may read them without it.
 */
#ifndef DSC_STORAGE_ISCSI_H
#define DSC_STORAGE_ISCSI_H

#include <pthread.h>

#include <discsi/bridge.h>
#include <discsi/discovery.h>
#include <discsi/storage.h>
#include "base/context.h"
#include "bridge/attach.h"
#include "bridge/users.h"
#include "conf/conf.h"
#include "storage/claim.h"
#include "storage/settings.h"
#include "storage/who.h"

struct dsc_iscsi {
	struct discsi_storage *storage;
	struct discsi_context *ctx;
	pthread_mutex_t lock;
	struct discsi_conf *conf;         /* NULL: not configured */
	struct dsc_settings settings;
	struct discsi_session *session;   /* device "none" */
	struct discsi_lun *lun;
	struct dsc_claim claim;           /* of both; within a turn */
	bool is_lent;                     /* somebody has borrowed the LUN */
	bool is_lost;                     /* mounted, but what was mounted has
					   * gone, and is not made anew yet */
	struct discsi_lun_info *info;     /* of the last mount, or NULL */
	char *bridge_id;                  /* any other device */
	struct dsc_users users;           /* of it; within a turn */
	uint64_t adopted_in;              /* number of the turn that found it,
					   * 0: started by us */
	char *device;                     /* "/dev/nbdN", or NULL */
	char *socket;                     /* its path, or NULL */
	uint32_t block_size;              /* 0: not known */
	struct dsc_who found;             /* by the mount under way; in a turn */
	struct dsc_who mounted;           /* by the first mount after an
					   * unmount; within a turn */
	bool has_mounted;
	bool has_answered;                /* the portal, when it was asked last */
};

/* How long an operation may take, and what ends it before. */
struct dsc_limits {
	uint64_t deadline_ns;   /* 0: none */
	int cancel_fd;          /* readable: give up; -1: none */
};

/* ----------------------------------------------------------- iscsi-call.c */

/*
 * Each waits for what it begins on the context, within the limits: when they
 * are over it is ended at once, and -ETIMEDOUT or -ECANCELED comes back with
 * nothing left. The other errors are those of the public functions.
 */
int dsc_call_discover(struct discsi_context *ctx,
		      const struct discsi_conf *conf,
		      const struct dsc_limits *limits,
		      struct discsi_discovery **result);
int dsc_call_open_session(struct discsi_context *ctx,
			  const struct discsi_conf *conf,
			  const struct dsc_limits *limits,
			  struct discsi_session **session);
/* When the limits are over the session is ended, too: *session is NULL then. */
int dsc_call_open_lun(struct discsi_session **session, uint64_t lun_id,
		      const struct dsc_limits *limits,
		      struct discsi_lun **lun);

/* Logs a session out, within the limits: then it is ended without. */
void dsc_call_close_session(struct discsi_session *session,
			    const struct dsc_limits *limits);

/* Ends a session that may not answer, at once and without a logout. */
void dsc_call_abandon(struct discsi_session *session);

/*
 * One request on a LUN that other threads may close: it is submitted under the
 * lock, and waited for without. A request that is over its limits goes on by
 * itself, its buffer is a copy then.
 */
enum dsc_call_kind { DSC_CALL_READ, DSC_CALL_WRITE, DSC_CALL_FLUSH,
		     DSC_CALL_REFRESH, DSC_CALL_STATUS };
struct dsc_call_io {
	enum dsc_call_kind kind;
	void *data;
	size_t length;
	uint64_t offset;
	unsigned flags;
	struct discsi_extent *extents;  /* DSC_CALL_STATUS */
	size_t count;
};
int dsc_call_lun(struct dsc_iscsi *iscsi, struct dsc_call_io *io,
		 const struct dsc_limits *limits);

/* 0, or -ECANCELED, -ETIMEDOUT without a last error, when limits are over. */
int dsc_limits_check(const struct dsc_limits *limits);
/* The same, and a moment's pause if they are not: of what nothing tells. */
int dsc_limits_pause(const struct dsc_limits *limits);

/* For poll(): -1 without a deadline. */
int dsc_limits_left_ms(const struct dsc_limits *limits);

/* ---------------------------------------------------------- iscsi-mount.c */

int dsc_iscsi_mount(void *self);
int dsc_iscsi_unmount(void *self, unsigned flags);
void dsc_iscsi_leave(void *self);
/* Mounted, but what was mounted has gone or given up? */
bool dsc_iscsi_is_gone(void *self);
/* Is what this turn has mounted unmounted, within the limits that it has? */
bool dsc_iscsi_undoes(const struct dsc_iscsi *iscsi);
/* 0 unless another disk is mounted, or was: ESTALE. Within a turn. */
int dsc_iscsi_check_who(const struct dsc_iscsi *iscsi,
			const struct dsc_who *who);
/* ENOTCONN and why; with the lock. */
int dsc_iscsi_fail_unmounted(const struct dsc_iscsi *iscsi);

/* --------------------------------------------------------- iscsi-bridge.c */

/*
 * Finds the bridge that serves the LUN, and becomes a user of it: 0, or -ENOENT
 * without a last error. On errors dsc_iscsi_undo_bridge() is called for.
 */
int dsc_iscsi_adopt(struct dsc_iscsi *iscsi, const struct dsc_limits *limits);
/*
 * Starts one, or adopts the one that was faster, and waits for its device.
 * begun: the program, already on its way (bridge/attach.h), or NULL.
 */
int dsc_iscsi_attach(struct dsc_iscsi *iscsi, struct dsc_bridge_begun *begun,
		     const struct dsc_limits *limits);
/*
 * No user any more, after a failure: the bridge is as if we had not come. What
 * was mounted before, and has gone, is still to be unmounted.
 */
void dsc_iscsi_undo_bridge(struct dsc_iscsi *iscsi);
/* Ends it, if nobody else uses it; -EBUSY: it is as it was. */
int dsc_iscsi_detach(struct dsc_iscsi *iscsi, unsigned flags);
/* The bridge goes on without us. */
void dsc_iscsi_forget_bridge(struct dsc_iscsi *iscsi);
/*
 * Does the bridge that is mounted not run any more, has it given up, is it
 * another one, elsewhere or of another disk, or was the file removed by which we
 * are a user of it? Takes over how large the disk is, as the bridge has told.
 */
bool dsc_iscsi_is_bridge_gone(struct dsc_iscsi *iscsi);
/* What the registry says of it; to be freed. Errors: ENOTCONN. */
int dsc_iscsi_load(struct dsc_iscsi *iscsi, struct discsi_bridge **bridge);

/* ------------------------------------------------------------ iscsi-use.c */

bool dsc_iscsi_is_none(struct dsc_iscsi *iscsi);
bool dsc_iscsi_is_connected(void *self);
int dsc_iscsi_device_path(void *self, char **path);
int dsc_iscsi_look(void *self);
int dsc_iscsi_measure(void *self, struct discsi_storage_stat *stat);
int dsc_iscsi_known_bytes(void *self, uint64_t *bytes);
int dsc_iscsi_describe(void *self, char **json);
int dsc_iscsi_probe_disk(void *self, const char *disk_id);
int dsc_iscsi_disk_size(void *self, const char *disk_id, uint64_t *bytes);
int dsc_iscsi_resize_disk(void *self, const char *disk_id, uint64_t bytes,
			  uint64_t *now);
int dsc_iscsi_format_disk(void *self, const char *disk_id,
			  struct discsi_disk_format *format);

/* Reads through the device, whichever it is, within the limits. */
int dsc_iscsi_read_device(struct dsc_iscsi *iscsi, void *buf, size_t length,
			  uint64_t offset, const struct dsc_limits *limits);

#endif /* DSC_STORAGE_ISCSI_H */
