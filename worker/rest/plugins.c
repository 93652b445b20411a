/* SPDX-License-Identifier: Apache-2.0 */
/* /connector-plugins: the list, a plugin's definitions, and validation of a config. */
#include <string.h>
#include "base/json.h"
#include "cluster/validate.h"
#include "rest/route.h"

void sl_rest_plugins_list(struct sl_rest_call *c)
{
        bool only = sl_rest_query_bool(c, "connectorsOnly", true);
        sl_rest_json(c, 200, sl_plugins_json(sl_herder_options(c->h)->plugins, only));
}

/* There is one version of each plugin. A range ("[4.0,5.0)") is taken as one that has it: nothing else could be meant. */
static bool version_fits(struct sl_rest_call *c, const char *plugin)
{
        struct sl_buf asked = {0};
        const char *class = NULL, *version = sl_plugins_version(sl_herder_options(c->h)->plugins, plugin, &class);
        bool given = sl_rest_query(c, "version", 0, &asked) && asked.len;
        const char *text = sl_buf_cstr(&asked);
        bool fits = !given || !version || strcmp(text, version) == 0 || strcasecmp(text, "latest") == 0 ||
                    strpbrk(text, "[](),") != NULL;
        if (!fits)
                sl_rest_fail(c, 400,
                             "Plugin %s not found that matches the version range [%s,%s], available versions: [%s]",
                             class, text, text, version);
        sl_buf_free(&asked);
        return fits;
}

void sl_rest_plugin_config(struct sl_rest_call *c)
{
        const char *plugin = c->segments[1];
        if (!version_fits(c, plugin))
                return;
        json_t *list = sl_plugin_definitions_json(sl_herder_options(c->h)->plugins, plugin);
        if (list)
                sl_rest_json(c, 200, list);
        else
                sl_rest_fail(c, 404, "Unknown plugin %s.", plugin);
}

static size_t without_connector(const char *name)
{
        size_t n = strlen(name), s = strlen("Connector");
        return n > s && strcmp(name + n - s, "Connector") == 0 ? n - s : n;
}

/* Connect compares the ends of the two names; short names of our own mean the same plugin without being an end. */
static bool type_matches(const struct sl_plugins *pl, const char *body, const char *path)
{
        size_t nb = without_connector(body), np = without_connector(path);
        if (nb >= np && strncmp(body + nb - np, path, np) == 0)
                return true;
        const struct sl_source_ops *source[2] = {NULL, NULL};
        const struct sl_sink_ops *sink[2] = {NULL, NULL};
        return sl_plugins_connector(pl, body, &source[0], &sink[0], NULL) == SL_OK &&
               sl_plugins_connector(pl, path, &source[1], &sink[1], NULL) == SL_OK && source[0] == source[1] &&
               sink[0] == sink[1];
}

void sl_rest_plugin_validate(struct sl_rest_call *c)
{
        const struct sl_herder_opts *ho = sl_herder_options(c->h);
        const struct sl_worker_cfg *cfg = ho->cfg;
        json_t *body = NULL;
        struct sl_props config = {0}, stored = {0};
        struct sl_err err = {0};
        struct sl_validation v = {0};
        if (!sl_rest_text_body(c, &body))
                return;
        if (sl_props_from_json(&config, body, &err) != SL_OK) {
                sl_rest_fail(c, 500, "%s", err.msg);
        } else {
                const char *class = sl_props_get(&config, "connector.class"), *name = sl_props_get(&config, "name");
                struct sl_validate_opts opts = {
                        .plugins = ho->plugins,
                        .providers = cfg->providers,
                        .worker = &cfg->props,
                        .worker_group = cfg->distributed ? cfg->group_id : NULL,
                        .override_policy = cfg->override_policy,
                };
                if (name && sl_herder_config(c->h, name, &stored))
                        sl_config_unmask(ho->plugins, &config, &stored);
                if (class && !type_matches(ho->plugins, class, c->segments[1]))
                        sl_rest_fail(c, 400, "Included connector type %s does not match request type %s", class,
                                     c->segments[1]);
                else if (sl_validate(&opts, &config, &v, &err) != SL_OK)
                        sl_rest_fail(c, 500, "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: %s",
                                     err.msg);
                else
                        sl_rest_json(c, 200, sl_validation_json(&v, class));
        }
        sl_validation_free(&v);
        sl_props_free(&config);
        sl_props_free(&stored);
        json_decref(body);
}
