/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-internal.h: between the files of the full feature phase engine alone:
 *
 *   conn.c          the connection's life, tasks from submission to completion
 *   conn-slots.c    initiator task tags, and what may be sent of a task's data
 *   conn-data.c     walking a caller's buffers
 *   conn-send.c     a batch of PDUs: putting it together and sending it
 *   conn-build.c    which PDUs go into the next batch
 *   conn-shared.c   memory that all connections of a context take turns with
 *   conn-receive.c  the stream of bytes, cut into headers and payloads
 *   conn-pipe.c     the data of a read, left in a pipe
 *   conn-answer.c   what each PDU of the target does
 *   conn-control.c  Text and Logout, answers to pings
 *   conn-manage.c   pings of ours, task management, rejected requests
 *
 * Loop's thread. Any function that may call the caller back is marked so; its
 * caller looks at is_open before it goes on.
 */
#ifndef DSC_ISCSI_CONN_INTERNAL_H
#define DSC_ISCSI_CONN_INTERNAL_H

#include "iscsi/conn.h"
#include "iscsi/crc32c.h"
#include "iscsi/pdu.h"

/* ---------------------------------------------------------------- tags */

/*
 * A tag is the index of a slot and, above it, how often the slot has been
 * used: a late answer, or an invented one, does not match.
 */
#define DSC_SLOT_BITS 10
#define DSC_SLOTS (1u << DSC_SLOT_BITS)

/* Slots that SCSI tasks leave to requests that must always get through. */
#define DSC_SLOTS_RESERVED 16u

enum dsc_slot_kind {
	DSC_SLOT_FREE,
	DSC_SLOT_TASK,
	DSC_SLOT_TEXT,
	DSC_SLOT_PING,
	DSC_SLOT_MANAGEMENT,
	DSC_SLOT_LOGOUT
};

struct dsc_slot {
	struct dsc_task *task;  /* of kind DSC_SLOT_TASK */
	uint32_t itt;
	uint16_t next_free;
	uint8_t kind;
};

/* A run of Data-Out PDUs: without an R2T, or in answer to one. */
struct dsc_burst {
	struct dsc_burst *next;  /* of the same task, or the next free one */
	uint32_t ttt;            /* DSC_NO_TAG: not asked for */
	uint32_t left;           /* bytes */
	uint32_t data_sn;
};

/* R2Ts per task that are kept; libiscsi offers a MaxOutstandingR2T of 1. */
#define DSC_R2TS_MAX 64u

/*
 * None of these arrays is written before it is used, so that a connection
 * that is idle takes hardly any memory.
 */
struct dsc_slots {
	struct dsc_slot *slot;      /* DSC_SLOTS */
	uint32_t touched;           /* slots that have ever been used */
	uint32_t in_use;
	uint16_t free;              /* first free one of those, or NO_SLOT */
	struct dsc_burst *burst;
	uint32_t bursts;            /* room of the array */
	uint32_t bursts_touched;
	struct dsc_burst *free_burst;
};

/* ------------------------------------------------------------- sending */

#define DSC_BATCH_IOV 512
#define DSC_BATCH_ARENA 32768u

/* A PDU in the batch that points into the buffers of a task. */
struct dsc_pin {
	struct dsc_task *task;
	size_t end;  /* of those pieces, in bytes of the batch */
};

struct dsc_batch {
	struct dsc_batch *next;          /* while it is spare */
	struct iovec iov[DSC_BATCH_IOV];
	struct dsc_pin pin[DSC_BATCH_IOV];
	uint8_t arena[DSC_BATCH_ARENA];  /* headers, paddings, digests */
};

struct dsc_sender {
	struct dsc_batch *batch;  /* NULL: nothing is being sent */
	int iov_first;      /* what is still to be sent */
	int iov_used;
	int iov_limit;      /* while building */
	int pin_first;
	int pin_used;
	size_t arena_used;
	size_t arena_limit;
	size_t length;      /* bytes of the batch */
	size_t sent;
	bool is_blocked;    /* waits for EPOLLOUT */
	uint8_t *header;    /* of the PDU being built */
	uint32_t data_length;
	uint32_t crc;       /* of its data so far */
};

/* ----------------------------------------------------------- receiving */

#define DSC_RECEIVE_BYTES 65536u

