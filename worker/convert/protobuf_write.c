/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as Protobuf: a walk over the plan's steps, in the order of the field numbers, as Java writes them. The length in front of a nested
 * message is filled in behind it: one byte is kept free, and longer messages are moved by the rest. */
#include <math.h>

#include "convert/protobuf_plan.h"
#include "record/javaclass.h"
#include "record/logical.h"

#define DAY_MS 86400000

struct output {
        struct sl_buf *out, *scratch;
        struct sl_err *err;
};

/* ---- pieces ---- */

static void add_varint(struct sl_buf *out, uint64_t v)
{
        if (!sl_buf_room(out, 10))
                return;
        for (; v > 127; v >>= 7)
                out->ptr[out->len++] = (char)(v | 128);
        out->ptr[out->len++] = (char)v;
}

static size_t open_length(struct sl_buf *out)
{
        sl_buf_addc(out, 0);
        return out->len;
}

static void close_length(struct sl_buf *out, size_t at)
{
        size_t n = out->len - at, more = 0;
        if (!sl_buf_ok(out) || !sl_buf_room(out, 10))
                return;
        for (size_t v = n; v > 127; v >>= 7)
                more++;
        if (more)
                memmove(out->ptr + at + more, out->ptr + at, n);
        out->len = at - 1;
        add_varint(out, n);
        out->len += n;
}

