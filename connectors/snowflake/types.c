/* SPDX-License-Identifier: Apache-2.0 */
/* Column types: see types.h. The type map is that of Snowflake's connector for Kafka (SnowflakeColumnTypeMapper), but
 * that a number without a schema gets NUMBER(38,0) or DOUBLE, whatever its first value was. */
#include "connectors/snowflake/types.h"

#include <stdatomic.h>

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define NUMBER_DIGITS 38
#define TEXT_LENGTH (16 * 1024 * 1024)
#define BINARY_LENGTH (8 * 1024 * 1024)
#define PRECISION_PARAM "connect.decimal.precision"

struct type_name {
        const char *name;
        enum sl_sf_kind kind;
};
static const struct type_name type_names[] = {
        {"NUMBER", SL_SF_FIXED},
        {"NUMERIC", SL_SF_FIXED},
        {"DECIMAL", SL_SF_FIXED},
        {"INT", SL_SF_FIXED},
        {"INTEGER", SL_SF_FIXED},
        {"BIGINT", SL_SF_FIXED},
        {"SMALLINT", SL_SF_FIXED},
        {"TINYINT", SL_SF_FIXED},
        {"BYTEINT", SL_SF_FIXED},
        {"FLOAT", SL_SF_REAL},
        {"FLOAT4", SL_SF_REAL},
        {"FLOAT8", SL_SF_REAL},
        {"DOUBLE", SL_SF_REAL},
        {"DOUBLE PRECISION", SL_SF_REAL},
        {"REAL", SL_SF_REAL},
        {"VARCHAR", SL_SF_TEXT},
        {"STRING", SL_SF_TEXT},
        {"TEXT", SL_SF_TEXT},
        {"CHAR", SL_SF_TEXT},
        {"CHARACTER", SL_SF_TEXT},
        {"BINARY", SL_SF_BINARY},
        {"VARBINARY", SL_SF_BINARY},
        {"BOOLEAN", SL_SF_BOOLEAN},
        {"DATE", SL_SF_DATE},
        {"TIME", SL_SF_TIME},
        {"TIMESTAMP", SL_SF_TIMESTAMP_NTZ},
        {"DATETIME", SL_SF_TIMESTAMP_NTZ},
        {"TIMESTAMP_NTZ", SL_SF_TIMESTAMP_NTZ},
        {"TIMESTAMP_LTZ", SL_SF_TIMESTAMP_LTZ},
        {"TIMESTAMP_TZ", SL_SF_TIMESTAMP_TZ},
        {"VARIANT", SL_SF_VARIANT},
        {"ARRAY", SL_SF_ARRAY},
        {"OBJECT", SL_SF_OBJECT},
};

const char *sl_sf_kind_name(enum sl_sf_kind kind)
{
        static const char *const names[] = {
                [SL_SF_OTHER] = "unknown",
                [SL_SF_FIXED] = "NUMBER",
                [SL_SF_REAL] = "REAL",
                [SL_SF_TEXT] = "STRING",
                [SL_SF_BINARY] = "BINARY",
                [SL_SF_BOOLEAN] = "BOOLEAN",
                [SL_SF_DATE] = "DATE",
                [SL_SF_TIME] = "TIME",
                [SL_SF_TIMESTAMP_NTZ] = "TIMESTAMP_NTZ",
                [SL_SF_TIMESTAMP_LTZ] = "TIMESTAMP_LTZ",
                [SL_SF_TIMESTAMP_TZ] = "TIMESTAMP_TZ",
                [SL_SF_VARIANT] = "VARIANT",
                [SL_SF_ARRAY] = "ARRAY",
                [SL_SF_OBJECT] = "OBJECT",
        };
        return names[kind];
}

/* ---- DESC TABLE ---- */

static struct sl_str trimmed(struct sl_str s)
{
        while (s.len && isspace((unsigned char)s.ptr[0]))
                s = (struct sl_str){s.ptr + 1, s.len - 1};
        while (s.len && isspace((unsigned char)s.ptr[s.len - 1]))
                s.len--;
        return s;
}

