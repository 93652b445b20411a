/* SPDX-License-Identifier: Apache-2.0 */
/* Column mappers: see mapper.h. What they write is Debezium's; lengths are those of the JDBC driver (pgjdbc), which
 * Debezium measures columns with. */
#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "connectors/postgres/mapper.h"

#define UNLIMITED INT32_MAX

enum kind { STARS, HASH_JAVA, HASH_TEXT, CUT };
struct sl_pg_maprule {
        enum kind kind;
        int32_t n;   /* STARS, CUT */
        char *stars; /* STARS */
        char *salt;
        EVP_MD_CTX *ctx; /* HASH_* */
        EVP_MD *md;
        struct sl_pg_regexes columns;
};

/* ---- configuration ---- */

#define SALT ".with.salt."

const char *sl_pg_mapper_key(const char *key, struct sl_arena *arena)
{
        const char *salt = strstr(key, SALT);
        return salt ? sl_arena_printf(arena, "%.*s" SALT "[hidden]", (int)(salt - key), key) : key;
}

/* "<before><digits><after>" */
static bool numbered(const char *key, const char *before, const char *after, int32_t *ret)
{
        size_t n = strlen(before);
        int64_t v;
        if (strncmp(key, before, n) != 0)
                return false;
        size_t digits = strspn(key + n, "0123456789");
        if (!digits || strcmp(key + n + digits, after) != 0 || !sl_parse_i64((struct sl_str){key + n, digits}, &v) ||
            v > INT32_MAX)
                return false;
        *ret = (int32_t)v;
        return true;
}

/* OpenSSL's name of a Java MessageDigest, or NULL. */
static const char *algorithm(const char *name, size_t len)
{
        static const char *const names[][2] = {{"MD5", "MD5"},
                                               {"SHA", "SHA1"},
                                               {"SHA1", "SHA1"},
                                               {"SHA-1", "SHA1"},
                                               {"SHA-224", "SHA2-224"},
                                               {"SHA-256", "SHA2-256"},
                                               {"SHA-384", "SHA2-384"},
                                               {"SHA-512", "SHA2-512"},
                                               {"SHA-512/224", "SHA2-512/224"},
                                               {"SHA-512/256", "SHA2-512/256"},
                                               {"SHA3-224", "SHA3-224"},
                                               {"SHA3-256", "SHA3-256"},
                                               {"SHA3-384", "SHA3-384"},
                                               {"SHA3-512", "SHA3-512"}};
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strlen(names[i][0]) == len && strncasecmp(names[i][0], name, len) == 0)
                        return names[i][1];
        return NULL;
}

static enum sl_rc open_hash(struct sl_pg_maprule *r, const char *key, struct sl_err *err)
{
        static const char v1[] = "column.mask.hash.", v2[] = "column.mask.hash.v2.";
        const char *salt = strstr(key, SALT), *name = key + sizeof(v1) - 1;
        r->kind = HASH_JAVA;
        if (strncmp(key, v2, sizeof(v2) - 1) == 0 && key + sizeof(v2) - 1 < salt) {
                r->kind = HASH_TEXT;
                name = key + sizeof(v2) - 1;
        }
        const char *known = algorithm(name, (size_t)(salt - name));
        if (known)
                r->md = EVP_MD_fetch(NULL, known, NULL);
        if (!r->md)
                return sl_fail(err, SL_E_CONFIG,
                               "%.*s" SALT "[hidden]: %.*s is not a hash algorithm; use SHA-256, SHA-512, SHA3-256 "
                               "(or SHA-1, SHA-224, SHA-384, SHA-512/256, SHA3-512, MD5)",
                               (int)(salt - key), key, (int)(salt - name), name);
        r->ctx = EVP_MD_CTX_new();
        r->salt = sl_strdup(salt + sizeof(SALT) - 1);
        return SL_OK;
}

