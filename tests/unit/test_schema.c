/* SPDX-License-Identifier: Apache-2.0 */
/* record/schema.c: equal in Connect's sense is the same pointer, everything else is not; copies, logical types,
 * fingerprints, interning from several threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/schema.h"

#define SCALE_2 ((const struct sl_param[]){{"scale", "2"}})

static struct sl_schema base_spec(void)
{
        static struct sl_field fields[2];
        static const struct sl_param params[] = {{"a", "1"}, {"b", "2"}};
        fields[0] = (struct sl_field){.name = "id", .schema = sl_schema_of(SL_INT32, false)};
        fields[1] = (struct sl_field){.name = "note", .schema = sl_schema_of(SL_STRING, true)};
        return (struct sl_schema){.type = SL_STRUCT,
                                  .name = "srv.public.t.Value",
                                  .doc = "d",
                                  .version = 1,
                                  .param_count = 2,
                                  .params = params,
                                  .field_count = 2,
                                  .fields = fields};
}

static void equal_specs_are_one_schema(void **state)
{
        (void)state;
        struct sl_schema spec = base_spec();
        const struct sl_schema *s = sl_schema_intern(&spec);
        uint32_t count = sl_schema_count();
        static const struct sl_param swapped[] = {{"b", "2"}, {"a", "1"}};
        assert_ptr_equal(sl_schema_intern(&spec), s);
        assert_ptr_equal(sl_schema_intern(s), s);
        spec.params = swapped; /* a Java map: the order does not count */
        spec.id = 77, spec.fingerprint = 1, spec.logical = SL_LOGICAL_DATE, spec.decimal_scale = 5; /* ignored */
        assert_ptr_equal(sl_schema_intern(&spec), s);
        assert_int_equal(sl_schema_count(), count);
        assert_ptr_equal(sl_schema_of(SL_INT32, false), sl_schema_intern(&(struct sl_schema){.type = SL_INT32}));
        assert_ptr_equal(sl_schema_of(SL_INT32, false), sl_schema_of(SL_INT32, false));
        assert_ptr_not_equal(sl_schema_of(SL_INT32, false), sl_schema_of(SL_INT32, true));
}

static void a_name_twice_is_still_one_schema(void **state)
{
        (void)state;
        const struct sl_param params[] = {{"allowed", "a"}, {"allowed", "b"}};
        struct sl_schema spec = {.type = SL_STRING, .param_count = 2, .params = params};
        assert_ptr_equal(sl_schema_intern(&spec), sl_schema_intern(&spec));
}

static void every_attribute_counts(void **state)
{
        (void)state;
        enum { N = 15 };
        struct sl_schema v[N];
        const struct sl_schema *got[N];
        for (int i = 0; i < N; i++)
                v[i] = base_spec();
        static const struct sl_param other_value[] = {{"a", "1"}, {"b", "3"}}, other_name[] = {{"a", "1"}, {"c", "2"}};
        struct sl_field renamed[2], retyped[2], turned[2];
        memcpy(renamed, v[0].fields, sizeof(renamed));
        memcpy(retyped, v[0].fields, sizeof(retyped));
        memcpy(turned, v[0].fields, sizeof(turned));
        renamed[1].name = "Note";
        retyped[0].schema = sl_schema_of(SL_INT64, false);
        turned[0] = v[0].fields[1], turned[1] = v[0].fields[0];
        v[1].name = NULL;
        v[2].name = "";
        v[3].doc = NULL;
        v[4].version = 2;
        v[5].optional = true;
        v[6].params = other_value;
        v[7].params = other_name;
        v[8].param_count = 1;
        v[9].fields = renamed;
        v[10].fields = retyped;
        v[11].fields = turned;
        v[12].field_count = 1;
        v[13].name = "d", v[13].doc = "srv.public.t.Value";
        v[14].has_default = true, v[14].def = sl_v_items(SL_STRUCT, (struct sl_value[2]){sl_v_i64(SL_INT32, 1)}, 2);
        for (int i = 0; i < N; i++) {
                got[i] = sl_schema_intern(&v[i]);
                for (int j = 0; j < i; j++) {
                        assert_ptr_not_equal(got[i], got[j]);
                        assert_true(got[i]->fingerprint != got[j]->fingerprint);
                        assert_int_not_equal(got[i]->id, got[j]->id);
                }
        }
        for (int i = 0; i < N; i++)
                assert_ptr_equal(sl_schema_intern(&v[i]), got[i]);
}

