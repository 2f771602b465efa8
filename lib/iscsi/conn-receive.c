/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-receive.c: the target's stream of bytes, cut into headers, payloads and
 * what trails them. A payload is passed on as it comes, so that nothing but a
 * header ever has to be in the buffer as a whole; a long one bypasses the
 * buffer: the socket is read straight into the caller's memory, and what
 * follows the payload lands in the buffer by the same call. Loop's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked.h"
#include "iscsi/conn-internal.h"

/*
 * So much is read before what it asks for is sent, and before the other
 * connections have their turn. The target works on the next commands while the
 * answers behind them are still on their way; with all the answers read first,
 * the two would wait for one another.
 */
#define BYTES_PER_TURN DSC_RECEIVE_BYTES

/* What is left of a payload goes straight to the caller from this length on. */
#define DIRECT_BYTES 16384u

/* A payload from which on others of its kind are expected. */
#define BULK_BYTES 65536u

/*
 * How much is read into the buffer then: enough for the next header, little
 * enough for most of the payload behind it to go straight to the caller.
 */
#define BULK_READ_BYTES 4096u

/*
 * While so much of a payload is to come, the socket counts as readable when so
 * much is there: fewer, larger reads. It does come, whatever the target does
 * next, or the connection ends, which makes the socket readable, too; and Linux
 * (4.18) sees to it that there is room for it. Not while a ping is under way:
 * on a slow link less than that would look like silence.
 */
#define LOW_WATER_BYTES 65536u

#define PIECES_MAX 64

/* From so many on, answers come faster than one falls asleep. */
#define BUSY_COMMANDS 8u

int dsc_receiver_init(struct dsc_receiver *receiver)
{
	receiver->capture = malloc(DSC_CAPTURE_MAX);
	return receiver->capture != NULL ? 0 : -ENOMEM;
}

/* -------------------------------------------------------------- payload */

static void count_payload(struct dsc_conn *conn, const uint8_t *bytes,
			  uint32_t length)
{
	struct dsc_receiver *rx = &conn->receiver;

	rx->left -= length;
	if (conn->params.data_digest)
		rx->crc = dsc_crc32c(rx->crc, bytes, length);
}

static void to_task(struct dsc_conn *conn, const uint8_t *bytes,
		    uint32_t length)
{
	struct dsc_receiver *rx = &conn->receiver;
	uint8_t *piece;
	uint32_t taken;

	if (rx->task->pipe != NULL && !conn->params.data_digest) {
		taken = dsc_pipe_take(rx->task, bytes, length, rx->left);
		bytes += taken;
		length -= taken;
	}
	while (length > 0 &&
	       (taken = dsc_data_next(rx->task, length, &piece)) > 0) {
		memcpy(piece, bytes, taken);
		bytes += taken;
		length -= taken;
	}
}

static void to_capture(struct dsc_receiver *rx, const uint8_t *bytes,
		       uint32_t length)
{
	length = dsc_min_u32(length, DSC_CAPTURE_MAX - rx->captured);
	memcpy(rx->capture + rx->captured, bytes, length);
	rx->captured += length;
}

/* Takes what the buffer has of the payload. */
static void take_payload(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;
	const uint8_t *bytes = rx->buffer + rx->head;
	uint32_t length = dsc_min_u32(rx->left, rx->tail - rx->head);

	if (rx->task != NULL)
		to_task(conn, bytes, length);
	else if (rx->answer->is_text)
		dsc_text_append(conn, bytes, length);
	else
		to_capture(rx, bytes, length);
	count_payload(conn, bytes, length);
	rx->head += length;
}

/* The socket has been read into the task's buffers: they have moved on. */
static void took_direct(struct dsc_conn *conn, uint32_t length)
{
	struct dsc_receiver *rx = &conn->receiver;
	uint8_t *piece;
	uint32_t taken;

	while (length > 0 &&
	       (taken = dsc_data_next(rx->task, length, &piece)) > 0) {
		count_payload(conn, piece, taken);
		length -= taken;
	}
}

/* -------------------------------------------------------------- parsing */

static void take_window(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	/* RFC 7143 section 4.2.2.1 */
	if (dsc_sn_is_before(pdu->max_cmd_sn, pdu->exp_cmd_sn - 1))
		return;
	if (dsc_sn_is_before(conn->max_cmd_sn, pdu->max_cmd_sn))
		conn->max_cmd_sn = pdu->max_cmd_sn;
	if (dsc_sn_is_before(conn->exp_cmd_sn, pdu->exp_cmd_sn))
		conn->exp_cmd_sn = pdu->exp_cmd_sn;
}

