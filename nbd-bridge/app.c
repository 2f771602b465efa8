/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * app.c: one bridge is set up step by step, each of which leaves a failure as
 * the thread's last error, and taken down from wherever it has got to.
 * Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"

#include "app.h"
#include "harden.h"
#include "log.h"
#include "report.h"
#include "tcp.h"

/* ----------------------------------------------------------- configuration */

static void on_warning(void *arg, const char *sentence)
{
	(void)arg;
	nbd_log(DISCSI_LOG_WARNING, "%s", sentence);
}

/* One "MEMBER=VALUE". */
static int apply_setting(struct nbd_app *app, char *setting)
{
	char *equals = strchr(setting, '=');
	int rc;

	*equals = '\0';
	rc = discsi_conf_set(app->conf, setting, equals + 1);
	*equals = '=';
	return rc;
}

/* What comes later wins: file, URL, single options. */
static int fill_conf(struct nbd_app *app)
{
	struct nbd_options *options = app->options;
	const struct {
		const char *member;
		const char *value;
	} members[] = {
		{ "password_file", options->password_file },
		{ "target_password_file", options->target_password_file },
		{ "initiator_name", options->initiator },
		{ "header_digest", options->header_digest },
		{ "read_only", options->is_read_only ? "true" : NULL },
	};
	int rc = 0;
	size_t i;

	if (options->config != NULL)
		rc = discsi_conf_set_json_file(app->conf, options->config,
					       on_warning, NULL);
	if (rc == 0 && options->url != NULL)
		rc = discsi_conf_set_url(app->conf, options->url);
	nbd_cli_forget(options);
	for (i = 0; rc == 0 && i < sizeof(members) / sizeof(members[0]); i++) {
		if (members[i].value != NULL)
			rc = discsi_conf_set(app->conf, members[i].member,
					     members[i].value);
	}
	for (i = 0; rc == 0 && i < options->nsettings; i++)
		rc = apply_setting(app, options->settings[i]);
	return rc;
}

static int load_tls(struct nbd_app *app)
{
	const struct nbd_options *options = app->options;

	if (options->tls_certificates == NULL && options->tls_psk == NULL)
		return 0;
	return nbd_tls_creds_load(options->tls_certificates, options->tls_psk,
				  options->is_peer_verified, &app->tls);
}

/* What is to be served. */
static int name_disk(struct nbd_app *app)
{
	char *lun = NULL;
	int rc = discsi_conf_get(app->conf, "iqn", &app->target);

	if (rc == 0)
		rc = discsi_conf_get(app->conf, "lun_id", &lun);
	if (rc < 0)
		return rc;
	if (app->target == NULL || lun == NULL) {
		free(lun);
		return dsc_fail(EINVAL, "the %s to be served is not named",
				app->target == NULL ? "target" : "LUN");
	}
	app->lun_id = strtoull(lun, NULL, 10);
	free(lun);
	return 0;
}

static int configure(struct nbd_app *app)
{
	int rc = discsi_conf_new(&app->conf);

	if (rc == 0)
		rc = fill_conf(app);
	if (rc == 0)
		rc = load_tls(app);
	if (rc == 0)
		rc = name_disk(app);
	nbd_daemon_close_inherited(app->daemon);
	return rc;
}

static enum nbd_clear clear_clients(const struct nbd_app *app)
{
	if (app->tls != NULL)
		return NBD_CLEAR_NOBODY;
	return app->options->is_loopback_insecure ? NBD_CLEAR_LOOPBACK :
						    NBD_CLEAR_REFUSED;
}

/* Whatever is wrong with the way in is said before anybody logs in. */
static int prepare_tcp(struct nbd_app *app)
{
	if (app->options->listen == NULL)
		return nbd_frontend_check_clear(app->frontend,
						clear_clients(app));
	app->tcp_fd = nbd_tcp_bind(app->options->listen, clear_clients(app));
	return app->tcp_fd < 0 ? app->tcp_fd : 0;
}

/* Before there is a thread that would not inherit it. */
static int harden(struct nbd_app *app)
{
	if (app->options->device != NULL)
		nbd_harden();
	return 0;
}

static int claim(struct nbd_app *app)
{
	return nbd_registry_claim(&app->registry, app->target, app->lun_id);
}

/* ------------------------------------------------------------- session, LUN */

static void keep_outcome(struct nbd_outcome *outcome, int rc,
			 const struct discsi_error *error)
{
	outcome->rc = rc;
	if (rc < 0)
		outcome->error = *error;
	outcome->is_done = true;
}

