/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rig.c: the target, the session, the workload. Test's thread.
 */
#include "fault/rig.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* ------------------------------------------------------------------- rig */

static void on_event(void *arg, struct discsi_session *session,
		     const struct discsi_event *event)
{
	struct rig *rig = arg;

	(void)session;
	rig->events[event->type]++;
	rig->last = *event;
	rig->last.error = NULL;
	if (event->error != NULL)
		rig->last_errno = event->error->errnum;
}

static void on_log(void *arg, enum discsi_log_level level, const char *where,
		   const char *message)
{
	(void)arg;
	(void)level;
	fprintf(stderr, "# %8llu %s: %s\n",
		(unsigned long long)(rig_now_ms() % 1000000), where, message);
}

void rig_set(struct rig *rig, const char *member, const char *value)
{
	CU_ASSERT_EQUAL(discsi_conf_set(rig->conf, member, value), 0);
}

static bool prepare(struct rig *rig, const char *portal, const char *iqn)
{
	CU_ASSERT_EQUAL(discsi_context_new(&rig->ctx), 0);
	CU_ASSERT_EQUAL(discsi_conf_new(&rig->conf), 0);
	if (rig->ctx == NULL || rig->conf == NULL)
		return false;
	if (getenv("RIG_LOG") != NULL)
		discsi_context_set_log(rig->ctx, on_log, NULL,
				       DISCSI_LOG_DEBUG);
	rig_set(rig, "portal", portal);
	rig_set(rig, "iqn", iqn);
	rig_set(rig, "initiator_name", "iqn.2026-11.io.discsi:test");
	rig_set(rig, "replacement_timeout", "20000");
	return true;
}

bool rig_prepare(struct rig *rig, const struct sim_config *config)
{
	memset(rig, 0, sizeof(*rig));
	rig->sim = sim_start(config);
	CU_ASSERT_PTR_NOT_NULL(rig->sim);
	return rig->sim != NULL && prepare(rig, sim_portal(rig->sim, 0),
					   SIM_IQN);
}

bool rig_prepare_real(struct rig *rig, const char *portal, const char *iqn,
		      unsigned lun_id, const char *path)
{
	memset(rig, 0, sizeof(*rig));
	rig->file = strdup(path);
	rig->lun_id = lun_id;
	return prepare(rig, portal, iqn);
}

bool rig_open(struct rig *rig)
{
	int rc = discsi_session_open(rig->ctx, rig->conf, &rig->session);

	if (rc == 0)
		rc = discsi_session_on_event(rig->session, on_event, rig);
	if (rc == 0)
		rc = discsi_lun_open(rig->session, rig->lun_id, &rig->lun);
	CU_ASSERT_EQUAL(rc, 0);
	if (rc != 0) {
		CU_FAIL(discsi_last_error()->message);
		return false;
	}
	rig->info.size = sizeof(rig->info);
	CU_ASSERT_EQUAL(discsi_lun_get_info(rig->lun, &rig->info), 0);
	return true;
}

bool rig_begin(struct rig *rig, const struct sim_config *config)
{
	return rig_prepare(rig, config) && rig_open(rig);
}

void rig_end(struct rig *rig)
{
	discsi_lun_close(rig->lun);
	discsi_session_close(rig->session);
	discsi_conf_free(rig->conf);
	discsi_context_destroy(rig->ctx);
	sim_stop(rig->sim);
	free(rig->file);
}

/* ---------------------------------------------------------------- medium */

void rig_peek(struct rig *rig, uint64_t offset, void *data, size_t length)
{
	int fd;

	if (rig->sim != NULL) {
		sim_peek(rig->sim, 0, offset, data, length);
		return;
	}
	fd = open(rig->file, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(pread(fd, data, length, (off_t)offset),
			(ssize_t)length);
	close(fd);
}

void rig_poke(struct rig *rig, uint64_t offset, const void *data,
	      size_t length)
{
	int fd;

	if (rig->sim != NULL) {
		sim_poke(rig->sim, 0, offset, data, length);
		return;
	}
	fd = open(rig->file, O_WRONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(pwrite(fd, data, length, (off_t)offset),
			(ssize_t)length);
	close(fd);
}

unsigned rig_cut(unsigned port)
{
	struct sockaddr_in peer;
	unsigned cut = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++) {
		socklen_t length = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 ||
		    peer.sin_family != AF_INET || ntohs(peer.sin_port) != port)
			continue;
		shutdown(fd, SHUT_RDWR);
		cut++;
	}
	return cut;
}

void rig_stats(struct rig *rig, struct discsi_session_stats *stats)
{
	stats->size = sizeof(*stats);
	CU_ASSERT_EQUAL(discsi_session_get_stats(rig->session, stats), 0);
}

void rig_tally(void *arg, int result, const struct discsi_error *error)
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

uint64_t rig_now_ms(void)
{
	return dsc_clock_now_ns() / DSC_NS_PER_MS;
}

bool rig_wait(struct rig *rig, const unsigned *number, unsigned want,
	      unsigned ms)
{
	uint64_t end = rig_now_ms() + ms;

	while (*number < want && rig_now_ms() < end)
		if (discsi_context_dispatch(rig->ctx, 20) != 0)
			return false;
	return *number >= want;
}

