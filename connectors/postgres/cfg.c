/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration table: every key of Debezium's Postgres connector 3.6.1, and ours. It holds facts only; checks that
 * need more than one key are in connector.c, those that need a connection in check.c. */
#include "connectors/postgres/cfg.h"

#define C struct sl_pg_cfg
#define CONN "Connection"
#define SLOT "Slot and publication"
#define FILTER "Filters"
#define VALUES "Values"
#define SNAP "Snapshot"
#define TOPICS "Topics and heartbeat"
#define JAVA "Java only"
#define OURS "Sluice"
#define IGNORED(key, kind, why)                                                                                        \
        {                                                                                                              \
                SL_CFG_NONE(key, kind), .flags = SL_CFG_IGNORED, .importance = SL_LOW, .group = JAVA, .doc = why       \
        }
#define REFUSED(key, kind, why)                                                                                        \
        {                                                                                                              \
                SL_CFG_NONE(key, kind), .unsupported = why, .importance = SL_LOW, .group = JAVA, .doc = why            \
        }
#define REFUSED_ALL(key, why)                                                                                          \
        {                                                                                                              \
                SL_CFG_NONE(key, SL_CFG_T_STRING), .flags = SL_CFG_PREFIX, .unsupported = why, .importance = SL_LOW,   \
                                                   .group = JAVA, .doc = why                                           \
        }

#define NO_KAFKA_SIGNALS "Signals are read from the source and file channels only; remove this key."
#define NO_JAVA "This names a Java class that can't be loaded by a native program; remove this key."
#define NO_CUSTOM "Needs a Java class that can't be loaded by a native program; choose another value."

static const struct sl_cfg_enum plugins[] = {
        {"pgoutput", 0, NULL},
        {"decoderbufs", 1,
         "Only pgoutput is built in; set plugin.name to pgoutput (it needs nothing installed on the server)."},
        {0}};
const struct sl_cfg_enum sl_pg_sslmodes[] = {{"disable", 0, NULL},
                                             {"allow", 1, NULL},
                                             {"prefer", 2, NULL},
                                             {"require", 3, NULL},
                                             {"verify-ca", 4, NULL},
                                             {"verify-full", 5, NULL},
                                             {0}};
/* pgjdbc's names, then libpq's. */
static const struct sl_cfg_enum targets[] = {
        {"any", SL_PG_TARGET_ANY, NULL},
        {"primary", SL_PG_TARGET_PRIMARY, NULL},
        {"master", SL_PG_TARGET_PRIMARY, NULL},
        {"slave", SL_PG_TARGET_STANDBY, NULL},
        {"secondary", SL_PG_TARGET_STANDBY, NULL},
        {"preferSlave", SL_PG_TARGET_PREFER_STANDBY, NULL},
        {"preferSecondary", SL_PG_TARGET_PREFER_STANDBY, NULL},
        {"preferPrimary", 0, "libpq can't prefer a primary: use primary (a slot is read where it is) or any."},
        {"standby", SL_PG_TARGET_STANDBY, NULL},
        {"prefer-standby", SL_PG_TARGET_PREFER_STANDBY, NULL},
        {"read-write", SL_PG_TARGET_READ_WRITE, NULL},
        {"read-only", SL_PG_TARGET_READ_ONLY, NULL},
        {0}};
const char *const sl_pg_target_attrs[] = {NULL, "any", "primary", "standby", "prefer-standby", "read-write", "read-only"};
static const struct sl_cfg_enum bindings[] = {{"disable", 1, NULL}, {"prefer", 2, NULL}, {"require", 3, NULL}, {0}};
const char *const sl_pg_channel_bindings[] = {NULL, "disable", "prefer", "require"};
static const struct sl_cfg_enum gss_modes[] = {
        {"disable", 1, NULL}, {"allow", 2, NULL}, {"prefer", 2, NULL}, {"require", 3, NULL}, {0}};
const char *const sl_pg_gss_modes[] = {NULL, "disable", "prefer", "require"};
static const struct sl_cfg_enum factories[] = {
        {"org.postgresql.ssl.LibPQFactory", 0, NULL},
        {"org.postgresql.ssl.NonValidatingFactory", 0,
         "Use database.sslmode=require without database.sslrootcert: the server's certificate is then not checked."},
        {"org.postgresql.ssl.DefaultJavaSSLFactory", 0,
         "Name the authorities' file in database.sslrootcert (the system's: /etc/ssl/certs/ca-certificates.crt) and set "
         "database.sslmode to verify-full."},
        {0}};
static const struct sl_cfg_enum autocreates[] = {{"all_tables", SL_PG_PUB_ALL, NULL},
                                                 {"disabled", SL_PG_PUB_DISABLED, NULL},
                                                 {"filtered", SL_PG_PUB_FILTERED, NULL},
                                                 {"no_tables", SL_PG_PUB_NO_TABLES, NULL},
                                                 {0}};
static const struct sl_cfg_enum snapshots[] = {
        {"initial", SL_PG_SNAP_INITIAL, NULL},
        {"always", SL_PG_SNAP_ALWAYS, NULL},
        {"initial_only", SL_PG_SNAP_INITIAL_ONLY, NULL},
        {"no_data", SL_PG_SNAP_NO_DATA, NULL},
        {"schema_only", SL_PG_SNAP_NO_DATA, NULL},
        {"never", SL_PG_SNAP_NO_DATA, NULL},
        {"when_needed", SL_PG_SNAP_WHEN_NEEDED, NULL},
        {"configuration_based", SL_PG_SNAP_CONFIGURED, NULL},
        {"custom", 0, NO_CUSTOM},
        {0}};
static const struct sl_cfg_enum decimals[] = {{"precise", SL_PG_DEC_PRECISE, NULL},
                                              {"double", SL_PG_DEC_DOUBLE, NULL},
                                              {"string", SL_PG_DEC_STRING, NULL},
                                              {0}};
static const struct sl_cfg_enum times[] = {{"adaptive", SL_PG_TIME_ADAPTIVE, NULL},
                                           {"adaptive_time_microseconds", SL_PG_TIME_ADAPTIVE_US, NULL},
                                           {"connect", SL_PG_TIME_CONNECT, NULL},
                                           {"isostring", SL_PG_TIME_ISO, NULL},
                                           {"microseconds", SL_PG_TIME_US, NULL},
                                           {"nanoseconds", SL_PG_TIME_NS, NULL},
                                           {0}};
