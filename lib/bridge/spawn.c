/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spawn.c: one child process, from posix_spawn to waitid. Any thread.
 *
 * Standard input is one end of a socket pair rather than a pipe: MSG_NOSIGNAL
 * then keeps a program that does not read its input from raising SIGPIPE in
 * the agent. The end of the process is seen on a pidfd, not by end of file: a
 * daemon that it leaves behind may hold the streams open.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "bridge/pid.h"
#include "bridge/spawn.h"

#define KILL_WAIT_MS 2000  /* how long SIGTERM, and then SIGKILL, may take */
#define BEHIND_WAIT_MS 5000  /* how long what it has left behind may take */

enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

struct dsc_child {
	int ours[STREAMS];    /* our end of each stream, -1: closed */
	int theirs[STREAMS];
	struct dsc_spawn_terms terms;
	size_t input_left;
	uint64_t deadline_ns;
	struct dsc_pid pid;
	struct dsc_spawn_result result;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_all(struct dsc_child *child)
{
	int i;

	for (i = 0; i < STREAMS; i++) {
		close_fd(&child->ours[i]);
		close_fd(&child->theirs[i]);
	}
	dsc_pid_close(&child->pid);
}

/*
 * A program that was started without one of the standard streams may get 0, 1
 * or 2 here; the child's dup2() calls must not find their sources there.
 */
static int move_up(int *fd)
{
	int moved;

	if (*fd > STDERR_FILENO)
		return 0;
	moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		return -errno;
	close(*fd);
	*fd = moved;
	return 0;
}

static int open_stream(struct dsc_child *child, int stream)
{
	int ends[2];
	int status;

	if (stream == STREAM_IN)
		status = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    ends);
	else
		status = pipe2(ends, O_CLOEXEC);
	if (status < 0)
		return -errno;
	child->ours[stream] = ends[0];
	child->theirs[stream] = ends[1];
	status = move_up(&child->theirs[stream]);
	if (status == 0 && fcntl(child->ours[stream], F_SETFL, O_NONBLOCK) < 0)
		status = -errno;
	return status;
}

static int open_streams(struct dsc_child *child)
{
	int status = 0;
	int i;

	for (i = 0; i < STREAMS && status == 0; i++)
		status = open_stream(child, i);
	return status;
}

/* ------------------------------------------------------------------ start */

static int set_actions(posix_spawn_file_actions_t *actions,
		       const struct dsc_child *child)
{
	int status = 0;
	int i;

	for (i = 0; i < STREAMS && status == 0; i++)
		status = posix_spawn_file_actions_adddup2(
			actions, child->theirs[i], i);
	if (status == 0)
		status = posix_spawn_file_actions_addclosefrom_np(
			actions, STREAMS);
	return status;
}

/* No signal blocked, none ignored: a new program expects the default. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t set;
	int status;

	sigemptyset(&set);
	status = posix_spawnattr_setsigmask(attributes, &set);
	if (status != 0)
		return status;
	sigfillset(&set);
	status = posix_spawnattr_setsigdefault(attributes, &set);
	if (status != 0)
		return status;
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
					POSIX_SPAWN_SETSIGDEF);
}

static int start(const struct dsc_child *child, const char *const argv[],
		 pid_t *number)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int status;

	status = posix_spawn_file_actions_init(&actions);
	if (status != 0)
		return -status;
	status = posix_spawnattr_init(&attributes);
	if (status == 0) {
		status = set_actions(&actions, child);
		if (status == 0)
			status = set_attributes(&attributes);
		if (status == 0)
			status = posix_spawnp(number, argv[0], &actions,
					      &attributes,
					      (char *const *)argv, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -status;
}

/* ---------------------------------------------------------------- streams */

/* Also for a child of the agent that has a copy of our end: fork() is allowed. */
static void end_input(struct dsc_child *child)
{
	if (child->ours[STREAM_IN] >= 0)
		shutdown(child->ours[STREAM_IN], SHUT_WR);
	close_fd(&child->ours[STREAM_IN]);
}

