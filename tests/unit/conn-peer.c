/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit/conn-peer.c: the scriptable target of the connection's tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "iscsi/crc32c.h"
#include "unit/conn-peer.h"

#define DEADLINE_NS (10 * DSC_NS_PER_S)
#define INBOX_BYTES (4u << 20)
#define GUARD_BYTES 64u
#define GUARD 0xa5

/* ----------------------------------------------------------------- life */

static void on_lost(void *arg, const struct discsi_error *why)
{
	struct peer *peer = arg;

	peer->lost++;
	peer->lost_at = peer->order;
	peer->why_errnum = why->errnum;
	memcpy(peer->why, why->message, sizeof(peer->why));
	if (peer->on_lost != NULL)
		peer->on_lost(peer);
}

static void on_async(void *arg, const struct dsc_async_event *event)
{
	struct peer *peer = arg;

	peer->asyncs++;
	peer->async_event = event->event;
	peer->async_parameter[0] = event->parameter1;
	peer->async_parameter[1] = event->parameter2;
	peer->async_parameter[2] = event->parameter3;
	peer->async_sense = event->sense;
}

void peer_init(struct peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	peer->params = (struct dsc_params){
		.max_send_bytes = 8192,
		.max_recv_bytes = DSC_OUR_MAX_RECV_BYTES,
		.max_burst_bytes = 262144,
		.first_burst_bytes = 65536,
		.max_outstanding_r2t = 1,
		.initial_r2t = true,
		.immediate_data = true,
		.stat_sn = PEER_STAT_SN,
		.exp_cmd_sn = PEER_CMD_SN,
		.max_cmd_sn = PEER_CMD_SN + 63,
	};
}

/* A socketpair by TCP: fds[0] for the engine. */
static int tcp_pair(int fds[2])
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = bind(listener, (struct sockaddr *)&at, sizeof(at));
	if (rc == 0)
		rc = listen(listener, 1);
	if (rc == 0)
		rc = getsockname(listener, (struct sockaddr *)&at, &length);
	if (rc == 0)
		rc = connect(fds[0], (struct sockaddr *)&at, sizeof(at));
	if (rc == 0)
		rc = fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fds[1] = rc == 0 ? accept(listener, NULL, NULL) : -1;
	close(listener);
	return fds[1] >= 0 ? 0 : -1;
}

void peer_open(struct peer *peer)
{
	const struct dsc_conn_owner owner = {
		.lost = on_lost,
		.async_event = on_async,
		.arg = peer,
	};
	struct discsi_error error;
	int fds[2];

	peer->stat_sn = peer->params.stat_sn + 1;
	peer->exp_cmd_sn = peer->params.exp_cmd_sn;
	peer->max_cmd_sn = peer->params.max_cmd_sn;
	peer->inbox = malloc(INBOX_BYTES);
	CU_ASSERT_FATAL(peer->inbox != NULL);
	CU_ASSERT_FATAL((peer->is_tcp ? tcp_pair(fds) :
			 socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    fds)) == 0);
	if (peer->send_buffer > 0)
		CU_ASSERT_EQUAL(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF,
					   &peer->send_buffer, sizeof(int)), 0);
	CU_ASSERT_FATAL(discsi_context_new(&peer->ctx) == 0);
	peer->fd = fds[1];
	CU_ASSERT_FATAL(dsc_conn_new(peer->ctx, fds[0], &peer->params,
				     PEER_NAME, &owner, &peer->conn,
				     &error) == 0);
}

void peer_close(struct peer *peer)
{
	dsc_conn_free(peer->conn);
	discsi_context_destroy(peer->ctx);
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer->inbox);
}

void peer_hang_up(struct peer *peer)
{
	close(peer->fd);
	peer->fd = -1;
}

/* What lies in the target's end of the socket goes into the inbox. */
static void collect(struct peer *peer)
{
	ssize_t n;

	while (peer->fd >= 0 && peer->inbox_used < INBOX_BYTES) {
		n = recv(peer->fd, peer->inbox + peer->inbox_used,
			 INBOX_BYTES - peer->inbox_used, MSG_DONTWAIT);
		if (n <= 0)
			break;
		peer->inbox_used += (size_t)n;
	}
}

