/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.c: the sockets of one kernel device. A kernel that gives up on one of
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
 * Loop's thread.
 */
#include <poll.h>
#include <stddef.h>

#include "client.h"

/* Those that live, and those that have been replaced but not been looked at. */
#define LOOKS_MAX (2 * NBD_CONNECTIONS_MAX)

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

bool nbd_gate_is_open(struct nbd_client *client)
{
	struct pollfd pollfds[LOOKS_MAX];
	int count;

	if (!client->is_kernel || client->server->kernels == 1 ||
	    client->is_clear)
		return true;
	if (is_dead_one_busy(client->server))
		return false;
	count = gather(client, pollfds);
	if (count < 0 || is_any_closed(pollfds, count))
		return false;
	client->is_clear = true;
	return true;
}

void nbd_gate_look_again(struct nbd_server *server)
{
	struct dsc_list *link;

	for (link = server->clients.next; link != &server->clients;
	     link = link->next) {
		struct nbd_client *client =
			dsc_container_of(link, struct nbd_client, link);

		if (client->is_kernel && client->is_stalled)
			discsi_deferred_request(client->turn);
	}
}
