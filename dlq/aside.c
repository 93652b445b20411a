/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantine records (see aside.h). Does not decide which letters are put aside, and closes none. */
#include "dlq/aside.h"
#include <stdlib.h>
#include "base/clock.h"
#include "dlq/letter.h"
#include "dlq/print.h"

#define ASK_MS 15000
#define HEX_BYTES 64
#define DIAGNOSIS "__sluice.dlq.quarantine"

struct sl_dlq_aside {
        struct sl_dlq_aside_opts opts;
        struct sl_buf topic; /* of quarantined records */
        int32_t partitions;
        struct sl_dlq_diagnosis known;
        bool neighbours;
        struct sl_buf text;
        struct sl_kheader *headers;
        uint32_t header_room;
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
static void diagnose(struct sl_dlq_aside *a, const struct sl_dlq_item *it, const char *why, struct sl_str more)
{
        struct sl_buf *out = &a->text, who = {0};
        sl_buf_clear(out);
        sl_buf_adds(out, "{\"topic\":");
        sl_buf_add_json_str(out, a->opts.topic, strlen(a->opts.topic));
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
        if (!it->unread)
                sl_dlq_diagnose_bytes(&a->known, "key", it->origin.topic, it->key, out);
        if (!it->binary_payload && !it->unread)
                sl_dlq_diagnose_bytes(&a->known, "value", it->origin.topic, it->payload, out);
        if (a->neighbours)
                sl_dlq_diagnose_neighbours(&a->known, &it->origin, out);
        sl_buf_printf(out, ",\"value_bytes\":%ld,\"value_begins\":", it->payload.ptr ? (long)it->payload.len : -1L);
        sl_dlq_json_hex(out, (struct sl_str){it->payload.ptr, it->payload.len < HEX_BYTES ? it->payload.len : HEX_BYTES});
        sl_dlq_who(&who);
        sl_buf_adds(out, ",\"who\":");
        sl_buf_add_json_str(out, who.ptr, who.len);
        add_text(out, "why", sl_str_c(why));
        sl_buf_add_str(out, more);
        sl_buf_adds(out, ",\"at\":\"");
        sl_dlq_time(out, sl_wall_ms());
        sl_buf_adds(out, "\"}");
        sl_buf_free(&who);
}

enum sl_rc sl_dlq_aside_put(struct sl_dlq_aside *a, struct sl_dlq_act *act, const struct sl_dlq_item *it, const char *why,
                            struct sl_str more, struct sl_err *err)
{
        if (it->header_count + 1 > a->header_room) {
                a->header_room = (it->header_count + 1) * 2;
                a->headers = sl_realloc(a->headers, a->header_room * sizeof(*a->headers));
        }
        for (uint32_t i = 0; i < it->header_count; i++)
                a->headers[i] = it->headers[i];
        diagnose(a, it, why, more);
        a->headers[it->header_count] = (struct sl_kheader){SL_STR(DIAGNOSIS), {a->text.ptr, a->text.len}};
        struct sl_message m = {.topic = sl_str_c(sl_buf_cstr(&a->topic)),
                               .partition = it->partition % a->partitions,
                               .key = it->key,
                               .value = it->value,
                               .headers = a->headers,
                               .header_count = it->header_count + 1,
                               .timestamp_ms = it->timestamp_ms};
        return sl_dlq_act_send(act, &m, err);
}

/* As many partitions as the dead-letter topic has: a record keeps its own. */
static enum sl_rc open_topic(struct sl_dlq_aside *a, struct sl_err *err)
{
        struct sl_buf fallback = {0};
        int32_t partitions = 0;
        sl_buf_printf(&fallback, "%s-quarantine", a->opts.topic);
        sl_buf_adds(&a->topic, sl_dlq_act_topic(a->opts.client, SL_DLQ_QUARANTINE_KEY, sl_buf_cstr(&fallback)));
        sl_buf_free(&fallback);
        SL_TRY(sl_admin_topic_partitions(a->opts.admin, a->opts.topic, ASK_MS, &partitions, err));
        struct sl_topic_spec spec = {.name = sl_buf_cstr(&a->topic), .partitions = partitions, .replication = -1};
        a->partitions = partitions;
        return a->opts.make ? sl_dlq_ensure_topic(a->opts.admin, &spec, &a->partitions, err) : SL_OK;
}

enum sl_rc sl_dlq_aside_open(const struct sl_dlq_aside_opts *opts, struct sl_dlq_aside **ret, struct sl_err *err)
{
        struct sl_dlq_aside *a = sl_calloc(1, sizeof(*a));
        a->opts = *opts;
        a->known.decode = opts->decode;
        enum sl_rc rc = open_topic(a, err);
        if (rc != SL_OK) {
                sl_dlq_aside_close(a);
                return rc;
        }
        *ret = a;
        return SL_OK;
}

void sl_dlq_aside_close(struct sl_dlq_aside *a)
{
        if (!a)
                return;
        sl_dlq_diagnosis_free(&a->known);
        sl_buf_free(&a->topic);
        sl_buf_free(&a->text);
        free(a->headers);
        free(a);
}

enum sl_rc sl_dlq_aside_neighbours(struct sl_dlq_aside *a, const struct sl_dlq_scan_opts *scan, struct sl_err *err)
{
        a->neighbours = true;
        return sl_dlq_diagnosis_read(&a->known, scan, err);
}

const char *sl_dlq_aside_topic(const struct sl_dlq_aside *a)
{
        return sl_buf_cstr((struct sl_buf *)&a->topic);
}

int32_t sl_dlq_aside_partitions(const struct sl_dlq_aside *a)
{
        return a->partitions;
}
