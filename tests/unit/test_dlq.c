/* SPDX-License-Identifier: Apache-2.0 */
/* Reading dead letters: header families, numbers, wrappers, chains of exceptions, classes, fingerprints, rules, options. The real
 * libraries' headers are in tests/conformance/dlq. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "dlq/internal.h"
#include "dlq/opts.h"
#include "dlq/origin.h"
#include "dlq/scan.h"
#include "dlq/usual.h"

#define H(name, text) {SL_STR(name), SL_STR(text)}
#define B(name, bytes) {SL_STR(name), {bytes, sizeof(bytes) - 1}}
#define COUNT(a) (uint32_t)(sizeof(a) / sizeof((a)[0]))

static struct sl_arena arena;

static struct sl_dlq_item read_value(const struct sl_kheader *headers, uint32_t n, struct sl_str value)
{
        struct sl_kmsg m = {.partition = 3, .offset = 42, .timestamp_ms = 1000, .key = SL_STR("k"), .value = value, .headers = headers,
                            .header_count = n};
        struct sl_dlq_item it;
        sl_dlq_item_read(&it, &m, NULL, &arena);
        return it;
}

static struct sl_dlq_item read_item(const struct sl_kheader *headers, uint32_t n)
{
        return read_value(headers, n, SL_STR("v"));
}

static void assert_text(struct sl_str s, const char *want)
{
        char got[300];
        snprintf(got, sizeof(got), "%.*s", SL_FMT(s));
        assert_string_equal(got, want);
}

static void numbers(void **state)
{
        (void)state;
        assert_int_equal(sl_dlq_number(SL_STR("17")), 17);
        assert_int_equal(sl_dlq_number(SL_STR("12345678")), 12345678); /* 8 bytes, but text */
        assert_int_equal(sl_dlq_number((struct sl_str){"\0\0\0\7", 4}), 7);
        assert_int_equal(sl_dlq_number((struct sl_str){"\0\0\0\0\0\1\0\0", 8}), 65536);
        assert_int_equal(sl_dlq_number((struct sl_str){"\x01\x8f\x00\x00\x00\x00", 6}), 0x018f00000000);
        assert_int_equal(sl_dlq_number((struct sl_str){"\x03", 1}), 3);
        assert_int_equal(sl_dlq_number((struct sl_str){"\xff\xff\xff\xff", 4}), -1);
        assert_int_equal(sl_dlq_number(SL_STR("")), -1);
        assert_int_equal(sl_dlq_number(SL_STR("nine lives")), -1);
        assert_int_equal(sl_dlq_number(SL_STR("-1")), -1); /* text, not 0x2d31 */
        assert_int_equal(sl_dlq_number(SL_STR("-1234567")), -1);
        assert_int_equal(sl_dlq_number((struct sl_str){"\0-17", 4}), 0x2d3137);
        assert_int_equal(sl_dlq_number(SL_STR_NULL), -1);
}

/* Kafka lets a header's name hold any bytes. */
static void odd_names(void **state)
{
        (void)state;
        assert_true(sl_dlq_is_told(SL_STR("original-topic")));
        assert_false(sl_dlq_is_told((struct sl_str){"original-topic\0", 15}));
        assert_false(sl_dlq_is_told((struct sl_str){"original-topic\0original-topic", 29}));
        assert_false(sl_dlq_is_told((struct sl_str){"original", 8}));
        assert_false(sl_dlq_is_told(SL_STR("")));
}

static void connect_takes_the_last_set(void **state)
{
        (void)state;
        struct sl_kheader h[] = {
                H("trace", "own"),
                H("__connect.errors.topic", "first"), H("__connect.errors.partition", "1"), H("__connect.errors.offset", "10"),
                H("__connect.errors.connector.name", "sink"), H("__connect.errors.stage", "TASK_PUT"),
                H("__connect.errors.exception.class.name", "java.net.SocketTimeoutException"), H("__connect.errors.exception.message", "Read timed out"),
                H("__connect.errors.topic", "orders"), H("__connect.errors.partition", "2"), H("__connect.errors.offset", "77"),
                H("__connect.errors.connector.name", "sink"), H("__connect.errors.stage", "VALUE_CONVERTER"),
                H("__connect.errors.exception.class.name", "org.apache.kafka.common.errors.SerializationException"),
                {SL_STR("__connect.errors.exception.message"), SL_STR_NULL},
        };
        struct sl_dlq_item it = read_item(h, COUNT(h));
        assert_int_equal(it.family, SL_DLQ_CONNECT);
        assert_text(it.origin.topic, "orders");
        assert_int_equal(it.origin.partition, 2);
        assert_int_equal(it.origin.offset, 77);
        assert_int_equal(it.sets, 2);
        assert_int_equal(it.stage, SL_STAGE_VALUE_CONVERTER);
        assert_null(it.message.ptr);
        assert_int_equal(it.class, SL_DESERIALIZATION);
}

