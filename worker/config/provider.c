/* SPDX-License-Identifier: Apache-2.0 */
/* Resolves ${provider:path:key} and ${provider:key} in configuration values, like Kafka's ConfigTransformer: a
 * reference is "${", anything without '}', "}"; the provider ends at the first ':', a path (if there is a second ':')
 * at the next, the rest is the key. Text without ':' inside, or with a provider that is not known, stays as it is. What
 * was put in is not looked at again.
 *
 * Stricter than Java on purpose: a known provider that has no answer is an error (Java leaves the reference in the
 * value, which then goes to a database as a password). Messages name the reference, never a value.
 * Providers have no time to live: files are read again at each resolve. */
#include "config/provider.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "config/cfgvalue.h"
#include "config/textfile.h"

enum kind { ENV, FILE_KEY, DIR_FILE };

struct provider {
        const char *name;
        enum kind kind;
        pcre2_code *allowlist;            /* env: NULL = all */
        struct sl_cfg_list allowed_paths; /* file, dir: normalized; none = all */
        struct provider *next;
};
struct sl_providers {
        struct sl_arena arena;
        struct provider *first;
};

struct ref {
        struct sl_str whole; /* "${...}" */
        struct sl_str provider, path, key;
};

/* ---- set up ---- */

static const struct {
        const char *name;
        enum kind kind;
} classes[] = {{"EnvVarConfigProvider", ENV}, {"FileConfigProvider", FILE_KEY}, {"DirectoryConfigProvider", DIR_FILE}};

static bool find_class(const char *given, enum kind *ret)
{
        static const char package[] = "org.apache.kafka.common.config.provider.";
        if (strncmp(given, package, sizeof(package) - 1) == 0)
                given += sizeof(package) - 1;
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
                if (strcmp(given, classes[i].name) == 0) {
                        *ret = classes[i].kind;
                        return true;
                }
        return false;
}

static pcre2_code *compile(const char *pattern, char why[256])
{
        int code;
        PCRE2_SIZE at;
        pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                       PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &code, &at, NULL);
        if (!re)
                pcre2_get_error_message(code, (PCRE2_UCHAR *)why, 256);
        return re;
}

/* java.nio.file.Path.normalize: no empty and "." parts, ".." takes the part before it. No look at the disk. */
static const char *normalize(struct sl_arena *arena, const char *path)
{
        char *out = sl_arena_alloc(arena, strlen(path) + 2);
        bool absolute = path[0] == '/';
        size_t len = 0, floor = 0; /* floor: leading ".." of a relative path, never taken back */
        if (absolute)
                out[len++] = '/';
        for (const char *p = path; *p;) {
                size_t n = strcspn(p, "/");
                if (n == 2 && p[0] == '.' && p[1] == '.' && (absolute || len > floor)) {
                        while (len > floor && out[len - 1] != '/')
                                len--;
                        if (len > (size_t)absolute && len > floor)
                                len--;
                } else if (n && !(n == 1 && p[0] == '.')) {
                        if (len && out[len - 1] != '/')
                                out[len++] = '/';
                        memcpy(out + len, p, n);
                        len += n;
                        if (n == 2 && p[0] == '.' && p[1] == '.')
                                floor = len;
                }
                p += n + (p[n] == '/');
        }
        out[len] = '\0';
        return out;
}

