/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-manage.c: our pings (NOP-Out, RFC 7143 section 11.18), task management
 * (section 11.5), and what is left of a request that the target rejects
 * (section 11.17). All of these are immediate requests. Loop's thread.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "iscsi/conn-internal.h"

static void send_urgent(struct dsc_conn *conn, struct dsc_urgent *urgent)
{
	dsc_list_append(&conn->urgent, &urgent->link);
	dsc_conn_want_flush(conn);
}

/* Room in the batch, and a tag. */
static bool can_put(const struct dsc_conn *conn)
{
	return dsc_batch_has_room(conn, 0, 0) && conn->slots.in_use < DSC_SLOTS;
}

/* ------------------------------------------------------------------ pings */

static bool put_ping(struct dsc_conn *conn, struct dsc_urgent *urgent)
{
	struct dsc_ping *ping = dsc_container_of(urgent, struct dsc_ping,
						 urgent);
	struct dsc_request_header h = {
		.ttt = DSC_NO_TAG,
		.cmd_sn = conn->cmd_sn,
		.exp_stat_sn = conn->exp_stat_sn,
	};
	uint8_t *header;

	if (!can_put(conn))
		return false;
	ping->itt = dsc_slot_take(&conn->slots, DSC_SLOT_PING)->itt;
	h.itt = ping->itt;
	header = dsc_batch_begin(conn);
	dsc_pdu_put_nop_out(header, &h);
	dsc_batch_end(conn);
	return true;
}

int dsc_conn_ping(struct dsc_conn *conn, dsc_ping_cb done, void *arg)
{
	struct dsc_ping *ping = &conn->ping;

	if (!conn->is_open)
		return -ENOTCONN;
	if (ping->done != NULL)
		return -EBUSY;
	ping->done = done;
	ping->arg = arg;
	ping->itt = DSC_NO_TAG;
	ping->urgent.put = put_ping;
	send_urgent(conn, &ping->urgent);
	dsc_conn_set_low_water(conn);
	return 0;
}

void dsc_ping_finish(struct dsc_conn *conn, int status)
{
	struct dsc_ping *ping = &conn->ping;
	dsc_ping_cb done = ping->done;

	if (done == NULL)
		return;
	ping->done = NULL;
	dsc_list_remove(&ping->urgent.link);
	if (ping->itt != DSC_NO_TAG)
		dsc_slot_give(&conn->slots, ping->itt);
	done(ping->arg, status);
}

bool dsc_pong_begin(struct dsc_conn *conn)
{
	if (dsc_slot_find(&conn->slots, conn->receiver.pdu.itt,
			  DSC_SLOT_PING) == NULL)
		return dsc_conn_unknown_tag(conn);
	return dsc_conn_take_stat_sn(conn);
}

/* -------------------------------------------------------- task management */

static bool put_management(struct dsc_conn *conn, struct dsc_urgent *urgent)
{
	struct dsc_management *management =
		dsc_container_of(urgent, struct dsc_management, urgent);
	struct dsc_request_header h = {
		.flags = (uint8_t)management->function,
		.lun = management->lun,
		.ttt = management->rtt,
		.cmd_sn = conn->cmd_sn,
		.exp_stat_sn = conn->exp_stat_sn,
		.ref_cmd_sn = management->ref_cmd_sn,
	};
	uint8_t *header;

	if (!can_put(conn))
		return false;
	management->itt = dsc_slot_take(&conn->slots,
					DSC_SLOT_MANAGEMENT)->itt;
	h.itt = management->itt;
	header = dsc_batch_begin(conn);
	dsc_pdu_put_task_request(header, &h);
	dsc_batch_end(conn);
	return true;
}

/*
 * The target has let so many requests lie unanswered, whose tags stay taken,
 * that commands would soon get none.
 */
static bool has_enough_unanswered(const struct dsc_conn *conn)
{
	return conn->slots.in_use >= conn->in_flight_count + DSC_SLOTS / 2;
}

int dsc_conn_manage(struct dsc_conn *conn, struct dsc_management *management)
{
	if (!conn->is_open)
		return -ENOTCONN;
	if (has_enough_unanswered(conn))
		return -EAGAIN;
	management->itt = DSC_NO_TAG;
	management->rtt = DSC_NO_TAG;
	management->ref_cmd_sn = 0;
	if (management->task != NULL) {
		management->rtt = management->task->itt;
		management->ref_cmd_sn = management->task->cmd_sn;
	}
	management->urgent.put = put_management;
	dsc_list_append(&conn->managements, &management->link);
	send_urgent(conn, &management->urgent);
	return 0;
}

/* The tag of one that was sent stays taken until the answer is here. */
void dsc_conn_manage_forget(struct dsc_conn *conn,
			    struct dsc_management *management)
{
	(void)conn;
	dsc_list_remove(&management->link);
	if (management->itt == DSC_NO_TAG)
		dsc_list_remove(&management->urgent.link);
}

