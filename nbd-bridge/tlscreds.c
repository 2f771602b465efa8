/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tlscreds.c: certificates and keys from files. What is a secret must not be
 * open to others, and is wiped here when GnuTLS has it. Before there are
 * threads; look_up() on the loop's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/secret.h"

#include "tls-internal.h"
#include "tlslib.h"

#define FILE_MAX ((size_t)1 << 20)

/* What an unknown name is answered with: the same failure as a wrong key. */
#define DECOY_SIZE 32

/* Added to what the system's administrator says, or GnuTLS by itself. */
#define PRIORITY_X509 "-VERS-TLS1.1:-VERS-TLS1.0"
#define PRIORITY_PSK PRIORITY_X509 ":+ECDHE-PSK:+DHE-PSK"

/* ------------------------------------------------------------------- files */

struct content {
	uint8_t *data;  /* with a NUL behind it */
	size_t length;
};

static void forget(struct content *content)
{
	if (content->data != NULL)
		dsc_wipe(content->data, content->length);
	free(content->data);
	content->data = NULL;
}

/* Whoever can read it can be us, and whoever can write it, too. */
static int check_private(const char *path, const struct stat *st)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return dsc_fail(EPERM, "%s belongs to another user, who could "
				"read the key in it", path);
	if ((st->st_mode & (S_IRWXO | S_IWGRP)) != 0)
		return dsc_fail(EPERM, "%s is open to others (mode %04o), and "
				"a key is in it: chmod 600 it", path,
				(unsigned)st->st_mode & 07777u);
	return 0;
}

static int read_all(int fd, struct content *content)
{
	ssize_t n = 1;

	content->length = 0;
	content->data = malloc(FILE_MAX + 1);
	if (content->data == NULL)
		return -ENOMEM;
	while (n > 0 && content->length < FILE_MAX) {
		n = read(fd, content->data + content->length,
			 FILE_MAX - content->length);
		if (n > 0)
			content->length += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	content->data[content->length] = '\0';
	return n < 0 ? -errno : 0;
}

static int load_file(const char *path, bool is_secret, struct content *content)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc = 0;

	content->data = NULL;
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = dsc_fail(errno, "%s cannot be read (%s)",
			      dsc_secret_shown(path),
			      discsi_errno_name(errno));
	} else if (is_secret) {
		rc = check_private(path, &st);
	}
	if (rc == 0) {
		rc = read_all(fd, content);
		if (rc < 0)
			rc = dsc_fail(-rc, "%s cannot be read (%s)",
				      dsc_secret_shown(path),
				      discsi_errno_name(rc));
	}
	if (rc == 0 && content->length == FILE_MAX)
		rc = dsc_fail(EINVAL, "%s is longer than 1 MiB", path);
	if (fd >= 0)
		close(fd);
	if (rc < 0)
		forget(content);
	return rc;
}

static int fail_gnutls(const char *path, int rc)
{
	return dsc_fail(rc == GNUTLS_E_MEMORY_ERROR ? ENOMEM : EINVAL,
			"%s: %s", path, gnutls_strerror(rc));
}

/* ------------------------------------------------------------ certificates */

