/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-internal.h: between the files of the target:
 *
 *   sim.c        start and stop, the loop, portals
 *   sim-conn.c   bytes in, PDUs apart, bytes out
 *   sim-login.c  the login, SendTargets
 *   sim-task.c   SCSI commands from arrival to answer, task management
 *   sim-scsi.c   what a command does
 *   sim-reserve.c persistent reservations
 *   sim-disk.c   the memory, the volatile cache, the journal
 *   sim-fault.c  rules, drops, spoilt PDUs
 *   sim-lies.c   lies of one kind at a time
 *   sim-script.c what tests call
 *
 * All of it with sim->lock held: the loop's thread while it handles events,
 * tests while they script.
 */
#ifndef TESTS_SIM_INTERNAL_H
#define TESTS_SIM_INTERNAL_H

#include <pthread.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/list.h"
#include "simtarget/simtarget.h"

#define BHS 48u
#define SIM_LIE_BYTES 8192u
#define NO_TAG 0xffffffffu
#define SIM_RX_BYTES (1u << 20)
#define SIM_RULES_MAX 16
#define SIM_UA_MAX 8
#define SIM_CACHE_LINE 4096u
#define SIM_KINDS_MAX 80

#define SIM_REGISTRATIONS_MAX 8

struct sim_nexus;

/* A key of an initiator port; nexus NULL: no one's. */
struct sim_registration {
	const struct sim_nexus *nexus;
	uint64_t key;
};

struct sim_disk {
	uint8_t *data;          /* what is read */
	uint8_t *durable;       /* with a volatile cache: what survives */
	uint8_t *dirty;         /* per SIM_CACHE_LINE bytes */
	uint64_t *written_keys; /* open hash: lba + 1 -> how often */
	unsigned *written;
	size_t written_room;
	size_t written_used;
	uint64_t blocks;
	uint64_t room;          /* bytes mapped */
	bool is_absent;
	char serial[32];
	struct sim_registration registered[SIM_REGISTRATIONS_MAX];
	const struct sim_nexus *holder;  /* of the persistent reservation */
	unsigned reservation;   /* its type; 0: none */
	uint32_t generation;
};

/* An initiator port that has logged in: name and ISID. */
struct sim_nexus {
	struct dsc_list link;
	char name[224];
	uint8_t isid[6];
	struct sim_conn *conn;
	struct { uint8_t lun, asc, ascq; } ua[SIM_UA_MAX * 4];
	unsigned uas;
};

/* A SCSI command on its way. */
struct sim_task {
	struct dsc_list link;     /* conn->tasks or sim->held */
	struct sim_conn *conn;    /* NULL: lost */
	struct sim_nexus *nexus;
	uint8_t lun;
	uint8_t cdb[16];
	uint32_t itt;
	uint32_t cmd_sn;
	uint32_t expected;
	bool is_write;
	uint8_t *data;            /* of a write */
	uint32_t received;
	uint32_t data_sn;         /* of the next Data-Out of its sequence */
	uint32_t r2t_sn;
	uint32_t asked;           /* by R2Ts, so far */
};

/* A piece of what is to be sent; ptr NULL: at offset of the arena. */
struct sim_out {
	const uint8_t *ptr;
	size_t offset;
	size_t length;
};

