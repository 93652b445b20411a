/* SPDX-License-Identifier: Apache-2.0 */
/* Schema Registry client: ids for schemas and schemas for ids, by the REST protocol of Confluent's registry (subjects, versions,
 * schemas/ids; Apicurio, Karapace and Redpanda speak it too). What the Avro, JSON Schema and Protobuf converters share.
 * Converters with equal settings share one registry, its cache and its one HTTP thread; each question is in flight once, whoever
 * asks. No call does HTTP on the caller's thread: it waits for the answer and calls env->tick meanwhile. Answers are kept for the
 * life of the process (ids are immutable; "latest" for latest.cache.ttl.sec), so converters ask at the first sight of a schema
 * only and keep what they got.
 * Errors: SL_E_REGISTRY_UNREACHABLE (no answer, 5xx, 429 after max.retries; transient), SL_E_REGISTRY_REFUSED (409 incompatible, 422
 * invalid: schema class, with subject and the registry's own words), SL_E_REGISTRY_UNKNOWN (404 40401/40402/40403: no such subject,
 * version, schema; schema class), SL_E_REGISTRY_AUTH (401, 403; fatal), SL_E_STOPPED from tick. A failure is kept for a second, so that
 * a thousand rows do not ask a thousand times. No secret gets into a message.
 * @thread any, for all calls on one struct sl_registry. */
#ifndef SL_CONVERT_REGISTRY_H
#define SL_CONVERT_REGISTRY_H
#include "api/converter.h"
#include "base/map.h"

/* Member of a converter's config struct, filled by SL_REGISTRY_ROWS. Strings live as long as the converter's config. */
enum sl_subject_strategy { SL_SUBJECT_TOPIC, SL_SUBJECT_RECORD, SL_SUBJECT_TOPIC_RECORD };
enum sl_registry_auth { SL_REGISTRY_AUTH_URL, SL_REGISTRY_AUTH_USER_INFO };
struct sl_registry_cfg {
        struct sl_cfg_list urls;            /* schema.registry.url */
        bool auto_register, use_latest, latest_strict, normalize;
        int32_t use_id;                     /* use.schema.id; -1 = not set */
        bool id_strict;                     /* id.compatibility.strict: use_id's latest_strict */
        int32_t latest_ttl_s;               /* latest.cache.ttl.sec; -1 = for ever */
        int key_strategy, value_strategy;   /* enum sl_subject_strategy */
        int auth_source;                    /* enum sl_registry_auth */
        const char *user_info, *user_info_old; /* basic.auth.user.info, schema.registry.basic.auth.user.info */
        int bearer_source;                  /* STATIC_TOKEN is the only one */
        const char *bearer_token;
        const char *proxy_host;
        int32_t proxy_port, connect_timeout_ms, read_timeout_ms, max_retries, retries_wait_ms, retries_max_wait_ms;
        const char *trust_type, *trust_location, *trust_pem; /* schema.registry.ssl.* */
        const char *key_type, *key_location, *key_store_password, *key_password, *key_pem, *chain_pem;
        const char *endpoint_identification, *tls_protocol;
        struct sl_cfg_list tls_enabled;
};

enum sl_registry_type { SL_REGISTRY_AVRO, SL_REGISTRY_JSON, SL_REGISTRY_PROTOBUF };
struct sl_registry_ref {
        const char *name, *subject; /* name: how the schema's text speaks of it */
        int32_t version;
};
/* A schema as the registry has it. Immutable; lives until the process ends. */
struct sl_registry_schema {
        int32_t id, version;        /* version 0 = not known (asked by id) */
        enum sl_registry_type type;
        struct sl_str text;         /* NUL-terminated */
        uint32_t ref_count;
        const struct sl_registry_ref *refs;
};

struct sl_registry;
/* The registry of these settings. SL_E_CONFIG for unusable ones (says which key). env: of the converter; its tick is called by the
 * waiting calls made through this handle, so one handle per converter. Reads the TLS files, asks nobody. */
