/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice dlq quarantine`, `release` and `discard`: what becomes of records that are not to be replayed. Nothing is
 * deleted from the dead-letter topic: quarantine copies a record, as it stands, into the quarantine topic with what is
 * known of it, discard only closes it, release takes either back. Copy, ledger and audit entry are one transaction. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "dlq/act.h"
#include "dlq/cmd.h"
#include "dlq/diagnosis.h"
#include "dlq/letter.h"
#include "dlq/print.h"

#define HEX_BYTES 64
#define DIAGNOSIS "__sluice.dlq.quarantine"

struct run {
        struct sl_dlq_run *dlq;
        enum sl_dlq_state to; /* quarantined, discarded, or open again */
        struct sl_dlq_act *act;
        struct sl_dlq_ledger *ledger;
        struct sl_buf topic; /* of quarantined records */
        int32_t partitions;
        struct sl_buf diagnosis;
        struct sl_dlq_diagnosis known;
        struct sl_kheader *headers;
        uint32_t header_room;
        uint64_t selected, done, already;
};

static void add_text(struct sl_buf *out, const char *name, struct sl_str text)
{
        if (!text.ptr)
                return;
        sl_buf_printf(out, ",\"%s\":", name);
        sl_buf_add_json_str(out, text.ptr, text.len);
}

static void add_origin(struct sl_buf *out, const struct sl_dlq_origin *o)
{
        if (!o->topic.ptr)
                return;
        sl_buf_adds(out, ",\"origin\":{\"topic\":");
        sl_buf_add_json_str(out, o->topic.ptr, o->topic.len);
        if (o->partition >= 0)
                sl_buf_printf(out, ",\"partition\":%d", o->partition);
        if (o->offset >= 0)
                sl_buf_printf(out, ",\"offset\":%ld", o->offset);
        sl_buf_addc(out, '}');
}

/* Everything that is known of it, for whoever finds it next month. */
static void diagnose(struct run *r, const struct sl_dlq_item *it)
{
        struct sl_buf *out = &r->diagnosis, who = {0};
        const struct sl_dlq_opts *o = &r->dlq->opts;
        sl_buf_clear(out);
        sl_buf_adds(out, "{\"topic\":");
        sl_buf_add_json_str(out, o->topic, strlen(o->topic));
        sl_buf_printf(out, ",\"partition\":%d,\"offset\":%ld,\"timestamp\":%ld", it->partition, it->offset,
                      it->timestamp_ms);
        add_origin(out, &it->origin);
        sl_buf_printf(out, ",\"class\":\"%s\",\"code\":\"%s\",\"confidence\":%u,\"fingerprint\":\"%016lx\"",
                      sl_rc_name(it->class), it->code, it->confidence, it->fingerprint);
        sl_buf_adds(out, ",\"evidence\":[");
        for (uint32_t i = 0; i < it->evidence_count; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                sl_buf_add_json_str(out, it->evidence[i].what.ptr ? it->evidence[i].what.ptr : "",
                                    it->evidence[i].what.len);
        }
        sl_buf_addc(out, ']');
        sl_buf_printf(out, ",\"family\":\"%s\"", sl_dlq_family_name(it->family));
        if (it->stage != SL_STAGE_NONE)
                sl_buf_printf(out, ",\"stage\":\"%s\"", sl_stage_name(it->stage));
        add_text(out, "connector", it->connector);
        add_text(out, "exception", it->exception);
        add_text(out, "cause", it->cause);
        add_text(out, "message", it->message);
        sl_buf_printf(out, ",\"dead_lettered\":%u,\"replayed\":%d", it->sets, it->hops);
        if (it->attempts >= 0)
                sl_buf_printf(out, ",\"attempts\":%d", it->attempts);
        sl_dlq_diagnose_bytes(&r->known, "key", it->origin.topic, it->key, out);
        if (!it->binary_payload)
                sl_dlq_diagnose_bytes(&r->known, "value", it->origin.topic, it->payload, out);
        sl_dlq_diagnose_neighbours(&r->known, &it->origin, out);
        sl_buf_printf(out, ",\"value_bytes\":%ld,\"value_begins\":", it->payload.ptr ? (long)it->payload.len : -1L);
        sl_dlq_json_hex(out, (struct sl_str){it->payload.ptr, it->payload.len < HEX_BYTES ? it->payload.len : HEX_BYTES});
        sl_dlq_who(&who);
        sl_buf_adds(out, ",\"who\":");
        sl_buf_add_json_str(out, who.ptr, who.len);
        add_text(out, "why", sl_str_c(o->reason));
        sl_buf_adds(out, ",\"at\":\"");
        sl_dlq_time(out, sl_wall_ms());
        sl_buf_adds(out, "\"}");
        sl_buf_free(&who);
}

static enum sl_rc put_aside(struct run *r, const struct sl_dlq_item *it)
{
        if (it->header_count + 1 > r->header_room) {
                r->header_room = (it->header_count + 1) * 2;
                r->headers = sl_realloc(r->headers, r->header_room * sizeof(*r->headers));
        }
        for (uint32_t i = 0; i < it->header_count; i++)
                r->headers[i] = it->headers[i];
        diagnose(r, it);
        r->headers[it->header_count] = (struct sl_kheader){SL_STR(DIAGNOSIS), {r->diagnosis.ptr, r->diagnosis.len}};
        struct sl_message m = {.topic = sl_str_c(sl_buf_cstr(&r->topic)),
                               .partition = it->partition % r->partitions,
                               .key = it->key,
                               .value = it->value,
                               .headers = r->headers,
                               .header_count = it->header_count + 1,
                               .timestamp_ms = it->timestamp_ms};
        return sl_dlq_act_send(r->act, &m, &r->dlq->err);
}

static enum sl_rc act_on(struct run *r, const struct sl_dlq_item *it)
{
        enum sl_dlq_state now = sl_dlq_ledger_state(r->ledger, it->partition, it->offset);
        bool open = now == SL_DLQ_OPEN, shut = now == SL_DLQ_QUARANTINED || now == SL_DLQ_DISCARDED;
        if (r->to == SL_DLQ_OPEN ? !shut : !open) {
                r->already++;
                return SL_OK;
        }
        r->done++;
        if (r->dlq->opts.dry_run)
                return SL_OK;
        SL_TRY(sl_dlq_act_begin(r->act, &r->dlq->err));
        if (r->to == SL_DLQ_QUARANTINED)
                SL_TRY(put_aside(r, it));
        sl_dlq_ledger_mark(r->ledger, it->partition, it->offset, r->to);
        return sl_dlq_act_due(r->act) ? sl_dlq_act_commit(r->act, &r->dlq->err) : SL_OK;
}

static enum sl_rc act_on_all(struct run *r)
{
        struct sl_dlq_scan *scan;
        struct sl_dlq_item *items;
        uint32_t n;
        if (r->to == SL_DLQ_QUARANTINED && !r->dlq->opts.dry_run) {
                struct sl_dlq_scan_opts opts;
                SL_TRY(sl_dlq_run_opts(r->dlq, &opts));
                SL_TRY(sl_dlq_diagnosis_read(&r->known, &opts, &r->dlq->err));
        }
        SL_TRY(sl_dlq_run_scan(r->dlq, &scan));
        enum sl_rc rc;
        while ((rc = sl_dlq_scan_next(scan, &items, &n, &r->dlq->err)) == SL_OK && n)
                for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                        r->selected++;
                        rc = act_on(r, &items[i]);
                }
        sl_dlq_scan_close(scan);
        return rc;
}

/* As many partitions as the dead-letter topic has: a record keeps its own. */
static enum sl_rc open_quarantine(struct run *r)
{
        const struct sl_dlq_opts *o = &r->dlq->opts;
        struct sl_buf fallback = {0};
        int32_t partitions = 0;
        sl_buf_printf(&fallback, "%s-quarantine", o->topic);
        sl_buf_adds(&r->topic, sl_dlq_act_topic(&o->client, SL_DLQ_QUARANTINE_KEY, sl_buf_cstr(&fallback)));
        sl_buf_free(&fallback);
        SL_TRY(sl_admin_topic_partitions(r->dlq->admin, o->topic, 15000, &partitions, &r->dlq->err));
        struct sl_topic_spec spec = {.name = sl_buf_cstr(&r->topic), .partitions = partitions, .replication = -1};
        r->partitions = partitions;
        return o->dry_run ? SL_OK : sl_dlq_ensure_topic(r->dlq->admin, &spec, &r->partitions, &r->dlq->err);
}

static json_t *result_of(const struct run *r)
{
        json_t *obj =
                json_pack("{s:I, s:I, s:I, s:b}", "selected", (json_int_t)r->selected, r->dlq->command,
                          (json_int_t)r->done, "unchanged", (json_int_t)r->already, "applied", !r->dlq->opts.dry_run);
        if (r->to == SL_DLQ_QUARANTINED)
                json_object_set_new(obj, "quarantine_topic", json_string(sl_buf_cstr((struct sl_buf *)&r->topic)));
        return obj;
}

static enum sl_rc go(struct run *r)
{
        struct sl_dlq_run *dlq = r->dlq;
        struct sl_dlq_act_opts opts = {.cfg = dlq->kafka,
                                       .admin = dlq->admin,
                                       .topic = dlq->opts.topic,
                                       .target = "original",
                                       .write = !dlq->opts.dry_run,
                                       .stop = &dlq->stop};
        if (r->to == SL_DLQ_QUARANTINED)
                SL_TRY(open_quarantine(r));
        SL_TRY(sl_dlq_act_open(&opts, &r->act, &dlq->err));
        r->ledger = sl_dlq_act_ledger(r->act);
        SL_TRY(act_on_all(r));
        if (dlq->opts.dry_run)
                return SL_OK;
        sl_auto_json *result = result_of(r);
        SL_TRY(sl_dlq_act_audit(r->act, dlq->command, dlq->opts.reason, result, &dlq->err));
        SL_TRY(sl_dlq_act_commit(r->act, &dlq->err));
        if (r->to == SL_DLQ_QUARANTINED)
                sl_dlq_await_readers(dlq->admin, sl_buf_cstr(&r->topic), r->partitions);
        return SL_OK;
}

static void print(struct run *r)
{
        struct sl_buf text = {0};
        sl_auto_json *obj = result_of(r);
        sl_json_dump(obj, &text);
        if (r->dlq->opts.json)
                printf("%s\n", sl_buf_cstr(&text));
        else
                printf("%s%s: %lu of %lu records; %lu were not %s\n", r->dlq->opts.dry_run ? "would " : "",
                       r->dlq->command, r->done, r->selected, r->already,
                       r->to == SL_DLQ_OPEN ? "quarantined or discarded" : "open any more");
        sl_buf_free(&text);
}

static int command(struct sl_dlq_run *dlq, enum sl_dlq_state to)
{
        struct run r = {.dlq = dlq, .to = to, .known.decode = dlq->decode};
        enum sl_rc rc = go(&r);
        if (rc == SL_OK)
                print(&r);
        sl_dlq_act_close(r.act);
        sl_buf_free(&r.topic);
        sl_buf_free(&r.diagnosis);
        sl_dlq_diagnosis_free(&r.known);
        free(r.headers);
        return rc == SL_OK ? SL_EXIT_OK : sl_dlq_failed(dlq);
}

int sl_dlq_cmd_quarantine(struct sl_dlq_run *run)
{
        return command(run, SL_DLQ_QUARANTINED);
}

int sl_dlq_cmd_release(struct sl_dlq_run *run)
{
        return command(run, SL_DLQ_OPEN);
}

int sl_dlq_cmd_discard(struct sl_dlq_run *run)
{
        return command(run, SL_DLQ_DISCARDED);
}