static void children_count(void **state)
{
        (void)state;
        const struct sl_schema *i32 = sl_schema_of(SL_INT32, false), *str = sl_schema_of(SL_STRING, false);
        const struct sl_schema *m1 = sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .key = str, .value = i32});
        const struct sl_schema *m2 = sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .key = i32, .value = str});
        const struct sl_schema *a1 = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = i32});
        const struct sl_schema *a2 = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = str});
        assert_ptr_not_equal(m1, m2);
        assert_ptr_not_equal(a1, a2);
        assert_ptr_equal(m1->key, str);
        assert_ptr_equal(a2->value, str);
}

static void nothing_of_the_spec_is_kept(void **state)
{
        (void)state;
        char name[] = "copied", doc[] = "doc", pname[] = "p", pvalue[] = "v", fname[] = "field", text[] = "default";
        struct sl_param param = {pname, pvalue};
        struct sl_field field = {.name = fname, .schema = sl_schema_of(SL_STRING, false)};
        struct sl_value item = sl_v_str((struct sl_str){text, 7});
        struct sl_schema spec = {.type = SL_STRUCT,
                                 .name = name,
                                 .doc = doc,
                                 .param_count = 1,
                                 .params = &param,
                                 .field_count = 1,
                                 .fields = &field,
                                 .has_default = true,
                                 .def = sl_v_items(SL_STRUCT, &item, 1)};
        const struct sl_schema *s = sl_schema_intern(&spec);
        name[0] = doc[0] = pname[0] = pvalue[0] = fname[0] = text[0] = 'X';
        param.name = NULL, field.schema = NULL, item.len = 1;
        assert_string_equal(s->name, "copied");
        assert_string_equal(s->doc, "doc");
        assert_string_equal(sl_schema_param(s, "p"), "v");
        assert_null(sl_schema_param(s, "q"));
        assert_string_equal(s->fields[0].name, "field");
        assert_int_equal(s->fields[0].name_len, 5);
        assert_ptr_equal(s->fields[0].schema, sl_schema_of(SL_STRING, false));
        assert_true(sl_str_eqc(sl_v_as_str(&s->def.items[0]), "default"));
        assert_int_equal(sl_schema_field(s, "field", 5), 0);
        assert_int_equal(sl_schema_field(s, "fiel", 4), -1);
        assert_int_equal(sl_schema_field(s, "Field", 5), -1);
}

static const struct sl_schema *with_default(struct sl_value v)
{
        return sl_schema_intern(&(struct sl_schema){.type = (enum sl_type)v.type, .has_default = true, .def = v});
}

static void defaults_by_value(void **state)
{
        (void)state;
        assert_ptr_equal(with_default(sl_v_i64(SL_INT32, 5)), with_default(sl_v_i64(SL_INT32, 5)));
        assert_ptr_not_equal(with_default(sl_v_i64(SL_INT32, 5)), with_default(sl_v_i64(SL_INT32, 6)));
        assert_ptr_not_equal(with_default(sl_v_i64(SL_INT32, 0)), sl_schema_of(SL_INT32, false));
        assert_ptr_equal(with_default(sl_v_f64(SL_FLOAT64, __builtin_nan("1"))),
                         with_default(sl_v_f64(SL_FLOAT64, -__builtin_nan("2"))));
        assert_ptr_not_equal(with_default(sl_v_str(SL_STR(""))), with_default(sl_v_str(SL_STR("\0"))));
        assert_ptr_equal(with_default(sl_v_bool(true)), with_default(sl_v_bool(true)));
        const struct sl_value ab[] = {sl_v_i64(SL_INT32, 1), sl_v_i64(SL_INT32, 2), sl_v_i64(SL_INT32, 3), SL_V_NULL};
        const struct sl_value ba[] = {sl_v_i64(SL_INT32, 3), SL_V_NULL, sl_v_i64(SL_INT32, 1), sl_v_i64(SL_INT32, 2)};
        assert_ptr_equal(with_default(sl_v_items(SL_MAP, ab, 2)), with_default(sl_v_items(SL_MAP, ba, 2)));
        assert_ptr_not_equal(with_default(sl_v_items(SL_ARRAY, ab, 4)), with_default(sl_v_items(SL_ARRAY, ba, 4)));
        /* A default of null is none. */
        struct sl_schema spec = {.type = SL_STRING, .optional = true, .has_default = true, .def = SL_V_NULL};
        assert_ptr_equal(sl_schema_intern(&spec), sl_schema_of(SL_STRING, true));
        assert_false(sl_schema_intern(&spec)->has_default);
}

