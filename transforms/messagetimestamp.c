/* SPDX-License-Identifier: Apache-2.0 */
/* Confluent's MessageTimestampRouter, by its documentation (the class is not public): a time in the value goes into the topic's name.
 * Beyond it, values may be structs, and times may be numbers: ms since 1970, or what Connect's and Debezium's schemas of times say.
 * Time zone UTC. Where a field stands in a schema is worked out once per schema. */
#include "base/clock.h"
#include "transforms/common.h"
#include "transforms/javacal.h"
#include "transforms/timeformat.h"

extern const struct sl_transform_ops sl_message_timestamp_router;

struct msgtime_cfg {
        const char *topic_format, *message_format, *timestamp_format;
        struct sl_cfg_list keys;
};

enum unit { NO_TIME, TEXT, MS, US, NS, DAYS };
/* One of the keys in a schema: which field of a struct (at; -1 = none, or a map), and how it, or a map's value, is read. */
struct place {
        int at;
        enum unit unit;
};
struct msgtime {
        const struct msgtime_cfg *cfg;
        struct sl_timeformat *in, *out; /* in: NULL when no format is set */
        struct sl_plans plans;          /* struct place for each key */
        struct sl_buf name;
};

/* NULL in *ret for an empty pattern. False: why says what is wrong. */
static bool compile(const char *key, const char *pattern, struct sl_timeformat **ret, struct sl_buf *why)
{
        struct sl_buf reason = {0};
        *ret = pattern && *pattern ? sl_timeformat_new(pattern, sl_wall_ms(), &reason) : NULL;
        bool ok = *ret || !pattern || !*pattern;
        if (!ok)
                sl_buf_printf(why, "Invalid value %s for configuration %s: %s", pattern, key, sl_buf_cstr(&reason));
        sl_buf_free(&reason);
        return ok;
}

static void check_one(const char *key, const char *pattern, struct sl_cfg_report *report)
{
        struct sl_timeformat *format;
        struct sl_buf why = {0};
        if (!compile(key, pattern, &format, &why))
                sl_cfg_add_error(report, key, "%s", sl_buf_cstr(&why));
        sl_timeformat_free(format);
        sl_buf_free(&why);
}

static void msgtime_check(const void *config, struct sl_cfg_report *report)
{
        const struct msgtime_cfg *cfg = config;
        check_one("message.timestamp.format", cfg->message_format, report);
        check_one("topic.timestamp.format", cfg->timestamp_format, report);
}

