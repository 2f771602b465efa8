/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench.h: what the benchmarks share: measuring what a piece of work costs,
 * other people's programs, and the target. Main thread.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_IQN "iqn.2026-11.io.discsi:sim"

/* What one measurement has found. */
struct result {
	double per_second;   /* I/Os */
	double cpu_us;       /* of the process, per I/O */
	double calls;        /* system calls per I/O; < 0: cannot be counted */
};

struct row {
	const char *name;
	struct result (*run)(const struct row *row);
	struct result (*peer)(const struct row *row);
	uint32_t bytes;
	unsigned depth;
	unsigned sessions;
	bool is_write;
	bool is_sequential;
};

extern char bench_portal[64];
extern unsigned bench_seconds;

/* meter.c: time, processor time and system calls of this process */

struct meter {
	uint64_t began_ns;
	uint64_t cpu_ns;
	int calls_fd;
};

void meter_begin(struct meter *meter);
struct result meter_end(struct meter *meter, uint64_t ios);
/* A counter of the system calls of pid from its exec on, 0: of this process;
 * -1 where the kernel does not let us. */
int meter_open_calls(int pid);
/* -1 for one that could not be opened; closes it. */
double meter_read_calls(int fd);

/* peer.c: libiscsi's iscsi-perf, qemu-img bench, and bare sockets */

struct result run_iscsi_perf(const struct row *row);
struct result run_qemu_img(const struct row *row);
/* row->depth connections to a process that answers each 48 bytes with 48 and
 * row->bytes more, by epoll, recv and send and nothing else. */
struct result run_bare_sockets(const struct row *row);

/* Starts the target, for as long as the descriptor is open; sets bench_portal. */
int start_target(const char *program);

#endif /* TESTS_BENCH_H */
