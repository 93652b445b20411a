/* SPDX-License-Identifier: Apache-2.0 */
/* sluice.transforms.Lua: a script of the user's own that filters and edits records. It defines apply(record), which
 * returns true or the record to keep it, false or nothing to drop it. The state lives as long as the task runs, so
 * globals carry from record to record. What the script sees is in lua_record.c, what bounds it in lua_sandbox.c. A
 * script that fails, or runs into a limit, fails its record; when memory ran out the state is made anew, since its
 * globals may hold all of it. */
#include <stdlib.h>
#include <string.h>
#include "config/textfile.h"
#include "transforms/common.h"
#include "transforms/lua_hook.h"

#define MAX_SCRIPT (1 << 20)

struct lua_cfg {
        const char *script, *file;
        int64_t memory, instructions;
};
struct lua_transform {
        const struct lua_cfg *cfg;
        struct sl_buf source;
        char *name; /* of the chunk, "=route.lua" */
        struct lua_hook hook;
};

static void transform_close(void *state)
{
        struct lua_transform *st = state;
        lua_sandbox_close(&st->hook);
        sl_buf_free(&st->hook.text);
        sl_buf_free(&st->hook.scratch);
        sl_buf_free(&st->source);
        free(st->name);
        *st = (struct lua_transform){0};
}

/* ---- failures ---- */

/* The error on top of the stack, which is popped. Lua's strings are any bytes, a message is UTF-8. */
static void message_of(struct lua_hook *h, int status, char *out, size_t n)
{
        const char *text = lua_type(h->L, -1) == LUA_TSTRING ? lua_tostring(h->L, -1) : NULL;
        if (status == LUA_ERRMEM && h->left <= 0)
                snprintf(out, n, "it used up its %lld instructions for one record (instructions.max)",
                         (long long)h->budget);
        else if (status == LUA_ERRMEM)
                snprintf(out, n, "it used up its %zu bytes of memory (memory.max.bytes)", h->limit);
        else if (text)
                snprintf(out, n, "%s", text);
        else
                snprintf(out, n, "error with a %s instead of a message", luaL_typename(h->L, -1));
        if (!sl_utf8_valid(sl_str_c(out)))
                for (char *p = out; *p; p++)
                        if ((unsigned char)*p >= 0x80)
                                *p = '?';
        lua_settop(h->L, AT_TOP);
}

/* ---- loading ---- */

static enum sl_rc read_source(struct lua_transform *st, struct sl_err *err)
{
        const struct lua_cfg *cfg = st->cfg;
        sl_buf_init(&st->source, MAX_SCRIPT);
        if (cfg->script) {
                sl_buf_adds(&st->source, cfg->script);
                st->name = sl_strdup("=script");
                return SL_OK;
        }
        const char *base = strrchr(cfg->file, '/');
        size_t n = strlen(cfg->file) + 2;
        st->name = sl_malloc(n);
        snprintf(st->name, n, "=%s", base ? base + 1 : cfg->file);
        return sl_textfile_read(cfg->file, &st->source, err);
}

/* Run the script once and take its apply. False: why. */
static bool load(struct lua_transform *st, char *why, size_t n)
{
        struct lua_hook *h = &st->hook;
        h->limit = (size_t)st->cfg->memory;
        h->budget = st->cfg->instructions;
        if (!lua_sandbox_open(h)) {
                snprintf(why, n, "memory.max.bytes is too little for Lua itself");
                return false;
        }
        lua_sandbox_refill(h);
        int status = luaL_loadbufferx(h->L, st->source.ptr ? st->source.ptr : "", st->source.len, st->name, "t");
        if (status == LUA_OK)
                status = lua_pcall(h->L, 0, 0, 0);
        if (status != LUA_OK) {
                message_of(h, status, why, n);
                return false;
        }
        if (lua_getglobal(h->L, "apply") != LUA_TFUNCTION) {
                snprintf(why, n, "%s: the script defines no function apply(record)", st->name + 1);
                return false;
        }
        lua_replace(h->L, AT_APPLY);
        return true;
}

static const char *key_of(const struct lua_cfg *cfg)
{
        return cfg->script ? "script" : "file";
}

static enum sl_rc transform_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                                 struct sl_err *err)
{
        struct lua_transform *st = state;
        char why[512];
        st->cfg = config;
        st->hook.record = 1;
        SL_TRY(read_source(st, err));
        if (load(st, why, sizeof(why)))
                return SL_OK;
        return sl_fail(err, SL_E_CONFIG, "%s: %s", key_of(st->cfg), why);
}

