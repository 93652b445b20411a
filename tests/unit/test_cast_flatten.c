/* SPDX-License-Identifier: Apache-2.0 */
/* Cast and Flatten where tests/conformance/transforms can't look: what configs are told, defaults of structs (which
 * JSON can't carry through Connect), what is shared with the input, and heap allocations. Values as such are compared
 * with Java there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/allocations.h"
#include "tests/unit/smt.h"

extern const struct sl_transform_ops sl_cast_key, sl_cast_value, sl_flatten_key, sl_flatten_value;

static void applied(struct smt *t, struct sl_record *rec, const char *want)
{
        struct sl_buf text = {0};
        struct sl_err err = {0};
        if (t->ops->apply(t->st, rec, &t->arena, &err) != SL_OK)
                fail_msg("%s", err.msg);
        sl_value_print(rec->value_schema, &rec->value, &text);
        assert_string_equal(sl_buf_cstr(&text), want);
        sl_buf_free(&text);
}

static void refused(struct smt *t, struct sl_record rec, const char *java, const char *want)
{
        struct sl_err err = {0};
        assert_int_equal(t->ops->apply(t->st, &rec, &t->arena, &err), SL_BUSINESS);
        assert_string_equal(err.msg, want);
        assert_string_equal(err.java, java);
}

static const struct sl_schema *with_default(struct sl_schema base, struct sl_value def)
{
        base.has_default = true;
        base.def = def;
        return sl_schema_intern(&base);
}

static const struct sl_schema *struct_of(bool optional, const struct sl_value *def, uint32_t n,
                                         const struct sl_field *fields)
{
        struct sl_schema s = {.type = SL_STRUCT, .optional = optional, .name = "row", .version = 3, .doc = "d"};
        s.fields = fields;
        s.field_count = n;
        return def ? with_default(s, *def) : sl_schema_intern(&s);
}

/* ---- Cast ---- */

/* What the check says, and that opening says the same. */
static void spec_refused(const char *spec, const char *want)
{
        const struct sl_transform_ops *ops = &sl_cast_value;
        struct sl_cfg_report report = {0};
        struct sl_arena arena;
        struct sl_props props = {0};
        struct sl_err err = {0};
        void *cfg = sl_calloc(1, ops->config_size), *st = sl_calloc(1, ops->state_size);
        sl_arena_init(&arena, 0);
        sl_props_set(&props, "spec", spec);
        sl_cfg_parse(ops->config, &props, cfg, &arena, &report);
        assert_int_equal(report.errors, 0);
        ops->check(cfg, &report);
        assert_int_equal(report.errors, 1);
        assert_string_equal(report.findings[0].key, "spec");
        assert_string_equal(report.findings[0].text, want);
        assert_int_equal(ops->open(st, cfg, ops, &err), SL_FATAL);
        assert_string_equal(err.msg, want);
        ops->close(st);
        sl_cfg_report_free(&report);
        sl_props_free(&props);
        sl_arena_free(&arena);
        free(cfg);
        free(st);
}

static void cast_specs(void **state)
{
        (void)state;
        spec_refused("", "Must specify at least one field to cast.");
        spec_refused("x:int8,a:b:c",
                     "Invalid value [x:int8, a:b:c] for configuration renames: Invalid rename mapping: a:b:c");
        spec_refused("a: foo", "Invalid value java.lang.IllegalArgumentException: No enum constant "
                               "org.apache.kafka.connect.data.Schema.Type.FOO for configuration Invalid type found in "
                               "casting spec: foo");
        spec_refused("a:bytes",
                     "Cast transformation does not support casting to BYTES; supported types are [INT8, INT16, "
                     "INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]");
        spec_refused("string,a:int8", "Cast transformations that specify a type to cast the entire value to may only "
                                      "specify a single cast in their spec");
}

static void cast_leaves_the_input_alone(void **state)
{
        (void)state;
        struct smt t;
        struct sl_field fields[] = {{.name = "a", .schema = sl_schema_of(SL_INT64, false)},
                                    {.name = "toast", .schema = sl_schema_of(SL_STRING, true)}};
        struct sl_value items[] = {sl_v_i64(SL_INT64, 300), sl_v_str(SL_STR("__debezium_unavailable_value"))};
        items[1].flags = SL_V_UNAVAILABLE;
        struct sl_record rec = {.value_schema = struct_of(false, NULL, 2, fields),
                                .value = sl_v_items(SL_STRUCT, items, 2)};
        const struct sl_schema *in = rec.value_schema;
        assert_true(OPEN(&t, &sl_cast_value, "spec", "a:int8"));
        applied(&t, &rec, "Struct{a=44,toast=__debezium_unavailable_value}");
        assert_int_equal(rec.value.items[1].flags, SL_V_UNAVAILABLE);
        assert_ptr_equal(rec.value.items[1].ptr, items[1].ptr);
        assert_int_equal(items[0].i64, 300);
        assert_int_equal(rec.value_schema->fields[0].schema->type, SL_INT8);
        assert_int_equal(rec.value_schema->version, 3);
        struct sl_record again = {.value_schema = in, .value = sl_v_items(SL_STRUCT, items, 2)};
        applied(&t, &again, "Struct{a=44,toast=__debezium_unavailable_value}");
        assert_ptr_equal(again.value_schema, rec.value_schema);
        smt_close(&t);
}

