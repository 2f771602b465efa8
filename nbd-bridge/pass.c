/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pass.c: clients that go from one process to another with their connection, so
 * that they need not know. A paused server looks at no further request, but
 * lets those under way be done and the one that is arriving arrive; then all
 * that is known of a client is how it talks and what has been received beyond
 * its last request. Loop's thread.
 */
#include <errno.h>
#include <string.h>

#include "client.h"

static struct nbd_client *client_of(struct dsc_list *link)
{
	return dsc_container_of(link, struct nbd_client, link);
}

/* Each says at the end of the turn what it waits for now. */
static void wake_clients(struct nbd_server *server)
{
	struct dsc_list *link;

	for (link = server->clients.next; link != &server->clients;
	     link = link->next)
		discsi_deferred_request(client_of(link)->turn);
}

void nbd_server_pause(struct nbd_server *server)
{
	server->is_paused = true;
	wake_clients(server);
}

static bool is_quiet(const struct nbd_client *client)
{
	if (client->phase == NBD_PHASE_HANDSHAKE)
		return true;
	return client->phase == NBD_PHASE_TRANSMISSION &&
	       nbd_client_is_held(client) && client->busy == 0 &&
	       nbd_reply_is_sent(client);
}

bool nbd_server_is_quiet(const struct nbd_server *server)
{
	const struct dsc_list *link;

	if (!server->is_paused || !dsc_list_is_empty(&server->dead))
		return false;
	for (link = server->clients.next; link != &server->clients;
	     link = link->next) {
		if (!is_quiet(dsc_container_of(link, struct nbd_client, link)))
			return false;
	}
	return true;
}

/*
 * A reply that has become ready in this turn of the loop is sent at its end: it
 * is no client that is waited for.
 */
static bool holds_up(const struct nbd_client *client)
{
	return !client->is_kernel && !is_quiet(client) &&
	       (nbd_client_is_sending(client) || client->is_blocked);
}

bool nbd_server_is_held_up(const struct nbd_server *server)
{
	const struct dsc_list *link;
	bool is_held_up = false;

	for (link = server->clients.next; link != &server->clients;
	     link = link->next) {
		const struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, link);

		if (client->in_disk > 0)
			return false;
		is_held_up |= holds_up(client);
	}
	return is_held_up && dsc_list_is_empty(&server->dead);
}

void nbd_server_resume(struct nbd_server *server)
{
	struct dsc_list *link;

	server->is_paused = false;
	for (link = server->clients.next; link != &server->clients;
	     link = link->next) {
		struct nbd_client *client = client_of(link);

		client->is_passed = false;
		/* What has been received already is looked at again. */
		if (client->phase == NBD_PHASE_TRANSMISSION)
			client->is_stalled = true;
	}
	wake_clients(server);
}

bool nbd_server_pass(struct nbd_server *server, struct nbd_passed *passed)
{
	struct dsc_list *link;

	for (link = server->clients.next; link != &server->clients;
	     link = link->next) {
		struct nbd_client *client = client_of(link);

		if (client->is_passed ||
		    client->phase != NBD_PHASE_TRANSMISSION)
			continue;
		client->is_passed = true;
		*passed = (struct nbd_passed){
			.fd = client->fd,
			.kind = client->is_kernel ? NBD_CLIENT_KERNEL :
						    NBD_CLIENT_PASSED,
			.headers = client->headers,
			.has_allocation = client->has_allocation,
			.bytes = client->rx + client->rx_start,
			.length = client->rx_end - client->rx_start,
		};
		return true;
	}
	return false;
}

int nbd_server_adopt(struct nbd_server *server, const struct nbd_passed *passed,
		     discsi_call_cb on_gone, void *arg)
{
	struct nbd_client *client;
	int rc;

	if (passed->length > NBD_RX_SIZE || passed->kind == NBD_CLIENT_SOCKET ||
	    passed->headers > NBD_HEADERS_EXTENDED)
		return -EINVAL;
	rc = nbd_server_add(server, passed->fd, passed->kind, on_gone, arg);
	if (rc < 0)
		return rc;
	client = client_of(server->clients.prev);
	client->headers = passed->headers;
	client->has_allocation = passed->has_allocation;
	memcpy(client->rx, passed->bytes, passed->length);
	client->rx_end = (uint32_t)passed->length;
	client->is_stalled = true;
	return 0;
}
