/* SPDX-License-Identifier: Apache-2.0 */
/* ExtractField, HoistField, MaskField, ReplaceField, SetSchemaMetadata and ValueToKey: what comparing lines with
 * Connect's own classes (tests/conformance/transforms) can't see: refused configurations, which exception, what is
 * copied and what is not, plans of several schemas, the input left alone, and no heap allocation per row. */
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

extern const struct sl_transform_ops sl_extract_field_key, sl_extract_field_value, sl_hoist_field_key,
        sl_hoist_field_value, sl_mask_field_key, sl_mask_field_value, sl_replace_field_key, sl_replace_field_value,
        sl_set_schema_metadata_key, sl_set_schema_metadata_value, sl_value_to_key;

#define DATA_EXCEPTION "org.apache.kafka.connect.errors.DataException"
#define BUILDER_EXCEPTION "org.apache.kafka.connect.errors.SchemaBuilderException"

/* ---- records ---- */

static const struct sl_schema *decimal(int scale)
{
        char text[12];
        struct sl_param params[] = {{"scale", text}};
        struct sl_schema spec = {.type = SL_BYTES,
                                 .optional = true,
                                 .name = SL_NAME_DECIMAL,
                                 .version = 1,
                                 .params = params,
                                 .param_count = 1};
        snprintf(text, sizeof(text), "%d", scale);
        return sl_schema_intern(&spec);
}

static const struct sl_schema *struct_of(const char *name, struct sl_field *fields, uint32_t n)
{
        struct sl_schema spec = {
                .type = SL_STRUCT, .optional = true, .name = name, .version = 3, .fields = fields, .field_count = n};
        return sl_schema_intern(&spec);
}

/* {id int64, n optional int32 default 7, s optional string, d optional decimal of 2, in optional {x int8}}, all but id
 * null or not. */
static const struct sl_schema *row_schema(const char *name)
{
        struct sl_schema seven = {
                .type = SL_INT32, .optional = true, .has_default = true, .def = sl_v_i64(SL_INT32, 7)};
        struct sl_field inner[] = {{.name = "x", .schema = sl_schema_of(SL_INT8, false)}};
        struct sl_field fields[] = {{.name = "id", .schema = sl_schema_of(SL_INT64, false)},
                                    {.name = "n", .schema = sl_schema_intern(&seven)},
                                    {.name = "s", .schema = sl_schema_of(SL_STRING, true)},
                                    {.name = "d", .schema = decimal(2)},
                                    {.name = "in", .schema = struct_of("inner", inner, 1)}};
        return struct_of(name, fields, 5);
}
static const struct sl_value x_item[] = {{.type = SL_INT8, .i64 = 5}};
static const struct sl_value full[] = {{.type = SL_INT64, .i64 = 1},
                                       {.type = SL_INT32, .i64 = 2},
                                       {.type = SL_STRING, .len = 4, .ptr = "text"},
                                       {.type = SL_BYTES, .len = 1, .ptr = "\x0a"},
                                       {.type = SL_STRUCT, .len = 1, .items = x_item}};
static const struct sl_value empty[] = {{.type = SL_INT64, .i64 = 1}, {0}, {0}, {0}, {0}};

static struct sl_record row(const struct sl_value *items)
{
        return (struct sl_record){.topic = SL_STR("t"),
                                  .key_schema = sl_schema_of(SL_STRING, false),
                                  .key = sl_v_str(SL_STR("key")),
                                  .value_schema = row_schema("row"),
                                  .value = sl_v_items(SL_STRUCT, items, 5)};
}

static void shows(const struct sl_schema *schema, const struct sl_value *v, const char *want)
{
        struct sl_buf text = {0};
        sl_value_print(schema, v, &text);
        assert_string_equal(sl_buf_cstr(&text), want);
        sl_buf_free(&text);
}

static void applied(struct smt *t, struct sl_record *rec, const char *want)
{
        struct sl_err err = {0};
        if (t->ops->apply(t->st, rec, &t->arena, &err) != SL_OK)
                fail_msg("%s", err.msg);
        shows(rec->value_schema, &rec->value, want);
}

