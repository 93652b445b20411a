/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's Values against the answers of Kafka's own SimpleHeaderConverter (tests/golden/values/values.tsv), and round
 * trips of random values. SLUICE_VALUES names another file of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "record/logical.h"
#include "record/values.h"
#include "tests/unit/allocations.h"

static void escape(struct sl_str s, struct sl_buf *out)
{
        for (size_t i = 0; i < s.len; i++) {
                const char *at = strchr("\\\\\tt\nn\rr", s.ptr[i]);
                if (s.ptr[i] == '\\' || s.ptr[i] == '\t' || s.ptr[i] == '\n' || s.ptr[i] == '\r')
                        sl_buf_printf(out, "\\%c", at[1]);
                else
                        sl_buf_addc(out, s.ptr[i]);
        }
}

static size_t unescape(char *s)
{
        char *w = s;
        for (char *p = s; *p; p++) {
                if (*p == '\\' && p[1]) {
                        p++;
                        *w++ = *p == 't' ? '\t' : *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p;
                } else {
                        *w++ = *p;
                }
        }
        return (size_t)(w - s);
}

/* As ValuesOracle.java describes them. */
static void describe_schema(const struct sl_schema *s, struct sl_buf *out)
{
        sl_buf_adds(out, s ? sl_type_name(s->type) : "-");
        if (!s)
                return;
        if (s->optional)
                sl_buf_addc(out, '?');
        if (s->name)
                sl_buf_printf(out, ":%s", strrchr(s->name, '.') + 1);
        if (s->logical == SL_LOGICAL_DECIMAL)
                sl_buf_printf(out, "{scale=%d}", s->decimal_scale);
        if (s->type != SL_ARRAY && s->type != SL_MAP)
                return;
        sl_buf_addc(out, '<');
        if (s->type == SL_MAP) {
                describe_schema(s->key, out);
                sl_buf_addc(out, ',');
        }
        describe_schema(s->value, out);
        sl_buf_addc(out, '>');
}

static void describe(const struct sl_schema *s, const struct sl_value *v, struct sl_buf *out)
{
        static const char *const ints[] = {
                [SL_INT8] = "i8", [SL_INT16] = "i16", [SL_INT32] = "i32", [SL_INT64] = "i64"};
        float f = (float)v->f64;
        uint32_t f32;
        memcpy(&f32, &f, sizeof(f32));
        if (s)
                assert_true(v->type == s->type);
        if (s && s->logical == SL_LOGICAL_DECIMAL) {
                struct sl_buf scratch = {0};
                sl_buf_adds(out, "dec=");
                sl_decimal_print(v->ptr, v->len, s->decimal_scale, &scratch, out);
                sl_buf_free(&scratch);
        } else if (s && s->logical != SL_LOGICAL_NONE) {
                sl_buf_printf(out, "ms=%lld", (long long)v->i64 * (s->logical == SL_LOGICAL_DATE ? 86400000 : 1));
        } else if (v->type >= SL_INT8 && v->type <= SL_INT64) {
                sl_buf_printf(out, "%s=%lld", ints[v->type], (long long)v->i64);
        } else if (v->type == SL_FLOAT32) {
                sl_buf_printf(out, "f32=%08x", f32);
        } else if (v->type == SL_FLOAT64) {
                sl_buf_printf(out, "f64=%016llx", (unsigned long long)v->i64);
        } else if (v->type == SL_STRING) {
                sl_buf_addc(out, '\'');
                escape(sl_v_as_str(v), out);
                sl_buf_addc(out, '\'');
        } else if (v->type == SL_ARRAY || v->type == SL_MAP) {
                bool map = v->type == SL_MAP;
                sl_buf_addc(out, map ? '{' : '[');
                for (uint32_t i = 0; i < v->len * (1u + map); i++) {
                        if (i)
                                sl_buf_addc(out, map && i % 2 ? ':' : ',');
                        describe(s ? map && i % 2 == 0 ? s->key : s->value : NULL, &v->items[i], out);
                }
                sl_buf_addc(out, map ? '}' : ']');
        } else {
                sl_value_print(s, v, out);
        }
}

static void answer(struct sl_str text, struct sl_arena *arena, struct sl_buf *out)
{
        const struct sl_schema *schema;
        struct sl_value v;
        struct sl_buf printed = {0};
        sl_values_parse(text, arena, &schema, &v);
        describe_schema(schema, out);
        sl_buf_addc(out, '\t');
        describe(schema, &v, out);
        sl_buf_addc(out, '\t');
        sl_values_print(schema, &v, &printed);
        escape((struct sl_str){printed.ptr, printed.len}, out);
        sl_buf_free(&printed);
}

