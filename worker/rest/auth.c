/* SPDX-License-Identifier: Apache-2.0 */
/* Basic authentication (see auth.h). The JAAS file's grammar is that of Java's javax.security.auth.login.Configuration:
 * name { module flag key=value ...; ... }; with // and slash-star comments. Does not expand ${system.property}. */
#include "rest/auth.h"
#include <ctype.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "config/textfile.h"

#define EXTENSION "BasicAuthSecurityRestExtension"
#define EXTENSION_PACKAGE "org.apache.kafka.connect.rest.basic.auth.extension."
#define MODULE "PropertyFileLoginModule"
#define SECTION "KafkaConnect"
#define JAAS_KEY "sluice.rest.jaas.config"
#define DIGEST 32
#define CREDENTIALS_MAX 4096

struct sl_rest_auth {
        unsigned char key[DIGEST];
        size_t n;
        bool everybody;
        unsigned char digests[][DIGEST]; /* of user, NUL, password */
};

/* --- JAAS ------------------------------------------------------------------------------------------------------------
 */

static const char *skip_space(const char *p)
{
        for (;;) {
                p += strspn(p, " \t\r\n");
                if (p[0] == '/' && p[1] == '/') {
                        p += strcspn(p, "\n");
                } else if (p[0] == '/' && p[1] == '*') {
                        const char *close = strstr(p + 2, "*/");
                        p = close ? close + 2 : p + strlen(p);
                } else {
                        return p;
                }
        }
}

/* The next word, quoted text or single mark of {}=; into out; false at the end of the text. */
static bool token(const char **text, struct sl_buf *out)
{
        const char *p = skip_space(*text);
        sl_buf_clear(out);
        if (*p == '"' || *p == '\'') {
                char quote = *p++;
                for (; *p && *p != quote; p++) {
                        p += *p == '\\' && p[1];
                        sl_buf_addc(out, *p);
                }
                *text = p + (*p == quote);
                return true;
        }
        size_t n = strcspn(p, " \t\r\n{}=;\"'");
        if (n == 0 && *p)
                n = 1;
        sl_buf_add(out, p, n);
        *text = p + n;
        return n != 0;
}

static bool is(struct sl_buf *word, const char *text)
{
        return strcmp(sl_buf_cstr(word), text) == 0;
}

/* "module flag key=value ... ;" with the module's name already read. */
static enum sl_rc read_module(const char **p, struct sl_buf *word, struct sl_buf *file, struct sl_err *err)
{
        const char *name = strrchr(sl_buf_cstr(word), '.');
        name = name ? name + 1 : sl_buf_cstr(word);
        if (strcmp(name, MODULE) != 0)
                return sl_fail(err, SL_E_CONFIG,
                               "JAAS login module %s is a Java class and can't be loaded; " EXTENSION_PACKAGE MODULE
                               " is built in",
                               sl_buf_cstr(word));
        bool more = token(p, word); /* the flag: with one module all flags mean the same */
        while (more && (more = token(p, word)) && !is(word, ";")) {
                bool is_file = is(word, "file");
                struct sl_buf equals = {0};
                more = token(p, &equals) && is(&equals, "=") && token(p, word);
                sl_buf_free(&equals);
                if (more && is_file)
                        sl_buf_add(file, word->ptr, word->len);
        }
        if (!more)
                return sl_fail(err, SL_E_CONFIG,
                               "the JAAS text of " MODULE " can't be read: it is written `" EXTENSION_PACKAGE MODULE
                               " required file=\"/path\";`");
        if (!file->len)
                return sl_fail(err, SL_E_CONFIG, "JAAS: " MODULE " has no option file=\"/path/of/the/users\"");
        return SL_OK;
}

static void skip_section(const char **p, struct sl_buf *word)
{
        while (token(p, word) && !is(word, "}"))
                ;
        const char *after = *p;
        if (token(&after, word) && is(word, ";"))
                *p = after;
}

enum sl_rc sl_rest_jaas_file(const char *text, struct sl_buf *file, struct sl_err *err)
{
        struct sl_buf word = {0}, next = {0};
        enum sl_rc rc = SL_OK;
        bool found = false;
        for (const char *p = text; rc == SL_OK && !found && token(&p, &word);) {
                const char *ahead = p;
                bool section = token(&ahead, &next) && is(&next, "{");
                if (section && !is(&word, SECTION)) {
                        p = ahead;
                        skip_section(&p, &word);
                        continue;
                }
                if (section) {
                        p = ahead;
                        token(&p, &word);
                }
                rc = read_module(&p, &word, file, err);
                found = true;
                if (rc == SL_OK && section && token(&p, &word) && !is(&word, "}"))
                        rc = sl_fail(err, SL_E_CONFIG, "JAAS section " SECTION " has more than one login module");
        }
        if (rc == SL_OK && !found)
                rc = sl_fail(err, SL_E_CONFIG, "the JAAS configuration has no section " SECTION);
        sl_buf_free(&word);
        sl_buf_free(&next);
        return rc;
}

/* --- Users -----------------------------------------------------------------------------------------------------------
 */

static void digest(const struct sl_rest_auth *a, const char *user_and_password, size_t n, unsigned char *out)
{
        if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, a->key, sizeof(a->key), user_and_password, n, out) != 0)
                abort(); /* GnuTLS without SHA-256 can't speak TLS either */
}

