/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles a Connect schema into Parquet's: the mapping that parquet-avro gives to Confluent's sink, with three-level
 * lists. Source of ids and annotations: apache/parquet-format, parquet.thrift and LogicalTypes.md.
 *
 *   optional T                      OPTIONAL, else REQUIRED
 *   INT8 INT16 INT32, INT64         INT32, INT64 without annotation
 *   STRING                          BYTE_ARRAY, STRING (enum parameters do not change that)
 *   BYTES                           BYTE_ARRAY
 *   Decimal                         BYTE_ARRAY, DECIMAL(connect.decimal.precision or 64, scale)
 *   Date, Time, Timestamp           INT32 DATE, INT32 TIME(ms, UTC), INT64 TIMESTAMP(ms, UTC)
 *   STRUCT                          group
 *   ARRAY                           group f (LIST) { repeated group list { T element } }
 *   MAP with required string keys   group f (MAP) { repeated group key_value { required key; V value } }
 *   other MAP                       group f (LIST) { repeated group list { required group element { key; value } } }
 * Refused: anything but a struct at the top, a struct without fields, deep nesting. */
#include "connectors/format/parquet_schema.h"

#include <stdlib.h>

#include "connectors/format/parquet_thrift.h"

#define DEPTH_MAX 60 /* three levels of definition each at most: fits a byte */
#define NAMES_MAX (DEPTH_MAX * 3)

enum { REQUIRED, OPTIONAL, REPEATED }; /* FieldRepetitionType */
enum {
        CONV_UTF8 = 0,
        CONV_MAP = 1,
        CONV_LIST = 3,
        CONV_DECIMAL = 5,
        CONV_DATE = 6,
        CONV_TIME_MILLIS = 7,
        CONV_TIMESTAMP_MILLIS = 9
}; /* ConvertedType */
enum {
        LOGICAL_STRING = 1,
        LOGICAL_MAP = 2,
        LOGICAL_LIST = 3,
        LOGICAL_DECIMAL = 5,
        LOGICAL_DATE = 6,
        LOGICAL_TIME = 7,
        LOGICAL_TIMESTAMP = 8
}; /* field ids of the LogicalType union */
/* field ids of SchemaElement */
enum {
        EL_TYPE = 1,
        EL_REPETITION = 3,
        EL_NAME = 4,
        EL_CHILDREN = 5,
        EL_CONVERTED = 6,
        EL_SCALE = 7,
        EL_PRECISION = 8,
        EL_LOGICAL = 10
};

struct name {
        const char *ptr;
        size_t len;
};
struct compiler {
        struct sl_pq_plan *plan;
        struct name names[NAMES_MAX]; /* path from the root to here */
        uint32_t depth;
        struct sl_err *err;
};

static enum sl_rc compile_node(struct compiler *c, const struct sl_schema *s, struct name name, uint8_t def,
                               uint8_t rep);

static uint32_t add_step(struct sl_pq_plan *p)
{
        if (p->step_count == p->step_cap) {
                p->step_cap = p->step_cap ? p->step_cap * 2 : 32;
                p->steps = sl_realloc(p->steps, p->step_cap * sizeof(*p->steps));
        }
        p->steps[p->step_count] = (struct sl_pq_step){0};
        return p->step_count++;
}

static struct sl_pq_column_spec *add_column(struct sl_pq_plan *p)
{
        if (p->column_count == p->column_cap) {
                p->column_cap = p->column_cap ? p->column_cap * 2 : 32;
                p->columns = sl_realloc(p->columns, p->column_cap * sizeof(*p->columns));
        }
        p->columns[p->column_count] = (struct sl_pq_column_spec){0};
        return &p->columns[p->column_count++];
}

static const char *dotted_path(struct compiler *c)
{
        struct sl_buf b = {0};
        for (uint32_t i = 0; i < c->depth; i++) {
                if (i)
                        sl_buf_addc(&b, '.');
                sl_buf_add(&b, c->names[i].ptr, c->names[i].len);
        }
        const char *path = sl_arena_strdup(&c->plan->arena, sl_buf_cstr(&b));
        sl_buf_free(&b);
        return path;
}

