/* SPDX-License-Identifier: Apache-2.0 */
/* A Connect schema compiled for Parquet: a flat list of steps (pre-order; a step's subtree is steps[i .. next)), the
 * leaf columns, and the footer's schema as ready Thrift bytes. Made once per schema, read per row. */
#ifndef SL_FORMAT_PARQUET_SCHEMA_H
#define SL_FORMAT_PARQUET_SCHEMA_H
#include "base/arena.h"
#include "base/err.h"
#include "record/schema.h"

/* parquet.thrift: Type */
enum sl_pq_type {
        SL_PQ_BOOLEAN = 0,
        SL_PQ_INT32 = 1,
        SL_PQ_INT64 = 2,
        SL_PQ_FLOAT = 4,
        SL_PQ_DOUBLE = 5,
        SL_PQ_BYTES = 6
};

enum sl_pq_kind { SL_PQ_LEAF, SL_PQ_STRUCT, SL_PQ_LIST, SL_PQ_MAP };

struct sl_pq_step {
        uint8_t kind; /* enum sl_pq_kind */
        uint8_t type; /* enum sl_type that a value must have */
        bool optional;
        uint8_t rep;     /* LIST, MAP: repetition level of the second and later elements */
        uint32_t next;   /* first step after the subtree */
        uint32_t column; /* first leaf column of the subtree (LEAF: its own) */
        uint32_t column_end;
        uint32_t children; /* STRUCT: number of fields */
        const struct sl_schema *schema;
        const char *path; /* dotted, for error texts and the footer */
};

struct sl_pq_column_spec {
        uint8_t type; /* enum sl_pq_type */
        bool dict;    /* worth trying a dictionary */
        bool stats;   /* min and max by plain comparison of numbers make sense */
        uint8_t max_def, max_rep;
        struct sl_str path; /* Thrift: list elements of path_in_schema */
        uint32_t path_len;  /* how many */
};

struct sl_pq_plan {
        struct sl_arena arena;
        const struct sl_schema *schema;
        struct sl_pq_step *steps; /* steps[0] is the root struct */
        uint32_t step_count, step_cap;
        struct sl_pq_column_spec *columns;
        uint32_t column_count, column_cap;
        struct sl_buf elements; /* SchemaElement structs, depth first */
        uint32_t element_count;
};

/* Compile; *plan is zeroed by the caller. SL_E_FORMAT when Parquet can't hold it. */
enum sl_rc sl_pq_plan_compile(struct sl_pq_plan *plan, const struct sl_schema *schema, struct sl_err *err);
void sl_pq_plan_free(struct sl_pq_plan *plan); /* accepts a zeroed struct */
#endif
