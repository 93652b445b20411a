/* SPDX-License-Identifier: Apache-2.0 */
/* config/cfgdef: parsing by table, findings, unknown keys, secrets, validate JSON. The expected validate entries were
 * printed by Kafka Connect 4.2.0's ConfigDef and ConfigInfos for the same definitions and values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/cfgdef.h"

enum { MODE_A = 1, MODE_B, MODE_NO };
static const struct sl_cfg_enum modes[] = {
        {"a", MODE_A, NULL}, {"b", MODE_B, NULL}, {"slow", MODE_NO, "It is not built in; use a."}, {0}};
static const struct sl_cfg_enum two[] = {{"a", MODE_A, NULL}, {"b", MODE_B, NULL}, {0}};

struct cfg {
        int32_t i, m, reqi;
        int64_t l;
        const char *s, *req, *ne, *pw, *pwn, *cls;
        int en, enc;
        struct sl_cfg_list li, kept;
        bool b;
        double db;
        int32_t sh;
};

/* As the ConfigDef that printed the expectations. */
static const struct sl_cfg_def java[] = {
        {SL_CFG_INT(struct cfg, i, "i"), .def = "5", .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .min = 1, .max = 10,
         .importance = SL_HIGH, .doc = "doc i"},
        {SL_CFG_LONG(struct cfg, l, "l"), .doc = "doc l"},
        {SL_CFG_STR(struct cfg, s, "s"), .flags = SL_CFG_REQUIRED, .doc = "required s"},
        {SL_CFG_STR(struct cfg, req, "req"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .doc = "required s"},
        {SL_CFG_INT(struct cfg, reqi, "reqi"), .flags = SL_CFG_REQUIRED | SL_CFG_HAS_MIN, .min = 1,
         .doc = "required s"},
        {SL_CFG_ENUM(struct cfg, en, "en", two), .def = "a", .doc = "enum"},
        {SL_CFG_ENUM(struct cfg, enc, "enc", two), .def = "a", .flags = SL_CFG_CASE_INSENSITIVE, .doc = "enum"},
        {SL_CFG_SECRET(struct cfg, pw, "pw"), .def = "dflt", .doc = "pw"},
        {SL_CFG_SECRET(struct cfg, pwn, "pwn"), .doc = "pw"},
        {SL_CFG_LIST(struct cfg, li, "li"), .def = "a,b", .doc = "li"},
        {SL_CFG_BOOL(struct cfg, b, "b"), .def = "false", .doc = "b"},
        {.name = "db",
         .type = SL_CFG_T_DOUBLE,
         .offset = offsetof(struct cfg, db),
         .def = "1.0",
         .flags = SL_CFG_HAS_MAX,
         .max = 2,
         .doc = "db"},
        {SL_CFG_CLASS(struct cfg, cls, "c"), .def = "java.lang.String", .doc = "c"},
        {0}};

struct fixture {
        struct sl_props props;
        struct sl_arena arena;
        struct sl_cfg_report r;
        struct cfg cfg;
};

static void parse(struct fixture *f, const struct sl_cfg_def *defs)
{
        sl_cfg_parse(defs, &f->props, &f->cfg, &f->arena, &f->r);
}

static void done(struct fixture *f)
{
        sl_props_free(&f->props);
        sl_arena_free(&f->arena);
        sl_cfg_report_free(&f->r);
}

/* The n-th finding (from 0) on the key with this weight, "" if there is none. */
static const char *found(const struct sl_cfg_report *r, const char *key, bool warning, unsigned n)
{
        for (uint32_t i = 0; i < r->count; i++)
                if (r->findings[i].warning == warning && strcmp(r->findings[i].key, key) == 0 && n-- == 0)
                        return r->findings[i].text;
        return "";
}
#define ERROR(f, key, n) found(&(f).r, key, false, n)
#define WARNING(f, key, n) found(&(f).r, key, true, n)

/* The member `part` of the entry of `name`, as compact JSON in out. */
static const char *part_of(json_t *list, const char *name, const char *part, struct sl_buf *out)
{
        size_t i;
        json_t *entry;
        sl_buf_clear(out);
        json_array_foreach(list, i, entry)
        {
                if (strcmp(sl_json_str(json_object_get(entry, "value"), "name"), name) == 0) {
                        sl_json_dump(part ? json_object_get(entry, part) : entry, out);
                        return sl_buf_cstr(out);
                }
        }
        return "absent";
}

static void fills_defaults(void **state)
{
        (void)state;
        struct fixture f = {0};
        sl_props_set(&f.props, "s", "x");
        sl_props_set(&f.props, "req", "y");
        sl_props_set(&f.props, "reqi", "3");
        parse(&f, java);
        assert_int_equal(f.r.count, 0);
        assert_int_equal(f.cfg.i, 5);
        assert_int_equal(f.cfg.l, 0);
        assert_int_equal(f.cfg.reqi, 3);
        assert_int_equal(f.cfg.en, MODE_A);
        assert_string_equal(f.cfg.pw, "dflt");
        assert_null(f.cfg.pwn);
        assert_int_equal(f.cfg.li.count, 2);
        assert_string_equal(f.cfg.li.items[1], "b");
        assert_false(f.cfg.b);
        assert_true(f.cfg.db == 1.0);
        assert_string_equal(f.cfg.cls, "java.lang.String");
        done(&f);
}

static void one_value(const struct sl_cfg_def *row, const char *text, struct fixture *f)
{
        struct sl_cfg_def defs[2] = {*row, {0}};
        memset(f, 0, sizeof(*f));
        sl_props_set(&f->props, row->name, text);
        parse(f, defs);
}

static void parses_numbers_as_java(void **state)
{
        (void)state;
        static const struct sl_cfg_def i = {SL_CFG_INT(struct cfg, i, "k")}, l = {SL_CFG_LONG(struct cfg, l, "k")};
        static const struct sl_cfg_def sh = {.name = "k", .type = SL_CFG_T_SHORT, .offset = offsetof(struct cfg, sh)};
        static const struct sl_cfg_def d = {.name = "k", .type = SL_CFG_T_DOUBLE, .offset = offsetof(struct cfg, db)};
        static const char *const bad[] = {"", " ", "abc", "0x10", "1e3", "5L", "1.0", "-", "+", "1_000", "1 2"};
        struct fixture f;
        for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
                char text[128];
                one_value(&i, bad[n], &f);
                snprintf(text, sizeof(text), "Invalid value %s for configuration k: Not a number of type INT", bad[n]);
                assert_string_equal(ERROR(f, "k", 0), text);
                assert_int_equal(f.r.errors, 1);
                done(&f);
        }
        one_value(&i, "\t-42 \n", &f);
        assert_int_equal(f.cfg.i, -42);
        done(&f);
        one_value(&i, "+2147483647", &f);
        assert_int_equal(f.cfg.i, INT32_MAX);
        done(&f);
        one_value(&i, "2147483648", &f);
        assert_int_equal(f.r.errors, 1);
        done(&f);
        one_value(&sh, "32768", &f);
        assert_string_equal(ERROR(f, "k", 0), "Invalid value 32768 for configuration k: Not a number of type SHORT");
        done(&f);
        one_value(&sh, "-32768", &f);
        assert_int_equal(f.cfg.sh, INT16_MIN);
        done(&f);
        one_value(&l, "-9223372036854775808", &f);
        assert_true(f.cfg.l == INT64_MIN);
        done(&f);
        one_value(&l, "9223372036854775808", &f);
        assert_string_equal(ERROR(f, "k", 0),
                            "Invalid value 9223372036854775808 for configuration k: Not a number of type LONG");
        done(&f);
        static const struct {
                const char *text;
                double value;
        } doubles[] = {{"1", 1},     {"1.5f", 1.5}, {" 2.5 ", 2.5},          {"1e3", 1000},      {"1.", 1},
                       {".5d", 0.5}, {"1.D", 1},    {"+Infinity", INFINITY}, {"1e400", INFINITY}};
        for (size_t n = 0; n < sizeof(doubles) / sizeof(doubles[0]); n++) {
                one_value(&d, doubles[n].text, &f);
                assert_int_equal(f.r.errors, 0);
                assert_true(f.cfg.db == doubles[n].value);
                done(&f);
        }
        static const char *const no_doubles[] = {"", ".", "inf", "nan", "1e", "d", "f", "1ff", ".f", "0x1"};
        for (size_t n = 0; n < sizeof(no_doubles) / sizeof(no_doubles[0]); n++) {
                one_value(&d, no_doubles[n], &f);
                assert_int_equal(f.r.errors, 1);
                done(&f);
        }
}

