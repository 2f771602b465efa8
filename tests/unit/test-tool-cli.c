/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-cli.c: command lines of discsi: what they mean, which are wrong
 * and with which words, and that a secret in a URL is not left in argv.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "tools/cli.h"

#define WORDS 16

struct line {
	char *argv[WORDS];
	int argc;
};

/* Splits at blanks. All words are in one piece of memory, argv[0] its begin. */
static struct line split(const char *text)
{
	char *copy = strdup(text);
	struct line line = { .argc = 0 };
	char *word = copy;

	while (word != NULL && line.argc < WORDS - 1) {
		char *blank = strchr(word, ' ');

		line.argv[line.argc++] = word;
		if (blank != NULL)
			*blank = '\0';
		word = blank != NULL ? blank + 1 : NULL;
	}
	return line;
}

static void line_free(struct line *line)
{
	free(line->argv[0]);
}

static void test_operands(void)
{
	struct line line = split("discsi copy a --verify b --no-progress -j");
	struct cli cli;

	CU_ASSERT_EQUAL_FATAL(cli_parse(&cli, line.argc, line.argv), 0);
	CU_ASSERT_STRING_EQUAL(cli.command->name, "copy");
	CU_ASSERT_EQUAL(cli.noperands, 2);
	CU_ASSERT_STRING_EQUAL(cli.operands[0], "a");
	CU_ASSERT_STRING_EQUAL(cli.operands[1], "b");
	CU_ASSERT(cli.verify && cli.json);
	CU_ASSERT_EQUAL(cli.progress, CLI_PROGRESS_OFF);
	line_free(&line);
}

static void test_settings(void)
{
	struct line line = split("discsi info iscsi://h/i/1 "
				 "--password-file=p --initiator iqn.x "
				 "--header-digest require "
				 "--login-timeout 500 -c conf -vv");
	struct cli cli;

	CU_ASSERT_EQUAL_FATAL(cli_parse(&cli, line.argc, line.argv), 0);
	CU_ASSERT_EQUAL_FATAL(cli.nsettings, 4);
	CU_ASSERT_STRING_EQUAL(cli.settings[0].member, "password_file");
	CU_ASSERT_STRING_EQUAL(cli.settings[0].value, "p");
	CU_ASSERT_STRING_EQUAL(cli.settings[1].member, "initiator_name");
	CU_ASSERT_STRING_EQUAL(cli.settings[3].member, "login_timeout");
	CU_ASSERT_STRING_EQUAL(cli.settings[3].value, "500");
	CU_ASSERT_STRING_EQUAL(cli.config, "conf");
	CU_ASSERT_EQUAL(cli.verbose, 2);
	line_free(&line);
}

static void test_any_member(void)
{
	struct line line = split("discsi info iscsi://h/i/1 -o sessions=4 "
				 "--option=expected_id=a=b -o username=");
	struct cli cli;

	CU_ASSERT_EQUAL_FATAL(cli_parse(&cli, line.argc, line.argv), 0);
	CU_ASSERT_EQUAL_FATAL(cli.nsettings, 3);
	CU_ASSERT_STRING_EQUAL(cli.settings[0].member, "sessions");
	CU_ASSERT_STRING_EQUAL(cli.settings[0].value, "4");
	CU_ASSERT_STRING_EQUAL(cli.settings[1].member, "expected_id");
	CU_ASSERT_STRING_EQUAL(cli.settings[1].value, "a=b");
	CU_ASSERT_STRING_EQUAL(cli.settings[2].value, "");
	line_free(&line);
}

/* A secret belongs into a file, and is not repeated. */
static void test_no_secret_member(void)
{
	static const char *const lines[] = {
		"discsi info iscsi://h/i/1 -o password=canary",
		"discsi info iscsi://h/i/1 --option=target_password=canary",
		"discsi info iscsi://h/i/1 --password=canary",
		"discsi info iscsi://h/i/1 --target-password canary",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct line line = split(lines[i]);
		struct cli cli;

		CU_ASSERT_EQUAL(cli_parse(&cli, line.argc, line.argv), -1);
		CU_ASSERT(strstr(cli.message, "password-file") != NULL);
		CU_ASSERT(strstr(cli.message, "canary") == NULL);
		line_free(&line);
	}
}

static const char *const right_lines[] = {
	"discsi --help",
	"discsi --version",
	"discsi copy --help",
	"discsi help",
	"discsi help copy",
	"discsi discover h:3260",
	"discsi discover -c conf",
	"discsi list iscsi://h/i",
	"discsi attach iscsi://h/i/1 --device nbd --read-only",
	"discsi attach iscsi://h/i/1 --connections 16",
	"discsi detach x --force",
	"discsi detach x --wait 60",
	"discsi status --json",
	"discsi status iqn.x-lun-1",
	"discsi copy -- -a -b",
};

static void test_right(void)
{
	size_t i;

	for (i = 0; i < sizeof(right_lines) / sizeof(right_lines[0]); i++) {
		struct line line = split(right_lines[i]);
		struct cli cli;

		CU_ASSERT_EQUAL(cli_parse(&cli, line.argc, line.argv), 0);
		if (cli.message[0] != '\0')
			dsc_test_note("%s: %s", right_lines[i], cli.message);
		line_free(&line);
	}
}

