/* SPDX-License-Identifier: Apache-2.0 */
/* Scalars, binaries, arrays, hstore and geometry: the server's text -> values. Plain texts are not copied. */
#include "connectors/postgres/types.h"

bool sl_pg_parse_bool(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        (void)c;
        (void)arena;
        if (text.len != 1 || (text.ptr[0] != 't' && text.ptr[0] != 'f'))
                return false;
        *ret = sl_v_bool(text.ptr[0] == 't');
        return true;
}

bool sl_pg_parse_int(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        const char *p = text.ptr, *end = p + text.len;
        (void)arena;
        if (sl_likely(text.len > 0 && text.len <= 18)) {
                bool neg = *p == '-';
                int64_t v = 0;
                for (p += neg; p < end; p++) {
                        unsigned d = (unsigned)(*p - '0');
                        if (d > 9)
                                return false;
                        v = v * 10 + d;
                }
                *ret = sl_v_i64(c->spec.type, neg ? -v : v);
                return text.len > (size_t)neg;
        }
        int64_t v;
        if (!sl_parse_i64(text, &v))
                return false;
        *ret = sl_v_i64(c->spec.type, v);
        return true;
}

bool sl_pg_parse_float(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        double v;
        (void)arena;
        if (!sl_parse_f64(text, &v))
                return false;
        *ret = sl_v_f64(c->spec.type, c->spec.type == SL_FLOAT32 ? (double)(float)v : v);
        return true;
}

bool sl_pg_parse_text(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        (void)c;
        (void)arena;
        *ret = sl_v_str(text);
        return true;
}

