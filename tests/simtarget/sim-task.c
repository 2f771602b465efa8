/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-task.c: a SCSI command from its arrival over the data it asks for to its
 * answer; commands that are held; task management; unit attentions. With
 * sim->lock held.
 */
#include "simtarget/sim-internal.h"

#include <stdlib.h>
#include <string.h>

#define DATA_MAX (64u << 20)
#define REPORT_LUNS 0xa0
#define INQUIRY 0x12

static uint8_t lun_of(const uint8_t *bhs)
{
	return bhs[9];
}

/* ------------------------------------------------------- unit attentions */

static void add_to(struct sim_nexus *nexus, uint8_t lun, uint8_t asc,
		   uint8_t ascq)
{
	if (nexus->uas == sizeof(nexus->ua) / sizeof(nexus->ua[0]))
		return;
	nexus->ua[nexus->uas].lun = lun;
	nexus->ua[nexus->uas].asc = asc;
	nexus->ua[nexus->uas++].ascq = ascq;
}

void sim_add_ua(struct sim *sim, int lun, uint8_t asc, uint8_t ascq)
{
	struct dsc_list *link;
	unsigned i;

	for (link = sim->nexuses.next; link != &sim->nexuses;
	     link = link->next) {
		struct sim_nexus *nexus =
			dsc_container_of(link, struct sim_nexus, link);

		for (i = 0; i < sim->config.luns; i++)
			if (lun == SIM_ANY || lun == (int)i)
				add_to(nexus, (uint8_t)i, asc, ascq);
	}
}

/* True when there was one; it is told now, and gone. */
static bool tell_ua(struct sim_nexus *nexus, const struct sim_task *task,
		    struct sim_answer *answer)
{
	unsigned i;

	if (task->cdb[0] == INQUIRY || task->cdb[0] == REPORT_LUNS)
		return false;
	for (i = 0; i < nexus->uas; i++) {
		if (nexus->ua[i].lun != task->lun)
			continue;
		sim_fail(answer, 6, nexus->ua[i].asc, nexus->ua[i].ascq);
		memmove(&nexus->ua[i], &nexus->ua[i + 1],
			(nexus->uas - i - 1) * sizeof(nexus->ua[0]));
		nexus->uas--;
		return true;
	}
	return false;
}

/* --------------------------------------------------------------- answering */

#define OVERFLOW 0x04
#define UNDERFLOW 0x02

/* What the command wanted to move, beside what the initiator has expected. */
static void add_residual(uint8_t *bhs, uint32_t expected, uint32_t wanted)
{
	if (wanted > expected) {
		bhs[1] |= OVERFLOW;
		dsc_put_be32(bhs + 44, wanted - expected);
	} else if (wanted < expected) {
		bhs[1] |= UNDERFLOW;
		dsc_put_be32(bhs + 44, expected - wanted);
	}
}

static void send_response(struct sim_conn *conn, const struct sim_task *task,
			  const struct sim_answer *answer)
{
	uint8_t bhs[BHS] = { 0x21, 0x80 };
	uint8_t sense[20];
	uint32_t wanted = task->is_write ? answer->out_length :
					   answer->in_length;

	if (answer->status != 0 && task->is_write)
		wanted = task->expected;
	bhs[3] = answer->status;
	dsc_put_be32(bhs + 16, task->itt);
	add_residual(bhs, task->expected, wanted);
	if (!answer->has_sense) {
		sim_conn_send(conn, SIM_PDU_RESPONSE, bhs, NULL, 0, false,
			      true);
		return;
	}
	dsc_put_be16(sense, 18);
	memcpy(sense + 2, answer->sense, 18);
	sim_conn_send(conn, SIM_PDU_RESPONSE, bhs, sense, sizeof(sense), false,
		      true);
}

