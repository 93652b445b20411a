/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger (see ledger.h). One record a bucket of 4096 offsets, with ranges as text, so that kcat shows it readably;
 * one record a job. Keys name the dead-letter topic and its id: a topic that was deleted and made again begins with
 * nothing closed. Does not decide what is to be done with a record. */
#include "dlq/ledger.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "kafka/reader.h"

#define CREATE_MS 15000
#define SETTLE_MS 90000 /* longer than another replayer's transaction can stay open */
#define GLANCE_MS 2000  /* a dry run only lets a transaction end that is just being committed */
#define PAUSE_MS 50

enum scope { ALL, ORIGINAL, OTHER, RELEASED, SCOPES }; /* RELEASED: what letters were taken back from; closes nothing */
struct bucket {
        enum scope scope;
        int32_t partition;
        int64_t number;
        bool dirty;
        uint8_t states[SL_DLQ_BUCKET];
};
struct place {
        struct bucket *bucket; /* NULL = there is none */
        int64_t number;
        int32_t partition;
        bool known;
};
struct job {
        struct sl_buf json;
        bool dirty;
};
struct sl_dlq_ledger {
        struct sl_dlq_ledger_opts opts;
        struct sl_buf topic_id;
        struct sl_map buckets;             /* "scope partition number" -> struct bucket */
        struct sl_map jobs;                /* id -> struct job */
        struct job worker;                 /* the connector's record */
        struct job doubt;                  /* poison.h's; empty: none */
        bool has_poison;
        struct sl_dlq_last last_act;
        struct place last[SCOPES]; /* looked up before: neighbours are asked for together */
        struct sl_buf key, value;
        int64_t *ends; /* of the ledger topic's partitions, when it was opened */
        uint32_t end_count;
};

static const char *const state_names[SL_DLQ_STATE_COUNT] = {"open",     "replayed",    "duplicate",
                                                            "obsolete", "quarantined", "discarded", "poison"};

const char *sl_dlq_state_name(enum sl_dlq_state s)
{
        return state_names[s];
}

/* --- Text ------------------------------------------------------------------------------------------------------------
 */

static void print_state(const uint8_t *states, uint8_t state, struct sl_buf *out)
{
        bool first = true;
        for (int i = 0; i < SL_DLQ_BUCKET; i++) {
                if (states[i] != state)
                        continue;
                int end = i;
                while (end + 1 < SL_DLQ_BUCKET && states[end + 1] == state)
                        end++;
                if (first)
                        sl_buf_printf(out, "%s\"%s\":\"", out->ptr[out->len - 1] == '{' ? "" : ",", state_names[state]);
                else
                        sl_buf_addc(out, ',');
                first = false;
                sl_buf_add_i64(out, i);
                if (end > i) {
                        sl_buf_addc(out, '-');
                        sl_buf_add_i64(out, end);
                }
                i = end;
        }
        if (!first)
                sl_buf_addc(out, '"');
}

void sl_dlq_states_print(const uint8_t *states, struct sl_buf *out)
{
        bool has[256] = {0};
        for (int i = 0; i < SL_DLQ_BUCKET; i++)
                has[states[i]] = true;
        sl_buf_addc(out, '{');
        for (uint8_t s = SL_DLQ_REPLAYED; s < SL_DLQ_STATE_COUNT; s++)
                if (has[s])
                        print_state(states, s, out);
        sl_buf_addc(out, '}');
}

static bool parse_ranges(const char *text, uint8_t state, uint8_t *states)
{
        while (*text) {
                char *end;
                long from = strtol(text, &end, 10), to = from;
                if (end == text)
                        return false;
                if (*end == '-') {
                        text = end + 1;
                        to = strtol(text, &end, 10);
                        if (end == text)
                                return false;
                }
                if (from < 0 || to < from || to >= SL_DLQ_BUCKET || (*end && *end != ','))
                        return false;
                memset(states + from, state, (size_t)(to - from + 1));
                text = *end ? end + 1 : end;
        }
        return true;
}

enum sl_rc sl_dlq_states_parse(struct sl_str text, uint8_t *states, struct sl_err *err)
{
        sl_auto_json *obj = NULL;
        SL_TRY(sl_json_parse(text, &obj, err));
        memset(states, 0, SL_DLQ_BUCKET);
        for (uint8_t s = SL_DLQ_REPLAYED; s < SL_DLQ_STATE_COUNT; s++) {
                const char *ranges = sl_json_str(obj, state_names[s]);
                if (ranges && !parse_ranges(ranges, s, states))
                        return sl_fail(err, SL_E_JSON, "\"%s\" of a ledger record has no ranges of offsets: %.100s",
                                       state_names[s], ranges);
        }
        return SL_OK;
}

