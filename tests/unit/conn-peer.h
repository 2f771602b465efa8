/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit/conn-peer.h: the other end of a connection under test: a socketpair, a
 * driven context, and a target that does what the test says, PDU by PDU. It
 * encodes and decodes by the figures of RFC 7143 and shares nothing with the
 * engine but the checksum. The test's thread.
 */
#ifndef DSC_UNIT_CONN_PEER_H
#define DSC_UNIT_CONN_PEER_H

#include <discsi/context.h>

#include "base/bytes.h"
#include "harness/harness.h"
#include "iscsi/conn.h"
#include "iscsi/pdu.h"

#define PEER_STAT_SN 0x7ffffffeu  /* so that it wraps in a signed sense */
#define PEER_CMD_SN 0xfffffffcu   /* so that it wraps */
#define PEER_NAME "iqn.2024-01.test:disk at 192.0.2.1:3260"

struct peer {
	struct discsi_context *ctx;
	struct dsc_conn *conn;
	int fd;                  /* the target's end, -1 once closed */
	struct dsc_params params;
	uint32_t stat_sn;        /* of the next answer */
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	size_t chunk;            /* bytes sent at a time, 0: all at once */
	int send_buffer;         /* of the engine's socket, 0: as it is */
	bool is_tcp;             /* and no socketpair */
	uint8_t *inbox;          /* what the engine sent and no one has taken */
	size_t inbox_used;

	int lost;                /* calls of lost() */
	int why_errnum;
	char why[DISCSI_ERROR_MESSAGE_MAX];
	int lost_at;             /* peer->order when it was called */
	void (*on_lost)(struct peer *peer);
	int asyncs;
	uint8_t async_event;
	struct dsc_sense async_sense;  /* of event 0 */
	uint16_t async_parameter[3];
	int order;               /* completions so far */
};

/* What peers have unless a test changes peer->params before peer_open(). */
void peer_init(struct peer *peer);
void peer_open(struct peer *peer);
void peer_close(struct peer *peer);

/* Turns the loop for what is there, without waiting. */
void peer_turn(struct peer *peer);
/* Turns it until *count is at least want; fails the test after a while. */
void peer_wait(struct peer *peer, const int *count, int want);

/* ---------------------------------------------------------------- tasks */

#define OP_PIECES 8

/* A task with its buffers: guarded, so that a byte too many is noticed. */
struct op {
	struct dsc_task task;
	struct peer *peer;
	uint8_t *memory;
	uint8_t *data;           /* length bytes, behind guard bytes */
	uint32_t length;
	struct iovec iov[OP_PIECES];
	int done;                /* calls of done() */
	int order;               /* which completion it was */
	void (*on_done)(struct op *op);
};

/* A command of 0x28 (in), 0x2a (out) or 0x00; data filled with a pattern. */
void op_init(struct op *op, struct peer *peer, enum dsc_direction direction,
	     uint32_t length);
/* Buffers in pieces: each of the given length, the rest in the last one. */
void op_split(struct op *op, const uint32_t *lengths, int count);
void op_submit(struct op *op);
/* True when the guards around the data are as they were. */
bool op_is_guarded(const struct op *op);
void op_free(struct op *op);

/* Byte i of the data that belongs to seed. */
uint8_t pattern(uint32_t seed, uint32_t i);
void fill(uint8_t *data, uint32_t seed, uint32_t offset, uint32_t length);
bool is_filled(const uint8_t *data, uint32_t seed, uint32_t offset,
	       uint32_t length);

/* ------------------------------------------------- what the engine sends */

struct got {
	uint8_t opcode;      /* without the immediate bit */
	bool is_immediate;
	uint8_t flags;
	uint8_t header[48];
	uint32_t itt;
	uint32_t ttt;        /* or expected data transfer length */
	uint32_t cmd_sn;
	uint32_t exp_stat_sn;
	uint32_t data_sn;
	uint32_t offset;
	uint32_t length;     /* of the data segment */
	uint8_t *data;       /* freed by the next peer_get() on this struct */
};

/* The next PDU; fails the test when none comes. Zero *got before first use. */
void peer_get(struct peer *peer, struct got *got);
/* The same, which has to be of that kind. */
void peer_expect(struct peer *peer, uint8_t opcode, struct got *got);
void got_free(struct got *got);
/* True when the engine sends nothing of its own accord. */
bool peer_is_quiet(struct peer *peer);

/* ------------------------------------------------- what the target sends */

struct say {
	uint8_t opcode;
	uint8_t flags;
	uint8_t response;
	uint8_t status;
	uint32_t itt;
	uint32_t ttt;
	uint32_t word36;     /* DataSN, R2TSN, ExpDataSN, async event */
	uint32_t word40;     /* offset */
	uint32_t word44;     /* residual, desired length */
	const void *data;
	uint32_t length;
	uint32_t claim;      /* data length to claim, when not 0 */
	uint8_t ahs;
	bool keeps_stat_sn;  /* does not use up a StatSN */
	bool spoil_header_digest;
	bool spoil_data_digest;
};

void peer_say(struct peer *peer, const struct say *say);
/* Bytes as they are. */
void peer_say_bytes(struct peer *peer, const void *bytes, size_t length);

/* Common ones. */
void peer_status(struct peer *peer, uint32_t itt, uint8_t status,
		 uint8_t flags, uint32_t residual);
void peer_good(struct peer *peer, uint32_t itt);
/* Data of the pattern of that seed; flags may carry the status (S). */
void peer_data_in(struct peer *peer, uint32_t itt, uint32_t data_sn,
		  uint32_t offset, uint32_t length, uint8_t flags,
		  uint32_t seed);
void peer_r2t(struct peer *peer, uint32_t itt, uint32_t ttt, uint32_t r2t_sn,
	      uint32_t offset, uint32_t length);
void peer_hang_up(struct peer *peer);

/* lost() has been called once, with that errno and words in its sentence. */
void assert_lost(struct peer *peer, int errnum, const char *words);

#endif /* DSC_UNIT_CONN_PEER_H */