static void spring_keeps_the_first_origin(void **state)
{
        (void)state;
        struct sl_kheader h[] = {
                H("kafka_dlt-original-topic", "orders"), B("kafka_dlt-original-partition", "\0\0\0\5"),
                B("kafka_dlt-original-offset", "\0\0\0\0\0\0\1\0"), B("kafka_dlt-original-timestamp", "\0\0\1\x8f\0\0\0\0"),
                H("kafka_dlt-original-consumer-group", "billing"),
                H("kafka_dlt-exception-fqcn", "org.springframework.kafka.listener.ListenerExecutionFailedException"),
                H("kafka_dlt-exception-cause-fqcn", "java.net.SocketTimeoutException"),
                H("kafka_dlt-exception-message", "Listener failed; Read timed out"),
                H("kafka_dlt-original-topic", "orders-retry"), B("kafka_dlt-original-partition", "\0\0\0\0"),
                B("kafka_dlt-original-offset", "\0\0\0\0\0\0\0\1"), B("retry_topic-attempts", "\0\0\0\4"),
        };
        struct sl_dlq_item it = read_item(h, COUNT(h));
        assert_int_equal(it.family, SL_DLQ_SPRING);
        assert_text(it.origin.topic, "orders");
        assert_int_equal(it.origin.partition, 5);
        assert_int_equal(it.origin.offset, 256);
        assert_int_equal(it.sets, 2);
        assert_int_equal(it.attempts, 4);
        assert_text(it.connector, "billing");
        assert_int_equal(it.class, SL_TRANSIENT);
}

static void other_families(void **state)
{
        (void)state;
        struct sl_kheader streams[] = {H("__streams.errors.exception", "org.apache.kafka.common.errors.SerializationException"),
                                       H("__streams.errors.message", "Size of data received by LongDeserializer is not 8"),
                                       H("__streams.errors.topic", "clicks"), H("__streams.errors.partition", "0"), H("__streams.errors.offset", "9")};
        struct sl_kheader share[] = {H("__dlq.errors.topic", "jobs"), H("__dlq.errors.partition", "1"), H("__dlq.errors.offset", "5"),
                                     H("__dlq.errors.group", "g"), H("__dlq.errors.delivery.count", "5"), H("__dlq.errors.message", "x")};
        struct sl_kheader smallrye[] = {H("dead-letter-topic", "in"), H("dead-letter-partition", "4"), H("dead-letter-offset", "8"),
                                        H("dead-letter-exception-class-name", "java.lang.IllegalArgumentException"), H("dead-letter-reason", "bad")};
        struct sl_kheader cloud_text[] = {H("x-original-topic", "in"), H("x-original-partition", "3"), H("x-original-offset", "12345678")};
        struct sl_kheader cloud_bytes[] = {H("x-original-topic", "in"), B("x-original-partition", "\0\0\0\3"), B("x-original-offset", "\0\0\0\0\0\0\0\x0c")};
        struct sl_kheader karafka[] = {H("source_topic", "a"), H("source_partition", "1"), H("source_offset", "2"), H("source_attempts", "3")};
        struct sl_kheader not_karafka[] = {H("source_topic", "a"), H("traceparent", "00-1-1-01")};
        struct sl_dlq_item it = read_item(streams, COUNT(streams));
        assert_int_equal(it.family, SL_DLQ_STREAMS);
        assert_int_equal(it.class, SL_DESERIALIZATION);
        assert_text(it.origin.topic, "clicks");
        it = read_value(share, COUNT(share), SL_STR_NULL);
        assert_int_equal(it.family, SL_DLQ_SHARE_GROUP);
        assert_int_equal(it.origin.offset, 5);
        assert_int_equal(it.attempts, 5);
        it = read_item(smallrye, COUNT(smallrye));
        assert_int_equal(it.family, SL_DLQ_SMALLRYE);
        assert_int_equal(it.class, SL_BUSINESS);
        it = read_item(cloud_text, COUNT(cloud_text));
        assert_int_equal(it.origin.partition, 3);
        assert_int_equal(it.origin.offset, 12345678);
        it = read_item(cloud_bytes, COUNT(cloud_bytes));
        assert_int_equal(it.origin.partition, 3);
        assert_int_equal(it.origin.offset, 12);
        it = read_item(karafka, COUNT(karafka));
        assert_int_equal(it.family, SL_DLQ_KARAFKA);
        assert_int_equal(it.attempts, 3);
        it = read_item(not_karafka, COUNT(not_karafka));
        assert_int_equal(it.family, SL_DLQ_PLAIN);
        assert_null(it.origin.topic.ptr);
        assert_int_equal(it.class, SL_UNKNOWN);
}

/* As SmallRye 4.31 writes them: a new set stands before those of earlier tries, and may have fewer headers than they. */
static void smallrye_tries(void **state)
{
        (void)state;
        struct sl_kheader h[] = {
                H("delayed-retry-exception-class-name", "java.net.ConnectException"), H("delayed-retry-reason", "Connection refused"),
                H("delayed-retry-topic", "orders_retry_200"), H("delayed-retry-partition", "0"), H("delayed-retry-offset", "7"),
                H("delayed-retry-exception-class-name", "java.lang.IllegalStateException"), H("delayed-retry-reason", "first"),
                H("delayed-retry-cause-class-name", "org.example.OrderValidationException"), H("delayed-retry-cause", "no basket"),
                H("delayed-retry-topic", "orders"), H("delayed-retry-partition", "3"), H("delayed-retry-offset", "12"),
                H("own", "1"), H("delayed-retry-original-timestamp", "1795363601330"), H("delayed-retry-count", "2"),
        };
        struct sl_dlq_item it = read_item(h, COUNT(h));
        assert_int_equal(it.family, SL_DLQ_SMALLRYE);
        assert_text(it.origin.topic, "orders");
        assert_int_equal(it.origin.partition, 3);
        assert_int_equal(it.origin.offset, 12);
        assert_int_equal(it.origin.timestamp_ms, 1795363601330);
        assert_int_equal(it.sets, 2);
        assert_int_equal(it.attempts, 2);
        assert_text(it.exception, "java.net.ConnectException");
        assert_text(it.message, "Connection refused");
        assert_null(it.cause_message.ptr);
        assert_int_equal(it.class, SL_TRANSIENT);
}

