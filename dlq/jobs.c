/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of the ledger topic (see jobs.h; dlq/ledger.c writes them): records with the key ["job",topic,topic id,job]. The
 * last one of a key counts. */
#include "dlq/jobs.h"
#include "dlq/act.h"
#include "kafka/reader.h"

#define ASK_MS 15000

static const char *item(const json_t *array, size_t i)
{
        const char *s = json_string_value(json_array_get(array, i));
        return s ? s : "";
}

/* One record into the object of all by their keys' texts. */
static void take(json_t *all, const struct sl_dlq_jobs_opts *o, const char *topic_id, const struct sl_kmsg *m)
{
        struct sl_err ignored = {0};
        sl_auto_json *key = NULL, *job = NULL;
        if (sl_json_parse(m->key, &key, &ignored) != SL_OK || strcmp(item(key, 0), "job") != 0)
                return;
        if (o->topic && (strcmp(item(key, 1), o->topic) != 0 || strcmp(item(key, 2), topic_id) != 0))
                return;
        struct sl_buf name = {0};
        sl_buf_add_str(&name, m->key);
        json_object_del(all, sl_buf_cstr(&name)); /* so that the order is that of the last records */
        if (m->value.ptr && sl_json_parse(m->value, &job, &ignored) == SL_OK && json_is_object(job)) {
                sl_auto_json *shown = json_object();
                json_object_set_new(shown, "topic", json_string(item(key, 1)));
                json_object_update(shown, job);
                json_object_set(all, sl_buf_cstr(&name), shown);
        }
        sl_buf_free(&name);
}

static enum sl_rc read_all(json_t *all, const struct sl_dlq_jobs_opts *o, const char *ledger, const char *topic_id,
                           struct sl_err *err)
{
        struct sl_reader_opts opts = {.cfg = o->cfg,
                                      .admin = o->admin,
                                      .client_id = "sluice-dlq-jobs",
                                      .topic = ledger,
                                      .no_headers = true,
                                      .stop = o->stop};
        struct sl_reader *r;
        const struct sl_kmsg *messages;
        uint32_t n;
        SL_TRY(sl_reader_open(&opts, &r, err));
        enum sl_rc rc;
        while ((rc = sl_reader_next(r, &messages, &n, err)) == SL_OK && n)
                for (uint32_t i = 0; i < n; i++)
                        if (memmem(messages[i].key.ptr, messages[i].key.len, "\"job\"", 5))
                                take(all, o, topic_id, &messages[i]);
        sl_reader_close(r);
        return rc;
}

enum sl_rc sl_dlq_jobs_read(const struct sl_dlq_jobs_opts *opts, json_t **ret, struct sl_err *err)
{
        const char *ledger = sl_dlq_act_topic(opts->cfg.worker, SL_DLQ_LEDGER_KEY, SL_DLQ_LEDGER_TOPIC);
        sl_auto_json *all = json_object();
        struct sl_buf topic_id = {0};
        int32_t partitions = 0;
        const char *key;
        json_t *job;

        enum sl_rc rc = sl_admin_topic_partitions(opts->admin, ledger, ASK_MS, &partitions, err);
        if (rc == SL_OK && opts->topic)
                rc = sl_admin_topic_id(opts->admin, opts->topic, ASK_MS, &topic_id, err);
        if (rc == SL_OK && partitions)
                rc = read_all(all, opts, ledger, sl_buf_cstr(&topic_id), err);
        sl_buf_free(&topic_id);
        if (rc != SL_OK)
                return rc;
        *ret = json_array();
        json_object_foreach(all, key, job) json_array_insert(*ret, 0, job);
        return SL_OK;
}
