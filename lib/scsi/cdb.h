/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cdb.h: building the command descriptor blocks that discsi sends (SPC-4,
 * SBC-3) and logical unit numbers (SAM-5 clause 4.7). Pure. Every builder
 * clears the 16 bytes of cdb first.
 */
#ifndef DSC_SCSI_CDB_H
#define DSC_SCSI_CDB_H

#include <stdbool.h>
#include <stdint.h>

#define DSC_CDB_BYTES 16

void dsc_cdb_test_unit_ready(uint8_t *cdb);
/* page < 0: standard INQUIRY data. */
void dsc_cdb_inquiry(uint8_t *cdb, int page, uint16_t allocation_length);
void dsc_cdb_report_luns(uint8_t *cdb, uint32_t allocation_length);
void dsc_cdb_read_capacity10(uint8_t *cdb);
void dsc_cdb_read_capacity16(uint8_t *cdb, uint32_t allocation_length);
void dsc_cdb_mode_sense6(uint8_t *cdb, uint8_t page, uint8_t allocation_length);
void dsc_cdb_mode_sense10(uint8_t *cdb, uint8_t page,
			  uint16_t allocation_length);
/* (10) forms are used where lba and blocks fit, else (16). */
void dsc_cdb_read(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua);
void dsc_cdb_write(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua);
/* All of the LUN. */
void dsc_cdb_synchronize_cache(uint8_t *cdb);
void dsc_cdb_unmap(uint8_t *cdb, uint16_t parameter_list_length);
void dsc_cdb_write_same16(uint8_t *cdb, uint64_t lba, uint32_t blocks,
			  bool unmap);
void dsc_cdb_get_lba_status(uint8_t *cdb, uint64_t lba,
			    uint32_t allocation_length);

void dsc_cdb_compare_and_write(uint8_t *cdb, uint64_t lba, uint8_t blocks,
			       bool fua);
/* SPC-4 clauses 6.15 and 6.16; scope LU. */
#define DSC_RESERVE_LIST_BYTES 24
void dsc_cdb_reserve_in(uint8_t *cdb, uint8_t action,
			uint16_t allocation_length);
void dsc_cdb_reserve_out(uint8_t *cdb, uint8_t action, uint8_t type);

/* REPORT SUPPORTED OPERATION CODES for one command, SPC-4 clause 6.35. */
void dsc_cdb_report_write_same16(uint8_t *cdb, uint32_t allocation_length);
void dsc_cdb_report_get_lba_status(uint8_t *cdb, uint32_t allocation_length);

/*
 * May a command be sent a second time when it is not known whether the first
 * one was carried out? BARRIER: only once it is certain that the first one will
 * not be any more, because it could undo what was written since.
 */
enum dsc_repeat {
	DSC_REPEAT_NEVER,   /* the second time it would do something else */
	DSC_REPEAT_BARRIER,
	DSC_REPEAT_ALWAYS
};

enum dsc_repeat dsc_cdb_repeat(const uint8_t *cdb);

/* The name of the operation, "READ(10)", for messages. */
const char *dsc_cdb_name(const uint8_t *cdb);

/* Number to the 8 bytes on the wire: peripheral below 256, else flat. */
void dsc_lun_encode(uint64_t lun_id, uint8_t *lun);
/* The reverse; false when it is not of one of those forms. */
bool dsc_lun_decode(const uint8_t *lun, uint64_t *lun_id);

#endif /* DSC_SCSI_CDB_H */