/* --- Buckets ---------------------------------------------------------------------------------------------------------
 */

static struct bucket *find(struct sl_dlq_ledger *l, enum scope scope, int32_t partition, int64_t number)
{
        struct place *last = &l->last[scope];
        char key[64];
        if (last->known && last->number == number && last->partition == partition)
                return last->bucket;
        int n = snprintf(key, sizeof(key), "%d %d %ld", (int)scope, partition, number);
        *last = (struct place){sl_map_get(&l->buckets, (struct sl_str){key, (size_t)n}), number, partition, true};
        return last->bucket;
}

static struct bucket *make(struct sl_dlq_ledger *l, enum scope scope, int32_t partition, int64_t number)
{
        struct bucket *b = find(l, scope, partition, number);
        char key[64];
        if (b)
                return b;
        b = sl_calloc(1, sizeof(*b));
        b->scope = scope;
        b->partition = partition;
        b->number = number;
        int n = snprintf(key, sizeof(key), "%d %d %ld", (int)scope, partition, number);
        sl_map_put(&l->buckets, (struct sl_str){key, (size_t)n}, b);
        l->last[scope].bucket = b;
        return b;
}

static uint8_t state_in(struct sl_dlq_ledger *l, enum scope scope, int32_t partition, int64_t offset)
{
        const struct bucket *b = find(l, scope, partition, offset / SL_DLQ_BUCKET);
        return b ? b->states[offset % SL_DLQ_BUCKET] : SL_DLQ_OPEN;
}

enum sl_dlq_state sl_dlq_ledger_state(const struct sl_dlq_ledger *cl, int32_t partition, int64_t offset)
{
        struct sl_dlq_ledger *l = (struct sl_dlq_ledger *)cl; /* only what was found last changes */
        for (int scope = ALL; scope < RELEASED; scope++) {
                uint8_t s = state_in(l, (enum scope)scope, partition, offset);
                if (s != SL_DLQ_OPEN)
                        return (enum sl_dlq_state)s;
        }
        return SL_DLQ_OPEN;
}

static enum scope own_scope(const struct sl_dlq_ledger *l)
{
        return strcmp(l->opts.target, "original") == 0 ? ORIGINAL : OTHER;
}

static void set_state(struct sl_dlq_ledger *l, enum scope scope, int32_t partition, int64_t offset, uint8_t state)
{
        struct bucket *b = make(l, scope, partition, offset / SL_DLQ_BUCKET);
        b->states[offset % SL_DLQ_BUCKET] = state;
        b->dirty = true;
        l->has_poison |= state == SL_DLQ_POISON;
}

void sl_dlq_ledger_mark(struct sl_dlq_ledger *l, int32_t partition, int64_t offset, enum sl_dlq_state state)
{
        bool all = state == SL_DLQ_OPEN || state >= SL_DLQ_QUARANTINED;
        uint8_t was = state_in(l, ALL, partition, offset);
        if (state == SL_DLQ_OPEN && was != SL_DLQ_OPEN)
                set_state(l, RELEASED, partition, offset, was);
        set_state(l, all ? ALL : own_scope(l), partition, offset, (uint8_t)state);
}

bool sl_dlq_ledger_released(const struct sl_dlq_ledger *cl, int32_t partition, int64_t offset)
{
        return state_in((struct sl_dlq_ledger *)cl, RELEASED, partition, offset) != SL_DLQ_OPEN;
}

/* --- Jobs ------------------------------------------------------------------------------------------------------------
 */

struct sl_str sl_dlq_ledger_job(const struct sl_dlq_ledger *l, const char *id)
{
        struct job *j = sl_map_get(&l->jobs, sl_str_c(id));
        return j ? (struct sl_str){j->json.ptr, j->json.len} : SL_STR_NULL;
}

static struct job *put_job(struct sl_dlq_ledger *l, const char *id, struct sl_str json)
{
        struct job *j = sl_map_get(&l->jobs, sl_str_c(id));
        if (!j) {
                j = sl_calloc(1, sizeof(*j));
                sl_map_put(&l->jobs, sl_str_c(id), j);
        }
        sl_buf_clear(&j->json);
        sl_buf_add_str(&j->json, json);
        return j;
}

