/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon.c: fork, report, detach. What goes to the parent is one letter, 'R' or
 * 'E', and the text to be printed; it answers with another one when it has printed
 * what is ready. Who ends it before that need not end the child: it does so itself.
 * Main thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

#include "daemon.h"

#define REPORT_READY 'R'
#define REPORT_ERROR 'E'
#define REPORT_PRINTED 'P'
#define REPORT_MAX 8192

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

/* ------------------------------------------------------------- the parent */

/*
 * Waits for the child to say something. False: nobody can read any more what
 * would be printed, so that nobody waits for the export.
 */
static bool wait_for_report(int fd)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 },
	};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return fds[0].revents != 0 || fds[1].revents == 0;
}

/* Reads until the child has said all. Returns the length. */
static size_t read_report(int fd, char *report)
{
	size_t length = 0;

	while (length < REPORT_MAX) {
		ssize_t n = read(fd, report + length, REPORT_MAX - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	return length;
}

static int end_without_report(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		fprintf(stderr, "discsi-nbd: ended by signal %d before it was "
			"ready\n", WTERMSIG(status));
	else
		fprintf(stderr, "discsi-nbd: ended before it was ready\n");
	return EXIT_FAILURE;
}

/* Nobody may read it, for ever; signals come through until there is room. */
static void wait_for_room(const sigset_t *mask)
{
	struct pollfd fd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (ppoll(&fd, 1, NULL, mask) < 0 && errno == EINTR)
		;
}

/* Whoever sends a signal now gets either both or none: the text, the export. */
static int print_ready(const struct nbd_daemon *daemon, const char *text,
		       size_t length)
{
	const char printed = REPORT_PRINTED;
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	wait_for_room(&before);
	rc = write_all(STDOUT_FILENO, text, length);
	if (rc < 0) {
		fprintf(stderr, "discsi-nbd: it is ready, but that cannot be "
			"printed (%s): unless it was taken over, the export "
			"ends; start it again with a standard output that can "
			"be written to\n", discsi_errno_name(rc));
		return EXIT_FAILURE;
	}
	return send(daemon->peer, &printed, 1, MSG_NOSIGNAL) == 1 ?
	       EXIT_SUCCESS : EXIT_FAILURE;
}

int nbd_daemon_wait(struct nbd_daemon *daemon)
{
	char report[REPORT_MAX];
	size_t length;

	if (!wait_for_report(daemon->peer)) {
		fprintf(stderr, "discsi-nbd: nobody reads where the export "
			"would be: it is given up\n");
		return EXIT_FAILURE;
	}
	length = read_report(daemon->peer, report);
	if (length == 0)
		return end_without_report(daemon->child);
	if (report[0] == REPORT_READY)
		return print_ready(daemon, report + 1, length - 1);
	write_all(STDERR_FILENO, report + 1, length - 1);
	while (waitpid(daemon->child, NULL, 0) < 0 && errno == EINTR)
		;
	return EXIT_FAILURE;
}

/* -------------------------------------------------------------- the child */

int nbd_daemon_begin(struct nbd_daemon *daemon, bool is_fork)
{
	int ends[2];
	pid_t child;

	*daemon = (struct nbd_daemon){ .peer = -1 };
	if (!is_fork)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return dsc_fail(errno, "no socketpair can be made (%s)",
				discsi_errno_name(errno));
	child = fork();
	if (child < 0) {
		int error = errno;

		close(ends[0]);
		close(ends[1]);
		return dsc_fail(error, "no process can be made (%s)",
				discsi_errno_name(error));
	}
	close(ends[child == 0 ? 0 : 1]);
	daemon->peer = ends[child == 0 ? 1 : 0];
	daemon->child = child;
	daemon->is_forked = child == 0;
	if (daemon->is_forked)
		setsid();
	return 0;
}

void nbd_daemon_close_inherited(const struct nbd_daemon *daemon)
{
	unsigned peer = (unsigned)daemon->peer;

	if (!daemon->is_forked)
		return;
	if (peer > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, peer - 1, 0);
	close_range(peer + 1, ~0u, 0);
}

void nbd_daemon_leave_terminal(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int i;

	if (chdir("/") < 0 || fd < 0)
		return;
	for (i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		dup2(fd, i);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int send_report(struct nbd_daemon *daemon, char kind, const char *text)
{
	int rc = write_all(daemon->peer, &kind, 1);

	if (rc == 0)
		rc = write_all(daemon->peer, text, strlen(text));
	shutdown(daemon->peer, SHUT_WR);
	return rc;
}

bool nbd_daemon_is_told(struct nbd_daemon *daemon)
{
	char letter = 0;
	/* It stays there, for the supervisor. */
	ssize_t n = recv(daemon->peer, &letter, 1, MSG_PEEK | MSG_DONTWAIT);

	close(daemon->peer);
	daemon->peer = -1;
	return n == 1 && letter == REPORT_PRINTED;
}

int nbd_daemon_ready(struct nbd_daemon *daemon, const char *text)
{
	int rc;

	if (!daemon->is_forked) {
		rc = write_all(STDOUT_FILENO, text, strlen(text));
		return rc < 0 ? dsc_fail(-rc, "nothing can be printed (%s)",
					 discsi_errno_name(rc)) : 0;
	}
	rc = send_report(daemon, REPORT_READY, text);
	return rc < 0 ? dsc_fail(-rc, "nobody waits for the export any more") :
			0;
}

void nbd_daemon_print(const char *text)
{
	(void)write_all(STDOUT_FILENO, text, strlen(text));
}

void nbd_daemon_failed(struct nbd_daemon *daemon, const char *text)
{
	if (daemon->peer >= 0)
		send_report(daemon, REPORT_ERROR, text);
	else
		write_all(STDERR_FILENO, text, strlen(text));
}
