/* SPDX-License-Identifier: Apache-2.0 */
/* Keystores to PEM (see tls.h). The keys and their meaning are those of Kafka's SslConfigs and Connect's SSLUtils;
 * PKCS12 is RFC 7292 by GnuTLS. Does not reload a renewed certificate: a worker reads its keystores when it starts. */
#include "rest/tls.h"
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/pkcs12.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_MAX (4 << 20)

/* Where values come from: all behind the prefix, or all plain. */
struct source {
        const struct sl_props *props;
        const char *prefix;
        struct sl_err *err;
};

static void key_name(const struct source *src, const char *key, char *out, size_t n)
{
        snprintf(out, n, "%s%s", src->prefix, key);
}

/* NULL when not set or empty. */
static const char *get(const struct source *src, const char *key)
{
        char name[160];
        key_name(src, key, name, sizeof(name));
        const char *value = sl_props_get(src->props, name);
        return value && *value ? value : NULL;
}

static bool any_with_prefix(const struct sl_props *props, const char *prefix)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(props, &i, &key, &value);)
                if (strncmp(key, prefix, strlen(prefix)) == 0)
                        return true;
        return false;
}

static void wipe(struct sl_buf *b)
{
        if (b->ptr)
                explicit_bzero(b->ptr, b->cap);
        sl_buf_free(b);
}

void sl_rest_tls_free(struct sl_rest_tls *tls)
{
        wipe(&tls->key);
        wipe(&tls->chain);
        wipe(&tls->trust);
        if (tls->key_password)
                explicit_bzero(tls->key_password, strlen(tls->key_password));
        free(tls->key_password);
        *tls = (struct sl_rest_tls){0};
}

/* --- Files -----------------------------------------------------------------------------------------------------------
 */

static enum sl_rc read_store(const struct source *src, const char *key, const char *path, struct sl_buf *out)
{
        char chunk[8192];
        FILE *f = fopen(path, "re");
        if (!f)
                return sl_fail(src->err, SL_E_CONFIG, "%s%s: %s can't be opened: %s", src->prefix, key, path,
                               strerror(errno));
        sl_buf_init(out, STORE_MAX);
        for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
                sl_buf_add(out, chunk, n);
        bool bad = ferror(f);
        fclose(f);
        explicit_bzero(chunk, sizeof(chunk));
        if (bad || !sl_buf_ok(out) || !out->len)
                return sl_fail(src->err, SL_E_CONFIG, "%s%s: %s is %s", src->prefix, key, path,
                               bad        ? "not readable"
                               : out->len ? "too large for a keystore"
                                          : "empty");
        return SL_OK;
}

enum kind { KIND_PEM, KIND_PKCS12, KIND_JKS, KIND_UNKNOWN };

static enum kind kind_of(const struct sl_buf *b)
{
        static const unsigned char jks[] = {0xfe, 0xed, 0xfe, 0xed}, jceks[] = {0xce, 0xce, 0xce, 0xce};
        if (memmem(b->ptr, b->len, "-----BEGIN ", 11))
                return KIND_PEM;
        if (b->len >= 4 && (memcmp(b->ptr, jks, 4) == 0 || memcmp(b->ptr, jceks, 4) == 0))
                return KIND_JKS;
        return b->ptr[0] == 0x30 ? KIND_PKCS12 : KIND_UNKNOWN;
}

static enum sl_rc refuse_jks(const struct source *src, const char *what, const char *path)
{
        return sl_fail(src->err, SL_E_CONFIG,
                       "%sssl.%s.location: %s is a JKS keystore, a format that only Java reads. Convert it with "
                       "`keytool -importkeystore -srckeystore %s -destkeystore %s.p12 -deststoretype PKCS12` and set "
                       "%sssl.%s.type=PKCS12 and %sssl.%s.location=%s.p12; or go on to PEM with `openssl pkcs12 -in "
                       "%s.p12 -out %s.pem -nodes` and %sssl.%s.type=PEM",
                       src->prefix, what, path, path, path, src->prefix, what, src->prefix, what, path, path, path,
                       src->prefix, what);
}

