/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-answer.c: what each PDU of the target does to the tasks: data, ready to
 * transfer, status; and what it tells of its own accord. Nothing in a header
 * is believed before it has been checked against the task it names.
 * Loop's thread.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "iscsi/conn-internal.h"
#include "scsi/sense.h"

bool dsc_conn_unknown_tag(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	return dsc_conn_violated(conn, "%s for nothing that is under way "
				 "(tag 0x%08x)", dsc_opcode_name(pdu->opcode),
				 pdu->itt);
}

bool dsc_conn_take_stat_sn(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	if (pdu->stat_sn != conn->exp_stat_sn)
		return dsc_conn_violated(conn, "%s with StatSN %u where %u "
					 "was due",
					 dsc_opcode_name(pdu->opcode),
					 pdu->stat_sn, conn->exp_stat_sn);
	conn->exp_stat_sn++;
	return true;
}

/* The task that the PDU at hand names, or NULL: then the connection is lost. */
static struct dsc_task *find_task(struct dsc_conn *conn)
{
	struct dsc_slot *slot = dsc_slot_find(&conn->slots,
					      conn->receiver.pdu.itt,
					      DSC_SLOT_TASK);

	if (slot != NULL)
		return slot->task;
	dsc_conn_unknown_tag(conn);
	return NULL;
}

/* ---------------------------------------------------------------- status */

/*
 * GOOD means that all data has been moved but for what the residual says. A
 * read with a hole in it must not pass for data, nor a write of which the
 * target cannot have had all.
 */
static bool is_short(const struct dsc_task *task, uint32_t expected)
{
	if (task->status != DSC_SAM_GOOD &&
	    task->status != DSC_SAM_CONDITION_MET)
		return false;
	if (task->direction == DSC_DATA_OUT && task->pins > 0 &&
	    task->moved == expected)
		return true;
	return task->moved < expected;
}

static int judge_residual(struct dsc_task *task, const struct dsc_pdu *pdu)
{
	bool is_under = (pdu->flags & DSC_FLAG_UNDERFLOW) != 0;
	bool is_over = (pdu->flags & DSC_FLAG_OVERFLOW) != 0;
	uint32_t expected = task->length;

	if (is_under && (is_over || pdu->residual > task->length))
		return -EPROTO;
	if (is_under)
		expected -= pdu->residual;
	if (is_over)
		task->overflow = pdu->residual;
	task->transferred = expected;
	if (task->direction == DSC_DATA_IN)
		task->transferred = dsc_min_u32(expected, task->moved);
	return is_short(task, expected) ? -EPROTO : 0;
}

/* The command is over; flags, residual and status stand in the PDU at hand. */
static void finish_task(struct dsc_conn *conn, struct dsc_task *task)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	task->status = pdu->status;
	task->error = judge_residual(task, pdu);
	if (task->error != 0)
		dsc_log(&conn->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_CONN,
			"%s: command 0x%02x: status 0x%02x after %u of %u "
			"bytes, with flags 0x%02x and residual %u", conn->name,
			task->cdb[0], task->status, task->moved, task->length,
			pdu->flags, pdu->residual);
	dsc_conn_answered(conn, task);
}

static bool response_begin(struct dsc_conn *conn)
{
	return find_task(conn) != NULL && dsc_conn_take_stat_sn(conn);
}

/* Sense data comes with its length in front; no more than arrived is taken. */
static void take_sense(const struct dsc_receiver *rx, struct dsc_task *task)
{
	uint32_t length;

	if (rx->captured < 2)
		return;
	length = dsc_min_u32(dsc_get_be16(rx->capture), rx->captured - 2);
	length = dsc_min_u32(length, DSC_SENSE_MAX);
	memcpy(task->sense, rx->capture + 2, length);
	task->sense_length = (uint16_t)length;
}

