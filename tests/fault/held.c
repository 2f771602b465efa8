/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * held.c: the tracing thread. When it ends, the kernel lets go of what it
 * traces. The thread that begins and ends it is the test's.
 */
#include "fault/held.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define THREADS_MAX 64
#define CALLS_MAX 4
#define SYSCALL_STOP (SIGTRAP | 0x80)

struct held {
	pthread_t thread;
	pid_t pid;
	long call[CALLS_MAX];
	pid_t tid[THREADS_MAX];
	size_t count;
	pid_t caught;             /* of the tracing thread */
	atomic_bool is_ready;     /* all threads are traced */
	atomic_bool is_failed;
	atomic_bool is_held;
	atomic_bool is_ending;
};

static void nap(void)
{
	const struct timespec pause = { 0, 300000 };

	nanosleep(&pause, NULL);
}

static void list_threads(struct held *held)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", held->pid);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL &&
	       held->count < THREADS_MAX)
		if (entry->d_name[0] != '.')
			held->tid[held->count++] =
				(pid_t)strtol(entry->d_name, NULL, 10);
	if (dir != NULL)
		closedir(dir);
}

static bool seize_all(struct held *held)
{
	size_t i;

	list_threads(held);
	for (i = 0; i < held->count; i++)
		if (ptrace(PTRACE_SEIZE, held->tid[i], NULL,
			   (void *)PTRACE_O_TRACESYSGOOD) != 0 ||
		    ptrace(PTRACE_INTERRUPT, held->tid[i], NULL, NULL) != 0)
			return false;
	return held->count > 0;
}

static void go_on(pid_t tid, int signum)
{
	ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(intptr_t)signum);
}

static bool is_wanted(const struct held *held, pid_t tid)
{
	struct __ptrace_syscall_info info;
	size_t i;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof(info), &info) <=
	    0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	for (i = 0; i < CALLS_MAX && held->call[i] >= 0; i++)
		if (info.entry.nr == (uint64_t)held->call[i])
			return true;
	return false;
}

/* A thread has stopped: it is the one, or it goes on. */
static void look_at(struct held *held, pid_t tid, int status)
{
	if (!WIFSTOPPED(status))
		return;
	if (WSTOPSIG(status) == SYSCALL_STOP && held->caught == 0 &&
	    is_wanted(held, tid)) {
		held->caught = tid;
		atomic_store(&held->is_held, true);
	} else if (WSTOPSIG(status) == SYSCALL_STOP || status >> 16 != 0) {
		go_on(tid, 0);
	} else {
		go_on(tid, WSTOPSIG(status));
	}
}

static void *trace(void *arg)
{
	struct held *held = arg;
	int status;
	size_t i;

	atomic_store(&held->is_failed, !seize_all(held));
	atomic_store(&held->is_ready, true);
	while (!atomic_load(&held->is_ending)) {
		for (i = 0; i < held->count; i++)
			if (held->tid[i] != held->caught &&
			    waitpid(held->tid[i], &status, __WALL | WNOHANG) >
			    0)
				look_at(held, held->tid[i], status);
		nap();
	}
	if (held->caught != 0) {
		go_on(held->caught, 0);
		waitpid(held->caught, &status, __WALL);  /* it is made */
	}
	return NULL;
}

bool held_is_possible(void)
{
	pid_t child = fork();
	bool is_possible;
	int status;

	if (child == 0) {
		pause();
		_exit(0);
	}
	is_possible = child > 0 &&
		      ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;
	kill(child, SIGKILL);
	waitpid(child, &status, __WALL);
	return is_possible;
}

struct held *held_begin(pid_t pid, const long *calls)
{
	struct held *held = calloc(1, sizeof(*held));
	size_t i;

	held->pid = pid;
	for (i = 0; i < CALLS_MAX; i++)
		held->call[i] = -1;
	for (i = 0; i < CALLS_MAX && calls[i] >= 0; i++)
		held->call[i] = calls[i];
	if (pthread_create(&held->thread, NULL, trace, held) != 0) {
		free(held);
		return NULL;
	}
	while (!atomic_load(&held->is_ready))
		nap();
	if (atomic_load(&held->is_failed)) {
		held_end(held);
		return NULL;
	}
	return held;
}

bool held_wait(struct held *held, unsigned ms)
{
	uint64_t end = dsc_clock_now_ns() + ms * DSC_NS_PER_MS;

	while (!atomic_load(&held->is_held) && dsc_clock_now_ns() < end)
		nap();
	return atomic_load(&held->is_held);
}

void held_end(struct held *held)
{
	if (held == NULL)
		return;
	atomic_store(&held->is_ending, true);
	pthread_join(held->thread, NULL);
	free(held);
}
