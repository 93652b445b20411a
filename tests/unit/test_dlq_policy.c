/* SPDX-License-Identifier: Apache-2.0 */
/* When dead letters are tried again: delays, limits, budgets, breakers, what waits, and when letters were seen. Random ones against plain
 * models; the seed is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "dlq/decode.h"
#include "dlq/letter.h"
#include "dlq/opts.h"
#include "dlq/policy.h"
#include "dlq/rules.h"
#include "dlq/scan.h"
#include "dlq/waiting.h"
#include "dlq/worker.h"

static unsigned seed;

static int64_t up_to(int64_t n)
{
        return (int64_t)(((uint64_t)rand_r(&seed) << 31 ^ (uint64_t)rand_r(&seed)) % (uint64_t)(n + 1));
}

static void test_delays(void **state)
{
        (void)state;
        const struct sl_retry_policy p = {.initial_ms = 1000, .max_ms = 300000, .multiplier = 2};
        for (uint32_t attempts = 0; attempts < 40; attempts++) {
                int64_t whole = attempts < 9 ? 1000ll << attempts : 300000, low = INT64_MAX, high = 0;
                if (whole > 300000)
                        whole = 300000;
                for (uint64_t s = 0; s < 500; s++) {
                        int64_t ms = sl_policy_delay(&p, attempts, s);
                        assert_int_equal(ms, sl_policy_delay(&p, attempts, s)); /* the same after a restart */
                        low = ms < low ? ms : low;
                        high = ms > high ? ms : high;
                }
                assert_true(low >= whole / 2 && high <= whole);
                assert_true(low < whole / 2 + whole / 20 && high > whole - whole / 20); /* all of the range is used */
        }
        const struct sl_retry_policy none = {.initial_ms = 0, .max_ms = 0, .multiplier = 2};
        assert_int_equal(sl_policy_delay(&none, 3, 1), 0);
        const struct sl_retry_policy same = {.initial_ms = 10, .max_ms = 1000, .multiplier = 1};
        assert_true(sl_policy_delay(&same, 1000000, 1) <= 10);
}

static void test_limits(void **state)
{
        (void)state;
        struct sl_retry_policy p = {.initial_ms = 100, .max_ms = 100, .multiplier = 2, .attempts_max = 3, .age_max_ms = 5000};
        struct sl_retry_plan plan = sl_policy_plan(&p, 2, 1000, 4000, 7);
        assert_true(!plan.over && !plan.never && plan.due_ms >= 4050 && plan.due_ms <= 4100);
        assert_int_equal(plan.expires_ms, 6000); /* from the first letter on */
        plan = sl_policy_plan(&p, 3, 1000, 4000, 7);
        assert_true(plan.over && plan.due_ms == SL_NEVER_MS);
        p.attempts_max = 0;
        p.age_max_ms = 0;
        plan = sl_policy_plan(&p, 0, 1000, 4000, 7);
        assert_true(plan.never && plan.due_ms == SL_NEVER_MS && plan.expires_ms == SL_NEVER_MS);
        p.attempts_max = -1;
        p.age_max_ms = INT64_MAX;
        plan = sl_policy_plan(&p, UINT32_MAX, 1000, 4000, 7);
        assert_true(!plan.over && plan.due_ms < SL_NEVER_MS && plan.expires_ms < SL_NEVER_MS && plan.expires_ms > 1000);
}

/* What another process knows of it, or this one: it has read the same before. */
static void restart_budget(struct sl_budget *b)
{
        struct sl_budget fresh = {0};
        json_t *obj = sl_budget_json(b);
        sl_budget_load(b, obj);
        sl_budget_load(&fresh, obj);
        sl_budget_load(&fresh, obj);
        json_decref(obj);
        *b = fresh;
}

