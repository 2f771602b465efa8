/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * device.c: a kernel device that may hang. A read of a block device cannot be
 * given up from outside, so that it is done by a thread, and whoever waits for
 * it may go. The job belongs to both, and the last one frees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "storage/device.h"

#define ALIGNMENT 4096  /* of memory, for O_DIRECT */

struct job {
	atomic_uint refs;
	int fd;             /* the device */
	int done_fd;
	void *buf;
	size_t length;
	uint64_t offset;
	int status;
};

static void put_job(struct job *job)
{
	if (atomic_fetch_sub(&job->refs, 1) != 1)
		return;
	if (job->fd >= 0)
		close(job->fd);
	if (job->done_fd >= 0)
		close(job->done_fd);
	free(job->buf);
	free(job);
}

static int read_all(const struct job *job)
{
	size_t done = 0;
	ssize_t n;

	while (done < job->length) {
		n = pread(job->fd, (char *)job->buf + done, job->length - done,
			  (off_t)(job->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENXIO;
		done += (size_t)n;
	}
	return 0;
}

static void *run(void *arg)
{
	struct job *job = arg;
	const uint64_t one = 1;

	job->status = read_all(job);
	while (write(job->done_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	put_job(job);
	return NULL;
}

static int start(struct job *job)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int errnum;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&job->refs, 1);
	errnum = pthread_create(&thread, &attr, run, job);
	if (errnum != 0)
		atomic_fetch_sub(&job->refs, 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -errnum;
}

static int wait_for(struct job *job, const struct dsc_limits *limits)
{
	struct pollfd fds[] = {
		{ .fd = job->done_fd, .events = POLLIN },
		{ .fd = limits->cancel_fd, .events = POLLIN },
	};
	uint64_t one;
	int rc;

	for (;;) {
		rc = dsc_limits_check(limits);
		if (rc < 0)
			return rc;
		rc = poll(fds, 2, dsc_limits_left_ms(limits));
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (rc > 0 && fds[0].revents != 0)
			break;
	}
	return read(job->done_fd, &one, sizeof(one)) < 0 ? -errno :
	       job->status;
}

static int open_device(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0)
		return dsc_fail(errno, "%s cannot be opened (%s)", path,
				discsi_errno_name(errno));
	return fd;
}

static int make_job(const char *path, size_t length, uint64_t offset,
		    struct job **out)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return dsc_fail_memory();
	atomic_init(&job->refs, 1);
	job->length = length;
	job->offset = offset;
	job->done_fd = -1;
	job->fd = open_device(path, O_DIRECT);
	if (job->fd < 0) {
		put_job(job);
		return -discsi_last_error()->errnum;
	}
	job->done_fd = eventfd(0, EFD_CLOEXEC);
	if (job->done_fd < 0 ||
	    posix_memalign(&job->buf, ALIGNMENT, length) != 0) {
		job->buf = NULL;
		put_job(job);
		return dsc_fail_memory();
	}
	*out = job;
	return 0;
}

int dsc_device_read(const char *path, void *buf, size_t length,
		    uint64_t offset, const struct dsc_limits *limits)
{
	struct job *job = NULL;
	int rc = make_job(path, length, offset, &job);

	if (rc < 0)
		return rc;
	rc = start(job);
	if (rc == 0)
		rc = wait_for(job, limits);
	if (rc == 0)
		memcpy(buf, job->buf, length);
	put_job(job);
	return rc == 0 ? 0 : dsc_fail(-rc, "%s cannot be read (%s)", path,
				      discsi_errno_name(rc));
}

int dsc_device_size(const char *path, uint64_t *bytes)
{
	int fd = open_device(path, 0);
	int rc = 0;

	if (fd < 0)
		return fd;
	if (ioctl(fd, BLKGETSIZE64, bytes) < 0)
		rc = dsc_fail(errno, "%s does not tell its size (%s)", path,
			      discsi_errno_name(errno));
	close(fd);
	return rc;
}