void rig_run(struct rig *rig, unsigned ms)
{
	uint64_t end = rig_now_ms() + ms;

	while (rig_now_ms() < end)
		discsi_context_dispatch(rig->ctx, 10);
}

void rig_sleep(struct rig *rig, unsigned ms)
{
	struct pollfd fd = {
		.fd = discsi_context_fd(rig->ctx), .events = POLLIN,
	};
	uint64_t now = rig_now_ms();
	uint64_t end = now + ms;

	for (; now < end; now = rig_now_ms())
		if (poll(&fd, 1, (int)(end - now)) > 0)
			discsi_context_dispatch(rig->ctx, 0);
}

bool rig_until(struct rig *rig, bool (*is)(struct rig *rig), unsigned ms)
{
	uint64_t end = rig_now_ms() + ms;

	while (!is(rig) && rig_now_ms() < end)
		discsi_context_dispatch(rig->ctx, 10);
	return is(rig);
}

void rig_fill(void *data, size_t length, uint32_t seed)
{
	uint32_t *p = data;
	size_t i;

	for (i = 0; i < length / 4; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = seed;
	}
}

/* -------------------------------------------------------------- workload */

struct work_op {
	struct work *work;
	unsigned slot;
	bool is_write;
	uint32_t seed;
	uint8_t data[RIG_SLOT];
};

static void start(struct work_op *op);

static void on_done(void *arg, int result, const struct discsi_error *error)
{
	struct work_op *op = arg;
	struct work *work = op->work;
	uint8_t want[RIG_SLOT];

	(void)error;
	work->done++;
	work->under_way--;
	work->is_busy[op->slot] = false;
	if (result != 0) {
		work->failed++;
		work->last_error = result;
		work->is_stopping = true;
	} else if (op->is_write) {
		work->seed[op->slot] = op->seed;
	} else {
		rig_fill(want, sizeof(want), work->seed[op->slot]);
		work->wrong += memcmp(want, op->data, sizeof(want)) != 0;
	}
	start(op);
}

static uint32_t next_random(struct work *work)
{
	work->random = work->random * 1103515245u + 12345u;
	return work->random >> 8;
}

static void start(struct work_op *op)
{
	struct work *work = op->work;
	struct discsi_lun *lun = work->rig->lun;
	int rc;

	if (work->is_stopping ||
	    (work->total != 0 && work->started == work->total))
		return;
	do
		op->slot = next_random(work) % work->slots;
	while (work->is_busy[op->slot]);
	op->is_write = (next_random(work) & 1) != 0;
	op->seed = next_random(work) | 1;
	work->is_busy[op->slot] = true;
	work->started++;
	work->under_way++;
	if (op->is_write) {
		rig_fill(op->data, RIG_SLOT, op->seed);
		rc = discsi_lun_write_async(lun, op->data, RIG_SLOT,
					    (uint64_t)op->slot * RIG_SLOT, 0,
					    on_done, op);
	} else {
		rc = discsi_lun_read_async(lun, op->data, RIG_SLOT,
					   (uint64_t)op->slot * RIG_SLOT, 0,
					   on_done, op);
	}
	if (rc != 0) {
		work->is_busy[op->slot] = false;
		work->under_way--;
		work->done++;
		work->failed++;
		work->last_error = rc;
		work->is_stopping = true;
	}
}

bool work_begin(struct work *work, struct rig *rig, unsigned slots,
		unsigned depth, unsigned total)
{
	uint8_t data[RIG_SLOT];
	unsigned i;

	memset(work, 0, sizeof(*work));
	work->rig = rig;
	work->slots = slots;
	work->depth = depth;
	work->total = total;
	work->random = 4711;
	work->op = calloc(depth, sizeof(*work->op));
	work->seed = calloc(slots, sizeof(*work->seed));
	work->is_busy = calloc(slots, sizeof(*work->is_busy));
	if (work->op == NULL || work->seed == NULL || work->is_busy == NULL)
		return false;
	for (i = 0; i < slots; i++) {
		rig_fill(data, sizeof(data), 0);
		rig_poke(rig, (uint64_t)i * RIG_SLOT, data, sizeof(data));
	}
	for (i = 0; i < depth; i++) {
		work->op[i].work = work;
		start(&work->op[i]);
	}
	return true;
}

bool work_finish(struct work *work, unsigned ms)
{
	uint64_t end = rig_now_ms() + ms;

	if (work->total == 0)
		work->is_stopping = true;
	while (work->under_way > 0 && rig_now_ms() < end)
		discsi_context_dispatch(work->rig->ctx, 20);
	return work->under_way == 0;
}

void work_check(struct work *work)
{
	uint8_t want[RIG_SLOT];
	uint8_t have[RIG_SLOT];
	unsigned lost = 0;
	unsigned i;

	for (i = 0; i < work->slots; i++) {
		rig_fill(want, sizeof(want), work->seed[i]);
		rig_peek(work->rig, (uint64_t)i * RIG_SLOT, have,
			 sizeof(have));
		lost += memcmp(want, have, sizeof(want)) != 0;
	}
	CU_ASSERT_EQUAL(lost, 0);
	CU_ASSERT_EQUAL(work->wrong, 0);
	free(work->op);
	free(work->seed);
	free(work->is_busy);
}
