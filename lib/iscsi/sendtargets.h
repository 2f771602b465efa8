/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sendtargets.h: reading the answer to SendTargets (RFC 7143 appendix C). Pure;
 * any thread.
 */
#ifndef DSC_ISCSI_SENDTARGETS_H
#define DSC_ISCSI_SENDTARGETS_H

#include <stddef.h>
#include <stdint.h>

#include <discsi/discovery.h>

/* The longest iSCSI name (RFC 7143 section 4.2.7.1) and host name. */
#define DSC_TARGET_NAME_MAX 223
#define DSC_HOST_NAME_MAX 255

/* More than this in one answer is taken for nonsense. */
#define DSC_TARGETS_MAX 8192
#define DSC_PORTALS_MAX 256  /* of one target */

/*
 * Reads text, a sequence of key=value pairs each ended by NUL. Targets and
 * addresses keep their order; keys other than TargetName and TargetAddress
 * are passed over; an address without a port has 3260, without a tag 0.
 *
 * address, port, tpgt: what a target without an address of its own has;
 *      address NULL: nothing.
 * result: receives an answer whose parts are malloc'ed one by one: each
 *      targets[].target, targets[].portals[].address and targets[].portals,
 *      then targets, then result itself.
 * Errors: EPROTO (not of that form), ENOMEM; *result is then NULL.
 */
int dsc_sendtargets_parse(const char *text, size_t length, const char *address,
			  uint16_t port, uint16_t tpgt,
			  struct discsi_discovery **result);

#endif /* DSC_ISCSI_SENDTARGETS_H */
