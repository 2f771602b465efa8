/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * recall.c: what the state file tells of the process before this one: of one
 * that died, and perhaps left its device, and of one that is taken over from.
 * One that ends in good order leaves no such file; but if a write of it had no
 * answer, word of its session, which this one goes on with. So does an agent that
 * had the LUN without a bridge. Main thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

#include "app.h"
#include "log.h"
#include "naming.h"
#include "nbdlink.h"

/* What conf does not say is as the process before this one had it. Takes had. */
static int keep_member(struct nbd_app *app, const char *member, char *had)
{
	char *given = NULL;
	int rc = discsi_conf_get(app->conf, member, &given);

	if (rc == 0 && given == NULL && had != NULL)
		rc = discsi_conf_set(app->conf, member, had);
	free(given);
	free(had);
	return rc;
}

/* The kernel does not let a device have more sockets than it began with. */
static void recall_connections(struct nbd_app *app)
{
	char *text = nbd_registry_recall(&app->registry, "connections");
	unsigned long had = text != NULL ? strtoul(text, NULL, 10) : 1;

	free(text);
	if (had >= 1 && had <= NBD_CONNECTIONS_MAX)
		app->kernel.connections = (unsigned)had;
}

static int recall_device(struct nbd_app *app)
{
	app->left_index = nbd_link_find(app->registry.id);
	/* The number may be another disk's by now. */
	if (app->left_index == -ENOENT)
		nbd_naming_remove_left(&app->registry);
	if (app->left_index < 0)
		return app->left_index == -ENOENT ? 0 : app->left_index;
	nbd_log(DISCSI_LOG_WARNING, "/dev/nbd%d was left by a process that "
		"died: going on with it", app->left_index);
	recall_connections(app);
	if (app->kernel.connections != app->options->connections)
		nbd_log(DISCSI_LOG_WARNING, "it keeps its number of "
			"connections, %u, until it is detached",
			app->kernel.connections);
	return 0;
}

/* A user who has named the disk knows which one he means. */
static int recall_disk(struct nbd_app *app)
{
	const struct nbd_registry *registry = &app->registry;
	char *given = NULL;
	char *recalled = NULL;
	int rc = discsi_conf_get(app->conf, "expected_id", &given);

	if (rc == 0 && given == NULL)
		rc = keep_member(app, "expected_id",
				 nbd_registry_recall(registry, "designator"));
	if (rc == 0 && given == NULL)
		rc = keep_member(app, "expected_id",
				 nbd_registry_recall(registry, "serial"));
	if (rc == 0 && given == NULL)
		rc = discsi_conf_get(app->conf, "expected_id", &recalled);
	app->is_disk_recalled = recalled != NULL;
	free(given);
	free(recalled);
	return rc;
}

static bool is_barrier(const struct nbd_app *app, const char *which)
{
	char *barrier = NULL;
	bool is = discsi_conf_get(app->conf, "replay_barrier", &barrier) == 0 &&
		  barrier != NULL && strcmp(barrier, which) == 0;

	free(barrier);
	return is;
}

/*
 * Each session of the process before this one may have writes under way, and it
 * is a login in its place that ends them: so there are as many again. But where
 * it is always to be a reset there may be one only.
 */
static int recall_sessions(struct nbd_app *app)
{
	char *text = nbd_registry_recall_owed(&app->registry, "sessions");
	unsigned long had = text != NULL ? strtoul(text, NULL, 10) : 0;
	uint32_t wanted = 1;
	char number[12];
	int rc = nbd_app_number(app, "sessions", &wanted);

	if (rc == 0 && had > wanted && had <= NBD_SESSIONS_MAX &&
	    !is_barrier(app, "lun_reset")) {
		nbd_log(DISCSI_LOG_WARNING, "the process before this one had "
			"%lu sessions: there are as many, and not %u, until "
			"the disk is detached", had, (unsigned)wanted);
		snprintf(number, sizeof(number), "%lu", had);
		rc = discsi_conf_set(app->conf, "sessions", number);
	}
	free(text);
	return rc;
}

