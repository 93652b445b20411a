/* SPDX-License-Identifier: Apache-2.0 */
/* Debezium's EventRouter (io.debezium.transforms.outbox.EventRouter): a change event of an outbox table becomes the
 * message that the row describes. Its key, payload, id, time and topic are columns; further columns become headers,
 * members beside the payload, or the partition. Records that are no change events pass. Deletes and tombstones are
 * dropped, updates too (or refused). What the columns are is worked out once for an envelope's schema; a text payload
 * that is opened as JSON gives its schema row by row. Tracing spans are not made. */
#include "base/log.h"
#include "transforms/jsondata.h"
#include "transforms/route.h"
#include "transforms/structs.h"

enum placement { HEADER, ENVELOPE, PARTITION };
enum on_update { WARN, ERROR, FATAL };

struct outbox_cfg {
        const char *id, *key, *type, *payload, *timestamp, *version;
        struct sl_cfg_list extras;
        int missing, on_update, json_null;
        const char *route_by, *regex, *replacement;
        bool tombstone, expand;
};

/* An item of table.fields.additional.placement. */
struct extra {
        const char *field, *alias;
        enum placement placement;
};

struct outbox {
        const struct outbox_cfg *cfg;
        struct extra *extras;
        uint32_t extra_count, header_count;
        bool enveloped; /* the value is a struct around the payload */
        char *texts;    /* the extras' */
        struct sl_route route;
        struct sl_plans plans;
};

/* The struct around a payload, for one schema of the payload and one version. */
struct shape {
        const struct sl_schema *payload, *out;
        bool has_version;
        int32_t version;
        struct shape *next;
};

/* For an envelope's schema. bound: all but op has been looked up, which deletes and updates don't need. */
struct plan {
        uint32_t op, time, after;
        bool bound;
        const struct sl_schema *row;
        uint32_t id, key, payload, timestamp, version, route_by;
        int64_t time_divisor; /* 0: the column has no type of a time */
        struct sl_plans shapes;
        int extras[]; /* columns, -1: not there and to be left out */
};

/* ---- config ---- */

static bool parse_extra(char *text, struct extra *ret)
{
        static const char *const names[] = {[HEADER] = "header", [ENVELOPE] = "envelope", [PARTITION] = "partition"};
        char *parts[3] = {text}, *colon;
        uint32_t n = 1;
        while ((colon = strchr(parts[n - 1], ':')) && n < 3) {
                *colon = '\0';
                parts[n++] = colon + 1;
        }
        if (n < 2 || colon)
                return false;
        for (uint32_t i = 0; i < n; i++) {
                parts[i] += strspn(parts[i], " \t");
                for (size_t len = strlen(parts[i]); len && strchr(" \t", parts[i][len - 1]);)
                        parts[i][--len] = '\0';
        }
        *ret = (struct extra){.field = parts[0], .alias = n == 3 && *parts[2] ? parts[2] : parts[0]};
        for (uint32_t i = 0; i < 3; i++)
                if (strcasecmp(parts[1], names[i]) == 0) {
                        ret->placement = (enum placement)i;
                        return true;
                }
        return false;
}

static bool bind_config(struct outbox *st, const struct outbox_cfg *cfg, const char **ret_key, struct sl_buf *why)
{
        bool bad_replacement;
        size_t room = 0;
        for (uint32_t i = 0; i < cfg->extras.count; i++)
                room += strlen(cfg->extras.items[i]) + 1;
        st->cfg = cfg;
        st->extras = sl_calloc(cfg->extras.count + 1, sizeof(*st->extras));
        char *text = st->texts = sl_malloc(room + 1);
        *ret_key = "table.fields.additional.placement";
        for (uint32_t i = 0; i < cfg->extras.count; i++) {
                size_t n = strlen(cfg->extras.items[i]) + 1;
                memcpy(text, cfg->extras.items[i], n);
                if (!parse_extra(text, &st->extras[i])) {
                        sl_buf_printf(why,
                                      "A comma-separated list of valid String pairs or trios is expected but got: %s "
                                      "(column:header, column:envelope or column:partition, each with :alias if you "
                                      "want another name)",
                                      cfg->extras.items[i]);
                        return false;
                }
                text += n;
                st->header_count += st->extras[i].placement == HEADER;
                st->enveloped = st->enveloped || st->extras[i].placement == ENVELOPE;
                st->extra_count++;
        }
        bool ok = sl_route_open(&st->route, "EventRouter", cfg->regex, cfg->replacement, &bad_replacement, why);
        *ret_key = bad_replacement ? "route.topic.replacement" : "route.topic.regex";
        return ok;
}

