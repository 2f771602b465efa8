/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * detach.c: discsi detach: a local disk ends, by discsi_bridge_detach(), which
 * waits for it. Main thread.
 */
#include <json-c/json.h>

#include <discsi/bridge.h>
#include "cli.h"
#include "failure.h"
#include "output.h"

static int print(const struct cli *cli, const char *which)
{
	struct json_object *object;

	if (!cli->json) {
		output_line("%s is detached.", which);
		return 0;
	}
	object = json_object_new_object();
	json_object_object_add(object, "detached",
			       json_object_new_string(which));
	return output_json(object);
}

int run_detach(struct cli *cli)
{
	const char *which = cli->operands[0];
	unsigned flags = cli->force ? DISCSI_DETACH_FORCE : 0;
	int status;

	if (discsi_bridge_detach(which, flags) < 0)
		status = fail_library(NULL, NULL);
	else
		status = print(cli, which);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
