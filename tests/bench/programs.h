/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * programs.h: an operator's ways to a disk, for bench-mount: programs are run, the
 * kernel tells of the disk (a uevent), and it is read. As root, where the kernel
 * has nbd and iscsi_tcp and iscsid runs. One thread.
 */
#ifndef DSC_TESTS_PROGRAMS_H
#define DSC_TESTS_PROGRAMS_H

#include <stdbool.h>

struct lun {
	const char *portal;  /* an address without a port, or with one */
	const char *iqn;
	const char *number;
};

struct program {
	const char *name;    /* of the program that has to be there */
	/*
	 * From nothing until a block of the LUN has been read, and back to
	 * nothing. The benchmark ends when a step fails.
	 */
	void (*begin)(const struct lun *lun);
	void (*end)(const struct lun *lun);
};

/* iscsiadm: discovery, login, the disk appears. */
extern const struct program program_iscsiadm;

/* discsi attach */
extern const struct program program_attach;

/* qemu-nbd -c, as fast as it can be made. */
extern const struct program program_qemu_nbd;

/* False when the program is not in PATH. */
bool program_is_there(const struct program *program);

#endif /* DSC_TESTS_PROGRAMS_H */
