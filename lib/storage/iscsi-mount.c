/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iscsi-mount.c: mounting a LUN, step by step, and unmounting it. Within a
 * turn. A step that fails has undone itself; what was before it is undone here.
 *
 * The portal is asked from this process before a bridge is given its
 * configuration; that the LUN is there is found by the bridge, whose login is the
 * only one. But before a disk that was mounted is mounted anew, this process looks
 * whether it is the same, and ends that session first: some targets let an
 * initiator in once.
 *
 * What has gone, or has given up, is made anew by the next mount, of the same
 * disk: who it is the first mount has found (who.c), and an unmount forgets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <discsi/discovery.h>
#include "base/clock.h"
#include "base/error.h"
#include "lun/lun.h"
#include "storage/iscsi.h"
#include "storage/storage.h"

/* Of an unmount: it takes 60 s at most. */
#define FLUSH_TIMEOUT_MS 20000
#define LOGOUT_TIMEOUT_MS 10000
#define NAMES_MAX 300   /* of a sentence that lists targets */

static struct dsc_limits limits_of(const struct dsc_iscsi *iscsi)
{
	return (struct dsc_limits){
		.deadline_ns = dsc_turn_deadline_ns(iscsi->storage),
		.cancel_fd = discsi_storage_cancel_fd(iscsi->storage),
	};
}

bool dsc_iscsi_undoes(const struct dsc_iscsi *iscsi)
{
	return discsi_storage_cancel_fd(iscsi->storage) >= 0;
}

/* The sentence of a step that was cut short names the stage. */
static int explain(const struct dsc_iscsi *iscsi, int rc)
{
	int over;

	if (rc != -ECANCELED && rc != -ETIMEDOUT)
		return rc;
	over = dsc_turn_check(iscsi->storage);
	return over < 0 ? over : rc;
}

/* -------------------------------------------------------------- discovery */

static bool is_offered(const struct discsi_discovery *found, const char *iqn)
{
	size_t i;

	for (i = 0; i < found->ntargets; i++) {
		if (strcasecmp(found->targets[i].target, iqn) == 0)
			return true;
	}
	return false;
}

static int fail_not_offered(const struct discsi_discovery *found,
			    const char *iqn)
{
	char names[NAMES_MAX] = "";
	size_t used = 0;
	size_t i;
	int n;

	if (found->ntargets == 0)
		return dsc_fail(ENOENT, "the portal does not offer %s: it "
				"offers no target at all", iqn);
	for (i = 0; i < found->ntargets; i++) {
		n = snprintf(names + used, sizeof(names) - used, "%s%s",
			     i > 0 ? ", " : "", found->targets[i].target);
		if (n < 0 || (size_t)n >= sizeof(names) - used)
			break;
		used += (size_t)n;
	}
	names[used] = '\0';
	if (i < found->ntargets)
		return dsc_fail(ENOENT, "the portal does not offer %s: it "
				"offers %s and %zu more", iqn, names,
				found->ntargets - i);
	return dsc_fail(ENOENT, "the portal does not offer %s: it offers %s",
			iqn, names);
}

static int discover(struct dsc_iscsi *iscsi, const struct dsc_limits *limits)
{
	struct discsi_discovery *found;
	int rc;

	discsi_storage_tell_stage(iscsi->storage, DISCSI_MOUNT_DISCOVERING);
	rc = dsc_call_discover(iscsi->ctx, iscsi->conf, limits, &found);
	if (rc < 0)
		return rc;
	if (!is_offered(found, iscsi->conf->iqn))
		rc = fail_not_offered(found, iscsi->conf->iqn);
	discsi_discovery_free(found);
	return rc;
}

/* ------------------------------------------------------------- same disk? */

int dsc_iscsi_check_who(const struct dsc_iscsi *iscsi,
			const struct dsc_who *who)
{
	return iscsi->has_mounted ? dsc_who_check(&iscsi->mounted, who) : 0;
}

/* It is the one for all mounts until the unmount. */
static void keep_who(struct dsc_iscsi *iscsi)
{
	if (!iscsi->has_mounted)
		iscsi->mounted = iscsi->found;
	iscsi->has_mounted = true;
}

/* ------------------------------------------------------------ session, LUN */

/* Keeps what the LUN says of itself, if it may be mounted. */
static int keep_info(struct dsc_iscsi *iscsi, struct discsi_lun *lun)
{
	struct discsi_lun_info *info = calloc(1, sizeof(*info));
	struct discsi_lun_info *before;
	int rc;

	if (info == NULL)
		return dsc_fail_memory();
	info->size = sizeof(*info);
	(void)discsi_lun_get_info(lun, info);
	dsc_who_of_lun(&iscsi->found, info);
	rc = dsc_iscsi_check_who(iscsi, &iscsi->found);
	if (rc < 0) {
		free(info);
		return rc;
	}
	pthread_mutex_lock(&iscsi->lock);
	before = iscsi->info;
	iscsi->info = info;
	iscsi->block_size = info->block_size;
	pthread_mutex_unlock(&iscsi->lock);
	free(before);
	return 0;
}

