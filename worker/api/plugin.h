/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin arrays (connectors/registry.c, transforms/registry.c), look-up by the names users type (short name, Java class
 * name, Java simple name, simple name without its suffix Connector), and what a shared object brings that is loaded from
 * plugin.path. */
#ifndef SL_API_PLUGIN_H
#define SL_API_PLUGIN_H
#include "api/connector.h"
#include "api/converter.h"
#include "api/predicate.h"
#include "api/transform.h"

extern const struct sl_source_ops *const sl_sources[];       /* NULL-terminated; connectors/registry.c */
extern const struct sl_sink_ops *const sl_sinks[];           /* NULL-terminated; connectors/registry.c */
extern const struct sl_transform_ops *const sl_transforms[]; /* NULL-terminated; transforms/registry.c */

/* Does `given` name the plugin (name, aliases)? suffix: "Connector" for connectors, "" otherwise. */
static inline bool sl_plugin_named(const char *name, const char *const *aliases, const char *suffix, const char *given)
{
        if (strchr(given, '$') ? strchr(given, '.') == NULL : strcmp(name, given) == 0)
                return !strchr(given, '$'); /* an inner class has only its whole name */
        for (; aliases && *aliases; aliases++) {
                const char *simple = strrchr(*aliases, '.');
                simple = simple ? simple + 1 : *aliases;
                size_t n = strlen(simple), s = strlen(suffix);
                if (strcmp(*aliases, given) == 0 || strcmp(simple, given) == 0)
                        return true;
                if (s && n > s && strcmp(simple + n - s, suffix) == 0 && strlen(given) == n - s &&
                    strncmp(simple, given, n - s) == 0)
                        return true;
        }
        return false;
}

/* All plugins there are, as data: the built-in ones and behind them those that were loaded. Never changes after start: any thread. */
struct sl_plugins {
        const struct sl_source_ops *const *sources; /* each NULL-terminated */
        const struct sl_sink_ops *const *sinks;
        const struct sl_transform_ops *const *transforms;
        const struct sl_converter_ops *const *converters;
        const struct sl_predicate_ops *const *predicates; /* NULL = none */
};
/* NULL = unknown. */
static inline const struct sl_transform_ops *sl_plugins_transform(const struct sl_plugins *pl, const char *given)
{
        for (size_t i = 0; pl->transforms[i]; i++)
                if (sl_plugin_named(pl->transforms[i]->name, pl->transforms[i]->aliases, "", given))
                        return pl->transforms[i];
        return NULL;
}
static inline const struct sl_predicate_ops *sl_plugins_predicate(const struct sl_plugins *pl, const char *given)
{
        for (size_t i = 0; pl->predicates && pl->predicates[i]; i++)
                if (sl_plugin_named(pl->predicates[i]->name, pl->predicates[i]->aliases, "", given))
                        return pl->predicates[i];
        return NULL;
}

/* What a shared object in a directory of plugin.path exports, under the name sl_plugin_v1:
 *   const struct sl_plugin sl_plugin_v1 = {SL_PLUGIN_HEAD, .name = "acme", .version = "1.0", .transforms = all};
 * It is refused when it was built against other headers than the program: build it again then. */
#define SL_PLUGIN_ABI 2
#define SL_PLUGIN_LAYOUT                                                                                             \
        (uint32_t)(sizeof(struct sl_transform_ops) * 1000003 ^ sizeof(struct sl_predicate_ops) * 10007 ^             \
                   sizeof(struct sl_record) * 1009 ^ sizeof(struct sl_schema) * 101 ^ sizeof(struct sl_cfg_def) * 11 ^ \
                   sizeof(struct sl_err))
#define SL_PLUGIN_HEAD .abi = SL_PLUGIN_ABI, .size = sizeof(struct sl_plugin), .layout = SL_PLUGIN_LAYOUT
struct sl_plugin {
        uint32_t abi, size, layout;
        const char *name, *version;
        const struct sl_transform_ops *const *transforms; /* NULL-terminated; NULL = none */
        const struct sl_predicate_ops *const *predicates; /* NULL-terminated; NULL = none */
};
#endif
