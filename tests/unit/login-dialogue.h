/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-dialogue.h: a login as the checker sees it, request by request and
 * reply by reply, with what libiscsi 1.19 sends and what tgtd 1.0.85 and istgt
 * 0.4 answer. One dialogue at a time, for one thread.
 */
#ifndef DSC_TESTS_UNIT_LOGIN_DIALOGUE_H
#define DSC_TESTS_UNIT_LOGIN_DIALOGUE_H

#include "harness/harness.h"
#include "iscsi/login-check.h"
#include "login-pdu.h"

/* ------------------------------------------- libiscsi's side, as captured */

#define NAMES "InitiatorName=iqn.2026-01.test:i\0" \
	      "TargetName=iqn.2026-01.test:t\0SessionType=Normal\0"
#define OFFERS_REST                                                        \
	"DataDigest=None\0InitialR2T=No\0ImmediateData=Yes\0"              \
	"MaxBurstLength=262144\0FirstBurstLength=262144\0"                 \
	"DefaultTime2Wait=2\0DefaultTime2Retain=0\0MaxOutstandingR2T=1\0"  \
	"ErrorRecoveryLevel=0\0IFMarker=No\0OFMarker=No\0"                 \
	"MaxConnections=1\0MaxRecvDataSegmentLength=262144\0"              \
	"DataPDUInOrder=Yes\0DataSequenceInOrder=Yes"
#define OFFERS "HeaderDigest=None\0" OFFERS_REST
#define OFFERS_PREFER "HeaderDigest=CRC32C,None\0" OFFERS_REST
#define OFFERS_REQUIRE "HeaderDigest=CRC32C\0" OFFERS_REST
#define OFFER_CHAP NAMES "AuthMethod=CHAP,None"
#define ANSWER_CHAP \
	"CHAP_N=u\0CHAP_R=0x3BC848B9C7D3709ED3015ABBF796BB17"
#define ANSWER_MUTUAL ANSWER_CHAP                                          \
	"\0CHAP_I=1\0CHAP_C=0x4EB0625397203EF2D62ED33CD22B47F45BC0953FF533" \
	"74BE30359BB6FA408849"

/* ----------------------------------------- targets' side, as captured too */

#define TGTD_RESULTS                                                       \
	"HeaderDigest=None\0DataDigest=None\0InitialR2T=Yes\0"             \
	"ImmediateData=Yes\0MaxBurstLength=262144\0FirstBurstLength=65536\0" \
	"DefaultTime2Wait=2\0DefaultTime2Retain=0\0MaxOutstandingR2T=1\0"  \
	"ErrorRecoveryLevel=0\0IFMarker=No\0OFMarker=No\0"                 \
	"MaxConnections=1\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes"
#define ISTGT_RESULTS_REST                                                 \
	"DataDigest=None\0InitialR2T=Yes\0ImmediateData=Yes\0"             \
	"MaxBurstLength=262144\0FirstBurstLength=262144\0"                 \
	"DefaultTime2Wait=2\0DefaultTime2Retain=0\0MaxOutstandingR2T=1\0"  \
	"ErrorRecoveryLevel=0\0IFMarker=No\0OFMarker=No\0"                 \
	"MaxConnections=1\0MaxRecvDataSegmentLength=262144\0"              \
	"DataPDUInOrder=Yes\0DataSequenceInOrder=Yes"
#define ISTGT_RESULTS \
	"TargetPortalGroupTag=1\0HeaderDigest=CRC32C\0" ISTGT_RESULTS_REST
#define CHOOSE_CHAP "TargetPortalGroupTag=1\0AuthMethod=CHAP"
#define CHALLENGE                                                          \
	"CHAP_A=5\0CHAP_I=5\0CHAP_C=0x418c522d03ce5c57dab597672a43ffc6faa9" \
	"e4cc3ec77c006856cc8c9405b6cb97673dedd3f6e081bc63b2eb148309d0ca27"
/* tgtd's own, with the secret "targetsecret2", to ANSWER_MUTUAL */
#define PROOF "CHAP_N=tu\0CHAP_R=0x1d8018f08e3efcf8ef560a21069446d9"

#define TEXT(literal) literal, sizeof(literal)

/* -------------------------------------------------------------- dialogue */

#define ITT 0x3b3a0fa4u
#define CMD_SN 0x65572fd2u

/* One login, as far as it has come. */
struct dialogue {
	struct dsc_login_check check;
	struct dsc_login_policy policy;
	uint32_t stat_sn;
	struct login_pdu pdu;  /* the last reply, to be tried and changed */
};

extern struct dialogue d;

void begin(void);
/* With mutual CHAP: the target is "tu" and knows "targetsecret2". */
void begin_mutual(void);
/* To where a request in the operational stage waits for its answer. */
void begin_operational(void);
/* To where an offer of CHAP waits for its answer. */
void begin_offer(void);
/* On to where the target has to send its challenge. */
void go_to_challenge(void);
/* On to where our response, and with mutual CHAP our challenge, is sent. */
void go_to_response(void);
/* Forgets the secret. */
void end(void);

/* Shows the checker a request. */
bool ask_text(uint8_t flags, const char *text, size_t length);

/* Makes the next reply. */
void prepare(uint8_t flags, uint16_t status, const char *text, size_t length);
/* Shows the checker the reply as it stands, in a buffer of just its length. */
enum dsc_login_verdict try_reply(void);
/* Both. */
enum dsc_login_verdict answer_text(uint8_t flags, const char *text,
				   size_t length);

/* The checker's error is this errno, and its sentence holds these words. */
void assert_error(int errnum, const char *words);

#define ASK(flags, literal) \
	CU_ASSERT_FATAL(ask_text(flags, TEXT(literal)))
#define ANSWER(flags, literal, verdict) \
	CU_ASSERT_EQUAL(answer_text(flags, TEXT(literal)), verdict)
#define ANSWER_NOTHING(flags, verdict) \
	CU_ASSERT_EQUAL(answer_text(flags, "", 0), verdict)
#define REFUSED(flags, literal, errnum, words)                  \
	do {                                                    \
		ANSWER(flags, literal, DSC_LOGIN_REFUSED);      \
		assert_error(errnum, words);                    \
	} while (0)

#endif /* DSC_TESTS_UNIT_LOGIN_DIALOGUE_H */