static void as_java(void **state)
{
        (void)state;
        const char *path = getenv("SLUICE_VALUES");
        FILE *f = fopen(path ? path : "tests/golden/values/values.tsv", "r");
        char *line = NULL;
        size_t room = 0, cases = 0, wrong = 0;
        struct sl_arena arena;
        struct sl_buf got = {0};
        sl_arena_init(&arena, 0);
        assert_non_null(f);
        while (getline(&line, &room, f) > 0) {
                line[strcspn(line, "\n")] = '\0';
                char *java = strchr(line, '\t');
                assert_non_null(java);
                *java++ = '\0';
                char *text = sl_strdup(line);
                sl_buf_clear(&got);
                answer((struct sl_str){text, unescape(text)}, &arena, &got);
                cases++;
                if (strcmp(sl_buf_cstr(&got), java) != 0) {
                        wrong++;
                        print_error("%s\n  Java %s\n  ours %s\n", line, java, sl_buf_cstr(&got));
                }
                free(text);
                sl_arena_reset(&arena);
        }
        fclose(f);
        free(line);
        sl_buf_free(&got);
        sl_arena_free(&arena);
        assert_true(cases > 300);
        assert_int_equal(wrong, 0);
}

static void assert_answer(const char *text, const char *want)
{
        struct sl_arena arena;
        struct sl_buf got = {0};
        sl_arena_init(&arena, 0);
        answer(sl_str_c(text), &arena, &got);
        assert_string_equal(sl_buf_cstr(&got), want);
        sl_buf_free(&got);
        sl_arena_free(&arena);
}

/* What Java reads into schemas that don't describe it is a string here, or has no member schema (docs/transforms.md).
 */
static void unlike_java(void **state)
{
        (void)state;
        assert_answer("[\"2024-02-29\",\"a\"]", "STRING\t'[\"2024-02-29\",\"a\"]'\t[\"2024-02-29\",\"a\"]");
        assert_answer(" [2024-02-29,01:02:03.004Z]",
                      "STRING\t' [2024-02-29,01:02:03.004Z]'\t [2024-02-29,01:02:03.004Z]");
        assert_answer("[1e400,1e401]", "STRING\t'[1e400,1e401]'\t[1e400,1e401]");
        assert_answer("9E99-01-01", "STRING\t'9E99-01-01'\t9E99-01-01");
        assert_answer("[[1],[300]]", "ARRAY<->\t[[i8=1],[i16=300]]\t[[1],[300]]");
        assert_answer("{1:{2:3},4:{\"a\":true}}",
                      "MAP<INT8,->\t{i8=1:{i8=2:i8=3},i8=4:{'a':true}}\t{1:{2:3},4:{\"a\":true}}");
}

static void deep(void **state)
{
        (void)state;
        struct sl_arena arena;
        const struct sl_schema *schema;
        struct sl_value v;
        char text[402];
        sl_arena_init(&arena, 0);
        memset(text, '[', 201);
        memset(text + 201, ']', 201);
        sl_values_parse((struct sl_str){text, 402}, &arena, &schema, &v);
        assert_true(v.type == SL_STRING && v.len == 402);
        sl_values_parse((struct sl_str){text + 1, 400}, &arena, &schema, &v);
        assert_true(v.type == SL_ARRAY);
        sl_arena_free(&arena);
}

/* Keys of a large map are found by hash: the last value of a key counts, in the place of the first. */
static void large_map(void **state)
{
        (void)state;
        enum { N = 1000 };
        struct sl_arena arena;
        const struct sl_schema *schema;
        struct sl_value v;
        struct sl_buf text = {0};
        sl_arena_init(&arena, 0);
        sl_buf_addc(&text, '{');
        for (int i = 0; i < 3 * N; i++)
                sl_buf_printf(&text, "%s\"k%d\":%d", i ? "," : "", i % N, i);
        sl_buf_addc(&text, '}');
        sl_values_parse((struct sl_str){text.ptr, text.len}, &arena, &schema, &v);
        assert_true(v.type == SL_MAP && v.len == N);
        for (int i = 0; i < N; i++) {
                char key[16];
                snprintf(key, sizeof(key), "k%d", i);
                assert_true(sl_str_eqc(sl_v_as_str(&v.items[2 * i]), key));
                assert_true(v.items[2 * i + 1].type == SL_INT16 && v.items[2 * i + 1].i64 == 2 * N + i);
        }
        sl_buf_free(&text);
        sl_arena_free(&arena);
}

static void words_cost_nothing(void **state)
{
        (void)state;
        const struct sl_schema *schema;
        struct sl_value v;
        sl_values_parse(SL_STR("x"), NULL, &schema, &v);
        uint64_t before = allocations();
        for (int i = 0; i < 1000; i++) {
                sl_values_parse(SL_STR("application/json; a=1"), NULL, &schema, &v);
                if (v.type != SL_STRING)
                        fail();
                sl_values_parse(SL_STR("2024 orders"), NULL, &schema, &v);
                if (v.type != SL_STRING)
                        fail();
        }
        assert_int_equal(allocations(), before);
}

