/* SPDX-License-Identifier: Apache-2.0 */
/* The Lua state of a hook. It has no way out of itself: no files, no processes, no loading of code, no debug library,
 * no coroutines (each would count its instructions for itself). What it costs is bounded for each record: memory by the
 * allocator, instructions by a count hook. Library functions that run long in C, where no hook counts, are counted here
 * or are Lua:
 *  - bytes that are moved (upper, rep, concatenation, ...) are charged by the allocator;
 *  - patterns have a matcher of our own that counts (lua_pattern.c);
 *  - table.insert, remove, move and sort take a length that a script can make up (__len), so they are written in Lua
 * below;
 *  - finalizers run with hooks off, so a metatable with __gc is refused; so does the message handler of xpcall when the
 * hook itself raises the error, so there is only pcall. What remains is comparing long strings, for which the
 * processor's time is a backstop that no honest script meets. */
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "transforms/lua_hook.h"

#define CPU_NS (10 * INT64_C(1000000000)) /* of the thread, for one record */
#define LARGE 4096                        /* smaller allocations come with instructions of their own */

/* The functions of the libraries that stay. */
static const char *const kept_base[] = {"assert",   "error",    "getmetatable", "ipairs",   "next",   "pairs",
                                        "pcall",    "rawequal", "rawget",       "rawlen",   "rawset", "select",
                                        "tonumber", "tostring", "type",         "_VERSION", "_G",     NULL};
static const char *const kept_string[] = {"byte",     "char",    "format", "len",    "lower", "pack",
                                          "packsize", "reverse", "sub",    "unpack", "upper", NULL};
static const char *const kept_table[] = {"concat", "pack", "unpack", NULL};

/* In Lua, so that every step counts. Sorting is a merge: no bad case, no trust in the comparison. */
static const char prelude[] =
        "local floor, select, type, error = math.floor, select, type, error\n"
        "function table.insert(t, ...)\n"
        "  local n, at, v = #t + 1, ...\n"
        "  if select('#', ...) == 1 then t[n] = at return end\n"
        "  if select('#', ...) ~= 2 then error(\"wrong number of arguments to 'insert'\", 2) end\n"
        "  if at < 1 or at > n then error(\"bad argument #2 to 'insert' (position out of bounds)\", 2) end\n"
        "  for i = n, at + 1, -1 do t[i] = t[i - 1] end\n"
        "  t[at] = v\n"
        "end\n"
        "function table.remove(t, at)\n"
        "  local n = #t\n"
        "  if at == nil then at = n\n"
        "  elseif n + 1 ~= at and (at < 1 or at > n + 1) and not (n == 0 and at == 0) then\n"
        "    error(\"bad argument #2 to 'remove' (position out of bounds)\", 2) end\n"
        "  local v = t[at]\n"
        "  for i = at, n - 1 do t[i] = t[i + 1] end\n"
        "  if at <= n then t[n] = nil else t[at] = nil end\n"
        "  return v\n"
        "end\n"
        "function table.move(a, f, e, t, b)\n"
        "  b = b or a\n"
        "  if t > e or t <= f or a ~= b then for i = 0, e - f do b[t + i] = a[f + i] end\n"
        "  else for i = e - f, 0, -1 do b[t + i] = a[f + i] end end\n"
        "  return b\n"
        "end\n"
        "local function sort(t, tmp, lo, hi, less)\n"
        "  if hi <= lo then return end\n"
        "  local mid = floor((lo + hi) / 2)\n"
        "  sort(t, tmp, lo, mid, less)\n"
        "  sort(t, tmp, mid + 1, hi, less)\n"
        "  for i = lo, mid do tmp[i] = t[i] end\n"
        "  local i, j, k = lo, mid + 1, lo\n"
        "  while i <= mid and j <= hi do\n"
        "    if less(t[j], tmp[i]) then t[k] = t[j] j = j + 1 else t[k] = tmp[i] i = i + 1 end\n"
        "    k = k + 1\n"
        "  end\n"
        "  while i <= mid do t[k] = tmp[i] i = i + 1 k = k + 1 end\n"
        "end\n"
        "local function ascending(a, b) return a < b end\n"
        "function table.sort(t, less)\n"
        "  sort(t, {}, 1, #t, less or ascending)\n"
        "end\n";

