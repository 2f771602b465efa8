/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-lun-tgt.c: what LUNs of tgtd and istgt are, as we see them, as their
 * targets were told and as libiscsi's tools see them; and what the special
 * ones (large, read only, thin) make of I/O. Test's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/process.h"
#include "harness/target.h"
#include "tgt/client.h"
#include "tgt/place.h"

#define IQN "iqn.2026-11.test.lun:disks"
#define ISTGT "iqn.2026-11.test.lun:istgt"
#define SIZE (64 * MIB)

enum {
	LUN_PLAIN = 1,
	LUN_THIN = 2,
	LUN_LARGE = 3,
	LUN_READ_ONLY = 4,
	LUN_NO_CACHE = 5,
	LUN_4K = 6,
	LUN_FLAT = 300,   /* above 255: another form of address */
};

static const struct {
	int lun;
	uint64_t bytes;
	unsigned block_size;
	unsigned flags;
} luns[] = {
	{ LUN_PLAIN, SIZE, 512, 0 },
	{ LUN_THIN, SIZE, 512, DSC_LUN_THIN },
	{ LUN_LARGE, 3 * TIB + 512, 512, 0 },
	{ LUN_READ_ONLY, SIZE, 512, DSC_LUN_READ_ONLY },
	{ LUN_NO_CACHE, SIZE, 512, 0 },
	{ LUN_4K, SIZE, 4096, 0 },
	{ LUN_FLAT, MIB, 512, 0 },
};

#define LUN_COUNT (sizeof(luns) / sizeof(luns[0]))

/* A caching mode page whose WCE is off; the rest is tgtd's own. */
static const char no_cache[] =
	"mode_page=8:0:18:0x10:0:0xff:0xff:0:0:0xff:0xff:0xff:0xff:0x80:0x14:"
	"0:0:0:0:0:0";

static struct dsc_tgtd *tgtd;

static int setup(void)
{
	size_t i;

	if (!dsc_tgtd_is_installed() || !dsc_has_program("iscsi-inq")) {
		dsc_test_skip("tgtd or libiscsi-bin is not installed");
		return 0;
	}
	if (dsc_tgtd_start(&tgtd) != 0 ||
	    dsc_tgtd_add_target(tgtd, 1, IQN) != 0)
		return -1;
	for (i = 0; i < LUN_COUNT; i++)
		if (dsc_tgtd_add_lun(tgtd, 1, luns[i].lun, luns[i].bytes,
				     luns[i].block_size, luns[i].flags) != 0)
			return -1;
	if (dsc_tgtd_set_lun_params(tgtd, 1, LUN_THIN, "scsi_sn=SN-42,"
				    "vendor_id=ACME,product_id=Thin disk,"
				    "product_rev=0.7") != 0)
		return -1;
	return dsc_tgtd_set_lun_params(tgtd, 1, LUN_NO_CACHE, no_cache);
}

static void teardown(void)
{
	dsc_tgtd_stop(tgtd);
}

/* A client with an open LUN, and the same LUN from outside. */
static bool begin(struct client *c, struct place *place, int lun)
{
	*place = place_of_tgtd(tgtd, 1, IQN, lun);
	client_begin(c, place->portal, place->iqn);
	return client_open(c, (uint64_t)lun);
}

static void end(struct client *c, struct place *place)
{
	client_end(c);
	place_free(place);
}

/* -------------------------------------------------------------- what it is */

static void test_report_luns(void)
{
	uint64_t *found = NULL;
	size_t count = 0;
	struct client c;
	size_t i;

	client_begin(&c, dsc_tgtd_portal(tgtd), IQN);
	CU_ASSERT_EQUAL(client_login(&c), 0);
	CU_ASSERT_EQUAL(discsi_session_report_luns(c.session, &found, &count),
			0);
	CU_ASSERT_EQUAL(count, LUN_COUNT + 1);
	CU_ASSERT_TRUE(count > 0 && found[0] == 0);  /* tgtd's controller */
	for (i = 1; i < count && i <= LUN_COUNT; i++)
		CU_ASSERT_EQUAL(found[i], (uint64_t)luns[i - 1].lun);
	free(found);
	client_end(&c);
}