/* PEM in one line, as a properties file without line ends has it: outside of the BEGIN and END marks a space is a line
 * end. Appended to out. */
static void add_inline_pem(const char *text, struct sl_buf *out)
{
        bool in_mark = false;
        for (const char *p = text; *p; p++) {
                if (strncmp(p, "-----", 5) == 0) {
                        if (!in_mark && out->len && out->ptr[out->len - 1] != '\n')
                                sl_buf_addc(out, '\n');
                        sl_buf_adds(out, "-----");
                        if (in_mark)
                                sl_buf_addc(out, '\n');
                        in_mark = !in_mark;
                        p += 4;
                } else if (in_mark || !strchr(" \t\r\n", *p)) {
                        sl_buf_addc(out, *p);
                } else if (out->len && out->ptr[out->len - 1] != '\n') {
                        sl_buf_addc(out, '\n');
                }
        }
}

/* --- PKCS12 ----------------------------------------------------------------------------------------------------------
 */

static void add_certificate(gnutls_x509_crt_t crt, struct sl_buf *out)
{
        gnutls_datum_t pem = {0};
        if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) == 0)
                sl_buf_add(out, pem.data, pem.size);
        gnutls_free(pem.data);
        gnutls_x509_crt_deinit(crt);
}

/* The private key and the chain of its certificate. */
static int parse_keystore(gnutls_pkcs12_t p12, const char *password, struct sl_buf *key, struct sl_buf *chain)
{
        gnutls_x509_privkey_t private = NULL;
        gnutls_x509_crt_t *own = NULL;
        unsigned n = 0;
        int rc = gnutls_pkcs12_simple_parse(p12, password, &private, &own, &n, NULL, NULL, NULL,
                                            GNUTLS_PKCS12_SP_INCLUDE_SELF_SIGNED);
        if (rc < 0)
                return rc;
        gnutls_datum_t pem = {0};
        rc = gnutls_x509_privkey_export2_pkcs8(private, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);
        if (rc == 0) {
                sl_buf_add(key, pem.data, pem.size);
                explicit_bzero(pem.data, pem.size);
        }
        gnutls_free(pem.data);
        gnutls_x509_privkey_deinit(private);
        for (unsigned i = 0; i < n; i++)
                add_certificate(own[i], chain);
        gnutls_free(own);
        return rc;
}

static int add_bag(gnutls_pkcs12_bag_t bag, const char *password, struct sl_buf *out)
{
        int rc = 0;
        if (gnutls_pkcs12_bag_get_type(bag, 0) == GNUTLS_BAG_ENCRYPTED)
                rc = gnutls_pkcs12_bag_decrypt(bag, password);
        int n = rc == 0 ? gnutls_pkcs12_bag_get_count(bag) : 0;
        for (int i = 0; i < n; i++) {
                gnutls_datum_t der = {0};
                gnutls_x509_crt_t crt;
                if (gnutls_pkcs12_bag_get_type(bag, (unsigned)i) != GNUTLS_BAG_CERTIFICATE ||
                    gnutls_pkcs12_bag_get_data(bag, (unsigned)i, &der) != 0 || gnutls_x509_crt_init(&crt) != 0)
                        continue;
                if (gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER) == 0)
                        add_certificate(crt, out);
                else
                        gnutls_x509_crt_deinit(crt);
        }
        return rc;
}

/* All certificates: simple_parse wants a private key, which a truststore has not. */
static int parse_truststore(gnutls_pkcs12_t p12, const char *password, struct sl_buf *out)
{
        for (int i = 0, rc = 0;; i++) {
                gnutls_pkcs12_bag_t bag;
                if (gnutls_pkcs12_bag_init(&bag) != 0)
                        abort(); /* no memory */
                rc = gnutls_pkcs12_get_bag(p12, i, bag);
                bool end = rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
                if (rc == 0)
                        rc = add_bag(bag, password, out);
                gnutls_pkcs12_bag_deinit(bag);
                if (rc != 0)
                        return end ? 0 : rc;
        }
}

