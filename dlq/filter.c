/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of the dead-letter commands (see filter.h). */
#include "dlq/filter.h"
#include "dlq/internal.h"

static bool header_is(const struct sl_dlq_item *it, const char *name, const char *value)
{
        for (uint32_t i = it->header_count; i-- > 0;)
                if (sl_str_eqc(it->headers[i].key, name))
                        return it->headers[i].value.ptr && sl_str_eqc(it->headers[i].value, value);
        return false;
}

/* In the value itself, else under "payload" of Connect's JSON envelope. */
static bool json_is(struct sl_str json, const char *path, const char *value, struct sl_arena *arena)
{
        struct sl_str found, inner;
        if (!sl_dlq_json_at(json, path, arena, &found) &&
            !(sl_dlq_json_at(json, "payload", arena, &inner) && sl_dlq_json_at(inner, path, arena, &found)))
                return false;
        return found.ptr ? sl_str_eqc(found, value) : strcmp(value, "null") == 0;
}

bool sl_dlq_filter_place(const struct sl_dlq_filter *f, int32_t partition, int64_t offset)
{
        for (uint32_t i = 0; i < f->range_count; i++)
                if (f->ranges[i].id == partition && offset >= f->ranges[i].begin && (f->ranges[i].end < 0 || offset < f->ranges[i].end))
                        return true;
        return !f->range_count;
}

uint32_t sl_dlq_filter_parts(const struct sl_dlq_filter *f, struct sl_reader_part *ret)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < f->range_count; i++) {
                const struct sl_reader_part *r = &f->ranges[i];
                uint32_t k = 0;
                while (k < n && ret[k].id != r->id)
                        k++;
                if (k == n) {
                        ret[n++] = *r;
                        continue;
                }
                ret[k].begin = r->begin < ret[k].begin ? r->begin : ret[k].begin; /* -1 is the first of all */
                ret[k].end = r->end < 0 || ret[k].end < 0 ? -1 : r->end > ret[k].end ? r->end : ret[k].end;
        }
        return n;
}

bool sl_dlq_filter_early(const struct sl_dlq_filter *f, const struct sl_dlq_item *it, struct sl_arena *arena)
{
        if (!sl_dlq_filter_place(f, it->partition, it->offset))
                return false;
        if (f->since_ms && it->timestamp_ms < f->since_ms)
                return false;
        if (f->until_ms && it->timestamp_ms >= f->until_ms)
                return false;
        bool key = !f->key_count;
        for (uint32_t i = 0; i < f->key_count && !key; i++)
                key = it->key.ptr && sl_str_eqc(it->key, f->keys[i]);
        if (!key)
                return false;
        for (uint32_t i = 0; i < f->header_count; i++)
                if (!header_is(it, f->headers[i].name, f->headers[i].value))
                        return false;
        for (uint32_t i = 0; i < f->where_count; i++)
                if (!json_is(it->text.ptr ? it->text : it->payload, f->where[i].path, f->where[i].value, arena))
                        return false;
        return true;
}

bool sl_dlq_filter_judges(const struct sl_dlq_filter *f)
{
        return f->classes || f->code_count || f->group_count;
}

bool sl_dlq_filter_late(const struct sl_dlq_filter *f, const struct sl_dlq_item *it)
{
        if (f->classes && !(f->classes & 1u << it->class))
                return false;
        bool code = !f->code_count, group = !f->group_count;
        for (uint32_t i = 0; i < f->code_count && !code; i++)
                code = strcmp(it->code, f->codes[i]) == 0;
        for (uint32_t i = 0; i < f->group_count && !group; i++)
                group = it->fingerprint == f->groups[i];
        return code && group;
}
