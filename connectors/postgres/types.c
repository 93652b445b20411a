/* SPDX-License-Identifier: Apache-2.0 */
/* The list of types: schema, parser, stand-ins for missing and unsent values. Facts as Debezium 3.6.1 maps them. */
#include <openssl/evp.h>
#include "connectors/postgres/types.h"

static const struct sl_pg_codec no_codec;

#define D "io.debezium.data."
#define T "io.debezium.time."

/* Built-in types (pg_type.dat): OID, plain mappings; the others are made by a function. */
struct plain {
        uint32_t oid;
        enum sl_type type;
        const char *name; /* version 1 when set */
        sl_pg_parse parse;
        bool has_default;
};
static const struct plain plains[] = {
        {16, SL_BOOLEAN, NULL, sl_pg_parse_bool, true},
        {18, SL_STRING, NULL, sl_pg_parse_text, false}, /* "char" */
        {19, SL_STRING, NULL, sl_pg_parse_text, false}, /* name */
        {20, SL_INT64, NULL, sl_pg_parse_int, true},
        {21, SL_INT16, NULL, sl_pg_parse_int, true},
        {23, SL_INT32, NULL, sl_pg_parse_int, true},
        {25, SL_STRING, NULL, sl_pg_parse_text, true},
        {26, SL_INT64, NULL, sl_pg_parse_int, false}, /* oid */
        {114, SL_STRING, D "Json", sl_pg_parse_text, true},
        {142, SL_STRING, D "Xml", sl_pg_parse_text, true},
        {650, SL_STRING, NULL, sl_pg_parse_text, false}, /* cidr */
        {700, SL_FLOAT32, NULL, sl_pg_parse_float, true},
        {701, SL_FLOAT64, NULL, sl_pg_parse_float, true},
        {774, SL_STRING, NULL, sl_pg_parse_text, false}, /* macaddr8 */
        {829, SL_STRING, NULL, sl_pg_parse_text, false}, /* macaddr */
        {869, SL_STRING, NULL, sl_pg_parse_text, false}, /* inet */
        {1042, SL_STRING, NULL, sl_pg_parse_text, true}, /* bpchar */
        {1043, SL_STRING, NULL, sl_pg_parse_text, true}, /* varchar */
        {1266, SL_STRING, T "ZonedTime", sl_pg_parse_timetz, false},
        {2950, SL_STRING, D "Uuid", sl_pg_parse_text, true},
        {3614, SL_STRING, D "Tsvector", sl_pg_parse_text, false},
        {3802, SL_STRING, D "Json", sl_pg_parse_text, true},
        {3904, SL_STRING, NULL, sl_pg_parse_text, false}, /* ranges */
        {3906, SL_STRING, NULL, sl_pg_parse_text, false},
        {3908, SL_STRING, NULL, sl_pg_parse_text, false},
        {3910, SL_STRING, NULL, sl_pg_parse_text, false},
        {3912, SL_STRING, NULL, sl_pg_parse_text, false},
        {3926, SL_STRING, NULL, sl_pg_parse_text, false},
};
/* Built-in arrays that are mapped: array, element. */
static const uint32_t arrays[][2] = {
        {1000, 16},   {1001, 17},   {1002, 18},   {1005, 21},   {1007, 23},   {1009, 25},   {1014, 1042}, {1015, 1043},
        {1016, 20},   {1021, 700},  {1022, 701},  {1028, 26},   {1041, 869},  {651, 650},   {1040, 829},  {775, 774},
        {1115, 1114}, {1182, 1082}, {1183, 1083}, {1185, 1184}, {1231, 1700}, {1270, 1266}, {1561, 1560}, {2951, 2950},
        {199, 114},   {3807, 3802}, {3905, 3904}, {3907, 3906}, {3909, 3908}, {3911, 3910}, {3913, 3912}, {3927, 3926}};
/* Built-in types without a mapping; below FIRST_USER_OID everything that is not listed above is one. */
#define FIRST_USER_OID 16384