enum sl_rc sl_registry_open(const struct sl_registry_cfg *cfg, const struct sl_converter_env *env, struct sl_registry **ret,
                            struct sl_err *err);
void sl_registry_close(struct sl_registry *r); /* NULL ok */

/* "<topic>-value", the record's full name, or "<topic>-<record name>", in place of what out holds. record NULL = the schema has no name: an error
 * for the strategies that need one, but for null values (Confluent's rule). */
enum sl_rc sl_registry_subject(const struct sl_registry_cfg *cfg, bool is_key, struct sl_str topic, const char *record,
                               struct sl_buf *out, struct sl_err *err);
/* The id under which `text` may be written for subject, by auto.register.schemas, use.latest.version, use.schema.id and
 * normalize.schemas: registers it, or looks it up, or gives the latest (or the given) version, whose schema is then the one to write
 * with (*ret is what to write with in every case; its text may differ from `text` then, and sl_registry_strict is for the
 * converter to check; one of another type is an error). Waits. refs may be NULL. With latest_ttl_s >= 0 only who asks again sees a newer
 * version; the same version is the same pointer. */
enum sl_rc sl_registry_write(struct sl_registry *r, const char *subject, enum sl_registry_type type, struct sl_str text,
                             const struct sl_registry_ref *refs, uint32_t ref_count, const struct sl_registry_schema **ret,
                             struct sl_err *err);
/* The schema of an id, of whatever type. Waits. */
enum sl_rc sl_registry_read(struct sl_registry *r, int32_t id, const struct sl_registry_schema **ret, struct sl_err *err);
/* One version of a subject (a reference's), 0 = the newest: asked again when the answer is older than latest_ttl_s. Waits. */
enum sl_rc sl_registry_version(struct sl_registry *r, const char *subject, int32_t version, const struct sl_registry_schema **ret,
                               struct sl_err *err);
/* The version that a subject counts for s, which readers give to the schemas they make, as Confluent's do; 0: the registry does not
 * know or tell it. Fails only when the answer may come later (SL_TRANSIENT). Waits. */
enum sl_rc sl_registry_version_of(struct sl_registry *r, const char *subject, const struct sl_registry_schema *s, int32_t *ret,
                                  struct sl_err *err);
/* The same questions asked ahead: the answer will be there, or on its way, when the waiting call comes. Never waits. */
void sl_registry_expect_write(struct sl_registry *r, const char *subject, enum sl_registry_type type, struct sl_str text,
                              const struct sl_registry_ref *refs, uint32_t ref_count);
void sl_registry_expect_read(struct sl_registry *r, int32_t id);

