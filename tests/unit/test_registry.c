/* SPDX-License-Identifier: Apache-2.0 */
/* convert/registry*.c against two scripted HTTP servers on loopback: they give the answers of a list in turn and note what they were asked.
 * Faults are what this is for; a real registry is asked in tests/integration/test_registry.py. */
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
#include "convert/registry_internal.h"
#include "tests/unit/http_request.h"

/* ---- the servers ---- */

#define HANG "hang"
#define ASKED_MAX 64
struct reply {
        const char *head; /* "200 OK" and perhaps more headers, or HANG */
        const char *body;
};
struct server {
        int fd, port;
        pthread_t thread;
        pthread_mutex_t lock;
        struct reply script[ASKED_MAX];
        int given, length;
        struct sl_buf asked[ASKED_MAX];
        int count;
};
static struct server one = {.lock = PTHREAD_MUTEX_INITIALIZER}, two = {.lock = PTHREAD_MUTEX_INITIALIZER};
static _Atomic bool ending;
static int closed_port;

static struct reply next_reply(struct server *s, const struct sl_buf *req)
{
        struct reply r = {"500 Script At Its End", "{\"error_code\":500,\"message\":\"nothing was to be asked here\"}"};
        pthread_mutex_lock(&s->lock);
        if (s->count < ASKED_MAX)
                sl_buf_add(&s->asked[s->count++], req->ptr, req->len);
        if (s->given < s->length)
                r = s->script[s->given++];
        pthread_mutex_unlock(&s->lock);
        return r;
}

static bool give(int fd, struct reply r)
{
        struct sl_buf b = {0};
        char c;
        if (strcmp(r.head, HANG) == 0) {
                while (recv(fd, &c, 1, 0) > 0)
                        ;
                return false;
        }
        sl_buf_printf(&b, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", r.head, strlen(r.body), r.body);
        bool sent = send(fd, b.ptr, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
        sl_buf_free(&b);
        return sent;
}

struct connection {
        struct server *server;
        int fd;
};

static void *serve_connection(void *arg)
{
        struct connection c = *(struct connection *)arg;
        free(arg);
        for (bool more = true; more;) {
                struct sl_buf req = {0};
                more = read_request(c.fd, &req) && give(c.fd, next_reply(c.server, &req));
                sl_buf_free(&req);
        }
        close(c.fd);
        return NULL;
}

static void *serve(void *arg)
{
        struct server *s = arg;
        while (!ending) {
                struct pollfd p = {.fd = s->fd, .events = POLLIN};
                pthread_t thread;
                if (poll(&p, 1, 20) <= 0)
                        continue;
                struct connection *c = sl_malloc(sizeof(*c));
                *c = (struct connection){s, accept(s->fd, NULL, NULL)};
                if (pthread_create(&thread, NULL, serve_connection, c))
                        abort();
                pthread_detach(thread);
        }
        return NULL;
}

static int listen_on(int *ret_port, bool open)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || (open && listen(fd, 8)) || getsockname(fd, (struct sockaddr *)&a, &len))
                abort();
        *ret_port = ntohs(a.sin_port);
        return fd;
}

static int start_servers(void **state)
{
        (void)state;
        unsetenv("http_proxy"), unsetenv("HTTP_PROXY"), unsetenv("ALL_PROXY"), unsetenv("all_proxy");
        one.fd = listen_on(&one.port, true);
        two.fd = listen_on(&two.port, true);
        listen_on(&closed_port, false);
        return pthread_create(&one.thread, NULL, serve, &one) || pthread_create(&two.thread, NULL, serve, &two);
}

static int stop_servers(void **state)
{
        (void)state;
        ending = true;
        pthread_join(one.thread, NULL);
        pthread_join(two.thread, NULL);
        return 0;
}

static int reset(void **state)
{
        struct server *all[] = {&one, &two};
        (void)state;
        for (size_t i = 0; i < 2; i++) {
                pthread_mutex_lock(&all[i]->lock);
                for (int k = 0; k < all[i]->count; k++)
                        sl_buf_free(&all[i]->asked[k]);
                all[i]->count = all[i]->given = all[i]->length = 0;
                pthread_mutex_unlock(&all[i]->lock);
        }
        return 0;
}

static void say(struct server *s, const char *head, const char *body)
{
        pthread_mutex_lock(&s->lock);
        s->script[s->length++] = (struct reply){head, body};
        pthread_mutex_unlock(&s->lock);
}

static int asked(struct server *s)
{
        pthread_mutex_lock(&s->lock);
        int n = s->count;
        pthread_mutex_unlock(&s->lock);
        return n;
}