static void parses_booleans_and_texts(void **state)
{
        (void)state;
        static const struct sl_cfg_def b = {SL_CFG_BOOL(struct cfg, b, "k")}, s = {SL_CFG_STR(struct cfg, s, "k")};
        static const struct sl_cfg_def c = {SL_CFG_CLASS(struct cfg, cls, "k")};
        struct fixture f;
        one_value(&b, " TRUE", &f);
        assert_true(f.cfg.b);
        done(&f);
        static const char *const bad[] = {"", "yes", "1", "truex", "tru"};
        for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
                char text[128];
                one_value(&b, bad[n], &f);
                snprintf(text, sizeof(text),
                         "Invalid value %s for configuration k: Expected value to be either true or false", bad[n]);
                assert_string_equal(ERROR(f, "k", 0), text);
                done(&f);
        }
        one_value(&s, "\x01 x\xc2\xa0 \t", &f);
        assert_string_equal(f.cfg.s, "x\xc2\xa0");
        done(&f);
        one_value(&s, "", &f);
        assert_string_equal(f.cfg.s, "");
        assert_int_equal(f.r.errors, 0);
        done(&f);
        one_value(&c, " org.x.Y ", &f);
        assert_string_equal(f.cfg.cls, "org.x.Y");
        done(&f);
        one_value(&c, " ", &f);
        assert_string_equal(ERROR(f, "k", 0), "Invalid value   for configuration k: Class   could not be found.");
        done(&f);
}

