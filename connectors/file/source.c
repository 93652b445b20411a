/* SPDX-License-Identifier: Apache-2.0 */
/* FileStreamSource: the lines of one growing file as records, and the connector to learn from: a source is the struct
 * at the end of this file. A line ends with \n, \r or \r\n; a last line without an end waits for it. The value is the
 * line as a string, the key null. Offset: {"position":N}, N = bytes read, the ends of lines included. (Java counts
 * characters there and then skips bytes; for ASCII both are the same.) A file that does not exist yet is waited for. A
 * file that shrank below the offset is waited for until it has grown past it, as in Java. Not done: reading standard
 * input, following a rotated file. */
#include "api/connector.h"
#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define READ_SIZE 65536
#define MAX_LINE (64u << 20)
#define MISSING_WAIT_MS 1000 /* until the next look for a missing file */
#define IDLE_WAIT_MS 100     /* until the next look for new lines */

struct file_cfg {
        const char *file, *topic;
        int32_t batch_size;
};

struct file_task {
        const struct file_cfg *cfg;
        const struct sl_schema *schema;
        int fd; /* valid when opened */
        bool opened;
        int64_t next_open_ms; /* monotonic */
        struct sl_buf buf;    /* read, not yet given away */
        size_t from;          /* the first byte of buf that is not given away */
        uint64_t position;    /* of that byte in the file */
};

static enum sl_rc file_partition(const void *cfg, const char *connector sl_unused, struct sl_buf *out,
                                 struct sl_err *err sl_unused)
{
        const char *file = ((const struct file_cfg *)cfg)->file;
        sl_buf_adds(out, "{\"filename\":");
        sl_buf_add_json_str(out, file, strlen(file));
        sl_buf_addc(out, '}');
        return SL_OK;
}

static enum sl_rc stored_position(const char *offset_json, uint64_t *ret, struct sl_err *err)
{
        sl_auto_json *obj = NULL;
        SL_TRY(sl_json_parse(sl_str_c(offset_json), &obj, err));
        int64_t position = sl_json_int(obj, "position", -1);
        if (position < 0)
                return sl_fail(err, SL_E_FILE,
                               "the stored offset %.200s has no \"position\" of 0 or more: correct it with PATCH "
                               "/connectors/{name}/offsets, or delete it to read the file again",
                               offset_json);
        *ret = (uint64_t)position;
        return SL_OK;
}

static enum sl_rc file_open(void *task, const void *cfg, const struct sl_task_env *env sl_unused,
                            const char *offset_json, struct sl_err *err)
{
        struct file_task *t = task;
        t->cfg = cfg;
        t->schema = sl_schema_of(SL_STRING, false);
        sl_buf_init(&t->buf, MAX_LINE + READ_SIZE);
        return offset_json ? stored_position(offset_json, &t->position, err) : SL_OK;
}

