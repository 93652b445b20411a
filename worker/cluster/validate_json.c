/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of PUT .../config/validate, as Kafka Connect 4.2 gives it: the framework's keys in its order with its
 * groups, widths and names, then transforms, the connector's own keys, client overrides, converters. The tables know
 * types, defaults and texts; how Connect shows them is here. Checks nothing. */
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "cluster/validate.h"

#define JSON_CONVERTER "org.apache.kafka.connect.json.JsonConverter"
#define HEADER_CONVERTER "org.apache.kafka.connect.storage.SimpleHeaderConverter"

/* How Connect shows the keys of every connector. No type: a row of the tables has the rest. */
static const struct face {
        const char *name, *group;
        int order;
        const char *width, *display, *importance, *doc;
} faces[] = {
        {"name", "Common", 1, "MEDIUM", "Connector name", "HIGH", NULL},
        {"connector.class", "Common", 2, "LONG", "Connector class", "HIGH", NULL},
        {"connector.plugin.version", "Common", 3, "MEDIUM", "Connector version", "MEDIUM",
         "Version of the connector: there is one, the program's."},
        {"tasks.max", "Common", 4, "SHORT", "Tasks max", "HIGH", NULL},
        {"tasks.max.enforce", "Common", 5, "SHORT", "Enforce tasks max", "LOW", NULL},
        {"key.converter", "Common", 6, "SHORT", "Key converter class", "LOW", NULL},
        {"key.converter.plugin.version", "Common", 7, "SHORT", "Key converter version", "LOW",
         "Version of the key converter: there is one, the program's."},
        {"value.converter", "Common", 8, "SHORT", "Value converter class", "LOW", NULL},
        {"value.converter.plugin.version", "Common", 9, "SHORT", "Value converter version", "LOW",
         "Version of the value converter: there is one, the program's."},
        {"header.converter", "Common", 10, "SHORT", "Header converter class", "LOW", NULL},
        {"header.converter.plugin.version", "Common", 11, "SHORT", "Header converter version", "LOW",
         "Version of the header converter: there is one, the program's."},
        {"transforms", "Transforms", 12, "LONG", "Transforms", "LOW", NULL},
        {"predicates", "Predicates", 13, "LONG", "Predicates", "LOW", NULL},
        {"config.action.reload", "Common", 14, "MEDIUM", "Reload Action", "LOW", NULL},
        {"errors.retry.timeout", "Error Handling", 1, "MEDIUM", "Retry Timeout for Errors", "MEDIUM", NULL},
        {"errors.retry.delay.max.ms", "Error Handling", 2, "MEDIUM", "Maximum Delay Between Retries for Errors",
         "MEDIUM", NULL},
        {"errors.tolerance", "Error Handling", 3, "SHORT", "Error Tolerance", "MEDIUM", NULL},
        {"errors.log.enable", "Error Handling", 4, "SHORT", "Log Errors", "MEDIUM", NULL},
        {"errors.log.include.messages", "Error Handling", 5, "SHORT", "Log Error Details", "MEDIUM", NULL},
        {"topic.creation.groups", "Topic Creation", 1, "LONG", "Topic Creation Groups", "LOW", NULL},
        {"exactly.once.support", "Exactly Once Support", 2, "SHORT", "Exactly once support", "MEDIUM", NULL},
        {"transaction.boundary", "Exactly Once Support", 3, "SHORT", "Transaction Boundary", "MEDIUM", NULL},
        {"transaction.boundary.interval.ms", "Exactly Once Support", 4, "SHORT", "Transaction boundary interval", "LOW",
         NULL},
        {"offsets.storage.topic", "offsets.topic", 1, "LONG", "Offsets topic", "LOW", NULL},
        {"topics", "Common", 4, "LONG", "Topics", "HIGH", NULL},
        {"topics.regex", "Common", 4, "LONG", "Topics regex", "HIGH", NULL},
        {"errors.deadletterqueue.topic.name", "Error Handling", 6, "MEDIUM", "Dead Letter Queue Topic Name", "MEDIUM",
         NULL},
        {"errors.deadletterqueue.topic.replication.factor", "Error Handling", 7, "MEDIUM",
         "Dead Letter Queue Topic Replication Factor", "MEDIUM", NULL},
        {"errors.deadletterqueue.context.headers.enable", "Error Handling", 8, "MEDIUM",
         "Enable Error Context Headers", "MEDIUM", NULL},
};
#define FACES (sizeof(faces) / sizeof(faces[0]))

