/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/temp.c: the temporary directory and the free ports. The directory is
 * removed by a shell that reads from a pipe whose other end only this program
 * holds: end of file means that the program has ended, even by a signal. A
 * port is reserved by an abstract Unix socket named after it. One thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/temp.h"

/* Below the ports that the kernel gives to outgoing connections. */
#define PORT_FIRST 20000u
#define PORT_COUNT 12000u

static struct {
	char path[256];
	pid_t owner;
	pid_t cleaner;
	int guard;      /* the pipe's end whose closing removes the directory */
} dir;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list args;

	fputs("Bail out! ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf(": %s\n", strerror(errno));
	exit(1);
}

/* In the child: becomes the shell that removes the directory. */
static void run_cleaner(int fd)
{
	static const char script[] =
		"trap '' HUP INT TERM; read x; rm -rf -- \"$1\"";
	int null;

	setsid();
	if (dup2(fd, STDIN_FILENO) < 0)
		_exit(1);
	null = open("/dev/null", O_WRONLY);
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		_exit(1);
	if (null > STDERR_FILENO)
		close(null);
	execl("/bin/sh", "sh", "-c", script, "sh", dir.path, (char *)NULL);
	_exit(1);
}

/* At exit: lets the cleaner go and waits until it is done. */
static void remove_dir(void)
{
	pid_t rc;

	if (dir.owner != getpid())
		return;
	close(dir.guard);
	do
		rc = waitpid(dir.cleaner, NULL, 0);
	while (rc < 0 && errno == EINTR);
}

static void start_cleaner(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		die("pipe");
	fflush(NULL);
	dir.cleaner = fork();
	if (dir.cleaner < 0)
		die("fork");
	if (dir.cleaner == 0)
		run_cleaner(fds[0]);
	close(fds[0]);
	dir.guard = fds[1];
	dir.owner = getpid();
	atexit(remove_dir);
}

const char *dsc_temp_dir(void)
{
	const char *base = getenv("TMPDIR");
	char below[200];

	if (dir.path[0])
		return dir.path;
	if (!base || base[0] != '/' || strlen(base) >= sizeof(below))
		base = "/tmp";
	snprintf(below, sizeof(below), "%s", base);
	snprintf(dir.path, sizeof(dir.path), "%s/dsc-XXXXXX", below);
	if (!mkdtemp(dir.path))
		die("a directory in %s", below);
	start_cleaner();
	return dir.path;
}

char *dsc_temp_path(const char *fmt, ...)
{
	va_list args;
	char *name;
	char *path;
	int rc;

	va_start(args, fmt);
	rc = vasprintf(&name, fmt, args);
	va_end(args);
	if (rc < 0 || asprintf(&path, "%s/%s", dsc_temp_dir(), name) < 0)
		die("no memory");
	free(name);
	return path;
}

char *dsc_temp_subdir(const char *prefix)
{
	char *path = dsc_temp_path("%s-XXXXXX", prefix);

	if (!mkdtemp(path))
		die("%s", path);
	return path;
}

char *dsc_temp_write(const char *name, const char *text)
{
	char *path = dsc_temp_path("%s", name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t length = strlen(text);

	if (fd < 0 || write(fd, text, length) != (ssize_t)length)
		die("%s", path);
	close(fd);
	return path;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void dsc_temp_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Takes the name "port N" among test programs, until this one ends. */
static bool reserve(uint16_t port)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length;
	int n;

	if (fd < 0)
		die("socket");
	n = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1,
		     "discsi-test-port-%u", port);
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     (size_t)n);
	if (bind(fd, (struct sockaddr *)&addr, length) == 0)
		return true;    /* fd stays open: it is the reservation */
	close(fd);
	return false;
}

/* A family that this host does not have does not keep a port from being free. */
static bool can_bind(const struct sockaddr *addr, socklen_t length)
{
	int one = 1;
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool can;

	if (fd < 0)
		return errno == EAFNOSUPPORT;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	can = bind(fd, addr, length) == 0 || errno == EADDRNOTAVAIL;
	close(fd);
	return can;
}

static bool is_free(uint16_t port)
{
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};

	return can_bind((struct sockaddr *)&v4, sizeof(v4)) &&
	       can_bind((struct sockaddr *)&v6, sizeof(v6));
}

uint16_t dsc_free_port(void)
{
	static unsigned next;
	unsigned i;

	if (next == 0)
		next = (unsigned)getpid() * 7;
	for (i = 0; i < PORT_COUNT; i++) {
		uint16_t port = (uint16_t)(PORT_FIRST + next++ % PORT_COUNT);

		if (reserve(port) && is_free(port))
			return port;
	}
	errno = EADDRINUSE;
	die("no free port");
}

/* A socket bound to a free port of 127.0.0.1. */
static uint16_t bind_port(int *fd)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(dsc_free_port()),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1;

	/* As is_free() has tried it: connections of before may linger there. */
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 ||
	    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(*fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("a port");
	return ntohs(addr.sin_port);
}

uint16_t dsc_dead_port(int *fd)
{
	return bind_port(fd);
}

uint16_t dsc_silent_port(int *fd)
{
	uint16_t port = bind_port(fd);

	if (listen(*fd, 16) < 0)
		die("a port");
	return port;
}
