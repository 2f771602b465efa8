/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-run.h: copies, or compares, two endpoints with many requests under way.
 * The context of the endpoints must be threaded; these calls are the main
 * thread's and wait. SIGINT, SIGTERM and SIGHUP end them with ECANCELED, once
 * what is under way has come to its end.
 */
#ifndef TOOLS_COPY_RUN_H
#define TOOLS_COPY_RUN_H

#include <stdint.h>

#include "copy-endpoint.h"

struct copy_result {
	uint64_t written;  /* bytes of data that were written */
	uint64_t zeroed;   /* bytes that are zero, and were not written */
};

/*
 * Copies source to destination and flushes it. is_shown: with progress.
 * A failure is kept as failure() has it.
 */
int copy_run(struct endpoint *source, struct endpoint *destination,
	     bool is_shown, struct copy_result *result);

/* Reads both sides; EIO names the first offset at which they differ. */
int copy_verify(struct endpoint *source, struct endpoint *destination,
		bool is_shown);

#endif /* TOOLS_COPY_RUN_H */
