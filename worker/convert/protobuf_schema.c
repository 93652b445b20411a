/* SPDX-License-Identifier: Apache-2.0 */
/* A .proto message -> the Connect schema that Confluent's ProtobufConverter gives it, and the plan to read its bytes. Both are trees: a
 * message that is used in two places stands in each with the parameters of its field. A message that contains itself has no such tree
 * and is refused. */
#include <stdlib.h>

#include "convert/protobuf_plan.h"

struct builder {
        const struct pb_options *opt;
        struct sl_arena *arena;
        struct sl_err *err;
        uint32_t fields;
        int depth;
        const struct pb_message *open[2 * PB_DEPTH];
};

/* The parameters of a schema that is being made. */
struct params {
        struct sl_param *list;
        uint32_t count, cap;
};

/* Of equal names the last value counts: a schema's parameters are a map. */
static void add_param(struct builder *b, struct params *p, const char *name, const char *value)
{
        for (uint32_t i = 0; i < p->count; i++)
                if (strcmp(p->list[i].name, name) == 0) {
                        p->list[i].value = value;
                        return;
                }
        if (p->count == p->cap) {
                struct sl_param *more = sl_arena_alloc(b->arena, (p->cap + 8) * 2 * sizeof(*more));
                if (p->count)
                        memcpy(more, p->list, p->count * sizeof(*more));
                p->list = more;
                p->cap = (p->cap + 8) * 2;
        }
        p->list[p->count++] = (struct sl_param){name, value};
}

static enum sl_rc message_schema(struct builder *b, const struct pb_message *m, struct sl_schema *spec, const struct pb_reader **ret);
static enum sl_rc field_schema(struct builder *b, const struct pb_message *m, const struct pb_field *f, bool member,
                               const struct sl_schema **ret, struct pb_slot *slot);

/* ---- scalars ---- */

static const struct {
        const char *name;
        enum sl_type type;
} scalars[] = {
        [PB_DOUBLE] = {"double", SL_FLOAT64},    [PB_FLOAT] = {"float", SL_FLOAT32},     [PB_INT64] = {"int64", SL_INT64},
        [PB_UINT64] = {"uint64", SL_INT64},      [PB_INT32] = {"int32", SL_INT32},       [PB_FIXED64] = {"fixed64", SL_INT64},
        [PB_FIXED32] = {"fixed32", SL_INT64},    [PB_BOOL] = {"bool", SL_BOOLEAN},       [PB_STRING] = {"string", SL_STRING},
        [PB_BYTES] = {"bytes", SL_BYTES},        [PB_UINT32] = {"uint32", SL_INT64},     [PB_SFIXED32] = {"sfixed32", SL_INT32},
        [PB_SFIXED64] = {"sfixed64", SL_INT64},  [PB_SINT32] = {"sint32", SL_INT32},     [PB_SINT64] = {"sint64", SL_INT64},
};

static struct sl_value zero_of(enum sl_type type)
{
        if (type == SL_STRING || type == SL_BYTES)
                return (struct sl_value){.type = (uint8_t)type, .ptr = ""};
        if (type == SL_FLOAT32 || type == SL_FLOAT64)
                return sl_v_f64(type, 0);
        return sl_v_i64(type, 0);
}

/* proto2's [default = ...]. */
static enum sl_rc declared_default(struct builder *b, const struct pb_field *f, struct sl_value *v)
{
        struct sl_str text = sl_str_c(f->def);
        double number = 0;
        char *end;
        bool ok = true;
        switch ((enum sl_type)v->type) {
        case SL_STRING:
        case SL_BYTES:
                *v = (struct sl_value){.type = v->type, .len = (uint32_t)text.len, .ptr = sl_arena_strdup(b->arena, f->def)};
                break;
        case SL_BOOLEAN:
                v->b = sl_str_eqc(text, "true");
                break;
        case SL_FLOAT32:
        case SL_FLOAT64:
                if (sl_str_eqc(text, "inf") || sl_str_eqc(text, "-inf"))
                        number = text.ptr[0] == '-' ? -__builtin_inf() : __builtin_inf();
                else if (sl_str_eqc(text, "nan"))
                        number = __builtin_nan("");
                else
                        ok = sl_parse_f64(text, &number);
                *v = sl_v_f64((enum sl_type)v->type, v->type == SL_FLOAT32 ? (double)(float)number : number);
                break;
        default:
                v->i64 = text.ptr[0] == '-' ? strtoll(text.ptr, &end, 0) : (int64_t)strtoull(text.ptr, &end, 0);
                ok = text.len && !*end;
                if (v->type == SL_INT8)
                        v->i64 = (int8_t)v->i64;
                if (v->type == SL_INT16)
                        v->i64 = (int16_t)v->i64;
                break;
        }
        return ok ? SL_OK : sl_fail(b->err, SL_E_DECODE, "the default of the Protobuf field %s is %s, which does not fit its type", f->name,
                                    f->def);
}

