/* SPDX-License-Identifier: Apache-2.0 */
/* Levelled structured lines on standard error, one line per event, text or JSON.
 * Connector and task are implied by the thread's context. Thread safe. Never put a secret in a line.
 * Levels and their names are log4j's, as Connect's /admin/loggers shows them. */
#ifndef SL_BASE_LOG_H
#define SL_BASE_LOG_H
#include <stdbool.h>
#include "base/attr.h"
#include "base/err.h"

enum sl_log_level { SL_LOG_OFF, SL_LOG_FATAL, SL_LOG_ERROR, SL_LOG_WARN, SL_LOG_INFO, SL_LOG_DEBUG, SL_LOG_TRACE };

void sl_log_init(enum sl_log_level level, bool json);
void sl_log_set_level(enum sl_log_level level);
enum sl_log_level sl_log_get_level(void);
/* Context of this thread: "connector|task-0"; "" for none. Copied (at most 255 bytes). */
void sl_log_context(const char *ctx);
void sl_log_write(enum sl_log_level level, const char *fmt, ...) sl_printf(2, 3);
/* An error with its id, class, stage and place: "msg error=pg.auth class=fatal ...". */
void sl_log_err(enum sl_log_level level, const struct sl_err *err, const char *fmt, ...) sl_printf(3, 4);
#define sl_error(...) sl_log_write(SL_LOG_ERROR, __VA_ARGS__)
#define sl_warn(...) sl_log_write(SL_LOG_WARN, __VA_ARGS__)
#define sl_info(...) sl_log_write(SL_LOG_INFO, __VA_ARGS__)
#define sl_debug(...)                                                                                                \
        do {                                                                                                         \
                if (sl_unlikely(sl_log_get_level() >= SL_LOG_DEBUG))                                                 \
                        sl_log_write(SL_LOG_DEBUG, __VA_ARGS__);                                                     \
        } while (0)
#endif