static void on_session(void *arg, int status, struct discsi_session *session,
		       const struct discsi_error *error)
{
	struct nbd_app *app = arg;

	app->session = session;
	keep_outcome(&app->call, status, error);
}

static void on_lun(void *arg, int status, struct discsi_lun *lun,
		   const struct discsi_error *error)
{
	struct nbd_app *app = arg;

	app->lun = lun;
	keep_outcome(&app->call, status, error);
}

/* Waits for what rc says has been begun. */
static int wait_call(struct nbd_app *app, int rc)
{
	if (rc == 0)
		rc = nbd_app_wait(app, &app->call.is_done);
	if (rc == 0 && app->call.rc < 0)
		rc = dsc_fail_with(&app->call.error);
	return rc;
}

static int open_lun(struct nbd_app *app)
{
	int rc;

	nbd_notify_status(app->notify, "logging in to %s", app->target);
	app->call.is_done = false;
	rc = discsi_session_open_async(app->ctx, app->conf, on_session, app);
	rc = wait_call(app, rc);
	if (rc < 0)
		return rc;
	app->call.is_done = false;
	rc = discsi_lun_open_async(app->session, app->lun_id, on_lun, app);
	rc = nbd_recall_explain(app, wait_call(app, rc));
	if (rc == 0)
		rc = nbd_disk_from_lun(&app->disk, app->lun);
	if (rc == 0)
		nbd_tell_logged_in(app);
	return rc;
}

/* ------------------------------------------------------------------- export */

static int absolute_path(const char *path, char **absolute)
{
	char *cwd = NULL;
	int length;

	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (cwd == NULL)
			return dsc_fail(errno, "the current directory has no "
					"name (%s)", discsi_errno_name(errno));
	}
	length = asprintf(absolute, "%s%s%s", cwd != NULL ? cwd : "",
			  cwd != NULL ? "/" : "", path);
	free(cwd);
	if (length >= 0)
		return 0;
	*absolute = NULL;
	return dsc_fail_memory();
}

static int export_socket(struct nbd_app *app)
{
	int rc;

	if (app->options->socket != NULL)
		rc = absolute_path(app->options->socket, &app->socket_path);
	else
		rc = dsc_registry_socket_path(&app->registry.dir,
					      app->registry.id,
					      &app->socket_path);
	if (rc < 0)
		return rc;
	return nbd_listener_open(&app->listener, &app->server,
				 app->socket_path);
}

static int export_tcp(struct nbd_app *app)
{
	int rc = nbd_tcp_listen(app->tcp_fd);

	if (rc < 0)
		return rc;
	nbd_tcp_describe(app->tcp_fd, app->place, sizeof(app->place));
	app->socket_path = strdup(app->place);
	if (app->socket_path == NULL)
		return dsc_fail_memory();
	rc = nbd_listener_adopt(&app->listener, &app->server, app->tcp_fd);
	if (rc == 0)
		app->tcp_fd = -1;
	return rc;
}

/* Its place is known to whoever has handed it over, and not ours to remove. */
static int export_frontend(struct nbd_app *app)
{
	nbd_frontend_describe(app->frontend, app->place, sizeof(app->place));
	return nbd_frontend_serve(app->frontend, &app->server,
				  &app->listener);
}

int nbd_app_number(const struct nbd_app *app, const char *member,
		   uint32_t *number)
{
	char *text = NULL;
	int rc = discsi_conf_get(app->conf, member, &text);

	if (rc < 0)
		return rc;
	if (text != NULL)
		*number = (uint32_t)strtoul(text, NULL, 10);
	free(text);
	return 0;
}

static int export_taken(struct nbd_app *app)
{
	int rc = app->takeover.device != NULL ? nbd_device_recall(app) : 0;

	if (rc < 0)
		return rc;
	if (app->takeover.socket != NULL) {
		app->socket_path = strdup(app->takeover.socket);
		if (app->socket_path == NULL)
			return dsc_fail_memory();
	}
	return nbd_takeover_export(app);
}

static int export_disk(struct nbd_app *app)
{
	int rc;

	if (strlen(app->options->export) > NBD_STRING_MAX)
		return dsc_fail(EINVAL, "the export's name is longer than %d "
				"bytes", NBD_STRING_MAX);
	app->export = (struct nbd_export){
		.name = app->options->export,
		.disk = &app->disk,
	};
	rc = nbd_server_init(&app->server, app->ctx, &app->export);
	if (rc < 0)
		return rc;
	app->server.clients_max = app->options->max_clients;
	app->server.tls = app->tls;
	if (nbd_frontend_is_taken(app->frontend))
		return export_frontend(app);
	if (nbd_takeover_is_open(app))
		return export_taken(app);
	if (app->options->device != NULL)
		return nbd_device_export(app);
	if (app->options->listen != NULL)
		return export_tcp(app);
	return export_socket(app);
}

