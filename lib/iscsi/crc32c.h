/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crc32c.h: the checksum of iSCSI's digests (RFC 7143 section 13.1): CRC32C,
 * by the processor's own instruction where it has one. Pure; any thread.
 */
#ifndef DSC_ISCSI_CRC32C_H
#define DSC_ISCSI_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a digest on the wire: the checksum, least significant byte first. */
#define DSC_DIGEST_BYTES 4u

/*
 * The checksum of what crc is the checksum of (0: of nothing), followed by
 * length bytes at data.
 */
uint32_t dsc_crc32c(uint32_t crc, const void *data, size_t length);

/* The same from a table: what runs where there is no instruction. */
uint32_t dsc_crc32c_table(uint32_t crc, const void *data, size_t length);

/* Writes a digest, and reads one. */
void dsc_digest_put(uint8_t *bytes, uint32_t crc);
uint32_t dsc_digest_get(const uint8_t *bytes);

#endif /* DSC_ISCSI_CRC32C_H */