static enum sl_rc scalar_schema(struct builder *b, const struct pb_field *f, struct sl_schema *spec, struct params *params,
                                struct pb_slot *slot)
{
        spec->type = scalars[f->type].type;
        if (spec->type == SL_INT32 && f->meta_type && strcmp(f->meta_type, "int8") == 0)
                spec->type = SL_INT8;
        else if (spec->type == SL_INT32 && f->meta_type && strcmp(f->meta_type, "int16") == 0)
                spec->type = SL_INT16;
        else if ((spec->type == SL_INT32 && f->type != PB_INT32) || (spec->type == SL_INT64 && f->type != PB_INT64))
                add_param(b, params, SL_PB_TYPE, scalars[f->type].name);
        slot->kind = PB_SCALAR;
        slot->type = (uint8_t)f->type;
        slot->def = zero_of(spec->type);
        return f->def ? declared_default(b, f, &slot->def) : SL_OK;
}

/* ---- enums ---- */

static enum sl_rc enum_schema(struct builder *b, const struct pb_field *f, struct sl_schema *spec, struct params *params,
                              struct pb_slot *slot)
{
        const struct pb_enum *e = f->enumeration;
        const char *param = b->opt->generalized ? SL_CONNECT_ENUM : SL_PB_ENUM;
        struct pb_symbol_name *names = sl_arena_alloc(b->arena, e->count * sizeof(*names));
        const struct pb_enum_value *def = e->values;
        uint32_t n = 0;
        spec->type = b->opt->int_enums ? SL_INT32 : SL_STRING;
        spec->name = b->opt->enhanced ? e->full : e->name;
        spec->optional = true;
        add_param(b, params, param, e->name);
        for (const struct pb_enum_value *v = e->values; v; v = v->next) {
                const char *key = sl_arena_printf(b->arena, "%s.%s", param, v->name);
                add_param(b, params, key, sl_arena_printf(b->arena, "%d", v->number));
                names[n++] = (struct pb_symbol_name){v->number, sl_str_c(sl_arena_strdup(b->arena, v->name))};
                if (f->def && strcmp(v->name, f->def) == 0)
                        def = v;
        }
        slot->kind = b->opt->int_enums ? PB_ENUM_NUMBER : PB_ENUM_NAME;
        slot->symbols = names;
        slot->symbol_count = n;
        slot->closed = e->closed;
        slot->enum_name = sl_arena_strdup(b->arena, e->name);
        slot->def = b->opt->int_enums ? sl_v_i64(SL_INT32, def->number) : sl_v_str(sl_str_c(sl_arena_strdup(b->arena, def->name)));
        return SL_OK;
}

/* ---- messages ---- */

static bool is_map(const struct pb_field *f)
{
        const struct pb_message *m = f->message;
        size_t n = strlen(m->name);
        if (!f->repeated || n < 5 || strcmp(m->name + n - 5, "Entry") != 0 || m->field_count != 2)
                return false;
        const struct pb_field *key = m->fields, *value = key->next;
        return strcmp(key->name, "key") == 0 && strcmp(value->name, "value") == 0 && !key->repeated && !value->repeated;
}

