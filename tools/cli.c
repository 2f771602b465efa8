/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cli.c: the table of options, and parsing with getopt_long(). Options may
 * stand anywhere; the first word that is none is the subcommand. Main thread
 * (getopt_long() keeps its place in globals).
 *
 * Messages repeat what was typed only where it cannot be a secret: names of
 * options and subcommands.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "cli.h"

#define FIRST_CODE 256  /* above every letter */
#define CONNECTIONS_MAX 16
#define WAIT_MAX 86400

enum option_id {
	OPTION_MEMBER,      /* sets a member of the configuration */
	OPTION_FLAG_MEMBER, /* sets it to "true" */
	OPTION_ANY_MEMBER,  /* sets the one that its argument names */
	OPTION_SECRET,      /* is there to be refused */
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_JSON,
	OPTION_VERBOSE,
	OPTION_CONFIG,
	OPTION_DEVICE,
	OPTION_CONNECTIONS,
	OPTION_FORCE,
	OPTION_WAIT,
	OPTION_VERIFY,
	OPTION_PROGRESS,
	OPTION_NO_PROGRESS,
};

struct option_entry {
	const char *name;
	char letter;            /* 0: none */
	const char *argument;   /* NULL: takes none */
	unsigned commands;
	enum option_id id;
	const char *member;
	const char *help;       /* NULL: it is not told of */
};

static const struct option_entry entries[] = {
	{ "config", 'c', "FILE", CLI_LOGIN, OPTION_CONFIG, NULL,
	  "JSON configuration, - for standard input" },
	{ "username", 0, "NAME", CLI_LOGIN, OPTION_MEMBER, "username",
	  "CHAP: our name" },
	{ "password-file", 0, "FILE", CLI_LOGIN, OPTION_MEMBER,
	  "password_file", "CHAP: our secret, the file's first line" },
	{ "target-username", 0, "NAME", CLI_LOGIN, OPTION_MEMBER,
	  "target_username", "mutual CHAP: the target's name" },
	{ "target-password-file", 0, "FILE", CLI_LOGIN, OPTION_MEMBER,
	  "target_password_file", "mutual CHAP: the target's secret" },
	/* Or else the secret would be taken for the name of a file. */
	{ "password", 0, "SECRET", CLI_LOGIN, OPTION_SECRET, NULL, NULL },
	{ "target-password", 0, "SECRET", CLI_LOGIN, OPTION_SECRET, NULL,
	  NULL },
	{ "initiator", 0, "NAME", CLI_LOGIN, OPTION_MEMBER, "initiator_name",
	  "our iSCSI name" },
	{ "header-digest", 0, "MODE", CLI_LOGIN, OPTION_MEMBER,
	  "header_digest", "none, prefer or require" },
	{ "data-digest", 0, "MODE", CLI_LOGIN, OPTION_MEMBER, "data_digest",
	  "none, prefer or require" },
	{ "expected-id", 0, "ID", CLI_LOGIN, OPTION_MEMBER, "expected_id",
	  "designator or serial that the disk must have" },
	{ "login-timeout", 0, "MS", CLI_LOGIN, OPTION_MEMBER, "login_timeout",
	  "milliseconds for connecting and logging in" },
	{ "command-timeout", 0, "MS", CLI_LOGIN, OPTION_MEMBER,
	  "command_timeout", "milliseconds for one command" },
	{ "option", 'o', "MEMBER=VALUE", CLI_LOGIN, OPTION_ANY_MEMBER, NULL,
	  "any other member of the configuration; repeatable" },
	{ "device", 'd', "HOW", CLI_ATTACH, OPTION_DEVICE, NULL,
	  "auto, nbd, /dev/nbdN, socket or a path" },
	{ "connections", 0, "NUMBER", CLI_ATTACH, OPTION_CONNECTIONS, NULL,
	  "sockets of a kernel device, 1 to 16 (1)" },
	{ "read-only", 'r', NULL, CLI_ATTACH, OPTION_FLAG_MEMBER, "read_only",
	  "refuse every write" },
	{ "force", 'f', NULL, CLI_DETACH, OPTION_FORCE, NULL,
	  "even if the device is in use" },
	{ "wait", 'w', "SECONDS", CLI_DETACH, OPTION_WAIT, NULL,
	  "so long for those who use the device (0)" },
	{ "verify", 0, NULL, CLI_COPY, OPTION_VERIFY, NULL,
	  "read both sides back and compare them" },
	{ "progress", 0, NULL, CLI_COPY, OPTION_PROGRESS, NULL,
	  "show progress although stderr is no terminal" },
	{ "no-progress", 0, NULL, CLI_COPY, OPTION_NO_PROGRESS, NULL,
	  "do not show progress" },
	{ "json", 'j', NULL, CLI_ALL, OPTION_JSON, NULL,
	  "print JSON, errors too" },
	{ "verbose", 'v', NULL, CLI_ALL, OPTION_VERBOSE, NULL,
	  "say on stderr what is done; twice says more" },
	{ "help", 'h', NULL, CLI_ALL, OPTION_HELP, NULL, "print this" },
	{ "version", 'V', NULL, CLI_ALL, OPTION_VERSION, NULL,
	  "print the version" },
};

