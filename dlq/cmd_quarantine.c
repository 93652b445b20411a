/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice dlq quarantine`, `release` and `discard`: what becomes of records that are not to be replayed. Nothing is
 * deleted from the dead-letter topic: quarantine copies a record, as it stands, into the quarantine topic with what is
 * known of it, discard only closes it, release takes either back. Copy, ledger and audit entry are one transaction. */
#include <stdio.h>
#include "dlq/aside.h"
#include "dlq/cmd.h"

struct run {
        struct sl_dlq_run *dlq;
        enum sl_dlq_state to; /* quarantined, discarded, or open again */
        struct sl_dlq_act *act;
        struct sl_dlq_ledger *ledger;
        struct sl_dlq_aside *aside;
        uint64_t selected, done, already;
};

static enum sl_rc act_on(struct run *r, const struct sl_dlq_item *it)
{
        enum sl_dlq_state now = sl_dlq_ledger_state(r->ledger, it->partition, it->offset);
        bool open = now == SL_DLQ_OPEN, shut = now >= SL_DLQ_QUARANTINED;
        if (r->to == SL_DLQ_OPEN ? !shut : !open) {
                r->already++;
                return SL_OK;
        }
        r->done++;
        if (r->dlq->opts.dry_run)
                return SL_OK;
        SL_TRY(sl_dlq_act_begin(r->act, &r->dlq->err));
        if (r->to == SL_DLQ_QUARANTINED)
                SL_TRY(sl_dlq_aside_put(r->aside, r->act, it, r->dlq->opts.reason, SL_STR_NULL, &r->dlq->err));
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
                SL_TRY(sl_dlq_aside_neighbours(r->aside, &opts, &r->dlq->err));
        }
        SL_TRY(sl_dlq_run_scan(r->dlq, &scan));
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && (rc = sl_dlq_scan_next(scan, &items, &n, &r->dlq->err)) == SL_OK && n)
                for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                        r->selected++;
                        rc = act_on(r, &items[i]);
                }
        sl_dlq_scan_close(scan);
        return rc;
}

static enum sl_rc open_quarantine(struct run *r)
{
        const struct sl_dlq_opts *o = &r->dlq->opts;
        struct sl_dlq_aside_opts opts = {
                .admin = r->dlq->admin, .client = &o->client, .topic = o->topic, .decode = r->dlq->decode, .make = !o->dry_run};
        return sl_dlq_aside_open(&opts, &r->aside, &r->dlq->err);
}

static json_t *result_of(const struct run *r)
{
        json_t *obj =
                json_pack("{s:I, s:I, s:I, s:b}", "selected", (json_int_t)r->selected, r->dlq->command,
                          (json_int_t)r->done, "unchanged", (json_int_t)r->already, "applied", !r->dlq->opts.dry_run);
        if (r->to == SL_DLQ_QUARANTINED)
                json_object_set_new(obj, "quarantine_topic", json_string(sl_dlq_aside_topic(r->aside)));
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
                sl_dlq_await_readers(dlq->admin, sl_dlq_aside_topic(r->aside), sl_dlq_aside_partitions(r->aside));
        return SL_OK;
}

static void print(struct run *r)
{
        struct sl_buf text = {0};
        sl_auto_json *obj = result_of(r);
        sl_json_dump(obj, &text);
        if (r->dlq->opts.json)
                fprintf(r->dlq->out, "%s\n", sl_buf_cstr(&text));
        else
                fprintf(r->dlq->out, "%s%s: %lu of %lu records; %lu were not %s\n", r->dlq->opts.dry_run ? "would " : "",
                       r->dlq->command, r->done, r->selected, r->already,
                       r->to == SL_DLQ_OPEN ? "quarantined or discarded" : "open any more");
        sl_buf_free(&text);
}

static int command(struct sl_dlq_run *dlq, enum sl_dlq_state to)
{
        struct run r = {.dlq = dlq, .to = to};
        enum sl_rc rc = go(&r);
        if (rc == SL_OK)
                print(&r);
        sl_dlq_act_close(r.act);
        sl_dlq_aside_close(r.aside);
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
