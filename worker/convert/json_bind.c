/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed JSON tree under a Connect schema. Which mismatches are errors and which give 0, false or null is what
 * Jackson's getters do in JsonConverter: numbers are cut to the schema's type, text under a number is 0, a number under
 * STRING is null, which only a required field refuses. Members without a field are ignored, missing ones are null. */
#include "convert/json.h"

#define MS_PER_DAY 86400000

struct bind {
        bool replace_null;
        struct sl_arena *arena;
        struct sl_err *err;
};

static const char *node_name(const struct sl_value *node)
{
        switch (node->type) {
        case SL_NULL:
                return "NULL";
        case SL_BOOLEAN:
                return "BOOLEAN";
        case SL_STRING:
                return "STRING";
        case SL_ARRAY:
                return "ARRAY";
        case SL_MAP:
                return "OBJECT";
        default:
                return "NUMBER";
        }
}

static struct sl_str text_of(const struct sl_value *node)
{
        return (struct sl_str){node->ptr, node->len};
}

static bool is_whole(const struct sl_value *node)
{
        for (uint32_t i = 0; i < node->len; i++)
                if (node->ptr[i] == '.' || (node->ptr[i] | 32) == 'e')
                        return false;
        return true;
}

static int64_t int_of(const struct sl_value *node)
{
        int64_t v;
        if (node->type != SL_JSON_NUMBER)
                return 0;
        if (sl_likely(sl_parse_i64(text_of(node), &v)))
                return v;
        return sl_decimal_low_bits(text_of(node));
}

static double double_of(const struct sl_value *node)
{
        double v = 0;
        if (node->type != SL_JSON_NUMBER || !sl_parse_f64(text_of(node), &v))
                return 0;
        return v == 0 ? 0 : v; /* Java reads a BigDecimal, which has no -0 */
}

static enum sl_rc bind_bytes(struct bind *b, const struct sl_value *node, const char *what, struct sl_value *ret)
{
        uint8_t *out = sl_arena_alloc(b->arena, (size_t)node->len / 4 * 3 + 3);
        int64_t n = sl_base64_decode(node->ptr, node->len, out);
        if (n < 0) {
                enum sl_rc rc = sl_fail(b->err, SL_E_VALUE, "Invalid bytes%s field", what);
                sl_err_detail(b->err, ": the text is not base64");
                return rc;
        }
        *ret = sl_v_bytes(out, (size_t)n);
        return SL_OK;
}

/* Signs that repeat are cut off, as a BigDecimal in between does. */
static enum sl_rc bind_decimal_bytes(struct bind *b, const struct sl_value *node, struct sl_value *ret)
{
        SL_TRY(bind_bytes(b, node, " for Decimal", ret));
        if (!ret->len) {
                enum sl_rc rc = sl_fail(b->err, SL_E_VALUE, "Invalid bytes for Decimal field");
                sl_err_detail(b->err, ": there are none");
                return rc;
        }
        while (ret->len > 1 && (uint8_t)ret->ptr[0] == ((uint8_t)ret->ptr[1] & 0x80 ? 0xff : 0)) {
                ret->ptr++;
                ret->len--;
        }
        return SL_OK;
}

static enum sl_rc bind_logical(struct bind *b, const struct sl_schema *schema, const struct sl_value *node,
                               struct sl_value *ret)
{
        static const char *const names[] = {
                [SL_LOGICAL_DATE] = "Date", [SL_LOGICAL_TIME] = "Time", [SL_LOGICAL_TIMESTAMP] = "Timestamp"};
        if (schema->logical == SL_LOGICAL_DECIMAL) {
                if (node->type == SL_JSON_NUMBER)
                        return sl_decimal_parse(text_of(node), schema->decimal_scale, b->arena, ret, b->err);
                if (node->type == SL_STRING)
                        return bind_decimal_bytes(b, node, ret);
                return sl_fail(b->err, SL_E_VALUE,
                               "Invalid type for Decimal, underlying representation should be numeric "
                               "or bytes but was %s",
                               node_name(node));
        }
        int64_t v;
        bool wide = schema->logical == SL_LOGICAL_TIMESTAMP;
        if (node->type != SL_JSON_NUMBER || !sl_parse_i64(text_of(node), &v) || (!wide && v != (int32_t)v))
                return sl_fail(b->err, SL_E_VALUE,
                               "Invalid type for %s, underlying representation should be %s but was %s",
                               names[schema->logical], wide ? "integral" : "integer", node_name(node));
        if (schema->logical == SL_LOGICAL_TIME && (v < 0 || v > MS_PER_DAY))
                return sl_fail(b->err, SL_E_VALUE,
                               "Time values must use number of milliseconds greater than 0 and less "
                               "than 86400000");
        *ret = sl_v_i64(schema->type, v);
        return SL_OK;
}

