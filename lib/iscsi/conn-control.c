/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-control.c: what is not a SCSI task: the target's pings, Text and
 * Logout. All of it is sent as immediate requests, which a closed command
 * window does not hold back. Loop's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "iscsi/conn-internal.h"

/* Requests that one Text may take until its answer is complete. */
#define TEXT_ROUNDS_MAX 16384u

static bool put_text(struct dsc_conn *conn, struct dsc_urgent *urgent);

int dsc_control_init(struct dsc_conn *conn)
{
	dsc_list_init(&conn->text.urgent.link);
	conn->text.urgent.put = put_text;
	conn->pong = malloc(DSC_PONGS * sizeof(*conn->pong));
	return conn->pong != NULL ? 0 : -ENOMEM;
}

void dsc_control_fini(struct dsc_conn *conn)
{
	free(conn->pong);
}

/* ----------------------------------------------------------------- pings */

bool dsc_nop_begin(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	if (pdu->itt != DSC_NO_TAG)
		return dsc_pong_begin(conn);
	if (pdu->ttt != DSC_NO_TAG && conn->pong_count == DSC_PONGS)
		return dsc_conn_violated(conn, "the target sends pings faster "
					 "than it takes the answers");
	return true;
}

/* The ping's StatSN is not used up (RFC 7143 section 11.19.1). */
void dsc_nop_end(struct dsc_conn *conn)
{
	const struct dsc_receiver *rx = &conn->receiver;
	struct dsc_pong *pong;

	if (rx->pdu.itt != DSC_NO_TAG) {
		dsc_ping_finish(conn, 0);
		return;
	}
	if (rx->pdu.ttt == DSC_NO_TAG)
		return;
	pong = &conn->pong[(conn->pong_first + conn->pong_count) % DSC_PONGS];
	conn->pong_count++;
	pong->ttt = rx->pdu.ttt;
	pong->length = dsc_min_u32(rx->captured, DSC_PONG_DATA);
	memcpy(pong->lun, rx->pdu.lun, sizeof(pong->lun));
	memcpy(pong->data, rx->capture, pong->length);
	dsc_conn_want_flush(conn);
}

static void put_pong(struct dsc_conn *conn, const struct dsc_pong *pong)
{
	uint8_t *header = dsc_batch_begin(conn);
	const struct dsc_request_header h = {
		.lun = pong->lun,
		.itt = DSC_NO_TAG,
		.ttt = pong->ttt,
		.cmd_sn = conn->cmd_sn,
		.exp_stat_sn = conn->exp_stat_sn,
		.data_length = pong->length,
	};

	dsc_batch_copy(conn, pong->data, pong->length);
	dsc_pdu_put_nop_out(header, &h);
	dsc_batch_end(conn);
}

void dsc_pongs_put(struct dsc_conn *conn)
{
	while (conn->pong_count > 0 &&
	       dsc_batch_has_room(conn, 0, DSC_PONG_DATA)) {
		put_pong(conn, &conn->pong[conn->pong_first]);
		conn->pong_first = (conn->pong_first + 1) % DSC_PONGS;
		conn->pong_count--;
	}
}

/* ------------------------------------------------------------------ text */

static void send_text(struct dsc_conn *conn)
{
	dsc_list_append(&conn->urgent, &conn->text.urgent.link);
	dsc_conn_want_flush(conn);
}

int dsc_conn_text(struct dsc_conn *conn, const char *pairs, size_t length,
		  dsc_text_cb done, void *arg)
{
	struct dsc_text *text = &conn->text;

	if (length == 0 || length > sizeof(text->request))
		return -EINVAL;
	if (!conn->is_open)
		return -ENOTCONN;
	if (text->done != NULL)
		return -EBUSY;
	memcpy(text->request, pairs, length);
	text->request_length = (uint32_t)length;
	text->done = done;
	text->arg = arg;
	text->itt = DSC_NO_TAG;
	text->ttt = DSC_NO_TAG;
	memset(text->lun, 0, sizeof(text->lun));
	text->rounds = 0;
	text->length = 0;
	text->room = 0;
	send_text(conn);
	return 0;
}

void dsc_text_finish(struct dsc_conn *conn, int status)
{
	struct dsc_text *text = &conn->text;
	dsc_text_cb done = text->done;
	char *answer = text->answer;

	if (done == NULL)
		return;
	text->done = NULL;
	text->answer = NULL;
	dsc_list_remove(&text->urgent.link);
	if (text->itt != DSC_NO_TAG)
		dsc_slot_give(&conn->slots, text->itt);
	if (status != 0)
		done(text->arg, status, NULL, 0);
	else
		done(text->arg, 0, answer != NULL ? answer : "", text->length);
	free(answer);
}