/* The LUN ends with its session. The last error stays what it was. */
static void close_session(struct discsi_session *session,
			  const struct dsc_limits *limits)
{
	struct discsi_error error = *discsi_last_error();

	dsc_call_close_session(session, limits);
	(void)dsc_fail_with(&error);
}

static int log_in(struct dsc_iscsi *iscsi, const struct discsi_conf *conf,
		  const struct dsc_limits *limits,
		  struct discsi_session **session, struct discsi_lun **lun)
{
	int rc;

	*session = NULL;
	*lun = NULL;
	discsi_storage_tell_stage(iscsi->storage, DISCSI_MOUNT_LOGGING_IN);
	rc = dsc_limits_check(limits);
	if (rc < 0)
		return dsc_fail(-rc, "not begun");
	rc = dsc_call_open_session(iscsi->ctx, conf, limits, session);
	if (rc == 0)
		rc = dsc_call_open_lun(session, conf->lun_id, limits, lun);
	if (rc == 0)
		rc = keep_info(iscsi, *lun);
	if (rc < 0 && *session != NULL)
		close_session(*session, limits);
	return rc;
}

/*
 * From here on no new request gets to the LUN. NULL without may_be_lent when
 * somebody has borrowed it.
 */
static struct discsi_session *take_out(struct dsc_iscsi *iscsi,
				       bool may_be_lent)
{
	struct discsi_session *session = NULL;

	pthread_mutex_lock(&iscsi->lock);
	if (may_be_lent || !iscsi->is_lent) {
		session = iscsi->session;
		iscsi->session = NULL;
		iscsi->lun = NULL;
		iscsi->is_lent = false;
	}
	pthread_mutex_unlock(&iscsi->lock);
	return session;
}

int dsc_iscsi_fail_unmounted(const struct dsc_iscsi *iscsi)
{
	return dsc_fail(ENOTCONN, iscsi->is_lost ?
			"what was mounted has gone, and could not be made anew "
			"yet: mount it again" : "it is not mounted");
}

/* ------------------------------------------------------------------ mount */

static void set_lost(struct dsc_iscsi *iscsi, bool is_lost)
{
	pthread_mutex_lock(&iscsi->lock);
	iscsi->is_lost = is_lost;
	pthread_mutex_unlock(&iscsi->lock);
}

static bool is_owing(struct discsi_session *session)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	return discsi_session_get_info(session, &info) < 0 ||
	       info.may_write_late;
}

/*
 * A session that has given up ends before the next one logs in: some targets let
 * an initiator in once. But whoever has borrowed its LUN may do so until an
 * unmount.
 */
static int clear_session(struct dsc_iscsi *iscsi,
			 const struct dsc_limits *limits)
{
	struct discsi_lun_info info = { .size = sizeof(info) };
	struct discsi_lun *lun = iscsi->lun;
	struct discsi_session *session;

	if (iscsi->session == NULL)
		return 0;
	session = take_out(iscsi, false);
	if (session == NULL)
		return dsc_fail(EBUSY, "its session has given up, and its LUN "
				"was handed out (discsi_storage_lun()): "
				"unmount it first");
	if (discsi_lun_get_info(lun, &info) == 0)
		iscsi->mounted.bytes = info.bytes;
	if (!is_owing(session))
		dsc_claim_drop(&iscsi->claim, false);
	close_session(session, limits);
	return 0;
}

/* What is owed to the LUN comes before its first I/O. */
static int await_barrier(struct discsi_session *session,
			 const struct dsc_limits *limits)
{
	struct discsi_session_info info = { .size = sizeof(info) };
	int rc = 0;

	while (rc == 0) {
		rc = discsi_session_get_info(session, &info);
		if (rc == 0 && info.connected)
			return 0;
		/* Why it has given up is told a moment later. */
		if (rc == 0 && strcmp(info.state, "failed") == 0 &&
		    info.last_error.errnum != 0)
			return dsc_fail_with(&info.last_error);
		if (rc == 0)
			rc = dsc_limits_pause(limits);
	}
	return rc;
}

/* The session has the claim from now on. */
static int settle(struct dsc_iscsi *iscsi, struct discsi_session *session,
		  const struct dsc_limits *limits)
{
	struct discsi_session_info info = { .size = sizeof(info) };
	int rc;

	if (discsi_session_get_info(session, &info) == 0)
		dsc_claim_write(&iscsi->claim, &info);
	rc = await_barrier(session, limits);
	if (rc == 0)
		return 0;
	dsc_claim_drop(&iscsi->claim, is_owing(session));
	close_session(session, limits);
	return rc;
}

