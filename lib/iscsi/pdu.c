/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pdu.c: encoding and decoding of headers. The offsets are those of the
 * figures in RFC 7143 section 11. Pure.
 */
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "iscsi/pdu.h"

/* Places of fields that most headers share. */
enum {
	AT_FLAGS = 1,
	AT_RESPONSE = 2,
	AT_STATUS = 3,
	AT_AHS_LENGTH = 4,
	AT_DATA_LENGTH = 5,
	AT_LUN = 8,
	AT_ITT = 16,
	AT_TTT = 20,
	AT_TRANSFER_LENGTH = 20,
	AT_CMD_SN = 24,
	AT_STAT_SN = 24,
	AT_EXP_STAT_SN = 28,
	AT_EXP_CMD_SN = 28,
	AT_CDB = 32,
	AT_MAX_CMD_SN = 32,
	AT_REF_CMD_SN = 32,
	AT_DATA_SN = 36,
	AT_OFFSET = 40,
	AT_RESIDUAL = 44
};

#define LUN_BYTES 8
#define CDB_BYTES 16

static void put_common(uint8_t *bytes, uint8_t byte0,
		       const struct dsc_request_header *h)
{
	memset(bytes, 0, DSC_HEADER_BYTES);
	bytes[0] = byte0;
	bytes[AT_FLAGS] = h->flags;
	dsc_put_be24(bytes + AT_DATA_LENGTH, h->data_length);
	if (h->lun != NULL)
		memcpy(bytes + AT_LUN, h->lun, LUN_BYTES);
	dsc_put_be32(bytes + AT_ITT, h->itt);
	dsc_put_be32(bytes + AT_EXP_STAT_SN, h->exp_stat_sn);
}

void dsc_pdu_put_command(uint8_t *bytes, const struct dsc_request_header *h)
{
	put_common(bytes, DSC_OP_COMMAND, h);
	dsc_put_be32(bytes + AT_TRANSFER_LENGTH, h->transfer_length);
	dsc_put_be32(bytes + AT_CMD_SN, h->cmd_sn);
	memcpy(bytes + AT_CDB, h->cdb, CDB_BYTES);
}

void dsc_pdu_put_data_out(uint8_t *bytes, const struct dsc_request_header *h)
{
	put_common(bytes, DSC_OP_DATA_OUT, h);
	dsc_put_be32(bytes + AT_TTT, h->ttt);
	dsc_put_be32(bytes + AT_DATA_SN, h->data_sn);
	dsc_put_be32(bytes + AT_OFFSET, h->offset);
}

static void put_immediate(uint8_t *bytes, uint8_t opcode,
			  const struct dsc_request_header *h)
{
	put_common(bytes, opcode | DSC_PDU_IMMEDIATE, h);
	dsc_put_be32(bytes + AT_CMD_SN, h->cmd_sn);
}

void dsc_pdu_put_nop_out(uint8_t *bytes, const struct dsc_request_header *h)
{
	put_immediate(bytes, DSC_OP_NOP_OUT, h);
	bytes[AT_FLAGS] = DSC_FLAG_FINAL;
	dsc_put_be32(bytes + AT_TTT, h->ttt);
}

void dsc_pdu_put_text(uint8_t *bytes, const struct dsc_request_header *h)
{
	put_immediate(bytes, DSC_OP_TEXT_REQUEST, h);
	dsc_put_be32(bytes + AT_TTT, h->ttt);
}

void dsc_pdu_put_task_request(uint8_t *bytes,
			      const struct dsc_request_header *h)
{
	put_immediate(bytes, DSC_OP_TASK_REQUEST, h);
	bytes[AT_FLAGS] |= DSC_FLAG_FINAL;
	dsc_put_be32(bytes + AT_TTT, h->ttt);
	dsc_put_be32(bytes + AT_REF_CMD_SN, h->ref_cmd_sn);
}

void dsc_pdu_put_logout(uint8_t *bytes, const struct dsc_request_header *h)
{
	put_immediate(bytes, DSC_OP_LOGOUT_REQUEST, h);
	bytes[AT_FLAGS] |= DSC_FLAG_FINAL;
}

