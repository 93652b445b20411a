/* SPDX-License-Identifier: Apache-2.0 */
/* TLS files: see tls.h. libpq wants file names, so what was converted lies in a memfd that only this user can open, and
 * is read by its name under /proc/self/fd. It does not check certificates or hosts: libpq does. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "connectors/postgres/tls.h"

#define MAX_FILE (1 << 20)

static void close_bio(BIO **b)
{
        BIO_free(*b);
}
#define auto_bio sl_cleanup(close_bio) BIO

struct bytes {
        unsigned char *p;
        size_t n;
};
static void wipe(struct bytes *b)
{
        if (b->p)
                OPENSSL_cleanse(b->p, b->n);
        free(b->p);
}
#define auto_bytes sl_cleanup(wipe) struct bytes

static enum sl_rc read_file(const char *key, const char *path, struct bytes *ret, struct sl_err *err)
{
        FILE *f = fopen(path, "re");
        if (!f)
                return sl_fail(err, SL_E_PG_SETUP, "%s: can't read %s: %s", key, path, strerror(errno));
        ret->p = sl_calloc(1, MAX_FILE);
        ret->n = fread(ret->p, 1, MAX_FILE, f);
        fclose(f);
        return SL_OK;
}

static bool is_pem(const struct bytes *b)
{
        return memmem(b->p, b->n, "-----BEGIN", 10) != NULL;
}

/* Puts the PEM text of b into file i. */
static enum sl_rc keep(struct sl_pg_tls *t, int i, BIO *b, const char **ret, struct sl_err *err)
{
        char *data;
        long n = BIO_get_mem_data(b, &data);
        t->fds[i] = memfd_create("sluice-tls", MFD_CLOEXEC);
        if (t->fds[i] < 0 || fchmod(t->fds[i], 0600) != 0 || write(t->fds[i], data, (size_t)n) != n)
                return sl_fail(err, SL_E_PG_CONNECT, "a TLS file could not be kept in memory: %s", strerror(errno));
        snprintf(t->paths[i], sizeof(t->paths[i]), "/proc/self/fd/%d", t->fds[i]);
        *ret = t->paths[i];
        return SL_OK;
}

/* A certificate in DER becomes PEM; a PEM file is left to libpq. */
static enum sl_rc certificate(struct sl_pg_tls *t, int i, const char *key, const char *path, const char **ret,
                              struct sl_err *err)
{
        auto_bytes in = {0};
        auto_bio *out = BIO_new(BIO_s_mem());
        if (!path || !*path)
                return SL_OK;
        SL_TRY(read_file(key, path, &in, err));
        *ret = path;
        if (is_pem(&in))
                return SL_OK;
        const unsigned char *p = in.p;
        X509 *cert = d2i_X509(NULL, &p, (long)in.n);
        if (!cert)
                return sl_fail(err, SL_E_PG_SETUP,
                               "%s: %s is no certificate in PEM or DER. From a Java keystore: keytool -list -rfc "
                               "-keystore %s > ca.pem",
                               key, path, path);
        PEM_write_bio_X509(out, cert);
        X509_free(cert);
        return keep(t, i, out, ret, err);
}

static enum sl_rc keep_key(struct sl_pg_tls *t, EVP_PKEY *pkey, struct sl_err *err)
{
        auto_bio *out = BIO_new(BIO_s_secmem());
        PEM_write_bio_PKCS8PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL);
        return keep(t, 1, out, &t->key, err);
}

static enum sl_rc undecipherable(const char *path, struct sl_err *err)
{
        return sl_fail(err, SL_E_PG_SETUP,
                       "database.sslkey: %s can't be decrypted: check database.sslpassword; if it is right, the file uses "
                       "an old cipher that OpenSSL 3 no longer has: convert it once with openssl pkcs8 -provider legacy "
                       "-provider default -inform DER -in %s -topk8 -out key.pem (a PKCS#12 store: openssl pkcs12 -legacy)",
                       path, path);
}

