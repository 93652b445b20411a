/* SPDX-License-Identifier: Apache-2.0 */
/* TimestampConverter and TimestampRouter: what tests/conformance/transforms (cases/time_*.json) can't see, because Connect's JSON
 * reader knows no defaults of structs: the conversion of such a default. And configs, and that rows allocate nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/allocations.h"
#include "tests/unit/smt.h"

extern const struct sl_transform_ops sl_timestamp_converter_key, sl_timestamp_converter_value, sl_timestamp_router;

static const struct sl_schema *timestamp_schema(bool has_default)
{
        struct sl_schema spec = {.type = SL_INT64, .name = SL_NAME_TIMESTAMP, .version = 1, .has_default = has_default,
                                 .def = sl_v_i64(SL_INT64, 5000)};
        return sl_schema_intern(&spec);
}

/* id INT32, ts Timestamp; the default of the whole is {7, def_ts}. */
static const struct sl_schema *row_schema(const struct sl_schema *ts, struct sl_value def_ts)
{
        struct sl_field fields[] = {{.name = "id", .schema = sl_schema_of(SL_INT32, false)}, {.name = "ts", .schema = ts}};
        struct sl_value def[] = {sl_v_i64(SL_INT32, 7), def_ts};
        struct sl_schema spec = {.type = SL_STRUCT, .optional = true, .name = "row", .version = 3, .fields = fields,
                                 .field_count = 2, .has_default = true, .def = sl_v_items(SL_STRUCT, def, 2)};
        return sl_schema_intern(&spec);
}

static void converts_the_default_of_a_struct(void **state)
{
        (void)state;
        struct smt t;
        assert_true(OPEN(&t, &sl_timestamp_converter_value, "field", "ts", "target.type", "string", "format", "yyyy-MM-dd"));
        const struct sl_schema *in = row_schema(timestamp_schema(false), sl_v_i64(SL_INT64, 86400000));
        struct sl_record rec = {.value_schema = in};
        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
        const struct sl_schema *out = rec.value_schema;
        assert_int_equal(rec.value.type, SL_NULL);
        assert_true(out->optional && out->has_default && out->version == 3 && strcmp(out->name, "row") == 0);
        assert_ptr_equal(out->fields[1].schema, sl_schema_of(SL_STRING, false));
        assert_int_equal(out->def.items[0].i64, 7);
        assert_true(sl_str_eqc(sl_v_as_str(&out->def.items[1]), "1970-01-02"));
        smt_close(&t);
}

/* The field's own default goes away, so a null may not stay. */
static void a_null_without_its_default_is_refused(void **state)
{
        (void)state;
        const struct sl_schema *in = row_schema(timestamp_schema(true), sl_v_i64(SL_INT64, 1));
        struct sl_value items[] = {sl_v_i64(SL_INT32, 1), SL_V_NULL};
        for (int keep = 0; keep < 2; keep++) {
                struct smt t;
                struct sl_err err = {0};
                struct sl_record rec = {.value_schema = in, .value = sl_v_items(SL_STRUCT, items, 2)};
                assert_true(OPEN(&t, &sl_timestamp_converter_value, "field", "ts", "target.type", "unix", "unix.precision",
                                 "seconds", "replace.null.with.default", keep ? "false" : "true"));
                enum sl_rc rc = t.ops->apply(t.st, &rec, &t.arena, &err);
                if (keep) {
                        assert_int_equal(rc, SL_BUSINESS);
                        assert_string_equal(err.msg, "Invalid value: null used for required field: \"ts\", schema type: INT64");
                } else {
                        assert_int_equal(rc, SL_OK);
                        assert_int_equal(rec.value.items[1].i64, 5);
                }
                smt_close(&t);
        }
}

static void configs_are_checked(void **state)
{
        (void)state;
        static const char *const cases[][5] = {
                {"target.type", "date", "format", "yyyy",
                 "target.type: Invalid value date for configuration target.type: String must be one of: string, unix, Date, Time, "
                 "Timestamp;"},
                {"target.type", "string", "format", " ",
                 "format: TimestampConverter requires format option to be specified when using string timestamps;"},
                {"target.type", "unix", "format", "yyyyI",
                 "format: Invalid value java.lang.IllegalArgumentException: Illegal pattern character 'I' for configuration "
                 "TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: yyyyI;"},
                {"target.type", "unix", "unix.precision", "ms",
                 "unix.precision: Invalid value ms for configuration unix.precision: String must be one of: nanoseconds, "
                 "microseconds, milliseconds, seconds;"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct smt t;
                assert_false(OPEN(&t, &sl_timestamp_converter_key, cases[i][0], cases[i][1], cases[i][2], cases[i][3]));
                assert_string_equal(sl_buf_cstr(&t.problem), cases[i][4]);
                smt_close(&t);
        }
        struct smt t;
        assert_false(OPEN(&t, &sl_timestamp_router, "timestamp.format", "yyyy 'x"));
        assert_string_equal(sl_buf_cstr(&t.problem),
                            "timestamp.format: Invalid value yyyy 'x for configuration timestamp.format: Unterminated quote;");
        smt_close(&t);
}

static void rows_allocate_nothing(void **state)
{
        (void)state;
        struct smt convert, route;
        struct sl_arena rows = {0};
        const struct sl_schema *in = row_schema(timestamp_schema(false), sl_v_i64(SL_INT64, 1));
        struct sl_value items[] = {sl_v_i64(SL_INT32, 1), sl_v_i64(SL_INT64, 1483425001864)};
        uint64_t before = 0;
        sl_arena_init(&rows, 0);
        assert_true(OPEN(&convert, &sl_timestamp_converter_value, "field", "ts", "target.type", "string", "format",
                         "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"));
        assert_true(OPEN(&route, &sl_timestamp_router, "topic.format", "${timestamp}/${topic}"));
        for (int i = 0; i < 1000; i++) {
                struct sl_record rec = {.topic = SL_STR("bank"), .timestamp_ms = 1483425001864, .value_schema = in,
                                        .value = sl_v_items(SL_STRUCT, items, 2)};
                if (i == 2)
                        before = allocations();
                enum sl_rc rc = convert.ops->apply(convert.st, &rec, &rows, NULL);
                if (rc != SL_OK || !sl_str_eqc(sl_v_as_str(&rec.value.items[1]), "2017-01-03T06:30:01.864Z"))
                        fail();
                rc = route.ops->apply(route.st, &rec, &rows, NULL);
                if (rc != SL_OK || !sl_str_eqc(rec.topic, "20170103/bank"))
                        fail();
                sl_arena_reset(&rows);
        }
        assert_int_equal(allocations() - before, 0);
        sl_arena_free(&rows);
        smt_close(&convert);
        smt_close(&route);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(converts_the_default_of_a_struct),
                cmocka_unit_test(a_null_without_its_default_is_refused),
                cmocka_unit_test(configs_are_checked),
                cmocka_unit_test(rows_allocate_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
