/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * initiator.c: the iSCSI name that this host logs in with. Targets grant
 * access and keep reservations by it, so it must be the same at every call
 * and after every reboot; what is made up is derived from the host or kept.
 * Any thread; two processes that make a name at once agree on one.
 */
#include "conf/initiator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "base/error.h"
#include "conf/conf.h"
#include "conf/file.h"

#define FILE_BYTES_MAX 4096
#define MACHINE_ID_DIGITS 32
#define PREFIX "iqn.2026-11.io.discsi:host-"

/* What a machine id is hashed under: 2e35b0d8-c17b-4d88-983c-7ecef226583a */
static const uuid_t name_space = {
	0x2e, 0x35, 0xb0, 0xd8, 0xc1, 0x7b, 0x4d, 0x88,
	0x98, 0x3c, 0x7e, 0xce, 0xf2, 0x26, 0x58, 0x3a
};

static int give(char *name, char **out)
{
	if (name == NULL)
		return dsc_fail_memory();
	*out = name;
	return 0;
}

/* A name of this host from the first bytes of a UUID, which are its hash. */
static char *make_name(const uuid_t id)
{
	char *name;

	if (asprintf(&name, PREFIX "%02x%02x%02x%02x%02x%02x", id[0], id[1],
		     id[2], id[3], id[4], id[5]) < 0)
		return NULL;
	return name;
}

/* It is not there, or not for us, and that is how it will be. */
static bool is_lasting(int rc)
{
	return rc == -ENOENT || rc == -ENOTDIR || rc == -EACCES ||
	       rc == -EPERM || rc == -EISDIR || rc == -ELOOP;
}

/*
 * A file as a string; *is_read is false when there is none that we may read, or
 * it is too long. Any other failure, for want of a descriptor perhaps, is one:
 * the next source would make another host of us.
 */
static int read_string(const char *path, char *text, size_t room,
		       bool *is_read)
{
	size_t length = 0;
	int rc = dsc_file_read_path(path, text, room, &length);

	*is_read = rc == 0 && length < room;
	if (*is_read)
		text[length] = '\0';
	if (rc == 0 || is_lasting(rc))
		return 0;
	return dsc_fail(-rc, "%s, where the initiator name may come from, "
			"cannot be read: %s", path, strerrordesc_np(-rc));
}

/* ------------------------------------------------------- InitiatorName= */

/* The value of the first InitiatorName= line, ended in place; or NULL. */
static char *find_value(char *text)
{
	static const char key[] = "InitiatorName";
	char *next = text;
	char *line;

	while ((line = strsep(&next, "\r\n")) != NULL) {
		line += strspn(line, " \t");
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		line += strlen(key);
		line += strspn(line, " \t");
		if (*line != '=')
			continue;
		line++;
		line += strspn(line, " \t");
		line[strcspn(line, " \t#")] = '\0';
		return line;
	}
	return NULL;
}

/*
 * Reads such a file. *name stays NULL when there is none that can be read or
 * no name in it.
 */
static int read_name(const char *path, char **name)
{
	char text[FILE_BYTES_MAX];
	const char *value;
	bool is_read;
	int rc = read_string(path, text, sizeof(text), &is_read);

	if (rc < 0 || !is_read)
		return rc;
	value = find_value(text);
	if (value == NULL || *value == '\0')
		return 0;
	if (!dsc_conf_is_iscsi_name(value))
		return dsc_fail(EINVAL, "InitiatorName in %s is not an iSCSI "
				"name", path);
	return give(strdup(value), name);
}

/* ------------------------------------------------------------ machine id */

/* An id as machine-id(5) describes it; ends the text behind it. */
static bool is_machine_id(char *text)
{
	text[strcspn(text, "\n")] = '\0';
	return strlen(text) == MACHINE_ID_DIGITS &&
	       strspn(text, "0123456789abcdefABCDEF") == MACHINE_ID_DIGITS &&
	       strspn(text, "0") != MACHINE_ID_DIGITS;
}

static int name_of_machine(const char *path, char **name)
{
	char text[FILE_BYTES_MAX];
	uuid_t hash;
	bool is_read;
	int rc = read_string(path, text, sizeof(text), &is_read);

	if (rc < 0 || !is_read || !is_machine_id(text))
		return rc;
	uuid_generate_sha1(hash, name_space, text, MACHINE_ID_DIGITS);
	return give(make_name(hash), name);
}

/* -------------------------------------------------------- made and kept */

static int fail_keep(const char *path, int errnum)
{
	return dsc_fail(errnum, "the initiator name that was made for this "
			"host cannot be kept in %s: %s (set initiator_name)",
			path, strerrordesc_np(errnum));
}

/* Writes the line and sees to it that it survives a crash. */
static bool write_line(int fd, const char *name)
{
	return fchmod(fd, 0644) == 0 &&
	       dprintf(fd, "InitiatorName=%s\n", name) > 0 && fsync(fd) == 0;
}

/*
 * Puts a file with the name in place under its final name, unless there is
 * one: link() makes one winner. Returns 0, -EEXIST or another errno.
 */
static int keep_name(const char *path, const char *name)
{
	char *draft;
	int rc = 0;
	int fd;

	if (asprintf(&draft, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		free(draft);
		return rc;
	}
	if (!write_line(fd, name) || link(draft, path) < 0)
		rc = -errno;
	close(fd);
	unlink(draft);
	free(draft);
	return rc;
}

static int make_and_keep(const struct dsc_initiator_paths *paths, char **name)
{
	uuid_t id;
	char *made;
	int rc;

	if (mkdir(paths->kept_dir, 0755) < 0 && errno != EEXIST)
		return fail_keep(paths->kept, errno);
	uuid_generate_random(id);
	made = make_name(id);
	if (made == NULL)
		return dsc_fail_memory();
	rc = keep_name(paths->kept, made);
	if (rc == 0)
		return give(made, name);
	free(made);
	if (rc != -EEXIST)
		return fail_keep(paths->kept, -rc);

	/* Another process was faster, or the file holds no name. */
	rc = read_name(paths->kept, name);
	if (rc == 0 && *name == NULL)
		rc = dsc_fail(EINVAL, "%s exists but holds no initiator name "
			      "that can be read", paths->kept);
	return rc;
}

/* --------------------------------------------------------------- sources */

int dsc_conf_initiator_name_from(const struct discsi_conf *conf,
				 const struct dsc_initiator_paths *paths,
				 char **name)
{
	char *found = NULL;
	int rc;

	if (conf->initiator_name != NULL)
		return give(strdup(conf->initiator_name), name);
	rc = read_name(paths->open_iscsi, &found);
	if (rc == 0 && found == NULL)
		rc = name_of_machine(paths->machine_id, &found);
	if (rc == 0 && found == NULL)
		rc = read_name(paths->kept, &found);
	if (rc == 0 && found == NULL)
		rc = make_and_keep(paths, &found);
	if (rc == 0)
		*name = found;
	return rc;
}

int discsi_conf_initiator_name(const struct discsi_conf *conf, char **name)
{
	static const struct dsc_initiator_paths paths = {
		.open_iscsi = "/etc/iscsi/initiatorname.iscsi",
		.machine_id = "/etc/machine-id",
		.kept_dir = "/var/lib/discsi",
		.kept = "/var/lib/discsi/initiatorname.iscsi",
	};

	return dsc_conf_initiator_name_from(conf, &paths, name);
}
