/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iscsi-bridge.c: the bridge of a mounted storage: found in the registry or
 * started, watched until its device is there, and ended. Within a turn, but
 * dsc_iscsi_load(), which any thread may call.
 *
 * Who serves a LUN is decided by discsi-nbd's lock: of two that start one for
 * the same LUN, one is told EEXIST, and adopts. How long it is served is decided
 * by its users (bridge/users.h), of which we are one before we start or adopt
 * one, so that nobody ends it meanwhile: the last one who unmounts does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "bridge/attach.h"
#include "bridge/registry.h"
#include "storage/iscsi.h"
#include "storage/storage.h"

#define AWAIT_MS 1000u
#define UNDO_MS 500u  /* for an end in good order, at least */
#define BACK_NS (8 * DSC_NS_PER_S)  /* bridges look for it every 5 s */

enum sight {
	NOBODY,       /* nothing serves the LUN */
	STARTING,     /* a process has the lock, and has not written yet */
	RECOVERING,
	FAILED,       /* given up: no I/O will ever succeed */
	SERVING
};

/* ------------------------------------------------------------------- look */

/* is_alive: also of one whose state cannot be told, which is EPROTO. */
static int load(const char *id, struct discsi_bridge **bridge, bool *is_alive)
{
	struct dsc_registry registry;
	int rc = dsc_registry_open(&registry, false);

	*bridge = NULL;
	*is_alive = false;
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	rc = dsc_registry_load(&registry, id, bridge);
	if (rc == -ENOENT || rc == -EPROTO)
		*is_alive = dsc_registry_is_alive(&registry, id);
	dsc_registry_close(&registry);
	if (rc == 0)
		*is_alive = (*bridge)->alive;
	else
		*bridge = NULL;
	return rc == -ENOENT ? 0 : rc;
}

static bool has_failed(const struct discsi_bridge *bridge)
{
	return strcmp(bridge->state, "failed") == 0;
}

/* Or is it what a process has left that was killed? */
static bool is_of_owner(const struct discsi_bridge *bridge)
{
	struct dsc_registry registry;
	int64_t owner;

	if (dsc_registry_open(&registry, false) < 0)
		return true;
	owner = dsc_registry_owner(&registry, bridge->id);
	dsc_registry_close(&registry);
	return owner <= 0 || owner == bridge->pid || owner == bridge->worker;
}

/* bridge: receives the entry, if somebody serves and says so. */
static int look(const char *id, enum sight *sight,
		struct discsi_bridge **bridge)
{
	bool is_alive;
	int rc = load(id, bridge, &is_alive);

	if (rc < 0)
		return rc;
	if (!is_alive) {
		discsi_bridge_free(*bridge);
		*bridge = NULL;
		*sight = NOBODY;
	} else if (*bridge == NULL || !is_of_owner(*bridge)) {
		*sight = STARTING;
	} else if (has_failed(*bridge)) {
		*sight = FAILED;
	} else {
		*sight = strcmp((*bridge)->state, "recovering") == 0 ?
			 RECOVERING : SERVING;
	}
	return 0;
}

int dsc_iscsi_load(struct dsc_iscsi *iscsi, struct discsi_bridge **bridge)
{
	bool is_alive = false;
	char *id = NULL;
	int rc = 0;

	*bridge = NULL;
	pthread_mutex_lock(&iscsi->lock);
	if (iscsi->bridge_id == NULL)
		rc = dsc_iscsi_fail_unmounted(iscsi);
	else if ((id = strdup(iscsi->bridge_id)) == NULL)
		rc = dsc_fail_memory();
	pthread_mutex_unlock(&iscsi->lock);
	if (rc < 0)
		return rc;
	rc = load(id, bridge, &is_alive);
	if (rc == 0 && (!is_alive || *bridge == NULL)) {
		discsi_bridge_free(*bridge);
		*bridge = NULL;
		rc = dsc_fail(ENOTCONN, "its bridge %s does not run any more",
			      id);
	}
	free(id);
	return rc;
}

static bool is_same(const char *ours, const char *theirs)
{
	return strcmp(ours != NULL ? ours : "", theirs) == 0;
}

