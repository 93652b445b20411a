/* SPDX-License-Identifier: Apache-2.0 */
/* Reads sasl.jaas.config. Rules are those of Kafka's JaasConfig: one login module, a control flag, options with words or
 * quoted strings (either quote, backslash escapes) as values, a semicolon; // and block comments between them. More lenient than
 * Java in one thing: an unquoted value may start with a digit or hold any sign but blanks, quotes, '=' and ';'.
 * Does not know what any module's options mean. */
#include "kafka/jaas.h"
#include <string.h>
#include <strings.h>

enum kind { END, WORD, SIGN, BROKEN }; /* SIGN: a single '=' or ';' */

static const char *skip_blank(const char *p)
{
        for (;;) {
                p += strspn(p, " \t\r\n\f\v");
                if (strncmp(p, "//", 2) == 0) {
                        p += strcspn(p, "\r\n");
                } else if (strncmp(p, "/*", 2) == 0) {
                        const char *end = strstr(p + 2, "*/");
                        p = end ? end + 2 : p + strlen(p);
                } else {
                        return p;
                }
        }
}

/* What a backslash stands for; *p is behind it. Octal numbers have up to three digits, the first of three at most 3. */
static char escaped(const char **p)
{
        static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
        const char *s = *p;
        const char *known = strchr(from, *s);

        if (*s >= '0' && *s <= '7') {
                int value = 0, most = *s <= '3' ? 3 : 2;
                for (; most && *s >= '0' && *s <= '7'; most--)
                        value = value * 8 + (*s++ - '0');
                *p = s;
                return (char)value;
        }
        *p = s + 1;
        return known ? to[known - from] : *s;
}

static enum kind next(const char **p, struct sl_buf *out)
{
        const char *s = skip_blank(*p);
        char quote = *s == '"' || *s == '\'' ? *s++ : '\0';

        sl_buf_clear(out);
        *p = s;
        if (!quote && !*s)
                return END;
        if (!quote && (*s == '=' || *s == ';')) {
                sl_buf_addc(out, *s);
                *p = s + 1;
                return SIGN;
        }
        while (*s && (quote ? *s != quote : !strchr(" \t\r\n\f\v=;\"'", *s))) {
                if (quote && *s == '\\' && s[1]) {
                        s++;
                        sl_buf_addc(out, escaped(&s));
                } else {
                        sl_buf_addc(out, *s++);
                }
        }
        if (quote && *s != quote)
                return BROKEN;
        *p = s + (quote != '\0');
        return WORD;
}

static bool is_flag(const char *word)
{
        static const char *const flags[] = {"required", "requisite", "sufficient", "optional"};

        for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
                if (strcasecmp(word, flags[i]) == 0)
                        return true;
        return false;
}

static const char *parse_options(const char **p, struct sl_buf *token, struct sl_jaas *jaas)
{
        for (;;) {
                enum kind kind = next(p, token);
                if (kind == SIGN && *sl_buf_cstr(token) == ';')
                        return NULL;
                if (kind == END)
                        return "JAAS config entry not terminated by semi-colon";
                if (kind == BROKEN)
                        return "a quoted string in JAAS config has no end";
                if (kind != WORD || strlen(sl_buf_cstr(token)) >= 128)
                        return "an option without a name in JAAS config";
                char key[128];
                memcpy(key, sl_buf_cstr(token), strlen(sl_buf_cstr(token)) + 1);
                if (next(p, token) != SIGN || *sl_buf_cstr(token) != '=')
                        return "Value not specified for a key in JAAS config";
                kind = next(p, token);
                if (kind == BROKEN)
                        return "a quoted string in JAAS config has no end";
                if (kind != WORD)
                        return "Value not specified for a key in JAAS config";
                sl_props_set(&jaas->options, key, sl_buf_cstr(token));
        }
}

static const char *parse(const char *text, struct sl_buf *token, struct sl_jaas *jaas)
{
        const char *p = text;

        if (next(&p, token) != WORD)
                return "Login module not specified in JAAS config";
        if (token->len >= sizeof(jaas->module))
                return "the name of the login module in JAAS config is too long";
        memcpy(jaas->module, sl_buf_cstr(token), token->len + 1);
        if (next(&p, token) != WORD)
                return "Login module control flag not specified in JAAS config";
        if (!is_flag(sl_buf_cstr(token)))
                return "Login module control flag is not available in JAAS config";
        const char *why = parse_options(&p, token, jaas);
        if (!why && *skip_blank(p))
                why = "JAAS config property contains more than one login module, should be 1 module";
        return why;
}

const char *sl_jaas_parse(const char *text, struct sl_jaas *jaas)
{
        struct sl_buf token = {0};
        const char *why = parse(text, &token, jaas);

        if (token.ptr)
                explicit_bzero(token.ptr, token.cap);
        sl_buf_free(&token);
        return why;
}

const char *sl_jaas_module(const struct sl_jaas *jaas)
{
        const char *dot = strrchr(jaas->module, '.');

        return dot ? dot + 1 : jaas->module;
}

void sl_jaas_free(struct sl_jaas *jaas)
{
        sl_props_free(&jaas->options);
        memset(jaas, 0, sizeof(*jaas));
}
