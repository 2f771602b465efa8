/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * meter.c: what a piece of work costs. System calls are counted by the kernel's
 * tracepoint, which takes root and a mounted tracefs. Main thread.
 */
#include "bench.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

char bench_portal[64];
unsigned bench_seconds = 2;

static uint64_t cpu_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
	       DSC_NS_PER_S +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) *
	       1000;
}

static long tracepoint(void)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
		"/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
	};
	long id = -1;
	size_t i;

	for (i = 0; i < 2 && id < 0; i++) {
		FILE *file = fopen(paths[i], "r");

		if (file == NULL)
			continue;
		if (fscanf(file, "%ld", &id) != 1)
			id = -1;
		fclose(file);
	}
	return id;
}

int meter_open_calls(int pid)
{
	struct perf_event_attr attr;
	long id = tracepoint();

	if (id < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_TRACEPOINT;
	attr.config = (uint64_t)id;
	attr.inherit = 1;
	attr.disabled = pid != 0;
	attr.enable_on_exec = pid != 0;
	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0);
}

double meter_read_calls(int fd)
{
	uint64_t count = 0;
	bool is_read;

	if (fd < 0)
		return -1;
	is_read = read(fd, &count, sizeof(count)) == sizeof(count);
	close(fd);
	return is_read ? (double)count : -1;
}

void meter_begin(struct meter *meter)
{
	meter->calls_fd = meter_open_calls(0);
	meter->cpu_ns = cpu_ns();
	meter->began_ns = dsc_clock_now_ns();
}

struct result meter_end(struct meter *meter, uint64_t ios)
{
	uint64_t took = dsc_clock_now_ns() - meter->began_ns;
	struct result result = {
		.per_second = (double)ios * 1e9 / (double)took,
		.cpu_us = (double)(cpu_ns() - meter->cpu_ns) / 1000 /
			  (double)ios,
		.calls = meter_read_calls(meter->calls_fd),
	};

	if (result.calls >= 0)
		result.calls /= (double)ios;
	return result;
}