static void fails(struct smt *t, struct sl_record rec, const char *class, const char *want)
{
        struct sl_err err = {0};
        assert_int_equal(t->ops->apply(t->st, &rec, &t->arena, &err), SL_BUSINESS);
        assert_string_equal(err.msg, want);
        assert_string_equal(err.java, class);
        assert_int_not_equal(t->ops->apply(t->st, &rec, &t->arena, NULL), SL_OK); /* a caller need not listen */
}

static void refused(struct smt *t, const char *want)
{
        if (!strstr(sl_buf_cstr(&t->problem), want))
                fail_msg("%s: %s", want, sl_buf_cstr(&t->problem));
        smt_close(t);
}

/* The checks are skipped, as by a caller that only opens. */
static void open_fails(const struct sl_transform_ops *ops, const void *cfg, const char *want)
{
        struct sl_err err = {0};
        void *st = sl_calloc(1, ops->state_size);
        assert_int_equal(ops->open(st, cfg, ops, &err), SL_FATAL);
        assert_string_equal(err.msg, want);
        ops->close(st);
        free(st);
}

/* ---- ExtractField ---- */

static void extract(void **state)
{
        (void)state;
        struct smt t;
        struct sl_record a = row(full), b = row(empty), c = row(full), key = row(full);
        assert_true(OPEN(&t, &sl_extract_field_value, "field", "in"));
        applied(&t, &a, "Struct{x=5}");
        assert_ptr_equal(a.value.items, x_item); /* nothing is copied */
        assert_string_equal(a.value_schema->name, "inner");
        applied(&t, &b, "null");
        assert_ptr_equal(b.value_schema, a.value_schema); /* a null keeps the field's schema */
        b.value_schema = row_schema("row");               /* null by now */
        applied(&t, &b, "null");
        assert_ptr_equal(b.value_schema, a.value_schema);
        c.value_schema = row_schema("other");
        applied(&t, &c, "Struct{x=5}");
        fails(&t, key = (struct sl_record){.value_schema = sl_schema_of(SL_STRING, true)}, DATA_EXCEPTION,
              "Cannot look up fields on non-struct type");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_extract_field_value, "field", "no.such"));
        fails(&t, row(full), "java.lang.IllegalArgumentException", "Unknown field: no.such");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_extract_field_key, "field", "n"));
        key = row(full);
        key.key_schema = row_schema("row");
        key.key = sl_v_items(SL_STRUCT, empty, 5);
        assert_int_equal(t.ops->apply(t.st, &key, &t.arena, NULL), SL_OK);
        shows(key.key_schema, &key.key, "7");
        assert_ptr_equal(key.value.items, full);
        smt_close(&t);
}

static void extract_paths(void **state)
{
        (void)state;
        struct smt t;
        struct sl_record a = row(full), b = row(empty);
        assert_true(OPEN(&t, &sl_extract_field_value, "field", "`in`.x", "field.syntax.version", "v2"));
        applied(&t, &a, "5");
        applied(&t, &b, "null");
        assert_ptr_equal(b.value_schema,
                         sl_schema_of(SL_INT8, false)); /* as in Java: the leaf's, though its parent is optional */
        smt_close(&t);
        assert_false(OPEN(&t, &sl_extract_field_value, "field", "\xc3\xa4\xf0\x9f\x98\x80.`b", "field.syntax.version",
                          "V2"));
        refused(&t, "field: Incomplete backtick pair in path: [\xc3\xa4\xf0\x9f\x98\x80.`b], consider adding a "
                    "backslash before "
                    "backtick at position 4 to escape it;"); /* Java counts UTF-16 units */
        assert_false(OPEN(&t, &sl_extract_field_value, "field", "a", "field.syntax.version", "V3"));
        refused(&t, "String must be one of (case insensitive): V1, V2");
        assert_false(OPEN(&t, &sl_extract_field_value));
        refused(&t, "field: Missing required configuration \"field\" which has no default value.;");
        const struct {
                const char *field;
                bool replace_null;
                int syntax;
        } cfg = {"`a", true, 1};
        open_fails(
                &sl_extract_field_value, &cfg,
                "Incomplete backtick pair in path: [`a], consider adding a backslash before backtick at position 0 to "
                "escape it");
        /* Java's list of steps is empty then, and every record fails. */
        struct sl_value entry[] = {sl_v_str(SL_STR("")), sl_v_i64(SL_INT64, 4)};
        struct sl_record none = {.value = sl_v_items(SL_MAP, entry, 1)};
        assert_true(OPEN(&t, &sl_extract_field_value, "field", "", "field.syntax.version", "V2"));
        applied(&t, &none, "4");
        smt_close(&t);
}

