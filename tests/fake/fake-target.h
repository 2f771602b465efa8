/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fake-target.h: a small iSCSI target in the test's own process, for what a
 * real target cannot be made to do: refuse commands, answer oddly, fall
 * silent, drop the connection. It encodes its PDUs by itself, so that a
 * mistake of the library's codec cannot hide in it.
 *
 * It serves LUN 0, a disk in a sparse memory file, on a free port of
 * 127.0.0.1, one thread per connection, without authentication. The settings
 * are made before, or between, the commands that they are for; any thread.
 */
#ifndef TESTS_FAKE_TARGET_H
#define TESTS_FAKE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_IQN "iqn.2026-11.io.discsi:fake"

/* What the disk is like; all of it may be left 0 but blocks. */
struct fake_disk {
	uint64_t blocks;
	uint32_t block_size;         /* 0: 512 */
	uint32_t max_transfer;       /* VPD B0, blocks; more is refused */
	uint32_t max_write_same;     /* VPD B0, blocks; 0: WRITE SAME refused */
	uint32_t max_unmap;          /* VPD B0, blocks; 0: UNMAP refused */
	uint32_t unmap_granularity;  /* VPD B0, blocks */
	bool is_thin;                /* LBPME, LBPRZ, LBPWS; LBA status is told */
	bool has_no_capacity16;
	bool has_no_sync;
	bool has_no_mode;
	bool has_no_caching_page;
	bool claims_write_same;      /* VPD B0 tells a limit, but it is refused */
	bool claims_unmapping;       /* thin, but WRITE SAME does not unmap */
	uint32_t status_blocks;      /* one extent per answer, of so many blocks */
	bool write_cache;            /* WCE */
	bool fua;                    /* DPOFUA */
	bool write_protect;
	/* negotiation */
	bool initial_r2t;
	bool no_immediate_data;
	uint32_t max_recv;           /* MaxRecvDataSegmentLength, 0: 8192 */
	uint32_t max_send;           /* bytes of one Data-In, 0: 8192 */
	uint32_t first_burst;        /* 0: 65536 */
	uint32_t max_burst;          /* 0: 262144 */
	uint32_t window;             /* commands; 0: 32 */
	bool header_digest;          /* refused when false */
	bool separate_status;        /* never phase-collapsed */
	bool ignores_text;
	bool ignores_logout;
};

struct fake_target;

/* Starts it; NULL, with the reason on stderr, when it cannot. */
struct fake_target *fake_target_start(const struct fake_disk *disk);
void fake_target_stop(struct fake_target *target);

/* "127.0.0.1:PORT" */
const char *fake_target_portal(const struct fake_target *target);

enum fake_action {
	FAKE_STATUS,  /* answer with the status and sense, do nothing */
	FAKE_SILENT,  /* do not answer */
	FAKE_DROP,    /* close the connection */
	FAKE_OVERFLOW /* do it; GOOD says that 28672 bytes more were due */
};

/*
 * The next count commands with this opcode, after skip of them, meet this
 * fate. One rule at a time, and one after it.
 */
struct fake_fate {
	uint8_t opcode;
	enum fake_action action;
	unsigned skip;
	unsigned count;
	uint8_t status;
	uint8_t key;
	uint8_t asc;
	uint8_t ascq;
};
void fake_target_set_fate(struct fake_target *target,
			  const struct fake_fate *fate);

/* The rule that follows when that one is used up. */
void fake_target_then_fate(struct fake_target *target,
			   const struct fake_fate *fate);

/* How often that rule, and the one that followed, were applied. */
unsigned fake_target_fates(const struct fake_target *target);

/* How many commands with this opcode have arrived. */
unsigned fake_target_count(const struct fake_target *target, uint8_t opcode);

/* Changes the size, as an administrator would. */
void fake_target_resize(struct fake_target *target, uint64_t blocks);

/* The disk's content, past the protocol. */
void fake_target_peek(const struct fake_target *target, uint64_t offset,
		      void *data, size_t length);
void fake_target_poke(const struct fake_target *target, uint64_t offset,
		      const void *data, size_t length);

#endif /* TESTS_FAKE_TARGET_H */
