/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles a Connect schema into Parquet's: the mapping that parquet-avro gives to Confluent's sink, with three-level
 * lists. Source of ids and annotations: apache/parquet-format, parquet.thrift and LogicalTypes.md.
 *
 *   optional T                      OPTIONAL, else REQUIRED
 *   INT8 INT16 INT32, INT64         INT32, INT64 without annotation (exact_types: INTEGER(8 | 16, signed))
 *   STRING                          BYTE_ARRAY, STRING (enums: ENUM for those with an enum parameter)
 *   BYTES                           BYTE_ARRAY; with a name and connect.fixed.size: FIXED_LEN_BYTE_ARRAY
 *   Decimal                         DECIMAL(connect.decimal.precision or decimal_precision, scale) on BYTE_ARRAY, on
 *                                   FIXED_LEN_BYTE_ARRAY or on the smallest of INT32, INT64 and that. A value of more
 * digits is refused. Precisions above 38 are written; Spark and Athena can't read them, pyarrow can Date, Time,
 * Timestamp           INT32 DATE, INT32 TIME(ms, UTC), INT64 TIMESTAMP(ms, UTC) io.debezium.time.*              as the
 * base type; exact_types: DATE, TIME and TIMESTAMP of ms, us or ns, not UTC io.debezium.data.Uuid           STRING;
 * exact_types: UUID on FIXED_LEN_BYTE_ARRAY(16) STRUCT                          group ARRAY group f (LIST) { repeated
 * group list { T element } } two_level: group f (LIST) { repeated T array }, unless an array of the schema has optional
 *                                   elements: then all have three levels, as parquet-avro has it
 *   MAP with required string keys   group f (MAP) { repeated group key_value { required key; V value } }
 *   other MAP                       a list of groups { key; value }
 * Field ids are written on demand only (field_ids), because files without ids can be added to any Iceberg table by name
 * and those with ids only to a table that has the same ones. They are those that Iceberg gives to a new table of this
 * schema: from 1 on, the fields of a struct in order, then what is nested in each of them; of a list its element, of a
 * map key and value. Refused: anything but a struct at the top, a struct without fields, deep nesting. */
#include "connectors/format/parquet_schema.h"

#include <stdlib.h>

#include "connectors/format/parquet_thrift.h"

#define NAMES_MAX 180 /* three levels of names each at most, two of definition: fits a byte */

enum { REQUIRED, OPTIONAL, REPEATED };                                                       /* FieldRepetitionType */
enum { CONV_MAP = 1, CONV_LIST = 3 };                                                        /* ConvertedType */
enum { LOGICAL_DECIMAL = 5, LOGICAL_TIME = 7, LOGICAL_TIMESTAMP = 8, LOGICAL_INTEGER = 10 }; /* LogicalType */
enum { LOGICAL_MAP = 2, LOGICAL_LIST = 3 };
/* field ids of SchemaElement */
enum {
        EL_TYPE = 1,
        EL_TYPE_LENGTH = 2,
        EL_REPETITION = 3,
        EL_NAME = 4,
        EL_CHILDREN = 5,
        EL_CONVERTED = 6,
        EL_SCALE = 7,
        EL_PRECISION = 8,
        EL_FIELD_ID = 9,
        EL_LOGICAL = 10
};

struct name {
        const char *ptr;
        size_t len;
};
/* Where a node goes: its name, its field id (0 = none), and whether it is itself the repeated level. */
struct slot {
        struct name name;
        int32_t id;
        bool repeated;
};
struct compiler {
        struct sl_pq_plan *plan;
        const struct sl_parquet_opts *opts;
        bool two_level;
        int32_t next_id;
        struct name names[NAMES_MAX]; /* path from the root to here */
        uint32_t depth;
        struct sl_err *err;
};

