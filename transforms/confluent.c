/* SPDX-License-Identifier: Apache-2.0 */
/* Confluent's TombstoneHandler, Drop$Key/$Value and ExtractTopic$Key/$Value/$Header, by their documentation ("Kafka Connect single message
 * transforms"; the classes themselves are not public). ExtractTopic does not read JSON paths. */
#include "base/log.h"
#include "transforms/common.h"

extern const struct sl_transform_ops sl_tombstone_handler, sl_drop_key, sl_drop_value, sl_extract_topic_key, sl_extract_topic_value,
        sl_extract_topic_header;

static void nothing_to_close(void *st sl_unused)
{
}

/* ---- TombstoneHandler ---- */

enum { WARN, IGNORE, FAIL };
static const struct sl_cfg_enum tombstone_behaviors[] = {{"warn", WARN, NULL}, {"ignore", IGNORE, NULL}, {"fail", FAIL, NULL}, {0}};

struct tombstone_cfg {
        int behavior;
};
struct tombstone {
        int behavior;
};

static enum sl_rc tombstone_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                                 struct sl_err *err sl_unused)
{
        ((struct tombstone *)state)->behavior = ((const struct tombstone_cfg *)config)->behavior;
        return SL_OK;
}

static enum sl_rc tombstone_apply(void *state, struct sl_record *rec, struct sl_arena *arena sl_unused, struct sl_err *err)
{
        const struct tombstone *st = state;
        if (rec->value.type != SL_NULL)
                return SL_OK;
        if (st->behavior == FAIL)
                return sl_fail(err, SL_E_TRANSFORM, "Tombstone record of topic %.*s encountered, failing due to behavior=fail",
                               SL_FMT(rec->topic));
        if (st->behavior == WARN)
                sl_log_write(SL_LOG_WARN, "TombstoneHandler: a tombstone of topic %.*s is dropped", SL_FMT(rec->topic));
        rec->dropped = true;
        return SL_OK;
}

static const struct sl_cfg_def tombstone_config[] = {
        {SL_CFG_ENUM(struct tombstone_cfg, behavior, "behavior", tombstone_behaviors), .def = "warn", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_MEDIUM,
         .doc = "What becomes of records whose value is null: ignore drops them, warn says so in the log, fail is an error."},
        {0},
};
static const char *const tombstone_aliases[] = {"io.confluent.connect.transforms.TombstoneHandler", NULL};
const struct sl_transform_ops sl_tombstone_handler = {
        .name = "TombstoneHandler",
        .aliases = tombstone_aliases,
        .config = tombstone_config,
        .config_size = sizeof(struct tombstone_cfg),
        .state_size = sizeof(struct tombstone),
        .open = tombstone_open,
        .apply = tombstone_apply,
        .close = nothing_to_close,
};

/* ---- Drop ---- */

enum { NULLIFY, RETAIN, VALIDATE, FORCE_OPTIONAL };
static const struct sl_cfg_enum drop_behaviors[] = {
        {"nullify", NULLIFY, NULL}, {"retain", RETAIN, NULL}, {"validate", VALIDATE, NULL}, {"force_optional", FORCE_OPTIONAL, NULL}, {0}};

struct drop_cfg {
        int behavior;
};
struct drop {
        int behavior, side;
        struct sl_plans plans; /* the optional schema */
};

static enum sl_rc drop_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err sl_unused)
{
        struct drop *st = state;
        st->behavior = ((const struct drop_cfg *)config)->behavior;
        st->side = ops->side;
        return SL_OK;
}

static const struct sl_schema *optional_of(struct drop *st, const struct sl_schema *in)
{
        const struct sl_schema *out = sl_plans_get(&st->plans, in);
        if (sl_likely(out != NULL))
                return out;
        struct sl_schema spec = *in;
        spec.optional = true;
        out = sl_schema_intern(&spec);
        sl_plans_put(&st->plans, in, (void *)out);
        return out;
}

static enum sl_rc drop_apply(void *state, struct sl_record *rec, struct sl_arena *arena sl_unused, struct sl_err *err)
{
        struct drop *st = state;
        const struct sl_schema **schema = sl_side_schema(rec, st->side);
        if (*schema && st->behavior == VALIDATE && !(*schema)->optional)
                return sl_fail(err, SL_E_TRANSFORM,
                               "The %s can't be dropped: its schema is not optional, and schema.behavior is validate",
                               st->side ? "key" : "value");
        if (st->behavior == NULLIFY)
                *schema = NULL;
        else if (*schema && st->behavior == FORCE_OPTIONAL && !(*schema)->optional)
                *schema = optional_of(st, *schema);
        *sl_side_value(rec, st->side) = SL_V_NULL;
        return SL_OK;
}

static void drop_close(void *state)
{
        sl_plans_free(&((struct drop *)state)->plans, NULL);
}

static const struct sl_cfg_def drop_config[] = {
        {SL_CFG_ENUM(struct drop_cfg, behavior, "schema.behavior", drop_behaviors), .def = "nullify", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_MEDIUM,
         .doc = "What becomes of the schema: nullify drops it too, retain keeps it, validate refuses one that is not optional, "
                "force_optional makes it optional."},
        {0},
};
static const char *const drop_key_aliases[] = {"io.confluent.connect.transforms.Drop$Key", NULL};
static const char *const drop_value_aliases[] = {"io.confluent.connect.transforms.Drop$Value", NULL};
#define DROP                                                                                                         \
        .config = drop_config, .config_size = sizeof(struct drop_cfg), .state_size = sizeof(struct drop),            \
        .open = drop_open, .apply = drop_apply, .close = drop_close
