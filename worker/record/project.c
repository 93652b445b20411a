/* SPDX-License-Identifier: Apache-2.0 */
/* schema.compatibility: the checks are those of Confluent's StorageSchemaCompatibility (of 2026: structure first, at every
 * level, then the versions of the top), the projection that of Connect's SchemaProjector. What passed the checks can be
 * projected, so a row fails only when its value is not of its own schema. */
#include "record/project.h"

#include <stdlib.h>
#include <string.h>

#include "record/javaclass.h"
#include "record/plans.h"

#define ABSENT UINT32_MAX

enum op { P_COPY, P_NUMBER, P_STRUCT, P_ARRAY, P_MAP };

/* A value of one schema to another's; children in the order of the target. */
struct sl_projection {
        uint8_t op;
        uint8_t from, type;       /* NUMBER: tags that the value has and gets */
        uint32_t fields;          /* of the source struct */
        uint32_t count;           /* of the target struct */
        const uint32_t *index;    /* target field -> source field, or ABSENT: for_null stands there */
        struct sl_value for_null; /* what null becomes */
        const struct sl_projection *parts; /* STRUCT: one a target field; ARRAY: the element; MAP: key and value */
};

/* One file schema that records of a schema met. */
struct pair {
        struct pair *next;
        const struct sl_schema *file;
        struct sl_fit fit;
};

struct sl_projector {
        enum sl_compatibility mode;
        struct sl_plans pairs; /* by record schema */
        struct sl_arena arena;
};

/* ---- checks ---- */