static enum sl_rc msgtime_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused, struct sl_err *err)
{
        struct msgtime *st = state;
        struct sl_buf why = {0};
        enum sl_rc rc = SL_OK;
        st->cfg = config;
        if (!compile("message.timestamp.format", st->cfg->message_format, &st->in, &why) ||
            !compile("topic.timestamp.format", st->cfg->timestamp_format, &st->out, &why))
                rc = sl_fail(err, SL_E_CONFIG, "%s", sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- what depends on the schema ---- */

static enum unit unit_of(const struct sl_schema *s)
{
        static const struct {
                const char *name;
                enum sl_type type;
                enum unit unit;
        } named[] = {{SL_NAME_TIMESTAMP, SL_INT64, MS},
                     {SL_NAME_DATE, SL_INT32, DAYS},
                     {"io.debezium.time.Timestamp", SL_INT64, MS},
                     {"io.debezium.time.MicroTimestamp", SL_INT64, US},
                     {"io.debezium.time.NanoTimestamp", SL_INT64, NS},
                     {"io.debezium.time.Date", SL_INT32, DAYS}};
        if (s->type == SL_STRING)
                return TEXT;
        if (!s->name)
                return s->type == SL_INT64 ? MS : NO_TIME;
        for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++)
                if (s->type == named[i].type && strcmp(s->name, named[i].name) == 0)
                        return named[i].unit;
        return NO_TIME;
}

static sl_cold const struct place *make_plan(struct msgtime *st, const struct sl_schema *s)
{
        const struct sl_cfg_list *keys = &st->cfg->keys;
        struct place *places = sl_calloc(keys->count, sizeof(*places));
        for (uint32_t i = 0; i < keys->count; i++) {
                places[i].at = s->type == SL_STRUCT ? sl_schema_field(s, keys->items[i], strlen(keys->items[i])) : -1;
                const struct sl_schema *field = places[i].at >= 0 ? s->fields[places[i].at].schema : s->type == SL_MAP ? s->value : NULL;
                places[i].unit = field ? unit_of(field) : NO_TIME;
        }
        sl_plans_put(&st->plans, s, places);
        return places;
}

/* ---- rows ---- */

/* The first of the keys that is there and not null, and its number; NULL = none is. */
static const struct sl_value *find(const struct msgtime *st, const struct sl_value *v, const struct place *places, uint32_t *ret_key)
{
        const struct sl_cfg_list *keys = &st->cfg->keys;
        for (uint32_t i = 0; i < keys->count; i++) {
                int at = v->type == SL_STRUCT ? places[i].at : sl_map_find(v, sl_str_c(keys->items[i]));
                const struct sl_value *f = at < 0 ? NULL : v->type == SL_STRUCT ? &v->items[at] : &v->items[2 * at + 1];
                *ret_key = i;
                if (f && f->type != SL_NULL)
                        return f;
        }
        return NULL;
}

static sl_cold enum sl_rc none_there(const struct msgtime *st, struct sl_err *err)
{
        struct sl_buf names = {0};
        for (uint32_t i = 0; i < st->cfg->keys.count; i++)
                sl_buf_printf(&names, "%s%s", i ? ", " : "", st->cfg->keys.items[i]);
        enum sl_rc rc = sl_fail(err, SL_E_TRANSFORM, "The value has no timestamp: of the fields %s (message.timestamp.keys) each is missing or null",
                                sl_buf_cstr(&names));
        sl_buf_free(&names);
        return rc;
}

static enum sl_rc read_text(const struct msgtime *st, const char *key, struct sl_str text, int64_t *ret, struct sl_err *err)
{
        if (sl_unlikely(!st->in))
                return sl_fail(err, SL_E_TRANSFORM, "The timestamp in the field %s is a text: set message.timestamp.format to its pattern", key);
        if (sl_likely(sl_timeformat_read(st->in, text, ret)))
                return SL_OK;
        return sl_fail(err, SL_E_TRANSFORM, "The field %s holds %.*s, which does not match message.timestamp.format (%s)", key, SL_FMT(text),
                       st->cfg->message_format);
}

static enum sl_rc read_time(const struct msgtime *st, const char *key, const struct sl_value *v, enum unit unit, int64_t *ret,
                            struct sl_err *err)
{
        switch (unit) {
        case TEXT:
                return read_text(st, key, sl_v_as_str(v), ret, err);
        case MS:
                *ret = v->i64;
                return SL_OK;
        case US:
                *ret = sl_floor_div(v->i64, 1000);
                return SL_OK;
        case NS:
                *ret = sl_floor_div(v->i64, 1000000);
                return SL_OK;
        case DAYS:
                *ret = v->i64 * SL_DAY_MS;
                return SL_OK;
        case NO_TIME:
                break;
        }
        return sl_fail(err, SL_E_TRANSFORM, "The field %s is no timestamp: it is a %s, and only texts, INT64 in ms and schemas of times are read",
                       key, sl_type_name(v->type));
}

static enum sl_rc msgtime_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct msgtime *st = state;
        const struct sl_value *whole = &rec->value;
        const struct place *places = NULL;
        uint32_t key;
        int64_t ms;
        if (whole->type != SL_STRUCT)
                SL_TRY(sl_need_map(whole, "message timestamp routing", err));
        if (rec->value_schema) {
                places = sl_plans_get(&st->plans, rec->value_schema);
                if (sl_unlikely(!places))
                        places = make_plan(st, rec->value_schema);
        }
        const struct sl_value *v = find(st, whole, places, &key);
        if (sl_unlikely(!v))
                return none_there(st, err);
        enum unit unit = places ? places[key].unit : v->type == SL_STRING ? TEXT : v->type == SL_INT64 ? MS : NO_TIME;
        SL_TRY(read_time(st, st->cfg->keys.items[key], v, unit, &ms, err));
        sl_buf_clear(&st->name);
        sl_timeformat_topic(st->out, st->cfg->topic_format, rec->topic, ms, &st->name);
        rec->topic = (struct sl_str){sl_arena_strndup(arena, sl_buf_cstr(&st->name), st->name.len), st->name.len};
        return SL_OK;
}

static void msgtime_close(void *state)
{
        struct msgtime *st = state;
        sl_timeformat_free(st->in);
        sl_timeformat_free(st->out);
        sl_plans_free(&st->plans, free);
        sl_buf_free(&st->name);
        *st = (struct msgtime){0};
}

static const struct sl_cfg_def msgtime_config[] = {
        {SL_CFG_STR(struct msgtime_cfg, topic_format, "topic.format"), .def = "${topic}-${timestamp}", .importance = SL_HIGH,
         .doc = "The new topic; ${topic} stands for the old one, ${timestamp} for the time in the value."},
        {SL_CFG_STR(struct msgtime_cfg, message_format, "message.timestamp.format"), .def = "", .importance = SL_HIGH,
         .doc = "Pattern of java.text.SimpleDateFormat with which times that are texts are read. UTC, English. Empty: texts are errors."},
        {SL_CFG_STR(struct msgtime_cfg, timestamp_format, "topic.timestamp.format"), .def = "yyyyMMdd", .flags = SL_CFG_NONEMPTY,
         .importance = SL_HIGH, .doc = "Pattern of java.text.SimpleDateFormat for the time in the topic. UTC, English."},
        {SL_CFG_LIST(struct msgtime_cfg, keys, "message.timestamp.keys"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH,
         .doc = "Fields of the value that may hold the time: the first that is there and not null is taken."},
        {0},
};
static const char *const msgtime_aliases[] = {"io.confluent.connect.transforms.MessageTimestampRouter", NULL};
const struct sl_transform_ops sl_message_timestamp_router = {
        .name = "MessageTimestampRouter",
        .aliases = msgtime_aliases,
        .config = msgtime_config,
        .config_size = sizeof(struct msgtime_cfg),
        .state_size = sizeof(struct msgtime),
        .check = msgtime_check,
        .open = msgtime_open,
        .apply = msgtime_apply,
        .close = msgtime_close,
};