void dsc_pdu_get(const uint8_t *bytes, struct dsc_pdu *pdu)
{
	pdu->opcode = bytes[0] & DSC_OPCODE_MASK;
	pdu->flags = bytes[AT_FLAGS];
	pdu->response = bytes[AT_RESPONSE];
	pdu->status = bytes[AT_STATUS];
	pdu->ahs_words = bytes[AT_AHS_LENGTH];
	pdu->data_length = dsc_get_be24(bytes + AT_DATA_LENGTH);
	memcpy(pdu->lun, bytes + AT_LUN, LUN_BYTES);
	pdu->itt = dsc_get_be32(bytes + AT_ITT);
	pdu->ttt = dsc_get_be32(bytes + AT_TTT);
	pdu->stat_sn = dsc_get_be32(bytes + AT_STAT_SN);
	pdu->exp_cmd_sn = dsc_get_be32(bytes + AT_EXP_CMD_SN);
	pdu->max_cmd_sn = dsc_get_be32(bytes + AT_MAX_CMD_SN);
	pdu->data_sn = dsc_get_be32(bytes + AT_DATA_SN);
	pdu->offset = dsc_get_be32(bytes + AT_OFFSET);
	pdu->residual = dsc_get_be32(bytes + AT_RESIDUAL);
}

void dsc_pdu_get_async(const struct dsc_pdu *pdu, struct dsc_async *async)
{
	async->event = (uint8_t)(pdu->data_sn >> 24);
	async->vendor_code = (uint8_t)(pdu->data_sn >> 16);
	async->parameter1 = (uint16_t)pdu->data_sn;
	async->parameter2 = (uint16_t)(pdu->offset >> 16);
	async->parameter3 = (uint16_t)pdu->offset;
}

/* --------------------------------------------------------------- names */

static const char *const opcode_names[DSC_OPCODE_MASK + 1] = {
	[DSC_OP_NOP_OUT] = "NOP-Out",
	[DSC_OP_COMMAND] = "SCSI Command",
	[DSC_OP_TASK_REQUEST] = "Task Management Request",
	[DSC_OP_TEXT_REQUEST] = "Text Request",
	[DSC_OP_DATA_OUT] = "Data-Out",
	[DSC_OP_LOGOUT_REQUEST] = "Logout Request",
	[DSC_OP_NOP_IN] = "NOP-In",
	[DSC_OP_RESPONSE] = "SCSI Response",
	[DSC_OP_TASK_RESPONSE] = "Task Management Response",
	[DSC_OP_LOGIN_RESPONSE] = "Login Response",
	[DSC_OP_TEXT_RESPONSE] = "Text Response",
	[DSC_OP_DATA_IN] = "Data-In",
	[DSC_OP_LOGOUT_RESPONSE] = "Logout Response",
	[DSC_OP_R2T] = "R2T",
	[DSC_OP_ASYNC] = "Asynchronous Message",
	[DSC_OP_REJECT] = "Reject",
};

const char *dsc_opcode_name(uint8_t opcode)
{
	const char *name = opcode_names[opcode & DSC_OPCODE_MASK];

	return name != NULL ? name : "unknown PDU";
}

/* RFC 7143 section 11.17.1 */
static const char *const reject_names[] = {
	[0x02] = "data digest error",
	[0x03] = "SNACK reject",
	[0x04] = "protocol error",
	[0x05] = "command not supported",
	[0x06] = "too many immediate commands",
	[0x07] = "task in progress",
	[0x08] = "invalid data ACK",
	[0x09] = "invalid PDU field",
	[0x0a] = "out of resources for a long operation",
	[0x0c] = "waiting for logout",
};

const char *dsc_reject_name(uint8_t reason)
{
	const char *name = NULL;

	if (reason < sizeof(reject_names) / sizeof(reject_names[0]))
		name = reject_names[reason];
	return name != NULL ? name : "unknown reason";
}