/* Without headers: what distinguishes a record from all that passed, and nothing else, is evidence. */
static struct sl_dlq_item unlike(const struct sl_dlq_usual *u, struct sl_str value)
{
        struct sl_dlq_item it = read_value(NULL, 0, value);
        sl_dlq_usual_judge(u, &it, &arena);
        return it;
}

static void unusual(void **state)
{
        (void)state;
        struct sl_dlq_usual u = {.topic = "orders"}, longs = {.topic = "clicks"}, framed = {.topic = "avro"};
        const struct {
                struct sl_str value;
                enum sl_rc class;
                const char *code;
        } cases[] = {
                {SL_STR("{\"id\":1"), SL_DESERIALIZATION, "json"},
                {SL_STR(""), SL_DESERIALIZATION, "json"},
                {SL_STR("[]"), SL_SCHEMA, "type"},
                {SL_STR("{\"id\":\"x\"}"), SL_SCHEMA, "type"},
                {SL_STR("{\"id\":null}"), SL_SCHEMA, "field.null"},
                {SL_STR("{\"color\":\"RED\"}"), SL_SCHEMA, "field.missing"},
                {SL_STR("{\"id\":1,\"odd\":1}"), SL_SCHEMA, "field.unknown"},
                {SL_STR("{\"id\":99,\"color\":\"PURPLE\"}"), SL_UNKNOWN, "unknown"}, /* a value is no evidence */
                {SL_STR("{\"id\":123456789012345678901234567890}"), SL_UNKNOWN, "unknown"},
                {SL_STR_NULL, SL_UNKNOWN, "unknown"},
        };
        for (int i = 0; i < 19; i++)
                sl_dlq_usual_add(&u, SL_STR("{\"id\":7,\"color\":\"RED\"}"), &arena);
        assert_int_equal(unlike(&u, SL_STR("{bad")).class, SL_UNKNOWN); /* too few */
        sl_dlq_usual_add(&u, SL_STR("{\"id\":8}"), &arena);
        for (size_t i = 0; i < COUNT(cases); i++) {
                struct sl_dlq_item it = unlike(&u, cases[i].value);
                assert_int_equal(it.class, cases[i].class);
                assert_string_equal(it.code, cases[i].code);
        }
        assert_int_equal(unlike(&u, SL_STR("{bad")).evidence[0].by, SL_DLQ_BY_NEIGHBOURS);
        assert_int_not_equal(unlike(&u, SL_STR("{bad")).fingerprint, unlike(&u, SL_STR("[]")).fingerprint);
        for (int i = 0; i < 20; i++) {
                sl_dlq_usual_add(&longs, (struct sl_str){"\0\0\0\0\0\0\0\1", 8}, &arena);
                sl_dlq_usual_add(&framed, (struct sl_str){"\0\0\0\0\7abcdefgh", i % 2 ? 13 : 12}, &arena);
        }
        assert_string_equal(unlike(&longs, SL_STR("abc")).code, "size");
        assert_int_equal(unlike(&longs, SL_STR("12345678")).class, SL_UNKNOWN);
        assert_string_equal(unlike(&framed, SL_STR("{\"id\":1}")).code, "framing");
        sl_dlq_usual_add(&u, SL_STR("some text"), &arena); /* one that passed: nothing is usual any more */
        assert_int_equal(unlike(&u, SL_STR("{bad")).class, SL_UNKNOWN);
}

static void wrappers(void **state)
{
        (void)state;
        struct sl_dlq_item it = read_value(NULL, 0,
                                           SL_STR("{\"metadata\":{\"originalTopic\":\"orders\",\"failureReason\":\"Connection refused\",\"retryCount\":3},"
                                                  "\"payload\":{\"id\":5}}"));
        assert_int_equal(it.family, SL_DLQ_WRAPPER);
        assert_text(it.origin.topic, "orders");
        assert_int_equal(it.origin.partition, -1);
        assert_int_equal(it.origin.offset, -1);
        assert_text(it.payload, "{\"id\":5}");
        assert_int_equal(it.attempts, 3);
        assert_int_equal(it.class, SL_TRANSIENT);
        it = read_value(NULL, 0, SL_STR("{\"topic\":\"t\",\"message\":\"{\\\"a\\\":1}\",\"error\":\"timed out\",\"retryCount\":2}"));
        assert_int_equal(it.family, SL_DLQ_WRAPPER);
        assert_text(it.payload, "{\"a\":1}");
        it = read_value(NULL, 0, SL_STR("{\"topic\":\"t\",\"message\":\"hello\",\"error\":false}")); /* somebody's own record */
        assert_int_equal(it.family, SL_DLQ_PLAIN);
        it = read_value(NULL, 0, SL_STR("{\"metadata\":{\"originalTopic\":5,\"retryCount\":1},\"payload\":1}"));
        assert_int_equal(it.family, SL_DLQ_PLAIN);
        it = read_value(NULL, 0, SL_STR("{\"originalTopic\":\"broken, \"retryCount\""));
        assert_int_equal(it.family, SL_DLQ_PLAIN);
}