/* Not one at another place than what is mounted, nor one of another disk. */
static bool is_ours(const struct dsc_iscsi *iscsi,
		    const struct discsi_bridge *bridge)
{
	struct dsc_who who;

	dsc_who_of_bridge(&who, bridge);
	return is_same(iscsi->device, bridge->device) &&
	       is_same(iscsi->socket, bridge->socket) &&
	       !(iscsi->has_mounted && dsc_who_differs(&iscsi->mounted, &who));
}

/*
 * How large the disk is that is mounted is what its bridge has told last; one
 * that was killed has left its entry.
 */
static void note_size(struct dsc_iscsi *iscsi,
		      const struct discsi_bridge *bridge)
{
	if (bridge->bytes != 0 && is_ours(iscsi, bridge))
		iscsi->mounted.bytes = bridge->bytes;
}

/* Only turns change what is mounted, and this is within one. */
bool dsc_iscsi_is_bridge_gone(struct dsc_iscsi *iscsi)
{
	struct discsi_bridge *bridge;
	bool is_alive, is_gone;

	if (load(iscsi->bridge_id, &bridge, &is_alive) < 0)
		return false;
	if (bridge != NULL)
		note_size(iscsi, bridge);
	is_gone = !is_alive || !dsc_users_is_current(&iscsi->users) ||
		  (bridge != NULL && (has_failed(bridge) ||
				      !is_ours(iscsi, bridge)));
	discsi_bridge_free(bridge);
	return is_gone;
}

/* ------------------------------------------------------------------ match */

/* One that listens on an address, or on what was handed to it, has no path. */
static bool is_shown_as(const struct discsi_bridge *bridge, const char *device)
{
	bool has_device = bridge->device[0] != '\0';
	bool has_socket = bridge->socket[0] == '/';

	if (strcmp(device, "socket") == 0)
		return has_socket;
	if (strcmp(device, "nbd") == 0)
		return has_device;
	if (strcmp(device, "auto") == 0)
		return has_device || has_socket;
	return strcmp(device, bridge->device) == 0;
}

static const char *place_of(const struct discsi_bridge *bridge)
{
	if (bridge->device[0] != '\0')
		return bridge->device;
	return bridge->socket[0] != '\0' ? bridge->socket :
	       "a socket without a name";
}

/* Is a bridge that we find what is configured? */
static int check_match(const struct dsc_iscsi *iscsi,
		       const struct discsi_bridge *bridge)
{
	const char *expected = iscsi->conf->expected_id;
	const char *place = place_of(bridge);

	if (!is_shown_as(bridge, iscsi->settings.device))
		return dsc_fail(EBUSY, "the LUN is attached already as %s, and "
				"\"%s\" is configured: detach %s first", place,
				iscsi->settings.device, bridge->id);
	if (iscsi->conf->read_only && !bridge->read_only)
		return dsc_fail(EBUSY, "the LUN is attached already as %s, "
				"which can be written to, and read_only is "
				"configured: detach %s first", place,
				bridge->id);
	if (expected == NULL)
		return 0;
	if (bridge->designator[0] == '\0' && bridge->serial[0] == '\0')
		return dsc_fail(EBUSY, "the LUN is attached already as %s, and "
				"its bridge does not tell whether it is %s: "
				"detach %s first", place, expected, bridge->id);
	if (strcmp(expected, bridge->designator) != 0 &&
	    strcmp(expected, bridge->serial) != 0)
		return dsc_fail(ESTALE, "%s is another disk: expected_id is "
				"%s, the LUN says designator \"%s\", serial "
				"\"%s\"", place, expected, bridge->designator,
				bridge->serial);
	return 0;
}

/* ------------------------------------------------------------------- take */

static int copy_text(const char *text, char **copy)
{
	*copy = text[0] != '\0' ? strdup(text) : NULL;
	return text[0] == '\0' || *copy != NULL ? 0 : dsc_fail_memory();
}