void peer_turn(struct peer *peer)
{
	int i;

	for (i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(discsi_context_dispatch(peer->ctx, 0), 0);
}

void peer_wait(struct peer *peer, const int *count, int want)
{
	uint64_t end = dsc_clock_now_ns() + DEADLINE_NS;

	while (*count < want && dsc_clock_now_ns() < end) {
		collect(peer);
		discsi_context_dispatch(peer->ctx, 10);
	}
	CU_ASSERT_FATAL(*count >= want);
}

/* ---------------------------------------------------------------- tasks */

uint8_t pattern(uint32_t seed, uint32_t i)
{
	uint32_t x = (seed + 1) * 2654435761u + i / 4 * 40503u;

	return (uint8_t)((x >> 13) + i * 7);
}

void fill(uint8_t *data, uint32_t seed, uint32_t offset, uint32_t length)
{
	uint32_t i;

	for (i = 0; i < length; i++)
		data[i] = pattern(seed, offset + i);
}

bool is_filled(const uint8_t *data, uint32_t seed, uint32_t offset,
	       uint32_t length)
{
	uint32_t i;

	for (i = 0; i < length; i++) {
		if (data[i] != pattern(seed, offset + i))
			return false;
	}
	return true;
}

static void on_done(struct dsc_task *task)
{
	struct op *op = dsc_container_of(task, struct op, task);

	op->done++;
	op->order = op->peer->order++;
	if (op->on_done != NULL)
		op->on_done(op);
}

static uint8_t operation(enum dsc_direction direction)
{
	static const uint8_t codes[] = {
		[DSC_DATA_NONE] = 0x00,
		[DSC_DATA_IN] = 0x28,
		[DSC_DATA_OUT] = 0x2a,
	};

	return codes[direction];
}

void op_init(struct op *op, struct peer *peer, enum dsc_direction direction,
	     uint32_t length)
{
	memset(op, 0, sizeof(*op));
	op->peer = peer;
	op->length = length;
	op->memory = malloc(length + 2 * GUARD_BYTES);
	CU_ASSERT_FATAL(op->memory != NULL);
	memset(op->memory, GUARD, length + 2 * GUARD_BYTES);
	op->data = op->memory + GUARD_BYTES;
	if (direction == DSC_DATA_OUT)
		fill(op->data, 0, 0, length);
	op->iov[0].iov_base = op->data;
	op->iov[0].iov_len = length;
	op->task.cdb[0] = operation(direction);
	op->task.cdb[5] = 0x77;
	op->task.lun[1] = 3;
	op->task.direction = direction;
	op->task.length = length;
	op->task.iov = op->iov;
	op->task.iovcnt = 1;
	op->task.done = on_done;
}

void op_split(struct op *op, const uint32_t *lengths, int count)
{
	uint8_t *at = op->data;
	uint32_t left = op->length;
	int i;

	for (i = 0; i < count; i++) {
		op->iov[i].iov_base = at;
		op->iov[i].iov_len = lengths[i];
		at += lengths[i];
		left -= lengths[i];
	}
	op->iov[i].iov_base = at;
	op->iov[i].iov_len = left;
	op->task.iovcnt = count + 1;
}

void op_submit(struct op *op)
{
	dsc_conn_submit(op->peer->conn, &op->task);
	CU_ASSERT_EQUAL(op->done, 0);
}

bool op_is_guarded(const struct op *op)
{
	uint32_t i;

	for (i = 0; i < GUARD_BYTES; i++) {
		if (op->memory[i] != GUARD || op->data[op->length + i] != GUARD)
			return false;
	}
	return true;
}

void op_free(struct op *op)
{
	CU_ASSERT(op_is_guarded(op));
	free(op->memory);
}

/* ------------------------------------------------- what the engine sends */

static uint32_t header_bytes(const struct peer *peer)
{
	return peer->params.header_digest ? 52 : 48;
}

/* The length of the PDU at the beginning of the inbox, 0: not all of it. */
static size_t whole_pdu(const struct peer *peer, uint32_t *data_length)
{
	size_t whole = header_bytes(peer);

	if (peer->inbox_used < whole)
		return 0;
	*data_length = dsc_get_be24(peer->inbox + 5);
	if (*data_length > 0) {
		whole += *data_length + (-*data_length & 3u);
		whole += peer->params.data_digest ? 4 : 0;
	}
	return peer->inbox_used < whole ? 0 : whole;
}

static void check_digests(const struct peer *peer, const struct got *got,
			  size_t whole)
{
	uint32_t head = header_bytes(peer);
	const uint8_t *end = peer->inbox + whole;
	uint32_t i;

	for (i = got->length; i % 4 != 0; i++)
		CU_ASSERT_EQUAL(peer->inbox[head + i], 0);
	if (peer->params.header_digest)
		CU_ASSERT_EQUAL(dsc_digest_get(peer->inbox + 48),
				dsc_crc32c_table(0, peer->inbox, 48));
	if (peer->params.data_digest && got->length > 0)
		CU_ASSERT_EQUAL(dsc_digest_get(end - 4),
				dsc_crc32c_table(0, peer->inbox + head,
						 whole - head - 4));
}

static void take_pdu(struct peer *peer, struct got *got, size_t whole)
{
	const uint8_t *header = peer->inbox;

	memcpy(got->header, header, 48);
	got->opcode = header[0] & 0x3f;
	got->is_immediate = (header[0] & 0x40) != 0;
	got->flags = header[1];
	got->itt = dsc_get_be32(header + 16);
	got->ttt = dsc_get_be32(header + 20);
	got->cmd_sn = dsc_get_be32(header + 24);
	got->exp_stat_sn = dsc_get_be32(header + 28);
	got->data_sn = dsc_get_be32(header + 36);
	got->offset = dsc_get_be32(header + 40);
	got->data = malloc(got->length + 1);
	CU_ASSERT_FATAL(got->data != NULL);
	memcpy(got->data, header + header_bytes(peer), got->length);
	check_digests(peer, got, whole);
	peer->inbox_used -= whole;
	memmove(peer->inbox, peer->inbox + whole, peer->inbox_used);
}

void peer_get(struct peer *peer, struct got *got)
{
	uint64_t end = dsc_clock_now_ns() + DEADLINE_NS;
	size_t whole;

	got_free(got);
	while ((whole = whole_pdu(peer, &got->length)) == 0 &&
	       dsc_clock_now_ns() < end) {
		discsi_context_dispatch(peer->ctx, 0);
		collect(peer);
	}
	CU_ASSERT_FATAL(whole > 0);
	take_pdu(peer, got, whole);
	/* A target takes commands in order, without a hole. */
	if (got->opcode != DSC_OP_DATA_OUT && !got->is_immediate) {
		CU_ASSERT_EQUAL(got->cmd_sn, peer->exp_cmd_sn);
		CU_ASSERT_FALSE(dsc_sn_is_before(peer->max_cmd_sn,
						 got->cmd_sn));
		peer->exp_cmd_sn++;
	} else if (got->opcode != DSC_OP_DATA_OUT) {
		CU_ASSERT_EQUAL(got->cmd_sn, peer->exp_cmd_sn);
	}
}

void peer_expect(struct peer *peer, uint8_t opcode, struct got *got)
{
	peer_get(peer, got);
	CU_ASSERT_EQUAL_FATAL(got->opcode, opcode);
}

void got_free(struct got *got)
{
	free(got->data);
	got->data = NULL;
}

bool peer_is_quiet(struct peer *peer)
{
	peer_turn(peer);
	collect(peer);
	return peer->inbox_used == 0;
}

/* ------------------------------------------------- what the target sends */

/* Nothing goes to an engine that has hung up. */
static void send_piece(struct peer *peer, const uint8_t *bytes, size_t length)
{
	uint64_t end = dsc_clock_now_ns() + DEADLINE_NS;
	ssize_t n;

	while (length > 0 && dsc_clock_now_ns() < end) {
		n = send(peer->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		} else {
			discsi_context_dispatch(peer->ctx, 0);
			collect(peer);
		}
	}
	CU_ASSERT_EQUAL(length, 0);
}

void peer_say_bytes(struct peer *peer, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	size_t piece;

	while (length > 0) {
		piece = length;
		if (peer->chunk > 0 && peer->chunk < length)
			piece = peer->chunk;
		send_piece(peer, at, piece);
		if (peer->chunk > 0)
			discsi_context_dispatch(peer->ctx, 0);
		at += piece;
		length -= piece;
	}
}

static void put_header(struct peer *peer, const struct say *say,
		       uint8_t *header)
{
	memset(header, 0, 48);
	header[0] = say->opcode;
	header[1] = say->flags;
	header[2] = say->response;
	header[3] = say->status;
	header[4] = say->ahs;
	dsc_put_be24(header + 5, say->claim != 0 ? say->claim : say->length);
	dsc_put_be32(header + 16, say->itt);
	dsc_put_be32(header + 20, say->ttt);
	dsc_put_be32(header + 24, peer->stat_sn);
	if (!say->keeps_stat_sn)
		peer->stat_sn++;
	dsc_put_be32(header + 28, peer->exp_cmd_sn);
	dsc_put_be32(header + 32, peer->max_cmd_sn);
	dsc_put_be32(header + 36, say->word36);
	dsc_put_be32(header + 40, say->word40);
	dsc_put_be32(header + 44, say->word44);
}

void peer_say(struct peer *peer, const struct say *say)
{
	uint8_t *bytes = calloc(1, 48 + 4 + say->length + 3 + 4);
	uint8_t *data, *at;
	uint32_t crc;

	CU_ASSERT_FATAL(bytes != NULL);
	put_header(peer, say, bytes);
	at = bytes + 48;
	if (peer->params.header_digest) {
		crc = dsc_crc32c_table(0, bytes, 48);
		dsc_digest_put(at, crc ^ say->spoil_header_digest);
		at += 4;
	}
	if (say->length > 0) {
		data = at;
		memcpy(at, say->data, say->length);
		at += (say->length + 3) & ~3u;
		if (peer->params.data_digest) {
			crc = dsc_crc32c_table(0, data, (size_t)(at - data));
			dsc_digest_put(at, crc ^ say->spoil_data_digest);
			at += 4;
		}
	}
	peer_say_bytes(peer, bytes, (size_t)(at - bytes));
	free(bytes);
}

void peer_status(struct peer *peer, uint32_t itt, uint8_t status, uint8_t flags,
		 uint32_t residual)
{
	peer_say(peer, &(struct say){
		.opcode = DSC_OP_RESPONSE,
		.flags = DSC_FLAG_FINAL | flags,
		.status = status,
		.itt = itt,
		.word44 = residual,
	});
}

void peer_good(struct peer *peer, uint32_t itt)
{
	peer_status(peer, itt, 0, 0, 0);
}

void peer_data_in(struct peer *peer, uint32_t itt, uint32_t data_sn,
		  uint32_t offset, uint32_t length, uint8_t flags,
		  uint32_t seed)
{
	uint8_t *data = malloc(length + 1);

	CU_ASSERT_FATAL(data != NULL);
	fill(data, seed, offset, length);
	peer_say(peer, &(struct say){
		.opcode = DSC_OP_DATA_IN,
		.flags = flags,
		.itt = itt,
		.ttt = DSC_NO_TAG,
		.word36 = data_sn,
		.word40 = offset,
		.data = data,
		.length = length,
		.keeps_stat_sn = (flags & DSC_FLAG_STATUS) == 0,
	});
	free(data);
}

void peer_r2t(struct peer *peer, uint32_t itt, uint32_t ttt, uint32_t r2t_sn,
	      uint32_t offset, uint32_t length)
{
	peer_say(peer, &(struct say){
		.opcode = DSC_OP_R2T,
		.flags = DSC_FLAG_FINAL,
		.itt = itt,
		.ttt = ttt,
		.word36 = r2t_sn,
		.word40 = offset,
		.word44 = length,
		.keeps_stat_sn = true,
	});
}

void assert_lost(struct peer *peer, int errnum, const char *words)
{
	peer_wait(peer, &peer->lost, 1);
	CU_ASSERT_EQUAL(peer->lost, 1);
	CU_ASSERT_EQUAL(peer->why_errnum, errnum);
	CU_ASSERT_PTR_NOT_NULL(strstr(peer->why, PEER_NAME));
	CU_ASSERT_PTR_NOT_NULL(strstr(peer->why, words));
	if (strstr(peer->why, words) == NULL)
		dsc_test_note("the sentence is: %s", peer->why);
	CU_ASSERT_FALSE(dsc_conn_is_open(peer->conn));
}
