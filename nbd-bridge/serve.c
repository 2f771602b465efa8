/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * serve.c: the loop of a bridge that is up, and its end. Main thread.
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"

#include "app.h"
#include "log.h"

/* A detach waits 30 s for the whole of it. */
#define FINISH_TIMEOUT_MS 20000u

/* ---------------------------------------------------------------- signals */

static void on_signal(void *arg, uint32_t events)
{
	struct nbd_app *app = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(app->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1) {
		nbd_health_look(&app->health, app->lun);
		return;
	}
	if (info.ssi_signo == SIGPIPE ||
	    (info.ssi_signo == SIGHUP && app->daemon->is_forked))
		return;
	nbd_log(DISCSI_LOG_INFO, "signal %u: ending", info.ssi_signo);
	app->stops++;
}

static void fill_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGPIPE);
	sigaddset(set, SIGUSR1);
}

int nbd_app_block_signals(void)
{
	sigset_t set;

	fill_signals(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return dsc_fail(errno, "signals cannot be blocked (%s)",
				discsi_errno_name(errno));
	return 0;
}

int nbd_app_watch_signals(struct nbd_app *app)
{
	sigset_t set;

	fill_signals(&set);
	app->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (app->signal_fd < 0)
		return dsc_fail(errno, "signals cannot be received (%s)",
				discsi_errno_name(errno));
	return discsi_watch_new(app->ctx, app->signal_fd, EPOLLIN, on_signal,
				app, &app->signals);
}

/* ---------------------------------------------------------------- waiting */

int nbd_app_wait(struct nbd_app *app, const bool *flag)
{
	while (!*flag && app->stops == 0)
		discsi_context_dispatch(app->ctx, -1);
	if (*flag)
		return 0;
	return dsc_fail(ECANCELED, "told to end before the export was ready");
}

/* A socket that the kernel has closed is replaced, unless it is done with us. */
static bool is_device_gone(const struct nbd_app *app)
{
	return nbd_kernel_is_gone(&app->kernel) && !app->server.is_paused;
}

/*
 * The loop sleeps between two events, but for a device with one request at a
 * time where the configuration says so: as long as that comes and is answered
 * within poll_us, it waits awake.
 */
static bool may_poll(struct nbd_app *app)
{
	uint32_t us = 0;

	/* Without memory for the question it sleeps, which is no error. */
	(void)nbd_app_number(app, "poll_us", &us);
	if (us > 0)
		dsc_loop_stay_awake(&app->ctx->loop, UINT64_C(1000) * us);
	return us > 0;
}

static void turn(struct nbd_app *app, bool may_be_awake)
{
	if (may_be_awake && nbd_server_is_prompt(&app->server))
		(void)dsc_loop_turn_eagerly(&app->ctx->loop);
	else
		discsi_context_dispatch(app->ctx, -1);
}

void nbd_app_serve(struct nbd_app *app)
{
	bool may_be_awake = may_poll(app);

	while (app->stops == 0 && !is_device_gone(app) &&
	       !nbd_frontend_is_over(app->frontend, &app->server) &&
	       app->handover.phase != NBD_HANDOVER_DONE) {
		turn(app, may_be_awake);
		nbd_handover_turn(app);
	}
	if (is_device_gone(app))
		nbd_log(DISCSI_LOG_WARNING, "%s was detached by somebody else",
			app->kernel.device);
}

/* -------------------------------------------------------------- the end */

static void on_deadline(void *arg)
{
	struct nbd_app *app = arg;

	app->is_late = true;
}

bool nbd_app_is_in_hurry(const struct nbd_app *app)
{
	return app->is_late || app->stops > 1;
}

static void flush_device(struct nbd_app *app)
{
	struct nbd_kernel *kernel = &app->kernel;

	if (kernel->is_client_gone || !kernel->is_attached ||
	    nbd_app_is_in_hurry(app) || nbd_kernel_start_flush(kernel) < 0)
		return;
	while (kernel->flush.worker.is_running && !nbd_app_is_in_hurry(app))
		discsi_context_dispatch(app->ctx, -1);
	if (!kernel->flush.worker.is_running && kernel->flush.rc < 0)
		nbd_log(DISCSI_LOG_WARNING, "%s",
			kernel->flush.error.message);
}

/*
 * A flush that hangs may be left; the detach is waited for, and ends it. The
 * name that we have given the device is ours to remove, whoever has detached it.
 */
static void finish_device(struct nbd_app *app)
{
	struct nbd_kernel *kernel = &app->kernel;

	if (kernel->device[0] == '\0')
		return;
	flush_device(app);
	nbd_registry_name(&app->registry, NULL);
	if (nbd_kernel_start_detach(kernel) < 0)
		return;
	nbd_worker_join(&kernel->detach.worker);
	if (nbd_kernel_finish_detach(kernel) < 0)
		nbd_log(DISCSI_LOG_ERROR, "%s", discsi_last_error()->message);
}

static void finish_clients(struct nbd_app *app)
{
	struct nbd_server *server = &app->server;

	nbd_server_drain(server);
	while ((!nbd_server_is_idle(server) ||
		nbd_frontend_is_busy(app->frontend)) &&
	       !nbd_app_is_in_hurry(app))
		discsi_context_dispatch(app->ctx, -1);
	if (!nbd_server_is_idle(server))
		nbd_log(DISCSI_LOG_WARNING, "clients are disconnected before "
			"they have all their replies");
	nbd_server_drop(server);
}

static void on_flushed(void *arg, int result, const struct discsi_error *error)
{
	struct nbd_app *app = arg;

	if (result < 0 && result != -ECANCELED)
		nbd_log(DISCSI_LOG_ERROR, "the disk's cache is not flushed: %s",
			error->message);
	app->call.is_done = true;
}

static void finish_disk(struct nbd_app *app)
{
	const struct nbd_disk *disk = &app->disk;

	app->call.is_done = disk->is_read_only ||
		disk->ops->flush(disk->handle, on_flushed, app) < 0;
	while (!app->call.is_done && !nbd_app_is_in_hurry(app))
		discsi_context_dispatch(app->ctx, -1);
}

/* Whoever serves the disk next sees to what the target may still carry out. */
static bool is_owing(const struct nbd_app *app)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	return app->session != NULL &&
	       discsi_session_get_info(app->session, &info) == 0 &&
	       info.may_write_late;
}

void nbd_app_finish(struct nbd_app *app)
{
	nbd_notify_stopping(app->notify);
	if (discsi_timer_new(app->ctx, on_deadline, app, &app->deadline) == 0)
		discsi_timer_set(app->deadline, FINISH_TIMEOUT_MS);
	else
		app->is_late = true;
	nbd_listener_close(&app->listener);
	finish_device(app);
	finish_clients(app);
	finish_disk(app);
	app->registry.is_owing = is_owing(app);
}
