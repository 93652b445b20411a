/* SPDX-License-Identifier: Apache-2.0 */
/* Debezium's ByLogicalTableRouter: records of several tables (shards, partitions) go to one topic. The topic is renamed
 * by a regular expression; a key gets a field that tells the tables apart; the schemas of key, row and envelope are
 * named after the new topic. New schemas are made once for a schema and a topic; a row copies its key's values and
 * nothing of its value. */
#include "transforms/route.h"
#include "transforms/structs.h"

enum adjust { ADJUST_NONE, ADJUST_AVRO, ADJUST_UNICODE };

struct table_cfg {
        const char *regex, *replacement, *key_regex, *key_replacement, *key_field;
        bool unique;
        int adjust;
};

struct table_router {
        const struct table_cfg *cfg;
        struct sl_route topics, ids;
        bool has_ids;
        struct sl_plans keys, envelopes;
};

/* What a schema becomes under a topic's name; a schema mostly meets one topic. */
struct plan {
        const struct sl_schema *out;
        bool has_defaults; /* null fields of the envelope take them */
        struct plan *next;
        size_t topic_len;
        char topic[];
};

/* ---- config ---- */

static bool bind_config(struct table_router *st, const struct table_cfg *cfg, const char **ret_key, struct sl_buf *why)
{
        bool bad_replacement;
        st->cfg = cfg;
        bool ok =
                sl_route_open(&st->topics, "ByLogicalTableRouter", cfg->regex, cfg->replacement, &bad_replacement, why);
        *ret_key = bad_replacement ? "topic.replacement" : "topic.regex";
        st->has_ids = cfg->key_regex && cfg->key_regex[0];
        if (!ok || !st->has_ids)
                return ok;
        *ret_key = "key.field.replacement";
        if (!cfg->key_replacement || !cfg->key_replacement[0]) {
                sl_buf_adds(why, "key.field.replacement must be non-empty if key.field.regex is set.");
                return false;
        }
        ok = sl_route_open(&st->ids, "ByLogicalTableRouter", cfg->key_regex, cfg->key_replacement, &bad_replacement,
                           why);
        *ret_key = bad_replacement ? "key.field.replacement" : "key.field.regex";
        return ok;
}

static void free_plan(void *item)
{
        for (struct plan *p = item, *next; p; p = next) {
                next = p->next;
                free(p);
        }
}

static void table_close(void *state)
{
        struct table_router *st = state;
        sl_route_close(&st->topics);
        sl_route_close(&st->ids);
        sl_plans_free(&st->keys, free_plan);
        sl_plans_free(&st->envelopes, free_plan);
        *st = (struct table_router){0};
}

static void table_check(const void *config, struct sl_cfg_report *report)
{
        const struct table_cfg *cfg = config;
        struct table_router st = {0};
        struct sl_buf why = {0};
        const char *key;
        if (cfg->regex && cfg->replacement && !bind_config(&st, cfg, &key, &why))
                sl_cfg_add_error(report, key, "%s", sl_buf_cstr(&why));
        table_close(&st);
        sl_buf_free(&why);
}

