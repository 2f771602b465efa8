/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-login.c: the login, without authentication, and SendTargets. A login with
 * the ISID of a session that is there reinstates it (RFC 7143 section 6.3.5).
 * With sim->lock held.
 */
#include "simtarget/sim-internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
	char pairs[4096];
	size_t length;
};

static void add_pair(struct text *text, const char *key, const char *format,
		     ...) __attribute__((format(printf, 3, 4)));

static void add_pair(struct text *text, const char *key, const char *format,
		     ...)
{
	char value[256];
	va_list args;
	int n;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	n = snprintf(text->pairs + text->length,
		     sizeof(text->pairs) - text->length, "%s=%s", key, value);
	text->length += (size_t)n + 1;
}

/* The value of a key, or NULL. */
static const char *find_key(const char *pairs, size_t length, const char *key)
{
	size_t n = strlen(key);
	size_t at = 0;

	while (at < length) {
		size_t pair = strnlen(pairs + at, length - at);

		if (pair > n && memcmp(pairs + at, key, n) == 0 &&
		    pairs[at + n] == '=' && at + pair < length)
			return pairs + at + n + 1;
		at += pair + 1;
	}
	return NULL;
}

static unsigned portal_group(const struct sim_conn *conn)
{
	return conn->sim->config.own_portal_groups ? conn->portal + 1 : 1;
}

/* ------------------------------------------------------------------ nexus */

static struct sim_nexus *find_nexus(struct sim *sim, const char *name,
				    const uint8_t *isid)
{
	struct dsc_list *link;

	for (link = sim->nexuses.next; link != &sim->nexuses;
	     link = link->next) {
		struct sim_nexus *nexus =
			dsc_container_of(link, struct sim_nexus, link);

		if (strcmp(nexus->name, name) == 0 &&
		    memcmp(nexus->isid, isid, 6) == 0)
			return nexus;
	}
	return NULL;
}

static void join_nexus(struct sim_conn *conn, const uint8_t *isid)
{
	struct sim *sim = conn->sim;
	struct sim_nexus *nexus = conn->nexus;
	struct sim_nexus *known = find_nexus(sim, nexus->name, isid);

	memcpy(nexus->isid, isid, 6);
	memcpy(sim->last_isid, isid, 6);
	if (known == NULL) {
		dsc_list_append(&sim->nexuses, &nexus->link);
		nexus->conn = conn;
		return;
	}
	free(nexus);
	conn->nexus = known;
	if (sim->reinstates)
		sim_tasks_end(sim, known);
	if (known->conn != NULL) {
		known->conn->is_dead = true;
		sim->is_stirred = true;
	}
	known->conn = conn;
}

/* ------------------------------------------------------------------ login */

static void refuse(struct sim_conn *conn, const uint8_t *request, uint8_t class,
		   uint8_t detail, const struct text *text)
{
	uint8_t bhs[BHS] = { 0x23 };

	memcpy(bhs + 8, request + 8, 6);
	memcpy(bhs + 16, request + 16, 4);
	bhs[36] = class;
	bhs[37] = detail;
	sim_conn_send(conn, SIM_PDU_LOGIN, bhs, text == NULL ? NULL :
		      text->pairs, text == NULL ? 0 : (uint32_t)text->length,
		      false, true);
	conn->is_doomed = true;
}

/* True when the login ends here. */
static bool is_refused(struct sim_conn *conn, const uint8_t *request)
{
	struct sim *sim = conn->sim;
	struct sim_portal_state *portal = &sim->portal[conn->portal];
	struct text text = { .length = 0 };

	if (sim->login_count != 0) {
		if (sim->login_count > 0)
			sim->login_count--;
		refuse(conn, request, sim->login_class, sim->login_detail,
		       NULL);
		return true;
	}
	if (conn->is_astray) {
		refuse(conn, request, 2, 3, NULL);
		return true;
	}
	if (portal->redirect[0] == '\0' || conn->is_discovery)
		return false;
	add_pair(&text, "TargetAddress", "%s,1", portal->redirect);
	refuse(conn, request, 1, portal->is_permanent ? 2 : 1, &text);
	return true;
}

