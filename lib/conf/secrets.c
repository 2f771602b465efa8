/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * secrets.c: the members that hold a CHAP secret, given as text or as a file
 * whose first line it is. What was read is wiped here; no message quotes it.
 * Owner's thread of the configuration.
 */
#include "conf/members.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/secret.h"

#define LINE_MAX_BYTES (DSC_SECRET_MAX + 2)  /* with "\r\n" */

static struct dsc_secret *secret_at(struct discsi_conf *conf,
				    const struct dsc_conf_member *m)
{
	return (struct dsc_secret *)(void *)((char *)conf + m->offset);
}

static const struct dsc_secret *secret_of(const struct discsi_conf *conf,
					  const struct dsc_conf_member *m)
{
	return (const void *)((const char *)conf + m->offset);
}

static int set_secret(struct discsi_conf *conf, const struct dsc_conf_member *m,
		      const char *text, size_t length)
{
	int rc;

	if (length == 0)
		return dsc_fail(EINVAL, "%s: must not be empty", m->name);
	rc = dsc_secret_set(secret_at(conf, m), text, length);
	if (rc < 0)
		dsc_error_prefix(dsc_error_last(), "%s", m->name);
	return rc;
}

static void clear_secret(struct discsi_conf *conf,
			 const struct dsc_conf_member *m)
{
	dsc_secret_clear(secret_at(conf, m));
}

static int copy_secret(struct discsi_conf *conf,
		       const struct dsc_conf_member *m,
		       const struct discsi_conf *from)
{
	return dsc_secret_copy(secret_at(conf, m), secret_of(from, m));
}

static int format_secret(const struct discsi_conf *conf,
			 const struct dsc_conf_member *m, char **text)
{
	const struct dsc_secret *secret = secret_of(conf, m);

	*text = NULL;
	if (!dsc_secret_is_set(secret))
		return 0;
	*text = strdup(secret->text);
	return *text != NULL ? 0 : dsc_fail_memory();
}

const struct dsc_conf_type dsc_conf_type_secret = {
	DSC_CONF_STRING, "text", set_secret, clear_secret, copy_secret,
	format_secret
};

/* ------------------------------------------------------------ from a file */

/*
 * Reads byte by byte up to a newline, so that nothing is taken from a pipe
 * that another reader wants and nothing else comes into memory.
 */
static int read_line(int fd, char *line, size_t room, size_t *length)
{
	size_t used = 0;
	ssize_t n;

	while (used < room) {
		n = read(fd, line + used, 1);
		if (n == 0 || (n == 1 && line[used] == '\n'))
			break;
		if (n == 1)
			used++;
		else if (errno != EINTR)
			return -errno;
	}
	if (used > 0 && line[used - 1] == '\r')
		used--;
	*length = used;
	return 0;
}

static int fail_file(const struct dsc_conf_member *m, const char *path,
		     int errnum)
{
	return dsc_fail(errnum, "%s: cannot read \"%.256s\": %s", m->name,
			dsc_secret_shown(path), strerrordesc_np(errnum));
}

/* Opens what may be a file or a pipe, and nothing else. */
static int open_file(const struct dsc_conf_member *m, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fail_file(m, path, errno);
	if (fstat(fd, &st) == 0 &&
	    (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)))
		return fd;
	close(fd);
	return dsc_fail(EINVAL, "%s: \"%.256s\" is neither a file nor a pipe",
			m->name, dsc_secret_shown(path));
}

static int set_secret_file(struct discsi_conf *conf,
			   const struct dsc_conf_member *m, const char *path,
			   size_t path_length)
{
	char line[LINE_MAX_BYTES];
	size_t length = 0;
	int fd;
	int rc;

	if (path_length == 0)
		return dsc_fail(EINVAL, "%s: must not be empty", m->name);
	fd = open_file(m, path);
	if (fd < 0)
		return fd;
	rc = read_line(fd, line, sizeof(line), &length);
	close(fd);
	if (rc < 0)
		rc = fail_file(m, path, -rc);
	else if (length == 0)
		rc = dsc_fail(EINVAL, "%s: the first line of \"%.256s\" is "
			      "empty", m->name, dsc_secret_shown(path));
	else
		rc = set_secret(conf, m, line, length);
	dsc_wipe(line, sizeof(line));
	return rc;
}

/* The path is not kept: what is configured is the secret. */
static int format_nothing(const struct discsi_conf *conf,
			  const struct dsc_conf_member *m, char **text)
{
	(void)conf;
	(void)m;
	*text = NULL;
	return 0;
}

const struct dsc_conf_type dsc_conf_type_secret_file = {
	DSC_CONF_STRING, "text", set_secret_file, clear_secret, NULL,
	format_nothing
};
