/* SPDX-License-Identifier: Apache-2.0 */
/* Connect schema -> .proto: the messages that Confluent's ProtobufConverter makes, and the text that it registers for them. Names, field
 * numbers, the places of nested messages and the spaces in the text are those of ProtobufData and ProtobufSchema 8.x, because a registry
 * compares texts. What Java would give up on with an internal error is refused with a sentence. */
#include "convert/protobuf.h"

#include <strings.h>

struct maker {
        const struct pb_options *opt;
        struct sl_arena *arena;
        struct pb_file *file;
        struct sl_err *err;
        uint32_t unnamed;
};

/* ---- names ---- */

static bool plain_char(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* What java.net.URLEncoder leaves or makes of a name, with every character that no name may have as an underscore. */
const char *sl_pb_scrub(const struct pb_options *opt, struct sl_arena *arena, const char *name)
{
        bool good = (*name < '0' || *name > '9') && *name != '_';
        for (const char *p = name; *p; p++)
                good = good && plain_char(*p);
        if (!opt->scrub || !*name || good)
                return name;
        char *to = sl_arena_alloc(arena, 3 * strlen(name) + 2), *w = to;
        if ((*name >= '0' && *name <= '9') || *name == '_')
                *w++ = 'x';
        for (const char *p = name; *p; p++) {
                unsigned char c = (unsigned char)*p;
                if (plain_char(*p)) {
                        *w++ = *p;
                } else if (*p == ' ' || *p == '-' || *p == '.' || *p == '*') {
                        *w++ = '_';
                } else {
                        *w++ = '_';
                        *w++ = "0123456789ABCDEF"[c >> 4];
                        *w++ = "0123456789ABCDEF"[c & 15];
                }
        }
        *w = 0;
        return to;
}

bool sl_pb_is_union(const struct sl_schema *schema)
{
        if (schema->type != SL_STRUCT)
                return false;
        return (schema->name && strncmp(schema->name, SL_PB_UNION, sizeof(SL_PB_UNION) - 1) == 0) ||
               sl_schema_param(schema, SL_CONNECT_UNION);
}

const char *sl_pb_enum_param(const struct pb_options *opt, const struct sl_schema *schema)
{
        if (schema->type == SL_INT32)
                return sl_schema_param(schema, SL_PB_ENUM) ? SL_PB_ENUM : NULL;
        if (schema->type != SL_STRING || (!sl_schema_param(schema, SL_PB_ENUM) && !sl_schema_param(schema, SL_CONNECT_ENUM)))
                return NULL;
        return opt->generalized ? SL_CONNECT_ENUM : SL_PB_ENUM;
}

/* The name, or ConnectDefault1, 2, 3 in the order of asking. */
static const char *name_or_default(struct maker *m, const char *name)
{
        return name && *name ? name : sl_arena_printf(m->arena, "ConnectDefault%u", ++m->unnamed);
}

static const char *unqualified(struct maker *m, const char *name)
{
        const char *full = name_or_default(m, name), *dot = strrchr(full, '.');
        return sl_pb_scrub(m->opt, m->arena, dot ? dot + 1 : full);
}

static enum sl_rc check_name(struct maker *m, const char *name)
{
        bool good = *name && (*name < '0' || *name > '9');
        for (const char *p = name; *p; p++)
                good = good && plain_char(*p);
        if (good)
                return SL_OK;
        return sl_fail(m->err, SL_E_CONVERT, "%s is no name in Protobuf; rename it, or set scrub.invalid.names to true", name);
}

/* ---- types ---- */

static bool wrapped(const struct maker *m, const struct sl_schema *s, bool member)
{
        const char *marker = member ? sl_schema_param(s, SL_PB_WRAPPER) : "true";
        return m->opt->wrapper_nullables && s->optional && marker && strcasecmp(marker, "true") == 0;
}

static const char *logical_type(const struct sl_schema *s)
{
        static const char *const types[] = {
                [SL_LOGICAL_NONE] = NULL,
                [SL_LOGICAL_DECIMAL] = "confluent.type.Decimal",
                [SL_LOGICAL_DATE] = "google.type.Date",
                [SL_LOGICAL_TIME] = "google.type.TimeOfDay",
                [SL_LOGICAL_TIMESTAMP] = "google.protobuf.Timestamp",
        };
        return types[s->logical];
}

static const char *import_of(const char *type)
{
        static const char *const imports[][2] = {
                {"confluent.type.Decimal", "confluent/type/decimal.proto"},
                {"google.type.Date", "google/type/date.proto"},
                {"google.type.TimeOfDay", "google/type/timeofday.proto"},
                {"google.protobuf.Timestamp", "google/protobuf/timestamp.proto"},
        };
        for (size_t i = 0; i < sizeof(imports) / sizeof(*imports); i++)
                if (strcmp(type, imports[i][0]) == 0)
                        return imports[i][1];
        return sl_pb_wrapped(type) != PB_NAMED ? "google/protobuf/wrappers.proto" : NULL;
}

static void add_import(struct maker *m, const char *name)
{
        for (const struct pb_import *i = m->file->imports; i; i = i->next)
                if (strcmp(i->name, name) == 0)
                        return;
        struct pb_import *i = sl_arena_zalloc(m->arena, sizeof(*i));
        i->name = name;
        *m->file->import_tail = i;
        m->file->import_tail = &i->next;
}

/* The scalar of an integer schema: the one that it was read from, if it says so. */
static enum sl_rc integer_type(struct maker *m, const struct sl_schema *s, const char **ret)
{
        const char *type = sl_schema_param(s, SL_PB_TYPE);
        if (!type)
                return SL_OK;
        enum pb_type t = sl_pb_scalar(type);
        bool narrow = t == PB_INT32 || t == PB_SINT32 || t == PB_SFIXED32 || t == PB_UINT32 || t == PB_FIXED32;
        bool wide = t == PB_INT64 || t == PB_SINT64 || t == PB_SFIXED64 || t == PB_UINT64 || t == PB_FIXED64 || t == PB_UINT32 ||
                    t == PB_FIXED32;
        if (s->type == SL_INT32 ? !narrow : !wide)
                return sl_fail(m->err, SL_E_CONVERT, "the parameter " SL_PB_TYPE " of a schema is %s, which is no type for %s", type,
                               sl_type_name(s->type));
        *ret = type;
        return SL_OK;
}

static enum sl_rc scalar_type(struct maker *m, const struct sl_schema *s, bool member, const char **ret)
{
        static const char *const names[SL_TYPE_COUNT] = {
                [SL_BOOLEAN] = "bool", [SL_INT8] = "int32",    [SL_INT16] = "int32",    [SL_INT32] = "int32",   [SL_INT64] = "int64",
                [SL_FLOAT32] = "float", [SL_FLOAT64] = "double", [SL_STRING] = "string", [SL_BYTES] = "bytes",
        };
        uint32_t unused;
        *ret = names[s->type];
        if (s->type == SL_INT32 || s->type == SL_INT64)
                SL_TRY(integer_type(m, s, ret));
        if (!wrapped(m, s, member))
                return SL_OK;
        enum pb_type t = sl_pb_scalar(*ret);
        if (t == PB_UINT32 || t == PB_FIXED32)
                *ret = s->type == SL_INT64 ? "google.protobuf.UInt32Value" : "google.protobuf.Int32Value";
        else if (t == PB_UINT64 || t == PB_FIXED64)
                *ret = "google.protobuf.UInt64Value";
        else
                *ret = sl_pb_wrapper_of(s->type, &unused);
        return SL_OK;
}

static enum sl_rc type_name(struct maker *m, const struct sl_schema *s, const char *field, bool member, const char **ret)
{
        *ret = logical_type(s);
        if (*ret)
                return SL_OK;
        const char *param = sl_pb_enum_param(m->opt, s);
        if (param) {
                *ret = sl_schema_param(s, param);
                return *ret ? SL_OK
                            : sl_fail(m->err, SL_E_CONVERT, "the field %s is an enum without the parameter %s; set "
                                                            "generalized.sum.type.support as it was where the record came from",
                                      field, param);
        }
        if (s->type == SL_ARRAY)
                return sl_fail(m->err, SL_E_CONVERT, "the field %s is an array of arrays, which Protobuf does not have", field);
        if (s->type == SL_MAP) {
                *ret = sl_pb_map_entry(m->arena, unqualified(m, s->name));
                return check_name(m, *ret);
        }
        if (s->type == SL_STRUCT) {
                if (s->name && strcmp(s->name, SL_CONNECT_VARIANT) == 0)
                        return sl_fail(m->err, SL_E_CONVERT, "the field %s is a Variant, which this converter does not write", field);
                *ret = unqualified(m, s->name);
                if (strcmp(*ret, field) == 0)
                        *ret = sl_arena_printf(m->arena, "%sMessage", *ret);
                return check_name(m, *ret);
        }
        return scalar_type(m, s, member, ret);
}

/* ---- fields and messages ---- */

static enum sl_rc make_message(struct maker *m, const struct sl_schema *s, struct pb_message *to, int depth);
static enum sl_rc make_field(struct maker *m, struct pb_message *to, const struct sl_schema *s, const char *name, uint32_t number,
                             int32_t oneof, int depth);

static enum sl_rc tag_of(struct maker *m, const struct sl_schema *s, const char *name, uint32_t *ret)
{
        const char *text = sl_schema_param(s, SL_PB_TAG);
        int64_t tag;
        if (!text)
                return SL_OK;
        if (!sl_parse_i64(sl_str_c(text), &tag) || tag < 1 || tag > 536870911 || (tag >= 19000 && tag <= 19999))
                return sl_fail(m->err, SL_E_CONVERT, "the parameter " SL_PB_TAG " of the field %s is %s, which is no field number", name,
                               text);
        *ret = (uint32_t)tag;
        return SL_OK;
}

static struct pb_message *nested(struct maker *m, struct pb_message *to, const char *name)
{
        struct pb_message *n = sl_pb_message_new(m->arena, name, to, NULL);
        n->proto3 = true;
        *to->message_tail = n;
        to->message_tail = &n->next;
        return n;
}

static struct pb_message *message_named(struct pb_message *list, const char *name)
{
        for (; list; list = list->next)
                if (strcmp(list->name, name) == 0)
                        return list;
        return NULL;
}

static enum sl_rc make_oneof(struct maker *m, struct pb_message *to, const struct sl_schema *s, int depth)
{
        const char *name = m->opt->generalized ? sl_schema_param(s, SL_CONNECT_UNION) : NULL;
        size_t prefix = sizeof(SL_PB_UNION); /* with the dot */
        if (!m->opt->generalized && s->name && strlen(s->name) > prefix && strncmp(s->name, SL_PB_UNION ".", prefix) == 0)
                name = unqualified(m, s->name + prefix);
        if (!name)
                return sl_fail(m->err, SL_E_CONVERT, "a union does not say its name; set generalized.sum.type.support as it was where "
                                                     "the record came from");
        SL_TRY(check_name(m, name));
        struct pb_oneof *o = sl_arena_zalloc(m->arena, sizeof(*o));
        o->name = name;
        *to->oneof_tail = o;
        to->oneof_tail = &o->next;
        int32_t at = (int32_t)to->oneof_count++;
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct sl_field *f = &s->fields[i];
                uint32_t number = 0;
                SL_TRY(tag_of(m, f->schema, f->name, &number));
                if (!number || f->schema->type == SL_ARRAY || f->schema->type == SL_MAP || sl_pb_is_union(f->schema))
                        return sl_fail(m->err, SL_E_CONVERT, "the field %s of the union %s %s", f->name, name,
                                       number ? "is an array, map or union, which no oneof can hold"
                                              : "lacks the parameter " SL_PB_TAG " with its number");
                SL_TRY(make_field(m, to, f->schema, sl_pb_scrub(m->opt, m->arena, f->name), number, at, depth));
        }
        return SL_OK;
}