static const struct sl_cfg_enum binaries[] = {{"bytes", SL_PG_BIN_BYTES, NULL},
                                              {"base64", SL_PG_BIN_BASE64, NULL},
                                              {"base64-url-safe", SL_PG_BIN_BASE64_URL, NULL},
                                              {"hex", SL_PG_BIN_HEX, NULL},
                                              {0}};
static const struct sl_cfg_enum intervals[] = {
        {"numeric", SL_PG_IV_NUMERIC, NULL}, {"string", SL_PG_IV_STRING, NULL}, {0}};
static const struct sl_cfg_enum hstores[] = {{"json", SL_PG_HSTORE_JSON, NULL}, {"map", SL_PG_HSTORE_MAP, NULL}, {0}};
static const struct sl_cfg_enum adjusts[] = {{"none", SL_PG_ADJ_NONE, NULL},
                                             {"avro", SL_PG_ADJ_AVRO, NULL},
                                             {"avro_unicode", SL_PG_ADJ_AVRO_UNICODE, NULL},
                                             {0}};
static const struct sl_cfg_enum convfails[] = {
        {"warn", SL_PG_CF_WARN, NULL}, {"skip", SL_PG_CF_WARN, NULL}, {"fail", SL_PG_CF_FAIL, NULL}, {0}};
static const struct sl_cfg_enum eventfails[] = {{"fail", SL_PG_EF_FAIL, NULL},
                                                {"warn", SL_PG_EF_WARN, NULL},
                                                {"skip", SL_PG_EF_SKIP, NULL},
                                                {"ignore", SL_PG_EF_SKIP, NULL},
                                                {0}};
static const struct sl_cfg_enum guards[] = {{"warn", 0, NULL}, {"fail", 1, NULL}, {0}};
static const struct sl_cfg_enum namings[] = {
        {"io.debezium.schema.SchemaTopicNamingStrategy", SL_PG_NAME_SCHEMA, NULL},
        {"io.debezium.schema.DefaultTopicNamingStrategy", SL_PG_NAME_TABLE, NULL},
        {"io.debezium.schema.SchemaRegexTopicNamingStrategy", SL_PG_NAME_REGEX, NULL},
        {"io.debezium.schema.DefaultRegexTopicNamingStrategy", SL_PG_NAME_TABLE | SL_PG_NAME_REGEX, NULL},
        {"io.debezium.schema.SchemaUnicodeTopicNamingStrategy", SL_PG_NAME_UNICODE, NULL},
        {"io.debezium.schema.DefaultUnicodeTopicNamingStrategy", SL_PG_NAME_TABLE | SL_PG_NAME_UNICODE, NULL},
        {0}};
static const struct sl_cfg_enum flushmodes[] = {
        {"connector", SL_PG_FLUSH_CONNECTOR, NULL},
        {"manual", SL_PG_FLUSH_MANUAL, NULL},
        {"connector_and_driver", SL_PG_FLUSH_CONNECTOR, NULL},
        {0}};
static const struct sl_cfg_enum mismatches[] = {{"no_validation", SL_PG_MM_NONE, NULL},
                                                {"trust_offset", SL_PG_MM_TRUST_OFFSET, NULL},
                                                {"trust_slot", SL_PG_MM_TRUST_SLOT, NULL},
                                                {"trust_greater_lsn", SL_PG_MM_TRUST_GREATER, NULL},
                                                {0}};
static const struct sl_cfg_enum lost[] = {
        {"fail", SL_PG_LOST_FAIL, NULL}, {"snapshot", SL_PG_LOST_SNAPSHOT, NULL}, {0}};
static const struct sl_cfg_enum lockings[] = {{"none", 0, NULL}, {"shared", 1, NULL}, {"custom", 0, NO_CUSTOM}, {0}};
static const struct sl_cfg_enum isolations[] = {{"serializable", SL_PG_ISO_SERIALIZABLE, NULL},
                                                {"repeatable_read", SL_PG_ISO_REPEATABLE, NULL},
                                                {"read_committed", SL_PG_ISO_COMMITTED, NULL},
                                                {"read_uncommitted", SL_PG_ISO_COMMITTED, NULL},
                                                {0}};
static const struct sl_cfg_enum orders[] = {{"disabled", SL_PG_ORDER_NAME, NULL},
                                            {"ascending", SL_PG_ORDER_SMALL_FIRST, NULL},
                                            {"descending", SL_PG_ORDER_LARGE_FIRST, NULL},
                                            {0}};
static const struct sl_cfg_enum only_select_all[] = {{"select_all", 0, NULL}, {"custom", 0, NO_CUSTOM}, {0}};
static const struct sl_cfg_enum only_memory[] = {
        {"memory", 0, NULL}, {"chronicle", 0, "There is no queue to keep elsewhere; remove this key."}, {0}};
static const struct sl_cfg_enum watermarks[] = {{"insert_insert", SL_PG_WM_INSERT_INSERT, NULL},
                                                {"insert_delete", SL_PG_WM_INSERT_DELETE, NULL},
                                                {0}};

#define FALSE_ONLY(key, vals, why)                                                                                     \
        {                                                                                                              \
                .name = key, .type = SL_CFG_T_ENUM, .offset = SL_CFG_NO_MEMBER, .values = vals, .def = "false",        \
                .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW, .group = JAVA, .doc = why                      \
        }

