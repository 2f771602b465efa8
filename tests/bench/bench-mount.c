/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-mount.c: how long it is from mount to a device that can be read, and
 * what a mounted storage costs.
 *
 *   bench-mount JSON ROUNDS                 mounts, reads, unmounts
 *   bench-mount many PORTAL IQN LUNS COUNT  COUNT storages, device "none"
 *   bench-mount table PORTAL IQN LUN ROUNDS every device, and what operators
 *                                           type, beside iscsiadm, in turn; as
 *                                           root, with iscsid running and a
 *                                           kernel that has nbd
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <discsi/discsi.h>

#include "programs.h"

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void check(int rc)
{
	if (rc == 0)
		return;
	fprintf(stderr, "bench-mount: %s\n", discsi_last_error()->message);
	exit(1);
}

static struct discsi_storage *make(struct discsi_storage_manager *manager,
				   const char *id, const char *conf)
{
	struct discsi_storage *storage;

	check(discsi_storage_new(manager, NULL, "iscsi", &storage));
	check(discsi_storage_set_info(storage, id, NULL, conf, strlen(conf)));
	return storage;
}

static struct discsi_storage *
make_none(struct discsi_storage_manager *manager, const char *portal,
	  const char *iqn, unsigned lun, unsigned number)
{
	char conf[1024];
	char id[32];

	snprintf(conf, sizeof(conf), "{\"portal\": \"%s\", \"iqn\": \"%s\", "
		 "\"lun_id\": %u, \"device\": \"none\"}", portal, iqn, lun);
	snprintf(id, sizeof(id), "%u", number);
	return make(manager, id, conf);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int measure_time(char **argv)
{
	struct discsi_storage_manager *manager;
	struct discsi_storage *storage;
	size_t rounds = strtoul(argv[1], NULL, 10);
	double *mounted = calloc(rounds, sizeof(*mounted));
	double *usable = calloc(rounds, sizeof(*usable));
	double start;
	size_t i;

	check(discsi_storage_manager_new(NULL, &manager));
	storage = make(manager, "s", argv[0]);
	for (i = 0; i < rounds; i++) {
		start = now_ms();
		check(discsi_storage_mount(storage, NULL));
		mounted[i] = now_ms() - start;
		check(discsi_storage_accessible(storage, NULL));
		usable[i] = now_ms() - start;
		check(discsi_storage_unmount(storage, 0));
	}
	qsort(mounted, rounds, sizeof(*mounted), compare);
	qsort(usable, rounds, sizeof(*usable), compare);
	printf("mounted after %.2f ms, read after %.2f ms (medians of %zu; "
	       "worst %.2f ms)\n", mounted[rounds / 2], usable[rounds / 2],
	       rounds, usable[rounds - 1]);
	free(mounted);
	free(usable);
	discsi_storage_put(storage);
	discsi_storage_manager_free(manager);
	return 0;
}

/* ------------------------------------------------------------------ table */

/*
 * A program's, or a storage's with such a device. In this order: the kernel is
 * still busy with a disk that iscsiadm has let go of, which is nothing to a
 * storage without a device.
 */
static const struct way {
	const char *name;
	const struct program *program;
	const char *device;
} ways[] = {
	{ "iscsiadm", &program_iscsiadm, NULL },
	{ "storage, none", NULL, "none" },
	{ "storage, nbd", NULL, "nbd" },
	{ "storage, socket", NULL, "socket" },
	{ "discsi attach", &program_attach, NULL },
	{ "qemu-nbd -c", &program_qemu_nbd, NULL },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct table {
	struct lun lun;
	struct discsi_storage *storages[WAYS];
	double *mounted[WAYS];
	double *usable[WAYS];
};

static bool is_there(size_t way)
{
	return ways[way].program == NULL ||
	       program_is_there(ways[way].program);
}

static void time_one(struct table *table, size_t way, size_t round)
{
	const struct program *program = ways[way].program;
	struct discsi_storage *storage = table->storages[way];
	double start = now_ms();

	if (program != NULL) {
		program->begin(&table->lun);
		table->mounted[way][round] = 0;
		table->usable[way][round] = now_ms() - start;
		program->end(&table->lun);
		return;
	}
	check(discsi_storage_mount(storage, NULL));
	table->mounted[way][round] = now_ms() - start;
	check(discsi_storage_accessible(storage, NULL));
	table->usable[way][round] = now_ms() - start;
	check(discsi_storage_unmount(storage, 0));
}

static struct discsi_storage *make_way(struct discsi_storage_manager *manager,
				       const struct lun *lun, size_t way)
{
	const char *device = ways[way].device;
	char conf[1024];

	if (device == NULL)
		return NULL;
	snprintf(conf, sizeof(conf), "{\"portal\": \"%s\", \"iqn\": \"%s\", "
		 "\"lun_id\": %s, \"device\": \"%s\"}", lun->portal, lun->iqn,
		 lun->number, device);
	return make(manager, device, conf);
}

static void print_way(struct table *table, size_t way, size_t rounds)
{
	double usable, first;

	qsort(table->mounted[way], rounds, sizeof(double), compare);
	qsort(table->usable[way], rounds, sizeof(double), compare);
	usable = table->usable[way][rounds / 2];
	first = table->usable[0][rounds / 2];
	printf("%-15s mounted %7.1f ms, read %7.1f ms, worst %7.1f ms; %.2f "
	       "times as fast as iscsiadm\n", ways[way].name,
	       table->mounted[way][rounds / 2], usable,
	       table->usable[way][rounds - 1], first / usable);
}

static int measure_table(char **argv)
{
	struct discsi_storage_manager *manager;
	size_t rounds = strtoul(argv[3], NULL, 10);
	struct table table = { .lun = { argv[0], argv[1], argv[2] } };
	size_t round;
	size_t i;

	check(discsi_storage_manager_new(NULL, &manager));
	for (i = 0; i < WAYS; i++) {
		table.storages[i] = make_way(manager, &table.lun, i);
		table.mounted[i] = calloc(rounds, sizeof(double));
		table.usable[i] = calloc(rounds, sizeof(double));
	}
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < WAYS; i++) {
			if (is_there(i))
				time_one(&table, i, round);
		}
	}
	for (i = 0; i < WAYS; i++) {
		if (is_there(i))
			print_way(&table, i, rounds);
		free(table.mounted[i]);
		free(table.usable[i]);
		discsi_storage_put(table.storages[i]);
	}
	discsi_storage_manager_free(manager);
	return 0;
}

