/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines are wanted: named loggers and their levels (see log.h). A sorted table behind a lock; lines that pass the
 * ceiling look in it, all others never get here. Names come from source files, Java's names from the table below.
 * Does not write lines. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

struct named {
        char *name;
        enum sl_log_level level;
        int64_t modified_ms;
        uint64_t turn; /* grows with every change */
};

/* What a Java worker's users set, by the class that does the same work. The longest of our names counts. */
static const struct {
        const char *ours, *java;
} twins[] = {
        {"sluice", "org.apache.kafka.connect.runtime.Worker"},
        {"sluice.rest", "org.apache.kafka.connect.runtime.rest.RestServer"},
        {"sluice.rest.connectors", "org.apache.kafka.connect.runtime.rest.resources.ConnectorsResource"},
        {"sluice.cluster", "org.apache.kafka.connect.runtime.distributed.DistributedHerder"},
        {"sluice.cluster.store", "org.apache.kafka.connect.storage.KafkaConfigBackingStore"},
        {"sluice.cluster.validate", "org.apache.kafka.connect.runtime.AbstractHerder"},
        {"sluice.pipeline", "org.apache.kafka.connect.runtime.WorkerTask"},
        {"sluice.pipeline.source_task", "org.apache.kafka.connect.runtime.WorkerSourceTask"},
        {"sluice.pipeline.sink_task", "org.apache.kafka.connect.runtime.WorkerSinkTask"},
        {"sluice.pipeline.errpolicy", "org.apache.kafka.connect.runtime.errors.LogReporter"},
        {"sluice.pipeline.offsets", "org.apache.kafka.connect.storage.OffsetStorageReaderImpl"},
        {"sluice.convert", "org.apache.kafka.connect.json.JsonConverter"},
        {"sluice.transforms", "org.apache.kafka.connect.transforms.Transformation"},
        {"sluice.kafka", "org.apache.kafka.clients.NetworkClient"},
        {"sluice.kafka.admin", "org.apache.kafka.clients.admin.KafkaAdminClient"},
        {"sluice.kafka.compact", "org.apache.kafka.connect.util.KafkaBasedLog"},
        {"sluice.kafka.consumer", "org.apache.kafka.clients.consumer.KafkaConsumer"},
        {"sluice.kafka.producer", "org.apache.kafka.clients.producer.KafkaProducer"},
        {"sluice.config", "org.apache.kafka.common.config.AbstractConfig"},
        {"sluice.connectors.file", "org.apache.kafka.connect.file.FileStreamSourceTask"},
        {"sluice.connectors.postgres", "io.debezium.connector.postgresql.PostgresConnectorTask"},
        {"sluice.connectors.postgres.snapshot", "io.debezium.connector.postgresql.PostgresSnapshotChangeEventSource"},
        {"sluice.connectors.postgres.stream", "io.debezium.connector.postgresql.PostgresStreamingChangeEventSource"},
        {"sluice.connectors.s3", "io.confluent.connect.s3.S3SinkTask"},
        {"sluice.connectors.snowflake", "com.snowflake.kafka.connector.SnowflakeSinkTask"},
};

