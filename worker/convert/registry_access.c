/* SPDX-License-Identifier: Apache-2.0 */
/* From a converter's settings to what requests need: addresses, the Authorization header, TLS and proxy. Refuses by name what can't
 * be honoured. Truststores are PEM, keystores PEM or PKCS12, as for the Kafka clients. Opens no connection. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "config/pem.h"
#include "config/textfile.h"
#include "convert/registry_internal.h"

#define SSL "schema.registry.ssl."
#define TIMEOUT_MS 60000 /* where 0 means for ever in Java: never a hang */

static bool given(const char *s)
{
        return s && *s;
}

/* ---- addresses and credentials ---- */

static int hex_digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The user part of a URL, percent-decoded. */
static void add_decoded(struct sl_buf *out, const char *p, const char *end)
{
        for (; p < end; p++) {
                int high = *p == '%' && end - p > 2 ? hex_digit(p[1]) : -1, low = high >= 0 ? hex_digit(p[2]) : -1;
                sl_buf_addc(out, low >= 0 ? (char)(high << 4 | low) : *p);
                p += low >= 0 ? 2 : 0;
        }
}

static const char *keep(struct sl_raccess *a, struct sl_buf *text)
{
        const char *s = sl_arena_strndup(&a->arena, text->ptr ? text->ptr : "", text->len);
        if (text->ptr)
                explicit_bzero(text->ptr, text->cap);
        sl_buf_free(text);
        return s;
}

static const char *basic(struct sl_raccess *a, const char *info, size_t n)
{
        struct sl_buf b = {0};
        sl_buf_adds(&b, "Authorization: Basic ");
        sl_buf_add_base64(&b, info, n);
        return keep(a, &b);
}

static bool has_control(const char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        return true;
        return false;
}

/* One header for all addresses, or NULL: what each URL says counts. */
static enum sl_rc find_auth(struct sl_raccess *a, const struct sl_registry_cfg *cfg, const char **ret, struct sl_err *err)
{
        const char *info = given(cfg->user_info_old) ? cfg->user_info_old : cfg->user_info;
        bool use_info = cfg->auth_source == SL_REGISTRY_AUTH_USER_INFO;
        *ret = NULL;
        if (use_info && given(cfg->bearer_token))
                return sl_fail(err, SL_E_CONFIG,
                               "bearer.auth.token and basic.auth.credentials.source=USER_INFO are both set: keep one of them");
        if (use_info && !given(info))
                return sl_fail(err, SL_E_CONFIG, "basic.auth.credentials.source=USER_INFO needs basic.auth.user.info beside it");
        if (given(cfg->bearer_token) && has_control(cfg->bearer_token))
                return sl_fail(err, SL_E_CONFIG, "bearer.auth.token has a line break or another control character in it");
        if (use_info)
                *ret = basic(a, info, strlen(info));
        else if (given(cfg->bearer_token))
                *ret = sl_arena_printf(&a->arena, "Authorization: Bearer %s", cfg->bearer_token);
        else if (given(info))
                a->hint = "basic.auth.user.info is set, but is used only with basic.auth.credentials.source=USER_INFO";
        return SL_OK;
}

static enum sl_rc add_url(struct sl_raccess *a, const char *url, const char *auth, struct sl_err *err)
{
        const char *scheme = strncasecmp(url, "http://", 7) == 0 ? "http" : strncasecmp(url, "https://", 8) == 0 ? "https" : NULL;
        const char *host = scheme ? url + strlen(scheme) + 3 : url;
        size_t n = strcspn(host, "/");
        const char *at = memrchr(host, '@', n), *end = url + strlen(url);
        struct sl_buf b = {0};
        const char *shown = at ? at + 1 : host;
        if (!scheme)
                return sl_fail(err, SL_E_CONFIG,
                               "Invalid value %s%s for configuration schema.registry.url: an address begins with http:// or https://",
                               at ? "..." : "", at ? at : url);
        while (end > shown && end[-1] == '/')
                end--;
        if (shown == end || *shown == '/' || strpbrk(shown, "?# ") || has_control(shown))
                return sl_fail(err, SL_E_CONFIG,
                               "Invalid value %s://%s for configuration schema.registry.url: expected http://host:port or "
                               "https://host:port, perhaps with a path",
                               scheme, shown);
        sl_buf_printf(&b, "%s://%.*s", scheme, (int)(end - shown), shown);
        a->bases[a->count] = keep(a, &b);
        a->auths[a->count] = auth;
        if (at && !auth) {
                add_decoded(&b, host, at);
                const char *info = keep(a, &b);
                a->auths[a->count] = basic(a, info, strlen(info));
        }
        a->count++;
        return SL_OK;
}

static enum sl_rc find_addresses(struct sl_raccess *a, const struct sl_registry_cfg *cfg, struct sl_err *err)
{
        const char *auth;
        SL_TRY(find_auth(a, cfg, &auth, err));
        a->bases = sl_arena_alloc(&a->arena, (cfg->urls.count + 1) * sizeof(*a->bases));
        a->auths = sl_arena_alloc(&a->arena, (cfg->urls.count + 1) * sizeof(*a->auths));
        for (uint32_t i = 0; i < cfg->urls.count; i++)
                SL_TRY(add_url(a, cfg->urls.items[i], auth, err));
        if (!a->count)
                return sl_fail(err, SL_E_CONFIG,
                               "Invalid value [] for configuration schema.registry.url: the address of a Schema Registry is needed");
        return SL_OK;
}

