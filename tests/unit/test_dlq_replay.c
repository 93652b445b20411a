/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a replay without a broker: the ledger's text, the spool and its sort, own headers, identities, positions and
 * LSNs, the job's id, and the resolution of values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "convert/convert.h"
#include "dlq/internal.h"
#include "dlq/job.h"
#include "dlq/letter.h"
#include "dlq/newer.h"
#include "dlq/resolve.h"
#include "dlq/spool.h"

static void states_come_back(void **state)
{
        (void)state;
        uint8_t in[SL_DLQ_BUCKET] = {0}, out[SL_DLQ_BUCKET];
        struct sl_buf text = {0};
        struct sl_err err = {0};
        sl_dlq_states_print(in, &text);
        assert_string_equal(sl_buf_cstr(&text), "{}");
        in[0] = in[1] = in[2] = in[4095] = SL_DLQ_REPLAYED;
        in[7] = SL_DLQ_OBSOLETE;
        sl_buf_clear(&text);
        sl_dlq_states_print(in, &text);
        assert_string_equal(sl_buf_cstr(&text), "{\"replayed\":\"0-2,4095\",\"obsolete\":\"7\"}");
        assert_int_equal(sl_dlq_states_parse((struct sl_str){text.ptr, text.len}, out, &err), SL_OK);
        assert_memory_equal(in, out, sizeof(in));
        srand(7);
        for (int round = 0; round < 50; round++) {
                for (int i = 0; i < SL_DLQ_BUCKET; i++)
                        in[i] = rand() % 3 ? (uint8_t)(rand() % SL_DLQ_STATE_COUNT) : (i ? in[i - 1] : 0);
                sl_buf_clear(&text);
                sl_dlq_states_print(in, &text);
                assert_int_equal(sl_dlq_states_parse((struct sl_str){text.ptr, text.len}, out, &err), SL_OK);
                assert_memory_equal(in, out, sizeof(in));
        }
        static const char *const bad[] = {"{\"replayed\":\"5-3\"}", "{\"replayed\":\"4096\"}", "{\"replayed\":\"-1\"}",
                                          "{\"replayed\":\"a\"}",   "{\"replayed\":\"1;2\"}",  "nothing"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sl_err why = {0};
                assert_int_not_equal(sl_dlq_states_parse(sl_str_c(bad[i]), out, &why), SL_OK);
        }
        sl_buf_free(&text);
}

static int by_number(const void *a, const void *b)
{
        uint64_t x, y;
        memcpy(&x, a, sizeof(x));
        memcpy(&y, b, sizeof(y));
        return x < y ? -1 : x > y;
}

static void sorts_beyond_its_memory(void **state)
{
        (void)state;
        struct sl_err err = {0};
        static const size_t sizes[] = {0, 1, 5, 1000, 20000};
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
                struct sl_sorter *s = sl_sorter_new(24, 24 * 700, by_number);
                uint64_t sum = 0, last = 0, entry[3] = {0};
                const void *next;
                srand(11);
                for (size_t i = 0; i < sizes[k]; i++) {
                        entry[0] = (uint64_t)rand();
                        entry[2] = entry[0] * 3;
                        sum += entry[0];
                        assert_int_equal(sl_sorter_add(s, entry, &err), SL_OK);
                }
                size_t n = 0;
                for (;; n++) {
                        assert_int_equal(sl_sorter_next(s, &next, &err), SL_OK);
                        if (!next)
                                break;
                        memcpy(entry, next, sizeof(entry));
                        assert_true(entry[0] >= last && entry[2] == entry[0] * 3);
                        last = entry[0];
                        sum -= entry[0];
                }
                assert_int_equal(n, sizes[k]);
                assert_int_equal(sum, 0);
                sl_sorter_free(s);
        }
}

