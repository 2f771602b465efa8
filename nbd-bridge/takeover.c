/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * takeover.c: becoming the process that serves the disk of a running bridge:
 * the successor's part of handover.c. Main thread; it waits for answers without
 * turning the loop, which has nothing to do yet but its own session's pings.
 *
 * Whatever fails before "taken" leaves that bridge as it was. Its session stays
 * its own: this process logs in beside it, under another ISID.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"

#include "app.h"
#include "log.h"
#include "parcel.h"

/* Longer than the running bridge waits before it says that it is in vain. */
#define ANSWER_TIMEOUT_S (2 * NBD_HANDOVER_PAUSE_MS / 1000)

/* Clients that have been passed and are not served yet. */
struct crowd {
	struct nbd_parcel *parcels;
	size_t count;
};

/* -------------------------------------------------------------- the dialogue */

static int fail_gone(int rc)
{
	if (rc == -EAGAIN)
		return dsc_fail(ETIMEDOUT, "the running bridge does not answer "
				"within %u s", ANSWER_TIMEOUT_S);
	if (rc == -EPIPE || rc == -ECONNRESET)
		return dsc_fail(ECONNRESET, "the running bridge has hung up: "
				"it is being taken over already, has ended, or "
				"does not trust this process");
	return dsc_fail(-rc, "the running bridge cannot be talked to (%s)",
			discsi_errno_name(rc));
}

static int say(const struct nbd_app *app, const char *what)
{
	const struct nbd_parcel_member members[] = {
		{ "do", json_object_new_string(what) },
		{ "version", json_object_new_int(NBD_HANDOVER_VERSION) },
	};
	int rc = nbd_parcel_send(app->takeover.fd,
				 nbd_parcel_object(members, 2), NULL, 0, -1);

	return rc < 0 ? fail_gone(rc) : 0;
}

/* parcel: freed by the caller, whatever is returned. */
static int ask(const struct nbd_app *app, const char *what,
	       struct nbd_parcel *parcel)
{
	int rc = say(app, what);

	*parcel = (struct nbd_parcel)NBD_PARCEL_INIT;
	if (rc < 0)
		return rc;
	rc = nbd_parcel_receive(app->takeover.fd, parcel);
	if (rc < 0)
		return fail_gone(rc);
	rc = (int)nbd_parcel_number(parcel, "errno");
	if (rc != 0)
		return dsc_fail(rc > 0 ? rc : EPROTO, "the running bridge is "
				"not taken over: %s",
				nbd_parcel_text(parcel, "message"));
	return 0;
}

/* -------------------------------------------------------------------- hello */

static int connect_at(const char *path)
{
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strnlen(path,
					       sizeof(address.sun_path) - 1));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
		       sizeof(timeout)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		rc = -errno;
	else if (!nbd_parcel_is_trusted(fd))
		rc = -EPERM;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int connect_bridge(struct nbd_app *app, const char *id)
{
	char *path;
	int rc = dsc_registry_open(&app->registry.dir, false);

	if (rc == -ENOENT)
		return dsc_fail(ENOENT, "there is no bridge %s", id);
	if (rc == 0)
		rc = dsc_registry_control_path(&app->registry.dir, id, &path);
	if (rc < 0)
		return rc;
	app->takeover.fd = connect_at(path);
	free(path);
	if (app->takeover.fd >= 0)
		return 0;
	rc = app->takeover.fd;
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return dsc_fail(ENOENT, "there is no running bridge %s", id);
	return dsc_fail(-rc, "the running bridge %s cannot be reached (%s)", id,
			discsi_errno_name(rc));
}

/* Copies a text that is not "". */
static int keep_text(const struct nbd_parcel *parcel, const char *name,
		     char **copy)
{
	const char *text = nbd_parcel_text(parcel, name);

	if (text[0] == '\0')
		return 0;
	*copy = strdup(text);
	return *copy != NULL ? 0 : dsc_fail_memory();
}

static unsigned number_of(const struct nbd_parcel *parcel, const char *name,
			  unsigned otherwise)
{
	int64_t number = nbd_parcel_number(parcel, name);

	return number > 0 && number <= INT32_MAX ? (unsigned)number : otherwise;
}