static void parses_lists(void **state)
{
        (void)state;
        static const struct sl_cfg_def li = {SL_CFG_LIST(struct cfg, li, "k")};
        static const struct sl_cfg_def full = {SL_CFG_LIST(struct cfg, li, "k"), .flags = SL_CFG_NONEMPTY};
        static const struct {
                const char *text, *joined;
                uint32_t count;
        } cases[] = {{"", "", 0},
                     {" ", "", 0},
                     {"a", "a|", 1},
                     {"a,b", "a|b|", 2},
                     {" a , b ", "a|b|", 2},
                     {"a,", "a||", 2},
                     {"a,,b", "a||b|", 3},
                     {",", "||", 2},
                     {",,", "|||", 3},
                     {"a b,\tc\n,d", "a b|c|d|", 3},
                     {" , x", "|x|", 2}};
        struct fixture f;
        for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
                char joined[64] = "";
                one_value(&li, cases[n].text, &f);
                for (uint32_t i = 0; i < f.cfg.li.count; i++) {
                        strcat(joined, f.cfg.li.items[i]);
                        strcat(joined, "|");
                }
                assert_string_equal(joined, cases[n].joined);
                assert_int_equal(f.cfg.li.count, cases[n].count);
                done(&f);
        }
        one_value(&full, " ", &f);
        assert_string_equal(ERROR(f, "k", 0),
                            "Configuration 'k' must not be empty. Valid values include: any non-empty value");
        done(&f);
}

/* Kafka's ValidList.anyNonDuplicateValues: one sentence a list, the first rule that it breaks. */
static void checks_unique_lists(void **state)
{
        (void)state;
        static const struct sl_cfg_def some = {SL_CFG_LIST(struct cfg, li, "k"), .def = "", .flags = SL_CFG_UNIQUE};
        static const struct sl_cfg_def full = {SL_CFG_LIST(struct cfg, li, "k"),
                                               .flags = SL_CFG_UNIQUE | SL_CFG_NONEMPTY | SL_CFG_REQUIRED};
        static const struct {
                const char *text, *error;
        } cases[] = {{"a,b", NULL},
                     {"a,A", NULL},
                     {"a,b,a", "values must not be duplicated."},
                     {"a , a", "values must not be duplicated."},
                     {",", "values must not be duplicated."},
                     {"a,,a", "values must not be duplicated."},
                     {"a,,b", "values must not be empty."},
                     {"a,", "values must not be empty."}};
        struct fixture f;
        for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
                char text[64] = "";
                if (cases[n].error)
                        snprintf(text, sizeof(text), "Configuration 'k' %s", cases[n].error);
                one_value(n % 2 ? &some : &full, cases[n].text, &f);
                assert_int_equal(f.r.errors, cases[n].error != NULL);
                if (cases[n].error)
                        assert_string_equal(ERROR(f, "k", 0), text);
                assert_int_equal(f.cfg.li.count, cases[n].error ? 0 : 2);
                done(&f);
        }
        one_value(&some, "", &f);
        assert_int_equal(f.r.errors, 0);
        done(&f);
        one_value(&full, "", &f);
        assert_string_equal(ERROR(f, "k", 0),
                            "Configuration 'k' must not be empty. Valid values include: any non-empty value");
        done(&f);
        one_value(&full, NULL, &f);
        assert_string_equal(ERROR(f, "k", 1), "Configuration 'k' values must not be null.");
        done(&f);
}

static void words_errors_as_kafka(void **state)
{
        (void)state;
        struct fixture f = {0};
        sl_props_set(&f.props, "i", "abc");
        sl_props_set(&f.props, "req", " ");
        sl_props_set(&f.props, "en", " z");
        sl_props_set(&f.props, "enc", "z");
        sl_props_set(&f.props, "db", "9");
        parse(&f, java);
        assert_string_equal(ERROR(f, "i", 0), "Invalid value abc for configuration i: Not a number of type INT");
        assert_string_equal(ERROR(f, "i", 1), "Invalid value null for configuration i: Value must be non-null");
        assert_string_equal(ERROR(f, "s", 0), "Missing required configuration \"s\" which has no default value.");
        assert_string_equal(ERROR(f, "req", 0), "Invalid value  for configuration req: String must be non-empty");
        assert_string_equal(ERROR(f, "reqi", 0), "Missing required configuration \"reqi\" which has no default value.");
        assert_string_equal(ERROR(f, "reqi", 1), "Invalid value null for configuration reqi: Value must be non-null");
        assert_string_equal(ERROR(f, "en", 0), "Invalid value z for configuration en: String must be one of: a, b");
        assert_string_equal(ERROR(f, "enc", 0),
                            "Invalid value z for configuration enc: String must be one of (case insensitive): A, B");
        assert_string_equal(ERROR(f, "db", 0), "Invalid value 9.0 for configuration db: Value must be no more than 2");
        assert_int_equal(f.r.errors, 9);
        assert_int_equal(f.cfg.i, 5); /* the default stays where a value is bad */
        assert_true(sl_cfg_has_error(&f.r, "i"));
        assert_false(sl_cfg_has_error(&f.r, "b"));
        struct sl_buf text = {0};
        sl_cfg_report_text(&f.r, &text);
        assert_non_null(strstr(sl_buf_cstr(&text),
                               "Connector configuration is invalid and contains the following 9 error(s):\n"
                               "Invalid value abc for configuration i: Not a number of type INT\n"));
        assert_non_null(strstr(sl_buf_cstr(&text),
                               "no more than 2\nYou can also find the above list of errors at the endpoint "
                               "`/connector-plugins/{connectorType}/config/validate`"));
        sl_buf_free(&text);
        done(&f);
}

