/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.c: makes the sentence of a failure, keeps each thread's last one, and
 * knows the names of errnos. Any thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define NO_DETAIL .login_class = -1, .login_detail = -1, .scsi_status = -1, \
		  .sense_key = -1, .asc = -1, .ascq = -1

static __thread struct discsi_error last_error = {
	.size = sizeof(struct discsi_error), NO_DETAIL,
};

static const struct {
	int errnum;
	const char *name;
} errno_names[] = {
	{ 0, "0" },
#define NAME(e) { e, #e }
	NAME(E2BIG),           NAME(EACCES),        NAME(EADDRINUSE),
	NAME(EADDRNOTAVAIL),   NAME(EAFNOSUPPORT),  NAME(EAGAIN),
	NAME(EALREADY),        NAME(EBADE),         NAME(EBADF),
	NAME(EBADMSG),         NAME(EBUSY),         NAME(ECANCELED),
	NAME(ECHILD),          NAME(ECONNABORTED),  NAME(ECONNREFUSED),
	NAME(ECONNRESET),      NAME(EDEADLK),       NAME(EDESTADDRREQ),
	NAME(EDOM),            NAME(EEXIST),        NAME(EFAULT),
	NAME(EFBIG),           NAME(EHOSTDOWN),     NAME(EHOSTUNREACH),
	NAME(EILSEQ),          NAME(EINPROGRESS),   NAME(EINTR),
	NAME(EINVAL),          NAME(EIO),           NAME(EISCONN),
	NAME(EISDIR),          NAME(ELOOP),         NAME(EMEDIUMTYPE),
	NAME(EMFILE),          NAME(EMLINK),        NAME(EMSGSIZE),
	NAME(ENAMETOOLONG),    NAME(ENETDOWN),      NAME(ENETRESET),
	NAME(ENETUNREACH),     NAME(ENFILE),        NAME(ENOBUFS),
	NAME(ENODATA),         NAME(ENODEV),        NAME(ENOENT),
	NAME(ENOEXEC),         NAME(ENOLCK),        NAME(ENOLINK),
	NAME(ENOMEDIUM),       NAME(ENOMEM),        NAME(ENOPROTOOPT),
	NAME(ENOSPC),          NAME(ENOSYS),        NAME(ENOTBLK),
	NAME(ENOTCONN),        NAME(ENOTDIR),       NAME(ENOTEMPTY),
	NAME(ENOTSOCK),        NAME(ENOTTY),        NAME(ENOTUNIQ),
	NAME(ENXIO),           NAME(EOPNOTSUPP),    NAME(EOVERFLOW),
	NAME(EPERM),           NAME(EPFNOSUPPORT),  NAME(EPIPE),
	NAME(EPROTO),          NAME(EPROTONOSUPPORT), NAME(EPROTOTYPE),
	NAME(ERANGE),          NAME(EREMCHG),       NAME(EREMOTEIO),
	NAME(EROFS),           NAME(ESHUTDOWN),     NAME(ESOCKTNOSUPPORT),
	NAME(ESPIPE),          NAME(ESRCH),         NAME(ESTALE),
	NAME(ETIME),           NAME(ETIMEDOUT),     NAME(ETXTBSY),
	NAME(EUSERS),          NAME(EXDEV),
#undef NAME
};

const struct discsi_error *discsi_last_error(void)
{
	return &last_error;
}

struct discsi_error *dsc_error_last(void)
{
	return &last_error;
}

const char *discsi_errno_name(int errnum)
{
	size_t i;

	for (i = 0; i < sizeof(errno_names) / sizeof(errno_names[0]); i++) {
		if (errnum == errno_names[i].errnum ||
		    errnum == -errno_names[i].errnum)
			return errno_names[i].name;
	}
	return "EIO";
}

void dsc_error_init(struct discsi_error *error)
{
	*error = (struct discsi_error){
		.size = sizeof(*error), NO_DETAIL,
	};
}

int dsc_error_vset(struct discsi_error *error, int errnum, const char *format,
		   va_list args)
{
	char message[DISCSI_ERROR_MESSAGE_MAX];

	/* An argument may be a part of *error: format first, then reset. */
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	dsc_text_clean(message);
	dsc_error_init(error);
	error->errnum = errnum;
	memcpy(error->message, message, strlen(message) + 1);
	return -errnum;
}

int dsc_error_set(struct discsi_error *error, int errnum, const char *format,
		  ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = dsc_error_vset(error, errnum, format, args);
	va_end(args);
	return rc;
}

void dsc_error_prefix(struct discsi_error *error, const char *format, ...)
{
	char message[DISCSI_ERROR_MESSAGE_MAX];
	va_list args;
	size_t used, room, length;
	int rc;

	va_start(args, format);
	rc = vsnprintf(message, sizeof(message) - strlen(": "), format, args);
	va_end(args);
	if (rc < 0)
		return;
	used = strlen(message);
	memcpy(message + used, ": ", 2);
	used += 2;
	room = sizeof(message) - 1 - used;
	length = strnlen(error->message, room);
	memcpy(message + used, error->message, length);
	message[used + length] = '\0';
	dsc_text_clean(message);
	memcpy(error->message, message, used + length + 1);
}

int dsc_fail(int errnum, const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = dsc_error_vset(&last_error, errnum, format, args);
	va_end(args);
	return rc;
}

int dsc_fail_with(const struct discsi_error *error)
{
	if (error != &last_error)
		last_error = *error;
	last_error.size = sizeof(last_error);
	return -last_error.errnum;
}

int dsc_fail_memory(void)
{
	return dsc_fail(ENOMEM, "out of memory");
}

#define DETAIL(name) { #name, offsetof(struct discsi_error, name) }

const struct dsc_error_detail dsc_error_details[DSC_ERROR_DETAILS] = {
	DETAIL(login_class),
	DETAIL(login_detail),
	DETAIL(scsi_status),
	DETAIL(sense_key),
	DETAIL(asc),
	DETAIL(ascq),
};
