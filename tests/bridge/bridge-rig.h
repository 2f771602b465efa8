/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge-rig.h: discsi-nbd on a LUN of the rig's tgtd (tgt/tool-rig.h), as a
 * process of its own that a test starts, asks with clients that are not ours,
 * and ends. What is in the LUN is looked at in its backing file. Test's thread.
 */
#ifndef DSC_TESTS_BRIDGE_RIG_H
#define DSC_TESTS_BRIDGE_RIG_H

#include <stdbool.h>
#include <sys/types.h>

#include "tgt/tool-rig.h"

#define BRIDGE_BYTES (64 * MIB)
#define BRIDGE_ID(lun) TARGET_OPEN "-lun-" lun

/* rig_setup(), and LUN 1 of TARGET_OPEN: thin, its first quarter 0x5a. */
int bridge_setup(void);

/* Runs "discsi-nbd --fork --json ARGS…" and gives what it prints. */
#define bridge_start(...) \
	rig_json_args((const char *const[]){ "./discsi-nbd", "--fork", \
		      "--json", __VA_ARGS__, NULL })

/* Runs it and expects this failure, with words in its message. */
#define bridge_fails(errno_name, words, ...) \
	rig_fails_args(errno_name, words, (const char *const[]){ \
		       "./discsi-nbd", "--fork", "--json", __VA_ARGS__, NULL })

/* The process that serves an id, from its lock file; 0 when there is none. */
pid_t bridge_pid(const char *id);

/* True when a file of the registry is there, and nobody has its lock. */
bool bridge_is_unlocked(const char *id, const char *suffix);

/* The same of the lock that a process has left. */
bool bridge_is_dead(const char *id);

/* The worker that its state file names; 0 while there is none. */
pid_t bridge_worker(const char *id);

/* Sends SIGTERM and waits until it has removed all it made. */
void bridge_stop(const char *id);

/* Waits until a bridge has removed its lock. */
bool bridge_wait_gone(const char *id, unsigned timeout_ms);

/* The path of a file of the registry, to be freed. */
char *bridge_file(const char *id, const char *suffix);

/* True when the registry holds nothing at all. */
bool bridge_is_nothing_left(void);

/*
 * What a bridge leaves that was killed, or ended with a write that had no answer,
 * is removed; false when it was not there.
 */
bool bridge_forget_owed(const char *id);

/* Expects that of what was dead this is left, else nothing. */
void bridge_expect_nothing(const char *id, bool was_dead);

/* "nbd+unix:///?socket=PATH" and qemu's "nbd:unix:PATH", to be freed. */
char *bridge_uri(const char *path);
char *bridge_qemu_uri(const char *path);

/* The path of a script in tests/bridge, to be freed. */
char *bridge_script(const char *name);

/* Expects that a program of another project succeeds; 120 s at most. */
#define bridge_client(...) \
	bridge_client_args((const char *const[]){ __VA_ARGS__, NULL })
void bridge_client_args(const char *const argv[]);

#endif /* DSC_TESTS_BRIDGE_RIG_H */
