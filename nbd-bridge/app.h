/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/app.h: the life of one bridge, from the configuration to the last
 * file removed. Main thread; it turns the loop itself.
 *
 *   app.c    setting up, in order, and taking down what there is
 *   device.c what is particular about a kernel device
 *   serve.c  signals, waiting, and the orderly end of an export
 *   handover.c, takeover.c  the same export in another process
 */
#ifndef NBD_APP_H
#define NBD_APP_H

#include <stdbool.h>

#include <discsi/lun.h>
#include <discsi/session.h>

#include "cli.h"
#include "daemon.h"
#include "frontend.h"
#include "handover.h"
#include "health.h"
#include "kernel.h"
#include "listener.h"
#include "notify.h"
#include "registry.h"
#include "server.h"
#include "supervise.h"
#include "takeover.h"

/* The outcome of an asynchronous call. */
struct nbd_outcome {
	bool is_done;
	int rc;
	struct discsi_error error;
};

struct nbd_app {
	struct nbd_options *options;
	struct nbd_daemon *daemon;
	struct nbd_frontend *frontend;
	struct nbd_notify *notify;

	struct discsi_context *ctx;
	struct discsi_conf *conf;
	struct discsi_session *session;
	struct discsi_lun *lun;
	struct discsi_lun_info info;   /* what the state file tells of it */
	struct nbd_outcome call;       /* the one that is waited for */
	char *target;
	char *name;                    /* of the device in /dev/disk/by-path */
	uint64_t lun_id;

	struct nbd_disk disk;
	struct nbd_export export;
	struct nbd_server server;
	struct nbd_listener listener;
	struct nbd_kernel kernel;
	struct nbd_worker reserving;   /* memory for the kernel's requests, */
	void *reserve;                 /* which the server gets */
	struct nbd_registry registry;
	struct nbd_health health;
	struct nbd_handover handover;  /* of ours to another process */
	struct nbd_takeover takeover;  /* of another process's to us */
	struct nbd_supervised supervised;
	struct discsi_watch *supervisor;  /* tells when that is gone */
	bool is_orphan;                /* it is: this process is alone */
	int left_index;                /* of the device that a process before
					* this one has left, or negative */
	bool is_disk_recalled;         /* expected_id is what that one served */
	char place[128];               /* of what was handed over, or "" */
	char *socket_path;             /* absolute, or where TCP listens; NULL
					* when it is not ours */
	struct nbd_tls_creds *tls;     /* NULL: no client can have TLS */
	int tcp_fd;                    /* bound, until it is served; or -1 */

	int signal_fd;
	struct discsi_watch *signals;
	struct discsi_watch *waiter;   /* of the socket to whoever waits */
	unsigned stops;                /* how often we were told to end */
	struct discsi_timer *deadline;
	bool is_late;                  /* the deadline has passed */
};

/*
 * Runs a bridge. Returns the exit status; failures have been reported.
 * frontend: is closed at the end.
 */
int nbd_app_run(struct nbd_options *options, struct nbd_daemon *daemon,
		struct nbd_frontend *frontend, struct nbd_notify *notify);

/*
 * A worker whose supervisor is gone has the entry in the registry name itself,
 * unless a successor may have put its own number in already.
 */
void nbd_app_inherit(struct nbd_app *app);

/*
 * A number of the configuration; one that is not set leaves *number alone.
 * Errors: those of discsi_conf_get().
 */
int nbd_app_number(const struct nbd_app *app, const char *member,
		   uint32_t *number);

/* ----------------------------------------------------------- serve.c */

/*
 * Blocks the signals that end a bridge, from the moment on where there is
 * something to be removed; the loop then takes them.
 */
int nbd_app_block_signals(void);
int nbd_app_watch_signals(struct nbd_app *app);

/* Turns the loop until *flag; ECANCELED when told to end before. */
int nbd_app_wait(struct nbd_app *app, const bool *flag);

/* Turns the loop until told to end, or until the one client there is gone. */
void nbd_app_serve(struct nbd_app *app);

