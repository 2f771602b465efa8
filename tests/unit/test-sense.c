/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-sense.c: reading sense data in both formats and of any length, the
 * verdict on it (each row of the table, and the rows that other layers rely
 * on by name), and the sentence an operator reads.
 */
#include <errno.h>
#include <string.h>

#include "harness/harness.h"
#include "hex.h"
#include "scsi/sense-table.h"
#include "scsi/sense.h"

static struct dsc_sense parse(const char *text)
{
	struct hex bytes = hex_bytes(text);
	struct dsc_sense sense;

	memset(&sense, 0xa5, sizeof(sense));
	dsc_sense_parse(bytes.data, bytes.length, &sense);
	hex_free(&bytes);
	return sense;
}

static bool is_code(const struct dsc_sense *sense, int key, int asc, int ascq)
{
	return sense->is_valid && sense->key == key && sense->asc == asc &&
	       sense->ascq == ascq;
}

/* ------------------------------------------------------------- reading */

static void test_fixed(void)
{
	/* tgtd to INQUIRY of a page that it does not have */
	struct dsc_sense s = parse("70 00 05 00 00 00 00 0a 00 00 00 00 24 00"
				   "00 00 00 00");

	CU_ASSERT(is_code(&s, 0x5, 0x24, 0x00));
	CU_ASSERT_FALSE(s.is_deferred);
	CU_ASSERT_FALSE(s.has_information);

	/* istgt sets VALID */
	s = parse("f0 00 03 00 12 34 56 0a 00 00 00 00 11 04 00 00 00 00");
	CU_ASSERT(is_code(&s, 0x3, 0x11, 0x04));
	CU_ASSERT_TRUE(s.has_information);
	CU_ASSERT_EQUAL(s.information, 0x123456);
}

static void test_descriptor(void)
{
	struct dsc_sense s = parse("72 03 11 00 00 00 00 0c"
				   "00 0a 80 00 00 00 00 12 34 56 78 9a");

	CU_ASSERT(is_code(&s, 0x3, 0x11, 0x00));
	CU_ASSERT_TRUE(s.has_information);
	CU_ASSERT_EQUAL(s.information, UINT64_C(0x123456789a));

	/* behind another descriptor */
	s = parse("72 05 24 00 00 00 00 14 02 06 00 00 c0 00 02 00"
		  "00 0a 80 00 00 00 00 00 00 00 00 07");
	CU_ASSERT_TRUE(s.has_information);
	CU_ASSERT_EQUAL(s.information, 7);
}

/* A descriptor may claim more than there is; the code stays usable. */
static void test_lying_descriptors(void)
{
	struct dsc_sense s = parse("72 03 11 00 00 00 00 ff"
				   "00 0a 80 00 00 00 00 12");

	CU_ASSERT(is_code(&s, 0x3, 0x11, 0x00));
	CU_ASSERT_FALSE(s.has_information);
	s = parse("72 03 11 00 00 00 00 04 00 00 80 00");
	CU_ASSERT_FALSE(s.has_information);
	s = parse("72 03 11 00 00 00 00 0c"
		  "02 ff 80 00 00 00 00 12 34 56 78 9a");
	CU_ASSERT_FALSE(s.has_information);
}

/* What an additional length of 2 leaves out is not looked at. */
static void test_stated_length(void)
{
	struct dsc_sense s = parse("70 00 06 00 00 00 00 02 00 00 00 00 29 00"
				   "00 00 00 00");

	CU_ASSERT(is_code(&s, 0x6, 0, 0));
}

static void test_deferred(void)
{
	struct dsc_sense s = parse("71 00 03 00 00 00 00 0a 00 00 00 00 0c 00"
				   "00 00 00 00");

	CU_ASSERT_TRUE(s.is_deferred);
	CU_ASSERT(is_code(&s, 0x3, 0x0c, 0));
	s = parse("73 04 44 00 00 00 00 00");
	CU_ASSERT_TRUE(s.is_deferred);
	CU_ASSERT(is_code(&s, 0x4, 0x44, 0));
}

