/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conn-random.c: reads of random lengths and buffers, answered in order
 * for most of the time, cut anywhere, with callbacks that free their buffers,
 * submit again and close: each read has its own data, once, and what the
 * receive buffer held before is in none. DSC_ROUNDS: how many connections,
 * DSC_SEED: the first one's number.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <discsi/lun.h>

#include "iscsi/conn-internal.h"
#include "unit/conn-peer.h"

#define S DSC_FLAG_STATUS
#define F DSC_FLAG_FINAL
#define U DSC_FLAG_UNDERFLOW

#define ITEMS 64
#define STREAM_BYTES (4u << 20)
#define STALE 0x5a

enum fate { FATE_GOOD, FATE_SHORT, FATE_REFUSED, FATE_ABORTED };

struct item {
	struct op op;
	uint32_t itt;
	uint32_t seed;
	uint32_t length;         /* of the task */
	uint32_t skip;
	uint32_t sent;           /* bytes that the target has said */
	uint32_t sequence;
	uint32_t arrives;        /* bytes, in the end */
	struct discsi_pipe pipe;
	enum fate fate;
	bool is_read;
	bool is_under_way;
	bool is_known;           /* to the target, which has not answered */
};

static struct peer peer;
static struct got got;
static struct item item[ITEMS];
static struct item *queue[ITEMS * 4];  /* with the target, in its order */
static int queued, in_order;
static struct item *on_its_way[1 << 14];
static int way_first, way_end;
static uint8_t *stream;
static size_t stream_first, stream_end;
static int stage[2], real_fd;
static uint32_t next_seed;
static uint64_t state;
static int budget, close_after, completed;
static struct dsc_management abort_it;
static struct item *aborted;
static bool is_aborting, abort_was_told, may_abort;
static uint32_t abort_itt;
static uint64_t pipes_checked, turns, reads_checked;
static volatile long dsc_seed;
static bool is_odd, is_uniform;
static uint32_t uniform;

static uint32_t chance(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % n);
}

static uint32_t pick_length(void)
{
	if (is_uniform && chance(20) != 0)
		return uniform;
	switch (chance(is_odd ? 9 : 7)) {
	case 0: case 1: case 2: return 4096;
	case 3: return 512 * (1 + chance(32));
	case 4: return 512;
	case 5: return 4 * (128 + chance(4000));
	case 6: return 512 * (1 + chance(160));
	case 7: return 1 + chance(6000);
	default: return 65536;
	}
}

/* ------------------------------------------------------------- the items */

static void submit(struct item *it);

static uint32_t take_from_pipe(struct item *it)
{
	uint8_t *data = malloc(262144);
	ssize_t n = 0;

	if (it->op.task.pipe != NULL && it->pipe.bytes > 0) {
		n = read(it->pipe.out, data, 262144);
		CU_ASSERT_FATAL(n == (ssize_t)it->pipe.bytes);
		CU_ASSERT_FATAL(is_filled(data, it->seed, 0, (uint32_t)n));
	}
	free(data);
	return (uint32_t)n;
}

static void check(struct item *it)
{
	uint32_t piped;
	const struct dsc_task *task = &it->op.task;
	uint32_t arrived;

	if (!dsc_conn_is_open(peer.conn) && task->error != 0)
		return;
	if (it->fate == FATE_ABORTED) {
		CU_ASSERT_EQUAL(task->error, -ETIMEDOUT);
		return;
	}
	CU_ASSERT_EQUAL_FATAL(task->error, 0);
	CU_ASSERT_EQUAL(task->status, it->fate == FATE_REFUSED ? 2 : 0);
	if (!it->is_read)
		return;
	arrived = it->arrives;
	if (it->fate != FATE_REFUSED)
		CU_ASSERT_EQUAL(task->transferred, arrived);
	piped = take_from_pipe(it);
	CU_ASSERT_FATAL(piped <= arrived);
	CU_ASSERT_FATAL(is_filled(it->op.data + it->skip + piped, it->seed,
				  piped, arrived - piped));
	reads_checked++;
	pipes_checked += piped > 0;
}

static void on_item(struct op *op)
{
	struct item *it = dsc_container_of(op, struct item, op);

	CU_ASSERT_EQUAL_FATAL(op->done, 1);
	CU_ASSERT_FATAL(it->is_under_way);
	it->is_under_way = false;
	completed++;
	check(it);
	if (op->task.pipe != NULL) {
		close(it->pipe.in);
		close(it->pipe.out);
	}
	op_free(op);
	if (completed == close_after)
		dsc_conn_close(peer.conn, -ECANCELED);
	while (dsc_conn_is_open(peer.conn) && budget > 0 && chance(3) == 0) {
		struct item *other = &item[chance(ITEMS)];

		if (!other->is_under_way)
			submit(other);
	}
	if (dsc_conn_is_open(peer.conn) && budget > 0 && !it->is_under_way &&
	    chance(2) == 0)
		submit(it);
}