/* ---- TLS ---- */

static bool same(const char *a, const char *b)
{
        return a && strcasecmp(a, b) == 0;
}

static enum sl_rc unreadable(const char *key, const char *path, struct sl_err *err)
{
        return sl_fail(err, SL_E_CONFIG, "The file %s of configuration " SSL "%s can't be read: %s", path, key, strerror(errno));
}

static enum sl_rc pem_text(struct sl_raccess *a, const char *key, const char *text, const char **ret, struct sl_err *err)
{
        struct sl_buf b = {0};
        bool fine = sl_pem_lines(text, &b);
        *ret = keep(a, &b);
        if (!fine)
                return sl_fail(err, SL_E_CONFIG,
                               "Invalid value [hidden] for configuration " SSL "%s: it isn't PEM; expected -----BEGIN ...----- to "
                               "-----END ...-----",
                               key);
        return SL_OK;
}

static enum sl_rc trust(struct sl_raccess *a, const struct sl_registry_cfg *cfg, struct sl_err *err)
{
        if (given(cfg->trust_pem))
                return pem_text(a, "truststore.certificates", cfg->trust_pem, &a->http.ca_pem, err);
        if (!given(cfg->trust_location))
                return SL_OK;
        enum sl_pem_content content = sl_pem_look(cfg->trust_location);
        if (content == SL_PEM_UNREADABLE)
                return unreadable("truststore.location", cfg->trust_location, err);
        if (same(cfg->trust_type, "PEM")) {
                a->http.ca_file = sl_arena_strdup(&a->arena, cfg->trust_location);
                return SL_OK;
        }
        if (content == SL_PEM_TEXT)
                return sl_fail(err, SL_E_CONFIG,
                               "The truststore %s of configuration " SSL "truststore.location is PEM: set " SSL
                               "truststore.type=PEM beside it",
                               cfg->trust_location);
        return sl_fail(err, SL_E_CONFIG,
                       "Sluice can't read the %s truststore of configuration " SSL
                       "truststore.location: write its certificates as PEM with `keytool -list -rfc -keystore %s > ca.pem`, then set " SSL
                       "truststore.type=PEM and " SSL "truststore.location to the new file",
                       cfg->trust_type ? cfg->trust_type : "JKS", cfg->trust_location);
}

/* One file with the key and its certificates, as in Java: OpenSSL takes from it what it looks for. */
static enum sl_rc pem_keystore(struct sl_raccess *a, const char *path, struct sl_err *err)
{
        struct sl_buf text = {0};
        enum sl_rc rc = sl_textfile_read(path, &text, err);
        const char *both = keep(a, &text);
        if (rc == SL_OK)
                a->http.cert_pem = a->http.key_pem = both;
        else if (err)
                *err = (struct sl_err){0};
        return rc == SL_OK ? SL_OK : unreadable("keystore.location", path, err);
}

static enum sl_rc keystore(struct sl_raccess *a, const struct sl_registry_cfg *cfg, struct sl_err *err)
{
        const char *type = cfg->key_type, *path = cfg->key_location;
        enum sl_pem_content content = sl_pem_look(path);
        if (content == SL_PEM_UNREADABLE)
                return unreadable("keystore.location", path, err);
        if (same(type, "PEM"))
                return pem_keystore(a, path, err);
        if (same(type, "PKCS12") || ((!type || same(type, "JKS")) && content == SL_PEM_DER)) {
                if (!cfg->key_store_password)
                        return sl_fail(err, SL_E_CONFIG,
                                       "The keystore %s of configuration " SSL "keystore.location needs " SSL
                                       "keystore.password beside it",
                                       path);
                a->http.p12_file = sl_arena_strdup(&a->arena, path);
                a->http.key_password = sl_arena_strdup(&a->arena, cfg->key_store_password);
                return SL_OK;
        }
        if (content == SL_PEM_TEXT)
                return sl_fail(err, SL_E_CONFIG,
                               "The keystore %s of configuration " SSL "keystore.location is PEM: set " SSL
                               "keystore.type=PEM beside it",
                               path);
        return sl_fail(err, SL_E_CONFIG,
                       "Sluice can't read the %s keystore of configuration " SSL
                       "keystore.location: convert it with `keytool -importkeystore -srckeystore %s -destkeystore client.p12 "
                       "-deststoretype PKCS12`, then set " SSL "keystore.type=PKCS12, " SSL "keystore.location and " SSL
                       "keystore.password to the new file's",
                       type ? type : "JKS", path);
}