static void paths(void **state)
{
        (void)state;
        struct sl_str json = SL_STR("{\"a\":{\"b\":[1,{\"c\":\"x\\\"y\"}],\"n\":null},\"d.e\":2}"), got;
        assert_true(sl_dlq_json_at(json, "a.b[1].c", &arena, &got));
        assert_text(got, "x\"y");
        assert_true(sl_dlq_json_at(json, "$.a.b[0]", &arena, &got));
        assert_text(got, "1");
        assert_true(sl_dlq_json_at(json, "['d.e']", &arena, &got));
        assert_text(got, "2");
        assert_true(sl_dlq_json_at(json, "a.n", &arena, &got));
        assert_null(got.ptr);
        assert_false(sl_dlq_json_at(json, "a.b[2]", &arena, &got));
        assert_false(sl_dlq_json_at(json, "a.x", &arena, &got));
        assert_false(sl_dlq_json_at(json, "a.b[", &arena, &got));
        assert_false(sl_dlq_json_at(SL_STR("\x00\x00\x00\x01"), "a", &arena, &got));
        assert_true(sl_dlq_json_path("$.a.b[1].c") && sl_dlq_json_path("[0]['d.e'].x") && sl_dlq_json_path("$"));
        const char *const no_paths[] = {"a.b[", "a..b", "a.b[-1]", "a.b[x]", "a.", ".", "a[]"};
        for (size_t i = 0; i < COUNT(no_paths); i++)
                if (sl_dlq_json_path(no_paths[i]))
                        fail_msg("%s is a path", no_paths[i]);
}

static void chains(void **state)
{
        (void)state;
        struct sl_dlq_link l[SL_DLQ_LINKS_MAX];
        struct sl_dlq_item it = {.trace = SL_STR("org.apache.kafka.connect.errors.DataException: Converting\nfailed\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\n"
                                                 "Caused by: org.x.SerializationException: \n\tat e.F.g(F.java:3)\n\tSuppressed: java.lang.Error: no\n\t\tat z.Z.z(Z.java:1)\n"
                                                 "Caused by: com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'x': was\n at [Source: (byte[])\"x\"; line: 1]\n"
                                                 "\tat h.I.j(I.java:4)\n\t... 12 more\n")};
        uint32_t n = sl_dlq_chain(&it, NULL, l);
        assert_int_equal(n, 3);
        assert_text(l[0].message, "Converting\nfailed");
        assert_text(sl_dlq_simple_name(l[2].class), "JsonParseException");
        struct sl_str frame, frames = l[2].frames;
        assert_true(sl_dlq_next_frame(&frames, &frame));
        assert_text(frame, "h.I.j");
        assert_false(sl_dlq_next_frame(&frames, &frame));
        it = (struct sl_dlq_item){.exception = SL_STR("org.springframework.kafka.KafkaException"),
                                  .message = SL_STR("Failed; nested exception is java.net.ConnectException: Connection refused")};
        n = sl_dlq_chain(&it, NULL, l);
        assert_int_equal(n, 2);
        assert_text(l[1].class, "java.net.ConnectException");
        it = (struct sl_dlq_item){.trace = SL_STR("a.b.ListenerException: failed\n\tat a.B.c(B.java:1)\nCaused by: Orders$NoFundsException: account 7\n\tat Orders.pay(Orders.java:3)\n")};
        assert_int_equal(sl_dlq_chain(&it, NULL, l), 2); /* a class without a package */
        assert_text(l[1].class, "Orders$NoFundsException");
        it.cause = SL_STR("x.RootException"); /* the headers know of one that the trace leaves out */
        assert_int_equal(sl_dlq_chain(&it, NULL, l), 3);
        it = (struct sl_dlq_item){.trace = SL_STR("no trace at all"), .message = SL_STR("just words: with a colon")};
        assert_int_equal(sl_dlq_chain(&it, NULL, l), 0);
}

/* Remembered stacks say what looking says, whatever came before. */
static void stacks(void **state)
{
        (void)state;
        static const char *const traces[] = {
                "a.b.C: 1\n\tat org.apache.X.y(X.java:1)\n\tat my.App.one(App.java:1)\n",
                "a.b.C: 2\n\tat org.apache.X.y(X.java:1)\n\tat my.App.one(App.java:1)\n\tat my.App.two(App.java:2)\n",
                "a.b.C: 3\n\tat org.apache.X.y(X.java:1)\n\tat my.App.one(App.java:1)\nCaused by: d.e.F: x\n\tat my.Other$$Lambda$14/0x0.f(X.java)\n\tat my.Other.g(O.java:1)\n",
                "a.b.C: 4\n\tat org.apache.X.y(X.java:1)\n\tat my.App.one(App.java:1)",
                "a.b.C: 5\n\tat org.apache.X.y(X.java:1)\n\tat my.App.one(App.java:1)\n\t... 3 more\nno stack",
                "a.b.C: 6",
                "a.b.C: 7\n\tat org.apache.X.y(X.java:1)\n",
                "a.b.C: 8\n\tat org.apache.X.y(X.java:1)\n\tat my.App.onetwo(App.java:1)\n",
        };
        struct sl_dlq_stacks *seen = sl_dlq_stacks_new();
        for (unsigned round = 0; round < 200; round++) {
                struct sl_dlq_item it = {.trace = sl_str_c(traces[(round * 5 + round / 8) % 8]), .value = SL_STR("v")};
                struct sl_dlq_link plain[SL_DLQ_LINKS_MAX], known[SL_DLQ_LINKS_MAX];
                uint32_t n = sl_dlq_chain(&it, NULL, plain);
                assert_int_equal(sl_dlq_chain(&it, seen, known), n);
                for (uint32_t i = 0; i < n; i++) {
                        assert_ptr_equal(known[i].frames.ptr, plain[i].frames.ptr);
                        assert_int_equal(known[i].frames.len, plain[i].frames.len);
                        assert_int_equal(known[i].own_count, plain[i].own_count);
                        assert_memory_equal(known[i].own, plain[i].own, plain[i].own_count * sizeof(plain[i].own[0]));
                }
                assert_true(sl_dlq_shape(&it, NULL, plain, n) == sl_dlq_shape(&it, NULL, known, n));
        }
        sl_dlq_stacks_free(seen);
}

