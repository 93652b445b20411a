/* SPDX-License-Identifier: Apache-2.0 */
/* The offsets of a consumer group: read, set, forgotten, and the group deleted. A group with members refuses changes:
 * callers are told so apart from other failures, because it passes when the members have left. */
#include "kafka/admin_call.h"

/* What brokers answer to a change of a group that has members. */
static bool is_busy(rd_kafka_resp_err_t code)
{
        return code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP ||
               code == RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC;
}

static enum sl_rc group_fail(rd_kafka_resp_err_t code, const char *reason, const char *what, const char *group,
                             bool *ret_busy, struct sl_err *err)
{
        *ret_busy |= is_busy(code);
        return sl_kafka_fail(err, code, "The offsets of group %s could not be %s: %s", group, what,
                             reason ? reason : rd_kafka_err2str(code));
}

/* The first failure of the group or of one of its partitions. */
static enum sl_rc read_groups(const rd_kafka_group_result_t **groups, size_t n, const char *what, const char *group,
                              bool *ret_busy, struct sl_err *err)
{
        const rd_kafka_error_t *e = n ? rd_kafka_group_result_error(groups[0]) : NULL;

        if (!n)
                return group_fail(RD_KAFKA_RESP_ERR__BAD_MSG, NULL, what, group, ret_busy, err);
        if (e)
                return group_fail(rd_kafka_error_code(e), rd_kafka_error_string(e), what, group, ret_busy, err);
        const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
        for (int i = 0; list && i < list->cnt; i++)
                if (list->elems[i].err)
                        return group_fail(list->elems[i].err, NULL, what, group, ret_busy, err);
        return SL_OK;
}

static void add_offsets(const rd_kafka_topic_partition_list_t *list, struct sl_offsets *out)
{
        for (int i = 0; list && i < list->cnt; i++) {
                const rd_kafka_topic_partition_t *part = &list->elems[i];
                if (!part->err && part->offset >= 0)
                        sl_offsets_add(out, (struct sl_tp){sl_arena_strdup(out->arena, part->topic), part->partition},
                                       part->offset);
        }
}

static enum sl_rc read_offsets(struct sl_admin_call *call, const char *group, struct sl_offsets *out,
                               struct sl_err *err)
{
        size_t n = 0;
        const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
                rd_kafka_event_ListConsumerGroupOffsets_result(call->event), &n);
        const rd_kafka_error_t *e = n ? rd_kafka_group_result_error(groups[0]) : NULL;

        if (e)
                return sl_kafka_fail(err, rd_kafka_error_code(e), "The offsets of group %s could not be read: %s",
                                     group, rd_kafka_error_string(e));
        add_offsets(n ? rd_kafka_group_result_partitions(groups[0]) : NULL, out);
        return SL_OK;
}

enum sl_rc sl_admin_group_offsets(struct sl_admin *a, const char *group, int timeout_ms, struct sl_offsets *out,
                                  struct sl_err *err)
{
        struct sl_admin_call call;
        rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);

        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms);
        rd_kafka_ListConsumerGroupOffsets(a->rk, &request, 1, call.options, call.queue);
        enum sl_rc rc = sl_admin_call_wait(&call, "A consumer group's offsets could not be read", err);
        if (rc == SL_OK)
                rc = read_offsets(&call, group, out, err);
        sl_admin_call_end(&call);
        rd_kafka_ListConsumerGroupOffsets_destroy(request);
        return rc;
}

static rd_kafka_topic_partition_list_t *as_list(const struct sl_tp_offset *items, uint32_t n)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

        for (uint32_t i = 0; i < n; i++)
                rd_kafka_topic_partition_list_add(list, items[i].tp.topic, items[i].tp.partition)->offset =
                        items[i].offset;
        return list;
}

enum sl_rc sl_admin_set_group_offsets(struct sl_admin *a, const char *group, const struct sl_tp_offset *items,
                                      uint32_t n, int timeout_ms, bool *ret_busy, struct sl_err *err)
{
        struct sl_admin_call call;
        size_t count = 0;
        rd_kafka_topic_partition_list_t *list = as_list(items, n);
        rd_kafka_AlterConsumerGroupOffsets_t *request = rd_kafka_AlterConsumerGroupOffsets_new(group, list);

        *ret_busy = false;
        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, timeout_ms);
        rd_kafka_AlterConsumerGroupOffsets(a->rk, &request, 1, call.options, call.queue);
        enum sl_rc rc = sl_admin_call_wait(&call, "A consumer group's offsets could not be set", err);
        if (rc == SL_OK) {
                const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
                        rd_kafka_event_AlterConsumerGroupOffsets_result(call.event), &count);
                rc = read_groups(groups, count, "set", group, ret_busy, err);
        }
        sl_admin_call_end(&call);
        rd_kafka_AlterConsumerGroupOffsets_destroy(request);
        rd_kafka_topic_partition_list_destroy(list);
        return rc;
}