/* True when what is left must not be waited for. */
bool nbd_app_is_in_hurry(const struct nbd_app *app);

/*
 * Ends an export in good order: flushes and detaches the device, lets clients
 * finish, flushes the disk; within a deadline, and at once when a second
 * signal says so. Afterwards no client is left that reads.
 */
void nbd_app_finish(struct nbd_app *app);

/* ------------------------------------------------------------------ tell.c */

/* The process that is to be signalled: the supervisor, if there is one. */
pid_t nbd_app_signalled(const struct nbd_app *app);

/* We are logged in. It does no harm when nobody can be told. */
void nbd_tell_logged_in(const struct nbd_app *app);

/* The export is ready. Errors: ENOMEM, and those of telling. */
int nbd_tell_ready(struct nbd_app *app);

/* Nobody waits for a forked process any more: it has its own life. */
void nbd_tell_apart(const struct nbd_app *app);

/* Logs the last error, on which a disk that was taken over is not let go. */
void nbd_tell_survived(void);

/* Nothing is exported. */
void nbd_tell_failure(struct nbd_app *app, const struct discsi_error *error);

/* ---------------------------------------------------------------- device.c */

/*
 * Makes the LUN a kernel device, or goes on with the one that a process before
 * this one has left. Errors: those of attaching.
 */
int nbd_device_export(struct nbd_app *app);

/* What is known of a device that another process has made, and that we get. */
int nbd_device_recall(struct nbd_app *app);

/* ---------------------------------------------------------------- recall.c */

/*
 * What a process that died has served is gone on with, be it a device or not: as
 * the same initiator, so that the target ends what that one had under way, and
 * with the same disk or none.
 */
int nbd_recall(struct nbd_app *app);

/*
 * Says how to go on when that disk is not there any more. Returns rc, what
 * opening the LUN has come to.
 */
int nbd_recall_explain(const struct nbd_app *app, int rc);

/* A socket that the process before this one has left elsewhere is removed. */
void nbd_recall_socket(const struct nbd_app *app);

/* The name that the process before this one has given the device, if any. */
int nbd_recall_name(struct nbd_app *app);

/* --------------------------------------------------------------- reserve.c */

/*
 * Brings memory in, as much as the device's sockets take, and gives it to the
 * server. Errors: ENOMEM.
 */
int nbd_reserve_take(struct nbd_app *app);

/* -------------------------------------------------------- handover.c */

/*
 * Lets another process take over from now on. It does no harm when that cannot
 * be: it is logged, and 0 is returned.
 */
int nbd_handover_open(struct nbd_app *app);

/* Makes the control socket again if it was removed, or could not be made. */
void nbd_handover_restore(struct nbd_app *app);

/* After each turn of the loop: goes on with what was waited for. */
void nbd_handover_turn(struct nbd_app *app);

/*
 * This process ends. A handover that is under way has failed, unless the
 * successor serves already: then all that it has is let go of.
 */
void nbd_handover_end(struct nbd_app *app);

/* Removes the control socket, while the loop exists. */
void nbd_handover_close(struct nbd_app *app);

/* -------------------------------------------------------- takeover.c */

/*
 * Asks the running bridge of options->takeover for all that it knows: it fills
 * the configuration, the options and the registry's entry, which stay that
 * bridge's until nbd_takeover_export().
 *
 * Errors: ENOENT (there is none), EOPNOTSUPP (it cannot be taken over), EBUSY,
 * EPROTO, EPERM.
 */
int nbd_takeover_begin(struct nbd_app *app);

/* True from then on until its clients are ours. */
bool nbd_takeover_is_open(const struct nbd_app *app);

/*
 * Takes its clients over, or fails and leaves it as it was. Errors: ESTALE
 * (another disk), ETIMEDOUT, and those of serving clients.
 */
int nbd_takeover_export(struct nbd_app *app);

/* Frees what there is. */
void nbd_takeover_close(struct nbd_app *app);

#endif /* NBD_APP_H */
