/* SPDX-License-Identifier: Apache-2.0 */
/* A moment as text, see logical.h. The calendar is Gregorian throughout: only days after 1970-01-01 are printed as
 * dates. */
#include "record/logical.h"

#define DAY_MS 86400000LL

/* Year, month and day of a day since 1970, by counting from 1 March of year 0 in cycles of 400 years. */
static void print_date(int64_t days, struct sl_buf *out)
{
        int64_t z = days + 719468, cycle = z / 146097, day = z % 146097;
        int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
        int64_t in_year = day - (365 * year + year / 4 - year / 100), shifted = (5 * in_year + 2) / 153;
        int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
        sl_buf_printf(out, "%04lld-%02d-%02d", (long long)(year + cycle * 400 + (month <= 2)), (int)month,
                      (int)(in_year - (153 * shifted + 2) / 5 + 1));
}

void sl_instant_print(int64_t ms, struct sl_buf *out)
{
        int64_t in_day = (ms % DAY_MS + DAY_MS) % DAY_MS;
        bool date = ms >= DAY_MS;
        if (date)
                print_date(ms / DAY_MS, out);
        if (date && in_day == 0)
                return;
        sl_buf_printf(out, "%s%02d:%02d:%02d.%03dZ", date ? "T" : "", (int)(in_day / 3600000),
                      (int)(in_day / 60000 % 60), (int)(in_day / 1000 % 60), (int)(in_day % 1000));
}
