/* SPDX-License-Identifier: Apache-2.0 */
/* The record as a script sees it: userdata that stand for places in it. Reading a field turns that one value into
 * Lua's; assigning copies the items of the containers above it, once, into the batch arena. What is not touched costs
 * nothing. */
#include <string.h>
#include "record/logical.h"
#include "transforms/common.h"
#include "transforms/lua_hook.h"

static const char *const member_names[M_COUNT] = {"topic", "partition", "timestamp",  "offset",       "key",
                                                  "value", "headers",   "key_schema", "value_schema", "add_header"};
/* Metatables, in the registry. */
static const char value_meta = 0;

/* ---- nodes ---- */

struct sl_value *lua_node_value(struct lua_node *n)
{
        if (!n->parent)
                return n->root;
        struct sl_value *up = lua_node_value(n->parent);
        return (struct sl_value *)&up->items[up->type == SL_MAP ? 2 * n->slot + 1 : n->slot];
}

struct sl_value *lua_node_own(lua_State *L, struct lua_node *n)
{
        if (n->fixed)
                luaL_error(L, "this part of a header can't be changed: assign the whole header");
        if (n->parent)
                lua_node_own(L, n->parent);
        struct sl_value *v = lua_node_value(n);
        if (!n->owned) {
                size_t count = v->type == SL_MAP ? 2 * (size_t)v->len : v->len;
                lua_charge(L, lua_hook_of(L), count / 4);
                struct sl_value *items = sl_arena_alloc(lua_hook_of(L)->arena, (count + 1) * sizeof(*items));
                if (count)
                        memcpy(items, v->items, count * sizeof(*items));
                v->items = items;
                n->owned = true;
        }
        return (struct sl_value *)v->items;
}

static struct lua_node *child_node(lua_State *L, struct lua_node *n, uint32_t slot, const struct sl_schema *schema)
{
        struct lua_hook *h = lua_hook_of(L);
        if (!n->children) {
                uint32_t count = lua_node_value(n)->len;
                lua_charge(L, h, count / 8);
                n->children = sl_arena_zalloc(h->arena, (count + 1) * sizeof(*n->children));
        }
        if (!n->children[slot]) {
                struct lua_node *c = sl_arena_zalloc(h->arena, sizeof(*c));
                *c = (struct lua_node){.schema = schema, .parent = n, .slot = slot, .fixed = n->fixed};
                n->children[slot] = c;
        }
        return n->children[slot];
}

/* What stands in the slot gives way: who holds its proxy keeps the old value, apart from the record. */
static void detach(lua_State *L, struct lua_node *n, uint32_t slot)
{
        struct lua_node *c = n->children ? n->children[slot] : NULL;
        if (!c)
                return;
        c->root = sl_arena_alloc(lua_hook_of(L)->arena, sizeof(*c->root));
        *c->root = *lua_node_value(c);
        c->parent = NULL;
        n->children[slot] = NULL;
}

struct lua_node *lua_proxy_node(lua_State *L, int at)
{
        struct lua_proxy *p = lua_touserdata(L, at);
        if (p->record != lua_hook_of(L)->record || !p->node)
                luaL_error(L,
                           "this is a part of a record that is gone: keep copies of fields, not of their containers");
        return p->node;
}

/* ---- values to Lua ---- */

/* The field of a struct has one userdata for all records, kept by its parent's; other places get a new one. */
static void push_proxy(lua_State *L, struct lua_node *n, int at)
{
        struct lua_hook *h = lua_hook_of(L);
        bool kept = at && n->parent && n->parent->schema && n->parent->schema->type == SL_STRUCT;
        if (kept) {
                if (lua_getiuservalue(L, at, 1) == LUA_TNIL) {
                        lua_pop(L, 1);
                        lua_newtable(L);
                        lua_pushvalue(L, -1);
                        lua_setiuservalue(L, at, 1);
                }
                lua_rawgeti(L, -1, (lua_Integer)n->slot + 1);
                struct lua_proxy *p = lua_touserdata(L, -1);
                if (p && (p->record != h->record || p->node == n)) {
                        *p = (struct lua_proxy){n, h->record};
                        lua_remove(L, -2);
                        return;
                }
                lua_pop(L, 1);
        }
        struct lua_proxy *p = lua_newuserdatauv(L, sizeof(*p), 1);
        *p = (struct lua_proxy){n, h->record};
        lua_rawgetp(L, LUA_REGISTRYINDEX, &value_meta);
        lua_setmetatable(L, -2);
        if (kept) {
                lua_pushvalue(L, -1);
                lua_rawseti(L, -3, (lua_Integer)n->slot + 1);
                lua_remove(L, -2);
        }
}