/* Remembered texts give the same shapes as normalising, whatever numbers they have. */
static void texts(void **state)
{
        (void)state;
        static const char *const forms[] = {
                "order # is closed",
                "Unexpected character ('b' (code #)): was expecting",
                "status # from 10.0.#.1:5432",
                "column \"c#\" of relation \"t#\"",
                "id 12345678-1234-1234-1234-12345678##",
                "SQLSTATE 2#, int# at 2026-11-2#T10:00:00Z",
                "basket of # items, -#.# EUR",
                "code=# value=#",
                "Foo$$Lambda$#/0x#, Foo@#a# at v#",
                "#",
        };
        struct sl_dlq_messages *seen = sl_calloc(1, sizeof(*seen));
        unsigned seed = (unsigned)time(NULL);
        struct sl_buf text = {0};
        print_message("seed %u\n", seed);
        for (unsigned i = 0; i < 60000; i++) {
                sl_buf_clear(&text);
                for (const char *p = forms[i % 10]; *p; p++)
                        if (*p == '#')
                                sl_buf_printf(&text, "%u", (unsigned)rand_r(&seed) >> (unsigned)rand_r(&seed) % 31);
                        else
                                sl_buf_add(&text, p, 1);
                struct sl_dlq_item it = {.message = {text.ptr, text.len}, .value = SL_STR("v")};
                assert_true(sl_dlq_shape(&it, seen, NULL, 0) == sl_dlq_shape(&it, NULL, NULL, 0));
        }
        sl_buf_free(&text);
        free(seen);
}

static void classes(void **state)
{
        (void)state;
        static const struct { const char *exception, *message; enum sl_stage stage; enum sl_rc class; const char *code; } cases[] = {
                {"org.apache.kafka.common.errors.SerializationException", "Unknown magic byte!", SL_STAGE_VALUE_CONVERTER, SL_DESERIALIZATION, "framing"},
                {"io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException", "Schema 5 not found; error code: 40403", SL_STAGE_VALUE_CONVERTER, SL_SCHEMA, "schema.unknown"},
                {"io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException", "Error in the backend; error code: 50001", SL_STAGE_VALUE_CONVERTER, SL_TRANSIENT, "registry"},
                {"org.postgresql.util.PSQLException", "ERROR: duplicate key value violates unique constraint \"pk\"", SL_STAGE_TASK_PUT, SL_BUSINESS, "duplicate"},
                {"java.sql.BatchUpdateException", "Batch entry 503 was aborted. SQLState: 08006", SL_STAGE_TASK_PUT, SL_TRANSIENT, "network"},
                {"org.apache.kafka.connect.errors.DataException", "Field does not exist: id", SL_STAGE_TRANSFORMATION, SL_SCHEMA, "field.missing"},
                {"java.lang.IllegalArgumentException", "Unknown field: x", SL_STAGE_TRANSFORMATION, SL_SCHEMA, "field.missing"},
                {"java.lang.NumberFormatException", "For input string: \"abc\"", SL_STAGE_TRANSFORMATION, SL_SCHEMA, "transform.value"},
                {"java.lang.NumberFormatException", "For input string: \"abc\"", SL_STAGE_NONE, SL_BUSINESS, "value"},
                {"java.lang.IllegalArgumentException", "No enum constant com.shop.Color.PURPLE", SL_STAGE_NONE, SL_SCHEMA, "enum"},
                {"com.shop.OutOfStockException", "basket of 503 items", SL_STAGE_NONE, SL_UNKNOWN, "unknown"},
                {"com.shop.PromoException", "promo code 503 is odd", SL_STAGE_NONE, SL_UNKNOWN, "unknown"},
                {"com.shop.RowException", "returned 500 rows", SL_STAGE_NONE, SL_UNKNOWN, "unknown"},
                {"com.shop.CallException", "Response{protocol=h2, code=503, url=x}", SL_STAGE_NONE, SL_TRANSIENT, "http"},
                {"com.shop.CallException", "upstream returned 503", SL_STAGE_NONE, SL_TRANSIENT, "http"},
                {"com.shop.InsufficientFundsException", "balance too low, 429 cents missing", SL_STAGE_NONE, SL_BUSINESS, "rule"},
                {"org.springframework.web.client.HttpServerErrorException$ServiceUnavailable", "503 Service Unavailable: [no body]", SL_STAGE_NONE, SL_TRANSIENT, "http"},
                {"com.amazonaws.services.s3.model.AmazonS3Exception", "Reduce your rate (Service: Amazon S3; Status Code: 400; Error Code: RequestTimeout; Request ID: 1)", SL_STAGE_TASK_PUT, SL_TRANSIENT, "timeout"},
                {"io.grpc.StatusRuntimeException", "UNAVAILABLE: io exception", SL_STAGE_NONE, SL_TRANSIENT, "network"},
                {"io.grpc.StatusRuntimeException", "INVALID_ARGUMENT: amount", SL_STAGE_NONE, SL_BUSINESS, "validation"},
                {"org.apache.kafka.common.errors.RecordTooLargeException", "The message is 2000000 bytes", SL_STAGE_KAFKA_PRODUCE, SL_BUSINESS, "oversize"},
                {"org.apache.kafka.common.errors.TopicAuthorizationException", "Not authorized", SL_STAGE_NONE, SL_TRANSIENT, "access"},
                {"com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException", "Unrecognized field \"x\"", SL_STAGE_NONE, SL_SCHEMA, "field.unknown"},
        };
        for (size_t i = 0; i < COUNT(cases); i++) {
                struct sl_dlq_item it = {.exception = sl_str_c(cases[i].exception), .message = sl_str_c(cases[i].message), .stage = cases[i].stage,
                                         .value = SL_STR("v"), .family = SL_DLQ_CONNECT};
                sl_dlq_item_judge(&it, NULL, NULL, &arena);
                if (it.class != cases[i].class || strcmp(it.code, cases[i].code) != 0)
                        fail_msg("%s: %s: %s, %s; expected %s, %s", cases[i].exception, cases[i].message, sl_rc_name(it.class), it.code,
                                 sl_rc_name(cases[i].class), cases[i].code);
        }
}

