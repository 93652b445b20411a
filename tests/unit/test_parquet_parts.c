/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the Parquet writer: delta, split and dictionary encodings against decoders written here, bounds,
 * decimals' digits, bloom filters, and what Connect's leaf types become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <math.h>

#include "connectors/format/parquet_bloom.h"
#include "connectors/format/parquet_codec.h"
#include "connectors/format/parquet_dict.h"
#include "connectors/format/parquet_encode.h"
#include "connectors/format/parquet_schema.h"
#include "connectors/format/parquet_stats.h"

static uint64_t draw(void)
{
        return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
}

static void seed_random(void)
{
        unsigned seed = (unsigned)time(NULL);
        printf("seed %u\n", seed);
        srand(seed);
}

/* --- decoders */

struct reader {
        const uint8_t *p, *end;
};

static uint64_t varint(struct reader *r)
{
        uint64_t v = 0;
        for (int shift = 0;; shift += 7) {
                assert_true(r->p < r->end && shift < 70);
                v |= (uint64_t)(*r->p & 0x7f) << shift;
                if (!(*r->p++ & 0x80))
                        return v;
        }
}

static int64_t zigzag(struct reader *r)
{
        uint64_t v = varint(r);
        return (int64_t)(v >> 1 ^ -(v & 1));
}

static uint64_t bits(const uint8_t *p, size_t at, unsigned width)
{
        uint64_t v = 0;
        for (unsigned i = 0; i < width; i++)
                v |= (uint64_t)(p[(at + i) / 8] >> (at + i) % 8 & 1) << i;
        return v;
}

static void undelta(struct reader *r, int64_t *out, size_t n, bool narrow)
{
        assert_int_equal(varint(r), 128);
        assert_int_equal(varint(r), 4);
        assert_int_equal(varint(r), n);
        uint64_t v = (uint64_t)zigzag(r);
        if (n)
                out[0] = (int64_t)v;
        for (size_t at = 1; at < n;) {
                uint64_t smallest = (uint64_t)zigzag(r);
                const uint8_t *widths = r->p;
                r->p += 4;
                for (int m = 0; m < 4 && at < n; m++) {
                        for (size_t i = 0; i < 32 && at < n; i++) {
                                v += smallest + bits(r->p, i * widths[m], widths[m]);
                                out[at++] = narrow ? (int32_t)v : (int64_t)v;
                        }
                        r->p += 4 * widths[m];
                        assert_true(r->p <= r->end);
                }
        }
}

static struct reader reader_of(const struct sl_buf *b)
{
        assert_true(sl_buf_ok(b));
        return (struct reader){(const uint8_t *)b->ptr, (const uint8_t *)b->ptr + b->len};
}

/* --- encodings */

static void delta_round_trips(void **state)
{
        (void)state;
        static const size_t sizes[] = {0, 1, 2, 31, 32, 33, 127, 128, 129, 130, 160, 161, 257, 1000};
        static int64_t wide[1000], out[1000];
        static int32_t narrow[1000];
        seed_random();
        for (int round = 0; round < 400; round++) {
                size_t n = sizes[(size_t)rand() % (sizeof(sizes) / sizeof(*sizes))];
                unsigned shift = (unsigned)rand() % 64;
                bool sorted = rand() % 2;
                for (size_t i = 0; i < n; i++) {
                        wide[i] = (int64_t)(draw() << 8 ^ draw()) >> shift;
                        if (sorted && i)
                                wide[i] = (int64_t)((uint64_t)wide[i - 1] + 7 + (draw() & 15));
                        if (rand() % 50 == 0)
                                wide[i] = rand() % 2 ? INT64_MIN : INT64_MAX;
                        narrow[i] = (int32_t)(wide[i] ^ wide[i] >> 32);
                }
                struct sl_buf b = {0};
                sl_pq_delta64(&b, wide, n);
                struct reader r = reader_of(&b);
                undelta(&r, out, n, false);
                assert_ptr_equal(r.p, r.end);
                assert_memory_equal(out, wide, n * 8);
                sl_buf_clear(&b);
                sl_pq_delta32(&b, narrow, n);
                r = reader_of(&b);
                undelta(&r, out, n, true);
                assert_ptr_equal(r.p, r.end);
                for (size_t i = 0; i < n; i++)
                        assert_int_equal(out[i], narrow[i]);
                sl_buf_free(&b);
        }
}