struct sim_conn {
	struct dsc_list link;
	struct sim *sim;
	unsigned number;
	unsigned portal;
	int fd;
	bool is_mute;
	bool is_shut;             /* the command window, for good */
	bool is_logged_in;
	bool is_astray;           /* it asks for another target */
	bool is_discovery;
	bool has_digest;
	bool is_doomed;           /* closed once everything is sent */
	bool is_dead;             /* nothing is read or sent */
	bool wants_out;
	bool is_pinged;           /* and has not answered */
	uint64_t login_due_ns;    /* its request is looked at then; 0: at once */
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t next_ttt;
	unsigned together;        /* commands since the last turn */
	uint32_t max_send;        /* the initiator's MaxRecvDataSegmentLength */
	const uint8_t *answering;  /* the CDB, while its answer is sent */
	bool has_later;           /* task management that is done, unanswered: */
	uint8_t later;            /* the response, */
	uint8_t later_itt[4];
	struct sim_nexus *nexus;
	struct dsc_list tasks;    /* writes that wait for data */
	uint8_t *rx;
	size_t rx_head;
	size_t rx_tail;
	struct sim_out *out;
	size_t out_used;
	size_t out_room;
	size_t out_sent;          /* pieces */
	size_t out_skip;          /* bytes of the first one */
	uint8_t *arena;
	size_t arena_used;
	size_t arena_room;
};

struct sim_portal_state {
	int fd;
	uint16_t port;
	char text[32];
	bool is_mute;
	bool withholds;
	bool keeps;          /* does not answer a logout */
	char redirect[64];
	bool is_permanent;
};

struct sim {
	struct sim_config config;
	pthread_t thread;
	pthread_mutex_t lock;
	int epoll_fd;
	int wake_fd;
	bool is_stopping;
	bool is_stirred;           /* any connection may have something to do */
	struct sim_portal_state portal[SIM_PORTALS_MAX];
	struct sim_disk disk[SIM_LUNS_MAX];
	struct dsc_list conns;
	struct dsc_list nexuses;
	struct dsc_list held;
	unsigned held_count;
	bool is_killed;
	bool reinstates;

	struct sim_rule rule[SIM_RULES_MAX];
	unsigned rule_seen[SIM_RULES_MAX];
	unsigned rule_used[SIM_RULES_MAX];
	unsigned rules;
	unsigned applied;
	uint8_t management[16];    /* response by function, 0xff: none */
	unsigned managed[16];
	unsigned task_set;
	uint32_t told_block_size;  /* by READ CAPACITY; 0: what they are */
	enum sim_pdu drop_pdu;
	enum sim_where drop_where;
	unsigned drop_in;          /* 0: none is waited for */
	bool has_dropped;
	uint64_t frozen_until_ns;
	uint8_t login_class;
	uint8_t login_detail;
	int login_count;           /* -1: always, 0: none */
	unsigned login_delay_ms;
	unsigned corrupt_in;       /* 0: none */
	uint64_t insist_ns;        /* pings are to be answered by then; 0: none */
	bool is_lying;
	unsigned lying;            /* the kind */
	unsigned told[SIM_KINDS_MAX];
	uint8_t falsified[SIM_LIE_BYTES];
	uint64_t hostile_state;
	unsigned hostile_rate;

	struct sim_record *record;
	size_t records;
	size_t record_room;
	size_t count[256];
	unsigned connections;
	unsigned logins;
	unsigned pings;
	unsigned pongs;
	uint8_t last_isid[6];
};

/* One command and what is answered. */
struct sim_answer {
	const uint8_t *in;     /* data for the initiator */
	uint32_t in_length;
	uint32_t out_length;   /* data that the command takes */
	uint8_t status;
	uint8_t sense[18];
	bool has_sense;
	uint8_t buffer[8192];  /* where in may lie */
};

uint64_t sim_now_ns(void);
void sim_wake(struct sim *sim);

/* sim-conn.c */
void sim_conn_new(struct sim *sim, int fd, unsigned portal);
void sim_conn_free(struct sim_conn *conn);
void sim_conn_readable(struct sim_conn *conn);
/* Looks at a login whose time has come. */
void sim_conn_on_time(struct sim_conn *conn);
void sim_conn_flush(struct sim_conn *conn);
/*
 * Queues a PDU. bhs is complete but for lengths and, with has_stat_sn, its
 * numbers; data is copied unless it stays where it is.
 */
