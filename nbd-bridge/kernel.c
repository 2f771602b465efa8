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

#include "kernel.h"
#include "nbdlink.h"
#include "sockets.h"

#define DEVICE_PREFIX "/dev/nbd"
#define INDEX_MAX ((1u << 20) - 1)  /* a minor number */
#define BLOCK_SIZE_MIN 512u

/*
 * The kernel must not give up on a request while the target may still answer
 * it: the library has a deadline for each, so the kernel needs none. When this
 * process is gone its device fails I/O after a while instead of holding every
 * process that uses it for ever.
 */
#define REQUEST_TIMEOUT_S 0
#define DEAD_TIMEOUT_S 30

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
		.dead_timeout_s = DEAD_TIMEOUT_S,
		.backend = backend,
	};
	return nbd_worker_start(&kernel->attach.worker, server->ctx,
				attach_job, &kernel->attach);
}

int nbd_kernel_finish_attach(struct nbd_kernel *kernel)
{
	close_socket(kernel);
	if (kernel->attach.rc < 0)
		return dsc_fail_with(&kernel->attach.error);
	snprintf(kernel->device, sizeof(kernel->device),
		 DEVICE_PREFIX "%" PRIu32, kernel->attach.index);
	kernel->is_attached = true;
	return 0;
}

/* ------------------------------------------------------------------ detach */

int nbd_kernel_start_flush(struct nbd_kernel *kernel)
{
	kernel->flush.index = kernel->attach.index;
	return nbd_worker_start(&kernel->flush.worker, kernel->server->ctx,
				flush_job, &kernel->flush);
}

int nbd_kernel_start_detach(struct nbd_kernel *kernel)
{
	kernel->detach.index = kernel->attach.index;
	return nbd_worker_start(&kernel->detach.worker, kernel->server->ctx,
				detach_job, &kernel->detach);
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
	nbd_worker_join(&kernel->attach.worker);
	nbd_worker_join(&kernel->flush.worker);
	nbd_worker_join(&kernel->detach.worker);
	close_socket(kernel);
}
