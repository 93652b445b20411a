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

/* \b: Java's word characters are all letters and digits there, while \w means ASCII's. */
#define WORD "[\\p{L}\\p{Nd}_]"
#define WORD_EDGE "(?<=" WORD ")(?!" WORD ")|(?<!" WORD ")(?=" WORD ")"

/* Where the translation stands. */
struct reading {
        const char *p;
        bool in_class;
        uint32_t groups; /* opened so far */
        bool atom;       /* what stands before can be repeated */
        struct sl_buf *out;
};

static bool is_octal(char c)
{
        return c >= '0' && c <= '7';
}

/* At most n hexadecimal digits at p. */
static size_t hex_digits(const char *p, size_t n)
{
        size_t have = strspn(p, "0123456789abcdefABCDEF");
        return have < n ? have : n;
}

/* \p{...} and \P{...}: the POSIX names are ASCII's in Java, a property may be written with Is in front. */
static size_t read_property(struct reading *r)
{
        const char *p = r->p;
        for (size_t i = 0; p[2] == '{' && i < sizeof(posix_classes) / sizeof(*posix_classes); i++) {
                size_t n = strlen(posix_classes[i].java);
                if (strncmp(p + 3, posix_classes[i].java, n) != 0 || p[3 + n] != '}')
                        continue;
                sl_buf_printf(r->out, r->in_class ? "[:%s%s:]" : "[[:%s%s:]]", p[1] == 'P' ? "^" : "", posix_classes[i].pcre);
                return n + 4;
        }
        const char *name = strncmp(p + 2, "{Is", 3) == 0 ? p + 5 : p + 3;
        size_t n = p[2] == '{' ? strcspn(name, "}") : 0;
        if (p[2] != '{' || name[n] != '}') { /* \\pL */
                sl_buf_add(r->out, p, p[2] ? 3 : 2);
                return p[2] ? 3 : 2;
        }
        sl_buf_printf(r->out, "\\%c{%.*s}", p[1], (int)n, name);
        return (size_t)(name - p) + n + 1;
}

/* \1 ...: more digits belong to it while so many groups were opened before. */
static size_t read_back_reference(struct reading *r)
{
        size_t n = 2;
        uint32_t group = (uint32_t)(r->p[1] - '0');
        while (r->p[n] >= '0' && r->p[n] <= '9' && group * 10 + (uint32_t)(r->p[n] - '0') <= r->groups)
                group = group * 10 + (uint32_t)(r->p[n++] - '0');
        sl_buf_printf(r->out, "\\g{%u}", group);
        return n;
}

/* \0 and one to three octal digits, the first of three at most 3. */
static size_t read_octal(struct reading *r)
{
        size_t max = r->p[2] <= '3' ? 3 : 2, n = 0;
        uint32_t v = 0;
        while (n < max && is_octal(r->p[2 + n]))
                v = v * 8 + (uint32_t)(r->p[2 + n++] - '0');
        if (n)
                sl_buf_printf(r->out, "\\x{%x}", v);
        return n ? n + 2 : 0;
}

