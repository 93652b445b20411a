/* SPDX-License-Identifier: Apache-2.0 */
/* Who wrote a dead letter, and what its headers say. Each header is looked up once in one hash table of all names of all families
 * (docs/dlq-families.md), so that a record with none of them costs next to nothing. Java objects in headers (Spring's
 * springDeserializerException*) are never looked into. Numbers are decimal text in most families and big-endian in Spring's;
 * x-original-* exists in both forms, so the bytes decide. */
#include <pthread.h>
#include "dlq/internal.h"

enum field { TOPIC, PARTITION, OFFSET, TIMESTAMP, WHO, STAGE, OPERATION, EXCEPTION, CAUSE, MESSAGE, CAUSE_MESSAGE, TRACE, ATTEMPTS, HOP, RETRY, FIRST,
             KEY_EXCEPTION, KEY_MESSAGE, OTHER, FIELDS };
#define ANY SL_DLQ_PLAIN /* a header that stands beside more than one family's */

static const struct name {
        const char *name;
        uint8_t family, field;
} names[] = {
        {"__sluice.dlq.id", SL_DLQ_SLUICE, OTHER},
        {"__sluice.dlq.hop", SL_DLQ_SLUICE, HOP},
        {SL_DLQ_RETRY, SL_DLQ_SLUICE, RETRY},
        {SL_DLQ_FIRST, SL_DLQ_SLUICE, FIRST},
        {"__sluice.dlq.attempt", SL_DLQ_SLUICE, ATTEMPTS},
        {"__sluice.dlq.origin.topic", SL_DLQ_SLUICE, TOPIC},
        {"__sluice.dlq.origin.partition", SL_DLQ_SLUICE, PARTITION},
        {"__sluice.dlq.origin.offset", SL_DLQ_SLUICE, OFFSET},
        {"__sluice.dlq.orig_timestamp", SL_DLQ_SLUICE, TIMESTAMP},

        {"__connect.errors.topic", SL_DLQ_CONNECT, TOPIC},
        {"__connect.errors.partition", SL_DLQ_CONNECT, PARTITION},
        {"__connect.errors.offset", SL_DLQ_CONNECT, OFFSET},
        {"__connect.errors.connector.name", SL_DLQ_CONNECT, WHO},
        {"__connect.errors.task.id", SL_DLQ_CONNECT, OTHER},
        {"__connect.errors.stage", SL_DLQ_CONNECT, STAGE},
        {"__connect.errors.class.name", SL_DLQ_CONNECT, OPERATION},
        {"__connect.errors.exception.class.name", SL_DLQ_CONNECT, EXCEPTION},
        {"__connect.errors.exception.message", SL_DLQ_CONNECT, MESSAGE},
        {"__connect.errors.exception.stacktrace", SL_DLQ_CONNECT, TRACE},

        {"kafka_dlt-original-topic", SL_DLQ_SPRING, TOPIC},
        {"kafka_dlt-original-partition", SL_DLQ_SPRING, PARTITION},
        {"kafka_dlt-original-offset", SL_DLQ_SPRING, OFFSET},
        {"kafka_dlt-original-timestamp", SL_DLQ_SPRING, TIMESTAMP},
        {"kafka_dlt-original-timestamp-type", SL_DLQ_SPRING, OTHER},
        {"kafka_dlt-original-consumer-group", ANY, WHO},
        {"kafka_dlt-exception-fqcn", SL_DLQ_SPRING, EXCEPTION},
        {"kafka_dlt-exception-cause-fqcn", SL_DLQ_SPRING, CAUSE},
        {"kafka_dlt-exception-message", SL_DLQ_SPRING, MESSAGE},
        {"kafka_dlt-exception-stacktrace", SL_DLQ_SPRING, TRACE},
        {"kafka_dlt-key-exception-fqcn", SL_DLQ_SPRING, KEY_EXCEPTION},
        {"kafka_dlt-key-exception-message", SL_DLQ_SPRING, KEY_MESSAGE},
        {"kafka_original-topic", SL_DLQ_SPRING_RETRY, TOPIC},
        {"kafka_original-partition", SL_DLQ_SPRING_RETRY, PARTITION},
        {"kafka_original-offset", SL_DLQ_SPRING_RETRY, OFFSET},
        {"kafka_original-timestamp", SL_DLQ_SPRING_RETRY, TIMESTAMP},
        {"kafka_original-consumer-group", ANY, WHO},
        {"kafka_exception-fqcn", SL_DLQ_SPRING_RETRY, EXCEPTION},
        {"kafka_exception-cause-fqcn", SL_DLQ_SPRING_RETRY, CAUSE},
        {"kafka_exception-message", SL_DLQ_SPRING_RETRY, MESSAGE},
        {"kafka_exception-stacktrace", SL_DLQ_SPRING_RETRY, TRACE},
        {"kafka_key-exception-fqcn", SL_DLQ_SPRING_RETRY, KEY_EXCEPTION},
        {"kafka_key-exception-message", SL_DLQ_SPRING_RETRY, KEY_MESSAGE},
        {"retry_topic-attempts", ANY, ATTEMPTS},

        {"__streams.errors.exception", SL_DLQ_STREAMS, EXCEPTION},
        {"__streams.errors.message", SL_DLQ_STREAMS, MESSAGE},
        {"__streams.errors.stacktrace", SL_DLQ_STREAMS, TRACE},
        {"__streams.errors.topic", SL_DLQ_STREAMS, TOPIC},
        {"__streams.errors.partition", SL_DLQ_STREAMS, PARTITION},
        {"__streams.errors.offset", SL_DLQ_STREAMS, OFFSET},
        {"__streams.errors.exception.class.name", SL_DLQ_STREAMS, EXCEPTION},
        {"__streams.errors.exception.message", SL_DLQ_STREAMS, MESSAGE},
        {"__streams.errors.exception.stack_trace", SL_DLQ_STREAMS, TRACE},

        {"__dlq.errors.topic", SL_DLQ_SHARE_GROUP, TOPIC},
        {"__dlq.errors.partition", SL_DLQ_SHARE_GROUP, PARTITION},
        {"__dlq.errors.offset", SL_DLQ_SHARE_GROUP, OFFSET},
        {"__dlq.errors.group", SL_DLQ_SHARE_GROUP, WHO},
        {"__dlq.errors.delivery.count", SL_DLQ_SHARE_GROUP, ATTEMPTS},
        {"__dlq.errors.message", SL_DLQ_SHARE_GROUP, MESSAGE},

        {"dead-letter-exception-class-name", SL_DLQ_SMALLRYE, EXCEPTION},
        {"dead-letter-cause-class-name", SL_DLQ_SMALLRYE, CAUSE},
        {"dead-letter-reason", SL_DLQ_SMALLRYE, MESSAGE},
        {"dead-letter-cause", SL_DLQ_SMALLRYE, CAUSE_MESSAGE},
        {"dead-letter-topic", SL_DLQ_SMALLRYE, TOPIC},
        {"dead-letter-partition", SL_DLQ_SMALLRYE, PARTITION},
        {"dead-letter-offset", SL_DLQ_SMALLRYE, OFFSET},
        {"delayed-retry-exception-class-name", SL_DLQ_SMALLRYE, EXCEPTION},
        {"delayed-retry-cause-class-name", SL_DLQ_SMALLRYE, CAUSE},
        {"delayed-retry-reason", SL_DLQ_SMALLRYE, MESSAGE},
        {"delayed-retry-cause", SL_DLQ_SMALLRYE, CAUSE_MESSAGE},
        {"delayed-retry-topic", SL_DLQ_SMALLRYE, TOPIC},
        {"delayed-retry-partition", SL_DLQ_SMALLRYE, PARTITION},
        {"delayed-retry-offset", SL_DLQ_SMALLRYE, OFFSET},
        {"delayed-retry-original-timestamp", SL_DLQ_SMALLRYE, TIMESTAMP},
        {"delayed-retry-count", SL_DLQ_SMALLRYE, ATTEMPTS},

        {"x-original-topic", SL_DLQ_CLOUD_STREAM, TOPIC},
        {"x-original-partition", SL_DLQ_CLOUD_STREAM, PARTITION},
        {"x-original-offset", SL_DLQ_CLOUD_STREAM, OFFSET},
        {"x-original-timestamp", SL_DLQ_CLOUD_STREAM, TIMESTAMP},
        {"x-original-timestamp-type", SL_DLQ_CLOUD_STREAM, OTHER},
        {"x-exception-fqcn", SL_DLQ_CLOUD_STREAM, EXCEPTION},
        {"x-exception-message", SL_DLQ_CLOUD_STREAM, MESSAGE},
        {"x-exception-stacktrace", SL_DLQ_CLOUD_STREAM, TRACE},

        {"source_topic", SL_DLQ_KARAFKA, TOPIC},
        {"source_partition", SL_DLQ_KARAFKA, PARTITION},
        {"source_offset", SL_DLQ_KARAFKA, OFFSET},
        {"source_consumer_group", SL_DLQ_KARAFKA, WHO},
        {"source_attempts", SL_DLQ_KARAFKA, ATTEMPTS},
        {"original_topic", SL_DLQ_KARAFKA, TOPIC},
        {"original_partition", SL_DLQ_KARAFKA, PARTITION},
        {"original_offset", SL_DLQ_KARAFKA, OFFSET},
        {"original_consumer_group", SL_DLQ_KARAFKA, WHO},
        {"original_attempts", SL_DLQ_KARAFKA, ATTEMPTS},

        {"DeadLetterReason", SL_DLQ_BRIDGE, EXCEPTION},
        {"DeadLetterErrorDescription", SL_DLQ_BRIDGE, MESSAGE},
        {"CloudPubSubDeadLetterSourceDeliveryCount", SL_DLQ_BRIDGE, ATTEMPTS},
        {"CloudPubSubDeadLetterSourceSubscription", SL_DLQ_BRIDGE, WHO},
        {"CloudPubSubDeadLetterSourceDeliveryErrorMessage", SL_DLQ_BRIDGE, MESSAGE},
        {"REAL_TOPIC", SL_DLQ_BRIDGE, TOPIC},
        {"RECONSUMETIMES", SL_DLQ_BRIDGE, ATTEMPTS},

        {"x-dlq-original-topic", SL_DLQ_HOME_MADE, TOPIC},
        {"x-dlq-original-partition", SL_DLQ_HOME_MADE, PARTITION},
        {"x-dlq-original-offset", SL_DLQ_HOME_MADE, OFFSET},
        {"x-dlq-source-topic", SL_DLQ_HOME_MADE, TOPIC},
        {"x-dlq-source-partition", SL_DLQ_HOME_MADE, PARTITION},
        {"x-dlq-source-offset", SL_DLQ_HOME_MADE, OFFSET},
        {"x-dlq-topic", SL_DLQ_HOME_MADE, TOPIC},
        {"x-dlq-partition", SL_DLQ_HOME_MADE, PARTITION},
        {"x-dlq-offset", SL_DLQ_HOME_MADE, OFFSET},
        {"x-dlq-reason", SL_DLQ_HOME_MADE, MESSAGE},
        {"x-dlq-error", SL_DLQ_HOME_MADE, MESSAGE},
        {"x-dlq-error-message", SL_DLQ_HOME_MADE, MESSAGE},
        {"x-dlq-error-class", SL_DLQ_HOME_MADE, EXCEPTION},
        {"x-dlq-error-type", SL_DLQ_HOME_MADE, EXCEPTION},
        {"x-dlq-exception", SL_DLQ_HOME_MADE, EXCEPTION},
        {"x-dlq-stacktrace", SL_DLQ_HOME_MADE, TRACE},
        {"x-dlq-attempts", SL_DLQ_HOME_MADE, ATTEMPTS},
        {"x-dlq-retry-count", SL_DLQ_HOME_MADE, ATTEMPTS},
        {"x-dlq-consumer-group", SL_DLQ_HOME_MADE, WHO},
        {"x-error", SL_DLQ_HOME_MADE, MESSAGE},
        {"x-error-message", SL_DLQ_HOME_MADE, MESSAGE},
        {"x-error-class", SL_DLQ_HOME_MADE, EXCEPTION},
        {"x-error-type", SL_DLQ_HOME_MADE, EXCEPTION},
        {"x-attempts", ANY, ATTEMPTS},
        {"x-retry-count", ANY, ATTEMPTS},
        {"error-reason", SL_DLQ_HOME_MADE, MESSAGE},
        {"error-message", SL_DLQ_HOME_MADE, MESSAGE},
        {"error-class", SL_DLQ_HOME_MADE, EXCEPTION},
        {"original-topic", SL_DLQ_HOME_MADE, TOPIC},
        {"original-partition", SL_DLQ_HOME_MADE, PARTITION},
        {"original-offset", SL_DLQ_HOME_MADE, OFFSET},
};

