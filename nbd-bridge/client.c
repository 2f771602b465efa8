/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * client.c: a connection's beginning and end, its events, and its slots.
 * Loop's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#include "client.h"
#include "log.h"
#include "tcp.h"

/* ------------------------------------------------------------------ slots */

struct nbd_slot *nbd_slot_take(struct nbd_client *client)
{
	struct nbd_slot *slot = client->free;

	if (slot != NULL) {
		client->free = slot->next;
		client->busy++;
		client->server->busy++;
	}
	return slot;
}

/* Whoever waits for memory tries again at the end of the turn. */
static void feed_hungry(struct nbd_server *server)
{
	struct dsc_list *link;

	while ((link = dsc_list_pop(&server->hungry)) != NULL) {
		struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, hungry_link);

		discsi_deferred_request(client->turn);
	}
}

void nbd_slot_free(struct nbd_slot *slot)
{
	struct nbd_client *client = slot->client;
	struct nbd_server *server = client->server;

	if (slot->buffer.data != NULL) {
		nbd_pool_put(&server->pool, &client->account, &slot->buffer);
		feed_hungry(server);
	}
	if (slot->has_pipe)
		nbd_pipe_put(&server->pipes, &slot->pipe);
	slot->has_pipe = false;
	slot->next = client->free;
	client->free = slot;
	client->busy--;
	server->busy--;
}

/* --------------------------------------------------------------- the end */

static void forget_incoming(struct nbd_client *client)
{
	if (client->incoming != NULL)
		nbd_slot_free(client->incoming);
	client->incoming = NULL;
}

static void forget_replies(struct nbd_client *client)
{
	struct nbd_slot *slot = client->out_first;

	while (slot != NULL) {
		struct nbd_slot *next = slot->next;

		nbd_slot_free(slot);
		slot = next;
	}
	client->out_first = NULL;
	client->out_last = NULL;
}

/* Whoever can reach us must not be able to fill the log. */
static void log_drop(struct nbd_client *client, const char *why)
{
	char peer[128];
	const char *rest;

	if (!nbd_log_may(&client->server->drop_limit, &rest))
		return;
	nbd_tcp_describe_peer(client->fd, peer, sizeof(peer));
	nbd_log(DISCSI_LOG_WARNING, "a client%s%s is disconnected: %s%s",
		peer[0] != '\0' ? " at " : "", peer, why, rest);
}

/* True for a socket over which a kernel sends requests. */
static bool is_in_use(const struct nbd_client *client)
{
	return client->is_kernel && client->phase == NBD_PHASE_TRANSMISSION;
}

static void hung_up(struct nbd_server *server)
{
	if (server->on_hangup != NULL)
		server->on_hangup(server->on_hangup_arg);
}

void nbd_client_drop(struct nbd_client *client, const char *why)
{
	struct nbd_server *server = client->server;
	bool is_hangup = is_in_use(client);

	if (client->phase == NBD_PHASE_DEAD)
		return;
	if (why != NULL)
		log_drop(client, why);
	client->phase = NBD_PHASE_DEAD;
	client->is_blocked = false;
	discsi_watch_free(client->watch);
	client->watch = NULL;
	nbd_tls_free(client->tls);
	client->tls = NULL;
	close(client->fd);
	client->fd = -1;
	forget_incoming(client);
	forget_replies(client);
	dsc_list_remove(&client->hungry_link);
	dsc_list_remove(&client->link);
	dsc_list_append(&server->dead, &client->link);
	discsi_deferred_request(server->reaper);
	if (is_hangup)
		hung_up(server);
}

/* Answers what has come until now, if it is an option, and hangs up. */
static void end_handshake(struct nbd_client *client)
{
	client->handshake->is_ending = true;
	nbd_receive(client);
	nbd_client_drop(client, NULL);
}

void nbd_client_end(struct nbd_client *client)
{
	if (client->is_kernel) {
		nbd_client_drain(client);
	} else if (client->phase == NBD_PHASE_HANDSHAKE) {
		end_handshake(client);
	} else if (client->phase == NBD_PHASE_TRANSMISSION) {
		client->is_ending = true;
		nbd_request_refuse_incoming(client);
		nbd_receive_resume(client);
		if (client->phase == NBD_PHASE_TRANSMISSION &&
		    !client->is_stalled)
			nbd_receive(client);
		discsi_deferred_request(client->turn);
	}
}