void sl_pg_types_init(struct sl_pg_types *t, const struct sl_pg_cfg *cfg)
{
        t->cfg = cfg;
        sl_arena_init(&t->arena, 16 * 1024);
        t->placeholder = sl_str_c(cfg->placeholder ? cfg->placeholder : "");
        if (t->placeholder.len >= 4 && memcmp(t->placeholder.ptr, "hex:", 4) == 0) {
                char *out = sl_arena_alloc(&t->arena, t->placeholder.len);
                size_t n = 0;
                for (const char *p = t->placeholder.ptr + 4; p[0] && p[1]; p += 2) {
                        unsigned v = 0;
                        for (int i = 0; i < 2; i++)
                                v = v * 16 + (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
                        out[n++] = (char)v;
                }
                t->placeholder = (struct sl_str){out, n};
        }
}

void sl_pg_types_free(struct sl_pg_types *t)
{
        sl_map_free(&t->cache, NULL);
        sl_map_free(&t->sources, NULL);
        sl_arena_free(&t->arena);
}

static void named(struct sl_pg_codec *c, enum sl_type type, const char *name, sl_pg_parse parse)
{
        c->spec = (struct sl_schema){.type = type, .name = name, .version = name ? 1 : 0};
        c->parse = parse;
}

static void params(struct sl_pg_types *t, struct sl_pg_codec *c, const char *k1, const char *v1, const char *k2,
                   const char *v2)
{
        struct sl_param *p = sl_arena_alloc(&t->arena, 2 * sizeof(*p));
        p[0] = (struct sl_param){k1, v1};
        p[1] = (struct sl_param){k2, v2};
        c->spec.params = p;
        c->spec.param_count = k2 ? 2 : 1;
}

static const char *digits(struct sl_pg_types *t, int64_t v)
{
        return sl_arena_printf(&t->arena, "%lld", (long long)v);
}

/* Text: empty, but for decimals and durations. */
static const char *zero_text(struct sl_pg_types *t, const struct sl_pg_codec *c)
{
        if (c->parse == sl_pg_parse_interval_str)
                return "P0Y0M0DT0H0M0S";
        if (c->parse == sl_pg_parse_timetz || c->parse == sl_pg_parse_time_iso)
                return "00:00:00Z";
        if (c->parse == sl_pg_parse_date_iso)
                return "1970-01-01Z";
        if (c->parse == sl_pg_parse_ts_iso)
                return "1970-01-01T00:00:00Z";
        if (c->parse == sl_pg_parse_decimal_str || c->parse == sl_pg_parse_money)
                return sl_arena_printf(&t->arena, "%.*f", c->scale > 0 ? (int)c->scale : 0, 0.0);
        return "";
}

/* What stands for a missing value of a NOT NULL column without a default. */
static void set_zero(struct sl_pg_types *t, struct sl_pg_codec *c)
{
        enum sl_type type = c->spec.type;
        if (type == SL_STRING)
                c->zero = sl_v_str(sl_str_c(zero_text(t, c)));
        else if (type == SL_BYTES)
                c->zero = sl_v_bytes("\0", c->spec.name && strcmp(c->spec.name, SL_NAME_DECIMAL) == 0);
        else if (type == SL_ARRAY || type == SL_MAP)
                c->zero = sl_v_items(type, sl_arena_zalloc(&t->arena, 16), 0);
        else if (type != SL_STRUCT)
                c->zero = (struct sl_value){.type = (uint8_t)type};
}

static struct sl_value one_item(struct sl_pg_types *t, struct sl_value v)
{
        struct sl_value *items = sl_arena_alloc(&t->arena, sizeof(v));
        *items = v;
        return sl_v_items(SL_ARRAY, items, 1);
}

/* The placeholder's name-based UUID (version 3: its MD5). */
static const char *uuid_of(struct sl_pg_types *t, struct sl_str p)
{
        uint8_t h[16] = {0};
        EVP_Digest(p.ptr, p.len, h, NULL, EVP_md5(), NULL);
        h[6] = (uint8_t)((h[6] & 15) | 0x30);
        h[8] = (uint8_t)((h[8] & 63) | 0x80);
        return sl_arena_printf(&t->arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0],
                               h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14],
                               h[15]);
}

/* The placeholder as the text of one type. */
static struct sl_value unavailable_text(struct sl_pg_types *t, const struct sl_pg_codec *c)
{
        struct sl_str p = t->placeholder;
        if (c->parse == sl_pg_parse_hstore) {
                struct sl_buf text = {0};
                sl_buf_addc(&text, '{');
                sl_buf_add_json_str(&text, p.ptr, p.len);
                sl_buf_addc(&text, ':');
                sl_buf_add_json_str(&text, p.ptr, p.len);
                sl_buf_addc(&text, '}');
                p = (struct sl_str){sl_arena_strndup(&t->arena, text.ptr, text.len), text.len};
                sl_buf_free(&text);
        }
        return sl_v_str(p);
}

