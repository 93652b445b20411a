/* SPDX-License-Identifier: Apache-2.0 */
/* What came out of a run of tests/bench/run cdc or snapshot, read back fast enough for millions of rows.
 *   bench_check BOOTSTRAP PREFIX < names of tables, one a line
 * Topics of one partition with Debezium's envelope as JSON without schemas, from tables with id, v and note (twenty hex
 * digits). Of each topic it checks that commits come in order, that no change comes twice (a row's positions only
 * rise), and that an update follows the version before it. For each table that has records it prints: name, changes,
 * rows, and over the rows as their last change left them the sums of id, of v, of the first and of the last ten digits
 * of note. Does not know what is in the tables (tests/support/workloads.py compares). */
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 4096

struct span {
        const char *at, *end;
};

struct row {
        int64_t id, v;
        uint64_t commit, lsn; /* 0, 0: the slot is free */
        uint64_t head, tail;
};

struct table {
        char *name, *topic;
        struct row *rows;
        size_t slots, used;
        uint64_t commit; /* of the newest record */
        long long changes;
};

static struct table *tables;
static size_t table_count;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
        va_list args;
        va_start(args, format);
        fputs("bench_check: ", stderr);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        exit(1);
}

/* ---- JSON that is known to be well formed ---- */

static const char *skip_string(const char *p, const char *end)
{
        for (p++; p < end && *p != '"'; p++)
                if (*p == '\\')
                        p++;
        return p + 1;
}

static const char *skip_value(const char *p, const char *end)
{
        int depth = 0;
        while (p < end) {
                if (*p == '"')
                        p = skip_string(p, end);
                else if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
                        return p;
                else {
                        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
                        p++;
                }
        }
        return end;
}

/* The values of some members of an object; what is missing stays {NULL, NULL}. */
static void members(struct span object, const char *const *names, struct span *values, size_t n)
{
        const char *p = object.at;
        memset(values, 0, n * sizeof(*values));
        if (p >= object.end || *p != '{')
                return;
        for (p++; p < object.end && *p == '"';) {
                const char *name = p + 1, *name_end = skip_string(p, object.end) - 1;
                const char *value = name_end + 2, *value_end = skip_value(value, object.end);
                for (size_t i = 0; i < n; i++)
                        if (strlen(names[i]) == (size_t)(name_end - name) &&
                            !memcmp(names[i], name, (size_t)(name_end - name)))
                                values[i] = (struct span){value, value_end};
                p = value_end + (value_end < object.end && *value_end == ',');
        }
}

/* The next number of a sequence like "[\"123\",\"456\"]" or "[null,\"456\"]"; null is 0. */
static uint64_t next_lsn(const char **p, const char *end)
{
        uint64_t n = 0;
        while (*p < end && **p != 'n' && (**p < '0' || **p > '9'))
                ++*p;
        for (; *p < end && **p >= '0' && **p <= '9'; ++*p)
                n = n * 10 + (uint64_t)(**p - '0');
        while (*p < end && **p != ',')
                ++*p;
        return n;
}

static uint64_t hex10(const char *p)
{
        char digits[11] = "";
        memcpy(digits, p, 10);
        return strtoull(digits, NULL, 16);
}

/* ---- rows ---- */

static struct row *find_row(struct table *t, int64_t id)
{
        size_t at = ((uint64_t)id * 0x9e3779b97f4a7c15u) >> 20;
        for (;; at++) {
                struct row *r = &t->rows[at & (t->slots - 1)];
                if (r->id == id || !(r->commit | r->lsn))
                        return r;
        }
}

static struct row *row_of(struct table *t, int64_t id)
{
        if (t->used * 10 >= t->slots * 7) {
                struct row *old = t->rows;
                size_t n = t->slots;
                t->slots = n ? n * 2 : 1024;
                t->rows = calloc(t->slots, sizeof(*t->rows));
                if (!t->rows)
                        die("no memory");
                for (size_t i = 0; i < n; i++)
                        if (old[i].commit | old[i].lsn)
                                *find_row(t, old[i].id) = old[i];
                free(old);
        }
        return find_row(t, id);
}

