/* SPDX-License-Identifier: Apache-2.0 */
/* What Snowflake is asked about tables, and when: see dest.h. What can be put right by somebody over there (a missing table, a
 * missing right) is transient: the task says what it waits for, and goes on by itself. */
#include "connectors/snowflake/dest.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/snowflake/validate.h"

#define CURRENT_AGAIN_MS 300000
#define AGAIN_MS 2000

static struct sl_sf_encoder *encoder_of(const struct sl_sf_cfg *cfg)
{
        const struct sl_sf_encoder_opts opts = {
                .schematize = cfg->schematization,
                .normalize = cfg->normalize,
                .validate = cfg->validation == SL_SF_VALIDATE_CLIENT,
                .ignore_nulls = cfg->nulls == SL_SF_NULLS_IGNORE,
                .metadata = cfg->meta_all,
                .meta_topic = cfg->meta_topic,
                .meta_offset = cfg->meta_offset,
                .meta_time = cfg->meta_createtime,
                .meta_push_time = cfg->meta_pushtime,
                .structured_headers = cfg->structured_headers,
                .cdc = cfg->cdc,
                .hex = cfg->binary == SL_SF_BINARY_HEX,
        };
        return sl_sf_encoder_new(&opts);
}

struct sl_sf_dest *sl_sf_dest_of(struct sl_sf_dests *ts, const char *topic)
{
        const struct sl_sf_cfg *cfg = ts->cfg;
        struct sl_buf name = {0};
        sl_sf_names_table(ts->names, sl_str_c(topic), &name);
        for (uint32_t i = 0; i < ts->count; i++) {
                if (strcmp(ts->items[i]->name, sl_buf_cstr(&name)) == 0) {
                        sl_buf_free(&name);
                        return ts->items[i];
                }
        }
        if (ts->count == ts->cap) {
                ts->cap = ts->cap ? ts->cap * 2 : 8;
                ts->items = sl_realloc(ts->items, ts->cap * sizeof(struct sl_sf_dest *));
        }
        struct sl_sf_dest *t = sl_calloc(1, sizeof(*t));
        t->name = sl_strdup(sl_buf_cstr(&name));
        sl_buf_free(&name);
        int64_t ttl = cfg->cache_tables ? cfg->cache_tables_ms : 1000; /* once a second: a batch, not a row */
        const struct sl_sf_table_opts opts = {
                .client = ts->client,
                .account = ts->account,
                .database = cfg->database,
                .schema = cfg->schema,
                .role = cfg->role,
                .name = t->name,
                .create = cfg->autocreate != SL_SF_CREATE_NONE,
                .iceberg = cfg->autocreate == SL_SF_CREATE_ICEBERG,
                .iceberg_options = cfg->iceberg_options,
                .schematize = cfg->schematization,
                .ttl_ms = ttl > INT32_MAX ? INT32_MAX : (int32_t)ttl,
                .tick = ts->tick,
                .tick_arg = ts->tick_arg,
        };
        t->table = sl_sf_table_new(&opts);
        t->encoder = encoder_of(cfg);
        t->current_due = cfg->cdc && cfg->cdc_target != SL_SF_CDC_NONE;
        ts->items[ts->count++] = t;
        return t;
}

/* Somebody can put it right while the task waits. */
static enum sl_rc curable(enum sl_rc rc, struct sl_err *err)
{
        if (rc == SL_FATAL && (err->id == SL_E_SF_MISSING || (err->id == SL_E_SF_SQL && strcmp(err->sqlstate, "42501") == 0))) {
                err->rc = SL_TRANSIENT;
                err->scope = SL_SCOPE_BATCH;
                return SL_TRANSIENT;
        }
        return rc;
}

/* A pipe of the table's own name is the user's and goes before the service's own, which appears by itself. */
static enum sl_rc choose_pipe(struct sl_sf_dests *ts, struct sl_sf_dest *t, bool *ret_users, struct sl_err *err)
{
        SL_TRY(sl_sf_table_pipe_exists(t->table, t->name, ret_users, err));
        if (*ret_users && ts->cfg->validation == SL_SF_VALIDATE_CLIENT)
                return sl_fail(err, SL_E_CONFIG,
                               "There is a pipe %s beside the table of that name, and snowflake.validation=client_side goes with the "
                               "table's own pipe only (ERROR_0032): drop the pipe, or set snowflake.validation=server_side",
                               t->name);
        sl_buf_clear(&t->pipe);
        if (*ret_users)
                sl_buf_adds(&t->pipe, t->name);
        else
                sl_sf_pipe_name(sl_str_c(t->name), &t->pipe);
        return SL_OK;
}