static const char *request_at(struct server *s, int i)
{
        assert_true(i < asked(s));
        return sl_buf_cstr(&s->asked[i]);
}

static void assert_has(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("no \"%s\" in:\n%s", part, text);
}

/* ---- clients ---- */

struct holder {
        struct sl_registry_cfg registry;
};
static const struct sl_cfg_def rows[] = {SL_REGISTRY_ROWS(struct holder, registry), {0}};
static struct sl_arena arena;

static void load(const char *const *pairs, struct sl_registry_cfg *cfg, struct sl_cfg_report *report)
{
        struct sl_props props = {0};
        struct holder h = {0};
        for (; *pairs; pairs += 2)
                sl_props_set(&props, pairs[0], pairs[1]);
        sl_cfg_parse(rows, &props, &h, &arena, report);
        sl_props_free(&props);
        *cfg = h.registry;
}

/* The addresses and what is given; waits are short. Each test's settings differ by max.retries or so, or share on purpose. */
static struct sl_registry_cfg config(const char *const *more)
{
        const char *pairs[64];
        size_t n = 0;
        struct sl_registry_cfg cfg;
        struct sl_cfg_report report = {0};
        pairs[n++] = "schema.registry.url";
        pairs[n++] = sl_arena_printf(&arena, "http://127.0.0.1:%d/", one.port);
        pairs[n++] = "retries.wait.ms";
        pairs[n++] = "2";
        for (; *more; more++)
                pairs[n++] = *more;
        pairs[n] = NULL;
        load(pairs, &cfg, &report);
        for (uint32_t i = 0; i < report.count; i++)
                if (!report.findings[i].warning)
                        fail_msg("%s", report.findings[i].text);
        sl_cfg_report_free(&report);
        return cfg;
}
#define CONFIG(...) config((const char *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})

static struct sl_registry *open_registry(const struct sl_registry_cfg *cfg)
{
        struct sl_registry *r = NULL;
        struct sl_err err = {0};
        if (sl_registry_open(cfg, NULL, &r, &err) != SL_OK)
                fail_msg("%s", err.msg);
        return r;
}

/* A subject of its own for every question that must not be known yet: registries live as long as the process. */
static const char *fresh(const char *name)
{
        static int n;
        return sl_arena_printf(&arena, "%s-%d", name, ++n);
}

static const struct sl_registry_schema *write_ok(struct sl_registry *r, const char *subject, const char *text)
{
        const struct sl_registry_schema *s = NULL;
        struct sl_err err = {0};
        if (sl_registry_write(r, subject, SL_REGISTRY_AVRO, sl_str_c(text), NULL, 0, &s, &err) != SL_OK)
                fail_msg("%s", err.msg);
        return s;
}

static enum sl_rc write_fails(struct sl_registry *r, const char *subject, struct sl_err *err)
{
        const struct sl_registry_schema *s = NULL;
        *err = (struct sl_err){0};
        return sl_registry_write(r, subject, SL_REGISTRY_AVRO, SL_STR("\"int\""), NULL, 0, &s, err);
}

static void registers_once(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG(), twin = CONFIG();
        struct sl_registry *r = open_registry(&cfg), *other = open_registry(&twin);
        say(&one, "200 OK", "{\"id\":7}");
        const struct sl_registry_schema *s = write_ok(r, "a/b c-value", "{\"type\":\"int\"}");
        assert_int_equal(s->id, 7);
        assert_int_equal(s->type, SL_REGISTRY_AVRO);
        assert_string_equal(s->text.ptr, "{\"type\":\"int\"}");
        const char *req = request_at(&one, 0);
        assert_has(req, "POST /subjects/a%2Fb%20c-value/versions HTTP/1.1\r\n");
        assert_has(req, "Content-Type: application/vnd.schemaregistry.v1+json\r\n");
        assert_has(req, "\r\n\r\n{\"schema\":\"{\\\"type\\\":\\\"int\\\"}\"}");
        assert_null(strstr(req, "Authorization"));
        assert_ptr_equal(write_ok(r, "a/b c-value", "{\"type\":\"int\"}"), s);
        assert_ptr_equal(write_ok(other, "a/b c-value", "{\"type\":\"int\"}"), s); /* equal settings: one registry */
        assert_int_equal(asked(&one), 1);
        sl_registry_close(r);
        assert_ptr_equal(write_ok(other, "a/b c-value", "{\"type\":\"int\"}"), s);
        sl_registry_close(other);
        r = open_registry(&cfg); /* answers outlive their users */
        assert_ptr_equal(write_ok(r, "a/b c-value", "{\"type\":\"int\"}"), s);
        sl_registry_close(r);
}

