/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reply.c: what goes to a client. Replies are queued as their requests finish
 * and sent together, headers and data, by one sendmsg at the end of the loop's
 * turn; data is sent from the buffer that it was read into, or spliced from the
 * pipe that it was left in. What the socket does not take follows when it can.
 * Loop's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/checked.h"

#include "client.h"

/* A header and data for each slot there can be. */
#define SEND_PIECES (2 * NBD_SLOTS)

/* The longest sentence that is sent with an error. */
#define MESSAGE_MAX 255u

/*
 * A read of this length or more is looked at before it is sent: when all of it
 * is zero that is said instead. Data ends the look at its first byte.
 */
#define HOLE_MIN 65536u

/* Descriptors of BLOCK_STATUS and BLOCK_STATUS_EXT. */
#define EXTENT_SIZE 8u
#define EXTENDED_EXTENT_SIZE 16u
_Static_assert(sizeof(struct discsi_extent) >= EXTENDED_EXTENT_SIZE,
	       "descriptors replace extents in place");

/* ----------------------------------------------------------------- queue */

static void enqueue(struct nbd_slot *slot, size_t head_length, uint32_t payload)
{
	struct nbd_client *client = slot->client;

	slot->head_length = (uint32_t)head_length;
	slot->payload = payload;
	slot->next = NULL;
	if (client->out_last != NULL)
		client->out_last->next = slot;
	else
		client->out_first = slot;
	client->out_last = slot;
	discsi_deferred_request(client->turn);
}

/*
 * Begins the only chunk of a reply, which has length bytes. Returns where they
 * begin in the slot's head.
 */
static size_t put_chunk(struct nbd_slot *slot, unsigned type, uint32_t length)
{
	if (slot->client->headers == NBD_HEADERS_EXTENDED)
		return nbd_encode_extended_chunk(slot->head, type, slot->cookie,
						 slot->offset, length);
	return nbd_encode_chunk(slot->head, type, slot->cookie, length);
}

void nbd_reply_success(struct nbd_slot *slot)
{
	size_t length;

	if (slot->client->headers == NBD_HEADERS_EXTENDED)
		length = put_chunk(slot, NBD_REPLY_TYPE_NONE, 0);
	else
		length = nbd_encode_simple_reply(slot->head, 0, slot->cookie);
	enqueue(slot, length, 0);
}

/* True when all that was read is zero, as far as that is worth a look. */
static bool is_hole(const struct nbd_slot *slot)
{
	const uint8_t *data = slot->buffer.data;
	size_t length = (size_t)slot->length;

	return length >= HOLE_MIN && slot->piped == 0 &&
	       (slot->flags & NBD_CMD_FLAG_DF) == 0 && data[0] == 0 &&
	       memcmp(data, data + 1, length - 1) == 0;
}

void nbd_reply_data(struct nbd_slot *slot)
{
	uint32_t length = (uint32_t)slot->length;
	size_t at;

	if (slot->has_pipe)
		slot->piped = (uint32_t)slot->pipe.bytes;
	if (slot->client->headers == NBD_HEADERS_SIMPLE) {
		at = nbd_encode_simple_reply(slot->head, 0, slot->cookie);
		enqueue(slot, at, length);
	} else if (length == 0) {
		at = put_chunk(slot, NBD_REPLY_TYPE_NONE, 0);
		enqueue(slot, at, 0);
	} else if (is_hole(slot)) {
		at = put_chunk(slot, NBD_REPLY_TYPE_OFFSET_HOLE, 12);
		dsc_put_be64(slot->head + at, slot->offset);
		dsc_put_be32(slot->head + at + 8, length);
		enqueue(slot, at + 12, 0);
	} else {
		at = put_chunk(slot, NBD_REPLY_TYPE_OFFSET_DATA, length + 8);
		dsc_put_be64(slot->head + at, slot->offset);
		enqueue(slot, at + 8, length);
	}
}

static uint32_t state_of(uint32_t flags)
{
	return ((flags & DISCSI_EXTENT_HOLE) != 0 ? NBD_STATE_HOLE : 0) |
	       ((flags & DISCSI_EXTENT_ZERO) != 0 ? NBD_STATE_ZERO : 0);
}