/* ---- the table ---- */

#define SLOTS 1024
static uint8_t slots[SLOTS]; /* index + 1 into names */
static uint8_t lengths[sizeof(names) / sizeof(names[0])];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static_assert(sizeof(names) / sizeof(names[0]) < 255, "slots are bytes");

static inline uint32_t slot_of(const char *p, size_t n)
{
        uint64_t head = 0, tail = 0;
        if (n >= 8) {
                memcpy(&head, p, 8);
                memcpy(&tail, p + n - 8, 8);
        } else {
                memcpy(&head, p, n);
        }
        uint64_t h = (head * 0x9E3779B97F4A7C15u) ^ (tail * 0xC2B2AE3D27D4EB4Fu) ^ (n * 0x165667B19E3779F9u);
        return (uint32_t)((h ^ h >> 29) * 0xBF58476D1CE4E5B9u >> 54);
}

static void fill_slots(void)
{
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                lengths[i] = (uint8_t)strlen(names[i].name);
                uint32_t s = slot_of(names[i].name, lengths[i]);
                while (slots[s])
                        s = (s + 1) % SLOTS;
                slots[s] = (uint8_t)(i + 1);
        }
}

static const struct name *find(struct sl_str key)
{
        for (uint32_t s = slot_of(key.ptr, key.len); slots[s]; s = (s + 1) % SLOTS) {
                unsigned i = slots[s] - 1u;
                if (lengths[i] == key.len && memcmp(names[i].name, key.ptr, key.len) == 0)
                        return &names[i];
        }
        return NULL;
}

