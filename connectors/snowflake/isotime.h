/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as text, as Java's java.time parsers read them (ISO 8601 with all separators): what client-side validation
 * lets into DATE, TIME and TIMESTAMP columns. Writes nothing (text.h). @thread any. */
#ifndef SL_SF_ISOTIME_H
#define SL_SF_ISOTIME_H
#include "base/str.h"

struct sl_sf_moment {
        int64_t year;
        int64_t seconds; /* since 1970, of the local date and time as written */
        uint32_t ns;
};
/* A date, a date and time, with or without an offset and a zone in brackets, or an integer: seconds, milliseconds,
 * microseconds or nanoseconds since 1970 by its size. Blanks around it are ignored. */
bool sl_sf_parse_moment(struct sl_str text, struct sl_sf_moment *ret);
/* A time of day, with or without an offset (which is dropped), or an integer as above. */
bool sl_sf_parse_time(struct sl_str text, int64_t *ret_ns);
/* The integer as above. */
bool sl_sf_parse_epoch(struct sl_str text, struct sl_sf_moment *ret);
#endif