static bool same_text(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* Parameters that only document. */
static bool is_remark(const char *name)
{
        static const char field_doc[] = "io.confluent.connect.avro.field.doc.";
        return strcmp(name, "connect.record.doc") == 0 || strcmp(name, "connect.record.aliases") == 0 ||
               strcmp(name, "connect.record.namespace") == 0 || strncmp(name, field_doc, sizeof(field_doc) - 1) == 0;
}

/* Does b have every parameter of a that counts? */
static bool has_params(const struct sl_schema *a, const struct sl_schema *b)
{
        for (uint32_t i = 0; i < a->param_count; i++) {
                const char *other = sl_schema_param(b, a->params[i].name);
                if (!is_remark(a->params[i].name) && !(other && strcmp(a->params[i].value, other) == 0))
                        return false;
        }
        return true;
}

static bool is_enum(const struct sl_schema *s)
{
        return sl_schema_param(s, "org.apache.kafka.connect.data.Enum") ||
               sl_schema_param(s, "io.confluent.connect.avro.Enum") ||
               sl_schema_param(s, "io.confluent.connect.protobuf.Enum");
}

static bool same_params(const struct sl_schema *record, const struct sl_schema *file)
{
        return has_params(record, file) && ((is_enum(record) && is_enum(file)) || has_params(file, record));
}

static bool is_number(enum sl_type t)
{
        return t >= SL_INT8 && t <= SL_FLOAT64;
}
static_assert(SL_INT8 < SL_INT16 && SL_INT16 < SL_INT32 && SL_INT32 < SL_INT64 && SL_INT64 < SL_FLOAT32 &&
                      SL_FLOAT32 < SL_FLOAT64,
              "numbers stand in the order in which they widen");

static const char *mismatch(const struct sl_schema *record, const struct sl_schema *file);

static const char *struct_mismatch(const struct sl_schema *record, const struct sl_schema *file)
{
        for (uint32_t i = 0; i < record->field_count; i++) {
                int k = sl_schema_field(file, record->fields[i].name, record->fields[i].name_len);
                const char *why = k < 0 ? NULL : mismatch(record->fields[i].schema, file->fields[k].schema);
                if (why)
                        return why;
        }
        for (uint32_t i = 0; i < file->field_count; i++) {
                const struct sl_field *f = &file->fields[i];
                if (!f->schema->optional && !f->schema->has_default && sl_schema_field(record, f->name, f->name_len) < 0)
                        return "MISSING_REQUIRED_FIELD";
        }
        return NULL;
}

/* Why values of record can't become values of file; NULL: they can. */
static const char *mismatch(const struct sl_schema *record, const struct sl_schema *file)
{
        if (record == file)
                return NULL;
        if (!record || !file) /* elements without a schema */
                return "DIFFERENT_SCHEMA";
        if (record->type != file->type &&
            !(is_number(record->type) && is_number(file->type) && record->type < file->type))
                return "DIFFERENT_TYPE";
        if (!same_text(record->name, file->name))
                return "DIFFERENT_NAME";
        if (!same_params(record, file))
                return "DIFFERENT_PARAMS";
        if (record->optional && !file->optional && !file->has_default)
                return "INCOMPATIBLE_OPTIONALITY";
        const char *why = record->type == SL_MAP ? mismatch(record->key, file->key) : NULL;
        if (why)
                return why;
        if (record->type == SL_MAP || record->type == SL_ARRAY)
                return mismatch(record->value, file->value);
        return record->type == SL_STRUCT ? struct_mismatch(record, file) : NULL;
}

/* ---- compilation ---- */

/* Does a null somewhere below become a default when Java reads the field? */
static bool has_field_default(const struct sl_schema *s)
{
        if (!s)
                return false;
        for (uint32_t i = 0; i < s->field_count; i++)
                if (s->fields[i].schema->has_default || has_field_default(s->fields[i].schema))
                        return true;
        return has_field_default(s->key) || has_field_default(s->value);
}

static void compile(struct sl_arena *a, const struct sl_schema *from, const struct sl_schema *to, bool field,
                    struct sl_projection *p);

static void compile_struct(struct sl_arena *a, const struct sl_schema *from, const struct sl_schema *to,
                           struct sl_projection *p)
{
        uint32_t *index = sl_arena_alloc(a, to->field_count * sizeof(*index));
        struct sl_projection *parts = sl_arena_zalloc(a, to->field_count * sizeof(*parts));
        for (uint32_t i = 0; i < to->field_count; i++) {
                const struct sl_schema *fs = to->fields[i].schema;
                int k = sl_schema_field(from, to->fields[i].name, to->fields[i].name_len);
                index[i] = k < 0 ? ABSENT : (uint32_t)k;
                if (k >= 0)
                        compile(a, from->fields[k].schema, fs, true, &parts[i]);
                else
                        parts[i].for_null = fs->optional ? SL_V_NULL : fs->def;
        }
        p->op = P_STRUCT;
        p->fields = from->field_count;
        p->count = to->field_count;
        p->index = index;
        p->parts = parts;
}

static void compile_items(struct sl_arena *a, const struct sl_schema *from, const struct sl_schema *to,
                          struct sl_projection *p)
{
        struct sl_projection *parts = sl_arena_zalloc(a, 2 * sizeof(*parts));
        p->op = to->type == SL_MAP ? P_MAP : P_ARRAY;
        if (to->type == SL_MAP)
                compile(a, from->key, to->key, false, &parts[0]);
        compile(a, from->value, to->value, false, &parts[to->type == SL_MAP]);
        p->parts = parts;
}

/* What a null becomes: of a field the default of its own schema, as Java's Struct.get gives it, and that is projected. */
static void compile_null(struct sl_arena *a, const struct sl_schema *from, const struct sl_schema *to, bool field,
                         struct sl_projection *p)
{
        p->for_null = from && from->optional && !to->optional ? to->def : SL_V_NULL;
        if (field && from->has_default)
                (void)sl_project(p, &from->def, a, &p->for_null, NULL); /* a schema's default is of the schema */
}

static void compile(struct sl_arena *a, const struct sl_schema *from, const struct sl_schema *to, bool field,
                    struct sl_projection *p)
{
        p->op = P_COPY;
        if (from == to && !has_field_default(from)) {
                /* as it is */
        } else if (to->type == SL_STRUCT) {
                compile_struct(a, from, to, p);
        } else if (to->type == SL_ARRAY || to->type == SL_MAP) {
                compile_items(a, from, to, p);
        } else if (from->type != to->type) {
                p->op = P_NUMBER;
                p->from = (uint8_t)from->type;
                p->type = (uint8_t)to->type;
        }
        compile_null(a, from, to, field, p);
}

/* ---- rows ---- */

static sl_cold enum sl_rc not_of_schema(const struct sl_projection *p, const struct sl_value *v, struct sl_err *err)
{
        return sl_fail(err, SL_E_VALUE, "a value of class %s came where the record's schema has %s", sl_java_class(NULL, v),
                       p->op == P_STRUCT  ? "a struct of other fields"
                       : p->op == P_ARRAY ? "an array"
                       : p->op == P_MAP   ? "a map"
                                          : sl_type_name((enum sl_type)p->from));
}

static enum sl_rc project_number(const struct sl_projection *p, const struct sl_value *v, struct sl_value *ret,
                                 struct sl_err *err)
{
        if (sl_unlikely(v->type != p->from))
                return not_of_schema(p, v, err);
        *ret = *v;
        ret->type = p->type;
        if (p->type == SL_FLOAT32 && v->type != SL_FLOAT32)
                ret->f64 = (float)v->i64;
        else if (p->type == SL_FLOAT64 && v->type != SL_FLOAT32)
                ret->f64 = (double)v->i64;
        return SL_OK;
}

static enum sl_rc project_struct(const struct sl_projection *p, const struct sl_value *v, struct sl_arena *arena,
                                 struct sl_value *ret, struct sl_err *err)
{
        if (sl_unlikely(v->type != SL_STRUCT || v->len != p->fields))
                return not_of_schema(p, v, err);
        struct sl_value *items = sl_arena_alloc(arena, p->count * sizeof(*items));
        for (uint32_t i = 0; i < p->count; i++) {
                if (p->index[i] == ABSENT)
                        items[i] = p->parts[i].for_null;
                else
                        SL_TRY(sl_project(&p->parts[i], &v->items[p->index[i]], arena, &items[i], err));
        }
        *ret = sl_v_items(SL_STRUCT, items, p->count);
        return SL_OK;
}

static enum sl_rc project_items(const struct sl_projection *p, const struct sl_value *v, struct sl_arena *arena,
                                struct sl_value *ret, struct sl_err *err)
{
        bool map = p->op == P_MAP;
        if (sl_unlikely(v->type != (map ? SL_MAP : SL_ARRAY)))
                return not_of_schema(p, v, err);
        size_t n = map ? 2 * (size_t)v->len : v->len;
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        for (size_t i = 0; i < n; i++)
                SL_TRY(sl_project(&p->parts[map && (i & 1)], &v->items[i], arena, &items[i], err));
        *ret = sl_v_items((enum sl_type)v->type, items, v->len);
        return SL_OK;
}

enum sl_rc sl_project(const struct sl_projection *p, const struct sl_value *v, struct sl_arena *arena,
                      struct sl_value *ret, struct sl_err *err)
{
        if (v->type == SL_NULL) {
                *ret = p->for_null;
                return SL_OK;
        }
        switch ((enum op)p->op) {
        case P_COPY:
                break;
        case P_NUMBER:
                return project_number(p, v, ret, err);
        case P_STRUCT:
                return project_struct(p, v, arena, ret, err);
        case P_ARRAY:
        case P_MAP:
                return project_items(p, v, arena, ret, err);
        }
        *ret = *v;
        return SL_OK;
}

/* ---- pairs ---- */

struct sl_projector *sl_projector_new(enum sl_compatibility mode)
{
        struct sl_projector *p = sl_calloc(1, sizeof(*p));
        p->mode = mode;
        sl_arena_init(&p->arena, 4096);
        return p;
}

void sl_projector_free(struct sl_projector *p)
{
        if (!p)
                return;
        sl_plans_free(&p->pairs, NULL);
        sl_arena_free(&p->arena);
        free(p);
}

static sl_cold struct pair *make_pair(struct sl_projector *p, const struct sl_schema *file,
                                      const struct sl_schema *record)
{
        struct pair *pair = sl_arena_zalloc(&p->arena, sizeof(*pair));
        const char *why = mismatch(record, file);
        bool forward = p->mode == SL_COMPATIBILITY_FORWARD;
        if (!why && (forward ? record->version < file->version : record->version > file->version))
                why = "DIFFERENT_VERSION";
        *pair = (struct pair){sl_plans_get(&p->pairs, record), file, {why ? SL_FIT_ROTATE : SL_FIT_PROJECT, why, NULL}};
        if (!why) {
                struct sl_projection *plan = sl_arena_zalloc(&p->arena, sizeof(*plan));
                compile(&p->arena, record, file, false, plan);
                pair->fit.projection = plan;
        }
        sl_plans_put(&p->pairs, record, pair);
        return pair;
}

enum sl_rc sl_projector_fit(struct sl_projector *p, const struct sl_schema *file, const struct sl_schema *record,
                            struct sl_fit *ret, struct sl_err *err)
{
        static const char *const names[] = {"NONE", "BACKWARD", "FORWARD", "FULL"};
        *ret = (struct sl_fit){SL_FIT_KEEP, NULL, NULL};
        if (sl_likely(file == record))
                return SL_OK;
        if (!file || !record)
                return sl_fail(err, SL_E_PROJECT, "Switch between schema-based and schema-less data is not supported");
        if (p->mode == SL_COMPATIBILITY_NONE) {
                *ret = (struct sl_fit){SL_FIT_ROTATE, "DIFFERENT_SCHEMA", NULL};
                return SL_OK;
        }
        if (!file->version || !record->version)
                return sl_fail(err, SL_E_PROJECT, "Schema version required for %s compatibility", names[p->mode]);
        const struct pair *pair = sl_plans_get(&p->pairs, record);
        while (pair && pair->file != file)
                pair = pair->next;
        if (sl_unlikely(!pair))
                pair = make_pair(p, file, record);
        *ret = pair->fit;
        return SL_OK;
}