static int64_t cpu_ns(void)
{
        struct timespec ts = {0};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
        return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Lua's allocator. When there is no room Lua collects its garbage and asks again: that is charged too, or a state at
 * its limit would do nothing else. */
static void *allocate(void *ud, void *ptr, size_t old, size_t n)
{
        struct lua_hook *h = ud;
        old = ptr ? old : 0;
        if (n == 0) {
                free(ptr);
                h->used -= old;
                return NULL;
        }
        if (n > old) {
                h->left -= (int64_t)(n / LUA_STEPS_PER_BYTES);
                if (n - old > h->limit - h->used) {
                        h->left -= (int64_t)(h->used / LUA_STEPS_PER_BYTES);
                        return NULL;
                }
                if (h->left <= 0 && n >= LARGE)
                        return NULL;
        }
        void *p = realloc(ptr, n);
        if (p)
                h->used += n - old;
        return p;
}

void lua_sandbox_spent(lua_State *L)
{
        struct lua_hook *h = lua_hook_of(L);
        bool slow = h->left > 0;
        h->left = 0;
        luaL_where(L, 0); /* in the count hook: the function that runs */
        if (!*lua_tostring(L, -1)) {
                lua_pop(L, 1);
                luaL_where(L, 1); /* in one of ours: its caller */
        }
        if (slow)
                lua_pushstring(L, "it used 10 seconds of the processor for one record");
        else
                lua_pushfstring(L, "it used up its %I instructions for one record (instructions.max)",
                                (LUAI_UACINT)h->budget);
        lua_concat(L, 2);
        lua_error(L);
        abort(); /* lua_error does not return */
}

/* Once it has struck it strikes at every instruction, so that pcall is no way on. */
static void on_count(lua_State *L, lua_Debug *ar sl_unused)
{
        struct lua_hook *h = lua_hook_of(L);
        int64_t now = cpu_ns();
        h->cpu_from = h->cpu_from ? h->cpu_from : now;
        h->left -= h->interval;
        if (h->left > 0 && now - h->cpu_from < CPU_NS)
                return;
        h->interval = 1;
        lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
        lua_sandbox_spent(L);
}

void lua_sandbox_refill(struct lua_hook *h)
{
        int64_t parts = h->budget / 1000;
        h->left = h->budget;
        h->interval = (int)(h->budget / (parts ? parts : 1));
        h->cpu_from = 0;
        lua_sethook(h->L, on_count, LUA_MASKCOUNT, h->interval);
}

/* rep without its loop over nothing: n is bounded by the memory limit. */
static int safe_rep(lua_State *L)
{
        struct lua_hook *h = lua_hook_of(L);
        size_t len, sep_len;
        const char *s = luaL_checklstring(L, 1, &len), *sep = luaL_optlstring(L, 3, "", &sep_len);
        lua_Integer n = luaL_checkinteger(L, 2);
        luaL_Buffer b;
        if (n <= 0 || len + sep_len == 0) {
                lua_pushliteral(L, "");
                return 1;
        }
        if ((uint64_t)n > h->limit / (len + sep_len) + 1)
                return luaL_error(L, "resulting string too large");
        lua_charge(L, h, (uint64_t)n / 16);
        luaL_buffinit(L, &b);
        for (; n > 0; n--) {
                luaL_addlstring(&b, s, len);
                if (n > 1)
                        luaL_addlstring(&b, sep, sep_len);
        }
        luaL_pushresult(&b);
        return 1;
}

static int safe_setmetatable(lua_State *L)
{
        luaL_checktype(L, 1, LUA_TTABLE);
        luaL_argcheck(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table expected");
        if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
                return luaL_error(L, "cannot change a protected metatable");
        if (lua_istable(L, 2)) {
                lua_pushliteral(L, "__gc");
                lua_rawget(L, 2);
                if (!lua_isnil(L, -1))
                        return luaL_error(L, "a hook's metatable can't have __gc");
                lua_pop(L, 1);
        }
        lua_settop(L, 2);
        lua_setmetatable(L, 1);
        return 1;
}

/* A library with nothing but the named functions, under its global name (NULL: they are globals). */
static void keep(lua_State *L, const char *name, lua_CFunction open, const char *const *kept)
{
        luaL_requiref(L, name ? name : "_G", open, 0);
        lua_newtable(L);
        for (size_t i = 0; kept[i]; i++) {
                lua_getfield(L, -2, kept[i]);
                lua_setfield(L, -2, kept[i]);
        }
        if (name) {
                lua_setglobal(L, name);
                lua_pop(L, 1);
                return;
        }
        lua_pushnil(L);
        while (lua_next(L, -3)) { /* clearing fields is allowed on the way */
                lua_pop(L, 1);
                lua_pushvalue(L, -1);
                lua_rawget(L, -3);
                if (lua_isnil(L, -1)) {
                        lua_pushvalue(L, -2);
                        lua_pushnil(L);
                        lua_rawset(L, -6);
                }
                lua_pop(L, 1);
        }
        lua_pop(L, 2);
}

/* Under pcall: everything here may run out of memory. */
static int fill(lua_State *L)
{
        keep(L, NULL, luaopen_base, kept_base);
        luaL_requiref(L, "math", luaopen_math, 1);
        luaL_requiref(L, "utf8", luaopen_utf8, 1);
        lua_pop(L, 2);
        keep(L, "table", luaopen_table, kept_table);
        keep(L, "string", luaopen_string, kept_string);
        lua_getglobal(L, "string");
        lua_pushcfunction(L, safe_rep);
        lua_setfield(L, -2, "rep");
        lua_pattern_open(L);
        lua_pushliteral(L, ""); /* ("x"):rep(2) finds the same table, and nobody reaches the metatable */
        lua_getmetatable(L, -1);
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 3);
        lua_pushcfunction(L, safe_setmetatable);
        lua_setglobal(L, "setmetatable");
        if (luaL_loadbufferx(L, prelude, sizeof(prelude) - 1, "=(sluice)", "t") != LUA_OK)
                return lua_error(L);
        lua_call(L, 0, 0);
        lua_pushnil(L); /* AT_APPLY: the script's, once it is loaded */
        lua_record_open(L);
        return AT_TOP;
}

bool lua_sandbox_open(struct lua_hook *h)
{
        h->used = 0;
        h->left = INT64_MAX;
        h->L = lua_newstate(allocate, h);
        if (!h->L)
                return false;
        *(struct lua_hook **)lua_getextraspace(h->L) = h;
        lua_pushcfunction(h->L, fill);
        if (lua_pcall(h->L, 0, AT_TOP, 0) != LUA_OK) {
                lua_sandbox_close(h);
                return false;
        }
        return true;
}

void lua_sandbox_close(struct lua_hook *h)
{
        if (h->L)
                lua_close(h->L);
        h->L = NULL;
}
