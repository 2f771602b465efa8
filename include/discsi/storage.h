/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/storage.h: what a host agent embeds: a list of storages, each made
 * from a JSON configuration, that are mounted, measured and unmounted.
 *
 * A storage of the built-in type "iscsi" is one LUN. Mounting it means:
 * discovery, the iqn is among the answers, login, the LUN is there and is the
 * disk that expected_id names, a bridge process makes a device of it, the
 * device is there. What the device is, is the member "device" of the
 * configuration. Other types are registered by the agent.
 *
 * Threads: any thread may call any function at any time; the manager has one
 * thread of its own for all storages, whose callbacks are none of the agent's
 * business. Functions that change a storage (set_info, mount, unmount,
 * accessible, detach) take turns, storage by storage; the others never wait for
 * them.
 *
 * fork(): a child that execs or exits disturbs nothing. In the child every
 * function here fails with ECHILD, and those that free do nothing.
 *
 * Text that is received belongs to the caller, who frees it with free(). Sizes
 * are bytes where the name says so or says nothing, and MiB, rounded down,
 * where it says _mb. Errors are negative errnos, discsi_last_error() has the
 * sentence; EINVAL for NULL, ENOMEM and ECHILD are not repeated below.
 */
#ifndef DISCSI_STORAGE_H
#define DISCSI_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/context.h>
#include <discsi/lun.h>

