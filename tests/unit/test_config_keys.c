/* SPDX-License-Identifier: Apache-2.0 */
/* Every configuration key of Kafka 4.2 (tests/data/connect-keys.tsv) is known here, with its default; and the tables of
 * docs/config.md are those of the program. SLUICE_WRITE_DOCS=1 writes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "api/connector.h"
#include "cluster/workercfg.h"
#include "kafka/kconf.h"
#include "pipeline/conncfg.h"

extern const struct sl_source_ops sl_pg_source;
extern const struct sl_sink_ops sl_s3_sink, sl_snowflake_sink, sl_snowflake_classic_sink, sl_dlq_connector;

static const char keys_file[] = "tests/data/connect-keys.tsv", docs_file[] = "docs/config.md";

/* Defaults that differ on purpose; the rows' docs say so. */
static const char *const other_defaults[] = {
        "bootstrap.servers",                /* there required: here as in the sample files */
        "key.converter",                    /* there required: here JsonConverter */
        "value.converter",                  /* likewise */
        "listeners",                        /* loopback */
        "rest.advertised.port",             /* 0 for null */
        "scheduled.rebalance.max.delay.ms", /* the work of a lost worker moves at once */
        "exactly.once.source.support",      /* on */
        "group.id",                         /* there required in a distributed worker: here it makes one */
        "config.storage.topic",             /* required with group.id */
        "offset.storage.topic",             /* likewise */
        "status.storage.topic",             /* likewise */
        "offset.storage.file.filename",     /* not used */
};

static bool differs(const char *key)
{
        for (size_t i = 0; i < sizeof(other_defaults) / sizeof(*other_defaults); i++)
                if (strcmp(other_defaults[i], key) == 0)
                        return true;
        return false;
}

static void check_row(const char *table, const struct sl_cfg_def *defs, const char *key, const char *def)
{
        const struct sl_cfg_def *row = sl_cfg_find(defs, key);

        if (!row)
                fail_msg("%s key %s is not known", table, key);
        if (row->unsupported || row->flags & (SL_CFG_PREFIX | SL_CFG_HIDDEN) ||
            (row->flags & SL_CFG_IGNORED && !row->def) || (strcmp(table, "worker") == 0 && differs(key)))
                return;
        bool required = *def == '!', null = strcmp(def, "-") == 0;
        if (required != ((row->flags & SL_CFG_REQUIRED) != 0) || null != (!row->def && !required) ||
            (!required && !null && strcmp(row->def, def) != 0))
                fail_msg("%s key %s has the default %s, Kafka's is %s", table, key, row->def ? row->def : "null", def);
}

/* A client key is known, and Java's default for it can be written down. */
static void check_client(enum sl_kclient kind, const char *key, const char *def)
{
        static const char *const prefixes[] = {"producer.", "consumer.", "admin."};
        const struct sl_props none = {0};
        struct sl_props worker = {0};
        struct sl_err err = {0};
        rd_kafka_conf_t *conf = NULL;
        char name[160];

        if (!sl_kafka_knows(kind, key))
                fail_msg("%s%s has no row", prefixes[kind], key);
        if (*def == '!' || strcmp(def, "-") == 0 || strcmp(key, "enable.auto.commit") == 0) /* Connect's is false */
                return;
        snprintf(name, sizeof(name), "%s%s", prefixes[kind], key);
        sl_props_set(&worker, name, def);
        if (sl_kconf_new(&(struct sl_kafka_cfg){&worker, &none}, kind, "me", &conf, &err) != SL_OK)
                fail_msg("%s=%s: %s", name, def, err.msg);
        rd_kafka_conf_destroy(conf);
        sl_props_free(&worker);
}

static void test_every_key_of_kafka_is_known(void **state)
{
        char line[512], table[16], key[128];
        FILE *file = fopen(keys_file, "re");
        size_t n = 0;

        (void)state;
        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
                char *def = strrchr(line, '\t');
                if (*line == '#')
                        continue;
                assert_int_equal(sscanf(line, "%15s %127s", table, key), 2);
                assert_non_null(def);
                def[strcspn(def, "\n")] = '\0';
                n++;
                if (strcmp(table, "worker") == 0)
                        check_row(table, sl_worker_defs, key, def + 1);
                else if (strcmp(table, "source") == 0)
                        check_row(table, sl_source_common_defs, key, def + 1);
                else if (strcmp(table, "sink") == 0)
                        check_row(table, sl_sink_common_defs, key, def + 1);
                else
                        check_client(*table == 'p'   ? SL_K_PRODUCER
                                     : *table == 'c' ? SL_K_CONSUMER
                                                     : SL_K_ADMIN,
                                     key, def + 1);
        }
        fclose(file);
        assert_true(n > 450);
}

