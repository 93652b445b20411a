/* SPDX-License-Identifier: Apache-2.0 */
/* Thrift compact protocol, writing only (see the header for the layout). Does not know Parquet. */
#include "connectors/format/parquet_thrift.h"

#include <assert.h>

static uint64_t zigzag(int64_t v)
{
        return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

void sl_thrift_put_varint(struct sl_buf *out, uint64_t v)
{
        while (v >= 0x80) {
                sl_buf_addc(out, (char)(v | 0x80));
                v >>= 7;
        }
        sl_buf_addc(out, (char)v);
}

void sl_thrift_put_i32(struct sl_buf *out, int32_t v)
{
        sl_thrift_put_varint(out, zigzag(v));
}

void sl_thrift_put_i64(struct sl_buf *out, int64_t v)
{
        sl_thrift_put_varint(out, zigzag(v));
}

void sl_thrift_put_binary(struct sl_buf *out, const void *p, size_t n)
{
        sl_thrift_put_varint(out, n);
        sl_buf_add(out, p, n);
}

static void field(struct sl_thrift *t, int16_t id, int type)
{
        int16_t *last = &t->last[t->depth];
        int delta = id - *last;
        if (delta > 0 && delta < 16) {
                sl_buf_addc(t->out, (char)(delta << 4 | type));
        } else {
                sl_buf_addc(t->out, (char)type);
                sl_thrift_put_varint(t->out, zigzag(id));
        }
        *last = id;
}

struct sl_thrift sl_thrift_begin(struct sl_buf *out)
{
        return (struct sl_thrift){.out = out};
}

void sl_thrift_end(struct sl_thrift *t)
{
        sl_buf_addc(t->out, 0);
        t->depth--;
}

void sl_thrift_i8(struct sl_thrift *t, int16_t id, int8_t v)
{
        field(t, id, SL_TH_I8);
        sl_buf_addc(t->out, (char)v);
}

void sl_thrift_i16(struct sl_thrift *t, int16_t id, int16_t v)
{
        field(t, id, SL_TH_I16);
        sl_thrift_put_varint(t->out, zigzag(v));
}

void sl_thrift_i32(struct sl_thrift *t, int16_t id, int32_t v)
{
        field(t, id, SL_TH_I32);
        sl_thrift_put_varint(t->out, zigzag(v));
}

void sl_thrift_i64(struct sl_thrift *t, int16_t id, int64_t v)
{
        field(t, id, SL_TH_I64);
        sl_thrift_put_varint(t->out, zigzag(v));
}

void sl_thrift_bool(struct sl_thrift *t, int16_t id, bool v)
{
        field(t, id, v ? SL_TH_TRUE : SL_TH_FALSE);
}

void sl_thrift_binary(struct sl_thrift *t, int16_t id, const void *p, size_t n)
{
        field(t, id, SL_TH_BINARY);
        sl_thrift_put_binary(t->out, p, n);
}

void sl_thrift_struct(struct sl_thrift *t, int16_t id)
{
        field(t, id, SL_TH_STRUCT);
        t->depth++;
        assert(t->depth < SL_THRIFT_DEPTH);
        t->last[t->depth] = 0;
}

void sl_thrift_empty(struct sl_thrift *t, int16_t id)
{
        sl_thrift_struct(t, id);
        sl_thrift_end(t);
}

void sl_thrift_list(struct sl_thrift *t, int16_t id, enum sl_thrift_type elem, size_t n)
{
        field(t, id, SL_TH_LIST);
        if (n < 15) {
                sl_buf_addc(t->out, (char)(n << 4 | elem));
        } else {
                sl_buf_addc(t->out, (char)(0xF0 | elem));
                sl_thrift_put_varint(t->out, n);
        }
}