/* What stands for an unchanged value that was not sent: the placeholder where the schema can hold it, else null. */
static void set_unavailable(struct sl_pg_types *t, struct sl_pg_codec *c)
{
        struct sl_str p = t->placeholder;
        enum sl_type elem = c->elem ? c->elem->spec.type : SL_NULL;
        const char *name = c->spec.name;
        c->unavailable = SL_V_NULL;
        if (c->spec.type == SL_STRING) {
                c->unavailable = unavailable_text(t, c);
        } else if (c->spec.type == SL_BYTES && !name) {
                c->unavailable = sl_v_bytes(p.ptr, p.len);
        } else if (c->spec.type == SL_ARRAY && elem == SL_STRING) {
                bool uuid = c->elem->spec.name && strcmp(c->elem->spec.name, D "Uuid") == 0;
                c->unavailable = one_item(t, uuid ? sl_v_str(sl_str_c(uuid_of(t, p))) : unavailable_text(t, c->elem));
        } else if (c->spec.type == SL_ARRAY && elem == SL_BYTES && !c->elem->spec.name) {
                c->unavailable = one_item(t, sl_v_bytes(p.ptr, p.len));
        } else if (c->spec.type == SL_ARRAY && (elem == SL_INT32 || elem == SL_INT64) &&
                   (c->elem->parse == sl_pg_parse_int || c->elem->parse == sl_pg_parse_date)) {
                struct sl_value *items = sl_arena_alloc(&t->arena, (p.len + 1) * sizeof(*items));
                for (size_t i = 0; i < p.len; i++)
                        items[i] = sl_v_i64(elem, (unsigned char)p.ptr[i]);
                c->unavailable = sl_v_items(SL_ARRAY, items, (uint32_t)p.len);
        } else if (c->spec.type == SL_MAP) {
                struct sl_value *items = sl_arena_alloc(&t->arena, 2 * sizeof(*items));
                items[0] = items[1] = sl_v_str(p);
                c->unavailable = sl_v_items(SL_MAP, items, 1);
        }
        c->unavailable.flags |= SL_V_UNAVAILABLE;
}

static void struct_of(struct sl_pg_types *t, struct sl_pg_codec *c, const char *name, const char *doc,
                      const struct sl_field *fields, uint32_t n)
{
        struct sl_field *own = sl_arena_alloc(&t->arena, n * sizeof(*own));
        memcpy(own, fields, n * sizeof(*own));
        c->spec = (struct sl_schema){
                .type = SL_STRUCT, .name = name, .version = 1, .doc = doc, .field_count = n, .fields = own};
}

static void zero_struct(struct sl_pg_types *t, struct sl_pg_codec *c, const char *text)
{
        if (!c->parse(c, sl_str_c(text), &t->arena, &c->zero))
                c->zero = SL_V_NULL;
}