static enum sl_rc bind_value(struct bind *b, const struct sl_schema *schema, const struct sl_value *node,
                             struct sl_value *ret);

/* A getter gave null where the schema wants a value: the field, or a part of its array or map. */
static enum sl_rc check_nulls(struct bind *b, const struct sl_field *f, const struct sl_value *v)
{
        static const char *const part_names[] = {"value of map", "element of array"};
        const struct sl_schema *s = f->schema;
        bool array = v->type == SL_ARRAY;
        if (sl_unlikely(v->type == SL_NULL && !s->optional))
                return sl_fail(b->err, SL_E_VALUE,
                               "Invalid value: null used for required field: \"%s\", schema type: %s", f->name,
                               sl_type_name(s->type));
        if ((!array && v->type != SL_MAP) || s->value->optional)
                return SL_OK;
        for (uint32_t i = 0; i < v->len; i++)
                if (sl_unlikely(v->items[array ? i : 2 * i + 1].type == SL_NULL))
                        return sl_fail(b->err, SL_E_VALUE,
                                       "Invalid value: null used for required %s field: \"%s\", schema "
                                       "type: %s",
                                       part_names[array], f->name, sl_type_name(s->value->type));
        return SL_OK;
}

static enum sl_rc bind_struct(struct bind *b, const struct sl_schema *schema, const struct sl_value *node,
                              struct sl_value *ret)
{
        if (node->type != SL_MAP)
                return sl_fail(b->err, SL_E_VALUE, "Structs should be encoded as JSON objects, but found %s",
                               node_name(node));
        struct sl_value *items = sl_arena_alloc(b->arena, schema->field_count * sizeof(*items));
        const struct sl_value *next = node->items, *end = node->items + 2 * (size_t)node->len, *member;
        for (uint32_t i = 0; i < schema->field_count; i++) {
                const struct sl_field *f = &schema->fields[i];
                if (sl_likely(next < end && next->len == f->name_len && memcmp(next->ptr, f->name, f->name_len) == 0)) {
                        member = next + 1; /* as written: in the schema's order */
                        next += 2;
                } else {
                        member = sl_json_member(node, f->name, f->name_len);
                        if (member)
                                next = member + 1;
                }
                SL_TRY(bind_value(b, f->schema, member ? member : &SL_V_NULL, &items[i]));
                SL_TRY(check_nulls(b, f, &items[i]));
        }
        *ret = sl_v_items(SL_STRUCT, items, schema->field_count);
        return SL_OK;
}

/* Jackson iterates over any node: an object gives its values, a scalar nothing. */
static enum sl_rc bind_array(struct bind *b, const struct sl_schema *elem, const struct sl_value *node,
                             struct sl_value *ret)
{
        bool object = node->type == SL_MAP;
        uint32_t n = node->type == SL_ARRAY || object ? node->len : 0;
        struct sl_value *items = sl_arena_alloc(b->arena, n * sizeof(*items));
        for (uint32_t i = 0; i < n; i++)
                SL_TRY(bind_value(b, elem, &node->items[object ? 2 * i + 1 : i], &items[i]));
        *ret = sl_v_items(SL_ARRAY, items, n);
        return SL_OK;
}