/* Data-In PDUs, the last one with the status. */
static void send_data(struct sim_conn *conn, const struct sim_task *task,
		      const struct sim_answer *answer)
{
	uint32_t total = answer->in_length < task->expected ?
			 answer->in_length : task->expected;
	bool stays = answer->in != answer->buffer;
	uint32_t offset = 0;
	uint32_t data_sn = 0;

	while (offset < total) {
		uint8_t bhs[BHS] = { 0x25 };
		uint32_t part = total - offset;
		bool is_last;

		if (part > conn->max_send)
			part = conn->max_send;
		is_last = offset + part == total;
		if (is_last) {
			bhs[1] = 0x81;
			add_residual(bhs, task->expected, answer->in_length);
		}
		dsc_put_be32(bhs + 16, task->itt);
		memset(bhs + 20, 0xff, 4);
		dsc_put_be32(bhs + 36, data_sn++);
		dsc_put_be32(bhs + 40, offset);
		sim_conn_send(conn, SIM_PDU_DATA_IN, bhs, answer->in + offset,
			      part, stays, is_last);
		offset += part;
	}
}

static void answer_task(struct sim_task *task, const struct sim_answer *answer)
{
	struct sim_conn *conn = task->conn;

	if (conn == NULL)
		return;
	conn->answering = task->cdb;
	if (answer->status == 0 && !task->is_write && answer->in_length > 0 &&
	    task->expected > 0)
		send_data(conn, task, answer);
	else
		send_response(conn, task, answer);
	conn->answering = NULL;
}

static void free_task(struct sim_task *task)
{
	dsc_list_remove(&task->link);
	free(task->data);
	free(task);
}

/* But for its buffer, which is large: it is written when it is needed. */
static void begin_answer(struct sim_answer *answer, uint8_t status,
			 uint32_t out_length)
{
	answer->status = status;
	answer->has_sense = false;
	answer->in_length = 0;
	answer->out_length = out_length;
	answer->in = NULL;
}

static void carry_out(struct sim *sim, struct sim_task *task,
		      const uint8_t *data)
{
	struct sim_answer answer;

	begin_answer(&answer, 0, task->received);
	if (!tell_ua(task->nexus, task, &answer))
		sim_execute(sim, task->nexus, task->lun, task->cdb, data,
			    task->received, &answer);
	sim_note(sim, task->conn, task, answer.status == 0, answer.status);
	answer_task(task, &answer);
}

static void reject(struct sim_conn *conn, const struct sim_task *task,
		   uint8_t reason)
{
	uint8_t bhs[BHS] = { 0x3f, 0x80 };
	uint8_t header[BHS] = { 0x01 };

	bhs[2] = reason;
	memset(bhs + 16, 0xff, 4);
	dsc_put_be32(header + 16, task->itt);
	dsc_put_be32(header + 24, task->cmd_sn);
	memcpy(header + 32, task->cdb, 16);
	sim_conn_send(conn, SIM_PDU_ANY, bhs, header, BHS, false, true);
}

static void answer_status(struct sim *sim, struct sim_task *task,
			  uint8_t status)
{
	struct sim_answer answer;

	begin_answer(&answer, status, 0);
	sim_note(sim, task->conn, task, false, status);
	answer_task(task, &answer);
}

/* A rule is met. True when the task stays (it is held). */
static bool apply(struct sim *sim, const struct sim_rule *rule,
		  struct sim_task *task, const uint8_t *data)
{
	struct sim_answer answer;

	begin_answer(&answer, rule->status, 0);
	switch (rule->action) {
	case SIM_HOLD:
		return true;
	case SIM_STATUS:
		if (rule->status == 0x02)
			sim_fail(&answer, rule->key, rule->asc, rule->ascq);
		sim_note(sim, task->conn, task, false, rule->status);
		answer_task(task, &answer);
		return false;
	case SIM_DO_DROP:
		task->conn->is_dead = true;
		carry_out(sim, task, data);
		return false;
	case SIM_REJECT:
		sim_note(sim, task->conn, task, false, 0);
		reject(task->conn, task, rule->status);
		return false;
	default:
		sim_note(sim, task->conn, task, false, 0);
		task->conn->is_dead |= rule->action == SIM_DROP;
		return false;
	}
}

