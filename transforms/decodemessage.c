/* SPDX-License-Identifier: Apache-2.0 */
/* Debezium's DecodeLogicalDecodingMessageContent: a message of pg_logical_emit_message whose content is JSON (as bytes)
 * becomes an insert event with that content as `after`, so that EventRouter can take it further. It loses its key. All
 * other records pass. The event's schema is made once for a schema of the content. */
#include "transforms/jsondata.h"
#include "transforms/structs.h"

#define MESSAGE_VALUE "io.debezium.connector.postgresql.MessageValue"

struct decode_cfg {
        bool keep_null;
};

struct decode {
        const struct decode_cfg *cfg;
        struct sl_plans plans;
};

/* For a schema of MessageValue. */
struct plan {
        uint32_t message, content;
        uint32_t op;            /* UINT32_MAX: it has none */
        struct sl_plans events; /* by the schema of the content: the event's */
};

static void free_plan(void *item)
{
        struct plan *plan = item;
        sl_plans_free(&plan->events, NULL);
        free(plan);
}

static enum sl_rc decode_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                              struct sl_err *err sl_unused)
{
        struct decode *st = state;
        st->cfg = config;
        return SL_OK;
}

static void decode_close(void *state)
{
        struct decode *st = state;
        sl_plans_free(&st->plans, free_plan);
        *st = (struct decode){0};
}

static sl_cold enum sl_rc make_plan(struct decode *st, const struct sl_schema *s, struct sl_err *err)
{
        struct plan at = {0};
        SL_TRY(sl_struct_index(s, "message", SL_NULL, &at.message, err));
        const struct sl_schema *message = s->fields[at.message].schema;
        if (message->type != SL_STRUCT) {
                struct sl_value v = {.type = (uint8_t)message->type};
                return sl_need_struct(message, &v, "Retrieve content of a logical decoding message", err);
        }
        int content = sl_schema_field(message, "content", 7), op = sl_schema_field(s, "op", 2);
        if (content < 0)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The message has no field content");
        if (message->fields[content].schema->type != SL_BYTES)
                return SL_FAIL_AS(err, SL_JAVA_DEBEZIUM, "The content of a logical decoding message is non-binary");
        at.content = (uint32_t)content;
        at.op = op < 0 ? UINT32_MAX : (uint32_t)op;
        struct plan *plan = sl_malloc(sizeof(*plan));
        *plan = at;
        sl_plans_put(&st->plans, s, plan);
        return SL_OK;
}

static enum sl_rc read_content(const struct decode *st, const struct sl_value *content, struct sl_arena *arena,
                               const struct sl_schema **schema, struct sl_value *ret, struct sl_err *err)
{
        struct sl_str text = sl_v_as_str(content);
        const char *why;
        if (content->type == SL_NULL)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The content of the message is null");
        if (!text.len || (*text.ptr != '{' && *text.ptr != '['))
                return SL_FAIL_AS(err, SL_JAVA_DEBEZIUM,
                                  "Unable to parse logical decoding message content JSON string '%.*s'", SL_FMT(text));
        if (!sl_utf8_valid(text))
                return SL_FAIL_AS(err, SL_JAVA_DEBEZIUM, "The content of a logical decoding message is not UTF-8");
        switch (sl_jsondata_read(text, NULL, st->cfg->keep_null, arena, schema, ret, &why)) {
        case SL_JSONDATA_OK:
                break;
        case SL_JSONDATA_TEXT:
                return SL_FAIL_AS(err, SL_JAVA_DEBEZIUM, "The content of a logical decoding message is no JSON: %s",
                                  why);
        case SL_JSONDATA_SHAPE:
                return SL_FAIL_AS(err, SL_JAVA_CONNECT, "The content of a logical decoding message has no schema: %s",
                                  why);
        case SL_JSONDATA_FIT:
                return sl_fail(err, SL_E_TRANSFORM, "The content of a logical decoding message has no schema: %s", why);
        }
        if (!*schema || (*schema)->type != SL_STRUCT)
                return sl_fail(err, SL_E_TRANSFORM, "Not a struct schema: Schema{ARRAY}");
        return SL_OK;
}

/* The message's fields without `message`, and `after`. */
static sl_cold enum sl_rc make_event(struct plan *plan, const struct sl_schema *s, const struct sl_schema *content,
                                     struct sl_arena *arena, struct sl_err *err)
{
        struct sl_field *fields = sl_arena_alloc(arena, (s->field_count + 1) * sizeof(*fields));
        struct sl_schema out = {.type = SL_STRUCT, .name = MESSAGE_VALUE ".Envelope", .fields = fields};
        for (uint32_t i = 0; i < s->field_count; i++)
                if (i != plan->message)
                        fields[out.field_count++] = s->fields[i];
        SL_TRY(sl_add_field(&out, fields, "after", content, err));
        sl_plans_put(&plan->events, content, (void *)sl_schema_intern(&out));
        return SL_OK;
}

static enum sl_rc decode_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct decode *st = state;
        const struct sl_schema *s = rec->value_schema, *content;
        struct sl_value after;
        uint32_t n = 0;
        if (!s || !s->name || strcmp(s->name, MESSAGE_VALUE) != 0)
                return SL_OK;
        SL_TRY(sl_need_struct(s, &rec->value, "Retrieve a record value", err));
        if (sl_unlikely(!sl_plans_get(&st->plans, s)))
                SL_TRY(make_plan(st, s, err));
        struct plan *plan = sl_plans_get(&st->plans, s);
        struct sl_value message = sl_struct_get(s, &rec->value, plan->message);
        SL_TRY(sl_need_struct(s, &message, "Retrieve content of a logical decoding message", err));
        SL_TRY(read_content(st, &message.items[plan->content], arena, &content, &after, err));
        if (sl_unlikely(!sl_plans_get(&plan->events, content)))
                SL_TRY(make_event(plan, s, content, arena, err));
        struct sl_value *items = sl_arena_alloc(arena, s->field_count * sizeof(*items));
        for (uint32_t i = 0; i < s->field_count; i++)
                if (i == plan->op)
                        items[n++] = sl_v_str(SL_STR("c"));
                else if (i != plan->message)
                        items[n++] = sl_struct_get(s, &rec->value, i);
        items[n++] = after;
        rec->value_schema = sl_plans_get(&plan->events, content);
        rec->value = sl_v_items(SL_STRUCT, items, n);
        rec->key_schema = NULL;
        rec->key = SL_V_NULL;
        return SL_OK;
}

static const struct sl_cfg_def decode_config[] = {
        {SL_CFG_BOOL(struct decode_cfg, keep_null, "fields.null.include"), .def = "false", .importance = SL_MEDIUM,
         .doc = "Keep members of the content that are null, as optional BYTES; otherwise they are left out."},
        {0},
};

static const char *const decode_aliases[] = {
        "io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent", NULL};

extern const struct sl_transform_ops sl_decode_message;
const struct sl_transform_ops sl_decode_message = {
        .name = "DecodeLogicalDecodingMessageContent",
        .aliases = decode_aliases,
        .config = decode_config,
        .config_size = sizeof(struct decode_cfg),
        .state_size = sizeof(struct decode),
        .open = decode_open,
        .apply = decode_apply,
        .close = decode_close,
};