static bool is_under(const char *path, const char *root)
{
        size_t n = strlen(root);
        if (n && root[n - 1] == '/')
                return strncmp(path, root, n) == 0;
        return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static enum sl_rc set_paths(struct sl_providers *ps, struct provider *p, const char *key, const char *text,
                            struct sl_err *err)
{
        struct sl_cfg_value v;
        sl_cfg_value_parse(SL_CFG_T_LIST, text, &ps->arena, &v);
        if (v.null || !v.list.count)
                return SL_OK;
        const char **items = sl_arena_alloc(&ps->arena, v.list.count * sizeof(*items));
        for (uint32_t i = 0; i < v.list.count; i++) {
                if (v.list.items[i][0] != '/')
                        return sl_fail(err, SL_E_CONFIG,
                                       "Invalid value %s for configuration %s: Path %s is not absolute", text, key,
                                       v.list.items[i]);
                items[i] = normalize(&ps->arena, v.list.items[i]);
        }
        p->allowed_paths = (struct sl_cfg_list){items, v.list.count};
        return SL_OK;
}

static void push(struct sl_providers *ps, struct provider *p)
{
        p->next = ps->first;
        ps->first = p;
}

static struct provider *find(const struct sl_providers *ps, struct sl_str name)
{
        for (struct provider *p = ps->first; p; p = p->next)
                if (sl_str_eqc(name, p->name))
                        return p;
        return NULL;
}

static enum sl_rc declare(struct sl_providers *ps, const struct sl_props *worker, const char *name, struct sl_err *err)
{
        struct provider *p = sl_arena_zalloc(&ps->arena, sizeof(*p));
        char *key = sl_arena_printf(&ps->arena, "config.providers.%s.class", name);
        struct sl_cfg_value class;
        char why[256];
        sl_cfg_value_parse(SL_CFG_T_STRING, sl_props_get(worker, key), &ps->arena, &class);
        if (class.null)
                return sl_fail(err, SL_E_CONFIG, "Missing required configuration \"%s\" which has no default value.",
                               key);
        if (!find_class(class.s, &p->kind))
                return sl_fail(err, SL_E_CONFIG,
                               "Invalid value %s for configuration %s: Class %s could not be found. Sluice has "
                               "EnvVarConfigProvider, FileConfigProvider and DirectoryConfigProvider.",
                               class.s, key, class.s);
        p->name = sl_arena_strdup(&ps->arena, name);
        push(ps, p);
        key = sl_arena_printf(&ps->arena, "config.providers.%s.param.%s", name,
                              p->kind == ENV ? "allowlist.pattern" : "allowed.paths");
        const char *text = sl_props_get(worker, key);
        if (!text)
                return SL_OK;
        if (p->kind != ENV)
                return set_paths(ps, p, key, text, err);
        p->allowlist = compile(text, why);
        if (!p->allowlist)
                return sl_fail(err, SL_E_CONFIG, "Invalid value %s for configuration %s: Invalid regex: %s", text, key,
                               why);
        return SL_OK;
}

/* env works without declaration, but not around the allowlist of an environment provider with another name. */
static void add_builtin_env(struct sl_providers *ps)
{
        struct provider *env = sl_arena_zalloc(&ps->arena, sizeof(*env));
        if (find(ps, SL_STR("env")))
                return;
        for (struct provider *p = ps->first; p; p = p->next)
                if (p->kind == ENV && p->allowlist) {
                        env->allowlist = pcre2_code_copy(p->allowlist);
                        break;
                }
        env->name = "env";
        env->kind = ENV;
        push(ps, env);
}

enum sl_rc sl_providers_new(const struct sl_props *worker, struct sl_providers **ret, struct sl_err *err)
{
        struct sl_providers *ps = sl_calloc(1, sizeof(*ps));
        struct sl_cfg_value names;
        enum sl_rc rc = SL_OK;
        sl_cfg_value_parse(SL_CFG_T_LIST, sl_props_get(worker, "config.providers"), &ps->arena, &names);
        for (uint32_t i = 0; !names.null && i < names.list.count && rc == SL_OK; i++)
                if (names.list.items[i][0] && !find(ps, sl_str_c(names.list.items[i])))
                        rc = declare(ps, worker, names.list.items[i], err);
        if (rc != SL_OK) {
                sl_providers_free(ps);
                return rc;
        }
        add_builtin_env(ps);
        *ret = ps;
        return SL_OK;
}

void sl_providers_free(struct sl_providers *ps)
{
        if (!ps)
                return;
        for (struct provider *p = ps->first; p; p = p->next)
                pcre2_code_free(p->allowlist);
        sl_arena_free(&ps->arena);
        free(ps);
}

/* ---- resolve ---- */

/* The next reference at or behind *p, which moves behind it. */
static bool next_ref(const char **p, struct ref *ret)
{
        const char *open, *end;
        while ((open = strstr(*p, "${")) != NULL && (end = strchr(open, '}')) != NULL) {
                const char *in = open + 2;
                const char *colon = memchr(in, ':', (size_t)(end - in));
                *p = end + 1;
                if (!colon)
                        continue;
                const char *rest = colon + 1;
                const char *second = memchr(rest, ':', (size_t)(end - rest));
                const char *key = second ? second + 1 : rest;
                ret->whole = (struct sl_str){open, (size_t)(end + 1 - open)};
                ret->provider = (struct sl_str){in, (size_t)(colon - in)};
                ret->path = second ? (struct sl_str){rest, (size_t)(second - rest)} : SL_STR("");
                ret->key = (struct sl_str){key, (size_t)(end - key)};
                return true;
        }
        return false;
}

/* Context of one value, for messages. */
struct place {
        const char *config_key;
        const struct ref *ref;
        struct sl_arena *arena;
};
#define FAIL(place, err, fmt, ...)                                                                                     \
        sl_fail(err, SL_E_CONFIG_PROVIDER, "Configuration %s: %.*s can't be resolved: " fmt, (place)->config_key,      \
                SL_FMT((place)->ref->whole) __VA_OPT__(, ) __VA_ARGS__)

static enum sl_rc get_env(const struct provider *p, const struct place *at, struct sl_buf *out, struct sl_err *err)
{
        struct sl_str key = at->ref->key;
        if (at->ref->path.len)
                return FAIL(at, err, "an environment variable has no path. Write ${%s:%.*s}.", p->name, SL_FMT(key));
        if (p->allowlist) {
                pcre2_match_data *md = pcre2_match_data_create(1, NULL);
                int n = pcre2_match(p->allowlist, (PCRE2_SPTR)key.ptr, key.len, 0, 0, md, NULL);
                pcre2_match_data_free(md);
                if (n < 0)
                        return FAIL(at, err, "the worker's allowlist.pattern does not let %.*s through.", SL_FMT(key));
        }
        const char *value = getenv(sl_arena_strndup(at->arena, key.ptr, key.len));
        if (!value)
                return FAIL(at, err, "the environment variable %.*s is not set. Set it for the worker's process.",
                            SL_FMT(key));
        sl_buf_adds(out, value);
        return SL_OK;
}

static enum sl_rc check_path(const struct provider *p, const struct place *at, const char *path, struct sl_err *err)
{
        bool allowed = !p->allowed_paths.count;
        for (uint32_t i = 0; i < p->allowed_paths.count && !allowed; i++)
                allowed = is_under(path, p->allowed_paths.items[i]);
        if (!allowed)
                return FAIL(at, err, "%s is not under the worker's allowed.paths of provider %s.", path, p->name);
        return SL_OK;
}

static enum sl_rc get_file(const struct provider *p, const struct place *at, struct sl_buf *out, struct sl_err *err)
{
        const char *path = normalize(at->arena, sl_arena_strndup(at->arena, at->ref->path.ptr, at->ref->path.len));
        struct sl_props file = {0};
        struct sl_err why = {0};
        if (!path[0])
                return FAIL(at, err, "the path is missing. Write ${%s:/path/of/file:key}.", p->name);
        SL_TRY(check_path(p, at, path, err));
        enum sl_rc rc = SL_OK;
        if (sl_props_load(&file, path, &why) != SL_OK) {
                rc = FAIL(at, err, "Could not read properties from file %s. %s", path, why.msg);
        } else {
                const char *value =
                        sl_props_get(&file, sl_arena_strndup(at->arena, at->ref->key.ptr, at->ref->key.len));
                if (value)
                        sl_buf_adds(out, value);
                else
                        rc = FAIL(at, err, "%s has no key %.*s.", path, SL_FMT(at->ref->key));
        }
        sl_props_free(&file);
        return rc;
}

static enum sl_rc get_dir(const struct provider *p, const struct place *at, struct sl_buf *out, struct sl_err *err)
{
        struct sl_str key = at->ref->key;
        struct sl_err why = {0};
        const char *dir = normalize(at->arena, sl_arena_strndup(at->arena, at->ref->path.ptr, at->ref->path.len));
        if (!dir[0] || !key.len || memchr(key.ptr, '/', key.len) || sl_str_eqc(key, ".") || sl_str_eqc(key, ".."))
                return FAIL(at, err,
                            "a directory and the name of a file in it are needed. Write ${%s:/path/of/dir:file}.",
                            p->name);
        SL_TRY(check_path(p, at, dir, err));
        if (sl_textfile_read(sl_arena_printf(at->arena, "%s/%.*s", dir, SL_FMT(key)), out, &why) != SL_OK)
                return FAIL(at, err, "%s", why.msg);
        return SL_OK;
}

static enum sl_rc get(const struct provider *p, const struct place *at, struct sl_buf *out, struct sl_err *err)
{
        switch (p->kind) {
        case ENV:
                return get_env(p, at, out, err);
        case FILE_KEY:
                return get_file(p, at, out, err);
        case DIR_FILE:
                break;
        }
        return get_dir(p, at, out, err);
}

static enum sl_rc resolve_value(const struct sl_providers *ps, const char *key, const char *value,
                                struct sl_arena *arena, struct sl_buf *out, struct sl_err *err)
{
        const char *p = value, *done = value;
        struct ref ref;
        struct place at = {key, &ref, arena};
        while (next_ref(&p, &ref)) {
                const struct provider *provider = find(ps, ref.provider);
                if (!provider)
                        continue;
                sl_buf_add(out, done, (size_t)(ref.whole.ptr - done));
                SL_TRY(get(provider, &at, out, err));
                done = p;
        }
        sl_buf_adds(out, done);
        if (!sl_buf_ok(out))
                return sl_fail(err, SL_E_CONFIG_PROVIDER, "Configuration %s: the resolved value is too long.", key);
        return SL_OK;
}

enum sl_rc sl_providers_resolve(const struct sl_providers *ps, const struct sl_props *src, struct sl_props *dst,
                                struct sl_err *err)
{
        struct sl_props found = {0};
        struct sl_arena arena = {0};
        struct sl_buf text = {0};
        enum sl_rc rc = SL_OK;
        const char *key, *value;
        for (size_t i = 0; rc == SL_OK && sl_props_next(src, &i, &key, &value);) {
                sl_buf_clear(&text);
                if (value)
                        rc = resolve_value(ps, key, value, &arena, &text, err);
                if (rc == SL_OK)
                        sl_props_set(&found, key, value ? sl_buf_cstr(&text) : NULL);
        }
        if (rc == SL_OK)
                sl_props_copy(dst, &found);
        sl_buf_free(&text);
        sl_arena_free(&arena);
        sl_props_free(&found);
        return rc;
}