/* All data is here. */
static void run(struct sim *sim, struct sim_task *task, const uint8_t *data)
{
	const struct sim_rule *rule = sim_rule_meet(sim, task->cdb[0],
						    task->lun);
	struct sim_task *held;

	/* Those that came together count as being there together. */
	if (rule == NULL && sim->task_set != 0 &&
	    ++task->conn->together > sim->task_set) {
		answer_status(sim, task, 0x28);  /* TASK SET FULL */
		return;
	}
	if (rule == NULL) {
		carry_out(sim, task, data);
		return;
	}
	if (!apply(sim, rule, task, data))
		return;
	held = malloc(sizeof(*held));
	*held = *task;
	held->data = malloc(task->received + 1);
	memcpy(held->data, data, task->received);
	dsc_list_append(&sim->held, &held->link);
	sim->held_count++;
}

/* --------------------------------------------------------------- arriving */

static void ask(struct sim_conn *conn, struct sim_task *task)
{
	uint8_t bhs[BHS] = { 0x31, 0x80 };
	uint32_t part = task->expected - task->received;

	if (part > conn->sim->config.max_burst)
		part = conn->sim->config.max_burst;
	bhs[9] = task->lun;
	dsc_put_be32(bhs + 16, task->itt);
	dsc_put_be32(bhs + 20, conn->next_ttt++);
	dsc_put_be32(bhs + 36, task->r2t_sn++);
	dsc_put_be32(bhs + 40, task->received);
	dsc_put_be32(bhs + 44, part);
	task->asked = task->received + part;
	sim_conn_send(conn, SIM_PDU_R2T, bhs, NULL, 0, false, false);
}

/* More data is to come: the task is kept. */
static void wait_for_data(struct sim_conn *conn, const struct sim_task *from,
			  const uint8_t *data, uint32_t length, bool is_final)
{
	struct sim_task *task = malloc(sizeof(*task));

	*task = *from;
	task->data = malloc(task->expected + 1);
	memcpy(task->data, data, length);
	dsc_list_append(&conn->tasks, &task->link);
	if (is_final)
		ask(conn, task);
}

void sim_command_pdu(struct sim_conn *conn, const uint8_t *bhs,
		     const uint8_t *data, uint32_t length)
{
	struct sim *sim = conn->sim;
	struct sim_task task = {
		.conn = conn,
		.nexus = conn->nexus,
		.lun = lun_of(bhs),
		.itt = dsc_get_be32(bhs + 16),
		.cmd_sn = dsc_get_be32(bhs + 24),
		.expected = dsc_get_be32(bhs + 20),
		.is_write = (bhs[1] & 0x20) != 0,
		.received = length,
	};

	memcpy(task.cdb, bhs + 32, 16);
	dsc_list_init(&task.link);
	sim->count[task.cdb[0]]++;
	if ((bhs[0] & 0x40) == 0 && task.cmd_sn != conn->exp_cmd_sn) {
		conn->is_dead = true;  /* a hole */
		return;
	}
	conn->exp_cmd_sn += (bhs[0] & 0x40) == 0;
	if (task.expected > DATA_MAX || length > task.expected) {
		conn->is_dead = true;
		return;
	}
	if (task.is_write && length < task.expected)
		wait_for_data(conn, &task, data, length, (bhs[1] & 0x80) != 0);
	else
		run(sim, &task, data);
}

static struct sim_task *find_task(struct sim_conn *conn, uint32_t itt)
{
	struct dsc_list *link;

	for (link = conn->tasks.next; link != &conn->tasks; link = link->next) {
		struct sim_task *task =
			dsc_container_of(link, struct sim_task, link);

		if (task->itt == itt)
			return task;
	}
	return NULL;
}

void sim_data_out_pdu(struct sim_conn *conn, const uint8_t *bhs,
		      const uint8_t *data, uint32_t length)
{
	struct sim_task *task = find_task(conn, dsc_get_be32(bhs + 16));

	if (task == NULL)
		return;  /* aborted: its data is thrown away */
	if (dsc_get_be32(bhs + 40) != task->received ||
	    dsc_get_be32(bhs + 36) != task->data_sn++ ||
	    length > task->expected - task->received) {
		conn->is_dead = true;
		return;
	}
	memcpy(task->data + task->received, data, length);
	task->received += length;
	if ((bhs[1] & 0x80) == 0)
		return;
	task->data_sn = 0;
	if (task->received < task->expected) {
		ask(conn, task);
		return;
	}
	run(conn->sim, task, task->data);
	free_task(task);
}