static enum sl_rc open_rule(struct sl_pg_mappers *m, const char *key, const char *columns, struct sl_err *err)
{
        struct sl_err why = {0};
        const char *salt = strstr(key, SALT);
        int shown = (int)(salt ? (size_t)(salt - key) : strlen(key));
        m->rules = sl_realloc(m->rules, (m->count + 1) * sizeof(*m->rules));
        struct sl_pg_maprule *r = &m->rules[m->count++];
        *r = (struct sl_pg_maprule){0};
        if (numbered(key, "column.mask.with.", ".chars", &r->n)) {
                r->kind = STARS;
                r->stars = sl_calloc(1, (size_t)r->n + 1);
                memset(r->stars, '*', (size_t)r->n);
        } else if (numbered(key, "column.truncate.to.", ".chars", &r->n)) {
                r->kind = CUT;
        } else if (salt && salt[sizeof(SALT) - 1] && strncmp(key, "column.mask.hash.", 17) == 0 && salt > key + 17) {
                SL_TRY(open_hash(r, key, err));
        } else {
                return sl_fail(
                        err, SL_E_CONFIG,
                        "%.*s%s is not a key of the connector, and hides nothing: use column.mask.with.<n>.chars, "
                        "column.mask.hash[.v2].<algorithm>.with.salt.<salt> or column.truncate.to.<n>.chars",
                        shown, key, salt ? SALT "[hidden]" : "");
        }
        if (sl_pg_regexes_open(&r->columns, columns, &why) != SL_OK)
                return sl_fail(err, SL_E_CONFIG, "%.*s%s: %s", shown, key, salt ? SALT "[hidden]" : "", why.msg);
        return SL_OK;
}

enum sl_rc sl_pg_mappers_open(struct sl_pg_mappers *m, const struct sl_pg_cfg *cfg, struct sl_err *err)
{
        const struct sl_cfg_list *lists[] = {&cfg->masks, &cfg->truncates};
        for (size_t k = 0; k < 2; k++)
                for (uint32_t i = 0; i + 1 < lists[k]->count; i += 2)
                        SL_TRY(open_rule(m, lists[k]->items[i], lists[k]->items[i + 1], err));
        SL_TRY(sl_pg_regexes_open(&m->propagate, cfg->propagate, err));
        return sl_pg_regexes_open(&m->propagate_types, cfg->propagate_types, err);
}

void sl_pg_mappers_free(struct sl_pg_mappers *m)
{
        for (uint32_t i = 0; i < m->count; i++) {
                sl_pg_regexes_free(&m->rules[i].columns);
                EVP_MD_CTX_free(m->rules[i].ctx);
                EVP_MD_free(m->rules[i].md);
                free(m->rules[i].stars);
                free(m->rules[i].salt);
        }
        free(m->rules);
        sl_pg_regexes_free(&m->propagate);
        sl_pg_regexes_free(&m->propagate_types);
        *m = (struct sl_pg_mappers){0};
}

/* ---- values ---- */

/* The bytes that hold the first `units` UTF-16 units of well-formed UTF-8, whole characters only. */
static size_t prefix_of(struct sl_str s, uint32_t units)
{
        size_t i = 0;
        if (s.len <= units)
                return s.len;
        for (uint32_t n = 0; i < s.len;) {
                unsigned char ch = (unsigned char)s.ptr[i];
                n += ch >= 0xf0 ? 2 : 1;
                if (n > units)
                        break;
                i += ch < 0x80 ? 1 : ch < 0xe0 ? 2 : ch < 0xf0 ? 3 : 4;
        }
        return i < s.len ? i : s.len;
}

/* A text as Java serializes a String: a header with the length, then UTF-8 in which a character beyond U+FFFF is a pair
 * of surrogates, three bytes each. (NUL would be two bytes; Postgres has none.) */