static void send_input(struct dsc_child *child)
{
	const char *rest = child->terms.input + child->terms.length -
			   child->input_left;
	ssize_t n;

	n = send(child->ours[STREAM_IN], rest, child->input_left,
		 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		child->input_left -= (size_t)n;
	if (n < 0 || child->input_left == 0)
		end_input(child);
}

/* Reads what there is; true when there may be more later. */
static bool receive_output(int fd, struct dsc_spawn_output *output)
{
	char dropped[4096];
	size_t room = DSC_SPAWN_OUTPUT_MAX - output->length;
	ssize_t n;

	for (;;) {
		if (room > 0)
			n = read(fd, output->text + output->length, room);
		else
			n = read(fd, dropped, sizeof(dropped));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		if (room > 0) {
			output->length += (size_t)n;
			room -= (size_t)n;
		}
	}
}

static void receive(struct dsc_child *child, int stream)
{
	struct dsc_spawn_output *output = stream == STREAM_OUT ?
		&child->result.out : &child->result.err;

	if (child->ours[stream] >= 0 &&
	    !receive_output(child->ours[stream], output))
		close_fd(&child->ours[stream]);
}

/* What it prints is told as it comes. */
static void receive_out(struct dsc_child *child)
{
	const struct dsc_spawn_output *out = &child->result.out;
	size_t before = out->length;

	receive(child, STREAM_OUT);
	if (out->length > before && child->terms.on_output != NULL)
		child->terms.on_output(child->terms.arg, out->text,
				       out->length);
}

/* How long to sleep at most; 0 once the deadline has passed. */
static int until_deadline_ms(const struct dsc_child *child)
{
	uint64_t now = dsc_clock_now_ns();
	uint64_t left_ms;

	if (now >= child->deadline_ns)
		return 0;
	left_ms = (child->deadline_ns - now) / DSC_NS_PER_MS + 1;
	if (child->pid.fd < 0)
		left_ms = dsc_min_u64(left_ms, DSC_PID_TICK_MS);
	return (int)dsc_min_u64(left_ms, INT32_MAX);
}

/* Has the process come to its end? It is not reaped by this. */
static bool is_ended(const struct dsc_child *child)
{
	struct pollfd fd = { .fd = child->pid.fd, .events = POLLIN };
	siginfo_t info = { .si_pid = 0 };

	if (fd.fd >= 0)
		return poll(&fd, 1, 0) > 0;
	if (waitid(P_PID, (id_t)child->pid.number, &info,
		   WEXITED | WNOHANG | WNOWAIT) < 0)
		return errno == ECHILD;
	return info.si_pid != 0;
}

/*
 * Moves data until the process is at its end: 0, -ETIMEDOUT, -ECANCELED or
 * another errno.
 */
static int serve(struct dsc_child *child)
{
	struct pollfd fds[STREAMS + 2] = {
		[STREAM_IN] = { .events = POLLOUT },
		[STREAM_OUT] = { .events = POLLIN },
		[STREAM_ERR] = { .events = POLLIN },
		[STREAMS] = { .fd = child->pid.fd, .events = POLLIN },
		[STREAMS + 1] = { .fd = child->terms.cancel_fd, .events = POLLIN },
	};
	bool has_ended;
	int timeout_ms;
	int i;

	for (;;) {
		timeout_ms = until_deadline_ms(child);
		for (i = 0; i < STREAMS; i++)
			fds[i].fd = child->ours[i];
		if (poll(fds, STREAMS + 2, timeout_ms) < 0 && errno != EINTR)
			return -errno;
		/* In this order: what it printed at its end is read, too. */
		has_ended = is_ended(child);
		if (child->ours[STREAM_IN] >= 0)
			send_input(child);
		receive_out(child);
		receive(child, STREAM_ERR);
		if (has_ended)
			return 0;
		if (fds[STREAMS + 1].revents != 0)
			return -ECANCELED;
		if (timeout_ms == 0)
			return -ETIMEDOUT;
	}
}

/* -------------------------------------------------------------------- end */

static bool is_ended_in(const struct dsc_child *child, int timeout_ms)
{
	struct pollfd fd = { .fd = child->pid.fd, .events = POLLIN };
	uint64_t now = dsc_clock_now_ns();
	uint64_t deadline = now + (uint64_t)timeout_ms * DSC_NS_PER_MS;

	for (; now < deadline && !is_ended(child); now = dsc_clock_now_ns())
		poll(&fd, 1, DSC_PID_TICK_MS);
	return is_ended(child);
}

static void end_process(const struct dsc_child *child)
{
	dsc_pid_signal(&child->pid, SIGTERM);
	if (is_ended_in(child, KILL_WAIT_MS))
		return;
	dsc_pid_signal(&child->pid, SIGKILL);
	is_ended_in(child, KILL_WAIT_MS);
}

/* Until nobody has our output open any more. */
static void wait_for_others(struct dsc_child *child)
{
	struct pollfd fds[2] = {
		{ .events = POLLIN }, { .events = POLLIN },
	};
	int timeout_ms;

	child->deadline_ns = dsc_clock_now_ns() +
			     BEHIND_WAIT_MS * DSC_NS_PER_MS;
	for (;;) {
		receive(child, STREAM_OUT);
		receive(child, STREAM_ERR);
		fds[0].fd = child->ours[STREAM_OUT];
		fds[1].fd = child->ours[STREAM_ERR];
		timeout_ms = until_deadline_ms(child);
		if (timeout_ms == 0 || (fds[0].fd < 0 && fds[1].fd < 0))
			return;
		if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
			return;
	}
}

/* Takes the exit status of a process that has ended. */
static void reap(struct dsc_child *child)
{
	struct dsc_spawn_result *result = &child->result;
	bool has_fd = child->pid.fd >= 0;
	siginfo_t info;
	int status;

	do {
		memset(&info, 0, sizeof(info));
		status = waitid(has_fd ? P_PIDFD : P_PID, (id_t)(has_fd ?
				child->pid.fd : child->pid.number), &info,
				WEXITED | WNOHANG);
	} while (status < 0 && errno == EINTR);
	result->has_status = status == 0 && info.si_pid != 0;
	if (!result->has_status)
		return;
	result->code = info.si_status;
	if (info.si_code != CLD_EXITED) {
		result->signal = info.si_status;
		result->code = 128 + info.si_status;
	}
}

static int run(struct dsc_child *child, const char *const argv[])
{
	pid_t number = -1;
	int status;
	int i;

	status = start(child, argv, &number);
	if (status < 0)
		return status;
	for (i = 0; i < STREAMS; i++)
		close_fd(&child->theirs[i]);
	status = dsc_pid_open(&child->pid, number);
	/* ESRCH: the agent ignores SIGCHLD, and it is over. */
	if (status < 0 && status != -ESRCH) {
		kill(number, SIGKILL);
		waitpid(number, NULL, 0);
	}
	return status;
}

static int alloc_output(struct dsc_spawn_output *output)
{
	output->length = 0;
	output->text = malloc(DSC_SPAWN_OUTPUT_MAX + 1);
	return output->text != NULL ? 0 : -ENOMEM;
}

static void free_child(struct dsc_child *child)
{
	close_all(child);
	dsc_spawn_result_free(&child->result);
	free(child);
}

int dsc_spawn_begin(const char *const argv[], struct dsc_child **begun)
{
	struct dsc_child *child = calloc(1, sizeof(*child));
	int status;

	if (child == NULL)
		return -ENOMEM;
	*child = (struct dsc_child){
		.ours = { -1, -1, -1 },
		.theirs = { -1, -1, -1 },
		.terms = { .cancel_fd = -1 },
		.pid = { .number = -1, .fd = -1 },
	};
	status = alloc_output(&child->result.out);
	if (status == 0)
		status = alloc_output(&child->result.err);
	if (status == 0)
		status = open_streams(child);
	if (status == 0)
		status = run(child, argv);
	if (status < 0) {
		free_child(child);
		return status;
	}
	*begun = child;
	return 0;
}

int dsc_spawn_end(struct dsc_child *child, const struct dsc_spawn_terms *terms,
		  struct dsc_spawn_result *result)
{
	int status;

	child->terms = *terms;
	child->input_left = terms->length;
	child->deadline_ns = dsc_clock_now_ns() +
			     terms->timeout_ms * DSC_NS_PER_MS;
	status = serve(child);
	if (status < 0)
		end_process(child);
	reap(child);
	if (status < 0)
		wait_for_others(child);
	/* It was done already. */
	if (child->result.has_status && child->result.code == 0)
		status = 0;
	memset(result, 0, sizeof(*result));
	if (status == 0) {
		*result = child->result;
		memset(&child->result, 0, sizeof(child->result));
		result->out.text[result->out.length] = '\0';
		result->err.text[result->err.length] = '\0';
	}
	free_child(child);
	return status;
}

void dsc_spawn_abandon(struct dsc_child *child)
{
	if (child == NULL)
		return;
	end_input(child);
	end_process(child);
	reap(child);
	wait_for_others(child);
	free_child(child);
}

int dsc_spawn(const char *const argv[], const struct dsc_spawn_terms *terms,
	      struct dsc_spawn_result *result)
{
	struct dsc_child *child;
	int status = dsc_spawn_begin(argv, &child);

	return status < 0 ? status : dsc_spawn_end(child, terms, result);
}

void dsc_spawn_result_free(struct dsc_spawn_result *result)
{
	free(result->out.text);
	free(result->err.text);
	memset(result, 0, sizeof(*result));
}