static void test_short(void)
{
	struct dsc_sense s = parse("");

	CU_ASSERT_FALSE(s.is_valid);
	s = parse("70");
	CU_ASSERT_FALSE(s.is_valid);
	s = parse("70 00");
	CU_ASSERT_FALSE(s.is_valid);
	s = parse("70 00 06");
	CU_ASSERT(is_code(&s, 0x6, 0, 0));
	s = parse("72");
	CU_ASSERT_FALSE(s.is_valid);
	s = parse("72 06 29");
	CU_ASSERT(is_code(&s, 0x6, 0x29, 0));
	s = parse("7f 00 06 00 00 00 00 0a 00 00 00 00 29 00 00 00 00 00");
	CU_ASSERT_FALSE(s.is_valid);
	s = parse("00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
	CU_ASSERT_FALSE(s.is_valid);
}

static void test_cut_anywhere(void)
{
	static const char *const whole[] = {
		"f0 00 03 00 12 34 56 0a 00 00 00 00 11 04 00 00 00 00",
		"72 05 24 00 00 00 00 14 02 06 00 00 c0 00 02 00"
		"00 0a 80 00 00 00 00 00 00 00 00 07",
	};
	struct dsc_sense sense;
	struct hex full;
	struct hex cut;

	for (size_t i = 0; i < 2; i++) {
		full = hex_bytes(whole[i]);
		for (size_t n = 0; n <= full.length; n++) {
			cut = hex_copy(full.data, n);
			dsc_sense_parse(cut.data, n, &sense);
			CU_ASSERT_EQUAL(sense.is_valid, n >= (i == 0 ? 3 : 2));
			hex_free(&cut);
		}
		hex_free(&full);
	}
}

/* ------------------------------------------------------------- verdicts */

static struct dsc_verdict judge(int key, int asc, int ascq)
{
	const struct dsc_sense sense = {
		.is_valid = true,
		.key = (uint8_t)key,
		.asc = (uint8_t)asc,
		.ascq = (uint8_t)ascq,
	};

	return dsc_sense_judge(DSC_SAM_CHECK_CONDITION, &sense);
}

/* Some code that stands for "any" and that no row has. */
static int code_of(int code)
{
	return code == DSC_SENSE_ANY ? 0xfe : code;
}

/*
 * What each row of the table is to say, written down a second time: a row that
 * is not here, or says something else, has not been thought about twice.
 */
#define ANY DSC_SENSE_ANY
#define NO DSC_RETRY_NO
#define NOW DSC_RETRY_NOW
#define LATER DSC_RETRY_LATER
#define NONE DSC_NEWS_NONE
#define CAPACITY DSC_NEWS_CAPACITY
#define LUNS DSC_NEWS_LUNS
#define IDENTITY DSC_NEWS_IDENTITY
#define RESET DSC_NEWS_RESET

static const struct expected {
	int key, asc, ascq, errnum;
	enum dsc_retry retry;
	enum dsc_news news;
} expected_rows[] = {
	{ 0x0, ANY, ANY, EIO, NOW, NONE },
	{ 0x1, ANY, ANY, 0, NO, NONE },
	{ 0x2, 0x04, 0x01, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x02, EIO, NO, NONE },
	{ 0x2, 0x04, 0x03, EIO, NO, NONE },
	{ 0x2, 0x04, 0x04, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x05, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x06, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x07, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x08, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x09, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x0a, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x0b, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x0c, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x10, EIO, NO, NONE },
	{ 0x2, 0x04, 0x11, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x12, EIO, NO, NONE },
	{ 0x2, 0x04, 0x14, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x1a, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x1b, EIO, LATER, NONE },
	{ 0x2, 0x04, 0x1d, EIO, LATER, NONE },
	{ 0x2, 0x04, ANY, EIO, NO, NONE },
	{ 0x2, 0x05, ANY, EIO, NO, NONE },
	{ 0x2, 0x08, ANY, EIO, LATER, NONE },
	{ 0x2, 0x30, ANY, EIO, NO, NONE },
	{ 0x2, 0x31, ANY, EIO, NO, NONE },
	{ 0x2, 0x3a, ANY, EIO, NO, NONE },
	{ 0x2, 0x3e, 0x00, EIO, LATER, NONE },
	{ 0x2, ANY, ANY, EIO, NO, NONE },
	{ 0x3, 0x03, ANY, ENODATA, NO, NONE },
	{ 0x3, 0x0c, ANY, ENODATA, NO, NONE },
	{ 0x3, 0x10, ANY, ENODATA, NO, NONE },
	{ 0x3, 0x11, 0x00, ENODATA, NO, NONE },
	{ 0x3, 0x11, 0x01, ENODATA, NO, NONE },
	{ 0x3, 0x11, 0x04, ENODATA, NO, NONE },
	{ 0x3, 0x11, 0x14, ENODATA, NO, NONE },
	{ 0x3, 0x11, ANY, ENODATA, NO, NONE },
	{ 0x3, 0x14, ANY, ENODATA, NO, NONE },
	{ 0x3, 0x19, ANY, ENODATA, NO, NONE },
	{ 0x3, 0x31, ANY, ENODATA, NO, NONE },
	{ 0x3, 0x32, ANY, ENODATA, NO, NONE },
	{ 0x3, ANY, ANY, ENODATA, NO, NONE },
	{ 0x4, 0x08, ANY, EIO, NO, NONE },
	{ 0x4, 0x32, ANY, EIO, NO, NONE },
	{ 0x4, 0x3e, ANY, EIO, NO, NONE },
	{ 0x4, 0x44, 0x00, EIO, NO, NONE },
	{ 0x4, 0x5d, ANY, EIO, NO, NONE },
	{ 0x4, ANY, ANY, EIO, NO, NONE },
	{ 0x5, 0x1a, 0x00, EOPNOTSUPP, NO, NONE },
	{ 0x5, 0x20, 0x00, EOPNOTSUPP, NO, NONE },
	{ 0x5, 0x20, ANY, EIO, NO, NONE },
	{ 0x5, 0x21, 0x00, ERANGE, NO, NONE },
	{ 0x5, 0x24, ANY, EOPNOTSUPP, NO, NONE },
	{ 0x5, 0x25, ANY, ENXIO, NO, NONE },
	{ 0x5, 0x26, 0x04, EBADE, NO, NONE },
	{ 0x5, 0x26, ANY, EOPNOTSUPP, NO, NONE },
	{ 0x5, 0x27, ANY, EROFS, NO, NONE },
	{ 0x5, 0x2c, ANY, EIO, NO, NONE },
	{ 0x5, 0x55, ANY, EIO, NO, NONE },
	{ 0x5, ANY, ANY, EIO, NO, NONE },
	{ 0x6, 0x28, ANY, EIO, NOW, IDENTITY },
	{ 0x6, 0x29, 0x00, EIO, NOW, RESET },
	{ 0x6, 0x29, 0x01, EIO, NOW, RESET },
	{ 0x6, 0x29, 0x02, EIO, NOW, RESET },
	{ 0x6, 0x29, 0x03, EIO, NOW, RESET },
	{ 0x6, 0x29, 0x04, EIO, NOW, NONE },
	{ 0x6, 0x29, 0x07, EIO, NOW, NONE },
	{ 0x6, 0x29, ANY, EIO, NOW, NONE },
	{ 0x6, 0x2a, 0x01, EIO, NOW, NONE },
	{ 0x6, 0x2a, 0x03, EIO, NOW, NONE },
	{ 0x6, 0x2a, 0x04, EIO, NOW, NONE },
	{ 0x6, 0x2a, 0x05, EIO, NOW, NONE },
	{ 0x6, 0x2a, 0x06, EIO, NOW, NONE },
	{ 0x6, 0x2a, 0x09, EIO, NOW, CAPACITY },
	{ 0x6, 0x2a, ANY, EIO, NOW, NONE },
	{ 0x6, 0x2f, ANY, EIO, NOW, NONE },
	{ 0x6, 0x38, 0x07, EIO, NOW, NONE },
	{ 0x6, 0x3f, 0x01, EIO, NOW, NONE },
	{ 0x6, 0x3f, 0x03, EIO, NOW, IDENTITY },
	{ 0x6, 0x3f, 0x05, EIO, NOW, IDENTITY },
	{ 0x6, 0x3f, 0x0e, EIO, NOW, LUNS },
	{ 0x6, 0x3f, ANY, EIO, NOW, NONE },
	{ 0x6, ANY, ANY, EIO, NOW, NONE },
	{ 0x7, 0x27, 0x07, ENOSPC, NO, NONE },
	{ 0x7, 0x27, ANY, EROFS, NO, NONE },
	{ 0x7, ANY, ANY, EROFS, NO, NONE },
	{ 0x8, ANY, ANY, EIO, NO, NONE },
	{ 0x9, ANY, ANY, EIO, NO, NONE },
	{ 0xa, ANY, ANY, EIO, NO, NONE },
	{ 0xb, 0x0e, ANY, EIO, NOW, NONE },
	{ 0xb, 0x10, ANY, EIO, NOW, NONE },
	{ 0xb, 0x44, ANY, EIO, NOW, NONE },
	{ 0xb, 0x47, ANY, EIO, NOW, NONE },
	{ 0xb, 0x4b, ANY, EIO, NOW, NONE },
	{ 0xb, 0x55, ANY, EIO, LATER, NONE },
	{ 0xb, ANY, ANY, EIO, NOW, NONE },
	{ 0xc, ANY, ANY, EIO, NO, NONE },
	{ 0xd, ANY, ANY, EIO, NO, NONE },
	{ 0xe, ANY, ANY, EILSEQ, NO, NONE },
	{ 0xf, ANY, ANY, EIO, NO, NONE },
};
#define EXPECTED (sizeof(expected_rows) / sizeof(expected_rows[0]))

static const struct expected *expect(const struct dsc_sense_row *row)
{
	for (size_t i = 0; i < EXPECTED; i++) {
		const struct expected *e = &expected_rows[i];

		if (e->key == row->key && e->asc == row->asc &&
		    e->ascq == row->ascq)
			return e;
	}
	return NULL;
}

/* Each row is reached by its own code: none is hidden by one above it. */
static void test_every_row(void)
{
	CU_ASSERT_EQUAL(dsc_sense_row_count, EXPECTED);
	for (size_t i = 0; i < dsc_sense_row_count; i++) {
		const struct dsc_sense_row *row = &dsc_sense_rows[i];
		const struct expected *e = expect(row);
		struct dsc_verdict v = judge(row->key, code_of(row->asc),
					     code_of(row->ascq));

		CU_ASSERT_PTR_NOT_NULL(e);
		CU_ASSERT_PTR_EQUAL(v.text, row->verdict.text);
		CU_ASSERT(v.text[0] != '\0');
		if (e == NULL)
			continue;
		CU_ASSERT_EQUAL(v.errnum, e->errnum);
		CU_ASSERT_EQUAL(v.retry, e->retry);
		CU_ASSERT_EQUAL(v.news, e->news);
		CU_ASSERT(v.errnum != 0 || v.retry == DSC_RETRY_NO);
	}
}

static void test_every_key(void)
{
	for (int key = 0; key < 16; key++) {
		for (int asc = 0; asc < 256; asc++)
			CU_ASSERT_PTR_NOT_NULL(judge(key, asc, 0xfe).text);
	}
}

/* The mapping that the interface promises, apart from the table itself. */
static void test_promised(void)
{
	static const struct {
		int key, asc, ascq, errnum;
		enum dsc_retry retry;
	} want[] = {
		{ 0x1, 0x17, 0x00, 0, DSC_RETRY_NO },
		{ 0x2, 0x04, 0x01, EIO, DSC_RETRY_LATER },
		{ 0x2, 0x04, 0x0a, EIO, DSC_RETRY_LATER },
		{ 0x2, 0x04, 0x0b, EIO, DSC_RETRY_LATER },
		{ 0x2, 0x04, 0x0c, EIO, DSC_RETRY_LATER },
		{ 0x2, 0x3a, 0x00, EIO, DSC_RETRY_NO },
		{ 0x3, 0x11, 0x00, ENODATA, DSC_RETRY_NO },
		{ 0x4, 0x44, 0x00, EIO, DSC_RETRY_NO },
		{ 0x5, 0x20, 0x00, EOPNOTSUPP, DSC_RETRY_NO },
		{ 0x5, 0x24, 0x00, EOPNOTSUPP, DSC_RETRY_NO },
		{ 0x5, 0x26, 0x00, EOPNOTSUPP, DSC_RETRY_NO },
		{ 0x5, 0x21, 0x00, ERANGE, DSC_RETRY_NO },
		{ 0x5, 0x25, 0x00, ENXIO, DSC_RETRY_NO },
		{ 0x6, 0x29, 0x00, EIO, DSC_RETRY_NOW },
		{ 0x6, 0x2a, 0x09, EIO, DSC_RETRY_NOW },
		{ 0x6, 0x3f, 0x0e, EIO, DSC_RETRY_NOW },
		{ 0x7, 0x27, 0x00, EROFS, DSC_RETRY_NO },
		{ 0x7, 0x27, 0x07, ENOSPC, DSC_RETRY_NO },
		{ 0xb, 0x00, 0x00, EIO, DSC_RETRY_NOW },
		{ 0xe, 0x1d, 0x00, EILSEQ, DSC_RETRY_NO },
	};
	struct dsc_verdict v;

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		v = judge(want[i].key, want[i].asc, want[i].ascq);
		CU_ASSERT_EQUAL(v.errnum, want[i].errnum);
		CU_ASSERT_EQUAL(v.retry, want[i].retry);
	}
}