/* --- docs/config.md --------------------------------------------------------------------------------------------------
 */

static void worker_page(struct sl_buf *out)
{
        const char *lead = "";

        sl_cfg_markdown(sl_worker_defs, out);
        sl_buf_adds(out, "\nPassed on, to whom their names say: ");
        for (const struct sl_cfg_def *row = sl_worker_defs; row->name; row++)
                if (row->flags & SL_CFG_HIDDEN) {
                        sl_buf_printf(out, "%s`%s%s`", lead, row->name, row->flags & SL_CFG_PREFIX ? "*" : "");
                        lead = ", ";
                }
        sl_buf_adds(out, ".\n");
}

static void source_page(struct sl_buf *out)
{
        sl_cfg_markdown(sl_source_common_defs, out);
}

static void sink_page(struct sl_buf *out)
{
        sl_cfg_markdown(sl_sink_common_defs, out);
}

static void postgres_page(struct sl_buf *out)
{
        sl_cfg_markdown(sl_pg_source.config, out);
}

static void s3_page(struct sl_buf *out)
{
        sl_cfg_markdown(sl_s3_sink.config, out);
}

static void dlq_page(struct sl_buf *out)
{
        sl_cfg_markdown(sl_dlq_connector.config, out);
}

static void snowflake_page(struct sl_buf *out)
{
        sl_cfg_markdown(sl_snowflake_sink.config, out);
}

static void snowflake_v3_page(struct sl_buf *out)
{
        sl_cfg_markdown(sl_snowflake_classic_sink.config, out);
}

static const struct {
        const char *name;
        void (*print)(struct sl_buf *out);
} pages[] = {{"worker", worker_page}, {"source", source_page}, {"sink", sink_page},
             {"postgres", postgres_page}, {"s3", s3_page}, {"dlq", dlq_page}, {"snowflake", snowflake_page},
             {"snowflake-v3", snowflake_v3_page}, {"clients", sl_kafka_markdown}};

static void read_all(const char *path, struct sl_buf *out)
{
        FILE *file = fopen(path, "re");
        char block[4096];
        size_t n;

        assert_non_null(file);
        while ((n = fread(block, 1, sizeof(block), file)) > 0)
                sl_buf_add(out, block, n);
        fclose(file);
}

/* The page with every table between "<!-- table NAME -->" and "<!-- end -->" as the program has it. */
static void renew(const char *old, struct sl_buf *out)
{
        for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
                char mark[64];
                snprintf(mark, sizeof(mark), "<!-- table %s -->\n", pages[i].name);
                const char *start = strstr(old, mark), *end = start ? strstr(start, "<!-- end -->") : NULL;
                if (!end)
                        fail_msg("%s has no place for the table %s", docs_file, pages[i].name);
                sl_buf_add(out, old, (size_t)(start - old) + strlen(mark));
                pages[i].print(out);
                old = end;
        }
        sl_buf_adds(out, old);
}

static void test_the_reference_page(void **state)
{
        struct sl_buf old = {0}, new = {0};

        (void)state;
        read_all(docs_file, &old);
        renew(sl_buf_cstr(&old), &new);
        if (getenv("SLUICE_WRITE_DOCS")) {
                FILE *file = fopen(docs_file, "we");
                assert_non_null(file);
                fputs(sl_buf_cstr(&new), file);
                fclose(file);
        } else if (strcmp(sl_buf_cstr(&old), sl_buf_cstr(&new)) != 0) {
                fail_msg("the tables of %s are not the program's: run SLUICE_WRITE_DOCS=1 on this test", docs_file);
        }
        sl_buf_free(&old);
        sl_buf_free(&new);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_key_of_kafka_is_known),
                cmocka_unit_test(test_the_reference_page),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