static void spool_gives_back(void **state)
{
        (void)state;
        struct sl_spool s = SL_SPOOL_NEW;
        struct sl_err err = {0};
        int64_t at[40];
        char *bytes = malloc(700000);
        const char *got;
        for (int i = 0; i < 40; i++) {
                size_t n = (size_t)i * 17000;
                memset(bytes, i, n);
                assert_int_equal(sl_spool_add(&s, bytes, n, &at[i], &err), SL_OK);
        }
        for (int i = 39; i > 0; i -= i > 20 ? 1 : 3) {
                assert_int_equal(sl_spool_read(&s, at[i], (size_t)i * 17000, &got, &err), SL_OK);
                assert_int_equal(got[0], i);
                assert_int_equal(got[i * 17000 - 1], i);
        }
        sl_spool_free(&s);
        free(bytes);
}

/* Rows and leaps, over many windows. */
static void spool_reads_anywhere(void **state)
{
        (void)state;
        enum { MANY = 20000 };
        struct sl_spool s = SL_SPOOL_NEW;
        struct sl_err err = {0};
        int64_t *at = malloc(MANY * sizeof(*at));
        unsigned seed = 1;
        const char *got;
        for (int i = 0; i < MANY; i++) {
                char bytes[200];
                memset(bytes, i % 251, sizeof(bytes));
                memcpy(bytes, &i, sizeof(i));
                assert_int_equal(sl_spool_add(&s, bytes, 50 + (size_t)i % 150, &at[i], &err), SL_OK);
        }
        for (int step = 1, i = 0, k = 0; k < 3 * MANY; k++) {
                int number;
                assert_int_equal(sl_spool_read(&s, at[i], 50 + (size_t)i % 150, &got, &err), SL_OK);
                memcpy(&number, got, sizeof(number));
                assert_int_equal(number, i);
                assert_int_equal((unsigned char)got[49 + i % 150], i % 251);
                if (k % 3000 == 0) /* a row, every 7th, anywhere */
                        step = (k / 3000) % 3;
                seed = seed * 1103515245 + 12345;
                i = step == 2 ? (int)(seed >> 8) % MANY : (i + (step ? 7 : 1)) % MANY;
        }
        sl_spool_free(&s);
        free(at);
}

#define H(name, text)                                                                                                  \
        {                                                                                                              \
                SL_STR(name), SL_STR(text)                                                                             \
        }

static struct sl_dlq_item item(const struct sl_kheader *headers, uint32_t n)
{
        return (struct sl_dlq_item){.headers = headers,
                                    .header_count = n,
                                    .key = SL_STR("k"),
                                    .family = SL_DLQ_CONNECT,
                                    .teller = SL_DLQ_CONNECT,
                                    .connector = SL_STR("sink"),
                                    .timestamp_ms = 5,
                                    .origin = {.topic = SL_STR("t"), .partition = 1, .offset = 10, .timestamp_ms = -1}};
}

/* What a copy of it has; flat is the caller's to free. */
static void packed(const struct sl_dlq_item *it, struct sl_buf *flat, struct sl_dlq_packed *rec, struct sl_kheader out[4])
{
        sl_dlq_pack(it, SL_STR_NULL, flat);
        sl_dlq_unpack((struct sl_str){flat->ptr, flat->len}, rec, out, 4);
}

static void own_headers_stay(void **state)
{
        (void)state;
        const struct sl_kheader h[] = {H("a", "1"),
                                       H("__connect.errors.topic", "t"),
                                       {SL_STR("b"), SL_STR_NULL},
                                       H("__sluice.dlq.hop", "1"),
                                       H("a", ""),
                                       H("x-original-topic", "mine"),
                                       H("kafka_dlt-original-topic", "t")};
        struct sl_dlq_item it = item(h, 7);
        struct sl_dlq_packed rec;
        struct sl_kheader out[4];
        struct sl_buf flat = {0};
        packed(&it, &flat, &rec, out);
        assert_int_equal(rec.header_count, 4);
        assert_true(sl_str_eqc(out[0].key, "a") && sl_str_eqc(out[0].value, "1"));
        assert_true(sl_str_eqc(out[1].key, "b") && !out[1].value.ptr);
        assert_true(sl_str_eqc(out[2].key, "a") && out[2].value.ptr && !out[2].value.len);
        assert_true(sl_str_eqc(out[3].key, "x-original-topic"));
        assert_true(!rec.value.ptr && sl_str_eqc(rec.key, "k") && rec.timestamp_ms == 5);
        sl_buf_free(&flat);
}

