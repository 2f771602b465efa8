/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-kernel.c: the sockets of a kernel device, with a kernel that is
 * played here: the functions of nbdlink.h stand below, instead of nbdlink.c,
 * and what makes and removes the device's name. They run on workers' threads, which have ended whenever the test looks.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "harness/harness.h"
#include "nbd-bridge/kernel.h"
#include "nbd-bridge/naming.h"
#include "nbd-bridge/nbdlink.h"
#include "unit/nbd-rig.h"

#define DEADLINE_NS (20 * DSC_NS_PER_S)
#define FOREVER 1000000u

/* The kernel: its ends of the sockets, and how it answers. */
static struct {
	int fds[NBD_CONNECTIONS_MAX];
	unsigned count;
	unsigned grace;      /* so many that it is offered are taken, */
	unsigned refusals;   /* and so many then are not, */
	int refusal;         /* for this reason */
	unsigned offers;
	unsigned detaches;
	int names;           /* made and not removed */
} played;

int nbd_link_connect(const struct nbd_connect *what, uint32_t *index)
{
	for (played.count = 0; played.count < what->nsockets; played.count++)
		played.fds[played.count] =
			fcntl(what->sockets[played.count], F_DUPFD_CLOEXEC, 0);
	*index = 0;
	return 0;
}

int nbd_link_replace(uint32_t index, const char *backend, int *fd)
{
	int ends[2];

	(void)index;
	(void)backend;
	played.offers++;
	if (played.grace > 0) {
		played.grace--;
	} else if (played.refusals > 0) {
		played.refusals--;
		return dsc_fail(played.refusal, "the played kernel refuses");
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       ends) < 0)
		return dsc_fail(errno, "no socketpair");
	*fd = ends[0];
	played.fds[played.count++] = ends[1];
	return 0;
}

int nbd_link_find(const char *backend)
{
	(void)backend;
	return -ENOENT;
}

uint64_t nbd_link_bytes(uint32_t index)
{
	(void)index;
	return RIG_BYTES;
}

uint32_t nbd_link_block_size(uint32_t index)
{
	(void)index;
	return RIG_BLOCK;
}

int nbd_link_resize(uint32_t index, const char *backend, uint64_t bytes)
{
	(void)index;
	(void)backend;
	(void)bytes;
	return 0;
}

int nbd_link_disconnect(uint32_t index, const char *backend)
{
	(void)index;
	CU_ASSERT_STRING_EQUAL(backend, "lun");
	played.detaches++;
	return 0;
}

int nbd_naming_make(uint32_t index, const char *backend, const char *name)
{
	(void)index;
	(void)backend;
	(void)name;
	played.names++;
	return 0;
}

void nbd_naming_remove(uint32_t index, const char *name)
{
	(void)index;
	(void)name;
	played.names--;
}

int nbd_link_wait_device(uint32_t index, uint64_t bytes)
{
	(void)index;
	(void)bytes;
	return 0;
}

void nbd_link_tune(uint32_t index, uint32_t resend_ms)
{
	(void)index;
	(void)resend_ms;
}

int nbd_link_flush(uint32_t index)
{
	(void)index;
	return 0;
}

bool nbd_link_attribute(uint32_t index, const char *name, char *text,
			size_t room)
{
	(void)index;
	(void)name;
	(void)text;
	(void)room;
	return false;
}

/* ------------------------------------------------------------------ helpers */

static void begin(struct rig *rig, struct nbd_kernel *kernel,
		  unsigned connections)
{
	rig_begin(rig);
	played.count = 0;
	played.offers = 0;
	played.detaches = 0;
	played.names = 0;
	played.grace = 0;
	played.refusals = 0;
	played.refusal = ETIMEDOUT;
	*kernel = (struct nbd_kernel)NBD_KERNEL_INIT;
	kernel->connections = connections;
	kernel->name = "name";
}

static void attach(struct rig *rig, struct nbd_kernel *kernel,
		   unsigned connections)
{
	begin(rig, kernel, connections);
	CU_ASSERT_EQUAL_FATAL(nbd_kernel_start_attach(kernel, &rig->server,
						      NBD_INDEX_ANY, "lun"), 0);
	nbd_worker_join(&kernel->attach.worker);
	CU_ASSERT_EQUAL_FATAL(nbd_kernel_finish_attach(kernel), 0);
	CU_ASSERT_EQUAL(kernel->live, connections);
}

static void give_up(unsigned which)
{
	close(played.fds[which]);
	played.fds[which] = -1;
}

static void end(struct rig *rig, struct nbd_kernel *kernel)
{
	nbd_kernel_fini(kernel);
	while (played.count > 0) {
		if (played.fds[--played.count] >= 0)
			close(played.fds[played.count]);
	}
	rig_settle(rig);
	rig_end(rig);
}

/* Turns the loop until the device has so many sockets, or none any more. */
static void wait_live(struct rig *rig, const struct nbd_kernel *kernel,
		      unsigned count)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;

	while (kernel->live != count && !nbd_kernel_is_gone(kernel) &&
	       dsc_clock_now_ns() < until_ns)
		discsi_context_dispatch(rig->ctx, 100);
	CU_ASSERT_EQUAL(kernel->live, count);
}

/* The same until it has been offered so many. */
static void wait_offers(struct rig *rig, const struct nbd_kernel *kernel,
			unsigned count)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;

	while ((kernel->replace.worker.is_running || played.offers < count) &&
	       dsc_clock_now_ns() < until_ns)
		discsi_context_dispatch(rig->ctx, 100);
	CU_ASSERT_EQUAL(played.offers, count);
}

