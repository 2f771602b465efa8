/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * agent.c: a small host agent. It reads a directory of storage configurations
 * (ID.json, what discsi_storage_set_info() takes), mounts all of them at the
 * same time, mounts those again that failed, tells their status as a JSON
 * array to whoever connects to its Unix socket, and unmounts on SIGTERM or ^C.
 * It teaches the storage layer: one manager, a thread of the agent's per
 * storage for the calls that wait, and none for those that do not.
 *
 * usage: agent DIRECTORY SOCKET
 *   nc -U SOCKET      shows the status
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <discsi/discsi.h>

#define STORAGES_MAX 1024
#define CONF_MAX ((size_t)64 * 1024)
#define RETRY_S 10
#define NUDGE_MS 100
#define CLIENT_TIMEOUT_S 5

struct keeper {
	struct agent *agent;
	struct discsi_storage *storage;
	char id[256];
	pthread_t thread;
};

struct agent {
	struct discsi_storage_manager *manager;
	struct keeper keepers[STORAGES_MAX];
	size_t count;
	pthread_mutex_t lock;     /* has_ended */
	pthread_cond_t ending;
	bool has_ended;
	int signals;              /* readable when it is to end */
	int listener;
	const char *socket_path;
};

/* One line, whole, also when several threads speak. */
static void say(const char *id, const char *sentence)
{
	fprintf(stderr, "agent: %s: %s\n", id, sentence);
}

static void log_warning(void *arg, enum discsi_log_level level,
			const char *component, const char *message)
{
	(void)arg;
	(void)level;
	say(component, message);
}

/* ------------------------------------------- a thread for each storage */

/* True when the agent ends; else a pause until the next try. */
static bool wait_for_the_end(struct agent *agent)
{
	struct timespec until;
	bool has_ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_S;
	pthread_mutex_lock(&agent->lock);
	while (!agent->has_ended &&
	       pthread_cond_clockwait(&agent->ending, &agent->lock,
				      CLOCK_MONOTONIC, &until) != ETIMEDOUT)
		continue;
	has_ended = agent->has_ended;
	pthread_mutex_unlock(&agent->lock);
	return has_ended;
}

static void *keep_mounted(void *arg)
{
	struct keeper *keeper = arg;

	/* One that waits for its target is left alone by that, one that has
	 * given up is made anew. */
	do {
		if (discsi_storage_is_connected(keeper->storage))
			continue;
		if (discsi_storage_mount(keeper->storage, NULL) < 0)
			say(keeper->id, discsi_last_error()->message);
		else if (discsi_storage_is_connected(keeper->storage))
			say(keeper->id, "mounted");
	} while (!wait_for_the_end(keeper->agent));
	if (discsi_storage_unmount(keeper->storage, 0) < 0)
		say(keeper->id, discsi_last_error()->message);
	else
		say(keeper->id, "unmounted");
	return NULL;
}

/* A mount under way is cancelled, also one that begins just now. */
static void end_keepers(struct agent *agent)
{
	size_t i;

	pthread_mutex_lock(&agent->lock);
	agent->has_ended = true;
	pthread_cond_broadcast(&agent->ending);
	pthread_mutex_unlock(&agent->lock);
	for (i = 0; i < agent->count; i++) {
		struct timespec until;

		do {
			discsi_storage_cancel(agent->keepers[i].storage);
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += NUDGE_MS * 1000000L;
			until.tv_sec += until.tv_nsec / 1000000000L;
			until.tv_nsec %= 1000000000L;
		} while (pthread_timedjoin_np(agent->keepers[i].thread, NULL,
					      &until) != 0);
		discsi_storage_put(agent->keepers[i].storage);
	}
}

/* ---------------------------------------------------- configurations */

static bool read_conf(const char *path, char *text, size_t *length)
{
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		say(path, strerror(errno));
		return false;
	}
	*length = fread(text, 1, CONF_MAX, file);
	fclose(file);
	return true;
}