/* A copy of ours that failed again: what its application said of it goes, whoever's name stands first. */
static void a_copys_failure_goes(void **state)
{
        (void)state;
        const struct sl_kheader h[] = {H("own", "1"),
                                       H("__sluice.dlq.hop", "1"),
                                       H("x-original-topic", "t"),
                                       H("x-exception-message", "boom"),
                                       H("deserialization-failure-data", "bytes")};
        struct sl_dlq_item it = item(h, 5);
        struct sl_dlq_packed rec;
        struct sl_kheader out[4];
        struct sl_buf flat = {0};
        it.family = it.teller = SL_DLQ_PLAIN;
        sl_dlq_headers_read(&it);
        assert_int_equal(it.family, SL_DLQ_SLUICE);
        packed(&it, &flat, &rec, out);
        assert_int_equal(rec.header_count, 1);
        assert_true(sl_str_eqc(out[0].key, "own"));
        sl_buf_free(&flat);
}

static void identities(void **state)
{
        (void)state;
        const struct sl_kheader copy[] = {
                H("__sluice.dlq.origin.topic", "t"),   H("__sluice.dlq.origin.partition", "1"),
                H("__sluice.dlq.origin.offset", "10"), H("__connect.errors.topic", "t"),
                H("__connect.errors.partition", "1"),  H("__connect.errors.offset", "99")};
        struct sl_dlq_item a = item(NULL, 0), b = item(NULL, 0), c = item(copy, 6);
        assert_int_equal(sl_dlq_identity(&a), sl_dlq_identity(&b));
        b.connector = SL_STR("other");
        assert_int_not_equal(sl_dlq_identity(&a), sl_dlq_identity(&b));
        b = a;
        b.origin.offset = -1;
        assert_int_equal(sl_dlq_identity(&b), 0);
        c.hops = 1; /* a replayed copy that failed again: another failure, at the place of the copy */
        assert_int_not_equal(sl_dlq_identity(&a), sl_dlq_identity(&c));
        assert_int_equal(sl_dlq_failed_at(&c).offset, 99);
        assert_int_equal(sl_dlq_position("t", 1, 99, copy, 6).offset, 10);
        assert_int_equal(sl_dlq_position("t", 1, 99, NULL, 0).offset, 99);
}

static void lsns(void **state)
{
        (void)state;
        assert_int_equal(
                sl_dlq_lsn(SL_STR("{\"after\":{\"lsn\":3},\"source\":{\"db\":\"x\",\"lsn\":24023128,\"xmin\":null}}")),
                24023128);
        assert_int_equal(sl_dlq_lsn(SL_STR("{\"id\":1,\"__lsn\": 77}")), 77);
        assert_int_equal(sl_dlq_lsn(SL_STR("{\"lsn\":77}")), -1);
        assert_int_equal(sl_dlq_lsn(SL_STR("{\"source\":{\"lsn\":null}}")), -1);
        assert_int_equal(sl_dlq_lsn(SL_STR_NULL), -1);
}

