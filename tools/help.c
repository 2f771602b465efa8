/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * help.c: discsi help: the help of the program or of a command, which cli.c
 * makes from its tables. Main thread.
 */
#include <stddef.h>

#include "cli.h"
#include "output.h"

int run_help(struct cli *cli)
{
	const struct cli_command *command = NULL;

	if (cli->noperands > 0) {
		command = cli_find(cli->operands[0]);
		if (command == NULL) {
			output_usage(cli->json, NULL, "there is no such "
				     "command");
			return EXIT_USAGE;
		}
	}
	cli_help(command);
	return EXIT_OK;
}
