/* SPDX-License-Identifier: Apache-2.0 */
/* Masks, hashes, truncation and propagation of columns; the keys of message.key.columns; the strategies of topic names.
 * The hashes of the first form were computed by Java's ObjectOutputStream and MessageDigest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "connectors/postgres/relation.h"

enum { BYTEA = 17, INT4 = 23, TEXT = 25, BPCHAR = 1042, VARCHAR = 1043, NUMERIC = 1700, TSTZ = 1184 };
#define VARCHAR_OF(n) ((n) + 4)

static struct sl_pg_cfg cfg;
static struct sl_pg_types types;
static struct sl_arena arena;
static struct sl_pg_mappers mappers;

static enum sl_rc lookup(void *arg, uint32_t oid, struct sl_pg_typeinfo *ret, struct sl_err *err)
{
        static const struct {
                uint32_t oid;
                const char *name;
        } names[] = {{BYTEA, "bytea"},     {INT4, "int4"},       {TEXT, "text"},       {BPCHAR, "bpchar"},
                     {VARCHAR, "varchar"}, {NUMERIC, "numeric"}, {TSTZ, "timestamptz"}};
        (void)arg;
        (void)err;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (names[i].oid == oid)
                        *ret = (struct sl_pg_typeinfo){.name = names[i].name, .kind = 'b'};
        if (oid == 20001)
                *ret = (struct sl_pg_typeinfo){
                        .name = "short", .kind = 'd', .base = VARCHAR, .base_typmod = VARCHAR_OF(9)};
        if (oid == 20002)
                *ret = (struct sl_pg_typeinfo){.name = "shorter", .kind = 'd', .base = 20001, .base_typmod = -1};
        if (oid == 1009)
                *ret = (struct sl_pg_typeinfo){.name = "_text", .kind = 'b', .delim = ',', .elem = TEXT};
        return SL_OK;
}

static int setup(void **state)
{
        (void)state;
        cfg = (struct sl_pg_cfg){.placeholder = "__debezium_unavailable_value", .money_digits = 2, .delimiter = "."};
        types = (struct sl_pg_types){.lookup = lookup};
        sl_pg_types_init(&types, &cfg);
        sl_arena_init(&arena, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        sl_pg_mappers_free(&mappers);
        sl_pg_types_free(&types);
        sl_arena_free(&arena);
        return 0;
}

/* Mappers of one mask or truncation of public.t.c; NULL, or the error's text. */
static const char *with(const char *key)
{
        static struct sl_err err;
        const char *items[] = {key, "public.t.c"};
        struct sl_pg_cfg one = {.masks = {items, 2}};
        err = (struct sl_err){0};
        sl_pg_mappers_free(&mappers);
        return sl_pg_mappers_open(&mappers, &one, &err) == SL_OK ? NULL : err.msg;
}

static const struct sl_pg_codec *column(uint32_t type, int32_t typmod, const char *name)
{
        const struct sl_pg_codec *c;
        struct sl_pg_mapped_column col = {"public", "t", name, "a comment", type, typmod};
        bool unmasked;
        assert_int_equal(sl_pg_types_codec(&types, type, typmod, &c, NULL), SL_OK);
        assert_non_null(c);
        assert_int_equal(sl_pg_mapped(&mappers, &types, &col, &c, &unmasked, NULL), SL_OK);
        return c;
}

static struct sl_str mapped(const struct sl_pg_codec *c, const char *text)
{
        struct sl_value v;
        assert_true(c->parse(c, sl_str_c(text), &arena, &v));
        return sl_v_as_str(&v);
}

static void is(uint32_t type, int32_t typmod, const char *text, const char *want)
{
        struct sl_str got = mapped(column(type, typmod, "c"), text);
        if (!sl_str_eqc(got, want))
                fail_msg("%.40s: %.*s, not %s", text, SL_FMT(got), want);
}

static const char *param(const struct sl_pg_codec *c, const char *name)
{
        for (uint32_t i = 0; i < c->spec.param_count; i++)
                if (strcmp(c->spec.params[i].name, name) == 0)
                        return c->spec.params[i].value;
        return NULL;
}

