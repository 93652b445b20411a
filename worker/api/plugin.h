/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin arrays (connectors/registry.c, transforms/registry.c) and look-up by the names users type: short name, Java class
 * name, Java simple name, simple name without its suffix Connector. */
#ifndef SL_API_PLUGIN_H
#define SL_API_PLUGIN_H
#include "api/connector.h"
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
#endif
