/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * device.c: a kernel device that may hang. Opening one waits, for a partition
 * scan or for another one that opens it, and neither that nor a read can be
 * given up from outside, so that all of it is done aside (base/aside.h). Any
 * thread; the calls wait, within limits.
 *
 * An agent asks again and again for a device that hangs: so that each question
 * does not leave another thread behind, a device has a few at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/error.h"
#include "base/list.h"
#include "storage/device.h"

#define ALIGNMENT 4096  /* of memory, for O_DIRECT */
#define HANGING_MAX 4   /* threads of one device */

struct job {
	struct dsc_aside aside;
	struct dsc_list link;   /* in the list of all that run */
	char *path;
	void *buf;          /* NULL: only the size is asked for */
	size_t length;
	uint64_t offset;
	uint64_t bytes;     /* the size */
	int status;
	const char *what;   /* "opened", "read": where it failed */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dsc_list running = { &running, &running };

static struct job *job_of(struct dsc_aside *aside)
{
	return dsc_container_of(aside, struct job, aside);
}

/* Lists a job, unless its device has too many. */
static bool enter(struct job *job)
{
	struct dsc_list *link;
	size_t count = 0;

	pthread_mutex_lock(&lock);
	for (link = running.next; link != &running; link = link->next)
		count += strcmp(dsc_container_of(link, struct job, link)->path,
				job->path) == 0;
	if (count < HANGING_MAX)
		dsc_list_append(&running, &job->link);
	pthread_mutex_unlock(&lock);
	return count < HANGING_MAX;
}

/* Fine for one that is not listed. */
static void leave(struct job *job)
{
	pthread_mutex_lock(&lock);
	dsc_list_remove(&job->link);
	pthread_mutex_unlock(&lock);
}

static void free_job(struct dsc_aside *aside)
{
	struct job *job = job_of(aside);

	leave(job);
	free(job->path);
	free(job->buf);
	free(job);
}

static int enter_within(struct job *job, const struct dsc_limits *limits)
{
	int rc = 0;

	while (rc == 0 && !enter(job))
		rc = dsc_limits_pause(limits);
	return rc;
}

static int read_all(const struct job *job, int fd)
{
	size_t done = 0;
	ssize_t n;

	while (done < job->length) {
		n = pread(fd, (char *)job->buf + done, job->length - done,
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

static void run(struct dsc_aside *aside)
{
	struct job *job = job_of(aside);
	int fd;

	job->what = "opened";
	fd = open(job->path, O_RDONLY | O_CLOEXEC |
		  (job->buf != NULL ? O_DIRECT : 0));
	if (fd < 0) {
		job->status = -errno;
		return;
	}
	job->what = "read";
	if (job->buf != NULL)
		job->status = read_all(job, fd);
	else if (ioctl(fd, BLKGETSIZE64, &job->bytes) < 0)
		job->status = -errno;
	close(fd);
}

static int make_job(const char *path, size_t length, struct job **out)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return dsc_fail_memory();
	dsc_aside_init(&job->aside, run, free_job);
	dsc_list_init(&job->link);
	job->path = strdup(path);
	job->length = length;
	if (job->path != NULL &&
	    (length == 0 ||
	     posix_memalign(&job->buf, ALIGNMENT, length) == 0)) {
		*out = job;
		return 0;
	}
	job->buf = NULL;
	dsc_aside_put(&job->aside);
	return dsc_fail_memory();
}

static int call(struct job *job, const struct dsc_limits *limits)
{
	int rc = dsc_limits_check(limits);

	if (rc == 0)
		rc = enter_within(job, limits);
	if (rc == 0)
		rc = dsc_aside_call(&job->aside, limits->deadline_ns,
				    limits->cancel_fd);
	if (rc < 0)
		return dsc_fail(-rc, "%s does not answer (%s)", job->path,
				discsi_errno_name(rc));
	if (job->status < 0)
		return dsc_fail(-job->status, "%s cannot be %s (%s)", job->path,
				job->what, discsi_errno_name(job->status));
	return 0;
}

int dsc_device_read(const char *path, void *buf, size_t length,
		    uint64_t offset, const struct dsc_limits *limits)
{
	struct job *job = NULL;
	int rc = make_job(path, length, &job);

	if (rc < 0)
		return rc;
	job->offset = offset;
	rc = call(job, limits);
	if (rc == 0)
		memcpy(buf, job->buf, length);
	dsc_aside_put(&job->aside);
	return rc;
}

int dsc_device_size(const char *path, uint64_t *bytes,
		    const struct dsc_limits *limits)
{
	struct job *job = NULL;
	int rc = make_job(path, 0, &job);

	if (rc < 0)
		return rc;
	rc = call(job, limits);
	if (rc == 0)
		*bytes = job->bytes;
	dsc_aside_put(&job->aside);
	return rc;
}
