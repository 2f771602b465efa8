/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn.c: the life of a connection, and of the tasks on it.
 *
 * A task is waiting (submitted), sent (it has a tag and a CmdSN) or done. It
 * completes in one place, complete_task(). A connection ends in one place,
 * shut(): nothing is read or sent after that, so that no buffer of a caller's
 * is touched any more; then the tasks complete. It may end inside of any
 * callback; what called back looks at is_open. Loop's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "iscsi/conn-internal.h"

/* The smallest segment and burst that RFC 7143 section 13 knows. */
#define SEGMENT_MIN 512u

enum task_state {
	TASK_NONE,
	TASK_WAITING,
	TASK_SENT,
	TASK_DONE
};

/* ---------------------------------------------------------------- tasks */

void dsc_conn_want_flush(struct dsc_conn *conn)
{
	dsc_deferred_request(&conn->ctx->loop, &conn->flush);
}

void dsc_conn_submit(struct dsc_conn *conn, struct dsc_task *task)
{
	task->error = 0;
	task->was_sent = false;
	task->status = 0;
	task->transferred = 0;
	task->overflow = 0;
	task->sense_length = 0;
	task->bursts = NULL;
	task->itt = DSC_NO_TAG;
	task->is_answered = false;
	task->r2ts = 0;
	task->pins = 0;
	task->granted = 0;
	task->moved = 0;
	task->sequence = 0;
	dsc_list_init(&task->data_link);
	if (task->length > 0)
		dsc_data_rewind(task);
	dsc_pipe_reset(task);
	task->state = TASK_WAITING;
	dsc_list_append(&conn->waiting, &task->link);
	conn->waiting_count++;
	dsc_conn_want_flush(conn);
}

bool dsc_conn_withdraw(struct dsc_conn *conn, struct dsc_task *task)
{
	if (task->state != TASK_WAITING)
		return false;
	dsc_list_remove(&task->link);
	conn->waiting_count--;
	task->state = TASK_NONE;
	if (dsc_logout_is_due(conn))
		dsc_conn_want_flush(conn);
	return true;
}

void dsc_conn_sending(struct dsc_conn *conn, struct dsc_task *task)
{
	dsc_list_remove(&task->link);
	dsc_list_append(&conn->in_flight, &task->link);
	conn->waiting_count--;
	conn->in_flight_count++;
	task->was_sent = true;
	task->state = TASK_SENT;
}

/* The only place that calls done(). */
static void complete_task(struct dsc_conn *conn, struct dsc_task *task)
{
	dsc_list_remove(&task->link);
	if (task->state == TASK_SENT)
		conn->in_flight_count--;
	else
		conn->waiting_count--;
	task->state = TASK_DONE;
	conn->stats.tasks_done++;
	task->done(task);
	if (!dsc_list_is_empty(&conn->managements))
		dsc_managements_without(conn, task);
}

void dsc_conn_answered(struct dsc_conn *conn, struct dsc_task *task)
{
	dsc_bursts_drop(conn, task);
	dsc_slot_give(&conn->slots, task->itt);
	task->is_answered = true;
	if (task->pins == 0)
		complete_task(conn, task);
}

void dsc_conn_unpin(struct dsc_conn *conn, struct dsc_task *task)
{
	task->pins--;
	if (task->pins == 0 && task->is_answered)
		complete_task(conn, task);
}

bool dsc_conn_task_is_waiting(const struct dsc_task *task)
{
	return task->state == TASK_WAITING;
}

void dsc_conn_set_depth(struct dsc_conn *conn, uint32_t depth)
{
	conn->depth = depth;
	if (conn->is_open && !dsc_list_is_empty(&conn->waiting))
		dsc_conn_want_flush(conn);
}

void dsc_conn_set_user_timeout(struct dsc_conn *conn, uint32_t ms)
{
	if (conn->is_open)
		(void)setsockopt(conn->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms,
				 sizeof(ms));
}

uint64_t dsc_conn_heard_ns(const struct dsc_conn *conn)
{
	return conn->heard_ns;
}

size_t dsc_conn_in_flight(const struct dsc_conn *conn)
{
	return conn->in_flight_count;
}

/* ------------------------------------------------------------------ end */

/* No byte moves after this. */
static void shut(struct dsc_conn *conn, int close_error)
{
	conn->is_open = false;
	conn->close_error = close_error;
	dsc_watch_remove(&conn->watch);
	/* A child that the agent has forked may have it open, too. */
	(void)shutdown(conn->fd, SHUT_RDWR);
	(void)close(conn->fd);
	conn->fd = -1;
}

