/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of SL_REGISTRY_ROWS choose from. Names are those of Confluent's serializers (AbstractKafkaSchemaSerDeConfig). */
#include "convert/registry.h"

const struct sl_cfg_enum sl_registry_strategies[] = {
        {"io.confluent.kafka.serializers.subject.TopicNameStrategy", SL_SUBJECT_TOPIC, NULL},
        {"io.confluent.kafka.serializers.subject.RecordNameStrategy", SL_SUBJECT_RECORD, NULL},
        {"io.confluent.kafka.serializers.subject.TopicRecordNameStrategy", SL_SUBJECT_TOPIC_RECORD, NULL},
        {0},
};

const struct sl_cfg_enum sl_registry_auth_sources[] = {
        {"URL", SL_REGISTRY_AUTH_URL, NULL},
        {"USER_INFO", SL_REGISTRY_AUTH_USER_INFO, NULL},
        {"SASL_INHERIT", 0, "a converter does not see the Kafka client's credentials here; use USER_INFO with basic.auth.user.info"},
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
