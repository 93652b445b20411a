/* SPDX-License-Identifier: Apache-2.0 */
/* Shreds records into columns with Dremel's levels (apache/parquet-format, README.md, Nested Encoding): a null at
 * definition level d leaves (repetition, d) in every column below it; an empty list the level of the list itself. A
 * null in a required field with a default becomes the default; elsewhere nulls stay nulls. */
#include "connectors/format/parquet_shred.h"

/* def: definition level of the parent, rep: repetition level of the next entry. */
static enum sl_rc shred(struct sl_pq_shred *w, uint32_t at, const struct sl_value *v, uint8_t rep, uint8_t def,
                        struct sl_err *err);

static void shred_null(struct sl_pq_shred *w, const struct sl_pq_step *s, uint8_t rep, uint8_t def)
{
        for (uint32_t i = s->column; i < s->column_end; i++)
                sl_pq_column_level(&w->cols[i], rep, def);
}

static sl_cold enum sl_rc no_fit(const struct sl_pq_step *s, const struct sl_value *v, struct sl_err *err)
{
        if (s->op == SL_PQ_PUT_FIXED)
                return sl_fail(err, SL_E_VALUE, "Field %s holds %u bytes where its schema says %u", s->path, v->len,
                               s->width);
        if (s->op == SL_PQ_PUT_UUID)
                return sl_fail(err, SL_E_VALUE, "Field %s holds a text that is no UUID", s->path);
        return sl_fail(err, SL_E_VALUE, "Field %s holds a decimal of more than the %u digits of its precision", s->path,
                       s->precision);
}

/* Unscaled decimals that fit 8 bytes. */
static int64_t decimal_i64(const struct sl_value *v)
{
        uint64_t x = v->len && (v->ptr[0] & 0x80) ? UINT64_MAX : 0;
        for (uint32_t i = v->len > 8 ? v->len - 8 : 0; i < v->len; i++)
                x = x << 8 | (uint8_t)v->ptr[i];
        return (int64_t)x;
}

static void put_extended(struct sl_pq_column *col, const struct sl_value *v, uint32_t width)
{
        if (!sl_buf_room(&col->vals, width))
                return;
        uint32_t n = v->len < width ? v->len : width;
        char *to = col->vals.ptr + col->vals.len;
        memset(to, v->len && (v->ptr[0] & 0x80) ? 0xff : 0, width - n);
        if (n)
                memcpy(to + width - n, v->ptr + v->len - n, n);
        col->vals.len += width;
}

/* The less usual leaves, levels included. */
static enum sl_rc put_checked(struct sl_pq_column *col, const struct sl_pq_step *s, const struct sl_value *v,
                              uint8_t rep, uint8_t def, struct sl_err *err)
{
        uint8_t uuid[16];
        int64_t i64;
        int32_t i32;
        bool fits = s->op == SL_PQ_PUT_FIXED  ? v->len == s->width
                    : s->op == SL_PQ_PUT_UUID ? sl_pq_uuid(v->ptr, v->len, uuid)
                                              : sl_pq_decimal_fits(s->limit, v->ptr, v->len);
        if (sl_unlikely(!fits))
                return no_fit(s, v, err);
        sl_pq_column_level(col, rep, def);
        switch ((enum sl_pq_op)s->op) {
        case SL_PQ_PUT_DECIMAL_I32:
                i32 = (int32_t)decimal_i64(v);
                sl_buf_add(&col->vals, &i32, 4);
                break;
        case SL_PQ_PUT_DECIMAL_I64:
                i64 = decimal_i64(v);
                sl_buf_add(&col->vals, &i64, 8);
                break;
        case SL_PQ_PUT_DECIMAL_FIXED:
                put_extended(col, v, s->width);
                break;
        case SL_PQ_PUT_UUID:
                sl_buf_add(&col->vals, uuid, sizeof(uuid));
                break;
        case SL_PQ_PUT_FIXED:
                sl_buf_add(&col->vals, v->ptr, v->len);
                break;
        default:
                sl_pq_column_bytes(col, v->ptr, v->len);
        }
        return SL_OK;
}