/* Goes on where another process has left off, if one has. */
static int log_in_claiming(struct dsc_iscsi *iscsi,
			   const struct dsc_limits *limits,
			   struct discsi_session **session,
			   struct discsi_lun **lun)
{
	struct discsi_conf *conf;
	bool is_kept = iscsi->claim.fd >= 0;
	int rc;

	if (!iscsi->conf->read_only)
		dsc_claim_take(&iscsi->claim, iscsi->conf);
	rc = dsc_claim_conf(&iscsi->claim, iscsi->conf, &conf);
	if (rc == 0)
		rc = log_in(iscsi, conf, limits, session, lun);
	discsi_conf_free(conf);
	if (rc == 0)
		return settle(iscsi, *session, limits);
	/* What it has not paid stays. */
	if (!is_kept)
		dsc_claim_drop(&iscsi->claim, iscsi->claim.isid != NULL);
	return rc;
}

static int mount_none(struct dsc_iscsi *iscsi, const struct dsc_limits *limits)
{
	struct discsi_session *session;
	struct discsi_lun *lun;
	int rc = clear_session(iscsi, limits);

	if (rc == 0)
		rc = discover(iscsi, limits);
	if (rc == 0)
		rc = log_in_claiming(iscsi, limits, &session, &lun);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&iscsi->lock);
	iscsi->session = session;
	iscsi->lun = lun;
	pthread_mutex_unlock(&iscsi->lock);
	return 0;
}

/* Is the LUN what was configured? The session ends with the answer. */
static int look_at_lun(struct dsc_iscsi *iscsi,
		       const struct dsc_limits *limits)
{
	struct discsi_session *session;
	struct discsi_lun *lun;
	int rc = log_in(iscsi, iscsi->conf, limits, &session, &lun);

	if (rc == 0)
		close_session(session, limits);
	return rc;
}

static struct dsc_bridge_begun *begin_program(const struct dsc_iscsi *iscsi)
{
	return dsc_bridge_begin(iscsi->conf, iscsi->settings.device,
				iscsi->settings.connections);
}

/*
 * The program for the bridge starts up meanwhile, but not for a portal that may
 * be dead: a host may have hundreds of such storages at once. And it must not get
 * at a disk that is another one than what was mounted: that is looked at before.
 */
static int find_or_start(struct dsc_iscsi *iscsi,
			 const struct dsc_limits *limits)
{
	struct dsc_bridge_begun *begun = NULL;
	struct discsi_error error;
	int rc;

	rc = dsc_iscsi_adopt(iscsi, limits);
	if (rc != -ENOENT)
		return rc;
	if (iscsi->has_answered)
		begun = begin_program(iscsi);
	rc = discover(iscsi, limits);
	iscsi->has_answered = rc == 0;
	if (rc == 0 && begun == NULL)
		begun = begin_program(iscsi);
	if (rc == 0 && iscsi->has_mounted)
		rc = look_at_lun(iscsi, limits);
	if (rc == 0)
		rc = dsc_iscsi_attach(iscsi, begun, limits);
	error = *discsi_last_error();
	dsc_bridge_abandon(begun);
	return rc == 0 ? 0 : dsc_fail_with(&error);
}

/* What a LUN has told before may be of another one. */
static void forget_info(struct dsc_iscsi *iscsi)
{
	struct discsi_lun_info *info;

	pthread_mutex_lock(&iscsi->lock);
	info = iscsi->info;
	iscsi->info = NULL;
	pthread_mutex_unlock(&iscsi->lock);
	free(info);
}

static int mount_bridge(struct dsc_iscsi *iscsi,
			const struct dsc_limits *limits)
{
	struct discsi_error error;
	int rc;

	/* Of what has gone; its file may have been removed with the bridge. */
	dsc_users_leave(&iscsi->users);
	if (!iscsi->has_mounted)
		forget_info(iscsi);
	rc = find_or_start(iscsi, limits);
	if (rc == 0)
		return 0;
	error = *discsi_last_error();
	dsc_iscsi_undo_bridge(iscsi);
	(void)dsc_fail_with(&error);
	return rc;
}

int dsc_iscsi_mount(void *self)
{
	struct dsc_iscsi *iscsi = self;
	struct dsc_limits limits = limits_of(iscsi);
	int rc;

	set_lost(iscsi, iscsi->has_mounted);
	if (strcmp(iscsi->settings.device, "none") == 0)
		rc = mount_none(iscsi, &limits);
	else
		rc = mount_bridge(iscsi, &limits);
	if (rc < 0)
		return explain(iscsi, rc);
	keep_who(iscsi);
	set_lost(iscsi, false);
	return 0;
}

