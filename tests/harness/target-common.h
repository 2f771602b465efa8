/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/target-common.h: what starting tgtd and starting istgt have in
 * common: backing files, and waiting for a port to answer. Main thread.
 */
#ifndef DSC_HARNESS_TARGET_COMMON_H
#define DSC_HARNESS_TARGET_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/process.h"

#define DSC_TARGET_START_MS 20000

/* Makes a sparse file, or checks that the one there has that size. */
int dsc_target_make_file(const char *path, uint64_t bytes);

/* Is there IPv6 on the loopback? */
bool dsc_target_has_ipv6(void);

/*
 * Waits until the process takes connections on 127.0.0.1:port. -1 when it
 * ends before that or the time is up.
 */
int dsc_target_wait_port(struct dsc_process *process, uint16_t port);

#endif /* DSC_HARNESS_TARGET_COMMON_H */
