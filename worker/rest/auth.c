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

struct lexer {
        const char *p;
        struct sl_buf word;
        bool quoted;
};

/* The next word, quoted text or single mark of {}=; into word; false at the end of the text. */
static bool next(struct lexer *x)
{
        const char *p = skip_space(x->p);
        sl_buf_clear(&x->word);
        x->quoted = *p == '"' || *p == '\'';
        if (x->quoted) {
                char quote = *p++;
                for (; *p && *p != quote; p++) {
                        p += *p == '\\' && p[1];
                        sl_buf_addc(&x->word, *p);
                }
                x->p = p + (*p == quote);
                return true;
        }
        size_t n = strcspn(p, " \t\r\n{}=;\"'");
        if (n == 0 && *p)
                n = 1;
        sl_buf_add(&x->word, p, n);
        x->p = p + n;
        return n != 0;
}

static bool is(struct lexer *x, const char *text)
{
        return !x->quoted && strcmp(sl_buf_cstr(&x->word), text) == 0;
}

/* "module flag key=value ... ;" with the module's name already read. */
static enum sl_rc read_module(struct lexer *x, struct sl_buf *file, struct sl_err *err)
{
        const char *name = strrchr(sl_buf_cstr(&x->word), '.');
        name = name ? name + 1 : sl_buf_cstr(&x->word);
        if (strcmp(name, MODULE) != 0)
                return sl_fail(err, SL_E_CONFIG,
                               "JAAS login module %s is a Java class and can't be loaded; " EXTENSION_PACKAGE MODULE
                               " is built in",
                               sl_buf_cstr(&x->word));
        bool more = next(x); /* the flag: with one module all flags mean the same */
        while (more && (more = next(x)) && !is(x, ";")) {
                bool is_file = is(x, "file");
                more = next(x) && is(x, "=") && next(x);
                if (more && is_file)
                        sl_buf_add(file, x->word.ptr, x->word.len);
        }
        if (!more)
                return sl_fail(err, SL_E_CONFIG,
                               "the JAAS text of " MODULE " can't be read: it is written `" EXTENSION_PACKAGE MODULE
                               " required file=\"/path\";`");
        if (!file->len)
                return sl_fail(err, SL_E_CONFIG, "JAAS: " MODULE " has no option file=\"/path/of/the/users\"");
        return SL_OK;
}

/* Through its closing brace and the semicolon after it. */
static void skip_section(struct lexer *x)
{
        while (next(x) && !is(x, "}"))
                ;
        const char *after = x->p;
        if (!next(x) || !is(x, ";"))
                x->p = after;
}

static enum sl_rc read_jaas(struct lexer *x, struct sl_buf *file, struct sl_err *err)
{
        while (next(x)) {
                bool ours = is(x, SECTION);
                const char *word_end = x->p, *word = word_end - x->word.len;
                bool section = next(x) && is(x, "{");
                if (section && !ours) {
                        skip_section(x);
                        continue;
                }
                x->p = section ? x->p : word;
                if (!next(x))
                        break;
                SL_TRY(read_module(x, file, err));
                if (section && next(x) && !is(x, "}"))
                        return sl_fail(err, SL_E_CONFIG, "JAAS section " SECTION " has more than one login module");
                return SL_OK;
        }
        return sl_fail(err, SL_E_CONFIG, "the JAAS configuration has no section " SECTION);
}

enum sl_rc sl_rest_jaas_file(const char *text, struct sl_buf *file, struct sl_err *err)
{
        struct lexer x = {.p = text};
        enum sl_rc rc = read_jaas(&x, file, err);
        sl_buf_free(&x.word);
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
                        return sl_fail(
                                err, SL_E_CONFIG,
                                "rest.extension.classes: %s is a Java class and can't be loaded; " EXTENSION_PACKAGE
                                        EXTENSION " is built in, for anything else put a reverse "
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
