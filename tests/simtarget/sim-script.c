/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-script.c: what tests call to have the target misbehave, and to learn what
 * has happened. Any thread.
 */
#include "simtarget/sim-internal.h"

#include <stdio.h>
#include <string.h>

static void lock(struct sim *sim)
{
	pthread_mutex_lock(&sim->lock);
}

/* What was queued leaves at the loop's next turn. */
static void unlock(struct sim *sim)
{
	pthread_mutex_unlock(&sim->lock);
	sim_wake(sim);
}

static void drop_all(struct sim *sim)
{
	struct dsc_list *link;

	for (link = sim->conns.next; link != &sim->conns; link = link->next)
		dsc_container_of(link, struct sim_conn, link)->is_dead = true;
}

/* ------------------------------------------------------------------- disks */

void sim_peek(struct sim *sim, unsigned lun, uint64_t offset, void *data,
	      size_t length)
{
	lock(sim);
	memcpy(data, sim->disk[lun].data + offset, length);
	unlock(sim);
}

void sim_poke(struct sim *sim, unsigned lun, uint64_t offset, const void *data,
	      size_t length)
{
	lock(sim);
	memcpy(sim->disk[lun].data + offset, data, length);
	if (sim->disk[lun].durable != NULL)
		memcpy(sim->disk[lun].durable + offset, data, length);
	unlock(sim);
}

void sim_power_cut(struct sim *sim)
{
	unsigned i;

	lock(sim);
	drop_all(sim);
	sim_tasks_end(sim, NULL);
	for (i = 0; i < sim->config.luns; i++)
		sim_disk_lose(&sim->disk[i]);
	sim_add_ua(sim, SIM_ANY, 0x29, 0x01);
	unlock(sim);
}

void sim_resize(struct sim *sim, unsigned lun, uint64_t blocks)
{
	lock(sim);
	sim->disk[lun].blocks = blocks;
	sim_add_ua(sim, (int)lun, 0x2a, 0x09);
	unlock(sim);
}

void sim_resize_silently(struct sim *sim, unsigned lun, uint64_t blocks)
{
	lock(sim);
	sim->disk[lun].blocks = blocks;
	unlock(sim);
}

void sim_tell_block_size(struct sim *sim, uint32_t block_size)
{
	lock(sim);
	sim->told_block_size = block_size;
	sim_add_ua(sim, SIM_ANY, 0x2a, 0x09);
	unlock(sim);
}

void sim_swap_identity(struct sim *sim, unsigned lun, const char *serial,
		       bool tells)
{
	lock(sim);
	snprintf(sim->disk[lun].serial, sizeof(sim->disk[lun].serial), "%s",
		 serial);
	if (tells)
		sim_add_ua(sim, (int)lun, 0x3f, 0x03);
	unlock(sim);
}

void sim_set_present(struct sim *sim, unsigned lun, bool is_present)
{
	unsigned i;

	lock(sim);
	sim->disk[lun].is_absent = !is_present;
	for (i = 0; i < sim->config.luns; i++)
		if (i != lun)
			sim_add_ua(sim, (int)i, 0x3f, 0x0e);
	unlock(sim);
}

void sim_unit_attention(struct sim *sim, int lun, uint8_t asc, uint8_t ascq)
{
	lock(sim);
	sim_add_ua(sim, lun, asc, ascq);
	unlock(sim);
}

void sim_set_task_set(struct sim *sim, unsigned depth)
{
	lock(sim);
	sim->task_set = depth;
	unlock(sim);
}

/* ------------------------------------------------------------------ counts */

static size_t read_count(struct sim *sim, const void *number, size_t size)
{
	size_t value = 0;

	pthread_mutex_lock(&sim->lock);
	memcpy(&value, number, size);
	pthread_mutex_unlock(&sim->lock);
	return value;
}

size_t sim_count(struct sim *sim, int opcode)
{
	size_t count = 0;
	unsigned i;

	pthread_mutex_lock(&sim->lock);
	for (i = 0; i < 256; i++)
		if (opcode == SIM_ANY || opcode == (int)i)
			count += sim->count[i];
	pthread_mutex_unlock(&sim->lock);
	return count;
}

