/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netlink.c: nbd's netlink messages, built and read with libnl's message
 * functions, which touch no socket. Pure, any thread.
 */
#include <errno.h>
#include <stdbool.h>

#include <linux/nbd-netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "netlink.h"

static struct nl_msg *new_message(int family, uint8_t command)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (msg == NULL)
		return NULL;
	if (genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, command,
			NBD_GENL_VERSION) != NULL)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static bool put_item(struct nl_msg *msg, int fd)
{
	struct nlattr *item = nla_nest_start(msg, NBD_SOCK_ITEM);

	if (item == NULL || nla_put_u32(msg, NBD_SOCK_FD, (uint32_t)fd) < 0)
		return false;
	nla_nest_end(msg, item);
	return true;
}

/* NBD_ATTR_SOCKETS: a list of items, each of which has a descriptor. */
static bool put_sockets(struct nl_msg *msg, const int *fds, unsigned count)
{
	struct nlattr *list = nla_nest_start(msg, NBD_ATTR_SOCKETS);
	unsigned i;

	if (list == NULL)
		return false;
	for (i = 0; i < count; i++) {
		if (!put_item(msg, fds[i]))
			return false;
	}
	nla_nest_end(msg, list);
	return true;
}

static bool put_connect(struct nl_msg *msg, const struct nbd_connect *what)
{
	const struct {
		int attribute;
		uint64_t value;
	} numbers[] = {
		{ NBD_ATTR_SIZE_BYTES, what->bytes },
		{ NBD_ATTR_BLOCK_SIZE_BYTES, what->block_size },
		{ NBD_ATTR_SERVER_FLAGS, what->server_flags },
		{ NBD_ATTR_TIMEOUT, what->timeout_s },
		{ NBD_ATTR_DEAD_CONN_TIMEOUT, what->dead_timeout_s },
		/* The node stays, and so does the disk when nobody has it
		 * open: whoever detaches it says so. */
		{ NBD_ATTR_CLIENT_FLAGS, 0 },
	};
	size_t i;

	if (what->index != NBD_INDEX_ANY &&
	    nla_put_u32(msg, NBD_ATTR_INDEX, (uint32_t)what->index) < 0)
		return false;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (nla_put_u64(msg, numbers[i].attribute,
				numbers[i].value) < 0)
			return false;
	}
	return nla_put_string(msg, NBD_ATTR_BACKEND_IDENTIFIER,
			      what->backend) == 0 &&
	       put_sockets(msg, what->sockets, what->nsockets);
}

struct nl_msg *nbd_netlink_connect(int family, const struct nbd_connect *what)
{
	struct nl_msg *msg = new_message(family, NBD_CMD_CONNECT);

	if (msg == NULL || put_connect(msg, what))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static bool put_reconfigure(struct nl_msg *msg,
			    const struct nbd_reconfigure *what)
{
	return nla_put_u32(msg, NBD_ATTR_INDEX, what->index) == 0 &&
	       nla_put_string(msg, NBD_ATTR_BACKEND_IDENTIFIER,
			      what->backend) == 0 &&
	       (what->bytes == 0 ||
		nla_put_u64(msg, NBD_ATTR_SIZE_BYTES, what->bytes) == 0) &&
	       (what->socket < 0 || put_sockets(msg, &what->socket, 1));
}

struct nl_msg *nbd_netlink_reconfigure(int family,
				       const struct nbd_reconfigure *what)
{
	struct nl_msg *msg = new_message(family, NBD_CMD_RECONFIGURE);

	if (msg == NULL || put_reconfigure(msg, what))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

struct nl_msg *nbd_netlink_disconnect(int family, uint32_t index)
{
	struct nl_msg *msg = new_message(family, NBD_CMD_DISCONNECT);

	if (msg == NULL || nla_put_u32(msg, NBD_ATTR_INDEX, index) == 0)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

int nbd_netlink_read_index(struct nlmsghdr *header, uint32_t *index)
{
	static struct nla_policy policy[NBD_ATTR_MAX + 1] = {
		[NBD_ATTR_INDEX] = { .type = NLA_U32 },
	};
	struct nlattr *attributes[NBD_ATTR_MAX + 1];

	if (!genlmsg_valid_hdr(header, 0) ||
	    genlmsg_hdr(header)->cmd != NBD_CMD_CONNECT ||
	    genlmsg_parse(header, 0, attributes, NBD_ATTR_MAX, policy) < 0 ||
	    attributes[NBD_ATTR_INDEX] == NULL)
		return -EPROTO;
	*index = nla_get_u32(attributes[NBD_ATTR_INDEX]);
	return 0;
}