/* Rows are compared with the table where we check them, or can change the table for them. */
static void use_desc(const struct sl_sf_cfg *cfg, struct sl_sf_dest *t, const struct sl_sf_desc *desc)
{
        t->serial = desc->serial;
        bool ours = strcmp(t->pipe.ptr ? sl_buf_cstr(&t->pipe) : "", t->name) != 0;
        t->checked = ours && (cfg->validation == SL_SF_VALIDATE_CLIENT || desc->may_evolve);
        sl_sf_encoder_table(t->encoder, t->checked ? desc : NULL);
        if (!desc->error_logging && !desc->iceberg && cfg->validation == SL_SF_VALIDATE_SERVER && !t->silent) {
                sl_warn("table %s: rows that Snowflake rejects are only counted; ALTER TABLE ... SET ERROR_LOGGING = TRUE keeps them in "
                        "ERROR_TABLE, and snowflake.validation=client_side finds most of them before",
                        t->name);
                t->silent = true;
        }
}

static enum sl_rc first(struct sl_sf_dests *ts, struct sl_sf_dest *t, struct sl_err *err)
{
        const struct sl_sf_desc *desc;
        bool users;
        SL_TRY(sl_sf_table_ensure(t->table, err));
        SL_TRY(choose_pipe(ts, t, &users, err));
        SL_TRY(sl_sf_table_describe(t->table, true, &desc, err));
        if (ts->cfg->validation == SL_SF_VALIDATE_CLIENT)
                SL_TRY(sl_sf_validate_table(desc, err));
        use_desc(ts->cfg, t, desc);
        t->ready = true;
        sl_info("table %s, pipe %s, %s", t->name, sl_buf_cstr(&t->pipe),
                t->checked ? desc->may_evolve ? "columns are added as records need them" : "columns stay as they are"
                           : "Snowflake says which fields become columns");
        return SL_OK;
}

/* The table describes itself anew when it likes (fresh: now): what the encoder has must be what it has now, before the next row. */
static enum sl_rc follow(struct sl_sf_dests *ts, struct sl_sf_dest *t, bool fresh, struct sl_err *err)
{
        const struct sl_sf_desc *desc;
        enum sl_rc rc = curable(sl_sf_table_describe(t->table, fresh, &desc, err), err);
        if (rc == SL_OK && desc->serial != t->serial)
                use_desc(ts->cfg, t, desc);
        return rc;
}

enum sl_rc sl_sf_dest_prepare(struct sl_sf_dests *ts, struct sl_sf_dest *t, struct sl_err *err)
{
        if (!t->ready)
                return curable(first(ts, t, err), err);
        return t->checked ? follow(ts, t, false, err) : SL_OK;
}

enum sl_rc sl_sf_dest_evolve(struct sl_sf_dests *ts, struct sl_sf_dest *t, struct sl_err *err)
{
        const struct sl_sf_desc *desc;
        enum sl_rc rc = curable(sl_sf_table_evolve(t->table, sl_sf_encoder_wanted(t->encoder), &desc, err), err);
        if (rc != SL_OK)
                return rc;
        use_desc(ts->cfg, t, desc);
        t->altered++;
        t->current_due = ts->cfg->cdc && ts->cfg->cdc_target != SL_SF_CDC_NONE;
        return SL_OK;
}

enum sl_rc sl_sf_dest_again(struct sl_sf_dests *ts, struct sl_sf_dest *t, bool *ret, struct sl_err *err)
{
        int64_t now = sl_mono_ms();
        *ret = false;
        if (!t->checked || (t->again_ms && now - t->again_ms < AGAIN_MS))
                return SL_OK;
        t->again_ms = now;
        SL_TRY(follow(ts, t, true, err));
        *ret = true;
        return SL_OK;
}

