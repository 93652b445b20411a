/* SPDX-License-Identifier: Apache-2.0 */
/* Decides whether a key's value is a secret, for logs, messages and REST answers. In doubt it is one.
 * A PASSWORD row decides first; other keys are judged by their name, folded to lower case with '_' and '-' as '.'. */
#include <ctype.h>
#include <string.h>

#include "config/cfgdef.h"

/* Anywhere in the name. */
static const char *const words[] = {"password", "passwd",      "passphrase", "secret", "credential",
                                    "jaas",     "private.key", "privatekey", NULL};
/* Whole last parts of the name ("x.api.key", "api.key"). */
static const char *const ends[] = {"access.key",     "accesskey",    "api.key",      "apikey",
                                   "account.key",    "customer.key", "keystore.key", "encryption.key",
                                   "signing.key",    "shared.key",   "master.key",   "key.pem",
                                   "auth.user.info", "pwd",          "pass",         NULL};
/* Names that end so say where or how a secret is kept, not what it is. */
static const char *const harmless[] = {"class", "provider", "source", "url",        "file",      "path", "location",
                                       "type",  "ms",       "length", "iterations", "algorithm", NULL};

static bool ends_with(const char *name, size_t len, const char *tail)
{
        size_t n = strlen(tail);
        return len >= n && strcmp(name + len - n, tail) == 0 && (len == n || name[len - n - 1] == '.');
}

/* "token" as a word or the end of one: auth.token, authtoken, token.value; not tokens, tokenizer. */
static bool has_token(const char *name)
{
        for (const char *p = name; (p = strstr(p, "token")) != NULL; p += 5)
                if (p[5] == '\0' || p[5] == '.')
                        return true;
        return false;
}

static bool looks_secret(const char *key)
{
        char name[256];
        size_t len = 0;
        for (; key[len] && len < sizeof(name) - 1; len++)
                name[len] = key[len] == '_' || key[len] == '-' ? '.' : (char)tolower((unsigned char)key[len]);
        name[len] = '\0';
        if (key[len])
                return true; /* too long to judge */
        for (size_t i = 0; harmless[i]; i++)
                if (ends_with(name, len, harmless[i]))
                        return false;
        for (size_t i = 0; words[i]; i++)
                if (strstr(name, words[i]))
                        return true;
        for (size_t i = 0; ends[i]; i++)
                if (ends_with(name, len, ends[i]))
                        return true;
        return has_token(name);
}

bool sl_cfg_is_secret(const struct sl_cfg_def *const *tables, size_t n, const char *key)
{
        for (size_t t = 0; tables && t < n; t++) {
                const struct sl_cfg_def *row = sl_cfg_find(tables[t], key);
                if (row && row->type == SL_CFG_T_PASSWORD)
                        return true;
        }
        return looks_secret(key);
}
