/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fixture.h: a fake target with a session and an open LUN, for tests of the
 * layers above the connection. Test's thread.
 */
#ifndef TESTS_FAKE_FIXTURE_H
#define TESTS_FAKE_FIXTURE_H

#include <discsi/discsi.h>
#include "fake/fake-target.h"

struct fixture {
	struct fake_target *target;
	struct discsi_context *ctx;
	struct discsi_conf *conf;
	struct discsi_session *session;
	struct discsi_lun *lun;
	struct discsi_lun_info info;
};

/*
 * Starts the target and a context; sets a configuration for it. Members may
 * still be set in conf. False when something failed (and CUnit has been told).
 */
bool fixture_prepare(struct fixture *f, const struct fake_disk *disk);

/* Opens session and LUN, reads info. */
bool fixture_open(struct fixture *f);

/* Both. */
bool fixture_begin(struct fixture *f, const struct fake_disk *disk);

/* Closes what is open. */
void fixture_end(struct fixture *f);

/* Fills with bytes that depend on seed and position. */
void fixture_fill(void *data, size_t length, uint32_t seed);

/* Counts completions, and the results they had. */
struct tally {
	unsigned done;
	unsigned ok;
	int last;                   /* of those that failed */
	struct discsi_error error;  /* the same */
};

/* A discsi_done_cb for a struct tally. */
void fixture_tally(void *arg, int result, const struct discsi_error *error);

/* Turns the driven loop until tally->done is want; false after 20 s. */
bool fixture_wait(struct fixture *f, const struct tally *tally, unsigned want);

#endif /* TESTS_FAKE_FIXTURE_H */
