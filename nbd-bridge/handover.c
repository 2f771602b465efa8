/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handover.c: a running bridge gives its disk to another process on purpose.
 * Main thread.
 *
 * The clients' connections go over as they are, the kernel's among them, so
 * that no client sees anything but a pause: not even a request that it has sent
 * already and that nobody has received yet is lost, or sent twice. (A new
 * socket for the kernel would cost those the seconds until its timer looks.)
 *
 * Two processes must never read the same connection. So the successor reads
 * none before it has said "taken", and this process none after it may have done
 * so: should it give up waiting, it shuts the control connection down first,
 * after which the successor cannot say it any more, and looks whether it has.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <discsi/version.h>

#include "base/error.h"
#include "base/secret.h"

#include "app.h"
#include "log.h"
#include "parcel.h"

/* The successor has this long to log in. */
#define LOGIN_TIMEOUT_MS 120000u

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define RESETS_MAX 4  /* a connection's error hides what was sent before it */

/* How what the successor says begins when it serves, as say() puts it. */
#define TAKEN "{\"do\":\"taken\""

/* Why what may still be carried out must be over first. */
#define NOT_WHOLE \
	"not all of its sessions are connected: try again when they are"

/* Until another connection is accepted when there is no descriptor for it. */
#define ACCEPT_PAUSE_MS 1000u

/* ------------------------------------------------------------------ the end */

/* True when the successor has said that it serves. Nobody can say so later. */
static bool has_taken(struct nbd_handover *handover)
{
	char text[512];
	bool is_taken = false;
	int resets = 0;
	ssize_t n;

	shutdown(handover->fd, SHUT_RDWR);
	/* Without memory, too, it has to be known: so nothing is parsed. */
	do {
		n = recv(handover->fd, text, sizeof(text) - 1, MSG_DONTWAIT);
		text[n > 0 ? n : 0] = '\0';
		if (handover->phase == NBD_HANDOVER_PASSED)
			is_taken |= strncmp(text, TAKEN,
					    sizeof(TAKEN) - 1) == 0;
	} while (n > 0 || (n < 0 && (errno == EINTR ||
				     (errno == ECONNRESET &&
				      resets++ < RESETS_MAX))));
	return is_taken;
}

static void hang_up(struct nbd_handover *handover)
{
	discsi_watch_free(handover->watch);
	handover->watch = NULL;
	if (handover->deadline != NULL)
		discsi_timer_stop(handover->deadline);
	if (handover->fd >= 0)
		close(handover->fd);
	handover->fd = -1;
}

/* Goes on as if nobody had asked. */
static void resume(struct nbd_app *app)
{
	nbd_server_resume(&app->server);
	nbd_kernel_resume(&app->kernel);
	nbd_listener_update(&app->listener);
	nbd_health_resume(&app->health);
	nbd_app_inherit(app);
}

/* Nothing came of it, unless it turns out that it did. */
static void give_up(struct nbd_app *app, const char *why)
{
	struct nbd_handover *handover = &app->handover;
	enum nbd_handover_phase phase = handover->phase;

	handover->phase = has_taken(handover) ? NBD_HANDOVER_DONE :
						NBD_HANDOVER_IDLE;
	hang_up(handover);
	if (handover->phase == NBD_HANDOVER_DONE)
		return;
	if (phase >= NBD_HANDOVER_DRAINING)
		resume(app);
	if (why != NULL)
		nbd_log(DISCSI_LOG_WARNING, "nobody takes over: %s", why);
}

static void refuse(struct nbd_app *app, int error, const char *why)
{
	const struct nbd_parcel_member members[] = {
		{ "errno", json_object_new_int(error) },
		{ "message", json_object_new_string(why) },
	};

	nbd_parcel_send(app->handover.fd,
			nbd_parcel_object(members, COUNT(members)), NULL, 0,
			-1);
	give_up(app, why);
}

/* The target has the whole pause, but a client costs the others only little. */
static void look_early(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;

	handover->is_early = false;
	if (handover->phase == NBD_HANDOVER_DRAINING &&
	    nbd_server_is_held_up(&app->server))
		refuse(app, ETIMEDOUT, "a client is in the middle of a request "
		       "and does not go on with it");
	else
		discsi_timer_set(handover->deadline, NBD_HANDOVER_PAUSE_MS -
				 NBD_HANDOVER_HELD_UP_MS);
}

