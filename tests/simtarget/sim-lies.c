/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-lies.c: lies of one kind at a time, each a row of a table: which PDU, in
 * answer to what, which bytes of its header or of its data, and what becomes of
 * them. Beside sim-fault.c's, which are told at random. With sim->lock held.
 */
#include "simtarget/sim-internal.h"

#include <string.h>

#define LOGIN 0x23
#define TEXT 0x24
#define NOP 0x20
#define RESPONSE 0x21
#define DATA_IN 0x25
#define R2T 0x31
#define ANY_CDB (-1)
#define READ 0x28
#define WRITE 0x2a
#define INQUIRY 0x12
#define CAPACITY 0x9e
#define LUNS 0xa0
#define MODE 0x1a
#define STANDARD 0x100  /* INQUIRY of no page */

enum how { PUT, ADD, REPLACE };

static const struct falsehood {
	struct sim_kind kind;
	uint8_t pdu;
	int cdb;            /* its operation code, or ANY_CDB */
	int page;           /* of INQUIRY, STANDARD; 0: any command */
	bool is_data;
	uint8_t at;
	uint8_t width;      /* bytes, big endian */
	uint8_t how;
	uint32_t value;
	const char *from;   /* REPLACE: text, by text of the same length */
	const char *to;
} lies[] = {
#define HEADER(name, pdu, cdb, at, width, how, value) \
	{ { name, true, false }, pdu, cdb, 0, false, at, width, how, value, \
	  NULL, NULL }
#define ANYHOW(name, pdu, cdb, at, width, how, value) \
	{ { name, false, false }, pdu, cdb, 0, false, at, width, how, value, \
	  NULL, NULL }
#define DATA(name, cdb, page, at, width, how, value) \
	{ { name, false, true }, DATA_IN, cdb, page, true, at, width, how, \
	  value, NULL, NULL }
#define WORDS(name, pdu, from, to) \
	{ { name, false, true }, pdu, ANY_CDB, 0, true, 0, 0, REPLACE, 0, \
	  from, to }
	/* Tags, numbers, lengths of the full feature phase. */
	HEADER("wrong tag of a response", RESPONSE, WRITE, 16, 4, ADD, 1),
	HEADER("no tag in a response", RESPONSE, WRITE, 16, 4, PUT, NO_TAG),
	HEADER("wrong tag of data", DATA_IN, READ, 16, 4, ADD, 0x10000),
	HEADER("more data than the header says", DATA_IN, READ, 5, 3, ADD,
	       (uint32_t)-4),
	HEADER("data beyond the buffer", DATA_IN, READ, 40, 4, ADD, 4096),
	HEADER("data at a wrong place", DATA_IN, READ, 40, 4, ADD, 512),
	HEADER("DataSN that jumps", DATA_IN, READ, 36, 4, ADD, 1),
	HEADER("more data than agreed on", DATA_IN, READ, 5, 3, PUT, 0xffffff),
	HEADER("StatSN that jumps", RESPONSE, WRITE, 24, 4, ADD, 2),
	HEADER("StatSN that goes back", RESPONSE, WRITE, 24, 4, ADD,
	       (uint32_t)-2),
	HEADER("R2T beyond the buffer", R2T, ANY_CDB, 40, 4, ADD, 1u << 20),
	HEADER("R2T for nothing", R2T, ANY_CDB, 44, 4, PUT, 0),
	HEADER("R2T for more than a burst", R2T, ANY_CDB, 44, 4, ADD, 1u << 24),
	HEADER("R2TSN that jumps", R2T, ANY_CDB, 36, 4, ADD, 1),
	HEADER("R2T for an unknown task", R2T, ANY_CDB, 16, 4, ADD, 0x10000),
	HEADER("additional header of a response", RESPONSE, WRITE, 4, 1, PUT,
	       3),
	HEADER("additional header of data", DATA_IN, READ, 4, 1, PUT, 0xff),
	HEADER("opcode that there is not", RESPONSE, WRITE, 0, 1, PUT, 0x2a),
	HEADER("opcode of an initiator", RESPONSE, WRITE, 0, 1, PUT, 0x01),
	HEADER("logout response unasked", RESPONSE, WRITE, 0, 1, PUT, 0x26),
	HEADER("text response unasked", RESPONSE, WRITE, 0, 1, PUT, 0x24),
	ANYHOW("ExpCmdSN that goes back", RESPONSE, WRITE, 28, 4, ADD,
	       (uint32_t)-100),
	ANYHOW("MaxCmdSN that goes back", RESPONSE, WRITE, 32, 4, ADD,
	       (uint32_t)-1000),
	ANYHOW("MaxCmdSN before ExpCmdSN", DATA_IN, READ, 32, 4, PUT, 0),
	ANYHOW("residual of everything", RESPONSE, WRITE, 44, 4, PUT,
	       0xffffffff),
	ANYHOW("underflow and overflow", RESPONSE, WRITE, 1, 1, PUT, 0x86),
	ANYHOW("target failure", RESPONSE, WRITE, 2, 1, PUT, 1),
	ANYHOW("check condition, no sense", RESPONSE, WRITE, 3, 1, PUT, 2),
	ANYHOW("status that there is not", RESPONSE, WRITE, 3, 1, PUT, 0x77),
	ANYHOW("status with data to come", DATA_IN, READ, 1, 1, PUT, 0x01),
	/* What the disk says of itself. */
	DATA("capacity of everything", CAPACITY, 0, 0, 4, PUT, 0xffffffff),
	DATA("capacity of less", CAPACITY, 0, 4, 4, PUT, 0),
	DATA("blocks of 0", CAPACITY, 0, 8, 4, PUT, 0),
	DATA("blocks of 3", CAPACITY, 0, 8, 4, PUT, 3),
	DATA("blocks of 2 GiB", CAPACITY, 0, 8, 4, PUT, 1u << 31),
	DATA("INQUIRY of more than there is", INQUIRY, STANDARD, 4, 1, PUT,
	     0xff),
	DATA("pages beyond the end", INQUIRY, 0x00, 2, 2, PUT, 0xffff),
	DATA("serial beyond the end", INQUIRY, 0x80, 2, 2, PUT, 0xffff),
	DATA("designators beyond the end", INQUIRY, 0x83, 2, 2, PUT, 0xffff),
	DATA("designator beyond its page", INQUIRY, 0x83, 7, 1, PUT, 0xff),
	DATA("another page", INQUIRY, 0x83, 1, 1, PUT, 0x80),
	DATA("limits of nothing", INQUIRY, 0xb0, 8, 4, PUT, 1),
	DATA("mode pages beyond the end", MODE, 0, 0, 1, PUT, 0xff),
	DATA("block descriptors beyond the end", MODE, 0, 3, 1, PUT, 0xff),
	DATA("LUNs beyond the end", LUNS, 0, 0, 4, PUT, 0xfffffff8),
	DATA("LUNs of odd length", LUNS, 0, 0, 4, PUT, 5),
	/* The login, and SendTargets. */
	WORDS("burst of nothing", LOGIN, "MaxBurstLength=2", "MaxBurstLength=0"),
	WORDS("number that is none", LOGIN, "MaxBurstLength=2",
	      "MaxBurstLength=x"),
	WORDS("key that was not asked for", LOGIN, "ImmediateData=",
	      "ImmediateDate="),
	WORDS("neither yes nor no", LOGIN, "InitialR2T=", "InitialR2T=M"),
	WORDS("more connections", LOGIN, "ErrorRecoveryLevel=0",
	      "ErrorRecoveryLevel=2"),
	{ { "stage that is none", false, true }, LOGIN, ANY_CDB, 0, false, 1,
	  1, PUT, 0x8a, NULL, NULL },
	{ { "login that goes back", false, true }, LOGIN, ANY_CDB, 0, false, 1,
	  1, PUT, 0x84, NULL, NULL },
	{ { "another ISID", false, true }, LOGIN, ANY_CDB, 0, false, 8, 4, ADD,
	  1, NULL, NULL },
	{ { "another version", false, true }, LOGIN, ANY_CDB, 0, false, 3, 1,
	  PUT, 9, NULL, NULL },
	{ { "text that never ends", false, true }, TEXT, ANY_CDB, 0, false, 1,
	  1, PUT, 0x40, NULL, NULL },
	WORDS("address of no target", TEXT, "TargetName=", "TargetNome="),
	WORDS("name that is none", TEXT, "=iqn.", "=\xff\x01 ."),
};
#define KINDS (sizeof(lies) / sizeof(lies[0]))

