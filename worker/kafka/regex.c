/* SPDX-License-Identifier: Apache-2.0 */
/* Java regular expression -> POSIX extended. Translates syntax only: librdkafka compiles and matches the result with
 * the C library's regcomp, so a malformed expression is reported by the subscription. */
#include <ctype.h>
#include "kafka/regex.h"

static enum sl_rc refuse(const char *java, const char *what, struct sl_err *err)
{
        return sl_fail(err, SL_E_CONFIG,
                       "Invalid value %s for configuration topics.regex: %s is not supported here; list the "
                       "topics or write it with groups, classes and repetitions",
                       java, what);
}

/* The class a letter after a backslash names, as the inside of brackets; NULL if it names none. */
static const char *class_of(char c)
{
        switch (c) {
        case 'd':
                return "0-9";
        case 'w':
                return "a-zA-Z0-9_";
        case 's':
                return " ";
        default:
                return NULL;
        }
}

static const char *negated_of(char c)
{
        switch (c) {
        case 'D':
                return "^0-9";
        case 'W':
                return "^a-zA-Z0-9_";
        case 'S':
                return "^ ";
        default:
                return NULL;
        }
}

/* "[...]" with *p at the '['. In POSIX brackets a backslash is a letter, and '-' stands for itself only at the end. */
static enum sl_rc bracket(const char *java, const char **p, struct sl_buf *out, struct sl_err *err)
{
        const char *s = *p + 1;
        bool dash = false, close = false;

        sl_buf_addc(out, '[');
        if (*s == '^')
                sl_buf_addc(out, *s++);
        for (const char *first = s; *s && (*s != ']' || s == first); s++) {
                const char *class = *s == '\\' ? class_of(s[1]) : NULL;
                if (*s == '[' || (*s == '&' && s[1] == '&'))
                        return refuse(java, "a class inside a class", err);
                if (class) {
                        sl_buf_adds(out, class);
                        s++;
                } else if (*s == '\\' && isalnum((unsigned char)s[1])) {
                        return refuse(java, "this escape in a class", err);
                } else if (*s == '\\' && s[1]) {
                        s++;
                        dash |= *s == '-';
                        close |= *s == ']';
                        if (*s != '-' && *s != ']')
                                sl_buf_addc(out, *s);
                } else if (*s == '-' && s[1] == ']') {
                        dash = true;
                } else {
                        sl_buf_addc(out, *s);
                }
        }
        if (*s != ']')
                return refuse(java, "a class without its end", err);
        if (close)
                return refuse(java, "] inside a class", err);
        if (dash)
                sl_buf_addc(out, '-');
        sl_buf_addc(out, ']');
        *p = s;
        return SL_OK;
}

static enum sl_rc escape(const char *java, char c, struct sl_buf *out, struct sl_err *err)
{
        const char *class = class_of(c) ? class_of(c) : negated_of(c);

        if (class) {
                sl_buf_addc(out, '[');
                sl_buf_adds(out, class);
                sl_buf_addc(out, ']');
        } else if (!c || isalnum((unsigned char)c)) {
                return refuse(java, "this escape", err);
        } else if (strchr(".[]{}()*+?|^$\\", c)) {
                sl_buf_addc(out, '\\');
                sl_buf_addc(out, c);
        } else {
                sl_buf_addc(out, c);
        }
        return SL_OK;
}

enum sl_rc sl_kafka_topics_regex(const char *java, struct sl_buf *out, struct sl_err *err)
{
        sl_buf_adds(out, "^(");
        for (const char *p = java; *p; p++) {
                if (*p == '\\') {
                        p++;
                        SL_TRY(escape(java, *p, out, err));
                } else if (*p == '[') {
                        SL_TRY(bracket(java, &p, out, err));
                } else if (*p == '(' && p[1] == '?') {
                        if (p[2] != ':')
                                return refuse(java, "a group that begins with (?", err);
                        sl_buf_addc(out, '(');
                        p += 2;
                } else {
                        sl_buf_addc(out, *p);
                        if (strchr("*+?}", *p) && (p[1] == '?' || p[1] == '+'))
                                p++;
                }
        }
        sl_buf_adds(out, ")$");
        return SL_OK;
}
