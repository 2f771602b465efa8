/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kernel.c: the order in which a device is attached and detached. The server
 * serves its ends of the socketpairs before the kernel gets the other ones: I/O
 * comes as soon as the device exists. Loop's thread, but for the jobs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bypath.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/list.h"
#include "base/secret.h"

#include "kernel.h"
#include "log.h"
#include "naming.h"
#include "nbdlink.h"
#include "sockets.h"

#define DEVICE_PREFIX "/dev/nbd"
#define INDEX_MAX ((1u << 20) - 1)  /* a minor number */
#define BLOCK_SIZE_MIN 512u

/*
 * The kernel must not give up on a request while the target may still answer
 * it: the library has a deadline for each. With 0 it does not, and when a
 * request has been under way for the queue's io_timeout (nbd_link_tune()) it
 * looks whether the socket is a new one, and sends it again if so.
 *
 * A device with several sockets takes the one that is late for a dead one then,
 * and sends the request over another. That does no harm (gate.c), but a target
 * that is only slow must not cause it.
 */
#define REQUEST_TIMEOUT_S 0
#define RESEND_MS 2000u
#define ANSWER_MARGIN_MS 2000u

/* Until a socket that the kernel has not taken is offered again. */
#define RETRY_MIN_MS 100u
#define RETRY_MAX_MS 10000u

int nbd_kernel_parse_device(const char *text, int *index)
{
	const size_t prefix = strlen(DEVICE_PREFIX);
	unsigned long number;
	char *end;

	*index = NBD_INDEX_ANY;
	if (strcmp(text, "auto") == 0)
		return 0;
	if (strncmp(text, DEVICE_PREFIX, prefix) == 0 &&
	    text[prefix] >= '0' && text[prefix] <= '9') {
		number = strtoul(text + prefix, &end, 10);
		if (*end == '\0' && number <= INDEX_MAX) {
			*index = (int)number;
			return 0;
		}
	}
	return dsc_fail(EINVAL, "a kernel device is \"auto\" or /dev/nbdN, not "
			"\"%s\"", dsc_secret_shown(text));
}

/* -------------------------------------------------------------------- jobs */

static void keep_result(struct nbd_kernel_job *job, int rc)
{
	job->rc = rc;
	if (rc < 0)
		job->error = *discsi_last_error();
}

/* A device is of use without its name, too. */
static void make_link(struct nbd_kernel_job *job)
{
	job->is_named = false;
	if (job->name == NULL)
		return;
	if (nbd_naming_make(job->index, job->backend, job->name) == 0)
		job->is_named = true;
	else
		nbd_log(DISCSI_LOG_WARNING, "/dev/nbd%" PRIu32 ": %s",
			job->index, discsi_last_error()->message);
}

static int attach(struct nbd_kernel_job *job)
{
	int rc = nbd_link_connect(&job->connect, &job->index);

	if (rc < 0)
		return rc;
	rc = nbd_link_wait_device(job->index, job->connect.bytes);
	if (rc < 0)
		return rc;
	nbd_link_tune(job->index, job->resend_ms);
	make_link(job);
	return 0;
}

static void attach_job(void *arg)
{
	struct nbd_kernel_job *job = arg;

	job->index = UINT32_MAX;
	keep_result(job, attach(job));
	if (job->rc < 0 && job->index != UINT32_MAX)
		nbd_link_disconnect(job->index, job->backend);
}

/* With some of the sockets a device works, too. */
static void resume_job(void *arg)
{
	struct nbd_kernel_job *job = arg;
	int rc = 0;

	job->count = 0;
	while (rc == 0 && job->count < job->wanted) {
		rc = nbd_link_replace(job->index, job->backend,
				      &job->fds[job->count]);
		job->count += rc == 0;
	}
	if (rc < 0 && job->count > 0)
		nbd_log(DISCSI_LOG_WARNING, "%s", discsi_last_error()->message);
	keep_result(job, job->count > 0 ? 0 : rc);
	if (job->rc == -ENODEV && job->name != NULL)
		nbd_naming_remove(job->index, job->name);
	if (job->rc < 0)
		return;
	nbd_link_tune(job->index, job->resend_ms);
	make_link(job);
}

static void resize_job(void *arg)
{
	struct nbd_kernel_job *job = arg;

	keep_result(job, nbd_link_resize(job->index, job->backend,
					 job->bytes));
}

static void flush_job(void *arg)
{
	struct nbd_kernel_job *job = arg;

	keep_result(job, nbd_link_flush(job->index));
}

static void detach_job(void *arg)
{
	struct nbd_kernel_job *job = arg;

	if (job->name != NULL)
		nbd_naming_remove(job->index, job->name);
	keep_result(job, nbd_link_disconnect(job->index, job->backend));
}