/* The wire format: a zero byte and the id, four bytes big-endian; what follows belongs to the converter. */
#define SL_REGISTRY_PREFIX 5
static inline void sl_registry_prefix(struct sl_buf *out, int32_t id)
{
        const uint32_t v = (uint32_t)id;
        const char bytes[SL_REGISTRY_PREFIX] = {0, (char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
        sl_buf_add(out, bytes, sizeof(bytes));
}
/* False: these bytes don't begin so. */
static inline bool sl_registry_split(struct sl_str bytes, int32_t *ret_id, struct sl_str *ret_rest)
{
        const unsigned char *p = (const unsigned char *)bytes.ptr;
        if (bytes.len < SL_REGISTRY_PREFIX || p[0] != 0)
                return false;
        *ret_id = (int32_t)((uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4]);
        *ret_rest = (struct sl_str){bytes.ptr + SL_REGISTRY_PREFIX, bytes.len - SL_REGISTRY_PREFIX};
        return true;
}

/* What stands before every value of a schema on a topic, found at once for the topic that was asked for last. */
struct sl_registry_head {
        uint32_t len, topic_len;
        char bytes[]; /* then the topic */
};
struct sl_registry_heads { /* zeroed = empty */
        struct sl_map by_topic;
        const struct sl_registry_head *last;
};
static inline const struct sl_registry_head *sl_registry_head(struct sl_registry_heads *h, struct sl_str topic)
{
        const struct sl_registry_head *head = h->last;
        if (sl_likely(head && sl_str_eq(topic, (struct sl_str){head->bytes + head->len, head->topic_len})))
                return head;
        head = sl_map_get(&h->by_topic, topic);
        return head ? h->last = head : NULL;
}
const struct sl_registry_head *sl_registry_add_head(struct sl_registry_heads *h, struct sl_str topic, struct sl_str bytes);

/* use.latest.version, use.schema.id: must a schema that is not ours fit ours, to be written with? The key that says so, or NULL. A given
 * id goes before the newest version, and what was registered is ours, as in Confluent's serializers. */
static inline const char *sl_registry_strict(const struct sl_registry_cfg *cfg)
{
        if (cfg->auto_register)
                return NULL;
        if (cfg->use_id >= 0)
                return cfg->id_strict ? "id.compatibility.strict" : NULL;
        return cfg->use_latest && cfg->latest_strict ? "latest.compatibility.strict" : NULL;
}

/* A SerializationException around a failure: "<what> <topic><rest>: <message>". Gives rc back. */
enum sl_rc sl_registry_failed(enum sl_rc rc, const char *what, struct sl_str topic, const char *rest, struct sl_err *err);

/* The rows of a converter's table, m being the struct sl_registry_cfg in its struct T:
 *      static const struct sl_cfg_def avro_config[] = { SL_REGISTRY_ROWS(struct avro_cfg, registry), {own rows}, {0} }; */
extern const struct sl_cfg_enum sl_registry_strategies[], sl_registry_auth_sources[], sl_registry_bearer_sources[];
#define SL_REGISTRY_ROWS(T, m)                                                                                       \
        SL_REGISTRY_SCHEMA_ROWS(T, m), SL_REGISTRY_ACCESS_ROWS(T, m), SL_REGISTRY_TLS_ROWS(T, m), SL_REGISTRY_NOT_HERE_ROWS

#define SL_REGISTRY_SCHEMA_ROWS(T, m)                                                                                \
        {SL_CFG_LIST(T, m.urls, "schema.registry.url"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,             \
         .group = "Schema Registry",                                                                                 \
         .doc = "Addresses of the Schema Registry, http:// or https://. Others are asked when one does not answer."}, \
        {SL_CFG_BOOL(T, m.auto_register, "auto.register.schemas"), .def = "true", .importance = SL_MEDIUM,           \
         .group = "Schema Registry",                                                                                 \
         .doc = "Register schemas that are new. With false, a schema must be registered already."},                  \
        {SL_CFG_BOOL(T, m.normalize, "normalize.schemas"), .def = "false", .importance = SL_MEDIUM,                  \
         .group = "Schema Registry",                                                                                 \
         .doc = "Let the registry normalize a schema before it compares it, so that the order of what has no order " \
                "does not make a new version."},                                                                     \
        {SL_CFG_BOOL(T, m.use_latest, "use.latest.version"), .def = "false", .group = "Schema Registry",             \
         .doc = "Write with the subject's newest version instead of the record's own schema. Needs "                 \
                "auto.register.schemas=false."},                                                                     \
        {SL_CFG_BOOL(T, m.latest_strict, "latest.compatibility.strict"), .def = "true", .group = "Schema Registry",  \
         .doc = "With use.latest.version: refuse records whose schema does not fit the newest version."},            \
        {SL_CFG_INT(T, m.use_id, "use.schema.id"), .def = "-1", .group = "Schema Registry",                          \
         .doc = "Write with the schema of this id instead of the record's own. Needs auto.register.schemas=false."}, \
        {SL_CFG_BOOL(T, m.id_strict, "id.compatibility.strict"), .def = "true", .group = "Schema Registry",          \
         .doc = "With use.schema.id: refuse records whose schema does not fit the one of that id."},                 \
        {SL_CFG_INT(T, m.latest_ttl_s, "latest.cache.ttl.sec"), .def = "-1", .group = "Schema Registry",             \
         .doc = "For how many seconds the newest version of a subject is remembered; -1 = for ever."},               \
        {SL_CFG_ENUM(T, m.key_strategy, "key.subject.name.strategy", sl_registry_strategies),                        \
         .def = "io.confluent.kafka.serializers.subject.TopicNameStrategy", .importance = SL_MEDIUM,                 \
         .group = "Schema Registry", .doc = "How the subject of a key's schema is named."},                          \
        {SL_CFG_ENUM(T, m.value_strategy, "value.subject.name.strategy", sl_registry_strategies),                    \
         .def = "io.confluent.kafka.serializers.subject.TopicNameStrategy", .importance = SL_MEDIUM,                 \
         .group = "Schema Registry", .doc = "How the subject of a value's schema is named."}

#define SL_REGISTRY_ACCESS_ROWS(T, m)                                                                                \
        {SL_CFG_ENUM(T, m.auth_source, "basic.auth.credentials.source", sl_registry_auth_sources), .def = "URL",     \
         .importance = SL_MEDIUM, .group = "Schema Registry Access",                                                 \
         .doc = "Where the user and password are: in schema.registry.url, or in basic.auth.user.info."},             \
        {SL_CFG_SECRET(T, m.user_info, "basic.auth.user.info"), .def = "", .importance = SL_MEDIUM,                  \
         .group = "Schema Registry Access", .doc = "user:password, with basic.auth.credentials.source=USER_INFO."},  \
        {SL_CFG_SECRET(T, m.user_info_old, "schema.registry.basic.auth.user.info"), .def = "",                       \
         .flags = SL_CFG_DEPRECATED, .importance = SL_MEDIUM, .group = "Schema Registry Access",                     \
         .doc = "Use basic.auth.user.info instead; where both are set, this one counts."},                           \
        {SL_CFG_ENUM(T, m.bearer_source, "bearer.auth.credentials.source", sl_registry_bearer_sources),              \
         .def = "STATIC_TOKEN", .importance = SL_MEDIUM, .group = "Schema Registry Access",                          \
         .doc = "Where the bearer token is: in bearer.auth.token."},                                                 \
        {SL_CFG_SECRET(T, m.bearer_token, "bearer.auth.token"), .def = "", .importance = SL_MEDIUM,                  \
         .group = "Schema Registry Access", .doc = "Sent as Authorization: Bearer, when set."},                      \
        {SL_CFG_STR(T, m.proxy_host, "proxy.host"), .def = "", .group = "Schema Registry Access",                    \
         .doc = "An HTTP proxy to go through."},                                                                     \
        {SL_CFG_INT(T, m.proxy_port, "proxy.port"), .def = "-1", .group = "Schema Registry Access",                  \
         .doc = "The proxy's port."},                                                                                \
        {SL_CFG_INT(T, m.connect_timeout_ms, "http.connect.timeout.ms"), .def = "60000", .flags = SL_CFG_HAS_MIN,    \
         .group = "Schema Registry Access", .doc = "How long a connection may take; 0 = 60 s."},                     \
        {SL_CFG_INT(T, m.read_timeout_ms, "http.read.timeout.ms"), .def = "60000", .flags = SL_CFG_HAS_MIN,          \
         .group = "Schema Registry Access", .doc = "How long an answer may take, from the request on; 0 = 60 s."},   \
        {SL_CFG_INT(T, m.max_retries, "max.retries"), .def = "3", .flags = SL_CFG_HAS_MIN,                           \
         .group = "Schema Registry Access",                                                                          \
         .doc = "How often a question is asked again when there is no answer, or 429 or 5xx."},                      \
        {SL_CFG_INT(T, m.retries_wait_ms, "retries.wait.ms"), .def = "1000", .flags = SL_CFG_HAS_MIN,                \
         .group = "Schema Registry Access", .doc = "The wait before the first retry at most; it doubles each time."}, \
        {SL_CFG_INT(T, m.retries_max_wait_ms, "retries.max.wait.ms"), .def = "20000", .flags = SL_CFG_HAS_MIN,       \
         .group = "Schema Registry Access", .doc = "The longest wait before a retry."}

#define SL_REGISTRY_TLS_ROWS(T, m)                                                                                   \
        {SL_CFG_STR(T, m.trust_type, "schema.registry.ssl.truststore.type"), .def = "JKS",                           \
         .importance = SL_MEDIUM, .group = "Schema Registry TLS",                                                    \
         .doc = "PEM; Java's own stores can't be read here, the error says how to convert them."},                   \
        {SL_CFG_STR(T, m.trust_location, "schema.registry.ssl.truststore.location"), .importance = SL_HIGH,          \
         .group = "Schema Registry TLS", .doc = "PEM file of the CAs to trust; the system's without it."},           \
        {SL_CFG_NONE("schema.registry.ssl.truststore.password", SL_CFG_T_PASSWORD), .importance = SL_HIGH,           \
         .group = "Schema Registry TLS", .doc = "PEM certificates have none: accepted and unused."},                 \
        {SL_CFG_SECRET(T, m.trust_pem, "schema.registry.ssl.truststore.certificates"), .importance = SL_HIGH,        \
         .group = "Schema Registry TLS", .doc = "The CAs to trust as PEM text."},                                    \
        {SL_CFG_STR(T, m.key_type, "schema.registry.ssl.keystore.type"), .def = "JKS", .importance = SL_MEDIUM,      \
         .group = "Schema Registry TLS", .doc = "PEM; the error says how to convert others."},                       \
        {SL_CFG_STR(T, m.key_location, "schema.registry.ssl.keystore.location"), .importance = SL_HIGH,              \
         .group = "Schema Registry TLS", .doc = "File with our own key and certificates, for mutual TLS."},          \
        {SL_CFG_SECRET(T, m.key_store_password, "schema.registry.ssl.keystore.password"), .importance = SL_HIGH,     \
         .group = "Schema Registry TLS", .doc = "Password of the keystore; PEM uses ssl.key.password."},             \
        {SL_CFG_SECRET(T, m.key_password, "schema.registry.ssl.key.password"), .importance = SL_HIGH,                \
         .group = "Schema Registry TLS", .doc = "Password of an encrypted private key."},                            \
        {SL_CFG_SECRET(T, m.key_pem, "schema.registry.ssl.keystore.key"), .importance = SL_HIGH,                     \
         .group = "Schema Registry TLS", .doc = "Our private key as PEM text."},                                     \
        {SL_CFG_SECRET(T, m.chain_pem, "schema.registry.ssl.keystore.certificate.chain"), .importance = SL_HIGH,     \
         .group = "Schema Registry TLS", .doc = "Our certificate and its chain as PEM text."},                       \
        {SL_CFG_STR(T, m.endpoint_identification, "schema.registry.ssl.endpoint.identification.algorithm"),          \
         .def = "https", .group = "Schema Registry TLS",                                                             \
         .doc = "https: the server's certificate must be of its host. Empty: of any host."},                         \
        {SL_CFG_STR(T, m.tls_protocol, "schema.registry.ssl.protocol"), .def = "TLSv1.3", .importance = SL_MEDIUM,   \
         .group = "Schema Registry TLS", .doc = "TLSv1.2 or TLSv1.3; both are spoken."},                             \
        {SL_CFG_LIST(T, m.tls_enabled, "schema.registry.ssl.enabled.protocols"), .def = "TLSv1.2,TLSv1.3",           \
         .importance = SL_MEDIUM, .group = "Schema Registry TLS", .doc = "TLSv1.2 and TLSv1.3; both are spoken."},   \
        {SL_CFG_NONE("schema.registry.ssl.cipher.suites", SL_CFG_T_LIST),                                            \
         .unsupported = "Java's cipher names have no counterpart here; remove the key."},                            \
        {SL_CFG_NONE("schema.registry.ssl.engine.factory.class", SL_CFG_T_CLASS), .def = "",                         \
         .unsupported = "there is no JVM to load it into; remove the key."},                                         \
        {SL_CFG_NONE("schema.registry.ssl.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_IGNORED,              \
         .doc = "It is a setting of the JVM."}

/* Keys of Confluent's classes that can't be honoured, but for the values that change nothing, and those without effect. */
#define SL_REGISTRY_NOT_HERE_ROWS                                                                                    \
        {SL_CFG_NONE("bearer.auth.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX,                                       \
         .unsupported = "only bearer.auth.credentials.source=STATIC_TOKEN with bearer.auth.token is built in."},     \
        {SL_CFG_NONE("request.header.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX,                                    \
         .unsupported = "headers of your own aren't sent; for Authorization use bearer.auth.token or "               \
                        "basic.auth.user.info."},                                                                    \
        {SL_CFG_NONE("context.name.strategy", SL_CFG_T_CLASS),                                                       \
         .def = "io.confluent.kafka.serializers.context.NullContextNameStrategy",                                    \
         .unsupported = "contexts by class aren't built in; put /contexts/<name> at the end of schema.registry.url."}, \
        {SL_CFG_NONE("key.schema.id.serializer", SL_CFG_T_CLASS),                                                    \
         .def = "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer",                                 \
         .unsupported = "ids are written before the data, not into headers."},                                       \
        {SL_CFG_NONE("value.schema.id.serializer", SL_CFG_T_CLASS),                                                  \
         .def = "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer",                                 \
         .unsupported = "ids are written before the data, not into headers."},                                       \
        {SL_CFG_NONE("key.schema.id.deserializer", SL_CFG_T_CLASS), .flags = SL_CFG_IGNORED,                         \
         .doc = "Ids are read from before the data only."},                                                          \
        {SL_CFG_NONE("value.schema.id.deserializer", SL_CFG_T_CLASS), .flags = SL_CFG_IGNORED,                       \
         .doc = "Ids are read from before the data only."},                                                          \
        {SL_CFG_NONE("use.latest.with.metadata", SL_CFG_T_STRING),                                                   \
         .unsupported = "versions can't be chosen by metadata here; use use.schema.id or use.latest.version."},      \
        {SL_CFG_NONE("rule.executors", SL_CFG_T_LIST), .def = "",                                                    \
         .unsupported = "data contract rules aren't run here; use transforms."},                                     \
        {SL_CFG_NONE("rule.actions", SL_CFG_T_LIST), .def = "",                                                      \
         .unsupported = "data contract rules aren't run here; use transforms."},                                     \
        {SL_CFG_NONE("propagate.schema.tags", SL_CFG_T_BOOLEAN), .def = "false",                                     \
         .unsupported = "tags of an earlier version aren't carried on here."},                                       \
        {SL_CFG_NONE("max.schemas.per.subject", SL_CFG_T_INT), .flags = SL_CFG_IGNORED,                              \
         .doc = "Every schema is remembered."},                                                                      \
        {SL_CFG_NONE("latest.cache.size", SL_CFG_T_INT), .flags = SL_CFG_IGNORED,                                    \
         .doc = "Every schema is remembered."},                                                                      \
        {SL_CFG_NONE("rule.service.loader.enable", SL_CFG_T_BOOLEAN), .flags = SL_CFG_IGNORED,                       \
         .doc = "There are no rules."},                                                                              \
        {SL_CFG_NONE("schema.reflection", SL_CFG_T_BOOLEAN), .flags = SL_CFG_IGNORED,                                \
         .doc = "It is about Java classes."},                                                                        \
        {SL_CFG_NONE("schema.format", SL_CFG_T_STRING), .flags = SL_CFG_IGNORED,                                     \
         .doc = "Schemas are read as the registry stores them."}
#endif