static void logical_types_by_name_and_type(void **state)
{
        (void)state;
        static const struct {
                enum sl_type type;
                const char *name;
                enum sl_logical want;
        } cases[] = {
                {SL_BYTES, SL_NAME_DECIMAL, SL_LOGICAL_DECIMAL},
                {SL_INT32, SL_NAME_DATE, SL_LOGICAL_DATE},
                {SL_INT32, SL_NAME_TIME, SL_LOGICAL_TIME},
                {SL_INT64, SL_NAME_TIMESTAMP, SL_LOGICAL_TIMESTAMP},
                {SL_STRING, SL_NAME_DECIMAL, SL_LOGICAL_NONE},
                {SL_INT64, SL_NAME_DATE, SL_LOGICAL_NONE},
                {SL_INT32, "io.debezium.time.Date", SL_LOGICAL_NONE},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_schema spec = {
                        .type = cases[i].type, .name = cases[i].name, .param_count = 1, .params = SCALE_2};
                const struct sl_schema *s = sl_schema_intern(&spec);
                assert_int_equal(s->logical, cases[i].want);
                assert_int_equal(s->decimal_scale, cases[i].want == SL_LOGICAL_DECIMAL ? 2 : 0);
        }
}

static void ids_are_dense_and_fingerprints_stay(void **state)
{
        (void)state;
        uint32_t before = sl_schema_count();
        char name[32];
        for (uint32_t i = 0; i < 1000; i++) { /* the table grows on the way */
                snprintf(name, sizeof(name), "dense-%u", i);
                assert_int_equal(sl_schema_intern(&(struct sl_schema){.type = SL_STRING, .name = name})->id,
                                 before + i);
        }
        for (uint32_t i = 0; i < 1000; i++) {
                snprintf(name, sizeof(name), "dense-%u", i);
                assert_int_equal(sl_schema_intern(&(struct sl_schema){.type = SL_STRING, .name = name})->id,
                                 before + i);
        }
        assert_int_equal(sl_schema_count(), before + 1000);
        struct sl_schema spec = base_spec();
        assert_true(sl_schema_intern(&spec)->fingerprint == 0x73a18d053296c777u); /* the same in every run and build */
}

static void *intern_many(void *arg)
{
        const struct sl_schema **got = arg;
        char name[32];
        for (int i = 0; i < 500; i++) {
                snprintf(name, sizeof(name), "thread-%d", i);
                got[i] = sl_schema_intern(&(struct sl_schema){.type = SL_INT64, .name = name});
                assert_true(sl_schema_of(SL_FLOAT32, i % 2)->type == SL_FLOAT32);
        }
        return NULL;
}

static void threads_get_the_same_pointers(void **state)
{
        (void)state;
        static const struct sl_schema *got[4][500];
        pthread_t t[4];
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&t[i], NULL, intern_many, got[i]), 0);
        for (int i = 0; i < 4; i++)
                pthread_join(t[i], NULL);
        for (int i = 1; i < 4; i++)
                assert_memory_equal(got[0], got[i], sizeof(got[0]));
}

static void type_names(void **state)
{
        (void)state;
        assert_string_equal(sl_type_name(SL_BOOLEAN), "BOOLEAN");
        assert_string_equal(sl_type_name(SL_FLOAT64), "FLOAT64");
        assert_string_equal(sl_type_name(SL_STRUCT), "STRUCT");
        assert_string_equal(sl_type_name((enum sl_type)99), "UNKNOWN");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_specs_are_one_schema),
                cmocka_unit_test(a_name_twice_is_still_one_schema),
                cmocka_unit_test(every_attribute_counts),
                cmocka_unit_test(children_count),
                cmocka_unit_test(nothing_of_the_spec_is_kept),
                cmocka_unit_test(defaults_by_value),
                cmocka_unit_test(logical_types_by_name_and_type),
                cmocka_unit_test(ids_are_dense_and_fingerprints_stay),
                cmocka_unit_test(threads_get_the_same_pointers),
                cmocka_unit_test(type_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