/* ---- HoistField ---- */

static void hoist(void **state)
{
        (void)state;
        struct smt t;
        struct sl_record a = row(full), null = {.value_schema = sl_schema_of(SL_STRING, true)};
        assert_true(OPEN(&t, &sl_hoist_field_value, "field", "f"));
        applied(&t, &a,
                "Struct{f=Struct{id=1,n=2,s=text,d=java.nio.HeapByteBuffer[pos=0 lim=1 cap=1],in=Struct{x=5}}}");
        assert_ptr_equal(a.value.items[0].items, full);
        assert_null(a.value_schema->name);
        assert_false(a.value_schema->optional);
        applied(&t, &null, "Struct{}");
        fails(&t, (struct sl_record){.value_schema = sl_schema_of(SL_INT8, false)}, DATA_EXCEPTION,
              "Invalid value: null used for required field: \"f\", schema type: INT8");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_hoist_field_key, "field", ""));
        fails(&t, row(full), BUILDER_EXCEPTION, "fieldName cannot be null.");
        smt_close(&t);
}

/* ---- MaskField ---- */

static void mask(void **state)
{
        (void)state;
        struct smt t;
        struct sl_record a = row(full), b = row(empty), c = row(full);
        assert_true(OPEN(&t, &sl_mask_field_value, "fields", "n,s,d,nope", "replacement", "-1.5"));
        applied(&t, &a, "Struct{id=1,n=-1,s=-1.5,d=java.nio.HeapByteBuffer[pos=0 lim=2 cap=2],in=Struct{x=5}}");
        assert_memory_equal(a.value.items[3].ptr, "\xff\x6a", 2); /* -150: the schema's scale */
        assert_ptr_equal(a.value.items[4].items, x_item);
        assert_ptr_equal(a.value_schema, row_schema("row"));
        assert_int_equal(full[1].i64, 2);
        applied(&t, &b, "Struct{id=1,n=-1}"); /* the default is read, and masked */
        c.value_schema = row_schema("other");
        applied(&t, &c, "Struct{id=1,n=-1,s=-1.5,d=java.nio.HeapByteBuffer[pos=0 lim=2 cap=2],in=Struct{x=5}}");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_mask_field_value, "fields", "in"));
        b = row(empty);
        applied(&t, &b, "Struct{id=1,n=7}"); /* only a value is refused */
        fails(&t, row(full), DATA_EXCEPTION, "Cannot mask value of type: class org.apache.kafka.connect.data.Struct");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_mask_field_value, "fields", "d", "replacement", "0.001"));
        fails(&t, row(full), DATA_EXCEPTION,
              "Decimal value has mismatching scale for given Decimal schema. Schema has scale 2, value has scale 3.");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_mask_field_value, "fields", "d", "replacement", "ten"));
        fails(&t, row(full), DATA_EXCEPTION, "Unable to convert ten (class java.lang.String) to number");
        smt_close(&t);
        assert_false(OPEN(&t, &sl_mask_field_value, "fields", "a,b,a", "replacement", " "));
        refused(&t, "fields: Configuration 'fields' values must not be duplicated.;"
                    "replacement: Invalid value  for configuration replacement: String must be non-empty;");
}

/* ---- ReplaceField ---- */

