/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * device.c: the bridge as a kernel device: attached, or gone on with. Main thread.
 *
 * The kernel takes some 20 ms to attach one, most of them for waiting: meanwhile
 * the memory for its requests is brought in. A device that was there before has
 * writes to send, and finds that memory when it gets its sockets.
 */
#include <errno.h>

#include "base/error.h"

#include "app.h"
#include "harden.h"
#include "naming.h"

static int choose_name(struct nbd_app *app)
{
	struct discsi_session_info info = { .size = sizeof(info) };
	int rc = app->left_index >= 0 ? nbd_recall_name(app) : 0;

	if (rc < 0 || app->name != NULL)
		return rc;
	rc = discsi_session_get_info(app->session, &info);
	if (rc < 0)
		return rc;
	app->name = nbd_naming_choose(app->conf, &info, app->lun_id);
	return app->name != NULL ? 0 : dsc_fail_memory();
}

/* Before there is the device: udev looks at it as soon as there is. */
static int name_device(struct nbd_app *app)
{
	int rc = choose_name(app);

	if (rc == 0)
		rc = nbd_registry_name(&app->registry, app->name);
	app->kernel.name = app->name;
	return rc;
}

/* How long the disk may take to answer. */
static int read_answer_time(struct nbd_app *app)
{
	return nbd_app_number(app, "command_timeout", &app->kernel.answer_ms);
}

static int start_resume(struct nbd_app *app, int index)
{
	int rc;

	if (index != NBD_INDEX_ANY && index != app->left_index)
		return dsc_fail(EBUSY, "this LUN is /dev/nbd%d still, which a "
				"process that died has left: go on with that, "
				"or detach it first", app->left_index);
	rc = nbd_reserve_take(app);
	return rc < 0 ? rc : nbd_kernel_start_resume(&app->kernel, &app->server,
						     (uint32_t)app->left_index,
						     app->registry.id);
}

/* Returns rc, the failure there was before, or why there is no device. */
static int finish(struct nbd_app *app, int rc)
{
	const struct discsi_error error = *discsi_last_error();
	int finished;

	nbd_worker_join(&app->kernel.attach.worker);
	finished = nbd_kernel_finish_attach(&app->kernel);
	if (finished == -ENODEV)
		app->left_index = -1;  /* detached since it was found */
	if (rc < 0)
		return dsc_fail_with(&error);
	if (finished == 0)
		nbd_harden_report(app->supervised.is_restart ?
				  DISCSI_LOG_INFO : DISCSI_LOG_WARNING);
	return finished;
}

int nbd_device_export(struct nbd_app *app)
{
	bool is_left = app->left_index >= 0;
	int index;
	int rc = nbd_kernel_parse_device(app->options->device, &index);

	app->kernel.dead_timeout_s = app->options->restart_timeout_s;
	if (rc == 0)
		rc = name_device(app);
	if (rc == 0)
		rc = read_answer_time(app);
	if (rc == 0)
		rc = is_left ? start_resume(app, index) :
			       nbd_kernel_start_attach(&app->kernel,
						       &app->server, index,
						       app->registry.id);
	if (rc < 0)
		return rc;
	return finish(app, is_left ? 0 : nbd_reserve_take(app));
}

int nbd_device_recall(struct nbd_app *app)
{
	int rc = nbd_recall_name(app);

	if (rc < 0)
		return rc;
	app->kernel.name = app->name;
	app->kernel.attach.is_named = app->name != NULL;
	return read_answer_time(app);
}