/* Its memory in pieces, some of them empty, or behind what is not its own. */
static void shape(struct item *it)
{
	uint32_t pieces[3];

	if (chance(8) != 0)
		return;
	switch (chance(4)) {
	case 0:
		it->skip = chance(it->length);
		it->op.task.iov_skip = it->skip;
		it->length -= it->skip;
		it->op.task.length = it->length;
		break;
	case 1:
		pieces[0] = 0;
		op_split(&it->op, pieces, 1);
		break;
	case 2:
		pieces[0] = it->length;
		op_split(&it->op, pieces, 1);
		break;
	default:
		pieces[0] = chance(it->length);
		pieces[1] = 0;
		pieces[2] = chance(it->length - pieces[0]);
		op_split(&it->op, pieces, 3);
	}
}

static void submit(struct item *it)
{
	uint32_t length = pick_length();

	memset(it, 0, sizeof(*it));
	it->is_read = chance(10) != 0;
	if (!it->is_read)
		length = chance(2) == 0 ? 4096 : 4 * (1 + chance(1000));
	it->length = length;
	it->seed = next_seed++;
	op_init(&it->op, &peer, it->is_read ? DSC_DATA_IN : DSC_DATA_OUT,
		length);
	if (it->is_read)
		shape(it);
	if (it->is_read && it->length >= 16384 && chance(6) == 0) {
		int ends[2];

		CU_ASSERT_FATAL(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
		it->pipe = (struct discsi_pipe){ ends[0], ends[1], 0 };
		it->op.task.pipe = &it->pipe;
		it->op.task.pipe_data = it->op.data + it->skip;
	}
	it->op.on_done = on_item;
	it->is_under_way = true;
	on_its_way[way_end++ % (1 << 14)] = it;
	budget--;
	op_submit(&it->op);
}

/* ------------------------------------------------------------ the target */

static void hold(void)
{
	real_fd = peer.fd;
	peer.fd = stage[0];
}

static void unhold(void)
{
	ssize_t n;

	peer.fd = real_fd;
	while ((n = recv(stage[1], stream + stream_end,
			 STREAM_BYTES - stream_end, MSG_DONTWAIT)) > 0)
		stream_end += (size_t)n;
	CU_ASSERT_FATAL(stream_end < STREAM_BYTES);
}

static void say_parts(struct item *it, uint32_t until, uint8_t flags)
{
	uint32_t piece = until - it->sent;

	if (piece > 262144)
		piece = 262144;
	hold();
	peer_data_in(&peer, it->itt, it->sequence++, it->sent, piece, flags,
		     it->seed);
	if ((flags & S) != 0)
		CU_ASSERT_EQUAL(piece, until - it->sent);
	it->sent += piece;
	unhold();
}

static void say(const struct say *what)
{
	hold();
	peer_say(&peer, what);
	unhold();
}

static void finish_by_response(struct item *it)
{
	static const uint8_t sense[20] = { 0, 18, 0x70, 0, 0x03 };
	bool is_refused = it->fate == FATE_REFUSED;
	bool is_short = !is_refused && it->arrives < it->length;

	say(&(struct say){
		.opcode = DSC_OP_RESPONSE, .itt = it->itt,
		.flags = (uint8_t)(F | (is_short ? U : 0)),
		.status = is_refused ? 2 : 0,
		.word44 = is_short ? it->length - it->arrives : 0,
		.data = sense, .length = is_refused ? sizeof(sense) : 0,
	});
}

static void say_ping(void)
{
	say(&(struct say){
		.opcode = DSC_OP_NOP_IN, .flags = F, .itt = DSC_NO_TAG,
		.ttt = 7, .data = "pingpong", .length = chance(9),
		.keeps_stat_sn = true,
	});
}

static void answer_as_expected(struct item *it)
{
	it->arrives = it->length;
	say_parts(it, it->length, F | S);
}

/* Another way of saying it; true when it is finished. */
static bool answer_otherwise(struct item *it)
{
	uint32_t until;

	switch (chance(6)) {
	case 0:   /* one part, the others some other time */
		until = it->sent + 1 + chance(it->length - it->sent);
		if (chance(2) == 0)
			until = it->length;
		say_parts(it, until, chance(2) ? F : 0);
		return false;
	case 1:
		it->fate = FATE_REFUSED;
		it->arrives = it->sent;
		finish_by_response(it);
		return true;
	case 2:
		it->fate = FATE_SHORT;
		it->arrives = it->sent + chance(it->length - it->sent + 1);
		if (it->arrives > it->sent)
			say_parts(it, it->arrives, F);
		finish_by_response(it);
		return true;
	case 3:
		say_ping();
		return false;
	case 4:
		say(&(struct say){
			.opcode = DSC_OP_ASYNC, .flags = F, .itt = DSC_NO_TAG,
			.word36 = 0xff000000u,
		});
		return false;
	default:
		it->arrives = it->length;
		if (it->sent < it->length)
			say_parts(it, it->length, F);
		finish_by_response(it);
		return true;
	}
}

static void remove_at(int at)
{
	queue[at]->is_known = false;
	queued--;
	memmove(queue + at, queue + at + 1,
		(size_t)(queued - at) * sizeof(queue[0]));
}

static void answer_one(void)
{
	int at = chance((uint32_t)in_order) == 0 ?
		 (int)chance((uint32_t)queued) : 0;
	struct item *it = queue[at];
	bool is_over = true;

	if (!it->is_read) {
		it->arrives = it->length;
		finish_by_response(it);
	} else if (it->sent == it->length) {
		it->arrives = it->length;
		finish_by_response(it);
	} else if (it->sent > 0 && chance(2) == 0) {
		answer_as_expected(it);
	} else if (it->sent > 0 || chance((uint32_t)in_order) == 0) {
		is_over = answer_otherwise(it);
	} else {
		answer_as_expected(it);
	}
	if (is_over)
		remove_at(at);
}

static void answer_management(void)
{
	uint32_t rtt = got.ttt;
	int i;

	for (i = 0; i < queued; i++) {
		if (queue[i]->itt == rtt)
			break;
	}
	abort_was_told = i < queued;
	if (i < queued) {
		queue[i]->fate = FATE_ABORTED;
		remove_at(i);
	}
	say(&(struct say){
		.opcode = DSC_OP_TASK_RESPONSE, .flags = F, .itt = got.itt,
		.response = abort_was_told ? 0 : 1,
	});
}

static bool has_pdu(void)
{
	ssize_t n = recv(peer.fd, peer.inbox + peer.inbox_used, 1 << 20,
			 MSG_DONTWAIT);
	size_t head = peer.params.header_digest ? 52 : 48;
	size_t data;

	if (n > 0)
		peer.inbox_used += (size_t)n;
	if (peer.inbox_used < head)
		return false;
	data = (dsc_get_be24(peer.inbox + 5) + 3) & ~3u;
	if (data > 0 && peer.params.data_digest)
		data += 4;
	return peer.inbox_used >= head + data;
}

/* What has been submitted reaches the target. */
static void fetch(void)
{
	discsi_context_dispatch(peer.ctx, 0);
	while (has_pdu()) {
		peer_get(&peer, &got);
		peer.max_cmd_sn = peer.exp_cmd_sn + 200;
		if (got.opcode == DSC_OP_TASK_REQUEST)
			answer_management();
		if (got.opcode == DSC_OP_COMMAND) {
			struct item *it =
				on_its_way[way_first++ % (1 << 14)];

			CU_ASSERT_EQUAL_FATAL(it->length,
					      dsc_get_be32(got.header + 20));
			it->itt = got.itt;
			it->is_known = true;
			queue[queued++] = it;
		}
	}
}

/* ------------------------------------------------------------ the course */

static void on_managed(struct dsc_management *management, int status,
		       uint8_t response)
{
	(void)management;
	is_aborting = false;
	if (status == 0 && response == 0) {
		CU_ASSERT_FATAL(aborted->is_under_way);
		CU_ASSERT_FATAL(aborted->itt == abort_itt);
		dsc_conn_release_task(peer.conn, &aborted->op.task, -ETIMEDOUT);
	}
}

static void abort_some(void)
{
	struct item *it = &item[chance(ITEMS)];

	if (!may_abort || is_aborting || !it->is_under_way || !it->is_known ||
	    !dsc_conn_is_open(peer.conn))
		return;
	memset(&abort_it, 0, sizeof(abort_it));
	abort_it.function = DSC_TMF_ABORT_TASK;
	abort_it.task = &it->op.task;
	abort_it.done = on_managed;
	aborted = it;
	abort_itt = it->itt;
	is_aborting = true;
	CU_ASSERT_EQUAL(dsc_conn_manage(peer.conn, &abort_it), 0);
}

static void turn(void)
{
	/* Other connections have used it meanwhile. */
	memset(peer.conn->shared->receive, STALE, DSC_RECEIVE_BYTES);
	discsi_context_dispatch(peer.ctx, 0);
	turns++;
}

static size_t pick_bytes(void)
{
	size_t all = stream_end - stream_first;

	switch (chance(6)) {
	case 0: return all;
	case 1: return 1 + chance(100);
	case 2: return 1 + chance(4144);
	case 3: return 4144 * (1 + chance(16));
	case 4: return 48 * (1 + chance(3));
	default: return 1 + chance(100000);
	}
}

static void send_some(void)
{
	size_t bytes = pick_bytes();

	if (bytes > stream_end - stream_first)
		bytes = stream_end - stream_first;
	if (bytes > 0)
		peer_say_bytes(&peer, stream + stream_first, bytes);
	stream_first += bytes;
	if (stream_first == stream_end)
		stream_first = stream_end = 0;
	if (chance(3) != 0)
		turn();
}

static void begin(void)
{
	peer_init(&peer);
	peer.params.max_cmd_sn = PEER_CMD_SN + 200;
	peer.is_tcp = chance(4) == 0;
	if (chance(8) == 0)
		peer.params.header_digest = true;
	else if (chance(8) == 0)
		peer.params.data_digest = true;
	peer_open(&peer);
	if (peer.is_tcp)
		setsockopt(peer.fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 },
			   sizeof(int));
	memset(item, 0, sizeof(item));
	queued = way_first = way_end = completed = 0;
	stream_first = stream_end = 0;
	is_aborting = false;
	in_order = (int[]){ 4, 30, 100, 400, 100000 }[chance(5)];
	may_abort = chance(2) == 0;
	is_odd = chance(3) == 0;
	is_uniform = chance(2) == 0;
	uniform = (uint32_t[]){ 512, 1024, 4096, 4096, 8192, 16384, 32768,
				65536 }[chance(8)];
	budget = 100 + (int)chance(300);
	close_after = chance(4) == 0 ? (int)chance(300) : -1;
}

