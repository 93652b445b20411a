/* SPDX-License-Identifier: Apache-2.0 */
/* TLS and SASL of Java's clients as librdkafka wants them: PEM and PKCS12 stores, PLAIN, SCRAM and OAUTHBEARER from
 * sasl.jaas.config. Rows check a value by itself; sl_ksec_finish sets what needs several keys. Refuses by name what
 * can't be done (JKS, Kerberos, AWS_MSK_IAM, Java classes) and says what to do instead. Fetches no token and opens no
 * connection: librdkafka does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "config/pem.h"
#include "kafka/jaas.h"
#include "kafka/kconf_internal.h"

#define OAUTH "sasl.oauthbearer."
#define FOREVER "315360000" /* seconds: only a polled client could renew an unsecured token, and not every one is */

static bool same(const char *a, const char *b)
{
        return a && strcasecmp(a, b) == 0;
}

/* A class by its name without the package. */
static bool is_class(const char *value, const char *name)
{
        const char *dot = strrchr(value, '.');
        return strcmp(dot ? dot + 1 : value, name) == 0;
}

/* --- TLS -------------------------------------------------------------------------------------------------------------
 */

static enum sl_rc unreadable(struct sl_kctx *x, const char *path)
{
        return sl_fail(x->err, SL_E_CONFIG, "The file %s of configuration %s can't be read: %s", path, x->key,
                       strerror(errno));
}

enum sl_rc sl_ksec_truststore(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        const char *type = sl_kctx_get(x, "ssl.truststore.type");
        enum sl_pem_content content = sl_pem_look(value);

        if (same(type, "PEM") && content == SL_PEM_UNREADABLE)
                return unreadable(x, value);
        if (same(type, "PEM"))
                return sl_kctx_set(x, row->rk, value);
        if (content == SL_PEM_TEXT)
                return sl_fail(x->err, SL_E_CONFIG,
                               "The truststore %s of configuration %s is PEM: set ssl.truststore.type=PEM beside it",
                               value, x->key);
        return sl_fail(x->err, SL_E_CONFIG,
                       "Sluice can't read the %s truststore of configuration %s: write its certificates as PEM with "
                       "`keytool -list -rfc -keystore %s > ca.pem`, then set ssl.truststore.type=PEM and "
                       "ssl.truststore.location to the new file",
                       type ? type : "JKS", x->key, value);
}

/* One file with the key and its certificates, as in Java. */
static enum sl_rc pem_keystore(struct sl_kctx *x, const char *path)
{
        SL_TRY(sl_kctx_set(x, "ssl.key.location", path));
        return sl_kctx_set(x, "ssl.certificate.location", path);
}

/* keytool writes PKCS12 into files that are called .jks, and Java reads them all the same: the content decides. */
enum sl_rc sl_ksec_keystore(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        const char *type = sl_kctx_get(x, "ssl.keystore.type"), *password = sl_kctx_get(x, "ssl.keystore.password");
        enum sl_pem_content content = sl_pem_look(value);

        (void)row;
        if (content == SL_PEM_UNREADABLE && (same(type, "PEM") || same(type, "PKCS12")))
                return unreadable(x, value);
        if (same(type, "PEM"))
                return pem_keystore(x, value);
        if (same(type, "PKCS12") || ((!type || same(type, "JKS")) && content == SL_PEM_DER)) {
                if (!password)
                        return sl_fail(x->err, SL_E_CONFIG,
                                       "The keystore %s of configuration %s needs ssl.keystore.password beside it",
                                       value, x->key);
                SL_TRY(sl_kctx_set(x, "ssl.keystore.location", value));
                return sl_kctx_set(x, "ssl.keystore.password", password);
        }
        if (content == SL_PEM_TEXT)
                return sl_fail(x->err, SL_E_CONFIG,
                               "The keystore %s of configuration %s is PEM: set ssl.keystore.type=PEM beside it", value,
                               x->key);
        return sl_fail(x->err, SL_E_CONFIG,
                       "Sluice can't read the %s keystore of configuration %s: convert it with `keytool "
                       "-importkeystore -srckeystore %s -destkeystore client.p12 -deststoretype PKCS12`, then set "
                       "ssl.keystore.type=PKCS12, ssl.keystore.location and ssl.keystore.password to the new file's",
                       type ? type : "JKS", x->key, value);
}

