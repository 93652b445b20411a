/* SPDX-License-Identifier: Apache-2.0 */
/* Connect values as JSON: see values.h. What becomes what is taken from KafkaRecordConverter of Snowflake's connector
 * for Kafka; where Java's HashMap would shuffle a struct's fields, they stay in the order of the schema. */
#include "connectors/snowflake/values.h"
#include "base/tzrules.h"
#include "connectors/snowflake/text.h"
#include "record/javaclass.h"
#include "record/logical.h"

#include <math.h>
#include <stdlib.h>

#define DEPTH_MAX 200
#define SMALL_DECIMAL 15 /* bytes: never more than 37 digits */
#define NUMBER_DIGITS 38
#define NS 1000000000LL

/* `{"a":`, `,"b":` ... of a struct's fields. */
struct leads {
        uint32_t *ends;
        struct sl_buf text;
};

static void leads_free(void *p)
{
        struct leads *l = p;
        free(l->ends);
        sl_buf_free(&l->text);
        free(l);
}

void sl_sf_values_free(struct sl_sf_values *w)
{
        sl_plans_free(&w->leads, leads_free);
        sl_buf_free(&w->scratch);
        sl_buf_free(&w->digits);
}

static sl_cold struct leads *make_leads(struct sl_sf_values *w, const struct sl_schema *s)
{
        struct leads *l = sl_calloc(1, sizeof(*l));
        l->ends = sl_calloc(s->field_count + 1, sizeof(*l->ends));
        for (uint32_t i = 0; i < s->field_count; i++) {
                sl_buf_addc(&l->text, i ? ',' : '{');
                sl_sf_add_string(&l->text, (struct sl_str){s->fields[i].name, s->fields[i].name_len}, NULL);
                sl_buf_addc(&l->text, ':');
                l->ends[i] = (uint32_t)l->text.len;
        }
        sl_plans_put(&w->leads, s, l);
        return l;
}

/* ---- scalars ---- */

static void add_float(struct sl_buf *out, double v, bool single, bool quotes)
{
        if (isfinite(v) && single)
                sl_buf_add_f32(out, (float)v);
        else if (isfinite(v))
                sl_buf_add_f64(out, v);
        else if (quotes)
                sl_buf_adds(out, isnan(v) ? "\"NaN\"" : v > 0 ? "\"Inf\"" : "\"-Inf\"");
        else
                sl_buf_adds(out, isnan(v) ? "NaN" : v > 0 ? "Inf" : "-Inf");
}

static void add_decimal(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v, bool quotes,
                        struct sl_buf *out)
{
        if (sl_likely(v->len <= SMALL_DECIMAL)) {
                sl_decimal_print(v->ptr, v->len, s->decimal_scale, &w->scratch, out);
                return;
        }
        sl_buf_clear(&w->digits);
        sl_decimal_print(v->ptr, v->len, 0, &w->scratch, &w->digits);
        bool quote = quotes && w->digits.len - (w->digits.len && w->digits.ptr[0] == '-') > NUMBER_DIGITS;
        if (quote)
                sl_buf_addc(out, '"');
        sl_decimal_print(v->ptr, v->len, s->decimal_scale, &w->scratch, out);
        if (quote)
                sl_buf_addc(out, '"');
}

static void add_logical(enum sl_logical logical, int64_t v, struct sl_buf *out)
{
        if (logical == SL_LOGICAL_TIMESTAMP)
                sl_sf_add_timestamp_ms(out, v);
        else if (logical == SL_LOGICAL_DATE)
                sl_sf_add_moment(out, v * 86400, 0, 3, true);
        else
                sl_sf_add_time(out, v * 1000000, 3);
}

static sl_cold enum sl_rc refuse(const struct sl_schema *s, const struct sl_value *v, struct sl_err *err)
{
        if (v->type == SL_NULL)
                return sl_fail(
                        err, SL_E_SF_RECORD,
                        "Conversion error: null value for field that is required and has no default value (5015)");
        return sl_fail(err, SL_E_SF_RECORD, "Type mismatch: expected %s but got %s (5015)", sl_type_name(s->type),
                       sl_java_class(NULL, v));
}