/* ------------------------------------------------------------------- many */

/* A line of /proc/self/status, in KiB or as a number. */
static long status_of(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long value = -1;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtol(line + strlen(name) + 1, NULL, 10);
	}
	if (file != NULL)
		fclose(file);
	return value;
}

static long count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long count = 0;

	while (dir != NULL && readdir(dir) != NULL)
		count++;
	if (dir != NULL)
		closedir(dir);
	return count;
}

static int measure_many(char **argv)
{
	struct discsi_storage_manager *manager;
	struct discsi_storage **storages;
	unsigned luns = (unsigned)strtoul(argv[2], NULL, 10);
	unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
	double start;
	long fds, rss;
	unsigned i;

	check(discsi_storage_manager_new(NULL, &manager));
	storages = calloc(count, sizeof(struct discsi_storage *));
	storages[0] = make_none(manager, argv[0], argv[1], 1, 0);
	check(discsi_storage_mount(storages[0], NULL));
	fds = count_fds();
	rss = status_of("VmRSS");
	start = now_ms();
	for (i = 1; i < count; i++) {
		storages[i] = make_none(manager, argv[0], argv[1],
					1 + i % luns, i);
		check(discsi_storage_mount(storages[i], NULL));
	}
	printf("%u storages: %.2f ms each to mount, %.1f KiB and %.2f "
	       "descriptors each, %ld threads\n", count,
	       (now_ms() - start) / (count - 1),
	       (double)(status_of("VmRSS") - rss) / (count - 1),
	       (double)(count_fds() - fds) / (count - 1),
	       status_of("Threads"));
	for (i = 0; i < count; i++) {
		check(discsi_storage_unmount(storages[i], 0));
		discsi_storage_put(storages[i]);
	}
	printf("unmounted: %+ld descriptors\n", count_fds() - fds + 1);
	free(storages);
	discsi_storage_manager_free(manager);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "many") == 0)
		return measure_many(argv + 2);
	if (argc == 6 && strcmp(argv[1], "table") == 0)
		return measure_table(argv + 2);
	if (argc == 3)
		return measure_time(argv + 1);
	fputs("usage: bench-mount JSON ROUNDS\n"
	      "       bench-mount many PORTAL IQN LUNS COUNT\n"
	      "       bench-mount table PORTAL IQN LUN ROUNDS\n", stderr);
	return 2;
}
