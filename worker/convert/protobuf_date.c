/* SPDX-License-Identifier: Apache-2.0 */
/* Days and google.type.Date by java.util.GregorianCalendar's rules, which Confluent's converter uses: the Julian calendar before
 * 1582-10-15, and years before 1 counted backward in their own era, whose sign is lost. */
#include "convert/protobuf.h"

#define CUTOVER (-141427) /* 1582-10-15, the day after 1582-10-04 */

/* Days since 1970 of 1 March of a year, by the year's own rule. */
static int64_t march_first(int64_t y, bool julian)
{
        int64_t leaps = julian ? (y >= 0 ? y / 4 : -((-y + 3) / 4))
                               : (y >= 0 ? y / 4 - y / 100 + y / 400 : -((-y + 3) / 4) + (-y + 99) / 100 - (-y + 399) / 400);
        return 365 * y + leaps - (julian ? 719470 : 719468);
}

void sl_pb_date_of(int32_t days, int32_t ymd[3])
{
        bool julian = days < CUTOVER;
        int64_t y = 1970 + (julian ? (int64_t)days * 4 / 1461 : (int64_t)days * 400 / 146097); /* a year off at most */
        while (march_first(y + 1, julian) <= days)
                y++;
        while (march_first(y, julian) > days)
                y--;
        int64_t in_year = days - march_first(y, julian), shifted = (5 * in_year + 2) / 153;
        ymd[2] = (int32_t)(in_year - (153 * shifted + 2) / 5 + 1);
        ymd[1] = (int32_t)(shifted < 10 ? shifted + 3 : shifted - 9);
        y += ymd[1] <= 2;
        ymd[0] = (int32_t)(y > 0 ? y : 1 - y);
}

bool sl_pb_date_days(const int32_t ymd[3], int32_t *ret)
{
        int32_t back[3];
        if (ymd[0] < 1 || ymd[0] > 5000000 || ymd[1] < 1 || ymd[1] > 12 || ymd[2] < 1 || ymd[2] > 31)
                return false;
        int64_t y = ymd[0] - (ymd[1] <= 2), month = ymd[1] > 2 ? ymd[1] - 3 : ymd[1] + 9;
        bool julian = ymd[0] < 1582 || (ymd[0] == 1582 && (ymd[1] < 10 || (ymd[1] == 10 && ymd[2] < 15)));
        int64_t days = march_first(y, julian) + (153 * month + 2) / 5 + ymd[2] - 1;
        *ret = (int32_t)days;
        sl_pb_date_of(*ret, back);
        return memcmp(back, ymd, sizeof(back)) == 0;
}
