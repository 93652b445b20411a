/* SPDX-License-Identifier: Apache-2.0 */
/* Headers as a record of message format 2 holds them: their number, and of each the key and the value behind their lengths (-1: a null
 * value), all numbers as zigzag varints. librdkafka, as tests/support/librdkafka.patch makes it, takes them from producers and gives
 * them to consumers like this: its lists cost several allocations a header. Any thread. */
#ifndef SL_KAFKA_PACKED_H
#define SL_KAFKA_PACKED_H
#include "base/str.h"
#include "kafka/producer.h"

/* Replaces what is in b. */
void sl_headers_pack(struct sl_buf *b, const struct sl_kheader *headers, uint32_t n);
/* How many there are; 0 also where the number can't be right. */
uint32_t sl_headers_count(struct sl_str packed);
/* The first n, as slices of packed; false = the bytes are damaged, and out holds nothing of use. */
bool sl_headers_unpack(struct sl_str packed, struct sl_kheader *out, uint32_t n);
#endif