static void hashes(void **state)
{
        (void)state;
        assert_null(with("column.mask.hash.SHA-256.with.salt.CzQMA0cB5K"));
        is(TEXT, -1, "hello", "b4d39ab0d198fb4cac8b2f023da74f670bcaf192dcc79b5d6361b7ae6b2fafdf");
        is(TEXT, -1, "a\360\237\230\200\303\251", "0267f7e3deff141c71cbac9dd05d8cd9d735c1ea19748e92d851761963691397");
        char *large = sl_calloc(1, 70001);
        memset(large, 'x', 70000);
        is(TEXT, -1, large, "21042a3875b47dd8220328aaae40017a2549733682fadda8e245c213391dc13f");
        free(large);
        is(TEXT, -1, "hello", "b4d39ab0d198fb4cac8b2f023da74f670bcaf192dcc79b5d6361b7ae6b2fafdf"); /* a second time */
        is(VARCHAR, VARCHAR_OF(20), "hello", "b4d39ab0d198fb4cac8b");
        is(VARCHAR, VARCHAR_OF(100), "hello", "b4d39ab0d198fb4cac8b2f023da74f670bcaf192dcc79b5d6361b7ae6b2fafdf");
        is(BPCHAR, VARCHAR_OF(1), "h", "8");
        is(20001, -1, "hello", "b4d39ab0d");
        assert_string_equal(param(column(TEXT, -1, "c"), "masked"), "true");
        assert_null(param(column(TEXT, -1, "d"), "masked"));
        assert_ptr_equal(column(TEXT, -1, "d"), column(TEXT, -1, "e")); /* the type's own codec */
        assert_null(with("column.mask.hash.MD5.with.salt.s"));
        is(TEXT, -1, "", "0a7a61c3da1d33f0987e30ae4932b1b3");
        assert_null(with("column.mask.hash.v2.SHA-512.with.salt.p.q"));
        is(TEXT, -1, "hello",
           "b1c3ca45b0e613776b8c796056c9ad66514841542d06d667b18716286a7a7d82a000e6cdd19eec1762a4dcc00aa3adb8e639d816"
           "eaf79bb10d33d5be61a0f061");
        assert_null(with("column.mask.hash.v2.sha-256.with.salt.s"));
        is(TEXT, -1, "a\360\237\230\200", "4073ad1a54da9cd15d9c16b35ef58cb4601da175e3c54f057120aac3c316e38f");
        struct sl_value null = SL_V_NULL;
        assert_int_equal(sl_pg_map_value(column(TEXT, -1, "c"), null, &arena).type, SL_NULL);
        struct sl_value gone = column(TEXT, -1, "c")->unavailable;
        assert_true(gone.flags & SL_V_UNAVAILABLE && gone.len == 64);
}

static void masks(void **state)
{
        (void)state;
        assert_null(with("column.mask.with.5.chars"));
        is(TEXT, -1, "hello world", "*****");
        is(TEXT, -1, "", "*****");
        assert_int_equal(sl_pg_map_value(column(TEXT, -1, "c"), SL_V_NULL, &arena).len, 5);
        assert_string_equal(param(column(INT4, -1, "c"), "masked"), "true"); /* the schema says so, the value stays */
        struct sl_value v;
        const struct sl_pg_codec *c = column(INT4, -1, "c");
        assert_true(c->parse(c, SL_STR("5"), &arena, &v) && v.i64 == 5);
        assert_null(with("column.mask.with.0.chars"));
        is(TEXT, -1, "hello", "");
        is(TSTZ, -1, "2020-01-01 00:00:00+00", "");
}

static void truncations(void **state)
{
        (void)state;
        assert_null(with("column.truncate.to.4.chars"));
        is(TEXT, -1, "hello", "hell");
        is(TEXT, -1, "hell", "hell");
        is(TEXT, -1, "", "");
        is(TEXT, -1, "\303\251\303\251\303\251\303\251\303\251", "\303\251\303\251\303\251\303\251");
        is(TEXT, -1, "ab\360\237\230\200c", "ab\360\237\230\200");
        is(TEXT, -1, "abc\360\237\230\200", "abc"); /* Java would keep half of it */
        is(TEXT, -1, "\342\202\254\342\202\254\342\202\254\342\202\254x",
           "\342\202\254\342\202\254\342\202\254\342\202\254");
        is(VARCHAR, VARCHAR_OF(4), "abcd", "abcd");
        assert_null(param(column(VARCHAR, VARCHAR_OF(4), "c"), "truncateLength")); /* it can't be longer */
        assert_string_equal(param(column(VARCHAR, VARCHAR_OF(5), "c"), "truncateLength"), "4");
        assert_string_equal(param(column(INT4, -1, "c"), "truncateLength"), "4");
        is(BYTEA, -1, "\\x6162636465", "abcd");
        assert_int_equal(column(TEXT, -1, "c")->unavailable.len, 4);
        assert_null(with("column.truncate.to.0.chars"));
        is(TEXT, -1, "\360\237\230\200", "");
}