static void sends_references_and_kind(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG("auto.register.schemas", "false", "normalize.schemas", "true");
        struct sl_registry *r = open_registry(&cfg);
        struct sl_registry_ref refs[] = {{"other \"x\".proto", "other", 3}, {"b.proto", "b", 1}};
        const struct sl_registry_schema *s = NULL;
        struct sl_err err = {0};
        say(&one, "200 OK", "{\"subject\":\"p\",\"version\":4,\"id\":12,\"schema\":\"as stored\",\"schemaType\":\"PROTOBUF\"}");
        assert_int_equal(
                sl_registry_write(r, "p", SL_REGISTRY_PROTOBUF, SL_STR("syntax = \"proto3\";\n"), refs, 2, &s, &err), SL_OK);
        const char *req = request_at(&one, 0);
        assert_has(req, "POST /subjects/p?normalize=true HTTP/1.1\r\n");
        assert_has(req, "\r\n\r\n{\"schema\":\"syntax = \\\"proto3\\\";\\n\",\"schemaType\":\"PROTOBUF\",\"references\":["
                        "{\"name\":\"other \\\"x\\\".proto\",\"subject\":\"other\",\"version\":3},"
                        "{\"name\":\"b.proto\",\"subject\":\"b\",\"version\":1}]}");
        assert_int_equal(s->id, 12);
        assert_int_equal(s->version, 4);
        assert_string_equal(s->text.ptr, "syntax = \"proto3\";\n"); /* what was looked up is what is written with */
        assert_int_equal(s->ref_count, 2);
        assert_string_equal(s->refs[0].name, "other \"x\".proto");
        sl_registry_close(r);
}

static void writes_with_the_latest(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG("auto.register.schemas", "false", "use.latest.version", "true", "latest.cache.ttl.sec", "0");
        struct sl_registry *r = open_registry(&cfg);
        struct sl_err err;
        say(&one, "200 OK", "{\"subject\":\"l\",\"version\":2,\"id\":5,\"schema\":\"\\\"long\\\"\"}");
        const struct sl_registry_schema *s = write_ok(r, "l", "\"int\"");
        assert_has(request_at(&one, 0), "GET /subjects/l/versions/latest HTTP/1.1\r\n");
        assert_int_equal(s->id, 5);
        assert_string_equal(s->text.ptr, "\"long\"");
        say(&one, "200 OK", "{\"subject\":\"l\",\"version\":2,\"id\":5,\"schema\":\"\\\"long\\\"\"}");
        assert_ptr_equal(write_ok(r, "l", "\"int\""), s); /* asked again, found the same */
        say(&one, "200 OK", "{\"subject\":\"l\",\"version\":3,\"id\":6,\"schema\":\"\\\"double\\\"\"}");
        const struct sl_registry_schema *newer = write_ok(r, "l", "\"int\"");
        assert_ptr_not_equal(newer, s);
        assert_int_equal(newer->id, 6);
        assert_string_equal(s->text.ptr, "\"long\""); /* the old one stays */
        assert_int_equal(asked(&one), 3);
        say(&one, "200 OK", "{\"version\":1,\"id\":9,\"schema\":\"{}\",\"schemaType\":\"JSON\"}");
        assert_int_equal(write_fails(r, "j", &err), SL_SCHEMA);
        assert_has(err.msg, "the latest version of subject \"j\"");
        assert_has(err.msg, "another kind");
        sl_registry_close(r);
}

static void writes_with_an_id(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG("auto.register.schemas", "false", "use.schema.id", "81");
        struct sl_registry *r = open_registry(&cfg);
        say(&one, "200 OK", "{\"schema\":\"\\\"long\\\"\"}");
        const struct sl_registry_schema *s = write_ok(r, "any", "\"int\"");
        assert_has(request_at(&one, 0), "GET /schemas/ids/81 HTTP/1.1\r\n");
        assert_int_equal(s->id, 81);
        assert_string_equal(s->text.ptr, "\"long\"");
        sl_registry_close(r);
}

