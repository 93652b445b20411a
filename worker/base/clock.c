/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks of clock.h. Nothing else in Sluice asks the system for the time. */
#include "base/clock.h"

static int64_t now_ns(clockid_t clock)
{
        struct timespec ts;
        clock_gettime(clock, &ts); /* can't fail for these two clocks */
        return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t sl_mono_ms(void)
{
        return now_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t sl_mono_us(void)
{
        return now_ns(CLOCK_MONOTONIC) / 1000;
}

int64_t sl_wall_ms(void)
{
        return now_ns(CLOCK_REALTIME) / 1000000;
}

int64_t sl_wall_ns(void)
{
        return now_ns(CLOCK_REALTIME);
}

struct timespec sl_mono_after(int64_t ms)
{
        int64_t at = now_ns(CLOCK_MONOTONIC) + ms * 1000000;
        return (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
}
