/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-recovery.c: how long the I/O that is under way when a connection breaks
 * takes to complete: 32 reads and writes of 4 KiB, the connection cut, many
 * times over. Prints the median and the longest.
 *
 * usage: bench-recovery [--rounds N] SIMTARGET
 */
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <discsi/discsi.h>
#include "base/clock.h"
#include "bench.h"

#define DEPTH 32
#define ROUNDS_MAX 1000

static unsigned done;

static void fail(const char *what)
{
	fprintf(stderr, "bench-recovery: %s: %s\n", what,
		discsi_last_error()->message);
	exit(1);
}

static void on_done(void *arg, int result, const struct discsi_error *error)
{
	(void)arg;
	if (result != 0) {
		fprintf(stderr, "bench-recovery: %s\n", error->message);
		exit(1);
	}
	done++;
}

/* The connection to the target, from below. */
static void cut(void)
{
	unsigned port = (unsigned)strtoul(strchr(bench_portal, ':') + 1, NULL,
					  10);
	struct sockaddr_in peer;
	int fd;

	for (fd = 3; fd < 256; fd++) {
		socklen_t length = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
		    peer.sin_family == AF_INET && ntohs(peer.sin_port) == port)
			shutdown(fd, SHUT_RDWR);
	}
}

static double one_round(struct discsi_context *ctx, struct discsi_lun *lun)
{
	static uint8_t data[DEPTH][4096];
	uint64_t began;
	unsigned i;

	done = 0;
	for (i = 0; i < DEPTH; i++) {
		int rc = i % 2 == 0 ?
			discsi_lun_read_async(lun, data[i], 4096, i * 4096u, 0,
					      on_done, NULL) :
			discsi_lun_write_async(lun, data[i], 4096, i * 4096u, 0,
					       on_done, NULL);

		if (rc != 0)
			fail("submit");
	}
	/* They are submitted, and not sent before the loop turns. */
	cut();
	began = dsc_clock_now_ns();
	while (done < DEPTH)
		discsi_context_dispatch(ctx, 1000);
	return (double)(dsc_clock_now_ns() - began) / 1e6;
}

static int compare(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void measure(unsigned rounds)
{
	static double ms[ROUNDS_MAX];
	struct discsi_context *ctx;
	struct discsi_session *session;
	struct discsi_conf *conf;
	struct discsi_lun *lun;
	unsigned i;

	if (discsi_context_new(&ctx) != 0 || discsi_conf_new(&conf) != 0 ||
	    discsi_conf_set(conf, "portal", bench_portal) != 0 ||
	    discsi_conf_set(conf, "iqn", BENCH_IQN) != 0 ||
	    discsi_session_open(ctx, conf, &session) != 0 ||
	    discsi_lun_open(session, 0, &lun) != 0)
		fail("open");
	for (i = 0; i < rounds; i++)
		ms[i] = one_round(ctx, lun);
	qsort(ms, rounds, sizeof(ms[0]), compare);
	printf("%u losses with %d commands under way: all complete after %.0f "
	       "ms (median), %.0f ms (longest)\n", rounds, DEPTH,
	       ms[rounds / 2], ms[rounds - 1]);
	discsi_conf_free(conf);
	discsi_context_destroy(ctx);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 }
	};
	unsigned rounds = 100;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'r')
			return 2;
		rounds = (unsigned)strtoul(optarg, NULL, 10);
	}
	if (optind + 1 != argc || rounds == 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench-recovery [--rounds N] "
			"SIMTARGET\n");
		return 2;
	}
	if (start_target(argv[optind]) < 0)
		return 1;
	measure(rounds);
	return 0;
}
