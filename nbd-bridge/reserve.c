/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reserve.c: the memory for a kernel's requests, which is there before the
 * device is. It is touched, and all memory locked, while the target is waited
 * for. Main thread, but for that.
 */
#include "base/error.h"

#include "app.h"
#include "harden.h"

static void map_reserve(void *arg)
{
	struct nbd_app *app = arg;

	nbd_harden_memory();
	app->reserve = nbd_reserve_map(app->kernel.connections);
}

int nbd_reserve_begin(struct nbd_app *app)
{
	if (app->options->device == NULL)
		return 0;
	return nbd_worker_start(&app->reserving, app->ctx, map_reserve, NULL,
				app);
}

int nbd_reserve_take(struct nbd_app *app)
{
	nbd_worker_join(&app->reserving);
	if (app->reserve == NULL)
		return dsc_fail_memory();
	nbd_pool_reserve(&app->server.pool, app->reserve,
			 app->kernel.connections);
	app->reserve = NULL;
	return 0;
}

void nbd_reserve_close(struct nbd_app *app)
{
	nbd_worker_join(&app->reserving);
	nbd_reserve_unmap(app->reserve, app->kernel.connections);
	app->reserve = NULL;
}