/* Keys that begin with a constant of the hash share their hash whatever stands behind it. */
static void keys_of_one_hash(void **state)
{
        (void)state;
        char a[24] = {0}, b[24] = {0};
        const uint64_t constant = 0xe7037ed1a0b428dbu;
        memcpy(a, &constant, sizeof(constant));
        memcpy(b, &constant, sizeof(constant));
        a[9] = 'a';
        b[9] = 'b';
        assert_int_equal(sl_hash(a, sizeof(a)), sl_hash(b, sizeof(b)));
        struct sl_newer *n = sl_newer_new(NULL);
        struct sl_kmsg m = {.partition = 1, .offset = 5, .key = {b, sizeof(b)}, .value = SL_STR("x")};
        assert_int_equal(sl_newer_see(n, "t", &m, NULL), SL_OK);
        uint32_t first = sl_newer_watch(n, "t", 1, (struct sl_str){a, sizeof(a)});
        assert_int_equal(sl_newer_see(n, "t", &m, NULL), SL_OK);
        assert_false(sl_newer_than(n, first, 3, -1));
        uint32_t second = sl_newer_watch(n, "t", 1, m.key), other = sl_newer_watch(n, "u", 1, m.key);
        assert_int_not_equal(first, second);
        assert_int_not_equal(second, other);
        assert_int_equal(sl_newer_watch(n, "t", 1, m.key), second);
        assert_int_equal(sl_newer_see(n, "t", &m, NULL), SL_OK);
        m.partition = 0;
        m.offset = 9;
        assert_int_equal(sl_newer_see(n, "t", &m, NULL), SL_OK);
        assert_true(sl_newer_than(n, second, 3, -1));
        assert_false(sl_newer_than(n, second, 5, -1));
        assert_false(sl_newer_than(n, first, 3, -1));
        assert_false(sl_newer_than(n, other, 3, -1));
        for (uint32_t i = 0; i < 5000; i++) { /* past several sizes of the table */
                struct sl_str key = {(const char *)&i, sizeof(i)};
                assert_int_equal(sl_newer_watch(n, "t", 1, key), 4 + i);
        }
        m = (struct sl_kmsg){.partition = 1, .offset = 7, .key = {a, sizeof(a)}};
        assert_int_equal(sl_newer_see(n, "t", &m, NULL), SL_OK);
        assert_true(sl_newer_than(n, first, 6, -1));
        assert_false(sl_newer_than(n, second, 6, -1));
        sl_newer_free(n);
}

static void job_ids(void **state)
{
        (void)state;
        static char *one[] = {"--key", "a", "--class", "business", "--apply", "--rate=5/s"};
        static char *two[] = {"--class=business", "--json", "--key=a", "--to", "original", "--bootstrap-server", "x:1"};
        static char *three[] = {"--class=business", "--key=b"};
        struct sl_dlq_job a = {0}, b = {0}, c = {0}, d = {0};
        struct sl_err err = {0};
        assert_int_equal(sl_dlq_job_id("t", "replay", 6, one, &a, &err), SL_OK);
        assert_int_equal(sl_dlq_job_id("t", "replay", 7, two, &b, &err), SL_OK);
        assert_int_equal(sl_dlq_job_id("t", "replay", 2, three, &c, &err), SL_OK);
        assert_int_equal(sl_dlq_job_id("u", "replay", 2, three, &d, &err), SL_OK);
        assert_string_equal(a.id, b.id);
        assert_string_not_equal(a.id, c.id);
        assert_string_not_equal(d.id, c.id);
        assert_string_equal(sl_buf_cstr(&a.args), "[\"--class=business\",\"--key=a\"]");
        sl_dlq_job_free(&a);
        sl_dlq_job_free(&b);
        sl_dlq_job_free(&c);
        sl_dlq_job_free(&d);
}

/* A JSON text, changed by options without a schema, or why not. */
static void check(struct sl_dlq_opts *o, const char *in, const char *want, const char *why)
{
        struct sl_arena arena = {0};
        struct sl_resolve r = {.o = o, .arena = &arena};
        struct sl_value v, out;
        struct sl_buf text = {0};
        struct sl_err err = {0};
        struct sl_json_writer *w = sl_json_writer_new(SL_DECIMAL_BASE64, false);
        assert_int_equal(sl_json_value(sl_str_c(in), &arena, &v, &err), SL_OK);
        bool good = sl_resolve_value(&r, NULL, &v, NULL, &out);
        if (want) {
                assert_true(good);
                assert_int_equal(sl_json_write_value(w, NULL, &out, &text, &err), SL_OK);
                assert_string_equal(sl_buf_cstr(&text), want);
        } else {
                assert_false(good);
                assert_non_null(strstr(r.why, why));
        }
        (void)sl_resolve_count(&r, true);
        sl_json_writer_free(w);
        sl_resolve_free(&r);
        sl_buf_free(&text);
        sl_arena_free(&arena);
}

