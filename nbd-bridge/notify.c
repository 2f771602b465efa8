/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify.c: see notify.h. A socket is opened for each message: it is sent
 * seldom, and a daemon closes what it has inherited. No message waits for a
 * manager that does not read, but the one that says that all is ready. Main
 * thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "log.h"
#include "notify.h"

#define MESSAGE_MAX 512
#define READY_TIMEOUT_S 5
#define PINGS_IN_TIME 2u   /* how often within the watchdog's time */
#define PING_MS_MIN 1u

/* -------------------------------------------------------------- environment */

static uint64_t environment_number(const char *name)
{
	const char *text = getenv(name);
	uint64_t number;
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? number : 0;
}

/* A path, or "@name" in the abstract namespace; 0 for anything else. */
static socklen_t read_address(const char *text, struct sockaddr_un *address)
{
	size_t length = text != NULL ? strlen(text) : 0;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (length < 2 || length >= sizeof(address->sun_path) ||
	    (text[0] != '/' && text[0] != '@'))
		return 0;
	memcpy(address->sun_path, text, length);
	if (text[0] == '@')
		address->sun_path[0] = '\0';
	else
		length++;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static uint32_t read_ping_ms(pid_t pid)
{
	uint64_t ms = environment_number("WATCHDOG_USEC") / 1000 /
		      PINGS_IN_TIME;

	if (getenv("WATCHDOG_PID") != NULL &&
	    environment_number("WATCHDOG_PID") != (uint64_t)pid)
		return 0;
	if (environment_number("WATCHDOG_USEC") == 0)
		return 0;
	if (ms < PING_MS_MIN)
		ms = PING_MS_MIN;
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

void nbd_notify_take(struct nbd_notify *notify)
{
	*notify = (struct nbd_notify){ .pid = getpid() };
	notify->length = read_address(getenv("NOTIFY_SOCKET"),
				      &notify->address);
	if (notify->length > 0)
		notify->ping_ms = read_ping_ms(notify->pid);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* ----------------------------------------------------------------- messages */

static void send_message(const struct nbd_notify *notify, const char *text,
			 int flags)
{
	const struct timeval patience = { .tv_sec = READY_TIMEOUT_S };
	ssize_t n = -1;
	int fd;

	if (notify->length == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
				  sizeof(patience)) == 0)
		n = sendto(fd, text, strlen(text), MSG_NOSIGNAL | flags,
			   (const struct sockaddr *)&notify->address,
			   notify->length);
	if (n < 0 && (flags & MSG_DONTWAIT) == 0)
		nbd_log(DISCSI_LOG_WARNING, "the service manager cannot be told "
			"that all is ready (%s)", discsi_errno_name(errno));
	if (fd >= 0)
		close(fd);
}

void nbd_notify_ready(const struct nbd_notify *notify, pid_t main_pid)
{
	char text[64] = "READY=1";

	if (main_pid != notify->pid)
		snprintf(text, sizeof(text), "READY=1\nMAINPID=%ld",
			 (long)main_pid);
	send_message(notify, text, 0);
}

void nbd_notify_status(const struct nbd_notify *notify, const char *format, ...)
{
	static const char head[] = "STATUS=";
	char text[MESSAGE_MAX];
	va_list args;
	char *c;

	memcpy(text, head, sizeof(head));
	va_start(args, format);
	vsnprintf(text + sizeof(head) - 1, sizeof(text) - sizeof(head) + 1,
		  format, args);
	va_end(args);
	for (c = text; *c != '\0'; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	send_message(notify, text, MSG_DONTWAIT);
}

void nbd_notify_stopping(const struct nbd_notify *notify)
{
	send_message(notify, "STOPPING=1\nSTATUS=ending", MSG_DONTWAIT);
}

/* ----------------------------------------------------------------- watchdog */

static void on_timer(void *arg)
{
	struct nbd_notify *notify = arg;

	send_message(notify, "WATCHDOG=1", MSG_DONTWAIT);
	discsi_timer_set(notify->timer, notify->ping_ms);
}

int nbd_notify_watch(struct nbd_notify *notify, struct discsi_context *ctx)
{
	int rc;

	if (notify->ping_ms == 0)
		return 0;
	rc = discsi_timer_new(ctx, on_timer, notify, &notify->timer);
	if (rc == 0)
		discsi_timer_set(notify->timer, 0);
	return rc;
}

void nbd_notify_end(struct nbd_notify *notify)
{
	discsi_timer_free(notify->timer);
	notify->timer = NULL;
}