static void response_end(struct dsc_conn *conn)
{
	const struct dsc_receiver *rx = &conn->receiver;
	struct dsc_task *task = find_task(conn);

	if (task == NULL)
		return;
	if (rx->pdu.response == DSC_RESPONSE_COMPLETED) {
		take_sense(rx, task);
		finish_task(conn, task);
		return;
	}
	dsc_log(&conn->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_CONN,
		"%s: command 0x%02x: the target failed to carry it out "
		"(response code 0x%02x)", conn->name, task->cdb[0],
		rx->pdu.response);
	task->error = -EIO;
	dsc_conn_answered(conn, task);
}

/* --------------------------------------------------------------- Data-In */

static bool check_data_in(struct dsc_conn *conn, const struct dsc_task *task)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	if (task->direction != DSC_DATA_IN)
		return dsc_conn_violated(conn, "Data-In for a command that "
					 "reads nothing (0x%02x)",
					 task->cdb[0]);
	if (pdu->data_sn != task->sequence)
		return dsc_conn_violated(conn, "Data-In with DataSN %u where "
					 "%u was due", pdu->data_sn,
					 task->sequence);
	/* DataPDUInOrder and DataSequenceInOrder are Yes. */
	if (pdu->offset != task->moved)
		return dsc_conn_violated(conn, "Data-In at offset %u where %u "
					 "was due", pdu->offset, task->moved);
	if (!dsc_is_inside(pdu->offset, pdu->data_length, task->length))
		return dsc_conn_violated(conn, "Data-In of %u bytes at offset "
					 "%u of a read of %u bytes",
					 pdu->data_length, pdu->offset,
					 task->length);
	return true;
}

static bool data_in_begin(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;
	struct dsc_task *task = find_task(conn);

	if (task == NULL || !check_data_in(conn, task))
		return false;
	if ((rx->pdu.flags & DSC_FLAG_STATUS) != 0 &&
	    !dsc_conn_take_stat_sn(conn))
		return false;
	task->sequence++;
	rx->task = task;
	return true;
}

static void data_in_end(struct dsc_conn *conn)
{
	struct dsc_receiver *rx = &conn->receiver;
	struct dsc_task *task = rx->task;

	rx->task = NULL;
	if ((rx->pdu.flags & DSC_FLAG_STATUS) != 0)
		finish_task(conn, task);
}

/* ------------------------------------------------------------------- R2T */

static bool check_r2t(struct dsc_conn *conn, const struct dsc_task *task)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;

	if (task->direction != DSC_DATA_OUT)
		return dsc_conn_violated(conn, "R2T for a command that writes "
					 "nothing (0x%02x)", task->cdb[0]);
	if (pdu->data_length != 0 || pdu->ttt == DSC_NO_TAG)
		return dsc_conn_violated(conn, "R2T with data, or without a "
					 "tag");
	if (pdu->data_sn != task->sequence)
		return dsc_conn_violated(conn, "R2T with R2TSN %u where %u was "
					 "due", pdu->data_sn, task->sequence);
	if (task->r2ts == conn->params.max_outstanding_r2t)
		return dsc_conn_violated(conn, "more than %u R2Ts at a time",
					 conn->params.max_outstanding_r2t);
	/* DataSequenceInOrder is Yes. */
	if (pdu->offset != task->granted)
		return dsc_conn_violated(conn, "R2T at offset %u where %u was "
					 "due", pdu->offset, task->granted);
	if (pdu->residual == 0 ||
	    pdu->residual > conn->params.max_burst_bytes ||
	    !dsc_is_inside(pdu->offset, pdu->residual, task->length))
		return dsc_conn_violated(conn, "R2T for %u bytes at offset %u "
					 "of a write of %u bytes, bursts of "
					 "at most %u", pdu->residual,
					 pdu->offset, task->length,
					 conn->params.max_burst_bytes);
	return true;
}

static bool r2t_begin(struct dsc_conn *conn)
{
	const struct dsc_pdu *pdu = &conn->receiver.pdu;
	struct dsc_task *task = find_task(conn);

	if (task == NULL || !check_r2t(conn, task))
		return false;
	task->sequence++;
	task->r2ts++;
	task->granted += pdu->residual;
	dsc_burst_add(conn, task, pdu->ttt, pdu->residual);
	dsc_conn_want_flush(conn);
	return true;
}

