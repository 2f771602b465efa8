/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cli.h: what a command line says. Subcommands and options are two tables;
 * parsing, checking and help all come from them. Main thread.
 */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>

#define EXIT_OK 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

/* Which subcommands an option is for: bits of cli_command.options. */
#define CLI_ALL 0x01u     /* every one */
#define CLI_LOGIN 0x02u   /* those that log in */
#define CLI_ATTACH 0x04u
#define CLI_DETACH 0x08u
#define CLI_COPY 0x10u

#define CLI_SETTINGS_MAX 32
#define CLI_MESSAGE_MAX 256

struct cli;

struct cli_command {
	const char *name;
	const char *operands;   /* as help prints them */
	int min_operands;
	int max_operands;
	unsigned options;
	const char *summary;    /* one line */
	const char *about;      /* the rest of its help */
	int (*run)(struct cli *cli);  /* returns an exit status */
};

/* A member of the configuration that an option sets. */
struct cli_setting {
	const char *member;
	const char *value;
};

enum cli_progress { CLI_PROGRESS_AUTO, CLI_PROGRESS_ON, CLI_PROGRESS_OFF };

struct cli {
	const struct cli_command *command;  /* NULL: none was given */
	char **operands;
	int noperands;
	bool wants_help;
	bool wants_version;
	bool json;
	int verbose;
	const char *config;                 /* path, or NULL */
	struct cli_setting settings[CLI_SETTINGS_MAX];
	size_t nsettings;
	const char *device;
	unsigned connections;               /* of the device; 0: not told */
	bool force;
	unsigned wait_s;                    /* for users of the device */
	bool verify;
	enum cli_progress progress;
	char message[CLI_MESSAGE_MAX];      /* what is wrong, when it is */
};

/* The table ends with a command whose name is NULL. */
extern const struct cli_command cli_commands[];

/*
 * Copies the arguments that are iscsi:// URLs and hides their secrets where
 * ps finds them. To be called before anything else.
 *
 * Returns an argument vector to use instead, which cli_free_arguments() wipes;
 * NULL without memory.
 */
char **cli_take_arguments(int argc, char **argv);
void cli_free_arguments(int argc, char **argv);

/*
 * Parses argv, reordering it. cli is filled and borrows from argv.
 * Returns 0, or -1 with a message: a usage error.
 */
int cli_parse(struct cli *cli, int argc, char **argv);

/* The subcommand with this name, or NULL. */
const struct cli_command *cli_find(const char *name);

/* Prints on stdout the help of a subcommand, or (NULL) of the program. */
void cli_help(const struct cli_command *command);

/* The subcommands. Each returns an exit status. */
int run_attach(struct cli *cli);
int run_copy(struct cli *cli);
int run_detach(struct cli *cli);
int run_discover(struct cli *cli);
int run_help(struct cli *cli);
int run_info(struct cli *cli);
int run_list(struct cli *cli);
int run_status(struct cli *cli);

#endif /* TOOLS_CLI_H */