static void reads_ids_and_versions(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG("max.retries", "4");
        struct sl_registry *r = open_registry(&cfg);
        const struct sl_registry_schema *s = NULL, *again = NULL;
        struct sl_err err = {0};
        say(&one, "200 OK",
            "{\"schema\":\"\\u00e4 \\\"x\\\"\",\"schemaType\":\"JSON\",\"references\":[{\"name\":\"n\",\"subject\":\"su\",\"version\":2}],\"other\":[1]}");
        assert_int_equal(sl_registry_read(r, 100, &s, &err), SL_OK);
        assert_string_equal(s->text.ptr, "\xc3\xa4 \"x\"");
        assert_int_equal(s->type, SL_REGISTRY_JSON);
        assert_int_equal(s->id, 100);
        assert_int_equal(s->version, 0);
        assert_int_equal(s->ref_count, 1);
        assert_string_equal(s->refs[0].subject, "su");
        assert_int_equal(s->refs[0].version, 2);
        assert_int_equal(sl_registry_read(r, 100, &again, &err), SL_OK);
        assert_ptr_equal(again, s);
        say(&one, "200 OK", "{\"version\":2,\"id\":44,\"schema\":\"t\",\"references\":null,\"schemaType\":null}");
        assert_int_equal(sl_registry_version(r, "su", 2, &s, &err), SL_OK);
        assert_has(request_at(&one, 1), "GET /subjects/su/versions/2 HTTP/1.1\r\n");
        assert_int_equal(s->id, 44);
        assert_int_equal(s->version, 2);
        assert_int_equal(s->type, SL_REGISTRY_AVRO);
        assert_int_equal(asked(&one), 2);
        sl_registry_close(r);
}

static void expectations_are_the_same_question(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG();
        struct sl_registry *r = open_registry(&cfg);
        const struct sl_registry_schema *s = NULL;
        struct sl_err err = {0};
        const char *subject = fresh("expected");
        say(&one, "200 OK", "{\"id\":1}");
        say(&one, "200 OK", "{\"schema\":\"x\"}");
        sl_registry_expect_write(r, subject, SL_REGISTRY_AVRO, SL_STR("\"int\""), NULL, 0);
        sl_registry_expect_read(r, 2001);
        sl_registry_expect_write(r, subject, SL_REGISTRY_AVRO, SL_STR("\"int\""), NULL, 0);
        assert_int_equal(write_ok(r, subject, "\"int\"")->id, 1);
        assert_int_equal(sl_registry_read(r, 2001, &s, &err), SL_OK);
        assert_int_equal(asked(&one), 2);
        sl_registry_close(r);
}

static void *ask_in_thread(void *arg)
{
        const struct sl_registry_cfg *cfg = arg;
        struct sl_registry *r = NULL;
        struct sl_err err = {0};
        const struct sl_registry_schema *s = NULL;
        if (sl_registry_open(cfg, NULL, &r, &err) != SL_OK || sl_registry_read(r, 3000, &s, &err) != SL_OK)
                s = NULL;
        sl_registry_close(r);
        return (void *)(uintptr_t)s;
}

static void many_ask_once(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG();
        struct sl_registry *r = open_registry(&cfg);
        pthread_t threads[8];
        void *got[8];
        say(&one, "200 OK", "{\"schema\":\"x\"}");
        for (int i = 0; i < 8; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, ask_in_thread, &cfg), 0);
        for (int i = 0; i < 8; i++)
                pthread_join(threads[i], &got[i]);
        for (int i = 0; i < 8; i++)
                assert_true(got[i] && got[i] == got[0]);
        assert_int_equal(asked(&one), 1);
        sl_registry_close(r);
}

