/* SPDX-License-Identifier: Apache-2.0 */
/* TimestampConverter$Key, $Value: an instant as a number since 1970, a text, a Date, a Time or a Timestamp, of one field of a struct or
 * map or of the whole; TimestampRouter: the record's time in its topic's name. Time zone UTC, milliseconds at most. What a
 * record's schema becomes is worked out once per schema. Schemaless Dates are marked (SL_V_DATE): a further TimestampConverter
 * reads them, converters refuse them, as in Java. Source: the classes' documentation and Kafka 4.2's behaviour. */
#include "base/clock.h"
#include "transforms/common.h"
#include "transforms/javacal.h"
#include "transforms/timeformat.h"

#define PURPOSE "converting timestamp formats"

enum kind { T_STRING, T_UNIX, T_DATE, T_TIME, T_TIMESTAMP };
enum precision { P_NANOS, P_MICROS, P_MILLIS, P_SECONDS };

struct converter_cfg {
        const char *field, *format;
        int target, precision;
        bool replace_null;
};

/* What a schema becomes. */
struct plan {
        const struct sl_schema *out;
        int32_t field; /* -1: not there */
        enum kind from;
};

struct converter {
        const struct converter_cfg *cfg;
        int side;
        struct sl_str field;
        struct sl_timeformat *format;
        struct sl_plans plans;
        struct sl_buf text;
};

/* ---- config ---- */

static bool is_blank(const char *s)
{
        while (s && (*s == ' ' || (*s >= '\t' && *s <= '\r')))
                s++;
        return !s || !*s;
}

static void say_bad_pattern(const char *pattern, const char *why, struct sl_buf *out)
{
        sl_buf_printf(out,
                      "Invalid value java.lang.IllegalArgumentException: %s for configuration TimestampConverter requires a "
                      "SimpleDateFormat-compatible pattern for string timestamps: %s",
                      why, pattern);
}

/* False: why says what is wrong. */
static bool bind_format(const struct converter_cfg *cfg, struct sl_timeformat **ret, struct sl_buf *why)
{
        *ret = NULL;
        if (is_blank(cfg->format)) {
                if (cfg->target == T_STRING)
                        sl_buf_adds(why, "TimestampConverter requires format option to be specified when using string timestamps");
                return cfg->target != T_STRING;
        }
        struct sl_buf reason = {0};
        *ret = sl_timeformat_new(cfg->format, sl_wall_ms(), &reason);
        if (!*ret)
                say_bad_pattern(cfg->format, sl_buf_cstr(&reason), why);
        sl_buf_free(&reason);
        return *ret != NULL;
}

static void converter_check(const void *config, struct sl_cfg_report *report)
{
        struct sl_timeformat *format;
        struct sl_buf why = {0};
        if (!sl_cfg_has_error(report, "target.type") && !bind_format(config, &format, &why))
                sl_cfg_add_error(report, "format", "%s", sl_buf_cstr(&why));
        else if (!sl_cfg_has_error(report, "target.type"))
                sl_timeformat_free(format);
        sl_buf_free(&why);
}