/* ------------------------------------------------------------------- report */

static void on_bytes(void *arg, uint64_t bytes)
{
	struct nbd_app *app = arg;

	nbd_kernel_resize(&app->kernel, bytes);
}

static void on_state(void *arg, const struct nbd_state *state)
{
	struct nbd_app *app = arg;
	const char *place = state->socket[0] != '\0' ? state->socket :
			    app->place;

	if (state->device[0] != '\0')
		place = state->device;
	if (strcmp(state->state, "ready") == 0)
		nbd_notify_status(app->notify, "LUN %" PRIu64 " of %s is %s",
				  state->lun, state->target, place);
	else
		nbd_notify_status(app->notify, "%s is %s: %s", place,
				  state->state, state->last_error);
}

static void on_round(void *arg)
{
	struct nbd_app *app = arg;

	if (!nbd_registry_restore(&app->registry))
		return;
	nbd_listener_restore(&app->listener);
	nbd_handover_restore(app);
}

static int publish(struct nbd_app *app)
{
	int rc;

	app->info.size = sizeof(app->info);
	rc = discsi_lun_get_info(app->lun, &app->info);
	if (rc < 0)
		return rc;
	nbd_recall_socket(app);
	app->health.on_bytes = on_bytes;
	app->health.on_state = on_state;
	app->health.on_round = on_round;
	app->health.arg = app;
	return nbd_health_begin(&app->health, app->ctx, app->session,
				&app->registry, &app->disk,
				&(struct nbd_state){
		.device = app->kernel.device,
		.link = app->kernel.link,
		.socket = app->socket_path != NULL ? app->socket_path : "",
		.export = app->export.name,
		.target = app->target,
		.lun = app->lun_id,
		.bytes = app->disk.bytes,
		.connections = app->kernel.device[0] != '\0' ?
			       app->kernel.connections : 0,
		.is_read_only = app->disk.is_read_only,
		.designator = app->info.designator,
		.serial = app->info.serial,
		.vendor = app->info.vendor,
		.product = app->info.product,
		.revision = app->info.revision,
		.block_size = app->info.block_size,
		.is_thin = app->info.thin,
		.pid = nbd_app_signalled(app),
	});
}

/* ---------------------------------------------------------------------- run */

/*
 * Whoever has started us has the report, or is gone without it: then nobody knows
 * of the export. But what was taken over is used already.
 */
static void on_waiter(void *arg, uint32_t events)
{
	struct nbd_app *app = arg;

	(void)events;
	discsi_watch_free(app->waiter);
	app->waiter = NULL;
	if (nbd_daemon_is_told(app->daemon) || app->takeover.is_taken)
		nbd_tell_apart(app);
	else if (app->stops == 0)
		app->stops = 1;
}

void nbd_app_inherit(struct nbd_app *app)
{
	if (!app->is_orphan || app->handover.phase >= NBD_HANDOVER_PASSED)
		return;
	nbd_registry_inherit(&app->registry);
	if (app->health.session != NULL)
		nbd_health_owned(&app->health, getpid());
}

/* The worker goes on alone, and is the one to be told to end from now on. */
static void on_supervisor_gone(void *arg, uint32_t events)
{
	struct nbd_app *app = arg;

	(void)events;
	discsi_watch_free(app->supervisor);
	app->supervisor = NULL;
	app->is_orphan = true;
	nbd_log(DISCSI_LOG_ERROR, "the supervisor is gone: nobody starts this "
		"again when it crashes");
	nbd_app_inherit(app);
}

static int open_loop(struct nbd_app *app)
{
	int rc = discsi_context_new(&app->ctx);

	if (rc < 0)
		return rc;
	/* A host has many of these processes, and needs its processors. */
	dsc_loop_be_patient(&app->ctx->loop);
	discsi_context_set_log(app->ctx, nbd_log_library, NULL,
			       nbd_log_level());
	rc = nbd_app_watch_signals(app);
	if (rc == 0)
		rc = nbd_notify_watch(app->notify, app->ctx);
	if (rc == 0 && app->daemon->peer >= 0)
		rc = discsi_watch_new(app->ctx, app->daemon->peer, EPOLLIN,
				      on_waiter, app, &app->waiter);
	if (rc == 0 && app->supervised.link >= 0)
		rc = discsi_watch_new(app->ctx, app->supervised.link, EPOLLIN,
				      on_supervisor_gone, app,
				      &app->supervisor);
	return rc;
}