bool sl_dlq_is_told(struct sl_str name)
{
        pthread_once(&once, fill_slots);
        return sl_str_starts(name, "__connect.errors.") || sl_str_starts(name, "__sluice.dlq.") || sl_str_starts(name, "springDeserializer") ||
               sl_str_starts(name, "kafka_dlt-") || sl_str_starts(name, "retry_topic-") || sl_str_starts(name, "delayed-retry-") ||
               sl_str_starts(name, "deserialization-failure-") || find(name);
}

/* ---- values ---- */

int64_t sl_dlq_number(struct sl_str v)
{
        int64_t n = 0;
        const size_t sign = v.len > 1 && v.ptr[0] == '-'; /* "-1": whoever wrote it did not know */
        bool text = v.len > 0 && v.len <= 20;
        for (size_t i = sign; i < v.len && text; i++)
                text = v.ptr[i] >= '0' && v.ptr[i] <= '9';
        if (text)
                return !sign && sl_parse_i64(v, &n) ? n : -1;
        if (!v.len || v.len > 8)
                return -1;
        n = (int8_t)v.ptr[0];
        for (size_t i = 1; i < v.len; i++)
                n = (int64_t)((uint64_t)n << 8 | (uint8_t)v.ptr[i]);
        return n < 0 ? -1 : n;
}

