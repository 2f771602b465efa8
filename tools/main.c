/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c: the command discsi. Hides secrets, parses, runs the subcommand,
 * prints the failure if there is one. Exit status 0, 1 (failed), 2 (usage).
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include <discsi/version.h>
#include "cli.h"
#include "failure.h"
#include "output.h"

static int run(struct cli *cli)
{
	int status = EXIT_OK;

	if (cli->wants_version)
		output_line("discsi %s", discsi_version());
	else if (cli->wants_help)
		cli_help(cli->command);
	else
		status = cli->command->run(cli);
	/* The failure that is kept is the one to tell of. */
	if (status == EXIT_OK && output_finish() < 0)
		status = EXIT_FAILED;
	if (status == EXIT_FAILED)
		output_error(cli->json, failure());
	return status;
}

int main(int argc, char **argv)
{
	char **arguments = cli_take_arguments(argc, argv);
	struct cli cli;
	int status;

	if (arguments == NULL)
		return EXIT_FAILED;
	/* How wide characters are, not how numbers look. */
	setlocale(LC_CTYPE, "");
	if (cli_parse(&cli, argc, arguments) < 0) {
		output_usage(cli.json, cli.command != NULL ?
			     cli.command->name : NULL, cli.message);
		status = EXIT_USAGE;
	} else {
		status = run(&cli);
	}
	cli_free_arguments(argc, arguments);
	return status;
}
