/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lun/lun.h: a logical unit and its I/O, between the files of lib/lun.
 *
 * An I/O (struct dsc_io) is what the caller asked for. It is carried out in
 * pieces, each one SCSI command within the target's limits. The first group of
 * struct discsi_lun is for the loop's thread; what lock guards is for any.
 */
#ifndef DSC_LUN_LUN_H
#define DSC_LUN_LUN_H

#include <discsi/lun.h>
#include "base/context.h"
#include "scsi/inquiry.h"
#include "scsi/split.h"
#include "session/session.h"

/* How many commands of one I/O are under way at a time. */
#define DSC_IO_WINDOW 16
/* A target's limit that is larger is taken for this. */
#define DSC_MAX_TRANSFER_BYTES (8u << 20)
/*
 * The most that one command of a read or a write transfers: what most targets
 * take in a single burst, and have memory at hand for. They work on several at
 * a time, and send the first while they still read the last.
 */
#define DSC_PIECE_BYTES (256u << 10)
/*
 * The most that one WRITE SAME or UNMAP covers: bounds its run time. There are
 * targets that write the zeroes out block by block, at 50 MB a second; a whole
 * window of commands must be done well within command_timeout.
 */
#define DSC_MAX_ZERO_BYTES (16u << 20)
#define DSC_MAX_UNMAP_BYTES (1u << 30)
#define DSC_BLOCK_SIZE_MIN 512
#define DSC_BLOCK_SIZE_MAX 65536

struct dsc_io;

/* The multiples of a size, counted from an offset. Size 0: there is none. */
struct dsc_grid {
	uint64_t size;
	uint64_t from;
};

/* One kind of I/O; the table is in ops.c. */
struct dsc_io_op {
	const char *name;
	enum dsc_direction direction;
	bool is_ranged;    /* has offset and length, and is cut into pieces */
	bool is_writing;   /* refused on a LUN that is read only */
	bool takes_status; /* whatever it is: no retries */
	/* On the loop, first: may change io->op, or refuse with -errno. */
	int (*begin)(struct dsc_io *io);
	/* The most bytes of one piece, and where pieces should end, or NULL. */
	uint64_t (*piece_max)(const struct dsc_io *io);
	struct dsc_grid (*grid)(const struct dsc_io *io);
	/* Fills cdb, direction, length and data of piece->request.task. */
	void (*build)(struct dsc_io *io, struct dsc_io *piece, uint64_t offset,
		      uint64_t length);
	/*
	 * Sees the answer to a piece; returns what it means for the I/O, 0 or
	 * -errno. NULL: result as it is, and a transfer must be whole.
	 */
	int (*answered)(struct dsc_io *io, struct dsc_io *piece, int result);
	/* Once all pieces are done well; -EAGAIN: io->op goes on. NULL: 0. */
	int (*completed)(struct dsc_io *io);
};

struct dsc_io {
	struct dsc_request request;   /* of a piece */
	struct dsc_list link;         /* pool, lun->active or lun->finished */
	struct dsc_job job;           /* on its way from another thread */
	struct discsi_lun *lun;
	struct dsc_io *parent;        /* of a piece that is not the I/O itself */

	const struct dsc_io_op *op;
	discsi_done_cb cb;
	void *arg;
	struct iovec own_iov;         /* a single buffer, as an array */
	struct dsc_iov_cursor data;   /* of the next piece */
	const struct iovec *iov;
	int iovcnt;
	struct discsi_pipe *pipe;     /* of a read that may use it, or NULL */
	uint64_t offset;
	uint64_t end;
	uint64_t next;                /* where the next piece begins */
	unsigned flags;
	unsigned pieces;              /* under way */
	bool is_under_way;            /* request is with the session */
	bool is_unmapping;            /* zero: this time by unmapping */
	bool must_redo;               /* a command was not known: do it over */
	int result;
	struct discsi_error *error;   /* of the first failure, allocated */
	uint8_t parameters[32];       /* small data of a command */

	uint64_t keys[2];             /* of a reservation */
	void *answer;                 /* the caller's, by kind */
	struct discsi_extent *extents;  /* block status: the caller's */
	size_t *count;
	size_t room;
	void *buffer;                 /* freed with the I/O */
	unsigned answers;             /* block status: how many so far */
};

struct discsi_lun {
	struct discsi_session *session;
	struct discsi_context *ctx;
	struct dsc_unit unit;         /* of the session; with the address */
	char name[DSC_ISCSI_NAME_MAX + 32];  /* "LUN 1 of iqn.…" */

	struct dsc_list active;       /* every dsc_io in use on the loop */
	struct dsc_list finished;     /* nothing to send: complete this turn */
	struct dsc_deferred finish;
	struct dsc_deferred settle;   /* closing: seen to here */
	struct dsc_probe *probe;      /* while opening */
	struct dsc_timer open_timer;  /* the same */
	uint32_t answered;            /* questions that had an answer */
	struct dsc_list identifying;  /* probes that verify it */
	struct dsc_job open_job;
	struct dsc_job close_job;
	bool is_closed;               /* by its owner, not by its session's end */
	discsi_lun_cb open_cb;
	void *open_arg;
	discsi_done_cb close_cb;
	void *close_arg;