static int prepare(struct nbd_app *app)
{
	int rc;

	if (app->options->takeover != NULL) {
		rc = nbd_takeover_begin(app);
		if (rc == 0)
			rc = name_disk(app);
		return rc < 0 ? rc : nbd_app_block_signals();
	}
	rc = configure(app);
	if (rc == 0)
		rc = nbd_app_block_signals();
	return rc < 0 ? rc : claim(app);
}

static int start(struct nbd_app *app)
{
	static int (*const steps[])(struct nbd_app *app) = {
		harden, nbd_recall, prepare_tcp, open_loop,
		open_lun, export_disk, publish, nbd_handover_open, nbd_tell_ready,
	};
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		rc = steps[i](app);
		if (rc < 0 && app->takeover.is_taken) {
			nbd_tell_survived();
			rc = 0;
		}
	}
	return rc;
}

/*
 * Ends the session and the loop. In good order the LUN lets go of all buffers
 * and the session logs out, both of which may take the target's time. In a
 * hurry, or when a call was not waited for, the context ends them at once.
 */
static void close_session(struct nbd_app *app)
{
	nbd_health_end(&app->health);
	if (app->call.is_done && !nbd_app_is_in_hurry(app)) {
		discsi_lun_close(app->lun);
		nbd_server_fini(&app->server);
		discsi_session_close(app->session);
	}
	discsi_timer_free(app->deadline);
	nbd_notify_end(app->notify);
	discsi_watch_free(app->waiter);
	discsi_watch_free(app->signals);
	discsi_watch_free(app->supervisor);
	discsi_context_destroy(app->ctx);
	nbd_server_abandon(&app->server);
}

/* Frees what there is. */
static void take_down(struct nbd_app *app)
{
	nbd_handover_close(app);
	nbd_takeover_close(app);
	nbd_frontend_close(app->frontend);
	nbd_listener_close(&app->listener);
	nbd_kernel_fini(&app->kernel);
	close_session(app);
	if (app->signal_fd >= 0)
		close(app->signal_fd);
	if (app->tcp_fd >= 0)
		close(app->tcp_fd);
	nbd_tls_creds_free(app->tls);
	if (app->supervised.link >= 0)
		close(app->supervised.link);
	discsi_conf_free(app->conf);
	nbd_registry_release(&app->registry);
	free(app->socket_path);
	free(app->target);
	free(app->name);
}

/* True in a worker; the supervisor comes back when all is over. */
static bool supervise(struct nbd_app *app, int *status)
{
	bool is_worker;

	app->supervised.has_device = app->options->device != NULL;
	app->supervised.errand = app->takeover.fd;
	is_worker = nbd_supervise(&app->supervised, app->daemon, &app->conf,
				  &app->registry, status);
	app->takeover.fd = app->supervised.errand;
	return is_worker;
}

/* Serves until that ends, and ends it. Returns the exit status. */
static int serve(struct nbd_app *app)
{
	nbd_app_serve(app);
	nbd_handover_end(app);
	if (app->handover.phase == NBD_HANDOVER_DONE)
		return NBD_EXIT_HANDED_OVER;
	nbd_app_finish(app);
	return EXIT_SUCCESS;
}

int nbd_app_run(struct nbd_options *options, struct nbd_daemon *daemon,
		struct nbd_frontend *frontend, struct nbd_notify *notify)
{
	struct nbd_app app = {
		.options = options,
		.daemon = daemon,
		.frontend = frontend,
		.notify = notify,
		.listener = NBD_LISTENER_INIT,
		.kernel = NBD_KERNEL_INIT,
		.registry = NBD_REGISTRY_INIT,
		.signal_fd = -1,
		.tcp_fd = -1,
		.supervised = NBD_SUPERVISED_NONE,
		.handover = NBD_HANDOVER_INIT,
		.takeover = NBD_TAKEOVER_INIT,
		.left_index = -1,
	};
	struct discsi_error error;
	int status;
	int rc = prepare(&app);

	if (rc == 0 && options->is_supervise &&
	    !supervise(&app, &status)) {
		take_down(&app);
		return status;
	}
	if (rc == 0)
		rc = start(&app);
	if (rc == 0) {
		status = serve(&app);
		take_down(&app);
		return status;
	}
	error = *discsi_last_error();
	if (app.server.ctx != NULL)
		nbd_app_finish(&app);
	if (nbd_app_signalled(&app) != getpid())
		nbd_registry_leave(&app.registry);
	if (rc < 0 && app.left_index >= 0)
		app.registry.is_named = false;
	take_down(&app);
	nbd_tell_failure(&app, &error);
	return EXIT_FAILURE;
}
