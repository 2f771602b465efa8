/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cli.c: one table says what options there are, what they take, where that
 * goes and what --help says of them. Before there are threads.
 *
 * Messages repeat what was typed only where it cannot be a secret.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <discsi/version.h>

#include "base/error.h"
#include "base/registry.h"
#include "base/secret.h"

#include "cli.h"
#include "kernel.h"
#include "server.h"
#include "tcp.h"

#define RESTART_TIMEOUT_S 120
#define SECONDS_LIMIT 1000000u
#define URL_SCHEME "iscsi://"
#define FIRST_CODE 256  /* above every letter */

enum kind {
	KIND_TEXT, KIND_FLAG, KIND_CLIENTS, KIND_CONNECTIONS, KIND_SECONDS,
	KIND_SETTING, KIND_SECRET, KIND_HELP, KIND_VERSION,
};

static const struct option_entry {
	const char *name;
	const char *value;   /* what it takes, for the help; NULL: nothing */
	const char *help;    /* NULL: it is there to be refused */
	size_t offset;       /* in struct nbd_options */
	enum kind kind;
} entries[] = {
	{ "socket", "PATH", "serve NBD on this Unix socket",
	  offsetof(struct nbd_options, socket), KIND_TEXT },
	{ "device", "DEVICE", "be a kernel device: auto, or /dev/nbdN",
	  offsetof(struct nbd_options, device), KIND_TEXT },
	{ "connections", "NUMBER", "the device has so many sockets, 1 to 16 (1)",
	  offsetof(struct nbd_options, connections), KIND_CONNECTIONS },
	{ "listen", "HOST:PORT", "serve NBD over TCP, which takes TLS; port 0 is "
	  "any",
	  offsetof(struct nbd_options, listen), KIND_TEXT },
	{ "stdio", NULL, "serve one client on standard input and output",
	  offsetof(struct nbd_options, is_stdio), KIND_FLAG },
	{ "tls-certificates", "DIR", "require TLS, with server-cert.pem and -key.pem "
	  "in DIR",
	  offsetof(struct nbd_options, tls_certificates), KIND_TEXT },
	{ "tls-psk", "FILE", "require TLS, with one of the keys in FILE",
	  offsetof(struct nbd_options, tls_psk), KIND_TEXT },
	{ "tls-verify-peer", NULL, "clients need a certificate by DIR's "
	  "ca-cert.pem",
	  offsetof(struct nbd_options, is_peer_verified), KIND_FLAG },
	{ "insecure-loopback", NULL, "let --listen be without TLS on a loopback "
	  "address",
	  offsetof(struct nbd_options, is_loopback_insecure), KIND_FLAG },
	{ "max-clients", "NUMBER", "serve so many clients at once (default: 64)",
	  offsetof(struct nbd_options, max_clients), KIND_CLIENTS },
	{ "export", "NAME", "the export's name (default: the empty one)",
	  offsetof(struct nbd_options, export), KIND_TEXT },
	{ "config", "FILE", "read the configuration from JSON; - is stdin",
	  offsetof(struct nbd_options, config), KIND_TEXT },
	{ "password-file", "FILE", "our CHAP secret is the first line of FILE",
	  offsetof(struct nbd_options, password_file), KIND_TEXT },
	{ "target-password-file", "FILE", "the same for the target's secret",
	  offsetof(struct nbd_options, target_password_file), KIND_TEXT },
	/* Or else the secret would be taken for the name of a file. */
	{ "password", "SECRET", NULL, 0, KIND_SECRET },
	{ "target-password", "SECRET", NULL, 0, KIND_SECRET },
	{ "initiator", "NAME", "log in with this iSCSI name",
	  offsetof(struct nbd_options, initiator), KIND_TEXT },
	{ "header-digest", "WHEN", "none, prefer or require",
	  offsetof(struct nbd_options, header_digest), KIND_TEXT },
	{ "option", "MEMBER=VALUE", "any other member of the configuration",
	  0, KIND_SETTING },
	{ "read-only", NULL, "refuse every write",
	  offsetof(struct nbd_options, is_read_only), KIND_FLAG },
	{ "fork", NULL, "return when the export is ready, serve on behind",
	  offsetof(struct nbd_options, is_fork), KIND_FLAG },
	{ "supervise", NULL, "start again when it crashes or is killed",
	  offsetof(struct nbd_options, is_supervise), KIND_FLAG },
	{ "restart-timeout", "SECONDS",
	  "the device's I/O waits so long for that (120)",
	  offsetof(struct nbd_options, restart_timeout_s), KIND_SECONDS },
	{ "abandon", "ID", "detach the device that a dead process has left",
	  offsetof(struct nbd_options, abandon), KIND_TEXT },
	{ "takeover", "ID", "take the place of a running discsi-nbd, and its "
	  "options",
	  offsetof(struct nbd_options, takeover), KIND_TEXT },
	{ "json", NULL, "print the outcome as JSON",
	  offsetof(struct nbd_options, is_json), KIND_FLAG },
	{ "progress", NULL, "print a line, too, when the target has let us in",
	  offsetof(struct nbd_options, is_progress), KIND_FLAG },
	{ "verbose", NULL, "say what happens",
	  offsetof(struct nbd_options, is_verbose), KIND_FLAG },
	{ "help", NULL, "print this and leave", 0, KIND_HELP },
	{ "version", NULL, "print the version and leave", 0, KIND_VERSION },
};