/* path: DIRECTORY/ID.json, whose last part is name. */
static void add_storage(struct agent *agent, const char *path,
			const char *name)
{
	struct keeper *keeper = &agent->keepers[agent->count];
	static char text[CONF_MAX];
	size_t length = 0;

	if (!read_conf(path, text, &length))
		return;
	keeper->agent = agent;
	snprintf(keeper->id, sizeof(keeper->id), "%.*s",
		 (int)(strlen(name) - strlen(".json")), name);
	if (discsi_storage_new(agent->manager, path, "iscsi",
			       &keeper->storage) < 0 ||
	    discsi_storage_set_info(keeper->storage, keeper->id, keeper->id,
				    text, length) < 0) {
		say(keeper->id, discsi_last_error()->message);
		discsi_storage_put(keeper->storage);
		keeper->storage = NULL;
		return;
	}
	if (pthread_create(&keeper->thread, NULL, keep_mounted, keeper) != 0) {
		say(keeper->id, "no thread");
		discsi_storage_put(keeper->storage);
		return;
	}
	agent->count++;
}

static int is_conf(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > strlen(".json") &&
	       strcmp(entry->d_name + length - strlen(".json"), ".json") == 0;
}

static bool add_storages(struct agent *agent, const char *directory)
{
	struct dirent **entries = NULL;
	char path[4096];
	int count = scandir(directory, &entries, is_conf, alphasort);
	int i;

	if (count < 0) {
		say(directory, strerror(errno));
		return false;
	}
	for (i = 0; i < count; i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", directory,
				 entries[i]->d_name);

		if (n > 0 && (size_t)n < sizeof(path) &&
		    agent->count < STORAGES_MAX)
			add_storage(agent, path, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return true;
}

/* ------------------------------------------------------------- status */

/* The name of a socket outlives an agent that was killed. */
static bool bind_anew(int fd, const struct sockaddr_un *address)
{
	const struct sockaddr *name = (const struct sockaddr *)address;
	int probe;

	if (bind(fd, name, sizeof(*address)) == 0)
		return true;
	if (errno != EADDRINUSE)
		return false;
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(probe, name, sizeof(*address)) != 0 &&
	    errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(probe);
	return bind(fd, name, sizeof(*address)) == 0;
}

static bool open_listener(struct agent *agent)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(agent->socket_path) >= sizeof(address.sun_path)) {
		say(agent->socket_path, "the path is too long");
		return false;
	}
	strcpy(address.sun_path, agent->socket_path);
	agent->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	umask(077);
	if (agent->listener < 0 ||
	    !bind_anew(agent->listener, &address) ||
	    listen(agent->listener, 16) != 0) {
		say(agent->socket_path, strerror(errno));
		return false;
	}
	return true;
}

/* The library makes one object of each storage, from what it knows. */
static void tell_status(struct agent *agent)
{
	const struct timeval limit = { .tv_sec = CLIENT_TIMEOUT_S };
	int fd = accept4(agent->listener, NULL, NULL, SOCK_CLOEXEC);
	FILE *client = fd < 0 ? NULL : fdopen(fd, "w");
	size_t i;

	if (client == NULL)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	fputs("[", client);
	for (i = 0; i < agent->count; i++) {
		char *info = NULL;

		if (discsi_storage_sync_info(agent->keepers[i].storage,
					     &info) == 0)
			fprintf(client, "%s%s", i > 0 ? ",\n" : "", info);
		free(info);
	}
	fputs("]\n", client);
	fclose(client);
}

static void serve(struct agent *agent)
{
	struct pollfd fds[] = {
		{ .fd = agent->signals, .events = POLLIN },
		{ .fd = agent->listener, .events = POLLIN },
	};

	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents != 0)
			return;
		if (fds[1].revents != 0)
			tell_status(agent);
	}
}

/* SIGTERM and ^C become something to poll; SIGPIPE an error of a write. */
static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	const struct discsi_storage_manager_options options = {
		.size = sizeof(options),
		.log = log_warning,
		.log_level = DISCSI_LOG_WARNING,
	};
	static struct agent agent = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ending = PTHREAD_COND_INITIALIZER,
	};
	int status = 1;

	if (argc != 3) {
		fputs("usage: agent DIRECTORY SOCKET\n", stderr);
		return 2;
	}
	agent.signals = open_signals();
	agent.socket_path = argv[2];
	if (!open_listener(&agent))
		return 1;
	if (discsi_storage_manager_new(&options, &agent.manager) < 0)
		say("manager", discsi_last_error()->message);
	else if (add_storages(&agent, argv[1])) {
		serve(&agent);
		status = 0;
	}
	end_keepers(&agent);
	discsi_storage_manager_free(agent.manager);
	close(agent.listener);
	unlink(agent.socket_path);
	close(agent.signals);
	return status;
}