static bool has_given_up(struct dsc_iscsi *iscsi)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	return (discsi_session_get_info(iscsi->session, &info) == 0 &&
		strcmp(info.state, "failed") == 0) ||
	       dsc_lun_is_condemned(iscsi->lun);
}

/* Who is no user any more of the bridge that was mounted is to become one. */
bool dsc_iscsi_is_gone(void *self)
{
	struct dsc_iscsi *iscsi = self;

	if (iscsi->is_lost)
		return true;
	return iscsi->session != NULL ? has_given_up(iscsi) :
	       dsc_iscsi_is_bridge_gone(iscsi);
}

/* ---------------------------------------------------------------- unmount */

/*
 * What is under way finishes as long as it may, before anybody else can have the
 * claim, with the ISID. What does not is owed.
 */
static void await_writes(struct discsi_session *session,
			 const struct dsc_limits *limits)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	while (discsi_session_get_info(session, &info) == 0 &&
	       info.connected && info.may_write_late &&
	       dsc_limits_pause(limits) == 0)
		;
}

/* Takes the session out, and with it the claim, which stays if it is owing. */
static struct discsi_session *give_up(struct dsc_iscsi *iscsi,
				      const struct dsc_limits *limits)
{
	struct discsi_session *session = take_out(iscsi, true);

	await_writes(session, limits);
	dsc_claim_drop(&iscsi->claim, is_owing(session));
	return session;
}

static struct dsc_limits limits_in(uint64_t ms)
{
	return (struct dsc_limits){
		.deadline_ns = dsc_clock_now_ns() + ms * DSC_NS_PER_MS,
		.cancel_fd = -1,
	};
}

/* EBUSY: it can be tried again, when there is a descriptor to wait with. */
static int flush_none(struct dsc_iscsi *iscsi, unsigned flags)
{
	const struct dsc_limits limits = limits_in(FLUSH_TIMEOUT_MS);
	struct dsc_call_io io = { .kind = DSC_CALL_FLUSH };
	int rc = iscsi->conf->read_only ? 0 :
		 dsc_call_lun(iscsi, &io, &limits);

	if (rc == 0)
		return 0;
	if ((rc == -EMFILE || rc == -ENFILE) &&
	    (flags & DISCSI_UNMOUNT_FORCE) == 0) {
		dsc_error_prefix(dsc_error_last(), "no descriptor to flush it "
				 "with");
		dsc_error_last()->errnum = EBUSY;
		return -EBUSY;
	}
	dsc_error_prefix(dsc_error_last(), "not flushed");
	return rc;
}

static int unmount_none(struct dsc_iscsi *iscsi, unsigned flags)
{
	struct dsc_limits limits;
	int rc = flush_none(iscsi, flags);

	if (rc == -EBUSY)
		return rc;
	limits = limits_in(LOGOUT_TIMEOUT_MS);
	close_session(give_up(iscsi, &limits), &limits);
	return rc;
}

/* It was mounted to read a block, and nothing else: there is nothing to flush. */
static void undo_none(struct dsc_iscsi *iscsi)
{
	const struct dsc_limits limits = limits_of(iscsi);
	struct discsi_session *session = give_up(iscsi, &limits);

	if (dsc_limits_check(&limits) < 0)
		dsc_call_abandon(session);
	else
		close_session(session, &limits);
}

int dsc_iscsi_unmount(void *self, unsigned flags)
{
	struct dsc_iscsi *iscsi = self;
	int rc = 0;

	if (iscsi->session != NULL && dsc_iscsi_undoes(iscsi))
		undo_none(iscsi);
	else if (iscsi->session != NULL)
		rc = unmount_none(iscsi, flags);
	else if (iscsi->bridge_id != NULL)
		rc = dsc_iscsi_detach(iscsi, flags);
	if (rc == -EBUSY)
		return rc;
	/* What had given up, and was not mounted anew, may be owing. */
	dsc_claim_drop(&iscsi->claim, true);
	iscsi->has_mounted = false;
	set_lost(iscsi, false);
	return rc;
}

/* Whose target does not answer now is not waited for: there may be many. */
void dsc_iscsi_leave(void *self)
{
	const struct dsc_limits at_once = limits_in(0);
	struct dsc_iscsi *iscsi = self;

	if (iscsi->session == NULL)
		dsc_iscsi_forget_bridge(iscsi);
	else if (dsc_iscsi_is_connected(iscsi))
		(void)unmount_none(iscsi, DISCSI_UNMOUNT_FORCE);
	else
		dsc_call_abandon(give_up(iscsi, &at_once));
}
