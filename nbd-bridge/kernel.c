/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kernel.c: the order in which a device is attached and detached. The server
 * serves its end of the socketpair before the kernel gets the other one: I/O
 * comes as soon as the device exists. Loop's thread, but for the jobs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/list.h"

#include "kernel.h"
#include "log.h"
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
 */
#define REQUEST_TIMEOUT_S 0

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
			"\"%s\"", text);
}

/* -------------------------------------------------------------------- jobs */

static void keep_result(struct nbd_kernel_job *job, int rc)
{
	job->rc = rc;
	if (rc < 0)
		job->error = *discsi_last_error();
}

static int attach(struct nbd_kernel_job *job)
{
	int rc = nbd_link_connect(&job->connect, &job->index);

	if (rc < 0)
		return rc;
	rc = nbd_link_wait_device(job->index, job->connect.bytes);
	if (rc == 0)
		nbd_link_tune(job->index);
	return rc;
}

static void attach_job(void *arg)
{
	struct nbd_kernel_job *job = arg;

	job->index = UINT32_MAX;
	keep_result(job, attach(job));
	if (job->rc < 0 && job->index != UINT32_MAX)
		nbd_link_disconnect(job->index);
}

static void resume_job(void *arg)
{
	struct nbd_kernel_job *job = arg;

	job->fd = -1;
	keep_result(job, nbd_link_replace(job->index, job->backend, &job->fd));
	if (job->rc == 0)
		nbd_link_tune(job->index);
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

	keep_result(job, nbd_link_disconnect(job->index));
}

/* ------------------------------------------------------------------ attach */

static void on_client_gone(void *arg)
{
	struct nbd_kernel *kernel = arg;

	kernel->is_client_gone = true;
	if (kernel->is_attached && !kernel->is_ending &&
	    !kernel->server->has_kernel_left)
		nbd_kernel_reconnect(kernel);
}

static void close_socket(struct nbd_kernel *kernel)
{
	if (kernel->socket >= 0)
		close(kernel->socket);
	kernel->socket = -1;
}

static int check_block_size(const struct nbd_disk *disk)
{
	long page = sysconf(_SC_PAGESIZE);

	if (dsc_is_power_of_two(disk->block_size) &&
	    disk->block_size >= BLOCK_SIZE_MIN &&
	    (long)disk->block_size <= page)
		return 0;
	return dsc_fail(EOPNOTSUPP, "the kernel's nbd devices cannot have "
			"blocks of %" PRIu32 " bytes, use --socket",
			disk->block_size);
}

/* Makes the socketpair and serves our end of it. */
static int open_pair(struct nbd_kernel *kernel)
{
	int ends[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
		       SOCK_NONBLOCK, 0, ends) < 0)
		return dsc_fail(errno, "no socketpair can be made (%s)",
				discsi_errno_name(errno));
	nbd_socket_widen(ends[0]);
	nbd_socket_widen(ends[1]);
	rc = nbd_server_add(kernel->server, ends[0], NBD_CLIENT_KERNEL,
			    on_client_gone, kernel);
	if (rc < 0) {
		close(ends[0]);
		close(ends[1]);
		return rc;
	}
	kernel->socket = ends[1];
	return 0;
}

int nbd_kernel_start_attach(struct nbd_kernel *kernel,
			    struct nbd_server *server, int index,
			    const char *backend)
{
	const struct nbd_disk *disk = server->export->disk;
	int rc = check_block_size(disk);

	kernel->server = server;
	kernel->backend = backend;
	kernel->bytes = disk->bytes;
	if (rc == 0)
		rc = open_pair(kernel);
	if (rc < 0)
		return rc;
	kernel->attach.connect = (struct nbd_connect){
		.index = index,
		.socket = kernel->socket,
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

/* Serves our end of a socket that the kernel has the other one of. */
static int serve_socket(struct nbd_kernel *kernel, int fd)
{
	int rc = nbd_server_add(kernel->server, fd, NBD_CLIENT_KERNEL,
				on_client_gone, kernel);

	if (rc < 0) {
		close(fd);
		return dsc_fail(-rc, "the kernel's socket cannot be served "
				"(%s)", discsi_errno_name(rc));
	}
	kernel->is_client_gone = false;
	return 0;
}

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

	if (rc < 0)
		return rc;
	kernel->server = server;
	kernel->backend = backend;
	kernel->bytes = nbd_link_bytes(index);
	kernel->is_client_gone = true;
	kernel->attach.index = index;
	kernel->attach.backend = backend;
	return nbd_worker_start(&kernel->attach.worker, server->ctx,
				resume_job, NULL, &kernel->attach);
}

static void on_replaced(void *arg)
{
	struct nbd_kernel_job *job = arg;
	struct nbd_kernel *kernel =
		dsc_container_of(job, struct nbd_kernel, replace);

	if (job->rc == 0 && kernel->is_ending)
		close(job->fd);
	else if (job->rc == 0)
		serve_socket(kernel, job->fd);
	else if (!kernel->is_ending)
		nbd_log(DISCSI_LOG_ERROR, "%s", job->error.message);
	if (job->rc == -ENODEV)
		kernel->is_attached = false;
}

void nbd_kernel_reconnect(struct nbd_kernel *kernel)
{
	nbd_log(DISCSI_LOG_WARNING, "the kernel has closed the socket of %s: it "
		"is given a new one", kernel->device);
	kernel->replace.index = kernel->attach.index;
	kernel->replace.backend = kernel->backend;
	if (nbd_worker_start(&kernel->replace.worker, kernel->server->ctx,
			     resume_job, on_replaced, &kernel->replace) < 0)
		nbd_log(DISCSI_LOG_ERROR, "%s", discsi_last_error()->message);
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
	kernel->is_attached = true;
	nbd_kernel_resize(kernel, kernel->server->export->disk->bytes);
}

int nbd_kernel_finish_attach(struct nbd_kernel *kernel)
{
	bool is_resumed = kernel->is_client_gone && kernel->socket < 0;

	close_socket(kernel);
	if (kernel->attach.rc < 0)
		return dsc_fail_with(&kernel->attach.error);
	if (is_resumed && serve_socket(kernel, kernel->attach.fd) < 0)
		return -discsi_last_error()->errnum;
	become_attached(kernel);
	return 0;
}

/* ------------------------------------------- from and to another process */

int nbd_kernel_begin_adopt(struct nbd_kernel *kernel,
			   struct nbd_server *server, uint32_t index,
			   const char *backend)
{
	int rc = check_same(server->export->disk, index);

	if (rc < 0)
		return rc;
	kernel->server = server;
	kernel->backend = backend;
	kernel->bytes = nbd_link_bytes(index);
	kernel->is_client_gone = true;
	kernel->attach.index = index;
	return 0;
}

int nbd_kernel_adopt(struct nbd_kernel *kernel, const struct nbd_passed *passed)
{
	int rc = nbd_server_adopt(kernel->server, passed, on_client_gone,
				  kernel);

	if (rc == 0)
		kernel->is_client_gone = false;
	return rc;
}

void nbd_kernel_finish_adopt(struct nbd_kernel *kernel)
{
	nbd_link_tune(kernel->attach.index);
	become_attached(kernel);
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
	kernel->detach.index = kernel->attach.index;
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
	nbd_worker_join(&kernel->attach.worker);
	nbd_worker_join(&kernel->replace.worker);
	nbd_worker_join(&kernel->resize.worker);
	nbd_worker_join(&kernel->flush.worker);
	nbd_worker_join(&kernel->detach.worker);
	close_socket(kernel);
}