static void refusals(void **state)
{
        (void)state;
        assert_non_null(strstr(with("column.mask.hash.SHA-257.with.salt.s3cret"), "SHA-257 is not a hash algorithm"));
        assert_null(strstr(with("column.mask.hash.SHA-257.with.salt.s3cret"), "s3cret"));
        assert_null(strstr(with("column.mask.hsh.SHA-256.with.salt.s3cret"), "s3cret"));
        assert_non_null(with("column.mask.hash.SHA-256.with.salt."));
        assert_non_null(with("column.mask.hash.with.salt.s"));
        assert_non_null(with("column.mask.with.x.chars"));
        assert_non_null(with("column.mask.with.-1.chars"));
        assert_non_null(with("column.mask.with.99999999999.chars"));
        assert_non_null(with("column.truncate.to.4.char"));
        assert_string_equal(sl_pg_mapper_key("column.mask.hash.v2.SHA-256.with.salt.s3cret", &arena),
                            "column.mask.hash.v2.SHA-256.with.salt.[hidden]");
        assert_string_equal(sl_pg_mapper_key("column.mask.with.3.chars", &arena), "column.mask.with.3.chars");
}

static void measures(uint32_t type, int32_t typmod, const char *name, int length, int scale)
{
        const struct sl_pg_jdbc_type *got;
        assert_int_equal(sl_pg_source_type(&types, type, typmod, &got, NULL), SL_OK);
        assert_string_equal(got->name, name);
        assert_int_equal(got->length, length);
        assert_int_equal(got->scale, scale);
}

static void propagation(void **state)
{
        struct sl_err err = {0};
        const char *mask[] = {"column.mask.with.1.chars", "public.t.both"};
        struct sl_pg_cfg one = {
                .propagate = "public.t.(c|both)", .propagate_types = "public.t.int4", .masks = {mask, 2}};
        (void)state;
        sl_pg_mappers_free(&mappers);
        assert_int_equal(sl_pg_mappers_open(&mappers, &one, &err), SL_OK);
        const struct sl_pg_codec *c = column(VARCHAR, VARCHAR_OF(20), "c");
        assert_int_equal(c->spec.param_count, 5);
        assert_string_equal(param(c, "__debezium.source.column.type"), "VARCHAR");
        assert_string_equal(param(c, "__debezium.source.column.length"), "20");
        assert_string_equal(param(c, "__debezium.source.column.scale"), "0");
        assert_string_equal(param(c, "__debezium.source.column.name"), "c");
        assert_string_equal(param(c, "__debezium.source.column.comment"), "a comment");
        assert_string_equal(param(column(INT4, -1, "other"), "__debezium.source.column.type"), "INT4");
        assert_null(param(column(TEXT, -1, "other"), "__debezium.source.column.type"));
        c = column(NUMERIC, (10 << 16 | 2) + 4, "c");
        assert_string_equal(c->spec.params[0].name, "scale"); /* its own ones stay */
        assert_string_equal(param(c, "__debezium.source.column.scale"), "2");
        assert_null(param(column(TEXT, -1, "both"), "__debezium.source.column.type"));
        assert_string_equal(param(column(TEXT, -1, "both"), "masked"), "true"); /* a mask is never lost */
        measures(TEXT, -1, "text", INT32_MAX, 0);
        measures(NUMERIC, -1, "numeric", 131089, 0);
        measures(NUMERIC, (3 << 16 | 0x7fe) + 4, "numeric", 3, -2);
        measures(TSTZ, -1, "timestamptz", 35, 6);
        measures(TSTZ, 3, "timestamptz", 32, 3);
        measures(TSTZ, 0, "timestamptz", 28, 0);
        measures(20001, -1, "short", 9, 0);
        measures(20002, -1, "shorter", 9, 0);
        measures(1009, -1, "_text", INT32_MAX, 0);
}