enum sl_rc sl_sf_default(const struct sl_schema *s, const struct sl_value *v, const struct sl_value **ret,
                         struct sl_err *err)
{
        *ret = v;
        if (sl_likely(v->type != SL_NULL))
                return SL_OK;
        if (s && s->has_default && s->def.type != SL_NULL)
                *ret = &s->def;
        else if (s && !s->optional)
                return refuse(s, v, err);
        else
                *ret = NULL;
        return SL_OK;
}

/* ---- keys that come twice ---- */

bool sl_sf_may_repeat(const struct sl_value *map)
{
        uint64_t seen[16] = {0};
        for (uint32_t i = 0; i < map->len; i++) {
                const struct sl_value *k = &map->items[2 * (size_t)i];
                if (k->type != SL_STRING)
                        return true;
                const unsigned char *p = (const unsigned char *)k->ptr;
                uint32_t h = k->len; /* of length, first, middle and last byte: two keys that share them only cost time */
                if (k->len)
                        h ^= (uint32_t)p[0] << 24 ^ (uint32_t)p[k->len / 2] << 16 ^ (uint32_t)p[k->len - 1] << 8;
                h *= 0x9e3779b1u;
                uint64_t *word = &seen[h >> 28], bit = 1ull << (h >> 22 & 63);
                if (*word & bit)
                        return true;
                *word |= bit;
        }
        return false;
}

bool sl_sf_repeated(const struct sl_value *map, uint32_t i)
{
        const struct sl_value *k = &map->items[2 * (size_t)i];
        for (uint32_t j = i + 1; j < map->len; j++) {
                const struct sl_value *o = &map->items[2 * (size_t)j];
                if (o->type == SL_STRING && k->type == SL_STRING && o->len == k->len && !memcmp(o->ptr, k->ptr, k->len))
                        return true;
        }
        return false;
}

/* ---- values ---- */

static enum sl_rc write_any(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v, unsigned depth,
                            struct sl_buf *out, struct sl_err *err);

static enum sl_rc write_struct(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v,
                               unsigned depth, struct sl_buf *out, struct sl_err *err)
{
        const struct leads *l = sl_plans_get(&w->leads, s);
        if (sl_unlikely(!l))
                l = make_leads(w, s);
        if (sl_unlikely(v->len != s->field_count))
                return sl_fail(err, SL_E_SF_RECORD, "A struct has %u values for the %u fields of its schema (5015)",
                               v->len, s->field_count);
        uint32_t from = 0;
        for (uint32_t i = 0; i < s->field_count; i++) {
                sl_buf_add(out, l->text.ptr + from, l->ends[i] - from);
                from = l->ends[i];
                SL_TRY(write_any(w, s->fields[i].schema, &v->items[i], depth + 1, out, err));
        }
        if (s->field_count)
                sl_buf_addc(out, '}');
        else
                sl_buf_add(out, "{}", 2);
        return SL_OK;
}

static enum sl_rc write_array(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v,
                              unsigned depth, struct sl_buf *out, struct sl_err *err)
{
        sl_buf_addc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                SL_TRY(write_any(w, s ? s->value : NULL, &v->items[i], depth + 1, out, err));
        }
        sl_buf_addc(out, ']');
        return SL_OK;
}

static bool is_object(const struct sl_schema *s, const struct sl_value *v)
{
        if (s && s->key)
                return s->key->type == SL_STRING;
        for (uint32_t i = 0; i < v->len; i++)
                if (v->items[2 * (size_t)i].type != SL_STRING)
                        return false;
        return true;
}

/* deep: maps in it are objects too, whatever their keys are (the top of a value without a schema). */
static enum sl_rc write_map(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v, bool deep,
                            unsigned depth, struct sl_buf *out, struct sl_err *err)
{
        bool repeats = sl_sf_may_repeat(v), first = true;
        if (depth > DEPTH_MAX)
                return sl_fail(err, SL_E_SF_RECORD, "A value is nested deeper than %d levels (5015)", DEPTH_MAX);
        sl_buf_addc(out, '{');
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_value *k = &v->items[2 * (size_t)i];
                if (sl_unlikely(repeats) && sl_sf_repeated(v, i))
                        continue;
                if (!first)
                        sl_buf_addc(out, ',');
                first = false;
                sl_sf_write_key(w, s ? s->key : NULL, k, out);
                sl_buf_addc(out, ':');
                if (deep && k[1].type == SL_MAP)
                        SL_TRY(write_map(w, NULL, k + 1, true, depth + 1, out, err));
                else
                        SL_TRY(write_any(w, s ? s->value : NULL, k + 1, depth + 1, out, err));
        }
        sl_buf_addc(out, '}');
        return SL_OK;
}