static void plain_json(void **state)
{
        (void)state;
        struct sl_dlq_opts o = {.rename = {{"amt=amount"}, 1},
                                .defaults = {{"currency=EUR", "buyer.vip=false"}, 2},
                                .cast = {{"id=int64", "buyer.zip=string"}, 2},
                                .enums = {{"card=CARD"}, 1}};
        check(&o, "{\"amt\":3,\"id\":\"7\",\"kind\":\"card\",\"buyer\":{\"zip\":123,\"tags\":[\"card\",null]}}",
              "{\"amount\":3,\"id\":7,\"kind\":\"CARD\",\"buyer\":{\"zip\":\"123\",\"tags\":[\"CARD\",null],\"vip\":"
              "false},\"currency\":\"EUR\"}",
              NULL);
        check(&o, "{\"currency\":null}", "{\"currency\":\"EUR\"}", NULL);
        check(&o, "{\"currency\":\"USD\",\"n\":3.0,\"m\":3}", "{\"currency\":\"USD\",\"n\":3.0,\"m\":3}", NULL);
        check(&o, "{\"id\":\"x\"}", NULL, "id: the text can't be read as INT64");
        check(&o, "{\"amt\":3,\"amount\":4}", NULL, "the value: --rename makes a second member amount");
        struct sl_dlq_opts two = {.rename = {{"amt=amount", "sum=amount"}, 2}};
        check(&two, "{\"lines\":[{\"amt\":3},{\"sum\":4}]}", "{\"lines\":[{\"amount\":3},{\"amount\":4}]}", NULL);
        check(&two, "{\"lines\":[{\"amt\":3},{\"sum\":4,\"amt\":5}]}", NULL, "lines: --rename makes a second member amount");
}

static const struct sl_schema *record_of(const struct sl_field *fields, uint32_t n)
{
        struct sl_schema s = {.type = SL_STRUCT, .name = "R", .fields = fields, .field_count = n};
        return sl_schema_intern(&s);
}

static void schemas(void **state)
{
        (void)state;
        struct sl_arena arena = {0};
        struct sl_dlq_opts o = {.rename = {{"old=new"}, 1}};
        struct sl_resolve r = {.o = &o, .arena = &arena};
        const struct sl_field from_fields[] = {{"old", 3, sl_schema_of(SL_INT32, false)},
                                               {"gone", 4, sl_schema_of(SL_STRING, true)}};
        const struct sl_field to_fields[] = {{"new", 3, sl_schema_of(SL_INT64, false)},
                                             {"more", 4, sl_schema_of(SL_STRING, true)}};
        const struct sl_schema *from = record_of(from_fields, 2), *to = record_of(to_fields, 2);
        struct sl_value in[2] = {sl_v_i64(SL_INT32, 5), SL_V_NULL}, value = sl_v_items(SL_STRUCT, in, 2), out;
        assert_true(sl_resolve_value(&r, from, &value, to, &out));
        assert_int_equal(out.items[0].type, SL_INT64);
        assert_int_equal(out.items[0].i64, 5);
        assert_int_equal(out.items[1].type, SL_NULL);
        in[1] = sl_v_str(SL_STR("something"));
        assert_false(sl_resolve_value(&r, from, &value, to, &out));
        assert_non_null(strstr(r.why, "gone: the new schema has no such field"));
        o.allow_lossy = true;
        assert_true(sl_resolve_value(&r, from, &value, to, &out));
        assert_false(sl_resolve_value(&r, to, &out, from, &value)); /* back: narrower needs a cast */
        assert_non_null(strstr(r.why, "old: it is missing"));
        /* Letters of several versions: each has one of the old names; both would be two values for one field. */
        const struct sl_field older_fields[] = {{"older", 5, sl_schema_of(SL_INT32, false)}, {"gone", 4, sl_schema_of(SL_STRING, true)}};
        const struct sl_field both_fields[] = {{"old", 3, sl_schema_of(SL_INT32, false)}, {"older", 5, sl_schema_of(SL_INT32, false)}};
        struct sl_dlq_opts two = {.rename = {{"older=new", "old=new"}, 2}};
        r.o = &two;
        in[1] = SL_V_NULL;
        assert_true(sl_resolve_value(&r, from, &value, to, &out));
        assert_int_equal(out.items[0].i64, 5);
        assert_true(sl_resolve_value(&r, record_of(older_fields, 2), &value, to, &out));
        assert_int_equal(out.items[0].i64, 5);
        in[1] = sl_v_i64(SL_INT32, 6);
        assert_false(sl_resolve_value(&r, record_of(both_fields, 2), &value, to, &out));
        assert_non_null(strstr(r.why, "old: the new schema has no such field"));
        sl_resolve_free(&r);
        sl_arena_free(&arena);
}