static enum sl_rc map_schema(struct builder *b, const struct pb_message *m, struct sl_schema *spec, struct pb_slot *slot)
{
        struct pb_reader *r = sl_arena_zalloc(b->arena, sizeof(*r));
        r->fields = sl_arena_zalloc(b->arena, 2 * sizeof(*r->fields));
        spec->type = SL_MAP;
        spec->name = sl_pb_map_field(b->arena, b->opt->enhanced ? m->full : m->name);
        SL_TRY(field_schema(b, m, m->fields, false, &spec->key, &r->fields[0]));
        SL_TRY(field_schema(b, m, m->fields->next, false, &spec->value, &r->fields[1]));
        r->fields[0].always = r->fields[1].always = true;
        r->fields[1].slot = 1;
        r->count = r->slots = 2;
        r->name = sl_arena_strdup(b->arena, m->name);
        if (r->fields[0].number > r->fields[1].number) {
                struct pb_slot key = r->fields[0];
                r->fields[0] = r->fields[1];
                r->fields[1] = key;
        }
        slot->kind = PB_MAP;
        slot->sub = r;
        return SL_OK;
}

static int32_t number_of(const char *text)
{
        int64_t v;
        return text && sl_parse_i64(sl_str_c(text), &v) && v == (int32_t)v ? (int32_t)v : 0;
}

static void decimal_schema(struct builder *b, const struct pb_field *f, struct sl_schema *spec, struct params *params,
                           struct pb_slot *slot)
{
        int64_t precision;
        slot->scale = number_of(f->scale);
        spec->type = SL_BYTES;
        add_param(b, params, "scale", sl_arena_printf(b->arena, "%d", slot->scale));
        if (f->precision && sl_parse_i64(sl_str_c(f->precision), &precision))
                add_param(b, params, "connect.decimal.precision", sl_arena_printf(b->arena, "%d", (int)precision));
}

static bool logical_schema(struct builder *b, const struct pb_field *f, struct sl_schema *spec, struct params *params,
                           struct pb_slot *slot)
{
        static const struct {
                const char *message, *name;
                enum sl_type type;
                enum pb_kind kind;
        } logical[] = {
                {"confluent.type.Decimal", SL_NAME_DECIMAL, SL_BYTES, PB_DECIMAL},
                {"google.type.Date", SL_NAME_DATE, SL_INT32, PB_DATE},
                {"google.type.TimeOfDay", SL_NAME_TIME, SL_INT32, PB_TIME},
                {"google.protobuf.Timestamp", SL_NAME_TIMESTAMP, SL_INT64, PB_TIMESTAMP},
        };
        for (size_t i = 0; i < sizeof(logical) / sizeof(*logical); i++) {
                if (strcmp(f->message->full, logical[i].message) != 0)
                        continue;
                spec->type = logical[i].type;
                spec->name = logical[i].name;
                spec->version = 1;
                slot->kind = (uint8_t)logical[i].kind;
                if (logical[i].kind == PB_DECIMAL)
                        decimal_schema(b, f, spec, params, slot);
                return true;
        }
        return false;
}

static enum sl_rc type_schema(struct builder *b, const struct pb_field *f, struct sl_schema *spec, struct params *params,
                              struct pb_slot *slot)
{
        if (f->type == PB_ENUM)
                return enum_schema(b, f, spec, params, slot);
        if (f->type != PB_MESSAGE)
                return scalar_schema(b, f, spec, params, slot);
        spec->optional = true;
        enum pb_type wrapped = sl_pb_wrapped(f->message->full);
        if (logical_schema(b, f, spec, params, slot))
                return SL_OK;
        if (b->opt->wrapper_nullables && wrapped != PB_NAMED) {
                spec->type = scalars[wrapped].type;
                slot->kind = PB_WRAPPED;
                slot->type = (uint8_t)wrapped;
                return SL_OK;
        }
        if (is_map(f))
                return map_schema(b, f->message, spec, slot);
        slot->kind = PB_STRUCT;
        return message_schema(b, f->message, spec, &slot->sub);
}

/* ---- fields ---- */

/* The word optional stands for presence, in proto2 and proto3. */
static bool has_optional(const struct pb_message *m, const struct pb_field *f)
{
        return f->oneof < 0 && !f->repeated && !f->required && (f->optional || !m->proto3);
}

