/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c: discsi-nbd: one iSCSI LUN as an NBD export or a kernel device.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app.h"
#include "log.h"
#include "nbdlink.h"
#include "registry.h"
#include "report.h"

#define EXIT_USAGE 2

static void print_error(bool is_json)
{
	char *text = nbd_report_error(is_json, discsi_last_error());

	fputs(text != NULL ? text : "discsi-nbd: no memory\n", stderr);
	free(text);
}

/* Nothing to be detached is fine: it has been done already. */
static int abandon(const struct nbd_options *options)
{
	if (nbd_registry_check_left(options->abandon) == 0 &&
	    nbd_link_abandon(options->abandon) == 0)
		return EXIT_SUCCESS;
	print_error(options->is_json);
	return EXIT_FAILURE;
}

/* Or else a descriptor of ours would be taken for a closed standard stream. */
static void occupy_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct nbd_options options;
	struct nbd_frontend frontend = NBD_FRONTEND_INIT;
	struct nbd_notify notify;
	struct nbd_daemon daemon;
	int status;

	occupy_streams();
	switch (nbd_cli_parse(&options, argc, argv)) {
	case NBD_CLI_RUN:
		break;
	case NBD_CLI_DONE:
		nbd_cli_forget(&options);
		return EXIT_SUCCESS;
	case NBD_CLI_USAGE:
		print_error(options.is_json);
		if (!options.is_json)
			fputs("Try discsi-nbd --help.\n", stderr);
		nbd_cli_forget(&options);
		return EXIT_USAGE;
	}
	if (options.is_verbose)
		nbd_log_set_level(DISCSI_LOG_INFO);
	if (options.abandon != NULL) {
		status = abandon(&options);
		nbd_cli_forget(&options);
		return status;
	}
	nbd_notify_take(&notify);
	if (nbd_frontend_take(&frontend, &options) < 0 ||
	    nbd_daemon_begin(&daemon, options.is_fork) < 0) {
		print_error(options.is_json);
		nbd_frontend_close(&frontend);
		nbd_cli_forget(&options);
		return EXIT_FAILURE;
	}
	if (daemon.child > 0) {
		nbd_cli_forget(&options);
		/* Whoever waits for this need not wait for libraries to end. */
		_exit(nbd_daemon_wait(&daemon));
	}
	status = nbd_app_run(&options, &daemon, &frontend, &notify);
	nbd_cli_forget(&options);
	return status;
}
