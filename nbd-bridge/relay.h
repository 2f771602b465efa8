/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/relay.h: two descriptors that together are one connection, such
 * as a pipe for either direction, joined to a socket, which is all that the
 * server knows. Bytes are copied once more each way; who wants it fast hands
 * us a socket. Loop's thread.
 */
#ifndef NBD_RELAY_H
#define NBD_RELAY_H

#include <discsi/context.h>

struct nbd_relay;

/*
 * Joins them. All three must be non-blocking.
 *
 * in_fd: what the client sends; its end is passed on, and replies still go
 *      out. out_fd: what the client receives. Both borrowed.
 * peer_fd: one end of a socketpair whose other end is served; taken if 0 is
 *      returned.
 * on_done: called once, on the loop, when the served end is closed and
 *      everything from there has been sent, or cannot be any more.
 * relay: receives the handle, which nbd_relay_free() ends.
 * Errors: ENOMEM, and those of watching a descriptor.
 */
int nbd_relay_new(struct discsi_context *ctx, int in_fd, int out_fd,
		  int peer_fd, discsi_call_cb on_done, void *arg,
		  struct nbd_relay **relay);

/* relay: taken, NULL is fine. What is under way is lost. */
void nbd_relay_free(struct nbd_relay *relay);

#endif /* NBD_RELAY_H */
