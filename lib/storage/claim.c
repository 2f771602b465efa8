/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * claim.c: see claim.h. No lock is waited for, but that of a bridge that is
 * starting, for a moment.
 *
 * What is taken over is in the claim's own file before it is removed where it was,
 * and is there until the session of ours has logged in: a process that dies in
 * between leaves what it has found.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "bridge/registry.h"
#include "session/connect.h"
#include "storage/claim.h"
#include "storage/json.h"

#define TRIES 20  /* of a file that others remove and make again */
#define ISID_ROOM 13  /* of its 12 hex digits */

/* ------------------------------------------------------------------- file */

static char *copy_member(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return strdup(json_object_get_string(value));
}

static void forget_left(struct dsc_claim *claim)
{
	free(claim->isid);
	free(claim->initiator);
	claim->isid = NULL;
	claim->initiator = NULL;
	claim->sessions = 0;
}

static unsigned as_count(struct json_object *value)
{
	int64_t number = json_object_get_int64(value);

	return number > 0 && number <= DSC_CONF_SESSIONS_MAX ?
	       (unsigned)number : 0;
}

/* What is no JSON, or names no session, says nothing. */
static void parse(struct dsc_claim *claim, const char *text)
{
	struct json_object *object = json_tokener_parse(text);
	struct json_object *sessions;
	char *isid = copy_member(object, "isid");

	if (isid != NULL && isid[0] != '\0') {
		forget_left(claim);
		claim->isid = isid;
		isid = NULL;
		claim->initiator = copy_member(object, "initiator");
		if (json_object_object_get_ex(object, "sessions", &sessions))
			claim->sessions = as_count(sessions);
	}
	free(isid);
	json_object_put(object);
}

static void read_left(struct dsc_claim *claim, int fd)
{
	char *text = calloc(1, DSC_REGISTRY_FILE_MAX + 1);

	if (text != NULL &&
	    dsc_registry_read(fd, text, DSC_REGISTRY_FILE_MAX) > 0)
		parse(claim, text);
	free(text);
}

static bool write_file(const struct dsc_claim *claim, const char *isid,
		       const char *initiator, unsigned sessions)
{
	const struct dsc_json_member members[] = {
		{ "isid", isid, 0 },
		{ "initiator", initiator, 0 },
		{ "sessions", NULL, sessions },
	};
	struct json_object *object = dsc_json_new();
	char *text = NULL;
	ssize_t length;
	bool is_done;
	int rc = object == NULL ? -ENOMEM :
		 dsc_json_add_all(object, members,
				  sizeof(members) / sizeof(members[0]));

	if (dsc_json_finish(object, rc, &text) < 0)
		return false;
	length = (ssize_t)strlen(text);
	is_done = pwrite(claim->fd, text, (size_t)length, 0) == length &&
		  ftruncate(claim->fd, length) == 0;
	free(text);
	return is_done;
}

/* ------------------------------------------------------------------- take */

static int open_file(const struct dsc_registry *registry, const char *id)
{
	int fd = -EAGAIN;
	int i;

	for (i = 0; fd == -EAGAIN && i < TRIES; i++)
		fd = dsc_registry_try_hold(registry, id, DSC_REGISTRY_NONE);
	return fd < 0 ? -1 : fd;
}

/* Without a descriptor it is to be removed, too. */
static char *path_of(const struct dsc_registry *registry, const char *id)
{
	char *path;

	return asprintf(&path, "%s/%s" DSC_REGISTRY_NONE, registry->path,
			id) < 0 ? NULL : path;
}

static bool write_left(const struct dsc_claim *claim)
{
	return claim->isid == NULL ||
	       write_file(claim, claim->isid, claim->initiator != NULL ?
			  claim->initiator : "", claim->sessions);
}

static void format_isid(const uint8_t *isid, char *text)
{
	snprintf(text, ISID_ROOM, "%02x%02x%02x%02x%02x%02x", isid[0], isid[1],
		 isid[2], isid[3], isid[4], isid[5]);
}

/*
 * What stays where it was left is another one's to log in for: here the LUN is
 * reset, and nothing else.
 */
static void leave_isid(struct dsc_claim *claim)
{
	uint8_t isid[6];
	char text[ISID_ROOM];

	if (claim->isid == NULL)
		return;
	dsc_connect_make_isid(isid);
	format_isid(isid, text);
	free(claim->isid);
	claim->isid = strdup(text);
	claim->sessions = 0;
}

