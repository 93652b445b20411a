/* SPDX-License-Identifier: Apache-2.0 */
/* Levelled structured lines on standard error, one line per event, text or JSON.
 * Connector and task are implied by the thread's context. Thread safe. Never put a secret in a line.
 * Levels and their names are log4j's, as Connect's /admin/loggers shows them.
 *
 * Every line has a logger, named after the file it comes from: worker/pipeline/source_task.c is sluice.pipeline.source_task,
 * connectors/postgres/stream.c is sluice.connectors.postgres.stream. A logger's level is that of the nearest name above it
 * that was given one ("sluice.pipeline", "sluice"), else root's. Java's names work too (logger.c has the table): a level for
 * org.apache.kafka.connect.runtime or io.debezium goes to the files that do that work here; of two names that fit, the one
 * that was set later counts. A line that no logger wants costs one load and one compare. */
#ifndef SL_BASE_LOG_H
#define SL_BASE_LOG_H
#include <stdatomic.h>
#include <stdbool.h>
#include "base/attr.h"
#include "base/err.h"

enum sl_log_level {
        SL_LOG_OFF,
        SL_LOG_FATAL,
        SL_LOG_ERROR,
        SL_LOG_WARN,
        SL_LOG_INFO,
        SL_LOG_DEBUG,
        SL_LOG_TRACE,
        SL_LOG_ALL /* of a logger, not of a line */
};
const char *sl_log_level_name(enum sl_log_level level);
bool sl_log_level_parse(const char *name, enum sl_log_level *ret); /* any case */

void sl_log_init(enum sl_log_level level, bool json);
/* root's */
void sl_log_set_level(enum sl_log_level level);
enum sl_log_level sl_log_get_level(void);

/* Give a logger a level, and with it every logger that has one and whose name begins with this text; "root" (any case)
 * means all of them. changed (may be NULL) is told each name whose level became another one, sorted; it must not log.
 * false: there are SL_LOG_NAMES names already, or the name is longer than SL_LOG_NAME_MAX bytes. */
#define SL_LOG_NAMES 500
#define SL_LOG_NAME_MAX 250
bool sl_log_set_named(const char *name, enum sl_log_level level, void (*changed)(void *arg, const char *name), void *arg);
/* Every name that has a level, sorted, root among them. modified_ms: when it was set by sl_log_set_named, 0 = never. see must
 * not log. */
void sl_log_each(void (*see)(void *arg, const char *name, enum sl_log_level level, int64_t modified_ms), void *arg);

/* Context of this thread: "connector|task-0"; "" for none. Copied (at most 255 bytes). */
void sl_log_context(const char *ctx);

/* The most verbose level that any logger has. */
extern _Atomic int sl_log_ceiling;
static inline bool sl_log_may(enum sl_log_level level)
{
        return sl_unlikely(atomic_load_explicit(&sl_log_ceiling, memory_order_relaxed) >= (int)level);
}
/* Does the logger of this source file want lines of this level? */
bool sl_log_wants(const char *file, enum sl_log_level level);
/* The name of a source file's logger; room: at least SL_LOG_NAME_MAX + 1. */
void sl_log_logger_of(const char *file, char *ret, size_t room);
void sl_log_write_at(const char *file, enum sl_log_level level, const char *fmt, ...) sl_printf(3, 4);
void sl_log_err_at(const char *file, enum sl_log_level level, const struct sl_err *err, const char *fmt, ...) sl_printf(4, 5);
#define sl_log_write(level, ...)                                                                                     \
        do {                                                                                                         \
                if (sl_log_may(level))                                                                               \
                        sl_log_write_at(__FILE__, (level), __VA_ARGS__);                                             \
        } while (0)
/* An error with its id, class, stage and place: "msg error=pg.auth class=fatal ...". */
#define sl_log_err(level, err, ...) sl_log_err_at(__FILE__, (level), (err), __VA_ARGS__)
#define sl_error(...) sl_log_write(SL_LOG_ERROR, __VA_ARGS__)
#define sl_warn(...) sl_log_write(SL_LOG_WARN, __VA_ARGS__)
#define sl_info(...) sl_log_write(SL_LOG_INFO, __VA_ARGS__)
#define sl_debug(...) sl_log_write(SL_LOG_DEBUG, __VA_ARGS__)
#endif
