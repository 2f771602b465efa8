/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * aside.c: see aside.h. The thread is detached and takes no signals; it ends
 * when the kernel lets it, whoever is still there. Any thread.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/checked.h"
#include "base/clock.h"

void dsc_aside_init(struct dsc_aside *aside,
		    void (*run)(struct dsc_aside *aside),
		    void (*free)(struct dsc_aside *aside))
{
	aside->run = run;
	aside->free = free;
	aside->done_fd = -1;
	atomic_init(&aside->refs, 1);
}

void dsc_aside_put(struct dsc_aside *aside)
{
	if (atomic_fetch_sub(&aside->refs, 1) != 1)
		return;
	if (aside->done_fd >= 0)
		close(aside->done_fd);
	aside->free(aside);
}

static void *run(void *arg)
{
	struct dsc_aside *aside = arg;
	const uint64_t one = 1;

	aside->run(aside);
	while (write(aside->done_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	dsc_aside_put(aside);
	return NULL;
}

static int start(struct dsc_aside *aside)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int errnum;

	aside->done_fd = eventfd(0, EFD_CLOEXEC);
	if (aside->done_fd < 0)
		return -errno;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&aside->refs, 1);
	errnum = pthread_create(&thread, &attr, run, aside);
	if (errnum != 0)
		atomic_fetch_sub(&aside->refs, 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -errnum;
}

/* For poll(): -1 without a deadline. */
static int left_ms(uint64_t deadline_ns)
{
	uint64_t now = dsc_clock_now_ns();

	if (deadline_ns == 0)
		return -1;
	if (now >= deadline_ns)
		return 0;
	return (int)dsc_min_u64((deadline_ns - now) / DSC_NS_PER_MS + 1,
				INT32_MAX);
}

static int wait_for(const struct dsc_aside *aside, uint64_t deadline_ns,
		    int cancel_fd)
{
	struct pollfd fds[] = {
		{ .fd = aside->done_fd, .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLIN },
	};
	uint64_t one;
	int timeout_ms;

	do {
		timeout_ms = left_ms(deadline_ns);
		if (poll(fds, 2, timeout_ms) < 0) {
			if (errno != EINTR)
				return -errno;
			fds[0].revents = fds[1].revents = 0;
		}
		if (fds[0].revents == 0 && fds[1].revents != 0)
			return -ECANCELED;
		if (fds[0].revents == 0 && timeout_ms == 0)
			return -ETIMEDOUT;
	} while (fds[0].revents == 0);
	/* After this what the thread has written is seen here. */
	return read(aside->done_fd, &one, sizeof(one)) < 0 ? -errno : 0;
}

int dsc_aside_call(struct dsc_aside *aside, uint64_t deadline_ns,
		   int cancel_fd)
{
	int rc = start(aside);

	return rc == 0 ? wait_for(aside, deadline_ns, cancel_fd) : rc;
}