static void push_container(lua_State *L, const struct sl_schema *schema, const struct sl_value *v,
                           struct lua_node *node, uint32_t slot, int at)
{
        struct lua_hook *h = lua_hook_of(L);
        struct lua_node *n;
        if (node && lua_node_value(node)->items) {
                const struct sl_value *up = lua_node_value(node);
                if (up->items[up->type == SL_MAP ? 2 * slot + 1 : slot].type != SL_NULL) {
                        push_proxy(L, child_node(L, node, slot, schema), at);
                        return;
                }
        }
        n = sl_arena_zalloc(h->arena, sizeof(*n)); /* a header's, or a default */
        n->schema = schema;
        n->fixed = true;
        n->root = sl_arena_alloc(h->arena, sizeof(*n->root));
        *n->root = *v;
        push_proxy(L, n, 0);
}

void lua_push_value(lua_State *L, const struct sl_schema *schema, const struct sl_value *v, struct lua_node *node,
                    uint32_t slot, int at)
{
        struct lua_hook *h = lua_hook_of(L);
        switch ((enum sl_type)v->type) {
        case SL_BOOLEAN:
                lua_pushboolean(L, v->b);
                return;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                lua_pushinteger(L, v->i64);
                return;
        case SL_FLOAT32:
        case SL_FLOAT64:
                lua_pushnumber(L, v->f64);
                return;
        case SL_STRING:
                lua_pushlstring(L, v->ptr, v->len);
                return;
        case SL_BYTES:
                if (schema && schema->logical == SL_LOGICAL_DECIMAL) {
                        sl_buf_clear(&h->text);
                        sl_decimal_print(v->ptr, v->len, schema->decimal_scale, &h->scratch, &h->text);
                        lua_pushlstring(L, h->text.ptr, h->text.len);
                } else {
                        lua_pushlstring(L, v->ptr, v->len);
                }
                return;
        case SL_ARRAY:
        case SL_MAP:
        case SL_STRUCT:
                push_container(L, schema, v, node, slot, at);
                return;
        default:
                lua_pushnil(L);
                return;
        }
}

/* ---- structs, arrays, maps ---- */

/* The index of a field, or -1. By the name's address: a script's constant has one. */
static int field_index(struct lua_hook *h, const struct sl_schema *s, const char *name, size_t len)
{
        size_t at = ((uintptr_t)name / 16 ^ s->id * 31u) & (LUA_FIELD_CACHE - 1);
        if (sl_likely(h->fields[at].name == name && h->fields[at].schema == s)) {
                const struct sl_field *f = &s->fields[h->fields[at].index];
                if (f->name_len == len && memcmp(f->name, name, len) == 0)
                        return (int)h->fields[at].index;
        }
        int i = sl_schema_field(s, name, len);
        if (i >= 0) {
                h->fields[at].name = name;
                h->fields[at].schema = s;
                h->fields[at].index = (uint32_t)i;
        }
        return i;
}

static int map_index(lua_State *L, int key, const struct lua_node *n, const struct sl_value *map)
{
        lua_charge(L, lua_hook_of(L), map->len / 16);
        if (lua_type(L, key) == LUA_TSTRING) {
                size_t len;
                const char *s = lua_tolstring(L, key, &len);
                return sl_map_find(map, (struct sl_str){s, len});
        }
        if (!lua_isinteger(L, key) || !n->schema)
                return -1;
        int64_t want = lua_tointeger(L, key);
        for (uint32_t i = 0; i < map->len; i++)
                if (map->items[2 * i].type >= SL_INT8 && map->items[2 * i].type <= SL_INT64 &&
                    map->items[2 * i].i64 == want)
                        return (int)i;
        return -1;
}