/* No hour has more than the budget, over restarts, and what is refused passes later. */
static void test_budget(void **state)
{
        enum { TAKES = 4000 };
        static int64_t taken[TAKES];
        (void)state;
        for (int round = 0; round < 20; round++) {
                struct sl_budget b = {0};
                int64_t now = 3600000 + up_to(100000000), most = 1 + up_to(50), newest = 0; /* no minute 0: it is nobody's */
                int n = 0, refused = 0;
                for (int i = 0; i < TAKES; i++) {
                        if (!up_to(9))
                                restart_budget(&b);
                        int64_t behind = up_to(5) ? 0 : up_to(30 * 60000); /* the clock of another machine */
                        int64_t clock = now > behind ? now - behind : now;
                        int64_t wait = sl_budget_wait(&b, most, 0, clock);
                        if (clock > newest)
                                newest = clock;
                        if (!wait) {
                                if (!up_to(9)) { /* taken and not used: a restart knows nothing of it */
                                        restart_budget(&b);
                                        assert_int_equal(sl_budget_wait(&b, most, 0, clock), 0);
                                }
                                sl_budget_used(&b, most, clock);
                                taken[n++] = newest;
                                int within = 0;
                                for (int k = n - 1; k >= 0 && taken[k] > newest - 3600000; k--)
                                        within++;
                                assert_true(within <= most);
                        } else {
                                refused++;
                                assert_true(wait > 0 && wait <= 60000);
                        }
                        now += up_to(60000);
                }
                assert_true(n > 0 && refused > 0);
                now += 2 * 3600000;
                assert_int_equal(sl_budget_wait(&b, most, (uint32_t)most - 1, now), 0);
                assert_true(sl_budget_wait(&b, most, (uint32_t)most, now) > 0);
                assert_int_equal(sl_budget_wait(&b, 0, 1000, now), 0);
        }
}

/* As the next process finds it, whose clock may be another one. */
static void restart_breaker(struct sl_breaker *b, const struct sl_breaker_rule *r, int64_t now)
{
        struct sl_breaker fresh = {0};
        json_t *array = sl_breaker_json(b);
        if (array)
                sl_breaker_load(&fresh, r, array, now);
        json_decref(array);
        assert_int_equal(fresh.state, b->state);
        assert_int_equal(fresh.sent, b->sent);
        assert_int_equal(fresh.returned, b->returned);
        if (b->state != SL_BREAKER_CLOSED) {
                assert_int_equal(fresh.in_a_row, b->in_a_row);
                assert_int_equal(fresh.probed, b->probed);
                assert_int_equal(fresh.until_ms, b->until_ms);
        }
        *b = fresh;
}

static void test_breaker(void **state)
{
        const struct sl_breaker_rule rule = {.percent = 50, .least = 3, .open_ms = 1000};
        struct sl_breaker b = {0};
        int64_t wait, now = 10000000;
        (void)state;
        for (int i = 0; i < 8; i++) {
                assert_true(sl_breaker_may(&b, &rule, now, &wait));
                sl_breaker_sent(&b, &rule, now);
        }
        for (int i = 0; i < 3; i++)
                sl_breaker_returned(&b, &rule, now);
        assert_int_equal(b.state, SL_BREAKER_CLOSED); /* 3 of 8 */
        sl_breaker_returned(&b, &rule, now);
        assert_int_equal(b.state, SL_BREAKER_OPEN);
        assert_false(sl_breaker_may(&b, &rule, now + 400, &wait));
        assert_int_equal(wait, 600);
        /* One is tried; while it is on its way no other. It comes back: longer. */
        assert_true(sl_breaker_may(&b, &rule, now += 1000, &wait));
        sl_breaker_sent(&b, &rule, now);
        assert_false(sl_breaker_may(&b, &rule, now + 10, &wait));
        sl_breaker_returned(&b, &rule, now + 500);
        assert_int_equal(b.state, SL_BREAKER_OPEN);
        assert_false(sl_breaker_may(&b, &rule, now + 500 + 1999, &wait));
        assert_true(sl_breaker_may(&b, &rule, now += 500 + 2000, &wait));
        sl_breaker_sent(&b, &rule, now);
        /* It does not come back: closed, with nothing held against it. */
        assert_true(sl_breaker_may(&b, &rule, now += 1000, &wait));
        assert_int_equal(b.state, SL_BREAKER_CLOSED);
        sl_breaker_sent(&b, &rule, now);
        sl_breaker_returned(&b, &rule, now);
        sl_breaker_returned(&b, &rule, now);
        assert_int_equal(b.state, SL_BREAKER_CLOSED);
        /* It never stays open for longer than ten times, whatever happens, and always lets one pass in the end. */
        for (int i = 0; i < 100000; i++) {
                now += up_to(700);
                if (!up_to(9))
                        restart_breaker(&b, &rule, now);
                if (sl_breaker_may(&b, &rule, now, &wait))
                        sl_breaker_sent(&b, &rule, now);
                else
                        assert_true(wait > 0 && wait <= 10 * rule.open_ms);
                for (int64_t n = up_to(2); n > 0; n--)
                        sl_breaker_returned(&b, &rule, now);
        }
        /* Written by a clock that was a day ahead: it is open as long as it may be, not longer. */
        struct sl_breaker ahead = {0};
        json_t *array = json_pack("[i, i, i, i, b, I, I]", SL_BREAKER_OPEN, 0, 0, 1, 0, now + 86400000, now + 86400000);
        sl_breaker_load(&ahead, &rule, array, now);
        assert_false(sl_breaker_may(&ahead, &rule, now, &wait));
        assert_int_equal(wait, 10 * rule.open_ms);
        json_decref(array);
        const struct sl_breaker_rule off = {.percent = 0};
        assert_true(sl_breaker_may(&b, &off, now, &wait));
}