static int32_t typmod_scale(int32_t typmod)
{
        return (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
}

static void numeric(struct sl_pg_types *t, struct sl_pg_codec *c, int32_t typmod)
{
        c->has_default = true;
        if (t->cfg->decimal == SL_PG_DEC_DOUBLE) {
                named(c, SL_FLOAT64, NULL, sl_pg_parse_float);
        } else if (t->cfg->decimal == SL_PG_DEC_STRING) {
                named(c, SL_STRING, NULL, sl_pg_parse_decimal_str);
                c->scale = typmod < 4 ? 0 : typmod_scale(typmod);
        } else if (typmod < 4) {
                const struct sl_field fields[] = {{.name = "scale", .schema = sl_schema_of(SL_INT32, false)},
                                                  {.name = "value", .schema = sl_schema_of(SL_BYTES, false)}};
                struct_of(t, c, D "VariableScaleDecimal", "Variable scaled decimal", fields, 2);
                c->parse = sl_pg_parse_variable;
                c->has_default = false;
                zero_struct(t, c, "0");
        } else {
                int32_t precision = (typmod - 4) >> 16 & 0xffff, scale = typmod_scale(typmod);
                if (scale < 0) { /* numeric(3,-2): whole hundreds; written with all its digits */
                        precision -= scale;
                        scale = 0;
                }
                named(c, SL_BYTES, SL_NAME_DECIMAL, sl_pg_parse_decimal);
                params(t, c, "scale", digits(t, scale), "connect.decimal.precision", digits(t, precision));
                c->scale = scale;
        }
}

static void money(struct sl_pg_types *t, struct sl_pg_codec *c)
{
        c->parse = sl_pg_parse_money;
        c->scale = t->cfg->money_digits;
        if (t->cfg->decimal == SL_PG_DEC_DOUBLE) {
                named(c, SL_FLOAT64, NULL, sl_pg_parse_money);
        } else if (t->cfg->decimal == SL_PG_DEC_STRING) {
                named(c, SL_STRING, NULL, sl_pg_parse_money);
        } else {
                named(c, SL_BYTES, SL_NAME_DECIMAL, sl_pg_parse_money);
                params(t, c, "scale", digits(t, c->scale), NULL, NULL);
        }
}

static void bits(struct sl_pg_types *t, struct sl_pg_codec *c, bool varying, int32_t typmod)
{
        c->has_default = true;
        if (typmod == 1 || (!varying && typmod < 1)) {
                named(c, SL_BOOLEAN, NULL, sl_pg_parse_bit);
                return;
        }
        named(c, SL_BYTES, D "Bits", sl_pg_parse_bits);
        params(t, c, "length", digits(t, typmod < 1 ? INT32_MAX : typmod), NULL, NULL);
}

/* date, time, timestamp of each time.precision.mode. */
struct plain_time {
        enum sl_type type;
        const char *name;
        sl_pg_parse parse;
};
static const struct plain_time date_days = {SL_INT32, T "Date", sl_pg_parse_date},
                               date_connect = {SL_INT32, SL_NAME_DATE, sl_pg_parse_date},
                               date_iso = {SL_STRING, T "IsoDate", sl_pg_parse_date_iso},
                               time_ms = {SL_INT32, T "Time", sl_pg_parse_time_ms},
                               time_us = {SL_INT64, T "MicroTime", sl_pg_parse_time_us},
                               time_ns = {SL_INT64, T "NanoTime", sl_pg_parse_time_ns},
                               time_connect = {SL_INT32, SL_NAME_TIME, sl_pg_parse_time_ms},
                               time_iso = {SL_STRING, T "IsoTime", sl_pg_parse_time_iso},
                               ts_ms = {SL_INT64, T "Timestamp", sl_pg_parse_ts_ms},
                               ts_us = {SL_INT64, T "MicroTimestamp", sl_pg_parse_ts_us},
                               ts_ns = {SL_INT64, T "NanoTimestamp", sl_pg_parse_ts_ns},
                               ts_connect = {SL_INT64, SL_NAME_TIMESTAMP, sl_pg_parse_ts_ms},
                               ts_iso = {SL_STRING, T "IsoTimestamp", sl_pg_parse_ts_iso};
/* [mode][date, time, time(0-3), timestamp, timestamp(0-3)] */
static const struct plain_time *const times[][5] = {
        [SL_PG_TIME_ADAPTIVE] = {&date_days, &time_us, &time_ms, &ts_us, &ts_ms},
        [SL_PG_TIME_ADAPTIVE_US] = {&date_days, &time_us, &time_us, &ts_us, &ts_ms},
        [SL_PG_TIME_CONNECT] = {&date_connect, &time_connect, &time_connect, &ts_connect, &ts_connect},
        [SL_PG_TIME_ISO] = {&date_iso, &time_iso, &time_iso, &ts_iso, &ts_iso},
        [SL_PG_TIME_US] = {&date_days, &time_us, &time_us, &ts_us, &ts_us},
        [SL_PG_TIME_NS] = {&date_days, &time_ns, &time_ns, &ts_ns, &ts_ns},
};

static bool temporal(struct sl_pg_types *t, struct sl_pg_codec *c, uint32_t oid, int32_t typmod)
{
        bool milli = typmod >= 0 && typmod <= 3;
        const struct plain_time *plain;
        c->has_default = true;
        switch (oid) {
        case 1082:
        case 1083:
        case 1114:
                plain = times[t->cfg->time][oid == 1082 ? 0 : (oid == 1083 ? 1 : 3) + milli];
                named(c, plain->type, plain->name, plain->parse);
                return true;
        case 1184:
                named(c, SL_STRING, T "ZonedTimestamp", sl_pg_parse_tstz);
                c->scale = typmod < 0 ? 6 : typmod;
                c->zero = sl_v_str(SL_STR("1970-01-01T00:00:00Z"));
                return true;
        case 1186:
                if (t->cfg->interval == SL_PG_IV_STRING)
                        named(c, SL_STRING, T "Interval", sl_pg_parse_interval_str);
                else
                        named(c, SL_INT64, T "MicroDuration", sl_pg_parse_interval_us);
                return true;
        default:
                c->has_default = false;
                return false;
        }
}

static void bytea(struct sl_pg_types *t, struct sl_pg_codec *c, sl_pg_parse parse)
{
        named(c, t->cfg->binary == SL_PG_BIN_BYTES ? SL_BYTES : SL_STRING, NULL, parse);
}

static void point(struct sl_pg_types *t, struct sl_pg_codec *c)
{
        const struct sl_field fields[] = {{.name = "x", .schema = sl_schema_of(SL_FLOAT64, false)},
                                          {.name = "y", .schema = sl_schema_of(SL_FLOAT64, false)},
                                          {.name = "wkb", .schema = sl_schema_of(SL_BYTES, true)},
                                          {.name = "srid", .schema = sl_schema_of(SL_INT32, true)}};
        struct_of(t, c, D "geometry.Point", "Geometry (POINT)", fields, 4);
        c->parse = sl_pg_parse_point;
        zero_struct(t, c, "(0,0)");
}

/* Types of extensions, by name. */
static bool extension(struct sl_pg_types *t, struct sl_pg_codec *c, const char *name)
{
        if (strcmp(name, "citext") == 0 || strcmp(name, "isbn") == 0) {
                named(c, SL_STRING, NULL, sl_pg_parse_text);
        } else if (strcmp(name, "ltree") == 0) {
                named(c, SL_STRING, D "Ltree", sl_pg_parse_text);
        } else if (strcmp(name, "hstore") == 0 && t->cfg->hstore == SL_PG_HSTORE_JSON) {
                named(c, SL_STRING, D "Json", sl_pg_parse_hstore);
                c->zero = sl_v_str(SL_STR("{}"));
        } else if (strcmp(name, "hstore") == 0) {
                named(c, SL_MAP, NULL, sl_pg_parse_hstore);
                c->spec.key = sl_schema_of(SL_STRING, false);
                c->spec.value = sl_schema_of(SL_STRING, true);
        } else if (strcmp(name, "geometry") == 0 || strcmp(name, "geography") == 0) {
                const struct sl_field fields[] = {{.name = "wkb", .schema = sl_schema_of(SL_BYTES, false)},
                                                  {.name = "srid", .schema = sl_schema_of(SL_INT32, true)}};
                bool plain = name[4] == 'e';
                struct_of(t, c, plain ? D "geometry.Geometry" : D "geometry.Geography",
                          plain ? "Geometry" : "Geography", fields, 2);
                c->parse = sl_pg_parse_geometry;
        } else if (strcmp(name, "vector") == 0 || strcmp(name, "halfvec") == 0) {
                bool half = name[0] == 'h';
                struct sl_pg_codec *elem = sl_arena_zalloc(&t->arena, sizeof(*elem));
                named(elem, half ? SL_FLOAT32 : SL_FLOAT64, NULL, sl_pg_parse_float);
                named(c, SL_ARRAY, half ? D "FloatVector" : D "DoubleVector", sl_pg_parse_vector);
                c->spec.value = sl_schema_of(elem->spec.type, false);
                c->elem = elem;
        } else {
                return false;
        }
        return true;
}

/* include.unknown.datatypes: an array whose elements have no mapping is an array of their texts as bytes. */
static bool unknown_array(struct sl_pg_types *t, struct sl_pg_codec *c, char delim)
{
        if (!t->cfg->unknown_types)
                return false;
        struct sl_pg_codec *elem = sl_arena_zalloc(&t->arena, sizeof(*elem));
        elem->cfg = t->cfg;
        bytea(t, elem, sl_pg_parse_raw);
        named(c, SL_ARRAY, NULL, sl_pg_parse_array);
        c->spec.value = sl_schema_intern(&elem->spec);
        c->elem = elem;
        c->delim = delim;
        return true;
}

static enum sl_rc array(struct sl_pg_types *t, struct sl_pg_codec *c, uint32_t elem_oid, int32_t typmod, char delim,
                        bool *ok, struct sl_err *err)
{
        SL_TRY(sl_pg_types_codec(t, elem_oid, typmod, &c->elem, err));
        *ok = c->elem && c->elem->parse != sl_pg_parse_raw && !c->elem->elem;
        if (!*ok) {
                *ok = unknown_array(t, c, delim);
                return SL_OK;
        }
        struct sl_schema elem = c->elem->spec;
        elem.optional = !(elem.name && strcmp(elem.name, D "Enum") == 0);
        named(c, SL_ARRAY, NULL, sl_pg_parse_array);
        c->spec.value = sl_schema_intern(&elem);
        c->delim = delim;
        return SL_OK;
}

/* Types that only the server can tell about. */
static enum sl_rc user_type(struct sl_pg_types *t, struct sl_pg_codec *c, uint32_t oid, int32_t typmod, bool *ok,
                            const struct sl_pg_codec **ret_base, struct sl_err *err)
{
        struct sl_pg_typeinfo info = {0}, elem = {0};
        if (!t->lookup)
                return SL_OK;
        SL_TRY(t->lookup(t->arg, oid, &info, err));
        switch (info.kind) {
        case 'd':
                SL_TRY(sl_pg_types_codec(t, info.base, info.base_typmod >= 0 ? info.base_typmod : typmod, ret_base,
                                         err));
                if (*ret_base) { /* the same but for defaults, which Debezium leaves out */
                        *c = **ret_base;
                        c->has_default = false;
                        *ret_base = c;
                }
                return SL_OK;
        case 'e':
                named(c, SL_STRING, D "Enum", sl_pg_parse_text);
                params(t, c, "allowed", info.labels ? info.labels : "", NULL, NULL);
                c->has_default = true;
                *ok = true;
                return SL_OK;
        case 'b':
                if (!info.elem || !info.delim) {
                        *ok = extension(t, c, info.name);
                        return SL_OK;
                }
                SL_TRY(t->lookup(t->arg, info.elem, &elem, err));
                if (elem.kind == 'd' || oid < FIRST_USER_OID) { /* no mapping in Debezium, whatever the elements are */
                        *ok = unknown_array(t, c, info.delim);
                        return SL_OK;
                }
                return array(t, c, info.elem, typmod, info.delim, ok, err);
        default:
                return SL_OK;
        }
}

static enum sl_rc make(struct sl_pg_types *t, struct sl_pg_codec *c, uint32_t oid, int32_t typmod, bool *ok,
                       const struct sl_pg_codec **ret_base, struct sl_err *err)
{
        *ok = true;
        for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
                if (plains[i].oid == oid) {
                        named(c, plains[i].type, plains[i].name, plains[i].parse);
                        c->has_default = plains[i].has_default;
                        return SL_OK;
                }
        }
        for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
                if (arrays[i][0] == oid)
                        return array(t, c, arrays[i][1], typmod, ',', ok, err);
        switch (oid) {
        case 17:
                bytea(t, c, sl_pg_parse_bytea);
                return SL_OK;
        case 600:
                point(t, c);
                return SL_OK;
        case 790:
                money(t, c);
                return SL_OK;
        case 1560:
        case 1562:
                bits(t, c, oid == 1562, typmod);
                return SL_OK;
        case 1700:
                numeric(t, c, typmod);
                return SL_OK;
        default:
                if (temporal(t, c, oid, typmod))
                        return SL_OK;
        }
        *ok = false;
        bool vector = oid == 22 || oid == 30; /* int2vector, oidvector: arrays in name only */
        return oid >= FIRST_USER_OID || (t->cfg->unknown_types && !vector)
                       ? user_type(t, c, oid, typmod, ok, ret_base, err)
                       : SL_OK;
}

enum sl_rc sl_pg_types_codec(struct sl_pg_types *t, uint32_t oid, int32_t typmod, const struct sl_pg_codec **ret,
                             struct sl_err *err)
{
        uint32_t key[2] = {oid, (uint32_t)typmod};
        struct sl_str k = {(const char *)key, sizeof(key)};
        const struct sl_pg_codec *known = sl_map_get(&t->cache, k), *base = NULL;
        if (known) {
                *ret = known == &no_codec ? NULL : known;
                return SL_OK;
        }
        struct sl_pg_codec *c = sl_arena_zalloc(&t->arena, sizeof(*c));
        bool ok = false;
        c->cfg = t->cfg;
        SL_TRY(make(t, c, oid, typmod, &ok, &base, err));
        if (!ok && !base && t->cfg->unknown_types) {
                bytea(t, c, sl_pg_parse_raw);
                ok = true;
        }
        if (ok) {
                if (c->zero.type == SL_NULL)
                        set_zero(t, c);
                set_unavailable(t, c);
                base = c;
        }
        sl_map_put(&t->cache, k, base ? (void *)base : (void *)&no_codec);
        *ret = base;
        return SL_OK;
}
