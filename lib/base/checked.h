/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * checked.h: arithmetic on sizes that come from outside, and rounding. Pure.
 * The checked forms return false, and leave *sum alone in meaning, when the
 * result does not fit.
 */
#ifndef DSC_BASE_CHECKED_H
#define DSC_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool dsc_add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

static inline bool dsc_mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

static inline bool dsc_mul_size(size_t a, size_t b, size_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

/* True when [offset, offset + length) lies in [0, end). */
static inline bool dsc_is_inside(uint64_t offset, uint64_t length, uint64_t end)
{
	return length <= end && offset <= end - length;
}

static inline uint64_t dsc_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint32_t dsc_max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint64_t dsc_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint32_t dsc_min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline size_t dsc_min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline bool dsc_is_power_of_two(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

#endif /* DSC_BASE_CHECKED_H */
