/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal digits of a whole number, written backwards, two at a time. For buffers: sl_buf_add_u64 and its sisters (str.h). */
#ifndef SL_BASE_DIGITS_H
#define SL_BASE_DIGITS_H
#include <stdint.h>
#include <string.h>
#include "base/str.h"

#define SL_I64_TEXT 20 /* the longest, "-9223372036854775808" */

static const char sl_digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                     "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                     "8081828384858687888990919293949596979899";

/* The digits of v so that they end before w; where they begin. Of eight no pair waits for another one. */
static inline char *sl_digits_before(uint64_t v, char *w)
{
        for (; v >= 100000000; v /= 100000000) {
                uint32_t eight = (uint32_t)(v % 100000000), high = eight / 10000, low = eight % 10000;
                memcpy(w -= 2, sl_digit_pairs + low % 100 * 2, 2);
                memcpy(w -= 2, sl_digit_pairs + low / 100 * 2, 2);
                memcpy(w -= 2, sl_digit_pairs + high % 100 * 2, 2);
                memcpy(w -= 2, sl_digit_pairs + high / 100 * 2, 2);
        }
        for (; v >= 100; v /= 100)
                memcpy(w -= 2, sl_digit_pairs + v % 100 * 2, 2);
        if (v >= 10)
                return memcpy(w - 2, sl_digit_pairs + v * 2, 2);
        w[-1] = (char)('0' + v);
        return w - 1;
}

/* v as text at the end of room, which stays the caller's. */
static inline struct sl_str sl_i64_text(char room[SL_I64_TEXT], int64_t v)
{
        char *end = room + SL_I64_TEXT, *p = sl_digits_before(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, end);
        if (v < 0)
                *--p = '-';
        return (struct sl_str){p, (size_t)(end - p)};
}
#endif