static struct sl_rest_auth *read_users(const char *path)
{
        struct sl_props users = {0};
        struct sl_err err = {0};
        const char *user, *password;
        bool ok = sl_props_load(&users, path, &err) == SL_OK;
        struct sl_rest_auth *a = sl_calloc(1, sizeof(*a) + users.map.live * DIGEST);
        if (gnutls_rnd(GNUTLS_RND_KEY, a->key, sizeof(a->key)) != 0)
                abort(); /* no randomness */
        if (!ok)
                sl_error("REST: nobody can log in, because the file of users and passwords can't be read: %s", err.msg);
        a->everybody = ok && users.map.live == 0;
        if (a->everybody)
                sl_warn("REST: the file of users and passwords %s is empty; all requests are permitted", path);
        for (size_t i = 0; sl_props_next(&users, &i, &user, &password);) {
                struct sl_buf pair = {0};
                sl_buf_add(&pair, user, strlen(user) + 1);
                sl_buf_adds(&pair, password ? password : "");
                digest(a, pair.ptr, pair.len, a->digests[a->n++]);
                explicit_bzero(pair.ptr, pair.cap);
                sl_buf_free(&pair);
        }
        sl_props_free(&users);
        return a;
}

/* JAAS text ends with a semicolon; anything else is the path of a JAAS file. */
static bool is_jaas_text(const char *value)
{
        size_t n = strlen(value);
        while (n && isspace((unsigned char)value[n - 1]))
                n--;
        return n && value[n - 1] == ';';
}

static enum sl_rc check_extensions(const struct sl_cfg_list *list, struct sl_err *err)
{
        for (uint32_t i = 0; i < list->count; i++) {
                const char *name = list->items[i];
                if (strcmp(name, EXTENSION_PACKAGE EXTENSION) != 0 && strcmp(name, EXTENSION) != 0)
                        return sl_fail(err, SL_E_CONFIG,
                                       "rest.extension.classes: %s is a Java class and can't be loaded; "
                                       EXTENSION_PACKAGE EXTENSION " is built in, for anything else put a reverse "
                                       "proxy before a loopback listener",
                                       name);
        }
        return SL_OK;
}

enum sl_rc sl_rest_auth_new(const struct sl_worker_cfg *cfg, struct sl_rest_auth **ret, struct sl_err *err)
{
        bool given = cfg->jaas_config && *cfg->jaas_config;
        const char *jaas = given ? cfg->jaas_config : cfg->java_login_config;
        *ret = NULL;
        SL_TRY(check_extensions(&cfg->rest_extensions, err));
        if (!cfg->rest_extensions.count && given)
                return sl_fail(err, SL_E_CONFIG,
                               JAAS_KEY " has no effect without rest.extension.classes=" EXTENSION_PACKAGE EXTENSION);
        if (!cfg->rest_extensions.count)
                return SL_OK;
        if (!jaas)
                return sl_fail(err, SL_E_CONFIG,
                               EXTENSION " needs to know where the users are: set " JAAS_KEY
                                         " to a JAAS file or to `" EXTENSION_PACKAGE MODULE
                                         " required file=\"/path\";`, or name the file in KAFKA_OPTS as "
                                         "-Djava.security.auth.login.config=/path");
        struct sl_buf text = {0}, file = {0};
        enum sl_rc rc = SL_OK;
        if (given && is_jaas_text(jaas))
                sl_buf_adds(&text, jaas);
        else
                rc = sl_textfile_read(jaas, &text, err);
        if (rc == SL_OK)
                rc = sl_rest_jaas_file(sl_buf_cstr(&text), &file, err);
        if (rc == SL_OK)
                *ret = read_users(sl_buf_cstr(&file));
        sl_buf_free(&text);
        sl_buf_free(&file);
        return rc;
}

void sl_rest_auth_free(struct sl_rest_auth *a)
{
        free(a);
}

/* user:password of a Basic header into out (NUL in place of the first colon); length, or 0. */
static size_t credentials(const char *authorization, unsigned char *out)
{
        size_t method = authorization ? strcspn(authorization, " ") : 0;
        if (method != 5 || strncasecmp(authorization, "basic", 5) != 0 || authorization[5] != ' ')
                return 0;
        const char *text = authorization + 6;
        size_t len = strlen(text);
        if (len > CREDENTIALS_MAX)
                return 0;
        int64_t n = sl_base64_decode(text, len, out);
        unsigned char *colon = n > 0 ? memchr(out, ':', (size_t)n) : NULL;
        if (!colon || colon == out || memchr(out, '\0', (size_t)n))
                return 0;
        *colon = '\0';
        return (size_t)n;
}

bool sl_rest_auth_allows(const struct sl_rest_auth *a, const char *authorization, struct sl_buf *user)
{
        unsigned char pair[CREDENTIALS_MAX], own[DIGEST];
        unsigned found = 0;
        if (a->everybody)
                return true;
        size_t n = credentials(authorization, pair);
        if (!n)
                return false;
        digest(a, (const char *)pair, n, own);
        for (size_t i = 0; i < a->n; i++) /* all of them: the time says neither whether nor where */
                found |= gnutls_memcmp(own, a->digests[i], DIGEST) == 0;
        if (found)
                sl_buf_adds(user, (const char *)pair);
        explicit_bzero(pair, sizeof(pair));
        return found;
}