/* "", "a", "ab", "abX", "b" ... with common heads of any length */
static uint32_t make_strings(char *p, uint32_t *lens, size_t n)
{
        uint32_t at = 0, before = 0;
        for (size_t i = 0; i < n; i++) {
                uint32_t had = i ? lens[i - 1] : 0, keep = had ? (uint32_t)rand() % (had + 1) : 0;
                lens[i] = keep + (uint32_t)rand() % (rand() % 10 ? 12 : 60);
                memmove(p + at, p + before, keep);
                for (uint32_t k = keep; k < lens[i]; k++)
                        p[at + k] = (char)rand();
                before = at;
                at += lens[i];
        }
        return at;
}

static void byte_arrays(void **state)
{
        (void)state;
        static char values[300 * 8000];
        static uint32_t lens[300];
        static int64_t prefix[300], suffix[300];
        seed_random();
        for (int round = 0; round < 100; round++) {
                size_t n = (size_t)rand() % 300;
                make_strings(values, lens, n);
                struct sl_buf b = {0}, scratch = {0};
                sl_pq_plain_bytes(&b, values, lens, n);
                const char *p = b.ptr, *v = values;
                for (size_t i = 0; i < n; i++) {
                        assert_memory_equal(p, &lens[i], 4);
                        assert_memory_equal(p + 4, v, lens[i]);
                        p += 4 + lens[i];
                        v += lens[i];
                }
                assert_int_equal(b.len, p - b.ptr);
                sl_buf_clear(&b);
                sl_pq_delta_bytes(&b, values, lens, n, &scratch);
                struct reader r = reader_of(&b);
                undelta(&r, prefix, n, true);
                undelta(&r, suffix, n, true);
                v = values;
                for (size_t i = 0; i < n; i++) {
                        assert_int_equal(prefix[i] + suffix[i], lens[i]);
                        assert_memory_equal(v, i ? v - lens[i - 1] : v, prefix[i]);
                        assert_memory_equal(v + prefix[i], r.p, suffix[i]);
                        r.p += suffix[i];
                        v += lens[i];
                }
                assert_ptr_equal(r.p, r.end);
                sl_buf_free(&b);
                sl_buf_free(&scratch);
        }
}

static void streams(void **state)
{
        (void)state;
        char in[24 * 16];
        for (unsigned i = 0; i < sizeof(in); i++)
                in[i] = (char)i;
        for (unsigned width = 1; width <= 16; width++) {
                struct sl_buf b = {0};
                sl_pq_split(&b, in, 24, width);
                assert_int_equal(b.len, 24 * width);
                for (unsigned i = 0; i < 24; i++)
                        for (unsigned k = 0; k < width; k++)
                                assert_int_equal(b.ptr[k * 24 + i], in[i * width + k]);
                sl_buf_free(&b);
        }
}

static void dictionaries(void **state)
{
        (void)state;
        static char values[3000 * 64];
        static uint32_t lens[3000], idx[3000];
        struct sl_pq_dict d = {0};
        seed_random();
        for (int round = 0; round < 60; round++) {
                unsigned width = (const unsigned[]){0, 4, 8, 5, 16}[round % 5];
                size_t n = (size_t)rand() % 3000, at = 0;
                unsigned distinct = 1 + (unsigned)rand() % 3000;
                for (size_t i = 0; i < n; i++) {
                        unsigned pick = (unsigned)rand() % distinct;
                        char text[32] = {0};
                        lens[i] = width ? width
                                        : (uint32_t)snprintf(text, sizeof(text), "%.*s%u", (int)(pick % 23),
                                                             "abcdefghijklmnopqrstuvw", pick);
                        if (width)
                                memcpy(text, &pick, sizeof(pick));
                        memcpy(values + at, text, lens[i]);
                        at += lens[i];
                }
                sl_pq_dict_clear(&d);
                sl_pq_dict_index(&d, width, values, lens, n, idx);
                at = 0;
                uint32_t seen = 0;
                for (size_t i = 0; i < n; i++) {
                        assert_true(idx[i] <= seen); /* in the order of their first appearance */
                        seen += idx[i] == seen;
                        const char *entry = d.bytes.ptr + (size_t)idx[i] * width;
                        if (!width) {
                                entry = d.bytes.ptr + ((const uint32_t *)(const void *)d.offsets.ptr)[idx[i]];
                                assert_memory_equal(entry, &lens[i], 4);
                                entry += 4;
                        }
                        assert_memory_equal(entry, values + at, lens[i]);
                        at += lens[i];
                }
                assert_int_equal(seen, d.count);
        }
        sl_pq_dict_free(&d);
}

