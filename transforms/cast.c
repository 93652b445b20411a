/* SPDX-License-Identifier: Apache-2.0 */
/* Cast$Key and Cast$Value: fields of a struct or map, or the whole key or value, as another primitive type, by Java's
 * rules of narrowing, saturation and number text. The new schema and the target of each field are worked out once per
 * input schema (a cast field keeps nothing of its schema but optional and default, which is cast too); a row copies its
 * values into the batch arena and casts the listed ones. A null value or key passes unchanged. Nested fields can't be
 * named. Unlike Java a whole value that is a Decimal, Date, Time or Timestamp loses that name, which would not fit its
 * new type. */
#include <string.h>
#include <strings.h>
#include "base/digits.h"
#include "record/logical.h"
#include "transforms/common.h"

#define PURPOSE "cast types"
#define OUTPUT_TYPES "INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING"

struct cast_cfg {
        struct sl_cfg_list spec;
        bool replace_null;
};

struct spec {
        char *name; /* NULL: the whole value */
        enum sl_type type;
};

struct cast;
/* Make a value of one type, which is not null, one of type `to`. Which function that is depends on the types only: see caster(). */
typedef enum sl_rc cast_fn(struct cast *st, const struct sl_schema *schema, struct sl_value *v, enum sl_type to,
                           struct sl_arena *arena, struct sl_err *err);

/* A field that a row does not just carry over. */
struct change {
        uint32_t at;
        enum sl_type target;
        cast_fn *cast; /* NULL: only its default counts */
        const struct sl_schema *schema;
};

struct plan {
        const struct sl_schema *out;
        uint32_t count;
        struct change changes[];
};

struct cast {
        struct spec *specs;
        uint32_t count;
        enum sl_type whole; /* SL_NULL: fields */
        int side;
        bool replace_null;
        struct sl_plans plans;
        struct sl_buf text, scratch; /* of the value at hand */
};

/* ---- config ---- */

static struct sl_str trim(struct sl_str s)
{
        while (s.len && (uint8_t)s.ptr[s.len - 1] <= ' ')
                s.len--;
        while (s.len && (uint8_t)s.ptr[0] <= ' ') {
                s.ptr++;
                s.len--;
        }
        return s;
}

/* The type that a spec names, or SL_NULL and why it can't be one; the words are Kafka's. */
static enum sl_type type_of(struct sl_str text, struct sl_buf *why)
{
        for (int t = SL_BOOLEAN; t < SL_TYPE_COUNT; t++) {
                const char *name = sl_type_name((enum sl_type)t);
                if (strlen(name) != text.len || strncasecmp(name, text.ptr, text.len) != 0)
                        continue;
                if (t < SL_BYTES)
                        return (enum sl_type)t;
                sl_buf_printf(why, "Cast transformation does not support casting to %s; supported types are [%s]", name,
                              OUTPUT_TYPES);
                return SL_NULL;
        }
        sl_buf_adds(why, "Invalid value java.lang.IllegalArgumentException: No enum constant "
                         "org.apache.kafka.connect.data.Schema.Type.");
        for (size_t i = 0; i < text.len; i++)
                sl_buf_addc(why, (char)(text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? text.ptr[i] - 32 : text.ptr[i]));
        sl_buf_printf(why, " for configuration Invalid type found in casting spec: %.*s", SL_FMT(text));
        return SL_NULL;
}

static void bad_mapping(const struct sl_cfg_list *list, const char *item, struct sl_buf *why)
{
        sl_buf_adds(why, "Invalid value [");
        for (uint32_t i = 0; i < list->count; i++)
                sl_buf_printf(why, "%s%s", i ? ", " : "", list->items[i]);
        sl_buf_printf(why, "] for configuration renames: Invalid rename mapping: %s", item);
}

