/* SPDX-License-Identifier: Apache-2.0 */
/* Connect schema and the messages made for it -> the plan that rows are written by. Fields are found in their message by name, as Java
 * does, so that a schema that shares another's message (two structs of one name) is bound to what that message has, or refused. */
#include <stdlib.h>

#include "convert/protobuf_plan.h"

struct binder {
        const struct pb_options *opt;
        struct sl_arena *arena;
        struct sl_err *err;
        uint32_t fields;
        int depth;
};

static enum sl_rc bind_message(struct binder *b, const struct sl_schema *s, const struct pb_message *m, const struct pb_writer **ret);

static int by_number(const void *x, const void *y)
{
        const struct pb_step *a = x, *b = y;
        uint32_t m = 0, n = 0;
        for (int i = a->tag_len; i-- > 0;)
                m = m << 7 | (a->tag[i] & 127);
        for (int i = b->tag_len; i-- > 0;)
                n = n << 7 | (b->tag[i] & 127);
        return m < n ? -1 : m > n;
}

static uint32_t wire_type(const struct pb_step *s)
{
        if (s->packed || s->kind == PB_WRAPPED || s->kind == PB_STRUCT || s->kind == PB_MAP || s->kind >= PB_DECIMAL)
                return 2;
        if (s->kind == PB_ENUM_NAME || s->kind == PB_ENUM_NUMBER)
                return 0;
        switch ((enum pb_type)s->type) {
        case PB_DOUBLE:
        case PB_FIXED64:
        case PB_SFIXED64:
                return 1;
        case PB_FLOAT:
        case PB_FIXED32:
        case PB_SFIXED32:
                return 5;
        case PB_STRING:
        case PB_BYTES:
                return 2;
        default:
                return 0;
        }
}

static void set_tag(struct pb_step *s, uint32_t number)
{
        uint32_t v = number << 3 | wire_type(s);
        for (s->tag_len = 0; v > 127; v >>= 7)
                s->tag[s->tag_len++] = (uint8_t)(v | 128);
        s->tag[s->tag_len++] = (uint8_t)v;
}

/* Does a value of this type fit this scalar? Sharing a message by name can bring strangers together. */
static bool fits(enum sl_type value, enum pb_type type)
{
        switch (type) {
        case PB_DOUBLE:
                return value == SL_FLOAT64;
        case PB_FLOAT:
                return value == SL_FLOAT32;
        case PB_BOOL:
                return value == SL_BOOLEAN;
        case PB_STRING:
                return value == SL_STRING;
        case PB_BYTES:
                return value == SL_BYTES;
        case PB_INT32:
        case PB_SINT32:
        case PB_SFIXED32:
                return value == SL_INT8 || value == SL_INT16 || value == SL_INT32;
        case PB_UINT32:
        case PB_FIXED32:
                return value == SL_INT32 || value == SL_INT64;
        case PB_INT64:
        case PB_UINT64:
        case PB_SINT64:
        case PB_FIXED64:
        case PB_SFIXED64:
                return value == SL_INT64;
        default:
                return false;
        }
}

static enum sl_rc no_fit(struct binder *b, const struct pb_message *m, const char *name)
{
        return sl_fail(b->err, SL_E_CONVERT, "two structs share the Protobuf message %s, but their fields %s differ; give one of their "
                                             "schemas another name", m->full, name);
}

/* What stands for one value of schema s in field f. */
static enum sl_rc bind_value(struct binder *b, const struct sl_schema *s, const struct pb_message *m, const struct pb_field *f,
                             struct pb_step *to)
{
        static const uint8_t logical[] = {[SL_LOGICAL_DECIMAL] = PB_DECIMAL, [SL_LOGICAL_DATE] = PB_DATE, [SL_LOGICAL_TIME] = PB_TIME,
                                          [SL_LOGICAL_TIMESTAMP] = PB_TIMESTAMP};
        static const char *const names[] = {[SL_LOGICAL_DECIMAL] = "confluent.type.Decimal", [SL_LOGICAL_DATE] = "google.type.Date",
                                            [SL_LOGICAL_TIME] = "google.type.TimeOfDay",
                                            [SL_LOGICAL_TIMESTAMP] = "google.protobuf.Timestamp"};
        to->value_type = (uint8_t)s->type;
        to->schema = s;
        to->scale = s->decimal_scale;
        if (s->logical != SL_LOGICAL_NONE) {
                to->kind = logical[s->logical];
                return strcmp(f->type_name, names[s->logical]) == 0 ? SL_OK : no_fit(b, m, f->name);
        }
        if (s->type == SL_STRUCT || s->type == SL_MAP) {
                to->kind = s->type == SL_STRUCT ? PB_STRUCT : PB_MAP;
                return f->message ? bind_message(b, s, f->message, &to->sub) : no_fit(b, m, f->name);
        }
        if (sl_pb_enum_param(b->opt, s)) {
                to->kind = s->type == SL_STRING ? PB_ENUM_NAME : PB_ENUM_NUMBER;
                to->enumeration = f->enumeration;
                return f->enumeration ? SL_OK : no_fit(b, m, f->name);
        }
        enum pb_type wrapped = f->type == PB_MESSAGE ? sl_pb_wrapped(f->type_name) : PB_NAMED;
        to->kind = wrapped != PB_NAMED ? PB_WRAPPED : PB_SCALAR;
        to->type = (uint8_t)(wrapped != PB_NAMED ? wrapped : f->type);
        return fits(s->type, (enum pb_type)to->type) ? SL_OK : no_fit(b, m, f->name);
}