/* Of one of a bridge's files. False: it could not be read. */
static bool read_bridge(struct dsc_claim *claim,
			const struct dsc_registry *registry, const char *id,
			const char *suffix)
{
	struct dsc_claim left = DSC_CLAIM_INIT;
	int fd = openat(registry->fd, dsc_registry_name(id, suffix).text,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	read_left(&left, fd);
	close(fd);
	if (left.isid == NULL)
		return true;
	/* Two that are owed to: none of their logins is the other one's. */
	if (claim->isid != NULL || claim->is_isid_ours)
		left.sessions = 0;
	forget_left(claim);
	claim->isid = left.isid;
	claim->initiator = left.initiator;
	claim->sessions = left.sessions;
	return true;
}

/*
 * With the lock no bridge takes the same over meanwhile. One that is starting may
 * come to nothing. What one has left that was killed, and not detached, is how the
 * next one goes on with its device.
 */
static void take_bridge(struct dsc_claim *claim,
			const struct dsc_registry *registry, const char *id)
{
	bool is_dead = dsc_registry_has(registry, id, DSC_REGISTRY_STATE) &&
		       !dsc_registry_is_alive(registry, id);
	int lock_fd;

	if (!is_dead && !dsc_registry_has(registry, id, DSC_REGISTRY_OWED))
		return;
	lock_fd = dsc_registry_hold(registry, id);
	if (read_bridge(claim, registry, id, DSC_REGISTRY_OWED)) {
		if (lock_fd >= 0 && write_left(claim))
			dsc_registry_remove(registry, id, DSC_REGISTRY_OWED);
		else
			leave_isid(claim);
	}
	if (lock_fd < 0)
		return;
	if (read_bridge(claim, registry, id, DSC_REGISTRY_STATE))
		leave_isid(claim);
	dsc_registry_let_go(registry, id, lock_fd);
}

static void forget(struct dsc_claim *claim)
{
	/* A fork that has not come to its exec yet has it, too. */
	if (claim->fd >= 0) {
		flock(claim->fd, LOCK_UN);
		close(claim->fd);
	}
	forget_left(claim);
	free(claim->path);
	*claim = (struct dsc_claim){ .fd = -1, .is_told = claim->is_told };
}

static void take_file(struct dsc_claim *claim,
		      const struct dsc_registry *registry, const char *id)
{
	claim->path = path_of(registry, id);
	if (claim->path != NULL)
		claim->fd = open_file(registry, id);
	if (claim->fd >= 0)
		read_left(claim, claim->fd);
	else
		forget(claim);
}

void dsc_claim_take(struct dsc_claim *claim, const struct discsi_conf *conf)
{
	struct dsc_registry registry;
	char *id;

	claim->is_isid_ours = claim->fd >= 0;
	if (dsc_registry_open(&registry, true) < 0) {
		claim->is_isid_ours |= !claim->is_told;
		return;
	}
	id = dsc_registry_id(conf->iqn, conf->lun_id);
	if (id != NULL && claim->fd < 0)
		take_file(claim, &registry, id);
	if (id != NULL)
		take_bridge(claim, &registry, id);
	free(id);
	dsc_registry_close(&registry);
}

/* ---------------------------------------------------------------- go on */

/* Whether a login like that of conf takes the place of all that were before. */
static int is_in_place(const struct dsc_claim *claim,
		       const struct discsi_conf *conf)
{
	char *initiator;
	int rc = discsi_conf_initiator_name(conf, &initiator);

	if (rc < 0)
		return rc;
	rc = claim->initiator != NULL && strcmp(initiator, claim->initiator) == 0 &&
	     (conf->isid == NULL || strcasecmp(conf->isid, claim->isid) == 0) &&
	     claim->sessions > 0 && claim->sessions <= conf->sessions;
	free(initiator);
	return rc;
}

/*
 * A login in the place of each session; but where it is always to be a reset there
 * may be one only. Who has given an ISID knows better.
 */
static int adapt(const struct dsc_claim *claim, struct discsi_conf *conf)
{
	int rc;

	if (claim->sessions > conf->sessions &&
	    conf->replay_barrier != DSC_CONF_BARRIER_LUN_RESET)
		conf->sessions = claim->sessions;
	rc = is_in_place(claim, conf);
	if (rc == 0 && conf->replay_barrier == DSC_CONF_BARRIER_REINSTATE)
		conf->replay_barrier = DSC_CONF_BARRIER_AUTO;
	if (rc >= 0 && conf->isid == NULL)
		rc = discsi_conf_set(conf, "isid", claim->isid);
	return rc < 0 && rc != -EINVAL ? rc : 0;
}

int dsc_claim_conf(const struct dsc_claim *claim,
		   const struct discsi_conf *conf, struct discsi_conf **copy)
{
	int rc;

	*copy = NULL;
	rc = discsi_conf_dup(conf, copy);
	if (rc < 0)
		return rc;
	(*copy)->is_isid_new = !claim->is_isid_ours;
	if (claim->isid != NULL)
		rc = adapt(claim, *copy);
	if (rc < 0) {
		discsi_conf_free(*copy);
		*copy = NULL;
	}
	return rc;
}

void dsc_claim_write(struct dsc_claim *claim,
		     const struct discsi_session_info *info)
{
	char text[ISID_ROOM];

	format_isid(info->isid, text);
	if (claim->fd >= 0)
		write_file(claim, text, info->initiator, info->sessions);
	forget_left(claim);
}

void dsc_claim_drop(struct dsc_claim *claim, bool is_owing)
{
	if (claim->fd >= 0 && !is_owing &&
	    dsc_registry_leads_to(AT_FDCWD, claim->path, claim->fd))
		unlink(claim->path);
	claim->is_told |= claim->fd >= 0 && is_owing;
	forget(claim);
}