static enum sl_rc make_map(struct maker *m, struct pb_message *to, const char *type, const struct sl_schema *s, struct pb_message **ret,
                           int depth)
{
        if (!s->key || !s->value)
                return sl_fail(m->err, SL_E_CONVERT, "a map without schemas for its keys and values can't be written as Protobuf");
        if (message_named(to->messages, type))
                return sl_fail(m->err, SL_E_CONVERT, "two maps of the message %s are called %s in Protobuf; give their schemas names",
                               to->full, type);
        struct pb_message *n = nested(m, to, type);
        *ret = n;
        if (s->key->type == SL_ARRAY || s->key->type == SL_MAP || s->key->type == SL_STRUCT)
                return sl_fail(m->err, SL_E_CONVERT, "a map's key must not be an array, map or struct in Protobuf");
        SL_TRY(make_field(m, n, s->key, "key", 1, -1, depth + 1));
        return make_field(m, n, s->value, "value", 2, -1, depth + 1);
}

static enum sl_rc make_enum(struct maker *m, struct pb_message *to, const char *type, const char *param, const struct sl_schema *s,
                            struct pb_enum **ret)
{
        size_t n = strlen(param);
        if (strcmp(unqualified(m, s->name), type) != 0)
                return sl_fail(m->err, SL_E_CONVERT, "an enum is called %s, but its parameter %s says %s", s->name ? s->name : "nothing",
                               param, type);
        for (struct pb_enum *e = to->enums; e; e = e->next)
                if (strcmp(e->name, type) == 0) {
                        *ret = e;
                        return SL_OK;
                }
        struct pb_enum *e = sl_arena_zalloc(m->arena, sizeof(*e));
        e->name = type;
        e->full = sl_arena_printf(m->arena, "%s.%s", to->full, type);
        e->tail = &e->values;
        *to->enum_tail = e;
        to->enum_tail = &e->next;
        *ret = e;
        for (uint32_t i = 0; i < s->param_count; i++) {
                const struct sl_param *p = &s->params[i];
                int64_t number;
                if (strncmp(p->name, param, n) != 0 || p->name[n] != '.')
                        continue;
                if (!sl_parse_i64(sl_str_c(p->value), &number) || number != (int32_t)number)
                        return sl_fail(m->err, SL_E_CONVERT, "the parameter %s of an enum is %s, which is no number", p->name, p->value);
                struct pb_enum_value *v = sl_arena_zalloc(m->arena, sizeof(*v));
                *v = (struct pb_enum_value){p->name + n + 1, (int32_t)number, NULL};
                SL_TRY(check_name(m, v->name));
                *e->tail = v;
                e->tail = &v->next;
                e->count++;
        }
        if (!e->values || e->values->number != 0)
                return sl_fail(m->err, SL_E_CONVERT, "the enum %s does not begin with the number 0, as Protobuf wants it", type);
        return SL_OK;
}