static void nothing_left(struct dsc_conn *conn)
{
	(void)conn;
}

/* --------------------------------------------------- of its own accord */

static void take_async_sense(const struct dsc_receiver *rx,
			     struct dsc_async_event *event)
{
	size_t length = 0;

	if (rx->captured >= 2)
		length = dsc_min_u32(dsc_get_be16(rx->capture),
				     rx->captured - 2);
	dsc_sense_parse(rx->capture + 2, length, &event->sense);
}

static void async_end(struct dsc_conn *conn)
{
	const struct dsc_receiver *rx = &conn->receiver;
	struct dsc_async_event event = { .event = 0 };
	struct dsc_async async;

	dsc_pdu_get_async(&rx->pdu, &async);
	event.event = async.event;
	event.parameter1 = async.parameter1;
	event.parameter2 = async.parameter2;
	event.parameter3 = async.parameter3;
	memcpy(event.lun, rx->pdu.lun, sizeof(event.lun));
	if (async.event == 0)
		take_async_sense(rx, &event);
	conn->owner.async_event(conn->owner.arg, &event);
}

/* What was rejected, by opcode. */
static void reject_request(struct dsc_conn *conn, const uint8_t *header)
{
	uint8_t opcode = header[0] & DSC_OPCODE_MASK;
	uint8_t reason = conn->receiver.pdu.response;

	if (dsc_conn_rejected(conn, header))
		return;
	switch (opcode) {
	case DSC_OP_TEXT_REQUEST:
		dsc_text_finish(conn, -EPROTO);
		break;
	case DSC_OP_LOGOUT_REQUEST:
		dsc_logout_finish(conn, -EPROTO);
		break;
	default:
		dsc_conn_lose(conn, EPROTO, "the target rejected a %s: %s "
			      "(0x%02x)", dsc_opcode_name(opcode),
			      dsc_reject_name(reason), reason);
	}
}

static void reject_end(struct dsc_conn *conn)
{
	const struct dsc_receiver *rx = &conn->receiver;
	uint8_t reason = rx->pdu.response;

	if (rx->captured < DSC_HEADER_BYTES) {
		dsc_conn_lose(conn, EPROTO, "the target rejected a request: "
			      "%s (0x%02x)", dsc_reject_name(reason), reason);
		return;
	}
	dsc_log(&conn->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_CONN,
		"%s: the target rejected a %s: %s (0x%02x)", conn->name,
		dsc_opcode_name(rx->capture[0]), dsc_reject_name(reason),
		reason);
	reject_request(conn, rx->capture);
}

/* ----------------------------------------------------------------- table */

static const struct dsc_answer answers[DSC_OPCODE_MASK + 1] = {
	[DSC_OP_NOP_IN] = { dsc_nop_begin, dsc_nop_end, false },
	[DSC_OP_TASK_RESPONSE] = { dsc_management_begin, dsc_management_end,
				   false },
	[DSC_OP_RESPONSE] = { response_begin, response_end, false },
	[DSC_OP_TEXT_RESPONSE] = { dsc_text_begin, dsc_text_end, true },
	[DSC_OP_DATA_IN] = { data_in_begin, data_in_end, false },
	[DSC_OP_LOGOUT_RESPONSE] = { dsc_logout_begin, dsc_logout_end, false },
	[DSC_OP_R2T] = { r2t_begin, nothing_left, false },
	[DSC_OP_ASYNC] = { dsc_conn_take_stat_sn, async_end, false },
	[DSC_OP_REJECT] = { dsc_conn_take_stat_sn, reject_end, false },
};

const struct dsc_answer *dsc_answer_find(uint8_t opcode)
{
	const struct dsc_answer *answer = &answers[opcode & DSC_OPCODE_MASK];

	return answer->begin != NULL ? answer : NULL;
}