static enum sl_stage stage_of(struct sl_str v)
{
        for (int s = SL_STAGE_TASK_POLL; s <= SL_STAGE_TASK_PUT; s++)
                if (sl_str_eqc(v, sl_stage_name((enum sl_stage)s)))
                        return (enum sl_stage)s;
        return SL_STAGE_NONE;
}

/* ---- one record ---- */

struct seen {
        uint32_t mask[SL_DLQ_FAMILY_COUNT]; /* fields that the family has */
        uint32_t sets[SL_DLQ_FAMILY_COUNT];
        struct sl_str value[SL_DLQ_FAMILY_COUNT][FIELDS]; /* where the mask says so */
};

static inline bool has(const struct seen *s, unsigned family, unsigned field)
{
        return s->mask[family] & 1u << field;
}

static void note(struct seen *s, const struct name *n, struct sl_str value)
{
        uint32_t bit = 1u << n->field;
        bool smallrye = n->family == SL_DLQ_SMALLRYE;
        s->sets[n->family] += n->field == (smallrye ? EXCEPTION : TOPIC);
        if (n->field == TOPIC && n->family == SL_DLQ_CONNECT)
                s->mask[SL_DLQ_CONNECT] = 0; /* each set begins with it; the last one counts, whole */
        /* Spring appends where the record has been; the first is where it came from. */
        bool first = (n->family == SL_DLQ_SPRING || n->family == SL_DLQ_SPRING_RETRY) && n->field <= TIMESTAMP;
        if (first && s->mask[n->family] & bit)
                return;
        /* SmallRye writes a new set before those that are there: the last place is where it came from, the first failure the newest. */
        if (smallrye && s->sets[n->family] > 1 && n->field >= EXCEPTION && n->field <= TRACE)
                return;
        s->mask[n->family] |= bit;
        s->value[n->family][n->field] = value;
}

/* Enough to say that it is this family's? Names that are everybody's must come together. */
static bool is_there(const struct seen *s, unsigned family)
{
        uint32_t m = s->mask[family];
        if (family == SL_DLQ_KARAFKA)
                return (m & 7u) == 7u;
        return m != 0;
}

static struct sl_str get(const struct seen *s, unsigned family, unsigned field)
{
        if (has(s, family, field))
                return s->value[family][field];
        return has(s, ANY, field) ? s->value[ANY][field] : SL_STR_NULL;
}

