/* SPDX-License-Identifier: Apache-2.0 */
/* When a dead letter is tried again, and when no more: backoff, limits of attempts and age, a budget per hour and a breaker per
 * target. Pure: the time is given (wall clock), and what looks random follows from a seed, so that a restart comes to the same due
 * times; budgets and breakers go through one as JSON.
 * @thread one at a time. */
#ifndef SL_DLQ_POLICY_H
#define SL_DLQ_POLICY_H
#include <stdbool.h>
#include <stdint.h>
#include "base/json.h"

#define SL_NEVER_MS INT64_MAX

struct sl_retry_policy {
        int64_t initial_ms, max_ms; /* the first delay, and the longest */
        double multiplier;          /* of each delay to the next */
        int32_t attempts_max;       /* -1 = no limit; 0 = never by itself */
        int64_t age_max_ms;         /* from when it was first seen; 0 = no limit */
        int64_t budget;             /* retries in any hour; 0 = no limit */
};
/* The delay before the next attempt when so many were made: half of it is fixed, half follows from the seed. */
int64_t sl_policy_delay(const struct sl_retry_policy *p, uint32_t attempts, uint64_t seed);

struct sl_retry_plan {
        bool over;          /* it had all its attempts */
        bool never;         /* it isn't tried by itself */
        int64_t due_ms;     /* SL_NEVER_MS unless it is to be tried */
        int64_t expires_ms; /* from then on it is too old; SL_NEVER_MS = never */
};
/* first_ms: when the first letter of this record was seen; seen_ms: when this one was. */
struct sl_retry_plan sl_policy_plan(const struct sl_retry_policy *p, uint32_t attempts, int64_t first_ms, int64_t seen_ms,
                                   uint64_t seed);

/* At most so many in any hour, counted by minutes. Zeroed = nothing used. */
#define SL_BUDGET_MINUTES 61
struct sl_budget {
        int64_t minute; /* of the newest count */
        uint32_t counts[SL_BUDGET_MINUTES];
};
/* 0: there is one left besides those that are taken and not used yet. Else so many ms have to pass first. */
int64_t sl_budget_wait(struct sl_budget *b, int64_t per_hour, uint32_t taken, int64_t now_ms);
void sl_budget_used(struct sl_budget *b, int64_t per_hour, int64_t now_ms);
/* {"<minute>": count} of the last hour, NULL = nothing was used; and back: what it knows already is not counted twice. */
json_t *sl_budget_json(const struct sl_budget *b);
void sl_budget_load(struct sl_budget *b, const json_t *obj);

/* Of one target: opens when too large a part of what was retried comes back. Zeroed = closed. */
struct sl_breaker_rule {
        int32_t percent;  /* of retried letters that come back; 0 = no breaker */
        int32_t least;    /* so many must have come back */
        int64_t open_ms;  /* nothing is retried for so long; doubles each time in a row, to ten times */
};
enum sl_breaker_state { SL_BREAKER_CLOSED, SL_BREAKER_OPEN, SL_BREAKER_PROBING };
struct sl_breaker {
        enum sl_breaker_state state;
        uint32_t sent, returned; /* recently */
        uint32_t in_a_row;       /* openings */
        bool probed;             /* the one letter of a probe is on its way */
        int64_t window_ms, until_ms;
};
/* May a letter be retried now? Else *ret_wait_ms says when to ask again. */
bool sl_breaker_may(struct sl_breaker *b, const struct sl_breaker_rule *r, int64_t now_ms, int64_t *ret_wait_ms);
void sl_breaker_sent(struct sl_breaker *b, const struct sl_breaker_rule *r, int64_t now_ms);
/* One that was retried has come back. */
void sl_breaker_returned(struct sl_breaker *b, const struct sl_breaker_rule *r, int64_t now_ms);
/* An array, NULL = as a new one; and back. No state lasts longer than the rule allows, whatever clock it is from. */
json_t *sl_breaker_json(const struct sl_breaker *b);
void sl_breaker_load(struct sl_breaker *b, const struct sl_breaker_rule *r, const json_t *array, int64_t now_ms);
#endif
