/* SPDX-License-Identifier: Apache-2.0 */
/* Records into a table of Snowflake's stand-in, without a worker and without Kafka: the encoder, the batch and the
 * table of the sink, one channel. sf_rows KEY=VALUE...: url user role key_file db schema table; options of the encoder
 * with 1: schematize normalize validate ignore_nulls metadata structured_headers cdc hex; iceberg none; warehouse (then
 * the current rows are made, task=1: by a task). Standard input: a record a line, key TAB value, each in
 * JsonConverter's envelope or null; their offsets count from `first`. Answers a line of JSON a record, and one at the
 * end. */
#include <poll.h>

#include "base/clock.h"
#include "connectors/snowflake/batch.h"
#include "connectors/snowflake/channel.h"
#include "connectors/snowflake/names.h"
#include "connectors/snowflake/rows.h"
#include "connectors/snowflake/table.h"
#include "tests/support/lines.h"

#define WAIT_MS 30000

static char **settings;

static const char *setting(const char *name)
{
        size_t n = strlen(name);
        for (char **s = settings; *s; s++)
                if (strncmp(*s, name, n) == 0 && (*s)[n] == '=')
                        return *s + n + 1;
        return NULL;
}

static int say(const char *what, const struct sl_err *err)
{
        struct sl_buf out = {0};
        sl_buf_printf(&out, "{\"row\":\"%s\",\"error\":", what);
        sl_buf_add_json_str(&out, err->msg, strlen(err->msg));
        sl_buf_printf(&out, ",\"id\":\"%s\"}", err->rc == SL_OK ? "" : sl_errid_text(err->id));
        puts(sl_buf_cstr(&out));
        sl_buf_free(&out);
        return err->rc == SL_OK ? 0 : 1;
}

struct run {
        struct sl_sf_client *client;
        struct sl_sf_table *table;
        struct sl_sf_encoder *encoder;
        struct sl_sf_zpool *pool;
        struct sl_sf_batch *batch;
        struct json_side json;
        struct sl_arena arena; /* of a record */
        struct sl_buf line;
};

static enum sl_rc start(struct run *r, struct sl_err *err)
{
        static char key[8192];
        FILE *f = fopen(setting("key_file"), "r");
        size_t n = f ? fread(key, 1, sizeof(key) - 1, f) : 0;
        if (f)
                fclose(f);
        key[n] = 0;
        const struct sl_sf_client_opts client = {.url = setting("url"),
                                                 .user = setting("user"),
                                                 .role = setting("role"),
                                                 .private_key = key,
                                                 .ingest_suffix = "ingest.localhost",
                                                 .backoff_ms = 20,
                                                 .status_ms = 50};
        SL_TRY(sl_sf_client_new(&client, &r->client, err));
        const struct sl_sf_table_opts table = {.client = r->client,
                                               .account = setting("url"),
                                               .database = setting("db"),
                                               .schema = setting("schema"),
                                               .role = setting("role"),
                                               .name = setting("table"),
                                               .create = !setting("none"),
                                               .iceberg = setting("iceberg") != NULL,
                                               .iceberg_options = setting("iceberg"),
                                               .schematize = setting("schematize") != NULL,
                                               .ttl_ms = 300000};
        r->table = sl_sf_table_new(&table);
        bool metadata = setting("metadata") != NULL;
        r->encoder = sl_sf_encoder_new(
                &(struct sl_sf_encoder_opts){.schematize = setting("schematize") != NULL,
                                             .normalize = setting("normalize") != NULL,
                                             .validate = setting("validate") != NULL,
                                             .ignore_nulls = setting("ignore_nulls") != NULL,
                                             .metadata = metadata,
                                             .meta_topic = metadata,
                                             .meta_offset = metadata,
                                             .meta_time = metadata,
                                             .meta_push_time = metadata,
                                             .structured_headers = setting("structured_headers") != NULL,
                                             .cdc = setting("cdc") != NULL,
                                             .hex = setting("hex") != NULL});
        r->pool = sl_sf_zpool_new(0);
        r->batch = sl_sf_batch_new(&(struct sl_sf_batch_opts){.pool = r->pool});
        r->json = open_json();
        const struct sl_sf_desc *desc;
        SL_TRY(sl_sf_table_ensure(r->table, err));
        SL_TRY(sl_sf_table_describe(r->table, false, &desc, err));
        sl_sf_encoder_table(r->encoder, desc);
        return SL_OK;
}

static enum sl_rc decode(struct run *r, struct sl_str text, const struct sl_schema **schema, struct sl_value *v,
                         struct sl_err *err)
{
        if (sl_str_eqc(text, "null"))
                text = SL_STR_NULL;
        return r->json.ops->decode(r->json.st, SL_STR("t"), text, &r->arena, schema, v, err);
}

