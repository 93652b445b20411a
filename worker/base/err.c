/* SPDX-License-Identifier: Apache-2.0 */
/* Error values, their table, the trace text, and the allocators that abort. Does not log: the owner of the work
 * does (see err.h). */
#include "base/err.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct row {
        const char *text;
        enum sl_rc rc;
        enum sl_scope scope;
        const char *java;
        const char *doc;
};

#define SL_X(name, id, rc, scope, java, doc) [name] = {id, rc, scope, java, doc},
static const struct row rows[] = {[SL_E_NONE] = {"none", SL_OK, SL_SCOPE_RECORD, SL_JAVA_CONNECT, "no error"},
                                  SL_ERROR_IDS(SL_X)};
#undef SL_X
static_assert(sizeof(rows) / sizeof(rows[0]) == SL_E_COUNT, "one row per id");

static const struct row *row_of(enum sl_errid id)
{
        return (unsigned)id < SL_E_COUNT ? &rows[id] : &rows[SL_E_INTERNAL];
}

/* A cut in the middle of a UTF-8 sequence would make the message unprintable in JSON. */
static void trim_utf8(char *msg)
{
        size_t len = strlen(msg), start = len;
        while (start && len - start < 4 && ((uint8_t)msg[start - 1] & 0xc0) == 0x80)
                start--;
        if (start && (uint8_t)msg[start - 1] >= 0xc0)
                start--;
        if (!sl_utf8_valid((struct sl_str){msg + start, len - start}))
                msg[start] = '\0';
}

static sl_printf(3, 0) void format(char *msg, size_t size, const char *fmt, va_list ap)
{
        int n = vsnprintf(msg, size, fmt, ap);
        if (n < 0)
                msg[0] = '\0';
        else if ((size_t)n >= size)
                trim_utf8(msg);
}

enum sl_rc sl_err_set(struct sl_err *err, enum sl_errid id, const char *file, uint32_t line, const char *fmt, ...)
{
        const struct row *row = row_of(id);
        if (!err)
                return row->rc;
        if (err->rc != SL_OK)
                return err->rc;
        const char *slash = strrchr(file, '/');
        err->rc = row->rc;
        err->scope = row->scope;
        err->id = id;
        err->java = row->java;
        err->file = slash ? slash + 1 : file; /* as in Java's traces; build paths are nobody's business */
        err->line = line;
        va_list ap;
        va_start(ap, fmt);
        format(err->msg, sizeof(err->msg), fmt, ap);
        va_end(ap);
        return err->rc;
}

/* head, between and the old message. */
static void put_before(struct sl_err *err, const char *head, const char *between)
{
        char old[sizeof(err->msg)];
        memcpy(old, err->msg, sizeof(old));
        size_t n = strlen(head), room = sizeof(err->msg) - 1;
        memcpy(err->msg, head, n);
        for (const char *p = between; *p && n < room; p++)
                err->msg[n++] = *p;
        if (err->cause || err->cause_at)
                err->cause_at += (uint32_t)n;
        size_t rest = strlen(old);
        bool cut = rest > room - n;
        if (cut)
                rest = room - n;
        memcpy(err->msg + n, old, rest);
        err->msg[n + rest] = '\0';
        if (cut)
                trim_utf8(err->msg);
}

void sl_err_prefix(struct sl_err *err, const char *fmt, ...)
{
        char head[sizeof(err->msg)];
        if (!err || err->rc == SL_OK)
                return;
        va_list ap;
        va_start(ap, fmt);
        format(head, sizeof(head), fmt, ap);
        va_end(ap);
        put_before(err, head, ": ");
}

void sl_err_wrap(struct sl_err *err, const char *head, const char *cause)
{
        if (!err || err->rc == SL_OK)
                return;
        err->cause = cause;
        err->cause_at = 0;
        put_before(err, head, "");
}

void sl_err_detail(struct sl_err *err, const char *text)
{
        if (!err || err->rc == SL_OK || err->cause || err->cause_at)
                return;
        size_t n = strlen(err->msg);
        err->cause_at = (uint32_t)n;
        if (n + strlen(text) < sizeof(err->msg))
                memcpy(err->msg + n, text, strlen(text) + 1);
}

