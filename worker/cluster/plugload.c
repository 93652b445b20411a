/* SPDX-License-Identifier: Apache-2.0 */
/* Loading of plugins (see plugload.h, and api/plugin.h for what one exports). Their structs are copied, to mark whose
 * they are; everything they point at stays the shared object's, which is never unloaded. */
#include "cluster/plugload.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/guard.h"

#define KEY "plugin.path"
#define SYMBOL "sl_plugin_v1"

/* Append one pointer to a NULL-terminated array; the old array stays for who reads it. */
static const void *const *append(struct sl_arena *a, const void *const *list, const void *one)
{
        size_t n = 0;
        while (list && list[n])
                n++;
        const void **copy = sl_arena_alloc(a, (n + 2) * sizeof(*copy));
        if (n)
                memcpy(copy, list, n * sizeof(*copy));
        copy[n] = one;
        copy[n + 1] = NULL;
        return copy;
}

/* One of the names by which a plugin is called that belongs to another one already; NULL = none. */
static const char *taken(const struct sl_plugins *pl, bool transform, const char *name, const char *const *aliases)
{
        for (size_t i = 0; i == 0 || aliases[i - 1]; i++) {
                const char *whole = i ? aliases[i - 1] : name, *simple = strrchr(whole, '.');
                simple = simple ? simple + 1 : whole;
                if (transform ? sl_plugins_transform(pl, whole) || sl_plugins_transform(pl, simple)
                              : sl_plugins_predicate(pl, whole) || sl_plugins_predicate(pl, simple))
                        return whole;
        }
        return NULL;
}

/* Is one of the structs usable? False: said why not. */
static bool check_part(const struct sl_plugins *pl, const char *path, bool transform, const char *name,
                       const char *const *aliases, bool complete, struct sl_cfg_report *report)
{
        const char *kind = transform ? "transform" : "predicate";
        if (!name || !aliases || !aliases[0] || !complete) {
                sl_cfg_add_error(report, KEY,
                                 "%s is refused: its %s %s lacks a name, aliases, a config table or its call", path,
                                 kind, name ? name : "without name");
                return false;
        }
        const char *clash = taken(pl, transform, name, aliases);
        if (clash)
                sl_cfg_add_error(report, KEY, "%s is refused: there is a %s %s already; give its own another name",
                                 path, kind, clash);
        return !clash;
}

/* All of a plugin, or nothing of it. */
static void add_plugin(struct sl_plugin_set *set, const char *path, const struct sl_plugin *plugin,
                       struct sl_cfg_report *report)
{
        struct sl_plugins all = set->all;
        for (size_t i = 0; plugin->transforms && plugin->transforms[i]; i++) {
                struct sl_transform_ops *ops = sl_arena_alloc(&set->arena, sizeof(*ops));
                *ops = *plugin->transforms[i];
                if (!check_part(&all, path, true, ops->name, ops->aliases, ops->apply && ops->config, report))
                        return;
                ops->plugin = plugin;
                ops->hook = true;
                all.transforms = (const struct sl_transform_ops *const *)append(
                        &set->arena, (const void *const *)all.transforms, ops);
        }
        for (size_t i = 0; plugin->predicates && plugin->predicates[i]; i++) {
                struct sl_predicate_ops *ops = sl_arena_alloc(&set->arena, sizeof(*ops));
                *ops = *plugin->predicates[i];
                if (!check_part(&all, path, false, ops->name, ops->aliases, ops->test && ops->config, report))
                        return;
                ops->plugin = plugin;
                all.predicates = (const struct sl_predicate_ops *const *)append(
                        &set->arena, (const void *const *)all.predicates, ops);
        }
        set->all = all;
        sl_guard_install();
}

static void load(struct sl_plugin_set *set, const char *path, struct sl_cfg_report *report)
{
        void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        const struct sl_plugin *plugin = handle ? dlsym(handle, SYMBOL) : NULL;
        if (!handle)
                sl_cfg_add_error(report, KEY, "%s is refused: %s", path, dlerror());
        else if (!plugin)
                sl_cfg_add_error(report, KEY, "%s is refused: it exports no %s, so it is no plugin for Sluice", path,
                                 SYMBOL);
        else if (plugin->abi != SL_PLUGIN_ABI)
                sl_cfg_add_error(report, KEY,
                                 "%s is refused: it has the plugin ABI number %u and this program has %u: build it "
                                 "again with the headers of Sluice " SLUICE_VERSION,
                                 path, plugin->abi, SL_PLUGIN_ABI);
        else if (plugin->size != sizeof(*plugin) || plugin->layout != SL_PLUGIN_LAYOUT)
                sl_cfg_add_error(
                        report, KEY,
                        "%s is refused: it was built with other headers than this program: build it again with "
                        "those of Sluice " SLUICE_VERSION,
                        path);
        else if (!plugin->name || !plugin->version)
                sl_cfg_add_error(report, KEY, "%s is refused: its sl_plugin_v1 lacks name or version", path);
        else
                add_plugin(set, path, plugin, report);
}

static bool ends_in(const char *name, const char *suffix)
{
        size_t n = strlen(name), s = strlen(suffix);
        return n > s && strcmp(name + n - s, suffix) == 0;
}

static int is_shared_object(const struct dirent *e)
{
        return ends_in(e->d_name, ".so");
}

static int is_archive(const struct dirent *e)
{
        return ends_in(e->d_name, ".jar");
}

static void load_dir(struct sl_plugin_set *set, const char *dir, struct sl_cfg_report *report)
{
        struct dirent **names = NULL;
        int n = scandir(dir, &names, is_shared_object, alphasort);
        if (n < 0)
                sl_cfg_add_warning(report, KEY, "The directory %s of plugin.path can't be read: %s", dir,
                                   strerror(errno));
        for (int i = 0; i < n; i++) {
                load(set, sl_arena_printf(&set->arena, "%s/%s", dir, names[i]->d_name), report);
                free(names[i]);
        }
        free(names);
        int jars = scandir(dir, &names, is_archive, alphasort);
        for (int i = 0; i < jars; i++)
                free(names[i]);
        if (jars >= 0)
                free(names);
        if (jars > 0)
                sl_cfg_add_warning(report, KEY, "%d Java archives in %s are left out: Java plugins can't be loaded",
                                   jars, dir);
}

void sl_plugin_set_load(struct sl_plugin_set *set, const struct sl_plugins *built_in, const struct sl_cfg_list *dirs,
                        struct sl_cfg_report *report)
{
        set->all = *built_in;
        sl_arena_init(&set->arena, 4096);
        for (uint32_t i = 0; i < dirs->count; i++)
                if (*dirs->items[i])
                        load_dir(set, dirs->items[i], report);
}

void sl_plugin_set_free(struct sl_plugin_set *set)
{
        sl_arena_free(&set->arena);
        *set = (struct sl_plugin_set){0};
}