static void own_codes(void **state)
{
        (void)state;
        struct sl_dlq_item it = {.stage = SL_STAGE_VALUE_CONVERTER,
                                 .exception = SL_STR("org.apache.kafka.connect.errors.DataException"),
                                 .message = SL_STR("whatever"),
                                 .trace = SL_STR("org.apache.kafka.connect.errors.DataException: whatever\n\tat sluice.VALUE_CONVERTER(json.c:12) [convert.decode]")};
        sl_dlq_item_judge(&it, NULL, NULL, &arena);
        assert_int_equal(it.class, SL_DESERIALIZATION);
        assert_string_equal(it.code, "convert.decode");
        assert_int_equal(it.evidence[0].by, SL_DLQ_BY_OWN_CODE);
}

static void shapes(void **state)
{
        (void)state;
        static const struct { const char *in, *out; } cases[] = {
                {"Field \"amount2\" of 17 is \"x y\"", "Field \"amount2\" of <n> is <v>"},
                {"Key (id)=(42) already exists.", "Key (id)=<v> already exists."},
                {"violates unique constraint \"orders_pkey_2\"", "violates unique constraint \"orders_pkey_2\""},
                {"null value in column \"c1\" of relation \"t1\" violates", "null value in column \"c1\" of relation \"t1\" violates"},
                {"connect to db-7.prod.example.com:5432 failed", "connect to <host> failed"},
                {"Connection to 10.0.0.17:9092 refused", "Connection to <n> refused"},
                {"GET https://reg-1.acme.org/subjects/a?x=1 failed", "GET <url> failed"},
                {"request 4442587FB7D0A2F9 at 2026-11-22T10:00:00.123Z", "request <id> at <n>"},
                {"id 550e8400-e29b-41d4-a716-446655440000 seen", "id <id> seen"},
                {"Schema 5 not found; error code: 40403", "Schema <n> not found; error code: 40403"},
                {"invalid input syntax for type numeric: \"12,5\"", "invalid input syntax for type numeric: <v>"},
                {"row {\"id\":1,\"x\":{\"y\":2}} refused", "row <v> refused"},
                {"INT32 and utf8 stay", "INT32 and utf8 stay"},
                {"order ORD-1234567 of user bob@example.com", "order ORD-<n> of user <v>"},
                {"com.x.Handler$$Lambda$77/0x00000008@1f2e3d4c failed", "com.x.Handler@<id> failed"},
        };
        for (size_t i = 0; i < COUNT(cases); i++) {
                char out[500];
                size_t n = sl_dlq_normalise(sl_str_c(cases[i].in), out, sizeof(out) - 1);
                out[n] = '\0';
                assert_string_equal(out, cases[i].out);
        }
        char small[8];
        assert_true(sl_dlq_normalise(SL_STR("a long text that does not fit"), small, sizeof(small)) <= sizeof(small));
}

static uint64_t fingerprint_of(const char *message, const char *frame)
{
        char trace[500];
        snprintf(trace, sizeof(trace), "com.shop.OrderException: %s\n\tat %s(Order.java:1)\n", message, frame);
        struct sl_dlq_item it = {.exception = SL_STR("com.shop.OrderException"), .message = sl_str_c(message), .trace = sl_str_c(trace), .value = SL_STR("v"),
                                 .family = SL_DLQ_SPRING};
        sl_dlq_item_judge(&it, NULL, NULL, &arena);
        return it.fingerprint;
}

static void fingerprints(void **state)
{
        (void)state;
        uint64_t a = fingerprint_of("order 17 has no item \"x\"", "com.shop.Orders.check");
        assert_int_equal(a, fingerprint_of("order 923 has no item \"a b c\"", "com.shop.Orders.check"));
        assert_int_not_equal(a, fingerprint_of("order 17 has no item \"x\"", "com.shop.Payments.check"));
        assert_int_not_equal(a, fingerprint_of("order 17 has no price \"x\"", "com.shop.Orders.check"));
        assert_int_not_equal(fingerprint_of("column \"a\" is null", "com.shop.X.y"), fingerprint_of("column \"b\" is null", "com.shop.X.y"));
}