/* A field that is gone loses nothing when it holds Protobuf's zero: of an enum, the symbol with that number. */
static void zero_symbols(void **state)
{
        (void)state;
        struct sl_arena arena = {0};
        struct sl_dlq_opts o = {0};
        struct sl_resolve r = {.o = &o, .arena = &arena};
        const struct sl_param params[] = {{"io.confluent.connect.protobuf.Enum", "Color"},
                                          {"io.confluent.connect.protobuf.Enum.BLUE", "1"},
                                          {"io.confluent.connect.protobuf.Enum.NONE", "0"},
                                          {"io.confluent.connect.protobuf.Tag", "2"}};
        struct sl_schema color = {.type = SL_STRING, .optional = true, .params = params, .param_count = 4};
        const struct sl_field id = {"id", 2, sl_schema_of(SL_INT32, false)};
        const struct sl_field fields[] = {id, {"color", 5, sl_schema_intern(&color)}};
        const struct sl_schema *from = record_of(fields, 2), *to = record_of(&id, 1);
        struct sl_value in[2] = {sl_v_i64(SL_INT32, 5), sl_v_str(SL_STR("NONE"))}, value = sl_v_items(SL_STRUCT, in, 2), out;
        assert_true(sl_resolve_value(&r, from, &value, to, &out));
        in[1] = sl_v_str(SL_STR("BLUE"));
        assert_false(sl_resolve_value(&r, from, &value, to, &out));
        sl_resolve_free(&r);
        sl_arena_free(&arena);
}

