/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/client.h: one connection, as the files of the engine share it:
 *
 *   client.c   life and death, events, what is waited for
 *   receive.c  bytes in: the handshake, request headers, payloads
 *   gate.c     what must not be carried out beside something under way
 *   request.c  one request: checks, the disk, completion
 *   reply.c    bytes out: the queue of replies and its one sendmsg per turn
 *   pass.c     to another process and from one, between two requests
 *
 * A request lives in a slot: free -> (incoming: its payload arrives) -> in the
 * disk -> in the queue of replies -> free. All slots of a client exist from the
 * beginning, so that nothing is allocated for a request but its buffer, and
 * that comes from the server's pool.
 *
 * A closed client is DEAD at once but stays until the disk has let go of its
 * buffers. Functions that may close it say so; the caller looks at the phase
 * afterwards. Loop's thread.
 */
#ifndef NBD_CLIENT_H
#define NBD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server.h"
#include "wire.h"

/* Requests of one client at a time; the kernel's driver sends 128. */
#define NBD_SLOTS 128

/* Bytes that one recv may bring; an option and its data fit. */
#define NBD_RX_SIZE 65536u

/*
 * The longest header of a reply: that of an error with a few words. Longer ones
 * on what a disk has done stand in the request's buffer.
 */
#define NBD_WORDS_MAX 96u
#define NBD_HEAD_MAX (NBD_EXTENDED_CHUNK_SIZE + 6 + NBD_WORDS_MAX)

struct nbd_slot {
	struct nbd_client *client;
	struct nbd_slot *next;        /* in the free stack or the reply queue */
	struct dsc_list change_link;  /* server's changes, while the disk has it */
	struct nbd_buffer buffer;
	struct discsi_pipe pipe;      /* of a read, where has_pipe is true */
	bool has_pipe;
	uint64_t cookie;
	uint64_t offset;
	uint64_t length;
	uint16_t type;
	uint16_t flags;
	size_t extents;               /* room and result of block_status */
	uint32_t payload;             /* bytes of data that the reply has */
	uint32_t piped;               /* the first of them, in the pipe */
	uint32_t head_length;
	uint8_t head[NBD_HEAD_MAX];   /* the reply's header */
};

enum nbd_phase {
	NBD_PHASE_HANDSHAKE,
	NBD_PHASE_TRANSMISSION,
	NBD_PHASE_DRAINING,  /* nothing more is read; closed when all is sent */
	NBD_PHASE_DEAD,      /* closed; waits for the disk and the reaper */
};

struct nbd_client {
	struct dsc_list link;          /* server's clients or dead */
	struct dsc_list hungry_link;   /* server's hungry, or none */
	struct nbd_server *server;
	struct discsi_watch *watch;
	struct discsi_deferred *turn;  /* sends what a turn has produced */
	struct discsi_timer *deadline; /* of the handshake, then of moving;
					* NULL: the kernel has none */
	discsi_call_cb on_gone;
	void *on_gone_arg;
	int fd;
	struct nbd_tls *tls;           /* between us and fd; NULL: nothing is */
	uint64_t since_ns;             /* when it came */
	enum nbd_phase phase;
	enum nbd_headers headers;
	bool is_kernel;
	bool can_splice;               /* its socket takes what is in a pipe */
	bool has_allocation;
	bool is_ending;                /* we shut down: requests are refused */
	bool is_stalled;               /* a request lacks a slot or memory, or
					* the gate is shut */
	bool is_passed;                /* another process has it, too */
	bool is_blocked;               /* the socket takes nothing: EPOLLOUT */
	bool is_timed;                 /* the deadline runs */
	bool has_moved;                /* replies or data of a write, since
					* that was looked at */
	bool is_clear;                 /* what has been received may be taken */
	struct nbd_account account;

	/* slots */
	struct nbd_slot *free;
	unsigned busy;                 /* slots that are not free */
	unsigned in_disk;              /* those the disk has */

	/* sending */
	struct nbd_handshake *handshake;  /* until its last answer is out */
	size_t handshake_sent;         /* of handshake->out */
	struct nbd_slot *out_first;    /* replies, in order */
	struct nbd_slot *out_last;
	size_t out_sent;               /* of the first one */

	/* receiving */
	struct nbd_slot *incoming;     /* its payload is arriving */
	uint32_t incoming_have;
	uint32_t skip;                 /* payload of a refused write */
	uint32_t rx_start;
	uint32_t rx_end;
	uint32_t rx_want;              /* how much to take beside a payload */

