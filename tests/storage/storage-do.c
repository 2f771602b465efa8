/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage-do.c: a storage from the command line, for the guest of tests/vm and
 * for agents that die: makes one from JSON, does what it is told in order, and
 * leaves, as an agent that is restarted does: what is mounted then stays mounted.
 *
 *   storage-do JSON mount|path|read|write|format|capacity|info|wait|unmount ...
 *
 * Prints what is asked for, one a line; waits for the end of its standard input.
 * A failure is one line of JSON on stderr as those of the command discsi are, and
 * status 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <discsi/discsi.h>

static int print_text(int rc, char *text)
{
	if (rc == 0)
		puts(text);
	free(text);
	return rc;
}

static int do_mount(struct discsi_storage *storage)
{
	return discsi_storage_mount(storage, NULL);
}

static int do_read(struct discsi_storage *storage)
{
	return discsi_storage_accessible(storage, NULL);
}

/* A block of 'A', at the beginning. */
static int do_write(struct discsi_storage *storage)
{
	char block[4096];

	memset(block, 'A', sizeof(block));
	return discsi_storage_write(storage, block, sizeof(block), 0, 0);
}

static int do_unmount(struct discsi_storage *storage)
{
	return discsi_storage_unmount(storage, 0);
}

static int do_path(struct discsi_storage *storage)
{
	char *text = NULL;
	int rc = discsi_storage_device_path(storage, &text);

	return print_text(rc, text);
}

static int do_info(struct discsi_storage *storage)
{
	char *text = NULL;
	int rc = discsi_storage_sync_info(storage, &text);

	return print_text(rc, text);
}

static int do_capacity(struct discsi_storage *storage)
{
	uint64_t mb = 0;
	int rc = discsi_storage_capacity_mb(storage, &mb);

	if (rc == 0)
		printf("%" PRIu64 "\n", mb);
	return rc;
}

static int do_format(struct discsi_storage *storage)
{
	struct discsi_disk_format format = { .size = sizeof(format) };
	struct discsi_disk *disk = NULL;
	int rc = discsi_storage_create_disk(storage, "disk", &disk);

	if (rc == 0)
		rc = discsi_disk_format(disk, &format);
	if (rc == 0)
		puts(format.format);
	discsi_disk_put(disk);
	return rc;
}

static int do_wait(struct discsi_storage *storage)
{
	(void)storage;
	while (getchar() != EOF)
		;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct discsi_storage *storage);
} commands[] = {
	{ "mount", do_mount },
	{ "path", do_path },
	{ "read", do_read },
	{ "write", do_write },
	{ "format", do_format },
	{ "capacity", do_capacity },
	{ "info", do_info },
	{ "wait", do_wait },
	{ "unmount", do_unmount },
};

static int run(struct discsi_storage *storage, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(storage);
	}
	fprintf(stderr, "storage-do: there is no command %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct discsi_storage_manager *manager = NULL;
	struct discsi_storage *storage = NULL;
	const struct discsi_error *error;
	int rc;
	int i;

	if (argc < 3) {
		fputs("usage: storage-do JSON COMMAND...\n", stderr);
		return 2;
	}
	rc = discsi_storage_manager_new(NULL, &manager);
	if (rc == 0)
		rc = discsi_storage_new(manager, "/mnt", "iscsi", &storage);
	if (rc == 0)
		rc = discsi_storage_set_info(storage, "vm", "", argv[1],
					     strlen(argv[1]));
	for (i = 2; i < argc && rc == 0; i++) {
		rc = run(storage, argv[i]);
		fflush(stdout);
	}
	error = discsi_last_error();
	if (rc < 0)
		fprintf(stderr, "{\"error\": {\"errno\": \"%s\", \"message\": "
			"\"%s\"}}\n", discsi_errno_name(rc), error->message);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
	return rc == 0 ? 0 : 1;
}