static void refusals(void **state)
{
        static const struct {
                const char *head, *body;
                enum sl_errid id;
                int native;
                const char *part;
        } cases[] = {
                {"409 Conflict", "{\"error_code\":409,\"message\":\"field\\nb has no default\"}", SL_E_REGISTRY_REFUSED, 409,
                 "incompatible with an earlier one: field b has no default (error 409)"},
                {"422 Unprocessable", "{\"error_code\":42201,\"message\":\"bad schema\"}", SL_E_REGISTRY_REFUSED, 422, "bad schema (error 42201)"},
                {"422 Unprocessable", "not json", SL_E_REGISTRY_REFUSED, 422, "it gave no reason"},
                {"413 Too Large", "", SL_E_REGISTRY_REFUSED, 413, "refuses a schema of subject"},
                {"404 Not Found", "{\"error_code\":40403,\"message\":\"Schema not found\"}", SL_E_REGISTRY_UNKNOWN, 404, "does not have a schema of subject"},
                {"404 Not Found", "{\"error_code\":40401,\"message\":\"Subject not found\"}", SL_E_REGISTRY_UNKNOWN, 404, "Subject not found (error 40401)"},
                {"404 Not Found", "<html>nginx</html>", SL_E_REGISTRY_UNREACHABLE, 404, "which is not how a Schema Registry does it"},
                {"401 Unauthorized", "{\"error_code\":401,\"message\":\"who are you\"}", SL_E_REGISTRY_AUTH, 401, "basic.auth.user.info"},
                {"403 Forbidden", "{\"error_code\":40301,\"message\":\"not yours\"}", SL_E_REGISTRY_AUTH, 403, "not yours (error 40301)"},
                {"400 Bad Request", "{\"error_code\":400,\"message\":\"what?\"}", SL_E_REGISTRY_REFUSED, 400, "what?"},
                {"302 Found\r\nLocation: http://login/", "", SL_E_REGISTRY_UNREACHABLE, 302, "HTTP 302"},
                {"200 OK", "", SL_E_REGISTRY_UNREACHABLE, 200, "no JSON object"},
                {"200 OK", "[1]", SL_E_REGISTRY_UNREACHABLE, 200, "no JSON object"},
                {"200 OK", "<html>login</html>", SL_E_REGISTRY_UNREACHABLE, 200, "no JSON object"},
                {"200 OK", "{}", SL_E_REGISTRY_UNREACHABLE, 200, "\"id\" is no number"},
                {"200 OK", "{\"id\":-1}", SL_E_REGISTRY_UNREACHABLE, 200, "\"id\" is no number"},
                {"200 OK", "{\"id\":2147483648}", SL_E_REGISTRY_UNREACHABLE, 200, "\"id\" is no number"},
                {"200 OK", "{\"id\":\"7\"}", SL_E_REGISTRY_UNREACHABLE, 200, "\"id\" is no number"},
                {"200 OK", "{\"id\":7.0}", SL_E_REGISTRY_UNREACHABLE, 200, "\"id\" is no number"},
        };
        (void)state;
        struct sl_registry_cfg cfg = CONFIG();
        struct sl_registry *r = open_registry(&cfg);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_err err;
                const char *subject = fresh("refused");
                say(&one, cases[i].head, cases[i].body);
                enum sl_rc rc = write_fails(r, subject, &err);
                assert_int_equal(rc, err.rc);
                assert_string_equal(sl_errid_text(err.id), sl_errid_text(cases[i].id));
                assert_int_equal(err.native, cases[i].native);
                assert_has(err.msg, cases[i].part);
                assert_has(err.msg, "127.0.0.1");
                assert_has(err.msg, subject);
                assert_int_equal(asked(&one), (int)i + 1); /* none of these is worth a second try */
        }
        sl_registry_close(r);
}

static void schemas_that_are_none(void **state)
{
        static const char *const bodies[][2] = {
                {"{\"id\":1}", "no text \"schema\""},
                {"{\"schema\":{}}", "no text \"schema\""},
                {"{\"schema\":\"x\",\"schemaType\":\"XML\"}", "schemaType"},
                {"{\"schema\":\"x\",\"schemaType\":5}", "schemaType"},
                {"{\"schema\":\"x\",\"references\":{}}", "references"},
                {"{\"schema\":\"x\",\"references\":[1]}", "a reference has no"},
                {"{\"schema\":\"x\",\"references\":[{\"name\":\"a\",\"subject\":\"b\",\"version\":\"1\"}]}", "a reference has no"},
                {"{\"schema\":\"x\"", "no JSON object"},
        };
        (void)state;
        struct sl_registry_cfg cfg = CONFIG();
        struct sl_registry *r = open_registry(&cfg);
        for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
                struct sl_err err = {0};
                const struct sl_registry_schema *s = NULL;
                say(&one, "200 OK", bodies[i][0]);
                assert_int_equal(sl_registry_read(r, 5000 + (int)i, &s, &err), SL_TRANSIENT);
                assert_has(err.msg, bodies[i][1]);
                assert_has(err.msg, sl_arena_printf(&arena, "schema %d", 5000 + (int)i));
        }
        sl_registry_close(r);
}

static void tries_again(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG("max.retries", "2");
        struct sl_registry *r = open_registry(&cfg);
        struct sl_err err;
        say(&one, "503 Unavailable", "<html>");
        say(&one, "429 Too Many", "{\"error_code\":42901,\"message\":\"slowly\"}");
        say(&one, "200 OK", "{\"id\":3}");
        assert_int_equal(write_ok(r, fresh("again"), "\"int\"")->id, 3);
        assert_int_equal(asked(&one), 3);
        for (int i = 0; i < 3; i++)
                say(&one, "500 Error\r\nRetry-After: 3", "{\"error_code\":50001,\"message\":\"store is down\"}");
        cfg.retries_max_wait_ms = 5; /* the advice does not pass it: a registry of its own */
        struct sl_registry *other = open_registry(&cfg);
        const char *subject = fresh("never");
        assert_int_equal(write_fails(other, subject, &err), SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_REGISTRY_UNREACHABLE);
        assert_int_equal(err.native, 500);
        assert_int_equal(err.retry_after_ms, 3000);
        assert_has(err.msg, "store is down (error 50001)");
        assert_int_equal(asked(&one), 6);
        assert_int_equal(write_fails(other, subject, &err), SL_TRANSIENT); /* kept for a second */
        assert_int_equal(asked(&one), 6);
        say(&one, "200 OK", "{\"id\":4}");
        int64_t until = sl_mono_ms() + 30000;
        while (write_fails(other, subject, &err) != SL_OK && sl_mono_ms() < until)
                usleep(20000);
        assert_int_equal(write_ok(other, subject, "\"int\"")->id, 4);
        assert_int_equal(asked(&one), 7);
        sl_registry_close(r);
        sl_registry_close(other);
}