static int by_time(const void *a, const void *b)
{
        int64_t x = sl_wait_when(a), y = sl_wait_when(b);
        return x < y ? -1 : x > y;
}

/* The heap gives what a sorted list gives, also when signals come in between. */
static void test_waiting(void **state)
{
        (void)state;
        assert_int_equal(sizeof(struct sl_wait_entry), 32);
        for (int round = 0; round < 50; round++) {
                struct sl_waiting w = {0};
                struct sl_wait_entry e, *model;
                size_t n = 1 + (size_t)up_to(400);
                int64_t last = INT64_MIN;
                model = calloc(n, sizeof(*model));
                for (size_t i = 0; i < n; i++) {
                        model[i] = (struct sl_wait_entry){.offset = (int64_t)i, .due_ms = up_to(1000), .expires_ms = 500 + up_to(1000),
                                                          .signal = (uint16_t)up_to(3)};
                        sl_waiting_push(&w, &model[i]);
                }
                size_t woken = 0;
                int64_t late = up_to(1500);
                for (size_t i = 0; i < n; i++)
                        if (model[i].signal == 2) {
                                model[i].signal = 0;
                                model[i].due_ms = model[i].due_ms < late ? late : model[i].due_ms;
                                woken++;
                        }
                assert_int_equal(sl_waiting_signal(&w, 2, late), woken);
                qsort(model, n, sizeof(*model), by_time);
                for (size_t i = 0; i < n; i++) {
                        assert_int_equal(sl_waiting_next(&w), sl_wait_when(&model[i]));
                        assert_false(sl_waiting_pop(&w, sl_wait_when(&model[i]) - 1, &e));
                        assert_true(sl_waiting_pop(&w, sl_wait_when(&model[i]), &e));
                        assert_true(sl_wait_when(&e) >= last);
                        last = sl_wait_when(&e);
                }
                assert_int_equal(sl_waiting_next(&w), INT64_MAX);
                sl_waiting_free(&w);
                free(model);
        }
}

/* What was seen when: as a plain array says, also written down and read again, and never earlier than it was. */
static void test_seen(void **state)
{
        enum { OFFSETS = 3000, PARTS = 3 };
        static int64_t model[PARTS][OFFSETS];
        (void)state;
        for (int round = 0; round < 20; round++) {
                struct sl_seen s = {0}, again = {0};
                int64_t ends[PARTS] = {0}, firsts[PARTS] = {0}, now = 1000;
                bool many = round % 2;
                memset(model, 0xff, sizeof(model));
                for (int step = 0; step < (many ? 2000 : 200); step++) {
                        int p = (int)up_to(PARTS - 1);
                        int64_t end = ends[p] + up_to(many ? 2 : 30);
                        if (end > OFFSETS)
                                continue;
                        now += up_to(50);
                        assert_int_equal(sl_seen_add(&s, p, end, now), end > ends[p]);
                        for (int64_t o = ends[p]; o < end; o++)
                                model[p][o] = now;
                        ends[p] = end > ends[p] ? end : ends[p];
                        if (!up_to(40)) {
                                firsts[p] += up_to(ends[p] - firsts[p]);
                                sl_seen_prune(&s, p, firsts[p]);
                        }
                }
                assert_true(s.count <= SL_SEEN_MAX);
                sl_auto_json *obj = sl_seen_json(&s);
                sl_seen_load(&again, obj);
                assert_int_equal(again.count, s.count);
                for (int p = 0; p < PARTS; p++) {
                        for (int64_t o = firsts[p]; o < ends[p]; o++) {
                                int64_t at = sl_seen_at(&again, p, o);
                                assert_int_equal(at, sl_seen_at(&s, p, o));
                                assert_true(many ? at >= model[p][o] : at == model[p][o]);
                        }
                        assert_int_equal(sl_seen_at(&again, p, ends[p]), -1);
                }
                sl_seen_free(&s);
                sl_seen_free(&again);
        }
}

