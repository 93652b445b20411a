/* SPDX-License-Identifier: Apache-2.0 */
/* The converters without a format of their own: text, raw bytes, one boolean, one big-endian number. String forms are
 * Java's toString() (record/value.c). Not done here: SimpleHeaderConverter (header.c). */
#include "convert/convert.h"
#include "record/javaclass.h"

#include <strings.h>

static const struct sl_cfg_def no_config[] = {
        {SL_CFG_NONE("converter.type", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN, .doc = "Set by the worker."},
        {0},
};

static sl_cold enum sl_rc too_large(struct sl_err *err)
{
        return sl_fail(err, SL_E_TOO_LARGE, "the encoded form of a value passes the limit of its buffer");
}

/* ---- StringConverter ---- */

struct string_cfg {
        const char *encoding;
};

static enum sl_rc string_open(void *st sl_unused, const void *cfg, bool is_key sl_unused,
                              const struct sl_converter_env *env sl_unused, struct sl_err *err)
{
        const char *encoding = ((const struct string_cfg *)cfg)->encoding;
        if (encoding && strcasecmp(encoding, "UTF-8") != 0 && strcasecmp(encoding, "UTF8") != 0)
                return sl_fail(err, SL_E_CONFIG,
                               "Invalid value %s for configuration converter.encoding: only UTF-8 is built "
                               "in; remove this key",
                               encoding);
        return SL_OK;
}

static enum sl_rc string_encode(void *st sl_unused, struct sl_str topic sl_unused, const struct sl_schema *schema,
                                const struct sl_value *value, struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        *ret_null = value->type == SL_NULL;
        if (value->type == SL_STRING)
                sl_buf_add(out, value->ptr, value->len);
        else if (value->type != SL_NULL)
                sl_value_print(schema, value, out);
        return sl_buf_ok(out) ? SL_OK : too_large(err);
}

static enum sl_rc slice_decode(enum sl_type type, struct sl_str bytes, const struct sl_schema **ret_schema,
                               struct sl_value *ret_value, struct sl_err *err)
{
        if (bytes.ptr && bytes.len > UINT32_MAX)
                return too_large(err);
        *ret_schema = sl_schema_of(type, true);
        *ret_value = bytes.ptr ? sl_v_str(bytes) : SL_V_NULL;
        if (bytes.ptr)
                ret_value->type = (uint8_t)type;
        return SL_OK;
}

static enum sl_rc string_decode(void *st sl_unused, struct sl_str topic sl_unused, struct sl_str bytes,
                                struct sl_arena *arena sl_unused, const struct sl_schema **ret_schema,
                                struct sl_value *ret_value, struct sl_err *err)
{
        return slice_decode(SL_STRING, bytes, ret_schema, ret_value, err);
}

static const struct sl_cfg_def string_config[] = {
        {SL_CFG_STR(struct string_cfg, encoding, "converter.encoding"), .def = "UTF-8", .importance = SL_HIGH,
         .doc = "The character set of the bytes; only UTF-8 is built in."},
        {SL_CFG_NONE("converter.type", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN, .doc = "Set by the worker."},
        {0},
};
static const char *const string_aliases[] = {"org.apache.kafka.connect.storage.StringConverter", NULL};

extern const struct sl_converter_ops sl_string_converter;
const struct sl_converter_ops sl_string_converter = {
        .name = "StringConverter",
        .aliases = string_aliases,
        .header = true,
        .config = string_config,
        .config_size = sizeof(struct string_cfg),
        .open = string_open,
        .encode = string_encode,
        .decode = string_decode,
};

/* ---- ByteArrayConverter ---- */

static enum sl_rc bytes_encode(void *st sl_unused, struct sl_str topic sl_unused, const struct sl_schema *schema,
                               const struct sl_value *value, struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        if (schema && schema->type != SL_BYTES)
                return sl_fail(err, SL_E_CONVERT, "Invalid schema type for ByteArrayConverter: %s",
                               sl_type_name(schema->type));
        if (value->type != SL_NULL && (value->type != SL_BYTES || (schema && schema->logical != SL_LOGICAL_NONE)))
                return sl_fail(err, SL_E_CONVERT, "ByteArrayConverter is not compatible with objects of type class %s",
                               sl_java_class(schema, value));
        *ret_null = value->type == SL_NULL;
        if (value->type == SL_BYTES)
                sl_buf_add(out, value->ptr, value->len);
        return sl_buf_ok(out) ? SL_OK : too_large(err);
}

static enum sl_rc bytes_decode(void *st sl_unused, struct sl_str topic sl_unused, struct sl_str bytes,
                               struct sl_arena *arena sl_unused, const struct sl_schema **ret_schema,
                               struct sl_value *ret_value, struct sl_err *err)
{
        return slice_decode(SL_BYTES, bytes, ret_schema, ret_value, err);
}

static const char *const bytes_aliases[] = {"org.apache.kafka.connect.converters.ByteArrayConverter", NULL};

extern const struct sl_converter_ops sl_bytes_converter;
const struct sl_converter_ops sl_bytes_converter = {
        .name = "ByteArrayConverter",
        .aliases = bytes_aliases,
        .header = true,
        .config = no_config,
        .encode = bytes_encode,
        .decode = bytes_decode,
};

/* ---- BooleanConverter ---- */

static enum sl_rc boolean_encode(void *st sl_unused, struct sl_str topic sl_unused, const struct sl_schema *schema,
                                 const struct sl_value *value, struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        if (schema && schema->type != SL_BOOLEAN)
                return sl_fail(err, SL_E_CONVERT, "Invalid schema type for BooleanConverter: %s",
                               sl_type_name(schema->type));
        if (value->type != SL_NULL && value->type != SL_BOOLEAN)
                return sl_fail(err, SL_E_CONVERT, "BooleanConverter is not compatible with objects of type class %s",
                               sl_java_class(schema, value));
        *ret_null = value->type == SL_NULL;
        if (value->type == SL_BOOLEAN)
                sl_buf_addc(out, value->b ? 1 : 0);
        return sl_buf_ok(out) ? SL_OK : too_large(err);
}

static enum sl_rc boolean_decode(void *st sl_unused, struct sl_str topic sl_unused, struct sl_str bytes,
                                 struct sl_arena *arena sl_unused, const struct sl_schema **ret_schema,
                                 struct sl_value *ret_value, struct sl_err *err)
{
        if (bytes.ptr && (bytes.len != 1 || (uint8_t)bytes.ptr[0] > 1)) {
                enum sl_rc rc = sl_fail(err, SL_E_DECODE, "one byte 0 or 1 is expected, not %zu bytes", bytes.len);
                sl_err_wrap(err, "Failed to deserialize boolean: ", SL_JAVA_SERIALIZATION);
                return rc;
        }
        *ret_schema = sl_schema_of(SL_BOOLEAN, true);
        *ret_value = bytes.ptr ? sl_v_bool(bytes.ptr[0] != 0) : SL_V_NULL;
        return SL_OK;
}

static const char *const boolean_aliases[] = {"org.apache.kafka.connect.converters.BooleanConverter", NULL};

extern const struct sl_converter_ops sl_boolean_converter;
const struct sl_converter_ops sl_boolean_converter = {
        .name = "BooleanConverter",
        .aliases = boolean_aliases,
        .header = true,
        .config = no_config,
        .encode = boolean_encode,
        .decode = boolean_decode,
};

/* ---- numbers ---- */

static void add_big_endian(struct sl_buf *out, uint64_t v, unsigned size)
{
        char b[8];
        for (unsigned i = 0; i < size; i++)
                b[i] = (char)(v >> 8 * (size - 1 - i));
        sl_buf_add(out, b, size);
}

static uint64_t big_endian(struct sl_str bytes)
{
        uint64_t v = 0;
        for (size_t i = 0; i < bytes.len; i++)
                v = v << 8 | (uint8_t)bytes.ptr[i];
        return v;
}

static enum sl_rc number_encode(enum sl_type type, unsigned size, const char *java, const struct sl_schema *schema,
                                const struct sl_value *value, struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        uint64_t bits = (uint64_t)value->i64;
        *ret_null = value->type == SL_NULL;
        if (value->type == SL_NULL)
                return SL_OK;
        if (value->type != type || (schema && schema->logical != SL_LOGICAL_NONE))
                return sl_fail(err, SL_E_CONVERT, "Failed to serialize to %s (was class %s): ", java,
                               sl_java_class(schema, value));
        if (type == SL_FLOAT32) {
                float f = (float)value->f64;
                uint32_t u;
                memcpy(&u, &f, sizeof(u));
                bits = u;
        } else if (type == SL_FLOAT64) {
                memcpy(&bits, &value->f64, sizeof(bits));
        }
        add_big_endian(out, bits, size);
        return sl_buf_ok(out) ? SL_OK : too_large(err);
}

static enum sl_rc number_decode(enum sl_type type, unsigned size, const char *java, struct sl_str bytes,
                                const struct sl_schema **ret_schema, struct sl_value *ret_value, struct sl_err *err)
{
        if (bytes.ptr && bytes.len != size) {
                char head[64];
                snprintf(head, sizeof(head), "Failed to deserialize %s: ", java);
                enum sl_rc rc = sl_fail(err, SL_E_DECODE, "%u bytes are expected, not %zu", size, bytes.len);
                sl_err_wrap(err, head, SL_JAVA_SERIALIZATION);
                return rc;
        }
        *ret_schema = sl_schema_of(type, true);
        *ret_value = SL_V_NULL;
        if (!bytes.ptr)
                return SL_OK;
        uint64_t bits = big_endian(bytes);
        if (type == SL_FLOAT32) {
                uint32_t u = (uint32_t)bits;
                float f;
                memcpy(&f, &u, sizeof(f));
                *ret_value = sl_v_f64(type, f);
        } else if (type == SL_FLOAT64) {
                double d;
                memcpy(&d, &bits, sizeof(d));
                *ret_value = sl_v_f64(type, d);
        } else {
                int shift = 64 - 8 * (int)size;
                *ret_value = sl_v_i64(type, (int64_t)(bits << shift) >> shift);
        }
        return SL_OK;
}

#define NUMBER_CONVERTER(lower, Class, type, size, java)                                                               \
        static enum sl_rc lower##_encode(void *st sl_unused, struct sl_str topic sl_unused,                            \
                                         const struct sl_schema *schema, const struct sl_value *value,                 \
                                         struct sl_buf *out, bool *ret_null, struct sl_err *err)                       \
        {                                                                                                              \
                return number_encode(type, size, java, schema, value, out, ret_null, err);                             \
        }                                                                                                              \
        static enum sl_rc lower##_decode(void *st sl_unused, struct sl_str topic sl_unused, struct sl_str bytes,       \
                                         struct sl_arena *arena sl_unused, const struct sl_schema **ret_schema,        \
                                         struct sl_value *ret_value, struct sl_err *err)                               \
        {                                                                                                              \
                return number_decode(type, size, java, bytes, ret_schema, ret_value, err);                             \
        }                                                                                                              \
        static const char *const lower##_aliases[] = {"org.apache.kafka.connect.converters." Class, NULL};             \
        extern const struct sl_converter_ops sl_##lower##_converter;                                                   \
        const struct sl_converter_ops sl_##lower##_converter = {.name = Class,                                         \
                                                                .aliases = lower##_aliases,                            \
                                                                .header = true,                                        \
                                                                .config = no_config,                                   \
                                                                .encode = lower##_encode,                              \
                                                                .decode = lower##_decode}

NUMBER_CONVERTER(short, "ShortConverter", SL_INT16, 2, "short");
NUMBER_CONVERTER(integer, "IntegerConverter", SL_INT32, 4, "integer");
NUMBER_CONVERTER(long, "LongConverter", SL_INT64, 8, "long");
NUMBER_CONVERTER(float, "FloatConverter", SL_FLOAT32, 4, "float");
NUMBER_CONVERTER(double, "DoubleConverter", SL_FLOAT64, 8, "double");