#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

/* What is about this process, and not about what is served. */
static const char *const own[] = {
	"abandon", "takeover", "fork", "supervise", "json", "verbose",
};

static bool is_own(const struct option_entry *entry)
{
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strcmp(own[i], entry->name) == 0)
			return true;
	}
	return false;
}

static void print_help(void)
{
	size_t i;

	printf("Usage: discsi-nbd [OPTION]... [URL]\n"
	       "Serve an iSCSI LUN as an NBD export, or as a block device of "
	       "this kernel.\n\n"
	       "URL is iscsi://[user[%%secret]@]host[:port]/iqn/lun. Without "
	       "--socket,\n--device, --listen and --stdio the export is the "
	       "socket that was handed over\n(LISTEN_FDS), else one in the "
	       "state registry's directory.\n\n");
	for (i = 0; i < ENTRIES; i++) {
		if (entries[i].help == NULL)
			continue;
		printf("  --%s%s%-*s %s\n", entries[i].name,
		       entries[i].value != NULL ? " " : "",
		       28 - (int)strlen(entries[i].name) -
		       (entries[i].value != NULL),
		       entries[i].value != NULL ? entries[i].value : "",
		       entries[i].help);
	}
	printf("\nExit status: 0, 1 when something failed, 2 for a wrong "
	       "command line.\n");
}

/* The first argument that is a URL; its secret is hidden, the copy has it. */
static const char *take_url(struct nbd_options *options, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strncasecmp(argv[i], URL_SCHEME, strlen(URL_SCHEME)) != 0)
			continue;
		options->url = strdup(argv[i]);
		dsc_secret_hide_in_url(argv[i]);
		return argv[i];
	}
	return NULL;
}

static void fill_table(struct option *table)
{
	size_t i;

	memset(table, 0, (ENTRIES + 1) * sizeof(*table));
	for (i = 0; i < ENTRIES; i++) {
		table[i].name = entries[i].name;
		table[i].has_arg = entries[i].value != NULL ?
				   required_argument : no_argument;
		table[i].val = FIRST_CODE + (int)i;
	}
}

/* It is wiped, if late: others may have seen it. */
static enum nbd_cli refuse_secret(char *text)
{
	dsc_wipe(text, strlen(text));
	dsc_fail(EINVAL, "a secret is no argument, others could see it: use "
		 "--password-file or --target-password-file");
	return NBD_CLI_USAGE;
}

static enum nbd_cli take_setting(struct nbd_options *options, char *text)
{
	char *equals = strchr(text, '=');
	bool is_secret;

	if (equals == NULL || equals == text) {
		dsc_fail(EINVAL, "--option takes MEMBER=VALUE");
		return NBD_CLI_USAGE;
	}
	*equals = '\0';
	is_secret = dsc_secret_is_member(text);
	*equals = '=';
	if (is_secret)
		return refuse_secret(equals + 1);
	if (options->nsettings == NBD_SETTINGS_MAX) {
		dsc_fail(EINVAL, "--option is given more than %d times",
			 NBD_SETTINGS_MAX);
		return NBD_CLI_USAGE;
	}
	options->settings[options->nsettings++] = text;
	return NBD_CLI_RUN;
}