static void test_sets(void **state)
{
        struct sl_idset s = {0};
        (void)state;
        assert_false(sl_idset_has(&s, 1));
        assert_false(sl_idset_add(&s, 0));
        for (uint64_t i = 1; i <= 5000; i++)
                assert_true(sl_idset_add(&s, i * 0x9E3779B97F4A7C15u));
        for (uint64_t i = 1; i <= 5000; i++) {
                assert_false(sl_idset_add(&s, i * 0x9E3779B97F4A7C15u));
                assert_true(sl_idset_has(&s, i * 0x9E3779B97F4A7C15u));
        }
        assert_false(sl_idset_has(&s, 12345));
        assert_int_equal(s.count, 5000);
        sl_idset_free(&s);
}

/* A letter that Spring Kafka wrote of a record that we had retried before. */
static struct sl_dlq_item came_back(const char *retries)
{
        static struct sl_kheader headers[8];
        static struct sl_arena arena;
        const char *const texts[][2] = {{"kafka_dlt-original-topic", "orders"}, {"kafka_dlt-original-partition", "1"},
                                        {"kafka_dlt-original-offset", "900"},   {"__sluice.dlq.origin.topic", "orders"},
                                        {"__sluice.dlq.origin.partition", "1"}, {"__sluice.dlq.origin.offset", "7"},
                                        {"__sluice.dlq.first", "1700000000000"}, {"__sluice.dlq.retry", retries}};
        for (size_t i = 0; i < 8; i++)
                headers[i] = (struct sl_kheader){sl_str_c(texts[i][0]), sl_str_c(texts[i][1])};
        struct sl_kmsg m = {.headers = headers, .header_count = 8, .timestamp_ms = 1};
        struct sl_dlq_item it;
        sl_dlq_item_read(&it, &m, NULL, &arena);
        return it;
}

/* Each return is a failure of its own, though it has the coordinates of the first original. */
static void test_returns(void **state)
{
        (void)state;
        struct sl_dlq_item one = came_back("1");
        assert_int_equal(one.retries, 1);
        assert_int_equal(one.hops, 0);
        assert_true(one.first_ms == 1700000000000);
        assert_int_equal(one.origin.offset, 7);
        uint64_t first = sl_dlq_identity(&one);
        assert_true(first && first == sl_dlq_identity(&one));
        struct sl_dlq_item two = came_back("2");
        assert_true(sl_dlq_identity(&two) != first);
}

#define RULE(more) "{\"rules\":[{\"id\":\"r\",\"when\":{\"message\":\"m\"},\"class\":\"business\",\"examples\":[{\"message\":\"m\"}]" more "}]}"

static void refused(const char *text, const char *why)
{
        struct sl_dlq_rules *rules = NULL;
        struct sl_err err = {0};
        assert_int_equal(sl_dlq_rules_parse(sl_str_c(text), &rules, &err), SL_FATAL);
        assert_non_null(strstr(err.msg, why));
}