static const struct wrong {
	const char *line;
	const char *why;
} wrong_lines[] = {
	{ "discsi", "command is missing" },
	{ "discsi frobnicate", "no command \"frobnicate\"" },
	{ "discsi iscsi://u%secret@h/i", "a URL needs a command" },
	{ "discsi discover", "argument is missing" },
	{ "discsi discover a b", "too many arguments" },
	{ "discsi status x y", "too many arguments" },
	{ "discsi list --option x iscsi://h/i", "MEMBER=VALUE" },
	{ "discsi list -o =x iscsi://h/i", "MEMBER=VALUE" },
	{ "discsi status -o sessions=2", "--option is not for" },
	{ "discsi copy a", "SOURCE DESTINATION" },
	{ "discsi copy a -c conf", "argument is missing" },
	{ "discsi detach", "WHICH" },
	{ "discsi list --frob iscsi://h/i", "--frob" },
	{ "discsi list -x iscsi://h/i", "-x" },
	{ "discsi list --config", "--config needs an argument" },
	{ "discsi list -c", "-c needs an argument" },
	{ "discsi list --json=yes iscsi://h/i", "--json takes no argument" },
	{ "discsi list iscsi://h/i --force", "--force is not for \"list\"" },
	{ "discsi status --password-file p", "--password-file is not for" },
	{ "discsi copy a b --device nbd", "--device is not for" },
	{ "discsi attach --connections 0", "a number from 1 to 16" },
	{ "discsi attach --connections 17", "a number from 1 to 16" },
	{ "discsi attach --connections two", "a number from 1 to 16" },
	{ "discsi detach x --wait -1", "a number from 0 to 86400" },
	{ "discsi detach x --wait 1m", "a number from 0 to 86400" },
	{ "discsi status --wait 1", "--wait is not for \"status\"" },
};

static void test_wrong(void)
{
	size_t i;

	for (i = 0; i < sizeof(wrong_lines) / sizeof(wrong_lines[0]); i++) {
		struct line line = split(wrong_lines[i].line);
		struct cli cli;

		CU_ASSERT_EQUAL(cli_parse(&cli, line.argc, line.argv), -1);
		CU_ASSERT(strstr(cli.message, wrong_lines[i].why) != NULL);
		CU_ASSERT(strstr(cli.message, "secret") == NULL);
		if (strstr(cli.message, wrong_lines[i].why) == NULL)
			dsc_test_note("%s: %s", wrong_lines[i].line,
				      cli.message);
		line_free(&line);
	}
}

/* How a mistake is reported does not depend on where --json stands. */
static void test_json_after_mistake(void)
{
	static const char *const lines[] = {
		"discsi list --frob iscsi://h/i --json",
		"discsi list --frob iscsi://h/i -j",
		"discsi list -x iscsi://h/i -vj",
		"discsi list -xvj iscsi://h/i",
		"discsi list --frob iscsi://h/i --js",
		"discsi detach x --wait abc --json",
		"discsi info iscsi://h/i/1 -o password=x --json",
		"discsi info iscsi://h/i/1 -o c -j",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct line line = split(lines[i]);
		struct cli cli;

		CU_ASSERT_EQUAL(cli_parse(&cli, line.argc, line.argv), -1);
		CU_ASSERT(cli.json);
		if (!cli.json)
			dsc_test_note("%s", lines[i]);
		line_free(&line);
	}
}

/* What looks like it may be something else. */
static void test_no_json_after_mistake(void)
{
	static const char *const lines[] = {
		"discsi list --frob iscsi://h/i -cj",
		"discsi list --frob iscsi://h/i --config --json",
		"discsi list --frob -- --json -j",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct line line = split(lines[i]);
		struct cli cli;

		CU_ASSERT_EQUAL(cli_parse(&cli, line.argc, line.argv), -1);
		CU_ASSERT(strstr(cli.message, "--frob") != NULL);
		CU_ASSERT(!cli.json);
		line_free(&line);
	}
}

static void test_hidden_secret(void)
{
	struct line line = split("discsi copy ISCSI://joe%geh@im@h:1/i/2 file");
	char **taken = cli_take_arguments(line.argc, line.argv);
	int i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(taken);
	CU_ASSERT_STRING_EQUAL(taken[2], "ISCSI://joe%geh@im@h:1/i/2");
	CU_ASSERT_STRING_EQUAL(taken[3], "file");
	CU_ASSERT_PTR_NULL(taken[4]);
	for (i = 0; i < line.argc; i++) {
		CU_ASSERT(strstr(line.argv[i], "geh") == NULL);
		CU_ASSERT(strstr(line.argv[i], "im@") == NULL);
	}
	CU_ASSERT(strstr(line.argv[2], "@h:1/i/2") != NULL);
	cli_free_arguments(line.argc, taken);
	line_free(&line);
}

/* Every command has a help line, and a name that is found. */
static void test_commands(void)
{
	const struct cli_command *command;

	for (command = cli_commands; command->name != NULL; command++) {
		CU_ASSERT_PTR_EQUAL(cli_find(command->name), command);
		CU_ASSERT(command->summary[0] != '\0');
		CU_ASSERT((command->options & CLI_ALL) != 0);
		CU_ASSERT_PTR_NOT_NULL(command->run);
	}
	CU_ASSERT_PTR_NULL(cli_find(""));
	CU_ASSERT_PTR_NULL(cli_find("lis"));
}

static const struct dsc_test tests[] = {
	{ "operands", test_operands },
	{ "settings", test_settings },
	{ "any-member", test_any_member },
	{ "no-secret-member", test_no_secret_member },
	{ "right", test_right },
	{ "wrong", test_wrong },
	{ "json-after-mistake", test_json_after_mistake },
	{ "no-json-after-mistake", test_no_json_after_mistake },
	{ "hidden-secret", test_hidden_secret },
	{ "commands", test_commands },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("tool-cli", tests, argc, argv);
}
