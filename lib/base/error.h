/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.h: making and passing on a struct discsi_error. The sentence is made
 * once, where the cause is known; layers above prefix it with what they know.
 * Any thread; the last error is per thread.
 */
#ifndef DSC_BASE_ERROR_H
#define DSC_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#include <discsi/error.h>

#define DSC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* No failure: errnum 0, everything else -1, an empty message. */
void dsc_error_init(struct discsi_error *error);

/*
 * Every message is one line of clean text (text.h), cut to fit; an argument may
 * be a part of the error that is written.
 *
 * Fills *error (login and SCSI members reset to -1) and returns -errnum.
 * errnum is positive.
 */
int dsc_error_set(struct discsi_error *error, int errnum, const char *format,
		  ...) DSC_PRINTF(3, 4);
int dsc_error_vset(struct discsi_error *error, int errnum, const char *format,
		   va_list args) DSC_PRINTF(3, 0);

/* Puts "prefix: " before the message; cuts at the end if need be. */
void dsc_error_prefix(struct discsi_error *error, const char *format, ...)
	DSC_PRINTF(2, 3);

/* Sets the thread's last error and returns -errnum. */
int dsc_fail(int errnum, const char *format, ...) DSC_PRINTF(2, 3);

/* Makes a copy of *error the thread's last error and returns -error->errnum. */
int dsc_fail_with(const struct discsi_error *error);

/* dsc_fail(ENOMEM, …) with the sentence that fits. */
int dsc_fail_memory(void);

/* The thread's last error, to be written to by the functions above alone. */
struct discsi_error *dsc_error_last(void);

/* What a target has said, as members of an error's JSON; -1: nothing. */
#define DSC_ERROR_DETAILS 6
struct dsc_error_detail {
	const char *name;
	size_t offset;  /* of an int in struct discsi_error */
};
extern const struct dsc_error_detail dsc_error_details[DSC_ERROR_DETAILS];

#endif /* DSC_BASE_ERROR_H */