enum sl_rc sl_admin_forget_group_offsets(struct sl_admin *a, const char *group, const struct sl_tp_offset *items,
                                         uint32_t n, int timeout_ms, bool *ret_busy, struct sl_err *err)
{
        struct sl_admin_call call;
        size_t count = 0;
        rd_kafka_topic_partition_list_t *list = as_list(items, n);
        rd_kafka_DeleteConsumerGroupOffsets_t *request = rd_kafka_DeleteConsumerGroupOffsets_new(group, list);

        *ret_busy = false;
        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, timeout_ms);
        rd_kafka_DeleteConsumerGroupOffsets(a->rk, &request, 1, call.options, call.queue);
        enum sl_rc rc = sl_admin_call_wait(&call, "A consumer group's offsets could not be deleted", err);
        if (rc == SL_OK) {
                const rd_kafka_group_result_t **groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
                        rd_kafka_event_DeleteConsumerGroupOffsets_result(call.event), &count);
                rc = read_groups(groups, count, "deleted", group, ret_busy, err);
        }
        sl_admin_call_end(&call);
        rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
        rd_kafka_topic_partition_list_destroy(list);
        return rc;
}

enum sl_rc sl_admin_delete_group(struct sl_admin *a, const char *group, int timeout_ms, bool *ret_busy,
                                 struct sl_err *err)
{
        struct sl_admin_call call;
        size_t count = 0;
        rd_kafka_DeleteGroup_t *request = rd_kafka_DeleteGroup_new(group);

        *ret_busy = false;
        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_DELETEGROUPS, timeout_ms);
        rd_kafka_DeleteGroups(a->rk, &request, 1, call.options, call.queue);
        enum sl_rc rc = sl_admin_call_wait(&call, "A consumer group could not be deleted", err);
        if (rc == SL_OK) {
                const rd_kafka_group_result_t **groups =
                        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(call.event), &count);
                const rd_kafka_error_t *e = count ? rd_kafka_group_result_error(groups[0]) : NULL;
                if (!e || rd_kafka_error_code(e) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
                        rc = read_groups(groups, count, "deleted", group, ret_busy, err);
        }
        sl_admin_call_end(&call);
        rd_kafka_DeleteGroup_destroy(request);
        return rc;
}

static enum sl_rc read_members(struct sl_admin_call *call, const char *group, struct sl_arena *arena,
                               const struct sl_group_member **ret, uint32_t *ret_count, bool *ret_stable,
                               struct sl_err *err)
{
        size_t n = 0;
        const rd_kafka_ConsumerGroupDescription_t **groups = rd_kafka_DescribeConsumerGroups_result_groups(
                rd_kafka_event_DescribeConsumerGroups_result(call->event), &n);
        const rd_kafka_error_t *e = n ? rd_kafka_ConsumerGroupDescription_error(groups[0]) : NULL;
        rd_kafka_resp_err_t code = e   ? rd_kafka_error_code(e)
                                   : n ? RD_KAFKA_RESP_ERR_NO_ERROR
                                       : RD_KAFKA_RESP_ERR__BAD_MSG;

        if (code && code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
                return sl_kafka_fail(err, code, "The members of group %s could not be read", group);
        size_t count = code ? 0 : rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
        rd_kafka_consumer_group_state_t state =
                code ? RD_KAFKA_CONSUMER_GROUP_STATE_DEAD : rd_kafka_ConsumerGroupDescription_state(groups[0]);
        struct sl_group_member *members = sl_arena_alloc(arena, (count + 1) * sizeof(*members));
        for (size_t i = 0; i < count; i++) {
                const rd_kafka_MemberDescription_t *member = rd_kafka_ConsumerGroupDescription_member(groups[0], i);
                const char *instance = rd_kafka_MemberDescription_group_instance_id(member);
                const char *id = rd_kafka_MemberDescription_consumer_id(member);
                members[i] = (struct sl_group_member){sl_arena_strdup(arena, instance ? instance : ""),
                                                      sl_arena_strdup(arena, id ? id : "")};
        }
        *ret = members;
        *ret_count = (uint32_t)count;
        *ret_stable = state == RD_KAFKA_CONSUMER_GROUP_STATE_STABLE || state == RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY ||
                      state == RD_KAFKA_CONSUMER_GROUP_STATE_DEAD;
        return SL_OK;
}

enum sl_rc sl_admin_group_members(struct sl_admin *a, const char *group, int timeout_ms, struct sl_arena *arena,
                                  const struct sl_group_member **ret, uint32_t *ret_count, bool *ret_stable,
                                  struct sl_err *err)
{
        struct sl_admin_call call;

        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms);
        rd_kafka_DescribeConsumerGroups(a->rk, &group, 1, call.options, call.queue);
        enum sl_rc rc = sl_admin_call_wait(&call, "A consumer group's members could not be read", err);
        if (rc == SL_OK)
                rc = read_members(&call, group, arena, ret, ret_count, ret_stable, err);
        sl_admin_call_end(&call);
        return rc;
}