/* ------------------------------------------------------------------ attach */

static void reconnect(struct nbd_kernel *kernel);

static void on_hangup(void *arg)
{
	struct nbd_kernel *kernel = arg;

	kernel->live--;
	kernel->is_client_gone = kernel->live == 0;
	reconnect(kernel);
}

static void close_sockets(struct nbd_kernel *kernel)
{
	while (kernel->nsockets > 0)
		close(kernel->sockets[--kernel->nsockets]);
}

static void on_retry(void *arg)
{
	struct nbd_kernel *kernel = arg;

	kernel->is_retrying = false;
	reconnect(kernel);
}

/* What all ways to a device begin with. */
static int begin(struct nbd_kernel *kernel, struct nbd_server *server,
		 const char *backend)
{
	bool is_one = kernel->connections == 1;

	kernel->server = server;
	kernel->backend = backend;
	kernel->attach.backend = backend;
	kernel->attach.name = kernel->name;
	kernel->attach.resend_ms = is_one ? RESEND_MS :
				   kernel->answer_ms + ANSWER_MARGIN_MS;
	server->on_hangup = on_hangup;
	server->on_hangup_arg = kernel;
	return discsi_timer_new(server->ctx, on_retry, kernel, &kernel->retry);
}

static int check_block_size(const struct nbd_disk *disk)
{
	long page = sysconf(_SC_PAGESIZE);

	if (dsc_is_power_of_two(disk->block_size) &&
	    disk->block_size >= BLOCK_SIZE_MIN &&
	    (long)disk->block_size <= page)
		return 0;
	return dsc_fail(EOPNOTSUPP, "the kernel's nbd devices cannot have "
			"blocks of %" PRIu32 " bytes, an NBD socket can",
			disk->block_size);
}

/* Serves our end of a socket that the kernel has, or gets, the other one of. */
static int serve_socket(struct nbd_kernel *kernel, int fd)
{
	int rc = nbd_server_add(kernel->server, fd, NBD_CLIENT_KERNEL, NULL,
				NULL);

	if (rc < 0) {
		close(fd);
		return dsc_fail(-rc, "the kernel's socket cannot be served "
				"(%s)", discsi_errno_name(rc));
	}
	kernel->live++;
	kernel->is_client_gone = false;
	return 0;
}

/* Makes a socketpair and serves our end of it. */
static int open_pair(struct nbd_kernel *kernel)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
		       SOCK_NONBLOCK, 0, ends) < 0)
		return dsc_fail(errno, "no socketpair can be made (%s)",
				discsi_errno_name(errno));
	nbd_socket_widen(ends[0]);
	nbd_socket_widen(ends[1]);
	kernel->sockets[kernel->nsockets++] = ends[1];
	return serve_socket(kernel, ends[0]);
}

static int open_pairs(struct nbd_kernel *kernel)
{
	int rc = 0;

	while (rc == 0 && kernel->nsockets < kernel->connections)
		rc = open_pair(kernel);
	return rc;
}

int nbd_kernel_start_attach(struct nbd_kernel *kernel,
			    struct nbd_server *server, int index,
			    const char *backend)
{
	const struct nbd_disk *disk = server->export->disk;
	int rc = check_block_size(disk);

	if (rc == 0)
		rc = begin(kernel, server, backend);
	kernel->bytes = disk->bytes;
	if (rc == 0)
		rc = open_pairs(kernel);
	if (rc < 0)
		return rc;
	kernel->attach.connect = (struct nbd_connect){
		.index = index,
		.sockets = kernel->sockets,
		.nsockets = kernel->nsockets,
		.bytes = disk->bytes,
		.block_size = disk->block_size,
		.server_flags = nbd_disk_flags(disk, false),
		.timeout_s = REQUEST_TIMEOUT_S,
		.dead_timeout_s = kernel->dead_timeout_s,
		.backend = backend,
	};
	return nbd_worker_start(&kernel->attach.worker, server->ctx,
				attach_job, NULL, &kernel->attach);
}

/* ------------------------------------------------------- a socket, a size */

static int check_same(const struct nbd_disk *disk, uint32_t index)
{
	uint32_t block_size = nbd_link_block_size(index);
	uint64_t bytes = nbd_link_bytes(index);

	if (block_size != disk->block_size)
		return dsc_fail(ESTALE, "/dev/nbd%" PRIu32 " was attached with "
				"blocks of %" PRIu32 " bytes, the LUN has %"
				PRIu32, index, block_size, disk->block_size);
	if (bytes > disk->bytes)
		return dsc_fail(ESTALE, "/dev/nbd%" PRIu32 " has %" PRIu64
				" bytes, the LUN has become smaller: %" PRIu64,
				index, bytes, disk->bytes);
	return 0;
}

