/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pid.c: pidfd, and kill() where there is none. Any thread, one per struct.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "bridge/pid.h"

int dsc_pid_open(struct dsc_pid *pid, pid_t number)
{
	pid->number = number;
	pid->fd = pidfd_open(number, 0);
	if (pid->fd >= 0)
		return 0;
	/* EPERM: a filter of system calls that does not know this one. */
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	return dsc_pid_is_gone(pid) ? -ESRCH : 0;
}

bool dsc_pid_is_gone(const struct dsc_pid *pid)
{
	return kill(pid->number, 0) < 0 && errno == ESRCH;
}

int dsc_pid_signal(const struct dsc_pid *pid, int signum)
{
	int status;

	if (pid->fd >= 0)
		status = pidfd_send_signal(pid->fd, signum, NULL, 0);
	else
		status = kill(pid->number, signum);
	return status < 0 ? -errno : 0;
}

void dsc_pid_close(struct dsc_pid *pid)
{
	if (pid->fd >= 0)
		close(pid->fd);
	pid->fd = -1;
}