static void free_plan(void *item)
{
        struct plan *plan = item;
        for (uint32_t i = 0; i < plan->shapes.count; i++)
                for (struct shape *s = plan->shapes.items[i], *next; s; s = next) {
                        next = s->next;
                        free(s);
                }
        sl_plans_free(&plan->shapes, NULL);
        free(plan);
}

static void outbox_close(void *state)
{
        struct outbox *st = state;
        sl_route_close(&st->route);
        sl_plans_free(&st->plans, free_plan);
        free(st->extras);
        free(st->texts);
        *st = (struct outbox){0};
}

static void outbox_check(const void *config, struct sl_cfg_report *report)
{
        const struct outbox_cfg *cfg = config;
        struct outbox st = {0};
        struct sl_buf why = {0};
        const char *key;
        if (cfg->regex && cfg->replacement && !bind_config(&st, cfg, &key, &why))
                sl_cfg_add_error(report, key, "%s", sl_buf_cstr(&why));
        outbox_close(&st);
        sl_buf_free(&why);
}

static enum sl_rc outbox_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                              struct sl_err *err)
{
        struct sl_buf why = {0};
        const char *key;
        enum sl_rc rc = SL_OK;
        if (!bind_config(state, config, &key, &why))
                rc = sl_fail(err, SL_E_CONFIG, "EventRouter: %s is invalid: %s", key, sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- what depends on the schema ---- */

static enum sl_rc bind_time(const struct outbox_cfg *cfg, const struct sl_schema *envelope, struct plan *plan,
                            struct sl_err *err)
{
        static const struct {
                const char *name;
                int64_t divisor;
        } times[] = {{"io.debezium.time.Timestamp", 1},
                     {"io.debezium.time.MicroTimestamp", 1000},
                     {"io.debezium.time.NanoTimestamp", 1000000}};
        SL_TRY(sl_struct_index(envelope, "ts_ms", SL_INT64, &plan->time, err));
        if (!cfg->timestamp)
                return SL_OK;
        if (sl_schema_field(plan->row, cfg->timestamp, strlen(cfg->timestamp)) < 0)
                return SL_FAIL_AS(err, SL_JAVA_CONNECT, "Unable to find timestamp field %s in event", cfg->timestamp);
        SL_TRY(sl_struct_index(plan->row, cfg->timestamp, SL_INT64, &plan->timestamp, err));
        const char *name = plan->row->fields[plan->timestamp].schema->name;
        for (size_t i = 0; name && i < sizeof(times) / sizeof(*times); i++)
                if (strcmp(name, times[i].name) == 0)
                        plan->time_divisor = times[i].divisor;
        return SL_OK;
}

/* The members of the envelope first: their schema is made before anything is read. */
static enum sl_rc bind_extras(const struct outbox *st, struct plan *plan, struct sl_err *err)
{
        for (uint32_t i = 0; i < st->extra_count; i++) {
                const struct extra *x = &st->extras[i];
                plan->extras[i] = sl_schema_field(plan->row, x->field, strlen(x->field));
                if (plan->extras[i] < 0 && !st->cfg->missing && x->placement == ENVELOPE)
                        return SL_FAIL_AS(err, SL_JAVA_CONNECT, "Unable to find field %s in event", x->field);
        }
        for (uint32_t i = 0; i < st->extra_count; i++) {
                const struct extra *x = &st->extras[i];
                uint32_t at;
                if (plan->extras[i] < 0 && st->cfg->missing)
                        continue;
                SL_TRY(sl_struct_index(plan->row, x->field, x->placement == PARTITION ? SL_INT32 : SL_NULL, &at, err));
        }
        return SL_OK;
}

/* In the order in which Java meets what is missing. */
static sl_cold enum sl_rc bind_row(const struct outbox *st, const struct sl_schema *envelope, struct plan *plan,
                                   struct sl_err *err)
{
        const struct outbox_cfg *cfg = st->cfg;
        int payload = sl_schema_field(plan->row, cfg->payload, strlen(cfg->payload));
        if (payload < 0)
                return SL_FAIL_AS(err, SL_JAVA_CONNECT, "Unable to find payload field %s in event", cfg->payload);
        plan->payload = (uint32_t)payload;
        SL_TRY(bind_time(cfg, envelope, plan, err));
        SL_TRY(sl_struct_index(plan->row, cfg->id, SL_NULL, &plan->id, err));
        if (st->enveloped && cfg->version)
                SL_TRY(sl_struct_index(plan->row, cfg->version, SL_INT32, &plan->version, err));
        SL_TRY(sl_struct_index(plan->row, cfg->route_by, SL_STRING, &plan->route_by, err));
        SL_TRY(bind_extras(st, plan, err));
        SL_TRY(sl_struct_index(plan->row, cfg->key, SL_NULL, &plan->key, err));
        plan->bound = true;
        return SL_OK;
}

/* "a.b.Value" and topic t: "a.b.t.Value". */
static const char *shape_name(const struct sl_schema *row, struct sl_str topic, struct sl_arena *arena)
{
        if (!row->name)
                return sl_arena_strndup(arena, topic.ptr, topic.len);
        const char *dot = strrchr(row->name, '.');
        size_t n = dot ? (size_t)(dot - row->name) + 1 : 0;
        return sl_arena_printf(arena, "%.*s%.*s.%s", (int)n, row->name, SL_FMT(topic), row->name + n);
}

static sl_cold enum sl_rc make_shape(const struct outbox *st, struct plan *plan, const struct sl_schema *payload,
                                     const struct sl_value *version, struct sl_str topic, struct sl_arena *arena,
                                     struct sl_err *err)
{
        struct sl_field *fields = sl_arena_alloc(arena, (st->extra_count + 1) * sizeof(*fields));
        struct sl_schema spec = {.type = SL_STRUCT, .fields = fields, .name = shape_name(plan->row, topic, arena)};
        struct shape shape = {.payload = payload};
        if (version && version->type == SL_INT32) {
                shape.has_version = true;
                spec.version = shape.version = (int32_t)version->i64;
        }
        SL_TRY(sl_add_field(&spec, fields, "payload", payload, err));
        for (uint32_t i = 0; i < st->extra_count; i++)
                if (st->extras[i].placement == ENVELOPE && plan->extras[i] >= 0)
                        SL_TRY(sl_add_field(&spec, fields, st->extras[i].alias,
                                            plan->row->fields[plan->extras[i]].schema, err));
        struct shape *item = sl_malloc(sizeof(*item));
        shape.out = sl_schema_intern(&spec);
        shape.next = sl_plans_get(&plan->shapes, payload);
        *item = shape;
        sl_plans_put(&plan->shapes, payload, item);
        return SL_OK;
}

static const struct sl_schema *find_shape(const struct plan *plan, const struct sl_schema *payload,
                                          const struct sl_value *version)
{
        bool has = version && version->type == SL_INT32;
        for (const struct shape *s = sl_plans_get(&plan->shapes, payload); s; s = s->next)
                if (s->has_version == has && (!has || s->version == version->i64))
                        return s->out;
        return NULL;
}

/* ---- rows ---- */

static enum sl_rc updated(const struct outbox *st, struct sl_record *rec, struct sl_err *err)
{
        struct sl_buf key = {0};
        enum sl_rc rc = SL_OK;
        rec->dropped = true;
        if (st->cfg->on_update == FATAL) {
                sl_value_print(rec->key_schema, &rec->key, &key);
                rc = SL_FAIL_AS(err, "java.lang.IllegalStateException", "Unexpected update message received %s, fail.",
                                sl_buf_cstr(&key));
                sl_buf_free(&key);
        } else if (st->cfg->on_update == ERROR) {
                sl_error("the row of an outbox table was updated: dropped, only inserted rows are events topic=%.*s",
                         SL_FMT(rec->topic));
        } else {
                sl_warn("the row of an outbox table was updated: dropped, only inserted rows are events topic=%.*s",
                        SL_FMT(rec->topic));
        }
        return rc;
}

static enum sl_rc event_time(const struct outbox *st, const struct plan *plan, const struct sl_value *envelope,
                             const struct sl_value *row, int64_t *ret, struct sl_err *err)
{
        const struct sl_value *v = &envelope->items[plan->time];
        int64_t divisor = 1;
        if (st->cfg->timestamp && row->items[plan->timestamp].type != SL_NULL) {
                const struct sl_schema *s = plan->row->fields[plan->timestamp].schema;
                v = &row->items[plan->timestamp];
                divisor = plan->time_divisor;
                if (!divisor && !s->name)
                        return SL_FAIL_AS(err, SL_JAVA_CONNECT,
                                          "Unsupported field type %s (without logical schema name) for event timestamp",
                                          sl_type_name(s->type));
                if (!divisor)
                        return SL_FAIL_AS(err, SL_JAVA_CONNECT, "Unsupported field type %s for event timestamp",
                                          s->name);
        }
        *ret = v->type == SL_NULL ? -1 : v->i64 / divisor;
        return SL_OK;
}

static void add_header(struct sl_record *rec, struct sl_header *h, const char *name, const struct sl_schema *schema,
                       struct sl_value v)
{
        rec->header_count++;
        *h = (struct sl_header){.key = sl_str_c(name), .schema = schema, .value = v};
}

static enum sl_rc set_partition(struct sl_record *rec, const struct sl_value *v, struct sl_err *err)
{
        if (v->type == SL_INT32 && v->i64 < 0)
                return SL_FAIL_AS(err, SL_JAVA_ARGUMENT,
                                  "Invalid partition: %lld. Partition number should always be non-negative or null.",
                                  (long long)v->i64);
        rec->partition = v->type == SL_INT32 ? (int32_t)v->i64 : -1;
        return SL_OK;
}

/* Headers, partition, and the members beside the payload (items[0] is the payload). */
static enum sl_rc put_extras(const struct outbox *st, const struct plan *plan, const struct sl_value *row,
                             struct sl_record *rec, struct sl_arena *arena, struct sl_value *items, struct sl_err *err)
{
        struct sl_header *h = sl_headers_grow(rec, 1 + st->header_count, arena);
        uint32_t n = 1;
        add_header(rec, h++, "id", plan->row->fields[plan->id].schema, sl_struct_get(plan->row, row, plan->id));
        for (uint32_t i = 0; i < st->extra_count; i++) {
                const struct extra *x = &st->extras[i];
                if (plan->extras[i] < 0)
                        continue;
                uint32_t at = (uint32_t)plan->extras[i];
                if (x->placement == HEADER)
                        add_header(rec, h++, x->alias, plan->row->fields[at].schema,
                                   sl_struct_get(plan->row, row, at));
                else if (x->placement == ENVELOPE)
                        items[n++] = sl_struct_get(plan->row, row, at);
                else
                        SL_TRY(set_partition(rec, &row->items[at], err));
        }
        return SL_OK;
}

/* null, or a text of nothing but white space as Java's trim has it. */
static bool is_empty(const struct sl_value *v)
{
        if (v->type != SL_STRING)
                return v->type == SL_NULL;
        for (uint32_t i = 0; i < v->len; i++)
                if ((uint8_t)v->ptr[i] > ' ')
                        return false;
        return true;
}

/* A text that can't be opened stays as it is. */
static void expand(const struct outbox *st, struct sl_arena *arena, const struct sl_schema **schema, struct sl_value *v)
{
        const struct sl_schema *s;
        struct sl_value opened;
        const char *why = "it does not begin with { or [";
        bool ok = v->type == SL_STRING && v->len && (v->ptr[0] == '{' || v->ptr[0] == '[');
        if (ok)
                ok = sl_jsondata_read(sl_v_as_str(v), st->cfg->payload, st->cfg->json_null, arena, &s, &opened, &why) ==
                     SL_JSONDATA_OK;
        if (ok && s) {
                *schema = s;
                *v = opened;
        } else if (v->type != SL_NULL) {
                sl_debug("an outbox payload was not opened as JSON: %s", ok ? "it is an empty array" : why);
        }
}

static enum sl_rc make_value(const struct outbox *st, struct plan *plan, const struct sl_value *row,
                             const struct sl_schema **schema, struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_value *version = st->cfg->version ? &row->items[plan->version] : NULL;
        const struct sl_value *by = &row->items[plan->route_by];
        const struct sl_schema *out = find_shape(plan, *schema, version);
        if (sl_unlikely(!out)) {
                struct sl_str topic = by->type == SL_NULL ? SL_STR("null") : sl_v_as_str(by);
                SL_TRY(make_shape(st, plan, *schema, version, topic, arena, err));
                out = find_shape(plan, *schema, version);
        }
        *schema = out;
        return SL_OK;
}

static enum sl_rc route_row(struct outbox *st, struct plan *plan, const struct sl_value *envelope,
                            const struct sl_value *row, struct sl_record *rec, struct sl_arena *arena,
                            struct sl_err *err)
{
        const struct sl_schema *schema = plan->row->fields[plan->payload].schema;
        struct sl_value *items = sl_arena_alloc(arena, (st->extra_count + 1) * sizeof(*items));
        struct sl_value payload = sl_struct_get(plan->row, row, plan->payload);
        SL_TRY(event_time(st, plan, envelope, row, &rec->timestamp_ms, err));
        if (st->cfg->expand)
                expand(st, arena, &schema, &payload);
        items[0] = payload;
        if (st->enveloped)
                SL_TRY(make_value(st, plan, row, &schema, arena, err));
        if (rec->offset < 0) /* a source's: the producer's partitioner decides again */
                rec->partition = -1;
        SL_TRY(put_extras(st, plan, row, rec, arena, items, err));
        rec->value_schema = schema;
        rec->value = st->enveloped ? sl_v_items(SL_STRUCT, items, schema->field_count) : payload;
        if (st->cfg->tombstone && is_empty(&payload)) {
                rec->value_schema = NULL;
                rec->value = SL_V_NULL;
        }
        rec->key_schema = plan->row->fields[plan->key].schema;
        rec->key = sl_struct_get(plan->row, row, plan->key);
        const struct sl_value *by = &row->items[plan->route_by];
        if (by->type == SL_NULL)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The column %s (route.by.field) is null: the event has no topic",
                                  st->cfg->route_by);
        return sl_route_name(&st->route, sl_v_as_str(by), arena, &rec->topic, NULL, err);
}

static sl_cold enum sl_rc make_plan(struct outbox *st, const struct sl_schema *envelope, struct sl_err *err)
{
        struct plan *plan = sl_calloc(1, sizeof(*plan) + st->extra_count * sizeof(*plan->extras));
        enum sl_rc rc = sl_struct_index(envelope, "op", SL_STRING, &plan->op, err);
        if (rc == SL_OK)
                sl_plans_put(&st->plans, envelope, plan);
        else
                free(plan);
        return rc;
}

static enum sl_rc bind_plan(const struct sl_schema *envelope, struct plan *plan, struct sl_err *err)
{
        int after = sl_schema_field(envelope, "after", 5);
        SL_TRY(sl_need_known(after, "after", err));
        plan->after = (uint32_t)after;
        plan->row = envelope->fields[after].schema;
        return SL_OK;
}

static enum sl_rc outbox_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct outbox *st = state;
        const struct sl_schema *envelope = rec->value_schema;
        if (rec->value.type == SL_NULL) {
                rec->dropped = true;
                return SL_OK;
        }
        if (!sl_is_envelope(envelope))
                return SL_OK;
        struct plan *plan = sl_plans_get(&st->plans, envelope);
        if (sl_unlikely(!plan)) {
                SL_TRY(sl_need_struct(envelope, &rec->value, "Detect Debezium Operation", err));
                SL_TRY(make_plan(st, envelope, err));
                plan = sl_plans_get(&st->plans, envelope);
        }
        const struct sl_value value = rec->value, *op = &value.items[plan->op];
        if (op->type == SL_NULL)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The field op of the change event is null");
        if (op->len == 1 && *op->ptr == 'd') {
                rec->dropped = true;
                return SL_OK;
        }
        if (op->len == 1 && *op->ptr == 'u')
                return updated(st, rec, err);
        if (!plan->bound)
                SL_TRY(bind_plan(envelope, plan, err));
        struct sl_value row = sl_struct_get(envelope, &value, plan->after);
        SL_TRY(sl_need_struct(plan->row, &row, "Read Outbox Event", err));
        if (sl_unlikely(!plan->bound))
                SL_TRY(bind_row(st, envelope, plan, err));
        return route_row(st, plan, &value, &row, rec, arena, err);
}

