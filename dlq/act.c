/* SPDX-License-Identifier: Apache-2.0 */
/* One writer a dead-letter topic (see act.h). Does not repeat what failed: the command opens everything again from what
 * the ledger says, so there is one way on after every fault. */
#include "dlq/act.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "dlq/print.h"

#define ASK_MS 15000
#define PAUSE_MS 50
#define VISIBLE_MS 5000
#define GLANCE_MS 5
#define TXN_TIMEOUT_MS 30000
#define CUT_BYTES (4 << 20)
#define CUT_MS 250
#define LAST_MS 2000
#define RECORD_OVERHEAD 70
#define RECORD_BYTES (128 << 20) /* what a broker once took must pass */
#define QUEUE_BYTES (256u << 20) /* transactions are far shorter: it never fills but for one huge record */

struct sl_dlq_act {
        struct sl_dlq_act_opts opts;
        struct sl_producer *producer;
        struct sl_dlq_ledger *ledger;
        const char *audit_topic;
        bool open;
        int64_t last_ms; /* until when last words may take, whether it is to stop or not; 0 = it is not at its end */
        size_t bytes;
        int64_t began_ms;
};

const char *sl_dlq_act_topic(const struct sl_props *client, const char *key, const char *fallback)
{
        const char *name = sl_props_get(client, key);
        return name && *name ? name : fallback;
}

enum sl_rc sl_dlq_ensure_topic(struct sl_admin *admin, const struct sl_topic_spec *spec, int32_t *ret_partitions,
                               struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + ASK_MS;
        bool created = false;

        SL_TRY(sl_admin_topic_partitions(admin, spec->name, ASK_MS, ret_partitions, err));
        if (*ret_partitions)
                return SL_OK;
        SL_TRY(sl_admin_create_topic(admin, spec, ASK_MS, &created, err));
        while (!*ret_partitions) { /* not every broker knows it at once */
                SL_TRY(sl_admin_topic_partitions(admin, spec->name, ASK_MS, ret_partitions, err));
                if (*ret_partitions)
                        break;
                if (sl_mono_ms() >= deadline)
                        return sl_fail(err, SL_E_KAFKA, "Topic %s is still unknown to the brokers after its creation",
                                       spec->name);
                nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        }
        return SL_OK;
}

static enum sl_rc stopped(const struct sl_dlq_act *a, struct sl_err *err)
{
        if (a->last_ms && sl_mono_ms() < a->last_ms)
                return SL_OK;
        if (a->opts.stop && atomic_load_explicit(a->opts.stop, memory_order_relaxed))
                return sl_fail(err, SL_E_STOPPED, "stopped: the same command line goes on where this one ended");
        return SL_OK;
}

static enum sl_rc tick(void *arg, struct sl_err *err)
{
        return stopped(arg, err);
}

static enum sl_rc open_producer(struct sl_dlq_act *a, struct sl_err *err)
{
        struct sl_buf id = {0};
        struct sl_producer_opts opts = {.cfg = a->opts.cfg,
                                        .client_id = "sluice-dlq",
                                        .txn_timeout_ms = TXN_TIMEOUT_MS,
                                        .queue_bytes = QUEUE_BYTES,
                                        .record_bytes = RECORD_BYTES,
                                        .batch_bytes = (int32_t)a->opts.batch_bytes,
                                        .tick = tick,
                                        .tick_arg = a};
        sl_buf_printf(&id, "sluice-dlq-%s", a->opts.topic);
        opts.transactional_id = sl_buf_cstr(&id);
        enum sl_rc rc = sl_producer_new(&opts, &a->producer, err);
        if (rc == SL_OK)
                rc = sl_producer_init(a->producer, err);
        sl_buf_free(&id);
        SL_TRY(rc);
        SL_FAULT_TRY("dlq.after_fence", SL_E_KAFKA, err);
        return SL_OK;
}

