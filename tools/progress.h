/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * progress.h: one line on stderr that says how far a copy is, how fast it
 * goes, and how long it will take. Main thread.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool is_on;
	const char *label;      /* "Copying" */
	uint64_t total;
	uint64_t done;
	uint64_t start_ns;
	uint64_t shown_ns;      /* when the line was last printed */
	uint64_t shown_done;
	double rate;            /* bytes a second, smoothed; 0: not known */
};

void progress_begin(struct progress *progress, bool is_on, const char *label,
		    uint64_t total, uint64_t now_ns);

/* Prints the line if the last one is old enough. */
void progress_show(struct progress *progress, uint64_t now_ns);

/* Takes the line away. */
void progress_end(struct progress *progress);

/*
 * Pure: the line for this state in width columns, without control characters:
 * "Copying  42% [=====>      ] 4.2 GiB of 10 GiB  112 MiB/s  0:53 left".
 * The bar is left out where there is no room for it.
 */
void progress_line(const struct progress *progress, size_t width, char *text,
		   size_t room);

/* Pure: takes a new measurement into the rate. */
void progress_measure(struct progress *progress, uint64_t now_ns);

#endif /* TOOLS_PROGRESS_H */