static void checksums(void **state)
{
        (void)state;
        assert_int_equal(sl_pq_crc(0, "123456789", 9), 0xCBF43926);
        assert_int_equal(sl_pq_crc(sl_pq_crc(0, "1234", 4), "56789", 5), 0xCBF43926);
        assert_int_equal(sl_pq_crc(0xCBF43926, NULL, 0), 0xCBF43926);
}

/* --- bounds */

static void expect_range(struct sl_pq_column_spec spec, const void *values, const uint32_t *lens, size_t n,
                         const void *min, size_t min_len, const void *max, size_t max_len)
{
        struct sl_pq_range r;
        sl_pq_range_of(&r, &spec, values, lens, n);
        assert_int_equal(r.has, min != NULL);
        if (!min)
                return;
        assert_int_equal(r.min.len, min_len);
        assert_memory_equal(r.min.ptr, min, min_len);
        assert_int_equal(r.max.len, max_len);
        assert_memory_equal(r.max.ptr, max, max_len);
}

static void ranges(void **state)
{
        (void)state;
        const int32_t ints[] = {3, INT32_MIN, 7, INT32_MAX, 0};
        expect_range((struct sl_pq_column_spec){.type = SL_PQ_INT32, .width = 4}, ints, NULL, 5, &ints[1], 4, &ints[3],
                     4);
        const double zeros[] = {0.0, NAN, -0.0, NAN, 0.0}, low = -0.0, high = 0.0, nans[] = {NAN, NAN, NAN, NAN, NAN};
        const struct sl_pq_column_spec f64 = {.type = SL_PQ_DOUBLE, .width = 8};
        expect_range(f64, zeros, NULL, 5, &low, 8, &high, 8);
        expect_range(f64, zeros, NULL, 1, &low, 8, &high, 8);
        expect_range(f64, nans, NULL, 5, NULL, 0, NULL, 0);
        const double some[] = {NAN, 1, -INFINITY, 5, INFINITY, 2, NAN};
        expect_range(f64, some, NULL, 7, &some[2], 8, &some[4], 8);
        const float f32[] = {NAN, 2.5f, -1.5f, 0, 1};
        expect_range((struct sl_pq_column_spec){.type = SL_PQ_FLOAT, .width = 4}, f32, NULL, 5, &f32[2], 4, &f32[1], 4);
        const uint8_t yes[] = {1, 1}, both[] = {1, 0};
        expect_range((struct sl_pq_column_spec){.type = SL_PQ_BOOLEAN, .width = 1}, yes, NULL, 2, "\1", 1, "\1", 1);
        expect_range((struct sl_pq_column_spec){.type = SL_PQ_BOOLEAN, .width = 1}, both, NULL, 2, "\0", 1, "\1", 1);
        /* unsigned bytes, the shorter first; heads of 8 equal bytes */
        const uint32_t lens[] = {3, 2, 10, 9, 1};
        expect_range((struct sl_pq_column_spec){.type = SL_PQ_BYTES}, "abc\xff\x01longlongAAlonglongA\x7f", lens, 5,
                     "abc", 3, "\xff\x01", 2);
        const uint32_t long_lens[] = {10, 9, 10};
        expect_range((struct sl_pq_column_spec){.type = SL_PQ_BYTES}, "longlongAAlonglongAlonglongAB", long_lens, 3,
                     "longlongA", 9, "longlongAB", 10);
        /* decimals of different widths: -1, 256, -129, 5 */
        const uint32_t dec_lens[] = {1, 2, 2, 3};
        const struct sl_pq_column_spec decimal = {.type = SL_PQ_BYTES, .decimal = true};
        expect_range(decimal, "\xff\x01\x00\xff\x7f\x00\x00\x05", dec_lens, 4, "\xff\x7f", 2, "\x01\x00", 2);
        const uint32_t wide_lens[] = {1, 12, 1};
        expect_range(decimal, "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\x07", wide_lens, 3,
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12, "\x07", 1);
        const uint32_t endless[] = {65};
        char big[65] = {1};
        expect_range(decimal, big, endless, 1, NULL, 0, NULL, 0);
}

