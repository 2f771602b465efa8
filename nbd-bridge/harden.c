/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harden.c: see harden.h. One row for each thing that is asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harden.h"
#include "log.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57  /* Linux 5.6 */
#endif

/* Freed memory is kept up to here, to be had again without asking. */
#define KEPT_BYTES (64 << 20)
#define MORE_BYTES (256 << 10)  /* beyond what is asked for */

/*
 * Pages that there are now are brought in. Later ones are locked when they are
 * first touched, or a thread's stack would take 8 MiB. Where locked memory is
 * limited, later ones are not locked: beyond the limit they would not be had.
 */
static int lock_memory(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0)
		return mlockall(MCL_CURRENT) < 0 ? -errno : -EPERM;
	/* The second one has what was mapped during the first one, too. */
	if (mlockall(MCL_CURRENT) < 0 ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		return -errno;
	return 0;
}

static int become_io_flusher(void)
{
	return prctl(PR_SET_IO_FLUSHER, 1UL, 0UL, 0UL, 0UL) < 0 ? -errno : 0;
}

static int escape_oom_killer(void)
{
	static const char score[] = "-1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int error;

	if (fd < 0)
		return -errno;
	n = write(fd, score, strlen(score));
	error = errno;
	close(fd);
	return n < 0 ? -error : 0;
}

enum { WISH_MEMORY, WISH_IO_FLUSHER, WISH_OOM, WISHES };

static const char *const refusals[WISHES] = {
	[WISH_MEMORY] = "memory is not locked (RLIMIT_MEMLOCK): this process "
			"may have to wait for swap",
	[WISH_IO_FLUSHER] = "PR_SET_IO_FLUSHER is refused: when memory is "
			    "scarce, this process may have to wait for its own "
			    "device",
	[WISH_OOM] = "oom_score_adj cannot be lowered: when memory is scarce, "
		     "this process may be killed",
};

static int answers[WISHES];

void nbd_harden(void)
{
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_TOP_PAD, MORE_BYTES);
	/* Threads are few and short; each would have a heap of its own locked. */
	mallopt(M_ARENA_MAX, 1);
	answers[WISH_IO_FLUSHER] = become_io_flusher();
	answers[WISH_OOM] = escape_oom_killer();
}

void nbd_harden_memory(void)
{
	answers[WISH_MEMORY] = lock_memory();
}

void nbd_harden_report(enum discsi_log_level level)
{
	size_t i;

	for (i = 0; i < WISHES; i++) {
		if (answers[i] < 0)
			nbd_log(level, "%s (%s)", refusals[i],
				discsi_errno_name(answers[i]));
	}
}
