/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/snowflake/config.c: both classes' tables, account URLs, and what does not go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/snowflake/config.h"

struct parsed {
        struct sl_sf_cfg cfg;
        struct sl_arena arena;
        struct sl_cfg_report report;
};

/* pairs: key, value, ..., NULL; on top of what is required. */
static void parse(struct parsed *p, bool classic, const char *name, const char *const *pairs)
{
        struct sl_props props = {0};
        *p = (struct parsed){0};
        sl_props_set(&props, "snowflake.url.name", "myorg-acc.snowflakecomputing.com:443");
        sl_props_set(&props, "snowflake.user.name", "u");
        sl_props_set(&props, "snowflake.private.key", "k");
        sl_props_set(&props, "snowflake.database.name", "d");
        sl_props_set(&props, "snowflake.schema.name", "s");
        sl_props_set(&props, "snowflake.role.name", "r");
        for (; *pairs; pairs += 2)
                sl_props_set(&props, pairs[0], pairs[1]);
        sl_cfg_parse(classic ? sl_sf_classic_defs : sl_sf_defs, &props, &p->cfg, &p->arena, &p->report);
        if (!p->report.errors)
                (classic ? sl_sf_classic_check : sl_sf_check)(&p->cfg, name, &p->report);
        sl_sf_cfg_settle(&p->cfg, classic);
        sl_props_free(&props);
}

static void done(struct parsed *p)
{
        sl_cfg_report_free(&p->report);
        sl_arena_free(&p->arena);
}
#define KEYS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* NULL word: no errors. */
static void expect(const char *const *pairs, const char *key, const char *word)
{
        struct parsed p;
        parse(&p, false, "c1", pairs);
        if (!word && p.report.errors)
                fail_msg("%s", p.report.findings[0].text);
        if (word) {
                assert_int_equal(p.report.errors, 1);
                assert_string_equal(p.report.findings[0].key, key);
                if (!strstr(p.report.findings[0].text, word))
                        fail_msg("%s", p.report.findings[0].text);
        }
        done(&p);
}

static void defaults_of_both(void **state)
{
        (void)state;
        struct parsed p;
        parse(&p, false, "c1", KEYS());
        assert_int_equal(p.report.errors, 0);
        assert_true(p.cfg.schematization && p.cfg.channel_with_name && !p.cfg.sanitize && !p.cfg.normalize);
        assert_int_equal(p.cfg.validation, SL_SF_VALIDATE_SERVER);
        assert_int_equal(p.cfg.migration, SL_SF_MIGRATE_SKIP);
        done(&p);
        parse(&p, true, "c1", KEYS("snowflake.ingestion.method", "snowpipe_streaming"));
        assert_int_equal(p.report.errors, 0);
        assert_true(!p.cfg.schematization && !p.cfg.channel_with_name && p.cfg.sanitize && p.cfg.normalize);
        assert_int_equal(p.cfg.validation, SL_SF_VALIDATE_CLIENT);
        assert_int_equal(p.cfg.migration, SL_SF_MIGRATE_BEST_EFFORT);
        done(&p);
        parse(&p, true, "c1", KEYS());
        assert_int_equal(p.report.errors, 0);
        assert_int_equal(p.report.count, 1); /* the warning about SNOWPIPE */
        assert_int_equal(p.cfg.migration, SL_SF_MIGRATE_SKIP);
        done(&p);
}

static void what_does_not_go_together(void **state)
{
        (void)state;
        expect(KEYS(), NULL, NULL);
        expect(KEYS("snowflake.private.key", ""), "snowflake.private.key", "ERROR_0013");
        expect(KEYS("snowflake.authenticator", "oauth", "snowflake.oauth.client.secret", "x"), "snowflake.oauth.client.id", "ERROR_0026");
        expect(KEYS("snowflake.authenticator", "oauth", "snowflake.oauth.client.id", "x"), "snowflake.oauth.client.secret", "ERROR_0027");
        expect(KEYS("snowflake.authenticator", "oauth", "snowflake.oauth.client.id", "x", "snowflake.oauth.client.secret", "y",
                    "snowflake.oauth.token.endpoint", "login.example.com"),
               "snowflake.oauth.token.endpoint", "ERROR_0033");
        expect(KEYS("snowflake.authenticator", "programmatic_access_token"), "snowflake.pat", "must be set");
        expect(KEYS("jvm.proxy.host", "p"), "jvm.proxy.port", "ERROR_0022");
        expect(KEYS("jvm.proxy.password", "p"), "jvm.proxy.username", "ERROR_0023");
        expect(KEYS("snowflake.iceberg.create.table.options", "x"), "snowflake.iceberg.create.table.options", "ERROR_0034");
        expect(KEYS("sluice.snowflake.cdc", "true"), "sluice.snowflake.cdc.warehouse", "warehouse");
        expect(KEYS("sluice.snowflake.cdc", "true", "sluice.snowflake.cdc.target", "none"), NULL, NULL);
        expect(KEYS("value.converter", "com.snowflake.kafka.connector.records.SnowflakeJsonConverter"), "value.converter",
               "JsonConverter");
        expect(KEYS("snowflake.url.name", "https://user@a.b.c"), "snowflake.url.name", "ERROR_0007");
}

static void names(void **state)
{
        (void)state;
        static const char *const bad[] = {"a", "1a", "a.b", "ä1"}, *const good[] = {"ab", "-a", "_$", "a-1"};
        for (size_t i = 0; i < 4; i++) {
                struct parsed p;
                parse(&p, false, bad[i], KEYS());
                assert_int_equal(p.report.errors, 1);
                assert_string_equal(p.report.findings[0].key, "name");
                done(&p);
                parse(&p, false, good[i], KEYS());
                assert_int_equal(p.report.errors, 0);
                done(&p);
        }
}

static void urls(void **state)
{
        (void)state;
        static const struct {
                const char *url, *host, *account;
                int port;
                bool tls;
        } cases[] = {
                {"myorg-acc.snowflakecomputing.com", "myorg-acc.snowflakecomputing.com", "myorg-acc", 443, true},
                {"https://My_Acc.eu-central-1.snowflakecomputing.com:8443/", "my_acc.eu-central-1.snowflakecomputing.com", "my_acc", 8443, true},
                {"http://a.b.c", "a.b.c", "a", 80, false},
                {"a.b", NULL, NULL, 0, false},
                {"a.b.c/path", NULL, NULL, 0, false},
                {"a.b.c:0", NULL, NULL, 0, false},
                {"a..c", NULL, NULL, 0, false},
                {"ftp://a.b.c", NULL, NULL, 0, false},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_buf host = {0}, account = {0};
                int port;
                bool tls, ok = sl_sf_account_url(cases[i].url, &host, &account, &port, &tls);
                assert_int_equal(ok, cases[i].host != NULL);
                if (ok) {
                        assert_string_equal(sl_buf_cstr(&host), cases[i].host);
                        assert_string_equal(sl_buf_cstr(&account), cases[i].account);
                        assert_int_equal(port, cases[i].port);
                        assert_int_equal(tls, cases[i].tls);
                }
                sl_buf_free(&host);
                sl_buf_free(&account);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_of_both),
                cmocka_unit_test(what_does_not_go_together),
                cmocka_unit_test(names),
                cmocka_unit_test(urls),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