/* "field:type", or "type" for the whole value. Colons at the end don't count, as in Java's split(). */
static void add_spec(struct cast *st, const struct sl_cfg_list *list, const char *item, struct sl_buf *why)
{
        struct sl_str all = sl_str_c(item);
        while (all.len && all.ptr[all.len - 1] == ':')
                all.len--;
        const char *colon = memchr(all.ptr, ':', all.len), *end = all.ptr + all.len;
        struct spec spec = {0};
        if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1))) {
                bad_mapping(list, item, why);
                return;
        }
        if (colon) {
                struct sl_str name = trim((struct sl_str){all.ptr, (size_t)(colon - all.ptr)});
                all = (struct sl_str){colon + 1, (size_t)(end - colon - 1)};
                spec.name = sl_strndup(name.ptr, name.len);
        }
        spec.type = type_of(trim(all), why);
        if (!spec.name)
                st->whole = spec.type;
        for (uint32_t i = 0; spec.name && i < st->count; i++) /* the last mention of a field wins */
                if (st->specs[i].name && strcmp(st->specs[i].name, spec.name) == 0) {
                        free(spec.name);
                        st->specs[i].type = spec.type;
                        return;
                }
        st->specs[st->count++] = spec;
}

static void read_spec(struct cast *st, const struct cast_cfg *cfg, struct sl_buf *why)
{
        if (!cfg->spec.count)
                sl_buf_adds(why, "Must specify at least one field to cast.");
        st->specs = sl_calloc(cfg->spec.count + 1, sizeof(*st->specs));
        for (uint32_t i = 0; i < cfg->spec.count && !why->len; i++)
                add_spec(st, &cfg->spec, cfg->spec.items[i], why);
        if (!why->len && st->whole != SL_NULL && cfg->spec.count > 1)
                sl_buf_adds(why,
                            "Cast transformations that specify a type to cast the entire value to may only specify "
                            "a single cast in their spec");
}

static void cast_close(void *state)
{
        struct cast *st = state;
        for (uint32_t i = 0; i < st->count; i++)
                free(st->specs[i].name);
        free(st->specs);
        sl_plans_free(&st->plans, free);
        sl_buf_free(&st->text);
        sl_buf_free(&st->scratch);
        *st = (struct cast){0};
}

static void cast_check(const void *config, struct sl_cfg_report *report)
{
        struct cast st = {0};
        struct sl_buf why = {0};
        read_spec(&st, config, &why);
        if (why.len)
                sl_cfg_add_error(report, "spec", "%s", sl_buf_cstr(&why));
        sl_buf_free(&why);
        cast_close(&st);
}

static enum sl_rc cast_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct cast *st = state;
        const struct cast_cfg *cfg = config;
        struct sl_buf why = {0};
        enum sl_rc rc = SL_OK;
        st->side = ops->side;
        st->replace_null = cfg->replace_null;
        read_spec(st, cfg, &why);
        if (why.len)
                rc = sl_fail(err, SL_E_CONFIG, "%s", sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- one value ---- */

/* As Java's (int) and (long) of a double: toward zero, to the nearest end of the range, NaN to 0. */
static int64_t saturate(double d, int64_t low, int64_t high)
{
        if (d != d)
                return 0;
        if (d <= (double)low)
                return low;
        return d >= (double)high ? high : (int64_t)d;
}

/* Value of the digit at *p and past it: any decimal digit of Unicode's basic plane, as Java's Integer.parseInt. -1 if
 * none. */
static int digit(const char **p, const char *end)
{
        static const uint16_t zeros[] = {0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6,
                                         0x0c66, 0x0ce6, 0x0d66, 0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090,
                                         0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
                                         0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10};
        const uint8_t *u = (const uint8_t *)*p;
        int32_t c = u[0];
        int n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 0;
        if (!n || end - *p < n)
                return -1;
        *p += n;
        if (n == 1)
                return c >= '0' && c <= '9' ? c - '0' : -1;
        c = n == 2 ? (c & 31) << 6 | (u[1] & 63) : (c & 15) << 12 | (u[1] & 63) << 6 | (u[2] & 63);
        for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
                if (c >= zeros[i] && c <= zeros[i] + 9)
                        return c - zeros[i];
        return -1;
}

static bool parse_int(struct sl_str s, enum sl_type type, int64_t *ret)
{
        const char *p = s.ptr, *end = s.ptr + s.len;
        bool neg = s.len && *p == '-';
        int64_t v = 0;
        p += neg || (s.len && *p == '+');
        if (p == end)
                return false;
        while (p < end) {
                int d = digit(&p, end);
                if (d < 0 || __builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, d, &v))
                        return false;
        }
        if (!neg && v == INT64_MIN)
                return false;
        *ret = neg ? v : -v;
        return type == SL_INT64 || (type == SL_INT32   ? *ret == (int32_t)*ret
                                    : type == SL_INT16 ? *ret == (int16_t)*ret
                                                       : *ret == (int8_t)*ret);
}

