/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fake-internal.h: between the files of the fake target: the transport
 * (fake-target.c) asks the disk (fake-disk.c) what a command comes to.
 */
#ifndef TESTS_FAKE_INTERNAL_H
#define TESTS_FAKE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "fake/fake-target.h"

#define FAKE_DATA_MAX (16u << 20)
#define FAKE_OVERFLOW_BYTES 28672u
#define FAKE_CONNECTIONS_MAX 16

struct fake_target {
	struct fake_disk disk;
	int memory_fd;
	int listen_fd;
	char portal[32];
	pthread_t acceptor;
	pthread_t threads[FAKE_CONNECTIONS_MAX];
	int fds[FAKE_CONNECTIONS_MAX];
	unsigned connections;
	atomic_bool is_stopping;

	pthread_mutex_t lock;  /* guards what follows */
	struct fake_fate fate;
	struct fake_fate next_fate;  /* once that one is used up */
	unsigned fates;
	unsigned counts[256];
	uint64_t blocks;
	unsigned char mapped[65536];  /* per 1 MiB of a thin disk's beginning */
};

/* One SCSI command and what is answered. */
struct fake_command {
	const uint8_t *cdb;
	uint32_t expected;    /* expected data transfer length */
	bool is_write;
	uint8_t *data;        /* FAKE_DATA_MAX bytes: in or out */
	uint32_t length;      /* of data: arrived, or to be sent */
	uint32_t overflow;    /* residual that a GOOD answer tells */
	uint8_t status;
	uint8_t sense[18];
	bool has_sense;
};

/* Carries a command out on the memory file. */
void fake_disk_execute(struct fake_target *target,
		       struct fake_command *command);

/*
 * Counts a command; true when a rule applies to it, which is told.
 */
bool fake_fate_meet(struct fake_target *target, uint8_t opcode,
		    struct fake_fate *fate);

/* CHECK CONDITION with fixed-format sense. */
void fake_disk_fail(struct fake_command *command, uint8_t key, uint8_t asc,
		    uint8_t ascq);

#endif /* TESTS_FAKE_INTERNAL_H */
