/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: the returned class says what kind of failure, the caller-owned struct says the rest.
 * Rules: err is the last argument, untouched on success; the first writer wins, callers add context with
 * sl_err_prefix(). Libraries do not log or exit; the owner (pipeline, cluster, rest, main) logs.
 * Programs key on id, never on msg. Out of memory is not an error value: small allocations go through
 * sl_malloc() and friends, which abort with a message (a worker is restarted by its supervisor and loses
 * nothing: positions move only after commit). No secret may be put into msg. */
#ifndef SL_BASE_ERR_H
#define SL_BASE_ERR_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "base/attr.h"
#include "base/errids.h"
#include "base/str.h"

/* The dead-letter queue's five classes, and fatal, which is never dead-lettered. */
enum [[nodiscard]] sl_rc {
        SL_OK = 0,
        SL_TRANSIENT,       /* the same input can pass later */
        SL_SCHEMA,          /* bytes and schema disagree; a schema fix cures it ("schema_mismatch") */
        SL_BUSINESS,        /* decoded, but breaks a rule of a transform or the target */
        SL_DESERIALIZATION, /* can't be decoded */
        SL_UNKNOWN,
        SL_FATAL,           /* config, credentials, slot lost, bug: stop the task */
};
enum sl_scope { SL_SCOPE_RECORD, SL_SCOPE_BATCH, SL_SCOPE_TASK }; /* how much must be redone or refused */

/* Kafka Connect's Stage (org.apache.kafka.connect.runtime.errors.Stage), same names. */
enum sl_stage {
        SL_STAGE_NONE,
        SL_STAGE_TASK_POLL,
        SL_STAGE_TRANSFORMATION,
        SL_STAGE_KEY_CONVERTER,
        SL_STAGE_VALUE_CONVERTER,
        SL_STAGE_HEADER_CONVERTER,
        SL_STAGE_KAFKA_PRODUCE,
        SL_STAGE_KAFKA_CONSUME,
        SL_STAGE_TASK_PUT,
};

#define SL_X(name, id, rc, scope, java, doc) name,
enum sl_errid { SL_E_NONE, SL_ERROR_IDS(SL_X) SL_E_COUNT };
#undef SL_X

struct sl_err {
        enum sl_rc rc;
        enum sl_scope scope;
        enum sl_stage stage;
        const char *operation;   /* Java class of the plugin that ran in the stage; NULL = the connector */
        enum sl_errid id;
        const char *java;        /* exception class for traces and headers; from the id's row unless set */
        const char *outer;       /* "<class>: <message>" of the exception that Connect wraps this one in; static, NULL = none */
        const char *cause;       /* exception class of what lies under this one; its text is msg from cause_at on; NULL = none */
        uint32_t cause_at;       /* without cause: from here on msg is a detail of ours; 0 = none */
        int32_t native;          /* HTTP status, librdkafka code, or 0 */
        char sqlstate[6];        /* "" unless Postgres said one */
        uint32_t retry_after_ms; /* 0 = no advice */
        const char *file;
        uint32_t line;
        char msg[1024];
};

/* Set err from the id's row and return its class: `return sl_fail(err, SL_E_CONFIG, "...", ...);`
 * err may be NULL. If err already holds an error it is kept (first writer wins). */
#define sl_fail(err, id, ...) sl_err_set((err), (id), __FILE__, __LINE__, __VA_ARGS__)
enum sl_rc sl_err_set(struct sl_err *err, enum sl_errid id, const char *file, uint32_t line, const char *fmt, ...)
        sl_printf(5, 6) sl_cold;
/* Put head before the message, which becomes the text of the exception below (class cause, static): Connect's exceptions keep
 * their own sentence and leave the details to a "Caused by". */
void sl_err_wrap(struct sl_err *err, const char *head, const char *cause);
/* text at the end of the message is ours, Connect's sentence ends before it. */
void sl_err_detail(struct sl_err *err, const char *text);
/* The exception's own message: msg without the text of its cause and without our detail. */
struct sl_str sl_err_message(const struct sl_err *err);
/* Put "text: " before the message. */
void sl_err_prefix(struct sl_err *err, const char *fmt, ...) sl_printf(2, 3) sl_cold;
void sl_err_clear(struct sl_err *err);
const char *sl_errid_text(enum sl_errid id);       /* "pg.slot.lost" */
const char *sl_errid_doc(enum sl_errid id);
const char *sl_rc_name(enum sl_rc rc);             /* "transient", "schema_mismatch", ... */
const char *sl_stage_name(enum sl_stage stage);    /* "TASK_PUT", ... */
/* The text of Connect's status "trace": "<java class>: <msg>\n\tat sluice.<stage>(<file>:<line>) [id]", the wrapping exception
 * before it and the cause behind it ("Caused by: ..."). Outside a stage it says task. */
void sl_err_trace(const struct sl_err *err, struct sl_buf *out);

/* Allocation that can't fail (aborts with a message). sl_free is free. */
void *sl_malloc(size_t n);
void *sl_calloc(size_t n, size_t size);
void *sl_realloc(void *p, size_t n);
char *sl_strdup(const char *s);
char *sl_strndup(const char *s, size_t n);

/* Pass a failure on. */
#define SL_TRY(expr)                                                                                                 \
        do {                                                                                                         \
                enum sl_rc sl_try_rc_ = (expr);                                                                      \
                if (sl_unlikely(sl_try_rc_ != SL_OK))                                                                \
                        return sl_try_rc_;                                                                           \
        } while (0)

#endif