/* What fills an enum's field must be one of its symbols: a text that is none was found by the writer only, which knows no field. */
static void missing_symbols(void **state)
{
        (void)state;
        struct sl_arena arena = {0};
        struct sl_dlq_opts o = {.defaults = {{"color=PINK"}, 1}};
        struct sl_resolve r = {.o = &o, .arena = &arena};
        const struct sl_param avro[] = {{"io.confluent.connect.avro.Enum", "Color"}, {"io.confluent.connect.avro.Enum.BLUE", "BLUE"}};
        const struct sl_param zero[] = {{"io.confluent.connect.protobuf.Enum", "Color"},
                                        {"io.confluent.connect.protobuf.Enum.BLUE", "1"},
                                        {"io.confluent.connect.protobuf.Enum.NONE", "0"},
                                        {"io.confluent.connect.protobuf.Tag", "2"}};
        const struct sl_param none[] = {zero[0], zero[1], zero[3]};
        const struct {
                const struct sl_param *params;
                uint32_t count;
                const char *given, *becomes, *why;
        } cases[] = {
                {avro, 2, "color=PINK", NULL, "color: the new schema has no such symbol as \"PINK\" (--default)"},
                {avro, 2, "color=BLUE", "BLUE", NULL},
                {avro, 2, NULL, NULL, "color: it is missing"},
                {zero, 4, NULL, "NONE", NULL},
                {none, 3, NULL, NULL, "color: it is missing, and its enum has no symbol with number 0 (--default)"},
                {none, 3, "color=BLUE", "BLUE", NULL},
        };
        const struct sl_field id = {"id", 2, sl_schema_of(SL_INT32, false)};
        struct sl_value one = sl_v_i64(SL_INT32, 5), value = sl_v_items(SL_STRUCT, &one, 1), out;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_schema color = {.type = SL_STRING, .params = cases[i].params, .param_count = cases[i].count};
                const struct sl_field fields[] = {id, {"color", 5, sl_schema_intern(&color)}};
                o.defaults = (struct sl_dlq_texts){{cases[i].given}, cases[i].given ? 1 : 0};
                bool good = sl_resolve_value(&r, record_of(&id, 1), &value, record_of(fields, 2), &out);
                if (good != !cases[i].why || (good && !sl_str_eqc(sl_v_as_str(&out.items[1]), cases[i].becomes)) ||
                    (!good && !strstr(r.why, cases[i].why)))
                        fail_msg("case %zu: %d, %s", i, good, r.why);
        }
        sl_resolve_free(&r);
        sl_arena_free(&arena);
}

/* Values that change alike, and one among them that does not, are counted by what was changed in each. */
static void counted_changes(void **state)
{
        (void)state;
        struct sl_arena arena = {0};
        struct sl_dlq_opts o = {.rename = {{"a=b"}, 1}, .enums = {{"x=y"}, 1}};
        struct sl_resolve r = {.o = &o, .arena = &arena};
        static const char *const texts[] = {"{\"a\":\"x\",\"c\":\"x\"}", "{\"a\":\"x\",\"c\":\"x\"}", "{\"c\":\"x\"}", "{\"c\":\"x\",\"a\":\"x\"}",
                                            "{\"d\":\"x\",\"c\":\"x\"}", "{\"a\":\"x\",\"c\":\"x\"}"};
        struct sl_err err = {0};
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct sl_value v, out;
                assert_int_equal(sl_json_value(sl_str_c(texts[i]), &arena, &v, &err), SL_OK);
                assert_true(sl_resolve_value(&r, NULL, &v, NULL, &out));
                assert_true(sl_resolve_count(&r, i != 1)); /* the second one is forgotten */
                sl_arena_reset(&arena);
        }
        json_t *list = sl_resolve_changes(&r);
        char *text = json_dumps(list, JSON_COMPACT);
        assert_string_equal(text, "[{\"change\":\"rename a\",\"count\":3,\"before\":\"a\",\"after\":\"b\"},"
                                  "{\"change\":\"enum b\",\"count\":3,\"before\":\"x\",\"after\":\"y\"},"
                                  "{\"change\":\"enum c\",\"count\":5,\"before\":\"x\",\"after\":\"y\"},"
                                  "{\"change\":\"enum d\",\"count\":1,\"before\":\"x\",\"after\":\"y\"}]");
        free(text);
        json_decref(list);
        sl_resolve_free(&r);
        sl_arena_free(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(states_come_back), cmocka_unit_test(sorts_beyond_its_memory),
                cmocka_unit_test(spool_gives_back), cmocka_unit_test(spool_reads_anywhere), cmocka_unit_test(own_headers_stay),
                cmocka_unit_test(a_copys_failure_goes),
                cmocka_unit_test(identities),       cmocka_unit_test(lsns),
                cmocka_unit_test(job_ids),          cmocka_unit_test(plain_json),
                cmocka_unit_test(schemas),          cmocka_unit_test(zero_symbols),
                cmocka_unit_test(missing_symbols),  cmocka_unit_test(counted_changes),
                cmocka_unit_test(keys_of_one_hash),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
