/* SPDX-License-Identifier: Apache-2.0 */
/* Two clocks: monotonic for delays and deadlines, wall for timestamps in records. */
#ifndef SL_BASE_CLOCK_H
#define SL_BASE_CLOCK_H
#include <stdint.h>
#include <time.h>

int64_t sl_mono_ms(void);
int64_t sl_mono_us(void);
int64_t sl_wall_ms(void);  /* since 1970-01-01 UTC */
int64_t sl_wall_ns(void);
/* So many ms from now, for a condition variable of the monotonic clock. */
struct timespec sl_mono_after(int64_t ms);
#endif