static enum sl_rc own_certificate(struct sl_raccess *a, const struct sl_registry_cfg *cfg, struct sl_err *err)
{
        bool key = given(cfg->key_pem), chain = given(cfg->chain_pem);
        if (given(cfg->key_password))
                a->http.key_password = sl_arena_strdup(&a->arena, cfg->key_password);
        if (key != chain)
                return sl_fail(err, SL_E_CONFIG, "Configuration " SSL "%s needs " SSL "%s beside it",
                               key ? "keystore.key" : "keystore.certificate.chain",
                               key ? "keystore.certificate.chain" : "keystore.key");
        if (key) {
                SL_TRY(pem_text(a, "keystore.key", cfg->key_pem, &a->http.key_pem, err));
                return pem_text(a, "keystore.certificate.chain", cfg->chain_pem, &a->http.cert_pem, err);
        }
        return given(cfg->key_location) ? keystore(a, cfg, err) : SL_OK;
}

static enum sl_rc check_protocol(const char *key, const char *name, struct sl_err *err)
{
        if (!name || same(name, "TLSv1.2") || same(name, "TLSv1.3") || same(name, "TLS"))
                return SL_OK;
        return sl_fail(err, SL_E_CONFIG, "Sluice can't honour %s for configuration " SSL "%s: TLSv1.2 and TLSv1.3 are spoken", name, key);
}

static enum sl_rc find_tls(struct sl_raccess *a, const struct sl_registry_cfg *cfg, struct sl_err *err)
{
        SL_TRY(check_protocol("protocol", cfg->tls_protocol, err));
        for (uint32_t i = 0; i < cfg->tls_enabled.count; i++)
                SL_TRY(check_protocol("enabled.protocols", cfg->tls_enabled.items[i], err));
        if (given(cfg->endpoint_identification) && !same(cfg->endpoint_identification, "https"))
                return sl_fail(err, SL_E_CONFIG,
                               "Sluice can't honour %s for configuration " SSL
                               "endpoint.identification.algorithm: it is https, or empty for any host",
                               cfg->endpoint_identification);
        a->http.any_host = !given(cfg->endpoint_identification);
        SL_TRY(trust(a, cfg, err));
        return own_certificate(a, cfg, err);
}

/* ---- all ---- */

static enum sl_rc find_proxy(struct sl_raccess *a, const struct sl_registry_cfg *cfg, struct sl_err *err)
{
        if (!given(cfg->proxy_host))
                return SL_OK;
        if (cfg->proxy_port < 1 || cfg->proxy_port > 65535)
                return sl_fail(err, SL_E_CONFIG, "Configuration proxy.host needs proxy.port beside it, from 1 to 65535");
        a->http.proxy = sl_arena_printf(&a->arena, "http://%s:%d", cfg->proxy_host, cfg->proxy_port);
        return SL_OK;
}

static void add_part(struct sl_buf *out, const char *part)
{
        sl_buf_adds(out, part ? part : "");
        sl_buf_addc(out, part ? '\1' : '\2');
}

static void sum_up(struct sl_raccess *a)
{
        const struct sl_http_opts *h = &a->http;
        const char *parts[] = {h->ca_file, h->ca_pem, h->cert_pem, h->key_pem, h->p12_file, h->key_password, h->proxy, a->hint};
        struct sl_buf b = {0};
        for (uint32_t i = 0; i < a->count; i++) {
                add_part(&b, a->bases[i]);
                add_part(&b, a->auths[i]);
        }
        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                add_part(&b, parts[i]);
        sl_buf_printf(&b, "%u %u %u %d %lld %lld %d", a->count, h->connect_timeout_ms, h->timeout_ms, a->max_retries,
                      (long long)a->wait_ms, (long long)a->max_wait_ms, h->any_host);
        size_t n = b.len;
        a->same = (struct sl_str){keep(a, &b), n};
}

enum sl_rc sl_raccess_init(struct sl_raccess *a, const struct sl_registry_cfg *cfg, struct sl_err *err)
{
        sl_arena_init(&a->arena, 4096);
        SL_TRY(find_addresses(a, cfg, err));
        SL_TRY(find_tls(a, cfg, err));
        SL_TRY(find_proxy(a, cfg, err));
        int32_t connect_ms = cfg->connect_timeout_ms > 0 ? cfg->connect_timeout_ms : TIMEOUT_MS;
        int32_t read_ms = cfg->read_timeout_ms > 0 ? cfg->read_timeout_ms : TIMEOUT_MS;
        a->http.connect_timeout_ms = (uint32_t)connect_ms;
        a->http.timeout_ms = (uint32_t)connect_ms + (uint32_t)read_ms;
        a->max_retries = cfg->max_retries;
        a->wait_ms = cfg->retries_wait_ms;
        a->max_wait_ms = cfg->retries_max_wait_ms;
        sum_up(a);
        return SL_OK;
}

static void wipe(const char *s)
{
        if (s)
                explicit_bzero((char *)s, strlen(s));
}

void sl_raccess_free(struct sl_raccess *a)
{
        for (uint32_t i = 0; i < a->count; i++)
                wipe(a->auths[i]);
        wipe(a->http.key_pem);
        wipe(a->http.key_password);
        if (a->same.ptr)
                explicit_bzero((char *)a->same.ptr, a->same.len);
        sl_arena_free(&a->arena);
        *a = (struct sl_raccess){0};
}
