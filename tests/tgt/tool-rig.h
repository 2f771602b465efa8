/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tool-rig.h: the command discsi against a tgtd of the test's own. One target
 * without CHAP and one that wants it both ways; what is in a LUN is looked at
 * in its backing file, not with code of ours. Test's thread.
 */
#ifndef DSC_TESTS_TOOL_RIG_H
#define DSC_TESTS_TOOL_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/target.h"
#include "harness/temp.h"

#define TARGET_OPEN "iqn.2026-11.test.tool:open"
#define TARGET_CHAP "iqn.2026-11.test.tool:chap"

/* The secrets hold what URLs and shells make something of. */
#define CHAP_USER "joe"
#define CHAP_SECRET "canary%41@9/:x"
#define MUTUAL_USER "san"
#define MUTUAL_SECRET "canaryB@ck%12"

#define MIB UINT64_C(1048576)

/* The fixture: the targets without LUNs, and a registry of its own. */
int rig_setup(void);
void rig_teardown(void);

/* Without targets: the registry, and which discsi-nbd is started. */
void rig_environment(void);

struct dsc_tgtd *rig_tgtd(void);

/* "iscsi://127.0.0.1:PORT/IQN", and "/LUN" unless it is -1. To be freed. */
char *rig_url(const char *iqn, int lun);

/* The same for a setup, where nothing is asserted: NULL without memory. */
char *rig_setup_url(const char *iqn, int lun);

/* The same with CHAP credentials. */
char *rig_url_chap(const char *user, const char *secret, int lun);

/*
 * Adds a LUN to TARGET_OPEN, over a file that is fill all over; bytes are a
 * multiple of 64 KiB. 0 or -1; also for a setup, where nothing is asserted.
 */
int rig_add_lun(int lun, uint64_t bytes, unsigned block_size, unsigned flags,
		unsigned char fill);

/* Writes over the whole backing file of a LUN of TARGET_OPEN. */
void rig_refill_lun(int lun, uint64_t bytes, unsigned char fill);

/*
 * Runs "discsi ARGS…" (ended by NULL) and expects an exit status. The result
 * is freed with dsc_run_free().
 */
#define rig_run(result, status, ...) \
	rig_run_args(result, status, (const char *const[]){ "./discsi", \
		     __VA_ARGS__, NULL })
void rig_run_args(struct dsc_run_result *result, int status,
		  const char *const argv[]);

/* Runs it, expects success, and gives the JSON it prints; NULL: none. */
#define rig_json(...) \
	rig_json_args((const char *const[]){ "./discsi", __VA_ARGS__, \
		      "--json", NULL })
struct json_object *rig_json_args(const char *const argv[]);

/* Runs it with --json and expects this failure, with words in its message. */
#define rig_fails(errno_name, words, ...) \
	rig_fails_args(errno_name, words, (const char *const[]){ \
		       "./discsi", __VA_ARGS__, "--json", NULL })
void rig_fails_args(const char *errno_name, const char *words,
		    const char *const argv[]);

/* Members of a JSON object; "" and 0 for what is not there. */
const char *rig_text(struct json_object *object, const char *name);
uint64_t rig_number(struct json_object *object, const char *name);

/* Expects that a file, or a part of it, has this and nothing else. */
void rig_expect_fill(const char *path, uint64_t offset, uint64_t length,
		     unsigned char fill);

/* Expects that two files have the same first length bytes. */
void rig_expect_same(const char *a, const char *b, uint64_t length);

/* Makes a file of that many bytes that differ from one another. To be freed. */
char *rig_make_file(const char *name, uint64_t bytes);

#endif /* DSC_TESTS_TOOL_RIG_H */