/* What is kept of a payload that is not a task's or a Text's. */
#define DSC_CAPTURE_MAX 1024u

enum dsc_receive_phase {
	DSC_RECEIVE_HEADER,
	DSC_RECEIVE_DATA,
	DSC_RECEIVE_TRAILER
};

struct dsc_answer;

/* Less than a header with its digest is ever left over. */
#define DSC_LEFTOVER_MAX 64u

struct dsc_receiver {
	uint8_t *buffer;                  /* shared; NULL: not reading */
	uint32_t head;
	uint32_t tail;
	uint8_t leftover[DSC_LEFTOVER_MAX];  /* tail bytes, when not reading */
	uint8_t phase;
	bool is_bulk;                     /* large payloads are arriving */
	bool is_low_water_raised;         /* SO_RCVLOWAT is not 1 */
	const struct dsc_answer *answer;  /* how pdu is handled */
	struct dsc_pdu pdu;
	struct dsc_task *task;            /* whose buffers the payload fills */
	uint32_t left;                    /* of the payload */
	uint32_t trailer;                 /* padding and digest behind it */
	uint32_t crc;                     /* of the payload so far */
	uint32_t captured;
	uint8_t *capture;                 /* DSC_CAPTURE_MAX bytes */
};

/*
 * One kind of PDU. begin() looks at the header and says where the payload
 * goes: to receiver.task, to the Text's answer, or else to capture. end() runs
 * when the payload is there. Both may call the caller back; begin() returns
 * false when the connection is lost.
 */
struct dsc_answer {
	bool (*begin)(struct dsc_conn *conn);
	void (*end)(struct dsc_conn *conn);
	bool is_text;  /* the payload is part of a Text's answer */
};

/* ------------------------------------------------------------- control */

/* Pings of the target that wait to be answered. */
#define DSC_PONGS 32u
#define DSC_PONG_DATA 256u

struct dsc_pong {
	uint8_t lun[8];
	uint32_t ttt;
	uint32_t length;
	uint8_t data[DSC_PONG_DATA];
};

struct dsc_ping {
	dsc_ping_cb done;      /* NULL: none under way */
	void *arg;
	struct dsc_urgent urgent;
	uint32_t itt;          /* DSC_NO_TAG: not sent yet */
};

struct dsc_text {
	dsc_text_cb done;      /* NULL: none under way */
	void *arg;
	struct dsc_urgent urgent;
	uint32_t itt;          /* DSC_NO_TAG: not sent yet */
	uint32_t ttt;
	uint8_t lun[8];
	uint32_t rounds;
	uint32_t request_length;
	uint8_t request[DSC_TEXT_REQUEST_MAX];
	char *answer;
	size_t length;
	size_t room;
};

struct dsc_logout {
	dsc_logout_cb done;    /* NULL: none under way */
	void *arg;
	bool is_sent;
	uint32_t itt;
};

/* ---------------------------------------------------------- connection */

/* Of all connections of a context. */
struct dsc_conn_shared {
	unsigned users;
	uint8_t *receive;         /* DSC_RECEIVE_BYTES, of the one that reads */
	struct dsc_batch *spare;  /* stack */
};

struct dsc_conn {
	struct discsi_context *ctx;
	struct dsc_conn_shared *shared;
	struct dsc_params params;
	struct dsc_conn_owner owner;
	struct dsc_conn_stats stats;
	char *name;
	int fd;
	bool is_open;
	bool is_completing;      /* inside of dsc_conn_complete_all() */
	int close_error;         /* what tasks complete with, once closed */
	struct dsc_watch watch;
	struct dsc_deferred flush;

	uint32_t cmd_sn;         /* of the next command */
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t exp_stat_sn;

	struct dsc_list waiting;    /* tasks: submitted */
	size_t waiting_count;
	struct dsc_list in_flight;  /* tasks: sent, by CmdSN */
	size_t in_flight_count;
	struct dsc_list data;       /* tasks that have bursts, data_link */
	uint32_t depth;             /* the most in flight; 0: no limit */
	uint64_t heard_ns;
	struct dsc_list urgent;
	struct dsc_list managements;  /* until they are answered */
	struct dsc_ping ping;
	struct dsc_text text;
	struct dsc_logout logout;
	struct dsc_pong *pong;      /* ring */
	uint32_t pong_first;
	uint32_t pong_count;

