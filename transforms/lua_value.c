/* SPDX-License-Identifier: Apache-2.0 */
/* Values between a record and Lua. Integers are Lua's (64 bits, exact), floats its numbers, strings and bytes its
 * strings; a Decimal is its text ("12.30"), the other logical types are the number they are stored as. What is assigned
 * must fit the schema exactly: nothing is rounded, cut or turned into text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "record/logical.h"
#include "transforms/lua_hook.h"

#define MAX_NESTING 64 /* of tables */
#define MAX_DEPTH 500  /* of a value that is assigned as a whole */

static void no_fit(lua_State *L, int index, const struct sl_schema *schema, const char *what)
{
        luaL_error(L, "%s is %s, and a %s does not fit", what, schema->name ? schema->name : sl_type_name(schema->type),
                   luaL_typename(L, index));
}

static int64_t to_integer(lua_State *L, int index, const struct sl_schema *schema, const char *what)
{
        static const int bits[SL_TYPE_COUNT] = {[SL_INT8] = 8, [SL_INT16] = 16, [SL_INT32] = 32, [SL_INT64] = 64};
        int exact = 0;
        int64_t v = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &exact) : 0;
        if (lua_type(L, index) != LUA_TNUMBER)
                no_fit(L, index, schema, what);
        int64_t top = (int64_t)(UINT64_MAX >> (65 - bits[schema->type]));
        if (!exact || v > top || v < -top - 1)
                luaL_error(L, "%s is %s: %s does not fit", what, sl_type_name(schema->type),
                           luaL_tolstring(L, index, NULL));
        return v;
}

static struct sl_str to_text(lua_State *L, int index)
{
        size_t n;
        const char *s = lua_tolstring(L, index, &n);
        lua_charge(L, lua_hook_of(L), n / LUA_STEPS_PER_BYTES);
        return (struct sl_str){sl_arena_strndup(lua_hook_of(L)->arena, s, n), n};
}

static struct sl_value to_decimal(lua_State *L, int index, const struct sl_schema *schema, const char *what)
{
        struct sl_value v = SL_V_NULL;
        struct sl_err err = {0};
        if (lua_type(L, index) != LUA_TSTRING && !lua_isinteger(L, index))
                no_fit(L, index, schema, what);
        lua_pushvalue(L, index);
        enum sl_rc rc = sl_decimal_parse(to_text(L, -1), schema->decimal_scale, lua_hook_of(L)->arena, &v, &err);
        if (rc != SL_OK)
                luaL_error(L, "%s: %s", what, err.msg);
        lua_pop(L, 1);
        return v;
}

/* ---- containers ---- */

static struct sl_value to_array(lua_State *L, int index, const struct sl_schema *schema, const char *what, int depth)
{
        lua_Unsigned n = lua_rawlen(L, index);
        lua_charge(L, lua_hook_of(L), n);
        struct sl_value *items = sl_arena_alloc(lua_hook_of(L)->arena, (n + 1) * sizeof(*items));
        for (lua_Unsigned i = 0; i < n; i++) {
                lua_rawgeti(L, index, (lua_Integer)i + 1);
                items[i] = lua_to_value(L, lua_gettop(L), schema ? schema->value : NULL, what, depth);
                lua_pop(L, 1);
        }
        return sl_v_items(SL_ARRAY, items, (uint32_t)n);
}

static struct sl_value to_struct(lua_State *L, int index, const struct sl_schema *schema, const char *what, int depth)
{
        lua_charge(L, lua_hook_of(L), schema->field_count / 4 + 1);
        struct sl_value *items = sl_arena_alloc(lua_hook_of(L)->arena, (schema->field_count + 1) * sizeof(*items));
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
                size_t n;
                const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &n) : NULL;
                if (!name || sl_schema_field(schema, name, n) < 0)
                        luaL_error(L, "%s has no field %s", what, luaL_tolstring(L, -2, NULL));
        }
        for (uint32_t i = 0; i < schema->field_count; i++) {
                const struct sl_field *f = &schema->fields[i];
                lua_getfield(L, index, f->name);
                items[i] = lua_isnil(L, -1) && f->schema->has_default
                                   ? f->schema->def
                                   : lua_to_value(L, lua_gettop(L), f->schema, f->name, depth);
                lua_pop(L, 1);
        }
        return sl_v_items(SL_STRUCT, items, schema->field_count);
}

