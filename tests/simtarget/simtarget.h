/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * simtarget.h: an iSCSI target in the test's own process that misbehaves on
 * demand, keeps a journal of what reached its disks, and is fast enough to
 * measure initiators with. It encodes its PDUs by itself, so that a mistake of
 * the library's codec cannot hide in it.
 *
 * One thread serves all portals (127.0.0.1, free ports) and connections. The
 * LUNs lie in sparse memory. Every function here may be called by any thread at
 * any time; it takes effect between two PDUs.
 */
#ifndef TESTS_SIMTARGET_H
#define TESTS_SIMTARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_IQN "iqn.2026-11.io.discsi:sim"
#define SIM_LUNS_MAX 64
#define SIM_PORTALS_MAX 12
#define SIM_ANY (-1)

struct sim;

/* What a target is like; all of it may be left 0 but blocks. */
struct sim_config {
	uint64_t blocks;             /* of each LUN */
	uint32_t block_size;         /* 0: 512 */
	unsigned physical_exponent;  /* 2^N blocks are a physical one, */
	unsigned first_aligned;      /* the first of which begins there */
	unsigned luns;               /* 0: 1; numbers from 0 */
	unsigned portals;            /* 0: 1 */
	bool own_portal_groups;      /* portal i has the tag i + 1, else all 1 */
	bool write_cache;            /* volatile: WCE, and lost in a power cut */
	bool fua;                    /* DPOFUA */
	bool thin;                   /* LBPME, UNMAP, WRITE SAME with UNMAP */
	bool touched;                /* memory is there before it is used */
	bool no_journal;
	unsigned poll_us;            /* looks for work so long before it sleeps */
	const char *vendor;          /* NULL: "DISCSI" */
	/* negotiation */
	bool initial_r2t;
	bool no_immediate_data;
	bool header_digest;          /* refused when false */
	uint32_t max_recv;           /* MaxRecvDataSegmentLength, 0: 262144 */
	uint32_t first_burst;        /* 0: 262144 */
	uint32_t max_burst;          /* 0: 262144 */
	uint32_t window;             /* commands; 0: 256 */
};

struct sim *sim_start(const struct sim_config *config);
void sim_stop(struct sim *sim);

/* "127.0.0.1:PORT" of portal i */
const char *sim_portal(const struct sim *sim, unsigned i);

/* ------------------------------------------------------------- the disks */

/* What is read now, past the protocol. */
void sim_peek(struct sim *sim, unsigned lun, uint64_t offset, void *data,
	      size_t length);
void sim_poke(struct sim *sim, unsigned lun, uint64_t offset, const void *data,
	      size_t length);

/* All connections break, what was not made durable is lost; UA 29/01. */
void sim_power_cut(struct sim *sim);

/* With unit attention 2A/09. */
void sim_resize(struct sim *sim, unsigned lun, uint64_t blocks);
/* Without a word. */
void sim_resize_silently(struct sim *sim, unsigned lun, uint64_t blocks);
/* READ CAPACITY tells of such blocks; with unit attention 2A/09. */
void sim_tell_block_size(struct sim *sim, uint32_t block_size);
/* Another disk takes its place; with UA 3F/03 if wanted. */
void sim_swap_identity(struct sim *sim, unsigned lun, const char *serial,
		       bool tells);
/* The LUN is not there any more, or again; UA 3F/0E on the others. */
void sim_set_present(struct sim *sim, unsigned lun, bool is_present);
/* For every nexus, of one LUN or SIM_ANY. */
void sim_unit_attention(struct sim *sim, int lun, uint8_t asc, uint8_t ascq);
/* Commands that a LUN holds beyond this number: TASK SET FULL. 0: no limit. */
void sim_set_task_set(struct sim *sim, unsigned depth);

/* --------------------------------------------------------------- journal */

struct sim_record {
	uint64_t ns;          /* monotonic clock */
	unsigned connection;  /* number, from 1 */
	uint8_t isid[6];
	uint8_t lun;
	uint8_t opcode;
	uint64_t lba;
	uint32_t blocks;
	uint32_t itt;
	uint32_t cmd_sn;
	bool is_done;         /* it was carried out (not only received) */
	uint8_t status;
};

/* Copies at most room records, from number first on; returns how many. */
size_t sim_journal(struct sim *sim, size_t first, struct sim_record *records,
		   size_t room);
/* Commands with that opcode that arrived; SIM_ANY: all. */
size_t sim_count(struct sim *sim, int opcode);
/* How often a block was written since the start. */
unsigned sim_written(struct sim *sim, unsigned lun, uint64_t lba);
unsigned sim_connections(struct sim *sim);  /* accepted since the start */
unsigned sim_logins(struct sim *sim);       /* that reached full feature phase */
unsigned sim_pings(struct sim *sim);        /* NOP-Outs that asked for an answer */
unsigned sim_managements(struct sim *sim, unsigned function);
/* ISID of the last login. */
void sim_isid(struct sim *sim, uint8_t isid[6]);

/* ----------------------------------------------------- commands gone wrong */

enum sim_action {
	SIM_STATUS,   /* answer with the status and sense, do nothing */
	SIM_SILENT,   /* do not answer, do nothing */
	SIM_HOLD,     /* carry it out, and answer, when released */
	SIM_DROP,     /* close the connection, do nothing */
	SIM_DO_DROP,  /* carry it out, close the connection, do not answer */
	SIM_REJECT    /* a Reject PDU, reason in status */
};

