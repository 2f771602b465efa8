/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report-luns.c: which logical units a target has: REPORT LUNS to LUN 0, asked
 * a second time with more room when the first answer was cut.
 */
#include "session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/cdb.h"
#include "scsi/inquiry.h"

#define FIRST_BYTES 4096
/* Every number that a list of ours can have, 8 bytes each, and the header. */
#define MOST_BYTES (8 + 8 * (DSC_LUN_ID_MAX + 1))

struct report {
	struct dsc_request request;
	struct discsi_session *session;
	struct dsc_wait wait;
	struct dsc_job job;
	struct iovec iov;
	uint64_t *luns;
	size_t count;
};

static void on_answer(struct dsc_request *request, int result,
		      const struct discsi_error *error);

static void finish(struct report *report, int result,
		   const struct discsi_error *error)
{
	dsc_wait_finish(&report->wait, result, error);
}

static void finish_with(struct report *report, int errnum, const char *why)
{
	struct discsi_error error;

	dsc_error_set(&error, errnum, "REPORT LUNS of %s: %s",
		      dsc_session_conf(report->session)->iqn, why);
	finish(report, -errnum, &error);
}

static void ask(struct report *report, size_t bytes)
{
	struct dsc_task *task = &report->request.task;
	void *data = realloc(report->iov.iov_base, bytes);

	if (data == NULL) {
		finish_with(report, ENOMEM, "out of memory");
		return;
	}
	report->iov.iov_base = data;
	report->iov.iov_len = bytes;
	memset(data, 0, bytes);
	dsc_cdb_report_luns(task->cdb, (uint32_t)bytes);
	memset(task->lun, 0, sizeof(task->lun));
	task->direction = DSC_DATA_IN;
	task->length = (uint32_t)bytes;
	task->iov = &report->iov;
	task->iovcnt = 1;
	report->request.done = on_answer;
	dsc_session_submit(report->session, &report->request);
}

static int take_luns(struct report *report, uint64_t *needed)
{
	size_t room = report->iov.iov_len / 8;

	free(report->luns);
	report->luns = calloc(room, sizeof(*report->luns));
	if (report->luns == NULL)
		return -ENOMEM;
	return dsc_report_luns_parse(report->iov.iov_base,
				     report->request.task.transferred,
				     report->luns, room, &report->count,
				     needed);
}

static void on_answer(struct dsc_request *request, int result,
		      const struct discsi_error *error)
{
	struct report *report = dsc_container_of(request, struct report,
						 request);
	uint64_t needed = 0;

	if (result != 0) {
		finish(report, result, error);
		return;
	}
	result = take_luns(report, &needed);
	if (result == -ENOMEM)
		finish_with(report, ENOMEM, "out of memory");
	else if (result != 0 || needed > MOST_BYTES)
		finish_with(report, EPROTO, "the answer makes no sense");
	else if (needed > report->iov.iov_len &&
		 report->iov.iov_len == FIRST_BYTES)
		ask(report, (size_t)needed);
	else
		finish(report, 0, NULL);
}

static void on_start(struct dsc_job *job)
{
	ask(dsc_container_of(job, struct report, job), FIRST_BYTES);
}

int discsi_session_report_luns(struct discsi_session *session, uint64_t **luns,
			       size_t *count)
{
	struct report report = { .session = session };
	struct discsi_context *ctx;
	int rc;

	if (session == NULL || luns == NULL || count == NULL)
		return dsc_fail(EINVAL,
				"discsi_session_report_luns: NULL argument");
	ctx = dsc_session_context(session);
	rc = dsc_wait_begin(ctx, &report.wait);
	if (rc != 0)
		return rc;
	dsc_loop_post(&ctx->loop, &report.job, on_start);
	rc = dsc_wait_end(&report.wait);
	free(report.iov.iov_base);
	if (rc != 0) {
		free(report.luns);
		return rc;
	}
	*luns = report.luns;
	*count = report.count;
	return 0;
}
