/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/notify.h: telling a service manager how the process is, as systemd
 * and others have it: datagrams to the socket that NOTIFY_SOCKET names. Without
 * one nothing is told. Main thread; the watchdog is the loop's.
 */
#ifndef NBD_NOTIFY_H
#define NBD_NOTIFY_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include <discsi/context.h>

struct nbd_notify {
	struct sockaddr_un address;
	socklen_t length;          /* of it; 0: nobody is to be told */
	pid_t pid;                 /* that the manager has started */
	uint32_t ping_ms;          /* how often the watchdog is told; 0: never */
	struct discsi_timer *timer;
};

/*
 * Takes what the environment says, and takes it from there. Before there are
 * other processes of ours.
 */
void nbd_notify_take(struct nbd_notify *notify);

/* The export is ready. main_pid: who is to be signalled and watched. */
void nbd_notify_ready(const struct nbd_notify *notify, pid_t main_pid);

/* One line for people: cut if it is long. */
void nbd_notify_status(const struct nbd_notify *notify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void nbd_notify_stopping(const struct nbd_notify *notify);

/*
 * Has the loop tell the watchdog that it turns, twice in the time that it has
 * for that. Errors: ENOMEM.
 */
int nbd_notify_watch(struct nbd_notify *notify, struct discsi_context *ctx);

/* Ends that. */
void nbd_notify_end(struct nbd_notify *notify);

#endif /* NBD_NOTIFY_H */