static void test_actions(void **state)
{
        struct sl_dlq_rules *rules = NULL;
        struct sl_err err = {0};
        (void)state;
        assert_int_equal(sl_dlq_rules_parse(SL_STR(RULE("")), &rules, &err), SL_OK);
        assert_int_equal(sl_dlq_rules_at(rules, 0)->action, SL_DLQ_ACT_BY_CLASS);
        assert_null(sl_dlq_rules_at(rules, 1));
        sl_dlq_rules_free(rules);
        assert_int_equal(sl_dlq_rules_parse(SL_STR(RULE(",\"action\":\"repair\",\"repair\":{\"value-subject\":\"s\",\"value-version\":3,"
                                                        "\"rename\":[\"a=b\",\"c=d\"],\"allow-lossy\":true,"
                                                        "\"transforms\":{\"transforms\":\"x\",\"transforms.x.type\":\"Y\"}}")),
                                            &rules, &err),
                         SL_OK);
        const struct sl_dlq_rule *rule = sl_dlq_rules_at(rules, 0);
        assert_int_equal(rule->action, SL_DLQ_ACT_REPAIR);
        assert_string_equal(rule->repair->value_subject, "s");
        assert_int_equal(rule->repair->value_version, 3);
        assert_int_equal(rule->repair->rename.count, 2);
        assert_string_equal(rule->repair->rename.items[1], "c=d");
        assert_true(rule->repair->allow_lossy);
        assert_string_equal(sl_props_get(rule->transforms, "transforms.x.type"), "Y");
        sl_dlq_rules_free(rules);
        refused(RULE(",\"action\":\"burn\""), "action is retry");
        refused(RULE(",\"action\":\"repair\""), "need each other");
        refused(RULE(",\"action\":\"retry\",\"repair\":{\"rename\":[\"a=b\"]}"), "need each other");
        refused(RULE(",\"action\":\"repair\",\"repair\":{}"), "repair is an object");
        refused(RULE(",\"action\":\"repair\",\"repair\":{\"rename\":\"a=b\"}"), "array");
        refused(RULE(",\"action\":\"repair\",\"repair\":{\"rename\":[\"ab\"]}"), "field=text");
        refused(RULE(",\"action\":\"repair\",\"repair\":{\"rename\":[\"a=\"]}"), "rename says nothing behind a=");
        refused(RULE(",\"action\":\"repair\",\"repair\":{\"default\":[\"a=1\",\"a=2\"]}"), "default is given twice for a: a=1 and a=2");
        refused(RULE(",\"action\":\"repair\",\"repair\":{\"renames\":[]}"), "unknown member");
        refused(RULE(",\"action\":\"repair\",\"repair\":{\"transforms\":{}}"), "the key transforms");
}

/* ---- what is waited for ---- */

struct sl_dlq_assist {
        int64_t shape;
        unsigned looks, asked;
};

static struct sl_dlq_assist *lends(void *program, const struct sl_dlq_assist_opts *opts)
{
        (void)opts;
        return program;
}

static bool looks(struct sl_dlq_assist *a)
{
        a->looks++;
        return true;
}

static bool sink_has_shape(const struct sl_dlq_assist *a, const char *connector)
{
        (void)a;
        return strcmp(connector, "sink") == 0;
}

static enum sl_rc shape_now(const struct sl_dlq_assist *a, const char *connector, const char *topic, const atomic_bool *stop, int64_t *ret,
                            struct sl_err *err)
{
        (void)stop;
        (void)err;
        assert_string_equal(connector, "sink");
        assert_string_equal(topic, "orders");
        ((struct sl_dlq_assist *)a)->asked++;
        *ret = a->shape;
        return SL_OK;
}

struct asking {
        struct sl_dlq_worker w;
        struct sl_dlq_topic t;
        struct sl_dlq_assist a;
        struct sl_dlq_worker_cfg cfg;
        struct sl_loop_env env;
        struct sl_dlq_assist_ops ops;
        atomic_bool stop;
};

static void begin_asking(struct asking *g)
{
        struct sl_props client = {0};
        struct sl_err err = {0};
        *g = (struct asking){.cfg = {.connect = "self", .target_ms = 1000000},
                             .ops = {.open = lends, .refresh = looks, .has_shape = sink_has_shape, .shape = shape_now},
                             .a = {.shape = 7}};
        g->ops.program = &g->a;
        g->env.stop = &g->stop;
        sl_props_set(&client, "schema.registry.url", "http://127.0.0.1:1");
        sl_props_set(&client, "max.retries", "0");
        assert_int_equal(sl_dlq_decode_new(&client, &g->w.decode, &err), SL_OK);
        sl_props_free(&client);
        g->w.cfg = &g->cfg;
        g->w.env = &g->env;
        g->w.assist = &g->ops;
        g->w.topics = &g->t;
        g->w.topic_count = 1;
        g->t.w = &g->w;
        sl_dlq_topic_lenders(&g->t);
}