static void hash_java(EVP_MD_CTX *ctx, struct sl_str s)
{
        uint64_t len = s.len;
        for (size_t i = 0; i < s.len; i++)
                len += (unsigned char)s.ptr[i] >= 0xf0 ? 2 : 0;
        uint8_t head[13] = {0xac, 0xed, 0, 5, len > 0xffff ? 0x7c : 0x74};
        size_t n = len > 0xffff ? 8 : 2;
        for (size_t i = 0; i < n; i++)
                head[5 + i] = (uint8_t)(len >> 8 * (n - 1 - i));
        EVP_DigestUpdate(ctx, head, 5 + n);
        size_t from = 0;
        for (size_t i = 0; i + 3 < s.len; i++) {
                const unsigned char *p = (const unsigned char *)s.ptr + i;
                if (*p < 0xf0)
                        continue;
                uint32_t c = ((*p & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u)) - 0x10000;
                uint32_t pair[2] = {0xd800 | c >> 10, 0xdc00 | (c & 0x3ff)};
                uint8_t out[6];
                for (int k = 0; k < 2; k++) {
                        out[3 * k] = (uint8_t)(0xe0 | pair[k] >> 12);
                        out[3 * k + 1] = (uint8_t)(0x80 | (pair[k] >> 6 & 63));
                        out[3 * k + 2] = (uint8_t)(0x80 | (pair[k] & 63));
                }
                EVP_DigestUpdate(ctx, s.ptr + from, i - from);
                EVP_DigestUpdate(ctx, out, sizeof(out));
                from = i + 4;
                i += 3;
        }
        EVP_DigestUpdate(ctx, s.ptr + from, s.len - from);
}

