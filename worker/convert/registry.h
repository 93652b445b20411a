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

/* Member of a converter's config struct, filled by SL_REGISTRY_ROWS. Strings live as long as the converter's config. */
enum sl_subject_strategy { SL_SUBJECT_TOPIC, SL_SUBJECT_RECORD, SL_SUBJECT_TOPIC_RECORD };
struct sl_registry_cfg {
        struct sl_cfg_list urls;            /* schema.registry.url */
        bool auto_register, use_latest, latest_strict, normalize;
        int32_t use_id;                     /* use.schema.id; -1 = not set */
        int64_t latest_ttl_s;               /* latest.cache.ttl.sec; -1 = for ever */
        int key_strategy, value_strategy;   /* enum sl_subject_strategy */
        const char *auth_source, *user_info, *user_info_old; /* basic.auth.*, schema.registry.basic.auth.user.info */
        const char *bearer_source, *bearer_token;
        const char *proxy_host;
        int32_t proxy_port, connect_timeout_ms, read_timeout_ms, max_retries, retries_wait_ms, retries_max_wait_ms;
        const char *trust_type, *trust_location, *trust_password, *trust_pem; /* schema.registry.ssl.* */
        const char *key_type, *key_location, *key_store_password, *key_password, *key_pem, *chain_pem;
        const char *endpoint_identification;
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
 * waiting calls made through this handle, so one handle per converter. Does no I/O. */
enum sl_rc sl_registry_open(const struct sl_registry_cfg *cfg, const struct sl_converter_env *env, struct sl_registry **ret,
                            struct sl_err *err);
void sl_registry_close(struct sl_registry *r); /* NULL ok */

/* "<topic>-value", the record's full name, or "<topic>-<record name>", appended to out. record NULL = the schema has no name: an error
 * for the strategies that need one, but for null values (Confluent's rule). */
enum sl_rc sl_registry_subject(const struct sl_registry_cfg *cfg, bool is_key, struct sl_str topic, const char *record,
                               struct sl_buf *out, struct sl_err *err);
/* The id under which `text` may be written for subject, by auto.register.schemas, use.latest.version, use.schema.id and
 * normalize.schemas: registers it, or looks it up, or gives the latest (or the given) version, whose schema is then the one to write
 * with (*ret is what to write with in every case; its text may differ from `text` then, and latest.compatibility.strict is for the
 * converter to check). Waits. refs may be NULL. */
enum sl_rc sl_registry_write(struct sl_registry *r, const char *subject, enum sl_registry_type type, struct sl_str text,
                             const struct sl_registry_ref *refs, uint32_t ref_count, const struct sl_registry_schema **ret,
                             struct sl_err *err);
/* The schema of an id. Waits. */
enum sl_rc sl_registry_read(struct sl_registry *r, int32_t id, const struct sl_registry_schema **ret, struct sl_err *err);
/* One version of a subject (a reference's). Waits. */
enum sl_rc sl_registry_version(struct sl_registry *r, const char *subject, int32_t version, const struct sl_registry_schema **ret,
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
#endif