static enum sl_rc converter_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct converter *st = state;
        struct sl_buf why = {0};
        enum sl_rc rc = SL_OK;
        st->cfg = config;
        st->side = ops->side;
        st->field = sl_str_c(st->cfg->field);
        if (!bind_format(config, &st->format, &why))
                rc = sl_fail(err, SL_E_CONFIG, "%s", sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- instants ---- */

static const int64_t per_second[] = {[P_NANOS] = 1000000000, [P_MICROS] = 1000000, [P_MILLIS] = 1000, [P_SECONDS] = 1};

/* A count of one unit as a count of another, toward zero; what is too large becomes the largest number. */
static int64_t rescale(int64_t v, int64_t from, int64_t to)
{
        int64_t r;
        if (from >= to)
                return v / (from / to);
        return __builtin_mul_overflow(v, to / from, &r) ? (v < 0 ? INT64_MIN : INT64_MAX) : r;
}

static sl_cold enum sl_rc no_format(struct sl_err *err)
{
        return SL_FAIL_AS(err, SL_JAVA_NPE,
                          "TimestampConverter requires format option to be specified when using string timestamps");
}

static sl_cold enum sl_rc no_match(const struct converter *st, struct sl_str text, struct sl_err *err)
{
        return sl_fail(err, SL_E_TRANSFORM, "Could not parse timestamp: value (%.*s) does not match pattern (%s)", SL_FMT(text),
                       st->cfg->format);
}

static enum sl_rc read_instant(const struct converter *st, enum kind from, const struct sl_value *v, int64_t *ret,
                               struct sl_err *err)
{
        switch (from) {
        case T_STRING:
                if (sl_unlikely(!st->format))
                        return no_format(err);
                return sl_timeformat_read(st->format, sl_v_as_str(v), ret) ? SL_OK : no_match(st, sl_v_as_str(v), err);
        case T_UNIX:
                *ret = rescale(v->i64, per_second[st->cfg->precision], 1000);
                return SL_OK;
        case T_DATE:
                *ret = v->i64 * SL_DAY_MS;
                return SL_OK;
        case T_TIME:
        case T_TIMESTAMP:
                break;
        }
        *ret = v->i64;
        return SL_OK;
}

static struct sl_value write_text(struct converter *st, int64_t ms, struct sl_arena *arena)
{
        sl_buf_clear(&st->text);
        sl_timeformat_write(st->format, ms, &st->text);
        char *text = sl_arena_alloc(arena, st->text.len + 1);
        memcpy(text, sl_buf_cstr(&st->text), st->text.len + 1);
        return sl_v_str((struct sl_str){text, st->text.len});
}

/* The instant as the target's value. Without a schema, Date, Time and Timestamp are Java's Date. */
static struct sl_value write_instant(struct converter *st, int64_t ms, bool schema, struct sl_arena *arena)
{
        struct sl_value v = sl_v_i64(SL_INT64, ms);
        switch ((enum kind)st->cfg->target) {
        case T_STRING:
                return write_text(st, ms, arena);
        case T_UNIX:
                v.i64 = rescale(ms, 1000, per_second[st->cfg->precision]);
                return v;
        case T_DATE:
                if (schema)
                        return sl_v_i64(SL_INT32, (int32_t)sl_floor_div(ms, SL_DAY_MS));
                v.i64 = (int64_t)((uint64_t)ms - (uint64_t)sl_floor_mod(ms, SL_DAY_MS));
                break;
        case T_TIME:
                if (schema)
                        return sl_v_i64(SL_INT32, sl_floor_mod(ms, SL_DAY_MS));
                v.i64 = sl_floor_mod(ms, SL_DAY_MS);
                break;
        case T_TIMESTAMP:
                break;
        }
        v.flags = schema ? 0 : SL_V_DATE;
        return v;
}

static enum sl_rc convert(struct converter *st, enum kind from, const struct sl_value *v, bool schema, struct sl_arena *arena,
                          struct sl_value *ret, struct sl_err *err)
{
        int64_t ms = 0;
        *ret = SL_V_NULL;
        if (v->type == SL_NULL)
                return SL_OK;
        SL_TRY(read_instant(st, from, v, &ms, err));
        *ret = write_instant(st, ms, schema, arena);
        return SL_OK;
}

/* ---- with a schema ---- */

static const struct sl_schema *target_schema(enum kind target, bool optional)
{
        static const struct {
                enum sl_type type;
                const char *name;
        } all[] = {[T_STRING] = {SL_STRING, NULL},
                   [T_UNIX] = {SL_INT64, NULL},
                   [T_DATE] = {SL_INT32, SL_NAME_DATE},
                   [T_TIME] = {SL_INT32, SL_NAME_TIME},
                   [T_TIMESTAMP] = {SL_INT64, SL_NAME_TIMESTAMP}};
        struct sl_schema spec = {
                .type = all[target].type, .name = all[target].name, .version = all[target].name ? 1 : 0, .optional = optional};
        return sl_schema_intern(&spec);
}

static enum sl_rc kind_of(const struct sl_schema *s, enum kind *ret, struct sl_err *err)
{
        if (s->logical == SL_LOGICAL_TIMESTAMP)
                *ret = T_TIMESTAMP;
        else if (s->logical == SL_LOGICAL_DATE)
                *ret = T_DATE;
        else if (s->logical == SL_LOGICAL_TIME)
                *ret = T_TIME;
        else if (s->type == SL_STRING)
                *ret = T_STRING;
        else if (s->type == SL_INT64)
                *ret = T_UNIX;
        else
                return SL_FAIL_AS(err, SL_JAVA_CONNECT,
                                  "Schema Schema{%s%s%s} does not correspond to a known timestamp type format",
                                  s->name ? s->name : "", s->name ? ":" : "", sl_type_name(s->type));
        return SL_OK;
}

/* items: the struct's fields converted. A field that loses its default may not be null any more. */
static enum sl_rc convert_fields(struct converter *st, const struct sl_schema *in, const struct plan *plan,
                                 const struct sl_value *v, struct sl_arena *arena, struct sl_value *items, struct sl_err *err)
{
        for (uint32_t i = 0; i < in->field_count; i++)
                items[i] = sl_read_field(in->fields[i].schema, &v->items[i], st->cfg->replace_null);
        if (plan->field < 0)
                return SL_OK;
        struct sl_value *item = &items[plan->field], from = *item;
        SL_TRY(convert(st, plan->from, &from, true, arena, item, err));
        if (sl_unlikely(item->type == SL_NULL && !in->fields[plan->field].schema->optional))
                return sl_fail(err, SL_E_TRANSFORM, "Invalid value: null used for required field: \"%.*s\", schema type: %s",
                               SL_FMT(st->field), sl_type_name(target_schema((enum kind)st->cfg->target, false)->type));
        return SL_OK;
}

static enum sl_rc plan_struct(struct converter *st, const struct sl_schema *in, struct plan *plan, struct sl_arena *arena,
                              struct sl_err *err)
{
        if (in->type != SL_STRUCT)
                return sl_fail(err, SL_E_TRANSFORM, "Cannot list fields on non-struct type");
        plan->field = sl_schema_field(in, st->field.ptr, st->field.len);
        if (plan->field >= 0)
                SL_TRY(kind_of(in->fields[plan->field].schema, &plan->from, err));
        struct sl_schema out = sl_schema_like(in, SL_STRUCT);
        struct sl_field *fields = sl_arena_alloc(arena, in->field_count * sizeof(*fields));
        if (in->field_count)
                memcpy(fields, in->fields, in->field_count * sizeof(*fields));
        if (plan->field >= 0)
                fields[plan->field].schema =
                        target_schema((enum kind)st->cfg->target, in->fields[plan->field].schema->optional);
        out.fields = fields;
        out.field_count = in->field_count;
        out.optional = in->optional;
        if (in->has_default && in->def.type == SL_STRUCT) {
                struct sl_value *items = sl_arena_alloc(arena, in->field_count * sizeof(*items));
                SL_TRY(convert_fields(st, in, plan, &in->def, arena, items, err));
                out.has_default = true;
                out.def = sl_v_items(SL_STRUCT, items, in->field_count);
        }
        plan->out = sl_schema_intern(&out);
        return SL_OK;
}

static sl_cold enum sl_rc make_plan(struct converter *st, const struct sl_schema *in, struct sl_arena *arena, struct plan **ret,
                                    struct sl_err *err)
{
        struct plan plan = {.field = -1};
        if (st->field.len) {
                SL_TRY(plan_struct(st, in, &plan, arena, err));
        } else {
                SL_TRY(kind_of(in, &plan.from, err));
                plan.out = target_schema((enum kind)st->cfg->target, in->optional);
        }
        *ret = sl_malloc(sizeof(**ret));
        **ret = plan;
        sl_plans_put(&st->plans, in, *ret);
        return SL_OK;
}

static enum sl_rc with_schema(struct converter *st, const struct sl_schema **schema, struct sl_value *v, struct sl_arena *arena,
                              struct sl_err *err)
{
        const struct sl_schema *in = *schema;
        if (st->field.len && v->type != SL_NULL)
                SL_TRY(sl_need_struct(in, v, PURPOSE, err));
        struct plan *plan = sl_plans_get(&st->plans, in);
        if (sl_unlikely(!plan))
                SL_TRY(make_plan(st, in, arena, &plan, err));
        if (!st->field.len) {
                struct sl_value from = *v;
                SL_TRY(convert(st, plan->from, &from, true, arena, v, err));
        } else if (v->type != SL_NULL) {
                struct sl_value *items = sl_arena_alloc(arena, in->field_count * sizeof(*items));
                SL_TRY(convert_fields(st, in, plan, v, arena, items, err));
                *v = sl_v_items(SL_STRUCT, items, in->field_count);
        }
        *schema = plan->out;
        return SL_OK;
}

/* ---- without ---- */

static enum sl_rc convert_any(struct converter *st, const struct sl_value *v, struct sl_arena *arena, struct sl_value *ret,
                              struct sl_err *err)
{
        enum kind from = T_UNIX;
        if (v->type == SL_STRING)
                from = T_STRING;
        else if (v->type == SL_INT64 && (v->flags & SL_V_DATE))
                from = T_TIMESTAMP;
        else if (v->type != SL_INT64 && v->type != SL_NULL)
                return sl_fail(err, SL_E_TRANSFORM, "TimestampConverter does not support class %s objects as timestamps",
                               sl_java_class(NULL, v));
        return convert(st, from, v, false, arena, ret, err);
}

static enum sl_rc schemaless(struct converter *st, struct sl_value *v, struct sl_arena *arena, struct sl_err *err)
{
        struct sl_value from = *v, to;
        if (v->type == SL_NULL)
                return SL_OK;
        if (!st->field.len)
                return convert_any(st, &from, arena, v, err);
        SL_TRY(sl_need_map(v, PURPOSE, err));
        int at = sl_map_find(v, st->field);
        uint32_t n = v->len;
        SL_TRY(convert_any(st, at < 0 ? &SL_V_NULL : &v->items[2 * at + 1], arena, &to, err));
        struct sl_value *items = sl_arena_alloc(arena, 2 * ((size_t)n + 1) * sizeof(*items));
        if (n)
                memcpy(items, v->items, 2 * (size_t)n * sizeof(*items));
        if (at < 0) {
                at = (int)n++;
                items[2 * at] = sl_v_str(st->field);
        }
        items[2 * at + 1] = to;
        *v = sl_v_items(SL_MAP, items, n);
        return SL_OK;
}

static enum sl_rc converter_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct converter *st = state;
        struct sl_value *v = sl_side_value(rec, st->side);
        const struct sl_schema **schema = sl_side_schema(rec, st->side);
        return *schema ? with_schema(st, schema, v, arena, err) : schemaless(st, v, arena, err);
}