static enum sl_rc write_pairs(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v,
                              unsigned depth, struct sl_buf *out, struct sl_err *err)
{
        sl_buf_addc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_value *k = &v->items[2 * (size_t)i];
                if (i)
                        sl_buf_addc(out, ',');
                sl_buf_addc(out, '[');
                SL_TRY(write_any(w, s ? s->key : NULL, k, depth + 1, out, err));
                sl_buf_addc(out, ',');
                SL_TRY(write_any(w, s ? s->value : NULL, k + 1, depth + 1, out, err));
                sl_buf_addc(out, ']');
        }
        sl_buf_addc(out, ']');
        return SL_OK;
}

static enum sl_rc write_any(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v, unsigned depth,
                            struct sl_buf *out, struct sl_err *err)
{
        if (sl_unlikely(depth > DEPTH_MAX))
                return sl_fail(err, SL_E_SF_RECORD, "A value is nested deeper than %d levels (5015)", DEPTH_MAX);
        if (sl_unlikely(v->type == SL_NULL)) {
                SL_TRY(sl_sf_default(s, v, &v, err));
                if (!v) {
                        sl_buf_add(out, "null", 4);
                        return SL_OK;
                }
        }
        if (sl_unlikely(s && s->type != v->type))
                return refuse(s, v, err);
        switch ((enum sl_type)v->type) {
        case SL_BOOLEAN:
                sl_buf_adds(out, v->b ? "true" : "false");
                return SL_OK;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                if (s && s->logical != SL_LOGICAL_NONE)
                        add_logical(s->logical, v->i64, out);
                else
                        sl_buf_add_i64(out, v->i64);
                return SL_OK;
        case SL_FLOAT32:
        case SL_FLOAT64:
                add_float(out, v->f64, v->type == SL_FLOAT32, true);
                return SL_OK;
        case SL_STRING:
                sl_sf_add_string(out, sl_v_as_str(v), &w->bad_text);
                return SL_OK;
        case SL_BYTES:
                if (s && s->logical == SL_LOGICAL_DECIMAL)
                        add_decimal(w, s, v, true, out);
                else
                        sl_sf_add_quoted_base64(out, sl_v_as_str(v));
                return SL_OK;
        case SL_ARRAY:
                return write_array(w, s, v, depth, out, err);
        case SL_MAP:
                return is_object(s, v) ? write_map(w, s, v, false, depth, out, err)
                                       : write_pairs(w, s, v, depth, out, err);
        case SL_STRUCT:
                if (s)
                        return write_struct(w, s, v, depth, out, err);
                break;
        default:
                break;
        }
        return sl_fail(err, SL_E_SF_RECORD, "Couldn't convert a value of type %s (5015)",
                       sl_type_name((enum sl_type)v->type));
}

enum sl_rc sl_sf_write(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v, struct sl_buf *out,
                       struct sl_err *err)
{
        return write_any(w, s, v, 0, out, err);
}

enum sl_rc sl_sf_write_object(struct sl_sf_values *w, const struct sl_value *map, struct sl_buf *out,
                              struct sl_err *err)
{
        return write_map(w, NULL, map, true, 0, out, err);
}

void sl_sf_write_key(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *k, struct sl_buf *out)
{
        struct sl_buf text = {0};
        struct sl_err ignored = {0};
        if (sl_likely(k->type == SL_STRING)) {
                sl_sf_add_string(out, sl_v_as_str(k), &w->bad_text);
                return;
        }
        if (sl_sf_print(w, s, k, &text, &ignored) != SL_OK)
                sl_buf_clear(&text);
        sl_sf_add_string(out, (struct sl_str){text.ptr, text.len}, &w->bad_text);
        sl_buf_free(&text);
}

/* ---- String.valueOf ---- */

