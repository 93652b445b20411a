/* SPDX-License-Identifier: Apache-2.0 */
/* Sum, count, largest and smallest of the values of the last n samples of so many milliseconds each: what Kafka's clients and
 * Connect call metrics.num.samples x metrics.sample.window.ms (2 x 30 s). The oldest sample is dropped as a whole, so that the
 * window covers between n - 1 and n samples. One thread adds, without locks or allocation; any thread reads. A read beside an add may
 * miss that add. */
#ifndef SL_BASE_WINDOW_H
#define SL_BASE_WINDOW_H
#include <stdatomic.h>
#include <stdint.h>

struct sl_sample {
        _Atomic int64_t start_ms; /* 0 = empty */
        _Atomic int64_t sum, count, max, min;
};
struct sl_window {
        struct sl_sample *samples;
        uint32_t n, at;
        int64_t ms;
};
void sl_window_init(struct sl_window *w, uint32_t n, int64_t ms); /* n and ms: at least 1 */
void sl_window_free(struct sl_window *w);
/* now_ms: monotonic, more than 0. */
void sl_window_add(struct sl_window *w, int64_t now_ms, int64_t value);

struct sl_window_sum {
        int64_t sum, count, max, min; /* all 0 when there is no value */
        double seconds;               /* what a rate divides by: at least n - 1 samples, as in Kafka */
};
struct sl_window_sum sl_window_read(const struct sl_window *w, int64_t now_ms);
#endif