static enum sl_rc table_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                             struct sl_err *err)
{
        struct sl_buf why = {0};
        const char *key;
        enum sl_rc rc = SL_OK;
        if (!bind_config(state, config, &key, &why))
                rc = sl_fail(err, SL_E_CONFIG, "ByLogicalTableRouter: %s is invalid: %s", key, sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- names ---- */

static bool is_letter(uint32_t c)
{
        return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_digit(uint32_t c)
{
        return c >= '0' && c <= '9';
}

/* One of Java's characters. */
static void adjust_unit(enum adjust how, uint32_t c, bool first, struct sl_buf *out)
{
        if (is_letter(c) || (how == ADJUST_AVRO && c == '_') || (!first && (is_digit(c) || c == '.')))
                sl_buf_addc(out, (char)c);
        else if (how == ADJUST_UNICODE)
                sl_buf_printf(out, c <= 0xff ? "_u00%x" : "_u%x", c);
        else
                sl_buf_adds(out, "_");
        if (how == ADJUST_AVRO && first && is_digit(c))
                sl_buf_addc(out, (char)c);
}

/* topic + suffix, in characters that Avro takes in names if that is asked for. */
static const char *schema_name(const struct table_router *st, struct sl_str topic, const char *suffix,
                               struct sl_arena *arena)
{
        const char *name = sl_arena_printf(arena, "%.*s%s", SL_FMT(topic), suffix);
        enum adjust how = (enum adjust)st->cfg->adjust;
        struct sl_buf out = {0};
        if (how == ADJUST_NONE)
                return name;
        for (const uint8_t *p = (const uint8_t *)name; *p;) {
                unsigned n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
                uint32_t c = n == 1 ? *p : *p & (0xffu >> (n + 1));
                bool first = p == (const uint8_t *)name;
                for (unsigned i = 1; i < n && p[i]; i++)
                        c = c << 6 | (p[i] & 0x3f);
                for (unsigned i = 0; i < n && *p; i++)
                        p++;
                if (c >= 0x10000) {
                        adjust_unit(how, 0xd800 + ((c - 0x10000) >> 10), first, &out);
                        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
                        first = false;
                }
                adjust_unit(how, c, first, &out);
        }
        name = sl_arena_strdup(arena, sl_buf_cstr(&out));
        sl_buf_free(&out);
        return name;
}

/* ---- schemas ---- */

static struct plan *find_plan(const struct sl_plans *plans, const struct sl_schema *in, struct sl_str topic)
{
        struct plan *p = sl_plans_get(plans, in);
        while (p && !sl_str_eq(topic, (struct sl_str){p->topic, p->topic_len}))
                p = p->next;
        return p;
}

static struct plan *add_plan(struct sl_plans *plans, const struct sl_schema *in, struct sl_str topic,
                             const struct sl_schema *spec)
{
        struct plan *p = sl_malloc(sizeof(*p) + topic.len);
        *p = (struct plan){.out = sl_schema_intern(spec), .next = sl_plans_get(plans, in), .topic_len = topic.len};
        memcpy(p->topic, topic.ptr, topic.len);
        for (uint32_t i = 0; i < in->field_count; i++)
                p->has_defaults = p->has_defaults || in->fields[i].schema->has_default;
        sl_plans_put(plans, in, p);
        return p;
}

/* The struct schema under another name, without its default; room: for further fields. */
static struct sl_schema copy_schema(const struct sl_schema *in, const char *name, uint32_t room, struct sl_field **ret,
                                    struct sl_arena *arena)
{
        struct sl_schema out = sl_schema_like(in, SL_STRUCT);
        *ret = sl_arena_alloc(arena, (in->field_count + room) * sizeof(**ret));
        if (in->field_count)
                memcpy(*ret, in->fields, in->field_count * sizeof(**ret));
        out.fields = *ret;
        out.field_count = in->field_count;
        out.optional = in->optional;
        out.name = name;
        return out;
}

static sl_cold enum sl_rc plan_key(struct table_router *st, const struct sl_schema *in, struct sl_str topic,
                                   struct sl_arena *arena, struct sl_err *err)
{
        struct sl_field *fields;
        struct sl_schema out = copy_schema(in, schema_name(st, topic, ".Key", arena), 1, &fields, arena);
        if (st->cfg->unique)
                SL_TRY(sl_add_field(&out, fields, st->cfg->key_field ? st->cfg->key_field : "",
                                    sl_schema_of(SL_STRING, false), err));
        add_plan(&st->keys, in, topic, &out);
        return SL_OK;
}

static sl_cold enum sl_rc plan_envelope(struct table_router *st, const struct sl_schema *in, struct sl_str topic,
                                        struct sl_arena *arena, struct sl_err *err)
{
        struct sl_field *fields, *row_fields;
        struct sl_schema out = copy_schema(in, schema_name(st, topic, ".Envelope", arena), 0, &fields, arena);
        if (sl_schema_field(in, "before", 6) < 0)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The change event has no field before");
        for (uint32_t i = 0; i < in->field_count; i++) {
                const struct sl_schema *row = in->fields[i].schema;
                if (strcmp(fields[i].name, "before") != 0 && strcmp(fields[i].name, "after") != 0)
                        continue;
                if (row->type != SL_STRUCT)
                        return sl_fail(err, SL_E_TRANSFORM, "Cannot list fields on non-struct type");
                struct sl_schema spec =
                        copy_schema(row, schema_name(st, topic, ".Value", arena), 0, &row_fields, arena);
                fields[i].schema = sl_schema_intern(&spec);
        }
        add_plan(&st->envelopes, in, topic, &out);
        return SL_OK;
}

/* ---- rows ---- */

static enum sl_rc update_key(struct table_router *st, struct sl_record *rec, struct sl_str topic,
                             struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *in = rec->key_schema;
        SL_TRY(sl_need_struct(in, &rec->key, "Updating schema", err));
        const struct plan *plan = find_plan(&st->keys, in, topic);
        if (sl_unlikely(!plan)) {
                SL_TRY(plan_key(st, in, topic, arena, err));
                plan = find_plan(&st->keys, in, topic);
        }
        if (st->cfg->unique) {
                struct sl_value *items = sl_arena_alloc(arena, (rec->key.len + 1) * sizeof(*items));
                struct sl_str id = rec->topic;
                if (st->has_ids)
                        SL_TRY(sl_route_name(&st->ids, rec->topic, arena, &id, NULL, err));
                if (rec->key.len)
                        memcpy(items, rec->key.items, rec->key.len * sizeof(*items));
                items[rec->key.len] = sl_v_str(id);
                rec->key = sl_v_items(SL_STRUCT, items, rec->key.len + 1);
        }
        rec->key_schema = plan->out;
        return SL_OK;
}

static enum sl_rc update_value(struct table_router *st, struct sl_record *rec, struct sl_str topic,
                               struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *in = rec->value_schema;
        SL_TRY(sl_need_struct(in, &rec->value, "Updating schema", err));
        const struct plan *plan = find_plan(&st->envelopes, in, topic);
        if (sl_unlikely(!plan)) {
                SL_TRY(plan_envelope(st, in, topic, arena, err));
                plan = find_plan(&st->envelopes, in, topic);
        }
        if (plan->has_defaults) {
                struct sl_value *items = sl_arena_alloc(arena, rec->value.len * sizeof(*items));
                for (uint32_t i = 0; i < rec->value.len; i++)
                        items[i] = sl_struct_get(in, &rec->value, i);
                rec->value.items = items;
        }
        rec->value_schema = plan->out;
        return SL_OK;
}

static enum sl_rc table_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct table_router *st = state;
        struct sl_str topic;
        bool matched;
        if (!rec->topic.ptr)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The record has no topic");
        SL_TRY(sl_route_name(&st->topics, rec->topic, arena, &topic, &matched, err));
        if (!matched || !topic.len)
                return SL_OK;
        if (rec->key.type == SL_NULL)
                rec->key_schema = NULL;
        else
                SL_TRY(update_key(st, rec, topic, arena, err));
        if (rec->value.type != SL_NULL && sl_is_envelope(rec->value_schema))
                SL_TRY(update_value(st, rec, topic, arena, err));
        rec->topic = topic;
        return SL_OK;
}

static const struct sl_cfg_enum adjust_values[] = {
        {"none", ADJUST_NONE, NULL}, {"avro", ADJUST_AVRO, NULL}, {"avro_unicode", ADJUST_UNICODE, NULL}, {0}};

#define T struct table_cfg
static const struct sl_cfg_def table_config[] = {
        {SL_CFG_STR(T, regex, "topic.regex"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_LOW,
         .doc = "Regular expression (Java's syntax) that the whole name of a table's topic must match; other records "
                "pass."},
        {SL_CFG_STR(T, replacement, "topic.replacement"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY,
         .importance = SL_LOW, .doc = "The new topic; $1 or ${name} stand for groups of topic.regex."},
        {SL_CFG_BOOL(T, unique, "key.enforce.uniqueness"), .def = "true", .importance = SL_LOW,
         .doc = "Add a field to the key that tells the tables apart. false where keys differ between the tables "
                "anyway."},
        {SL_CFG_STR(T, key_regex, "key.field.regex"), .importance = SL_LOW,
         .doc = "Regular expression over the old topic from which that field's value is made; without it, or where it "
                "does "
                "not match, the value is the old topic."},
        {SL_CFG_STR(T, key_field, "key.field.name"), .def = "__dbz__physicalTableIdentifier", .importance = SL_LOW,
         .doc = "Name of that field."},
        {SL_CFG_STR(T, key_replacement, "key.field.replacement"), .importance = SL_LOW,
         .doc = "The field's value; $1 or ${name} stand for groups of key.field.regex."},
        {SL_CFG_ENUM(T, adjust, "schema.name.adjustment.mode", adjust_values), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "none", .importance = SL_LOW,
         .doc = "Characters in schema names that Avro does not take: none leaves them, avro makes them underscores, "
                "avro_unicode _uXXXX (the underscore itself, too)."},
        {SL_CFG_NONE("logical.table.cache.size", SL_CFG_T_INT), .flags = SL_CFG_IGNORED, .def = "16",
         .importance = SL_LOW, .doc = "Has no effect: what is worked out for a schema is kept."},
        {0},
};
#undef T

static const char *const table_aliases[] = {"io.debezium.transforms.ByLogicalTableRouter", NULL};

extern const struct sl_transform_ops sl_by_logical_table_router;
const struct sl_transform_ops sl_by_logical_table_router = {
        .name = "ByLogicalTableRouter",
        .aliases = table_aliases,
        .config = table_config,
        .config_size = sizeof(struct table_cfg),
        .state_size = sizeof(struct table_router),
        .check = table_check,
        .open = table_open,
        .apply = table_apply,
        .close = table_close,
};
