/* SPDX-License-Identifier: Apache-2.0 */
/* How fast rows become Parquet on one core: builds rows of 12 columns in memory once and times append and finish of the
 * sink's writer over them. For tests/bench/run s3. bench_parquet [rows=1000000] [rounds=3] [out=FILE]
 * [codec=none|snappy|zstd|gzip|lz4_raw] [level=-1] [v2=0] [encodings=delta|plain|all] [group=BYTES] One JSON line:
 * rows, seconds of CPU of the best round, rows_per_s, bytes. Bytes are taken away as the sink does it; only with out=
 * they are kept, from the last round, so that a contender can read the very same columns. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "connectors/format/format.h"

#define COLUMNS 12

static uint64_t seed = 1;

static uint64_t draw(uint64_t n)
{
        seed += 0x9E3779B97F4A7C15u; /* splitmix64 */
        uint64_t z = seed;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        return (z ^ z >> 31) % n;
}

static const struct sl_schema *make_schema(void)
{
        const struct sl_schema *time =
                sl_schema_intern(&(struct sl_schema){.type = SL_INT64, .name = SL_NAME_TIMESTAMP, .version = 1});
        const struct sl_param params[] = {{"scale", "2"}, {"connect.decimal.precision", "12"}};
        const struct sl_schema *price = sl_schema_intern(&(struct sl_schema){
                .type = SL_BYTES, .name = SL_NAME_DECIMAL, .version = 1, .params = params, .param_count = 2});
        const struct sl_field fields[COLUMNS] = {
                {"id", 2, sl_schema_of(SL_INT64, false)},       {"customer", 8, sl_schema_of(SL_INT32, false)},
                {"amount", 6, sl_schema_of(SL_FLOAT64, false)}, {"score", 5, sl_schema_of(SL_FLOAT64, true)},
                {"active", 6, sl_schema_of(SL_BOOLEAN, false)}, {"created", 7, time},
                {"status", 6, sl_schema_of(SL_STRING, false)},  {"city", 4, sl_schema_of(SL_STRING, true)},
                {"email", 5, sl_schema_of(SL_STRING, false)},   {"price", 5, price},
                {"note", 4, sl_schema_of(SL_STRING, true)},     {"qty", 3, sl_schema_of(SL_INT32, false)}};
        return sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = "Order", .fields = fields, .field_count = COLUMNS});
}

static struct sl_value text(struct sl_arena *a, const char *head, unsigned long long n, const char *tail)
{
        return sl_v_str(sl_str_c(sl_arena_printf(a, "%s%llu%s", head, n, tail)));
}

static struct sl_value decimal(struct sl_arena *a, uint64_t n)
{
        uint32_t len = 1;
        while (n >> (8 * len - 1))
                len++;
        char *p = sl_arena_alloc(a, len);
        for (uint32_t i = 0; i < len; i++)
                p[i] = (char)(n >> 8 * (len - 1 - i));
        return sl_v_bytes(p, len);
}

static struct sl_value make_row(struct sl_arena *a, uint64_t i)
{
        static const char *const statuses[] = {"new", "paid", "shipped", "returned", "lost"};
        struct sl_value *v = sl_arena_alloc(a, COLUMNS * sizeof(*v));
        v[0] = sl_v_i64(SL_INT64, (int64_t)i);
        v[1] = sl_v_i64(SL_INT32, (int64_t)draw(200000));
        v[2] = sl_v_f64(SL_FLOAT64, (double)draw(100000) / 100);
        v[3] = draw(10) ? sl_v_f64(SL_FLOAT64, (double)draw(1ull << 53) / (double)(1ull << 53)) : SL_V_NULL;
        v[4] = sl_v_bool(draw(2));
        v[5] = sl_v_i64(SL_INT64, 1700000000000 + (int64_t)(i * 137 + draw(100)));
        v[6] = sl_v_str(sl_str_c(statuses[draw(5)]));
        v[7] = draw(20) ? text(a, "city-", draw(200), "") : SL_V_NULL;
        v[8] = text(a, "user", draw(1000000000), "@example.com");
        v[9] = decimal(a, draw(100000000));
        v[10] = draw(2) ? text(a, "note ", draw(UINT64_MAX), "") : SL_V_NULL;
        v[11] = sl_v_i64(SL_INT32, (int64_t)draw(100));
        return sl_v_items(SL_STRUCT, v, COLUMNS);
}