/* Up to two numbers out of "38,0"; how many, or -1 for anything else. */
static int numbers(struct sl_str s, int64_t *a, int64_t *b)
{
        s = trimmed(s);
        const char *comma = s.len ? memchr(s.ptr, ',', s.len) : NULL;
        struct sl_str first = comma ? (struct sl_str){s.ptr, (size_t)(comma - s.ptr)} : s;
        if (!s.len)
                return 0;
        if (!sl_parse_i64(trimmed(first), a))
                return -1;
        if (!comma)
                return 1;
        struct sl_str second = {comma + 1, s.len - first.len - 1};
        return sl_parse_i64(trimmed(second), b) ? 2 : -1;
}

static enum sl_sf_kind kind_of(struct sl_str base)
{
        for (size_t i = 0; i < sizeof(type_names) / sizeof(*type_names); i++)
                if (strlen(type_names[i].name) == base.len && !strncasecmp(type_names[i].name, base.ptr, base.len))
                        return type_names[i].kind;
        return SL_SF_OTHER;
}

static bool has_word(struct sl_str text, const char *word)
{
        size_t n = strlen(word);
        for (size_t i = 0; i + n <= text.len; i++)
                if (!strncasecmp(text.ptr + i, word, n))
                        return true;
        return false;
}

static void apply_parameters(struct sl_sf_type *t, struct sl_str params)
{
        int64_t a = 0, b = 0;
        int n = numbers(params, &a, &b);
        switch (t->kind) {
        case SL_SF_FIXED:
                t->precision = n > 0 ? (int32_t)a : NUMBER_DIGITS;
                t->scale = n > 1 ? (int32_t)b : 0;
                return;
        case SL_SF_TEXT:
                t->length = n > 0 && a < TEXT_LENGTH ? a : TEXT_LENGTH;
                return;
        case SL_SF_BINARY:
                t->length = n > 0 && a < BINARY_LENGTH ? a : BINARY_LENGTH;
                return;
        case SL_SF_TIME:
        case SL_SF_TIMESTAMP_NTZ:
        case SL_SF_TIMESTAMP_LTZ:
        case SL_SF_TIMESTAMP_TZ:
                t->scale = n > 0 ? (int32_t)a : 9;
                return;
        case SL_SF_ARRAY:
        case SL_SF_OBJECT:
                if (trimmed(params).len)
                        t->kind = SL_SF_OTHER; /* structured */
                return;
        default:
                return;
        }
}

struct sl_sf_type sl_sf_type_parse(struct sl_str text)
{
        struct sl_sf_type t = {0};
        text = trimmed(text);
        const char *open = text.len ? memchr(text.ptr, '(', text.len) : NULL;
        const char *close = text.len ? memrchr(text.ptr, ')', text.len) : NULL;
        struct sl_str base = text, params = SL_STR("");
        t.collated = has_word(text, " collate ");
        if (open && close > open) {
                base.len = (size_t)(open - text.ptr);
                params = (struct sl_str){open + 1, (size_t)(close - open - 1)};
        } else if (t.collated) {
                base.len = (size_t)((const char *)memchr(text.ptr, ' ', text.len) - text.ptr);
        }
        t.kind = kind_of(trimmed(base));
        apply_parameters(&t, params);
        return t;
}

/* ---- new columns ---- */

/* Debezium's semantic types, of which the base type is a number or a text. */
static const char *debezium_type(const struct sl_schema *s)
{
        static const struct {
                const char *name, *type;
        } types[] = {
                {"io.debezium.time.Date", "DATE"},
                {"io.debezium.time.Time", "TIME(9)"},
                {"io.debezium.time.MicroTime", "TIME(9)"},
                {"io.debezium.time.NanoTime", "TIME(9)"},
                {"io.debezium.time.Timestamp", "TIMESTAMP_NTZ(9)"},
                {"io.debezium.time.MicroTimestamp", "TIMESTAMP_NTZ(9)"},
                {"io.debezium.time.NanoTimestamp", "TIMESTAMP_NTZ(9)"},
                {"io.debezium.time.ZonedTimestamp", "TIMESTAMP_TZ(9)"},
                {"io.debezium.data.Json", "VARIANT"},
        };
        for (size_t i = 0; s->name && i < sizeof(types) / sizeof(*types); i++)
                if (!strcmp(s->name, types[i].name))
                        return types[i].type;
        return NULL;
}

