/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/error.h: what went wrong, as an errno and as a sentence.
 *
 * Every function of this library that can fail returns 0 (or a count) or a
 * negative errno. The same failure is kept, per thread, in a struct
 * discsi_error with a sentence fit for an operator and, where they exist, the
 * iSCSI login class and detail (RFC 7143 section 11.13.5) and the SCSI status
 * and sense (SPC-4 clause 4.5). Asynchronous completions carry the same struct.
 */
#ifndef DISCSI_ERROR_H
#define DISCSI_ERROR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for a message, its terminating NUL included. */
#define DISCSI_ERROR_MESSAGE_MAX 512

/*
 * One failure. Members that do not apply to it are -1.
 * size is sizeof(struct discsi_error) of the library that filled it.
 */
struct discsi_error {
	size_t size;
	int errnum;        /* positive errno, 0 when nothing has failed yet */
	int login_class;   /* Status-Class of the Login Response */
	int login_detail;  /* Status-Detail of the Login Response */
	int scsi_status;   /* SAM status byte, 0x02 is CHECK CONDITION */
	int sense_key;     /* sense key, additional sense code and qualifier */
	int asc;
	int ascq;
	char message[DISCSI_ERROR_MESSAGE_MAX];
};

/*
 * The last failure of a discsi function on the calling thread.
 *
 * Returns a pointer that stays valid, and unchanged until the next failing
 * call on this thread; never NULL. A function that succeeds leaves it as it is.
 * Threads: any; each has its own.
 */
const struct discsi_error *discsi_last_error(void);

/*
 * The symbolic name of an errno ("EACCES"), for either sign of it.
 *
 * Returns a static string; "EIO" for a number that has no name in the table
 * of DISCSI errors, "0" for 0. Threads: any.
 */
const char *discsi_errno_name(int errnum);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_ERROR_H */