/* The slot that key names in the container, or -1. */
static int slot_of(lua_State *L, int key, struct lua_node *n, const struct sl_value *v)
{
        if (v->type == SL_STRUCT) {
                size_t len;
                const char *name = lua_type(L, key) == LUA_TSTRING ? lua_tolstring(L, key, &len) : NULL;
                return name ? field_index(lua_hook_of(L), n->schema, name, len) : -1;
        }
        if (v->type == SL_MAP)
                return map_index(L, key, n, v);
        lua_Integer i = lua_isinteger(L, key) ? lua_tointeger(L, key) : 0;
        return i >= 1 && i <= (lua_Integer)v->len ? (int)i - 1 : -1;
}

static const struct sl_schema *member_schema(const struct lua_node *n, uint32_t slot)
{
        if (!n->schema)
                return NULL;
        return n->schema->type == SL_STRUCT ? n->schema->fields[slot].schema : n->schema->value;
}

static void push_slot(lua_State *L, struct lua_node *n, const struct sl_value *v, uint32_t slot, int at)
{
        const struct sl_schema *schema = member_schema(n, slot);
        const struct sl_value *item = &v->items[v->type == SL_MAP ? 2 * slot + 1 : slot];
        if (sl_unlikely(item->type == SL_NULL && v->type == SL_STRUCT && schema->has_default))
                item = &schema->def;
        lua_push_value(L, schema, item, n, slot, at);
}

static int value_index(lua_State *L)
{
        struct lua_node *n = lua_proxy_node(L, 1);
        const struct sl_value *v = lua_node_value(n);
        int slot = slot_of(L, 2, n, v);
        if (slot < 0)
                lua_pushnil(L);
        else
                push_slot(L, n, v, (uint32_t)slot, 1);
        return 1;
}

/* Room for `more` further members of an array or map, which thereby is ours. The old items stay what they are, for who
 * iterates. */
static struct sl_value *enlarge(lua_State *L, struct lua_node *n, uint32_t more)
{
        struct lua_hook *h = lua_hook_of(L);
        lua_node_own(L, n);
        struct sl_value *v = lua_node_value(n);
        size_t width = v->type == SL_MAP ? 2 : 1;
        lua_charge(L, h, v->len / 4);
        struct sl_value *items = sl_arena_alloc(h->arena, (v->len + more) * width * sizeof(*items) + 1);
        struct lua_node **children = sl_arena_zalloc(h->arena, (v->len + more + 1) * sizeof(*children));
        if (v->len)
                memcpy(items, v->items, v->len * width * sizeof(*items));
        if (n->children)
                memcpy(children, n->children, v->len * sizeof(*children));
        v->items = items;
        n->children = children;
        return items;
}

static void remove_slot(lua_State *L, struct lua_node *n, uint32_t slot)
{
        struct sl_value *items = enlarge(L, n, 0), *v = lua_node_value(n);
        size_t width = v->type == SL_MAP ? 2 : 1;
        detach(L, n, slot);
        memmove(items + slot * width, items + (slot + 1) * width, (v->len - slot - 1) * width * sizeof(*items));
        memmove(n->children + slot, n->children + slot + 1, (v->len - slot - 1) * sizeof(*n->children));
        v->len--;
        n->children[v->len] = NULL;
        for (uint32_t i = slot; i < v->len; i++)
                if (n->children[i])
                        n->children[i]->slot = i;
}