const struct sl_cfg_def sl_pg_config[] = {
        /* Connection */
        {SL_CFG_STR(C, hostname, "database.hostname"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY,
         .importance = SL_HIGH, .group = CONN, .display = "Hostname",
         .doc = "Address of the database server; several as host:port,host:port (database.port is used where none is "
                "given); a path is the folder of its Unix socket."},
        {SL_CFG_INT(C, port, "database.port"), .def = "5432", .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .min = 1,
         .max = 65535, .importance = SL_HIGH, .group = CONN, .display = "Port", .doc = "Port of the database server."},
        {SL_CFG_STR(C, user, "database.user"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH,
         .group = CONN, .display = "User",
         .doc = "Login name; needs the attributes LOGIN and REPLICATION, and SELECT on the tables."},
        {SL_CFG_SECRET(C, password, "database.password"), .importance = SL_HIGH, .group = CONN, .display = "Password",
         .doc = "Password of the user. Without one, libpq's PGPASSWORD and .pgpass (PGPASSFILE) are used."},
        {SL_CFG_STR(C, dbname, "database.dbname"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH,
         .group = CONN, .display = "Database", .doc = "Name of the database whose changes are read."},
        {SL_CFG_STR(C, prefix, "topic.prefix"), .importance = SL_HIGH, .group = TOPICS, .display = "Topic prefix",
         .doc = "First part of every topic's name and key of the stored offset: letters, digits, '-', '.', '_'. "
                "Default: the "
                "connector's name."},
        {.name = "database.server.name",
         .type = SL_CFG_T_STRING,
         .offset = SL_CFG_NO_MEMBER,
         .alias_of = "topic.prefix",
         .flags = SL_CFG_DEPRECATED,
         .importance = SL_LOW,
         .group = TOPICS,
         .doc = "Old name of topic.prefix: rename it."},
        {SL_CFG_ENUM(C, sslmode, "database.sslmode", sl_pg_sslmodes), .def = "prefer", .importance = SL_MEDIUM,
         .group = CONN, .doc = "Use of TLS, as libpq's sslmode."},
        {SL_CFG_STR(C, sslcert, "database.sslcert"), .importance = SL_MEDIUM, .group = CONN,
         .doc = "Client certificate, a file in PEM or DER."},
        {SL_CFG_STR(C, sslkey, "database.sslkey"), .importance = SL_MEDIUM, .group = CONN,
         .doc = "Client key: a file in PEM, in the JDBC driver's PKCS-8 DER, or a PKCS#12 store with the certificate."},
        {SL_CFG_STR(C, sslrootcert, "database.sslrootcert"), .importance = SL_MEDIUM, .group = CONN,
         .doc = "Certificates of the authorities that the server's is checked against: a PEM file, or one in DER."},
        {SL_CFG_SECRET(C, sslpassword, "database.sslpassword"), .importance = SL_MEDIUM, .group = CONN,
         .doc = "Password of the client key or its store."},
        {.name = "database.sslfactory",
         .type = SL_CFG_T_ENUM,
         .offset = SL_CFG_NO_MEMBER,
         .values = factories,
         .def = "org.postgresql.ssl.LibPQFactory",
         .importance = SL_LOW,
         .group = CONN,
         .doc = "A Java class; database.sslmode and database.sslrootcert say how the server is checked."},
        {SL_CFG_ENUM(C, target, "database.targetServerType", targets), .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW,
         .group = CONN,
         .doc = "Which of several hosts is taken, in the JDBC driver's words or those of libpq's target_session_attrs. "
                "Default: any for one host, primary for several."},
        {SL_CFG_STR(C, options, "database.options"), .importance = SL_LOW, .group = CONN,
         .doc = "More settings of the sessions, as \"-c name=value\"; those that change how values are written are ours."},
        {SL_CFG_ENUM(C, channel_binding, "database.channelBinding", bindings), .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_LOW, .group = CONN, .doc = "Channel binding of SCRAM over TLS, as libpq's channel_binding."},
        {SL_CFG_ENUM(C, gss, "database.gssEncMode", gss_modes), .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW,
         .group = CONN, .doc = "GSSAPI encryption, as libpq's gssencmode."},
        {SL_CFG_STR(C, krb, "database.kerberosServerName"), .importance = SL_LOW, .group = CONN,
         .doc = "Service name of the server for Kerberos, as libpq's krbsrvname."},
        {SL_CFG_BOOL(C, keepalive, "database.tcpKeepAlive"), .def = "true", .importance = SL_MEDIUM, .group = CONN,
         .doc = "TCP keepalives on the connections."},
        {SL_CFG_STR(C, initial_statements, "database.initial.statements"), .importance = SL_LOW, .group = CONN,
         .doc = "SQL run on every ordinary connection, separated by ';' (';;' is a literal ';')."},
        {SL_CFG_INT(C, query_timeout_ms, "database.query.timeout.ms"), .def = "600000", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_LOW, .group = CONN,
         .doc = "How long one query may go unanswered before the task opens anew, in ms; 0 = for ever. Rows of a snapshot and "
                "the creation of a slot are not limited."},
        {SL_CFG_LONG(C, validation_ms, "connection.validation.timeout.ms"), .def = "60000", .flags = SL_CFG_HAS_MIN,
         .min = 1, .importance = SL_LOW, .group = CONN,
         .doc = "How long the check of a configuration may ask the server, in ms."},
        REFUSED("database.connection.factory.class", SL_CFG_T_STRING, NO_JAVA),
#define DRIVER(key)                                                                                                    \
        {                                                                                                              \
                .name = "driver." key, .type = SL_CFG_T_STRING, .offset = SL_CFG_NO_MEMBER,                            \
                .alias_of = "database." key, .importance = SL_LOW, .group = CONN,                                      \
                .doc = "The same as database." key "."                                                                 \
        }
        DRIVER("targetServerType"),
        DRIVER("options"),
        DRIVER("channelBinding"),
        DRIVER("gssEncMode"),
        DRIVER("kerberosServerName"),
        DRIVER("tcpKeepAlive"),
        IGNORED("database.ssl", SL_CFG_T_BOOLEAN, "database.sslmode decides, as it does in JDBC."),
        IGNORED("database.ApplicationName", SL_CFG_T_STRING,
                "Sessions are named sluice:<connector>, by which the connector knows its own."),
        IGNORED("database.loadBalanceHosts", SL_CFG_T_BOOLEAN, "Hosts are tried in their order."),
        IGNORED("database.connectTimeout", SL_CFG_T_INT, "An attempt to connect waits 10 s, then comes the next."),
        IGNORED("database.loginTimeout", SL_CFG_T_INT, "An attempt to connect waits 10 s, then comes the next."),
        IGNORED("database.socketTimeout", SL_CFG_T_INT, "Use database.query.timeout.ms."),
        {SL_CFG_NONE("database.*", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_IGNORED, .importance = SL_LOW,
         .group = JAVA, .doc = "Given to the JDBC driver by Debezium; libpq has no such option (or the key is misspelt)."},
        {SL_CFG_NONE("driver.*", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_IGNORED, .importance = SL_LOW,
         .group = JAVA, .doc = "Given to the JDBC driver by Debezium; libpq has no such option."},
        {SL_CFG_BOOL(C, read_only, "read.only"), .def = "false", .importance = SL_LOW, .group = SNAP,
         .doc = "Incremental snapshots write nothing to the database: chunks are placed in the stream by the server's WAL position "
                "instead of rows in the signal table. Works on a standby."},
        /* Slot and publication */
        {SL_CFG_ENUM(C, plugin, "plugin.name", plugins), .def = "pgoutput", .importance = SL_MEDIUM, .group = SLOT,
         .doc = "Output plugin; only pgoutput (Debezium's default is decoderbufs, ours is pgoutput)."},
        {SL_CFG_STR(C, slot, "slot.name"), .def = "debezium", .flags = SL_CFG_NONEMPTY, .importance = SL_MEDIUM,
         .group = SLOT, .doc = "Name of the replication slot: 1 to 63 of a-z, 0-9, '_'."},
        {SL_CFG_BOOL(C, slot_drop, "slot.drop.on.stop"), .def = "false", .importance = SL_MEDIUM, .group = SLOT,
         .doc = "Drop the slot when the task stops. For tests: changes made while stopped are lost, and the next start "
                "fails "
                "because the slot is gone."},
        {SL_CFG_BOOL(C, slot_failover, "slot.failover"), .def = "false", .importance = SL_MEDIUM, .group = SLOT,
         .doc = "Create the slot as a failover slot (Postgres 17 and later, not on a standby; otherwise without "
                "effect)."},
        {SL_CFG_STR(C, stream_params, "slot.stream.params"), .importance = SL_LOW, .group = SLOT,
         .doc = "More options of START_REPLICATION, name=value separated by ';'."},
        {SL_CFG_INT(C, slot_retries, "slot.max.retries"), .def = "6", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_LOW, .group = SLOT,
         .doc = "With slot.retry.delay.ms: how often a slot that another process reads is looked at again, and how "
                "often CREATE_REPLICATION_SLOT is tried again when the server cancelled it. Then the worker opens the "
                "task again, with backoff."},
        {SL_CFG_LONG(C, slot_delay_ms, "slot.retry.delay.ms"), .def = "10000", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_LOW, .group = SLOT, .doc = "The time between two such tries, in ms."},
        {SL_CFG_STR(C, publication, "publication.name"), .def = "dbz_publication", .flags = SL_CFG_NONEMPTY,
         .importance = SL_MEDIUM, .group = SLOT, .doc = "Name of the publication."},
        {SL_CFG_ENUM(C, autocreate, "publication.autocreate.mode", autocreates), .def = "all_tables",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_MEDIUM, .group = SLOT,
         .doc = "What to do when the publication is missing: create it FOR ALL TABLES, refuse, create it for the "
                "captured tables "
                "(and keep it equal to them at every start), or create an empty one."},
        {SL_CFG_BOOL(C, via_root, "publish.via.partition.root"), .def = "false", .importance = SL_LOW, .group = SLOT,
         .doc = "Create the publication so that rows of partitions are published as rows of the partitioned table."},
        {SL_CFG_STR(C, replica_identity, "replica.identity.autoset.values"), .importance = SL_MEDIUM, .group = SLOT,
         .doc = "Replica identities that captured tables get at the start: <regular expression of schema.table>:<DEFAULT, "
                "FULL, NOTHING or INDEX name>, separated by commas. Needs the right to alter the tables; what can't be "
                "done is logged."},
        {SL_CFG_LONG(C, status_ms, "status.update.interval.ms"), .def = "10000", .flags = SL_CFG_HAS_MIN, .min = 100,
         .importance = SL_MEDIUM, .group = SLOT, .doc = "How often the server hears from us at least, in ms."},
        {SL_CFG_LONG(C, xmin_ms, "xmin.fetch.interval.ms"), .def = "0", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_MEDIUM, .group = SLOT,
         .doc = "How often the slot's catalog_xmin is asked for, to be put into source.xmin, in ms; 0 = never."},
        {SL_CFG_ENUM(C, flush, "lsn.flush.mode", flushmodes), .def = "connector", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_LOW, .group = SLOT,
         .doc = "connector and connector_and_driver: the slot follows what Kafka has durably accepted, also on an idle "
                "database. manual: it never moves by itself; somebody must move it (pg_replication_slot_advance, not "
                "past the stored offset), else the server's disk fills."},
        {SL_CFG_STR(C, flush_text, "lsn.flush.mode"), .flags = SL_CFG_HIDDEN},
        {SL_CFG_BOOL(C, flush_source, "flush.lsn.source"), .def = "true", .flags = SL_CFG_DEPRECATED,
         .importance = SL_LOW, .group = SLOT,
         .doc = "Old form of lsn.flush.mode, used when that is not set: true is connector, false is manual."},
        IGNORED("lsn.flush.timeout.ms", SL_CFG_T_LONG, "Feedback never blocks."),
        IGNORED("lsn.flush.timeout.action", SL_CFG_T_STRING, "Feedback never blocks."),
        {SL_CFG_ENUM(C, mismatch, "offset.mismatch.strategy", mismatches), .def = "no_validation",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW, .group = SLOT,
         .doc = "When slot and stored offset stand at different places. Slot ahead: trust_slot and trust_greater_lsn "
                "start from the slot, without the changes between; the others refuse, because rows would be missing "
                "(Debezium's no_validation and trust_offset go on silently). Offset ahead: trust_offset and "
                "trust_greater_lsn move the slot to it at the start; with the others it moves with the first commit."},
        {SL_CFG_STR(C, mismatch_text, "offset.mismatch.strategy"), .flags = SL_CFG_HIDDEN},
        {SL_CFG_BOOL(C, seek_on_start, "internal.slot.seek.to.known.offset.on.start"), .def = "false",
         .flags = SL_CFG_DEPRECATED, .importance = SL_LOW, .group = SLOT,
         .doc = "Old form of offset.mismatch.strategy, used when that is not set: true is trust_offset."},
        IGNORED("internal.create.slot.command.timeout", SL_CFG_T_LONG,
                "A slot's creation waits for older transactions as long as it takes, and says for which."),
        IGNORED("internal.log.position.check.enable", SL_CFG_T_BOOLEAN,
                "Whether the slot still has what the stored offset needs is always checked."),
        {SL_CFG_NONE("internal.*", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_IGNORED, .importance = SL_LOW,
         .group = JAVA, .doc = "Internal switches of the Java connector."},
        /* Filters */
        {SL_CFG_STR(C, schema_include, "schema.include.list"), .importance = SL_HIGH, .group = FILTER,
         .doc = "Regular expressions (comma separated, anchored, without case) of schemas to capture."},
        {SL_CFG_STR(C, schema_exclude, "schema.exclude.list"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "... of schemas to leave out. Not together with schema.include.list."},
        {SL_CFG_STR(C, table_include, "table.include.list"), .importance = SL_HIGH, .group = FILTER,
         .doc = "Regular expressions of tables to capture, matched against schema.table."},
        {SL_CFG_STR(C, table_exclude, "table.exclude.list"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "... of tables to leave out. Not together with table.include.list."},
        {SL_CFG_STR(C, column_include, "column.include.list"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "Regular expressions of columns to capture, matched against schema.table.column. Keys stay complete."},
        {SL_CFG_STR(C, column_exclude, "column.exclude.list"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "... of columns to leave out. Not together with column.include.list."},
        {SL_CFG_BOOL(C, ignore_builtin, "table.ignore.builtin"), .def = "true", .importance = SL_LOW, .group = FILTER,
         .doc = "Leave out the system's schemas."},
        {SL_CFG_STR(C, key_columns, "message.key.columns"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "Keys other than the primary key (or unique index): regular expressions of tables with columns, "
                "schema.table:column,column;... The old key of a changed or deleted row is known only if the table's "
                "replica identity has these columns."},
        {SL_CFG_LIST(C, skipped, "skipped.operations"), .def = "t", .importance = SL_LOW, .group = FILTER,
         .doc = "Operations that give no record: c, u, d, t, or none. A publication that the connector makes leaves "
                "them out, too, when the key is set."},
        {SL_CFG_STR(C, skipped_text, "skipped.operations"), .flags = SL_CFG_HIDDEN},
        {SL_CFG_BOOL(C, skip_unchanged, "skip.messages.without.change"), .def = "false", .importance = SL_LOW,
         .group = FILTER, .doc = "Leave out updates that change no captured column (needs REPLICA IDENTITY FULL)."},
        {SL_CFG_KEYS(C, masks, "column.mask.*"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "column.mask.with.<n>.chars: regular expressions of columns (schema.table.column) whose texts become n "
                "asterisks. column.mask.hash.<algorithm>.with.salt.<salt>, column.mask.hash.v2.<...>: ... become a hash "
                "in hexadecimal digits, as long as the column's type allows; v2 hashes the text itself, the other one "
                "Java's serialized form of it."},
        {SL_CFG_KEYS(C, truncates, "column.truncate.*"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "column.truncate.to.<n>.chars: regular expressions of columns whose texts are cut after n characters."},
        {SL_CFG_STR(C, propagate, "column.propagate.source.type"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "Regular expressions of columns (schema.table.column) whose type, length, scale and name are put into "
                "the schema's parameters __debezium.source.column.*."},
        {SL_CFG_STR(C, propagate_types, "datatype.propagate.source.type"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "... the same for columns by their type, matched against schema.table.type."},
        {SL_CFG_STR(C, message_include, "message.prefix.include.list"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "Regular expressions of the prefixes of logical decoding messages (pg_logical_emit_message) to "
                "capture; default all. Needs Postgres 14."},
        {SL_CFG_STR(C, message_exclude, "message.prefix.exclude.list"), .importance = SL_MEDIUM, .group = FILTER,
         .doc = "... of prefixes to leave out. Not together with message.prefix.include.list."},
        {SL_CFG_INT(C, guard_max, "guardrail.collections.max"), .def = "0", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_MEDIUM, .group = FILTER, .doc = "How many tables may be captured; 0 = any number."},
        {SL_CFG_ENUM(C, guard_fails, "guardrail.collections.limit.action", guards), .def = "warn",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_MEDIUM, .group = FILTER,
         .doc = "What happens when there are more: a warning, or the task does not start."},
        /* Values */
        {SL_CFG_ENUM(C, decimal, "decimal.handling.mode", decimals), .def = "precise", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_MEDIUM, .group = VALUES, .doc = "numeric and money as Decimal, double or string."},
        {SL_CFG_ENUM(C, time, "time.precision.mode", times), .def = "adaptive", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_MEDIUM, .group = VALUES, .doc = "Schemas of date, time and timestamp."},
        {SL_CFG_ENUM(C, interval, "interval.handling.mode", intervals), .def = "numeric",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW, .group = VALUES,
         .doc = "interval as microseconds or as ISO 8601 text."},
        {SL_CFG_ENUM(C, hstore, "hstore.handling.mode", hstores), .def = "json", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_LOW, .group = VALUES, .doc = "hstore as JSON text or as a map."},
        {SL_CFG_ENUM(C, binary, "binary.handling.mode", binaries), .def = "bytes", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_LOW, .group = VALUES, .doc = "bytea as bytes or as text."},
        {SL_CFG_STR(C, placeholder, "unavailable.value.placeholder"), .def = "__debezium_unavailable_value",
         .importance = SL_MEDIUM, .group = VALUES,
         .doc = "Stands for an unchanged large value that the server did not send; hex:... gives bytes."},
        {SL_CFG_BOOL(C, unknown_types, "include.unknown.datatypes"), .def = "false", .importance = SL_LOW,
         .group = VALUES,
         .doc = "Columns of types without a mapping: false leaves them out, true gives their text as bytes."},
        {SL_CFG_INT(C, money_digits, "money.fraction.digits"), .def = "2", .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .min = 0, .max = 12, .importance = SL_LOW, .group = VALUES, .doc = "Scale of money in precise mode."},
        {SL_CFG_BOOL(C, tombstones, "tombstones.on.delete"), .def = "true", .importance = SL_MEDIUM, .group = VALUES,
         .doc = "A delete is followed by a record with a null value, so that compacted topics forget the key."},
        {SL_CFG_ENUM(C, adjust_schema, "schema.name.adjustment.mode", adjusts), .def = "none",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_MEDIUM, .group = VALUES,
         .doc = "Make schema names valid for Avro."},
        {SL_CFG_ENUM(C, adjust_field, "field.name.adjustment.mode", adjusts), .def = "none",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_MEDIUM, .group = VALUES,
         .doc = "Make field names valid for Avro."},
        IGNORED("schema.refresh.mode", SL_CFG_T_STRING, "The server sends a table's shape with its rows."),
        {SL_CFG_ENUM(C, convfail, "event.converting.failure.handling.mode", convfails), .def = "warn",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW, .group = VALUES,
         .doc = "A value that its schema can't hold (NaN in a Decimal, an array of arrays): null, or stop the task."},
        REFUSED("converters", SL_CFG_T_STRING, NO_JAVA),
        REFUSED("post.processors", SL_CFG_T_STRING, NO_JAVA),
        {SL_CFG_BOOL(C, comments, "include.schema.comments"), .def = "false", .importance = SL_MEDIUM, .group = VALUES,
         .doc = "Put the comments of columns into the schemas (doc), and beside their propagated types."},
        REFUSED("sourceinfo.struct.maker", SL_CFG_T_STRING, NO_JAVA),
        /* Snapshot */
        {SL_CFG_ENUM(C, snapshot, "snapshot.mode", snapshots), .def = "initial", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_MEDIUM, .group = SNAP,
         .doc = "Which rows are read before streaming: initial (once), always (every start), initial_only (then stop), "
                "no_data "
                "(none; old names schema_only and never), when_needed (once, and again when the slot is lost), "
                "configuration_based (as the keys below say)."},
        {SL_CFG_BOOL(C, snap_data, "snapshot.mode.configuration.based.snapshot.data"), .def = "false",
         .importance = SL_MEDIUM, .group = SNAP, .doc = "configuration_based: read the rows, at every start."},
        IGNORED("snapshot.mode.configuration.based.snapshot.schema", SL_CFG_T_BOOLEAN,
                "There is no schema history; not used with Postgres by Debezium, either."),
        {SL_CFG_BOOL(C, snap_stream, "snapshot.mode.configuration.based.start.stream"), .def = "false",
         .importance = SL_MEDIUM, .group = SNAP, .doc = "configuration_based: then read the stream of changes."},
        IGNORED("snapshot.mode.configuration.based.snapshot.on.schema.error", SL_CFG_T_BOOLEAN,
                "There is no schema history; not used with Postgres by Debezium, either."),
        {SL_CFG_BOOL(C, snap_on_data_error, "snapshot.mode.configuration.based.snapshot.on.data.error"),
         .def = "false", .importance = SL_MEDIUM, .group = SNAP,
         .doc = "configuration_based: read the rows again when the slot is lost."},
        REFUSED("snapshot.mode.custom.name", SL_CFG_T_STRING, NO_JAVA),
        {SL_CFG_ENUM(C, isolation, "snapshot.isolation.mode", isolations), .def = "serializable",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW, .group = SNAP,
         .doc = "Isolation of a snapshot that no slot goes with (snapshot.mode=initial_only): serializable (READ ONLY "
                "DEFERRABLE; repeatable_read on a standby), repeatable_read, read_committed, read_uncommitted (the same in "
                "Postgres). All other snapshots are read in the slot's exported snapshot."},
        {SL_CFG_ENUM(C, locking, "snapshot.locking.mode", lockings), .def = "none", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_LOW, .group = SNAP,
         .doc = "shared: LOCK TABLE ... IN ACCESS SHARE MODE on every table before the first row is read, so that none of them can "
                "be altered until the snapshot is over; none: each is locked like that when its turn comes."},
        {SL_CFG_LONG(C, lock_timeout_ms, "snapshot.lock.timeout.ms"), .def = "10000", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_LOW, .group = SNAP,
         .doc = "How long snapshot.locking.mode=shared waits for a table, in ms; 0 = without end. Then the task fails and tries again."},
        {SL_CFG_STR(C, snapshot_include, "snapshot.include.collection.list"), .importance = SL_LOW, .group = SNAP,
         .doc = "Regular expressions of the captured tables whose rows the snapshot reads; default all. The order is "
                "table.include.list's."},
        {SL_CFG_LIST(C, overrides, "snapshot.select.statement.overrides"), .importance = SL_MEDIUM, .group = SNAP,
         .doc = "Tables (schema.table, comma separated) that the snapshot reads through a SELECT of yours."},
        {SL_CFG_KEYS(C, override_sql, "snapshot.select.statement.overrides.*"), .importance = SL_MEDIUM, .group = SNAP,
         .doc = "That SELECT, by table (snapshot.select.statement.overrides.public.orders). Its columns are taken by their names; "
                "a column of the table that it lacks is null."},
        IGNORED("snapshot.fetch.size", SL_CFG_T_INT, "Rows are streamed; there is no cursor."),
        {SL_CFG_INT(C, snap_threads, "snapshot.max.threads"), .def = "1", .flags = SL_CFG_HAS_MIN, .min = 1,
         .importance = SL_MEDIUM, .group = SNAP,
         .doc = "Connections that read the snapshot side by side, all in one exported snapshot; at most 32 are used. Large tables are "
                "read in parts (from Postgres 14)."},
        {SL_CFG_INT(C, snap_multiplier, "snapshot.max.threads.multiplier"), .def = "1", .flags = SL_CFG_HAS_MIN, .min = 1,
         .importance = SL_LOW, .group = SNAP, .doc = "Parts of a table: so many times snapshot.max.threads."},
        {SL_CFG_BOOL(C, snap_legacy, "legacy.snapshot.max.threads"), .def = "false", .importance = SL_LOW, .group = SNAP,
         .doc = "One connection a table: no table is read in parts."},
        {SL_CFG_LONG(C, snapshot_delay_ms, "snapshot.delay.ms"), .def = "0", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_LOW, .group = SNAP,
         .doc = "Wait so long before the first row is read, in ms. The snapshot is of the time before the wait."},
        {SL_CFG_LONG(C, streaming_delay_ms, "streaming.delay.ms"), .def = "0", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_LOW, .group = SNAP, .doc = "Wait so long between a snapshot and the first change, in ms."},
        {SL_CFG_ENUM(C, snap_order, "snapshot.tables.order.by.row.count", orders), .def = "disabled",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW, .group = SNAP,
         .doc = "disabled: tables are read in the order of table.include.list's expressions, then of their names; ascending, "
                "descending: by the server's estimate of their rows."},
        {.name = "snapshot.query.mode",
         .type = SL_CFG_T_ENUM,
         .offset = SL_CFG_NO_MEMBER,
         .values = only_select_all,
         .def = "select_all",
         .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_LOW,
         .group = SNAP,
         .doc = "Whole tables are read."},
        REFUSED("snapshot.query.mode.custom.name", SL_CFG_T_STRING, NO_JAVA),
        REFUSED("snapshot.locking.mode.custom.name", SL_CFG_T_STRING, NO_JAVA),
        {SL_CFG_INT(C, chunk_size, "incremental.snapshot.chunk.size"), .def = "1024", .flags = SL_CFG_HAS_MIN, .min = 1,
         .importance = SL_MEDIUM, .group = SNAP,
         .doc = "Rows of an incremental snapshot that are read at a time; fewer when they take more than 16 MiB."},
        {SL_CFG_ENUM(C, watermark, "incremental.snapshot.watermarking.strategy", watermarks), .def = "insert_insert",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW, .group = SNAP,
         .doc = "How a chunk's end is marked in the signal table: by a second row, or by deleting the first one (the table then "
                "stays small; it needs a primary key or REPLICA IDENTITY FULL)."},
        IGNORED("incremental.snapshot.allow.schema.changes", SL_CFG_T_BOOLEAN,
                "A table may be altered while it is read: its chunk is read again."),
        {SL_CFG_STR(C, signal_table, "signal.data.collection"), .importance = SL_MEDIUM, .group = SNAP,
         .doc = "schema.table of the table whose inserted rows (id, type, data) are signals. It is captured whatever the include "
                "lists say."},
        {SL_CFG_LIST(C, signal_channels, "signal.enabled.channels"), .def = "source", .importance = SL_LOW, .group = SNAP,
         .doc = "Where signals come from: source (signal.data.collection), file (signal.file)."},
        {SL_CFG_STR(C, signal_file, "signal.file"), .def = "file-signals.txt", .importance = SL_LOW, .group = SNAP,
         .doc = "File of the channel file, one {\"id\":...,\"type\":...,\"data\":{...}} a line. It is emptied when it is read."},
        {SL_CFG_LONG(C, signal_poll_ms, "signal.poll.interval.ms"), .def = "5000", .flags = SL_CFG_HAS_MIN, .min = 1,
         .importance = SL_LOW, .group = SNAP, .doc = "How often signal.file is looked at, in ms."},
        IGNORED("signal.emit.failure.max.retries", SL_CFG_T_INT, "A lost connection is opened again without end."),
        IGNORED("signal.emit.failure.backoff.ms", SL_CFG_T_LONG, "A lost connection is opened again every second."),
        REFUSED_ALL("signal.kafka.*", NO_KAFKA_SIGNALS),
        REFUSED_ALL("signal.consumer.*", NO_KAFKA_SIGNALS),
        {SL_CFG_LIST(C, notify_channels, "notification.enabled.channels"), .def = "", .importance = SL_LOW, .group = SNAP,
         .doc = "Who is told of snapshots: sink (records on notification.sink.topic.name), log (the worker's log). jmx is accepted "
                "without effect."},
        {SL_CFG_STR(C, notify_topic, "notification.sink.topic.name"), .importance = SL_LOW, .group = SNAP,
         .doc = "Topic of the channel sink."},
        /* Topics, heartbeat */
        {SL_CFG_LONG(C, heartbeat_ms, "heartbeat.interval.ms"), .def = "0", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_MEDIUM, .group = TOPICS,
         .doc = "How often a heartbeat record is written, in ms; 0 = never. The slot of an idle database moves without "
                "them."},
        {SL_CFG_STR(C, heartbeat_query, "heartbeat.action.query"), .importance = SL_LOW, .group = TOPICS,
         .doc = "SQL run with every heartbeat, on a connection of its own."},
        {SL_CFG_STR(C, heartbeat_prefix, "topic.heartbeat.prefix"), .def = "__debezium-heartbeat", .importance = SL_LOW,
         .group = TOPICS, .doc = "First part of the heartbeat topic's name."},
        {.name = "heartbeat.topics.prefix",
         .type = SL_CFG_T_STRING,
         .offset = SL_CFG_NO_MEMBER,
         .alias_of = "topic.heartbeat.prefix",
         .flags = SL_CFG_DEPRECATED,
         .importance = SL_LOW,
         .group = TOPICS,
         .doc = "Old name of topic.heartbeat.prefix: rename it."},
        {SL_CFG_STR(C, heartbeat_topic, "topic.heartbeat.name"), .importance = SL_LOW, .group = TOPICS,
         .doc = "Whole name of the heartbeat topic, instead of prefix and topic.prefix."},
        {SL_CFG_BOOL(C, tx_metadata, "provide.transaction.metadata"), .def = "false", .importance = SL_LOW,
         .group = TOPICS,
         .doc = "Write a record at the beginning and at the end of each transaction, and number its changes in their "
                "transaction block."},
        {SL_CFG_STR(C, tx_topic, "topic.transaction"), .def = "transaction", .flags = SL_CFG_NONEMPTY,
         .importance = SL_LOW, .group = TOPICS, .doc = "Last part of the name of the topic of these records."},
        {.name = "transaction.metadata.factory",
         .type = SL_CFG_T_ENUM,
         .offset = SL_CFG_NO_MEMBER,
         .values = (const struct sl_cfg_enum[]){
                 {"io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory", 0, NULL}, {0}},
         .def = "io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory",
         .importance = SL_LOW,
         .group = JAVA,
         .doc = "Only Debezium's own form of transaction metadata."},
        {SL_CFG_STR(C, delimiter, "topic.delimiter"), .def = ".", .flags = SL_CFG_NONEMPTY, .importance = SL_LOW,
         .group = TOPICS, .doc = "Between prefix, schema and table in topic names."},
        {SL_CFG_ENUM(C, naming, "topic.naming.strategy", namings), .def = "io.debezium.schema.SchemaTopicNamingStrategy",
         .importance = SL_MEDIUM, .group = TOPICS,
         .doc = "How topics of tables are named: Schema... <prefix>.<schema>.<table>, Default... <prefix>.<table>; "
                "...Regex... changes that by topic.regex; ...Unicode... writes _uXXXX where the others write '_'."},
        {SL_CFG_STR(C, topic_regex, "topic.regex"), .importance = SL_LOW, .group = TOPICS,
         .doc = "Of the Regex strategies: a topic's name that this expression matches as a whole becomes "
                "topic.replacement."},
        {SL_CFG_STR(C, topic_replacement, "topic.replacement"), .importance = SL_LOW, .group = TOPICS,
         .doc = "The new name; $1 or ${name} stand for groups of topic.regex."},
        {SL_CFG_BOOL(C, key_unique, "topic.key.enforce.uniqueness"), .def = "true", .importance = SL_LOW,
         .group = TOPICS,
         .doc = "Of the Regex strategies: keys have one more field that tells the tables of one topic apart."},
        {SL_CFG_STR(C, key_field, "topic.key.field.name"), .def = "__dbz__physicalTableIdentifier",
         .importance = SL_LOW, .group = TOPICS, .doc = "Name of that field."},
        {SL_CFG_STR(C, key_field_regex, "topic.key.field.regex"), .importance = SL_LOW, .group = TOPICS,
         .doc = "Its value is the topic's name without topic.regex, or, where this expression matches that as a whole, "
                "topic.key.field.replacement."},
        {SL_CFG_STR(C, key_field_replacement, "topic.key.field.replacement"), .importance = SL_LOW, .group = TOPICS,
         .doc = "See topic.key.field.regex."},
        IGNORED("topic.cache.size", SL_CFG_T_INT, "A table's topic name is made once."),
        {SL_CFG_NONE("topic.creation.*", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX, .importance = SL_LOW,
         .group = TOPICS, .doc = "Read by the worker."},
        /* Queue, errors, metrics */
        IGNORED("max.batch.size", SL_CFG_T_INT, "Batches are bounded by sluice.task.memory.bytes."),
        IGNORED("max.queue.size", SL_CFG_T_INT, "There is no queue between reading and writing."),
        IGNORED("max.queue.size.in.bytes", SL_CFG_T_LONG, "Bounded by sluice.task.memory.bytes."),
        IGNORED("poll.interval.ms", SL_CFG_T_LONG, "Changes are read as they arrive."),
        {.name = "queue.provider.type",
         .type = SL_CFG_T_ENUM,
         .offset = SL_CFG_NO_MEMBER,
         .values = only_memory,
         .def = "memory",
         .importance = SL_LOW,
         .group = JAVA,
         .doc = "There is no queue."},
        IGNORED("query.fetch.size", SL_CFG_T_INT, "Rows are streamed; there is no cursor."),
        {SL_CFG_ENUM(C, eventfail, "event.processing.failure.handling.mode", eventfails), .def = "fail",
         .flags = SL_CFG_CASE_INSENSITIVE, .importance = SL_LOW, .group = VALUES,
         .doc = "A change that can't be made into a record (see event.converting.failure.handling.mode=fail): stop the "
                "task (or send a dead letter, where errors.* say so), or leave it out, with a warning or silently. A "
                "stream that can't be understood always stops the task."},
        IGNORED("errors.max.retries", SL_CFG_T_INT,
                "The worker opens a failed task again; see sluice.task.restart.max."),
        IGNORED("retriable.restart.connector.wait.ms", SL_CFG_T_LONG,
                "The worker opens a failed task again, with backoff."),
        IGNORED("executor.shutdown.timeout.ms", SL_CFG_T_LONG, "There are no executors."),
        {SL_CFG_BOOL(C, extended_headers, "extended.headers.enabled"), .def = "true", .importance = SL_LOW,
         .group = VALUES, .doc = "Put the four __debezium.context headers on every change."},
        IGNORED("custom.metric.tags", SL_CFG_T_LIST, "Metrics carry connector and task."),
        IGNORED("custom.sanitize.pattern", SL_CFG_T_STRING, "Configurations are never logged."),
        IGNORED("statistics.metrics.enabled", SL_CFG_T_BOOLEAN, "Latency histograms are always on."),
        REFUSED_ALL("openlineage.*", "OpenLineage is not built in; remove this key."),
        {SL_CFG_NONE("schema.history.*", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_IGNORED,
         .importance = SL_LOW, .group = JAVA, .doc = "Not used with Postgres (nor by Debezium)."},
        IGNORED("include.schema.changes", SL_CFG_T_BOOLEAN, "Not used with Postgres (nor by Debezium)."),
        IGNORED("exactly.once.support", SL_CFG_T_STRING, "Exactly-once is always on."),
        IGNORED("transaction.boundary", SL_CFG_T_STRING, "Kafka transactions are cut by time and bytes."),
        IGNORED("offsets.storage.topic", SL_CFG_T_STRING, "Offsets are stored in the worker's topic."),
        /* Ours */
        {SL_CFG_LONG(C, backlog_bytes, "sluice.backlog.bytes"), .def = "33554432", .flags = SL_CFG_HAS_MIN, .min = -1,
         .importance = SL_LOW, .group = OURS,
         .doc = "When the task is further behind than this many bytes of WAL it reads in large steps through SQL "
                "instead of "
                "streaming; -1 = never."},
        {SL_CFG_LONG(C, backlog_step, "sluice.backlog.step.bytes"), .def = "268435456",
         .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .min = 65536, .max = INT64_C(1) << 40, .importance = SL_LOW,
         .group = OURS,
         .doc = "The most WAL that such a step reads; the first is 4 MiB, later ones grow. The server keeps a step's "
                "changes in a temporary file until they are sent."},
        {SL_CFG_BOOL(C, streaming, "sluice.protocol.streaming"), .def = "true", .importance = SL_LOW, .group = OURS,
         .doc = "From Postgres 14 on, let the server send large transactions while they run (larger than its "
                "logical_decoding_work_mem) instead of writing them to its disk; they are kept here until they commit."},
        {SL_CFG_LONG(C, spool_memory, "sluice.spool.memory.bytes"), .def = "4194304", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_LOW, .group = OURS,
         .doc = "How much of such transactions is kept in memory; what is more goes into files without a name in "
                "sluice.spool.directory."},
        {SL_CFG_STR(C, spool_directory, "sluice.spool.directory"), .def = "/var/tmp", .flags = SL_CFG_NONEMPTY,
         .importance = SL_LOW, .group = OURS,
         .doc = "Folder on a disk with room for the largest transactions that are open at the same time."},
        {SL_CFG_ENUM(C, slot_lost, "sluice.slot.lost", lost), .def = "fail", .flags = SL_CFG_CASE_INSENSITIVE,
         .importance = SL_MEDIUM, .group = OURS,
         .doc = "When the slot can't give the changes since the stored offset (dropped, made anew, invalidated, moved by "
                "somebody else, another server or timeline): fail says so and stops the task, snapshot reads all rows "
                "again and goes on from there. Deletes of that time have no record then."},
        {SL_CFG_LONG(C, watch_ms, "sluice.slot.watch.ms"), .def = "30000", .flags = SL_CFG_HAS_MIN, .min = 0,
         .importance = SL_LOW, .group = OURS,
         .doc = "How often the server is asked how much WAL it keeps for the slot and whether it may lose it (metrics, "
                "warnings), in ms; 0 = never."},
        {.name = NULL}};
