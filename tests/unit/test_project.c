/* SPDX-License-Identifier: Apache-2.0 */
/* record/project.c: decisions a mode, what values become, and values that are not of their schema. Random pairs are compared with
 * Java in tests/conformance/projection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/project.h"
#include "tests/unit/allocations.h"

static const struct sl_schema *row(int32_t version, enum sl_type number, const struct sl_field *more, uint32_t n)
{
        struct sl_field fields[4] = {{"id", 2, sl_schema_of(number, false)}, {"who", 3, sl_schema_of(SL_STRING, true)}};
        for (uint32_t i = 0; i < n; i++)
                fields[2 + i] = more[i];
        return sl_schema_intern(&(struct sl_schema){
                .type = SL_STRUCT, .name = "Row", .version = version, .fields = fields, .field_count = 2 + n});
}

static const struct sl_schema *with_default(enum sl_type type, bool optional, struct sl_value def)
{
        return sl_schema_intern(&(struct sl_schema){.type = type, .optional = optional, .has_default = true, .def = def});
}

static struct sl_fit fit(enum sl_compatibility mode, const struct sl_schema *file, const struct sl_schema *record)
{
        struct sl_projector *p = sl_projector_new(mode);
        struct sl_err err = {0};
        struct sl_fit a, b;
        assert_int_equal(sl_projector_fit(p, file, record, &a, &err), SL_OK);
        assert_int_equal(sl_projector_fit(p, file, record, &b, &err), SL_OK); /* from the pairs that are known */
        assert_int_equal(a.action, b.action);
        assert_ptr_equal(a.why, b.why);
        assert_ptr_equal(a.projection, b.projection);
        sl_projector_free(p);
        a.projection = NULL;
        return a;
}

static void expect_rotate(enum sl_compatibility mode, const struct sl_schema *file, const struct sl_schema *record,
                          const char *why)
{
        struct sl_fit f = fit(mode, file, record);
        assert_int_equal(f.action, SL_FIT_ROTATE);
        assert_string_equal(f.why, why);
}

static void versions_decide(void **state)
{
        (void)state;
        const struct sl_field extra = {"x", 1, sl_schema_of(SL_INT32, true)};
        const struct sl_schema *one = row(1, SL_INT32, NULL, 0), *two = row(2, SL_INT32, &extra, 1);
        for (int mode = SL_COMPATIBILITY_NONE; mode <= SL_COMPATIBILITY_FULL; mode++)
                assert_int_equal(fit((enum sl_compatibility)mode, one, one).action, SL_FIT_KEEP);
        expect_rotate(SL_COMPATIBILITY_NONE, one, two, "DIFFERENT_SCHEMA");
        expect_rotate(SL_COMPATIBILITY_BACKWARD, one, two, "DIFFERENT_VERSION");
        assert_int_equal(fit(SL_COMPATIBILITY_BACKWARD, two, one).action, SL_FIT_PROJECT);
        expect_rotate(SL_COMPATIBILITY_FULL, one, two, "DIFFERENT_VERSION");
        assert_int_equal(fit(SL_COMPATIBILITY_FULL, two, one).action, SL_FIT_PROJECT);
        expect_rotate(SL_COMPATIBILITY_FORWARD, two, one, "DIFFERENT_VERSION");
        assert_int_equal(fit(SL_COMPATIBILITY_FORWARD, one, two).action, SL_FIT_PROJECT);
        assert_null(fit(SL_COMPATIBILITY_FORWARD, one, two).why);
}

static void structure_decides(void **state)
{
        (void)state;
        const struct sl_field need = {"x", 1, sl_schema_of(SL_INT32, false)}, may = {"x", 1, sl_schema_of(SL_INT32, true)};
        const struct sl_schema *one = row(1, SL_INT32, NULL, 0);
        expect_rotate(SL_COMPATIBILITY_BACKWARD, row(2, SL_INT32, &need, 1), one, "MISSING_REQUIRED_FIELD");
        expect_rotate(SL_COMPATIBILITY_BACKWARD, row(2, SL_INT32, &need, 1), row(1, SL_INT32, &may, 1),
                      "INCOMPATIBLE_OPTIONALITY");
        expect_rotate(SL_COMPATIBILITY_BACKWARD, row(2, SL_STRING, NULL, 0), one, "DIFFERENT_TYPE");
        expect_rotate(SL_COMPATIBILITY_BACKWARD, row(2, SL_INT16, NULL, 0), one, "DIFFERENT_TYPE"); /* narrower */
        assert_int_equal(fit(SL_COMPATIBILITY_BACKWARD, row(2, SL_FLOAT32, NULL, 0), one).action, SL_FIT_PROJECT);
        struct sl_schema other = *one;
        other.name = "Other";
        expect_rotate(SL_COMPATIBILITY_FULL, sl_schema_intern(&other), one, "DIFFERENT_NAME");
        other = *one;
        other.params = (const struct sl_param[]){{"connect.record.doc", "d"},
                                                 {"io.confluent.connect.avro.field.doc.id", "d"}};
        other.param_count = 2;
        assert_int_equal(fit(SL_COMPATIBILITY_FULL, sl_schema_intern(&other), one).action, SL_FIT_PROJECT); /* remarks */
        other.params = (const struct sl_param[]){{"unit", "m"}};
        other.param_count = 1;
        expect_rotate(SL_COMPATIBILITY_FULL, sl_schema_intern(&other), one, "DIFFERENT_PARAMS");
}