#ifdef __cplusplus
extern "C" {
#endif

struct discsi_storage_manager;
struct discsi_storage;
struct discsi_disk;

/* ------------------------------------------------------------ manager */

/* How a manager is made; members that are 0 or NULL have the default. */
struct discsi_storage_manager_options {
	size_t size;                     /* set by the caller to sizeof */
	discsi_log_cb log;               /* NULL: no log. Warnings about
					  * configurations go there, too */
	void *log_arg;
	enum discsi_log_level log_level;
	const char *zone_id;             /* of storages whose configuration
					  * says nothing; copied */
};

/*
 * Makes a manager without storages, and starts its thread.
 *
 * options: NULL is all defaults. manager: receives the handle, which the
 *      caller ends with discsi_storage_manager_free().
 * Errors: EMFILE, ENFILE, EAGAIN (no thread can be made).
 */
int discsi_storage_manager_new(
	const struct discsi_storage_manager_options *options,
	struct discsi_storage_manager **manager);

/*
 * Ends a manager: operations under way end with ECANCELED, sessions of device
 * "none" are closed, the storages are forgotten. Bridges go on serving: an
 * agent that is upgraded takes no disk away, and its next mount adopts them. So
 * do those of an agent that dies. Meanwhile it does not count as their user: a
 * storage of another agent that is unmounted then may be the last one.
 *
 * Storages and disks that the caller still has must be put all the same, before
 * or afterwards; what they are asked then fails with ECANCELED.
 *
 * manager: taken, NULL is fine. Not while another call uses it, and not from
 * inside a callback.
 */
void discsi_storage_manager_free(struct discsi_storage_manager *manager);

/* ----------------------------------------------------------- storages */

/*
 * Makes a storage, which is empty until discsi_storage_set_info().
 *
 * mount_point: what discsi_storage_path() tells, copied; NULL is "".
 * type: "iscsi" or a registered type. NULL or "": the type whose mount-point
 *      prefix mount_point begins with, the longest one if several do; the
 *      prefix of "iscsi" is "iscsi".
 * storage: receives a reference, which the caller ends with
 *      discsi_storage_put().
 * Errors: EOPNOTSUPP (no such type; the sentence lists those there are),
 * ECANCELED (the manager has ended).
 */
int discsi_storage_new(struct discsi_storage_manager *manager,
		       const char *mount_point, const char *type,
		       struct discsi_storage **storage);

/* Takes another reference, and returns the same storage. */
struct discsi_storage *discsi_storage_ref(struct discsi_storage *storage);

/*
 * Ends a reference. A storage that the manager holds by its id stays; one that
 * never got an id is unmounted as by discsi_storage_manager_free().
 * storage: taken, NULL is fine.
 */
void discsi_storage_put(struct discsi_storage *storage);

/* The storage of that id; a reference. Errors: ENOENT. */
int discsi_storage_find(struct discsi_storage_manager *manager, const char *id,
			struct discsi_storage **storage);

/*
 * All storages that have an id, by id.
 *
 * storages: receives an array of references, which
 *      discsi_storage_list_free() ends. count: its length.
 */
int discsi_storage_list(struct discsi_storage_manager *manager,
			struct discsi_storage ***storages, size_t *count);

/* Puts count references and frees the array; NULL is fine. */
void discsi_storage_list_free(struct discsi_storage **storages, size_t count);

/*
 * Names and configures a storage; the manager holds it by id from then on.
 *
 * id, name: 1 to 255 bytes of UTF-8 without control characters; name may be
 *      NULL, which is "".
 * conf: a JSON object, length bytes of it. It replaces the configuration as a
 *      whole. For type "iscsi" its members are those of discsi/conf.h and
 *
 *   device         "auto" (the default: nbd where the kernel has it and lets us,
 *                  else socket), "nbd", "/dev/nbdN", "socket", "none"
 *                  (in-process I/O only)
 *   connections    of a kernel device, 1 to 16 (1); one that is adopted keeps
 *                  those that it has. Must be 1 with "socket" and "none";
 *                  "auto" may come to a socket, which has none
 *   mount_timeout  milliseconds for all steps of a mount (30000)
 *   zone_id        what discsi_storage_zone_id() tells
 *   storagecache_id  what discsi_storage_cache_id() tells
 *
 *      of which the last two mean the same for every type. A member that is
 *      null, "" or [] is absent. Unknown members are named in a warning.
 *
 * On a mounted storage the name and the members that end in _timeout, and
 * noop_interval, may change; timeouts of a session hold from the next mount
 * on. On an error everything is as it was.
 *
 * Errors: EINVAL (a wrong type or value, with the member's path; what belongs
 * together and is not complete), EBUSY (mounted, and something else would
 * change; the member is named), EEXIST (another storage has this id), and for
 * the _file members what opening and reading the file said.
 */
int discsi_storage_set_info(struct discsi_storage *storage, const char *id,
			    const char *name, const char *conf, size_t length);

/* ----------------------------------------------------------- identity */

/* The id and the name; "" before discsi_storage_set_info(). */
int discsi_storage_id(struct discsi_storage *storage, char **text);
int discsi_storage_name(struct discsi_storage *storage, char **text);

/* The zone: that of the configuration, else the manager's, else "". */
int discsi_storage_zone_id(struct discsi_storage *storage, char **text);

/* The mount point that it was made with. */
int discsi_storage_path(struct discsi_storage *storage, char **text);

/* Its type, "iscsi". Static, or as long as the storage. */
const char *discsi_storage_type_name(const struct discsi_storage *storage);

/* False: an iSCSI disk can be reached from other hosts. */
bool discsi_storage_is_local(const struct discsi_storage *storage);

/*
 * Which image cache belongs to it. Set by the configuration, or by the second
 * function, until the next configuration that says something else. "" is none.
 */
int discsi_storage_cache_id(struct discsi_storage *storage, char **text);
int discsi_storage_set_cache_id(struct discsi_storage *storage, const char *id);

/*
 * The configuration as a JSON object, secrets masked as "***", members that
 * have no value left out, defaults written out.
 */
int discsi_storage_get_conf(struct discsi_storage *storage, char **json);

/* Where snapshots and backups are kept: always "", there are none. Static. */
const char *discsi_storage_snapshot_dir(const struct discsi_storage *storage);
const char *discsi_storage_backup_dir(const struct discsi_storage *storage);

/* What a storage can do; each bit stands for the functions of its name. */
#define DISCSI_STORAGE_CAN_MOUNT         (UINT64_C(1) << 0)
#define DISCSI_STORAGE_CAN_MEASURE       (UINT64_C(1) << 1)  /* sizes */
#define DISCSI_STORAGE_CAN_CREATE_DISK   (UINT64_C(1) << 2)
#define DISCSI_STORAGE_CAN_RESIZE_DISK   (UINT64_C(1) << 3)
#define DISCSI_STORAGE_CAN_IO            (UINT64_C(1) << 4)  /* in process */
#define DISCSI_STORAGE_CAN_CREATE_SNAPSHOT (UINT64_C(1) << 16)
#define DISCSI_STORAGE_CAN_DELETE_SNAPSHOT (UINT64_C(1) << 17)
#define DISCSI_STORAGE_CAN_LIST_SNAPSHOTS (UINT64_C(1) << 18)
#define DISCSI_STORAGE_CAN_FIND_SNAPSHOT (UINT64_C(1) << 19)
#define DISCSI_STORAGE_CAN_BACKUP        (UINT64_C(1) << 20)
#define DISCSI_STORAGE_CAN_RECOVER       (UINT64_C(1) << 21)
#define DISCSI_STORAGE_CAN_DISK_FROM_SNAPSHOT (UINT64_C(1) << 22)
#define DISCSI_STORAGE_CAN_DISK_FROM_BACKUP (UINT64_C(1) << 23)
#define DISCSI_STORAGE_CAN_DISK_FROM_PATH (UINT64_C(1) << 24)
#define DISCSI_STORAGE_CAN_CLONE         (UINT64_C(1) << 25)
#define DISCSI_STORAGE_CAN_MIGRATE_SOURCE (UINT64_C(1) << 26)
#define DISCSI_STORAGE_CAN_MIGRATE_DESTINATION (UINT64_C(1) << 27)
#define DISCSI_STORAGE_CAN_SAVE_TO_IMAGE (UINT64_C(1) << 28)
#define DISCSI_STORAGE_CAN_RECYCLE       (UINT64_C(1) << 29)

/*
 * Which of these it can do. Type "iscsi": the first four, and CAN_IO when its
 * device is "none". 0 in a child of fork().
 */
uint64_t discsi_storage_capabilities(struct discsi_storage *storage);

/* -------------------------------------------------------------- mount */

enum discsi_mount_stage {
	DISCSI_MOUNT_DISCOVERING,  /* asking the portals for their targets */
	DISCSI_MOUNT_LOGGING_IN,   /* and looking at the LUN */
	DISCSI_MOUNT_ATTACHING,    /* starting, or adopting, a bridge, and
				    * waiting for the device */
	DISCSI_MOUNT_READY
};

/* "discovering", "logging in", "attaching", "ready"; static. */
const char *discsi_mount_stage_name(enum discsi_mount_stage stage);

/* Runs on the thread that mounts, when a stage begins; it may call
 * discsi_storage_cancel() and whatever does not change the storage. */
typedef void (*discsi_mount_progress_cb)(void *arg,
					 struct discsi_storage *storage,
					 enum discsi_mount_stage stage);

struct discsi_mount_options {
	size_t size;          /* set by the caller to sizeof */
	uint32_t timeout_ms;  /* for everything; 0: mount_timeout */
	discsi_mount_progress_cb progress;  /* NULL: not told */
	void *arg;
};

/*
 * Mounts a storage and waits until its device is there. 0 at once when it is
 * mounted and what was mounted is there, or comes back by itself. A bridge
 * that already serves the LUN, of an earlier life of this agent or of another
 * one, is adopted: no second one is started, also when several agents ask at the
 * same moment. It serves until the last storage that is mounted on it, whoever's,
 * is unmounted.
 *
 * What was mounted may have gone: its bridge was killed or detached; or its
 * session, or that of the bridge, has given up, because replacement_timeout has
 * passed or the LUN came back as another disk. Then what is left of it is cleared
 * and it is made anew, of the same disk; its device path may be another one. If
 * that fails the storage stays mounted, perhaps without a device, and the next
 * mount tries it again. EBUSY is what must not be cleared: a device that is in use
 * (see discsi_storage_unmount()); a bridge that another storage is mounted on,
 * until that is unmounted or mounted again, too: the last one clears it, and the
 * others adopt the new one; a LUN that discsi_storage_lun() has handed out.
 *
 * The same disk is the one that the first mount after an unmount has found,
 * besides what expected_id says: designator, serial number, vendor and product
 * are equal, where they were told then, so is the block size, and it is not
 * smaller than it was told to be last. A disk that has neither designator nor
 * serial number must have the same revision and just this size. Of a bridge that
 * was adopted designator, serial number and sizes are known, of one of an older
 * version the size alone. Another disk is ESTALE, until an unmount, after which
 * any is accepted that expected_id does not exclude.
 *
 * With device "none" it is this process that writes. Should it die, the target
 * may still carry out what it had under way; so while a storage is mounted like
 * that, and not read-only, word of its session is in the registry
 * (discsi/bridge.h), for which it has a second descriptor. Whichever storage or
 * bridge of this host has the LUN next logs in in its place, and has the LUN
 * reset before its first I/O; a mount with "none" waits for that. Where there is
 * no registry to be had it goes without.
 *
 * Whatever fails, everything that was done until then is undone when the call
 * returns; an adopted bridge is left as it was.
 *
 * options: NULL is all defaults.
 * Errors: those of discsi_session_open() and discsi_lun_open(), of which
 * ENOENT (the portal offers no such iqn; the sentence names what it offers),
 * EACCES, ENXIO (no such LUN), ESTALE (another disk than expected_id says, or
 * than was mounted; the sentence says what was found, and what instead of);
 * those of discsi_bridge_attach(), of which EOPNOTSUPP (no kernel device to
 * be had), EBUSY (the LUN is attached in another way than configured, or what
 * has given up is in use; the sentence says by whom);
 * EINVAL (not configured, lun_id or iqn missing), ENOENT (detached),
 * ETIMEDOUT (the deadline passed; the sentence names the stage), ECANCELED.
 */
int discsi_storage_mount(struct discsi_storage *storage,
			 const struct discsi_mount_options *options);

/*
 * Ends a mount or an accessible of this storage that is under way, or waits
 * for its turn, in whatever stage: it undoes what it did and returns
 * ECANCELED. Does nothing where none is. Does not wait.
 */
void discsi_storage_cancel(struct discsi_storage *storage);

/*
 * Unmounts: the disk is flushed, the device goes, the session is logged out;
 * but a device that another storage uses, of this agent or another one, stays.
 * 0 when it is not mounted. It goes on through errors, tells the first one,
 * and leaves nothing, with one exception:
 *
 * EBUSY: the device is in use (a file system, swap, another program; the
 * sentence says where), or there is no descriptor to flush it with or to end its
 * bridge with, or the registry of bridges cannot be read. Nothing is changed
 * then, and the storage stays mounted.
 *
 * flags: 0, or DISCSI_UNMOUNT_FORCE: goes on although the device is in use.
 * Time: 60 s at most, where the target does not answer.
 */
#define DISCSI_UNMOUNT_FORCE 0x1u
int discsi_storage_unmount(struct discsi_storage *storage, unsigned flags);

/* True between a mount and an unmount that succeeded, whatever the network. */
bool discsi_storage_is_mounted(struct discsi_storage *storage);

/*
 * True when it is mounted and I/O flows: a session is logged in. False while
 * it recovers from a lost connection, which I/O waits for, and from when it has
 * given up until a mount has made it anew. Does not wait.
 */
bool discsi_storage_is_connected(struct discsi_storage *storage);

/*
 * What to open: "/dev/nbdN", or "nbd+unix:///?socket=PATH" for device
 * "socket". Errors: ENOTCONN (not mounted, or not made anew yet), EOPNOTSUPP
 * (device "none").
 */
int discsi_storage_device_path(struct discsi_storage *storage, char **path);

/*
 * Mounts the storage if it is not, as mounting does, or makes anew what has gone
 * or given up, and reads a block of it through its device.
 * What was mounted for it stays so, unless the read fails: then it is undone as
 * a mount that fails, and an adopted bridge goes on. What was mounted before
 * stays mounted.
 *
 * options: as for mounting, the deadline is for both.
 * Errors: those of mounting and reading; ETIMEDOUT, ECANCELED.
 */
int discsi_storage_accessible(struct discsi_storage *storage,
			      const struct discsi_mount_options *options);

/*
 * Unmounts as discsi_storage_unmount() does, forgets its disks, and takes it
 * out of the manager: its id is free again, also for a new storage while others
 * still have references to this one. Those stay valid, and it still tells its id
 * and configuration, but is not mounted any more (ENOENT) until
 * discsi_storage_set_info() brings it back. When unmounting is EBUSY it stays as
 * it was.
 */
int discsi_storage_detach(struct discsi_storage *storage, unsigned flags);

/* -------------------------------------------------------------- sizes */

struct discsi_storage_stat {
	size_t size;                       /* set by the caller to sizeof */
	uint64_t capacity_mb;              /* of the LUN */
	uint64_t actual_capacity_used_mb;  /* the sum of the disks' sizes */
	uint64_t mapped_mb;                /* a thin LUN: what it has allocated;
					    * else capacity_mb */
	bool has_mapped;                   /* the target told mapped_mb */
	bool thin;
};

/*
 * Asks for the sizes now, a bridge included, 2 s at most; a target that does not
 * answer has told its size before. For a thin LUN it is one question more per
 * extent of it, 5 s at most, after which has_mapped is false; behind a bridge
 * with a login of its own. Errors: ENOTCONN (not mounted), those of I/O.
 */
int discsi_storage_sync_size(struct discsi_storage *storage,
			     struct discsi_storage_stat *stat);

/* The LUN's size, and what its disks leave of it. Errors: ENOTCONN. */
int discsi_storage_capacity_mb(struct discsi_storage *storage, uint64_t *mb);
int discsi_storage_free_mb(struct discsi_storage *storage, uint64_t *mb);

/*
 * What is known, as a JSON object: id, name, storage_type, status ("online":
 * connected, else "offline"), zone, storagecache_id, path, mounted; when it is
 * mounted capacity (MiB), used, device, and for type "iscsi" target, portal,
 * lun_id, link, state, last_error, vendor, product, revision, serial, designator,
 * block_size, thin, read_only, as far as known.
 */
int discsi_storage_sync_info(struct discsi_storage *storage, char **json);

/* -------------------------------------------------------------- disks */

/*
 * A disk is a part of a storage with an id of the agent's. A LUN is one disk,
 * the whole of it.
 *
 * Makes the disk of that id known, or finds it: creating twice is fine.
 * Nothing is written.
 *
 * id: 1 to 255 bytes of UTF-8 without control characters and '/'.
 * disk: receives a reference, which the caller ends with discsi_disk_put().
 * Errors: ENOSPC (the LUN is a disk of another id already), ENOTCONN (not
 * mounted).
 */
int discsi_storage_create_disk(struct discsi_storage *storage, const char *id,
			       struct discsi_disk **disk);

/*
 * The disk of that id, after a look that it is there (discsi_disk_probe()).
 * Errors: ENOENT (not created, removed, or its device is gone), ENOTCONN.
 */
int discsi_storage_get_disk_by_id(struct discsi_storage *storage,
				  const char *id, struct discsi_disk **disk);

/* Forgets a disk; nothing is erased. Errors: ENOENT. */
int discsi_storage_remove_disk(struct discsi_storage *storage, const char *id);

/*
 * Where the disks are: the device path, each disk is the whole of it. Errors:
 * as discsi_storage_device_path().
 */
int discsi_storage_disks_path(struct discsi_storage *storage, char **path);

/* The ids of the disks; ids: an array of text, to be freed with free(), as is
 * each text. count: its length. */
int discsi_storage_list_disks(struct discsi_storage *storage, char ***ids,
			      size_t *count);

/* Another reference to a disk, and the end of one; NULL is fine for put. */
struct discsi_disk *discsi_disk_ref(struct discsi_disk *disk);
void discsi_disk_put(struct discsi_disk *disk);

/* The id; as long as the reference. */
const char *discsi_disk_id(const struct discsi_disk *disk);

/* What to open. Errors: as discsi_storage_device_path(), ENOENT (removed). */
int discsi_disk_path(struct discsi_disk *disk, char **path);

/*
 * Is the disk there: its storage is mounted, its device exists, and it reads.
 * Errors: ENOENT (removed, or the device is gone), ENOTCONN, those of I/O,
 * ETIMEDOUT (30 s).
 */
int discsi_disk_probe(struct discsi_disk *disk);

/* What is on a disk, "" where not told. */
struct discsi_disk_format {
	size_t size;        /* set by the caller to sizeof */
	char format[32];    /* "raw", or as libblkid names it: "ext4", "xfs",
			     * "LVM2_member", "gpt", "dos" */
	char usage[32];     /* "raw", "filesystem", "raid", "crypto",
			     * "partition table", "other" */
	char uuid[64];
	char label[256];
	char version[32];
};

/*
 * Reads the beginning and the end of the disk and has libblkid look at them.
 * Errors: as discsi_disk_probe(); EUCLEAN (several that contradict each
 * other).
 */
int discsi_disk_format(struct discsi_disk *disk,
		       struct discsi_disk_format *format);

/*
 * The disk as a JSON object: disk_id, storage_id, storage_type, disk_path,
 * disk_size (MiB), size (bytes), format, usage, uuid, label.
 * Errors: as discsi_disk_format().
 */
int discsi_disk_description(struct discsi_disk *disk, char **json);

/* Its size, as last taken up. Errors: ENOENT (removed), ENOTCONN. */
int discsi_disk_size(struct discsi_disk *disk, uint64_t *bytes);

/*
 * Takes up a LUN that has grown at the target, which is asked for it.
 *
 * bytes: the size wanted, 0 for whatever there is. now: receives the size
 *      after that, which is the LUN's; NULL: not wanted.
 * Errors: EOPNOTSUPP (smaller than it is), ENOSPC (larger than the LUN; what
 * it has grown by is taken up), ENOENT (removed), ENOTCONN, those of I/O,
 * ETIMEDOUT (the device has not taken it up within 30 s).
 */
int discsi_disk_resize(struct discsi_disk *disk, uint64_t bytes, uint64_t *now);

/* ----------------------------------------------------- in-process I/O */

/*
 * For device "none": whole blocks, as discsi_lun_read() and its brothers do
 * it. An unmount meanwhile ends them: what was not sent with ECANCELED, what the
 * target has with its answer, which is waited for command_timeout at most. What
 * is submitted after a mount has made anew what had given up goes there.
 *
 * flags: DISCSI_IO_FUA or 0.
 * Errors: ENOTCONN (not mounted, or not made anew yet), EOPNOTSUPP (there is a
 * device: use it), and those of discsi/lun.h.
 */
int discsi_storage_read(struct discsi_storage *storage, void *buf,
			size_t length, uint64_t offset, unsigned flags);
int discsi_storage_write(struct discsi_storage *storage, const void *buf,
			 size_t length, uint64_t offset, unsigned flags);
int discsi_storage_flush(struct discsi_storage *storage);

/*
 * The LUN itself, for asynchronous I/O on the manager's thread and all the
 * rest. Borrowed until the storage is unmounted, which the caller must prevent
 * while it uses it; so no mount makes anew what has given up once the LUN was
 * handed out, only an unmount helps then. Errors: as discsi_storage_read().
 */
int discsi_storage_lun(struct discsi_storage *storage, struct discsi_lun **lun);

/* ----------------------------------------- what block storage has not */

/*
 * Type "iscsi" answers all of these with EOPNOTSUPP and a sentence that says
 * why; discsi_storage_capabilities() tells beforehand. A registered type may
 * have them. The first text is the id of a disk.
 */
int discsi_storage_create_snapshot(struct discsi_storage *storage,
				   const char *disk_id,
				   const char *snapshot_id);
int discsi_storage_delete_snapshot(struct discsi_storage *storage,
				   const char *disk_id,
				   const char *snapshot_id);
/* ids, count: as discsi_storage_list_disks(). */
int discsi_storage_list_snapshots(struct discsi_storage *storage,
				  const char *disk_id, char ***ids,
				  size_t *count);
/* 0 when there is one, ENOENT when not. */
int discsi_storage_snapshot_exists(struct discsi_storage *storage,
				   const char *disk_id,
				   const char *snapshot_id);
/* Backs up a disk, and recovers it from a backup. */
int discsi_storage_backup(struct discsi_storage *storage, const char *disk_id,
			  const char *backup_id);
int discsi_storage_recover(struct discsi_storage *storage, const char *disk_id,
			   const char *backup_id);
/* Makes a disk with content: of a snapshot, a backup, a path that exists. */
int discsi_storage_create_disk_from_snapshot(struct discsi_storage *storage,
					     const char *disk_id,
					     const char *snapshot_id);
int discsi_storage_create_disk_from_backup(struct discsi_storage *storage,
					   const char *disk_id,
					   const char *backup_id);
int discsi_storage_create_disk_from_path(struct discsi_storage *storage,
					 const char *disk_id, const char *path);
/* Copies a disk to another id. */
int discsi_storage_clone_disk(struct discsi_storage *storage,
			      const char *disk_id, const char *new_id);
/* The two ends of a migration; peer: the other host. */
int discsi_storage_migrate_source(struct discsi_storage *storage,
				  const char *disk_id, const char *peer);
int discsi_storage_migrate_destination(struct discsi_storage *storage,
				       const char *disk_id, const char *peer);
/* Uploads a disk to the image service. */
int discsi_storage_save_to_image(struct discsi_storage *storage,
				 const char *disk_id, const char *image_id);
/* Moves a disk to the recycle bin; how: the type's business, may be NULL. */
int discsi_storage_recycle_disk(struct discsi_storage *storage,
				const char *disk_id, const char *how);

/* ------------------------------------------------------ types of storage */

/* What has a disk id and one more text: snapshots, clones and so on. */
typedef int (*discsi_storage_named_fn)(void *self, const char *disk_id,
				       const char *name);

/*
 * A type of storage. A function that is NULL is answered with EOPNOTSUPP, but
 * make, free, set_conf and get_conf may be NULL for what has nothing to do.
 *
 * self is what make() has received. Each function returns 0 or a negative
 * errno, after discsi_storage_fail() if it has a sentence to say. set_conf,
 * mount, unmount and look are never called at the same time for one storage;
 * the others at any time, from any thread. No lock is held meanwhile.
 */
struct discsi_storage_type {
	size_t size;               /* sizeof(struct discsi_storage_type) */
	const char *name;          /* of the type */
	const char *mount_prefix;  /* of its mount points; NULL: the name */
	const char *nature;        /* "NFS storage is a directory", to which a
				    * refusal adds why; NULL: the name */
	/* arg: of the registration. self: receives what is given to all. */
	int (*make)(void *arg, struct discsi_storage *storage, void **self);
	void (*free)(void *self);  /* leave() was called before */
	/* json: the whole configuration, all of its members; must change
	 * nothing on an error. is_mounted: see discsi_storage_set_info(). */
	int (*set_conf)(void *self, const char *json, bool is_mounted);
	int (*get_conf)(void *self, char **json);  /* an object, no secrets */
	int (*mount)(void *self);  /* see the four functions below */
	int (*unmount)(void *self, unsigned flags);  /* 0 and errors but
				    * EBUSY: it is unmounted afterwards */
	/* Its manager ends, or nobody has it any more: lets go of what it
	 * has in this process. NULL: it is unmounted. */
	void (*leave)(void *self);
	bool (*is_connected)(void *self);
	int (*device_path)(void *self, char **path);
	int (*look)(void *self);   /* reads a block, within the deadline */
	int (*measure)(void *self, struct discsi_storage_stat *stat);
	int (*known_bytes)(void *self, uint64_t *bytes);  /* capacity, without
				    * asking anybody; NULL: measure() */
	int (*describe)(void *self, char **json);  /* members of sync_info */
	int (*probe_disk)(void *self, const char *disk_id);
	int (*format_disk)(void *self, const char *disk_id,
			   struct discsi_disk_format *format);
	int (*disk_path)(void *self, const char *disk_id, char **path);
	int (*disk_size)(void *self, const char *disk_id, uint64_t *bytes);
	int (*resize_disk)(void *self, const char *disk_id, uint64_t bytes,
			   uint64_t *now);
	bool (*can_io)(void *self);  /* NULL: if there is a read() */
	int (*read)(void *self, void *buf, size_t length, uint64_t offset,
		    unsigned flags);
	int (*write)(void *self, const void *buf, size_t length,
		     uint64_t offset, unsigned flags);
	int (*flush)(void *self);
	int (*lun)(void *self, struct discsi_lun **lun);
	int (*list_snapshots)(void *self, const char *disk_id, char ***ids,
			      size_t *count);
	discsi_storage_named_fn create_snapshot;
	discsi_storage_named_fn delete_snapshot;
	discsi_storage_named_fn snapshot_exists;
	discsi_storage_named_fn backup;
	discsi_storage_named_fn recover;
	discsi_storage_named_fn create_disk_from_snapshot;
	discsi_storage_named_fn create_disk_from_backup;
	discsi_storage_named_fn create_disk_from_path;
	discsi_storage_named_fn clone_disk;
	discsi_storage_named_fn migrate_source;
	discsi_storage_named_fn migrate_destination;
	discsi_storage_named_fn save_to_image;
	discsi_storage_named_fn recycle_disk;
	size_t max_disks;          /* 0: any number */
	bool is_local;             /* what discsi_storage_is_local() tells */
	bool (*is_gone)(void *self);  /* what was mounted is no more, or has
				    * given up, for good: a mount calls mount()
				    * again. NULL: that does not happen */
};

/*
 * Registers a type. The table is copied, the text in it is borrowed as long as
 * the manager lives, arg is given to make().
 * Errors: EINVAL (no name, a size that is not known), EEXIST (a type of that
 * name or prefix is there).
 */
int discsi_storage_register(struct discsi_storage_manager *manager,
			    const struct discsi_storage_type *type, void *arg);

/*
 * The names of the types, "iscsi" first. names: an array that the caller frees
 * with free(), the text in it as long as the manager. count: its length.
 */
int discsi_storage_types(struct discsi_storage_manager *manager,
			 const char ***names, size_t *count);

/*
 * For the functions of a type: sets the sentence of a failure, of which the
 * storage's name becomes the beginning, and returns -errnum.
 */
int discsi_storage_fail(struct discsi_storage *storage, int errnum,
			const char *sentence);

/*
 * For mount() and look() of a type: tells the caller's progress callback; how
 * much of the deadline is left, 0 when it has passed or it was cancelled; and a
 * descriptor, borrowed until the function returns, that becomes readable when
 * it is cancelled.
 */
void discsi_storage_tell_stage(struct discsi_storage *storage,
			       enum discsi_mount_stage stage);
uint32_t discsi_storage_time_left_ms(struct discsi_storage *storage);
int discsi_storage_cancel_fd(struct discsi_storage *storage);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_STORAGE_H */