static int64_t narrow(int64_t v, enum sl_type type)
{
        return type == SL_INT8 ? (int8_t)v : type == SL_INT16 ? (int16_t)v : type == SL_INT32 ? (int32_t)v : v;
}

static struct sl_value of_int(int64_t v, enum sl_type type)
{
        if (type == SL_BOOLEAN)
                return sl_v_bool(v != 0);
        if (type == SL_FLOAT32)
                return sl_v_f64(type, (double)(float)v);
        return type == SL_FLOAT64 ? sl_v_f64(type, (double)v) : sl_v_i64(type, narrow(v, type));
}

static struct sl_value of_float(double v, enum sl_type type)
{
        if (type == SL_FLOAT32)
                return sl_v_f64(type, (double)(float)v);
        if (type == SL_FLOAT64)
                return sl_v_f64(type, v);
        bool wide = type == SL_INT64 || type == SL_BOOLEAN;
        return of_int(wide ? saturate(v, INT64_MIN, INT64_MAX) : saturate(v, INT32_MIN, INT32_MAX), type);
}

/* A number, or false for Java's NumberFormatException; *ret is set only when there is one. */
static bool of_text(struct sl_str s, enum sl_type type, struct sl_value *ret)
{
        int64_t i = 0;
        double d = 0;
        if (type == SL_BOOLEAN) {
                *ret = sl_v_bool(s.len == 4 && strncasecmp(s.ptr, "true", 4) == 0);
                return true;
        }
        if (type == SL_FLOAT32 || type == SL_FLOAT64) {
                if (!sl_parse_java_float(s, type == SL_FLOAT32, &d))
                        return false;
                *ret = sl_v_f64(type, d);
                return true;
        }
        if (!parse_int(s, type, &i))
                return false;
        *ret = sl_v_i64(type, i);
        return true;
}

static sl_cold enum sl_rc refuse(struct cast *st sl_unused, const struct sl_schema *schema sl_unused, struct sl_value *v,
                                 enum sl_type to sl_unused, struct sl_arena *arena sl_unused, struct sl_err *err)
{
        if (v->type == SL_STRING)
                return sl_fail(err, SL_E_TRANSFORM, "Value (%.*s) was out of range for requested data type",
                               SL_FMT(sl_v_as_str(v)));
        if (v->type == SL_BYTES)
                return sl_fail(err, SL_E_TRANSFORM, "Unexpected type in Cast transformation: class [B");
        return sl_fail(err, SL_E_TRANSFORM,
                       "Cast transformation does not support casting from %s; supported types are [" OUTPUT_TYPES
                       ", BYTES]",
                       sl_type_name((enum sl_type)v->type));
}

static enum sl_rc cast_bool(struct cast *st sl_unused, const struct sl_schema *schema sl_unused, struct sl_value *v,
                            enum sl_type to, struct sl_arena *arena sl_unused, struct sl_err *err sl_unused)
{
        *v = to == SL_STRING ? sl_v_str(v->b ? SL_STR("true") : SL_STR("false")) : of_int(v->b, to);
        return SL_OK;
}

