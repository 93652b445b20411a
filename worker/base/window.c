/* SPDX-License-Identifier: Apache-2.0 */
/* Sliding windows (see window.h). The rules (a sample ends when it is older than its length, one that is older than all samples
 * together does not count, a rate's time is at least n - 1 samples) are those of org.apache.kafka.common.metrics.stats. Does not
 * know what the values mean. */
#include "base/window.h"

#include <stdlib.h>

#include "base/err.h"

void sl_window_init(struct sl_window *w, uint32_t n, int64_t ms)
{
        *w = (struct sl_window){.samples = sl_calloc(n, sizeof(*w->samples)), .n = n, .ms = ms};
}

void sl_window_free(struct sl_window *w)
{
        free(w->samples);
        *w = (struct sl_window){0};
}

static int64_t get(const _Atomic int64_t *v)
{
        return atomic_load_explicit(v, memory_order_acquire);
}

static void set(_Atomic int64_t *v, int64_t to)
{
        atomic_store_explicit(v, to, memory_order_release);
}

/* A reader must not take the new values for the old sample's or the other way round: they change while the sample counts as empty
 * (who has seen one of the new values sees that, too). */
static void begin(struct sl_sample *s, int64_t now_ms, int64_t value)
{
        atomic_store(&s->start_ms, 0);
        set(&s->sum, value);
        set(&s->count, 1);
        set(&s->max, value);
        set(&s->min, value);
        atomic_store(&s->start_ms, now_ms);
}

void sl_window_add(struct sl_window *w, int64_t now_ms, int64_t value)
{
        struct sl_sample *s = &w->samples[w->at];
        int64_t start = get(&s->start_ms);
        if (start && now_ms - start >= w->ms) {
                w->at = (w->at + 1) % w->n;
                s = &w->samples[w->at];
                start = 0;
        }
        if (!start) {
                begin(s, now_ms, value);
                return;
        }
        set(&s->sum, get(&s->sum) + value);
        set(&s->count, get(&s->count) + 1);
        if (value > get(&s->max))
                set(&s->max, value);
        if (value < get(&s->min))
                set(&s->min, value);
}

struct sl_window_sum sl_window_read(const struct sl_window *w, int64_t now_ms)
{
        struct sl_window_sum r = {0};
        int64_t oldest = now_ms;
        for (uint32_t i = 0; i < w->n; i++) {
                const struct sl_sample *s = &w->samples[i];
                int64_t start = atomic_load(&s->start_ms);
                struct sl_sample copy = {.sum = get(&s->sum), .count = get(&s->count), .max = get(&s->max), .min = get(&s->min)};
                if (!start || now_ms - start >= w->n * w->ms || atomic_load(&s->start_ms) != start)
                        continue;
                oldest = start < oldest ? start : oldest;
                r.max = !r.count || copy.max > r.max ? copy.max : r.max;
                r.min = !r.count || copy.min < r.min ? copy.min : r.min;
                r.sum += copy.sum;
                r.count += copy.count;
        }
        int64_t elapsed = now_ms - oldest, full = elapsed / w->ms, least = (int64_t)w->n - 1;
        if (full < least)
                elapsed += (least - full) * w->ms;
        r.seconds = (double)(elapsed > 0 ? elapsed : w->ms) / 1000.0;
        return r;
}
