/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * identify.c: one INQUIRY to a unit of any kind, disk or not, for programs
 * that list what a target has. Any thread of a threaded context; the request
 * lives on the loop.
 */
#include "lun/lun.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "scsi/cdb.h"

#define INQUIRY_BYTES 255

struct identify {
	struct dsc_request request;
	struct discsi_session *session;
	uint64_t lun_id;
	struct dsc_wait wait;
	struct dsc_job job;
	struct iovec iov;
	struct discsi_lun_info info;
	uint8_t data[INQUIRY_BYTES];
};

static void finish_with(struct identify *identify, int errnum, const char *why)
{
	struct discsi_error error;

	dsc_error_set(&error, errnum, "LUN %" PRIu64 " of %s %s",
		      identify->lun_id, dsc_session_conf(identify->session)->iqn, why);
	dsc_wait_finish(&identify->wait, -errnum, &error);
}

static void on_answer(struct dsc_request *request, int result,
		      const struct discsi_error *error)
{
	struct identify *identify =
		dsc_container_of(request, struct identify, request);
	uint8_t qualifier = 0;

	if (result != 0)
		dsc_wait_finish(&identify->wait, result, error);
	else if (dsc_inquiry_parse(identify->data, request->task.transferred,
				   &qualifier, &identify->info) != 0)
		finish_with(identify, EPROTO, "answers INQUIRY with something "
			    "that makes no sense");
	else if (qualifier != 0)
		finish_with(identify, ENXIO, "does not exist");
	else
		dsc_wait_finish(&identify->wait, 0, NULL);
}

static void on_start(struct dsc_job *job)
{
	struct identify *identify =
		dsc_container_of(job, struct identify, job);
	struct dsc_task *task = &identify->request.task;

	identify->iov.iov_base = identify->data;
	identify->iov.iov_len = sizeof(identify->data);
	dsc_cdb_inquiry(task->cdb, -1, INQUIRY_BYTES);
	dsc_lun_encode(identify->lun_id, task->lun);
	task->direction = DSC_DATA_IN;
	task->length = INQUIRY_BYTES;
	task->iov = &identify->iov;
	task->iovcnt = 1;
	identify->request.done = on_answer;
	dsc_session_submit(identify->session, &identify->request);
}

int discsi_lun_identify(struct discsi_session *session, uint64_t lun_id,
			struct discsi_lun_info *info)
{
	struct identify identify = { .session = session, .lun_id = lun_id };
	struct discsi_context *ctx;
	size_t size;
	int rc;

	if (session == NULL || info == NULL ||
	    info->size < offsetof(struct discsi_lun_info, vendor))
		return dsc_fail(EINVAL, "discsi_lun_identify: a NULL argument, "
				"or size is not set to the size of the struct");
	if (lun_id > DSC_LUN_ID_MAX)
		return dsc_fail(EINVAL, "lun_id: %" PRIu64 " is not from 0 to "
				"%d", lun_id, DSC_LUN_ID_MAX);
	ctx = dsc_session_context(session);
	rc = dsc_wait_begin(ctx, &identify.wait);
	if (rc != 0)
		return rc;
	dsc_loop_post(&ctx->loop, &identify.job, on_start);
	rc = dsc_wait_end(&identify.wait);
	if (rc != 0)
		return rc;
	identify.info.lun = lun_id;
	identify.info.size = info->size;
	size = info->size < sizeof(*info) ? info->size : sizeof(*info);
	memcpy(info, &identify.info, size);
	return 0;
}