static void other_addresses(void **state)
{
        (void)state;
        const char *urls = sl_arena_printf(&arena, "http://127.0.0.1:%d, http://127.0.0.1:%d,http://127.0.0.1:%d", closed_port, one.port, two.port);
        struct sl_registry_cfg cfg = CONFIG("schema.registry.url", urls, "max.retries", "0");
        struct sl_registry *r = open_registry(&cfg);
        struct sl_err err;
        say(&one, "503 Unavailable", "");
        say(&two, "200 OK", "{\"id\":3}");
        say(&two, "200 OK", "{\"id\":4}");
        write_ok(r, fresh("other"), "\"int\"");
        assert_int_equal(asked(&one), 1);
        write_ok(r, fresh("other"), "\"int\""); /* goes on where it was answered */
        assert_int_equal(asked(&one), 1);
        assert_int_equal(asked(&two), 2);
        say(&one, "503 Unavailable", "");
        say(&two, "503 Unavailable", "");
        assert_int_equal(write_fails(r, fresh("other"), &err), SL_TRANSIENT);
        assert_int_equal(asked(&one), 2);
        assert_int_equal(asked(&two), 3);
        sl_registry_close(r);
}

static void nobody_there(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG("schema.registry.url", sl_arena_printf(&arena, "http://u:secret@127.0.0.1:%d/p", closed_port));
        struct sl_registry *r = open_registry(&cfg);
        struct sl_err err;
        assert_int_equal(write_fails(r, "x", &err), SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_REGISTRY_UNREACHABLE);
        assert_has(err.msg, sl_arena_printf(&arena, "http://127.0.0.1:%d/p does not answer", closed_port));
        assert_null(strstr(err.msg, "secret"));
        sl_registry_close(r);
}

static enum sl_rc stop_at_third(void *arg, struct sl_err *err)
{
        return ++*(int *)arg >= 3 ? sl_fail(err, SL_E_STOPPED, "stop") : SL_OK;
}

/* The read timeout is longer than ctest waits. */
static void a_stop_does_not_wait(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG("http.read.timeout.ms", "3000000");
        int ticks = 0;
        struct sl_converter_env env = {stop_at_third, &ticks};
        struct sl_registry *r = NULL;
        struct sl_err err = {0};
        const struct sl_registry_schema *s = NULL;
        say(&one, HANG, "");
        assert_int_equal(sl_registry_open(&cfg, &env, &r, &err), SL_OK);
        assert_int_equal(sl_registry_read(r, 6000, &s, &err), SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_STOPPED);
        assert_int_equal(ticks, 3);
        sl_registry_close(r);
        say(&one, "200 OK", "{\"schema\":\"x\"}"); /* what was cut short is asked anew by the next user */
        r = open_registry(&cfg);
        err = (struct sl_err){0};
        assert_int_equal(sl_registry_read(r, 6000, &s, &err), SL_OK);
        sl_registry_close(r);
        struct sl_registry_cfg slow = CONFIG("retries.wait.ms", "3000000", "retries.max.wait.ms", "3000000");
        say(&one, "503 Unavailable", "");
        r = open_registry(&slow);
        sl_registry_expect_read(r, 6001);
        while (asked(&one) < 3)
                usleep(1000);
        sl_registry_close(r); /* nor for the wait before a retry */
}

static void a_slow_answer_is_a_failure(void **state)
{
        (void)state;
        struct sl_registry_cfg cfg = CONFIG("http.connect.timeout.ms", "100", "http.read.timeout.ms", "50", "max.retries", "1");
        struct sl_registry *r = open_registry(&cfg);
        struct sl_err err;
        say(&one, HANG, "");
        say(&one, HANG, "");
        assert_int_equal(write_fails(r, fresh("slow"), &err), SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_REGISTRY_UNREACHABLE);
        assert_has(err.msg, "timeout");
        sl_registry_close(r);
}