unsigned sim_lie_kinds(void)
{
	_Static_assert(KINDS <= SIM_KINDS_MAX, "room for the counters");
	return KINDS;
}

const struct sim_kind *sim_lie_kind(unsigned kind)
{
	return &lies[kind].kind;
}

static bool is_about(const struct falsehood *lie, const uint8_t *bhs,
		     const uint8_t *cdb)
{
	int page;

	if ((bhs[0] & 0x3f) != lie->pdu)
		return false;
	if (lie->cdb == ANY_CDB)
		return true;
	if (cdb == NULL || cdb[0] != lie->cdb)
		return false;
	page = (cdb[1] & 1) != 0 ? cdb[2] : STANDARD;
	return lie->cdb != INQUIRY || page == lie->page;
}

static bool replace(const struct falsehood *lie, uint8_t *data, uint32_t length)
{
	size_t size = strlen(lie->from);
	uint8_t *at = memmem(data, length, lie->from, size);
	size_t room;

	if (at == NULL)
		return false;
	room = (size_t)(data + length - at);
	memcpy(at, lie->to, strlen(lie->to) < room ? strlen(lie->to) : room);
	return true;
}

static void change(const struct falsehood *lie, uint8_t *bytes)
{
	uint32_t value = lie->value;
	unsigned i;

	if (lie->how == ADD) {
		uint32_t old = 0;

		for (i = 0; i < lie->width; i++)
			old = old << 8 | bytes[lie->at + i];
		value += old;
	}
	for (i = lie->width; i > 0; i--) {
		bytes[lie->at + i - 1] = (uint8_t)value;
		value >>= 8;
	}
}

const void *sim_falsify(struct sim_conn *conn, uint8_t *bhs, const void *data,
			uint32_t length, bool *stays)
{
	struct sim *sim = conn->sim;
	const struct falsehood *lie;

	if (!sim->is_lying)
		return data;
	lie = &lies[sim->lying];
	if (!is_about(lie, bhs, conn->answering))
		return data;
	if (!lie->is_data) {
		change(lie, bhs);
		sim->told[sim->lying]++;
		return data;
	}
	if (length > SIM_LIE_BYTES || lie->at + lie->width > length)
		return data;
	memcpy(sim->falsified, data, length);
	if (lie->how != REPLACE)
		change(lie, sim->falsified);
	else if (!replace(lie, sim->falsified, length))
		return data;
	sim->told[sim->lying]++;
	*stays = false;
	return sim->falsified;
}