#define ENTRIES ((int)(sizeof(entries) / sizeof(entries[0])))

/* -------------------------------------------------------------- arguments */

static bool is_url(const char *text)
{
	return strncasecmp(text, "iscsi://", 8) == 0;
}

/*
 * Every argument is copied and not only the URLs: getopt_long() reorders the
 * vector, and who frees it must not have to tell them apart.
 */
char **cli_take_arguments(int argc, char **argv)
{
	char **taken = calloc((size_t)argc + 1, sizeof(*taken));
	int i;

	for (i = 0; taken != NULL && i < argc; i++) {
		taken[i] = strdup(argv[i]);
		if (taken[i] == NULL) {
			cli_free_arguments(i, taken);
			taken = NULL;
		} else if (is_url(argv[i])) {
			dsc_secret_hide_in_url(argv[i]);
		}
	}
	return taken;
}

void cli_free_arguments(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		dsc_wipe(argv[i], strlen(argv[i]));
		free(argv[i]);
	}
	free(argv);
}

/* ---------------------------------------------------------------- parsing */

static int usage(struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int usage(struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(cli->message, sizeof(cli->message), format, args);
	va_end(args);
	return -1;
}

/* getopt's two descriptions of the table. */
struct getopt_tables {
	struct option longs[sizeof(entries) / sizeof(entries[0]) + 1];
	char letters[2 * sizeof(entries) / sizeof(entries[0]) + 2];
};

static void make_tables(struct getopt_tables *tables)
{
	char *letter = tables->letters;
	int i;

	memset(tables, 0, sizeof(*tables));
	*letter++ = ':';
	for (i = 0; i < ENTRIES; i++) {
		tables->longs[i].name = entries[i].name;
		tables->longs[i].has_arg = entries[i].argument != NULL ?
			required_argument : no_argument;
		tables->longs[i].val = FIRST_CODE + i;
		if (entries[i].letter == 0)
			continue;
		*letter++ = entries[i].letter;
		if (entries[i].argument != NULL)
			*letter++ = ':';
	}
}

static const struct option_entry *find_entry(int code)
{
	int i;

	if (code >= FIRST_CODE)
		return &entries[code - FIRST_CODE];
	for (i = 0; i < ENTRIES; i++) {
		if (entries[i].letter == code)
			return &entries[i];
	}
	return NULL;
}

static int add_setting(struct cli *cli, const char *member, const char *value)
{
	if (cli->nsettings == CLI_SETTINGS_MAX)
		return usage(cli, "too many options");
	cli->settings[cli->nsettings].member = member;
	cli->settings[cli->nsettings].value = value;
	cli->nsettings++;
	return 0;
}

/* name: of the member or of the option. */
static int refuse_secret(struct cli *cli, const char *name)
{
	return usage(cli, "a secret is no argument, others could see it: use "
		     "--%s-file", strcmp(name, "password") == 0 ? "password" :
		     "target-password");
}

/* "MEMBER=VALUE", which is cut in two. */
static int add_any_setting(struct cli *cli, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || equals == text)
		return usage(cli, "option --option takes MEMBER=VALUE");
	*equals = '\0';
	if (dsc_secret_is_member(text))
		return refuse_secret(cli, text);
	return add_setting(cli, text, equals + 1);
}