void nbd_client_drain(struct nbd_client *client)
{
	bool is_hangup = is_in_use(client);

	switch (client->phase) {
	case NBD_PHASE_HANDSHAKE:
		nbd_client_drop(client, NULL);
		break;
	case NBD_PHASE_TRANSMISSION:
		client->phase = NBD_PHASE_DRAINING;
		client->is_stalled = false;
		forget_incoming(client);
		discsi_deferred_request(client->turn);
		break;
	case NBD_PHASE_DRAINING:
	case NBD_PHASE_DEAD:
		break;
	}
	if (is_hangup)
		hung_up(client->server);
}

/* ---------------------------------------------------------------- events */

static bool is_reading(const struct nbd_client *client)
{
	switch (client->phase) {
	case NBD_PHASE_HANDSHAKE:
		return client->handshake->out_length == 0 &&
		       !nbd_client_is_held(client);
	case NBD_PHASE_TRANSMISSION:
		return !client->is_stalled && !nbd_client_is_held(client);
	case NBD_PHASE_DRAINING:
	case NBD_PHASE_DEAD:
		break;
	}
	return false;
}

static bool is_finished(const struct nbd_client *client)
{
	return (client->phase == NBD_PHASE_DRAINING || client->is_ending) &&
	       client->busy == 0 && nbd_reply_is_sent(client);
}

/*
 * True when there is something to be taken of which the socket does not tell.
 * Then we ask to be told that the socket can be written to, which it can: the
 * others get their turn before we go on. If it cannot, its peer does not read,
 * and what the peer does next, reading or writing, is told.
 */
static bool has_unread(const struct nbd_client *client)
{
	return client->tls != NULL && is_reading(client) &&
	       nbd_tls_has_unread(client->tls);
}

/* Closes a client that has nothing more to do, else says what it waits for. */
static void settle(struct nbd_client *client)
{
	uint32_t events;

	if (client->phase == NBD_PHASE_DEAD)
		return;
	if (is_finished(client)) {
		nbd_client_drop(client, NULL);
		return;
	}
	if (nbd_client_is_sending(client))
		nbd_client_waited_for(client);
	events = (is_reading(client) ? (uint32_t)EPOLLIN : 0) |
		 (client->is_blocked || has_unread(client) ?
		  (uint32_t)EPOLLOUT : 0);
	if (discsi_watch_set(client->watch, events) < 0)
		nbd_client_drop(client, "its socket cannot be watched");
}

/* Sends what can be sent, and goes on with what that has made room for. */
static void advance(struct nbd_client *client)
{
	if (client->phase != NBD_PHASE_DEAD)
		nbd_reply_send(client);
	if (client->phase == NBD_PHASE_HANDSHAKE || client->is_stalled)
		nbd_receive_resume(client);
	settle(client);
}

static void on_turn(void *arg)
{
	advance(arg);
}

static void on_events(void *arg, uint32_t events)
{
	struct nbd_client *client = arg;

	if ((events & EPOLLOUT) != 0) {
		client->is_blocked = false;
		advance(client);
	}
	if (((events & EPOLLIN) != 0 && is_reading(client)) ||
	    has_unread(client)) {
		nbd_receive(client);
		settle(client);
	} else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		nbd_client_drop(client, NULL);
	}
}

/* ------------------------------------------------------------- deadlines */

static void set_deadline(struct nbd_client *client, unsigned delay_ms)
{
	client->is_timed = true;
	client->has_moved = false;
	discsi_timer_set(client->deadline, delay_ms);
}

/*
 * While the socket is full, or the data of a write is not all there, this looks
 * from time to time whether something has moved since. Who holds no memory
 * costs the others nothing.
 */
static void check_moving(struct nbd_client *client)
{
	client->is_timed = false;
	if (!client->is_blocked && !nbd_client_is_sending(client))
		return;
	if (client->has_moved ||
	    (client->account.held == 0 && client->skip == 0))
		set_deadline(client, client->server->move_timeout_ms);
	else
		nbd_client_drop(client, client->is_blocked ?
				"it does not take its replies" :
				"it does not send the data of a write");
}

