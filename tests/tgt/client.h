/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * client.h: an agent in miniature for the tests against real targets: a
 * context, a configuration, a session and a LUN, through the public interface
 * alone. Whatever the library logs or says is searched for secrets: those of
 * the tests have "canary" in them. Test's thread.
 */
#ifndef DSC_TESTS_TGT_CLIENT_H
#define DSC_TESTS_TGT_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <discsi/discsi.h>

#include "harness/harness.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

struct client {
	struct discsi_context *ctx;
	struct discsi_conf *conf;
	struct discsi_session *session;
	struct discsi_lun *lun;
	struct discsi_lun_info info;
	bool is_threaded;
};

/*
 * Makes a context and a configuration with these members; iqn may be NULL.
 * What fails has been reported to CUnit; client_end() is due in any case.
 */
void client_begin(struct client *c, const char *portal, const char *iqn);

/* Sets a member of the configuration. */
void client_set(struct client *c, const char *member, const char *value);

/* Username and password, and the target's unless those are NULL. */
void client_set_chap(struct client *c, const char *user, const char *secret,
		     const char *mutual_user, const char *mutual_secret);

/* Makes the context threaded. */
void client_start(struct client *c);

/* Logs in; the outcome is the test's to judge. */
int client_login(struct client *c);

/* Logs in if it has not, and opens a LUN; false if that fails. */
bool client_open(struct client *c, uint64_t lun);

/* What the session has settled. */
struct discsi_session_info client_session_info(const struct client *c);

/* Logs out; the configuration stays for another login. */
void client_logout(struct client *c);

/* Closes and frees all there is. */
void client_end(struct client *c);

/* --------------------------------------------------------------- failures */

/* A failure as a user is to see it. */
struct failure {
	int errnum;
	int login_class;          /* -1: none */
	int login_detail;
	const char *words[4];     /* parts of the sentence, until a NULL */
};

/* Expects that rc is this failure, and that the last error says so. */
void expect_failure(int rc, const struct failure *expected);

/* The same for an error that a callback was given. */
void expect_error(const struct discsi_error *error,
		  const struct failure *expected);

/* ----------------------------------------------------------- asynchronous */

/* Requests under way; what their callbacks and the test share. */
struct pending {
	struct client *client;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned count;            /* not yet completed */
	unsigned failed;
	int result;                /* of the last one that failed */
	struct discsi_error error; /* the same */
};

void pending_init(struct pending *p, struct client *c);

/* One more will complete; before the call that submits it. */
void pending_add(struct pending *p);

/* A discsi_done_cb for a struct pending. */
void pending_done(void *arg, int result, const struct discsi_error *error);

/*
 * Waits until at most count are under way, as an agent would: it polls the
 * context's descriptor, or sleeps while the context's thread works. False
 * after 30 s.
 */
bool pending_wait(struct pending *p, unsigned count);

void pending_fini(struct pending *p);

#endif /* DSC_TESTS_TGT_CLIENT_H */
