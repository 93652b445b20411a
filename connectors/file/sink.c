/* SPDX-License-Identifier: Apache-2.0 */
/* FileStreamSink: the string form (Java's toString) of every value as one line at the end of a file, or on standard
 * output. At least once: after a crash the lines behind the last committed offset are written again. flush makes the
 * lines durable (fsync) before it names offsets. Several tasks may append to the same file; each put is one write. */
#include "api/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK (1u << 20) /* write when this much text is ready */

struct sink_cfg {
        const char *file;
};

struct part {
        struct sl_tp tp;
        int64_t next; /* offset behind the last line written */
        bool moved;   /* since the last flush */
};

struct sink_task {
        const struct sink_cfg *cfg;
        int fd;
        bool opened; /* fd is ours */
        bool dirty;  /* lines written since the last fsync */
        struct part *parts;
        uint32_t count, cap;
        struct sl_buf buf;
};

static enum sl_rc sink_open(void *task, const void *cfg, const struct sl_task_env *env sl_unused, struct sl_err *err)
{
        struct sink_task *t = task;
        t->cfg = cfg;
        t->fd = STDOUT_FILENO;
        if (!t->cfg->file)
                return SL_OK;
        t->fd = open(t->cfg->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (t->fd < 0)
                return sl_fail(err, SL_E_FILE, "%s can't be written: %m", t->cfg->file);
        t->opened = true;
        return SL_OK;
}

static struct part *find(struct sink_task *t, const char *topic, int32_t partition)
{
        for (uint32_t i = 0; i < t->count; i++)
                if (t->parts[i].tp.partition == partition &&
                    (t->parts[i].tp.topic == topic || strcmp(t->parts[i].tp.topic, topic) == 0))
                        return &t->parts[i];
        return NULL;
}

static enum sl_rc sink_assigned(void *task, const struct sl_tp_offset *parts, uint32_t n, struct sl_err *err sl_unused)
{
        struct sink_task *t = task;
        for (uint32_t i = 0; i < n; i++) {
                struct part *p = find(t, parts[i].tp.topic, parts[i].tp.partition);
                if (!p) {
                        if (t->count == t->cap) {
                                t->cap = t->cap ? t->cap * 2 : 16;
                                t->parts = sl_realloc(t->parts, t->cap * sizeof(*t->parts));
                        }
                        p = &t->parts[t->count++];
                }
                *p = (struct part){.tp = parts[i].tp, .next = parts[i].offset};
        }
        return SL_OK;
}

static void sink_revoked(void *task, const struct sl_tp *parts, uint32_t n, bool lost sl_unused)
{
        struct sink_task *t = task;
        for (uint32_t i = 0; i < n; i++) {
                struct part *p = find(t, parts[i].topic, parts[i].partition);
                if (p)
                        *p = t->parts[--t->count];
        }
}

static enum sl_rc write_out(struct sink_task *t, struct sl_err *err)
{
        const char *p = t->buf.ptr, *name = t->cfg->file ? t->cfg->file : "standard output";
        if (!sl_buf_ok(&t->buf))
                return sl_fail(err, SL_E_TOO_LARGE, "the text of a value passes 1 GiB");
        while (t->buf.len) {
                ssize_t n = write(t->fd, p, t->buf.len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return sl_fail(err, SL_E_FILE, "%s can't be written: %m", name);
                t->dirty = true;
                p += n;
                t->buf.len -= (size_t)n;
        }
        return SL_OK;
}

/* An offset moves only when its line is in the file: after the write. */
static enum sl_rc sink_put(void *task, const struct sl_batch *batch, struct sl_err *err)
{
        struct sink_task *t = task;
        uint32_t done = 0;
        sl_buf_clear(&t->buf);
        for (uint32_t i = 0; i < batch->count; i++) {
                const struct sl_record *rec = &batch->records[i];
                if (!rec->dropped) {
                        sl_value_print(rec->value_schema, &rec->value, &t->buf);
                        sl_buf_addc(&t->buf, '\n');
                }
                if (t->buf.len < CHUNK && sl_buf_ok(&t->buf) && i + 1 < batch->count)
                        continue;
                SL_TRY(write_out(t, err));
                for (struct part *p = NULL; done <= i; done++) {
                        rec = &batch->records[done];
                        const char *topic = sl_read_topic(rec);
                        if (!p || p->tp.topic != topic || p->tp.partition != sl_read_partition(rec))
                                p = find(t, topic, sl_read_partition(rec));
                        if (!p)
                                return sl_fail(err, SL_E_FILE,
                                               "A record came under topic %.*s, partition %d, which was not read: "
                                               "offsets are kept "
                                               "by the topic read, so remove the transform that renames topics",
                                               SL_FMT(rec->topic), rec->partition);
                        p->next = sl_read_offset(rec) + 1;
                        p->moved = true;
                }
        }
        return SL_OK;
}

static enum sl_rc sink_flush(void *task, bool closing sl_unused, struct sl_offsets *durable, struct sl_err *err)
{
        struct sink_task *t = task;
        /* EINVAL, EROFS: a pipe or terminal has nothing to make durable. */
        if (t->dirty && fsync(t->fd) < 0 && errno != EINVAL && errno != EROFS)
                return sl_fail(err, SL_E_FILE, "%s can't be made durable: %m",
                               t->cfg->file ? t->cfg->file : "standard output");
        t->dirty = false;
        for (uint32_t i = 0; i < t->count; i++) {
                if (t->parts[i].moved)
                        sl_offsets_add(durable, t->parts[i].tp, t->parts[i].next);
                t->parts[i].moved = false;
        }
        return SL_OK;
}

static void sink_close(void *task)
{
        struct sink_task *t = task;
        if (t->opened)
                close(t->fd);
        free(t->parts);
        sl_buf_free(&t->buf);
        *t = (struct sink_task){0};
}

static const struct sl_cfg_def sink_config[] = {
        {SL_CFG_STR(struct sink_cfg, file, "file"), .importance = SL_HIGH,
         .doc = "File to append to; standard output without it."},
        {0},
};
static const char *const sink_aliases[] = {"org.apache.kafka.connect.file.FileStreamSinkConnector", NULL};

extern const struct sl_sink_ops sl_file_sink;
const struct sl_sink_ops sl_file_sink = {
        .name = "file-sink",
        .aliases = sink_aliases,
        .version = SLUICE_VERSION,
        .config = sink_config,
        .config_size = sizeof(struct sink_cfg),
        .task_size = sizeof(struct sink_task),
        .open = sink_open,
        .assigned = sink_assigned,
        .revoked = sink_revoked,
        .put = sink_put,
        .flush = sink_flush,
        .close = sink_close,
        .offsets_in_kafka = true,
};