/* Java refuses the schema, not the row, so the next row is refused as well. */
static void cast_of_a_struct_with_default(void **state)
{
        (void)state;
        struct smt t;
        struct sl_field fields[] = {{.name = "a", .schema = sl_schema_of(SL_INT64, false)}};
        struct sl_value items[] = {sl_v_i64(SL_INT64, 3)}, v = sl_v_items(SL_STRUCT, items, 1);
        struct sl_record rec = {.value_schema = struct_of(true, &v, 1, fields), .value = v};
        assert_true(OPEN(&t, &sl_cast_value, "spec", "a:int8"));
        for (int i = 0; i < 2; i++)
                refused(&t, rec, SL_JAVA_DATA,
                        "Cast transformation does not support casting from STRUCT; supported types are [INT8, INT16, "
                        "INT32, "
                        "INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]");
        smt_close(&t);
}

/* ---- Flatten ---- */

#define X(f)                                                                                                           \
        (struct sl_field){.name = "x", .schema = (f)}, (struct sl_field)                                               \
        {                                                                                                              \
                .name = "y", .schema = sl_schema_of(SL_INT32, true)                                                    \
        }

static void flatten_defaults_come_from_above(void **state)
{
        (void)state;
        struct smt t;
        struct sl_value three[] = {sl_v_i64(SL_INT32, 3), SL_V_NULL},
                        four[] = {sl_v_i64(SL_INT32, 4), sl_v_i64(SL_INT32, 5)};
        struct sl_value in_three = sl_v_items(SL_STRUCT, three, 2), in_four = sl_v_items(SL_STRUCT, four, 2);
        struct sl_schema seven = {.type = SL_INT32};
        struct sl_field plain[] = {X(sl_schema_of(SL_INT32, false))},
                        own[] = {X(with_default(seven, sl_v_i64(SL_INT32, 7)))};
        struct sl_value outer_def[] = {in_four, SL_V_NULL, in_four, in_four}, def = sl_v_items(SL_STRUCT, outer_def, 4);
        struct sl_field fields[] = {
                {.name = "a", .schema = struct_of(false, &in_three, 2, plain)}, /* its own default */
                {.name = "b", .schema = struct_of(true, NULL, 2, plain)},       /* null above */
                {.name = "c", .schema = struct_of(false, NULL, 2, plain)},      /* the outer one's */
                {.name = "d", .schema = struct_of(false, NULL, 2, own)}};       /* a leaf's own */
        struct sl_value items[] = {in_four, SL_V_NULL, in_three, in_three};
        struct sl_record rec = {.value_schema = struct_of(false, &def, 4, fields),
                                .value = sl_v_items(SL_STRUCT, items, 4)};
        static const char *const names[] = {"a.x", "a.y", "b.x", "b.y", "c.x", "c.y", "d.x", "d.y"};
        static const int64_t defs[] = {3, -1, -1, -1, 4, 5, 7, 5};
        static const bool optional[] = {false, true, true, true, false, true, false, true};
        assert_true(OPEN(&t, &sl_flatten_value, "delimiter", "."));
        /* a null leaf takes the default of its own schema only, not the one from above */
        applied(&t, &rec, "Struct{a.x=4,a.y=5,c.x=3,d.x=3}");
        const struct sl_schema *s = rec.value_schema;
        assert_int_equal(s->field_count, 8);
        assert_false(s->optional || s->has_default);
        assert_string_equal(s->name, "row");
        for (int i = 0; i < 8; i++) {
                const struct sl_schema *f = s->fields[i].schema;
                assert_string_equal(s->fields[i].name, names[i]);
                assert_int_equal(f->has_default ? f->def.i64 : -1, defs[i]);
                assert_int_equal(f->optional, optional[i]);
        }
        smt_close(&t);
}