static enum sl_rc print_members(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v,
                                struct sl_buf *out, struct sl_err *err)
{
        bool array = v->type == SL_ARRAY, map = v->type == SL_MAP;
        sl_buf_addc(out, array ? '[' : '{');
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_value *item = map ? &v->items[2 * (size_t)i + 1] : &v->items[i];
                if (i)
                        sl_buf_add(out, ", ", 2);
                if (map)
                        SL_TRY(sl_sf_print(w, s ? s->key : NULL, item - 1, out, err));
                else if (!array)
                        sl_buf_add(out, s->fields[i].name, s->fields[i].name_len);
                if (!array)
                        sl_buf_addc(out, '=');
                SL_TRY(sl_sf_print(w, array || map ? (s ? s->value : NULL) : s->fields[i].schema, item, out, err));
        }
        sl_buf_addc(out, array ? ']' : '}');
        return SL_OK;
}

enum sl_rc sl_sf_print(struct sl_sf_values *w, const struct sl_schema *s, const struct sl_value *v, struct sl_buf *out,
                       struct sl_err *err)
{
        size_t start = out->len;
        SL_TRY(sl_sf_default(s, v, &v, err));
        if (v && s && s->type != v->type)
                return refuse(s, v, err);
        if (!v) {
                sl_buf_adds(out, "null");
        } else if (v->type == SL_STRING) {
                sl_buf_add_str(out, sl_v_as_str(v));
        } else if (v->type == SL_FLOAT32 || v->type == SL_FLOAT64) {
                add_float(out, v->f64, v->type == SL_FLOAT32, false);
        } else if (v->type == SL_BYTES && s && s->logical == SL_LOGICAL_DECIMAL) {
                add_decimal(w, s, v, false, out);
        } else if (v->type == SL_BYTES) {
                sl_buf_add_base64(out, v->ptr, v->len);
        } else if (v->type == SL_ARRAY || v->type == SL_MAP ||
                   (v->type == SL_STRUCT && s && s->field_count == v->len)) {
                return print_members(w, s, v, out, err);
        } else {
                SL_TRY(sl_sf_write(w, s, v, out, err));
                if (sl_buf_ok(out) && out->len > start + 1 && out->ptr[start] == '"') { /* a moment */
                        memmove(out->ptr + start, out->ptr + start + 1, out->len - start - 2);
                        out->len -= 2;
                }
        }
        return SL_OK;
}

/* ---- Debezium's semantic types ---- */

enum sl_sf_semantic sl_sf_semantic_of(const struct sl_schema *s, int64_t *ret_per_second)
{
        static const struct {
                const char *name;
                enum sl_type type;
                enum sl_sf_semantic kind;
                int64_t per_second;
        } all[] = {
                {"io.debezium.time.Date", SL_INT32, SL_SF_S_DATE, 1},
                {"io.debezium.time.Time", SL_INT32, SL_SF_S_TIME, 1000},
                {"io.debezium.time.MicroTime", SL_INT64, SL_SF_S_TIME, 1000000},
                {"io.debezium.time.NanoTime", SL_INT64, SL_SF_S_TIME, NS},
                {"io.debezium.time.Timestamp", SL_INT64, SL_SF_S_TIMESTAMP, 1000},
                {"io.debezium.time.MicroTimestamp", SL_INT64, SL_SF_S_TIMESTAMP, 1000000},
                {"io.debezium.time.NanoTimestamp", SL_INT64, SL_SF_S_TIMESTAMP, NS},
                {"io.debezium.data.Json", SL_STRING, SL_SF_S_JSON, 1},
        };
        for (size_t i = 0; s->name && i < sizeof(all) / sizeof(*all); i++) {
                if (strcmp(s->name, all[i].name) != 0 || s->type != all[i].type)
                        continue;
                *ret_per_second = all[i].per_second;
                return all[i].kind;
        }
        return SL_SF_S_NONE;
}

void sl_sf_write_semantic(enum sl_sf_semantic kind, int64_t per_second, int64_t v, struct sl_buf *out)
{
        int64_t seconds = sl_floor_div(v, per_second), ns = sl_floor_mod(v, per_second) * (NS / per_second);
        unsigned digits = per_second == 1000 ? 3 : per_second == 1000000 ? 6 : 9;
        if (kind == SL_SF_S_DATE)
                sl_sf_add_date(out, v);
        else if (kind == SL_SF_S_TIME)
                sl_sf_add_time(out, seconds * NS + ns, digits);
        else
                sl_sf_add_moment(out, seconds, (uint32_t)ns, digits, false);
}
