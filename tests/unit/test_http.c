/* SPDX-License-Identifier: Apache-2.0 */
/* base/http.c against a tiny server thread on loopback that behaves by path: /echo, /slow, /hang, /drop, /short,
 * /big, /interim, /redirect. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/http.h"
#include "tests/unit/http_request.h"

static int listener, port;
static pthread_t server;
static _Atomic bool stopping;
static _Atomic int connections;

static void send_all(int fd, const char *p, size_t n)
{
        while (n) {
                ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
                if (done <= 0)
                        return;
                p += done;
                n -= (size_t)done;
        }
}

static void send_text(int fd, const char *text)
{
        send_all(fd, text, strlen(text));
}

static void answer(int fd, const char *head, struct sl_str body)
{
        struct sl_buf b = {0};
        sl_buf_printf(&b, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, body.len);
        sl_buf_add_str(&b, body);
        send_all(fd, b.ptr, b.len);
        sl_buf_free(&b);
}

static void wait_for_close(int fd)
{
        char c;
        while (recv(fd, &c, 1, 0) > 0)
                ;
}

/* false: close the connection. */
static bool serve(int fd, const struct sl_buf *req)
{
        const char *path = strchr(req->ptr, ' ') + 1;
        struct sl_str all = {req->ptr, req->len};
        if (strncmp(path, "/slow", 5) == 0) {
                usleep(350000);
                answer(fd, "200 OK", SL_STR("late"));
        } else if (strncmp(path, "/hang", 5) == 0) {
                wait_for_close(fd);
                return false;
        } else if (strncmp(path, "/drop", 5) == 0) {
                return false;
        } else if (strncmp(path, "/short", 6) == 0) {
                send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
                return false;
        } else if (strncmp(path, "/big", 4) == 0) {
                static char block[1 << 20];
                send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 68157440\r\n\r\n");
                for (int i = 0; i < 65; i++)
                        send_all(fd, block, sizeof(block));
                return false;
        } else if (strncmp(path, "/interim", 8) == 0) {
                send_text(fd, "HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\n");
                answer(fd, "404 Not Found\r\nX-Real:  yes \r\nEtag: \"abc\"", SL_STR("nothing here"));
        } else if (strncmp(path, "/redirect", 9) == 0) {
                answer(fd, "302 Found\r\nLocation: /echo", SL_STR(""));
        } else if (strncmp(req->ptr, "HEAD", 4) == 0) {
                send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
        } else {
                answer(fd, "200 OK", all);
        }
        return true;
}

static void *serve_all(void *arg)
{
        (void)arg;
        while (!stopping) {
                struct pollfd p = {.fd = listener, .events = POLLIN};
                if (poll(&p, 1, 50) <= 0)
                        continue;
                int fd = accept(listener, NULL, NULL);
                connections++;
                for (bool more = true; more;) {
                        struct sl_buf req = {0};
                        more = read_request(fd, &req) && serve(fd, &req) && !strstr(req.ptr, "Connection: close");
                        sl_buf_free(&req);
                }
                close(fd);
        }
        return NULL;
}

static int start_server(void **state)
{
        (void)state;
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        unsetenv("http_proxy"), unsetenv("https_proxy"), unsetenv("HTTPS_PROXY"), unsetenv("ALL_PROXY"),
                unsetenv("all_proxy");
        listener = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 8) ||
            getsockname(listener, (struct sockaddr *)&a, &len))
                return -1;
        port = ntohs(a.sin_port);
        return pthread_create(&server, NULL, serve_all, NULL);
}

static int stop_server(void **state)
{
        (void)state;
        stopping = true;
        pthread_join(server, NULL);
        close(listener);
        return 0;
}

static struct sl_http_request request(const char *method, const char *path)
{
        static char url[256];
        snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
        return (struct sl_http_request){.method = method, .url = url};
}

static bool contains(const struct sl_http_response *resp, const char *text)
{
        return resp->body.len && memmem(resp->body.ptr, resp->body.len, text, strlen(text));
}

