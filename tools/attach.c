/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach.c: discsi attach: a LUN becomes a local disk. What does the work is
 * discsi_bridge_attach_with(); here is what is asked of it and said of it. Main
 * thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <discsi/bridge.h>
#include "cli.h"
#include "connect.h"
#include "failure.h"
#include "output.h"
#include "shape.h"
#include "units.h"

/* Where the disk is now, and what to do with it. */
static int print_text(const struct discsi_bridge *bridge)
{
	char size[UNITS_MAX];
	char *uri;

	units_bytes(size, bridge->bytes);
	if (bridge->device[0] != '\0') {
		output_line("LUN %llu of %s is %s (%s).",
			    (unsigned long long)bridge->lun, bridge->target,
			    bridge->device, size);
		if (bridge->link[0] != '\0')
			output_line("Its name is %s", bridge->link);
	} else {
		uri = shape_nbd_uri(bridge->socket);
		if (uri == NULL)
			return fail(ENOMEM, "there is no memory for the "
				    "output");
		output_line("LUN %llu of %s is served on %s (%s).",
			    (unsigned long long)bridge->lun, bridge->target,
			    bridge->socket, size);
		output_line("For qemu, nbdcopy and nbdinfo it is %s", uri);
		free(uri);
	}
	output_line("To end it: discsi detach %s", bridge->id);
	return 0;
}

/*
 * Ends a disk of which nothing could be printed. Not by force: who has found it
 * all the same may use it by now.
 */
static void take_back(const struct discsi_bridge *bridge)
{
	if (discsi_bridge_detach(bridge->id, 0) == 0)
		fail_append("; LUN %llu of %s is detached again, since nobody "
			    "would know of it",
			    (unsigned long long)bridge->lun, bridge->target);
	else
		fail_append("; %s stays attached: %s", bridge->id,
			    discsi_last_error()->message);
}

/* Says where the disk is; one that nobody would know of ends. */
static int report(const struct cli *cli, const struct discsi_bridge *bridge)
{
	int status;

	/* A pipe without a reader is a failure like others, and no end of us. */
	signal(SIGPIPE, SIG_IGN);
	if (cli->json)
		status = output_json(shape_attached(bridge));
	else
		status = print_text(bridge);
	if (status == 0)
		status = output_finish();
	if (status < 0)
		take_back(bridge);
	return status;
}

int run_attach(struct cli *cli)
{
	const char *url = cli->noperands > 0 ? cli->operands[0] : NULL;
	const struct discsi_attach_options options = {
		.size = sizeof(options), .connections = cli->connections,
	};
	struct discsi_bridge *bridge = NULL;
	struct discsi_conf *conf;
	int status;

	status = connect_conf(cli, url, false, &conf);
	if (status < 0)
		return EXIT_FAILED;
	if (discsi_bridge_attach_with(conf, cli->device, &options, &bridge) < 0)
		status = fail_library(NULL, NULL);
	else
		status = report(cli, bridge);
	discsi_bridge_free(bridge);
	discsi_conf_free(conf);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
