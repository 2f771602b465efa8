/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * failure.c: see failure.h. A message that does not fit is cut at its end.
 * Main thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "failure.h"

static struct discsi_error kept;

int fail(int errnum, const char *format, ...)
{
	va_list args;

	memset(&kept, 0xff, sizeof(kept));
	kept.size = sizeof(kept);
	kept.errnum = errnum;
	va_start(args, format);
	vsnprintf(kept.message, sizeof(kept.message), format, args);
	va_end(args);
	return -errnum;
}

int fail_library(const struct discsi_error *error, const char *format, ...)
{
	char prefix[DISCSI_ERROR_MESSAGE_MAX] = "";
	va_list args;
	size_t length;

	kept = error != NULL ? *error : *discsi_last_error();
	if (format == NULL)
		return -kept.errnum;
	va_start(args, format);
	vsnprintf(prefix, sizeof(prefix), format, args);
	va_end(args);
	length = strlen(prefix);
	if (length + 2 < sizeof(prefix)) {
		memcpy(prefix + length, ": ", 3);
		length += 2;
	}
	snprintf(prefix + length, sizeof(prefix) - length, "%.*s",
		 (int)(sizeof(prefix) - length - 1), kept.message);
	memcpy(kept.message, prefix, sizeof(prefix));
	return -kept.errnum;
}

void fail_append(const char *format, ...)
{
	size_t length = strlen(kept.message);
	va_list args;

	va_start(args, format);
	vsnprintf(kept.message + length, sizeof(kept.message) - length, format,
		  args);
	va_end(args);
}

const struct discsi_error *failure(void)
{
	return &kept;
}

const char *errno_text(int errnum)
{
	const char *text = strerrordesc_np(errnum);

	return text != NULL ? text : "unknown error";
}