static void complete_list(struct dsc_conn *conn, struct dsc_list *list,
			  int error)
{
	struct dsc_list *link;

	while ((link = dsc_list_first(list)) != NULL) {
		struct dsc_task *task =
			dsc_container_of(link, struct dsc_task, link);

		task->pins = 0;
		dsc_bursts_drop(conn, task);
		if (!task->is_answered)
			task->error = error;
		complete_task(conn, task);
	}
}

/*
 * Everything that is there completes, once; what a callback submits meanwhile
 * completes in a later call.
 */
static void complete_all(struct dsc_conn *conn)
{
	struct dsc_list waiting;

	if (conn->is_completing)
		return;
	conn->is_completing = true;
	dsc_list_init(&waiting);
	dsc_list_splice(&waiting, &conn->waiting);
	dsc_ping_finish(conn, conn->close_error);
	dsc_managements_finish(conn, conn->close_error);
	complete_list(conn, &conn->in_flight, conn->close_error);
	complete_list(conn, &waiting, conn->close_error);
	dsc_text_finish(conn, conn->close_error);
	dsc_logout_finish(conn, conn->close_error);
	conn->is_completing = false;
}

void dsc_conn_close(struct dsc_conn *conn, int error)
{
	if (conn->is_open)
		shut(conn, error);
	complete_all(conn);
}

static bool lose(struct dsc_conn *conn, const struct discsi_error *why)
{
	dsc_log(&conn->ctx->log, DISCSI_LOG_INFO, DSC_LOG_CONN, "%s",
		why->message);
	shut(conn, -ENOTCONN);
	conn->owner.lost(conn->owner.arg, why);
	complete_all(conn);
	return false;
}

bool dsc_conn_lose(struct dsc_conn *conn, int errnum, const char *format, ...)
{
	struct discsi_error why;
	va_list args;

	if (!conn->is_open)
		return false;
	va_start(args, format);
	dsc_error_vset(&why, errnum, format, args);
	va_end(args);
	dsc_error_prefix(&why, "%s", conn->name);
	return lose(conn, &why);
}

bool dsc_conn_violated(struct dsc_conn *conn, const char *format, ...)
{
	struct discsi_error why;
	va_list args;

	if (!conn->is_open)
		return false;
	va_start(args, format);
	dsc_error_vset(&why, EPROTO, format, args);
	va_end(args);
	dsc_error_prefix(&why, "%s: protocol error", conn->name);
	return lose(conn, &why);
}

void dsc_conn_ended(struct dsc_conn *conn, int errnum)
{
	static const int told[] = {
		ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH
	};
	int as = ENOTCONN;
	size_t i;

	if (conn->logout.is_sent) {
		shut(conn, -ENOTCONN);
		dsc_logout_finish(conn, 0);
		complete_all(conn);
		return;
	}
	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		if (errnum == told[i])
			as = errnum;
	}
	if (errnum == 0)
		dsc_conn_lose(conn, as, "the target closed the connection");
	else
		dsc_conn_lose(conn, as, "the connection broke (%s)",
			      strerrorname_np(errnum));
}

/* ------------------------------------------------------------ beginning */

