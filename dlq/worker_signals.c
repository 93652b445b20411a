/* SPDX-License-Identifier: Apache-2.0 */
/* What letters with schema failures wait for, asked once for all of them: is there a schema with this id now, has this subject a new
 * version, has the table that this sink writes to other columns? What was known is kept in the connector's record, so that what comes
 * while nobody looks is noticed too. */
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "dlq/decode.h"
#include "dlq/letter.h"
#include "dlq/place.h"
#include "dlq/worker.h"

#define ROUND 50       /* questions in one turn: others wait meanwhile */
#define AWAY_MS 5000   /* until one that does not answer is asked again */
#define STALE_MS 3000  /* a sink may refuse so long by what its target was before (snowflake/dest.c: two seconds) */

static uint16_t find(struct sl_dlq_worker *w, const char *subject, int32_t id)
{
        for (uint32_t i = 0; i < w->signal_count; i++) {
                struct sl_dlq_signal *s = &w->signals[i];
                if (subject ? s->subject && strcmp(s->subject, subject) == 0 : !s->subject && s->id == id)
                        return (uint16_t)(i + 1);
        }
        if (w->signal_count == SL_DLQ_SIGNALS_MAX)
                return SL_DLQ_NO_SIGNAL;
        w->signals = sl_realloc(w->signals, (w->signal_count + 1) * sizeof(*w->signals));
        w->signals[w->signal_count++] = (struct sl_dlq_signal){.subject = subject ? sl_strdup(subject) : NULL, .id = id};
        return (uint16_t)w->signal_count;
}

/* Refused by a sink's target: does that say what has to fit? */
static uint16_t target_of(struct sl_dlq_topic *t, const struct sl_dlq_item *it)
{
        struct sl_buf key = {0};
        uint16_t n = SL_DLQ_NO_SIGNAL;
        if (it->class != SL_SCHEMA || it->stage != SL_STAGE_TASK_PUT || !it->connector.len || !sl_dlq_is_topic(it->origin.topic) || !t->assist)
                return n;
        sl_buf_add(&key, it->connector.ptr, it->connector.len);
        if (!memchr(key.ptr, 0, key.len) && t->w->assist->has_shape(t->assist, sl_buf_cstr(&key))) {
                sl_buf_printf(&key, "\n%.*s", SL_FMT(it->origin.topic));
                n = find(t->w, sl_buf_cstr(&key), 0);
                if (n != SL_DLQ_NO_SIGNAL)
                        t->w->signals[n - 1].of = t;
        }
        sl_buf_free(&key);
        return n;
}

static uint16_t subject_of(struct sl_dlq_worker *w, struct sl_str topic)
{
        struct sl_buf subject = {0};
        if (!w->decode || !sl_dlq_is_topic(topic)) /* headers may say anything, and no registry has a subject of that */
                return SL_DLQ_NO_SIGNAL;
        sl_buf_printf(&subject, "%.*s-value", SL_FMT(topic));
        uint16_t n = find(w, sl_buf_cstr(&subject), 0);
        sl_buf_free(&subject);
        return n;
}

uint16_t sl_dlq_signal_of(struct sl_dlq_topic *t, const struct sl_dlq_item *it, int64_t seen_ms)
{
        struct sl_dlq_worker *w = t->w;
        struct sl_str rest;
        int32_t id;
        if (w->decode && strcmp(it->code, "schema.unknown") == 0 && !it->binary_payload &&
            (sl_registry_split(it->payload, &id, &rest) || sl_registry_split(it->key, &id, &rest))) {
                uint16_t n = find(w, NULL, id);
                return n != SL_DLQ_NO_SIGNAL && w->signals[n - 1].there ? 0 : n;
        }
        uint16_t n = target_of(t, it);
        if (n == SL_DLQ_NO_SIGNAL)
                n = subject_of(w, it->origin.topic);
        return n != SL_DLQ_NO_SIGNAL && w->signals[n - 1].at_ms > seen_ms ? 0 : n;
}

static void count_waiters(struct sl_dlq_worker *w)
{
        for (uint32_t i = 0; i < w->signal_count; i++)
                w->signals[i].waiters = 0;
        for (uint32_t t = 0; t < w->topic_count; t++)
                for (size_t i = 0; i < w->topics[t].waiting.count; i++) {
                        uint16_t n = w->topics[t].waiting.items[i].signal;
                        if (n && n <= w->signal_count)
                                w->signals[n - 1].waiters++;
                }
}

