/* SPDX-License-Identifier: Apache-2.0 */
/* Values: Java's equals() and toString(), deep copies. Does not check values against schemas (the converters do) and
 * does not know logical types. */
#include "record/value.h"

#include "record/schema.h"

/* Double.equals: NaN equals NaN, 0.0 differs from -0.0. */
static bool same_double(double a, double b)
{
        uint64_t x, y;
        if (a != a || b != b)
                return a != a && b != b;
        memcpy(&x, &a, sizeof(x));
        memcpy(&y, &b, sizeof(y));
        return x == y;
}

static bool same_items(const struct sl_value *a, const struct sl_value *b, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (!sl_value_equal(&a[i], &b[i]))
                        return false;
        return true;
}

/* As java.util.Map: the order of the entries does not matter. The usual case is the same order. */
static bool same_map(const struct sl_value *a, const struct sl_value *b)
{
        if (same_items(a->items, b->items, a->len * 2))
                return true;
        for (uint32_t i = 0; i < a->len; i++) {
                uint32_t j = 0;
                while (j < b->len && !sl_value_equal(&a->items[2 * i], &b->items[2 * j]))
                        j++;
                if (j == b->len || !sl_value_equal(&a->items[2 * i + 1], &b->items[2 * j + 1]))
                        return false;
        }
        return true;
}

bool sl_value_equal(const struct sl_value *a, const struct sl_value *b)
{
        if (a->type != b->type)
                return false;
        switch ((enum sl_type)a->type) {
        case SL_NULL:
                return true;
        case SL_BOOLEAN:
                return a->b == b->b;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                return a->i64 == b->i64;
        case SL_FLOAT32:
        case SL_FLOAT64:
                return same_double(a->f64, b->f64);
        case SL_STRING:
        case SL_BYTES:
                return sl_str_eq(sl_v_as_str(a), sl_v_as_str(b));
        case SL_ARRAY:
        case SL_STRUCT:
                return a->len == b->len && same_items(a->items, b->items, a->len);
        case SL_MAP:
                return a->len == b->len && same_map(a, b);
        case SL_TYPE_COUNT:
                break;
        }
        return false;
}

static const struct sl_value *copy_items(struct sl_arena *a, const struct sl_value *items, uint32_t n)
{
        struct sl_value *copy = sl_arena_alloc(a, (size_t)n * sizeof(*copy));
        for (uint32_t i = 0; i < n; i++)
                copy[i] = sl_value_copy(a, &items[i]);
        return copy;
}

struct sl_value sl_value_copy(struct sl_arena *a, const struct sl_value *v)
{
        struct sl_value copy = *v;
        switch ((enum sl_type)v->type) {
        case SL_STRING:
        case SL_BYTES:
                copy.ptr = sl_arena_strndup(a, v->ptr, v->len);
                break;
        case SL_ARRAY:
        case SL_STRUCT:
                copy.items = copy_items(a, v->items, v->len);
                break;
        case SL_MAP:
                copy.items = copy_items(a, v->items, v->len * 2);
                break;
        default:
                break;
        }
        return copy;
}

static void print_list(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        sl_buf_addc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_adds(out, ", ");
                sl_value_print(schema ? schema->value : NULL, &v->items[i], out);
        }
        sl_buf_addc(out, ']');
}

static void print_map(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        sl_buf_addc(out, '{');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_adds(out, ", ");
                sl_value_print(schema ? schema->key : NULL, &v->items[2 * i], out);
                sl_buf_addc(out, '=');
                sl_value_print(schema ? schema->value : NULL, &v->items[2 * i + 1], out);
        }
        sl_buf_addc(out, '}');
}

/* Struct.toString leaves null fields out. */
static void print_struct(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        bool first = true;
        sl_buf_adds(out, "Struct{");
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_field *f = schema && i < schema->field_count ? &schema->fields[i] : NULL;
                if (v->items[i].type == SL_NULL)
                        continue;
                if (!first)
                        sl_buf_addc(out, ',');
                first = false;
                if (f)
                        sl_buf_adds(out, f->name);
                sl_buf_addc(out, '=');
                sl_value_print(f ? f->schema : NULL, &v->items[i], out);
        }
        sl_buf_addc(out, '}');
}

void sl_value_print(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        switch ((enum sl_type)v->type) {
        case SL_BOOLEAN:
                sl_buf_adds(out, v->b ? "true" : "false");
                break;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                sl_buf_add_i64(out, v->i64);
                break;
        case SL_FLOAT32:
                sl_buf_add_f32(out, (float)v->f64);
                break;
        case SL_FLOAT64:
                sl_buf_add_f64(out, v->f64);
                break;
        case SL_STRING:
                sl_buf_add(out, v->ptr, v->len);
                break;
        case SL_BYTES: /* what ByteBuffer.toString says */
                sl_buf_printf(out, "java.nio.HeapByteBuffer[pos=0 lim=%u cap=%u]", v->len, v->len);
                break;
        case SL_ARRAY:
                print_list(schema, v, out);
                break;
        case SL_MAP:
                print_map(schema, v, out);
                break;
        case SL_STRUCT:
                print_struct(schema, v, out);
                break;
        case SL_NULL:
        case SL_TYPE_COUNT:
                sl_buf_adds(out, "null");
                break;
        }
}
