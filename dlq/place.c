/* SPDX-License-Identifier: Apache-2.0 */
/* The topics of a replay (see place.h). */
#include "dlq/place.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "dlq/fits.h"
#include "kafka/admin.h"

#define ASK_MS 15000

bool sl_dlq_is_topic(struct sl_str name)
{
        for (size_t i = 0; i < name.len; i++)
                if (!isalnum((unsigned char)name.ptr[i]) && (!name.ptr[i] || !strchr("._-", name.ptr[i])))
                        return false;
        return name.len && name.len < 250 && !sl_str_eqc(name, ".") && !sl_str_eqc(name, "..");
}

enum sl_rc sl_dlq_place_describe(struct sl_dlq_place *p, struct sl_admin *admin, struct sl_err *err)
{
        struct sl_buf policy = {0};
        p->room = INT64_MAX;
        SL_TRY(sl_admin_topic_partitions(admin, p->name, ASK_MS, &p->partitions, err));
        if (!p->partitions)
                return SL_OK;
        p->room = sl_dlq_room(admin, p->name, ASK_MS);
        p->then = p->partitions;
        sl_growth_begin(&p->growth, p->partitions);
        struct sl_err ignored = {0}; /* without the right to ask it is taken for one that keeps all */
        if (sl_admin_topic_config(admin, p->name, "cleanup.policy", ASK_MS, &policy, &ignored) == SL_OK)
                p->compacted = strstr(sl_buf_cstr(&policy), "compact") != NULL;
        p->keeps_ms = -1;
        bool deletes = strstr(sl_buf_cstr(&policy), "delete") != NULL;
        sl_buf_clear(&policy);
        int64_t keeps;
        if (deletes && sl_admin_topic_config(admin, p->name, "retention.ms", ASK_MS, &policy, &ignored) == SL_OK &&
            sl_parse_i64((struct sl_str){policy.ptr, policy.len}, &keeps))
                p->keeps_ms = keeps;
        sl_buf_free(&policy);
        p->from = sl_calloc((size_t)p->partitions, sizeof(*p->from));
        for (int32_t i = 0; i < p->partitions; i++)
                p->from[i] = (struct sl_reader_part){.id = i, .begin = -1, .end = -1};
        return SL_OK;
}

enum sl_rc sl_dlq_place_of(struct sl_dlq_places *all, struct sl_str topic, struct sl_admin *admin, uint16_t *ret,
                           struct sl_err *err)
{
        const bool can_be = sl_dlq_is_topic(topic);
        if (!can_be)
                topic = SL_STR(""); /* all of them: brokers would refuse the question */
        for (uint32_t i = all->count; i-- > 0;)
                if (sl_str_eqc(topic, all->items[i].name)) {
                        *ret = (uint16_t)i;
                        return SL_OK;
                }
        if (all->count == SL_DLQ_NO_PLACE)
                return sl_fail(err, SL_E_INTERNAL, "Records of more than %u topics can't be replayed at once",
                               all->count);
        all->items = sl_realloc(all->items, (all->count + 1) * sizeof(*all->items));
        struct sl_dlq_place *p = &all->items[all->count];
        *p = (struct sl_dlq_place){.name = sl_strndup(topic.ptr, topic.len), .room = INT64_MAX};
        *ret = (uint16_t)all->count++;
        return can_be ? sl_dlq_place_describe(p, admin, err) : SL_OK;
}

void sl_dlq_place_free(struct sl_dlq_place *p)
{
        free(p->name);
        free(p->from);
        sl_growth_end(&p->growth);
}

void sl_dlq_places_free(struct sl_dlq_places *all)
{
        for (uint32_t i = 0; i < all->count; i++)
                sl_dlq_place_free(&all->items[i]);
        free(all->items);
        *all = (struct sl_dlq_places){0};
}