static const char *const level_names[] = {"OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct named root = {.name = (char *)"root", .level = SL_LOG_INFO};
static struct named *table[SL_LOG_NAMES] = {&root}; /* sorted by name */
static size_t count = 1;
static uint64_t turns;
static _Atomic int root_level = SL_LOG_INFO;
static _Atomic bool only_root = true;
_Atomic int sl_log_ceiling = SL_LOG_INFO;

const char *sl_log_level_name(enum sl_log_level level)
{
        return level_names[level];
}

bool sl_log_level_parse(const char *name, enum sl_log_level *ret)
{
        for (int i = SL_LOG_OFF; i <= SL_LOG_ALL; i++)
                if (strcasecmp(name, level_names[i]) == 0) {
                        *ret = (enum sl_log_level)i;
                        return true;
                }
        return false;
}

/* What lines look at, after a change. Lock held. */
static void publish(void)
{
        int ceiling = SL_LOG_OFF;
        for (size_t i = 0; i < count; i++)
                if ((int)table[i]->level > ceiling)
                        ceiling = (int)table[i]->level;
        atomic_store_explicit(&root_level, (int)root.level, memory_order_relaxed);
        atomic_store_explicit(&only_root, count == 1, memory_order_relaxed);
        atomic_store_explicit(&sl_log_ceiling, ceiling, memory_order_relaxed);
}

void sl_log_set_level(enum sl_log_level level)
{
        pthread_mutex_lock(&lock);
        root.level = level;
        publish();
        pthread_mutex_unlock(&lock);
}

enum sl_log_level sl_log_get_level(void)
{
        return (enum sl_log_level)atomic_load_explicit(&root_level, memory_order_relaxed);
}

/* Is name equal to above, or below it ("a.b" is above "a.b.c")? */
static bool below(const char *name, const char *above)
{
        size_t n = strlen(above);
        return strncmp(name, above, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

/* The nearest entry above a name. Lock held. */
static const struct named *nearest(const char *name)
{
        const struct named *found = NULL;
        for (size_t i = 0; i < count; i++)
                if (below(name, table[i]->name) && (!found || strlen(table[i]->name) > strlen(found->name)))
                        found = table[i];
        return found;
}

/* The entry of a name, made with the level that the name has without one. Lock held. */
static struct named *entry(const char *name)
{
        size_t i = 0;
        while (i < count && strcmp(table[i]->name, name) < 0)
                i++;
        if (i < count && strcmp(table[i]->name, name) == 0)
                return table[i];
        if (count == SL_LOG_NAMES || strlen(name) > SL_LOG_NAME_MAX)
                return NULL;
        const struct named *above = nearest(name);
        struct named *n = sl_calloc(1, sizeof(*n));
        n->name = sl_strdup(name);
        n->level = above ? above->level : root.level;
        memmove(&table[i + 1], &table[i], (count - i) * sizeof(table[0]));
        table[i] = n;
        count++;
        return n;
}

bool sl_log_set_named(const char *name, enum sl_log_level level, void (*changed)(void *, const char *), void *arg)
{
        bool all = strcasecmp(name, "root") == 0;
        pthread_mutex_lock(&lock);
        const struct named *own = all ? &root : entry(name);
        turns++;
        for (size_t i = 0; own && i < count; i++) {
                struct named *n = table[i];
                if (!all && n != own && (n == &root || strncmp(n->name, name, strlen(name)) != 0))
                        continue;
                n->turn = turns;
                if (n->level == level)
                        continue;
                n->level = level;
                n->modified_ms = sl_wall_ms();
                if (changed)
                        changed(arg, n->name);
        }
        publish();
        pthread_mutex_unlock(&lock);
        return own != NULL;
}

void sl_log_each(void (*see)(void *, const char *, enum sl_log_level, int64_t), void *arg)
{
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < count; i++)
                see(arg, table[i]->name, table[i]->level, table[i]->modified_ms);
        pthread_mutex_unlock(&lock);
}

void sl_log_logger_of(const char *file, char *ret, size_t room)
{
        static const char *const roots[] = {"worker/", "connectors/", "transforms/", "dlq/", "tests/"};
        const char *rest = file;
        for (const char *p = file; *p; p++)
                for (size_t i = 0; (p == file || p[-1] == '/') && i < sizeof(roots) / sizeof(roots[0]); i++)
                        if (strncmp(p, roots[i], strlen(roots[i])) == 0)
                                rest = i == 0 ? p + strlen(roots[i]) : p;
        snprintf(ret, room, "sluice.%s", rest);
        size_t n = strlen(ret);
        if (n > 2 && strcmp(ret + n - 2, ".c") == 0)
                ret[n - 2] = '\0';
        for (char *p = ret; *p; p++)
                if (*p == '/')
                        *p = '.';
}

static const char *java_name(const char *ours)
{
        const char *java = NULL;
        size_t best = 0;
        for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
                if (below(ours, twins[i].ours) && strlen(twins[i].ours) > best) {
                        best = strlen(twins[i].ours);
                        java = twins[i].java;
                }
        return java;
}

bool sl_log_wants(const char *file, enum sl_log_level level)
{
        if (level <= SL_LOG_OFF || level > SL_LOG_TRACE || !sl_log_may(level))
                return false;
        if (atomic_load_explicit(&only_root, memory_order_relaxed))
                return (int)level <= atomic_load_explicit(&root_level, memory_order_relaxed);
        char name[SL_LOG_NAME_MAX + 1];
        int saved = errno; /* callers log between a failed call and their look at errno */
        sl_log_logger_of(file, name, sizeof(name));
        const char *java = java_name(name);
        pthread_mutex_lock(&lock);
        const struct named *ours = nearest(name), *theirs = java ? nearest(java) : NULL;
        const struct named *counts = ours && theirs ? (theirs->turn > ours->turn ? theirs : ours)
                                     : ours         ? ours
                                     : theirs       ? theirs
                                                    : &root;
        bool wants = level <= counts->level;
        pthread_mutex_unlock(&lock);
        errno = saved;
        return wants;
}