static void expect_cut(bool text, const char *in, size_t n, bool max, const char *want, bool exact)
{
        struct sl_buf b = {0};
        bool got;
        const struct sl_pq_column_spec spec = {.type = SL_PQ_BYTES, .text = text};
        bool any = sl_pq_bound_cut(&spec, (struct sl_str){in, n}, max, &b, &got);
        assert_int_equal(any, want != NULL);
        assert_int_equal(got, exact);
        if (want) {
                assert_int_equal(b.len, strlen(want));
                assert_memory_equal(b.ptr, want, b.len);
        }
        sl_buf_free(&b);
}

static void cut_long_bounds(void **state)
{
        (void)state;
        char a[80], want[80] = {0};
        memset(a, 'a', sizeof(a));
        memset(want, 'a', 64);
        expect_cut(true, a, 80, false, want, false);
        want[63] = 'b';
        expect_cut(true, a, 80, true, want, false);
        expect_cut(false, a, 80, true, want, false);
        expect_cut(true, "abc", 3, true, "abc", true);
        memset(a, 0xff, sizeof(a)); /* nothing is greater in that length */
        expect_cut(false, a, 80, true, NULL, false);
        memset(a, 'a', 62); /* a character of 3 bytes is not cut through */
        memcpy(a + 62, "\xe2\x82\xac\xe2\x82\xac", 6);
        memset(want, 0, sizeof(want));
        memset(want, 'a', 62);
        expect_cut(true, a, 68, false, want, false);
        want[61] = 'b';
        expect_cut(true, a, 68, true, want, false);
        memset(a, 'a', sizeof(a)); /* U+D7FF is followed by U+E000; U+10FFFF by nothing */
        memcpy(a + 61, "\xed\x9f\xbf", 3);
        memset(want, 'a', 61);
        memcpy(want + 61, "\xee\x80\x80", 4);
        expect_cut(true, a, 80, true, want, false);
        memcpy(a + 60, "\xf4\x8f\xbf\xbf", 4);
        memset(want, 0, sizeof(want));
        memset(want, 'a', 59);
        want[59] = 'b';
        expect_cut(true, a, 80, true, want, false);
}

/* --- decimals */

static void decimal_digits(void **state)
{
        (void)state;
        struct sl_arena arena = {0};
        sl_arena_init(&arena, 0);
        for (int precision = 1; precision <= 18; precision++) {
                char text[16];
                snprintf(text, sizeof(text), "%d", precision);
                const struct sl_param params[] = {{"scale", "0"}, {"connect.decimal.precision", text}};
                const struct sl_schema *s = sl_schema_intern(&(struct sl_schema){
                        .type = SL_BYTES, .name = SL_NAME_DECIMAL, .params = params, .param_count = 2});
                struct sl_pq_leaf l = sl_pq_leaf_of(s, &(struct sl_parquet_opts){0}, &arena);
                int64_t limit = 1;
                for (int i = 0; i < precision; i++)
                        limit *= 10;
                for (int64_t near = -3; near <= 3; near++) {
                        for (int sign = -1; sign <= 1; sign += 2) {
                                int64_t v = sign * (limit + near);
                                uint8_t be[16];
                                for (int i = 0; i < 16; i++)
                                        be[i] = i < 8 ? (uint8_t)(v >> 63) : (uint8_t)(v >> 8 * (15 - i));
                                for (uint32_t from = 0; from < 16; from++) { /* every width that holds it */
                                        if (from >= 8 && (v >> (8 * (16 - from) - 1)) != v >> 63)
                                                break;
                                        assert_int_equal(sl_pq_decimal_fits(l.limit, (char *)be + from, 16 - from),
                                                         v < limit && v > -limit);
                                }
                        }
                }
                assert_true(sl_pq_decimal_fits(l.limit, "", 0));
        }
        sl_arena_free(&arena);
}

