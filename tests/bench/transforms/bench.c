/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of tests/bench/run transforms: chains of transforms over records in memory, one thread. Standard input gives a job a
 * line, {"config": {...}, "form": "records" | "json" | "avro", "registry": URL, "topic": "...", "headers": {name: text},
 * "lines": [{"key": envelope, "value": envelope}, ...]}; then each "go MS" runs it for so long of the processor's time and answers
 * {"records": n, "seconds": s, "allocations": n} (seconds of the processor, too; heap allocations of the whole process while it ran).
 * form records: only the transforms, on decoded records; as they
 * are edited in place here and are not in Java, a batch of fresh ones is laid out before the clock of each batch starts; json: decode,
 * transforms, encode, with JsonConverter's envelopes; avro: the same with AvroConverter. Bench.java is the other side, with the same
 * protocol. Nothing is checked here: that both sides do the same is tests/conformance' part. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../unit/allocations.h"
#include "api/plugin.h"
#include "base/json.h"
#include "config/cfgdef.h"
#include "pipeline/chain.h"
#include "pipeline/conncfg.h"

#define BATCH 256

struct bench {
        struct sl_chain *chain;
        struct sl_codec codec;
        struct sl_arena keep, rows; /* the records; what a batch makes of them */
        struct sl_record *records;
        uint32_t count, next;
        struct sl_record fresh[BATCH];
        bool wire;
        struct sl_buf out;
};

static void fail(const struct sl_err *err)
{
        struct sl_buf text = {0};
        sl_buf_add_json_str(&text, err->msg, strlen(err->msg));
        printf("{\"failed\":%s}\n", sl_buf_cstr(&text));
        fflush(stdout);
        sl_buf_free(&text);
}

static void stop(struct bench *b)
{
        sl_chain_free(b->chain);
        if (b->codec.key.ops)
                sl_codec_close(&b->codec);
        sl_arena_free(&b->keep);
        sl_arena_free(&b->rows);
        sl_buf_free(&b->out);
        *b = (struct bench){0};
}

static struct sl_str kept(struct bench *b, const json_t *node)
{
        if (!node || json_is_null(node))
                return SL_STR_NULL;
        char *text = json_dumps(node, JSON_COMPACT | JSON_ENCODE_ANY);
        struct sl_str s = sl_str_c(sl_arena_strdup(&b->keep, text));
        free(text);
        return s;
}

static enum sl_rc encode(struct bench *b, const struct sl_record *rec, size_t *ret_key_len, struct sl_err *err)
{
        bool null;
        sl_buf_clear(&b->out);
        SL_TRY(b->codec.key.ops->encode(b->codec.key.st, rec->topic, rec->key_schema, &rec->key, &b->out, &null, err));
        *ret_key_len = b->out.len;
        return b->codec.value.ops->encode(b->codec.value.st, rec->topic, rec->value_schema, &rec->value, &b->out, &null, err);
}

/* The records' bytes in another converter's form. */
static enum sl_rc recode(struct bench *b, const char *url, struct sl_err *err)
{
        struct sl_props props = {0}, none = {0};
        sl_codec_close(&b->codec);
        sl_props_set(&props, "key.converter", "AvroConverter");
        sl_props_set(&props, "value.converter", "AvroConverter");
        sl_props_set(&props, "key.converter.schema.registry.url", url);
        sl_props_set(&props, "value.converter.schema.registry.url", url);
        /* What comes out is written under the topic that was read: another record, not another version of it. */
        sl_props_set(&props, "value.converter.value.subject.name.strategy",
                     "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy");
        enum sl_rc rc = sl_codec_open(&b->codec, &(struct sl_converter_env){0}, &none, &props, err);
        sl_props_free(&props);
        for (uint32_t i = 0; i < b->count && rc == SL_OK; i++) {
                struct sl_record *rec = &b->records[i];
                size_t key;
                rc = encode(b, rec, &key, err);
                const char *bytes = sl_arena_strndup(&b->keep, b->out.ptr, b->out.len);
                rec->raw_key = (struct sl_str){bytes, key};
                rec->raw_value = (struct sl_str){bytes + key, b->out.len - key};
        }
        return rc;
}

static void add_headers(struct bench *b, const json_t *headers, struct sl_record *rec)
{
        const char *name;
        json_t *text;
        struct sl_header *h = sl_headers_grow(rec, (uint32_t)json_object_size(headers), &b->keep);
        json_object_foreach((json_t *)headers, name, text)
        {
                *h++ = (struct sl_header){.key = sl_str_c(sl_arena_strdup(&b->keep, name)),
                                          .schema = sl_schema_of(SL_STRING, false),
                                          .value = sl_v_str(sl_str_c(sl_arena_strdup(&b->keep, json_string_value(text))))};
                rec->header_count++;
        }
}

