/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim.c: starting and stopping the target, its portals, and its loop, which
 * holds sim->lock whenever it does not sleep.
 */
#include "simtarget/sim-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256

uint64_t sim_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void sim_wake(struct sim *sim)
{
	const uint64_t one = 1;
	ssize_t rc = write(sim->wake_fd, &one, sizeof(one));

	(void)rc;
}

/* ------------------------------------------------------------------- loop */

static void accept_all(struct sim *sim, unsigned portal)
{
	int fd;

	while ((fd = accept4(sim->portal[portal].fd, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		sim_conn_new(sim, fd, portal);
}

/* Portals are told apart from connections by the address of the event. */
static bool is_portal(struct sim *sim, const void *ptr, unsigned *portal)
{
	const struct sim_portal_state *state = ptr;

	if (state < sim->portal || state >= sim->portal + SIM_PORTALS_MAX)
		return false;
	*portal = (unsigned)(state - sim->portal);
	return true;
}

static void handle(struct sim *sim, const struct epoll_event *event)
{
	struct sim_conn *conn = event->data.ptr;
	unsigned portal;

	if (event->data.ptr == NULL) {
		uint64_t count;
		ssize_t rc = read(sim->wake_fd, &count, sizeof(count));

		(void)rc;
		sim->is_stirred = true;
	} else if (is_portal(sim, event->data.ptr, &portal)) {
		accept_all(sim, portal);
	} else if (!conn->is_dead) {
		if ((event->events & EPOLLIN) && !conn->is_mute)
			sim_conn_readable(conn);
		else if (event->events & (EPOLLERR | EPOLLHUP))
			conn->is_dead = true;
	}
}

static void settle_one(struct sim_conn *conn)
{
	if (!conn->is_dead && (conn->out_used > 0 || conn->is_doomed))
		sim_conn_flush(conn);
	if (conn->is_dead)
		sim_conn_free(conn);
}

static void settle_all(struct sim *sim)
{
	struct dsc_list *link = sim->conns.next;

	while (link != &sim->conns) {
		struct sim_conn *conn =
			dsc_container_of(link, struct sim_conn, link);

		link = link->next;
		settle_one(conn);
	}
}

/*
 * What the events have produced leaves; what is dead goes. Other connections
 * than those of the events are looked at when a test has been at work, or one
 * connection has ended another.
 */
static void settle(struct sim *sim, const struct epoll_event *events, int count)
{
	unsigned portal;
	int i;

	if (sim->is_stirred) {
		sim->is_stirred = false;
		settle_all(sim);
		return;
	}
	for (i = 0; i < count; i++)
		if (!is_portal(sim, events[i].data.ptr, &portal))
			settle_one(events[i].data.ptr);
}

/* What a delay, or an insisting ping, has come due for. */
static void on_time(struct sim *sim)
{
	bool is_late = sim->insist_ns != 0 && sim_now_ns() >= sim->insist_ns;
	struct dsc_list *link;

	if (sim->login_delay_ms == 0 && !is_late)
		return;
	for (link = sim->conns.next; link != &sim->conns; link = link->next) {
		struct sim_conn *conn =
			dsc_container_of(link, struct sim_conn, link);

		sim_conn_on_time(conn);
		conn->is_dead |= is_late && conn->is_pinged;
	}
	if (is_late)
		sim->insist_ns = 0;
	sim->is_stirred = true;
}

static int frozen_ms(const struct sim *sim)
{
	uint64_t now = sim_now_ns();

	if (sim->frozen_until_ns <= now)
		return 0;
	return (int)((sim->frozen_until_ns - now) / 1000000) + 1;
}

/* With poll_us, the processor is kept for so long after the last event. */
static int wait_events(struct sim *sim, struct epoll_event *events,
		       bool has_times)
{
	uint64_t until = sim_now_ns() + sim->config.poll_us * 1000ull;
	int count = 0;

	while (count == 0 && sim->config.poll_us != 0 && sim_now_ns() < until)
		count = epoll_wait(sim->epoll_fd, events, EVENTS_MAX, 0);
	if (count == 0)
		count = epoll_wait(sim->epoll_fd, events, EVENTS_MAX,
				   has_times ? 5 : 1000);
	return count;
}

static void *loop(void *arg)
{
	struct epoll_event events[EVENTS_MAX];
	struct sim *sim = arg;
	bool is_stopping = false;
	int count;
	int i;

	while (!is_stopping) {
		bool has_times;
		int frozen;

		pthread_mutex_lock(&sim->lock);
		frozen = frozen_ms(sim);
		has_times = sim->login_delay_ms != 0 || sim->insist_ns != 0;
		pthread_mutex_unlock(&sim->lock);
		if (frozen > 0) {
			struct timespec nap = { 0, 2000000 };

			nanosleep(&nap, NULL);
		} else {
			count = wait_events(sim, events, has_times);
			pthread_mutex_lock(&sim->lock);
			if (frozen_ms(sim) == 0) {
				for (i = 0; i < count; i++)
					handle(sim, &events[i]);
				on_time(sim);
				settle(sim, events, count);
			}
			pthread_mutex_unlock(&sim->lock);
		}
		pthread_mutex_lock(&sim->lock);
		is_stopping = sim->is_stopping;
		pthread_mutex_unlock(&sim->lock);
	}
	return NULL;
}

/* ---------------------------------------------------------------- portals */

static bool open_portal(struct sim *sim, unsigned i)
{
	struct sim_portal_state *portal = &sim->portal[i];
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(portal->port),
	};
	struct epoll_event event = { .events = EPOLLIN };
	socklen_t length = sizeof(address);
	const int on = 1;

	portal->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    0);
	setsockopt(portal->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Nothing that sets a timer for each packet, as BBR does. */
	setsockopt(portal->fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	if (bind(portal->fd, (struct sockaddr *)&address, length) != 0 ||
	    listen(portal->fd, 4096) != 0 ||
	    getsockname(portal->fd, (struct sockaddr *)&address, &length) != 0) {
		close(portal->fd);
		portal->fd = -1;
		return false;
	}
	portal->port = ntohs(address.sin_port);
	snprintf(portal->text, sizeof(portal->text), "127.0.0.1:%u",
		 portal->port);
	event.data.ptr = portal;
	epoll_ctl(sim->epoll_fd, EPOLL_CTL_ADD, portal->fd, &event);
	return true;
}

void sim_refuse(struct sim *sim, unsigned i, bool refuses)
{
	pthread_mutex_lock(&sim->lock);
	if (refuses && sim->portal[i].fd >= 0) {
		epoll_ctl(sim->epoll_fd, EPOLL_CTL_DEL, sim->portal[i].fd,
			  NULL);
		close(sim->portal[i].fd);
		sim->portal[i].fd = -1;
	} else if (!refuses && sim->portal[i].fd < 0) {
		if (!open_portal(sim, i))
			perror("simtarget: port");
	}
	pthread_mutex_unlock(&sim->lock);
}

/* --------------------------------------------------------- start and stop */

static void set_default(uint32_t *value, uint32_t initial)
{
	if (*value == 0)
		*value = initial;
}

static void set_defaults(struct sim_config *config)
{
	set_default(&config->block_size, 512);
	set_default(&config->luns, 1);
	set_default(&config->portals, 1);
	set_default(&config->max_recv, 262144);
	set_default(&config->first_burst, 262144);
	set_default(&config->max_burst, 262144);
	set_default(&config->window, 256);
	if (config->vendor == NULL)
		config->vendor = "DISCSI";
}

static bool open_all(struct sim *sim)
{
	struct epoll_event event = { .events = EPOLLIN };
	unsigned i;

	sim->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	sim->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (epoll_ctl(sim->epoll_fd, EPOLL_CTL_ADD, sim->wake_fd, &event) != 0)
		return false;
	for (i = 0; i < sim->config.luns; i++)
		if (!sim_disk_init(sim, &sim->disk[i], i))
			return false;
	for (i = 0; i < sim->config.portals; i++)
		if (!open_portal(sim, i))
			return false;
	return true;
}

struct sim *sim_start(const struct sim_config *config)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (sim == NULL)
		return NULL;
	sim->config = *config;
	set_defaults(&sim->config);
	sim->reinstates = true;
	pthread_mutex_init(&sim->lock, NULL);
	dsc_list_init(&sim->conns);
	dsc_list_init(&sim->nexuses);
	dsc_list_init(&sim->held);
	if (!open_all(sim) ||
	    pthread_create(&sim->thread, NULL, loop, sim) != 0) {
		perror("simtarget");
		free(sim);
		return NULL;
	}
	return sim;
}

void sim_stop(struct sim *sim)
{
	struct dsc_list *first;
	unsigned i;

	if (sim == NULL)
		return;
	pthread_mutex_lock(&sim->lock);
	sim->is_stopping = true;
	pthread_mutex_unlock(&sim->lock);
	sim_wake(sim);
	pthread_join(sim->thread, NULL);
	while ((first = dsc_list_first(&sim->conns)) != NULL)
		sim_conn_free(dsc_container_of(first, struct sim_conn, link));
	sim_tasks_end(sim, NULL);
	while ((first = dsc_list_pop(&sim->nexuses)) != NULL)
		free(dsc_container_of(first, struct sim_nexus, link));
	for (i = 0; i < SIM_PORTALS_MAX; i++)
		if (i < sim->config.portals && sim->portal[i].fd >= 0)
			close(sim->portal[i].fd);
	for (i = 0; i < sim->config.luns; i++)
		sim_disk_fini(sim, &sim->disk[i]);
	close(sim->epoll_fd);
	close(sim->wake_fd);
	free(sim->record);
	pthread_mutex_destroy(&sim->lock);
	free(sim);
}

const char *sim_portal(const struct sim *sim, unsigned i)
{
	return sim->portal[i].text;
}