/* At a backslash: how many bytes were read, 0 = Java knows no such escape. */
static size_t read_escape(struct reading *r)
{
        const char *p = r->p;
        char c = p[1];
        if (c >= '1' && c <= '9')
                return r->in_class ? 0 : read_back_reference(r);
        switch (c) {
        case '\0':
                return 0;
        case '0':
                return read_octal(r);
        case 'u':
                if (hex_digits(p + 2, 4) < 4)
                        return 0;
                sl_buf_printf(r->out, "\\x{%.4s}", p + 2);
                return 6;
        case 'x':
                if (p[2] == '{')
                        break;
                if (hex_digits(p + 2, 2) < 2)
                        return 0;
                sl_buf_printf(r->out, "\\x{%.2s}", p + 2);
                return 4;
        case 'c':
                if (p[2] <= ' ' || p[2] > '~')
                        return 0;
                sl_buf_printf(r->out, "\\x{%x}", p[2] ^ 64);
                return 3;
        case 'p':
        case 'P':
                return read_property(r);
        case 'b':
        case 'B':
                if (r->in_class)
                        return 0;
                sl_buf_adds(r->out, c == 'b' ? "(?:" WORD_EDGE ")" : "(?!" WORD_EDGE ")");
                return 2;
        default:
                if (((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !strchr(r->in_class ? "dDsSwWhHvVnrtfae" : "AGzZdDsSwWhHvVRXknrtfae", c))
                        return 0;
        }
        sl_buf_add(r->out, p, 2);
        return 2;
}

/* At "(?": what Java has. NULL, or why not. */
static const char *read_group(struct reading *r)
{
        const char *q = r->p + 2;
        size_t name;
        if (*q == '<' && q[1] != '=' && q[1] != '!') {
                name = strspn(q + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
                if (!name || (q[1] >= '0' && q[1] <= '9') || q[1 + name] != '>')
                        return "a group's name is letters and digits, a letter first, between < and >";
                r->groups++;
                sl_buf_add(r->out, r->p, name + 4);
                r->p += name + 4;
                return NULL;
        }
        if (strchr("=!<>:", *q) && *q) {
                size_t n = *q == '<' ? 4 : 3;
                sl_buf_add(r->out, r->p, n);
                r->p += n;
                return NULL;
        }
        size_t flags = strspn(q, "ims-");
        if (!flags || (q[flags] != ')' && q[flags] != ':'))
                return "of the inline flags i, m and s are supported; write the expression without (?x), (?d), (?u), (?U)";
        sl_buf_add(r->out, r->p, flags + 3);
        r->p += flags + 3;
        return NULL;
}

/* At "[". */
static void read_class(struct reading *r)
{
        r->in_class = true;
        sl_buf_addc(r->out, *r->p++);
        if (*r->p == '^')
                sl_buf_addc(r->out, *r->p++);
        if (*r->p && strchr(".:=", *r->p)) /* [. [: [= begin something in POSIX */
                sl_buf_addc(r->out, '\\');
        if (*r->p && strchr("].:=", *r->p))
                sl_buf_addc(r->out, *r->p++);
}

/* {n}, {n,}, {n,m}: everything else is a mistake in Java, and text for PCRE2. */
static bool is_repetition(const char *p)
{
        size_t n = strspn(p + 1, "0123456789"), m;
        if (!n)
                return false;
        if (p[1 + n] != ',')
                return p[1 + n] == '}';
        m = strspn(p + 2 + n, "0123456789");
        return p[2 + n + m] == '}';
}

/* One character that has a meaning, or text. NULL, or why not. */
static const char *read_one(struct reading *r)
{
        char c = *r->p;
        if (r->in_class) {
                if (c == '[')
                        return "a character class inside a character class (Java's union) is not supported: list the "
                               "characters in one class, or write \\[ for a bracket";
                if (c == '&' && r->p[1] == '&')
                        return "&& inside a character class (Java's intersection) is not supported: list the characters";
                r->in_class = c != ']';
                r->atom = true;
        } else if (c == '[') {
                read_class(r);
                return NULL;
        } else if (c == '(') {
                r->atom = false;
                if (r->p[1] == '*')
                        return "Dangling meta character '*'";
                if (r->p[1] == '?')
                        return read_group(r);
                r->groups++;
        } else if (c == '{' && !(r->atom && is_repetition(r->p))) {
                return "Illegal repetition: write \\{ for a brace";
        } else {
                r->atom = c != '|';
        }
        sl_buf_addc(r->out, *r->p++);
        return NULL;
}

/* NULL, or why not. */
static const char *translate(const char *p, struct sl_buf *out)
{
        struct reading r = {.p = p, .out = out};
        while (*r.p) {
                if (r.p[0] == '\\' && r.p[1] == 'Q') {
                        const char *end = strstr(r.p, "\\E");
                        size_t n = end ? (size_t)(end - r.p) + 2 : strlen(r.p);
                        sl_buf_add(out, r.p, n);
                        r.p += n;
                        r.atom = true;
                } else if (*r.p == '\\') {
                        size_t n = read_escape(&r);
                        if (!n)
                                return "Illegal/unsupported escape sequence";
                        r.p += n;
                        r.atom = true;
                } else {
                        const char *why = read_one(&r);
                        if (why)
                                return why;
                }
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
                pcre2_compile_context *lines = pcre2_compile_context_create(NULL);
                if (lines)
                        pcre2_set_newline(lines, PCRE2_NEWLINE_ANYCRLF);
                code = pcre2_compile((PCRE2_SPTR)sl_buf_cstr(&text), text.len, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
                                     &number, &at, lines);
                pcre2_compile_context_free(lines);
                if (!code) {
                        PCRE2_UCHAR message[160];
                        pcre2_get_error_message(number, message, sizeof(message));
                        sl_buf_printf(why, "%s near index %zu", (const char *)message, (size_t)at);
                }
        }
        sl_buf_free(&text);
        return code;
}
