/* SPDX-License-Identifier: Apache-2.0 */
/* What makes two failures the same: stage, class of the root cause, message with its values taken out, and the topmost frames of
 * the application's own code. Replaced are numbers, times, uuids, hexadecimal and other ids, hosts, addresses, quoted values and
 * pieces of payloads. Kept are words, the names of fields, columns, tables, constraints and types also where they are quoted, and
 * numbers that say that they are codes. One pass, no allocation. */
#include "base/map.h"
#include "dlq/internal.h"

struct norm {
        const char *p, *end, *start;
        char *out;
        size_t len, cap;
        const char *word; /* the last word that was kept, in out */
        size_t word_len;
};

enum { DIGIT = 1, LETTER = 2, HEX = 4, WORD = 8, DOLLAR = 16, JOINT = 32, DOT = 64, AT = 128 };
static const uint8_t kinds[256] = {
        ['0' ... '9'] = DIGIT | HEX | WORD, ['a' ... 'f'] = LETTER | HEX | WORD, ['g' ... 'z'] = LETTER | WORD,
        ['A' ... 'F'] = LETTER | HEX | WORD, ['G' ... 'Z'] = LETTER | WORD, [0x80 ... 0xff] = LETTER | WORD,
        ['_'] = WORD, ['$'] = WORD | DOLLAR, ['.'] = JOINT | DOT, ['-'] = JOINT, ['@'] = JOINT | AT,
};

static inline bool is(char c, unsigned kind)
{
        return kinds[(uint8_t)c] & kind;
}
static inline bool is_digit(char c)
{
        return is(c, DIGIT);
}
static inline bool is_alpha(char c)
{
        return is(c, LETTER);
}
static inline bool is_hex(char c)
{
        return is(c, HEX);
}
static inline bool is_word(char c)
{
        return is(c, WORD);
}

static void put(struct norm *n, const char *s, size_t len)
{
        len = len < n->cap - n->len ? len : n->cap - n->len;
        memcpy(n->out + n->len, s, len);
        n->len += len;
}

static inline void put_char(struct norm *n, char c)
{
        if (n->len < n->cap)
                n->out[n->len++] = c;
}

static void put_mark(struct norm *n, const char *mark)
{
        size_t len = strlen(mark);
        if (n->len >= len && memcmp(n->out + n->len - len, mark, len) == 0)
                return; /* values in a row are one */
        put(n, mark, len);
}

struct word {
        uint8_t len;
        const char *text; /* in lower case; NULL ends a list */
};
#define W(text) {sizeof(text) - 1, text}

static bool one_of(const char *p, size_t len, const struct word *list)
{
        for (; list->text; list++) /* most differ in length or first letter */
                if (list->len == len && (*p | 0x20) == list->text[0] && strncasecmp(list->text, p, len) == 0)
                        return true;
        return false;
}

/* Words before a quoted name: what follows them is no value. */
static const struct word names_follow[] = {
        W("field"), W("fields"), W("column"), W("columns"), W("constraint"), W("table"), W("relation"), W("index"),
        W("property"), W("attribute"), W("parameter"), W("type"), W("schema"), W("class"), W("function"), W("sequence"),
        W("record"), W("operator"), W("into"), W("update"), W("from"), W("instance"), W("required"), W("collection"),
        W("view"), W("trigger"), W("properties"), W("keyword"), W("member"), W("element"),
        W("enum"), W("method"), W("endpoint"), W("bean"), W("database"), W("option"), W("setting"), W("kind"), {0, NULL},
};
/* Words before a number that is a code. */
static const struct word codes_follow[] = {
        W("code"), W("status"), W("state"), W("sqlstate"), W("http"), W("errno"), W("statuscode"), W("errorcode"),
        W("error_code"), W("httpstatus"), {0, NULL},
};
/* Words before a word that is a value. */
static const struct word values_follow[] = {
        W("topic"), W("value"), W("user"), W("host"), W("hostname"), W("bucket"), W("subject"), W("tenant"), W("customer"),
        W("key"), {0, NULL},
};
static const struct word small_words[] = {
        W("is"), W("in"), W("of"), W("to"), W("for"), W("was"), W("has"), W("not"), W("and"), W("or"), W("does"), W("must"),
        W("with"), W("from"), W("violates"), W("too"), W("out"), W("the"), W("a"), W("an"), W("on"), W("at"), W("by"),
        W("type"), W("types"), W("can"), W("cannot"), W("should"), W("already"), W("exists"), W("contains"), W("could"),
        W("did"), W("schema"), W("subject"), W("version"), W("are"), W("be"), W("null"), W("as"), W("name"), W("names"),
        W("used"), W("required"), W("because"), W("field"), W("expected"), W("may"), W("but"), W("serializer"),
        W("deserializer"), W("converter"), W("conversion"), W("constraint"), W("class"), W("column"), W("long"), W("larger"),
        W("exceeds"), W("passed"), W("invalid"), W("partition"), W("one"), {0, NULL},
};