/* A struct's message: the one of this name that the enclosing message has, or is, already; or a new one. */
static enum sl_rc make_struct(struct maker *m, struct pb_message *to, const char *type, const struct sl_schema *s,
                              struct pb_message **ret, int depth)
{
        if (strcmp(to->name, type) == 0) {
                *ret = to;
                return SL_OK;
        }
        *ret = message_named(to->messages, type);
        if (*ret)
                return SL_OK;
        *ret = nested(m, to, type);
        return make_message(m, s, *ret, depth + 1);
}

static void add_meta(const struct sl_schema *s, struct pb_field *f)
{
        if (s->logical == SL_LOGICAL_DECIMAL) {
                f->precision = sl_schema_param(s, "connect.decimal.precision");
                f->scale = sl_schema_param(s, "scale");
        } else if (s->type == SL_INT8 || s->type == SL_INT16) {
                f->meta_type = s->type == SL_INT8 ? "int8" : "int16";
        }
}

static enum sl_rc make_field(struct maker *m, struct pb_message *to, const struct sl_schema *s, const char *name, uint32_t number,
                             int32_t oneof, int depth)
{
        const struct sl_schema *outer = s;
        const char *type, *param;
        if (depth > PB_DEPTH)
                return sl_fail(m->err, SL_E_CONVERT, "a schema is nested deeper than %d levels", PB_DEPTH);
        if (s->type == SL_ARRAY)
                s = s->value;
        if (!s || (outer != s && (s->type == SL_MAP || sl_pb_is_union(s))))
                return sl_fail(m->err, SL_E_CONVERT, "the field %s is an array of maps, unions or values without a schema, which Protobuf "
                                                     "does not have", name);
        SL_TRY(check_name(m, name));
        SL_TRY(type_name(m, s, name, oneof >= 0, &type));
        if (sl_pb_is_union(s))
                return make_oneof(m, to, s, depth + 1);
        for (const struct pb_field *f = to->fields; f; f = f->next)
                if (f->number == number || strcmp(f->name, name) == 0)
                        return sl_fail(m->err, SL_E_CONVERT, "the message %s would have two fields %s, or two with the number %u",
                                       to->full, name, number);
        struct pb_message *message = NULL;
        struct pb_enum *enumeration = NULL;
        bool own = s->type == SL_STRUCT || s->type == SL_MAP || sl_pb_enum_param(m->opt, s);
        if (own && s->logical == SL_LOGICAL_NONE && (sl_pb_scalar(type) != PB_NAMED || strcmp(type, "group") == 0))
                return sl_fail(m->err, SL_E_CONVERT, "the type of the field %s is called %s, which Protobuf takes for its own", name, type);
        if (s->logical == SL_LOGICAL_NONE && s->type == SL_STRUCT) {
                SL_TRY(make_struct(m, to, type, s, &message, depth));
        } else if (s->type == SL_MAP) {
                SL_TRY(make_map(m, to, type, s, &message, depth));
        } else if (s->logical == SL_LOGICAL_NONE && (param = sl_pb_enum_param(m->opt, s))) {
                SL_TRY(check_name(m, type));
                SL_TRY(make_enum(m, to, type, param, s, &enumeration));
        } else if (import_of(type)) {
                add_import(m, import_of(type));
        }
        struct pb_field *f = sl_pb_field_add(m->arena, to, name);
        f->type_name = type;
        f->type = sl_pb_scalar(type);
        if (f->type == PB_NAMED)
                f->type = enumeration ? PB_ENUM : PB_MESSAGE;
        f->message = message;
        f->enumeration = enumeration;
        f->number = number;
        f->oneof = oneof;
        f->repeated = outer->type == SL_ARRAY || outer->type == SL_MAP;
        add_meta(s, f);
        return SL_OK;
}

