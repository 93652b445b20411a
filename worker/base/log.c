/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: formatted in memory, then one write(2) each, so lines of different threads never mix. A line that
 * standard error does not take (closed, full and non-blocking) is dropped: logging never stops a pipeline.
 * Which lines are wanted is logger.c's. Does not rotate files. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_LINE ((size_t)64 * 1024)

static _Atomic bool log_json;
static _Thread_local char log_ctx[256];

void sl_log_init(enum sl_log_level level, bool json)
{
        sl_log_set_level(level);
        atomic_store_explicit(&log_json, json, memory_order_relaxed);
}

void sl_log_context(const char *ctx)
{
        snprintf(log_ctx, sizeof(log_ctx), "%s", ctx ? ctx : "");
}

static void add_time(struct sl_buf *out)
{
        int64_t ms = sl_wall_ms();
        time_t seconds = (time_t)(ms / 1000);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        sl_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                      tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

/* One line per event: control characters become escapes. */
static void add_plain(struct sl_buf *out, const char *s)
{
        for (; *s; s++) {
                if (*s == '\n')
                        sl_buf_adds(out, "\\n");
                else if (*s == '\t')
                        sl_buf_adds(out, "\\t");
                else if ((uint8_t)*s < 0x20 || *s == 0x7f)
                        sl_buf_printf(out, "\\x%02x", (unsigned)(uint8_t)*s);
                else
                        sl_buf_addc(out, *s);
        }
}

/* JSON readers refuse a line that is not UTF-8. */
static void add_json(struct sl_buf *out, const char *s)
{
        if (sl_utf8_valid(sl_str_c(s))) {
                sl_buf_add_json_str(out, s, strlen(s));
                return;
        }
        sl_cleanup(sl_buf_free) struct sl_buf ascii = {.max = MAX_LINE};
        for (; *s; s++)
                sl_buf_addc(&ascii, (uint8_t)*s < 0x80 ? *s : '?');
        sl_buf_add_json_str(out, sl_buf_cstr(&ascii), ascii.len);
}

static void write_line(const struct sl_buf *line)
{
        size_t done = 0;
        while (done < line->len) {
                ssize_t n = write(STDERR_FILENO, line->ptr + done, line->len - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return;
                done += (size_t)n;
        }
}

static void log_text(struct sl_buf *line, enum sl_log_level level, const char *msg, const struct sl_err *err)
{
        add_time(line);
        sl_buf_printf(line, " %-5s ", sl_log_level_name(level));
        if (*log_ctx) {
                sl_buf_addc(line, '[');
                add_plain(line, log_ctx);
                sl_buf_adds(line, "] ");
        }
        add_plain(line, msg);
        if (err) {
                sl_buf_adds(line, *msg ? ": " : "");
                add_plain(line, err->msg);
                sl_buf_printf(line, " error=%s class=%s", sl_errid_text(err->id), sl_rc_name(err->rc));
                if (err->stage != SL_STAGE_NONE)
                        sl_buf_printf(line, " stage=%s", sl_stage_name(err->stage));
                if (err->native)
                        sl_buf_printf(line, " native=%d", err->native);
                if (*err->sqlstate)
                        sl_buf_printf(line, " sqlstate=%s", err->sqlstate);
                if (err->file)
                        sl_buf_printf(line, " at=%s:%u", err->file, (unsigned)err->line);
        }
        sl_buf_addc(line, '\n');
}

static void log_object(struct sl_buf *line, const char *file, enum sl_log_level level, const char *msg,
                       const struct sl_err *err)
{
        char logger[SL_LOG_NAME_MAX + 1];
        sl_log_logger_of(file, logger, sizeof(logger));
        sl_buf_adds(line, "{\"ts\":\"");
        add_time(line);
        sl_buf_printf(line, "\",\"level\":\"%s\",\"logger\":\"%s\"", sl_log_level_name(level), logger);
        if (*log_ctx) {
                sl_buf_adds(line, ",\"context\":");
                add_json(line, log_ctx);
        }
        sl_buf_adds(line, ",\"msg\":");
        add_json(line, msg);
        if (err) {
                sl_buf_printf(line, ",\"error\":\"%s\",\"class\":\"%s\",\"cause\":", sl_errid_text(err->id),
                              sl_rc_name(err->rc));
                add_json(line, err->msg);
                if (err->stage != SL_STAGE_NONE)
                        sl_buf_printf(line, ",\"stage\":\"%s\"", sl_stage_name(err->stage));
                if (err->native)
                        sl_buf_printf(line, ",\"native\":%d", err->native);
                if (*err->sqlstate) {
                        sl_buf_adds(line, ",\"sqlstate\":");
                        add_json(line, err->sqlstate);
                }
                if (err->file)
                        sl_buf_printf(line, ",\"at\":\"%s:%u\"", err->file, (unsigned)err->line);
        }
        sl_buf_adds(line, "}\n");
}

static sl_printf(4, 0) void log_event(const char *file, enum sl_log_level level, const struct sl_err *err,
                                      const char *fmt, va_list ap)
{
        int saved = errno; /* callers log between a failed call and their look at errno */
        sl_cleanup(sl_buf_free) struct sl_buf line = {.max = MAX_LINE * 8};
        char *msg = NULL;
        int n = vasprintf(&msg, fmt, ap);
        if (n < 0)
                msg = NULL;
        else if ((size_t)n > MAX_LINE)
                msg[MAX_LINE] = '\0';
        const char *text = msg ? msg : fmt;
        if (atomic_load_explicit(&log_json, memory_order_relaxed))
                log_object(&line, file, level, text, err);
        else
                log_text(&line, level, text, err);
        if (sl_buf_ok(&line))
                write_line(&line);
        free(msg);
        errno = saved;
}

void sl_log_write_at(const char *file, enum sl_log_level level, const char *fmt, ...)
{
        if (!sl_log_wants(file, level))
                return;
        va_list ap;
        va_start(ap, fmt);
        log_event(file, level, NULL, fmt, ap);
        va_end(ap);
}

void sl_log_err_at(const char *file, enum sl_log_level level, const struct sl_err *err, const char *fmt, ...)
{
        if (!sl_log_wants(file, level))
                return;
        va_list ap;
        va_start(ap, fmt);
        log_event(file, level, err, fmt, ap);
        va_end(ap);
}
