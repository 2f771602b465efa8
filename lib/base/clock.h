/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.h: monotonic time. All of the library's durations and deadlines are
 * on this clock. Any thread.
 */
#ifndef DSC_BASE_CLOCK_H
#define DSC_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define DSC_NS_PER_MS UINT64_C(1000000)
#define DSC_NS_PER_S UINT64_C(1000000000)

static inline uint64_t dsc_clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * DSC_NS_PER_S + (uint64_t)ts.tv_nsec;
}

#endif /* DSC_BASE_CLOCK_H */