static enum sl_rc cast_int(struct cast *st sl_unused, const struct sl_schema *schema sl_unused, struct sl_value *v,
                           enum sl_type to, struct sl_arena *arena sl_unused, struct sl_err *err sl_unused)
{
        *v = of_int(v->i64, to);
        return SL_OK;
}

static enum sl_rc cast_float(struct cast *st sl_unused, const struct sl_schema *schema sl_unused, struct sl_value *v,
                             enum sl_type to, struct sl_arena *arena sl_unused, struct sl_err *err sl_unused)
{
        *v = of_float(v->f64, to);
        return SL_OK;
}

static enum sl_rc cast_text(struct cast *st, const struct sl_schema *schema, struct sl_value *v, enum sl_type to,
                            struct sl_arena *arena, struct sl_err *err)
{
        if (to == SL_STRING)
                return SL_OK;
        return of_text(sl_v_as_str(v), to, v) ? SL_OK : refuse(st, schema, v, to, arena, err);
}

/* BigDecimal's conversions: integers are the low bits of the whole part, floats the nearest one. */
static enum sl_rc cast_decimal(struct cast *st, const struct sl_schema *schema, struct sl_value *v, enum sl_type to,
                               struct sl_arena *arena sl_unused, struct sl_err *err sl_unused)
{
        sl_buf_clear(&st->text);
        sl_decimal_print(v->ptr, v->len, schema->decimal_scale, &st->scratch, &st->text);
        struct sl_str text = {sl_buf_cstr(&st->text), st->text.len};
        *v = SL_V_NULL;
        if (to != SL_FLOAT32 && to != SL_FLOAT64)
                *v = of_int(sl_decimal_low_bits(text), to);
        else if (!of_text(text, to, v))
                *v = SL_V_NULL;
        return SL_OK;
}

/* A whole number's text, written where it stays. */
static enum sl_rc print_int(struct cast *st sl_unused, const struct sl_schema *schema sl_unused, struct sl_value *v,
                            enum sl_type to sl_unused, struct sl_arena *arena, struct sl_err *err sl_unused)
{
        *v = sl_v_str(sl_i64_text(sl_arena_alloc(arena, SL_I64_TEXT), v->i64));
        return SL_OK;
}

static enum sl_rc print_other(struct cast *st, const struct sl_schema *schema, struct sl_value *v, enum sl_type to sl_unused,
                              struct sl_arena *arena, struct sl_err *err sl_unused)
{
        enum sl_logical logical = schema ? schema->logical : SL_LOGICAL_NONE;
        struct sl_buf *b = &st->text;
        sl_buf_clear(b);
        if (logical == SL_LOGICAL_DECIMAL)
                sl_decimal_print(v->ptr, v->len, schema->decimal_scale, &st->scratch, b);
        else if (logical == SL_LOGICAL_DATE)
                sl_instant_print(v->i64 * 86400000, b);
        else if (logical != SL_LOGICAL_NONE)
                sl_instant_print(v->i64, b);
        else if (v->type == SL_BYTES)
                sl_buf_add_base64(b, v->ptr, v->len);
        else
                sl_value_print(schema, v, b);
        *v = sl_v_str((struct sl_str){sl_arena_strndup(arena, sl_buf_cstr(b), b->len), b->len});
        return SL_OK;
}

/* What casts a value of type `from`: found once per schema, or per value without one. */
static cast_fn *caster(const struct sl_schema *schema, enum sl_type from, enum sl_type to)
{
        enum sl_logical logical = schema ? schema->logical : SL_LOGICAL_NONE;
        switch (from) {
        case SL_BOOLEAN:
                return cast_bool;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                if (to != SL_STRING)
                        return cast_int;
                return logical == SL_LOGICAL_NONE ? print_int : print_other;
        case SL_FLOAT32:
        case SL_FLOAT64:
                return to == SL_STRING ? print_other : cast_float;
        case SL_STRING:
                return cast_text;
        case SL_BYTES:
                if (to == SL_STRING)
                        return print_other;
                return logical == SL_LOGICAL_DECIMAL ? cast_decimal : refuse;
        case SL_NULL:
        case SL_ARRAY:
        case SL_MAP:
        case SL_STRUCT:
        case SL_TYPE_COUNT:
                break;
        }
        return refuse;
}