/* A value that Values writes so that it reads back the same: numbers of the smallest type, words, members of one type.
 */
static struct sl_value random_value(struct sl_arena *a, unsigned *seed, int kind, int depth)
{
        static const int64_t ends[] = {INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX};
        int n = rand_r(seed) % 5;
        char *word = sl_arena_alloc(a, 8);
        struct sl_value *items = sl_arena_alloc(a, 10 * sizeof(*items));
        int keys = depth ? rand_r(seed) % 5 : 0, members = depth ? rand_r(seed) % 8 : 0;
        switch (kind) {
        case 0:
        case 1:
        case 2:
        case 3: /* INT8 ... INT64 */
                return sl_v_i64(SL_INT8 + (unsigned)kind, rand_r(seed) % 2 ? ends[kind] : -ends[kind] - 1);
        case 4:
                return sl_v_bool(rand_r(seed) % 2);
        case 5:
                for (int i = 0; i < 5; i++)
                        word[i] = (char)("abcdefgh:,[]{} 12."[rand_r(seed) % 18]);
                word[0] = word[1] = word[3] = word[4] = 'x';
                return sl_v_str((struct sl_str){word, 5});
        case 6:
                for (int i = 0; i <= n; i++)
                        items[i] = random_value(a, seed, members % 6, 0);
                return sl_v_items(SL_ARRAY, items, (uint32_t)n + 1);
        default:
                for (int i = 0; i <= n; i++) {
                        items[2 * i] = sl_v_i64(SL_INT16, 1000 + i);
                        if (keys == 4) {
                                items[2 * i] = random_value(a, seed, 5, 0);
                                ((char *)(uintptr_t)items[2 * i].ptr)[1] = (char)('a' + i);
                        }
                        items[2 * i + 1] = random_value(a, seed, members % 6, 0);
                }
                return sl_v_items(SL_MAP, items, (uint32_t)n + 1);
        }
}

static void round_trips(void **state)
{
        (void)state;
        const char *given = getenv("SLUICE_SEED");
        unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL), at = seed;
        struct sl_arena arena;
        struct sl_buf text = {0}, again = {0};
        sl_arena_init(&arena, 0);
        print_message("SLUICE_SEED=%u\n", seed);
        for (int i = 0; i < 20000; i++) {
                const struct sl_schema *schema;
                struct sl_value back, v = random_value(&arena, &at, i % 8, 1);
                sl_buf_clear(&text);
                sl_buf_clear(&again);
                sl_values_print(NULL, &v, &text);
                sl_values_parse((struct sl_str){text.ptr, text.len}, &arena, &schema, &back);
                sl_values_print(schema, &back, &again);
                if (!sl_value_equal(&v, &back) || strcmp(sl_buf_cstr(&text), sl_buf_cstr(&again)) != 0)
                        fail_msg("%s came back as %s", sl_buf_cstr(&text), sl_buf_cstr(&again));
                if (i % 100 == 0)
                        sl_arena_reset(&arena);
        }
        sl_buf_free(&text);
        sl_buf_free(&again);
        sl_arena_free(&arena);
}

/* Any bytes: nothing is read beyond the text, and what is written is a text again. */
static void noise(void **state)
{
        (void)state;
        static const char alphabet[] = ":,{}[]\"\\ \t01259.-+eETZntrufalse\xc3\xa9";
        const char *given = getenv("SLUICE_SEED");
        unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL), at = seed;
        struct sl_arena arena;
        struct sl_buf text = {0};
        sl_arena_init(&arena, 0);
        print_message("SLUICE_SEED=%u\n", seed);
        for (int i = 0; i < 50000; i++) {
                const struct sl_schema *schema;
                struct sl_value v;
                size_t n = (size_t)rand_r(&at) % 30;
                char *exact = sl_malloc(n + !n);
                for (size_t k = 0; k < n; k++)
                        exact[k] = alphabet[(size_t)rand_r(&at) % (sizeof(alphabet) - 1)];
                sl_values_parse((struct sl_str){exact, n}, &arena, &schema, &v);
                sl_buf_clear(&text);
                describe(schema, &v, &text);
                sl_values_print(schema, &v, &text);
                assert_true(sl_buf_ok(&text));
                free(exact);
                sl_arena_reset(&arena);
        }
        sl_buf_free(&text);
        sl_arena_free(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_java),   cmocka_unit_test(unlike_java),        cmocka_unit_test(deep),
                cmocka_unit_test(large_map), cmocka_unit_test(words_cost_nothing), cmocka_unit_test(round_trips),
                cmocka_unit_test(noise),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
