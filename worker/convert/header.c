/* SPDX-License-Identifier: Apache-2.0 */
/* SimpleHeaderConverter: header values as the text that Connect's own writes. Inside structs, arrays and maps strings
 * are quoted, with \ before \ and "; bytes are base64; decimals are BigDecimal's text; dates, times and timestamps
 * share java.util.Date's three forms, chosen by the value and not by the schema. Not done here: it does not guess types
 * when it reads (Java turns "12" into int8, "[1]" into an array ...): every header is read as a string. */
#include "convert/convert.h"
#include "convert/json.h"

#define DAY_MS 86400000LL

static void print(const struct sl_schema *schema, const struct sl_value *v, bool inner, struct sl_buf *out);

static enum sl_rc header_open(void *st sl_unused, const void *cfg sl_unused, bool is_key sl_unused,
                              struct sl_err *err sl_unused)
{
        return SL_OK;
}

static void header_close(void *st sl_unused)
{
}

static sl_cold enum sl_rc too_large(struct sl_err *err)
{
        return sl_fail(err, SL_E_TOO_LARGE, "the encoded form of a header passes the limit of its buffer");
}

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
                print(schema->fields[i].schema, &v->items[i], true, out);
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

static enum sl_rc header_encode(void *st sl_unused, struct sl_str topic sl_unused, const struct sl_schema *schema,
                                const struct sl_value *value, struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        *ret_null = value->type == SL_NULL;
        if (value->type != SL_NULL)
                print(schema, value, false, out);
        return sl_buf_ok(out) ? SL_OK : too_large(err);
}

static enum sl_rc header_decode(void *st sl_unused, struct sl_str topic sl_unused, struct sl_str bytes,
                                struct sl_arena *arena sl_unused, const struct sl_schema **ret_schema,
                                struct sl_value *ret_value, struct sl_err *err)
{
        if (bytes.ptr && bytes.len > UINT32_MAX)
                return too_large(err);
        *ret_schema = bytes.ptr ? sl_schema_of(SL_STRING, true) : NULL;
        *ret_value = bytes.ptr ? sl_v_str(bytes) : SL_V_NULL;
        return SL_OK;
}

static const struct sl_cfg_def header_config[] = {
        {SL_CFG_NONE("converter.type", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN, .doc = "Set by the worker."},
        {0},
};
static const char *const header_aliases[] = {"org.apache.kafka.connect.storage.SimpleHeaderConverter", NULL};

extern const struct sl_converter_ops sl_header_converter;
const struct sl_converter_ops sl_header_converter = {
        .name = "SimpleHeaderConverter",
        .aliases = header_aliases,
        .header = true,
        .config = header_config,
        .open = header_open,
        .encode = header_encode,
        .decode = header_decode,
        .close = header_close,
};