static void finish(struct dsc_management *management, int status,
		   uint8_t response)
{
	dsc_list_remove(&management->link);
	if (management->itt == DSC_NO_TAG)
		dsc_list_remove(&management->urgent.link);
	management->done(management, status, response);
}

void dsc_managements_finish(struct dsc_conn *conn, int status)
{
	struct dsc_list *first;

	while ((first = dsc_list_first(&conn->managements)) != NULL)
		finish(dsc_container_of(first, struct dsc_management, link),
		       status, 0);
}

/* A task is over: to abort it is no use any more. */
void dsc_managements_without(struct dsc_conn *conn, const struct dsc_task *task)
{
	struct dsc_list *link = conn->managements.next;

	while (link != &conn->managements) {
		struct dsc_management *management =
			dsc_container_of(link, struct dsc_management, link);

		link = link->next;
		if (management->task != task)
			continue;
		management->task = NULL;
		if (management->itt == DSC_NO_TAG) {
			finish(management, 0, DSC_TMF_NO_SUCH_TASK);
			link = conn->managements.next;  /* all may be new */
		}
	}
}

static struct dsc_management *find(struct dsc_conn *conn, uint32_t itt)
{
	struct dsc_list *link;

	for (link = conn->managements.next; link != &conn->managements;
	     link = link->next) {
		struct dsc_management *management =
			dsc_container_of(link, struct dsc_management, link);

		if (management->itt == itt)
			return management;
	}
	return NULL;
}

bool dsc_management_begin(struct dsc_conn *conn)
{
	if (dsc_slot_find(&conn->slots, conn->receiver.pdu.itt,
			  DSC_SLOT_MANAGEMENT) == NULL)
		return dsc_conn_unknown_tag(conn);
	return dsc_conn_take_stat_sn(conn);
}

static void answered(struct dsc_conn *conn, uint32_t itt, int status,
		     uint8_t response)
{
	struct dsc_management *management = find(conn, itt);

	dsc_slot_give(&conn->slots, itt);
	if (management != NULL)
		finish(management, status, response);
}

void dsc_management_end(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	answered(conn, pdu->itt, 0, pdu->response);
}

void dsc_conn_release_task(struct dsc_conn *conn, struct dsc_task *task,
			   int error)
{
	if (!conn->is_open || task->is_answered ||
	    task->itt == DSC_NO_TAG)
		return;
	task->error = error;
	dsc_conn_answered(conn, task);
	if (conn->is_open && !dsc_list_is_empty(&conn->waiting))
		dsc_conn_want_flush(conn);
}

/* ---------------------------------------------------------------- rejected */

#define REASON_DATA_DIGEST 0x02
#define REASON_IMMEDIATE 0x06
#define REASON_LOGOUT 0x0c

static int to_errno(uint8_t reason)
{
	return reason == REASON_IMMEDIATE ? -EAGAIN : -EPROTO;
}

/*
 * A command is not to be sent again: it would be rejected again. If the target
 * has not taken its CmdSN, those behind it will never be carried out.
 */
static void reject_task(struct dsc_conn *conn, uint32_t itt, uint8_t reason)
{
	struct dsc_slot *slot = dsc_slot_find(&conn->slots, itt, DSC_SLOT_TASK);
	struct dsc_task *task;
	uint32_t cmd_sn;

	if (slot == NULL) {
		dsc_conn_lose(conn, EPROTO, "the target rejected a command "
			      "that there is not: %s (0x%02x)",
			      dsc_reject_name(reason), reason);
		return;
	}
	/* CHECK CONDITION follows, RFC 7143 section 7.8. */
	if (reason == REASON_DATA_DIGEST)
		return;
	/* The command has crossed the target's wish for a new login. */
	if (reason == REASON_LOGOUT) {
		dsc_conn_lose(conn, ENOTCONN, "the target waits for a logout");
		return;
	}
	task = slot->task;
	cmd_sn = task->cmd_sn;
	task->error = -EPROTO;
	dsc_conn_answered(conn, task);
	if (conn->is_open && !dsc_sn_is_before(cmd_sn, conn->exp_cmd_sn))
		dsc_conn_lose(conn, EPROTO, "the target rejected a command and "
			      "waits for its number: %s (0x%02x)",
			      dsc_reject_name(reason), reason);
}

#define AT_ITT 16

bool dsc_conn_rejected(struct dsc_conn *conn, const uint8_t *header)
{
	uint8_t reason = conn->receiver.pdu.response;
	uint32_t itt = dsc_get_be32(header + AT_ITT);

	switch (header[0] & DSC_OPCODE_MASK) {
	case DSC_OP_NOP_OUT:
		if (itt != DSC_NO_TAG && itt == conn->ping.itt)
			dsc_ping_finish(conn, to_errno(reason));
		return true;
	case DSC_OP_TASK_REQUEST:
		if (dsc_slot_find(&conn->slots, itt, DSC_SLOT_MANAGEMENT))
			answered(conn, itt, to_errno(reason), 0);
		return true;
	case DSC_OP_COMMAND:
	case DSC_OP_DATA_OUT:
		reject_task(conn, itt, reason);
		return true;
	default:
		return false;
	}
}