static void decimal_type(const struct sl_schema *s, bool cdc, struct sl_buf *out)
{
        const char *text = cdc ? sl_schema_param(s, PRECISION_PARAM) : NULL;
        int64_t precision;
        if (text && sl_parse_i64(sl_str_c(text), &precision) && precision > 0 && precision <= NUMBER_DIGITS &&
            s->decimal_scale >= 0 && s->decimal_scale <= precision)
                sl_buf_printf(out, "NUMBER(%d,%d)", (int)precision, (int)s->decimal_scale);
        else
                sl_buf_adds(out, "VARCHAR");
}

void sl_sf_type_of_schema(const struct sl_schema *s, bool cdc, struct sl_buf *out)
{
        static const char *const plain[SL_TYPE_COUNT] = {
                [SL_NULL] = "VARCHAR",   [SL_BOOLEAN] = "BOOLEAN", [SL_INT8] = "BYTEINT",  [SL_INT16] = "SMALLINT",
                [SL_INT32] = "INT",      [SL_INT64] = "BIGINT",    [SL_FLOAT32] = "FLOAT", [SL_FLOAT64] = "DOUBLE",
                [SL_STRING] = "VARCHAR", [SL_BYTES] = "BINARY",    [SL_ARRAY] = "ARRAY",   [SL_MAP] = "VARIANT",
                [SL_STRUCT] = "VARIANT",
        };
        const char *semantic = cdc ? debezium_type(s) : NULL;
        if (semantic) {
                sl_buf_adds(out, semantic);
                return;
        }
        switch (s->logical) {
        case SL_LOGICAL_DECIMAL:
                decimal_type(s, cdc, out);
                return;
        case SL_LOGICAL_DATE:
                sl_buf_adds(out, "DATE");
                return;
        case SL_LOGICAL_TIME:
                sl_buf_adds(out, "TIME(6)");
                return;
        case SL_LOGICAL_TIMESTAMP:
                sl_buf_adds(out, "TIMESTAMP(6)");
                return;
        default:
                sl_buf_adds(out, plain[s->type]);
        }
}

const char *sl_sf_type_of_value(const struct sl_value *v)
{
        static const char *const types[SL_TYPE_COUNT] = {
                [SL_BOOLEAN] = "BOOLEAN",    [SL_INT8] = "NUMBER(38,0)",  [SL_INT16] = "NUMBER(38,0)",
                [SL_INT32] = "NUMBER(38,0)", [SL_INT64] = "NUMBER(38,0)", [SL_FLOAT32] = "DOUBLE",
                [SL_FLOAT64] = "DOUBLE",     [SL_STRING] = "VARCHAR",     [SL_BYTES] = "BINARY",
                [SL_ARRAY] = "ARRAY",        [SL_MAP] = "VARIANT",        [SL_STRUCT] = "VARIANT",
        };
        return v->type < SL_TYPE_COUNT ? types[v->type] : NULL;
}

/* ---- descriptions ---- */

struct sl_sf_desc *sl_sf_desc_new(void)
{
        static atomic_uint_fast64_t made;
        struct sl_sf_desc *d = sl_calloc(1, sizeof(*d));
        d->serial = atomic_fetch_add(&made, 1) + 1;
        return d;
}

void sl_sf_desc_add(struct sl_sf_desc *d, struct sl_str name, struct sl_str type, bool nullable, bool filled)
{
        if (sl_sf_desc_find(d, name))
                return;
        struct sl_sf_column *c = sl_calloc(1, sizeof(*c));
        c->name = (struct sl_str){sl_strndup(name.ptr, name.len), name.len};
        c->spelled = (struct sl_str){sl_strndup(type.ptr, type.len), type.len};
        c->type = sl_sf_type_parse(type);
        c->nullable = nullable;
        c->filled = filled;
        c->index = d->count;
        if (d->count == d->cap) {
                d->cap = d->cap ? d->cap * 2 : 16;
                d->columns = sl_realloc(d->columns, d->cap * sizeof(*d->columns));
        }
        d->columns[d->count++] = c;
        sl_map_put(&d->by_name, name, c);
}

void sl_sf_desc_free(struct sl_sf_desc *d)
{
        if (!d)
                return;
        for (uint32_t i = 0; i < d->count; i++) {
                free((char *)(uintptr_t)d->columns[i]->name.ptr);
                free((char *)(uintptr_t)d->columns[i]->spelled.ptr);
                free(d->columns[i]);
        }
        free(d->columns);
        sl_map_free(&d->by_name, NULL);
        free(d);
}