static void on_deadline(void *arg)
{
	static const char *const whys[] = {
		[NBD_HANDOVER_IDLE] = "the successor says nothing",
		[NBD_HANDOVER_GREETED] =
			"the successor takes too long to log in",
		[NBD_HANDOVER_DRAINING] =
			"requests under way are not done in time",
		[NBD_HANDOVER_FLUSHING] =
			"the disk's cache is not flushed in time",
		[NBD_HANDOVER_PASSING] =
			"the successor does not take the clients in time",
		[NBD_HANDOVER_PASSED] =
			"the successor does not go on in time",
		[NBD_HANDOVER_DONE] = "",
	};
	struct nbd_app *app = arg;

	if (app->handover.fd < 0) {
		discsi_watch_set(app->handover.listening, EPOLLIN);
		return;
	}
	if (app->handover.is_early)
		look_early(app);
	else
		refuse(app, ETIMEDOUT, whys[app->handover.phase]);
}

/* An answer; without it there is no successor. */
static void answer(struct nbd_app *app, struct json_object *object,
		   const void *bytes, size_t length, int fd)
{
	int rc = nbd_parcel_send(app->handover.fd, object, bytes, length, fd);

	if (rc < 0)
		give_up(app, rc == -EPIPE ? "the successor is gone" :
			discsi_errno_name(rc));
}

/* -------------------------------------------------------------------- hello */

/* Why this bridge cannot be taken over from: NULL when it can. */
static const char *find_obstacle(const struct nbd_app *app)
{
	if (app->notify->length > 0)
		return "it is a service, whose manager would start it again: "
		       "restart the service instead";
	if (app->tls != NULL)
		return "clients with TLS cannot be taken over";
	if (!app->kernel.is_attached && app->listener.path == NULL)
		return "it is neither a kernel device nor on a Unix socket of "
		       "its own, others cannot be taken over";
	return NULL;
}

static struct json_object *describe(const struct nbd_app *app)
{
	const struct nbd_parcel_member members[] = {
		{ "version", json_object_new_int(NBD_HANDOVER_VERSION) },
		{ "program", json_object_new_string(DISCSI_VERSION) },
		{ "pid", json_object_new_int64(getpid()) },
		{ "device", json_object_new_string(app->kernel.device) },
		{ "socket", json_object_new_string(
			app->socket_path != NULL ? app->socket_path : "") },
		{ "export", json_object_new_string(app->options->export) },
		{ "max_clients",
		  json_object_new_int64(app->options->max_clients) },
		{ "restart_timeout",
		  json_object_new_int64(app->options->restart_timeout_s) },
		{ "connections",
		  json_object_new_int64(app->kernel.connections) },
		{ "supervised",
		  json_object_new_boolean(app->supervised.is_worker) },
		{ "designator", json_object_new_string(app->info.designator) },
		{ "serial", json_object_new_string(app->info.serial) },
	};

	return nbd_parcel_object(members, COUNT(members));
}

static void on_hello(struct nbd_app *app, const struct nbd_parcel *parcel)
{
	const char *obstacle = find_obstacle(app);
	char *conf;

	if (nbd_parcel_number(parcel, "version") != NBD_HANDOVER_VERSION)
		obstacle = "its version hands over in another way: detach it "
			   "and attach again";
	if (obstacle != NULL) {
		refuse(app, EOPNOTSUPP, obstacle);
		return;
	}
	if (discsi_conf_to_json(app->conf, DISCSI_CONF_SECRETS, &conf) < 0) {
		refuse(app, ENOMEM, "no memory");
		return;
	}
	app->handover.phase = NBD_HANDOVER_GREETED;
	discsi_timer_set(app->handover.deadline, LOGIN_TIMEOUT_MS);
	answer(app, describe(app), conf, strlen(conf), app->registry.lock_fd);
	dsc_wipe(conf, strlen(conf));
	free(conf);
}

/* -------------------------------------------------------------------- drain */

static void on_flushed(void *arg, int result, const struct discsi_error *error)
{
	struct nbd_app *app = arg;

	(void)error;
	app->handover.is_flushed = true;
	app->handover.is_flush_pending = false;
	app->handover.flush_rc = result;
}

static void flush(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;
	const struct nbd_disk *disk = &app->disk;

	handover->phase = NBD_HANDOVER_FLUSHING;
	handover->is_flushed = disk->is_read_only;
	handover->flush_rc = 0;
	if (handover->is_flushed)
		return;
	handover->is_flush_pending = true;
	handover->flush_rc = disk->ops->flush(disk->handle, on_flushed, app);
	if (handover->flush_rc < 0) {
		handover->is_flushed = true;
		handover->is_flush_pending = false;
	}
}