static void forget(struct dsc_iscsi *iscsi)
{
	pthread_mutex_lock(&iscsi->lock);
	free(iscsi->bridge_id);
	free(iscsi->device);
	free(iscsi->socket);
	iscsi->bridge_id = NULL;
	iscsi->adopted_in = 0;
	iscsi->device = NULL;
	iscsi->socket = NULL;
	pthread_mutex_unlock(&iscsi->lock);
	dsc_users_leave(&iscsi->users);
}

static int take(struct dsc_iscsi *iscsi, const struct discsi_bridge *bridge)
{
	char *device = NULL;
	char *socket = NULL;
	char *id = NULL;
	int rc = copy_text(bridge->id, &id);

	if (rc == 0)
		rc = copy_text(bridge->device, &device);
	if (rc == 0)
		rc = copy_text(bridge->socket, &socket);
	if (rc < 0) {
		free(id);
		free(device);
		return rc;
	}
	pthread_mutex_lock(&iscsi->lock);
	free(iscsi->bridge_id);
	free(iscsi->device);
	free(iscsi->socket);
	iscsi->adopted_in = 0;
	iscsi->bridge_id = id;
	iscsi->device = device;
	iscsi->socket = socket;
	if (bridge->block_size != 0)
		iscsi->block_size = bridge->block_size;
	pthread_mutex_unlock(&iscsi->lock);
	return 0;
}

static bool is_place(const char *path, bool is_device)
{
	struct stat st;

	return stat(path, &st) == 0 && (is_device ? S_ISBLK(st.st_mode) :
					S_ISSOCK(st.st_mode));
}

/* A device node may be made by udev, after the device. */
static int wait_for_place(const struct discsi_bridge *bridge,
			  const struct dsc_limits *limits)
{
	bool is_device = bridge->device[0] != '\0';
	const char *path = is_device ? bridge->device : bridge->socket;
	int rc = 0;

	while (rc == 0 && !is_place(path, is_device))
		rc = dsc_limits_pause(limits);
	if (rc == -ETIMEDOUT)
		return dsc_fail(ETIMEDOUT, "%s has not come into being", path);
	return rc < 0 ? dsc_fail(-rc, "cancelled") : 0;
}

/* ------------------------------------------------------------------ adopt */

static int await(const char *id, enum sight sight,
		 const struct dsc_limits *limits)
{
	int rc = dsc_limits_check(limits);

	if (rc == 0)
		rc = dsc_bridge_await(id, AWAIT_MS, limits->cancel_fd);
	if (rc == -ETIMEDOUT)
		return dsc_fail(ETIMEDOUT, "bridge %s was %s all the time", id,
				sight == STARTING ? "starting" : "recovering");
	return rc < 0 ? dsc_fail(-rc, "cancelled") : 0;
}

/* Becomes a user, once nobody has the bridge alone. */
static int join(struct dsc_iscsi *iscsi, const char *id,
		const struct dsc_limits *limits)
{
	int rc = dsc_users_join(&iscsi->users, id);
	int over = 0;

	if (rc == -EAGAIN)
		discsi_storage_tell_stage(iscsi->storage,
					  DISCSI_MOUNT_ATTACHING);
	while (rc == -EAGAIN && over == 0) {
		over = dsc_limits_pause(limits);
		if (over == 0)
			rc = dsc_users_join(&iscsi->users, id);
	}
	return over < 0 ? dsc_fail(-over, "bridge %s was being ended all the "
				   "time", id) : rc;
}

/*
 * A bridge that has given up is in the way of the one that we start. Others that
 * use it have to let go of it first: their device ends with it.
 */
static int clear_failed(struct dsc_iscsi *iscsi,
			const struct discsi_bridge *bridge,
			const struct dsc_limits *limits)
{
	const struct dsc_bridge_options options = {
		.deadline_ns = limits->deadline_ns,
		.cancel_fd = limits->cancel_fd,
	};
	int rc = dsc_users_claim(&iscsi->users);

	rc = rc < 0 ? dsc_users_fail(bridge->id) :
		      dsc_bridge_end(bridge->id, 0, &options);
	dsc_users_share(&iscsi->users);
	if (rc < 0 && rc != -ENOENT)
		dsc_error_prefix(dsc_error_last(), "bridge %s has given up "
				 "(%s), and cannot be ended", bridge->id,
				 bridge->last_error);
	return rc == -ENOENT ? 0 : rc;
}

