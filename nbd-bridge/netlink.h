/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/netlink.h: the messages of the kernel's "nbd" generic netlink
 * family. Pure: they are built and read here, and sent somewhere else.
 */
#ifndef NBD_NETLINK_H
#define NBD_NETLINK_H

#include <stdint.h>

#include <netlink/msg.h>

#define NBD_INDEX_ANY (-1)

/* What NBD_CMD_CONNECT is told. */
struct nbd_connect {
	int index;                /* N of /dev/nbdN, or NBD_INDEX_ANY */
	const int *sockets;       /* the kernel's ends */
	unsigned nsockets;
	uint64_t bytes;
	uint64_t block_size;
	uint64_t server_flags;    /* transmission flags */
	uint64_t timeout_s;
	uint64_t dead_timeout_s;
	const char *backend;      /* whose the device is, shown in sysfs */
};

/* What NBD_CMD_RECONFIGURE is told: a new socket, a new size, or both. */
struct nbd_reconfigure {
	uint32_t index;
	int socket;               /* in the place of one that is dead; -1: none */
	uint64_t bytes;           /* 0: as it is */
	const char *backend;      /* must be what the device was attached with */
};

/* Each returns a message that the caller frees, NULL without memory. */
struct nl_msg *nbd_netlink_connect(int family, const struct nbd_connect *what);
struct nl_msg *nbd_netlink_reconfigure(int family,
				       const struct nbd_reconfigure *what);
struct nl_msg *nbd_netlink_disconnect(int family, uint32_t index);

/*
 * Reads the kernel's answer to a connect.
 *
 * header: a whole netlink message, as received.
 * Errors: EPROTO (not such an answer).
 */
int nbd_netlink_read_index(struct nlmsghdr *header, uint32_t *index);

#endif /* NBD_NETLINK_H */