static void set_origin(const struct seen *s, unsigned family, struct sl_dlq_item *it)
{
        struct sl_str topic = get(s, family, TOPIC);
        if (it->origin.topic.ptr || !topic.ptr || !topic.len)
                return;
        int64_t partition = has(s, family, PARTITION) ? sl_dlq_number(s->value[family][PARTITION]) : -1;
        it->origin.topic = topic;
        it->origin.partition = partition > INT32_MAX ? -1 : (int32_t)partition;
        it->origin.offset = has(s, family, OFFSET) ? sl_dlq_number(s->value[family][OFFSET]) : -1;
        it->origin.timestamp_ms = has(s, family, TIMESTAMP) ? sl_dlq_number(s->value[family][TIMESTAMP]) : -1;
        it->origin.how = "headers";
}

/* What failed, as the family tells it. */
static void set_failure(const struct seen *s, unsigned family, struct sl_dlq_item *it)
{
        it->exception = get(s, family, EXCEPTION);
        it->cause = get(s, family, CAUSE);
        it->message = get(s, family, MESSAGE);
        it->cause_message = get(s, family, CAUSE_MESSAGE);
        it->trace = get(s, family, TRACE);
        it->connector = get(s, family, WHO);
        it->operation = get(s, family, OPERATION);
        if (has(s, family, STAGE))
                it->stage = stage_of(s->value[family][STAGE]);
        if (!it->exception.ptr && has(s, family, KEY_EXCEPTION)) { /* the key could not be read, the value could */
                it->exception = s->value[family][KEY_EXCEPTION];
                it->message = get(s, family, KEY_MESSAGE);
                it->stage = SL_STAGE_KEY_CONVERTER;
        }
        int64_t attempts = sl_dlq_number(get(s, family, ATTEMPTS));
        it->attempts = attempts > INT32_MAX ? -1 : (int32_t)attempts;
        it->sets = s->sets[family] ? s->sets[family] : 1;
        it->pointer = family == SL_DLQ_SHARE_GROUP && !it->key.ptr && !it->value.ptr;
}

/* One of our own counters; 0 = it is not there, or no number. */
static int32_t count_of(const struct seen *s, enum field f)
{
        int64_t n = has(s, SL_DLQ_SLUICE, f) ? sl_dlq_number(s->value[SL_DLQ_SLUICE][f]) : 0;
        return n < 0 || n > INT32_MAX ? 0 : (int32_t)n;
}

void sl_dlq_headers_read(struct sl_dlq_item *it)
{
        struct seen s;
        bool any = false;
        pthread_once(&once, fill_slots);
        for (uint32_t i = 0; i < it->header_count; i++) {
                const struct name *n = find(it->headers[i].key);
                if (!n)
                        continue;
                if (!any) {
                        memset(s.mask, 0, sizeof(s.mask));
                        memset(s.sets, 0, sizeof(s.sets));
                        any = true;
                }
                note(&s, n, it->headers[i].value);
        }
        if (!any)
                return;
        for (unsigned f = SL_DLQ_SLUICE; f < SL_DLQ_FAMILY_COUNT; f++) {
                if (!is_there(&s, f))
                        continue;
                set_origin(&s, f, it);
                if (it->family == SL_DLQ_PLAIN)
                        it->family = (enum sl_dlq_family)f;
        }
        if (it->family == SL_DLQ_SLUICE) {
                it->hops = count_of(&s, HOP);
                it->retries = count_of(&s, RETRY);
                it->first_ms = has(&s, SL_DLQ_SLUICE, FIRST) ? sl_dlq_number(s.value[SL_DLQ_SLUICE][FIRST]) : -1;
        }
        /* Our own headers tell of replays; the failure stands in the set of who failed it. */
        unsigned told = it->family;
        for (unsigned f = SL_DLQ_CONNECT; told == SL_DLQ_SLUICE && f < SL_DLQ_FAMILY_COUNT; f++)
                if (is_there(&s, f))
                        told = f;
        it->teller = (enum sl_dlq_family)told;
        set_failure(&s, told, it);
}

const char *sl_dlq_family_name(enum sl_dlq_family f)
{
        static const char *const family_names[] = {"none",     "sluice",       "connect", "spring", "spring-retry", "streams", "share-group",
                                                   "smallrye", "cloud-stream", "karafka", "bridge", "home-made",    "wrapper", "rule"};
        static_assert(sizeof(family_names) / sizeof(family_names[0]) == SL_DLQ_FAMILY_COUNT, "one name a family");
        return family_names[f];
}