static bool check_header(struct dsc_conn *conn, const uint8_t *header)
{
	struct dsc_receiver *rx = &conn->receiver;
	struct dsc_pdu *pdu = &rx->pdu;

	if (conn->params.header_digest &&
	    dsc_crc32c(0, header, DSC_HEADER_BYTES) !=
	    dsc_digest_get(header + DSC_HEADER_BYTES))
		return dsc_conn_lose(conn, EIO, "a header arrived damaged "
				     "(header digest)");
	dsc_pdu_get(header, pdu);
	rx->answer = dsc_answer_find(pdu->opcode);
	if (rx->answer == NULL)
		return dsc_conn_violated(conn, "%s (0x%02x) is not for us",
					 dsc_opcode_name(pdu->opcode),
					 pdu->opcode);
	if (pdu->ahs_words != 0)
		return dsc_conn_violated(conn, "%s with an additional header",
					 dsc_opcode_name(pdu->opcode));
	if (pdu->data_length > conn->params.max_recv_bytes)
		return dsc_conn_violated(conn,
					 "%s with %u bytes of data, more than "
					 "the %u that were agreed on",
					 dsc_opcode_name(pdu->opcode),
					 pdu->data_length,
					 conn->params.max_recv_bytes);
	return true;
}

static bool take_header(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;
	uint32_t length = DSC_HEADER_BYTES;
	uint32_t digest = conn->params.data_digest ? DSC_DIGEST_BYTES : 0;

	if (conn->params.header_digest)
		length += DSC_DIGEST_BYTES;
	if (rx->tail - rx->head < length ||
	    !check_header(conn, rx->buffer + rx->head))
		return false;
	rx->head += length;
	rx->task = NULL;
	rx->captured = 0;
	rx->crc = 0;
	rx->left = rx->pdu.data_length;
	rx->trailer = rx->left > 0 ? dsc_pad(rx->left) + digest : 0;
	rx->phase = DSC_RECEIVE_DATA;
	take_window(conn);
	if (!rx->answer->begin(conn))
		return false;
	if (rx->task != NULL)
		rx->is_bulk = rx->left >= BULK_BYTES;
	return true;
}

static bool take_trailer(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;
	const uint8_t *bytes = rx->buffer + rx->head;
	uint32_t padding;

	if (rx->tail - rx->head < rx->trailer)
		return false;
	if (conn->params.data_digest && rx->trailer > 0) {
		padding = rx->trailer - DSC_DIGEST_BYTES;
		if (dsc_crc32c(rx->crc, bytes, padding) !=
		    dsc_digest_get(bytes + padding))
			return dsc_conn_lose(conn, EIO, "the data of a %s "
					     "arrived damaged (data digest)",
					     dsc_opcode_name(rx->pdu.opcode));
	}
	rx->head += rx->trailer;
	rx->phase = DSC_RECEIVE_HEADER;
	rx->answer->end(conn);
	return true;
}

/* One step; false when it takes more bytes, or the connection is lost. */
static bool step(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;

	switch (rx->phase) {
	case DSC_RECEIVE_HEADER:
		return take_header(conn);
	case DSC_RECEIVE_DATA:
		if (rx->left > 0)
			take_payload(conn);
		if (rx->left > 0)
			return false;
		rx->phase = DSC_RECEIVE_TRAILER;
		return true;
	default:
		return take_trailer(conn);
	}
}

static void parse(struct dsc_conn *conn)
{
	while (conn->is_open && step(conn))
		;
}

/* -------------------------------------------------------------- reading */

/*
 * Where the next bytes go. *direct: how many of them are a task's; *asked: how
 * many there is room for in all.
 */
static int map_room(struct dsc_receiver *rx, struct iovec *iov,
		    uint32_t *direct, uint32_t *asked)
{
	uint32_t room = DSC_RECEIVE_BYTES;
	int count = 0;

	/* What is left over is part of a header or of a trailer. */
	if (rx->head > 0) {
		memmove(rx->buffer, rx->buffer + rx->head, rx->tail - rx->head);
		rx->tail -= rx->head;
		rx->head = 0;
	}
	*direct = 0;
	if (rx->phase == DSC_RECEIVE_DATA && rx->task != NULL &&
	    rx->left >= DIRECT_BYTES && !dsc_pipe_is_undecided(rx->task))
		*direct = dsc_data_map(rx->task, rx->left, iov, PIECES_MAX,
				       &count);
	if (rx->is_bulk)
		room = BULK_READ_BYTES;
	*asked = *direct;
	if (count > 0 && *direct < rx->left)
		return count;
	iov[count].iov_base = rx->buffer + rx->tail;
	iov[count].iov_len = room - rx->tail;
	*asked += room - rx->tail;
	return count + 1;
}