static enum sl_rc add(struct run *r, const struct sl_record *rec, enum sl_sf_row *ret, struct sl_err *err)
{
        bool full;
        sl_buf_clear(&r->line);
        SL_TRY(sl_sf_encoder_add(r->encoder, rec, 1700000000123, &r->line, ret, err));
        if (*ret == SL_SF_ROW_EVOLVE) {
                const struct sl_sf_desc *desc;
                SL_TRY(sl_sf_table_evolve(r->table, sl_sf_encoder_wanted(r->encoder), &desc, err));
                sl_sf_encoder_table(r->encoder, desc);
                SL_TRY(sl_sf_encoder_add(r->encoder, rec, 1700000000123, &r->line, ret, err));
        }
        if (*ret != SL_SF_ROW_DONE)
                return SL_OK;
        return sl_sf_batch_add(r->batch, (struct sl_str){r->line.ptr, r->line.len}, rec->offset, 0, &full, err);
}

static void one_line(struct run *r, char *text, int64_t offset)
{
        static const char *const names[] = {"done", "skipped", "evolve"};
        char *tab = strchr(text, '\t');
        struct sl_record rec = {
                .topic = SL_STR("t"), .partition = 1, .offset = offset, .timestamp_ms = 1700000000000 + offset};
        struct sl_err err = {0};
        enum sl_sf_row row = SL_SF_ROW_DONE;
        *tab = 0;
        enum sl_rc rc = decode(r, sl_str_c(text), &rec.key_schema, &rec.key, &err);
        if (rc == SL_OK)
                rc = decode(r, sl_str_c(tab + 1), &rec.value_schema, &rec.value, &err);
        if (rc == SL_OK)
                rc = add(r, &rec, &row, &err);
        say(rc == SL_OK ? names[row] : "error", &err);
        sl_arena_reset(&r->arena);
}

static bool until(struct run *r, struct sl_sf_channel *ch, enum sl_sf_channel_state state, int64_t committed)
{
        struct sl_err err = {0};
        for (int64_t end = sl_mono_ms() + WAIT_MS; sl_mono_ms() < end;) {
                struct sl_wait w = {.timeout_ms = 100};
                if (sl_sf_client_work(r->client, &err) != SL_OK || sl_sf_channel_state(ch) == SL_SF_FAILED)
                        return false;
                if (sl_sf_channel_state(ch) == state && sl_sf_channel_committed(ch) >= committed)
                        return true;
                sl_sf_client_wait(r->client, &w);
                poll(w.fds, w.count, w.timeout_ms);
        }
        return false;
}

static enum sl_rc deliver(struct run *r, struct sl_err *err)
{
        struct sl_sf_body body;
        struct sl_buf pipe = {0};
        if (!sl_sf_batch_rows(r->batch))
                return SL_OK;
        sl_sf_pipe_name(sl_str_c(setting("table")), &pipe);
        struct sl_sf_channel *ch =
                sl_sf_channel_new(r->client, setting("db"), setting("schema"), sl_buf_cstr(&pipe), "t_1");
        sl_buf_free(&pipe);
        sl_sf_channel_open(ch, false);
        enum sl_rc rc = sl_sf_batch_take(r->batch, &body, err);
        if (rc == SL_OK && until(r, ch, SL_SF_READY, -1)) {
                sl_sf_channel_append(ch, &body.data, SL_SF_ZSTD, body.raw_len, body.first, body.last);
                if (!until(r, ch, SL_SF_READY, body.last))
                        rc = sl_fail(err, SL_E_INTERNAL, "not committed: %s", sl_sf_channel_error(ch)->msg);
        } else if (rc == SL_OK) {
                rc = sl_fail(err, SL_E_INTERNAL, "not opened: %s", sl_sf_channel_error(ch)->msg);
        }
        sl_sf_channel_free(ch);
        sl_sf_body_free(&body);
        return rc;
}

static enum sl_rc current(struct run *r, struct sl_err *err)
{
        uint32_t n;
        const struct sl_str *keys = sl_sf_encoder_keys(r->encoder, &n);
        if (!setting("warehouse") || !n)
                return SL_OK;
        return sl_sf_table_cdc(r->table,
                               &(struct sl_sf_cdc_opts){.task = setting("task") != NULL,
                                                        .warehouse = setting("warehouse"),
                                                        .target_lag = "1 minute",
                                                        .suffix = "_CURRENT"},
                               keys, n, err);
}

int main(int argc, char **argv)
{
        struct run r = {0};
        struct sl_err err = {0};
        char *text = NULL;
        size_t room = 0;
        settings = argv + (argc > 0);
        int64_t offset = setting("first") ? strtoll(setting("first"), NULL, 10) : 0;
        enum sl_rc rc = start(&r, &err);
        for (; rc == SL_OK && getline(&text, &room, stdin) > 0; offset++) {
                text[strcspn(text, "\n")] = 0;
                one_line(&r, text, offset);
        }
        if (rc == SL_OK)
                rc = current(&r, &err); /* the stream of a task has to be there before the rows */
        if (rc == SL_OK)
                rc = deliver(&r, &err);
        int failed = say("end", &err);
        free(text);
        sl_sf_batch_free(r.batch);
        sl_sf_zpool_free(r.pool);
        sl_sf_encoder_free(r.encoder);
        sl_sf_table_free(r.table);
        sl_sf_client_stop(r.client);
        sl_buf_free(&r.line);
        sl_arena_free(&r.arena);
        if (r.json.ops)
                close_json(&r.json);
        return failed;
}
