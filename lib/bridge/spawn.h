/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge/spawn.h: run a program to its end, with text for its standard input
 * and what it prints kept, within a deadline.
 *
 * The agent's own process is left as it was: no handler, no signal raised in
 * it, no descriptor passed on but the three. Any thread; the call waits.
 */
#ifndef DSC_BRIDGE_SPAWN_H
#define DSC_BRIDGE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is kept of one stream; what follows is read and dropped. */
#define DSC_SPAWN_OUTPUT_MAX 65536

struct dsc_spawn_output {
	char *text;     /* NUL-terminated */
	size_t length;
};

struct dsc_spawn_result {
	struct dsc_spawn_output out;
	struct dsc_spawn_output err;
	bool has_status;  /* false: somebody else has reaped the process */
	int code;         /* exit status, or 128 + signal */
	int signal;       /* that ended it, 0 for none */
};

/* What a program is given, and how long it may take. */
struct dsc_spawn_terms {
	const char *input;     /* for its standard input, then end of file */
	size_t length;
	uint64_t timeout_ms;
	int cancel_fd;         /* readable: give up; -1: none */
	/* When it has printed more: all of that so far, without a NUL. Or NULL. */
	void (*on_output)(void *arg, const char *text, size_t length);
	void *arg;
};

/*
 * argv: argv[0] is looked up in PATH if it has no slash.
 * result: filled on success, to be given to dsc_spawn_result_free().
 *
 * Returns 0 when the program has come to its end, whatever it says; a negative
 * errno without a last error when it cannot be started; -ETIMEDOUT or -ECANCELED
 * when it was ended as the terms say, unless it has succeeded all the same. Who
 * gives up also waits, 5 s at most, for what the program has left behind to close
 * its output: discsi-nbd --fork ends when nobody waits for it.
 */
int dsc_spawn(const char *const argv[], const struct dsc_spawn_terms *terms,
	      struct dsc_spawn_result *result);

/*
 * The same in two steps, for a program that takes a while to come to where it
 * reads its input. What was begun is ended, or abandoned: the program has read
 * no input then, sees the end of it, and is told to end.
 */
struct dsc_child;
int dsc_spawn_begin(const char *const argv[], struct dsc_child **child);
int dsc_spawn_end(struct dsc_child *child, const struct dsc_spawn_terms *terms,
		  struct dsc_spawn_result *result);
void dsc_spawn_abandon(struct dsc_child *child);

/* The path or name of discsi-nbd: DISCSI_NBD, where it was installed, PATH. */
const char *dsc_bridge_program(void);

/* Frees what result holds; an all-zero one is fine. */
void dsc_spawn_result_free(struct dsc_spawn_result *result);

#endif /* DSC_BRIDGE_SPAWN_H */
