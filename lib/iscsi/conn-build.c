/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-build.c: what goes into the next batch, in this order: answers to pings,
 * urgent requests, commands as far as the window is open, a Logout, data that
 * the target has asked for or takes without asking. Commands leave a part of
 * each batch to data, and data is limited per batch: neither holds the other
 * up for long. Loop's thread.
 */
#include <errno.h>

#include "base/checked.h"
#include "iscsi/conn-internal.h"

/* Data of a batch beyond which no further command, or Data-Out, is added. */
#define COMMAND_BYTES (384u << 10)
#define DATA_BYTES (512u << 10)

/* The part of a batch that commands may take. */
#define COMMAND_IOV (DSC_BATCH_IOV * 3 / 4)
#define COMMAND_ARENA (DSC_BATCH_ARENA * 3 / 4)

/* The most that one PDU carries, whatever the target would take. */
#define SEGMENT_MAX 262144u

/* Where a PDU has to be cut because the buffers are in too many pieces. */
#define CUT_UNIT 512u

static uint32_t segment_max(const struct dsc_conn *conn)
{
	return dsc_min_u32(conn->params.max_send_bytes, SEGMENT_MAX);
}

/*
 * How much of the next want bytes of a task fits into a PDU of this batch. All
 * or nothing, but where it is the first of its kind: then it is cut, because
 * it would not fit into another batch either.
 */
static bool fit_data(const struct dsc_conn *conn, const struct dsc_task *task,
		     bool is_first, uint32_t want, uint32_t *fits)
{
	const struct dsc_sender *tx = &conn->sender;
	uint32_t bytes;

	*fits = want;
	if (!dsc_batch_has_room(conn, want > 0 ? 1 : 0, 0))
		return false;
	if (want == 0)
		return true;
	bytes = dsc_data_measure(task, want, tx->iov_limit - tx->iov_used - 2);
	if (bytes == want)
		return true;
	*fits = bytes > CUT_UNIT ? bytes - bytes % CUT_UNIT : bytes;
	return is_first;
}

/* ------------------------------------------------------------ commands */

/* What goes without an R2T, with the command and behind it. */
static uint32_t unasked_bytes(const struct dsc_conn *conn,
			      const struct dsc_task *task, uint32_t immediate)
{
	if (task->direction != DSC_DATA_OUT || conn->params.initial_r2t)
		return immediate;
	return dsc_min_u32(task->length, conn->params.first_burst_bytes);
}

static uint32_t immediate_bytes(const struct dsc_conn *conn,
				const struct dsc_task *task)
{
	uint32_t bytes = 0;

	if (task->direction == DSC_DATA_OUT && conn->params.immediate_data)
		bytes = dsc_min_u32(task->length,
				    conn->params.first_burst_bytes);
	return dsc_min_u32(bytes, segment_max(conn));
}

static uint8_t command_flags(const struct dsc_task *task,
			     uint32_t still_unasked)
{
	uint8_t flags = DSC_FLAG_SIMPLE;

	if (still_unasked == 0)
		flags |= DSC_FLAG_FINAL;
	if (task->direction == DSC_DATA_IN)
		flags |= DSC_FLAG_READ;
	if (task->direction == DSC_DATA_OUT)
		flags |= DSC_FLAG_WRITE;
	return flags;
}

static void put_command(struct dsc_conn *conn, struct dsc_task *task,
			uint32_t immediate)
{
	struct dsc_slot *slot = dsc_slot_take(&conn->slots, DSC_SLOT_TASK);
	uint8_t *header = dsc_batch_begin(conn);
	struct dsc_request_header h = {
		.lun = task->lun,
		.cdb = task->cdb,
		.itt = slot->itt,
		.transfer_length = task->length,
		.cmd_sn = conn->cmd_sn++,
		.exp_stat_sn = conn->exp_stat_sn,
	};

	slot->task = task;
	task->itt = slot->itt;
	task->cmd_sn = h.cmd_sn;
	if (immediate > 0)
		dsc_batch_task_data(conn, task, immediate);
	task->granted = unasked_bytes(conn, task, task->moved);
	h.data_length = conn->sender.data_length;
	h.flags = command_flags(task, task->granted - task->moved);
	dsc_pdu_put_command(header, &h);
	dsc_batch_end(conn);
	if (task->granted > task->moved)
		dsc_burst_add(conn, task, DSC_NO_TAG,
			      task->granted - task->moved);
}

