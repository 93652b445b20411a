/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice dlq groups` and `stats`: a dead-letter topic as a whole. */
#include <stdio.h>
#include "base/clock.h"
#include "dlq/cmd.h"
#include "dlq/groups.h"
#include "dlq/print.h"

/* ---- groups ---- */

static void group_json(const struct sl_dlq_group *g, struct sl_buf *out)
{
        sl_buf_printf(out, "{\"fingerprint\":\"%016llx\",\"class\":\"%s\",\"code\":", (unsigned long long)g->fingerprint, sl_rc_name(g->class));
        sl_dlq_json_text(out, sl_str_c(g->code));
        sl_buf_printf(out, ",\"confidence\":%u,\"count\":%llu,\"first\":", g->confidence, (unsigned long long)g->count);
        sl_dlq_json_time(out, g->first_ms);
        sl_buf_adds(out, ",\"last\":");
        sl_dlq_json_time(out, g->last_ms);
        sl_buf_printf(out, ",\"example\":{\"partition\":%d,\"offset\":%lld},\"exception\":", g->partition, (long long)g->offset);
        sl_dlq_json_text(out, g->exception);
        sl_buf_adds(out, ",\"message\":");
        sl_dlq_json_text(out, g->message);
        sl_buf_adds(out, ",\"connector\":");
        sl_dlq_json_text(out, g->connector);
        sl_buf_adds(out, "}\n");
}

static void group_text(const struct sl_dlq_group *g, struct sl_buf *out)
{
        sl_buf_printf(out, "%9llu  %016llx  %-15s %-17s ", (unsigned long long)g->count, (unsigned long long)g->fingerprint,
                      sl_rc_name(g->class), g->code);
        sl_dlq_time(out, g->first_ms);
        sl_buf_adds(out, "  ");
        sl_dlq_time(out, g->last_ms);
        sl_buf_printf(out, "  %d:%lld\n           ", g->partition, (long long)g->offset);
        if (g->exception.ptr) {
                sl_dlq_one_line(out, g->exception, 120);
                sl_buf_adds(out, ": ");
        }
        if (g->message.ptr)
                sl_dlq_one_line(out, g->message, 160);
        else if (!g->exception.ptr)
                sl_buf_adds(out, "(no reason was written: --connect URL finds it)");
        sl_buf_addc(out, '\n');
}

int sl_dlq_cmd_groups(struct sl_dlq_run *run)
{
        struct sl_dlq_groups *groups = sl_dlq_groups_new();
        struct sl_dlq_scan *scan = NULL;
        struct sl_dlq_item *items;
        struct sl_buf out = {0};
        uint32_t n = 1;
        enum sl_rc rc = sl_dlq_run_scan(run, &scan);
        while (rc == SL_OK && n) {
                rc = sl_dlq_scan_next(scan, &items, &n, &run->err);
                for (uint32_t i = 0; rc == SL_OK && i < n; i++)
                        sl_dlq_groups_add(groups, &items[i]);
        }
        if (rc == SL_OK) {
                const struct sl_dlq_group *g = sl_dlq_groups_sorted(groups, &n);
                if (!run->opts.json && n)
                        sl_buf_printf(&out, "%9s  %-16s  %-15s %-17s %-24s  %-24s  %s\n", "COUNT", "GROUP", "CLASS", "CODE", "FIRST", "LAST", "EXAMPLE");
                for (uint32_t i = 0; i < n; i++)
                        run->opts.json ? group_json(&g[i], &out) : group_text(&g[i], &out);
                if (!run->opts.json)
                        sl_buf_printf(&out, "%s%llu records read, %u groups\n", n ? "\n" : "", (unsigned long long)sl_dlq_scan_seen(scan), n);
                fwrite(sl_buf_cstr(&out), 1, out.len, run->out);
        }
        sl_dlq_scan_close(scan);
        sl_dlq_groups_free(groups);
        sl_buf_free(&out);
        return rc == SL_OK ? SL_EXIT_OK : sl_dlq_failed(run);
}

/* ---- stats ---- */

struct stats {
        uint64_t records, by_class[SL_UNKNOWN + 1], by_family[SL_DLQ_FAMILY_COUNT], unresolved, again;
        int64_t oldest_ms, newest_ms, retention_ms, waiting;
};

static void count(struct stats *s, const struct sl_dlq_item *it)
{
        s->records++;
        s->by_class[it->class]++;
        s->by_family[it->family]++;
        s->unresolved += !it->origin.topic.ptr;
        s->again += it->sets > 1;
        if (it->timestamp_ms >= 0 && (s->oldest_ms < 0 || it->timestamp_ms < s->oldest_ms))
                s->oldest_ms = it->timestamp_ms;
        if (it->timestamp_ms > s->newest_ms)
                s->newest_ms = it->timestamp_ms;
}

/* When retention takes the oldest record: it knows record times, as we do. -1 = never, or not known. */
static int64_t read_retention(struct sl_dlq_run *run)
{
        struct sl_buf text = {0}, policy = {0};
        struct sl_err err = {0};
        int64_t ms = -1;
        if (sl_admin_topic_config(run->admin, run->opts.topic, "cleanup.policy", 10000, &policy, &err) != SL_OK ||
            !strstr(sl_buf_cstr(&policy), "delete") ||
            sl_admin_topic_config(run->admin, run->opts.topic, "retention.ms", 10000, &text, &err) != SL_OK ||
            !sl_parse_i64((struct sl_str){text.ptr, text.len}, &ms))
                ms = -1;
        sl_buf_free(&text);
        sl_buf_free(&policy);
        return ms;
}

static void stats_json(struct sl_dlq_run *run, const struct stats *s, const struct sl_reader_part *p, uint32_t n, struct sl_buf *out)
{
        int64_t now = sl_wall_ms();
        sl_buf_adds(out, "{\"topic\":");
        sl_dlq_json_text(out, sl_str_c(run->opts.topic));
        sl_buf_printf(out, ",\"records\":%llu,\"classes\":{", (unsigned long long)s->records);
        for (int c = SL_TRANSIENT; c <= SL_UNKNOWN; c++)
                sl_buf_printf(out, "%s\"%s\":%llu", c == SL_TRANSIENT ? "" : ",", sl_rc_name((enum sl_rc)c), (unsigned long long)s->by_class[c]);
        sl_buf_adds(out, "},\"families\":{");
        bool comma = false;
        for (int f = 0; f < SL_DLQ_FAMILY_COUNT; f++)
                if (s->by_family[f]) {
                        sl_buf_printf(out, "%s\"%s\":%llu", comma ? "," : "", sl_dlq_family_name((enum sl_dlq_family)f),
                                      (unsigned long long)s->by_family[f]);
                        comma = true;
                }
        sl_buf_printf(out, "},\"unresolved\":%llu,\"failed_again\":%llu,\"waiting\":%lld,\"oldest\":", (unsigned long long)s->unresolved,
                      (unsigned long long)s->again, (long long)s->waiting);
        sl_dlq_json_time(out, s->oldest_ms);
        sl_buf_adds(out, ",\"newest\":");
        sl_dlq_json_time(out, s->newest_ms);
        sl_buf_printf(out, ",\"oldest_age_ms\":%lld,\"retention_ms\":%lld,\"retention_left_ms\":", s->oldest_ms < 0 ? -1 : (long long)(now - s->oldest_ms),
                      (long long)s->retention_ms);
        if (s->retention_ms < 0 || s->oldest_ms < 0)
                sl_buf_adds(out, "null");
        else
                sl_buf_add_i64(out, s->oldest_ms + s->retention_ms - now);
        sl_buf_adds(out, ",\"partitions\":[");
        for (uint32_t i = 0; i < n; i++)
                sl_buf_printf(out, "%s{\"partition\":%d,\"begin\":%lld,\"end\":%lld}", i ? "," : "", p[i].id, (long long)p[i].begin, (long long)p[i].end);
        sl_buf_adds(out, "]}\n");
}

static void duration(struct sl_buf *out, int64_t ms)
{
        static const struct { int64_t ms; const char *unit; } units[] = {{86400000, "days"}, {3600000, "hours"}, {60000, "minutes"}, {1000, "seconds"}};
        size_t i = 0;
        while (i < 3 && ms < 2 * units[i].ms)
                i++;
        sl_buf_printf(out, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
}

static void stats_text(struct sl_dlq_run *run, const struct stats *s, const struct sl_reader_part *p, uint32_t n, struct sl_buf *out)
{
        int64_t now = sl_wall_ms();
        sl_buf_printf(out, "%s: %llu records in %u partitions\n", run->opts.topic, (unsigned long long)s->records, n);
        for (int c = SL_TRANSIENT; c <= SL_UNKNOWN; c++)
                if (s->by_class[c])
                        sl_buf_printf(out, "  %-18s %llu\n", sl_rc_name((enum sl_rc)c), (unsigned long long)s->by_class[c]);
        sl_buf_adds(out, "written by\n");
        for (int f = 0; f < SL_DLQ_FAMILY_COUNT; f++)
                if (s->by_family[f])
                        sl_buf_printf(out, "  %-18s %llu\n", f ? sl_dlq_family_name((enum sl_dlq_family)f) : "(no headers)", (unsigned long long)s->by_family[f]);
        sl_buf_printf(out, "origin unresolved    %llu\nfailed again         %llu\n", (unsigned long long)s->unresolved, (unsigned long long)s->again);
        if (s->waiting)
                sl_buf_printf(out, "held back by open transactions: %lld offsets\n", (long long)s->waiting);
        if (s->oldest_ms >= 0) {
                sl_buf_adds(out, "oldest               ");
                sl_dlq_time(out, s->oldest_ms);
                sl_buf_adds(out, ", ");
                duration(out, now - s->oldest_ms);
                sl_buf_adds(out, " ago\nnewest               ");
                sl_dlq_time(out, s->newest_ms);
                sl_buf_addc(out, '\n');
        }
        if (s->retention_ms >= 0 && s->oldest_ms >= 0) {
                int64_t left = s->oldest_ms + s->retention_ms - now;
                sl_buf_adds(out, "retention takes the oldest ");
                if (left > 0) {
                        sl_buf_adds(out, "in ");
                        duration(out, left);
                } else {
                        sl_buf_adds(out, "at any time");
                }
                sl_buf_addc(out, '\n');
        }
        for (uint32_t i = 0; i < n; i++)
                sl_buf_printf(out, "  partition %d: offsets %lld to %lld\n", p[i].id, (long long)p[i].begin, (long long)p[i].end);
}

int sl_dlq_cmd_stats(struct sl_dlq_run *run)
{
        struct stats s = {.oldest_ms = -1, .newest_ms = -1};
        struct sl_dlq_scan *scan = NULL;
        struct sl_dlq_item *items;
        struct sl_buf out = {0};
        uint32_t n = 1;
        enum sl_rc rc = sl_dlq_run_scan(run, &scan);
        while (rc == SL_OK && n) {
                rc = sl_dlq_scan_next(scan, &items, &n, &run->err);
                for (uint32_t i = 0; rc == SL_OK && i < n; i++)
                        count(&s, &items[i]);
        }
        if (rc == SL_OK) {
                const struct sl_reader_part *p = sl_dlq_scan_parts(scan, &n);
                for (uint32_t i = 0; i < n && !run->opts.filter.range_count; i++)
                        s.waiting += p[i].high - p[i].end;
                s.retention_ms = read_retention(run);
                run->opts.json ? stats_json(run, &s, p, n, &out) : stats_text(run, &s, p, n, &out);
                fwrite(sl_buf_cstr(&out), 1, out.len, run->out);
        }
        sl_dlq_scan_close(scan);
        sl_buf_free(&out);
        return rc == SL_OK ? SL_EXIT_OK : sl_dlq_failed(run);
}
