/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/cli.h: the command line of discsi-nbd. Before there are threads.
 */
#ifndef NBD_CLI_H
#define NBD_CLI_H

#include <stdbool.h>
#include <stddef.h>

#define NBD_SETTINGS_MAX 32

/* What was asked for. Pointers go into argv, or are NULL. */
struct nbd_options {
	const char *socket;
	const char *device;
	const char *listen;            /* "HOST:PORT" */
	const char *tls_certificates;  /* a directory */
	const char *tls_psk;           /* a file */
	const char *abandon;           /* id of a dead process's device */
	const char *takeover;          /* id of a running bridge */
	const char *export;            /* "" unless told */
	const char *config;
	const char *password_file;
	const char *target_password_file;
	const char *initiator;
	const char *header_digest;
	char *settings[NBD_SETTINGS_MAX];  /* "MEMBER=VALUE", no secret */
	size_t nsettings;
	unsigned max_clients;          /* clients at once */
	unsigned connections;          /* sockets of the kernel device */
	unsigned restart_timeout_s;    /* I/O waits so long for a process */
	bool has_terms;                /* something says what is served, or how */
	bool is_stdio;
	bool is_peer_verified;
	bool is_loopback_insecure;
	bool is_read_only;
	bool is_fork;
	bool is_supervise;
	bool is_json;
	bool is_progress;              /* a line when we are logged in */
	bool is_verbose;
	char *url;                     /* a copy, with its secret; or NULL */
};

enum nbd_cli {
	NBD_CLI_RUN,    /* go on */
	NBD_CLI_DONE,   /* help or version was printed */
	NBD_CLI_USAGE,  /* what is wrong is the thread's last error */
};

/*
 * Reads the command line. A secret in a URL is overwritten in argv before
 * anything else happens.
 */
enum nbd_cli nbd_cli_parse(struct nbd_options *options, int argc, char **argv);

/* Wipes and frees the copy of the URL. */
void nbd_cli_forget(struct nbd_options *options);

#endif /* NBD_CLI_H */