/* A key that is not there yet. */
static int new_member(lua_State *L, struct lua_node *n, const char *what)
{
        const struct sl_value *v = lua_node_value(n);
        struct sl_value key = SL_V_NULL;
        if (v->type == SL_STRUCT)
                return luaL_error(L, "the schema %s has no field %s, and a hook can't add one: InsertField does",
                                  n->schema->name ? n->schema->name : "of this struct", what);
        if (v->type == SL_ARRAY && (!lua_isinteger(L, 2) || lua_tointeger(L, 2) != (lua_Integer)v->len + 1))
                return luaL_error(L, "an array of %d has no element %s: the next one is %d", (int)v->len, what,
                                  (int)v->len + 1);
        if (lua_isnil(L, 3))
                return 0;
        if (v->type == SL_MAP && !n->schema && lua_type(L, 2) != LUA_TSTRING)
                return luaL_error(L, "the keys of a map without schema are strings, not a %s", luaL_typename(L, 2));
        if (v->type == SL_MAP)
                key = lua_to_value(L, 2, n->schema ? n->schema->key : NULL, what, 0);
        struct sl_value value = lua_to_value(L, 3, n->schema ? n->schema->value : NULL, what, 0);
        struct sl_value *items = enlarge(L, n, 1), *to = lua_node_value(n);
        if (to->type == SL_MAP) {
                items[2 * to->len] = key;
                items[2 * to->len + 1] = value;
        } else {
                items[to->len] = value;
        }
        to->len++;
        return 0;
}

static int value_newindex(lua_State *L)
{
        struct lua_node *n = lua_proxy_node(L, 1);
        const struct sl_value *v = lua_node_value(n);
        int slot = slot_of(L, 2, n, v);
        const char *what = luaL_tolstring(L, 2, NULL);
        if (slot < 0)
                return new_member(L, n, what);
        if (lua_isnil(L, 3) && v->type == SL_ARRAY && (uint32_t)slot + 1 != v->len &&
            !(n->schema && n->schema->value->optional))
                return luaL_error(L, "only the last element of an array can be removed");
        if (lua_isnil(L, 3) && (v->type == SL_MAP || (v->type == SL_ARRAY && (uint32_t)slot + 1 == v->len))) {
                remove_slot(L, n, (uint32_t)slot);
                return 0;
        }
        struct sl_value value = lua_to_value(L, 3, member_schema(n, (uint32_t)slot), what, 0);
        struct sl_value *items = lua_node_own(L, n);
        detach(L, n, (uint32_t)slot);
        items[v->type == SL_MAP ? 2 * slot + 1 : slot] = value;
        return 0;
}

static int value_len(lua_State *L)
{
        lua_pushinteger(L, lua_node_value(lua_proxy_node(L, 1))->len);
        return 1;
}

/* The state of pairs(): the members as they were when it began. */
struct walk {
        const struct sl_value *items;
        uint32_t len, next;
        uint8_t type;
        uint64_t record;
};

/* Upvalue: the walk. A member that is gone meanwhile is left out. */
static int value_next(lua_State *L)
{
        struct walk *w = lua_touserdata(L, lua_upvalueindex(1));
        lua_settop(L, 1);
        struct lua_proxy *p = lua_touserdata(L, lua_upvalueindex(2));
        if (w->record != lua_hook_of(L)->record || p->record != w->record)
                return luaL_error(L, "this is a part of a record that is gone");
        struct lua_node *n = p->node;
        if (lua_node_value(n)->type != w->type)
                return luaL_error(L, "what pairs() walks over has been assigned anew");
        while (w->next < w->len) {
                uint32_t i = w->next++;
                const struct sl_value *v = lua_node_value(n);
                int slot = (int)i;
                lua_settop(L, 0);
                lua_pushvalue(L, lua_upvalueindex(2));
                if (v->type == SL_STRUCT) {
                        lua_pushlstring(L, n->schema->fields[i].name, n->schema->fields[i].name_len);
                } else if (v->type == SL_ARRAY) {
                        lua_pushinteger(L, (lua_Integer)i + 1);
                        slot = i < v->len ? slot : -1;
                } else {
                        lua_push_value(L, n->schema ? n->schema->key : NULL, &w->items[2 * i], NULL, 0, 0);
                        if (i >= v->len || !sl_value_equal(&v->items[2 * i], &w->items[2 * i]))
                                slot = map_index(L, 2, n, v);
                }
                if (slot < 0)
                        continue;
                push_slot(L, n, v, (uint32_t)slot, 1);
                return 2;
        }
        lua_pushnil(L);
        return 1;
}

static int value_pairs(lua_State *L)
{
        const struct sl_value *v = lua_node_value(lua_proxy_node(L, 1));
        struct walk *w = lua_newuserdatauv(L, sizeof(*w), 0);
        *w = (struct walk){v->items, v->len, 0, v->type, lua_hook_of(L)->record};
        lua_pushvalue(L, 1);
        lua_pushcclosure(L, value_next, 2);
        lua_pushnil(L);
        lua_pushnil(L);
        return 3;
}