struct sl_value sl_pg_binary_value(const struct sl_pg_cfg *cfg, const uint8_t *p, size_t n, struct sl_arena *arena)
{
        static const char hex[] = "0123456789abcdef";
        static const char b64[2][65] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
        if (cfg->binary == SL_PG_BIN_BYTES)
                return sl_v_bytes(p, n);
        char *out = sl_arena_alloc(arena, cfg->binary == SL_PG_BIN_HEX ? n * 2 + 1 : n / 3 * 4 + 5), *w = out;
        if (cfg->binary == SL_PG_BIN_HEX) {
                for (size_t i = 0; i < n; i++) {
                        *w++ = hex[p[i] >> 4];
                        *w++ = hex[p[i] & 15];
                }
                return sl_v_str((struct sl_str){out, (size_t)(w - out)});
        }
        const char *abc = b64[cfg->binary == SL_PG_BIN_BASE64_URL];
        for (size_t i = 0; i < n; i += 3) {
                uint32_t v =
                        (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
                *w++ = abc[v >> 18];
                *w++ = abc[v >> 12 & 63];
                *w++ = i + 1 < n ? abc[v >> 6 & 63] : '=';
                *w++ = i + 2 < n ? abc[v & 63] : '=';
        }
        return sl_v_str((struct sl_str){out, (size_t)(w - out)});
}

bool sl_pg_parse_raw(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        *ret = sl_pg_binary_value(c->cfg, (const uint8_t *)text.ptr, text.len, arena);
        return true;
}

static int nibble(char ch)
{
        if (ch >= '0' && ch <= '9')
                return ch - '0';
        if (ch >= 'a' && ch <= 'f')
                return ch - 'a' + 10;
        return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

static bool unhex(struct sl_str hex, struct sl_arena *arena, uint8_t **ret)
{
        uint8_t *out = sl_arena_alloc(arena, hex.len / 2 + 1);
        if (hex.len % 2)
                return false;
        for (size_t i = 0; i < hex.len; i += 2) {
                int hi = nibble(hex.ptr[i]), lo = nibble(hex.ptr[i + 1]);
                if (hi < 0 || lo < 0)
                        return false;
                out[i / 2] = (uint8_t)(hi << 4 | lo);
        }
        *ret = out;
        return true;
}

bool sl_pg_parse_bytea(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        uint8_t *out;
        if (text.len < 2 || text.ptr[0] != '\\' || text.ptr[1] != 'x')
                return false;
        if (c->cfg->binary == SL_PG_BIN_HEX) { /* the server's own digits */
                *ret = sl_v_str((struct sl_str){text.ptr + 2, text.len - 2});
                return true;
        }
        if (!unhex((struct sl_str){text.ptr + 2, text.len - 2}, arena, &out))
                return false;
        *ret = sl_pg_binary_value(c->cfg, out, (text.len - 2) / 2, arena);
        return true;
}

bool sl_pg_parse_bit(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        (void)c;
        (void)arena;
        *ret = sl_v_bool(text.len > 0 && text.ptr[text.len - 1] == '1');
        return true;
}

/* Little-endian, as many bytes as the highest set bit needs. */
bool sl_pg_parse_bits(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        (void)c;
        size_t room = text.len / 8 + 1, used = 0;
        uint8_t *out = sl_arena_zalloc(arena, room);
        for (size_t i = 0; i < text.len; i++) {
                char ch = text.ptr[text.len - 1 - i];
                if (ch != '0' && ch != '1')
                        return false;
                if (ch == '1') {
                        out[i / 8] |= (uint8_t)(1u << i % 8);
                        used = i / 8 + 1;
                }
        }
        *ret = sl_v_bytes(out, used);
        return true;
}

/* One element of an array's text at *p, unquoted; *ret_null for the bare word NULL. */
static bool element(const char **p, const char *end, char delim, struct sl_arena *arena, struct sl_str *ret,
                    bool *ret_null)
{
        const char *s = *p;
        *ret_null = false;
        if (s < end && *s == '"') {
                char *out = sl_arena_alloc(arena, (size_t)(end - s)), *w = out;
                for (s++; s < end && *s != '"'; s++) {
                        if (*s == '\\' && ++s == end)
                                return false;
                        *w++ = *s;
                }
                if (s == end)
                        return false;
                *ret = (struct sl_str){out, (size_t)(w - out)};
                *p = s + 1;
                return true;
        }
        const char *start = s;
        bool escaped = false;
        for (; s < end && *s != delim && *s != '}'; s++) {
                escaped |= *s == '\\';
                if (*s == '{' || *s == '"')
                        return false; /* an array of arrays: the schema has one dimension */
        }
        *ret = (struct sl_str){start, (size_t)(s - start)};
        *ret_null = ret->len == 4 && memcmp(start, "NULL", 4) == 0;
        *p = s;
        return !escaped && ret->len > 0;
}

static uint32_t count_elements(const char *p, const char *end, char delim)
{
        uint32_t n = 1;
        bool quoted = false;
        for (; p < end; p++) {
                if (*p == '\\')
                        p++;
                else if (*p == '"')
                        quoted = !quoted;
                else if (*p == delim && !quoted)
                        n++;
        }
        return n;
}

bool sl_pg_parse_array(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        const char *p = text.ptr, *end = p + text.len;
        if (p < end && *p == '[') { /* lower bounds: "[2:3]={...}" */
                p = memchr(p, '=', text.len);
                if (!p)
                        return false;
                p++;
        }
        if (end - p < 2 || *p != '{' || end[-1] != '}')
                return false;
        p++;
        if (p + 1 == end) {
                *ret = sl_v_items(SL_ARRAY, sl_arena_alloc(arena, 16), 0);
                return true;
        }
        uint32_t cap = count_elements(p, end - 1, c->delim), n = 0;
        struct sl_value *items = sl_arena_alloc(arena, cap * sizeof(*items));
        for (;;) {
                struct sl_str s;
                bool null;
                if (n == cap || !element(&p, end, c->delim, arena, &s, &null))
                        return false;
                items[n] = SL_V_NULL;
                if (null && !c->spec.value->optional) /* enums, as in Debezium */
                        return false;
                if (!null && !c->elem->parse(c->elem, s, arena, &items[n]))
                        return false;
                n++;
                if (p == end - 1 && *p == '}')
                        break;
                if (p >= end || *p++ != c->delim)
                        return false;
        }
        *ret = sl_v_items(SL_ARRAY, items, n);
        return true;
}

/* "a"=>"1", "b"=>NULL */
static bool hstore_string(const char **p, const char *end, struct sl_arena *arena, struct sl_str *ret)
{
        bool null;
        if (*p == end || **p != '"')
                return false;
        return element(p, end, ',', arena, ret, &null);
}

static bool hstore_pairs(struct sl_str text, struct sl_arena *arena, struct sl_value **ret, uint32_t *ret_n)
{
        const char *p = text.ptr, *end = p + text.len;
        struct sl_value *items = sl_arena_alloc(arena, 2 * count_elements(p, end, ',') * sizeof(*items));
        uint32_t n = 0;
        while (p < end) {
                struct sl_str s;
                if (!hstore_string(&p, end, arena, &s) || end - p < 2 || p[0] != '=' || p[1] != '>')
                        return false;
                p += 2;
                items[n++] = sl_v_str(s);
                if (end - p >= 4 && memcmp(p, "NULL", 4) == 0) {
                        p += 4;
                        items[n++] = SL_V_NULL;
                } else if (hstore_string(&p, end, arena, &s)) {
                        items[n++] = sl_v_str(s);
                } else {
                        return false;
                }
                while (p < end && (*p == ',' || *p == ' '))
                        p++;
        }
        *ret = items;
        *ret_n = n;
        return true;
}

static char *json_text(char *w, struct sl_str s)
{
        static const char hex[] = "0123456789ABCDEF";
        *w++ = '"';
        for (size_t i = 0; i < s.len; i++) {
                unsigned char ch = (unsigned char)s.ptr[i];
                char esc = ch == '"' || ch == '\\' ? (char)ch : ch >= 8 && ch <= 13 ? "btn\0fr"[ch - 8] : 0;
                if (esc) {
                        *w++ = '\\';
                        *w++ = esc;
                } else if (ch < 32) {
                        memcpy(w, "\\u00", 4);
                        w[4] = hex[ch >> 4];
                        w[5] = hex[ch & 15];
                        w += 6;
                } else {
                        *w++ = (char)ch;
                }
        }
        *w++ = '"';
        return w;
}

bool sl_pg_parse_hstore(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        struct sl_value *items;
        uint32_t n;
        if (!hstore_pairs(text, arena, &items, &n))
                return false;
        if (c->spec.type == SL_MAP) {
                *ret = sl_v_items(SL_MAP, items, n / 2);
                return true;
        }
        size_t room = 2;
        for (uint32_t i = 0; i < n; i++)
                room += items[i].len * 6 + 8;
        char *out = sl_arena_alloc(arena, room), *w = out;
        *w++ = '{';
        for (uint32_t i = 0; i < n; i++) {
                if (i)
                        *w++ = i % 2 ? ':' : ',';
                if (items[i].type == SL_NULL) {
                        memcpy(w, "null", 4);
                        w += 4;
                } else {
                        w = json_text(w, sl_v_as_str(&items[i]));
                }
        }
        *w++ = '}';
        *ret = sl_v_str((struct sl_str){out, (size_t)(w - out)});
        return true;
}

/* "(1,2)" -> x, y, well-known binary (little-endian 2D point), no srid. */
bool sl_pg_parse_point(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        (void)c;
        const char *comma = text.len > 2 ? memchr(text.ptr, ',', text.len) : NULL;
        double xy[2];
        if (!comma || text.ptr[0] != '(' || text.ptr[text.len - 1] != ')' ||
            !sl_parse_f64((struct sl_str){text.ptr + 1, (size_t)(comma - text.ptr - 1)}, &xy[0]) ||
            !sl_parse_f64((struct sl_str){comma + 1, (size_t)(text.ptr + text.len - 2 - comma)}, &xy[1]))
                return false;
        uint8_t *wkb = sl_arena_alloc(arena, 21);
        memcpy(wkb, "\1\1\0\0\0", 5);
        memcpy(wkb + 5, xy, 16);
        struct sl_value *items = sl_arena_alloc(arena, 4 * sizeof(*items));
        items[0] = sl_v_f64(SL_FLOAT64, xy[0]);
        items[1] = sl_v_f64(SL_FLOAT64, xy[1]);
        items[2] = sl_v_bytes(wkb, 21);
        items[3] = SL_V_NULL;
        *ret = sl_v_items(SL_STRUCT, items, 4);
        return true;
}

/* PostGIS: hex of EWKB; wkb keeps all of it, the SRID (when its flag is set) is also put beside. */
bool sl_pg_parse_geometry(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        (void)c;
        uint8_t *wkb;
        if (text.len < 10 || !unhex(text, arena, &wkb))
                return false;
        struct sl_value *items = sl_arena_alloc(arena, 2 * sizeof(*items));
        items[0] = sl_v_bytes(wkb, text.len / 2);
        items[1] = SL_V_NULL;
        uint32_t type, srid;
        memcpy(&type, wkb + 1, 4);
        type = wkb[0] ? type : __builtin_bswap32(type);
        if (type & 0x20000000u && text.len >= 18) {
                memcpy(&srid, wkb + 5, 4);
                items[1] = sl_v_i64(SL_INT32, (int32_t)(wkb[0] ? srid : __builtin_bswap32(srid)));
        }
        *ret = sl_v_items(SL_STRUCT, items, 2);
        return true;
}

/* pgvector: "[1,2.5,3]" */
bool sl_pg_parse_vector(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        const char *p = text.ptr + 1, *end = text.ptr + text.len - 1;
        if (text.len < 2 || text.ptr[0] != '[' || *end != ']')
                return false;
        uint32_t cap = count_elements(p, end, ','), n = 0;
        struct sl_value *items = sl_arena_alloc(arena, cap * sizeof(*items));
        while (p < end) {
                const char *comma = memchr(p, ',', (size_t)(end - p));
                struct sl_str s = {p, (size_t)((comma ? comma : end) - p)};
                if (n == cap || !c->elem->parse(c->elem, s, arena, &items[n++]))
                        return false;
                p = comma ? comma + 1 : end;
        }
        *ret = sl_v_items(SL_ARRAY, items, n);
        return true;
}
