/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/takeover.h: what a process knows of the bridge that it is to
 * replace (see handover.h, takeover.c). Main thread.
 */
#ifndef NBD_TAKEOVER_H
#define NBD_TAKEOVER_H

#include <stdint.h>

struct nbd_takeover {
	int fd;            /* to the running bridge, or -1 */
	long pid;          /* its number, for people */
	char *device;      /* what the options point to */
	char *socket;
	char *export;
	bool is_taken;     /* the clients are ours, whatever happens */
	uint64_t pause_ms; /* nobody served for so long */
};

#define NBD_TAKEOVER_INIT { .fd = -1 }

#endif /* NBD_TAKEOVER_H */
