/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stand.c: tgtd and istgt for the tests that hold their threads. Test's thread.
 */
#include "fault/stand.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "harness/harness.h"

#define IQN "iqn.2026-11.io.discsi:held"
#define LUN_BYTES (16u << 20)

const long stand_write_calls[] = {
	SYS_pwrite64, SYS_write, SYS_pwritev, -1
};
const long stand_read_calls[] = { SYS_pread64, SYS_read, SYS_preadv, -1 };

bool stand_on_tgtd(struct stand *stand)
{
	char *path;
	bool is_ready;

	memset(stand, 0, sizeof(*stand));
	if (dsc_tgtd_start(&stand->tgtd) != 0) {
		CU_FAIL("tgtd");
		return false;
	}
	stand->pid = dsc_tgtd_pid(stand->tgtd);
	stand->port = dsc_tgtd_port(stand->tgtd);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(stand->tgtd, 1, IQN), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(stand->tgtd, 1, 1, LUN_BYTES, 512, 0),
			0);
	path = dsc_tgtd_lun_path(stand->tgtd, 1, 1);
	is_ready = rig_prepare_real(&stand->rig, dsc_tgtd_portal(stand->tgtd),
				    IQN, 1, path);
	free(path);
	return is_ready;
}

bool stand_on_istgt(struct stand *stand)
{
	const struct dsc_istgt_options options = {
		.iqn = IQN, .lun_bytes = { LUN_BYTES },
	};
	const char *portal;
	char *path;
	bool is_ready;

	memset(stand, 0, sizeof(*stand));
	if (dsc_istgt_start(&options, &stand->istgt) != 0) {
		CU_FAIL("istgt");
		return false;
	}
	portal = dsc_istgt_portal(stand->istgt);
	stand->pid = dsc_istgt_pid(stand->istgt);
	stand->port = (unsigned)strtoul(strchr(portal, ':') + 1, NULL, 10);
	path = dsc_istgt_lun_path(stand->istgt, 0);
	is_ready = rig_prepare_real(&stand->rig, portal, IQN, 0, path);
	free(path);
	return is_ready;
}

void stand_down(struct stand *stand)
{
	rig_end(&stand->rig);
	dsc_tgtd_stop(stand->tgtd);
	dsc_istgt_stop(stand->istgt);
}

int stand_set_up(void)
{
	if (!dsc_tgtd_is_installed() || !dsc_istgt_is_installed())
		dsc_test_skip("tgtd or istgt is not installed");
	else if (!held_is_possible())
		dsc_test_skip("this machine does not allow ptrace");
	return 0;
}