static bool last_word_in(const struct norm *n, const struct word *list)
{
        return n->word && one_of(n->word, n->word_len, list);
}

/* Digits, and what holds numbers of one value together: 2026-11-22T10:00:00.5Z, 1.2.3.4:5432, -12,500.00, 1e-9. */
static const char *end_of_number(const char *p, const char *end)
{
        while (p < end) {
                if (is_digit(*p)) {
                        p++;
                        continue;
                }
                bool joins = *p == '.' || *p == ',' || *p == ':' || *p == '-' || *p == '/' || *p == 'T' || *p == 'E' || *p == 'e' || *p == '+' ||
                             *p == ' ';
                if (!joins || p + 1 >= end || !is_digit(p[1]))
                        break;
                if (*p == ' ' && !(p + 3 < end && is_digit(p[2]) && p[3] == ':')) /* only a date's time */
                        break;
                p++;
        }
        if (p < end && (*p == 'Z' || *p == 'L') && (p + 1 == end || !is_word(p[1])))
                p++;
        return p;
}

static bool take_uuid(struct norm *n)
{
        static const uint8_t groups[] = {8, 4, 4, 4, 12};
        const char *p = n->p;
        if (n->end - p < 36 || p[8] != '-')
                return false;
        for (size_t g = 0; g < 5; g++) {
                for (uint8_t i = 0; i < groups[g]; i++, p++)
                        if (p >= n->end || !is_hex(*p))
                                return false;
                if (g < 4 && (p >= n->end || *p++ != '-'))
                        return false;
        }
        if (p < n->end && is_word(*p))
                return false;
        put_mark(n, "<id>");
        n->p = p;
        return true;
}

static bool take_number(struct norm *n)
{
        const char *e = end_of_number(n->p, n->end);
        if (last_word_in(n, codes_follow) && e - n->p <= 5)
                put(n, n->p, (size_t)(e - n->p));
        else {
                if (n->len && n->out[n->len - 1] == '-') /* its sign */
                        n->len--;
                put_mark(n, "<n>");
        }
        n->p = e;
        return true;
}

/* A name in quotes, or a value. */
static void take_quoted(struct norm *n)
{
        char q = *n->p;
        const char *e = n->p + 1;
        while (e < n->end && *e != q) {
                if (*e == '\\' && e + 1 < n->end)
                        e++;
                e++;
        }
        char before = n->p > n->start ? n->p[-1] : ' ';
        bool lone = q == '\'' && is_alpha(before); /* don't */
        if (lone || e >= n->end) {
                put(n, n->p++, 1);
                return;
        }
        bool sql_code = last_word_in(n, codes_follow) && e - n->p <= 6;
        bool name = q == '`' || before == '[' || before == '.' || last_word_in(n, names_follow);
        bool looks = e - n->p - 1 <= 80 && !memchr(n->p, ' ', (size_t)(e - n->p));
        if ((name && looks) || sql_code)
                put(n, n->p, (size_t)(e + 1 - n->p));
        else
                put_mark(n, "<v>");
        n->p = e + 1;
}

