/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discover.c: discsi discover: which targets a portal offers. A line of the
 * table is a target and one of its portals. Main thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "connect.h"
#include "failure.h"
#include "output.h"
#include "shape.h"

static const struct output_column columns[] = {
	{ "TARGET", false },
	{ "PORTAL", false },
	{ "TPGT", true },
	{ NULL, false }
};

static int print_table(const struct discsi_discovery *discovery)
{
	struct output_table *table = output_table_begin(columns);
	const struct discsi_target *target;
	char tpgt[8];
	char *portal;
	size_t i;
	size_t k;

	for (i = 0; i < discovery->ntargets; i++) {
		target = &discovery->targets[i];
		for (k = 0; k < target->nportals; k++) {
			portal = shape_portal(target->portals[k].address,
					      target->portals[k].port);
			snprintf(tpgt, sizeof(tpgt), "%u",
				 target->portals[k].tpgt);
			output_table_row(table, (const char *const[]){
					 target->target, portal, tpgt });
			free(portal);
		}
	}
	return output_table_end(table);
}

static int print(const struct cli *cli,
		 const struct discsi_discovery *discovery)
{
	if (cli->json)
		return output_json(shape_discovery(discovery));
	if (discovery->ntargets > 0)
		return print_table(discovery);
	output_line("The portal offers no target to this initiator.");
	return 0;
}

int run_discover(struct cli *cli)
{
	const char *place = cli->noperands > 0 ? cli->operands[0] : NULL;
	struct discsi_discovery *discovery = NULL;
	struct discsi_context *ctx = NULL;
	struct discsi_conf *conf;
	int status;

	status = connect_conf(cli, place, true, &conf);
	if (status < 0)
		return EXIT_FAILED;
	status = connect_context(cli, &ctx);
	if (status == 0 && discsi_discover(ctx, conf, &discovery) < 0)
		status = fail_library(NULL, NULL);
	if (status == 0)
		status = print(cli, discovery);
	discsi_discovery_free(discovery);
	discsi_context_destroy(ctx);
	discsi_conf_free(conf);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