/* Identity and capacity against libiscsi's tools. */
static void compare(const struct discsi_lun_info *info,
		    const struct place *place)
{
	char *inquiry = place_ask(place, "iscsi-inq", -1);
	char *serial = place_ask(place, "iscsi-inq", 0x80);
	char *capacity = place_ask(place, "iscsi-readcapacity16", -1);
	const char *bracket = serial ? strchr(serial, '[') : NULL;
	unsigned exponent;

	CU_ASSERT_TRUE(answer_is(inquiry, "Vendor:", info->vendor));
	CU_ASSERT_TRUE(answer_is(inquiry, "Product:", info->product));
	CU_ASSERT_TRUE(answer_is(inquiry, "Revision:", info->revision));
	CU_ASSERT_EQUAL(info->type, 0);
	bracket = bracket ? bracket + 1 + strspn(bracket + 1, " ") : NULL;
	CU_ASSERT_TRUE(bracket && strncmp(bracket, info->serial,
					  strlen(info->serial)) == 0);
	CU_ASSERT_EQUAL(info->blocks - 1, answer_number(capacity,
			"RETURNED LOGICAL BLOCK ADDRESS:"));
	CU_ASSERT_EQUAL(info->block_size, answer_number(capacity,
			"LOGICAL BLOCK LENGTH IN BYTES:"));
	CU_ASSERT_EQUAL(info->bytes, answer_number(capacity, "Total size:"));
	CU_ASSERT_EQUAL(info->thin, strstr(capacity, "LBPME:1") != NULL);
	exponent = (unsigned)answer_number(capacity, "P_I_EXPONENT:0 "
			"LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT:");
	CU_ASSERT_EQUAL(info->physical_block_size,
			info->block_size << exponent);
	free(inquiry);
	free(serial);
	free(capacity);
}

/* The same for the pages that tell what it is able to do. */
static void compare_abilities(const struct discsi_lun_info *info,
			      const struct place *place)
{
	char *limits = place_ask(place, "iscsi-inq", 0xb0);
	char *thin = place_ask(place, "iscsi-inq", 0xb2);
	uint64_t unmap = answer_number(limits, "maximum unmap lba count:");
	uint64_t granularity = answer_number(limits,
					     "optimal unmap granularity:");

	CU_ASSERT_EQUAL(info->can_trim, unmap != 0 &&
			answer_number(thin, "lbpu:") == 1);
	CU_ASSERT_EQUAL(info->can_zero_unmap,
			answer_number(thin, "lbpws:") == 1 &&
			answer_number(thin, "lbprz:") == 1);
	CU_ASSERT(info->max_unmap_bytes <= unmap * info->block_size);
	CU_ASSERT_EQUAL(info->unmap_granularity_bytes,
			granularity * info->block_size);
	CU_ASSERT(info->max_transfer_bytes >= info->block_size);
	free(limits);
	free(thin);
}

static void test_info_tgtd(void)
{
	struct place place;
	struct client c;
	size_t i;

	for (i = 0; i < LUN_COUNT; i++) {
		if (begin(&c, &place, luns[i].lun)) {
			CU_ASSERT_EQUAL(c.info.lun, (uint64_t)luns[i].lun);
			CU_ASSERT_EQUAL(c.info.bytes, luns[i].bytes);
			CU_ASSERT_EQUAL(c.info.block_size,
					luns[i].block_size);
			CU_ASSERT_EQUAL(c.info.thin,
					luns[i].flags == DSC_LUN_THIN);
			CU_ASSERT_EQUAL(c.info.read_only,
					luns[i].flags == DSC_LUN_READ_ONLY);
			CU_ASSERT_EQUAL(c.info.write_cache,
					luns[i].lun != LUN_NO_CACHE);
			/* libiscsi's tools take LUNs up to 255 */
			if (luns[i].lun <= 255)
				compare(&c.info, &place);
		}
		end(&c, &place);
	}
}

