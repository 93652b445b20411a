/* SPDX-License-Identifier: Apache-2.0 */
/* What cluster and rest ask of the plugins (struct sl_plugins in api/plugin.h): main fills it from the two plugin arrays and
 * plugload.c adds what plugin.path brings, tests fill it with their own, so that no folder below names a concrete plugin. All
 * functions are safe from any thread. */
#ifndef SL_CLUSTER_PLUGINS_H
#define SL_CLUSTER_PLUGINS_H
#include "api/plugin.h"

#define SL_KAFKA_COMPATIBLE "4.2.0" /* the Kafka Connect release whose REST, texts and topics are followed */

/* The connector that a class name or alias means: exactly one of the two outputs is set. SL_E_CONFIG with Connect's
 * sentence and the list of what there is. */
enum sl_rc sl_plugins_connector(const struct sl_plugins *pl, const char *given, const struct sl_source_ops **ret_source,
                                const struct sl_sink_ops **ret_sink, struct sl_err *err);
/* NULL = unknown. */
const struct sl_converter_ops *sl_plugins_converter(const struct sl_plugins *pl, const char *given);
/* The answer of GET /connector-plugins; owned by the caller. */
json_t *sl_plugins_json(const struct sl_plugins *pl, bool connectors_only);
/* The classes of that list of one type ("converter"), sorted: what Connect recommends. Owned by the caller. */
json_t *sl_plugins_classes(const struct sl_plugins *pl, const char *type);
/* The version that the list gives for a plugin; NULL = no such plugin. *ret_class: its whole class name. */
const char *sl_plugins_version(const struct sl_plugins *pl, const char *given, const char **ret_class);
/* The configuration tables of any plugin: for a connector the common table and its own, else its own and NULL.
 * false = no such plugin. */
bool sl_plugins_tables(const struct sl_plugins *pl, const char *given, const struct sl_cfg_def *ret[2]);
#endif