static void sends_what_was_asked(void **state)
{
        (void)state;
        struct sl_http *h = sl_http_new(NULL);
        struct sl_http_response resp = {0};
        struct sl_err err = {0};
        const char *headers[] = {"X-One: 1", "Host: elsewhere", NULL};
        struct sl_http_request req = request("PUT", "/echo/a/../b/./%2e%2E?x=a%20b&y");
        req.headers = headers;
        req.body = SL_STR("bytes\0with nul");
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        assert_int_equal(resp.status, 200);
        assert_true(contains(&resp, "PUT /echo/a/../b/./%2e%2E?x=a%20b&y HTTP/1.1\r\n"));
        assert_true(contains(&resp, "\r\nX-One: 1\r\n") && contains(&resp, "\r\nHost: elsewhere\r\n"));
        assert_true(contains(&resp, "\r\nContent-Length: 14\r\n"));
        assert_false(contains(&resp, "Expect:") || contains(&resp, "Content-Type:"));
        assert_memory_equal(resp.body.ptr + resp.body.len - 14, "bytes\0with nul", 14);

        req = request("POST", "/echo?uploads"); /* no body, but a length */
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        assert_true(contains(&resp, "\r\nContent-Length: 0\r\n"));
        assert_false(contains(&resp, "X-One")); /* nothing of the last request stays */
        req = request("DELETE", "/echo");
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        assert_true(contains(&resp, "DELETE /echo HTTP/1.1\r\n"));
        assert_false(contains(&resp, "Content-Length"));
        req = request("GET", "/echo");
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        assert_true(contains(&resp, "GET /echo HTTP/1.1\r\n"));
        req = request("HEAD", "/echo");
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        assert_true(resp.status == 200 && resp.body.len == 0);
        assert_true(sl_str_eqc(sl_http_header(&resp, "content-length"), "12345"));
        sl_http_response_free(&resp);
        sl_http_free(h);
        sl_http_free(NULL);
}

static void large_body_goes_up_and_comes_back(void **state)
{
        (void)state;
        struct sl_http *h = sl_http_new(NULL);
        struct sl_http_response resp = {0};
        enum { N = 5 << 20 };
        char *body = malloc(N);
        for (int i = 0; i < N; i++)
                body[i] = (char)(i * 7 + i / 1000);
        struct sl_http_request req = request("POST", "/echo");
        req.body = (struct sl_str){body, N};
        assert_int_equal(sl_http_do(h, &req, &resp, NULL), SL_OK);
        assert_true(resp.body.len > N);
        assert_memory_equal(resp.body.ptr + resp.body.len - N, body, N);
        assert_null(memmem(resp.body.ptr, 300, "Expect", 6));
        free(body);
        sl_http_response_free(&resp);
        sl_http_free(h);
}

static void connection_is_reused(void **state)
{
        (void)state;
        struct sl_http *h = sl_http_new(NULL);
        struct sl_http_response resp = {0};
        int before = connections;
        for (int i = 0; i < 20; i++) {
                struct sl_http_request req = request(i % 2 ? "PUT" : "GET", "/echo");
                assert_int_equal(sl_http_do(h, &req, &resp, NULL), SL_OK);
        }
        assert_int_equal(connections - before, 1);
        sl_http_response_free(&resp);
        sl_http_free(h);
}

static void headers_of_the_final_answer(void **state)
{
        (void)state;
        struct sl_http *h = sl_http_new(NULL);
        struct sl_http_response resp = {0};
        struct sl_http_request req = request("GET", "/interim");
        assert_int_equal(sl_http_do(h, &req, &resp, NULL), SL_OK);
        assert_int_equal(resp.status, 404);
        assert_true(sl_str_eqc(sl_http_header(&resp, "x-real"), "yes"));
        assert_true(sl_str_eqc(sl_http_header(&resp, "ETAG"), "\"abc\""));
        assert_null(sl_http_header(&resp, "Link").ptr);
        assert_null(sl_http_header(&resp, "X-Rea").ptr);
        assert_string_equal(sl_buf_cstr(&resp.body), "nothing here");
        req = request("GET", "/redirect");
        assert_int_equal(sl_http_do(h, &req, &resp, NULL), SL_OK);
        assert_int_equal(resp.status, 302); /* not followed */
        assert_true(sl_str_eqc(sl_http_header(&resp, "Location"), "/echo"));
        assert_int_equal(resp.body.len, 0);
        sl_http_response_free(&resp);
        assert_null(sl_http_header(&resp, "Location").ptr);
        sl_http_free(h);
}

