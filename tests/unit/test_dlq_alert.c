/* SPDX-License-Identifier: Apache-2.0 */
/* dlq/alert.c on metrics as text; dlq/alert_send.c from the real metrics to an HTTP server of the test's own that fails
 * first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/metrics.h"
#include "dlq/alert.h"

static const struct sl_dlq_alert_limits limits = {
        .open_max = 10, .oldest_max_s = 100, .retention_min_s = 60, .new_failure_s = 30};

/* The changes as "alert topic state value; ..." */
static void expect(struct sl_dlq_alerts *a, const char *metrics, int64_t now_ms, const char *want)
{
        sl_auto_json *changes = sl_dlq_alerts_look(a, sl_str_c(metrics), now_ms);
        struct sl_buf got = {0};
        json_t *one;
        size_t i;
        json_array_foreach(changes, i, one) sl_buf_printf(
                &got, "%s%s %s %s %lld", i ? "; " : "", sl_json_str(one, "alert"), sl_json_str(one, "topic"),
                sl_json_str(one, "state"), (long long)sl_json_int(one, "value", -9));
        assert_string_equal(sl_buf_cstr(&got), want);
        sl_buf_free(&got);
}

static void once_a_change(void **state)
{
        (void)state;
        struct sl_dlq_alerts *a = sl_dlq_alerts_new(&limits);
        const char *many = "# TYPE sluice_dlq_open_letters gauge\n"
                           "sluice_dlq_open_letters{connector=\"c\",task=\"0\",topic=\"t\",class=\"business\"} 6\n"
                           "sluice_dlq_open_letters{connector=\"c\",task=\"0\",topic=\"t\",class=\"unknown\"} 5\n"
                           "sluice_dlq_open_letters{connector=\"c\",task=\"1\",topic=\"u\",class=\"unknown\"} 10\n"
                           "sluice_dlq_open_letters_other{topic=\"t\"} 99\n";
        const char *few = "sluice_dlq_open_letters{connector=\"c\",task=\"0\",topic=\"t\",class=\"business\"} 10\n";
        expect(a, "", 0, "");
        expect(a, many, 1, "open t firing 11");
        expect(a, many, 2, "");
        expect(a, "", 3, ""); /* the connector starts anew: nothing is known */
        expect(a, many, 4, "");
        expect(a, few, 5, "open t resolved 10");
        expect(a, few, 6, "");
        sl_dlq_alerts_free(a);
}

static void ages_and_retention(void **state)
{
        (void)state;
        struct sl_dlq_alerts *a = sl_dlq_alerts_new(&limits);
        expect(a,
               "sluice_dlq_oldest_open_seconds{topic=\"t\"} 100\nsluice_dlq_retention_left_seconds{topic=\"t\"} -1\n",
               1, "");
        expect(a,
               "sluice_dlq_oldest_open_seconds{topic=\"t\"} 101\nsluice_dlq_retention_left_seconds{topic=\"t\"} 59\n",
               2, "oldest t firing 101; retention t firing 59");
        expect(a, "sluice_dlq_oldest_open_seconds{topic=\"t\"} 0\nsluice_dlq_retention_left_seconds{topic=\"t\"} -1\n",
               3, "oldest t resolved 0; retention t resolved -1");
        sl_dlq_alerts_free(a);
        struct sl_dlq_alert_limits off = {-1, -1, -1, -1};
        a = sl_dlq_alerts_new(&off);
        expect(a, "sluice_dlq_oldest_open_seconds{topic=\"t\"} 1e9\n", 1, "");
        sl_dlq_alerts_free(a);
}

static void new_failures(void **state)
{
        (void)state;
        struct sl_dlq_alerts *a = sl_dlq_alerts_new(&limits);
#define FORM "sluice_dlq_new_fingerprints_total{connector=\"mytopic=\\\"x\",topic=\"t\"} %d\n"
        static const struct {
                int count, at_s;
                const char *want;
        } steps[] = {
                {7, 1000, ""}, /* what was there before we looked is not new */
                {7, 1010, ""},
                {8, 1020, "new_failure t firing 8"},
                {8, 1030, ""},
                {9, 1045, ""},
                {9, 1074, ""},
                {9, 1075, "new_failure t resolved 9"},
                {0, 1080, ""}, /* counts anew */
                {1, 1090, "new_failure t firing 1"},
        };
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                char text[200];
                snprintf(text, sizeof(text), FORM, steps[i].count);
                expect(a, text, steps[i].at_s * 1000, steps[i].want);
        }
        sl_dlq_alerts_free(a);
}

/* --- A receiver */

struct receiver {
        int fd, answers[4], count, requests;
        char bodies[4][400];
        pthread_mutex_t lock;
};