static int by_key(const void *a, const void *b)
{
        const struct sl_value *x = a, *y = b;
        if (x->type != SL_STRING || y->type != SL_STRING)
                return x->i64 < y->i64 ? -1 : x->i64 > y->i64;
        int c = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
        return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

/* In the order of the keys: Lua has none of its own. */
static struct sl_value to_map(lua_State *L, int index, const struct sl_schema *schema, const char *what, int depth)
{
        struct lua_hook *h = lua_hook_of(L);
        uint32_t n = 0, i = 0;
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
                n++;
        lua_charge(L, h, n);
        struct sl_value *items = sl_arena_alloc(h->arena, (2 * (size_t)n + 1) * sizeof(*items));
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), i++) {
                if (!schema && lua_type(L, -2) != LUA_TSTRING)
                        luaL_error(L, "%s: the keys of a map without schema are strings, not a %s", what,
                                   luaL_typename(L, -2));
                items[2 * i] = lua_to_value(L, lua_gettop(L) - 1, schema ? schema->key : NULL, what, depth);
                items[2 * i + 1] = lua_to_value(L, lua_gettop(L), schema ? schema->value : NULL, what, depth);
        }
        qsort(items, n, 2 * sizeof(*items), by_key);
        return sl_v_items(SL_MAP, items, n);
}

/* A table that has elements 1 to n and nothing else. */
static bool is_sequence(lua_State *L, int index)
{
        lua_Unsigned n = lua_rawlen(L, index), count = 0;
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
                count++;
        lua_charge(L, lua_hook_of(L), count);
        return n && n == count;
}

/* The bytes that a deep copy takes. Values are walked by recursion here and by converters, so their depth is bounded.
 */
static size_t size_of(lua_State *L, const struct sl_value *v, int depth)
{
        if (depth > MAX_DEPTH)
                luaL_error(L, "the value is nested too deeply");
        size_t n = sizeof(*v), count = v->type == SL_MAP ? 2 * (size_t)v->len : v->len;
        if (v->type == SL_STRING || v->type == SL_BYTES)
                n += v->len;
        for (size_t i = 0; v->type >= SL_ARRAY && i < count; i++)
                n += size_of(L, &v->items[i], depth + 1);
        return n;
}

static struct sl_value from_proxy(lua_State *L, int index, const struct sl_schema *schema, const char *what)
{
        struct lua_hook *h = lua_hook_of(L);
        if (lua_rawlen(L, index) != sizeof(struct lua_proxy))
                luaL_error(L, "%s can't become the record or its headers", what);
        struct lua_node *n = lua_proxy_node(L, index);
        if (n->schema != schema && !(n->schema && schema && n->schema->type == schema->type &&
                                     n->schema->type == SL_STRUCT && n->schema->fields == schema->fields))
                luaL_error(L, "%s has another schema than what is assigned to it: assign a table of the fields", what);
        lua_charge(L, h, size_of(L, lua_node_value(n), 0) / LUA_STEPS_PER_BYTES + 1);
        return sl_value_copy(h->arena, lua_node_value(n));
}

/* ---- any value ---- */

