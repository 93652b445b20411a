/* SPDX-License-Identifier: Apache-2.0 */
/* A Connect schema compiled for Parquet: a flat list of steps (pre-order; a step's subtree is steps[i .. next)), the
 * leaf columns, and the footer's schema as ready Thrift bytes. Made once per schema, read per row. */
#ifndef SL_FORMAT_PARQUET_SCHEMA_H
#define SL_FORMAT_PARQUET_SCHEMA_H
#include "base/arena.h"
#include "base/err.h"
#include "connectors/format/format.h"
#include "record/schema.h"

/* parquet.thrift: Type */
enum sl_pq_type {
        SL_PQ_BOOLEAN = 0,
        SL_PQ_INT32 = 1,
        SL_PQ_INT64 = 2,
        SL_PQ_FLOAT = 4,
        SL_PQ_DOUBLE = 5,
        SL_PQ_BYTES = 6,
        SL_PQ_FIXED = 7
};

/* What a step does with its value. Leaves first. */
enum sl_pq_op {
        SL_PQ_PUT_BOOL,
        SL_PQ_PUT_I32,
        SL_PQ_PUT_I64,
        SL_PQ_PUT_F32,
        SL_PQ_PUT_F64,
        SL_PQ_PUT_BYTES,
        SL_PQ_PUT_FIXED,       /* exactly `width` bytes */
        SL_PQ_PUT_DECIMAL,     /* bytes, checked against the precision */
        SL_PQ_PUT_DECIMAL_I32, /* ditto, as numbers */
        SL_PQ_PUT_DECIMAL_I64,
        SL_PQ_PUT_DECIMAL_FIXED, /* ditto, sign-extended to `width` */
        SL_PQ_PUT_UUID,          /* text to 16 bytes */
        SL_PQ_STRUCT,
        SL_PQ_LIST,
        SL_PQ_MAP
};

struct sl_pq_step {
        uint8_t op;   /* enum sl_pq_op */
        uint8_t type; /* enum sl_type that a value must have */
        bool optional;
        uint8_t rep;     /* LIST, MAP: repetition level of the second and later elements */
        uint32_t next;   /* first step after the subtree */
        uint32_t column; /* first leaf column of the subtree (a leaf: its own) */
        uint32_t column_end;
        uint32_t children; /* STRUCT: number of fields */
        uint32_t width;    /* fixed widths */
        uint32_t precision;
        struct sl_str limit; /* decimals: 10 to the precision, big-endian */
        const struct sl_schema *schema;
        const char *path; /* dotted Connect names, for error texts */
};

struct sl_pq_column_spec {
        uint8_t type; /* enum sl_pq_type */
        uint8_t max_def, max_rep;
        bool decimal;       /* BYTES, FIXED: ordered as signed numbers */
        bool text;          /* UTF-8 */
        bool bloom;         /* a bloom filter was asked for */
        uint32_t width;     /* bytes of a staged value; 0 = varying */
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
        uint32_t fixed_bytes;   /* what a row takes at least, roughly */
        struct sl_buf elements; /* SchemaElement structs, depth first */
        uint32_t element_count;
};

/* Compile; *plan is zeroed by the caller. SL_E_FORMAT when Parquet can't hold it. */
enum sl_rc sl_pq_plan_compile(struct sl_pq_plan *plan, const struct sl_schema *schema,
                              const struct sl_parquet_opts *opts, struct sl_err *err);
void sl_pq_plan_free(struct sl_pq_plan *plan); /* accepts a zeroed struct */

/* --- parquet_types.c: leaves */

/* The Parquet type of a Connect leaf type and how it is annotated. */
struct sl_pq_leaf {
        uint8_t type; /* enum sl_pq_type */
        uint8_t op;   /* enum sl_pq_op */
        bool decimal, text;
        uint32_t width; /* bytes of FIXED */
        int converted;  /* ConvertedType, -1 = none */
        int logical;    /* field of the LogicalType union, 0 = none */
        bool utc;       /* TIME, TIMESTAMP */
        int unit;       /* ditto: 1 ms, 2 us, 3 ns */
        int8_t bits;    /* INTEGER */
        int32_t scale, precision;
        struct sl_str limit;
};
struct sl_pq_leaf sl_pq_leaf_of(const struct sl_schema *s, const struct sl_parquet_opts *opts, struct sl_arena *arena);
/* Does a decimal's value have no more digits than its precision? limit as in sl_pq_step. */
bool sl_pq_decimal_fits(struct sl_str limit, const char *p, uint32_t n);
/* The 16 bytes of a UUID's text; false = it is none. */
bool sl_pq_uuid(const char *p, uint32_t n, uint8_t *ret);
#endif
