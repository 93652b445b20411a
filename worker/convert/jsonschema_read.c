/* SPDX-License-Identifier: Apache-2.0 */
/* JSON under a Connect schema, as JsonSchemaConverter reads it: scalars as JsonConverter does (json_bind.c), and besides that a required
 * member that is missing is null, a union is the first member whose type the value has, or the struct with most of its members, and maps
 * without string keys are arrays of {"key":...,"value":...}. */
#include "convert/jsonschema.h"

static bool whole(const struct sl_value *node)
{
        for (uint32_t i = 0; i < node->len; i++)
                if (node->ptr[i] == '.' || (node->ptr[i] | 32) == 'e')
                        return false;
        return true;
}

static bool is_simply(const struct sl_schema *s, const struct sl_value *node)
{
        switch (s->type) {
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                return node->type == SL_JSON_NUMBER && whole(node);
        case SL_FLOAT32:
        case SL_FLOAT64:
                return node->type == SL_JSON_NUMBER;
        case SL_BOOLEAN:
                return node->type == SL_BOOLEAN;
        case SL_STRING:
                return node->type == SL_STRING;
        case SL_BYTES:
                return node->type == SL_JSON_NUMBER && !whole(node);
        case SL_ARRAY:
                return node->type == SL_ARRAY;
        case SL_MAP:
                return node->type == SL_MAP || node->type == SL_ARRAY;
        default:
                return false;
        }
}

/* How many of a struct's fields an object has, nested ones counted. */
static uint32_t matching(const struct sl_schema *s, const struct sl_value *node)
{
        uint32_t n = 0;
        if (s->type != SL_STRUCT || node->type != SL_MAP)
                return 0;
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct sl_value *member = sl_json_member(node, s->fields[i].name, s->fields[i].name_len);
                if (member)
                        n += 1 + matching(s->fields[i].schema, member);
        }
        return n;
}

static enum sl_rc read_union(const struct sl_schema *s, const struct sl_value *node, struct sl_arena *arena, struct sl_value *ret,
                             struct sl_err *err)
{
        uint32_t best = 0, at = s->field_count;
        for (uint32_t i = 0; i < s->field_count; i++) {
                if (is_simply(s->fields[i].schema, node)) {
                        at = i;
                        break;
                }
                uint32_t n = matching(s->fields[i].schema, node);
                if (n > best) {
                        best = n;
                        at = i;
                }
        }
        if (at == s->field_count)
                return sl_fail(err, SL_E_DECODE, "Did not find matching oneof field for data");
        struct sl_value *items = sl_arena_zalloc(arena, s->field_count * sizeof(*items));
        SL_TRY(sl_js_read(s->fields[at].schema, node, arena, &items[at], err));
        *ret = sl_v_items(SL_STRUCT, items, s->field_count);
        return SL_OK;
}

static enum sl_rc read_struct(const struct sl_schema *s, const struct sl_value *node, struct sl_arena *arena, struct sl_value *ret,
                              struct sl_err *err)
{
        if (node->type != SL_MAP)
                return sl_fail(err, SL_E_DECODE, "Structs should be encoded as JSON objects, but found %s%s", s->name ? "something else for " :
                               "something else", s->name ? s->name : "");
        struct sl_value *items = sl_arena_alloc(arena, s->field_count * sizeof(*items));
        const struct sl_value *next = node->items, *end = node->items + 2 * (size_t)node->len, *member;
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct sl_field *f = &s->fields[i];
                if (sl_likely(next < end && next->len == f->name_len && memcmp(next->ptr, f->name, f->name_len) == 0)) {
                        member = next + 1;
                        next += 2;
                } else {
                        member = sl_json_member(node, f->name, f->name_len);
                        if (member)
                                next = member + 1;
                }
                enum sl_rc rc = sl_js_read(f->schema, member, arena, &items[i], err);
                if (rc != SL_OK) {
                        sl_err_prefix(err, "field %s", f->name);
                        return rc;
                }
        }
        *ret = sl_v_items(SL_STRUCT, items, s->field_count);
        return SL_OK;
}

static enum sl_rc read_array(const struct sl_schema *s, const struct sl_value *node, struct sl_arena *arena, struct sl_value *ret,
                             struct sl_err *err)
{
        bool object = node->type == SL_MAP;
        uint32_t n = node->type == SL_ARRAY || object ? node->len : 0;
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        for (uint32_t i = 0; i < n; i++)
                SL_TRY(sl_js_read(s->value, &node->items[object ? 2 * i + 1 : i], arena, &items[i], err));
        *ret = sl_v_items(SL_ARRAY, items, n);
        return SL_OK;
}

static enum sl_rc read_map(const struct sl_schema *s, const struct sl_value *node, struct sl_arena *arena, struct sl_value *ret,
                           struct sl_err *err)
{
        bool object = s->key->type == SL_STRING && !s->key->optional;
        if (node->type != (object ? SL_MAP : SL_ARRAY))
                return sl_fail(err, SL_E_DECODE, object ? "Maps with string fields should be encoded as JSON objects"
                                                        : "Maps with non-string fields should be encoded as JSON array of objects");
        struct sl_value *items = sl_arena_alloc(arena, 2 * (size_t)node->len * sizeof(*items));
        for (uint32_t i = 0; i < node->len; i++) {
                if (object) {
                        items[2 * i] = node->items[2 * i];
                        SL_TRY(sl_js_read(s->value, &node->items[2 * i + 1], arena, &items[2 * i + 1], err));
                        continue;
                }
                const struct sl_value *entry = &node->items[i];
                if (entry->type != SL_MAP || entry->len != 2)
                        return sl_fail(err, SL_E_DECODE, "Found invalid map entry, expected an object with key and value");
                SL_TRY(sl_js_read(s->key, sl_json_member(entry, "key", 3), arena, &items[2 * i], err));
                SL_TRY(sl_js_read(s->value, sl_json_member(entry, "value", 5), arena, &items[2 * i + 1], err));
        }
        *ret = sl_v_items(SL_MAP, items, node->len);
        return SL_OK;
}

enum sl_rc sl_js_read(const struct sl_schema *s, const struct sl_value *node, struct sl_arena *arena, struct sl_value *ret,
                      struct sl_err *err)
{
        if (!node || node->type == SL_NULL) {
                *ret = s->has_default ? s->def : SL_V_NULL;
                if (s->has_default || !node || s->optional)
                        return SL_OK;
                return sl_fail(err, SL_E_DECODE, "Invalid null value for required %s field", sl_type_name(s->type));
        }
        if (s->type == SL_STRUCT)
                return sl_js_is_union(s) ? read_union(s, node, arena, ret, err) : read_struct(s, node, arena, ret, err);
        if (s->type == SL_ARRAY)
                return read_array(s, node, arena, ret, err);
        if (s->type == SL_MAP)
                return read_map(s, node, arena, ret, err);
        return sl_json_bind(s, node, true, arena, ret, err);
}
