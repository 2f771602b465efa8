/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tell.c: whoever has started us is told how it went: the process that waits,
 * the supervisor, the service manager. Main thread.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/registry.h"

#include "app.h"
#include "log.h"
#include "report.h"

pid_t nbd_app_signalled(const struct nbd_app *app)
{
	/* Who has lost its supervisor has another parent by now. */
	return app->supervised.is_worker &&
	       getppid() == app->supervised.supervisor ? getppid() : getpid();
}

void nbd_tell_logged_in(const struct nbd_app *app)
{
	if (!app->options->is_progress || app->supervised.is_restart)
		return;
	if (app->options->is_json)
		nbd_daemon_print(DSC_REGISTRY_LOGGED_IN);
	else
		nbd_daemon_print("logged in\n");
}

void nbd_tell_survived(void)
{
	nbd_log(DISCSI_LOG_WARNING, "%s", discsi_last_error()->message);
}

int nbd_tell_ready(struct nbd_app *app)
{
	char *text = nbd_report_ready(app->options->is_json, app->registry.id,
				      app->kernel.device, app->kernel.link,
				      app->socket_path != NULL ?
				      app->socket_path : app->place,
				      app->disk.bytes);
	int rc;

	if (text == NULL && !app->takeover.is_taken)
		return dsc_fail_memory();
	if (app->supervised.is_restart) {
		nbd_log(DISCSI_LOG_WARNING, "%s is served again",
			app->kernel.device[0] != '\0' ? app->kernel.device :
			app->registry.id);
		free(text);
		nbd_supervised_ready(&app->supervised);
		return 0;
	}
	rc = nbd_daemon_ready(app->daemon, text != NULL ? text : "");
	free(text);
	if (rc < 0 && app->takeover.is_taken) {
		nbd_tell_survived();
		rc = 0;
	} else if (rc < 0 && app->daemon->is_forked) {
		/* It ends in good order, as when this is seen later. */
		nbd_log(DISCSI_LOG_ERROR, "%s", discsi_last_error()->message);
		app->stops++;
		return 0;
	}
	if (rc == 0) {
		nbd_supervised_ready(&app->supervised);
		nbd_notify_ready(app->notify, nbd_app_signalled(app));
	}
	return rc;
}

void nbd_tell_apart(const struct nbd_app *app)
{
	nbd_supervised_apart(&app->supervised);
	nbd_daemon_leave_terminal();
	nbd_log_to_syslog(app->registry.id);
}

void nbd_tell_failure(struct nbd_app *app, const struct discsi_error *error)
{
	char *text;

	if (app->supervised.is_restart) {
		nbd_log(DISCSI_LOG_ERROR, "%s", error->message);
		return;
	}
	text = nbd_report_error(app->options->is_json, error);
	nbd_daemon_failed(app->daemon, text != NULL ? text :
			  "discsi-nbd: no memory\n");
	free(text);
}
