/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/tlslib.h: GnuTLS, loaded when TLS is asked for. It brings nine more
 * libraries, and to load them would cost every process half of the time that it
 * takes to start. Calls look as usual: each name is a macro for a pointer that
 * nbd_tls_lib_load() fills.
 *
 * Main thread, before there are clients; what is loaded stays.
 */
#ifndef NBD_TLSLIB_H
#define NBD_TLSLIB_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/* The interface of GnuTLS 3; a 4 would have another name. */
#define NBD_TLS_LIB_NAME "libgnutls.so.30"

#define NBD_TLS_NAMES(NAME) \
	NAME(gnutls_alert_get) \
	NAME(gnutls_alert_get_name) \
	NAME(gnutls_alert_send_appropriate) \
	NAME(gnutls_bye) \
	NAME(gnutls_certificate_allocate_credentials) \
	NAME(gnutls_certificate_free_credentials) \
	NAME(gnutls_certificate_server_set_request) \
	NAME(gnutls_certificate_set_x509_crl_mem) \
	NAME(gnutls_certificate_set_x509_key_mem2) \
	NAME(gnutls_certificate_set_x509_trust_mem) \
	NAME(gnutls_certificate_verification_status_print) \
	NAME(gnutls_credentials_set) \
	NAME(gnutls_deinit) \
	NAME(gnutls_error_is_fatal) \
	NAME(gnutls_free) \
	NAME(gnutls_handshake) \
	NAME(gnutls_handshake_set_timeout) \
	NAME(gnutls_hex_decode2) \
	NAME(gnutls_init) \
	NAME(gnutls_malloc) \
	NAME(gnutls_priority_deinit) \
	NAME(gnutls_priority_init2) \
	NAME(gnutls_priority_set) \
	NAME(gnutls_psk_allocate_server_credentials) \
	NAME(gnutls_psk_free_server_credentials) \
	NAME(gnutls_psk_set_server_credentials_function2) \
	NAME(gnutls_record_check_pending) \
	NAME(gnutls_record_get_direction) \
	NAME(gnutls_record_recv) \
	NAME(gnutls_record_send) \
	NAME(gnutls_rnd) \
	NAME(gnutls_session_get_ptr) \
	NAME(gnutls_session_get_verify_cert_status) \
	NAME(gnutls_session_set_ptr) \
	NAME(gnutls_session_set_verify_cert2) \
	NAME(gnutls_strerror) \
	NAME(gnutls_transport_set_errno) \
	NAME(gnutls_transport_set_ptr) \
	NAME(gnutls_transport_set_pull_function) \
	NAME(gnutls_transport_set_push_function)

#define NBD_TLS_MEMBER(name) __typeof__(&name) name;

struct nbd_tls_lib {
	NBD_TLS_NAMES(NBD_TLS_MEMBER)
};

extern struct nbd_tls_lib nbd_tls_lib;

/* Errors: EOPNOTSUPP (it is not installed, or lacks something). */
int nbd_tls_lib_load(void);

#ifndef NBD_TLS_LIB_PLAIN
#define gnutls_alert_get (*nbd_tls_lib.gnutls_alert_get)
#define gnutls_alert_get_name (*nbd_tls_lib.gnutls_alert_get_name)
#define gnutls_alert_send_appropriate \
	(*nbd_tls_lib.gnutls_alert_send_appropriate)
#define gnutls_bye (*nbd_tls_lib.gnutls_bye)
#define gnutls_certificate_allocate_credentials \
	(*nbd_tls_lib.gnutls_certificate_allocate_credentials)
#define gnutls_certificate_free_credentials \
	(*nbd_tls_lib.gnutls_certificate_free_credentials)
#define gnutls_certificate_server_set_request \
	(*nbd_tls_lib.gnutls_certificate_server_set_request)
#define gnutls_certificate_set_x509_crl_mem \
	(*nbd_tls_lib.gnutls_certificate_set_x509_crl_mem)
#define gnutls_certificate_set_x509_key_mem2 \
	(*nbd_tls_lib.gnutls_certificate_set_x509_key_mem2)
#define gnutls_certificate_set_x509_trust_mem \
	(*nbd_tls_lib.gnutls_certificate_set_x509_trust_mem)
#define gnutls_certificate_verification_status_print \
	(*nbd_tls_lib.gnutls_certificate_verification_status_print)
#define gnutls_credentials_set (*nbd_tls_lib.gnutls_credentials_set)
#define gnutls_deinit (*nbd_tls_lib.gnutls_deinit)
#define gnutls_error_is_fatal (*nbd_tls_lib.gnutls_error_is_fatal)
#define gnutls_free (*nbd_tls_lib.gnutls_free)
#define gnutls_handshake (*nbd_tls_lib.gnutls_handshake)
#define gnutls_handshake_set_timeout (*nbd_tls_lib.gnutls_handshake_set_timeout)
#define gnutls_hex_decode2 (*nbd_tls_lib.gnutls_hex_decode2)
#define gnutls_init (*nbd_tls_lib.gnutls_init)
#define gnutls_malloc (*nbd_tls_lib.gnutls_malloc)
#define gnutls_priority_deinit (*nbd_tls_lib.gnutls_priority_deinit)
#define gnutls_priority_init2 (*nbd_tls_lib.gnutls_priority_init2)
#define gnutls_priority_set (*nbd_tls_lib.gnutls_priority_set)
#define gnutls_psk_allocate_server_credentials \
	(*nbd_tls_lib.gnutls_psk_allocate_server_credentials)
#define gnutls_psk_free_server_credentials \
	(*nbd_tls_lib.gnutls_psk_free_server_credentials)
#define gnutls_psk_set_server_credentials_function2 \
	(*nbd_tls_lib.gnutls_psk_set_server_credentials_function2)
#define gnutls_record_check_pending (*nbd_tls_lib.gnutls_record_check_pending)
#define gnutls_record_get_direction (*nbd_tls_lib.gnutls_record_get_direction)
#define gnutls_record_recv (*nbd_tls_lib.gnutls_record_recv)
#define gnutls_record_send (*nbd_tls_lib.gnutls_record_send)
#define gnutls_rnd (*nbd_tls_lib.gnutls_rnd)
#define gnutls_session_get_ptr (*nbd_tls_lib.gnutls_session_get_ptr)
#define gnutls_session_get_verify_cert_status \
	(*nbd_tls_lib.gnutls_session_get_verify_cert_status)
#define gnutls_session_set_ptr (*nbd_tls_lib.gnutls_session_set_ptr)
#define gnutls_session_set_verify_cert2 \
	(*nbd_tls_lib.gnutls_session_set_verify_cert2)
#define gnutls_strerror (*nbd_tls_lib.gnutls_strerror)
#define gnutls_transport_set_errno (*nbd_tls_lib.gnutls_transport_set_errno)
#define gnutls_transport_set_ptr (*nbd_tls_lib.gnutls_transport_set_ptr)
#define gnutls_transport_set_pull_function \
	(*nbd_tls_lib.gnutls_transport_set_pull_function)
#define gnutls_transport_set_push_function \
	(*nbd_tls_lib.gnutls_transport_set_push_function)
#endif

#endif /* NBD_TLSLIB_H */
