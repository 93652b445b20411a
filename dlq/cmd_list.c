/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice dlq list`, `show` and `export`: the records of a dead-letter topic, one by one. */
#include <errno.h>
#include <stdio.h>
#include "dlq/cmd.h"
#include "dlq/print.h"

#define SHOWN_BYTES 512

typedef void print_item(struct sl_dlq_run *run, const struct sl_dlq_item *it, struct sl_buf *out);

/* What an open transaction keeps from us is no end of the topic: say so. */
static void tell_of_open_transactions(struct sl_dlq_run *run, const struct sl_dlq_scan *scan)
{
        uint32_t n;
        const struct sl_reader_part *p = sl_dlq_scan_parts(scan, &n);
        for (uint32_t i = 0; i < n; i++)
                if (p[i].high > p[i].end && !run->opts.filter.range_count)
                        fprintf(run->say, "sluice: %s-%d: offsets %lld to %lld wait for the end of an open transaction\n", run->opts.topic, p[i].id,
                                (long long)p[i].end, (long long)p[i].high - 1);
}

static int each(struct sl_dlq_run *run, FILE *file, print_item *print)
{
        struct sl_dlq_scan *scan = NULL;
        struct sl_dlq_item *items;
        struct sl_buf out = {0};
        uint32_t n = 1;
        int64_t left = run->opts.limit ? run->opts.limit : INT64_MAX;
        enum sl_rc rc = sl_dlq_run_scan(run, &scan);
        while (rc == SL_OK && n && left > 0) {
                rc = sl_dlq_scan_next(scan, &items, &n, &run->err);
                sl_buf_clear(&out);
                for (uint32_t i = 0; rc == SL_OK && i < n && left > 0; i++, left--)
                        print(run, &items[i], &out);
                if (fwrite(sl_buf_cstr(&out), 1, out.len, file) != out.len)
                        rc = sl_fail(&run->err, SL_E_IO, "the output could not be written: %s", strerror(errno));
        }
        if (rc == SL_OK)
                tell_of_open_transactions(run, scan);
        sl_dlq_scan_close(scan);
        sl_buf_free(&out);
        return rc == SL_OK ? SL_EXIT_OK : sl_dlq_failed(run);
}

/* ---- list ---- */

static void origin_text(struct sl_buf *out, const struct sl_dlq_origin *o)
{
        if (!o->topic.ptr) {
                sl_buf_adds(out, "unresolved");
                return;
        }
        sl_dlq_one_line(out, o->topic, 60);
        if (o->partition >= 0)
                sl_buf_printf(out, "-%d", o->partition);
        if (o->offset >= 0)
                sl_buf_printf(out, "@%lld", (long long)o->offset);
}

static void list_item(struct sl_dlq_run *run, const struct sl_dlq_item *it, struct sl_buf *out)
{
        if (run->opts.json) {
                sl_buf_addc(out, '{');
                sl_dlq_json_item(out, run->opts.topic, it);
                sl_buf_adds(out, "}\n");
                return;
        }
        sl_buf_printf(out, "%d:%-8lld ", it->partition, (long long)it->offset);
        sl_dlq_time(out, it->timestamp_ms);
        sl_buf_printf(out, "  %-15s %-16s %016llx  ", sl_rc_name(it->class), it->code, (unsigned long long)it->fingerprint);
        origin_text(out, &it->origin);
        sl_buf_adds(out, "  ");
        sl_dlq_one_line(out, it->message, 120);
        sl_buf_addc(out, '\n');
}

int sl_dlq_cmd_list(struct sl_dlq_run *run)
{
        return each(run, run->out, list_item);
}

/* ---- show ---- */

static void row(struct sl_buf *out, const char *name, struct sl_str text)
{
        if (!text.ptr)
                return;
        sl_buf_printf(out, "  %-12s ", name);
        sl_dlq_one_line(out, text, 300);
        sl_buf_addc(out, '\n');
}

static void show_headers(const struct sl_dlq_item *it, struct sl_buf *out)
{
        for (uint32_t i = 0; i < it->header_count; i++) {
                struct sl_str v = it->headers[i].value;
                sl_buf_adds(out, "  header       ");
                sl_dlq_one_line(out, it->headers[i].key, 200);
                sl_buf_adds(out, " = ");
                if (!v.ptr)
                        sl_buf_adds(out, "null");
                else if (sl_utf8_valid(v) && !memchr(v.ptr, 0, v.len))
                        sl_dlq_one_line(out, v, 200);
                else
                        for (size_t k = 0; k < v.len && k < 32; k++)
                                sl_buf_printf(out, "%02x%s", (uint8_t)v.ptr[k], k == 31 && v.len > 32 ? "..." : "");
                sl_buf_addc(out, '\n');
        }
}

static void show_text(struct sl_dlq_run *run, const struct sl_dlq_item *it, struct sl_buf *out)
{
        sl_buf_printf(out, "%s-%d@%lld  ", run->opts.topic, it->partition, (long long)it->offset);
        sl_dlq_time(out, it->timestamp_ms);
        sl_buf_printf(out, "\n  class        %s, %s (%u %%), group %016llx\n", sl_rc_name(it->class), it->code, it->confidence,
                      (unsigned long long)it->fingerprint);
        for (uint32_t i = 0; i < it->evidence_count; i++)
                sl_buf_printf(out, "  evidence     %s: %.*s\n", sl_dlq_reason_name(it->evidence[i].by), SL_FMT(it->evidence[i].what));
        sl_buf_adds(out, "  origin       ");
        origin_text(out, &it->origin);
        sl_buf_printf(out, "%s%s%s\n", it->origin.how ? " (by " : "", it->origin.how ? it->origin.how : "", it->origin.how ? ")" : "");
        sl_buf_printf(out, "  written by   %s, %u time%s dead-lettered", sl_dlq_family_name(it->family), it->sets, it->sets == 1 ? "" : "s");
        if (it->attempts >= 0)
                sl_buf_printf(out, ", %d attempts", it->attempts);
        sl_buf_addc(out, '\n');
        if (it->pointer)
                row(out, "original", sl_str_c(it->fetched ? "fetched from there" : it->missing));
        row(out, "connector", it->connector);
        if (it->stage != SL_STAGE_NONE)
                row(out, "stage", sl_str_c(sl_stage_name(it->stage)));
        row(out, "operation", it->operation);
        row(out, "exception", it->exception);
        row(out, "message", it->message);
        if (it->cause.ptr && !sl_str_eq(it->cause, it->exception)) {
                row(out, "cause", it->cause);
                row(out, "its message", it->cause_message);
        }
        show_headers(it, out);
        sl_buf_adds(out, "  key\n");
        sl_dlq_bytes(out, it->key, SHOWN_BYTES, "    ");
        sl_buf_printf(out, "  value%s\n", it->wrapped ? " (the wrapped one)" : "");
        sl_dlq_bytes(out, it->payload, SHOWN_BYTES, "    ");
        sl_buf_addc(out, '\n');
}

static void whole_json(struct sl_dlq_run *run, const struct sl_dlq_item *it, struct sl_buf *out)
{
        sl_buf_addc(out, '{');
        sl_dlq_json_item(out, run->opts.topic, it);
        sl_dlq_json_bytes(out, it);
        sl_buf_adds(out, "}\n");
}

int sl_dlq_cmd_show(struct sl_dlq_run *run)
{
        if (!run->opts.limit && !run->opts.filter.range_count)
                run->opts.limit = 10;
        return each(run, run->out, run->opts.json ? whole_json : show_text);
}

/* ---- export ---- */

int sl_dlq_cmd_export(struct sl_dlq_run *run)
{
        FILE *file = run->opts.output ? fopen(run->opts.output, "we") : run->out;
        if (!file) {
                fprintf(run->say, "sluice: %s can't be written: %s\n", run->opts.output, strerror(errno));
                return SL_EXIT_FAILED;
        }
        int code = each(run, file, whole_json);
        if (file != run->out && fclose(file) != 0 && code == SL_EXIT_OK) {
                fprintf(run->say, "sluice: %s could not be written to its end: %s\n", run->opts.output, strerror(errno));
                return SL_EXIT_FAILED;
        }
        return code;
}