static int adopt(struct dsc_iscsi *iscsi, const struct discsi_bridge *bridge,
		 const struct dsc_limits *limits)
{
	int rc = check_match(iscsi, bridge);

	dsc_who_of_bridge(&iscsi->found, bridge);
	if (rc == 0)
		rc = dsc_iscsi_check_who(iscsi, &iscsi->found);
	if (rc == 0)
		rc = wait_for_place(bridge, limits);
	if (rc == 0)
		rc = take(iscsi, bridge);
	if (rc == 0)
		iscsi->adopted_in = dsc_turn_number(iscsi->storage);
	return rc;
}

/* A user of it as it was when we looked? Returns 1 to look again. */
static int join_seen(struct dsc_iscsi *iscsi, const char *id,
		     const struct dsc_limits *limits)
{
	bool was_user = dsc_users_is_current(&iscsi->users);
	int rc = join(iscsi, id, limits);

	return rc == 0 && !was_user ? 1 : rc;
}

/* Returns 1 when there is nothing new and one has to look again. */
static int adopt_once(struct dsc_iscsi *iscsi, const char *id,
		      const struct dsc_limits *limits)
{
	struct discsi_bridge *bridge = NULL;
	enum sight sight;
	int rc = look(id, &sight, &bridge);

	if (rc < 0)
		return rc;
	if (sight != NOBODY)
		discsi_storage_tell_stage(iscsi->storage,
					  DISCSI_MOUNT_ATTACHING);
	switch (sight) {
	case NOBODY:
		rc = -ENOENT;
		break;
	case SERVING:
		rc = join_seen(iscsi, id, limits);
		if (rc == 0)
			rc = adopt(iscsi, bridge, limits);
		break;
	case FAILED:
		rc = join_seen(iscsi, id, limits);
		if (rc == 0)
			rc = clear_failed(iscsi, bridge, limits);
		rc = rc == 0 ? -ENOENT : rc;
		break;
	case STARTING:
	case RECOVERING:
		rc = await(id, sight, limits);
		rc = rc == 0 ? 1 : rc;
		break;
	}
	discsi_bridge_free(bridge);
	return rc;
}

int dsc_iscsi_adopt(struct dsc_iscsi *iscsi, const struct dsc_limits *limits)
{
	char *id = dsc_registry_id(iscsi->conf->iqn, iscsi->conf->lun_id);
	int rc = 1;

	if (id == NULL)
		return dsc_fail_memory();
	while (rc == 1)
		rc = adopt_once(iscsi, id, limits);
	free(id);
	return rc;
}

/* ----------------------------------------------------------------- attach */

/*
 * Ends a bridge of this turn, which has had no use yet, within its limits. What
 * others have done with it meanwhile, who have left, is waited for.
 */
static int end_early(struct dsc_iscsi *iscsi, const char *id, unsigned flags,
		     bool was_marked)
{
	struct dsc_bridge_options options = {
		.deadline_ns = dsc_turn_deadline_ns(iscsi->storage),
		.cancel_fd = discsi_storage_cancel_fd(iscsi->storage),
		.hurries = true,
	};
	const struct dsc_limits limits = {
		.deadline_ns = options.deadline_ns,
		.cancel_fd = options.cancel_fd,
	};
	const uint64_t least_ns = dsc_clock_now_ns() + UNDO_MS * DSC_NS_PER_MS;

	if (was_marked)
		return dsc_bridge_end(id, flags, NULL);
	options.deadline_ns = dsc_max_u64(options.deadline_ns, least_ns);
	if (dsc_limits_check(&limits) == -ECANCELED) {
		options.deadline_ns = least_ns;
		options.cancel_fd = -1;
	}
	return dsc_bridge_end(id, flags, &options);
}