static enum sl_rc make_message(struct maker *m, const struct sl_schema *s, struct pb_message *to, int depth)
{
        uint32_t counter = 1;
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct sl_schema *fs = s->fields[i].schema;
                struct pb_field **at = to->field_tail;
                uint32_t number = 0;
                SL_TRY(tag_of(m, fs, s->fields[i].name, &number));
                if (!number)
                        number = counter++;
                SL_TRY(make_field(m, to, fs, sl_pb_scrub(m->opt, m->arena, s->fields[i].name), number, -1, depth));
                if (*at && (*at)->oneof < 0 && !(*at)->repeated)
                        (*at)->optional = m->opt->optional_nullables && fs->optional;
        }
        return SL_OK;
}

enum sl_rc sl_pb_make(const struct pb_options *opt, const struct sl_schema *schema, struct sl_arena *arena, struct pb_file **ret,
                      struct sl_err *err)
{
        struct pb_file *file = sl_arena_zalloc(arena, sizeof(*file));
        struct maker m = {.opt = opt, .arena = arena, .file = file, .err = err};
        file->proto3 = true;
        file->import_tail = &file->imports;
        file->message_tail = &file->messages;
        file->enum_tail = &file->enums;
        char *full = sl_arena_strdup(arena, name_or_default(&m, schema->name)), *name = full;
        struct sl_buf package = {0};
        for (char *dot; (dot = strchr(name, '.')); name = dot + 1) {
                *dot = 0;
                sl_buf_printf(&package, "%s%s", package.len ? "." : "", sl_pb_scrub(opt, arena, name));
                if (check_name(&m, sl_pb_scrub(opt, arena, name)) != SL_OK) {
                        sl_buf_free(&package);
                        return SL_SCHEMA;
                }
        }
        if (package.len)
                file->package = sl_arena_strndup(arena, package.ptr, package.len);
        sl_buf_free(&package);
        name = (char *)sl_pb_scrub(opt, arena, name);
        SL_TRY(check_name(&m, name));
        struct pb_message *top = sl_pb_message_new(arena, name, NULL, file->package);
        top->proto3 = true;
        *file->message_tail = top;
        file->message_tail = &top->next;
        *ret = file;
        return make_message(&m, schema, top, 1);
}