/* --- bloom filters */

static void hashes(void **state)
{
        (void)state;
        assert_true(sl_pq_xxh64("", 0) == 0xEF46DB3751D8E999u);
        assert_true(sl_pq_xxh64("a", 1) == 0xD24EC4F1A98C6E5Bu);
        assert_true(sl_pq_xxh64("abc", 3) == 0x44BC2CF5AD770999u);
}

static bool in_filter(const uint32_t *words, uint32_t blocks, uint64_t h)
{
        static const uint32_t salt[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                         0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};
        const uint32_t *w = words + ((h >> 32) * blocks >> 32) * 8;
        for (int i = 0; i < 8; i++)
                if (!(w[i] >> ((uint32_t)h * salt[i] >> 27) & 1))
                        return false;
        return true;
}

static void filters(void **state)
{
        (void)state;
        struct sl_pq_bloom b = {0};
        static const uint64_t counts[] = {1, 10, 1000, 30000};
        for (int c = 0; c < 4; c++) {
                struct sl_buf out = {0};
                sl_pq_bloom_begin(&b, 1 << 20);
                for (uint64_t i = 0; i < counts[c]; i++)
                        sl_pq_bloom_add(&b, 8, (const char *)&i, NULL, 1);
                sl_pq_bloom_put(&b, &out);
                size_t bytes = (size_t)b.blocks * 32, wrong = 0;
                assert_true(bytes < 64 + counts[c] * 4);
                uint32_t *words = malloc(bytes);
                memcpy(words, out.ptr + out.len - bytes, bytes);
                for (uint64_t i = 0; i < counts[c]; i++)
                        assert_true(in_filter(words, b.blocks, sl_pq_xxh64(&i, 8)));
                for (uint64_t i = 1000000; i < 1010000; i++)
                        wrong += in_filter(words, b.blocks, sl_pq_xxh64(&i, 8));
                assert_true(wrong < 200);
                free(words);
                sl_buf_free(&out);
        }
        sl_pq_bloom_free(&b);
}

/* --- types */

static struct sl_pq_leaf leaf(enum sl_type type, const char *name, const char *param, const char *value,
                              struct sl_parquet_opts opts)
{
        static struct sl_arena arena;
        const struct sl_param params[] = {{param, value}, {"scale", "2"}};
        uint32_t n = param ? 2 : 0;
        if (!param && name && strcmp(name, SL_NAME_DECIMAL) == 0)
                return leaf(type, name, "nothing", "", opts);
        return sl_pq_leaf_of(
                sl_schema_intern(&(struct sl_schema){.type = type, .name = name, .params = params, .param_count = n}),
                &opts, &arena);
}

#define PRECISION "connect.decimal.precision"