/* Who has given another one does not take that session's place. */
static int is_its_isid(const struct nbd_app *app)
{
	char *had = nbd_registry_recall_owed(&app->registry, "isid");
	char *isid = NULL;
	int rc = discsi_conf_get(app->conf, "isid", &isid);

	if (rc == 0)
		rc = had == NULL ||
		     (isid != NULL && strcasecmp(had, isid) == 0);
	free(had);
	free(isid);
	return rc;
}

/*
 * A login by another name takes the place of no session, and none of those of two
 * processes. What is left then ends with a reset alone.
 */
static int is_in_place(const struct nbd_app *app)
{
	char *had = nbd_registry_recall_owed(&app->registry, "initiator");
	char *sessions = nbd_registry_recall_owed(&app->registry, "sessions");
	char *name = NULL;
	int rc = discsi_conf_initiator_name(app->conf, &name);

	if (rc == 0 && (had == NULL || strcmp(had, name) == 0) &&
	    (sessions == NULL || strcmp(sessions, "0") != 0) &&
	    !nbd_registry_is_left_by_two(&app->registry))
		rc = is_its_isid(app);
	free(had);
	free(sessions);
	free(name);
	return rc;
}

/* Even where the login is to be the barrier. */
static int recall_barrier(struct nbd_app *app)
{
	int rc;

	if (!is_barrier(app, "reinstate"))
		return 0;
	rc = is_in_place(app);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	nbd_log(DISCSI_LOG_WARNING, "the process before this one was another "
		"initiator, had another ISID, or there were two: "
		"replay_barrier is auto, and not reinstate, until the disk is "
		"detached");
	return discsi_conf_set(app->conf, "replay_barrier", "auto");
}

/*
 * Whatever the process before this one served it as, the target may have writes
 * of its under way still, and the LUN may be another disk since.
 */
static int recall_session(struct nbd_app *app)
{
	int rc = keep_member(app, "isid",
			     nbd_registry_recall_owed(&app->registry, "isid"));

	/* What is no ISID is no session's, and keeps nobody from the disk. */
	if (rc == 0 || rc == -EINVAL)
		rc = recall_sessions(app);
	if (rc == 0)
		rc = recall_barrier(app);
	return rc < 0 ? rc : recall_disk(app);
}

int nbd_recall(struct nbd_app *app)
{
	int rc = 0;

	app->kernel.connections = app->options->connections;
	if (nbd_takeover_is_open(app))
		return 0;
	/* The supervisor has not seen that the directory is another one now. */
	if (!nbd_registry_restore(&app->registry))
		return nbd_registry_fail_lost(&app->registry);
	nbd_registry_take_left(&app->registry);
	if (app->options->device != NULL)
		rc = recall_device(app);
	return rc < 0 ? rc : recall_session(app);
}

int nbd_recall_explain(const struct nbd_app *app, int rc)
{
	struct discsi_error error;

	if (rc != -ESTALE || !app->is_disk_recalled)
		return rc;
	error = *discsi_last_error();
	return dsc_fail(ESTALE, "%s; that one was served by a process that "
			"died, \"discsi detach %s\" forgets it",
			error.message, app->registry.id);
}

void nbd_recall_socket(const struct nbd_app *app)
{
	const char *ours = app->socket_path != NULL ? app->socket_path : "";
	char *left = nbd_registry_recall(&app->registry, "socket");

	if (left != NULL && left[0] == '/' && strcmp(left, ours) != 0)
		nbd_listener_remove_stale(left);
	free(left);
}

int nbd_recall_name(struct nbd_app *app)
{
	char *link = nbd_registry_recall(&app->registry, "link");
	const char *slash = link != NULL ? strrchr(link, '/') : NULL;

	if (slash != NULL)
		app->name = strdup(slash + 1);
	free(link);
	return slash == NULL || app->name != NULL ? 0 : dsc_fail_memory();
}