/* A file that is no script would be quoted in Lua's message: so its name must say that it is one. */
static void transform_check(const void *config, struct sl_cfg_report *report)
{
        const struct lua_cfg *cfg = config;
        struct lua_transform st = {0};
        struct sl_err err = {0};
        size_t n = cfg->file ? strlen(cfg->file) : 0;
        if (!cfg->script == !cfg->file) {
                sl_cfg_add_error(report, "script",
                                 "A Lua hook has its source in script or in file: exactly one of the two must be set.");
        } else if (cfg->file && (n < 4 || strcmp(cfg->file + n - 4, ".lua") != 0)) {
                sl_cfg_add_error(report, "file", "The name of a Lua hook's file must end in .lua.");
        } else if (transform_open(&st, cfg, NULL, &err) != SL_OK) {
                sl_cfg_add_error(report, key_of(cfg), "%s", err.msg);
                sl_err_clear(&err);
        }
        transform_close(&st);
}

/* ---- rows ---- */

static sl_cold enum sl_rc failed(struct lua_transform *st, int status, struct sl_err *err)
{
        char why[900], again[512];
        bool anew = status == LUA_ERRMEM && st->hook.left > 0;
        message_of(&st->hook, status, why, sizeof(why));
        if (anew) {
                lua_sandbox_close(&st->hook);
                if (!load(st, again, sizeof(again)))
                        return sl_fail(err, SL_E_CONFIG, "%s: %s", key_of(st->cfg), again);
        }
        return sl_fail(err, SL_E_TRANSFORM, "%s", why);
}

static enum sl_rc transform_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct lua_transform *st = state;
        struct lua_hook *h = &st->hook;
        lua_State *L = h->L;
        if (sl_unlikely(!L))
                return sl_fail(err, SL_E_CONFIG, "the Lua hook could not be started again");
        h->rec = rec;
        h->arena = arena;
        h->record++;
        lua_sandbox_refill(h);
        lua_pushvalue(L, AT_APPLY);
        lua_pushvalue(L, AT_RECORD);
        int status = lua_pcall(L, 1, 1, 0);
        h->rec = NULL;
        if (sl_unlikely(status != LUA_OK))
                return failed(st, status, err);
        enum sl_rc rc = SL_OK;
        int type = lua_type(L, -1);
        if (type == LUA_TNIL || (type == LUA_TBOOLEAN && !lua_toboolean(L, -1)))
                rec->dropped = true;
        else if (type != LUA_TBOOLEAN && !lua_rawequal(L, -1, AT_RECORD))
                rc = sl_fail(err, SL_E_TRANSFORM,
                             "%s: apply returned a %s: it must return true or the record to keep it, "
                             "false or nil to drop it",
                             st->name + 1, lua_typename(L, type));
        lua_settop(L, AT_TOP);
        return rc;
}

static const struct sl_cfg_def transform_config[] = {
        {SL_CFG_STR(struct lua_cfg, script, "script"), .importance = SL_HIGH,
         .doc = "The hook's Lua source. It defines apply(record), which returns true to keep the record and false to "
                "drop it."},
        {SL_CFG_STR(struct lua_cfg, file, "file"), .importance = SL_HIGH,
         .doc = "Instead of script: path of a file with the source, on every worker, read when a task starts. Its name "
                "ends in "
                ".lua."},
        {SL_CFG_LONG(struct lua_cfg, instructions, "instructions.max"), .def = "1000000",
         .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .min = 1000, .max = INT64_C(1000000000000), .importance = SL_LOW,
         .doc = "How many Lua instructions one record may take. Work of the library counts as instructions, too: one "
                "for 64 "
                "bytes that are moved, one for 16 steps of a pattern. A record that takes more fails."},
        {SL_CFG_LONG(struct lua_cfg, memory, "memory.max.bytes"), .def = "16777216",
         .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .min = 131072, .max = INT64_C(1) << 32, .importance = SL_LOW,
         .doc = "How much memory the hook's Lua state may hold. A record that needs more fails, and the state is made "
                "anew: its "
                "globals are lost."},
        {0},
};
static const char *const aliases[] = {"sluice.transforms.Lua", NULL};

const struct sl_transform_ops sl_lua = {
        .name = "Lua",
        .aliases = aliases,
        .config = transform_config,
        .config_size = sizeof(struct lua_cfg),
        .state_size = sizeof(struct lua_transform),
        .check = transform_check,
        .open = transform_open,
        .apply = transform_apply,
        .close = transform_close,
        .hook = true,
};
