/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * aside.h: a call that may hang in the kernel and cannot be ended from outside,
 * such as opening or reading a block device, made by a thread of its own, so
 * that whoever waits for it can go. What it works on belongs to both, and the
 * last one frees it. Any thread.
 */
#ifndef DSC_BASE_ASIDE_H
#define DSC_BASE_ASIDE_H

#include <stdatomic.h>
#include <stdint.h>

/* The beginning of a struct on the heap that has what run() works on. */
struct dsc_aside {
	void (*run)(struct dsc_aside *aside);   /* on the thread */
	void (*free)(struct dsc_aside *aside);  /* on either: the whole struct */
	atomic_uint refs;
	int done_fd;
};

/*
 * Starts the thread, and waits until run() has returned, until the time is
 * deadline_ns (0: never), or until cancel_fd (-1: none) is readable.
 *
 * Returns 0 when what run() has left may be read, until dsc_aside_put();
 * otherwise -ETIMEDOUT, -ECANCELED or another errno, without a last error, and
 * nothing of it may be touched. aside: put by the caller in any case.
 */
int dsc_aside_call(struct dsc_aside *aside, uint64_t deadline_ns,
		   int cancel_fd);

/* Sets up what dsc_aside_call() and dsc_aside_put() need. */
void dsc_aside_init(struct dsc_aside *aside,
		    void (*run)(struct dsc_aside *aside),
		    void (*free)(struct dsc_aside *aside));

void dsc_aside_put(struct dsc_aside *aside);

#endif /* DSC_BASE_ASIDE_H */