static struct sl_str thrift_path(struct compiler *c)
{
        struct sl_buf b = {0};
        for (uint32_t i = 0; i < c->depth; i++)
                sl_thrift_put_binary(&b, c->names[i].ptr, c->names[i].len);
        struct sl_str s = {sl_arena_strndup(&c->plan->arena, b.ptr, b.len), b.len};
        sl_buf_free(&b);
        return s;
}

/* A group's SchemaElement. converted, logical: -1, 0 = none. */
static void group_element(struct sl_pq_plan *p, struct name name, int repetition, uint32_t children, int converted,
                          int logical)
{
        struct sl_thrift t = sl_thrift_begin(&p->elements);
        if (repetition >= 0)
                sl_thrift_i32(&t, EL_REPETITION, repetition);
        sl_thrift_binary(&t, EL_NAME, name.ptr, name.len);
        sl_thrift_i32(&t, EL_CHILDREN, (int32_t)children);
        if (converted >= 0)
                sl_thrift_i32(&t, EL_CONVERTED, converted);
        if (logical) {
                sl_thrift_struct(&t, EL_LOGICAL);
                sl_thrift_empty(&t, (int16_t)logical);
                sl_thrift_end(&t);
        }
        sl_thrift_end(&t);
        p->element_count++;
}

static int32_t decimal_precision(const struct sl_schema *s)
{
        const char *text = sl_schema_param(s, "connect.decimal.precision");
        int64_t v;
        if (text && sl_parse_i64(sl_str_c(text), &v) && v > 0 && v <= 1000000)
                return (int32_t)v;
        return 64;
}

static void annotate_millis(struct sl_thrift *t, int logical)
{
        sl_thrift_struct(t, EL_LOGICAL);
        sl_thrift_struct(t, (int16_t)logical);
        sl_thrift_bool(t, 1, true); /* isAdjustedToUTC */
        sl_thrift_struct(t, 2);     /* unit */
        sl_thrift_empty(t, 1);      /* MILLIS */
        sl_thrift_end(t);
        sl_thrift_end(t);
        sl_thrift_end(t);
}

static void annotate_bare(struct sl_thrift *t, int converted, int logical)
{
        sl_thrift_i32(t, EL_CONVERTED, converted);
        sl_thrift_struct(t, EL_LOGICAL);
        sl_thrift_empty(t, (int16_t)logical);
        sl_thrift_end(t);
}

static void annotate_decimal(struct sl_thrift *t, const struct sl_schema *s)
{
        sl_thrift_i32(t, EL_CONVERTED, CONV_DECIMAL);
        sl_thrift_i32(t, EL_SCALE, s->decimal_scale);
        sl_thrift_i32(t, EL_PRECISION, decimal_precision(s));
        sl_thrift_struct(t, EL_LOGICAL);
        sl_thrift_struct(t, LOGICAL_DECIMAL);
        sl_thrift_i32(t, 1, s->decimal_scale);
        sl_thrift_i32(t, 2, decimal_precision(s));
        sl_thrift_end(t);
        sl_thrift_end(t);
}

