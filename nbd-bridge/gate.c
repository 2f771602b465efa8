/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.c: what must not be carried out beside something that is under way.
 *
 * First, the sockets of one kernel device. A kernel that gives up on one of
 * them sends what was under way on it again, over another one, while the first
 * copy is in our hands still. Were both carried out side by side, the first
 * could be the later one, and undo what was written after the second had been
 * answered. So nothing is taken from any of the sockets while something is
 * under way of one that the kernel has closed.
 *
 * The kernel shuts a socket down before it sends anything again. Whoever looks
 * at the others after it has received a request, and before it takes it, sees
 * that: no order in which the loop tells of them is relied on.
 *
 * Second, the changes of clients with a handshake. One that dies leaves its
 * writes in the disk, and whoever comes after it does not know of them and
 * writes to the same place: the older write must not be the later one. So a
 * change waits for those of other clients that overlap it, be they alive or
 * not: the end of one may not have been heard of, and the living rarely do it.
 *
 * Loop's thread.
 */
#include <poll.h>
#include <stddef.h>

#include "client.h"

/* Those that live, and those that have been replaced but not been looked at. */
#define LOOKS_MAX (2 * NBD_CONNECTIONS_MAX)

/* ------------------------------------------------------ sockets of a kernel */

static bool is_waited_for(const struct nbd_client *client)
{
	return client->is_kernel && client->in_disk > 0;
}

/* True when a client that is closed has something under way. */
static bool is_dead_one_busy(const struct nbd_server *server)
{
	const struct dsc_list *link;

	for (link = server->dead.next; link != &server->dead;
	     link = link->next) {
		const struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, link);

		if (is_waited_for(client))
			return true;
	}
	return false;
}

/*
 * Gathers the sockets of the others that are open. Returns their number, or -1
 * when one that takes nothing more has something under way, or there are more
 * than can be looked at.
 */
static int gather(const struct nbd_client *self, struct pollfd pollfds[])
{
	const struct nbd_server *server = self->server;
	const struct dsc_list *link;
	int count = 0;

	for (link = server->clients.next; link != &server->clients;
	     link = link->next) {
		const struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, link);

		if (client == self || !client->is_kernel)
			continue;
		if (client->phase != NBD_PHASE_TRANSMISSION) {
			if (is_waited_for(client))
				return -1;
			continue;
		}
		if (count == LOOKS_MAX)
			return -1;
		pollfds[count++] = (struct pollfd){ .fd = client->fd };
	}
	return count;
}

/* POLLHUP and POLLERR need not be asked for. */
static bool is_any_closed(struct pollfd pollfds[], int count)
{
	int hits;

	do
		hits = poll(pollfds, (nfds_t)count, 0);
	while (hits < 0);
	return hits > 0;
}

static bool is_kernel_clear(struct nbd_client *client)
{
	struct pollfd pollfds[LOOKS_MAX];
	int count;

	if (client->server->kernels == 1 || client->is_clear)
		return true;
	if (is_dead_one_busy(client->server))
		return false;
	count = gather(client, pollfds);
	if (count < 0 || is_any_closed(pollfds, count))
		return false;
	client->is_clear = true;
	return true;
}

/* ----------------------------------------------------------------- changes */

/* A range that is no part of the disk is refused, whatever is said here. */
static bool overlaps(const struct nbd_slot *slot,
		     const struct nbd_request *request)
{
	return request->offset < slot->offset + slot->length &&
	       slot->offset < request->offset + request->length;
}

static bool is_place_free(const struct nbd_client *client,
			  const struct nbd_request *request)
{
	const struct nbd_server *server = client->server;
	const struct dsc_list *link;

	if (server->count == 1 || !nbd_request_is_change(request->type))
		return true;
	for (link = server->changes.next; link != &server->changes;
	     link = link->next) {
		const struct nbd_slot *slot =
			dsc_container_of(link, struct nbd_slot, change_link);

		if (slot->client != client && overlaps(slot, request))
			return false;
	}
	return true;
}

void nbd_gate_enter(struct nbd_slot *slot)
{
	if (nbd_request_is_change(slot->type) && !slot->client->is_kernel)
		dsc_list_append(&slot->client->server->changes,
				&slot->change_link);
}

void nbd_gate_leave(struct nbd_slot *slot)
{
	struct nbd_server *server = slot->client->server;

	if (!nbd_request_is_change(slot->type))
		return;
	dsc_list_remove(&slot->change_link);
	if (server->is_gate_waited_for)
		nbd_gate_look_again(server);
}

/* -------------------------------------------------------------------- both */

bool nbd_gate_is_open(struct nbd_client *client,
		      const struct nbd_request *request)
{
	if (client->is_kernel)
		return is_kernel_clear(client);
	/* Who is ending is refused all the same. */
	if (client->is_ending || is_place_free(client, request))
		return true;
	client->server->is_gate_waited_for = true;
	return false;
}

void nbd_gate_look_again(struct nbd_server *server)
{
	struct dsc_list *link;

	server->is_gate_waited_for = false;
	for (link = server->clients.next; link != &server->clients;
	     link = link->next) {
		struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, link);

		if (client->is_stalled)
			discsi_deferred_request(client->turn);
	}
}
