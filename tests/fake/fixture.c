/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fixture.c: a fake target with a session and an open LUN. Test's thread.
 */
#include "fake/fixture.h"

#include <CUnit/CUnit.h>
#include <string.h>

#include "base/clock.h"

bool fixture_prepare(struct fixture *f, const struct fake_disk *disk)
{
	memset(f, 0, sizeof(*f));
	f->target = fake_target_start(disk);
	CU_ASSERT_PTR_NOT_NULL(f->target);
	if (f->target == NULL)
		return false;
	CU_ASSERT_EQUAL(discsi_context_new(&f->ctx), 0);
	CU_ASSERT_EQUAL(discsi_conf_new(&f->conf), 0);
	if (f->ctx == NULL || f->conf == NULL)
		return false;
	CU_ASSERT_EQUAL(discsi_conf_set(f->conf, "portal",
					fake_target_portal(f->target)), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(f->conf, "iqn", FAKE_IQN), 0);
	/* What is lost is lost, unless a test says otherwise. */
	CU_ASSERT_EQUAL(discsi_conf_set(f->conf, "replacement_timeout", "0"),
			0);
	CU_ASSERT_EQUAL(discsi_conf_set(f->conf, "initiator_name",
					"iqn.2026-11.io.discsi:test"), 0);
	return true;
}

bool fixture_open(struct fixture *f)
{
	int rc = discsi_session_open(f->ctx, f->conf, &f->session);

	if (rc == 0)
		rc = discsi_lun_open(f->session, 0, &f->lun);
	CU_ASSERT_EQUAL(rc, 0);
	if (rc != 0) {
		CU_FAIL(discsi_last_error()->message);
		return false;
	}
	f->info.size = sizeof(f->info);
	CU_ASSERT_EQUAL(discsi_lun_get_info(f->lun, &f->info), 0);
	return true;
}

bool fixture_begin(struct fixture *f, const struct fake_disk *disk)
{
	return fixture_prepare(f, disk) && fixture_open(f);
}

void fixture_end(struct fixture *f)
{
	discsi_lun_close(f->lun);
	discsi_session_close(f->session);
	discsi_conf_free(f->conf);
	discsi_context_destroy(f->ctx);
	fake_target_stop(f->target);
}

void fixture_fill(void *data, size_t length, uint32_t seed)
{
	uint8_t *p = data;
	size_t i;

	for (i = 0; i < length; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (uint8_t)(seed >> 24);
	}
}

void fixture_tally(void *arg, int result, const struct discsi_error *error)
{
	struct tally *tally = arg;

	tally->done++;
	if (result == 0) {
		tally->ok++;
		return;
	}
	tally->last = result;
	if (error != NULL)
		tally->error = *error;
}

bool fixture_wait(struct fixture *f, const struct tally *tally, unsigned want)
{
	uint64_t end = dsc_clock_now_ns() + 20 * DSC_NS_PER_S;

	while (tally->done < want && dsc_clock_now_ns() < end)
		if (discsi_context_dispatch(f->ctx, 100) != 0)
			return false;
	return tally->done == want;
}
