/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * await.c: waiting for news of a bridge. The registry's directory is watched
 * with inotify: a state file that comes or goes, and a lock file that is closed,
 * which the end of a process does, are events. Any thread; the call waits.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/registry.h"
#include "bridge/attach.h"

/* Where there is no inotify, and for an event between the look and the wait. */
#define LOOK_AGAIN_MS 200u

/* Is one of the events that are there about this bridge? */
static bool is_about(int fd, const char *id)
{
	char buffer[4096] __attribute__((aligned(8)));
	const struct inotify_event *event;
	ssize_t length = read(fd, buffer, sizeof(buffer));
	ssize_t at;

	for (at = 0; at < length;
	     at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const void *)(buffer + at);
		if (event->len == 0 ||
		    strncmp(event->name, id, strlen(id)) == 0)
			return true;
	}
	return false;
}

static int watch_directory(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char *path = dsc_registry_path();

	if (fd >= 0 && path != NULL)
		(void)inotify_add_watch(fd, path, IN_MOVED_TO | IN_DELETE |
					IN_CLOSE_WRITE);
	free(path);
	return fd;
}

int dsc_bridge_await(const char *id, uint32_t timeout_ms, int cancel_fd)
{
	struct pollfd fds[] = {
		{ .fd = watch_directory(), .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLIN },
	};
	uint64_t now = dsc_clock_now_ns();
	uint64_t deadline = now + dsc_min_u32(timeout_ms, LOOK_AGAIN_MS) *
			    DSC_NS_PER_MS;
	int rc = 0;

	while (rc == 0 && now < deadline) {
		if (poll(fds, 2, (int)((deadline - now) / DSC_NS_PER_MS) + 1)
		    < 0 && errno != EINTR)
			break;
		if (fds[1].revents != 0)
			rc = -ECANCELED;
		if (fds[0].revents != 0 && is_about(fds[0].fd, id))
			break;
		now = dsc_clock_now_ns();
	}
	if (fds[0].fd >= 0)
		close(fds[0].fd);
	return rc;
}