struct ticks {
        int count, stop_at;
        int64_t last_ms, longest_ms;
};

static enum sl_rc on_tick(void *arg, struct sl_err *err)
{
        struct ticks *t = arg;
        int64_t now = sl_mono_ms();
        if (t->last_ms && now - t->last_ms > t->longest_ms)
                t->longest_ms = now - t->last_ms;
        t->last_ms = now;
        return ++t->count == t->stop_at ? sl_fail(err, SL_E_STOPPED, "stop") : SL_OK;
}

static void tick_runs_while_waiting_and_can_stop(void **state)
{
        (void)state;
        struct ticks t = {0};
        struct sl_http *h = sl_http_new(&(struct sl_http_opts){.tick = on_tick, .tick_arg = &t});
        struct sl_http_response resp = {0};
        struct sl_err err = {0};
        struct sl_http_request req = request("GET", "/slow");
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&resp.body), "late");
        assert_true(t.count >= 3);
        t = (struct ticks){.stop_at = 2};
        req = request("GET", "/hang");
        int64_t start = sl_mono_ms();
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_TRANSIENT);
        assert_true(sl_mono_ms() - start < 3000);
        assert_int_equal(err.id, SL_E_STOPPED);
        assert_int_equal(resp.status, 0);
        t = (struct ticks){0};
        sl_err_clear(&err);
        req = request("GET", "/echo"); /* the handle is good for the next one */
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        sl_http_response_free(&resp);
        sl_http_free(h);
}

static void unreachable(const char *method, const char *url, enum sl_errid id, const char *why)
{
        struct sl_http *h = sl_http_new(&(struct sl_http_opts){.timeout_ms = 400});
        struct sl_http_response resp = {0};
        struct sl_err err = {0};
        struct sl_http_request req = {.method = method, .url = url};
        assert_int_not_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        if (err.id != id || !strstr(err.msg, why))
                fail_msg("wanted \"%s\", got %s: %s", why, sl_errid_text(err.id), err.msg);
        assert_null(strstr(err.msg, "secret"));
        assert_int_equal(resp.status, 0);
        sl_http_response_free(&resp);
        sl_http_free(h);
}

static void failures_say_which_host_and_why(void **state)
{
        (void)state;
        char url[128], host[64];
        int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, not listening: refuses */
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        getsockname(fd, (struct sockaddr *)&a, &len);
        snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%d/x?sig=secret", ntohs(a.sin_port));
        snprintf(host, sizeof(host), "PUT 127.0.0.1:%d: no connection", ntohs(a.sin_port));
        unreachable("PUT", url, SL_E_HTTP_UNREACHABLE, host);
        unreachable("GET", "http://nosuchhost.invalid/secret", SL_E_HTTP_UNREACHABLE, "GET nosuchhost.invalid: ");
        unreachable("GET", request("GET", "/drop").url, SL_E_HTTP_UNREACHABLE, "closed without an answer");
        unreachable("GET", request("GET", "/short").url, SL_E_HTTP_UNREACHABLE, "cut off");
        unreachable("GET", request("GET", "/hang?secret").url, SL_E_HTTP_UNREACHABLE, "timeout");
        unreachable("GET", "ftp://127.0.0.1/secret", SL_E_CONFIG, "neither http nor https");
        unreachable("GET", "http://127.0.0.1:99999/secret", SL_E_CONFIG, "malformed");
        close(fd);
}

static void missing_ca_file_is_a_config_error(void **state)
{
        (void)state;
        char url[64];
        struct sl_http *h = sl_http_new(&(struct sl_http_opts){.ca_file = "/nonexistent.pem", .timeout_ms = 2000});
        struct sl_http_response resp = {0};
        struct sl_err err = {0};
        snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
        struct sl_http_request req = {.method = "GET", .url = url};
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_FATAL);
        assert_int_equal(err.id, SL_E_CONFIG);
        assert_non_null(strstr(err.msg, "CA file"));
        sl_http_response_free(&resp);
        sl_http_free(h);
}