static void on_deadline(void *arg)
{
	struct nbd_client *client = arg;

	/* Also one that gives it up, and does not take our answer. */
	if (client->handshake != NULL)
		nbd_client_drop(client,
				"it has not finished the handshake in time");
	else
		check_moving(client);
}

void nbd_client_waited_for(struct nbd_client *client)
{
	if (client->deadline != NULL && !client->is_timed)
		set_deadline(client, client->server->move_timeout_ms);
}

void nbd_client_greeted(struct nbd_client *client)
{
	discsi_timer_stop(client->deadline);
	client->is_timed = false;
}

/* --------------------------------------------------------- the beginning */

static struct nbd_client *new_client(struct nbd_server *server)
{
	struct nbd_client *client = malloc(sizeof(*client));
	size_t i;

	if (client == NULL)
		return NULL;
	memset(client, 0, offsetof(struct nbd_client, rx));
	dsc_list_init(&client->link);
	dsc_list_init(&client->hungry_link);
	client->server = server;
	client->since_ns = dsc_clock_now_ns();
	client->fd = -1;
	client->rx_want = NBD_RX_SIZE;
	for (i = NBD_SLOTS; i > 0; i--) {
		struct nbd_slot *slot = &client->slots[i - 1];

		slot->client = client;
		dsc_list_init(&slot->change_link);
		slot->next = client->free;
		client->free = slot;
	}
	return client;
}

static int begin_handshake(struct nbd_client *client)
{
	client->handshake = malloc(sizeof(*client->handshake));
	if (client->handshake == NULL)
		return -ENOMEM;
	nbd_handshake_init(client->handshake, client->server->export);
	if (client->server->tls != NULL)
		client->handshake->tls = NBD_HANDSHAKE_TLS_FIRST;
	set_deadline(client, client->server->handshake_timeout_ms);
	return 0;
}

/*
 * Splicing waits wherever the socket does, so it must not. Others than Unix
 * sockets are slow enough for a copy not to matter.
 */
static bool can_splice(int fd)
{
	int domain = 0;
	socklen_t length = sizeof(domain);

	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
	       domain == AF_UNIX;
}

static int begin(struct nbd_client *client, int fd, enum nbd_client_kind kind)
{
	struct discsi_context *ctx = client->server->ctx;
	int rc = 0;

	client->is_kernel = kind == NBD_CLIENT_KERNEL;
	client->can_splice = can_splice(fd);
	client->phase = kind == NBD_CLIENT_SOCKET ? NBD_PHASE_HANDSHAKE :
						    NBD_PHASE_TRANSMISSION;
	if (!client->is_kernel)
		rc = discsi_timer_new(ctx, on_deadline, client,
				      &client->deadline);
	if (rc == 0 && kind == NBD_CLIENT_SOCKET)
		rc = begin_handshake(client);
	if (rc == 0)
		rc = discsi_deferred_new(ctx, on_turn, client, &client->turn);
	if (rc == 0)
		rc = discsi_watch_new(ctx, fd, EPOLLIN, on_events, client,
				      &client->watch);
	return rc;
}

int nbd_server_add(struct nbd_server *server, int fd,
		   enum nbd_client_kind kind, discsi_call_cb on_gone,
		   void *arg)
{
	struct nbd_client *client;
	int rc;

	if (kind == NBD_CLIENT_SOCKET && !nbd_server_has_room(server))
		return -EUSERS;
	client = new_client(server);
	if (client == NULL)
		return -ENOMEM;
	rc = begin(client, fd, kind);
	if (rc < 0) {
		discsi_deferred_free(client->turn);
		discsi_timer_free(client->deadline);
		free(client->handshake);
		free(client);
		return rc;
	}
	client->fd = fd;
	client->on_gone = on_gone;
	client->on_gone_arg = arg;
	server->count++;
	server->kernels += client->is_kernel;
	dsc_list_append(&server->clients, &client->link);
	discsi_deferred_request(client->turn);
	return 0;
}