void sl_dlq_ledger_put_job(struct sl_dlq_ledger *l, const char *id, struct sl_str json)
{
        put_job(l, id, json)->dirty = true;
}

struct sl_str sl_dlq_ledger_worker(const struct sl_dlq_ledger *l)
{
        return l->worker.json.len ? (struct sl_str){l->worker.json.ptr, l->worker.json.len} : SL_STR_NULL;
}

void sl_dlq_ledger_put_worker(struct sl_dlq_ledger *l, struct sl_str json)
{
        sl_buf_clear(&l->worker.json);
        sl_buf_add_str(&l->worker.json, json);
        l->worker.dirty = true;
}

struct sl_str sl_dlq_ledger_doubt(const struct sl_dlq_ledger *l)
{
        return l->doubt.json.len ? (struct sl_str){l->doubt.json.ptr, l->doubt.json.len} : SL_STR_NULL;
}

void sl_dlq_ledger_put_doubt(struct sl_dlq_ledger *l, struct sl_str json)
{
        if (sl_str_eq((struct sl_str){l->doubt.json.ptr, l->doubt.json.len}, json))
                return;
        sl_buf_clear(&l->doubt.json);
        sl_buf_add_str(&l->doubt.json, json);
        l->doubt.dirty = true;
}

bool sl_dlq_ledger_has_poison(const struct sl_dlq_ledger *l)
{
        return l->has_poison;
}

struct sl_dlq_last sl_dlq_ledger_last(const struct sl_dlq_ledger *l)
{
        return l->last_act;
}

/* --- Writing ---------------------------------------------------------------------------------------------------------
 */

static const char *scope_name(const struct sl_dlq_ledger *l, enum scope scope)
{
        return scope == ALL ? "*" : scope == ORIGINAL ? "original" : scope == RELEASED ? "released" : l->opts.target;
}

static void begin_key(struct sl_dlq_ledger *l, const char *kind)
{
        sl_buf_clear(&l->key);
        sl_buf_printf(&l->key, "[\"%s\",", kind);
        sl_buf_add_json_str(&l->key, l->opts.topic, strlen(l->opts.topic));
        sl_buf_printf(&l->key, ",\"%s\",", sl_buf_cstr(&l->topic_id));
}

static enum sl_rc send_record(struct sl_dlq_ledger *l, struct sl_str value,
                              enum sl_rc (*send)(void *arg, const struct sl_message *m, struct sl_err *err), void *arg,
                              struct sl_err *err)
{
        struct sl_message m = {.topic = sl_str_c(l->opts.ledger_topic),
                               .partition = -1,
                               .key = {l->key.ptr, l->key.len},
                               .value = value,
                               .timestamp_ms = -1};
        return send(arg, &m, err);
}

enum sl_rc sl_dlq_ledger_write_doubt(struct sl_dlq_ledger *l,
                                     enum sl_rc (*send)(void *arg, const struct sl_message *m, struct sl_err *err),
                                     void *arg, struct sl_err *err)
{
        if (!l->doubt.dirty)
                return SL_OK;
        begin_key(l, "doubt");
        l->key.ptr[l->key.len - 1] = ']';
        l->doubt.dirty = false;
        return send_record(l, sl_dlq_ledger_doubt(l), send, arg, err);
}

enum sl_rc sl_dlq_ledger_write(struct sl_dlq_ledger *l,
                               enum sl_rc (*send)(void *arg, const struct sl_message *m, struct sl_err *err), void *arg,
                               struct sl_err *err)
{
        struct sl_map_entry *e;
        SL_TRY(sl_dlq_ledger_write_doubt(l, send, arg, err));
        for (size_t i = 0; sl_map_next(&l->buckets, &i, &e);) {
                struct bucket *b = e->value;
                if (!b->dirty)
                        continue;
                begin_key(l, "closed");
                const char *scope = scope_name(l, b->scope);
                sl_buf_add_json_str(&l->key, scope, strlen(scope));
                sl_buf_printf(&l->key, ",%d,%ld]", b->partition, b->number);
                sl_buf_clear(&l->value);
                sl_dlq_states_print(b->states, &l->value);
                SL_TRY(send_record(l, (struct sl_str){l->value.ptr, l->value.len}, send, arg, err));
                b->dirty = false;
        }
        for (size_t i = 0; sl_map_next(&l->jobs, &i, &e);) {
                struct job *j = e->value;
                if (!j->dirty)
                        continue;
                begin_key(l, "job");
                sl_buf_printf(&l->key, "\"%s\"]", e->key);
                SL_TRY(send_record(l, (struct sl_str){j->json.ptr, j->json.len}, send, arg, err));
                j->dirty = false;
        }
        if (!l->worker.dirty)
                return SL_OK;
        begin_key(l, "worker"); /* last, so that the newest record says who acted */
        l->key.ptr[l->key.len - 1] = ']';
        l->worker.dirty = false;
        return send_record(l, (struct sl_str){l->worker.json.ptr, l->worker.json.len}, send, arg, err);
}