static enum sl_rc read_pkcs12(const struct source *src, const char *what, const char *path, const struct sl_buf *bytes,
                              struct sl_buf *key, struct sl_buf *certs)
{
        char name[40];
        snprintf(name, sizeof(name), "ssl.%s.password", what);
        const char *password = get(src, name);
        gnutls_datum_t der = {(unsigned char *)bytes->ptr, (unsigned)bytes->len};
        gnutls_pkcs12_t p12;
        if (gnutls_pkcs12_init(&p12) != 0)
                abort(); /* no memory */
        int rc = gnutls_pkcs12_import(p12, &der, GNUTLS_X509_FMT_DER, 0);
        bool foreign = rc != 0;
        if (rc == 0 && password) /* Java reads certificates without a password too */
                rc = gnutls_pkcs12_verify_mac(p12, password);
        bool wrong = !foreign && rc != 0;
        if (rc == 0)
                rc = key ? parse_keystore(p12, password, key, certs) : parse_truststore(p12, password, certs);
        gnutls_pkcs12_deinit(p12);
        if (rc == 0)
                return SL_OK;
        return sl_fail(src->err, SL_E_CONFIG, "%sssl.%s.location: %s %s (%s)", src->prefix, what, path,
                       foreign     ? "is no PEM, PKCS12 or JKS store"
                       : !password ? "can't be read without its password"
                       : wrong     ? "does not open with the given password"
                                   : "can't be read as PKCS12",
                       gnutls_strerror(rc));
}

/* --- Stores ----------------------------------------------------------------------------------------------------------
 */

/* A store file as PEM: private key and certificates, or (key NULL) certificates only. */
static enum sl_rc load_store(const struct source *src, const char *what, struct sl_buf *key, struct sl_buf *certs)
{
        char name[40];
        struct sl_buf bytes = {0};
        snprintf(name, sizeof(name), "ssl.%s.location", what);
        const char *path = get(src, name);
        enum sl_rc rc = read_store(src, name, path, &bytes);
        enum kind kind = rc == SL_OK ? kind_of(&bytes) : KIND_UNKNOWN;
        if (rc == SL_OK && kind == KIND_JKS) {
                rc = refuse_jks(src, what, path);
        } else if (rc == SL_OK && kind == KIND_PEM) {
                if (key)
                        sl_buf_add(key, bytes.ptr, bytes.len);
                sl_buf_add(certs, bytes.ptr, bytes.len);
        } else if (rc == SL_OK) {
                rc = read_pkcs12(src, what, path, &bytes, key, certs);
        }
        wipe(&bytes);
        return rc;
}

static enum sl_rc load_key(const struct source *src, struct sl_rest_tls *tls)
{
        const char *key = get(src, "ssl.keystore.key"), *chain = get(src, "ssl.keystore.certificate.chain");
        const char *password = get(src, "ssl.key.password");
        if (!key != !chain)
                return sl_fail(src->err, SL_E_CONFIG,
                               "%sssl.keystore.key and %sssl.keystore.certificate.chain belong together: set both",
                               src->prefix, src->prefix);
        if (key) {
                add_inline_pem(key, &tls->key);
                add_inline_pem(chain, &tls->chain);
        } else if (get(src, "ssl.keystore.location")) {
                SL_TRY(load_store(src, "keystore", &tls->key, &tls->chain));
        }
        if (password && memmem(tls->key.ptr ? tls->key.ptr : "", tls->key.len, "ENCRYPTED", 9))
                tls->key_password = sl_strdup(password);
        return SL_OK;
}

static enum sl_rc load_trust(const struct source *src, struct sl_rest_tls *tls)
{
        const char *text = get(src, "ssl.truststore.certificates");
        if (text)
                add_inline_pem(text, &tls->trust);
        else if (get(src, "ssl.truststore.location"))
                return load_store(src, "truststore", NULL, &tls->trust);
        return SL_OK;
}