static int take_number(struct cli *cli, const struct option_entry *entry,
		       const char *text, unsigned min, unsigned max,
		       unsigned *number)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < (long)min ||
	    value > (long)max)
		return usage(cli, "option --%s takes a number from %u to %u",
			     entry->name, min, max);
	*number = (unsigned)value;
	return 0;
}

static int apply(struct cli *cli, const struct option_entry *entry,
		 char *value)
{
	switch (entry->id) {
	case OPTION_MEMBER:
		return add_setting(cli, entry->member, value);
	case OPTION_FLAG_MEMBER:
		return add_setting(cli, entry->member, "true");
	case OPTION_ANY_MEMBER:
		return add_any_setting(cli, value);
	case OPTION_SECRET:
		return refuse_secret(cli, entry->name);
	case OPTION_HELP:
		cli->wants_help = true;
		break;
	case OPTION_VERSION:
		cli->wants_version = true;
		break;
	case OPTION_JSON:
		cli->json = true;
		break;
	case OPTION_VERBOSE:
		cli->verbose++;
		break;
	case OPTION_CONFIG:
		cli->config = value;
		break;
	case OPTION_DEVICE:
		cli->device = value;
		break;
	case OPTION_CONNECTIONS:
		return take_number(cli, entry, value, 1, CONNECTIONS_MAX,
				   &cli->connections);
	case OPTION_FORCE:
		cli->force = true;
		break;
	case OPTION_WAIT:
		return take_number(cli, entry, value, 0, WAIT_MAX,
				   &cli->wait_s);
	case OPTION_VERIFY:
		cli->verify = true;
		break;
	case OPTION_PROGRESS:
		cli->progress = CLI_PROGRESS_ON;
		break;
	case OPTION_NO_PROGRESS:
		cli->progress = CLI_PROGRESS_OFF;
		break;
	}
	return 0;
}

/* What getopt_long() did not like. */
static int bad_option(struct cli *cli, int code, char **argv)
{
	const char *word = argv[optind - 1];
	int length = (int)strcspn(word, "=");

	if (dsc_secret_may_be_in(word, (size_t)length)) {
		word = dsc_secret_shown(word);
		length = (int)strlen(word);
	}
	if (code == ':' && optopt < FIRST_CODE)
		return usage(cli, "option -%c needs an argument", optopt);
	if (code == ':')
		return usage(cli, "option %.*s needs an argument", length,
			     word);
	if (optopt >= FIRST_CODE)
		return usage(cli, "option %.*s takes no argument", length,
			     word);
	if (optopt != 0)
		return usage(cli, "there is no option -%c", optopt);
	return usage(cli, "there is no option %.*s, or it has several meanings",
		     length, word);
}

/*
 * --json after the mistake decides, too, how the mistake is reported: the rest
 * is parsed for that alone, or else -vj and --js would be overlooked.
 */
static void look_for_json(struct cli *cli, const struct getopt_tables *tables,
			  int argc, char **argv)
{
	const struct option_entry *entry;
	int code;

	while ((code = getopt_long(argc, argv, tables->letters, tables->longs,
				   NULL)) != -1) {
		entry = find_entry(code);
		if (entry != NULL && entry->id == OPTION_JSON)
			cli->json = true;
	}
}

/* Remembers which options were given, as bits, for check_options(). */
static int parse_options(struct cli *cli, int argc, char **argv,
			 unsigned *given)
{
	const struct option_entry *entry;
	struct getopt_tables tables;
	int status = 0;
	int code;

	make_tables(&tables);
	opterr = 0;
	optind = 0;
	while (status == 0) {
		code = getopt_long(argc, argv, tables.letters, tables.longs,
				   NULL);
		if (code == -1)
			return 0;
		entry = find_entry(code);
		if (entry == NULL) {
			status = bad_option(cli, code, argv);
		} else {
			*given |= 1u << (entry - entries);
			status = apply(cli, entry, optarg);
		}
	}
	look_for_json(cli, &tables, argc, argv);
	return status;
}

