/* SPDX-License-Identifier: Apache-2.0 */
/* Which alarms fire (see alert.h). One row a rule: the metric, how the samples of a topic become one number, when that
 * is too much. */
#include "dlq/alert.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/map.h"
#include "dlq/print.h"

enum rule { OPEN, OLDEST, RETENTION, NEW_FAILURE, RULES };
static const struct {
        const char *alert, *metric;
        enum { SUM, MAX, MIN } fold;
        bool below; /* fires below the limit */
} rules[RULES] = {
        [OPEN] = {"open", "sluice_dlq_open_letters", SUM, false},
        [OLDEST] = {"oldest", "sluice_dlq_oldest_open_seconds", MAX, false},
        [RETENTION] = {"retention", "sluice_dlq_retention_left_seconds", MIN, true}, /* -1 = never: no sample */
        [NEW_FAILURE] = {"new_failure", "sluice_dlq_new_fingerprints_total", SUM, false},
};

struct state {
        bool seen, firing; /* seen: in this look */
        double value;
        double before; /* of a counter, at the last look; NaN = none yet */
        int64_t rose_ms;
};
struct topic {
        struct state of[RULES];
};
struct sl_dlq_alerts {
        int64_t limits[RULES];
        struct sl_map topics; /* name -> struct topic */
};

struct sl_dlq_alerts *sl_dlq_alerts_new(const struct sl_dlq_alert_limits *l)
{
        struct sl_dlq_alerts *a = sl_calloc(1, sizeof(*a));
        a->limits[OPEN] = l->open_max;
        a->limits[OLDEST] = l->oldest_max_s;
        a->limits[RETENTION] = l->retention_min_s;
        a->limits[NEW_FAILURE] = l->new_failure_s;
        return a;
}

void sl_dlq_alerts_free(struct sl_dlq_alerts *a)
{
        if (!a)
                return;
        sl_map_free(&a->topics, free);
        free(a);
}

/* The value of the label topic; a topic's name has nothing to escape. */
static struct sl_str topic_of(struct sl_str labels)
{
        static const char name[] = "topic=\"";
        const char *p = memmem(labels.ptr, labels.len, name, sizeof(name) - 1);
        while (p && p > labels.ptr && p[-1] != ',' && p[-1] != '{') {
                size_t left = labels.len - (size_t)(p + 1 - labels.ptr);
                p = memmem(p + 1, left, name, sizeof(name) - 1);
        }
        if (!p)
                return SL_STR_NULL;
        p += sizeof(name) - 1;
        const char *end = memchr(p, '"', labels.len - (size_t)(p - labels.ptr));
        return end ? (struct sl_str){p, (size_t)(end - p)} : SL_STR_NULL;
}

static void take_sample(struct sl_dlq_alerts *a, enum rule r, struct sl_str topic, double value)
{
        struct topic *t = sl_map_get(&a->topics, topic);
        if (!t) {
                t = sl_calloc(1, sizeof(*t));
                t->of[NEW_FAILURE].before = NAN;
                sl_map_put(&a->topics, topic, t);
        }
        struct state *s = &t->of[r];
        if (!s->seen)
                s->value = value;
        else if (rules[r].fold == SUM)
                s->value += value;
        else if (rules[r].fold == MAX ? value > s->value : value >= 0 && (s->value < 0 || value < s->value))
                s->value = value;
        s->seen = true;
}

static void take_line(struct sl_dlq_alerts *a, struct sl_str line)
{
        for (enum rule r = 0; r < RULES; r++) {
                size_t n = strlen(rules[r].metric);
                if (a->limits[r] < 0 || line.len <= n || memcmp(line.ptr, rules[r].metric, n) != 0 ||
                    line.ptr[n] != '{')
                        continue;
                const char *end = memrchr(line.ptr, '}', line.len);
                struct sl_str topic =
                        end ? topic_of((struct sl_str){line.ptr + n, (size_t)(end - line.ptr) - n}) : SL_STR_NULL;
                char number[40] = "";
                if (!topic.ptr)
                        return;
                size_t len = line.len - (size_t)(end + 1 - line.ptr);
                memcpy(number, end + 1, len < sizeof(number) - 1 ? len : sizeof(number) - 1);
                take_sample(a, r, topic, strtod(number, NULL));
                return;
        }
}

/* Does it fire now? */
static bool judge(const struct sl_dlq_alerts *a, enum rule r, struct state *s, int64_t now_ms)
{
        double limit = (double)a->limits[r];
        if (r != NEW_FAILURE)
                return rules[r].below ? s->value >= 0 && s->value < limit : s->value > limit;
        if (s->value > s->before) /* not so the first time: NaN */
                s->rose_ms = now_ms;
        s->before = s->value;
        return s->rose_ms && now_ms - s->rose_ms < a->limits[r] * 1000;
}

static json_t *change(const struct sl_dlq_alerts *a, enum rule r, const char *topic, const struct state *s,
                      int64_t now_ms)
{
        struct sl_buf at = {0};
        sl_dlq_time(&at, now_ms);
        json_t *obj = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "alert", rules[r].alert, "topic", topic, "state",
                                s->firing ? "firing" : "resolved", "value", (json_int_t)s->value, "limit",
                                (json_int_t)a->limits[r], "at", sl_buf_cstr(&at));
        sl_buf_free(&at);
        return obj;
}

json_t *sl_dlq_alerts_look(struct sl_dlq_alerts *a, struct sl_str metrics, int64_t now_ms)
{
        json_t *changes = json_array();
        struct sl_map_entry *e;
        for (const char *p = metrics.ptr, *end = p + metrics.len; p && p < end;) {
                const char *stop = memchr(p, '\n', (size_t)(end - p));
                take_line(a, (struct sl_str){p, (size_t)((stop ? stop : end) - p)});
                p = stop ? stop + 1 : end;
        }
        for (size_t i = 0; sl_map_next(&a->topics, &i, &e);)
                for (enum rule r = 0; r < RULES; r++) {
                        struct state *s = &((struct topic *)e->value)->of[r];
                        bool firing = s->seen ? judge(a, r, s, now_ms) : s->firing;
                        s->seen = false;
                        if (firing == s->firing)
                                continue;
                        s->firing = firing;
                        json_array_append_new(changes, change(a, r, e->key, s, now_ms));
                }
        return changes;
}