static void end(void)
{
	int i;

	dsc_conn_close(peer.conn, -ECANCELED);
	for (i = 0; i < ITEMS; i++)
		CU_ASSERT_FALSE(item[i].is_under_way);
	CU_ASSERT_EQUAL(peer.lost, 0);
	if (peer.lost)
		dsc_test_note("%s", peer.why);
	got_free(&got);
	peer_close(&peer);
}

static bool is_over(void)
{
	return budget <= 0 && queued == 0 && stream_first == stream_end &&
	       way_first == way_end;
}

static void answer_some(uint32_t depth)
{
	while (queued > 0 && stream_end < STREAM_BYTES / 2) {
		answer_one();
		if (chance(depth) == 0)
			break;
	}
}

static void submit_some(uint32_t depth)
{
	uint32_t i;

	for (i = 0; i < depth && budget > 0; i++) {
		if (!item[i].is_under_way && chance(3) != 0)
			submit(&item[i]);
	}
}

/* What has been sent arrives. */
static void finish(void)
{
	int i;

	for (i = 0; i < 1000 && dsc_conn_is_open(peer.conn) &&
	     peer.conn->in_flight_count > 0; i++) {
		turn();
		discsi_context_dispatch(peer.ctx, i > 50 ? 5 : 0);
	}
	if (dsc_conn_is_open(peer.conn))
		CU_ASSERT_EQUAL(peer.conn->in_flight_count, 0);
}