/* ------------------------------------------------------------------ ending */

/* The connection is gone: what waits for data ends, what is held lives on. */
void sim_tasks_lost(struct sim_conn *conn)
{
	struct dsc_list *first;
	struct dsc_list *link;

	while ((first = dsc_list_first(&conn->tasks)) != NULL)
		free_task(dsc_container_of(first, struct sim_task, link));
	for (link = conn->sim->held.next; link != &conn->sim->held;
	     link = link->next) {
		struct sim_task *task =
			dsc_container_of(link, struct sim_task, link);

		if (task->conn == conn)
			task->conn = NULL;
	}
}

/* Ends held tasks: of a nexus, a LUN, with a tag; returns how many. */
static unsigned end_held(struct sim *sim, const struct sim_nexus *nexus,
			 int lun, int64_t itt)
{
	struct dsc_list *link = sim->held.next;
	unsigned ended = 0;

	while (link != &sim->held) {
		struct sim_task *task =
			dsc_container_of(link, struct sim_task, link);

		link = link->next;
		if ((nexus != NULL && task->nexus != nexus) ||
		    (lun != SIM_ANY && task->lun != lun) ||
		    (itt >= 0 && task->itt != (uint32_t)itt))
			continue;
		free_task(task);
		sim->held_count--;
		ended++;
	}
	return ended;
}

void sim_tasks_end(struct sim *sim, const struct sim_nexus *nexus)
{
	end_held(sim, nexus, SIM_ANY, -1);
}

void sim_tasks_release(struct sim *sim)
{
	struct dsc_list *first;

	while ((first = dsc_list_pop(&sim->held)) != NULL) {
		struct sim_task *task =
			dsc_container_of(first, struct sim_task, link);

		sim->held_count--;
		carry_out(sim, task, task->data);
		if (task->conn != NULL)
			sim_conn_flush(task->conn);
		free_task(task);
	}
}

#define ABORT_TASK 1
#define LUN_RESET 5

static uint8_t manage(struct sim_conn *conn, const uint8_t *bhs,
		      unsigned function)
{
	struct sim *sim = conn->sim;
	uint32_t itt = dsc_get_be32(bhs + 20);
	struct sim_task *task;

	switch (function) {
	case ABORT_TASK:
		task = find_task(conn, itt);
		if (task != NULL)
			free_task(task);
		return task != NULL ||
		       end_held(sim, conn->nexus, SIM_ANY, itt) > 0 ? 0 : 1;
	case LUN_RESET:
		end_held(sim, NULL, lun_of(bhs), -1);
		sim_add_ua(sim, lun_of(bhs), 0x29, 0x03);
		return 0;
	default:
		return 5;  /* not supported */
	}
}

static void answer_management(struct sim_conn *conn, uint8_t response,
			      const uint8_t *itt)
{
	uint8_t bhs[BHS] = { 0x22, 0x80, response };

	memcpy(bhs + 16, itt, 4);
	sim_conn_send(conn, SIM_PDU_ANY, bhs, NULL, 0, false, true);
}

void sim_management_pdu(struct sim_conn *conn, const uint8_t *request)
{
	struct sim *sim = conn->sim;
	unsigned function = request[1] & 0x0f;
	uint8_t response = sim->management[function];

	sim->managed[function]++;
	if (response == 0xff)
		return;
	if (response == 0 || response == SIM_LATER)
		response = manage(conn, request, function);
	if (sim->management[function] != SIM_LATER) {
		answer_management(conn, response, request + 16);
		return;
	}
	conn->has_later = true;
	conn->later = response;
	memcpy(conn->later_itt, request + 16, 4);
}

void sim_management_release(struct sim *sim)
{
	struct dsc_list *link;

	for (link = sim->conns.next; link != &sim->conns; link = link->next) {
		struct sim_conn *conn =
			dsc_container_of(link, struct sim_conn, link);

		if (!conn->has_later || conn->is_dead)
			continue;
		conn->has_later = false;
		answer_management(conn, conn->later, conn->later_itt);
		sim_conn_flush(conn);
	}
}