static int value_tostring(lua_State *L)
{
        struct lua_hook *h = lua_hook_of(L);
        struct lua_node *n = lua_proxy_node(L, 1);
        sl_buf_clear(&h->text);
        sl_value_print(n->schema, lua_node_value(n), &h->text);
        lua_charge(L, h, h->text.len / 8);
        lua_pushlstring(L, h->text.ptr ? h->text.ptr : "", h->text.len);
        return 1;
}

/* ---- headers ---- */

static struct sl_record *record_at_hand(lua_State *L)
{
        struct sl_record *rec = lua_hook_of(L)->rec;
        if (!rec)
                luaL_error(L, "there is no record outside of apply");
        return rec;
}

static int headers_index(lua_State *L)
{
        const struct sl_record *rec = record_at_hand(L);
        size_t len;
        const char *name = luaL_checklstring(L, 2, &len);
        for (uint32_t i = rec->header_count; i-- > 0;) {
                const struct sl_header *hd = rec->headers[i];
                if (sl_str_eq(hd->key, (struct sl_str){name, len})) {
                        lua_push_value(L, hd->schema, &hd->value, NULL, 0, 0);
                        return 1;
                }
        }
        lua_pushnil(L);
        return 1;
}

/* All of the name give way to one with the value at index 3, if that is not nil; or one more is added. The list as
 * consumed belongs to the original record. */
static void set_header(lua_State *L, bool replace)
{
        struct lua_hook *h = lua_hook_of(L);
        struct sl_record *rec = record_at_hand(L);
        size_t len;
        const char *name = luaL_checklstring(L, 2, &len);
        struct sl_header *one = sl_arena_alloc(h->arena, sizeof(*one));
        *one = (struct sl_header){.schema = lua_schema_of(L, 3), .value = lua_to_value(L, 3, NULL, name, 0)};
        if (one->value.type == SL_BYTES)
                one->schema = sl_schema_of(SL_BYTES, false);
        one->key = (struct sl_str){sl_arena_strndup(h->arena, name, len), len};
        lua_charge(L, h, rec->header_count);
        const struct sl_header **all = sl_arena_alloc(h->arena, (rec->header_count + 1) * sizeof(*all));
        uint32_t n = 0;
        for (uint32_t i = 0; i < rec->header_count; i++)
                if (!replace || !sl_str_eq(rec->headers[i]->key, one->key))
                        all[n++] = rec->headers[i];
        if (!replace || !lua_isnil(L, 3))
                all[n++] = one;
        rec->headers = all;
        rec->header_count = n;
}

static int headers_newindex(lua_State *L)
{
        set_header(L, true);
        return 0;
}

/* record:add_header(name, value) */
static int add_header(lua_State *L)
{
        luaL_argcheck(L, lua_type(L, 1) == LUA_TUSERDATA, 1, "write it as record:add_header(name, value)");
        lua_settop(L, 3);
        set_header(L, false);
        return 0;
}

static int headers_len(lua_State *L)
{
        lua_pushinteger(L, record_at_hand(L)->header_count);
        return 1;
}

/* Upvalues: the list as it was (its address and length), the next index, the record. */
static int headers_next(lua_State *L)
{
        const struct sl_header *const *all = lua_touserdata(L, lua_upvalueindex(1));
        lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
        if ((uint64_t)lua_tointeger(L, lua_upvalueindex(4)) != lua_hook_of(L)->record)
                return luaL_error(L, "these are the headers of a record that is gone");
        if (i >= lua_tointeger(L, lua_upvalueindex(2)))
                return 0;
        lua_pushinteger(L, i + 1);
        lua_replace(L, lua_upvalueindex(3));
        lua_pushlstring(L, all[i]->key.ptr ? all[i]->key.ptr : "", all[i]->key.len);
        lua_push_value(L, all[i]->schema, &all[i]->value, NULL, 0, 0);
        return 2;
}