static enum sl_rc compile_node(struct compiler *c, const struct sl_schema *s, struct slot slot, uint8_t def,
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

/* The first n ids of a node's children, in Iceberg's order. */
static int32_t take_ids(struct compiler *c, uint32_t n)
{
        int32_t first = c->next_id;
        c->next_id += c->opts->field_ids ? (int32_t)n : 0;
        return c->opts->field_ids ? first : 0;
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

static int repetition(struct slot slot, bool optional)
{
        return slot.repeated ? REPEATED : optional ? OPTIONAL : REQUIRED;
}

/* A group's SchemaElement. rep, converted: -1, logical, slot.id: 0 = none. */
static void group_element(struct sl_pq_plan *p, struct slot slot, int rep, uint32_t children, int converted,
                          int logical)
{
        struct sl_thrift t = sl_thrift_begin(&p->elements);
        if (rep >= 0)
                sl_thrift_i32(&t, EL_REPETITION, rep);
        sl_thrift_binary(&t, EL_NAME, slot.name.ptr, slot.name.len);
        sl_thrift_i32(&t, EL_CHILDREN, (int32_t)children);
        if (converted >= 0)
                sl_thrift_i32(&t, EL_CONVERTED, converted);
        if (slot.id)
                sl_thrift_i32(&t, EL_FIELD_ID, slot.id);
        if (logical) {
                sl_thrift_struct(&t, EL_LOGICAL);
                sl_thrift_empty(&t, (int16_t)logical);
                sl_thrift_end(&t);
        }
        sl_thrift_end(&t);
        p->element_count++;
}

static void logical_type(struct sl_thrift *t, const struct sl_pq_leaf *l)
{
        sl_thrift_struct(t, EL_LOGICAL);
        sl_thrift_struct(t, (int16_t)l->logical);
        if (l->logical == LOGICAL_DECIMAL) {
                sl_thrift_i32(t, 1, l->scale);
                sl_thrift_i32(t, 2, l->precision);
        } else if (l->logical == LOGICAL_TIME || l->logical == LOGICAL_TIMESTAMP) {
                sl_thrift_bool(t, 1, l->utc); /* isAdjustedToUTC */
                sl_thrift_struct(t, 2);       /* unit */
                sl_thrift_empty(t, (int16_t)l->unit);
                sl_thrift_end(t);
        } else if (l->logical == LOGICAL_INTEGER) {
                sl_thrift_i8(t, 1, l->bits);
                sl_thrift_bool(t, 2, true); /* isSigned */
        }
        sl_thrift_end(t);
        sl_thrift_end(t);
}

static void leaf_element(struct sl_pq_plan *p, const struct sl_schema *s, struct slot slot, const struct sl_pq_leaf *l)
{
        struct sl_thrift t = sl_thrift_begin(&p->elements);
        sl_thrift_i32(&t, EL_TYPE, l->type);
        if (l->type == SL_PQ_FIXED)
                sl_thrift_i32(&t, EL_TYPE_LENGTH, (int32_t)l->width);
        sl_thrift_i32(&t, EL_REPETITION, repetition(slot, s->optional));
        sl_thrift_binary(&t, EL_NAME, slot.name.ptr, slot.name.len);
        if (l->converted >= 0)
                sl_thrift_i32(&t, EL_CONVERTED, l->converted);
        if (l->logical == LOGICAL_DECIMAL) {
                sl_thrift_i32(&t, EL_SCALE, l->scale);
                sl_thrift_i32(&t, EL_PRECISION, l->precision);
        }
        if (slot.id)
                sl_thrift_i32(&t, EL_FIELD_ID, slot.id);
        if (l->logical)
                logical_type(&t, l);
        sl_thrift_end(&t);
        p->element_count++;
}

/* Bytes of a value in a column's staging area; 0 = varying. */
static uint32_t staged_width(const struct sl_pq_leaf *l)
{
        switch ((enum sl_pq_type)l->type) {
        case SL_PQ_BOOLEAN:
                return 1;
        case SL_PQ_INT32:
        case SL_PQ_FLOAT:
                return 4;
        case SL_PQ_INT64:
        case SL_PQ_DOUBLE:
                return 8;
        case SL_PQ_FIXED:
                return l->width;
        case SL_PQ_BYTES:
                break;
        }
        return 0;
}

static bool wants_bloom(struct compiler *c, const struct sl_pq_leaf *l)
{
        const char *path = dotted_path(c);
        for (uint32_t i = 0; l->type != SL_PQ_BOOLEAN && i < c->opts->bloom_count; i++)
                if (strcmp(c->opts->bloom_columns[i], path) == 0)
                        return true;
        return false;
}

static void compile_leaf(struct compiler *c, uint32_t at, const struct sl_schema *s, struct slot slot, uint8_t def,
                         uint8_t rep)
{
        struct sl_pq_plan *p = c->plan;
        struct sl_pq_leaf l = sl_pq_leaf_of(s, c->opts, &p->arena);
        leaf_element(p, s, slot, &l);
        struct sl_pq_step *step = &p->steps[at];
        step->op = l.op;
        step->width = l.width;
        step->limit = l.limit;
        step->precision = (uint32_t)l.precision;
        struct sl_pq_column_spec *col = add_column(p);
        col->type = l.type;
        col->max_def = def;
        col->max_rep = rep;
        col->decimal = l.decimal;
        col->text = l.text;
        col->bloom = wants_bloom(c, &l);
        col->width = staged_width(&l);
        col->path = thrift_path(c);
        col->path_len = c->depth;
        p->fixed_bytes += col->width ? col->width : 4;
}

static enum sl_rc compile_struct(struct compiler *c, uint32_t at, const struct sl_schema *s, uint8_t def, uint8_t rep)
{
        struct sl_pq_plan *p = c->plan;
        if (s->field_count == 0)
                return sl_fail(c->err, SL_E_FORMAT,
                               "Parquet can't hold a struct without fields (%s): remove the field with a transform",
                               c->depth ? dotted_path(c) : "the record's value");
        p->steps[at].op = SL_PQ_STRUCT;
        p->steps[at].children = s->field_count;
        int32_t id = take_ids(c, s->field_count);
        for (uint32_t i = 0; i < s->field_count; i++) {
                struct slot slot = {.name = {s->fields[i].name, s->fields[i].name_len}, .id = id ? id + (int32_t)i : 0};
                SL_TRY(compile_node(c, s->fields[i].schema, slot, def, rep));
        }
        return SL_OK;
}

/* Key and value of a map, below key_value or a list's element. */
static enum sl_rc compile_entry(struct compiler *c, const struct sl_schema *s, uint8_t def, uint8_t rep)
{
        int32_t id = take_ids(c, 2);
        SL_TRY(compile_node(c, s->key, (struct slot){.name = {"key", 3}, .id = id}, def, rep));
        return compile_node(c, s->value, (struct slot){.name = {"value", 5}, .id = id ? id + 1 : 0}, def, rep);
}

/* Arrays, maps, and maps as lists of entries: the repeated level and what is in it. */
static enum sl_rc compile_repeated(struct compiler *c, uint32_t at, const struct sl_schema *s, struct slot slot,
                                   uint8_t def, uint8_t rep)
{
        struct sl_pq_plan *p = c->plan;
        bool array = s->type == SL_ARRAY, map = !array && s->key->type == SL_STRING && !s->key->optional;
        uint32_t up = 0;
        p->steps[at].op = array ? SL_PQ_LIST : SL_PQ_MAP;
        p->steps[at].rep = ++rep;
        def++;
        group_element(p, slot, repetition(slot, s->optional), 1, map ? CONV_MAP : CONV_LIST,
                      map ? LOGICAL_MAP : LOGICAL_LIST);
        struct slot element = {.name = {c->two_level ? "array" : "element", c->two_level ? 5 : 7},
                               .repeated = c->two_level};
        if (map || !c->two_level) {
                struct slot inner = {.name = {map ? "key_value" : "list", map ? 9 : 4}};
                group_element(p, inner, REPEATED, map ? 2 : 1, -1, 0);
                c->names[c->depth++] = inner.name;
                up++;
        }
        if (!map)
                element.id = take_ids(c, 1);
        if (!map && !array) {
                group_element(p, element, repetition(element, false), 2, -1, 0);
                c->names[c->depth++] = element.name;
                up++;
        }
        enum sl_rc rc = array ? compile_node(c, s->value, element, def, rep) : compile_entry(c, s, def, rep);
        c->depth -= up;
        return rc;
}

/* def, rep: levels of the parent, the repeated level included. */
static enum sl_rc compile_node(struct compiler *c, const struct sl_schema *s, struct slot slot, uint8_t def,
                               uint8_t rep)
{
        struct sl_pq_plan *p = c->plan;
        if (c->depth + 3 >= NAMES_MAX)
                return sl_fail(c->err, SL_E_FORMAT, "The schema is nested too deep for Parquet (at %.200s...)",
                               dotted_path(c));
        if (s->type <= SL_NULL || s->type >= SL_TYPE_COUNT)
                return sl_fail(c->err, SL_E_FORMAT, "Parquet has no type for field %.*s", (int)slot.name.len,
                               slot.name.ptr);
        c->names[c->depth++] = slot.name;
        uint32_t at = add_step(p);
        def = (uint8_t)(def + s->optional);
        p->steps[at].type = (uint8_t)s->type;
        p->steps[at].optional = s->optional;
        p->steps[at].schema = s;
        p->steps[at].column = p->column_count;
        p->steps[at].path = dotted_path(c);
        enum sl_rc rc = SL_OK;
        if (s->type == SL_STRUCT) {
                group_element(p, slot, repetition(slot, s->optional), s->field_count, -1, 0);
                rc = compile_struct(c, at, s, def, rep);
        } else if (s->type == SL_ARRAY || s->type == SL_MAP) {
                rc = compile_repeated(c, at, s, slot, def, rep);
        } else {
                compile_leaf(c, at, s, slot, def, rep);
        }
        c->depth--;
        p->steps[at].next = p->step_count;
        p->steps[at].column_end = p->column_count;
        return rc;
}

static bool has_optional_elements(const struct sl_schema *s, uint32_t depth)
{
        bool found = s->type == SL_ARRAY && s->value->optional;
        if (depth > NAMES_MAX)
                return true;
        for (uint32_t i = 0; s->type == SL_STRUCT && !found && i < s->field_count; i++)
                found = has_optional_elements(s->fields[i].schema, depth + 1);
        if ((s->type == SL_ARRAY || s->type == SL_MAP) && !found)
                found = has_optional_elements(s->value, depth + 1);
        return found || (s->type == SL_MAP && has_optional_elements(s->key, depth + 1));
}

enum sl_rc sl_pq_plan_compile(struct sl_pq_plan *plan, const struct sl_schema *schema,
                              const struct sl_parquet_opts *opts, struct sl_err *err)
{
        struct compiler c = {.plan = plan, .opts = opts, .next_id = 1, .err = err};
        if (!schema || schema->type != SL_STRUCT)
                return sl_fail(err, SL_E_FORMAT,
                               "Parquet needs record values that are structs with a schema, this one is %s: use a "
                               "converter with "
                               "schemas (Avro, or JsonConverter with schemas.enable=true) or JsonFormat",
                               schema ? sl_type_name(schema->type) : "without a schema");
        c.two_level = opts->two_level && !has_optional_elements(schema, 0);
        sl_arena_init(&plan->arena, 4096);
        plan->schema = schema;
        /* The message name is the record's full name; parquet-avro's root has no repetition. */
        const char *name = schema->name ? schema->name : "ConnectDefault";
        uint32_t at = add_step(plan);
        plan->steps[at] = (struct sl_pq_step){.type = SL_STRUCT, .schema = schema, .path = "the record's value"};
        group_element(plan, (struct slot){.name = {name, strlen(name)}}, -1, schema->field_count, -1, 0);
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