/* A descriptor of an extent. Returns its size. */
static size_t put_extent(bool is_extended, uint8_t *to, uint64_t length,
			 uint32_t flags)
{
	if (is_extended) {
		dsc_put_be64(to, length);
		dsc_put_be64(to + 8, state_of(flags));
		return EXTENDED_EXTENT_SIZE;
	}
	dsc_put_be32(to, (uint32_t)length);
	dsc_put_be32(to + 4, state_of(flags));
	return EXTENT_SIZE;
}

/*
 * Turns the extents in the slot's buffer into descriptors, in place: none is
 * longer than the extent it comes from. They are cut to the request's length.
 * Returns how many bytes they have.
 */
static uint32_t put_extents(struct nbd_slot *slot, bool is_extended)
{
	uint8_t *to = slot->buffer.data;
	uint64_t left = slot->length;
	size_t count = dsc_min_size(slot->extents, NBD_EXTENTS_MAX);
	size_t i;

	for (i = 0; i < count && left > 0; i++) {
		struct discsi_extent extent;
		uint64_t part;

		memcpy(&extent, slot->buffer.data + i * sizeof(extent),
		       sizeof(extent));
		part = dsc_min_u64(extent.length, left);
		if (part == 0)
			continue;
		to += put_extent(is_extended, to, part, extent.flags);
		left -= part;
	}
	return (uint32_t)(to - slot->buffer.data);
}

void nbd_reply_extents(struct nbd_slot *slot)
{
	bool is_extended = slot->client->headers == NBD_HEADERS_EXTENDED;
	uint32_t length = put_extents(slot, is_extended);
	size_t at;

	if (length == 0) {
		nbd_reply_error(slot, NBD_EIO, "the disk told no extent");
		return;
	}
	if (is_extended) {
		at = put_chunk(slot, NBD_REPLY_TYPE_BLOCK_STATUS_EXT,
			       8 + length);
		dsc_put_be32(slot->head + at + 4,
			     length / EXTENDED_EXTENT_SIZE);
		enqueue(slot, at + 8, length);
	} else {
		at = put_chunk(slot, NBD_REPLY_TYPE_BLOCK_STATUS, 4 + length);
		enqueue(slot, at + 4, length);
	}
	dsc_put_be32(slot->head + at, NBD_CONTEXT_ALLOCATION);
}

void nbd_reply_error(struct nbd_slot *slot, uint32_t error,
		     const char *message)
{
	bool has_buffer = slot->buffer.data != NULL;
	size_t length = 0;
	size_t at;

	if (slot->client->headers == NBD_HEADERS_SIMPLE) {
		enqueue(slot, nbd_encode_simple_reply(slot->head, error,
						      slot->cookie), 0);
		return;
	}
	if (message != NULL)
		length = strnlen(message, has_buffer ? MESSAGE_MAX :
				 NBD_WORDS_MAX);
	at = put_chunk(slot, NBD_REPLY_TYPE_ERROR, 6 + (uint32_t)length);
	dsc_put_be32(slot->head + at, error);
	dsc_put_be16(slot->head + at + 4, (uint16_t)length);
	at += 6;
	if (length > 0)
		memcpy(has_buffer ? slot->buffer.data : slot->head + at,
		       message, length);
	if (has_buffer)
		enqueue(slot, at, (uint32_t)length);
	else
		enqueue(slot, at + length, 0);
}

/* --------------------------------------------------------------- sending */

/* What send() or sendmsg() has returned: true when all of wanted is out. */
static bool is_all_sent(struct nbd_client *client, ssize_t n, size_t wanted)
{
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		nbd_client_drop(client, client->tls != NULL ?
				nbd_tls_why(client->tls) : NULL);
		return false;
	}
	client->is_blocked = n < 0 || (size_t)n < wanted ||
		(client->tls != NULL && nbd_tls_unsent(client->tls) > 0);
	client->has_moved = client->has_moved || n > 0;
	if (client->is_blocked)
		nbd_client_waited_for(client);
	return !client->is_blocked;
}