static void test_statuses(void)
{
	static const struct {
		int status, errnum;
		enum dsc_retry retry;
	} want[] = {
		{ DSC_SAM_GOOD, 0, DSC_RETRY_NO },
		{ DSC_SAM_CONDITION_MET, 0, DSC_RETRY_NO },
		{ DSC_SAM_BUSY, EIO, DSC_RETRY_LATER },
		{ DSC_SAM_TASK_SET_FULL, EIO, DSC_RETRY_LATER },
		{ DSC_SAM_RESERVATION_CONFLICT, EBADE, DSC_RETRY_NO },
		{ DSC_SAM_TASK_ABORTED, EIO, DSC_RETRY_NOW },
		{ DSC_SAM_ACA_ACTIVE, EIO, DSC_RETRY_LATER },
		{ 0x10, EIO, DSC_RETRY_NO },
		{ 0xff, EIO, DSC_RETRY_NO },
	};
	struct dsc_verdict v;

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		v = dsc_sense_judge((uint8_t)want[i].status, NULL);
		CU_ASSERT_EQUAL(v.errnum, want[i].errnum);
		CU_ASSERT_EQUAL(v.retry, want[i].retry);
		CU_ASSERT_EQUAL(v.news, want[i].status == DSC_SAM_TASK_SET_FULL ?
				DSC_NEWS_FULL : DSC_NEWS_NONE);
	}
	/* Two of them have no row. */
	CU_ASSERT_EQUAL(dsc_status_row_count + 2,
			sizeof(want) / sizeof(want[0]));
}