static enum sl_rc load_protocols(const struct source *src, struct sl_rest_tls *tls)
{
        const char *list = get(src, "ssl.enabled.protocols");
        snprintf(tls->priorities, sizeof(tls->priorities), "NORMAL:-VERS-ALL");
        for (const char *p = list ? list : "TLSv1.2,TLSv1.3"; *p;) {
                p += strspn(p, ", \t");
                size_t n = strcspn(p, ", \t"), have = strlen(tls->priorities);
                if (n && (n != 7 || (strncmp(p, "TLSv1.2", n) != 0 && strncmp(p, "TLSv1.3", n) != 0)))
                        return sl_fail(src->err, SL_E_CONFIG,
                                       "Invalid value %.*s for configuration %sssl.enabled.protocols: REST speaks "
                                       "TLSv1.2 and TLSv1.3",
                                       (int)n, p, src->prefix);
                if (n && !memmem(tls->priorities, have, p + 4, 3))
                        snprintf(tls->priorities + have, sizeof(tls->priorities) - have, ":+VERS-TLS%.*s", 3, p + 4);
                p += n;
        }
        if (strstr(tls->priorities, "+VERS"))
                return SL_OK;
        return sl_fail(src->err, SL_E_CONFIG, "%sssl.enabled.protocols names no protocol", src->prefix);
}

static enum sl_rc load_client_auth(const struct source *src, struct sl_rest_tls *tls)
{
        static const char *const words[] = {"none", "requested", "required"};
        const char *word = get(src, "ssl.client.auth");
        for (unsigned i = 0; i < 3; i++)
                if (strcmp(word ? word : "none", words[i]) == 0) {
                        tls->client_auth = i;
                        if (!i || tls->trust.len)
                                return SL_OK;
                        return sl_fail(src->err, SL_E_CONFIG,
                                       "%sssl.client.auth=%s needs %sssl.truststore.location or "
                                       "%sssl.truststore.certificates: the CA that signs your clients' certificates",
                                       src->prefix, word, src->prefix, src->prefix);
                }
        return sl_fail(src->err, SL_E_CONFIG,
                       "Invalid value %s for configuration %sssl.client.auth: String must be one of: required, "
                       "requested, none",
                       word, src->prefix);
}

/* What can't be honoured is refused: a silent fallback would be weaker than what was asked for. */
static enum sl_rc check_refused(const struct source *src)
{
        static const struct {
                const char *key, *why;
        } refused[] = {
                {"ssl.cipher.suites",
                 "Java's cipher names have no counterpart here, and a list that is only half understood would be "
                 "another one than you chose. Remove the key for REST (set listeners.https.* keys if the Kafka clients "
                 "need it); only ciphers that are safe today are offered"},
                {"ssl.engine.factory.class", "it is a Java class and can't be loaded; remove the key"},
        };
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                if (get(src, refused[i].key))
                        return sl_fail(src->err, SL_E_CONFIG, "REST can't honour %s%s: %s", src->prefix, refused[i].key,
                                       refused[i].why);
        return SL_OK;
}

/* Load everything as the server will, so that a wrong password or a foreign certificate is an error with a reason. */
static enum sl_rc check_server(const struct source *src, const struct sl_rest_tls *tls)
{
        gnutls_certificate_credentials_t cred;
        gnutls_datum_t key = {(unsigned char *)tls->key.ptr, (unsigned)tls->key.len};
        gnutls_datum_t chain = {(unsigned char *)tls->chain.ptr, (unsigned)tls->chain.len};
        gnutls_datum_t trust = {(unsigned char *)tls->trust.ptr, (unsigned)tls->trust.len};
        if (!key.size || !chain.size)
                return sl_fail(src->err, SL_E_CONFIG,
                               "an https listener needs %sssl.keystore.location (a PEM or PKCS12 file with key and "
                               "certificates), or %sssl.keystore.key and %sssl.keystore.certificate.chain",
                               src->prefix, src->prefix, src->prefix);
        if (gnutls_certificate_allocate_credentials(&cred) != 0)
                abort(); /* no memory */
        int rc = gnutls_certificate_set_x509_key_mem2(cred, &chain, &key, GNUTLS_X509_FMT_PEM, tls->key_password, 0);
        int cas = rc == 0 && trust.size ? gnutls_certificate_set_x509_trust_mem(cred, &trust, GNUTLS_X509_FMT_PEM) : 1;
        gnutls_certificate_free_credentials(cred);
        if (rc != 0)
                return sl_fail(src->err, SL_E_CONFIG,
                               "key and certificate of %sssl.keystore.* can't be used (%s). Both must be in PEM, the "
                               "server's certificate first, and %sssl.key.password must be the key's",
                               src->prefix, gnutls_strerror(rc), src->prefix);
        if (cas <= 0)
                return sl_fail(src->err, SL_E_CONFIG, "%sssl.truststore.* holds no certificate", src->prefix);
        return SL_OK;
}