#define COUNT(name, member) \
	unsigned name(struct sim *sim) \
	{ \
		return (unsigned)read_count(sim, &sim->member, \
					    sizeof(sim->member)); \
	}
COUNT(sim_connections, connections)
COUNT(sim_logins, logins)
COUNT(sim_pings, pings)
COUNT(sim_pongs, pongs)
COUNT(sim_held, held_count)
COUNT(sim_rules_applied, applied)

unsigned sim_managements(struct sim *sim, unsigned function)
{
	return (unsigned)read_count(sim, &sim->managed[function & 0xf],
				    sizeof(sim->managed[0]));
}

void sim_isid(struct sim *sim, uint8_t isid[6])
{
	pthread_mutex_lock(&sim->lock);
	memcpy(isid, sim->last_isid, 6);
	pthread_mutex_unlock(&sim->lock);
}

bool sim_dropped(struct sim *sim)
{
	return read_count(sim, &sim->has_dropped, sizeof(bool)) != 0;
}

/* ---------------------------------------------------------------- commands */

void sim_rule(struct sim *sim, const struct sim_rule *rule)
{
	lock(sim);
	if (sim->rules < SIM_RULES_MAX) {
		sim->rule_seen[sim->rules] = 0;
		sim->rule_used[sim->rules] = 0;
		sim->rule[sim->rules++] = *rule;
	}
	unlock(sim);
}

void sim_status(struct sim *sim, int opcode, uint8_t status, unsigned every)
{
	const struct sim_rule rule = {
		.opcode = opcode, .lun = SIM_ANY, .every = every,
		.action = SIM_STATUS, .status = status,
	};

	sim_rule(sim, &rule);
}

void sim_clear_rules(struct sim *sim)
{
	lock(sim);
	sim->rules = 0;
	unlock(sim);
}

void sim_release(struct sim *sim)
{
	lock(sim);
	sim_tasks_release(sim);
	unlock(sim);
}

void sim_set_reinstatement(struct sim *sim, bool works)
{
	lock(sim);
	sim->reinstates = works;
	unlock(sim);
}

void sim_answer_later(struct sim *sim)
{
	lock(sim);
	sim_management_release(sim);
	unlock(sim);
}

void sim_set_management(struct sim *sim, unsigned function, uint8_t response)
{
	lock(sim);
	sim->management[function & 0xf] = response;
	unlock(sim);
}

/* ------------------------------------------------------------- connections */

void sim_drop_at(struct sim *sim, enum sim_pdu pdu, enum sim_where where,
		 unsigned n)
{
	lock(sim);
	sim->drop_pdu = pdu;
	sim->drop_where = where;
	sim->drop_in = n;
	sim->has_dropped = false;
	unlock(sim);
}

void sim_shut_window(struct sim *sim)
{
	struct dsc_list *link;

	lock(sim);
	for (link = sim->conns.next; link != &sim->conns; link = link->next)
		dsc_container_of(link, struct sim_conn, link)->is_shut = true;
	unlock(sim);
}

void sim_drop_all(struct sim *sim)
{
	lock(sim);
	drop_all(sim);
	unlock(sim);
}

void sim_mute(struct sim *sim, unsigned portal, bool is_mute)
{
	lock(sim);
	sim->portal[portal].is_mute = is_mute;
	unlock(sim);
}

void sim_login_delay(struct sim *sim, unsigned ms)
{
	lock(sim);
	sim->login_delay_ms = ms;
	unlock(sim);
}

void sim_corrupt_digest(struct sim *sim, unsigned n)
{
	lock(sim);
	sim->corrupt_in = n;
	unlock(sim);
}

void sim_withhold_login(struct sim *sim, unsigned portal, bool withholds)
{
	lock(sim);
	sim->portal[portal].withholds = withholds;
	unlock(sim);
}

void sim_ignore_logout(struct sim *sim, unsigned portal, bool ignores)
{
	lock(sim);
	sim->portal[portal].keeps = ignores;
	unlock(sim);
}

