/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of config.c's two tables: what both classes of Snowflake's connector have, what only one has, and our own keys. Names and
 * defaults are those of its versions 4 and 3. Not here: topics, errors.* and the rest that every connector has. */
#ifndef SL_SF_CONFIG_ROWS_H
#define SL_SF_CONFIG_ROWS_H

#define CFG struct sl_sf_cfg
#define IGNORED(key, kind, text)                                                                                       \
        {                                                                                                              \
                SL_CFG_NONE(key, kind), .flags = SL_CFG_IGNORED, .importance = SL_LOW, .group = "Ignored", .doc = (text) \
        }

#define ACCOUNT_ROWS                                                                                                   \
        {SL_CFG_STR(CFG, url, "snowflake.url.name"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH, \
         .group = "Account",                                                                                           \
         .doc = "The account's URL: [https://]<account>.<region ...>.snowflakecomputing.com[:443]. Its first label is the account " \
                "of key-pair tokens."},                                                                                \
        {SL_CFG_STR(CFG, user, "snowflake.user.name"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH, \
         .group = "Account", .doc = "Login name of the user."},                                                        \
        {SL_CFG_SECRET(CFG, private_key, "snowflake.private.key"), .def = "", .importance = SL_HIGH, .group = "Account", \
         .doc = "The user's RSA private key for snowflake_jwt: the text between the armour lines, with or without line breaks, or " \
                "the whole PEM file (PKCS#8, encrypted or not, or PKCS#1), at least 2048 bits."},                      \
        {SL_CFG_SECRET(CFG, passphrase, "snowflake.private.key.passphrase"), .def = "", .importance = SL_LOW,          \
         .group = "Account", .doc = "Passphrase of an encrypted key."},                                                \
        {SL_CFG_ENUM(CFG, authenticator, "snowflake.authenticator", authenticators), .flags = SL_CFG_CASE_INSENSITIVE, \
         .def = "snowflake_jwt", .importance = SL_LOW, .group = "Account",                                             \
         .doc = "snowflake_jwt: the private key signs tokens. oauth: tokens of an OAuth server. programmatic_access_token (Sluice " \
                "only): snowflake.pat."},                                                                              \
        {SL_CFG_SECRET(CFG, pat, "snowflake.pat"), .def = "", .importance = SL_LOW, .group = "Account",                \
         .doc = "A programmatic access token (Sluice only)."},                                                         \
        {SL_CFG_STR(CFG, oauth_id, "snowflake.oauth.client.id"), .def = "", .importance = SL_LOW, .group = "Account",  \
         .doc = "Client id at the OAuth server."},                                                                     \
        {SL_CFG_SECRET(CFG, oauth_secret, "snowflake.oauth.client.secret"), .def = "", .importance = SL_LOW,           \
         .group = "Account", .doc = "Client secret at the OAuth server."},                                             \
        {SL_CFG_SECRET(CFG, oauth_refresh, "snowflake.oauth.refresh.token"), .def = "", .importance = SL_LOW,          \
         .group = "Account", .doc = "Refresh token; without one the grant is client_credentials."},                    \
        {SL_CFG_STR(CFG, oauth_endpoint, "snowflake.oauth.token.endpoint"), .importance = SL_LOW, .group = "Account",  \
         .doc = "URL of the OAuth server's token endpoint; the account's own (/oauth/token-request) when unset."},     \
        {SL_CFG_BOOL(CFG, oauth_include_scope, "snowflake.oauth.include.scope"), .def = "false", .importance = SL_LOW, \
         .group = "Account", .doc = "Ask for a scope: snowflake.oauth.scope, or session:role:<snowflake.role.name>."}, \
        {SL_CFG_STR(CFG, oauth_scope, "snowflake.oauth.scope"), .def = "", .importance = SL_LOW, .group = "Account",   \
         .doc = "That scope."},                                                                                        \
        {SL_CFG_STR(CFG, database, "snowflake.database.name"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY,             \
         .importance = SL_HIGH, .group = "Account", .doc = "Database of the tables."},                                 \
        {SL_CFG_STR(CFG, schema, "snowflake.schema.name"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY,                 \
         .importance = SL_HIGH, .group = "Account", .doc = "Schema of the tables."},                                   \
        {SL_CFG_BOOL(CFG, fail_on_auth, "enable.task.fail.on.authorization.errors"), .def = "false", .importance = SL_LOW, \
         .group = "Account",                                                                                           \
         .doc = "true: the task fails at once when Snowflake refuses user, key or role; false: it restarts with growing pauses until " \
                "somebody puts them right (sluice.task.restart.max bounds how often)."},                               \
        {SL_CFG_STR(CFG, proxy_host, "jvm.proxy.host"), .def = "", .importance = SL_LOW, .group = "Account",           \
         .doc = "HTTP proxy; needs jvm.proxy.port. Without it the environment's."},                                    \
        {SL_CFG_STR(CFG, proxy_port, "jvm.proxy.port"), .def = "", .importance = SL_LOW, .group = "Account",           \
         .doc = "Port of the proxy."},                                                                                 \
        {SL_CFG_STR(CFG, proxy_user, "jvm.proxy.username"), .def = "", .importance = SL_LOW, .group = "Account",       \
         .doc = "User at the proxy; needs jvm.proxy.password."},                                                       \
        {SL_CFG_SECRET(CFG, proxy_password, "jvm.proxy.password"), .def = "", .importance = SL_LOW, .group = "Account", \
         .doc = "Password at the proxy."},                                                                             \
        {SL_CFG_STR(CFG, endpoint, "sluice.snowflake.endpoint"), .importance = SL_LOW, .group = "Account",             \
         .doc = "For tests and gateways: this URL is called instead of the account's, and gets a token as the ingest host that it names "   \
                "does when that ends in the same label. Unset, only hosts under the account's own domain get one (Sluice only)."}, \
        {                                                                                                              \
                SL_CFG_STR(CFG, ca_file, "sluice.snowflake.ca.file"), .importance = SL_LOW, .group = "Account",        \
                        .doc = "PEM file of certificates to trust instead of the system's (Sluice only)."              \
        }

#define TABLE_ROWS                                                                                                     \
        {SL_CFG_STR(CFG, topic_map, "snowflake.topic2table.map"), .def = "", .importance = SL_LOW, .group = "Tables",  \
         .doc = "topic:table, topic:table ... Names in double quotes are kept as they are, others are upper-cased. The topic may be a " \
                "regular expression; those must not overlap."},                                                        \
        {SL_CFG_BOOL(CFG, topic_map_regex, "snowflake.topic2table.map.regex.replacement"), .def = "false",             \
         .importance = SL_LOW, .group = "Tables", .doc = "$1, $2 ... in a table's name stand for what the groups of the topic's " \
                                                         "regular expression matched."},                               \
        {SL_CFG_ENUM(CFG, autocreate, "snowflake.autocreate.table.type", autocreates), .flags = SL_CFG_CASE_INSENSITIVE, \
         .def = "snowflake", .importance = SL_LOW, .group = "Tables",                                                  \
         .doc = "What a missing table is created as: snowflake, iceberg or none (the task waits until it is there)."}, \
        {SL_CFG_STR(CFG, iceberg_options, "snowflake.iceberg.create.table.options"), .def = "", .importance = SL_LOW,  \
         .group = "Tables", .doc = "SQL clauses for CREATE ICEBERG TABLE: external_volume = '...' base_location = '...'."}, \
        {SL_CFG_BOOL(CFG, cache_tables, "snowflake.cache.table.exists"), .def = "true", .importance = SL_LOW,          \
         .group = "Tables", .doc = "Remember that a table exists, and its columns."},                                  \
        {SL_CFG_LONG(CFG, cache_tables_ms, "snowflake.cache.table.exists.expire.ms"), .def = "300000",                 \
         .flags = SL_CFG_HAS_MIN, .min = 1, .importance = SL_LOW, .group = "Tables", .doc = "For how long."},          \
        {SL_CFG_BOOL(CFG, meta_all, "snowflake.metadata.all"), .def = "true", .importance = SL_LOW, .group = "Rows",   \
         .doc = "Write the column RECORD_METADATA."},                                                                  \
        {SL_CFG_BOOL(CFG, meta_createtime, "snowflake.metadata.createtime"), .def = "true", .importance = SL_LOW,      \
         .group = "Rows", .doc = "It has CreateTime or LogAppendTime."},                                               \
        {SL_CFG_BOOL(CFG, meta_topic, "snowflake.metadata.topic"), .def = "true", .importance = SL_LOW, .group = "Rows", \
         .doc = "It has topic."},                                                                                      \
        {SL_CFG_BOOL(CFG, meta_offset, "snowflake.metadata.offset.and.partition"), .def = "true", .importance = SL_LOW, \
         .group = "Rows", .doc = "It has offset and partition."},                                                      \
        {SL_CFG_BOOL(CFG, meta_pushtime, "snowflake.streaming.metadata.connectorPushTime"), .def = "true",             \
         .importance = SL_LOW, .group = "Rows", .doc = "It has SnowflakeConnectorPushTime."},                          \
        {SL_CFG_BOOL(CFG, structured_headers, "snowflake.feature.structured.headers"), .def = "false", .importance = SL_LOW, \
         .group = "Rows", .doc = "Headers keep their types in RECORD_METADATA; otherwise they are strings."},          \
        {SL_CFG_ENUM(CFG, nulls, "behavior.on.null.values", null_behaviors), .flags = SL_CFG_CASE_INSENSITIVE,         \
         .def = "DEFAULT", .importance = SL_LOW, .group = "Rows",                                                      \
         .doc = "Records without a value: DEFAULT writes a row with RECORD_METADATA only, IGNORE skips them."},        \
        {SL_CFG_ENUM(CFG, binary, "sluice.snowflake.binary.format", binaries), .flags = SL_CFG_CASE_INSENSITIVE,       \
         .def = "hex", .importance = SL_LOW, .group = "Rows",                                                          \
         .doc = "How bytes are written: hex, which BINARY columns read, or base64 (Sluice only)."},                    \
        {SL_CFG_LONG(CFG, buffer_records, "buffer.count.records"), .flags = SL_CFG_HAS_MIN, .min = 0, .def = "0",      \
         .importance = SL_LOW, .group = "Batches",                                                                     \
         .doc = "A batch is sent when it has this many rows; 0 = only size and age count."},                           \
        {SL_CFG_LONG(CFG, buffer_bytes, "buffer.size.bytes"), .flags = SL_CFG_HAS_MIN, .min = 1, .def = "33554432",    \
         .importance = SL_LOW, .group = "Batches",                                                                     \
         .doc = "A batch is sent when its rows have this many bytes before compression, at the latest with 3.8 MB after it."}, \
        {SL_CFG_LONG(CFG, buffer_seconds, "buffer.flush.time"), .flags = SL_CFG_HAS_MIN, .min = 1, .def = "1",         \
         .importance = SL_LOW, .group = "Batches", .doc = "A batch is sent when it is this many seconds old."},        \
        {SL_CFG_INT(CFG, compression_level, "sluice.snowflake.compression.level"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, \
         .min = 1, .max = 19, .def = "1", .importance = SL_LOW, .group = "Batches",                                    \
         .doc = "Level of zstd (Sluice only)."},                                                                       \
        {SL_CFG_ENUM(CFG, ahead, "sluice.snowflake.offset.ahead", aheads), .flags = SL_CFG_CASE_INSENSITIVE, .def = "fail", \
         .importance = SL_LOW, .group = "Offsets",                                                                     \
         .doc = "When a channel's offset token lies behind the end of the topic (which was deleted and made again, or another " \
                "cluster's): fail, or drop the channel and load the topic from its beginning (Sluice only)."},         \
        {SL_CFG_BOOL(CFG, cdc, "sluice.snowflake.cdc"), .def = "false", .importance = SL_MEDIUM, .group = "Change events", \
         .doc = "Unwrap Debezium's change events: the row's columns, with operation, LSN and commit time as columns, and a table of " \
                "the current rows made from them. See docs/snowflake-cdc.md (Sluice only)."},                          \
        {SL_CFG_ENUM(CFG, cdc_target, "sluice.snowflake.cdc.target", cdc_targets), .flags = SL_CFG_CASE_INSENSITIVE,   \
         .def = "dynamic_table", .importance = SL_LOW, .group = "Change events",                                       \
         .doc = "What gives the current rows: dynamic_table, merge_task, or none (Sluice only)."},                     \
        {SL_CFG_STR(CFG, cdc_lag, "sluice.snowflake.cdc.lag"), .def = "1 minute", .importance = SL_LOW,                \
         .group = "Change events", .doc = "Its TARGET_LAG, or how often the task runs (Sluice only)."},                \
        {SL_CFG_STR(CFG, cdc_warehouse, "sluice.snowflake.cdc.warehouse"), .def = "", .importance = SL_LOW,            \
         .group = "Change events", .doc = "The warehouse that computes it (Sluice only)."},                            \
        {SL_CFG_STR(CFG, cdc_suffix, "sluice.snowflake.cdc.suffix"), .flags = SL_CFG_NONEMPTY, .def = "_CURRENT",      \
         .importance = SL_LOW, .group = "Change events",                                                               \
         .doc = "The table of current rows is named <table> and this (Sluice only)."},                            \
        /* Every connector's, which shows them: read here, too. */                                                    \
        {SL_CFG_STR(CFG, tolerance, "errors.tolerance"), .flags = SL_CFG_HIDDEN, .def = "none"},                       \
        {SL_CFG_STR(CFG, key_converter, "key.converter"), .flags = SL_CFG_HIDDEN},                                     \
        {                                                                                                              \
                SL_CFG_STR(CFG, value_converter, "value.converter"), .flags = SL_CFG_HIDDEN                            \
        }

#define SHARED_IGNORED_ROWS                                                                                            \
        IGNORED("jvm.nonProxy.hosts", SL_CFG_T_STRING,                                                                 \
                "All requests of a connector go to one account, through jvm.proxy.host if that is set."),              \
                IGNORED("snowflake.jdbc.map", SL_CFG_T_STRING, "There is no JDBC driver here."),                               \
                IGNORED("jmx", SL_CFG_T_BOOLEAN, "Metrics are at the worker's /metrics."),                             \
                IGNORED("enable.mdc.logging", SL_CFG_T_BOOLEAN, "Log lines always name connector and task."),          \
                IGNORED("provider", SL_CFG_T_STRING, "Says where a worker of the JVM runs.")
#endif