int nbd_kernel_start_resume(struct nbd_kernel *kernel,
			    struct nbd_server *server, uint32_t index,
			    const char *backend)
{
	const struct nbd_disk *disk = server->export->disk;
	int rc = check_same(disk, index);

	if (rc == 0)
		rc = begin(kernel, server, backend);
	if (rc < 0)
		return rc;
	kernel->bytes = nbd_link_bytes(index);
	kernel->is_client_gone = true;
	kernel->attach.index = index;
	kernel->attach.wanted = kernel->connections;
	return nbd_worker_start(&kernel->attach.worker, server->ctx,
				resume_job, NULL, &kernel->attach);
}

/* Serves what the kernel has taken. */
static int serve_sockets(struct nbd_kernel *kernel,
			 const struct nbd_kernel_job *job)
{
	int rc = 0;
	unsigned i;

	for (i = 0; i < job->count; i++) {
		if (rc == 0 && !kernel->is_ending)
			rc = serve_socket(kernel, job->fds[i]);
		else
			close(job->fds[i]);
	}
	return rc;
}

static void retry_later(struct nbd_kernel *kernel)
{
	kernel->retry_ms = kernel->retry_ms == 0 ? RETRY_MIN_MS :
			   dsc_min_u32(2 * kernel->retry_ms, RETRY_MAX_MS);
	kernel->is_retrying = true;
	discsi_timer_set(kernel->retry, kernel->retry_ms);
}

/* Said once, however often it fails. */
static void fail_replace(struct nbd_kernel *kernel, const char *why)
{
	if (kernel->is_ending)
		return;
	if (!kernel->is_attached || kernel->retry_ms == 0)
		nbd_log(DISCSI_LOG_ERROR, "%s%s", why, kernel->is_attached ?
			"; it is tried again" : "");
	if (kernel->is_attached)
		retry_later(kernel);
}

static void on_replaced(void *arg)
{
	struct nbd_kernel_job *job = arg;
	struct nbd_kernel *kernel =
		dsc_container_of(job, struct nbd_kernel, replace);

	if (job->rc == -ENODEV)
		kernel->is_attached = false;
	if (job->rc < 0 || serve_sockets(kernel, job) < 0) {
		fail_replace(kernel, job->rc < 0 ? job->error.message :
			     discsi_last_error()->message);
		return;
	}
	if (kernel->retry_ms != 0)
		nbd_log(DISCSI_LOG_WARNING, "the kernel has taken a new socket "
			"for %s", kernel->device);
	kernel->retry_ms = 0;
	reconnect(kernel);  /* others may have been closed since */
}

/*
 * Offers the kernel new sockets in the place of those that it has closed. What
 * is under way of these need not be over: nothing is taken from the new ones
 * before.
 */
static void reconnect(struct nbd_kernel *kernel)
{
	if (!kernel->is_attached || kernel->is_ending ||
	    kernel->server->has_kernel_left || kernel->server->is_paused ||
	    kernel->replace.worker.is_running ||
	    kernel->live >= kernel->connections)
		return;
	if (kernel->retry_ms == 0)
		nbd_log(DISCSI_LOG_WARNING, "the kernel has closed a socket of "
			"%s: it is given a new one", kernel->device);
	discsi_timer_stop(kernel->retry);
	kernel->is_retrying = false;
	kernel->replace.index = kernel->attach.index;
	kernel->replace.backend = kernel->backend;
	kernel->replace.resend_ms = kernel->attach.resend_ms;
	kernel->replace.wanted = 1;
	if (nbd_worker_start(&kernel->replace.worker, kernel->server->ctx,
			     resume_job, on_replaced, &kernel->replace) < 0)
		fail_replace(kernel, discsi_last_error()->message);
}

bool nbd_kernel_is_gone(const struct nbd_kernel *kernel)
{
	return kernel->is_client_gone && !kernel->is_retrying &&
	       !kernel->replace.worker.is_running;
}

static void begin_resize(struct nbd_kernel *kernel);

static void on_resized(void *arg)
{
	struct nbd_kernel_job *job = arg;
	struct nbd_kernel *kernel =
		dsc_container_of(job, struct nbd_kernel, resize);

	if (job->rc < 0)
		nbd_log(DISCSI_LOG_ERROR, "%s", job->error.message);
	else
		nbd_log(DISCSI_LOG_INFO, "%s has %" PRIu64 " bytes now",
			kernel->device, job->bytes);
	if (kernel->bytes != job->bytes && !kernel->is_ending)
		begin_resize(kernel);
}

