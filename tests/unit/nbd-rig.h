/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-rig.h: a server of discsi-nbd with a disk in memory, and clients that
 * speak the wire's bytes, all on the test's one thread. The disk finishes what
 * it is asked at the end of the loop's turn, or when the test says so, and
 * remembers what it was asked.
 *
 * Waiting has a deadline; a rig that waits in vain fails the test.
 */
#ifndef DSC_TESTS_UNIT_NBD_RIG_H
#define DSC_TESTS_UNIT_NBD_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nbd-bridge/server.h"

#define RIG_BLOCK 512u
#define RIG_BYTES (16u << 20)
#define RIG_PENDING_MAX 1024

enum rig_kind {
	RIG_READ, RIG_WRITE, RIG_FLUSH, RIG_TRIM, RIG_ZERO, RIG_STATUS
};

/* A call of the disk that is under way. */
struct rig_call {
	enum rig_kind kind;
	void *buf;
	struct discsi_pipe *pipe;
	uint64_t offset;
	uint64_t length;
	struct discsi_extent *extents;
	size_t *count;
	discsi_done_cb cb;
	void *arg;
};

struct rig {
	struct discsi_context *ctx;
	struct nbd_disk disk;
	struct nbd_export export;
	struct nbd_server server;
	struct discsi_deferred *finisher;

	uint8_t *data;                 /* RIG_BYTES of them */
	struct rig_call calls[RIG_PENDING_MAX];
	size_t pending;
	size_t most_pending;
	bool is_held;                  /* finish only in rig_release() */
	bool is_backwards;             /* finish the last one first */
	bool is_refusing;              /* refuse calls instead of taking them */
	size_t piped;                  /* bytes of a read for its pipe */
	int fail_with;                 /* errno for the calls that finish now */

	unsigned counts[6];            /* of calls, by enum rig_kind */
	unsigned last_flags;           /* of a write or zero */
	const struct discsi_extent *status;  /* what a block status tells */
	size_t nstatus;
	unsigned gone;                 /* clients that are */
};

/* Makes the disk and the server. Its content is a pattern by block. */
void rig_begin(struct rig *rig);

/* Checks that nothing is left over, and frees it all. */
void rig_end(struct rig *rig);

/* What the disk holds at the beginning. */
void rig_pattern(uint8_t *to, uint64_t offset, size_t length);

/* Connects a client and returns its end, which the test closes. */
int rig_connect(struct rig *rig, enum nbd_client_kind kind);

/* The same through the handshake: structured replies, base:allocation. */
int rig_connect_structured(struct rig *rig);

/* Turns the loop until nothing happens any more. */
void rig_settle(struct rig *rig);

/* Finishes what the disk was asked, and goes on doing so. */
void rig_release(struct rig *rig);

/* Sends bytes, turning the loop when the socket is full. */
void rig_send(struct rig *rig, int fd, const void *bytes, size_t length);

/* Receives exactly so many. False when the connection ends before. */
bool rig_receive(struct rig *rig, int fd, void *bytes, size_t length);

/* True when the server closes the connection without a further byte. */
bool rig_is_closed(struct rig *rig, int fd);

/* The same with simple replies, by the old option. */
int rig_connect_plain(struct rig *rig);

/* The same with extended headers. */
int rig_connect_extended(struct rig *rig);

/* The header of a request, in 28 bytes. */
void rig_request(uint8_t to[NBD_REQUEST_SIZE], unsigned type, unsigned flags,
		 uint64_t cookie, uint64_t offset, uint32_t length);

/* Sends a request without payload. */
void rig_ask(struct rig *rig, int fd, unsigned type, unsigned flags,
	     uint64_t cookie, uint64_t offset, uint32_t length);

/*
 * Receives the header of a simple reply; UINT32_MAX when it is none. cookie:
 * receives the request's.
 */
uint32_t rig_simple(struct rig *rig, int fd, uint64_t *cookie);

/* Asks and receives a simple reply that has no data. Returns its error. */
uint32_t rig_call(struct rig *rig, int fd, unsigned type, unsigned flags,
		  uint64_t offset, uint32_t length);

/* A structured reply: one chunk. */
struct rig_chunk {
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;  /* of the request: in an extended reply */
	uint32_t length;
	uint8_t data[65536 + 64];
};

/* Receives a chunk; false when what comes is none. */
bool rig_chunk(struct rig *rig, int fd, struct rig_chunk *chunk);

/* Sends a request, and receives a chunk, with extended headers. */
void rig_ask_extended(struct rig *rig, int fd, unsigned type, unsigned flags,
		      uint64_t cookie, uint64_t offset, uint64_t length);
bool rig_chunk_extended(struct rig *rig, int fd, struct rig_chunk *chunk);

#endif /* DSC_TESTS_UNIT_NBD_RIG_H */