static enum nbd_cli take_number(unsigned *number, const char *text,
				const char *name, unsigned most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 1 ||
	    value > (long)most) {
		dsc_fail(EINVAL, "--%s takes a number from 1 to %u, not "
			 "\"%s\"", name, most, dsc_secret_shown(text));
		return NBD_CLI_USAGE;
	}
	*number = (unsigned)value;
	return NBD_CLI_RUN;
}

static enum nbd_cli take_option(struct nbd_options *options,
				const struct option_entry *entry)
{
	char *field = (char *)options + entry->offset;

	options->has_terms |= !is_own(entry);
	switch (entry->kind) {
	case KIND_TEXT:
		*(const char **)(void *)field = optarg;
		return NBD_CLI_RUN;
	case KIND_FLAG:
		*(bool *)field = true;
		return NBD_CLI_RUN;
	case KIND_CLIENTS:
		return take_number((unsigned *)(void *)field, optarg,
				   entry->name, NBD_CLIENTS_LIMIT);
	case KIND_CONNECTIONS:
		return take_number((unsigned *)(void *)field, optarg,
				   entry->name, NBD_CONNECTIONS_MAX);
	case KIND_SECONDS:
		return take_number((unsigned *)(void *)field, optarg,
				   entry->name, SECONDS_LIMIT);
	case KIND_SETTING:
		return take_setting(options, optarg);
	case KIND_SECRET:
		return refuse_secret(optarg);
	case KIND_HELP:
		print_help();
		return NBD_CLI_DONE;
	case KIND_VERSION:
		printf("discsi-nbd %s\n", DISCSI_VERSION);
		return NBD_CLI_DONE;
	}
	return NBD_CLI_USAGE;
}

/* What does not go together, and why. */
static const char *find_clash(const struct nbd_options *options)
{
	bool has_stdin = options->config != NULL &&
			 strcmp(options->config, "-") == 0;
	bool has_tls = options->tls_certificates != NULL ||
		       options->tls_psk != NULL;
	unsigned ways = (options->socket != NULL) + (options->device != NULL) +
			(options->listen != NULL);
	const struct {
		bool is_there;
		const char *why;
	} clashes[] = {
		{ ways > 1,
		  "--socket, --device and --listen exclude each other" },
		{ options->is_stdio && (ways > 0 || options->is_fork ||
				       options->is_supervise),
		  "--socket, --device, --listen, --fork and --supervise do not "
		  "go with --stdio" },
		{ options->is_stdio && options->is_progress,
		  "with --stdio nothing can be printed, as --progress would" },
		{ options->is_stdio && has_stdin,
		  "with --stdio the configuration cannot come from standard "
		  "input" },
		{ options->tls_certificates != NULL && options->tls_psk != NULL,
		  "--tls-certificates and --tls-psk exclude each other" },
		{ options->is_peer_verified &&
		  options->tls_certificates == NULL,
		  "--tls-verify-peer goes with --tls-certificates" },
		{ options->connections > 1 && options->device == NULL,
		  "--connections goes with --device: a socket serves as many "
		  "as its clients make, and --max-clients bounds that" },
		{ has_tls && options->device != NULL,
		  "--tls-certificates and --tls-psk do not go with --device" },
		{ has_tls && options->is_loopback_insecure,
		  "--insecure-loopback is for a server without TLS" },
		{ options->listen != NULL && !has_tls &&
		  !options->is_loopback_insecure,
		  "--listen takes --tls-certificates or --tls-psk; or, on a "
		  "loopback address, --insecure-loopback" },
	};
	size_t i;

	for (i = 0; i < sizeof(clashes) / sizeof(clashes[0]); i++) {
		if (clashes[i].is_there)
			return clashes[i].why;
	}
	return NULL;
}

/* That there is no such device (any more) is fine, but no mistake in typing. */
static enum nbd_cli check_abandoned(const char *id)
{
	if (dsc_registry_is_id(id))
		return NBD_CLI_RUN;
	dsc_fail(EINVAL, "--abandon takes the id of a bridge, as discsi status "
		 "shows it, not \"%s\"", dsc_secret_shown(id));
	return NBD_CLI_USAGE;
}

/* Who takes a place has all from who had it, and who abandons serves nothing. */
static enum nbd_cli check_alone(const struct nbd_options *options)
{
	bool is_alone = options->url == NULL && !options->has_terms;