static ssize_t read_socket(struct dsc_conn *conn, struct iovec *iov, int count)
{
	struct msghdr message = {
		.msg_iov = iov,
		.msg_iovlen = (size_t)count,
	};
	ssize_t got;

	do {
		if (count == 1)
			got = recv(conn->fd, iov->iov_base, iov->iov_len,
				   MSG_DONTWAIT);
		else
			got = recvmsg(conn->fd, &message, MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	conn->stats.receive_calls++;
	return got;
}

/* Bytes have come. Returns true when there may be more to read. */
static bool go_on(struct dsc_conn *conn, uint32_t bytes, bool has_more)
{
	conn->stats.bytes_received += bytes;
	conn->heard_ns = dsc_loop_now_ns(&conn->ctx->loop);
	parse(conn);
	return conn->is_open && has_more;
}

static bool is_piping(const struct dsc_receiver *rx)
{
	return rx->phase == DSC_RECEIVE_DATA && rx->task != NULL &&
	       rx->task->is_piping;
}

/* The same for a payload that goes to a pipe. */
static bool splice_once(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;
	uint32_t bytes = dsc_pipe_splice(rx->task, conn->fd, rx->left);

	conn->stats.receive_calls++;
	/* Where the pipe is of no use any more, reading tells why. */
	if (bytes == 0)
		return !rx->task->is_piping;
	rx->left -= bytes;
	return go_on(conn, bytes, rx->left == 0);
}

/* Returns true when there may be more to read. */
static bool receive_once(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;
	struct iovec iov[PIECES_MAX + 1];
	uint32_t direct, asked, bytes;
	ssize_t got;
	int count;

	if (is_piping(rx))
		return splice_once(conn);
	count = map_room(rx, iov, &direct, &asked);
	got = read_socket(conn, iov, count);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0) {
		dsc_conn_ended(conn, got < 0 ? errno : 0);
		return false;
	}
	bytes = (uint32_t)got;
	if (direct > 0)
		took_direct(conn, dsc_min_u32(bytes, direct));
	if (bytes > direct)
		rx->tail += bytes - direct;
	return go_on(conn, bytes, bytes == asked);
}

/* The buffer is ours until end_reading(). */
static void begin_reading(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;

	rx->buffer = conn->shared->receive;
	memcpy(rx->buffer, rx->leftover, rx->tail);
}

static void end_reading(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;

	if (conn->is_open) {
		rx->tail -= rx->head;
		memcpy(rx->leftover, rx->buffer + rx->head, rx->tail);
		rx->head = 0;
	}
	rx->buffer = NULL;
}

void dsc_conn_set_low_water(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;
	bool is_raised = rx->phase == DSC_RECEIVE_DATA && rx->task != NULL &&
			 rx->left >= LOW_WATER_BYTES &&
			 conn->ping.done == NULL;
	int bytes = is_raised ? (int)LOW_WATER_BYTES : 1;

	if (!conn->is_open || is_raised == rx->is_low_water_raised)
		return;
	if (setsockopt(conn->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes,
		       sizeof(bytes)) == 0)
		rx->is_low_water_raised = is_raised;
}

/*
 * So many small commands are with the target that answers will come soon, one
 * after the other.
 */
static bool is_busy(const struct dsc_conn *conn)
{
	return conn->is_open && conn->in_flight_count >= BUSY_COMMANDS &&
	       dsc_container_of(conn->in_flight.next, struct dsc_task,
				link)->length < BULK_BYTES;
}

/*
 * Whether the next commands had better wait for some answers more: while the
 * target has plenty to do they would only reach it in smaller batches, and each
 * batch costs both sides as much as several commands. At three quarters of what
 * the target still has they go, so that it does not run dry. Large transfers
 * are long enough one by one, and data that the target waits for goes at once.
 */
void dsc_conn_expect(struct dsc_conn *conn)
{
	struct dsc_loop *loop = &conn->ctx->loop;

	if (!is_busy(conn))
		return;
	dsc_loop_expect_soon(loop);
	if (4 * conn->waiting_count < 3 * conn->in_flight_count &&
	    dsc_list_is_empty(&conn->data))
		dsc_loop_expect_more(loop);
}

void dsc_conn_receive(struct dsc_conn *conn)
{
	uint64_t enough = conn->stats.bytes_received + BYTES_PER_TURN;

	begin_reading(conn);
	while (conn->is_open && receive_once(conn) &&
	       conn->stats.bytes_received < enough)
		;
	dsc_conn_set_low_water(conn);
	end_reading(conn);
	dsc_conn_expect(conn);
	/* The window may have opened, tags may be free again. */
	if (conn->is_open &&
	    (!dsc_list_is_empty(&conn->waiting) || dsc_logout_is_due(conn)))
		dsc_conn_want_flush(conn);
}