static void leaf_element(struct sl_pq_plan *p, const struct sl_schema *s, struct name name, enum sl_pq_type type)
{
        struct sl_thrift t = sl_thrift_begin(&p->elements);
        sl_thrift_i32(&t, EL_TYPE, type);
        sl_thrift_i32(&t, EL_REPETITION, s->optional ? OPTIONAL : REQUIRED);
        sl_thrift_binary(&t, EL_NAME, name.ptr, name.len);
        switch (s->logical) {
        case SL_LOGICAL_DECIMAL:
                /* Parquet has neither negative scales nor scales above the precision: such values stay bytes. */
                if (s->decimal_scale >= 0 && s->decimal_scale <= decimal_precision(s))
                        annotate_decimal(&t, s);
                break;
        case SL_LOGICAL_DATE:
                annotate_bare(&t, CONV_DATE, LOGICAL_DATE);
                break;
        case SL_LOGICAL_TIME:
                sl_thrift_i32(&t, EL_CONVERTED, CONV_TIME_MILLIS);
                annotate_millis(&t, LOGICAL_TIME);
                break;
        case SL_LOGICAL_TIMESTAMP:
                sl_thrift_i32(&t, EL_CONVERTED, CONV_TIMESTAMP_MILLIS);
                annotate_millis(&t, LOGICAL_TIMESTAMP);
                break;
        case SL_LOGICAL_NONE:
                if (s->type == SL_STRING)
                        annotate_bare(&t, CONV_UTF8, LOGICAL_STRING);
                break;
        }
        sl_thrift_end(&t);
        p->element_count++;
}

static enum sl_pq_type physical(enum sl_type type)
{
        switch ((int)type) {
        case SL_BOOLEAN:
                return SL_PQ_BOOLEAN;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
                return SL_PQ_INT32;
        case SL_INT64:
                return SL_PQ_INT64;
        case SL_FLOAT32:
                return SL_PQ_FLOAT;
        case SL_FLOAT64:
                return SL_PQ_DOUBLE;
        default:
                return SL_PQ_BYTES;
        }
}

static void compile_leaf(struct compiler *c, uint32_t at, const struct sl_schema *s, struct name name, uint8_t def,
                         uint8_t rep)
{
        struct sl_pq_plan *p = c->plan;
        enum sl_pq_type type = physical(s->type);
        leaf_element(p, s, name, type);
        p->steps[at].kind = SL_PQ_LEAF;
        struct sl_pq_column_spec *col = add_column(p);
        col->type = (uint8_t)type;
        col->dict = type != SL_PQ_BOOLEAN;
        col->stats = type != SL_PQ_BYTES && type != SL_PQ_BOOLEAN;
        col->max_def = def;
        col->max_rep = rep;
        col->path = thrift_path(c);
        col->path_len = c->depth;
}

static enum sl_rc compile_struct(struct compiler *c, uint32_t at, const struct sl_schema *s, uint8_t def, uint8_t rep)
{
        struct sl_pq_plan *p = c->plan;
        if (s->field_count == 0)
                return sl_fail(c->err, SL_E_FORMAT,
                               "Parquet can't hold a struct without fields (%s): remove the field with a transform",
                               c->depth ? dotted_path(c) : "the record's value");
        p->steps[at].kind = SL_PQ_STRUCT;
        p->steps[at].children = s->field_count;
        for (uint32_t i = 0; i < s->field_count; i++) {
                struct name name = {s->fields[i].name, s->fields[i].name_len};
                SL_TRY(compile_node(c, s->fields[i].schema, name, def, rep));
        }
        return SL_OK;
}

/* The repeated group that lists and maps have, and what is in it. */
static enum sl_rc compile_repeated(struct compiler *c, uint32_t at, const struct sl_schema *s, struct name name,
                                   uint8_t def, uint8_t rep)
{
        struct sl_pq_plan *p = c->plan;
        bool list = s->type == SL_ARRAY;
        bool entries = !list && (s->key->type != SL_STRING || s->key->optional);
        struct name inner = list || entries ? (struct name){"list", 4} : (struct name){"key_value", 9};
        struct name element = {"element", 7};
        p->steps[at].kind = list ? SL_PQ_LIST : SL_PQ_MAP;
        p->steps[at].rep = (uint8_t)(rep + 1);
        bool is_list = list || entries;
        group_element(p, name, s->optional ? OPTIONAL : REQUIRED, 1, is_list ? CONV_LIST : CONV_MAP,
                      is_list ? LOGICAL_LIST : LOGICAL_MAP);
        group_element(p, inner, REPEATED, is_list ? 1 : 2, -1, 0);
        c->names[c->depth++] = inner;
        uint32_t up = 1;
        if (entries) {
                group_element(p, element, REQUIRED, 2, -1, 0);
                c->names[c->depth++] = element;
                up = 2;
        }
        enum sl_rc rc = SL_OK;
        if (!list)
                rc = compile_node(c, s->key, (struct name){"key", 3}, (uint8_t)(def + 1), (uint8_t)(rep + 1));
        if (rc == SL_OK)
                rc = compile_node(c, s->value, list ? element : (struct name){"value", 5}, (uint8_t)(def + 1),
                                  (uint8_t)(rep + 1));
        c->depth -= up;
        return rc;
}