enum sl_rc sl_ksec_pem(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        struct sl_buf text = {0};
        enum sl_rc rc;

        if (sl_pem_lines(value, &text))
                rc = sl_kctx_set(x, row->rk, sl_buf_cstr(&text));
        else
                rc = sl_fail(x->err, SL_E_CONFIG,
                             "Invalid value [hidden] for configuration %s: it isn't PEM; expected -----BEGIN ...----- "
                             "to -----END ...-----",
                             x->key);
        if (text.ptr)
                explicit_bzero(text.ptr, text.cap);
        sl_buf_free(&text);
        return rc;
}

enum sl_rc sl_ksec_cipher_suites(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        if (strstr(value, "TLS_") || strstr(value, "SSL_"))
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour configuration %s: Java's cipher names have no counterpart here; "
                               "use OpenSSL's names (`openssl ciphers -v`) or remove the key",
                               x->key);
        return *value ? sl_kctx_set(x, row->rk, value) : SL_OK;
}

enum sl_rc sl_ksec_tls_versions(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        (void)row;
        for (const char *p = value; *p;) {
                p += strspn(p, ", ");
                size_t n = strcspn(p, ", ");
                if (n && !(n == 7 && (strncmp(p, "TLSv1.2", n) == 0 || strncmp(p, "TLSv1.3", n) == 0)))
                        return sl_fail(x->err, SL_E_CONFIG,
                                       "Sluice can't honour %s for configuration %s: TLSv1.2 and TLSv1.3 are spoken",
                                       value, x->key);
                p += n;
        }
        return SL_OK;
}

static enum sl_rc finish_tls(struct sl_kctx *x)
{
        const char *key = sl_kctx_get(x, "ssl.keystore.key"), *chain = sl_kctx_get(x, "ssl.keystore.certificate.chain");

        if (!key == !chain)
                return SL_OK;
        sl_kctx_at(x, key ? "ssl.keystore.key" : "ssl.keystore.certificate.chain");
        return sl_fail(x->err, SL_E_CONFIG, "Configuration %s needs %s beside it", x->key,
                       key ? "ssl.keystore.certificate.chain" : "ssl.keystore.key");
}

/* --- SASL: single keys -----------------------------------------------------------------------------------------------
 */

static const char *mechanism_of(const struct sl_kctx *x)
{
        const char *mechanism = sl_kctx_get(x, "sasl.mechanism");
        return mechanism ? mechanism : sl_kctx_get(x, "sasl.mechanisms");
}

#define INSTEAD "use SCRAM-SHA-512, OAUTHBEARER or mutual TLS"