void sim_freeze(struct sim *sim, unsigned ms)
{
	lock(sim);
	sim->frozen_until_ns = ms == 0 ? 0 : sim_now_ns() + ms * 1000000ull;
	unlock(sim);
}

void sim_kill(struct sim *sim)
{
	unsigned i;

	for (i = 0; i < sim->config.portals; i++)
		sim_refuse(sim, i, true);
	lock(sim);
	drop_all(sim);
	sim_tasks_end(sim, NULL);
	unlock(sim);
}

void sim_restart(struct sim *sim)
{
	unsigned i;

	lock(sim);
	sim_add_ua(sim, SIM_ANY, 0x29, 0x01);
	unlock(sim);
	for (i = 0; i < sim->config.portals; i++)
		sim_refuse(sim, i, false);
}

void sim_login_status(struct sim *sim, uint8_t class, uint8_t detail,
		      unsigned count)
{
	lock(sim);
	sim->login_class = class;
	sim->login_detail = detail;
	sim->login_count = class == 0 ? 0 : count == 0 ? -1 : (int)count;
	unlock(sim);
}

void sim_redirect(struct sim *sim, unsigned portal, const char *address,
		  bool is_permanent)
{
	struct sim_portal_state *state = &sim->portal[portal];

	lock(sim);
	snprintf(state->redirect, sizeof(state->redirect), "%s",
		 address == NULL ? "" : address);
	state->is_permanent = is_permanent;
	unlock(sim);
}

static void send_to_all(struct sim *sim, const uint8_t *bhs,
			bool takes_stat_sn)
{
	struct dsc_list *link;

	for (link = sim->conns.next; link != &sim->conns; link = link->next) {
		struct sim_conn *conn =
			dsc_container_of(link, struct sim_conn, link);
		uint8_t own[BHS];

		memcpy(own, bhs, BHS);
		if (conn->is_logged_in)
			sim_conn_send(conn, SIM_PDU_ANY, own, NULL, 0, false,
				      takes_stat_sn);
	}
}

void sim_async(struct sim *sim, uint8_t event, uint16_t p1, uint16_t p2,
	       uint16_t p3)
{
	uint8_t bhs[BHS] = { 0x32, 0x80 };

	memset(bhs + 16, 0xff, 4);
	bhs[36] = event;
	dsc_put_be16(bhs + 38, p1);
	dsc_put_be16(bhs + 40, p2);
	dsc_put_be16(bhs + 42, p3);
	lock(sim);
	send_to_all(sim, bhs, true);
	unlock(sim);
}

void sim_ping(struct sim *sim)
{
	uint8_t bhs[BHS] = { 0x20, 0x80 };

	memset(bhs + 16, 0xff, 4);
	dsc_put_be32(bhs + 20, 0x1234);
	lock(sim);
	send_to_all(sim, bhs, false);
	unlock(sim);
}

void sim_ping_insisting(struct sim *sim, unsigned ms)
{
	struct dsc_list *link;

	lock(sim);
	for (link = sim->conns.next; link != &sim->conns; link = link->next)
		dsc_container_of(link, struct sim_conn, link)->is_pinged = true;
	sim->insist_ns = sim_now_ns() + ms * 1000000ull;
	unlock(sim);
	sim_ping(sim);
}

void sim_hostile(struct sim *sim, uint64_t seed, unsigned rate)
{
	lock(sim);
	sim->hostile_state = seed * 0x9e3779b97f4a7c15ull + 1;
	sim->hostile_rate = rate;
	unlock(sim);
}

void sim_lie_about(struct sim *sim, int kind)
{
	lock(sim);
	sim->is_lying = kind != SIM_ANY;
	sim->lying = kind != SIM_ANY ? (unsigned)kind : 0;
	unlock(sim);
}

unsigned sim_lies_told(struct sim *sim, unsigned kind)
{
	unsigned told;

	lock(sim);
	told = sim->told[kind];
	unlock(sim);
	return told;
}