static enum sl_rc cast_value(struct cast *st, const struct sl_schema *schema, struct sl_value *v, enum sl_type to,
                             struct sl_arena *arena, struct sl_err *err)
{
        if (v->type == SL_NULL)
                return SL_OK;
        return caster(schema, (enum sl_type)v->type, to)(st, schema, v, to, arena, err);
}

/* ---- schemas ---- */

static enum sl_rc cast_default(struct cast *st, const struct sl_schema *in, struct sl_schema *out,
                               struct sl_arena *arena, struct sl_err *err)
{
        out->optional = in->optional;
        out->has_default = in->has_default;
        out->def = in->def;
        return in->has_default ? cast_value(st, in, &out->def, out->type, arena, err) : SL_OK;
}

static enum sl_rc plan_whole(struct cast *st, const struct sl_schema *in, struct sl_arena *arena, struct plan *plan,
                             struct sl_err *err)
{
        struct sl_schema out = sl_schema_like(in, st->whole);
        if (in->logical != SL_LOGICAL_NONE)
                out = (struct sl_schema){.type = st->whole, .doc = in->doc};
        SL_TRY(cast_default(st, in, &out, arena, err));
        plan->out = sl_schema_intern(&out);
        return SL_OK;
}

static enum sl_rc plan_fields(struct cast *st, const struct sl_schema *in, struct sl_arena *arena, struct plan *plan,
                              struct sl_err *err)
{
        if (in->type != SL_STRUCT)
                return sl_fail(err, SL_E_TRANSFORM, "Cannot list fields on non-struct type");
        struct sl_field *fields = sl_arena_alloc(arena, in->field_count * sizeof(*fields));
        struct sl_schema out = sl_schema_like(in, SL_STRUCT);
        for (uint32_t i = 0; i < in->field_count; i++) {
                struct change change = {.at = i, .schema = in->fields[i].schema};
                fields[i] = in->fields[i];
                for (uint32_t k = 0; k < st->count; k++)
                        if (strcmp(st->specs[k].name, fields[i].name) == 0)
                                change.target = st->specs[k].type;
                if (change.target)
                        change.cast = caster(change.schema, change.schema->type, change.target);
                if (change.cast || (change.schema->has_default && st->replace_null))
                        plan->changes[plan->count++] = change;
                if (!change.cast)
                        continue;
                struct sl_schema field = {.type = change.target};
                SL_TRY(cast_default(st, change.schema, &field, arena, err));
                fields[i].schema = sl_schema_intern(&field);
        }
        out.fields = fields;
        out.field_count = in->field_count;
        SL_TRY(cast_default(st, in, &out, arena, err)); /* refuses a struct's, as Java does */
        plan->out = sl_schema_intern(&out);
        return SL_OK;
}

static sl_cold enum sl_rc make_plan(struct cast *st, const struct sl_schema *in, struct sl_arena *arena,
                                    struct sl_err *err)
{
        struct plan *plan = sl_calloc(1, sizeof(*plan) + in->field_count * sizeof(plan->changes[0]));
        enum sl_rc rc =
                st->whole != SL_NULL ? plan_whole(st, in, arena, plan, err) : plan_fields(st, in, arena, plan, err);
        if (rc == SL_OK)
                sl_plans_put(&st->plans, in, plan);
        else
                free(plan);
        return rc;
}

/* ---- rows ---- */

