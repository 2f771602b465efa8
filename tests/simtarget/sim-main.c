/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-main.c: the simulated target as a program, for clients and benchmarks
 * that are processes of their own: prints its portals, one per line, does what
 * the lines of its standard input say, and runs until that ends.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simtarget/simtarget.h"

#define MIB (1024u * 1024u)

static int usage(void)
{
	fprintf(stderr,
		"usage: simtarget [options]   runs until standard input ends;\n"
		"a line \"resize LUN MIB\" there gives a LUN another size\n"
		"  --size MIB        of each LUN (64)\n"
		"  --block-size N    512 or 4096 (512)\n"
		"  --luns N          1 to %d (1)\n"
		"  --portals N       1 to %d (1)\n"
		"  --thin            UNMAP, GET LBA STATUS\n"
		"  --write-cache     a volatile one\n"
		"  --initial-r2t     no data before it is asked for\n"
		"  --touch           have the memory before it is used\n"
		"  --no-journal      faster\n"
		"  --poll US         look for work so long before sleeping (0)\n",
		SIM_LUNS_MAX, SIM_PORTALS_MAX);
	return 2;
}

/* False: not of the options. */
static bool take_option(int option, struct sim_config *config, uint64_t *mib)
{
	switch (option) {
	case 's':
		*mib = strtoull(optarg, NULL, 10);
		return true;
	case 'b':
		config->block_size = (uint32_t)strtoul(optarg, NULL, 10);
		return true;
	case 'l':
		config->luns = (unsigned)strtoul(optarg, NULL, 10);
		return config->luns <= SIM_LUNS_MAX;
	case 'p':
		config->portals = (unsigned)strtoul(optarg, NULL, 10);
		return config->portals <= SIM_PORTALS_MAX;
	case 't':
		config->thin = true;
		return true;
	case 'w':
		config->write_cache = true;
		config->fua = true;
		return true;
	case 'r':
		config->initial_r2t = true;
		config->no_immediate_data = true;
		return true;
	case 'T':
		config->touched = true;
		return true;
	case 'j':
		config->no_journal = true;
		return true;
	case 'P':
		config->poll_us = (unsigned)strtoul(optarg, NULL, 10);
		return true;
	default:
		return false;
	}
}

static bool parse(int argc, char **argv, struct sim_config *config)
{
	static const struct option options[] = {
		{ "size", required_argument, NULL, 's' },
		{ "block-size", required_argument, NULL, 'b' },
		{ "luns", required_argument, NULL, 'l' },
		{ "portals", required_argument, NULL, 'p' },
		{ "thin", no_argument, NULL, 't' },
		{ "write-cache", no_argument, NULL, 'w' },
		{ "initial-r2t", no_argument, NULL, 'r' },
		{ "touch", no_argument, NULL, 'T' },
		{ "no-journal", no_argument, NULL, 'j' },
		{ "poll", required_argument, NULL, 'P' },
		{ NULL, 0, NULL, 0 }
	};
	uint64_t mib = 64;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(option, config, &mib))
			return false;
	if (config->block_size == 0)
		config->block_size = 512;
	if (config->portals == 0)
		config->portals = 1;
	config->blocks = mib * MIB / config->block_size;
	return optind == argc && config->blocks > 0;
}

/* A resize is the only thing that can be asked for. */
static void obey(struct sim *sim, const struct sim_config *config,
		 const char *line)
{
	unsigned lun, mib;

	if (sscanf(line, "resize %u %u", &lun, &mib) == 2 &&
	    lun < (config->luns > 0 ? config->luns : 1))
		sim_resize(sim, lun, (uint64_t)mib * MIB / config->block_size);
	else
		fprintf(stderr, "simtarget: what does this mean: %s", line);
}

int main(int argc, char **argv)
{
	struct sim_config config = { .blocks = 0 };
	char line[64];
	struct sim *sim;
	unsigned i;

	if (!parse(argc, argv, &config))
		return usage();
	/* Memory for large commands is kept: it is not what is measured. */
	mallopt(M_MMAP_THRESHOLD, 32 * MIB);
	mallopt(M_TRIM_THRESHOLD, 512 * MIB);
	sim = sim_start(&config);
	if (sim == NULL)
		return 1;
	for (i = 0; i < config.portals; i++)
		printf("%s\n", sim_portal(sim, i));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL)
		obey(sim, &config, line);
	sim_stop(sim);
	return 0;
}