static void checks_ranges(void **state)
{
        (void)state;
        struct sl_cfg_def row = {SL_CFG_INT(struct cfg, i, "k"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .min = 1,
                                 .max = 10};
        struct fixture f;
        one_value(&row, "0", &f);
        assert_string_equal(ERROR(f, "k", 0), "Invalid value 0 for configuration k: Value must be at least 1");
        done(&f);
        one_value(&row, " 011", &f);
        assert_string_equal(ERROR(f, "k", 0), "Invalid value 11 for configuration k: Value must be no more than 10");
        done(&f);
        one_value(&row, "10", &f);
        assert_int_equal(f.r.errors, 0);
        assert_int_equal(f.cfg.i, 10);
        done(&f);
}

static void null_is_null_to_the_checks(void **state)
{
        (void)state;
        struct fixture f = {0};
        for (const struct sl_cfg_def *d = java; d->name; d++)
                sl_props_set(&f.props, d->name, NULL);
        parse(&f, java);
        assert_string_equal(ERROR(f, "i", 0), "Invalid value null for configuration i: Value must be non-null");
        assert_string_equal(ERROR(f, "i", 1), "");
        assert_string_equal(ERROR(f, "en", 0), "Invalid value null for configuration en: String must be one of: a, b");
        assert_string_equal(ERROR(f, "l", 0), "");
        assert_string_equal(ERROR(f, "b", 0), "");
        assert_string_equal(ERROR(f, "pw", 0), "");
        /* Java lets a required key be null; a component could not run with it. */
        assert_string_equal(ERROR(f, "s", 0), "Missing required configuration \"s\" which has no default value.");
        assert_int_equal(f.cfg.i, 5);
        assert_string_equal(f.cfg.pw, "dflt");
        assert_int_equal(f.cfg.li.count, 2);
        done(&f);
}

static const struct sl_cfg_def special[] = {
        {SL_CFG_STR(struct cfg, s, "topic.prefix"), .flags = SL_CFG_REQUIRED, .doc = "Prefix."},
        {SL_CFG_NONE("database.server.name", SL_CFG_T_STRING), .alias_of = "topic.prefix", .flags = SL_CFG_DEPRECATED},
        {SL_CFG_NONE("prefix.too", SL_CFG_T_STRING), .alias_of = "topic.prefix"},
        {SL_CFG_INT(struct cfg, i, "flush.size"), .def = "1000"},
        {SL_CFG_ENUM(struct cfg, en, "mode", modes), .def = "a"},
        {SL_CFG_NONE("no.effect", SL_CFG_T_INT), .flags = SL_CFG_IGNORED, .doc = "There is nothing to tune."},
        {SL_CFG_STR(struct cfg, ne, "old.way"), .flags = SL_CFG_DEPRECATED, .doc = "Use mode."},
        {.name = "plugin.name", .unsupported = "Only pgoutput is built in; remove this key."},
        {.name = "connector.password", .unsupported = "Not here."},
        {SL_CFG_NONE("with.default", SL_CFG_T_BOOLEAN), .def = "false", .unsupported = "Not built in."},
        {SL_CFG_NONE("producer.override.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX},
        {SL_CFG_NONE("converter.*", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX},
        {SL_CFG_KEYS(struct cfg, kept, "kept.*"), .doc = "Kept."},
        {SL_CFG_STR(struct cfg, req, "internal.hidden"), .flags = SL_CFG_HIDDEN | SL_CFG_NONEMPTY},
        {0}};

static void old_names_go_to_the_new_key(void **state)
{
        (void)state;
        struct fixture f = {0};
        sl_props_set(&f.props, "database.server.name", " bank ");
        parse(&f, special);
        assert_int_equal(f.r.errors, 0);
        assert_string_equal(f.cfg.s, "bank");
        assert_string_equal(WARNING(f, "database.server.name", 0),
                            "Configuration database.server.name is deprecated. Use topic.prefix instead.");
        sl_auto_json *list = sl_cfg_validate_json(special, "", &f.props, &f.r);
        struct sl_buf text = {0};
        assert_non_null(strstr(part_of(list, "topic.prefix", "value", &text), "\"value\":\"bank\""));
        assert_non_null(strstr(part_of(list, "database.server.name", "value", &text), "\"value\":\"bank\""));
        sl_buf_free(&text);
        done(&f);

        f = (struct fixture){0};
        sl_props_set(&f.props, "database.server.name", "old");
        sl_props_set(&f.props, "prefix.too", "older");
        sl_props_set(&f.props, "topic.prefix", "new");
        parse(&f, special);
        assert_int_equal(f.r.errors, 0);
        assert_string_equal(f.cfg.s, "new");
        assert_string_equal(WARNING(f, "database.server.name", 0),
                            "Configuration database.server.name is ignored because topic.prefix is set too.");
        assert_string_equal(WARNING(f, "prefix.too", 0),
                            "Configuration prefix.too is ignored because topic.prefix is set too.");
        done(&f);

        f = (struct fixture){0};
        sl_props_set(&f.props, "prefix.too", "x");
        sl_props_set(&f.props, "topic.prefix", NULL);
        parse(&f, special);
        assert_int_equal(f.r.count, 0);
        assert_string_equal(f.cfg.s, "x");
        done(&f);
}

static void refuses_and_warns(void **state)
{
        (void)state;
        struct fixture f = {0};
        f.cfg.i = 77; /* first member: rows without one must not touch it before flush.size does */
        sl_props_set(&f.props, "topic.prefix", "p");
        sl_props_set(&f.props, "plugin.name", "wal2json");
        sl_props_set(&f.props, "connector.password", "hunter2");
        sl_props_set(&f.props, "with.default", "True");
        sl_props_set(&f.props, "mode", "slow");
        sl_props_set(&f.props, "no.effect", "5");
        sl_props_set(&f.props, "old.way", "x");
        sl_props_set(&f.props, "internal.hidden", "");
        parse(&f, special);
        assert_string_equal(ERROR(f, "plugin.name", 0),
                            "Invalid value wal2json for configuration plugin.name: Only pgoutput is "
                            "built in; remove this key.");
        assert_string_equal(ERROR(f, "connector.password", 0),
                            "Invalid value [hidden] for configuration connector.password: Not here.");
        assert_string_equal(ERROR(f, "with.default", 0),
                            "Invalid value True for configuration with.default: Not built in.");
        assert_string_equal(ERROR(f, "mode", 0),
                            "Invalid value slow for configuration mode: It is not built in; use a.");
        assert_string_equal(WARNING(f, "no.effect", 0),
                            "Configuration no.effect has no effect here. There is nothing to tune.");
        assert_string_equal(WARNING(f, "old.way", 0), "Configuration old.way is deprecated. Use mode.");
        assert_int_equal(f.cfg.en, MODE_A);
        assert_int_equal(f.cfg.i, 1000);
        assert_string_equal(f.cfg.ne, "x");
        sl_auto_json *list = sl_cfg_validate_json(special, NULL, &f.props, &f.r);
        struct sl_buf text = {0};
        assert_non_null(strstr(part_of(list, "connector.password", "value", &text), "\"value\":\"[hidden]\""));
        assert_string_not_equal(part_of(list, "internal.hidden", "value", &text), "absent");
        assert_string_not_equal(part_of(list, "plugin.name", "value", &text), "absent");
        assert_string_equal(part_of(list, "producer.override.", "value", &text), "absent");
        sl_buf_free(&text);
        done(&f);

        f = (struct fixture){0};
        sl_props_set(&f.props, "topic.prefix", "p");
        sl_props_set(&f.props, "with.default", " FALSE ");
        sl_props_set(&f.props, "plugin.name", NULL);
        parse(&f, special);
        assert_int_equal(f.r.count, 0);
        sl_auto_json *quiet = sl_cfg_validate_json(special, "", &f.props, &f.r);
        assert_string_equal(part_of(quiet, "internal.hidden", "value", &text), "absent");
        assert_string_equal(part_of(quiet, "plugin.name", "value", &text), "absent");
        sl_buf_free(&text);
        done(&f);
}

static void finds_rows(void **state)
{
        (void)state;
        assert_string_equal(sl_cfg_find(special, "flush.size")->name, "flush.size");
        assert_string_equal(sl_cfg_find(special, "database.server.name")->name, "topic.prefix");
        assert_string_equal(sl_cfg_find(special, "producer.override.acks")->name, "producer.override.");
        assert_string_equal(sl_cfg_find(special, "converter.x")->name, "converter.*");
        assert_null(sl_cfg_find(special, "producer.overrid"));
        assert_null(sl_cfg_find(special, "flush.sizes"));
}

static void names_the_nearest_known_key(void **state)
{
        (void)state;
        const struct sl_cfg_def *const tables[] = {java, special};
        struct fixture f = {0};
        sl_props_set(&f.props, "flush.sise", "1");
        sl_props_set(&f.props, "topic.prefixes.of.bank", "x");
        sl_props_set(&f.props, "producer.override.acks", "all");
        sl_props_set(&f.props, "xyzzy", "x");
        sl_props_set(&f.props, "i", "1");
        sl_props_set(&f.props, "q", "1");
        sl_cfg_check_unknown(tables, 2, &f.props, &f.r);
        assert_int_equal(f.r.errors, 0);
        assert_int_equal(f.r.count, 4);
        assert_string_equal(WARNING(f, "flush.sise", 0),
                            "Configuration flush.sise is not known and has no effect. Did you mean flush.size?");
        assert_string_equal(WARNING(f, "xyzzy", 0), "Configuration xyzzy is not known and has no effect.");
        assert_string_equal(WARNING(f, "q", 0), "Configuration q is not known and has no effect.");
        sl_cfg_report_free(&f.r);
        sl_props_set(&f.props, "topic.pref", "x");
        sl_cfg_check_unknown(tables, 2, &f.props, &f.r);
        assert_string_equal(WARNING(f, "topic.pref", 0),
                            "Configuration topic.pref is not known and has no effect. Did you mean topic.prefix?");
        done(&f);
}

static void knows_secrets_by_name(void **state)
{
        (void)state;
        static const char *const secret[] = {"database.password",
                                             "ssl.keystore.password",
                                             "ssl_key_password",
                                             "aws.secret.access.key",
                                             "s3.access.key",
                                             "sasl.jaas.config",
                                             "consumer.override.sasl.jaas.config",
                                             "snowflake.private.key",
                                             "snowflake.private.key.passphrase",
                                             "bearer.auth.token",
                                             "authToken",
                                             "vault.token",
                                             "sasl.oauthbearer.client.credentials.client.secret",
                                             "basic.auth.user.info",
                                             "value.converter.basic.auth.user.info",
                                             "ssl.keystore.key",
                                             "ssl.key.pem",
                                             "some.api.key",
                                             "proxy-passwd",
                                             "DATABASE_PASSWORD",
                                             "vault.secret.id"};
        static const char *const open[] = {"key.converter",
                                           "value.converter",
                                           "message.key.columns",
                                           "aws.access.key.id",
                                           "name",
                                           "topics",
                                           "transforms.a.field",
                                           "key.converter.schema.registry.url",
                                           "s3.credentials.provider.class",
                                           "basic.auth.credentials.source",
                                           "ssl.keystore.location",
                                           "password.file",
                                           "partition.field.name",
                                           "record.key",
                                           "max.tokens",
                                           "tokenizer",
                                           "sasl.oauthbearer.token.endpoint.url",
                                           "compass",
                                           "key.deserializer",
                                           "database.hostname",
                                           "s3.bucket.name",
                                           "delegation.token.max.lifetime.ms"};
        for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
                if (!sl_cfg_is_secret(NULL, 0, secret[i]))
                        fail_msg("%s must be a secret", secret[i]);
        for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
                if (sl_cfg_is_secret(NULL, 0, open[i]))
                        fail_msg("%s must not be a secret", open[i]);
        const struct sl_cfg_def *const tables[] = {java};
        assert_true(sl_cfg_is_secret(tables, 1, "pw"));
        assert_false(sl_cfg_is_secret(tables, 1, "s"));
}

static void validates_like_connect(void **state)
{
        (void)state;
        static const struct {
                const char *name, *json;
        } expect[] = {
                {"i", "{\"definition\":{\"name\":\"i\",\"type\":\"INT\",\"required\":false,\"default_value\":\"5\","
                      "\"importance\":\"HIGH\",\"documentation\":\"doc "
                      "i\",\"group\":null,\"order_in_group\":-1,\"width\":\"NONE\","
                      "\"display_name\":\"i\",\"dependents\":[]},\"value\":{\"name\":\"i\",\"value\":null,"
                      "\"recommended_values\":[],"
                      "\"errors\":[\"Invalid value abc for configuration i: Not a number of type INT\","
                      "\"Invalid value null for configuration i: Value must be non-null\"],\"visible\":true}}"},
                {"s", "{\"definition\":{\"name\":\"s\",\"type\":\"STRING\",\"required\":true,\"default_value\":null,"
                      "\"importance\":\"LOW\",\"documentation\":\"required "
                      "s\",\"group\":null,\"order_in_group\":-1,\"width\":\"NONE\","
                      "\"display_name\":\"s\",\"dependents\":[]},\"value\":{\"name\":\"s\",\"value\":\"\","
                      "\"recommended_values\":[],"
                      "\"errors\":[],\"visible\":true}}"},
                {"reqi",
                 "{\"definition\":{\"name\":\"reqi\",\"type\":\"INT\",\"required\":true,\"default_value\":null,"
                 "\"importance\":\"LOW\",\"documentation\":\"required s\",\"group\":null,\"order_in_group\":-1,"
                 "\"width\":\"NONE\",\"display_name\":\"reqi\",\"dependents\":[]},\"value\":{\"name\":\"reqi\","
                 "\"value\":null,"
                 "\"recommended_values\":[],\"errors\":[\"Missing required configuration \\\"reqi\\\" which has no "
                 "default "
                 "value.\",\"Invalid value null for configuration reqi: Value must be non-null\"],\"visible\":true}}"},
                {"en",
                 "{\"definition\":{\"name\":\"en\",\"type\":\"STRING\",\"required\":false,\"default_value\":\"a\","
                 "\"importance\":\"LOW\",\"documentation\":\"enum\",\"group\":null,\"order_in_group\":-1,\"width\":"
                 "\"NONE\","
                 "\"display_name\":\"en\",\"dependents\":[]},\"value\":{\"name\":\"en\",\"value\":\"z\",\"recommended_"
                 "values\":[],"
                 "\"errors\":[\"Invalid value z for configuration en: String must be one of: a, "
                 "b\"],\"visible\":true}}"},
                {"pw", "{\"definition\":{\"name\":\"pw\",\"type\":\"PASSWORD\",\"required\":false,\"default_value\":\"["
                       "hidden]\","
                       "\"importance\":\"LOW\",\"documentation\":\"pw\",\"group\":null,\"order_in_group\":-1,\"width\":"
                       "\"NONE\","
                       "\"display_name\":\"pw\",\"dependents\":[]},\"value\":{\"name\":\"pw\",\"value\":\"[hidden]\","
                       "\"recommended_values\":[],\"errors\":[],\"visible\":true}}"},
                {"pwn",
                 "{\"definition\":{\"name\":\"pwn\",\"type\":\"PASSWORD\",\"required\":false,\"default_value\":null,"
                 "\"importance\":\"LOW\",\"documentation\":\"pw\",\"group\":null,\"order_in_group\":-1,\"width\":"
                 "\"NONE\","
                 "\"display_name\":\"pwn\",\"dependents\":[]},\"value\":{\"name\":\"pwn\",\"value\":null,"
                 "\"recommended_values\":[],\"errors\":[],\"visible\":true}}"},
                {"li",
                 "{\"definition\":{\"name\":\"li\",\"type\":\"LIST\",\"required\":false,\"default_value\":\"a,b\","
                 "\"importance\":\"LOW\",\"documentation\":\"li\",\"group\":null,\"order_in_group\":-1,\"width\":"
                 "\"NONE\","
                 "\"display_name\":\"li\",\"dependents\":[]},\"value\":{\"name\":\"li\",\"value\":\"q,r\","
                 "\"recommended_values\":[],\"errors\":[],\"visible\":true}}"},
                {"b",
                 "{\"definition\":{\"name\":\"b\",\"type\":\"BOOLEAN\",\"required\":false,\"default_value\":\"false\","
                 "\"importance\":\"LOW\",\"documentation\":\"b\",\"group\":null,\"order_in_group\":-1,\"width\":"
                 "\"NONE\","
                 "\"display_name\":\"b\",\"dependents\":[]},\"value\":{\"name\":\"b\",\"value\":null,\"recommended_"
                 "values\":[],"
                 "\"errors\":[\"Invalid value maybe for configuration b: Expected value to be either true or false\"],"
                 "\"visible\":true}}"},
        };
        struct fixture f = {0};
        struct sl_buf text = {0};
        sl_props_set(&f.props, "i", "abc");
        sl_props_set(&f.props, "s", " ");
        sl_props_set(&f.props, "req", "x");
        sl_props_set(&f.props, "en", "z");
        sl_props_set(&f.props, "pw", "top secret");
        sl_props_set(&f.props, "li", " q , r");
        sl_props_set(&f.props, "b", "maybe");
        parse(&f, java);
        sl_auto_json *list = sl_cfg_validate_json(java, "", &f.props, &f.r);
        assert_int_equal(json_array_size(list), 13);
        for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++)
                assert_string_equal(part_of(list, expect[i].name, NULL, &text), expect[i].json);
        sl_buf_clear(&text);
        sl_json_dump(list, &text);
        assert_null(strstr(sl_buf_cstr(&text), "top secret"));
        sl_buf_free(&text);
        done(&f);
}

static const struct sl_cfg_def router[] = {
        {SL_CFG_STR(struct cfg, s, "regex"), .flags = SL_CFG_REQUIRED, .group = "R", .importance = SL_HIGH},
        {SL_CFG_INT(struct cfg, i, "count"), .def = "1", .group = "R", .display = "How many"},
        {0}};

static void keys_of_a_prefix_are_kept(void **state)
{
        struct fixture f = {0};

        (void)state;
        sl_props_set(&f.props, "topic.prefix", "p");
        sl_props_set(&f.props, "kept.b", "1");
        sl_props_set(&f.props, "converter.x", "2");
        sl_props_set(&f.props, "kept.a", "3");
        sl_props_set(&f.props, "kept.", "4");
        parse(&f, special);
        assert_int_equal(f.cfg.kept.count, 4);
        assert_string_equal(f.cfg.kept.items[0], "kept.b");
        assert_string_equal(f.cfg.kept.items[1], "1");
        assert_string_equal(f.cfg.kept.items[2], "kept.a");
        assert_string_equal(f.cfg.kept.items[3], "3");
        done(&f);
}

static void validates_under_a_prefix(void **state)
{
        (void)state;
        struct fixture f = {0};
        struct sl_props own = {0};
        struct sl_cfg_report r = {0};
        struct sl_buf text = {0};
        sl_props_set(&f.props, "regex", "not this");
        sl_props_set(&f.props, "transforms.r.count", "x");
        sl_cfg_parse_at(router, "transforms.r.", &f.props, &f.cfg, &f.arena, &f.r);
        assert_string_equal(ERROR(f, "transforms.r.regex", 0),
                            "Missing required configuration \"transforms.r.regex\" which has no default value.");
        assert_string_equal(ERROR(f, "transforms.r.count", 0),
                            "Invalid value x for configuration transforms.r.count: Not a number of type INT");
        sl_auto_json *list = sl_cfg_validate_group_json(router, "transforms.r.", "Transforms: r", &f.props, &f.r);
        assert_string_equal(
                part_of(list, "transforms.r.regex", "value", &text),
                "{\"name\":\"transforms.r.regex\",\"value\":null,\"recommended_values\":[],\"errors\":[\"Missing "
                "required "
                "configuration \\\"transforms.r.regex\\\" which has no default value.\"],\"visible\":true}");
        assert_string_equal(
                part_of(list, "transforms.r.count", "definition", &text),
                "{\"name\":\"transforms.r.count\",\"type\":\"INT\",\"required\":false,\"default_value\":\"1\","
                "\"importance\":\"LOW\",\"documentation\":\"\",\"group\":\"Transforms: r\",\"order_in_group\":2,"
                "\"width\":\"SHORT\",\"display_name\":\"How many\",\"dependents\":[]}");

        /* the same through the subset without the prefix */
        sl_props_subset(&own, &f.props, "transforms.r.");
        sl_cfg_parse(router, &own, NULL, &f.arena, &r);
        sl_auto_json *sub = sl_cfg_validate_json(router, "transforms.r.", &own, &r);
        assert_string_equal(part_of(sub, "transforms.r.count", "value", &text),
                            "{\"name\":\"transforms.r.count\",\"value\":null,\"recommended_values\":[],\"errors\":["
                            "\"Invalid value x for "
                            "configuration count: Not a number of type INT\"],\"visible\":true}");
        assert_non_null(strstr(part_of(sub, "transforms.r.count", "definition", &text),
                               "\"group\":\"R\",\"order_in_group\":2,"));
        sl_buf_free(&text);
        sl_props_free(&own);
        sl_cfg_report_free(&r);
        done(&f);
}

static void shows_definitions_and_markdown(void **state)
{
        (void)state;
        struct sl_buf text = {0};
        sl_auto_json *defs = sl_cfg_definitions_json(special);
        sl_json_dump(defs, &text);
        assert_int_equal(json_array_size(defs), 7);
        assert_non_null(strstr(sl_buf_cstr(&text),
                               "{\"name\":\"topic.prefix\",\"type\":\"STRING\",\"required\":true,"
                               "\"default_value\":null,\"importance\":\"LOW\",\"documentation\":\"Prefix.\","));
        assert_null(strstr(sl_buf_cstr(&text), "plugin.name"));
        sl_buf_clear(&text);
        sl_cfg_markdown(special, &text);
        const char *md = sl_buf_cstr(&text);
        assert_non_null(strstr(md, "| `topic.prefix` | STRING | required | LOW | Prefix. |\n"));
        assert_non_null(strstr(md, "| `database.server.name` | STRING | none | LOW | Old name of `topic.prefix`. |\n"));
        assert_non_null(strstr(md, "| `mode` | STRING | `a` | LOW |  Values: `a`, `b`. Refused: `slow`: It is not"));
        assert_non_null(strstr(md, "| `producer.override.*` | "));
        assert_non_null(strstr(md, "**Refused:** Only pgoutput"));
        assert_null(strstr(md, "internal.hidden"));
        sl_buf_free(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fills_defaults),
                cmocka_unit_test(parses_numbers_as_java),
                cmocka_unit_test(parses_booleans_and_texts),
                cmocka_unit_test(parses_lists),
                cmocka_unit_test(checks_unique_lists),
                cmocka_unit_test(words_errors_as_kafka),
                cmocka_unit_test(checks_ranges),
                cmocka_unit_test(null_is_null_to_the_checks),
                cmocka_unit_test(old_names_go_to_the_new_key),
                cmocka_unit_test(refuses_and_warns),
                cmocka_unit_test(finds_rows),
                cmocka_unit_test(names_the_nearest_known_key),
                cmocka_unit_test(knows_secrets_by_name),
                cmocka_unit_test(validates_like_connect),
                cmocka_unit_test(keys_of_a_prefix_are_kept),
                cmocka_unit_test(validates_under_a_prefix),
                cmocka_unit_test(shows_definitions_and_markdown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