/* {...} of a payload, and (...) behind words that a row follows. */
static void take_nested(struct norm *n, char open, char close)
{
        int depth = 0;
        const char *p = n->p;
        for (; p < n->end; p++) {
                depth += *p == open ? 1 : *p == close ? -1 : 0;
                if (!depth)
                        break;
        }
        put_mark(n, "<v>");
        n->p = p < n->end ? p + 1 : n->end;
}

static bool has_tld(const char *p, size_t len)
{
        static const struct word tlds[] = {
        W("com"), W("net"), W("org"), W("io"), W("local"), W("internal"), W("svc"), W("cluster"), W("cloud"), W("dev"),
        W("lan"), W("corp"), W("home"), {0, NULL},
};
        static const char *const packages[] = {"com.", "org.", "net.", "io.", "java.", "javax.", "dev.", NULL};
        const char *dot = memrchr(p, '.', len);
        if (!dot || !one_of(dot + 1, (size_t)(p + len - dot - 1), tlds))
                return false;
        for (const char *const *k = packages; *k; k++)
                if (len > strlen(*k) && strncmp(p, *k, strlen(*k)) == 0)
                        return false;
        return true;
}

/* A run of letters, digits, dots, dashes: a word, a class, a host or an id. *has: the kinds of its characters. */
static const char *end_of_token(const char *p, const char *end, unsigned *has)
{
        unsigned kind, all = 0;
        while (p < end && ((kind = kinds[(uint8_t)*p]) & WORD || (kind & JOINT && p + 1 < end && is_word(p[1])))) {
                all |= kind;
                p++;
        }
        *has = all;
        return p;
}

static bool is_url(const struct norm *n, const char *e)
{
        return n->end - e > 3 && e[0] == ':' && e[1] == '/' && e[2] == '/';
}

/* Letters and digits mixed as no word is. */
static bool is_id(const char *p, size_t len)
{
        size_t digits = 0, hex = 0, turns = 0;
        for (size_t i = 0; i < len; i++) {
                digits += is_digit(p[i]);
                hex += is_hex(p[i]);
                turns += i && is_digit(p[i]) != is_digit(p[i - 1]);
        }
        return (hex == len && digits && len >= 7) || (len >= 16 && digits >= 3 && turns >= 4) || (len >= 10 && turns >= 5);
}

/* A word with its digits replaced, but for one or two at its end as in int32, utf8, address2. */
static void put_word(struct norm *n, const char *p, size_t len)
{
        for (size_t i = 0; i < len;) {
                size_t k = i;
                while (k < len && !is_digit(p[k]))
                        k++;
                put(n, p + i, k - i);
                if (k == len)
                        return;
                for (i = k; k < len && is_digit(p[k]);)
                        k++;
                bool keep = k - i <= 2 && i && (is_alpha(p[i - 1]) || p[i - 1] == '_');
                if (keep)
                        put(n, p + i, k - i);
                else
                        put_mark(n, "<n>");
                i = k;
        }
}

/* Java's: Foo$$Lambda$14/0x00.., Foo$$SpringCGLIB$$0, Foo@1b2c3d. */
static const char *skip_generated(const char *p, const char *end)
{
        while (p < end && (is_word(*p) || *p == '/' || *p == '.'))
                p++;
        return p;
}

static void take_token(struct norm *n)
{
        unsigned has;
        const char *e = end_of_token(n->p, n->end, &has), *s = n->p;
        size_t len = (size_t)(e - s);
        const char *gen = has & DOLLAR ? memmem(s, len, "$$", 2) : NULL, *at = has & AT ? memchr(s, '@', len) : NULL;
        if (is_url(n, e)) {
                while (e < n->end && *e != ' ' && *e != '"' && *e != ')' && *e != ',' && *e != ']' && *e != '>')
                        e++;
                put_mark(n, "<url>");
        } else if (gen) {
                put_word(n, s, (size_t)(gen - s));
                e = skip_generated(gen, n->end);
        } else if (at) {
                if (memchr(at, '.', (size_t)(e - at))) /* an address of mail */
                        put_mark(n, "<v>");
                else {
                        put_word(n, s, (size_t)(at - s));
                        put_mark(n, "@<id>");
                }
        } else if ((e < n->end && *e == ':' && e + 2 < n->end && is_digit(e[1]) && is_digit(e[2]) &&
                    (memchr(s, '.', len) || memchr(s, '-', len) || (len == 9 && memcmp(s, "localhost", 9) == 0))) ||
                   (has & DOT && has_tld(s, len))) {
                if (e < n->end && *e == ':')
                        e = end_of_number(e + 1, n->end);
                put_mark(n, "<host>");
        } else if (has & DIGIT && is_id(s, len)) {
                put_mark(n, "<id>");
        } else if (last_word_in(n, values_follow) && !one_of(s, len, small_words) && n->len && n->out[n->len - 1] == ' ') {
                put_mark(n, "<v>");
                n->word = NULL;
                n->p = e;
                return;
        } else {
                char *kept = n->out + n->len;
                put_word(n, s, len);
                n->word = kept;
                n->word_len = (size_t)(n->out + n->len - kept);
                n->p = e;
                return;
        }
        n->p = e;
        n->word = NULL;
}

