/* SPDX-License-Identifier: Apache-2.0 */
/* Values as the text of Connect's Values, see values.h. Dates, times and timestamps share java.util.Date's three forms,
 * chosen by the value and not by the schema. Reading is values.c's. */
#include "record/values.h"

#include "record/logical.h"

#define DAY_MS 86400000LL

static void print(const struct sl_schema *schema, const struct sl_value *v, bool inner, struct sl_buf *out);

static void quote(struct sl_str s, struct sl_buf *out)
{
        sl_buf_addc(out, '"');
        for (size_t i = 0; i < s.len; i++) {
                if (s.ptr[i] == '"' || s.ptr[i] == '\\')
                        sl_buf_addc(out, '\\');
                sl_buf_addc(out, s.ptr[i]);
        }
        sl_buf_addc(out, '"');
}

static void print_bytes(const struct sl_value *v, bool inner, struct sl_buf *out)
{
        if (inner)
                sl_buf_addc(out, '"');
        sl_buf_add_base64(out, v->ptr, v->len);
        if (inner)
                sl_buf_addc(out, '"');
}

static void print_decimal(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        struct sl_buf scratch;
        sl_buf_init(&scratch, SIZE_MAX);
        sl_decimal_print(v->ptr, v->len, schema->decimal_scale, &scratch, out);
        sl_buf_free(&scratch);
}

static void print_array(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        sl_buf_addc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                print(schema ? schema->value : NULL, &v->items[i], true, out);
        }
        sl_buf_addc(out, ']');
}

static void print_map(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        sl_buf_addc(out, '{');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                print(schema ? schema->key : NULL, &v->items[2 * i], true, out);
                sl_buf_addc(out, ':');
                print(schema ? schema->value : NULL, &v->items[2 * i + 1], true, out);
        }
        sl_buf_addc(out, '}');
}

static void print_struct(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        sl_buf_addc(out, '{');
        for (uint32_t i = 0; schema && i < v->len && i < schema->field_count; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                quote(sl_str_c(schema->fields[i].name), out);
                sl_buf_addc(out, ':');
                bool fill = v->items[i].type == SL_NULL && schema->fields[i].schema->has_default; /* Struct.get */
                print(schema->fields[i].schema, fill ? &schema->fields[i].schema->def : &v->items[i], true, out);
        }
        sl_buf_addc(out, '}');
}

static void print(const struct sl_schema *schema, const struct sl_value *v, bool inner, struct sl_buf *out)
{
        enum sl_logical logical = schema ? schema->logical : SL_LOGICAL_NONE;
        if (logical == SL_LOGICAL_DECIMAL && v->type == SL_BYTES)
                print_decimal(schema, v, out);
        else if (logical == SL_LOGICAL_DATE && v->type == SL_INT32)
                sl_instant_print(v->i64 * DAY_MS, out);
        else if ((logical == SL_LOGICAL_TIME && v->type == SL_INT32) ||
                 (logical == SL_LOGICAL_TIMESTAMP && v->type == SL_INT64))
                sl_instant_print(v->i64, out);
        else if (v->type == SL_STRING && inner)
                quote(sl_v_as_str(v), out);
        else if (v->type == SL_BYTES)
                print_bytes(v, inner, out);
        else if (v->type == SL_ARRAY)
                print_array(schema, v, out);
        else if (v->type == SL_MAP)
                print_map(schema, v, out);
        else if (v->type == SL_STRUCT)
                print_struct(schema, v, out);
        else
                sl_value_print(schema, v, out);
}

void sl_values_print(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out)
{
        print(schema, v, false, out);
}
