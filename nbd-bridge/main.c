/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c: discsi-nbd: one iSCSI LUN as an NBD export or a kernel device.
 */
#include <stdio.h>
#include <stdlib.h>

#include "app.h"
#include "log.h"
#include "report.h"

#define EXIT_USAGE 2

static void print_usage_error(bool is_json)
{
	char *text = nbd_report_error(is_json, discsi_last_error());

	fputs(text != NULL ? text : "discsi-nbd: no memory\n", stderr);
	if (!is_json)
		fputs("Try discsi-nbd --help.\n", stderr);
	free(text);
}

int main(int argc, char **argv)
{
	struct nbd_options options;
	struct nbd_daemon daemon;
	int status;

	switch (nbd_cli_parse(&options, argc, argv)) {
	case NBD_CLI_RUN:
		break;
	case NBD_CLI_DONE:
		nbd_cli_forget(&options);
		return EXIT_SUCCESS;
	case NBD_CLI_USAGE:
		print_usage_error(options.is_json);
		nbd_cli_forget(&options);
		return EXIT_USAGE;
	}
	if (options.is_verbose)
		nbd_log_set_level(DISCSI_LOG_INFO);
	status = nbd_daemon_begin(&daemon, options.is_fork);
	if (status < 0)
		status = nbd_app_run(&options, &daemon);
	nbd_cli_forget(&options);
	return status;
}