static void set_text(json_t *obj, const char *key, const char *value)
{
        json_object_set_new(obj, key, value ? json_string(value) : json_null());
}

/* An entry that no table has. */
static json_t *new_entry(const char *name, const char *type, const char *def, const char *value, const char *doc)
{
        json_t *entry = json_object(), *d = json_object(), *v = json_object();
        set_text(d, "name", name);
        set_text(d, "type", type);
        json_object_set_new(d, "required", json_false());
        set_text(d, "default_value", def);
        set_text(d, "importance", "LOW");
        set_text(d, "documentation", doc);
        set_text(d, "group", NULL);
        json_object_set_new(d, "order_in_group", json_integer(-1));
        set_text(d, "width", "NONE");
        set_text(d, "display_name", name);
        json_object_set_new(d, "dependents", json_array());
        set_text(v, "name", name);
        set_text(v, "value", value);
        json_object_set_new(v, "recommended_values", json_array());
        json_object_set_new(v, "errors", json_array());
        json_object_set_new(v, "visible", json_true());
        json_object_set_new(entry, "definition", d);
        json_object_set_new(entry, "value", v);
        return entry;
}

static void place(json_t *entry, const char *group, int order, const char *width, const char *display,
                  const char *importance)
{
        json_t *d = json_object_get(entry, "definition");
        set_text(d, "group", group);
        json_object_set_new(d, "order_in_group", json_integer(order));
        set_text(d, "width", width);
        set_text(d, "display_name", display);
        set_text(d, "importance", importance);
}

static const char *name_of(const json_t *entry)
{
        return json_string_value(json_object_get(json_object_get(entry, "value"), "name"));
}

/* The entry of a key, taken out of the list (owned by the caller); NULL = none. */
static json_t *take(json_t *list, const char *name)
{
        size_t i;
        json_t *entry;
        json_array_foreach(list, i, entry)
        {
                if (strcmp(name_of(entry), name) != 0)
                        continue;
                json_incref(entry);
                json_array_remove(list, i);
                return entry;
        }
        return NULL;
}

/* The one version of a plugin: default, value and only recommendation. */
static json_t *version_entry(const struct sl_validation *v, const char *name, const char *version, const char *doc)
{
        const char *given = sl_props_get(&v->resolved, name);
        json_t *entry = new_entry(name, "STRING", version, given ? given : version, doc);
        json_array_append_new(json_object_get(json_object_get(entry, "value"), "recommended_values"),
                              json_string(version));
        return entry;
}

/* Classes are shown by their whole names; what is no class has no value. */
static void show_class(const struct sl_validation *v, json_t *entry, const char *type, const char *full)
{
        json_t *value = json_object_get(entry, "value");
        set_text(value, "value", full);
        json_object_set_new(value, "recommended_values", sl_plugins_classes(v->opts.plugins, type));
}

static void show_converter(const struct sl_validation *v, json_t *entry, const char *key, bool header)
{
        const struct sl_plugins *pl = v->opts.plugins;
        const char *own = sl_props_get(&v->resolved, key);
        const char *worker = v->opts.worker ? sl_props_get(v->opts.worker, key) : NULL;
        const struct sl_converter_ops *ops = own ? sl_plugins_converter(pl, own) : NULL;
        const struct sl_converter_ops *above = worker ? sl_plugins_converter(pl, worker) : NULL;
        const char *def = above ? above->aliases[0] : header ? HEADER_CONVERTER : JSON_CONVERTER;
        set_text(json_object_get(entry, "definition"), "default_value", def);
        show_class(v, entry, header ? "header_converter" : "converter", ops ? ops->aliases[0] : own ? NULL : def);
}

static json_t *face_entry(const struct sl_validation *v, const struct face *f, json_t *rows)
{
        json_t *entry = take(rows, f->name);
        bool own_version = strcmp(f->name, "connector.plugin.version") == 0;
        if (f->doc) {
                json_decref(entry);
                entry = version_entry(v, f->name,
                                      !own_version ? SL_KAFKA_COMPATIBLE
                                      : v->source  ? v->source->version
                                                   : v->sink->version,
                                      f->doc);
        }
        if (!entry)
                return NULL;
        place(entry, f->group, f->order, f->width, f->display, f->importance);
        size_t n = strlen(f->name);
        if (n > 10 && strcmp(f->name + n - 10, ".converter") == 0)
                show_converter(v, entry, f->name, f->name[0] == 'h');
        return entry;
}

