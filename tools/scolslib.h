/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scolslib.h: libsmartcols, loaded when a table is to be printed. Calls look as
 * usual: each name is a macro for a pointer. Main thread.
 */
#ifndef TOOLS_SCOLSLIB_H
#define TOOLS_SCOLSLIB_H

#include <libsmartcols.h>

#define SCOLSLIB_NAMES(NAME) \
	NAME(scols_line_set_data) \
	NAME(scols_new_table) \
	NAME(scols_print_table) \
	NAME(scols_table_enable_noheadings) \
	NAME(scols_table_new_column) \
	NAME(scols_table_new_line) \
	NAME(scols_unref_table)

#define SCOLSLIB_MEMBER(name) __typeof__(&name) name;

struct scolslib {
	SCOLSLIB_NAMES(SCOLSLIB_MEMBER)
};

/* Filled by scolslib_load(). */
extern struct scolslib scolslib;

/* Errors: EOPNOTSUPP. */
int scolslib_load(void);

#ifndef SCOLSLIB_PLAIN
#define scols_line_set_data (*scolslib.scols_line_set_data)
#define scols_new_table (*scolslib.scols_new_table)
#define scols_print_table (*scolslib.scols_print_table)
#define scols_table_enable_noheadings (*scolslib.scols_table_enable_noheadings)
#define scols_table_new_column (*scolslib.scols_table_new_column)
#define scols_table_new_line (*scolslib.scols_table_new_line)
#define scols_unref_table (*scolslib.scols_unref_table)
#endif

#endif /* TOOLS_SCOLSLIB_H */
