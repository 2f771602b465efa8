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

/*
 * argv: argv[0] is looked up in PATH if it has no slash.
 * input: given to the program, followed by end of file; borrowed.
 * result: filled on success, to be given to dsc_spawn_result_free().
 *
 * Returns 0 when the program has come to its end, whatever it says; a negative
 * errno without a last error when it cannot be started, and -ETIMEDOUT when it
 * was ended because timeout_ms had passed.
 */
int dsc_spawn(const char *const argv[], const char *input, size_t input_length,
	      uint64_t timeout_ms, struct dsc_spawn_result *result);

/*
 * The same, given up with -ECANCELED when cancel_fd (-1: none) is readable. Who
 * gives up also waits, 5 s at most, for what the program has left behind to
 * close its output: discsi-nbd --fork ends when nobody waits for it.
 */
int dsc_spawn_within(const char *const argv[], const char *input,
		     size_t input_length, uint64_t timeout_ms, int cancel_fd,
		     struct dsc_spawn_result *result);

/* The path or name of discsi-nbd: DISCSI_NBD, where it was installed, PATH. */
const char *dsc_bridge_program(void);

/* Frees what result holds; an all-zero one is fine. */
void dsc_spawn_result_free(struct dsc_spawn_result *result);

#endif /* DSC_BRIDGE_SPAWN_H */
