/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * place.h: a LUN of a real target, known from outside of the protocol: its
 * backing file, and other people's clients (libiscsi's tools, qemu-io), so
 * that a mistake of ours in one direction is not hidden by the same mistake in
 * the other. Test's thread.
 */
#ifndef DSC_TESTS_TGT_PLACE_H
#define DSC_TESTS_TGT_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/target.h"

struct place {
	const char *portal;
	const char *iqn;
	int lun;
	char *path;          /* its backing file, owned */
};

/* A LUN of tgtd, of istgt; place_free() is due. */
struct place place_of_tgtd(const struct dsc_tgtd *t, int tid, const char *iqn,
			   int lun);
struct place place_of_istgt(const struct dsc_istgt *t, const char *iqn,
			    int lun);
void place_free(struct place *place);

/* -------------------------------------------------------------- its file */

/* What the file has at offset. */
void place_peek(const struct place *place, void *buf, size_t length,
		uint64_t offset);
void place_poke(const struct place *place, const void *buf, size_t length,
		uint64_t offset);

/* Whether the file has these bytes there, or is this byte all over. */
bool place_has(const struct place *place, const void *expected, size_t length,
	       uint64_t offset);
bool place_is(const struct place *place, uint8_t byte, size_t length,
	      uint64_t offset);

/* Whether the file has no data in that range. */
bool place_is_hole(const struct place *place, size_t length, uint64_t offset);

/* Bytes that depend on seed and position. */
void fill_pattern(void *buf, size_t length, uint64_t seed);

/* --------------------------------------------------------- other clients */

/*
 * What a tool of libiscsi prints about the LUN; page is an INQUIRY page for
 * iscsi-inq, or -1. The caller frees it with free(); NULL, reported, if it
 * fails.
 */
char *place_ask(const struct place *place, const char *tool, int page);

/* The text after "label" at the start of a line, without trailing spaces. */
bool answer_is(const char *answer, const char *label, const char *value);

/* The number there; UINT64_MAX, reported, if there is none. */
uint64_t answer_number(const char *answer, const char *label);

bool place_has_qemu_io(void);

/*
 * Runs qemu-io's commands ("read -P 0x5a 0 4096"), in order; commands ends
 * with NULL. False, reported, if one of them fails or finds something else.
 */
bool place_qemu_io(const struct place *place, const char *const commands[]);

/* "write -P BYTE OFFSET LENGTH" or "read …", with the command's own options. */
bool place_qemu_io_pattern(const struct place *place, const char *command,
			   uint8_t byte, uint64_t length, uint64_t offset);

/*
 * Whether qemu-img, over iSCSI, sees a LUN that begins with these bytes and is
 * zero behind them. True where there is no qemu-img.
 */
bool place_is_seen_as(const struct place *place, const void *expected,
		      size_t length);

#endif /* DSC_TESTS_TGT_PLACE_H */