static enum sl_rc cast_struct(struct cast *st, const struct sl_schema *in, const struct plan *plan,
                              struct sl_value *value, struct sl_arena *arena, struct sl_err *err)
{
        SL_TRY(sl_need_struct(in, value, PURPOSE, err));
        uint32_t n = in->field_count;
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        for (uint32_t i = 0; i < n; i++)
                items[i] = value->items[i];
        for (uint32_t i = 0; i < plan->count; i++) {
                const struct change *c = &plan->changes[i];
                struct sl_value *v = &items[c->at];
                *v = sl_read_field(c->schema, v, st->replace_null);
                if (c->cast && v->type != SL_NULL)
                        SL_TRY(c->cast(st, c->schema, v, c->target, arena, err));
        }
        *value = sl_v_items(SL_STRUCT, items, n);
        return SL_OK;
}

/* A listed key that is not there comes in with null. */
static enum sl_rc cast_map(struct cast *st, struct sl_value *value, struct sl_arena *arena, struct sl_err *err)
{
        SL_TRY(sl_need_map(value, PURPOSE, err));
        uint32_t n = value->len;
        struct sl_value *items = sl_arena_alloc(arena, 2 * (size_t)(n + st->count) * sizeof(*items));
        if (n)
                memcpy(items, value->items, 2 * (size_t)n * sizeof(*items));
        for (uint32_t i = 0; i < st->count; i++) {
                int at = sl_map_find(value, sl_str_c(st->specs[i].name));
                if (at >= 0) {
                        SL_TRY(cast_value(st, NULL, &items[2 * at + 1], st->specs[i].type, arena, err));
                } else {
                        items[2 * n] = sl_v_str(sl_str_c(st->specs[i].name));
                        items[2 * n + 1] = SL_V_NULL;
                        n++;
                }
        }
        *value = sl_v_items(SL_MAP, items, n);
        return SL_OK;
}

static enum sl_rc cast_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct cast *st = state;
        struct sl_value *value = sl_side_value(rec, st->side);
        const struct sl_schema **schema = sl_side_schema(rec, st->side), *in = *schema;
        if (value->type == SL_NULL)
                return SL_OK;
        if (!in)
                return st->whole != SL_NULL ? cast_value(st, NULL, value, st->whole, arena, err)
                                            : cast_map(st, value, arena, err);
        const struct plan *plan = sl_plans_get(&st->plans, in);
        if (sl_unlikely(!plan)) {
                SL_TRY(make_plan(st, in, arena, err));
                plan = sl_plans_get(&st->plans, in);
        }
        if (st->whole != SL_NULL)
                SL_TRY(cast_value(st, in, value, st->whole, arena, err));
        else
                SL_TRY(cast_struct(st, in, plan, value, arena, err));
        *schema = plan->out;
        return SL_OK;
}

static const struct sl_cfg_def cast_config[] = {
        {SL_CFG_LIST(struct cast_cfg, spec, "spec"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "What becomes what: field:type pairs, or one type for the whole key or value. Types: int8, int16, "
                "int32, "
                "int64, float32, float64, boolean, string. Bytes can only become a string (base64)."},
        {SL_CFG_BOOL(struct cast_cfg, replace_null, "replace.null.with.default"), .def = "true",
         .importance = SL_MEDIUM, .doc = "Read a null field as the default of its schema."},
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.Cast$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.Cast$Value", NULL};

#define CAST_OPS(text, names, which)                                                                                   \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = cast_config,                            \
                .config_size = sizeof(struct cast_cfg), .state_size = sizeof(struct cast), .check = cast_check,        \
                .open = cast_open, .apply = cast_apply, .close = cast_close,                                           \
        }
extern const struct sl_transform_ops sl_cast_key, sl_cast_value;
const struct sl_transform_ops sl_cast_key = CAST_OPS("Cast$Key", key_aliases, 1);
const struct sl_transform_ops sl_cast_value = CAST_OPS("Cast$Value", value_aliases, 0);
