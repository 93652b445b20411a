/* SPDX-License-Identifier: Apache-2.0 */
/* Connect schemas: immutable and interned. Two schemas that are equal in Connect's sense (type, optional,
 * default, name, version, doc, parameters, fields, key and value schemas) are the same pointer, so comparing
 * pointers compares schemas and side tables can be indexed by `id`. Interned schemas live until the process
 * ends. Interning takes a lock (control plane: once per relation or envelope); reading needs none. */
#ifndef SL_RECORD_SCHEMA_H
#define SL_RECORD_SCHEMA_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "record/value.h"

/* Names as in JsonConverter and Schema.Type. SL_NULL only tags values. SL_T_DECIMAL ... never appear: a logical
 * type is its base type plus name (and `logical`). */
enum sl_logical { SL_LOGICAL_NONE, SL_LOGICAL_DECIMAL, SL_LOGICAL_DATE, SL_LOGICAL_TIME, SL_LOGICAL_TIMESTAMP };
#define SL_NAME_DECIMAL "org.apache.kafka.connect.data.Decimal"     /* BYTES, parameter "scale" */
#define SL_NAME_DATE "org.apache.kafka.connect.data.Date"           /* INT32 days */
#define SL_NAME_TIME "org.apache.kafka.connect.data.Time"           /* INT32 ms of the day */
#define SL_NAME_TIMESTAMP "org.apache.kafka.connect.data.Timestamp" /* INT64 ms */

struct sl_param {
        const char *name, *value;
};
struct sl_field {
        const char *name;
        uint32_t name_len;
        const struct sl_schema *schema;
};
struct sl_schema {
        enum sl_type type;
        bool optional;
        bool has_default;
        enum sl_logical logical; /* set by sl_schema_intern from name and type */
        int32_t version;         /* 0 = none */
        const char *name;        /* NULL = none */
        const char *doc;         /* NULL = none */
        uint32_t param_count;
        const struct sl_param *params;
        struct sl_value def;     /* when has_default; deep (owned by the interner after interning) */
        uint32_t field_count;    /* STRUCT */
        const struct sl_field *fields;
        const struct sl_schema *key, *value; /* MAP: both; ARRAY: value is the element schema */
        /* set by sl_schema_intern: */
        uint32_t id;             /* dense, from 0 */
        int32_t decimal_scale;   /* SL_LOGICAL_DECIMAL */
        uint64_t fingerprint;    /* stable across runs for equal schemas */
};

/* Give the interned schema equal to *spec. Everything spec points at is copied; child schemas (fields, key,
 * value) must be interned already; id, logical, decimal_scale, fingerprint and fields[].name_len are ignored in
 * spec. Never fails. @thread any. */
const struct sl_schema *sl_schema_intern(const struct sl_schema *spec);
/* The plain schema of a primitive type, no name, no default. */
const struct sl_schema *sl_schema_of(enum sl_type type, bool optional);
/* Index of a field by name, or -1. Linear or hashed; bind time only, never per row. */
int sl_schema_field(const struct sl_schema *s, const char *name, size_t len);
const char *sl_schema_param(const struct sl_schema *s, const char *name); /* NULL = absent */
/* Upper-case Java name of a type: "INT32", "STRUCT", ... */
const char *sl_type_name(enum sl_type type);
/* How many schemas are interned (metric). */
uint32_t sl_schema_count(void);
#endif