static void add_operational(struct sim_conn *conn, struct text *text,
			    const char *pairs, size_t length)
{
	const struct sim_config *config = &conn->sim->config;
	const char *digest = find_key(pairs, length, "HeaderDigest");
	const char *max = find_key(pairs, length, "MaxRecvDataSegmentLength");

	if (max != NULL)
		conn->max_send = (uint32_t)strtoul(max, NULL, 10);
	if (digest != NULL) {
		conn->has_digest = config->header_digest &&
				   strstr(digest, "CRC32C") != NULL;
		add_pair(text, "HeaderDigest", "%s",
			 conn->has_digest ? "CRC32C" : "None");
	}
	if (find_key(pairs, length, "DataDigest") != NULL)
		add_pair(text, "DataDigest", "None");
	add_pair(text, "MaxRecvDataSegmentLength", "%u", config->max_recv);
	if (conn->is_discovery || max == NULL)
		return;
	add_pair(text, "InitialR2T", config->initial_r2t ? "Yes" : "No");
	add_pair(text, "ImmediateData",
		 config->no_immediate_data ? "No" : "Yes");
	add_pair(text, "MaxBurstLength", "%u", config->max_burst);
	add_pair(text, "FirstBurstLength", "%u", config->first_burst);
	add_pair(text, "MaxConnections", "1");
	add_pair(text, "MaxOutstandingR2T", "1");
	add_pair(text, "DefaultTime2Wait", "2");
	add_pair(text, "DefaultTime2Retain", "0");
	add_pair(text, "ErrorRecoveryLevel", "0");
	add_pair(text, "DataPDUInOrder", "Yes");
	add_pair(text, "DataSequenceInOrder", "Yes");
}

/* Who it is, out of the first request. False: it does not say. */
static bool begin_login(struct sim_conn *conn, const char *pairs, size_t length)
{
	const char *name = find_key(pairs, length, "InitiatorName");
	const char *type = find_key(pairs, length, "SessionType");
	const char *target = find_key(pairs, length, "TargetName");

	if (conn->nexus != NULL)
		return true;
	if (name == NULL)
		return false;
	conn->is_discovery = type != NULL && strcmp(type, "Discovery") == 0;
	conn->is_astray = !conn->is_discovery &&
			  (target == NULL || strcmp(target, SIM_IQN) != 0);
	conn->nexus = calloc(1, sizeof(*conn->nexus));
	if (conn->nexus == NULL)
		return false;
	dsc_list_init(&conn->nexus->link);
	snprintf(conn->nexus->name, sizeof(conn->nexus->name), "%s%s",
		 conn->is_discovery ? "discovery:" : "", name);
	return true;
}

void sim_login_pdu(struct sim_conn *conn, const uint8_t *bhs,
		   const uint8_t *data, uint32_t length)
{
	const char *pairs = (const char *)data;
	struct text text = { .length = 0 };
	uint8_t reply[BHS] = { 0x23 };
	unsigned stage = bhs[1] >> 2 & 3;
	bool is_over = (bhs[1] & 0x80) != 0 && (bhs[1] & 3) == 3;

	if ((bhs[0] & 0x3f) != 0x03 || !begin_login(conn, pairs, length)) {
		conn->is_dead = true;
		return;
	}
	conn->exp_cmd_sn = dsc_get_be32(bhs + 24);
	if (is_refused(conn, bhs))
		return;
	if (is_over && conn->sim->portal[conn->portal].withholds)
		return;
	if (stage == 0)
		add_pair(&text, "AuthMethod", "None");
	add_pair(&text, "TargetPortalGroupTag", "%u", portal_group(conn));
	if (stage == 1)
		add_operational(conn, &text, pairs, length);
	reply[1] = bhs[1] & 0x8f;
	memcpy(reply + 8, bhs + 8, 6);
	memcpy(reply + 16, bhs + 16, 4);
	if (is_over)
		dsc_put_be16(reply + 14, (uint16_t)conn->number);
	sim_conn_send(conn, SIM_PDU_LOGIN, reply, text.pairs,
		      (uint32_t)text.length, false, true);
	if (!is_over)
		return;
	join_nexus(conn, bhs + 8);
	conn->is_logged_in = true;
	conn->sim->logins += !conn->is_discovery;
}

/* -------------------------------------------------------------------- text */

void sim_text_pdu(struct sim_conn *conn, const uint8_t *request)
{
	struct text text = { .length = 0 };
	uint8_t bhs[BHS] = { 0x24, 0x80 };
	unsigned i;

	if ((request[0] & 0x40) == 0)
		conn->exp_cmd_sn++;
	add_pair(&text, "TargetName", SIM_IQN);
	for (i = 0; i < conn->sim->config.portals; i++)
		add_pair(&text, "TargetAddress", "%s,%u",
			 conn->sim->portal[i].text,
			 conn->sim->config.own_portal_groups ? i + 1 : 1);
	memcpy(bhs + 16, request + 16, 4);
	memset(bhs + 20, 0xff, 4);
	sim_conn_send(conn, SIM_PDU_ANY, bhs, text.pairs, (uint32_t)text.length,
		      false, true);
}