/*
 * A nexus that is being recovered may be owed a barrier: a write of it has
 * failed, and may still be carried out. The successor would not know of that.
 */
static bool is_whole(struct nbd_app *app)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	return app->session == NULL ||
	       (discsi_session_get_info(app->session, &info) == 0 &&
		info.sessions_ready == info.sessions);
}

/*
 * A resize waits in the kernel for requests that a pause would hold up. And the
 * answer to a flush that nobody waits for any more must not be taken for that
 * of the next one.
 */
static void on_drain(struct nbd_app *app, const struct nbd_parcel *parcel)
{
	(void)parcel;
	if (app->handover.is_flush_pending ||
	    app->kernel.resize.worker.is_running ||
	    app->kernel.replace.worker.is_running) {
		refuse(app, EBUSY, "the device is being changed, try again");
		return;
	}
	if (!is_whole(app)) {
		refuse(app, EBUSY, NOT_WHOLE);
		return;
	}
	app->handover.phase = NBD_HANDOVER_DRAINING;
	app->handover.is_early = true;
	discsi_timer_set(app->handover.deadline, NBD_HANDOVER_HELD_UP_MS);
	nbd_health_pause(&app->health);
	nbd_server_pause(&app->server);
	nbd_listener_update(&app->listener);
}

static void tell_drained(struct nbd_app *app)
{
	app->handover.phase = NBD_HANDOVER_PASSING;
	answer(app, nbd_parcel_object(NULL, 0), NULL, 0,
	       app->kernel.is_attached ? -1 : app->listener.fd);
}

void nbd_handover_turn(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;

	if (handover->phase == NBD_HANDOVER_DRAINING &&
	    nbd_server_is_quiet(&app->server) && is_whole(app))
		flush(app);
	if (handover->phase != NBD_HANDOVER_FLUSHING || !handover->is_flushed)
		return;
	if (handover->flush_rc < 0)
		refuse(app, EIO, "the disk's cache cannot be flushed");
	else if (!is_whole(app))
		refuse(app, EBUSY, NOT_WHOLE);
	else
		tell_drained(app);
}

/* --------------------------------------------------------------------- next */

static void on_next(struct nbd_app *app, const struct nbd_parcel *parcel)
{
	struct nbd_passed passed = { .fd = -1 };
	bool is_end = !nbd_server_pass(&app->server, &passed);
	bool is_kernel = passed.kind == NBD_CLIENT_KERNEL;
	const struct nbd_parcel_member members[] = {
		{ "end", json_object_new_boolean(is_end) },
		{ "kernel", json_object_new_boolean(is_kernel) },
		{ "headers", json_object_new_int((int)passed.headers) },
		{ "allocation",
		  json_object_new_boolean(passed.has_allocation) },
	};

	(void)parcel;
	if (is_end)
		app->handover.phase = NBD_HANDOVER_PASSED;
	answer(app, nbd_parcel_object(members, COUNT(members)), passed.bytes,
	       passed.length, passed.fd);
}

/* -------------------------------------------------------------- the dialogue */

static const struct {
	const char *what;
	enum nbd_handover_phase when;
	void (*handle)(struct nbd_app *app, const struct nbd_parcel *parcel);
} questions[] = {
	{ "hello", NBD_HANDOVER_IDLE, on_hello },
	{ "drain", NBD_HANDOVER_GREETED, on_drain },
	{ "next", NBD_HANDOVER_PASSING, on_next },
};

static void handle(struct nbd_app *app, const struct nbd_parcel *parcel)
{
	const char *what = nbd_parcel_text(parcel, "do");
	size_t i;

	for (i = 0; i < COUNT(questions); i++) {
		if (questions[i].when == app->handover.phase &&
		    strcmp(questions[i].what, what) == 0) {
			questions[i].handle(app, parcel);
			return;
		}
	}
	give_up(app, "the successor does not say what was expected");
}

/* True also for the end of the connection. */
static bool is_something_there(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EINTR);
}

