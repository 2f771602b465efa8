/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/server.h: one export and its clients on one loop. The server
 * neither listens nor knows where its descriptors come from: the listener
 * hands it accepted sockets, the kernel's part one end of a socketpair, a test
 * whatever it likes.
 *
 * Loop's thread. Several servers, each on a loop of its own, share nothing.
 */
#ifndef NBD_SERVER_H
#define NBD_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/context.h>

#include "base/list.h"

#include "buffers.h"
#include "pipes.h"
#include "handshake.h"
#include "log.h"
#include "tls.h"

/*
 * Clients at once, unless told otherwise, and how many that may be. Each costs
 * about 80 KiB beside what its requests hold, and 160 KiB more with TLS.
 */
#define NBD_CLIENTS_DEFAULT 64
#define NBD_CLIENTS_LIMIT 500

/* Sockets of one kernel device. */
#define NBD_CONNECTIONS_MAX 16

/* A client has this long to get through the handshake, TLS included. */
#define NBD_HANDSHAKE_TIMEOUT_MS 30000u

/* And so long when there is no room for another one who comes. */
#define NBD_HANDSHAKE_GRACE_MS 3000u

/*
 * A client that holds memory, and takes none of its replies or sends nothing of
 * the data of a write, has so long.
 */
#define NBD_MOVE_TIMEOUT_MS 60000u

/* Memory for the data of all requests that are under way. */
#define NBD_POOL_BUDGET ((size_t)64 << 20)

struct nbd_server {
	struct discsi_context *ctx;
	const struct nbd_export *export;
	struct nbd_pool pool;
	struct nbd_pipes pipes;
	struct dsc_list clients;          /* nbd_client.link */
	struct dsc_list dead;             /* closed; the reaper frees them */
	struct dsc_list hungry;           /* hungry_link: want memory */
	struct dsc_list changes;          /* nbd_slot.change_link: in the disk */
	size_t count;                     /* clients that are not freed yet */
	size_t busy;                      /* requests of all of them */
	size_t clients_max;               /* may be set after the beginning */
	unsigned move_timeout_ms;         /* so may this */
	unsigned handshake_timeout_ms;    /* and this */
	unsigned handshake_grace_ms;      /* and this */
	const struct nbd_tls_creds *tls;  /* and this, borrowed: clients that
					   * come with a handshake must use
					   * TLS; NULL: they cannot */
	struct discsi_deferred *reaper;
	struct nbd_log_limit log_limit;   /* of requests that fail */
	struct nbd_log_limit drop_limit;  /* of clients that misbehave */
	size_t kernels;                   /* clients that are a kernel's */
	bool has_kernel_left;             /* it has asked to disconnect */
	bool is_gate_waited_for;          /* a change waits for another one */
	bool is_paused;                   /* no request is taken */
	bool is_kernel_let_go;            /* nbd_server_let_go() */
	discsi_call_cb on_hangup;         /* a kernel's socket is closed; what
					   * is under way may go on. May be
					   * set; not from inside a call */
	void *on_hangup_arg;
};

enum nbd_client_kind {
	NBD_CLIENT_SOCKET,  /* begins with the handshake */
	NBD_CLIENT_KERNEL,  /* is in the transmission phase, simple replies */
	NBD_CLIENT_PASSED,  /* so is it, once a client of another process */
};

/*
 * ctx, export: borrowed until nbd_server_fini(). Errors: ENOMEM.
 */
int nbd_server_init(struct nbd_server *server, struct discsi_context *ctx,
		    const struct nbd_export *export);

/*
 * Ends a server. Clients are dropped; the disk must have completed all their
 * requests (nbd_server_is_idle()). A server of zeroes is fine.
 */
void nbd_server_fini(struct nbd_server *server);

/*
 * The same for a server whose context has been destroyed since the clients were
 * dropped: that has ended what was under way, and freed their handles.
 */
void nbd_server_abandon(struct nbd_server *server);

/*
 * Serves a connected stream socket.
 *
 * fd: taken if 0 is returned. on_gone: called once, on the loop, when the
 *      client is closed and nothing of it is under way any more; NULL: nobody
 *      wants to know.
 * Errors: ENOMEM, EUSERS (clients_max, which no kernel counts for), and those
 * of watching it.
 */
int nbd_server_add(struct nbd_server *server, int fd,
		   enum nbd_client_kind kind, discsi_call_cb on_gone,
		   void *arg);

/*
 * True when it serves a kernel that has one request at a time, or none now:
 * whoever waits for it, or for the answer, waits for us to be woken, too.
 */
bool nbd_server_is_prompt(const struct nbd_server *server);

/* True when there is room for one more client. */
bool nbd_server_has_room(const struct nbd_server *server);

/*
 * How long until there is room, or can be made: 0: now; UINT_MAX: until some
 * client leaves.
 */
unsigned nbd_server_room_in_ms(const struct nbd_server *server);

/*
 * Makes room, if there is none, at the cost of the client that has been in the
 * handshake longest: whoever has no right to come in must not keep others out.
 * Not from inside a client's callback. False: there is none to be made now.
 */
bool nbd_server_make_room(struct nbd_server *server);

/*
 * Lets every client finish what it has asked for, refuses what else it asks
 * (ESHUTDOWN) and closes each when its replies are sent. Those that are in the
 * handshake are closed at once.
 */
void nbd_server_drain(struct nbd_server *server);

/*
 * The kernel's device is about to be detached, for which the kernel waits until
 * it has sent what it is sending: a client of its that cannot take more, now or
 * later, is closed, so that this does not last as long as the disk does.
 */
void nbd_server_let_go(struct nbd_server *server);

/* ------------------------------------------------------------ pass.c */

/* A client between two requests, on its way to another process. */
struct nbd_passed {
	int fd;
	enum nbd_client_kind kind;  /* not SOCKET */
	enum nbd_headers headers;
	bool has_allocation;
	const uint8_t *bytes;  /* received, and not looked at yet */
	size_t length;
};

/* No client sends a request from now on that is looked at. */
void nbd_server_pause(struct nbd_server *server);

/* True when a paused server has nothing under way, nor a reply to send. */
bool nbd_server_is_quiet(const struct nbd_server *server);

/*
 * True when a paused server is not quiet only because of clients: they have not
 * sent all of a write, or do not take their replies. A kernel is none of them.
 */
bool nbd_server_is_held_up(const struct nbd_server *server);

/* Goes on as if nothing had been; whoever was passed is a client still. */
void nbd_server_resume(struct nbd_server *server);

/*
 * The next client of a quiet server that has not been passed yet; clients that
 * are in the handshake are not.
 *
 * passed: receives what stays the server's own. Returns false when there is
 * none left.
 */
bool nbd_server_pass(struct nbd_server *server, struct nbd_passed *passed);

/*
 * The other process's part: serves the client from the next turn of the loop
 * on. Its fd is taken if 0 is returned, the bytes are copied. on_gone and
 * errors: as for nbd_server_add(), and EINVAL (not such a client).
 */
int nbd_server_adopt(struct nbd_server *server, const struct nbd_passed *passed,
		     discsi_call_cb on_gone, void *arg);

/* Closes all clients now; requests under way complete into nothing. */
void nbd_server_drop(struct nbd_server *server);

/* True when no client is left and nothing is under way. */
bool nbd_server_is_idle(const struct nbd_server *server);

#endif /* NBD_SERVER_H */
