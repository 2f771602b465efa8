/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.c: one line to stderr or syslog. The two settings are written while the
 * process has one thread; any thread reads them.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

#include "base/clock.h"

#include "log.h"

#define LINE_MAX_BYTES 1024

#define LIMIT_LINES 20
#define LIMIT_PERIOD_NS (60 * DSC_NS_PER_S)

static enum discsi_log_level log_level = DISCSI_LOG_WARNING;
static const char *syslog_id;  /* NULL: stderr */

static const int priorities[] = {
	[DISCSI_LOG_ERROR] = LOG_ERR,
	[DISCSI_LOG_WARNING] = LOG_WARNING,
	[DISCSI_LOG_INFO] = LOG_INFO,
	[DISCSI_LOG_DEBUG] = LOG_DEBUG,
};

void nbd_log_set_level(enum discsi_log_level level)
{
	log_level = level;
}

enum discsi_log_level nbd_log_level(void)
{
	return log_level;
}

void nbd_log_to_syslog(const char *id)
{
	openlog("discsi-nbd", LOG_PID, LOG_DAEMON);
	syslog_id = id;
}

static void put_line(enum discsi_log_level level, const char *component,
		     const char *message)
{
	const char *colon = component[0] != '\0' ? ": " : "";

	if (syslog_id != NULL)
		syslog(priorities[level], "%s: %s%s%s", syslog_id, component,
		       colon, message);
	else
		fprintf(stderr, "discsi-nbd: %s%s%s\n", component, colon,
			message);
}

void nbd_log(enum discsi_log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	if (level > log_level)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	put_line(level, "", line);
}

void nbd_log_library(void *arg, enum discsi_log_level level,
		     const char *component, const char *message)
{
	(void)arg;
	put_line(level, component, message);
}

bool nbd_log_may(struct nbd_log_limit *limit, const char **rest)
{
	uint64_t now_ns = dsc_clock_now_ns();

	if (now_ns - limit->period_ns > LIMIT_PERIOD_NS) {
		limit->period_ns = now_ns;
		limit->count = 0;
	}
	if (limit->count >= LIMIT_LINES)
		return false;
	limit->count++;
	*rest = limit->count == LIMIT_LINES ?
		" (further ones within a minute are not logged)" : "";
	return true;
}
