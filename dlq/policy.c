/* SPDX-License-Identifier: Apache-2.0 */
/* Retry policy (see policy.h). Does not know letters or topics. */
#include "dlq/policy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS 60000
#define WINDOW_MS 60000 /* what a breaker judges by is halved so often */
#define LONGEST 10      /* times open_ms */

static uint64_t mix(uint64_t h)
{
        h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
        h = (h ^ h >> 27) * 0x94D049BB133111EBu;
        return h ^ h >> 31;
}

static int64_t later(int64_t at_ms, int64_t delay_ms)
{
        return at_ms > SL_NEVER_MS - 1 - delay_ms ? SL_NEVER_MS - 1 : at_ms + delay_ms;
}

int64_t sl_policy_delay(const struct sl_retry_policy *p, uint32_t attempts, uint64_t seed)
{
        double ms = (double)p->initial_ms;
        for (uint32_t i = 0; i < attempts && ms < (double)p->max_ms && p->multiplier > 1; i++)
                ms *= p->multiplier;
        if (ms > (double)p->max_ms)
                ms = (double)p->max_ms;
        int64_t whole = (int64_t)ms, fixed = whole / 2;
        return fixed + (int64_t)(mix(seed + 0x9E3779B97F4A7C15u * (attempts + 1)) % (uint64_t)(whole - fixed + 1));
}

struct sl_retry_plan sl_policy_plan(const struct sl_retry_policy *p, uint32_t attempts, int64_t first_ms, int64_t seen_ms,
                                   uint64_t seed)
{
        struct sl_retry_plan plan = {.due_ms = SL_NEVER_MS, .expires_ms = SL_NEVER_MS};
        if (p->age_max_ms > 0)
                plan.expires_ms = later(first_ms, p->age_max_ms);
        plan.never = p->attempts_max == 0;
        plan.over = p->attempts_max > 0 && attempts >= (uint32_t)p->attempts_max;
        if (!plan.never && !plan.over)
                plan.due_ms = later(seen_ms, sl_policy_delay(p, attempts, seed));
        return plan;
}

/* --- Budget ---------------------------------------------------------------------------------------------------------- */

/* A minute begins. Clocks differ: one that is a little behind counts for the newest that was seen. */
static int64_t advance(struct sl_budget *b, int64_t minute)
{
        if (minute < b->minute && b->minute - minute < SL_BUDGET_MINUTES)
                return b->minute;
        if (minute - b->minute >= SL_BUDGET_MINUTES || minute < b->minute)
                memset(b->counts, 0, sizeof(b->counts));
        else
                for (int64_t m = b->minute + 1; m <= minute; m++)
                        b->counts[m % SL_BUDGET_MINUTES] = 0;
        return b->minute = minute;
}

int64_t sl_budget_wait(struct sl_budget *b, int64_t per_hour, uint32_t taken, int64_t now_ms)
{
        int64_t sum = taken;
        if (per_hour <= 0)
                return 0;
        (void)advance(b, now_ms / MINUTE_MS);
        for (int i = 0; i < SL_BUDGET_MINUTES; i++)
                sum += b->counts[i];
        return sum < per_hour ? 0 : MINUTE_MS - now_ms % MINUTE_MS;
}

void sl_budget_used(struct sl_budget *b, int64_t per_hour, int64_t now_ms)
{
        if (per_hour > 0)
                b->counts[advance(b, now_ms / MINUTE_MS) % SL_BUDGET_MINUTES]++;
}

json_t *sl_budget_json(const struct sl_budget *b)
{
        json_t *obj = NULL;
        for (int64_t m = b->minute - SL_BUDGET_MINUTES + 1; m <= b->minute; m++) {
                char name[24];
                if (m < 0 || !b->counts[m % SL_BUDGET_MINUTES])
                        continue;
                if (!obj)
                        obj = json_object();
                snprintf(name, sizeof(name), "%lld", (long long)m);
                json_object_set_new(obj, name, json_integer(b->counts[m % SL_BUDGET_MINUTES]));
        }
        return obj;
}

void sl_budget_load(struct sl_budget *b, const json_t *obj)
{
        const char *name;
        json_t *count;
        json_object_foreach((json_t *)obj, name, count)
        {
                int64_t m = strtoll(name, NULL, 10), n = json_integer_value(count);
                if (m <= 0 || n <= 0 || n > UINT32_MAX)
                        continue;
                if (m > b->minute)
                        advance(b, m);
                uint32_t *slot = &b->counts[m % SL_BUDGET_MINUTES];
                if (b->minute - m < SL_BUDGET_MINUTES && *slot < (uint32_t)n)
                        *slot = (uint32_t)n;
        }
}

