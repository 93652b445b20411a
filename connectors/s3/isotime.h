/* SPDX-License-Identifier: Apache-2.0 */
/* Times as text: what Joda-Time's ISODateTimeFormat.dateTimeParser() reads. Calendar, ordinal and week dates, with or without a time, a
 * fraction of up to nine digits (cut to milliseconds) and an offset; a time alone is one of 1970-01-01. Without an offset it is UTC, where
 * Joda takes the time zone of the JVM. Does not read Joda's local variants or any other format. @thread any. */
#ifndef SL_S3_ISOTIME_H
#define SL_S3_ISOTIME_H
#include "base/str.h"

/* False: it is no such time, or one that does not exist (2023-02-29). ret: ms since 1970. */
bool sl_s3_iso_time(struct sl_str text, int64_t *ret);
#endif
