/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn.h: the full feature phase of one connection (RFC 7143 sections 4, 11).
 *
 * The connection owns the descriptor after login. It carries SCSI tasks, task
 * management, Text, NOP and Logout; keeps the CmdSN window; moves data between
 * the socket and the callers' buffers; sends everything that is ready with one
 * sendmsg at the end of the loop's turn and reads as much as there is with one
 * recv. It does not retry, time out, or reconnect: the session above decides.
 *
 * Commands are encoded (and given their CmdSN) when they are sent, not when
 * they are submitted. Nothing is allocated per task.
 *
 * Loop's thread only.
 */
#ifndef DSC_ISCSI_CONN_H
#define DSC_ISCSI_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/context.h"
#include "base/list.h"
#include "iscsi/params.h"
#include "scsi/sense.h"

struct discsi_pipe;
struct dsc_burst;
struct dsc_conn;

#define DSC_CDB_MAX 16
#define DSC_SENSE_MAX 96

enum dsc_direction {
	DSC_DATA_NONE,
	DSC_DATA_IN,    /* target to us */
	DSC_DATA_OUT    /* us to target */
};

/*
 * One SCSI command. The first group is the caller's and constant until done()
 * runs; the second is the answer; the third is the connection's own.
 */
struct dsc_task {
	uint8_t cdb[DSC_CDB_MAX];
	uint8_t lun[8];
	enum dsc_direction direction;
	uint32_t length;            /* expected data transfer length, bytes; 0
				     * when no data is moved */
	const struct iovec *iov;    /* the data: length bytes, iov_skip on */
	int iovcnt;
	size_t iov_skip;            /* bytes of iov[0…] that are not ours */
	struct discsi_pipe *pipe;   /* of a read: its data may be left there;
				     * or NULL */
	uint8_t *pipe_data;         /* the buffer of all that may be in it */
	size_t pipe_at;             /* where in that the task's data begins */
	void (*done)(struct dsc_task *task);

	int error;                  /* 0: the target answered; else -errno, and
				     * the answer means nothing */
	bool was_sent;              /* some of it may have reached the target */
	uint8_t status;             /* SAM status */
	uint32_t transferred;       /* bytes: length less the underflow
				     * residual; a read: that arrived */
	uint32_t overflow;          /* residual overflow, bytes */
	bool is_pipe_broken;        /* something that was in the pipe is lost;
				     * false before the first attempt */
	uint16_t sense_length;
	uint8_t sense[DSC_SENSE_MAX];

	struct dsc_list link;       /* in order of submission, then of CmdSN */
	struct dsc_list data_link;  /* among those that have data to send */
	struct dsc_burst *bursts;   /* what may be sent, in order */
	uint32_t itt;
	uint32_t cmd_sn;
	uint8_t state;
	bool is_piping;             /* what comes next goes to the pipe */
	bool is_answered;           /* done() waits for pins to become 0 */
	uint16_t r2ts;              /* R2Ts that are not satisfied */
	uint32_t pins;              /* pieces of the batch being sent that point
				     * into the caller's buffers */
	uint32_t granted;           /* write: bytes that may be sent so far */
	uint32_t moved;             /* bytes that arrived, or are in a batch */
	uint32_t sequence;          /* DataSN or R2TSN that comes next */
	int cursor_index;           /* where in iov byte number moved lies */
	size_t cursor_skip;
};

/* An Asynchronous Message, section 11.9: event 0 (SCSI), 1 to 4, 248 … */
struct dsc_async_event {
	uint8_t event;
	uint16_t parameter1;
	uint16_t parameter2;
	uint16_t parameter3;
	uint8_t lun[8];
	struct dsc_sense sense;     /* of event 0 */
};

struct dsc_conn_owner {
	/*
	 * The connection failed or the target closed it: why says what
	 * happened. Called first; then every task completes with error
	 * -ENOTCONN, in submission order, from the same stack. The owner must
	 * not free the connection before a later turn of the loop or inside
	 * any callback of it.
	 */
	void (*lost)(void *arg, const struct discsi_error *why);
	void (*async_event)(void *arg, const struct dsc_async_event *event);
	void *arg;
};

struct dsc_conn_stats {
	uint64_t send_calls;
	uint64_t receive_calls;
	uint64_t bytes_sent;
	uint64_t bytes_received;
	uint64_t tasks_done;
};

/*
 * Takes over a logged-in descriptor (closed by the connection, also when this
 * call fails). name: "iqn… at address:port", for messages; copied.
 * Errors: ENOMEM, and those of epoll; *error is filled.
 */
int dsc_conn_new(struct discsi_context *ctx, int fd,
		 const struct dsc_params *params, const char *name,
		 const struct dsc_conn_owner *owner, struct dsc_conn **conn,
		 struct discsi_error *error);

/*
 * Closes the socket and completes every task with error (negative), in
 * submission order; lost() is not called. Nothing touches a caller's buffer
 * afterwards. Closing twice is once.
 */
void dsc_conn_close(struct dsc_conn *conn, int error);

/* Frees a connection; closes it with -ECANCELED first if need be. */
void dsc_conn_free(struct dsc_conn *conn);

