/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stats.c: counting requests, and reading the counters. See stats.h for
 * threads.
 */
#include "session/nexus.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

static enum discsi_stats_kind kind_of(uint8_t opcode)
{
	switch (opcode) {
	case 0x08:  /* READ(6), (10), (12), (16) */
	case 0x28:
	case 0xa8:
	case 0x88:
		return DISCSI_STATS_READ;
	case 0x0a:  /* WRITE(6), (10), (12), (16) */
	case 0x2a:
	case 0xaa:
	case 0x8a:
		return DISCSI_STATS_WRITE;
	default:
		return DISCSI_STATS_OTHER;
	}
}

/* Bucket i counts what took less than 2^i microseconds, and not less than half. */
static unsigned bucket_of(uint64_t ns)
{
	uint64_t us = ns / 1000;
	unsigned bucket = 0;

	if (us != 0)
		bucket = 64 - (unsigned)__builtin_clzll(us);
	return bucket < DISCSI_LATENCY_BUCKETS ? bucket :
						 DISCSI_LATENCY_BUCKETS - 1;
}

void dsc_stats_request(struct dsc_stats *stats, uint8_t opcode, uint32_t bytes,
		       int result, uint64_t ns)
{
	struct dsc_stats_kind *kind = &stats->kind[kind_of(opcode)];

	dsc_stats_add(&kind->commands, 1);
	if (result == 0)
		dsc_stats_add(&kind->bytes, bytes);
	else
		dsc_stats_add(&kind->errors, 1);
	dsc_stats_add(&kind->latency[bucket_of(ns)], 1);
}

static void get_kind(const struct dsc_stats_kind *from,
		     struct discsi_stats_of *to)
{
	unsigned i;

	to->commands = dsc_stats_get(&from->commands);
	to->bytes = dsc_stats_get(&from->bytes);
	to->errors = dsc_stats_get(&from->errors);
	for (i = 0; i < DISCSI_LATENCY_BUCKETS; i++)
		to->latency[i] = dsc_stats_get(&from->latency[i]);
}

int discsi_session_get_stats(struct discsi_session *session,
			     struct discsi_session_stats *stats)
{
	struct discsi_session_stats now;
	const struct dsc_stats *from;
	size_t size;
	unsigned i;

	if (session == NULL || stats == NULL ||
	    stats->size < offsetof(struct discsi_session_stats, kind))
		return dsc_fail(EINVAL, "discsi_session_get_stats: size is not "
					"set to the size of the struct");
	memset(&now, 0, sizeof(now));
	from = &session->stats;
	for (i = 0; i < DISCSI_STATS_KINDS; i++)
		get_kind(&from->kind[i], &now.kind[i]);
	now.outstanding = dsc_stats_get(&from->outstanding);
	now.retries = dsc_stats_get(&from->retries);
	now.timeouts = dsc_stats_get(&from->timeouts);
	now.aborts = dsc_stats_get(&from->aborts);
	now.resets = dsc_stats_get(&from->resets);
	now.pings = dsc_stats_get(&from->pings);
	now.losses = dsc_stats_get(&from->losses);
	now.recoveries = dsc_stats_get(&from->recoveries);
	now.replays = dsc_stats_get(&from->replays);
	now.outage_ms = dsc_stats_get(&from->outage_ns) / DSC_NS_PER_MS;
	size = stats->size < sizeof(now) ? stats->size : sizeof(now);
	now.size = stats->size;
	memcpy(stats, &now, size);
	return 0;
}