static enum sl_rc open_all(struct sl_dlq_act *a, struct sl_err *err)
{
        const struct sl_props *client = a->opts.cfg.worker;
        struct sl_topic_spec audit = {.partitions = 1, .replication = -1};
        struct sl_dlq_ledger_opts ledger = {.cfg = a->opts.cfg,
                                            .admin = a->opts.admin,
                                            .topic = a->opts.topic,
                                            .target = a->opts.target,
                                            .ledger_topic =
                                                    sl_dlq_act_topic(client, SL_DLQ_LEDGER_KEY, SL_DLQ_LEDGER_TOPIC),
                                            .write = a->opts.write,
                                            .stop = a->opts.stop};
        int32_t partitions;

        a->audit_topic = sl_dlq_act_topic(client, SL_DLQ_AUDIT_KEY, "sluice-dlq-audit");
        audit.name = a->audit_topic;
        if (a->opts.write) {
                SL_TRY(sl_dlq_ensure_topic(a->opts.admin, &audit, &partitions, err));
                SL_TRY(open_producer(a, err));
        }
        return sl_dlq_ledger_open(&ledger, &a->ledger, err);
}

enum sl_rc sl_dlq_act_open(const struct sl_dlq_act_opts *opts, struct sl_dlq_act **ret, struct sl_err *err)
{
        struct sl_dlq_act *a = sl_calloc(1, sizeof(*a));
        a->opts = *opts;
        enum sl_rc rc = open_all(a, err);
        if (rc != SL_OK) {
                sl_dlq_act_close(a);
                return rc;
        }
        *ret = a;
        return SL_OK;
}

void sl_dlq_act_close(struct sl_dlq_act *a)
{
        struct sl_err ignored = {0};
        if (!a)
                return;
        if (a->open && sl_producer_abort(a->producer, &ignored) != SL_OK)
                a->open = false; /* then its timeout ends it, or the next one who acts on this topic */
        sl_producer_free(a->producer);
        sl_dlq_ledger_close(a->ledger);
        free(a);
}

struct sl_dlq_ledger *sl_dlq_act_ledger(const struct sl_dlq_act *a)
{
        return a->ledger;
}

enum sl_rc sl_dlq_act_begin(struct sl_dlq_act *a, struct sl_err *err)
{
        SL_TRY(stopped(a, err));
        if (a->open)
                return SL_OK;
        SL_TRY(sl_producer_begin(a->producer, err));
        a->open = true;
        a->bytes = 0;
        a->began_ms = sl_mono_ms();
        return SL_OK;
}

enum sl_rc sl_dlq_act_send(struct sl_dlq_act *a, const struct sl_message *m, struct sl_err *err)
{
        for (;;) {
                bool full;
                SL_TRY(sl_producer_send(a->producer, m, &full, err));
                if (!full)
                        break;
                SL_TRY(sl_producer_serve(a->producer, 100, err));
                SL_TRY(stopped(a, err));
        }
        a->bytes += m->key.len + m->value.len + RECORD_OVERHEAD;
        SL_FAULT_TRY("dlq.after_send", SL_E_KAFKA_ABORT, err);
        return SL_OK;
}

static enum sl_rc send(void *arg, const struct sl_message *m, struct sl_err *err)
{
        return sl_dlq_act_send(arg, m, err);
}

bool sl_dlq_act_due(const struct sl_dlq_act *a)
{
        return a->open && (a->bytes >= CUT_BYTES || sl_mono_ms() - a->began_ms >= CUT_MS);
}

enum sl_rc sl_dlq_act_commit(struct sl_dlq_act *a, struct sl_err *err)
{
        SL_TRY(sl_dlq_act_begin(a, err));
        SL_FAULT_TRY("dlq.before_ledger", SL_E_KAFKA_ABORT, err);
        SL_TRY(sl_dlq_ledger_write(a->ledger, send, a, err));
        SL_FAULT_TRY("dlq.before_commit", SL_E_KAFKA_ABORT, err);
        SL_TRY(sl_producer_commit(a->producer, err));
        a->open = false;
        SL_FAULT_TRY("dlq.after_commit", SL_E_KAFKA, err);
        return SL_OK;
}

