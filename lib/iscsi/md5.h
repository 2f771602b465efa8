/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * md5.h: MD5 (RFC 1321), for one purpose alone: checking the response with
 * which a target proves in mutual CHAP that it knows its secret. Pure.
 */
#ifndef DSC_ISCSI_MD5_H
#define DSC_ISCSI_MD5_H

#include <stddef.h>
#include <stdint.h>

#define DSC_MD5_BYTES 16

struct dsc_md5 {
	uint32_t state[4];
	uint64_t length;    /* bytes so far */
	uint8_t block[64];  /* the one that is not full yet */
};

void dsc_md5_init(struct dsc_md5 *md5);
void dsc_md5_add(struct dsc_md5 *md5, const void *bytes, size_t length);

/* Gives the digest and wipes what it was made from. */
void dsc_md5_end(struct dsc_md5 *md5, uint8_t digest[DSC_MD5_BYTES]);

#endif /* DSC_ISCSI_MD5_H */
