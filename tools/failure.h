/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * failure.h: why the command fails. One failure per run of the program, kept
 * here until main() prints it; the library's own failures are taken over with
 * what they know and a prefix that says what was being done. Main thread.
 */
#ifndef TOOLS_FAILURE_H
#define TOOLS_FAILURE_H

#include <discsi/error.h>

/* Keeps a failure of the command's own. Returns -errnum. */
int fail(int errnum, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Keeps the library's last error, or *error if it is not NULL, with "prefix: "
 * in front unless format is NULL. Returns the negative errno.
 */
int fail_library(const struct discsi_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts words after the message that is kept. */
void fail_append(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* What is kept; errnum is 0 when nothing has failed. */
const struct discsi_error *failure(void);

/* The system's words for an errno: "No such file or directory". */
const char *errno_text(int errnum);

#endif /* TOOLS_FAILURE_H */
