/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rig.h: a simulated target with a session and an open LUN on a driven context,
 * and a workload whose every byte is known. Test's thread.
 */
#ifndef TESTS_FAULT_RIG_H
#define TESTS_FAULT_RIG_H

#include <discsi/discsi.h>
#include "harness/harness.h"
#include "simtarget/simtarget.h"

#define RIG_EVENTS 7

/* How much longer things may take: sanitizers make them slow. */
#define RIG_SLOWNESS (DSC_HAS_SANITIZER ? 6u : 1u)

struct rig {
	struct sim *sim;                /* NULL: a real target */
	char *file;                     /* of which this is the LUN's file */
	unsigned lun_id;
	struct discsi_context *ctx;
	struct discsi_conf *conf;
	struct discsi_session *session;
	struct discsi_lun *lun;
	struct discsi_lun_info info;
	unsigned events[RIG_EVENTS];    /* by type */
	struct discsi_event last;       /* its error is not kept */
	int last_errno;                 /* of the last event with an error */
};

/* Starts the target, makes context and configuration. False: CUnit knows. */
bool rig_prepare(struct rig *rig, const struct sim_config *config);
/* The same for a LUN of a real target, whose backing file is at path. */
bool rig_prepare_real(struct rig *rig, const char *portal, const char *iqn,
		      unsigned lun_id, const char *path);
/* The medium, past the protocol. */
void rig_peek(struct rig *rig, uint64_t offset, void *data, size_t length);
void rig_poke(struct rig *rig, uint64_t offset, const void *data,
	      size_t length);
/* Breaks the connections of the library to this port, and only those. */
unsigned rig_cut(unsigned port);
/* A member of the configuration. */
void rig_set(struct rig *rig, const char *member, const char *value);
/* Opens session and LUN 0. */
bool rig_open(struct rig *rig);
/* Both, with backoff that suits a test. */
bool rig_begin(struct rig *rig, const struct sim_config *config);
/* Closes what is open. */
void rig_end(struct rig *rig);

/* The whole session as one struct. */
void rig_stats(struct rig *rig, struct discsi_session_stats *stats);

/* Counts completions, and the results they had. */
struct tally {
	unsigned done;
	unsigned ok;
	int last;                   /* of those that failed */
	struct discsi_error error;  /* the same */
};
/* A discsi_done_cb for a struct tally. */
void rig_tally(void *arg, int result, const struct discsi_error *error);

uint64_t rig_now_ms(void);
/* Turns the loop until *number is at least want; false after ms. */
bool rig_wait(struct rig *rig, const unsigned *number, unsigned want,
	      unsigned ms);
/* Turns the loop for so long. */
void rig_run(struct rig *rig, unsigned ms);
/* The same as a program with a loop of its own does it: polls, dispatches. */
void rig_sleep(struct rig *rig, unsigned ms);
/* Turns the loop until is() says so; false after ms. */
bool rig_until(struct rig *rig, bool (*is)(struct rig *rig), unsigned ms);

/* Bytes that depend on seed and position. */
void rig_fill(void *data, size_t length, uint32_t seed);

/*
 * A workload on the first slots * 4096 bytes of the LUN: random reads and
 * writes, each slot with one at a time, every read compared with what was
 * written last.
 */
#define RIG_SLOT 4096u

struct work {
	struct rig *rig;
	struct work_op *op;
	uint32_t *seed;             /* of what lies in each slot */
	bool *is_busy;
	unsigned slots;
	unsigned depth;
	unsigned started;
	unsigned total;             /* operations to be done; 0: until stopped */
	unsigned done;
	unsigned under_way;
	unsigned failed;
	unsigned wrong;             /* reads that differed */
	int last_error;
	uint32_t random;
	bool is_stopping;
};

bool work_begin(struct work *work, struct rig *rig, unsigned slots,
		unsigned depth, unsigned total);
/* Turns the loop until all of it is done; false after ms. */
bool work_finish(struct work *work, unsigned ms);
/* Compares the medium with what was written; ends the work. */
void work_check(struct work *work);

#endif /* TESTS_FAULT_RIG_H */
