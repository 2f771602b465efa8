/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/temp.h: a directory of the test program's own, and loopback ports.
 * The directory is made at first use and removed when the program ends, also
 * when it crashes: a child, the keeper, waits for that. Test's thread, before
 * the program has made other threads.
 */
#ifndef DSC_HARNESS_TEMP_H
#define DSC_HARNESS_TEMP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The directory, for the user alone (0700). Valid until the program ends; a
 * program that cannot have one ends with "Bail out!".
 */
const char *dsc_temp_dir(void);

/* The path of a file in it. The caller frees it with free(). */
char *dsc_temp_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Makes a directory in it whose name begins so; freed as above. */
char *dsc_temp_subdir(const char *prefix);

/*
 * Writes a file of mode 0600 in the directory. Returns its path, which the
 * caller frees with free().
 */
char *dsc_temp_write(const char *name, const char *text);

/* Removes what is below path, and path itself. */
void dsc_temp_remove(const char *path);

/*
 * A TCP port that is free on 127.0.0.1 and on [::1], below those that the
 * kernel hands out to clients. It is reserved for this program among all that
 * call this function.
 */
uint16_t dsc_free_port(void);

/*
 * A TCP port of 127.0.0.1 that refuses connections for as long as *fd, which
 * the caller closes, is open.
 */
uint16_t dsc_dead_port(int *fd);

/* The same, but connections are made, and nothing ever comes over them. */
uint16_t dsc_silent_port(int *fd);

#endif /* DSC_HARNESS_TEMP_H */