	struct dsc_slots slots;
	struct dsc_sender sender;
	struct dsc_receiver receiver;
};

/* conn.c */

/*
 * Ends the connection for a reason of its own making: lost(), then every task.
 * Returns false. Calls back.
 */
bool dsc_conn_lose(struct dsc_conn *conn, int errnum, const char *format, ...)
	DSC_PRINTF(3, 4);
/* The same with EPROTO, and "protocol error: " in front. Calls back. */
bool dsc_conn_violated(struct dsc_conn *conn, const char *format, ...)
	DSC_PRINTF(2, 3);
/* The target has closed: an end that was asked for if we are logging out. */
void dsc_conn_ended(struct dsc_conn *conn, int errnum);
/* Asks for a flush at the end of the turn. */
void dsc_conn_want_flush(struct dsc_conn *conn);
/* From the queue to those in flight, as the next in order of CmdSN. */
void dsc_conn_sending(struct dsc_conn *conn, struct dsc_task *task);
/*
 * The answer is in task: its tag and bursts go; done() at once, or when its
 * pins are out. Calls back.
 */
void dsc_conn_answered(struct dsc_conn *conn, struct dsc_task *task);
/* One pin less; done() if that was what it waited for. Calls back. */
void dsc_conn_unpin(struct dsc_conn *conn, struct dsc_task *task);

/* conn-slots.c */
int dsc_slots_init(struct dsc_slots *slots, uint32_t max_r2ts);
void dsc_slots_fini(struct dsc_slots *slots);
bool dsc_slots_have_room(const struct dsc_slots *slots);
/* There is room: dsc_slots_have_room(), or it is one of the reserved. */
struct dsc_slot *dsc_slot_take(struct dsc_slots *slots,
			       enum dsc_slot_kind kind);
/* The slot of that tag and kind, or NULL. */
struct dsc_slot *dsc_slot_find(struct dsc_slots *slots, uint32_t itt,
			       enum dsc_slot_kind kind);
void dsc_slot_give(struct dsc_slots *slots, uint32_t itt);
/* Adds a burst behind the others of the task, and the task to conn->data. */
void dsc_burst_add(struct dsc_conn *conn, struct dsc_task *task, uint32_t ttt,
		   uint32_t length);
/* Takes the first burst away; the task goes to the end of conn->data. */
void dsc_burst_done(struct dsc_conn *conn, struct dsc_task *task);
void dsc_bursts_drop(struct dsc_conn *conn, struct dsc_task *task);

/* conn-data.c */
void dsc_data_rewind(struct dsc_task *task);
/*
 * The next contiguous piece, of at most max bytes, and on to what follows it.
 * Returns its length, 0 when the buffers have come to their end.
 */
uint32_t dsc_data_next(struct dsc_task *task, uint32_t max, uint8_t **piece);
/* How many of the next max bytes lie in at most pieces pieces. */
uint32_t dsc_data_measure(const struct dsc_task *task, uint32_t max,
			  int pieces);
/*
 * The next max bytes as iovec entries, at most room; *count: how many. Does
 * not move on. Returns the bytes that they hold.
 */
uint32_t dsc_data_map(const struct dsc_task *task, uint32_t max,
		      struct iovec *iov, int room, int *count);

/* Moves on by length bytes, which are there. */
void dsc_data_skip(struct dsc_task *task, uint32_t length);

/* conn-pipe.c */
/*
 * A task begins. What its pipe has from where its data starts is a former
 * attempt's, and that of tasks behind it: then all of it goes to the buffer.
 */
void dsc_pipe_reset(struct dsc_task *task);
/* True until the first bytes of data that may be piped have told where it goes. */
bool dsc_pipe_is_undecided(const struct dsc_task *task);
/*
 * Takes the beginning of bytes, of a payload of which left bytes have not been
 * taken. Returns how many of them are in the pipe now.
 */
uint32_t dsc_pipe_take(struct dsc_task *task, const uint8_t *bytes,
		       uint32_t length, uint32_t left);
/*
 * Moves max bytes at most from the socket to the pipe. Returns how many; 0 when
 * the socket has none now, or when no more goes to the pipe.
 */
uint32_t dsc_pipe_splice(struct dsc_task *task, int fd, uint32_t max);

