/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * buffers.c: the pool of request memory. Every piece is a mapping of its own, or
 * whole pages of a larger one, so that any of them can be given back to the
 * system when another size is wanted. Loop's thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

#include "buffers.h"

static size_t class_bytes(unsigned size_class)
{
	return (size_t)NBD_BUFFER_MIN << size_class;
}

/* The smallest class that holds length bytes, 1 to NBD_BUFFER_MAX. */
static unsigned class_of(size_t length)
{
	size_t pages = (length - 1) / NBD_BUFFER_MIN;

	return pages == 0 ? 0 : 64u - (unsigned)__builtin_clzll(pages);
}

void nbd_pool_init(struct nbd_pool *pool, size_t budget)
{
	*pool = (struct nbd_pool){ .budget = budget };
}

static struct nbd_spare *take_spare(struct nbd_pool *pool, unsigned size_class)
{
	struct nbd_spare *spare = pool->spares[size_class];

	if (spare != NULL) {
		pool->spares[size_class] = spare->next;
		pool->spare -= class_bytes(size_class);
	}
	return spare;
}

/* Unmaps spare pieces, big ones first, until they fit in limit bytes. */
static void shrink(struct nbd_pool *pool, size_t limit)
{
	unsigned size_class = NBD_BUFFER_CLASSES;

	while (pool->spare > limit && size_class > 0) {
		struct nbd_spare *spare = take_spare(pool, size_class - 1);

		if (spare != NULL)
			munmap(spare, class_bytes(size_class - 1));
		else
			size_class--;
	}
}

void nbd_pool_fini(struct nbd_pool *pool)
{
	shrink(pool, 0);
}

static bool is_allowed(const struct nbd_pool *pool,
		       const struct nbd_account *account, size_t bytes)
{
	if (account->held == 0)
		return true;
	return account->held + bytes <= pool->budget / 2 &&
	       pool->used + bytes <= pool->budget;
}

/* A new mapping; spare ones make room for it within the budget. */
static void *map_piece(struct nbd_pool *pool, size_t bytes)
{
	size_t out = pool->used + bytes;
	void *p;

	shrink(pool, out < pool->budget ? pool->budget - out : 0);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* ---------------------------------------------------------------- reserved */

#define POPULATE_BYTES ((size_t)256 << 10)

/* As many requests the kernel has under way on each of its sockets. */
#define SOCKET_DEPTH 128u

/* What is there from the beginning; the sum is NBD_RESERVE_BYTES. */
static const struct {
	size_t bytes;
	unsigned count;
} reserve[] = {
	{ NBD_BUFFER_MIN, SOCKET_DEPTH },
	{ 32u << 10, 92 },
	{ 128u << 10, 17 },
	{ 256u << 10, 16 },
	{ 1u << 20, 4 },
};

static void add_spare(struct nbd_pool *pool, void *piece, unsigned size_class)
{
	struct nbd_spare *spare = piece;

	spare->next = pool->spares[size_class];
	pool->spares[size_class] = spare;
	pool->spare += class_bytes(size_class);
}

static size_t reserve_bytes(unsigned sockets)
{
	return NBD_RESERVE_BYTES + (sockets - 1) * NBD_RESERVE_MORE_BYTES;
}

/*
 * Piece by piece: whoever maps memory meanwhile, as malloc() does on another
 * thread, waits until one call is over. Before Linux 5.14 pages are touched.
 */
static void bring_in(char *memory, size_t bytes)
{
	size_t done, piece;

	for (done = 0; done < bytes; done += piece) {
		piece = dsc_min_size(bytes - done, POPULATE_BYTES);
		if (madvise(memory + done, piece, MADV_POPULATE_WRITE) < 0)
			memset(memory + done, 0, piece);
	}
}

void *nbd_reserve_map(unsigned sockets)
{
	size_t bytes = reserve_bytes(sockets);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Fewer and larger pages are had sooner, many at one request, too. */
	madvise(memory, bytes, MADV_HUGEPAGE);
	bring_in(memory, bytes);
	return memory;
}

/* Cuts pieces off. Returns what is left of the memory. */
static char *add_spares(struct nbd_pool *pool, char *memory, size_t bytes,
			unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		add_spare(pool, memory, class_of(bytes));
		memory += bytes;
	}
	return memory;
}

void nbd_pool_reserve(struct nbd_pool *pool, void *memory, unsigned sockets)
{
	char *next = memory;
	size_t i;

	for (i = 0; i < sizeof(reserve) / sizeof(reserve[0]); i++)
		next = add_spares(pool, next, reserve[i].bytes,
				  reserve[i].count);
	add_spares(pool, next, NBD_BUFFER_MIN, (sockets - 1) * SOCKET_DEPTH);
	pool->is_reserved = true;
}

/* The smallest class from this one on that has a piece, or this one. */
static unsigned class_in_reserve(const struct nbd_pool *pool,
				 unsigned size_class)
{
	unsigned i;

	for (i = size_class; i < NBD_BUFFER_CLASSES; i++) {
		if (pool->spares[i] != NULL)
			return i;
	}
	return size_class;
}

static bool must_wait(const struct nbd_pool *pool,
		      const struct nbd_account *account, unsigned size_class)
{
	if (!is_allowed(pool, account, class_bytes(size_class)))
		return true;
	return pool->is_reserved && pool->spares[size_class] == NULL &&
	       account->held > 0;
}

/* --------------------------------------------------------------- get, put */

int nbd_pool_get(struct nbd_pool *pool, struct nbd_account *account,
		 size_t length, struct nbd_buffer *buffer)
{
	unsigned size_class = class_of(length);
	size_t bytes;
	void *data;

	if (pool->is_reserved)
		size_class = class_in_reserve(pool, size_class);
	bytes = class_bytes(size_class);
	if (must_wait(pool, account, size_class))
		return -EAGAIN;
	data = take_spare(pool, size_class);
	if (data == NULL)
		data = map_piece(pool, bytes);
	if (data == NULL)
		return -ENOMEM;
	pool->used += bytes;
	account->held += bytes;
	buffer->data = data;
	buffer->size_class = size_class;
	return 0;
}

void nbd_pool_put(struct nbd_pool *pool, struct nbd_account *account,
		  struct nbd_buffer *buffer)
{
	size_t bytes = class_bytes(buffer->size_class);
	struct nbd_spare *spare = (struct nbd_spare *)(void *)buffer->data;

	if (spare == NULL)
		return;
	pool->used -= bytes;
	account->held -= bytes;
	if (pool->used + pool->spare + bytes > pool->budget)
		munmap(spare, bytes);
	else
		add_spare(pool, spare, buffer->size_class);
	buffer->data = NULL;
}
