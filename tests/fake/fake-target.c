/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fake-target.c: the transport of the fake target: login, commands, data,
 * R2T, NOP, logout, with blocking sockets, a thread per connection. Errors
 * end the connection: the test then sees it lost.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fake/fake-internal.h"
#include "iscsi/crc32c.h"

#define BHS 48
#define FLAG_FINAL 0x80

/* A write whose data is still arriving; data NULL: free. */
struct pending {
	uint8_t request[BHS];
	uint8_t *data;
	uint32_t expected;
	uint32_t length;
	uint32_t r2t_sn;
};

#define PENDING_MAX 256

struct link {
	struct fake_target *target;
	int fd;
	bool has_digest;     /* header digest, from full feature phase on */
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t next_ttt;
	struct pending pending[PENDING_MAX];
	uint8_t *data;       /* of the read being carried out */
	uint8_t *segment;    /* of the PDU that was read last */
};

/* ------------------------------------------------------------------ wire */

static bool read_all(int fd, void *data, size_t length)
{
	uint8_t *p = data;

	while (length > 0) {
		ssize_t got = recv(fd, p, length, 0);

		if (got <= 0)
			return false;
		p += got;
		length -= (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const void *data, size_t length)
{
	const uint8_t *p = data;

	while (length > 0) {
		ssize_t put = send(fd, p, length, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		p += put;
		length -= (size_t)put;
	}
	return true;
}

/* Reads a PDU; its data segment is in link->segment. */
static bool read_pdu(struct link *link, uint8_t *bhs, uint32_t *length)
{
	uint8_t digest[4];
	uint32_t padded;

	if (!read_all(link->fd, bhs, BHS))
		return false;
	if (link->has_digest &&
	    (!read_all(link->fd, digest, 4) ||
	     le32toh(*(uint32_t *)(void *)digest) != dsc_crc32c(0, bhs, BHS)))
		return false;
	*length = dsc_get_be24(bhs + 5);
	padded = (*length + 3) & ~3u;
	return padded <= FAKE_DATA_MAX &&
	       read_all(link->fd, link->segment, padded);
}

static bool write_pdu(struct link *link, uint8_t *bhs, const void *data,
		      uint32_t length)
{
	static const uint8_t padding[4];
	uint32_t digest;

	dsc_put_be24(bhs + 5, length);
	digest = htole32(dsc_crc32c(0, bhs, BHS));
	return write_all(link->fd, bhs, BHS) &&
	       (!link->has_digest || write_all(link->fd, &digest, 4)) &&
	       write_all(link->fd, data, length) &&
	       write_all(link->fd, padding, -length & 3);
}

/* The numbers that every answer carries. */
static void put_numbers(struct link *link, uint8_t *bhs, bool has_status)
{
	dsc_put_be32(bhs + 24, link->stat_sn);
	if (has_status)
		link->stat_sn++;
	dsc_put_be32(bhs + 28, link->exp_cmd_sn);
	dsc_put_be32(bhs + 32, link->exp_cmd_sn +
			       (link->target->disk.window - 1));
}

/* ----------------------------------------------------------------- login */

struct text {
	char pairs[1024];
	size_t length;
};

static void add_pair(struct text *text, const char *key, const char *value)
{
	text->length += (size_t)snprintf(text->pairs + text->length,
					 sizeof(text->pairs) - text->length,
					 "%s=%s", key, value) + 1;
}

static void add_number(struct text *text, const char *key, uint32_t value)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%u", value);
	add_pair(text, key, digits);
}

static bool has_pair(const uint8_t *data, uint32_t length, const char *start)
{
	uint32_t i;

	for (i = 0; i + strlen(start) <= length; i++)
		if (memcmp(data + i, start, strlen(start)) == 0)
			return true;
	return false;
}

static void answer_operational(struct link *link, uint32_t length,
			       struct text *text)
{
	const struct fake_disk *disk = &link->target->disk;
	bool digest = disk->header_digest &&
		      has_pair(link->segment, length, "HeaderDigest=CRC32C");

	link->has_digest = digest;
	add_pair(text, "HeaderDigest", digest ? "CRC32C" : "None");
	add_pair(text, "DataDigest", "None");
	add_number(text, "MaxRecvDataSegmentLength", disk->max_recv);
	if (has_pair(link->segment, length, "SessionType=Discovery"))
		return;
	add_pair(text, "InitialR2T", disk->initial_r2t ? "Yes" : "No");
	add_pair(text, "ImmediateData", disk->no_immediate_data ? "No" : "Yes");
	add_number(text, "FirstBurstLength", disk->first_burst);
	add_number(text, "MaxBurstLength", disk->max_burst);
	add_pair(text, "MaxOutstandingR2T", "1");
	add_pair(text, "MaxConnections", "1");
	add_pair(text, "ErrorRecoveryLevel", "0");
	add_pair(text, "DefaultTime2Wait", "2");
	add_pair(text, "DefaultTime2Retain", "0");
	add_pair(text, "DataPDUInOrder", "Yes");
	add_pair(text, "DataSequenceInOrder", "Yes");
}

/* One Login Request; *is_over when full feature phase begins. */
static bool answer_login(struct link *link, const uint8_t *request,
			 uint32_t length, bool *is_over)
{
	uint8_t bhs[BHS] = { 0x23 };
	struct text text = { .length = 0 };
	unsigned stage = request[1] >> 2 & 3;
	unsigned next = request[1] & 3;
	bool digest;
	bool ok;

	if (stage == 1)
		answer_operational(link, length, &text);
	else if (has_pair(link->segment, length, "AuthMethod="))
		add_pair(&text, "AuthMethod", "None");
	if (stage == 0)
		add_pair(&text, "TargetPortalGroupTag", "1");
	bhs[1] = request[1];
	memcpy(bhs + 8, request + 8, 6);
	memcpy(bhs + 16, request + 16, 4);
	*is_over = (request[1] & FLAG_FINAL) && next == 3;
	if (*is_over)
		dsc_put_be16(bhs + 14, 1);
	link->exp_cmd_sn = dsc_get_be32(request + 24);
	put_numbers(link, bhs, true);
	/* Digests begin with the full feature phase, not with this PDU. */
	digest = link->has_digest;
	link->has_digest = false;
	ok = write_pdu(link, bhs, text.pairs, (uint32_t)text.length);
	link->has_digest = digest && *is_over;
	return ok;
}

static bool log_in(struct link *link)
{
	uint8_t bhs[BHS];
	uint32_t length;
	bool is_over = false;

	while (!is_over) {
		if (!read_pdu(link, bhs, &length) || (bhs[0] & 0x3f) != 0x03 ||
		    !answer_login(link, bhs, length, &is_over))
			return false;
	}
	return true;
}

/* -------------------------------------------------------------- commands */

/* What was not moved, or would have been moved beyond what was expected. */
static void put_residual(uint8_t *bhs, const struct fake_command *command,
			 uint32_t moved)
{
	if (command->overflow > 0) {
		bhs[1] |= 0x04;
		dsc_put_be32(bhs + 44, command->overflow);
	} else if (moved < command->expected) {
		bhs[1] |= 0x02;
		dsc_put_be32(bhs + 44, command->expected - moved);
	}
}

static bool send_response(struct link *link, const uint8_t *request,
			  const struct fake_command *command)
{
	uint8_t sense[20];
	uint8_t bhs[BHS] = { 0x21, FLAG_FINAL };
	uint32_t moved = command->is_write ? command->expected :
					     command->length;

	bhs[3] = command->status;
	memcpy(bhs + 16, request + 16, 4);
	if (command->status == 0)
		put_residual(bhs, command, moved);
	put_numbers(link, bhs, true);
	if (!command->has_sense)
		return write_pdu(link, bhs, NULL, 0);
	dsc_put_be16(sense, 18);
	memcpy(sense + 2, command->sense, 18);
	return write_pdu(link, bhs, sense, sizeof(sense));
}

/* Data-In PDUs; the last one carries the status unless that is separate. */
static bool send_data(struct link *link, const uint8_t *request,
		      struct fake_command *command)
{
	const struct fake_disk *disk = &link->target->disk;
	uint32_t total = command->length < command->expected ?
			 command->length : command->expected;
	uint32_t offset = 0;
	uint32_t data_sn = 0;

	command->length = total;
	while (offset < total) {
		uint8_t bhs[BHS] = { 0x25 };
		uint32_t part = total - offset;
		bool is_last;

		if (part > disk->max_send)
			part = disk->max_send;
		is_last = offset + part == total;
		bhs[1] = is_last ? FLAG_FINAL : 0;
		memcpy(bhs + 16, request + 16, 4);
		memset(bhs + 20, 0xff, 4);
		if (is_last && !disk->separate_status) {
			bhs[1] |= 0x01;
			put_residual(bhs, command, total);
		}
		put_numbers(link, bhs, (bhs[1] & 0x01) != 0);
		dsc_put_be32(bhs + 36, data_sn++);
		dsc_put_be32(bhs + 40, offset);
		if (!write_pdu(link, bhs, command->data + offset, part))
			return false;
		offset += part;
	}
	return total > 0 && !disk->separate_status ? true :
	       send_response(link, request, command);
}

/* The write that a Data-Out, or its command, belongs to. */
static struct pending *find_pending(struct link *link, const uint8_t *itt)
{
	size_t i;

	for (i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &link->pending[i];

		if (itt == NULL ? pending->data == NULL :
		    pending->data != NULL &&
		    memcmp(pending->request + 16, itt, 4) == 0)
			return pending;
	}
	return NULL;
}

static bool send_r2t(struct link *link, struct pending *pending)
{
	uint8_t bhs[BHS] = { 0x31, FLAG_FINAL };
	uint32_t part = pending->expected - pending->length;

	if (part > link->target->disk.max_burst)
		part = link->target->disk.max_burst;
	memcpy(bhs + 8, pending->request + 8, 8);
	memcpy(bhs + 16, pending->request + 16, 4);
	dsc_put_be32(bhs + 20, link->next_ttt++);
	put_numbers(link, bhs, false);
	dsc_put_be32(bhs + 36, pending->r2t_sn++);
	dsc_put_be32(bhs + 40, pending->length);
	dsc_put_be32(bhs + 44, part);
	return write_pdu(link, bhs, NULL, 0);
}

static bool answer_command(struct link *link, const uint8_t *request,
			   struct fake_command *command);

/* A burst is over: ask for the next, or carry the command out. */
static bool end_burst(struct link *link, struct pending *pending)
{
	struct fake_command command = {
		.cdb = pending->request + 32,
		.expected = pending->expected,
		.is_write = true,
		.data = pending->data,
		.length = pending->length,
	};
	bool ok;

	if (pending->length < pending->expected)
		return send_r2t(link, pending);
	ok = answer_command(link, pending->request, &command);
	free(pending->data);
	pending->data = NULL;
	return ok;
}

/* Data-Outs of several commands may alternate; those of one are in order. */
static bool take_data_out(struct link *link, const uint8_t *bhs,
			  uint32_t length)
{
	struct pending *pending = find_pending(link, bhs + 16);

	if (pending == NULL || dsc_get_be32(bhs + 40) != pending->length ||
	    length > pending->expected - pending->length)
		return false;
	memcpy(pending->data + pending->length, link->segment, length);
	pending->length += length;
	return (bhs[1] & FLAG_FINAL) ? end_burst(link, pending) : true;
}

/* Immediate data is in link->segment. */
static bool take_write(struct link *link, const uint8_t *request,
		       uint32_t length)
{
	struct pending *pending = find_pending(link, NULL);
	uint32_t expected = dsc_get_be32(request + 20);

	if (pending == NULL || expected > FAKE_DATA_MAX || length > expected)
		return false;
	pending->data = malloc(expected + 1);
	if (pending->data == NULL)
		return false;
	memcpy(pending->request, request, BHS);
	memcpy(pending->data, link->segment, length);
	pending->expected = expected;
	pending->length = length;
	pending->r2t_sn = 0;
	return (request[1] & FLAG_FINAL) ? end_burst(link, pending) : true;
}

static bool take_read(struct link *link, const uint8_t *request)
{
	struct fake_command command = {
		.cdb = request + 32,
		.expected = dsc_get_be32(request + 20),
		.data = link->data,
	};

	return answer_command(link, request, &command);
}

static bool take_command(struct link *link, const uint8_t *request,
			 uint32_t length)
{
	link->exp_cmd_sn++;
	if (request[1] & 0x20)
		return take_write(link, request, length);
	return take_read(link, request);
}

/*
 * A close with commands unread would be a reset, which takes answers along that
 * are on their way.
 */
static void hang_up(const struct link *link)
{
	uint8_t byte;

	shutdown(link->fd, SHUT_WR);
	while (recv(link->fd, &byte, sizeof(byte), 0) > 0)
		continue;
}

static bool answer_command(struct link *link, const uint8_t *request,
			   struct fake_command *command)
{
	struct fake_fate fate;
	bool is_met = fake_fate_meet(link->target, request[32], &fate);

	if (is_met && fate.action == FAKE_DROP) {
		hang_up(link);
		return false;
	}
	if (is_met && fate.action == FAKE_SILENT)
		return true;
	pthread_mutex_lock(&link->target->lock);
	if (is_met && fate.action == FAKE_OVERFLOW) {
		fake_disk_execute(link->target, command);
		command->overflow = FAKE_OVERFLOW_BYTES;
	} else if (is_met && fate.status == 0x02) {
		fake_disk_fail(command, fate.key, fate.asc, fate.ascq);
	} else if (is_met) {
		command->status = fate.status;
		command->length = 0;
	} else {
		fake_disk_execute(link->target, command);
	}
	pthread_mutex_unlock(&link->target->lock);
	if (command->status == 0 && !command->is_write && command->length > 0)
		return send_data(link, request, command);
	return send_response(link, request, command);
}

/* ------------------------------------------------------------ other PDUs */

static bool answer_nop(struct link *link, const uint8_t *request,
		       uint32_t length)
{
	uint8_t bhs[BHS] = { 0x20, FLAG_FINAL };

	if (dsc_get_be32(request + 16) == UINT32_MAX)
		return true;
	memcpy(bhs + 16, request + 16, 4);
	memset(bhs + 20, 0xff, 4);
	put_numbers(link, bhs, true);
	return write_pdu(link, bhs, link->segment, length);
}

static bool answer_text(struct link *link, const uint8_t *request)
{
	uint8_t bhs[BHS] = { 0x24, FLAG_FINAL };
	struct text text = { .length = 0 };
	char address[64];

	link->exp_cmd_sn++;
	if (link->target->disk.ignores_text)
		return true;
	snprintf(address, sizeof(address), "%s,1", link->target->portal);
	add_pair(&text, "TargetName", FAKE_IQN);
	add_pair(&text, "TargetAddress", address);
	memcpy(bhs + 16, request + 16, 4);
	memset(bhs + 20, 0xff, 4);
	put_numbers(link, bhs, true);
	return write_pdu(link, bhs, text.pairs, (uint32_t)text.length);
}

static bool answer_logout(struct link *link, const uint8_t *request)
{
	uint8_t bhs[BHS] = { 0x26, FLAG_FINAL };

	if (link->target->disk.ignores_logout)
		return true;
	memcpy(bhs + 16, request + 16, 4);
	put_numbers(link, bhs, true);
	write_pdu(link, bhs, NULL, 0);
	return false;
}

static bool answer_pdu(struct link *link)
{
	uint8_t bhs[BHS];
	uint32_t length;

	if (!read_pdu(link, bhs, &length))
		return false;
	switch (bhs[0] & 0x3f) {
	case 0x00:
		return answer_nop(link, bhs, length);
	case 0x01:
		return take_command(link, bhs, length);
	case 0x05:
		return take_data_out(link, bhs, length);
	case 0x04:
		return answer_text(link, bhs);
	case 0x06:
		return answer_logout(link, bhs);
	default:
		return false;
	}
}

/* ---------------------------------------------------------------- threads */

struct begin {
	struct fake_target *target;
	int fd;
};

static void *run_link(void *arg)
{
	struct begin *begin = arg;
	struct link link = {
		.target = begin->target,
		.fd = begin->fd,
		.stat_sn = 1,
		.next_ttt = 1,
		.data = malloc(FAKE_DATA_MAX),
		.segment = malloc(FAKE_DATA_MAX),
	};
	size_t i;

	free(begin);
	if (link.data != NULL && link.segment != NULL && log_in(&link))
		while (answer_pdu(&link))
			;
	shutdown(link.fd, SHUT_RDWR);
	for (i = 0; i < PENDING_MAX; i++)
		free(link.pending[i].data);
	free(link.data);
	free(link.segment);
	return NULL;
}

static void *run_acceptor(void *arg)
{
	struct fake_target *target = arg;
	const int on = 1;

	while (!atomic_load(&target->is_stopping) &&
	       target->connections < FAKE_CONNECTIONS_MAX) {
		int fd = accept4(target->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		struct begin *begin = malloc(sizeof(*begin));

		if (fd < 0 || begin == NULL) {
			free(begin);
			break;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		begin->target = target;
		begin->fd = fd;
		target->fds[target->connections] = fd;
		pthread_create(&target->threads[target->connections], NULL,
			       run_link, begin);
		target->connections++;
	}
	return NULL;
}

static void set_defaults(struct fake_disk *disk)
{
	if (disk->block_size == 0)
		disk->block_size = 512;
	if (disk->max_recv == 0)
		disk->max_recv = 8192;
	if (disk->max_send == 0)
		disk->max_send = 8192;
	if (disk->first_burst == 0)
		disk->first_burst = 65536;
	if (disk->max_burst == 0)
		disk->max_burst = 262144;
	if (disk->window == 0)
		disk->window = 32;
}

static int listen_somewhere(struct fake_target *target)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);

	target->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(target->listen_fd, (struct sockaddr *)&address, length) != 0 ||
	    listen(target->listen_fd, 16) != 0 ||
	    getsockname(target->listen_fd, (struct sockaddr *)&address,
			&length) != 0)
		return -1;
	snprintf(target->portal, sizeof(target->portal), "127.0.0.1:%u",
		 ntohs(address.sin_port));
	return 0;
}

struct fake_target *fake_target_start(const struct fake_disk *disk)
{
	struct fake_target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return NULL;
	target->disk = *disk;
	set_defaults(&target->disk);
	target->blocks = disk->blocks;
	pthread_mutex_init(&target->lock, NULL);
	target->memory_fd = memfd_create("fake-disk", MFD_CLOEXEC);
	if (ftruncate(target->memory_fd,
		      (off_t)(disk->blocks * target->disk.block_size)) != 0 ||
	    listen_somewhere(target) != 0 ||
	    pthread_create(&target->acceptor, NULL, run_acceptor,
			   target) != 0) {
		perror("fake target");
		free(target);
		return NULL;
	}
	return target;
}

void fake_target_stop(struct fake_target *target)
{
	unsigned i;

	if (target == NULL)
		return;
	atomic_store(&target->is_stopping, true);
	shutdown(target->listen_fd, SHUT_RDWR);
	pthread_join(target->acceptor, NULL);
	for (i = 0; i < target->connections; i++) {
		shutdown(target->fds[i], SHUT_RDWR);
		pthread_join(target->threads[i], NULL);
		close(target->fds[i]);
	}
	close(target->listen_fd);
	close(target->memory_fd);
	pthread_mutex_destroy(&target->lock);
	free(target);
}

const char *fake_target_portal(const struct fake_target *target)
{
	return target->portal;
}
