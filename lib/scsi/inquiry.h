/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inquiry.h: reading what a LUN tells about itself: INQUIRY and VPD pages,
 * capacity, mode pages, LUN list, LBA status. Pure. Every parser is given how
 * many bytes really arrived and never reads beyond, whatever the lengths in
 * the data say; each returns 0, or -EPROTO when the data is too short or
 * contradicts itself (the output is then unchanged).
 */
#ifndef DSC_SCSI_INQUIRY_H
#define DSC_SCSI_INQUIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/lun.h>

#define DSC_VPD_SUPPORTED 0x00
#define DSC_VPD_SERIAL 0x80
#define DSC_VPD_IDENTIFICATION 0x83
#define DSC_VPD_BLOCK_LIMITS 0xb0
#define DSC_VPD_BLOCK_CHARACTERISTICS 0xb1
#define DSC_VPD_PROVISIONING 0xb2

/* type, vendor, product, revision. qualifier: 0 connected, 1, 3: no LUN. */
int dsc_inquiry_parse(const uint8_t *data, size_t length, uint8_t *qualifier,
		      struct discsi_lun_info *info);

/* Which of pages 00 to FF are supported: bitmap of 256 bits. */
struct dsc_vpd_pages {
	uint8_t bits[32];
};
int dsc_vpd_parse_supported(const uint8_t *data, size_t length,
			    struct dsc_vpd_pages *pages);
bool dsc_vpd_has(const struct dsc_vpd_pages *pages, uint8_t page);

/* serial: trimmed, printable. */
int dsc_vpd_parse_serial(const uint8_t *data, size_t length, char *serial,
			 size_t room);

/*
 * The best designator of the logical unit (association 0), as text:
 * "naa.<hex>", "eui.<hex>", "t10.<text>", "name.<text>" (SCSI name string), in
 * this order of preference; "" when there is none. Text that is not printable
 * ASCII stands there as hex.
 */
int dsc_vpd_parse_identification(const uint8_t *data, size_t length,
				 char *designator, size_t room);

/* Numbers as they stand on the page, in blocks; 0: not told. */
struct dsc_block_limits {
	uint32_t max_transfer_blocks;
	uint32_t optimal_transfer_blocks;
	uint32_t max_unmap_blocks;       /* 0xffffffff: no limit */
	uint32_t max_unmap_descriptors;  /* 0xffffffff: no limit */
	uint32_t unmap_granularity_blocks;
	uint32_t unmap_alignment_blocks; /* 0 when not valid */
	uint64_t max_write_same_blocks;
	bool write_same_non_zero;        /* WSNZ: 0 blocks is an error */
};
int dsc_vpd_parse_block_limits(const uint8_t *data, size_t length,
			       struct dsc_block_limits *limits);

/* rotational: false only when the page says "non-rotating medium". */
int dsc_vpd_parse_characteristics(const uint8_t *data, size_t length,
				  bool *rotational);

struct dsc_provisioning {
	bool unmap;             /* LBPU */
	bool write_same_unmap;  /* LBPWS: WRITE SAME(16) with UNMAP */
	bool reads_zero;        /* LBPRZ */
};
int dsc_vpd_parse_provisioning(const uint8_t *data, size_t length,
			       struct dsc_provisioning *provisioning);

struct dsc_capacity {
	uint64_t blocks;
	uint32_t block_size;
	uint32_t physical_block_size;
	uint32_t first_aligned;  /* bytes before the first whole physical block */
	bool thin;              /* LBPME */
	bool reads_zero;        /* LBPRZ */
	bool is_over_10;        /* READ CAPACITY(10) said FFFFFFFF: use (16) */
};
/* Also -EPROTO for blocks * block_size beyond 64 bits and a size of 0. */
int dsc_capacity10_parse(const uint8_t *data, size_t length,
			 struct dsc_capacity *capacity);
int dsc_capacity16_parse(const uint8_t *data, size_t length,
			 struct dsc_capacity *capacity);

struct dsc_mode {
	bool write_protect;
	bool dpofua;
	bool has_cache_page;
	bool write_cache;  /* WCE */
};
/* MODE SENSE(6) or (10) data with or without the caching page (08h). */
int dsc_mode6_parse(const uint8_t *data, size_t length, struct dsc_mode *mode);
int dsc_mode10_parse(const uint8_t *data, size_t length, struct dsc_mode *mode);

/*
 * REPORT LUNS data: numbers of the LUNs that dsc_lun_decode() knows, ascending
 * and without repetition, into luns (room entries). count: how many; needed:
 * bytes that the whole list has (8 + list length), to ask again with.
 */
int dsc_report_luns_parse(const uint8_t *data, size_t length, uint64_t *luns,
			  size_t room, size_t *count, uint64_t *needed);

/* REPORT SUPPORTED OPERATION CODES data about one command. */
int dsc_opcode_parse(const uint8_t *data, size_t length, bool *is_supported);

/*
 * One descriptor of GET LBA STATUS data.
 */
struct dsc_lba_extent {
	uint64_t lba;
	uint32_t blocks;
	uint8_t provisioning;  /* 0 mapped, 1 deallocated, 2 anchored */
};
/* Descriptors into extents (room entries); -EPROTO when out of order. */
int dsc_lba_status_parse(const uint8_t *data, size_t length,
			 struct dsc_lba_extent *extents, size_t room,
			 size_t *count);

#endif /* DSC_SCSI_INQUIRY_H */
