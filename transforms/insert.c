/* SPDX-License-Identifier: Apache-2.0 */
/* InsertField$Key and InsertField$Value: topic, partition, offset, timestamp and a fixed text as fields at the end of a
 * struct or map. The new schema is made once per input schema (name, version, doc and parameters are kept, optional and
 * default of the outside are not, as in Java); a row copies its values into the batch arena and adds the new ones.
 * A null value or key passes unchanged. */
#include "transforms/common.h"

#define PURPOSE "field insertion"

struct insert_cfg {
        const char *topic, *partition, *offset, *timestamp, *fixed, *fixed_value;
        bool replace_null;
};

/* In the order in which the fields are appended. */
enum what { W_TOPIC, W_PARTITION, W_OFFSET, W_TIMESTAMP, W_FIXED, W_COUNT };

struct spec {
        char *name; /* without the suffix */
        enum what what;
        const struct sl_schema *schema;
};

struct insert {
        const struct insert_cfg *cfg;
        int side;
        struct spec specs[W_COUNT];
        uint32_t count;
        struct sl_value fixed;
        struct sl_plans plans; /* the output schema itself */
};

/* ---- config ---- */

static const struct sl_schema *schema_of(enum what what, bool optional)
{
        static const enum sl_type types[W_COUNT] = {
                [W_TOPIC] = SL_STRING, [W_PARTITION] = SL_INT32, [W_OFFSET] = SL_INT64, [W_FIXED] = SL_STRING};
        struct sl_schema timestamp = {.type = SL_INT64, .optional = optional, .name = SL_NAME_TIMESTAMP, .version = 1};
        return what == W_TIMESTAMP ? sl_schema_intern(&timestamp) : sl_schema_of(types[what], optional);
}

static void add_spec(struct insert *st, const char *text, enum what what)
{
        if (!text)
                return;
        size_t n = strlen(text);
        bool required = n && text[n - 1] == '!', suffix = required || (n && text[n - 1] == '?');
        st->specs[st->count++] = (struct spec){sl_strndup(text, n - suffix), what, schema_of(what, !required)};
}

static bool nothing_set(const struct insert_cfg *cfg)
{
        return !cfg->topic && !cfg->partition && !cfg->offset && !cfg->timestamp && !cfg->fixed;
}

static void insert_check(const void *config, struct sl_cfg_report *report)
{
        const struct insert_cfg *cfg = config;
        if (nothing_set(cfg))
                sl_cfg_add_error(report, "topic.field", "No field insertion configured");
        else if (cfg->fixed && !cfg->fixed_value)
                sl_cfg_add_error(
                        report, "static.value",
                        "Invalid value null for configuration static.value: No value specified for static field: %s",
                        cfg->fixed);
}

static enum sl_rc insert_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct insert *st = state;
        const struct insert_cfg *cfg = config;
        if (nothing_set(cfg))
                return sl_fail(err, SL_E_CONFIG, "No field insertion configured");
        if (cfg->fixed && !cfg->fixed_value)
                return sl_fail(err, SL_E_CONFIG,
                               "Invalid value null for configuration static.value: No value specified for "
                               "static field: %s",
                               cfg->fixed);
        st->cfg = cfg;
        st->side = ops->side;
        add_spec(st, cfg->topic, W_TOPIC);
        add_spec(st, cfg->partition, W_PARTITION);
        add_spec(st, cfg->offset, W_OFFSET);
        add_spec(st, cfg->timestamp, W_TIMESTAMP);
        add_spec(st, cfg->fixed, W_FIXED);
        if (cfg->fixed)
                st->fixed = sl_v_str(sl_str_c(cfg->fixed_value));
        return SL_OK;
}

/* ---- rows ---- */

static sl_cold enum sl_rc bind_schema(struct insert *st, const struct sl_schema *in, struct sl_err *err)
{
        struct sl_schema out = sl_schema_like(in, SL_STRUCT);
        struct sl_field *fields = sl_calloc(in->field_count + st->count, sizeof(*fields));
        enum sl_rc rc = SL_OK;
        if (in->field_count)
                memcpy(fields, in->fields, in->field_count * sizeof(*fields));
        out.fields = fields;
        out.field_count = in->field_count;
        for (uint32_t i = 0; i < st->count && rc == SL_OK; i++)
                rc = sl_add_field(&out, fields, st->specs[i].name, st->specs[i].schema, err);
        if (rc == SL_OK)
                sl_plans_put(&st->plans, in, (void *)sl_schema_intern(&out));
        free(fields);
        return rc;
}

/* The value of a field; false when the record has none (Java leaves such a field out). */
static bool value_of(const struct insert *st, enum what what, const struct sl_record *rec, struct sl_value *ret)
{
        *ret = SL_V_NULL;
        switch (what) {
        case W_TOPIC:
                if (rec->topic.ptr)
                        *ret = sl_v_str(rec->topic);
                return true;
        case W_PARTITION:
                *ret = sl_v_i64(SL_INT32, rec->partition);
                return rec->partition >= 0;
        case W_OFFSET:
                *ret = sl_v_i64(SL_INT64, rec->offset);
                return true;
        case W_TIMESTAMP:
                *ret = sl_v_i64(SL_INT64, rec->timestamp_ms);
                return rec->timestamp_ms != -1;
        case W_FIXED:
                *ret = st->fixed;
                return true;
        case W_COUNT:
                break;
        }
        return false;
}

