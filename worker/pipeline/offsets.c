/* SPDX-License-Identifier: Apache-2.0 */
/* Source offsets in the Connect offsets topic: key ["<connector>",{partition}], value {offset}, the bytes that a Java worker
 * reads and writes (org.apache.kafka.connect.storage.OffsetStorageWriter). Writing is the source line's (in its transaction);
 * here is reading: only the partition that our key hashes to, up to the high watermark. */
#include <string.h>

#include "base/json.h"
#include "kafka/compact.h"
#include "pipeline/topics.h"

#define LOAD_TIMEOUT_MS 60000

void sl_offset_key(const char *connector, struct sl_str partition_json, struct sl_buf *out)
{
        sl_buf_addc(out, '[');
        sl_buf_add_json_str(out, connector, strlen(connector));
        sl_buf_addc(out, ',');
        sl_buf_add_str(out, partition_json);
        sl_buf_addc(out, ']');
}

const char *sl_offset_topic(const struct sl_props *worker)
{
        const char *topic = sl_props_get(worker, SL_OFFSET_TOPIC_KEY);
        return topic && *topic ? topic : SL_OFFSET_TOPIC_STANDALONE;
}

struct search {
        struct sl_str key;       /* our spelling */
        json_t *key_json;        /* a Java worker may have spelled the map in another order */
        struct sl_buf *value;
        bool found;
};

static bool same_key(const struct search *s, struct sl_str key)
{
        if (sl_str_eq(key, s->key))
                return true;
        sl_auto_json *other = NULL;
        return sl_json_parse(key, &other, NULL) == SL_OK && json_equal(other, s->key_json);
}

static void see(void *arg, struct sl_str key, struct sl_str value, int64_t offset)
{
        struct search *s = arg;
        (void)offset;
        if (!same_key(s, key))
                return;
        sl_buf_clear(s->value);
        s->found = value.ptr != NULL;
        sl_buf_add_str(s->value, value);
}

static int64_t worker_int(const struct sl_props *worker, const char *key, int64_t fallback)
{
        const char *text = sl_props_get(worker, key);
        int64_t v;
        return text && sl_parse_i64(sl_str_c(text), &v) ? v : fallback;
}

static enum sl_rc load(struct sl_task *t, struct sl_admin *admin, const char *topic, struct sl_str partition_json,
                       struct sl_buf *ret, bool *ret_found, struct sl_err *err)
{
        struct sl_buf key = {0};
        struct search search = {.value = ret};
        struct sl_compact *store = NULL;
        bool standalone = !sl_props_get(t->worker, "group.id");
        int32_t partitions;
        SL_TRY(sl_task_topic_partitions(t, admin, topic, &partitions, err)); /* a stop can end this wait for Kafka */
        sl_offset_key(t->connector, partition_json, &key);
        const char *key_text = sl_buf_cstr(&key);
        search.key = (struct sl_str){key_text, key.len};
        enum sl_rc rc = sl_json_parse(search.key, &search.key_json, err);
        if (rc == SL_OK) {
                struct sl_compact_opts opts = {
                        .cfg = {.worker = t->worker, .connector = &t->config},
                        .admin = admin,
                        .topic = topic,
                        .partitions = (int32_t)worker_int(t->worker, "offset.storage.partitions", 25),
                        .replication = (int32_t)worker_int(t->worker, "offset.storage.replication.factor",
                                                           standalone ? -1 : 3),
                        .key_filter = key_text,
                        .role = SL_OFFSET_TOPIC_KEY,
                        .apply = see,
                        .apply_arg = &search,
                };
                rc = sl_compact_open(&opts, LOAD_TIMEOUT_MS, &store, err);
        }
        sl_compact_close(store);
        json_decref(search.key_json);
        sl_buf_free(&key);
        if (rc != SL_OK) {
                sl_err_prefix(err, "could not read the stored offset of %s from %s", t->connector, topic);
                return rc;
        }
        *ret_found = search.found;
        return SL_OK;
}

enum sl_rc sl_offset_load(struct sl_task *t, struct sl_admin *admin, const char *own_topic, struct sl_str partition_json,
                          struct sl_buf *ret, bool *ret_found, struct sl_err *err)
{
        const char *worker_topic = sl_offset_topic(t->worker);
        if (own_topic && strcmp(own_topic, worker_topic) != 0) {
                SL_TRY(load(t, admin, own_topic, partition_json, ret, ret_found, err));
                if (*ret_found)
                        return SL_OK;
        }
        return load(t, admin, worker_topic, partition_json, ret, ret_found, err);
}