static struct sl_value schemaless(lua_State *L, int index, const char *what, int depth)
{
        struct sl_str s;
        switch (lua_type(L, index)) {
        case LUA_TNIL:
                return SL_V_NULL;
        case LUA_TBOOLEAN:
                return sl_v_bool(lua_toboolean(L, index));
        case LUA_TNUMBER:
                return lua_isinteger(L, index) ? sl_v_i64(SL_INT64, lua_tointeger(L, index))
                                               : sl_v_f64(SL_FLOAT64, lua_tonumber(L, index));
        case LUA_TSTRING:
                s = to_text(L, index);
                return sl_utf8_valid(s) ? sl_v_str(s) : sl_v_bytes(s.ptr, s.len);
        case LUA_TTABLE:
                return is_sequence(L, index) ? to_array(L, index, NULL, what, depth)
                                             : to_map(L, index, NULL, what, depth);
        case LUA_TUSERDATA:
                return from_proxy(L, index, NULL, what);
        default:
                luaL_error(L, "%s can't become a %s", what, luaL_typename(L, index));
                return SL_V_NULL;
        }
}

static struct sl_value to_string(lua_State *L, int index, const struct sl_schema *schema, const char *what)
{
        if (lua_type(L, index) != LUA_TSTRING)
                no_fit(L, index, schema, what);
        struct sl_str s = to_text(L, index);
        if (schema->type == SL_BYTES)
                return sl_v_bytes(s.ptr, s.len);
        if (!sl_utf8_valid(s))
                luaL_error(L, "%s is STRING, and the bytes assigned to it are no UTF-8", what);
        return sl_v_str(s);
}

static struct sl_value to_double(lua_State *L, int index, const struct sl_schema *schema, const char *what)
{
        if (lua_type(L, index) != LUA_TNUMBER)
                no_fit(L, index, schema, what);
        double d = lua_tonumber(L, index);
        if (schema->type == SL_FLOAT32 && isfinite(d) && fabs(d) > 3.4028235677973366e38)
                luaL_error(L, "%s is FLOAT32: %f does not fit", what, (LUAI_UACNUMBER)d);
        return sl_v_f64(schema->type, schema->type == SL_FLOAT32 ? (float)d : d);
}

struct sl_value lua_to_value(lua_State *L, int index, const struct sl_schema *schema, const char *what, int depth)
{
        luaL_checkstack(L, 8, "table too deep");
        if (depth > MAX_NESTING)
                luaL_error(L, "%s: tables are nested too deeply", what);
        if (!schema)
                return schemaless(L, index, what, depth + 1);
        if (lua_isnil(L, index)) {
                if (!schema->optional)
                        luaL_error(L, "%s is %s and not optional: it can't be nil", what, sl_type_name(schema->type));
                return SL_V_NULL;
        }
        if (lua_type(L, index) == LUA_TUSERDATA)
                return from_proxy(L, index, schema, what);
        switch (schema->type) {
        case SL_BOOLEAN:
                if (!lua_isboolean(L, index))
                        no_fit(L, index, schema, what);
                return sl_v_bool(lua_toboolean(L, index));
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                return sl_v_i64(schema->type, to_integer(L, index, schema, what));
        case SL_FLOAT32:
        case SL_FLOAT64:
                return to_double(L, index, schema, what);
        case SL_STRING:
                return to_string(L, index, schema, what);
        case SL_BYTES:
                return schema->logical == SL_LOGICAL_DECIMAL ? to_decimal(L, index, schema, what)
                                                             : to_string(L, index, schema, what);
        default:
                break;
        }
        if (!lua_istable(L, index))
                no_fit(L, index, schema, what);
        if (schema->type == SL_STRUCT)
                return to_struct(L, index, schema, what, depth + 1);
        return schema->type == SL_ARRAY ? to_array(L, index, schema, what, depth + 1)
                                        : to_map(L, index, schema, what, depth + 1);
}

const struct sl_schema *lua_schema_of(lua_State *L, int index)
{
        switch (lua_type(L, index)) {
        case LUA_TBOOLEAN:
                return sl_schema_of(SL_BOOLEAN, false);
        case LUA_TNUMBER:
                return sl_schema_of(lua_isinteger(L, index) ? SL_INT64 : SL_FLOAT64, false);
        case LUA_TSTRING:
                return sl_schema_of(SL_STRING, false);
        default:
                return NULL;
        }
}