	struct nbd_slot slots[NBD_SLOTS];
	uint8_t rx[NBD_RX_SIZE];       /* not initialised */
};

/* ---------------------------------------------------------- client.c */

/*
 * Closes a client; why (NULL: a normal end) goes to the log. Its phase is DEAD
 * afterwards.
 */
void nbd_client_drop(struct nbd_client *client, const char *why);

/* Stops reading for good; what is half received is forgotten. */
void nbd_client_drain(struct nbd_client *client);

/*
 * Says goodbye, as the protocol has it: what is under way is finished, what
 * comes now is refused with ESHUTDOWN, and then the client is closed. A kernel
 * is told nothing, but drained: it would take that for an error of the disk.
 */
void nbd_client_end(struct nbd_client *client);

/* Ends the handshake's deadline. */
void nbd_client_greeted(struct nbd_client *client);

/*
 * The socket is full, or the data of a write is missing: a client that takes or
 * sends nothing for too long is dropped.
 */
void nbd_client_waited_for(struct nbd_client *client);

/* In the middle of the data of a write, be it one that was refused. */
static inline bool nbd_client_is_sending(const struct nbd_client *client)
{
	return client->incoming != NULL || client->skip > 0;
}

/* True when its server is paused and it is not within a request. */
static inline bool nbd_client_is_held(const struct nbd_client *client)
{
	return client->server->is_paused && !nbd_client_is_sending(client);
}

/* A free slot, or NULL. */
struct nbd_slot *nbd_slot_take(struct nbd_client *client);

/* Gives a slot and its buffer back, and wakes who waits for memory. */
void nbd_slot_free(struct nbd_slot *slot);

/* --------------------------------------------------------- receive.c */

/* Takes what the socket has, and acts on it. May close the client. */
void nbd_receive(struct nbd_client *client);

/* Goes on with what was received before a stall. May close the client. */
void nbd_receive_resume(struct nbd_client *client);

/* ------------------------------------------------------------ gate.c */

/*
 * True when a request that has been received may be taken, false when it must
 * not be carried out beside one that is under way: then it waits for
 * nbd_gate_look_again(), which is called when a client of the kernel's is gone,
 * and when a change is done.
 */
bool nbd_gate_is_open(struct nbd_client *client,
		      const struct nbd_request *request);
void nbd_gate_look_again(struct nbd_server *server);

/* The disk gets a change, and has done it: who waits for that looks again. */
void nbd_gate_enter(struct nbd_slot *slot);
void nbd_gate_leave(struct nbd_slot *slot);

/* --------------------------------------------------------- request.c */

/* Does a command of this type change what is on the disk? */
bool nbd_request_is_change(uint16_t type);

enum nbd_intake {
	NBD_INTAKE_DONE,     /* the header is consumed */
	NBD_INTAKE_PAYLOAD,  /* so it is, and client->incoming or skip is set */
	NBD_INTAKE_STALL,    /* no slot, no memory, no leave: again later */
	NBD_INTAKE_END,      /* the client wants to disconnect */
	NBD_INTAKE_ABUSE,    /* the client must be dropped */
};

/* Takes a request whose header has come. */
enum nbd_intake nbd_request_take(struct nbd_client *client,
				 const struct nbd_request *request);

/* Refuses the request whose payload is arriving; the rest is passed over. */
void nbd_request_refuse_incoming(struct nbd_client *client);

/* Hands a request to the disk; its payload, if it has one, is complete. */
void nbd_request_submit(struct nbd_slot *slot);

/* ----------------------------------------------------------- reply.c */

/*
 * Queue the reply of a request that is done. They do not send: that happens at
 * the end of the loop's turn.
 */
void nbd_reply_success(struct nbd_slot *slot);
void nbd_reply_data(struct nbd_slot *slot);
/* The buffer holds slot->extents extents, at most NBD_EXTENTS_MAX. */
void nbd_reply_extents(struct nbd_slot *slot);
/* message: NULL, or a sentence for clients that can take one. */
void nbd_reply_error(struct nbd_slot *slot, uint32_t error,
		     const char *message);

#define NBD_EXTENTS_MAX 256u

/* Sends as much as the socket takes. May close the client. */
void nbd_reply_send(struct nbd_client *client);

/* True when there is nothing left to send. */
bool nbd_reply_is_sent(const struct nbd_client *client);

#endif /* NBD_CLIENT_H */
