/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/handshake.h: fixed newstyle negotiation as a machine that is fed
 * bytes and leaves bytes to be sent. It does no I/O: the client's code moves
 * the bytes, the tests and the fuzzer call it with theirs.
 *
 * handshake.c frames what comes in, options.c answers one option at a time.
 * Loop's thread (or any: there is no state outside the struct).
 */
#ifndef NBD_HANDSHAKE_H
#define NBD_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk.h"
#include "wire.h"

/* Options with more data than this are skipped and refused. */
#define NBD_OPTION_DATA_MAX 32768u

/* Room for the longest answer to one option: two names and some numbers. */
#define NBD_HANDSHAKE_OUT (2 * NBD_STRING_MAX + 1024)

/* The number of base:allocation, the one metadata context there is. */
#define NBD_CONTEXT_ALLOCATION 1u

/* What a server offers. Everything borrowed, and the name not too long. */
struct nbd_export {
	const char *name;             /* at most NBD_STRING_MAX bytes */
	const struct nbd_disk *disk;
};

enum nbd_handshake_state {
	NBD_HANDSHAKE_FLAGS,   /* the client's flags come next */
	NBD_HANDSHAKE_OPTION,  /* an option comes next */
	NBD_HANDSHAKE_SKIP,    /* data of an option that was refused */
};

/* Whether this connection is to have TLS; the caller sets that. */
enum nbd_handshake_tls {
	NBD_HANDSHAKE_PLAIN,      /* none is offered */
	NBD_HANDSHAKE_TLS_FIRST,  /* it is asked for before anything else */
	NBD_HANDSHAKE_TLS_NOW,    /* it is agreed: begins when out is sent */
	NBD_HANDSHAKE_TLS_UP,     /* all goes through it */
};

struct nbd_handshake {
	const struct nbd_export *export;
	enum nbd_handshake_state state;
	enum nbd_handshake_tls tls;
	bool is_fixed;           /* the client knows fixed newstyle */
	bool has_no_zeroes;      /* no padding after EXPORT_NAME's answer */
	bool is_ending;          /* refuse whatever is asked: we shut down */
	enum nbd_headers headers;
	bool has_allocation;     /* base:allocation is selected */
	uint32_t skip;           /* bytes still to be skipped */
	size_t out_length;
	uint8_t out[NBD_HANDSHAKE_OUT];
};

enum nbd_step {
	NBD_STEP_MORE,      /* nothing can be done with the bytes there are */
	NBD_STEP_AGAIN,     /* something was consumed: send out, call again */
	NBD_STEP_TLS,       /* send out, then TLS begins; then call again */
	NBD_STEP_TRANSMIT,  /* send out, then the transmission phase begins */
	NBD_STEP_CLOSE,     /* send out, then close */
};

/* Begins without TLS: out holds the greeting. */
void nbd_handshake_init(struct nbd_handshake *hs,
			const struct nbd_export *export);

/*
 * Takes the next piece of what the client has sent: its flags or one option.
 * Only to be called when what was in out has been sent (out_length is 0).
 *
 * in, length: bytes received and not consumed yet. An option of the greatest
 *      length needs NBD_OPTION_SIZE + NBD_OPTION_DATA_MAX of them at once.
 * consumed: receives how many of them are done with.
 */
enum nbd_step nbd_handshake_step(struct nbd_handshake *hs, const uint8_t *in,
				 size_t length, size_t *consumed);

/* ------------------------------------- between handshake.c and options.c */

/*
 * Answers an option whose data is all there.
 * Returns NBD_STEP_AGAIN, _TLS, _TRANSMIT or _CLOSE.
 */
enum nbd_step nbd_option_answer(struct nbd_handshake *hs,
				const struct nbd_option *option,
				const uint8_t *data);

/* Refuses an option that has more data than is read. */
void nbd_option_refuse_size(struct nbd_handshake *hs,
			    const struct nbd_option *option);

#endif /* NBD_HANDSHAKE_H */