/* What the registry or the target has now; *ret is 0 where the registry has nothing. Fails when it can't say. */
static enum sl_rc look(struct sl_dlq_worker *w, const struct sl_dlq_signal *s, int64_t *ret, struct sl_err *err)
{
        const struct sl_registry_schema *schema = NULL;
        if (s->of) {
                const char *topic = strchr(s->subject, '\n');
                struct sl_buf connector = {0};
                sl_buf_add(&connector, s->subject, (size_t)(topic - s->subject));
                sl_dlq_topic_lenders(s->of); /* its configuration may be another one since, its key too */
                enum sl_rc rc = w->assist->shape(s->of->assist, sl_buf_cstr(&connector), topic + 1, w->env->stop, ret, err);
                sl_buf_free(&connector);
                return rc;
        }
        struct sl_registry *registry = sl_dlq_decode_registry(w->decode);
        enum sl_rc rc = s->subject ? sl_registry_version(registry, s->subject, 0, &schema, err)
                                   : sl_registry_read(registry, s->id, &schema, err);
        if (rc == SL_TRANSIENT || rc == SL_FATAL)
                return rc;
        *ret = rc != SL_OK ? 0 : s->subject ? schema->version : 1;
        return SL_OK;
}

/* *ret_came: what was waited for is there. */
static enum sl_rc ask(struct sl_dlq_worker *w, struct sl_dlq_signal *s, bool *ret_came, struct sl_err *err)
{
        int64_t now;
        SL_TRY(look(w, s, &now, err));
        if (!s->subject) {
                *ret_came = s->there = now != 0;
                return SL_OK;
        }
        *ret_came = s->known && (s->of ? now != s->version : now > s->version);
        if (*ret_came)
                s->at_ms = sl_wall_ms() + (s->of ? STALE_MS : 0);
        for (uint32_t i = 0; (!s->known || now != s->version) && i < w->topic_count; i++)
                w->topics[i].dirty = true;
        s->version = now;
        s->known = true;
        return SL_OK;
}

void sl_dlq_signals_poll(struct sl_dlq_worker *w)
{
        int64_t now = sl_mono_ms();
        if (!w->signal_count || now < w->signal_at_ms)
                return;
        w->signal_at_ms = now + w->cfg->signal_ms;
        count_waiters(w);
        uint32_t asked = 0;
        for (uint32_t i = 0; i < w->signal_count && asked < ROUND; i++) {
                struct sl_dlq_signal *s = &w->signals[w->signal_next++ % w->signal_count];
                struct sl_err err = {0};
                bool came = false;
                if (!s->waiters || s->there || now < s->ask_ms || (s->of && !s->of->assist))
                        continue;
                asked += s->of ? ROUND : 1; /* others go on before the next target is asked */
                s->ask_ms = s->of ? now + w->cfg->target_ms : 0;
                if (ask(w, s, &came, &err) != SL_OK) {
                        sl_log_err(SL_LOG_DEBUG, &err, "what letters wait for can't be asked");
                        w->signal_at_ms = sl_mono_ms() + AWAY_MS;
                        return;
                }
                for (uint32_t t = 0; came && t < w->topic_count; t++)
                        (void)sl_waiting_signal(&w->topics[t].waiting, (uint16_t)(s - w->signals + 1), s->of ? s->at_ms : 0);
        }
}

json_t *sl_dlq_signals_json(const struct sl_dlq_worker *w)
{
        json_t *obj = json_object();
        for (uint32_t i = 0; i < w->signal_count; i++) {
                const struct sl_dlq_signal *s = &w->signals[i];
                if (s->subject && s->known)
                        json_object_set_new(obj, s->subject, json_pack("[I, I]", (json_int_t)s->version, (json_int_t)s->at_ms));
        }
        return obj;
}

void sl_dlq_signals_load(struct sl_dlq_worker *w, const json_t *obj)
{
        const char *subject;
        json_t *one;
        json_object_foreach((json_t *)obj, subject, one) {
                uint16_t n = find(w, subject, 0);
                if (n == SL_DLQ_NO_SIGNAL || w->signals[n - 1].known)
                        continue;
                w->signals[n - 1].known = true;
                w->signals[n - 1].version = json_integer_value(json_array_get(one, 0));
                w->signals[n - 1].at_ms = json_integer_value(json_array_get(one, 1));
        }
}

void sl_dlq_signals_free(struct sl_dlq_worker *w)
{
        for (uint32_t i = 0; i < w->signal_count; i++)
                free(w->signals[i].subject);
        free(w->signals);
}
