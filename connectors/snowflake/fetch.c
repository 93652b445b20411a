/* SPDX-License-Identifier: Apache-2.0 */
/* What requests need before they can go: the OAuth access token, the ingest host (hostname discovery), the scoped
 * token. Each is fetched by one call that all others wait for, begun when it is missing or will end soon, and with
 * backoff after a failure: what waits is told the reason at once, and its next try fetches again. */
#include "connectors/snowflake/client_internal.h"

#include "base/clock.h"

#define BACKOFF_MAX_MS 10000
#define AUTH_BACKOFF_MAX_MS 60000 /* each refused login counts against the user at some accounts */
#define FORM "application/x-www-form-urlencoded"

static struct sl_str body_of(const struct sl_sf_call *call)
{
        return (struct sl_str){call->resp.body.ptr ? call->resp.body.ptr : "", call->resp.body.len};
}

static void ended(struct sl_sf_client *c, struct sl_sf_fetch *f, struct sl_sf_call *call)
{
        f->call = NULL;
        if (call->err.rc == SL_OK) {
                f->failures = 0;
                sl_err_clear(&f->err);
                sl_err_clear(&c->trouble);
        } else {
                bool login = call->err.id == SL_E_SF_AUTH;
                f->failures++;
                f->not_before_ms =
                        sl_mono_ms() + sl_sf_backoff_ms(c, f->failures, login ? AUTH_BACKOFF_MAX_MS : BACKOFF_MAX_MS);
                f->err = c->trouble = call->err;
        }
        sl_sf_call_free(call);
}

static void oauth_done(struct sl_sf_call *call, void *arg)
{
        struct sl_sf_client *c = arg;
        if (call->err.rc == SL_OK && sl_sf_auth_take_oauth(&c->auth, body_of(call), &call->err))
                c->counts.tokens++;
        ended(c, &c->fetch[SL_SF_F_OAUTH], call);
}

static void scoped_done(struct sl_sf_call *call, void *arg)
{
        struct sl_sf_client *c = arg;
        if (call->err.rc == SL_OK && sl_sf_auth_take_scoped(&c->auth, body_of(call), &call->err))
                c->counts.tokens++;
        ended(c, &c->fetch[SL_SF_F_SCOPED], call);
}

static void host_done(struct sl_sf_call *call, void *arg)
{
        struct sl_sf_client *c = arg;
        struct sl_buf host = {0};
        if (call->answer.status == 404) {
                sl_err_clear(&call->err);
                (void)sl_fail(
                        &call->err, SL_E_SF_AUTH,
                        "ERROR_1001: %s knows no account with Snowpipe Streaming: check snowflake.url.name (HTTP 404)",
                        c->url.host);
        }
        if (call->err.rc == SL_OK &&
            sl_sf_host_take(body_of(call), c->url.host, c->opts.ingest_suffix, &host, &call->err) == SL_OK) {
                bool other =
                        !sl_str_eq((struct sl_str){host.ptr, host.len}, (struct sl_str){c->ingest.ptr, c->ingest.len});
                sl_buf_clear(&c->ingest);
                sl_buf_add(&c->ingest, host.ptr, host.len);
                c->ingest_generation++;
                if (other) /* a scoped token is one host's */
                        sl_sf_auth_drop_scoped(&c->auth, c->auth.scoped.generation);
        }
        sl_buf_free(&host);
        ended(c, &c->fetch[SL_SF_F_HOST], call);
}

static struct sl_sf_call *oauth_call(struct sl_sf_client *c)
{
        struct sl_sf_call *call = sl_sf_call_new("POST", "get a token for", c->opts.oauth_client_id, SL_SF_T_ENDPOINT);
        const char *endpoint = c->opts.oauth_endpoint;
        if (endpoint && *endpoint)
                sl_buf_adds(&call->path, endpoint);
        else
                sl_buf_printf(&call->path, "%s://%s/oauth/token-request", c->url.tls ? "https" : "http", c->url.host);
        sl_sf_auth_oauth_form(&c->auth, &call->own_body);
        sl_sf_auth_oauth_header(&c->auth, &call->header);
        call->done = oauth_done;
        return call;
}

static struct sl_sf_call *host_call(void)
{
        struct sl_sf_call *call = sl_sf_call_new("GET", "name", "the ingest host", SL_SF_T_CONTROL);
        sl_buf_adds(&call->path, "/v2/streaming/hostname");
        call->done = host_done;
        return call;
}

static struct sl_sf_call *scoped_call(struct sl_sf_client *c)
{
        struct sl_sf_call *call = sl_sf_call_new("POST", "get a scoped token for", c->opts.user, SL_SF_T_CONTROL);
        sl_buf_adds(&call->path, "/oauth/token");
        sl_sf_auth_scoped_form(&c->auth, sl_buf_cstr(&c->ingest), &call->own_body);
        call->done = scoped_done;
        return call;
}

/* Begin to fetch, unless it is on its way or failed just now: then err says why. */
static void begin(struct sl_sf_client *c, enum sl_sf_fetch_kind kind, struct sl_err *err)
{
        struct sl_sf_fetch *f = &c->fetch[kind];
        if (f->call)
                return;
        if (f->failures && sl_mono_ms() < f->not_before_ms) {
                *err = f->err;
                return;
        }
        f->call = kind == SL_SF_F_OAUTH ? oauth_call(c) : kind == SL_SF_F_HOST ? host_call() : scoped_call(c);
        f->call->arg = c;
        if (f->call->own_body.len) {
                f->call->body = (struct sl_str){f->call->own_body.ptr, f->call->own_body.len};
                f->call->content_type = FORM;
        }
        sl_sf_call_start(c, f->call);
}

static bool own_ready(struct sl_sf_client *c, struct sl_err *err)
{
        struct sl_err why = {0};
        if (c->opts.authenticator == SL_SF_AUTH_OAUTH && sl_sf_auth_own_due(&c->auth))
                begin(c, SL_SF_F_OAUTH, &why);
        if (sl_sf_auth_own(&c->auth, err))
                return true;
        if (err->rc == SL_OK && why.rc != SL_OK)
                *err = why;
        return false;
}

static bool scoped_ready(struct sl_sf_client *c, struct sl_err *err)
{
        struct sl_err why = {0};
        if (sl_sf_auth_scoped_due(&c->auth))
                begin(c, SL_SF_F_SCOPED, &why);
        if (sl_sf_auth_scoped(&c->auth))
                return true;
        if (why.rc != SL_OK)
                *err = why;
        return false;
}

bool sl_sf_fetch_ready(struct sl_sf_client *c, enum sl_sf_target target, struct sl_err *err)
{
        if (target == SL_SF_T_ENDPOINT)
                return true;
        if (target == SL_SF_T_CONTROL)
                return own_ready(c, err);
        if (!c->ingest.len) {
                begin(c, SL_SF_F_HOST, err);
                return false;
        }
        return sl_sf_auth_direct(&c->auth) ? own_ready(c, err) : scoped_ready(c, err);
}

void sl_sf_fetch_stop(struct sl_sf_client *c)
{
        for (int i = 0; i < SL_SF_F_COUNT; i++) {
                sl_sf_call_cancel(c, c->fetch[i].call);
                c->fetch[i].call = NULL;
        }
}