/* Sense data that comes with another status does not count. */
static void test_sense_beside_status(void)
{
	const struct dsc_sense sense = { .is_valid = true, .key = 0x3 };

	CU_ASSERT_EQUAL(dsc_sense_judge(DSC_SAM_GOOD, &sense).errnum, 0);
	CU_ASSERT_EQUAL(dsc_sense_judge(DSC_SAM_BUSY, &sense).retry,
			DSC_RETRY_LATER);
}

static void test_no_sense(void)
{
	const struct dsc_sense none = { 0 };
	struct dsc_verdict v = dsc_sense_judge(DSC_SAM_CHECK_CONDITION, &none);

	CU_ASSERT_EQUAL(v.errnum, EIO);
	CU_ASSERT_EQUAL(v.retry, DSC_RETRY_NOW);
	v = dsc_sense_judge(DSC_SAM_CHECK_CONDITION, NULL);
	CU_ASSERT_EQUAL(v.errnum, EIO);
	v = judge(0x0, 0, 0);
	CU_ASSERT_EQUAL(v.errnum, EIO);
}

/* Acknowledged data that was lost must not vanish behind a retry. */
static void test_deferred_verdict(void)
{
	struct dsc_sense sense = { .is_valid = true, .is_deferred = true };
	struct dsc_verdict v;

	sense.key = 0x3;
	v = dsc_sense_judge(DSC_SAM_CHECK_CONDITION, &sense);
	CU_ASSERT_EQUAL(v.errnum, EIO);
	CU_ASSERT_EQUAL(v.retry, DSC_RETRY_NO);
	sense.key = 0x1;
	v = dsc_sense_judge(DSC_SAM_CHECK_CONDITION, &sense);
	CU_ASSERT_EQUAL(v.errnum, EIO);
	CU_ASSERT_EQUAL(v.retry, DSC_RETRY_NOW);
}

