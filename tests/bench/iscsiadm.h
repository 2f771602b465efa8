/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iscsiadm.h: open-iscsi's way to a disk, for bench-mount: discovery, login,
 * the disk appears, which the kernel tells (a uevent), and is read. One thread.
 */
#ifndef DSC_TESTS_ISCSIADM_H
#define DSC_TESTS_ISCSIADM_H

/*
 * From nothing until a block of the LUN has been read. Ends the program when a
 * step fails. iscsiadm_end() logs out and forgets the node.
 */
void iscsiadm_begin(const char *portal, const char *iqn);
void iscsiadm_end(const char *portal, const char *iqn);

#endif /* DSC_TESTS_ISCSIADM_H */