static enum sl_rc start(struct bench *b, const json_t *job, struct sl_err *err)
{
        const struct sl_plugins plugins = {.transforms = sl_transforms, .predicates = sl_predicates};
        struct sl_props props = {0}, none = {0};
        struct sl_conn_cfg common = {0};
        struct sl_cfg_report report = {0};
        const char *key, *topic = sl_arena_strdup(&b->keep, sl_json_str(job, "topic"));
        const json_t *value, *lines = json_object_get(job, "lines");
        size_t i;
        json_object_foreach((json_t *)json_object_get(job, "config"), key, value)
                sl_props_set(&props, key, json_string_value(value));
        sl_props_set(&props, "key.converter", "JsonConverter");
        sl_props_set(&props, "value.converter", "JsonConverter");
        sl_cfg_parse(sl_source_common_defs, &props, &common, &b->keep, &report);
        enum sl_rc rc = sl_chain_new(&plugins, &props, &common, &b->chain, err);
        if (rc == SL_OK)
                rc = sl_codec_open(&b->codec, &(struct sl_converter_env){0}, &none, &props, err);
        b->wire = strcmp(sl_json_str(job, "form"), "records") != 0;
        b->count = (uint32_t)json_array_size(lines);
        b->records = sl_arena_zalloc(&b->keep, b->count * sizeof(*b->records));
        json_array_foreach((json_t *)lines, i, value)
        {
                struct sl_record *rec = &b->records[i];
                *rec = (struct sl_record){.topic = sl_str_c(topic), .partition = -1, .offset = -1, .timestamp_ms = 1700000000000 + (int64_t)i};
                rec->raw_key = kept(b, json_object_get(value, "key"));
                rec->raw_value = kept(b, json_object_get(value, "value"));
                if (!i)
                        add_headers(b, json_object_get(job, "headers"), rec);
                rec->headers = b->records[0].headers; /* as a source's records, and as Java's here */
                rec->header_count = b->records[0].header_count;
                if (rc == SL_OK)
                        rc = sl_codec_decode(&b->codec, rec, &b->keep, err);
        }
        if (rc == SL_OK && strcmp(sl_json_str(job, "form"), "avro") == 0)
                rc = recode(b, sl_json_str(job, "registry"), err);
        sl_props_free(&props);
        sl_cfg_report_free(&report);
        return rc;
}

static int64_t now_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The least that two readings in a row are apart: it is in every batch. */
static int64_t clock_cost(void)
{
        int64_t least = INT64_MAX;
        for (int i = 0; i < 1000; i++) {
                int64_t began = now_ns(), cost = now_ns() - began;
                least = cost < least ? cost : least;
        }
        return least;
}

static enum sl_rc one(struct bench *b, struct sl_record *rec, struct sl_err *err)
{
        size_t key;
        if (b->wire)
                SL_TRY(sl_codec_decode(&b->codec, rec, &b->rows, err));
        SL_TRY(sl_chain_apply(b->chain, rec, &b->rows, err));
        return b->wire && !rec->dropped ? encode(b, rec, &key, err) : SL_OK;
}

/* *ret_ns: what the batch took. */
static enum sl_rc batch(struct bench *b, int64_t *ret_ns, struct sl_err *err)
{
        sl_arena_reset(&b->rows);
        for (uint32_t i = 0; i < BATCH; i++) {
                b->fresh[i] = b->records[b->next++];
                if (b->next == b->count)
                        b->next = 0;
        }
        int64_t began = now_ns();
        for (uint32_t i = 0; i < BATCH; i++)
                SL_TRY(one(b, &b->fresh[i], err));
        *ret_ns = now_ns() - began;
        return SL_OK;
}

static void go(struct bench *b, int64_t ms)
{
        struct sl_err err = {0};
        uint64_t n = 0, before = allocations();
        int64_t took = 0, one_took, asking = clock_cost();
        for (; took < ms * 1000000; took += one_took - asking, n += BATCH)
                if (batch(b, &one_took, &err) != SL_OK) {
                        fail(&err);
                        return;
                }
        printf("{\"records\":%llu,\"seconds\":%.6f,\"allocations\":%llu}\n", (unsigned long long)n, (double)took / 1e9,
               (unsigned long long)(allocations() - before));
        fflush(stdout);
}

int main(void)
{
        struct bench b = {0};
        char *line = NULL;
        size_t cap = 0;
        for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
                if (strncmp(line, "go ", 3) == 0) {
                        go(&b, strtoll(line + 3, NULL, 10));
                        continue;
                }
                struct sl_err err = {0};
                sl_auto_json *job = NULL;
                stop(&b);
                enum sl_rc rc = sl_json_parse((struct sl_str){line, (size_t)n}, &job, &err);
                if (rc == SL_OK)
                        rc = start(&b, job, &err);
                if (rc != SL_OK)
                        fail(&err);
                else
                        printf("{\"ready\":%u}\n", b.count);
                fflush(stdout);
        }
        stop(&b);
        free(line);
        return 0;
}
