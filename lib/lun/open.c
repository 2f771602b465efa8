/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * open.c: the life of a LUN handle, and its facts. Made on the caller's thread,
 * probed on the loop, ended there too: by its owner, or with its session.
 */
#include "lun/lun.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/cdb.h"

/* ------------------------------------------------------------------- end */

static void free_lun(struct discsi_lun *lun)
{
	dsc_deferred_cancel(&lun->settle);
	dsc_timer_fini(&lun->open_timer);
	dsc_probe_forget_identities(lun);
	dsc_session_remove_unit(&lun->unit);
	dsc_probe_free(lun->probe);
	dsc_io_fini(lun);
	free(lun);
}

/* From here on submissions are refused. */
static void set_closing(struct discsi_lun *lun)
{
	pthread_mutex_lock(&lun->lock);
	lun->is_closing = true;
	pthread_mutex_unlock(&lun->lock);
}

static void on_session_stop(struct dsc_unit *unit)
{
	set_closing(dsc_container_of(unit, struct discsi_lun, unit));
}

/* The session ends: every request of it is done, so nothing is under way. */
static void on_session_end(struct dsc_unit *unit)
{
	struct discsi_lun *lun = dsc_container_of(unit, struct discsi_lun, unit);
	discsi_done_cb cb = lun->close_cb;
	void *arg = lun->close_arg;

	set_closing(lun);
	dsc_io_finish_now(lun);
	free_lun(lun);
	if (cb != NULL)
		cb(arg, 0, NULL);
}

/*
 * Closing: once nothing is under way, free it and say so. One that its owner has
 * not closed is there until its session is gone: he may close it still.
 */
static void on_settle(struct dsc_deferred *deferred)
{
	struct discsi_lun *lun =
		dsc_container_of(deferred, struct discsi_lun, settle);
	discsi_done_cb cb = lun->close_cb;
	void *arg = lun->close_arg;

	if (!lun->is_closed || !dsc_list_is_empty(&lun->active) ||
	    !dsc_list_is_empty(&lun->finished))
		return;
	free_lun(lun);
	if (cb != NULL)
		cb(arg, 0, NULL);
}

static void on_close(struct dsc_job *job)
{
	struct discsi_lun *lun =
		dsc_container_of(job, struct discsi_lun, close_job);

	set_closing(lun);
	lun->is_closed = true;
	dsc_io_cancel_all(lun);
	dsc_deferred_request(&lun->ctx->loop, &lun->settle);
}

void discsi_lun_close(struct discsi_lun *lun)
{
	struct discsi_context *ctx;
	struct dsc_wait wait;

	if (lun == NULL)
		return;
	ctx = lun->ctx;
	if (ctx->is_ending)
		return;  /* it ends with its session, which is ending */
	if (dsc_loop_is_in_turn(&ctx->loop) || dsc_wait_begin(ctx, &wait) != 0) {
		lun->close_cb = NULL;
		dsc_loop_post(&ctx->loop, &lun->close_job, on_close);
		return;
	}
	lun->close_cb = dsc_wait_finish;
	lun->close_arg = &wait;
	dsc_loop_post(&ctx->loop, &lun->close_job, on_close);
	dsc_wait_end(&wait);
}

/* ----------------------------------------------------------------- begin */

static void finish_open(struct discsi_lun *lun, int result,
			const struct discsi_error *error)
{
	discsi_lun_cb cb = lun->open_cb;
	void *arg = lun->open_arg;
	struct discsi_error copy;

	if (result == 0) {
		dsc_probe_free(lun->probe);
		lun->probe = NULL;
		dsc_timer_fini(&lun->open_timer);
		dsc_session_inherit(lun->session, &lun->unit);
		cb(arg, 0, lun, NULL);
		return;
	}
	copy = *error;
	free_lun(lun);
	cb(arg, result, NULL, &copy);
}

/* Whatever the session is doing meanwhile. */
static void on_open_timer(struct dsc_timer *timer)
{
	struct discsi_lun *lun =
		dsc_container_of(timer, struct discsi_lun, open_timer);
	struct discsi_error error;
	const char *question = dsc_probe_forget(lun->probe);

	lun->probe = NULL;
	dsc_error_set(&error, ETIMEDOUT, "%s: not opened within %" PRIu32
		      " ms, %s is not answered", lun->name,
		      dsc_session_conf(lun->session)->command_timeout_ms,
		      question);
	finish_open(lun, -ETIMEDOUT, &error);
}

static int begin_open(struct discsi_lun *lun)
{
	int rc = dsc_timer_init(&lun->ctx->loop, &lun->open_timer,
				on_open_timer);

	if (rc != 0)
		return rc;
	dsc_timer_set_in(&lun->open_timer, dsc_session_conf(
		lun->session)->command_timeout_ms);
	return dsc_probe_start(lun, finish_open);
}

