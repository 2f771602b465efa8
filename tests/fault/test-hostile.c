/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-hostile.c: a target that lies: every PDU that it sends may be spoilt, in
 * the login and after it. Nothing must crash, hang, or grow; made for the
 * address sanitizer. FAULT_SEEDS tells how many conversations to have.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define SEEDS 10000
#define TOGETHER 250
#define IOS 12
/* One of so many conversations has to get as far as an open LUN. */
#define LUNS_ONE_IN 2
/* Together: a step of theirs, and all of it. */
#define STEP_MS (20000u * RIG_SLOWNESS)
#define TOTAL_MS (240000u * RIG_SLOWNESS)

static const struct sim_config small = {
	.blocks = 4096, .no_journal = true, .initial_r2t = true,
	.header_digest = true, .max_burst = 16384, .first_burst = 8192,
};

static unsigned seeds(void)
{
	const char *told = getenv("FAULT_SEEDS");

	return told != NULL ? (unsigned)strtoul(told, NULL, 10) : SEEDS;
}

struct conversation {
	struct discsi_session *session;
	struct discsi_lun *lun;
	uint8_t data[IOS][8192];
	struct discsi_extent extents[4];
	size_t count;
};

static unsigned luns_opened;

/* So many at a time, each step of all of them together. */
struct party {
	struct rig *rig;
	struct conversation talk[TOGETHER];
	unsigned opened;
	unsigned wanted;
	struct tally tally;
};

static struct party *party;

static void on_session(void *arg, int status, struct discsi_session *session,
		       const struct discsi_error *error)
{
	struct conversation *talk = arg;

	(void)status;
	(void)error;
	talk->session = session;
	party->opened++;
}

static void on_lun(void *arg, int status, struct discsi_lun *lun,
		   const struct discsi_error *error)
{
	struct conversation *talk = arg;

	(void)status;
	(void)error;
	talk->lun = lun;
	luns_opened += lun != NULL;
	party->opened++;
}

static void submit_all(struct conversation *talk)
{
	struct tally *tally = &party->tally;
	unsigned i;

	for (i = 0; i < IOS; i++) {
		uint64_t offset = i * 8192;
		int rc;

		if (i % 2 == 0)
			rc = discsi_lun_read_async(talk->lun, talk->data[i],
						   8192, offset, 0, rig_tally,
						   tally);
		else
			rc = discsi_lun_write_async(talk->lun, talk->data[i],
						    8192, offset, 0, rig_tally,
						    tally);
		party->wanted += rc == 0;
	}
	talk->count = 4;
	party->wanted += discsi_lun_block_status_async(
		talk->lun, 0, 65536, talk->extents, &talk->count, rig_tally,
		tally) == 0;
}

static void open_sessions(void)
{
	unsigned i;

	for (i = 0; i < TOGETHER; i++)
		party->wanted += discsi_session_open_async(
			party->rig->ctx, party->rig->conf, on_session,
			&party->talk[i]) == 0;
	CU_ASSERT_TRUE(rig_wait(party->rig, &party->opened, party->wanted,
				STEP_MS));
}

static void open_luns(void)
{
	unsigned i;

	for (i = 0; i < TOGETHER; i++)
		if (party->talk[i].session != NULL)
			party->wanted += discsi_lun_open_async(
				party->talk[i].session, 0, on_lun,
				&party->talk[i]) == 0;
	CU_ASSERT_TRUE(rig_wait(party->rig, &party->opened, party->wanted,
				STEP_MS));
}

/* Sessions from login to logout; every request must end. */
static void talk_together(struct rig *rig, uint64_t seed)
{
	unsigned i;

	party = calloc(1, sizeof(*party));
	party->rig = rig;
	sim_hostile(rig->sim, seed, 2 + (unsigned)(seed * 7 % 60));
	open_sessions();
	open_luns();
	party->wanted = 0;
	for (i = 0; i < TOGETHER; i++)
		if (party->talk[i].lun != NULL)
			submit_all(&party->talk[i]);
	CU_ASSERT_TRUE(rig_wait(rig, &party->tally.done, party->wanted,
				STEP_MS));
	CU_ASSERT_EQUAL(party->tally.done, party->wanted);
	for (i = 0; i < TOGETHER; i++) {
		discsi_lun_close(party->talk[i].lun);
		discsi_session_close(party->talk[i].session);
	}
	free(party);
}

/* A time limit of the configuration, longer where all is slow. */
static void set_limit(struct rig *rig, const char *member, unsigned ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", ms * RIG_SLOWNESS);
	rig_set(rig, member, text);
}

static void test_seeds(void)
{
	unsigned wanted = seeds() / LUNS_ONE_IN;
	uint64_t end = rig_now_ms() + TOTAL_MS;
	struct mallinfo2 before;
	struct mallinfo2 after;
	struct rig rig;
	unsigned i;

	luns_opened = 0;

	if (rig_prepare(&rig, &small)) {
		set_limit(&rig, "login_timeout", 300);
		set_limit(&rig, "command_timeout", 150);
		set_limit(&rig, "replacement_timeout", 100);
		set_limit(&rig, "noop_interval", 50);
		set_limit(&rig, "noop_timeout", 50);
		before = mallinfo2();
		for (i = 1; i <= seeds() / TOGETHER ||
			    (luns_opened < wanted && rig_now_ms() < end); i++)
			talk_together(&rig, i);
		dsc_test_note("%u conversations, %u LUNs opened",
			      (i - 1) * TOGETHER, luns_opened);
		CU_ASSERT_TRUE(luns_opened >= wanted);
		after = mallinfo2();
		CU_ASSERT_TRUE(after.uordblks < before.uordblks + (16u << 20));
		/* With an honest target all is well again. */
		sim_hostile(rig.sim, 0, 0);
		rig_set(&rig, "login_timeout", "10000");
		rig_set(&rig, "command_timeout", "10000");
		CU_ASSERT_TRUE(rig_open(&rig));
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "seeds", test_seeds },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	/* With thread sanitizer it takes two minutes where nothing else runs. */
	if (RIG_SLOWNESS > 1)
		setenv("DSC_TEST_TIMEOUT", "600", 0);
	return dsc_test_main("hostile", tests, argc, argv);
}