enum sl_rc sl_ksec_mechanism(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        static const char *const known[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"};

        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (strcasecmp(value, known[i]) == 0)
                        return sl_kctx_set(x, row->rk, known[i]);
        if (strcasecmp(value, "AWS_MSK_IAM") == 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour AWS_MSK_IAM for configuration %s: it isn't built in; turn on "
                               "SASL/SCRAM or TLS authentication in the MSK cluster and use SCRAM-SHA-512 or mutual "
                               "TLS",
                               x->key);
        if (strcasecmp(value, "GSSAPI") == 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour GSSAPI (Kerberos) for configuration %s: " INSTEAD
                               ", which brokers serve on a listener beside the Kerberos one",
                               x->key);
        return sl_fail(x->err, SL_E_CONFIG,
                       "Sluice can't honour %s for configuration %s: it has PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and "
                       "OAUTHBEARER",
                       value, x->key);
}

static enum sl_rc bad_jaas(struct sl_kctx *x, const char *why)
{
        return sl_fail(x->err, SL_E_CONFIG,
                       "Configuration %s can't be read: %s. Expected `<login module> required key=\"value\" ...;`",
                       x->key, why);
}

/* Checked by itself here; the credentials are set by sl_ksec_finish. */
enum sl_rc sl_ksec_jaas(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        static const char *const known[] = {"PlainLoginModule", "ScramLoginModule", "OAuthBearerLoginModule"};
        struct sl_jaas jaas = {0};
        const char *why = sl_jaas_parse(value, &jaas), *name = sl_jaas_module(&jaas);
        enum sl_rc rc = why ? bad_jaas(x, why) : SL_OK;
        bool found = false;

        (void)row;
        for (size_t i = 0; i < sizeof(known) / sizeof(*known) && !why; i++)
                found |= strcmp(name, known[i]) == 0;
        if (!why && !found)
                rc = sl_fail(x->err, SL_E_CONFIG, "Sluice can't honour %s of configuration %s: %s", name, x->key,
                             strcmp(name, "Krb5LoginModule") == 0
                                     ? "Kerberos isn't supported; " INSTEAD
                                     : "it has PlainLoginModule, ScramLoginModule and OAuthBearerLoginModule");
        sl_jaas_free(&jaas);
        return rc;
}

enum sl_rc sl_ksec_login_handler(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        (void)row;
        if (!*value || is_class(value, "OAuthBearerLoginCallbackHandler") ||
            is_class(value, "OAuthBearerUnsecuredLoginCallbackHandler"))
                return SL_OK;
        return sl_fail(x->err, SL_E_CONFIG,
                       "Sluice can't honour %s for configuration %s: there is no JVM here. For OAuth set "
                       "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler and "
                       "sasl.oauthbearer.token.endpoint.url; else remove the key",
                       value, x->key);
}

enum sl_rc sl_ksec_retriever(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        (void)row;
        if (is_class(value, "DefaultJwtRetriever") || is_class(value, "ClientCredentialsJwtRetriever") ||
            is_class(value, "JwtBearerJwtRetriever"))
                return SL_OK;
        return sl_fail(x->err, SL_E_CONFIG,
                       "Sluice can't honour %s for configuration %s: it has DefaultJwtRetriever, "
                       "ClientCredentialsJwtRetriever and JwtBearerJwtRetriever",
                       value, x->key);
}

enum sl_rc sl_ksec_validator(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        (void)row;
        if (is_class(value, "DefaultJwtValidator") || is_class(value, "ClientJwtValidator") ||
            is_class(value, "BrokerJwtValidator"))
                return SL_OK;
        return sl_fail(x->err, SL_E_CONFIG,
                       "Sluice can't honour %s for configuration %s: there is no JVM here; remove the key, the broker "
                       "validates the token",
                       value, x->key);
}

enum sl_rc sl_ksec_token_url(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        if (strncasecmp(value, "file:", 5) == 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't read a token from a file (configuration %s): give the http or https "
                               "address of a token endpoint",
                               x->key);
        if (strncasecmp(value, "http://", 7) != 0 && strncasecmp(value, "https://", 8) != 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Invalid value %s for configuration %s: expected http:// or https://", value, x->key);
        return sl_kctx_set(x, row->rk, value);
}

/* --- OAUTHBEARER -----------------------------------------------------------------------------------------------------
 */

/* As java.net.URLEncoder, but with %20 for a blank, which every server takes. librdkafka sends what it is given. */
static void url_encode(struct sl_buf *out, const char *p)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._*~";

        for (; *p; p++)
                if (strchr(plain, *p))
                        sl_buf_addc(out, *p);
                else
                        sl_buf_printf(out, "%%%02X", (unsigned char)*p);
}

/* A value that several keys can give: the first configuration key, else the login module's option. */
static const char *pick(const struct sl_kctx *x, const struct sl_jaas *jaas, const char *key, const char *native,
                        const char *option)
{
        const char *value = sl_kctx_get(x, key);

        if (!value)
                value = sl_kctx_get(x, native);
        return value ? value : sl_props_get(&jaas->options, option);
}

static enum sl_rc set_encoded(struct sl_kctx *x, const char *rk, const char *value, bool encode)
{
        struct sl_buf text = {0};

        if (!value)
                return SL_OK;
        if (encode)
                url_encode(&text, value);
        else
                sl_buf_adds(&text, value);
        enum sl_rc rc = sl_kctx_set(x, rk, sl_buf_cstr(&text));
        sl_buf_free(&text);
        return rc;
}

/* "extension_<name>" options, as "name=value" with the separator between. */
static enum sl_rc extensions(struct sl_kctx *x, const struct sl_jaas *jaas, const char *option_prefix,
                             const char *out_prefix, char separator, struct sl_buf *out)
{
        const char *key, *value;
        size_t n = strlen(option_prefix);

        for (size_t i = 0; sl_props_next(&jaas->options, &i, &key, &value);) {
                if (strncmp(key, option_prefix, n) != 0)
                        continue;
                if (strchr(value, separator) || strchr(key + n, '='))
                        return sl_fail(x->err, SL_E_CONFIG,
                                       "The option %s of configuration %s can't be passed on: its value has a '%c'",
                                       key, x->key, separator);
                sl_buf_printf(out, "%s%s%s=%s", out->len ? (separator == ' ' ? " " : ",") : "", out_prefix, key + n,
                              value);
        }
        return SL_OK;
}

/* The login module's ssl.* options are those of the connection to the token endpoint. */
static enum sl_rc endpoint_tls(struct sl_kctx *x, const struct sl_jaas *jaas)
{
        const char *key, *value, *location = sl_props_get(&jaas->options, "ssl.truststore.location");
        const char *pem = sl_props_get(&jaas->options, "ssl.truststore.certificates");

        for (size_t i = 0; sl_props_next(&jaas->options, &i, &key, &value);)
                if (strncmp(key, "ssl.", 4) == 0 && strcmp(key, "ssl.truststore.location") != 0 &&
                    strcmp(key, "ssl.truststore.certificates") != 0 &&
                    !(strcmp(key, "ssl.truststore.type") == 0 && same(value, "PEM")) &&
                    strcmp(key, "ssl.protocol") != 0)
                        return sl_fail(x->err, SL_E_CONFIG,
                                       "Sluice can't honour the option %s of configuration %s: for the token endpoint "
                                       "it has ssl.truststore.type=PEM with ssl.truststore.location or "
                                       "ssl.truststore.certificates",
                                       key, x->key);
        if (location && sl_pem_look(location) != SL_PEM_TEXT)
                return sl_fail(x->err, SL_E_CONFIG,
                               "The truststore %s of configuration %s isn't a readable PEM file: write its certificates "
                               "as PEM with `keytool -list -rfc -keystore %s > ca.pem`",
                               location, x->key, location);
        if (location)
                return sl_kctx_set(x, "https.ca.location", location);
        return pem ? sl_ksec_pem(x, &(struct sl_krow){.rk = "https.ca.pem"}, pem) : SL_OK;
}

static enum sl_rc client_credentials(struct sl_kctx *x, const struct sl_jaas *jaas)
{
        const char *id = pick(x, jaas, OAUTH "client.credentials.client.id", OAUTH "client.id", "clientId");
        const char *secret =
                pick(x, jaas, OAUTH "client.credentials.client.secret", OAUTH "client.secret", "clientSecret");
        bool encode = same(sl_kctx_get(x, OAUTH "header.urlencode"), "true");

        if (!id || !secret) {
                sl_kctx_at(x, OAUTH "token.endpoint.url");
                return sl_fail(x->err, SL_E_CONFIG,
                               "Configuration %s needs sasl.oauthbearer.client.credentials.client.%s beside it (or "
                               "%s in sasl.jaas.config)",
                               x->key, id ? "secret" : "id", id ? "clientSecret" : "clientId");
        }
        SL_TRY(set_encoded(x, OAUTH "client.id", id, encode));
        return set_encoded(x, OAUTH "client.secret", secret, encode);
}

/* Java's keys of the signed assertion have librdkafka's names but for one. */
static enum sl_rc assertion(struct sl_kctx *x)
{
        const char *java, *value;

        SL_TRY(sl_kctx_set(x, OAUTH "grant.type", "urn:ietf:params:oauth:grant-type:jwt-bearer"));
        for (size_t i = 0; sl_props_next(&x->eff->values, &i, &java, &value);) {
                if (strncmp(java, OAUTH "assertion.", strlen(OAUTH "assertion.")) != 0)
                        continue;
                sl_kctx_at(x, java);
                bool template = strcmp(java, OAUTH "assertion.template.file") == 0;
                SL_TRY(sl_kctx_set(x, template ? OAUTH "assertion.jwt.template.file" : java, value));
        }
        return SL_OK;
}

static enum sl_rc oidc(struct sl_kctx *x, const struct sl_jaas *jaas)
{
        const char *retriever = sl_kctx_get(x, OAUTH "jwt.retriever.class");
        struct sl_buf list = {0};

        SL_TRY(sl_kctx_set(x, OAUTH "method", "oidc"));
        if (retriever && is_class(retriever, "JwtBearerJwtRetriever"))
                SL_TRY(assertion(x));
        else
                SL_TRY(client_credentials(x, jaas));
        sl_kctx_at(x, OAUTH "scope");
        SL_TRY(set_encoded(x, OAUTH "scope", pick(x, jaas, OAUTH "scope", OAUTH "scope", "scope"), true));
        sl_kctx_at(x, "sasl.jaas.config");
        SL_TRY(endpoint_tls(x, jaas));
        enum sl_rc rc = extensions(x, jaas, "extension_", "", ',', &list);
        if (rc == SL_OK && list.len)
                rc = sl_kctx_set(x, OAUTH "extensions", sl_buf_cstr(&list));
        sl_buf_free(&list);
        return rc;
}

/* What Java's OAuthBearerUnsecuredLoginCallbackHandler makes from options: an unsigned token, for development only. */
static enum sl_rc unsecured_config(struct sl_kctx *x, const struct sl_jaas *jaas, struct sl_buf *out)
{
        static const char string_claim[] = "unsecuredLoginStringClaim_", list_claim[] = "unsecuredLoginListClaim_";
        const char *claim = sl_props_get(&jaas->options, "unsecuredLoginPrincipalClaimName");
        const char *scope_claim = sl_props_get(&jaas->options, "unsecuredLoginScopeClaimName"), *key, *value;

        claim = claim ? claim : "sub";
        scope_claim = scope_claim ? scope_claim : "scope";
        sl_buf_adds(out, "lifeSeconds=" FOREVER);
        for (size_t i = 0; sl_props_next(&jaas->options, &i, &key, &value);) {
                bool principal =
                        strncmp(key, string_claim, strlen(string_claim)) == 0 && !strcmp(key + strlen(string_claim), claim);
                bool scope = strncmp(key, list_claim, strlen(list_claim)) == 0 &&
                             !strcmp(key + strlen(list_claim), scope_claim) && *value;
                if (strchr(value, ' ') || strchr(value, '"'))
                        return sl_fail(x->err, SL_E_CONFIG,
                                       "The option %s of configuration %s can't be honoured: its value has a blank or "
                                       "a quote",
                                       key, x->key);
                if (principal) {
                        sl_buf_printf(out, " principalClaimName=%s principal=%s", claim, value);
                } else if (scope) { /* the first sign is the separator of the list */
                        sl_buf_printf(out, " scopeClaimName=%s scope=", scope_claim);
                        for (const char *p = value + 1; *p; p++)
                                sl_buf_addc(out, *p == *value ? ',' : *p);
                } else if (strncmp(key, "unsecuredLogin", 14) == 0 && strstr(key, "Claim_")) {
                        return sl_fail(x->err, SL_E_CONFIG,
                                       "Sluice can't honour the option %s of configuration %s: an unsecured token has "
                                       "a principal and a scope",
                                       key, x->key);
                }
        }
        return extensions(x, jaas, "unsecuredLoginExtension_", "extension_", ' ', out);
}

static enum sl_rc unsecured(struct sl_kctx *x, const struct sl_jaas *jaas)
{
        struct sl_buf text = {0};
        enum sl_rc rc = unsecured_config(x, jaas, &text);

        if (rc == SL_OK && !strstr(sl_buf_cstr(&text), "principal="))
                rc = sl_fail(x->err, SL_E_CONFIG,
                             "OAUTHBEARER needs sasl.oauthbearer.token.endpoint.url with "
                             "sasl.oauthbearer.client.credentials.client.id and .secret (or, for development, "
                             "unsecuredLoginStringClaim_sub in sasl.jaas.config); configuration %s has none",
                             x->key);
        if (rc == SL_OK)
                rc = sl_kctx_set(x, OAUTH "config", sl_buf_cstr(&text));
        if (rc == SL_OK)
                rc = sl_kctx_set(x, "enable.sasl.oauthbearer.unsecure.jwt", "true");
        sl_buf_free(&text);
        return rc;
}

/* librdkafka's own keys, which say it all. */
static bool native_unsecured(const struct sl_kctx *x)
{
        return same(sl_kctx_get(x, "enable.sasl.oauthbearer.unsecure.jwt"), "true");
}

static enum sl_rc oauth(struct sl_kctx *x, const struct sl_jaas *jaas)
{
        if (native_unsecured(x))
                return SL_OK;
        return sl_kctx_get(x, OAUTH "token.endpoint.url") ? oidc(x, jaas) : unsecured(x, jaas);
}

/* --- SASL: the whole -------------------------------------------------------------------------------------------------
 */

static enum sl_rc user_and_password(struct sl_kctx *x, const struct sl_jaas *jaas, const char *mechanism)
{
        const char *user = sl_props_get(&jaas->options, "username"), *needed;
        const char *password = sl_props_get(&jaas->options, "password");

        needed = same(mechanism, "PLAIN") ? "PlainLoginModule" : "ScramLoginModule";
        if (strcmp(sl_jaas_module(jaas), needed) != 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Configuration %s has %s, but sasl.mechanism=%s needs %s: change one of them", x->key,
                               sl_jaas_module(jaas), mechanism, needed);
        if (same(sl_props_get(&jaas->options, "tokenauth"), "true"))
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour tokenauth of configuration %s: delegation tokens aren't supported; "
                               "give the user's own password",
                               x->key);
        if (!user || !*user || !password)
                return sl_fail(x->err, SL_E_CONFIG, "Configuration %s has no %s", x->key,
                               user && *user ? "password" : "username");
        SL_TRY(sl_kctx_set(x, "sasl.username", user));
        return sl_kctx_set(x, "sasl.password", password);
}

