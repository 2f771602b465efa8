/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-attempt.c: see login-attempt.h.
 */
#include "login-attempt.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

struct attempt at;

static void on_login(void *arg, const struct dsc_login_result *result)
{
	(void)arg;
	at.calls++;
	at.result = *result;
	at.login = NULL;
}

static void on_log(void *arg, enum discsi_log_level level,
		   const char *component, const char *message)
{
	size_t used = strlen(at.log);

	(void)arg;
	(void)level;
	snprintf(at.log + used, sizeof(at.log) - used, "%s: %s\n", component,
		 message);
}

void prepare_attempt(void)
{
	static const uint8_t isid[6] = { 0x80, 1, 2, 3, 4, 5 };

	memset(&at, 0, sizeof(at));
	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&at.ctx), 0);
	discsi_context_set_log(at.ctx, on_log, NULL, DISCSI_LOG_DEBUG);
	at.request = (struct dsc_login_request){
		.initiator_name = "iqn.2026-01.test:i",
		.target_name = "iqn.2026-01.test:t",
		.timeout_ms = WAIT_MS,
	};
	memcpy(at.request.isid, isid, sizeof(isid));
	at.result.fd = -1;
}

void use_target(void)
{
	at.request.address = (const struct sockaddr *)&at.target.address;
	at.request.address_length = at.target.address_length;
	at.request.portal = at.target.portal;
}

void open_target(const struct login_step *steps, size_t nsteps)
{
	prepare_attempt();
	CU_ASSERT_TRUE_FATAL(login_target_start(&at.target, AF_INET, steps,
						nsteps));
	use_target();
}

void use_chap(void)
{
	dsc_secret_set(&at.password, SECRET, strlen(SECRET));
	at.request.username = "u";
	at.request.password = &at.password;
}

void use_mutual_chap(void)
{
	use_chap();
	dsc_secret_set(&at.target_password, TARGET_SECRET,
		       strlen(TARGET_SECRET));
	at.request.target_username = "tu";
	at.request.target_password = &at.target_password;
	at.target.target_secret = TARGET_SECRET;
}

int try_start(struct discsi_error *error)
{
	int rc = dsc_login_start(at.ctx, &at.request, on_login, NULL,
				 &at.login, error);

	CU_ASSERT_EQUAL(at.calls, 0);
	return rc;
}

void start_attempt(void)
{
	struct discsi_error error;

	CU_ASSERT_EQUAL_FATAL(try_start(&error), 0);
}

void run(void)
{
	uint64_t deadline = dsc_clock_now_ns() + WAIT_MS * DSC_NS_PER_MS;

	start_attempt();
	for (; at.calls == 0 && dsc_clock_now_ns() < deadline; at.turns++)
		discsi_context_dispatch(at.ctx, 100);
	CU_ASSERT_EQUAL_FATAL(at.calls, 1);
}

/* No secret has got into anything that a person may read. */
static void assert_no_canary(void)
{
	CU_ASSERT_PTR_NULL(strstr(at.log, "canary"));
	CU_ASSERT_PTR_NULL(strstr(at.result.error.message, "canary"));
}

void close_context(void)
{
	if (at.result.fd >= 0)
		close(at.result.fd);
	discsi_context_destroy(at.ctx);
	dsc_secret_clear(&at.password);
	dsc_secret_clear(&at.target_password);
	assert_no_canary();
}

void close_target(void)
{
	close_context();
	login_target_stop(&at.target);
}

void assert_failed(int errnum, const char *words)
{
	CU_ASSERT_EQUAL(at.result.status, -errnum);
	CU_ASSERT_EQUAL(at.result.error.errnum, errnum);
	CU_ASSERT_EQUAL(at.result.fd, -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(at.result.error.message, words));
	if (strstr(at.result.error.message, words) == NULL)
		dsc_test_note("message: %s", at.result.error.message);
}

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}