static void on_message(void *arg, uint32_t events)
{
	struct nbd_app *app = arg;
	struct nbd_parcel parcel;
	int rc;

	(void)events;
	/* "taken" or nothing; what is received to be parsed may be lost. */
	if (app->handover.phase == NBD_HANDOVER_PASSED) {
		if (is_something_there(app->handover.fd))
			give_up(app, "the successor does not go on");
		return;
	}
	rc = nbd_parcel_receive(app->handover.fd, &parcel);
	if (rc == 0)
		handle(app, &parcel);
	else if (rc != -EAGAIN)
		give_up(app, app->handover.phase == NBD_HANDOVER_IDLE ? NULL :
			"the successor is gone");
	nbd_parcel_free(&parcel);
}

/* One at a time: others wait in the listening socket's queue. */
static void on_successor(void *arg, uint32_t events)
{
	struct nbd_app *app = arg;
	struct nbd_handover *handover = &app->handover;
	int fd = accept4(handover->listen_fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0 && errno != EAGAIN && handover->fd < 0) {
		discsi_watch_set(handover->listening, 0);
		discsi_timer_set(handover->deadline, ACCEPT_PAUSE_MS);
	}
	if (fd < 0)
		return;
	if (handover->fd >= 0 || !nbd_parcel_is_trusted(fd) ||
	    discsi_watch_new(app->ctx, fd, EPOLLIN, on_message, app,
			     &handover->watch) < 0) {
		close(fd);
		return;
	}
	handover->fd = fd;
	handover->is_early = false;
	discsi_timer_set(handover->deadline, NBD_HANDOVER_PAUSE_MS);
}

/* ------------------------------------------------------------ begin and end */

static int listen_at(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);

	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0600) < 0 || listen(fd, 1) < 0)
		return -errno;
	return 0;
}

static int open_control(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;
	int rc;

	rc = dsc_registry_control_path(&app->registry.dir, app->registry.id,
				       &handover->path);
	if (rc < 0)
		return rc;
	handover->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				     SOCK_NONBLOCK, 0);
	if (handover->listen_fd < 0)
		return -errno;
	rc = listen_at(handover->listen_fd, handover->path);
	if (rc == 0)
		rc = discsi_timer_new(app->ctx, on_deadline, app,
				      &handover->deadline);
	if (rc == 0)
		rc = discsi_watch_new(app->ctx, handover->listen_fd, EPOLLIN,
				      on_successor, app, &handover->listening);
	return rc;
}

int nbd_handover_open(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;
	int rc = open_control(app);

	if (rc < 0 && !handover->cannot_listen)
		nbd_log(DISCSI_LOG_WARNING, "nobody can take over from this "
			"process: its control socket cannot be made (%s)",
			discsi_errno_name(rc));
	handover->cannot_listen = rc < 0;
	handover->is_open = true;
	return 0;
}

/* The path is a successor's where there is one. */
static void close_control(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;

	/* It may be set for the next try to accept. */
	if (handover->fd < 0 && handover->deadline != NULL)
		discsi_timer_stop(handover->deadline);
	discsi_watch_free(handover->listening);
	handover->listening = NULL;
	if (handover->listen_fd >= 0 && handover->path != NULL &&
	    handover->phase != NBD_HANDOVER_DONE &&
	    !nbd_registry_is_lost(&app->registry))
		unlink(handover->path);
	if (handover->listen_fd >= 0)
		close(handover->listen_fd);
	handover->listen_fd = -1;
}

void nbd_handover_restore(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;
	struct stat st;

	if (!handover->is_open || handover->fd >= 0 ||
	    handover->phase != NBD_HANDOVER_IDLE ||
	    (!handover->cannot_listen &&
	     (lstat(handover->path, &st) == 0 || errno != ENOENT)))
		return;
	nbd_handover_close(app);
	nbd_handover_open(app);
}

void nbd_handover_end(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;

	if (handover->fd >= 0)
		give_up(app, "this process ends");
	close_control(app);
	handover->is_open = false;
	if (handover->phase != NBD_HANDOVER_DONE)
		return;
	nbd_kernel_leave(&app->kernel);
	nbd_listener_leave(&app->listener);
	nbd_server_drop(&app->server);
	nbd_health_end(&app->health);
	nbd_registry_leave(&app->registry);
	nbd_log(DISCSI_LOG_INFO, "another process has taken over");
}

void nbd_handover_close(struct nbd_app *app)
{
	struct nbd_handover *handover = &app->handover;

	close_control(app);
	hang_up(handover);
	discsi_timer_free(handover->deadline);
	handover->deadline = NULL;
	free(handover->path);
	handover->path = NULL;
}
