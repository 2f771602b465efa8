/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * output.h: everything that the command prints: tables, pairs of a name and a
 * value, JSON, sentences and errors. Results go to stdout, errors and warnings
 * to stderr. Main thread.
 */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include <discsi/error.h>

/* A table with a heading; the array ends with a title of NULL. */
struct output_column {
	const char *title;
	bool is_number;   /* right-aligned */
};

struct output_table;

/* NULL without memory. The columns are borrowed until output_table_end(). */
struct output_table *output_table_begin(const struct output_column *columns);

/* One line, a cell per column; the cells are copied. NULL is an empty one. */
void output_table_row(struct output_table *table, const char *const cells[]);

/* Prints and frees. table: taken, NULL is a failure. 0 or a negative errno. */
int output_table_end(struct output_table *table);

/* Frees without printing. table: taken, NULL is fine. */
void output_table_drop(struct output_table *table);

/* Names and values, one pair a line; the array ends with a name of NULL. */
struct output_pair {
	const char *name;
	const char *value;
};

int output_pairs(const struct output_pair *pairs);

/* Prints an object. object: taken; NULL means that memory ran out. */
int output_json(struct json_object *object);

/* A line on stdout. */
void output_line(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* "discsi: warning: …" on stderr. */
void output_warning(const char *sentence);

/*
 * One line on stderr, a terminal, in place of a line of progress that may stand
 * there. Any thread.
 */
void output_note(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* The failure on stderr, as text or as {"error": {"errno", "message"}}. */
void output_error(bool is_json, const struct discsi_error *error);

/*
 * One line on stderr for a usage error: a sentence, and where help is.
 * command: NULL if it is not known.
 */
void output_usage(bool is_json, const char *command, const char *sentence);

/* Pushes stdout out. Fails if what was printed could not be written. */
int output_finish(void);

#endif /* TOOLS_OUTPUT_H */
