/* SPDX-License-Identifier: Apache-2.0 */
/* Java's regular expressions on PCRE2 (see regex.h). What both have alike is passed through. */
#include "transforms/regex.h"

#include "base/str.h"

struct posix {
        const char *java, *pcre;
};
static const struct posix posix_classes[] = {
        {"Lower", "lower"}, {"Upper", "upper"},   {"ASCII", "ascii"}, {"Alpha", "alpha"}, {"Digit", "digit"},
        {"Alnum", "alnum"}, {"Punct", "punct"},   {"Graph", "graph"}, {"Print", "print"}, {"Blank", "blank"},
        {"Cntrl", "cntrl"}, {"XDigit", "xdigit"}, {"Space", "space"},
};

/* p at the backslash; how many bytes were read. */
static size_t translate_escape(const char *p, bool in_class, struct sl_buf *out)
{
        if (p[1] == 'u' && strspn(p + 2, "0123456789abcdefABCDEF") >= 4) {
                sl_buf_printf(out, "\\x{%.4s}", p + 2);
                return 6;
        }
        for (size_t i = 0;
             (p[1] == 'p' || p[1] == 'P') && p[2] == '{' && i < sizeof(posix_classes) / sizeof(*posix_classes); i++) {
                size_t n = strlen(posix_classes[i].java);
                if (strncmp(p + 3, posix_classes[i].java, n) != 0 || p[3 + n] != '}')
                        continue;
                sl_buf_printf(out, in_class ? "[:%s%s:]" : "[[:%s%s:]]", p[1] == 'P' ? "^" : "", posix_classes[i].pcre);
                return n + 4;
        }
        sl_buf_add(out, p, p[1] ? 2 : 1);
        return p[1] ? 2 : 1;
}

/* NULL, or why not. */
static const char *translate(const char *p, struct sl_buf *out)
{
        bool in_class = false;
        while (*p) {
                if (p[0] == '\\' && p[1] == 'Q') {
                        const char *end = strstr(p, "\\E");
                        size_t n = end ? (size_t)(end - p) + 2 : strlen(p);
                        sl_buf_add(out, p, n);
                        p += n;
                        continue;
                }
                if (*p == '\\') {
                        p += translate_escape(p, in_class, out);
                        continue;
                }
                if (in_class && *p == '[')
                        return "a character class inside a character class (Java's union) is not supported: list the "
                               "characters in one class, or write \\[ for a bracket";
                if (in_class && p[0] == '&' && p[1] == '&')
                        return "&& inside a character class (Java's intersection) is not supported: list the "
                               "characters";
                if (p[0] == '(' && p[1] == '*')
                        return "Dangling meta character '*'";
                if (*p == '[') {
                        in_class = true;
                        sl_buf_addc(out, *p++);
                        if (*p == '^')
                                sl_buf_addc(out, *p++);
                        if (*p == ']')
                                sl_buf_addc(out, *p++);
                        continue;
                }
                if (*p == ']')
                        in_class = false;
                sl_buf_addc(out, *p++);
        }
        return NULL;
}

pcre2_code *sl_java_regex(const char *regex, struct sl_buf *why)
{
        struct sl_buf text = {0};
        pcre2_code *code = NULL;
        const char *refused = translate(regex, &text);
        if (refused) {
                sl_buf_adds(why, refused);
        } else {
                int number;
                PCRE2_SIZE at;
                code = pcre2_compile((PCRE2_SPTR)sl_buf_cstr(&text), text.len, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
                                     &number, &at, NULL);
                if (!code) {
                        PCRE2_UCHAR message[160];
                        pcre2_get_error_message(number, message, sizeof(message));
                        sl_buf_printf(why, "%s near index %zu", (const char *)message, (size_t)at);
                }
        }
        sl_buf_free(&text);
        return code;
}