void sl_sf_dest_current(struct sl_sf_dests *ts, struct sl_sf_dest *t)
{
        const struct sl_sf_cfg *cfg = ts->cfg;
        uint32_t nkeys = 0;
        if (!t->current_due || !t->ready || sl_mono_ms() < t->current_ms)
                return;
        const struct sl_str *keys = sl_sf_encoder_keys(t->encoder, &nkeys);
        if (!nkeys)
                return;
        const struct sl_sf_cdc_opts opts = {.task = cfg->cdc_target == SL_SF_CDC_MERGE_TASK,
                                            .warehouse = cfg->cdc_warehouse,
                                            .target_lag = cfg->cdc_lag,
                                            .suffix = cfg->cdc_suffix};
        struct sl_err err = {0};
        t->current_due = false;
        if (sl_sf_table_cdc(t->table, &opts, keys, nkeys, &err) == SL_OK) {
                sl_info("table %s%s has the current rows of %s", t->name, cfg->cdc_suffix, t->name);
                return;
        }
        t->current_due = true;
        t->current_ms = sl_mono_ms() + CURRENT_AGAIN_MS;
        if (err.id != SL_E_STOPPED)
                sl_log_err(SL_LOG_WARN, &err, "%s%s, the table of current rows, could not be made: tried again in 5 minutes", t->name,
                           cfg->cdc_suffix);
}

/* {"ssv1_channel_found": true, "migrated_offset": 41 | null} */
static enum sl_rc read_migrated(struct sl_str text, const char *old_channel, bool strict, int64_t *ret, struct sl_err *err)
{
        json_t *j = text.ptr ? json_loadb(text.ptr, text.len, 0, NULL) : NULL, *offset = json_object_get(j, "migrated_offset");
        bool readable = json_is_object(j), found = json_is_true(json_object_get(j, "ssv1_channel_found"));
        if (json_is_integer(offset))
                *ret = json_integer_value(offset);
        json_decref(j);
        if (!readable)
                return sl_fail(err, SL_E_SF_OFFSET,
                               "Snowflake's answer about the offset of version 3's channel %s can't be read (ERROR_5023)", old_channel);
        if (!found && strict)
                return sl_fail(err, SL_E_SF_OFFSET,
                               "Version 3 has no channel %s whose offset could be taken over (ERROR_5023). Set "
                               "snowflake.streaming.classic.offset.migration=best_effort to go on from the group's offset, or see "
                               "snowflake.streaming.classic.offset.migration.include.connector.name",
                               old_channel);
        return SL_OK;
}

enum sl_rc sl_sf_dest_migrate(struct sl_sf_dests *ts, struct sl_sf_dest *t, const char *old_channel, const char *channel,
                                int64_t *ret, struct sl_err *err)
{
        struct sl_buf table = {0}, old = {0};
        struct sl_sf_rows rows = {0};
        sl_sf_quote(&table, sl_str_c(t->name));
        sl_buf_adds(&old, old_channel);
        for (size_t i = 0; i < old.len; i++) /* version 3's channels are known by their names in upper case */
                if (old.ptr[i] >= 'a' && old.ptr[i] <= 'z')
                        old.ptr[i] = (char)(old.ptr[i] - 'a' + 'A');
        const struct sl_sf_statement s = {
                .text = "SELECT SYSTEM$MIGRATE_SSV1_CHANNEL_OFFSET(?, ?, ?, ?) AS ANSWER",
                .binds = {sl_buf_cstr(&table), sl_buf_cstr(&old), channel, sl_buf_cstr(&t->pipe)},
                .database = ts->cfg->database,
                .schema = ts->cfg->schema,
        };
        *ret = -1;
        enum sl_rc rc = curable(sl_sf_sql_run(ts->client, &s, &rows, err), err);
        if (rc == SL_OK)
                rc = read_migrated(sl_sf_rows_get(&rows, 0, "ANSWER"), old_channel,
                                   ts->cfg->migration == SL_SF_MIGRATE_STRICT, ret, err);
        else
                sl_err_prefix(err, "The offset of version 3's channel %s can't be taken over (ERROR_5023)", old_channel);
        sl_sf_rows_free(&rows);
        sl_buf_free(&table);
        sl_buf_free(&old);
        return rc;
}

void sl_sf_dests_free(struct sl_sf_dests *ts)
{
        for (uint32_t i = 0; i < ts->count; i++) {
                struct sl_sf_dest *t = ts->items[i];
                sl_sf_encoder_free(t->encoder);
                sl_sf_table_free(t->table);
                sl_buf_free(&t->pipe);
                free(t->name);
                free(t);
        }
        free(ts->items);
        ts->items = NULL;
        ts->count = ts->cap = 0;
}