/* ------------------------------------------------------------ sentences */

static struct discsi_error error_of(uint8_t status, const struct dsc_sense *s)
{
	struct dsc_verdict v = dsc_sense_judge(status, s);
	struct discsi_error error;

	CU_ASSERT_EQUAL(dsc_sense_error(&error, "LUN 1: READ(10)", status, s,
					&v), -v.errnum);
	CU_ASSERT_EQUAL(error.errnum, v.errnum);
	return error;
}

static void test_sentence(void)
{
	struct dsc_sense s = parse("f0 00 03 00 00 12 67 0a 00 00 00 00 11 00"
				   "00 00 00 00");
	struct discsi_error e = error_of(DSC_SAM_CHECK_CONDITION, &s);

	CU_ASSERT_STRING_EQUAL(e.message, "LUN 1: READ(10): medium error: "
			       "unrecovered read error (status 02, sense "
			       "3/11/00, block 4711)");
	CU_ASSERT_EQUAL(e.scsi_status, 0x02);
	CU_ASSERT_EQUAL(e.sense_key, 0x3);
	CU_ASSERT_EQUAL(e.asc, 0x11);
	CU_ASSERT_EQUAL(e.ascq, 0x00);
	CU_ASSERT_EQUAL(e.login_class, -1);
}

static void test_sentence_without_sense(void)
{
	const struct dsc_sense none = { 0 };
	struct discsi_error e = error_of(DSC_SAM_CHECK_CONDITION, &none);

	CU_ASSERT_STRING_EQUAL(e.message, "LUN 1: READ(10): check condition "
			       "without sense data (status 02)");
	CU_ASSERT_EQUAL(e.sense_key, -1);
	e = error_of(DSC_SAM_BUSY, NULL);
	CU_ASSERT_STRING_EQUAL(e.message, "LUN 1: READ(10): the target is busy "
			       "(status 08)");
	CU_ASSERT_EQUAL(e.scsi_status, 0x08);
	CU_ASSERT_EQUAL(e.asc, -1);
}

static void test_no_error(void)
{
	struct discsi_error e = error_of(DSC_SAM_GOOD, NULL);

	CU_ASSERT_STRING_EQUAL(e.message, "");
	CU_ASSERT_EQUAL(e.scsi_status, -1);
}

static const struct dsc_test tests[] = {
	{ "fixed format", test_fixed },
	{ "descriptor format", test_descriptor },
	{ "descriptors that lie about their length", test_lying_descriptors },
	{ "additional length counts", test_stated_length },
	{ "deferred errors are recognised", test_deferred },
	{ "no sense, short sense, unknown format", test_short },
	{ "cut at every byte", test_cut_anywhere },
	{ "every row of the table", test_every_row },
	{ "every key has a verdict", test_every_key },
	{ "promised errnos and retries", test_promised },
	{ "statuses", test_statuses },
	{ "sense beside another status", test_sense_beside_status },
	{ "check condition without sense", test_no_sense },
	{ "deferred errors are reported", test_deferred_verdict },
	{ "sentence with sense and block", test_sentence },
	{ "sentence without sense", test_sentence_without_sense },
	{ "success makes no error", test_no_error },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("sense", tests, argc, argv);
}