const struct sl_transform_ops sl_drop_key = {.name = "Drop$Key", .aliases = drop_key_aliases, .side = 1, DROP};
const struct sl_transform_ops sl_drop_value = {.name = "Drop$Value", .aliases = drop_value_aliases, .side = 0, DROP};

/* ---- ExtractTopic ---- */

#define HEADER 2 /* a side */
#define JSON_PATH "paths into nested fields are not read; extract the field first"
static const struct sl_cfg_enum field_formats[] = {{"PLAIN", 0, NULL}, {"JSON_PATH", 1, JSON_PATH}, {0}};

struct topic_cfg {
        const char *field;
        int format;
        bool skip;
};
struct topic {
        const struct topic_cfg *cfg;
        struct sl_str field;
        int side;
};

static enum sl_rc topic_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct topic *st = state;
        st->cfg = config;
        st->field = sl_str_c(st->cfg->field ? st->cfg->field : "");
        st->side = ops->side;
        if (st->side == HEADER && !st->field.len)
                return sl_fail(err, SL_E_CONFIG, "ExtractTopic$Header needs field: the header's name");
        return SL_OK;
}

/* What the field stands for; NULL = it is not there. */
static const struct sl_value *find(const struct topic *st, struct sl_record *rec)
{
        if (st->side == HEADER) {
                for (uint32_t i = rec->header_count; i-- > 0;)
                        if (sl_str_eq(rec->headers[i]->key, st->field))
                                return &rec->headers[i]->value;
                return NULL;
        }
        const struct sl_value *v = sl_side_value(rec, st->side);
        if (!st->field.len)
                return v;
        const struct sl_schema *schema = *sl_side_schema(rec, st->side);
        int at = -1;
        if (v->type == SL_STRUCT)
                at = sl_schema_field(schema, st->field.ptr, st->field.len);
        else if (v->type == SL_MAP)
                at = sl_map_find(v, st->field);
        return at < 0 ? NULL : v->type == SL_MAP ? &v->items[2 * at + 1] : &v->items[at];
}

static enum sl_rc no_name(const struct topic *st, const struct sl_value *v, struct sl_err *err)
{
        static const char *const sides[] = {"value", "key", "header"};
        const char *why = !v ? "is missing" : v->type == SL_NULL ? "is null" : v->type == SL_STRING ? "is empty" : "is no string";
        return sl_fail(err, SL_E_TRANSFORM, "The topic can't be taken from the %s%s%s: it %s", sides[st->side],
                       st->side == HEADER ? " " : st->field.len ? "'s field " : "", st->field.ptr, why);
}

static enum sl_rc topic_apply(void *state, struct sl_record *rec, struct sl_arena *arena sl_unused, struct sl_err *err)
{
        const struct topic *st = state;
        const struct sl_value *whole = st->side == HEADER ? NULL : sl_side_value(rec, st->side), *v = find(st, rec);
        if (whole && st->field.len && whole->type != SL_STRUCT && whole->type != SL_MAP && whole->type != SL_NULL)
                return sl_need_map(whole, "topic name extraction", err);
        if ((!v || v->type == SL_NULL) && st->cfg->skip)
                return SL_OK;
        if (!v || v->type != SL_STRING || !v->len)
                return no_name(st, v, err);
        rec->topic = sl_v_as_str(v);
        return SL_OK;
}

static const struct sl_cfg_def topic_config[] = {
        {SL_CFG_STR(struct topic_cfg, field, "field"), .def = "", .importance = SL_MEDIUM,
         .doc = "The field, or the header, that holds the topic's name; empty: the whole key or value, which must be a string."},
        {SL_CFG_ENUM(struct topic_cfg, format, "field.format", field_formats), .def = "PLAIN", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_LOW, .doc = "How field is read: PLAIN is a field's name."},
        {SL_CFG_BOOL(struct topic_cfg, skip, "skip.missing.or.null"), .def = "false", .importance = SL_LOW,
         .doc = "Leave the topic alone when the field or header is missing or null, instead of failing."},
        {0},
};
static const char *const topic_key_aliases[] = {"io.confluent.connect.transforms.ExtractTopic$Key", NULL};
static const char *const topic_value_aliases[] = {"io.confluent.connect.transforms.ExtractTopic$Value", NULL};
static const char *const topic_header_aliases[] = {"io.confluent.connect.transforms.ExtractTopic$Header", NULL};
#define EXTRACT_TOPIC                                                                                                \
        .config = topic_config, .config_size = sizeof(struct topic_cfg), .state_size = sizeof(struct topic),         \
        .open = topic_open, .apply = topic_apply, .close = nothing_to_close
const struct sl_transform_ops sl_extract_topic_key = {
        .name = "ExtractTopic$Key", .aliases = topic_key_aliases, .side = 1, EXTRACT_TOPIC};
const struct sl_transform_ops sl_extract_topic_value = {
        .name = "ExtractTopic$Value", .aliases = topic_value_aliases, .side = 0, EXTRACT_TOPIC};
const struct sl_transform_ops sl_extract_topic_header = {
        .name = "ExtractTopic$Header", .aliases = topic_header_aliases, .side = HEADER, EXTRACT_TOPIC};