static struct sl_value hashed(const struct sl_pg_mapping *map, struct sl_str s, struct sl_arena *arena)
{
        static const char hex[] = "0123456789abcdef";
        const struct sl_pg_maprule *r = map->rule;
        uint8_t hash[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        EVP_DigestInit_ex2(r->ctx, r->md, NULL);
        EVP_DigestUpdate(r->ctx, r->salt, strlen(r->salt));
        if (r->kind == HASH_JAVA)
                hash_java(r->ctx, s);
        else
                EVP_DigestUpdate(r->ctx, s.ptr, s.len);
        EVP_DigestFinal_ex(r->ctx, hash, &n);
        char *out = sl_arena_alloc(arena, 2 * EVP_MAX_MD_SIZE);
        for (unsigned i = 0; i < n; i++) {
                out[2 * i] = hex[hash[i] >> 4];
                out[2 * i + 1] = hex[hash[i] & 15];
        }
        return sl_v_str((struct sl_str){out, 2 * n < map->cut ? 2 * n : map->cut});
}

struct sl_value sl_pg_map_value(const struct sl_pg_codec *mapped, struct sl_value v, struct sl_arena *arena)
{
        const struct sl_pg_mapping *map = mapped->map;
        struct sl_value ret = v;
        if (!map)
                return v;
        switch (map->rule->kind) {
        case STARS:
                ret = sl_v_str((struct sl_str){map->rule->stars, (size_t)map->rule->n});
                break;
        case HASH_JAVA:
        case HASH_TEXT:
                if (v.type == SL_STRING)
                        ret = hashed(map, sl_v_as_str(&v), arena);
                break;
        case CUT:
                if (v.type == SL_STRING)
                        ret.len = (uint32_t)prefix_of(sl_v_as_str(&v), map->cut);
                else if (v.type == SL_BYTES && v.len > map->cut)
                        ret.len = map->cut;
                break;
        }
        ret.flags = v.flags;
        return ret;
}

static bool parse_mapped(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        struct sl_value v;
        if (!c->map->inner->parse(c->map->inner, text, arena, &v))
                return false;
        *ret = sl_pg_map_value(c, v, arena);
        return true;
}

/* ---- types as the JDBC driver measures them ---- */

static int32_t second_digits(int32_t typmod)
{
        return typmod < 0 ? 7 : typmod == 0 ? 0 : typmod == 1 ? 3 : typmod + 1;
}

static int32_t precision(uint32_t oid, int32_t typmod)
{
        switch (oid) {
        case 16: /* bool */
        case 18: /* "char" */
                return 1;
        case 20:
                return 19;
        case 21:
                return 5;
        case 23:
        case 26:
                return 10;
        case 700:
                return 8;
        case 701:
                return 17;
        case 1042:
        case 1043:
                return typmod < 4 ? UNLIMITED : typmod - 4;
        case 1082:
                return 13;
        case 1083:
                return 8 + second_digits(typmod);
        case 1266:
                return 14 + second_digits(typmod);
        case 1114:
                return 22 + second_digits(typmod);
        case 1184:
                return 28 + second_digits(typmod);
        case 1186:
                return 49;
        case 1560:
        case 1562:
                return typmod < 0 ? UNLIMITED : typmod;
        case 1700: /* 131089: how many characters any numeric may have */
                return typmod < 4 ? 131089 : (typmod - 4) >> 16 & 0xffff;
        default:
                return UNLIMITED;
        }
}

static int32_t scale(uint32_t oid, int32_t typmod)
{
        switch (oid) {
        case 700:
                return 8;
        case 701:
                return 17;
        case 1083:
        case 1114:
        case 1184:
        case 1266:
                return typmod < 0 ? 6 : typmod;
        case 1186:
                return typmod < 0 ? 6 : typmod & 0xffff;
        case 1700:
                return typmod < 4 ? 0 : (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
        default:
                return 0;
        }
}

static enum sl_rc measure(struct sl_pg_types *t, uint32_t type, int32_t typmod, struct sl_pg_jdbc_type *ret,
                          struct sl_err *err)
{
        struct sl_pg_typeinfo info = {0};
        uint32_t oid = type;
        if (t->lookup)
                SL_TRY(t->lookup(t->arg, type, &info, err));
        ret->name = info.name ? info.name : "unknown";
        while (info.kind == 'd') { /* the modifier stands at one of them */
                oid = info.base;
                typmod = info.base_typmod >= 0 ? info.base_typmod : typmod;
                info = (struct sl_pg_typeinfo){0};
                SL_TRY(t->lookup(t->arg, oid, &info, err));
        }
        oid = info.kind == 'b' && info.elem ? info.elem : oid;
        ret->length = precision(oid, typmod);
        ret->scale = scale(oid, typmod);
        return SL_OK;
}

enum sl_rc sl_pg_source_type(struct sl_pg_types *t, uint32_t type, int32_t typmod, const struct sl_pg_jdbc_type **ret,
                             struct sl_err *err)
{
        uint32_t key[2] = {type, (uint32_t)typmod};
        struct sl_str k = {(const char *)key, sizeof(key)};
        struct sl_pg_jdbc_type *s = sl_map_get(&t->sources, k);
        if (!s) {
                s = sl_arena_alloc(&t->arena, sizeof(*s));
                SL_TRY(measure(t, type, typmod, s, err));
                sl_map_put(&t->sources, k, s);
        }
        *ret = s;
        return SL_OK;
}

/* ---- binding ---- */

static void add_params(struct sl_pg_types *t, struct sl_schema *spec, const struct sl_param *more, uint32_t n)
{
        struct sl_param *all = sl_arena_alloc(&t->arena, (spec->param_count + n) * sizeof(*all));
        if (spec->param_count)
                memcpy(all, spec->params, spec->param_count * sizeof(*all));
        memcpy(all + spec->param_count, more, n * sizeof(*all));
        spec->params = all;
        spec->param_count += n;
}

/* A codec of the column's own, which differs in its schema only. */
static struct sl_pg_codec *own_codec(struct sl_pg_types *t, const struct sl_pg_codec *inner)
{
        struct sl_pg_codec *c = sl_arena_alloc(&t->arena, sizeof(*c));
        *c = *inner;
        return c;
}

static const struct sl_pg_maprule *find(const struct sl_pg_mappers *m, const char *name)
{
        for (uint32_t i = 0; i < m->count; i++)
                if (sl_pg_regexes_match(&m->rules[i].columns, name))
                        return &m->rules[i];
        return NULL;
}

static enum sl_rc apply(struct sl_pg_types *t, const struct sl_pg_mapped_column *col, const struct sl_pg_maprule *rule,
                        const struct sl_pg_codec **codec, bool *ret_unmasked, struct sl_err *err)
{
        const struct sl_pg_codec *inner = *codec;
        const struct sl_pg_jdbc_type *source;
        bool text = inner->spec.type == SL_STRING, bytes = inner->spec.type == SL_BYTES && !inner->spec.name;
        SL_TRY(sl_pg_source_type(t, col->type, col->typmod, &source, err));
        if (rule->kind == CUT && source->length <= rule->n)
                return SL_OK;
        struct sl_param param = {"masked", "true"};
        if (rule->kind == CUT)
                param = (struct sl_param){"truncateLength", sl_arena_printf(&t->arena, "%d", rule->n)};
        struct sl_pg_codec *c = own_codec(t, inner);
        add_params(t, &c->spec, &param, 1);
        *codec = c;
        *ret_unmasked = rule->kind != CUT && !text;
        if (!text && !(bytes && rule->kind == CUT))
                return SL_OK;
        struct sl_pg_mapping *map = sl_arena_alloc(&t->arena, sizeof(*map));
        *map = (struct sl_pg_mapping){inner, rule, (uint32_t)(rule->kind == CUT ? rule->n : source->length)};
        /* Nothing but what is named here: no other way of reading the type may pass the mapping by. */
        *c = (struct sl_pg_codec){.parse = parse_mapped,
                                  .spec = c->spec,
                                  .zero = inner->zero,
                                  .scale = inner->scale,
                                  .has_default = inner->has_default,
                                  .map = map,
                                  .cfg = inner->cfg};
        c->unavailable = text ? sl_pg_map_value(c, inner->unavailable, &t->arena) : inner->unavailable;
        return SL_OK;
}

static enum sl_rc propagate(struct sl_pg_types *t, const struct sl_pg_mappers *m, const struct sl_pg_mapped_column *col,
                            const char *full, const struct sl_pg_codec **codec, struct sl_err *err)
{
        char typed[300];
        const struct sl_pg_jdbc_type *source;
        SL_TRY(sl_pg_source_type(t, col->type, col->typmod, &source, err));
        snprintf(typed, sizeof(typed), "%s.%s.%s", col->schema, col->table, source->name);
        if (!sl_pg_regexes_match(&m->propagate, full) && !sl_pg_regexes_match(&m->propagate_types, typed))
                return SL_OK;
        char *upper = sl_arena_strdup(&t->arena, source->name);
        for (char *p = upper; *p; p++)
                *p = (char)toupper((unsigned char)*p);
        struct sl_param p[5] = {{"__debezium.source.column.type", upper},
                                {"__debezium.source.column.length", sl_arena_printf(&t->arena, "%d", source->length)},
                                {"__debezium.source.column.scale", sl_arena_printf(&t->arena, "%d", source->scale)}};
        uint32_t n = 3;
        if (col->comment && *col->comment)
                p[n++] =
                        (struct sl_param){"__debezium.source.column.comment", sl_arena_strdup(&t->arena, col->comment)};
        p[n++] = (struct sl_param){"__debezium.source.column.name", sl_arena_strdup(&t->arena, col->column)};
        struct sl_pg_codec *c = own_codec(t, *codec);
        add_params(t, &c->spec, p, n);
        *codec = c;
        return SL_OK;
}

enum sl_rc sl_pg_mapped(const struct sl_pg_mappers *m, struct sl_pg_types *t, const struct sl_pg_mapped_column *col,
                        const struct sl_pg_codec **codec, bool *ret_unmasked, struct sl_err *err)
{
        char full[300];
        *ret_unmasked = false;
        if (!m->count && !m->propagate.count && !m->propagate_types.count)
                return SL_OK;
        snprintf(full, sizeof(full), "%s.%s.%s", col->schema, col->table, col->column);
        const struct sl_pg_maprule *rule = find(m, full);
        if (rule)
                return apply(t, col, rule, codec, ret_unmasked, err);
        if (!m->propagate.count && !m->propagate_types.count)
                return SL_OK;
        return propagate(t, m, col, full, codec, err);
}