static void answer_has_a_ceiling(void **state)
{
        (void)state;
        struct sl_http *h = sl_http_new(NULL);
        struct sl_http_response resp = {0};
        struct sl_err err = {0};
        struct sl_http_request req = request("GET", "/big");
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_TRANSIENT);
        assert_non_null(strstr(err.msg, "larger than 64 MiB"));
        sl_err_clear(&err);
        req = request("GET", "/echo");
        assert_int_equal(sl_http_do(h, &req, &resp, &err), SL_OK);
        assert_true(resp.body.len > 0);
        sl_http_response_free(&resp);
        sl_http_free(h);
}

/* Wait as a caller's own poll would: for the one descriptor and the one deadline. */
static void work_once(struct sl_http *h)
{
        int64_t deadline = sl_http_deadline_ms(h), wait = deadline < 0 ? 50 : deadline - sl_mono_ms();
        struct pollfd fd = {.fd = sl_http_fd(h), .events = POLLIN};
        poll(&fd, 1, wait < 0 ? 0 : wait > 50 ? 50 : (int)wait);
        assert_int_equal(sl_http_work(h, NULL), SL_OK);
}

/* The server takes one connection at a time, so whoever hangs there holds up the others until it is broken off. */
static void background(void **state)
{
        (void)state;
        struct sl_http *h = sl_http_new(NULL);
        struct sl_http_response resp[4] = {0};
        struct sl_http_transfer *t[4];
        static const char *const paths[] = {"/hang", "/echo/1", "/echo/2", "/drop"};
        struct sl_err err = {0};
        enum sl_rc rc = SL_OK;
        for (int i = 0; i < 4; i++) {
                struct sl_http_request req = request("PUT", paths[i]);
                static const char *const close_it[] = {"Connection: close", NULL};
                req.body = SL_STR("body");
                req.headers = close_it;
                assert_int_equal(sl_http_start(h, &req, &resp[i], &t[i], NULL), SL_OK);
                for (int k = 0; i == 0 && k < 5; k++)
                        work_once(h); /* the first is there first */
        }
        for (int k = 0; k < 5; k++)
                work_once(h);
        for (int i = 0; i < 4; i++)
                assert_false(sl_http_ended(t[i], &rc, NULL));
        sl_http_transfer_free(t[0]);
        for (int i = 1; i < 4; i++)
                while (!sl_http_ended(t[i], &rc, &err))
                        work_once(h);
        assert_int_equal(rc, SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_HTTP_UNREACHABLE);
        assert_non_null(strstr(err.msg, "closed without an answer"));
        for (int i = 1; i < 3; i++) {
                assert_true(sl_http_ended(t[i], &rc, NULL));
                assert_int_equal(rc, SL_OK);
                assert_int_equal(resp[i].status, 200);
                assert_true(contains(&resp[i], paths[i]));
                sl_http_transfer_free(t[i]);
        }
        /* A request of the blocking kind between those in the background; the rest is freed with the client. */
        struct sl_http_request req = request("GET", "/echo/3");
        assert_int_equal(sl_http_do(h, &req, &resp[0], NULL), SL_OK);
        assert_true(contains(&resp[0], "/echo/3"));
        sl_http_free(h);
        for (int i = 0; i < 4; i++)
                sl_http_response_free(&resp[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sends_what_was_asked),
                cmocka_unit_test(large_body_goes_up_and_comes_back),
                cmocka_unit_test(connection_is_reused),
                cmocka_unit_test(headers_of_the_final_answer),
                cmocka_unit_test(tick_runs_while_waiting_and_can_stop),
                cmocka_unit_test(failures_say_which_host_and_why),
                cmocka_unit_test(missing_ca_file_is_a_config_error),
                cmocka_unit_test(answer_has_a_ceiling),
                cmocka_unit_test(background),
        };
        return cmocka_run_group_tests(tests, start_server, stop_server);
}
