/* SPDX-License-Identifier: Apache-2.0 */
/* Look-up and listing of plugins (see plugins.h). The order of the list is Connect's: sinks, sources, transformations,
 * predicates, converters, header converters. Every Java class name that a plugin answers to is listed, because deployment tools
 * check the list for the class they are about to post. */
#include "cluster/plugins.h"
#include "base/json.h"
#include "pipeline/conncfg.h"
#include "pipeline/hint.h"

static void list_classes(struct sl_buf *out, const char *name, const char *const *aliases)
{
        for (size_t i = 0; aliases && aliases[i]; i++)
                sl_buf_printf(out, "%s%s", out->len ? ", " : "", aliases[i]);
        sl_buf_printf(out, "%s%s", out->len ? ", " : "", name);
}

enum sl_rc sl_plugins_connector(const struct sl_plugins *pl, const char *given, const struct sl_source_ops **ret_source,
                                const struct sl_sink_ops **ret_sink, struct sl_err *err)
{
        for (size_t i = 0; pl->sources[i]; i++) {
                if (!sl_plugin_named(pl->sources[i]->name, pl->sources[i]->aliases, "Connector", given))
                        continue;
                *ret_source = pl->sources[i];
                *ret_sink = NULL;
                return SL_OK;
        }
        for (size_t i = 0; pl->sinks[i]; i++) {
                if (!sl_plugin_named(pl->sinks[i]->name, pl->sinks[i]->aliases, "Connector", given))
                        continue;
                *ret_sink = pl->sinks[i];
                *ret_source = NULL;
                return SL_OK;
        }
        struct sl_buf names = {0};
        for (size_t i = 0; pl->sources[i]; i++)
                list_classes(&names, pl->sources[i]->name, pl->sources[i]->aliases);
        for (size_t i = 0; pl->sinks[i]; i++)
                list_classes(&names, pl->sinks[i]->name, pl->sinks[i]->aliases);
        enum sl_rc rc = sl_fail(err, SL_E_CONFIG,
                                "Failed to find any class that implements Connector and which name matches %.200s, "
                                "available connectors are: %s",
                                given, sl_buf_cstr(&names));
        sl_buf_clear(&names);
        sl_buf_addc(&names, '.');
        sl_hint_add(pl, SL_HINT_CONNECTOR, given, &names);
        sl_err_detail(err, sl_buf_cstr(&names));
        sl_buf_free(&names);
        return rc;
}

const struct sl_converter_ops *sl_plugins_converter(const struct sl_plugins *pl, const char *given)
{
        for (size_t i = 0; pl->converters[i]; i++)
                if (sl_plugin_named(pl->converters[i]->name, pl->converters[i]->aliases, "Converter", given))
                        return pl->converters[i];
        return NULL;
}

/* Connect's list has no number converters, though they can be used. */
static bool is_listed(const char *class)
{
        static const char *const hidden[] = {"Short", "Integer", "Long", "Float", "Double"};
        static const char prefix[] = "org.apache.kafka.connect.converters.";
        for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
                if (strncmp(class, prefix, sizeof(prefix) - 1) == 0 &&
                    strncmp(class + sizeof(prefix) - 1, hidden[i], strlen(hidden[i])) == 0)
                        return false;
        return true;
}

/* A row for every class name, into its place by name among those that begin at `first`. */
static void add_plugin(json_t *list, size_t first, const char *const *aliases, const char *name, const char *type,
                       const char *version)
{
        for (size_t i = 0; i == 0 || (aliases && aliases[i]); i++) {
                const char *class = aliases && aliases[i] ? aliases[i] : name;
                size_t at = first;
                if (!is_listed(class))
                        continue;
                while (at < json_array_size(list) && strcmp(sl_json_str(json_array_get(list, at), "class"), class) < 0)
                        at++;
                json_t *row = json_object();
                json_object_set_new(row, "class", json_string(class));
                json_object_set_new(row, "type", json_string(type));
                if (version)
                        json_object_set_new(row, "version", json_string(version));
                json_array_insert_new(list, at, row);
        }
}

/* Of a transform or predicate: what Java's class says. */
static const char *version_of(const struct sl_plugin *plugin, const char *const *aliases)
{
        static const char debezium[] = "io.debezium.";
        if (plugin)
                return plugin->version;
        return aliases && strncmp(aliases[0], debezium, sizeof(debezium) - 1) == 0 ? SL_DEBEZIUM_COMPATIBLE : SL_KAFKA_COMPATIBLE;
}