static int check_options(struct cli *cli, unsigned given)
{
	int i;

	for (i = 0; i < ENTRIES; i++) {
		if ((given >> i & 1) != 0 &&
		    (entries[i].commands & cli->command->options) == 0)
			return usage(cli, "option --%s is not for \"%s\"",
				     entries[i].name, cli->command->name);
	}
	return 0;
}

static int check_operands(struct cli *cli)
{
	const struct cli_command *command = cli->command;

	if (cli->noperands > command->max_operands)
		return usage(cli, "too many arguments: it is discsi %s%s%s",
			     command->name, command->operands[0] ? " " : "",
			     command->operands);
	/* A configuration may say what an operand would. */
	if (cli->noperands < command->min_operands ||
	    (cli->noperands == 0 && cli->config == NULL &&
	     (command->options & CLI_LOGIN) != 0))
		return usage(cli, "an argument is missing: it is discsi %s %s",
			     command->name, command->operands);
	return 0;
}

const struct cli_command *cli_find(const char *name)
{
	const struct cli_command *command;

	for (command = cli_commands; command->name != NULL; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
	unsigned given = 0;

	memset(cli, 0, sizeof(*cli));
	if (parse_options(cli, argc, argv, &given) < 0)
		return -1;
	if (optind < argc) {
		cli->command = cli_find(argv[optind]);
		if (cli->command == NULL && is_url(argv[optind]))
			return usage(cli, "a URL needs a command before it");
		if (cli->command == NULL)
			return usage(cli, "there is no command \"%.40s\"",
				     dsc_secret_shown(argv[optind]));
		cli->operands = argv + optind + 1;
		cli->noperands = argc - optind - 1;
	}
	if (cli->wants_help || cli->wants_version)
		return 0;
	if (cli->command == NULL)
		return usage(cli, "a command is missing");
	if (check_options(cli, given) < 0)
		return -1;
	return check_operands(cli);
}

/* ------------------------------------------------------------------- help */

static void print_option(const struct option_entry *entry)
{
	char left[48];
	int n = 0;

	if (entry->letter != 0)
		n = snprintf(left, sizeof(left), "-%c, ", entry->letter);
	else
		n = snprintf(left, sizeof(left), "    ");
	snprintf(left + n, sizeof(left) - (size_t)n, "--%s%s%s", entry->name,
		 entry->argument != NULL ? " " : "",
		 entry->argument != NULL ? entry->argument : "");
	printf("  %-31s %s\n", left, entry->help);
}

static void print_options(unsigned commands)
{
	int i;

	printf("\nOptions:\n");
	for (i = 0; i < ENTRIES; i++) {
		if ((entries[i].commands & commands) != 0 &&
		    entries[i].help != NULL)
			print_option(&entries[i]);
	}
}

void cli_help(const struct cli_command *command)
{
	if (command != NULL) {
		printf("Usage: discsi %s%s%s [OPTIONS]\n\n%c%s.\n",
		       command->name, command->operands[0] ? " " : "",
		       command->operands, command->summary[0] - 'a' + 'A',
		       command->summary + 1);
		if (command->about[0] != '\0')
			printf("\n%s", command->about);
		print_options(command->options);
		return;
	}
	printf("Usage: discsi COMMAND [ARGUMENTS] [OPTIONS]\n\n"
	       "iSCSI disks without a kernel initiator.\n\nCommands:\n");
	for (command = cli_commands; command->name != NULL; command++)
		printf("  %-10s %-20s %s\n", command->name, command->operands,
		       command->summary);
	print_options(CLI_ALL);
	printf("\n\"discsi help COMMAND\" says more. Exit status: 0, 1 if it "
	       "failed, 2 for wrong usage.\n");
}
