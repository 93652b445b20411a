/* SPDX-License-Identifier: Apache-2.0 */
/* What the transforms share: the side of a record they work on, Connect's complaints about its shape, and reading a field.
 * All inline or cold; @thread the task's. */
#ifndef SL_TRANSFORMS_COMMON_H
#define SL_TRANSFORMS_COMMON_H
#include <stdlib.h>
#include "api/transform.h"
#include "record/javaclass.h"
#include "record/plans.h"

#define SL_JAVA_NPE "java.lang.NullPointerException"
#define SL_JAVA_CAST "java.lang.ClassCastException"
#define SL_JAVA_ARGUMENT "java.lang.IllegalArgumentException"
#define SL_JAVA_BUILDER "org.apache.kafka.connect.errors.SchemaBuilderException"
#define SL_JAVA_DEBEZIUM "io.debezium.DebeziumException"

/* sl_fail of a record with the Java class of the exception (static text). */
#define SL_FAIL_AS(err, class, ...) sl_fail_as_(sl_fail((err), SL_E_TRANSFORM, __VA_ARGS__), (err), (class))
static inline enum sl_rc sl_fail_as_(enum sl_rc rc, struct sl_err *err, const char *class)
{
        if (err)
                err->java = class;
        return rc;
}

/* ops->side: 0 = value, 1 = key. */
static inline struct sl_value *sl_side_value(struct sl_record *rec, int side)
{
        return side ? &rec->key : &rec->value;
}
static inline const struct sl_schema **sl_side_schema(struct sl_record *rec, int side)
{
        return side ? &rec->key_schema : &rec->value_schema;
}

/* "Only Struct objects supported for [purpose], found: java.lang.String", and its sisters; class SL_E_TRANSFORM. */
enum sl_rc sl_need_struct(const struct sl_schema *schema, const struct sl_value *v, const char *purpose, struct sl_err *err);
enum sl_rc sl_need_map(const struct sl_value *v, const char *purpose, struct sl_err *err);

/* Java's Struct.get: a null field with a default is read as the default when the transform says so. */
static inline struct sl_value sl_read_field(const struct sl_schema *field, const struct sl_value *v, bool replace_null)
{
        return sl_unlikely(v->type == SL_NULL && field->has_default && replace_null) ? field->def : *v;
}
/* Index of the entry (its value is items[2 * i + 1]) of a schemaless map, or -1. */
int sl_map_find(const struct sl_value *map, struct sl_str key);

/* The names of a list, their lengths counted once. */
struct sl_names { /* zeroed = none */
        struct sl_str *items; /* free() it */
        uint32_t count;
};
void sl_names_of(struct sl_names *names, const struct sl_cfg_list *list);
static inline bool sl_names_have(const struct sl_names *names, struct sl_str name)
{
        for (uint32_t i = 0; i < names->count; i++)
                if (sl_str_eq(name, names->items[i]))
                        return true;
        return false;
}

/* A copy of everything about a schema but its type's content: name, version, doc, parameters (not optional, not default: most
 * transforms lose them, as in Java). */
static inline struct sl_schema sl_schema_like(const struct sl_schema *in, enum sl_type type)
{
        return (struct sl_schema){.type = type,
                                  .name = in->name,
                                  .version = in->version,
                                  .doc = in->doc,
                                  .param_count = in->param_count,
                                  .params = in->params};
}

/* SchemaBuilder.field: put a field behind those of a new struct schema; fields is spec->fields, with room for it. An empty name and
 * one that is there already are refused (SchemaBuilderException). */
enum sl_rc sl_add_field(struct sl_schema *spec, struct sl_field *fields, const char *name, const struct sl_schema *schema,
                        struct sl_err *err);

/* What a change that depends on nothing else made of a list of headers, for the records of the batch that have the same one. */
struct sl_headers_memo {
        const struct sl_arena *arena;
        uint64_t resets;
        const struct sl_header *const *from, *const *to;
        uint32_t from_count, to_count;
};
/* Give the record what came of its headers before; false: make it, and remember it. */
static inline bool sl_headers_known(const struct sl_headers_memo *m, struct sl_record *rec, const struct sl_arena *arena)
{
        if (rec->headers != m->from || rec->header_count != m->from_count || m->arena != arena || m->resets != arena->resets)
                return false;
        rec->headers = m->to;
        rec->header_count = m->to_count;
        return true;
}
/* The record has its new headers now. */
static inline void sl_headers_remember(struct sl_headers_memo *m, const struct sl_header *const *from, uint32_t from_count,
                                       const struct sl_record *rec, const struct sl_arena *arena)
{
        *m = (struct sl_headers_memo){arena, arena->resets, from, rec->headers, from_count, rec->header_count};
}
/* ConnectRecord.toString(), with SinkRecord's head, or SourceRecord's without the position, which is the connector's. */
void sl_record_print(const struct sl_record *rec, struct sl_buf *out);

/* A row of many tables; the struct has `bool replace_null`. */
#define SL_CFG_REPLACE_NULL(T)                                                                                       \
        {                                                                                                            \
                SL_CFG_BOOL(T, replace_null, "replace.null.with.default"), .def = "true", .importance = SL_MEDIUM,   \
                .doc = "Read a null field as the default of its schema, if that has one."                            \
        }
#endif
