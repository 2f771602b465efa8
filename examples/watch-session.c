/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch-session.c: opens a session and prints its events, and once a second
 * what it has counted, until ^C. It teaches events, statistics, and a loop of
 * the caller's own: a driven context is polled together with a descriptor of
 * the program's. To see something, stop and start the target. One thread.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <discsi/discsi.h>

#define PAUSE_MS 1000

struct watch {
	struct discsi_context *ctx;
	struct discsi_session *session;
	struct discsi_timer *timer;
	int signals;                     /* readable when it is to end */
};

/* On the loop, which is this thread inside discsi_context_dispatch(). */
static void on_event(void *arg, struct discsi_session *session,
		     const struct discsi_event *event)
{
	const char *why = event->error != NULL ? event->error->message : "";

	(void)arg;
	(void)session;
	printf("session %u: %s%s%s\n", event->index,
	       discsi_event_name(event->type), why[0] != '\0' ? ": " : "", why);
}

static void on_timer(void *arg)
{
	struct discsi_session_stats stats = { .size = sizeof(stats) };
	struct watch *watch = arg;

	if (discsi_session_get_stats(watch->session, &stats) == 0)
		printf("pings: %" PRIu64 ", losses: %" PRIu64
		       ", recoveries: %" PRIu64 ", outage: %" PRIu64 " ms\n",
		       stats.pings, stats.losses, stats.recoveries,
		       stats.outage_ms);
	discsi_timer_set(watch->timer, PAUSE_MS);
}

/* ^C and SIGTERM become something to poll. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void run(struct watch *watch)
{
	struct pollfd fds[] = {
		{ .fd = discsi_context_fd(watch->ctx), .events = POLLIN },
		{ .fd = watch->signals, .events = POLLIN },
	};

	do
		discsi_context_dispatch(watch->ctx, 0);
	while (poll(fds, 2, -1) >= 0 && fds[1].revents == 0);
}

int main(int argc, char **argv)
{
	struct watch watch = { .signals = open_signals() };
	struct discsi_conf *conf = NULL;
	int status = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (discsi_context_new(&watch.ctx) < 0 || discsi_conf_new(&conf) < 0 ||
	    discsi_conf_set_url(conf, argc == 2 ? argv[1] : "") < 0 ||
	    discsi_session_open(watch.ctx, conf, &watch.session) < 0 ||
	    discsi_timer_new(watch.ctx, on_timer, &watch, &watch.timer) < 0 ||
	    discsi_session_on_event(watch.session, on_event, NULL) < 0) {
		fprintf(stderr, "watch-session: %s\n",
			discsi_last_error()->message);
	} else {
		discsi_timer_set(watch.timer, PAUSE_MS);
		run(&watch);
		status = 0;
	}
	discsi_timer_free(watch.timer);
	discsi_session_close(watch.session);
	discsi_conf_free(conf);
	discsi_context_destroy(watch.ctx);
	close(watch.signals);
	return status;
}
