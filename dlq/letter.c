/* SPDX-License-Identifier: Apache-2.0 */
/* What a dead letter is apart from its failure (see letter.h). Header names: Kafka Connect's DeadLetterQueueReporter,
 * Spring Kafka's KafkaHeaders, Kafka Streams' (KIP-1034), share groups' (KIP-1191), SmallRye's. */
#include "dlq/letter.h"
#include "base/bytes.h"
#include "base/map.h"

#define ANY SL_DLQ_FAMILY_COUNT
#define NAME(text) {text, sizeof(text) - 1}
static const struct {
        struct sl_str name;
        bool whole;                /* else a prefix */
        enum sl_dlq_family family; /* only in its records, or ANY */
} foreign[] = {
        {NAME("__connect.errors."), false, ANY},
        {NAME("__sluice."), false, ANY},
        {NAME("__streams.errors."), false, ANY},
        {NAME("__dlq.errors."), false, ANY},
        {NAME("kafka_dlt-"), false, ANY},
        {NAME("kafka_exception-"), false, ANY},
        {NAME("kafka_original-"), false, ANY},
        {NAME("retry_topic-"), false, ANY},
        {NAME("springDeserializerException"), false, ANY}, /* Java objects: nobody should read them */
        {NAME("dead-letter-exception-class-name"), true, ANY},
        {NAME("dead-letter-cause-class-name"), true, ANY},
        {NAME("dead-letter-reason"), true, ANY},
        {NAME("dead-letter-cause"), true, ANY},
        {NAME("dead-letter-topic"), true, ANY},
        {NAME("dead-letter-partition"), true, ANY},
        {NAME("dead-letter-offset"), true, ANY},
        {NAME("delayed-retry-"), false, ANY},
        {NAME("deserialization-failure-"), false, ANY}, /* SmallRye's, with the bytes once more */
        {NAME("x-original-"), false, SL_DLQ_CLOUD_STREAM},
        {NAME("x-exception-"), false, SL_DLQ_CLOUD_STREAM},
        {NAME("source_topic"), true, SL_DLQ_KARAFKA},
        {NAME("source_partition"), true, SL_DLQ_KARAFKA},
        {NAME("source_offset"), true, SL_DLQ_KARAFKA},
        {NAME("source_consumer_group"), true, SL_DLQ_KARAFKA},
        {NAME("source_attempts"), true, SL_DLQ_KARAFKA},
        {NAME("original_topic"), true, SL_DLQ_KARAFKA},
        {NAME("original_partition"), true, SL_DLQ_KARAFKA},
        {NAME("original_offset"), true, SL_DLQ_KARAFKA},
        {NAME("original_consumer_group"), true, SL_DLQ_KARAFKA},
        {NAME("original_attempts"), true, SL_DLQ_KARAFKA},
        {NAME("x-dlq-"), false, SL_DLQ_HOME_MADE},
        {NAME("x-error"), false, SL_DLQ_HOME_MADE},
        {NAME("x-attempts"), true, SL_DLQ_HOME_MADE},
        {NAME("x-retry-count"), true, SL_DLQ_HOME_MADE},
        {NAME("x-failed-at"), true, SL_DLQ_HOME_MADE},
        {NAME("x-original-"), false, SL_DLQ_HOME_MADE},
        {NAME("x-exception-"), false, SL_DLQ_HOME_MADE},
        {NAME("error-reason"), true, SL_DLQ_HOME_MADE},
        {NAME("original-topic"), true, SL_DLQ_HOME_MADE},
        {NAME("original-partition"), true, SL_DLQ_HOME_MADE},
        {NAME("original-offset"), true, SL_DLQ_HOME_MADE},
};

bool sl_dlq_header_foreign(enum sl_dlq_family family, struct sl_str name)
{
        for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
                size_t n = foreign[i].name.len;
                if (name.len < n || foreign[i].name.ptr[0] != name.ptr[0] || (foreign[i].whole && name.len != n) ||
                    memcmp(name.ptr, foreign[i].name.ptr, n) != 0)
                        continue;
                if (foreign[i].family == ANY || foreign[i].family == family)
                        return true;
        }
        return false;
}

/* Topic, partition and offset in three text headers of one prefix, the last ones. */
static bool coordinates(const struct sl_kheader *headers, uint32_t count, struct sl_str prefix,
                        struct sl_dlq_origin *ret)
{
        *ret = (struct sl_dlq_origin){.partition = -1, .offset = -1, .timestamp_ms = -1};
        for (uint32_t i = 0; i < count; i++) {
                struct sl_str name = headers[i].key, value = headers[i].value;
                int64_t n;
                if (name.len <= prefix.len || memcmp(name.ptr, prefix.ptr, prefix.len) != 0 || !value.ptr)
                        continue;
                name = (struct sl_str){name.ptr + prefix.len, name.len - prefix.len};
                if (sl_str_eqc(name, "topic"))
                        ret->topic = value;
                else if (sl_str_eqc(name, "partition") && sl_parse_i64(value, &n) && n >= 0 && n <= INT32_MAX)
                        ret->partition = (int32_t)n;
                else if (sl_str_eqc(name, "offset") && sl_parse_i64(value, &n))
                        ret->offset = n;
        }
        return ret->topic.ptr && ret->partition >= 0 && ret->offset >= 0;
}

