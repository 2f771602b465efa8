/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/process.h: other programs: run to their end with their output
 * collected, or kept in the background. None outlives the test program: those
 * that are left are killed at its end, by the kernel if it crashes. Test's
 * thread.
 */
#ifndef DSC_HARNESS_PROCESS_H
#define DSC_HARNESS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The path of a program: of the build if name has a '/' in it ("tools/discsi"
 * is looked for in DSC_BUILDDIR), else from PATH and the sbin directories.
 * NULL if there is none. The caller frees it with free().
 */
char *dsc_find_program(const char *name);

/* Whether dsc_find_program() finds it. */
bool dsc_has_program(const char *name);

/*
 * Of several programs the first one that is missing, NULL if all are there:
 * the reason of a dsc_test_skip(). names ends with NULL.
 */
const char *dsc_missing_program(const char *const names[]);

/* ------------------------------------------------------- run to the end */

struct dsc_run_options {
	const char *input;        /* for stdin; NULL is an empty one */
	size_t input_length;
	const char *const *env;   /* "NAME=value", added; ends with NULL */
	unsigned timeout_ms;      /* 0 is 30 s */
};

struct dsc_run_result {
	int status;        /* exit status; 128 + number of a signal; -1: it was
			      not started, or was killed after timeout_ms */
	bool is_timeout;
	char *out;         /* what it printed, ended by a NUL */
	size_t out_length;
	char *err;
	size_t err_length;
};

/*
 * Runs argv (ended by NULL; argv[0] as for dsc_find_program()) and waits for
 * it. options may be NULL. Returns result->status. The result is freed with
 * dsc_run_free(), also after a failure.
 */
int dsc_run_with(struct dsc_run_result *result,
		 const struct dsc_run_options *options,
		 const char *const argv[]);

/* The same without options. */
int dsc_run(struct dsc_run_result *result, const char *const argv[]);

void dsc_run_free(struct dsc_run_result *result);

/* Prints what a program was told and what it did as diagnostics. */
void dsc_run_note(const struct dsc_run_result *result,
		  const char *const argv[]);

/*
 * Runs argv, whose output only matters if it fails: it is then printed as
 * diagnostics. Returns 0, or -1 for any other exit status than 0.
 */
int dsc_run_quiet(const char *const argv[]);

/* ------------------------------------------------------ in the background */

struct dsc_process;

/*
 * Starts argv in a session of its own, its output going to a file. env as in
 * dsc_run_options. NULL, with a diagnostic, if that fails.
 */
struct dsc_process *dsc_process_start(const char *const argv[],
				      const char *const *env);

pid_t dsc_process_pid(const struct dsc_process *process);

bool dsc_process_is_alive(struct dsc_process *process);

/* What it has printed so far. The caller frees it with free(). */
char *dsc_process_output(const struct dsc_process *process);

/*
 * Waits until it has printed some words. False, with its output as diagnostics,
 * if it has not after timeout_ms.
 */
bool dsc_process_wait_words(struct dsc_process *process, const char *words,
			    unsigned timeout_ms);

/* Prints that as diagnostics. */
void dsc_process_note_output(const struct dsc_process *process);

/*
 * Waits until it has ended. Returns its status as in dsc_run_result, -1 if it
 * still runs after timeout_ms.
 */
int dsc_process_wait(struct dsc_process *process, unsigned timeout_ms);

/* Sends a signal. */
void dsc_process_signal(struct dsc_process *process, int signum);

/*
 * Ends it with SIGTERM, and with SIGKILL after 5 s, and frees it. Returns its
 * status. process: taken, NULL is fine.
 */
int dsc_process_stop(struct dsc_process *process);

/* The same with SIGKILL at once, for it and all of its session. */
int dsc_process_kill(struct dsc_process *process);

/* ---------------------------------------------------------------- waiting */

/*
 * Asks again and again until is_done(arg) says yes. False if it has not after
 * timeout_ms.
 */
bool dsc_wait_for(bool (*is_done)(void *arg), void *arg, unsigned timeout_ms);

/* Waits until a file (a socket, a directory) is there. */
bool dsc_wait_for_file(const char *path, unsigned timeout_ms);

/* Milliseconds of the monotonic clock. */
unsigned long long dsc_now_ms(void);

/*
 * A whole file, ended by a NUL that length (may be NULL) does not count. The
 * caller frees it with free(). NULL if it cannot be read.
 */
char *dsc_read_file(const char *path, size_t *length);

#endif /* DSC_HARNESS_PROCESS_H */