static bool is_key(const struct sl_pg_filter *f, uint32_t k, const char *name)
{
        return sl_pg_filter_key(f, k, "public", "orders", name);
}

static void keys(void **state)
{
        struct sl_pg_filter f = {0};
        struct sl_err err = {0};
        struct sl_pg_cfg one = {.key_columns = "public.orders: b,a ; (.*).lines:x"};
        (void)state;
        assert_int_equal(sl_pg_filter_open(&f, &one, &err), SL_OK);
        assert_int_equal(f.key_count, 3);
        assert_true(is_key(&f, 0, "b") && !is_key(&f, 0, "a") && is_key(&f, 1, "A"));
        assert_true(!is_key(&f, 2, "x") && sl_pg_filter_key(&f, 2, "any", "lines", "x"));
        sl_pg_filter_free(&f);
        static const char *const bad[] = {"orders", "orders:", ":a", "a:b:c", "a:b,,c", "a:b,", ";", "a:b;c"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                one.key_columns = bad[i];
                if (sl_pg_filter_open(&f, &one, &err) == SL_OK)
                        fail_msg("%s was taken", bad[i]);
                assert_non_null(strstr(err.msg, "has an invalid format"));
                sl_pg_filter_free(&f);
        }
}

static void topic_is(const struct sl_pg_cfg *c, const char *table, const char *topic, const char *identity)
{
        struct sl_pg_names n = {0};
        struct sl_err err = {0};
        if (sl_pg_names_open(&n, c, &err) != SL_OK)
                fail_msg("%s", err.msg);
        assert_string_equal(sl_pg_table_topic(&n, c, "p", "shop", table, &arena), topic);
        const char *got = sl_pg_table_identity(&n, c, "p", "shop", table, &arena);
        if (identity)
                assert_string_equal(got, identity);
        else
                assert_null(got);
        sl_pg_names_free(&n);
}

static void naming(void **state)
{
        struct sl_pg_cfg c = {.delimiter = ".", .key_unique = true, .key_field = "f"};
        (void)state;
        topic_is(&c, "orders", "p.shop.orders", NULL);
        c.naming = SL_PG_NAME_TABLE;
        topic_is(&c, "orders", "p.orders", NULL);
        c.naming = SL_PG_NAME_UNICODE;
        topic_is(&c, "a_b \303\244\305\202\342\202\254\360\237\230\200",
                 "p.shop.a_u005fb_u0020_u00e4_u142_u20ac_ud83d_ude00", NULL);
        c.naming = SL_PG_NAME_REGEX;
        c.topic_regex = "p\\.shop\\.(?<kind>[a-z]+)_([0-9]+)";
        c.topic_replacement = "all-${kind}\\$$2";
        topic_is(&c, "orders_12", "all-orders$12", "p.shop.orders_12");
        topic_is(&c, "orders_x", "p.shop.orders_x", "p.shop.orders_x"); /* not all of it */
        c.key_field_regex = "(.*)[.](.*)";
        c.key_field_replacement = "$2";
        topic_is(&c, "orders_12", "all-orders$12", "orders_12");
        c.topic_replacement = "x$10"; /* there is no group 10: group 1 and a 0 */
        topic_is(&c, "orders_12", "xorders0", "orders_12");
        c.key_unique = false;
        topic_is(&c, "orders_12", "xorders0", NULL);
        c.topic_regex = ".*";
        c.topic_replacement = "\\";
        struct sl_pg_names n = {0};
        struct sl_err err = {0};
        assert_int_not_equal(sl_pg_names_open(&n, &c, &err), SL_OK);
        sl_pg_names_free(&n);
        c.topic_replacement = "$1";
        assert_int_not_equal(sl_pg_names_open(&n, &c, &err), SL_OK);
        sl_pg_names_free(&n);
        c.topic_regex = "(";
        assert_int_not_equal(sl_pg_names_open(&n, &c, &err), SL_OK);
        sl_pg_names_free(&n);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(hashes),      cmocka_unit_test(masks),
                                           cmocka_unit_test(truncations), cmocka_unit_test(refusals),
                                           cmocka_unit_test(propagation), cmocka_unit_test(keys),
                                           cmocka_unit_test(naming)};
        return cmocka_run_group_tests(tests, setup, teardown);
}
