/* SPDX-License-Identifier: Apache-2.0 */
/* The one list of error ids. A row: X(enum name, id text, class, scope, Java exception, what it means).
 * The id is what programs and dead-letter tools key on; texts may change, ids may not.
 * To add one: add a row in the section of your folder (kept sorted by folder), use it with sl_fail().
 * Java exception: the class name that Kafka Connect's users see in traces and dead-letter headers. */
#define SL_JAVA_CONNECT "org.apache.kafka.connect.errors.ConnectException"
#define SL_JAVA_DATA "org.apache.kafka.connect.errors.DataException"
#define SL_JAVA_RETRIABLE "org.apache.kafka.connect.errors.RetriableException"
#define SL_JAVA_CONFIG "org.apache.kafka.common.config.ConfigException"
#define SL_JAVA_KAFKA "org.apache.kafka.common.KafkaException"
#define SL_JAVA_SERIALIZATION "org.apache.kafka.common.errors.SerializationException"

#define SL_ERROR_IDS(X)                                                                                              \
        /* base */                                                                                                   \
        X(SL_E_INTERNAL, "internal", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT, "a bug in Sluice: please report")      \
        X(SL_E_STOPPED, "stopped", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_RETRIABLE, "the task was asked to stop")      \
        X(SL_E_IO, "io", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT, "a local file could not be read or written")       \
        X(SL_E_TOO_LARGE, "too.large", SL_BUSINESS, SL_SCOPE_RECORD, SL_JAVA_DATA, "a value passes a size limit")     \
        X(SL_E_JSON, "json.syntax", SL_DESERIALIZATION, SL_SCOPE_RECORD, SL_JAVA_DATA, "text is not valid JSON")      \
        X(SL_E_HTTP_UNREACHABLE, "http.unreachable", SL_TRANSIENT, SL_SCOPE_BATCH, SL_JAVA_RETRIABLE,                 \
          "no HTTP answer: name, connection, TLS or timeout")                                                        \
        /* record */                                                                                                 \
        X(SL_E_SCHEMA, "schema.invalid", SL_SCHEMA, SL_SCOPE_RECORD, SL_JAVA_DATA, "a schema is malformed")           \
        X(SL_E_VALUE, "value.mismatch", SL_SCHEMA, SL_SCOPE_RECORD, SL_JAVA_DATA, "a value does not fit its schema")  \
        X(SL_E_PROJECT, "schema.project", SL_SCHEMA, SL_SCOPE_RECORD,                                                 \
          "org.apache.kafka.connect.errors.SchemaProjectorException",                                                \
          "a record's schema and that of the open file can't be compared under schema.compatibility")                \
        /* config */                                                                                                 \
        X(SL_E_CONFIG, "config.invalid", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONFIG, "a configuration is invalid")       \
        X(SL_E_CONFIG_PROVIDER, "config.provider", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONFIG,                           \
          "a ${provider:...} reference could not be resolved")                                                       \
        /* convert */                                                                                                \
        X(SL_E_CONVERT, "convert.encode", SL_SCHEMA, SL_SCOPE_RECORD, SL_JAVA_DATA, "a value could not be encoded")   \
        X(SL_E_DECODE, "convert.decode", SL_DESERIALIZATION, SL_SCOPE_RECORD, SL_JAVA_DATA,                           \
          "bytes could not be decoded")                                                                              \
        X(SL_E_REGISTRY_UNREACHABLE, "registry.unreachable", SL_TRANSIENT, SL_SCOPE_BATCH, SL_JAVA_RETRIABLE,         \
          "the schema registry does not answer, or answers that it can't now")                                       \
        X(SL_E_REGISTRY_REFUSED, "registry.refused", SL_SCHEMA, SL_SCOPE_RECORD, SL_JAVA_DATA,                        \
          "the schema registry refused a schema: incompatible or invalid")                                           \
        X(SL_E_REGISTRY_UNKNOWN, "registry.unknown", SL_SCHEMA, SL_SCOPE_RECORD, SL_JAVA_DATA,                        \
          "the schema registry has no such subject, version or schema")                                              \
        X(SL_E_REGISTRY_AUTH, "registry.auth", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                              \
          "the schema registry refused our credentials, or one side refused the other's certificate")                \
        /* kafka */                                                                                                  \
        X(SL_E_KAFKA, "kafka", SL_TRANSIENT, SL_SCOPE_BATCH, SL_JAVA_KAFKA, "a Kafka call failed and may pass later") \
        X(SL_E_KAFKA_FATAL, "kafka.fatal", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_KAFKA, "Kafka refused for good")          \
        X(SL_E_KAFKA_AUTH, "kafka.auth", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_KAFKA,                                       \
          "a broker refused our credentials, or one side refused the other's certificate")                           \
        X(SL_E_KAFKA_FENCED, "kafka.fenced", SL_TRANSIENT, SL_SCOPE_TASK,                                             \
          "org.apache.kafka.common.errors.ProducerFencedException",                                                  \
          "another producer took our transactional id, or our transaction timed out")                                \
        X(SL_E_KAFKA_ABORT, "kafka.abort", SL_TRANSIENT, SL_SCOPE_BATCH, SL_JAVA_KAFKA,                               \
          "the Kafka transaction must be aborted and its rows sent again")                                           \
        X(SL_E_KAFKA_UNREACHABLE, "kafka.unreachable", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_KAFKA,                    \
          "no broker answers")                                                                                       \
        /* transforms */                                                                                             \
        X(SL_E_TRANSFORM, "transform", SL_BUSINESS, SL_SCOPE_RECORD, SL_JAVA_DATA, "a transform refused a record")    \
        X(SL_E_PLUGIN, "plugin.crashed", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                    \
          "a plugin of plugin.path crashed when it was opened, or in too many records")                                        \
        /* pipeline */                                                                                               \
        X(SL_E_REPLAY_ORIGIN, "replay.origin", SL_BUSINESS, SL_SCOPE_RECORD, SL_JAVA_DATA,                            \
          "a record in a connector's replay topic does not say where its original stood")                            \
        X(SL_E_POISON, "poison", SL_UNKNOWN, SL_SCOPE_RECORD, SL_JAVA_CONNECT,                                         \
          "the process ended each time while it worked on this record, so it was not read again")                    \
        /* connectors/file */                                                                                        \
        X(SL_E_FILE, "file", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT, "the connector's file can't be used")          \
        /* connectors/postgres */                                                                                    \
        X(SL_E_PG_CONNECT, "pg.connect", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_RETRIABLE,                              \
          "Postgres can't be reached")                                                                               \
        X(SL_E_PG_AUTH, "pg.auth", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT, "Postgres refused user, password or database") \
        X(SL_E_PG_SETUP, "pg.setup", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                        \
          "slot, publication, tables or rights are not as the connector needs them")                                 \
        X(SL_E_PG_SLOT_LOST, "pg.slot.lost", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                \
          "the slot no longer has the WAL that the stored offset needs")                                             \
        X(SL_E_PG_SLOT_BUSY, "pg.slot.busy", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_RETRIABLE,                          \
          "another process reads the slot")                                                                          \
        X(SL_E_PG_STREAM, "pg.stream", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_RETRIABLE,                                \
          "the replication stream or a query broke off")                                                             \
        X(SL_E_PG_SPOOL, "pg.spool", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_RETRIABLE,                                  \
          "a large transaction could not be kept on disk: no room, or no rights")                                    \
        X(SL_E_PG_PROTOCOL, "pg.protocol", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                  \
          "a pgoutput message could not be read")                                                                    \
        X(SL_E_PG_VALUE, "pg.value", SL_SCHEMA, SL_SCOPE_RECORD, SL_JAVA_DATA, "a column's value does not fit its schema") \
        /* connectors/s3 */                                                                                          \
        X(SL_E_S3_SETUP, "s3.setup", SL_TRANSIENT, SL_SCOPE_BATCH, SL_JAVA_CONNECT,                                   \
          "bucket, endpoint, rights or credentials are not usable until somebody puts them right")                   \
        X(SL_E_S3_RETRY, "s3.retry", SL_TRANSIENT, SL_SCOPE_BATCH, SL_JAVA_RETRIABLE,                                 \
          "the object store failed in a way that may pass")                                                          \
        X(SL_E_S3_REFUSED, "s3.refused", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT, "the object store refused a request") \
        X(SL_E_S3_EXISTS, "s3.exists", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                  \
          "an object that is not this connector's stands where one has to be written")                               \
        X(SL_E_S3_NULL, "s3.null.value", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                    \
          "a tombstone came and behavior.on.null.values is fail")                                                    \
        X(SL_E_S3_PARTITION, "s3.partition", SL_BUSINESS, SL_SCOPE_RECORD,                                            \
          "io.confluent.connect.storage.errors.PartitionException",                                                  \
          "a record's directory could not be told: a field is missing, has the wrong type or is no time")            \
        X(SL_E_FORMAT, "format", SL_SCHEMA, SL_SCOPE_RECORD, SL_JAVA_DATA, "a record can't be written in this format") \
        /* connectors/snowflake */                                                                                   \
        X(SL_E_SF_KEY, "sf.key", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONFIG,                                             \
          "the private key or its passphrase can't be used")                                                         \
        X(SL_E_SF_AUTH, "sf.auth", SL_TRANSIENT, SL_SCOPE_BATCH, SL_JAVA_CONNECT,                                     \
          "Snowflake refused user, key, token or role until somebody puts them right")                               \
        X(SL_E_SF_RETRY, "sf.retry", SL_TRANSIENT, SL_SCOPE_BATCH, SL_JAVA_RETRIABLE,                                 \
          "Snowflake failed in a way that may pass")                                                                 \
        X(SL_E_SF_MISSING, "sf.missing", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                    \
          "a database, schema, table or pipe is not there, or the role may not see it")                              \
        X(SL_E_SF_SQL, "sf.sql", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT, "Snowflake refused a statement")           \
        X(SL_E_SF_CHANNEL, "sf.channel", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                    \
          "a channel can't be used: its pipe is invalid, its token is not ours, or it is lost again and again")      \
        X(SL_E_SF_REFUSED, "sf.refused", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT, "Snowflake refused a request")     \
        X(SL_E_SF_LOST, "sf.lost", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_RETRIABLE,                                    \
          "a channel lost rows that were not committed: they are read again")                                        \
        X(SL_E_SF_OFFSET, "sf.offset", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                      \
          "a channel's offset token does not belong to the topic as it is")                                          \
        X(SL_E_SF_ROWS, "sf.rows", SL_FATAL, SL_SCOPE_TASK, SL_JAVA_CONNECT,                                          \
          "Snowflake rejected rows after it had taken them, and errors.tolerance is none")                           \
        X(SL_E_SF_RECORD, "sf.record", SL_SCHEMA, SL_SCOPE_RECORD, SL_JAVA_DATA,                                      \
          "a record can't be made into a row, or the table can't take it")                                           \
        /* cluster, rest */                                                                                          \
        X(SL_E_STORE, "store", SL_TRANSIENT, SL_SCOPE_TASK, SL_JAVA_CONNECT, "an internal topic could not be used")
