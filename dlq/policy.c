/* SPDX-License-Identifier: Apache-2.0 */
/* Retry policy (see policy.h). Does not know letters or topics. */
#include "dlq/policy.h"
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

int64_t sl_budget_take(struct sl_budget *b, int64_t per_hour, int64_t now_ms)
{
        int64_t minute = now_ms / MINUTE_MS, sum = 0;
        if (per_hour <= 0)
                return 0;
        if (minute - b->minute >= SL_BUDGET_MINUTES || minute < b->minute)
                memset(b->counts, 0, sizeof(b->counts));
        else
                for (int64_t m = b->minute + 1; m <= minute; m++)
                        b->counts[m % SL_BUDGET_MINUTES] = 0;
        b->minute = minute;
        for (int i = 0; i < SL_BUDGET_MINUTES; i++)
                sum += b->counts[i];
        if (sum >= per_hour)
                return MINUTE_MS - now_ms % MINUTE_MS;
        b->counts[minute % SL_BUDGET_MINUTES]++;
        return 0;
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