static void take(struct table *t, const rd_kafka_message_t *m)
{
        static const char *const TOP[] = {"after", "source", "op"}, *const AFTER[] = {"id", "v", "note"},
                                 *const SOURCE[] = {"sequence"};
        struct span top[3], after[3], sequence;
        members((struct span){m->payload, (const char *)m->payload + m->len}, TOP, top, 3);
        members(top[0], AFTER, after, 3);
        members(top[1], SOURCE, &sequence, 1);
        if (!after[0].at || !after[1].at || !after[2].at || after[2].end - after[2].at != 22 || !sequence.at ||
            !top[2].at)
                die("%s: offset %lld is no such change: %.*s", t->topic, (long long)m->offset, (int)m->len,
                    (const char *)m->payload);
        struct row now = {.id = strtoll(after[0].at, NULL, 10), .v = strtoll(after[1].at, NULL, 10)};
        now.commit = next_lsn(&sequence.at, sequence.end);
        now.lsn = next_lsn(&sequence.at, sequence.end);
        now.head = hex10(after[2].at + 1);
        now.tail = hex10(after[2].at + 11);
        struct row *r = row_of(t, now.id);
        bool known = r->commit | r->lsn;
        if (now.commit < t->commit || !(now.commit | now.lsn) ||
            (known && (now.commit < r->commit || (now.commit == r->commit && now.lsn <= r->lsn))))
                die("%s: offset %lld is out of order or comes twice", t->topic, (long long)m->offset);
        if (known && top[2].at[1] == 'u' && r->v + 1 != now.v)
                die("%s: a change of row %lld is missing at offset %lld", t->topic, (long long)now.id,
                    (long long)m->offset);
        t->used += !known;
        t->commit = now.commit;
        t->changes++;
        *r = now;
}

/* ---- topics ---- */

static int by_topic(const void *a, const void *b)
{
        return strcmp(((const struct table *)a)->topic, ((const struct table *)b)->topic);
}

static struct table *table_of(const char *topic)
{
        static struct table *last;
        if (!last || strcmp(last->topic, topic)) {
                struct table wanted = {.topic = (char *)topic};
                last = bsearch(&wanted, tables, table_count, sizeof(*tables), by_topic);
        }
        return last;
}

static void read_names(const char *prefix)
{
        char name[256];
        while (scanf("%255s", name) == 1) {
                struct table t = {.name = strdup(name)};
                tables = realloc(tables, (table_count + 1) * sizeof(*tables));
                if (!tables || asprintf(&t.topic, "%s.public.%s", prefix, name) < 0)
                        die("no memory");
                tables[table_count++] = t;
        }
        qsort(tables, table_count, sizeof(*tables), by_topic);
}

static rd_kafka_t *client(const char *bootstrap)
{
        char why[512];
        const char *settings[][2] = {{"bootstrap.servers", bootstrap}, {"group.id", "bench-check"},
                                     {"enable.auto.commit", "false"},  {"isolation.level", "read_committed"},
                                     {"fetch.queue.backoff.ms", "10"}, {"enable.partition.eof", "true"},
                                     {"fetch.wait.max.ms", "20"},      {"queued.max.messages.kbytes", "65536"},
                                     {"fetch.max.bytes", "52428800"},  {"max.partition.fetch.bytes", "8388608"}};
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
                if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)) != RD_KAFKA_CONF_OK)
                        die("%s", why);
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
        if (!rk)
                die("%s", why);
        rd_kafka_poll_set_consumer(rk);
        return rk;
}

static void read_all(rd_kafka_t *rk)
{
        static rd_kafka_message_t *messages[BATCH];
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)table_count);
        for (size_t i = 0; i < table_count; i++)
                rd_kafka_topic_partition_list_add(list, tables[i].topic, 0)->offset = 0;
        if (rd_kafka_assign(rk, list))
                die("the topics can't be assigned");
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
        size_t ended = 0;
        for (int idle = 0; ended < table_count;) {
                ssize_t n = rd_kafka_consume_batch_queue(queue, 20, messages, BATCH);
                idle = n > 0 ? 0 : idle + 1;
                if (n < 0 || idle > 1500)
                        die("no records within thirty seconds, %zu of %zu topics were read", ended, table_count);
                for (ssize_t i = 0; i < n; i++) {
                        if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                                ended++;
                        else if (messages[i]->err)
                                die("%s", rd_kafka_message_errstr(messages[i]));
                        else if (messages[i]->len)
                                take(table_of(rd_kafka_topic_name(messages[i]->rkt)), messages[i]);
                        rd_kafka_message_destroy(messages[i]);
                }
        }
        rd_kafka_queue_destroy(queue);
}

static void print(const struct table *t)
{
        uint64_t id = 0, v = 0, head = 0, tail = 0;
        for (size_t i = 0; i < t->slots; i++) {
                id += (uint64_t)t->rows[i].id;
                v += (uint64_t)t->rows[i].v;
                head += t->rows[i].head;
                tail += t->rows[i].tail;
        }
        printf("%s %lld %zu %llu %llu %llu %llu\n", t->name, t->changes, t->used, (unsigned long long)id,
               (unsigned long long)v, (unsigned long long)head, (unsigned long long)tail);
}

int main(int argc, char **argv)
{
        if (argc != 3)
                die("usage: bench_check BOOTSTRAP PREFIX < names of tables");
        read_names(argv[2]);
        rd_kafka_t *rk = client(argv[1]);
        read_all(rk);
        for (size_t i = 0; i < table_count; i++)
                if (tables[i].changes)
                        print(&tables[i]);
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
        return 0;
}
