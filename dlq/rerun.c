/* SPDX-License-Identifier: Apache-2.0 */
/* The second run (see rerun.h). What fails is judged as a dead letter with headers is, by the same tables: our converters and
 * transforms say what Connect's say. */
#include "dlq/rerun.h"
#include "dlq/internal.h"

static const char *first_topic(const struct sl_dlq_lender *l)
{
        return l->topics && l->topics[0] ? l->topics[0] : "";
}

/* The record's own headers: those that told of its failure were not there. */
static void add_headers(struct sl_record *rec, const struct sl_dlq_item *it, struct sl_arena *arena)
{
        struct sl_header *own = sl_headers_grow(rec, it->header_count, arena);
        for (uint32_t i = 0; i < it->header_count; i++)
                if (!sl_dlq_is_told(it->headers[i].key))
                        own[rec->header_count++] = (struct sl_header){.key = it->headers[i].key, .raw = it->headers[i].value};
        rec->raw_headers = own;
        rec->raw_header_count = rec->header_count;
}

static enum sl_rc run(const struct sl_dlq_lender *l, struct sl_record *rec, struct sl_arena *arena, struct sl_dlq_rerun *ret)
{
        SL_TRY(sl_codec_decode((struct sl_codec *)&l->codec, rec, arena, &ret->err));
        for (uint32_t i = 0; l->chain && i < sl_chain_count(l->chain) && !rec->dropped; i++) {
                enum sl_rc rc = sl_chain_step(l->chain, i, rec, arena, NULL, &ret->err);
                if (rc != SL_OK) {
                        ret->step = sl_chain_alias(l->chain, i);
                        return rc;
                }
        }
        ret->dropped = rec->dropped;
        return SL_OK;
}

void sl_dlq_rerun(const struct sl_dlq_lender *l, const struct sl_dlq_item *it, struct sl_arena *arena, struct sl_dlq_rerun *ret)
{
        struct sl_record rec = {.topic = it->origin.topic.ptr ? it->origin.topic : sl_str_c(first_topic(l)),
                                .partition = it->origin.partition < 0 ? 0 : it->origin.partition,
                                .offset = it->origin.offset < 0 ? 0 : it->origin.offset,
                                .timestamp_ms = it->timestamp_ms,
                                .raw_key = it->key,
                                .raw_value = it->payload};
        memset(ret, 0, sizeof(*ret));
        if (it->pointer && !it->fetched)
                return;
        add_headers(&rec, it, arena);
        ret->ran = true;
        ret->passed = run(l, &rec, arena, ret) == SL_OK;
}

static struct sl_str kept(struct sl_arena *arena, struct sl_str s)
{
        return (struct sl_str){sl_arena_strndup(arena, s.ptr, s.len), s.len};
}

void sl_dlq_rerun_judge(struct sl_dlq_item *it, const struct sl_dlq_rerun *r, uint8_t below, struct sl_arena *arena)
{
        if (!r->ran || it->confidence >= below)
                return;
        if (r->passed) {
                it->code = r->dropped ? "dropped" : "decodes.now";
                it->evidence[0] = (struct sl_dlq_evidence){SL_DLQ_BY_RERUN, SL_STR("converters and transforms pass now")};
                it->evidence_count = 1;
                it->fingerprint = it->fingerprint * 0x9E3779B97F4A7C15u + 1;
                return;
        }
        /* As if the connector had written headers. */
        struct sl_buf trace = {0};
        struct sl_dlq_item told = {.stage = r->err.stage, .value = it->value, .key = it->key, .family = SL_DLQ_CONNECT};
        sl_err_trace(&r->err, &trace);
        told.trace = kept(arena, (struct sl_str){trace.ptr, trace.len});
        told.exception = sl_str_c(r->err.java);
        told.message = kept(arena, sl_err_message(&r->err));
        sl_buf_free(&trace);
        sl_dlq_item_judge(&told, NULL, NULL, arena);
        it->stage = told.stage;
        it->exception = told.exception;
        it->message = told.message;
        it->cause = told.cause;
        it->cause_message = told.cause_message;
        it->class = told.class;
        it->code = told.code;
        it->confidence = told.confidence;
        it->fingerprint = told.fingerprint;
        it->evidence[0] = (struct sl_dlq_evidence){SL_DLQ_BY_RERUN, sl_str_c(sl_stage_name(told.stage))};
        it->evidence_count = 1;
        for (uint32_t i = 0; i < told.evidence_count && it->evidence_count < SL_DLQ_EVIDENCE_MAX; i++)
                if (told.evidence[i].by != SL_DLQ_BY_STAGE)
                        it->evidence[it->evidence_count++] = told.evidence[i];
}