static void replace(void **state)
{
        (void)state;
        struct smt t;
        struct sl_record a = row(full), b = row(empty), c = row(full), null = {.value_schema = row_schema("row")};
        assert_true(OPEN(&t, &sl_replace_field_value, "exclude", "id,d", "renames", "n:s,s:n,in:out,gone:here"));
        applied(&t, &a, "Struct{s=2,n=text,out=Struct{x=5}}");
        assert_ptr_equal(a.value.items[2].items, x_item);
        assert_string_equal(a.value_schema->name, "row");
        assert_int_equal(a.value_schema->version, 3);
        assert_false(a.value_schema->optional); /* Java forgets it too */
        applied(&t, &b, "Struct{s=7}");
        c.value_schema = row_schema("other");
        applied(&t, &c, "Struct{s=2,n=text,out=Struct{x=5}}");
        applied(&t, &null, "null");
        assert_ptr_equal(null.value_schema, row_schema("row"));
        smt_close(&t);
        assert_true(OPEN(&t, &sl_replace_field_value, "renames", "n:s"));
        fails(&t, row(full), BUILDER_EXCEPTION, "Cannot create field because of field name duplication s");
        smt_close(&t);
        /* What Java gets wrong: a rename whose source is left out does not touch the field that has its target's name.
         */
        assert_true(OPEN(&t, &sl_replace_field_value, "renames", "s:id", "include", "id"));
        a = row(full);
        applied(&t, &a, "Struct{id=1}");
        smt_close(&t);
        assert_false(OPEN(&t, &sl_replace_field_value, "renames", "a:b,c", "exclude", "x,,y", "include", "x,x"));
        refused(&t, "exclude: Configuration 'exclude' values must not be empty.;"
                    "include: Configuration 'include' values must not be duplicated.;"
                    "renames: Invalid value [a:b, c] for configuration renames: Invalid rename mapping: c;");
}

/* ---- SetSchemaMetadata ---- */

static void metadata(void **state)
{
        (void)state;
        struct smt t;
        struct sl_record a = row(full), b = row(empty);
        assert_true(OPEN(&t, &sl_set_schema_metadata_value, "schema.name", "new", "schema.version", "9"));
        assert_int_equal(t.ops->apply(t.st, &a, &t.arena, NULL), SL_OK);
        assert_ptr_equal(a.value.items, full); /* nothing is copied */
        assert_string_equal(a.value_schema->name, "new");
        assert_int_equal(a.value_schema->version, 9);
        assert_true(a.value_schema->optional);
        assert_ptr_equal(a.value_schema->fields[1].schema, row_schema("row")->fields[1].schema);
        applied(&t, &b, "Struct{id=1,n=7}");
        assert_int_equal(empty[1].type, SL_NULL);
        fails(&t, (struct sl_record){.value = sl_v_bool(true)}, DATA_EXCEPTION,
              "Schema required for [updating schema metadata]");
        smt_close(&t);
        /* A struct's default lives on: Java's would keep the old schema, which its converter refuses. */
        struct sl_schema spec = *row_schema("row");
        spec.has_default = true;
        spec.def = sl_v_items(SL_STRUCT, full, 5);
        struct sl_record d = {.key_schema = sl_schema_intern(&spec)};
        assert_true(OPEN(&t, &sl_set_schema_metadata_key, "schema.name", "new"));
        assert_int_equal(t.ops->apply(t.st, &d, &t.arena, NULL), SL_OK);
        assert_true(d.key_schema->has_default);
        assert_int_equal(d.key.type, SL_NULL);
        assert_string_equal(d.key_schema->name, "new");
        assert_int_equal(d.key_schema->version, 3);
        smt_close(&t);
        assert_false(OPEN(&t, &sl_set_schema_metadata_value, "schema.version", "0"));
        refused(&t, "schema.name: Neither schema name nor version configured;");
        assert_false(OPEN(&t, &sl_set_schema_metadata_value, "schema.version", "x"));
        assert_string_equal(
                sl_buf_cstr(&t.problem),
                "schema.version: Invalid value x for configuration schema.version: Not a number of type INT;");
        smt_close(&t);
        const struct {
                const char *name;
                int32_t version;
                bool replace_null;
        } cfg = {NULL, 0, true};
        open_fails(&sl_set_schema_metadata_value, &cfg, "Neither schema name nor version configured");
}

/* ---- ValueToKey ---- */

