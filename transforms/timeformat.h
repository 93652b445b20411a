/* SPDX-License-Identifier: Apache-2.0 */
/* java.text.SimpleDateFormat in time zone UTC and locale en-US, lenient: a pattern is compiled once into a list of steps, which write
 * or read a text. All of its letters (G y Y M L w W D d F E u a H k K h m s S z Z X) and quotes. Other than in Java, a zone's name
 * that was read has no effect on later texts, and only UTC, GMT and those of RFC 822 (EST, EDT, ... PDT) are known; digits are 0 to 9. */
#ifndef SL_TRANSFORMS_TIMEFORMAT_H
#define SL_TRANSFORMS_TIMEFORMAT_H
#include "base/str.h"

struct sl_timeformat;
/* now_ms: two-digit years fall into the 80 years before it and the 20 behind. NULL for a bad pattern, with Java's reason in why. */
struct sl_timeformat *sl_timeformat_new(const char *pattern, int64_t now_ms, struct sl_buf *why);
void sl_timeformat_free(struct sl_timeformat *f); /* accepts NULL */
/* Append the instant (ms since 1970). One thread at a time: the day's parts are kept for the next call. */
void sl_timeformat_write(struct sl_timeformat *f, int64_t ms, struct sl_buf *out);
/* Append a topic's name made by a router: `name` with ${topic} and ${timestamp} filled in. */
void sl_timeformat_topic(struct sl_timeformat *f, const char *name, struct sl_str topic, int64_t ms, struct sl_buf *out);
/* What stands behind the part that matches is ignored, as in Java. False: the text does not match. */
bool sl_timeformat_read(const struct sl_timeformat *f, struct sl_str text, int64_t *ret);
#endif