static void on_ready(struct dsc_watch *watch, uint32_t events)
{
	struct dsc_conn *conn = dsc_container_of(watch, struct dsc_conn, watch);

	if ((events & EPOLLOUT) != 0) {
		conn->sender.is_blocked = false;
		dsc_conn_want_flush(conn);
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		dsc_conn_receive(conn);
}

static void on_flush(struct dsc_deferred *deferred)
{
	struct dsc_conn *conn =
		dsc_container_of(deferred, struct dsc_conn, flush);

	if (conn->is_open)
		dsc_conn_send(conn);
	else
		complete_all(conn);
}

static uint32_t at_least(uint32_t value, uint32_t least)
{
	return value < least ? least : value;
}

static void take_params(struct dsc_conn *conn, const struct dsc_params *params)
{
	struct dsc_params *p = &conn->params;

	*p = *params;
	/* Nothing can be 0 here that would have us wait for ever. */
	p->max_send_bytes = at_least(p->max_send_bytes, SEGMENT_MIN);
	p->max_recv_bytes = at_least(p->max_recv_bytes, SEGMENT_MIN);
	p->max_burst_bytes = at_least(p->max_burst_bytes, SEGMENT_MIN);
	p->first_burst_bytes = at_least(p->first_burst_bytes, SEGMENT_MIN);
	p->max_outstanding_r2t = dsc_min_u32(
		at_least(p->max_outstanding_r2t, 1), DSC_R2TS_MAX);
	conn->cmd_sn = p->exp_cmd_sn;
	conn->exp_cmd_sn = p->exp_cmd_sn;
	conn->max_cmd_sn = p->max_cmd_sn;
	conn->exp_stat_sn = p->stat_sn + 1;
}

static int init_parts(struct dsc_conn *conn, const char *name)
{
	int rc;

	conn->name = strdup(name);
	if (conn->name == NULL)
		return -ENOMEM;
	rc = dsc_control_init(conn);
	if (rc == 0)
		rc = dsc_slots_init(&conn->slots,
				    conn->params.max_outstanding_r2t);
	if (rc == 0)
		rc = dsc_shared_join(conn);
	if (rc == 0)
		rc = dsc_receiver_init(&conn->receiver);
	return rc;
}

static void free_parts(struct dsc_conn *conn)
{
	dsc_control_fini(conn);
	dsc_slots_fini(&conn->slots);
	dsc_shared_leave(conn);
	free(conn->receiver.capture);
	free(conn->name);
	free(conn);
}

/* Both ends have one address: it is this machine, and no network is used. */
static bool is_local(int fd)
{
	struct sockaddr_storage own = { 0 }, peer = { 0 };
	socklen_t own_length = sizeof(own), peer_length = sizeof(peer);

	if (getsockname(fd, (struct sockaddr *)&own, &own_length) < 0 ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_length) < 0 ||
	    own.ss_family != peer.ss_family)
		return false;
	if (own.ss_family == AF_INET)
		return ((struct sockaddr_in *)&own)->sin_addr.s_addr ==
		       ((struct sockaddr_in *)&peer)->sin_addr.s_addr;
	return own.ss_family == AF_INET6 &&
	       IN6_ARE_ADDR_EQUAL(&((struct sockaddr_in6 *)&own)->sin6_addr,
				  &((struct sockaddr_in6 *)&peer)->sin6_addr);
}

/*
 * Batches are whole: waiting for more only delays them. Where there is no
 * network there is nothing to be measured or spared, either: algorithms that
 * pace what they send (BBR) set a timer for each packet. Reno is always there.
 */
static void tune(int fd)
{
	static const char reno[] = "reno";
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (is_local(fd))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno,
				 sizeof(reno) - 1);
}

static int start(struct dsc_conn *conn)
{
	int flags = fcntl(conn->fd, F_GETFL);
	int rc;

	/* Unlike all other calls splice() has no flag for that. */
	if (flags < 0 || fcntl(conn->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	tune(conn->fd);
	rc = dsc_watch_add(&conn->ctx->loop, &conn->watch, conn->fd, EPOLLIN,
			   on_ready);
	conn->is_open = rc == 0;
	conn->heard_ns = dsc_loop_now_ns(&conn->ctx->loop);
	return rc;
}

int dsc_conn_new(struct discsi_context *ctx, int fd,
		 const struct dsc_params *params, const char *name,
		 const struct dsc_conn_owner *owner, struct dsc_conn **out,
		 struct discsi_error *error)
{
	struct dsc_conn *conn = calloc(1, sizeof(*conn));
	int rc = -ENOMEM;

	if (conn != NULL) {
		conn->ctx = ctx;
		conn->fd = fd;
		conn->owner = *owner;
		dsc_list_init(&conn->waiting);
		dsc_list_init(&conn->in_flight);
		dsc_list_init(&conn->data);
		dsc_list_init(&conn->urgent);
		dsc_list_init(&conn->managements);
		dsc_deferred_init(&conn->flush, on_flush);
		take_params(conn, params);
		rc = init_parts(conn, name);
		if (rc == 0)
			rc = start(conn);
		if (rc == 0) {
			*out = conn;
			return 0;
		}
		free_parts(conn);
	}
	(void)close(fd);
	return dsc_error_set(error, -rc, rc == -ENOMEM ?
			     "%s: out of memory" :
			     "%s: the connection cannot be watched", name);
}

void dsc_conn_free(struct dsc_conn *conn)
{
	if (conn == NULL)
		return;
	dsc_conn_close(conn, -ECANCELED);
	/* What callbacks have submitted although there is no connection. */
	while (!dsc_list_is_empty(&conn->waiting))
		complete_all(conn);
	dsc_deferred_cancel(&conn->flush);
	free_parts(conn);
}

bool dsc_conn_is_open(const struct dsc_conn *conn)
{
	return conn->is_open;
}

const struct dsc_conn_stats *dsc_conn_get_stats(const struct dsc_conn *conn)
{
	return &conn->stats;
}