/* Opens the file when it is there; t->opened says so. */
static enum sl_rc try_open(struct file_task *t, struct sl_err *err)
{
        if (t->opened || sl_mono_ms() < t->next_open_ms)
                return SL_OK;
        t->fd = open(t->cfg->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (t->fd < 0 && errno == ENOENT) {
                t->next_open_ms = sl_mono_ms() + MISSING_WAIT_MS;
                return SL_OK;
        }
        if (t->fd < 0)
                return sl_fail(err, SL_E_FILE, "%s can't be read: %m", t->cfg->file);
        t->opened = true;
        if (t->position && lseek(t->fd, (off_t)t->position, SEEK_SET) < 0)
                return sl_fail(err, SL_E_FILE,
                               "%s can't be read from byte %" PRIu64 ": %m (only regular files can be resumed)",
                               t->cfg->file, t->position);
        return SL_OK;
}

/* Read what is there, one buffer at most; *ret_got: bytes, 0 at the end of the file. */
static enum sl_rc fill(struct file_task *t, size_t *ret_got, struct sl_err *err)
{
        if (t->from) {
                memmove(t->buf.ptr, t->buf.ptr + t->from, t->buf.len - t->from);
                t->buf.len -= t->from;
                t->from = 0;
        }
        if (t->buf.len > MAX_LINE || !sl_buf_room(&t->buf, READ_SIZE))
                return sl_fail(err, SL_E_FILE,
                               "%s has a line of more than 64 MiB at byte %" PRIu64 ": it is not a text file",
                               t->cfg->file, t->position);
        ssize_t n = read(t->fd, t->buf.ptr + t->buf.len, READ_SIZE);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
                return sl_fail(err, SL_E_FILE, "%s can't be read: %m", t->cfg->file);
        *ret_got = n > 0 ? (size_t)n : 0;
        t->buf.len += *ret_got;
        return SL_OK;
}

/* The next whole line, without its end; false when there is none. */
static bool next_line(struct file_task *t, size_t *scanned, struct sl_str *ret)
{
        const char *from = t->buf.ptr + t->from;
        for (size_t i = *scanned; t->from + i < t->buf.len; i++) {
                if (from[i] != '\n' && from[i] != '\r')
                        continue;
                if (from[i] == '\r' && t->from + i + 1 == t->buf.len) {
                        *scanned = i; /* \n may follow */
                        return false;
                }
                size_t end = from[i] == '\r' && from[i + 1] == '\n' ? i + 2 : i + 1;
                *ret = (struct sl_str){from, i};
                t->from += end;
                t->position += end;
                *scanned = 0;
                return true;
        }
        *scanned = t->buf.len - t->from;
        return false;
}

static enum sl_rc file_poll(void *task, struct sl_batch *out, bool *ret_more, struct sl_err *err)
{
        struct file_task *t = task;
        uint32_t limit = out->count + (uint32_t)t->cfg->batch_size;
        int64_t now = sl_wall_ms();
        size_t got = 0, scanned = 0;
        struct sl_str line;
        *ret_more = false;
        SL_TRY(try_open(t, err));
        while (t->opened && !*ret_more) {
                while (!(*ret_more = sl_batch_full(out) || out->count >= limit) && next_line(t, &scanned, &line)) {
                        struct sl_record *rec = sl_batch_add(out);
                        rec->topic = sl_str_c(t->cfg->topic);
                        rec->timestamp_ms = now;
                        rec->value_schema = t->schema;
                        rec->raw_value = (struct sl_str){sl_arena_strndup(&out->arena, line.ptr, line.len), line.len};
                        rec->value = sl_v_str(rec->raw_value);
                        rec->origin_pos = t->position;
                }
                if (*ret_more)
                        break;
                SL_TRY(fill(t, &got, err));
                if (!got)
                        break;
        }
        if (out->count) {
                out->has_position = out->boundary = true;
                out->position.w[0] = t->position;
        }
        return SL_OK;
}

static enum sl_rc file_serve(void *task sl_unused, struct sl_err *err sl_unused)
{
        return SL_OK; /* nobody waits for a sign of life */
}

/* A regular file is always "readable" for poll(2), so the clock must do. */
static void file_wait(void *task, struct sl_wait *w)
{
        struct file_task *t = task;
        sl_wait_ms(w, t->opened ? IDLE_WAIT_MS : t->next_open_ms - sl_mono_ms());
}

static enum sl_rc file_offset(void *task sl_unused, const struct sl_position *pos, struct sl_buf *out,
                              struct sl_err *err sl_unused)
{
        sl_buf_adds(out, "{\"position\":");
        sl_buf_add_u64(out, pos->w[0]);
        sl_buf_addc(out, '}');
        return SL_OK;
}

static enum sl_rc file_acked(void *task sl_unused, const struct sl_position *pos sl_unused,
                             struct sl_err *err sl_unused)
{
        return SL_OK; /* a file forgets nothing */
}

static void file_origin(void *task, const struct sl_record *rec, sl_origin_add *add, void *arg)
{
        char position[24];
        snprintf(position, sizeof(position), "%" PRIu64, rec->origin_pos);
        add(arg, "format", SL_STR("text"));
        add(arg, "file", sl_str_c(((struct file_task *)task)->cfg->file));
        add(arg, "position", sl_str_c(position)); /* behind the line's end */
}

static void file_close(void *task)
{
        struct file_task *t = task;
        if (t->opened)
                close(t->fd);
        sl_buf_free(&t->buf);
        *t = (struct file_task){0};
}

static void file_check(const void *config, const char *connector sl_unused, struct sl_cfg_report *report)
{
        const struct file_cfg *cfg = config;
        if (!cfg->file || !*cfg->file)
                sl_cfg_add_error(report, "file",
                                 "Missing required configuration \"file\": a worker does not read its standard "
                                 "input; name a file");
}

static const struct sl_cfg_def file_config[] = {
        {SL_CFG_STR(struct file_cfg, file, "file"), .importance = SL_HIGH,
         .doc = "File to read. Java reads standard input without it; this worker does not."},
        {SL_CFG_STR(struct file_cfg, topic, "topic"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH,
         .doc = "The topic that gets the lines."},
        {SL_CFG_INT(struct file_cfg, batch_size, "batch.size"), .def = "2000",
         .doc = "Most lines of one poll."},
        {0},
};
/* Texts and order are Java's. */
static enum sl_rc file_check_offset(const void *cfg sl_unused, const char *connector sl_unused, const char *partition,
                                    const char *offset, struct sl_err *err)
{
        sl_auto_json *where = NULL, *value = NULL;
        if (partition)
                SL_TRY(sl_json_parse(sl_str_c(partition), &where, err));
        if (offset)
                SL_TRY(sl_json_parse(sl_str_c(offset), &value, err));
        const json_t *position = json_object_get(value, "position");
        if (!where)
                return sl_fail(err, SL_E_FILE, "Partition objects cannot be null");
        if (!json_object_get(where, "filename"))
                return sl_fail(err, SL_E_FILE, "Partition objects should contain the key 'filename'");
        if (!offset)
                return SL_OK;
        if (!position)
                return sl_fail(err, SL_E_FILE, "Offset objects should either be null or contain the key 'position'");
        if (!json_is_integer(position))
                return sl_fail(err, SL_E_FILE,
                               "The value for the 'position' key in the offset is expected to be a Long value");
        if (json_integer_value(position) < 0)
                return sl_fail(err, SL_E_FILE,
                               "The value for the 'position' key in the offset should be a non-negative value");
        return SL_OK;
}

static const char *const file_aliases[] = {"org.apache.kafka.connect.file.FileStreamSourceConnector", NULL};

extern const struct sl_source_ops sl_file_source;
const struct sl_source_ops sl_file_source = {
        .name = "file-source",
        .aliases = file_aliases,
        .version = SLUICE_VERSION,
        .config = file_config,
        .config_size = sizeof(struct file_cfg),
        .task_size = sizeof(struct file_task),
        .check = file_check,
        .partition = file_partition,
        .open = file_open,
        .poll = file_poll,
        .serve = file_serve,
        .wait = file_wait,
        .offset = file_offset,
        .acked = file_acked,
        .close = file_close,
        .check_offset = file_check_offset,
        .offsets_in_kafka = true,
        .origin = file_origin,
};
