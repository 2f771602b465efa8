/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/buffers.h: memory for the data of requests, shared by all clients
 * of a server: page-aligned pieces in power-of-two sizes from 4 KiB to 32 MiB,
 * used again last in, first out, so that a busy piece stays in the processor's
 * cache.
 *
 * Memory is bounded: what is in use and what is kept for later stays within
 * the pool's budget, one account (a client) gets at most half of it, and
 * whoever is refused waits until something is given back. An account that
 * holds nothing is never refused, though that may exceed the budget by one
 * request per client: so nobody can be starved, and a client that stops
 * reading its replies holds up no other.
 *
 * Loop's thread; one pool per loop.
 */
#ifndef NBD_BUFFERS_H
#define NBD_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NBD_BUFFER_MIN 4096u
#define NBD_BUFFER_CLASSES 14  /* 4 KiB << 13 is 32 MiB */
#define NBD_BUFFER_MAX (NBD_BUFFER_MIN << (NBD_BUFFER_CLASSES - 1))

/* A piece that waits to be used again; it lies at the piece's beginning. */
struct nbd_spare {
	struct nbd_spare *next;
};

struct nbd_pool {
	size_t budget;
	size_t used;    /* bytes of pieces that are out */
	size_t spare;   /* bytes of pieces that wait */
	bool is_reserved;
	struct nbd_spare *spares[NBD_BUFFER_CLASSES];
};

/* Who holds pieces, and how much. All zero to begin with. */
struct nbd_account {
	size_t held;
};

/* data is NULL where there is no piece. */
struct nbd_buffer {
	uint8_t *data;
	unsigned size_class;
};

void nbd_pool_init(struct nbd_pool *pool, size_t budget);

#define NBD_RESERVE_BYTES ((size_t)(13u << 20) + (1u << 19))
#define NBD_RESERVE_MORE_BYTES ((size_t)1 << 19)

/*
 * Maps NBD_RESERVE_BYTES for a pool, and NBD_RESERVE_MORE_BYTES for each of the
 * kernel's sockets beyond its first, and touches them, which takes its time. Any
 * thread. NULL without memory.
 */
void *nbd_reserve_map(unsigned sockets);

/*
 * Makes the pool a reserved one, with pieces of the sizes that a kernel asks
 * for. A request for more than the largest of them is served by a mapping when
 * its account holds nothing. memory: of nbd_reserve_map() for as many sockets,
 * taken.
 */
void nbd_pool_reserve(struct nbd_pool *pool, void *memory, unsigned sockets);

/* Gives all memory back; no piece may be out. */
void nbd_pool_fini(struct nbd_pool *pool);

/*
 * Takes a piece of at least length bytes, 1 to NBD_BUFFER_MAX.
 *
 * Errors: EAGAIN when the budget has no room for it now (the account holds
 * something, so a later give will come), ENOMEM.
 */
int nbd_pool_get(struct nbd_pool *pool, struct nbd_account *account,
		 size_t length, struct nbd_buffer *buffer);

/* Gives a piece back and clears *buffer; one without data is fine. */
void nbd_pool_put(struct nbd_pool *pool, struct nbd_account *account,
		  struct nbd_buffer *buffer);

#endif /* NBD_BUFFERS_H */
