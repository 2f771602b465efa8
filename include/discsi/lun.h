/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/lun.h: one logical unit: what it is, and block I/O to it.
 *
 * Offsets and lengths are bytes and must be multiples of the block size. A
 * transfer is whole or it failed. The caller's buffers are used directly, they
 * and the iovec array stay borrowed until the call has completed.
 *
 * Each I/O function exists twice. The plain one waits and returns 0 or a
 * negative errno. The _async one returns 0 and then runs its callback exactly
 * once, on the loop and never before it has returned; or it returns a negative
 * errno and never runs it. Any number of requests may be submitted; they are
 * queued and sent as the target's command window allows. Requests that overlap
 * while both are under way have no order.
 *
 * Errors of all I/O: EINVAL (misaligned, bad flags), ERANGE (beyond the end),
 * EROFS, ENODATA (medium error), EILSEQ (the target says that it has compared
 * data, and it differs), EBADE (reservation conflict), ENOSPC (thin pool
 * exhausted), ENXIO (no such LUN any more), ETIMEDOUT (command_timeout),
 * ENOTCONN (the session is lost), EPROTO, ECANCELED (closed while under way),
 * EIO; EDEADLK for the waiting form inside a callback; ENOMEM.
 *
 * Threads: the context's rule.
 */
#ifndef DISCSI_LUN_H
#define DISCSI_LUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <discsi/session.h>

