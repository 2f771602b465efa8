/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect.c: see connect.h. What was typed is never part of a message: it may
 * be a URL with a secret in it. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"

#include "connect.h"
#include "failure.h"
#include "output.h"

bool connect_is_url(const char *text)
{
	return strncasecmp(text, "iscsi://", 8) == 0;
}

static void print_warning(void *arg, const char *sentence)
{
	const struct cli *cli = arg;

	/* With --json, stderr is for one object. */
	if (!cli->json)
		output_warning(sentence);
}

static int set_place(struct discsi_conf *conf, const char *place,
		     bool is_portal)
{
	if (place == NULL)
		return 0;
	if (connect_is_url(place)) {
		if (discsi_conf_set_url(conf, place) < 0)
			return fail_library(NULL, NULL);
		return 0;
	}
	/* What was typed is not repeated: there may be a secret in it. */
	if (!is_portal)
		return fail(EINVAL, "the argument is not a URL of the form "
			    "iscsi://host[:port]/iqn/lun");
	if (strchr(place, '@') != NULL)
		return fail(EINVAL, "a portal with credentials is written "
			    "iscsi://user%%secret@host[:port]");
	if (discsi_conf_set(conf, "portal", place) < 0)
		return fail_library(NULL, NULL);
	return 0;
}

static int fill_conf(struct discsi_conf *conf, const struct cli *cli,
		     const char *place, bool is_portal)
{
	size_t i;
	int status;

	if (cli->config != NULL &&
	    discsi_conf_set_json_file(conf, cli->config, print_warning,
				      (void *)cli) < 0)
		return fail_library(NULL, NULL);
	status = set_place(conf, place, is_portal);
	if (status < 0)
		return status;
	for (i = 0; i < cli->nsettings; i++) {
		if (discsi_conf_set(conf, cli->settings[i].member,
				    cli->settings[i].value) < 0)
			return fail_library(NULL, NULL);
	}
	return 0;
}

int connect_conf(const struct cli *cli, const char *place, bool is_portal,
		 struct discsi_conf **conf)
{
	int status;

	if (discsi_conf_new(conf) < 0)
		return fail_library(NULL, NULL);
	status = fill_conf(*conf, cli, place, is_portal);
	if (status < 0) {
		discsi_conf_free(*conf);
		*conf = NULL;
	}
	return status;
}

int connect_context(const struct cli *cli, struct discsi_context **ctx)
{
	enum discsi_log_level level = DISCSI_LOG_WARNING;

	if (discsi_context_new(ctx) < 0)
		return fail_library(NULL, NULL);
	if (cli->verbose == 0 && getenv("DISCSI_DEBUG") == NULL)
		return 0;
	if (cli->verbose > 0)
		level = cli->verbose > 1 ? DISCSI_LOG_DEBUG : DISCSI_LOG_INFO;
	discsi_context_set_log(*ctx, discsi_log_to_stderr, NULL, level);
	return 0;
}

/* Says so before anything is connected to. */
static int check_lun_id(const struct discsi_conf *conf)
{
	char *text = NULL;

	if (discsi_conf_get(conf, "lun_id", &text) < 0)
		return fail_library(NULL, NULL);
	free(text);
	if (text != NULL)
		return 0;
	return fail(EINVAL, "which LUN is meant is not said: put its number "
		    "after the target's name (\"discsi list\" shows the LUNs)");
}

/*
 * Somebody who looks on is told why nothing moves. On the loop's thread, which
 * may be another one than that which prints progress: one call, one line.
 */
static void on_event(void *arg, struct discsi_session *session,
		     const struct discsi_event *event)
{
	struct discsi_session_info info = { .size = sizeof(info) };
	struct connection *connection = arg;

	if (discsi_session_get_info(session, &info) < 0)
		return;
	if (event->type == DISCSI_EVENT_LOST && info.sessions_ready == 0 &&
	    connection->lost_ns == 0) {
		connection->lost_ns = dsc_clock_now_ns();
		output_note("the session to %s is lost and is being recovered "
			    "(%s)", info.target, event->error != NULL ?
			    event->error->message : "?");
	} else if (event->type == DISCSI_EVENT_RECOVERED &&
		   connection->lost_ns != 0) {
		output_note("the session to %s is back after %" PRIu64 " s",
			    info.target,
			    (dsc_clock_now_ns() - connection->lost_ns) /
				    DSC_NS_PER_S);
		connection->lost_ns = 0;
	}
}

/* With --verbose the library's own messages say it; with --json none must. */
static int watch_session(struct connection *connection, const struct cli *cli)
{
	if (cli->json || cli->verbose > 0 || isatty(STDERR_FILENO) == 0)
		return 0;
	return discsi_session_on_event(connection->session, on_event,
				       connection);
}

static int open_session(struct connection *connection, const struct cli *cli,
			struct discsi_context *ctx)
{
	int status;

	connection->ctx = ctx;
	if (ctx == NULL) {
		status = connect_context(cli, &connection->ctx);
		connection->owns_context = status == 0;
		if (status < 0)
			return status;
	}
	if (discsi_session_open(connection->ctx, connection->conf,
				&connection->session) < 0 ||
	    watch_session(connection, cli) < 0)
		return fail_library(NULL, NULL);
	return 0;
}

int connect_target(struct connection *connection, const struct cli *cli,
		   struct discsi_context *ctx, const char *url)
{
	int status;

	memset(connection, 0, sizeof(*connection));
	status = connect_conf(cli, url, false, &connection->conf);
	if (status < 0)
		return status;
	/* It is that of one disk, and every LUN would be measured by it. */
	if (discsi_conf_set(connection->conf, "expected_id", NULL) < 0)
		return fail_library(NULL, NULL);
	return open_session(connection, cli, ctx);
}

int connect_lun(struct connection *connection, const struct cli *cli,
		struct discsi_context *ctx, const char *url)
{
	int status;

	memset(connection, 0, sizeof(*connection));
	status = connect_conf(cli, url, false, &connection->conf);
	if (status == 0)
		status = check_lun_id(connection->conf);
	if (status == 0)
		status = open_session(connection, cli, ctx);
	if (status < 0)
		return status;
	connection->info.size = sizeof(connection->info);
	if (discsi_lun_open(connection->session, DISCSI_LUN_OF_CONF,
			    &connection->lun) < 0 ||
	    discsi_lun_get_info(connection->lun, &connection->info) < 0)
		return fail_library(NULL, NULL);
	return 0;
}

void connect_close(struct connection *connection)
{
	discsi_lun_close(connection->lun);
	discsi_session_close(connection->session);
	if (connection->owns_context)
		discsi_context_destroy(connection->ctx);
	discsi_conf_free(connection->conf);
	memset(connection, 0, sizeof(*connection));
}