	if (options->abandon != NULL) {
		if (is_alone && options->takeover == NULL &&
		    !options->is_fork && !options->is_supervise)
			return check_abandoned(options->abandon);
		dsc_fail(EINVAL, "--abandon serves nothing: only --json and "
			 "--verbose go with it");
		return NBD_CLI_USAGE;
	}
	if (is_alone)
		return NBD_CLI_RUN;
	dsc_fail(EINVAL, "--takeover has all from the running bridge: only "
		 "--fork, --supervise, --json and --verbose go with it");
	return NBD_CLI_USAGE;
}

/* Whatever can be seen to be wrong before anybody logs in. */
static enum nbd_cli check_places(const struct nbd_options *options)
{
	int index;

	if (options->socket != NULL && options->socket[0] == '\0') {
		dsc_fail(EINVAL, "--socket takes the path of the socket to be "
			 "made");
		return NBD_CLI_USAGE;
	}
	if ((options->device == NULL ||
	     nbd_kernel_parse_device(options->device, &index) == 0) &&
	    (options->listen == NULL ||
	     nbd_tcp_check_place(options->listen) == 0))
		return NBD_CLI_RUN;
	return NBD_CLI_USAGE;
}

static enum nbd_cli check(const struct nbd_options *options, int argc,
			  char **argv, const char *url)
{
	const char *clash = find_clash(options);

	if (argc - optind > 1) {
		dsc_fail(EINVAL, "one URL at most, not %d arguments",
			 argc - optind);
		return NBD_CLI_USAGE;
	}
	if (argc - optind == 1 && argv[optind] != url) {
		dsc_fail(EINVAL, "the argument is not an " URL_SCHEME " URL");
		return NBD_CLI_USAGE;
	}
	if (options->abandon != NULL || options->takeover != NULL)
		return check_alone(options);
	if (options->url == NULL && options->config == NULL) {
		dsc_fail(EINVAL, "there is neither a URL nor --config: which "
			 "LUN?");
		return NBD_CLI_USAGE;
	}
	if (clash == NULL)
		return check_places(options);
	dsc_fail(EINVAL, "%s", clash);
	return NBD_CLI_USAGE;
}

/* What getopt_long() did not like. */
static enum nbd_cli refuse_option(int code, char **argv)
{
	const char *word = argv[optind - 1];
	int length = (int)strcspn(word, "=");

	if (dsc_secret_may_be_in(word, (size_t)length)) {
		word = dsc_secret_shown(word);
		length = (int)strlen(word);
	}
	if (code == ':')
		dsc_fail(EINVAL, "the option %.*s lacks its value", length,
			 word);
	else if (optopt >= FIRST_CODE)
		dsc_fail(EINVAL, "the option %.*s takes no value", length,
			 word);
	else if (optopt != 0)
		dsc_fail(EINVAL, "the option -%c is unknown", optopt);
	else
		dsc_fail(EINVAL, "the option %.*s is unknown, or short for "
			 "several", length, word);
	return NBD_CLI_USAGE;
}

/* --json after a mistake decides, too, how the mistake is reported. */
static void look_for_json(struct nbd_options *options, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		options->is_json |= strcmp(argv[i], "--json") == 0;
}

enum nbd_cli nbd_cli_parse(struct nbd_options *options, int argc, char **argv)
{
	struct option table[ENTRIES + 1];
	const char *url;
	enum nbd_cli outcome;
	int code;

	*options = (struct nbd_options){
		.export = "",
		.max_clients = NBD_CLIENTS_DEFAULT,
		.connections = 1,
		.restart_timeout_s = RESTART_TIMEOUT_S,
	};
	url = take_url(options, argc, argv);
	fill_table(table);
	opterr = 0;
	while ((code = getopt_long(argc, argv, ":", table, NULL)) >= 0) {
		outcome = code < FIRST_CODE ? refuse_option(code, argv) :
			  take_option(options, &entries[code - FIRST_CODE]);
		if (outcome == NBD_CLI_USAGE)
			look_for_json(options, argc, argv);
		if (outcome != NBD_CLI_RUN)
			return outcome;
	}
	return check(options, argc, argv, url);
}

void nbd_cli_forget(struct nbd_options *options)
{
	if (options->url != NULL)
		dsc_wipe(options->url, strlen(options->url));
	free(options->url);
	options->url = NULL;
}