struct sl_str sl_err_message(const struct sl_err *err)
{
        size_t len = strlen(err->msg);
        return (struct sl_str){err->msg, err->cause_at && err->cause_at < len ? err->cause_at : len};
}

void sl_err_clear(struct sl_err *err)
{
        if (err)
                *err = (struct sl_err){0};
}

const char *sl_errid_text(enum sl_errid id)
{
        return row_of(id)->text;
}

const char *sl_errid_doc(enum sl_errid id)
{
        return row_of(id)->doc;
}

const char *sl_rc_name(enum sl_rc rc)
{
        static const char *const names[] = {
                [SL_OK] = "ok",
                [SL_TRANSIENT] = "transient",
                [SL_SCHEMA] = "schema_mismatch",
                [SL_BUSINESS] = "business",
                [SL_DESERIALIZATION] = "deserialization",
                [SL_UNKNOWN] = "unknown",
                [SL_FATAL] = "fatal",
        };
        return (unsigned)rc < sizeof(names) / sizeof(names[0]) ? names[rc] : "unknown";
}

const char *sl_stage_name(enum sl_stage stage)
{
        static const char *const names[] = {
                [SL_STAGE_NONE] = "NONE",
                [SL_STAGE_TASK_POLL] = "TASK_POLL",
                [SL_STAGE_TRANSFORMATION] = "TRANSFORMATION",
                [SL_STAGE_KEY_CONVERTER] = "KEY_CONVERTER",
                [SL_STAGE_VALUE_CONVERTER] = "VALUE_CONVERTER",
                [SL_STAGE_HEADER_CONVERTER] = "HEADER_CONVERTER",
                [SL_STAGE_KAFKA_PRODUCE] = "KAFKA_PRODUCE",
                [SL_STAGE_KAFKA_CONSUME] = "KAFKA_CONSUME",
                [SL_STAGE_TASK_PUT] = "TASK_PUT",
        };
        return (unsigned)stage < sizeof(names) / sizeof(names[0]) ? names[stage] : "NONE";
}

void sl_err_trace(const struct sl_err *err, struct sl_buf *out)
{
        const char *place = err->stage == SL_STAGE_NONE ? "task" : sl_stage_name(err->stage);
        struct sl_str own = sl_err_message(err);
        if (err->outer)
                sl_buf_printf(out, "%s\n\tat sluice.%s\nCaused by: ", err->outer, place);
        sl_buf_adds(out, err->java ? err->java : row_of(err->id)->java);
        sl_buf_adds(out, ": ");
        sl_buf_add(out, own.ptr, err->cause ? own.len : strlen(own.ptr));
        sl_buf_printf(out, "\n\tat sluice.%s(%s:%u) [%s]", place, err->file ? err->file : "?", (unsigned)err->line,
                      sl_errid_text(err->id));
        if (err->cause && own.ptr[own.len])
                sl_buf_printf(out, "\nCaused by: %s: %s", err->cause, own.ptr + own.len);
}

static sl_noreturn sl_cold void out_of_memory(size_t n)
{
        char text[96];
        int len = snprintf(text, sizeof(text), "sluice: out of memory (%zu bytes wanted)\n", n);
        ssize_t done = write(STDERR_FILENO, text, (size_t)len);
        (void)done; /* aborting anyway */
        abort();
}

static void *checked(void *p, size_t n)
{
        if (sl_unlikely(!p))
                out_of_memory(n);
        return p;
}

void *sl_malloc(size_t n)
{
        return checked(malloc(n ? n : 1), n);
}

void *sl_calloc(size_t n, size_t size)
{
        return checked(calloc(n ? n : 1, size ? size : 1), n);
}

void *sl_realloc(void *p, size_t n)
{
        return checked(realloc(p, n ? n : 1), n);
}

char *sl_strdup(const char *s)
{
        return sl_strndup(s, strlen(s));
}

char *sl_strndup(const char *s, size_t n)
{
        char *p = sl_malloc(n + 1);
        if (n)
                memcpy(p, s, n);
        p[n] = '\0';
        return p;
}
