/* SPDX-License-Identifier: Apache-2.0 */
/* The common connector keys as tables (names, defaults and texts of Kafka Connect 4.2's ConnectorConfig family). */
#include "pipeline/conncfg.h"

#include <strings.h>

#include "pipeline/topics.h"

static const struct sl_cfg_enum tolerances[] = {{"none", SL_TOLERATE_NONE, NULL}, {"all", SL_TOLERATE_ALL, NULL}, {0}};

static const struct sl_cfg_enum reloads[] = {{"none", 0, NULL}, {"restart", 1, NULL}, {0}};
/* The order of Connect's error text. */
static const struct sl_cfg_enum supports[] = {{"REQUIRED", true, NULL}, {"REQUESTED", false, NULL}, {0}};
static const struct sl_cfg_enum boundaries[] = {{"INTERVAL", SL_BOUNDARY_INTERVAL, NULL},
                                                {"POLL", SL_BOUNDARY_POLL, NULL},
                                                {"CONNECTOR", SL_BOUNDARY_CONNECTOR, NULL},
                                                {0}};

#define T struct sl_conn_cfg
#define COMMON_KEYS                                                                                                   \
        {SL_CFG_STR(T, name, "name"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,                                \
         .group = "Common", .display = "Connector name", .doc = "Globally unique name of this connector."},           \
                {SL_CFG_STR(T, connector_class, "connector.class"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,  \
                 .group = "Common", .display = "Connector class",                                                     \
                 .doc = "Name or alias of the connector; Java class names are understood."},                          \
                {SL_CFG_INT(T, tasks_max, "tasks.max"), .def = "1", .flags = SL_CFG_HAS_MIN, .min = 1,                \
                 .importance = SL_HIGH, .group = "Common", .display = "Tasks max",                                    \
                 .doc = "Maximum number of tasks. A source has one; a sink starts this many."},                       \
                {SL_CFG_NONE("tasks.max.enforce", SL_CFG_T_BOOLEAN), .def = "true", .flags = SL_CFG_IGNORED,          \
                 .group = "Common", .doc = "No connector here makes more tasks than tasks.max."},                     \
                {SL_CFG_CLASS(T, key_converter, "key.converter"), .group = "Common",                                  \
                 .display = "Key converter class", .doc = "Converter of keys; the worker's if not set."},             \
                {SL_CFG_CLASS(T, value_converter, "value.converter"), .group = "Common",                              \
                 .display = "Value converter class", .doc = "Converter of values; the worker's if not set."},         \
                {SL_CFG_CLASS(T, header_converter, "header.converter"), .group = "Common",                            \
                 .display = "Header converter class", .doc = "Converter of headers; the worker's if not set."},       \
                {SL_CFG_NONE("key.converter.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},             \
                {SL_CFG_NONE("value.converter.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},           \
                {SL_CFG_NONE("header.converter.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},          \
                {SL_CFG_LIST(T, transforms, "transforms"), .def = "", .group = "Transforms", .display = "Transforms", \
                 .doc = "Aliases of the transforms to run, in order."},                                               \
                {SL_CFG_NONE("transforms.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},                \
                {SL_CFG_LIST(T, predicates, "predicates"), .def = "", .group = "Predicates", .display = "Predicates", \
                 .doc = "Aliases of the predicates that transforms can name."},                                       \
                {SL_CFG_NONE("predicates.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},                \
                {SL_CFG_NONE("config.action.reload", SL_CFG_T_ENUM), .values = reloads, .def = "restart",             \
                 .flags = SL_CFG_IGNORED,                                                                             \
                 .group = "Common", .doc = "Providers here (env, file, dir) have no time to live: nothing to reload."}, \
                {SL_CFG_LONG(T, retry_timeout_ms, "errors.retry.timeout"), .def = "0",                                \
                 .importance = SL_MEDIUM, .group = "Error Handling", .display = "Retry Timeout for Errors", \
                 .doc = "How long, in milliseconds, a failed operation on a record is tried again; -1 = forever."},   \
                {SL_CFG_LONG(T, retry_delay_max_ms, "errors.retry.delay.max.ms"), .def = "60000",                     \
                 .flags = SL_CFG_HAS_MIN, .min = 1, .importance = SL_MEDIUM, .group = "Error Handling",               \
                 .display = "Maximum Delay Between Retries for Errors", .doc = "Longest pause between two tries."},   \
                {SL_CFG_ENUM(T, tolerance, "errors.tolerance", tolerances), .def = "none", .importance = SL_MEDIUM,   \
                 .group = "Error Handling", .display = "Error Tolerance",                                             \
                 .doc = "none: a record that fails stops the task. all: it is skipped, and dead-lettered by sinks "   \
                        "that have a dead-letter topic."},                                                            \
                {SL_CFG_BOOL(T, log_errors, "errors.log.enable"), .def = "false", .importance = SL_MEDIUM,            \
                 .group = "Error Handling", .display = "Log Errors", .doc = "Log each failed record."},               \
                {SL_CFG_BOOL(T, log_messages, "errors.log.include.messages"), .def = "false",                         \
                 .importance = SL_MEDIUM, .group = "Error Handling", .display = "Log Error Details",                  \
                 .doc = "Add topic, partition, offset and timestamp of the record to the log line."},                 \
                {SL_CFG_LONG(T, memory_bytes, "sluice.task.memory.bytes"), .def = "33554432",                         \
                 .flags = SL_CFG_HAS_MIN, .min = 4 << 20, .importance = SL_MEDIUM, .group = "Sluice",                 \
                 .doc = "Budget of one task for rows and queues. Over it the line stops reading."},                   \
                {SL_CFG_INT(T, restart_max, "sluice.task.restart.max"), .def = "-1", .flags = SL_CFG_HAS_MIN,         \
                 .min = -1, .importance = SL_MEDIUM, .group = "Sluice",                                               \
                 .doc = "How often in a row a task restarts by itself after a transient failure; -1 = no limit, "     \
                        "0 = Connect's behaviour: the task stays FAILED."},                                           \
        {                                                                                                             \
                SL_CFG_NONE("connector.plugin.version", SL_CFG_T_STRING), .flags = SL_CFG_IGNORED, .group = "Common", \
                        .doc = "There is one version of each plugin: the program's."                                  \
        }

const struct sl_cfg_def sl_source_common_defs[] = {
        COMMON_KEYS,
        {SL_CFG_LIST(T, creation_groups, "topic.creation.groups"), .def = "", .group = "Topic Creation",
         .display = "Topic Creation Groups",
         .doc = "Groups of new topics that differ from the default group (topic.creation.default.*): the first group "
                "whose include matches the topic and whose exclude does not. No topic.creation.* keys: the broker's "
                "auto-creation makes topics."},
        {SL_CFG_NONE("topic.creation.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},
        {SL_CFG_ENUM(T, eos_required, "exactly.once.support", supports), .def = "requested",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_MEDIUM, .group = "Exactly Once Support",
         .display = "Exactly once support",
         .doc = "required: refuse the connector on a worker with exactly.once.source.support=disabled."},
        {SL_CFG_ENUM(T, boundary, "transaction.boundary", boundaries), .def = "poll", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_MEDIUM, .group = "Exactly Once Support", .display = "Transaction Boundary",
         .doc = "When a Kafka transaction ends: poll (after each batch), interval (transaction.boundary.interval.ms) or "
                "connector (only where a transaction of the database ends). Not set: when the source is drained, or by "
                "sluice.transaction.interval.ms and sluice.transaction.bytes."},
        {SL_CFG_LONG(T, boundary_ms, "transaction.boundary.interval.ms"), .flags = SL_CFG_HAS_MIN, .min = 0,
         .group = "Exactly Once Support", .display = "Transaction boundary interval",
         .doc = "With transaction.boundary=interval; the worker's offset.flush.interval.ms if not set."},
        {SL_CFG_STR(T, offsets_topic, "offsets.storage.topic"), .flags = SL_CFG_NONEMPTY, .group = "Offsets Topic",
         .display = "Offsets topic",
         .doc = "A topic of its own for this connector's offsets; made if it is missing. Offsets are read from it and "
                "from the worker's topic (this one wins) and written to both."},
        {SL_CFG_STR(T, dlq_topic, "sluice.errors.deadletterqueue.topic.name"), .def = "", .importance = SL_MEDIUM,
         .group = "Error Handling", .display = "Dead Letter Queue Topic Name",
         .doc = "Topic for changes that can't be converted or transformed (with errors.tolerance=all): the raw bytes "
                "and where they came from. Empty = none."},
        {SL_CFG_INT(T, dlq_replication, "sluice.errors.deadletterqueue.topic.replication.factor"), .def = "3",
         .group = "Error Handling", .display = "Dead Letter Queue Topic Replication Factor",
         .doc = "Used when that topic has to be created."},
        {SL_CFG_BOOL(T, dlq_headers, "sluice.errors.deadletterqueue.context.headers.enable"), .def = "true",
         .group = "Error Handling", .display = "Enable Error Context Headers",
         .doc = "Add __connect.errors.* and __sluice.source.* headers."},
        {SL_CFG_LONG(T, txn_interval_ms, "sluice.transaction.interval.ms"), .def = "250", .flags = SL_CFG_HAS_MIN,
         .min = 1, .group = "Sluice",
         .doc = "A busy source commits its Kafka transaction at least this often; a drained one at once."},
        {SL_CFG_LONG(T, txn_bytes, "sluice.transaction.bytes"), .def = "67108864", .flags = SL_CFG_HAS_MIN,
         .min = 1 << 16, .group = "Sluice", .doc = "... or after this many bytes of encoded records."},
        {SL_CFG_NONE("producer.override.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},
        {SL_CFG_NONE("consumer.override.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},
        {SL_CFG_NONE("admin.override.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},
        {0}};

const struct sl_cfg_def sl_sink_common_defs[] = {
        COMMON_KEYS,
        {SL_CFG_LIST(T, topics, "topics"), .def = "", .importance = SL_HIGH, .group = "Common", .display = "Topics",
         .doc = "Topics to read, separated by commas."},
        {SL_CFG_STR(T, topics_regex, "topics.regex"), .def = "", .importance = SL_HIGH, .group = "Common",
         .display = "Topics regex", .doc = "Java regular expression of the topics to read; instead of topics."},
        {SL_CFG_STR(T, dlq_topic, "errors.deadletterqueue.topic.name"), .def = "", .importance = SL_MEDIUM,
         .group = "Error Handling", .display = "Dead Letter Queue Topic Name",
         .doc = "Topic for records that failed (with errors.tolerance=all). Empty = none."},
        {SL_CFG_SHORT(T, dlq_replication, "errors.deadletterqueue.topic.replication.factor"), .def = "3",
         .importance = SL_MEDIUM, .group = "Error Handling", .display = "Dead Letter Queue Topic Replication Factor",
         .doc = "Used when the dead-letter topic has to be created."},
        {SL_CFG_BOOL(T, dlq_headers, "errors.deadletterqueue.context.headers.enable"), .def = "false",
         .importance = SL_MEDIUM, .group = "Error Handling", .display = "Enable Error Context Headers",
         .doc = "Add __connect.errors.* headers that say what failed and why."},
        {SL_CFG_BOOL(T, replay_topic, "sluice.replay.topic.enable"), .def = "true", .importance = SL_LOW,
         .group = "Sluice",
         .doc = "Read __sluice.replay.<connector> too, when it exists: what `sluice dlq replay --to connector:<connector>` "
                "sends to this connector only."},
        {SL_CFG_NONE("producer.override.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},
        {SL_CFG_NONE("consumer.override.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},
        {SL_CFG_NONE("admin.override.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},
        {0}};

enum sl_boundary sl_source_boundary(const struct sl_conn_cfg *common, const struct sl_props *config)
{
        return sl_props_get(config, "transaction.boundary") ? (enum sl_boundary)common->boundary : SL_BOUNDARY_ADAPTIVE;
}

bool sl_worker_exactly_once(const struct sl_props *worker)
{
        const char *support = sl_props_get(worker, "exactly.once.source.support");
        return !support || strcasecmp(support, "disabled") != 0;
}

void sl_source_check(const struct sl_conn_cfg *common, const struct sl_props *config, bool own_boundaries, bool exactly_once,
                     struct sl_cfg_report *r)
{
        static const char off[] = "This worker does not have exactly-once source support enabled.";
        if (common->eos_required && !exactly_once)
                sl_cfg_add_error(r, "exactly.once.support", "%s", off);
        if (sl_source_boundary(common, config) == SL_BOUNDARY_CONNECTOR) {
                if (!exactly_once)
                        sl_cfg_add_error(r, "transaction.boundary", "%s", off);
                else if (!own_boundaries)
                        sl_cfg_add_error(r, "transaction.boundary",
                                         "The connector does not support connector-defined transaction boundaries with the "
                                         "given configuration. Please reconfigure it to use a different transaction "
                                         "boundary definition.");
        }
        sl_topics_check(common, config, r);
}