static void to_key(void **state)
{
        (void)state;
        struct smt t;
        struct sl_record a = row(full), b = row(empty), c = row(full);
        assert_true(OPEN(&t, &sl_value_to_key, "fields", "in,n", "replace.null.with.default", "false"));
        for (struct sl_record *r = (c.value_schema = row_schema("other"), &c); r; r = r == &c ? &a : NULL) {
                assert_int_equal(t.ops->apply(t.st, r, &t.arena, NULL), SL_OK);
                shows(r->key_schema, &r->key, "Struct{in=Struct{x=5},n=2}");
                assert_ptr_equal(r->key.items[0].items, x_item);
                assert_ptr_equal(r->value.items, full);
                assert_false(r->key_schema->optional);
                assert_null(r->key_schema->name);
        }
        assert_int_equal(t.ops->apply(t.st, &b, &t.arena, NULL), SL_OK);
        assert_int_equal(b.key.items[1].type, SL_NULL);
        fails(&t, (struct sl_record){0}, DATA_EXCEPTION,
              "Only Map objects supported in absence of schema for [copying fields from value to key], found: null");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_value_to_key, "fields", "id,nope"));
        fails(&t, row(full), DATA_EXCEPTION, "Field does not exist: nope");
        smt_close(&t);
        assert_false(OPEN(&t, &sl_value_to_key, "fields", "a,b,a"));
        refused(&t, "fields: Configuration 'fields' values must not be duplicated.;");
        assert_false(OPEN(&t, &sl_value_to_key));
        refused(&t, "fields: Missing required configuration \"fields\" which has no default value.;"
                    "fields: Configuration 'fields' values must not be null.;");
}

/* ---- all ---- */

static void allocates_nothing_per_row(void **state)
{
        (void)state;
        static const struct {
                const struct sl_transform_ops *ops;
                const char *pairs[5];
        } all[] = {{&sl_extract_field_value, {"field", "in.x", "field.syntax.version", "V2"}},
                   {&sl_hoist_field_value, {"field", "f"}},
                   {&sl_mask_field_value, {"fields", "n,s,d", "replacement", "12"}},
                   {&sl_replace_field_value, {"exclude", "id", "renames", "n:m"}},
                   {&sl_set_schema_metadata_value, {"schema.name", "x"}},
                   {&sl_value_to_key, {"fields", "s,n"}}};
        struct sl_value map[] = {sl_v_str(SL_STR("in")), SL_V_NULL, sl_v_str(SL_STR("n")), sl_v_i64(SL_INT64, 2)};
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
                struct smt t;
                struct sl_arena rows; /* t.arena has the configuration */
                uint64_t before = 0;
                sl_arena_init(&rows, 0);
                assert_true(smt_open(&t, all[k].ops, all[k].pairs, NULL));
                for (int i = 0; i < 1000; i++) {
                        struct sl_record rec = row(i % 2 ? full : empty);
                        bool bare = i % 3 == 0 && all[k].ops != &sl_set_schema_metadata_value;
                        if (bare) {
                                rec.value_schema = NULL;
                                rec.value = sl_v_items(SL_MAP, map, 2);
                        }
                        if (i % 50 == 0)
                                sl_arena_reset(&rows);
                        before = allocations();
                        enum sl_rc rc = t.ops->apply(t.st, &rec, &rows, NULL);
                        if (rc != SL_OK || (i > 100 && allocations() != before))
                                fail_msg("%s", all[k].ops->name);
                }
                sl_arena_free(&rows);
                smt_close(&t);
        }
}

static void are_registered(void **state)
{
        (void)state;
        static const char *const names[] = {"ExtractField$Key",        "ExtractField$Value", "HoistField$Key",
                                            "HoistField$Value",        "MaskField$Key",      "MaskField$Value",
                                            "ReplaceField$Key",        "ReplaceField$Value", "SetSchemaMetadata$Key",
                                            "SetSchemaMetadata$Value", "ValueToKey"};
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char class[96];
                const struct sl_transform_ops *found = NULL;
                snprintf(class, sizeof(class), "org.apache.kafka.connect.transforms.%s", names[i]);
                for (const struct sl_transform_ops *const *p = sl_transforms; *p; p++)
                        if (sl_plugin_named((*p)->name, (*p)->aliases, "", class))
                                found = *p;
                assert_non_null(found);
                assert_string_equal(found->name, names[i]);
                assert_int_equal(found->side, strstr(names[i], "$Key") != NULL);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(extract),        cmocka_unit_test(extract_paths),
                cmocka_unit_test(hoist),          cmocka_unit_test(mask),
                cmocka_unit_test(replace),        cmocka_unit_test(metadata),
                cmocka_unit_test(to_key),         cmocka_unit_test(allocates_nothing_per_row),
                cmocka_unit_test(are_registered),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