/* conn-send.c */
/* Sends all there is, as far as the socket takes it. Calls back. */
void dsc_conn_send(struct dsc_conn *conn);
/* Room for a PDU with that many pieces and bytes of its own (copied). */
bool dsc_batch_has_room(const struct dsc_conn *conn, int pieces,
			uint32_t copied);
/* Begins a PDU; returns its header, to be written once its data is there. */
uint8_t *dsc_batch_begin(struct dsc_conn *conn);
/* Data that is copied. */
void dsc_batch_copy(struct dsc_conn *conn, const void *data, uint32_t length);
/* Data that stays in the caller's buffers until it is sent. */
void dsc_batch_task_data(struct dsc_conn *conn, struct dsc_task *task,
			 uint32_t length);
/*
 * Ends it: padding, digests. The header must be there, with the data length
 * that sender.data_length says.
 */
void dsc_batch_end(struct dsc_conn *conn);

/* conn-build.c */
/* Fills an empty batch; false when there is nothing to send. */
bool dsc_conn_build(struct dsc_conn *conn);

/* conn-shared.c */
/* -ENOMEM */
int dsc_shared_join(struct dsc_conn *conn);
/* Also when it never joined. */
void dsc_shared_leave(struct dsc_conn *conn);
struct dsc_batch *dsc_batch_take(struct dsc_conn_shared *shared);
void dsc_batch_give(struct dsc_conn_shared *shared, struct dsc_batch *batch);

/* conn-receive.c */
int dsc_receiver_init(struct dsc_receiver *receiver);
/* Reads and handles what there is. Calls back. */
void dsc_conn_receive(struct dsc_conn *conn);
/* Tells the loop what to expect of what is under way. */
void dsc_conn_expect(struct dsc_conn *conn);
/* How much has to be there before the socket counts as readable. */
void dsc_conn_set_low_water(struct dsc_conn *conn);

/* conn-answer.c */
/* NULL for an opcode that a target must not use here. */
const struct dsc_answer *dsc_answer_find(uint8_t opcode);
/*
 * StatSN of the PDU at hand has to be the one that comes next, and is used up.
 * Calls back, and returns false, when it is not.
 */
bool dsc_conn_take_stat_sn(struct dsc_conn *conn);
/* "…: Data-In for a task that there is not": returns false. Calls back. */
bool dsc_conn_unknown_tag(struct dsc_conn *conn);

/* conn-control.c */
int dsc_control_init(struct dsc_conn *conn);
void dsc_control_fini(struct dsc_conn *conn);
/* Text and Logout come to an end, if they are under way. Call back. */
void dsc_text_finish(struct dsc_conn *conn, int status);
void dsc_logout_finish(struct dsc_conn *conn, int status);
/* The handlers of their PDUs. */
bool dsc_text_begin(struct dsc_conn *conn);
/* Room was made by dsc_text_begin(). */
void dsc_text_append(struct dsc_conn *conn, const uint8_t *bytes,
		     uint32_t length);
void dsc_text_end(struct dsc_conn *conn);
bool dsc_logout_begin(struct dsc_conn *conn);
void dsc_logout_end(struct dsc_conn *conn);
bool dsc_nop_begin(struct dsc_conn *conn);
void dsc_nop_end(struct dsc_conn *conn);
/* Writes waiting answers to pings, and a Logout that is due, into the batch. */
void dsc_pongs_put(struct dsc_conn *conn);
void dsc_logout_put(struct dsc_conn *conn);
/* One was asked for, and nothing is left before it. */
bool dsc_logout_is_due(const struct dsc_conn *conn);

/* conn-manage.c; all of it calls back */
void dsc_ping_finish(struct dsc_conn *conn, int status);
/* A NOP-In with a tag of ours. */
bool dsc_pong_begin(struct dsc_conn *conn);
void dsc_managements_finish(struct dsc_conn *conn, int status);
void dsc_managements_without(struct dsc_conn *conn,
			     const struct dsc_task *task);
bool dsc_management_begin(struct dsc_conn *conn);
void dsc_management_end(struct dsc_conn *conn);
/* The target has rejected the request with this header; false: not of ours. */
bool dsc_conn_rejected(struct dsc_conn *conn, const uint8_t *header);

#endif /* DSC_ISCSI_CONN_INTERNAL_H */
