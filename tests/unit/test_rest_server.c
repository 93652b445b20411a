/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the REST server without Kafka or a herder: JAAS text and passwords, header rules and CORS, the access
 * line, advertised addresses, the connection table, keystores, and a call from worker to worker over mutual TLS. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/http.h"
#include "base/log.h"
#include "rest/access.h"
#include "rest/api.h"
#include "rest/auth.h"
#include "rest/conns.h"
#include "rest/headers.h"
#include "rest/listen.h"
#include "rest/server.h"
#include "rest/tls.h"

static char dir[] = "/tmp/sluice-test-rest-XXXXXX";

static const char *in_dir(const char *name)
{
        static char paths[8][256];
        static unsigned next;
        char *path = paths[next++ % 8];
        snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
        return path;
}

static const char *write_file(const char *name, const char *text)
{
        const char *path = in_dir(name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        return path;
}

/* Worker configuration from key, value, ..., NULL. */
static void load(struct sl_worker_cfg *cfg, const char *const *kv)
{
        struct sl_cfg_report report = {0};
        struct sl_err err = {0};
        const char *sets[32];
        char lines[31][4096];
        size_t n = 0;
        for (; kv[n * 2]; n++) {
                snprintf(lines[n], sizeof(lines[n]), "%s=%s", kv[n * 2], kv[n * 2 + 1]);
                sets[n] = lines[n];
        }
        sets[n] = NULL;
        memset(cfg, 0, sizeof(*cfg));
        assert_int_equal(sl_worker_cfg_load(&(struct sl_worker_cfg_opts){.sets = sets}, cfg, &report, &err), SL_OK);
        if (report.errors)
                fail_msg("%s", report.findings[0].text);
        sl_cfg_report_free(&report);
}
#define LOAD(cfg, ...) load((cfg), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* --- JAAS and passwords ------------------------------------------------------------------------------------------- */

#define MODULE "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
#define EXTENSION "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"

static void jaas_texts(void **state)
{
        (void)state;
        static const struct {
                const char *text, *file, *error;
        } cases[] = {
                {"KafkaConnect {\n  " MODULE " required\n  file=\"/etc/users\";\n};\n", "/etc/users", NULL},
                {"// c\nOther { a.B required x=\"}\"; };\n/* KafkaConnect { */ KafkaConnect{" MODULE
                 " requisite debug=true file='/a b';};",
                 "/a b", NULL},
                {MODULE " required file=\"/a\\\"b\";", "/a\"b", NULL},
                {"PropertyFileLoginModule required file=/etc/users ;", "/etc/users", NULL},
                {"KafkaConnect { org.example.LdapModule required; };", NULL, "org.example.LdapModule"},
                {"KafkaConnect { " MODULE " required file=\"/a\"; " MODULE " required file=\"/b\"; };", NULL,
                 "more than one"},
                {"KafkaConnect { " MODULE " required; };", NULL, "file="},
                {"KafkaConnect { " MODULE " required file=\"/a\" }", NULL, "can't be read"},
                {"KafkaConnect { " MODULE " required file", NULL, "can't be read"},
                {"KafkaClient { a.B required; };", NULL, "no section KafkaConnect"},
                {"", NULL, "no section KafkaConnect"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_buf file = {0};
                struct sl_err err = {0};
                enum sl_rc rc = sl_rest_jaas_file(cases[i].text, &file, &err);
                if (cases[i].file) {
                        assert_int_equal(rc, SL_OK);
                        assert_string_equal(sl_buf_cstr(&file), cases[i].file);
                } else if (rc == SL_OK || !strstr(err.msg, cases[i].error)) {
                        fail_msg("%s: %s", cases[i].text, err.msg);
                }
                sl_buf_free(&file);
        }
}

static struct sl_rest_auth *auth_with(const char *users_path)
{
        struct sl_worker_cfg cfg;
        struct sl_rest_auth *auth = NULL;
        struct sl_err err = {0};
        char jaas[400];
        snprintf(jaas, sizeof(jaas), MODULE " required file=\"%s\";", users_path);
        LOAD(&cfg, "rest.extension.classes", EXTENSION, "sluice.rest.jaas.config", jaas);
        assert_int_equal(sl_rest_auth_new(&cfg, &auth, &err), SL_OK);
        assert_non_null(auth);
        sl_worker_cfg_free(&cfg);
        return auth;
}

static bool allows(const struct sl_rest_auth *auth, const char *scheme, const char *pair, size_t n)
{
        struct sl_buf header = {0}, user = {0};
        sl_buf_printf(&header, "%s ", scheme);
        sl_buf_add_base64(&header, pair, n);
        bool yes = sl_rest_auth_allows(auth, sl_buf_cstr(&header), &user);
        assert_int_equal(user.len > 0, yes);
        sl_buf_free(&header);
        sl_buf_free(&user);
        return yes;
}

static void passwords(void **state)
{
        (void)state;
        struct sl_buf user = {0};
        char huge[9000];
        struct sl_rest_auth *auth =
                auth_with(write_file("users", "joe = s3c:ret\n# c\nann=\n\xc3\xbc=p\xc3\xa4ss\na\\:b=c\n"));
        assert_true(allows(auth, "Basic", "joe:s3c:ret", 11));
        assert_true(allows(auth, "bAsIc", "joe:s3c:ret", 11));
        assert_true(allows(auth, "Basic", "ann:", 4));
        assert_false(allows(auth, "Basic", "joe:s3c:re", 10));
        assert_false(allows(auth, "Basic", "joe:s3c:rets", 12));
        assert_false(allows(auth, "Basic", "Joe:s3c:ret", 11));
        assert_false(allows(auth, "Basic", "joe", 3));
        assert_false(allows(auth, "Basic", ":s3c:ret", 8));
        assert_false(allows(auth, "Basic", "joe:s3c:ret\0x", 13));
        assert_false(allows(auth, "Basic", "joe\0s3c:ret", 11));
        assert_false(allows(auth, "Basic", "a:b:c", 5)); /* the user a:b can't be told from a with the password b:c */
        assert_false(allows(auth, "Bearer", "joe:s3c:ret", 11));
        assert_false(sl_rest_auth_allows(auth, NULL, &user));
        assert_false(sl_rest_auth_allows(auth, "", &user));
        assert_false(sl_rest_auth_allows(auth, "Basic", &user));
        assert_false(sl_rest_auth_allows(auth, "Basic %%%", &user));
        memset(huge, 'A', sizeof(huge));
        memcpy(huge, "Basic ", 6);
        huge[sizeof(huge) - 1] = '\0';
        assert_false(sl_rest_auth_allows(auth, huge, &user));
        sl_rest_auth_free(auth);
        auth = auth_with(write_file("empty", "# nobody\n"));
        assert_true(sl_rest_auth_allows(auth, NULL, &user));
        sl_rest_auth_free(auth);
        auth = auth_with(in_dir("none"));
        assert_false(allows(auth, "Basic", "joe:s3c:ret", 11));
        assert_false(sl_rest_auth_allows(auth, NULL, &user));
        sl_rest_auth_free(auth);
        sl_buf_free(&user);
}

static void auth_that_is_refused(void **state)
{
        (void)state;
        static const struct {
                const char *extension, *jaas, *error;
        } cases[] = {
                {"com.example.Oauth", "", "com.example.Oauth"},
                {EXTENSION ",com.example.Oauth", "x", "com.example.Oauth"},
                {EXTENSION, "", "sluice.rest.jaas.config"},
                {EXTENSION, "/nonexistent/jaas.conf", "/nonexistent/jaas.conf"},
                {"", MODULE " required file=\"/x\";", "no effect without"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_worker_cfg cfg;
                struct sl_rest_auth *auth = NULL;
                struct sl_err err = {0};
                LOAD(&cfg, "rest.extension.classes", cases[i].extension, "sluice.rest.jaas.config", cases[i].jaas);
                assert_int_not_equal(sl_rest_auth_new(&cfg, &auth, &err), SL_OK);
                if (!strstr(err.msg, cases[i].error))
                        fail_msg("%s", err.msg);
                sl_worker_cfg_free(&cfg);
        }
}

/* --- Headers ------------------------------------------------------------------------------------------------------ */

static void collect(void *arg, const char *name, const char *value, bool replace)
{
        sl_buf_printf(arg, "%s%s: %s\n", replace ? "=" : "+", name, value);
}

static struct sl_rest_headers *headers_with(const char *rules, const char *origins, const char *methods,
                                            struct sl_err *err)
{
        struct sl_worker_cfg cfg;
        struct sl_rest_headers *h = NULL;
        LOAD(&cfg, "response.http.headers.config", rules, "access.control.allow.origin", origins,
             "access.control.allow.methods", methods);
        if (sl_rest_headers_new(&cfg, &h, err) != SL_OK)
                assert_null(h);
        sl_worker_cfg_free(&cfg);
        return h;
}

static const char *headers_of(const struct sl_rest_headers *h, const char *origin, bool preflight)
{
        static char text[2000];
        struct sl_buf out = {0};
        sl_rest_headers_add(h, origin, preflight, collect, &out);
        snprintf(text, sizeof(text), "%s", sl_buf_cstr(&out));
        sl_buf_free(&out);
        return text;
}

static void header_rules(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_rest_headers *h =
                headers_with("add Cache-Control: no-cache, \"SET X-A: b,c\" ,set  X-B:d\\,e", "", "", &err);
        assert_string_equal(headers_of(h, "http://a", true), "+Cache-Control: no-cache\n=X-A: b,c\n=X-B: d,e\n");
        sl_rest_headers_free(h);
        h = headers_with("setDate Expires: 0,addDate X-Later: 86400000", "", "", &err);
        const char *text = headers_of(h, NULL, false);
        assert_non_null(strstr(text, "=Expires: "));
        assert_non_null(strstr(text, "+X-Later: "));
        assert_non_null(strstr(text, " GMT\n"));
        sl_rest_headers_free(h);
        static const char *const bad[] = {
                "X-A: b",
                "put X-A: b",
                "set X-A",
                "set X A: b",
                "set : b",
                "set X-A: ",
                "setDate X-A: later",
                ("set X-A: a\x01"
                 "b"),
                "set X-A: b,",
                "set Content-Length: 3",
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                memset(&err, 0, sizeof(err));
                h = headers_with(bad[i], "", "", &err);
                if (h)
                        fail_msg("%s was taken", bad[i]);
                assert_non_null(strstr(err.msg, "response.http.headers.config"));
        }
}

/* What Kafka Connect 4.2 answered to the same requests. */
static void cross_origin(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_rest_headers *h = headers_with("", "http://ui.example,https://.*\\.dom\\.com", "GET,PUT", &err);
        assert_string_equal(headers_of(h, NULL, false), "+Vary: Origin\n");
        assert_string_equal(headers_of(h, "http://no.example", false), "+Vary: Origin\n");
        assert_string_equal(headers_of(h, "http://ui.example.evil", true), "+Vary: Origin\n");
        assert_string_equal(headers_of(h, "https://x.dom.com", false),
                            "+Vary: Origin\n=Access-Control-Allow-Origin: https://x.dom.com\n");
        assert_string_equal(headers_of(h, "http://no.example http://ui.example", false),
                            "+Vary: Origin\n=Access-Control-Allow-Origin: http://no.example http://ui.example\n");
        assert_string_equal(headers_of(h, "http://ui.example", true),
                            "+Vary: Origin\n=Access-Control-Allow-Origin: http://ui.example\n"
                            "=Access-Control-Allow-Methods: GET,PUT\n=Access-Control-Allow-Headers: Content-Type\n"
                            "=Access-Control-Max-Age: 60\n");
        sl_rest_headers_free(h);
        h = headers_with("", "*", "", &err);
        assert_non_null(strstr(headers_of(h, "null", true), "Allow-Methods: GET,POST,HEAD\n"));
        sl_rest_headers_free(h);
        assert_null(headers_with("", "http://(", "", &err));
        assert_non_null(strstr(err.msg, "http://("));
}

/* --- Access line, addresses --------------------------------------------------------------------------------------- */

static void access_line(void **state)
{
        (void)state;
        struct sockaddr_in client = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct sl_rest_access a = {
                .client = (struct sockaddr *)&client,
                .user = "joe \"x\"",
                .method = "GET",
                .uri = "/connectors?a=b\n\xff",
                .version = "HTTP/1.1",
                .agent = "curl\"\\",
                .status = 200,
                .bytes = 5,
                .began_ms = 784111777000,
                .took_ms = 12,
        };
        struct sl_buf line = {0};
        sl_rest_access_line(&a, &line);
        assert_string_equal(sl_buf_cstr(&line),
                            "127.0.0.1 - joe \\x22x\\x22 [06/Nov/1994:08:49:37 +0000] \"GET /connectors?a=b\\x0a\\xff "
                            "HTTP/1.1\" 200 5 \"\" \"curl\\x22\\x5c\" 12");
        sl_buf_clear(&line);
        a = (struct sl_rest_access){.user = "", .status = 404};
        sl_rest_access_line(&a, &line);
        assert_string_equal(sl_buf_cstr(&line), "- - - [01/Jan/1970:00:00:00 +0000] \"  \" 404 0 \"\" \"\" 0");
        sl_buf_free(&line);
}

static void advertised_urls(void **state)
{
        (void)state;
        static const struct {
                const char *listeners, *scheme, *host, *port, *url;
        } cases[] = {
                {"https://127.0.0.1:0,http://localhost:0", "", "", "9", "http://localhost:9"},
                {"https://127.0.0.1:0,http://localhost:0", "HTTPS", "", "9", "https://127.0.0.1:9"},
                {"https://127.0.0.1:0", "", "h.example", "1", "https://h.example:1"},
                {"http://127.0.0.1:0", "https", "proxy", "443", "https://proxy:443"},
                {"http://[::1]:0", "", "", "5", "http://[::1]:5"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_worker_cfg cfg;
                struct sl_rest_listeners all = {0};
                struct sl_err err = {0};
                LOAD(&cfg, "listeners", cases[i].listeners, "rest.advertised.listener", cases[i].scheme,
                     "rest.advertised.host.name", cases[i].host, "rest.advertised.port", cases[i].port);
                if (sl_rest_listeners_bind(&cfg, &all, &err) == SL_OK) { /* a machine without IPv6 has no ::1 */
                        char *url = sl_rest_advertised_url(&cfg, &all);
                        assert_string_equal(url, cases[i].url);
                        free(url);
                } else {
                        assert_non_null(strstr(cases[i].listeners, "[::1]"));
                }
                sl_rest_listeners_close(&all);
                sl_worker_cfg_free(&cfg);
        }
}

static void what_listeners_serve(void **state)
{
        (void)state;
        struct sl_worker_cfg cfg;
        struct sl_rest_listeners all = {0};
        struct sl_err err = {0};
        LOAD(&cfg, "listeners", "http://127.0.0.1:0", "admin.listeners", "http://localhost:0",
             "sluice.metrics.listeners", "HTTP://localhost:0,https://localhost:0");
        assert_int_equal(sl_rest_listeners_bind(&cfg, &all, &err), SL_OK);
        assert_int_equal(all.n, 3);
        assert_int_equal(all.items[0].serves, SL_REST_MAIN);
        assert_int_equal(all.items[1].serves, SL_REST_ADMIN | SL_REST_METRICS);
        assert_int_equal(all.items[2].serves, SL_REST_METRICS);
        sl_rest_listeners_close(&all);
        sl_worker_cfg_free(&cfg);
}

/* --- Connections -------------------------------------------------------------------------------------------------- */

static bool ended(int fd, int timeout_ms)
{
        struct pollfd p = {.fd = fd, .events = POLLIN | POLLHUP};
        char c;
        return poll(&p, 1, timeout_ms) > 0 && recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

static void fullest_table(void **state)
{
        (void)state;
        int fds[6][2];
        struct sl_conn *conn[6];
        struct sl_conns *c = sl_conns_new(4, 60000, 60000);
        for (int i = 0; i < 6; i++)
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
        for (int i = 0; i < 4; i++)
                conn[i] = sl_conns_add(c, fds[i][0]);
        assert_true(sl_conns_work(c, conn[0], true));
        usleep(5000);
        sl_conns_transfer(c, conn[1]); /* has just sent its head */
        conn[4] = sl_conns_add(c, fds[4][0]);
        assert_true(ended(fds[2][1], 5000)); /* the oldest that keeps us waiting */
        conn[5] = sl_conns_add(c, fds[5][0]);
        assert_true(ended(fds[3][1], 5000));
        assert_false(ended(fds[0][1], 0)); /* never one that is worked on */
        assert_false(ended(fds[1][1], 0));
        assert_true(sl_conns_work(c, conn[1], true));
        assert_true(sl_conns_work(c, conn[4], true));
        assert_false(sl_conns_work(c, conn[5], true)); /* the last quarter is for reads */
        assert_true(sl_conns_work(c, conn[5], false));
        for (int i = 0; i < 6; i++) {
                sl_conns_remove(c, conn[i]);
                close(fds[i][0]);
                close(fds[i][1]);
        }
        sl_conns_free(c);
}

static void deadlines_of_phases(void **state)
{
        (void)state;
        int fds[3][2];
        struct sl_conn *conn[3];
        struct sl_conns *c = sl_conns_new(10, 40, 60000);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
                conn[i] = sl_conns_add(c, fds[i][0]);
        }
        assert_true(sl_conns_work(c, conn[1], false));
        sl_conns_transfer(c, conn[2]);
        assert_true(ended(fds[0][1], 5000));
        assert_false(ended(fds[1][1], 100));
        assert_false(ended(fds[2][1], 0));
        sl_conns_idle(c, conn[1]);
        assert_true(ended(fds[1][1], 5000));
        for (int i = 0; i < 3; i++) {
                sl_conns_remove(c, conn[i]);
                close(fds[i][0]);
                close(fds[i][1]);
        }
        sl_conns_free(c);
}

/* --- TLS ---------------------------------------------------------------------------------------------------------- */

/* A CA, and a certificate for 127.0.0.1 and for clients. */
static int make_certificates(void)
{
        char command[2048];
        snprintf(
                command, sizeof(command),
                "cd %s && { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out "
                "ca.pem -days 2 -subj /CN=ca && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                "w.key -out w.csr -subj /CN=worker && printf 'subjectAltName=IP:127.0.0.1\\n' > ext && openssl x509 "
                "-req -in w.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out w.pem -extfile ext && cat w.key "
                "w.pem > both.pem; } >/dev/null 2>&1",
                dir);
        return system(command);
}

static char *read_all(const char *name)
{
        char *text = calloc(1, 8192);
        FILE *f = fopen(in_dir(name), "r");
        assert_non_null(f);
        assert_true(fread(text, 1, 8191, f) > 0);
        fclose(f);
        return text;
}

static void one_line(char *pem)
{
        for (; *pem; pem++)
                if (*pem == '\n')
                        *pem = ' ';
}

/* Text in the configuration, its line ends lost; and listeners.https.* hide the plain keys. */
static void inline_keys(void **state)
{
        (void)state;
        struct sl_worker_cfg cfg;
        struct sl_rest_tls tls = {0};
        struct sl_err err = {0};
        char *key = read_all("w.key"), *chain = read_all("w.pem"), *ca = read_all("ca.pem");
        one_line(key);
        one_line(chain);
        one_line(ca);
        LOAD(&cfg, "ssl.keystore.location", "/nonexistent", "listeners.https.ssl.keystore.type", "PEM",
             "listeners.https.ssl.keystore.key", key, "listeners.https.ssl.keystore.certificate.chain", chain,
             "listeners.https.ssl.truststore.certificates", ca, "listeners.https.ssl.client.auth", "required",
             "listeners.https.ssl.enabled.protocols", "TLSv1.3");
        if (sl_rest_tls_load(&cfg.props, "listeners.https.", true, &tls, &err) != SL_OK)
                fail_msg("%s", err.msg);
        assert_int_equal(tls.client_auth, SL_CLIENT_AUTH_REQUIRED);
        assert_string_equal(tls.priorities, "NORMAL:-VERS-ALL:+VERS-TLS1.3");
        sl_rest_tls_free(&tls);
        assert_int_not_equal(sl_rest_tls_load(&cfg.props, "admin.listeners.https.", true, &tls, &err), SL_OK);
        assert_non_null(strstr(err.msg, "/nonexistent"));
        sl_rest_tls_free(&tls);
        sl_worker_cfg_free(&cfg);
        free(key);
        free(chain);
        free(ca);
}

/* A worker calls another worker's REST with what its own configuration says. */
static void worker_to_worker(void **state)
{
        (void)state;
        struct sl_worker_cfg cfg;
        struct sl_rest_server *server = NULL;
        struct sl_err err = {0};
        struct sl_arena arena = {0};
        LOAD(&cfg, "listeners", "https://127.0.0.1:0", "ssl.keystore.type", "PEM", "ssl.keystore.location",
             in_dir("both.pem"), "ssl.truststore.type", "PEM", "ssl.truststore.location", in_dir("ca.pem"),
             "ssl.client.auth", "required");
        if (sl_rest_server_bind(&cfg, &server, &err) != SL_OK)
                fail_msg("%s", err.msg);
        struct sl_herder *herder = sl_herder_start(&(struct sl_herder_opts){
                .cfg = &cfg,
                .plugins = &(struct sl_plugins){(const struct sl_source_ops *const[]){NULL},
                                                (const struct sl_sink_ops *const[]){NULL},
                                                (const struct sl_transform_ops *const[]){NULL},
                                                (const struct sl_converter_ops *const[]){NULL}, NULL},
                .worker_id = sl_rest_server_id(server),
                .without_kafka = true,
        });
        assert_int_equal(sl_rest_server_serve(server, herder, NULL, &err), SL_OK);
        struct sl_http_opts opts = {.timeout_ms = 20000};
        sl_arena_init(&arena, 0);
        assert_int_equal(sl_rest_forward_opts(&cfg, &arena, &opts, &err), SL_OK);
        char url[400];
        snprintf(url, sizeof(url), "%s/", sl_rest_server_url(server));
        struct sl_http_request req = {.method = "GET", .url = url};
        struct sl_http_response resp = {0};
        struct sl_http *http = sl_http_new(&opts),
                       *stranger = sl_http_new(&(struct sl_http_opts){.ca_pem = opts.ca_pem});
        if (sl_http_do(http, &req, &resp, &err) != SL_OK)
                fail_msg("%s", err.msg);
        assert_int_equal(resp.status, 200);
        assert_int_not_equal(sl_http_do(stranger, &req, &resp, &err), SL_OK);
        sl_http_free(http);
        sl_http_free(stranger);
        http = sl_http_new(&(struct sl_http_opts){.cert_pem = opts.cert_pem, .key_pem = opts.key_pem});
        memset(&err, 0, sizeof(err));
        assert_int_not_equal(sl_http_do(http, &req, &resp, &err), SL_OK); /* doesn't know the CA */
        assert_non_null(strstr(err.msg, "certificate"));
        sl_http_free(http);
        sl_http_response_free(&resp);
        assert_true(sl_herder_stop(herder));
        sl_rest_server_free(server);
        sl_herder_free(herder);
        sl_arena_free(&arena);
        sl_worker_cfg_free(&cfg);
}

int main(void)
{
        char command[300];
        sl_log_set_level(SL_LOG_OFF);
        if (!mkdtemp(dir) || make_certificates() != 0)
                return 1;
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jaas_texts),           cmocka_unit_test(passwords),
                cmocka_unit_test(auth_that_is_refused), cmocka_unit_test(header_rules),
                cmocka_unit_test(cross_origin),         cmocka_unit_test(access_line),
                cmocka_unit_test(advertised_urls),      cmocka_unit_test(what_listeners_serve),
                cmocka_unit_test(fullest_table),        cmocka_unit_test(deadlines_of_phases),
                cmocka_unit_test(inline_keys),          cmocka_unit_test(worker_to_worker),
        };
        int rc = cmocka_run_group_tests(tests, NULL, NULL);
        snprintf(command, sizeof(command), "rm -rf %s", dir);
        return system(command) == 0 ? rc : 1;
}