static enum sl_rc finish_sasl(struct sl_kctx *x)
{
        const char *mechanism = mechanism_of(x), *text = sl_kctx_get(x, "sasl.jaas.config");
        struct sl_jaas jaas = {0};
        enum sl_rc rc;

        sl_kctx_at(x, "security.protocol");
        if (!mechanism)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Configuration %s asks for SASL, but sasl.mechanism isn't set beside it, and Java's "
                               "default, GSSAPI (Kerberos), isn't supported: set sasl.mechanism to PLAIN, "
                               "SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
                               x->key);
        bool token = same(mechanism, "OAUTHBEARER");
        if (!text && !token && sl_kctx_get(x, "sasl.username")) /* librdkafka's own keys */
                return SL_OK;
        if (!text && !(token && (sl_kctx_get(x, OAUTH "token.endpoint.url") || native_unsecured(x))))
                return sl_fail(x->err, SL_E_CONFIG,
                               "Configuration %s asks for SASL/%s, but sasl.jaas.config isn't set beside it", x->key,
                               mechanism);
        sl_kctx_at(x, "sasl.jaas.config");
        const char *why = text ? sl_jaas_parse(text, &jaas) : NULL;
        if (why)
                rc = bad_jaas(x, why);
        else if (!token)
                rc = user_and_password(x, &jaas, mechanism);
        else if (text && strcmp(sl_jaas_module(&jaas), "OAuthBearerLoginModule") != 0)
                rc = sl_fail(x->err, SL_E_CONFIG,
                             "Configuration %s has %s, but sasl.mechanism=OAUTHBEARER needs OAuthBearerLoginModule",
                             x->key, sl_jaas_module(&jaas));
        else
                rc = oauth(x, &jaas);
        sl_jaas_free(&jaas);
        return rc;
}

enum sl_rc sl_ksec_finish(struct sl_kctx *x)
{
        if (sl_keff_protocol_has(x->eff, "SSL"))
                SL_TRY(finish_tls(x));
        return sl_keff_protocol_has(x->eff, "SASL") ? finish_sasl(x) : SL_OK;
}