/* --- Reading ---------------------------------------------------------------------------------------------------------
 */

static const char *item_str(const json_t *array, size_t i)
{
        const char *s = json_string_value(json_array_get(array, i));
        return s ? s : "";
}

static enum sl_rc apply_closed(struct sl_dlq_ledger *l, const json_t *key, struct sl_str value, struct sl_err *err)
{
        const char *name = item_str(key, 3);
        enum scope scope = strcmp(name, "*") == 0          ? ALL
                           : strcmp(name, "original") == 0   ? ORIGINAL
                           : strcmp(name, "released") == 0 ? RELEASED
                                                           : OTHER;
        if (scope == OTHER && strcmp(name, l->opts.target) != 0)
                return SL_OK;
        struct bucket *b = make(l, scope, (int32_t)json_integer_value(json_array_get(key, 4)),
                                json_integer_value(json_array_get(key, 5)));
        memset(b->states, 0, sizeof(b->states));
        if (value.ptr)
                SL_TRY(sl_dlq_states_parse(value, b->states, err));
        l->has_poison |= scope == ALL && memchr(b->states, SL_DLQ_POISON, sizeof(b->states));
        return SL_OK;
}

/* Who wrote the newest record? Records of one transaction have the same time, or rise. */
static void note(struct sl_dlq_ledger *l, int64_t at_ms, enum sl_dlq_actor who)
{
        if (at_ms >= l->last_act.at_ms)
                l->last_act = (struct sl_dlq_last){who, at_ms};
}

static bool is_running(struct sl_str json)
{
        sl_auto_json *obj = NULL;
        struct sl_err ignored = {0};
        const char *state = sl_json_parse(json, &obj, &ignored) == SL_OK ? sl_json_str(obj, "state") : NULL;
        return state && strcmp(state, "running") == 0;
}

/* A record of this dead-letter topic; others' are passed over. */
static enum sl_rc apply(struct sl_dlq_ledger *l, const struct sl_kmsg *m, struct sl_err *err)
{
        struct sl_str key_text = m->key, value = m->value;
        sl_auto_json *key = NULL;
        struct sl_err ignored = {0};
        if (sl_json_parse(key_text, &key, &ignored) != SL_OK)
                return SL_OK;
        if (strcmp(item_str(key, 1), l->opts.topic) != 0 || strcmp(item_str(key, 2), sl_buf_cstr(&l->topic_id)) != 0)
                return SL_OK;
        if (strcmp(item_str(key, 0), "job") == 0) {
                put_job(l, item_str(key, 3), value);
                note(l, m->timestamp_ms, is_running(value) ? SL_DLQ_BY_COMMAND : SL_DLQ_BY_NOBODY);
        } else if (strcmp(item_str(key, 0), "worker") == 0) {
                sl_dlq_ledger_put_worker(l, value);
                l->worker.dirty = false;
                note(l, m->timestamp_ms, SL_DLQ_BY_WORKER);
        } else if (strcmp(item_str(key, 0), "doubt") == 0) { /* says nothing of who acts */
                sl_dlq_ledger_put_doubt(l, value);
                l->doubt.dirty = false;
        } else if (strcmp(item_str(key, 0), "closed") == 0) {
                note(l, m->timestamp_ms, SL_DLQ_BY_COMMAND);
                return apply_closed(l, key, value, err);
        }
        return SL_OK;
}

/* Read to the end. *ret_blocked: a transaction is open before the end that was seen first; what other topics' jobs
 * write meanwhile doesn't matter. */
