/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and using private keys with OpenSSL. Formats: RFC 7468 (armour), RFC 5208/5958 (PKCS#8), RFC 8017 (PKCS#1),
 * and RFC 1421's Proc-Type header for PKCS#1 keys that are encrypted the old way. Does not read files. All copies of
 * the key's text are wiped; OpenSSL wipes its own. */
#include "connectors/snowflake/key.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/snowflake/jwt.h"

struct sl_sf_key {
        EVP_PKEY *pkey;
        char *fingerprint;
};

/* Both numbers are what users of Snowflake's own connector search for. */
#define BAD_KEY "ERROR_0018: snowflake.private.key can't be used: "

/* Line breaks that came through JSON or an environment file as the two characters \n or \r become real ones. */
static void unescape(struct sl_buf *out, const char *text)
{
        for (const char *p = text; *p; p++) {
                bool escaped = p[0] == '\\' && (p[1] == 'n' || p[1] == 'r');
                sl_buf_addc(out, escaped ? '\n' : *p);
                p += escaped;
        }
        sl_buf_cstr(out);
}

/* The base64 between the armour, or all of it without one; label: what the armour says, "" = none. */
static bool split_armour(const char *text, struct sl_str *ret_body, struct sl_str *ret_label)
{
        const char *begin = strstr(text, "-----BEGIN ");
        *ret_label = SL_STR("");
        *ret_body = sl_str_c(text);
        if (!begin)
                return true;
        const char *label = begin + 11, *label_end = strstr(label, "-----");
        const char *end = label_end ? strstr(label_end + 5, "-----END ") : NULL;
        if (!end)
                return false;
        *ret_label = (struct sl_str){label, (size_t)(label_end - label)};
        *ret_body = (struct sl_str){label_end + 5, (size_t)(end - label_end - 5)};
        return true;
}

/* DER of a base64 body with any white space in it; false if it is no base64. */
static bool decode(struct sl_str body, struct sl_buf *der)
{
        struct sl_buf packed = {0};
        for (size_t i = 0; i < body.len; i++)
                if (!isspace((unsigned char)body.ptr[i]))
                        sl_buf_addc(&packed, body.ptr[i]);
        int64_t n = -1;
        if (packed.len && sl_buf_room(der, packed.len / 4 * 3 + 3))
                n = sl_base64_decode(packed.ptr, packed.len, (uint8_t *)der->ptr);
        der->len = n > 0 ? (size_t)n : 0;
        sl_sf_wipe(&packed);
        return n > 0;
}

static EVP_PKEY *decrypt(X509_SIG *sig, const char *passphrase)
{
        PKCS8_PRIV_KEY_INFO *info = PKCS8_decrypt(sig, passphrase, (int)strlen(passphrase));
        EVP_PKEY *pkey = info ? EVP_PKCS82PKEY(info) : NULL;
        PKCS8_PRIV_KEY_INFO_free(info);
        return pkey;
}

static enum sl_rc of_der(const struct sl_buf *der, const char *passphrase, EVP_PKEY **ret, struct sl_err *err)
{
        const unsigned char *start = (const unsigned char *)der->ptr, *p = start;
        X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)der->len);
        if (sig) {
                bool given = passphrase && *passphrase;
                *ret = given ? decrypt(sig, passphrase) : NULL;
                X509_SIG_free(sig);
                if (!given)
                        return sl_fail(err, SL_E_SF_KEY,
                                       BAD_KEY "it is encrypted; set snowflake.private.key.passphrase");
                return *ret ? SL_OK
                            : sl_fail(err, SL_E_SF_KEY,
                                      BAD_KEY "snowflake.private.key.passphrase does not open it, or it is "
                                              "encrypted with an algorithm that OpenSSL no longer takes");
        }
        p = start;
        *ret = d2i_AutoPrivateKey(NULL, &p, (long)der->len);
        if (*ret)
                return SL_OK;
        p = start;
        EVP_PKEY *public = d2i_PUBKEY(NULL, &p, (long)der->len);
        EVP_PKEY_free(public);
        return sl_fail(
                err, SL_E_SF_KEY, BAD_KEY "%s",
                public ? "it is the public key; the private one belongs here"
                       : "it is neither PKCS#8 nor PKCS#1; make one with openssl genrsa 2048 | openssl pkcs8 -topk8");
}

static int give_passphrase(char *buf, int size, int rwflag, void *arg)
{
        const char *passphrase = arg;
        size_t n = passphrase ? strlen(passphrase) : 0;
        (void)rwflag;
        if (!n || n > (size_t)size)
                return -1;
        memcpy(buf, passphrase, n);
        return (int)n;
}