static void flatten_refusals(void **state)
{
        (void)state;
        struct smt t;
        struct sl_field x[] = {{.name = "b", .schema = sl_schema_of(SL_INT32, false)}};
        struct sl_field twice[] = {{.name = "a", .schema = struct_of(false, NULL, 1, x)},
                                   {.name = "a.b", .schema = sl_schema_of(SL_INT32, false)}};
        struct sl_value one[] = {sl_v_i64(SL_INT32, 1)},
                        items[] = {sl_v_items(SL_STRUCT, one, 1), sl_v_i64(SL_INT32, 2)};
        struct sl_value pair[] = {sl_v_i64(SL_INT64, 1), sl_v_i64(SL_INT64, 2)};
        assert_true(OPEN(&t, &sl_flatten_value, "delimiter", "."));
        refused(&t,
                (struct sl_record){.value_schema = struct_of(false, NULL, 2, twice),
                                   .value = sl_v_items(SL_STRUCT, items, 2)},
                "org.apache.kafka.connect.errors.SchemaBuilderException",
                "Cannot create field because of field name duplication a.b");
        refused(&t, (struct sl_record){.value = sl_v_items(SL_MAP, pair, 1)}, SL_JAVA_DATA,
                "Flatten needs strings as the keys of a map");
        smt_close(&t);
}

/* ---- both ---- */

static void allocate_nothing_per_row(void **state)
{
        (void)state;
        struct smt cast, flatten;
        struct sl_arena rows;
        struct sl_schema decimal = {.type = SL_BYTES, .name = SL_NAME_DECIMAL, .version = 1};
        struct sl_field inner[] = {{.name = "s", .schema = sl_schema_of(SL_STRING, false)},
                                   {.name = "dec", .schema = sl_schema_intern(&decimal)}};
        struct sl_field fields[] = {{.name = "in", .schema = struct_of(false, NULL, 2, inner)},
                                    {.name = "f", .schema = sl_schema_of(SL_FLOAT64, false)},
                                    {.name = "b", .schema = sl_schema_of(SL_BYTES, false)}};
        const struct sl_schema *schema = struct_of(false, NULL, 3, fields);
        struct sl_value in[] = {sl_v_str(SL_STR("-0x1.8p3")), sl_v_bytes("\1\2\3", 3)};
        struct sl_value row[] = {sl_v_items(SL_STRUCT, in, 2), sl_v_f64(SL_FLOAT64, 0.1), sl_v_bytes("abc", 3)};
        struct sl_value key_a = sl_v_str(SL_STR("in")), key_b = sl_v_str(SL_STR("s"));
        struct sl_value deep[] = {key_b, sl_v_str(SL_STR("1e3"))}, map[] = {key_a, sl_v_items(SL_MAP, deep, 1)};
        sl_arena_init(&rows, 0);
        assert_true(OPEN(&flatten, &sl_flatten_value, "delimiter", "_"));
        assert_true(OPEN(&cast, &sl_cast_value, "spec", "in_s:float32,in_dec:float64,f:string,b:string"));
        for (int i = 0; i < 1000; i++) {
                struct sl_record rec = {.value_schema = schema, .value = sl_v_items(SL_STRUCT, row, 3)};
                struct sl_record bare = {.value = sl_v_items(SL_MAP, map, 1)};
                uint64_t before = allocations();
                bool ok = flatten.ops->apply(flatten.st, &rec, &rows, NULL) == SL_OK &&
                          cast.ops->apply(cast.st, &rec, &rows, NULL) == SL_OK &&
                          flatten.ops->apply(flatten.st, &bare, &rows, NULL) == SL_OK &&
                          cast.ops->apply(cast.st, &bare, &rows, NULL) == SL_OK;
                if (!ok || (i > 100 && allocations() != before))
                        fail();
                if (rec.value.items[0].f64 != -12 || rec.value.items[1].f64 != 66051 || bare.value.items[1].f64 != 1000)
                        fail();
                if (i % 50 == 0)
                        sl_arena_reset(&rows);
        }
        sl_arena_free(&rows);
        smt_close(&cast);
        smt_close(&flatten);
}

static void key_side(void **state)
{
        (void)state;
        struct smt t;
        struct sl_record rec = {.key_schema = sl_schema_of(SL_INT64, false),
                                .key = sl_v_i64(SL_INT64, 5),
                                .value_schema = sl_schema_of(SL_INT64, false),
                                .value = sl_v_i64(SL_INT64, 6)};
        assert_true(OPEN(&t, &sl_cast_key, "spec", "string"));
        applied(&t, &rec, "6");
        assert_ptr_equal(rec.key_schema, sl_schema_of(SL_STRING, false));
        assert_true(sl_str_eqc(sl_v_as_str(&rec.key), "5"));
        smt_close(&t);
        assert_true(OPEN(&t, &sl_flatten_key, "delimiter", "."));
        refused(&t, rec, SL_JAVA_DATA, "Only Struct objects supported for [flattening], found: java.lang.String");
        smt_close(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(cast_specs),
                cmocka_unit_test(cast_leaves_the_input_alone),
                cmocka_unit_test(cast_of_a_struct_with_default),
                cmocka_unit_test(flatten_defaults_come_from_above),
                cmocka_unit_test(flatten_refusals),
                cmocka_unit_test(allocate_nothing_per_row),
                cmocka_unit_test(key_side),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