static void rules(void **state)
{
        (void)state;
        struct sl_dlq_rules *r = NULL;
        struct sl_err err = {0};
        struct sl_str text = SL_STR(
                "{\"rules\":[{\"id\":\"fraud\",\"when\":{\"message\":{\"regex\":\"score=[0-9]+\"},\"header.region\":{\"in\":[\"eu\",\"us\"]}},\"class\":\"business\","
                "\"code\":\"fraud\",\"examples\":[{\"message\":\"score=99\",\"header.region\":\"eu\"}]}],"
                "\"wrappers\":[{\"id\":\"acme\",\"topic\":\"src.name\",\"offset\":\"src.at\",\"payload\":\"data\",\"message\":\"why\","
                "\"example\":{\"value\":\"{\\\"src\\\":{\\\"name\\\":\\\"a\\\"}}\"}}]}");
        assert_int_equal(sl_dlq_rules_parse(text, &r, &err), SL_OK);
        struct sl_kheader h[] = {H("x-error", "the score=7 is high"), H("region", "us")};
        struct sl_kmsg m = {.headers = h, .header_count = 2, .value = SL_STR("v")};
        struct sl_dlq_item it;
        sl_dlq_item_read(&it, &m, r, &arena);
        assert_string_equal(it.code, "fraud");
        assert_int_equal(it.confidence, 100);
        h[1].value = SL_STR("asia");
        sl_dlq_item_read(&it, &m, r, &arena);
        assert_null(it.rule);
        m = (struct sl_kmsg){.value = SL_STR("{\"src\":{\"name\":\"orders\",\"at\":12},\"data\":{\"x\":1},\"why\":\"Connection refused\"}")};
        sl_dlq_item_read(&it, &m, r, &arena);
        assert_text(it.origin.topic, "orders");
        assert_int_equal(it.origin.offset, 12);
        assert_int_equal(it.origin.partition, -1);
        assert_text(it.payload, "{\"x\":1}");
        assert_int_equal(it.class, SL_TRANSIENT);
        sl_dlq_rules_free(r);
}

static void bad_rules(void **state)
{
        (void)state;
        static const char *const texts[] = {
                "{\"rules\":[{\"id\":\"a\",\"when\":{\"message\":\"x\"},\"class\":\"business\"}]}",
                "{\"rules\":[{\"id\":\"a\",\"when\":{\"message\":\"x\"},\"class\":\"business\",\"examples\":[{\"message\":\"y\"}]}]}",
                "{\"rules\":[{\"id\":\"a\",\"when\":{\"message\":{\"regex\":\"(\"}},\"class\":\"business\",\"examples\":[{\"message\":\"y\"}]}]}",
                "{\"rules\":[{\"id\":\"a\",\"when\":{\"mesage\":\"x\"},\"class\":\"business\",\"examples\":[{\"message\":\"x\"}]}]}",
                "{\"rules\":[{\"id\":\"a\",\"when\":{\"message\":\"x\"},\"class\":\"odd\",\"examples\":[{\"message\":\"x\"}]}]}",
                "{\"rules\":[{\"id\":\"a\",\"when\":{},\"class\":\"business\",\"examples\":[{\"message\":\"x\"}]}]}",
                "{\"rules\":[{\"id\":\"a\",\"whem\":{},\"class\":\"business\",\"examples\":[{\"message\":\"x\"}]}]}",
                "{\"wrappers\":[{\"id\":\"a\",\"topic\":\"t\",\"example\":{\"value\":\"{}\"}}]}",
                "{\"rule\":[]}", "[]", "{",
        };
        for (size_t i = 0; i < COUNT(texts); i++) {
                struct sl_dlq_rules *r = NULL;
                struct sl_err err = {0};
                if (sl_dlq_rules_parse(sl_str_c(texts[i]), &r, &err) == SL_OK)
                        fail_msg("taken: %s", texts[i]);
                assert_true(strlen(err.msg) > 10);
        }
}

static bool parse(enum sl_dlq_cmd cmd, struct sl_dlq_opts *o, char *const *argv)
{
        char why[600];
        int argc = 0;
        while (argv[argc])
                argc++;
        return sl_dlq_opts_parse(cmd, argc, argv, o, why, sizeof(why));
}
#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})
#define BASE "--bootstrap-server", "b:1", "--topic", "t"

static void options(void **state)
{
        (void)state;
        struct sl_dlq_opts o;
        assert_true(parse(SL_DLQ_LIST, &o, ARGS(BASE, "--offsets", "0:10-19,2:5,3,4:7-", "--since", "2026-11-22T10:00:00.5+02:00", "--class=business",
                                               "--header", "a=b=c", "--where", "x.y=1", "--group", "00000000000000ff")));
        assert_int_equal(o.filter.range_count, 4);
        assert_int_equal(o.filter.ranges[0].end, 20);
        assert_int_equal(o.filter.ranges[1].begin, 5);
        assert_int_equal(o.filter.ranges[1].end, 6);
        assert_int_equal(o.filter.ranges[2].end, -1);
        assert_int_equal(o.filter.ranges[3].end, -1);
        assert_int_equal(o.filter.since_ms, 1795334400500 - 0);
        assert_string_equal(o.filter.headers[0].value, "b=c");
        assert_int_equal(o.filter.groups[0], 255);
        sl_dlq_opts_free(&o);
        char *const *bad[] = {ARGS("--topic", "t"), ARGS("--bootstrap-server", "b"), ARGS(BASE, "--class", "odd"), ARGS(BASE, "--offsets", "0:9-3"),
                              ARGS(BASE, "--offsets", "0:1,0:2-1"), ARGS(BASE, "--offsets", "0:5--1"),
                              ARGS(BASE, "--offsets", "0:9223372036854775807"), ARGS(BASE, "--offsets", "0:1-9223372036854775807"), ARGS(BASE, "--since", "yesterday"), ARGS(BASE, "--since", "2026-11-31T00:00:00Z"),
                              ARGS(BASE, "--until", "2026-02-29"), ARGS(BASE, "--until", "2026-02-28T10:00:00+25:00"),
                              ARGS(BASE, "--until", "2026-02-28T10:00:00+-5:00"), ARGS(BASE, "--where", "a..b=1"),
                              ARGS(BASE, "--where", "a[=1"), ARGS(BASE, "--group", "12"), ARGS(BASE, "--apply"),
                              ARGS(BASE, "what"), ARGS(BASE, "--limit", "0"), ARGS(BASE, "--json=1"), ARGS(BASE, "--topic")};
        for (size_t i = 0; i < COUNT(bad); i++) {
                if (parse(SL_DLQ_LIST, &o, bad[i]))
                        fail_msg("case %zu was taken", i);
                sl_dlq_opts_free(&o);
        }
}