/* Ends what has just been started, unless others use it already. */
static void end_started(struct dsc_iscsi *iscsi,
			const struct discsi_bridge *bridge)
{
	bool was_marked = dsc_users_is_marked(&iscsi->users);

	dsc_users_mark(&iscsi->users, true);
	if (dsc_users_claim(&iscsi->users) < 0)
		return;
	(void)end_early(iscsi, bridge->id, DISCSI_DETACH_FORCE, was_marked);
	dsc_users_leave(&iscsi->users);
}

static int begin_login(struct dsc_iscsi *iscsi, const struct dsc_limits *limits)
{
	int rc;

	discsi_storage_tell_stage(iscsi->storage, DISCSI_MOUNT_LOGGING_IN);
	rc = dsc_limits_check(limits);
	return rc < 0 ? dsc_fail(-rc, "not begun") : 0;
}

/* A bridge may be there at once, and the cancel have come before. */
static int check_cancelled(const struct dsc_limits *limits)
{
	const struct dsc_limits only = { .cancel_fd = limits->cancel_fd };

	return dsc_limits_check(&only) < 0 ? dsc_fail(ECANCELED, "cancelled") :
					     0;
}

static void on_logged_in(void *arg)
{
	discsi_storage_tell_stage(arg, DISCSI_MOUNT_ATTACHING);
}

static int start(struct dsc_iscsi *iscsi, struct dsc_bridge_begun *begun,
		 const struct dsc_limits *limits)
{
	const struct dsc_bridge_options options = {
		.deadline_ns = limits->deadline_ns,
		.cancel_fd = limits->cancel_fd,
		.connections = iscsi->settings.connections,
		.begun = begun,
		.on_logged_in = on_logged_in,
		.arg = iscsi->storage,
	};
	struct discsi_bridge *bridge = NULL;
	struct discsi_error error;
	int rc = begin_login(iscsi, limits);

	if (rc == 0)
		rc = dsc_bridge_attach(iscsi->conf, iscsi->settings.device,
				       &options, &bridge);
	if (rc < 0)
		return rc;
	/* The LUN may have become another disk since we have looked at it. */
	dsc_who_of_bridge(&iscsi->found, bridge);
	rc = dsc_iscsi_check_who(iscsi, &iscsi->found);
	if (rc == 0)
		rc = check_cancelled(limits);
	if (rc == 0)
		rc = wait_for_place(bridge, limits);
	if (rc == 0)
		rc = take(iscsi, bridge);
	if (rc < 0) {
		error = *discsi_last_error();
		end_started(iscsi, bridge);
		rc = dsc_fail_with(&error);
	}
	discsi_bridge_free(bridge);
	return rc;
}

static int start_or_adopt(struct dsc_iscsi *iscsi, const char *id,
			  struct dsc_bridge_begun *begun,
			  const struct dsc_limits *limits)
{
	int rc;
	int over;

	for (;;) {
		rc = join(iscsi, id, limits);
		if (rc == 0)
			rc = start(iscsi, begun, limits);
		if (rc != -EEXIST)
			return rc;
		rc = dsc_iscsi_adopt(iscsi, limits);
		if (rc != -ENOENT)
			return rc;
		over = dsc_limits_check(limits);
		if (over < 0)
			return dsc_fail(-over, "another bridge of this LUN "
					"came and went all the time");
	}
}

int dsc_iscsi_attach(struct dsc_iscsi *iscsi, struct dsc_bridge_begun *begun,
		     const struct dsc_limits *limits)
{
	char *id = dsc_registry_id(iscsi->conf->iqn, iscsi->conf->lun_id);
	int rc = id == NULL ? dsc_fail_memory() :
			      start_or_adopt(iscsi, id, begun, limits);

	free(id);
	return rc;
}

/* ----------------------------------------------------------------- detach */

void dsc_iscsi_undo_bridge(struct dsc_iscsi *iscsi)
{
	/* Those who have left meanwhile have left its end to us. */
	if (dsc_users_claim(&iscsi->users) == 0 &&
	    dsc_users_is_marked(&iscsi->users))
		(void)dsc_bridge_end(iscsi->users.id, 0, NULL);
	dsc_users_leave(&iscsi->users);
}

