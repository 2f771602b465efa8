/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units.h: sizes, rates and durations for people. Programs get plain numbers.
 * Pure; any thread.
 */
#ifndef TOOLS_UNITS_H
#define TOOLS_UNITS_H

#include <stdint.h>

/* Room for any of the texts below. */
#define UNITS_MAX 24

/* "512 B", "1.5 GiB": one decimal, left out when it is 0. Returns text. */
const char *units_bytes(char text[UNITS_MAX], uint64_t bytes);

/* "12.3 MiB/s"; "-" for no time at all. */
const char *units_rate(char text[UNITS_MAX], uint64_t bytes, uint64_t ns);

/* "512 us", "4 ms", "33 s": whole numbers, of the unit that is large enough. */
const char *units_us(char text[UNITS_MAX], uint64_t us);

/* "0:07", "12:34", "1:02:03"; "more than 99 h". */
const char *units_duration(char text[UNITS_MAX], uint64_t seconds);

#endif /* TOOLS_UNITS_H */