static const struct sl_schema *letters(int32_t version, uint32_t n)
{
        static const struct sl_param all[] = {{"io.confluent.connect.avro.Enum", "E"},
                                              {"io.confluent.connect.avro.Enum.A", "A"},
                                              {"io.confluent.connect.avro.Enum.B", "B"}};
        return sl_schema_intern(
                &(struct sl_schema){.type = SL_STRING, .version = version, .params = all, .param_count = n});
}

/* Every symbol of the record must be one of the file's. */
static void symbols_may_be_fewer(void **state)
{
        (void)state;
        assert_int_equal(fit(SL_COMPATIBILITY_BACKWARD, letters(2, 3), letters(1, 2)).action, SL_FIT_PROJECT);
        expect_rotate(SL_COMPATIBILITY_BACKWARD, letters(2, 2), letters(1, 3), "DIFFERENT_PARAMS");
}

static void refusals(void **state)
{
        (void)state;
        struct sl_projector *p = sl_projector_new(SL_COMPATIBILITY_FORWARD);
        const struct sl_schema *plain = row(0, SL_INT32, NULL, 0), *one = row(1, SL_INT64, NULL, 0);
        struct sl_err err = {0};
        struct sl_fit f;
        assert_int_not_equal(sl_projector_fit(p, one, plain, &f, &err), SL_OK);
        assert_string_equal(err.msg, "Schema version required for FORWARD compatibility");
        assert_string_equal(err.java, "org.apache.kafka.connect.errors.SchemaProjectorException");
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        assert_int_equal(sl_projector_fit(p, plain, plain, &f, &err), SL_OK); /* equal: no version is asked for */
        assert_int_equal(sl_projector_fit(p, NULL, NULL, &f, &err), SL_OK);
        sl_projector_free(p);
        p = sl_projector_new(SL_COMPATIBILITY_NONE);
        err = (struct sl_err){0};
        assert_int_not_equal(sl_projector_fit(p, NULL, plain, &f, &err), SL_OK);
        assert_string_equal(err.msg, "Switch between schema-based and schema-less data is not supported");
        err = (struct sl_err){0};
        assert_int_not_equal(sl_projector_fit(p, plain, NULL, &f, &err), SL_OK);
        sl_projector_free(p);
}

static enum sl_rc project(const struct sl_schema *file, const struct sl_schema *record, const struct sl_value *v,
                          struct sl_buf *out, struct sl_err *err)
{
        struct sl_projector *p = sl_projector_new(SL_COMPATIBILITY_BACKWARD);
        struct sl_arena arena = {0};
        struct sl_value ret;
        struct sl_fit f;
        assert_int_equal(sl_projector_fit(p, file, record, &f, err), SL_OK);
        assert_int_equal(f.action, SL_FIT_PROJECT);
        enum sl_rc rc = sl_project(f.projection, v, &arena, &ret, err);
        if (rc == SL_OK)
                sl_value_print(file, &ret, out);
        sl_arena_free(&arena);
        sl_projector_free(p);
        return rc;
}

static void expect_text(const struct sl_schema *file, const struct sl_schema *record, const struct sl_value *v,
                        const char *text)
{
        struct sl_buf out = {0};
        struct sl_err err = {0};
        assert_int_equal(project(file, record, v, &out, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), text);
        sl_buf_free(&out);
}