	bool has_no_sync;             /* SYNCHRONIZE CACHE is not known, and
				       * neither is a cache */
	bool has_no_capacity16;
	bool reads_zero;              /* deallocated blocks read as zeroes */
	uint32_t first_aligned;       /* where the first physical block begins */

	pthread_mutex_t lock;         /* guards what follows */
	bool is_closing;              /* the loop writes it, under lock */
	bool is_condemned;            /* the same; unit.why says why */
	struct discsi_lun_info info;  /* the same */
	struct dsc_list pool;
	struct dsc_list slabs;
};

/* ------------------------------------------------------------------ io.c */

/* What a caller asked for, before it has become a struct dsc_io. */
struct dsc_io_request {
	const struct dsc_io_op *op;
	const struct iovec *iov;
	int iovcnt;
	struct discsi_pipe *pipe;
	uint64_t offset;
	uint64_t length;
	unsigned flags;
	unsigned flags_allowed;
	uint64_t keys[2];
	void *answer;
	void *buffer;        /* taken, if it is submitted */
	struct discsi_extent *extents;
	size_t *count;
	discsi_done_cb cb;
	void *arg;
};

/* Checks, and hands over to the loop. -errno: refused, no callback. */
int dsc_io_submit(struct discsi_lun *lun, const struct dsc_io_request *what);

/* Stops what can be stopped; the rest completes by itself. */
void dsc_io_cancel_all(struct discsi_lun *lun);

/* Says why it fails, in place of what the answer to its command said. */
void dsc_io_fail(struct dsc_io *io, const struct discsi_error *error);

/* Completes what waits for the end of the turn. */
void dsc_io_finish_now(struct discsi_lun *lun);

int dsc_io_init(struct discsi_lun *lun);
void dsc_io_fini(struct discsi_lun *lun);

/* ----------------------------------------------------------------- api.c */

/* The same for what came from a caller. */
int dsc_api_submit(struct discsi_lun *lun, const struct dsc_io_request *what);
/* A waiting call: what is between is to end with dsc_wait_finish(). */
int dsc_api_begin(struct discsi_lun *lun, struct dsc_wait *wait);
int dsc_api_end(struct dsc_wait *wait, int submitted);

/* ----------------------------------------------------------------- ops.c */

/* For ops of one command; and what a write that asked for FUA ends with. */
uint64_t dsc_op_one_piece(const struct dsc_io *io);
int dsc_op_write_completed(struct dsc_io *io);

extern const struct dsc_io_op dsc_op_read;
extern const struct dsc_io_op dsc_op_write;
extern const struct dsc_io_op dsc_op_flush;
extern const struct dsc_io_op dsc_op_trim;
extern const struct dsc_io_op dsc_op_zero;
/* refresh.c */
extern const struct dsc_io_op dsc_op_refresh;
/* status.c */
extern const struct dsc_io_op dsc_op_block_status;

/* --------------------------------------------------------------- probe.c */

/*
 * Asks the LUN everything; done runs once, not inside this call, with 0 or a
 * negative errno and its error. lun->info and the flags are then filled.
 */
struct dsc_probe;
typedef void (*dsc_probe_cb)(struct discsi_lun *lun, int result,
			     const struct discsi_error *error);
int dsc_probe_start(struct discsi_lun *lun, dsc_probe_cb done);
/*
 * Its LUN does not wait any longer: done does not run, and it frees itself when
 * its request is over. Returns the question that was not answered.
 */
const char *dsc_probe_forget(struct dsc_probe *probe);
/* Frees it; its request must not be outstanding. NULL is fine. */
void dsc_probe_free(struct dsc_probe *probe);

/* What one asks of a LUN that is open already: is it the same disk? */
struct dsc_identity {
	char vendor[9];
	char product[17];
	char serial[256];
	char designator[264];
	struct dsc_capacity capacity;
};
typedef void (*dsc_identify_cb)(struct discsi_lun *lun,
				struct dsc_nexus *nexus, int result,
				const struct discsi_error *error,
				const struct dsc_identity *identity);

/*
 * Asks over one nexus, past requests that wait. Frees itself. done: once, with
 * lun NULL if the LUN was closed meanwhile. -ENOMEM.
 */
int dsc_probe_identity(struct discsi_lun *lun, struct dsc_nexus *nexus,
		       dsc_identify_cb done);
/* The LUN ends: nobody wants to know any more. */
void dsc_probe_forget_identities(struct discsi_lun *lun);

/* A probe begins anew: the disk may be another one by now. */
void dsc_probe_restart(struct dsc_probe *probe);

/* -------------------------------------------------------------- verify.c */

/* What the session asks of a LUN (struct dsc_unit_ops), but its end. */
int dsc_lun_verify(struct dsc_unit *unit, struct dsc_nexus *nexus);
void dsc_lun_news(struct dsc_unit *unit, enum dsc_news news);
void dsc_lun_condemn(struct dsc_unit *unit, const struct discsi_error *why);
const char *dsc_lun_vendor(const struct dsc_unit *unit);

/* Is it another disk by now, or gone, and does no I/O any more? Any thread. */
bool dsc_lun_is_condemned(struct discsi_lun *lun);

/* Takes a capacity over into lun->info. */
void dsc_lun_set_capacity(struct discsi_lun *lun,
			  const struct dsc_capacity *capacity);

#endif /* DSC_LUN_LUN_H */
