/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the Lua hook: the state in its sandbox (lua_sandbox.c), the record as userdata (lua_record.c), values from one to the
 * other (lua_value.c), patterns (lua_pattern.c). lua.c is the transform. Functions that take a lua_State may raise a Lua error,
 * which is a longjmp: whoever calls them holds nothing but arena memory. @thread the task's. */
#ifndef SL_TRANSFORMS_LUA_HOOK_H
#define SL_TRANSFORMS_LUA_HOOK_H
#include <lauxlib.h>
#include <lua.h>
#include "api/transform.h"

/* Where a container (struct, array, map) stands in the record: one node a place, made when the place is first touched. Its items
 * are the record's own until something is assigned in it. */
struct lua_node {
        const struct sl_schema *schema; /* NULL = schemaless */
        struct sl_value *root;          /* parent NULL: here it is */
        struct lua_node *parent;
        struct lua_node **children;     /* by slot, or NULL */
        uint32_t slot;                  /* index of the item, entry or field in the parent */
        bool owned;                     /* the items are a copy in the arena: may be written */
        bool fixed;                     /* may not be written */
};
/* What a script holds of a node. The struct belongs to Lua; it is good for one record. */
struct lua_proxy {
        struct lua_node *node;
        uint64_t record;
};

enum lua_member { M_TOPIC, M_PARTITION, M_TIMESTAMP, M_OFFSET, M_KEY, M_VALUE, M_HEADERS, M_KEY_SCHEMA, M_VALUE_SCHEMA,
                  M_ADD_HEADER, M_COUNT };
/* Places of the Lua stack that always hold the same. */
enum { AT_APPLY = 1, AT_RECORD, AT_VALUE, AT_KEY, AT_HEADERS, AT_TOP = AT_HEADERS };

#define LUA_FIELD_CACHE 256 /* a power of two */
struct lua_hook {
        lua_State *L;
        size_t used, limit;      /* bytes of the state */
        int64_t left, budget;    /* instructions of this record */
        int interval;            /* of the count hook */
        int64_t cpu_from;        /* the thread's processor time at the record's first look at it, in ns; 0 = none yet */
        struct sl_record *rec;   /* NULL: no record is at hand */
        struct sl_arena *arena;
        uint64_t record;         /* counts them */
        struct lua_node sides[2];
        const char *names[M_COUNT]; /* Lua's own copies: a short string has one address */
        struct {
                const char *name;
                const struct sl_schema *schema;
                uint32_t index;
        } fields[LUA_FIELD_CACHE]; /* by the name's address; verified, since Lua reuses addresses */
        struct sl_buf text, scratch;
};
static inline struct lua_hook *lua_hook_of(lua_State *L)
{
        return *(struct lua_hook **)lua_getextraspace(L);
}

/* A new state in h, which has limit and budget: the libraries that can't reach out, nothing else. False: no room for it. */
bool lua_sandbox_open(struct lua_hook *h);
void lua_sandbox_close(struct lua_hook *h); /* accepts a zeroed struct */
/* A full budget for what comes next. */
void lua_sandbox_refill(struct lua_hook *h);
/* Raises the error that the budget is used up. */
sl_noreturn void lua_sandbox_spent(lua_State *L);
#define LUA_STEPS_PER_BYTES 64 /* moving so many bytes is counted as one instruction */
static inline void lua_charge(lua_State *L, struct lua_hook *h, uint64_t steps)
{
        h->left -= (int64_t)steps;
        if (sl_unlikely(h->left <= 0))
                lua_sandbox_spent(L);
}

/* string.find, match, gmatch, gsub: put them into the table on top of the stack. */
void lua_pattern_open(lua_State *L);

/* Push record, value, key and headers, in the order of AT_*. */
void lua_record_open(lua_State *L);
/* Push what the script sees of a value that stands in slot of node (node NULL: nowhere, it can't be changed). at: the stack's
 * index of the parent's proxy, or 0. */
void lua_push_value(lua_State *L, const struct sl_schema *schema, const struct sl_value *v, struct lua_node *node,
                    uint32_t slot, int at);
struct sl_value *lua_node_value(struct lua_node *n);
/* Make the node's items writable, and all above them; the items. */
struct sl_value *lua_node_own(lua_State *L, struct lua_node *n);
/* The node of a proxy; an error when its record is gone. */
struct lua_node *lua_proxy_node(lua_State *L, int at);

/* The Lua value at index as one of the schema (NULL = schemaless), strings copied into the arena. what: names the place in errors. */
struct sl_value lua_to_value(lua_State *L, int index, const struct sl_schema *schema, const char *what, int depth);
/* The schema of a header that gets this Lua value; NULL = schemaless. */
const struct sl_schema *lua_schema_of(lua_State *L, int index);
#endif
