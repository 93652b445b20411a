/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gauges and latency histograms, printed as Prometheus text (exposition format 0.0.4).
 * A metric is found or made once (control plane, takes a lock) and then updated by pointer (hot path: one
 * relaxed atomic, no lock, no allocation). Metrics of a finished task are removed with sl_metrics_drop(). */
#ifndef SL_BASE_METRICS_H
#define SL_BASE_METRICS_H
#include <stdatomic.h>
#include <stdint.h>
#include "base/str.h"

enum sl_metric_type { SL_COUNTER, SL_GAUGE, SL_HISTOGRAM };
#define SL_HIST_BUCKETS 24

struct sl_metric {
        _Atomic int64_t value;                       /* counter or gauge; sum in microseconds for a histogram */
        _Atomic uint64_t count;                      /* histogram only */
        _Atomic uint64_t buckets[SL_HIST_BUCKETS];   /* bucket i: observations <= 2^i * 0.1 ms; the last is +Inf */
};

/* labels: ready text like connector="x",task="0" (values escaped by sl_metric_label), or "". name and help are
 * static strings. The same (name, labels) gives the same pointer. */
struct sl_metric *sl_metric_get(enum sl_metric_type type, const char *name, const char *help, const char *labels);
void sl_metric_label(struct sl_buf *out, const char *key, const char *value); /* appends key="escaped", with a comma before if out is not empty */
/* Remove all metrics whose labels equal `labels`. Pointers to them must no longer be used. */
void sl_metrics_drop(const char *labels);
void sl_metrics_print(struct sl_buf *out);
/* For values that are worked out when somebody asks (each family is printed by one place, all its samples after its head):
 * the head, and one sample. NaN and the infinities are values too. Histograms are sl_metrics_print's. */
void sl_metrics_head(struct sl_buf *out, enum sl_metric_type type, const char *name, const char *help);
void sl_metrics_sample(struct sl_buf *out, const char *name, const char *labels, double value);

static inline void sl_metric_add(struct sl_metric *m, int64_t n)
{
        atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}
static inline void sl_metric_set(struct sl_metric *m, int64_t v)
{
        atomic_store_explicit(&m->value, v, memory_order_relaxed);
}
void sl_metric_observe_us(struct sl_metric *m, int64_t us, uint32_t times);
#endif