void sim_conn_send(struct sim_conn *conn, enum sim_pdu kind, uint8_t *bhs,
		   const void *data, uint32_t length, bool stays,
		   bool takes_stat_sn);
void sim_watch(struct sim_conn *conn);

/* sim-login.c */
void sim_login_pdu(struct sim_conn *conn, const uint8_t *bhs,
		   const uint8_t *data, uint32_t length);
void sim_text_pdu(struct sim_conn *conn, const uint8_t *bhs);

/* sim-task.c */
void sim_command_pdu(struct sim_conn *conn, const uint8_t *bhs,
		     const uint8_t *data, uint32_t length);
void sim_data_out_pdu(struct sim_conn *conn, const uint8_t *bhs,
		      const uint8_t *data, uint32_t length);
void sim_management_pdu(struct sim_conn *conn, const uint8_t *bhs);
void sim_management_release(struct sim *sim);
void sim_tasks_lost(struct sim_conn *conn);
void sim_tasks_end(struct sim *sim, const struct sim_nexus *nexus);
void sim_tasks_release(struct sim *sim);
void sim_add_ua(struct sim *sim, int lun, uint8_t asc, uint8_t ascq);

/* sim-scsi.c */
void sim_execute(struct sim *sim, const struct sim_nexus *nexus, uint8_t lun,
		 const uint8_t *cdb, const uint8_t *out, uint32_t out_length,
		 struct sim_answer *answer);
void sim_fail(struct sim_answer *answer, uint8_t key, uint8_t asc,
	      uint8_t ascq);

/* sim-reserve.c */
void sim_reserve_out(struct sim_disk *disk, const struct sim_nexus *nexus,
		     const uint8_t *cdb, const uint8_t *list, uint32_t length,
		     struct sim_answer *answer);
void sim_reserve_in(struct sim_disk *disk, const uint8_t *cdb,
		    struct sim_answer *answer);
bool sim_reserve_forbids(struct sim_disk *disk, const struct sim_nexus *nexus,
			 uint8_t opcode);

/* sim-disk.c */
bool sim_disk_init(struct sim *sim, struct sim_disk *disk, unsigned number);
void sim_disk_fini(struct sim *sim, struct sim_disk *disk);
void sim_disk_write(struct sim *sim, struct sim_disk *disk, uint64_t offset,
		    const uint8_t *data, uint64_t length, bool is_durable);
void sim_disk_flush(struct sim_disk *disk);
void sim_disk_lose(struct sim_disk *disk);
void sim_note(struct sim *sim, const struct sim_conn *conn,
	      const struct sim_task *task, bool is_done, uint8_t status);

/* sim-lies.c */
/* Spoils a PDU that is to be sent, if it is to be; returns its data. */
const void *sim_falsify(struct sim_conn *conn, uint8_t *bhs, const void *data,
			uint32_t length, bool *stays);

/* sim-fault.c */
/* The rule that applies to a command, or NULL. */
const struct sim_rule *sim_rule_meet(struct sim *sim, uint8_t opcode,
				     uint8_t lun);
/* True when the connection is to be dropped at this PDU, at that place. */
bool sim_drop_meet(struct sim *sim, enum sim_pdu pdu, enum sim_where *where);

enum sim_lie {
	SIM_LIE_NONE,      /* the header may have been spoilt */
	SIM_LIE_FORGED,    /* another PDU goes before it */
	SIM_LIE_TWICE,
	SIM_LIE_DATA,      /* its data is to be spoilt */
	SIM_LIE_CUT,       /* the stream ends inside of it */
	SIM_LIE_SILENCE,   /* it is not sent */
	SIM_LIES
};
/* Whether a PDU that is about to be sent is the truth. */
enum sim_lie sim_lie(struct sim *sim, uint8_t *bhs, uint32_t *length,
		     uint8_t *forged);
void sim_lie_data(struct sim *sim, uint8_t *data, uint32_t length);

#endif /* TESTS_SIM_INTERNAL_H */
