/* SPDX-License-Identifier: Apache-2.0 */
/* Writer for Thrift's compact protocol, the part that Parquet's headers and footer need.
 * Source of the layout: apache/thrift doc/specs/thrift-compact-protocol.md.
 *   field  = (id delta << 4 | type), or type and zigzag id when the delta is not 1..15; bool fields carry their value
 * in the type; struct ends with 0; list = (size << 4 | element type), or 0xF0 | type and a varint size. Structs do not
 * depend on what stands before them, so pieces can be serialised ahead and pasted into lists. */
#ifndef SL_FORMAT_PARQUET_THRIFT_H
#define SL_FORMAT_PARQUET_THRIFT_H
#include "base/str.h"

enum sl_thrift_type {
        SL_TH_TRUE = 1,
        SL_TH_FALSE = 2,
        SL_TH_I8 = 3,
        SL_TH_I16 = 4,
        SL_TH_I32 = 5,
        SL_TH_I64 = 6,
        SL_TH_BINARY = 8,
        SL_TH_LIST = 9,
        SL_TH_STRUCT = 12,
};

#define SL_THRIFT_DEPTH 8
struct sl_thrift {
        struct sl_buf *out;
        int16_t last[SL_THRIFT_DEPTH]; /* last field id of each open struct */
        int depth;
};

/* Start writing one struct at the end of out; end it with sl_thrift_end. */
struct sl_thrift sl_thrift_begin(struct sl_buf *out);
void sl_thrift_end(struct sl_thrift *t);
/* Fields of the open struct, ids ascending. */
void sl_thrift_i8(struct sl_thrift *t, int16_t id, int8_t v);
void sl_thrift_i16(struct sl_thrift *t, int16_t id, int16_t v);
void sl_thrift_i32(struct sl_thrift *t, int16_t id, int32_t v);
void sl_thrift_i64(struct sl_thrift *t, int16_t id, int64_t v);
void sl_thrift_bool(struct sl_thrift *t, int16_t id, bool v);
void sl_thrift_binary(struct sl_thrift *t, int16_t id, const void *p, size_t n);
void sl_thrift_struct(struct sl_thrift *t, int16_t id); /* opens it; end it with sl_thrift_end */
void sl_thrift_empty(struct sl_thrift *t, int16_t id);  /* a struct without fields (a union's bare member) */
/* A list of n elements: append them to t->out next (sl_thrift_put_*, or ready structs). */
void sl_thrift_list(struct sl_thrift *t, int16_t id, enum sl_thrift_type elem, size_t n);

/* List elements. */
void sl_thrift_put_varint(struct sl_buf *out, uint64_t v);
void sl_thrift_put_i32(struct sl_buf *out, int32_t v);
void sl_thrift_put_i64(struct sl_buf *out, int64_t v);
void sl_thrift_put_binary(struct sl_buf *out, const void *p, size_t n);
#endif