static void test_abilities(void)
{
	static const int some[] = { LUN_PLAIN, LUN_THIN };
	struct place place;
	struct client c;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (begin(&c, &place, some[i]))
			compare_abilities(&c.info, &place);
		end(&c, &place);
	}
}

static void test_info_istgt(void)
{
	const struct dsc_istgt_options options = {
		.iqn = ISTGT,
		.lun_bytes = { SIZE, 3 * SIZE },
		.block_size = 4096,
	};
	struct dsc_istgt *t;
	struct place place;
	struct client c;

	if (!dsc_istgt_is_installed()) {
		dsc_test_skip("istgt is not installed");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(dsc_istgt_start(&options, &t), 0);
	place = place_of_istgt(t, ISTGT, 1);
	client_begin(&c, place.portal, place.iqn);
	if (client_open(&c, 1)) {
		CU_ASSERT_EQUAL(c.info.bytes, 3 * SIZE);
		CU_ASSERT_EQUAL(c.info.block_size, 4096);
		compare(&c.info, &place);
	}
	end(&c, &place);
	dsc_istgt_stop(t);
}

static void test_identity_as_set(void)
{
	struct place place;
	struct client c;

	if (begin(&c, &place, LUN_THIN)) {
		CU_ASSERT_STRING_EQUAL(c.info.vendor, "ACME");
		CU_ASSERT_STRING_EQUAL(c.info.product, "Thin disk");
		CU_ASSERT_STRING_EQUAL(c.info.revision, "0.7");
		CU_ASSERT_STRING_EQUAL(c.info.serial, "SN-42");
	}
	end(&c, &place);
}

/* The designator is the LUN's own, and the same at each login. */
static void test_designators(void)
{
	char first[sizeof(((struct discsi_lun_info *)NULL)->designator)] = "";
	struct place place;
	struct client c;

	if (begin(&c, &place, LUN_PLAIN))
		snprintf(first, sizeof(first), "%s", c.info.designator);
	end(&c, &place);
	CU_ASSERT_EQUAL(strncmp(first, "naa.6", 5), 0);
	CU_ASSERT_EQUAL(strlen(first), 4 + 32);
	if (begin(&c, &place, LUN_PLAIN))
		CU_ASSERT_STRING_EQUAL(c.info.designator, first);
	end(&c, &place);
	if (begin(&c, &place, LUN_THIN))
		CU_ASSERT_STRING_NOT_EQUAL(c.info.designator, first);
	end(&c, &place);
}

static void test_expected_id(void)
{
	const struct failure stale = {
		ESTALE, -1, -1, { "SN-42", "SN-43", IQN }
	};
	struct client c;

	client_begin(&c, dsc_tgtd_portal(tgtd), IQN);
	client_set(&c, "expected_id", "SN-42");
	client_set(&c, "lun_id", "2");
	CU_ASSERT_TRUE(client_open(&c, DISCSI_LUN_OF_CONF));
	CU_ASSERT_EQUAL(c.info.lun, LUN_THIN);
	client_logout(&c);
	client_set(&c, "expected_id", "SN-43");
	CU_ASSERT_EQUAL(client_login(&c), 0);
	expect_failure(discsi_lun_open(c.session, LUN_THIN, &c.lun), &stale);
	client_end(&c);
}

static void test_no_such_lun(void)
{
	const struct failure none = { ENXIO, -1, -1, { "LUN 77", IQN } };
	const struct failure no_disk = {
		EOPNOTSUPP, -1, -1, { "LUN 0", IQN }
	};
	struct discsi_lun_info info = { .size = sizeof(info) };
	struct client c;

	client_begin(&c, dsc_tgtd_portal(tgtd), IQN);
	CU_ASSERT_EQUAL(client_login(&c), 0);
	expect_failure(discsi_lun_open(c.session, 77, &c.lun), &none);
	CU_ASSERT_PTR_NULL(c.lun);
	expect_failure(discsi_lun_open(c.session, 0, &c.lun), &no_disk);
	CU_ASSERT_EQUAL(discsi_lun_identify(c.session, 0, &info), 0);
	CU_ASSERT_EQUAL(info.type, 0x0c);  /* tgtd's controller */
	client_end(&c);
}

static void on_lun(void *arg, int status, struct discsi_lun *lun,
		   const struct discsi_error *error)
{
	CU_ASSERT_EQUAL(status == 0, lun != NULL);
	if (lun)
		discsi_lun_close(lun);
	pending_done(arg, status, error);
}

/* All of them at once, through one session. */
static void try_opening_all(bool is_threaded)
{
	struct pending p;
	struct client c;
	size_t i;

	client_begin(&c, dsc_tgtd_portal(tgtd), IQN);
	if (is_threaded)
		client_start(&c);
	CU_ASSERT_EQUAL(client_login(&c), 0);
	pending_init(&p, &c);
	for (i = 0; i < LUN_COUNT; i++) {
		pending_add(&p);
		CU_ASSERT_EQUAL(discsi_lun_open_async(c.session,
						      (uint64_t)luns[i].lun,
						      on_lun, &p), 0);
	}
	CU_ASSERT_TRUE(pending_wait(&p, 0));
	CU_ASSERT_EQUAL(p.failed, 0);
	pending_fini(&p);
	client_end(&c);
}

static void test_open_all(void)
{
	try_opening_all(false);
	try_opening_all(true);
}

/* ------------------------------------------------------------------ bounds */

static void try_bounds(struct client *c)
{
	static uint8_t buf[8192];
	uint32_t block = c->info.block_size;
	uint64_t bytes = c->info.bytes;

	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, buf, block, bytes - block, 0),
			0);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, buf, block, bytes, 0),
			-ERANGE);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, buf, 2 * block, bytes - block,
					0), -ERANGE);
	CU_ASSERT_EQUAL(discsi_lun_write(c->lun, buf, block,
					 UINT64_MAX - block + 1, 0), -ERANGE);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, buf, block, block / 2, 0),
			-EINVAL);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, buf, block / 2, 0, 0),
			-EINVAL);
	CU_ASSERT_EQUAL(discsi_lun_zero(c->lun, bytes, block, 0), -ERANGE);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, buf, block, 0, 0x8000),
			-EINVAL);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, buf, 0, bytes, 0), 0);
}