static void *serve(void *arg)
{
        struct receiver *r = arg;
        for (int i = 0; i < r->count; i++) {
                char request[4096] = "", answer[80];
                size_t have = 0;
                int fd = accept(r->fd, NULL, NULL);
                const char *head = NULL, *length;
                while (!head || have < (size_t)(head + 4 - request) + strtoul(length + 15, NULL, 10)) {
                        ssize_t n = read(fd, request + have, sizeof(request) - 1 - have);
                        if (n <= 0)
                                break;
                        have += (size_t)n;
                        request[have] = '\0';
                        head = strstr(request, "\r\n\r\n");
                        length = strcasestr(request, "content-length:");
                }
                pthread_mutex_lock(&r->lock);
                snprintf(r->bodies[r->requests++], sizeof(r->bodies[0]), "%s", head ? head + 4 : "");
                pthread_mutex_unlock(&r->lock);
                snprintf(answer, sizeof(answer), "HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                         r->answers[i]);
                if (write(fd, answer, strlen(answer)) < 0)
                        break;
                close(fd);
        }
        return NULL;
}

static void wait_requests(struct receiver *r, int n)
{
        for (int i = 0; i < 2000; i++) {
                pthread_mutex_lock(&r->lock);
                bool there = r->requests >= n;
                pthread_mutex_unlock(&r->lock);
                if (there)
                        return;
                usleep(10000);
        }
        fail_msg("request %d has not come", n);
}

static void posts_until_it_is_taken(void **state)
{
        (void)state;
        struct receiver r = {.answers = {503, 204, 404, 200}, .count = 4, .lock = PTHREAD_MUTEX_INITIALIZER};
        struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(addr);
        char url[80];
        pthread_t thread;
        r.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(r.fd, (struct sockaddr *)&addr, len), 0);
        assert_int_equal(listen(r.fd, 8), 0);
        assert_int_equal(getsockname(r.fd, (struct sockaddr *)&addr, &len), 0);
        assert_int_equal(pthread_create(&thread, NULL, serve, &r), 0);
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook?token=s3cret", ntohs(addr.sin_port));
        struct sl_dlq_alert_opts opts = {
                .limits = {.open_max = 3, .oldest_max_s = -1, .retention_min_s = -1, .new_failure_s = -1},
                .url = url,
                .worker = "w:1",
                .interval_ms = 20,
                .retry_ms = 10};
        struct sl_metric *open = sl_metric_get(SL_GAUGE, "sluice_dlq_open_letters", "Open.", "topic=\"orders-dlq\"");
        struct sl_dlq_alert_sender *s = sl_dlq_alerts_start(&opts);
        assert_non_null(s);
        sl_metric_set(open, 4);
        wait_requests(&r, 2); /* the first was answered with 503 */
        assert_string_equal(r.bodies[0], r.bodies[1]);
        assert_non_null(strstr(
                r.bodies[0],
                "{\"alert\":\"open\",\"topic\":\"orders-dlq\",\"state\":\"firing\",\"value\":4,\"limit\":3,\"at\":\""));
        assert_non_null(strstr(r.bodies[0], "\"worker\":\"w:1\"}"));
        assert_null(strstr(r.bodies[0], "s3cret"));
        sl_metric_set(open, 3);
        wait_requests(&r, 3); /* refused for good: not posted again */
        assert_non_null(strstr(r.bodies[2], "\"resolved\""));
        sl_metric_set(open, 5);
        wait_requests(&r, 4);
        assert_non_null(strstr(r.bodies[3], "\"firing\",\"value\":5"));
        sl_dlq_alerts_stop(s);
        pthread_join(thread, NULL);
        close(r.fd);
        sl_metrics_drop("topic=\"orders-dlq\"");
}

static void a_receiver_that_is_away_does_not_hold_the_end(void **state)
{
        (void)state;
        struct sl_dlq_alert_opts opts = {
                .limits = {.open_max = 0, .oldest_max_s = -1, .retention_min_s = -1, .new_failure_s = -1},
                .url = "http://127.0.0.1:1/",
                .worker = "w:1",
                .interval_ms = 20};
        struct sl_metric *open = sl_metric_get(SL_GAUGE, "sluice_dlq_open_letters", "Open.", "topic=\"t\"");
        sl_metric_set(open, 1);
        struct sl_dlq_alert_sender *s = sl_dlq_alerts_start(&opts);
        usleep(100000);
        sl_dlq_alerts_stop(s);
        sl_metrics_drop("topic=\"t\"");
        sl_dlq_alerts_stop(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(once_a_change),
                cmocka_unit_test(ages_and_retention),
                cmocka_unit_test(new_failures),
                cmocka_unit_test(posts_until_it_is_taken),
                cmocka_unit_test(a_receiver_that_is_away_does_not_hold_the_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
