/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: submitted, polled, sent again with the same request id when it is unknown whether they ran (Snowflake's
 * documentation of the SQL API: "retry=true" with the same requestId runs a statement once). */
#include "connectors/snowflake/sql.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "connectors/snowflake/client_internal.h"

#define TICK_MS 80
#define TRIES 6
#define BACKOFF_MAX_MS 10000
#define TIMEOUT_S 60
#define POLL_FIRST_MS 50
#define POLL_MAX_MS 2000

struct run {
        struct sl_sf_client *c;
        const struct sl_sf_statement *s;
        struct sl_sf_call *call; /* the one that has ended, or is on its way */
        bool ended;
        char id[SL_SF_UUID];
        struct sl_buf handle; /* of a statement that is still running */
        int64_t next_tick;
};

void sl_sf_quote(struct sl_buf *out, struct sl_str name)
{
        sl_buf_addc(out, '"');
        for (size_t i = 0; i < name.len; i++) {
                if (name.ptr[i] == '"')
                        sl_buf_addc(out, '"');
                sl_buf_addc(out, name.ptr[i]);
        }
        sl_buf_addc(out, '"');
}

/* Tick and move everything on until `until_ms` or, if there is a call, until it has ended. */
static enum sl_rc wait_for(struct run *r, int64_t until_ms, struct sl_err *err)
{
        struct sl_sf_client *c = r->c;
        for (;;) {
                SL_TRY(sl_sf_client_work(c, err));
                int64_t now = sl_mono_ms();
                if (r->call ? r->ended : now >= until_ms)
                        return SL_OK;
                if (now >= r->next_tick) {
                        if (c->opts.tick)
                                SL_TRY(c->opts.tick(c->opts.tick_arg, err));
                        r->next_tick = sl_mono_ms() + TICK_MS;
                }
                int64_t most = r->next_tick - now;
                SL_TRY(sl_sf_client_step(c, !r->call && until_ms - now < most ? until_ms - now : most, err));
        }
}

static void add_string(json_t *o, const char *name, const char *value)
{
        if (value && *value)
                json_object_set_new(o, name, json_string(value));
}

static void make_body(const struct run *r, struct sl_buf *out)
{
        const struct sl_sf_statement *s = r->s;
        sl_auto_json *o = json_object();
        add_string(o, "statement", s->text);
        json_object_set_new(o, "timeout", json_integer(s->timeout_s > 0 ? s->timeout_s : TIMEOUT_S));
        add_string(o, "database", s->database);
        add_string(o, "schema", s->schema);
        add_string(o, "warehouse", s->warehouse);
        add_string(o, "role", r->c->opts.role);
        json_t *binds = s->binds[0] ? json_object() : NULL;
        for (int i = 0; i < SL_SF_BINDS_MAX && s->binds[i]; i++) {
                char number[12];
                snprintf(number, sizeof(number), "%d", i + 1);
                json_object_set_new(binds, number, json_pack("{s:s, s:s}", "type", "TEXT", "value", s->binds[i]));
        }
        if (binds)
                json_object_set_new(o, "bindings", binds);
        sl_json_dump(o, out);
}

static void done(struct sl_sf_call *call, void *arg)
{
        struct run *r = arg;
        (void)call;
        r->ended = true;
}

/* Submit the statement, or ask how it is doing. */
static enum sl_rc ask(struct run *r, bool repeated, struct sl_err *err)
{
        sl_sf_call_free(r->call);
        struct sl_sf_call *call = sl_sf_call_new(r->handle.len ? "GET" : "POST", "run", "a statement", SL_SF_T_CONTROL);
        sl_buf_adds(&call->path, "/api/v2/statements");
        if (r->handle.len) {
                sl_buf_addc(&call->path, '/');
                sl_sf_encode(&call->path, (struct sl_str){r->handle.ptr, r->handle.len});
        } else {
                sl_buf_printf(&call->path, "?requestId=%s%s", r->id, repeated ? "&retry=true" : "");
                make_body(r, &call->own_body);
                call->body = (struct sl_str){call->own_body.ptr, call->own_body.len};
                call->content_type = "application/json";
        }
        call->done = done;
        call->arg = r;
        r->call = call;
        r->ended = false;
        sl_sf_call_start(r->c, call);
        return wait_for(r, INT64_MAX, err);
}

static enum sl_rc pause_for(struct run *r, int64_t ms, struct sl_err *err)
{
        sl_sf_call_free(r->call);
        r->call = NULL;
        return wait_for(r, sl_mono_ms() + ms, err);
}