/* Java finds out when it comes to the offset's turn. */
static enum sl_rc need_offset(const struct insert *st, const struct sl_record *rec, struct sl_err *err)
{
        if (sl_likely(!st->cfg->offset || rec->offset >= 0))
                return SL_OK;
        return sl_fail(err, SL_E_TRANSFORM,
                       "Only SinkRecord supported for [" PURPOSE
                       "], found: org.apache.kafka.connect.source.SourceRecord");
}

static enum sl_rc insert_struct(struct insert *st, const struct sl_record *rec, const struct sl_schema **schema,
                                struct sl_value *value, struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *in = *schema;
        SL_TRY(sl_need_struct(in, value, PURPOSE, err));
        if (sl_unlikely(!sl_plans_get(&st->plans, in)))
                SL_TRY(bind_schema(st, in, err));
        SL_TRY(need_offset(st, rec, err));
        uint32_t n = in->field_count;
        struct sl_value *items = sl_arena_alloc(arena, (n + st->count) * sizeof(*items));
        for (uint32_t i = 0; i < n; i++)
                items[i] = sl_read_field(in->fields[i].schema, &value->items[i], st->cfg->replace_null);
        for (uint32_t i = 0; i < st->count; i++)
                if (!value_of(st, st->specs[i].what, rec, &items[n + i]))
                        items[n + i] = SL_V_NULL;
        *value = sl_v_items(SL_STRUCT, items, n + st->count);
        *schema = sl_plans_get(&st->plans, in);
        return SL_OK;
}

/* A key that is there already takes the new value. */
static void put(struct sl_value *map, struct sl_value *items, const char *name, struct sl_value v)
{
        int at = sl_map_find(map, sl_str_c(name));
        uint32_t i = at < 0 ? map->len++ : (uint32_t)at;
        items[2 * i] = sl_v_str(sl_str_c(name));
        items[2 * i + 1] = v;
}

static enum sl_rc insert_map(struct insert *st, const struct sl_record *rec, struct sl_value *value,
                             struct sl_arena *arena, struct sl_err *err)
{
        SL_TRY(sl_need_map(value, PURPOSE, err));
        SL_TRY(need_offset(st, rec, err));
        uint32_t n = value->len;
        struct sl_value *items = sl_arena_alloc(arena, 2 * (size_t)(n + st->count) * sizeof(*items)), v;
        if (n)
                memcpy(items, value->items, 2 * (size_t)n * sizeof(*items));
        *value = sl_v_items(SL_MAP, items, n);
        for (uint32_t i = 0; i < st->count; i++)
                if (value_of(st, st->specs[i].what, rec, &v))
                        put(value, items, st->specs[i].name, v);
        return SL_OK;
}

static enum sl_rc insert_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct insert *st = state;
        struct sl_value *value = sl_side_value(rec, st->side);
        const struct sl_schema **schema = sl_side_schema(rec, st->side);
        if (value->type == SL_NULL)
                return SL_OK;
        return *schema ? insert_struct(st, rec, schema, value, arena, err) : insert_map(st, rec, value, arena, err);
}

static void insert_close(void *state)
{
        struct insert *st = state;
        for (uint32_t i = 0; i < st->count; i++)
                free(st->specs[i].name);
        sl_plans_free(&st->plans, NULL);
        *st = (struct insert){0};
}

#define SUFFIX " Suffix with ! to make this a required field, or ? to keep it optional (the default)."
static const struct sl_cfg_def insert_config[] = {
        {SL_CFG_STR(struct insert_cfg, topic, "topic.field"), .importance = SL_MEDIUM,
         .doc = "Field name for the Kafka topic." SUFFIX},
        {SL_CFG_STR(struct insert_cfg, partition, "partition.field"), .importance = SL_MEDIUM,
         .doc = "Field name for the Kafka partition." SUFFIX},
        {SL_CFG_STR(struct insert_cfg, offset, "offset.field"), .importance = SL_MEDIUM,
         .doc = "Field name for the Kafka offset; sinks only." SUFFIX},
        {SL_CFG_STR(struct insert_cfg, timestamp, "timestamp.field"), .importance = SL_MEDIUM,
         .doc = "Field name for the record's timestamp." SUFFIX},
        {SL_CFG_STR(struct insert_cfg, fixed, "static.field"), .importance = SL_MEDIUM,
         .doc = "Field name for a fixed text." SUFFIX},
        {SL_CFG_STR(struct insert_cfg, fixed_value, "static.value"), .importance = SL_MEDIUM,
         .doc = "The fixed text; needed with static.field."},
        SL_CFG_REPLACE_NULL(struct insert_cfg),
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.InsertField$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.InsertField$Value", NULL};

#define INSERT_OPS(text, names, which)                                                                                 \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = insert_config,                          \
                .config_size = sizeof(struct insert_cfg), .state_size = sizeof(struct insert), .check = insert_check,  \
                .open = insert_open, .apply = insert_apply, .close = insert_close,                                     \
        }
extern const struct sl_transform_ops sl_insert_field_key, sl_insert_field_value;
const struct sl_transform_ops sl_insert_field_key = INSERT_OPS("InsertField$Key", key_aliases, 1);
const struct sl_transform_ops sl_insert_field_value = INSERT_OPS("InsertField$Value", value_aliases, 0);
