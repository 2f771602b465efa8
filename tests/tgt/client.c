/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * client.c: see client.h. The log callback runs on the context's thread, the
 * rest on the test's.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "harness/process.h"
#include "tgt/client.h"

#define WAIT_MS 30000

/* Secrets that the library has let out, over the whole program. */
static atomic_uint leaks;

static void on_log(void *arg, enum discsi_log_level level,
		   const char *component, const char *message)
{
	(void)arg;
	(void)level;
	(void)component;
	if (strstr(message, "canary"))
		atomic_fetch_add(&leaks, 1);
}

/* ------------------------------------------------------------ life of one */

void client_begin(struct client *c, const char *portal, const char *iqn)
{
	memset(c, 0, sizeof(*c));
	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&c->ctx), 0);
	discsi_context_set_log(c->ctx, on_log, NULL, DISCSI_LOG_DEBUG);
	CU_ASSERT_EQUAL_FATAL(discsi_conf_new(&c->conf), 0);
	client_set(c, "portal", portal);
	client_set(c, "initiator_name", "iqn.2026-11.test:initiator");
	if (iqn)
		client_set(c, "iqn", iqn);
}

void client_set(struct client *c, const char *member, const char *value)
{
	int rc = discsi_conf_set(c->conf, member, value);

	CU_ASSERT_EQUAL(rc, 0);
	if (rc != 0)
		dsc_test_note("%s: %s", member, discsi_last_error()->message);
}

void client_set_chap(struct client *c, const char *user, const char *secret,
		     const char *mutual_user, const char *mutual_secret)
{
	client_set(c, "username", user);
	client_set(c, "password", secret);
	client_set(c, "target_username", mutual_user);
	client_set(c, "target_password", mutual_secret);
}

void client_start(struct client *c)
{
	CU_ASSERT_EQUAL(discsi_context_start(c->ctx), 0);
	c->is_threaded = true;
}

int client_login(struct client *c)
{
	return discsi_session_open(c->ctx, c->conf, &c->session);
}

static bool is_fine(int rc)
{
	CU_ASSERT_EQUAL(rc, 0);
	if (rc != 0)
		dsc_test_note("%s: %s", discsi_errno_name(rc),
			      discsi_last_error()->message);
	return rc == 0;
}

bool client_open(struct client *c, uint64_t lun)
{
	if (!c->session && !is_fine(client_login(c)))
		return false;
	if (!is_fine(discsi_lun_open(c->session, lun, &c->lun)))
		return false;
	memset(&c->info, 0, sizeof(c->info));
	c->info.size = sizeof(c->info);
	return is_fine(discsi_lun_get_info(c->lun, &c->info));
}

struct discsi_session_info client_session_info(const struct client *c)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	CU_ASSERT_EQUAL(discsi_session_get_info(c->session, &info), 0);
	return info;
}

void client_logout(struct client *c)
{
	discsi_lun_close(c->lun);
	discsi_session_close(c->session);
	c->lun = NULL;
	c->session = NULL;
}

void client_end(struct client *c)
{
	client_logout(c);
	discsi_conf_free(c->conf);
	discsi_context_destroy(c->ctx);
	memset(c, 0, sizeof(*c));
	CU_ASSERT_EQUAL(atomic_load(&leaks), 0);
}

/* --------------------------------------------------------------- failures */

void expect_error(const struct discsi_error *error,
		  const struct failure *expected)
{
	bool is_right = error->errnum == expected->errnum &&
			error->login_class == expected->login_class &&
			error->login_detail == expected->login_detail &&
			!strstr(error->message, "canary");
	size_t i;

	for (i = 0; i < 4 && expected->words[i]; i++)
		is_right = is_right &&
			   strstr(error->message, expected->words[i]);
	CU_ASSERT_TRUE(is_right);
	if (is_right)
		return;
	dsc_test_note("expected %s (%d/%d) with \"%s\"",
		      discsi_errno_name(expected->errnum),
		      expected->login_class, expected->login_detail,
		      expected->words[0] ? expected->words[0] : "");
	dsc_test_note("but it is %s (%d/%d): %s",
		      discsi_errno_name(error->errnum), error->login_class,
		      error->login_detail, error->message);
}

void expect_failure(int rc, const struct failure *expected)
{
	CU_ASSERT_EQUAL(rc, -expected->errnum);
	if (rc >= 0)
		dsc_test_note("expected %s, but it has worked",
			      discsi_errno_name(expected->errnum));
	else
		expect_error(discsi_last_error(), expected);
}

/* ----------------------------------------------------------- asynchronous */

void pending_init(struct pending *p, struct client *c)
{
	pthread_condattr_t attributes;

	memset(p, 0, sizeof(*p));
	p->client = c;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

void pending_fini(struct pending *p)
{
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
}

void pending_add(struct pending *p)
{
	pthread_mutex_lock(&p->lock);
	p->count++;
	pthread_mutex_unlock(&p->lock);
}

void pending_done(void *arg, int result, const struct discsi_error *error)
{
	struct pending *p = arg;

	pthread_mutex_lock(&p->lock);
	p->count--;
	if (result != 0) {
		p->failed++;
		p->result = result;
		p->error = *error;
	}
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static bool wait_driven(struct pending *p, unsigned count)
{
	unsigned long long end = dsc_now_ms() + WAIT_MS;
	struct pollfd fd = {
		.fd = discsi_context_fd(p->client->ctx), .events = POLLIN
	};

	while (p->count > count && dsc_now_ms() < end) {
		if (poll(&fd, 1, 1000) > 0)
			CU_ASSERT_EQUAL(discsi_context_dispatch(p->client->ctx,
								0), 0);
	}
	return p->count <= count;
}

static bool wait_threaded(struct pending *p, unsigned count)
{
	struct timespec end;
	bool is_done;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WAIT_MS / 1000;
	pthread_mutex_lock(&p->lock);
	while (p->count > count && rc == 0)
		rc = pthread_cond_timedwait(&p->changed, &p->lock, &end);
	is_done = p->count <= count;
	pthread_mutex_unlock(&p->lock);
	return is_done;
}

bool pending_wait(struct pending *p, unsigned count)
{
	if (p->client->is_threaded)
		return wait_threaded(p, count);
	return wait_driven(p, count);
}
