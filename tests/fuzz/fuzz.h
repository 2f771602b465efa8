/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz.h: what each fuzzer defines. Linked with libFuzzer it searches for
 * inputs (tests/fuzz/run); linked with replay.c it is a test that goes through
 * its corpus. An input must do no I/O and leave nothing behind.
 */
#ifndef DSC_TESTS_FUZZ_FUZZ_H
#define DSC_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The folder of its corpus, under tests/fuzz/corpus. */
extern const char dsc_fuzz_name[];

/* Tries one input, which is in a buffer of exactly its size. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input: ends the program when it does not. */
#define DSC_FUZZ_ASSERT(condition)  \
	do {                        \
		if (!(condition))   \
			__builtin_trap(); \
	} while (0)

#endif /* DSC_TESTS_FUZZ_FUZZ_H */