/* A store has the certificate and its chain too. */
static enum sl_rc pkcs12(struct sl_pg_tls *t, const struct sl_pg_cfg *cfg, PKCS12 *store, struct sl_err *err)
{
        EVP_PKEY *pkey = NULL;
        X509 *cert = NULL;
        STACK_OF(X509) *chain = NULL;
        auto_bio *out = BIO_new(BIO_s_mem());
        if (!PKCS12_parse(store, cfg->sslpassword ? cfg->sslpassword : "", &pkey, &cert, &chain))
                return undecipherable(cfg->sslkey, err);
        enum sl_rc rc = SL_OK;
        if (!pkey)
                rc = sl_fail(err, SL_E_PG_SETUP, "database.sslkey: %s holds no private key", cfg->sslkey);
        else
                rc = keep_key(t, pkey, err);
        if (rc == SL_OK && cert) {
                PEM_write_bio_X509(out, cert);
                for (int i = 0; i < sk_X509_num(chain); i++)
                        PEM_write_bio_X509(out, sk_X509_value(chain, i));
                rc = keep(t, 0, out, &t->cert, err);
        }
        EVP_PKEY_free(pkey);
        X509_free(cert);
        sk_X509_pop_free(chain, X509_free);
        return rc;
}

static enum sl_rc pkcs8(struct sl_pg_tls *t, const struct sl_pg_cfg *cfg, const struct bytes *in, struct sl_err *err)
{
        const char *password = cfg->sslpassword ? cfg->sslpassword : "";
        const unsigned char *p = in->p;
        PKCS8_PRIV_KEY_INFO *plain = NULL;
        X509_SIG *locked = d2i_X509_SIG(NULL, &p, (long)in->n);
        if (locked) {
                plain = PKCS8_decrypt(locked, password, (int)strlen(password));
                X509_SIG_free(locked);
                if (!plain)
                        return undecipherable(cfg->sslkey, err);
        } else {
                p = in->p;
                plain = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)in->n);
        }
        EVP_PKEY *pkey = plain ? EVP_PKCS82PKEY(plain) : NULL;
        PKCS8_PRIV_KEY_INFO_free(plain);
        if (!pkey)
                return sl_fail(err, SL_E_PG_SETUP,
                               "database.sslkey: %s is no key in PEM, PKCS-8 DER or PKCS#12. From a Java keystore: keytool "
                               "-importkeystore -srckeystore %s -destkeystore key.p12 -deststoretype PKCS12",
                               cfg->sslkey, cfg->sslkey);
        enum sl_rc rc = keep_key(t, pkey, err);
        EVP_PKEY_free(pkey);
        return rc;
}

static enum sl_rc private_key(struct sl_pg_tls *t, const struct sl_pg_cfg *cfg, struct sl_err *err)
{
        auto_bytes in = {0};
        SL_TRY(read_file("database.sslkey", cfg->sslkey, &in, err));
        t->key = cfg->sslkey;
        if (is_pem(&in)) {
                t->password = cfg->sslpassword;
                return SL_OK;
        }
        const unsigned char *p = in.p;
        PKCS12 *store = d2i_PKCS12(NULL, &p, (long)in.n);
        if (!store)
                return pkcs8(t, cfg, &in, err);
        enum sl_rc rc = pkcs12(t, cfg, store, err);
        PKCS12_free(store);
        return rc;
}

enum sl_rc sl_pg_tls_open(struct sl_pg_tls *t, const struct sl_pg_cfg *cfg, struct sl_err *err)
{
        *t = (struct sl_pg_tls){.fds = {-1, -1, -1}};
        if (strcmp(sl_pg_sslmodes[cfg->sslmode].name, "disable") == 0)
                return SL_OK;
        SL_TRY(certificate(t, 2, "database.sslrootcert", cfg->sslrootcert, &t->root, err));
        enum sl_rc rc = cfg->sslkey && *cfg->sslkey ? private_key(t, cfg, err) : SL_OK;
        if (rc == SL_OK && !t->cert)
                rc = certificate(t, 0, "database.sslcert", cfg->sslcert, &t->cert, err);
        ERR_clear_error(); /* of formats that were tried: this thread's queue is libpq's too */
        return rc;
}

void sl_pg_tls_close(struct sl_pg_tls *t)
{
        for (int i = 0; i < 3; i++)
                if (t->fds[i] >= 0)
                        close(t->fds[i]);
}
