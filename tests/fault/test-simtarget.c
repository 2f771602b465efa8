/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-simtarget.c: other people's initiators on the simulated target: what
 * only our own code can talk to would prove nothing.
 *
 * iscsi-test-cu runs all of its SCSI families (those for commands that the
 * target does not have see to it that it says so), and of the iSCSI ones
 * Residuals, TMF, cmdsn and datasn. The last one is for a target that asks for
 * all data (after a reconnect libiscsi 1.19 sends immediate data again although
 * the test has turned it off, and nothing is left to be wrong in a Data-Out).
 * ALL and LINUX are the same tests in other orders.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "simtarget/simtarget.h"

#define MIB 2048u  /* blocks */

static const struct sim_config thin = {
	.blocks = 256 * MIB, .thin = true, .write_cache = true, .fua = true,
	.luns = 2,
};

/* "iscsi://…/iqn", or with "/lun" */
static void make_url(const struct sim *sim, const char *lun, char *url,
		     size_t room)
{
	snprintf(url, room, "iscsi://%s/%s%s%s", sim_portal(sim, 0), SIM_IQN,
		 lun[0] == '\0' ? "" : "/", lun);
}

/* Runs it; its output has to have these words. */
static void run(const char *const argv[], const char *words)
{
	/* The whole of a family; the case may have a shorter deadline. */
	const struct dsc_run_options options = { .timeout_ms = 280000 };
	struct dsc_run_result result;

	if (!dsc_has_program(argv[0])) {
		dsc_test_skip("%s is not installed", argv[0]);
		return;
	}
	dsc_run_with(&result, &options, argv);
	if (result.status != 0 || strstr(result.out, words) == NULL) {
		dsc_run_note(&result, argv);
		CU_FAIL("another initiator does not like the target");
	}
	dsc_run_free(&result);
}

#define RUN(words, ...) \
	run((const char *const[]){ __VA_ARGS__, NULL }, words)

static void test_libiscsi_tools(void)
{
	struct sim *sim = sim_start(&thin);
	char portal[64];
	char url[160];

	snprintf(portal, sizeof(portal), "iscsi://%s", sim_portal(sim, 0));
	make_url(sim, "1", url, sizeof(url));
	RUN("Lun:1", "iscsi-ls", "-s", portal);
	RUN("Simulated disk", "iscsi-inq", url);
	RUN("SIM00001", "iscsi-inq", "-e", "1", "-c", "128", url);
	RUN("RETURNED LOGICAL BLOCK ADDRESS:524287", "iscsi-readcapacity16",
	    url);
	RUN("iops average", "iscsi-perf", "-m", "32", "-b", "8", "-t", "1",
	    "-r", url);
	CU_ASSERT_TRUE(sim_count(sim, 0x88) > 100);
	sim_stop(sim);
}

static void test_qemu(void)
{
	struct sim *sim = sim_start(&thin);
	char url[160];

	make_url(sim, "0", url, sizeof(url));
	RUN("virtual size: 256 MiB", "qemu-img", "info", url);
	RUN("wrote 3145728", "qemu-io", "-f", "raw",
	    "-c", "write -P 0xa5 1M 3M", "-c", "read -P 0xa5 1M 3M",
	    "-c", "discard 2M 1M", "-c", "read -P 0 2M 1M",
	    "-c", "write -z 3M 512k", "-c", "flush",
	    "-c", "read -P 0 3M 512k", "-c", "read -P 0xa5 3584k 512k", url);
	sim_stop(sim);
}

/* The families, on a target of this kind. */
static void test_families(const struct sim_config *config,
			  const char *const families[])
{
	struct sim *sim = sim_start(config);
	char url[160];

	make_url(sim, "0", url, sizeof(url));
	for (; *families != NULL; families++)
		RUN("Tests completed", "iscsi-test-cu", "--dataloss", "-t",
		    *families, url);
	sim_stop(sim);
}

static void test_scsi_512(void)
{
	static const char *const families[] = { "SCSI", NULL };

	test_families(&thin, families);
}

static void test_scsi_4096(void)
{
	static const char *const families[] = { "SCSI", NULL };
	const struct sim_config large = {
		.blocks = 32 * MIB, .block_size = 4096, .thin = true,
		.fua = true,
	};

	test_families(&large, families);
}

static void test_iscsi(void)
{
	static const char *const families[] = {
		"iSCSI.iSCSIResiduals", "iSCSI.iSCSITMF", "iSCSI.iSCSIcmdsn",
		NULL
	};

	test_families(&thin, families);
}

static void test_iscsi_asks_for_data(void)
{
	static const char *const families[] = {
		"iSCSI.iSCSIResiduals", "iSCSI.iSCSIdatasn", NULL
	};
	const struct sim_config asks = {
		.blocks = 256 * MIB, .initial_r2t = true,
		.no_immediate_data = true,
	};

	test_families(&asks, families);
}

static const struct dsc_test tests[] = {
	{ "libiscsi_tools", test_libiscsi_tools },
	{ "qemu", test_qemu },
	{ "scsi_512", test_scsi_512 },
	{ "scsi_4096", test_scsi_4096 },
	{ "iscsi", test_iscsi },
	{ "iscsi_asks_for_data", test_iscsi_asks_for_data },
	{ NULL, NULL }
};

static int set_up(void)
{
#ifdef __SANITIZE_THREAD__
	dsc_test_skip("one thread serves others' programs here: thread "
		      "sanitizer finds nothing, and takes minutes for it");
#endif
	return 0;
}

int main(int argc, char **argv)
{
	/* The address sanitizer looks after each of the target's large buffers. */
	if (DSC_HAS_SANITIZER)
		setenv("DSC_TEST_TIMEOUT", "300", 0);
	return dsc_test_main_fixture("simtarget", tests, set_up, NULL, argc,
				     argv);
}
