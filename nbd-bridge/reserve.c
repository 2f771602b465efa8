/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reserve.c: the memory for a kernel's requests, which is there before they are
 * served. It is touched, and all memory locked, on a thread of its own, while the
 * loop keeps the session alive and the kernel makes the device; not during the
 * login, whose every page fault would wait for that. Main thread, but for that.
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

int nbd_reserve_take(struct nbd_app *app)
{
	int rc = nbd_worker_start(&app->reserving, app->ctx, map_reserve, NULL,
				  app);

	if (rc < 0)
		return rc;
	nbd_worker_join(&app->reserving);
	if (app->reserve == NULL)
		return dsc_fail_memory();
	nbd_pool_reserve(&app->server.pool, app->reserve,
			 app->kernel.connections);
	app->reserve = NULL;
	return 0;
}