static void test_bounds(void)
{
	static const int some[] = { LUN_PLAIN, LUN_4K, LUN_LARGE };
	struct place place;
	struct client c;
	size_t i;

	for (i = 0; i < 3; i++) {
		if (begin(&c, &place, some[i]))
			try_bounds(&c);
		end(&c, &place);
	}
}

/* Across 2 TiB, where block addresses leave 32 bits, and at the very end. */
static void try_beyond_2tib(struct client *c, const struct place *place)
{
	const uint64_t offsets[] = {
		2 * TIB - 64 * KIB, 2 * TIB + 5 * 512,
		c->info.bytes - 128 * KIB
	};
	static uint8_t data[128 * KIB];
	static uint8_t back[128 * KIB];
	size_t i;

	for (i = 0; i < 3; i++) {
		memset(data, 0xa1 + (int)i, sizeof(data));
		CU_ASSERT_EQUAL(discsi_lun_write(c->lun, data, sizeof(data),
						 offsets[i], 0), 0);
		CU_ASSERT_TRUE(place_is(place, data[0], sizeof(data),
					offsets[i]));
		if (i > 0 && place_has_qemu_io())
			CU_ASSERT_TRUE(place_qemu_io_pattern(place, "read",
				data[0], sizeof(data), offsets[i]));
		CU_ASSERT_EQUAL(discsi_lun_read(c->lun, back, sizeof(back),
						offsets[i], 0), 0);
		CU_ASSERT_EQUAL(memcmp(back, data, sizeof(data)), 0);
	}
	/* the same addresses without their upper bits are still empty */
	CU_ASSERT_TRUE(place_is(place, 0, MIB, 0));
	CU_ASSERT_TRUE(place_is(place, 0, MIB, TIB - MIB));
}