static int fill_options(struct nbd_app *app, const struct nbd_parcel *parcel)
{
	struct nbd_takeover *takeover = &app->takeover;
	struct nbd_options *options = app->options;
	int rc = keep_text(parcel, "device", &takeover->device);

	if (rc == 0)
		rc = keep_text(parcel, "socket", &takeover->socket);
	if (rc == 0)
		rc = keep_text(parcel, "export", &takeover->export);
	if (rc < 0)
		return rc;
	takeover->pid = (long)nbd_parcel_number(parcel, "pid");
	options->device = takeover->device;
	options->socket = takeover->socket;
	if (takeover->export != NULL)
		options->export = takeover->export;
	options->max_clients = number_of(parcel, "max_clients",
					 options->max_clients);
	options->restart_timeout_s = number_of(parcel, "restart_timeout",
					       options->restart_timeout_s);
	options->connections = number_of(parcel, "connections", 1);
	if (options->connections > NBD_CONNECTIONS_MAX)
		return dsc_fail(EPROTO, "the running bridge has more "
				"connections than there can be");
	options->is_supervise |= nbd_parcel_flag(parcel, "supervised");
	return 0;
}

/* The same disk or none; and not the ISID, with which the session would end. */
static int fill_conf(struct nbd_app *app, const struct nbd_parcel *parcel)
{
	const char *disk = nbd_parcel_text(parcel, "designator");
	char *expected = NULL;
	int rc = discsi_conf_new(&app->conf);

	if (rc == 0)
		rc = discsi_conf_set_json(app->conf, parcel->bytes,
					  parcel->length, NULL, NULL);
	if (rc == 0)
		rc = discsi_conf_set(app->conf, "isid", NULL);
	if (rc == 0)
		rc = discsi_conf_get(app->conf, "expected_id", &expected);
	if (disk[0] == '\0')
		disk = nbd_parcel_text(parcel, "serial");
	if (rc == 0 && expected == NULL && disk[0] != '\0')
		rc = discsi_conf_set(app->conf, "expected_id", disk);
	free(expected);
	return rc;
}

static int take_in(struct nbd_app *app, const char *id,
		   struct nbd_parcel *parcel)
{
	int lock_fd = nbd_parcel_take_fd(parcel);
	int rc;

	if (lock_fd < 0)
		return dsc_fail(EPROTO, "the running bridge does not hand over "
				"its lock");
	rc = nbd_registry_share(&app->registry, id, lock_fd);
	if (rc == 0)
		rc = fill_options(app, parcel);
	return rc < 0 ? rc : fill_conf(app, parcel);
}

int nbd_takeover_begin(struct nbd_app *app)
{
	const char *id = app->options->takeover;
	struct nbd_parcel parcel;
	int rc;

	if (!dsc_registry_is_id(id))
		return dsc_fail(ENOENT, "there is no bridge %s",
				dsc_secret_shown(id));
	nbd_daemon_close_inherited(app->daemon);
	rc = connect_bridge(app, id);
	if (rc < 0)
		return rc;
	rc = ask(app, "hello", &parcel);
	if (rc == 0)
		rc = take_in(app, id, &parcel);
	nbd_parcel_free(&parcel);
	return rc;
}

bool nbd_takeover_is_open(const struct nbd_app *app)
{
	return app->takeover.fd >= 0;
}

/* ------------------------------------------------------------------ clients */

static int grow(struct crowd *crowd)
{
	struct nbd_parcel *more = reallocarray(crowd->parcels,
					       crowd->count + 1,
					       sizeof(*more));

	if (more == NULL)
		return dsc_fail_memory();
	crowd->parcels = more;
	return 0;
}

/* Receives them all; none is served yet. */
static int collect(struct nbd_app *app, struct crowd *crowd)
{
	struct nbd_parcel *parcel;
	int rc;

	for (;;) {
		rc = grow(crowd);
		if (rc < 0)
			return rc;
		parcel = &crowd->parcels[crowd->count];
		rc = ask(app, "next", parcel);
		if (rc < 0 || nbd_parcel_flag(parcel, "end"))
			break;
		crowd->count++;
	}
	nbd_parcel_free(parcel);
	return rc;
}

static int adopt_client(struct nbd_app *app, struct nbd_parcel *parcel)
{
	bool is_kernel = nbd_parcel_flag(parcel, "kernel");
	const struct nbd_passed passed = {
		.fd = parcel->fd,
		.kind = is_kernel ? NBD_CLIENT_KERNEL : NBD_CLIENT_PASSED,
		.headers = (enum nbd_headers)nbd_parcel_number(parcel,
							       "headers"),
		.has_allocation = nbd_parcel_flag(parcel, "allocation"),
		.bytes = (const uint8_t *)parcel->bytes,
		.length = parcel->length,
	};
	int rc = -EPROTO;

	if (parcel->fd >= 0 && is_kernel == (app->takeover.device != NULL))
		rc = is_kernel ? nbd_kernel_adopt(&app->kernel, &passed) :
		     nbd_server_adopt(&app->server, &passed,
				      nbd_listener_on_room, &app->listener);
	if (rc < 0)
		return dsc_fail(-rc, "a client cannot be taken over (%s)",
				discsi_errno_name(rc));
	parcel->fd = -1;
	return 0;
}