static enum sl_rc refused(const struct run *r, struct sl_err *err)
{
        const struct sl_sf_answer *a = &r->call->answer;
        const char *state = sl_json_str(a->body, "sqlState");
        bool first = err && err->rc == SL_OK;
        enum sl_rc rc;
        if (a->verdict == SL_SF_V_AUTH || a->verdict == SL_SF_V_NO_ANSWER || a->status != 422) {
                if (first)
                        *err = r->call->err;
                rc = r->call->err.rc;
        } else {
                rc = sl_fail(err, a->verdict == SL_SF_V_MISSING ? SL_E_SF_MISSING : SL_E_SF_SQL,
                             "ERROR_2001: %.*s%s%.*s (statement: %.120s)", SL_FMT(a->code), a->code.len ? ": " : "",
                             SL_FMT(a->message), r->s->text);
                if (first)
                        err->native = a->status;
        }
        if (first && state)
                snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", state);
        return rc;
}

/* Still running: the handle to ask with. */
static bool take_handle(struct run *r)
{
        const char *handle = sl_json_str(r->call->answer.body, "statementHandle");
        if (handle && *handle) {
                sl_buf_clear(&r->handle);
                sl_buf_adds(&r->handle, handle);
        }
        return r->handle.len > 0;
}

static bool may_pass(enum sl_sf_verdict v)
{
        return v == SL_SF_V_NO_ANSWER || v == SL_SF_V_RETRY || v == SL_SF_V_BUSY;
}

static enum sl_rc run_it(struct run *r, struct sl_err *err)
{
        int64_t poll_ms = POLL_FIRST_MS;
        for (int32_t tries = 0;;) {
                SL_TRY(ask(r, tries > 0, err));
                const struct sl_sf_answer *a = &r->call->answer;
                if (a->verdict == SL_SF_V_OK && a->status == 202 && take_handle(r)) {
                        SL_TRY(pause_for(r, poll_ms, err));
                        poll_ms = poll_ms * 2 < POLL_MAX_MS ? poll_ms * 2 : POLL_MAX_MS;
                } else if (a->verdict == SL_SF_V_OK) {
                        return SL_OK;
                } else if (may_pass(a->verdict) && r->call->err.rc != SL_FATAL && ++tries < TRIES) {
                        int64_t wait = sl_sf_backoff_ms(r->c, tries, BACKOFF_MAX_MS);
                        r->c->counts.retries++;
                        SL_TRY(pause_for(r, a->retry_after_ms > wait ? a->retry_after_ms : wait, err));
                } else {
                        return refused(r, err);
                }
        }
}

enum sl_rc sl_sf_sql_run(struct sl_sf_client *c, const struct sl_sf_statement *s, struct sl_sf_rows *ret,
                         struct sl_err *err)
{
        struct run r = {.c = c, .s = s, .next_tick = sl_mono_ms() + TICK_MS};
        sl_sf_uuid(r.id);
        enum sl_rc rc = run_it(&r, err);
        if (rc == SL_OK && ret) {
                sl_sf_rows_free(ret);
                ret->body = json_incref(r.call->answer.body);
                ret->count = (uint32_t)json_array_size(json_object_get(ret->body, "data"));
        }
        if (r.call)
                sl_sf_call_cancel(c, r.call);
        sl_buf_free(&r.handle);
        return rc;
}

static int column_of(const struct sl_sf_rows *r, const char *column)
{
        const json_t *types = json_object_get(json_object_get(r->body, "resultSetMetaData"), "rowType");
        for (size_t i = 0; i < json_array_size(types); i++) {
                const char *name = sl_json_str(json_array_get(types, i), "name");
                if (name && strcasecmp(name, column) == 0)
                        return (int)i;
        }
        return -1;
}

bool sl_sf_rows_has(const struct sl_sf_rows *r, const char *column)
{
        return column_of(r, column) >= 0;
}

struct sl_str sl_sf_rows_get(const struct sl_sf_rows *r, uint32_t row, const char *column)
{
        int i = column_of(r, column);
        const json_t *v =
                i < 0 ? NULL : json_array_get(json_array_get(json_object_get(r->body, "data"), row), (size_t)i);
        return json_is_string(v) ? (struct sl_str){json_string_value(v), json_string_length(v)} : SL_STR_NULL;
}

void sl_sf_rows_free(struct sl_sf_rows *r)
{
        json_decref(r->body);
        *r = (struct sl_sf_rows){0};
}