/* --- Breaker --------------------------------------------------------------------------------------------------------- */

static void open_it(struct sl_breaker *b, const struct sl_breaker_rule *r, int64_t now_ms)
{
        int64_t times = b->in_a_row < 4 ? (int64_t)1 << b->in_a_row : LONGEST;
        b->state = SL_BREAKER_OPEN;
        b->until_ms = later(now_ms, r->open_ms * (times < LONGEST ? times : LONGEST));
        b->in_a_row++;
        b->sent = b->returned = 0;
        b->probed = false;
}

static void turn(struct sl_breaker *b, int64_t now_ms)
{
        while (now_ms - b->window_ms >= WINDOW_MS && (b->sent || b->returned)) {
                b->sent /= 2;
                b->returned /= 2;
                b->window_ms += WINDOW_MS;
        }
        if (now_ms - b->window_ms >= WINDOW_MS)
                b->window_ms = now_ms;
}

bool sl_breaker_may(struct sl_breaker *b, const struct sl_breaker_rule *r, int64_t now_ms, int64_t *ret_wait_ms)
{
        *ret_wait_ms = 0;
        if (r->percent <= 0 || b->state == SL_BREAKER_CLOSED)
                return true;
        if (now_ms < b->until_ms) {
                if (b->state == SL_BREAKER_PROBING && !b->probed)
                        return true;
                *ret_wait_ms = b->until_ms - now_ms;
                return false;
        }
        if (b->state == SL_BREAKER_PROBING && b->probed) { /* it did not come back */
                *b = (struct sl_breaker){.window_ms = now_ms};
                return true;
        }
        b->state = SL_BREAKER_PROBING;
        b->until_ms = SL_NEVER_MS; /* until it is sent */
        return true;
}

void sl_breaker_sent(struct sl_breaker *b, const struct sl_breaker_rule *r, int64_t now_ms)
{
        turn(b, now_ms);
        b->sent++;
        if (b->state == SL_BREAKER_PROBING && !b->probed) {
                b->probed = true;
                b->until_ms = later(now_ms, r->open_ms);
        }
}

void sl_breaker_returned(struct sl_breaker *b, const struct sl_breaker_rule *r, int64_t now_ms)
{
        if (r->percent <= 0 || b->state == SL_BREAKER_OPEN)
                return;
        turn(b, now_ms);
        b->returned++;
        if (b->state == SL_BREAKER_PROBING) {
                if (b->probed)
                        open_it(b, r, now_ms);
                return;
        }
        if (b->returned >= (uint32_t)r->least && (uint64_t)b->returned * 100 >= (uint64_t)b->sent * (uint64_t)r->percent)
                open_it(b, r, now_ms);
}

json_t *sl_breaker_json(const struct sl_breaker *b)
{
        if (b->state == SL_BREAKER_CLOSED && !b->sent && !b->returned)
                return NULL;
        return json_pack("[i, I, I, I, b, I, I]", (int)b->state, (json_int_t)b->sent, (json_int_t)b->returned, (json_int_t)b->in_a_row,
                         b->probed, (json_int_t)b->window_ms, (json_int_t)b->until_ms);
}

static uint32_t count_at(const json_t *array, size_t i)
{
        json_int_t n = json_integer_value(json_array_get(array, i));
        return n < 0 || n > UINT32_MAX ? 0 : (uint32_t)n;
}

void sl_breaker_load(struct sl_breaker *b, const struct sl_breaker_rule *r, const json_t *array, int64_t now_ms)
{
        uint32_t state = count_at(array, 0);
        int64_t longest = later(now_ms, r->open_ms * LONGEST);
        if (state > SL_BREAKER_PROBING)
                return;
        *b = (struct sl_breaker){.state = (enum sl_breaker_state)state,
                                 .sent = count_at(array, 1),
                                 .returned = count_at(array, 2),
                                 .in_a_row = count_at(array, 3),
                                 .probed = json_is_true(json_array_get(array, 4)),
                                 .window_ms = json_integer_value(json_array_get(array, 5)),
                                 .until_ms = json_integer_value(json_array_get(array, 6))};
        if (b->window_ms > now_ms)
                b->window_ms = now_ms;
        bool waits = b->state != SL_BREAKER_PROBING || b->probed; /* else it waits for a letter */
        if (waits && b->until_ms > longest)
                b->until_ms = longest;
}