json_t *sl_plugins_json(const struct sl_plugins *pl, bool connectors_only)
{
        json_t *list = json_array();
        for (size_t i = 0; pl->sinks[i]; i++)
                add_plugin(list, 0, pl->sinks[i]->aliases, pl->sinks[i]->name, "sink", pl->sinks[i]->version);
        size_t n = json_array_size(list);
        for (size_t i = 0; pl->sources[i]; i++)
                add_plugin(list, n, pl->sources[i]->aliases, pl->sources[i]->name, "source", pl->sources[i]->version);
        if (connectors_only)
                return list;
        n = json_array_size(list);
        for (size_t i = 0; pl->transforms[i]; i++)
                add_plugin(list, n, pl->transforms[i]->aliases, pl->transforms[i]->name, "transformation",
                           version_of(pl->transforms[i]->plugin, pl->transforms[i]->aliases));
        n = json_array_size(list);
        for (size_t i = 0; pl->predicates && pl->predicates[i]; i++)
                add_plugin(list, n, pl->predicates[i]->aliases, pl->predicates[i]->name, "predicate",
                           version_of(pl->predicates[i]->plugin, pl->predicates[i]->aliases));
        for (int header = 0; header < 2; header++) {
                n = json_array_size(list);
                for (size_t i = 0; pl->converters[i]; i++) {
                        const struct sl_converter_ops *c = pl->converters[i];
                        if (header ? c->header : strcmp(c->name, "SimpleHeaderConverter") != 0)
                                add_plugin(list, n, c->aliases, c->name, header ? "header_converter" : "converter",
                                           SL_KAFKA_COMPATIBLE);
                }
        }
        return list;
}

json_t *sl_plugins_classes(const struct sl_plugins *pl, const char *type)
{
        json_t *all = sl_plugins_json(pl, false), *list = json_array(), *row;
        size_t i;
        json_array_foreach(all, i, row) if (strcmp(sl_json_str(row, "type"), type) == 0)
                json_array_append(list, json_object_get(row, "class"));
        json_decref(all);
        return list;
}

const char *sl_plugins_version(const struct sl_plugins *pl, const char *given, const char **ret_class)
{
        const struct sl_source_ops *source = NULL;
        const struct sl_sink_ops *sink = NULL;
        const char *const *aliases = NULL;
        const char *version = SL_KAFKA_COMPATIBLE, *name = given;
        if (sl_plugins_connector(pl, given, &source, &sink, NULL) == SL_OK) {
                aliases = source ? source->aliases : sink->aliases;
                version = source ? source->version : sink->version;
        } else if (sl_plugins_transform(pl, given)) {
                aliases = sl_plugins_transform(pl, given)->aliases;
                version = version_of(sl_plugins_transform(pl, given)->plugin, aliases);
        } else if (sl_plugins_predicate(pl, given)) {
                aliases = sl_plugins_predicate(pl, given)->aliases;
                version = version_of(sl_plugins_predicate(pl, given)->plugin, aliases);
        } else if (sl_plugins_converter(pl, given)) {
                aliases = sl_plugins_converter(pl, given)->aliases;
        } else {
                return NULL;
        }
        *ret_class = aliases && aliases[0] ? aliases[0] : name;
        return version;
}

bool sl_plugins_tables(const struct sl_plugins *pl, const char *given, const struct sl_cfg_def *ret[2])
{
        const struct sl_source_ops *source = NULL;
        const struct sl_sink_ops *sink = NULL;
        ret[0] = ret[1] = NULL;
        if (sl_plugins_connector(pl, given, &source, &sink, NULL) == SL_OK) {
                ret[0] = source ? sl_source_common_defs : sl_sink_common_defs;
                ret[1] = source ? source->config : sink->config;
                return true;
        }
        const struct sl_transform_ops *transform = sl_plugins_transform(pl, given);
        const struct sl_predicate_ops *predicate = sl_plugins_predicate(pl, given);
        const struct sl_converter_ops *converter = sl_plugins_converter(pl, given);
        if (transform)
                ret[0] = transform->config;
        else if (predicate)
                ret[0] = predicate->config;
        else if (converter)
                ret[0] = converter->config;
        return transform || predicate || converter;
}
