/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the worker's keys and its loading (see workercfg.h). Names, defaults and meanings are those of Kafka
 * Connect 4.2's WorkerConfig, RestServerConfig, DistributedConfig and StandaloneConfig; a default that differs says so
 * in its doc. Keys of Kafka clients (security.*, sasl.*, ssl.*, timeouts) are only known here: worker/kafka translates
 * them. */
#include "cluster/workercfg.h"
#include <stdlib.h>
#include <string.h>
#include "kafka/client.h"
#include "pipeline/task.h"

#define T struct sl_worker_cfg
#define JSON_CONVERTER "org.apache.kafka.connect.json.JsonConverter"
#define CLIENT(key)                                                                                                    \
        {                                                                                                              \
                SL_CFG_NONE(key, SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN                              \
        }
#define CLIENT_KEY(key)                                                                                                \
        {                                                                                                              \
                SL_CFG_NONE(key, SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN                                              \
        }
static const struct sl_cfg_enum exactly_once[] = {{"DISABLED", 0, NULL}, {"ENABLED", 0, NULL}, {"PREPARING", 0, NULL}, {0}};

#define NO_EFFECT(key, why)                                                                                            \
        {                                                                                                              \
                SL_CFG_NONE(key, SL_CFG_T_STRING), .flags = SL_CFG_IGNORED, .group = "Accepted", .doc = why            \
        }
#define NUMBER_NO_EFFECT(key, value, why)                                                                              \
        {                                                                                                              \
                SL_CFG_NONE(key, SL_CFG_T_INT), .def = value, .flags = SL_CFG_IGNORED, .group = "Accepted", .doc = why \
        }
#define NO_JVM "There is no JVM here; the metrics are at GET /metrics."
#define NO_PROTOCOL "Workers here don't use Connect's rebalance protocol."
#define ONE_VERSION "There is one version of each plugin: the program's."
#define NO_KEYS "Workers here don't sign requests to each other."

static const struct sl_cfg_enum discoveries[] = {
        {"ONLY_SCAN", 0, NULL}, {"SERVICE_LOAD", 0, NULL}, {"HYBRID_WARN", 0, NULL}, {"HYBRID_FAIL", 0, NULL}, {0}};
static const struct sl_cfg_enum protocols[] = {
        {"eager", 0, NULL}, {"compatible", 0, NULL}, {"sessioned", 0, NULL}, {0}};
static const struct sl_cfg_enum levels[] = {{"INFO", 0, NULL}, {"DEBUG", 0, NULL}, {0}};

const struct sl_cfg_def sl_worker_defs[] = {
        {SL_CFG_LIST(T, bootstrap, "bootstrap.servers"), .def = "localhost:9092", .importance = SL_HIGH,
         .group = "Kafka", .doc = "Addresses of the Kafka brokers."},
        {SL_CFG_STR(T, group_id, "group.id"), .importance = SL_HIGH, .group = "Cluster",
         .doc = "Name of the cluster of workers. Set: distributed worker; not set: standalone worker."},
        {SL_CFG_CLASS(T, key_converter, "key.converter"), .def = JSON_CONVERTER, .importance = SL_HIGH,
         .group = "Converters", .doc = "Converter of keys for connectors that set none."},
        {SL_CFG_CLASS(T, value_converter, "value.converter"), .def = JSON_CONVERTER, .importance = SL_HIGH,
         .group = "Converters", .doc = "Converter of values for connectors that set none."},
        {SL_CFG_CLASS(T, header_converter, "header.converter"),
         .def = "org.apache.kafka.connect.storage.SimpleHeaderConverter", .group = "Converters",
         .doc = "Converter of headers for connectors that set none."},
        {SL_CFG_STR(T, config_topic, "config.storage.topic"), .importance = SL_HIGH, .group = "Cluster",
         .doc = "Compacted topic that holds connector configs. Required with group.id."},
        {SL_CFG_INT(T, config_replication, "config.storage.replication.factor"), .def = "3", .group = "Cluster",
         .doc = "Used when the topic has to be created; -1 = the broker's default."},
        {SL_CFG_STR(T, offset_topic, "offset.storage.topic"), .importance = SL_HIGH, .group = "Cluster",
         .doc = "Compacted topic that holds source offsets. Required with group.id; a standalone worker keeps its "
                "offsets in a topic too, connect-offsets unless this says otherwise."},
        {SL_CFG_INT(T, offset_replication, "offset.storage.replication.factor"), .def = "3", .group = "Cluster",
         .doc = "Used when the topic has to be created; -1 = the broker's default, which a standalone worker uses."},
        {SL_CFG_INT(T, offset_partitions, "offset.storage.partitions"), .def = "25", .group = "Cluster",
         .doc = "Used when the topic has to be created."},
        {SL_CFG_STR(T, status_topic, "status.storage.topic"), .importance = SL_HIGH, .group = "Cluster",
         .doc = "Compacted topic that holds connector and task states. Required with group.id."},
        {SL_CFG_INT(T, status_replication, "status.storage.replication.factor"), .def = "3", .group = "Cluster",
         .doc = "Used when the topic has to be created; -1 = the broker's default."},
        {SL_CFG_INT(T, status_partitions, "status.storage.partitions"), .def = "5", .group = "Cluster",
         .doc = "Used when the topic has to be created."},
        CLIENT("config.storage."),
        CLIENT("offset.storage."),
        CLIENT("status.storage."),
        {SL_CFG_STR(T, offset_file, "offset.storage.file.filename"), .group = "Cluster",
         .doc = "Accepted from standalone workers' files: the offsets live in a Kafka topic (offset.storage.topic), so "
                "that rows and offsets are one transaction; the file is neither read nor written."},
        {SL_CFG_LONG(T, shutdown_ms, "task.shutdown.graceful.timeout.ms"), .def = "5000", .flags = SL_CFG_HAS_MIN,
         .group = "Worker", .doc = "How long all tasks together may take to end, in milliseconds."},
        {SL_CFG_LIST(T, listeners, "listeners"), .def = "http://127.0.0.1:8083", .group = "REST",
         .doc = "Addresses of the REST server, http://host:port or https://host:port. An empty host means all "
                "interfaces. Differs from Connect's default (all interfaces) because REST can do everything and by "
                "default asks nobody who they are."},
        {SL_CFG_STR(T, advertised_host, "rest.advertised.host.name"), .group = "REST",
         .doc = "Host name in worker_id and Location, when it isn't the listener's."},
        {SL_CFG_INT(T, advertised_port, "rest.advertised.port"), .def = "0", .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .max = 65535, .group = "REST", .doc = "Port in worker_id and Location; 0 = the listener's."},
        {SL_CFG_STR(T, advertised_listener, "rest.advertised.listener"), .group = "REST",
         .doc = "http or https: the scheme that others are told. Not set: http when there is such a listener."},
        {SL_CFG_LIST(T, admin_listeners, "admin.listeners"), .group = "REST",
         .doc = "Not set: /admin is served on the listeners. Empty: it is off. Otherwise /admin is served on these "
                "addresses and only there; no password is asked for on them, as in Connect."},
        {SL_CFG_LIST(T, metrics_listeners, "sluice.metrics.listeners"), .group = "REST",
         .doc = "Not set: /metrics is served on the listeners. Otherwise on these addresses and only there, without "
                "a password; empty: it is off."},
        {SL_CFG_LIST(T, cors_origins, "access.control.allow.origin"), .def = "", .group = "REST",
         .doc = "Origins that browsers may call from (CORS): regular expressions, or *. Empty = off."},
        {SL_CFG_LIST(T, cors_methods, "access.control.allow.methods"), .def = "", .group = "REST",
         .doc = "Methods that browsers may use (CORS); empty = GET, POST, HEAD."},
        {SL_CFG_LIST(T, rest_extensions, "rest.extension.classes"), .def = "", .group = "REST",
         .doc = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension asks for user and "
                "password; other extensions are Java classes and are refused."},
        {SL_CFG_STR(T, jaas_config, "sluice.rest.jaas.config"), .group = "REST",
         .doc = "Where the users are: a JAAS file with a section KafkaConnect, or the line of its login module, "
                "ending in a semicolon. Not set: -Djava.security.auth.login.config=FILE in KAFKA_OPTS, "
                "JAVA_TOOL_OPTIONS or JDK_JAVA_OPTIONS is read."},
        {SL_CFG_STR(T, response_headers, "response.http.headers.config"), .def = "", .group = "REST",
         .doc = "Headers for every answer: [set|add|setDate|addDate] name:value, separated by commas; an item with "
                "commas stands in double quotes."},
        {SL_CFG_LONG(T, rest_idle_ms, "sluice.rest.idle.timeout.ms"), .def = "30000", .flags = SL_CFG_HAS_MIN,
         .min = 1, .group = "REST", .doc = "How long a connection may go without a whole request head."},
        {SL_CFG_LONG(T, rest_request_ms, "sluice.rest.request.timeout.ms"), .def = "60000", .flags = SL_CFG_HAS_MIN,
         .min = 1, .group = "REST",
         .doc = "How long a request's body may take to arrive, and its answer to be taken."},
        {SL_CFG_INT(T, rest_connections, "sluice.rest.max.connections"), .def = "256",
         .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .min = 4, .max = 4096, .group = "REST",
         .doc = "Connections at a time. When there are more, the one that has kept the server waiting longest is "
                "closed."},
        CLIENT("listeners.https."),
        CLIENT("admin.listeners.https."),
        {SL_CFG_STR(T, override_policy, "connector.client.config.override.policy"), .def = "All", .group = "Worker",
         .doc = "Which producer.override.*, consumer.override.* and admin.override.* keys connectors may set: All, None, "
                "Principal (security.protocol, sasl.mechanism, sasl.jaas.config) or Allowlist."},
        {SL_CFG_NONE("connector.client.config.override.allowlist", SL_CFG_T_LIST), .def = "", .group = "Worker",
         .doc = "With policy Allowlist: the keys, without producer.override. and its kind."},
        {SL_CFG_SECRET(T, alert_url, "sluice.dlq.alert.webhook.url"), .group = "Dead letters",
         .doc = "Alarms about the topics that connectors sluice.dlq of this worker look after are posted here as JSON. "
                "Not set: none are."},
        {SL_CFG_LONG(T, alert_interval_ms, "sluice.dlq.alert.interval.ms"), .def = "15000",
         .flags = SL_CFG_HAS_MIN, .min = 100, .group = "Dead letters", .doc = "How often alarms are judged."},
        {SL_CFG_LONG(T, alert_open, "sluice.dlq.alert.open.letters"), .def = "1000", .flags = SL_CFG_HAS_MIN,
         .min = -1, .group = "Dead letters", .doc = "Fires when a topic has more open dead letters; -1 = never."},
        {SL_CFG_LONG(T, alert_oldest_s, "sluice.dlq.alert.oldest.seconds"), .def = "86400", .flags = SL_CFG_HAS_MIN,
         .min = -1, .group = "Dead letters", .doc = "Fires when a topic's oldest open dead letter is older; -1 = never."},
        {SL_CFG_LONG(T, alert_retention_s, "sluice.dlq.alert.retention.left.seconds"), .def = "86400",
         .flags = SL_CFG_HAS_MIN, .min = -1, .group = "Dead letters",
         .doc = "Fires when retention may delete an open dead letter sooner than that; -1 = never."},
        {SL_CFG_LONG(T, alert_new_s, "sluice.dlq.alert.new.failure.seconds"), .def = "900", .flags = SL_CFG_HAS_MIN,
         .min = -1, .group = "Dead letters",
         .doc = "Fires when a topic gets a failure that it did not have before, for so long; -1 = never."},
        {SL_CFG_BOOL(T, topic_tracking, "topic.tracking.enable"), .def = "true", .group = "Worker",
         .doc = "Serve GET /connectors/x/topics."},
        {SL_CFG_BOOL(T, topic_tracking_reset, "topic.tracking.allow.reset"), .def = "true", .group = "Worker",
         .doc = "Serve PUT /connectors/x/topics/reset."},
        {SL_CFG_NONE("config.providers", SL_CFG_T_LIST), .def = "", .group = "Worker",
         .doc = "Names of the configuration providers. env is always there; file and dir only when named here."},
        CLIENT("config.providers."),
        NO_EFFECT("key.converter.plugin.version", ONE_VERSION),
        NO_EFFECT("value.converter.plugin.version", ONE_VERSION),
        NO_EFFECT("header.converter.plugin.version", ONE_VERSION),
        CLIENT("key.converter."),
        CLIENT("value.converter."),
        CLIENT("header.converter."),
        CLIENT("producer."),
        CLIENT("consumer."),
        CLIENT("admin."),
        CLIENT("sasl."),
        CLIENT("ssl."),
        CLIENT("sluice."),
        CLIENT("metrics.context."),
        CLIENT_KEY("security.protocol"),
        NO_EFFECT("client.id", "The clients of the worker itself have names of their own."),
        CLIENT_KEY("client.dns.lookup"),
        CLIENT_KEY("client.rack"),
        CLIENT_KEY("request.timeout.ms"),
        CLIENT_KEY("metadata.max.age.ms"),
        CLIENT_KEY("connections.max.idle.ms"),
        CLIENT_KEY("send.buffer.bytes"),
        CLIENT_KEY("receive.buffer.bytes"),
        CLIENT_KEY("reconnect.backoff.ms"),
        CLIENT_KEY("reconnect.backoff.max.ms"),
        CLIENT_KEY("retry.backoff.ms"),
        CLIENT_KEY("retry.backoff.max.ms"),
        CLIENT_KEY("socket.connection.setup.timeout.ms"),
        CLIENT_KEY("socket.connection.setup.timeout.max.ms"),
        CLIENT_KEY("metadata.recovery.strategy"),
        CLIENT_KEY("metadata.recovery.rebootstrap.trigger.ms"),
        CLIENT_KEY("security.providers"),
        {SL_CFG_INT(T, session_ms, "session.timeout.ms"), .def = "10000", .flags = SL_CFG_HAS_MIN, .min = 1000,
         .group = "Cluster", .doc = "A worker that is silent for so long has lost its tasks to the others."},
        {SL_CFG_INT(T, heartbeat_ms, "heartbeat.interval.ms"), .def = "3000", .flags = SL_CFG_HAS_MIN, .min = 100,
         .group = "Cluster", .doc = "How often a worker shows that it lives; at most a third of session.timeout.ms."},
        {SL_CFG_INT(T, rebalance_timeout_ms, "rebalance.timeout.ms"), .def = "60000", .flags = SL_CFG_HAS_MIN,
         .min = 1, .group = "Cluster",
         .doc = "A task that moves waits so long for its old worker to end it; then it starts and fences the old one. A "
                "rebalance waits so long for a worker that does not join it, and a worker for the answer to its joining (at "
                "least session.timeout.ms)."},
        {SL_CFG_LONG(T, rebalance_delay_ms, "scheduled.rebalance.max.delay.ms"), .def = "0", .flags = SL_CFG_HAS_MIN,
         .group = "Cluster",
         .doc = "How long the tasks of a lost worker wait for it to come back. Differs from Connect's default "
                "(5 minutes): a restarted worker gets its tasks back without waiting here, because it is the same member."},
        {SL_CFG_NONE("offset.flush.interval.ms", SL_CFG_T_LONG), .def = "60000", .flags = SL_CFG_HAS_MIN, .min = 0,
         .group = "Worker",
         .doc = "Default of a source's transaction.boundary.interval.ms. Offsets are otherwise stored with the rows, in the "
                "same Kafka transaction."},
        NO_EFFECT("offset.flush.timeout.ms", "Offsets are stored with the rows, in the same Kafka transaction."),
        {SL_CFG_LIST(T, plugin_path, "plugin.path"), .group = "Worker",
         .doc = "Directories whose shared objects (*.so) are loaded as plugins (docs/hooks.md). Java archives in them are left "
                "out: Java plugins can't be loaded."},
        {SL_CFG_NONE("plugin.discovery", SL_CFG_T_ENUM), .values = discoveries, .def = "hybrid_warn",
         .flags = SL_CFG_IGNORED | SL_CFG_CASE_INSENSITIVE, .group = "Accepted", .doc = "All plugins are built in."},
        {SL_CFG_NONE("topic.creation.enable", SL_CFG_T_BOOLEAN), .def = "true", .group = "Worker",
         .doc = "Let source connectors with topic.creation.* keys make their topics. false: those keys have no effect."},
        {SL_CFG_NONE("exactly.once.source.support", SL_CFG_T_ENUM), .values = exactly_once, .def = "enabled",
         .flags = SL_CFG_CASE_INSENSITIVE, .group = "Worker",
         .doc = "Exactly-once for sources is on unless this says disabled (Connect's default). preparing is as good as "
                "enabled."},
        {SL_CFG_NONE("connect.protocol", SL_CFG_T_ENUM), .values = protocols, .def = "sessioned", .flags = SL_CFG_IGNORED,
         .group = "Accepted", .doc = NO_PROTOCOL},
        NUMBER_NO_EFFECT("worker.sync.timeout.ms", "3000", NO_PROTOCOL),
        NUMBER_NO_EFFECT("worker.unsync.backoff.ms", "300000", NO_PROTOCOL),
        NUMBER_NO_EFFECT("inter.worker.key.ttl.ms", "3600000", NO_KEYS),
        NO_EFFECT("inter.worker.key.generation.algorithm", NO_KEYS),
        NUMBER_NO_EFFECT("inter.worker.key.size", NULL, NO_KEYS),
        NO_EFFECT("inter.worker.signature.algorithm", NO_KEYS),
        NO_EFFECT("inter.worker.verification.algorithms", NO_KEYS),
        NO_EFFECT("metric.reporters", NO_JVM),
        {SL_CFG_NONE("metrics.sample.window.ms", SL_CFG_T_LONG), .def = "30000", .flags = SL_CFG_HAS_MIN, .min = 1,
         .group = "Metrics", .doc = "Length of one sample of rates, averages and largest values, in milliseconds."},
        {SL_CFG_NONE("metrics.num.samples", SL_CFG_T_INT), .def = "2", .flags = SL_CFG_HAS_MIN, .min = 1,
         .group = "Metrics", .doc = "Number of samples that rates, averages and largest values are made of; at most 100."},
        {SL_CFG_NONE(SL_KAFKA_STATS_KEY, SL_CFG_T_INT), .def = SL_KAFKA_STATS_DEFAULT,
         .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .max = 86400000, .group = "Metrics",
         .doc = "How often the Kafka clients of tasks measure themselves (kafka_producer_*, kafka_consumer_*), in "
                "milliseconds; 0 = never. In an idle worker these measurements cost more than all the rest."},
        {SL_CFG_NONE("metrics.recording.level", SL_CFG_T_ENUM), .values = levels, .def = "INFO", .flags = SL_CFG_IGNORED,
         .group = "Accepted", .doc = NO_JVM},
        NO_EFFECT("auto.include.jmx.reporter", NO_JVM),
        {SL_CFG_NONE("internal.key.converter", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_IGNORED,
         .doc = "Removed in Kafka 3.0."},
        {SL_CFG_NONE("internal.value.converter", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_IGNORED,
         .doc = "Removed in Kafka 3.0."},
        {0}};

static enum sl_rc read_sources(const struct sl_worker_cfg_opts *opts, struct sl_props *raw, struct sl_err *err)
{
        if (opts->path)
                SL_TRY(sl_props_load(raw, opts->path, err));
        sl_worker_env_read(opts->env, raw);
        for (const char *const *s = opts->sets; s && *s; s++) {
                const char *eq = strchr(*s, '=');
                if (!eq || eq == *s)
                        return sl_fail(err, SL_E_CONFIG, "--set needs key=value");
                char *key = sl_strndup(*s, (size_t)(eq - *s));
                sl_props_set(raw, key, eq + 1);
                free(key);
        }
        return SL_OK;
}

/* Java images hand the JAAS file to the JVM: -Djava.security.auth.login.config=PATH, perhaps in quotes. */
static const char *java_login_config(char *const *env, struct sl_arena *arena)
{
        static const char *const variables[] = {"KAFKA_OPTS=", "JAVA_TOOL_OPTIONS=", "JDK_JAVA_OPTIONS="};
        static const char option[] = "-Djava.security.auth.login.config=";
        for (char *const *e = env; e && *e; e++)
                for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
                        bool is = strncmp(*e, variables[i], strlen(variables[i])) == 0;
                        const char *p = is ? strstr(*e, option) : NULL;
                        if (!p)
                                continue;
                        char before = p[-1];
                        p += strlen(option);
                        p += *p == '='; /* "==" replaces Java's own login files, which we don't read */
                        bool opened = before == '"' || before == '\'';
                        if (!opened && (*p == '"' || *p == '\'')) {
                                before = *p++;
                                opened = true;
                        }
                        size_t n = opened ? strcspn(p, (char[2]){before}) : strcspn(p, " \t");
                        return sl_arena_strndup(arena, p, n);
                }
        return NULL;
}

/* An empty value of a key that we refuse asks for nothing. */
static void drop_empty_unsupported(struct sl_props *props)
{
        for (const struct sl_cfg_def *d = sl_worker_defs; d->name; d++) {
                const char *value = sl_props_get(props, d->name);
                if (d->unsupported && value && !value[strspn(value, " \t")])
                        sl_props_remove(props, d->name);
        }
}

static void default_to(struct sl_props *props, const char *key, const char *value)
{
        if (value && !sl_props_get(props, key))
                sl_props_set(props, key, value);
}

static void check_mode(struct sl_worker_cfg *cfg, struct sl_cfg_report *r)
{
        static const char *const needed[] = {"config.storage.topic", "offset.storage.topic", "status.storage.topic"};
        cfg->distributed = cfg->group_id && *cfg->group_id;
        for (size_t i = 0; cfg->distributed && i < 3; i++) {
                const char *value = sl_props_get(&cfg->props, needed[i]);
                if (!value || !*value)
                        sl_cfg_add_error(r, needed[i],
                                         "Missing required configuration \"%s\" which has no default value.",
                                         needed[i]);
        }
        if (cfg->distributed)
                return;
        if (cfg->offset_file && *cfg->offset_file)
                sl_cfg_add_warning(
                        r, "offset.storage.file.filename",
                        "source offsets are kept in the Kafka topic '%s', not in a file; the file is not used",
                        cfg->offset_topic ? cfg->offset_topic : SL_OFFSET_TOPIC_STANDALONE);
        if (!cfg->offset_topic || !*cfg->offset_topic)
                cfg->offset_topic = SL_OFFSET_TOPIC_STANDALONE;
        if (!sl_props_get(&cfg->props, "offset.storage.replication.factor"))
                cfg->offset_replication = -1;
        default_to(&cfg->props, SL_OFFSET_TOPIC_KEY, cfg->offset_topic);
}

static void check_listeners(const struct sl_cfg_list *list, const char *key, struct sl_cfg_report *r)
{
        for (uint32_t i = 0; i < list->count; i++) {
                struct sl_listener l;
                struct sl_err err = {0};
                if (sl_listener_parse(list->items[i], &l, &err) != SL_OK)
                        sl_cfg_add_error(r, key, "Invalid value %s for configuration %s: %s", list->items[i], key,
                                         err.msg);
        }
}

static void check_rest(struct sl_worker_cfg *cfg, struct sl_cfg_report *r)
{
        if (cfg->listeners.count == 0)
                sl_cfg_add_error(r, "listeners", "Invalid value [] for configuration listeners: Empty list");
        check_listeners(&cfg->listeners, "listeners", r);
        check_listeners(&cfg->admin_listeners, "admin.listeners", r);
        check_listeners(&cfg->metrics_listeners, "sluice.metrics.listeners", r);
        cfg->admin_apart = sl_props_has(&cfg->props, "admin.listeners");
        cfg->metrics_apart = sl_props_has(&cfg->props, "sluice.metrics.listeners");
        const char *scheme = cfg->advertised_listener;
        if (scheme && *scheme && strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
                sl_cfg_add_error(r, "rest.advertised.listener",
                                 "Invalid value %s for configuration rest.advertised.listener: it is http or https",
                                 scheme);
}

const char *sl_worker_policy(const char *given)
{
        static const char package[] = "org.apache.kafka.connect.connector.policy.", class[] = "ConnectorClientConfigOverridePolicy";
        static const char *const names[] = {"All", "None", "Principal", "Allowlist"};
        if (!given)
                return "All";
        if (strncmp(given, package, sizeof(package) - 1) == 0)
                given += sizeof(package) - 1;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                size_t n = strlen(names[i]);
                if (strncmp(given, names[i], n) == 0 && (!given[n] || strcmp(given + n, class) == 0))
                        return names[i];
        }
        return NULL;
}

/* Connect's "Positive number, or -1 to use the broker's default". */
static void check_count(int32_t value, const char *key, bool replication, struct sl_cfg_report *r)
{
        if (value == -1 || value > 0)
                return;
        sl_cfg_add_error(r, key, "Invalid value %d for configuration %s: %s", value, key,
                         replication ? "Replication factor must be positive and not larger than the number of brokers "
                                       "in the Kafka cluster, or -1 to use the broker's default"
                                     : "Number of partitions must be positive, or -1 to use the broker's default");
}

static void check_values(const struct sl_worker_cfg *cfg, struct sl_cfg_report *r)
{
        static const char policy[] = "connector.client.config.override.policy";
        check_count(cfg->config_replication, "config.storage.replication.factor", true, r);
        check_count(cfg->offset_replication, "offset.storage.replication.factor", true, r);
        check_count(cfg->status_replication, "status.storage.replication.factor", true, r);
        check_count(cfg->offset_partitions, "offset.storage.partitions", false, r);
        check_count(cfg->status_partitions, "status.storage.partitions", false, r);
        if (!sl_worker_policy(cfg->override_policy))
                sl_cfg_add_error(r, policy,
                                 "Invalid value %s for configuration %s: it is All, None, Principal or Allowlist, or the "
                                 "name of the Java class of one of these",
                                 cfg->override_policy, policy);
        sl_kafka_check_worker(&cfg->props, r);
}

enum sl_rc sl_worker_cfg_load(const struct sl_worker_cfg_opts *opts, struct sl_worker_cfg *cfg, struct sl_cfg_report *r,
                              struct sl_err *err)
{
        struct sl_props raw = {0};
        sl_arena_init(&cfg->arena, 0);
        enum sl_rc rc = read_sources(opts, &raw, err);
        if (rc == SL_OK)
                rc = sl_providers_new(&raw, &cfg->providers, err);
        if (rc == SL_OK)
                rc = sl_providers_resolve(cfg->providers, &raw, &cfg->props, err);
        sl_props_free(&raw);
        SL_TRY(rc);
        drop_empty_unsupported(&cfg->props);
        sl_cfg_parse(sl_worker_defs, &cfg->props, cfg, &cfg->arena, r);
        const struct sl_cfg_def *tables[] = {sl_worker_defs};
        sl_cfg_check_unknown(tables, 1, &cfg->props, r);
        check_mode(cfg, r);
        check_rest(cfg, r);
        cfg->java_login_config = java_login_config(opts->env, &cfg->arena);
        check_values(cfg, r);
        default_to(&cfg->props, "bootstrap.servers", "localhost:9092");
        default_to(&cfg->props, "key.converter", cfg->key_converter);
        default_to(&cfg->props, "value.converter", cfg->value_converter);
        default_to(&cfg->props, "header.converter", cfg->header_converter);
        return SL_OK;
}

void sl_worker_cfg_free(struct sl_worker_cfg *cfg)
{
        sl_providers_free(cfg->providers);
        sl_props_free(&cfg->props);
        sl_arena_free(&cfg->arena);
        memset(cfg, 0, sizeof(*cfg));
}

enum sl_rc sl_listener_parse(const char *text, struct sl_listener *ret, struct sl_err *err)
{
        ret->https = strncasecmp(text, "https://", 8) == 0;
        if (!ret->https && strncasecmp(text, "http://", 7) != 0)
                return sl_fail(err, SL_E_CONFIG, "a listener is written http://host:port or https://host:port");
        const char *host = text + (ret->https ? 8 : 7), *end, *colon;
        if (*host == '[') {
                host++;
                end = strchr(host, ']');
                colon = end ? end + 1 : NULL;
        } else {
                colon = end = strrchr(host, ':');
        }
        int64_t port = -1;
        if (!end || !colon || *colon != ':' || !sl_parse_i64(sl_str_c(colon + 1), &port) || port < 0 || port > 65535)
                return sl_fail(err, SL_E_CONFIG, "a listener is written http://host:port or https://host:port with a port from 0 to 65535");
        size_t n = (size_t)(end - host);
        if (n >= sizeof(ret->host))
                return sl_fail(err, SL_E_CONFIG, "the host name of the listener is too long");
        memcpy(ret->host, host, n);
        ret->host[n] = '\0';
        ret->port = (uint16_t)port;
        return SL_OK;
}

static bool listed(const char *const *list, const char *item)
{
        for (; list && *list; list++)
                if (strcmp(*list, item) == 0)
                        return true;
        return false;
}

const char *const *sl_worker_topic_config(const struct sl_worker_cfg *cfg, const char *prefix, const char *const * not,
                                          const char *const *extra, struct sl_arena *arena)
{
        size_t room = cfg->props.map.live * 2 + 1, n = 0, plen = strlen(prefix);
        for (size_t i = 0; extra && extra[i]; i++)
                room++;
        const char **out = sl_arena_alloc(arena, room * sizeof(*out));
        const char *key, *value;
        for (size_t i = 0; sl_props_next(&cfg->props, &i, &key, &value);) {
                if (strncmp(key, prefix, plen) != 0 || !value || listed(not, key + plen) ||
                    strcmp(key + plen, "cleanup.policy") == 0)
                        continue;
                out[n++] = sl_arena_strdup(arena, key + plen);
                out[n++] = sl_arena_strdup(arena, value);
        }
        size_t given = n;
        for (size_t i = 0; extra && extra[i]; i += 2) {
                bool have = false;
                for (size_t k = 0; k < given; k += 2)
                        have |= strcmp(out[k], extra[i]) == 0;
                if (!have) {
                        out[n++] = extra[i];
                        out[n++] = extra[i + 1];
                }
        }
        out[n] = NULL;
        return out;
}