static int adopt(struct nbd_app *app, struct crowd *crowd)
{
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < crowd->count; i++)
		rc = adopt_client(app, &crowd->parcels[i]);
	if (rc == 0 && app->takeover.device != NULL && crowd->count == 0)
		rc = dsc_fail(EPROTO, "the running bridge has no connection to "
			      "the kernel");
	return rc;
}

/* Where new clients come in, unless the kernel is the only one. */
static int adopt_listener(struct nbd_app *app, struct nbd_parcel *parcel)
{
	int fd = nbd_parcel_take_fd(parcel);
	int rc;

	if (app->takeover.device != NULL && fd < 0)
		return 0;
	if (app->takeover.device != NULL || fd < 0) {
		if (fd >= 0)
			close(fd);
		return dsc_fail(EPROTO, "the running bridge does not hand over "
				"what it listens on");
	}
	rc = nbd_listener_adopt(&app->listener, &app->server, fd);
	if (rc < 0)
		close(fd);
	return rc;
}

/* From the drain on, as fast as can be: somebody waits. */
static int take_clients(struct nbd_app *app)
{
	struct crowd crowd = { NULL, 0 };
	struct nbd_parcel parcel;
	int rc = ask(app, "drain", &parcel);

	if (rc == 0)
		rc = adopt_listener(app, &parcel);
	nbd_parcel_free(&parcel);
	if (rc == 0)
		rc = collect(app, &crowd);
	if (rc == 0)
		rc = adopt(app, &crowd);
	if (rc == 0)
		rc = say(app, "taken");
	if (rc < 0) {
		nbd_listener_close(&app->listener);
		nbd_server_drop(&app->server);
	}
	while (crowd.count > 0)
		nbd_parcel_free(&crowd.parcels[--crowd.count]);
	free(crowd.parcels);
	return rc;
}

static int prepare(struct nbd_app *app)
{
	int index;
	int rc;

	if (app->takeover.device == NULL)
		return 0;
	rc = nbd_kernel_parse_device(app->takeover.device, &index);
	app->kernel.dead_timeout_s = app->options->restart_timeout_s;
	if (rc == 0)
		rc = nbd_reserve_take(app);
	if (rc == 0)
		rc = nbd_kernel_begin_adopt(&app->kernel, &app->server,
					    (uint32_t)index, app->registry.id);
	return rc;
}

int nbd_takeover_export(struct nbd_app *app)
{
	struct nbd_takeover *takeover = &app->takeover;
	uint64_t begin_ns;
	int rc = prepare(app);

	if (rc == 0 && app->stops > 0)
		rc = dsc_fail(ECANCELED, "told to end before anything was "
			      "taken over");
	if (rc < 0)
		return rc;
	begin_ns = dsc_clock_now_ns();
	rc = take_clients(app);
	if (rc < 0)
		return rc;
	takeover->is_taken = true;
	takeover->pause_ms = (dsc_clock_now_ns() - begin_ns) / DSC_NS_PER_MS;
	nbd_registry_own(&app->registry, nbd_app_signalled(app));
	nbd_supervised_ready(&app->supervised);
	if (takeover->device != NULL)
		nbd_kernel_finish_adopt(&app->kernel);
	else if (nbd_listener_own(&app->listener, takeover->socket) < 0)
		nbd_log(DISCSI_LOG_WARNING, "%s", discsi_last_error()->message);
	close(takeover->fd);
	takeover->fd = -1;
	nbd_log(DISCSI_LOG_WARNING, "%s is taken over from process %ld, after "
		"a pause of %llu ms", takeover->device != NULL ?
		takeover->device : takeover->socket, takeover->pid,
		(unsigned long long)takeover->pause_ms);
	return 0;
}

void nbd_takeover_close(struct nbd_app *app)
{
	struct nbd_takeover *takeover = &app->takeover;

	if (takeover->fd >= 0)
		close(takeover->fd);
	free(takeover->device);
	free(takeover->socket);
	free(takeover->export);
}
