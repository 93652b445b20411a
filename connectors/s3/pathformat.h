/* SPDX-License-Identifier: Apache-2.0 */
/* path.format: a pattern of Joda-Time's DateTimeFormat, printed. Its letters G C x w e E y Y D M d a K h H k m s S Z and z (but zzzz, long
 * names of zones); quotes; numbers or texts by how often a letter stands there. Texts in the locales en, de, fr, es, it, nl, pt
 * and in Java's root locale, which Java takes for what it doesn't know, "en-US" among them. Does not parse times.
 * Immutable once made. @thread any. */
#ifndef SL_S3_PATHFORMAT_H
#define SL_S3_PATHFORMAT_H
#include "connectors/s3/zone.h"

struct sl_s3_pathformat;
/* zone outlives the format. NULL: why not, appended. */
struct sl_s3_pathformat *sl_s3_pathformat_new(const char *pattern, const char *locale, const struct sl_s3_zone *zone,
                                              struct sl_buf *why);
void sl_s3_pathformat_free(struct sl_s3_pathformat *f); /* accepts NULL */
/* Append an instant; offset_ms: the zone's offset then. */
void sl_s3_pathformat_write(const struct sl_s3_pathformat *f, int64_t instant, int32_t offset_ms, struct sl_buf *out);
#endif
