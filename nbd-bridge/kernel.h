/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/kernel.h: the export as a block device of this kernel. One end of
 * each of some socketpairs becomes a client of the server, the other ones go to
 * the kernel with NBD_CMD_CONNECT. Whoever makes this sets connections,
 * dead_timeout_s and answer_ms before it is attached.
 *
 * A socket that the kernel closes is replaced, and again if that fails, with
 * longer and longer pauses, as long as the device is attached.
 *
 * What blocks (netlink, waiting for the device's name, flushing it) runs on
 * workers while the loop serves. Loop's thread; driven context.
 */
#ifndef NBD_KERNEL_H
#define NBD_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <discsi/error.h>

#include "netlink.h"
#include "server.h"
#include "worker.h"

/* What a worker is given, and what it leaves behind. */
struct nbd_kernel_job {
	struct nbd_worker worker;
	struct nbd_connect connect;
	uint32_t index;
	const char *backend;
	const char *name;
	bool is_named;           /* the link has been made */
	uint64_t bytes;
	uint32_t resend_ms;
	unsigned wanted;                /* new sockets */
	unsigned count;                 /* of them that the kernel has taken */
	int fds[NBD_CONNECTIONS_MAX];   /* our ends of those */
	int rc;
	struct discsi_error error;
};

struct nbd_kernel {
	struct nbd_server *server;
	const char *backend;
	const char *name;        /* to be set: in /dev/disk/by-path, or NULL */
	struct nbd_kernel_job attach;   /* or taking over what is attached */
	struct nbd_kernel_job replace;
	struct nbd_kernel_job resize;
	struct nbd_kernel_job flush;
	struct nbd_kernel_job detach;
	int sockets[NBD_CONNECTIONS_MAX];  /* the kernel's ends, until it has
				  * them */
	unsigned nsockets;
	unsigned connections;    /* sockets that the device has */
	unsigned live;           /* those over which it sends requests */
	unsigned dead_timeout_s; /* I/O waits so long for the next process */
	uint32_t answer_ms;      /* the target takes no longer for a request,
				  * as long as there is a session */
	uint64_t bytes;          /* the size the device shall have */
	bool is_attached;
	bool is_ending;          /* detached, or handed over: no new socket */
	bool is_client_gone;     /* the kernel has no socket of ours */
	struct discsi_timer *retry;
	bool is_retrying;        /* it runs: another socket will be offered, */
	uint32_t retry_ms;       /* after this pause; 0: none has failed */
	char device[32];         /* "/dev/nbd0", "" when there is none */
	char link[512];          /* to it by its name, "" when there is none */
};

#define NBD_KERNEL_INIT { .connections = 1 }

/* The number in "/dev/nbdN", NBD_INDEX_ANY for "auto". Errors: EINVAL. */
int nbd_kernel_parse_device(const char *text, int *index);

/*
 * Begins to attach the server's export.
 *
 * index: N of /dev/nbdN, or NBD_INDEX_ANY. backend: borrowed until the end.
 * The loop must be turned while attach.worker.is_running; then
 * nbd_kernel_finish_attach() says how it went.
 * Errors: EOPNOTSUPP (a block size that the kernel cannot have), EMFILE, …
 */
int nbd_kernel_start_attach(struct nbd_kernel *kernel,
			    struct nbd_server *server, int index,
			    const char *backend);

/*
 * The same for the device that a process before this one has attached for the
 * backend: it gets new sockets, and its file systems need not know.
 * connections: as many as it has had.
 *
 * Errors: ESTALE (the disk behind it cannot be the same: another block size, or
 * it is smaller), EMFILE, …
 */
int nbd_kernel_start_resume(struct nbd_kernel *kernel,
			    struct nbd_server *server, uint32_t index,
			    const char *backend);

/*
 * The same for a device that another process passes its clients of: begins it,
 * takes each, and has them all. No client is served before the loop turns.
 */
int nbd_kernel_begin_adopt(struct nbd_kernel *kernel,
			   struct nbd_server *server, uint32_t index,
			   const char *backend);
int nbd_kernel_adopt(struct nbd_kernel *kernel,
		     const struct nbd_passed *passed);
void nbd_kernel_finish_adopt(struct nbd_kernel *kernel);

/* True when the kernel has no socket of ours, and gets none any more. */
bool nbd_kernel_is_gone(const struct nbd_kernel *kernel);

/* No other process has come: sockets closed in the pause get new ones now. */
void nbd_kernel_resume(struct nbd_kernel *kernel);

/* The device is another process's now. */
void nbd_kernel_leave(struct nbd_kernel *kernel);

/* The disk has another size: the device gets it when it has become larger. */
void nbd_kernel_resize(struct nbd_kernel *kernel, uint64_t bytes);

/*
 * Errors: EOPNOTSUPP (no nbd driver), EPERM, EBUSY (the device is taken),
 * ENODEV (its name does not appear), ETIMEDOUT, EIO. Nothing is left attached.
 */
int nbd_kernel_finish_attach(struct nbd_kernel *kernel);

/*
 * Begin to write out what the kernel holds back, and to detach. Of a device that
 * somebody else has detached, the name is left to be removed.
 */
int nbd_kernel_start_flush(struct nbd_kernel *kernel);
int nbd_kernel_start_detach(struct nbd_kernel *kernel);

/* The outcome of the latter, once its worker is done. */
int nbd_kernel_finish_detach(struct nbd_kernel *kernel);

/* Waits for workers and closes what is open. */
void nbd_kernel_fini(struct nbd_kernel *kernel);

#endif /* NBD_KERNEL_H */