/* A value of the right type. */
static inline enum sl_rc put_leaf(struct sl_pq_shred *w, const struct sl_pq_step *s, const struct sl_value *v,
                                  uint8_t rep, uint8_t def, struct sl_err *err)
{
        struct sl_pq_column *col = &w->cols[s->column];
        int32_t i32;
        float f32;
        char b;
        if (s->op > SL_PQ_PUT_BYTES) {
                w->bytes += v->len;
                return put_checked(col, s, v, rep, def, err);
        }
        sl_pq_column_level(col, rep, def);
        switch ((enum sl_pq_op)s->op) {
        case SL_PQ_PUT_BOOL:
                b = v->b;
                sl_buf_addc(&col->vals, b);
                break;
        case SL_PQ_PUT_I32:
                i32 = (int32_t)v->i64;
                sl_buf_add(&col->vals, &i32, 4);
                break;
        case SL_PQ_PUT_F32:
                f32 = (float)v->f64;
                sl_buf_add(&col->vals, &f32, 4);
                break;
        case SL_PQ_PUT_I64:
        case SL_PQ_PUT_F64:
                sl_buf_add(&col->vals, &v->i64, 8);
                break;
        default:
                w->bytes += v->len;
                sl_pq_column_bytes(col, v->ptr, v->len);
        }
        return SL_OK;
}

/* The default for a null in a required field, or an error. */
static sl_cold enum sl_rc replace_null(const struct sl_pq_step *s, const struct sl_value **v, struct sl_err *err)
{
        if (!s->schema->has_default || s->schema->def.type == SL_NULL)
                return sl_fail(err, SL_E_VALUE, "Null in the required field %s", s->path);
        *v = &s->schema->def;
        return SL_OK;
}

static sl_cold enum sl_rc wrong_type(const struct sl_pq_step *s, const struct sl_value *v, struct sl_err *err)
{
        return sl_fail(err, SL_E_VALUE, "Field %s holds %s where its schema says %s", s->path, sl_type_name(v->type),
                       sl_type_name(s->type));
}

static enum sl_rc shred_struct(struct sl_pq_shred *w, uint32_t at, const struct sl_value *v, uint8_t rep, uint8_t def,
                               struct sl_err *err)
{
        const struct sl_pq_step *s = &w->steps[at];
        if (v->len != s->children)
                return sl_fail(err, SL_E_VALUE, "Field %s holds %u fields where its schema has %u", s->path, v->len,
                               s->children);
        const struct sl_value *item = v->items;
        for (uint32_t child = at + 1, n = v->len; n; n--, item++) {
                const struct sl_pq_step *c = &w->steps[child];
                if (sl_likely(item->type == c->type && c->op < SL_PQ_STRUCT))
                        SL_TRY(put_leaf(w, c, item, rep, (uint8_t)(def + c->optional), err));
                else if (item->type == SL_NULL && c->optional)
                        shred_null(w, c, rep, def);
                else
                        SL_TRY(shred(w, child, item, rep, def, err));
                child = c->next;
        }
        return SL_OK;
}

static enum sl_rc shred_repeated(struct sl_pq_shred *w, uint32_t at, const struct sl_value *v, uint8_t rep, uint8_t def,
                                 struct sl_err *err)
{
        const struct sl_pq_step *s = &w->steps[at];
        if (v->len == 0)
                shred_null(w, s, rep, def);
        w->bytes += (size_t)v->len * 16;
        for (uint32_t i = 0; i < v->len; i++) {
                uint8_t r = i ? s->rep : rep;
                if (s->op == SL_PQ_LIST) {
                        SL_TRY(shred(w, at + 1, &v->items[i], r, (uint8_t)(def + 1), err));
                } else {
                        SL_TRY(shred(w, at + 1, &v->items[2 * i], r, (uint8_t)(def + 1), err));
                        SL_TRY(shred(w, w->steps[at + 1].next, &v->items[2 * i + 1], r, (uint8_t)(def + 1), err));
                }
        }
        return SL_OK;
}

static enum sl_rc shred(struct sl_pq_shred *w, uint32_t at, const struct sl_value *v, uint8_t rep, uint8_t def,
                        struct sl_err *err)
{
        const struct sl_pq_step *s = &w->steps[at];
        if (v->type == SL_NULL && s->optional) {
                shred_null(w, s, rep, def);
                return SL_OK;
        }
        if (v->type == SL_NULL)
                SL_TRY(replace_null(s, &v, err));
        if (sl_unlikely(v->type != s->type))
                return wrong_type(s, v, err);
        def = (uint8_t)(def + s->optional);
        if (s->op == SL_PQ_STRUCT)
                return shred_struct(w, at, v, rep, def, err);
        if (s->op > SL_PQ_STRUCT)
                return shred_repeated(w, at, v, rep, def, err);
        return put_leaf(w, s, v, rep, def, err);
}

enum sl_rc sl_pq_shred(struct sl_pq_shred *w, const struct sl_value *value, struct sl_err *err)
{
        return shred(w, 0, value, 0, 0, err);
}