/*
 * What has gone, and could not be made anew, has no user; it is cleared all the
 * same. A bridge that serves elsewhere, or another disk, is not what was mounted,
 * and one that somebody is ending is theirs. What a dead one has left is cleared
 * though it cannot be read. Returns 1 for a user of what is to be ended, 0, or an
 * error.
 */
static int join_to_end(struct dsc_iscsi *iscsi)
{
	struct discsi_bridge *bridge;
	bool is_alive;
	bool is_to_end = true;
	int rc = load(iscsi->bridge_id, &bridge, &is_alive);

	if (rc == -EPERM || rc == -EACCES || (rc == -EPROTO && is_alive))
		return rc;
	if (rc == 0) {
		is_to_end = !is_alive ||
			    (bridge != NULL && is_ours(iscsi, bridge));
		discsi_bridge_free(bridge);
	}
	if (!is_to_end || iscsi->users.fd >= 0)
		return is_to_end;
	rc = dsc_users_join(&iscsi->users, iscsi->bridge_id);
	if (rc == -EAGAIN)
		return 0;
	return rc == 0 ? 1 : rc;
}

/*
 * It goes on, and the next time there may be a descriptor, or a registry that
 * can be read.
 */
static int fail_for_now(int rc)
{
	if (rc == -EMFILE || rc == -ENFILE)
		dsc_error_prefix(dsc_error_last(), "no descriptor to end the "
				 "bridge with");
	else if (rc == -EPERM || rc == -EACCES || rc == -EPROTO)
		dsc_error_prefix(dsc_error_last(), "the bridge cannot be ended "
				 "now");
	else
		return rc;
	dsc_error_last()->errnum = EBUSY;
	return -EBUSY;
}

/* Somebody has removed the registry as a whole: bridges make it again soon. */
static void await_registry(const char *id)
{
	const struct dsc_limits limits = {
		.deadline_ns = dsc_clock_now_ns() + BACK_NS, .cancel_fd = -1,
	};
	struct discsi_bridge *bridge = NULL;
	struct dsc_registry dir;
	bool is_alive;

	if (dsc_registry_open(&dir, false) == -ENOENT)
		while (load(id, &bridge, &is_alive) == 0 && bridge == NULL &&
		       dsc_limits_pause(&limits) == 0)
			;
	else
		dsc_registry_close(&dir);
	discsi_bridge_free(bridge);
}

int dsc_iscsi_detach(struct dsc_iscsi *iscsi, unsigned flags)
{
	unsigned how = (flags & DISCSI_UNMOUNT_FORCE) != 0 ?
		       DISCSI_DETACH_FORCE : 0;
	bool was_marked;
	int rc;

	/* What is mounted and unmounted in one turn is a mount undone. */
	if (iscsi->adopted_in == dsc_turn_number(iscsi->storage)) {
		dsc_iscsi_undo_bridge(iscsi);
		forget(iscsi);
		return 0;
	}
	await_registry(iscsi->bridge_id);
	rc = fail_for_now(join_to_end(iscsi));
	if (rc == -EBUSY)
		return rc;
	if (rc <= 0) {
		forget(iscsi);
		return rc;
	}
	was_marked = dsc_users_is_marked(&iscsi->users);
	dsc_users_mark(&iscsi->users, true);
	if (dsc_users_claim(&iscsi->users) < 0) {
		forget(iscsi);  /* others go on with it */
		return 0;
	}
	rc = dsc_iscsi_undoes(iscsi) ?
	     end_early(iscsi, iscsi->bridge_id, how, was_marked) :
	     dsc_bridge_end(iscsi->bridge_id, how, NULL);
	rc = fail_for_now(rc);
	if (rc == -EBUSY) {
		dsc_users_mark(&iscsi->users, false);
		dsc_users_share(&iscsi->users);
		return rc;
	}
	forget(iscsi);
	return rc == -ENOENT ? 0 : rc;  /* somebody else has detached it */
}

void dsc_iscsi_forget_bridge(struct dsc_iscsi *iscsi)
{
	forget(iscsi);
}