bool dsc_conn_is_open(const struct dsc_conn *conn);

/*
 * Queues a task; it is sent at the end of this turn if the window is open.
 * The connection must be open; on one that is not, the task completes with
 * -ENOTCONN in a later call. done() never runs inside this one.
 */
void dsc_conn_submit(struct dsc_conn *conn, struct dsc_task *task);

/*
 * Takes a task back that has not been sent. Returns false, and does nothing,
 * when any part of it has been.
 */
bool dsc_conn_withdraw(struct dsc_conn *conn, struct dsc_task *task);

/* True while nothing of it has been sent. */
bool dsc_conn_task_is_waiting(const struct dsc_task *task);

/*
 * Takes back a task that was sent, once the target has said (by an answer to
 * task management) that it does not have it any more. It completes with error
 * when no batch points into its buffers; a PDU for it that comes after all is
 * a protocol violation.
 */
void dsc_conn_release_task(struct dsc_conn *conn, struct dsc_task *task,
			   int error);

/* At most so many commands in flight; 0: as many as the window allows. */
void dsc_conn_set_depth(struct dsc_conn *conn, uint32_t depth);

/* TCP_USER_TIMEOUT; 0: the system's. */
void dsc_conn_set_user_timeout(struct dsc_conn *conn, uint32_t ms);

/* When bytes last arrived, in time of the loop. */
uint64_t dsc_conn_heard_ns(const struct dsc_conn *conn);

/* Tasks that have been sent and not completed. */
size_t dsc_conn_in_flight(const struct dsc_conn *conn);

/*
 * Sends a Text Request with key=value pairs (each ended by NUL; at most
 * DSC_TEXT_REQUEST_MAX bytes; copied) and collects the whole answer,
 * continuations included, at most DSC_TEXT_MAX bytes. One at a time. done:
 * once, with 0 and the answer (borrowed), or -errno: EPROTO when the target
 * rejects it. Errors: EBUSY, ENOTCONN, EINVAL (length).
 */
#define DSC_TEXT_MAX (4u << 20)
#define DSC_TEXT_REQUEST_MAX 512u
typedef void (*dsc_text_cb)(void *arg, int status, const char *text,
			    size_t length);
int dsc_conn_text(struct dsc_conn *conn, const char *pairs, size_t length,
		  dsc_text_cb done, void *arg);

/*
 * Sends a NOP-Out that the target has to answer. One at a time. Errors: EBUSY,
 * ENOTCONN. done: once, with 0 when the answer has come, or -errno: EPROTO or
 * EAGAIN when it is rejected.
 */
typedef void (*dsc_ping_cb)(void *arg, int status);
int dsc_conn_ping(struct dsc_conn *conn, dsc_ping_cb done, void *arg);

/*
 * A request that is sent before any command and whatever the window is. put()
 * writes it into the batch and returns false when there is no room.
 */
struct dsc_urgent {
	struct dsc_list link;
	bool (*put)(struct dsc_conn *conn, struct dsc_urgent *urgent);
};

/* Task management, section 11.5.1; and an answer of 11.6.1. */
enum dsc_management_function {
	DSC_TMF_ABORT_TASK = 1,
	DSC_TMF_LUN_RESET = 5
};
#define DSC_TMF_COMPLETE 0
#define DSC_TMF_NO_SUCH_TASK 1

/* The caller's until done(); the first group is set by him. */
struct dsc_management {
	enum dsc_management_function function;
	uint8_t lun[8];
	/* ABORT TASK: which, sent and not completed; else NULL. If it completes
	 * before this is sent, the response is DSC_TMF_NO_SUCH_TASK. */
	struct dsc_task *task;
	/*
	 * Once. status 0: response is the target's. -EPROTO, -EAGAIN: rejected;
	 * otherwise the connection has ended, whose tasks complete after this.
	 */
	void (*done)(struct dsc_management *management, int status,
		     uint8_t response);

	struct dsc_urgent urgent;
	struct dsc_list link;
	uint32_t itt;               /* DSC_NO_TAG: not sent yet */
	uint32_t rtt;
	uint32_t ref_cmd_sn;
};

/*
 * Any number at a time, sent in this order. -ENOTCONN, -EAGAIN (hundreds were
 * never answered): no done().
 */
int dsc_conn_manage(struct dsc_conn *conn, struct dsc_management *management);

/* done() will not run; an answer is swallowed. */
void dsc_conn_manage_forget(struct dsc_conn *conn,
			    struct dsc_management *management);

/*
 * Sends a Logout Request that closes the session (reason 0) once everything
 * submitted has completed: a target may drop what it has not finished when it
 * is logged out of. Errors: EBUSY, ENOTCONN. done: once, with 0 when the target
 * has answered, or -errno. The connection is then to be closed; a target that
 * closes it instead of answering has logged us out too (0), and lost() is not
 * called.
 */
typedef void (*dsc_logout_cb)(void *arg, int status);
int dsc_conn_logout(struct dsc_conn *conn, dsc_logout_cb done, void *arg);

const struct dsc_conn_stats *dsc_conn_get_stats(const struct dsc_conn *conn);

#endif /* DSC_ISCSI_CONN_H */