static enum sl_rc bind_map(struct bind *b, const struct sl_schema *schema, const struct sl_value *node,
                           struct sl_value *ret)
{
        const struct sl_schema *value = schema ? schema->value : NULL;
        bool object = !schema || schema->key->type == SL_STRING;
        if (object && node->type != SL_MAP)
                return sl_fail(b->err, SL_E_VALUE,
                               "Maps with string fields should be encoded as JSON objects, but found %s",
                               node_name(node));
        if (!object && node->type != SL_ARRAY)
                return sl_fail(b->err, SL_E_VALUE,
                               "Maps with non-string fields should be encoded as JSON array of tuples, "
                               "but found %s",
                               node_name(node));
        struct sl_value *items = sl_arena_alloc(b->arena, 2 * (size_t)node->len * sizeof(*items));
        for (uint32_t i = 0; i < node->len; i++) {
                const struct sl_value *pair = &node->items[2 * i];
                if (object) {
                        items[2 * i] = pair[0];
                } else {
                        if (node->items[i].type != SL_ARRAY)
                                return sl_fail(b->err, SL_E_VALUE, "Found invalid map entry instead of array tuple: %s",
                                               node_name(&node->items[i]));
                        if (node->items[i].len != 2)
                                return sl_fail(b->err, SL_E_VALUE,
                                               "Found invalid map entry, expected length 2 but found :%u",
                                               node->items[i].len);
                        pair = node->items[i].items;
                        SL_TRY(bind_value(b, schema->key, &pair[0], &items[2 * i]));
                }
                SL_TRY(bind_value(b, value, &pair[1], &items[2 * i + 1]));
        }
        *ret = sl_v_items(SL_MAP, items, node->len);
        return SL_OK;
}

static enum sl_rc bind_tagged(struct bind *b, const struct sl_value *node, struct sl_value *ret)
{
        int64_t v;
        switch (node->type) {
        case SL_ARRAY:
                return bind_array(b, NULL, node, ret);
        case SL_MAP:
                return bind_map(b, NULL, node, ret);
        case SL_JSON_NUMBER:
                *ret = is_whole(node) && sl_parse_i64(text_of(node), &v) ? sl_v_i64(SL_INT64, v)
                                                                         : sl_v_f64(SL_FLOAT64, double_of(node));
                return SL_OK;
        default:
                *ret = *node;
                return SL_OK;
        }
}

static enum sl_rc bind_value(struct bind *b, const struct sl_schema *schema, const struct sl_value *node,
                             struct sl_value *ret)
{
        if (!schema)
                return bind_tagged(b, node, ret);
        if (node->type == SL_NULL) {
                if (!(schema->has_default && b->replace_null) && !schema->optional)
                        return sl_fail(b->err, SL_E_VALUE, "Invalid null value for required %s field",
                                       sl_type_name(schema->type));
                *ret = schema->has_default && b->replace_null ? schema->def : SL_V_NULL;
                return SL_OK;
        }
        if (schema->logical != SL_LOGICAL_NONE)
                return bind_logical(b, schema, node, ret);
        switch (schema->type) {
        case SL_BOOLEAN:
                *ret = sl_v_bool(node->type == SL_BOOLEAN && node->b);
                return SL_OK;
        case SL_INT8:
                *ret = sl_v_i64(SL_INT8, (int8_t)int_of(node));
                return SL_OK;
        case SL_INT16:
                *ret = sl_v_i64(SL_INT16, (int16_t)int_of(node));
                return SL_OK;
        case SL_INT32:
                *ret = sl_v_i64(SL_INT32, (int32_t)int_of(node));
                return SL_OK;
        case SL_INT64:
                *ret = sl_v_i64(SL_INT64, int_of(node));
                return SL_OK;
        case SL_FLOAT32:
                *ret = sl_v_f64(SL_FLOAT32, (float)double_of(node));
                return SL_OK;
        case SL_FLOAT64:
                *ret = sl_v_f64(SL_FLOAT64, double_of(node));
                return SL_OK;
        case SL_STRING:
                *ret = node->type == SL_STRING ? *node : SL_V_NULL;
                return SL_OK;
        case SL_BYTES:
                if (node->type == SL_STRING)
                        return bind_bytes(b, node, "", ret);
                *ret = SL_V_NULL;
                return SL_OK;
        case SL_ARRAY:
                return bind_array(b, schema->value, node, ret);
        case SL_MAP:
                return bind_map(b, schema, node, ret);
        case SL_STRUCT:
                return bind_struct(b, schema, node, ret);
        case SL_NULL:
        case SL_TYPE_COUNT:
                break;
        }
        return sl_fail(b->err, SL_E_SCHEMA, "Unknown schema type: %d", (int)schema->type);
}

enum sl_rc sl_json_bind(const struct sl_schema *schema, const struct sl_value *node, bool replace_null,
                        struct sl_arena *arena, struct sl_value *ret, struct sl_err *err)
{
        struct bind b = {replace_null, arena, err};
        struct sl_value v;
        SL_TRY(bind_value(&b, schema, node, &v));
        *ret = v;
        return SL_OK;
}