static void set_presence(struct builder *b, const struct pb_message *m, const struct pb_field *f, struct pb_slot *slot)
{
        bool nullable = m->proto3 ? f->optional : b->opt->optional_proto2 && has_optional(m, f);
        bool scalar = f->type != PB_MESSAGE || f->repeated;
        slot->required = f->required;
        slot->always = (scalar && !nullable && f->oneof < 0) || (b->opt->struct_nulls && f->oneof < 0);
}

static enum sl_rc field_schema(struct builder *b, const struct pb_message *m, const struct pb_field *f, bool member,
                               const struct sl_schema **ret, struct pb_slot *slot)
{
        struct sl_schema spec = {0};
        struct params params = {0};
        if (++b->fields > PB_FIELDS)
                return sl_fail(b->err, SL_E_DECODE, "the Protobuf message has more than %d fields, nested ones counted where they stand",
                               PB_FIELDS);
        slot->number = f->number;
        slot->name = sl_arena_strdup(b->arena, f->name);
        slot->member = slot->group = -1;
        SL_TRY(type_schema(b, f, &spec, &params, slot));
        slot->value_type = (uint8_t)spec.type;
        slot->repeated = f->repeated;
        set_presence(b, m, f, slot);
        if (slot->kind == PB_WRAPPED)
                slot->def = zero_of(spec.type);
        if (f->repeated && spec.type != SL_MAP) {
                spec.optional = true;
                spec.params = params.list;
                spec.param_count = params.count;
                spec = (struct sl_schema){.type = SL_ARRAY, .value = sl_schema_intern(&spec), .optional = true};
                params = (struct params){0};
        }
        if (member) {
                spec.optional = true;
                if (slot->kind == PB_WRAPPED)
                        add_param(b, &params, SL_PB_WRAPPER, "true");
        } else if (b->opt->optional_nullables) {
                spec.optional = spec.optional || has_optional(m, f);
        } else if (!b->opt->wrapper_nullables) {
                spec.optional = true;
        }
        add_param(b, &params, SL_PB_TAG, sl_arena_printf(b->arena, "%u", f->number));
        spec.params = params.list;
        spec.param_count = params.count;
        *ret = sl_schema_intern(&spec);
        return SL_OK;
}

/* ---- structs ---- */

struct fields {
        struct sl_field *list;
        uint32_t count;
        struct pb_reader *r;
};

static void add_field(struct builder *b, struct fields *to, const char *name, const struct sl_schema *s)
{
        to->list[to->count++] = (struct sl_field){sl_arena_strdup(b->arena, name), 0, s};
}

static enum sl_rc add_union(struct builder *b, const struct pb_message *m, const struct pb_oneof *o, int32_t at, struct fields *to)
{
        struct sl_field *members = sl_arena_alloc(b->arena, (m->field_count + 1) * sizeof(*members));
        struct sl_param name = {SL_CONNECT_UNION, o->name};
        struct sl_schema spec = {.type = SL_STRUCT, .optional = true, .fields = members};
        uint32_t from = to->r->count;
        for (const struct pb_field *f = m->fields; f; f = f->next) {
                if (f->oneof != at)
                        continue;
                struct pb_slot *slot = &to->r->fields[to->r->count++];
                const struct sl_schema *s;
                SL_TRY(field_schema(b, m, f, true, &s, slot));
                slot->group = at;
                slot->slot = to->count;
                if (b->opt->flatten_unions) {
                        add_field(b, to, f->name, s);
                        continue;
                }
                slot->member = (int32_t)spec.field_count;
                members[spec.field_count++] = (struct sl_field){slot->name, 0, s};
        }
        if (b->opt->flatten_unions)
                return SL_OK;
        for (uint32_t i = from; i < to->r->count; i++)
                to->r->fields[i].union_size = spec.field_count;
        if (b->opt->generalized) {
                spec.name = o->name;
                spec.params = &name;
                spec.param_count = 1;
        } else {
                spec.name = b->opt->enhanced ? sl_arena_printf(b->arena, SL_PB_UNION ".%s.%s", m->full, o->name)
                                             : sl_arena_printf(b->arena, SL_PB_UNION ".%s", o->name);
        }
        add_field(b, to, b->opt->union_index ? sl_arena_printf(b->arena, "%s_%d", o->name, at) : o->name, sl_schema_intern(&spec));
        return SL_OK;
}

