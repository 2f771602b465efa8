/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-conn.c: one connection: bytes in, PDUs apart, bytes out. What a turn has
 * produced leaves in as few system calls as possible. With sim->lock held.
 */
#include "simtarget/sim-internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "iscsi/crc32c.h"

#define SEND_IOV 512
/* Enough is queued: nothing more is read until it has left. */
#define OUT_PIECES_MAX 16384

/* ------------------------------------------------------------------- life */

void sim_conn_new(struct sim *sim, int fd, unsigned portal)
{
	struct sim_conn *conn = calloc(1, sizeof(*conn));
	struct epoll_event event = { .events = 0 };
	const int on = 1;

	if (conn == NULL) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn->sim = sim;
	conn->fd = fd;
	conn->portal = portal;
	conn->number = ++sim->connections;
	conn->is_mute = sim->portal[portal].is_mute;
	conn->stat_sn = 1;
	conn->next_ttt = 1;
	conn->max_send = 8192;
	conn->rx = malloc(SIM_RX_BYTES);
	dsc_list_init(&conn->tasks);
	dsc_list_append(&sim->conns, &conn->link);
	event.data.ptr = conn;
	if (!conn->is_mute)
		event.events = EPOLLIN;
	epoll_ctl(sim->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void sim_conn_free(struct sim_conn *conn)
{
	sim_tasks_lost(conn);
	if (conn->nexus != NULL && conn->nexus->conn == conn)
		conn->nexus->conn = NULL;
	if (!conn->is_logged_in)
		free(conn->nexus);
	dsc_list_remove(&conn->link);
	/* A child that has not got to its exec yet may hold it open. */
	epoll_ctl(conn->sim->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	close(conn->fd);
	free(conn->rx);
	free(conn->out);
	free(conn->arena);
	free(conn);
}

void sim_watch(struct sim_conn *conn)
{
	struct epoll_event event = { .data.ptr = conn };
	bool is_full = conn->out_used - conn->out_sent > OUT_PIECES_MAX;

	if (conn->out_used > conn->out_sent)
		event.events |= EPOLLOUT;
	if (!is_full && !conn->is_doomed && !conn->is_mute)
		event.events |= EPOLLIN;
	epoll_ctl(conn->sim->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

/* ---------------------------------------------------------------- sending */

static void add_out(struct sim_conn *conn, const uint8_t *ptr, size_t offset,
		    size_t length)
{
	if (conn->out_used == conn->out_room) {
		size_t room = conn->out_room == 0 ? 1024 : 2 * conn->out_room;
		void *bigger = realloc(conn->out, room * sizeof(*conn->out));

		if (bigger == NULL)
			abort();
		conn->out = bigger;
		conn->out_room = room;
	}
	conn->out[conn->out_used].ptr = ptr;
	conn->out[conn->out_used].offset = offset;
	conn->out[conn->out_used].length = length;
	conn->out_used++;
}

/* Copies into the arena; neighbours there become one piece. */
static void add_copy(struct sim_conn *conn, const void *data, size_t length)
{
	struct sim_out *last = NULL;

	while (conn->arena_used + length > conn->arena_room) {
		size_t room = conn->arena_room == 0 ? 65536 :
						      2 * conn->arena_room;
		void *bigger = realloc(conn->arena, room);

		if (bigger == NULL)
			abort();
		conn->arena = bigger;
		conn->arena_room = room;
	}
	memcpy(conn->arena + conn->arena_used, data, length);
	if (conn->out_used > conn->out_sent)
		last = &conn->out[conn->out_used - 1];
	if (last != NULL && last->ptr == NULL &&
	    last->offset + last->length == conn->arena_used)
		last->length += length;
	else
		add_out(conn, NULL, conn->arena_used, length);
	conn->arena_used += length;
}

static void put_numbers(struct sim_conn *conn, uint8_t *bhs, bool takes_stat_sn)
{
	uint32_t window = conn->sim->config.window;

	if (takes_stat_sn)
		dsc_put_be32(bhs + 24, conn->stat_sn++);
	else if ((bhs[0] & 0x3f) != 0x25)
		dsc_put_be32(bhs + 24, conn->stat_sn);
	dsc_put_be32(bhs + 28, conn->exp_cmd_sn);
	if (!conn->is_shut)
		conn->max_cmd_sn = conn->exp_cmd_sn + window - 1;
	dsc_put_be32(bhs + 32, conn->max_cmd_sn);
}

static void queue(struct sim_conn *conn, const uint8_t *bhs, const void *data,
		  uint32_t length, bool stays)
{
	static const uint8_t zeroes[4];
	uint8_t digest[4];

	add_copy(conn, bhs, BHS);
	if (conn->has_digest && conn->is_logged_in) {
		dsc_digest_put(digest, dsc_crc32c(0, bhs, BHS));
		if (conn->sim->corrupt_in > 0 && --conn->sim->corrupt_in == 0)
			digest[0] ^= 0x10;
		add_copy(conn, digest, sizeof(digest));
	}
	if (length == 0)
		return;
	if (stays)
		add_out(conn, data, 0, length);
	else
		add_copy(conn, data, length);
	if ((length & 3) != 0)
		add_copy(conn, zeroes, -length & 3);
}

/* The truth, mostly. Forged and repeated PDUs have no data of their own. */
static void lie(struct sim_conn *conn, uint8_t *bhs, const void *data,
		uint32_t length, bool stays)
{
	struct sim *sim = conn->sim;
	uint8_t spoilt[SIM_LIE_BYTES];
	uint8_t forged[BHS];

	switch (sim_lie(sim, bhs, &length, forged)) {
	case SIM_LIE_FORGED:
		queue(conn, forged, NULL, 0, false);
		break;
	case SIM_LIE_TWICE:
		queue(conn, bhs, data, length, stays);
		break;
	case SIM_LIE_DATA:
		if (length == 0 || length > SIM_LIE_BYTES)
			break;
		memcpy(spoilt, data, length);
		sim_lie_data(sim, spoilt, length);
		queue(conn, bhs, spoilt, length, false);
		return;
	case SIM_LIE_CUT:
		add_copy(conn, bhs, BHS / 3);
		conn->is_doomed = true;
		return;
	case SIM_LIE_SILENCE:
		return;
	default:
		break;
	}
	queue(conn, bhs, data, length, stays);
}

void sim_conn_send(struct sim_conn *conn, enum sim_pdu kind, uint8_t *bhs,
		   const void *data, uint32_t length, bool stays,
		   bool takes_stat_sn)
{
	enum sim_where where = SIM_AFTER;
	bool drops;

	if (conn->is_dead || conn->is_doomed)
		return;
	drops = sim_drop_meet(conn->sim, kind, &where);
	if (drops && where == SIM_BEFORE) {
		conn->is_doomed = true;
		return;
	}
	put_numbers(conn, bhs, takes_stat_sn);
	dsc_put_be24(bhs + 5, length);
	data = sim_falsify(conn, bhs, data, length, &stays);
	if (conn->sim->hostile_rate != 0 && !drops) {
		lie(conn, bhs, data, length, stays);
		return;
	}
	if (drops && where == SIM_INSIDE && length == 0) {
		add_copy(conn, bhs, BHS / 2);
	} else if (drops && where == SIM_INSIDE) {
		add_copy(conn, bhs, BHS);
		add_out(conn, data, 0, length / 2);
		if (!stays) {
			conn->out_used--;
			add_copy(conn, data, length / 2);
		}
	} else {
		queue(conn, bhs, data, length, stays);
	}
	conn->is_doomed = drops;
}

static int fill_iov(struct sim_conn *conn, struct iovec *iov)
{
	size_t i;
	int count = 0;

	for (i = conn->out_sent; i < conn->out_used && count < SEND_IOV; i++) {
		const struct sim_out *out = &conn->out[i];
		const uint8_t *ptr = out->ptr != NULL ? out->ptr :
				     conn->arena + out->offset;

		iov[count].iov_base = (void *)(uintptr_t)ptr;
		iov[count++].iov_len = out->length;
	}
	iov[0].iov_base = (uint8_t *)iov[0].iov_base + conn->out_skip;
	iov[0].iov_len -= conn->out_skip;
	return count;
}

static void took(struct sim_conn *conn, size_t sent)
{
	while (sent > 0) {
		struct sim_out *out = &conn->out[conn->out_sent];
		size_t left = out->length - conn->out_skip;

		if (sent < left) {
			conn->out_skip += sent;
			return;
		}
		sent -= left;
		conn->out_skip = 0;
		conn->out_sent++;
	}
}

void sim_conn_flush(struct sim_conn *conn)
{
	struct iovec iov[SEND_IOV];
	bool had_out = conn->wants_out;

	while (conn->out_sent < conn->out_used) {
		struct msghdr message = { .msg_iov = iov };
		ssize_t sent;

		message.msg_iovlen = (size_t)fill_iov(conn, iov);
		sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			conn->is_dead = errno != EAGAIN;
			break;
		}
		took(conn, (size_t)sent);
	}
	conn->wants_out = conn->out_sent < conn->out_used;
	if (!conn->wants_out) {
		conn->out_sent = 0;
		conn->out_used = 0;
		conn->arena_used = 0;
		conn->is_dead |= conn->is_doomed;
	}
	if (conn->wants_out != had_out && !conn->is_dead)
		sim_watch(conn);
}

/* --------------------------------------------------------------- receiving */

static void answer_nop(struct sim_conn *conn, const uint8_t *request,
		       const uint8_t *data, uint32_t length)
{
	uint8_t bhs[BHS] = { 0x20, 0x80 };

	if (dsc_get_be32(request + 20) != NO_TAG) {
		conn->sim->pongs++;
		conn->is_pinged = false;
	}
	if (dsc_get_be32(request + 16) == NO_TAG)
		return;
	conn->sim->pings++;
	if ((request[0] & 0x40) == 0)
		conn->exp_cmd_sn++;
	memcpy(bhs + 16, request + 16, 4);
	memset(bhs + 20, 0xff, 4);
	sim_conn_send(conn, SIM_PDU_NOP_IN, bhs, data, length, false, true);
}

static void answer_logout(struct sim_conn *conn, const uint8_t *request)
{
	uint8_t bhs[BHS] = { 0x26, 0x80 };

	if ((request[0] & 0x40) == 0)
		conn->exp_cmd_sn++;
	if (conn->sim->portal[conn->portal].keeps)
		return;
	memcpy(bhs + 16, request + 16, 4);
	sim_conn_send(conn, SIM_PDU_ANY, bhs, NULL, 0, false, true);
	if (conn->nexus != NULL)
		sim_tasks_end(conn->sim, conn->nexus);
	conn->is_doomed = true;
}

/* In full feature phase. */
static void dispatch(struct sim_conn *conn, const uint8_t *bhs,
		     const uint8_t *data, uint32_t length)
{
	switch (bhs[0] & 0x3f) {
	case 0x00:
		answer_nop(conn, bhs, data, length);
		break;
	case 0x01:
		sim_command_pdu(conn, bhs, data, length);
		break;
	case 0x02:
		sim_management_pdu(conn, bhs);
		break;
	case 0x04:
		sim_text_pdu(conn, bhs);
		break;
	case 0x05:
		sim_data_out_pdu(conn, bhs, data, length);
		break;
	case 0x06:
		answer_logout(conn, bhs);
		break;
	default:
		conn->is_dead = true;
	}
}

/* Drops that wait for a PDU from the initiator. True: it is not handled. */
static bool drop_received(struct sim_conn *conn, uint8_t opcode,
			  bool *drops_after)
{
	enum sim_where where;
	enum sim_pdu pdu;

	if (opcode != 0x01 && opcode != 0x05)
		return false;
	pdu = opcode == 0x01 ? SIM_PDU_COMMAND : SIM_PDU_DATA_OUT;
	if (!sim_drop_meet(conn->sim, pdu, &where))
		return false;
	if (where != SIM_AFTER)
		conn->is_dead = true;
	*drops_after = where == SIM_AFTER;
	return conn->is_dead;
}

/* A login that is answered late. */
static bool must_wait(struct sim_conn *conn)
{
	uint64_t now = sim_now_ns();

	if (conn->is_logged_in || conn->sim->login_delay_ms == 0)
		return false;
	if (conn->login_due_ns == 0)
		conn->login_due_ns = now + conn->sim->login_delay_ms *
					   1000000ull;
	return now < conn->login_due_ns;
}

/* One PDU, if it is there as a whole. */
static bool take_pdu(struct sim_conn *conn)
{
	const uint8_t *bhs = conn->rx + conn->rx_head;
	size_t there = conn->rx_tail - conn->rx_head;
	bool has_digest = conn->has_digest && conn->is_logged_in;
	size_t begin = BHS + (has_digest ? 4 : 0);
	bool drops_after = false;
	uint32_t length;
	size_t whole;

	if (there < BHS)
		return false;
	length = dsc_get_be24(bhs + 5);
	whole = begin + bhs[4] * 4u + ((length + 3) & ~3u);
	if (whole > SIM_RX_BYTES) {
		conn->is_dead = true;
		return false;
	}
	if (there < whole || must_wait(conn))
		return false;
	conn->rx_head += whole;
	if (has_digest && dsc_digest_get(bhs + BHS) != dsc_crc32c(0, bhs, BHS)) {
		conn->is_dead = true;
		return false;
	}
	if (!conn->is_logged_in)
		sim_login_pdu(conn, bhs, bhs + begin, length);
	else if (!drop_received(conn, bhs[0] & 0x3f, &drops_after))
		dispatch(conn, bhs, bhs + begin, length);
	conn->is_dead |= drops_after;
	return !conn->is_dead && !conn->is_doomed;
}

void sim_conn_on_time(struct sim_conn *conn)
{
	if (conn->login_due_ns == 0 || conn->is_logged_in || conn->is_dead ||
	    sim_now_ns() < conn->login_due_ns)
		return;
	while (take_pdu(conn))
		;
}

void sim_conn_readable(struct sim_conn *conn)
{
	ssize_t got;

	if (conn->rx_head > 0) {
		memmove(conn->rx, conn->rx + conn->rx_head,
			conn->rx_tail - conn->rx_head);
		conn->rx_tail -= conn->rx_head;
		conn->rx_head = 0;
	}
	got = recv(conn->fd, conn->rx + conn->rx_tail,
		   SIM_RX_BYTES - conn->rx_tail, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		conn->is_dead = true;
		return;
	}
	conn->rx_tail += (size_t)got;
	conn->together = 0;
	while (take_pdu(conn))
		;
}