struct sl_dlq_origin sl_dlq_failed_at(const struct sl_dlq_item *it)
{
        struct sl_dlq_origin at;
        if (!it->pointer && (it->hops > 0 || it->retries > 0) && coordinates(it->headers, it->header_count, SL_STR("__connect.errors."), &at))
                return at;
        return it->origin;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
        h = (h ^ v) * 0x9E3779B97F4A7C15u;
        return h ^ h >> 29;
}

uint64_t sl_dlq_identity(const struct sl_dlq_item *it)
{
        struct sl_dlq_origin at = sl_dlq_failed_at(it);
        if (!at.topic.ptr || at.partition < 0 || at.offset < 0)
                return 0;
        uint64_t h = mix(sl_hash(at.topic.ptr, at.topic.len), (uint64_t)at.partition);
        h = mix(h, (uint64_t)at.offset);
        if (!it->pointer) /* a copy that failed is another failure; one of a pointer has its own coordinates */
                h = mix(h, (uint64_t)it->hops + 1);
        if (it->retries)
                h = mix(h, (uint64_t)it->retries);
        h = mix(h, sl_hash(it->connector.ptr, it->connector.len));
        return h ? h : 1;
}

static int64_t number_behind(struct sl_str text, const char *name)
{
        size_t n = strlen(name);
        const char *p = memmem(text.ptr, text.len, name, n), *end = text.ptr + text.len;
        int64_t v = 0;
        if (!p)
                return -1;
        for (p += n; p < end && *p == ' '; p++)
                ;
        const char *first = p;
        for (; p < end && *p >= '0' && *p <= '9' && v < INT64_MAX / 10 - 1; p++)
                v = v * 10 + (*p - '0');
        return p > first ? v : -1;
}

int64_t sl_dlq_lsn(struct sl_str value)
{
        if (!value.len || value.ptr[0] != '{')
                return -1;
        const char *source = memmem(value.ptr, value.len, "\"source\":{", 10);
        if (source)
                return number_behind((struct sl_str){source, value.len - (size_t)(source - value.ptr)}, "\"lsn\":");
        int64_t lsn = number_behind(value, "\"__source_lsn\":");
        return lsn >= 0 ? lsn : number_behind(value, "\"__lsn\":");
}

struct sl_dlq_origin sl_dlq_position(const char *topic, int32_t partition, int64_t offset,
                                     const struct sl_kheader *headers, uint32_t count)
{
        struct sl_dlq_origin at;
        if (count && coordinates(headers, count, SL_STR("__sluice.dlq.origin."), &at))
                return at;
        return (struct sl_dlq_origin){
                .topic = sl_str_c(topic), .partition = partition, .offset = offset, .timestamp_ms = -1};
}

int64_t sl_dlq_timestamp(const struct sl_dlq_item *it)
{
        if (it->origin.timestamp_ms >= 0)
                return it->origin.timestamp_ms;
        return it->timestamp_ms;
}

/* --- Flat ------------------------------------------------------------------------------------------------------------
 */

static void put(struct sl_buf *out, int64_t v)
{
        sl_buf_add(out, &v, sizeof(v));
}

static void put_bytes(struct sl_buf *out, struct sl_str s)
{
        put(out, s.ptr ? (int64_t)s.len : -1);
        sl_buf_add_str(out, s);
}

static int64_t get(const char **p)
{
        int64_t v;
        memcpy(&v, *p, sizeof(v));
        *p += sizeof(v);
        return v;
}

static struct sl_str get_bytes(const char **p)
{
        int64_t n = get(p);
        struct sl_str s = {n < 0 ? NULL : *p, n < 0 ? 0 : (size_t)n};
        *p += s.len;
        return s;
}

void sl_dlq_pack(const struct sl_dlq_item *it, struct sl_str value, struct sl_buf *out)
{
        int64_t own = 0;
        put(out, sl_dlq_timestamp(it));
        put(out, it->hops);
        size_t count_at = out->len;
        put(out, own);
        put_bytes(out, it->key);
        put_bytes(out, value);
        for (uint32_t i = 0; i < it->header_count; i++)
                if (!sl_dlq_header_foreign(it->teller, it->headers[i].key)) {
                        put_bytes(out, it->headers[i].key);
                        put_bytes(out, it->headers[i].value);
                        own++;
                }
        if (sl_buf_ok(out))
                memcpy(out->ptr + count_at, &own, sizeof(own));
}

void sl_dlq_unpack(struct sl_str flat, struct sl_dlq_packed *ret, struct sl_kheader *headers, uint32_t room)
{
        const char *p = flat.ptr;
        ret->timestamp_ms = get(&p);
        ret->hops = (int32_t)get(&p);
        ret->header_count = (uint32_t)get(&p);
        ret->key = get_bytes(&p);
        ret->value = get_bytes(&p);
        for (uint32_t i = 0; i < ret->header_count && i < room; i++) {
                headers[i].key = get_bytes(&p);
                headers[i].value = get_bytes(&p);
        }
}