static void credentials(void **state)
{
        (void)state;
        struct {
                struct sl_registry_cfg cfg;
                const char *header;
        } cases[] = {
                {CONFIG("schema.registry.url", sl_arena_printf(&arena, "http://al%%40ice:p%%2fw:d@127.0.0.1:%d", one.port)),
                 "Authorization: Basic YWxAaWNlOnAvdzpk\r\n"},
                {CONFIG("basic.auth.credentials.source", "USER_INFO", "basic.auth.user.info", "alice:p%40"),
                 "Authorization: Basic YWxpY2U6cCU0MA==\r\n"},
                {CONFIG("basic.auth.credentials.source", "USER_INFO", "basic.auth.user.info", "new:x",
                        "schema.registry.basic.auth.user.info", "old:y"),
                 "Authorization: Basic b2xkOnk=\r\n"},
                {CONFIG("bearer.auth.credentials.source", "STATIC_TOKEN", "bearer.auth.token", "t.o.k"), "Authorization: Bearer t.o.k\r\n"},
        };
        for (size_t i = 0; i < 4; i++) {
                struct sl_registry *r = open_registry(&cases[i].cfg);
                say(&one, "200 OK", "{\"id\":3}");
                write_ok(r, "secured", "\"int\""); /* settings differ: the answers of others don't count */
                assert_has(request_at(&one, (int)i), cases[i].header);
                sl_registry_close(r);
        }
        struct sl_registry_cfg forgot = CONFIG("basic.auth.user.info", "alice:secret");
        struct sl_registry *r = open_registry(&forgot);
        struct sl_err err;
        say(&one, "401 Unauthorized", "");
        assert_int_equal(write_fails(r, "secured", &err), SL_FATAL);
        assert_has(err.msg, "only with basic.auth.credentials.source=USER_INFO");
        assert_null(strstr(err.msg, "secret"));
        sl_registry_close(r);
}

static void bad_settings(void **state)
{
        static const struct {
                const char *key, *value, *key2, *value2, *part;
        } cases[] = {
                {"schema.registry.url", "mock://x", NULL, NULL, "begins with http:// or https://"},
                {"schema.registry.url", "u:geheim@localhost:8081", NULL, NULL, "...@localhost:8081"},
                {"schema.registry.url", "http://", NULL, NULL, "expected http://host:port"},
                {"schema.registry.url", "http://geheim@h:1/?a=b", NULL, NULL, "Invalid value http://h:1/?a=b"},
                {"schema.registry.url", " ", NULL, NULL, "schema.registry.url"},
                {"basic.auth.credentials.source", "USER_INFO", NULL, NULL, "needs basic.auth.user.info"},
                {"basic.auth.credentials.source", "USER_INFO", "bearer.auth.token", "geheim", "keep one of them"},
                {"bearer.auth.token", "geheim\r\nX: y", NULL, NULL, "control character"},
                {"proxy.host", "proxy", NULL, NULL, "needs proxy.port"},
                {"schema.registry.ssl.truststore.location", "/no/such/file", NULL, NULL, "can't be read: No such file"},
                {"schema.registry.ssl.truststore.location", "/etc/passwd", NULL, NULL, "keytool -list -rfc"},
                {"schema.registry.ssl.truststore.certificates", "geheim", NULL, NULL, "it isn't PEM"},
                {"schema.registry.ssl.keystore.key", "geheim", NULL, NULL, "needs schema.registry.ssl.keystore.certificate.chain"},
                {"schema.registry.ssl.keystore.location", "/etc/passwd", NULL, NULL, "keytool -importkeystore"},
                {"schema.registry.ssl.keystore.location", "/no/such", NULL, NULL, "can't be read"},
                {"schema.registry.ssl.enabled.protocols", "TLSv1.1", NULL, NULL, "TLSv1.2 and TLSv1.3 are spoken"},
                {"schema.registry.ssl.endpoint.identification.algorithm", "ldaps", NULL, NULL, "can't honour ldaps"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_registry_cfg cfg = CONFIG(cases[i].key, cases[i].value, cases[i].key2 ? cases[i].key2 : "max.retries",
                                                    cases[i].value2 ? cases[i].value2 : "1");
                struct sl_registry *r = NULL;
                struct sl_err err = {0};
                assert_int_equal(sl_registry_open(&cfg, NULL, &r, &err), SL_FATAL);
                assert_int_equal(err.id, SL_E_CONFIG);
                assert_has(err.msg, cases[i].part);
                assert_null(strstr(err.msg, "geheim"));
        }
}

static void refused_keys(void **state)
{
        static const char *const cases[][3] = {
                {"basic.auth.credentials.source", "SASL_INHERIT", "use USER_INFO"},
                {"bearer.auth.credentials.source", "OAUTHBEARER", "use STATIC_TOKEN"},
                {"bearer.auth.issuer.endpoint.url", "http://x", "STATIC_TOKEN"},
                {"request.header.X-Y", "z", "aren't sent"},
                {"value.subject.name.strategy", "com.example.Mine", "String must be one of"},
                {"context.name.strategy", "com.example.Mine", "/contexts/<name>"},
                {"value.schema.id.serializer", "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer", "not into headers"},
                {"use.latest.with.metadata", "a=b", "use.schema.id"},
                {"max.retries", "-1", "at least 0"},
        };
        struct sl_registry_cfg cfg;
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_cfg_report report = {0};
                load((const char *const[]){"schema.registry.url", "http://x", cases[i][0], cases[i][1], NULL}, &cfg, &report);
                assert_int_equal(report.errors, 1);
                assert_has(report.findings[0].text, cases[i][2]);
                sl_cfg_report_free(&report);
        }
        struct sl_cfg_report report = {0};
        load((const char *const[]){"schema.registry.url", "http://x", "context.name.strategy",
                                   "io.confluent.kafka.serializers.context.NullContextNameStrategy", "rule.executors", "",
                                   "max.schemas.per.subject", "10", NULL},
             &cfg, &report);
        assert_int_equal(report.errors, 0);
        assert_int_equal(report.count, 1); /* the warning about the last */
        assert_int_equal(cfg.max_retries, 3);
        assert_int_equal(cfg.retries_wait_ms, 1000);
        assert_int_equal(cfg.retries_max_wait_ms, 20000);
        assert_int_equal(cfg.read_timeout_ms, 60000);
        assert_int_equal(cfg.latest_ttl_s, -1);
        assert_int_equal(cfg.use_id, -1);
        assert_true(cfg.auto_register && cfg.latest_strict && cfg.id_strict && !cfg.use_latest && !cfg.normalize);
        sl_cfg_report_free(&report);
}

