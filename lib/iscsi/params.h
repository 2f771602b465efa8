/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * params.h: what a login has settled for one connection (RFC 7143 section 13).
 * Plain data: filled by the login checker, read by the engine. Pure.
 */
#ifndef DSC_ISCSI_PARAMS_H
#define DSC_ISCSI_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

/* What libiscsi declares for us, in every version (LIBISCSI notes, trap 21). */
#define DSC_OUR_MAX_RECV_BYTES 262144u
#define DSC_OUR_MAX_BURST_BYTES 262144u
#define DSC_OUR_FIRST_BURST_BYTES 262144u

struct dsc_params {
	uint32_t max_send_bytes;     /* target's MaxRecvDataSegmentLength */
	uint32_t max_recv_bytes;     /* ours */
	uint32_t max_burst_bytes;
	uint32_t first_burst_bytes;
	uint32_t max_outstanding_r2t;
	bool initial_r2t;
	bool immediate_data;
	bool header_digest;
	bool data_digest;
	uint16_t tpgt;
	uint16_t tsih;
	uint8_t isid[6];
	/* of the last Login Response */
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
};

#endif /* DSC_ISCSI_PARAMS_H */