static bool is_window_open(const struct dsc_conn *conn)
{
	return !dsc_sn_is_before(conn->max_cmd_sn, conn->cmd_sn) &&
	       (conn->depth == 0 || conn->in_flight_count < conn->depth);
}

static void put_commands(struct dsc_conn *conn)
{
	bool is_first = true;
	struct dsc_list *link;
	uint32_t immediate;

	while ((link = dsc_list_first(&conn->waiting)) != NULL &&
	       is_window_open(conn) && dsc_slots_have_room(&conn->slots) &&
	       conn->sender.length < COMMAND_BYTES) {
		struct dsc_task *task =
			dsc_container_of(link, struct dsc_task, link);

		if (!fit_data(conn, task, is_first,
			      immediate_bytes(conn, task), &immediate))
			break;
		dsc_conn_sending(conn, task);
		put_command(conn, task, immediate);
		is_first = false;
	}
}

/* ---------------------------------------------------------------- data */

static bool put_data_out(struct dsc_conn *conn, struct dsc_task *task,
			 bool is_first)
{
	struct dsc_burst *burst = task->bursts;
	struct dsc_request_header h = {
		.lun = task->lun,
		.itt = task->itt,
		.ttt = burst->ttt,
		.exp_stat_sn = conn->exp_stat_sn,
		.data_sn = burst->data_sn,
		.offset = task->moved,
	};
	uint8_t *header;
	uint32_t length;

	if (!fit_data(conn, task, is_first,
		      dsc_min_u32(burst->left, segment_max(conn)), &length))
		return false;
	if (length == 0)
		return dsc_conn_lose(conn, EINVAL,
				     "the buffers of a write are shorter than "
				     "its length of %u bytes", task->length);
	header = dsc_batch_begin(conn);
	dsc_batch_task_data(conn, task, length);
	h.data_length = length;
	burst->left -= length;
	burst->data_sn++;
	if (burst->left == 0)
		h.flags = DSC_FLAG_FINAL;
	dsc_pdu_put_data_out(header, &h);
	dsc_batch_end(conn);
	if (burst->left == 0)
		dsc_burst_done(conn, task);
	return true;
}

static void put_data(struct dsc_conn *conn)
{
	bool is_first = true;
	struct dsc_list *link;

	while ((link = dsc_list_first(&conn->data)) != NULL &&
	       conn->sender.length < DATA_BYTES) {
		struct dsc_task *task =
			dsc_container_of(link, struct dsc_task, data_link);

		if (!put_data_out(conn, task, is_first))
			break;
		is_first = false;
	}
}

/* --------------------------------------------------------------- batch */

static void put_urgent(struct dsc_conn *conn)
{
	struct dsc_list *link;

	while ((link = dsc_list_first(&conn->urgent)) != NULL) {
		struct dsc_urgent *urgent =
			dsc_container_of(link, struct dsc_urgent, link);

		if (!urgent->put(conn, urgent))
			break;
		dsc_list_remove(link);
	}
}

bool dsc_conn_build(struct dsc_conn *conn)
{
	struct dsc_sender *tx = &conn->sender;

	tx->iov_first = 0;
	tx->iov_used = 0;
	tx->pin_first = 0;
	tx->pin_used = 0;
	tx->arena_used = 0;
	tx->length = 0;
	tx->sent = 0;
	tx->iov_limit = COMMAND_IOV;
	tx->arena_limit = COMMAND_ARENA;
	dsc_pongs_put(conn);
	put_urgent(conn);
	put_commands(conn);
	dsc_logout_put(conn);
	tx->iov_limit = DSC_BATCH_IOV;
	tx->arena_limit = DSC_BATCH_ARENA;
	put_data(conn);
	return conn->is_open && tx->length > 0;
}