static void test_beyond_2tib(void)
{
	struct place place;
	struct client c;

	if (begin(&c, &place, LUN_LARGE))
		try_beyond_2tib(&c, &place);
	end(&c, &place);
}

/* --------------------------------------------------------------- read only */

static void expect_read_only(struct client *c, const struct place *place)
{
	static uint8_t data[4096];
	const struct failure read_only = { EROFS, -1, -1, { IQN } };
	uint8_t before;

	place_peek(place, &before, 1, 0);
	memset(data, (uint8_t)~before, sizeof(data));
	CU_ASSERT_TRUE(c->info.read_only);
	expect_failure(discsi_lun_write(c->lun, data, sizeof(data), 0, 0),
		       &read_only);
	expect_failure(discsi_lun_zero(c->lun, 0, sizeof(data), 0),
		       &read_only);
	expect_failure(discsi_lun_trim(c->lun, 0, sizeof(data)), &read_only);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, data, sizeof(data), 0, 0), 0);
	CU_ASSERT_TRUE(place_has(place, data, sizeof(data), 0));
}

static void test_read_only_lun(void)
{
	static const uint8_t text[512] = "write protected";
	struct place place;
	struct client c;

	if (begin(&c, &place, LUN_READ_ONLY)) {
		place_poke(&place, text, sizeof(text), 0);
		expect_read_only(&c, &place);
		CU_ASSERT_TRUE(place_has(&place, text, sizeof(text), 0));
	}
	end(&c, &place);
}

static void test_read_only_configured(void)
{
	struct place place = place_of_tgtd(tgtd, 1, IQN, LUN_PLAIN);
	struct client c;

	client_begin(&c, place.portal, place.iqn);
	client_set(&c, "read_only", "true");
	if (client_open(&c, LUN_PLAIN))
		expect_read_only(&c, &place);
	end(&c, &place);
}

/* -------------------------------------------------------------------- thin */

/* What block_status says must be what the file has. */
static void compare_extents(struct client *c, const struct place *place,
			    uint64_t offset, uint64_t length)
{
	struct discsi_extent extents[32];
	size_t count = 32;
	uint64_t at = offset;
	size_t i;

	CU_ASSERT_EQUAL(discsi_lun_block_status(c->lun, offset, length, extents,
						&count), 0);
	CU_ASSERT(count > 0 && count < 32);
	for (i = 0; i < count; i++) {
		bool is_hole = extents[i].flags & DISCSI_EXTENT_HOLE;

		CU_ASSERT_EQUAL(is_hole, place_is_hole(place,
				extents[i].length, at));
		CU_ASSERT(i == 0 || extents[i].flags != extents[i - 1].flags);
		at += extents[i].length;
	}
	CU_ASSERT(at >= offset + length && at <= c->info.bytes);
}