static void play(void)
{
	uint32_t depth = 1 + chance(ITEMS - 1);
	uint32_t steps = 0;
	uint32_t i;

	begin();
	while (dsc_conn_is_open(peer.conn)) {
		submit_some(depth);
		if (chance(10) == 0)
			abort_some();
		fetch();
		if (is_over())
			break;
		CU_ASSERT_FATAL(++steps < 20000);
		answer_some(depth);
		for (i = chance(6); i > 0 && dsc_conn_is_open(peer.conn); i--)
			send_some();
	}
	finish();
	end();
}

static void random_courses(void)
{
	const char *rounds = getenv("DSC_ROUNDS");
	const char *first = getenv("DSC_SEED");
	long i, count = rounds != NULL ? atol(rounds) : 40;
	long seed = first != NULL ? atol(first) : 1;
	int size = 1 << 20;

	stream = malloc(STREAM_BYTES);
	CU_ASSERT_FATAL(stream != NULL);
	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				   stage) == 0);
	setsockopt(stage[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (i = seed; i < seed + count; i++) {
		state = (uint64_t)i * 0x9e3779b97f4a7c15u + 1;
		chance(2);
		dsc_seed = i;
		play();
		if (CU_get_number_of_failures() > 0) {
			dsc_test_note("seed %ld", i);
			break;
		}
	}
	dsc_test_note("%llu reads, %llu of them piped, in %llu turns",
		      (unsigned long long)reads_checked,
		      (unsigned long long)pipes_checked,
		      (unsigned long long)turns);
	close(stage[0]);
	close(stage[1]);
	free(stream);
}

static const struct dsc_test tests[] = {
	{ "random_courses", random_courses },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	int rc = dsc_test_main("conn-random", tests, argc, argv);

	if (rc != 0)
		dsc_test_note("seed %ld: %s", dsc_seed, peer.why);
	return rc;
}