static void subjects(void **state)
{
        struct sl_registry_cfg cfg = CONFIG("value.subject.name.strategy", "io.confluent.kafka.serializers.subject.RecordNameStrategy",
                                            "key.subject.name.strategy", "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy");
        struct sl_registry_cfg plain = CONFIG();
        struct sl_buf out = {0};
        struct sl_err err = {0};
        (void)state;
        assert_int_equal(sl_registry_subject(&plain, true, SL_STR("t"), NULL, &out, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), "t-key");
        assert_int_equal(sl_registry_subject(&plain, false, SL_STR("t"), "a.B", &out, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), "t-value");
        assert_int_equal(sl_registry_subject(&cfg, true, SL_STR("t"), "a.B", &out, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), "t-a.B");
        assert_int_equal(sl_registry_subject(&cfg, false, SL_STR("t"), "a.B", &out, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), "a.B");
        assert_int_equal(sl_registry_subject(&cfg, false, SL_STR("t"), NULL, &out, &err), SL_SCHEMA);
        assert_has(err.msg, "value.subject.name.strategy=io.confluent.kafka.serializers.subject.RecordNameStrategy");
        sl_buf_free(&out);
}

static void the_prefix(void **state)
{
        struct sl_buf out = {0};
        struct sl_str rest = SL_STR_NULL;
        int32_t id;
        (void)state;
        sl_registry_prefix(&out, 0x01020304);
        sl_buf_adds(&out, "rest");
        assert_memory_equal(out.ptr, "\0\1\2\3\4rest", 9);
        assert_true(sl_registry_split((struct sl_str){out.ptr, out.len}, &id, &rest));
        assert_int_equal(id, 0x01020304);
        assert_true(sl_str_eqc(rest, "rest"));
        assert_false(sl_registry_split((struct sl_str){out.ptr, 4}, &id, &rest));
        assert_false(sl_registry_split(SL_STR("\1\0\0\0\0"), &id, &rest));
        assert_false(sl_registry_split(SL_STR_NULL, &id, &rest));
        sl_buf_free(&out);
}

#define T(f) cmocka_unit_test_setup(f, reset)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(registers_once), T(sends_references_and_kind), T(writes_with_the_latest), T(writes_with_an_id),
                T(reads_ids_and_versions), T(expectations_are_the_same_question), T(many_ask_once), T(refusals),
                T(schemas_that_are_none), T(tries_again), T(other_addresses), T(nobody_there), T(a_stop_does_not_wait),
                T(a_slow_answer_is_a_failure), T(credentials), T(bad_settings), T(refused_keys), T(subjects), T(the_prefix),
        };
        int rc = cmocka_run_group_tests(tests, start_servers, stop_servers);
        sl_arena_free(&arena);
        return rc;
}
