/* SPDX-License-Identifier: Apache-2.0 */
/* Java's topics.regex -> what librdkafka's subscription takes: a POSIX extended expression that begins with '^'. */
#ifndef SL_KAFKA_REGEX_H
#define SL_KAFKA_REGEX_H
#include "base/err.h"
#include "base/str.h"

/* Append "^(...)$". Topic names hold only [a-zA-Z0-9._-], which makes greedy, lazy and possessive the same for a whole
 * match. SL_E_CONFIG for what POSIX has no words for (look-around, back references, inline flags, \Q, class
 * intersections). */
enum sl_rc sl_kafka_topics_regex(const char *java, struct sl_buf *out, struct sl_err *err);
#endif