static void try_thin(struct client *c, const struct place *place)
{
	static uint8_t data[MIB];
	static const uint8_t zeroes[MIB];

	CU_ASSERT_TRUE(c->info.can_trim);
	CU_ASSERT_TRUE(c->info.can_block_status);
	memset(data, 0x77, sizeof(data));
	CU_ASSERT_EQUAL(discsi_lun_write(c->lun, data, MIB, 8 * MIB, 0), 0);
	CU_ASSERT_TRUE(place_is(place, 0x77, MIB, 8 * MIB));
	compare_extents(c, place, 0, SIZE);

	/* a hole in the middle, and nothing beside it */
	CU_ASSERT_EQUAL(discsi_lun_trim(c->lun, 8 * MIB + 256 * KIB,
					512 * KIB), 0);
	CU_ASSERT_TRUE(place_is_hole(place, 512 * KIB, 8 * MIB + 256 * KIB));
	CU_ASSERT_TRUE(place_is(place, 0x77, 256 * KIB, 8 * MIB));
	CU_ASSERT_TRUE(place_is(place, 0x77, 256 * KIB, 8 * MIB + 768 * KIB));
	compare_extents(c, place, 0, SIZE);
	compare_extents(c, place, 8 * MIB + 512, 512 * KIB);

	/* zeroes that need no room, and zeroes that may not be a hole */
	CU_ASSERT_EQUAL(discsi_lun_zero(c->lun, 8 * MIB, 64 * KIB,
					DISCSI_ZERO_UNMAP), 0);
	CU_ASSERT_TRUE(place_is(place, 0, 64 * KIB, 8 * MIB));
	CU_ASSERT_TRUE(place_is_hole(place, 64 * KIB, 8 * MIB));
	CU_ASSERT_EQUAL(discsi_lun_zero(c->lun, 8 * MIB + 64 * KIB, 64 * KIB,
					DISCSI_IO_FUA), 0);
	CU_ASSERT_TRUE(place_is(place, 0, 64 * KIB, 8 * MIB + 64 * KIB));
	CU_ASSERT_TRUE(place_is(place, 0x77, 128 * KIB, 8 * MIB + 128 * KIB));
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, data, 128 * KIB, 8 * MIB, 0),
			0);
	CU_ASSERT_EQUAL(memcmp(data, zeroes, 128 * KIB), 0);
	compare_extents(c, place, 0, SIZE);
}

static void test_thin(void)
{
	struct place place;
	struct client c;

	if (begin(&c, &place, LUN_THIN))
		try_thin(&c, &place);
	end(&c, &place);
}

/* Nothing to trim with; zeroes are zeroes in whatever way. */
static void test_thick(void)
{
	static const uint8_t text[512] = "some data";
	const struct failure cannot = { EOPNOTSUPP, -1, -1, { IQN } };
	struct place place;
	struct client c;

	if (begin(&c, &place, LUN_4K)) {
		place_poke(&place, text, sizeof(text), 0);
		place_poke(&place, text, sizeof(text), 20 * KIB);
		expect_failure(discsi_lun_trim(c.lun, 0, 4096), &cannot);
		CU_ASSERT_EQUAL(discsi_lun_zero(c.lun, 0, 16 * KIB, 0), 0);
		CU_ASSERT_TRUE(place_is(&place, 0, 16 * KIB, 0));
		CU_ASSERT_TRUE(place_has(&place, text, sizeof(text),
					 20 * KIB));
		compare_extents(&c, &place, 0, SIZE);
	}
	end(&c, &place);
}

static const struct dsc_test tests[] = {
	{ "report-luns", test_report_luns },
	{ "info-tgtd", test_info_tgtd },
	{ "info-istgt", test_info_istgt },
	{ "abilities", test_abilities },
	{ "identity-as-set", test_identity_as_set },
	{ "designators", test_designators },
	{ "expected-id", test_expected_id },
	{ "no-such-lun", test_no_such_lun },
	{ "open-all", test_open_all },
	{ "bounds", test_bounds },
	{ "beyond-2tib", test_beyond_2tib },
	{ "read-only-lun", test_read_only_lun },
	{ "read-only-configured", test_read_only_configured },
	{ "thin", test_thin },
	{ "thick", test_thick },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("lun-tgt", tests, setup, teardown, argc,
				     argv);
}