static int by_number(const void *x, const void *y)
{
        const struct pb_slot *a = x, *b = y;
        return a->number < b->number ? -1 : a->number > b->number;
}

static enum sl_rc add_fields(struct builder *b, const struct pb_message *m, struct fields *to)
{
        int32_t at = 0;
        for (const struct pb_oneof *o = m->oneofs; o; o = o->next, at++)
                SL_TRY(add_union(b, m, o, at, to));
        for (const struct pb_field *f = m->fields; f; f = f->next) {
                const struct sl_schema *s;
                if (f->oneof >= 0)
                        continue;
                struct pb_slot *slot = &to->r->fields[to->r->count++];
                SL_TRY(field_schema(b, m, f, false, &s, slot));
                slot->slot = to->count;
                add_field(b, to, f->name, s);
        }
        for (uint32_t i = 0; i < to->count; i++)
                for (uint32_t k = 0; k < i; k++)
                        if (strcmp(to->list[i].name, to->list[k].name) == 0)
                                return sl_fail(b->err, SL_E_DECODE, "Cannot create field because of field name duplication %s (message %s)",
                                               to->list[i].name, m->full);
        return SL_OK;
}

static enum sl_rc message_schema(struct builder *b, const struct pb_message *m, struct sl_schema *spec, const struct pb_reader **ret)
{
        struct pb_reader *r = sl_arena_zalloc(b->arena, sizeof(*r));
        for (int i = 0; i < b->depth; i++)
                if (b->open[i] == m)
                        return sl_fail(b->err, SL_E_DECODE, "the Protobuf message %s contains itself, which no Connect schema can say here",
                                       m->full);
        if (b->depth >= 2 * PB_DEPTH)
                return sl_fail(b->err, SL_E_DECODE, "the Protobuf message %s is nested too deep", m->full);
        b->open[b->depth++] = m;
        size_t n = m->field_count + m->oneof_count + 1;
        struct fields to = {.list = sl_arena_alloc(b->arena, n * sizeof(*to.list)), .r = r};
        r->fields = sl_arena_zalloc(b->arena, n * sizeof(*r->fields));
        r->name = sl_arena_strdup(b->arena, m->name);
        SL_TRY(add_fields(b, m, &to));
        b->depth--;
        r->slots = to.count;
        qsort(r->fields, r->count, sizeof(*r->fields), by_number);
        spec->type = SL_STRUCT;
        spec->name = b->opt->enhanced ? m->full : m->name;
        spec->fields = to.list;
        spec->field_count = to.count;
        *ret = r;
        return SL_OK;
}

enum sl_rc sl_pb_schema(const struct pb_options *opt, const struct pb_message *m, int32_t version, struct sl_arena *arena,
                        const struct pb_reader **ret, const struct sl_schema **ret_schema, struct sl_err *err)
{
        struct builder b = {.opt = opt, .arena = arena, .err = err};
        struct sl_schema spec = {0};
        enum pb_type wrapped = sl_pb_wrapped(m->full);
        if (opt->wrapper_raw && wrapped != PB_NAMED) {
                struct pb_reader *r = sl_arena_zalloc(arena, sizeof(*r));
                spec.type = scalars[wrapped].type;
                r->fields = sl_arena_zalloc(arena, sizeof(*r->fields));
                *r->fields = (struct pb_slot){.number = 1, .kind = PB_SCALAR, .type = (uint8_t)wrapped, .value_type = (uint8_t)spec.type,
                                              .always = true, .member = -1, .group = -1, .def = zero_of(spec.type), .name = "value"};
                r->count = r->slots = 1;
                r->bare = true;
                r->name = "value";
                *ret = r;
        } else {
                SL_TRY(message_schema(&b, m, &spec, ret));
        }
        spec.version = version;
        *ret_schema = sl_schema_intern(&spec);
        return SL_OK;
}
