/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge/pid.h: a process that is watched and signalled by a descriptor, so
 * that its number cannot become another's meanwhile. Where the system has no
 * pidfd (before Linux 5.3, some sandboxes) the number has to do, and whoever
 * waits has to look now and then. Any thread, one per struct.
 */
#ifndef DSC_BRIDGE_PID_H
#define DSC_BRIDGE_PID_H

#include <stdbool.h>
#include <sys/types.h>

/* How often to look where there is no descriptor. */
#define DSC_PID_TICK_MS 20

struct dsc_pid {
	pid_t number;
	int fd;        /* readable once the process has ended; -1: none */
};

/* Returns 0, -ESRCH for a process that is gone, or another negative errno. */
int dsc_pid_open(struct dsc_pid *pid, pid_t number);

/* Sends a signal: 0 or a negative errno. */
int dsc_pid_signal(const struct dsc_pid *pid, int signum);

/* For one without a descriptor: true when no process has the number. */
bool dsc_pid_is_gone(const struct dsc_pid *pid);

void dsc_pid_close(struct dsc_pid *pid);

#endif /* DSC_BRIDGE_PID_H */