/* def, rep: levels of the parent. */
static enum sl_rc compile_node(struct compiler *c, const struct sl_schema *s, struct name name, uint8_t def,
                               uint8_t rep)
{
        struct sl_pq_plan *p = c->plan;
        if (c->depth + 3 >= NAMES_MAX)
                return sl_fail(c->err, SL_E_FORMAT, "The schema is nested too deep for Parquet (at %s)",
                               dotted_path(c));
        if (s->type <= SL_NULL || s->type >= SL_TYPE_COUNT)
                return sl_fail(c->err, SL_E_FORMAT, "Parquet has no type for field %.*s", (int)name.len, name.ptr);
        c->names[c->depth++] = name;
        uint32_t at = add_step(p);
        def = (uint8_t)(def + s->optional);
        p->steps[at].type = (uint8_t)s->type;
        p->steps[at].optional = s->optional;
        p->steps[at].schema = s;
        p->steps[at].column = p->column_count;
        p->steps[at].path = dotted_path(c);
        enum sl_rc rc = SL_OK;
        if (s->type == SL_STRUCT) {
                group_element(p, name, s->optional ? OPTIONAL : REQUIRED, s->field_count, -1, 0);
                rc = compile_struct(c, at, s, def, rep);
        } else if (s->type == SL_ARRAY || s->type == SL_MAP) {
                rc = compile_repeated(c, at, s, name, def, rep);
        } else {
                compile_leaf(c, at, s, name, def, rep);
        }
        c->depth--;
        p->steps[at].next = p->step_count;
        p->steps[at].column_end = p->column_count;
        return rc;
}

enum sl_rc sl_pq_plan_compile(struct sl_pq_plan *plan, const struct sl_schema *schema, struct sl_err *err)
{
        struct compiler c = {.plan = plan, .err = err};
        if (!schema || schema->type != SL_STRUCT)
                return sl_fail(err, SL_E_FORMAT,
                               "Parquet needs record values that are structs with a schema, this one is %s: use a "
                               "converter with "
                               "schemas (Avro, or JsonConverter with schemas.enable=true) or JsonFormat",
                               schema ? sl_type_name(schema->type) : "without a schema");
        sl_arena_init(&plan->arena, 4096);
        plan->schema = schema;
        /* The message name is the record's full name; parquet-avro's root has no repetition. */
        const char *name = schema->name ? schema->name : "ConnectDefault";
        uint32_t at = add_step(plan);
        plan->steps[at] = (struct sl_pq_step){.type = SL_STRUCT, .schema = schema, .path = "the record's value"};
        group_element(plan, (struct name){name, strlen(name)}, -1, schema->field_count, -1, 0);
        SL_TRY(compile_struct(&c, at, schema, 0, 0));
        plan->steps[at].next = plan->step_count;
        plan->steps[at].column_end = plan->column_count;
        return sl_buf_ok(&plan->elements) ? SL_OK : sl_fail(err, SL_E_FORMAT, "The schema is too large for Parquet");
}

void sl_pq_plan_free(struct sl_pq_plan *plan)
{
        if (plan->schema)
                sl_arena_free(&plan->arena);
        free(plan->steps);
        free(plan->columns);
        sl_buf_free(&plan->elements);
        *plan = (struct sl_pq_plan){0};
}
