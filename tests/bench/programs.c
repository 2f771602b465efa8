/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * programs.c: see programs.h. iscsid runs already, as discsi's agent does. What
 * the programs print is of no concern. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <poll.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs.h"

#define WAIT_MS 30000
#define BLOCK 4096
#define ATTACH_DEVICE "/dev/nbd5"
#define QEMU_DEVICE "/dev/nbd7"

extern char **environ;

static void fail(const char *what)
{
	fprintf(stderr, "bench-mount: %s\n", what);
	exit(1);
}

static pid_t start(const char *const args[])
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
					 O_WRONLY, 0);
	if (posix_spawnp(&pid, args[0], &actions, NULL, (char *const *)args,
			 environ) != 0)
		fail("a program cannot be started");
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void await(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		fail("a program has failed");
}

/* Runs a program with these arguments, to its end. */
static void run(const char *const args[])
{
	await(start(args));
}

bool program_is_there(const struct program *program)
{
	const char *path = getenv("PATH");
	const char *next;
	char file[512];

	for (; path != NULL && *path != '\0'; path = next) {
		next = strchrnul(path, ':');
		snprintf(file, sizeof(file), "%.*s/%s", (int)(next - path),
			 path, program->name);
		if (access(file, X_OK) == 0)
			return true;
		next += *next == ':';
	}
	return false;
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

/* Waits for "ACTION@…/block/PREFIX…", whose last part receives the name. */
static void wait_for_disk(int fd, const char *action, const char *prefix,
			  char name[32])
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char event[8192];
	const char *block;
	ssize_t length;

	for (;;) {
		if (poll(&poll_fd, 1, WAIT_MS) <= 0)
			fail("no disk has appeared");
		length = recv(fd, event, sizeof(event) - 1, 0);
		if (length <= 0)
			continue;
		event[length] = '\0';
		block = strstr(event, "/block/");
		if (strncmp(event, action, strlen(action)) != 0 ||
		    block == NULL)
			continue;
		snprintf(name, 32, "%s", block + strlen("/block/"));
		if (strncmp(name, prefix, strlen(prefix)) == 0 &&
		    strchr(name, '/') == NULL)
			return;
	}
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

/* ---------------------------------------------------------------- iscsiadm */

static void iscsiadm_begin(const struct lun *lun)
{
	const char *const discover[] = {
		"iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p",
		lun->portal, NULL
	};
	const char *const login[] = {
		"iscsiadm", "-m", "node", "-T", lun->iqn, "-p", lun->portal,
		"--login", NULL
	};
	int fd = open_uevents();
	char name[32];
	char path[64];

	run(discover);
	run(login);
	wait_for_disk(fd, "add@", "sd", name);
	close(fd);
	snprintf(path, sizeof(path), "/dev/%s", name);
	read_block(path);
}

static void iscsiadm_end(const struct lun *lun)
{
	const char *const logout[] = {
		"iscsiadm", "-m", "node", "-T", lun->iqn, "-p", lun->portal,
		"--logout", NULL
	};
	const char *const forget[] = {
		"iscsiadm", "-m", "node", "-T", lun->iqn, "-p", lun->portal,
		"-o", "delete", NULL
	};

	run(logout);
	run(forget);
}

const struct program program_iscsiadm = {
	"iscsiadm", iscsiadm_begin, iscsiadm_end,
};

/* ----------------------------------------------------------- discsi attach */

static const char *url_of(const struct lun *lun, char url[512])
{
	snprintf(url, 512, "iscsi://%s/%s/%s", lun->portal, lun->iqn,
		 lun->number);
	return url;
}

static void attach_begin(const struct lun *lun)
{
	char url[512];
	const char *const attach[] = {
		"discsi", "attach", "--device", ATTACH_DEVICE,
		url_of(lun, url), NULL
	};

	run(attach);
	read_block(ATTACH_DEVICE);
}

static void attach_end(const struct lun *lun)
{
	const char *const detach[] = {
		"discsi", "detach", ATTACH_DEVICE, NULL
	};

	(void)lun;
	run(detach);
}

const struct program program_attach = { "discsi", attach_begin, attach_end };

/* --------------------------------------------------------------- qemu-nbd */

static pid_t qemu_nbd;

static bool has_size(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t bytes = 0;
	bool is_known;

	if (fd < 0)
		fail("a device cannot be opened");
	is_known = ioctl(fd, BLKGETSIZE64, &bytes) == 0 && bytes > 0;
	close(fd);
	return is_known;
}

static void qemu_begin(const struct lun *lun)
{
	char url[512];
	const char *const serve[] = {
		"qemu-nbd", "-c", QEMU_DEVICE, "-f", "raw", "--cache=none",
		"-e", "16", url_of(lun, url), NULL
	};
	int fd = open_uevents();
	char name[32];

	setenv("MALLOC_MMAP_THRESHOLD_", "33554432", 1);
	setenv("MALLOC_TRIM_THRESHOLD_", "536870912", 1);
	qemu_nbd = start(serve);
	unsetenv("MALLOC_MMAP_THRESHOLD_");
	unsetenv("MALLOC_TRIM_THRESHOLD_");
	do {
		wait_for_disk(fd, "change@", &QEMU_DEVICE[strlen("/dev/")],
			      name);
	} while (!has_size(QEMU_DEVICE));
	close(fd);
	read_block(QEMU_DEVICE);
}

static void qemu_end(const struct lun *lun)
{
	const char *const detach[] = { "qemu-nbd", "-d", QEMU_DEVICE, NULL };

	(void)lun;
	run(detach);
	await(qemu_nbd);
}

const struct program program_qemu_nbd = { "qemu-nbd", qemu_begin, qemu_end };
