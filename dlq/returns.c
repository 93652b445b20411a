/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what comes back (see returns.h): each look reads from where the last one ended to the present ends. */
#include "dlq/returns.h"
#include <stdlib.h>

#define ASK_MS 15000

enum sl_rc sl_returns_begin(struct sl_returns *r, const struct sl_reader_opts *opts, const char *job,
                            struct sl_err *err)
{
        int32_t n = 0;
        *r = (struct sl_returns){.opts = *opts, .job = job};
        SL_TRY(sl_admin_topic_partitions(opts->admin, opts->topic, ASK_MS, &n, err));
        int32_t *ids = sl_calloc((size_t)n + 1, sizeof(*ids));
        int64_t *ends = sl_calloc((size_t)n + 1, sizeof(*ends));
        for (int32_t i = 0; i < n; i++)
                ids[i] = i;
        enum sl_rc rc = n ? sl_admin_list_offsets(opts->admin, opts->topic, ids, (uint32_t)n, SL_AT_LATEST, false,
                                                  ASK_MS, ends, err)
                          : SL_OK;
        r->count = (uint32_t)n;
        r->parts = sl_calloc((size_t)n + 1, sizeof(*r->parts));
        for (int32_t i = 0; i < n; i++)
                r->parts[i] = (struct sl_reader_part){.id = i, .begin = ends[i], .end = -1};
        free(ids);
        free(ends);
        return rc;
}

static bool ours(const struct sl_returns *r, const struct sl_kmsg *m)
{
        for (uint32_t i = m->header_count; i-- > 0;)
                if (sl_str_eqc(m->headers[i].key, "__sluice.dlq.replay_id"))
                        return m->headers[i].value.ptr && sl_str_eqc(m->headers[i].value, r->job);
        return false;
}

enum sl_rc sl_returns_look(struct sl_returns *r, struct sl_err *err)
{
        struct sl_reader *reader;
        const struct sl_kmsg *messages;
        uint32_t n;
        enum sl_rc rc;

        r->opts.ranges = r->parts;
        r->opts.range_count = r->count;
        SL_TRY(sl_reader_open(&r->opts, &reader, err));
        while ((rc = sl_reader_next(reader, &messages, &n, err)) == SL_OK && n)
                for (uint32_t i = 0; i < n; i++)
                        r->seen += ours(r, &messages[i]);
        const struct sl_reader_part *read = sl_reader_parts(reader, &n);
        for (uint32_t i = 0; i < n; i++)
                r->parts[i].begin = read[i].next;
        sl_reader_close(reader);
        return rc;
}

void sl_returns_end(struct sl_returns *r)
{
        free(r->parts);
        *r = (struct sl_returns){0};
}
