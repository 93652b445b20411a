/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text that came as a string, for a VARIANT column: checked (RFC 8259, no key twice, whole surrogate pairs, UTF-8)
 * and copied without the blanks between its tokens, so that it fits on a line. Numbers keep their spelling: none passes
 * through a double. */
#include "connectors/snowflake/validate.h"

#include <ctype.h>
#include <stdlib.h>

#define DEPTH_MAX 200
#define KEYS_INLINE 32

struct copy {
        const char *p, *end;
        struct sl_buf *out;
};

/* Where the keys of an object stand in the output. */
struct keys {
        struct sl_str near[KEYS_INLINE], *all;
        uint32_t count, cap;
};

static void blanks(struct copy *c)
{
        while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
                c->p++;
}

static bool take(struct copy *c, char want)
{
        blanks(c);
        if (c->p == c->end || *c->p != want)
                return false;
        sl_buf_addc(c->out, *c->p++);
        return true;
}

static bool word(struct copy *c, const char *w)
{
        size_t n = strlen(w);
        if ((size_t)(c->end - c->p) < n || memcmp(c->p, w, n) != 0)
                return false;
        sl_buf_add(c->out, w, n);
        c->p += n;
        return true;
}

static bool digits(const char **p, const char *end)
{
        const char *start = *p;
        while (*p < end && isdigit((unsigned char)**p))
                ++*p;
        return *p > start;
}

static bool number(struct copy *c)
{
        const char *p = c->p;
        p += p < c->end && *p == '-';
        if (p < c->end && *p == '0')
                p++;
        else if (!digits(&p, c->end))
                return false;
        if (p < c->end && *p == '.') {
                p++;
                if (!digits(&p, c->end))
                        return false;
        }
        if (p < c->end && (*p == 'e' || *p == 'E')) {
                p++;
                p += p < c->end && (*p == '+' || *p == '-');
                if (!digits(&p, c->end))
                        return false;
        }
        sl_buf_add(c->out, c->p, (size_t)(p - c->p));
        c->p = p;
        return true;
}

/* p at the backslash; length of the escape, a pair of surrogates together, or 0. */
static size_t escape_len(const char *p, const char *end)
{
        if (end - p < 2)
                return 0;
        if (p[1] != 'u')
                return strchr("\"\\/bfnrt", p[1]) && p[1] ? 2 : 0;
        int unit = sl_hex4(p + 2, end);
        if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
                return 0;
        if (unit < 0xd800 || unit > 0xdfff)
                return 6;
        int low = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? sl_hex4(p + 8, end) : -1;
        return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

static bool string(struct copy *c)
{
        const char *start = c->p++;
        while (c->p < c->end && *c->p != '"') {
                if ((unsigned char)*c->p < 0x20)
                        return false;
                size_t n = *c->p == '\\' ? escape_len(c->p, c->end) : 1;
                if (!n)
                        return false;
                c->p += n;
        }
        if (c->p == c->end)
                return false;
        c->p++;
        sl_buf_add(c->out, start, (size_t)(c->p - start));
        return true;
}

/* Remembers a key by where it stands; false: the object has it already. */
static bool remember(struct keys *k, const struct copy *c, size_t start)
{
        struct sl_str *all = k->all ? k->all : k->near;
        size_t len = c->out->len - start;
        for (uint32_t i = 0; i < k->count; i++)
                if (all[i].len == len && !memcmp(c->out->ptr + (size_t)all[i].ptr, c->out->ptr + start, len))
                        return false;
        if (k->count == k->cap) {
                bool first = !k->all;
                k->all = sl_realloc(k->all, 2 * k->cap * sizeof(*k->all));
                if (first)
                        memcpy(k->all, k->near, sizeof(k->near));
                k->cap *= 2;
                all = k->all;
        }
        all[k->count++] = (struct sl_str){(const char *)start, len}; /* the buffer moves: offsets, not addresses */
        return true;
}

static bool value(struct copy *c, unsigned depth);

static bool members(struct copy *c, unsigned depth, struct keys *k)
{
        do {
                blanks(c);
                size_t start = c->out->len;
                if (c->p == c->end || *c->p != '"' || !string(c) || !sl_buf_ok(c->out) || !remember(k, c, start))
                        return false;
                if (!take(c, ':') || !value(c, depth))
                        return false;
        } while (take(c, ','));
        return take(c, '}');
}

static bool object(struct copy *c, unsigned depth)
{
        struct keys k = {.cap = KEYS_INLINE};
        sl_buf_addc(c->out, *c->p++);
        bool ok = take(c, '}') || members(c, depth, &k);
        free(k.all);
        return ok;
}

static bool array(struct copy *c, unsigned depth)
{
        sl_buf_addc(c->out, *c->p++);
        if (take(c, ']'))
                return true;
        do {
                if (!value(c, depth))
                        return false;
        } while (take(c, ','));
        return take(c, ']');
}

static bool value(struct copy *c, unsigned depth)
{
        blanks(c);
        if (c->p == c->end || depth > DEPTH_MAX)
                return false;
        switch (*c->p) {
        case '{':
                return object(c, depth + 1);
        case '[':
                return array(c, depth + 1);
        case '"':
                return string(c);
        case 't':
                return word(c, "true");
        case 'f':
                return word(c, "false");
        case 'n':
                return word(c, "null");
        default:
                return number(c);
        }
}

bool sl_sf_json_compact(struct sl_str text, struct sl_buf *out, char *ret_type)
{
        struct copy c = {text.ptr, text.ptr + text.len, out};
        size_t start = out->len;
        blanks(&c);
        *ret_type = 0;
        if (c.p == c.end)
                return true;
        bool ok = sl_utf8_valid(text) && value(&c, 0);
        blanks(&c);
        if (!ok || c.p != c.end || !sl_buf_ok(out)) {
                out->len = start;
                return false;
        }
        *ret_type = out->ptr[start];
        return true;
}