/* Jackson's "[Source: (byte[])"...payload..."; line: 1, column: 5]". */
static bool take_source(struct norm *n)
{
        static const char head[] = "[Source: ";
        if (*n->p != '[' || (size_t)(n->end - n->p) < sizeof(head) || memcmp(n->p, head, sizeof(head) - 1) != 0)
                return false;
        const char *line = memmem(n->p, (size_t)(n->end - n->p), "; line:", 7);
        put(n, "[<v>", 4);
        n->p = line ? line : n->end;
        n->word = NULL;
        return true;
}

/* What follows "=(" of a key, "VALUES (", "contains (", "Value (". */
static bool row_follows(const struct norm *n)
{
        static const struct word words[] = {
        W("values"), W("contains"), W("value"), {0, NULL},
};
        return *n->p == '(' && ((n->p > n->start && n->p[-1] == '=') || last_word_in(n, words));
}

/* name=value: the value. */
static bool take_assigned(struct norm *n)
{
        const char *p = n->p + 1;
        if (*n->p != '=' || p >= n->end || !is_word(*p))
                return false;
        put(n, "=", 1);
        if (last_word_in(n, codes_follow)) {
                n->p = p;
                return true;
        }
        unsigned has;
        p = end_of_token(p, n->end, &has);
        put_mark(n, "<v>");
        n->p = p;
        n->word = NULL;
        return true;
}

size_t sl_dlq_normalise(struct sl_str text, char *out, size_t cap)
{
        struct norm n = {.p = text.ptr, .end = text.ptr + text.len, .start = text.ptr, .out = out, .cap = cap};
        while (n.p < n.end && n.len < n.cap) {
                char c = *n.p;
                if (is_hex(c) && take_uuid(&n))
                        continue;
                if (is_digit(c)) {
                        unsigned has;
                        const char *e = end_of_token(n.p, n.end, &has);
                        if (is_id(n.p, (size_t)(e - n.p)) && memchr(n.p, '.', (size_t)(e - n.p)) == NULL && end_of_number(n.p, n.end) < e) {
                                put_mark(&n, "<id>");
                                n.p = e;
                        } else {
                                (void)take_number(&n);
                        }
                } else if (is_alpha(c) || c == '_' || c == '$') {
                        take_token(&n);
                } else if (c == '"' || c == '\'' || c == '`') {
                        take_quoted(&n);
                } else if (c == '{') {
                        take_nested(&n, '{', '}');
                } else if (row_follows(&n)) {
                        take_nested(&n, '(', ')');
                } else if (take_source(&n) || take_assigned(&n)) {
                        continue;
                } else {
                        if (c == '\n' || c == '\t' || c == '\r')
                                c = ' ';
                        if (c != ' ' || (n.len && n.out[n.len - 1] != ' '))
                                put_char(&n, c);
                        n.p++;
                }
        }
        while (n.len && n.out[n.len - 1] == ' ')
                n.len--;
        return n.len;
}

/* ---- the shape ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
        h ^= v + 0x9E3779B97F4A7C15u + (h << 12) + (h >> 4);
        h *= 0xBF58476D1CE4E5B9u;
        return h ^ h >> 31;
}

#define TEXT_BYTES 2048 /* of a message, the rest says nothing new */
#define SHORT_RUN 2

