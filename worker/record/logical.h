/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's logical types as text: Decimal (decimal.c), and the moment of a Date, Time or Timestamp (instant.c). @thread any. */
#ifndef SL_RECORD_LOGICAL_H
#define SL_RECORD_LOGICAL_H
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "record/value.h"

/* Append java.math.BigDecimal.toString() of a big-endian two's complement unscaled value. scratch is reused between
 * calls and only touched by values of more than 32 bytes. */
void sl_decimal_print(const void *bytes, size_t n, int32_t scale, struct sl_buf *scratch, struct sl_buf *out);
/* JSON number text -> unscaled value with this scale, minimal bytes, in arena. Refuses digits that the scale would
 * cut off and numbers of more than 4096 digits. */
enum sl_rc sl_decimal_parse(struct sl_str text, int32_t scale, struct sl_arena *arena, struct sl_value *ret,
                            struct sl_err *err);
/* The low 64 bits of the integer part of a JSON number (Java's BigDecimal.longValue()). */
int64_t sl_decimal_low_bits(struct sl_str text);
/* Append what Connect's Values make of a java.util.Date, in UTC: within 1970-01-01 and before it the time of day
 * ("10:00:00.000Z"), at midnight the date ("2024-02-29"), else both ("2024-02-29T10:00:00.000Z"). ms since the epoch. */
void sl_instant_print(int64_t ms, struct sl_buf *out);
#endif
