/* SPDX-License-Identifier: Apache-2.0 */
/* The process's metrics: families (one per name) with their metrics, behind one lock that only making, dropping and
 * printing take. Histograms print in seconds. Serving the text over HTTP is worker/rest's. */
#include "base/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

struct family {
        enum sl_metric_type type;
        const char *name, *help;
        struct sl_map metrics; /* labels -> struct sl_metric */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sl_map families; /* name -> struct family */

struct sl_metric *sl_metric_get(enum sl_metric_type type, const char *name, const char *help, const char *labels)
{
        pthread_mutex_lock(&lock);
        struct family *f = sl_map_get(&families, sl_str_c(name));
        if (!f) {
                f = sl_calloc(1, sizeof(*f));
                *f = (struct family){.type = type, .name = name, .help = help};
                sl_map_put(&families, sl_str_c(name), f);
        }
        struct sl_metric *m = sl_map_get(&f->metrics, sl_str_c(labels));
        if (!m) {
                m = sl_calloc(1, sizeof(*m));
                sl_map_put(&f->metrics, sl_str_c(labels), m);
        }
        pthread_mutex_unlock(&lock);
        return m;
}

void sl_metric_label(struct sl_buf *out, const char *key, const char *value)
{
        if (out->len)
                sl_buf_addc(out, ',');
        sl_buf_adds(out, key);
        sl_buf_adds(out, "=\"");
        for (const char *p = value; *p; p++) {
                if (*p == '\n') {
                        sl_buf_adds(out, "\\n");
                        continue;
                }
                if (*p == '"' || *p == '\\')
                        sl_buf_addc(out, '\\');
                sl_buf_addc(out, *p);
        }
        sl_buf_addc(out, '"');
}

void sl_metrics_drop(const char *labels)
{
        size_t i = 0;
        struct sl_map_entry *e;
        pthread_mutex_lock(&lock);
        while (sl_map_next(&families, &i, &e)) {
                struct family *f = e->value;
                free(sl_map_remove(&f->metrics, sl_str_c(labels)));
        }
        pthread_mutex_unlock(&lock);
}

static void print_sample(struct sl_buf *out, const char *name, const char *suffix, const char *labels, const char *le)
{
        sl_buf_adds(out, name);
        sl_buf_adds(out, suffix);
        if (*labels || le) {
                sl_buf_addc(out, '{');
                sl_buf_adds(out, labels);
                if (le)
                        sl_buf_printf(out, "%sle=\"%s\"", *labels ? "," : "", le);
                sl_buf_addc(out, '}');
        }
        sl_buf_addc(out, ' ');
}

/* Fixed point: the exposition format wants '.', printf would obey the locale. */
static void add_seconds(struct sl_buf *out, int64_t us)
{
        uint64_t u = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
        sl_buf_printf(out, "%s%" PRIu64 ".%06u", us < 0 ? "-" : "", u / 1000000, (unsigned)(u % 1000000));
}

static void print_histogram(struct sl_buf *out, const char *name, const char *labels, struct sl_metric *m)
{
        uint64_t sum = 0;
        for (unsigned i = 0; i < SL_HIST_BUCKETS; i++) {
                sl_cleanup(sl_buf_free) struct sl_buf le = {0};
                if (i + 1 == SL_HIST_BUCKETS)
                        sl_buf_adds(&le, "+Inf");
                else
                        add_seconds(&le, (int64_t)100 << i);
                sum += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
                print_sample(out, name, "_bucket", labels, sl_buf_cstr(&le));
                sl_buf_add_u64(out, sum);
                sl_buf_addc(out, '\n');
        }
        print_sample(out, name, "_sum", labels, NULL);
        add_seconds(out, atomic_load_explicit(&m->value, memory_order_relaxed));
        sl_buf_addc(out, '\n');
        print_sample(out, name, "_count", labels, NULL);
        sl_buf_add_u64(out, sum); /* not m->count: an observation may be half done, the +Inf bucket must agree */
        sl_buf_addc(out, '\n');
}

/* HELP text: only backslash and line feed are escaped. */
void sl_metrics_head(struct sl_buf *out, enum sl_metric_type type, const char *name, const char *help)
{
        static const char *const types[] = {
                [SL_COUNTER] = "counter", [SL_GAUGE] = "gauge", [SL_HISTOGRAM] = "histogram"};
        sl_buf_printf(out, "# HELP %s ", name);
        for (const char *p = help; *p; p++) {
                if (*p == '\\' || *p == '\n')
                        sl_buf_adds(out, *p == '\n' ? "\\n" : "\\\\");
                else
                        sl_buf_addc(out, *p);
        }
        sl_buf_printf(out, "\n# TYPE %s %s\n", name, types[type]);
}

void sl_metrics_sample(struct sl_buf *out, const char *name, const char *labels, double value)
{
        print_sample(out, name, "", labels, NULL);
        if (isinf(value))
                sl_buf_adds(out, value > 0 ? "+Inf" : "-Inf");
        else if (fabs(value) < 1e15 && value == floor(value))
                sl_buf_add_i64(out, (int64_t)value);
        else
                sl_buf_add_f64(out, value);
        sl_buf_addc(out, '\n');
}

static void print_family(struct sl_buf *out, const struct family *f)
{
        size_t i = 0;
        struct sl_map_entry *e;
        sl_metrics_head(out, f->type, f->name, f->help);
        while (sl_map_next(&f->metrics, &i, &e)) {
                struct sl_metric *m = e->value;
                if (f->type == SL_HISTOGRAM) {
                        print_histogram(out, f->name, e->key, m);
                        continue;
                }
                print_sample(out, f->name, "", e->key, NULL);
                sl_buf_add_i64(out, atomic_load_explicit(&m->value, memory_order_relaxed));
                sl_buf_addc(out, '\n');
        }
}

void sl_metrics_print(struct sl_buf *out)
{
        size_t i = 0;
        struct sl_map_entry *e;
        pthread_mutex_lock(&lock);
        while (sl_map_next(&families, &i, &e)) {
                const struct family *f = e->value;
                if (f->metrics.live)
                        print_family(out, f);
        }
        pthread_mutex_unlock(&lock);
}

void sl_metric_observe_us(struct sl_metric *m, int64_t us, uint32_t times)
{
        uint64_t units = us <= 0 ? 0 : ((uint64_t)us + 99) / 100; /* of 0.1 ms, rounded up */
        unsigned i = units <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(units - 1);
        if (i >= SL_HIST_BUCKETS)
                i = SL_HIST_BUCKETS - 1;
        atomic_fetch_add_explicit(&m->buckets[i], times, memory_order_relaxed);
        atomic_fetch_add_explicit(&m->value, us * times, memory_order_relaxed);
        atomic_fetch_add_explicit(&m->count, times, memory_order_relaxed);
}