/* As sendmsg(), through TLS where there is TLS. */
static ssize_t put(struct nbd_client *client, struct iovec *iov, int count)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)count };

	if (client->tls != NULL)
		return nbd_tls_send(client->tls, iov, count);
	return sendmsg(client->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Sends the handshake's answer. Returns true when it is all out. */
static bool send_handshake(struct nbd_client *client)
{
	struct nbd_handshake *hs = client->handshake;
	struct iovec iov;
	ssize_t n;

	if (hs == NULL)
		return true;
	iov.iov_base = hs->out + client->handshake_sent;
	iov.iov_len = hs->out_length - client->handshake_sent;
	if (iov.iov_len > 0) {
		n = put(client, &iov, 1);
		if (n > 0)
			client->handshake_sent += (size_t)n;
		if (!is_all_sent(client, n, iov.iov_len))
			return false;
	}
	hs->out_length = 0;
	client->handshake_sent = 0;
	if (client->phase != NBD_PHASE_HANDSHAKE) {
		free(hs);
		client->handshake = NULL;
	}
	return true;
}

static int add_piece(struct iovec *iov, int count, uint8_t *data, size_t length,
		     size_t *skip)
{
	size_t skipped = dsc_min_size(*skip, length);

	*skip -= skipped;
	if (skipped == length)
		return count;
	iov[count].iov_base = data + skipped;
	iov[count].iov_len = length - skipped;
	return count + 1;
}

/* Lays out the queue up to what is in a pipe; what is sent is left out. */
static int gather(const struct nbd_client *client, struct iovec *iov,
		  size_t *total)
{
	size_t skip = client->out_sent;
	struct nbd_slot *slot;
	int count = 0;
	int i;

	for (slot = client->out_first; slot != NULL; slot = slot->next) {
		count = add_piece(iov, count, slot->head, slot->head_length,
				  &skip);
		if (skip < slot->piped)
			break;
		skip -= slot->piped;
		if (slot->payload == slot->piped)
			continue;
		count = add_piece(iov, count, slot->buffer.data + slot->piped,
				  slot->payload - slot->piped, &skip);
	}
	*total = 0;
	for (i = 0; i < count; i++)
		*total += iov[i].iov_len;
	return count;
}

/* Frees the slots whose replies are out. */
static void retire(struct nbd_client *client, size_t sent)
{
	struct nbd_slot *slot = client->out_first;

	sent += client->out_sent;
	while (slot != NULL &&
	       sent >= (size_t)slot->head_length + slot->payload) {
		struct nbd_slot *next = slot->next;

		sent -= (size_t)slot->head_length + slot->payload;
		nbd_slot_free(slot);
		slot = next;
	}
	client->out_first = slot;
	if (slot == NULL)
		client->out_last = NULL;
	client->out_sent = sent;
}

/* Sends from a pipe; SIGPIPE, which nothing here prevents, is blocked. */
static ssize_t splice_pipe(int fd, struct discsi_pipe *pipe)
{
	ssize_t n = splice(pipe->out, NULL, fd, NULL, pipe->bytes,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0)
		pipe->bytes -= (size_t)n;
	return n;
}

/* One call. Returns true when there may be room for more. */
static bool send_some(struct nbd_client *client)
{
	struct iovec iov[SEND_PIECES];
	struct discsi_pipe *pipe = &client->out_first->pipe;
	size_t wanted;
	int count = gather(client, iov, &wanted);
	ssize_t n;

	if (count > 0) {
		n = put(client, iov, count);
	} else {
		wanted = pipe->bytes;
		n = splice_pipe(client->fd, pipe);
	}
	if (n > 0)
		retire(client, (size_t)n);
	return is_all_sent(client, n, wanted);
}

static void send_replies(struct nbd_client *client)
{
	while (client->out_first != NULL && send_some(client))
		;
}

/* Sends what TLS keeps. Returns true when it keeps nothing. */
static bool send_kept(struct nbd_client *client)
{
	size_t wanted;

	if (client->tls == NULL)
		return true;
	wanted = nbd_tls_unsent(client->tls);
	return wanted == 0 ||
	       is_all_sent(client, nbd_tls_flush(client->tls), wanted);
}

void nbd_reply_send(struct nbd_client *client)
{
	if (client->is_blocked || client->phase == NBD_PHASE_DEAD ||
	    !send_kept(client))
		return;
	if (send_handshake(client))
		send_replies(client);
}

bool nbd_reply_is_sent(const struct nbd_client *client)
{
	return client->out_first == NULL &&
	       (client->tls == NULL || nbd_tls_unsent(client->tls) == 0) &&
	       (client->handshake == NULL ||
		client->handshake->out_length == 0);
}
