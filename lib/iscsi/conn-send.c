/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-send.c: the batch of PDUs that one sendmsg() carries, and sending it.
 *
 * Headers, paddings and digests lie one behind the other in the batch's arena,
 * so that PDUs without data make up a single piece; data stays where the
 * caller has it. A batch is put together when the one before it has been sent
 * in full: what is not in it can still be taken back. Loop's thread.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "iscsi/conn-internal.h"

/* Batches that one connection sends before the others have their turn. */
#define BATCHES_PER_TURN 4

/* Padding and a data digest, at most. */
#define TRAILER_BYTES (3u + DSC_DIGEST_BYTES)

/* ------------------------------------------------------------ building */

bool dsc_batch_has_room(const struct dsc_conn *conn, int pieces,
			uint32_t copied)
{
	const struct dsc_sender *tx = &conn->sender;
	size_t arena = DSC_HEADER_BYTES + DSC_DIGEST_BYTES + TRAILER_BYTES +
		       copied;

	/* A piece each for the header with what is copied, and the trailer. */
	return tx->iov_used + pieces + 2 <= tx->iov_limit &&
	       tx->arena_used + arena <= tx->arena_limit;
}

static void add_piece(struct dsc_sender *tx, void *base, size_t length)
{
	struct iovec *iov = &tx->batch->iov[tx->iov_used];

	tx->length += length;
	if (tx->iov_used > 0 &&
	    (uint8_t *)iov[-1].iov_base + iov[-1].iov_len == base) {
		iov[-1].iov_len += length;
		return;
	}
	iov->iov_base = base;
	iov->iov_len = length;
	tx->iov_used++;
}

static uint8_t *add_arena(struct dsc_sender *tx, size_t length)
{
	uint8_t *bytes = tx->batch->arena + tx->arena_used;

	tx->arena_used += length;
	add_piece(tx, bytes, length);
	return bytes;
}

uint8_t *dsc_batch_begin(struct dsc_conn *conn)
{
	struct dsc_sender *tx = &conn->sender;
	size_t length = DSC_HEADER_BYTES;

	if (conn->params.header_digest)
		length += DSC_DIGEST_BYTES;
	tx->data_length = 0;
	tx->crc = 0;
	tx->header = add_arena(tx, length);
	return tx->header;
}

static void count_data(struct dsc_conn *conn, const uint8_t *data,
		       uint32_t length)
{
	struct dsc_sender *tx = &conn->sender;

	tx->data_length += length;
	if (conn->params.data_digest)
		tx->crc = dsc_crc32c(tx->crc, data, length);
}

void dsc_batch_copy(struct dsc_conn *conn, const void *data, uint32_t length)
{
	if (length == 0)
		return;
	memcpy(add_arena(&conn->sender, length), data, length);
	count_data(conn, data, length);
}

void dsc_batch_task_data(struct dsc_conn *conn, struct dsc_task *task,
			 uint32_t length)
{
	struct dsc_sender *tx = &conn->sender;
	uint8_t *piece;
	uint32_t taken;

	while (length > 0 &&
	       (taken = dsc_data_next(task, length, &piece)) > 0) {
		add_piece(tx, piece, taken);
		count_data(conn, piece, taken);
		length -= taken;
	}
	if (tx->data_length == 0)
		return;
	tx->batch->pin[tx->pin_used].task = task;
	tx->batch->pin[tx->pin_used].end = tx->length;
	tx->pin_used++;
	task->pins++;
}

void dsc_batch_end(struct dsc_conn *conn)
{
	struct dsc_sender *tx = &conn->sender;
	uint32_t padding = dsc_pad(tx->data_length);
	uint8_t *trailer;

	if (conn->params.header_digest)
		dsc_digest_put(tx->header + DSC_HEADER_BYTES,
			       dsc_crc32c(0, tx->header, DSC_HEADER_BYTES));
	if (padding > 0) {
		trailer = add_arena(tx, padding);
		memset(trailer, 0, padding);
		if (conn->params.data_digest)
			tx->crc = dsc_crc32c(tx->crc, trailer, padding);
	}
	if (conn->params.data_digest && tx->data_length > 0)
		dsc_digest_put(add_arena(tx, DSC_DIGEST_BYTES), tx->crc);
}

/* ------------------------------------------------------------- sending */

/* The batch moves on by what the socket has taken. */
static void advance(struct dsc_sender *tx, size_t bytes)
{
	struct iovec *iov = &tx->batch->iov[tx->iov_first];

	tx->sent += bytes;
	while (bytes > 0 && bytes >= iov->iov_len) {
		bytes -= iov->iov_len;
		iov++;
		tx->iov_first++;
	}
	if (bytes > 0) {
		iov->iov_base = (uint8_t *)iov->iov_base + bytes;
		iov->iov_len -= bytes;
	}
}

/* Lets go of the tasks whose pieces have left. */
static void unpin_sent(struct dsc_conn *conn)
{
	struct dsc_sender *tx = &conn->sender;

	while (conn->is_open && tx->pin_first < tx->pin_used &&
	       tx->batch->pin[tx->pin_first].end <= tx->sent)
		dsc_conn_unpin(conn, tx->batch->pin[tx->pin_first++].task);
}

/*
 * The target has gone, but what it said before may still lie in the socket:
 * answers, or why it goes.
 */
static void fail_sending(struct dsc_conn *conn, int errnum)
{
	uint64_t before;

	do {
		before = conn->stats.bytes_received;
		dsc_conn_receive(conn);
	} while (conn->is_open && conn->stats.bytes_received != before);
	if (conn->is_open)
		dsc_conn_ended(conn, errnum);
}

static void send_batch(struct dsc_conn *conn)
{
	struct dsc_sender *tx = &conn->sender;
	struct msghdr message = {
		.msg_iov = &tx->batch->iov[tx->iov_first],
		.msg_iovlen = (size_t)(tx->iov_used - tx->iov_first),
	};
	ssize_t sent;

	do {
		sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	conn->stats.send_calls++;

	if (sent < 0) {
		tx->is_blocked = errno == EAGAIN || errno == ENOBUFS ||
				 errno == ENOMEM;
		if (!tx->is_blocked)
			fail_sending(conn, errno);
		return;
	}
	conn->stats.bytes_sent += (uint64_t)sent;
	advance(tx, (size_t)sent);
	tx->is_blocked = tx->sent < tx->length;
	unpin_sent(conn);
}

static void wait_for_room(struct dsc_conn *conn)
{
	uint32_t events = EPOLLIN;
	int rc;

	if (!conn->is_open)
		return;
	if (conn->sender.is_blocked)
		events |= EPOLLOUT;
	rc = dsc_watch_set(&conn->watch, events);
	if (rc < 0)
		dsc_conn_lose(conn, -rc, "the socket cannot be watched (%s)",
			      strerrorname_np(-rc));
}

void dsc_conn_send(struct dsc_conn *conn)
{
	struct dsc_sender *tx = &conn->sender;
	int batches = 0;

	if (tx->batch == NULL)
		tx->batch = dsc_batch_take(conn->shared);
	while (conn->is_open && !tx->is_blocked) {
		if (tx->sent == tx->length && !dsc_conn_build(conn))
			break;
		if (batches++ == BATCHES_PER_TURN)
			tx->is_blocked = true;
		else if (conn->is_open)
			send_batch(conn);
	}
	if (tx->sent == tx->length) {
		dsc_batch_give(conn->shared, tx->batch);
		tx->batch = NULL;
	}
	wait_for_room(conn);
	dsc_conn_expect(conn);
}