static char *in_directory(const char *directory, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static gnutls_datum_t datum_of(const struct content *content)
{
	return (gnutls_datum_t){ content->data, (unsigned)content->length };
}

static int use_identity(struct nbd_tls_creds *creds, const char *cert_path,
			const char *key_path)
{
	struct content cert = { NULL, 0 }, key = { NULL, 0 };
	gnutls_datum_t cert_datum, key_datum;
	int rc = load_file(cert_path, false, &cert);

	if (rc == 0)
		rc = load_file(key_path, true, &key);
	if (rc == 0) {
		cert_datum = datum_of(&cert);
		key_datum = datum_of(&key);
		rc = gnutls_certificate_set_x509_key_mem2(
			creds->x509, &cert_datum, &key_datum,
			GNUTLS_X509_FMT_PEM, NULL, 0);
		rc = rc < 0 ? fail_gnutls(cert_path, rc) : 0;
	}
	forget(&key);
	forget(&cert);
	return rc;
}

/* A list of certificates, or of those that are revoked. */
static int use_list(struct nbd_tls_creds *creds, const char *path,
		    int (*use)(gnutls_certificate_credentials_t x509,
			       const gnutls_datum_t *datum,
			       gnutls_x509_crt_fmt_t format))
{
	struct content content;
	gnutls_datum_t datum;
	int rc = load_file(path, false, &content);

	if (rc < 0)
		return rc;
	datum = datum_of(&content);
	rc = use(creds->x509, &datum, GNUTLS_X509_FMT_PEM);
	forget(&content);
	if (rc > 0)
		return 0;
	return rc < 0 ? fail_gnutls(path, rc) :
	       dsc_fail(EINVAL, "%s: there is nothing in it", path);
}

static int use_authority(struct nbd_tls_creds *creds, const char *ca_path,
			 const char *crl_path)
{
	int rc = use_list(creds, ca_path,
			  gnutls_certificate_set_x509_trust_mem);

	if (rc == 0 && access(crl_path, F_OK) == 0)
		rc = use_list(creds, crl_path,
			      gnutls_certificate_set_x509_crl_mem);
	return rc;
}

static int load_x509(struct nbd_tls_creds *creds, const char *directory)
{
	char *cert = in_directory(directory, "server-cert.pem");
	char *key = in_directory(directory, "server-key.pem");
	char *ca = in_directory(directory, "ca-cert.pem");
	char *crl = in_directory(directory, "ca-crl.pem");
	int rc;

	if (cert == NULL || key == NULL || ca == NULL || crl == NULL ||
	    gnutls_certificate_allocate_credentials(&creds->x509) < 0)
		rc = dsc_fail_memory();
	else
		rc = use_identity(creds, cert, key);
	if (rc == 0 && creds->is_verified)
		rc = use_authority(creds, ca, crl);
	free(cert);
	free(key);
	free(ca);
	free(crl);
	return rc;
}

/* ---------------------------------------------------------- pre-shared keys */

/* Gives GnuTLS a copy of the key that a name has; called in a handshake. */
static int look_up(gnutls_session_t session, const gnutls_datum_t *name,
		   gnutls_datum_t *key)
{
	const struct nbd_tls_creds *creds = gnutls_session_get_ptr(session);
	const gnutls_datum_t *found = NULL;
	size_t i;

	for (i = 0; i < creds->nkeys && found == NULL; i++) {
		if (creds->keys[i].name_length == name->size &&
		    memcmp(creds->keys[i].name, name->data, name->size) == 0)
			found = &creds->keys[i].key;
	}
	key->size = found != NULL ? found->size : DECOY_SIZE;
	key->data = gnutls_malloc(key->size);
	if (key->data == NULL)
		return -1;
	if (found != NULL)
		memcpy(key->data, found->data, found->size);
	else if (gnutls_rnd(GNUTLS_RND_KEY, key->data, key->size) < 0)
		return -1;
	return 0;
}

/* One line, without its end: NAME:HEX. */
static int add_key(struct nbd_tls_creds *creds, const char *line, size_t length)
{
	const char *colon = memrchr(line, ':', length);
	struct nbd_tls_key *keys, *key;
	gnutls_datum_t hex;

	if (colon == NULL || colon == line)
		return -EINVAL;
	keys = realloc(creds->keys, (creds->nkeys + 1) * sizeof(*keys));
	if (keys == NULL)
		return -ENOMEM;
	creds->keys = keys;
	key = &keys[creds->nkeys];
	hex.data = (unsigned char *)(uintptr_t)(colon + 1);
	hex.size = (unsigned)(line + length - colon - 1);
	if (hex.size == 0 || gnutls_hex_decode2(&hex, &key->key) < 0)
		return -EINVAL;
	key->name_length = (size_t)(colon - line);
	key->name = strndup(line, key->name_length);
	creds->nkeys++;
	return key->name != NULL ? 0 : -ENOMEM;
}

static int add_keys(struct nbd_tls_creds *creds, const char *path,
		    const char *text)
{
	unsigned number;
	int rc = 0;

	for (number = 1; rc == 0 && *text != '\0'; number++) {
		const char *end = strchrnul(text, '\n');
		size_t length = (size_t)(end - text);

		if (length > 0 && text[length - 1] == '\r')
			length--;
		if (length > 0)
			rc = add_key(creds, text, length);
		text = *end == '\n' ? end + 1 : end;
	}
	if (rc == -ENOMEM)
		return dsc_fail_memory();
	if (rc < 0)
		return dsc_fail(EINVAL, "%s: line %u is not a name, a colon "
				"and a key in hexadecimal", path, number - 1);
	if (creds->nkeys == 0)
		return dsc_fail(EINVAL, "%s: there is no key in it", path);
	return 0;
}

static int load_psk(struct nbd_tls_creds *creds, const char *path)
{
	struct content content;
	int rc;

	if (gnutls_psk_allocate_server_credentials(&creds->psk) < 0)
		return dsc_fail_memory();
	gnutls_psk_set_server_credentials_function2(creds->psk, look_up);
	rc = load_file(path, true, &content);
	if (rc < 0)
		return rc;
	rc = add_keys(creds, path, (const char *)content.data);
	forget(&content);
	return rc;
}

/* ----------------------------------------------------------- begin and end */

int nbd_tls_creds_load(const char *directory, const char *psk, bool is_verified,
		       struct nbd_tls_creds **creds)
{
	struct nbd_tls_creds *made;
	int rc = nbd_tls_lib_load();

	*creds = NULL;
	if (rc < 0)
		return rc;
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return dsc_fail_memory();
	made->is_verified = is_verified;
	if (directory != NULL)
		rc = load_x509(made, directory);
	else
		rc = load_psk(made, psk);
	if (rc == 0) {
		rc = gnutls_priority_init2(&made->priority, directory != NULL ?
					   PRIORITY_X509 : PRIORITY_PSK, NULL,
					   GNUTLS_PRIORITY_INIT_DEF_APPEND);
		rc = rc < 0 ? fail_gnutls("the system's TLS priorities", rc) : 0;
	}
	if (rc < 0) {
		nbd_tls_creds_free(made);
		return rc;
	}
	*creds = made;
	return 0;
}

void nbd_tls_creds_free(struct nbd_tls_creds *creds)
{
	size_t i;

	if (creds == NULL)
		return;
	for (i = 0; i < creds->nkeys; i++) {
		dsc_wipe(creds->keys[i].key.data, creds->keys[i].key.size);
		gnutls_free(creds->keys[i].key.data);
		free(creds->keys[i].name);
	}
	free(creds->keys);
	if (creds->x509 != NULL)
		gnutls_certificate_free_credentials(creds->x509);
	if (creds->psk != NULL)
		gnutls_psk_free_server_credentials(creds->psk);
	if (creds->priority != NULL)
		gnutls_priority_deinit(creds->priority);
	free(creds);
}