static void converter_close(void *state)
{
        struct converter *st = state;
        sl_timeformat_free(st->format);
        sl_plans_free(&st->plans, free);
        sl_buf_free(&st->text);
        *st = (struct converter){0};
}

/* ---- TimestampRouter ---- */

struct router_cfg {
        const char *topic_format, *timestamp_format;
};

struct router {
        const struct router_cfg *cfg;
        struct sl_timeformat *format;
        struct sl_buf name;
};

static void router_check(const void *config, struct sl_cfg_report *report)
{
        const struct router_cfg *cfg = config;
        struct sl_buf why = {0};
        struct sl_timeformat *format = sl_timeformat_new(cfg->timestamp_format, 0, &why);
        if (!format)
                sl_cfg_add_error(report, "timestamp.format", "Invalid value %s for configuration timestamp.format: %s",
                                 cfg->timestamp_format, sl_buf_cstr(&why));
        sl_timeformat_free(format);
        sl_buf_free(&why);
}

static enum sl_rc router_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused, struct sl_err *err)
{
        struct router *r = state;
        struct sl_buf why = {0};
        enum sl_rc rc = SL_OK;
        r->cfg = config;
        r->format = sl_timeformat_new(r->cfg->timestamp_format, 0, &why);
        if (!r->format)
                rc = sl_fail(err, SL_E_CONFIG, "Invalid value %s for configuration timestamp.format: %s",
                             r->cfg->timestamp_format, sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

static sl_cold enum sl_rc no_timestamp(const struct sl_record *rec, struct sl_err *err)
{
        struct sl_buf b = {0};
        sl_record_print(rec, &b);
        enum sl_rc rc = sl_fail(err, SL_E_TRANSFORM, "Timestamp missing on record: %s", sl_buf_cstr(&b));
        sl_buf_free(&b);
        return rc;
}

static enum sl_rc router_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct router *r = state;
        if (sl_unlikely(rec->timestamp_ms == -1))
                return no_timestamp(rec, err);
        sl_buf_clear(&r->name);
        sl_timeformat_topic(r->format, r->cfg->topic_format, rec->topic, rec->timestamp_ms, &r->name);
        rec->topic = (struct sl_str){sl_arena_strndup(arena, sl_buf_cstr(&r->name), r->name.len), r->name.len};
        return SL_OK;
}

static void router_close(void *state)
{
        struct router *r = state;
        sl_timeformat_free(r->format);
        sl_buf_free(&r->name);
        *r = (struct router){0};
}

/* ---- tables ---- */

static const struct sl_cfg_enum targets[] = {{"string", T_STRING, NULL},       {"unix", T_UNIX, NULL}, {"Date", T_DATE, NULL},
                                             {"Time", T_TIME, NULL}, {"Timestamp", T_TIMESTAMP, NULL}, {0}};
static const struct sl_cfg_enum precisions[] = {{"nanoseconds", P_NANOS, NULL},
                                                {"microseconds", P_MICROS, NULL},
                                                {"milliseconds", P_MILLIS, NULL},
                                                {"seconds", P_SECONDS, NULL},
                                                {0}};
static const struct sl_cfg_def converter_config[] = {
        {SL_CFG_STR(struct converter_cfg, field, "field"), .def = "", .importance = SL_HIGH,
         .doc = "The field that holds the time; empty: the whole key or value is one."},
        {SL_CFG_ENUM(struct converter_cfg, target, "target.type", targets), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "What the time becomes: string, unix, Date, Time or Timestamp."},
        {SL_CFG_STR(struct converter_cfg, format, "format"), .def = "", .importance = SL_MEDIUM,
         .doc = "Pattern of java.text.SimpleDateFormat with which texts are written (target.type string) and read (a field that "
                "is a string). UTC, English."},
        {SL_CFG_ENUM(struct converter_cfg, precision, "unix.precision", precisions), .def = "milliseconds", .importance = SL_LOW,
         .doc = "The unit of numbers since 1970: seconds, milliseconds, microseconds or nanoseconds. Parts of a millisecond are "
                "lost."},
        {SL_CFG_BOOL(struct converter_cfg, replace_null, "replace.null.with.default"), .def = "true", .importance = SL_MEDIUM,
         .doc = "Read a null field as the default of its schema."},
        {0},
};
static const struct sl_cfg_def router_config[] = {
        {SL_CFG_STR(struct router_cfg, topic_format, "topic.format"), .def = "${topic}-${timestamp}", .importance = SL_HIGH,
         .doc = "The new topic; ${topic} stands for the old one, ${timestamp} for the record's time."},
        {SL_CFG_STR(struct router_cfg, timestamp_format, "timestamp.format"), .def = "yyyyMMdd", .importance = SL_HIGH,
         .doc = "Pattern of java.text.SimpleDateFormat for the time. UTC, English."},
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.TimestampConverter$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.TimestampConverter$Value", NULL};
static const char *const router_aliases[] = {"org.apache.kafka.connect.transforms.TimestampRouter", NULL};

#define CONVERTER_OPS(text, names, which)                                                                              \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = converter_config,                       \
                .config_size = sizeof(struct converter_cfg), .state_size = sizeof(struct converter),                   \
                .check = converter_check, .open = converter_open, .apply = converter_apply, .close = converter_close,  \
        }
extern const struct sl_transform_ops sl_timestamp_converter_key, sl_timestamp_converter_value, sl_timestamp_router;
const struct sl_transform_ops sl_timestamp_converter_key = CONVERTER_OPS("TimestampConverter$Key", key_aliases, 1);
const struct sl_transform_ops sl_timestamp_converter_value = CONVERTER_OPS("TimestampConverter$Value", value_aliases, 0);
const struct sl_transform_ops sl_timestamp_router = {
        .name = "TimestampRouter",
        .aliases = router_aliases,
        .config = router_config,
        .config_size = sizeof(struct router_cfg),
        .state_size = sizeof(struct router),
        .check = router_check,
        .open = router_open,
        .apply = router_apply,
        .close = router_close,
};