/* A rule for commands; the first that fits is applied. */
struct sim_rule {
	int opcode;        /* or SIM_ANY */
	int lun;           /* or SIM_ANY */
	unsigned skip;     /* so many first */
	unsigned every;    /* then each n-th; 0: each */
	unsigned count;    /* so often; 0: without end */
	enum sim_action action;
	uint8_t status;    /* SIM_STATUS: 0x02 with the sense */
	uint8_t key;
	uint8_t asc;
	uint8_t ascq;
};
/* Adds a rule behind the others. */
void sim_rule(struct sim *sim, const struct sim_rule *rule);
/* BUSY and the like: status for each n-th command with the opcode. */
void sim_status(struct sim *sim, int opcode, uint8_t status, unsigned every);
void sim_clear_rules(struct sim *sim);
/* How often rules were applied. */
unsigned sim_rules_applied(struct sim *sim);
/* Held commands are carried out, in order, also those of lost connections. */
void sim_release(struct sim *sim);
unsigned sim_held(struct sim *sim);
/* false: a login with a known ISID leaves the old session's commands alone. */
void sim_set_reinstatement(struct sim *sim, bool works);
/* The answer to task management; 0xff: none at all. SIM_LATER: it is done at once,
 * and answered by sim_answer_later(). */
#define SIM_LATER 0xfe
void sim_answer_later(struct sim *sim);
void sim_set_management(struct sim *sim, unsigned function, uint8_t response);

/* ------------------------------------------------------ connections gone wrong */

enum sim_pdu {
	SIM_PDU_LOGIN,     /* Login Response */
	SIM_PDU_COMMAND,   /* received */
	SIM_PDU_DATA_OUT,  /* received */
	SIM_PDU_DATA_IN,
	SIM_PDU_R2T,
	SIM_PDU_RESPONSE,
	SIM_PDU_NOP_IN,
	SIM_PDU_ANY        /* any that is sent */
};
enum sim_where { SIM_BEFORE, SIM_INSIDE, SIM_AFTER };

/* Drops the connection at the n-th (from 1) such PDU from now. Once. */
void sim_drop_at(struct sim *sim, enum sim_pdu pdu, enum sim_where where,
		 unsigned n);
/* True when it has happened. */
bool sim_dropped(struct sim *sim);
/* Closes every connection now. */
void sim_drop_all(struct sim *sim);
/* Portal i refuses connections, or listens again. */
void sim_refuse(struct sim *sim, unsigned portal, bool refuses);
/* Portal i accepts and says nothing. */
void sim_mute(struct sim *sim, unsigned portal, bool is_mute);
/* Portal i does everything but send the Login Response that makes a session. */
void sim_withhold_login(struct sim *sim, unsigned portal, bool withholds);
/* Portal i does not answer a Logout Request. */
void sim_ignore_logout(struct sim *sim, unsigned portal, bool ignores);
/* No connection that is there now is granted a command any more. */
void sim_shut_window(struct sim *sim);
/* Nothing at all is read or sent for so long; 0: go on. */
void sim_freeze(struct sim *sim, unsigned ms);
/* Connections broken, ports closed; sim_restart() opens the same ones. */
void sim_kill(struct sim *sim);
void sim_restart(struct sim *sim);

/* Logins are answered with this class and detail, count times (0: always). */
void sim_login_status(struct sim *sim, uint8_t class, uint8_t detail,
		      unsigned count);
/* Logins at portal i are redirected: address "127.0.0.1:PORT", NULL: not. */
void sim_redirect(struct sim *sim, unsigned portal, const char *address,
		  bool is_permanent);

/* Each login is answered so much later. */
void sim_login_delay(struct sim *sim, unsigned ms);
/* The n-th (from 1) header digest from now is wrong. Once. */
void sim_corrupt_digest(struct sim *sim, unsigned n);

/* To every connection in full feature phase. */
void sim_async(struct sim *sim, uint8_t event, uint16_t p1, uint16_t p2,
	       uint16_t p3);
/* A NOP-In that wants an answer; how many answers have come. */
void sim_ping(struct sim *sim);
unsigned sim_pongs(struct sim *sim);
/* The same, and whoever has not answered after ms loses the connection. */
void sim_ping_insisting(struct sim *sim, unsigned ms);
/* From now on PDUs are spoilt, one of rate, by a generator with this seed;
 * rate 0: no more. */
void sim_hostile(struct sim *sim, uint64_t seed, unsigned rate);

/* Lies of one kind: the table is in sim-lies.c. */
struct sim_kind {
	const char *name;
	bool is_violation;   /* of the protocol: EPROTO, nothing else */
	bool is_early;       /* told while a session or a LUN is opened */
};
unsigned sim_lie_kinds(void);
const struct sim_kind *sim_lie_kind(unsigned kind);
/* From now on each PDU that this kind is about is a lie; SIM_ANY: none is. */
void sim_lie_about(struct sim *sim, int kind);
/* How often it was told since the start. */
unsigned sim_lies_told(struct sim *sim, unsigned kind);

#endif /* TESTS_SIMTARGET_H */
