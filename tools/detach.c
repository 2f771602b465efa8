/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * detach.c: discsi detach: a local disk ends, by discsi_bridge_detach(), which
 * waits for it. Main thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include <discsi/bridge.h>
#include "cli.h"
#include "failure.h"
#include "output.h"
#include "which.h"

/*
 * The id of what is to be ended, while that can be told; else what was given,
 * about which the library knows what to say. Allocated, NULL without memory.
 */
static char *find_id(const char *which)
{
	const struct discsi_bridge *bridge = NULL;
	struct discsi_bridge **bridges = NULL;
	size_t count = 0;
	char *id;

	if (discsi_bridge_list(&bridges, &count) == 0)
		bridge = which_bridge(which, bridges, count);
	id = strdup(bridge != NULL ? bridge->id : which);
	discsi_bridge_list_free(bridges, count);
	return id;
}

static int print(const struct cli *cli, const char *id)
{
	struct json_object *object;

	if (!cli->json) {
		output_line("%s is detached.", id);
		return 0;
	}
	object = json_object_new_object();
	json_object_object_add(object, "detached", json_object_new_string(id));
	return output_json(object);
}

int run_detach(struct cli *cli)
{
	unsigned flags = cli->force ? DISCSI_DETACH_FORCE : 0;
	char *id = find_id(cli->operands[0]);
	int status;

	if (id == NULL)
		status = fail(ENOMEM, "there is no memory for the name");
	else if (discsi_bridge_detach(id, flags) < 0)
		status = fail_library(NULL, NULL);
	else
		status = print(cli, id);
	free(id);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
