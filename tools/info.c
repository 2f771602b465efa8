/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * info.c: discsi info: all that a LUN and its login tell, as shape.c lays it
 * out. Main thread.
 */
#include <errno.h>

#include "cli.h"
#include "connect.h"
#include "failure.h"
#include "output.h"
#include "shape.h"

static int print(const struct cli *cli, const struct connection *connection)
{
	struct discsi_session_info session = { .size = sizeof(session) };
	struct output_pair *pairs;
	int status;

	if (discsi_session_get_info(connection->session, &session) < 0)
		return fail_library(NULL, NULL);
	if (cli->json)
		return output_json(shape_info(&connection->info, &session));
	pairs = shape_info_pairs(&connection->info, &session);
	if (pairs == NULL)
		return fail(ENOMEM, "there is no memory for the output");
	status = output_pairs(pairs);
	shape_pairs_free(pairs);
	return status;
}

int run_info(struct cli *cli)
{
	const char *url = cli->noperands > 0 ? cli->operands[0] : NULL;
	struct connection connection;
	int status;

	status = connect_lun(&connection, cli, NULL, url);
	if (status == 0)
		status = print(cli, &connection);
	connect_close(&connection);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
