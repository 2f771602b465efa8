/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * output.c: see output.h. Tables and pairs are libsmartcols', which also makes
 * control characters harmless that come from a target. Main thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#include "failure.h"
#include "output.h"
#include "scolslib.h"

/* ----------------------------------------------------------------- tables */

struct output_table {
	struct libscols_table *scols;
	size_t columns;
	bool is_broken;  /* memory ran out on the way */
	bool is_missing; /* so is what prints it */
	struct discsi_error why_missing;
};

static bool add_columns(struct output_table *table,
			const struct output_column *columns)
{
	for (; columns->title != NULL; columns++) {
		if (scols_table_new_column(table->scols, columns->title, 0,
					   columns->is_number ?
					   SCOLS_FL_RIGHT : 0) == NULL)
			return false;
		table->columns++;
	}
	return true;
}

struct output_table *output_table_begin(const struct output_column *columns)
{
	struct output_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->is_missing = scolslib_load() < 0;
	table->is_broken = table->is_missing;
	if (table->is_missing) {
		/* What goes into the rows may fail, too, until it is told. */
		table->why_missing = *discsi_last_error();
		return table;
	}
	table->scols = scols_new_table();
	if (table->scols != NULL && add_columns(table, columns))
		return table;
	scols_unref_table(table->scols);
	free(table);
	return NULL;
}

void output_table_row(struct output_table *table, const char *const cells[])
{
	struct libscols_line *line;
	size_t i;

	if (table == NULL || table->is_broken)
		return;
	line = scols_table_new_line(table->scols, NULL);
	for (i = 0; line != NULL && i < table->columns; i++) {
		if (cells[i] != NULL &&
		    scols_line_set_data(line, i, cells[i]) != 0)
			line = NULL;
	}
	table->is_broken = line == NULL;
}

void output_table_drop(struct output_table *table)
{
	if (table != NULL && !table->is_missing)
		scols_unref_table(table->scols);
	free(table);
}

int output_table_end(struct output_table *table)
{
	int status = 0;

	if (table != NULL && table->is_missing)
		status = fail_library(&table->why_missing, NULL);
	else if (table == NULL || table->is_broken ||
		 scols_print_table(table->scols) != 0)
		status = fail(ENOMEM, "there is no memory for the table");
	output_table_drop(table);
	return status;
}

int output_pairs(const struct output_pair *pairs)
{
	static const struct output_column columns[] = {
		{ "NAME", false }, { "VALUE", false }, { NULL, false }
	};
	struct output_table *table = output_table_begin(columns);

	if (table != NULL && !table->is_missing)
		scols_table_enable_noheadings(table->scols, 1);
	for (; pairs->name != NULL; pairs++)
		output_table_row(table, (const char *const[]){ pairs->name,
				 pairs->value });
	return output_table_end(table);
}

/* ------------------------------------------------------------------- JSON */

#define JSON_STYLE (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | \
		    JSON_C_TO_STRING_NOSLASHESCAPE)

static int print_json(FILE *stream, struct json_object *object, int style)
{
	const char *text = NULL;

	if (object != NULL)
		text = json_object_to_json_string_ext(object, style);
	if (text == NULL)
		return fail(ENOMEM, "there is no memory for the JSON");
	fprintf(stream, "%s\n", text);
	return 0;
}

int output_json(struct json_object *object)
{
	int status = print_json(stdout, object, JSON_STYLE);

	json_object_put(object);
	return status;
}

/* ------------------------------------------------------------------- text */

void output_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void output_note(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	dsc_text_clean(line);  /* it may hold a target's words */
	fprintf(stderr, "\r\033[Kdiscsi: %s\n", line);
}

/* Prints what may hold a target's words on one line of stderr. */
static void print_sentence(const char *prefix, const char *sentence)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s", sentence);
	dsc_text_clean(line);
	fprintf(stderr, "discsi: %s%s\n", prefix, line);
}

void output_warning(const char *sentence)
{
	print_sentence("warning: ", sentence);
}

static void print_json_error(const char *name, const char *message)
{
	struct json_object *object = json_object_new_object();
	struct json_object *error = json_object_new_object();

	json_object_object_add(error, "errno", json_object_new_string(name));
	json_object_object_add(error, "message",
			       json_object_new_string(message));
	json_object_object_add(object, "error", error);
	print_json(stderr, object, JSON_C_TO_STRING_SPACED |
		   JSON_C_TO_STRING_NOSLASHESCAPE);
	json_object_put(object);
}

void output_error(bool is_json, const struct discsi_error *error)
{
	if (is_json)
		print_json_error(discsi_errno_name(error->errnum),
				 error->message);
	else
		print_sentence("", error->message);
}

void output_usage(bool is_json, const char *command, const char *sentence)
{
	char line[512];

	if (command != NULL)
		snprintf(line, sizeof(line), "%s; see \"discsi %s --help\"",
			 sentence, command);
	else
		snprintf(line, sizeof(line), "%s; see \"discsi --help\"",
			 sentence);
	if (is_json)
		print_json_error("EINVAL", line);
	else
		print_sentence("", line);
}

int output_finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return fail(errno == 0 ? EIO : errno, "the output cannot be written: "
		    "%s", errno_text(errno));
}