#ifdef __cplusplus
extern "C" {
#endif

struct discsi_lun;

/*
 * What a LUN says of itself (INQUIRY and VPD pages 00, 80, 83, B0, B1, B2 of
 * SPC-4 and SBC-3, READ CAPACITY, MODE SENSE). Text is trimmed, printable
 * ASCII; a member that the LUN does not tell is "" or 0.
 */
struct discsi_lun_info {
	size_t size;               /* set by the caller to sizeof(this struct) */
	uint64_t lun;              /* logical unit number */
	uint8_t type;              /* peripheral device type; 0 is a disk */
	char vendor[9];
	char product[17];
	char revision[5];
	char serial[256];          /* VPD 80 */
	char designator[264];      /* VPD 83: "naa.…", "eui.…", "t10.…" */
	uint32_t block_size;       /* bytes of a logical block */
	uint32_t physical_block_size;
	uint64_t blocks;
	uint64_t bytes;
	bool read_only;            /* write protected, or read_only configured */
	bool rotational;
	bool thin;                 /* thin provisioned: LBPME */
	bool write_cache;          /* volatile write cache enabled: WCE, as it
				    * was when the LUN was opened */
	bool fua;                  /* FUA is understood: DPOFUA */
	bool can_trim;             /* UNMAP */
	bool can_zero;             /* WRITE SAME */
	bool can_zero_unmap;       /* WRITE SAME with unmap leaves zeroes */
	bool can_block_status;     /* GET LBA STATUS */
	uint32_t max_transfer_bytes;      /* of one command; reads and writes
					   * take 256 KiB of it at most */
	uint32_t optimal_transfer_bytes;  /* 0: not told */
	uint32_t max_unmap_bytes;         /* of one command, as it is used */
	uint32_t unmap_granularity_bytes;
	uint32_t unmap_alignment_bytes;
	uint64_t max_write_same_bytes;    /* of one command, as it is used */
};

/* In place of a number: the lun_id of the session's configuration. */
#define DISCSI_LUN_OF_CONF UINT64_MAX

/*
 * Opens a LUN: TEST UNIT READY through unit attentions, INQUIRY and its
 * pages, capacity, mode pages. All of it takes command_timeout at most, also
 * while the session recovers.
 *
 * lun_id: 0 to 16383, or DISCSI_LUN_OF_CONF.
 * lun: receives the handle, which the caller ends with discsi_lun_close()
 *      before it closes the session.
 * Errors: EINVAL (no such number, or lun_id is not set), ENXIO (no such LUN),
 * ESTALE (not the disk that expected_id names), EOPNOTSUPP (not a disk, or
 * blocks that are not 512 to 65536 bytes), EPROTO and the errors of I/O.
 */
int discsi_lun_open(struct discsi_session *session, uint64_t lun_id,
		    struct discsi_lun **lun);

/* Receives what discsi_lun_open() returns; the handle is the callback's. */
typedef void (*discsi_lun_cb)(void *arg, int status, struct discsi_lun *lun,
			      const struct discsi_error *error);

/* The same without waiting; the callback runs exactly once if 0 is returned. */
int discsi_lun_open_async(struct discsi_session *session, uint64_t lun_id,
			  discsi_lun_cb cb, void *arg);

/*
 * Ends a LUN. Requests under way complete with ECANCELED once nothing can
 * touch their buffers any more, which this call waits for (not from inside a
 * callback, where it happens on the loop).
 *
 * lun: taken, NULL is fine.
 */
void discsi_lun_close(struct discsi_lun *lun);

/* Fills info, as far as info->size says it reaches. Errors: EINVAL. */
int discsi_lun_get_info(struct discsi_lun *lun, struct discsi_lun_info *info);

/*
 * Asks a unit of any kind, disk or not, what it is (INQUIRY), without opening
 * it: lun, type, vendor, product and revision are filled, the rest is 0.
 *
 * info: its size set by the caller. Errors: ENXIO (no such LUN), EINVAL and
 * the errors of I/O.
 */
int discsi_lun_identify(struct discsi_session *session, uint64_t lun_id,
			struct discsi_lun_info *info);

/* ------------------------------------------------------------- flags */

#define DISCSI_IO_FUA 0x1u      /* on stable storage before it completes */
#define DISCSI_ZERO_UNMAP 0x2u  /* the range may be deallocated */
#define DISCSI_ZERO_FAST 0x4u   /* EOPNOTSUPP rather than writing zeroes out */

/* -------------------------------------------------------- waiting form */

/*
 * Buffers are borrowed until the call completes. One that is NULL, alone or in
 * an iovec array, is EINVAL unless its length is 0.
 */

/* Reads length bytes at offset into buf. flags: DISCSI_IO_FUA or 0. */
int discsi_lun_read(struct discsi_lun *lun, void *buf, size_t length,
		    uint64_t offset, unsigned flags);

/* The same into iovcnt pieces, of any sizes and alignment that add up. */
int discsi_lun_readv(struct discsi_lun *lun, const struct iovec *iov,
		     int iovcnt, uint64_t offset, unsigned flags);

/* Writes length bytes of buf at offset. flags: DISCSI_IO_FUA or 0. */
int discsi_lun_write(struct discsi_lun *lun, const void *buf, size_t length,
		     uint64_t offset, unsigned flags);

/* The same from iovcnt pieces. */
int discsi_lun_writev(struct discsi_lun *lun, const struct iovec *iov,
		      int iovcnt, uint64_t offset, unsigned flags);

/*
 * Puts every write that has completed before this call on stable storage
 * (SYNCHRONIZE CACHE, SBC-3 clause 5.25). A LUN that does not know the command
 * has no volatile cache, and it succeeds; EIO where the LUN says that it has one
 * (write_cache).
 */
int discsi_lun_flush(struct discsi_lun *lun);

/*
 * Tells the LUN that the range is not needed (UNMAP, SBC-3 clause 5.38): a
 * hint, its content is undefined afterwards. Parts below the granularity may
 * be left as they are. EOPNOTSUPP where the LUN cannot.
 */
int discsi_lun_trim(struct discsi_lun *lun, uint64_t offset, uint64_t length);

/*
 * Makes the range read as zeroes: WRITE SAME where the LUN has it, else by
 * writing zeroes. flags: DISCSI_IO_FUA, DISCSI_ZERO_UNMAP, DISCSI_ZERO_FAST.
 */
int discsi_lun_zero(struct discsi_lun *lun, uint64_t offset, uint64_t length,
		    unsigned flags);

#define DISCSI_EXTENT_HOLE 0x1u  /* not allocated */
#define DISCSI_EXTENT_ZERO 0x2u  /* reads as zeroes */

struct discsi_extent {
	uint64_t length;  /* bytes; extents follow one another from offset on */
	uint32_t flags;
};

/*
 * Which parts of a range are allocated (GET LBA STATUS, SBC-3 clause 5.4).
 *
 * extents, count: an array and its room, at least 1; count receives how many
 *      were filled. They begin at offset, neighbours differ, the last one may
 *      end before or beyond offset + length but not beyond the LUN. A LUN
 *      that cannot tell has one allocated extent.
 */
int discsi_lun_block_status(struct discsi_lun *lun, uint64_t offset,
			    uint64_t length, struct discsi_extent *extents,
			    size_t *count);

/*
 * Reads the capacity again and takes it over: info tells the new size. The LUN is
 * asked before whether it is the disk that was opened.
 *
 * ESTALE: it is another one; from now on nothing is read from it or written to it.
 */
int discsi_lun_refresh(struct discsi_lun *lun);

/*
 * Writes length bytes of data at offset if that place holds what compare does
 * (COMPARE AND WRITE, SBC-3 clause 5.2): one command, which no other command of
 * anybody comes between. At most 255 blocks; a LUN may take fewer. flags:
 * DISCSI_IO_FUA or 0.
 *
 * EILSEQ: it differs, nothing was written. EOPNOTSUPP: the LUN cannot. EIO also
 * when the connection was lost and it is not known whether it was carried out:
 * it is never sent a second time.
 */
int discsi_lun_compare_and_write(struct discsi_lun *lun, const void *compare,
				 const void *data, size_t length,
				 uint64_t offset, unsigned flags);

enum discsi_direction {
	DISCSI_DATA_NONE,
	DISCSI_DATA_IN,   /* from the LUN */
	DISCSI_DATA_OUT
};

/* Any SCSI command. The first group is the caller's, the rest the answer. */
struct discsi_command {
	size_t size;               /* set to sizeof(this struct) */
	uint8_t cdb[16];           /* zeroes behind a shorter one */
	enum discsi_direction direction;
	void *data;                /* borrowed, as this struct is */
	size_t length;             /* bytes of it, at most 16 MiB */

	size_t transferred;        /* bytes */
	uint8_t status;            /* SAM-5: 0 is GOOD; 0xff: none came */
	uint8_t sense_length;
	uint8_t sense[96];
};

/*
 * Sends a command as it is, checking neither what it does nor whether the LUN
 * is read only. Any status is an answer: nothing is tried again for it, and one
 * that is not GOOD is told as the errno that other I/O would have. A transfer
 * may be shorter than asked for. What was sent when a connection was lost is
 * sent again only if it is known to be harmless (reads, writes behind the
 * barrier); others end with EIO.
 */
int discsi_lun_command(struct discsi_lun *lun, struct discsi_command *command);

/* ------------------------------------------------- persistent reservations */

/* Who may do what (SPC-4 clause 5.13); the numbers are those on the wire. */
enum discsi_reservation_type {
	DISCSI_RESERVATION_NONE = 0,
	DISCSI_RESERVATION_WRITE_EXCLUSIVE = 1,
	DISCSI_RESERVATION_EXCLUSIVE_ACCESS = 3,
	/* Every registered initiator has the access that the holder has. */
	DISCSI_RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS = 5,
	DISCSI_RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS = 6,
	/* The same, and each of them holds the reservation. */
	DISCSI_RESERVATION_WRITE_EXCLUSIVE_ALL = 7,
	DISCSI_RESERVATION_EXCLUSIVE_ACCESS_ALL = 8
};

/*
 * Registers new_key for this session's nexus, or takes the registration back
 * (new_key 0). old_key: the one that is registered now, 0 if none; with
 * DISCSI_REGISTER_ANYWAY it does not matter. Registrations outlive connections,
 * since the session logs in again as the same initiator port.
 *
 * This and the next three: EBADE when the key is not the registered one, or
 * another initiator's reservation is in the way; EOPNOTSUPP where the LUN
 * cannot, and with several sessions (sessions of the configuration), which
 * would be several initiator ports; EIO also when the connection was lost and
 * it is not known whether the command was carried out: it is never sent twice,
 * discsi_lun_read_keys() and discsi_lun_read_reservation() tell.
 */
int discsi_lun_register(struct discsi_lun *lun, uint64_t old_key,
			uint64_t new_key, unsigned flags);
#define DISCSI_REGISTER_ANYWAY 0x1u

/* Reserves the LUN with the registered key. */
int discsi_lun_reserve(struct discsi_lun *lun, uint64_t key,
		       enum discsi_reservation_type type);

/* Gives the reservation, which has that type, up. */
int discsi_lun_release(struct discsi_lun *lun, uint64_t key,
		       enum discsi_reservation_type type);

/*
 * Takes the registrations with the key victim away, and the reservation if it
 * is theirs, which is then ours with that type. flags: DISCSI_PREEMPT_ABORT
 * ends their commands, too.
 */
int discsi_lun_preempt(struct discsi_lun *lun, uint64_t key, uint64_t victim,
		       enum discsi_reservation_type type, unsigned flags);
#define DISCSI_PREEMPT_ABORT 0x1u

/*
 * The keys that are registered, by anybody. count: the room of keys, receives
 * how many there are, which may be more. EPROTO, EOPNOTSUPP.
 */
int discsi_lun_read_keys(struct discsi_lun *lun, uint64_t *keys, size_t *count);

struct discsi_reservation {
	size_t size;          /* set by the caller to sizeof(this struct) */
	uint32_t generation;  /* counts changes of registrations */
	enum discsi_reservation_type type;  /* NONE: not reserved */
	uint64_t key;         /* of the holder */
};

/* Who has reserved the LUN. Errors: EINVAL (size), EPROTO, EOPNOTSUPP. */
int discsi_lun_read_reservation(struct discsi_lun *lun,
				struct discsi_reservation *reservation);

/* --------------------------------------------------- asynchronous form */

/*
 * The same without waiting. If 0 is returned, the callback runs exactly once,
 * on the loop, and buffers are borrowed until then; otherwise it does not run.
 */
int discsi_lun_read_async(struct discsi_lun *lun, void *buf, size_t length,
			  uint64_t offset, unsigned flags, discsi_done_cb cb,
			  void *arg);

/*
 * A pipe for the data of a read, so that it can be spliced on without being
 * copied.
 */
struct discsi_pipe {
	int out;       /* the end that is read */
	int in;        /* the end that is written; both are O_NONBLOCK */
	size_t bytes;  /* receives how much of the data is in the pipe */
};

/*
 * Reads like discsi_lun_read_async(), but the beginning of the data may be left
 * in a pipe: the first pipe->bytes bytes are there, and what follows them is in
 * buf, at its place. How much that is, is for the library to say: nothing where
 * the data has a digest, is short, or begins with zeroes, so that the caller can
 * see whether it is a hole; and less than all of it where the target does not
 * answer in order, the pipe is full, or what is left is short. A command that
 * has to be repeated moves what is in the pipe to buf.
 *
 * pipe: borrowed, and empty; nobody else reads from it before the callback.
 *      After a failure, too, bytes says how much is in it, which has no
 *      meaning then.
 */
int discsi_lun_read_piped_async(struct discsi_lun *lun, void *buf,
				size_t length, uint64_t offset, unsigned flags,
				struct discsi_pipe *pipe, discsi_done_cb cb,
				void *arg);
int discsi_lun_readv_async(struct discsi_lun *lun, const struct iovec *iov,
			   int iovcnt, uint64_t offset, unsigned flags,
			   discsi_done_cb cb, void *arg);
int discsi_lun_write_async(struct discsi_lun *lun, const void *buf,
			   size_t length, uint64_t offset, unsigned flags,
			   discsi_done_cb cb, void *arg);
int discsi_lun_writev_async(struct discsi_lun *lun, const struct iovec *iov,
			    int iovcnt, uint64_t offset, unsigned flags,
			    discsi_done_cb cb, void *arg);
int discsi_lun_flush_async(struct discsi_lun *lun, discsi_done_cb cb, void *arg);
int discsi_lun_trim_async(struct discsi_lun *lun, uint64_t offset,
			  uint64_t length, discsi_done_cb cb, void *arg);
int discsi_lun_zero_async(struct discsi_lun *lun, uint64_t offset,
			  uint64_t length, unsigned flags, discsi_done_cb cb,
			  void *arg);
/* extents and count stay borrowed until the callback. */
int discsi_lun_block_status_async(struct discsi_lun *lun, uint64_t offset,
				  uint64_t length,
				  struct discsi_extent *extents, size_t *count,
				  discsi_done_cb cb, void *arg);
int discsi_lun_refresh_async(struct discsi_lun *lun, discsi_done_cb cb,
			     void *arg);
int discsi_lun_compare_and_write_async(struct discsi_lun *lun,
				       const void *compare, const void *data,
				       size_t length, uint64_t offset,
				       unsigned flags, discsi_done_cb cb,
				       void *arg);
int discsi_lun_command_async(struct discsi_lun *lun,
			     struct discsi_command *command, discsi_done_cb cb,
			     void *arg);
int discsi_lun_register_async(struct discsi_lun *lun, uint64_t old_key,
			      uint64_t new_key, unsigned flags,
			      discsi_done_cb cb, void *arg);
int discsi_lun_reserve_async(struct discsi_lun *lun, uint64_t key,
			     enum discsi_reservation_type type,
			     discsi_done_cb cb, void *arg);
int discsi_lun_release_async(struct discsi_lun *lun, uint64_t key,
			     enum discsi_reservation_type type,
			     discsi_done_cb cb, void *arg);
int discsi_lun_preempt_async(struct discsi_lun *lun, uint64_t key,
			     uint64_t victim,
			     enum discsi_reservation_type type, unsigned flags,
			     discsi_done_cb cb, void *arg);
int discsi_lun_read_keys_async(struct discsi_lun *lun, uint64_t *keys,
			       size_t *count, discsi_done_cb cb, void *arg);
int discsi_lun_read_reservation_async(struct discsi_lun *lun,
				      struct discsi_reservation *reservation,
				      discsi_done_cb cb, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_LUN_H */