static int headers_pairs(lua_State *L)
{
        const struct sl_record *rec = record_at_hand(L);
        lua_pushlightuserdata(L, (void *)(uintptr_t)rec->headers);
        lua_pushinteger(L, rec->header_count);
        lua_pushinteger(L, 0);
        lua_pushinteger(L, (lua_Integer)lua_hook_of(L)->record);
        lua_pushcclosure(L, headers_next, 4);
        return 1;
}

/* ---- the record ---- */

static enum lua_member member_of(lua_State *L)
{
        struct lua_hook *h = lua_hook_of(L);
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
        for (int i = 0; i < M_COUNT; i++)
                if (name == h->names[i])
                        return (enum lua_member)i;
        luaL_error(
                L,
                "a record has no %s: it has topic, partition, timestamp, offset, key, value, headers, key_schema and "
                "value_schema",
                luaL_tolstring(L, 2, NULL));
        return M_COUNT;
}

static void push_number(lua_State *L, int64_t v)
{
        if (v < 0)
                lua_pushnil(L);
        else
                lua_pushinteger(L, v);
}

static void push_text(lua_State *L, struct sl_str s)
{
        if (s.ptr)
                lua_pushlstring(L, s.ptr, s.len);
        else
                lua_pushnil(L);
}

/* The key or value: its proxy is made anew when the last one was of another record, or of a value that has gone. */
static void push_side(lua_State *L, struct sl_record *rec, int side)
{
        struct lua_hook *h = lua_hook_of(L);
        struct sl_value *v = sl_side_value(rec, side);
        const struct sl_schema *schema = *sl_side_schema(rec, side);
        if (v->type < SL_ARRAY) {
                lua_push_value(L, schema, v, NULL, 0, 0);
                return;
        }
        struct lua_node *n = &h->sides[side];
        lua_pushvalue(L, lua_upvalueindex(side ? 2 : 1));
        struct lua_proxy *p = lua_touserdata(L, -1);
        if (p->record != h->record) {
                *n = (struct lua_node){.schema = schema, .root = v};
                *p = (struct lua_proxy){n, h->record};
        }
}

/* Upvalues: the proxies of value, key and headers. */
static int record_index(lua_State *L)
{
        struct sl_record *rec = record_at_hand(L);
        enum lua_member m = member_of(L);
        switch (m) {
        case M_VALUE:
                push_side(L, rec, 0);
                break;
        case M_KEY:
                push_side(L, rec, 1);
                break;
        case M_TOPIC:
                push_text(L, rec->topic);
                break;
        case M_PARTITION:
                push_number(L, rec->partition);
                break;
        case M_TIMESTAMP:
                push_number(L, rec->timestamp_ms);
                break;
        case M_OFFSET:
                push_number(L, rec->offset);
                break;
        case M_HEADERS:
                lua_pushvalue(L, lua_upvalueindex(3));
                break;
        case M_ADD_HEADER:
                lua_pushcfunction(L, add_header);
                break;
        default: {
                const struct sl_schema *s = m == M_KEY_SCHEMA ? rec->key_schema : rec->value_schema;
                push_text(L, sl_str_c(s ? s->name : NULL));
        }
        }
        return 1;
}

static void assign_side(lua_State *L, struct sl_record *rec, int side)
{
        struct lua_hook *h = lua_hook_of(L);
        struct sl_value *v = sl_side_value(rec, side);
        const struct sl_schema **schema = sl_side_schema(rec, side);
        if (lua_isnil(L, 3)) /* a tombstone has no schema */
                *schema = NULL;
        struct sl_value value = lua_to_value(L, 3, *schema, side ? "key" : "value", 0);
        struct lua_proxy *p = lua_touserdata(L, lua_upvalueindex(side ? 2 : 1));
        if (p->record == h->record && p->node == &h->sides[side]) {
                /* Its children see the old value from now on, apart from the record; the proxy itself is the new
                 * value's. */
                struct lua_node *old = sl_arena_alloc(h->arena, sizeof(*old));
                struct sl_value *root = sl_arena_alloc(h->arena, sizeof(*root));
                *root = *v;
                *old = h->sides[side];
                old->root = root;
                for (uint32_t i = 0; old->children && i < root->len; i++)
                        if (old->children[i])
                                old->children[i]->parent = old;
                p->record = 0;
        }
        *v = value;
}