/* PKCS#1 with a Proc-Type header: its lines must be as they were. */
static enum sl_rc of_old_pem(const char *text, const char *passphrase, EVP_PKEY **ret, struct sl_err *err)
{
        BIO *bio = BIO_new_mem_buf(text, -1);
        if (bio)
                *ret = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, (void *)passphrase);
        BIO_free(bio);
        if (*ret)
                return SL_OK;
        return sl_fail(err, SL_E_SF_KEY, BAD_KEY "%s",
                       passphrase && *passphrase
                               ? "snowflake.private.key.passphrase does not open it, or its line breaks were lost"
                               : "it is encrypted; set snowflake.private.key.passphrase");
}

static enum sl_rc read_key(const char *text, const char *passphrase, EVP_PKEY **ret, struct sl_err *err)
{
        struct sl_str body, label;
        if (!split_armour(text, &body, &label))
                return sl_fail(err, SL_E_SF_KEY, BAD_KEY "its armour has no end");
        if (memmem(label.ptr, label.len, "PUBLIC", 6))
                return sl_fail(err, SL_E_SF_KEY, BAD_KEY "it is the public key; the private one belongs here");
        if (memmem(label.ptr, label.len, "OPENSSH", 7))
                return sl_fail(err, SL_E_SF_KEY,
                               BAD_KEY "OpenSSH's own format is not taken; convert it with ssh-keygen -p -m PKCS8");
        if (memmem(body.ptr, body.len, "Proc-Type:", 10))
                return of_old_pem(text, passphrase, ret, err);
        struct sl_buf der = {0};
        enum sl_rc rc = decode(body, &der)
                                ? of_der(&der, passphrase, ret, err)
                                : sl_fail(err, SL_E_SF_KEY,
                                          BAD_KEY "it is not base64, with or without PEM's first and last line");
        sl_sf_wipe(&der);
        return rc;
}

static enum sl_rc check(EVP_PKEY *pkey, struct sl_err *err)
{
        int bits = EVP_PKEY_get_bits(pkey);
        if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
                return sl_fail(err, SL_E_SF_KEY, BAD_KEY "it is not an RSA key");
        if (bits < SL_SF_KEY_BITS_MIN)
                return sl_fail(err, SL_E_SF_KEY, BAD_KEY "it has %d bits, Snowflake wants at least %d", bits,
                               SL_SF_KEY_BITS_MIN);
        return SL_OK;
}

static char *fingerprint_of(EVP_PKEY *pkey)
{
        unsigned char *der = NULL, digest[32];
        int n = i2d_PUBKEY(pkey, &der);
        if (n <= 0 || !EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL))
                abort(); /* no memory: the key was read and checked */
        OPENSSL_free(der);
        struct sl_buf text = {0};
        sl_buf_adds(&text, "SHA256:");
        sl_buf_add_base64(&text, digest, sizeof(digest));
        sl_buf_cstr(&text);
        return text.ptr;
}

enum sl_rc sl_sf_key_load(const char *text, const char *passphrase, struct sl_sf_key **ret, struct sl_err *err)
{
        EVP_PKEY *pkey = NULL;
        struct sl_buf plain = {0};
        if (!text || !text[strspn(text, " \t\r\n")])
                return sl_fail(err, SL_E_SF_KEY, "ERROR_0013: snowflake.private.key is missing");
        unescape(&plain, text);
        enum sl_rc rc = read_key(plain.ptr, passphrase, &pkey, err);
        sl_sf_wipe(&plain);
        if (rc == SL_OK)
                rc = check(pkey, err);
        ERR_clear_error(); /* tries that failed leave their reasons, which others would find */
        if (rc != SL_OK) {
                EVP_PKEY_free(pkey);
                return rc;
        }
        struct sl_sf_key *k = sl_calloc(1, sizeof(*k));
        k->pkey = pkey;
        k->fingerprint = fingerprint_of(pkey);
        *ret = k;
        return SL_OK;
}

void sl_sf_key_free(struct sl_sf_key *k)
{
        if (!k)
                return;
        EVP_PKEY_free(k->pkey);
        free(k->fingerprint);
        free(k);
}

const char *sl_sf_key_fingerprint(const struct sl_sf_key *k)
{
        return k->fingerprint;
}

enum sl_rc sl_sf_key_sign(const struct sl_sf_key *k, struct sl_str text, struct sl_buf *out, struct sl_err *err)
{
        size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool ok = ctx && sl_buf_room(out, n) && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
                  EVP_DigestSign(ctx, (unsigned char *)out->ptr + out->len, &n, (const unsigned char *)text.ptr,
                                 text.len) == 1;
        EVP_MD_CTX_free(ctx);
        if (!ok) {
                ERR_clear_error();
                return sl_fail(err, SL_E_SF_KEY, BAD_KEY "OpenSSL can't sign with it");
        }
        out->len += n;
        return SL_OK;
}