static void leaves(void **state)
{
        (void)state;
        const struct sl_parquet_opts none = {0}, fixed = {.decimals = SL_PARQUET_DECIMAL_FIXED},
                                     small = {.decimals = SL_PARQUET_DECIMAL_SMALLEST}, exact = {.exact_types = true};
        struct sl_pq_leaf l = leaf(SL_BYTES, SL_NAME_DECIMAL, NULL, NULL, none);
        assert_true(l.type == SL_PQ_BYTES && l.precision == 64 && l.scale == 2 && l.decimal);
        l = leaf(SL_BYTES, SL_NAME_DECIMAL, NULL, NULL, (struct sl_parquet_opts){.decimal_precision = 38});
        assert_int_equal(l.precision, 38);
        l = leaf(SL_BYTES, SL_NAME_DECIMAL, PRECISION, "1", none); /* scale above the precision: bytes */
        assert_true(l.type == SL_PQ_BYTES && l.logical == 0 && l.op == SL_PQ_PUT_BYTES);
        static const struct {
                const char *precision;
                uint32_t width; /* fixed */
                enum sl_pq_type smallest;
        } decimals[] = {{"2", 1, SL_PQ_INT32},   {"3", 2, SL_PQ_INT32},  {"9", 4, SL_PQ_INT32},
                        {"10", 5, SL_PQ_INT64},  {"18", 8, SL_PQ_INT64}, {"19", 9, SL_PQ_FIXED},
                        {"38", 16, SL_PQ_FIXED}, {"76", 32, SL_PQ_FIXED}};
        for (size_t i = 0; i < sizeof(decimals) / sizeof(*decimals); i++) {
                l = leaf(SL_BYTES, SL_NAME_DECIMAL, PRECISION, decimals[i].precision, fixed);
                assert_int_equal(l.type, SL_PQ_FIXED);
                assert_int_equal(l.width, decimals[i].width);
                l = leaf(SL_BYTES, SL_NAME_DECIMAL, PRECISION, decimals[i].precision, small);
                assert_int_equal(l.type, decimals[i].smallest);
        }
        l = leaf(SL_BYTES, "Token", "connect.fixed.size", "16", none);
        assert_true(l.type == SL_PQ_FIXED && l.width == 16 && l.op == SL_PQ_PUT_FIXED);
        l = leaf(SL_STRING, "Colour", "io.confluent.connect.avro.Enum", "Colour", none);
        assert_int_equal(l.logical, 1);
        l = leaf(SL_STRING, "Colour", "io.confluent.connect.avro.Enum", "Colour",
                 (struct sl_parquet_opts){.enums = true});
        assert_int_equal(l.logical, 4);
        l = leaf(SL_INT64, "io.debezium.time.MicroTimestamp", NULL, NULL, none);
        assert_int_equal(l.logical, 0);
        l = leaf(SL_INT64, "io.debezium.time.MicroTimestamp", NULL, NULL, exact);
        assert_true(l.logical == 8 && l.unit == 2 && !l.utc && l.converted == -1);
        l = leaf(SL_INT64, "io.debezium.time.NanoTime", NULL, NULL, exact);
        assert_true(l.logical == 7 && l.unit == 3 && !l.utc);
        l = leaf(SL_INT32, "io.debezium.time.MicroTimestamp", NULL, NULL, exact); /* not its type */
        assert_int_equal(l.logical, 0);
        l = leaf(SL_STRING, "io.debezium.time.ZonedTimestamp", NULL, NULL, exact);
        assert_int_equal(l.logical, 1);
        l = leaf(SL_INT16, NULL, NULL, NULL, exact);
        assert_true(l.logical == 10 && l.bits == 16);
        l = leaf(SL_STRING, "io.debezium.data.Uuid", NULL, NULL, exact);
        assert_true(l.type == SL_PQ_FIXED && l.width == 16 && l.logical == 14);
}

static void uuids(void **state)
{
        (void)state;
        uint8_t out[16];
        assert_true(sl_pq_uuid("00112233-4455-6677-8899-aAbBcCdDeEfF", 36, out));
        assert_memory_equal(out, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
        assert_false(sl_pq_uuid("00112233-4455-6677-8899-aAbBcCdDeEf", 35, out));
        assert_false(sl_pq_uuid("00112233-4455-6677-8899_aAbBcCdDeEfF", 36, out));
        assert_false(sl_pq_uuid("0011223g-4455-6677-8899-aAbBcCdDeEfF", 36, out));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(delta_round_trips), cmocka_unit_test(byte_arrays),    cmocka_unit_test(streams),
                cmocka_unit_test(dictionaries),      cmocka_unit_test(checksums),      cmocka_unit_test(ranges),
                cmocka_unit_test(cut_long_bounds),   cmocka_unit_test(decimal_digits), cmocka_unit_test(hashes),
                cmocka_unit_test(filters),           cmocka_unit_test(leaves),         cmocka_unit_test(uuids),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
