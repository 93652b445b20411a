/* SPDX-License-Identifier: Apache-2.0 */
/* transforms/confluent.c: the examples of Confluent's documentation, and the edges it leaves open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/plugin.h"
#include "tests/unit/smt.h"

extern const struct sl_transform_ops sl_tombstone_handler, sl_drop_key, sl_drop_value, sl_extract_topic_key, sl_extract_topic_value,
        sl_extract_topic_header;

static enum sl_rc apply(struct smt *t, struct sl_record *rec, struct sl_err *err)
{
        *err = (struct sl_err){0};
        return t->ops->apply(t->st, rec, &t->arena, err);
}

static void tombstones(void **state)
{
        static const char *const behaviors[] = {"warn", "ignore", "fail"};
        (void)state;
        for (int i = 0; i < 3; i++) {
                struct smt t;
                struct sl_err err;
                struct sl_record rec = {.topic = SL_STR("t"), .value = sl_v_i64(SL_INT32, 1)};
                assert_true(OPEN(&t, &sl_tombstone_handler, "behavior", behaviors[i]));
                assert_int_equal(apply(&t, &rec, &err), SL_OK);
                assert_false(rec.dropped);
                rec.value = SL_V_NULL;
                rec.value_schema = sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .optional = true}); /* has no say */
                assert_int_equal(apply(&t, &rec, &err), i == 2 ? SL_BUSINESS : SL_OK);
                assert_int_equal(rec.dropped, i != 2);
                smt_close(&t);
        }
        struct smt t;
        assert_false(OPEN(&t, &sl_tombstone_handler, "behavior", "explode"));
        smt_close(&t);
}

static void drops(void **state)
{
        const struct sl_schema *required = sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .name = "n"});
        const struct sl_schema *optional = sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .name = "n", .optional = true});
        const struct {
                const char *behavior;
                const struct sl_schema *in, *out;
                enum sl_rc rc;
        } cases[] = {
                {"nullify", required, NULL, SL_OK},      {"nullify", NULL, NULL, SL_OK},
                {"retain", required, required, SL_OK},   {"retain", NULL, NULL, SL_OK},
                {"validate", optional, optional, SL_OK}, {"validate", required, required, SL_BUSINESS},
                {"validate", NULL, NULL, SL_OK},         {"force_optional", required, optional, SL_OK},
                {"FORCE_OPTIONAL", optional, optional, SL_OK},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                for (int key = 0; key < 2; key++) {
                        struct smt t;
                        struct sl_err err;
                        struct sl_value v = sl_v_i64(SL_INT32, 24);
                        assert_true(OPEN(&t, key ? &sl_drop_key : &sl_drop_value, "schema.behavior", cases[i].behavior));
                        for (int again = 0; again < 2; again++) {
                                struct sl_record rec = {.key = v, .value = v, .key_schema = cases[i].in, .value_schema = cases[i].in};
                                assert_int_equal(apply(&t, &rec, &err), cases[i].rc);
                                assert_ptr_equal(key ? rec.key_schema : rec.value_schema, cases[i].out);
                                assert_ptr_equal(key ? rec.value_schema : rec.key_schema, cases[i].in);
                                assert_int_equal((key ? rec.key : rec.value).type, cases[i].rc == SL_OK ? SL_NULL : SL_INT32);
                                assert_int_equal((key ? rec.value : rec.key).type, SL_INT32);
                        }
                        smt_close(&t);
                }
}

/* field "" = none. want NULL: an error with the text in why. */
static void topic_is(const struct sl_transform_ops *ops, const char *field, const char *skip, struct sl_record rec, const char *want,
                     const char *why)
{
        struct smt t;
        struct sl_err err;
        rec.topic = SL_STR("old");
        assert_true(OPEN(&t, ops, "field", field, "skip.missing.or.null", skip));
        enum sl_rc rc = apply(&t, &rec, &err);
        if (want) {
                assert_int_equal(rc, SL_OK);
                assert_int_equal(rec.topic.len, strlen(want));
                assert_memory_equal(rec.topic.ptr, want, strlen(want));
        } else {
                assert_int_equal(rc, SL_BUSINESS);
                assert_non_null(strstr(err.msg, why));
        }
        smt_close(&t);
}

static void topics(void **state)
{
        const struct sl_schema *text = sl_schema_intern(&(struct sl_schema){.type = SL_STRING, .optional = true});
        const struct sl_field fields[] = {{.name = "f1", .schema = text}, {.name = "f2", .schema = text}};
        const struct sl_schema *row = sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .field_count = 2, .fields = fields});
        const struct sl_value in_row[] = {sl_v_str(SL_STR("new")), SL_V_NULL};
        const struct sl_value in_map[] = {sl_v_str(SL_STR("f1")), sl_v_str(SL_STR("mapped")), sl_v_str(SL_STR("n")), sl_v_i64(SL_INT64, 5)};
        struct sl_header headers[] = {{.key = SL_STR("h"), .value = sl_v_str(SL_STR("first"))},
                                      {.key = SL_STR("h"), .value = sl_v_str(SL_STR("last"))}};
        const struct sl_record whole = {.key = sl_v_str(SL_STR("k")), .value = sl_v_str(SL_STR(""))};
        const struct sl_record typed = {.value_schema = row, .value = sl_v_items(SL_STRUCT, in_row, 2)};
        const struct sl_record map = {.value = sl_v_items(SL_MAP, in_map, 2)};
        const struct sl_record headed = {.headers = headers, .header_count = 2};
        (void)state;
        topic_is(&sl_extract_topic_key, "", "false", whole, "k", NULL);
        topic_is(&sl_extract_topic_value, "", "false", whole, NULL, "it is empty");
        topic_is(&sl_extract_topic_value, "f1", "false", typed, "new", NULL);
        topic_is(&sl_extract_topic_value, "f2", "false", typed, NULL, "the value's field f2: it is null");
        topic_is(&sl_extract_topic_value, "f2", "true", typed, "old", NULL);
        topic_is(&sl_extract_topic_value, "f3", "false", typed, NULL, "it is missing");
        topic_is(&sl_extract_topic_value, "f3", "true", typed, "old", NULL);
        topic_is(&sl_extract_topic_value, "f1", "false", map, "mapped", NULL);
        topic_is(&sl_extract_topic_value, "n", "true", map, NULL, "it is no string");
        topic_is(&sl_extract_topic_value, "", "true", map, NULL, "it is no string");
        topic_is(&sl_extract_topic_value, "f1", "true", (struct sl_record){0}, "old", NULL);
        topic_is(&sl_extract_topic_key, "f1", "true", whole, NULL, "found: java.lang.String");
        topic_is(&sl_extract_topic_header, "h", "false", headed, "last", NULL);
        topic_is(&sl_extract_topic_header, "x", "false", headed, NULL, "the header x: it is missing");
        topic_is(&sl_extract_topic_header, "x", "true", headed, "old", NULL);
        struct smt t;
        assert_false(OPEN(&t, &sl_extract_topic_header, "skip.missing.or.null", "true"));
        smt_close(&t);
        assert_false(OPEN(&t, &sl_extract_topic_key, "field", "$[\"a\"]", "field.format", "JSON_PATH"));
        assert_non_null(strstr(sl_buf_cstr(&t.problem), "extract the field first"));
        smt_close(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tombstones),
                cmocka_unit_test(drops),
                cmocka_unit_test(topics),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