enum sl_rc sl_rest_tls_load(const struct sl_props *props, const char *prefix, bool server, struct sl_rest_tls *ret,
                            struct sl_err *err)
{
        struct source src = {.props = props, .prefix = any_with_prefix(props, prefix) ? prefix : "", .err = err};
        SL_TRY(load_key(&src, ret));
        SL_TRY(load_trust(&src, ret));
        char name[160];
        key_name(&src, "ssl.endpoint.identification.algorithm", name, sizeof(name));
        const char *identify = sl_props_get(props, name);
        ret->verify_host = !identify || *identify;
        if (!server)
                return SL_OK;
        SL_TRY(check_refused(&src));
        SL_TRY(load_protocols(&src, ret));
        SL_TRY(load_client_auth(&src, ret));
        return check_server(&src, ret);
}

/* --- The handshake ---------------------------------------------------------------------------------------------------
 */

/* From inside a handshake: anything but 0 ends it. No certificate at all is GnuTLS's to refuse (CERT_REQUIRE). */
static int check_client(gnutls_session_t session)
{
        unsigned n = 0, status = 0;
        gnutls_typed_vdata_st purpose = {
                .type = GNUTLS_DT_KEY_PURPOSE_OID,
                .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
        };
        if (!gnutls_certificate_get_peers(session, &n) || !n)
                return 0;
        return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0 ? 0 : -1;
}

void sl_rest_tls_ask_client(const struct sl_rest_tls *tls, void *session)
{
        if (tls->client_auth == SL_CLIENT_AUTH_NONE)
                return;
        gnutls_certificate_server_set_request(
                session, tls->client_auth == SL_CLIENT_AUTH_REQUIRED ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST);
        gnutls_session_set_verify_function(session, check_client);
}

/* --- As a client -----------------------------------------------------------------------------------------------------
 */

static const char *keep(struct sl_arena *arena, struct sl_buf *b)
{
        return b->len ? sl_arena_strdup(arena, sl_buf_cstr(b)) : NULL;
}

/* ssl.* alone may be there for the Kafka clients, in a form that only they can use. */
static bool speaks_https(const struct sl_worker_cfg *cfg)
{
        bool https = cfg->advertised_listener && strcasecmp(cfg->advertised_listener, "https") == 0;
        for (uint32_t i = 0; i < cfg->listeners.count; i++)
                https |= strncasecmp(cfg->listeners.items[i], "https:", 6) == 0;
        return https || any_with_prefix(&cfg->props, "listeners.https.");
}

enum sl_rc sl_rest_forward_opts(const struct sl_worker_cfg *cfg, struct sl_arena *arena, struct sl_http_opts *opts,
                                struct sl_err *err)
{
        struct sl_rest_tls tls = {0};
        if (!speaks_https(cfg))
                return SL_OK;
        enum sl_rc rc = sl_rest_tls_load(&cfg->props, "listeners.https.", false, &tls, err);
        if (rc == SL_OK) {
                opts->ca_pem = keep(arena, &tls.trust);
                opts->key_pem = keep(arena, &tls.key);
                opts->cert_pem = keep(arena, &tls.chain);
                opts->key_password = tls.key_password ? sl_arena_strdup(arena, tls.key_password) : NULL;
                opts->any_host = !tls.verify_host;
        }
        sl_rest_tls_free(&tls);
        return rc;
}
