/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-cuts.c: where a long request is cut into commands: not within a physical
 * block, which a disk would read and write twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define READ10 0x28
#define WRITE10 0x2a
#define WRITE_SAME16 0x93
#define BLOCK 512u
#define LENGTH (1024u * 1024u)
#define RECORDS 256u

/* 4-KiB blocks that show themselves as eight of 512 bytes. */
static const struct sim_config aligned = {
	.blocks = 131072, .physical_exponent = 3,
};

/* The same, as if the disk had a partition table for DOS before them. */
static const struct sim_config shifted = {
	.blocks = 131072, .physical_exponent = 3, .first_aligned = 7,
};

static const struct sim_config plain = { .blocks = 131072 };

/* A physical block larger than any command. */
static const struct sim_config huge = {
	.blocks = 131072, .physical_exponent = 15,
};

/*
 * The commands of that kind lie side by side, in [first, last), and none but the
 * last ends within a physical block. Returns how many there are.
 */
static unsigned expect_whole(struct rig *rig, int opcode, uint64_t first,
			     uint64_t last, const struct sim_config *config)
{
	struct sim_record *records = calloc(RECORDS, sizeof(*records));
	size_t n = sim_journal(rig->sim, 0, records, RECORDS);
	uint64_t physical = UINT64_C(1) << config->physical_exponent;
	unsigned count = 0;
	uint64_t end;
	size_t i;

	for (i = 0; i < n; i++) {
		if (records[i].opcode != opcode)
			continue;
		CU_ASSERT_EQUAL(records[i].lba, first);
		end = records[i].lba + records[i].blocks;
		CU_ASSERT_TRUE(end == last || (end - config->first_aligned) %
						      physical == 0);
		first = end;
		count++;
	}
	CU_ASSERT_EQUAL(first, last);
	free(records);
	return count;
}

static void move(const struct sim_config *config, uint64_t lba,
		 unsigned commands)
{
	uint8_t *data = malloc(LENGTH);
	uint8_t *back = malloc(LENGTH);
	uint64_t end = lba + LENGTH / BLOCK;
	struct rig rig;

	if (rig_begin(&rig, config)) {
		rig_fill(data, LENGTH, 5);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, LENGTH,
						 lba * BLOCK, 0), 0);
		rig_peek(&rig, lba * BLOCK, back, LENGTH);
		CU_ASSERT_EQUAL(memcmp(data, back, LENGTH), 0);
		CU_ASSERT_EQUAL(expect_whole(&rig, WRITE10, lba, end, config),
				commands);
		memset(back, 0, LENGTH);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, back, LENGTH,
						lba * BLOCK, 0), 0);
		CU_ASSERT_EQUAL(memcmp(data, back, LENGTH), 0);
		CU_ASSERT_EQUAL(expect_whole(&rig, READ10, lba, end, config),
				commands);
	}
	rig_end(&rig);
	free(data);
	free(back);
}

/* What begins with a physical block costs no command more. */
static void test_aligned(void)
{
	move(&aligned, 0, 4);
	move(&aligned, 8, 4);
	move(&shifted, 7, 4);
	move(&plain, 63, 4);
}

static void test_beside(void)
{
	move(&aligned, 63, 5);
	move(&aligned, 1, 5);
	move(&shifted, 8, 5);
	move(&shifted, 0, 5);
}

static void test_larger_than_commands(void)
{
	struct rig rig;
	uint8_t *data = calloc(1, LENGTH);

	if (rig_begin(&rig, &huge)) {
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, LENGTH, BLOCK,
						 0), 0);
		CU_ASSERT_EQUAL(sim_count(rig.sim, WRITE10), 4);
	}
	rig_end(&rig);
	free(data);
}

static void test_zeroes(void)
{
	const uint64_t bytes = UINT64_C(40) << 20;
	struct rig rig;

	if (rig_begin(&rig, &aligned)) {
		CU_ASSERT_EQUAL(discsi_lun_zero(rig.lun, 3 * BLOCK, bytes, 0),
				0);
		CU_ASSERT_TRUE(expect_whole(&rig, WRITE_SAME16, 3,
					    3 + bytes / BLOCK, &aligned) > 1);
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "aligned", test_aligned },
	{ "beside", test_beside },
	{ "larger_than_commands", test_larger_than_commands },
	{ "zeroes", test_zeroes },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("cuts", tests, argc, argv);
}