/* A field less, one with a default, one that may be absent; a number widened; Java reads a null of a field as its default. */
static void rows_are_projected(void **state)
{
        (void)state;
        const struct sl_field old = {"old", 3, sl_schema_of(SL_BOOLEAN, false)};
        const struct sl_field fresh[] = {{"n", 1, with_default(SL_INT64, false, sl_v_i64(SL_INT64, 7))},
                                         {"o", 1, with_default(SL_STRING, true, sl_v_str(SL_STR("d")))}};
        const struct sl_schema *record = row(1, SL_INT32, &old, 1), *file = row(2, SL_FLOAT64, fresh, 2);
        struct sl_value items[] = {sl_v_i64(SL_INT32, 5), sl_v_str(SL_STR("x")), sl_v_bool(true)};
        struct sl_value v = sl_v_items(SL_STRUCT, items, 3);
        expect_text(file, record, &v, "Struct{id=5.0,who=x,n=7}"); /* o is null: its default is for readers */
        items[1] = SL_V_NULL;
        expect_text(file, record, &v, "Struct{id=5.0,n=7}");
        expect_text(row(2, SL_INT64, fresh, 2), row(1, SL_INT64, fresh, 2),
                    &(struct sl_value){.type = SL_STRUCT,
                                       .len = 4,
                                       .items = (struct sl_value[]){sl_v_i64(SL_INT64, 1), SL_V_NULL, SL_V_NULL, SL_V_NULL}},
                    "Struct{id=1,n=7,o=d}");
        struct sl_err err = {0};
        struct sl_buf out = {0};
        v.len = 2;
        assert_int_not_equal(project(file, record, &v, &out, &err), SL_OK);
        assert_int_equal(err.id, SL_E_VALUE);
        items[0] = sl_v_str(SL_STR("no number"));
        v.len = 3;
        err = (struct sl_err){0};
        assert_int_not_equal(project(file, record, &v, &out, &err), SL_OK);
        sl_buf_free(&out);
}

static const struct sl_schema *list_of(int32_t version, const struct sl_schema *item)
{
        return sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .version = version, .value = item});
}

static const struct sl_schema *map_of(int32_t version, const struct sl_schema *key, const struct sl_schema *value)
{
        return sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .version = version, .key = key, .value = value});
}

/* A null element becomes the default of the file's element; a float keeps to 32 bits. */
static void members_are_projected(void **state)
{
        (void)state;
        const struct sl_schema *may = sl_schema_of(SL_INT16, true), *nine = with_default(SL_INT64, false, sl_v_i64(SL_INT64, 9));
        struct sl_value items[] = {sl_v_i64(SL_INT16, -3), SL_V_NULL};
        struct sl_value list = sl_v_items(SL_ARRAY, items, 2);
        expect_text(list_of(2, nine), list_of(1, may), &list, "[-3, 9]");
        struct sl_value pairs[] = {sl_v_i64(SL_INT32, 16777217), sl_v_i64(SL_INT16, 2), sl_v_i64(SL_INT32, 1), SL_V_NULL};
        struct sl_value map = sl_v_items(SL_MAP, pairs, 2);
        expect_text(map_of(2, sl_schema_of(SL_FLOAT32, false), nine), map_of(1, sl_schema_of(SL_INT32, false), may), &map,
                    "{1.6777216E7=2, 1.0=9}");
        struct sl_err err = {0};
        struct sl_buf out = {0};
        assert_int_not_equal(project(list_of(2, nine), list_of(1, may), &map, &out, &err), SL_OK);
        sl_buf_free(&out);
}

static void rows_allocate_nothing(void **state)
{
        (void)state;
        const struct sl_schema *from = list_of(1, row(1, SL_INT32, NULL, 0)), *to = list_of(2, row(2, SL_FLOAT64, NULL, 0));
        struct sl_projector *p = sl_projector_new(SL_COMPATIBILITY_BACKWARD);
        struct sl_arena arena = {0};
        struct sl_value fields[] = {sl_v_i64(SL_INT32, 5), sl_v_str(SL_STR("x"))}, rows[10], ret;
        struct sl_value v = sl_v_items(SL_ARRAY, rows, 10);
        struct sl_err err = {0};
        struct sl_fit f;
        uint64_t before = 0;
        for (int i = 0; i < 10; i++)
                rows[i] = sl_v_items(SL_STRUCT, fields, 2);
        for (int i = 0; i < 1000; i++) {
                bool ok = sl_projector_fit(p, to, from, &f, &err) == SL_OK && f.action == SL_FIT_PROJECT &&
                          sl_project(f.projection, &v, &arena, &ret, &err) == SL_OK;
                assert_true(ok);
                sl_arena_reset(&arena);
                if (i == 0)
                        before = allocations();
        }
        assert_int_equal(allocations(), before);
        sl_arena_free(&arena);
        sl_projector_free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_decide),    cmocka_unit_test(structure_decides),
                cmocka_unit_test(symbols_may_be_fewer), cmocka_unit_test(refusals),
                cmocka_unit_test(rows_are_projected), cmocka_unit_test(members_are_projected),
                cmocka_unit_test(rows_allocate_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
