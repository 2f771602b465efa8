/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon.c: fork, report, detach. What goes through the pipe is one letter,
 * 'R' or 'E', and the text to be printed. Main thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

#include "daemon.h"

#define REPORT_READY 'R'
#define REPORT_ERROR 'E'
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

/* Reads until the child closes the pipe. Returns the length. */
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

static int run_parent(int fd, pid_t child)
{
	char report[REPORT_MAX];
	size_t length = read_report(fd, report);

	close(fd);
	if (length == 0)
		return end_without_report(child);
	if (report[0] == REPORT_READY)
		return write_all(STDOUT_FILENO, report + 1, length - 1) == 0 ?
		       EXIT_SUCCESS : EXIT_FAILURE;
	write_all(STDERR_FILENO, report + 1, length - 1);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return EXIT_FAILURE;
}

/* -------------------------------------------------------------- the child */

/* A session of its own; what else the parent had open is not ours. */
static void run_child(struct nbd_daemon *daemon, int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	daemon->is_forked = true;
	daemon->pipe = moved >= 0 ? moved : fd;
	setsid();
	if (daemon->pipe > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)daemon->pipe - 1, 0);
	close_range((unsigned)daemon->pipe + 1, ~0u, 0);
}

int nbd_daemon_begin(struct nbd_daemon *daemon, bool is_fork)
{
	int ends[2];
	pid_t child;

	*daemon = (struct nbd_daemon){ .pipe = -1 };
	if (!is_fork)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		fprintf(stderr, "discsi-nbd: no pipe can be made\n");
		return EXIT_FAILURE;
	}
	child = fork();
	if (child == 0) {
		close(ends[0]);
		run_child(daemon, ends[1]);
		return -1;
	}
	close(ends[1]);
	if (child > 0)
		return run_parent(ends[0], child);
	close(ends[0]);
	fprintf(stderr, "discsi-nbd: no process can be made\n");
	return EXIT_FAILURE;
}

static void leave_terminal(void)
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
	int rc = write_all(daemon->pipe, &kind, 1);

	if (rc == 0)
		rc = write_all(daemon->pipe, text, strlen(text));
	close(daemon->pipe);
	daemon->pipe = -1;
	return rc;
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
	if (rc < 0)
		return dsc_fail(-rc, "nobody waits for the export any more");
	leave_terminal();
	return 0;
}

void nbd_daemon_failed(struct nbd_daemon *daemon, const char *text)
{
	if (daemon->pipe >= 0)
		send_report(daemon, REPORT_ERROR, text);
	else
		write_all(STDERR_FILENO, text, strlen(text));
}
