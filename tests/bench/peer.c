/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.c: what a benchmark is compared with, and the target that both talk to.
 * Main thread.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

/* ---------------------------------------------------------------- programs */

/* Runs a program; its output into text, its processor time and the number of
 * its system calls into *cost, whole. */
static void run_peer(const char *const *argv, char *text, size_t room,
		     struct result *cost)
{
	struct rusage usage;
	size_t used = 0;
	ssize_t got;
	int go[2];
	int out[2];
	int status;
	int calls;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		char byte;

		close(go[1]);
		dup2(out[1], STDOUT_FILENO);
		/* Not before the counter is there. */
		if (read(go[0], &byte, 1) == 0)
			execvp(argv[0], (char *const *)(uintptr_t)argv);
		fprintf(stderr, "bench: no %s\n", argv[0]);
		_exit(127);
	}
	calls = meter_open_calls(pid);
	close(go[0]);
	close(go[1]);
	close(out[1]);
	while ((got = read(out[0], text + used, room - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	close(out[0]);
	wait4(pid, &status, 0, &usage);
	cost->calls = meter_read_calls(calls);
	cost->cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
		       1e6 + (double)(usage.ru_utime.tv_usec +
				      usage.ru_stime.tv_usec);
}

static void share_cost(struct result *result, double ios)
{
	result->cpu_us /= ios;
	if (result->calls >= 0)
		result->calls /= ios;
}

/* The last of the averages that it tells. */
static const char *find_average(const char *text)
{
	static const char before[] = "iops average ";
	const char *found = NULL;
	const char *next = text;

	while ((next = strstr(next, before)) != NULL) {
		next += strlen(before);
		found = next;
	}
	return found;
}

struct result run_iscsi_perf(const struct row *row)
{
	static char text[1 << 20];
	char url[128], depth[16], blocks[16], time[16];
	const char *argv[] = { "iscsi-perf", "-m", depth, "-b", blocks, "-t", time,
			 url, row->is_sequential ? NULL : "-r", NULL };
	struct result result = { .per_second = 0 };
	const char *found;

	snprintf(url, sizeof(url), "iscsi://%s/%s/0", bench_portal, BENCH_IQN);
	snprintf(depth, sizeof(depth), "%u", row->depth);
	snprintf(blocks, sizeof(blocks), "%u", row->bytes / 512);
	snprintf(time, sizeof(time), "%u", bench_seconds);
	run_peer(argv, text, sizeof(text), &result);
	found = find_average(text);
	if (found == NULL)
		return result;
	result.per_second = strtod(found, NULL);
	share_cost(&result, result.per_second * bench_seconds);
	return result;
}

struct result run_qemu_img(const struct row *row)
{
	static char text[65536];
	char url[160], depth[16], size[16], count[16];
	const char *argv[] = { "qemu-img", "bench", "-w", "-t", "none", "-f", "raw",
			 "-d", depth, "-s", size, "-c", count, url, NULL };
	struct result result = { .per_second = 0 };
	unsigned ios = 4000 * bench_seconds;
	const char *found;
	double took;

	snprintf(url, sizeof(url), "iscsi://%s/%s/0", bench_portal, BENCH_IQN);
	snprintf(depth, sizeof(depth), "%u", row->depth);
	snprintf(size, sizeof(size), "%u", row->bytes);
	snprintf(count, sizeof(count), "%u", ios);
	run_peer(argv, text, sizeof(text), &result);
	found = strstr(text, "Run completed in ");
	if (found == NULL)
		return result;
	took = strtod(found + strlen("Run completed in "), NULL);
	result.per_second = ios / took;
	share_cost(&result, ios);
	return result;
}

/* ------------------------------------------------------------ bare sockets */

#define HEADER 48u
#define SOCKETS_MAX 1024

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Answers, until it is killed. */
static void answer(int listener, unsigned count, size_t length)
{
	struct epoll_event events[256];
	uint8_t *bytes = calloc(1, length);
	int epoll_fd = epoll_create1(0);
	uint8_t request[HEADER];
	int n;
	int i;

	while (count-- > 0)
		watch(epoll_fd, accept(listener, NULL, NULL));
	for (;;) {
		n = epoll_wait(epoll_fd, events, 256, -1);
		for (i = 0; i < n; i++)
			if (recv(events[i].data.fd, request, HEADER, 0) <= 0 ||
			    send(events[i].data.fd, bytes, length, 0) < 0)
				_exit(0);
	}
}

static int listen_bare(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(*address);

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)address, length) != 0 ||
	    listen(fd, SOCKETS_MAX) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, &length) != 0)
		exit(1);
	return fd;
}

/* As many requests under way as there are sockets. */
static struct result ask(const int *fds, unsigned count, size_t length)
{
	static size_t have[SOCKETS_MAX + 2048];
	struct epoll_event events[256];
	uint8_t *bytes = malloc(length);
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	uint8_t request[HEADER] = { 0 };
	struct meter meter;
	uint64_t end;
	uint64_t ios = 0;
	unsigned i;

	memset(have, 0, sizeof(have));
	for (i = 0; i < count; i++)
		watch(epoll_fd, fds[i]);
	meter_begin(&meter);
	end = dsc_clock_now_ns() + bench_seconds * DSC_NS_PER_S;
	for (i = 0; i < count; i++)
		if (send(fds[i], request, HEADER, 0) < 0)
			exit(1);
	while (dsc_clock_now_ns() < end) {
		int n = epoll_wait(epoll_fd, events, 256, 100);
		int k;

		for (k = 0; k < n; k++) {
			int fd = events[k].data.fd;
			ssize_t got = recv(fd, bytes, length, MSG_DONTWAIT);

			have[fd] += got > 0 ? (size_t)got : 0;
			if (have[fd] < length)
				continue;
			have[fd] = 0;
			ios++;
			if (send(fd, request, HEADER, 0) < 0)
				exit(1);
		}
	}
	free(bytes);
	close(epoll_fd);
	return meter_end(&meter, ios);
}

struct result run_bare_sockets(const struct row *row)
{
	static int fds[SOCKETS_MAX];
	struct sockaddr_in address;
	struct result result;
	int listener = listen_bare(&address);
	int status;
	unsigned i;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		answer(listener, row->depth, HEADER + row->bytes);
	}
	close(listener);
	for (i = 0; i < row->depth; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fds[i], (struct sockaddr *)&address,
			    sizeof(address)) != 0)
			exit(1);
	}
	result = ask(fds, row->depth, HEADER + row->bytes);
	for (i = 0; i < row->depth; i++)
		close(fds[i]);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return result;
}

/* ------------------------------------------------------------------ target */

int start_target(const char *program)
{
	const char *argv[] = { program, "--size", "512",
			 "--touch", "--no-journal", "--poll", "50",
			 NULL };
	posix_spawn_file_actions_t actions;
	int in[2];
	int out[2];
	ssize_t got;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		exit(1);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	if (posix_spawn(&pid, program, &actions, NULL,
			(char *const *)(uintptr_t)argv, environ) != 0) {
		fprintf(stderr, "bench: %s cannot be run\n", program);
		exit(1);
	}
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	got = read(out[0], bench_portal, sizeof(bench_portal) - 1);
	close(out[0]);
	if (got <= 0)
		exit(1);
	bench_portal[strcspn(bench_portal, "\n")] = '\0';
	return in[1];
}
