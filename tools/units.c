/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units.c: sizes in powers of 1024. Integers only, so that the locale has no
 * say in how a number looks. Pure; any thread.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "units.h"

#define NS_PER_S UINT64_C(1000000000)

static const char *const unit_names[] = {
	"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
};

#define UNITS (sizeof(unit_names) / sizeof(unit_names[0]))

struct amount {
	uint64_t whole;
	unsigned tenths;
	const char *unit;
};

static struct amount to_amount(uint64_t bytes)
{
	struct amount amount;
	uint64_t unit = 1;
	size_t i = 0;

	while (i + 1 < UNITS && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	amount.whole = bytes / unit;
	amount.tenths = (unsigned)((bytes % unit * 10 + unit / 2) / unit);
	if (amount.tenths == 10) {
		amount.tenths = 0;
		amount.whole++;
	}
	if (amount.whole == 1024 && i + 1 < UNITS) {
		amount.whole = 1;
		i++;
	}
	amount.unit = unit_names[i];
	return amount;
}

static const char *print_amount(char text[UNITS_MAX], uint64_t bytes,
				const char *suffix)
{
	struct amount amount = to_amount(bytes);

	if (amount.tenths == 0)
		snprintf(text, UNITS_MAX, "%" PRIu64 " %s%s", amount.whole,
			 amount.unit, suffix);
	else
		snprintf(text, UNITS_MAX, "%" PRIu64 ".%u %s%s", amount.whole,
			 amount.tenths, amount.unit, suffix);
	return text;
}

const char *units_bytes(char text[UNITS_MAX], uint64_t bytes)
{
	return print_amount(text, bytes, "");
}

const char *units_rate(char text[UNITS_MAX], uint64_t bytes, uint64_t ns)
{
	if (ns == 0) {
		snprintf(text, UNITS_MAX, "-");
		return text;
	}
	/* Halving both leaves the quotient as it is, near enough. */
	while (bytes > UINT64_MAX / NS_PER_S) {
		bytes /= 2;
		ns = ns / 2 + 1;
	}
	return print_amount(text, bytes * NS_PER_S / ns, "/s");
}

const char *units_us(char text[UNITS_MAX], uint64_t us)
{
	if (us < 1000)
		snprintf(text, UNITS_MAX, "%" PRIu64 " us", us);
	else if (us < 1000000)
		snprintf(text, UNITS_MAX, "%" PRIu64 " ms", (us + 999) / 1000);
	else
		snprintf(text, UNITS_MAX, "%" PRIu64 " s",
			 (us + 999999) / 1000000);
	return text;
}

const char *units_duration(char text[UNITS_MAX], uint64_t seconds)
{
	unsigned hours = (unsigned)(seconds / 3600 % 1000);
	unsigned minutes = (unsigned)(seconds / 60 % 60);
	unsigned rest = (unsigned)(seconds % 60);

	if (seconds >= 100 * 3600)
		snprintf(text, UNITS_MAX, "more than 99 h");
	else if (hours > 0)
		snprintf(text, UNITS_MAX, "%u:%02u:%02u", hours, minutes, rest);
	else
		snprintf(text, UNITS_MAX, "%u:%02u", minutes, rest);
	return text;
}
