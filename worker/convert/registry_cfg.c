/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of SL_REGISTRY_ROWS choose from, and the names of subjects. Names are those of Confluent's serializers
 * (AbstractKafkaSchemaSerDeConfig and the SubjectNameStrategy classes). */
#include "convert/registry.h"

#include <stdio.h>

const struct sl_cfg_enum sl_registry_strategies[] = {
        {"io.confluent.kafka.serializers.subject.TopicNameStrategy", SL_SUBJECT_TOPIC, NULL},
        {"io.confluent.kafka.serializers.subject.RecordNameStrategy", SL_SUBJECT_RECORD, NULL},
        {"io.confluent.kafka.serializers.subject.TopicRecordNameStrategy", SL_SUBJECT_TOPIC_RECORD, NULL},
        {0},
};

const struct sl_cfg_enum sl_registry_auth_sources[] = {
        {"URL", SL_REGISTRY_AUTH_URL, NULL},
        {"USER_INFO", SL_REGISTRY_AUTH_USER_INFO, NULL},
        {"SASL_INHERIT", 0,
         "a converter does not see the Kafka client's credentials here; use USER_INFO with basic.auth.user.info"},
        {0},
};

#define ONLY_STATIC "no token is fetched here; use STATIC_TOKEN with bearer.auth.token"

const struct sl_cfg_enum sl_registry_bearer_sources[] = {
        {"STATIC_TOKEN", 0, NULL},
        {"OAUTHBEARER", 0, ONLY_STATIC},
        {"SASL_OAUTHBEARER_INHERIT", 0, ONLY_STATIC},
        {"CUSTOM", 0, ONLY_STATIC},
        {0},
};

enum sl_rc sl_registry_subject(const struct sl_registry_cfg *cfg, bool is_key, struct sl_str topic, const char *record,
                               struct sl_buf *out, struct sl_err *err)
{
        int strategy = is_key ? cfg->key_strategy : cfg->value_strategy;
        sl_buf_clear(out);
        if (strategy == SL_SUBJECT_TOPIC) {
                sl_buf_add_str(out, topic);
                sl_buf_adds(out, is_key ? "-key" : "-value");
                return SL_OK;
        }
        if (!record || !*record)
                return sl_fail(err, SL_E_CONVERT,
                               "The %s's schema for topic %.*s has no name, which %s.subject.name.strategy=%s needs: use "
                               "TopicNameStrategy, or give the schema a name with SetSchemaMetadata",
                               is_key ? "key" : "value", SL_FMT(topic), is_key ? "key" : "value",
                               sl_registry_strategies[strategy].name);
        if (strategy == SL_SUBJECT_TOPIC_RECORD) {
                sl_buf_add_str(out, topic);
                sl_buf_addc(out, '-');
        }
        sl_buf_adds(out, record);
        return SL_OK;
}

const struct sl_registry_head *sl_registry_add_head(struct sl_registry_heads *h, struct sl_str topic, struct sl_str bytes)
{
        struct sl_registry_head *head = sl_calloc(1, sizeof(*head) + bytes.len + topic.len);
        head->len = (uint32_t)bytes.len;
        head->topic_len = (uint32_t)topic.len;
        memcpy(head->bytes, bytes.ptr, bytes.len);
        memcpy(head->bytes + bytes.len, topic.ptr, topic.len);
        sl_map_put(&h->by_topic, topic, head);
        return h->last = head;
}

enum sl_rc sl_registry_failed(enum sl_rc rc, const char *what, struct sl_str topic, const char *rest, struct sl_err *err)
{
        char head[400];
        snprintf(head, sizeof(head), "%s %.*s%s: ", what, (int)(topic.len < 250 ? topic.len : 250), topic.ptr, rest);
        sl_err_wrap(err, head, SL_JAVA_SERIALIZATION);
        return rc;
}