/* --offsets of one partition in several ranges: read from the first to the last, and what lies between is not meant. */
static void scattered_offsets(void **state)
{
        (void)state;
        struct sl_dlq_opts o;
        struct sl_reader_part parts[SL_DLQ_RANGES_MAX];
        assert_true(parse(SL_DLQ_LIST, &o, ARGS(BASE, "--offsets", "1:5-6,0:9,1:2,0:3-4,2:7-,2:1", "--offsets", "3,3:4")));
        assert_int_equal(sl_dlq_filter_parts(&o.filter, parts), 4);
        const struct sl_reader_part want[] = {{.id = 1, .begin = 2, .end = 7}, {.id = 0, .begin = 3, .end = 10},
                                              {.id = 2, .begin = 1, .end = -1}, {.id = 3, .begin = -1, .end = -1}};
        for (size_t i = 0; i < COUNT(want); i++) {
                assert_int_equal(parts[i].id, want[i].id);
                assert_int_equal(parts[i].begin, want[i].begin);
                assert_int_equal(parts[i].end, want[i].end);
        }
        char taken[32] = "";
        for (int offset = 0; offset < 12; offset++) {
                struct sl_dlq_item it = {.partition = 0, .offset = offset};
                if (sl_dlq_filter_early(&o.filter, &it, &arena))
                        snprintf(taken + strlen(taken), sizeof(taken) - strlen(taken), "%d ", offset);
        }
        assert_string_equal(taken, "3 4 9 ");
        assert_false(sl_dlq_filter_early(&o.filter, &(struct sl_dlq_item){.partition = 4}, &arena));
        sl_dlq_opts_free(&o);
}

/* What would be done silently wrong is refused. */
static void repairs(void **state)
{
        (void)state;
        struct sl_dlq_opts o;
        char why[600];
        char *const *good[] = {ARGS(BASE, "--enum", "=CASH", "--cast", "a=Int64", "--cast", "a=Int64", "--default", "a="),
                               ARGS(BASE, "--value-subject", "s", "--cast", "t=timestamp-millis"), ARGS(BASE, "--key", "")};
        for (size_t i = 0; i < COUNT(good); i++) {
                if (!parse(SL_DLQ_REPLAY, &o, good[i]))
                        fail_msg("case %zu was refused", i);
                sl_dlq_opts_free(&o);
        }
        const struct { const char *option, *value, *more, *says; } bad[] = {
                {"--cast", "a=number", "--force", "--cast a=number: a type is boolean"},
                {"--rename", "a=", "--force", "--rename says nothing behind a="},
                {"--rename", "=a", "--force", "--rename needs OLD=NEW, not =a"},
                {"--default", "a", "--force", "--default needs F=TEXT, not a"},
                {"--rename", "a=b", "--rename=a=c", "--rename is given twice for a: a=b and a=c"},
                {"--default", "a=", "--default=a=c", "--default is given twice for a: a= and a=c"},
                {"--where", "a", "--force", "--where needs PATH=V, not a"},
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                char *const argv[] = {BASE, (char *)bad[i].option, (char *)bad[i].value, (char *)bad[i].more, NULL};
                assert_false(sl_dlq_opts_parse(SL_DLQ_REPLAY, 7, argv, &o, why, sizeof(why)));
                if (strncmp(why, bad[i].says, strlen(bad[i].says)) != 0)
                        fail_msg("%s", why);
                sl_dlq_opts_free(&o);
        }
}

static void named_after(void **state)
{
        (void)state;
        char out[100];
        assert_true(sl_dlq_named_after("orders-dlt", out, sizeof(out)));
        assert_string_equal(out, "orders");
        assert_true(sl_dlq_named_after("dlq.orders", out, sizeof(out)));
        assert_string_equal(out, "orders");
        assert_true(sl_dlq_named_after("orders.DLT", out, sizeof(out)));
        assert_false(sl_dlq_named_after("orders", out, sizeof(out)));
        assert_false(sl_dlq_named_after("-dlq", out, sizeof(out)));
}

static int tear_down(void **state)
{
        (void)state;
        sl_arena_free(&arena);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers),   cmocka_unit_test(odd_names), cmocka_unit_test(connect_takes_the_last_set), cmocka_unit_test(spring_keeps_the_first_origin),
                cmocka_unit_test(other_families), cmocka_unit_test(smallrye_tries), cmocka_unit_test(unusual),
                cmocka_unit_test(wrappers), cmocka_unit_test(paths), cmocka_unit_test(chains),
                cmocka_unit_test(stacks), cmocka_unit_test(texts), cmocka_unit_test(classes),
                cmocka_unit_test(own_codes), cmocka_unit_test(shapes),  cmocka_unit_test(fingerprints), cmocka_unit_test(rules), cmocka_unit_test(bad_rules),
                cmocka_unit_test(options),   cmocka_unit_test(scattered_offsets), cmocka_unit_test(repairs), cmocka_unit_test(named_after),
        };
        return cmocka_run_group_tests(tests, NULL, tear_down);
}
