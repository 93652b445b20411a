/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's Values: text that says what type it has ("12", "[1,2]", "2024-02-29"), as SimpleHeaderConverter and InsertHeader
 * read and write it. Follows what Kafka Connect 4.2's org.apache.kafka.connect.data.Values does, odd corners included;
 * docs/transforms.md lists the few that are not. Dates are read and written in UTC. @thread any. */
#ifndef SL_RECORD_VALUES_H
#define SL_RECORD_VALUES_H
#include "base/arena.h"
#include "base/str.h"
#include "record/schema.h"

/* Read text; there is no text that can't be read, what is nothing else is a string. text.ptr NULL and the word null give schema
 * NULL and null. Schemas are the required ones. Arrays and maps whose members have no common type have NULL as member schema
 * and members that their tags describe. The value points into text and arena; a plain string allocates nothing. */
void sl_values_parse(struct sl_str text, struct sl_arena *arena, const struct sl_schema **ret_schema, struct sl_value *ret);

/* Append a value as that text: a string as it is, inside of arrays, maps and structs quoted with \ before \ and "; bytes in base64;
 * Decimal as BigDecimal's text; Date, Time and Timestamp as sl_instant_print writes them. schema may be NULL; null is "null". */
void sl_values_print(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out);

/* Inside of worker/record (values_time.c): java.text.SimpleDateFormat's lenient reading of yyyy-MM-dd (DATE), HH:mm:ss.SSS'Z'
 * (TIME) or both with a T between (TIMESTAMP), whatever follows; months, days and hours may pass their ranges, and days before
 * 1582-10-15 are those of the Julian calendar. Milliseconds since the epoch. */
bool sl_values_moment(struct sl_str text, enum sl_logical kind, int64_t *ret_ms);
#endif