static bool put_text(struct dsc_conn *conn, struct dsc_urgent *urgent)
{
	struct dsc_text *text = dsc_container_of(urgent, struct dsc_text,
						 urgent);
	struct dsc_request_header h = {
		.flags = DSC_FLAG_FINAL,
		.lun = text->lun,
		.ttt = text->ttt,
		.cmd_sn = conn->cmd_sn,
		.exp_stat_sn = conn->exp_stat_sn,
	};
	uint8_t *header;

	if (!dsc_batch_has_room(conn, 0, text->request_length) ||
	    conn->slots.in_use == DSC_SLOTS)
		return false;
	if (text->itt == DSC_NO_TAG)
		text->itt = dsc_slot_take(&conn->slots, DSC_SLOT_TEXT)->itt;
	h.itt = text->itt;
	/* Only the first request says something; the others ask for more. */
	if (text->rounds++ == 0)
		h.data_length = text->request_length;
	header = dsc_batch_begin(conn);
	dsc_batch_copy(conn, text->request, h.data_length);
	dsc_pdu_put_text(header, &h);
	dsc_batch_end(conn);
	return true;
}

static bool make_room(struct dsc_conn *conn, uint32_t length)
{
	struct dsc_text *text = &conn->text;
	size_t room = text->length + length;
	char *bigger;

	if (room > DSC_TEXT_MAX)
		return dsc_conn_violated(conn, "a Text answer of more than "
					 "%u bytes", DSC_TEXT_MAX);
	if (room <= text->room)
		return true;
	room = dsc_min_size(2 * room, DSC_TEXT_MAX);
	bigger = realloc(text->answer, room);
	if (bigger == NULL)
		return dsc_conn_lose(conn, ENOMEM,
				     "no memory for a Text answer");
	text->answer = bigger;
	text->room = room;
	return true;
}

bool dsc_text_begin(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;
	struct dsc_text *text = &conn->text;

	if (dsc_slot_find(&conn->slots, pdu->itt, DSC_SLOT_TEXT) == NULL)
		return dsc_conn_unknown_tag(conn);
	if (!dsc_list_is_empty(&text->urgent.link))
		return dsc_conn_violated(conn, "Text Response to a request "
					 "that has not been sent");
	return dsc_conn_take_stat_sn(conn) &&
	       (pdu->data_length == 0 || make_room(conn, pdu->data_length));
}

void dsc_text_append(struct dsc_conn *conn, const uint8_t *bytes,
		     uint32_t length)
{
	struct dsc_text *text = &conn->text;

	memcpy(text->answer + text->length, bytes, length);
	text->length += length;
}

void dsc_text_end(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;
	struct dsc_text *text = &conn->text;
	bool is_final = (pdu->flags & DSC_FLAG_FINAL) != 0;
	bool continues = (pdu->flags & DSC_FLAG_CONTINUE) != 0;

	if (is_final && continues) {
		dsc_conn_violated(conn, "Text Response that is final and to "
				  "be continued");
		return;
	}
	if (is_final) {
		dsc_text_finish(conn, 0);
		return;
	}
	if (pdu->ttt == DSC_NO_TAG || text->rounds == TEXT_ROUNDS_MAX) {
		dsc_conn_violated(conn, pdu->ttt == DSC_NO_TAG ?
				  "Text Response to be continued, without a "
				  "tag" : "a Text answer that does not end");
		return;
	}
	text->ttt = pdu->ttt;
	memcpy(text->lun, pdu->lun, sizeof(text->lun));
	send_text(conn);
}

/* ---------------------------------------------------------------- logout */

int dsc_conn_logout(struct dsc_conn *conn, dsc_logout_cb done, void *arg)
{
	struct dsc_logout *logout = &conn->logout;

	if (!conn->is_open)
		return -ENOTCONN;
	if (logout->done != NULL || logout->is_sent)
		return -EBUSY;
	logout->done = done;
	logout->arg = arg;
	dsc_conn_want_flush(conn);
	return 0;
}

bool dsc_logout_is_due(const struct dsc_conn *conn)
{
	return conn->logout.done != NULL && !conn->logout.is_sent &&
	       conn->in_flight_count == 0 && dsc_list_is_empty(&conn->waiting);
}

void dsc_logout_put(struct dsc_conn *conn)
{
	struct dsc_request_header h = {
		.cmd_sn = conn->cmd_sn,
		.exp_stat_sn = conn->exp_stat_sn,
	};
	uint8_t *header;

	if (!dsc_logout_is_due(conn) || !dsc_batch_has_room(conn, 0, 0) ||
	    conn->slots.in_use == DSC_SLOTS)
		return;
	h.itt = dsc_slot_take(&conn->slots, DSC_SLOT_LOGOUT)->itt;
	header = dsc_batch_begin(conn);
	dsc_pdu_put_logout(header, &h);
	dsc_batch_end(conn);
	conn->logout.is_sent = true;
}

void dsc_logout_finish(struct dsc_conn *conn, int status)
{
	struct dsc_logout *logout = &conn->logout;
	dsc_logout_cb done = logout->done;

	logout->done = NULL;
	if (done != NULL)
		done(logout->arg, status);
}

bool dsc_logout_begin(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	if (dsc_slot_find(&conn->slots, pdu->itt, DSC_SLOT_LOGOUT) == NULL)
		return dsc_conn_unknown_tag(conn);
	return dsc_conn_take_stat_sn(conn);
}

void dsc_logout_end(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	dsc_slot_give(&conn->slots, pdu->itt);
	if (pdu->response != 0)
		dsc_log(&conn->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_CONN,
			"%s: the target answers the logout with code %u",
			conn->name, pdu->response);
	dsc_logout_finish(conn, pdu->response == 0 ? 0 : -EIO);
}