static void detach(struct nbd_kernel *kernel)
{
	CU_ASSERT_EQUAL_FATAL(nbd_kernel_start_detach(kernel), 0);
	nbd_worker_join(&kernel->detach.worker);
	CU_ASSERT_EQUAL(nbd_kernel_finish_detach(kernel), 0);
}

static void expect_service(struct rig *rig, unsigned which)
{
	CU_ASSERT_EQUAL(rig_call(rig, played.fds[which], NBD_CMD_WRITE_ZEROES,
				 0, 0, RIG_BLOCK), 0);
}

/* -------------------------------------------------------------------- tests */

/* The only socket: I/O would wait for ever, or the process end. */
static void test_offered_again(void)
{
	struct nbd_kernel kernel;
	struct rig rig;

	attach(&rig, &kernel, 1);
	expect_service(&rig, 0);
	played.refusals = 3;
	give_up(0);
	wait_live(&rig, &kernel, 0);
	CU_ASSERT(!nbd_kernel_is_gone(&kernel));
	wait_live(&rig, &kernel, 1);
	CU_ASSERT_EQUAL(played.offers, 4);
	CU_ASSERT_EQUAL(kernel.retry_ms, 0);
	expect_service(&rig, 1);
	end(&rig, &kernel);
}

/* One that is lost meanwhile is replaced, too, when the time has come. */
static void test_all_of_several(void)
{
	struct nbd_kernel kernel;
	struct rig rig;

	attach(&rig, &kernel, 4);
	played.refusals = 2;
	played.refusal = EMFILE;
	give_up(1);
	wait_offers(&rig, &kernel, 1);
	give_up(2);
	wait_live(&rig, &kernel, 2);
	wait_live(&rig, &kernel, 4);
	CU_ASSERT_EQUAL(played.offers, 4);
	expect_service(&rig, 0);
	expect_service(&rig, 4);
	expect_service(&rig, 5);
	end(&rig, &kernel);
}

/* A device that is left gets the rest of its sockets later. */
static void test_rest_of_the_sockets(void)
{
	struct nbd_kernel kernel;
	struct rig rig;

	begin(&rig, &kernel, 2);
	played.grace = 1;
	played.refusals = 2;
	CU_ASSERT_EQUAL_FATAL(nbd_kernel_start_resume(&kernel, &rig.server, 0,
						      "lun"), 0);
	nbd_worker_join(&kernel.attach.worker);
	CU_ASSERT_EQUAL_FATAL(nbd_kernel_finish_attach(&kernel), 0);
	CU_ASSERT_EQUAL(kernel.live, 1);
	wait_live(&rig, &kernel, 2);
	CU_ASSERT_EQUAL(played.offers, 4);
	expect_service(&rig, 0);
	expect_service(&rig, 1);
	end(&rig, &kernel);
}

static void test_detach(void)
{
	struct nbd_kernel kernel;
	struct rig rig;

	attach(&rig, &kernel, 2);
	CU_ASSERT_EQUAL(played.names, 1);
	detach(&kernel);
	CU_ASSERT_EQUAL(played.detaches, 1);
	CU_ASSERT_EQUAL(played.names, 0);
	end(&rig, &kernel);
}

/*
 * Somebody has detached it: its name is left to be removed.
 */
static void test_no_device_any_more(void)
{
	struct nbd_kernel kernel;
	struct rig rig;

	attach(&rig, &kernel, 1);
	played.refusals = FOREVER;
	played.refusal = ENODEV;
	give_up(0);
	wait_offers(&rig, &kernel, 1);
	CU_ASSERT(nbd_kernel_is_gone(&kernel));
	detach(&kernel);
	CU_ASSERT_EQUAL(played.names, 0);
	end(&rig, &kernel);
	CU_ASSERT_EQUAL(played.offers, 1);
}

/* Before the next process had come for it: the name is that of the one before. */
static void test_not_left_any_more(void)
{
	struct nbd_kernel kernel;
	struct rig rig;

	begin(&rig, &kernel, 1);
	played.names = 1;
	played.refusals = 1;
	played.refusal = ENODEV;
	CU_ASSERT_EQUAL_FATAL(nbd_kernel_start_resume(&kernel, &rig.server, 0,
						      "lun"), 0);
	nbd_worker_join(&kernel.attach.worker);
	CU_ASSERT_EQUAL(nbd_kernel_finish_attach(&kernel), -ENODEV);
	CU_ASSERT_EQUAL(played.names, 0);
	end(&rig, &kernel);
}

/* The pauses become longer, and nothing comes after the end. */
static void test_pauses(void)
{
	struct nbd_kernel kernel;
	uint32_t before_ms = 0;
	struct rig rig;
	unsigned i;

	attach(&rig, &kernel, 1);
	played.refusals = FOREVER;
	give_up(0);
	for (i = 1; i <= 4; i++) {
		wait_offers(&rig, &kernel, i);
		CU_ASSERT(kernel.is_retrying);
		CU_ASSERT(kernel.retry_ms > before_ms);
		before_ms = kernel.retry_ms;
	}
	end(&rig, &kernel);
	CU_ASSERT_EQUAL(played.offers, 4);
}

static const struct dsc_test tests[] = {
	{ "offered-again", test_offered_again },
	{ "all-of-several", test_all_of_several },
	{ "rest-of-the-sockets", test_rest_of_the_sockets },
	{ "detach", test_detach },
	{ "no-device-any-more", test_no_device_any_more },
	{ "not-left-any-more", test_not_left_any_more },
	{ "pauses", test_pauses },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-kernel", tests, argc, argv);
}
