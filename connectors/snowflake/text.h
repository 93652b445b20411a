/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a row's text: JSON strings that are always well-formed UTF-8, bytes in hexadecimal, moments in ISO 8601.
 * @thread any. */
#ifndef SL_SF_TEXT_H
#define SL_SF_TEXT_H
#include "base/str.h"

/* Append a JSON string with its quotes. Control characters are escaped; what is no UTF-8 becomes U+FFFD: *bad is set
 * then, and left alone otherwise (NULL ok). */
void sl_sf_add_string(struct sl_buf *out, struct sl_str s, bool *bad);
/* Append "<upper-case hex digits>" with the quotes. */
void sl_sf_add_hex(struct sl_buf *out, struct sl_str bytes);
void sl_sf_add_quoted_base64(struct sl_buf *out, struct sl_str bytes);
/* Append "yyyy-MM-ddTHH:mm:ss.SSSZ", "yyyy-MM-dd" or "HH:mm:ss.SSS" with the quotes. Years beyond 9999 get a sign, as
 * in Java. */
void sl_sf_add_timestamp_ms(struct sl_buf *out, int64_t ms);
/* digits: 0, 3, 6 or 9 of the second's fraction; zulu: with Z. ns: of the second. */
void sl_sf_add_moment(struct sl_buf *out, int64_t seconds, uint32_t ns, unsigned digits, bool zulu);
void sl_sf_add_date(struct sl_buf *out, int64_t days);
void sl_sf_add_time(struct sl_buf *out, int64_t ns_of_day, unsigned digits);
#endif
