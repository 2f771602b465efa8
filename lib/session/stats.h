/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stats.h: the counters of a session. The loop's thread alone writes them; any
 * thread reads them, without a lock: each is right by itself.
 */
#ifndef DSC_SESSION_STATS_H
#define DSC_SESSION_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include <discsi/session.h>

typedef _Atomic uint64_t dsc_counter;

struct dsc_stats_kind {
	dsc_counter commands;
	dsc_counter bytes;
	dsc_counter errors;
	dsc_counter latency[DISCSI_LATENCY_BUCKETS];
};

struct dsc_stats {
	struct dsc_stats_kind kind[DISCSI_STATS_KINDS];
	dsc_counter outstanding;
	dsc_counter retries;
	dsc_counter timeouts;
	dsc_counter aborts;
	dsc_counter resets;
	dsc_counter pings;
	dsc_counter losses;
	dsc_counter recoveries;
	dsc_counter replays;
	dsc_counter outage_ns;
	/* for discsi_session_info.may_write_late: */
	dsc_counter changes;   /* outstanding commands that must not be repeated
				* at will */
	dsc_counter ghosts;    /* barrier.c */
};

/* One writer: no read-modify-write is needed. Who reads two of them does so in
 * the order opposite to that in which they are written. */
static inline void dsc_stats_add(dsc_counter *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(
		counter, memory_order_relaxed) + n, memory_order_release);
}

/* Any thread. */
static inline uint64_t dsc_stats_get(const dsc_counter *counter)
{
	return atomic_load_explicit(counter, memory_order_acquire);
}

/* Counts a request that has completed, with errno result, after ns. */
void dsc_stats_request(struct dsc_stats *stats, uint8_t opcode, uint32_t bytes,
		       int result, uint64_t ns);

#endif /* DSC_SESSION_STATS_H */
