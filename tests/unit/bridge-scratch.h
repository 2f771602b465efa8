/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge-scratch.h: a directory of its own for a test of the bridge client,
 * used as the state registry (DISCSI_RUN_DIR), and files in it. One per
 * process; the paths returned are valid until the next call.
 */
#ifndef DSC_TESTS_BRIDGE_SCRATCH_H
#define DSC_TESTS_BRIDGE_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes the directory and sets DISCSI_RUN_DIR. 0, or -1 with a word why. */
int scratch_setup(void);

/* Removes it with all that is in it. */
void scratch_teardown(void);

const char *scratch_dir(void);

/* The path of a file in the directory. */
const char *scratch_path(const char *name);

/* Writes a file, and makes it executable if mode says so. */
void scratch_write(const char *name, const char *text, mode_t mode);

/* Reads a file: allocated, "" if it is not there. */
char *scratch_read(const char *name);

bool scratch_exists(const char *name);

/* Removes everything in the directory. */
void scratch_clear(void);

/* Writes <id>.json of a bridge without a device; socket "" is none. */
void scratch_state(const char *id, const char *socket, pid_t pid);

/* Opens <id>.lock and takes the lock. Returns the descriptor. */
int scratch_lock(const char *id);

#endif /* DSC_TESTS_BRIDGE_SCRATCH_H */