void sl_dlq_act_last_words(struct sl_dlq_act *a)
{
        struct sl_err why = {0};
        enum sl_rc rc = SL_OK;
        a->last_ms = sl_mono_ms() + LAST_MS;
        if (a->open)
                rc = sl_producer_abort(a->producer, &why);
        a->open = false;
        if (rc == SL_OK)
                rc = sl_dlq_act_begin(a, &why);
        if (rc == SL_OK)
                rc = sl_dlq_ledger_write_doubt(a->ledger, send, a, &why);
        if (rc == SL_OK)
                rc = sl_producer_commit(a->producer, &why);
        if (rc == SL_OK)
                a->open = false;
        else
                sl_log_err(SL_LOG_DEBUG, &why, "what is not worked on any more could not be written down");
}

enum sl_rc sl_dlq_act_wait(struct sl_dlq_act *a, int timeout_ms, struct sl_err *err)
{
        SL_TRY(sl_producer_serve(a->producer, timeout_ms, err));
        return stopped(a, err);
}

void sl_dlq_await_readers(struct sl_admin *admin, const char *topic, int32_t partitions)
{
        int64_t deadline = sl_mono_ms() + VISIBLE_MS;
        int32_t *ids = sl_calloc((size_t)partitions + 1, sizeof(*ids));
        int64_t *high = sl_calloc(((size_t)partitions + 1) * 2, sizeof(*high)), *stable = high + partitions;
        struct sl_err ignored = {0};
        uint32_t n = (uint32_t)partitions, behind = n;

        for (int32_t i = 0; i < partitions; i++)
                ids[i] = i;
        enum sl_rc rc = sl_admin_list_offsets(admin, topic, ids, n, SL_AT_LATEST, false, ASK_MS, high, &ignored);
        while (rc == SL_OK && behind && sl_mono_ms() < deadline) {
                rc = sl_admin_list_offsets(admin, topic, ids, n, SL_AT_LATEST, true, ASK_MS, stable, &ignored);
                behind = 0;
                for (uint32_t i = 0; i < n; i++)
                        behind += stable[i] < high[i];
                if (behind)
                        nanosleep(&(struct timespec){.tv_nsec = GLANCE_MS * 1000000L}, NULL);
        }
        free(ids);
        free(high);
}

/* --- Audit -----------------------------------------------------------------------------------------------------------
 */

void sl_dlq_who(struct sl_buf *out)
{
        char host[256] = "";
        struct passwd found, *pw = NULL;
        char room[2048];
        getpwuid_r(geteuid(), &found, room, sizeof(room), &pw);
        if (gethostname(host, sizeof(host) - 1) != 0)
                host[0] = '\0';
        if (pw)
                sl_buf_adds(out, pw->pw_name);
        else
                sl_buf_printf(out, "%u", geteuid());
        sl_buf_printf(out, "@%s", host);
}

enum sl_rc sl_dlq_act_audit(struct sl_dlq_act *a, const char *action, const char *reason, const json_t *result,
                            struct sl_err *err)
{
        struct sl_buf who = {0}, now = {0}, text = {0};
        sl_dlq_who(&who);
        sl_dlq_time(&now, sl_wall_ms());
        sl_auto_json *entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:O}", "at", sl_buf_cstr(&now), "who",
                                        sl_buf_cstr(&who), "action", action, "topic", a->opts.topic, "target",
                                        a->opts.target, "why", reason, "result", result);
        sl_json_dump(entry, &text);
        struct sl_message m = {.topic = sl_str_c(a->audit_topic),
                               .partition = -1,
                               .key = sl_str_c(a->opts.topic),
                               .value = {text.ptr, text.len},
                               .timestamp_ms = -1};
        enum sl_rc rc = sl_dlq_act_begin(a, err);
        if (rc == SL_OK)
                rc = sl_dlq_act_send(a, &m, err);
        sl_buf_free(&who);
        sl_buf_free(&now);
        sl_buf_free(&text);
        return rc;
}