static void append(json_t *list, json_t *entry)
{
        if (entry)
                json_array_append_new(list, entry);
}

/* The whole class name of what is given; NULL = unknown. */
static const char *part_class(const struct sl_validation *v, bool predicate, const char *given)
{
        const struct sl_transform_ops *t = given && !predicate ? sl_plugins_transform(v->opts.plugins, given) : NULL;
        const struct sl_predicate_ops *p = given && predicate ? sl_plugins_predicate(v->opts.plugins, given) : NULL;
        if (t)
                return t->aliases ? t->aliases[0] : t->name;
        return p ? p->aliases[0] : NULL;
}

/* A transform's or predicate's entries: type and version first; the others are in their order already. */
static void add_part(const struct sl_validation *v, bool predicate, json_t *rows, json_t *list)
{
        size_t i;
        json_t *entry;
        json_array_foreach(rows, i, entry)
        {
                const char *name = name_of(entry), *given_group = json_string_value(json_object_get(
                                                           json_object_get(entry, "definition"), "group"));
                char group[300]; /* place() puts another string where given_group is */
                snprintf(group, sizeof(group), "%.250s", given_group);
                const char *alias = strchr(group, ' ') + 1;
                const json_t *bare = json_object_get(json_object_get(entry, "definition"), "display_name");
                const json_t *weight = json_object_get(json_object_get(entry, "definition"), "importance");
                char text[300];
                json_array_append(list, entry);
                if (i > 0) {
                        place(entry, group, (int)i + 1, "NONE", json_string_value(bare), json_string_value(weight));
                        continue;
                }
                const char *given = sl_props_get(&v->resolved, name);
                const char *class = part_class(v, predicate, given);
                const char *kind = predicate ? "Predicate" : "Transformation";
                snprintf(text, sizeof(text), "%s type for %.200s", kind, alias);
                place(entry, group, 0, "LONG", text, "HIGH");
                show_class(v, entry, predicate ? "predicate" : "transformation", class);
                if (!class)
                        continue;
                snprintf(text, sizeof(text), "%s.%.200s.plugin.version", predicate ? "predicates" : "transforms", alias);
                json_t *version = version_entry(v, text, sl_plugins_version(v->opts.plugins, class, &class),
                                                predicate ? "There is one version of each predicate."
                                                          : "There is one version of each transform.");
                snprintf(text, sizeof(text), "%s version for %.200s", kind, alias);
                place(version, group, 1, "LONG", text, "HIGH");
                append(list, version);
        }
}

/* Overrides of clients that the connector has. */
static void add_overrides(const struct sl_validation *v, json_t *list)
{
        bool dlq = v->common.dlq_topic && *v->common.dlq_topic;
        const struct {
                const char *prefix;
                bool used;
        } clients[] = {{"producer.override.", v->source || dlq},
                       {"consumer.override.", true},
                       {"admin.override.", true}};
        for (size_t c = 0; c < 3; c++) {
                const char *key, *value;
                size_t n = strlen(clients[c].prefix);
                for (size_t i = 0; sl_props_next(&v->resolved, &i, &key, &value);) {
                        if (!value || !clients[c].used || strncmp(key, clients[c].prefix, n) != 0)
                                continue;
                        bool secret = sl_cfg_is_secret(NULL, 0, key);
                        json_t *entry = new_entry(key, secret ? "PASSWORD" : "STRING", NULL,
                                                  secret ? "[hidden]" : value, "");
                        set_text(json_object_get(entry, "definition"), "display_name", key + n);
                        append(list, entry);
                }
        }
}

static json_t *table_json(const struct sl_validation *v, enum sl_vtable_kind kind, json_t *into)
{
        for (uint32_t t = 0; t < v->ntables; t++) {
                if (v->tables[t].kind != kind)
                        continue;
                json_t *rows = sl_cfg_validate_json(v->tables[t].defs, "", &v->resolved, &v->report);
                if (kind == SL_VTABLE_TRANSFORM || kind == SL_VTABLE_PREDICATE)
                        add_part(v, kind == SL_VTABLE_PREDICATE, rows, into);
                else
                        json_array_extend(into, rows);
                json_decref(rows);
        }
        return into;
}

