/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iscsiadm.c: see iscsiadm.h. iscsid runs already, as discsi's agent does. What
 * iscsiadm prints is of no concern. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iscsiadm.h"

#define WAIT_MS 30000
#define BLOCK 4096

extern char **environ;

static void fail(const char *what)
{
	fprintf(stderr, "bench-mount: %s\n", what);
	exit(1);
}

/* Runs iscsiadm with these arguments, to its end. */
static void run(const char *const args[])
{
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
					 O_WRONLY, 0);
	if (posix_spawnp(&pid, args[0], &actions, NULL, (char *const *)args,
			 environ) != 0)
		fail("iscsiadm cannot be started");
	posix_spawn_file_actions_destroy(&actions);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		fail("iscsiadm has failed");
}

static int open_uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
			NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address,
			   sizeof(address)) < 0)
		fail("uevents cannot be received");
	return fd;
}

/* Waits for "add@…/block/sdX" and makes a path of it. */
static void wait_for_disk(int fd, char path[64])
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char event[8192];
	const char *name;
	ssize_t length;

	for (;;) {
		if (poll(&poll_fd, 1, WAIT_MS) <= 0)
			fail("no disk has appeared");
		length = recv(fd, event, sizeof(event) - 1, 0);
		if (length <= 0)
			continue;
		event[length] = '\0';
		name = strstr(event, "/block/sd");
		if (strncmp(event, "add@", 4) == 0 && name != NULL &&
		    strchr(name + 7, '/') == NULL)
			break;
	}
	snprintf(path, 64, "/dev/%s", name + 7);
}

static void read_block(const char *path)
{
	void *block = NULL;
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0 || posix_memalign(&block, BLOCK, BLOCK) != 0 ||
	    pread(fd, block, BLOCK, 0) != BLOCK)
		fail("the disk cannot be read");
	free(block);
	close(fd);
}

void iscsiadm_begin(const char *portal, const char *iqn)
{
	const char *const discover[] = {
		"iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p",
		portal, NULL
	};
	const char *const login[] = {
		"iscsiadm", "-m", "node", "-T", iqn, "-p", portal, "--login",
		NULL
	};
	int fd = open_uevents();
	char path[64];

	run(discover);
	run(login);
	wait_for_disk(fd, path);
	close(fd);
	read_block(path);
}

void iscsiadm_end(const char *portal, const char *iqn)
{
	const char *const logout[] = {
		"iscsiadm", "-m", "node", "-T", iqn, "-p", portal, "--logout",
		NULL
	};
	const char *const forget[] = {
		"iscsiadm", "-m", "node", "-T", iqn, "-p", portal, "-o",
		"delete", NULL
	};

	run(logout);
	run(forget);
}