static int record_newindex(lua_State *L)
{
        struct lua_hook *h = lua_hook_of(L);
        struct sl_record *rec = record_at_hand(L);
        enum lua_member m = member_of(L);
        lua_Integer n = -1;
        if (m == M_PARTITION || m == M_TIMESTAMP) {
                int exact = lua_isnil(L, 3);
                if (lua_type(L, 3) == LUA_TNUMBER)
                        n = lua_tointegerx(L, 3, &exact);
                if (!exact || (n < 0 && !lua_isnil(L, 3)) || (m == M_PARTITION && n > INT32_MAX))
                        return luaL_error(L, "a record's %s is an integer from 0 on, or nil", member_names[m]);
        }
        switch (m) {
        case M_VALUE:
                assign_side(L, rec, 0);
                break;
        case M_KEY:
                assign_side(L, rec, 1);
                break;
        case M_PARTITION:
                rec->partition = (int32_t)n;
                break;
        case M_TIMESTAMP:
                rec->timestamp_ms = n;
                break;
        case M_TOPIC:
                if (lua_type(L, 3) != LUA_TSTRING || !*lua_tostring(L, 3))
                        return luaL_error(L, "a record's topic is a string with at least one character");
                rec->topic = (struct sl_str){sl_arena_strndup(h->arena, lua_tostring(L, 3), lua_rawlen(L, 3)),
                                             lua_rawlen(L, 3)};
                break;
        default:
                return luaL_error(L, "a record's %s can't be assigned", member_names[m]);
        }
        return 0;
}

static int record_tostring(lua_State *L)
{
        const struct sl_record *rec = record_at_hand(L);
        lua_pushfstring(L, "record of topic %s",
                        rec->topic.ptr ? lua_pushlstring(L, rec->topic.ptr, rec->topic.len) : "?");
        return 1;
}

/* ---- set up ---- */

/* A metatable that scripts can't reach, on top of the stack; the functions share the n values that are on top. */
static void new_meta(lua_State *L, const luaL_Reg *functions, int n)
{
        lua_newtable(L);
        lua_insert(L, -n - 1);
        luaL_setfuncs(L, functions, n);
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
}

static void new_side(lua_State *L)
{
        memset(lua_newuserdatauv(L, sizeof(struct lua_proxy), 1), 0, sizeof(struct lua_proxy));
        lua_rawgetp(L, LUA_REGISTRYINDEX, &value_meta);
        lua_setmetatable(L, -2);
}

void lua_record_open(lua_State *L)
{
        static const luaL_Reg value[] = {{"__index", value_index}, {"__newindex", value_newindex}, {"__len", value_len},
                                         {"__pairs", value_pairs}, {"__tostring", value_tostring}, {NULL, NULL}};
        static const luaL_Reg headers[] = {{"__index", headers_index},
                                           {"__newindex", headers_newindex},
                                           {"__len", headers_len},
                                           {"__pairs", headers_pairs},
                                           {NULL, NULL}};
        static const luaL_Reg record[] = {{"__index", record_index},
                                          {"__newindex", record_newindex},
                                          {"__tostring", record_tostring},
                                          {NULL, NULL}};
        struct lua_hook *h = lua_hook_of(L);
        lua_newtable(L);
        for (int i = 0; i < M_COUNT; i++) {
                lua_pushstring(L, member_names[i]);
                h->names[i] = lua_tostring(L, -1);
                lua_rawseti(L, -2, i + 1);
        }
        luaL_ref(L, LUA_REGISTRYINDEX);
        new_meta(L, value, 0);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &value_meta);
        lua_pushnil(L); /* the record: see below */
        new_side(L);
        new_side(L);
        lua_newuserdatauv(L, 0, 0);
        new_meta(L, headers, 0);
        lua_setmetatable(L, -2);
        int top = lua_gettop(L);
        lua_newuserdatauv(L, 0, 0);
        lua_pushvalue(L, top - 2);
        lua_pushvalue(L, top - 1);
        lua_pushvalue(L, top);
        new_meta(L, record, 3);
        lua_setmetatable(L, -2);
        lua_replace(L, top - 3);
}