static double cpu_seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
        size_t n = strlen(name);
        for (int i = 1; i < argc; i++)
                if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
                        return argv[i] + n + 1;
        return otherwise;
}

static int pick(const char *name, const char *const *names)
{
        for (int i = 0; names[i]; i++)
                if (strcmp(name, names[i]) == 0)
                        return i;
        fprintf(stderr, "unknown value %s\n", name);
        exit(2);
}

static size_t write_once(void *w, const struct sl_schema *schema, const struct sl_value *rows, uint64_t n, FILE *file,
                         struct sl_buf *out)
{
        struct sl_err err = {0};
        size_t bytes = 0;
        bool ok = sl_format_parquet.begin(w, schema, out, &err) == SL_OK;
        for (uint64_t i = 0; ok && i < n; i++) {
                ok = sl_format_parquet.append(w, &rows[i], &err) == SL_OK;
                if (out->len < 5 << 20 && ok)
                        continue;
                if (file)
                        fwrite(out->ptr, 1, out->len, file);
                bytes += out->len;
                sl_buf_clear(out);
        }
        if (!ok || sl_format_parquet.finish(w, &err) != SL_OK) {
                fprintf(stderr, "%s\n", err.msg);
                exit(1);
        }
        if (file)
                fwrite(out->ptr, 1, out->len, file);
        bytes += out->len;
        sl_buf_clear(out);
        return bytes;
}

int main(int argc, char **argv)
{
        static const char *const codecs[] = {"none", "gzip", "snappy", "zstd", "lz4_raw", NULL};
        static const enum sl_format_codec codec_of[] = {SL_CODEC_NONE, SL_CODEC_GZIP, SL_CODEC_SNAPPY, SL_CODEC_ZSTD,
                                                        SL_CODEC_LZ4_RAW};
        static const char *const encodings[] = {"delta", "plain", "all", NULL};
        uint64_t n = strtoull(option(argc, argv, "rows", "1000000"), NULL, 10);
        int rounds = atoi(option(argc, argv, "rounds", "3"));
        const char *path = option(argc, argv, "out", NULL), *codec = option(argc, argv, "codec", "snappy");
        struct sl_format_opts opts = {.codec = codec_of[pick(codec, codecs)],
                                      .level = atoi(option(argc, argv, "level", "-1")),
                                      .row_group_bytes = strtoull(option(argc, argv, "group", "0"), NULL, 10)};
        opts.parquet.pages_v2 = atoi(option(argc, argv, "v2", "0"));
        opts.parquet.encodings = (enum sl_parquet_encodings)pick(option(argc, argv, "encodings", "delta"), encodings);
        struct sl_arena arena;
        sl_arena_init(&arena, 1 << 20);
        const struct sl_schema *schema = make_schema();
        struct sl_value *rows = sl_malloc((n ? n : 1) * sizeof(*rows));
        for (uint64_t i = 0; i < n; i++)
                rows[i] = make_row(&arena, i);
        void *w = sl_format_parquet.create(&opts);
        struct sl_buf out = {0};
        double best = 1e9;
        size_t bytes = 0;
        for (int r = 0; r < rounds; r++) {
                FILE *file = path && r == rounds - 1 ? fopen(path, "wb") : NULL;
                double start = cpu_seconds();
                bytes = write_once(w, schema, rows, n, file, &out);
                double took = cpu_seconds() - start;
                best = took < best ? took : best;
                if (file && fclose(file) != 0)
                        return 1;
        }
        printf("{\"rows\":%llu,\"codec\":\"%s\",\"seconds\":%.4f,\"rows_per_s\":%.0f,\"bytes\":%zu}\n",
               (unsigned long long)n, codec, best, (double)n / best, bytes);
        sl_format_parquet.destroy(w);
        sl_buf_free(&out);
        free(rows);
        sl_arena_free(&arena);
        return 0;
}