static void begin_resize(struct nbd_kernel *kernel)
{
	struct nbd_kernel_job *job = &kernel->resize;

	job->index = kernel->attach.index;
	job->backend = kernel->backend;
	job->bytes = kernel->bytes;
	if (nbd_worker_start(&job->worker, kernel->server->ctx, resize_job,
			     on_resized, job) < 0)
		nbd_log(DISCSI_LOG_ERROR, "%s", discsi_last_error()->message);
}

void nbd_kernel_resize(struct nbd_kernel *kernel, uint64_t bytes)
{
	if (!kernel->is_attached || kernel->is_ending ||
	    bytes == kernel->bytes)
		return;
	if (bytes < kernel->bytes) {
		nbd_log(DISCSI_LOG_ERROR, "%s keeps its %" PRIu64 " bytes: the "
			"LUN has become smaller, and I/O beyond %" PRIu64
			" fails", kernel->device, kernel->bytes, bytes);
		return;
	}
	kernel->bytes = bytes;
	if (!kernel->resize.worker.is_running)
		begin_resize(kernel);
}

/* The device works: its name is known, and its size follows the disk's. */
static void become_attached(struct nbd_kernel *kernel)
{
	snprintf(kernel->device, sizeof(kernel->device),
		 DEVICE_PREFIX "%" PRIu32, kernel->attach.index);
	if (kernel->attach.is_named)
		snprintf(kernel->link, sizeof(kernel->link), DSC_BYPATH_DEV "/"
			 DSC_BYPATH_DIR "/%s", kernel->name);
	kernel->is_attached = true;
	nbd_kernel_resize(kernel, kernel->server->export->disk->bytes);
}

int nbd_kernel_finish_attach(struct nbd_kernel *kernel)
{
	close_sockets(kernel);
	if (kernel->attach.rc < 0)
		return dsc_fail_with(&kernel->attach.error);
	if (serve_sockets(kernel, &kernel->attach) < 0)
		return -discsi_last_error()->errnum;
	become_attached(kernel);
	if (kernel->live < kernel->connections)
		retry_later(kernel);  /* closed since, or not taken at once */
	return 0;
}

/* ------------------------------------------- from and to another process */

int nbd_kernel_begin_adopt(struct nbd_kernel *kernel,
			   struct nbd_server *server, uint32_t index,
			   const char *backend)
{
	int rc = check_same(server->export->disk, index);

	if (rc == 0)
		rc = begin(kernel, server, backend);
	if (rc < 0)
		return rc;
	kernel->bytes = nbd_link_bytes(index);
	kernel->is_client_gone = true;
	kernel->attach.index = index;
	return 0;
}

int nbd_kernel_adopt(struct nbd_kernel *kernel, const struct nbd_passed *passed)
{
	int rc = nbd_server_adopt(kernel->server, passed, NULL, NULL);

	if (rc == 0) {
		kernel->live++;
		kernel->is_client_gone = false;
	}
	return rc;
}

void nbd_kernel_finish_adopt(struct nbd_kernel *kernel)
{
	nbd_link_tune(kernel->attach.index, kernel->attach.resend_ms);
	become_attached(kernel);
	reconnect(kernel);  /* some may have been closed on the way */
}

void nbd_kernel_resume(struct nbd_kernel *kernel)
{
	reconnect(kernel);
}

void nbd_kernel_leave(struct nbd_kernel *kernel)
{
	kernel->is_ending = true;
	kernel->is_attached = false;
}

/* ------------------------------------------------------------------ detach */

int nbd_kernel_start_flush(struct nbd_kernel *kernel)
{
	kernel->flush.index = kernel->attach.index;
	return nbd_worker_start(&kernel->flush.worker, kernel->server->ctx,
				flush_job, NULL, &kernel->flush);
}

int nbd_kernel_start_detach(struct nbd_kernel *kernel)
{
	kernel->is_ending = true;
	nbd_server_let_go(kernel->server);
	kernel->detach.index = kernel->attach.index;
	kernel->detach.name = kernel->attach.is_named ? kernel->name : NULL;
	kernel->detach.backend = kernel->backend;
	return nbd_worker_start(&kernel->detach.worker, kernel->server->ctx,
				detach_job, NULL, &kernel->detach);
}

int nbd_kernel_finish_detach(struct nbd_kernel *kernel)
{
	kernel->is_attached = false;
	if (kernel->detach.rc < 0)
		return dsc_fail_with(&kernel->detach.error);
	return 0;
}

void nbd_kernel_fini(struct nbd_kernel *kernel)
{
	kernel->is_ending = true;
	discsi_timer_free(kernel->retry);
	kernel->retry = NULL;
	nbd_worker_join(&kernel->attach.worker);
	nbd_worker_join(&kernel->replace.worker);
	nbd_worker_join(&kernel->resize.worker);
	nbd_worker_join(&kernel->flush.worker);
	nbd_worker_join(&kernel->detach.worker);
	close_sockets(kernel);
}