static const struct sl_cfg_enum missing_values[] = {{"error", 0, NULL}, {"ignore", 1, NULL}, {0}};
static const struct sl_cfg_enum null_values[] = {{"ignore", 0, NULL}, {"optional_bytes", 1, NULL}, {0}};
static const struct sl_cfg_enum update_values[] = {
        {"warn", WARN, NULL}, {"error", ERROR, NULL}, {"fatal", FATAL, NULL}, {0}};

#define NO_TRACING "Has no effect: no tracing spans are made. A Debezium without OpenTelemetry makes none either."
#define T struct outbox_cfg
static const struct sl_cfg_def outbox_config[] = {
        {SL_CFG_STR(T, id, "table.field.event.id"), .def = "id", .importance = SL_LOW, .group = "Table",
         .doc = "Column with the event's id, which becomes the header id."},
        {SL_CFG_STR(T, key, "table.field.event.key"), .def = "aggregateid", .importance = SL_LOW, .group = "Table",
         .doc = "Column that becomes the message's key."},
        {SL_CFG_STR(T, type, "table.field.event.type"), .def = "type", .importance = SL_LOW, .group = "Table",
         .doc = "Column with the event's type. Nothing reads it; to have it in the message, place it with "
                "table.fields.additional.placement."},
        {SL_CFG_STR(T, payload, "table.field.event.payload"), .def = "payload", .importance = SL_LOW, .group = "Table",
         .doc = "Column with the event's content."},
        {SL_CFG_STR(T, timestamp, "table.field.event.timestamp"), .importance = SL_MEDIUM, .group = "Table",
         .doc = "Column that becomes the message's timestamp; without it, or where it is null, the change event's "
                "ts_ms."},
        {SL_CFG_LIST(T, extras, "table.fields.additional.placement"), .importance = SL_HIGH, .group = "Table",
         .doc = "Further columns in the message: column:header, column:envelope (a member beside payload) or "
                "column:partition, each with :alias for another name."},
        {SL_CFG_ENUM(T, missing, "table.field.additional.missing", missing_values), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "error", .importance = SL_MEDIUM, .group = "Table",
         .doc = "What becomes of an event that lacks a column of table.fields.additional.placement: error fails it, "
                "ignore leaves the column out."},
        {SL_CFG_STR(T, version, "table.field.event.schema.version"), .importance = SL_LOW, .group = "Table",
         .doc = "INT32 column with the version of the message's schema (used when there are columns in the envelope)."},
        {SL_CFG_ENUM(T, on_update, "table.op.invalid.behavior", update_values), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "warn", .importance = SL_MEDIUM, .group = "Table",
         .doc = "What becomes of an updated row: warn and error drop it with a line in the log, fatal fails the "
                "record."},
        {SL_CFG_BOOL(T, expand, "table.expand.json.payload"), .def = "false", .importance = SL_MEDIUM, .group = "Table",
         .doc = "Open a text payload that holds JSON: it becomes a struct or array with a schema read off it. A text "
                "that "
                "can't be opened stays as it is."},
        {SL_CFG_ENUM(T, json_null, "table.json.payload.null.behavior", null_values), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "ignore", .importance = SL_MEDIUM, .group = "Table",
         .doc = "A null in an opened payload: ignore leaves its member out, optional_bytes keeps it as optional "
                "BYTES."},
        {SL_CFG_STR(T, route_by, "route.by.field"), .def = "aggregatetype", .importance = SL_HIGH, .group = "Router",
         .doc = "Column by whose value events are routed."},
        {SL_CFG_STR(T, regex, "route.topic.regex"), .def = "(?<routedByValue>.*)", .importance = SL_LOW,
         .group = "Router",
         .doc = "Regular expression (Java's syntax) over that value; where it does not match the whole "
                "of it, the value is the topic."},
        {SL_CFG_STR(T, replacement, "route.topic.replacement"), .def = "outbox.event.${routedByValue}",
         .importance = SL_HIGH, .group = "Router",
         .doc = "The topic; $1 or ${name} stand for groups of route.topic.regex."},
        {SL_CFG_BOOL(T, tombstone, "route.tombstone.on.empty.payload"), .def = "false", .importance = SL_HIGH,
         .group = "Router", .doc = "A null or blank payload makes a tombstone."},
        {SL_CFG_NONE("tracing.span.context.field", SL_CFG_T_STRING), .flags = SL_CFG_IGNORED,
         .def = "tracingspancontext", .importance = SL_LOW, .group = "Tracing", .doc = NO_TRACING},
        {SL_CFG_NONE("tracing.operation.name", SL_CFG_T_STRING), .flags = SL_CFG_IGNORED, .def = "debezium-read",
         .importance = SL_LOW, .group = "Tracing", .doc = NO_TRACING},
        {SL_CFG_NONE("tracing.with.context.field.only", SL_CFG_T_BOOLEAN), .flags = SL_CFG_IGNORED, .def = "false",
         .importance = SL_LOW, .group = "Tracing", .doc = NO_TRACING},
        {.name = "field.name.adjustment.mode",
         .type = SL_CFG_T_STRING,
         .offset = SL_CFG_NO_MEMBER,
         .def = "none",
         .unsupported = "Names in an opened payload stay as they are (Debezium loses the values of those it adjusts): "
                        "remove this key."},
        {0},
};
#undef T

static const char *const outbox_aliases[] = {"io.debezium.transforms.outbox.EventRouter", NULL};

extern const struct sl_transform_ops sl_event_router;
const struct sl_transform_ops sl_event_router = {
        .name = "EventRouter",
        .aliases = outbox_aliases,
        .config = outbox_config,
        .config_size = sizeof(struct outbox_cfg),
        .state_size = sizeof(struct outbox),
        .check = outbox_check,
        .open = outbox_open,
        .apply = outbox_apply,
        .close = outbox_close,
};