static const struct pb_field *field_named(const struct pb_message *m, const char *name)
{
        const struct pb_field *f = m->fields;
        while (f && strcmp(f->name, name) != 0)
                f = f->next;
        return f;
}

static enum sl_rc bind_field(struct binder *b, const struct sl_schema *s, const struct pb_message *m, const char *name,
                             struct pb_step *to)
{
        const struct pb_field *f = field_named(m, sl_pb_scrub(b->opt, b->arena, name));
        if (!f)
                return no_fit(b, m, name);
        if (++b->fields > PB_FIELDS)
                return sl_fail(b->err, SL_E_CONVERT, "a schema has more than %d fields, nested ones counted", PB_FIELDS);
        to->name = name;
        to->member = -1;
        to->repeated = s->type == SL_ARRAY;
        if (f->repeated != (s->type == SL_ARRAY || s->type == SL_MAP))
                return no_fit(b, m, name);
        to->def = s->has_default && !b->opt->ignore_default ? &s->def : NULL;
        SL_TRY(bind_value(b, s->type == SL_ARRAY ? s->value : s, m, f, to));
        to->presence = f->optional || f->oneof >= 0;
        to->packed = to->repeated && (to->kind == PB_ENUM_NAME || to->kind == PB_ENUM_NUMBER ||
                                      (to->kind == PB_SCALAR && to->type != PB_STRING && to->type != PB_BYTES));
        set_tag(to, f->number);
        return SL_OK;
}

static enum sl_rc bind_union(struct binder *b, const struct sl_schema *s, const struct pb_message *m, uint32_t slot,
                             struct pb_writer *w)
{
        struct pb_step *members = sl_arena_zalloc(b->arena, s->field_count * sizeof(*members));
        for (uint32_t i = 0; i < s->field_count; i++) {
                SL_TRY(bind_field(b, s->fields[i].schema, m, s->fields[i].name, &members[i]));
                members[i].slot = slot;
                members[i].member = (int32_t)i;
                members[i].members = members;
                w->steps[w->count++] = members[i];
        }
        return SL_OK;
}

static uint32_t steps_of(const struct sl_schema *s)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < s->field_count; i++)
                n += sl_pb_is_union(s->fields[i].schema) ? s->fields[i].schema->field_count : 1;
        return n;
}

static enum sl_rc bind_fields(struct binder *b, const struct sl_schema *s, const struct pb_message *m, struct pb_writer *w)
{
        if (s->type == SL_MAP) {
                w->fields = 2;
                w->steps = sl_arena_zalloc(b->arena, 2 * sizeof(*w->steps));
                SL_TRY(bind_field(b, s->key, m, "key", &w->steps[0]));
                SL_TRY(bind_field(b, s->value, m, "value", &w->steps[1]));
                w->steps[0].def = w->steps[1].def = NULL;
                w->steps[1].slot = 1;
                w->count = 2;
                return SL_OK;
        }
        w->fields = s->field_count;
        w->steps = sl_arena_zalloc(b->arena, steps_of(s) * sizeof(*w->steps));
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct sl_field *f = &s->fields[i];
                if (sl_pb_is_union(f->schema)) {
                        SL_TRY(bind_union(b, f->schema, m, i, w));
                        continue;
                }
                SL_TRY(bind_field(b, f->schema, m, f->name, &w->steps[w->count]));
                w->steps[w->count++].slot = i;
        }
        return SL_OK;
}

static enum sl_rc bind_message(struct binder *b, const struct sl_schema *s, const struct pb_message *m, const struct pb_writer **ret)
{
        struct pb_writer *w = sl_arena_zalloc(b->arena, sizeof(*w));
        if (++b->depth > 2 * PB_DEPTH)
                return sl_fail(b->err, SL_E_CONVERT, "a schema is nested too deep");
        SL_TRY(bind_fields(b, s, m, w));
        b->depth--;
        if (w->count)
                qsort(w->steps, w->count, sizeof(*w->steps), by_number);
        *ret = w;
        return SL_OK;
}

static enum sl_rc bind_bare(struct binder *b, const struct sl_schema *s, struct pb_writer **ret)
{
        struct pb_writer *w = sl_arena_zalloc(b->arena, sizeof(*w));
        uint32_t index;
        const char *wrapper = sl_pb_wrapper_of(s->type, &index);
        if (!wrapper || s->logical != SL_LOGICAL_NONE)
                return sl_fail(b->err, SL_E_CONVERT, "a whole key or value must be a struct, a string, bytes, a boolean or a number to be "
                                                     "written as Protobuf, not %s; put it into a struct (HoistField)",
                               s->logical ? s->name : sl_type_name(s->type));
        w->steps = sl_arena_zalloc(b->arena, sizeof(*w->steps));
        *w->steps = (struct pb_step){.kind = PB_SCALAR, .type = (uint8_t)sl_pb_wrapped(wrapper), .value_type = (uint8_t)s->type,
                                     .member = -1, .schema = s, .name = "value"};
        set_tag(w->steps, 1);
        w->count = w->fields = 1;
        w->bare = true;
        *ret = w;
        return SL_OK;
}

enum sl_rc sl_pb_bind(const struct pb_options *opt, const struct sl_schema *schema, const struct pb_file *file, struct sl_arena *arena,
                      struct pb_writer **ret, struct sl_err *err)
{
        struct binder b = {.opt = opt, .arena = arena, .err = err};
        const struct pb_writer *w = NULL;
        if (!file)
                return bind_bare(&b, schema, ret);
        SL_TRY(bind_message(&b, schema, file->messages, &w));
        *ret = (struct pb_writer *)w;
        return SL_OK;
}
