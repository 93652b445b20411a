/* SPDX-License-Identifier: Apache-2.0 */
/* Where partitions begin and end, and where a time lies in them (ListOffsets). */
#include "kafka/admin_call.h"

#define METADATA_MS 1000

static enum sl_rc read_offsets(struct sl_admin_call *call, const char *topic, const int32_t *ids, uint32_t n, int64_t *ret,
                               struct sl_err *err)
{
        size_t count = 0;
        const rd_kafka_ListOffsetsResultInfo_t **infos =
                rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(call->event), &count);

        for (uint32_t i = 0; i < n; i++) {
                const rd_kafka_topic_partition_t *part = NULL;
                for (size_t k = 0; k < count && !part; k++) {
                        part = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[k]);
                        part = part->partition == ids[i] ? part : NULL;
                }
                if (!part || part->err)
                        return sl_kafka_fail(err, part ? part->err : RD_KAFKA_RESP_ERR__BAD_MSG,
                                             "The end of %s-%d could not be read", topic, ids[i]);
                ret[i] = part->offset;
        }
        return SL_OK;
}

/* librdkafka goes on asking by the leader that it remembers until its metadata are of age; a restarted broker leads with a newer
 * epoch. */
static void forget_leader(struct sl_admin *a, const struct sl_err *why)
{
        const struct rd_kafka_metadata *metadata;

        if (why->native != RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH && why->native != RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH &&
            why->native != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION)
                return;
        if (rd_kafka_metadata(a->rk, 1, NULL, &metadata, METADATA_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
                rd_kafka_metadata_destroy(metadata);
}

enum sl_rc sl_admin_list_offsets(struct sl_admin *a, const char *topic, const int32_t *ids, uint32_t n, int64_t at, bool committed,
                                 int timeout_ms, int64_t *ret, struct sl_err *err)
{
        struct sl_admin_call call;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

        for (uint32_t i = 0; i < n; i++)
                rd_kafka_topic_partition_list_add(list, topic, ids[i])->offset = at;
        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_LISTOFFSETS, timeout_ms);
        rd_kafka_error_t *e =
                rd_kafka_AdminOptions_set_isolation_level(call.options, committed ? RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
                                                                                  : RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED);
        enum sl_rc rc = e ? sl_kafka_fail_error(err, e, "A partition's end can't be asked for") : SL_OK;
        if (rc == SL_OK) {
                rd_kafka_ListOffsets(a->rk, list, call.options, call.queue);
                rc = sl_admin_call_wait(&call, "A partition's end could not be read", err);
        }
        if (rc == SL_OK)
                rc = read_offsets(&call, topic, ids, n, ret, err);
        if (rc != SL_OK && err)
                forget_leader(a, err);
        sl_admin_call_end(&call);
        rd_kafka_topic_partition_list_destroy(list);
        return rc;
}

enum sl_rc sl_admin_high_watermark(struct sl_admin *a, const char *topic, int32_t partition, int timeout_ms, int64_t *ret,
                                   struct sl_err *err)
{
        return sl_admin_list_offsets(a, topic, &partition, 1, SL_AT_LATEST, false, timeout_ms, ret, err);
}
