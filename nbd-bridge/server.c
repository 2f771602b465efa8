/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server.c: the set of clients of one export. Clients that are closed are
 * freed by a deferred call of the server's, never inside one of their own
 * callbacks. Loop's thread.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#include "client.h"

static void free_client(struct nbd_client *client)
{
	discsi_call_cb on_gone = client->on_gone;
	void *arg = client->on_gone_arg;

	dsc_list_remove(&client->link);
	client->server->count--;
	client->server->busy -= client->busy;
	if (client->is_kernel) {
		client->server->kernels--;
		nbd_gate_look_again(client->server);
	}
	discsi_deferred_free(client->turn);
	discsi_timer_free(client->deadline);
	free(client->handshake);
	free(client);
	if (on_gone != NULL)
		on_gone(arg);
}

static void reap(void *arg)
{
	struct nbd_server *server = arg;
	struct dsc_list seen;
	struct dsc_list *link;

	dsc_list_init(&seen);
	dsc_list_splice(&seen, &server->dead);
	while ((link = dsc_list_pop(&seen)) != NULL) {
		struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, link);

		dsc_list_append(&server->dead, &client->link);
		if (client->in_disk == 0)
			free_client(client);
	}
}

int nbd_server_init(struct nbd_server *server, struct discsi_context *ctx,
		    const struct nbd_export *export)
{
	*server = (struct nbd_server){
		.ctx = ctx,
		.export = export,
		.clients_max = NBD_CLIENTS_DEFAULT,
		.move_timeout_ms = NBD_MOVE_TIMEOUT_MS,
		.handshake_timeout_ms = NBD_HANDSHAKE_TIMEOUT_MS,
		.handshake_grace_ms = NBD_HANDSHAKE_GRACE_MS,
	};
	nbd_pool_init(&server->pool, NBD_POOL_BUDGET);
	dsc_list_init(&server->clients);
	dsc_list_init(&server->dead);
	dsc_list_init(&server->hungry);
	dsc_list_init(&server->changes);
	return discsi_deferred_new(ctx, reap, server, &server->reaper);
}

void nbd_server_fini(struct nbd_server *server)
{
	if (server->ctx == NULL)
		return;
	nbd_server_drop(server);
	reap(server);
	discsi_deferred_free(server->reaper);
	nbd_pool_fini(&server->pool);
	nbd_pipes_fini(&server->pipes);
	server->ctx = NULL;
}

void nbd_server_abandon(struct nbd_server *server)
{
	struct dsc_list *link;

	if (server->ctx == NULL)
		return;
	while ((link = dsc_list_first(&server->dead)) != NULL) {
		struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, link);

		client->turn = NULL;
		client->deadline = NULL;
		free_client(client);
	}
	nbd_pool_fini(&server->pool);
	nbd_pipes_fini(&server->pipes);
	server->ctx = NULL;
}

bool nbd_server_is_prompt(const struct nbd_server *server)
{
	return server->kernels > 0 && server->busy <= 1;
}

bool nbd_server_has_room(const struct nbd_server *server)
{
	return server->count < server->clients_max;
}

/* The first one that is in the handshake: they stand in the order they came. */
static struct nbd_client *find_greeted(const struct nbd_server *server)
{
	const struct dsc_list *link;

	for (link = server->clients.next; link != &server->clients;
	     link = link->next) {
		struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, link);

		if (client->handshake != NULL &&
		    client->phase != NBD_PHASE_DEAD)
			return client;
	}
	return NULL;
}

unsigned nbd_server_room_in_ms(const struct nbd_server *server)
{
	const struct nbd_client *client;
	uint64_t age_ms;

	if (nbd_server_has_room(server))
		return 0;
	client = find_greeted(server);
	if (client == NULL)
		return UINT_MAX;
	age_ms = (dsc_clock_now_ns() - client->since_ns) / DSC_NS_PER_MS;
	return age_ms >= server->handshake_grace_ms ? 0 :
	       server->handshake_grace_ms - (unsigned)age_ms;
}

bool nbd_server_make_room(struct nbd_server *server)
{
	if (nbd_server_has_room(server))
		return true;
	if (nbd_server_room_in_ms(server) > 0)
		return false;
	nbd_client_drop(find_greeted(server), "it has not finished the "
			"handshake, and there is no room for others");
	reap(server);
	return nbd_server_has_room(server);
}

/* Does fn to every client; fn may close it. */
static void for_each_client(struct nbd_server *server,
			    void (*fn)(struct nbd_client *client))
{
	struct dsc_list *link = server->clients.next;

	while (link != &server->clients) {
		struct dsc_list *next = link->next;

		fn(dsc_container_of(link, struct nbd_client, link));
		link = next;
	}
}

static void drop_one(struct nbd_client *client)
{
	nbd_client_drop(client, NULL);
}

static void let_go_one(struct nbd_client *client)
{
	if (client->is_kernel && client->is_stalled)
		nbd_client_drop(client, NULL);
}

void nbd_server_let_go(struct nbd_server *server)
{
	server->is_kernel_let_go = true;
	for_each_client(server, let_go_one);
}

void nbd_server_drain(struct nbd_server *server)
{
	for_each_client(server, nbd_client_end);
}

void nbd_server_drop(struct nbd_server *server)
{
	for_each_client(server, drop_one);
}

bool nbd_server_is_idle(const struct nbd_server *server)
{
	return server->count == 0;
}