static void end_asking(struct asking *g)
{
        sl_dlq_signals_free(&g->w);
        sl_dlq_decode_free(g->w.decode);
        sl_waiting_free(&g->t.waiting);
}

static uint16_t wait_for(struct asking *g, struct sl_str connector, struct sl_str topic, int64_t seen_ms)
{
        const struct sl_dlq_item it = {
                .code = "schema", .class = SL_SCHEMA, .stage = SL_STAGE_TASK_PUT, .connector = connector, .origin = {.topic = topic}};
        uint16_t n = sl_dlq_signal_of(&g->t, &it, seen_ms);
        sl_waiting_push(&g->t.waiting, &(struct sl_wait_entry){.due_ms = 1, .expires_ms = INT64_MAX, .signal = n});
        return n;
}

static void ask_now(struct asking *g)
{
        for (uint32_t i = 0; i < g->w.signal_count; i++)
                g->w.signals[i].ask_ms = 0;
        g->w.signal_at_ms = 0;
        sl_dlq_signals_poll(&g->w);
}

/* A table that is another one releases who waits for it, over a restart, too; it is asked with what its connector is now. */
static void test_targets(void **state)
{
        (void)state;
        struct asking g, later;
        begin_asking(&g);
        assert_int_equal(wait_for(&g, SL_STR("sink"), SL_STR("orders"), 5), 1);
        ask_now(&g);
        ask_now(&g);
        assert_int_equal(g.a.asked, 2);
        assert_int_equal(g.t.waiting.items[0].signal, 1);
        assert_int_equal(g.a.looks, 1);
        g.t.lent_ms -= 3600000;
        g.a.shape = 3; /* not newer: another one */
        ask_now(&g);
        assert_int_equal(g.a.looks, 2);
        assert_int_equal(g.t.waiting.items[0].signal, 0);
        assert_int_equal(wait_for(&g, SL_STR("sink"), SL_STR("orders"), 5), 0);
        assert_int_equal(wait_for(&g, SL_STR("sink"), SL_STR("orders"), INT64_MAX), 1);
        json_t *kept = sl_dlq_signals_json(&g.w);
        begin_asking(&later);
        sl_dlq_signals_load(&later.w, kept);
        later.a.shape = 4;
        ask_now(&later); /* nobody waits yet */
        assert_int_equal(later.a.asked, 0);
        assert_int_equal(wait_for(&later, SL_STR("sink"), SL_STR("orders"), INT64_MAX), 1);
        ask_now(&later);
        assert_int_equal(later.t.waiting.items[0].signal, 0);
        json_decref(kept);
        end_asking(&g);
        end_asking(&later);
}

/* Headers of letters may say anything: what no topic or connector is called is asked nobody, and does not end the process. */
static void test_odd_targets(void **state)
{
        (void)state;
        struct asking g;
        begin_asking(&g);
        const struct sl_str topics[] = {SL_STR("sink\norders"), SL_STR("a\nb"), {"orders\0x", 8}, SL_STR("a b"), SL_STR("")};
        for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
                assert_int_equal(wait_for(&g, SL_STR("other"), topics[i], 5), SL_DLQ_NO_SIGNAL);
                assert_int_equal(wait_for(&g, SL_STR("sink"), topics[i], 5), SL_DLQ_NO_SIGNAL);
        }
        assert_int_equal(wait_for(&g, (struct sl_str){"sink\0x", 6}, SL_STR("orders"), 5), 1); /* of the subject orders-value */
        for (int i = 0; i < 3; i++)
                ask_now(&g);
        assert_int_equal(g.a.asked, 0);
        end_asking(&g);
}

int main(void)
{
        const char *given = getenv("SLUICE_SEED");
        seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)sl_mono_us();
        printf("SLUICE_SEED=%u\n", seed);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_delays),  cmocka_unit_test(test_limits), cmocka_unit_test(test_budget),
                cmocka_unit_test(test_breaker), cmocka_unit_test(test_waiting), cmocka_unit_test(test_seen),
                cmocka_unit_test(test_sets),    cmocka_unit_test(test_actions), cmocka_unit_test(test_returns),
                cmocka_unit_test(test_targets), cmocka_unit_test(test_odd_targets),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
