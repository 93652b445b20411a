/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters as text: JSON lines for programs, columns for people. */
#ifndef SL_DLQ_PRINT_H
#define SL_DLQ_PRINT_H
#include "dlq/item.h"

/* A JSON string, or null when ptr is NULL. Bytes that are no UTF-8 become U+FFFD. */
void sl_dlq_json_text(struct sl_buf *out, struct sl_str s);
/* RFC 3339 in UTC with milliseconds; "-" for -1. */
void sl_dlq_time(struct sl_buf *out, int64_t ms);
void sl_dlq_json_time(struct sl_buf *out, int64_t ms); /* quoted, null for -1 */
void sl_dlq_json_hex(struct sl_buf *out, struct sl_str bytes); /* hexadecimal digits, quoted */
/* {"topic":...,"partition":...,"offset":...}, or null when it is unresolved. */
void sl_dlq_json_origin(struct sl_buf *out, const struct sl_dlq_origin *o);
/* The members of list --json without braces: topic, partition, offset ... */
void sl_dlq_json_item(struct sl_buf *out, const char *topic, const struct sl_dlq_item *it);
/* key, value and headers in base64, as members behind others. */
void sl_dlq_json_bytes(struct sl_buf *out, const struct sl_dlq_item *it);
/* One line of s at most n bytes long, controls as blanks, cut with "..." at a character's begin. */
void sl_dlq_one_line(struct sl_buf *out, struct sl_str s, size_t n);
/* Text as it is, else a hex dump of at most n bytes, each line behind indent. */
void sl_dlq_bytes(struct sl_buf *out, struct sl_str s, size_t n, const char *indent);
const char *sl_dlq_reason_name(enum sl_dlq_reason by);
#endif
