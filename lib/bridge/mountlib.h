/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge/mountlib.h: libmount, loaded when something is to be detached. Calls
 * look as usual: each name is a macro for a pointer. Any thread.
 */
#ifndef DSC_BRIDGE_MOUNTLIB_H
#define DSC_BRIDGE_MOUNTLIB_H

#include <libmount.h>

#define DSC_MOUNTLIB_NAMES(NAME) \
	NAME(mnt_free_iter) \
	NAME(mnt_fs_get_devno) \
	NAME(mnt_fs_get_source) \
	NAME(mnt_fs_get_target) \
	NAME(mnt_new_iter) \
	NAME(mnt_new_table) \
	NAME(mnt_table_next_fs) \
	NAME(mnt_table_parse_file) \
	NAME(mnt_table_parse_swaps) \
	NAME(mnt_unref_table)

#define DSC_MOUNTLIB_MEMBER(name) __typeof__(&name) name;

struct dsc_mountlib {
	DSC_MOUNTLIB_NAMES(DSC_MOUNTLIB_MEMBER)
};

/* Filled by dsc_mountlib_load(). */
extern struct dsc_mountlib dsc_mountlib;

/* Errors: EOPNOTSUPP. */
int dsc_mountlib_load(void);

#ifndef DSC_MOUNTLIB_PLAIN
#define mnt_free_iter (*dsc_mountlib.mnt_free_iter)
#define mnt_fs_get_devno (*dsc_mountlib.mnt_fs_get_devno)
#define mnt_fs_get_source (*dsc_mountlib.mnt_fs_get_source)
#define mnt_fs_get_target (*dsc_mountlib.mnt_fs_get_target)
#define mnt_new_iter (*dsc_mountlib.mnt_new_iter)
#define mnt_new_table (*dsc_mountlib.mnt_new_table)
#define mnt_table_next_fs (*dsc_mountlib.mnt_table_next_fs)
#define mnt_table_parse_file (*dsc_mountlib.mnt_table_parse_file)
#define mnt_table_parse_swaps (*dsc_mountlib.mnt_table_parse_swaps)
#define mnt_unref_table (*dsc_mountlib.mnt_unref_table)
#endif

#endif /* DSC_BRIDGE_MOUNTLIB_H */
