/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/harden.h: what keeps a process that a block device depends on from
 * waiting for that very device. Dirty pages wait for this process; were it to
 * wait for memory, that could only be had by writing dirty pages.
 */
#ifndef NBD_HARDEN_H
#define NBD_HARDEN_H

#include <discsi/context.h>

/*
 * Asks that allocations of this process start no I/O (PR_SET_IO_FLUSHER), keeps
 * it from the OOM killer, and has freed memory kept. What the kernel refuses is
 * done without. Before there are threads, which inherit it.
 */
void nbd_harden(void);

/*
 * Locks memory, present and future; it takes as long as it takes to bring all of
 * it in. Any thread; once, before there is the device.
 */
void nbd_harden_memory(void);

/* Logs what was refused, a line each: once there is a device that minds. */
void nbd_harden_report(enum discsi_log_level level);

#endif /* NBD_HARDEN_H */