static uint64_t zigzag(int64_t v)
{
        return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static void add_scalar(struct sl_buf *out, enum pb_type type, const struct sl_value *v)
{
        uint64_t bits = 0;
        float single;
        switch (type) {
        case PB_DOUBLE:
                memcpy(&bits, &v->f64, 8);
                break;
        case PB_FLOAT:
                single = (float)v->f64;
                memcpy(&bits, &single, 4);
                break;
        case PB_STRING:
        case PB_BYTES:
                add_varint(out, v->len);
                sl_buf_add(out, v->ptr, v->len);
                return;
        case PB_BOOL:
                add_varint(out, v->b);
                return;
        case PB_UINT32:
                add_varint(out, (uint32_t)v->i64);
                return;
        case PB_SINT32:
                add_varint(out, (uint32_t)zigzag((int32_t)v->i64));
                return;
        case PB_SINT64:
                add_varint(out, zigzag(v->i64));
                return;
        case PB_INT32:
                add_varint(out, (uint64_t)(int64_t)(int32_t)v->i64);
                return;
        case PB_FIXED32:
        case PB_SFIXED32:
        case PB_FIXED64:
        case PB_SFIXED64:
                bits = (uint64_t)v->i64;
                break;
        default:
                add_varint(out, (uint64_t)v->i64);
                return;
        }
        sl_buf_add(out, &bits, type == PB_FLOAT || type == PB_FIXED32 || type == PB_SFIXED32 ? 4 : 8); /* little-endian machines only */
}

/* What a field without presence does not write. -0.0 is no zero. */
static bool is_zero(enum pb_type type, const struct sl_value *v)
{
        if (type == PB_STRING || type == PB_BYTES)
                return v->len == 0;
        if (type == PB_BOOL)
                return !v->b;
        if (type == PB_DOUBLE || type == PB_FLOAT)
                return v->f64 == 0 && !signbit(v->f64);
        return type == PB_UINT32 || type == PB_FIXED32 ? (uint32_t)v->i64 == 0 : v->i64 == 0;
}

/* Field 1..4 of a small message, zeros left out. */
static void add_small(struct sl_buf *out, unsigned number, int64_t v)
{
        if (!v)
                return;
        sl_buf_addc(out, (char)(number << 3));
        add_varint(out, (uint64_t)v);
}

/* ---- logical types ---- */

static uint32_t digits_of(const struct sl_value *v, struct sl_buf scratch[2])
{
        sl_buf_clear(&scratch[1]);
        sl_decimal_print(v->ptr, v->len, 0, &scratch[0], &scratch[1]);
        return (uint32_t)scratch[1].len - (scratch[1].len && scratch[1].ptr[0] == '-');
}

static enum sl_rc add_decimal(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        const uint8_t *p = (const uint8_t *)v->ptr;
        uint32_t n = v->len;
        if (!n)
                return sl_fail(o->err, SL_E_CONVERT, "the field %s is a Decimal without bytes", s->name);
        while (n > 1 && ((p[0] == 0 && p[1] < 128) || (p[0] == 255 && p[1] >= 128))) {
                p++;
                n--;
        }
        sl_buf_addc(o->out, 1 << 3 | 2);
        add_varint(o->out, n);
        sl_buf_add(o->out, p, n);
        add_small(o->out, 2, digits_of(v, o->scratch));
        add_small(o->out, 3, s->scale);
        return SL_OK;
}

static enum sl_rc add_time(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        if (v->i64 < 0 || v->i64 > DAY_MS)
                return sl_fail(o->err, SL_E_CONVERT, "Time values must use number of millis greater than 0 and less than 86400000 (field %s)",
                               s->name);
        add_small(o->out, 1, v->i64 / 3600000 % 24);
        add_small(o->out, 2, v->i64 / 60000 % 60);
        add_small(o->out, 3, v->i64 / 1000 % 60);
        add_small(o->out, 4, v->i64 % 1000 * 1000000);
        return SL_OK;
}

static enum sl_rc add_timestamp(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        int64_t ms = v->i64 % 1000, seconds = v->i64 / 1000;
        if (ms < 0) {
                ms += 1000;
                seconds--;
        }
        if (seconds < -62135596800 || seconds > 253402300799)
                return sl_fail(o->err, SL_E_CONVERT, "the field %s is a timestamp outside of the years 1 to 9999, which Protobuf does not "
                                                     "allow", s->name);
        add_small(o->out, 1, seconds);
        add_small(o->out, 2, ms * 1000000);
        return SL_OK;
}

static void add_date(struct output *o, const struct sl_value *v)
{
        int32_t ymd[3];
        sl_pb_date_of((int32_t)v->i64, ymd);
        for (unsigned i = 0; i < 3; i++)
                add_small(o->out, i + 1, ymd[i]);
}

/* ---- values ---- */

static enum sl_rc enum_number(struct output *o, const struct pb_step *s, const struct sl_value *v, int64_t *ret)
{
        for (const struct pb_enum_value *e = s->enumeration->values; e; e = e->next)
                if (s->kind == PB_ENUM_NUMBER ? e->number == v->i64 : sl_str_eqc(sl_v_as_str(v), e->name)) {
                        *ret = e->number;
                        return SL_OK;
                }
        if (s->kind == PB_ENUM_NUMBER)
                return sl_fail(o->err, SL_E_CONVERT, "the enum %s of the field %s has no number %lld", s->enumeration->name, s->name,
                               (long long)v->i64);
        return sl_fail(o->err, SL_E_CONVERT, "the enum %s of the field %s has no value %.*s", s->enumeration->name, s->name,
                       SL_FMT(sl_v_as_str(v)));
}

static enum sl_rc write_steps(struct output *o, const struct pb_writer *w, const struct sl_value *items);

static sl_cold enum sl_rc wrong_type(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        if (v->type == SL_NULL)
                return sl_fail(o->err, SL_E_CONVERT, "an element of the array %s is null, which Protobuf does not have", s->name);
        return sl_fail(o->err, SL_E_CONVERT, "Invalid type for %s: class %s (field %s)", sl_type_name(s->schema->type),
                       sl_java_class(NULL, v), s->name);
}

/* A message with its length. */
static enum sl_rc write_message(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        enum sl_rc rc = SL_OK;
        size_t at = open_length(o->out);
        switch ((enum pb_kind)s->kind) {
        case PB_STRUCT:
                rc = v->len == s->sub->fields ? write_steps(o, s->sub, v->items)
                                              : sl_fail(o->err, SL_E_CONVERT, "Mismatching struct schema (field %s)", s->name);
                break;
        case PB_WRAPPED:
                if (!is_zero((enum pb_type)s->type, v)) {
                        static const uint8_t wire[] = {[PB_DOUBLE] = 1, [PB_FLOAT] = 5, [PB_STRING] = 2, [PB_BYTES] = 2, [PB_SINT64] = 0};
                        sl_buf_addc(o->out, (char)(1 << 3 | wire[s->type]));
                        add_scalar(o->out, (enum pb_type)s->type, v);
                }
                break;
        case PB_DECIMAL:
                rc = add_decimal(o, s, v);
                break;
        case PB_DATE:
                add_date(o, v);
                break;
        case PB_TIME:
                rc = add_time(o, s, v);
                break;
        default:
                rc = add_timestamp(o, s, v);
                break;
        }
        close_length(o->out, at);
        return rc;
}

/* Without its tag. */
static enum sl_rc write_payload(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        int64_t number;
        if (sl_unlikely(v->type != s->value_type))
                return wrong_type(o, s, v);
        switch ((enum pb_kind)s->kind) {
        case PB_SCALAR:
                add_scalar(o->out, (enum pb_type)s->type, v);
                return SL_OK;
        case PB_ENUM_NAME:
        case PB_ENUM_NUMBER:
                SL_TRY(enum_number(o, s, v, &number));
                add_varint(o->out, (uint64_t)number);
                return SL_OK;
        default:
                return write_message(o, s, v);
        }
}

static enum sl_rc write_array(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        if (v->type != SL_ARRAY)
                return sl_fail(o->err, SL_E_CONVERT, "Invalid type for ARRAY: class %s (field %s)", sl_java_class(NULL, v), s->name);
        if (!v->len)
                return SL_OK;
        if (!s->packed) {
                for (uint32_t i = 0; i < v->len; i++) {
                        sl_buf_add(o->out, s->tag, s->tag_len);
                        SL_TRY(write_payload(o, s, &v->items[i]));
                }
                return SL_OK;
        }
        sl_buf_add(o->out, s->tag, s->tag_len);
        size_t at = open_length(o->out);
        for (uint32_t i = 0; i < v->len; i++)
                SL_TRY(write_payload(o, s, &v->items[i]));
        close_length(o->out, at);
        return SL_OK;
}

static enum sl_rc write_map(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        if (v->type != SL_MAP)
                return wrong_type(o, s, v);
        for (uint32_t i = 0; i < v->len; i++) {
                sl_buf_add(o->out, s->tag, s->tag_len);
                size_t at = open_length(o->out);
                SL_TRY(write_steps(o, s->sub, &v->items[2 * i]));
                close_length(o->out, at);
        }
        return SL_OK;
}

static enum sl_rc write_single(struct output *o, const struct pb_step *s, const struct sl_value *v)
{
        int64_t number;
        if (!s->presence && v->type == s->value_type) {
                if (s->kind == PB_SCALAR && is_zero((enum pb_type)s->type, v))
                        return SL_OK;
                if (s->kind == PB_ENUM_NAME || s->kind == PB_ENUM_NUMBER) {
                        SL_TRY(enum_number(o, s, v, &number));
                        if (!number)
                                return SL_OK;
                }
        }
        sl_buf_add(o->out, s->tag, s->tag_len);
        return write_payload(o, s, v);
}

static const struct sl_value *or_default(const struct pb_step *s, const struct sl_value *v)
{
        return v->type == SL_NULL && s->def ? s->def : v;
}

/* The value of a union's field, if it is the one that counts: the first that is not null. NULL: it is another, or the union is null. */
static enum sl_rc chosen(struct output *o, const struct pb_step *s, const struct sl_value *v, const struct sl_value **ret)
{
        *ret = NULL;
        if (v->type == SL_NULL)
                return SL_OK;
        if (v->type != SL_STRUCT)
                return wrong_type(o, s, v);
        int32_t first = 0;
        while (first < (int32_t)v->len && or_default(&s->members[first], &v->items[first])->type == SL_NULL)
                first++;
        if (first == (int32_t)v->len)
                return sl_fail(o->err, SL_E_CONVERT, "Cannot find non-null field (of a union with the field %s)", s->name);
        if (first == s->member)
                *ret = or_default(&s->members[first], &v->items[first]);
        return SL_OK;
}

static enum sl_rc write_steps(struct output *o, const struct pb_writer *w, const struct sl_value *items)
{
        for (uint32_t i = 0; i < w->count; i++) {
                const struct pb_step *s = &w->steps[i];
                const struct sl_value *v = &items[s->slot];
                if (s->member >= 0)
                        SL_TRY(chosen(o, s, v, &v));
                else if (v->type == SL_NULL)
                        v = s->def;
                if (!v || v->type == SL_NULL)
                        continue;
                if (s->repeated)
                        SL_TRY(write_array(o, s, v));
                else if (s->kind == PB_MAP)
                        SL_TRY(write_map(o, s, v));
                else
                        SL_TRY(write_single(o, s, v));
        }
        return SL_OK;
}

enum sl_rc sl_pb_write(const struct pb_writer *w, const struct sl_value *value, struct sl_buf scratch[2], struct sl_buf *out,
                       struct sl_err *err)
{
        struct output o = {out, scratch, err};
        if (!w->bare && (value->type != SL_STRUCT || value->len != w->fields))
                return sl_fail(err, SL_E_CONVERT, "Mismatching struct schema");
        SL_TRY(write_steps(&o, w, w->bare ? value : value->items));
        if (sl_unlikely(!sl_buf_ok(out)))
                return sl_fail(err, SL_E_TOO_LARGE, "the Protobuf bytes of a record pass the limit of its buffer");
        return SL_OK;
}