/* The length of the digits at p. */
static size_t digits_at(const char *p, const char *end)
{
        const char *q = p;
        while (q < end && is_digit(*q))
                q++;
        return (size_t)(q - p);
}

/* Eight bytes at once: less '0', a digit is below 10. */
static inline bool digit_in_8(const char *p)
{
        const uint64_t each = 0x0101010101010101u;
        uint64_t x;
        memcpy(&x, p, sizeof(x));
        x ^= each * '0';
        return ~(((x & each * 0x7f) + each * (0x80 - 10)) | x) & each * 0x80;
}

/* Taking values out looks at digits, but at which ones only where it keeps them, which are few. So texts that differ in longer numbers
 * only are the same, as long as none of these is kept. Never 0. */
static uint64_t text_key(struct sl_str text)
{
        char out[TEXT_BYTES];
        for (const char *p = text.ptr, *end = p + text.len; p < end;) {
                char *to = out + (p - text.ptr);
                if (end - p >= 8 && !digit_in_8(p)) {
                        memcpy(to, p, 8);
                        p += 8;
                        continue;
                }
                if (!is_digit(*p)) {
                        *to = *p++;
                        continue;
                }
                size_t n = digits_at(p, end);
                if (n > SHORT_RUN)
                        memset(to, '0', n);
                else
                        memcpy(to, p, n);
                p += n;
        }
        return sl_hash(out, text.len) | 1;
}

static bool keeps_numbers(const char *p, size_t len)
{
        for (const char *end = p + len; p < end; p++) {
                size_t n = digits_at(p, end);
                if (n > SHORT_RUN)
                        return true;
                p += n;
        }
        return false;
}

static uint64_t mix_text(uint64_t h, struct sl_dlq_messages *texts, struct sl_str text)
{
        char out[1024];
        struct sl_str t = {text.ptr, text.len < TEXT_BYTES ? text.len : TEXT_BYTES};
        if (!t.ptr)
                return mix(h, 1);
        uint64_t key = texts ? text_key(t) : 0;
        size_t slot = (key >> 20) % SL_DLQ_MESSAGES;
        if (texts && texts->slots[slot].key == key)
                return mix(h, texts->slots[slot].hash);
        size_t n = sl_dlq_normalise(t, out, sizeof(out));
        uint64_t hash = sl_hash(out, n);
        if (texts && n < sizeof(out) && !keeps_numbers(out, n)) {
                texts->slots[slot].key = key;
                texts->slots[slot].hash = hash;
        }
        return mix(h, hash);
}

uint64_t sl_dlq_shape(const struct sl_dlq_item *it, struct sl_dlq_messages *texts, const struct sl_dlq_link *links, uint32_t n)
{
        uint64_t h = mix(it->stage, it->pointer);
        h = mix(h, sl_hash(it->operation.ptr, it->operation.len));
        if (!n)
                return mix_text(mix(h, it->family), texts, it->message);
        const struct sl_dlq_link *root = &links[n - 1];
        h = mix(h, sl_hash(root->class.ptr, root->class.len));
        if (n > 1)
                h = mix(h, sl_hash(links[0].class.ptr, links[0].class.len));
        h = mix_text(h, texts, root->message.ptr ? root->message : it->cause_message);
        if (n > 1 && it->message.ptr && !sl_str_eq(it->message, root->message)) /* it may name the field */
                h = mix_text(h, texts, it->message);
        if (sl_str_starts(links[0].frames, "\tat sluice.")) { /* our worker's typed code */
                struct sl_str id = sl_dlq_own_id(it->trace);
                h = mix(h, sl_hash(id.ptr, id.len));
        }
        uint32_t deepest = n - 1; /* that has frames of its own */
        while (deepest && !links[deepest].own_count)
                deepest--;
        for (uint32_t i = 0; i < links[deepest].own_count; i++)
                h = mix(h, links[deepest].own[i]);
        return mix(h, it->value.ptr ? 1 : 2);
}