static enum sl_rc read_all(struct sl_dlq_ledger *l, bool *ret_blocked, struct sl_err *err)
{
        struct sl_reader_opts opts = {.cfg = l->opts.cfg,
                                      .admin = l->opts.admin,
                                      .client_id = "sluice-dlq-ledger",
                                      .topic = l->opts.ledger_topic,
                                      .no_headers = true,
                                      .stop = l->opts.stop};
        struct sl_reader *r;
        const struct sl_kmsg *messages;
        uint32_t n;

        SL_TRY(sl_reader_open(&opts, &r, err));
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && (rc = sl_reader_next(r, &messages, &n, err)) == SL_OK && n)
                for (uint32_t i = 0; i < n && rc == SL_OK; i++)
                        rc = apply(l, &messages[i], err);
        const struct sl_reader_part *parts = sl_reader_parts(r, &n);
        *ret_blocked = false;
        if (!l->ends) {
                l->ends = sl_calloc((size_t)n + 1, sizeof(*l->ends));
                l->end_count = n;
                for (uint32_t i = 0; i < n; i++)
                        l->ends[i] = parts[i].high;
        }
        for (uint32_t i = 0; i < n && i < l->end_count; i++)
                *ret_blocked |= parts[i].end < l->ends[i];
        sl_reader_close(r);
        return rc;
}

static enum sl_rc read_settled(struct sl_dlq_ledger *l, struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + (l->opts.write ? SETTLE_MS : GLANCE_MS);
        bool blocked;
        for (;;) {
                SL_TRY(read_all(l, &blocked, err));
                bool over = sl_mono_ms() >= deadline;
                if (!blocked || (over && !l->opts.write))
                        return SL_OK;
                if (over)
                        return sl_fail(err, SL_E_KAFKA,
                                       "Another producer keeps a transaction open in topic %s: its end can't be read",
                                       l->opts.ledger_topic);
                nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        }
}

static enum sl_rc ensure_topic(struct sl_dlq_ledger *l, bool *ret_there, struct sl_err *err)
{
        static const char *const config[] = {"cleanup.policy", "compact", "segment.bytes", "16777216", NULL};
        struct sl_topic_spec spec = {
                .name = l->opts.ledger_topic, .partitions = 1, .replication = -1, .config = config};
        int64_t deadline = sl_mono_ms() + CREATE_MS;
        int32_t partitions = 0;
        bool created = false;

        SL_TRY(sl_admin_topic_partitions(l->opts.admin, l->opts.ledger_topic, CREATE_MS, &partitions, err));
        if (!partitions && l->opts.write)
                SL_TRY(sl_admin_create_topic(l->opts.admin, &spec, CREATE_MS, &created, err));
        while (!partitions && l->opts.write && sl_mono_ms() < deadline) { /* not every broker knows it at once */
                SL_TRY(sl_admin_topic_partitions(l->opts.admin, l->opts.ledger_topic, CREATE_MS, &partitions, err));
                if (!partitions)
                        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        }
        *ret_there = partitions > 0;
        return SL_OK;
}

enum sl_rc sl_dlq_ledger_open(const struct sl_dlq_ledger_opts *opts, struct sl_dlq_ledger **ret, struct sl_err *err)
{
        struct sl_dlq_ledger *l = sl_calloc(1, sizeof(*l));
        bool there = false;

        l->opts = *opts;
        enum sl_rc rc = sl_admin_topic_id(opts->admin, opts->topic, CREATE_MS, &l->topic_id, err);
        if (rc == SL_OK)
                rc = ensure_topic(l, &there, err);
        if (rc == SL_OK && there)
                rc = read_settled(l, err);
        if (rc != SL_OK) {
                sl_dlq_ledger_close(l);
                return rc;
        }
        *ret = l;
        return SL_OK;
}

static void free_job(void *p)
{
        struct job *j = p;
        sl_buf_free(&j->json);
        free(j);
}

void sl_dlq_ledger_close(struct sl_dlq_ledger *l)
{
        if (!l)
                return;
        sl_map_free(&l->buckets, free);
        sl_map_free(&l->jobs, free_job);
        sl_buf_free(&l->worker.json);
        sl_buf_free(&l->doubt.json);
        sl_buf_free(&l->topic_id);
        sl_buf_free(&l->key);
        sl_buf_free(&l->value);
        free(l->ends);
        free(l);
}

const char *sl_dlq_ledger_topic_id(const struct sl_dlq_ledger *l)
{
        return sl_buf_cstr((struct sl_buf *)&l->topic_id);
}