/* Keys that were shown, each once; errors of keys that no table has come first, without a definition, as in Connect. */
static json_t *finish(const struct sl_validation *v, const json_t *entries)
{
        json_t *shown = json_object(), *extra = json_object(), *list = json_array(), *entry;
        size_t n;
        json_array_foreach(entries, n, entry) if (!json_object_get(shown, name_of(entry)))
                json_object_set(shown, name_of(entry), entry);
        for (uint32_t i = 0; i < v->report.count; i++) {
                const struct sl_cfg_finding *f = &v->report.findings[i];
                if (f->warning || !f->key)
                        continue;
                entry = json_object_get(shown, f->key);
                bool known = entry != NULL;
                if (!known && !(entry = json_object_get(extra, f->key))) {
                        entry = new_entry(f->key, "STRING", NULL, NULL, "");
                        json_object_set_new(entry, "definition", json_null());
                        json_object_set_new(extra, f->key, entry);
                }
                json_t *errors = json_object_get(json_object_get(entry, "value"), "errors");
                if (!known || strstr(f->key, ".override."))
                        json_array_append_new(errors, json_string(f->text));
        }
        const char *key;
        json_object_foreach(extra, key, entry) json_array_append(list, entry);
        json_object_foreach(shown, key, entry) json_array_append(list, entry);
        json_decref(shown);
        json_decref(extra);
        return list;
}

static json_t *groups_of(const json_t *entries)
{
        json_t *groups = json_array(), *seen = json_object(), *entry;
        size_t i;
        json_array_foreach(entries, i, entry)
        {
                const char *group = json_string_value(json_object_get(json_object_get(entry, "definition"), "group"));
                if (!group || json_object_get(seen, group))
                        continue;
                json_object_set_new(seen, group, json_true());
                json_array_append_new(groups, json_string(group));
        }
        json_decref(seen);
        return groups;
}

json_t *sl_validation_json(const struct sl_validation *v, const char *name)
{
        json_t *entries = json_array(), *common = table_json(v, SL_VTABLE_COMMON, json_array());
        for (size_t i = 0; i < FACES; i++)
                append(entries, face_entry(v, &faces[i], common));
        json_array_extend(entries, common); /* ours */
        table_json(v, SL_VTABLE_TRANSFORM, entries);
        table_json(v, SL_VTABLE_PREDICATE, entries);
        table_json(v, SL_VTABLE_OWN, entries);
        add_overrides(v, entries);
        table_json(v, SL_VTABLE_CONVERTER, entries);
        json_t *configs = finish(v, entries), *out = json_object();
        json_object_set_new(out, "name", json_string(name));
        json_object_set_new(out, "error_count", json_integer(v->report.errors));
        json_object_set_new(out, "groups", groups_of(configs));
        json_object_set_new(out, "configs", configs);
        json_decref(common);
        json_decref(entries);
        return out;
}

json_t *sl_plugin_definitions_json(const struct sl_plugins *pl, const char *given)
{
        const struct sl_cfg_def *tables[2];
        json_t *list, *row;
        size_t i;
        if (!sl_plugins_tables(pl, given, tables))
                return NULL;
        bool connector = tables[1] != NULL;
        json_t *own = sl_cfg_definitions_json(tables[connector ? 1 : 0]);
        json_t *common = connector ? sl_cfg_definitions_json(tables[0]) : json_array();
        const struct sl_converter_ops *converter = connector ? NULL : sl_plugins_converter(pl, given);
        list = json_array();
        if (converter && strcmp(converter->name, "SimpleHeaderConverter") != 0) {
                json_t *entry = new_entry("converter.type", "STRING", NULL, NULL, "How this converter will be used.");
                json_t *d = json_object_get(entry, "definition");
                json_object_set_new(d, "required", json_true());
                json_array_append(list, d);
                json_decref(entry);
        }
        json_array_extend(list, own);
        for (size_t k = 0; k < FACES; k++)
                json_array_foreach(common, i, row)
                {
                        if (strcmp(json_string_value(json_object_get(row, "name")), faces[k].name) != 0)
                                continue;
                        json_t *entry = json_object();
                        json_object_set(entry, "definition", row);
                        place(entry, faces[k].group, faces[k].order, faces[k].width, faces[k].display,
                              faces[k].importance);
                        json_array_append(list, row);
                        json_decref(entry);
                        json_array_remove(common, i);
                        break;
                }
        json_array_extend(list, common);
        json_decref(own);
        json_decref(common);
        return list;
}