static void on_open(struct dsc_job *job)
{
	struct discsi_lun *lun =
		dsc_container_of(job, struct discsi_lun, open_job);
	struct discsi_error error;

	dsc_session_add_unit(lun->session, &lun->unit);
	if (begin_open(lun) == 0)
		return;
	dsc_error_set(&error, ENOMEM, "out of memory");
	finish_open(lun, -ENOMEM, &error);
}

static const struct dsc_unit_ops unit_ops = {
	.stop = on_session_stop,
	.end = on_session_end,
	.verify = dsc_lun_verify,
	.news = dsc_lun_news,
	.condemn = dsc_lun_condemn,
	.vendor = dsc_lun_vendor,
};

static int make_lun(struct discsi_session *session, uint64_t lun_id,
		    struct discsi_lun **out)
{
	struct discsi_lun *lun = calloc(1, sizeof(*lun));

	if (lun == NULL)
		return dsc_fail_memory();
	if (dsc_io_init(lun) != 0) {
		free(lun);
		return dsc_fail_memory();
	}
	lun->session = session;
	lun->ctx = dsc_session_context(session);
	lun->unit.ops = &unit_ops;
	lun->unit.number = lun_id;
	dsc_lun_encode(lun_id, lun->unit.address);
	snprintf(lun->name, sizeof(lun->name), "LUN %" PRIu64 " of %s", lun_id,
		 dsc_session_conf(session)->iqn);
	dsc_list_init(&lun->unit.link);
	dsc_list_init(&lun->identifying);
	dsc_deferred_init(&lun->settle, on_settle);
	*out = lun;
	return 0;
}

int discsi_lun_open_async(struct discsi_session *session, uint64_t lun_id,
			  discsi_lun_cb cb, void *arg)
{
	const struct discsi_conf *conf;
	struct discsi_lun *lun = NULL;
	int rc;

	if (session == NULL || cb == NULL)
		return dsc_fail(EINVAL, "discsi_lun_open: NULL argument");
	conf = dsc_session_conf(session);
	if (dsc_session_context(session)->is_ending)
		return dsc_fail(ECANCELED, "the context is being destroyed");
	if (lun_id == DISCSI_LUN_OF_CONF && !conf->has_lun_id)
		return dsc_fail(EINVAL, "lun_id: not set, and no other LUN "
					"number is given");
	if (lun_id == DISCSI_LUN_OF_CONF)
		lun_id = conf->lun_id;
	if (lun_id > DSC_LUN_ID_MAX)
		return dsc_fail(EINVAL, "lun_id: %" PRIu64 " is not from 0 to %d",
				lun_id, DSC_LUN_ID_MAX);
	rc = make_lun(session, lun_id, &lun);
	if (rc != 0)
		return rc;
	lun->open_cb = cb;
	lun->open_arg = arg;
	dsc_loop_post(&lun->ctx->loop, &lun->open_job, on_open);
	return 0;
}

struct open_wait {
	struct dsc_wait wait;
	struct discsi_lun *lun;
};

static void on_open_waited(void *arg, int status, struct discsi_lun *lun,
			   const struct discsi_error *error)
{
	struct open_wait *open = arg;

	open->lun = lun;
	dsc_wait_finish(&open->wait, status, error);
}

int discsi_lun_open(struct discsi_session *session, uint64_t lun_id,
		    struct discsi_lun **lun)
{
	struct open_wait open = { .lun = NULL };
	int rc;

	if (session == NULL || lun == NULL)
		return dsc_fail(EINVAL, "discsi_lun_open: NULL argument");
	*lun = NULL;
	rc = dsc_wait_begin(dsc_session_context(session), &open.wait);
	if (rc != 0)
		return rc;
	rc = discsi_lun_open_async(session, lun_id, on_open_waited, &open);
	if (rc != 0) {
		dsc_wait_abandon(&open.wait);
		return rc;
	}
	rc = dsc_wait_end(&open.wait);
	*lun = open.lun;
	return rc;
}

/* ----------------------------------------------------------------- facts */

int discsi_lun_get_info(struct discsi_lun *lun, struct discsi_lun_info *info)
{
	size_t size;

	if (lun == NULL || info == NULL ||
	    info->size < offsetof(struct discsi_lun_info, vendor))
		return dsc_fail(EINVAL, "discsi_lun_get_info: size is not set to "
					"the size of the struct");
	size = info->size < sizeof(*info) ? info->size : sizeof(*info);
	pthread_mutex_lock(&lun->lock);
	memcpy((char *)info + sizeof(info->size),
	       (char *)&lun->info + sizeof(info->size),
	       size - sizeof(info->size));
	pthread_mutex_unlock(&lun->lock);
	return 0;
}
