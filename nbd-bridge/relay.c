/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * relay.c: two flows of bytes, each with a buffer: from in_fd to the peer, and
 * from the peer to out_fd. Loop's thread.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#include "relay.h"

#define FLOW_SIZE 65536

/* Reads per event, so that one flow does not keep the loop. */
#define ROUNDS_MAX 16

struct flow {
	int from;
	int to;
	bool is_ended;   /* nothing more comes */
	bool is_broken;  /* nothing more can be sent */
	size_t begin;
	size_t end;
	uint8_t data[FLOW_SIZE];
};

struct nbd_relay {
	struct discsi_context *ctx;
	struct discsi_watch *in_watch;    /* NULL while there is no interest */
	struct discsi_watch *out_watch;
	struct discsi_watch *peer_watch;  /* likewise */
	discsi_call_cb on_done;
	void *arg;
	int peer_fd;
	bool is_shut;                     /* the client's end is passed on */
	bool is_done;
	struct flow in;
	struct flow out;
};

/* -------------------------------------------------------------------- flows */

static bool is_empty(const struct flow *flow)
{
	return flow->begin == flow->end;
}

/* Returns true when there is something to be sent. */
static bool fill(struct flow *flow)
{
	ssize_t n;

	if (!is_empty(flow))
		return true;
	if (flow->is_ended)
		return false;
	n = read(flow->from, flow->data, FLOW_SIZE);
	flow->begin = 0;
	flow->end = n > 0 ? (size_t)n : 0;
	flow->is_ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	return n > 0;
}

/* Returns true when all of it is sent. */
static bool drain(struct flow *flow)
{
	size_t length = flow->end - flow->begin;
	ssize_t n = send(flow->to, flow->data + flow->begin, length,
			 MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write(flow->to, flow->data + flow->begin, length);
	if (n > 0)
		flow->begin += (size_t)n;
	flow->is_broken = n < 0 && errno != EAGAIN && errno != EINTR;
	return is_empty(flow);
}

static void pump(struct flow *flow)
{
	int i;

	for (i = 0; i < ROUNDS_MAX && !flow->is_broken; i++) {
		if (!fill(flow) || !drain(flow))
			return;
	}
}

/* ------------------------------------------------------------------- events */

static void on_events(void *arg, uint32_t events);

/*
 * Watches for some events. Without any the watch ends, since a descriptor that
 * is hung up would report just that without end.
 */
static int want(struct nbd_relay *relay, struct discsi_watch **watch, int fd,
		uint32_t events)
{
	if (*watch != NULL && events != 0)
		return discsi_watch_set(*watch, events);
	if (*watch == NULL && events != 0)
		return discsi_watch_new(relay->ctx, fd, events, on_events,
					relay, watch);
	discsi_watch_free(*watch);
	*watch = NULL;
	return 0;
}

static uint32_t reading(const struct flow *flow)
{
	return is_empty(flow) && !flow->is_ended ? (uint32_t)EPOLLIN : 0;
}

static uint32_t writing(const struct flow *flow)
{
	return !is_empty(flow) && !flow->is_broken ? (uint32_t)EPOLLOUT : 0;
}

static int watch_all(struct nbd_relay *relay)
{
	int rc = want(relay, &relay->in_watch, relay->in.from,
		      reading(&relay->in));

	if (rc == 0)
		rc = want(relay, &relay->peer_watch, relay->peer_fd,
			  reading(&relay->out) | writing(&relay->in));
	/* Without events this tells that nobody receives any more. */
	if (rc == 0)
		rc = discsi_watch_set(relay->out_watch, writing(&relay->out));
	return rc;
}

static void finish(struct nbd_relay *relay)
{
	relay->is_done = true;
	discsi_watch_free(relay->in_watch);
	discsi_watch_free(relay->out_watch);
	discsi_watch_free(relay->peer_watch);
	relay->in_watch = NULL;
	relay->out_watch = NULL;
	relay->peer_watch = NULL;
	close(relay->peer_fd);
	relay->on_done(relay->arg);
}

static void advance(struct nbd_relay *relay)
{
	pump(&relay->in);
	pump(&relay->out);
	if (relay->in.is_ended && is_empty(&relay->in) && !relay->is_shut) {
		relay->is_shut = true;
		shutdown(relay->peer_fd, SHUT_WR);
	}
	if (relay->in.is_broken) {
		/* The server has hung up: what is left is what it has said. */
		relay->in.is_ended = true;
		relay->in.begin = relay->in.end;
	}
	if (relay->out.is_broken ||
	    (relay->out.is_ended && is_empty(&relay->out)) ||
	    watch_all(relay) < 0)
		finish(relay);
}

static void on_events(void *arg, uint32_t events)
{
	(void)events;
	advance(arg);
}

static void on_out_events(void *arg, uint32_t events)
{
	struct nbd_relay *relay = arg;

	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		finish(relay);
	else
		advance(relay);
}

/* --------------------------------------------------------------------- life */

int nbd_relay_new(struct discsi_context *ctx, int in_fd, int out_fd,
		  int peer_fd, discsi_call_cb on_done, void *arg,
		  struct nbd_relay **relay)
{
	struct nbd_relay *made = calloc(1, sizeof(*made));
	int rc;

	if (made == NULL)
		return dsc_fail_memory();
	made->ctx = ctx;
	made->on_done = on_done;
	made->arg = arg;
	made->peer_fd = peer_fd;
	made->in.from = in_fd;
	made->in.to = peer_fd;
	made->out.from = peer_fd;
	made->out.to = out_fd;
	rc = discsi_watch_new(ctx, out_fd, 0, on_out_events, made,
			      &made->out_watch);
	if (rc == 0)
		rc = watch_all(made);
	if (rc < 0) {
		made->is_done = true;
		nbd_relay_free(made);
		return rc;
	}
	*relay = made;
	return 0;
}

void nbd_relay_free(struct nbd_relay *relay)
{
	if (relay == NULL)
		return;
	discsi_watch_free(relay->in_watch);
	discsi_watch_free(relay->out_watch);
	discsi_watch_free(relay->peer_watch);
	if (!relay->is_done)
		close(relay->peer_fd);
	free(relay);
}
